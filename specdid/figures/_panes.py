"""A sheet of panes: title, a heading and a key above each pair of axes, notes below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from specdid._records import NullShares
from specdid._records.cautions import headline
from specdid._records.numerals import percent
from specdid._words import say, sentences, told
from specdid.figures._curve_axes import (
    STRIP_SHADES,
    dense,
    few,
    fixed,
    marker_in,
    preferred_mark,
    ribbon_shades,
    ribbons_of,
    shade,
)
from specdid.figures._curve_data import CurvePanel
from specdid.figures._fonts import Fonts
from specdid.figures._page import (
    CUT_OF_TABLE,
    ENTRY_LINES,
    LINE,
    NOTE,
    SHEET,
    Page,
    broken,
    drawn_of,
    entry_lines,
    first_of,
    highest,
    joined,
    note_lines,
    title_height,
    wrap,
    write_note,
)
from specdid.figures._style import ACCENT, CROSS, DOUBT, INK, OPEN, QUIET, RING, SINGLE, SMALL, TEXT, blend

_SWATCH = 11.0
_BETWEEN = 10.0
_SHADES = 4
"""Colours of ribbons that a swatch has room for."""
FOOT = 26.0
"""Room below axes for numbers and what they count."""
GUTTER, _BESIDE = 14.0, 20.0
PAGE = 595.0
"""Height that a page of letter paper with inch margins leaves a figure beside its caption."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One entry: a swatch, its colour and words on ``most`` lines.

    ``more``: further words of the entry above, without a swatch. ``shades``: as many colours side by side.
    ``upright``, ``thin upright``, ``dashed``: lines as they are drawn.
    """

    kind: Literal["dot", "bar", "thin bar", "dashed", "upright", "thin upright", "shades", "more"]
    colour: Any
    words: str
    marker: str = "o"
    most: int = ENTRY_LINES

    def width(self, fonts: Fonts) -> float:
        """Return the entry's width in points."""
        return _SWATCH + fonts.width(self.words, SMALL)

    def parts(self, fonts: Fonts, room: float) -> list[KeyEntry]:
        """Return the entry in lines of at most ``room`` points."""
        lines = entry_lines(self.words, fonts, room - _SWATCH, self.most)
        return [replace(self, words=text, kind="more" if k else self.kind) for k, text in enumerate(lines)]


KeyLines = tuple[tuple[KeyEntry, ...], ...]


def key_lines(
    panel: CurvePanel,
    alpha: float,
    fonts: Fonts,
    room: float,
    bars: bool,
    most: int = ENTRY_LINES,
    own: bool = False,
    of: Sequence[CurvePanel] = (),
    numbers: bool = False,
) -> KeyLines:
    """Return the entries, broken into lines of at most ``room`` points, each on ``most`` of them.

    ``own``: only those that say something of the panel, where `kinds_of_marks` stands above all panels.
    ``of``: all panels whose kinds of marks the key is of, if not this one alone.
    ``numbers``: series have the numbers of their pieces (see `numbered`).
    """
    kinds = [] if own else _kinds(panel, alpha, bars, of or (panel,))
    series = () if own and panel.many else _series(panel, fonts, room, bars, most, numbers)
    entries = [*series, *kinds, *_preferred(panel, fonts, room)]
    return break_lines([replace(entry, most=most) for entry in entries], fonts, room)


def kinds_of_marks(panels: Sequence[CurvePanel], alpha: float, fonts: Fonts, room: float, bars: bool) -> KeyLines:
    """Return the entries that are those of all panels, as of one of them but for what any panel has.

    Many series are named here, not by each panel.
    """
    named = [(p, k, p.series[k].short) for p in panels if p.many for k in in_order(p)]
    many = dict.fromkeys(KeyEntry("dot", shade(p, k, 1.0), name, marker_in(p, k, bars)) for p, k, name in named)
    kinds = _kinds(panels[0], alpha, bars, panels)
    return break_lines([*many, *kinds], fonts, room)


def null_share(null: NullShares, mean: float, digits: int = 0, high: bool = True) -> str:
    """Write a mean share under a null, and how large a share with one sign is in 95% of its draws.

    A mean alone makes any share look large: draws of a curve move together.
    """
    expected = percent(mean, digits)
    if not high or np.isnan(null.null_high):
        return say("null: {mean}", mean=expected)
    return say("null: mean {mean}, 95% up to {high}", mean=expected, high=percent(null.null_high, digits))


def shares_by_sign(panel: CurvePanel, nulls: Sequence[tuple[str, NullShares]]) -> list[str]:
    """Say of many series which share of the tested is significantly negative, then positive, beside the null's."""
    negative = [(words, s.tested, s.negative, null_share(s, s.null_negative)) for words, s in nulls]
    positive = [(words, s.tested, s.positive, null_share(s, s.null_positive)) for words, s in nulls]
    said = [
        say(", ").join(
            say("{words} {share} of {tested:,} ({null})", words=panel.short(w), tested=n, share=percent(s), null=e)
            for w, n, s, e in of
        )
        for of in (negative, positive)
    ]
    return [say("negative: {listed}", listed=said[0]), say("positive: {listed}", listed=said[1])]


def shares_told(
    panel: CurvePanel, nulls: Sequence[tuple[str, NullShares]], alpha: float, vcov: str, named: bool
) -> str:
    """Write the shares of each estimand for a note; ``named``: with the panel's name."""
    of = [
        say(
            "{words} ({tested:,}): {negative} negative ({null_negative}), {positive} positive ({null_positive})",
            words=panel.short(words),
            tested=s.tested,
            negative=percent(s.negative),
            null_negative=null_share(s, s.null_negative),
            positive=percent(s.positive),
            null_positive=null_share(s, s.null_positive),
        )
        for words, s in nulls
    ]
    where = f", {panel.name}" if named else ""
    errors = sorted({s.errors for _, s in nulls} - {""})
    if errors:
        where += say(
            ", with the null's standard errors, by {errors} (drawn: {vcov})",
            errors=say(", ").join(errors),
            vcov=vcov,
        )
    of = shares_by_sign(panel, nulls) if panel.many else of
    return say("With p < {alpha:g}{where}: {listed}.", alpha=alpha, where=where, listed=say("; ").join(of))


def estimands_of(panels: Sequence[CurvePanel]) -> list[str]:
    """Say what many series estimate, whose names in the key do not."""
    of = [(s.short, told(s.words)) for p in panels if p.many for s in p.series if s.short != told(s.words)]
    said = [say("{words}: {name}", words=name, name=words) for name, words in dict.fromkeys(of)]
    return [say("Estimands: {listed}.", listed=say("; ").join(said))] if said else []


def without_null(panels: Sequence[CurvePanel], tested: Sequence[set[str]]) -> list[str]:
    """Name the series of which no null was drawn, where there is one of others: of those ``tested``, by panel."""
    without = [
        s.short if p.many else s.label for p, words in zip(panels, tested, strict=True) for s in p.series
        if s.words not in words
    ]  # fmt: skip
    said = say("No null, and so in no joint test: {listed}.", listed=say("; ").join(dict.fromkeys(without)))
    return [said] if any(tested) and without else []


def without_error(colour: Any = QUIET) -> KeyEntry:
    """Return the entry of estimates without a p-value."""
    return KeyEntry("dot", colour, say("no standard error"), CROSS)


def hollow(words: str, colour: Any = QUIET) -> KeyEntry:
    """Return the entry of estimates that are not significant, whatever their mark."""
    return KeyEntry("dot", colour, words, RING)


def break_lines(entries: Sequence[KeyEntry], fonts: Fonts, room: float) -> KeyLines:
    """Break entries into lines of at most ``room`` points; words too long for one line have lines of their own."""
    return tuple(map(tuple, broken(entries, fonts, room, _BETWEEN)))


def draw_key(page: Page, lines: KeyLines, left: float, top: float, step: float) -> None:
    """Draw the key with its first line's middle at ``top``."""
    for k, line in enumerate(lines):
        x, y, whole = left, top + k * step, "".join(entry.words for entry in line)
        for entry in line:
            if entry.kind == "dot":
                page.dot(x + 4, y, entry.colour, entry.marker, 4.0)
            elif entry.kind == "shades":
                step_x = 8 / len(entry.colour)
                for j, colour in enumerate(entry.colour):
                    page.line((x + j * step_x, x + (j + 1) * step_x), (y, y), colour, 3.6)
            elif entry.kind in ("upright", "thin upright"):
                page.line((x + 4, x + 4), (y - 3.5, y + 3.5), entry.colour, 1.5 if entry.kind == "upright" else 0.5)
            elif entry.kind == "dashed":
                for start in (x, x + 5):
                    page.line((start, start + 3), (y, y), entry.colour, 1.0)
            elif entry.kind != "more":
                page.line((x, x + 8), (y, y), entry.colour, 3.6 if entry.kind == "bar" else 1.0)
            page.text(x + _SWATCH, y, entry.words, SMALL, colour=QUIET, beside=whole)
            x += entry.width(page.fonts) + _BETWEEN


def _series(panel: CurvePanel, fonts: Fonts, room: float, bars: bool, most: int, numbers: bool) -> Iterator[KeyEntry]:
    if len(panel.series) < 2:
        return
    room -= fonts.width("00 ", SMALL) * numbers
    medians = [say(" ({n:,}, median {median})", n=s.n, median=fixed(s.median, panel.decimals)) for s in panel.series]
    whole, short = [s.label for s in panel.series], [s.short for s in panel.series]

    def spaces(facts: Sequence[str]) -> list[float]:
        # A line that is broken between words is not full: the last one has room for the facts.
        return [max(most - 1, 1) * (room - _SWATCH) - fonts.width(text, SMALL) for text in facts]

    def narrow(names: Sequence[str], facts: Sequence[str]) -> bool:
        return most == 1 and any(fonts.width(n, SMALL) > s for n, s in zip(names, spaces(facts), strict=True))

    names, facts = short if panel.many else whole, medians
    if not panel.many and narrow(names, facts):
        # The note has what a short name lacks, and the summary the medians; a name that is cut would be another.
        counts = [say(" ({n:,})", n=s.n) for s in panel.series]
        ways = [(short, medians), (whole, counts), (short, counts)]
        names, facts = next((way for way in ways if not narrow(*way)), ways[-1])
    for k in in_order(panel):
        label = fonts.apart(names, SMALL, spaces(facts)[k])[names[k]]
        number = f"{number_of(panel, k)} " if numbers else ""
        yield KeyEntry("dot", shade(panel, k, 1.0), number + label + facts[k], marker_in(panel, k, bars))


def names_of_pieces(panel: CurvePanel) -> list[str]:
    """Return what comes first in the key of each piece's series, the whole where that is not all."""
    whole = [panel.series[int(panel.which[start])].label for start, _ in panel.pieces]
    first = [headline(label) for label in whole]
    return first if len({*first}) == len({*whole}) else whole


def pieces_told(panel: CurvePanel, width: float) -> bool:
    """Say whether pieces need names or numbers: many do, and ribbons, whose colours are alike in grey."""
    whole = panel.whole or panel
    apart = len({piece_of(whole, k) for k in range(len(whole.series))}) > 1
    return len(whole.pieces) > 1 and (whole.many or (apart and not few(panel, width)))


def numbered(panel: CurvePanel, fonts: Fonts, width: float) -> bool:
    """Say whether pieces on ``width`` points have the numbers of the key: where names above them do not all fit."""
    rooms = (width / panel.extent * (stop - start) - 4 for start, stop in panel.pieces)
    fit = all(fonts.width(n, SMALL) <= room for n, room in zip(names_of_pieces(panel), rooms, strict=True))
    return pieces_told(panel, width) and (panel.many or not fit)


def number_of(panel: CurvePanel, series: int) -> int:
    """Return the number of a series' piece: where some stand apart, their pieces have those of the same series."""
    panel = panel.whole or panel
    firsts = sorted({piece_of(panel, k) for k in range(len(panel.series))})
    return 1 + firsts.index(piece_of(panel, series))


def piece_of(panel: CurvePanel, series: int) -> int:
    """Return the first piece that has a series."""
    return next(j for j, (start, stop) in enumerate(panel.pieces) if series in panel.which[start:stop])


def in_order(panel: CurvePanel) -> list[int]:
    """Return the series as their pieces follow each other on the curve."""
    return sorted(range(len(panel.series)), key=lambda k: piece_of(panel, k))


def kinds_of_p(panels: Sequence[CurvePanel]) -> tuple[bool, bool, bool]:
    """Say whether some panel has estimates with p < alpha, others with a p, and some without."""
    found = [(p.significant, p.tested & ~p.significant, ~p.tested) for p in panels]
    below, above, untested = (any(bool(marks.any()) for marks in kind) for kind in zip(*found, strict=True))
    return below, above, untested


def _kinds(panel: CurvePanel, alpha: float, bars: bool, of: Sequence[CurvePanel]) -> list[KeyEntry]:
    """Return the entries of the marks that ``of`` these panels some has, in the looks of ``panel``."""
    below, above, untested = kinds_of_p(of)
    if dense(panel):
        words = say("strip: the darker, the more p < {alpha:g}", alpha=alpha)
        entries = [KeyEntry("shades", STRIP_SHADES, words)]
        if panel.preferred and preferred_mark(panel) == OPEN:
            entries.append(KeyEntry("dot", ACCENT, say("hollow diamond: p ≥ {alpha:g}", alpha=alpha), OPEN))
    elif len(panel.series) > 1:
        entries = [hollow(say("hollow: p ≥ {alpha:g}", alpha=alpha))] if above else []
    else:
        entries = [KeyEntry("dot", shade(panel, 0, 1.0), f"p < {alpha:g}")] if below else []
        entries += [hollow(f"p ≥ {alpha:g}", shade(panel, 0, 1.0))] if above else []
    if untested:
        entries.append(without_error())
    if bars:
        grey = blend(INK, 0.5)
        return [*entries, KeyEntry("bar", grey, say("90% interval")), KeyEntry("thin bar", grey, say("95% interval"))]
    pieces = (ribbon_shades(panel, own) for start, stop in panel.pieces for own in ribbons_of(panel, start, stop))
    outer, inner = zip(*list(dict.fromkeys(pieces))[:_SHADES], strict=True)
    return [*entries, KeyEntry("shades", inner, say("90% interval")), KeyEntry("shades", outer, say("95% interval"))]


def _preferred(panel: CurvePanel, fonts: Fonts, room: float) -> Iterator[KeyEntry]:
    if panel.preferred:
        short = say("preferred: {estimate}", estimate=fixed(panel.preferred.estimate, panel.decimals))
        rank = panel.preferred.words.removesuffix(panel.preferred.among)
        ways = (*(say("{estimate}, {rank}", estimate=short, rank=r) for r in (panel.preferred.words, rank)), short)
        yield KeyEntry("dot", ACCENT, fonts.first_fit(ways, SMALL, room - _SWATCH), preferred_mark(panel))


@dataclass(frozen=True, slots=True)
class Pane:
    """What stands above one pair of axes: ``names`` from long to short, facts on one line if they fit.

    ``apart`` names it in the note where it is not drawn, if names are alike. ``firm``: others give way to it.
    """

    names: tuple[str, ...]
    facts: tuple[str, ...]
    entries: tuple[KeyEntry, ...] = ()
    apart: str = ""
    firm: bool = False


def one_key(panes: Sequence[Pane]) -> tuple[list[Pane], list[KeyEntry]]:
    """Take the keys of several panes together, each entry once; a single pane keeps its own."""
    if len(panes) == 1:
        return list(panes), []
    entries = list(dict.fromkeys(entry for pane in panes for entry in pane.entries))
    # Marks of one colour and shape stand together, as of the preferred specifications of several panes.
    return [replace(pane, entries=()) for pane in panes], sorted(entries, key=lambda e: e.colour == ACCENT)


@dataclass(frozen=True, slots=True)
class Box:
    """Where the axes of a pane, the ``pane``th of all, stand, in points from the top left."""

    left: float
    top: float
    width: float
    height: float
    pane: int = 0


_NAME_LINES = 2
_DOUBTS = 3
"""Lines of serious warnings with their numbers, which would push the rest off the page; beyond, their kinds."""
_Head = tuple[list[str], list[str], KeyLines]
"""The lines of the name, of facts and of the key above a pair of axes."""


def columns(count: int, width: float) -> int:
    """Return how many panes stand side by side on ``width`` inches."""
    return 1 if count == 1 or width < 1.4 * SINGLE else 2


def room_of(count: int, width: float, margin: float, inner: tuple[float, float]) -> tuple[float, float]:
    """Return the width of one of so many panes and of its axes, in points (see `lay_sheet`)."""
    across = columns(count, width)
    whole = (width * 72 - 2 - margin - (across - 1) * GUTTER) / across
    return whole, whole - sum(inner)


def doubt_lines(doubt: str, verdict: str, fonts: Fonts, room: float) -> list[str]:
    """Break what stands against the numbers: ``doubt``, or where that has too many lines ``verdict``, if any.

    It is bold and begins with a sign, since in grey its colour is a note's.
    """
    whole, short = (
        wrap(say("! {text}", text=text) if text else "", fonts, room, bold=True) for text in (doubt, verdict)
    )
    return short if verdict and len(whole) > _DOUBTS else whole


def lay_sheet(
    title: str,
    panes: Sequence[Pane],
    note: str,
    fonts: Fonts,
    width: float,
    height: float | Sequence[float],
    *,
    margin: float = 0.0,
    inner: tuple[float, float] = (30.0, 6.0),
    least: float | None = None,
    doubt: str = "",
    verdict: str = "",
    key: Sequence[KeyEntry] = (),
    of: int = 0,
    cut: bool = False,
    told_in: str = CUT_OF_TABLE,
) -> tuple[Page, list[Box]]:
    """Write all texts and give the axes' boxes, ``height`` points high, or so many by row of panes.

    There are boxes of the first panes alone, of firm ones before others, and the note says so, where no more fit a
    page.

    Parameters
    ----------
    width : of the sheet, in inches.
    margin : points at the left of the sheet that no pane uses.
    inner : points at the left and right of the axes that belong to a pane.
    doubt, verdict : what stands against the numbers, written below the title, and the same in short.
    key : of all panes, above them.
    least : how low axes may be made so that the sheet fits a page, where a smaller print would shrink the text too.
        None: the caller sees to it that it does.
    of : how many panes there are in all, if not just these.
    cut : the note is to say that names are cut; it does where those of panes or keys are.
    told_in : the sentence that says where they are in full.
    """
    points, across, all_ = width * 72, columns(len(panes), width), max(of, len(panes))
    whole, room = room_of(len(panes), width, margin, inner)
    # Of panes below each other, heads use the margin too.
    lead = margin + inner[0] - 2 if margin and across == 1 and len(panes) > 1 else 0.0
    heads = _heads(panes, fonts, lead + room + inner[1])
    below = 4.0 + title_height(title, fonts, points)
    doubts = doubt_lines(doubt, verdict, fonts, 0.97 * points - 4)
    shared = break_lines(key, fonts, points - 4) if key else ()
    keys = below + (NOTE * len(doubts) + 4 if doubts else 0.0)
    note = sentences(filter(None, (note, say(told_in) if cut or _is_cut(heads, shared) else "")))
    top = keys + (LINE * len(shared) + 3 if shared else 0.0)
    firm = {k for k, pane in enumerate(panes) if pane.firm}
    for some in range(len(panes), 0, -1):
        shown = drawn_of(some, len(panes), firm)
        rows = [shown[k : k + across] for k in range(0, some, across)]
        above = [max(LINE * sum(map(len, heads[k])) for k in row) + 5 for row in rows]
        notes = note_lines(
            sentences(filter(None, [note, *first_of(some, all_, [p.apart or p.names[0] for p in panes], firm)])),
            fonts,
            0.97 * points - 4,
        )
        heights = [height] * len(rows) if isinstance(height, float | int) else list(height)
        if least is None:
            break
        taken = top + sum(above) + FOOT * len(rows) + NOTE * len(notes) + 3
        heights = [min(h, max(least, (highest(PAGE) - taken) / len(rows))) for h in heights]
        if taken + sum(heights) <= highest(SHEET):
            break
    boxes, tops = [], []
    for row, head, high in zip(rows, above, heights, strict=True):
        lefts = [margin + k * (whole + GUTTER) + inner[0] for k in range(len(row))]
        boxes += [Box(left, top + head, room, high, k) for left, k in zip(lefts, row, strict=True)]
        tops += [top + 4] * len(row)
        top += head + high + FOOT
    page = Page.new(fonts, points, top + NOTE * len(notes) + 3)
    page.title(title)
    for box, line in zip(boxes, tops, strict=True):
        _write_head(page, heads[box.pane], box.left - lead, line)
    write_note(page, doubts, below, DOUBT, bold=True)
    draw_key(page, shared, 2.0, keys + 4, LINE)
    write_note(page, notes, top)
    return page, boxes


def _is_cut(heads: Sequence[_Head], shared: KeyLines) -> bool:
    keys = (shared, *(key for _, _, key in heads))
    words = (entry.words for key in keys for line in key for entry in line)
    return any(text.endswith("…") for text in (*(line for name, _, _ in heads for line in name), *words))


def _write_head(page: Page, head: _Head, left: float, top: float) -> None:
    """Write a pane's name, facts and key; they may also stand above what is at the sides of its axes."""
    name, facts, key = head
    for k, text in enumerate(name):
        page.text(left, top + LINE * k, text, TEXT, bold=True)
    for k, text in enumerate(facts, len(name)):
        page.text(left, top + LINE * k, text, SMALL, colour=QUIET)
    draw_key(page, key, left, top + LINE * (len(name) + len(facts)), LINE)


def _heads(panes: Sequence[Pane], fonts: Fonts, room: float) -> list[_Head]:
    # One spelling for all names: "Effect in …" beside a bare name would look like two things.
    bare = any(fonts.width(p.names[0], TEXT, bold=True) > room for p in panes)
    return [(_name(p.names[bare:] or p.names, fonts, room), *_below(p, fonts, room)) for p in panes]


def _name(names: Sequence[str], fonts: Fonts, room: float) -> list[str]:
    whole = next((name for name in names if fonts.width(name, TEXT, bold=True) <= room), names[-1])
    return entry_lines(whole, fonts, room, _NAME_LINES, TEXT, bold=True)


def _below(pane: Pane, fonts: Fonts, room: float) -> tuple[list[str], KeyLines]:
    line = joined(pane.facts)
    facts = [line] if fonts.width(line, SMALL) <= room else _together(pane.facts, fonts, room)
    return facts, break_lines(pane.entries, fonts, room) if pane.entries else ()


def _together(facts: Sequence[str], fonts: Fonts, room: float) -> list[str]:
    """Put facts on lines, as many on each as have room."""
    lines: list[list[str]] = []
    for fact in facts:
        if lines and fonts.width(joined([*lines[-1], fact]), SMALL) <= room:
            lines[-1].append(fact)
        else:
            lines.append([fact])
    return [text for line in lines for text in wrap(joined(line), fonts, room)]


def across_is_cut(fonts: Fonts, text: str, width: float) -> bool:
    """Say whether `label_across` cuts a text below axes ``width`` points wide."""
    return fonts.width(text, SMALL) > width + _BESIDE


def estimate_of(scale: str, effect: bool = False) -> tuple[str, ...]:
    """Name what an axis of estimates or effects has, with its scale where one is declared, from long to short."""
    bare = say("effect") if effect else say("estimate")
    long = say("effect, {name}", name=scale) if effect else say("estimate, {name}", name=scale)
    return (long, bare) if scale else (bare,)


def label_across(page: Page, box: Box, *texts: str) -> None:
    """Say below the numbers what they are, in the first of these texts that has room."""
    words = page.fonts.first_fit(texts, SMALL, box.width + _BESIDE)
    page.text(box.left + box.width / 2, box.top + box.height + 17, words, SMALL, colour=QUIET, align="center")

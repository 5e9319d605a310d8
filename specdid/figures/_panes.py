"""A sheet of panes: title, a heading and a key above each pair of axes, notes below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from specdid._records import NullShares
from specdid._records.numerals import percent
from specdid._words import say, sentences, told
from specdid.figures._axes import fixed
from specdid.figures._curve_axes import preferred_mark, shade
from specdid.figures._curve_data import CurvePanel
from specdid.figures._fonts import Fonts
from specdid.figures._page import (
    CUT_OF_TABLE,
    LINE,
    NOTE,
    SHEET,
    Page,
    entry_lines,
    first_of,
    highest,
    joined,
    note_lines,
    title_height,
    wrap,
    write_note,
)
from specdid.figures._style import ACCENT, CROSS, DOUBT, QUIET, RING, SINGLE, SMALL, TEXT

_SWATCH = 11.0
_BETWEEN = 10.0
FOOT = 26.0
"""Room below axes for numbers and what they count."""
GUTTER, _BESIDE = 14.0, 20.0
PAGE = 595.0
"""Height that a page of letter paper with inch margins leaves a figure beside its caption."""
_NAME_LINES = 2
_DOUBTS = 3
"""Lines of serious warnings with their numbers, which would push the rest off the page; beyond, their kinds."""


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One entry: a swatch, its colour and words.

    ``words``, ``more``: no swatch, or further words of the entry above. ``shades``: as many colours side by side.
    ``upright``, ``thin upright``, ``dashed``: lines as they are drawn.
    """

    kind: Literal["dot", "bar", "thin bar", "dashed", "upright", "thin upright", "shades", "words", "more"]
    colour: Any
    words: str
    marker: str = "o"

    @property
    def lead(self) -> float:
        """Where the words begin."""
        return 0.0 if self.kind == "words" else _SWATCH

    def width(self, fonts: Fonts) -> float:
        """Return the entry's width in points."""
        return self.lead + fonts.width(self.words, SMALL)

    def parts(self, fonts: Fonts, room: float) -> list[KeyEntry]:
        """Return the entry in lines of at most ``room`` points."""
        lines = entry_lines(self.words, fonts, room - self.lead)
        return [replace(self, words=text, kind="more" if k else self.kind) for k, text in enumerate(lines)]


KeyLines = list[list[KeyEntry]]


def break_lines(entries: Iterable[KeyEntry], fonts: Fonts, room: float) -> KeyLines:
    """Break entries into lines of at most ``room`` points; words too long for one line have lines of their own."""
    lines: KeyLines = [[]]
    used = 0.0
    for entry in entries:
        width = entry.width(fonts)
        parts = entry.parts(fonts, room) if width > room else [entry]
        if lines[-1] and (used + width > room or len(parts) > 1):
            lines.append([])
            used = 0.0
        lines[-1].append(parts[0])
        lines += [[part] for part in parts[1:]]
        used = room if len(parts) > 1 else used + width + _BETWEEN
    return lines if lines[0] else []


def draw_key(page: Page, lines: KeyLines, left: float, top: float, step: float = LINE) -> None:
    """Draw the key with its first line's middle at ``top``."""
    for k, line in enumerate(lines):
        x, y, whole = left, top + k * step, "".join(entry.words for entry in line)
        for entry in line:
            _swatch(page, entry, x, y)
            page.text(x + entry.lead, y, entry.words, SMALL, colour=QUIET, beside=whole)
            x += entry.width(page.fonts) + _BETWEEN


def _swatch(page: Page, entry: KeyEntry, x: float, y: float) -> None:
    if entry.kind == "dot":
        page.dot(x + 4, y, entry.colour, entry.marker, 4.0)
    elif entry.kind == "shades":
        wide = 8 / len(entry.colour)
        for j, colour in enumerate(entry.colour):
            page.line((x + j * wide, x + (j + 1) * wide), (y, y), colour, 3.6)
    elif entry.kind in ("upright", "thin upright"):
        page.line((x + 4, x + 4), (y - 3.5, y + 3.5), entry.colour, 1.5 if entry.kind == "upright" else 0.5)
    elif entry.kind == "dashed":
        for start in (x, x + 5):
            page.line((start, start + 3), (y, y), entry.colour, 1.0)
    elif entry.kind in ("bar", "thin bar"):
        page.line((x, x + 8), (y, y), entry.colour, 3.6 if entry.kind == "bar" else 1.0)


def is_cut(lines: KeyLines) -> bool:
    """Say whether words of a key are cut."""
    return any(entry.words.endswith("…") for line in lines for entry in line)


def series_entries(panels: Sequence[CurvePanel], marker: Callable[[CurvePanel, int], str]) -> list[KeyEntry]:
    """Return an entry for each series of panels that have several, once; of a single panel with its n and median."""
    alone = len(panels) == 1
    found = []
    for panel in (p for p in panels if len(p.series) > 1):
        for k in in_order(panel):
            s = panel.series[k]
            facts = say(" ({n:,}, median {median})", n=s.n, median=fixed(s.median, panel.decimals)) if alone else ""
            name = s.short if panel.many else s.label + facts
            found.append(KeyEntry("dot", shade(panel, k, 1.0), name, marker(panel, k)))
    return list(dict.fromkeys(found))


def p_entries(panels: Sequence[CurvePanel], alpha: float) -> list[KeyEntry]:
    """Return the entries of full and hollow marks and of crosses, those that some panel has."""
    below, above = any(p.significant.any() for p in panels), any((p.tested & ~p.significant).any() for p in panels)
    entries = []
    if any(len(p.series) > 1 for p in panels):
        entries = [hollow(say("hollow: p ≥ {alpha:g}", alpha=alpha))] if above else []
    else:
        entries += [KeyEntry("dot", shade(panels[0], 0, 1.0), f"p < {alpha:g}")] if below else []
        entries += [hollow(f"p ≥ {alpha:g}", shade(panels[0], 0, 1.0))] if above else []
    return [*entries, *([] if all(p.tested.all() for p in panels) else [without_error()])]


def preferred_entries(panels: Sequence[CurvePanel]) -> Iterator[KeyEntry]:
    """Return the entry of the preferred estimate, with its rank."""
    for panel in panels:
        if panel.preferred:
            estimate = fixed(panel.preferred.estimate, panel.decimals)
            words = say("preferred: {estimate}, {words}", estimate=estimate, words=panel.preferred.words)
            yield KeyEntry("dot", ACCENT, words, preferred_mark(panel))


def in_order(panel: CurvePanel) -> list[int]:
    """Return the series as their pieces follow each other on the curve."""
    first = [
        next(j for j, (a, b) in enumerate(panel.pieces) if k in panel.which[a:b]) for k in range(len(panel.series))
    ]
    return sorted(range(len(panel.series)), key=first.__getitem__)


def without_error(colour: Any = QUIET) -> KeyEntry:
    """Return the entry of estimates without a p-value."""
    return KeyEntry("dot", colour, say("no standard error"), CROSS)


def hollow(words: str, colour: Any = QUIET) -> KeyEntry:
    """Return the entry of estimates that are not significant, whatever their mark."""
    return KeyEntry("dot", colour, words, RING)


def effect_names(name: str, scaled: bool) -> tuple[str, ...]:
    """Name a pane of effects, from long to short."""
    return (say("Effect in {name}", name=name) if scaled else say("Effect on {name}", name=name), name)


def null_share(null: NullShares, mean: float) -> str:
    """Write a mean share under a null, and how large a share with one sign is in 95% of its draws.

    A mean alone makes any share look large: draws of a curve move together.
    """
    if np.isnan(null.null_high):
        return say("null: {mean}", mean=percent(mean))
    return say("null: mean {mean}, 95% up to {high}", mean=percent(mean), high=percent(null.null_high))


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
            ", with the null's standard errors, by {errors} (drawn: {vcov})", errors=say(", ").join(errors), vcov=vcov
        )
    return say("With p < {alpha:g}{where}: {listed}.", alpha=alpha, where=where, listed=say("; ").join(of))


def nulls_told(panels: Sequence[tuple[CurvePanel, Sequence[tuple[str, str]]]]) -> Iterator[str]:
    """Name the nulls of these panels' estimands, and the series of which none was drawn where others have one."""
    nulls = dict.fromkeys(told(null) for _, found in panels for _, null in found if null)
    if nulls:
        yield say("The null: {null}.", null=say("; ").join(nulls))
    without = [
        s.short if p.many else s.label for p, found in panels for s in p.series if s.words not in {w for w, _ in found}
    ]
    if without and any(found for _, found in panels):
        listed = say("; ").join(dict.fromkeys(without))
        yield say("No null, and so in no joint test: {listed}.", listed=listed)


def estimands_of(panels: Sequence[CurvePanel]) -> list[str]:
    """Say where to read what many series estimate, whose names in the key do not."""
    said = [say("The key names estimators; what each estimates is in results.csv.")]
    return said if any(p.many and s.short != told(s.words) for p in panels for s in p.series) else []


@dataclass(frozen=True, slots=True)
class Pane:
    """What stands above one pair of axes: ``names`` from long to short, facts on one line if they fit, a key."""

    names: tuple[str, ...]
    facts: tuple[str, ...] = ()
    entries: tuple[KeyEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class Box:
    """Where the axes of a pane stand, in points from the top left."""

    left: float
    top: float
    width: float
    height: float


_Head = tuple[list[str], list[str], KeyLines]
"""The lines of the name, of facts and of the key above a pair of axes."""


def columns(count: int, width: float) -> int:
    """Return how many panes stand side by side on ``width`` inches."""
    return 1 if count == 1 or width < 1.4 * SINGLE else 2


def room_of(count: int, width: float, margin: float, inner: tuple[float, float], across: int = 0) -> float:
    """Return the width of the axes of one of so many panes, in points (see `lay_sheet`)."""
    across = across or columns(count, width)
    return (width * 72 - 2 - margin - (across - 1) * GUTTER) / across - sum(inner)


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
    least: float = np.inf,
    doubt: str = "",
    verdict: str = "",
    key: Sequence[KeyEntry] = (),
    of: int = 0,
    cut: bool = False,
    told_in: str = CUT_OF_TABLE,
    across: int = 0,
) -> tuple[Page, list[Box]]:
    """Write all texts and give the axes' boxes, ``height`` points high, or so many by row of panes.

    There are boxes of the first panes alone, and the note says so, where no more fit a page.

    Parameters
    ----------
    width : of the sheet, in inches.
    margin : points at the left of the sheet that no pane uses.
    inner : points at the left and right of the axes that belong to a pane.
    doubt, verdict : what stands against the numbers, written below the title, and the same in short.
    key : of all panes, above them.
    least : how low axes may be made so that the sheet fits a page.
    of : how many panes there are in all, if not just these.
    cut : the note is to say that names are cut; it does where those of panes or keys are.
    told_in : the sentence that says where they are in full.
    across : how many panes stand side by side, 0 for as many as suit the width.
    """
    points, across = width * 72, across or columns(len(panes), width)
    room = room_of(len(panes), width, margin, inner, across)
    # Of panes below each other, heads use the margin too.
    lead = margin + inner[0] - 2 if across == 1 else 0.0
    heads = [_head(pane, fonts, lead + room + inner[1]) for pane in panes]
    below = 4.0 + title_height(title, fonts, points)
    doubts = doubt_lines(doubt, verdict, fonts, 0.97 * points - 4)
    shared = break_lines(key, fonts, points - 4)
    keys = below + (NOTE * len(doubts) + 4 if doubts else 0.0)
    cut = cut or any(is_cut(k) or any(line.endswith("…") for line in name) for name, _, k in heads) or is_cut(shared)
    top = keys + (LINE * len(shared) + 3 if shared else 0.0)
    for some in range(len(panes), 0, -1):
        rows = [range(k, min(k + across, some)) for k in range(0, some, across)]
        above = [max(LINE * (len(n) + len(f) + len(k)) for n, f, k in heads[row[0] : row[-1] + 1]) + 5 for row in rows]
        said = [note, say(told_in) if cut else "", *first_of(some, max(of, len(panes)), [p.names[0] for p in panes])]
        notes = note_lines(sentences(filter(None, said)), fonts, 0.97 * points - 4)
        taken = top + sum(above) + FOOT * len(rows) + NOTE * len(notes) + 3
        wished = [height] * len(rows) if isinstance(height, float | int) else list(height)[: len(rows)]
        share = (highest(PAGE) - taken) / len(rows)
        heights = [min(h, max(least, share)) for h in wished]
        if taken + sum(heights) <= highest(SHEET):
            break
    page = Page.new(fonts, points, taken + sum(heights))
    page.title(title)
    write_note(page, doubts, below, DOUBT, bold=True)
    draw_key(page, shared, 2.0, keys + 4)
    boxes = []
    for row, head, high in zip(rows, above, heights, strict=True):
        for k in row:
            left = margin + (k - row[0]) * (room + sum(inner) + GUTTER) + inner[0]
            boxes.append(Box(left, top + head, room, high))
            _write_head(page, heads[k], left - lead, top + 4)
        top += head + high + FOOT
    write_note(page, notes, top)
    return page, boxes


def _head(pane: Pane, fonts: Fonts, room: float) -> _Head:
    whole = next((name for name in pane.names if fonts.width(name, TEXT, bold=True) <= room), pane.names[-1])
    name = entry_lines(whole, fonts, room, _NAME_LINES, TEXT, bold=True)
    return name, _together(pane.facts, fonts, room), break_lines(pane.entries, fonts, room)


def _together(facts: Sequence[str], fonts: Fonts, room: float) -> list[str]:
    """Put facts on lines, as many on each as have room."""
    lines: list[list[str]] = []
    for fact in facts:
        if lines and fonts.width(joined([*lines[-1], fact]), SMALL) <= room:
            lines[-1].append(fact)
        else:
            lines.append([fact])
    return [text for line in lines for text in wrap(joined(line), fonts, room)]


def _write_head(page: Page, head: _Head, left: float, top: float) -> None:
    """Write a pane's name, facts and key; they may also stand above what is at the sides of its axes."""
    name, facts, key = head
    for k, text in enumerate(name):
        page.text(left, top + LINE * k, text, TEXT, bold=True)
    for k, text in enumerate(facts, len(name)):
        page.text(left, top + LINE * k, text, SMALL, colour=QUIET)
    draw_key(page, key, left, top + LINE * (len(name) + len(facts)))


def estimate_of(scale: str, effect: bool = False) -> tuple[str, ...]:
    """Name what an axis of estimates or effects has, with its scale where one is declared, from long to short."""
    bare = say("effect") if effect else say("estimate")
    long = say("effect, {name}", name=scale) if effect else say("estimate, {name}", name=scale)
    return (long, bare) if scale else (bare,)


def label_across(page: Page, box: Box, *texts: str) -> None:
    """Say below the numbers what they are, in the first of these texts that has room."""
    words = page.fonts.first_fit(texts, SMALL, box.width + _BESIDE)
    page.text(box.left + box.width / 2, box.top + box.height + 17, words, SMALL, colour=QUIET, align="center")

"""The specification curve: sorted estimates above, what was chosen below, one panel per scale.

The form follows Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4, figure 2.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._describe.curve_tests import Bands
from specdid._records import NullShares, Results
from specdid._records.cautions import NO_ROWS, Against, headline
from specdid._records.numerals import percent
from specdid._words import later, say, sentences, told
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import (
    THIN,
    beyond,
    darkest,
    dense,
    draw_breakdowns,
    draw_choices,
    draw_curve,
    draw_strip,
    few,
    fixed,
    joint_crosses,
    reach_of,
    separate,
    short_marks,
)
from specdid.figures._curve_data import STILL, CurveData, CurvePanel, curve_data
from specdid.figures._fonts import Fonts
from specdid.figures._layout import (
    FLAT,
    GAP,
    INDENT,
    PAGE,
    SENSITIVITY,
    STRIP,
    TICKS,
    ChoiceLine,
    CurveLayout,
    PanelRow,
    layouts,
    with_row,
)
from specdid.figures._page import (
    CUT,
    ENTRY_LINES,
    NOTE,
    Page,
    choose_fonts,
    entry_lines,
    highest,
    joined,
    listed,
    note_lines,
    of_specifications,
    printed_sizes,
    spelled_out,
    title_height,
    width_at,
    wrap,
)
from specdid.figures._panes import (
    KeyLines,
    doubt_lines,
    draw_key,
    estimands_of,
    key_lines,
    kinds_of_marks,
    names_of_pieces,
    null_share,
    number_of,
    numbered,
    pieces_told,
    shares_told,
    without_null,
)
from specdid.figures._style import DEFAULT, DOUBT, FAINT, QUIET, SMALL, TEXT, TITLE, WRONG, own_style, stamp

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_HEAD = 13.0
_DETAILS = 4
"""Lines of details below the band; warnings.csv has all."""
_ROOM = 10.5
_PARTS = (6, 4, 3, 2)
"""Options of a choice that have rows where there is no room for all."""
_LOWEST = 48.0
"""Height of flat curves in print where options would have no rows otherwise."""
_EDGE = 2.0
"""Height of a line of text."""


def names(panel: CurvePanel) -> tuple[str, ...]:
    """Name a panel, from long to short."""
    return (
        say("Effect in {name}", name=panel.name) if panel.scaled else say("Effect on {name}", name=panel.name),
        panel.name,
    )


def _spellings(panel: CurvePanel, layout: CurveLayout, fonts: Fonts) -> tuple[str, ...]:
    """Name one of a figure's panels, all without "Effect in" where one has no room for it: it looks like two things.

    A name beside its curve has several lines: a scale without "Effect in" says nothing.
    """
    above = [p for band in layout.bands for p in band.panels if len(band.panels) > 1]
    beside = [band.panels[0] for band in layout.bands if len(band.panels) == 1]
    room = layout.panel_width(2)
    bare = any(fonts.width(names(p)[0], TEXT, bold=True) > room for p in above)
    bare = bare or any(_beside_curve(names(p)[0], p, fonts, layout)[-1].endswith("…") for p in beside)
    return names(panel)[bare:]


def facts(panel: CurvePanel, flat: bool = False) -> list[tuple[str, ...]]:
    """Return facts about a panel, each in spellings from long to short; a ``flat`` one has no strip with N."""
    short = say("{n:,} spec" if len(panel) == 1 else "{n:,} specs", n=len(panel))
    said: list[tuple[str, ...]] = [(of_specifications(len(panel)), short)]
    if len(panel.series) == 1:
        said.append((say("median {median}", median=fixed(panel.series[0].median, panel.decimals)),))
    least, most = int(panel.nobs.min()), int(panel.nobs.max())
    if least == most:
        said.append((f"N = {most:,}",))
    elif flat:
        said.append((say("N from {least:,} to {most:,}", least=least, most=most), f"N = {least:,}–{most:,}"))
    return said


def share_facts(panel: CurvePanel, alpha: float, brief: bool = False) -> list[tuple[str, ...]]:
    """Return the shares significant of the specifications that a null tested, beside what the null expects.

    Estimands are not pooled: where a null tested several, the note has the shares of each, unless it is ``brief``: then
    each has its sign with more here. Without a null there are none, as in the summary.
    """
    if len(panel.null_shares) != 1:
        return [*_shares_of_each(panel)] if brief and not panel.many else []
    ((_, s),) = panel.null_shares
    said: list[tuple[str, ...]] = []
    if s.tested < len(panel):
        said.append(
            (*(3 * [say("of the {tested:,} tested:", tested=s.tested)]), say("{tested:,} tested:", tested=s.tested))
        )
    if s.errors:  # the points are dark by others
        named, bare = say("errors by {errors}:", errors=s.errors), say("null's errors:")
        said.append((named, named, bare, bare))
    for number, word, short, null in _signs(s):
        share = percent(number)
        long = (
            say("{share} {word}, p < {alpha:g}", share=share, word=word, alpha=alpha),
            say("{share} sig. {word}", share=share, word=word),
            say("{share} sig. {word}", share=share, word=short),
        )
        beside = null_share(s, null, high=False)
        least = say("{share} sig. {sign} (null {null})", share=share, sign=short, null=percent(null))
        said.append((*(say("{share} ({null})", share=text, null=beside) for text in long), least))
    if not np.isnan(s.null_high):  # one for both signs
        high = percent(s.null_high)
        long_, bare = say("in 95% of the null up to {high}", high=high), say("null: 95% ≤ {high}", high=high)
        said.append((long_, long_, bare, bare))
    return said


def _signs(s: NullShares) -> tuple[tuple[float, str, str, float], ...]:
    """Return by sign the share, the sign's word and mark, and the mean share under the null."""
    return (s.negative, say("negative"), "−", s.null_negative), (s.positive, say("positive"), "+", s.null_positive)


def _shares_of_each(panel: CurvePanel) -> Iterator[tuple[str, ...]]:
    """Write of each estimand which share is significant, with the sign that most of these have."""
    for words, s in panel.null_shares:
        named = [headline(series.label) for series in panel.series if series.words == words]
        name = named[0] if len(named) == 1 else told(words)
        number, word, short, null = max(_signs(s))
        share = percent(number)
        texts = (
            say("{share} ({null})", share=say("{share} sig. {word}", share=share, word=w), null=null_share(s, null))
            for w in (word, word, short, short)
        )
        yield tuple(say("{name}: {share}", name=name, share=text) for text in texts)


def _pooled(panel: CurvePanel) -> bool:
    """Say whether a curve that has a null's band is of several estimands."""
    band = panel.null_band
    return band is not None and any(
        not np.isnan(band[:, start]).any()
        and len({panel.series[k].words for k in np.unique(panel.which[start:stop]).tolist()}) > 1
        for start, stop in panel.pieces
    )


def _shares_apart(data: CurveData, apart: Sequence[CurvePanel]) -> Iterator[str]:
    """Write the shares of each estimand of these panels."""
    for panel in apart:
        yield shares_told(panel, panel.null_shares, data.alpha, data.vcov, len(data.panels) > 1)


def _told_apart(data: CurveData, layout: CurveLayout, fonts: Fonts) -> list[CurvePanel]:
    """Return the panels whose shares the note has: those of several estimands, and all that the picture has not.

    Where the note is brief, those of several estimands are beside their curves.
    """
    drawn = {
        id(p.whole or p): _shares_drawn(p, data.alpha, len(b.panels), layout, fonts)
        for b in layout.bands
        for p in b.panels
    }
    several = layout.flat or not layout.brief
    return [p for p in data.panels if p.null_shares and (not drawn[id(p)] or (several and len(p.null_shares) > 1))]


def _shares_drawn(panel: CurvePanel, alpha: float, count: int, layout: CurveLayout, fonts: Fonts) -> bool:
    """Say whether shares have room beside a curve, or above it where a band has a ``count`` of several."""
    shares = share_facts(panel, alpha, layout.brief)
    if count == 1:
        return not layout.flat and bool(_whole(shares, fonts, layout.left - TICKS))
    return bool(shares) and fonts.width(_above(shares)[-1], SMALL) <= layout.panel_width(count)


def _above(said: Sequence[tuple[str, ...]]) -> list[str]:
    """Join facts to a line above a curve, in spellings from long to short."""
    return [joined([fact[min(k, len(fact) - 1)] for fact in said]) for k in range(4)]


def note(
    data: CurveData,
    layout: CurveLayout,
    shortened: bool = False,
    series: Sequence[str] = (),
    fonts: Fonts | None = None,
) -> str:
    """Say what is drawn, in sentences; ``shortened``: names of the key or of panels are cut, of which ``series``."""
    longest = max(stop - start for p in data.panels for start, stop in p.pieces)
    widths = [(p, layout.panel_width(len(b.panels))) for b in layout.bands for p in b.panels]
    cut = sum(beyond(p) for p in data.panels)
    bars = {few(p, width) for p, width in widths}
    shape = say("Bars and ribbons") if len(bars) > 1 else say("Bars") if True in bars else say("Ribbons")
    parts = [say("{shape}: 90% and 95% confidence intervals (standard errors: {vcov}).", shape=shape, vcov=data.vcov)]
    named = {line.heading for b in layout.bands for line in b.lines}
    if longest > THIN:
        parts.append(say("Drawn are medians of neighbouring specifications."))
        if any(dense(p) for p in data.panels):
            parts.append(
                say(
                    "The line has one tone, significant or not; the strip at its foot has shares with p < {alpha:g}.",
                    alpha=data.alpha,
                )
            )
    if layout.has_rows and not all(separate(p, width) for p, width in widths):
        parts.append(say("Below: the darker a tile, the larger the share of neighbours that take the option."))
        if any(darkest(c) < 1 for p in data.panels for c in p.choices if c.heading in named):
            parts.append(say("Where a choice has many options, three times their mean share is darkest."))
    if layout.has_rows and any(short_marks(p, width) for p, width in widths):
        parts.append(say("Marks of options are short where p ≥ {alpha:g}.", alpha=data.alpha))
    estimands, apart = estimands_of(data.panels), _told_apart(data, layout, fonts or choose_fonts(_texts(data)))
    if layout.brief and estimands:
        estimands = [say("The key names estimators; what each estimates is in results.csv.")]
    parts += estimands
    parts += dict.fromkeys(data.same)
    if any(p.null_band is not None for p in data.panels):
        parts.append(say("Dashed: median of the curve under the null; dotted: its 95% band."))
    if any(_pooled(p) for p in data.panels):
        parts.append(say("Curve and null pool several estimands."))
    parts += _shares_apart(data, apart)
    parts += _nulls(data, layout.brief)
    tested = [{*(w for w, _ in p.null_shares), *(w for w, _ in p.band_nulls)} for p in data.panels]
    parts += without_null(data.panels, tested)
    parts += _sensitivity(data)
    alone = sum(int(np.isnan(p.low95).sum()) for p in data.panels)
    if alone:
        parts.append(
            say(
                "{alone:,} of {n:,} estimates have no interval, for want of a standard error: {why}.",
                alone=alone,
                n=sum(len(p.low95) for p in data.panels),
                why=data.without_error,
            )
        )
    if any(joint_crosses(p, width) for p, width in widths):
        parts.append(say("Crosses that would run together are one for several neighbours."))
    if any(p.apart for p in data.panels):
        parts.append(
            say(
                "Uncertain and nonequivalent: specifications with an option of that type; in no joint test, nor in "
                "medians of the others."
            )
        )
    beside = [p for p in data.panels if not any(p is one for one in apart)]
    errors = sorted({s.errors for p in beside for _, s in p.null_shares} - {""})
    if errors:
        parts.append(
            say(
                "Shares with p < {alpha:g}: standard errors of the null, by {errors}.",
                alpha=data.alpha,
                errors=errors[0],
            )
        )
    if cut:
        parts.append(
            say(
                "{cut:,} intervals go beyond the axis." if cut > 1 else "{cut:,} interval goes beyond the axis.",
                cut=cut,
            )
        )
    usual = {c.heading: c.usual for p in data.panels for c in p.choices if c.usual and c.heading in named}
    parts += [say("{heading}: what differs from {usual}.", heading=h, usual=u) for h, u in usual.items()]
    common = [c.common for p in data.panels for c in p.choices if c.heading in named]
    parts += spelled_out(common)
    chosen = [(c.heading, r.label, r.chosen.any()) for p in data.panels for c in p.choices for r in c.rows]
    drawn = {(line.heading, line.label) for b in layout.bands for line in b.lines}
    if drawn & ({(h, label) for h, label, _ in chosen} - {(h, label) for h, label, some in chosen if some}):
        parts.append(say("Rows without a mark: options of which nothing was estimated."))
    if any(line.alone for b in layout.bands for line in b.lines):
        rows = {
            (x.heading, x.label) for b in layout.bands for x in b.lines if x.alone and any(p.whole for p in b.panels)
        }
        parts.append(
            say(
                "Of choices with two options the rarer has a row, of two as frequent the first; where a half has none "
                "of it, the other."
            )
            if len(rows) > len({heading for heading, _ in rows})
            else say("Of choices with two options the rarer has a row, of two as frequent the first.")
        )
    if layout.still:
        parts.append(
            say(
                "Without rows, since no estimate moves by {still:.0%} of the range of its estimand: {headings}.",
                still=STILL,
                headings=listed(layout.still),
            )
        )
    parts += _first_rows(data, layout)
    if layout.left_out:
        parts.append(
            say(
                "Without rows for lack of room: {left_out}; what they move is in choices.csv.",
                left_out=listed(layout.left_out),
            )
        )
    if data.failed:
        parts.append(
            say(
                "{failed:,} planned specifications could not be estimated."
                if data.failed > 1
                else "{failed:,} planned specification could not be estimated.",
                failed=data.failed,
            )
        )
    if shortened or any(_is_cut(line) for band in layout.bands for line in band.lines):
        parts.append(say(CUT))
    if series:
        parts.append(say("Cut in the key: {listed}.", listed=say("; ").join(series)))
    return sentences([*parts, data.absent]).strip()


def _first_rows(data: CurveData, layout: CurveLayout) -> Iterator[str]:
    """Say of which choices only the first options have rows."""
    rows = {(line.heading, line.label): line for band in layout.bands for line in band.lines if line.label}
    for name in layout.kept:
        all_ = len({r.label for p in data.panels for c in p.choices if c.heading == name for r in c.rows if r.label})
        mine = [line for (heading, _), line in rows.items() if heading == name]
        if mine and len(mine) < all_ and not mine[0].alone:
            yield say("{heading}: the first {some} of {all} options have rows.", heading=name, some=len(mine), all=all_)


def _is_cut(line: ChoiceLine) -> bool:
    whole = line.heading if line.is_heading else line.label
    return line.text not in (whole, f"{line.heading}: {whole}") or line.always.endswith("…")


def _sensitivity(data: CurveData) -> Iterator[str]:
    """Say what the strip of breakdown values is."""
    found = [p.breakdowns for p in data.panels if p.breakdowns is not None]
    if found:
        effect = {"first": say("first effect"), "average": say("average effect")}.get(
            found[0].effect, told(f"effect in {found[0].effect}")
        )
        yield say(
            "Breakdown M̄ ({effect} of the event study): how many times its largest change before adoption the "
            "difference in trends may change from period to period afterwards until zero is in the robust set "
            "(Rambachan and Roth 2023).",
            effect=effect,
        )
        if inside := sum(b.inside for b in found):
            yield say("Dark, on its axis: zero is in the set at M̄ = 0, {inside:,}.", inside=inside)
        if any(reach_of(b) > 1 for b in found):
            yield say("The thin line in its strip: M̄ = {bound:g}.", bound=found[0].bound)
        if any((b.values >= b.bound).any() for b in found):
            yield say("Darker bars reach M̄ = {bound:g}.", bound=found[0].bound)
        if any(b.several for b in found):
            yield say("Where specifications that are one point have several, the lowest is drawn.")
        if without := sum(int((~b.known).sum()) for b in found):
            of = sum(len(b.known) for b in found)
            yield say("Pale, below zero: not assessed, {without:,} of {of:,}.", without=without, of=of)
            if any(len(p) > THIN for p in data.panels):
                yield say("A bar is the median of the values that its neighbours have.")


def _nulls(data: CurveData, brief: bool) -> Iterator[str]:
    """Name the null of the curves drawn and that of the shares: once where all are the same, or ``brief``."""
    alone = len(data.panels) == 1
    shown = [
        (
            say("; ").join(filter(None, ("" if alone else p.name, told(words) if len(p.null_shares) > 1 else ""))),
            told(s.null),
        )
        for p in data.panels
        for words, s in p.null_shares
        if s.null
    ]
    curves = [(p.name, words, null) for p in data.panels for words, null in p.band_nulls]
    every = {*(null for _, null in shown), *(null for _, _, null in curves)}
    if len(every) == 1:
        yield say("The null: {null}.", null=every.pop())
        return
    if brief and every:
        listed_nulls = say("; ").join(dict.fromkeys(null for *_, null in (*curves, *shown)))
        yield say("The null, by estimand: {listed}.", listed=listed_nulls)
        return
    bands = [(say("; ").join(filter(None, ("" if alone else name, told(words)))), null) for name, words, null in curves]
    yield from _said(say("Dashed and dotted"), bands)
    yield from _said(say("Shares"), shown)


def _said(what: str, of: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Say under which null something is, with what it is of where they differ."""
    if of:
        nulls = dict.fromkeys(null for _, null in of)
        names = {null: say(", ").join(filter(None, (name for name, one in of if one == null))) for null in nulls}
        by_null = [f"{null} ({names[null]})" if names[null] and len(nulls) > 1 else null for null in nulls]
        yield say("{what}, the null: {listed}.", what=what, listed=say("; ").join(by_null))


@dataclass(frozen=True, slots=True)
class Warned:
    """Lines of the band, of its details and of the serious warnings, and the heights they take."""

    band: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def above(self) -> float:
        """Height of band and details, which stand above the title."""
        return (_HEAD * len(self.band) + NOTE * len(self.details) + 12) if self.band else 0.0

    @property
    def below(self) -> float:
        """Height of the serious warnings, which stand below the title."""
        return NOTE * len(self.doubts) + 4 if self.doubts else 0.0


def lay_warned(found: Against, fonts: Fonts, width: float) -> Warned:
    """Break the texts into lines for a figure of this width in points."""
    room = 0.97 * width - 8
    doubts = doubt_lines(found.brief, found.verdict, fonts, room)
    band = wrap(found.failed, fonts, room, TITLE, bold=True)
    lines = [fonts.fit(text, SMALL, room) for text in found.details[:_DETAILS]]
    if lines != list(found.details):
        lines.append(say("in full in warnings.csv"))
    return Warned(tuple(band), tuple(lines if band else ()), tuple(doubts))


def draw_warned(page: Page, warned: Warned, doubts: float) -> None:
    """Draw the band at the top of the page, and the serious warnings from ``doubts`` downwards."""
    if warned.band:
        page.filled(0, 0, page.width, _HEAD * len(warned.band) + 5, WRONG)
    for k, line in enumerate(warned.band):
        page.text(page.width / 2, 2.5 + _HEAD * (k + 0.5), line, TITLE, bold=True, colour="white", align="center")
    top = _HEAD * len(warned.band) + 9
    for k, line in enumerate(warned.details):
        page.text(2, top + NOTE * (k + 0.5), line, SMALL, colour=WRONG)
    for k, line in enumerate(warned.doubts):
        page.text(2, doubts + NOTE * (k + 0.5), line, SMALL, bold=True, colour=DOUBT)


def plot(
    results: Results,
    sort: str = "estimate",
    width: float | None = None,
    null_bands: Bands | None = None,
) -> Figure:
    """Draw the specification curve of a run.

    Parameters
    ----------
    results
        The records of a run.
    sort
        ``estimate``, ``declared`` or a dimension.
    width
        In inches, 6.5 by default; journals have 3.5 for a column and 7 for a page.
    null_bands
        The 2.5, 50 and 97.5% curves under the null, by panel name and estimand.
    """
    return draw(curve_data(results, sort, null_bands), width)


def draw(data: CurveData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know.

    Raises
    ------
    ValueError
        There is nothing to draw: no specification was estimated.
    """
    if not data.panels:
        raise ValueError("no specification was estimated, so there is no curve to draw")
    fonts = choose_fonts(_texts(data))
    with own_style():
        return _draw(data, fonts, width or DEFAULT)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A band of panels, the keys of its panels and where it stands.

    The key of a single panel begins at the page's edge (``wide``) where its words would be broken. Ribbons of several
    estimands are ``named`` above them, since colours alone are not told apart in grey.
    """

    band: PanelRow
    keys: tuple[KeyLines, ...]
    top: float
    wide: bool = False
    named: bool = False
    flat: bool = False

    @property
    def head(self) -> float:
        """Height of the lines above the curves."""
        lines = 3 if any(len(p.null_shares) == 1 or not (p.null_shares or p.many) for p in self.band.panels) else 2
        names = lines * _ROOM if len(self.band.panels) > 1 else 0.0
        return names + _ROOM * max(len(key) for key in self.keys) + self.kinds + 2

    @property
    def kinds(self) -> float:
        """Height of the lines that name what stands apart, and pieces."""
        return _ROOM * (self.named + any(p.apart for p in self.band.panels))

    @property
    def strip(self) -> float:
        """Height of the strip with N, which is drawn where N varies and there is room."""
        return GAP + STRIP if not self.flat and any(p.nobs_varies for p in self.band.panels) else 0.0

    @property
    def sensitivity(self) -> float:
        """Height of the strip with breakdown values, where [honest] found some."""
        return GAP + SENSITIVITY if any(p.breakdowns for p in self.band.panels) else 0.0

    @property
    def height(self) -> float:
        """Height of the whole band but for its curves."""
        below = self.sensitivity + self.band.choices + self.strip
        return self.head + (GAP + below if below else 0.0) + 12


@dataclass(frozen=True, slots=True)
class _Sheet:
    """All that stands on the page: the tops of its parts, in points from above."""

    layout: CurveLayout
    warned: Warned
    doubts: float
    key: float
    shared: KeyLines
    placed: tuple[_Placed, ...]
    end: float
    notes: tuple[str, ...]

    @property
    def height(self) -> float:
        return self.end + NOTE * len(self.notes) + 4


def _draw(data: CurveData, fonts: Fonts, width: float) -> Figure:
    sheet = _fitting(data, fonts, width)
    layout = sheet.layout
    if layout.left_out and not layout.has_rows:
        warnings.warn(NO_ROWS.message, stacklevel=4)
    page = Page.new(fonts, layout.width, sheet.height)
    page.title(data.title, sheet.warned.above)
    draw_warned(page, sheet.warned, sheet.doubts)
    draw_key(page, sheet.shared, layout.left, sheet.key, _ROOM)
    for one in sheet.placed:
        _draw_band(page, layout, one, data, not sheet.shared)
    for k, line in enumerate(sheet.notes):
        page.text(2, sheet.end + NOTE * k + 3, line, SMALL, colour=QUIET)
    stamp(page.figure, data.found.failed)
    return page.figure


def _fitting(data: CurveData, fonts: Fonts, width: float) -> _Sheet:
    """Place everything so that the curves have their share of the height, and the figure fits a page.

    What is printed has smaller text, and then lower curves, before options have no rows.
    """

    def without(layout: CurveLayout) -> tuple[int, int]:
        return len(layout.left_out), len(layout.parts)

    usual, *smaller = printed_sizes(width)
    best, layout = usual, _chosen(data, fonts, width_at(width, usual))
    for size, whole in [*((s, False) for s in smaller), *((s, True) for s in smaller)]:
        if any(without(layout)):
            other = _chosen(data, fonts, width_at(width, size), whole)
            best, layout = (size, other) if without(other) < without(layout) else (best, layout)
    width_at(width, best)
    return _sheet(data, fonts, layout)


def _chosen(data: CurveData, fonts: Fonts, width: float, whole: bool = False) -> CurveLayout:
    """Choose a layout of a width; ``whole``: before the others one with all rows, however low its curves.

    Curves that had to be lower take what room is left, up to their usual share.
    """
    usual, made = 0.0, list(layouts(data, fonts, width))
    if whole:
        complete = [layout for layout in made if not layout.left_out]
        made = [*complete, replace(complete[-1], curve=_LOWEST), *made]
    for layout in made:
        usual = max(usual, layout.share)
        if _fits(data, fonts, layout):
            break
    layout = _filled(data, fonts, layout) if layout.left_out else layout
    rest, bands = _rest(data, fonts, layout), len(layout.bands)
    curve = min(_part(usual, rest), highest(PAGE) - rest) / bands
    return replace(layout, curve=max(layout.curve, _least(data, fonts, layout), curve))


def _filled(data: CurveData, fonts: Fonts, layout: CurveLayout) -> CurveLayout:
    """Give rows to choices for which there is room, though one that moves more has too many; to others, for a part."""
    for most in (None, *_PARTS):
        for name in layout.left_out:
            more = with_row(layout, name, fonts, most)
            layout = more if _fits(data, fonts, more) else layout
    return layout


def _rest(data: CurveData, fonts: Fonts, layout: CurveLayout) -> float:
    """Return the height of all but the curves."""
    return _sheet(data, fonts, layout).height - layout.curve * len(layout.bands)


def _fits(data: CurveData, fonts: Fonts, layout: CurveLayout) -> bool:
    """Whether a page has room for it, with curves that have their share."""
    rest, bands = _rest(data, fonts, layout), len(layout.bands)
    least = max(layout.curve, _least(data, fonts, layout))
    return rest + bands * max(least, _part(layout.share, rest) / bands) <= highest(PAGE)


def _part(share: float, rest: float) -> float:
    """Return the height of a part that has this share beside the ``rest``."""
    return share / (1 - share) * rest


def _sheet(data: CurveData, fonts: Fonts, layout: CurveLayout) -> _Sheet:
    shared = _shared_key(data, layout, fonts)
    one = bool(shared) and all(len(p.series) == 1 for p in data.panels)
    warned = lay_warned(data.found, fonts, layout.width)
    doubts = warned.above + 4.0 + title_height(data.title, fonts, layout.width)
    start = doubts + warned.below
    top = start + _ROOM * len(shared) + (4 if shared else 0)
    placed = []
    for band in layout.bands:
        room = layout.panel_width(len(band.panels))
        keys = tuple(
            () if one else _key(p, data.alpha, fonts, room, room, layout.flat, bool(shared)) for p in band.panels
        )
        broken = any(entry.kind == "more" for key in keys for line in key for entry in line)
        wide = len(keys) == 1 and (broken or (not shared and band.panels[0].many))
        if wide:
            whole = layout.width - 3 * _EDGE
            keys = (_key(band.panels[0], data.alpha, fonts, whole, room, layout.flat, bool(shared)),)
        named = any(pieces_told(p, room) for p in band.panels)
        placed.append(_Placed(band, keys, top, wide, named, layout.flat))
        top += placed[-1].height + layout.curve
    cut = any(entry.words.endswith("…") for one in placed for key in one.keys for line in key for entry in line)
    cut = cut or any(name.endswith("…") for band in layout.bands for name in _written(band, layout, fonts))
    notes = note_lines(
        note(data, layout, cut, _cut_series(placed, bool(shared)), fonts), fonts, 0.97 * layout.width - 4
    )
    return _Sheet(layout, warned, doubts, start + 3, shared, tuple(placed), top, tuple(notes))


def _cut_series(placed: Sequence[_Placed], shared: bool) -> list[str]:
    """Return the names of series that a key has cut: an estimand without its end would be another.

    Beside a ``shared`` key a panel's own does not name many series.
    """
    pairs = [pair for one in placed for pair in zip(one.band.panels, one.keys, strict=True)]
    said = [(p, "".join(e.words for line in key for e in line).replace(" ", "")) for p, key in pairs]
    several = [
        (s.short if p.many else s.label, words)
        for p, words in said
        if words and len(p.series) > 1 and not (shared and p.many)
        for s in p.series
    ]
    return list(dict.fromkeys(label for label, words in several if label.replace(" ", "") not in words))


def _key(
    panel: CurvePanel,
    alpha: float,
    fonts: Fonts,
    room: float,
    width: float,
    flat: bool,
    own: bool = False,
    of: Sequence[CurvePanel] = (),
) -> KeyLines:
    if panel.whole and panel.positions[0] != panel.whole.positions[0]:
        return ()  # it stands above the first part
    numbers, most = numbered(panel, fonts, width), 1 if flat else ENTRY_LINES
    return key_lines(panel.whole or panel, alpha, fonts, room, few(panel, width), most, own, of, numbers)


def _shared_key(data: CurveData, layout: CurveLayout, fonts: Fonts) -> KeyLines:
    """Return the one key of several panels, or none; where they have several series, those are named by each panel."""
    widths = [(p, layout.panel_width(len(b.panels))) for b in layout.bands for p in b.panels]
    several = {len(p.series) > 1 for p in data.panels}
    bars = {few(p, width) for p, width in widths}
    alike = len({dense(p) for p in data.panels}) == 1
    if len(data.panels) == 1 or not alike or (True in several and len(bars) > 1):
        return ()
    room = layout.width - layout.left
    if True in several:
        named = sorted(data.panels, key=lambda p: len(p.series) == 1)
        return kinds_of_marks(named, data.alpha, fonts, room, bars.pop())
    panel = max(data.panels, key=lambda p: (p.preferred is not None, len(p)))
    return _key(panel, data.alpha, fonts, room, widths[0][1], layout.flat, of=data.panels)


def _draw_band(page: Page, layout: CurveLayout, placed: _Placed, data: CurveData, own: bool) -> None:
    """Draw a band of panels, which have keys of their ``own`` where none is shared."""
    band, count = placed.band, len(placed.band.panels)
    width = layout.panel_width(count)
    curve = placed.top + placed.head
    sensitivity = curve + layout.curve + GAP
    choices = sensitivity + placed.sensitivity
    strip = choices + band.choices + GAP
    for k, panel in enumerate(band.panels):
        left = layout.panel_left(k, count)
        if count > 1:
            _name(page, panel, data.alpha, left, placed.top, layout, width)
        above = curve - placed.kinds - _ROOM * len(placed.keys[k]) + 3
        draw_key(page, placed.keys[k], _EDGE if placed.wide else left, above, _ROOM)
        if panel.apart:
            _kinds(page, panel, left, curve - _ROOM * (1.6 if placed.named else 0.6), width)
        if pieces_told(panel, width):
            _pieces(page, panel, left, curve - 0.6 * _ROOM, width, own)
        draw_curve(page.axes(left, curve, width, layout.curve), panel, page.fonts, width)
        if panel.breakdowns is not None:
            draw_breakdowns(page.axes(left, sensitivity, width, SENSITIVITY), panel, page.fonts)
        if band.lines:
            draw_choices(page.axes(left, choices, width, band.choices), panel, band, layout.row, width)
        if placed.strip:
            draw_strip(page.axes(left, strip, width, STRIP), panel, page.fonts)
    if count == 1:
        _facts(page, band.panels[0], data.alpha, curve, layout)
    if layout.medians:
        _medians(page, band, choices, layout)
    for line in band.lines:
        _label(page, line, choices + line.top + layout.row / 2)
    if placed.sensitivity:
        _survivors(page, band, layout, sensitivity + SENSITIVITY / 2)
    if placed.strip:
        _rows(page, band, layout, strip + STRIP / 2)


def _kinds(page: Page, panel: CurvePanel, left: float, middle: float, width: float) -> None:
    """Name the segments above them; one too narrow for its name has it end with the next one's."""
    slot, limit = width / panel.extent, left + width
    for segment in reversed(panel.segments):
        n = segment.stop - segment.start
        start = left + slot * float(panel.across(segment.start))
        text = page.fonts.first_fit(
            (f"{say(segment.kind)} ({n:,})", say(segment.kind)), SMALL, limit - max(left, start)
        )
        whole = page.fonts.width(say(segment.kind), SMALL)
        text = say(segment.kind) if text.endswith("…") else text
        at = min(start, limit - max(whole, page.fonts.width(text, SMALL)))
        page.line((start, start + slot * n), (middle + 4.5, middle + 4.5), FAINT, 0.6)
        if at >= left - 0.5:
            page.text(at, middle, text, SMALL, colour=QUIET)
            limit = at - 5


def _pieces(page: Page, panel: CurvePanel, left: float, middle: float, width: float, own: bool = False) -> None:
    """Name pieces above them by what comes first in the key, or where names do not all fit by the key's numbers.

    Many of a panel without a key of its ``own`` have no numbers: names stand where there is room.
    """
    slot, free = width / panel.extent, left
    numbers = numbered(panel, page.fonts, width) and (own or not panel.many)
    texts = (
        [str(number_of(panel, int(panel.which[start]))) for start, _ in panel.pieces]
        if numbers
        else names_of_pieces(panel)
    )
    for (start, stop), text in zip(panel.pieces, texts, strict=True):
        wide, room = page.fonts.width(text, SMALL), slot * (stop - start)
        at = left + slot * float(panel.across(start)) + ((room - wide) / 2 if numbers else 2)
        if at >= free and wide <= (2 * room if numbers else room - 4):
            page.text(at, middle, text, SMALL, colour=QUIET)
            free = at + wide + (2 if numbers else 5)


def _survivors(page: Page, band: PanelRow, layout: CurveLayout, middle: float) -> None:
    """Write beside the strip of breakdown values how many specifications survive its bound."""
    room = layout.left - TICKS - 2
    found = [p.breakdowns for p in band.panels if p.breakdowns is not None]
    many, every = sum(int(b.known.sum()) for b in found), sum(map(len, band.panels))
    top = middle - (0.5 * _ROOM if many == every else NOTE)
    page.text(2, top, page.fonts.first_fit((say("Breakdown M̄"), "M̄"), TEXT, room, bold=True), TEXT, bold=True)
    if many < every:
        known = (
            say("{some:,} of {all:,} assessed", some=many, all=every),
            say("{some:,} of {all:,}", some=many, all=every),
            f"{many:,}/{every:,}",
        )
        page.text(2, middle, page.fonts.first_fit(known, SMALL, room), SMALL, colour=QUIET)
    above = sum(int((b.values >= b.bound).sum()) for b in found)
    words = (
        say("{many} of {of} survive {bound}", many=f"{above:,}", of=f"{many:,}", bound=f"M̄ = {found[0].bound:g}"),
        f"{above:,}/{many:,} ≥ {found[0].bound:g}",
    )
    if many and (inside := sum(b.inside for b in found)) == many:
        words = say("zero inside at 0 in {inside:,}", inside=inside), say("0 in all {inside:,}", inside=inside)
    page.text(2, 2 * middle - top, page.fonts.first_fit(words, SMALL, room), SMALL, colour=QUIET)


def _rows(page: Page, band: PanelRow, layout: CurveLayout, middle: float) -> None:
    """Write the range of N beside its strips: of each panel where they differ and have room, else of all."""
    page.text(2, middle, "N", TEXT, bold=True)
    ends = dict.fromkeys((int(p.nobs.min()), int(p.nobs.max())) for p in band.panels)
    whole = min(least for least, _ in ends), max(most for _, most in ends)
    ways = [say("; ").join(_range(*one) for one in ends), _range(*whole), f"{whole[0]:,}–{whole[1]:,}", ""]
    # A number that is cut is another one.
    page.text(12, middle, page.fonts.first_fit(ways, SMALL, layout.left - 40), SMALL, colour=QUIET)


def _range(least: int, most: int) -> str:
    if least == most:
        return say("{most:,} in all", most=most)
    return say("{least:,} to {most:,}", least=least, most=most)


def _label(page: Page, line: ChoiceLine, middle: float) -> None:
    page.text(2 if line.is_heading or line.alone else 2 + INDENT, middle, line.text, TEXT, bold=line.is_heading)
    if line.always:
        beside = 2 + page.fonts.width(line.text, TEXT, bold=True) + 4
        page.text(beside, middle, line.always, SMALL, colour=QUIET)


def _beside(panel: CurvePanel, alpha: float, fonts: Fonts, layout: CurveLayout) -> tuple[list[str], list[str]]:
    """Return the lines of name and facts that stand beside a curve; a flat one has no room for shares."""
    room, name = layout.left - TICKS, _name_lines(panel, fonts, layout)
    # A number that is cut is another one.
    written = (fonts.first_fit((*texts, ""), SMALL, room) for texts in facts(panel, layout.flat))
    said = [text for text in written if text]
    return name, said if layout.flat else [*said, *_whole(share_facts(panel, alpha, layout.brief), fonts, room)]


def _name_lines(panel: CurvePanel, fonts: Fonts, layout: CurveLayout) -> list[str]:
    return _beside_curve(_spellings(panel, layout, fonts)[0], panel, fonts, layout)


def _beside_curve(name: str, panel: CurvePanel, fonts: Fonts, layout: CurveLayout) -> list[str]:
    """Break a name into as many lines as it needs, or as a flat curve has beside its facts."""
    most = max(1, int(FLAT / _ROOM) - len(facts(panel, flat=True))) if layout.flat else sys.maxsize
    return entry_lines(name, fonts, layout.left - TICKS, most, TEXT, bold=True)


def _facts(page: Page, panel: CurvePanel, alpha: float, top: float, layout: CurveLayout) -> None:
    """Write beside the curve what it holds."""
    name, said = _beside(panel, alpha, page.fonts, layout)
    for k, text in enumerate(name):
        page.text(2, top + 4 + _ROOM * k, text, TEXT, bold=True)
    for k, text in enumerate(said, len(name)):
        page.text(2, top + 4 + _ROOM * k, text, SMALL, colour=QUIET)


def _least(data: CurveData, fonts: Fonts, layout: CurveLayout) -> float:
    """Return how high curves are at least, so that what stands beside them ends where they do."""
    alone = [band.panels[0] for band in layout.bands if len(band.panels) == 1]
    lines = (_beside(panel, data.alpha, fonts, layout) for panel in alone)
    return max((_ROOM * (len(name) + len(said)) for name, said in lines), default=0.0)


def _written(band: PanelRow, layout: CurveLayout, fonts: Fonts) -> Iterator[str]:
    """Return the names of panels as they stand above or beside them."""
    for panel in band.panels:
        if len(band.panels) > 1:
            spellings = _spellings(panel, layout, fonts)
            yield fonts.first_fit(spellings, TEXT, layout.panel_width(len(band.panels)), bold=True)
        else:
            yield from _name_lines(panel, fonts, layout)


def _name(
    page: Page, panel: CurvePanel, alpha: float, left: float, top: float, layout: CurveLayout, width: float
) -> None:
    """Write a panel's name and facts above it, where several stand side by side."""
    spellings = _spellings(panel, layout, page.fonts)
    page.text(left, top + 4, page.fonts.first_fit(spellings, TEXT, width, bold=True), TEXT, bold=True)
    words = facts(panel, layout.flat)
    # The shares need a line of their own, since what the null expects stands beside them.
    shares = share_facts(panel, alpha, layout.brief)
    for line, part in enumerate((words, shares) if shares else (words,)):
        texts = _above(part)
        if part is shares and page.fonts.width(texts[-1], SMALL) > width:
            continue
        middle = top + 4 + _ROOM * (line + 1)
        page.text(left, middle, page.fonts.first_fit(texts, SMALL, width), SMALL, colour=QUIET)


def _whole(said: list[tuple[str, ...]], fonts: Fonts, room: float) -> list[str]:
    """Return these lines, broken before the null where narrow; none if one is cut, as a share would stand alone.

    They are broken before they lose the word that says what a share is of.
    """
    whole = [[texts[min(k, len(texts) - 1)] for texts in said] for k in range(4)]
    parts = [[part for text in way for part in re.sub(" ?([(（])", r"\n\1", text).split("\n")] for way in whole]
    named = [part for text in whole[3] for part in re.sub("([:：]) ?(?=.)", r"\1\n", text).split("\n")]
    ways = [*whole[:3], *parts[1:3], whole[3], parts[3], named]
    return next((w for w in ways if all(fonts.width(line, SMALL) <= room for line in w)), [])


def _medians(page: Page, band: PanelRow, top: float, layout: CurveLayout) -> None:
    """Write at the right the median estimate of the specifications that take each option."""
    panel = band.panels[0]
    right = layout.width - 2
    rows = {(c.heading, r.label): r for c in panel.choices for r in c.rows}
    for line in band.lines:
        row = rows.get((line.heading, line.label))
        middle = top + line.top + layout.row / 2
        if line is band.lines[0]:
            # A choice on a line of its own has its median there.
            page.text(right, middle - (NOTE if row else 0), say("median"), SMALL, colour=QUIET, align="right")
        if row is not None:
            values = panel.estimate[row.chosen]
            text = fixed(float(np.median(values)), panel.decimals) if len(values) else "–"
            page.text(right, middle, text, SMALL, colour=QUIET, align="right")


def _texts(data: CurveData) -> Iterator[str]:
    """Return every text of a user that the figure writes, and the signs it adds itself."""
    yield data.title + data.vcov + "−–…·≥" + ("M̄" if any(p.breakdowns for p in data.panels) else "")
    yield from (*data.found.details, data.found.brief, data.found.verdict)
    for panel in data.panels:
        yield panel.name
        yield from (s.label for s in panel.series)
        for choices in panel.choices:
            yield choices.heading
            yield from choices.always
            yield from (r.label for r in choices.rows)


FIGURE = FigureKind("spec_curve", later("Specification curve"), curve_data, draw)

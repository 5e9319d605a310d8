"""The specification curve: sorted estimates above, what was chosen below, one panel per scale.

The form follows Simonsohn, Simmons and Nelson (2020), Nature Human Behaviour 4, figure 2.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._describe.curve_tests import Bands
from specdid._records import Results
from specdid._records.cautions import NO_ROWS, headline
from specdid._records.numerals import counted, percent
from specdid._words import later, say, sentences, told
from specdid.figures._axes import fixed
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import (
    STRIP_SHADES,
    THIN,
    beyond,
    dense,
    draw_breakdowns,
    draw_choices,
    draw_curve,
    draw_strip,
    few,
    marker_in,
    ribbon_shades,
    ribbons_of,
    separate,
    short_marks,
)
from specdid.figures._curve_data import STILL, CurveData, CurvePanel, curve_data
from specdid.figures._fonts import Fonts
from specdid.figures._layout import (
    FLAT,
    FULL,
    GAP,
    INDENT,
    LOW,
    SENSITIVITY,
    STRIP,
    TICKS,
    ChoiceLine,
    CurveLayout,
    Layouts,
    PanelRow,
)
from specdid.figures._page import (
    CUT,
    NOTE,
    SHEET,
    Page,
    choose_fonts,
    entry_lines,
    highest,
    joined,
    listed,
    note_lines,
    spelled_out,
    title_height,
    width_of_rows,
    wrap,
    write_note,
)
from specdid.figures._panes import (
    KeyEntry,
    KeyLines,
    break_lines,
    doubt_lines,
    draw_key,
    effect_names,
    estimands_of,
    is_cut,
    null_share,
    nulls_told,
    p_entries,
    preferred_entries,
    series_entries,
    shares_told,
)
from specdid.figures._style import (
    DEFAULT,
    DOUBT,
    FAINT,
    INK,
    QUIET,
    SMALL,
    TEXT,
    TITLE,
    WRONG,
    blend,
    own_style,
    stamp,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROOM = 10.5
_SHADES = 4
"""Colours of ribbons that a swatch has room for."""


def facts(panel: CurvePanel) -> list[str]:
    """Return facts about a panel."""
    said = [counted(len(panel))]
    if len(panel.series) == 1:
        said.append(say("median {median}", median=fixed(panel.series[0].median, panel.decimals)))
    if not panel.nobs_varies:
        said.append(f"N = {int(panel.nobs[0]):,}")
    return said


def share_facts(panel: CurvePanel, short: bool = False) -> list[str]:
    """Return the shares significant of the specifications that a null tested, beside what the null expects.

    ``short``: with signs in place of words. Estimands are not pooled: of several, each has its share with the sign that
    most have. Without a null there are none, as in the summary, nor where not all were tested or others' errors tested
    them: the note says that with them.
    """
    nulls = panel.null_shares
    if panel.many or any(s.errors for _, s in nulls) or (len(nulls) == 1 and nulls[0][1].tested < len(panel)):
        return []
    said = []
    for words, s in nulls:
        below, above = ("−", "+") if short else (say("negative"), say("positive"))
        signs = (s.negative, below, s.null_negative), (s.positive, above, s.null_positive)
        for number, word, null in signs if len(nulls) == 1 else [max(signs)]:
            share = say("{share} sig. {word}", share=percent(number), word=word)
            text = say("{share} ({null})", share=share, null=null_share(s, null))
            named = [headline(series.label) for series in panel.series if series.words == words]
            name = named[0] if len(named) == 1 else told(words)
            said.append(text if len(nulls) == 1 else say("{name}: {share}", name=name, share=text))
    return said


def note(data: CurveData, layout: CurveLayout, told_apart: Sequence[CurvePanel] = (), cut: bool = False) -> str:
    """Say what is drawn, in sentences: with the shares of panels ``told_apart``, and of names that are ``cut``."""
    widths = [(p, layout.panel_width(len(b.panels))) for b in layout.bands for p in b.panels]
    bars = {few(p, width) for p, width in widths}
    shape = say("Bars and ribbons") if len(bars) > 1 else say("Bars") if True in bars else say("Ribbons")
    parts = [say("{shape}: 90% and 95% confidence intervals (standard errors: {vcov}).", shape=shape, vcov=data.vcov)]
    if any(stop - start > THIN for p in data.panels for start, stop in p.pieces):
        parts.append(say("Drawn are medians of neighbouring specifications."))
    if layout.has_rows and not all(separate(p, width) for p, width in widths):
        parts.append(say("Below: the darker a tile, the larger the share of neighbours that take the option."))
    if layout.has_rows and any(short_marks(p, width) for p, width in widths):
        parts.append(say("Marks of options are short where p ≥ {alpha:g}.", alpha=data.alpha))
    parts += estimands_of(data.panels)
    parts += [shares_told(p, p.null_shares, data.alpha, data.vcov, len(data.panels) > 1) for p in told_apart]
    parts += nulls_told([(p, [*((w, s.null) for w, s in p.null_shares), *p.band_nulls]) for p in data.panels])
    parts += _sensitivity(data)
    if alone := sum(int(np.isnan(p.low95).sum()) for p in data.panels):
        parts.append(
            say(
                "{alone:,} of {n:,} estimates have no interval, for want of a standard error: {why}.",
                alone=alone,
                n=sum(len(p.low95) for p in data.panels),
                why=data.without_error,
            )
        )
    if any(p.apart for p in data.panels):
        parts.append(
            say(
                "Uncertain and nonequivalent: specifications with an option of that type; in no joint test, nor in "
                "medians of the others."
            )
        )
    if beyond_axis := sum(beyond(p) for p in data.panels):
        one = beyond_axis == 1
        words = "{cut:,} interval goes beyond the axis." if one else "{cut:,} intervals go beyond the axis."
        parts.append(say(words, cut=beyond_axis))
    parts += _of_rows(data, layout)
    if data.failed:
        parts.append(
            say(
                "{failed:,} planned specifications could not be estimated."
                if data.failed > 1
                else "{failed:,} planned specification could not be estimated.",
                failed=data.failed,
            )
        )
    if cut or any(line.is_cut for b in layout.bands for line in b.lines):
        parts.append(say(CUT))
    return sentences([*parts, data.absent]).strip()


def _of_rows(data: CurveData, layout: CurveLayout) -> Iterator[str]:
    """Say how the rows of choices are to be read, and which choices have none."""
    lines = [line for b in layout.bands for line in b.lines]
    named = {line.heading for line in lines}
    mine = [c for p in data.panels for c in p.choices if c.heading in named]
    usual = {c.heading: c.usual for c in mine if c.usual}
    yield from (say("{heading}: what differs from {usual}.", heading=h, usual=u) for h, u in usual.items())
    yield from spelled_out(c.common for c in mine)
    if any(line.alone for line in lines):
        yield say("Of choices with two options the rarer has a row, of two as frequent the first.")
    if layout.still:
        yield say(
            "Without rows, since no estimate moves by {still:.0%} of the range of its estimand: {headings}.",
            still=STILL,
            headings=listed(layout.still),
        )
    if layout.left_out:
        yield say(
            "Without rows for lack of room: {left_out}; what they move is in choices.csv.",
            left_out=listed(layout.left_out),
        )


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
        if without := sum(int((~b.known).sum()) for b in found):
            of = sum(len(b.known) for b in found)
            yield say("Pale, below zero: not assessed, {without:,} of {of:,}.", without=without, of=of)


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
        sheet = _fitting(Layouts.of(data, fonts, width_of_rows(width or DEFAULT)))
        if sheet.layout.left_out and not sheet.layout.has_rows:
            warnings.warn(NO_ROWS.message, stacklevel=2)
        return _drawn(data, sheet, fonts)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A band of panels and where it stands, with the shares that stand above or beside its curves."""

    band: PanelRow
    top: float
    shares: tuple[tuple[str, ...], ...]
    strip: bool
    names: int

    @property
    def head(self) -> float:
        """Height of the lines above the curves."""
        above = 2 + any(self.shares) if len(self.band.panels) > 1 else 0
        return _ROOM * (above + self.names) + 2

    @property
    def sensitivity(self) -> float:
        """Height of the strip with breakdown values, where [honest] found some."""
        return GAP + SENSITIVITY if any(p.breakdowns for p in self.band.panels) else 0.0

    @property
    def height(self) -> float:
        """Height of the whole band but for its curves."""
        below = self.sensitivity + self.band.choices + (GAP + STRIP if self.strip else 0.0)
        return self.head + (GAP + below if below else 0.0) + 12


@dataclass(frozen=True, slots=True)
class _Sheet:
    """All that stands on the page: the tops of its parts, in points from above."""

    layout: CurveLayout
    failed: tuple[str, ...]
    doubts: tuple[str, ...]
    key: KeyLines
    placed: tuple[_Placed, ...]
    end: float
    notes: tuple[str, ...]

    @property
    def height(self) -> float:
        return self.end + NOTE * len(self.notes) + 4


def _fitting(layouts: Layouts) -> _Sheet:
    """Set rows closer, then lower the curves, then leave out choices, those that move least first, until all fits.

    The curves then take what room is left, up to their usual share.
    """
    order, least = layouts.order, FLAT if len(layouts.bands) > 1 else LOW
    ways = (False, False, FULL), (True, False, FULL), (True, True, FULL), (True, True, LOW), (True, True, least)
    for close, alone, curve in ways:
        layout = layouts.made(order, close, alone, curve)
        if _fits(layouts, layout, shared=curve == FULL):
            break
    else:
        kept: list[str] = []
        for name in order:
            kept = [*kept, name] if _fits(layouts, layouts.made([*kept, name], True, True, least)) else kept
        layout = layouts.made(kept, True, True, least)
    rest, bands = _rest(layouts, layout), len(layout.bands)
    room = min(layout.share / (1 - layout.share) * rest, highest(SHEET) - rest) / bands
    low = min(layout.curve, max(FLAT / 2, (highest(SHEET) - rest) / bands))
    return _sheet(layouts, replace(layout, curve=max(low, room)))


def _rest(layouts: Layouts, layout: CurveLayout) -> float:
    """Return the height of all but the curves."""
    return _sheet(layouts, layout).height - layout.curve * len(layout.bands)


def _fits(layouts: Layouts, layout: CurveLayout, shared: bool = False) -> bool:
    """Whether a page has room for it; ``shared``: with curves that have their share."""
    rest, curves = _rest(layouts, layout), layout.curve * len(layout.bands)
    share = layout.share / (1 - layout.share) * rest if shared else 0.0
    return rest + max(curves, share) <= highest(SHEET)


def _sheet(layouts: Layouts, layout: CurveLayout) -> _Sheet:
    data, fonts = layouts.data, layouts.fonts
    room = 0.97 * layout.width - 4
    failed = wrap(data.found.failed, fonts, room, TITLE, bold=True)
    doubts = doubt_lines(data.found.brief, data.found.verdict, fonts, room)
    key = break_lines(_key(data, layout), fonts, layout.width - 4)
    top = title_height(data.title, fonts, layout.width) + _ROOM * len(key) + 8
    top += NOTE * len(doubts) + _ROOM * len(failed) + (4 if doubts or failed else 0)
    placed = []
    for band in layout.bands:
        width, count = layout.panel_width(len(band.panels)), len(band.panels)
        shares = tuple(tuple(_shares(p, fonts, layout, count)) for p in band.panels)
        strip = any(p.nobs_varies for p in band.panels) and not layout.flat
        names = any(p.apart for p in band.panels) + any(_told_pieces(p, width) for p in band.panels)
        placed.append(_Placed(band, top, shares, strip, names))
        top += placed[-1].height + layout.curve
    beside = {id(p) for one in placed for p, said in zip(one.band.panels, one.shares, strict=True) if said}
    apart = [p for p in data.panels if p.null_shares and id(p) not in beside]
    notes = note_lines(note(data, layout, apart, is_cut(key)), fonts, room)
    return _Sheet(layout, tuple(failed), tuple(doubts), key, tuple(placed), top, tuple(notes))


def _key(data: CurveData, layout: CurveLayout) -> Iterator[KeyEntry]:
    """Return the entries of series, of marks, of intervals and of the null."""
    widths = {id(p): layout.panel_width(len(b.panels)) for b in layout.bands for p in b.panels}
    bars = [p for p in data.panels if few(p, widths[id(p)])]
    yield from series_entries(data.panels, lambda p, k: marker_in(p, k, any(p is one for one in bars)))
    marked = [p for p in data.panels if not dense(p)]
    yield from p_entries(marked, data.alpha) if marked else ()
    if len(marked) < len(data.panels):
        words = say("strip: the darker, the more p < {alpha:g}", alpha=data.alpha)
        yield KeyEntry("shades", STRIP_SHADES, words)
    ribbons = [p for p in data.panels if not any(p is one for one in bars)]
    shades = [ribbon_shades(p, own) for p in ribbons for a, b in p.pieces for own in ribbons_of(p, a, b)]
    outer, inner = (tuple(dict.fromkeys(s[k] for s in shades))[:_SHADES] for k in range(2))
    grey = blend(INK, 0.5)
    yield KeyEntry("shades", inner, say("90% interval")) if inner else KeyEntry("bar", grey, say("90% interval"))
    yield KeyEntry("shades", outer, say("95% interval")) if outer else KeyEntry("thin bar", grey, say("95% interval"))
    if any(p.null_band is not None for p in data.panels):
        yield KeyEntry("dashed", QUIET, say("null: median and 95% band"))
    yield from preferred_entries(data.panels)


def _shares(panel: CurvePanel, fonts: Fonts, layout: CurveLayout, count: int) -> list[str]:
    """Return shares in lines that have room beside a curve, or on one line above it; none where one is cut."""
    ways = [share_facts(panel, short) for short in (False, True)]
    if count > 1:
        fitting = (line for line in map(joined, ways) if fonts.width(line, SMALL) <= layout.panel_width(count))
        return [line for line in fitting if line][:1]
    room = layout.left - TICKS
    # A text without room is broken before the null first.
    split = [
        [p for t in way for p in ([t] if fonts.width(t, SMALL) <= room else re.split(r" ?(?=[(（])", t, maxsplit=1))]
        for way in ways
    ]
    broken = [[line for part in way for line in wrap(part, fonts, room)] for way in split]
    lines = next((lines for lines, way in zip(broken, split, strict=True) if len(lines) == len(way)), broken[-1])
    above = len(_name(panel, fonts, layout)) + len(facts(panel))
    return lines if _ROOM * (above + len(lines)) <= layout.curve else []


def _name(panel: CurvePanel, fonts: Fonts, layout: CurveLayout) -> list[str]:
    """Break a name beside a curve into as many lines as it leaves room for facts."""
    most = max(1, int(layout.curve / _ROOM) - len(facts(panel)))
    return entry_lines(effect_names(panel.name, panel.scaled)[0], fonts, layout.left - TICKS, most, TEXT, bold=True)


def _drawn(data: CurveData, sheet: _Sheet, fonts: Fonts) -> Figure:
    layout = sheet.layout
    page = Page.new(fonts, layout.width, sheet.height)
    page.title(data.title)
    top = title_height(data.title, fonts, layout.width) + 4
    for k, line in enumerate(sheet.failed):
        page.text(2, top + _ROOM * (k + 0.5), line, TITLE, bold=True, colour=WRONG)
    top += _ROOM * len(sheet.failed)
    write_note(page, sheet.doubts, top, DOUBT, bold=True)
    top += NOTE * len(sheet.doubts) + (4 if sheet.doubts or sheet.failed else 0)
    draw_key(page, sheet.key, 2, top + 3, _ROOM)
    for one in sheet.placed:
        _draw_band(page, layout, one)
    for k, line in enumerate(sheet.notes):
        page.text(2, sheet.end + NOTE * k + 3, line, SMALL, colour=QUIET)
    stamp(page.figure, data.found.failed)
    return page.figure


def _draw_band(page: Page, layout: CurveLayout, placed: _Placed) -> None:
    band, count = placed.band, len(placed.band.panels)
    width = layout.panel_width(count)
    curve = placed.top + placed.head
    sensitivity = curve + layout.curve + GAP
    choices = sensitivity + placed.sensitivity
    strip = choices + band.choices + GAP
    for k, (panel, shares) in enumerate(zip(band.panels, placed.shares, strict=True)):
        left = layout.panel_left(k, count)
        if count > 1:
            _head(page, panel, shares, left, placed.top + 4, width)
        else:
            _facts(page, panel, shares, curve + 4, layout)
        if panel.apart:
            kinds = [(s.start, s.stop, say(s.kind)) for s in panel.segments]
            _names(page, panel, kinds, left, curve - _ROOM * (placed.names - 0.4), width, lined=True)
        if _told_pieces(panel, width):
            pieces = [(a, b, headline(panel.series[int(panel.which[a])].label)) for a, b in panel.pieces]
            _names(page, panel, pieces, left, curve - 0.6 * _ROOM, width)
        draw_curve(page.axes(left, curve, width, layout.curve), panel, page.fonts, width)
        if panel.breakdowns is not None:
            draw_breakdowns(page.axes(left, sensitivity, width, SENSITIVITY), panel, page.fonts)
        if band.lines:
            draw_choices(page.axes(left, choices, width, band.choices), panel, band, layout.row, width)
        if placed.strip:
            draw_strip(page.axes(left, strip, width, STRIP), panel, page.fonts)
    if layout.medians:
        _medians(page, band, choices, layout)
    for line in band.lines:
        _label(page, line, choices + line.top + layout.row / 2)
    if placed.sensitivity:
        _survivors(page, band, layout, sensitivity + SENSITIVITY / 2)
    if placed.strip:
        _rows(page, band, layout, strip + STRIP / 2)


def _told_pieces(panel: CurvePanel, width: float) -> bool:
    """Say whether pieces are named: ribbons of several estimands, whose colours are alike in grey, and many series."""
    series = {int(panel.which[start]) for start, _ in panel.pieces}
    return len(series) > 1 and (panel.many or not few(panel, width))


def _names(
    page: Page, panel: CurvePanel, parts: Sequence[tuple[int, int, str]], left: float, middle: float, width: float,
    lined: bool = False,
) -> None:  # fmt: skip
    """Name parts of a curve above them, those whose names have room; ``lined``: with a line above each."""
    slot, free = width / panel.extent, left + width
    for start, stop, text in reversed(parts):
        at, room = left + slot * float(panel.across(start)), slot * (stop - start)
        wide = page.fonts.width(text, SMALL)
        if lined:
            page.line((at, at + room), (middle + 4.5, middle + 4.5), FAINT, 0.6)
            at = min(at, free - wide)
        if at >= left - 0.5 and (lined or wide <= room):
            page.text(at, middle, text, SMALL, colour=QUIET)
            free = at - 5


def _survivors(page: Page, band: PanelRow, layout: CurveLayout, middle: float) -> None:
    """Write beside the strip of breakdown values how many specifications survive its bound."""
    found = [p.breakdowns for p in band.panels if p.breakdowns is not None]
    many = sum(int(b.known.sum()) for b in found)
    above = sum(int((b.values >= b.bound).sum()) for b in found)
    bound = f"M̄ = {found[0].bound:g}"
    words = (
        say("{many} of {of} survive {bound}", many=f"{above:,}", of=f"{many:,}", bound=bound),
        f"{above:,}/{many:,} ≥ {found[0].bound:g}",
    )
    page.text(2, middle - 0.5 * _ROOM, say("Breakdown M̄"), TEXT, bold=True)
    page.text(2, middle + 0.5 * _ROOM, page.fonts.first_fit(words, SMALL, layout.left - TICKS - 2), SMALL, colour=QUIET)


def _rows(page: Page, band: PanelRow, layout: CurveLayout, middle: float) -> None:
    """Write the range of N beside its strips."""
    page.text(2, middle, "N", TEXT, bold=True)
    least, most = (int(end([end(p.nobs) for p in band.panels])) for end in (min, max))
    ways = [say("{least:,} to {most:,}", least=least, most=most), f"{least:,}–{most:,}", ""]
    # A number that is cut is another one.
    page.text(12, middle, page.fonts.first_fit(ways, SMALL, layout.left - 40), SMALL, colour=QUIET)


def _label(page: Page, line: ChoiceLine, middle: float) -> None:
    page.text(2 if line.is_heading or line.alone else 2 + INDENT, middle, line.text, TEXT, bold=line.is_heading)
    if line.always:
        beside = 2 + page.fonts.width(line.text, TEXT, bold=True) + 4
        page.text(beside, middle, line.always, SMALL, colour=QUIET)


def _facts(page: Page, panel: CurvePanel, shares: Sequence[str], top: float, layout: CurveLayout) -> None:
    """Write beside the curve what it holds, as far as it is high; a number that is cut is another one."""
    room = layout.left - TICKS
    name = _name(panel, page.fonts, layout)
    said = [*(text for text in facts(panel) if page.fonts.width(text, SMALL) <= room), *shares]
    for k, text in enumerate(name):
        page.text(2, top + _ROOM * k, text, TEXT, bold=True)
    for k, text in enumerate(said, len(name)):
        page.text(2, top + _ROOM * k, text, SMALL, colour=QUIET)


def _head(page: Page, panel: CurvePanel, shares: Sequence[str], left: float, top: float, width: float) -> None:
    """Write a panel's name and facts above it, where several stand side by side."""
    name = page.fonts.first_fit(effect_names(panel.name, panel.scaled), TEXT, width, bold=True)
    page.text(left, top, name, TEXT, bold=True)
    ways = [joined(facts(panel)[:k]) for k in (3, 2, 1)]
    page.text(left, top + _ROOM, page.fonts.first_fit(ways, SMALL, width), SMALL, colour=QUIET)
    for text in shares:
        page.text(left, top + 2 * _ROOM, text, SMALL, colour=QUIET)


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
    yield data.found.failed + data.found.brief + data.found.verdict
    for panel in data.panels:
        yield panel.name
        yield from (s.label for s in panel.series)
        for choices in panel.choices:
            yield choices.heading
            yield from choices.always
            yield from (r.label for r in choices.rows)


FIGURE = FigureKind("spec_curve", later("Specification curve"), curve_data, draw)

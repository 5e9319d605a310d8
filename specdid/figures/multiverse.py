"""The multiverse plot: where the estimates lie, as a whole and option by option.

After Krähmer and Young (2026): all and the significant estimates above, each option's below, and
the mean change that the option makes. Nothing is smoothed: estimates are dots and lines, or where
these are many the bars of a histogram, as wide as each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._describe.choices import (
    Factor,
    change_factors,
    mean_changes,
    sizes_of_changes,
    unnamed_sets,
    variable_changes,
)
from specdid._records import KINDS, Family, Results
from specdid._records.cautions import capital
from specdid._records.numerals import counted, decimals_for
from specdid._words import later, say, say_choice, sentences, told
from specdid.figures._axes import (
    draw_steps,
    draw_upright,
    fixed,
    mark_beyond,
    shown_range,
    style_across,
    with_room,
)
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import draw_tested
from specdid.figures._curve_data import STILL
from specdid.figures._fonts import Fonts
from specdid.figures._page import CUT, SHEET, choose_fonts, highest, listed, spelled_out
from specdid.figures._panes import (
    Box,
    KeyEntry,
    Pane,
    columns,
    effect_names,
    estimate_of,
    hollow,
    label_across,
    lay_sheet,
    room_of,
    without_error,
)
from specdid.figures._style import ACCENT, CROSS, DEFAULT, FAINT, INK, QUIET, SMALL, TEXT, blend, own_style
from specdid.language import briefly

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page


MOST = 14
"""Options of one choice that are drawn: those that change the estimate most."""
ALL, SIGNIFICANT, UNTESTED = blend(INK, 0.34), blend(INK, 0.74), blend(INK, 0.45)
_COUNT, _CHANGE = 24.0, 36.0
_INNER = (4.0, _COUNT + _CHANGE)


@dataclass(frozen=True, slots=True)
class _Sizes:
    """Heights in points: of a row, a heading, the space between choices, and of dots or bars at most."""

    row: float
    heading: float
    space: float
    above: float


_LOOSE, _CLOSE = _Sizes(9.6, 11.0, 2.5, 84.0), _Sizes(7.8, 8.4, 1.0, 42.0)
Line = tuple[str, str, float]
"""A heading, an option's label (empty for the heading's own line), and the line's top."""
DOTS = 500
"""Specifications of a pane up to which each is drawn for itself, above where its dot is large enough."""
_DOT, _SMALLEST = 5.0, 2.6
"""Diameter of a dot in points, and the least that shows whether it is hollow."""
_WITH = later(", with")
_WHOLE = 0.41
"""Share of the width that labels may take where all are whole; else a third."""


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option: which specifications take it, and its mean change.

    ``change`` is NaN where no pair of specifications differs in it alone; ``reference``
    marks what the others are compared with. ``variable``: the option is to have a variable,
    compared with not to have it.
    """

    heading: str
    label: str
    chosen: Bools
    change: float
    reference: bool = False
    variable: bool = False


@dataclass(frozen=True, slots=True)
class MultiversePanel:
    """The specifications with one scale and one estimand; ``tested`` have a standard error, and so a p.

    ``moves`` has by heading the largest mean change and the largest change of a pair, as shares of the range,
    ``common`` by heading what […] stands for; ``kinds``, of KINDS, how many have each, where there are several;
    ``hidden`` by heading how many options have no row.
    """

    name: str
    scaled: bool
    estimand: str
    several: bool
    estimate: Floats
    significant: Bools
    rows: tuple[OptionRow, ...]
    preferred: float | None
    tested: Bools
    moves: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    common: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    kinds: tuple[tuple[str, int], ...] = ()
    hidden: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MultiverseData:
    """All panes; ``single`` names families of one specification, which have none. ``doubt`` stands against it all.

    ``verdict`` is the same in short. ``vcov``: whose standard errors p has.
    """

    title: str
    alpha: float
    panels: tuple[MultiversePanel, ...]
    doubt: str = ""
    single: tuple[str, ...] = ()
    verdict: str = ""
    vcov: str = ""


def multiverse_data(results: Results) -> MultiverseData:
    """Compute what the figure shows."""
    found = [f for f in results.families if len(f.places) > 1]
    groups = [f.group for f in found]
    panels = tuple(_panel(results, f, groups.count(f.group) > 1) for f in found)
    every = [f.group for f in results.families]
    single = [f for f in results.families if len(f.places) == 1]
    words = tuple(told(f.estimand) if every.count(f.group) > 1 else f.shown for f in single)
    planned = results.planned
    errors = planned.shown(planned.vcovs[0].removeprefix("~"))
    return MultiverseData(planned.title, planned.alpha, panels, single=words, vcov=errors)


def _panel(results: Results, family: Family, several: bool) -> MultiversePanel:
    y, place = results.estimate[family.places], results.preferred
    factors = change_factors(results, family.places)
    inside, p = place in family, results.first("p_value")[family.places]
    rows = tuple(_rows(results, family, factors, y))
    sets = {_heading(f): len(f.labels) for f in factors if f.name == f.dimension}
    unseen = {name: n - sum(r.heading == name for r in rows) for name, n in sets.items()}
    return MultiversePanel(
        family.shown,
        family.scaled,
        family.estimand,
        several,
        y,
        p < results.planned.alpha,
        rows,
        float(results.estimate[place]) if inside else None,
        np.isfinite(p),
        _moves(factors, y),
        {_heading(f): results.planned.common(f.dimension) for f in factors if f.name == f.dimension},
        _kinds(results, family),
        {name: n for name, n in unseen.items() if n},
    )


def _kinds(results: Results, family: Family) -> tuple[tuple[str, int], ...]:
    counts = np.bincount(results.planned.kind[family.places], minlength=len(KINDS)).tolist()
    found = tuple((name, n) for name, n in zip(KINDS, counts, strict=True) if n)
    return found if len(found) > 1 else ()


def _moves(factors: tuple[Factor, ...], y: Floats) -> dict[str, tuple[float, float]]:
    reach = float(y.max() - y.min())
    found: dict[str, tuple[float, float]] = {}
    for factor, sizes in zip(factors, sizes_of_changes(factors, y) if reach else (), strict=bool(reach)):
        if np.isfinite(sizes[1]):
            name = capital(say_choice(factor.dimension))
            old = found.get(name, (0.0, 0.0))
            found[name] = max(old[0], sizes[0] / reach), max(old[1], sizes[1] / reach)
    return found


def _rows(results: Results, family: Family, factors: tuple[Factor, ...], y: Floats) -> Iterator[OptionRow]:
    found = {(id(c.factor), c.level): c.mean for c in mean_changes(factors, y)}
    kind, several = results.planned.kind[family.places], bool(_kinds(results, family))
    for factor in factors:
        heading = _heading(factor)
        if factor.name != factor.dimension:
            # A variable: what it changes to have it, whatever the preferred specification has.
            change = found[id(factor), 1 - factor.reference] * (1 - 2 * factor.reference)
            yield OptionRow(heading, factor.name, factor.codes == 1, change, variable=True)
            continue
        unnamed = unnamed_sets(results, family.places) if factor.dimension == "controls" else np.zeros(len(y), bool)
        common = results.planned.common(factor.dimension)
        levels = range(len(factor.labels))
        size = [np.inf if k == factor.reference else abs(found[id(factor), k]) for k in levels]
        kept = sorted(sorted(levels, key=lambda k: -np.nan_to_num(size[k], nan=-1.0))[:MOST])
        for k in (k for k in kept if not unnamed[factor.codes == k].any()):
            change = found.get((id(factor), k), np.nan)
            label, own = briefly(factor.words(k), common), np.unique(kind[factor.codes == k]).tolist()
            if len(own) == 1 and own[0] and several:
                label = _kind_behind(label, KINDS[own[0]])
            yield OptionRow(heading, label, factor.codes == k, change, k == factor.reference)
        if unnamed.any():
            yield from _with_variables(results, family)


def _kind_behind(label: str, kind: str) -> str:
    return say("{label} ({kind})", label=label, kind=say(kind))


def _with_variables(results: Results, family: Family) -> Iterator[OptionRow]:
    """Return a row for each variable that some sets have, with a name or without: with it against without."""
    for found in variable_changes(results, family.places):
        factor = found.factor
        change = found.mean * (1 - 2 * factor.reference)
        yield OptionRow(_heading(factor), factor.name, factor.codes == 1, change, variable=True)


def _heading(factor: Factor) -> str:
    words = capital(say_choice(factor.dimension))
    return words if factor.name == factor.dimension else f"{words}{say(_WITH)}"


def draw(data: MultiverseData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts, width = choose_fonts(_texts(data)), width or DEFAULT
    with own_style():
        return _draw(data, fonts, width)


def _draw(data: MultiverseData, fonts: Fonts, width: float) -> Figure:
    """Draw rows as far apart as a page allows, then those of the choices that move most."""
    panels, across = data.panels, columns(len(data.panels), width)
    bands = [panels[k : k + across] for k in range(0, len(panels), across)]
    headings, still = _headings(panels)
    margin, ends = _margin(panels, fonts, width * 72), _shared_ends(panels)
    room = room_of(len(panels), width, margin, _INNER)
    for sizes, kept in [(_LOOSE, len(headings)), *((_CLOSE, n) for n in range(len(headings), -1, -1))]:
        lines = [_lines(band, headings[:kept], sizes) for band in bands]
        dot = _dot(panels, ends, room, sizes.above)
        page, boxes = lay_sheet(
            data.title,
            [_pane(p, 0 if dot else _tallest(p, ends[p.name, p.scaled], room)) for p in panels],
            _note(
                data,
                dot,
                still,
                headings[kept:],
                any(_is_empty(p, *line[:2]) for b, own in zip(bands, lines, strict=True) for p in b for line in own),
            ),
            fonts,
            width,
            [sizes.above + _depth(own, sizes) for own in lines],
            margin=margin,
            inner=_INNER,
            doubt=data.doubt,
            verdict=data.verdict,
            key=_key(panels, dot, data.alpha),
            cut=any(_is_cut(own, fonts, margin) for own in lines),
            told_in=CUT,
        )
        if page.height <= highest(SHEET) and (len(boxes) == len(panels) or kept <= 1):
            break
    for k, (panel, box) in enumerate(zip(panels, boxes, strict=False)):
        _draw_pane(page, box, panel, lines[k // across], dot, ends[panel.name, panel.scaled], sizes)
        if k % across == 0:
            _labels(page, box.top + sizes.above, lines[k // across], margin, sizes)
    return page.figure


def _headings(panels: Sequence[MultiversePanel]) -> tuple[list[str], list[str]]:
    """Return the headings that have rows, those of what moves the estimates of any panel most first; and the others."""
    found: dict[str, list[tuple[float, float]]] = {}
    for panel in panels:
        for row in panel.rows:
            found.setdefault(row.heading, []).append(panel.moves.get(_choice(row.heading), (np.inf, np.inf)))
    order = sorted(found, key=lambda name: (-max(mean for mean, _ in found[name]), name.endswith(say(_WITH))))
    still = [name for name in order if max(pair for _, pair in found[name]) < STILL]
    return [name for name in order if name not in still], still


def _choice(heading: str) -> str:
    """Return the choice that a heading is of."""
    return heading.removesuffix(say(_WITH))


def _margin(panels: Sequence[MultiversePanel], fonts: Fonts, points: float) -> float:
    longest = max((fonts.width(r.label, TEXT) for p in panels for r in p.rows), default=0.0) + 16
    return max(longest, 80.0) if longest <= _WHOLE * points else 0.33 * points


def _lines(panels: Sequence[MultiversePanel], headings: Sequence[str], sizes: _Sizes) -> list[Line]:
    """Return the union of the panes' rows under their headings."""
    found: dict[str, dict[str, None]] = {}
    for panel in panels:
        for row in panel.rows:
            found.setdefault(row.heading, {})[row.label] = None
    lines, top = [], 6.0
    for heading in (name for name in headings if name in found):
        lines.append((heading, "", top))
        top += sizes.heading
        for label in found[heading]:
            lines.append((heading, label, top))
            top += sizes.row
        top += sizes.space
    return lines


def _depth(lines: list[Line], sizes: _Sizes) -> float:
    return lines[-1][2] + sizes.row + 4 if lines else 4.0


def _tallest(panel: MultiversePanel, ends: tuple[float, float], room: float) -> int:
    """Count the estimates of the highest bar of a histogram ``room`` points wide."""
    inside = panel.estimate[(panel.estimate >= ends[0]) & (panel.estimate <= ends[1])]
    return int(np.histogram(inside, _edges(inside, ends, room))[0].max())


def _pane(panel: MultiversePanel, tallest: int = 0) -> Pane:
    """Say what stands above a pane; the ``tallest`` bar gives the scale of a histogram, 0 where there are dots."""
    facts = [counted(len(panel.estimate)), *([told(panel.estimand)] if panel.several else [])]
    facts[1:1] = [say("{n:,} {kind}", n=n, kind=say(kind)) for kind, n in panel.kinds]
    facts += [say("highest bar: {n:,}", n=tallest)] if tallest else []
    return Pane(effect_names(panel.name, panel.scaled), tuple(facts))


def _key(panels: Sequence[MultiversePanel], dot: float, alpha: float) -> list[KeyEntry]:
    below, above = f"p < {alpha:g}", say("p ≥ {alpha:g}", alpha=alpha)
    entries = []
    if any((p.tested & ~p.significant).any() for p in panels):
        entries.append(hollow(above, SIGNIFICANT) if dot else KeyEntry("dot", ALL, above, "s"))
    if any(p.significant.any() for p in panels):
        entries.append(KeyEntry("dot", SIGNIFICANT, below, "o" if dot else "s"))
    if not all(p.tested.all() for p in panels):
        words = say("up to the line: no standard error")
        entries.append(without_error(UNTESTED) if dot else KeyEntry("thin bar", UNTESTED, words))
    for panel in panels:
        if panel.preferred is not None:
            words = say("preferred: {preferred}", preferred=fixed(panel.preferred, decimals_for(panel.estimate)))
            entries.append(KeyEntry("upright", ACCENT, words))
    return entries


def _shared_ends(panels: Sequence[MultiversePanel]) -> dict[tuple[str, bool], tuple[float, float]]:
    """Return the ends of the axis of each unit: panes of one unit can be held against each other."""
    reach: dict[tuple[str, bool], list[float]] = {}
    for panel in panels:
        ends = shown_range(panel.estimate)
        reach.setdefault((panel.name, panel.scaled), [0.0]).extend(ends)
    return {unit: with_room(values, 0.04) for unit, values in reach.items()}


def _dot(
    panels: Sequence[MultiversePanel], ends: Mapping[tuple[str, bool], tuple[float, float]], room: float, above: float
) -> float:
    """Return the diameter of the dots of all panes; 0 where some would be too small to be seen hollow."""
    if max(len(p.estimate) for p in panels) > DOTS:
        return 0.0
    for diameter in (_DOT, 4.6, 4.2, 3.8, 3.4, 3.0, _SMALLEST):
        stacks = []
        for panel in panels:
            low, high = ends[panel.name, panel.scaled]
            shown = panel.estimate[(panel.estimate >= low) & (panel.estimate <= high)]
            stacks.append(np.unique(_columns(shown, room / (high - low), diameter), return_counts=True)[1].max())
        if max(stacks) * diameter <= above - 8:
            return diameter
    return 0.0


def _columns(values: Floats, unit: float, diameter: float) -> Ints:
    """Return the column of each value, as wide as a dot, of axes with ``unit`` points each; none crosses zero."""
    return np.floor(values * unit / diameter).astype(np.int64)


def _draw_pane(
    page: Page,
    box: Box,
    panel: MultiversePanel,
    lines: list[Line],
    dot: float,
    ends: tuple[float, float],
    sizes: _Sizes,
) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    y, above = panel.estimate, sizes.above
    style_across(axes, page.fonts, *ends, box.width)
    axes.set_ylim(box.height, 0)
    axes.set_yticks([])
    shown = (y >= ends[0]) & (y <= ends[1])
    edges = _edges(y[shown], ends, box.width)
    _draw_all(axes, panel, shown, box.width / (ends[1] - ends[0]), above, edges, dot)
    rows = {(r.heading, r.label): r for r in panel.rows}
    decimals = decimals_for(np.array([r.change for r in panel.rows if np.isfinite(r.change)] or [0.0]))
    right, head = box.left + box.width + _COUNT + _CHANGE - 2, box.top + above + 6 + sizes.heading / 2
    if lines:
        page.text(right - _CHANGE, head, "n", SMALL, colour=QUIET, align="right")
        page.text(right, head, say("change"), SMALL, colour=QUIET, align="right")
    strips = []
    for heading, label, top in lines:
        middle, row = above + top + sizes.row / 2, rows.get((heading, label))
        if _is_empty(panel, heading, label):
            page.text(right - _CHANGE, box.top + middle, "–", SMALL, colour=QUIET, align="right")
        if row is None or not row.chosen.any():
            continue
        strips.append((y[row.chosen], middle))
        page.text(right - _CHANGE, box.top + middle, f"{row.chosen.sum():,}", SMALL, colour=QUIET, align="right")
        page.text(right, box.top + middle, _change(row, decimals), SMALL, colour=QUIET, align="right")
    if strips:
        _strips(axes, strips, edges if len(y) > DOTS else None, ends, sizes.row)
    # Below what they would hide: estimates at zero, and those like the preferred one.
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1.5)
    if panel.preferred is not None:
        axes.axvline(panel.preferred, color=ACCENT, linewidth=0.9, zorder=1.6)
    mark_beyond(axes, page.fonts, y, ends, ends, 4.0, decimals_for(y))
    label_across(page, box, *estimate_of(panel.name if panel.scaled else ""))


def _is_empty(panel: MultiversePanel, heading: str, label: str) -> bool:
    """Say whether a line of an option, not of a heading, has no estimates in this pane."""
    return bool(label) and not any(r.chosen.any() for r in panel.rows if (r.heading, r.label) == (heading, label))


def _change(row: OptionRow, decimals: int) -> str:
    if row.reference:
        return say("ref.")
    if not np.isfinite(row.change):
        return "–"
    text = fixed(row.change, decimals)
    return text if text[:1] == "−" or not text.strip("0.") else f"+{text}"


def _edges(values: Floats, ends: tuple[float, float], points: float) -> Floats:
    """Return the edges of a histogram of bars as wide as each other, by Freedman and Diaconis (1981).

    No bar is wider than a tenth of the axis or narrower than two points, and none crosses zero: where the outermost
    cannot begin and end with the values, they hold these, and go beyond them as little as steps near that have it.
    """
    low, high = float(values.min()), float(values.max())
    quartiles = np.quantile(values, [0.25, 0.75])
    step = 2 * float(quartiles[1] - quartiles[0]) * len(values) ** (-1 / 3)
    step = min(max(step, 2 * (ends[1] - ends[0]) / points), (ends[1] - ends[0]) / 10)
    if low < 0 < high:
        least = 2 * (ends[1] - ends[0]) / points
        steps = np.clip(step * np.linspace(1.0, 0.7, 61), least, None)
        first, last = np.floor(low / steps), np.ceil(high / steps)
        beyond = np.maximum(low - first * steps, last * steps - high)
        k = int(beyond.argmin())
        return np.asarray(steps[k] * np.arange(first[k], last[k] + 1))
    return np.linspace(low, high, max(1, round((high - low) / step)) + 1)


def _draw_all(
    axes: Axes, panel: MultiversePanel, shown: Bools, unit: float, above: float, edges: Floats, dot: float
) -> None:
    """Draw all estimates standing on a line, the significant ones full or dark and below the others: dots or bars.

    What has no p-value is neither: crosses, or what a bar lacks up to a line.
    """
    if dot:
        y, significant, tested = panel.estimate[shown], panel.significant[shown], panel.tested[shown]
        order = np.lexsort((y, ~significant))
        column = _columns(y, unit, dot)
        level = np.empty(len(y), dtype=np.float64)
        level[order] = _earlier(column[order] - column.min())
        x = np.asarray((column + 0.5) * dot / unit, dtype=np.float64)
        below = np.asarray(above - dot * (level + 0.5), dtype=np.float64)
        looks: dict[str, Any] = {"zorder": 3, "clip_on": False}
        full = significant[tested].astype(np.float64)
        draw_tested(axes, (x[tested], below[tested]), SIGNIFICANT, full, "o", 0.9 * dot, **looks)
        crosses: dict[str, Any] = {"marker": CROSS, "color": UNTESTED, "linewidths": 0.2 * dot, "clip_on": False}
        axes.scatter(x[~tested], below[~tested], s=0.4 * (0.9 * dot) ** 2, zorder=3, **crosses)
    else:
        every, *counts = (
            np.histogram(panel.estimate[kept], edges)[0] for kept in (slice(None), panel.tested, panel.significant)
        )
        step = (above - 8) / every.max()
        for count, colour, layer in zip(counts, (ALL, SIGNIFICANT), (2, 3), strict=True):
            axes.bar(edges[:-1], -step * count, np.diff(edges), above, align="edge", color=colour, zorder=layer)
        if not panel.tested.all():
            draw_steps(axes, above - step * every, edges, above, 3.5, fill=False, edgecolor=UNTESTED, linewidth=0.6)
    axes.axhline(above, color=FAINT, linewidth=0.5, zorder=4)


def _earlier(labels: Ints) -> Floats:
    """Count, for each element, the earlier ones with its label."""
    order = np.argsort(labels, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(labels))])
    found = np.empty(len(labels))
    found[order] = np.arange(len(labels)) - starts[labels[order]]
    return found


def _strips(
    axes: Axes,
    strips: Sequence[tuple[Floats, float]],
    edges: Floats | None,
    ends: tuple[float, float],
    row: float,
) -> None:
    """Draw a line for each estimate, or a histogram as a strip, the darker the more.

    The mean is a tick across their upper half: in the lower one none is hidden.
    """
    half = 0.36 * row
    if edges is None:
        x = np.concatenate([values for values, _ in strips])
        y = np.repeat([middle for _, middle in strips], [len(values) for values, _ in strips])
        x, y = x[(x >= ends[0]) & (x <= ends[1])], y[(x >= ends[0]) & (x <= ends[1])]
        draw_upright(axes, x, y - half, y + half, colors=[blend(INK, 0.55)], linewidth=0.5, alpha=0.7, zorder=2)
    else:
        _shades(axes, strips, edges, half)
    means = np.clip([float(values.mean()) for values, _ in strips], *ends)
    middles = np.array([middle for _, middle in strips])
    for colour, thick, order in (("white", 2.4, 3), (INK, 1.2, 3.1)):
        axes.vlines(means, middles - half - 1.0, middles, color=colour, linewidth=thick, zorder=order)


def _shades(axes: Axes, strips: Sequence[tuple[Floats, float]], edges: Floats, half: float) -> None:
    """Draw histograms as strips, all in one go; bins without an estimate are left out."""
    from matplotlib.collections import PolyCollection

    corners, colours = [], []
    for values, middle in strips:
        counts = np.histogram(values, edges)[0]
        for k in np.flatnonzero(counts).tolist():
            left, right, top, bottom = edges[k], edges[k + 1], middle - half, middle + half
            corners.append(((left, top), (right, top), (right, bottom), (left, bottom)))
            colours.append(blend(INK, 0.55 * float(counts[k] / counts.max())))
    # Without smoothed edges no seams show between neighbours.
    axes.add_collection(PolyCollection(corners, facecolors=colours, linewidths=0, antialiaseds=False, zorder=2))


def _labels(page: Page, top: float, lines: list[Line], room: float, sizes: _Sizes) -> None:
    short = _short(lines, page.fonts, room)
    for heading, label, at in lines:
        if label:
            page.text(8, top + at + sizes.row / 2, short[heading][label], TEXT)
        else:
            page.text(2, top + at + sizes.heading / 2, page.fonts.fit(heading, TEXT, room, bold=True), TEXT, bold=True)


def _short(lines: list[Line], fonts: Fonts, room: float) -> dict[str, dict[str, str]]:
    """Return labels by heading as they stand beside the rows."""
    return {
        heading: fonts.apart([own for of, own, _ in lines if of == heading and own], TEXT, room - 12)
        for heading in dict.fromkeys(heading for heading, _, _ in lines)
    }


def _is_cut(lines: list[Line], fonts: Fonts, room: float) -> bool:
    labels = any(said != label for short in _short(lines, fonts, room).values() for label, said in short.items())
    return labels or any(fonts.width(heading, TEXT, bold=True) > room for heading, _, _ in lines)


def _note(data: MultiverseData, dot: float, still: Sequence[str], least: Sequence[str], empty: bool) -> str:
    panels = data.panels
    many, bars = {len(p.estimate) > DOTS for p in panels}, {not dot}
    above = {
        False: say("a dot for each estimate"),
        True: say("histogram of all estimates, of which the significant are a part"),
    }
    below = {False: say("a line for each estimate"), True: say("the darker the more estimates")}
    words = [say(" or, of many, ").join(of[k] for k in sorted(kinds)) for of, kinds in ((above, bars), (below, many))]
    parts = [
        say(
            "Above: {above}. Below, with each option: {below}; dark tick: their mean; n: how many.",
            above=words[0],
            below=words[1],
        ),
        say("The key is of the upper part; shades of rows are relative to each row's most.")
        if True in many
        else say("The key is of the upper part."),
        say("Change: mean difference from the reference (ref.) over specifications that differ in nothing else."),
    ]
    if data.vcov:
        parts.append(say("p < {alpha:g} (standard errors: {vcov}).", alpha=data.alpha, vcov=data.vcov))
    if False in bars:
        parts.append(say("Dots are moved by up to their width so as to stack, none beyond zero."))
    if any(p.kinds for p in panels):
        parts.append(
            say("Dots of every type are drawn alike; the rows name options that are uncertain or nonequivalent.")
        )
    if any(r.variable for p in panels for r in p.rows):
        parts.append(say("For variables: with against without."))
    parts += _hidden(panels, [*still, *least])
    if any(np.isnan(r.change) and r.chosen.any() and not r.reference for p in panels for r in p.rows):
        parts.append(say("Change –: none differs from the reference in nothing else."))
    if empty:
        parts.append(
            say("–: all specifications of the panel take the same option of this choice, or none takes this one.")
        )
    if still:
        parts.append(
            say(
                "Without rows, since no estimate moves by {still:.0%} of the range of its estimand: {headings}.",
                still=STILL,
                headings=listed(dict.fromkeys(map(_choice, still))),
            )
        )
    if least:
        parts.append(
            say(
                "Without rows for lack of room: {left_out}; what they move is in choices.csv.",
                left_out=listed(dict.fromkeys(map(_choice, least))),
            )
        )
    cut = {(id(p), r.heading) for p in panels for r in p.rows if "[…]" in r.label}
    parts += spelled_out(
        c for p in panels for h, c in p.common.items() if (id(p), h) in cut and h not in (*still, *least)
    )
    if data.single:
        parts.append(say("Not drawn, one specification each: {listed}.", listed=say("; ").join(data.single)))
    return sentences(parts)


def _hidden(panels: Sequence[MultiversePanel], without: Sequence[str]) -> Iterator[str]:
    """Say of choices that have rows which of their options have none: sets told by variables, or what moves least."""
    for heading in dict.fromkeys(h for p in panels for h in p.hidden if h not in without):
        most, by_variable = max(p.hidden.get(heading, 0) for p in panels), f"{heading}{say(_WITH)}"
        if by_variable in without:
            yield say("{choice}: {n} sets without a name have no row.", choice=heading, n=most)
        elif any(r.heading == by_variable for p in panels for r in p.rows):
            yield say("{choice}: {n} sets without a name have rows by their variables alone.", choice=heading, n=most)
        else:
            yield say("{choice}: {n} options, which change the estimate least, have no row.", choice=heading, n=most)


def _texts(data: MultiverseData) -> Iterator[str]:
    yield "−–…·≥%" + data.title + data.vcov + data.doubt + data.verdict + "".join(data.single)
    for panel in data.panels:
        yield panel.name + panel.estimand
        yield from (r.heading + r.label for r in panel.rows)


FIGURE = FigureKind(
    "multiverse", later("Estimates by option"), multiverse_data, draw, lambda results, _: multiverse_data(results),
    files=("results.csv", "choices.csv"),
)  # fmt: skip

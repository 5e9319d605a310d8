"""The multiverse plot: where the estimates lie, as a whole and option by option.

After Krähmer and Young (2026): the density of all and of the significant estimates, a heat
strip of each option's estimates below, and the mean change that the option makes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._describe.choices import Factor, change_factors, mean_changes
from specdid._records import Family, Results
from specdid._records.numerals import decimals_for
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import fixed
from specdid.figures._curve_data import Flags, Floats
from specdid.figures._fonts import Fonts
from specdid.figures._page import bandwidth, choose_fonts, density, style_across, with_room
from specdid.figures._panes import (
    Box,
    KeyEntry,
    Pane,
    columns,
    label_across,
    lay_sheet,
)
from specdid.figures._style import ACCENT, DEFAULT, FAINT, INK, QUIET, SMALL, TEXT, blend, own_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page


MOST = 14
"""Options of one choice that are drawn: those that change the estimate most."""
ALL, SIGNIFICANT = blend(INK, 0.18), blend(INK, 0.62)
_ROW, _HEADING, _DENSITY, _CHANGE = 9.6, 11.0, 84.0, 36.0
Line = tuple[str, str, float]
"""A heading, an option's label (empty for the heading's own line), and the line's top."""
_FEWEST = 4
"""Characters of a term that are left at least."""


@dataclass(frozen=True, slots=True)
class OptionRow:
    """One option: which specifications take it, and its mean change.

    ``change`` is NaN where no pair of specifications differs in it alone; ``reference``
    marks what the others are compared with. ``variable``: the option is to have a variable,
    compared with not to have it.
    """

    heading: str
    label: str
    chosen: Flags
    change: float
    reference: bool = False
    variable: bool = False


@dataclass(frozen=True, slots=True)
class MultiversePanel:
    """The specifications with one scale and one estimand."""

    name: str
    scaled: bool
    estimand: str
    several: bool
    estimate: Floats
    significant: Flags
    rows: tuple[OptionRow, ...]
    preferred: float | None


@dataclass(frozen=True, slots=True)
class MultiverseData:
    """All panes; families of a single specification are left out. ``doubt`` is what stands against the estimates."""

    title: str
    alpha: float
    panels: tuple[MultiversePanel, ...]
    doubt: str = ""


def multiverse_data(results: Results) -> MultiverseData:
    """Compute what the figure shows."""
    found = [f for f in results.families if len(f.places) > 1]
    groups = [f.group for f in found]
    panels = tuple(_panel(results, f, groups.count(f.group) > 1) for f in found)
    return MultiverseData(results.planned.title, results.planned.alpha, panels)


def _panel(results: Results, family: Family, several: bool) -> MultiversePanel:
    y, place = results.estimate[family.places], results.preferred
    rows = tuple(_rows(change_factors(results, family.places), y))
    inside = place in family
    return MultiversePanel(
        family.shown,
        family.scaled,
        family.estimand,
        several,
        y,
        results.first("p_value")[family.places] < results.planned.alpha,
        rows,
        float(results.estimate[place]) if inside else None,
    )


def _rows(factors: tuple[Factor, ...], y: Floats) -> Iterator[OptionRow]:
    found = {(id(c.factor), c.level): c.mean for c in mean_changes(factors, y)}
    for factor in factors:
        heading = _heading(factor)
        if factor.name != factor.dimension:
            # A variable: what it changes to have it, whatever the preferred specification has.
            change = found[id(factor), 1 - factor.reference] * (1 - 2 * factor.reference)
            yield OptionRow(heading, factor.name, factor.codes == 1, change, variable=True)
            continue
        levels = range(len(factor.labels))
        size = [np.inf if k == factor.reference else abs(found[id(factor), k]) for k in levels]
        kept = sorted(sorted(levels, key=lambda k: -np.nan_to_num(size[k], nan=-1.0))[:MOST])
        for k in kept:
            change = found.get((id(factor), k), np.nan)
            yield OptionRow(heading, factor.words(k), factor.codes == k, change, k == factor.reference)


def _heading(factor: Factor) -> str:
    words = factor.dimension.replace("_", " ")
    words = words[:1].upper() + words[1:]
    return words if factor.name == factor.dimension else f"{words}, with"


def draw(data: MultiverseData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts, width = choose_fonts(_texts(data)), width or DEFAULT
    across = columns(len(data.panels), width)
    lines = [_lines(data.panels[k : k + across]) for k in range(0, len(data.panels), across)]
    with own_style():
        margin = _margin(data, fonts, width * 72)
        page, boxes = lay_sheet(
            data.title,
            [_pane(p, data.alpha) for p in data.panels],
            _note(data),
            fonts,
            width,
            [_DENSITY + _depth(band) for band in lines],
            margin=margin,
            inner=(4.0, _CHANGE),
            doubt=data.doubt,
        )
        for k, (panel, box) in enumerate(zip(data.panels, boxes, strict=True)):
            _draw_pane(page, box, panel, lines[k // across])
            if k % across == 0:
                _labels(page, box.top + _DENSITY, lines[k // across], margin)
        return page.figure


def _margin(data: MultiverseData, fonts: Fonts, points: float) -> float:
    longest = max((fonts.width(r.label, TEXT) for p in data.panels for r in p.rows), default=0.0)
    return min(max(longest + 16, 80.0), 0.33 * points)


def _lines(panels: tuple[MultiversePanel, ...]) -> list[Line]:
    """Return the union of the panes' rows under their headings."""
    found: dict[str, dict[str, None]] = {}
    for panel in panels:
        for row in panel.rows:
            found.setdefault(row.heading, {})[row.label] = None
    lines, top = [], 6.0
    for heading, labels in found.items():
        lines.append((heading, "", top))
        top += _HEADING
        for label in labels:
            lines.append((heading, label, top))
            top += _ROW
        top += 2.5
    return lines


def _depth(lines: list[Line]) -> float:
    return lines[-1][2] + _ROW + 4 if lines else 4.0


def _pane(panel: MultiversePanel, alpha: float) -> Pane:
    names = (f"Effect in {panel.name}" if panel.scaled else f"Effect on {panel.name}", panel.name)
    facts = (f"{len(panel.estimate):,} specifications", *([panel.estimand] if panel.several else []))
    entries = [KeyEntry("bar", ALL, "all"), KeyEntry("bar", SIGNIFICANT, f"p < {alpha:g}")]
    if panel.preferred is not None:
        words = f"preferred: {fixed(panel.preferred, decimals_for(panel.estimate))}"
        entries.append(KeyEntry("thin bar", ACCENT, words))
    return Pane(names, facts, tuple(entries))


def _draw_pane(page: Page, box: Box, panel: MultiversePanel, lines: list[Line]) -> None:
    axes = page.axes(box.left, box.top, box.width, box.height)
    y = panel.estimate
    spread = bandwidth(y)
    low, high = with_room([0.0, float(y.min()) - 2.5 * spread, float(y.max()) + 2.5 * spread], 0.02)
    style_across(axes, page.fonts, low, high, box.width)
    axes.set_ylim(box.height, 0)
    axes.set_yticks([])
    _draw_density(axes, panel, (low, high), spread)
    rows = {(r.heading, r.label): r for r in panel.rows}
    decimals = decimals_for(np.array([r.change for r in panel.rows if np.isfinite(r.change)] or [0.0]))
    right = box.left + box.width + _CHANGE - 2
    page.text(right, box.top + _DENSITY + 6 + _HEADING / 2, "change", SMALL, colour=QUIET, align="right")
    for heading, label, top in lines:
        row = rows.get((heading, label))
        if row is None or not row.chosen.any():
            continue
        middle = _DENSITY + top + _ROW / 2
        _strip(axes, y[row.chosen], (low, high), spread, middle)
        page.text(right, box.top + middle, _change(row, decimals), SMALL, colour=QUIET, align="right")
    axes.axvline(0, color=INK, linewidth=0.6, zorder=5)
    if panel.preferred is not None:
        axes.axvline(panel.preferred, color=ACCENT, linewidth=0.9, zorder=6)
    label_across(page, box, f"estimate, {panel.name}" if panel.scaled else "estimate")


def _change(row: OptionRow, decimals: int) -> str:
    if row.reference:
        return "ref."
    if not np.isfinite(row.change):
        return "–"
    text = fixed(row.change, decimals)
    return text if text[:1] == "−" or not text.strip("0.") else f"+{text}"


def _draw_density(axes: Axes, panel: MultiversePanel, ends: tuple[float, float], spread: float) -> None:
    """Draw the density of all, and within it the part that is significant."""
    x, whole = density(panel.estimate, *ends, spread)
    unit = (_DENSITY - 8) / whole.max()
    axes.fill_between(x, _DENSITY - unit * whole, _DENSITY, color=ALL, linewidth=0, zorder=2)
    if panel.significant.any():
        _, part = density(panel.estimate[panel.significant], *ends, spread)
        part = np.minimum(part * panel.significant.mean(), whole)
        axes.fill_between(x, _DENSITY - unit * part, _DENSITY, color=SIGNIFICANT, linewidth=0, zorder=3)
    axes.plot(x, _DENSITY - unit * whole, color=INK, linewidth=0.6, zorder=4)
    axes.axhline(_DENSITY, color=FAINT, linewidth=0.5, zorder=4)


def _strip(axes: Axes, values: NDArray[np.float64], ends: tuple[float, float], spread: float, middle: float) -> None:
    """Draw a heat strip, the darker the denser, and the mean as a tick."""
    _, heat = density(values, *ends, spread)
    half = 0.36 * _ROW
    axes.imshow(
        (heat / heat.max())[None],
        extent=(*ends, middle + half, middle - half),
        aspect="auto",
        cmap=_greys(),
        vmin=0,
        vmax=1,
        interpolation="nearest",
        zorder=2,
    )
    mean = float(values.mean())
    axes.vlines(mean, middle - half - 0.6, middle + half + 0.6, color="white", linewidth=2.2, zorder=3)
    axes.vlines(mean, middle - half - 0.6, middle + half + 0.6, color=INK, linewidth=1.0, zorder=3.1)


def _greys() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    tint = blend(INK, 0.55)
    return LinearSegmentedColormap.from_list("ink", [(*tint, 0.0), (*tint, 1.0)])


def _labels(page: Page, top: float, lines: list[Line], room: float) -> None:
    short = {
        heading: shortened([own for of, own, _ in lines if of == heading and own], page.fonts, room - 12)
        for heading in dict.fromkeys(heading for heading, _, _ in lines)
    }
    for heading, label, at in lines:
        if label:
            page.text(8, top + at + _ROW / 2, short[heading][label], TEXT)
        else:
            page.text(2, top + at + _HEADING / 2, page.fonts.fit(heading, TEXT, room, bold=True), TEXT, bold=True)


def _note(data: MultiverseData) -> str:
    parts = [
        "Above: density of the estimates. Below: heat strips of the estimates with each option; tick: their mean.",
        "Change: mean difference from the reference (ref.) over specifications that differ in nothing else.",
    ]
    if any(r.variable for p in data.panels for r in p.rows):
        parts.append("For variables: with against without.")
    return " ".join(parts)


def _texts(data: MultiverseData) -> Iterator[str]:
    yield "−–…·≥%" + data.title + data.doubt
    for panel in data.panels:
        yield panel.name + panel.estimand
        yield from (r.heading + r.label for r in panel.rows)


FIGURE = FigureKind(
    "multiverse", "Estimates by option", multiverse_data, draw, lambda results, _: multiverse_data(results)
)


def shortened(labels: Sequence[str], fonts: Fonts, room: float) -> dict[str, str]:
    """Cut labels that are wider than ``room`` points; terms that several begin with go first.

    They go where all labels with the same first term have them, wide or not: "…" then stands
    for the same terms wherever it is read, and "… + b" below "a" is "a + b".
    """
    wide = [label for label in labels if fonts.width(label, TEXT) > room]
    parts = {label: label.split(" + ") for label in wide}
    first = {terms[0] for terms in parts.values()}
    beside = [terms for label in labels if (terms := label.split(" + "))[0] in first]
    alike = takewhile(lambda terms: len(set(terms)) == 1, zip(*beside, strict=False))
    shared = len(list(alike)) if len(wide) > 1 else 0
    kept = {label: ["…", *terms[shared:]] if shared and terms[shared:] else terms for label, terms in parts.items()}
    return {label: _squeezed(kept[label], fonts, room) if label in kept else label for label in labels}


def _squeezed(terms: Sequence[str], fonts: Fonts, room: float) -> str:
    """Join terms, the longest cut until all of them have a place."""
    for most in range(max(map(len, terms)), _FEWEST - 1, -1):
        text = " + ".join(t if len(t) <= most else f"{t[: most - 1].rstrip(' ,')}…" for t in terms)
        if fonts.width(text, TEXT) <= room:
            return text
        if len(terms) == 1:
            break
    return fonts.fit(" + ".join(terms), TEXT, room)

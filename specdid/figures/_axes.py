"""Plain axes with round numbers, and what is drawn on them faster than matplotlib's own way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._arrays import Floats
from specdid._records.numerals import signed
from specdid._words import say
from specdid.figures._fonts import Fonts
from specdid.figures._style import FAINT, HAIR, INK, QUIET, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_APART = 3.0
"""Points between two numbers along an axis, at least."""
_EIGHTH, _FENCE = 8, 4.0
"""Estimates beyond so many times the distance between the outer eighths are marked at the edge."""
BINS = 400


def fixed(value: float, decimals: int) -> str:
    """Write a number with a real minus sign, but zero without one."""
    return signed(f"{value:,.{decimals}f}")


def round_ticks(low: float, high: float, most: int = 6) -> tuple[list[float], list[str]]:
    """Return round numbers between two ends, all with the decimals that their step needs."""
    from matplotlib.ticker import MaxNLocator

    ticks = np.asarray(MaxNLocator(nbins=most, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high))
    ticks = ticks[(ticks >= low) & (ticks <= high)]
    step = float(ticks[1] - ticks[0]) if len(ticks) > 1 else 1.0
    decimals = next((d for d in range(15) if abs(step * 10**d - round(step * 10**d)) < 1e-6 * step * 10**d), 15)
    values = [0.0 if abs(v) < 1e-9 * step else float(v) for v in ticks]
    return values, ["0" if v == 0 else fixed(v, decimals) for v in values]


def style(axes: Axes, fonts: Fonts, grid: str, across: bool = True) -> None:
    """Leave numbers, a hairline grid along one axis ("x" or "y") and no box; ``across``: with a horizontal axis."""
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_facecolor("none")
    axes.tick_params(length=0, pad=3, labelsize=SMALL, labelcolor=QUIET, labelfontfamily=list(fonts.families))
    axes.grid(axis="x" if grid == "x" else "y", color=HAIR, linewidth=0.5, zorder=0)
    axes.set_axisbelow(True)
    axes.xaxis.set_visible(across)
    axes.spines["bottom"].set(visible=across, color=FAINT, linewidth=0.5)


def style_up(axes: Axes, fonts: Fonts, low: float, high: float, most: int = 6) -> None:
    """Put round numbers up the side, with hairlines across and a line at zero; nothing along the bottom."""
    style(axes, fonts, "y", across=False)
    axes.set_ylim(low, high)
    axes.set_yticks(*round_ticks(low, high, most))
    axes.axhline(0, color=INK, linewidth=0.6, zorder=2)


def style_across(axes: Axes, fonts: Fonts, low: float, high: float, width: float, most: int = 0) -> None:
    """Put round numbers along the bottom of axes ``width`` points wide, with hairlines up from them, and no box.

    There are at most ``most``, 0 for as many as suit the width, and so few that they stand apart.
    """
    style(axes, fonts, "x")
    axes.set_xlim(low, high)
    most = most or max(3, min(8, int(width / 26)))
    ways = [round_ticks(low, high, count) for count in range(most, 0, -1)]
    fitting = (way for way in ways if way[0] and len(apart(*way, fonts, width / (high - low))) == len(way[0]))
    axes.set_xticks(*next(fitting, (ways[0][0][:1], ways[0][1][:1])))


def style_rows(axes: Axes, fonts: Fonts, limits: tuple[float, float], width: float, count: int, most: int) -> None:
    """Prepare axes of ``count`` rows: round numbers along the bottom and a line at zero."""
    style_across(axes, fonts, *limits, width, most)
    axes.set_ylim(count, 0)
    axes.set_yticks([])
    axes.axvline(0, color=INK, linewidth=0.6, zorder=2)


def apart(ticks: Sequence[float], labels: Sequence[str], fonts: Fonts, unit: float) -> list[int]:
    """Return which numbers along an axis, of ``unit`` points each, stand apart: the first, and then all that can."""
    kept, end = [], -np.inf
    for k, (tick, label) in enumerate(zip(ticks, labels, strict=True)):
        half = fonts.width(label, SMALL) / 2
        if unit * tick - half >= end:
            kept.append(k)
            end = unit * tick + half + _APART
    return kept


def with_room(ends: Iterable[float], share: float = 0.05) -> tuple[float, float]:
    """Return the least and the greatest finite of ``ends`` with some room beside them."""
    finite = [e for e in ends if np.isfinite(e)] or [0.0]
    low, high = min(finite), max(finite)
    room = share * (high - low) or 1.0
    return low - room, high + room


def shown_range(values: Floats) -> tuple[float, float]:
    """Return the ends of what is drawn of these estimates: all, but for a few that would flatten the rest.

    Beyond four times the distance of the outer eighths they are marked at the edge, if they are an eighth at most.
    """
    low, high = float(values.min()), float(values.max())
    if len(values) < _EIGHTH:
        return low, high
    ordered = np.sort(values)
    eighth = len(values) // _EIGHTH
    bottom, top = float(ordered[eighth]), float(ordered[-1 - eighth])
    reach = _FENCE * (top - bottom)
    if reach > 0:
        inside = ordered[(ordered >= bottom - reach) & (ordered <= top + reach)]
        low, high = float(inside[0]), float(inside[-1])
    return low, high


def beyond_words(values: Floats, decimals: int) -> str:
    """Say which estimates an arrow stands for."""
    low, high = fixed(float(values.min()), decimals), fixed(float(values.max()), decimals)
    return low if len(values) == 1 else say("{n:,}: {low} to {high}", n=len(values), low=low, high=high)


def mark_beyond(
    axes: Axes, fonts: Fonts, values: Floats, ends: tuple[float, float], shown: tuple[float, float], height: float,
    decimals: int,
) -> None:  # fmt: skip
    """Say at the ends of a horizontal axis, at a ``height``, which values beyond those ``shown`` it leaves out."""
    sides = ((values < shown[0], ends[0], "<", "left"), (values > shown[1], ends[1], ">", "right"))
    for cut, edge, arrow, align in sides:
        if cut.any():
            axes.scatter([edge], [height], s=14, color=INK, marker=arrow, linewidths=0, clip_on=False, zorder=7)
            axes.text(
                edge, height, f"  {beyond_words(values[cut], decimals)}  ", fontsize=SMALL, color=INK,
                family=list(fonts.families), ha=align, va="center_baseline", zorder=7,
            )  # fmt: skip


def draw_upright(axes: Axes, x: Floats, low: Floats, high: Floats, **looks: Any) -> None:
    """Draw lines on axes with set limits, faster than `Axes.vlines`, which masks each line and finds its ends."""
    from matplotlib.collections import LineCollection

    ends = np.stack([np.column_stack([x, low]), np.column_stack([x, high])], axis=1)
    axes.add_collection(LineCollection([*ends], **looks), autolim=False)


def draw_steps(axes: Axes, heights: Any, edges: Any, baseline: Any = 0, order: float = 1, **looks: Any) -> None:
    """Draw steps on axes with set limits, faster than `Axes.stairs`, which finds their ends step by step."""
    from matplotlib.patches import StepPatch

    axes.add_artist(StepPatch(heights, edges, baseline=baseline, zorder=order, **{"linewidth": 0, **looks}))


def bandwidth(values: Floats) -> float:
    """Return Silverman's (1986, equation 3.31) bandwidth; 0 where all values are equal."""
    quartiles = np.quantile(values, [0.25, 0.75])
    spreads = [s for s in (float(np.std(values)), float(quartiles[1] - quartiles[0]) / 1.34) if s > 0]
    return 0.9 * min(spreads) * len(values) ** -0.2 if spreads else 0.0


def density(values: Floats, low: float, high: float, width: float) -> tuple[Floats, Floats]:
    """Return BINS points of [low, high] and the density of ``values`` there; its integral is 1."""
    edges = np.linspace(low, high, BINS + 1)
    step = edges[1] - edges[0]
    width = max(width, 1.5 * step)
    counts = np.histogram(values, edges)[0].astype(np.float64)
    reach = min(int(np.ceil(4 * width / step)), BINS // 2 - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    smooth = np.convolve(counts, kernel / kernel.sum(), mode="same")
    return (edges[1:] + edges[:-1]) / 2, smooth / (max(len(values), 1) * step)

"""The volcano plot: every estimate against its p-value, one pane per scale; many are counted in bins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._describe.curve_tests import NullMedian, shares_by_estimand
from specdid._plugins import Own
from specdid._records import KINDS, NullShares, Results
from specdid._records.numerals import percent
from specdid._words import later, say, sentences, told
from specdid.figures._base import FigureKind
from specdid.figures._curve_axes import (
    beyond_words,
    draw_untested,
    fixed,
    mark_preferred,
    preferred_mark,
    shade,
    shown_range,
)
from specdid.figures._curve_data import CurvePanel, curve_data
from specdid.figures._fonts import Fonts
from specdid.figures._page import CUT, choose_fonts, of_specifications, style_across, with_room
from specdid.figures._panes import (
    Box,
    KeyEntry,
    Pane,
    columns,
    estimands_of,
    estimate_of,
    hollow,
    in_order,
    kinds_of_p,
    label_across,
    lay_sheet,
    null_share,
    one_key,
    room_of,
    shares_by_sign,
    shares_told,
    without_error,
    without_null,
)
from specdid.figures._style import (
    ACCENT,
    DEFAULT,
    HAIR,
    INK,
    QUIET,
    SERIES,
    SMALL,
    blend,
    marker_of,
    own_style,
    shape_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from specdid.figures._page import Page

LEAST = 1e-300
"""Smaller p-values are drawn here."""
MANY, _BIN = 1000, 2.4
"""More specifications than this are squares of so many points, the darker the more there are."""
_NEAR, _SMALLER = 0.4, 0.72
"""Marks nearer than so many of their sizes overlap by more than half; how much smaller is one on another series'."""
_THIN = 0.25
"""Points of the outline of a full mark."""
_SEEN = (1.0, 1.0, 1.0, 0.6)
"""The inside of a hollow mark."""
_INNER = (37.0, 6.0)
_AXES = 0.4
"""The part of a figure's height that axes have at least, or shares stand elsewhere than above them."""
SHAPES = 200
"""Up to so many specifications, the shapes of series are large."""
_RUG = 8.0
"""Points below p = 1 for estimates without a p-value, where there are any."""


@dataclass(frozen=True, slots=True)
class Volcano:
    """One pane.

    Attributes
    ----------
    panel : the curve with the same specifications, sorted by estimate.
    height : (n,) -log10 p, NaN where there is no p-value.
    nulls : by estimand, shares significant of the specifications tested, beside those a null expects.
    """

    panel: CurvePanel
    height: Floats
    nulls: tuple[tuple[str, NullShares], ...]


@dataclass(frozen=True, slots=True)
class VolcanoData:
    """All panes; ``doubt`` is what is against the shares beside them.

    ``verdict`` is the same in short.
    """

    title: str
    alpha: float
    vcov: str
    panels: tuple[Volcano, ...]
    doubt: str = ""
    verdict: str = ""


def volcano_data(results: Results, null_medians: Sequence[NullMedian] = ()) -> VolcanoData:
    """Compute what the figure shows; ``null_medians`` give the shares expected under the first null."""
    data = curve_data(results, choices=False)
    p = np.maximum(results.first("p_value"), LEAST)
    shares = shares_by_estimand(null_medians).items()
    # What enters no joint test has a pane of its own: its marks looked like the others', and no null is of it.
    parts = (
        (q.part(s.start, s.stop) if len(q.segments) > 1 else q, s.kind == KINDS[0])
        for q in data.panels
        for s in q.segments
    )
    panels = tuple(
        Volcano(
            q,
            -np.log10(p[q.positions]),
            tuple((words, s) for (name, words), s in shares if enters and name == q.group),
        )
        for q, enters in parts
    )
    return VolcanoData(data.title, data.alpha, data.vcov, panels)


def draw(data: VolcanoData, width: float | None = None) -> Figure:
    """Draw the data on a new figure, which pyplot does not know."""
    fonts = choose_fonts(_texts(data))
    width = width or DEFAULT
    with own_style():
        height = 165.0 if columns(len(data.panels), width) == 1 else 130.0
        # On a narrow page shares above the axes would leave these no height; nor may a long note, which LaTeX sets.
        for shares in ("above", "note", "note", "brief", "file"):
            figure, boxes = _draw(data, fonts, width, shares, height)
            whole, rows = 72 * figure.get_figheight(), {box.top: box.height for box in boxes}
            rest = whole - sum(rows.values())
            if rest <= (1 - _AXES) * whole or not any(v.nulls for v in data.panels):
                break
            if shares == "note":
                height = max(height, 1.01 * rest * _AXES / (1 - _AXES) / len(rows))
        return figure


def _draw(data: VolcanoData, fonts: Fonts, width: float, shares: str, height: float) -> tuple[Figure, list[Box]]:
    """Draw with shares ``above`` the axes, in the note, a ``brief`` one perhaps, or in a ``file`` alone."""
    panes, key = one_key([_pane(v, data, shares == "above") for v in data.panels])
    known = [float(v.height[np.isfinite(v.height)].max()) for v in data.panels if np.isfinite(v.height).any()]
    top = 1.07 * max([*known, -1.3 * np.log10(data.alpha)])
    room = room_of(len(panes), width, 0.0, _INNER)[1]
    before = None
    while True:
        overlaps = [_overlaps(v, room, height, top) for v in data.panels]
        most = max((_most(v, room, height, top) for v in data.panels), default=0)
        said = _note(data, overlaps, shares), most
        if said == before:
            break
        page, boxes = lay_sheet(
            data.title, panes, said[0], fonts, width, height, inner=_INNER, least=50.0, doubt=data.doubt,
            verdict=data.verdict, key=[*key, *_darkness(most)], told_in=CUT,
        )  # fmt: skip
        # Axes that a page has less room for bring points nearer.
        if before is not None or (lower := min(box.height for box in boxes)) == height:
            break
        before, height = said, lower
    for volcano, box, (_, deep) in zip(data.panels, boxes, overlaps, strict=False):
        _draw_pane(page, box, volcano, data.alpha, top, deep)
    return page.figure, boxes


def _most(volcano: Volcano, width: float, height: float, top: float) -> int:
    """Count the specifications of the darkest square on axes of ``width`` and ``height`` points, 0 without squares."""
    if len(volcano.panel) <= MANY:
        return 0
    low, high = _shown(volcano.panel)
    ends = with_room([0.0, low, high])
    _, counts = _cells(volcano, _inside(volcano, (low, high)), (width / (ends[1] - ends[0]), height / top))
    return int(counts.sum(axis=1).max(initial=0.0))


def _darkness(most: int) -> list[KeyEntry]:
    """Say what the shades of squares count, the darkest ``most``."""
    if most < 2:
        return []
    shades = tuple(blend(INK, _level(count, most)) for count in np.geomspace(1, most, 4))
    return [KeyEntry("shades", shades, say("specifications in a square: 1 to {most:,}, log scale", most=most))]


def _level(count: Any, most: float) -> Any:
    """Return how dark squares with ``count`` specifications are."""
    return 0.22 + 0.78 * np.log1p(count) / np.log1p(most)


def _shown(panel: CurvePanel) -> tuple[float, float]:
    """Return the range of estimates drawn: that of all panes of a scale."""
    return shown_range((panel.whole or panel).estimate)


def _inside(volcano: Volcano, shown: tuple[float, float]) -> Ints:
    y = volcano.panel.estimate
    return np.flatnonzero((y >= shown[0]) & (y <= shown[1]) & np.isfinite(volcano.height))


def _pane(volcano: Volcano, data: VolcanoData, shares: bool) -> Pane:
    panel, alpha = volcano.panel, data.alpha
    whole = say("Effect in {name}", name=panel.name) if panel.scaled else say("Effect on {name}", name=panel.name)
    kind = say(panel.segments[0].kind)
    names = [say("{name}, {kind}", name=n, kind=kind) if panel.apart else n for n in (whole, panel.name)]
    facts = [of_specifications(len(panel)), *(_shares(volcano, data) if shares else ())]
    return Pane(tuple(names), tuple(facts), tuple(_entries(panel, alpha)))


def _shares(volcano: Volcano, data: VolcanoData) -> list[str]:
    """Return the shares significant of the specifications that a null tested, beside the null's, by estimand."""
    panel, alpha, facts = volcano.panel, data.alpha, list[str]()
    if panel.many and volcano.nulls:
        errors = _errors(data, {s.errors for _, s in volcano.nulls} - {""})
        facts.append(
            say("With p < {alpha:g}, {errors}:", alpha=alpha, errors=errors)
            if errors
            else say("With p < {alpha:g}:", alpha=alpha)
        )
        facts += shares_by_sign(panel, volcano.nulls)
    for words, null in volcano.nulls:
        if panel.many:
            continue
        of = [told(words)] if len(volcano.nulls) > 1 else []
        if null.errors:
            of.append(_errors(data, {null.errors}))
        if null.tested < len(panel):
            of.append(
                say("{tested:,} tested", tested=null.tested)
                if of
                else say("of the {tested:,} tested", tested=null.tested)
            )
        shares = [
            say(
                "{share} negative, p < {alpha:g} ({null})",
                share=percent(null.negative, 1),
                alpha=alpha,
                null=null_share(null, null.null_negative, 1),
            ),
            say(
                "{share} positive, p < {alpha:g} ({null})",
                share=percent(null.positive, 1),
                alpha=alpha,
                null=null_share(null, null.null_positive, 1),
            ),
        ]
        # Estimands are told apart: a share of all of them is of no effect.
        facts += (
            [f"{', '.join(of)}: {' · '.join(shares)}"] if len(volcano.nulls) > 1 else [*(f"{o}:" for o in of), *shares]
        )
    return facts


def _errors(data: VolcanoData, others: set[str]) -> str:
    """Say of shares by what errors they are, where the axis of p has others."""
    named = say(", ").join(sorted(others))
    said = say("by the null's standard errors ({errors}), not the marks' ({vcov})", errors=named, vcov=data.vcov)
    return said if others else ""


def _entries(panel: CurvePanel, alpha: float) -> Iterator[KeyEntry]:
    binned, (below, above, _) = len(panel) > MANY, kinds_of_p([panel])
    if len(panel.series) > 1:
        for k in (k for k in in_order(panel.whole or panel) if (panel.which == k).any()):
            series = panel.series[k]
            yield KeyEntry(
                "dot",
                shade(panel, k, 1.0),
                series.short if panel.many else series.label,
                "s" if binned else _marker(panel, k),
            )
        if not binned and above:
            yield hollow(say("hollow: p ≥ {alpha:g}", alpha=alpha))
    elif not binned:
        if below:
            yield KeyEntry("dot", shade(panel, 0, 1.0), f"p < {alpha:g}")
        if above:
            yield hollow(f"p ≥ {alpha:g}", shade(panel, 0, 1.0))
    if not panel.tested.all():
        yield without_error()
    if panel.preferred:
        words = say(
            "preferred: {estimate}, {words}",
            estimate=fixed(panel.preferred.estimate, panel.decimals),
            words=panel.preferred.words,
        )
        yield KeyEntry("dot", ACCENT, words, preferred_mark(panel))


def _draw_pane(page: Page, box: Box, volcano: Volcano, alpha: float, top: float, deep: Ints) -> None:
    """Draw a pane whose axis of p, which is that of all panes, ends at ``top``; ``deep`` is that of `_overlaps`."""
    panel = volcano.panel
    axes = page.axes(box.left, box.top, box.width, box.height)
    shown = _shown(panel)
    low, high = with_room([0.0, *shown])
    style_across(axes, page.fonts, low, high, box.width)
    line = -np.log10(alpha)
    alone = ~panel.tested & (panel.estimate >= shown[0]) & (panel.estimate <= shown[1])
    bottom = -_RUG * top / box.height if not panel.tested.all() else -0.015 * top
    axes.set_ylim(bottom, top)
    axes.set_yticks(*p_ticks(alpha, top, box.height))
    axes.grid(axis="y", color=HAIR, linewidth=0.5, zorder=0)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=2)
    axes.axhline(line, color=QUIET, linewidth=0.6, linestyle=(0, (3, 2)), zorder=2)
    inside = _inside(volcano, shown)
    if len(panel) > MANY:
        _bins(axes, volcano, inside, (box.width / (high - low), box.height / top))
    else:
        _points(axes, volcano, inside, deep)
    draw_untested(axes, panel, (panel.estimate[alone], np.full(alone.sum(), bottom / 2)), panel.which[alone], 3.2)
    _mark_beyond(axes, page.fonts, volcano, (low, high), shown)
    if panel.preferred:
        place = panel.preferred.place
        height = float(volcano.height[place]) if panel.tested[place] else bottom / 2
        x = float(np.clip(panel.preferred.estimate, low, high))
        mark_preferred(axes, x, height, preferred_mark(panel), white=2.9)
    label_across(page, box, *estimate_of(panel.name if panel.scaled else ""))
    page.upright(box.left - 31, box.top + box.height / 2, say("p, log scale"), SMALL, QUIET)


def p_ticks(alpha: float, top: float, points: float) -> tuple[list[float], list[str]]:
    """Return heights and words of p-values: alpha, and powers of ten as far apart as texts must be."""
    # On the lowest axes of the smallest p no power of ten but 1 has room.
    step = next((k for k in (1, 2, 3, 5, 10, 20, 50, 100, 200) if k * points / top >= 16), int(top) + 1)
    line, least = -np.log10(alpha), 10 * top / points
    places = [float(k) for k in range(0, int(top) + 1, step) if abs(k - line) >= least]
    words = [f"{10.0**-k:.{int(k)}f}" if k <= 4 else f"1e−{k:.0f}" for k in places]
    return [line, *places], [f"{alpha:g}", *words]


def _points(axes: Axes, volcano: Volcano, at: Ints, deep: Ints) -> None:
    """Draw marks: white around all of them first, so that no mark is cut by the white around its neighbours.

    What is significant is never hidden by a hollow mark, through which those below are seen.
    """
    from matplotlib.collections import PathCollection
    from matplotlib.markers import MarkerStyle
    from matplotlib.transforms import IdentityTransform

    panel, size = volcano.panel, _size(volcano.panel)
    edge = max(0.35, 0.2 * size)
    scale = _SMALLER**deep
    groups = []
    for marker in _markers(panel):
        own = [k for k in range(len(panel.series)) if _marker(panel, k) == marker]
        mine = at[np.isin(panel.which[at], own)]
        shape, wide = shape_of(marker, size)
        mark = MarkerStyle(shape)
        outline = mark.get_path().transformed(mark.get_transform())
        groups.append((mine[panel.significant[mine]], mine[~panel.significant[mine]], outline, wide))

    def put(points: Ints, outline: Any, wide: float, more: float, **looks: Any) -> None:
        """Do what `Axes.scatter` does on axes with set limits, sooner."""
        if len(points):
            sizes = (wide * scale[points] + more) ** 2 if deep[points].any() else np.array([(wide + more) ** 2])
            places = np.column_stack([panel.estimate[points], volcano.height[points]])
            looks = {"linewidths": [0.0], **looks, "offset_transform": axes.transData, "zorder": 3}
            marks = PathCollection([outline], sizes, offsets=places, **looks)
            marks.set_transform(IdentityTransform())
            axes.add_collection(marks, autolim=False)

    for full, open_, outline, wide in groups:
        put(np.concatenate([full, open_]), outline, wide, edge + 0.4, facecolors=["white"])
    for _, open_, outline, wide in groups:
        put(
            open_,
            outline,
            wide,
            -edge,
            facecolors=[_SEEN],
            edgecolors=_colours(panel, open_),
            linewidths=edge * scale[open_],
        )
    for full, _, outline, wide in groups:
        # A cluster of one shape stays dark: its marks have a pale line between them, white is around all of them.
        put(full, outline, wide, 2 * _THIN, facecolors=["white"])
        colours = _colours(panel, full)
        put(full, outline, wide, -_THIN, facecolors=colours, edgecolors=0.35 + 0.65 * colours, linewidths=_THIN)


def _size(panel: CurvePanel) -> float:
    """Return the size of a mark in points."""
    most = 4.0 if len(panel.series) > 1 and len(panel) <= SHAPES else 3.2
    return float(np.clip(80.0 / np.sqrt(len(panel.whole or panel)), 1.5, most))


def _colours(panel: CurvePanel, at: Ints) -> Floats:
    """Return the colours of marks."""
    return np.array([shade(panel, k, 1.0) for k in range(len(panel.series))])[panel.which[at]]


def _markers(panel: CurvePanel) -> list[str]:
    """Return the markers in the order drawn."""
    return list(dict.fromkeys(_marker(panel, k) for k in range(len(panel.series))))


def _overlaps(volcano: Volcano, width: float, height: float, top: float) -> tuple[int, Ints]:
    """Count the points that overlap another by more than half, on axes of ``width`` and ``height`` points.

    And return, (n,), on how many of other series each is drawn, of which the lower ones are to be seen: 0, 1 or 2.
    """
    panel = volcano.panel
    deep = np.zeros(len(panel), dtype=np.int64)
    low, high = _shown(panel)
    at = np.flatnonzero(np.isfinite(volcano.height) & (panel.estimate >= low) & (panel.estimate <= high))
    if len(panel) > MANY or not len(at):
        return 0, deep
    ends = with_room([0.0, low, high])
    markers = _markers(panel)
    shapes = np.array([markers.index(_marker(panel, k)) for k in range(len(panel.series))])[panel.which[at]]
    # As they are drawn: hollow ones first, then by shape.
    order = np.lexsort((shapes, panel.significant[at]))
    at, shapes = at[order], shapes[order]
    x, y = panel.estimate[at] * width / (ends[1] - ends[0]), volcano.height[at] * height / top
    reach = (_NEAR * _size(panel)) ** 2
    near = np.tril((x[:, None] - x) ** 2 + (y[:, None] - y) ** 2 < reach, -1)
    other = near & (shapes[:, None] != shapes)
    deep[at] = np.minimum(other.sum(axis=1), 2)
    return int(near.any(axis=1).sum()), deep


def _marker(panel: CurvePanel, k: int) -> str:
    return marker_of(panel.series[k].colour) if len(panel.series) > 1 else "o"


def _cells(volcano: Volcano, at: Ints, scale: tuple[float, float]) -> tuple[Ints, Floats]:
    """Return the squares, (k, 2), that have points and how many of each series: (k, series)."""
    wide, tall = (_BIN / s for s in scale)
    x, y = (np.floor(v[at] / w).astype(np.int64) for v, w in ((volcano.panel.estimate, wide), (volcano.height, tall)))
    cells, which = np.unique(np.stack([x, y], axis=1), axis=0, return_inverse=True)
    counts = np.zeros((len(cells), len(volcano.panel.series)))
    np.add.at(counts, (which.reshape(-1), volcano.panel.which[at]), 1.0)
    return cells, counts


def _bins(axes: Axes, volcano: Volcano, at: Ints, scale: tuple[float, float]) -> None:
    """Draw squares in the colour of the series that most of their points have, the darker the more points."""
    from matplotlib.collections import PolyCollection

    panel = volcano.panel
    wide, tall = (_BIN / s for s in scale)
    cells, counts = _cells(volcano, at, scale)
    level = _level(counts.sum(axis=1), counts.sum(axis=1).max(initial=1.0))
    tints = [INK if len(panel.series) == 1 else SERIES[s.colour % len(SERIES)] for s in panel.series]
    colours = [blend(tints[k], v) for k, v in zip(counts.argmax(axis=1), level.tolist(), strict=True)]
    left, bottom = cells[:, 0] * wide, cells[:, 1] * tall
    corners = np.stack([[left, bottom], [left + wide, bottom], [left + wide, bottom + tall], [left, bottom + tall]])
    axes.add_collection(PolyCollection(list(corners.transpose(2, 0, 1)), facecolors=colours, linewidths=0, zorder=3))


def _mark_beyond(
    axes: Axes, fonts: Fonts, volcano: Volcano, ends: tuple[float, float], shown: tuple[float, float]
) -> None:
    """Mark estimates beyond the axis by arrows at its edge, with their values."""
    y, known = volcano.panel.estimate, np.isfinite(volcano.height)
    sides = ((y < shown[0], ends[0], "<", "left"), (y > shown[1], ends[1], ">", "right"))
    for cut, edge, arrow, align in sides:
        beyond = known & cut
        if beyond.any():
            heights = volcano.height[beyond]
            axes.scatter([edge] * len(heights), heights, s=14, color=INK, marker=arrow, linewidths=0, clip_on=False)
            words = f" {beyond_words(y[beyond], volcano.panel.decimals)} "
            place = float(heights.max()) + 0.02 * axes.get_ylim()[1]
            axes.text(edge, place, words, fontsize=SMALL, color=INK, family=list(fonts.families), ha=align, va="bottom")


def _note(data: VolcanoData, overlaps: Sequence[tuple[int, Ints]], shares: str) -> str:
    many = {len(v.panel) > MANY for v in data.panels}
    kinds = {
        False: say("a point is a specification"),
        True: say("of many, the darker a square the more specifications"),
    }
    said = "; ".join(kinds[k] for k in sorted(many))
    parts = [
        say(
            "{marks}; dashed: p = {alpha:g} (standard errors: {vcov}).",
            marks=said[0].upper() + said[1:],
            alpha=data.alpha,
            vcov=data.vcov,
        )
    ]
    estimands = estimands_of([v.panel for v in data.panels])
    if estimands and shares in ("brief", "file"):
        estimands = [say("The key names estimators; what each estimates is in results.csv.")]
    parts += estimands
    if shares in ("note", "brief"):
        several = len({v.panel.name for v in data.panels}) > 1
        tested = [v for v in data.panels if v.nulls]
        parts += [shares_told(v.panel, v.nulls, data.alpha, data.vcov, several) for v in tested]
    without = sum(int(np.count_nonzero(~np.isfinite(v.height))) for v in data.panels)
    if without:
        parts.append(
            say(
                "{without:,} without a p-value stands below the axis of p."
                if without == 1
                else "{without:,} without a p-value stand below the axis of p.",
                without=without,
            )
        )
    if together := sum(count for count, _ in overlaps):
        parts.append(
            say(
                "{n:,} point overlaps another by more than half."
                if together == 1
                else "{n:,} points overlap others by more than half.",
                n=together,
            )
        )
    if any(deep.any() for _, deep in overlaps):
        parts.append(say("Marks that lie on those of other series are smaller."))
    of = [((v.panel.name, told(words)), told(s.null)) for v in data.panels for words, s in v.nulls]
    if of and shares == "file":
        parts.append(say("Shares with p < {alpha:g}, and the null's: appendix_estimates.csv.", alpha=data.alpha))
    elif of:
        nulls = dict.fromkeys(null for _, null in of)
        at = 0 if len({v.panel.name for v in data.panels}) > 1 else 1
        panes = {null: say(", ").join(dict.fromkeys(key[at] for key, one in of if one == null)) for null in nulls}
        named = [null if len(nulls) == 1 else f"{null} ({panes[null]})" for null in nulls]
        parts.append(
            say(
                "The null: shares in draws of the {listed}; up to: of one sign.",
                listed=say("; of the ").join(named),
            )
        )
    enter = [v for v in data.panels if v.panel.segments[0].kind == KINDS[0]]
    parts += without_null([v.panel for v in enter], [{words for words, _ in v.nulls} for v in enter])
    if len(enter) < len(data.panels):
        parts.append(say("Uncertain and nonequivalent: in no joint test."))
    return sentences(parts)


def _texts(data: VolcanoData) -> Iterator[str]:
    yield "−–…·≥%" + data.title + data.vcov + data.doubt + data.verdict
    yield from (words + s.null for v in data.panels for words, s in v.nulls)
    for volcano in data.panels:
        yield volcano.panel.name
        yield from (s.label for s in volcano.panel.series)


FIGURE = FigureKind("volcano", later("Estimates against p-values"), volcano_data, draw, volcano_data, on_page=False)

OWN = Own(
    zh={
        "; of the ": "；",
        "Shares with p < {alpha:g}, and the null's: appendix_estimates.csv.": (
            "p < {alpha:g} 的比例及原假设下的比例：见 appendix_estimates.csv。"
        ),
        "specifications in a square: 1 to {most:,}, log scale": "每格设定数：1 至 {most:,}（对数刻度）",
        "With p < {alpha:g}, {errors}:": "p < {alpha:g}（{errors}）的比例：",
        "With p < {alpha:g}:": "p < {alpha:g} 的比例：",
        "Uncertain and nonequivalent: in no joint test.": "存疑与不等价的设定不进入联合检验。",
        "Estimates against p-values": "估计值与 p 值",
        "The null: shares in draws of the {listed}; up to: of one sign.": (
            "原假设：{listed}的抽样中的比例；至多：同一符号的比例。"
        ),
        "a point is a specification": "每个点为一个设定",
        "of many, the darker a square the more specifications": "设定较多时，方格颜色越深，设定越多",
        "of the {tested:,} tested": "受检验的 {tested:,} 个设定中",
        "p, log scale": "p（对数刻度）",
        "preferred: {estimate}, {words}": "首选：{estimate}，{words}",
        "by the null's standard errors ({errors}), not the marks' ({vcov})": (
            "采用原假设检验的标准误（{errors}），而非标记的标准误（{vcov}）"
        ),
        "{marks}; dashed: p = {alpha:g} (standard errors: {vcov}).": "{marks}；虚线：p = {alpha:g}（标准误：{vcov}）。",
        "Marks that lie on those of other series are smaller.": "压在其他序列标记上的标记较小。",
        "{n:,} point overlaps another by more than half.": "{n:,} 个点与其他点重叠过半。",
        "{n:,} points overlap others by more than half.": "{n:,} 个点与其他点重叠过半。",
        "{share} negative, p < {alpha:g} ({null})": "{share} 显著为负，p < {alpha:g}（{null}）",
        "{share} positive, p < {alpha:g} ({null})": "{share} 显著为正，p < {alpha:g}（{null}）",
        "{tested:,} tested": "受检验 {tested:,} 个",
        "{without:,} without a p-value stand below the axis of p.": "{without:,} 个没有 p 值的设定绘于 p 轴下方。",
        "{without:,} without a p-value stands below the axis of p.": "{without:,} 个没有 p 值的设定绘于 p 轴下方。",
    },
)

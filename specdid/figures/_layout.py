"""Where everything stands on the page, in points from the top left: computed before drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from specdid.figures._curve_data import CurveData, CurvePanel
from specdid.figures._fonts import Fonts
from specdid.figures._style import SINGLE, SMALL, TEXT

TICKS = 30.0
"""Room for the numbers of a vertical axis and its label."""
RIGHT = 6.0
STRIP = 22.0
GAP = 7.0
INDENT = 6.0
_TALL = 34
"""Rows beyond which a figure is set closer, so that it fills a page's width and still fits its height."""


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """One line of text beside the choice panel; ``top`` is below the panel's own top."""

    heading: str
    label: str
    text: str
    top: float
    always: str = ""

    @property
    def is_heading(self) -> bool:
        """Whether this is a heading, which has no marks."""
        return not self.label


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Panels that stand side by side and share the labels of their choices."""

    panels: tuple[CurvePanel, ...]
    lines: tuple[ChoiceLine, ...]
    choices: float


@dataclass(frozen=True, slots=True)
class CurveLayout:
    """Sizes in points; ``row`` is the height of a row of the choice panel.

    ``left`` is the width of the column of labels; ``medians`` of the column at the right.
    """

    width: float
    left: float
    medians: float
    curve: float
    row: float
    bands: tuple[PanelRow, ...]

    def panel_left(self, place: int, count: int) -> float:
        """Return where the axes of the ``place``-th panel of a band begin."""
        return self.left + place * (self.panel_width(count) + TICKS + RIGHT)

    def panel_width(self, count: int) -> float:
        """Return the width of the axes of a band of ``count`` panels."""
        gutters = (count - 1) * (TICKS + RIGHT)
        return (self.width - self.left - RIGHT - self.medians - gutters) / count


def lay_out(data: CurveData, fonts: Fonts, width: float) -> CurveLayout:
    """Choose sizes for a figure ``width`` inches wide.

    Panels go two to a band where the figure is wider than one column of a journal.
    """
    points = width * 72
    narrow = width < 1.4 * SINGLE
    side_by_side = 1 if narrow or len(data.panels) == 1 else 2
    bands = [data.panels[k : k + side_by_side] for k in range(0, len(data.panels), side_by_side)]
    labels = [(r.label, False) for p in data.panels for c in p.choices for r in c.rows]
    labels += [(c.heading, True) for p in data.panels for c in p.choices]
    longest = max((fonts.width(text, TEXT, bold) for text, bold in labels), default=0.0)
    least, most = (TICKS + 52, 0.37 * points) if narrow else (TICKS + 92, 0.33 * points)
    left = min(max(longest + INDENT + 9, least), most)
    medians = 32.0 if side_by_side == 1 and not narrow and _one_median(data) else 0.0
    rows = max(len(_headings(b)) + sum(len(rows) for _, rows, _ in _headings(b)) for b in bands)
    row, space = (9.6, 3.5) if rows <= _TALL else (7.8, 2.0)
    full = 150.0 if rows <= _TALL else 130.0
    return CurveLayout(
        points,
        left,
        medians,
        curve=full if side_by_side == 1 and not narrow else 125.0,
        row=row,
        bands=tuple(_band(b, fonts, left - 8, row, space) for b in bands),
    )


def _one_median(data: CurveData) -> bool:
    return all(len(p.series) == 1 for p in data.panels)


def _headings(panels: Sequence[CurvePanel]) -> list[tuple[str, list[str], tuple[str, ...]]]:
    """Return the union of the panels' headings and rows, in order of appearance."""
    found: dict[str, tuple[dict[str, None], tuple[str, ...]]] = {}
    for panel in panels:
        for choices in panel.choices:
            rows, _ = found.setdefault(choices.heading, ({}, choices.always))
            rows.update(dict.fromkeys(r.label for r in choices.rows))
    return [(heading, list(rows), always) for heading, (rows, always) in found.items()]


def _band(panels: tuple[CurvePanel, ...], fonts: Fonts, room: float, row: float, space: float) -> PanelRow:
    lines: list[ChoiceLine] = []
    top = 0.0
    for heading, labels, always in _headings(panels):
        top += space if lines else 0.0
        text = fonts.fit(heading, TEXT, room, bold=True)
        beside = f"always {' + '.join(always)}" if always else ""
        beside = fonts.fit(beside, SMALL, room - fonts.width(text, TEXT, bold=True) - 5) if beside else ""
        lines.append(ChoiceLine(heading, "", text, top, beside))
        top += row + 0.6
        for label in labels:
            lines.append(ChoiceLine(heading, label, fonts.fit(label, TEXT, room - INDENT), top))
            top += row
    return PanelRow(panels, tuple(lines), top)

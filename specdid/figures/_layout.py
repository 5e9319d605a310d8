"""Which rows stand below the curves, and where in points from the top left: computed before drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specdid._words import later, say
from specdid.figures._curve_data import AND, CurveData, CurvePanel
from specdid.figures._fonts import Fonts
from specdid.figures._style import SINGLE, SMALL, TEXT

TICKS = 30.0
"""Room for the numbers of a vertical axis and its label."""
RIGHT = 6.0
STRIP = 22.0
SENSITIVITY = 26.0
GAP = 7.0
INDENT = 6.0
LOOSE, CLOSE = (9.6, 3.5), (7.8, 2.0)
"""Height of a row of choices and the space between headings, in points."""
_CONTROLS = later("Controls")
FULL, LOW, FLAT = 150.0, 90.0, 40.0
"""Height of curves at least, and where a choice would lose its rows, or a panel its place, otherwise."""


@dataclass(frozen=True, slots=True)
class ChoiceLine:
    """One line of text beside the choice panel; ``top`` is below the panel's own top; ``alone``: one option of two."""

    heading: str
    label: str
    text: str
    top: float
    always: str = ""
    alone: bool = False

    @property
    def is_heading(self) -> bool:
        """Whether this is a heading, which has no marks."""
        return not self.label

    @property
    def is_cut(self) -> bool:
        """Whether the line does not say all of its words."""
        whole = self.heading if self.is_heading else self.label
        return self.text not in (whole, f"{self.heading}: {whole}") or self.always.endswith("…")


@dataclass(frozen=True, slots=True)
class PanelRow:
    """Panels that stand side by side and share the labels of their choices."""

    panels: tuple[CurvePanel, ...]
    lines: tuple[ChoiceLine, ...]
    choices: float


@dataclass(frozen=True, slots=True)
class CurveLayout:
    """Sizes in points; ``row`` is the height of a row of the choice panel, ``curve`` that of curves at least.

    ``left`` is the width of the column of labels; ``medians`` of the column at the right.
    ``still`` and ``left_out`` are headings without rows: nothing moves, and there is no room.
    ``share`` is what the curves take of the figure's height, where there is room; ``flat`` ones have no strip with N.
    """

    width: float
    left: float
    medians: float
    curve: float
    row: float
    bands: tuple[PanelRow, ...]
    still: tuple[str, ...]
    left_out: tuple[str, ...]
    share: float
    flat: bool

    @property
    def has_rows(self) -> bool:
        """Whether choices stand below the curves."""
        return any(band.lines for band in self.bands)

    def panel_left(self, place: int, count: int) -> float:
        """Return where the axes of the ``place``-th panel of a band begin."""
        return self.left + place * (self.panel_width(count) + TICKS + RIGHT)

    def panel_width(self, count: int) -> float:
        """Return the width of the axes of a band of ``count`` panels."""
        gutters = (count - 1) * (TICKS + RIGHT)
        return (self.width - self.left - RIGHT - self.medians - gutters) / count


@dataclass(frozen=True, slots=True)
class Layouts:
    """What all layouts of a figure ``points`` wide have in common; ``order`` are headings, what moves most first."""

    data: CurveData
    fonts: Fonts
    points: float
    left: float
    medians: float
    bands: tuple[tuple[CurvePanel, ...], ...]
    order: tuple[str, ...]
    still: tuple[str, ...]

    @classmethod
    def of(cls, data: CurveData, fonts: Fonts, width: float) -> Layouts:
        """Choose columns for a figure ``width`` inches wide; panels go two to a band where it is wide."""
        points, panels = width * 72, data.panels
        narrow = width < 1.4 * SINGLE
        side_by_side = 1 if narrow or len(panels) == 1 else 2
        bands = tuple(panels[k : k + side_by_side] for k in range(0, len(panels), side_by_side))
        labels = [(r.label, False) for p in panels for c in p.choices for r in c.rows]
        labels += [(c.heading, True) for p in panels for c in p.choices]
        longest = max((fonts.width(text, TEXT, bold) for text, bold in labels), default=0.0)
        least, most = (TICKS + 52, 0.37 * points) if narrow else (TICKS + 92, 0.33 * points)
        left = min(max(longest + INDENT + 9, least), most)
        one_median = side_by_side == 1 and not narrow and all(len(p.series) == 1 for p in panels)
        moves: dict[str, list[tuple[float, bool]]] = {}
        for choices in (c for p in panels for c in p.choices):
            moves.setdefault(choices.heading, []).append((choices.moves, choices.still))
        order = sorted(moves, key=lambda name: -max(mean for mean, _ in moves[name]))
        still = tuple(name for name in order if all(rests for _, rests in moves[name]))
        kept = tuple(name for name in order if name not in still)
        return cls(data, fonts, points, left, 32.0 if one_median else 0.0, bands, kept, still)

    def made(self, kept: Sequence[str], close: bool, alone: bool, curve: float) -> CurveLayout:
        """Lay out the rows of the headings ``kept``, and of choices of two options one row where ``alone``."""
        row, space = CLOSE if close else LOOSE
        bands = tuple(_band(b, self.fonts, self.left - 8, row, space, kept, alone) for b in self.bands)
        left_out = tuple(name for name in self.order if name not in kept)
        share = 0.3 if self.points < 1.4 * SINGLE * 72 else 0.4
        return CurveLayout(
            self.points, self.left, self.medians, curve, row, bands, self.still, left_out, share, curve == FLAT
        )


def _band(
    panels: tuple[CurvePanel, ...],
    fonts: Fonts,
    room: float,
    row: float,
    space: float,
    kept: Sequence[str],
    alone: bool,
) -> PanelRow:
    lines: list[ChoiceLine] = []
    top = 0.0
    for heading in kept:
        choices = [c for p in panels for c in p.choices if c.heading == heading]
        labels = list(dict.fromkeys(r.label for c in choices for r in c.rows))
        if not labels:
            continue
        top += space if lines else 0.0
        if alone and len(labels) == 2 and heading != say(_CONTROLS):
            taken = {
                o: sum(int(np.count_nonzero(r.chosen)) for c in choices for r in c.rows if r.label == o) for o in labels
            }
            rarer = min(labels, key=taken.__getitem__)
            lines.append(ChoiceLine(heading, rarer, _one_of_two(heading, rarer, labels, fonts, room), top, alone=True))
            top += row
            continue
        text = fonts.fit(heading, TEXT, room, bold=True)
        always = choices[0].always
        beside = say("always {listed}", listed=" + ".join(always)) if always else ""
        beside = fonts.fit(beside, SMALL, room - fonts.width(text, TEXT, bold=True) - 5) if beside else ""
        lines.append(ChoiceLine(heading, "", text, top, beside))
        top += row + 0.6
        short = fonts.apart(labels, TEXT, room - INDENT)
        for label in labels:
            first, *others = label.split(AND) if heading == say(_CONTROLS) else (label,)
            ways = (label, say("{first} + {others} more", first=first, others=len(others)))
            said = fonts.first_fit(ways, TEXT, room - INDENT) if others else short[label]
            lines.append(ChoiceLine(heading, label, said, top))
            top += row
    return PanelRow(panels, tuple(lines), top)


def _one_of_two(heading: str, rarer: str, labels: Sequence[str], fonts: Fonts, room: float) -> str:
    """Write a choice and the option that has its row, cut so that it does not look like the other one.

    "dropped" alone says of nothing what is dropped: the choice has half the room, or what the option leaves of it.
    """
    room -= fonts.width(": ", TEXT)
    named = fonts.fit(heading, TEXT, max(room / 2, room - fonts.width(rarer, TEXT)))
    return f"{named}: {fonts.apart(labels, TEXT, room - fonts.width(named, TEXT))[rarer]}"

"""Where everything stands on the page, in points from the top left: computed before drawing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

from specdid._words import later, say
from specdid.figures._curve_data import AND, ChoiceRows, CurveData, CurvePanel
from specdid.figures._curve_order import POINTS
from specdid.figures._fonts import Fonts
from specdid.figures._style import SINGLE, SMALL, TEXT

TICKS = 30.0
"""Room for the numbers of a vertical axis and its label."""
RIGHT = 6.0
STRIP = 22.0
SENSITIVITY = 26.0
GAP = 7.0
INDENT = 6.0
PAGE = 648.0
"""Points that a figure may be high: a page of letter paper with inch margins."""
_LOOSE, _CLOSE = (9.6, 3.5), (7.8, 2.0)
"""Height of a row of choices and the space between headings, in points."""
_CONTROLS = later("Controls")
_LOW = 0.75
"""Curves keep so much of their share of the height where a choice would lose its rows otherwise."""
_LOWER, _HALF = 90.0, 0.5
"""Height of curves below each other, and what any keep of their share, before a choice loses its rows."""
_LOWEST = 0.4
"""So much, and no less than FLAT, where no choice would have rows otherwise."""
LEAST_SLOT = 2.0
"""Points of width below which bars run into each other."""
_CLEAR_SLOT, _UNEVEN = 3.2, 0.6
"""So many, below which a narrow figure's marks are hardly told apart; the largest share of a half that helps."""
FLAT = 64.0
"""Height of curves where many panels stand below each other, at least."""


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
    ``still`` and ``left_out`` are headings without rows: nothing moves, and there is no room; of ``parts`` as many
    options have rows.
    ``share`` is what the curves take of the figure's height, at least; beside ``flat`` ones there is no room for the
    shares significant, which are in the note; a ``brief`` note has them there alone, and
    leaves out what the names of the key estimate.
    """

    width: float
    left: float
    medians: float
    curve: float
    row: float
    bands: tuple[PanelRow, ...]
    still: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    share: float = 0.4
    flat: bool = False
    brief: bool = False

    @property
    def has_rows(self) -> bool:
        """Whether choices stand below the curves."""
        return any(band.lines for band in self.bands)

    @property
    def kept(self) -> tuple[str, ...]:
        """The headings that have rows, in their order."""
        return tuple(dict.fromkeys(line.heading for band in self.bands for line in band.lines))

    def panel_left(self, place: int, count: int) -> float:
        """Return where the axes of the ``place``-th panel of a band begin."""
        return self.left + place * (self.panel_width(count) + TICKS + RIGHT)

    def panel_width(self, count: int) -> float:
        """Return the width of the axes of a band of ``count`` panels."""
        gutters = (count - 1) * (TICKS + RIGHT)
        return (self.width - self.left - RIGHT - self.medians - gutters) / count


def lay_out(data: CurveData, fonts: Fonts, width: float) -> CurveLayout:
    """Choose sizes for a figure ``width`` inches wide that may be as high as it will.

    Panels go two to a band where the figure is wider than one column of a journal.
    """
    return next(layouts(data, fonts, width))


def layouts(data: CurveData, fonts: Fonts, width: float) -> Iterator[CurveLayout]:
    """Return layouts that take less and less height.

    Rows are set closer; then choices of two options have a row for one; then the note is brief; then the curves are
    lower, several bands of them more so; then the choices that move least have no rows. Curves are flat before no
    choice has any: without rows a curve says nothing of them.
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
    bands = [(half,) for half in _halves(data.panels, points - left - RIGHT)] if narrow else bands
    medians = 32.0 if side_by_side == 1 and not narrow and _one_median(data) else 0.0
    moves = _moves(data.panels)
    still = tuple(heading for heading, (_, rests) in moves.items() if rests)
    order = [heading for heading, (_, rests) in moves.items() if not rests]

    def made(
        kept: list[str], close: bool, curve: float, alone: bool = True, low: float = 1.0, brief: bool = True
    ) -> CurveLayout:
        row, space = _CLOSE if close else _LOOSE
        rows = tuple(_band(b, fonts, left - 8, row, space, kept, alone) for b in bands)
        share = (0.3 if narrow else 0.4) * low
        flat = curve == FLAT and len(rows) > 1
        left_out = tuple(order[len(kept) :])
        return CurveLayout(points, left, medians, curve, row, rows, still, left_out, {}, share, flat, brief)

    full = 150.0 if side_by_side == 1 and not narrow else 125.0
    yield made(order, False, full, alone=False, brief=False)
    yield made(order, True, full, alone=False, brief=False)
    yield made(order, True, full, brief=False)
    for count in range(len(order), 1, -1):
        yield made(order[:count], True, full)
        yield made(order[:count], True, full, low=_LOW)
        yield made(order[:count], True, _LOWER if len(bands) > 1 else full, low=_HALF)
    for count in range(len(order), 0, -1):
        yield made(order[:count], True, FLAT, low=_LOWEST)
    yield made([], True, FLAT)


def _halves(panels: tuple[CurvePanel, ...], width: float) -> tuple[CurvePanel, ...]:
    """Return the halves of a panel that stand below each other where its bars would be hardly told apart."""
    if len(panels) > 1 or len(panels[0]) > POINTS or not LEAST_SLOT <= width / panels[0].extent < _CLEAR_SLOT:
        return panels
    (panel,), count = panels, len(panels[0])
    starts = [start for start, _ in panel.pieces if start]
    middle = min(starts, key=lambda start: abs(2 * start - count), default=0)
    parts = (panel.part(0, middle), panel.part(middle, count)) if middle else panels
    large = max(parts, key=len)
    return parts if len(large) <= _UNEVEN * count else panels


def with_row(layout: CurveLayout, name: str, fonts: Fonts, most: int | None = None) -> CurveLayout:
    """Give a close layout rows for one choice more, or for ``most`` of its options."""
    room, (row, space) = layout.left - 8, _CLOSE
    kept, parts = (*layout.kept, name), dict(layout.parts) if most is None else {**layout.parts, name: most}
    bands = tuple(_band(band.panels, fonts, room, row, space, kept, True, parts) for band in layout.bands)
    left_out = tuple(other for other in layout.left_out if other != name)
    return replace(layout, bands=bands, left_out=left_out, parts=parts)


def _moves(panels: Sequence[CurvePanel]) -> dict[str, tuple[float, bool]]:
    """Return the headings, those that move the estimates most first, and whether they move them at all."""
    found: dict[str, list[ChoiceRows]] = {}
    for choices in (c for p in panels for c in p.choices):
        found.setdefault(choices.heading, []).append(choices)
    moves = {name: (max(c.moves for c in mine), all(c.still for c in mine)) for name, mine in found.items()}
    return dict(sorted(moves.items(), key=lambda item: -item[1][0]))


def _one_median(data: CurveData) -> bool:
    return all(len(p.series) == 1 for p in data.panels)


def _taken(panels: Sequence[CurvePanel], heading: str, label: str) -> int:
    rows = (r for p in panels for c in p.choices if c.heading == heading for r in c.rows if r.label == label)
    return sum(int(np.count_nonzero(row.chosen)) for row in rows)


def _headings(panels: Sequence[CurvePanel], kept: Sequence[str]) -> list[tuple[str, list[str], tuple[str, ...]]]:
    """Return the union of the panels' headings and rows, those of ``kept`` in its order."""
    found: dict[str, tuple[dict[str, None], tuple[str, ...]]] = {}
    for panel in panels:
        for choices in panel.choices:
            rows, _ = found.setdefault(choices.heading, ({}, choices.always))
            rows.update(dict.fromkeys(r.label for r in choices.rows))
    return [(heading, list(found[heading][0]), found[heading][1]) for heading in kept if heading in found]


def _band(
    panels: tuple[CurvePanel, ...],
    fonts: Fonts,
    room: float,
    row: float,
    space: float,
    kept: Sequence[str],
    alone: bool,
    parts: Mapping[str, int] = MappingProxyType({}),
) -> PanelRow:
    lines: list[ChoiceLine] = []
    top = 0.0
    every = tuple(p.whole or p for p in panels)
    for heading, labels, always in _headings(every, kept):
        top += space if lines else 0.0
        if alone and len(labels) == 2 and heading != say(_CONTROLS):
            rarer = min(labels, key=lambda label: _taken(every, heading, label))
            # A half without the rarer would have an empty row, which looks like one of what was not estimated.
            empty = any(p.whole and not _taken((p,), heading, rarer) for p in panels)
            for label in [o for o in labels if _taken(panels, heading, o)] if empty else [rarer]:
                said = _one_of_two(heading, label, labels, fonts, room)
                lines.append(ChoiceLine(heading, label, said, top, alone=True))
                top += row
            continue
        text = fonts.fit(heading, TEXT, room, bold=True)
        beside = say("always {listed}", listed=" + ".join(always)) if always else ""
        beside = fonts.fit(beside, SMALL, room - fonts.width(text, TEXT, bold=True) - 5) if beside else ""
        lines.append(ChoiceLine(heading, "", text, top, beside))
        top += row + 0.6
        short = fonts.apart(labels, TEXT, room - INDENT)
        for label in labels[: parts.get(heading)]:
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

"""The key above a curve: what colours, bars and ribbons mean, wrapped to the panel's width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from specdid.figures._curve_axes import fixed, shade
from specdid.figures._curve_panel import Panel
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page
from specdid.figures._style import ACCENT, BAND90, BAND95, FAINT, INK, MARKERS, QUIET, SMALL, blend

_SWATCH = 11.0
_BETWEEN = 10.0


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry: a swatch, its colour and words."""

    kind: Literal["dot", "bar", "thin bar"]
    colour: Any
    words: str
    marker: str = "o"

    def width(self, fonts: Fonts) -> float:
        """Return the entry's width in points."""
        return _SWATCH + fonts.width(self.words, SMALL)


Key = tuple[tuple[Entry, ...], ...]


def key_lines(panel: Panel, alpha: float, fonts: Fonts, room: float, bars: bool) -> Key:
    """Return the entries, broken into lines of at most ``room`` points."""
    return break_lines(_entries(panel, alpha, fonts, room, bars), fonts, room)


def break_lines(entries: Sequence[Entry], fonts: Fonts, room: float) -> Key:
    """Break entries into lines of at most ``room`` points."""
    lines: list[list[Entry]] = [[]]
    used = 0.0
    for whole in entries:
        entry = replace(whole, words=fonts.fit(whole.words, SMALL, room - _SWATCH))
        width = entry.width(fonts)
        if lines[-1] and used + width > room:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += width + _BETWEEN
    return tuple(tuple(line) for line in lines)


def draw_key(page: Page, lines: Key, left: float, top: float, step: float) -> None:
    """Draw the key with its first line's middle at ``top``."""
    for k, line in enumerate(lines):
        x, y = left, top + k * step
        for entry in line:
            if entry.kind == "dot":
                page.dot(x + 4, y, entry.colour, entry.marker, 4.0)
            else:
                page.line((x, x + 8), (y, y), entry.colour, 3.6 if entry.kind == "bar" else 1.0)
            page.text(x + _SWATCH, y, entry.words, SMALL, colour=QUIET)
            x += entry.width(page.fonts) + _BETWEEN


def _entries(panel: Panel, alpha: float, fonts: Fonts, room: float, bars: bool) -> list[Entry]:
    entries = []
    if len(panel.series) > 1:
        for k, series in enumerate(panel.series):
            facts = f" ({series.n:,}, median {fixed(series.median, panel.decimals)})"
            label = fonts.fit(series.label, SMALL, room - _SWATCH - fonts.width(facts, SMALL))
            marker = MARKERS[series.colour % len(MARKERS)] if bars else "o"
            entries.append(Entry("dot", shade(panel, k, 1.0), label + facts, marker))
        entries.append(Entry("dot", FAINT, f"pale: p ≥ {alpha:g}"))
    else:
        entries.append(Entry("dot", shade(panel, 0, 1.0), f"p < {alpha:g}"))
        entries.append(Entry("dot", shade(panel, 0, 0.0), f"p ≥ {alpha:g}"))
    entries.append(Entry("bar", blend(INK, 0.5) if bars else BAND90, "90%"))
    entries.append(Entry("thin bar" if bars else "bar", blend(INK, 0.5) if bars else BAND95, "95% interval"))
    if panel.preferred:
        entries.append(Entry("dot", ACCENT, "preferred", "D"))
    return entries

"""The words of an event-study figure: its key, the joint tests above a panel, the note below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from specdid._records.numerals import p_text
from specdid.figures._event_data import MOST, EventData, EventPanel, Look, ends_note, look_of
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page
from specdid.figures._style import ACCENT, INK, QUIET, SMALL, blend

LINE = 10.5
_SWATCH, _BETWEEN = 10.0, 11.0


@dataclass(frozen=True, slots=True)
class Entry:
    """A mark and words: of a series, or of a kind of bar (``thick``)."""

    words: str
    look: Look | None = None
    thick: float = 0.0
    colour: str = INK

    def width(self, fonts: Fonts) -> float:
        """Return the entry's width in points."""
        lead = _SWATCH if self.look or self.thick else 0.0
        return lead + fonts.width(self.words, SMALL)


Lines = list[list[Entry]]


def key_lines(data: EventData, fonts: Fonts, room: float) -> Lines:
    """Say what colours and bars mean; series are named once where all panels have the same."""
    panel = max(data.panels, key=lambda p: len(p.series))
    entries = []
    if 1 < len(panel.series) <= MOST:
        entries = [
            Entry(fonts.fit(s.label, SMALL, room - _SWATCH), look_of(panel, k)) for k, s in enumerate(panel.series)
        ]
    elif len(panel.series) > MOST:
        kept = next((s for s in panel.series if s.preferred), None)
        if kept is not None:
            entries = [Entry(fonts.fit(f"preferred: {kept.label}", SMALL, room), Look(ACCENT, "D", True))]
        entries.append(Entry(f"{len(panel.series) - (kept is not None):,} others", thick=0.6, colour=QUIET))
    level = f"{100 * (1 - data.alpha):g}%"
    colour = ACCENT if len(panel.series) > MOST else INK
    kinds = ((f"{level} pointwise", 1.9), (f"{level} simultaneous", 0.7))
    bars = [Entry(words, thick=thick, colour=colour) for words, thick in kinds]
    return _broken([*entries, *bars], fonts, room)


def test_lines(panel: EventPanel, data: EventData, fonts: Fonts, room: float) -> Lines:
    """Write each curve's joint test of the leads, or for many curves how often it rejects."""
    tested = [(k, s.test) for k, s in enumerate(panel.series) if np.isfinite(s.test[3])]
    if not tested:
        return []
    if len(panel.series) > MOST:
        share = np.mean([test[3] < data.alpha for _, test in tested])
        words = f"joint test of the leads: p < {data.alpha:g} in {share:.0%} of {len(tested):,}"
        return [[Entry(words)]]
    entries = [Entry("joint test of the leads:")]
    for k, (statistic, df1, df2, p) in tested:
        words = f"F({df1}, {df2:g}) = {statistic:.2f}, {p_text(p)}"
        entries.append(Entry(words, look_of(panel, k) if len(panel.series) > 1 else None))
    return _broken(entries, fonts, room)


def _broken(entries: Sequence[Entry], fonts: Fonts, room: float) -> Lines:
    lines: Lines = [[]]
    used = 0.0
    for entry in entries:
        width = entry.width(fonts)
        if lines[-1] and used + width > room:
            lines.append([])
            used = 0.0
        lines[-1].append(entry)
        used += width + _BETWEEN
    return lines


def write_lines(page: Page, lines: Lines, left: float, top: float) -> None:
    """Write entries line by line."""
    for k, line in enumerate(lines):
        x, y = left, top + k * LINE
        for entry in line:
            if entry.look is not None:
                page.dot(x + 3, y, entry.look.colour, entry.look.marker, 4.0)
            elif entry.thick:
                page.line((x, x + 7), (y, y), blend(entry.colour, 0.5), entry.thick)
            lead = _SWATCH if entry.look or entry.thick else 0.0
            page.text(x + lead, y, entry.words, SMALL, colour=QUIET)
            x += entry.width(page.fonts) + _BETWEEN


def note(data: EventData) -> str:
    """Say what is drawn, in sentences."""
    parts = []
    if any(s.references for p in data.panels for s in p.series):
        parts.append(f"Effects are relative to {data.unit} {data.tick(data.reference)} (hollow).")
    else:
        parts.append("No period is set to zero.")
    if any(not s.references for p in data.panels for s in p.series) and len(parts[0]) > 30:
        parts.append("Curves without a hollow mark have no reference period.")
    if data.ticks:
        parts.append(_beginning(data))
    parts.append(ends_note([(s.label, s.bins) for p in data.panels for s in p.series], data.window))
    parts.append(f"Standard errors: {data.vcov}; the simultaneous band covers the whole curve.")
    return " ".join(filter(None, parts))


def wrapped(text: str, fonts: Fonts, room: float) -> list[str]:
    """Break a text into lines of at most ``room`` points."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and fonts.width(longer, SMALL) > room:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _beginning(data: EventData) -> str:
    """Say when treatment begins, where the axis does not."""
    first, last = data.window
    known = [data.tick(k) for k in data.starts if first <= k <= last]
    return f"The first units are treated in {' or '.join(known)} (dashed)." if known else ""

"""What stands against the estimates, above them: a filled band where they must not be used, and lines of text."""

from __future__ import annotations

from dataclasses import dataclass

from specdid._records.cautions import Against
from specdid.figures._fonts import Fonts
from specdid.figures._page import Page
from specdid.figures._plain import NOTE, wrap
from specdid.figures._style import ACCENT, SMALL, TITLE, WRONG

_HEAD = 13.0
_DETAILS = 4
"""Lines of details below the band; warnings.csv has all."""


@dataclass(frozen=True, slots=True)
class Warned:
    """Lines of the band, of its details and of the serious warnings, and the heights they take."""

    band: tuple[str, ...] = ()
    details: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def above(self) -> float:
        """Height of band and details, which stand above the title."""
        return (_HEAD * len(self.band) + NOTE * len(self.details) + 12) if self.band else 0.0

    @property
    def below(self) -> float:
        """Height of the serious warnings, which stand below the title."""
        return NOTE * len(self.doubts) + 4 if self.doubts else 0.0


def lay_warned(found: Against, fonts: Fonts, width: float) -> Warned:
    """Break the texts into lines for a figure of this width in points."""
    room = 0.97 * width - 8
    band = wrap(found.failed, fonts, room, TITLE, bold=True)
    lines = [fonts.fit(text, SMALL, room) for text in found.details[:_DETAILS]]
    if lines != list(found.details):
        lines.append("in full in warnings.csv")
    return Warned(tuple(band), tuple(lines if band else ()), tuple(wrap(found.brief, fonts, room)))


def draw_warned(page: Page, warned: Warned, doubts: float) -> None:
    """Draw the band at the top of the page, and the serious warnings from ``doubts`` downwards."""
    if warned.band:
        page.filled(0, 0, page.width, _HEAD * len(warned.band) + 5, WRONG)
    for k, line in enumerate(warned.band):
        page.text(page.width / 2, 2.5 + _HEAD * (k + 0.5), line, TITLE, bold=True, colour="white", align="center")
    top = _HEAD * len(warned.band) + 9
    for k, line in enumerate(warned.details):
        page.text(2, top + NOTE * (k + 0.5), line, SMALL, colour=WRONG)
    for k, line in enumerate(warned.doubts):
        page.text(2, doubts + NOTE * (k + 0.5), line, SMALL, colour=ACCENT)

"""A figure addressed in points from its top left corner, and what the figures share: notes, plain axes, densities."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from specdid._records.cautions import capital
from specdid._words import catalogue_texts, later, say, sentences
from specdid.figures._fonts import Fonts, fonts_for, lacks_bold
from specdid.figures._style import (
    CROSS,
    CROSSED,
    GROUND,
    INK,
    OPEN,
    QUIET,
    RING,
    SMALL,
    TEXT,
    TITLE,
    inked,
    shape_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINE = 10.5
"""Height of a line of text, in points."""
NOTE = 9.0
TITLE_LINE = 12.0
_TITLE_LINES = 3
PRINTED, PRINTED_ROWS = 8.0, 7.3
"""Points that the smallest text of a bare figure has where it is printed, and of one with many rows."""
_READ, _ARTICLE = 5.5, (388.0, 546.0)
"""Points at least on the line and page of an article in 12 points, to which LaTeX shrinks it."""
_CAPTION, _CAPTION_THERE = 40.0, 67.0
"""Points beside figure and note, there with a caption in larger type and a line that the note has more."""
SHEET = 648.0
"""Height of a page of letter paper with inch margins."""


CUT = later("Names cut short are in full in choices.csv and results.csv.")
CUT_OF_TABLE = later("Names cut short are in full in the table of these results.")


@dataclass
class _Told:
    """What a figure tells beside itself: its note, and how many lines that would take on it."""

    note: str = ""
    lines: int = 0
    printed: float = PRINTED


_told: ContextVar[_Told | None] = ContextVar("told", default=None)


def draw_bare(draw: Callable[[float], Figure], width: float) -> tuple[Figure, str]:
    """Draw without title and note, which LaTeX sets; return the figure and the note.

    It is printed ``width`` inches wide, and drawn so much smaller that its smallest text then has PRINTED points
    (PRINTED_ROWS: `width_of_rows`).
    """
    told = _Told()
    token = _told.set(told)
    try:
        return draw(width * SMALL / PRINTED), told.note
    finally:
        _told.reset(token)


def width_of_rows(width: float) -> float:
    """Return how wide to draw what `draw_bare` asks for in ``width`` where there are many rows: in smaller type."""
    if (told := _told.get()) is not None:
        told.printed = PRINTED_ROWS
    return width if told is None else width * PRINTED / PRINTED_ROWS


def note_lines(text: str, fonts: Fonts, room: float) -> list[str]:
    """Break a figure's note into lines; a bare figure has none, and tells the note of its last layout."""
    if (told := _told.get()) is None:
        return wrap(text, fonts, room)
    # LaTeX sets it in type of PRINTED points, on a line that may be shorter.
    there = min(room * told.printed, _ARTICLE[0] * SMALL) / PRINTED
    told.note, told.lines = text, len(wrap(text, fonts, there))
    return []


def highest(points: float) -> float:
    """Return how high a figure may be on a page with room for ``points``.

    Beside a bare figure stand its caption and the note that `note_lines` was given before. On the page of an article,
    which is lower, it is shrunk, by no more than leaves its smallest text so large that it is read.
    """
    told = _told.get()
    if told is None:
        return points
    note = NOTE * told.lines * PRINTED / SMALL
    in_article = (_ARTICLE[1] - _CAPTION_THERE - note) / _READ
    return SMALL * min((points - _CAPTION - note) / told.printed, in_article)


@dataclass(frozen=True, slots=True)
class Page:
    """Places texts, small drawings and axes."""

    figure: Figure
    fonts: Fonts
    width: float
    height: float

    @classmethod
    def new(cls, fonts: Fonts, width: float, height: float) -> Page:
        """Make a figure of this size in points; pyplot does not know it."""
        from specdid.figures._drawing import Drawing

        figure = Drawing(figsize=(width / 72, height / 72), dpi=150, facecolor="white")
        return cls(figure, fonts, width, height)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Add axes whose upper left corner is at (left, top)."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def text(
        self, x: float, middle: float, text: str, size: float = TEXT, bold: bool = False,
        colour: str = INK, align: str = "left", beside: str = "", ground: bool = False,
    ) -> None:  # fmt: skip
        """Write one line of text, vertically centred on the height of its capitals, within the page's sides.

        It has the colour of what stands ``beside`` it: numbers and Chinese on one line are as dark.
        Chinese without a bold face has none of its letters bold, which would stand out by chance.
        On a white ``ground`` no gridline strikes through it.
        """
        if align != "left":
            wide = self.fonts.width(text, size, bold) * (0.5 if align == "center" else 1.0)
            x = max(x, wide + 0.5)
            x = min(x, self.width - wide - 0.5) if align == "center" and 2 * wide < self.width else x
        colour = inked(text + beside, colour)
        bold = bold and not lacks_bold(self.fonts.families, text)
        self.figure.text(
            x / self.width, 1 - (middle + 0.36 * size) / self.height, text, fontsize=size, color=colour,
            weight="bold" if bold else "normal", ha=align, va="baseline",
            family=list(self.fonts.families), bbox=GROUND if ground else None,
        )  # fmt: skip

    def title(self, text: str) -> None:
        """Write the figure's title, on as many lines as `title_height` counts."""
        for k, line in enumerate(_title_lines(text, self.fonts, self.width) if _told.get() is None else ()):
            self.text(2, 9 + TITLE_LINE * k, line, TITLE, bold=True)

    def upright(self, x: float, middle: float, text: str, size: float, colour: str) -> None:
        """Write a text that reads upwards, centred on this point, as the name of a vertical axis."""
        self.figure.text(
            x / self.width, 1 - middle / self.height, text, fontsize=size,
            color=inked(text, colour),
            rotation=90, ha="center", va="center", family=list(self.fonts.families),
        )  # fmt: skip

    def line(self, x: tuple[float, float], y: tuple[float, float], colour: Any, width: float) -> None:
        """Draw a line."""
        from matplotlib.lines import Line2D

        self.figure.add_artist(self._made(Line2D, x, y, color=colour, linewidth=width, solid_capstyle="butt"))

    def dot(self, x: float, y: float, colour: Any, marker: str = "o", size: float = 4.0) -> None:
        """Draw a marker."""
        from matplotlib.lines import Line2D

        edge = {CROSS: 0.2, CROSSED: 0.16, RING: 0.2, OPEN: 0.2}.get(marker, 0.0) * size
        shape, wide = shape_of(marker, size)
        looks = {"color": colour, "marker": shape, "markersize": wide, "markeredgewidth": edge}
        face = "white" if marker in (CROSSED, RING, OPEN) else colour
        self.figure.add_artist(self._made(Line2D, (x,), (y,), markerfacecolor=face, **looks))

    def _made(self, kind: Any, x: tuple[float, ...], y: tuple[float, ...], **looks: Any) -> Any:
        places = [v / self.width for v in x], [1 - v / self.height for v in y]
        return kind(*places, transform=self.figure.transFigure, **looks)


def _title_lines(text: str, fonts: Fonts, width: float) -> list[str]:
    lines = wrap(text, fonts, width - 4, TITLE, bold=True)
    if len(lines) <= _TITLE_LINES:
        return lines
    rest = " ".join(lines[_TITLE_LINES - 1 :])
    return [*lines[: _TITLE_LINES - 1], fonts.fit(rest, TITLE, width - 4, bold=True)]


def title_height(text: str, fonts: Fonts, width: float) -> float:
    """Return the height of a title and the space below it, in points, on a page ``width`` points wide."""
    if not text or _told.get() is not None:
        return 0.0
    return 1.9 * LINE + TITLE_LINE * (len(_title_lines(text, fonts, width)) - 1)


def choose_fonts(texts: Iterable[str]) -> Fonts:
    """Return the fonts for a figure's texts, and warn of characters that none can write."""
    fonts = fonts_for((*texts, *catalogue_texts()))
    if fonts.missing:
        warnings.warn(
            f"no installed font can write {' '.join(fonts.missing[:20])} in the figure; "
            "for Chinese install one such as Noto Sans CJK (fonts-noto-cjk)",
            stacklevel=3,
        )
    return fonts


def wrap(text: str, fonts: Fonts, room: float, size: float = SMALL, bold: bool = False) -> list[str]:
    """Break a text into lines of at most ``room`` points, between words and Chinese characters, within a wider word."""
    lines = [""]
    for lead, word in _words(text):
        longer = f"{lines[-1]}{lead}{word}".strip()
        if lines[-1] and fonts.width(longer, size, bold) > room:
            lines.append(word)
        else:
            lines[-1] = longer
        while len(lines[-1]) > 1 and fonts.width(lines[-1], size, bold) > room:
            line = lines.pop()
            ends = range(len(line) - 1, 0, -1)
            end = next((k for k in ends if fonts.width(line[:k], size, bold) <= room), 1)
            lines += [line[:end], line[end:]]
    return lines if text else []


_BETWEEN = re.compile(r"(?<=[\u4e00-\u9fff，。；：、）])(?![，。；：、）”,.;:!?%)])|(?<![（“])(?=[\u4e00-\u9fff（])")
"""Where Chinese may be broken: no line begins with a mark that closes, or ends with one that opens."""


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Return what stays on one line, each with what stands before it: a space or, in Chinese, nothing."""
    for word in text.split(" "):
        parts = [part for part in _BETWEEN.split(word) if part] or [word]
        yield from ((" " if k == 0 else "", part) for k, part in enumerate(parts))


ENTRY_LINES = 3
"""Lines that one entry of a key may take."""


def entry_lines(
    words: str, fonts: Fonts, room: float, most: int = ENTRY_LINES, size: float = SMALL, bold: bool = False
) -> list[str]:
    """Break the words of an entry of a key; what is left of the last of ``most`` lines is cut."""
    lines = wrap(words, fonts, room, size, bold=bold)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], fonts.fit(" ".join(lines[most - 1 :]), size, room, bold)]


def joined(facts: Iterable[str]) -> str:
    """Put facts on one line; what ends in a colon leads to the next."""
    return " · ".join(facts).replace(": · ", ": ")


def listed(headings: Iterable[str]) -> str:
    """Name choices within a sentence."""
    return say(", ").join(f"{name[:1].lower()}{name[1:]}" for name in headings)


def spelled_out(common: Iterable[Mapping[str, str]]) -> list[str]:
    """Say what […] stands for in the labels of dimensions, each once."""
    every = {name: words for one in common for name, words in one.items()}
    return [say("{name}: […] stands for {words}.", name=capital(n), words=w) for n, w in every.items()]


def axes_differ(ends: Iterable[tuple[float, float]]) -> list[str]:
    """Say of panels of one look that their axes end elsewhere."""
    return [say("Axes of panels differ in range.")] if len({*ends}) > 1 else []


_ABSENT = 4
"""Panels not drawn that a note names."""


def first_of(some: int, all_: int, names: Sequence[str] = ()) -> list[str]:
    """Say that only the first panels are drawn, and which of these ``names`` are not."""
    if some >= all_:
        return []
    absent = list(names[some : some + _ABSENT])
    if more := all_ - some - len(absent):
        absent.append(say("{n} more", n=more))
    words = (
        say("The first of {all} panels is drawn", all=all_)
        if some == 1
        else say("The first {some} of {all} panels are drawn", some=some, all=all_)
    )
    return [say("{words}; not drawn: {absent}.", words=words, absent=say("; ").join(absent))]


def first_fitting(
    note: str, heights: Sequence[float], rest: float, fonts: Fonts, room: float, names: Sequence[str] = ()
) -> tuple[int, list[str]]:
    """Return how many blocks below each other fit a page beside ``rest``, one at least, and the note's lines."""
    for some in range(len(heights), 0, -1):
        lines = note_lines(sentences(filter(None, [note, *first_of(some, len(heights), names)])), fonts, room)
        if rest + sum(heights[:some]) + NOTE * len(lines) <= highest(SHEET):
            break
    return some, lines


def write_note(page: Page, lines: Sequence[str], top: float, colour: str = QUIET, bold: bool = False) -> None:
    """Write the lines of a note from ``top`` downwards."""
    for k, line in enumerate(lines):
        page.text(2, top + NOTE * k + NOTE / 2, line, SMALL, bold, colour)

"""Colours and sizes of the figures, and how they are saved: the same bytes every time."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from math import cos, pi, sin
from pathlib import Path
from typing import TYPE_CHECKING, Any

from specdid._records.cautions import headline
from specdid._records.files import replacing
from specdid.figures._fonts import dense, postscript_outlines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SINGLE, DOUBLE, DEFAULT = 3.5, 7.0, 6.5
"""Widths of a journal's column and page, and of a manuscript's text, in inches."""

GROUND = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}
"""Of texts on axes, which gridlines would strike through."""
INK, QUIET, FAINT, HAIR = "#1a1a1a", "#6b6b6b", "#a3a3a3", "#e6e6e6"
BAND95, BAND90 = "#e2e2e2", "#c6c6c6"
ACCENT, WRONG = "#d55e00", "#b00020"
DOUBT = "#ad4a00"
"""Serious warnings, as on the page of a run: as text the accent is too pale, in grey print above all."""
DENSE = {QUIET: "#222222", DOUBT: "#3d1a00"}
"""These colours of Chinese characters, whose thin strokes look as pale as letters of the former ones."""


def inked(text: str, colour: str) -> str:
    """Return the colour in which a text is as dark as letters are in this one."""
    return DENSE.get(colour, colour) if dense(text) else colour


SERIES = ("#0072b2", "#009e73", "#cc79a7", "#7a5230", "#e69f00", "#56b4e9")
"""Okabe and Ito's palette for colour-blind readers, and a brown; its vermilion is the accent."""
MARKERS = ("o", "s", "^", "v", "d", "tall", "star", "<", ">", "house", "wide", "slant")
"""Marks of series: only such as have an inside, seen where they are hollow; five are drawn here."""
CROSS = "x"
"""The mark of estimates without a p-value, in every figure."""
RING = "ring"
"""A hollow dot, which grey print tells from a full one."""
CROSSED = "crossed"
"""That of the preferred one: a hollow diamond with the cross in it."""
OPEN = "open"
"""The hollow diamond of a preferred estimate with p >= alpha."""


def marker_of(series: int) -> str:
    """Return a marker that is no other series' of twelve, nor of those in the same colour, up to 72 of them."""
    return MARKERS[(series + series // len(MARKERS)) % len(MARKERS)]


def look_of_series(place: int) -> tuple[str, str]:
    """Return colour and marker of what has this place among a study's estimators, in every figure."""
    return SERIES[place % len(SERIES)], marker_of(place)


_OUTLINES: dict[str, list[tuple[float, float]]] = {
    "wide": [(-1, 0.55), (1, 0.55), (1, -0.55), (-1, -0.55), (-1, 0.55)],
    "tall": [(-0.55, 1), (0.55, 1), (0.55, -1), (-0.55, -1), (-0.55, 1)],
    "house": [(-0.85, -0.9), (0.85, -0.9), (0.85, 0.1), (0, 1), (-0.85, 0.1), (-0.85, -0.9)],
    "slant": [(-1, -0.6), (0.4, -0.6), (1, 0.6), (-0.4, 0.6), (-1, -0.6)],
    # Stouter than that of type, which has no inside at this size.
    "star": [((0.54 if k % 2 else 1) * sin(pi * k / 5), (0.54 if k % 2 else 1) * cos(pi * k / 5)) for k in range(11)],
}
_WIDER = {
    **dict.fromkeys("^v<>", 1.15), "d": 1.1, "wide": 1.2, "tall": 1.2, "house": 1.15, "slant": 1.4, "star": 1.5
}  # fmt: skip
"""Slender marks are drawn so much larger."""


def narrowed(marker: str, size: float, room: float) -> float:
    """Return a size at which a mark is no wider than ``room`` points, at least half of what it was."""
    return max(size / 2, min(size, room / _WIDER.get(marker, 1.0)))


def shape_of(marker: str, size: float) -> tuple[Any, float]:
    """Return a marker as matplotlib takes it, and its size in points."""
    size *= _WIDER.get(marker, 1.0)
    if marker != CROSSED and marker not in _OUTLINES:
        return {RING: "o", OPEN: "D"}.get(marker, marker), size
    from matplotlib.path import Path as Outline

    if marker in _OUTLINES:
        return Outline(_OUTLINES[marker], closed=True), size
    corners = [(0, 1), (1, 0), (0, -1), (-1, 0), (0, 1)]
    cross = [(-0.5, -0.5), (0.5, 0.5), (-0.5, 0.5), (0.5, -0.5)]
    codes = [Outline.MOVETO, *4 * [Outline.LINETO], *2 * [Outline.MOVETO, Outline.LINETO]]
    # A marker of its own is as wide as its size says, a diamond is wider.
    return Outline([*corners, *cross], codes), 1.42 * size


TEXT, SMALL, TITLE = 7.0, 6.5, 9.0
"""Font sizes in points at print size."""

_KEPT = ("backend", "backend_fallback", "interactive", "toolbar", "webagg", "tk.", "macosx", "timezone")
_OWN: dict[Any, Any] = {
    "text.parse_math": False,
    "axes.unicode_minus": True,
    "svg.fonttype": "path",
    "svg.hashsalt": "specdid",
    "pdf.compression": 6,
    "path.simplify": False,
}
_LAYOUT = ("GSUB", "GPOS", "GDEF", "kern")
_PNG: dict[str, Any] = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}}
_NO_DATES: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": "specdid", "Producer": None},
    "svg": {"Date": None, "Creator": "specdid"},
}


_FONT_LOGGERS = ("fontTools", "matplotlib.font_manager")


@contextmanager
def quiet_fonts() -> Iterator[None]:
    """Keep to themselves what libraries say of a font's tables and weights, which no user can mend.

    Missing glyphs are named by `choose_fonts`, once for all.
    """
    loggers = [logging.getLogger(name) for name in _FONT_LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing", category=UserWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


@contextmanager
def own_style() -> Iterator[None]:
    """Use matplotlib's defaults and the few settings above, and give the caller's back after."""
    import matplotlib as mpl

    with mpl.rc_context(), quiet_fonts():
        defaults: dict[Any, Any] = {k: v for k, v in mpl.rcParamsDefault.items() if not k.startswith(_KEPT)}
        mpl.rcParams.update(defaults | _OWN)
        yield


def stamp(figure: Figure, words: str) -> None:
    """Write the first words, those before a colon, large across a figure: its numbers must not be used."""
    if not words:
        return
    from math import atan2, degrees, hypot

    first = headline(words)
    width, height = figure.get_size_inches()
    # A letter of bold capitals is some three quarters of the size wide.
    size = 0.8 * 72 * hypot(width, height) / (0.75 * len(first))
    figure.text(
        0.5,
        0.5,
        first,
        fontsize=size,
        color=WRONG,
        alpha=0.4,
        weight="bold",
        rotation=degrees(atan2(height, width)),
        ha="center",
        va="center",
        zorder=1000,
    )


def save(
    figure: Figure, directory: Path, stem: str, formats: Sequence[str], failed: str = "", note: str = ""
) -> tuple[Path, ...]:
    """Write a figure as ``stem.pdf`` and so on, without dates; PNG at 300 dots an inch.

    Parameters
    ----------
    failed
        Stamped across the figure: why its numbers must not be used.
    note
        The figure's note where it is not drawn: a property of the PDF.

    Raises
    ------
    ValueError
        A format is none of pdf, png and svg.
    """
    import matplotlib as mpl

    unknown = [f for f in formats if f not in (*_NO_DATES, "png")]
    if unknown:
        raise ValueError(f"figure formats are pdf, png and svg, not {', '.join(unknown)}")
    paths = tuple(directory / f"{stem}.{kind}" for kind in formats)
    with own_style():
        stamp(figure, failed)
        if "pdf" in formats:
            mpl.rcParams["pdf.fonttype"] = 3 if postscript_outlines(_families(figure)) else 42
        for path, kind in zip(paths, formats, strict=True):
            with replacing(path) as new, _glyphs_alone() if kind == "pdf" else nullcontext():
                if kind == "png":
                    _write_png(figure, new, 300)
                else:
                    told = {"Subject": note} if note and kind == "pdf" else {}
                    figure.savefig(new, format=kind, metadata=_NO_DATES[kind] | told)
    return paths


@contextmanager
def garbage_left() -> Iterator[None]:
    """Let a drawing's many short-lived objects not set off searches through the whole run's objects."""
    import gc

    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@contextmanager
def _glyphs_alone() -> Iterator[None]:
    """Cut fonts down without the tables that lay out text: a PDF places each glyph itself.

    Reading and cutting these tables takes longer than all else in writing a PDF. matplotlib gives no
    say in it, so fontTools' own defaults are changed meanwhile; where they have other names, nothing is.
    """
    from fontTools import subset

    known = getattr(subset.Options, "_drop_tables_default", None)
    if known is None:
        yield
        return
    changes: list[tuple[Any, str, Any]] = [(subset.Options, "_drop_tables_default", [*known, *_LAYOUT])]
    if hasattr(subset, "_compact_layout_tables"):
        changes.append((subset, "_compact_layout_tables", lambda font, **_: nullcontext()))
    with ExitStack() as undo:
        for where, name, value in changes:
            undo.callback(setattr, where, name, getattr(where, name))
            setattr(where, name, value)
        yield


def png(figure: Figure, dots: int) -> bytes:
    """Return a figure as a PNG file's bytes, at ``dots`` an inch."""
    out = io.BytesIO()
    with own_style():
        _write_png(figure, out, dots)
    return out.getvalue()


def _write_png(figure: Figure, out: Path | io.BytesIO, dots: int) -> None:
    figure.savefig(out, format="png", dpi=dots, **_PNG)


def _families(figure: Figure) -> list[str]:
    from matplotlib.text import Text

    texts: Any = figure.findobj(Text)
    return [family for text in texts for family in text.get_fontfamily()]


def blend(colour: str, share: float) -> tuple[float, float, float]:
    """Mix a colour with white; share 1 is the colour itself."""
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return 1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue)


TREATED, CONTROL = blend(INK, 0.65), blend(INK, 0.25)
"""Units, in every figure."""

"""Which fonts can write a figure's texts, and how wide the texts are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

_TEXT = ("Arial", "Liberation Sans", "Nimbus Sans", "DejaVu Sans")
_CJK = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "Microsoft YaHei",
    "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti", "SimHei", "WenQuanYi Zen Hei",
    "WenQuanYi Micro Hei", "Noto Sans CJK JP", "Noto Sans CJK TC", "Droid Sans Fallback", "SimSun",
    "Songti SC", "AR PL UMing CN", "AR PL UKai CN", "Arial Unicode MS",
)  # fmt: skip
_IDEOGRAPHS = chr(0x2E80)
"""The first of the characters that a Chinese font writes."""
_NOT_TEXT = ("Last", "cm", "STIXNonUnicode", "STIXSize")


@dataclass(frozen=True, slots=True)
class Fonts:
    """Families in the order in which a glyph is looked up, and characters that none of them has."""

    families: tuple[str, ...]
    missing: str = ""

    def width(self, text: str, size: float, bold: bool = False) -> float:
        """Measure a text, in points: what its letters advance, without kerning, which only draws them together."""
        return size * sum(map(_advances(self.families, bold).__getitem__, text))

    def fit(self, text: str, size: float, room: float, bold: bool = False) -> str:
        """Cut a text at the end with … so that it is at most ``room`` points wide."""
        if self.width(text, size, bold) <= room:
            return text
        short, long = 0, len(text)
        while short + 1 < long:
            middle = (short + long) // 2
            fits = self.width(text[:middle].rstrip() + "…", size, bold) <= room
            short, long = (middle, long) if fits else (short, middle)
        return text[:short].rstrip(" +·,:") + "…"

    def fit_ends(self, text: str, size: float, room: float) -> str:
        """Cut a text that is too long in its middle: labels that begin alike differ at their ends."""
        for kept in range(len(text), 0, -1):
            short = text if kept == len(text) else f"{text[: kept // 3]}…{text[len(text) - (kept - kept // 3) :]}"
            if self.width(short, size) <= room:
                return short
        return self.fit(text, size, room)

    def apart(self, texts: Sequence[str], size: float, room: float) -> dict[str, str]:
        """Cut texts to their room so that no two look alike.

        Those that do are cut in their middle, and those that still do before they differ.
        """
        short = {text: self.fit(text, size, room) for text in texts}
        found = {text: self.fit_ends(text, size, room) if group else cut for text, cut, group in _alike(short)}
        return {text: self._fit_from(text, group, size, room) if group else cut for text, cut, group in _alike(found)}

    def _fit_from(self, text: str, group: Sequence[str], size: float, room: float) -> str:
        """Begin a text with the word in which it differs from others of its group."""
        same = next((k for k, letters in enumerate(zip(*group, strict=False)) if len({*letters}) > 1), 0)
        return self.fit(f"…{text[text.rfind(' ', 0, same) + 1 :]}", size, room)

    def first_fit(self, texts: Sequence[str], size: float, room: float, bold: bool = False) -> str:
        """Return the first of these texts that is not too wide, or the last one cut."""
        fitting = (t for t in texts if self.width(t, size, bold) <= room)
        return next(fitting, None) or self.fit(texts[-1], size, room, bold)


def _alike(short: Mapping[str, str]) -> Iterator[tuple[str, str, list[str]]]:
    """Give each text with its short form and, where others have the same, all texts that do."""
    for text, cut in short.items():
        group = [other for other, one in short.items() if one == cut]
        yield text, cut, group if len(group) > 1 else []


def fonts_for(texts: Iterable[str]) -> Fonts:
    """Choose a text font and, for what it lacks, installed fonts that have the glyphs.

    Fonts for Chinese are tried first, then every installed font.
    """
    installed = _installed()
    families = list(dict.fromkeys([next(f for f in _TEXT if f in installed), "DejaVu Sans"]))
    wanted = sorted({ord(c) for text in texts for c in text if not c.isspace()})
    left = [c for c in wanted if not any(c in _characters(installed[f]) for f in families)]
    first = [f for f in _CJK if f in installed]
    for family in (*first, *(f for f in sorted(installed) if f not in first)) if left else ():
        found = [c for c in left if c in _characters(installed[family])]
        if found:
            families.append(family)
            left = [c for c in left if c not in found]
    return Fonts(tuple(families), "".join(map(chr, left)))


def lacks_bold(families: tuple[str, ...], text: str) -> bool:
    """Say whether a text has Chinese characters and the font that writes the first of them has no bold face."""
    first = next((c for c in text if c >= _IDEOGRAPHS), None)
    return first is not None and _lacks_bold(families, first)


@cache
def _lacks_bold(families: tuple[str, ...], character: str) -> bool:
    from matplotlib.font_manager import fontManager

    installed = _installed()
    family = next((f for f in families if ord(character) in _characters(installed.get(f, ""))), None)
    return not any(e.name == family and _is_bold(e.weight) for e in fontManager.ttflist)


def _is_bold(weight: int | str) -> bool:
    from matplotlib.font_manager import weight_dict

    return (weight_dict.get(weight, 400) if isinstance(weight, str) else weight) >= 600


def dense(text: str) -> bool:
    """Say whether a text has Chinese characters, whose thin strokes look paler than letters of the same colour."""
    return any(c >= _IDEOGRAPHS for c in text)


def postscript_outlines(families: Iterable[str]) -> bool:
    """Say whether any of these fonts has PostScript outlines, as Noto Sans CJK has.

    Such a font cannot be embedded in a PDF as TrueType: some readers then show nothing.
    """
    installed = _installed()
    return any(_outline_tag(installed[f]) == b"OTTO" for f in families if f in installed)


@cache
def _outline_tag(path: str) -> bytes:
    with Path(path).open("rb") as file:
        tag = file.read(4)
        if tag == b"ttcf":
            file.seek(12)
            file.seek(int.from_bytes(file.read(4), "big"))
            tag = file.read(4)
    return tag


@cache
def _characters(path: str) -> frozenset[int]:
    from matplotlib.font_manager import get_font

    try:
        return frozenset(get_font(path).get_charmap())
    except (OSError, RuntimeError):
        return frozenset()


@cache
def _installed() -> dict[str, str]:
    """Return a regular face of every installed family, without placeholder fonts.

    matplotlib's own list is made once and lacks what was installed since; a figure must
    not depend on when that was.
    """
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {entry.fname for entry in fontManager.ttflist}
    for path in sorted(findSystemFonts()):
        if path not in known:
            with suppress(OSError, RuntimeError):
                fontManager.addfont(path)
    upright = [e for e in fontManager.ttflist if e.style == "normal" and not e.name.startswith(_NOT_TEXT)]
    faces = sorted(upright, key=lambda e: (e.name, e.weight != 400, e.fname), reverse=True)
    return {entry.name: entry.fname for entry in faces}


class _Advances(dict[str, float]):
    """How far each character moves the pen, as a share of the font's size; found when it is first asked for."""

    def __init__(self, faces: Sequence[Any]) -> None:
        super().__init__()
        self._faces = faces

    def __missing__(self, character: str) -> float:
        from matplotlib.ft2font import LoadFlags

        glyphs = ((face, face.get_char_index(ord(character))) for face in self._faces)
        # Glyph 0 is drawn in place of a character that no face has.
        face, glyph = next((found for found in glyphs if found[1]), (self._faces[0], 0))
        advance = face.load_glyph(glyph, flags=LoadFlags.NO_SCALE).horiAdvance / face.units_per_EM
        return self.setdefault(character, float(advance))


@cache
def _advances(families: tuple[str, ...], bold: bool) -> _Advances:
    from matplotlib.font_manager import FontProperties, fontManager, get_font

    faces = []
    for family in families:
        with suppress(ValueError):
            weight = "bold" if bold else "normal"
            found = fontManager.findfont(FontProperties(family=family, weight=weight), fallback_to_default=False)
            faces.append(get_font(found))
    return _Advances(faces)

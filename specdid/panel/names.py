"""Names of units and groups that may mean the same one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from unicodedata import category, decomposition, normalize

import numpy as np

from specdid._arrays import Ints

MOST_RENAMED = 20_000
"""Units whose names are compared with what they may be called later."""
_MARKS = ("<super>", "<sub>", "<circle>", "<square>", "<fraction>")
"""What Unicode makes plain letters and digits of, and readers do not: Oregon² is no Oregon2."""
_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")
_HAN = re.compile(r"[\u3400-\u9fff]")
_NUMBERING = re.compile(r".*\d.*|[a-z]|[ivx]+|[〇零一二三四五六七八九十甲乙丙丁]")
_WORDS = re.compile(
    r"city|county|district|municipality|town(ship)?|village|borough|province|prefecture|state|region|parish|department"
    r"|inc(orporated)?|corp(oration)?|co(mpany)?|ltd|limited|llc|plc|gmbh|group|holdings?"
)
_ENDING = re.compile(
    r"((股份)?有限(责任)?公司|集团公司|集团|公司|特别行政区|自治[区州县旗]|地区|新区|街道|[省市县縣区區旗盟州镇鎮乡鄉村])$"
)
"""What follows names of places and firms and changes with their rank or law."""

ENCODED_ALIKE = (
    "write them alike in the file, all in Unicode form NFC and of one width, without soft hyphens and other "
    "characters that are not seen, and a word in letters of one alphabet"
)
_LOOKS = str.maketrans(
    "АВЕЅІЈКМНОРСТУХаеѕіјорсухԁԛԝΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTYXaesijopcyxdqwABEZHIKMNOPTYXo",
)
"""Cyrillic and Greek letters, and the Latin ones that they look like in this case: В is seen as B, and в is not."""


def spelling(text: str) -> str:
    """Return what texts share that differ only in case or in blanks."""
    return "".join(text.casefold().split())


def encoded_alike(text: str) -> str:
    """Return what texts share that look the same: of any Unicode form and width, without invisible characters."""
    if text.isascii():
        return text
    kept = (c for c in text if not _invisible(c))
    return normalize("NFC", "".join(c if decomposition(c).startswith(_MARKS) else normalize("NFKC", c) for c in kept))


def _invisible(c: str) -> bool:
    return category(c) == "Cf" or "\ufe00" <= c <= "\ufe0f" or c == "\u034f"


def written_out(text: str) -> str:
    """Write a text so that what is not seen in it is: combining marks and invisible characters by their numbers."""
    if text.isascii():
        return text
    return "".join(f"\\u{ord(c):04x}" if _invisible(c) or category(c) == "Mn" else c for c in text)


def told_apart(levels: Sequence[str]) -> list[str]:
    """Write levels as `written_out` does, and other alphabets' letters by their numbers if they alone differ."""
    shown = [written_out(level) for level in levels]
    if len({text.translate(_LOOKS) for text in shown}) == len(shown):
        return shown
    return ["".join(f"\\u{ord(c):04x}" if ord(c) in _LOOKS else c for c in text) for text in shown]


def same_names(levels: Sequence[str]) -> Iterator[tuple[bool, list[str]]]:
    """Return groups of levels that are the same but for case, blanks or encoding; True where encoding differs.

    The same letters to the eye, as Latin C and Cyrillic С, are the same but for encoding.
    """
    groups: dict[str, list[str]] = {}
    first: dict[str, str] = {}
    for level in levels:
        seen = encoded_alike(level)
        plain = spelling(seen)
        alike = plain if seen.isascii() else spelling(seen.translate(_LOOKS))
        key = first.get(plain) or first.get(alike) or plain
        first.setdefault(plain, key)
        first.setdefault(alike, key)
        groups.setdefault(key, []).append(level)
    for members in groups.values():
        if len(members) > 1:
            yield len({spelling(level) for level in members}) > 1, members


def renamed(levels: Sequence[str], units: Ints, periods: Ints) -> list[tuple[int, int]]:
    """Return pairs of units that may be one: the second begins in the period after the first ends.

    One name is the other with something behind it that is no number, or has another ending of places or firms, and
    no third name is like these. Together they are seen in half of the periods or more.

    Parameters
    ----------
    levels : the units' names, by code
    units, periods : (n,) of rows; a negative code is none
    """
    if not 2 <= len(levels) <= MOST_RENAMED:
        return []
    known = units >= 0
    if not known.all():
        units, periods = units[known], periods[known]
    place = np.unique(periods)
    when = np.searchsorted(place, periods)
    first, last = np.full(len(levels), len(place)), np.full(len(levels), -1)
    np.minimum.at(first, units, when)
    np.maximum.at(last, units, when)
    seen = last >= 0
    if len(place) < 3 or not (seen & (first > 0)).any() or not (seen & (last < len(place) - 1)).any():
        return []
    count = np.bincount(units, minlength=len(levels))
    found = []
    for one, other in _related(levels):
        a, b = (one, other) if first[one] <= first[other] else (other, one)
        if seen[a] and seen[b] and first[b] == last[a] + 1 and 2 * (count[a] + count[b]) >= len(place):
            found.append((a, b))
    return found


def _related(levels: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Return pairs of names that have a stem in common, which no third name has."""
    tokens = [tuple(_TOKEN.findall(encoded_alike(level).casefold())) for level in levels]
    whole: dict[tuple[str, ...], list[int]] = {}
    stems: dict[tuple[str, ...], list[int]] = {}
    for k, name in enumerate(tokens):
        whole.setdefault(name, []).append(k)
        stems.setdefault(_stem(name), []).append(k)
    pairs = {(m[0], m[1]) for stem, m in stems.items() if len(m) == 2 and len("".join(stem)) > 1}
    longer: dict[int, list[int]] = {}
    shorter: dict[int, list[int]] = {}
    for k, name in enumerate(tokens):
        for end in range(1, len(name)):
            for j in whole.get(name[:end], ()):
                longer.setdefault(j, []).append(k)
                shorter.setdefault(k, []).append(j)
    for j, more in longer.items():
        (k, *others), begin = more, tokens[j]
        added = tokens[k][len(begin) :]
        alone = not others and len(shorter[k]) == 1 and len(stems[_stem(begin)]) <= 2
        if alone and len("".join(begin)) > 1 and not any(_NUMBERING.fullmatch(token) for token in added):
            pairs.add((min(j, k), max(j, k)))
    yield from sorted(pair for pair in pairs if tokens[pair[0]] != tokens[pair[1]])


def _stem(name: tuple[str, ...]) -> tuple[str, ...]:
    """Return a name without the word that says what kind of place or firm it is."""
    if name and _WORDS.fullmatch(name[-1]):
        return name[:-1]
    if name and _HAN.fullmatch(name[-1]) and (ending := _ENDING.search("".join(name[-8:]))):
        return name[: len(name) - len(ending[0])]
    return name

"""Texts of a study within Markdown: shown as they are, never read as HTML, links or images."""

from __future__ import annotations

import re

_CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)")
_CELLS = re.compile(r"(?<!\\)((?:\\\\)*)\|")
_ACTIVE = re.compile(r"\\(?!\|)|<(?=[A-Za-z/!?])|\](?=[(\[:])|&(?=#?\w+;)|:(?=//)|(?<=www)\.|@|`", re.IGNORECASE)
"""What begins a tag, ends the text of a link or image, or is one by itself on some pages; and a lone backtick."""
_ESCAPED_OR_CODE = re.compile(rf"\\([\\<\]&:.@`])|{_CODE.pattern.replace('1', '2')}")


def code(text: str) -> str:
    """Write text as code, whatever backticks it has."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    marks, room = "`" * (longest + 1), " " * bool(longest)
    return f"{marks}{room}{text}{room}{marks}"


def harmless(line: str) -> str:
    r"""Escape what of a line of Markdown would act; bold, lists, tables and code stay, and ``\|`` in a cell."""
    if not line.startswith("|"):
        return _escaped(line)
    parts, at = [], 0  # code ends with its cell
    for bar in _CELLS.finditer(line):
        parts += [_escaped(line[at : bar.end() - 1]), "|"]
        at = bar.end()
    return "".join([*parts, _escaped(line[at:])])


def _escaped(text: str) -> str:
    parts, at = [], 0
    for span in _CODE.finditer(text):
        parts += [_ACTIVE.sub(r"\\\g<0>", text[at : span.start()]), span.group()]
        at = span.end()
    return "".join([*parts, _ACTIVE.sub(r"\\\g<0>", text[at:])])


def plain(line: str) -> str:
    """Undo `harmless`, for a terminal."""
    return _ESCAPED_OR_CODE.sub(lambda found: found[1] or found[0], line)

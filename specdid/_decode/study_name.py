"""``[study] name``: what a study's directory and its LaTeX labels are called."""

from __future__ import annotations

import re
from unicodedata import normalize

from specdid._decode.items import Item
from specdid._decode.table import Log
from specdid._diagnostics import Span

LONGEST = 60
"""Characters; at most four bytes each, so that every file system takes the name."""

_SEPARATORS = "/\\"
_WINDOWS = ':*?"<>|'
_LATEX = "#%$~&^{}"
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices, whatever their ending."""


def read_name(item: Item | None, log: Log) -> str | None:
    """Read ``name``; None where it is absent or cannot be a directory's name everywhere."""
    text = log.text(item, 'a name is a few words: name = "smart-city"')
    if item is None or text is None:
        return None
    name = normalize("NFC", text)
    wrong = _wrong(name)
    if wrong is None:
        return name
    message, help_, span = wrong
    log.add(item.origin, "bad_name", message, help_, span if name == text else None)
    return None


def _wrong(name: str) -> tuple[str, str | None, Span | None] | None:
    """Say why a directory cannot have this name on every system, nor LaTeX read from it."""
    for at, character in enumerate(name):
        span = Span(at, at + 1)
        if character in _SEPARATORS:
            return f"`{character}` in a name", "a name is no path; `--out DIR` puts results elsewhere", span
        if character in _WINDOWS:
            return f"`{character}` in a name", "Windows allows it in no file's name", span
        if character in _LATEX:
            return f"`{character}` in a name", "LaTeX cannot read files from a directory called so", span
        if not character.isprintable():
            help_ = "letters of any language, digits, spaces and `-_.,()` can stand in a name"
            return f"a character that nobody sees (U+{ord(character):04X}) in a name", help_, span
    if len(name) > LONGEST:
        return f"a name has at most {LONGEST} characters; this one has {len(name):,}", None, None
    if name != name.strip(" ") or name.endswith("."):
        return "a name cannot begin or end with a space, nor end with a dot", f'write "{name.strip(" .")}"', None
    if name[0] in ".-":
        return f"a name cannot begin with `{name[0]}`", "the shell would hide it or take it for an option", None
    if _RESERVED.fullmatch(name):
        return f"Windows keeps the name `{name}` for a device", "write another, such as `my-study`", None
    return None

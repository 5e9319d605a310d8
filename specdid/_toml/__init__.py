"""TOML with places: values through tomli, the span of every key and leaf through ``places``."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli

from specdid._diagnostics import Document, Fault, did_you_mean
from specdid._toml.places import MAX_DEPTH, DeepError, KeyPath, Spot, places

__all__ = ["KeyPath", "Spot", "Toml", "parse_toml", "read_document", "toml_text", "write_toml"]

LARGEST = 2_000_000
"""Bytes; a spec file has a few thousand."""
_DEEP = re.compile(r"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){200}")
"""A key of very many parts, for which tomli takes a minute."""
_SIGNS = dict(zip("＝，：；．（）［］｛｝＂＇“”„‘’＃　", '=,:;.()[]{}"\'"""\'\'# ', strict=True))
"""Punctuation of input methods and word processors, and what TOML wants."""
_KEYS = "a line is `key = value`, `[table]` or `# comment`; a key with signs other than A-Z a-z 0-9 _ - is quoted"
_HELP = {
    "Invalid statement": _KEYS,
    "Expected '='": _KEYS,
    "Invalid initial": _KEYS,
    "Invalid value": "text stands in quotes; true and false are lower case, numbers are 12 or 0.5",
    "Expected newline": "one key and value to a line; text that holds one kind of quotes stands in the other",
    "Unclosed": "items are separated by `,`; a list ends with `]`, an inline table with `}`",
    "Unescaped": "write `\\\\`, put the text in single quotes, or use `/` in a path",
    "Illegal character '\\n'": "end the text with its quote on the same line",
    "Unterminated": "end the text with its quotes",
    "Cannot": "a label, key or table stands once",
}
"""How a message of tomli begins, and what to do."""


@dataclass(frozen=True, slots=True)
class Toml:
    """What a document says, and where; nothing where it has faults."""

    values: dict[str, object]
    spots: dict[KeyPath, Spot]
    faults: tuple[Fault, ...] = ()


def parse_toml(document: Document) -> Toml:
    """Read ``document``; the first thing that is not TOML is its fault."""
    if deep := _DEEP.search(document.text):
        return Toml({}, {}, (_too_deep(document, deep.start()),))
    try:
        values = tomli.loads(document.text)
        return Toml(values, places(document.text))
    except tomli.TOMLDecodeError as error:
        return Toml({}, {}, (_not_toml(document, error.pos, error.msg),))
    except (RecursionError, DeepError):
        return Toml({}, {}, (_too_deep(document, 0),))
    except ValueError as error:  # a number of thousands of digits
        return Toml({}, {}, (_not_toml(document, 0, str(error)),))


def _too_deep(document: Document, at: int) -> Fault:
    message = f"tables and lists are nested more than {MAX_DEPTH} deep"
    return Fault("too_large", message, document.place(at, at + 1))


def _not_toml(document: Document, at: int, said: str) -> Fault:
    sign = document.text[at : at + 1]
    place = document.place(at, at + 1)
    if sign in _SIGNS:
        plain = "a space" if sign == "　" else f"`{_SIGNS[sign]}`"
        return Fault("toml", f"`{sign}` is no sign of TOML", place, f"write {plain}: input methods make others")
    help_ = next((help_ for begin, help_ in _HELP.items() if said.startswith(begin)), None)
    return Fault("toml", f"not TOML: {said[:1].lower()}{said[1:]}", place, help_)


def read_document(path: Path) -> tuple[Document | None, tuple[Fault, ...]]:
    """Read a spec file as UTF-8, its lines ending with LF.

    Returns
    -------
    The document, or None where there is no text to go on with, and the fault.
    """
    name = path.as_posix()
    content = _content(path)
    if isinstance(content, Fault):
        return None, (content,)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return None, (Fault("not_readable", f"{name} is not UTF-8: line {line}", help="save it as UTF-8"),)
    document = Document(name, text.replace("\r\n", "\n"))
    if not document.text.strip():
        help_ = "`specdid init DIR` writes a spec to start from"
        return document, (Fault("empty_file", f"{name} is empty", document.place(0, 0), help_),)
    return document, ()


def _content(path: Path) -> bytes | Fault:
    name = path.as_posix()
    try:
        if not path.exists():
            near = did_you_mean(path.name, sorted(p.name for p in path.parent.glob("*.toml")))
            return Fault("no_file", f"no file {name}", help=near)
        if not path.is_file():
            return Fault("not_readable", f"{name} is not an ordinary file", help="name a spec file (.toml)")
        if (size := path.stat().st_size) > LARGEST:
            message = f"{name} has {size / 1e6:,.0f} MB; a spec file has at most 2 MB"
            return Fault("not_readable", message, help="is this the data? name it in [study] data")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Fault("not_readable", f"{name} cannot be read: {reason}")


_BARE = re.compile(r"[A-Za-z0-9_-]+")
Provenance = Callable[[tuple[str, ...]], str]


def write_toml(values: Mapping[str, object], source: Provenance = lambda path: "") -> str:
    """Write a document; ``source`` says of a key path, as a comment behind it, where it comes from."""
    blocks = [block for key, value in values.items() for block in _blocks((key,), value, source)]
    return "\n".join("".join(f"{line}\n" for line in lines) for lines in blocks)


def _blocks(path: tuple[str, ...], value: object, source: Provenance) -> Iterator[list[str]]:
    """Return the lines of every header."""
    if isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for one in value:
            yield [f"[[{_header(path)}]]{_said(source(path))}", *(f"{_key(k)} = {_value(v)}" for k, v in one.items())]
        return
    if not isinstance(value, Mapping):
        yield [f"{_header(path)} = {_value(value)}{_said(source(path))}"]
        return
    if len(path) == 1 and value and all(isinstance(v, Mapping) and v for v in value.values()):
        for key, inner in value.items():  # none stands alone, so that headers keep their order
            yield from _blocks((*path, key), inner, source)
        return
    above = source(path)
    said = {key: where if (where := source((*path, key))) != above else "" for key in value}
    yield [f"[{_header(path)}]{_said(above)}", *(f"{_key(k)} = {_value(v)}{_said(said[k])}" for k, v in value.items())]


def _said(source: str) -> str:
    return f"  # {source}" if source else ""


def _header(path: Sequence[str]) -> str:
    return ".".join(map(_key, path))


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else toml_text(key)


def toml_text(text: str) -> str:
    """Write a text as a TOML string."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, str):
        return toml_text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(k)} = {_value(v)}" for k, v in value.items()) + " }" if value else "{}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return repr(value)

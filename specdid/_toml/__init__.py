"""TOML with places: values through tomli, the span of every key and leaf through ``scan``."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomli

from specdid._diagnostics import Document, Fault, Place, closest, file_order
from specdid._toml.build import AGAIN, UNREAD, Built, KeyPath, Spot, Unread, build
from specdid._toml.diagnose import control_characters, explain_conflict, explain_slip, refused
from specdid._toml.scan import Statement, scan

__all__ = [
    "AGAIN",
    "UNREAD",
    "KeyPath",
    "Spot",
    "Toml",
    "Unread",
    "parse_toml",
    "read_document",
    "toml_text",
    "write_toml",
]

MOST_FAULTS = 20
"""With more that is not TOML, the file is probably something else."""
LARGEST = 2_000_000
"""Bytes; a spec file has a few thousand."""
_UTF16 = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, slots=True)
class Toml:
    """What a document says, and where.

    Attributes
    ----------
    values : ``UNREAD`` is the value of a key whose value could not be read; a key that stands
        again has ``AGAIN`` and a number behind it
    lost : texts of statements that could not be placed; what they say is missing from ``values``
    """

    values: dict[str, object]
    spots: dict[KeyPath, Spot]
    faults: tuple[Fault, ...]
    lost: tuple[str, ...] = ()


def parse_toml(document: Document) -> Toml:
    """Read ``document``; what is not TOML becomes a fault, and the rest is read all the same."""
    text = document.text
    statements = scan(text)
    # tomli takes a minute for a key of 100,000 parts.
    deep = any(slip.code == "too_deep" for s in statements for slip in s.slips)
    found = (0, "nested too deep") if deep else _tomli(text)
    if isinstance(found, dict):
        return Toml(found, build(statements, text, refused=False).spots, ())
    built = build(statements, text)
    faults = _faults(document, statements, built) or [refused(document, *found)]
    if len(faults) >= MOST_FAULTS:
        return Toml({}, {}, tuple(faults[:MOST_FAULTS]))
    lost = tuple(text[s.start : s.stop] for s in built.lost)
    return Toml(built.values, built.spots, tuple(faults), lost)


def _tomli(text: str) -> dict[str, object] | tuple[int, str]:
    """Return the values, or where and why tomli refuses the text."""
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        return error.pos, error.msg
    except (RecursionError, ValueError) as error:
        return len(text), str(error)


def _faults(document: Document, statements: list[Statement], built: Built) -> list[Fault]:
    """Say everything that is wrong, in file order."""
    faults = [explain_slip(document, s, slip) for s in statements for slip in s.slips]
    faults += [explain_conflict(document, conflict) for conflict in built.conflicts]
    faults += [explain_slip(document, statements[0], slip) for slip in built.slips]
    faults += control_characters(document)
    places: dict[tuple[int, int], Fault] = {}
    for fault in faults:
        assert fault.place is not None
        places.setdefault((fault.place.line, fault.place.column), fault)
    return list(file_order(places.values()))


def read_document(path: Path) -> tuple[Document | None, tuple[Fault, ...]]:
    """Read a spec file as UTF-8, its lines ending with LF.

    Returns
    -------
    The document, or None where there is no text to go on with, and the faults: no file,
    a directory, too large, empty, UTF-16, GB18030 or another encoding, NUL, a byte order mark.
    What is UTF-16 or GB18030 is read as that, so that what else is wrong can be said.
    """
    name = path.as_posix()
    content = _content(path)
    if isinstance(content, Fault):
        return None, (content,)
    text, wrong = _decoded(name, content)
    if text is None:
        return None, wrong
    marked = text.startswith("\ufeff") and not wrong
    document = Document(name, text.removeprefix("\ufeff").replace("\r\n", "\n"))
    if "\0" in text:
        at = document.text.index("\0")
        return None, (Fault("nul", "a NUL character", document.place(at, at + 1), "is this a text file?"),)
    if not document.text.strip():
        help_ = "`specdid init DIR` writes a spec to start from"
        return document, (Fault("empty_file", f"{name} is empty", document.place(0, 0), help_),)
    mark = Fault(
        "byte_order_mark",
        "the file starts with a byte order mark (BOM)",
        document.place(0, 1),
        "save it as UTF-8 without BOM; Windows Notepad calls this `UTF-8`, not `UTF-8 with BOM`",
    )
    return document, (mark,) * marked + wrong


def _content(path: Path) -> bytes | Fault:
    name = path.as_posix()
    try:
        if path.is_dir():
            specs = sorted(p.name for p in path.glob("*.toml"))
            help_ = f"name a file in it: {', '.join(specs[:5])}" if specs else "name a spec file (.toml)"
            return Fault("not_a_file", f"{name} is a directory", help=help_)
        if not path.exists():
            return Fault("no_file", f"no file {name}", help=_near(path))
        if not path.is_file():
            return Fault("not_a_file", f"{name} is not an ordinary file")
        if (size := path.stat().st_size) > LARGEST:
            message = f"{name} has {size / 1e6:,.0f} MB; a spec file has at most 2 MB"
            return Fault("too_large", message, help="is this the data? name it in [study] data")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return Fault("unreadable", f"{name} cannot be read: {reason}")


def _near(path: Path) -> str | None:
    try:
        names = sorted(p.name for p in path.parent.iterdir() if p.suffix == ".toml")
    except OSError:
        return f"there is no directory {path.parent.as_posix()}"
    near = closest(path.name, names)
    return f"did you mean `{(path.parent / near).as_posix()}`?" if near else None


def _decoded(name: str, content: bytes) -> tuple[str | None, tuple[Fault, ...]]:
    if content[:2] in _UTF16:
        message = f"{name} is {_UTF16[content[:2]]}, not UTF-8"
        text = content.decode("utf-16", "replace")
        first_line = text.split("\n", 1)[0].rstrip("\r")
        return text, (Fault("encoding", message, Place(name, 1, 1, 1, first_line), "save it as UTF-8"),)
    try:
        return content.decode("utf-8"), ()
    except UnicodeDecodeError as error:
        return _not_utf8(name, content, error.start)


def _not_utf8(name: str, content: bytes, at: int) -> tuple[str | None, tuple[Fault, ...]]:
    """Locate the first byte that is not UTF-8; a file that reads as GB18030 is read so."""
    first = content.rfind(b"\n", 0, at) + 1
    end = content.find(b"\n", at)
    line = content[first : end if end >= 0 else len(content)].rstrip(b"\r")
    chinese = _reads_as(content, "gb18030")
    encoding = "gb18030" if chinese else "latin-1"
    column = len(line[: at - first].decode(encoding, "replace")) + 1
    place = Place(name, content.count(b"\n", 0, at) + 1, column, 1, line.decode(encoding, "replace"))
    message = f"{name} is not UTF-8" + ("; it looks like GB18030 (GBK)" if chinese else "")
    convert = f"iconv -f GB18030 -t UTF-8 {name} > new.toml" if chinese else None
    help_ = f"save it as UTF-8, for instance with `{convert}`" if convert else "save it as UTF-8"
    text = content.decode("gb18030") if chinese else None
    return text, (Fault("encoding", message, place, help_),)


def _reads_as(content: bytes, encoding: str) -> bool:
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return any("\u4e00" <= character <= "\u9fff" for character in text)


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

"""TOML written from values: tables under headers, what is in them in a line each."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

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

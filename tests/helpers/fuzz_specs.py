"""Spec files nobody would write: known ones, changed by bytes, tokens, TOML values, expressions and paths.

Case ``n`` is a function of ``n`` alone, so that a finding can be repeated.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

from fuzz_bases import Base
from fuzz_keeper import Case
from fuzz_texts import CODE, NAMES, NUMBERS, PATHS, TEXTS, expression, value
from fuzz_toml import toml_of
from hostile import HOSTILE

SPEC = "case.toml"
SLOW = ("analyses", "matched")
"""Studies with many tables and figures, of which fewer cases are run."""


def spec_cases(bases: Sequence[Base], numbers: Iterator[int] | range) -> Iterator[Case]:
    """Make the cases with these numbers."""
    for n in numbers:
        yield spec_case(bases, n)


def spec_case(bases: Sequence[Base], n: int) -> Case:
    """Make case ``n``: one of five kinds of change, to one of the bases."""
    random = Random(f"spec {n}")
    kind = KINDS[n % len(KINDS)]
    base = _chosen(bases, random)
    content = kind[1](base.text, random)
    commands: list[tuple[str, ...]] = [("check", SPEC)]
    if random.random() < 0.5:
        commands.append(("plan", SPEC))
    if base.small and random.random() < (0.1 if base.name in SLOW else 0.5):
        commands.append(("run", SPEC, "--out", "out", "--audit", "0", "--jobs", "1"))
    return Case(f"{kind[0]}: {n} {base.name}", {SPEC: content}, tuple(commands))


def _chosen(bases: Sequence[Base], random: Random) -> Base:
    """Mostly a study that can be run, sometimes a shipped example or a spec with faults."""
    small = [b for b in bases if b.small]
    shipped = [b for b in bases if b.name in ("smart_city", "castle", "minimum_wage")]
    share = random.random()
    return random.choice(small if share < 0.65 else shipped if share < 0.8 else list(bases))


def _bytes(text: str, random: Random) -> bytes:
    content = bytearray(text.encode("utf-8", "surrogateescape"))
    for _ in range(random.choice((1, 1, 1, 2, 10))):
        at = random.randrange(len(content) + 1)
        match random.randrange(6):
            case 0 if at < len(content):
                content[at] ^= 1 << random.randrange(8)
            case 1:
                content[at:at] = random.choice(
                    (b"\x00", b"\xff", b'"', b"'", b"[", b"]", b"{", b"=", b"\n", b"\\", b"\xe4\xb8", b"#", b"\x1b")
                )
            case 2:
                del content[at : at + random.randrange(1, 40)]
            case 3:
                content[at:at] = content[at : at + random.randrange(1, 400)] * random.randrange(1, 4)
            case 4 if random.random() < 0.2:
                del content[at:]
            case _:
                content[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(1, 8)))
    if random.random() < 0.05:
        content = bytearray(
            bytes(content)
            .decode("utf-8", "replace")
            .encode(random.choice(("utf-16", "gb18030", "utf-8-sig", "latin-1")), "replace")
        )
    return bytes(content)


_TOKEN = re.compile(r"[\w.]+|\s+|[^\w\s]")


def _tokens(text: str, random: Random) -> bytes:
    tokens = _TOKEN.findall(text)
    for _ in range(random.choice((1, 1, 2, 8))):
        at = random.randrange(len(tokens))
        match random.randrange(5):
            case 0:
                tokens[at] = tokens[random.randrange(len(tokens))]
            case 1:
                other = random.randrange(len(tokens))
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case 2:
                del tokens[at]
                tokens = tokens or ["x"]
            case 3:
                tokens[at] = str(
                    random.choice((*NUMBERS, "''", '""', "sw", "mvsw", "regex", "NA", "TRUE", "{}", "[]", ".."))
                )
            case _:
                tokens.insert(
                    at, random.choice(("+", "*", "^", "(", ")", ",", "|", "~", "=", "\n", ".", "`", "!", "-", ":", "&"))
                )
    return "".join(tokens).encode("utf-8", "surrogateescape")


def _values(text: str, random: Random) -> bytes:
    values = _loaded(text)
    for _ in range(random.choice((1, 1, 1, 3))):
        _change(values, random)
    return toml_of(values).encode("utf-8", "surrogateescape")


def _loaded(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeError):
        return {
            "study": {"data": "small.csv", "unit": "id", "time": "year"},
            "outcome": {"y": "y"},
            "treatment": {"d": "d"},
        }


def _places(values: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = []
    pairs = values.items() if isinstance(values, dict) else enumerate(values) if isinstance(values, list) else ()
    for key, one in pairs:
        found += [(*path, key), *_places(one, (*path, key))]
    return found


def _change(values: dict[str, Any], random: Random) -> None:
    places = _places(values)
    if not places:
        return
    *way, key = random.choice(places)
    holder: Any = values
    for step in way:
        holder = holder[step]
    match random.randrange(7):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(TEXTS)] = holder.pop(key)
        case 2:
            holder[key] = [holder[key], holder[key]]
        case 3 if isinstance(holder[key], dict):
            holder[key][random.choice((*TEXTS, "where", "derive", "method", "formula", "match", "window"))] = odd_value(
                random
            )
        case _:
            holder[key] = odd_value(random)


def odd_value(random: Random, depth: int = 0) -> Any:
    """Give a value of any type that TOML has, mostly a strange one."""
    match random.randrange(9 if depth < 3 else 6):
        case 0 | 1:
            return random.choice(NUMBERS)
        case 2:
            return random.choice(TEXTS)
        case 3:
            return random.choice((*HOSTILE, *CODE))
        case 4:
            return random.random() < 0.5
        case 5:
            return expression(random)
        case 6:
            return [odd_value(random, depth + 1) for _ in range(random.randrange(4))]
        case 7:
            return {random.choice(TEXTS): odd_value(random, depth + 1) for _ in range(random.randrange(3))}
        case _:
            nested: Any = 1
            for _ in range(random.choice((5, 60))):
                nested = [nested]
            return nested


def _expressions(text: str, random: Random) -> bytes:
    values = _loaded(text)
    places = [
        p for p in _places(values) if isinstance(_at(values, p), str) and p[-1] not in ("title", "data", "because")
    ]
    for place in random.sample(places, min(len(places), random.choice((1, 1, 1, 3)))):
        holder = _at(values, place[:-1])
        written = holder[place[-1]]
        holder[place[-1]] = random.choice(
            (
                lambda: random.choice((*HOSTILE, *CODE)),
                lambda: expression(random),
                lambda w=written: expression(random, names=_words(w)),
                lambda w=written: f"{w} + {random.choice((*HOSTILE, *CODE))}",
                lambda w=written: f"{random.choice(('sw', 'mvsw', 'csw0', 'log', 'i', 'factor', 'I', 'l'))}({w})",
                lambda w=written: w.replace(random.choice(w or " "), random.choice(("^", "(", " - ", "NA", "*", ":"))),
            )
        )()
    return toml_of(values).encode("utf-8", "surrogateescape")


_VALUED = ("derive", "outcome", "treatment", "controls", "sample", "weights", "variant", "heterogeneity", "mechanism")


def _fitting(text: str, random: Random) -> bytes:
    """Put expressions that can be evaluated where values stand."""
    values = _loaded(text)
    places = [p for p in _places(values) if isinstance(_at(values, p), str) and p[0] in _VALUED and p[-1] != "method"]
    for place in random.sample(places, min(len(places), random.choice((1, 1, 2, 3)))):
        _at(values, place[:-1])[place[-1]] = value(random)
    return toml_of(values).encode("utf-8", "surrogateescape")


def _at(values: Any, place: Sequence[Any]) -> Any:
    for step in place:
        values = values[step]
    return values


def _words(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"[^\W\d][\w.]*", text)) or NAMES


def _data_paths(text: str, random: Random) -> bytes:
    values = _loaded(text)
    if not isinstance(values.get("study"), dict):
        values["study"] = {}
    values["study"]["data"] = random.choice(PATHS)
    return toml_of(values).encode("utf-8", "surrogateescape")


KINDS: tuple[tuple[str, Callable[[str, Random], bytes]], ...] = (
    ("bytes", _bytes), ("fitting", _fitting), ("values", _values), ("expressions", _expressions),
    ("fitting", _fitting), ("values", _values), ("tokens", _tokens), ("fitting", _fitting),
    ("expressions", _expressions), ("paths", _data_paths),
)  # fmt: skip

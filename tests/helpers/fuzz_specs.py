"""Spec files nobody would write: known ones, changed by bytes, tokens, TOML values, expressions and paths.

Case ``n`` is a function of ``n`` alone, so that a finding can be repeated.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from fuzz_cage import CANARY
from fuzz_keeper import Case
from hostile import HOSTILE
from small_studies import small_panel, small_study
from toml_text import write_toml

ROOT = Path(__file__).resolve().parents[2]
UNITS = 40
"""Units of the shipped examples' data that are kept, so that ten thousand cases take minutes."""
SPEC = "case.toml"
SLOW = ("analyses", "matched")
"""Studies with many tables and figures, of which fewer cases are run."""

CODE = tuple(
    text.format(CANARY)
    for text in (
        "__import__('os').system('touch {0}_1')", "exec('open(\"{0}_2\", \"w\")')", "eval('{0}')",
        "open('{0}_3', 'w')", "`__import__('{0}')`", "{0}.__class__.__mro__", "{{`{0}`}}", "I(__import__('{0}'))",
        "pd.eval('{0}')", "x1 + @{0}", "C(x1, levels = __import__('{0}'))", "`x1`.{0}()", "Q('{0}')",
        "bs({0})", "regex('{0}|.*')", "..('({0}+)+$')", "x1 %in% c({0}())", "log(x1, base = {0}.x)",
        "\\x5f_import__('{0}')", "i(x1, {0}.y)", "poly(x1, {0}())", "x1[{0}()]", "x1^{0}()", "'{0}'.format(x1)",
        "$(touch {0}_4)", "`touch {0}_5`",
        "=cmd|'/c {0}'!A1", "{{{{ {0} }}}}", "\\input{{{0}}}", "<script>{0}</script>",
    )
)  # fmt: skip
PATHS = (
    "/etc/passwd", "../../../../etc/passwd", "/dev/zero", "/dev/stdin", "/proc/self/mem", "/proc/self/environ.csv",
    "fifo.csv", "zero.csv", "loop.csv", "directory.csv", "huge.csv", "file:///etc/passwd", "https://a.com/a.csv",
    "s3://bucket/a.parquet", "\\\\server\\share\\a.csv", "C:\\a.csv", "~/a.csv", "$HOME/a.csv", "*.csv", "a\x00.txt",
    "", ".", "..", "/", "small.csv/", "small.csv/..", "small.csv/small.csv", "a" * 300 + ".csv", "a/" * 3000 + "b.csv",
    "|touch canary_6", "http:small.csv", "small.CSV", "SMALL.csv", "./small.csv", "directory.csv/../small.csv",
    "case.toml", "small.csv.gz", "nul", "CON.csv", "small.csv ", " small.csv", "\u202esmall.csv", "small\udcff.csv",
)  # fmt: skip
NUMBERS = (0, -1, 1, 2, 1e-300, 1e308, 10**9, 2**31, 2**62, 2**63, 2**64, -(2**63), 10**30, 0.5, 1.0, -0.0,
           float("inf"), float("-inf"), float("nan"))  # fmt: skip
TEXTS = (
    "", " ", "TRUE", "NA", "1", "0", "unit", "id", "year", "x1", "y", "d", "a" * 20_000, "\n", "\t", "\x1b[31m",
    "\u202e", "中文", "😀", "é" * 300, "%s %d {0} {x}", "..x", "regex('.')", "sw()",
        "mvsw(" + ", ".join(f"x{j}" for j in range(40)) + ")",
    "csw(" + ", ".join(f"I(x1 + {j})" for j in range(200)) + ")", "~id", "~id + year", "hetero", "feols", "sunab",
        "loky", "wild",
    "mvsw(" + ", ".join(f"I(x1^{j + 1})" for j in range(9)) + ")",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Base:
    """A spec to start from; ``small`` ones may also be run."""

    name: str
    text: str
    small: bool


def lay_out(sandbox: Path) -> tuple[Base, ...]:
    """Write the data the bases need into ``sandbox``; gives the bases."""
    (sandbox / "data").mkdir(parents=True, exist_ok=True)
    small_panel(units=12, periods=6).write_csv(sandbox / "small.csv")
    for name in ("smart_city.csv", "castle.csv", "mpdta.csv"):
        _shorten(ROOT / "specs" / "data" / name, sandbox / "data" / name)
    cases = ROOT / "tests" / "faults" / "cases"
    for path in sorted(cases.iterdir()):
        if path.suffix not in (".toml", ".txt"):
            (sandbox / path.name).write_bytes(path.read_bytes())
    _traps(sandbox)
    bases = [Base(p.stem, p.read_text("utf-8"), False) for p in sorted((ROOT / "specs").glob("*.toml"))]
    bases = [Base(b.name, _lighter(b.text), False) for b in bases]
    for name, study in small_fuzz_studies().items():
        bases.append(Base(name, write_toml(study, sandbox / "base.toml").read_text("utf-8"), True))
    for path in sorted(cases.glob("*.toml")):
        text = path.read_bytes().decode("utf-8", "surrogateescape")
        bases.append(Base(path.stem, text, False))
    return tuple(bases)


def _shorten(source: Path, target: Path) -> None:
    """Keep some thirty units, taken from all over the file; the unit is its first column."""
    header, *lines = source.read_text("utf-8").splitlines(keepends=True)
    units = list(dict.fromkeys(line.split(",")[0] for line in lines))
    kept = set(units[:: max(1, len(units) // UNITS)])
    target.write_text(header + "".join(line for line in lines if line.split(",")[0] in kept), "utf-8")


def _lighter(text: str) -> str:
    return re.sub(r"^draws *= *\d+", "draws = 19", text, flags=re.MULTILINE)


def _traps(sandbox: Path) -> None:
    """Files that are not what their names say."""
    import os

    if not (sandbox / "fifo.csv").exists():
        os.mkfifo(sandbox / "fifo.csv")
    for name, target in (("zero.csv", "/dev/zero"), ("loop.csv", "loop.csv")):
        if not (sandbox / name).is_symlink():
            (sandbox / name).symlink_to(target)
    (sandbox / "directory.csv").mkdir(exist_ok=True)
    with (sandbox / "huge.csv").open("wb") as file:
        file.write(b"id,year,y,d\n1,2,3,4\n")
        file.truncate(2**42)


def small_fuzz_studies() -> dict[str, dict[str, Any]]:
    """Studies of the small panel that together use every table of the file."""
    light = {"figure": {"formats": ["svg"]}, "inference": {"draws": 9}, "run": {"jobs": 1, "backend": "serial"}}
    given = small_study()["study"] | {"data": "small.csv"}

    def study(**changes: Any) -> dict[str, Any]:
        return small_study(study=given, **light | changes)

    all_estimators = {
        "OLS": "feols",
        "PPML": "fepois",
        "SA": "sunab",
        "2S": "did2s",
        "LP": {"method": "lpdid", "post_window": 1},
    }
    return {
        "plain": study(controls={"any": "mvsw(x1, x2)"}, sample={"all": "TRUE", "late": "year > 2001"}),
        "derived": study(
            derive={"l_x": "l(x1, 1)", "big": "ifelse(x1 > 0, 1, 0)", "wx": "winsorize(x2, 0.05)",
                "m": "ave(x3, group)"},
            macros={"some": "x1 + I(x1^2)", "more": "..some + x3"},
            controls={"none": "1", "steps": "..more + csw0(l_x, wx, m)"},
            weights={"no": "1", "w": "w"}, preferred={"controls": "..more + l_x"},
        ),
        "estimators": study(outcome={"z": "z"}, controls={"none": "1"}, estimator=all_estimators,
            fixed_effects={"two": "id + year"}),
        "variants": study(
            variant={"cut": {"none": {}, "5%": {"derive": {"y": "winsorize(y, 0.05)"}}}, "trend": {"no": {},
                "yes": {"absorb": "group^year"}},
                     "drop": {"no": {}, "yes": {"where": "group != 1"}, "add": {"add": "x3"}}},
            controls={"x": "sw(x1, x2)"},
            exclude=[{"when": {"cut": "5%", "outcome": ["log z"]}, "unless": {"trend": "no"}, "because": "too much"}],
        ),
        "nulls": study(controls={"one": "x1"}, inference={
            "draws": 9, "null": ["wild", "permutation"], "assign": "cohort", "level": "id", "strata": "group",
                "cluster": "id"}),
        "formula": {"study": given | {"formula": "c(y, z) ~ d + sw0(x1, regex('^x[23]')) | sw(id + year, id)"},
            **light},
        "analyses": study(
            controls={"one": "x1"}, fixed_effects={"two": "id + year"},
            event_study={"window": [-2, 2], "reference": -1}, hausman={"controls": "d + x1"},
            heterogeneity={"size": {"groups": {"low": "group <= 1", "high": "group > 1"}}},
            mechanism={"m": {"moderator": "x3"}}, placebo={"draws": 19}, table={"T": {"vary": ["controls"]}},
        ),
        "matched": study(
            sample={"all": "TRUE", "matched": {"match": {"on": "x1 + x3", "at": "year == 2003", "method": "nearest"}}},
            controls={"none": "1"}, balance={},
        ),
    }  # fmt: skip


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
    for key, value in pairs:
        found += [(*path, key), *_places(value, (*path, key))]
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
        holder[place[-1]] = random.choice((
            lambda: random.choice((*HOSTILE, *CODE)),
            lambda: expression(random),
            lambda w=written: expression(random, names=_words(w)),
            lambda w=written: f"{w} + {random.choice((*HOSTILE, *CODE))}",
            lambda w=written: f"{random.choice(('sw', 'mvsw', 'csw0', 'log', 'i', 'factor', 'I', 'l'))}({w})",
            lambda w=written: w.replace(random.choice(w or " "), random.choice(("^", "(", " - ", "NA", "*", ":"))),
        ))()  # fmt: skip
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


NAMES = (
    "id",
    "year",
    "group",
    "cohort",
    "d",
    "x1",
    "x2",
    "x3",
    "y",
    "z",
    "w",
    "nobody",
    "`x 1`",
    "中文",
    "T",
    "pi",
    "self",
)
BINARY = ("+", "-", "*", "/", "^", ":", "==", "!=", "<", ">=", "&", "|", "%in%", "%%", "%/%", "~", "[", "[[")
UNARY = ("-", "+", "!", "~")
FUNCTIONS = (
    "log", "log1p", "log10", "exp", "sqrt", "abs", "asinh", "floor", "I", "factor", "C", "i", "poly", "l", "f", "d",
    "scale", "center", "winsorize", "trim", "pmin", "pmax", "ifelse", "is.na", "at", "first", "ave", "c", "sw", "sw0",
    "csw", "csw0", "mvsw", "regex", "..", "each", "eval", "system",
)  # fmt: skip
PATTERNS = ("^x", ".", "(a+)+$", "x[12]", "[", "^(x|y)$", "x{1,100}", "(x{1,90}){90}", "\\d", "\\1", "", ".*.*.*.*z")


def expression(random: Random, depth: int = 0, names: Sequence[str] = NAMES) -> str:
    """Write a random expression of the language's forms, sensible or not."""
    if depth > 4 or random.random() < 0.25 + 0.1 * depth:
        leaf = random.randrange(6)
        if leaf < 3:
            return random.choice(names)
        return str(random.choice((
            *NUMBERS[:16], "TRUE", "NA", "'a'", "..some", "..x", "2001:2004", "1e400", "1e-400", "0x1F", "3L",
                '"\\u4e2d"',
        )))  # fmt: skip
    inner = [expression(random, depth + 1, names) for _ in range(random.randrange(1, 4))]
    match random.randrange(6):
        case 0 | 1:
            operator = random.choice(BINARY)
            close = {"[": "]", "[[": "]]"}.get(operator, "")
            return f"{inner[0]} {operator} {inner[-1]}{close}"
        case 2:
            return f"({inner[0]})"
        case 3:
            return random.choice(UNARY) + inner[0]
        case _:
            function = random.choice(FUNCTIONS)
            if function in ("regex", "..", "each"):
                return f"{function}({random.choice(PATTERNS)!r})"
            if random.random() < 0.2:
                inner[-1] = f"{random.choice(('k', 'p', 'ref', 'degree', 'base', 'x', 'by'))} = {inner[-1]}"
            return f"{function}({', '.join(inner)})"


OF_ONE = ("log", "exp", "sqrt", "abs", "asinh", "floor", "scale", "center", "log1p", "log10", "is.na")
NUMERIC = ("x1", "x2", "x3", "y", "z", "w", "d", "group", "cohort", "year", "id")


def value(random: Random, depth: int = 0) -> str:
    """Write an expression that the language takes and that can be evaluated, however odd its values."""
    if depth > 3 or random.random() < 0.2 + 0.1 * depth:
        return random.choice((*NUMERIC, *NUMERIC, "1", "0", "2004", "1e300", "1e-300", "NA", "TRUE"))
    a, b, c = (value(random, depth + 1) for _ in range(3))
    return random.choice((
        f"({a}) {random.choice(('+', '-', '*', '/', '%%', '%/%'))} ({b})",
        f"I({a} {random.choice(('+', '-', '*', '/', '%%', '%/%'))} {b})",
        f"I(({a})^{random.choice((2, 3, 10, 0.5, -1, -10, 0))})",
        f"({a}) {random.choice(('==', '!=', '<', '>=', '&', '|'))} ({b})",
        f"{random.choice(OF_ONE)}({a})",
        f"{random.choice(('l', 'f', 'd'))}({a}, {random.choice((1, 2, 0, -1, 5, 2147483647))})",
        f"ifelse({a} > {b}, {c}, {a})", f"{random.choice(('pmin', 'pmax'))}({a}, {b})",
        f"{random.choice(('winsorize', 'trim'))}({a}, {random.choice((0, 0.01, 0.2, 0.499))})",
        f"at({a}, year == {random.choice((2001, 2003, 1))})", f"first({a} > 0)", f"ave({a}, {random.choice(NUMERIC)})",
        f"{a} %in% c({random.choice((1, 2, 2004, '2001:2004', 'NA', '1:2147483647'))})",
        f"factor({random.choice(('group', 'year', 'cohort', 'id', 'x1'))})",
            f"poly({a}, {random.choice((1, 2, 3, 9))})",
        f"i(year, {a}, ref = 2001)", f"({a}):({b})", f"{a} + {b}",
            f"sw0({random.choice(NUMERIC)}, {random.choice(NUMERIC)})",
    ))  # fmt: skip


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


def toml_of(values: dict[str, Any]) -> str:
    """Write any values as TOML; what TOML lacks (surrogates, dates) is written as it comes."""
    tables = [(k, v) for k, v in values.items() if isinstance(v, dict)]
    lines = [f"{_key(k)} = {_literal(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for name, table in tables:
        lines += [f"[{_key(name)}]", *(f"{_key(k)} = {_literal(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _key(key: object) -> str:
    return _quoted(str(key))


def _quoted(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else f"\\{c}" if c in '"\\' else c for c in text
    )
    return f'"{escaped}"'


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_literal(v)}" for k, v in value.items()) + "}"
    return _quoted(value) if isinstance(value, str) else str(value)

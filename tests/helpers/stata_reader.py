"""A reader of the do-files that `specdid show --code stata` writes: its own parser, values, macros and commands.

Numbers are float64 with NaN for missing, which in comparisons is larger than every number; text is
an object array with the empty text for missing. Regressions come from `regressions`. What a program
displays of the treatment is found in ``Program.found``. Mata is not read: its functions are here.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
import polars as pl
from regressions import Absorbed, Fit, least_squares, likelihood, numbered, two_stage
from specdid._audit.definitions import GroupTime, Synthetic, average_of_changes, group_time_influences

TOKEN = re.compile(
    r"""\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<text>"[^"]*")
      |(?P<name>[LFlf]\d+\.[A-Za-z_]\w*|[A-Za-z_]\w*)|(?P<operator>==|!=|<=|>=|[-+*/^()\[\],<>!&|.]))""",
    re.VERBOSE,
)
POWER = {"|": 1, "&": 2, "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "+": 4, "-": 4, "*": 5, "/": 5, "^": 7}
LARGEST = 8.988465674311579e307
Vector = np.ndarray


class Exit(Exception):  # noqa: N818
    """Leaves a program."""


class Expression:
    """Evaluates one expression on the rows of a program."""

    def __init__(self, text: str, program: Program) -> None:
        self.program, self.tokens, place = program, [], 0
        while text[place:].strip():
            match = TOKEN.match(text, place)
            assert match, text[place:]
            self.tokens.append((match.lastgroup, match.group(match.lastgroup)))  # type: ignore[arg-type]
            place = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str | None, str]:
        found = self.tokens[self.at]
        assert not wanted or found[1] == wanted, (wanted, self.tokens, self.at)
        self.at += 1
        return found

    def value(self, power: int = 0) -> Vector:
        left = self.operand()
        while (operator := self.peek()) in POWER and POWER[operator] > power:
            self.take()
            left = _operate(operator, left, self.value(POWER[operator]))
        return left

    def operand(self) -> Vector:
        kind, word = self.take()
        if kind == "number":
            return np.array([float(word)])
        if kind == "text":
            return np.array([word[1:-1]], object)
        if word == "-":
            return -self.value(6)
        if word == "!":
            return (self.value(7) == 0).astype(float)
        if word == ".":
            return np.array([np.nan])
        if word == "(":
            found = self.value()
            self.take(")")
            return found
        if self.peek() == "(" and kind == "name":
            return self.call(word)
        if self.peek() == "[":
            self.take()
            if word in ("_b", "_se"):
                found = self.program.coefficient(word, self.take()[1])
            else:
                found = self.program.elements(word, self.value())
            self.take("]")
            return found
        return self.program.named(word)

    def call(self, name: str) -> Vector:
        self.take("(")
        if name in ("e", "r"):
            found = self.program.saved(name, self.take()[1])
            self.take(")")
            return found
        given = []
        while self.peek() != ")":
            given.append(self.value())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return FUNCTIONS[name](*given)


def _operate(operator: str, a: Vector, b: Vector) -> Vector:
    a, b = np.broadcast_arrays(a, b)
    if a.dtype == object or b.dtype == object:
        if operator == "+":
            return np.array([x + y for x, y in zip(a, b, strict=True)], object)
        same = np.array([x == y for x, y in zip(a, b, strict=True)])
        return {"==": same, "!=": ~same}[operator].astype(float)
    if POWER[operator] == 3:
        a, b = (np.where(np.isnan(x), np.inf, x) for x in (a, b))
        test = {
            "==": np.equal,
            "!=": np.not_equal,
            "<": np.less,
            "<=": np.less_equal,
            ">": np.greater,
            ">=": np.greater_equal,
        }[operator]
        return test(a, b).astype(float)
    if operator == "&":
        return ((a != 0) & (b != 0)).astype(float)
    if operator == "|":
        return ((a != 0) | (b != 0)).astype(float)
    found = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.float_power}[operator](a, b)
    return np.where(np.isfinite(found), found, np.nan)


def _missing(*values: Vector) -> Vector:
    gone = [np.array([v == "" for v in x]) if x.dtype == object else np.isnan(x) for x in values]
    return np.logical_or.reduce(np.broadcast_arrays(*gone)).astype(float)


def _cond(test: Vector, yes: Vector, no: Vector) -> Vector:
    test, yes, no = np.broadcast_arrays(test, yes, no)
    return np.where(np.isnan(test) | (test != 0), yes, no)


def _inlist(x: Vector, *values: Vector) -> Vector:
    return np.logical_or.reduce(np.broadcast_arrays(*(_operate("==", x, v) != 0 for v in values))).astype(float)


def _inrange(x: Vector, low: Vector, high: Vector) -> Vector:
    above, below = np.isnan(low) | (x >= low), np.isnan(high) | (x <= high)
    return (~np.isnan(x) & above & below).astype(float)


def _mod(x: Vector, y: Vector) -> Vector:
    return np.where(y > 0, np.mod(x, np.where(y > 0, y, 1)), np.nan)


def _extreme(function: Any) -> Callable[..., Vector]:
    return lambda *values: function.reduce(np.broadcast_arrays(*values))  # missing values are ignored, as in Stata


def _real(x: Vector) -> Vector:
    def number(text: str) -> float:
        try:
            return float(text)
        except ValueError:
            return np.nan

    return np.array([number(t) for t in x])


def _string(x: Vector, form: Vector | None = None) -> Vector:
    """Write numbers; %21.15g leaves out the zero before a point."""
    general = form is not None and form[0].endswith("g")
    texts = ["." if np.isnan(v) else f"{v:.15g}" if general else f"{v:.0f}" for v in x]
    return np.array([re.sub(r"^(-?)0\.", r"\1.", t) if general else t for t in texts], object)


def _each(change: Callable[[str], Any]) -> Callable[[Vector], Vector]:
    def changed(x: Vector) -> Vector:
        found = [change(t) for t in x]
        return np.array(found, object if isinstance(found[0], str) else float)

    return changed


def _substr(x: Vector, start: Vector, length: Vector) -> Vector:
    first = int(start[0]) - 1
    return _each(lambda t: t[first : first + int(length[0])])(x)


def _regexm(x: Vector, pattern: Vector) -> Vector:
    return _each(lambda t: float(re.search(pattern[0], t) is not None))(x)


def _week_or_day(text: Vector, mask: Vector) -> Vector:
    import datetime

    start = datetime.date(1960, 1, 1)
    days = [np.nan if t == "." else (datetime.datetime.strptime(t, "%Y%m%d").date() - start).days for t in text]
    return np.array(days, float)


FUNCTIONS: dict[str, Callable[..., Vector]] = {
    "missing": _missing, "cond": _cond, "inlist": _inlist, "abs": np.abs, "floor": np.floor, "ceil": np.ceil,
    "round": lambda x: np.floor(x + 0.5), "sqrt": np.sqrt, "exp": np.exp, "ln": np.log, "log10": np.log10,
    "ln1p": np.log1p,
    "asinh": np.arcsinh, "mod": _mod, "int": np.trunc, "trunc": np.trunc, "sign": np.sign, "inrange": _inrange,
    "min": _extreme(np.fmin), "max": _extreme(np.fmax), "real": _real,
    "maxdouble": lambda: np.array([LARGEST]), "trim": lambda x: np.array([t.strip() for t in x], object),
    "uchar": lambda x: np.array([chr(int(x[0]))], object), "string": _string, "daily": _week_or_day,
    "sum": lambda x: np.cumsum(np.where(np.isnan(x), 0, x)), "ustrlower": _each(str.lower),
    "ustrupper": _each(str.upper), "ustrtrim": _each(str.strip), "ustrlen": _each(lambda t: float(len(t))),
    "subinstr": lambda x, old, new, _: np.array([t.replace(old[0], new[0]) for t in x], object),
    "ustrnormalize": lambda x, form: np.array([normalize(form[0].upper(), t) for t in x], object),
    "char": lambda x: np.array([chr(int(x[0]))], object),
    "substr": _substr, "usubstr": _substr, "ustrregexm": _regexm,
}  # fmt: skip


@dataclass
class Estimated:
    """What a regression leaves behind."""

    fit: Fit
    covariance: np.ndarray
    sample: np.ndarray
    saved: dict[str, float]
    model: Model


@dataclass
class Program:
    """A do-file being read; ``found`` has standard errors by label."""

    data: dict[str, Vector] = field(default_factory=dict)
    rows: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    scalars: dict[str, Any] = field(default_factory=dict)
    returned: dict[str, float] = field(default_factory=dict)
    programs: dict[str, list[str]] = field(default_factory=dict)
    last: Estimated | None = None
    panel: tuple[str, str] = ("", "")
    failed: int = 0
    label: str = ""
    estimate: float = float("nan")
    found: dict[str, float] = field(default_factory=dict)
    temporary: int = 0
    files: dict[str, dict[str, Vector]] = field(default_factory=dict)

    def run(self, text: str) -> Program:
        lines = re.sub(r" ///\n\s*", " ", text).split("\n")
        self.block([line for line in lines if line.strip() and not line.startswith("*")])
        return self

    def block(self, lines: list[str]) -> None:
        place = 0
        while place < len(lines):
            line = re.sub(r"\s+//.*", "", lines[place]).strip()
            place += 1
            if line == "mata:" or re.match(r"program (?!drop)", line):
                end = lines.index("end", place)
                if line.startswith("program"):
                    self.programs[re.split(r"[ ,]+", line)[1]] = lines[place:end]
                place = end + 1
                continue
            if line.endswith("{"):
                end = _closing(lines, place)
                self.compound(line[:-1].strip(), lines[place:end])
                place = end + 1
                continue
            self.command(self.expanded(line))

    def compound(self, head: str, body: list[str]) -> None:
        if head.startswith("while "):
            while self.value(self.expanded(head[6:]))[0] != 0:
                self.block(body)
            return
        head = self.expanded(head)
        words = head.split()
        if words[0] == "if":
            if self.value(head[3:])[0] != 0:
                self.block(body)
        elif words[0] == "forvalues":
            name, span = words[1], head.split("=")[1].strip()
            first, last = (int(float(v)) for v in span.split("/"))
            for k in range(first, last + 1):
                self.macros[name] = str(k)
                self.block(body)
        else:
            name = words[1]
            items = words[3:]
            if words[2] == "of":
                items = self.macros.get(words[4], "").split() if words[3] == "local" else words[4:]
            for item in items:
                self.macros[name] = item
                self.block(body)

    def expanded(self, line: str) -> str:
        """Put macros in, the innermost first; `=exp' is a value."""
        while match := re.search(r"`([^`']*)'", line):
            name = match.group(1)
            text = _written(self.value(name[1:])[0]) if name.startswith("=") else self.macros.get(name, "")
            line = line[: match.start()] + text + line[match.end() :]
        return line

    def value(self, text: str) -> Vector:
        expression = Expression(text, self)
        try:
            found = expression.value()
        except IndexError:
            raise AssertionError(text) from None
        assert expression.at == len(expression.tokens), text
        return found

    def column(self, text: str) -> Vector:
        return np.array(np.broadcast_to(self.value(text), (self.rows,)))

    def named(self, word: str) -> Vector:
        if word == "_n":
            return np.arange(1.0, self.rows + 1)
        if word == "_N":
            return np.array([float(self.rows)])
        if word == "_rc":
            return np.array([float(self.failed)])
        if match := re.fullmatch(r"([LF])(\d+)\.(\w+)", word):
            return self.lagged(match.group(3), int(match.group(2)) * (1 if match.group(1) == "L" else -1))
        if word in self.data:
            return self.data[word]
        return np.atleast_1d(self.scalars[word])

    def lagged(self, name: str, k: int) -> Vector:
        unit, time = (self.data[n] for n in self.panel)
        place = {key: j for j, key in enumerate(zip(unit, time, strict=True))}
        at = [place.get((u, t - k), -1) for u, t in zip(unit, time, strict=True)]
        return np.array([self.data[name][j] if j >= 0 else np.nan for j in at])

    def elements(self, name: str, index: Vector) -> Vector:
        values = self.data[name]
        out = np.full(len(index), "" if values.dtype == object else np.nan, values.dtype)
        inside = ~np.isnan(index) & (index >= 1) & (index <= len(values))
        out[inside] = values[index[inside].astype(int) - 1]
        return out

    def coefficient(self, what: str, name: str) -> Vector:
        assert self.last is not None
        if name not in self.last.fit.names:
            return np.zeros(1)
        k = self.last.fit.names.index(name)
        return np.array([self.last.fit.beta[k] if what == "_b" else np.sqrt(max(self.last.covariance[k, k], 0))])

    def saved(self, where: str, name: str) -> Vector:
        if where == "r":
            return np.array([self.returned[name]])
        if name in ("ATT", "se"):
            return self.scalars[f"e({name})"]
        assert self.last is not None
        return self.last.sample.astype(float) if name == "sample" else np.array([self.last.saved[name]])

    # Commands, by their first word.

    def command(self, line: str) -> None:
        word, rest = re.match(r"(\w+)(.*)", line).groups()  # type: ignore[union-attr]
        rest = rest.lstrip(" :")
        if word in ("quietly", "capture"):
            self.failed = 0
            try:
                self.command(rest)
            except (AssertionError, KeyError):
                if word == "quietly":
                    raise
                self.failed = 1
            return
        if word in self.programs:
            self.called(word, rest)
            return
        getattr(self, f"do_{word}")(rest.strip())

    def called(self, name: str, rest: str) -> None:
        """Run a program with macros of its own."""
        outer, self.macros = self.macros, {}
        words = rest.split(",")[0].split()
        try:
            for line in self.programs[name]:
                if line.strip().startswith("args "):
                    self.macros |= dict(zip(line.split()[1:], words, strict=False))
                if line.strip().startswith("syntax"):
                    self.macros |= dict(re.findall(r"(\w+)\(([^)]*)\)", rest))
            self.block([line for line in self.programs[name] if not line.strip().startswith(("args", "syntax"))])
        except Exit:
            pass
        finally:
            self.macros = outer

    def do_version(self, rest: str) -> None: ...
    def do_clear(self, rest: str) -> None:
        self.data, self.rows = {}, 0

    def do_set(self, rest: str) -> None: ...
    def do_program(self, rest: str) -> None: ...
    def do_exit(self, rest: str) -> None:
        raise Exit

    def do_import(self, rest: str) -> None:
        encoding = re.search(r'encoding\("(.*?)"\)', rest).group(1)  # type: ignore[union-attr]
        text = Path(_quoted(rest)).read_text(encoding)
        self.load(pl.read_csv(text.encode(), infer_schema=False))

    def do_use(self, rest: str) -> None:
        if rest.removesuffix(", clear") in self.files:
            self.data = dict(self.files[rest.removesuffix(", clear")])
            self.rows = len(next(iter(self.data.values())))
            return
        import pandas as pd

        path = _quoted(rest)
        self.load(pl.from_pandas(pd.read_stata(path, convert_categoricals=False)))
        with pd.read_stata(path, iterator=True) as file:
            self.labels = {**file.variable_labels()}

    def load(self, frame: pl.DataFrame) -> None:
        """Take columns as numbers where every cell is one; Stata keeps the others as text."""
        self.rows, self.labels = frame.height, {}
        for name in frame.columns:
            cells = ["" if c is None else str(c) for c in frame[name]]
            numbers = _real(np.array(cells, object))
            text = any(np.isnan(v) and c != "" for v, c in zip(numbers, cells, strict=True))
            self.data[name] = np.array(cells, object) if text else numbers

    def do_mata(self, rest: str) -> None:
        if match := re.match(r"name_column\((.*), \"(\w+)\", ([01])\)", rest):
            wanted = self.value(match.group(1))[0]
            labels = self.labels if match.group(3) == "1" else {}
            old = next(n for n in self.data if (labels.get(n) or n) == wanted)
            self.data = {match.group(2) if n == old else n: c for n, c in self.data.items()}
            self.labels[match.group(2)] = self.labels.pop(old, "")
        elif match := re.match(r'tails\("(\w+)", (.*)\)', rest):
            known = self.data[match.group(1)]
            p = float(match.group(2))
            low, high = np.nanquantile(known, [p, 1 - p])
            self.returned = {"low": low, "high": high}
        elif match := re.match(r'two_stage\(X, "(\w+)", "(\w+)"\)', rest):
            self.two_stage(*match.groups())
        elif match := re.match(r'imputation\(X, "(\w+)", "(\w+)"\)', rest):
            self.imputation(*match.groups())
        elif rest.startswith("by_cluster("):
            outcome, controls, cluster = (word.strip(' "') for word in rest[11:-1].split(","))
            self.scalars["_error"] = np.array([self.synthetic(outcome, controls.split(), cluster)[1]])
        elif rest.startswith("group_time("):
            self.group_time(*(word.strip(' "') for word in rest[11:-1].split(",")))
        else:
            name, _, text = rest.partition(" = ")
            assert name == "X"
            parts = [self.matrix(part) for part in text.split(", ") if part != "X"] if text.startswith("X,") else None
            whole = self.scalars["X"] if parts else self.matrix(text)
            self.scalars["X"] = np.column_stack([whole, *(parts or [])])

    def matrix(self, text: str) -> np.ndarray:
        if text.startswith("J("):
            return np.ones((self.rows, 1))
        found = []
        for function, name in re.findall(r'(dummies|standardised)\("(\w+)"\)', text):
            values = self.data[name]
            if function == "dummies":
                found.append((values[:, None] == np.unique(values)[None, :]).astype(float))
            else:
                centred = values - values.mean()
                deviation = np.sqrt(np.mean(centred**2))
                found.append((centred / deviation if deviation > 0 else centred)[:, None])
        return np.prod([*found], axis=0) if len(found) == 1 else found[0] * found[1]

    def two_stage(self, outcome: str, treatment: str) -> None:
        x, w = self.scalars["X"], self.data["_weight"]
        y, treated = self.data[outcome] - self.data[outcome].mean(), self.data[treatment] == 1
        root = np.sqrt(w[~treated])
        inverse = np.linalg.pinv(root[:, None] * x[~treated], rcond=1e-11)
        left = y - x @ (inverse @ (root * y[~treated]))
        share = w * treated / (w * treated).sum()
        effect = share @ left
        influence = share * (left - effect)
        influence[~treated] = -(inverse.T @ (x.T @ share)) * root * left[~treated]
        self.scalars["_effect"], self.data["_influence"] = effect, influence

    def imputation(self, outcome: str, treatment: str) -> None:
        x, w, treated = self.scalars["X"], self.data["_weight"], self.data[treatment] == 1
        y, root = self.data[outcome] - self.data[outcome].mean(), np.sqrt(w[~treated])
        inverse = np.linalg.pinv(root[:, None] * x[~treated], rcond=1e-11)
        left, v = y - x @ (inverse @ (root * y[~treated])), w * treated / (w * treated).sum()
        self.scalars["_effect"] = v @ left
        v[~treated] = -(inverse.T @ (x.T @ v)) * root
        self.data["_v"], self.data["_left"] = v, left

    def group_time(
        self, outcome: str, controls: str, never: str, ahead: str, way: str, how: str, unbalanced: str
    ) -> None:
        """Stand in for the program's Mata, by the audit's derivatives."""
        unit, at = (self.data[n].astype(int) - 1 for n in ("_panel", "_at"))
        shape = unit.max() + 1, at.max() + 1

        def wide(values: Vector) -> Vector:
            table = np.full(shape, np.nan)
            table[unit, at] = values
            return table

        cohort = np.nanmax(wide(np.where(np.isnan(self.data["_cohort"]), np.inf, self.data["_cohort"])), axis=1)
        times = np.unique(self.data["_now"])
        first, weight = np.searchsorted(times, cohort), wide(self.data["_w"])
        kept = first > int(ahead)
        if unbalanced == "drop":
            kept &= ~np.isnan(weight).any(axis=1)
        options = {"anticipation": ahead, "aggregate": how, "est_method": way, "unbalanced": unbalanced}
        options["control"] = "never" if never == "1" else "notyet"
        xs = [wide(self.data[n])[kept] for n in controls.split()]
        xs = [(x - np.nanmean(x)) / np.nanstd(x) for x in xs]
        found = GroupTime(wide(self.data[outcome])[kept], weight[kept], xs, first[kept], [], options)
        count = int(kept.sum())
        self.scalars["_effect"] = found.estimate(np.ones((1, count))).real[0]
        rows = np.array([np.flatnonzero(unit == u)[0] for u in np.flatnonzero(kept)])
        self.data["_influence"], self.data["_used"] = np.zeros(self.rows), np.zeros(self.rows)
        self.data["_influence"][rows], self.data["_used"][rows] = group_time_influences(found, np.arange(count)), 1.0

    def do_did_multiplegt_dyn(self, rest: str) -> None:
        """Run the authors' command by the audit's program."""
        variables, _, given = rest.partition(",")
        named = dict(re.findall(r"(\w+)\((\w+)\)", given))
        columns = dict(zip(["y", "unit", "t", "d"], (self.data[n] for n in variables.split()), strict=True))
        columns["w"] = self.data[named["weight"]] if "weight" in named else np.ones(self.rows)
        columns["c"] = self.data[named.get("cluster", "_panel")]
        options: dict[str, object] = dict.fromkeys(re.sub(r"\w+\(\w+\)", "", given).split(), True)
        options["effects"] = int(named["effects"])
        saved = {}
        for aggregate, effect, error in (
            ("total", "Av_tot_effect", "se_avg_total_effect"),
            ("effect", f"Effect_{named['effects']}", f"se_effect_{named['effects']}"),
        ):
            found = average_of_changes(pd.DataFrame(columns), options | {"aggregate": aggregate}, ["c"])
            saved |= {effect: found[0], error: found[1][0]}
        self.last = SimpleNamespace(saved=saved, sample=np.ones(self.rows, bool))  # type: ignore[assignment]

    def do_sdid(self, rest: str) -> None:
        """Stand in for Clarke and others' command, by the audit's formulas."""
        model, _, options = rest.partition(",")
        outcome, *_ = model.split()
        given = re.search(r"covariates\((.*), projected\)", options)
        asked = re.search(r"vce\((\w+)\)", options)
        assert asked
        found = self.synthetic(outcome, given.group(1).split() if given else [], "_panel")
        self.scalars |= {"e(ATT)": np.array([found[0]]), "e(se)": np.array([found[1]])}

    def synthetic(self, outcome: str, controls: list[str], cluster: str) -> tuple[float, float]:
        unit, at = (self.data[n].astype(int) - 1 for n in ("_panel", "_at"))

        def wide(values: Vector) -> Vector:
            table = np.full((unit.max() + 1, at.max() + 1), np.nan)
            table[unit, at] = values
            return table

        first = wide(np.ones(self.rows)).shape[1] - (wide(self.data["_treated"]) == 1).sum(axis=1)
        found = Synthetic(wide(self.data[outcome]), [wide(self.data[c]) for c in controls], first)
        return found.estimate(), found.jackknife(wide(self.data[cluster])[:, 0])

    def do_confirm(self, rest: str) -> None:
        if self.data[rest.split()[-1]].dtype != object:  # pytest would write out the column of a failed assert
            raise AssertionError(rest)

    def do_recast(self, rest: str) -> None: ...

    def do_rename(self, rest: str) -> None:
        old, new = rest.split()
        self.data = {new if n == old else n: c for n, c in self.data.items()}

    def do_generate(self, rest: str) -> None:
        left, _, right = rest.partition("=")
        name = left.split()[-1]
        assert name not in self.data, name
        expression, where = self.split(right)
        values = self.column(expression)
        nothing = "" if values.dtype == object else np.nan
        self.data[name] = (
            np.where(where, values, nothing)
            if values.dtype != object
            else np.array([v if w else "" for v, w in zip(values, where, strict=True)], object)
        )

    def do_replace(self, rest: str) -> None:
        left, _, right = rest.partition("=")
        name = left.strip()
        expression, where = self.split(right)
        values = self.column(expression)
        if self.data[name].dtype == object:
            pairs = zip(values, self.data[name], where, strict=True)
            self.data[name] = np.array([v if w else old for v, old, w in pairs], object)
        else:
            self.data[name] = np.where(where, values, self.data[name])

    def split(self, text: str) -> tuple[str, np.ndarray]:
        """Part an expression from its ``if``."""
        expression, _, condition = text.partition(" if ")
        where = np.ones(self.rows, bool) if not condition else self.column(condition) != 0
        return expression, where

    def do_egen(self, rest: str) -> None:
        main, _, options = rest.partition(", by(")
        by = options.removesuffix(")").split()
        left, _, right = main.partition("=")
        name, function = left.split()[-1], right[: right.index("(")].strip()
        start = end = right.index("(") + 1
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(right[end], 0)
            end += 1
        inside, condition = right[start : end - 1], right[end:].strip().removeprefix("if ")
        where = np.ones(self.rows, bool) if not condition else self.column(condition) != 0
        assert name not in self.data, name
        if function == "group":
            columns = [self.data[n] for n in inside.split()]
            where &= _missing(*columns) == 0
            out = np.full(self.rows, np.nan)
            if where.any():
                out[where] = numbered(*(c[where] for c in columns)) + 1.0
            self.data[name] = out
            return
        values = self.column(inside)
        levels = numbered(*(_comparable(self.data[n]) for n in by))
        out = np.full(self.rows, np.nan)
        reduce = {
            "min": np.min, "max": np.max, "mean": np.mean, "total": np.sum, "median": np.median, "count": len,
            "sd": lambda v: v.std(ddof=1) if len(v) > 1 else np.nan,
        }  # fmt: skip
        for level in np.unique(levels[where]):
            mine = where & (levels == level)
            known = values[mine & ~np.isnan(values)]
            if function == "rank":
                mine &= ~np.isnan(values)
                out[mine] = [(np.sum(known < v) + np.sum(known <= v) + 1) / 2 for v in known]
            elif len(known) or function in ("total", "count"):
                out[mine] = reduce[function](known)
        self.data[name] = out

    def do_bysort(self, rest: str) -> None:
        head, _, command = rest.partition(": ")
        by, _, within = head.partition("(")
        names = by.split()
        keys = [_comparable(self.data[n]) for n in (*names, *within.rstrip(") ").split())]
        order = np.lexsort([numbered(k) for k in reversed(keys)])
        self.keep(order)
        levels = numbered(*(_comparable(self.data[n]) for n in names))
        if command.startswith("replace "):
            self.replace_in_turn(command.removeprefix("replace "), levels)
            return
        left, _, right = command.removeprefix("generate ").partition("=")
        name = left.split()[-1]
        whole, rows, parts = self.data, self.rows, []
        for level in np.unique(levels):
            at = np.flatnonzero(levels == level)
            self.data, self.rows = {n: c[at] for n, c in whole.items()}, len(at)
            parts.append((at, self.column(right)))
        self.data, self.rows = whole, rows
        out = np.empty(rows, parts[0][1].dtype)
        for at, values in parts:
            out[at] = values
        self.data[name] = out

    def replace_in_turn(self, rest: str, levels: np.ndarray) -> None:
        """Replace row by row within groups, so that a row sees what the one before has become."""
        left, _, right = rest.partition("=")
        name, (expression, _, condition) = left.strip(), right.partition(" if ")
        whole, rows, out = self.data, self.rows, self.data[left.strip()].copy()
        for level in np.unique(levels):
            at = np.flatnonzero(levels == level)
            self.data, self.rows = {n: c[at] for n, c in whole.items()}, len(at)
            for row in range(len(at)):
                if not condition or self.column(condition)[row] != 0:
                    self.data[name][row] = self.column(expression)[row]
            out[at] = self.data[name]
        self.data, self.rows = {**whole, name: out}, rows

    def do_ipolate(self, rest: str) -> None:
        main, _, options = rest.partition(",")
        (y, x), given = main.split(), dict(_options(options))
        out, units = self.data[y].copy(), self.data[given["by"]]
        for unit in np.unique(units):
            known = (units == unit) & ~np.isnan(self.data[y])
            open_ = (units == unit) & ~known
            if known.any():
                order = np.argsort(self.data[x][known])
                at, values = self.data[x][known][order], self.data[y][known][order]
                out[open_] = np.interp(self.data[x][open_], at, values, left=np.nan, right=np.nan)
        self.data[given["generate"]] = out

    def keep(self, which: np.ndarray) -> None:
        self.data = {n: c[which] for n, c in self.data.items()}
        self.rows = len(next(iter(self.data.values())))

    def do_sort(self, rest: str) -> None:
        self.keep(np.lexsort([self.data[n] for n in reversed(rest.split())]))

    def do_drop(self, rest: str) -> None:
        if rest.startswith("if "):
            self.keep(self.column(rest[3:]) == 0)
        else:
            for name in rest.split():
                del self.data[name]

    def do_tempfile(self, rest: str) -> None:
        self.macros[rest] = rest

    def do_save(self, rest: str) -> None:
        self.files[rest.removesuffix(", replace")] = dict(self.data)

    def do_append(self, rest: str) -> None:
        other = self.files[rest.removeprefix("using ")]
        self.data = {n: np.concatenate([c, other[n]]) for n, c in self.data.items()}
        self.rows = len(next(iter(self.data.values())))

    def do_assert(self, rest: str) -> None:
        assert (self.value(rest) != 0).all(), rest

    def do_tostring(self, rest: str) -> None:
        name = rest.removesuffix(", replace")
        if self.data[name].dtype != object:
            self.data[name] = _string(self.data[name])

    def do_merge(self, rest: str) -> None:
        by, name = re.fullmatch(r"m:1 (.*) using (\w+), keep\(master match\) generate\(_found\)", rest).groups()  # type: ignore[union-attr]
        using, keys = self.files[name], by.split()
        place: dict[tuple[Any, ...], int] = {}
        for k, key in enumerate(zip(*(using[n] for n in keys), strict=True)):
            assert key not in place, key  # Stata stops at a key that repeats
            place[key] = k
        # A missing number is a value to Stata, as it is none to Python.
        found = np.array([place.get(key, -1) for key in zip(*(self.data[n] for n in keys), strict=True)])
        for name, values in using.items():
            if name not in keys:
                assert name not in self.data, name
                nothing = "" if values.dtype == object else np.nan
                self.data[name] = np.array([values[k] if k >= 0 else nothing for k in found], values.dtype)
        self.data["_found"] = np.where(found >= 0, 3.0, 1.0)

    def do_reshape(self, rest: str) -> None:
        names = re.fullmatch(r"long (.*), i\(_line\) j\(_period\)", rest).group(1).split()  # type: ignore[union-attr]
        wide = {n: {int(c[len(n) :]): c for c in self.data if re.fullmatch(rf"{n}\d+", c)} for n in names}
        periods = sorted(set().union(*wide.values()))
        assert all(sorted(found) == periods for found in wide.values())
        taken = {c for found in wide.values() for c in found.values()}
        long = {n: np.tile(c, len(periods)) for n, c in self.data.items() if n not in taken}
        for name, found in wide.items():
            long[name] = np.concatenate([self.data[found[p]] for p in periods])
        long["_period"] = np.repeat(np.array(periods, float), self.rows)
        self.data, self.rows = long, self.rows * len(periods)

    def do_keep(self, rest: str) -> None:
        if not rest.startswith("if "):
            self.data = {name: self.data[name] for name in rest.split()}
            return
        self.keep(self.column(rest.removeprefix("if ")) != 0)

    def do_tsset(self, rest: str) -> None:
        self.panel = tuple(rest.split())  # type: ignore[assignment]

    def do_tsfill(self, rest: str) -> None:
        """Add the rows of every unit in every period, with nothing in them."""
        assert rest.strip(", ") == "full"
        unit, time = (self.data[n] for n in self.panel)
        known = set(zip(unit, time, strict=True))
        units, times = (np.unique(c[~np.isnan(c)]) for c in (unit, time))
        new = np.array([(u, t) for u in units for t in times if (u, t) not in known]).reshape(-1, 2)
        for name, column in self.data.items():
            nothing = np.full(len(new), "" if column.dtype == object else np.nan, column.dtype)
            self.data[name] = np.concatenate(
                [column, new[:, self.panel.index(name)] if name in self.panel else nothing]
            )
        self.rows += len(new)

    def do_local(self, rest: str) -> None:
        name, _, text = rest.partition(" ")
        text = text.strip()
        if text.startswith("="):
            text = _written(self.value(text[1:])[0])
        self.macros[name] = text[1:-1] if text.startswith('"') else text

    def do_tempvar(self, rest: str) -> None:
        for name in rest.split():
            self.temporary += 1
            self.macros[name] = f"__{self.temporary:06d}"

    def do_scalar(self, rest: str) -> None:
        name, _, text = rest.partition("=")
        self.scalars[name.strip()] = self.value(text)[0]

    def do_return(self, rest: str) -> None:
        name, _, text = rest.removeprefix("scalar ").partition("=")
        self.returned = {**self.returned, name.strip(): self.value(text)[0]}

    def do_if(self, rest: str) -> None:
        condition, command = _condition(rest)
        if self.value(condition)[0] != 0:
            self.command(command)

    def do_summarize(self, rest: str) -> None:
        name, where = self.split(rest)
        known = self.data[name.strip()][where]
        known = known[~np.isnan(known)]
        self.returned = {"N": len(known), "sum": known.sum()}
        if len(known):
            self.returned |= {
                "mean": known.mean(),
                "min": known.min(),
                "max": known.max(),
                "sd": known.std(ddof=1) if len(known) > 1 else 0.0,
            }

    def do_count(self, rest: str) -> None:
        self.returned = {"N": float(np.sum(self.split(f"1 {rest}")[1]))}

    def do_levelsof(self, rest: str) -> None:
        main, _, options = rest.partition(",")
        name, where = self.split(main)
        values = self.data[name.strip()][where]
        values = np.unique(values[~np.isnan(values)])
        self.returned = {"r": float(len(values))}
        if options:
            self.macros[options.strip()[6:-1]] = " ".join(map(_written, values))

    def do_orthpoly(self, rest: str) -> None:
        name, options = rest.split(",")
        stubs, degree = re.findall(r"\(([^)]*)\)", options)
        x = self.data[name]
        known = ~np.isnan(x)
        powers = np.vander((x[known] - x[known].mean()) / x[known].std(), int(degree) + 1, increasing=True)
        q, r = np.linalg.qr(powers)
        for k, stub in enumerate(stubs.split(), 1):
            self.data[stub] = np.full(self.rows, np.nan)
            self.data[stub][known] = q[:, k] * np.sign(r[k, k]) * np.sqrt(known.sum())

    def do_display(self, rest: str) -> None:
        if rest.startswith("as text"):
            self.label = _quoted(rest)
            return
        before, _, behind = rest.partition('"  (standard error "')
        self.estimate = float(self.value(before.strip().removeprefix("%14.10g"))[0])
        error = behind.strip().removeprefix("%14.10g").removesuffix('")"')
        self.found[self.label] = float(self.value(error)[0])

    # Regressions.

    def do_reghdfe(self, rest: str) -> None:
        model = self.model(rest)
        fit = least_squares(model.outcome, model.columns, model.effects, model.weights)
        count = {
            "clusters": "nested out",
            "": "no redundant",
            "pairwise continuous": "every dummy",
            "none": "nested out",
        }[model.options.get("dofadjustments", "")]
        clusters = [c[fit.rows] for c in model.clusters]
        covariance = fit.vcov(model.kind, clusters, count)
        n, k, m = len(fit.rows), fit.parameters(clusters, count), len([b for b in fit.names if b != "(Intercept)"])
        self.finish(model, fit, covariance, {"N": n, "df_m": m, "df_a": k - m})
        if "residuals" in model.options:
            self.data[model.options["residuals"]] = self.residuals(model, fit)

    def do_ivreghdfe(self, rest: str) -> None:
        """Read ``y x (d = z) [aweight = w], absorb(a) cluster(c) dofadjustments(clusters)``: counts as reghdfe's."""
        stage = re.search(r"\((\w+) = ([^)]*)\)", rest)
        assert stage is not None
        treatment, instruments = stage.group(1), stage.group(2).split()
        rest = rest.replace(stage.group(0), f"{treatment} {' '.join(instruments)}")
        rest = re.sub(r" cluster\(([^)]*)\)", r" vce(cluster \1)", rest)
        rest = re.sub(r" robust\b", " vce(robust)", rest)
        model = self.model(rest)
        columns = {n: c for n, c in model.columns.items() if n not in (treatment, *instruments)}
        own = {n: model.columns[n] for n in instruments}
        fit = two_stage(model.outcome, treatment, model.columns[treatment], columns, own, model.effects, model.weights)
        count = {"clusters": "nested out", "": "no redundant"}[model.options.get("dofadjustments", "clusters")]
        clusters = [c[fit.rows] for c in model.clusters]
        covariance = fit.vcov(model.kind, clusters, count)
        n, k, m = len(fit.rows), fit.parameters(clusters, count), len([b for b in fit.names if b != "(Intercept)"])
        self.finish(model, fit, covariance, {"N": n, "df_m": m, "df_a": k - m})

    do_ivreg2 = do_ivreghdfe

    def residuals(self, model: Model, fit: Fit) -> Vector:
        """Give residuals by regressing once more on all dummies."""
        root = np.ones(len(model.outcome)) if model.weights is None else np.sqrt(model.weights)
        columns = [*(e.columns() for e in model.effects), *(c[:, None] for c in model.columns.values())]
        columns = columns if model.effects else [np.ones((len(root), 1)), *columns]
        design = np.hstack(columns)
        size = np.linalg.norm(design, axis=0).clip(1e-300)
        beta = np.linalg.lstsq(design / size * root[:, None], model.outcome * root, rcond=1e-11)[0]
        out = np.full(self.rows, np.nan)
        out[model.at] = model.outcome - design / size @ beta
        return out

    def do_ppmlhdfe(self, rest: str) -> None:
        model = self.model(rest)
        self.maximum(model, "poisson")
        if "d" in model.options:
            self.data[model.options["d"]] = np.zeros(self.rows)

    def do_logit(self, rest: str) -> None:
        model = self.model(rest)
        self.maximum(model, "logit")

    def do_glm(self, rest: str) -> None:
        model = self.model(rest)
        families = {"bernoulli": "probit", "nbinomial ml": "negative binomial"}
        assert "irls" in rest  # else the information is the observed one
        self.maximum(model, families[model.options["family"]])

    def maximum(self, model: Model, family: str) -> None:
        weights = None if model.weights is None else model.weights / model.weights.mean()
        fit = likelihood(model.outcome, model.columns, model.effects, family, weights)
        n = len(fit.rows)
        saved = {"N": float(n), "df_m": float(len([b for b in fit.names if b != "(Intercept)"]))}
        if model.kind == "iid":
            covariance = fit.inverse
        elif model.kind == "hetero":
            covariance = fit.raw() * n / (n - 1)
        else:
            groups = min(len(np.unique(numbered(c))) for c in model.clusters)
            covariance = sum(fit.raw(c) for c in model.clusters)
            covariance = covariance - (fit.raw(*model.clusters) if len(model.clusters) == 2 else 0)
            covariance = covariance * groups / (groups - 1)
        self.finish(model, fit, covariance, saved)

    def fitted(self, model: Model) -> Vector:
        """Give a Poisson model's fitted means, by Newton steps on all dummies."""
        columns = [*(e.columns() for e in model.effects), *(c[:, None] for c in model.columns.values())]
        columns = columns if model.effects else [np.ones((len(model.outcome), 1)), *columns]
        design = np.hstack(columns)
        size = np.linalg.norm(design, axis=0).clip(1e-300)
        prior = np.ones(len(model.outcome)) if model.weights is None else model.weights / model.weights.mean()
        predictor = np.log((model.outcome + model.outcome.mean()) / 2)
        for _ in range(60):
            mean = np.exp(predictor)
            root = np.sqrt(prior * mean)
            target = predictor + (model.outcome - mean) / mean
            before = predictor
            predictor = design / size @ np.linalg.lstsq(design / size * root[:, None], target * root, rcond=1e-11)[0]
            if np.abs(predictor - before).max() < 1e-12 * np.abs(predictor).max():
                break
        out = np.full(self.rows, np.nan)
        out[model.at] = np.exp(predictor)
        return out

    def finish(self, model: Model, fit: Fit, covariance: np.ndarray, saved: dict[str, float]) -> None:
        sample = np.zeros(self.rows, bool)
        sample[model.at[fit.rows]] = True
        if model.clusters:
            saved["N_clust"] = float(min(len(np.unique(numbered(c[fit.rows]))) for c in model.clusters))
        self.last = Estimated(fit, covariance, sample, saved, model)

    def do_predict(self, rest: str) -> None:
        assert self.last is not None
        self.data[rest.split(",")[0].split()[-1]] = self.fitted(self.last.model)

    def do_lincom(self, rest: str) -> None:
        assert self.last is not None
        weights = np.zeros(len(self.last.fit.beta))
        for number, name in re.findall(r"([\d.e-]+) \* (\w+)", rest):
            weights[self.last.fit.names.index(name)] += float(number)
        variance = weights @ self.last.covariance @ weights
        self.returned = {"estimate": weights @ self.last.fit.beta, "se": np.sqrt(max(variance, 0))}

    def model(self, rest: str) -> Model:
        """Read ``y x z [aweight = w], absorb(a i.b##c.(x z)) vce(cluster c)``."""
        main, _, tail = rest.partition(",")
        main, where = self.split(main)
        weight = re.search(r"\[\w+ = (\w+)\]", main)
        names = list(self.names(re.sub(r"\[.*\]", "", main).split()))
        options = dict(_options(tail))
        vce = options.get("vce", "unadjusted").split()
        kind = {"unadjusted": "iid", "oim": "iid", "eim": "iid", "robust": "hetero", "cluster": "cluster"}[vce[0]]
        effects = list(self.absorbed(options.get("absorb", "")))
        effects += [Absorbed(numbered(self.data[n[2:]])) for n in names if n.startswith("i.")]
        names = [n for n in names if not n.startswith("i.")]
        weights = None if weight is None else self.data[weight.group(1)]
        used = [self.data[n] for n in names] + ([weights] if weights is not None else [])
        at = np.flatnonzero((_missing(*used) == 0) & where)
        return Model(
            self.data[names[0]][at],
            {n: self.data[n][at] for n in names[1:]},
            [e.take(at) for e in effects],
            None if weights is None else weights[at],
            [self.data[c][at] for c in vce[1:]],
            kind,
            options,
            at,
        )

    def names(self, words: list[str]) -> Iterator[str]:
        for word in words:
            if "*" in word:
                yield from (n for n in self.data if fnmatch.fnmatchcase(n, word))
            else:
                yield word

    def absorbed(self, text: str) -> Iterator[Absorbed]:
        for word in re.findall(r"i\.\w+#+c\.\([^)]*\)|\w+", text):
            if match := re.fullmatch(r"i\.(\w+)(#+)c\.\(([^)]*)\)", word):
                slopes = [self.data[x] for x in match.group(3).split()]
                yield Absorbed(numbered(self.data[match.group(1)]), slopes, match.group(2) == "##")
            else:
                yield Absorbed(numbered(self.data[word]))


@dataclass
class Model:
    """A regression as a command states it, on the rows without missing values."""

    outcome: Vector
    columns: dict[str, Vector]
    effects: list[Absorbed]
    weights: Vector | None
    clusters: list[Vector]
    kind: str
    options: dict[str, str]
    at: np.ndarray


def _options(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while match := re.compile(r"\s*(\w+)(\()?").match(text, place):
        place = match.end()
        if match.group(2):
            depth, start = 1, place
            while depth:
                depth += {"(": 1, ")": -1}.get(text[place], 0)
                place += 1
            yield match.group(1), text[start : place - 1]
        else:
            yield match.group(1), ""


def _comparable(column: Vector) -> Vector:
    return column if column.dtype == object else np.where(np.isnan(column), np.inf, column)


def _closing(lines: list[str], place: int) -> int:
    depth = 1
    while depth:
        line = re.sub(r"\s+//.*", "", lines[place]).rstrip()
        depth += line.endswith("{") - (line.strip() == "}")
        place += 1
    return place - 1


def _condition(text: str) -> tuple[str, str]:
    """Part ``a > 0 & b > 0 command ...``: a command follows where two words stand side by side."""
    match = re.search(r"(?<=[\w\])]) (local|scalar|replace|keep|drop|generate) ", text)
    assert match, text
    return text[: match.start()], text[match.start() + 1 :]


def _quoted(text: str) -> str:
    match = re.search(r'"([^"]*)"', text)
    assert match, text
    return match.group(1)


def _written(value: float) -> str:
    return "." if np.isnan(value) else f"{value:.17g}"

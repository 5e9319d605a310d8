"""Short R scripts drawn at random, each with the data frame that R has at its end: no code of specdid is used.

A piece of R is its text and a function of the frame's columns that gives R's values. NA is NaN in numbers and logicals
and None in texts; a value has as many elements as R gives it, so that what R recycles is recycled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

import numpy as np

Vector = np.ndarray
Columns = dict[str, Vector]
Value = tuple[str, Callable[[Columns], Vector]]


class StopError(Exception):
    """R would stop, or the script is of no use."""


@dataclass
class Frame:
    """A data frame; kinds are "num", "lgl", "chr" and "fct", a factor's values being its levels' texts."""

    columns: Columns
    kinds: dict[str, str]
    groups: list[str] = field(default_factory=list)
    table: bool = False

    def __len__(self) -> int:
        return len(self.columns["row"])

    def take(self, at: Vector) -> None:
        """Keep these rows; -1 stands for a row of NA."""
        if len(at) < 8:
            raise StopError("hardly a row is left")
        for name, values in self.columns.items():
            new = values[at]
            if (at < 0).any():
                new = new.copy()
                new[at < 0] = None if values.dtype == object else np.nan
            self.columns[name] = new

    def rows_by(self, names: list[str]) -> list[Vector]:
        """The rows of each group; rows without a value are a group."""
        found: dict[tuple, list[int]] = {}
        for k in range(len(self)):
            key = tuple(_key(self.columns[name][k]) for name in names)
            found.setdefault(key, []).append(k)
        return [np.array(rows) for rows in found.values()]

    def evaluate(self, of, by: list[str] | None = None, at: Vector | None = None) -> Vector:
        """The values of an expression in these rows, else in all, by groups, of which data.table sees one key."""
        at = np.arange(len(self)) if at is None else at
        if not by:
            return _recycled(of({n: v[at] for n, v in self.columns.items()}), len(at))
        part = Frame({n: v[at] for n, v in self.columns.items()}, self.kinds)
        out = None
        for rows in part.rows_by(by):
            seen = {n: v[rows[:1] if self.table and n in by else rows] for n, v in part.columns.items()}
            found = _recycled(of(seen), len(rows))
            if out is None:
                out = np.full(len(at), None if found.dtype == object else np.nan, dtype=found.dtype)
            out[rows] = found
        return out if out is not None else np.zeros(0)


def _key(value):
    return None if value is None or value != value else value


def _recycled(values: Vector, n: int) -> Vector:
    if len(values) not in (1, n):
        raise StopError("it has another length")
    values = values if values.dtype == object else values.astype(float)
    return np.repeat(values, n) if len(values) == 1 else values


def _both(*values: Vector) -> list[Vector]:
    n = max(map(len, values))
    return [_recycled(one, n) for one in values]


def missing(values: Vector) -> Vector:
    return np.array([one is None for one in values]) if values.dtype == object else np.isnan(values)


def _truth(values: Vector, unknown: Vector) -> Vector:
    out = values.astype(float)
    out[unknown] = np.nan
    return out


def compared(sign: str, a: Vector, b: Vector) -> Vector:
    a, b = _both(a, b)
    unknown = missing(a) | missing(b)
    signs = {
        "==": lambda p, q: p == q,
        "!=": lambda p, q: p != q,
        "<": lambda p, q: p < q,
        "<=": lambda p, q: p <= q,
        ">": lambda p, q: p > q,
        ">=": lambda p, q: p >= q,
    }
    found = [not lost and bool(signs[sign](p, q)) for p, q, lost in zip(a, b, unknown, strict=True)]
    return _truth(np.array(found), unknown)


def both_true(a: Vector, b: Vector) -> Vector:
    a, b = _both(a, b)
    return np.where((a == 0) | (b == 0), 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0))


def either(a: Vector, b: Vector) -> Vector:
    a, b = _both(a, b)
    return np.where((a == 1) | (b == 1), 1.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 0.0))


def if_else(test: Vector, yes: Vector, no: Vector, *, strict: bool, lost: Vector | None = None) -> Vector:
    """ifelse() has the length of its test, whatever the others have; if_else() and fifelse() stop."""
    n = len(test)
    if strict and {len(yes), len(no)} - {1, n}:
        raise StopError("lengths")
    yes, no = (np.resize(one, n) for one in (yes, no))
    out = np.where(test == 1, yes, no)
    empty = None if out.dtype == object else np.nan
    return np.where(np.isnan(test), empty if lost is None else np.resize(lost, n), out)


def case_when(pairs: list[tuple[Vector, Vector]]) -> Vector:
    n = max(len(one) for pair in pairs for one in pair)
    out = np.full(n, None if pairs[0][1].dtype == object else np.nan)
    for test, value in reversed(pairs):
        out = np.where(_recycled(test, n) == 1, _recycled(value, n), out)
    return out


def summary(name: str, values: Vector, *, omits: bool) -> Vector:
    known = values[~missing(values)] if omits else values
    if not omits and missing(known).any():
        return np.array([np.nan])
    if name in ("min", "max") and not len(known):
        return np.array([np.inf if name == "min" else -np.inf])
    if name == "sum":
        return np.array([float(known.sum())])
    if not len(known) or (name in ("sd", "var") and len(known) < 2):
        return np.array([np.nan])
    with np.errstate(invalid="ignore"):
        made = {
            "mean": np.mean,
            "median": np.median,
            "min": np.min,
            "max": np.max,
            "sd": lambda v: np.std(v, ddof=1),
            "var": lambda v: np.var(v, ddof=1),
        }
        return np.array([float(made[name](known))])


def any_of(values: Vector, *, omits: bool) -> Vector:
    if (values == 1).any():
        return np.array([1.0])
    return np.array([np.nan if np.isnan(values).any() and not omits else 0.0])


def all_of(values: Vector, *, omits: bool) -> Vector:
    return 1 - any_of(1 - values, omits=omits)


def shifted(values: Vector, by: int, fill: float = np.nan) -> Vector:
    out = np.full(len(values), fill)
    for k in range(len(values)):
        if 0 <= k - by < len(values):
            out[k] = values[k - by]
    return out


def running(name: str, values: Vector) -> Vector:
    out, last = np.empty(len(values)), None
    for k, one in enumerate(values):
        last = (
            one
            if last is None
            else {"cumsum": lambda a, b: a + b, "cummax": max, "cummin": min}[name](last, one)
            if (one == one and last == last)
            else np.nan
        )
        out[k] = last
    return out


def ranked(name: str, values: Vector) -> Vector:
    known = ~np.isnan(values)
    out = np.full(len(values), np.nan)
    for k in np.flatnonzero(known):
        less, same = (values[known] < values[k]).sum(), (values[known] == values[k]).sum()
        if name == "min_rank":
            out[k] = less + 1
        elif name == "dense_rank":
            out[k] = len({*values[known][values[known] < values[k]]}) + 1
        else:
            out[k] = less + (same + 1) / 2
    if name == "rank":  # NAs come last, each with a number of its own
        out[~known] = known.sum() + 1 + np.arange((~known).sum())
    return out


def numbers_of(texts: Vector) -> Vector:
    def number(one):
        try:
            return float(one)
        except (TypeError, ValueError):
            return np.nan

    return np.array([number(one) for one in texts])


def codes_of(texts: Vector) -> Vector:
    levels = sorted({one for one in texts if one is not None})
    return np.array([np.nan if one is None else levels.index(one) + 1.0 for one in texts])


def texts_by(of: Callable, texts: Vector) -> Vector:
    out = np.empty(len(texts), dtype=object)
    out[:] = [of(one) for one in texts]
    return out


def constant(value) -> Vector:
    out = np.empty(1, dtype=object if isinstance(value, str) else float)
    out[0] = value
    return out


def panel(random: Random) -> Columns:
    """Units in periods, sometimes with gaps, sometimes not in order."""
    rows = [(i, t) for i in range(1, 8) for t in range(2000, 2007)]
    kind = random.choice(["whole", "whole", "gaps", "order", "both"])
    if kind in ("gaps", "both"):
        rows = [one for one in rows if random.random() > 0.15]
    if kind in ("order", "both"):
        random.shuffle(rows)
    n = len(rows)
    maybe = lambda p, of: [None if random.random() < p else of() for _ in rows]  # noqa: E731
    number = lambda values: np.array([np.nan if one is None else float(one) for one in values])  # noqa: E731

    def texts(values) -> Vector:
        out = np.empty(n, dtype=object)
        out[:] = values
        return out

    return {
        "id": number([i for i, _ in rows]),
        "t": number([t for _, t in rows]),
        "y": number([random.gauss(0, 1) for _ in rows]),
        "x": number(maybe(0.2, lambda: random.randrange(-6, 9) / 2)),
        "k": number([random.randrange(-4, 6) for _ in rows]),
        "u": number(maybe(0.15, lambda: random.randrange(2))),
        "g": number([i % 3 + 1 for i, _ in rows]),
        "h": number(maybe(0.1, lambda: random.randrange(1, 4))),
        "s": texts(maybe(0.15, lambda: random.choice(["a", "b", "ab"]))),
        "w": texts(maybe(0.1, lambda: random.choice(["1", "20", "3", "n/a", "b4"]))),
        "row": number(range(n)),
    }


KINDS = dict.fromkeys(["id", "t", "y", "x", "k", "u", "g", "h"], "num") | {"s": "chr", "w": "chr"}
KEYS = ("id", "t", "y", "g", "row")
"""Columns that no script changes."""


class Script:
    """A script as it is drawn, statement by statement, each run at once."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.data = panel(random)
        self.frame = Frame(dict(self.data), dict(KINDS))
        self.dialect = random.choice(["dplyr", "dplyr", "base", "table"])
        self.plainly = random.random() < 0.7
        """Whether functions are drawn that are usual in scripts, of which many are read."""
        self.omits = 0.95 if self.plainly else 0.5
        self.lines = ['df <- read.csv("a.csv")']
        self.blank = random.random() < 0.2
        """Whether cells without a value are empty, which read.csv() takes for a text as any other."""
        if self.blank and random.random() < 0.3:
            self.lines = ['df <- read.csv("a.csv", na.strings = c("NA", ""))']
        elif self.blank:
            for name in ("s", "w"):
                values = self.data[name].copy()
                values[missing(values)] = ""
                self.frame.columns[name] = values
        self.lines += {
            "dplyr": ["library(dplyr)", "library(tidyr)"],
            "table": ["library(data.table)", "setDT(df)"],
        }.get(self.dialect, [])
        self.frame.table = self.dialect == "table"
        self.variables: dict[str, float] = {}
        if random.random() < 0.3:
            self.variables = {"limit": float(random.randrange(-1, 4))}
            self.lines.append(f"limit <- {self.variables['limit']:g}")
        self.by_name = 0.0
        """The value of a variable with a column's name, where the script's variables go first."""
        self.shadow = float(random.randrange(1, 3)) if random.random() < 0.15 else 0.0
        if self.shadow:
            self.lines.append(f"h <- {self.shadow:g}")
        self.made: list[str] = []
        self.count = 0
        self.grouped = False
        """Whether what is drawn is within groups, where lags and places are asked for."""
        wanted, tries = random.choice([1, 1, 2, 2, 3, 4, 6]), 0
        while wanted and tries < 60:
            tries += 1
            kept = Frame(dict(self.frame.columns), dict(self.frame.kinds), list(self.frame.groups), self.frame.table)
            made, count = list(self.made), self.count
            try:
                line = random.choice(self.statements())()
            except (StopError, KeyError, ValueError):  # a column that is gone, too few of them
                self.frame, self.made, self.count = kept, made, count
                continue
            self.lines.append(line)
            wanted -= 1
        names = [n for n in self.frame.kinds if self.frame.kinds[n] in ("num", "lgl") and n not in KEYS]
        new = [n for n in dict.fromkeys(self.made) if n in names]
        if not new:
            raise StopError("nothing is made")
        old = [n for n in ("k", "x", "u", "h") if n in names and random.random() < 0.1]
        self.terms = list(dict.fromkeys([*new, *old]))
        self.lines += [f"feols(y ~ {term} | id + t, df, cluster = ~id)" for term in self.terms]

    @property
    def text(self) -> str:
        random, comment = Random(len(self.lines[-1]) + 100 * len(self.lines)), "# it's what 'df' has, #1 of some"
        lines = []
        for line in self.lines:
            pieces = line.split(" %>% ")
            longer = [f"  {comment * random.randrange(3)}\n  " if random.random() < 0.3 else " " for _ in pieces]
            lines.append("".join(f"{a} %>%{b}" for a, b in zip(pieces[:-1], longer, strict=False)) + pieces[-1])
        return "\n".join(lines) + "\n"

    def expected(self, term: str) -> dict[int, float]:
        """Of the rows that feols uses, by their number in the file: the regressor."""
        cells = np.stack([self.frame.columns[name].astype(float) for name in ("y", "row", term)])
        return {int(c[1]): c[2] for c in cells.T if np.isfinite(c).all()}

    # ---- expressions

    def name(self, *kinds: str) -> str:
        names = [n for n, kind in self.frame.kinds.items() if kind in kinds and n not in ("y", "row", "id", "w", "t")]
        return self.random.choice(names or ["k"])

    def column(self, *kinds: str) -> Value:
        name = self.name(*kinds)
        if name not in self.frame.columns or self.frame.kinds[name] not in kinds:
            raise StopError("no such column")
        return f"§{name}§", lambda d: d[name]

    def literal(self) -> Value:
        value = self.random.choice([0, 1, 2, -1, 0.3, 1.7, 3])
        if self.by_name and self.random.random() < 0.3:  # a variable, though a column has its name
            held = self.by_name
            return "h", lambda _d: constant(held)
        if self.variables and self.random.random() < 0.3:
            name, value = self.random.choice([*self.variables.items()])
            return name, lambda _d: constant(value)
        return str(value), lambda _d: constant(value)

    def number(self, depth: int = 1) -> Value:
        random = self.random
        if depth <= 0:
            return self.column("num") if random.random() < 0.8 else self.literal()
        kinds = ["column", "binary", "bare", "call", "choice", "choice", "truth", "power"]
        kinds += ["summary", "summary", "any", "lag", "lag", "run", "where"] if self.grouped else ["summary", "any"]
        if not self.plainly:
            kinds += ["lost", "text", "where"] + ["place", "rank"] * self.grouped
        return getattr(self, "_" + random.choice(kinds))(depth)

    def _column(self, _depth: int) -> Value:
        return self.column("num")

    def _binary(self, depth: int) -> Value:
        (a, f), (b, g) = self.number(depth - 1), self.number(depth - 1)
        sign = self.random.choice(["+", "-", "*", "/"])
        if sign == "/" and self.random.random() < 0.6:
            b, g = self.random.choice([("2", lambda _d: constant(2)), ("(abs(§k§) + 1)", lambda d: abs(d["k"]) + 1)])
            if "k" not in self.frame.columns:
                raise StopError("no k")

        def made(d):
            p, q = _both(f(d), g(d))
            with np.errstate(all="ignore"):
                return {"+": p + q, "-": p - q, "*": p * q, "/": p / q}[sign]

        return f"({a} {sign} {b})", made

    def _bare(self, _depth: int) -> Value:
        """What binds closer without brackets."""
        (a, f), (b, g) = self.column("num"), self.column("num")
        text, of = self.random.choice(
            [
                ("-{a}^2", lambda p, _q: -(p**2)),
                ("{a} %% 3 * 2", lambda p, _q: np.mod(p, 3) * 2),
                ("2 * {a} %% 3", lambda p, _q: 2 * np.mod(p, 3)),
                ("-{a} %% 3", lambda p, _q: np.mod(-p, 3)),
                ("{a} %/% 2 / 2", lambda p, _q: np.floor_divide(p, 2) / 2),
                ("{a} - {b} - 1", lambda p, q: p - q - 1),
                ("{a} - {b} * 2^2", lambda p, q: p - q * 4),
                ("{a} / 2 / 2", lambda p, _q: p / 4),
                ("2^-1 * {a}", lambda p, _q: p / 2),
                ("{a}^2^1", lambda p, _q: p**2),
                ("{a} + {b} %/% 2", lambda p, q: p + np.floor_divide(q, 2)),
                ("-2^2 + {a}", lambda p, _q: p - 4),
                ("{a} * -{b}", lambda p, q: p * -q),
                ("({a} > 1) * {b}", lambda p, q: compared(">", p, constant(1)) * q),
                ("({a} > 0) + ({b} > 0)", lambda p, q: compared(">", p, constant(0)) + compared(">", q, constant(0))),
            ]
        )
        return f"({text.format(a=a, b=b)})", lambda d: _quiet(lambda p: of(p, g(d)), f(d))

    def _bare_condition(self) -> Value:
        (a, f), (b, g), (c, h) = self.column("num"), self.column("num"), self.column("num")
        over = lambda values, limit=0: compared(">", values, constant(limit))  # noqa: E731
        text, of = self.random.choice(
            [
                ("!{a} > 1", lambda p, _q, _r: 1 - over(p, 1)),
                ("!{a} == 1 & {b} > 0", lambda p, q, _r: both_true(1 - compared("==", p, constant(1)), over(q))),
                ("{a} > 0 | {b} > 0 & {c} > 1", lambda p, q, r: either(over(p), both_true(over(q), over(r, 1)))),
                ("{a} > 0 & {b} > 0 | {c} > 1", lambda p, q, r: either(both_true(over(p), over(q)), over(r, 1))),
                ("!is.na({a}) & {a} > 0", lambda p, _q, _r: both_true(1 - missing(p), over(p))),
                ("is.na({a}) | {a} > 0", lambda p, _q, _r: either(missing(p).astype(float), over(p))),
                ("{a} %% 2 == 0", lambda p, _q, _r: compared("==", np.mod(p, 2), constant(0))),
                ("-{a} > 1", lambda p, _q, _r: over(-p, 1)),
                ("{a} + 1 > {b} * 2", lambda p, q, _r: compared(">", p + 1, q * 2)),
                ("!{a} %in% c(1, 2) & {b} > 0", lambda p, q, _r: both_true(1 - np.isin(p, (1, 2)), over(q))),
                ("{a} %in% 1:3", lambda p, _q, _r: np.isin(p, (1, 2, 3)).astype(float)),
                ("xor({a} > 0, {b} > 0)", lambda p, q, _r: compared("!=", over(p), over(q))),
                ("({a} > 0) == ({b} > 0)", lambda p, q, _r: compared("==", over(p), over(q))),
                ("between({a}, 0, 2)", lambda p, _q, _r: both_true(1 - over(-p), 1 - over(p, 2))),
                ("{a} & {b} > 0", lambda p, q, _r: both_true(compared("!=", p, constant(0)), over(q))),
            ]
        )
        if "between" in text and self.dialect == "base":
            raise StopError("dplyr")
        return f"({text.format(a=a, b=b, c=c)})", lambda d: of(f(d), g(d), h(d))

    def _power(self, depth: int) -> Value:
        a, f = self.number(depth - 1)
        by = self.random.choice([2, 3, -2])
        text, of = self.random.choice(
            [
                ("({a})^2", lambda v: v**2),
                ("({a}) %% {b}", lambda v: np.mod(v, by)),
                ("({a}) %/% {b}", lambda v: np.floor_divide(v, by)),
                ("-({a})", lambda v: -v),
            ]
        )
        return "(" + text.format(a=a, b=by) + ")", lambda d: _quiet(of, f(d))

    def _call(self, depth: int) -> Value:
        a, f = self.number(depth - 1)
        random = self.random
        kind = random.choice(["one", "one", "pmin", "cut", "coalesce", *([] if self.plainly else ["na_if"])])
        if kind == "pmin":
            (b, g), name, omits = self.number(depth - 1), random.choice(["pmin", "pmax"]), random.random() < 0.3
            better = {(0, 0): np.minimum, (1, 0): np.maximum, (0, 1): np.fmin, (1, 1): np.fmax}[name == "pmax", omits]
            return f"{name}({a}, {b}{', na.rm = TRUE' * omits})", lambda d: better(*_both(f(d), g(d)))
        if kind == "cut":
            low, high = sorted(random.sample([-3, -1, 0, 1.5, 3, 5], 2))
            ends, top = random.choice([(f"-Inf, {low}, {high}, Inf", np.inf), (f"{low}, {high}", None)])
            right = random.random() < 0.6

            def cut(values):
                breaks = [-np.inf, low, high, np.inf] if top else [low, high]
                out = np.full(len(values), np.nan)
                for k, (lower, upper) in enumerate(pairwise(breaks)):
                    within = (values > lower) & (values <= upper) if right else (values >= lower) & (values < upper)
                    out[within] = k + 1
                return out

            return f"cut({a}, c({ends}), labels = FALSE{'' if right else ', right = FALSE'})", lambda d: cut(f(d))
        if kind == "coalesce" and self.dialect != "base":
            b, g = self.number(depth - 1)

            def first_known(d):
                p, q = f(d), g(d)
                if len(p) == 1 and len(q) > 1 and self.dialect == "table":
                    raise StopError("fcoalesce")
                if self.dialect == "table" and len(q) not in (1, len(p)):
                    raise StopError("fcoalesce")
                p, q = _both(p, q)
                return np.where(np.isnan(p), q, p)

            return f"{'fcoalesce' if self.dialect == 'table' else 'coalesce'}({a}, {b})", first_known
        if kind == "na_if" and self.dialect == "dplyr":
            value = random.choice([0, 1, 2])
            return f"na_if({a}, {value})", lambda d: np.where(f(d) == value, np.nan, f(d))
        name, of = random.choice(
            [
                ("abs", np.abs),
                ("sign", np.sign),
                ("floor", np.floor),
                ("ceiling", np.ceil),
                ("round", np.rint),
                ("trunc", np.trunc),
                ("as.integer", np.trunc),
                ("sqrt", np.sqrt),
                ("log", np.log),
                ("log1p", np.log1p),
                ("exp", lambda v: np.exp(np.clip(v, -700, 700))),
                ("as.numeric", lambda v: v),
            ]
        )
        return f"{name}({a})", lambda d: _quiet(of, f(d))

    def _choice(self, depth: int) -> Value:
        (c, test), (a, f), (b, g) = self.condition(depth - 1), self.number(depth - 1), self.number(depth - 1)
        random = self.random
        kinds = ["ifelse", "replace"]
        kinds += {"dplyr": ["if_else", "case_when", "case_when", "missing"], "table": ["fifelse", "fcase"], "base": []}[
            self.dialect
        ]
        kind = random.choice(kinds)
        if kind == "ifelse":
            if random.random() < 0.2:
                b, g = "NA", lambda _d: constant(np.nan)
            return f"ifelse({c}, {a}, {b})", lambda d: if_else(test(d), f(d), g(d), strict=False)
        if kind == "replace":
            b, g = self.literal()

            def replaced(d):
                where, values = _both(test(d), f(d))
                return np.where(where == 1, g(d), values)

            return f"replace({a}, which({c}), {b})", replaced
        if kind in ("if_else", "fifelse"):
            return f"{kind}({c}, {a}, {b})", lambda d: if_else(test(d), f(d), g(d), strict=True)
        if kind == "missing":
            return f"if_else({c}, {a}, {b}, missing = 7)", lambda d: if_else(
                test(d), f(d), g(d), strict=True, lost=constant(7)
            )
        more, other = self.condition(depth - 1)
        always = random.random() < 0.6
        if kind == "fcase":
            rest = f", default = {random.choice([0, 9])}" if always else ""
            last = [(constant(1), constant(float(rest[-1])))] if always else []

            def cases(d):
                found = [(test(d), f(d)), (other(d), g(d)), *last]
                if len({len(one) for one, _ in found[:2]}) > 1 or any(
                    len(v) not in (1, len(found[0][0])) for _, v in found
                ):
                    raise StopError("fcase")
                return case_when(found)

            return f"fcase({c}, {a}, {more}, {b}{rest})", cases
        e, h = self.number(depth - 1)
        rest, last = (random.choice([", TRUE ~ {}", ", .default = {}"]).format(e), True) if always else ("", False)
        return f"case_when({c} ~ {a}, {more} ~ {b}{rest})", lambda d: case_when(
            [(test(d), f(d)), (other(d), g(d)), *([(constant(1), h(d))] if last else [])]
        )

    def _lost(self, _depth: int) -> Value:
        a, f = self.column("num")
        value = self.random.choice([0, 3, -1])
        text = {
            "dplyr": "replace_na({a}, {v})",
            "table": "nafill({a}, fill = {v})",
            "base": "ifelse(is.na({a}), {v}, {a})",
        }
        return text[self.dialect].format(a=a, v=value), lambda d: np.where(np.isnan(f(d)), value, f(d))

    def _truth(self, depth: int) -> Value:
        c, f = self.condition(depth - 1)
        text = self.random.choice(["as.integer({c})", "as.numeric({c})", "1 * ({c})", "({c}) + 0"])
        return f"({text.format(c=c)})", f

    def _text(self, _depth: int) -> Value:
        random = self.random
        kind = random.choice(["number", "codes", "characters", "factor"])
        if kind == "number" and "w" in self.frame.columns:
            name = random.choice(["as.numeric", "as.integer"])
            return f"{name}(§w§)", lambda d: numbers_of(d["w"])
        factors = [n for n, one in self.frame.kinds.items() if one == "fct"]
        if factors:
            name = random.choice(factors)
            levels = sorted({one for one in self.frame.columns[name] if one is not None})
            whole = {one: k + 1.0 for k, one in enumerate(levels)}
            return f"as.integer(§{name}§)", lambda d: np.array([whole.get(one, np.nan) for one in d[name]])
        a, f = self.column("chr")
        if kind == "characters":
            return f"nchar({a})", lambda d: np.array([np.nan if one is None else len(one) for one in f(d)])
        return f"as.numeric(factor({a}))", lambda d: codes_of(f(d))

    def _summary(self, depth: int) -> Value:
        random = self.random
        if self.grouped and random.random() < 0.2 and self.dialect != "base":
            return {"dplyr": "n()", "table": ".N"}[self.dialect], lambda d: constant(len(d["row"]))
        if random.random() < 0.15 and self.dialect != "base":
            a, f = self.column("num")
            omits, name = random.random() < self.omits, {"dplyr": "n_distinct", "table": "uniqueN"}[self.dialect]

            def different(d):
                values = f(d)
                lost = np.isnan(values)
                return constant(float(len({*values[~lost]}) + (lost.any() and not omits)))

            return f"{name}({a}{', na.rm = TRUE' * omits})", different
        if random.random() < 0.2:
            c, f = self.condition(depth - 1)
            name = random.choice(["sum", "mean"])
            omits = random.random() < self.omits
            return f"{name}({c}{', na.rm = TRUE' * omits})", lambda d: summary(name, f(d), omits=omits)
        a, f = self.number(depth - 1)
        name, omits = random.choice(["mean", "sum", "max", "min", "median", "sd", "var"]), random.random() < self.omits
        return f"{name}({a}{', na.rm = TRUE' * omits})", lambda d: summary(name, f(d), omits=omits)

    def _any(self, depth: int) -> Value:
        c, f = self.condition(depth - 1)
        name, omits = self.random.choice(["any", "all"]), self.random.random() < self.omits
        of = any_of if name == "any" else all_of
        return f"as.numeric({name}({c}{', na.rm = TRUE' * omits}))", lambda d: of(f(d), omits=omits)

    def _where(self, depth: int) -> Value:
        """A summary of some rows of the group, as ``mean(x[t < 2003])``: NA where the condition is."""
        random = self.random
        (c, test), (a, f) = self.condition(depth - 1), self.column("num")
        name, omits = random.choice(["mean", "sum", "min", "max", "median"]), random.random() < 0.5
        if random.random() < 0.4 and "t" in self.frame.columns:  # the first period of what a condition tells
            (a, f), name = ("§t§", lambda d: d["t"]), "min"

        def made(d):
            where, values = _both(test(d), f(d))
            if len(where) != len(d["row"]) or len(f(d)) != len(where):
                raise StopError("a logical of another length")
            chosen = values[(where == 1) | np.isnan(where)].copy()
            chosen[np.isnan(where[(where == 1) | np.isnan(where)])] = np.nan
            return summary(name, chosen, omits=omits)

        return f"{name}({a}[{c}]{', na.rm = TRUE' * omits})", made

    def _place(self, _depth: int) -> Value:
        a, f = self.column("num")
        names = {
            "dplyr": ["first({a})", "last({a})", "{a}[1]", "nth({a}, 2)"],
            "table": ["first({a})", "last({a})", "{a}[1]"],
            "base": ["{a}[1]"],
        }
        text = self.random.choice(names[self.dialect])
        at = 1 if "nth" in text else -1 if "last" in text else 0

        def place(d):
            values = f(d)
            return constant(values[at] if -1 <= at < len(values) else np.nan)

        return text.format(a=a), place

    def _lag(self, _depth: int) -> Value:
        a, f = self.column("num")
        random = self.random
        by = random.choice([1, 1, 2])
        if self.dialect == "dplyr":
            name = random.choice(["lag", "lag", "lead", "dplyr::lag"])
            sign = -1 if name == "lead" else 1
            text, fill = random.choice([("", np.nan), ("", np.nan), (", default = 0", 0.0)])
            return (
                f"{name}({a}{f', {by}' if by > 1 else random.choice(['', ', 1', ', n = 1L'])}{text})",
                lambda d: shifted(f(d), sign * by, fill),
            )
        if self.dialect == "table":
            text, sign, fill = random.choice([("", 1, np.nan), (', type = "lead"', -1, np.nan), (", fill = 0", 1, 0.0)])
            return f"shift({a}, {by}{text})", lambda d: shifted(f(d), sign * by, fill)
        return f"c(NA, diff({a}))", lambda d: f(d) - shifted(f(d), 1)

    def _run(self, depth: int) -> Value:
        a, f = self.number(min(depth - 1, 1))
        name = self.random.choice(["cumsum", "cummax", "cummin", "cumsum"])
        return f"{name}({a})", lambda d: running(name, f(d))

    def _rank(self, _depth: int) -> Value:
        a, f = self.column("num")
        names = {
            "dplyr": ["row_number()", "min_rank", "dense_rank", "rank"],
            "table": ["seq_len(.N)", "rank"],
            "base": ["rank"],
        }
        name = self.random.choice(names[self.dialect])
        if name.endswith(")"):
            return name, lambda d: np.arange(1.0, len(d["row"]) + 1)
        return f"{name}({a})", lambda d: ranked(name, f(d))

    def condition(self, depth: int = 1) -> Value:
        random = self.random
        kind = random.choice(
            ["compare"] * 4 + ["text", "text", "known", "among", "logical", "time"] + ["and", "or", "not"] * (depth > 0)
        )
        if random.random() < 0.25:
            return self._bare_condition()
        if kind == "and" or kind == "or":
            (a, f), (b, g) = self.condition(depth - 1), self.condition(depth - 1)
            of, sign = (both_true, "&") if kind == "and" else (either, "|")
            return f"({a} {sign} {b})", lambda d: of(f(d), g(d))
        if kind == "not":
            a, f = self.condition(depth - 1)
            return f"!({a})", lambda d: 1 - f(d)
        if kind == "known":
            a, f = self.column("num", "chr")
            if random.random() < 0.5:
                return f"is.na({a})", lambda d: missing(f(d)).astype(float)
            return f"!is.na({a})", lambda d: 1 - missing(f(d))
        if kind == "among":
            a, f = self.column("num")
            return f"{a} %in% c(1, 2, 0)", lambda d: np.isin(f(d), (0, 1, 2)).astype(float)
        if kind == "time":
            year, sign = random.choice([2002, 2003, 2004]), random.choice([">", ">=", "<", "==", "!="])
            return f"§t§ {sign} {year}", lambda d: compared(sign, d["t"], constant(year))
        if kind == "logical":
            names = [n for n, one in self.frame.kinds.items() if one == "lgl"]
            if names:
                name = random.choice(names)
                return random.choice([f"§{name}§", f"§{name}§ == TRUE", f"§{name}§ == 1"]), lambda d: d[name]
        if kind == "text":
            a, f = self.column("chr", "fct")
            which = random.choice(["==", "!=", "%in%", "grepl", "!%in%"])
            if which == "grepl":
                return f'grepl("a", {a})', lambda d: np.array([float(one is not None and "a" in one) for one in f(d)])
            if "%in%" in which:
                held = lambda d: np.array([float(one in ("a", "ab")) for one in f(d)])  # noqa: E731
                text = f'{a} %in% c("a", "ab")'
                return (f"!({text})", lambda d: 1 - held(d)) if which[0] == "!" else (text, held)
            return f'{a} {which} "a"', lambda d: compared(which, f(d), constant("a"))
        (a, f), (b, g) = self.number(depth - 1), self.number(0) if random.random() < 0.3 else self.literal()
        sign = random.choice(["==", "!=", "<", "<=", ">", ">="])
        return f"{a} {sign} {b}", lambda d: compared(sign, f(d), g(d))

    def _of_text(self) -> Value:
        random = self.random
        a, f = self.column("chr")
        kind = random.choice(["upper", "substr", "choice", "paste"])
        if kind == "upper":
            return f"toupper({a})", lambda d: texts_by(lambda one: one and one.upper(), f(d))
        if kind == "substr":
            return f"substr({a}, 1, 1)", lambda d: texts_by(lambda one: one and one[:1], f(d))
        if kind == "paste":
            return f'paste0({a}, "b")', lambda d: texts_by(lambda one: ("NA" if one is None else one) + "b", f(d))
        c, test = self.condition(0)
        return f'ifelse({c}, "a", {a})', lambda d: if_else(test(d), constant("a"), f(d), strict=False)

    def some(self, *, grouped: bool) -> tuple[str, Value, str]:
        """A name that is made, sometimes anew, its value and kind."""
        random = self.random
        self.grouped = grouped
        draw = random.random()
        if draw < 0.12 and not grouped:
            kind, value = "chr", self._of_text()
        elif draw < 0.3:
            kind, value = "lgl", self.condition(1)
        else:
            kind, value = "num", self.number(random.choice([1, 1, 2, 2, 3]))
        name = f"v{self.count}"
        if random.random() < 0.25 and kind == "num":
            name = random.choice(["x", "k", "u", "h", *self.made] if not grouped else ["x", "k", *self.made])
            if name in self.frame.groups:
                raise StopError("a group")
        else:
            self.count += 1
        return name, value, kind

    def put(self, name: str, values: Vector, kind: str) -> None:
        self.frame.columns[name] = values
        self.frame.kinds[name] = kind
        if kind in ("num", "lgl"):
            self.made.append(name)

    @staticmethod
    def plain(text: str) -> str:
        return text.replace("§", "")

    @staticmethod
    def own(text: str) -> str:
        parts = text.split("§")
        return "".join(f"df${part}" if k % 2 else part for k, part in enumerate(parts))

    # ---- statements

    def statements(self):
        if self.plainly:
            return {
                "dplyr": [self.pipe] * 8 + [self.left_join, self.dollar, self.dollar, self.subset, self.rows_of_base],
                "base": [self.dollar] * 5
                + [
                    self.subset,
                    self.rows_of_base,
                    self.part,
                    self.transform,
                    self.order,
                    self.rename_base,
                    self.helper,
                ],
                "table": [self.assign] * 6
                + [
                    self.assign_some,
                    self.assign_ordered,
                    self.rows_of_table,
                    self.dollar,
                    self.set_order,
                    self.drop_table,
                ],
            }[self.dialect]
        return {
            "dplyr": [self.pipe] * 8
            + [self.left_join, self.dollar, self.dollar, self.subset, self.rows_of_base, self.loop, self.part],
            "base": [self.dollar] * 4
            + [
                self.subset,
                self.rows_of_base,
                self.loop,
                self.part,
                self.transform,
                self.within,
                self.ave,
                self.order,
                self.cases,
                self.rename_base,
                self.helper,
                self.aggregate,
                self.lost_base,
                self.factor,
            ],
            "table": [self.assign] * 5
            + [
                self.assign_some,
                self.assign_ordered,
                self.assign_two,
                self.rows_of_table,
                self.dollar,
                self.set_order,
                self.drop_table,
                self.loop_table,
                self.join_table,
            ],
        }[self.dialect]

    def dollar(self) -> str:
        self.by_name = self.shadow
        try:
            name, (text, of), kind = self.some(grouped=False)
            self.put(name, self.frame.evaluate(of), kind)
        finally:
            self.by_name = 0.0
        text = self.own(text)
        style = self.random.choice(["$", "$", "$", "[[", "->", "="])
        if style == "->":
            return f"{text} -> df${name}"
        return {"$": f"df${name} <- {text}", "[[": f'df[["{name}"]] <- {text}', "=": f"df${name} = {text}"}[style]

    def part(self) -> str:
        """Some rows of a column get a value."""
        name = self.name("num")
        if name in KEYS or name in self.frame.groups:
            raise StopError("a key")
        self.grouped = False
        (c, test), (b, g) = self.condition(1), self.literal()
        where, value = self.frame.evaluate(test), g({})
        style = self.random.choice(["$", "[", "which", "is.na"])
        if style == "[" and np.isnan(where).any():
            raise StopError("NA in rows")
        if style == "is.na":
            if np.isnan(where).any() and self.random.random() < 0.5:
                raise StopError("rare")
            value = constant(np.nan)
        new = np.where(where == 1, value, self.frame.columns[name])
        self.put(name, new, "num")
        c = self.own(c)
        return {
            "$": f"df${name}[{c}] <- {b}",
            "[": f'df[{c}, "{name}"] <- {b}',
            "which": f"df${name}[which({c})] <- {b}",
            "is.na": f"is.na(df${name}) <- {c}" if not np.isnan(where).any() else f"is.na(df${name}) <- which({c})",
        }[style]

    def subset(self) -> str:
        if self.frame.groups:
            raise StopError("groups")
        self.grouped = False
        c, test = self.condition(2)
        where = self.frame.evaluate(test)
        self.frame.take(np.flatnonzero(where == 1))
        return f"df <- subset(df, {self.plain(c)})"

    def rows_of_base(self) -> str:
        """A condition that is NA gives a row of NA."""
        if self.frame.groups:
            raise StopError("groups")
        self.grouped = False
        c, test = self.condition(1)
        where = self.frame.evaluate(test)
        at = np.arange(len(self.frame))
        if self.random.random() < 0.4:
            self.frame.take(at[where == 1])
            return f"df <- df[which({self.own(c)}), ]"
        at = np.where(np.isnan(where), -1, at)
        self.frame.take(at[(where == 1) | np.isnan(where)])
        return f"df <- df[{self.own(c)}, ]"

    def loop(self) -> str:
        names = self.random.sample([n for n in ("x", "k", "u", "h") if n in self.frame.columns], 2)
        style = self.random.choice(["paste0", "sum", "same"])
        for name in names:
            values = self.frame.columns[name]
            if style == "paste0":
                self.put(f"{name}_2", values**2, "num")
            elif style == "same":
                self.put(name, np.where(np.isnan(values), 0, values), "num")
        if style == "sum":
            self.put("total", sum(self.frame.columns[n] for n in names), "num")
            return f'df$total <- 0\nfor (v in c("{names[0]}", "{names[1]}")) {{\n  df$total <- df$total + df[[v]]\n}}'
        listed = ", ".join(f'"{n}"' for n in names)
        if style == "same":
            return f"for (v in c({listed})) {{\n  df[[v]][is.na(df[[v]])] <- 0\n}}"
        return f'for (v in c({listed})) df[[paste0(v, "_2")]] <- df[[v]]^2'

    def transform(self) -> str:
        """Values are of the columns as they were before the call."""
        first, second = self.some(grouped=False), self.some(grouped=False)
        if first[0] == second[0]:
            raise StopError("twice")
        found = [self.frame.evaluate(of) for _, (_, of), _ in (first, second)]
        for (name, _, kind), values in zip((first, second), found, strict=True):
            self.put(name, values, kind)
        parts = ", ".join(f"{name} = {self.plain(text)}" for name, (text, _), _ in (first, second))
        return f"df <- transform(df, {parts})"

    def within(self) -> str:
        parts = []
        for _ in range(2):
            name, (text, of), kind = self.some(grouped=False)
            self.put(name, self.frame.evaluate(of), kind)
            parts.append(f"{name} <- {self.plain(text)}")
        style = self.random.choice(["within", "with"])
        if style == "with":
            name, (text, of), kind = self.some(grouped=False)
            self.put(name, self.frame.evaluate(of), kind)
            return "df <- within(df, {\n  " + "\n  ".join(parts) + f"\n}})\ndf${name} <- with(df, {self.plain(text)})"
        return "df <- within(df, {\n  " + "\n  ".join(parts) + "\n})"

    def ave(self) -> str:
        name, by = f"v{self.count}", self.random.choice(["id", "g", "t"])
        self.count += 1
        self.grouped = False
        a, f = self.number(1)
        style = self.random.choice(["mean", "narm", "length", "cumsum"])
        of = {
            "mean": lambda v: summary("mean", v, omits=False),
            "narm": lambda v: summary("mean", v, omits=True),
            "length": lambda v: constant(len(v)),
            "cumsum": lambda v: running("cumsum", v),
        }[style]
        values = self.frame.evaluate(f)
        out = np.full(len(values), np.nan)
        if np.isnan(self.frame.columns[by]).any():
            raise StopError("ave with NA")
        for rows in self.frame.rows_by([by]):
            out[rows] = _recycled(of(values[rows]), len(rows))
        self.put(name, out, "num")
        text = {
            "mean": "",
            "narm": ", FUN = function(z) mean(z, na.rm = TRUE)",
            "length": ", FUN = length",
            "cumsum": ", FUN = cumsum",
        }
        if not a.count("§"):
            raise StopError("a constant")
        return f"df${name} <- ave({self.own(a)}, df${by}{text[style]})"

    def order(self) -> str:
        self._sort(["id", "t"])
        return "df <- df[order(df$id, df$t), ]"

    def _sort(self, names: list[str], *, down: bool = False) -> None:
        def key(k):
            cells = [self.frame.columns[n][k] for n in names]
            return [(one != one, 0 if one != one else -one if down else one) for one in cells]

        self.frame.take(np.array(sorted(range(len(self.frame)), key=key)))

    def cases(self) -> str:
        names = self.random.sample([n for n in ("x", "u", "h") if n in self.frame.columns], 2)
        style = self.random.choice(["complete", "omit"])
        if style == "omit":
            names = list(self.frame.kinds)
        lost = np.any([missing(self.frame.columns[n]) for n in names], axis=0)
        self.frame.take(np.flatnonzero(~lost))
        if style == "omit":
            return "df <- na.omit(df)"
        return f'df <- df[complete.cases(df[, c("{names[0]}", "{names[1]}")]), ]'

    def rename_base(self) -> str:
        name = self.name("num")
        if name in KEYS:
            raise StopError("a key")
        new = self.random.choice([f"v{self.count}", "x", "k"])
        if new in self.frame.columns:
            raise StopError("there already")
        self.count += 1
        self._rename(name, new)
        return f'names(df)[names(df) == "{name}"] <- "{new}"'

    def _rename(self, name: str, new: str) -> None:
        self.frame.columns[new], self.frame.kinds[new] = self.frame.columns.pop(name), self.frame.kinds.pop(name)
        self.made.append(new)

    def helper(self) -> str:
        name = f"v{self.count}"
        self.count += 1
        a, f = self.column("num")
        made = f"f{self.count}"
        body, of = self.random.choice(
            [
                ("(a - mean(a, na.rm = TRUE))", lambda v: v - summary("mean", v, omits=True)),
                ("ifelse(is.na(a), 0, a)", lambda v: np.where(np.isnan(v), 0, v)),
                ("a^2 + 1", lambda v: v**2 + 1),
            ]
        )
        self.put(name, of(self.frame.evaluate(f)), "num")
        return f"{made} <- function(a) {body}\ndf${name} <- {made}({self.own(a)})"

    def aggregate(self) -> str:
        """Of a formula: rows without a value are left out; merge() sorts by the key."""
        by, name = self.random.choice(["id", "g", "t"]), f"v{self.count}"
        of = self.random.choice([n for n in ("x", "k") if n in self.frame.columns] or ["y"])
        if np.isnan(self.frame.columns[by]).any() or missing(self.frame.columns["row"]).any():
            raise StopError("NA in keys")
        self.count += 1
        every = self.random.random() < 0.5
        out = np.full(len(self.frame), np.nan)
        for rows in self.frame.rows_by([by]):
            out[rows] = summary("mean", self.frame.columns[of][rows], omits=True)
        self.put(name, out, "num")
        self._sort([by])
        if not every:
            self.frame.take(np.flatnonzero(~np.isnan(self.frame.columns[name])))
        return (
            f'a <- aggregate({of} ~ {by}, df, mean)\nnames(a)[2] <- "{name}"\n'
            f'df <- merge(df, a, by = "{by}"{", all.x = TRUE" * every})'
        )

    def lost_base(self) -> str:
        a = self.name("num")
        if a in KEYS:
            raise StopError("a key")
        values = self.frame.columns[a]
        self.put(a, np.where(np.isnan(values), 0, values), "num")
        return f"df${a}[is.na(df${a})] <- 0"

    def factor(self) -> str:
        name = f"v{self.count}"
        self.count += 1
        self.put(name, self.frame.columns["s"].copy(), "fct")
        return f"df${name} <- {self.random.choice(['factor', 'as.factor'])}(df$s)"

    def pipe(self) -> str:
        pipe = self.random.choice(["%>%", "|>"])
        steps = [self.random.choice(self._verbs())() for _ in range(self.random.choice([1, 1, 2, 3, 4]))]
        if self.frame.groups and self.random.random() < 0.75:
            self.frame.groups = []
            steps.append("ungroup()")
        return f"df <- df {pipe}\n  " + f" {pipe}\n  ".join(steps)

    def _verbs(self):
        more = [self.across, self.mutate_away, self.group_more, self.select_renamed, self.ungroup]
        if self.random.random() < 0.25:
            return more
        if self.plainly:
            return (
                [self.mutate] * 7
                + [self.group_by] * 3
                + [
                    self.filter,
                    self.arrange,
                    self.arrange_keys,
                    self.arrange_keys,
                    self.select,
                    self.rename,
                    self.drop_na,
                ]
            )
        return (
            [self.mutate] * 6
            + [self.group_by] * 3
            + [
                self.filter,
                self.filter,
                self.arrange,
                self.arrange_keys,
                self.arrange_keys,
                self.select,
                self.rename,
                self.drop_na,
                self.distinct,
                self.slice,
                self.transmute,
                self.mutate_by,
            ]
        )

    def mutate(self) -> str:
        parts = []
        for _ in range(self.random.choice([1, 1, 2, 3])):
            name, (text, of), kind = self.some(grouped=bool(self.frame.groups) or self.random.random() < 0.1)
            self.put(name, self.frame.evaluate(of, self.frame.groups), kind)
            parts.append(f"{name} = {self.plain(text)}")
        return f"mutate({', '.join(parts)})"

    def across(self) -> str:
        """Columns at once: each sees those before it as they are made."""
        names = self.random.sample([n for n in ("x", "k", "u") if n in self.frame.columns], 2)
        text, of = self.random.choice(
            [
                (".x - mean(.x, na.rm = TRUE)", lambda v: v - summary("mean", v, omits=True)),
                ("ifelse(is.na(.x), 0, .x)", lambda v: np.where(np.isnan(v), 0, v)),
                (".x^2", lambda v: v**2),
                ("max(.x, na.rm = TRUE)", lambda v: summary("max", v, omits=True)),
            ]
        )
        new = self.random.choice(["", "_new", "_a"])
        chosen = f"c({', '.join(names)})"
        if new == "_a" and self.random.random() < 0.5:
            prefix = names[0]
            chosen = f'starts_with("{prefix}")'
            names = sorted(n for n in self.frame.columns if n.startswith(prefix) and n not in self.frame.groups)
            if any(self.frame.kinds[n] not in ("num", "lgl") for n in names):
                raise StopError("no numbers")
        for name in names:
            values = self.frame.evaluate(lambda d, n=name: of(d[n]), self.frame.groups)
            self.put(name + new, values, "num")
            if new == "_a":
                self.put(f"{name}_b", self.frame.evaluate(lambda d, n=name: d[n] + 1.0, self.frame.groups), "num")
        if new == "_a":
            return f"mutate(across({chosen}, list(a = ~ {text}, b = ~ .x + 1)))"
        given = ', .names = "{.col}_new"' if new else ""
        return f"mutate(across(c({', '.join(names)}), ~ {text}{given}))"

    def mutate_away(self) -> str:
        """A column is made, another taken away in the same call."""
        name, (text, of), kind = self.some(grouped=bool(self.frame.groups))
        self.put(name, self.frame.evaluate(of, self.frame.groups), kind)
        gone = self.name("num")
        if gone in (*KEYS, *self.frame.groups, name, "k"):
            raise StopError("a key")
        self._drop(gone)
        return f"mutate({name} = {self.plain(text)}, {gone} = NULL)"

    def group_more(self) -> str:
        if not self.frame.groups or "g" in self.frame.groups:
            raise StopError("no groups")
        add = self.random.random() < 0.7
        self.frame.groups = [*self.frame.groups, "g"] if add else ["g"]
        return "group_by(g, .add = TRUE)" if add else "group_by(g, .add = FALSE)"

    def ungroup(self) -> str:
        self.frame.groups = []
        return "ungroup()"

    def select_renamed(self) -> str:
        name, new = self.name("num"), f"v{self.count}"
        if name in (*KEYS, *self.frame.groups):
            raise StopError("a key")
        self.count += 1
        self._rename(name, new)
        kept = [n for n in self.frame.kinds if n != new]
        return f"select({', '.join(kept)}, {new} = {name})"

    def mutate_by(self) -> str:
        if self.frame.groups:
            raise StopError("groups")
        by = self.random.choice(["id", "g"])
        name, (text, of), kind = self.some(grouped=True)
        self.put(name, self.frame.evaluate(of, [by]), kind)
        return f"mutate({name} = {self.plain(text)}, .by = {by})"

    def group_by(self) -> str:
        self.frame.groups = self.random.choice([["id"], ["id"], ["id"], ["g"], ["t"], ["g", "t"], ["h"]])
        if not {*self.frame.groups} <= {*self.frame.columns}:
            raise StopError("no group")
        return f"group_by({', '.join(self.frame.groups)})"

    def filter(self) -> str:
        parts, tests = [], []
        for _ in range(self.random.choice([1, 1, 2])):
            self.grouped = bool(self.frame.groups)
            c, test = self.condition(self.random.choice([1, 1, 2]))
            parts.append(self.plain(c))
            tests.append(self.frame.evaluate(test, self.frame.groups) == 1)
        self.frame.take(np.flatnonzero(np.all(tests, axis=0)))
        return f"filter({', '.join(parts)})"

    def arrange(self) -> str:
        name = self.name("num")
        down = self.random.random() < 0.5
        self._sort([name], down=down)
        return f"arrange({f'desc({name})' if down else name})"

    def arrange_keys(self) -> str:
        down = self.random.random() < 0.15
        if down:
            self._sort(["t"], down=True)
            return "arrange(desc(t))"
        names = self.random.choice([["id", "t"], ["id", "t"], ["t"], ["g", "t"]])
        self._sort(names)
        return f"arrange({', '.join(names)})"

    def select(self) -> str:
        gone = self.name("num", "chr")
        if gone in KEYS or gone in self.frame.groups or gone in self.made[-1:] or gone in ("s", "w", "k"):
            raise StopError("a key")
        self._drop(gone)
        if self.random.random() < 0.3:
            return f"select({', '.join(self.frame.kinds)})"
        return self.random.choice([f"select(-{gone})", f"select(-c({gone}))"])

    def _drop(self, name: str) -> None:
        del self.frame.columns[name], self.frame.kinds[name]
        self.made = [one for one in self.made if one != name]

    def rename(self) -> str:
        name, new = self.name("num"), f"v{self.count}"
        if name in KEYS or name in self.frame.groups:
            raise StopError("a key")
        self.count += 1
        if self.random.random() < 0.2 and "u" not in self.frame.columns:
            new = "u"
        self._rename(name, new)
        return f"rename({new} = {name})"

    def drop_na(self) -> str:
        name = self.name("num", "chr")
        self.frame.take(np.flatnonzero(~missing(self.frame.columns[name])))
        return f"drop_na({name})"

    def distinct(self) -> str:
        names = self.random.choice([["id", "t"], ["g", "t"], ["id", "h"]])
        if not {*names} <= {*self.frame.columns}:
            raise StopError("no column")
        if not {*self.frame.groups} <= {*names}:
            raise StopError("groups")
        self.frame.take(np.sort([rows[0] for rows in self.frame.rows_by(names)]))
        return f"distinct({', '.join(names)}, .keep_all = TRUE)"

    def slice(self) -> str:
        text, of = self.random.choice(
            [
                ("slice(-1)", lambda rows: rows[1:]),
                ("slice_head(n = 4)", lambda rows: rows[:4]),
                ("filter(row_number() > 1)", lambda rows: rows[1:]),
                ("filter(n() > 4)", lambda rows: rows if len(rows) > 4 else rows[:0]),
            ]
        )
        if not self.frame.groups:
            if "slice_head" in text:
                raise StopError("too few")
            self.frame.take(of(np.arange(len(self.frame))))
            return text
        kept = [of(rows) for rows in self.frame.rows_by(self.frame.groups)]
        self.frame.take(np.sort(np.concatenate(kept)))
        return text

    def transmute(self) -> str:
        if self.random.random() < 0.6:
            raise StopError("rare")
        name, (text, of), kind = self.some(grouped=bool(self.frame.groups))
        values = self.frame.evaluate(of, self.frame.groups)
        kept = ["id", "t", "y", "k", "s", "g", "w"]
        kept += [n for n in self.frame.groups if n not in kept]
        kept = [n for n in kept if n in self.frame.columns and n != name]
        self.frame.columns = {n: self.frame.columns[n] for n in [*kept, "row"]}
        self.frame.kinds = {n: self.frame.kinds[n] for n in kept}
        self.put(name, values, kind)
        self.made = [name]
        return f"transmute({', '.join(kept)}, {name} = {self.plain(text)})"

    def left_join(self) -> str:
        """A table of groups of the frame as it is, which the frame then gets."""
        if self.frame.groups:
            raise StopError("groups")
        by = self.random.choice(["id", "g", "t"])
        name, of = f"v{self.count}", self.random.choice([n for n in ("x", "k") if n in self.frame.columns] or ["y"])
        if missing(self.frame.columns[by]).any():
            raise StopError("NA in keys")
        self.count += 1
        omits = self.random.random() < 0.6
        self.put(name, self.frame.evaluate(lambda d: summary("mean", d[of], omits=omits), [by]), "num")
        made = f"df %>% group_by({by}) %>% summarise({name} = mean({of}{', na.rm = TRUE' * omits}))"
        if self.random.random() < 0.5:
            return f'df <- df %>% left_join({made}, by = "{by}")'
        return f'a <- {made}\ndf <- left_join(df, a, by = "{by}")'

    # ---- data.table

    def _by(self) -> list[str]:
        names = self.random.choice([[], ["id"], ["id"], ["id"], ["g"], ["g", "t"], ["h"]])
        if not {*names} <= {*self.frame.columns}:
            raise StopError("no group")
        return names

    def _by_text(self, by: list[str]) -> str:
        if not by:
            return ""
        if len(by) == 1:
            return self.random.choice([f", by = {by[0]}", f', by = "{by[0]}"', f", by = .({by[0]})"])
        return self.random.choice([f", by = .({', '.join(by)})", ", by = c(" + ", ".join(f'"{b}"' for b in by) + ")"])

    def assign(self) -> str:
        by = self._by()
        name, (text, of), kind = self.some(grouped=bool(by))
        if name in by:
            raise StopError("a group")
        self.put(name, self.frame.evaluate(of, by), kind)
        return f"df[, {name} := {self.plain(text)}{self._by_text(by)}]"

    def assign_some(self) -> str:
        by = self._by()
        self.grouped = False
        c, test = self.condition(1)
        at = np.flatnonzero(self.frame.evaluate(test) == 1)
        name, (text, of), kind = self.some(grouped=bool(by))
        if kind != "num" or name in by or not len(at):
            raise StopError("kinds")
        old = self.frame.columns.get(name, np.full(len(self.frame), np.nan)).copy()
        old[at] = self.frame.evaluate(of, by, at)
        self.put(name, old, kind)
        return f"df[{self.plain(c)}, {name} := {self.plain(text)}{self._by_text(by)}]"

    def assign_ordered(self) -> str:
        name, (text, of), kind = self.some(grouped=True)
        names = self.random.choice([["id", "t"], ["t"]])
        at = np.array(sorted(range(len(self.frame)), key=lambda k: [self.frame.columns[n][k] for n in names]))
        found = self.frame.evaluate(of, ["id"], at)
        out = np.empty_like(found)
        out[at] = found
        self.put(name, out, kind)
        return f"df[order({', '.join(names)}), {name} := {self.plain(text)}, by = id]"

    def assign_two(self) -> str:
        by = self._by()
        first, second = self.some(grouped=bool(by)), self.some(grouped=bool(by))
        if first[0] == second[0] or {first[0], second[0]} & {*by}:
            raise StopError("twice")
        found = [self.frame.evaluate(of, by) for _, (_, of), _ in (first, second)]
        for (name, _, kind), values in zip((first, second), found, strict=True):
            self.put(name, values, kind)
        texts = [self.plain(one[1][0]) for one in (first, second)]
        if self.random.random() < 0.5:
            return f"df[, `:=`({first[0]} = {texts[0]}, {second[0]} = {texts[1]}){self._by_text(by)}]"
        return f'df[, c("{first[0]}", "{second[0]}") := .({texts[0]}, {texts[1]}){self._by_text(by)}]'

    def rows_of_table(self) -> str:
        self.grouped = False
        c, test = self.condition(2)
        self.frame.take(np.flatnonzero(self.frame.evaluate(test) == 1))
        return self.random.choice(["df <- df[{}]", "df <- df[{}, ]", "df <- subset(df, {})"]).format(self.plain(c))

    def set_order(self) -> str:
        names = self.random.choice([["id", "t"], ["id", "t"], ["t"], ["k"]])
        if "k" in names and ("k" not in self.frame.columns or missing(self.frame.columns["k"]).any()):
            raise StopError("no k")
        self._sort(names)
        return self.random.choice(["setorder(df, {})", "setkey(df, {})", "df <- df[order({})]"]).format(
            ", ".join(names)
        )

    def drop_table(self) -> str:
        name = self.name("num")
        if name in KEYS or name == "k" or name in self.made[-1:]:
            raise StopError("a key")
        self._drop(name)
        return f"df[, {name} := NULL]"

    def loop_table(self) -> str:
        names = self.random.sample([n for n in ("x", "k", "u", "h") if n in self.frame.columns], 2)
        for name in names:
            self.put(
                f"m_{name}", self.frame.evaluate(lambda d, n=name: summary("mean", d[n], omits=True), ["id"]), "num"
            )
        return (
            f'for (v in c("{names[0]}", "{names[1]}")) df[, (paste0("m_", v)) := mean(get(v), na.rm = TRUE), by = id]'
        )

    def join_table(self) -> str:
        by, name = self.random.choice(["id", "g", "t"]), f"v{self.count}"
        of = self.random.choice([n for n in ("x", "k") if n in self.frame.columns] or ["y"])
        self.count += 1
        if missing(self.frame.columns[by]).any():
            raise StopError("NA in keys")
        self.put(name, self.frame.evaluate(lambda d: summary("mean", d[of], omits=True), [by]), "num")
        self._sort([by])
        return f'a <- df[, .({name} = mean({of}, na.rm = TRUE)), by = {by}]\ndf <- merge(df, a, by = "{by}")'


def _quiet(of: Callable[[Vector], Vector], values: Vector) -> Vector:
    with np.errstate(all="ignore"):
        return of(values)


def script(seed: int) -> Script:
    """The first script of a seed's that R runs."""
    random = Random(seed)
    while True:
        try:
            return Script(random)
        except StopError:
            continue

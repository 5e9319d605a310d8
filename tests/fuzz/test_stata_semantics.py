"""Do-files drawn at random: what a draft takes over has the values and rows that Stata has, or it lists the line.

By hand, large: python tests/fuzz/test_stata_semantics.py SEED COUNT.
"""

from __future__ import annotations

import copy
import random
import sys
from functools import cache

import numpy as np
import polars as pl
import pytest
from small_stata import Frame, StopsError, execute, written
from specdid._draft import facts_of, read_code
from specdid._run.prepare import prepare
from specdid.language import LanguageError, bind, parse
from specdid.language.scope import Scope
from specdid.panel import EvaluationError, Evaluator

NUMBERS = ("k", "z", "w", "b", "g", "c", "t")
TEXTS = ("s", "v")


@cache
def data(seed: int):
    """A panel with gaps: whole numbers, decimals in double and in single precision, texts; cells are empty in most."""
    rng = np.random.default_rng(seed)
    pairs = [(i, t) for i in range(1, 13) for t in range(2000, 2008) if rng.random() > 0.12]
    if seed % 2:
        rng.shuffle(pairs)
    unit, time = (np.array(one, float) for one in zip(*pairs, strict=True))
    n = len(pairs)

    def gaps(x, share=0.15):
        return np.where(rng.random(n) < share, np.nan, x)

    with np.errstate(invalid="ignore"):
        w = gaps(rng.integers(-20, 40, n) / 10).astype(np.float32).astype(float)
    columns = {
        "id": unit, "t": time, "y": rng.normal(size=n), "k": gaps(rng.integers(-2, 6, n).astype(float)),
        "z": gaps(rng.integers(-30, 70, n) / 10), "w": w, "b": gaps(rng.integers(0, 2, n).astype(float), 0.1),
        "g": (unit % 4) if seed % 3 else gaps(unit % 4, 0.1), "c": rng.integers(1, 9, n).astype(float),
        "s": np.array([("", "a", "b", "ab ", "B")[j] for j in rng.integers(0, 5, n)], object),
        "v": np.array([("", "1", "2.5", "x", "10")[j] for j in rng.integers(0, 5, n)], object),
    }  # fmt: skip
    types = dict.fromkeys(columns, "byte") | {"y": "double", "z": "double", "w": "float", "t": "int"}
    types |= {"s": "str", "v": "str"}
    frame = pl.DataFrame(
        {k: pl.Series(k, x.tolist() if x.dtype == object else x).fill_nan(None) if x.dtype != object
         else pl.Series(k, [one or None for one in x]) for k, x in columns.items()}
    )  # fmt: skip
    study = {
        "study": {"unit": "id", "time": "t", "formula": "y ~ c + k + z + w + b + g + s + v | id"},
        "inference": {"draws": 0},
    }
    panel = prepare(study, frame).panel
    order = {pair: k for k, pair in enumerate(pairs)}
    rows = [order[i, t] for i, t in zip(panel.columns["id"].numbers, panel.columns["t"].numbers, strict=True)]
    back = np.argsort(rows)
    in_file_order = {name: column.take(back) for name, column in panel.columns.items()}
    made = Frame({**columns, "~id": unit.copy(), "~t": time.copy()}, {**types, "~id": "double", "~t": "double"})
    return made, panel, facts_of({name: in_file_order[name] for name in columns})


class Writer:
    """Draws statements; ``numbers`` and ``texts`` are the columns that it may name."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.numbers, self.texts, self.count, self.sets_panel = rng, [*NUMBERS], [*TEXTS], 0, False
        self.kinds = [0, 7, *rng.sample(range(50), rng.choice((5, 9, 14)))]
        """Those of this file alone: features meet more often than where every file has all."""

    def fresh(self) -> str:
        self.count += 1
        return f"n{self.count}"

    def number(self):
        return ("num", self.rng.choice(("0", "1", "2", "3", "0.5", "1.5", "2.3", "0.1", "4", "10")))

    def name(self):
        recent = self.numbers[-3:] if self.rng.random() < 0.5 else self.numbers
        return ("name", self.rng.choice(recent))

    def value(self, depth=2):
        r = self.rng
        if depth == 0 or r.random() < 0.25:
            if self.sets_panel and r.random() < 0.25:
                return ("series", r.choice(("L", "F", "D", "L2")), self.name()[1])
            return self.name() if r.random() < 0.75 else self.number()
        a, b = self.value(depth - 1), self.value(depth - 1)
        kind = r.randrange(16)
        if kind < 7:
            return ("op", r.choice("+-*/"), a, b if r.random() < 0.6 else self.number())
        if kind == 7:
            return ("neg", a)
        if kind == 8:
            return ("op", "^", self.name(), ("num", r.choice(("2", "0", "0.5"))))
        if kind == 9:
            one = r.choice(("ln", "exp", "sqrt", "abs", "floor", "ceil", "int", "sign", "round"))
            return ("call", one, ("name", r.choice("zwk")) if one == "exp" and {*"zwk"} <= {*self.numbers} else a)
        if kind == 10:
            return ("call", r.choice(("max", "min")), a, b)
        if kind == 11:
            return ("call", "mod", a, ("num", r.choice("23")))
        if kind == 12:
            return ("call", "cond", self.test(1), a, b)
        if kind == 13 and self.texts:
            return r.choice((("call", "real", self.text()), ("call", "strpos", self.text(), ("text", "b")),
                             ("call", "length", self.text())))  # fmt: skip
        return self.test(1) if kind < 15 else ("call", "cond", self.name(), a, (".",))

    def text(self):
        r = self.rng
        name = ("name", r.choice(self.texts))
        return r.choice((
            name, name, ("call", "upper", name), ("call", "trim", name), ("call", "lower", name),
            ("call", "substr", name, ("num", "1"), ("num", "1")), ("call", "substr", name, ("num", "2"), (".",)),
            ("op", "+", name, ("text", "q")), ("call", "string", ("name", "k")) if "k" in self.numbers else name,
        ))  # fmt: skip

    def test(self, depth=2):
        r = self.rng
        kind = r.randrange(16)
        if depth and kind < 5:
            return ("op", r.choice("&&|"), self.test(depth - 1), self.test(depth - 1))
        if depth and kind == 5:
            return ("not", self.test(depth - 1))
        if kind == 6:
            return ("not", self.name())
        if kind == 7:
            return self.name()
        if kind == 8:
            return ("call", r.choice(("missing", "mi")), *(self.name() for _ in range(r.choice((1, 1, 2)))))
        if kind == 9:
            return ("call", "inlist", self.name(), *(self.number() for _ in range(3)))
        if kind == 10:
            low, high = r.choice((("1", "3"), ("0", "2.5"), ("-1", "0")))
            ends = [("neg", ("num", low[1:])) if low[0] == "-" else ("num", low), ("num", high)]
            return (
                "call",
                "inrange",
                self.name(),
                r.choice((ends[0], ends[0], self.name())),
                r.choice((ends[1], (".",))),
            )
        if kind == 11:
            return ("op", r.choice(("==", "!=", ">=", "<")), self.name(), (".",))
        if kind in (12, 13) and self.texts:
            return (
                "op",
                r.choice(("==", "!=")),
                self.text(),
                r.choice((("text", "a"), ("text", ""), ("text", "B"), self.text())),
            )
        if kind == 14:
            return ("op", r.choice(("==", "!=", "<", ">", "<=", ">=")), self.value(1), self.value(1))
        return ("op", r.choice(("==", "!=", "<", ">", "<=", ">=")), self.name(), self.number())

    def maybe(self, share=0.35):
        return self.test() if self.rng.random() < share else None

    def spreading(self):
        """Draw a `replace` whose condition, or value, looks at other rows of its own column, or of another."""
        r = self.rng
        _, own = self.name()
        near = ("series", r.choice(("L", "L", "F", "D", "L2")), own if r.random() < 0.8 else self.name()[1])
        tests = (
            ("op", r.choice(("==", "!=", ">", "<=")), near, self.number()),
            ("call", "inlist", near, self.number(), ("num", "1")),
            ("op", r.choice(("==", "<")), near, (".",)), ("call", "missing", near), ("not", near), near,
        )  # fmt: skip
        when = r.choice(tests)
        if r.random() < 0.4:
            when = ("op", r.choice("&|"), *r.sample((when, self.test(1)), 2))
        return ("replace", own, r.choice((self.number(), (".",), near)), when, [], [])

    def group(self):
        return self.rng.choice((["id"], ["t"], ["g"], ["id"], ["g", "t"], ["k"], ["s"], ["b"]))

    def statement(self, depth=0):
        r = self.rng
        kind = r.choice([one for one in self.kinds if depth == 0 or one < 22])
        storage = r.choice(("", "", "", "", "double", "byte", "int", "float"))
        if kind < 6:
            new, node, when = self.fresh(), self.value(), self.maybe()
            self.numbers.append(new)
            return ("generate", storage, new, node, when, [], [])
        if kind == 6 and self.texts:
            new, node, when = self.fresh(), self.text(), self.maybe()
            self.texts.append(new)
            return ("generate", r.choice(("", "str2")), new, node, when, [], [])
        if kind < 10 and self.sets_panel and r.random() < 0.4:
            return self.spreading()
        if kind < 10:
            return (
                "replace",
                self.name()[1],
                r.choice((self.value(1), self.number(), (".",))),
                self.maybe(0.8),
                [],
                [],
            )
        if kind == 10 and self.texts:
            return (
                "replace",
                r.choice(self.texts),
                r.choice((("text", ""), ("text", "a"), self.text())),
                self.maybe(0.9),
                [],
                [],
            )
        if kind < 14:
            one = r.choice(("mean", "total", "max", "min", "count", "sd", "median", "mean", "max"))
            node, when = r.choice((self.name(), self.value(1), self.test(1))), self.maybe(0.25)
            new = self.fresh()
            self.numbers.append(new)
            by = r.choice(([], self.group(), self.group()))
            return ("egen", r.choice(("", "", "double")), new, one, node, when, by, r.random() < 0.5)
        if kind == 14:
            one = r.choice(
                ("group", "tag", "rowmean", "rowtotal", "rowmiss", "rowmax", "rowmin", "rownonmiss", "anymatch")
            )
            names = r.sample(self.numbers, 2)
            new = self.fresh()
            self.numbers.append(new)
            return ("egen_names", new, one, names, "values(1 2)" if one == "anymatch" else "")
        if kind == 15:
            new, x = self.fresh(), self.name()[1]
            self.numbers.append(new)
            return r.choice((
                ("cut", new, x, ["0", "1", "3", "5"]), ("xtile", new, x, r.choice("234"), self.maybe(0.3)),
                ("clonevar", new, x),
                ("left", new, x, self.maybe(), r.choice(("mean", "max", "min", "sd", "p50", "N", "sum")),
                 r.choice(("", "", "local", "scalar"))),
            ))  # fmt: skip
        if kind == 16:
            rules = r.choice((
                [["1", "2"], ["2", "1"]], [["min/0", "0"], ["1/3", "1"], ["else", "2"]], [[".", "0"]], [["0", "."]],
                [["1 2", "5"], ["missing", "9"]], [["nonmissing", "1"], ["missing", "0"]], [["3/max", "3"]],
                [["1/2", "0.5"], ["2/4", "7"], ["*", "."]],
            ))  # fmt: skip
            name, made = self.name()[1], []
            if r.random() < 0.6:
                made = [self.fresh()]
                self.numbers += made
            return ("recode", [name], rules, made)
        if kind == 17 and self.texts:
            new, x = self.fresh(), r.choice(self.texts)
            self.numbers.append(new)
            return r.choice((("encode", x, new), ("destring", x, new)))
        if kind == 18:
            return (r.choice(("mvdecode", "mvencode")), self.name()[1], r.choice("01"))
        if kind < 22:
            return (r.choice(("keep", "drop", "drop")), self.test(1), [], [])
        if kind == 22:
            old = r.choice([n for n in self.numbers if n != "t"])
            new = self.fresh() if r.random() < 0.8 else "z" if "z" not in self.numbers else self.fresh()
            self.numbers[self.numbers.index(old)] = new
            return ("rename", [[old, new]])
        if kind == 23:
            old = r.choice([n for n in self.numbers if n != "t"])
            self.numbers.remove(old)
            return ("columns", "drop", [old])
        if kind == 24:
            by, order = r.choice(((["id"], ["t"]), (["g"], ["id", "t"])))
            return r.choice((("keep", ("op", r.choice(("==", ">")), ("_n",), ("num", "1")), by, order),
                             ("drop", ("op", "<", ("_N",), ("num", r.choice(("4", "6")))), by, order)))  # fmt: skip
        if kind == 25:
            return ("in", r.choice(("drop", "keep")), r.choice("13"), r.choice(("20", "50", "60")))
        if kind == 26:
            new, x = self.fresh(), self.name()[1]
            self.numbers.append(new)
            node = r.choice(
                (("at", x, -1), ("_n",), ("_N",), ("call", "sum", ("name", x)), ("op", "-", ("name", x), ("at", x, -1)))
            )
            by, order = r.choice(((["id"], ["t"]), (["id"], ["t"]), ([], [])))
            return ("generate", storage, new, node, None, by, order)
        if kind == 27:
            self.sets_panel = True
            return ("xtset", "id", "t")
        if kind == 28:
            before = [*self.numbers], [*self.texts]
            inner = [self.statement(1) for _ in range(r.choice((1, 2)))]
            self.numbers, self.texts = before
            return ("preserved", inner)
        if kind == 29:
            new, x = self.fresh(), self.name()[1]
            self.numbers.append(new)
            return ("merged", new, r.choice(("mean", "max", "count")), x, r.choice((["g"], ["id"], ["t"])))
        if kind in (30, 31):
            names = r.sample(self.numbers, 2)
            stem = self.fresh()
            if r.random() < 0.5:
                self.numbers += [f"{stem}{x}" for x in names]
                inner = [
                    (
                        "generate",
                        "",
                        f"{stem}`v'",
                        ("op", r.choice("+*"), ("name", "`v'"), self.value(1)),
                        self.maybe(),
                        [],
                        [],
                    )
                ]
            else:
                inner = [("replace", "`v'", r.choice((self.number(), self.value(1))), self.test(1), [], [])]
            head = r.choice((f"in {' '.join(names)}", f"of varlist {' '.join(names)}"))
            return ("foreach", "v", head, inner, names)
        if kind == 32:
            stem = self.fresh()
            self.numbers += [f"{stem}{j}" for j in (1, 2)]
            test = ("op", r.choice(("==", ">=", ">")), self.name(), ("num", "`j'"))
            return (
                "forvalues",
                "j",
                "1/2",
                [("generate", r.choice(("", "byte")), f"{stem}`j'", test, self.maybe(), [], [])],
                ["1", "2"],
            )
        if kind == 34:
            return ("quietly", [self.statement(1), self.statement(1)])
        if kind == 35:
            before = [*self.numbers], [*self.texts]
            holds = r.choice((("1", True), ("`h' > 1", True), ("`h' == 30", False), ('"`m\'" == "q"', False)))
            inner, self.numbers, self.texts = [self.statement(1)], *map(list, before)
            others = [self.statement(1)] if r.random() < 0.5 else []
            self.numbers, self.texts = before
            return ("if", holds, inner, others)
        if kind == 36:
            made = [n for n in self.numbers if n != "t"]
            return ("anew", r.choice(made), self.value())
        if kind == 37:
            self.used = self.regression()
            return self.used
        if kind == 38:
            kept = r.sample(self.numbers, max(1, len(self.numbers) - 2))
            gone = {*self.numbers} - {*kept, "t"}
            self.numbers = [n for n in self.numbers if n not in gone]
            return ("columns", "keep", ["id", "t", "y", *(n for n in self.numbers[1:] if n != "t"), *self.texts])
        if kind == 39:
            name, sign, number = r.choice((("t", "-", "1999"), ("t", "/", "2"), ("id", "+", "1")))
            when = self.maybe(0.2) if name == "id" else None
            return ("replace", name, ("op", sign, ("name", name), ("num", number)), when, [], [])
        if kind == 40:
            stem = r.choice(("n*", "n1*", "z*"))
            inner = [("replace", "`v'", r.choice((self.number(), self.value(1))), self.test(1), [], [])]
            return ("columns_loop", stem, [], inner)
        if kind == 41:
            if r.random() < 0.5:
                return ("step", "h")
            new = self.fresh()
            self.numbers.append(new)
            return ("stepped", new, self.name()[1], r.choice(("++h", "h++")))
        if kind == 42:
            new = self.fresh()
            self.numbers.append(new)
            return (
                "generate",
                storage,
                new,
                ("op", r.choice(("==", "*", "+", ">")), self.name(), ("num", "`h'")),
                None,
                [],
                [],
            )
        if kind == 43:
            stem = self.fresh()
            self.numbers += [f"{stem}{j}" for j in (1, 2)]
            test = ("op", r.choice(("==", ">=", ">")), ("name", "c"), ("num", "`v'"))
            made = ("generate", r.choice(("", "byte")), f"{stem}`v'", test, self.maybe(), [], [])
            return ("levels", r.choice(("c", "b", "c", "g")), "lev", [made])
        if kind == 44:
            new = self.fresh()
            self.numbers.append(new)
            return ("split", self.test(1), new, self.name()[1])
        if kind == 45:
            name = r.choice("pq")
            self.numbers = [n for n in self.numbers if n != f"`{name}'"] + [f"`{name}'"]
            return r.choice(
                (
                    (
                        "quietly",
                        [("tempvar", name), ("generate", storage, f"`{name}'", self.value(), self.maybe(), [], [])],
                    ),
                )
            )
        if kind == 46:
            a, b = r.sample([n for n in self.numbers if n != "t"], 2)
            return ("rename", [[a, b], [b, a]])
        if kind == 47 and self.texts:
            new, x = self.fresh(), r.choice(self.texts)
            self.numbers.append(new)
            tests = [("call", "inlist", ("name", x), ("text", "a"), ("text", r.choice(("", "b")))),
                     ("op", r.choice("<>"), ("name", x), ("text", "a")), ("call", "missing", ("name", x))]  # fmt: skip
            return ("generate", storage, new, r.choice(tests), self.maybe(), [], [])
        if kind == 48:
            new = self.fresh()
            self.numbers.append(new)
            when = ("call", "cond", self.test(1), ("name", "t"), (".",))
            return ("egen", "", new, r.choice(("min", "max")), when, None, r.choice((["id"], ["g"])), True)
        if kind == 49:
            new = self.fresh()
            self.numbers.append(new)
            x = self.name()
            return ("generate", storage, new, r.choice((
                ("op", "-", ("name", "t"), x), ("op", "&", ("op", ">=", ("name", "t"), x), ("op", "<", x, (".",))),
                ("op", ">=", ("name", "t"), x),
            )), None, [], [])  # fmt: skip
        new = self.fresh()
        self.numbers.append(new)
        return ("generate", "", new, ("op", "*", self.name(), ("name", "`m'")), None, [], [])

    def regression(self):
        r = self.rng
        names = [n for n in self.numbers if n not in ("id", "t")] or ["c"]
        terms = [*dict.fromkeys([*names[-2:], r.choice(names)])]
        if self.sets_panel and r.random() < 0.3:
            terms.append(f"{r.choice('LFD')}.{r.choice(names)}")
        if r.random() < 0.15 and len(names) > 1:
            terms.append("c.{}#c.{}".format(*r.sample(names, 2)))
        return ("regression", terms, self.maybe(0.5), "c" if r.random() < 0.1 and "c" in names else "")


def drawn(seed: int):
    """Draw a do-file: its data, and its statements."""
    rng = random.Random(seed)
    writer = Writer(rng)
    statements = [("local", "m", rng.choice(NUMBERS[:4]))]
    if rng.random() < 0.6:
        statements.append(("xtset", "id", "t"))
        writer.sets_panel = True
    statements.append(("local", "h", "2"))
    statements += [writer.statement() for _ in range(rng.randint(2, 9))]
    statements.append(writer.regression())
    return rng.randrange(6), statements


def code_of(statements) -> str:
    return "\n".join(["use panel.dta, clear", *(line for one in statements for line in written(one)), ""])


def of_stata(case):
    """Return what Stata regresses on, by unit and time, of every regression; None where it stops."""
    at, statements = case
    frame = copy.deepcopy(data(at)[0])
    try:
        macros: dict = {}
        for one in statements:
            execute(one, frame, macros)
    except StopsError:
        return None
    return [*frame.saved.values()]


def of_draft(case):
    """Return what the draft regresses on by the regression's number, without those that it lists or lacks data for."""
    at, statements = case
    _, panel, facts = data(at)
    code = code_of(statements)
    read = read_code(code, ".do", facts)
    lines = [k for k, line in enumerate(code.splitlines(), 1) if line.lstrip().startswith("reghdfe")]
    evaluator, scope = Evaluator(panel), Scope.of(panel.columns)
    try:
        for name, text in read.derived.items():
            scope = scope.define(name, parse(text))
    except LanguageError:  # it builds on a column that the draft asks for
        return {}
    if {"unit", "time"} & {*read.comments} or (
        read.unit not in ("id", None) or read.time not in ("t", None)
    ):  # it asks for them
        return {}
    found = {}
    for r in read.regressions:
        try:
            columns = [numbers_of(evaluator, text, scope) for text in (r.outcome, *r.terms)]
            rows = evaluator.condition(bind(parse(r.condition), scope))
            rows &= evaluator.codes((bind(parse("id"), scope),)) >= 0
            if r.weights != "1":
                rows &= evaluator.numbers(bind(parse(r.weights), scope)) > 0
            for effect in (*r.effects.split(" + "), r.vcov.removeprefix("~")):
                rows = rows & (evaluator.codes((bind(parse(effect), scope),)) >= 0)
        except (LanguageError, EvaluationError):
            continue
        rows = rows & np.isfinite(columns).all(axis=0)
        keys = zip(panel.columns["id"].numbers, panel.columns["t"].numbers, strict=True)
        found[lines.index(r.line)] = {
            key: values for key, ok, values in zip(keys, rows, np.array(columns).T, strict=True) if ok
        }
    return found


def numbers_of(evaluator, text, scope):
    found = np.ones(evaluator.panel.n_rows)
    for part in text.split(":"):
        found = found * evaluator.numbers(bind(parse(part), scope))
    return found


def differs(case) -> str:
    """Say what is wrong in silence, "" where nothing is."""
    in_stata = of_stata(case)
    if in_stata is None:
        return ""
    for number, draft_has in of_draft(case).items():
        stata_has = in_stata[number]
        if {*stata_has} != {*draft_has}:
            both = len({*stata_has} & {*draft_has})
            return f"regression {number}: {len(stata_has)} rows in Stata, {len(draft_has)} in the draft, {both} common"
        for key, values in stata_has.items():
            if not np.allclose(values, draft_has[key], rtol=2e-5, atol=2e-6):
                return f"regression {number}, {key}: {values} in Stata, {draft_has[key]} in the draft"
    return ""


def smaller(case):
    """Leave out statements, blocks around them and terms as long as it stays wrong."""
    at, statements = case
    again = True
    while again:
        again = False
        tries = [statements[:k] + statements[k + 1 :] for k in range(len(statements))]
        for k, one in enumerate(statements):
            if one[0] in ("preserved", "quietly"):
                tries += [[*statements[:k], *one[1], *statements[k + 1 :]]]
            if one[0] == "regression":
                _, terms, condition, weight = one
                less = [
                    ("regression", terms[:j] + terms[j + 1 :], condition, weight)
                    for j in range(len(terms))
                    if terms[1:]
                ]
                less += [("regression", terms, None, weight)] * bool(condition) + [
                    ("regression", terms, condition, "")
                ] * bool(weight)
                tries += [[*statements[:k], new, *statements[k + 1 :]] for new in less]
            if one[0] == "generate" and one[4] is not None:
                tries += [[*statements[:k], (*one[:4], None, *one[5:]), *statements[k + 1 :]]]
        for one in tries:
            if differs((at, one)):
                statements, again = one, True
                break
    return at, statements


def report(seed: int) -> str:
    case = drawn(seed)
    told = differs(case)
    if not told:
        return ""
    case = smaller(case)
    code = code_of(case[1])
    found = read_code(code, ".do", data(case[0])[2])
    made = "\n".join(f"{k} = {v}" for k, v in found.derived.items())
    rows = [(r.line, r.condition) for r in found.regressions]
    return f"seed {seed}, data {case[0]}: {differs(case)}\n{code}{made}\n{rows}\n{found.skipped}\n"


@pytest.mark.parametrize("seed", range(0, 200, 100))
def test_a_draft_is_right_or_says_what_it_lacks(seed):
    wrong = [told for k in range(seed, seed + 100) if (told := report(k))]
    assert not wrong, "\n".join(wrong)


UNKNOWN = {
    "value": (
        "ereplace {x} = mean({x}), by(id)", "fillmissing {x}, with(previous)", "xfill {x}, i(id)", "mine {x}",
        "for var {x}: replace X = 0 if X == .", "bysort id: mine {x}, opt(2)", "capture noisily mine {x} if t > 2003",
        "quietly mine, var({x})", 'mata: st_store(., "{x}", 1)', "python: go()", "do other.do", "mine", "run more.do",
        "if c(N) > 1 mine {x}", "mata {\nst_store()\n}", "mata\nst_store()\nend",
    ),
    "rows": ("gduplicates drop id t, force", "mine", "fmerge 1:1 id t using o", "do other.do", "set obs 900", "mine c"),
}  # fmt: skip
"""Commands that no list has, by what they do here."""


def with_unknown(seed: int):
    """Draw a do-file, and put commands of which nothing is known between its statements."""
    rng = random.Random(seed)
    at, statements = drawn(seed)
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.choice(("value", "value", "rows"))
        x = rng.choice("kzwc")
        plus = ("replace", x, ("op", "+", ("op", "*", ("name", x), ("name", x)), ("num", "1")), None, [], [])
        some = ("drop", ("op", rng.choice(("==", ">")), ("name", "c"), ("num", "4")), [], [])
        text = rng.choice(UNKNOWN[kind]).replace("{x}", x)
        statement = ("unknown", text, [plus if kind == "value" else some])
        place = rng.randint(2, len(statements) - 1)
        statements = [*statements[:place], statement, *statements[place:]]
    return at, statements


@pytest.mark.parametrize("seed", range(0, 300, 100))
def test_no_command_is_thought_to_change_nothing(seed):
    wrong = []
    for k in range(seed, seed + 100):
        case = with_unknown(k)
        if told := differs(case):
            wrong.append(f"seed {k}: {told}\n{code_of(case[1])}")
        listed = {line for line, *_ in read_code(code_of(case[1]), ".do", data(case[0])[2]).skipped}
        at = 2
        for one in case[1]:
            if one[0] == "unknown" and at not in listed:
                wrong.append(f"seed {k}: {one[1]} is not listed\n{code_of(case[1])}")
            at += sum(line.count("\n") + 1 for line in written(one))
    assert not wrong, "\n".join(wrong)


def test_some_drafts_are_whole():
    cases = [drawn(seed) for seed in range(100)]
    whole = [case for case in cases if of_stata(case) is not None and of_draft(case)]
    assert len(whole) >= 20


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:3])
    sums = {"wrong": 0, "stops": 0, "taken": 0, "told": 0}
    for seed in range(first, first + count):
        case = drawn(seed)
        mine = of_stata(case)
        theirs = of_draft(case)
        sums["stops" if mine is None else "taken" if theirs else "told"] += 1
        if mine is not None and (told := report(seed)):
            sums["wrong"] += 1
            print(told, flush=True)
    print(sums)

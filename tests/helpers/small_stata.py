"""Stata's data semantics in numpy, of statements that are generated as trees; it shares no code with specdid.

Numbers are float64 with NaN for ``.``, which compares as larger than any number; texts are objects with ``""`` missing.
Statements are tuples: :func:`written` gives what stands in a do-file, :func:`execute` what Stata does to its data.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from functools import partial

import numpy as np

POWERS = {
    "|": 1,
    "&": 2,
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), 3),
    "+": 4,
    "-": 4,
    "*": 5,
    "/": 5,
    "^": 7,
}
RANGES = {"byte": (-127, 100), "int": (-32_767, 32_740), "long": (-2_147_483_647, 2_147_483_620)}


class StopsError(Exception):
    """Stata stops here: the do-file is none that somebody has."""


@dataclass
class Frame:
    """The data: values of every column, its type, what lags are along, and what `preserve` and `save` have kept."""

    values: dict
    types: dict
    panel: tuple = ()
    kept: list = field(default_factory=list)
    saved: dict = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(next(iter(self.values.values())))

    def take(self, rows) -> None:
        self.values = {name: one[rows] for name, one in self.values.items()}


# Expressions: ("num", text), ("text", s), (".",), ("name", x), ("series", "L", x), ("at", x, k), ("_n",), ("_N",),
# ("not", a), ("neg", a), ("op", sign, a, b), ("call", name, *arguments)


def shown(node, around=0) -> str:
    match node:
        case ("num", text):
            return text
        case ("text", text):
            return f'"{text}"'
        case (".",) | ("_n",) | ("_N",):
            return node[0]
        case ("name", name):
            return name
        case ("series", operator, name):
            return f"{operator}.{name}"
        case ("at", name, k):
            return f"{name}[_n{k:+d}]"
        case ("not", a):
            return f"!{shown(a, 9)}"
        case ("neg", a):
            text = f"-{shown(a, 7)}"
            return f"({text})" if around > 4 else text
        case ("op", sign, a, b):
            power = POWERS[sign]
            text = f"{shown(a, power)} {sign} {shown(b, power + 1)}"
            return f"({text})" if power < around or power == around == 3 else text
        case ("call", name, *given):
            return f"{name}({', '.join(map(shown, given))})"
    raise AssertionError(node)


def is_text(values) -> bool:
    return values.dtype == object


def finite(values):
    return np.where(np.isfinite(values) & (np.abs(values) < 8.9e307), values, np.nan)


def truth(values):
    if is_text(values):
        raise StopsError("type mismatch")
    return np.isnan(values) | (values != 0)


def groups_of(frame, by):
    """Number the groups, missing values being a group of their own."""
    if not by:
        return np.zeros(frame.n, int)
    codes = [np.unique(high(column(frame, name)), return_inverse=True)[1].reshape(-1) for name in by]
    return np.unique(np.stack(codes), axis=1, return_inverse=True)[1].reshape(-1)


def high(values):
    return values if is_text(values) else np.where(np.isnan(values), np.inf, values)


def places(group):
    """Number the rows of every group from 1 in their order."""
    found, seen = np.zeros(len(group), int), {}
    for k, one in enumerate(group.tolist()):
        seen[one] = found[k] = seen.get(one, 0) + 1
    return found


def shifted(frame, name, by_periods):
    if not frame.panel:
        raise StopsError("no xtset")
    unit, time = (frame.values[one] for one in frame.panel)
    at = {pair: k for k, pair in enumerate(zip(unit.tolist(), time.tolist(), strict=True))}
    if len(at) < frame.n:
        raise StopsError("repeated time values")
    values = column(frame, name)
    if is_text(values):
        raise StopsError("type mismatch")
    rows = [at.get((u, t - by_periods)) for u, t in zip(unit.tolist(), time.tolist(), strict=True)]
    return np.array([np.nan if k is None else values[k] for k in rows], float)


def column(frame, name):
    if name not in frame.values:
        raise StopsError(f"{name} not found")
    return frame.values[name]


def value(node, frame, by=()):
    n = frame.n
    match node:
        case ("num", text):
            try:
                return np.full(n, float(text))
            except ValueError:
                raise StopsError("no number") from None
        case ("text", text):
            return np.array([text] * n, object)
        case (".",):
            return np.full(n, np.nan)
        case ("name", name):
            return column(frame, name)
        case ("series", operator, name):
            k = int(operator[1:] or 1)
            if operator[0] == "D":
                return finite(column(frame, name) - shifted(frame, name, 1))
            return shifted(frame, name, k if operator[0] == "L" else -k)
        case ("_n",):
            return places(groups_of(frame, by)).astype(float)
        case ("_N",):
            group = groups_of(frame, by)
            return np.bincount(group)[group].astype(float)
        case ("at", name, k):
            group, values = groups_of(frame, by), column(frame, name)
            place = places(group)
            at = {pair: row for row, pair in enumerate(zip(group.tolist(), place.tolist(), strict=True))}
            empty = "" if is_text(values) else np.nan
            rows = [at.get((g, p + k)) for g, p in zip(group.tolist(), place.tolist(), strict=True)]
            return np.array([empty if row is None else values[row] for row in rows], values.dtype)
        case ("not", a):
            return (~truth(value(a, frame, by))).astype(float)
        case ("neg", a):
            return -value(a, frame, by)
        case ("op", sign, a, b):
            return operation(sign, value(a, frame, by), value(b, frame, by))
        case ("call", "sum", a):
            x, group = np.nan_to_num(value(a, frame, by)), groups_of(frame, by)
            out, total = np.zeros(n), {}
            for k, one in enumerate(group.tolist()):
                total[one] = out[k] = total.get(one, 0.0) + x[k]
            return out
        case ("call", name, *given):
            return function(name, [value(one, frame, by) for one in given], given)
    raise AssertionError(node)


def operation(sign, a, b):
    if is_text(a) != is_text(b):
        raise StopsError("type mismatch")
    if sign in "&|":
        return (truth(a) & truth(b) if sign == "&" else truth(a) | truth(b)).astype(float)
    if is_text(a):
        if sign == "+":
            return np.array([x + y for x, y in zip(a, b, strict=True)], object)
        if sign not in ("==", "!=", "<", "<=", ">", ">="):
            raise StopsError("type mismatch")
    if sign in ("==", "!=", "<", "<=", ">", ">="):
        a, b = high(a), high(b)
        found = {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[sign]
        return found.astype(float)
    with np.errstate(all="ignore"):
        if sign == "^":
            return finite(np.where(np.isnan(a) | np.isnan(b), np.nan, np.power(a, b)))
        return finite({"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}[sign](a, b))


def number_text(x):
    return "." if np.isnan(x) else f"{x:.7g}".replace("0.", ".", 1) if 0 < abs(x) < 1 else f"{x:.7g}"


def as_number(text):
    return float(text) if re.fullmatch(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*", text) else np.nan


def texts(made):
    return np.array(list(made), object)


def function(name, given, nodes):
    a = given[0]
    of_texts = ("substr", "strpos", "upper", "lower", "trim", "real", "strlen", "length")
    free = ("missing", "mi", "inlist", "cond", "inrange")
    if name not in free and is_text(a) != (name in of_texts):
        raise StopsError("type mismatch")
    with np.errstate(all="ignore"):
        match name:
            case "ln" | "log":
                return finite(np.log(a))
            case "exp":
                return finite(np.exp(a))
            case "sqrt":
                return finite(np.sqrt(a))
            case "abs":
                return np.abs(a)
            case "floor":
                return np.floor(a)
            case "ceil":
                return np.ceil(a)
            case "int":
                return np.trunc(a)
            case "sign":
                return np.sign(a)
            case "round":
                unit = given[1] if len(given) > 1 else np.ones(len(a))
                return finite(np.floor(a / unit + 0.5) * unit)
            case "mod":
                b = given[1]
                return finite(np.where(b > 0, a - b * np.floor(a / np.where(b > 0, b, 1)), np.nan))
            case "float":
                return a.astype(np.float32).astype(float)
            case "max":
                return np.fmax.reduce(given)
            case "min":
                return np.fmin.reduce(given)
            case "missing" | "mi":
                return np.any([x == "" if is_text(x) else np.isnan(x) for x in given], axis=0).astype(float)
            case "cond":
                if is_text(given[1]) != is_text(given[2]):
                    raise StopsError("type mismatch")
                return np.where(truth(a), given[1], given[2])
            case "inlist":
                return np.any([operation("==", a, x) for x in given[1:]], axis=0).astype(float)
            case "inrange":
                low, highest = given[1:]
                if is_text(a):
                    raise StopsError("not generated")
                found = (np.isnan(low) | (a >= low)) & (np.isnan(highest) | (a <= highest)) & ~np.isnan(a)
                return found.astype(float)
            case "substr":
                out = []
                for s, k, m in zip(a, given[1], given[2], strict=True):
                    k = int(k) + (len(s) + 1 if k < 0 else 0)
                    part = "" if k < 1 else s[k - 1 :] if np.isnan(m) else s[k - 1 : k - 1 + int(m)]
                    out.append(part)
                return texts(out)
            case "strpos":
                return np.array([s.find(x) + 1 for s, x in zip(a, given[1], strict=True)], float)
            case "upper":
                return texts(s.upper() for s in a)
            case "lower":
                return texts(s.lower() for s in a)
            case "trim":
                return texts(s.strip(" ") for s in a)
            case "strlen" | "length":
                return np.array([len(s) for s in a], float)
            case "real":
                return np.array([as_number(s) for s in a])
            case "string":
                return texts(map(number_text, a))
    raise AssertionError(name)


def stored(values, kind):
    """Return values as a type of storage holds them."""
    if is_text(values) or kind.startswith("str"):
        if not is_text(values):
            raise StopsError("type mismatch")
        width = kind[3:]
        return texts(s[: int(width)] for s in values) if width.isdigit() else values
    if kind == "float":
        with np.errstate(over="ignore"):
            return np.where(np.abs(values) > 1.701e38, np.nan, values.astype(np.float32).astype(float))
    if kind == "double":
        return values
    low, most = RANGES[kind]
    cut = np.trunc(values)
    with np.errstate(invalid="ignore"):
        return np.where((cut < low) | (cut > most), np.nan, cut)


def holding(kind, values):
    """Return the type that `replace` makes of one, so that it holds what it is given."""
    known = values[~np.isnan(values)]
    if kind in ("float", "double") or not known.size:
        return kind
    if (known != np.trunc(known)).any():
        return "double" if kind == "long" else "float"
    for one in ("byte", "int", "long"):
        low, most = RANGES[one]
        if [*RANGES].index(one) >= [*RANGES].index(kind) and low <= known.min() and known.max() <= most:
            return one
    return "double"


def quantiles(x, shares):
    """Return percentiles as `_pctile` has them: the mean of two where the rank is whole."""
    x = np.sort(x[~np.isnan(x)])
    out = []
    for share in shares:
        rank = len(x) * share
        whole = abs(rank - round(rank)) < 1e-9
        k = round(rank) if whole else int(np.ceil(rank))
        out.append(np.nan if not len(x) else (x[k - 1] + x[min(k, len(x) - 1)]) / 2 if whole else x[k - 1])
    return out


def over_groups(name, x, group, rows):
    """Return egen's functions of a column, by group."""
    out = np.full(len(x), np.nan)
    for one in np.unique(group[rows]):
        mine = rows & (group == one)
        known = x[mine & ~np.isnan(x)]
        k = len(known)
        if name in ("total", "sum", "count"):
            out[mine] = k if name == "count" else known.sum()
        elif k > (name == "sd"):
            found = {"mean": known.mean, "max": known.max, "min": known.min}
            found |= {"sd": partial(known.std, ddof=1), "median": lambda known=known: quantiles(known, [0.5])[0]}
            out[mine] = found[name]()
    return out


def sort(frame, names):
    keys = [np.unique(high(column(frame, n)), return_inverse=True)[1].reshape(-1) for n in reversed(names)]
    frame.take(np.lexsort(keys))


def chosen(frame, condition, by=()):
    return np.ones(frame.n, bool) if condition is None else truth(value(condition, frame, by))


def make(frame, name, values, kind):
    if name in frame.values:
        raise StopsError(f"{name} already defined")
    frame.values[name] = stored(values, kind)
    frame.types[name] = "str" if is_text(values) else kind


def new_names(frame, pairs):
    for old, _ in pairs:
        column(frame, old)
    to = dict(map(tuple, pairs))
    if any(new in frame.values and new not in to for new in to.values()):
        raise StopsError("already defined")
    frame.values = {to.get(k, k): v for k, v in frame.values.items()}
    frame.types = {to.get(k, k): v for k, v in frame.types.items()}
    frame.panel = tuple(to.get(one, one) for one in frame.panel)


# Statements: (command, its parts …); of `generate` the storage is "" where none is written.


def behind(condition):
    return "" if condition is None else f" if {shown(condition)}"


def prefix(by, order):
    return f"bysort {' '.join(by)}{f' ({chr(32).join(order)})' if order else ''}: " if by else ""


def written(statement) -> list[str]:
    match statement:
        case ("generate", kind, name, node, condition, by, order):
            return [f"{prefix(by, order)}gen {kind}{' ' * bool(kind)}{name} = {shown(node)}{behind(condition)}"]
        case ("replace", name, node, condition, by, order):
            return [f"{prefix(by, order)}replace {name} = {shown(node)}{behind(condition)}"]
        case ("egen", kind, name, function_, node, condition, by, style):
            head = f"egen {kind}{' ' * bool(kind)}{name} = {function_}({shown(node)}){behind(condition)}"
            return [f"{head}, by({' '.join(by)})" if by and style else f"{prefix(by, ())}{head}"]
        case ("egen_names", name, function_, names, options):
            return [f"egen {name} = {function_}({' '.join(names)}){options and ', ' + options}"]
        case ("cut", name, x, ends):
            return [f"egen {name} = cut({x}), at({' '.join(ends)})"]
        case ("keep" | "drop" as command, condition, by, order):
            return [f"{prefix(by, order)}{command} if {shown(condition)}"]
        case ("in", command, first, last):
            return [f"{command} in {first}/{last}"]
        case ("columns", command, names):
            return [f"{command} {' '.join(names)}"]
        case ("recode", names, rules, made):
            rule = " ".join(f"({before} = {after})" for before, after in rules)
            return [f"recode {' '.join(names)} {rule}{f', gen({chr(32).join(made)})' if made else ''}"]
        case ("rename", pairs):
            if len(pairs) == 1:
                return [f"rename {pairs[0][0]} {pairs[0][1]}"]
            return [f"rename ({' '.join(a for a, _ in pairs)}) ({' '.join(b for _, b in pairs)})"]
        case ("encode", x, name):
            return [f"encode {x}, gen({name})"]
        case ("decode", x, name):
            return [f"decode {x}, gen({name})"]
        case ("destring", x, name):
            return [f"destring {x}, {f'gen({name})' if name else 'replace'} force"]
        case ("tostring", x, name):
            return [f"tostring {x}, gen({name})"]
        case ("xtile", name, x, k, condition):
            return [f"xtile {name} = {x}{behind(condition)}, nq({k})"]
        case ("sort", names):
            return [f"sort {' '.join(names)}"]
        case ("xtset", unit, time):
            return [f"xtset {unit} {time}"]
        case ("clonevar", name, x):
            return [f"clonevar {name} = {x}"]
        case ("unknown", text, _):
            return [text]
        case ("mvdecode", x, number):
            return [f"mvdecode {x}, mv({number})"]
        case ("mvencode", x, number):
            return [f"mvencode {x}, mv({number}) override"]
        case ("left", name, x, condition, stat, through):
            rows = f" if {shown(condition)}" if condition else ""
            result, between = {
                "": (f"r({stat})", []), "local": ("`left'", [f"local left = r({stat})"]),
                "scalar": ("left_one", [f"scalar left_one = r({stat})"]),
            }[through]  # fmt: skip
            return [f"qui sum {x}{rows}, detail", *between, f"gen {name} = {x} - {result}"]
        case ("preserved", inner):
            return ["preserve", *(line for one in inner for line in written(one)), "restore"]
        case ("merged", name, function_, x, by):
            return [
                "preserve", f"collapse ({function_}) {name} = {x}, by({' '.join(by)})", f"save tmp_{name}, replace",
                "restore", f"merge m:1 {' '.join(by)} using tmp_{name}, nogen",
            ]  # fmt: skip
        case ("foreach", macro, head, inner, _):
            return [f"foreach {macro} {head} {{", *(f"    {line}" for one in inner for line in written(one)), "}"]
        case ("forvalues", macro, head, inner, _):
            return [f"forvalues {macro} = {head} {{", *(f"    {line}" for one in inner for line in written(one)), "}"]
        case ("local", macro, text):
            return [f"local {macro} {text}"]
        case ("global", macro, text):
            return [f"global {macro} {text}"]
        case ("tempvar", name):
            return [f"tempvar {name}"]
        case ("quietly", inner):
            return ["quietly {", *(f"    {line}" for one in inner for line in written(one)), "}"]
        case ("if", holds, inner, others):
            head = [f"if {holds[0]} {{", *(f"    {line}" for one in inner for line in written(one)), "}"]
            return head + (
                ["else {", *(f"    {line}" for one in others for line in written(one)), "}"] if others else []
            )
        case ("anew", name, node):
            return [f"capture drop {name}", f"gen {name} = {shown(node)}"]
        case ("columns_loop", pattern, names, inner):
            return [
                f"foreach v of varlist {pattern} {{",
                *(f"    {line}" for one in inner for line in written(one)),
                "}",
            ]
        case ("step", macro):
            return [f"local ++{macro}"]
        case ("stepped", name, x, step):
            return [f"gen {name} = {x} > `{step}'"]
        case ("scalar", name, text):
            return [f"scalar {name} = {text}"]
        case ("levels", x, macro, inner):
            return [f"levelsof {x}, local({macro})", f"foreach v of local {macro} {{",
                    *(f"    {line}" for one in inner for line in written(one)), "}"]  # fmt: skip
        case ("split", condition, name, x):
            return [
                "preserve", f"keep if {shown(condition)}", f"keep id t {x}", f"rename {x} {name}", f"save part_{name}",
                "restore", f"merge 1:1 id t using part_{name}, nogen",
            ]  # fmt: skip
        case ("regression", terms, condition, weight):
            weight = f" [aw={weight}]" if weight else ""
            return [f"reghdfe y {' '.join(terms)}{behind(condition)}{weight}, absorb(id t) cluster(id)"]
        case ("shown", line):
            return [line]
    raise AssertionError(statement)


def replaced(node, mapping):
    """Put macros into a tree: strings with `v' in them."""
    if isinstance(node, str):
        for name, text in mapping.items():
            node = node.replace(f"`{name}'", text).replace(f"${name}", text)
        return node
    return type(node)(replaced(one, mapping) for one in node) if isinstance(node, tuple | list) else node


def execute(statement, frame, macros=None) -> None:
    macros = {} if macros is None else macros
    if statement[0] in ("local", "global"):
        macros[statement[1]] = statement[2].removeprefix("= ")
        return
    if statement[0] == "tempvar":
        macros[statement[1]] = f"__{statement[1]}"
        return
    if statement[0] == "levels":
        _, x, _, inner = statement
        statement = ("levels", replaced(x, macros), "", inner)
    if statement[0] in ("foreach", "forvalues"):
        _, macro, _, inner, values = statement
        for one in replaced(values, macros):
            for step in inner:
                execute(step, frame, macros | {macro: one})
        return
    own = statement if statement[0] in ("quietly", "columns_loop", "levels", "if", "preserved") else None
    match own or replaced(statement, macros):
        case ("generate", kind, name, node, condition, by, order):
            if by:
                sort(frame, [*by, *order])
            rows, values = chosen(frame, condition, by), value(node, frame, by)
            out = np.where(rows, values, "" if is_text(values) else np.nan)
            make(frame, name, out, kind or "float")
        case ("replace", name, node, condition, by, order):
            if by:
                sort(frame, [*by, *order])
            before = column(frame, name)
            rows, values = chosen(frame, condition, by), value(node, frame, by)
            if is_text(before) != is_text(values):
                raise StopsError("type mismatch")
            if "series" in str((node, condition)) or "'at'" in str((node, condition)):  # it sees what it has replaced
                for k in range(frame.n):
                    if chosen(frame, condition, by)[k]:
                        one = value(node, frame, by)[[k]]
                        if not is_text(one):
                            frame.types[name] = holding(frame.types[name], one)
                            one = stored(one, frame.types[name])
                        frame.values[name] = np.where(np.arange(frame.n) == k, one, frame.values[name])
                return
            if not is_text(values):
                frame.types[name] = holding(frame.types[name], values[rows])
                values = stored(values, frame.types[name])
            frame.values[name] = np.where(rows, values, before)
        case ("egen", kind, name, function_, node, condition, by, _):
            if any(one not in frame.values for one in by):
                raise StopsError("not found")
            rows, x = chosen(frame, condition), value(node, frame)
            if is_text(x):
                if function_ != "count":
                    raise StopsError("type mismatch")
                x = np.where(x == "", np.nan, 1.0)
            make(frame, name, over_groups(function_, x, groups_of(frame, by), rows), kind or "float")
            if by and not statement[-1]:
                sort(frame, [*by, "~id", "~t"])
        case ("egen_names", name, function_, names, options):
            make(frame, name, across(frame, function_, names, options), "float")
        case ("cut", name, x, ends):
            values, edges = column(frame, x), np.array([*map(float, ends)])
            if is_text(values):
                raise StopsError("type mismatch")
            k = np.searchsorted(edges, values, side="right")
            inside = (k > 0) & (k < len(edges)) & ~np.isnan(values)
            make(frame, name, np.where(inside, edges[np.clip(k - 1, 0, None)], np.nan), "float")
        case ("keep" | "drop" as command, condition, by, order):
            if by:
                sort(frame, [*by, *order])
            rows = chosen(frame, condition, by)
            frame.take(rows if command == "keep" else ~rows)
        case ("in", command, first, last):
            if int(last) > frame.n:
                raise StopsError("out of range")
            rows = np.isin(np.arange(1, frame.n + 1), range(int(first), int(last) + 1))
            frame.take(rows if command == "keep" else ~rows)
        case ("columns", command, names):
            for one in names:
                column(frame, one)
            gone = {*names} if command == "drop" else {n for n in frame.values if n[0] != "~"} - {*names}
            frame.values = {k: v for k, v in frame.values.items() if k not in gone}
            if {*frame.panel} & gone:
                frame.panel = ()
        case ("recode", names, rules, made):
            for name, new in zip(names, made or names, strict=True):
                before = column(frame, name)
                if is_text(before):
                    raise StopsError("type mismatch")
                found, done = before.copy(), np.zeros(frame.n, bool)
                for rule, after in rules:
                    hit = meets(rule, before) & ~done
                    found[hit] = np.nan if after == "." else float(after)
                    done |= hit
                if made:
                    make(frame, new, found, holding(frame.types[name], found))
                else:
                    frame.types[name] = holding(frame.types[name], found)
                    frame.values[name] = stored(found, frame.types[name])
        case ("rename", pairs):
            new_names(frame, pairs)
        case ("encode", x, name):
            values = column(frame, x)
            if not is_text(values):
                raise StopsError("type mismatch")
            levels = sorted({*values} - {""})
            make(frame, name, np.array([levels.index(s) + 1 if s else np.nan for s in values], float), "long")
        case ("destring", x, name):
            values = column(frame, x)
            found = np.array([as_number(s) for s in values]) if is_text(values) else values
            if name:
                make(frame, name, found, "double")
            else:
                frame.values[x] = found
                frame.types[x] = "double"
        case ("tostring", x, name):
            values = column(frame, x)
            if is_text(values) or (values != np.trunc(values)).any():
                raise StopsError("needs force")
            make(frame, name, texts(map(number_text, values)), "str")
        case ("xtile", name, x, k, condition):
            values, rows = column(frame, x), chosen(frame, condition)
            if is_text(values):
                raise StopsError("type mismatch")
            used = np.where(rows, values, np.nan)
            edges = quantiles(used, [j / int(k) for j in range(1, int(k))])
            found = 1.0 + sum((used > edge).astype(float) for edge in edges)
            make(frame, name, np.where(np.isnan(used), np.nan, found), "byte")
        case ("sort", names):
            sort(frame, names)
        case ("xtset", unit, time):
            frame.panel = (unit, time)
            sort(frame, [unit, time])
        case ("clonevar", name, x):
            make(frame, name, column(frame, x).copy(), frame.types[x])
        case ("unknown", _, effects):
            for one in effects:
                execute(one, frame, macros)
        case ("mvdecode", x, number):
            values = column(frame, x)
            if is_text(values):
                raise StopsError("type mismatch")
            frame.values[x] = np.where(values == float(number), np.nan, values)
        case ("mvencode", x, number):
            values = column(frame, x)
            if is_text(values):
                raise StopsError("type mismatch")
            frame.values[x] = np.where(np.isnan(values), float(number), values)
        case ("left", name, x, condition, stat, _):
            values = column(frame, x)
            if is_text(values):
                raise StopsError("type mismatch")
            rows = chosen(frame, condition)
            one = np.zeros(frame.n)
            named = {"p50": "median", "N": "count", "sum": "total"}.get(stat, stat)
            left = over_groups(named, values, one, rows)[rows] if rows.any() else one[:0]
            if not (rows & ~np.isnan(values)).any():
                raise StopsError("type mismatch")
            make(frame, name, values - left[0], "float")
        case ("preserved", inner):
            kept = copy.deepcopy((frame.values, frame.types, frame.panel))
            for one in inner:
                execute(one, frame, dict(macros))
            frame.values, frame.types, frame.panel = kept
        case ("merged", name, function_, x, by):
            values = column(frame, x)
            if is_text(values) or name in frame.values:
                raise StopsError("type mismatch")
            make(frame, name, over_groups(function_, values, groups_of(frame, by), np.ones(frame.n, bool)), "double")
            sort(frame, [*by, "~id", "~t"])
        case ("shown", _):
            pass
        case ("columns_loop", pattern, names, inner):
            stem = pattern.rstrip("*")
            for name in [n for n in frame.values if n.startswith(stem)] if stem != pattern else [pattern]:
                for one in inner:
                    execute(one, frame, macros | {"v": name})
        case ("step", macro):
            if macro not in macros:
                raise StopsError("invalid syntax")
            macros[macro] = str(int(macros[macro]) + 1)
        case ("stepped", name, x, step):
            if "h" not in macros:
                raise StopsError("invalid syntax")
            before = macros["h"]
            macros["h"] = str(int(before) + 1)
            number = macros["h"] if step == "++h" else before
            make(frame, name, operation(">", column(frame, x), np.full(frame.n, float(number))), "float")
        case ("scalar", name, text):
            macros[f"scalar {name}"] = text
        case ("levels", x, macro, inner):
            values = column(frame, x)
            if is_text(values):
                raise StopsError("not generated")
            for level in sorted({*values[~np.isnan(values)].tolist()}):
                if level != int(level) or level < 0:
                    raise StopsError("no part of a name")
                for one in inner:
                    execute(one, frame, macros | {"v": str(int(level))})
        case ("split", condition, name, x):
            values = column(frame, x)
            if name in frame.values or x in ("id", "t"):
                raise StopsError("already defined")
            found = np.where(chosen(frame, condition), values, "" if is_text(values) else np.nan)
            make(frame, name, found, frame.types[x])
        case ("quietly", _):
            for one in statement[1]:  # as it stands: a macro may be set within
                execute(one, frame, macros)
        case ("if", (_, holds), inner, others):
            for one in inner if holds else others:
                execute(one, frame, macros)
        case ("anew", name, node):
            frame.values.pop(name, None)
            make(frame, name, value(node, frame), "float")
        case ("regression", terms, condition, weight):
            frame.saved[len(frame.saved)] = regressed(frame, terms, condition, weight)
        case other:
            raise AssertionError(other)


def meets(rule, x):
    if rule in ("else", "*"):
        return np.ones(len(x), bool)
    if rule in (".", "missing"):
        return np.isnan(x)
    if rule in ("nonmissing", "nonm"):
        return ~np.isnan(x)
    found = np.zeros(len(x), bool)
    for part in rule.split():
        low, _, most = part.partition("/")
        if not most:
            found |= x == float(low)
        else:
            least = -np.inf if low == "min" else float(low)
            found |= (x >= least) & (x <= (np.inf if most == "max" else float(most)))
    return found


def across(frame, name, names, options):
    columns = [column(frame, one) for one in names]
    if name in ("group", "tag"):
        known = ~np.any([x == "" if is_text(x) else np.isnan(x) for x in columns], axis=0)
        codes = groups_of(frame, names)
        if name == "group":
            levels = {one: k + 1 for k, one in enumerate(sorted({*codes[known].tolist()}))}
            return np.array([levels[g] if ok else np.nan for g, ok in zip(codes.tolist(), known, strict=True)], float)
        first, out = set(), np.zeros(frame.n)
        for k in np.flatnonzero(known):
            out[k] = float(codes[k] not in first)
            first.add(codes[k])
        return out
    if name == "rowmiss":
        return np.sum([x == "" if is_text(x) else np.isnan(x) for x in columns], axis=0).astype(float)
    if any(map(is_text, columns)):
        raise StopsError("type mismatch")
    if name == "anymatch":
        wanted = [*map(float, re.findall(r"[\d.]+", options))]
        return np.any([np.isin(x, wanted) for x in columns], axis=0).astype(float)
    table = np.array(columns)
    count = (~np.isnan(table)).sum(axis=0)
    total = np.nansum(table, axis=0)
    if name == "rowtotal":
        return total
    if name == "rownonmiss":
        return count.astype(float)
    if name == "rowmean":
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return {"rowmax": np.fmax, "rowmin": np.fmin}[name].reduce(table)


def regressed(frame, terms, condition, weight):
    """Return what a regression is of, by unit and time: outcome and terms of its rows."""
    columns = []
    for term in ["y", *terms]:
        product = np.ones(frame.n)
        for part in term.split("#"):
            operator, _, name = part.removeprefix("c.").rpartition(".")
            one = value(("series", operator, name) if operator else ("name", name), frame)
            if is_text(one):
                raise StopsError("type mismatch")
            product = product * one
        columns.append(product)
    rows = chosen(frame, condition)
    for one in ("id", "t"):
        rows = rows & ~np.isnan(column(frame, one))
    if weight:
        heavy = column(frame, weight)
        if is_text(heavy) or (heavy < 0).any():
            raise StopsError("negative weights encountered")
        rows = rows & (heavy > 0)
    rows = rows & ~np.isnan(columns).any(axis=0)
    keys = zip(frame.values["~id"], frame.values["~t"], strict=True)
    return {key: values for key, ok, values in zip(keys, rows, np.array(columns).T, strict=True) if ok}

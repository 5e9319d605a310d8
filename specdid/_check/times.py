"""The time in expressions: where its codes are taken for numbers, and where it is compared with what is no period."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specdid._arrays import Floats
from specdid._check.data import Data, Use, leaves, uses
from specdid._check.values import compared_numbers, defined, marked, with_side
from specdid._diagnostics import Fault, fault_at, many
from specdid._study import Expression
from specdid.language import FUNCTIONS, LanguageError, Scope, bind, write
from specdid.language.functions import match_arguments
from specdid.language.scope import Bound, bounds_behind, macros_in
from specdid.language.tree import Argument, Binary, Call, Name, Node, Number, Unary, children, number_value, walk
from specdid.panel import Panel, number_text
from specdid.panel.operators import STATA_DATES
from specdid.panel.times import YEARLY, StepError, period_numbers

Asked = Literal["number", "order", "sign"]
"""What of a value counts: its size, only its order and which values are the same, or only which side of 0 it is on."""
_PARTS = {"half": 2, "quarter": 4, "month": 12}
_UNITS = {"half": "half-year", "quarter": "quarter", "month": "month", "week": "week", "day": "day"}
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_SIZED = frozenset({
    "log", "log1p", "log10", "exp", "sqrt", "abs", "asinh", "scale", "center", "d", "growth", "ave", "mean", "sum",
    "cumsum", "roll_mean", "roll_sum", "roll_sd", "poly", "bs", "ns",
})  # fmt: skip
"""Functions of how large a value is."""
_KEPT = frozenset({
    "I", "ifelse", "case_when", "coalesce", "pmin", "pmax", "min", "max", "median", "quantile", "at", "l", "f",
    "cummax", "carry_forward", "interpolate", "winsorize", "trim", "as.numeric", "as.integer", "round", "floor",
    "ceiling",
})  # fmt: skip
"""Functions that give one of the values that they get."""
_WHOLE = ("floor", "ceiling", "round", "as.integer")
_KNOWN = ("is.na", "is.finite", "sign")


@dataclass(frozen=True, slots=True)
class _Codes:
    """Periods written as a year and a part of it: neighbours of which the codes lie further apart than the periods.

    ``base`` is what the year is multiplied by.
    """

    step: str
    base: float
    before: float
    after: float
    periods: int

    def number(self, code: Node) -> str:
        """Write the number of the period that ``code`` stands for; "" where no expression gives it."""
        if self.step not in _PARTS or not self.base:
            return ""
        year = Binary("*", Binary("%/%", code, Number(self.base)), Number(float(_PARTS[self.step])))
        return write(Binary("+", year, Binary("%%", code, Number(self.base))))

    def part_of(self, values: Floats) -> bool:
        """Say whether all values but 0 and infinity are such codes, of years within a century of the data's."""
        known = np.unique(values[np.isfinite(values) & (values != 0)])
        if not known.size or np.abs(known - self.before).max() > 100 * (self.base or 100):
            return False
        try:
            period_numbers(known, self.step)
        except StepError:
            return False
        return True


def _codes_of(panel: Panel) -> _Codes | None:
    """Return how the time is coded, None where from one period to the next its values count what the periods do."""
    if panel.time is None or panel.periods is None or panel.step not in _UNITS:
        return None
    values = panel.columns[panel.time].numbers
    if values is None or not len(values):
        return None
    periods, rows = np.unique(panel.periods, return_index=True)
    codes = values[rows]
    jumps = np.flatnonzero(np.diff(codes) != np.diff(periods))
    if not jumps.size:
        return None
    k = int(jumps[0])
    base = 10_000.0 if panel.step == "day" else 100.0
    if panel.step in ("half", "quarter"):
        short = codes < 100_000
        base = 10.0 if short.all() else 0.0 if short.any() else 100.0
    return _Codes(panel.step, base, float(codes[k]), float(codes[k + 1]), int(periods[k + 1] - periods[k]))


def check_times(data: Data) -> Iterator[Fault]:
    """Warn of codes of periods that are taken for numbers, and of comparisons with what is no period."""
    yield from check_times_of(data, uses(data.study), defined(data))


def check_times_of(data: Data, used: Iterable[Use], expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[Fault]:
    """Check the time in expressions by their use, and in all that are given with their names."""
    if data.panel.time is None or data.panel.periods is None:
        return
    expressions = list(expressions)
    codes = _codes_of(data.panel)
    if codes is not None:
        yield from _Search(data, codes, {id(e.tree): e for e, _ in (*defined(data), *expressions)}).faults(
            used, expressions
        )
    yield from _compared(data, expressions)


class _Search:
    """The parts of expressions in which the size of a code counts."""

    def __init__(self, data: Data, codes: _Codes, written: dict[int, Expression]) -> None:
        self.data, self.codes, self.written = data, codes, written
        self.seen: set[tuple[str, Asked]] = set()
        self.said: set[str] = set()

    def faults(self, used: Iterable[Use], expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[Fault]:
        macros = {id(e) for e in self.data.study.macros.values()}
        matched = {id(e) for s in self.data.study.sample if s.match for e in (s.match.on, s.match.exact) if e}
        for use in used:
            if id(use.expression) in macros | matched:  # a macro is what it is where it is used
                continue
            scope = self.data.scope if use.option is None else self.data.scope_of((use.option,))
            for expression in (use.expression, *self._macros(use.expression)) if scope is not None else ():
                for node, kind in leaves(expression.tree, use.role):
                    sized = kind == "term" or (kind == "number" and use.role in ("effects", "names", "outcome"))
                    yield from self._in(expression, node, scope or self.data.scope, "number" if sized else "order")
        for expression, scope in expressions:
            if expression.origin.path[:1] == ("derive",) or "derive" in expression.origin.path:
                yield from self._in(expression, expression.tree, scope, "sign")

    def _macros(self, expression: Expression) -> list[Expression]:
        found: dict[str, Expression] = {}
        waiting = [expression]
        while waiting:
            for macro in macros_in(waiting.pop().tree):
                if macro.name not in found and macro.name in self.data.study.macros:
                    found[macro.name] = self.data.study.macros[macro.name]
                    waiting.append(found[macro.name])
        return list(found.values())

    def _in(self, expression: Expression, node: Node, scope: Scope, asked: Asked) -> Iterator[Fault]:
        try:
            bind(node, scope)
        except LanguageError:
            return  # an unknown name, which has its own fault
        for where, found, code in self._found(expression, node, scope, asked):
            words = marked(found)
            if words not in self.said:
                self.said.add(words)
                jump = self.codes
                before, after, count = map(number_text, (jump.before, jump.after, jump.after - jump.before))
                message = (
                    f"{words} takes codes for numbers: from {before} to {after} it counts {count}, not "
                    f"{many(jump.periods, 'period')}"
                )
                yield fault_at(where.origin, found.span, "time_coded", message, self._help(found, code), "warning")

    def _help(self, found: Node, code: Node) -> str:
        unit, number = _UNITS[self.codes.step], self.codes.number(code)
        if not number:
            return f"number the {unit}s in a column of the data, from 1 on, and write that in place of {marked(code)}"
        both = "" if found == code else ", and of every other code here likewise"
        return f"take the number of the {unit} in place of {marked(code)}, in [derive]: `{number}`{both}"

    def _found(
        self, where: Expression, node: Node, scope: Scope, asked: Asked
    ) -> Iterator[tuple[Expression, Node, Node]]:
        """Return the parts where codes are taken for numbers, the expression each stands in, and a code in it."""
        if isinstance(node, Name):
            inner = scope.definition(node.name)
            if inner is None:
                if asked == "number" and node.name == self.data.panel.time:
                    yield where, node, node
            elif (inner.digest, asked) not in self.seen:
                self.seen.add((inner.digest, asked))
                yield from self._found(self.written.get(id(inner.node), where), inner.node, inner.scope, asked)
        elif _digits(node):
            return
        elif isinstance(node, Binary) and node.operator in ("+", "-"):
            code = self._code_of_sum(node, scope, asked)
            if code is not None:
                yield where, node, code
                return
            ends = self._takes_digits(node, scope)  # t - 100 * floor(t / 100)
            for side in (node.left, node.right):
                if not (ends and self._is_code(side, scope)):
                    yield from self._found(where, side, scope, "order" if asked == "sign" else asked)
        else:
            if asked == "number" and isinstance(node, Call) and node.function == "first":
                yield where, node, node
            for part, of_part in _parts(node, asked):
                yield from self._found(where, part, scope, of_part)

    def _code_of_sum(self, node: Binary, scope: Scope, asked: Asked) -> Node | None:
        """Return the code that something is added to or subtracted from, where that is not the number of a period."""
        if asked == "sign" and node.operator == "-":
            return None
        sides = (node.left, node.right)
        code = next((side for side in sides if self._is_code(side, scope)), None)
        if code is None or self._takes_digits(node, scope):
            return None
        other = node.right if code is node.left else node.left
        value = number_value(other)
        if value is None:
            # what is added may make the name of a group: 1000000 * firm + period
            return code if node.operator == "-" else None
        whole_years = asked != "number" and value % (self.codes.base or 100) == 0
        return None if whole_years or (asked != "number" and abs(value) < 1) else code

    def _is_code(self, node: Node, scope: Scope) -> bool:
        if isinstance(node, Name):
            inner = scope.definition(node.name)
            if inner is not None:
                return self._is_code(inner.node, inner.scope)
            column = self.data.panel.columns.get(node.name)
            if column is None or column.numbers is None or column.is_text:
                return False
            return node.name == self.data.panel.time or self.codes.part_of(column.numbers)
        if isinstance(node, Call):
            kept = [part for part, of in _parts(node, "number") if of == "number"] if node.function in _KEPT else []
            return node.function == "first" or any(self._is_code(part, scope) for part in kept)
        return isinstance(node, Binary) and node.operator == "~" and self._is_code(node.right, scope)

    def _takes_digits(self, node: Node, scope: Scope) -> bool:
        behind: Iterable[Bound] = bounds_behind([bind(node, scope)])
        return any(_digits(n) for bound in behind for n in walk(bound.node))


def _power_of_ten(node: Node) -> bool:
    value = number_value(node)
    return value in (10.0, 100.0, 1000.0, 10_000.0, 100_000.0, 1_000_000.0)


def _digits(node: Node) -> bool:
    """Say whether a node takes the year or its part out of a code: ``t %/% 100``, ``floor(t / 100)``."""
    if isinstance(node, Binary):
        return node.operator in ("%/%", "%%") and _power_of_ten(node.right)
    if isinstance(node, Call) and node.function in _WHOLE:
        inner = children(node)[:1]
        return any(isinstance(n, Binary) and n.operator == "/" and _power_of_ten(n.right) for n in inner)
    return False


def _parts(node: Node, asked: Asked) -> Iterator[tuple[Node, Asked]]:
    """Return what is directly below a node, and what of its values counts."""
    if isinstance(node, Binary):
        if node.operator in _COMPARISONS:
            for side, other in ((node.left, node.right), (node.right, node.left)):
                yield side, "sign" if number_value(other) == 0 else "order"
        elif node.operator in ("%%", "%/%"):
            yield from ((side, "number") for side in children(node))
        elif node.operator == "~":
            yield from ((node.left, "order"), (node.right, asked))
        else:
            kept: Asked = "order" if node.operator in ("%in%", "%like%", "&", "|", ":") else asked
            yield from ((side, kept) for side in children(node))
    elif isinstance(node, Unary):
        yield node.operand, "order" if node.operator == "!" else asked
    elif isinstance(node, Call):
        yield from _arguments(node, asked)


def _arguments(call: Call, asked: Asked) -> Iterator[tuple[Node, Asked]]:
    of_value: Asked = "number" if call.function in _SIZED else "sign" if call.function in _KNOWN else "order"
    if call.function in _KEPT:
        of_value = asked
    function = FUNCTIONS.get(call.function)
    if function is None:
        return
    given = match_arguments(call, function)
    for name, argument in given.given.items():
        kind = next(p.kind for p in function.parameters if p.name == name)
        if argument.value is not None and kind in ("value", "condition", "by", "terms"):
            sized = of_value if kind == "value" and name not in ("by", "left", "right") else "order"
            if call.function == "i" and name == "x":
                sized = "number"
            yield argument.value, sized
    yield from ((a.value, of_value) for a in given.many if a.value is not None)


def _compared(data: Data, expressions: Iterable[tuple[Expression, Scope]]) -> Iterator[Fault]:
    """Warn of comparisons of the time with a number that is no period, nor could be one."""
    time, edges = Name(data.panel.time or ""), None
    said: set[Node] = set()
    for expression, scope in expressions:
        if time.name in scope.names:
            continue
        for node in walk(expression.tree):
            for left, bound, operator in compared_numbers(node):
                if left != time or node in said:
                    continue
                edges = edges or _edges(data.panel)
                ends = (bound.left, bound.right) if isinstance(bound, Binary) and bound.operator == ":" else (bound,)
                equal = operator in ("==", "!=", "%in%") and ends == (bound,)
                values = [v for end in ends if (v := number_value(end)) is not None]
                found = (_no_period(data.panel, edges, node, value, equal) for value in values if edges is not None)
                words, advice = next((each for each in found if each is not None), ("", ""))
                if words:
                    said.add(node)
                    message = f"{marked(left)} is compared with {words}{_held(data, node, scope)}"
                    yield fault_at(expression.origin, node.span, "time_compared", message, advice, "warning")


def _edges(panel: Panel) -> tuple[float, float] | None:
    values = panel.columns[panel.time or ""].numbers
    known = values[np.isfinite(values)] if values is not None else np.empty(0)
    return (float(known.min()), float(known.max())) if known.size else None


def _held(data: Data, node: Node, scope: Scope) -> str:
    """Say where a comparison holds in every row, or in none."""
    column = data.column(node, scope)
    if column is None or column.numbers is None or not isinstance(node, Binary):
        return ""
    holds = np.broadcast_to(column.numbers == 1, (data.panel.n_rows,))
    said = f"; {marked(node)} holds in"
    return f"{said} every row" if holds.all() else "" if holds.any() else f"{said} no row"


def _no_period(
    panel: Panel, edges: tuple[float, float], node: Node, value: float, equal: bool
) -> tuple[str, str] | None:
    """Return a value that cannot be a period beside those of the data, and what to write; None where it can.

    0, negative numbers and nines are what stands for no period.
    """
    low, high = edges
    kind = panel.columns[panel.time or ""].kind
    if value <= 0 or set(number_text(value)) == {"9"}:
        return None
    if kind in STATA_DATES:
        return _no_date(kind, node, value, low, high)
    if not _FIRST_YEAR <= low // 10 ** (_length(low) - 4) <= _LAST_YEAR or _length(low) != _length(high):
        return _no_number(value, low, high)
    if panel.step not in _UNITS and panel.step != YEARLY and _length(low) != 4:
        return None
    unit = _UNITS.get(panel.step or "", "period")
    if _length(value) == _length(low) and (not equal or panel.step not in _UNITS or _readable(value, panel.step)):
        return None
    words = f"{number_text(value)}, which is no period as the data have them, {number_text(low)} to {number_text(high)}"
    meant = f"write the {unit} that is meant, as {number_text(low)}"
    if _length(value) != 4 or not _FIRST_YEAR <= value <= _LAST_YEAR or value != int(value):
        return words, meant
    base = 10.0 ** (_length(low) - 4)
    meant = f"write the {unit} that is meant, as {number_text(value * base + (101 if base == 10_000 else 1))}"
    if isinstance(node, Binary) and node.operator != "%in%":
        year = Binary("%/%", Name(panel.time or ""), Number(base))
        meant += f", or compare the year: `{write(with_side(node, Name(panel.time or ''), year))}`"
    return words, meant


_FIRST_YEAR, _LAST_YEAR = 1500, 2500


def _length(value: float) -> int:
    """Return how many digits a number has before the point."""
    return len(f"{abs(np.floor(value)):.0f}")


def _readable(value: float, step: str) -> bool:
    try:
        period_numbers(np.array([value]), step)
    except StepError:
        return False
    return True


def _no_number(value: float, low: float, high: float) -> tuple[str, str] | None:
    """Return a calendar year beside periods that are numbered from 1 on, or nearly."""
    if not (1800 <= value <= 2200 and abs(low) < 1000 and abs(high) < 1000 and value > high + (high - low)):
        return None
    words = f"{number_text(value)}, and its periods are numbered {number_text(low)} to {number_text(high)}"
    return words, "write the number of the period that is meant"


_IN_YEAR = {"%th": 2.0, "%tq": 4.0, "%tm": 12.0, "%td": 365.25, "%tc": 365.25 * 86_400_000}


def _no_date(kind: str, node: Node, value: float, low: float, high: float) -> tuple[str, str] | None:
    """Return a year, or a year with its part, that is compared with dates that a .dta file counts from 1960 on."""
    year = value if _length(value) == 4 else value // 10.0 ** max(_length(value) - 4, 0)
    first, last = (1960 + edge / _IN_YEAR[kind] for edge in (low, high))
    beyond = value > high + (high - low) or value < low - (high - low)
    if _length(value) > 8 or not beyond or not first - 50 <= year <= last + 50:
        return None
    words = f"{number_text(value)}, and counts from 1960 on ({kind}), {number_text(low)} to {number_text(high)}"
    time = next(n for n in walk(node) if isinstance(n, Name))
    dated = Call("year", (Argument(time),))
    if _length(value) == 4 and isinstance(node, Binary):
        return words, f"compare the year: `{write(with_side(node, time, dated))}`"
    part = {"%tm": "month", "%td": "month", "%tq": "quarter"}.get(kind)
    return words, f"compare `{write(dated)}`" + (f" and `{part}({write(time)})`" if part else "")

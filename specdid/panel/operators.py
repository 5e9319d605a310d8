"""Operators on columns as R has them: arithmetic, comparison, three-valued logic, %in%.

Logic has R's three values on floats: 0 is FALSE, NaN is NA, anything else TRUE.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats
from specdid.language import write
from specdid.language.tree import Binary, Call, Constant, Node, Number, Text, Unary
from specdid.panel.columns import Column, merge_levels, number, number_text
from specdid.panel.errors import EvaluationError

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation


STATA_DATES = {"%td": 1, "%tc": 86_400_000, "%tm": 1, "%tq": 3, "%th": 6}
"""Formats of dates in .dta files -> how many of what is counted from 1960 make a day (%td, %tc), or how many months."""
USABLE = ("", "date", *STATA_DATES)
"""Kinds of columns whose values mean something: numbers, texts and dates."""

LARGEST = 1e300
"""Sums of up to a hundred million such values are still numbers."""


def both(a: Floats, b: Floats) -> Floats:
    """Return ``a & b``: FALSE where either is FALSE, else NA where either is NA."""
    false = (a == 0) | (b == 0)
    return np.where(false, 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0))


def either(a: Floats, b: Floats) -> Floats:
    """Return ``a | b``: TRUE where either is TRUE, else NA where either is NA."""
    na = np.isnan(a) | np.isnan(b)
    true = (~np.isnan(a) & (a != 0)) | (~np.isnan(b) & (b != 0))
    return np.where(true, 1.0, np.where(na, np.nan, 0.0))


def negation(a: Floats) -> Floats:
    """Return ``!a``: NA stays NA."""
    return np.where(np.isnan(a), np.nan, (a == 0).astype(np.float64))


def known(result: np.ndarray, missing: np.ndarray) -> Floats:
    """Turn a comparison's result to 0/1, NA where an operand is missing."""
    found = np.array(result, dtype=np.float64)
    if missing.any():
        np.copyto(found, np.nan, where=missing)
    return found


def holds(node: Binary, left: Column, right: Column) -> Bools:
    """Return where a comparison is true, (n,) bool, without making a column of it."""
    if left.is_text or right.is_text:
        return np.asarray(numeric(_compare_texts(node, left, right), node) == 1)
    a, b = numeric(left, node.left), numeric(right, node.right)
    found = _COMPARISON[node.operator](a, b)
    return found if node.operator != "!=" else found & ~(np.isnan(a) | np.isnan(b))


_ARITHMETIC: dict[str, Callable[..., Floats]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
    "%%": np.mod, "%/%": lambda a, b: np.floor(np.divide(a, b)),
}  # fmt: skip
_LOGIC = {"&": both, "|": either}
_COMPARISON: dict[str, Callable[..., Bools]] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
COMPARISONS = frozenset(_COMPARISON)
BINARY = frozenset((*_ARITHMETIC, *_LOGIC, *_COMPARISON))


def misplaced(operator: str) -> str:
    """Say why an operator cannot stand in a value."""
    if operator == ":":
        return "`:` makes a range only after `%in%` or inside `c()`; an interaction stands among the terms"
    return f"`{operator}` makes terms or effects, not a value"


def carry(values: Floats, *sources: Column) -> Column:
    """Make a column of results; a missing one is log0 where a source was."""
    log0: Bools | None = None
    for source in sources:
        if source.log0 is not None:
            log0 = source.log0 if log0 is None else log0 | source.log0
    return number(values, None if log0 is None else np.asarray(log0 & np.isnan(values)))


def usable(column: Column, node: Node) -> None:
    """Raise where a column holds what cannot be used at all (lists, bytes)."""
    if column.kind not in USABLE:
        raise EvaluationError("column_type", f"{_called(node)} holds {column.kind}, which cannot be used", node.span)


def numeric(column: Column, node: Node) -> Floats:
    """Return a column's numbers.

    Raises
    ------
    EvaluationError
        Where it is text, with examples of what it holds.
    """
    if column.numbers is None:
        raise EvaluationError(
            "column_type", f"{_called(node)} is {_kind(column)}, not numeric", node.span, _advice(column, node)
        )
    return column.numbers


def refuse_huge(values: Floats, node: Node) -> None:
    """Raise where a finite value is so large that sums of such values are not numbers."""
    if not values.size or not np.fmax.reduce(np.abs(values), axis=None) > LARGEST:
        return
    huge = values[np.isfinite(values) & (np.abs(values) > LARGEST)]
    if huge.size:
        raise EvaluationError(
            "too_large",
            f"{_called(node)} holds {huge[0]:.3g}, beyond ±{LARGEST:.0e}: too large to compute with",
            node.span,
            "if it is a code for missing, write ifelse(x == code, NA, x); else change the unit",
        )


def _called(node: Node) -> str:
    words = write(node)
    return f"`{words}`" if len(words) <= 60 else "this expression"


def _kind(column: Column) -> str:
    return "a date" if column.kind == "date" else "text"


def examples(column: Column) -> str:
    """List some of a text column's values."""
    shown = ", ".join(f"“{level}”" for level in column.levels[:4])
    return shown + (", …" if len(column.levels) > 4 else "")


_LONGEST = 40
"""Characters of a number; a stranger's longer text is not tried."""
_BLANKS = " \u00a0\u2007\u2009\u202f\u3000"
"""What may stand between thousands beside commas: blanks, no-break, of a figure's width, thin, of full width."""
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, _BLANKS), " ")
_NARROW[0x2212] = "-"
"""Full-width signs and the minus sign to those of ASCII. NFKC would make 1362 of 136², whose 2 is a footnote's mark."""
_WHOLE = r"(?:\d+|[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+))"
PARSED = re.compile(rf"(?:[+-]?{_WHOLE}(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?\.\d+) ?%?", re.ASCII)
"""A narrow number, as parse_number() reads it; the comma of 0,681 is a decimal one, the 2 of “136 2” a footnote's."""


def narrow(shown: str) -> str:
    """Return a text with full-width signs as those of ASCII, one kind of blank, and none at its ends."""
    return shown.translate(_NARROW).strip(" \t\r\n")


def read_number(shown: str) -> float | None:
    """Return the number that a text shows, as parse_number() reads it; nothing of other texts."""
    words = narrow(shown)
    return float(re.sub("[ ,%]", "", words)) if PARSED.fullmatch(words) else None


def parse(levels: Iterable[str]) -> bool:
    """Say whether parse_number() reads every text."""
    return all(len(level) <= _LONGEST and read_number(level) is not None for level in levels)


def numbers_as_text(column: Column) -> list[str]:
    """Return the values of a text column that parse_number() reads, where most are."""
    alike = [level for level in column.levels if parse([level])]
    return alike if 2 * len(alike) > len(column.levels) else []


MOST_MARKS = 3
"""Different words among numbers that are taken for marks of missing values."""


def reading(column: Column, words: str) -> str:
    """Write what reads a column of text as numbers, words among them as missing; "" where there is doubt of either."""
    marks = [level for level in column.levels if not parse([level])]
    doubtful = any(_DIGIT.search(mark) for mark in marks) or len(marks) > MOST_MARKS
    if not numbers_as_text(column) or column.codes is None or doubtful:
        return ""
    made = words
    for mark in marks:
        made = f"ifelse({words} == {write(Text(mark))}, NA, {made})"
    return f"parse_number({made})"


_DIGIT = re.compile(r"\d")
_ISO = re.compile(r"\d{4}-\d\d(-\d\d|$)")


def number_advice(column: Column, words: str = "x") -> str:
    """Say how numbers that are stored as text become numbers; nothing where they are none."""
    if not column.odd and not numbers_as_text(column):
        return ""
    shown = f"its values are {examples(column)}"
    if column.odd:
        shown = f"cells that are not numbers: {', '.join(column.odd)}"
    made = reading(column, words)
    return f"{shown}; correct them in the file{f', or write {made} in [derive]' * bool(made)}"


DATED = re.compile(r"([12]\d{3})(年(度)?|([-/.年]\d{1,2}([-/.月]\d{1,2})?[月日]?([ T].*)?))", re.ASCII)
"""A text that begins with its year: 2012年, 2012-06, 2012/6/1, 2012年6月1日."""


def _advice(column: Column, node: Node) -> str | None:
    if advice := number_advice(column, write(node)):
        return advice
    if not column.levels:
        return None
    if column.kind == "date" or all(_ISO.match(level) for level in column.levels):
        return f"its year is `year({write(node)})`"
    return f"its values are {examples(column)}; compare them with `==`, or use factor()"


def unary(node: Unary, operand: Column) -> Column:
    """Apply ``-``, ``+`` or ``!``."""
    values = numeric(operand, node.operand)
    if node.operator == "!":
        return carry(negation(values), operand)
    if node.operator == "~":
        raise EvaluationError("column_type", "`~` makes a formula, not a value", node.span)
    return carry(-values if node.operator == "-" else values, operand)


def binary(node: Binary, left: Column, right: Column) -> Column:
    """Apply an arithmetic, comparing or logical operator."""
    if node.operator in _COMPARISON and (left.is_text or right.is_text):
        return _compare_texts(node, left, right)
    a, b = numeric(left, node.left), numeric(right, node.right)
    if node.operator in _COMPARISON:
        return carry(known(_COMPARISON[node.operator](a, b), np.isnan(a) | np.isnan(b)), left, right)
    function = _ARITHMETIC.get(node.operator) or _LOGIC[node.operator]
    return carry(function(a, b), left, right)


def _compare_texts(node: Binary, left: Column, right: Column) -> Column:
    if left.is_text != right.is_text:
        missing = _is_na(node.left) or _is_na(node.right)
        if missing:
            return number(np.full(np.broadcast(left.missing, right.missing).shape, np.nan))
        raise _different_kinds(node, left, right)
    if node.operator not in ("==", "!="):
        raise EvaluationError(
            "column_type",
            f"texts have no order for `{node.operator}`",
            node.span,
            "compare them with `==`, `!=` or `%in%`",
        )
    _, (a, b) = merge_levels((left, right))
    return number(known(_COMPARISON[node.operator](a, b), (a < 0) | (b < 0)))


def _is_na(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _different_kinds(node: Binary, left: Column, right: Column) -> EvaluationError:
    words, numbers = (node.left, node.right) if left.is_text else (node.right, node.left)
    column = left if left.is_text else right
    return mixed_kinds(words, column, numbers, node)


def mixed_kinds(words: Node, column: Column, numbers: Node, whole: Node) -> EvaluationError:
    """Explain a comparison of text with numbers; ``words`` is the side that is text."""
    message = f"{_called(words)} is {_kind(column)} and {_called(numbers)} is numeric"
    if isinstance(words, Text) and not isinstance(numbers, Text):
        advice: str | None = f"write {words.value} without quotes" if _looks_numeric(words.value) else None
    else:
        shown = f"its values are {examples(column)}" if column.levels else None
        advice = (number_advice(column, write(words)) if column.odd else "") or shown
        ordered = isinstance(whole, Binary) and whole.operator not in ("==", "!=", "%in%")
        if isinstance(numbers, Number) and number_text(numbers.value) in column.levels and not ordered:
            quoted = f"write {write(Text(number_text(numbers.value)))}, in quotes, where its values are codes"
            advice = f"{quoted}; where they are numbers: {advice}" if column.odd else quoted
    return EvaluationError("column_type", message, whole.span, advice)


def _looks_numeric(words: str) -> bool:
    try:
        return math.isfinite(float(words))
    except ValueError:
        return False


def contained(evaluation: Evaluation, node: Binary, left: Column) -> Column:
    """``left %in% c(…)``: never NA; a missing value is in a list only where NA stands there."""
    hit = np.zeros(left.missing.shape, dtype=bool)
    for element in _elements(node.right):
        if isinstance(element, Binary) and element.operator == ":":
            hit |= _in_range(evaluation, node, left, element)
        else:
            value = evaluation.value(element)
            hit |= left.missing & bool(value.missing.any())
            if not _is_na(element):
                hit |= _equals(node, left, value, element)
    return number(hit.astype(np.float64))


def _elements(node: Node) -> Iterator[Node]:
    if isinstance(node, Call) and node.function == "c":
        for argument in node.arguments:
            if argument.value is not None:
                yield from _elements(argument.value)
    else:
        yield node


def _in_range(evaluation: Evaluation, node: Binary, left: Column, span: Binary) -> Bools:
    if left.numbers is None:
        raise mixed_kinds(node.left, left, span, node)
    first = evaluation.constant(span.left, "the start of a range")
    last = evaluation.constant(span.right, "the end of a range")
    low, high = min(first, last), max(first, last)
    offset = left.numbers - first
    return np.asarray((left.numbers >= low) & (left.numbers <= high) & (offset == np.floor(offset)))


def _equals(node: Binary, left: Column, element: Column, written: Node) -> Bools:
    """Where the left side equals any value of ``element``, a constant or a whole column."""
    if left.is_text != element.is_text:
        words, column, numbers = (node.left, left, written) if left.is_text else (written, element, node.left)
        raise mixed_kinds(words, column, numbers, node)
    if left.numbers is not None:
        values = np.unique(np.atleast_1d(element.numbers))  # type: ignore[arg-type]
        return np.asarray(np.isin(left.numbers, values[~np.isnan(values)]))
    _, (a, b) = merge_levels((left, element))
    return np.asarray(np.isin(a, b) & (a >= 0))

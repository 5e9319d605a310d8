"""Arguments that must be constants, and the constants that each kind accepts."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from specdid.language.functions import ArgumentKind
from specdid.language.resolve import lag_values, pattern_problem
from specdid.language.tree import Binary, Call, Constant, Mistake, Name, Node, Text, number_value
from specdid.language.write import write

MAX_EXPONENT = 10
MAX_LAG = 100
MAX_RANGE = 10_000
MAX_GROUPS = 1000
MAX_PLACE = 10_000
MAX_DF = 20
MAX_TIMES = 1000


def exponent_problem(node: Node, whole: bool) -> Mistake | None:
    """Return what is wrong with an exponent: it is a constant, at most 10."""
    value = number_value(node)
    if value is None:
        help = "powers are constant, as in `x^2`; write `exp(a * log(x))` for others"
        if isinstance(node, Name):
            help += ", and `paste(a, b)` for the groups of two columns"
        return Mistake("arguments", "the exponent is not a constant", node.span, help)
    if abs(value) > MAX_EXPONENT:
        return Mistake("arguments", f"the exponent is above {MAX_EXPONENT}", node.span)
    if whole and value not in range(1, MAX_EXPONENT + 1):
        help = "`(a + b)^2` has all terms and their products up to the second degree"
        return Mistake("arguments", "the exponent is not 1, 2, … or 10", node.span, help)
    return None


def constant_problem(node: Node, kind: ArgumentKind) -> Mistake | None:
    """Return what is wrong with an argument that has to be a constant of some kind."""
    return _KINDS[kind](node)


def _constants(node: Node) -> Mistake | None:
    """Accept numbers, texts and TRUE, ranges of whole numbers, and ``c()`` of these."""
    if isinstance(node, Call) and node.function == "c":
        values = [a.value for a in node.arguments]
        named = next((a for a in node.arguments if a.name is not None or a.value is None), None)
        if named is not None:
            return Mistake("arguments", "`c()` takes values alone", named.span, "write `c(1, 2)`")
        found = (_constants(value) for value in values if value is not None)
        return next((problem for problem in found if problem), None)
    if isinstance(node, Binary) and node.operator == ":":
        return _range(node)
    if number_value(node) is None and not isinstance(node, Text | Constant):
        help = "columns cannot stand in a list of values" if not isinstance(node, Call) else None
        return Mistake("not_constant", f"`{write(node)}` is not a constant", node.span, help)
    return None


def _range(node: Binary) -> Mistake | None:
    ends = [number_value(node.left), number_value(node.right)]
    whole = [end for end in ends if end is not None and end == int(end)]
    if len(whole) < 2:
        help = "a range has two whole numbers, as in `2008:2016`"
        return Mistake("arguments", f"`{write(node)}` is not a range", node.span, help)
    if abs(whole[1] - whole[0]) > MAX_RANGE:
        return Mistake("arguments", f"the range has more than {MAX_RANGE:,} values", node.span, "compare with `<=`")
    return None


def _knots(node: Node) -> Mistake | None:
    """Accept a number, or ``c()`` of numbers that increase."""
    if number_value(node) is not None:
        return None
    if isinstance(node, Call) and node.function == "c" and len(node.arguments) > MAX_DF:
        return Mistake("arguments", f"there are more than {MAX_DF} knots", node.span)
    return _increasing(node, "knot", "as in `knots = c(2, 4, 6)`")


def _breaks(node: Node) -> Mistake | None:
    """Accept ``c()`` of numbers that increase."""
    if number_value(node) is not None:
        help = f"one cut point is `c({write(node)})`; groups of equal size are `ntile(x, 4)`"
        return Mistake("arguments", f"`{write(node)}` is not a list of cut points", node.span, help)
    return _increasing(node, "cut point", "as in `cut(x, c(2, 4, 6))`")


def _increasing(node: Node, what: str, example: str) -> Mistake | None:
    if not (isinstance(node, Call) and node.function == "c"):
        message = f"`{write(node)}` is not a list of {what}s"
        return Mistake("arguments", message, node.span, f"list them, {example}")
    last = -math.inf
    for argument in node.arguments:
        point = None if argument.value is None or argument.name else number_value(argument.value)
        if point is None:
            return Mistake("arguments", f"a {what} is not a number", argument.span, f"list numbers, {example}")
        if point <= last:
            return Mistake("arguments", f"the {what}s do not increase", argument.span, "list them in order")
        last = point
    return None if node.arguments else Mistake("arguments", f"there is no {what}", node.span)


def _bins(node: Node) -> Mistake | None:
    """Accept ``list()`` of named levels: ``list(early = 2005:2008, late = c(2014, 2015))``."""
    help = "name the bins, as in `bin = list(early = 2005:2008)`"
    if isinstance(node, Text):  # fixest's "bin::2", "cut::3" and "@^a"
        message = f"`{write(node)}` is not a list of bins: fixest's texts for them are not read here"
        consecutive = re.fullmatch(r"!{0,2}bin::(\d+)", node.value)
        more = f"; or derive the number of its bin, `floor(f / {consecutive[1]})`" if consecutive else ""
        more += ", and write `i()` of that" if consecutive else ""
        return Mistake("arguments", message, node.span, f"{help}{more}")
    if not (isinstance(node, Call) and node.function == "list" and node.arguments):
        return Mistake("arguments", f"`{write(node)}` is not a list of bins", node.span, help)
    names: set[str] = set()
    for argument in node.arguments:
        if not argument.name or argument.value is None:
            return Mistake("arguments", "a bin has no name", argument.span, help)
        if argument.name in names:
            return Mistake("arguments", f"two bins are called `{argument.name}`", argument.span, help)
        names.add(argument.name)
        if problem := _constants(argument.value):
            return problem
    return None


def _words(node: Node) -> Mistake | None:
    if isinstance(node, Text):
        return None
    return Mistake("arguments", f"`{write(node)}` is not a text", node.span, 'write it in quotes, as in `"-"`')


def _text(node: Node) -> Mistake | None:
    if not isinstance(node, Text):
        help = 'write it in quotes, as in `regex("^ind")`'
        return Mistake("arguments", f"`{write(node)}` is not a text", node.span, help)
    return pattern_problem(node)


def _lag(node: Node) -> Mistake | None:
    lags = lag_values(node)
    if not lags:
        return Mistake("arguments", f"`{write(node)}` is not a whole number of periods", node.span)
    if max(map(abs, lags)) > MAX_LAG:
        return Mistake("arguments", f"the lag is above {MAX_LAG} periods", node.span)
    return None


def _logical(node: Node) -> Mistake | None:
    if isinstance(node, Constant) and node.value is not None:
        return None
    return Mistake("arguments", f"`{write(node)}` is not TRUE or FALSE", node.span)


def _omit(node: Node) -> Mistake | None:
    """Accept ``na.rm = TRUE``, which is so in any case."""
    if isinstance(node, Constant) and node.value is True:
        return None
    help = "`ifelse(sum(is.na(x), by = g) > 0, NA, mean(x, by = g))` is missing where any value is"
    return Mistake("arguments", "missing values are left out in any case", node.span, help)


def _numeric(rule: Callable[[float], bool], words: str, help: str | None = None) -> Callable[[Node], Mistake | None]:
    def problem(node: Node) -> Mistake | None:
        value = number_value(node)
        if value is not None and rule(value):
            return None
        return Mistake("arguments", f"`{write(node)}` is not {words}", node.span, help)

    return problem


_KINDS: dict[ArgumentKind, Callable[[Node], Mistake | None]] = {
    "constants": _constants,
    "text": _text,
    "lag": _lag,
    "logical": _logical,
    "omit": _omit,
    "tail": _numeric(lambda p: 0 <= p < 0.5, "a share per tail, from 0 to below 0.5"),
    "base": _numeric(lambda b: b > 0 and b != 1, "a positive constant other than 1"),
    "degree": _numeric(lambda d: d in range(1, 11), "a whole number from 1 to 10"),
    "breaks": _breaks,
    "words": _words,
    "groups": _numeric(lambda n: n in range(2, MAX_GROUPS + 1), f"a whole number of groups from 2 to {MAX_GROUPS:,}"),
    "share": _numeric(lambda p: 0 <= p <= 1, "a share from 0 to 1", "the median is 0.5"),
    "quantile_type": _numeric(
        lambda t: t in (2, 7),
        "7 or 2",
        "7 is R's default; 2 is Stata's, of _pctile, xtile and winsor2",
    ),
    "window": _numeric(lambda n: n in range(1, MAX_LAG + 1), f"a whole number of periods from 1 to {MAX_LAG}"),
    "long_window": _numeric(
        lambda n: n in range(2, MAX_LAG + 1),
        f"a whole number of periods from 2 to {MAX_LAG}",
        "one value has no standard deviation",
    ),
    "df": _numeric(lambda d: d in range(1, MAX_DF + 1), f"a whole number of degrees of freedom from 1 to {MAX_DF}"),
    "knots": _knots,
    "bins": _bins,
    "digits": _numeric(lambda d: d in range(-15, 16), "a whole number of digits from -15 to 15"),
    "times": _numeric(lambda n: n in range(1, MAX_TIMES + 1), f"a whole number from 1 to {MAX_TIMES:,}"),
    "place": _numeric(lambda k: k in range(1, MAX_PLACE + 1), f"a place in the text, from 1 to {MAX_PLACE:,}"),
}

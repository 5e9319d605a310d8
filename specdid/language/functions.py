"""The functions of the language, the one list of what an expression may call; calls that are short for others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from specdid._diagnostics import Span
from specdid.language.tree import Argument, Binary, Call, Constant, Node, Number, Text, number_value

ArgumentKind = Literal[
    "value", "condition", "case", "by", "terms", "constants", "text", "words", "base", "degree", "lag", "tail",
    "logical", "breaks", "groups", "share", "quantile_type", "window", "long_window", "df", "knots", "bins", "digits",
    "place", "times", "omit",
]  # fmt: skip
Where = Literal["value", "terms", "list", "columns", "stepwise", "sample"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function; ``default`` None and ``optional`` False: it must be given.

    A ``named`` one is never given by place, so that what another program has there is no surprise.
    """

    name: str
    kind: ArgumentKind
    default: Node | None = None
    optional: bool = False
    named: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One function: where it may stand, and what it takes.

    ``where`` is "value" (any expression of columns), "terms" (a regressor of its own),
    "list" (behind ``%in%`` and the like), "columns" (a name pattern), "stepwise" or
    "sample" (samples written out, of `SAMPLE_PATTERNS`).
    ``many`` is the kind of any number of unnamed arguments. ``by_unit`` functions look
    at a unit's other periods, so they need ``unit`` and ``time``. ``later`` functions give a
    row what depends on later periods, unless they take the time among ``by``. ``instead``
    says what to write for what a function of that name does elsewhere.
    """

    name: str
    parameters: tuple[Parameter, ...]
    where: Where
    doc: str
    many: ArgumentKind | None = None
    least: int = 1
    by_unit: bool = False
    later: bool = False
    instead: str = ""

    @property
    def signature(self) -> str:
        """The call as it is shown to a reader: ``winsorize(x, p)``."""
        shown = {
            "by": "by = g", "sep": 'sep = " "', ".default": ".default = value", "right": "right = FALSE",
            "degree": "degree = 3", "knots": "knots = c(1, 2)", "ref2": "ref2 = 1", "bin": "bin = list(early = 1:4)",
            "keep": "keep = 1:4", "step": "step = 2",
        }  # fmt: skip
        names = ["condition ~ value", "..."] if self.many == "case" else ["..."] if self.many else []
        names = [p.name for p in self.parameters if not p.named] + names
        names += [shown[p.name] for p in self.parameters if p.named and p.name in shown]
        return f"{self.name}({', '.join(names)})"


_X = Parameter("x", "value")
_K = Parameter("k", "lag", Number(1))
_P = Parameter("p", "tail")
_BY = Parameter("by", "by", optional=True, named=True)
_TYPE = Parameter("type", "quantile_type", optional=True, named=True)
_OMIT = Parameter("na.rm", "omit", optional=True, named=True)
_WINDOW = Parameter("n", "window")
_GROUPS = Parameter("n", "groups")
_DIGITS = Parameter("digits", "digits", Number(0.0))
_PLACES = (Parameter("start", "place"), Parameter("stop", "place"))
_TAILS = (_X, _P, _BY, _TYPE)
_TYPES = " (R's type 7; type = 2: Stata's)"
_ACROSS = "works across columns, row by row"


def _value(
    name: str,
    doc: str,
    *parameters: Parameter,
    by_unit: bool = False,
    later: bool = False,
    instead: str = "",
) -> Function:
    return Function(name, parameters or (_X,), "value", doc, by_unit=by_unit, later=later, instead=instead)


def _group(name: str, doc: str, *parameters: Parameter, instead: str = "") -> Function:
    """Declare a function of a column within groups, over the whole panel where ``by`` is left out."""
    omit = () if name in ("ntile", "quantile_group", "rank") else (_OMIT,)
    kind = (_TYPE,) if name.startswith("quantile") else ()
    return _value(name, doc, *(parameters or (_X,)), _BY, *omit, *kind, later=True, instead=instead)


_ALL = (
    _value("log", "logarithm; missing where x <= 0", _X, Parameter("base", "base", optional=True)),
    _value("log1p", "log(1 + x)"),
    _value("log10", "logarithm to base 10"),
    _value("exp", "exponential"),
    _value("sqrt", "square root"),
    _value("abs", "absolute value"),
    _value("asinh", "inverse hyperbolic sine"),
    _value("floor", "largest integer not above x"),
    _value("I", "arithmetic inside a list of terms, as in I(x^2)"),
    _value("scale", "mean 0 and standard deviation 1 over the full panel, or within groups", _X, _BY),
    _value("center", "mean 0 over the full panel, or within groups", _X, _BY),
    _value(
        "winsorize", f"the tails, p on either side, set to their quantiles{_TYPES}, of the panel or of groups", *_TAILS
    ),
    _value("trim", f"the tails, p on either side, set to missing{_TYPES}, of the panel or of groups", *_TAILS),
    _value(
        "ifelse",
        "yes where the condition holds, else no",
        Parameter("test", "condition"),
        Parameter("yes", "value"),
        Parameter("no", "value"),
    ),
    _value("is.na", "TRUE where x is missing"),
    _value("l", "lag by k periods within the unit", _X, _K, by_unit=True),
    _value("f", "lead by k periods within the unit", _X, _K, by_unit=True),
    _value("d", "x less its lag by k periods", _X, _K, by_unit=True),
    _value("at", "the unit's value where cond holds", _X, Parameter("cond", "condition"), by_unit=True),
    _value(
        "first",
        "the unit's first period where cond holds, Inf where it never does",
        Parameter("cond", "condition"),
        by_unit=True,
    ),
    _value("ave", "mean of x by the levels of by", _X, Parameter("by", "value"), later=True),
    Function("pmin", (), "value", "smallest of the columns, row by row", many="value"),
    Function("pmax", (), "value", "largest of the columns, row by row", many="value"),
    _value("round", "x to digits decimal places; a tie goes to the even digit", _X, _DIGITS),
    _value("sign", "-1, 0 or 1"),
    _value("ceiling", "smallest integer not below x"),
    _value(
        "between",
        "TRUE where left <= x and x <= right",
        _X,
        Parameter("left", "value"),
        Parameter("right", "value"),
    ),
    Function(
        "case_when",
        (Parameter(".default", "value", optional=True, named=True),),
        "value",
        "the value of the first case whose condition holds, else .default or missing",
        many="case",
    ),
    Function("coalesce", (), "value", "the first of the values that is not missing", many="value"),
    _value("is.finite", "TRUE where x is a number, neither missing nor infinite"),
    _value(
        "cut",
        "which of the intervals between breaks holds x, from 0 (up to the first break); right = FALSE closes "
        "them on the left",
        _X,
        Parameter("breaks", "breaks"),
        Parameter("right", "logical", Constant(True), named=True),
    ),
    _group(
        "ntile",
        "n groups of equal size by rank, numbered from 1; ties are split in the order of unit and time",
        _X,
        _GROUPS,
    ),
    _group(
        "quantile_group",
        f"n groups, numbered from 1, cut at the quantiles of x{_TYPES}, so that ties stay together",
        _X,
        _GROUPS,
    ),
    _group("rank", "rank of x from 1, ties sharing their mean"),
    _group("mean", "mean of x within groups, missing values left out", instead=f"`(a + b) / 2` {_ACROSS}"),
    _group("median", "median of x within groups, missing values left out"),
    _group("min", "smallest x within groups, missing values left out", instead=f"`pmin(a, b)` {_ACROSS}"),
    _group("max", "largest x within groups, missing values left out", instead=f"`pmax(a, b)` {_ACROSS}"),
    _group(
        "sum",
        "sum of x within groups, missing values left out; missing where a group has no value (R and Stata give 0)",
        instead=f"`a + b` {_ACROSS}",
    ),
    _group("sd", "standard deviation of x within groups (n - 1), missing values left out"),
    _group("quantile", f"quantile of x within groups{_TYPES}", _X, Parameter("probs", "share")),
    Function(
        "count",
        (_BY,),
        "value",
        "number of rows within groups",
        instead="`sum(x > 0, by = g)` counts rows where a condition holds, `sum(!is.na(x), by = g)` known values",
    ),
    _value(
        "n_distinct",
        "number of different values of x within groups, missing ones not counted; 0 where there is none",
        Parameter("x", "by"),
        _BY,
    ),
    _value("cumsum", "running sum of x along the unit's rows; missing from the first missing value on", by_unit=True),
    _value("cummax", "largest x of the unit so far; missing from the first missing value on", by_unit=True),
    _value("roll_mean", "mean of x over the period and the n - 1 before, all present", _X, _WINDOW, by_unit=True),
    _value("roll_sum", "sum of x over the period and the n - 1 before, all present", _X, _WINDOW, by_unit=True),
    _value(
        "roll_sd",
        "standard deviation of x over the period and the n - 1 before, all present",
        _X,
        Parameter("n", "long_window"),
        by_unit=True,
    ),
    _value(
        "growth", "x over its value k periods before, less 1", _X, Parameter("k", "window", Number(1)), by_unit=True
    ),
    _value("interpolate", "missing values between known ones of the unit, linear in time", by_unit=True, later=True),
    _value("carry_forward", "missing values set to the unit's last known one", by_unit=True),
    Function(
        "paste", (Parameter("sep", "words", Text(" "), named=True),), "value", "texts and numbers joined", many="value"
    ),
    _value(
        "grepl",
        "TRUE where x matches the pattern, as x %like% pattern; FALSE where it is missing",
        Parameter("pattern", "text"),
        _X,
    ),
    _value(
        "as.numeric", "a number as it is, or 1 and 0 of a condition; text is refused, and becomes numbers in the file"
    ),
    _value("as.integer", "a number without its decimal places, or 1 and 0 of a condition"),
    Function("paste0", (), "value", "texts and numbers joined, nothing between", many="value"),
    _value("substr", "the characters of x from start to stop", _X, *_PLACES),
    _value("tolower", "x in lower case"),
    _value("toupper", "x in upper case"),
    _value("trimws", "x without spaces at its ends"),
    _value("nchar", "number of characters of x"),
    _value(
        "parse_number",
        "the number that a text shows, without commas or blanks between thousands and a sign of percent: 1,234.5 is "
        "1234.5 and 12% is 12; numbers stay as they are",
    ),
    Function("group", (), "value", "a number from 1 for every combination of the columns' values", many="value"),
    _value("year", "year of a date"),
    _value("month", "month of a date, 1 to 12"),
    _value("quarter", "quarter of a date, 1 to 4"),
    Function("factor", (_X,), "terms", "a dummy for every level but the first"),
    Function("C", (_X,), "terms", "the same as factor(x)"),
    Function(
        "i",
        (
            Parameter("f", "value"),
            Parameter("x", "value", optional=True),
            Parameter("ref", "constants", optional=True),
            Parameter("ref2", "constants", optional=True, named=True),
            Parameter("bin", "bins", optional=True, named=True),
            Parameter("keep", "constants", optional=True, named=True),
        ),
        "terms",
        "dummies for the levels of f, times x, without the reference levels ref (ref2 of a factor x); bin puts "
        "levels together, keep leaves the others out",
    ),
    Function(
        "poly",
        (_X, Parameter("degree", "degree", Number(1)), Parameter("raw", "logical", Constant(False))),
        "terms",
        "orthogonal polynomial in x, or plain powers with raw = TRUE",
    ),
    Function(
        "bs",
        (
            _X,
            Parameter("df", "df", optional=True),
            Parameter("degree", "degree", Number(3.0), named=True),
            Parameter("knots", "knots", optional=True, named=True),
        ),
        "terms",
        "B-splines in x, as R's splines::bs: df columns, knots at quantiles or where `knots` says",
    ),
    Function(
        "ns",
        (_X, Parameter("df", "df", optional=True), Parameter("knots", "knots", optional=True, named=True)),
        "terms",
        "natural cubic splines in x, as R's splines::ns: straight beyond the ends",
    ),
    Function("offset", (_X,), "terms", "x with the coefficient 1, in Poisson and logit regressions: exposure"),
    Function("c", (), "list", "a list of values", many="constants", least=0),
    Function("regex", (Parameter("pattern", "text"),), "columns", "the matching columns, as one block"),
    Function("..", (Parameter("pattern", "text"),), "columns", "the same as regex(pattern)"),
    Function("each", (Parameter("pattern", "text"),), "columns", "the matching columns, one argument each"),
    Function("sw", (), "stepwise", "one argument after the other", many="terms"),
    Function("sw0", (), "stepwise", "nothing, then one argument after the other", many="terms"),
    Function("csw", (), "stepwise", "the first argument, then one more each time", many="terms"),
    Function("csw0", (), "stepwise", "nothing, then one argument more each time", many="terms"),
    Function("mvsw", (), "stepwise", "every subset of the arguments", many="terms"),
)
FUNCTIONS = {function.name: function for function in _ALL}
STEPWISE = tuple(function.name for function in _ALL if function.where == "stepwise")
_COUNT = Parameter("n", "times")
SAMPLE_PATTERNS = {
    function.name: function
    for function in (
        Function("each", (Parameter("f", "value"),), "sample", "one sample for each level of f"),
        Function("drop_each", (Parameter("f", "value"),), "sample", "all but one level of f, each in turn"),
        Function(
            "halves",
            (_COUNT, Parameter("by", "value", optional=True, named=True)),
            "sample",
            "both halves of n random divisions of the units, or of what `by` tells apart",
        ),
        Function(
            "window",
            (_X, Parameter("width", "times"), Parameter("step", "times", Number(1.0), named=True)),
            "sample",
            "spans of `width` periods of `time`, or `width` whole numbers of another x, gaps counted, moved by `step`",
        ),
        Function("drop_first", (_X, _COUNT), "sample", "without the first value of x, without two, … without n"),
        Function("drop_last", (_X, _COUNT), "sample", "without the last value of x, without two, … without n"),
    )
}
"""What writes a sample out as several, for each level of a column or each span of time."""
PATTERNS = tuple(function.name for function in _ALL if function.where == "columns")


@dataclass(frozen=True, slots=True)
class BoundArguments:
    """A call's arguments by R's rules: to each parameter its argument, and what is left over."""

    given: dict[str, Argument]
    many: tuple[Argument, ...]
    unknown: tuple[Argument, ...]
    excess: tuple[Argument, ...]
    repeated: tuple[Argument, ...]


def match_arguments(call: Call, function: Function) -> BoundArguments:
    """Match the arguments of ``call`` to the parameters: named ones first, then by place."""
    names = [p.name for p in function.parameters]
    given: dict[str, Argument] = {}
    unknown, repeated, places = [], [], []
    for argument in call.arguments:
        if argument.name is None:
            places.append(argument)
        elif argument.name not in names:
            unknown.append(argument)
        elif argument.name in given:
            repeated.append(argument)
        else:
            given[argument.name] = argument
    if function.many:
        return BoundArguments(given, tuple(places), tuple(unknown), (), tuple(repeated))
    free = [p.name for p in function.parameters if p.name not in given and not p.named]
    given |= dict(zip(free, places, strict=False))
    return BoundArguments(given, (), tuple(unknown), tuple(places[len(free) :]), tuple(repeated))


def argument(call: Call, name: str, function: Function | None = None) -> Node | None:
    """Return what ``call`` gives for the parameter ``name``, its default, or None.

    ``argument(parse("l(x)"), "k")`` is ``Number(1)``. ``function`` is by default the one of `FUNCTIONS`.
    """
    function = function or FUNCTIONS[call.function]
    given = match_arguments(call, function).given.get(name)
    if given is not None and given.value is not None:
        return given.value
    return next(p.default for p in function.parameters if p.name == name)


def written_out(call: Call) -> Node:
    """Return what a call is short for; the call itself where it is short for nothing.

    ``winsorize(x, 0.01, by = year)`` is ``pmin(pmax(x, quantile(x, 0.01, by = year)), quantile(x, 0.99, by = year))``.
    """
    make = _SHORT.get(call.function)
    if make is not None and (call.function not in _WITHIN or any(a.name in ("by", "type") for a in call.arguments)):
        return make(call)
    if any(a.name == "na.rm" for a in call.arguments):  # missing values are left out in any case
        return replace(call, arguments=tuple(a for a in call.arguments if a.name != "na.rm"))
    return call


def _given(call: Call, name: str) -> Node:
    found = argument(call, name)
    assert found is not None  # the check has looked
    return found


def _call(span: Span, function: str, *arguments: Node, **named: Node | None) -> Call:
    places = (Argument(a, None, span) for a in arguments)
    return Call(function, (*places, *(Argument(a, name, span) for name, a in named.items() if a is not None)), span)


def _quantiles(call: Call) -> tuple[Node, Node, Node]:
    """Return x and its quantiles p and 1 - p within groups."""
    x, p = (_given(call, name) for name in ("x", "p"))
    by, kind = (argument(call, name) for name in ("by", "type"))
    share = number_value(p) or 0.0
    low, high = (_call(call.span, "quantile", x, Number(s, call.span), by=by, type=kind) for s in (share, 1 - share))
    return x, low, high


def _winsorized(call: Call) -> Node:
    x, low, high = _quantiles(call)
    return _call(call.span, "pmin", _call(call.span, "pmax", x, low), high)


def _trimmed(call: Call) -> Node:
    x, low, high = _quantiles(call)
    return _call(call.span, "ifelse", _call(call.span, "between", x, low, high), x, Constant(None, call.span))


def _standardised(call: Call, deviations: bool) -> Node:
    x, by, span = _given(call, "x"), _given(call, "by"), call.span
    centred = Binary("-", x, _call(span, "mean", x, by=by), span)
    return Binary("/", centred, _call(span, "sd", x, by=by), span) if deviations else centred


def _distinct(call: Call) -> Node:
    """Add up for each value one over the rows that have it; 0 in a group without a value."""
    x, by, span = _given(call, "x"), argument(call, "by"), call.span
    rows = _call(span, "count", by=x if by is None else Binary("^", by, x, span))
    share = _call(
        span, "ifelse", _call(span, "is.na", rows), Number(0.0, span), Binary("/", Number(1.0, span), rows, span)
    )
    return _call(span, "round", _call(span, "sum", share, by=by))


def _whole(call: Call) -> Node:
    x, span = _given(call, "x"), call.span
    return Binary("*", _call(span, "sign", x), _call(span, "floor", _call(span, "abs", x)), span)


_WITHIN = ("winsorize", "trim", "scale", "center")
"""Functions of their own over the whole panel, and short within groups or by quantiles of another type."""
_SHORT: dict[str, Callable[[Call], Node]] = {
    "winsorize": _winsorized,
    "trim": _trimmed,
    "scale": partial(_standardised, deviations=True),
    "center": partial(_standardised, deviations=False),
    "n_distinct": _distinct,
    "grepl": lambda call: Binary("%like%", _given(call, "x"), _given(call, "pattern"), call.span),
    "as.numeric": lambda call: Binary("*", Number(1.0, call.span), _given(call, "x"), call.span),
    "as.integer": _whole,
}

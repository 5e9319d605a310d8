"""The functions of the language: the one list of what an expression may call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from specdid.language.tree import Argument, Call, Constant, Node, Number

Kind = Literal["value", "condition", "constants", "text", "base", "degree", "lag", "tail", "logical", "terms"]
Where = Literal["value", "terms", "list", "columns", "stepwise"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One argument of a function; ``default`` None and ``optional`` False: it must be given."""

    name: str
    kind: Kind
    default: Node | None = None
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Function:
    """One function: where it may stand, and what it takes.

    ``where`` is "value" (any expression of columns), "terms" (a regressor of its own),
    "list" (behind ``%in%`` and the like), "columns" (a name pattern) or "stepwise".
    ``many`` is the kind of any number of unnamed arguments. ``by_unit`` functions look
    at a unit's other periods, so they need ``unit`` and ``time``.
    """

    name: str
    parameters: tuple[Parameter, ...]
    where: Where
    doc: str
    many: Kind | None = None
    least: int = 1
    by_unit: bool = False

    @property
    def signature(self) -> str:
        """The call as it is shown to a reader: ``winsorize(x, p)``."""
        names = [p.name for p in self.parameters] + (["..."] if self.many else [])
        return f"{self.name}({', '.join(names)})"


_X = Parameter("x", "value")
_K = Parameter("k", "lag", Number(1))
_P = Parameter("p", "tail")


def _value(name: str, doc: str, *parameters: Parameter, by_unit: bool = False) -> Function:
    return Function(name, parameters or (_X,), "value", doc, by_unit=by_unit)


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
    _value("scale", "mean 0 and standard deviation 1 over the full panel"),
    _value("center", "mean 0 over the full panel"),
    _value("winsorize", "the tails, p on either side, set to their quantiles", _X, _P),
    _value("trim", "the tails, p on either side, set to missing", _X, _P),
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
    _value("first", "the unit's first period where cond holds", Parameter("cond", "condition"), by_unit=True),
    _value("ave", "mean of x by the levels of by", _X, Parameter("by", "value")),
    Function("pmin", (), "value", "smallest of the columns, row by row", many="value"),
    Function("pmax", (), "value", "largest of the columns, row by row", many="value"),
    Function("factor", (_X,), "terms", "a dummy for every level but the first"),
    Function("C", (_X,), "terms", "the same as factor(x)"),
    Function(
        "i",
        (
            Parameter("f", "value"),
            Parameter("x", "value", optional=True),
            Parameter("ref", "constants", optional=True),
        ),
        "terms",
        "dummies for the levels of f, times x, without the reference levels",
    ),
    Function(
        "poly",
        (_X, Parameter("degree", "degree", Number(1)), Parameter("raw", "logical", Constant(False))),
        "terms",
        "orthogonal polynomial in x, or plain powers with raw = TRUE",
    ),
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
PATTERNS = tuple(function.name for function in _ALL if function.where == "columns")


@dataclass(frozen=True, slots=True)
class Matched:
    """A call's arguments by R's rules: to each parameter its argument, and what is left over."""

    given: dict[str, Argument]
    many: tuple[Argument, ...]
    unknown: tuple[Argument, ...]
    excess: tuple[Argument, ...]
    repeated: tuple[Argument, ...]


def match_arguments(call: Call, function: Function) -> Matched:
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
        return Matched(given, tuple(places), tuple(unknown), (), tuple(repeated))
    free = [name for name in names if name not in given]
    given |= dict(zip(free, places, strict=False))
    return Matched(given, (), tuple(unknown), tuple(places[len(free) :]), tuple(repeated))


def argument(call: Call, name: str) -> Node | None:
    """Return what ``call`` gives for the parameter ``name``, its default, or None.

    ``argument(parse("l(x)"), "k")`` is ``Number(1)``.
    """
    function = FUNCTIONS[call.function]
    given = match_arguments(call, function).given.get(name)
    if given is not None and given.value is not None:
        return given.value
    return next(p.default for p in function.parameters if p.name == name)

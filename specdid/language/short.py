"""Calls that are short for others: what they stand for, once for the panel and for every language of programs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from specdid._diagnostics import Span
from specdid.language.arguments import number_value
from specdid.language.functions import argument
from specdid.language.tree import Argument, Binary, Call, Constant, Node, Number


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
    """Add up for each value one over the rows that have it."""
    x, by, span = _given(call, "x"), argument(call, "by"), call.span
    rows = _call(span, "count", by=x if by is None else Binary("^", by, x, span))
    return _call(span, "round", _call(span, "sum", Binary("/", Number(1.0, span), rows, span), by=by))


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

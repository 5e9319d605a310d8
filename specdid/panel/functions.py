"""The functions of the language that give values; what is by unit works along the panel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from specdid._arrays import Bools, Floats
from specdid.language import argument, written_out
from specdid.language.tree import Binary, Call, Constant, Node, children
from specdid.panel import groups, texts
from specdid.panel.columns import Column, merge_levels, number, text
from specdid.panel.errors import EvaluationError, needed
from specdid.panel.operators import COMPARISONS, carry, holds, known, numeric

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation


def _elementwise(evaluation: Evaluation, call: Call, function: Callable[[Floats], Floats]) -> Column:
    node = needed(call, "x")
    column = evaluation.value(node)
    return carry(function(numeric(column, node)), column)


def _logarithm(evaluation: Evaluation, call: Call, function: Callable[[Floats], Floats], least: float) -> Column:
    """Take a log; a value that is not above ``least`` is missing and marked."""
    node = needed(call, "x")
    column = evaluation.value(node)
    values = numeric(column, node)
    impossible = np.asarray(values <= least)
    result = np.where(impossible, np.nan, function(np.where(impossible, np.nan, values)))
    base = argument(call, "base") if call.function == "log" else None
    if base is not None:
        result = result / np.log(evaluation.constant(base, "the base of a log"))
    log0 = impossible if column.log0 is None else impossible | column.log0
    return number(result, np.asarray(log0))


def _is_missing(evaluation: Evaluation, call: Call) -> Column:
    return number(evaluation.value(needed(call, "x")).missing.astype(np.float64))


def _same(evaluation: Evaluation, call: Call) -> Column:
    return evaluation.value(needed(call, "x"))


def _ifelse(evaluation: Evaluation, call: Call) -> Column:
    arguments = {name: needed(call, name) for name in ("test", "yes", "no")}
    test = evaluation.value(arguments["test"])
    chosen = numeric(test, arguments["test"])
    yes, no = evaluation.value(arguments["yes"]), evaluation.value(arguments["no"])
    if yes.is_text or no.is_text:
        return _ifelse_text(call, arguments, chosen, yes, no)
    a, b = numeric(yes, arguments["yes"]), numeric(no, arguments["no"])
    values = np.where(np.isnan(chosen), np.nan, np.where(chosen != 0, a, b))
    log0 = np.where(np.isnan(chosen), _mask(test), np.where(chosen != 0, _mask(yes), _mask(no)))
    return number(values, np.broadcast_to(log0, values.shape) & np.isnan(values))


def _mask(column: Column) -> Bools:
    return np.asarray(False) if column.log0 is None else column.log0


def _ifelse_text(call: Call, arguments: dict[str, Node], chosen: Floats, yes: Column, no: Column) -> Column:
    nothing = text(np.asarray(-1), ())
    sides = []
    for name, column in (("yes", yes), ("no", no)):
        node = arguments[name]
        if column.is_text:
            sides.append(column)
        elif isinstance(node, Constant) and node.value is None:
            sides.append(nothing)
        else:
            raise EvaluationError("column_type", "`ifelse` gives text in one case and numbers in the other", call.span)
    levels, (a, b) = merge_levels(sides)
    return text(np.where(np.isnan(chosen), -1, np.where(chosen != 0, a, b)), levels)


def _extreme(evaluation: Evaluation, call: Call, function: Callable[[Floats, Floats], Floats]) -> Column:
    """``pmin`` and ``pmax``: missing where any argument is."""
    nodes = [a.value for a in call.arguments if a.value is not None]
    columns = [evaluation.value(node) for node in nodes]
    values = numeric(columns[0], nodes[0])
    for node, column in zip(nodes[1:], columns[1:], strict=True):
        values = function(values, numeric(column, node))
    return carry(values, *columns)


def _standardise(evaluation: Evaluation, call: Call, deviations: bool) -> Column:
    """``center`` and ``scale``, over all rows of the panel."""
    if argument(call, "by") is not None:
        return _written_out(evaluation, call)
    node = needed(call, "x")
    column = evaluation.column(node)
    values = numeric(column, node)
    present = values[~np.isnan(values)]
    mean = present.mean() if present.size else 0.0
    centred = values - (mean + (present - mean).mean()) if present.size else values
    if deviations:
        centred = centred / (present.std(ddof=1) if present.size > 1 else np.nan)
    return carry(centred, column)


def _tails(evaluation: Evaluation, call: Call, cut: bool) -> Column:
    """``winsorize`` and ``trim``: R's default (type 7) quantiles, ``p`` in each tail."""
    if any(argument(call, name) is not None for name in ("by", "type")):
        return _written_out(evaluation, call)
    arguments = {name: needed(call, name) for name in ("x", "p")}
    column = evaluation.column(arguments["x"])
    values = numeric(column, arguments["x"])
    p = evaluation.constant(arguments["p"], "`p`")
    if not 0 <= p < 0.5:
        raise EvaluationError(
            "arguments",
            f"`p` must be at least 0 and below 0.5, for each tail; it is {p:g}",
            arguments["p"].span,
            "0.01 is 1% in each tail",
        )
    present = values[~np.isnan(values)]
    if not present.size:
        return column
    low, high = np.quantile(present, (p, 1 - p))
    if cut:
        return carry(np.where((values < low) | (values > high), np.nan, values), column)
    return carry(np.clip(values, low, high), column)


def shift_of(evaluation: Evaluation, call: Call, node: Node) -> int:
    """Return the whole number of periods of ``l``, ``f`` or ``d``."""
    periods = evaluation.constant(node, f"the periods of `{call.function}`")
    if not abs(periods) < 2**31 or periods != int(periods):
        raise EvaluationError("arguments", f"`{call.function}` moves by whole periods", node.span)
    return int(periods)


def lagged(evaluation: Evaluation, call: Call, periods: int) -> Column:
    """``l``, ``f`` and ``d`` by unit and time; a gap in time gives a missing value."""
    moved = groups.shifted(evaluation, call, -periods if call.function == "f" else periods)
    if call.function != "d":
        return moved
    node = needed(call, "x")
    column = evaluation.column(node)
    return carry(numeric(column, node) - numeric(moved, node), column, moved)


def _lag(evaluation: Evaluation, call: Call) -> Column:
    return lagged(evaluation, call, shift_of(evaluation, call, needed(call, "k")))


def _at(evaluation: Evaluation, call: Call) -> Column:
    """``at(x, cond)``: the unit's value in the row where the condition holds."""
    arguments = {name: needed(call, name) for name in ("x", "cond")}
    evaluation.require_unit(call.span, "`at`", time=False)
    column = evaluation.column(arguments["x"])
    test = evaluation.column(arguments["cond"])
    chosen = numeric(test, arguments["cond"])
    rows = np.flatnonzero((chosen != 0) & ~np.isnan(chosen) & ~column.missing)
    units = evaluation.panel.unit_codes
    assert units is not None
    source = np.full(len(evaluation.panel.unit_levels), -1, dtype=np.int64)
    source[units[rows[::-1]]] = rows[::-1]
    values = column.codes if column.numbers is None else column.numbers
    assert values is not None
    differing = rows[values[rows] != values[source[units[rows]]]]
    if differing.size:
        unit = evaluation.panel.unit_levels[units[differing[0]]]
        raise EvaluationError(
            "several_values",
            f"`at` finds several values for a unit: {evaluation.panel.unit} {unit} has more than one",
            call.span,
            "narrow the condition to one period, as in at(x, year == 2011)",
        )
    return column.take(source[units])


def _first(evaluation: Evaluation, call: Call) -> Column:
    """``first(cond)``: the first time the condition holds; Inf where it never does."""
    node = needed(call, "cond")
    evaluation.require_unit(call.span, "`first`", time=True)
    panel = evaluation.panel
    assert panel.unit_codes is not None
    assert panel.time is not None
    test = numeric(evaluation.column(node), node)
    times = panel.columns[panel.time].numbers
    assert times is not None
    earliest = np.full(len(panel.unit_levels), np.inf)
    observed = np.zeros(len(panel.unit_levels), dtype=bool)
    observed[panel.unit_codes[~np.isnan(test)]] = True
    rows = np.flatnonzero((test != 0) & ~np.isnan(test))
    np.minimum.at(earliest, panel.unit_codes[rows], times[rows])
    return number(np.where(observed, earliest, np.nan)[panel.unit_codes])


def _round(evaluation: Evaluation, call: Call) -> Column:
    digits = int(evaluation.constant(needed(call, "digits"), "`digits`"))
    return _elementwise(evaluation, call, partial(rounded, digits=digits))


def rounded(values: Floats, digits: int) -> Floats:
    """Round as R 4 does: to the nearer of the two candidates as they are represented, at a tie to the even one."""
    if digits == 0:
        return np.rint(values)
    power = 10.0 ** abs(digits)
    times, over = (np.multiply, np.divide) if digits > 0 else (np.divide, np.multiply)
    scaled = times(values, power)
    whole = np.rint(scaled)
    largest = float(np.fmax.reduce(np.abs(scaled), axis=None, initial=0.0))
    near = np.atleast_1d(np.abs(scaled - whole) > 0.5 - 1e-9 - 1e-15 * min(largest, 1e14))
    found = np.atleast_1d(over(whole, power))
    if largest > 1e14:
        near |= np.atleast_1d(~(np.abs(scaled) < 1e14) & ~np.isnan(scaled))
    if near.any():
        x, low = np.atleast_1d(values)[near], np.floor(np.atleast_1d(scaled)[near])
        below, above = over(low, power), over(np.ceil(np.atleast_1d(scaled)[near]), power)
        down, up = x - below, above - x
        nearest = np.where((down < up) | ((down == up) & (low % 2 == 0)), below, above)
        found[near] = np.where(np.abs(low) < 1e15, nearest, x)  # beyond, it has no more digits than these
    return found.reshape(np.shape(values))


def _between(evaluation: Evaluation, call: Call) -> Column:
    x, low, high = ((evaluation.value(n), n) for n in (needed(call, k) for k in ("x", "left", "right")))
    values, a, b = (numeric(*pair) for pair in (x, low, high))
    holds, fails = (values >= a) & (values <= b), (values < a) | (values > b)
    return carry(known(holds, ~(holds | fails)), x[0], low[0], high[0])


def _is_finite(evaluation: Evaluation, call: Call) -> Column:
    column = evaluation.value(needed(call, "x"))
    if column.numbers is None:
        return number(np.zeros(column.missing.shape))
    return number(np.isfinite(column.numbers).astype(np.float64))


def _written_out(evaluation: Evaluation, call: Call) -> Column:
    """Evaluate what a call is short for."""
    return evaluation.value(written_out(call))


def _case_when(evaluation: Evaluation, call: Call) -> Column:
    """Return the first case that holds; a condition that is NA does not hold."""
    cases = [a.value for a in call.arguments if isinstance(a.value, Binary) and a.name is None]
    default = argument(call, ".default")
    values = [case.right for case in cases] + ([] if default is None else [default])
    tests = [_true(evaluation, case.left) for case in cases]
    return _first_of(evaluation, call, values, [*tests, *([] if default is None else [np.asarray(True)])])


def _true(evaluation: Evaluation, node: Node) -> Bools:
    """Return where a condition holds; a comparison is not made a column first."""
    if isinstance(node, Binary) and node.operator in COMPARISONS:
        return holds(node, evaluation.value(node.left), evaluation.value(node.right))
    return np.asarray(np.abs(numeric(evaluation.value(node), node)) > 0)


def _coalesce(evaluation: Evaluation, call: Call) -> Column:
    values = [a.value for a in call.arguments if a.value is not None]
    return _first_of(evaluation, call, values, [~evaluation.value(node).missing for node in values])


def _first_of(evaluation: Evaluation, call: Call, nodes: list[Node], holds: list[Bools]) -> Column:
    """Return row by row the first of the values whose condition holds, missing where none does."""
    columns = [evaluation.value(node) for node in nodes]
    kinds = {c.is_text for c, node in zip(columns, nodes, strict=True) if not _is_na(node)}
    if len(kinds) > 1:
        message = f"`{call.function}` gives text in one case and numbers in another"
        raise EvaluationError("column_type", message, call.span, "`paste0(x)` makes texts of numbers")
    shape = np.broadcast_shapes(*(c.missing.shape for c in columns), *(h.shape for h in holds))
    if True in kinds:
        nothing = text(np.asarray(-1), ())
        levels, codes = merge_levels([nothing if _is_na(n) else c for c, n in zip(columns, nodes, strict=True)])
        return text(_first_values(holds, codes, -1, shape), levels)
    values = _first_values(holds, [numeric(c, node) for c, node in zip(columns, nodes, strict=True)], np.nan, shape)
    if all(c.log0 is None for c in columns):
        return number(values)
    log0 = _first_values(holds, [_mask(c) for c in columns], False, shape)
    return number(values, np.asarray(log0 & np.isnan(values), dtype=bool))


def _first_values(holds: list[Bools], values: Sequence[np.ndarray], otherwise: Any, shape: tuple[int, ...]) -> Any:
    """Choose by polars, which does so without a branch for each row; numpy's where takes ten times as long."""
    arrays = {f"{kind}{k}": a for kind, given in (("h", holds), ("v", values)) for k, a in enumerate(given)}

    def part(name: str) -> pl.Expr:
        return pl.col(name) if arrays[name].ndim else pl.lit(arrays[name].item())

    chosen: Any = pl
    for k in range(len(holds)):
        chosen = chosen.when(part(f"h{k}")).then(part(f"v{k}"))
    frame = pl.DataFrame({name: a for name, a in arrays.items() if a.ndim} or {"none": np.zeros(1)})
    found = frame.select(pl.repeat(otherwise, pl.len()).alias("x") if chosen is pl else chosen.otherwise(otherwise))
    chosen_values = found.to_series().to_numpy()
    if not shape or chosen_values.shape == shape:
        return chosen_values if shape else chosen_values[0]
    return np.full(shape, chosen_values[0])


def _is_na(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _cut(evaluation: Evaluation, call: Call) -> Column:
    """Return the interval of x, from 0: how many breaks lie below it (with right = FALSE: at or below)."""
    node, breaks = needed(call, "x"), needed(call, "breaks")
    column = evaluation.value(node)
    values = numeric(column, node)
    points = [evaluation.constant(n, "a cut point") for n in children(breaks)]
    closed_right = bool(evaluation.constant(needed(call, "right"), "`right`"))
    found = np.searchsorted(points, values, side="left" if closed_right else "right").astype(np.float64)
    return carry(np.where(np.isnan(values), np.nan, found), column)


FUNCTIONS: dict[str, Callable[[Evaluation, Call], Column]] = {
    "log": partial(_logarithm, function=np.log, least=0.0),
    "log10": partial(_logarithm, function=np.log10, least=0.0),
    "log1p": partial(_logarithm, function=np.log1p, least=-1.0),
    "exp": partial(_elementwise, function=np.exp),
    "sqrt": partial(_elementwise, function=np.sqrt),
    "abs": partial(_elementwise, function=np.abs),
    "asinh": partial(_elementwise, function=np.arcsinh),
    "floor": partial(_elementwise, function=np.floor),
    "I": _same,
    "factor": _same,
    "C": _same,
    "is.na": _is_missing,
    "ifelse": _ifelse,
    "pmin": partial(_extreme, function=np.minimum),
    "pmax": partial(_extreme, function=np.maximum),
    "center": partial(_standardise, deviations=False),
    "scale": partial(_standardise, deviations=True),
    "winsorize": partial(_tails, cut=False),
    "trim": partial(_tails, cut=True),
    "n_distinct": _written_out,
    "grepl": _written_out,
    "as.numeric": _written_out,
    "as.integer": _written_out,
    "l": _lag,
    "f": _lag,
    "d": _lag,
    "at": _at,
    "first": _first,
    "round": _round,
    "sign": partial(_elementwise, function=np.sign),
    "ceiling": partial(_elementwise, function=np.ceil),
    "between": _between,
    "is.finite": _is_finite,
    "case_when": _case_when,
    "coalesce": _coalesce,
    "cut": _cut,
    **groups.FUNCTIONS,
    **texts.FUNCTIONS,
}
"""Function -> what it gives on a panel. ``i`` and ``poly`` are terms, coded in ``design``."""

"""What is no expression in Stata: a lag, a mean by group, a quantile, a spline become variables of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

from specdid._programs.script import POLY, SPLINE
from specdid._programs.stata import INFINITY
from specdid._programs.trees import (
    Call,
    Number,
    Text,
    given,
    many,
    number,
    plain_number,
)
from specdid.language import argument
from specdid.language.tree import children, joint_levels
from specdid.panel.splines import Spline

if TYPE_CHECKING:
    from specdid.exports._stata_values import StataValues


def _lag(values: StataValues, call: Call) -> str:
    """Make a lag along unit and time."""
    k = int(number(given(call, "k"))) * (-1 if call.function == "f" else 1)
    x = values.variable(given(call, "x"))
    text = values.is_text(given(call, "x"))
    name = values.new(text)
    values.used["panel"] = None
    values.lines.append("sort _unit _period")
    operator = f"{'L' if k >= 0 else 'F'}{abs(k)}"
    if text:
        row = values.generate("_n")
        source = values.generate(f"{operator}.{row}")
        values.lines.append(f"generate {name} = {x}[{source}]")
    else:
        values.lines.append(f"generate double {name} = {operator}.{x}")
    return f"({x} - {name})" if call.function == "d" else name


def _at(values: StataValues, call: Call) -> str:
    """Make the unit's value where a condition holds."""
    x, name = values.variable(given(call, "x")), values.new(values.is_text(given(call, "x")))
    held = values.generate(values.true(given(call, "cond")))
    values.lines.append(f"replace {held} = 0 if missing({x})")
    kind, nothing = ("", '""') if name in values.texts else ("double ", ".")
    chosen = f"cond({held}[_N] == 1, {x}[_N], {nothing})"
    values.lines.append(f"bysort {values.unit} ({held}): generate {kind}{name} = {chosen}")
    return name


def _first(values: StataValues, call: Call) -> str:
    """Make the first time at which a condition holds; infinity is Stata's largest number."""
    condition = given(call, "cond")
    hit = values.generate(f"cond({values.true(condition)}, {values.time}, {INFINITY})")
    known = values.generate(f"{values.true(condition)} | {values.false(condition)}")
    name, any_known = values.new(), values.new()
    values.lines.append(f"egen double {name} = min({hit}), by({values.unit})")
    values.lines.append(f"egen double {any_known} = max({known}), by({values.unit})")
    values.lines.append(f"replace {name} = . if {any_known} == 0")
    return name


def _average(values: StataValues, call: Call) -> str:
    """Make a group's mean."""
    x, by, name = values.variable(given(call, "x")), values.variable(given(call, "by")), values.new()
    values.lines.append(f"egen double {name} = mean({x}) if !missing({by}), by({by})")
    return name


def _tails(values: StataValues, call: Call) -> str:
    """Make the variable with its tails set to their quantiles, or to missing."""
    x, p, name = values.variable(given(call, "x")), plain_number(number(given(call, "p"))), values.new()
    values.used["quantiles"] = None
    values.lines.append(f"quantiles {x} {p}")
    if call.function == "trim":
        values.lines.append(f"generate double {name} = {x} if inrange({x}, r(low), r(high))")
    else:
        inside = f"min(max({x}, r(low)), r(high))"
        values.lines.append(f"generate double {name} = cond(missing({x}), ., {inside})")
    return name


def _standardised(values: StataValues, call: Call) -> str:
    """Make the centred (and scaled) variable."""
    x, name = values.variable(given(call, "x")), values.new()
    values.lines.append(f"summarize {x}")
    scale = " / r(sd)" if call.function == "scale" else ""
    values.lines.append(f"generate double {name} = ({x} - r(mean)){scale}")
    return name


def _polynomial(values: StataValues, call: Call) -> str:
    """Make a column of an orthogonal polynomial of unit length, as R scales it."""
    x, degree, k = many(call)
    variable, name = values.variable(x), values.new()
    top = int(number(degree))
    stubs = " ".join(f"{name}_{j}" for j in range(1, top + 1))
    values.lines.append(f"orthpoly {variable}, generate({stubs}) degree({top})")
    values.lines.append(f"quietly count if !missing({variable})")
    values.lines.append(f"generate double {name} = {name}_{int(number(k))} / sqrt(r(N))")
    return name


def _groups(values: StataValues, call: Call) -> list[str]:
    """Return the variables that form groups; one that is the same in every row where there are none."""
    by = argument(call, "by")
    return [values.variable(Number(1.0))] if by is None else [values.variable(n) for n in joint_levels(by)]


def _known(values: StataValues, call: Call, groups: list[str]) -> str:
    """Make the variable without the rows that are in no group."""
    x = values.variable(given(call, "x"))
    return values.generate(f"cond(missing({', '.join(groups)}), ., {x})")


def _egen(values: StataValues, function: str, x: str, groups: list[str]) -> str:
    name = values.new()
    here = f"if !missing({', '.join(groups)})"
    values.lines.append(f"egen double {name} = {function}({x}) {here}, by({' '.join(groups)})")
    return name


_STATISTICS = {
    "mean": ("mean", 1), "median": ("median", 1), "min": ("min", 1), "max": ("max", 1), "sum": ("total", 1),
    "sd": ("sd", 2),
}  # fmt: skip
"""Function -> egen's word, and how many known values it needs."""


def _aggregate(values: StataValues, call: Call) -> str:
    """Make a statistic of groups, missing where they have too few known values."""
    groups = _groups(values, call)
    x = _known(values, call, groups)
    function, least = _STATISTICS[call.function]
    name, known = _egen(values, function, x, groups), _egen(values, "count", x, groups)
    values.lines.append(f"replace {name} = . if {known} < {least}")
    return name


def _count(values: StataValues, call: Call) -> str:
    return _egen(values, "count", values.variable(Number(1.0)), _groups(values, call))


def _rank(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    return _egen(values, "rank", _known(values, call, groups), groups)


def _quantile_of(values: StataValues, x: str, groups: list[str], p: float) -> str:
    """Make R's default quantile of groups: between the two values around place (n - 1) p + 1."""
    n = _egen(values, "count", x, groups)
    place = values.generate(f"({n} - 1) * {p!r} + 1")
    low = values.generate(f"floor({place})")
    name = values.new()
    step = f"({place} - {low}) * ({x}[min({low} + 1, {n})] - {x}[{low}])"
    values.lines.append(f"bysort {' '.join(groups)} ({x}): generate double {name} = {x}[{low}] + {step}")
    return name


def _quantile(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    return _quantile_of(values, _known(values, call, groups), groups, number(given(call, "probs")))


def _quantile_group(values: StataValues, call: Call) -> str:
    groups = _groups(values, call)
    x, n = _known(values, call, groups), int(number(given(call, "n")))
    cuts = [_quantile_of(values, x, groups, k / n) for k in range(1, n)]
    return values.generate(f"cond(missing({x}), ., 1 + {' + '.join(f'({x} > {cut})' for cut in cuts)})")


def _ntile(values: StataValues, call: Call) -> str:
    """Make groups of equal size, ties in the order of unit and time."""
    groups = _groups(values, call)
    x, n = _known(values, call, groups), plain_number(number(given(call, "n")))
    size, place = _egen(values, "count", x, groups), values.new()
    keys = " ".join(k for k in (x, values.unit, values.time) if k)
    values.lines.append(f"bysort {' '.join(groups)} ({keys}): generate double {place} = _n - 1")
    small, larger = values.generate(f"floor({size} / {n})"), values.generate(f"mod({size}, {n})")
    edge = values.generate(f"{larger} * ({small} + 1)")
    first, later = f"floor({place} / ({small} + 1))", f"{larger} + floor(({place} - {edge}) / max({small}, 1))"
    return values.generate(f"cond(missing({x}), ., cond({place} < {edge}, {first}, {later}) + 1)")


def _group(values: StataValues, call: Call) -> str:
    name = values.new()
    values.lines.append(f"egen double {name} = group({' '.join(map(values.variable, many(call)))})")
    return name


def _running(values: StataValues, call: Call) -> str:
    """Make a running sum or largest value, missing from the unit's first missing value on."""
    x, name, unknown = values.variable(given(call, "x")), values.new(), values.new()
    along = f"bysort {values.unit} ({values.time})"
    values.lines.append(f"{along}: generate double {unknown} = sum(missing({x}))")
    if call.function == "cumsum":
        values.lines.append(f"{along}: generate double {name} = sum({x})")
    else:
        values.lines.append(f"generate double {name} = {x}")
        values.lines.append(f"{along}: replace {name} = max({name}, {name}[_n-1]) if _n > 1")
    values.lines.append(f"replace {name} = . if {unknown} > 0")
    return name


def _lagged(values: StataValues, x: str, k: int) -> str:
    """Name a variable k periods earlier."""
    values.used["panel"] = None
    values.lines.append("sort _unit _period")
    return x if k == 0 else values.generate(f"L{k}.{x}")


def _window(values: StataValues, call: Call) -> str:
    """Make a statistic of n periods in a row; a lag that has no row is missing, and so is the sum."""
    x, n = values.variable(given(call, "x")), int(number(given(call, "n")))
    lags = [_lagged(values, x, k) for k in range(n)]
    total = values.generate(" + ".join(lags))
    if call.function == "roll_sum":
        return total
    mean = values.generate(f"{total} / {n}")
    if call.function == "roll_mean":
        return mean
    return values.generate(f"sqrt(({' + '.join(f'({lag} - {mean})^2' for lag in lags)}) / {n - 1})")


def _growth(values: StataValues, call: Call) -> str:
    x = values.variable(given(call, "x"))
    return f"({x} / {_lagged(values, x, int(number(given(call, 'k'))))} - 1)"


def _interpolate(values: StataValues, call: Call) -> str:
    """Fill gaps along a straight line in time; outside the record nothing is known."""
    x, name = values.variable(given(call, "x")), values.new()
    values.used["panel"] = None
    values.lines.append(f"ipolate {x} _period, generate({name}) by(_unit)")
    return name


def _carry_forward(values: StataValues, call: Call) -> str:
    x = given(call, "x")
    text = values.is_text(x)
    source, name = values.variable(x), values.new(text)
    values.lines.append(f"generate {'' if text else 'double '}{name} = {source}")
    along = f"bysort {values.unit} ({values.time})"
    values.lines.append(f"{along}: replace {name} = {name}[_n-1] if missing({name}) & _n > 1")
    return name


def _spline(values: StataValues, call: Call) -> str:
    """Make a column of a spline by the recursion of de Boor and Cox over its knots, each B-spline a variable."""
    x, kind, degree, inner, ends, part = many(call)
    assert isinstance(kind, Text)
    low, high = (number(n) for n in children(ends))
    curve = Spline(kind.value == "ns", int(number(degree)), tuple(number(n) for n in children(inner)), (low, high))
    name = values.variable(x)
    if (name, curve) not in values.splines:
        values.splines[name, curve] = _b_splines(values, name, curve)
    weights = curve.combinations()[:, int(number(part)) - 1].tolist()
    pairs = zip(weights, values.splines[name, curve], strict=True)
    return values.generate(" + ".join(f"({w!r}) * {b}" for w, b in pairs if w))


def _b_splines(values: StataValues, x: str, curve: Spline) -> list[str]:
    """Make the B-splines of x but the first; the last interval holds its right end."""
    knots = [float(k) for k in curve.knots]
    basis: list[str | None] = []
    for a, b in pairwise(knots):
        closed = "<=" if b == knots[-1] else "<"
        basis.append(values.generate(f"cond(missing({x}), ., {x} >= {a!r} & {x} {closed} {b!r})") if a < b else None)
    for degree in range(1, curve.degree + 1):
        new: list[str | None] = []
        for j, (left, right) in enumerate(pairwise(basis)):
            terms = []
            if left is not None:
                terms.append(f"({x} - ({knots[j]!r})) / {knots[j + degree] - knots[j]!r} * {left}")
            if right is not None:
                terms.append(f"({knots[j + degree + 1]!r} - {x}) / {knots[j + degree + 1] - knots[j + 1]!r} * {right}")
            new.append(values.generate(" + ".join(terms)) if terms else None)
        basis = new
    return [b for b in basis[1:] if b is not None]


VARIABLES: dict[str, Callable[[StataValues, Call], str]] = {
    "l": _lag, "f": _lag, "d": _lag, "at": _at, "first": _first, "ave": _average, "winsorize": _tails,
    "trim": _tails, "scale": _standardised, "center": _standardised, POLY: _polynomial, SPLINE: _spline,
    **dict.fromkeys(_STATISTICS, _aggregate), "count": _count, "rank": _rank, "quantile": _quantile,
    "quantile_group": _quantile_group, "ntile": _ntile, "group": _group, "cumsum": _running, "cummax": _running,
    "roll_mean": _window, "roll_sum": _window, "roll_sd": _window, "growth": _growth, "interpolate": _interpolate,
    "carry_forward": _carry_forward,
}  # fmt: skip
"""Function -> what makes a variable of its values and names it."""

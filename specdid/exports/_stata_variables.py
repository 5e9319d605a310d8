"""What is no expression in Stata: a lag, a group's mean, a quantile become variables of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from specdid._programs.script import POLY
from specdid._programs.stata_names import INFINITY
from specdid._programs.trees import Call, given, many, number, plain_number

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


VARIABLES: dict[str, Callable[[StataValues, Call], str]] = {
    "l": _lag, "f": _lag, "d": _lag, "at": _at, "first": _first, "ave": _average, "winsorize": _tails,
    "trim": _tails, "scale": _standardised, "center": _standardised, POLY: _polynomial,
}  # fmt: skip
"""Function -> what makes a variable of its values and names it."""

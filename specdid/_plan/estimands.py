"""What each estimate is an estimate of, and in which unit, in words that follow the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Bools
from specdid._plan.identity import Contents
from specdid._plan.records import Codes, Grid
from specdid._study import Core
from specdid.language import Bound, Scope, Term, bind, write
from specdid.language.tree import Binary, Call, Name, Node, Unary
from specdid.panel import Evaluator


@dataclass(frozen=True, slots=True)
class Treated:
    """What a coefficient belongs to.

    Attributes
    ----------
    term : as it is written
    kind
        "share" where its values lie between 0 and 1 and reach both, so that one unit is from
        none to full (a 0/1 treatment is one); else "amount".
    interaction : whether it is a product of factors
    where : conditions under which it alone is the effect, of what it is interacted with in other terms
    """

    term: str
    kind: Literal["share", "amount"] = "share"
    interaction: bool = False
    where: tuple[str, ...] = ()


def estimands(
    contents: Sequence[Contents], codes: Codes, setting: Codes, evaluator: Evaluator
) -> tuple[tuple[str, ...], Codes]:
    """Return the words of every specification.

    Parameters
    ----------
    contents : of each setting
    codes, setting : (S, D) and (S,) int32, as in Plan

    Returns
    -------
    words : each once, in the order of the plan
    place : (S,) int32, places in ``words``
    """
    key = np.zeros(len(codes), np.int64)
    found: list[str] = []
    for s, content in enumerate(contents):
        of_setting = setting == s
        for t in np.unique(codes[of_setting, Core.TREATMENT]).tolist():
            here = np.flatnonzero(of_setting & (codes[:, Core.TREATMENT] == t))
            of_controls, treated = _by_controls(content, t, evaluator)
            controls, estimator = codes[here, Core.CONTROLS], codes[here, Core.ESTIMATOR]
            key[here] = len(found) + of_controls[controls] * len(content.grid.estimators) + estimator
            found += [words for one in treated for words in _words(content, t, one)]
    unique, first = np.unique(key, return_index=True)
    place: dict[str, int] = {}
    number = np.zeros(len(found), np.int32)
    for k in unique[np.argsort(first)].tolist():
        number[k] = place.setdefault(found[k], len(place))
    return tuple(place), number[key]


def _treated(content: Contents, t: int, evaluator: Evaluator) -> Treated:
    """Look at the values of a treatment on the whole panel."""
    treatment = content.grid.treatments[t]
    term = treatment.term
    column = evaluator.term(tuple(bind(f, content.scope) for f in term.factors))[0].numbers
    values = column[np.isfinite(column)]
    share = not values.size or (values.min() >= 0 and values.max() <= 1 and np.isin([0.0, 1.0], values).all())
    # The product of an arm and a period is its effect: arms and periods are among the terms, or absorbed.
    interaction = len(term.factors) > 1 and treatment.arm is None
    return Treated(term.text, "share" if share else "amount", interaction)


def _by_controls(content: Contents, t: int, evaluator: Evaluator) -> tuple[NDArray[np.int64], list[Treated]]:
    """Return for each choice of controls a number, and for each number what the treatment is there."""
    plain = _treated(content, t, evaluator)
    own = _factors(content.grid.treatments[t].term, content)
    sets = content.grid.controls
    fixed = _conditions(content.fixed_terms(t), own, content, evaluator)
    conditions = [_conditions((term,), own, content, evaluator) for term in sets.terms]
    flagged = np.array([bool(p) for p in conditions])
    if not flagged.any():
        return np.zeros(len(sets), np.int64), [_beside(plain, fixed)]
    members = np.zeros((len(sets), len(sets.terms)), dtype=bool)
    members[np.repeat(np.arange(len(sets)), np.diff(sets.start)), sets.index] = True
    rows, number = np.unique(members & flagged, axis=0, return_inverse=True)
    found = [_beside(plain, [*fixed, *(p for k in np.flatnonzero(row) for p in conditions[k])]) for row in rows]
    return number.reshape(-1).astype(np.int64), found


def _beside(plain: Treated, where: Sequence[str]) -> Treated:
    return replace(plain, where=tuple(sorted(set(where))))


def _factors(term: Term, content: Contents) -> dict[str, Bound]:
    """Return a term's factors by their content."""
    return {bound.digest: bound for bound in (bind(f, content.scope) for f in term.factors)}


def _conditions(terms: Sequence[Term], own: Mapping[str, Bound], content: Contents, evaluator: Evaluator) -> list[str]:
    """Say where the terms that hold the treatment and more are nothing."""
    found = []
    for term in terms:
        factors = _factors(term, content)
        if len(factors) > len(own) and own.keys() <= factors.keys():
            found += [_nothing(bound, evaluator) for digest, bound in factors.items() if digest not in own]
    return found


def _nothing(bound: Bound, evaluator: Evaluator) -> str:
    text = write(bound.node)
    function = bound.node.function if isinstance(bound.node, Call) else ""
    numbers = function in ("poly", "bs", "ns", "l", "f", "d")  # several columns, which have no values of their own
    if function in ("factor", "C", "i") or (not numbers and evaluator.column(bound).is_text):
        return f"{text} is at its reference level"
    return f"{text} is 0"


def _words(content: Contents, t: int, treated: Treated) -> list[str]:
    """Return the words under each estimator: the treatment's own, else the estimator's."""
    own, arm = content.grid.treatments[t].estimand, content.grid.treatments[t].arm
    found = []
    for choice in content.grid.estimators:
        declared = _plugins.load("estimators", choice.method)
        said = declared.estimand if declared.words is None else declared.words(treated, choice.options)
        if content.setting.instruments:
            own, said = None, instrumented_words(treated, [t.text for t in content.setting.instruments])
        found.append(f"{own or said}{f': {arm}' if arm else ''}")
    return found


def instrumented_words(treated: Treated, instruments: Sequence[str]) -> str:
    """Say what two-stage least squares estimates: of whom, the instruments decide (Imbens and Angrist 1994)."""
    by = f"(2SLS by {' + '.join(instruments)})"
    if treated.interaction or treated.where:
        where = f" where {' and '.join(treated.where)}" if treated.where else ""
        return f"coefficient of {treated.term}{where} {by}"
    if treated.kind == "amount":
        return f"average response of those whom the instruments move, per unit of {treated.term} {by}"
    return f"local average treatment effect of compliers {by}"


LOGS, AS_IT_IS = ("log", "log1p", "log10", "asinh"), ("I", "winsorize", "trim", "center", "l", "f", "d")
"""Functions whose values are logarithms, and those whose values are in logarithms where their first argument is."""


def is_log(node: Node, scope: Scope) -> bool:
    """Say whether an outcome is itself in logarithms: a log, a derived one, a multiple or a difference of these."""
    if isinstance(node, Call):
        inner = node.arguments[0].value if node.function in AS_IT_IS and node.arguments else None
        return node.function in LOGS or (inner is not None and is_log(inner, scope))
    if isinstance(node, Unary):
        return is_log(node.operand, scope)
    if isinstance(node, Binary):
        sides = [is_log(side, scope) for side in (node.left, node.right)]
        if node.operator == "/":
            return sides == [True, False]
        return any(sides) if node.operator in ("+", "-") else node.operator == "*" and sides[0] != sides[1]
    definition = scope.definition(node.name) if isinstance(node, Name) else None
    return definition is not None and is_log(definition.node, definition.scope)


def scales(labels: Sequence[str], grid: Grid, codes: Codes, excluded: Bools) -> tuple[tuple[str, ...], Codes]:
    """Return the scale of every specification.

    A log-link estimate of an outcome that is itself a log is of the log of a log: the declared scale is that of
    least squares, and the other has one of its own.

    Parameters
    ----------
    labels : of the outcomes
    codes : (S, D) int32, as in Plan
    excluded : (S,) bool

    Returns
    -------
    words : each once
    place : (S,) int32, places in ``words``, -1 where none is declared
    """
    units = np.array([_plugins.load("estimators", e.method).unit for e in grid.estimators])
    words: dict[str, int] = {}
    table = np.full((len(labels), len(units)), -1, np.int32)
    for o, declared in enumerate(grid.scales):
        used = np.unique(units[codes[(codes[:, Core.OUTCOME] == o) & ~excluded, Core.ESTIMATOR]])
        logged = any(is_log(grid.outcomes[o], setting.scope) for setting in grid.settings)
        for e, unit in enumerate(units.tolist()):
            if logged and unit in used and (len(used) > 1 or declared == unit):
                found = f"{unit} of {labels[o]}" if unit else declared
            else:
                found = declared if len(used) < 2 else _own(declared, unit, labels[o], used.tolist())
            if found is not None:
                table[o, e] = words.setdefault(found, len(words))
    return tuple(words), table[codes[:, Core.OUTCOME], codes[:, Core.ESTIMATOR]]


def by_declared_scale(
    estimands: tuple[tuple[str, ...], Codes],
    scales: tuple[tuple[str, ...], Codes],
    grid: Grid,
    codes: Codes,
    excluded: Bools,
) -> tuple[tuple[str, ...], Codes]:
    """Tell estimands apart where an estimator's unit puts outcomes that declare different scales on one.

    Semi-elasticities of hours and of a rate are in log points both, but a median of both is of nothing that
    the study calls comparable: its outcomes share a curve where their declared scale is the same.

    Parameters
    ----------
    estimands, scales : words, each once, and (S,) places in them
    codes, excluded : (S, D) int32 and (S,) bool, as in Plan

    Returns
    -------
    words : each once, in the order of the plan
    place : (S,) int32, places in ``words``
    """
    (words, estimand), (units, scale) = estimands, scales
    outcome = codes[:, Core.OUTCOME].astype(np.int64)
    key = (scale.astype(np.int64) * len(words) + estimand) * len(grid.scales) + outcome
    declared: dict[tuple[int, int], set[str | None]] = {}
    for k in np.unique(key[(scale >= 0) & ~excluded]).tolist():
        family, o = divmod(k, len(grid.scales))
        declared.setdefault(divmod(family, len(words)), set()).add(grid.scales[o])
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    found: dict[str, int] = {}
    place = np.zeros(len(first), np.int32)
    for k in np.argsort(first).tolist():
        s, e, own = int(scale[first[k]]), int(estimand[first[k]]), grid.scales[int(outcome[first[k]])]
        mixed = len(declared.get((s, e), ())) > 1 and own != units[s]
        place[k] = found.setdefault(f"{words[e]}, outcomes in {own}" if mixed else words[e], len(found))
    return tuple(found), place[number.reshape(-1)]


def _own(declared: str | None, unit: str, label: str, used: Sequence[str]) -> str | None:
    """Return the scale of estimates in a unit, of an outcome whose estimates are in several."""
    if unit:
        return f"{unit} of {label}" if declared is None else unit
    return None if declared in used else declared

"""What each estimate is an estimate of, and in which unit, in words that follow the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._plan.base_periods import base_periods
from specdid._plan.identity import Contents
from specdid._plan.records import Codes, Grid
from specdid._study import Core
from specdid.language import FUNCTIONS, Bound, Scope, Term, argument, bind, write
from specdid.language.tree import Binary, Call, Name, Node, Number, Unary, children
from specdid.panel import EvaluationError, Evaluator
from specdid.panel.design import CodedColumn


@dataclass(frozen=True, slots=True)
class Treated:
    """What a coefficient belongs to.

    Attributes
    ----------
    term : as it is written
    kind
        "share" where its values lie between 0 and 1 and reach both, so that one unit is from
        none to full (a 0/1 treatment is one); else "amount".
    interaction : whether it is a product of factors, and not of what units and what periods differ in
    where : conditions under which it alone is the effect, of what it is interacted with in other terms
    held : other terms that are made of it, as its lags are
    base : periods that it is relative to, where other terms are of the same units in others
    """

    term: str
    kind: Literal["share", "amount"] = "share"
    interaction: bool = False
    where: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    base: str = ""

    @property
    def given(self) -> str:
        """What its coefficient is given of the other terms that it is part of: "", or words that begin with a blank."""
        where = f" where {' and '.join(self.where)}" if self.where else ""
        return f"{where}, {' and '.join(self.held)} held fixed" if self.held else where


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
            of_controls, treated, values = _by_controls(content, t, evaluator)
            controls, estimator = codes[here, Core.CONTROLS], codes[here, Core.ESTIMATOR]
            of_base, bases = base_periods(content, t, values, evaluator)
            one = of_controls[controls] * len(bases) + of_base[controls, codes[here, Core.FIXED_EFFECTS]]
            key[here] = len(found) + one * len(content.grid.estimators) + estimator
            found += [
                words for one in treated for base in bases for words in _words(content, t, replace(one, base=base))
            ]
    unique, first = np.unique(key, return_index=True)
    place: dict[str, int] = {}
    number = np.zeros(len(found), np.int32)
    for k in unique[np.argsort(first)].tolist():
        number[k] = place.setdefault(found[k], len(place))
    return tuple(place), number[key]


def _treated(content: Contents, t: int, evaluator: Evaluator) -> tuple[Treated, Floats]:
    """Look at the values of a treatment on the whole panel."""
    treatment = content.grid.treatments[t]
    term = treatment.term
    column = evaluator.term(tuple(bind(f, content.scope) for f in term.factors))[0].numbers
    values = column[np.isfinite(column)]
    share = not values.size or (values.min() >= 0 and values.max() <= 1 and np.isin([0.0, 1.0], values).all())
    # The product of an arm and a period is its effect: arms and periods are among the terms, or absorbed.
    interaction = len(term.factors) > 1 and treatment.arm is None and not _units_by_periods(content, t, evaluator)
    return Treated(term.text, "share" if share else "amount", interaction), column


def _units_by_periods(content: Contents, t: int, evaluator: Evaluator) -> bool:
    """Say whether a treatment is a product of what only units differ in and what only periods differ in.

    Such a product is the difference in differences itself: its main effects, absorbed or among the terms, are no
    effects of anything.
    """
    factors = content.grid.treatments[t].term.factors
    units, periods = evaluator.panel.unit_codes, evaluator.panel.periods
    if len(factors) != 2 or units is None or periods is None:
        return False
    one, other = (evaluator.term((bind(f, content.scope),)) for f in factors)
    return (_only_between(units, one) and _only_between(periods, other)) or (
        _only_between(periods, one) and _only_between(units, other)
    )


def _only_between(groups: Ints, columns: Sequence[CodedColumn]) -> bool:
    """Say whether columns never differ within a group, but for missing values."""
    for column in columns:
        known = np.isfinite(column.numbers)
        order = np.argsort(groups[known], kind="stable")
        group, values = groups[known][order], column.numbers[known][order]
        if ((np.diff(group) == 0) & (np.diff(values) != 0)).any():
            return False
    return True


def _by_controls(content: Contents, t: int, evaluator: Evaluator) -> tuple[NDArray[np.int64], list[Treated], Floats]:
    """Return for each choice of controls a number, for each number what the treatment is there, and its values."""
    plain, values = _treated(content, t, evaluator)
    own = Made(tuple(bind(f, content.scope) for f in content.grid.treatments[t].term.factors))
    sets = content.grid.controls

    def given(term: Term) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return _given(term, own, values, content.scope, evaluator)

    fixed = [given(term) for term in content.fixed_terms(t)]
    found = [given(term) for term in sets.terms]
    flagged = np.array([bool(where or held) for where, held in found])
    if not flagged.any():
        return np.zeros(len(sets), np.int64), [_beside(plain, fixed)], values
    members = np.zeros((len(sets), len(sets.terms)), dtype=bool)
    members[np.repeat(np.arange(len(sets)), np.diff(sets.start)), sets.index] = True
    rows, number = np.unique(members & flagged, axis=0, return_inverse=True)
    beside = [_beside(plain, [*fixed, *(found[k] for k in np.flatnonzero(row))]) for row in rows]
    return number.reshape(-1).astype(np.int64), beside, values


def _beside(plain: Treated, given: Sequence[tuple[tuple[str, ...], tuple[str, ...]]]) -> Treated:
    where, held = ({text for one in given for text in one[k]} for k in (0, 1))
    return replace(plain, where=tuple(sorted(where)), held=tuple(sorted(held)))


def _given(
    term: Term, own: Made, values: Floats, scope: Scope, evaluator: Evaluator
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Say where a term that the treatment is part of is nothing, else that it is held fixed."""
    factors = tuple(bind(f, scope) for f in term.factors)
    others = own.times(factors)
    if others is not None:
        dummy = np.isin(values[np.isfinite(values)], (0.0, 1.0)).all()
        squared = {*own.atoms} <= {f.digest for f in others}
        itself = own.atoms if dummy or squared else ()
        left = [f for f in others if not isinstance(f.node, Number) and f.digest not in itself]
        words = [_nothing(factor, evaluator) for factor in left]
        return tuple(words if dummy or not squared else [*words, f"{own.text} is 0"]), ()
    made = own.within(factors)
    if made and any(isinstance(n := _spelt(f).node, Call) and n.function in ("l", "f", "d") for f in factors):
        return (), (term.text,)
    if not made and any(isinstance(f.node, Call) and FUNCTIONS[f.node.function].where == "terms" for f in factors):
        return (), ()  # a level that only the treated have is no interaction
    try:
        columns = [column.numbers for column in evaluator.term(factors)]
    except EvaluationError:  # said where the control is checked
        return (), ()
    known = values[np.isfinite(values)]
    other = 1 - values if made and np.isin(known, (0.0, 1.0)).all() else values  # (1 - d) * x is nothing at 1
    if any(all(vanishes_with(side, column, known=made) for column in columns) for side in (values, other)):
        return (f"{term.text} is 0",), ()
    again = all(_multiple(values, column) or _multiple(other, column) for column in columns)
    return (), (term.text,) if own.within(factors, ALONG) and not again else ()


ALONG = frozenset(("cumsum", "cummax", "roll_mean", "roll_sum", "roll_sd", "growth"))
"""Functions of a unit's periods up to its own: of a treatment they are its history, as its lags are."""


CHANCE = 1e-3
"""A control is an interaction by its values where so few would be zero wherever the treatment is, were it another."""


def vanishes_with(treatment: Floats, column: Floats, known: bool = False) -> bool:
    """Say whether a column is zero wherever the treatment is, and no multiple of it: an interaction with it.

    Parameters
    ----------
    known : whether its formula contains the treatment, so that no chance is to be ruled out.
    """
    few = slice(None, None, max(1, len(column) // 1000))  # most controls are told by these
    if ((treatment[few] == 0) & np.isfinite(column[few]) & (column[few] != 0)).any():
        return False
    both = np.isfinite(treatment) & np.isfinite(column)
    there, moved = both & (treatment != 0), both & (column != 0)
    if not moved.any() or (moved & ~there).any() or there.sum() == both.sum() or _multiple(treatment, column):
        return False
    if not np.isin(treatment[there], (1.0,)).all() and not (there & ~moved).any():
        return False  # another function of an amount, as whether there is any
    return known or int(moved.sum()) * math.log(there.sum() / both.sum()) < math.log(CHANCE)


def _multiple(treatment: Floats, column: Floats) -> bool:
    both = np.isfinite(treatment) & np.isfinite(column)
    x, y = treatment[both], column[both]
    largest = int(np.argmax(np.abs(x))) if len(x) else 0
    return not len(x) or x[largest] == 0 or bool(np.allclose(y, x * (y[largest] / x[largest]), rtol=1e-9, atol=0))


@dataclass(slots=True)
class Made:
    """What a treatment is made of, to tell the terms that contain it.

    Attributes
    ----------
    factors : of the treatment
    atoms : digests of these, products of any spelling taken apart
    """

    factors: tuple[Bound, ...]
    atoms: tuple[str, ...] = field(init=False)
    _heads: frozenset[object] = field(init=False)
    _found: dict[tuple[str, bool], frozenset[str]] = field(init=False, default_factory=dict)

    @property
    def text(self) -> str:
        """The treatment as it is written."""
        return Term(tuple(bound.node for bound in self.factors)).text

    def __post_init__(self) -> None:
        apart = [bound for bound in _apart(self.factors, _multiplied) if not isinstance(bound.node, Number)]
        self.atoms = tuple(bound.digest for bound in apart)
        self._heads = frozenset(_head(_spelt(bound).node) for bound in (*apart, *self.factors))

    def times(self, factors: Sequence[Bound]) -> list[Bound] | None:
        """Return what a term multiplies the treatment with; None where it is no product of it."""
        left = list(self.atoms)
        others = []
        for bound in _apart(factors, self._taken_apart):
            if bound.digest in left:
                left.remove(bound.digest)
            else:
                others.append(bound)
        return None if left else others

    def within(self, factors: Sequence[Bound], also: frozenset[str] = frozenset()) -> bool:
        """Say whether a term is made of the treatment's values in its row, of their lags and leads, or by ``also``."""
        own = {bound.digest for bound in self.factors}
        return own <= {digest for bound in factors for digest in self._inside(bound, also)}

    def part_of(self, factors: Sequence[Bound]) -> bool:
        """Say whether a term contains the treatment, by its formula."""
        return self.times(factors) is not None or self.within(factors)

    def _taken_apart(self, bound: Bound) -> list[Bound]:
        inner = _multiplied(bound) if bound.digest not in self.atoms else []
        if isinstance(bound.node, Call) and bound.node.function in ("factor", "C", "i") and len(inner) < 2:
            x = argument(bound.node, "f" if bound.node.function == "i" else "x")
            levels = [] if x is None else [bind(x, bound.scope)]
            return [f for f in levels if f.digest in self.atoms]
        if isinstance(bound.node, Binary | Unary):  # inside a product that is already taken apart
            return inner
        return inner if any(not self._inside(part).isdisjoint(self.atoms) for part in inner) else []

    def _inside(self, bound: Bound, also: frozenset[str] = frozenset()) -> frozenset[str]:
        """Return the digests of the treatment's factors and atoms in an expression, derived columns written out."""
        key = bound.digest, bool(also)
        if key in self._found:
            return self._found[key]
        wanted = {*self.atoms, *(f.digest for f in self.factors)}
        found, seen, stack = set(), set(), [bound]
        while stack:
            top = stack.pop()
            node = top.node
            if isinstance(node, Name) or _head(node) in self._heads:
                digest = bind(node, top.scope).digest
                if digest in wanted:
                    found.add(digest)
                if isinstance(node, Name):
                    inner = top.scope.definition(node.name)
                    if inner is not None and digest not in seen:
                        stack.append(inner)
                    seen.add(digest)
            if not isinstance(node, Call) or node.function in also or _row_by_row(node):
                stack += [Bound(child, top.scope, "") for child in children(node)]
        self._found[key] = frozenset(found)
        return self._found[key]


def _row_by_row(call: Call) -> bool:
    """Say whether a call's value is of its own row or of another of the unit: a group's mean is another variable."""
    function = FUNCTIONS.get(call.function)
    if function is None or call.function in ("l", "f", "d"):
        return True
    return not (function.later or function.by_unit)


def _head(node: Node) -> object:
    return (node.operator,) if isinstance(node, Binary) else getattr(node, "function", type(node))


def _spelt(bound: Bound) -> Bound:
    """Return what derived columns and I() stand for."""
    while True:
        node, inner = bound.node, None
        if isinstance(node, Name):
            inner = bound.scope.definition(node.name)
        elif isinstance(node, Call) and node.function == "I" and node.arguments[0].value is not None:
            inner = bind(node.arguments[0].value, bound.scope)
        if inner is None:
            return bound
        bound = inner


MOST = 64
"""Products of a term that are taken apart: a few lines, x2 = x1 * x1 and so on, would make it endless."""


def _apart(factors: Sequence[Bound], into: Callable[[Bound], list[Bound]]) -> Iterator[Bound]:
    stack, taken = list(reversed(factors)), 0
    while stack:
        top = stack.pop()
        inner = into(top) if taken < MOST else []
        taken += bool(inner)
        stack += reversed(inner)
        if not inner:
            yield top


def _multiplied(bound: Bound) -> list[Bound]:
    """Return the factors of a product, however it is written; nothing of what is none."""
    spelt = _spelt(bound)
    node, parts = spelt.node, list[Node]()
    if isinstance(node, Binary) and node.operator == "*":
        parts = [node.left, node.right]
    elif isinstance(node, Binary) and node.operator == "^" and node.right in (Number(2), Number(3)):
        parts = [node.left] * (2 if node.right == Number(2) else 3)
    elif isinstance(node, Binary) and node.operator == "/" and isinstance(node.right, Number):
        parts = [node.left]
    elif isinstance(node, Unary) and node.operator in ("-", "+"):
        parts = [node.operand]
    elif isinstance(node, Call) and node.function in ("center", "scale") and len(node.arguments) == 1:
        parts = [*children(node)]  # a constant less: the effect is where it was
    elif isinstance(node, Call) and node.function == "i" and (x := argument(node, "x")) is not None:
        rest = tuple(a for a in node.arguments if a.value is not x and a.name != "ref2")
        parts = [replace(node, arguments=rest), x]
    return [bind(part, spelt.scope) for part in parts]


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
    if treated.interaction or treated.given:
        return f"coefficient of {treated.term}{treated.given} {by}"
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
                found = scale_of(unit, labels[o]) if unit else declared
            else:
                found = _own(declared, unit, labels[o], used.tolist())
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


def scale_of(unit: str, outcome: str) -> str:
    """Name the scale of estimates in an estimator's unit, of an outcome that declares none."""
    return f"{unit} of {outcome}"


def _own(declared: str | None, unit: str, label: str, used: Sequence[str]) -> str | None:
    """Return the scale of estimates in a unit, of an outcome whose estimates are in the units ``used``."""
    if len(used) < 2:  # excluded estimators have no panel of their own
        return scale_of(used[0], label) if declared is None and any(used) else declared
    if unit:
        return scale_of(unit, label) if declared is None else unit
    return None if declared in used else declared

"""What specifications take from their own outcome: lags of it beside unit effects, itself as a control, rows by it.

All is read off the expressions, derived columns followed; a column that somebody lagged before is known by its values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats
from specdid._check.data import Data, changing_rows, leaves, uses
from specdid._diagnostics import Fault, Origin, Span, fault_at
from specdid._plan import Plan, PlanStatus
from specdid._plan.identity import choices_with
from specdid._plan.records import Setting
from specdid._study import Core, Expression
from specdid.language import Bound, LanguageError, Term, bind, write
from specdid.language.functions import FUNCTIONS, argument
from specdid.language.scope import sources
from specdid.language.tree import Binary, Call, Name, Node, children, number_value
from specdid.panel import EvaluationError, Evaluator, Panel, cell_text, first_periods

LONG = 30
"""Periods per unit above which a lagged outcome is not warned of: at 30 the bias can still be a fifth of the
coefficient (Judson and Owen 1999, Economics Letters 65)."""
ALIKE = 0.9
"""Share of rows in which a column must be the outcome before: lags by row are others at gaps of the panel."""
Window = tuple[float, float]
"""First and last period, counted from a row's own, in which its value reads a column."""
_BY_STEPS: Mapping[str, Callable[[float], Window]] = {
    "l": lambda k: (-k, -k),
    "f": lambda k: (k, k),
    "d": lambda k: (-k, 0),
    "growth": lambda k: (-k, 0),
    "roll_mean": lambda n: (1 - n, 0),
    "roll_sum": lambda n: (1 - n, 0),
    "roll_sd": lambda n: (1 - n, 0),
}
_SO_FAR = ("cumsum", "cummax", "carry_forward")


def check_own_outcome(
    plan: Plan, panel: Panel, evaluator: Evaluator, groups: Iterable[Expression] = ()
) -> Iterator[Fault]:
    """Warn of the outcome as its own control, of its lags beside unit effects, and of samples chosen by it.

    ``groups`` are conditions of analyses, which choose rows, too.
    """
    data = Data(plan.study, panel, evaluator)
    try:
        yield from _lags_beside_unit_effects(plan, data)
        yield from _own_control(plan, data)
        yield from _selected(plan, data, tuple(groups))
    except (LanguageError, EvaluationError):
        return  # which has its own fault


def reads(bound: Bound) -> dict[str, Window]:
    """Return the data columns that a value depends on, each with the periods in which it does."""
    known: dict[str, dict[str, Window]] = {}

    def of(node: Node, names: Bound) -> dict[str, Window]:
        if isinstance(node, Name):
            derived = names.scope.definition(node.name)
            if derived is None:
                return {node.name: (0, 0)}
            if derived.digest not in known:
                known[derived.digest] = of(derived.node, derived)
            return known[derived.digest]
        low, high = _window(node) if isinstance(node, Call) else (0, 0)
        found: dict[str, Window] = {}
        for child in children(node):
            for name, (first, last) in of(child, names).items():
                before, after = found.get(name, (inf, -inf))
                found[name] = min(before, first + low), max(after, last + high)
        return found

    return of(bound.node, bound)


def _window(call: Call) -> Window:
    """Return the periods that a call reads of what it is of."""
    function = FUNCTIONS.get(call.function)
    if function is None or not (function.by_unit or function.later):
        return 0, 0
    if call.function in _SO_FAR:
        return -inf, 0
    if call.function not in _BY_STEPS:
        return -inf, inf
    steps = argument(call, function.parameters[1].name)
    size = None if steps is None else number_value(steps)
    return (-inf, inf) if size is None else _BY_STEPS[call.function](size)


def _own_columns(bound: Bound) -> frozenset[str]:
    """Return the data columns that an outcome is made of, but for those it is divided by alone."""
    found: set[str] = set()
    stack: list[tuple[Node, Bound]] = [(bound.node, bound)]
    while stack:
        node, names = stack.pop()
        if isinstance(node, Name):
            derived = names.scope.definition(node.name)
            if derived is None:
                found.add(node.name)
            else:
                stack.append((derived.node, derived))
        elif isinstance(node, Binary) and node.operator == "/":
            stack.append((node.left, names))
        else:
            stack += [(child, names) for child in children(node)]
    return frozenset(found) or sources(bound)


def _is_lag(factor: Bound, outcome: Bound) -> bool:
    """Say whether a value is made of all that the outcome is made of, and only of earlier periods of it."""
    own, mine = reads(outcome), reads(factor)
    return all(name in mine and mine[name][1] < own[name][1] for name in _own_columns(outcome))


def _lags_beside_unit_effects(plan: Plan, data: Data) -> Iterator[Fault]:
    """Warn once of the lag with the fewest periods per unit."""
    panel, shortest = data.panel, inf
    if panel.unit_codes is None or panel.periods is None:
        return
    told: tuple[int, Setting, Node] | None = None
    within = np.array([not _plugins.load("estimators", e.method).changes for e in plan.grid.estimators])
    planned = (plan.status == PlanStatus.PLANNED) & within[plan.codes[:, Core.ESTIMATOR]]
    for s, setting in enumerate(plan.grid.settings):
        for o, outcome in enumerate(plan.grid.outcomes):
            y = bind(outcome, setting.scope)
            here = planned & (plan.setting == s) & (plan.codes[:, Core.OUTCOME] == o)
            for factor, mine in _lags(plan, data, setting, y, here):
                used = np.unique(plan.codes[mine][:, [Core.FIXED_EFFECTS, Core.SAMPLE]], axis=0)
                for effects, sample in used.tolist():
                    length = _periods_per_unit(plan, data, setting, effects, sample, (y, bind(factor, setting.scope)))
                    if 1 < length < shortest:
                        shortest, told = length, (o, setting, factor)
    if told is None or shortest > LONG:
        return
    o, setting, factor = told
    label = plan.dimensions[Core.OUTCOME].labels[o]
    origin, span, text = _place_of(data, setting, factor)
    yield fault_at(
        origin,
        span,
        "lagged_outcome",
        f"`{text}` holds lags of the outcome `{label}` beside unit effects: with T = {shortest:g} periods per unit "
        "estimates are biased by order 1/T (Nickell 1981)",
        "show two more: unit effects without the lag, and the lag without unit effects; the effect lies between if "
        "one of these is the true model (Angrist and Pischke 2009, section 5.4)",
        "warning",
    )


def _own_control(plan: Plan, data: Data) -> Iterator[Fault]:
    """Warn once of each control that is made of the outcome of the same or a later period."""
    planned, seen = plan.status == PlanStatus.PLANNED, set[str]()
    for s, setting in enumerate(plan.grid.settings):
        for o, outcome in enumerate(plan.grid.outcomes):
            y = bind(outcome, setting.scope)
            here = planned & (plan.setting == s) & (plan.codes[:, Core.OUTCOME] == o)
            own = {name: reads(y)[name][1] for name in _own_columns(y)}
            for k, term in enumerate(plan.grid.controls.terms) if here.any() else ():
                for factor in (bind(f, setting.scope) for f in term.factors):
                    mine = reads(factor)
                    if factor.digest in seen or not all(
                        n in mine and last <= mine[n][1] < inf for n, last in own.items()
                    ):
                        continue
                    flags = np.arange(len(plan.grid.controls.terms)) == k
                    if (here & choices_with(plan.grid, flags)[plan.codes[:, Core.CONTROLS]]).any():
                        seen.add(factor.digest)
                        origin, span, text = _place_of(data, setting, factor.node)
                        label = plan.dimensions[Core.OUTCOME].labels[o]
                        said = f"the control `{text}` holds the outcome `{label}` itself: it takes the effect away"
                        yield fault_at(origin, span, "own_control", said, "leave it out, or lag it", "warning")


def _lags(plan: Plan, data: Data, setting: Setting, outcome: Bound, here: Bools) -> Iterator[tuple[Node, Bools]]:
    """Give the factors of treatments and controls that are lags of the outcome, and the specifications of each."""
    before = _before(data, outcome) if here.any() else None

    def lag(term: Term) -> Node | None:
        bound = [(f, bind(f, setting.scope)) for f in term.factors]
        return next((f for f, b in bound if _is_lag(b, outcome) or _is_column_of(data, f, before)), None)

    if before is None:
        return
    for t, choice in enumerate(plan.grid.treatments):
        for term in (choice.term, *choice.with_, *setting.add):
            mine = here & (plan.codes[:, Core.TREATMENT] == t)
            if mine.any() and (found := lag(term)) is not None:
                yield found, mine
    for k, term in enumerate(plan.grid.controls.terms):
        if (found := lag(term)) is not None:
            flags = np.arange(len(plan.grid.controls.terms)) == k
            if (mine := here & choices_with(plan.grid, flags)[plan.codes[:, Core.CONTROLS]]).any():
                yield found, mine


def _before(data: Data, outcome: Bound) -> Floats:
    """Return the outcome of the period before, (n,), NaN where there is none."""
    rows, values = data.panel.shifted_rows(1), data.evaluator.numbers(outcome)
    return np.where(rows >= 0, values[rows], np.nan)


def _is_column_of(data: Data, node: Node, values: Floats | None) -> bool:
    """Say whether a column of the data holds these values, as rounded in a file, where both are known."""
    column = data.panel.columns.get(node.name) if isinstance(node, Name) else None
    if values is None or column is None or column.numbers is None:
        return False
    both = np.isfinite(column.numbers) & np.isfinite(values)
    one, other = column.numbers[both], values[both]
    return len(one) > 1 and bool(np.ptp(other) > 0 and np.isclose(one, other, rtol=1e-6, atol=0).mean() > ALIKE)


def _periods_per_unit(
    plan: Plan, data: Data, setting: Setting, effects: int, sample: int, known: Sequence[Bound]
) -> float:
    """Return the median number of rows of a level of the effects that are no wider than units; inf without such."""
    units = data.panel.unit_codes
    assert units is not None
    rows = units >= 0
    for condition in (plan.grid.samples[sample].where, *setting.where):
        rows &= data.evaluator.condition(bind(condition, setting.scope))
    for bound in known:
        rows &= np.isfinite(data.evaluator.numbers(bound))
    shortest = inf
    for effect in (*plan.grid.fixed_effects[effects], *setting.absorb):
        codes = data.evaluator.codes(tuple(bind(f, setting.scope) for f in effect.factors))[rows]
        if effect.slopes_only or not len(codes) or changing_rows(codes, units[rows].astype(np.float64)).size:
            continue
        count = np.bincount(codes[codes >= 0])
        shortest = min(shortest, float(np.median(count[count > 0])))
    return shortest


def _place_of(data: Data, setting: Setting, factor: Node) -> tuple[Origin, Span | None, str]:
    """Return where a factor of a term stands in the file, and its text."""
    digest = bind(factor, setting.scope).digest
    for use in uses(data.study):
        if use.role in ("treatment", "terms"):
            for node, _ in leaves(use.expression.tree, use.role):
                if bind(node, setting.scope).digest == digest:
                    return use.expression.origin, node.span, use.expression.text[node.span.start : node.span.stop]
    return data.study.treatment[0].origin, None, write(factor)


def _selected(plan: Plan, data: Data, groups: tuple[Expression, ...]) -> Iterator[Fault]:
    """Warn of conditions that keep other rows where the outcome is another at or after the first treatment of all."""
    seen: set[str] = set()
    later: Bools | None = None
    names = [Core.OUTCOME, Core.SAMPLE]
    planned = plan.status == PlanStatus.PLANNED
    used = np.unique(np.column_stack([plan.codes[planned][:, names], plan.setting[planned]]), axis=0)
    for o, sample, s in used.tolist():
        setting = plan.grid.settings[s]
        outcome = bind(plan.grid.outcomes[o], setting.scope)
        own = _own_columns(outcome)
        for condition, written in (*_conditions(plan, sample, setting), *((e.tree, e) for e in groups)):
            bound = bind(condition, setting.scope)
            if bound.digest in seen or not own <= sources(bound):
                continue
            later = _since_first_treatment(plan, data, setting) if later is None else later
            if _moved_by(data, bound, outcome, own, later):
                seen.add(bound.digest)
                label = plan.dimensions[Core.OUTCOME].labels[o]
                yield fault_at(
                    written.origin,
                    written.tree.span,
                    "selected_on_outcome",
                    f"the condition chooses rows by the outcome `{label}` itself: a sample selected on what is to be "
                    "explained biases the estimates",
                    _instead(data, outcome, later),
                    "warning",
                )


def _instead(data: Data, outcome: Bound, later: Bools) -> str:
    """Say which period's outcome may choose rows: the last one before the first treatment of all."""
    panel = data.panel
    if later.all() or panel.time is None:
        return "leave it out: no period is known to be before the first treatment of all"
    assert panel.periods is not None
    before = int(np.argmax(np.where(later, panel.periods.min() - 1, panel.periods)))
    when = f"{write(Name(panel.time))} == {cell_text(panel.columns[panel.time], before)}"
    return (
        f"use the outcome before the first treatment of all, as in `at({write(outcome.node)}, {when})`, or leave it out"
    )


def _conditions(plan: Plan, sample: int, setting: Setting) -> Iterator[tuple[Node, Expression]]:
    """Give the conditions of a sample and of the options of variants, each as it stands in the file."""
    option = plan.study.sample[int(plan.dimensions[Core.SAMPLE].option[sample])] if plan.study.sample else None
    if option is not None:
        yield plan.grid.samples[sample].where, option.pattern or option.where
    chosen = (v.options[c] for v, c in zip(plan.study.variants, setting.choices, strict=True))
    written = [o.pattern or o.where for o in chosen if o.where is not None]
    yield from ((node, e) for node, e in zip(setting.where, written, strict=True) if e is not None)


def _since_first_treatment(plan: Plan, data: Data, setting: Setting) -> Bools:
    """Mark the rows at or after the first treatment of all; every row where nothing dates it."""
    panel, first = data.panel, inf
    if panel.periods is None:
        return np.ones(panel.n_rows, dtype=bool)
    for choice in plan.grid.treatments:
        if choice.cohort is not None:
            dated = first_periods(panel, data.evaluator.numbers(bind(choice.cohort, setting.scope)))
        else:
            values = data.evaluator.term(tuple(bind(f, setting.scope) for f in choice.term.factors))[0].numbers
            dated = np.where(np.isfinite(values) & (values != 0), panel.periods, np.nan)
        first = min(first, float(np.min(dated[np.isfinite(dated)], initial=inf)))
    return np.asarray(panel.periods >= first)


def _moved_by(data: Data, condition: Bound, outcome: Bound, own: frozenset[str], later: Bools) -> bool:
    """Say whether a condition keeps other rows, of those with an outcome, where its later values are others.

    They are all made the largest, the smallest, and each another row's: whatever compares them with anything moves.
    """
    before = data.evaluator.condition(condition)
    known = np.isfinite(data.evaluator.numbers(outcome))
    for way in ("largest", "smallest", "others"):
        columns = dict(data.panel.columns)
        for name in own:
            values = columns[name].numbers
            if values is None:
                return False
            here = np.flatnonzero(later & np.isfinite(values))
            moved: Floats = values.copy()
            if len(here):
                ends = {"largest": values[here].max(), "smallest": values[here].min()}
                moved[here] = ends.get(way, values[here][::-1])
            columns[name] = replace(columns[name], numbers=moved)
        again = Evaluator(replace(data.panel, columns=columns))
        there = known & np.isfinite(again.numbers(outcome))
        if (again.condition(condition) != before)[there].any():
            return True
    return False

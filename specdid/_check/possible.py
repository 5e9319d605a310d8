"""Whether anything can be estimated: specifications that the plan leaves out, or the data make impossible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, Origin, fault_at
from specdid._plan import Plan, PlanStatus
from specdid._plan.estimands import is_log
from specdid._plan.exclude import is_offset
from specdid._plan.expand import base_scope
from specdid._plan.identity import choices_with
from specdid._plan.records import Codes
from specdid._study import Core, Option, Study
from specdid.engine.demean import relevel
from specdid.engine.rows import without_singletons
from specdid.estimators._base import Task
from specdid.language import Effect, LanguageError, Scope, bind, referenced, write
from specdid.language.tree import Binary, Call, Name, Node, children, walk
from specdid.panel import EvaluationError, Evaluator, Panel, first_periods

MOST_TRIED = 400
"""Combinations that are looked at before the rest is given the benefit of the doubt."""
SHOWN = 4
"""Options that a message names."""
OUTCOME, TREATMENT, EFFECTS, SAMPLE, ESTIMATOR = range(5)
TRIED = (0, 1, 3, 4, 6)
"""The dimensions of a combination: outcome, treatment, fixed effects, sample, estimator; then the setting."""
ADVICE = {
    "no_cohort": 'give it one: { term = "…", cohort = "…" }, the first treated period',
    "not_binary": "write a condition as the treatment, or take an estimator for doses",
    "unfit_outcome": "take another estimator for this outcome, or another outcome",
    "switches_off": "if the treatment lasts, write the 0/1 of its first period on: time >= first; "
    "least squares takes one that ends, as an effect that ends with it",
    "own_outcome": "an outcome cannot explain itself: take it out of the treatment, controls or `add`",
}


def check_possible(plan: Plan, panel: Panel, evaluator: Evaluator) -> Iterator[Fault]:
    """Refuse a study of which no specification can have a number, and name options that none can use."""
    planned = plan.status != PlanStatus.EXCLUDED
    if not planned.any():
        yield _all_excluded(plan)
        return
    yield from _unused(plan, planned)
    yield from _units(plan, planned)
    yield from _offsets(plan, planned, panel, evaluator)
    yield from _no_controls(plan)
    try:
        data = _Data(plan, panel, evaluator)
        missing = data.missing_controls()
        complete = planned & ~data.lacks(missing)
        if not complete.any():
            origin = plan.study.controls[0].origin if plan.study.controls else Origin(("controls",))
            message = f"nothing can be estimated: the control `{missing[0]}` is missing in every row"
            yield fault_at(origin, None, "nothing_estimable", message, "leave it out")
            return
        yield from _impossible(plan, complete, data)
    except EvaluationError:
        return  # which has its own fault


def _all_excluded(plan: Plan) -> Fault:
    counts = Counter(plan.reason.tolist())
    first, _ = counts.most_common(1)[0]
    told = "; ".join(f"{n:,} since {plan.reasons[r].message}" for r, n in counts.most_common(3))
    message = f"nothing can be estimated: every specification is excluded, {told}"
    origin = _origin(plan.study, plan.reasons[first].code)
    return fault_at(origin, None, "nothing_planned", message, ADVICE.get(plan.reasons[first].code))


def _origin(study: Study, code: str) -> Origin:
    """Say where the reason of an exclusion stands."""
    if code == "rule" and study.exclude:
        return study.exclude[0].origin
    if code == "own_outcome":
        return study.outcome[0].origin
    return study.treatment[0].origin if code == "no_main_effects" else study.estimator[0].origin


def _options(study: Study) -> Mapping[str, tuple[Option, ...]]:
    return {
        "outcome": study.outcome,
        "treatment": study.treatment,
        "fixed_effects": study.fixed_effects,
        "sample": study.sample,
        "estimator": study.estimator,
    }


def _unused(plan: Plan, planned: Bools) -> Iterator[Fault]:
    """Warn of options all of whose specifications are excluded for a reason that nobody wrote."""
    written = np.array([r.code == "rule" for r in plan.reasons] + [False], dtype=bool)[plan.reason]
    for d, dimension in enumerate(plan.dimensions):
        options = _options(plan.study).get(dimension.name)
        if options is None:
            continue
        of = dimension.option[plan.codes[:, d]]
        for k, option in enumerate(options):
            mine = of == k
            if not mine.any() or (mine & planned).any() or (mine & written).any():
                continue
            reason = plan.reasons[int(plan.reason[np.flatnonzero(mine)[0]])]
            label = dimension.labels[int(np.flatnonzero(dimension.option == k)[0])]
            message = f"no specification has the {_word(dimension.name)} `{label}`: {reason.message}"
            yield fault_at(option.origin, None, "option_unused", message, ADVICE.get(reason.code), "warning")


def _no_controls(plan: Plan) -> Iterator[Fault]:
    """Warn of specifications whose controls the options of their estimator do not take."""
    sizes = np.diff(plan.grid.controls.start)[plan.codes[:, Core.CONTROLS]]
    planned = plan.status == PlanStatus.PLANNED
    for e, choice in enumerate(plan.grid.estimators):
        declared, mine = _plugins.load("estimators", choice.method), plan.codes[:, Core.ESTIMATOR] == e
        why = "" if declared.no_controls is None else declared.no_controls(choice.options)
        if not why or not (lost := int(np.count_nonzero(planned & mine & (sizes > 0)))):
            continue
        label = plan.dimensions[Core.ESTIMATOR].labels[e]
        message = (
            f"{lost:,} of {int(np.count_nonzero(planned & mine)):,} specifications of the estimator `{label}` will "
            f"fail, those with controls: {choice.method}: {why}"
        )
        yield fault_at(_option_origin(plan, ESTIMATOR, e), None, "option_fails", message, severity="warning")


WIDE = 30.0
"""Range of an offset above which it is no logarithm: exposures would differ by a factor of e^30."""
SHARE_WHOLE = 0.95
"""Share of an outcome's values that are whole numbers, from which on it is a count."""


def _offsets(plan: Plan, planned: Bools, panel: Panel, evaluator: Evaluator) -> Iterator[Fault]:
    """Warn of exposures that are not in logarithms, and of outcomes that are divided by theirs already."""
    scope = base_scope(plan.study, tuple(panel.columns))
    for term in filter(is_offset, plan.grid.controls.terms):
        (given,) = children(term.factors[0])
        has = choices_with(plan.grid, np.array([t == term for t in plan.grid.controls.terms]))
        mine = planned & has[plan.codes[:, Core.CONTROLS]]
        if not mine.any():
            continue
        control = int(plan.codes[np.flatnonzero(mine)[0], Core.CONTROLS])
        option = plan.study.controls[int(plan.dimensions[Core.CONTROLS].option[control])].formula
        try:
            values = evaluator.numbers(bind(given, scope))
        except (EvaluationError, LanguageError):
            continue
        known = values[np.isfinite(values)]
        if known.size and np.ptp(known) > WIDE:
            message = f"`{term.text}` runs from {known.min():.6g} to {known.max():.6g}: an offset is added to the log"
            advice = f"an exposure enters as its log: `offset(log({write(given)}))`"
            yield fault_at(option.origin, None, "offset_level", message, advice, "warning")
            continue
        names = {name.name for name in referenced(given)}
        for o in np.unique(plan.codes[mine, Core.OUTCOME]).tolist():
            outcome, label = plan.grid.outcomes[o], plan.dimensions[Core.OUTCOME].labels[o]
            values = evaluator.numbers(bind(outcome, scope))
            known = values[np.isfinite(values)]
            divided = sorted(names & set(_divisors(outcome, scope)))
            if divided:
                message = f"`{label}` is divided by `{divided[0]}`, and `{term.text}` divides it again"
            elif len(names) == 1 and float(np.mean(known == np.round(known))) < SHARE_WHOLE:
                message = (
                    f"`{label}` is no count, and `{term.text}` divides it by `{min(names)}`: again, if it is a rate"
                )
            else:
                continue
            advice = "take the count as the outcome beside an offset, or leave the offset out beside a rate"
            origin = plan.study.outcome[int(plan.dimensions[Core.OUTCOME].option[o])].origin
            yield fault_at(origin, None, "offset_twice", message, advice, "warning")


def _divisors(node: Node, scope: Scope) -> Iterator[str]:
    """Return the columns that an expression divides by, in itself or where it is derived."""
    for part in walk(node):
        if isinstance(part, Binary) and part.operator == "/":
            yield from (name.name for name in referenced(part.right))
        definition = scope.definition(part.name) if isinstance(part, Name) else None
        if definition is not None:
            yield from _divisors(definition.node, definition.scope)


LOGARITHMIC = ("log", "ln", "%", "percent", "per cent", "elasticit", "lp", "odds", "对数", "弹性", "百分")
"""What the scale of an estimate in logarithms is called."""


def _units(plan: Plan, planned: Bools) -> Iterator[Fault]:
    """Warn of a scale that is another than what an estimator's estimates are in."""
    methods = [e.method for e in plan.grid.estimators]
    units = [_plugins.load("estimators", m).unit for m in methods]
    for o, scale in enumerate(plan.grid.scales):
        used = np.unique(plan.codes[planned & (plan.codes[:, Core.OUTCOME] == o), Core.ESTIMATOR]).tolist()
        own = {units[e]: methods[e] for e in used if units[e]}
        if scale is None or not own:
            continue
        unit, method = next(iter(own.items()))
        outcome = plan.dimensions[Core.OUTCOME]
        label, origin = outcome.labels[o], plan.study.outcome[int(outcome.option[o])].origin
        others = [methods[e] for e in used if not units[e]]
        if any(is_log(plan.grid.outcomes[o], setting.scope) for setting in plan.grid.settings):
            if not others and scale != unit:
                continue
            message = (
                f"`{label}` is a logarithm already, and {method} estimates the log of it: its estimates are in {unit} "
                f"of `{label}`, not in `{scale}`"
            )
            advice = f"leave {method} out for this outcome; its outcome is the level, without the log"
        elif others and scale == unit:
            message = (
                f"the scale of `{label}` is `{scale}`, as {method} estimates it, and {others[0]} estimates it in its "
                "own units: these get a curve of their own"
            )
            advice = f"leave {others[0]} out for this outcome, or declare the scale of the outcome itself"
        elif not others and not any(word in scale.casefold() for word in LOGARITHMIC):
            message = f"the scale of `{label}` is `{scale}`, and what {method} estimates is in {unit}"
            advice = f'write scale = "{unit}"'
        else:
            continue
        yield fault_at(origin, None, "scale_unit", message, advice, "warning")


def _word(dimension: str) -> str:
    return dimension.replace("_", " ")


def _impossible(plan: Plan, planned: Bools, data: _Data) -> Iterator[Fault]:
    """Look for one combination of each option that can be estimated; say why where none can."""
    codes = np.column_stack([plan.codes[planned][:, list(TRIED)], plan.setting[planned]])
    combinations = np.unique(codes, axis=0)
    reasons: dict[int, Why | None] = {}
    possible: set[tuple[int, int]] = set()

    def reason(place: int) -> Why | None:
        if place not in reasons:
            full = len(reasons) >= MOST_TRIED
            reasons[place] = None if full else data.why_not(*combinations[place].tolist())
            if reasons[place] is None:
                possible.update(enumerate(combinations[place].tolist()))
        return reasons[place]

    lost: list[tuple[int, int, Why]] = []
    for column in range(len(TRIED)):
        for choice in np.unique(combinations[:, column]).tolist():
            mine = np.flatnonzero(combinations[:, column] == choice).tolist()
            if (column, choice) in possible or any(reason(place) is None for place in mine):
                continue
            why = reason(mine[0])
            assert why is not None
            lost.append((column, choice, why))
    if not possible:
        yield _nothing(plan, combinations, [(place, why) for place, why in reasons.items() if why is not None])
        return
    alike: dict[tuple[int, Origin, str], list[str]] = {}
    for column, choice, why in lost:
        if not (why.told or (column == SAMPLE and why.column == TREATMENT and _patterned(plan, choice))):
            key = (column, _option_origin(plan, column, choice), why.words)
            alike.setdefault(key, []).append(f"`{plan.dimensions[TRIED[column]].labels[choice]}`")
    for (column, origin, words), labels in alike.items():
        many = f"s {', '.join(labels[:SHOWN])}" if len(labels) > 1 else f" {labels[0]}"
        many += f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
        message = f"every specification with the {_word(plan.dimensions[TRIED[column]].name)}{many} will fail: {words}"
        yield fault_at(origin, None, "option_fails", message, severity="warning")


def _patterned(plan: Plan, choice: int) -> bool:
    """Say whether a sample is one of many that a pattern made, of which one message tells together."""
    return plan.study.sample[int(plan.dimensions[Core.SAMPLE].option[choice])].pattern is not None


def _option_origin(plan: Plan, column: int, choice: int) -> Origin:
    """Say where the option of a choice stands."""
    dimension = plan.dimensions[TRIED[column]]
    options, place = _options(plan.study)[dimension.name], int(dimension.option[choice])
    return options[place].origin if place < len(options) else Origin((dimension.name,))


def _nothing(plan: Plan, combinations: Codes, found: list[tuple[int, Why]]) -> Fault:
    told = Counter(why.words for _, why in found)
    place, first = found[0]
    message = "nothing can be estimated: " + "; ".join(words for words, _ in told.most_common(3))
    origin = _option_origin(plan, first.column, int(combinations[place, first.column]))
    advised = first.column == TREATMENT and any(option.arm is not None for option in plan.study.treatment)
    advice = "where arms are of units, take them times the treated periods: `i(arm, post, ref = 'control')`"
    if origin.path == ("fixed_effects",):
        advised, default = True, plan.dimensions[TRIED[first.column]].labels[0]
        advice = f"without [fixed_effects] they are `{default}`; for none write there " + '"none" = "1"'
    return fault_at(origin, None, "nothing_estimable", message, advice if advised else None)


@dataclass(frozen=True, slots=True)
class Why:
    """Why a combination can have no number.

    ``column`` is the place in TRIED of the option at fault; ``told`` says that another check warns of it.
    """

    column: int
    words: str
    told: bool = False


class _Data:
    """The columns of combinations, each evaluated once."""

    def __init__(self, plan: Plan, panel: Panel, evaluator: Evaluator) -> None:
        self.plan, self.grid, self.panel, self.evaluator = plan, plan.grid, panel, evaluator

    def missing_controls(self) -> tuple[str, ...]:
        """Return the controls that are missing in every row, as they are without variants."""
        scope = self.grid.settings[0].scope
        found = []
        for term in self.grid.controls.terms:
            columns = [self.evaluator.column(bind(f, scope)) for f in term.factors if not isinstance(f, Call)]
            if any(column.missing.all() for column in columns):
                found.append(term.text)
        return tuple(found)

    def lacks(self, missing: tuple[str, ...]) -> Bools:
        """Mark the specifications that have one of these controls, or share their rows with one that has."""
        flags = np.array([t.text in missing for t in self.grid.controls.terms], dtype=bool)
        controls = self.plan.codes[:, Core.CONTROLS]
        having = choices_with(self.grid, flags)[controls] if len(flags) else np.zeros(len(self.plan), bool)
        if self.plan.study.missing == "common":
            outcomes = self.plan.codes[:, Core.OUTCOME]
            return np.isin(outcomes, np.unique(outcomes[having & (self.plan.status == PlanStatus.PLANNED)]))
        return having

    def why_not(
        self, outcome: int, treatment: int, effects: int, sample: int, estimator: int, setting: int
    ) -> Why | None:
        """Say why a combination can have no number, whatever its controls; None where it may have one."""
        grid, scope = self.grid, self.grid.settings[setting].scope
        if grid.samples[sample].match is not None:
            return None
        chosen = (*grid.fixed_effects[effects], *grid.settings[setting].absorb)
        y = self.evaluator.numbers(bind(grid.outcomes[outcome], scope))
        columns = self.evaluator.term(tuple(bind(f, scope) for f in grid.treatments[treatment].term.factors))
        codes = [self.evaluator.codes(tuple(bind(f, scope) for f in e.factors)) for e in chosen if not e.slopes_only]
        names = (write(grid.outcomes[outcome]), grid.treatments[treatment].term.text)
        rows = self._sample(sample, setting)
        if not rows.any():
            return Why(SAMPLE, "no row is in the sample", told=True)
        pairs = ((OUTCOME, "outcome", y), (TREATMENT, "treatment", columns[0].numbers))
        for column, what, known in pairs:
            rows = rows & np.isfinite(known)
            if not rows.any():
                return Why(column, f"the {what} `{names[column]}` is missing in every row", told=True)
        for own in codes:
            rows = rows & (own >= 0)
        return self._on(np.flatnonzero(rows), y, columns[0].numbers, codes, chosen, names, treatment, estimator, scope)

    def _controlled(self, scope: Scope) -> Bools:
        """Mark the rows that no controls and no weights leave out, save controls that are missing in every row."""
        rows, nowhere = np.ones(self.panel.n_rows, dtype=bool), self.missing_controls()
        for term in self.grid.controls.terms:
            for factor in () if term.text in nowhere else term.factors:
                if not isinstance(factor, Call):
                    rows &= ~self.evaluator.column(bind(factor, scope)).missing
        for weight in self.grid.weights:
            rows &= True if weight is None else self.evaluator.numbers(bind(weight, scope)) > 0
        return rows

    def _sample(self, sample: int, setting: int) -> Bools:
        scope = self.grid.settings[setting].scope
        rows = np.ones(self.panel.n_rows, dtype=bool)
        for condition in (self.grid.samples[sample].where, *self.grid.settings[setting].where):
            rows &= self.evaluator.condition(bind(condition, scope))
        return rows

    def _on(
        self,
        rows: Ints,
        y: Floats,
        treated: Floats,
        codes: list[Ints],
        chosen: tuple[Effect, ...],
        names: tuple[str, str],
        treatment: int,
        estimator: int,
        scope: Scope,
    ) -> Why | None:
        rows = without_singletons(rows, tuple(codes))
        if not len(rows):
            return Why(EFFECTS, "each row is alone in a level of the fixed effects, and none is left")
        if np.ptp(y[rows]) == 0:
            return Why(OUTCOME, f"the outcome `{names[0]}` is the same in every row")
        if np.ptp(treated[rows]) == 0:
            return Why(TREATMENT, f"the treatment `{names[1]}` is the same in every row of the sample")
        choice = self.grid.estimators[estimator]
        declared = _plugins.load("estimators", choice.method)
        full = [e for e in chosen if not e.slopes_only]
        if declared.batched or declared.refuses is None or not declared.binary:
            for effect, own in zip(full, codes, strict=True):
                if _constant_within(treated[rows], own[rows]):
                    label = "^".join(write(f) for f in effect.factors)
                    words = f"the treatment `{names[1]}` does not vary within `{label}`, which the fixed effects absorb"
                    return Why(TREATMENT, words)
        if declared.refuses is None:
            return None
        refused = declared.refuses(self._task(rows, y, treated, codes, full, treatment, choice.options, scope))
        if refused is not None and declared.batched:
            # A cohort that fails may be lost to missing controls: only those that stay fail for sure.
            rows = rows[self._controlled(scope)[rows]]
            task = self._task(rows, y, treated, codes, full, treatment, choice.options, scope) if len(rows) else None
            refused = None if task is None else declared.refuses(task)
        return None if refused is None else Why(ESTIMATOR, f"{choice.method}: {refused.message}")

    def _task(
        self,
        rows: Ints,
        y: Floats,
        treated: Floats,
        codes: list[Ints],
        effects: list[Effect],
        treatment: int,
        options: Mapping[str, object],
        scope: Scope,
    ) -> Task:
        panel, cohort = self.panel, self.grid.treatments[treatment].cohort
        first = None if cohort is None else first_periods(panel, self.evaluator.numbers(bind(cohort, scope)))[rows]
        unit = None if panel.unit_codes is None else relevel(panel.unit_codes[rows])
        return Task(
            y[rows],
            treated[rows],
            np.empty((len(rows), 0)),
            (),
            tuple(relevel(c[rows]) for c in codes),
            tuple("^".join(write(f) for f in e.factors) for e in effects),
            (),
            None,
            (),
            (),
            unit,
            None if panel.periods is None else panel.periods[rows].astype(np.float64),
            first,
            options,
            self.plan.study.inference.alpha,
            calendar=panel.calendar,
            unit_names=None if unit is None else tuple(panel.unit_names(unit, rows).tolist()),
        )


def _constant_within(values: Floats, codes: Ints) -> bool:
    """Say whether values are the same in all rows of each level."""
    level = relevel(codes)
    first = np.zeros(int(level.max()) + 1)
    first[level] = values
    return bool((first[level] == values).all())

"""From a plan and its panel to the engine's arrays: which columns each specification is made of.

Matched samples fill rows and weights of their specifications; what a match lost becomes a warning.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Bools, Ints
from specdid._diagnostics import Fault, fault_at
from specdid._plan import Plan, PlanStatus
from specdid._plan.identity import Contents, match_digest, term_digest
from specdid._plan.write_out import arm_factors
from specdid._study import Core
from specdid.engine.columns import Columns, Recipe
from specdid.engine.contrasts import margins
from specdid.engine.matched import MatchRecipe, match_recipe, shortfalls
from specdid.engine.problem import Members, Problem, Sunab, Vcov
from specdid.language import Term, bind, lower_order, write
from specdid.language.tree import Call, Name, Node
from specdid.panel import Evaluator, Panel, first_periods, period_names


@dataclass(frozen=True, slots=True)
class Compiled:
    """What is to be estimated, as arrays.

    Attributes
    ----------
    problem, members
        Every planned specification, in plan order.
    method : (S,) int64
        The estimator's choice in ``plan.grid.estimators``.
    cohort : (S,) int64
        Column of values with the first treated period (NaN: never treated), or -1.
    time : column of values with the time index, or -1.
    batched : (S,) bool
        True where the specification is least squares, which the engine takes.
    value_recipes, code_recipes, row_recipes
        How to evaluate each column of values and codes and each row mask again.
    warnings
        What matched samples lost, located at their ``match``.
    beside
        By a treatment's column the columns that belong to it and are no choice of controls: its
        ``with`` and, of an interaction, the main effects and lower-order interactions.
    several
        The columns of each term that has more than one, and its name.
    """

    problem: Problem
    members: Members
    method: Ints
    cohort: Ints
    time: int
    batched: NDArray[np.bool_]
    value_recipes: tuple[Recipe, ...]
    code_recipes: tuple[Recipe, ...]
    row_recipes: tuple[Recipe, ...]
    warnings: tuple[Fault, ...] = ()
    beside: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    several: Mapping[tuple[int, ...], str] = field(default_factory=dict)

    @property
    def in_engine(self) -> Bools:
        """(S,), what the engine estimates in batches: least squares, and two-stage least squares."""
        return np.asarray(self.batched | (self.members.instruments >= 0))


def compile_plan(plan: Plan, panel: Panel, evaluator: Evaluator | None = None) -> Compiled:
    """Evaluate every column the planned specifications need and index them.

    Returns
    -------
    Compiled
        Members are the specifications with status PLANNED, in plan order.
    """
    columns = Columns(panel, evaluator or Evaluator(panel))
    contents = [Contents(plan.grid, s) for s in plan.grid.settings]
    index = np.flatnonzero(plan.status == PlanStatus.PLANNED)
    table = MemberTable(plan, index)
    time = _time(columns, panel)
    for s, content in enumerate(contents):
        table.fill(columns, content, np.flatnonzero(plan.setting[index] == s), time)
    extra = _common(plan, index, columns, table) if plan.study.missing == "common" else table.blank()
    base = contents[0]
    members = table.members(index, extra)
    batched = np.array([_plugins.load("estimators", e.method).batched for e in plan.grid.estimators])
    vcovs = _vcovs(plan, columns, base)
    arms = _arms(plan, columns, contents)
    problem = replace(_problem(plan, panel, columns, base, vcovs), arms=arms)
    return Compiled(
        problem,
        members,
        table.method,
        table.cohort,
        time,
        batched[table.method] & (members.instruments < 0),
        tuple(columns.value_recipes),
        tuple(columns.code_recipes),
        tuple(columns.row_recipes),
        match_warnings(plan, table.notes),
        _beside(plan, columns, contents),
        columns.several,
    )


def _beside(plan: Plan, columns: Columns, contents: list[Contents]) -> dict[int, tuple[int, ...]]:
    """Return for each treatment's column those of its ``with`` and of the terms below its interaction."""
    found: dict[int, dict[int, None]] = {}
    for content in contents:
        for digest, choice in zip(content.treatments, plan.grid.treatments, strict=True):
            own = columns.known(digest)
            terms = (*choice.with_, *lower_order(choice.term))
            below = [c for t in terms for c in columns.known(term_digest(t, content.scope)) if c not in own]
            for column in own:
                found.setdefault(column, {}).update(dict.fromkeys(below))
    return {column: tuple(below) for column, below in found.items() if below}


def _time(columns: Columns, panel: Panel) -> int:
    if panel.periods is None:
        return -1
    return columns.add("time:", panel.periods.astype(np.float64), panel.time or "time")


def _common(plan: Plan, index: Ints, columns: Columns, table: MemberTable) -> Ints:
    """Return, per member, a column that is missing where any variable of its outcome's grid is."""
    extra = table.blank()
    start, controls = table.controls()
    outcome = plan.codes[index, Core.OUTCOME]
    for o in np.unique(outcome):
        mine = outcome == o
        spans = [controls[start[m] : start[m + 1]] for m in np.flatnonzero(mine)]
        spans += [np.array(table.instrument_sets[k], np.int64) for k in np.unique(table.instruments[mine]) if k >= 0]
        effects = [columns.effects[e] for e in np.unique(table.effects[mine])]
        spans.append(np.array([x for e in effects for _, x in e.slopes], np.int64))
        used = np.unique(np.concatenate([table.outcome[mine], table.treatment[mine], table.weights[mine], *spans]))
        complete = np.ones(columns.panel.n_rows, dtype=bool)
        needed: list[Recipe] = []
        parts = [(np.isfinite(columns.values[c]), columns.value_recipes[c]) for c in used[used >= 0]]
        codes = dict.fromkeys(c for e in effects for c in (*e.fixed, *(c for c, _ in e.slopes)))
        parts += [(columns.codes[c] >= 0, columns.code_recipes[c]) for c in codes]
        for known, one in parts:
            if not known.all():  # what is complete stays so, wherever an assignment moves it
                complete &= known
                needed.append(one)
        marker = np.where(complete, 0.0, np.nan)
        recipe = Recipe("complete", tuple(b for n in needed for b in n.bounds), needed=tuple(needed))
        extra[mine] = columns.add(f"common:{o}", marker, "complete rows", recipe)
    return extra


def _arms(plan: Plan, columns: Columns, contents: list[Contents]) -> dict[int, tuple[int, ...]]:
    """Return for each treatment that is an arm the columns of its factor's other arms."""
    factor = arm_factors(plan)
    found: dict[int, tuple[int, ...]] = {}
    for own in np.unique(factor[factor >= 0]).tolist():
        mine = np.flatnonzero(factor == own).tolist()
        for content in contents:
            terms = plan.grid.treatments
            at = [columns.term(content.treatments[t], terms[t].term, content)[0] for t in mine]
            found |= {column: tuple(c for c in at if c != column) for column in at}
    return found


def _vcovs(plan: Plan, columns: Columns, content: Contents) -> tuple[Vcov, ...]:
    found = []
    for option in plan.study.vcov:
        codes = tuple(columns.code([bind(c.tree, content.scope)], c.text) for c in option.clusters)
        found.append(Vcov(option.kind, codes, option.ssc, option.distribution))
    return tuple(found)


def _problem(plan: Plan, panel: Panel, columns: Columns, content: Contents, vcovs: tuple[Vcov, ...]) -> Problem:
    unit = -1
    if panel.unit is not None:
        unit = columns.code([bind(Name(panel.unit), content.scope)], panel.unit)
    n = panel.n_rows
    values = np.empty((n, len(columns.values)), order="F")
    for k, column in enumerate(columns.values):
        values[:, k] = column
    codes = np.empty((n, len(columns.codes)), np.int64, order="F")
    for k, code in enumerate(columns.codes):
        codes[:, k] = code
    log0 = None
    if any(flag is not None for flag in columns.log0):
        log0 = np.zeros((n, len(columns.values)), dtype=bool, order="F")
        for k, flag in enumerate(columns.log0):
            if flag is not None:
                log0[:, k] = flag
    rows = np.array(columns.rows, dtype=bool).reshape(len(columns.rows), n)
    return Problem(
        values,
        codes,
        rows,
        log0,
        tuple(columns.labels),
        tuple(columns.code_labels),
        tuple(columns.effects),
        vcovs,
        unit,
        plan.study.inference.alpha,
        tuple(k for k, recipe in enumerate(columns.value_recipes) if _is_offset(recipe)),
        unit_names=_unit_names(plan, panel, codes[:, unit]) if unit >= 0 else None,
        calendar=panel.calendar,
    )


def _unit_names(plan: Plan, panel: Panel, codes: Ints) -> NDArray[np.str_] | None:
    """Return the units' names by code of the engine, where an estimator asks for them."""
    if panel.unit_codes is None:
        return None
    if not any(_plugins.load("estimators", e.method).balanced for e in plan.grid.estimators):
        return None
    return panel.unit_names(codes)


def _is_offset(recipe: Recipe) -> bool:
    node = recipe.bounds[0].node if recipe.kind == "term" else None
    return isinstance(node, Call) and node.function == "offset"


SLICE = 2**15
"""Members laid out together, to bound memory."""


class MemberTable:
    """Columns of Members while they are filled, setting by setting."""

    def __init__(self, plan: Plan, index: Ints) -> None:
        self.plan = plan
        self.codes = plan.codes[index].astype(np.int64)
        n = len(index)
        self.outcome, self.treatment, self.rows, self.effects, self.weights = (
            np.full(n, -1, np.int64) for _ in range(5)
        )
        self.sunab, self.cohort = np.full(n, -1, np.int64), np.full(n, -1, np.int64)
        self.method = self.codes[:, Core.ESTIMATOR].copy()
        self.aggregates: list[Sunab] = []
        self.instruments = np.full(n, -1, np.int64)
        self.instrument_sets: list[tuple[int, ...]] = []
        self.notes: list[MatchNote] = []
        self.lengths = np.zeros(n, np.int64)
        self.blocks: list[tuple[Ints, Ints, NDArray[np.int32]]] = []

    def blank(self) -> Ints:
        """Return a column of -1."""
        return np.full(len(self.codes), -1, np.int64)

    def fill(self, columns: Columns, content: Contents, here: Ints, time: int) -> None:
        """Fill the members at positions ``here``, all of one setting."""
        grid, scope = self.plan.grid, content.scope
        codes = self.codes[here]
        self.outcome[here] = _map(
            codes[:, Core.OUTCOME], lambda o: columns.value(bind(grid.outcomes[o], scope), write(grid.outcomes[o]))
        )
        self.treatment[here] = _map(
            codes[:, Core.TREATMENT], lambda t: columns.term(content.treatments[t], grid.treatments[t].term, content)[0]
        )
        self.effects[here] = _map(
            codes[:, Core.FIXED_EFFECTS],
            lambda f: columns.effect_set((*grid.fixed_effects[f], *content.setting.absorb), content),
        )
        plain = here[[grid.samples[r].match is None for r in codes[:, Core.SAMPLE]]]
        self.rows[plain] = _map(
            self.codes[plain, Core.SAMPLE],
            lambda r: columns.row_mask(
                content.samples[r], [bind(c, scope) for c in (grid.samples[r].where, *content.setting.where)]
            ),
        )
        self.weights[plain] = _map(self.codes[plain, Core.WEIGHTS], lambda w: _weight(columns, content, w))
        self.notes += enter_matched(self, columns, content, here)
        if content.setting.instruments:
            terms = ((term_digest(t, scope), t) for t in content.setting.instruments)
            found = tuple(dict.fromkeys(c for digest, t in terms for c in columns.term(digest, t, content)))
            if found not in self.instrument_sets:
                self.instrument_sets.append(found)
            self.instruments[here] = self.instrument_sets.index(found)
        for t in np.unique(codes[:, Core.TREATMENT]):
            mine = here[codes[:, Core.TREATMENT] == t]
            for start in range(0, len(mine), SLICE):
                self._controls(columns, content, int(t), mine[start : start + SLICE])
            self._cohorts(columns, content, int(t), mine, time)

    def _controls(self, columns: Columns, content: Contents, treatment: int, here: Ints) -> None:
        """Lay out the columns of with, controls and add, for every member of a treatment."""
        sets = self.plan.grid.controls
        fixed = content.fixed_digests(treatment)
        choice = self.codes[here, Core.CONTROLS]
        lengths = sets.start[choice + 1] - sets.start[choice]
        source = np.repeat(sets.start[choice] - _starts(lengths), lengths) + np.arange(lengths.sum())
        term = sets.index[source].astype(np.int64)
        owner = np.repeat(np.arange(len(here)), lengths)
        of_term: list[tuple[int, ...]] = [()] * len(sets.terms)
        for k in np.unique(term):
            if content.controls[k] not in fixed:
                of_term[k] = columns.term(content.controls[k], sets.terms[k], content)
        counts = np.array([len(c) for c in of_term], np.int64)
        flat = np.array([c for cs in of_term for c in cs], np.int64)
        first = _starts(counts)
        n = counts[term] if len(term) else np.zeros(0, np.int64)
        within = np.arange(n.sum()) - np.repeat(_starts(n), n)
        chosen = flat[np.repeat(first[term] if len(term) else term, n) + within]
        owner, source = np.repeat(owner, n), np.repeat(term, n)
        kept = np.ones(len(chosen), dtype=bool)
        treated = _factors_of(content, treatment)
        for k in np.unique(term).tolist():
            for margin, base in margins(columns, of_term[k], treated):
                beside = content.having(margin)[choice] | (margin in fixed)
                mine = np.flatnonzero((source == k) & beside[owner])
                kept[mine[base[within[mine]]]] = False
        self._append(columns, content, treatment, here, owner[kept], chosen[kept])

    def _append(
        self, columns: Columns, content: Contents, treatment: int, here: Ints, owner: Ints, chosen: Ints
    ) -> None:
        """Store ``with``, the chosen controls and ``add`` as (member, column) pairs in written order."""
        own = len(self.plan.grid.treatments[treatment].with_)
        terms = content.fixed_terms(treatment)
        before, after = _split(terms, self.plan.grid.treatments[treatment].with_ if own else ())
        treated, fixed = _factors_of(content, treatment), content.fixed_digests(treatment)

        def of(term: Term) -> list[int]:
            parts = columns.term(term_digest(term, content.scope), term, content)
            bases = [base for margin, base in margins(columns, parts, treated) if margin in fixed]
            return [c for k, c in enumerate(parts) if not any(base[k] for base in bases)]

        head, tail = ([c for t in these for c in of(t)] for these in (before, after))
        count = len(here)
        pieces = [
            (np.repeat(np.arange(count), len(head)), np.tile(np.array(head, np.int64), count), 0),
            (owner, chosen, 1),
            (np.repeat(np.arange(count), len(tail)), np.tile(np.array(tail, np.int64), count), 2),
        ]
        members = np.concatenate([p[0] for p in pieces])
        values = np.concatenate([p[1] for p in pieces])
        members, values = _first_of_each(members, values, np.argsort(members, kind="stable"))
        lengths = np.bincount(members, minlength=count)
        self.lengths[here] = lengths
        self.blocks.append((here, lengths, values.astype(np.int32)))

    def _cohorts(self, columns: Columns, content: Contents, treatment: int, here: Ints, time: int) -> None:
        cohort = self.plan.grid.treatments[treatment].cohort
        if cohort is None:
            return
        bound = bind(cohort, content.scope)
        key = f"cohort:{bound.digest}"
        numbers = columns.evaluator.numbers(bound)
        first = first_periods(columns.panel, numbers)
        column = columns.add(key, first, write(cohort), Recipe("cohort", (bound,)))
        self.cohort[here] = column
        for e in np.unique(self.method[here]):
            choice = self.plan.grid.estimators[e]
            cells = _plugins.load("estimators", choice.method).cells
            if cells is not None:
                asked, names = cells(choice.options), period_names(columns.panel, numbers)
                aggregate = Sunab(column, time, asked.reference, asked.control, tuple(names.items()))
                if aggregate not in self.aggregates:
                    self.aggregates.append(aggregate)
                self.sunab[here[self.method[here] == e]] = self.aggregates.index(aggregate)

    def controls(self) -> tuple[Ints, Ints]:
        """Return the CSR layout over all members."""
        start = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int64)
        controls = np.empty(start[-1], np.int64)
        for here, lengths, values in self.blocks:
            within = np.arange(len(values)) - np.repeat(_starts(lengths), lengths)
            controls[np.repeat(start[here], lengths) + within] = values
        return start, controls

    def members(self, index: Ints, extra: Ints) -> Members:
        """Return what is filled, for the specifications at ``index`` of the plan."""
        start, controls = self.controls()
        return Members(
            index,
            self.outcome,
            self.treatment,
            start,
            controls,
            self.rows,
            self.effects,
            self.weights,
            extra,
            self.sunab,
            tuple(self.aggregates),
            self.instruments,
            tuple(self.instrument_sets),
        )


def _factors_of(content: Contents, treatment: int) -> frozenset[str]:
    """Return the digests of a treatment's factors."""
    return frozenset(bind(f, content.scope).digest for f in content.grid.treatments[treatment].term.factors)


def _map(codes: Ints, give: Callable[[int], int]) -> Ints:
    """Apply ``give`` to every distinct code once."""
    unique, inverse = np.unique(codes, return_inverse=True)
    found = np.array([give(int(u)) for u in unique], np.int64)
    return np.asarray(found[inverse.reshape(-1)]) if len(unique) else np.zeros(0, np.int64)


def _weight(columns: Columns, content: Contents, weight: int) -> int:
    node = content.grid.weights[weight]
    return -1 if node is None else columns.value(bind(node, content.scope), write(node))


def _starts(lengths: Ints) -> Ints:
    return np.concatenate([[0], np.cumsum(lengths)])[:-1].astype(np.int64)


def _split(terms: Sequence[Term], with_: Sequence[Term]) -> tuple[list[Term], list[Term]]:
    texts = {t.text for t in with_}
    return [t for t in terms if t.text in texts], [t for t in terms if t.text not in texts]


def _first_of_each(members: Ints, values: Ints, order: Ints) -> tuple[Ints, Ints]:
    """Sort pairs by member, keeping the written order and the first of equal columns."""
    members, values = members[order], values[order]
    width = int(values.max()) + 1 if len(values) else 1
    _, first = np.unique(members * width + values, return_index=True)
    keep = np.sort(first)
    return members[keep], values[keep]


@dataclass(frozen=True, slots=True)
class MatchNote:
    """What a matched sample lost, under one treatment and one combination of variants."""

    sample: int
    treatment: int
    choices: tuple[int, ...]
    message: str


def enter_matched(members: MemberTable, columns: Columns, content: Contents, here: Ints) -> list[MatchNote]:
    """Fill rows and weights of the members at positions ``here``, of one setting, that are matched."""
    notes = []
    for sample, treatment, mine in _matches_needed(members, content, here):
        match = content.grid.samples[sample].match
        assert match is not None
        parts = [match_digest(match, content.scope), *content.samples[sample]]
        if match.treated is None:
            parts += [content.treatments[treatment], content.cohorts[treatment]]
        key = "|".join(parts)
        recipe = match_recipe(content, sample, treatment)
        members.rows[mine], found = columns.matched(key, recipe)
        for weight in np.unique(members.codes[mine, Core.WEIGHTS]):
            those = mine[members.codes[mine, Core.WEIGHTS] == weight]
            node = content.grid.weights[weight]
            members.weights[those] = (
                _matching_weight(columns, content, node, key, recipe)
                if match.weighted
                else (-1 if node is None else columns.value(bind(node, content.scope), write(node)))
            )
        choices = content.setting.choices
        notes += [MatchNote(sample, treatment, choices, words) for words in shortfalls(found)]
    return notes


def _matches_needed(members: MemberTable, content: Contents, here: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Return (sample, treatment, members) for each match that is needed."""
    codes = members.codes[here]
    for sample in np.unique(codes[:, Core.SAMPLE]).tolist():
        match = content.grid.samples[sample].match
        if match is None:
            continue
        of_sample = codes[:, Core.SAMPLE] == sample
        if match.treated is not None:
            yield sample, int(codes[of_sample, Core.TREATMENT].min()), here[of_sample]
        else:
            for treatment in np.unique(codes[of_sample, Core.TREATMENT]).tolist():
                yield sample, treatment, here[of_sample & (codes[:, Core.TREATMENT] == treatment)]


def _matching_weight(columns: Columns, content: Contents, node: Node | None, key: str, recipe: MatchRecipe) -> int:
    """Return the column of the match's weights times those of the option."""
    weights = columns.matched(key, recipe)[1].weights
    if node is None:
        return columns.add(f"w:{key}", weights, "matching weights", Recipe("weights", recipe.bounds, match=recipe))
    own = bind(node, content.scope)
    label = f"matching weights × {write(node)}"
    recipe_of = Recipe("weights", (*recipe.bounds, own), match=recipe)
    numbers = weights * columns.evaluator.numbers(own)
    return columns.add(f"w:{key}|{own.digest}", numbers, label, recipe_of)


def match_warnings(plan: Plan, notes: Iterable[MatchNote]) -> tuple[Fault, ...]:
    """Make each note a warning at the sample's ``match``, naming what it is about."""
    faults = []
    for note in notes:
        match = plan.grid.samples[note.sample].match
        assert match is not None
        about = [f"the sample `{plan.dimensions[Core.SAMPLE].labels[note.sample]}`"]
        if match.treated is None and len(plan.dimensions[Core.TREATMENT]) > 1:
            about.append(f"treatment `{plan.dimensions[Core.TREATMENT].labels[note.treatment]}`")
        if len(plan.grid.settings) > 1:
            chosen = zip(plan.dimensions[len(Core) :], note.choices, strict=True)
            about += [f"{d.name} `{d.labels[c]}`" for d, c in chosen]
        message = f"{', '.join(about)}: {note.message}"
        faults.append(fault_at(match.origin, None, "match_lost", message, severity="warning"))
    return tuple(dict.fromkeys(faults))

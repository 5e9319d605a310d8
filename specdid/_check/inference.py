"""Clusters of the standard errors and of the tests over the curve, and what a permutation moves.

Of a permutation it is asked who was assigned, at which level, within what, and whether treatments follow. A treatment
that never varies within a state is one draw a state. Dealt out by county it is many, and placebo and permutation p are
too small (as are errors that are clustered below the level of assignment: Abadie, Athey, Imbens and Wooldridge 2023).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._check.data import Data, changing_rows, count_levels, leaves, uses
from specdid._diagnostics import Fault, Origin, Severity, SpecError, fault_at, many
from specdid._plan import build_plan
from specdid._study import RULES, Expression, OutcomeOption, Study, TreatmentOption, VcovOption
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.rows import used_rows
from specdid.inference._assignment import (
    MOST_CELLS,
    Assignment,
    cells,
    deal,
    in_samples,
    made_of,
    make_assignment,
    of_kinds,
    permute,
)
from specdid.language import Bound, LanguageError, Scope, Term, bind, expand, referenced, terms, write
from specdid.language.tree import Name, Node, chain
from specdid.panel import EvaluationError, Evaluator, never_treated
from specdid.panel.columns import compact

LEVELS = 8
"""A column that the study does not name and that has fewer is a group, as the batches of a programme are."""
STAY = 1 / 3
"""From this share of treated levels on that no draw moves, the permutation null is not one of no effect."""
TRIED = 3
"""Draws in which the term and the cohort are compared."""
ALIKE = 0.75
"""From this agreement on (1: always, 0: as by chance) a treatment is one of a coarser level, but for exceptions."""


def check_clusters(data: Data) -> Iterator[Fault]:
    """Find clusters that are missing in rows that a specification uses.

    The first of [vcov] and those of [inference] must be there; a further vcov is had where it can be.
    """
    given, vcovs = data.study.inference, data.study.vcov
    needed = [cluster for option in vcovs[:1] for cluster in option.clusters]
    needed += [e for e in (given.cluster, given.level, given.strata) if e is not None]
    further = [cluster for option in vcovs[1:] for cluster in option.clusters]
    yield from _not_offered(data)
    for option in vcovs:
        for cluster in option.clusters:
            yield from _one_cluster(data, cluster, "error" if option is vcovs[0] else "warning")
    if given.cluster is not None and given.draws:
        yield from _one_cluster(data, given.cluster, "warning")
    used: Bools | None = None
    for expression in (*needed, *further):
        for node in chain(expression.tree, "+"):
            column = data.column(node)
            if column is None or not (column.missing & _perhaps_used(data)).any():
                continue
            used = _used(data) if used is None else used
            rows = np.flatnonzero(column.missing & used)
            if not rows.size:
                continue
            message = f"`{write(node)}` is missing in {data.rows(rows)}, which specifications use"
            if expression in needed:
                what = "stratum" if expression is given.strata else "level" if expression is given.level else "cluster"
                advice = f"every row of a specification needs its {what}: fill it in, or leave these rows out"
                yield fault_at(expression.origin, node.span, "cluster_missing", message, advice)
            else:
                message += ": those have no standard error by it"
                yield fault_at(expression.origin, node.span, "vcov_missing", message, severity="warning")


def _not_offered(data: Data) -> Iterator[Fault]:
    """Find variances that an estimator of the study does not offer."""
    for option in data.study.vcov:
        kind = "twoway" if len(option.clusters) > 1 else option.kind
        methods = dict.fromkeys(e.method for e in data.study.estimator)
        lacking = [m for m in methods if kind not in _plugins.load("estimators", m).vcovs]
        if lacking:
            message = f"no standard errors by `{option.name}` of {' and '.join(lacking)}{_shown(data, option)}"
            advice = "those specifications have none: write a variance first that all estimators offer"
            yield fault_at(option.origin, None, "vcov_not_offered", message, advice, "warning")
        without = [m for m in methods if m not in lacking and option.ssc not in _plugins.load("estimators", m).ssc]
        if without:
            had = [f'"{r}"' for r in RULES if all(r in _plugins.load("estimators", m).ssc for m in without)]
            message = (
                f"no standard errors by `{option.name}` of {' and '.join(without)}, "
                f"for want of the small-sample correction `{option.ssc}`{_shown(data, option)}"
            )
            advice = (
                "those specifications have none by it; "
                f"{' and '.join(without)} {'has' if len(without) == 1 else 'have'} {', '.join(had[:-1])} and {had[-1]}"
            )
            yield fault_at(option.origin, None, "vcov_not_offered", message, advice, "warning")
    yield from _by_unit_alone(data)


def _shown(data: Data, option: VcovOption) -> str:
    """Say of the first vcov what a reader sees without its errors."""
    return "; it is the first of [vcov], whose p-values figures and tables show" if option is data.study.vcov[0] else ""


def _by_unit_alone(data: Data) -> Iterator[Fault]:
    """Find clusters of several units beside an estimator whose errors go by unit."""
    units = data.panel.unit_codes
    reasons = {}
    for one in data.study.estimator:
        by_unit = _plugins.load("estimators", one.method).only_by_unit
        if by_unit is not None and (why := by_unit(one.options)):
            reasons[one.label or one.method] = why
    for option in data.study.vcov if reasons and units is not None else ():
        codes = _codes_of(data, option.clusters[0]) if len(option.clusters) == 1 else None
        if codes is None or units is None or _one_unit_each(codes, units):
            continue
        for name, why in reasons.items():
            message = f"no standard errors by `{option.name}` of {name}: {why}{_shown(data, option)}"
            advice = 'those specifications have none: write a variance by unit beside it, or vce = "jackknife"'
            yield fault_at(option.origin, None, "vcov_not_offered", message, advice, "warning")


def _one_unit_each(codes: Ints, units: Ints) -> bool:
    """Say whether no level has rows of several units."""
    known = (codes >= 0) & (units >= 0)
    first = np.full(int(codes.max(initial=-1)) + 1, -1, np.int64)
    first[codes[known]] = units[known]
    return bool((first[codes[known]] == units[known]).all())


def _one_cluster(data: Data, cluster: Expression, severity: Severity) -> Iterator[Fault]:
    """Find clusters of which the samples have fewer than two."""
    codes = _codes_of(data, cluster)
    if codes is not None and len(np.unique(codes[data.sampled & (codes >= 0)])) < 2 and data.sampled.any():
        message = f"`{cluster.text}` is one cluster in all samples, and from one there is no standard error"
        advice = "cluster by a column of more levels, such as the unit, or write `hetero` in [vcov]"
        yield fault_at(cluster.origin, cluster.tree.span, "bad_choice", message, advice, severity)


def _perhaps_used(data: Data) -> Bools:
    """Mark the rows of samples that have some outcome: more than the specifications use, and soon known."""
    found = np.zeros(data.panel.n_rows, dtype=bool)
    for outcome in data.study.outcome:
        for node, _ in leaves(outcome.formula.tree, "outcome"):
            values = data.column(node)
            found |= ~values.missing if values is not None else True
    return data.sampled & found


def _used(data: Data) -> Bools:
    """Mark the rows that some planned specification uses, all that may be where there is no plan yet."""
    compiled = _compiled(data)
    return _perhaps_used(data) if compiled is None else used_rows(compiled.problem, compiled.members)


def _compiled(data: Data) -> Compiled | None:
    """Lay out the plan; None where there is none yet."""
    try:
        return compile_plan(build_plan(data.study, data.panel, data.evaluator), data.panel, data.evaluator)
    except (SpecError, LanguageError, EvaluationError):
        return None


def check_inference(data: Data) -> Iterator[Fault]:
    """Check that the tests over the curve have what they need."""
    given, study = data.study.inference, data.study
    if not given.draws:
        return
    least = int(np.ceil(1 / given.alpha - 1 - 1e-9))
    if given.draws < least:
        yield fault_at(
            given.draws_origin or given.origin,
            None,
            "draws_too_few",
            f"{given.draws:,} draws give no p of {given.alpha:g} or less, and no simultaneous band",
            f"write draws = {least:,} or more: the smallest p is 1 / (draws + 1)",
            severity="warning",
        )
    signed = [name for name in given.null if not _plugins.load("inference", name).assigns]
    if signed and study.unit is None and given.cluster is None:
        yield fault_at(
            given.origin,
            None,
            "no_test",
            "the test of the curve is off: the study has no unit to cluster by",
            'declare `unit`, or write cluster = "…" in [inference]',
            severity="warning",
        )


@dataclass(frozen=True, slots=True)
class _MovedTreatment:
    """A treatment under one setting: its term and its cohort, as the data make them."""

    option: TreatmentOption
    term: Term
    factors: tuple[Bound, ...]
    cohort: Bound | None


def check_assignment(data: Data) -> Iterator[Fault]:
    """Check [inference] assign, level and strata where a permutation uses them."""
    given, study = data.study.inference, data.study
    if given.assign is None or not _permutes(study):
        return
    if given.level is None and study.unit is None:
        yield fault_at(
            given.assign.origin,
            None,
            "no_level",
            "permutation needs to know who was assigned",
            'write level = "…" in [inference], or declare `unit` in [study]',
        )
        return
    level = _codes_of(data, given.level) if given.level is not None else data.panel.unit_codes
    if level is None:
        return
    faults = [*_derived(data, given.assign), *_within(data, level)]
    yield from faults
    if not faults:
        yield from _moves(data, level)


def _permutes(study: Study) -> bool:
    """Say whether an analysis or a null moves the assignment."""
    if any(_plugins.load("analyses", table.kind).permutes for table in study.analyses):
        return True
    given = study.inference
    return bool(given.draws) and any(_plugins.load("inference", name).assigns for name in given.null)


def _codes_of(data: Data, expression: Expression) -> Ints | None:
    """Return the joint levels of columns joined by ``+``, None where they cannot be evaluated."""
    try:
        return data.evaluator.codes(tuple(bind(n, data.scope) for n in chain(expression.tree, "+")))
    except (LanguageError, EvaluationError):
        return None


def _derived(data: Data, assign: Expression) -> Iterator[Fault]:
    """Find assigned columns that are derived: what moves are columns of the data."""
    for name in referenced(assign.tree):
        definition = data.scope.definition(name.name)
        if definition is None:
            continue
        names = " + ".join(write(Name(n)) for n in made_of(data.panel, [definition]))
        advice = f'name what it is made of: assign = "{names}"' if names else "name columns of the data"
        message = f"`{name.name}` is derived, and what is permuted are columns of the data"
        yield fault_at(assign.origin, name.span, "assign_derived", message, advice)


def _within(data: Data, level: Ints) -> Iterator[Fault]:
    """Check that units lie within levels, levels within strata, and that a level has one assignment a period."""
    given = data.study.inference
    words = given.level.text if given.level is not None else data.study.unit
    assert given.assign is not None
    if given.level is not None and data.panel.unit_codes is not None:
        yield from _constant(
            data,
            given.level,
            data.panel.unit_codes,
            level,
            f"changes within a {data.panel.unit}",
            "a unit belongs to one of those who were assigned",
        )
    strata = None if given.strata is None else _codes_of(data, given.strata)
    if given.strata is not None and strata is not None:
        yield from _constant(data, given.strata, level, strata, f"changes within a {words}", "strata hold whole levels")
    path = level if data.panel.periods is None else _joint_codes(level, data.panel.periods)
    when = "" if data.panel.periods is None else f" and {data.study.time}"
    for node in chain(given.assign.tree, "+"):
        part = Expression(given.assign.text[node.span.start : node.span.stop], node, given.assign.origin)
        codes = _codes_of(data, part)
        if codes is not None:
            yield from _constant(
                data,
                part,
                path,
                codes,
                f"changes within a {words}{when}",
                f"what is assigned at the level of {words} is the same for all its units; "
                "set `level` to who was assigned",
            )


def _constant(
    data: Data, expression: Expression, groups: Ints, codes: Ints, words: str, advice: str
) -> Iterator[Fault]:
    rows = changing_rows(groups, codes.astype(np.float64))
    if rows.size:
        yield fault_at(
            expression.origin,
            expression.tree.span,
            "not_constant",
            f"`{expression.text}` {words}: {data.place(int(rows[0]))}",
            advice,
        )


def _joint_codes(level: Ints, periods: Ints) -> Ints:
    """Code level × period; a missing level stays missing."""
    _, period = np.unique(periods, return_inverse=True)
    _, joint = np.unique(level * (int(period.max()) + 1) + period.reshape(-1), return_inverse=True)
    return np.where(level < 0, -1, joint.reshape(-1))


def _moves(data: Data, level: Ints) -> Iterator[Fault]:
    """Check that the permutation moves the treatments, whole, and nothing that it must not move."""
    assign = data.study.inference.assign
    assert assign is not None
    names = tuple(dict.fromkeys(name.name for name in referenced(assign.tree)))
    faults = [*_treatments(data, level, names), *_outcomes(data, names)]
    yield from faults
    if any(f.severity == "error" for f in faults):
        return
    if cells(data.panel, level) * len(names) > MOST_CELLS:
        count = int(level.max()) + 1
        periods = cells(data.panel, level) // count
        yield fault_at(
            assign.origin,
            None,
            "assign_sparse",
            f"permuting paths of {count:,} levels over {periods:,} periods takes more memory than is sensible",
            "name fewer columns in `assign`, or a coarser `level`",
        )
        return
    strata = None if data.study.inference.strata is None else _codes_of(data, data.study.inference.strata)
    if (compiled := _compiled(data)) is not None:
        level = in_samples(level, compiled, compiled.members, frozenset(names), data.evaluator)
    assignment = make_assignment(data.panel, names, level, strata)
    treated = [t for o in data.study.treatment for scope in _settings(data) for t in _treated(data, o, scope)]
    bounds = [b for t in treated for b in (*t.factors, *_given(t.cohort))]
    by_treatment = of_kinds(data.panel, assignment, bounds)
    by_all = of_kinds(data.panel, assignment, [*bounds, *_beside(data)])
    if by_treatment.by_value:
        yield fault_at(
            assign.origin,
            assign.tree.span,
            "assigned_by_value",
            f"what permuting `{assign.text}` can change is counted by its values, not by the treatment made of them: "
            "more levels may keep their treatment, and there may be fewer different assignments",
            "there are too many values and rows to give each to every level; a column of the treatment itself, as 0/1, "
            "in the place of doses is counted exactly",
            "warning",
        )
    yield from _counted(data, by_all, by_treatment.fixed())
    yield from _stay(data, by_treatment.fixed(), level)
    yield from _together(data, assignment, names)


def _beside(data: Data) -> Iterator[Bound]:
    """Return what samples, controls and effects are made of: draws in which these move differ, too."""
    for use in uses(data.study):
        if use.role not in ("names", "treatment", "outcome"):
            for name in referenced(use.expression.tree):
                for scope in _settings(data):
                    with suppress(LanguageError):
                        yield bind(Name(name.name), scope)


def _settings(data: Data) -> Iterator[Scope]:
    """Return what names mean without variants, and under every option that redefines some."""
    yield data.scope
    for variant in data.study.variants:
        for option in variant.options:
            scope = data.scope_of((option,)) if option.derive else None
            if scope is not None:
                yield scope


def _treated(data: Data, option: TreatmentOption, scope: Scope) -> Iterator[_MovedTreatment]:
    try:
        expanded = [terms(node).terms for node in expand(option.term.tree, data.macros, data.names, 1.0)]
        for found in expanded:
            factors = tuple(bind(f, scope) for f in found[0].factors)
            cohort = None if option.cohort is None else bind(option.cohort.tree, scope)
            yield _MovedTreatment(option, found[0], factors, cohort)
    except (LanguageError, IndexError):
        return  # which has its own fault


def _treatments(data: Data, level: Ints, names: tuple[str, ...]) -> Iterator[Fault]:
    """Find treatments that do not move, or of which only a part does; law 6."""
    assign = data.study.inference.assign
    assert assign is not None
    faults: list[Fault] = []
    still: list[Fault] = []
    every = [t for o in data.study.treatment for scope in _settings(data) for t in _treated(data, o, scope)]
    used = set(made_of(data.panel, [b for t in every for b in (*t.factors, *_given(t.cohort))]))
    any_moves = bool(used & set(names))
    explained = {n for _, _, made in _made_outcomes(data) for n in made}
    for treated in every:
        option = treated.option
        term, cohort = made_of(data.panel, treated.factors), made_of(data.panel, _given(treated.cohort))
        moves, follows = bool(set(term) & set(names)), bool(set(cohort) & set(names))
        kept = names if any_moves else ()
        differ = [n for n in dict.fromkeys((*kept, *term, *cohort)) if n in kept or _differs(data, n, level)]
        wanted = [n for n in differ if n in kept or (n not in explained and not _within_level(data, n, level))]
        line = f'write assign = "{" + ".join(write(Name(n)) for n in wanted)}"'
        text = treated.term.text
        if treated.cohort is not None and moves != follows:
            assert option.cohort is not None
            words = (f"the term `{text}`", f"the cohort `{option.cohort.text}`")
            one, other = words if moves else words[::-1]
            message = f"`assign` moves {one} and not {other}: in a draw they would be of different units"
            advice = line if set(wanted) > set(names) else f"write {other} in columns that `assign` names"
            faults.append(fault_at(assign.origin, assign.tree.span, "assign_half", message, advice))
        elif not moves:
            owned = [n for n in wanted if n not in names]
            made = ", ".join(f"`{n}`" for n in term) or "the unit and the time alone"
            message = f"`assign` does not move the treatment `{text}`, which is made of {made}"
            advice = line if owned else "name the columns of the data that say who is treated"
            still.append(fault_at(assign.origin, assign.tree.span, "assign_still", message, advice))
        elif left := [n for n in _left(data, treated, names) if n in differ]:
            message = f"`assign` moves `{text}` but for {', '.join(f'`{n}`' for n in left)}, which stays"
            advice = f"where that belongs to the assignment, {line}"
            if set(left).isdisjoint(wanted):
                advice = "it cannot be assigned, too: an outcome is made of it, or it differs within a level"
            faults.append(fault_at(assign.origin, assign.tree.span, "assign_part", message, advice, "warning"))
    severity: Severity = "error" if len(still) == len(every) else "warning"
    yield from dict.fromkeys((*faults, *(replace(f, severity=severity) for f in still)))


def _left(data: Data, treated: _MovedTreatment, names: tuple[str, ...]) -> list[str]:
    """Return what a factor that moves is made of beside what is assigned; a moderator is a factor of its own."""
    made = [made_of(data.panel, [factor]) for factor in (*treated.factors, *_given(treated.cohort))]
    left = [n for used in made if set(used) & set(names) for n in used if n not in names]
    return list(dict.fromkeys(left))


def _given(bound: Bound | None) -> tuple[Bound, ...]:
    return () if bound is None else (bound,)


def _differs(data: Data, name: str, level: Ints) -> bool:
    """Say whether a column differs between levels in a period: else it is a matter of time."""
    column = data.panel.columns[name]
    values = column.numbers if column.numbers is not None else np.asarray(column.codes, np.float64)
    periods = data.panel.periods
    codes = np.zeros(len(values), np.int64) if periods is None else np.unique(periods, return_inverse=True)[1]
    return bool(changing_rows(np.where(level < 0, -1, codes.reshape(-1)), values).size)


def _within_level(data: Data, name: str, level: Ints) -> bool:
    """Say whether a column differs within a level in a period: then it cannot be dealt out to levels."""
    column = data.panel.columns[name]
    values = column.numbers if column.numbers is not None else np.asarray(column.codes, np.float64)
    periods = data.panel.periods
    joint = level if periods is None else _joint_codes(level, periods)
    return bool(changing_rows(np.where(np.isnan(values), -1, joint), values).size)


def _outcomes(data: Data, names: tuple[str, ...]) -> Iterator[Fault]:
    """Find outcomes made of what is permuted: they would move with it."""
    for outcome, node, used in _made_outcomes(data):
        shared = [n for n in used if n in names]
        if shared:
            message = f"the outcome is made of `{shared[0]}`, which `assign` permutes: it would move with it"
            advice = "the null is of outcomes that stay: put the outcome in a column of the data"
            yield fault_at(outcome.formula.origin, node.span, "assign_outcome", message, advice)


def _made_outcomes(data: Data) -> Iterator[tuple[OutcomeOption, Node, tuple[str, ...]]]:
    """Return every outcome with the columns of the data that it is made of."""
    for outcome in data.study.outcome:
        for node, _ in leaves(outcome.formula.tree, "outcome"):
            with suppress(LanguageError):
                yield outcome, node, tuple(made_of(data.panel, [bind(node, data.scope)]))


def _counted(data: Data, assignment: Assignment, fixed: Bools) -> Iterator[Fault]:
    """Find permutations that move no treatment, ``fixed`` in levels, or too little for any p below alpha."""
    given = data.study.inference
    assert given.assign is not None
    different = assignment.different() if not fixed.all() else 0.0
    where, span = (given.assign.origin, given.assign.tree.span)
    if given.strata is not None and (different == 0 or fixed.any()):
        where, span = given.strata.origin, given.strata.tree.span
    if different == 0:
        told = f"permuting `{given.assign.text}` changes nothing: no two levels differ in treatment"
        if given.strata is not None:
            told = f"permuting `{given.assign.text}` within `{given.strata.text}` changes nothing: "
            told += "no stratum has two treatments"
        yield fault_at(
            where,
            span,
            "nothing_moves",
            told,
            "take coarser strata" if given.strata is not None else "an assignment differs between levels",
        )
        return
    if fixed.any():
        yield fault_at(
            where,
            span,
            "strata_fixed",
            f"{int(fixed.sum()):,} of {len(fixed):,} levels are in strata in which all have the same treatment: "
            "they keep it in every draw",
            "coarser strata let them move",
            "warning",
        )
    if different < -math.log(given.alpha):
        count = round(math.exp(different))
        yield fault_at(
            where,
            span,
            "few_assignments",
            f"there are {count} different assignments, so no permutation p can be below {1 / count:.2g}",
            f"a test at {given.alpha:g} needs {math.ceil(1 / given.alpha)} of them or more",
            "warning",
        )
    elif count := assignment.fewer_than(given.draws):
        yield fault_at(
            where,
            span,
            "assignments_repeat",
            f"{given.draws:,} draws are of {count:,} different assignments, so no permutation p can be below "
            f"{1 / count:.2g}",
            "further draws add nothing; a null in which more could have been treated has more assignments",
            "warning",
        )


def _stay(data: Data, fixed: Bools, level: Ints) -> Iterator[Fault]:
    """Warn where many of the treated keep their treatment: draws are then not of no effect, but of a part of it."""
    given = data.study.inference
    assert given.strata is None or given.assign is not None
    on = np.zeros(len(fixed), dtype=bool)
    for option in data.study.treatment:
        for column in _terms(data, option.term):
            on[level[data.sampled & (level >= 0) & (column != 0) & ~np.isnan(column)]] = True
    kept, treated = int((on & fixed).sum()), int(on.sum())
    if given.strata is None or not STAY * treated <= kept < len(fixed) or not kept:
        return
    yield fault_at(
        given.strata.origin,
        given.strata.tree.span,
        "treated_stay",
        f"{kept:,} of {treated:,} treated levels keep their treatment in every draw: the permutation null keeps "
        "their effect, and its p-values and shares are not those of no effect at all",
        "take coarser strata, or leave out the strata in which all are treated",
        "warning",
    )


def _together(data: Data, assignment: Assignment, names: tuple[str, ...]) -> Iterator[Fault]:
    """Compare terms with their cohorts under permuted assignments, where they agree in the data."""
    time = data.panel.columns[data.panel.time].numbers if data.panel.time is not None else None
    option_of = [t for o in data.study.treatment if o.cohort is not None for t in _treated(data, o, data.scope)]
    if time is None or not option_of:
        return
    draws = []
    for draw in range(TRIED):
        source = deal(assignment, data.study.seed, draw)
        inside = assignment.level >= 0
        seen = inside & assignment.observed[source[assignment.level], assignment.period]
        draws.append((permute(data.panel, assignment, data.study.seed, draw), seen))
    for treated in option_of:
        apart = _apart(data.evaluator, treated, time)
        if apart is None or apart.any():
            continue  # the data themselves disagree, which has its own fault
        wrong = np.zeros(len(time), dtype=bool)
        for panel, seen in draws:
            moved = _apart(Evaluator(panel), treated, time)
            wrong |= seen if moved is None else moved & seen
        if wrong.any():
            yield _half(data, treated, assignment.level, names, int(np.count_nonzero(wrong)))


def _half(data: Data, treated: _MovedTreatment, level: Ints, names: tuple[str, ...], count: int) -> Fault:
    assign, cohort = data.study.inference.assign, treated.option.cohort
    assert assign is not None
    assert cohort is not None
    used = made_of(data.panel, (*treated.factors, *_given(treated.cohort)))
    left = [n for n in used if n not in names and _differs(data, n, level)]
    wanted = " + ".join(write(Name(n)) for n in (*names, *left))
    message = f"permuted, `{treated.term.text}` and its cohort `{cohort.text}` say different things of {count:,} rows"
    if left:
        message += f": {', '.join(f'`{n}`' for n in left)} {'is' if len(left) == 1 else 'are'} not moved"
    return fault_at(
        assign.origin,
        assign.tree.span,
        "assign_half",
        message,
        f'write assign = "{wanted}"' if left else "name the columns that both are made of",
    )


def _apart(evaluator: Evaluator, treated: _MovedTreatment, time: Floats) -> np.ndarray | None:
    """Mark the rows in which a 0/1 term is not ``time >= cohort``; None where that cannot be said."""
    assert treated.cohort is not None
    try:
        columns = evaluator.term(treated.factors)
        cohort = evaluator.numbers(treated.cohort)
    except EvaluationError:
        return None
    values = columns[0].numbers
    known = ~np.isnan(values)
    if len(columns) != 1 or not np.isin(values[known], (0.0, 1.0)).all():
        return None
    on = (time >= cohort) & ~never_treated(evaluator.panel, cohort)
    return np.asarray(known & (values != on))


def check_level(data: Data) -> Iterator[Fault]:
    """Warn of treatments that are constant within a coarser declared level than they are dealt out by."""
    given, study = data.study.inference, data.study
    if not _permutes(study):
        return
    level = _codes_of(data, given.level) if given.level is not None else data.panel.unit_codes
    words = given.level.text if given.level is not None else study.unit
    if level is None:
        return
    coarser = list(_coarser(data, level))
    for option in study.treatment:
        columns = [c for c in (*_terms(data, option.term), data.numbers(option.cohort)) if c is not None]
        for name, codes in coarser:
            if columns and all(_constant_for_units(data, codes, column) for column in columns):
                groups, dealt = (count_levels(c[data.sampled]) for c in (codes, level))
                when = "" if data.panel.periods is None else f" and {study.time}"
                message = (
                    f"the treatment `{option.term.text}` never varies within `{name}`{when}, and is dealt out to "
                    f"{dealt:,} of `{words}`, not to {groups:,} of `{name}`: "
                    "p of placebos and permutation are too small"
                )
                advice = f'write level = "{name}" in [inference]'
                yield fault_at(_where(data), None, "level_too_fine", message, advice, "warning")
                break
        else:
            yield from _nearly(data, option, columns, coarser, level, words or "row")


def check_cluster_level(data: Data) -> Iterator[Fault]:
    """Warn of errors by clusters that are finer than what the treatment varies by, be it declared or a data column."""
    given, study = data.study.inference, data.study
    yield from _not_clustered(data)
    yield from _dated_together(data)
    asked = [option.clusters for option in study.vcov[:1]]
    asked += [(given.cluster,)] if given.cluster is not None and given.draws else []
    for clusters in {tuple(c.text for c in found): found for found in asked if found}.values():
        levels = [codes for c in clusters if (codes := _codes_of(data, c)) is not None]
        coarser = [found for codes in levels[:1] for found in _coarser(data, codes, every_column=True)]
        coarser = [c for c in coarser if not any(_inside(data, c[1], codes) for codes in levels)]
        for option in study.treatment if coarser else ():
            yield from _finer(data, option, " + ".join(c.text for c in clusters), levels[0], coarser)


def _dated_together(data: Data) -> Iterator[Fault]:
    """Note a further vcov by coarser clusters, in each of which all that are treated begin at once."""
    first, *others = data.study.vcov or (None,)
    if first is None or len(first.clusters) != 1 or (level := _codes_of(data, first.clusters[0])) is None:
        return
    for vcov, option in ((v, o) for v in others if len(v.clusters) == 1 for o in data.study.treatment if o.cohort):
        codes, cohort = _codes_of(data, vcov.clusters[0]), data.numbers(option.cohort)
        columns = list(_terms(data, option.term))
        if codes is None or cohort is None or not columns or _constant_for_units(data, codes, columns[0]):
            continue
        used = data.sampled & (codes >= 0) & (level >= 0)
        on = used & (columns[0] != 0) & ~np.isnan(columns[0]) & ~np.isnan(cohort)
        groups, levels = count_levels(codes[on]), count_levels(level[on])
        whole = not changing_rows(np.where(used, level, -1), codes.astype(np.float64)).size
        if not whole or levels < 2 * groups or groups < 2 or len(np.unique(cohort[on])) < 2:
            continue
        if not changing_rows(np.where(on, codes, -1), cohort).size:
            message = (
                f"the first errors are by `{first.name}`, and all that are treated in one of `{vcov.name}` begin at "
                f"once (`{option.cohort.text if option.cohort else ''}`): if the time was assigned by these, errors by "
                f"`{first.name}` are too small"
            )
            yield fault_at(first.origin, None, "dated", message, f"write `{vcov.name}` first", "warning")


def _not_clustered(data: Data) -> Iterator[Fault]:
    """Warn where the first errors take the rows of a unit for independent."""
    first, units = (data.study.vcov or (None,))[0], data.panel.unit_codes
    if first is None or first.clusters or units is None or data.panel.periods is None:
        return
    if not first.origin.path or any(dimension == "vcov" for dimension, _ in data.study.unread):
        return  # what was written first has a fault, and something else stands in its place
    rows, count = int(data.sampled.sum()), data.count_units(data.sampled)
    if rows >= 2 * count > 0:
        message = (
            f"errors `{first.name}` take {many(rows, 'row')} of {data.units(data.sampled)} for independent: where the "
            "outcomes of a unit go together over time, they and their p are too small"
        )
        advice = (
            f'write "~{data.study.unit}" first in [vcov], or what the treatment was assigned to '
            "(Bertrand, Duflo and Mullainathan 2004)"
        )
        yield fault_at(first.origin, None, "not_clustered", message, advice, "warning")


def _finer(
    data: Data, option: TreatmentOption, words: str, level: Ints, coarser: Sequence[tuple[str, Ints]]
) -> Iterator[Fault]:
    """Warn of the coarsest level within which a treatment does not vary, and which does not tell its path by itself."""
    columns = [c for c in (*_terms(data, option.term), data.numbers(option.cohort)) if c is not None]
    bounds = [b for t in _treated(data, option, data.scope) for b in (*t.factors, *_given(t.cohort))]
    own = {write(Name(n)) for n in made_of(data.panel, bounds)}
    declared = [write(Name(n)) for n in _declared(data.study)]
    everybody = np.zeros_like(level)
    if all(_constant_for_units(data, everybody, c) for c in columns):
        return  # the same for all in a period, it varies within no level
    for name, codes in coarser:
        if name in own or not columns or not all(_constant_for_units(data, codes, c) for c in columns):
            continue
        used = data.sampled & (codes >= 0) & (level >= 0)
        on = used & (columns[0] != 0) & ~np.isnan(columns[0])
        of_level = np.full(int(level.max()) + 1, -1)
        of_level[level[used]] = codes[used]  # whose levels lie whole within
        parts = np.bincount(of_level[of_level >= 0])
        groups, treated = np.count_nonzero(parts), np.flatnonzero(np.bincount(codes[on]))
        paths = _paths(data, codes, used, columns[0])
        least = paths + 1 if name in declared else max(LEVELS, paths + 2)
        if not (parts[treated] > 1).any() or groups < least:
            continue
        when = "" if data.panel.periods is None else f" and {data.study.time}"
        message = (
            f"errors are clustered by `{words}` ({count_levels(level[used]):,}), and the treatment "
            f"`{option.term.text}` never varies within `{name}`{when} ({groups:,}, {len(treated):,} of them with "
            "treatment): where it was assigned by these, errors and p are too small"
        )
        advice = (
            f'cluster by what the treatment was assigned to: "~{name}" in [vcov] and cluster = "{name}" in [inference] '
            "(Bertrand, Duflo and Mullainathan 2004; Abadie, Athey, Imbens and Wooldridge 2023)"
        )
        origin = data.study.vcov[0].origin if data.study.vcov else data.study.inference.origin
        yield fault_at(origin, None, "cluster_too_fine", message, advice, "warning")
        return


def _inside(data: Data, fine: Ints, codes: Ints) -> bool:
    """Say whether levels lie whole within others."""
    known = data.sampled & (fine >= 0) & (codes >= 0)
    return not changing_rows(np.where(known, fine, -1), codes.astype(np.float64)).size


def _paths(data: Data, codes: Ints, used: Bools, values: Floats) -> int:
    """Count the different paths over time of a column that is one value in a group and period."""
    of_group, groups = compact(codes[used])
    periods = np.zeros(len(of_group), np.int64) if data.panel.periods is None else data.panel.periods[used]
    of_period, each = compact(periods - periods.min())
    path = np.full((groups, each), np.inf)
    path[of_group, of_period] = np.nan_to_num(values[used], nan=np.inf)
    return len(np.unique(path, axis=0))


def _nearly(
    data: Data,
    option: TreatmentOption,
    columns: Sequence[Floats],
    coarser: Sequence[tuple[str, Ints]],
    level: Ints,
    words: str,
) -> Iterator[Fault]:
    """Warn of a treatment that but for few exceptions is constant within a coarser level, the coarsest."""
    for name, codes in coarser:
        shares = [_agreement(data, codes, level, column) for column in columns]
        if not shares or min(shares) < ALIKE:
            continue
        groups = _groups(data, codes)
        used = data.sampled & (codes >= 0) & (level >= 0)
        pairs = np.unique(np.stack([codes[used], level[used]]), axis=1)
        several = np.flatnonzero(np.bincount(pairs[0]) > 1)
        wrong = [changing_rows(np.where(np.isnan(c), -1, groups), c) for c in columns]
        broken = np.unique(codes[np.concatenate(wrong)])
        place = int(np.concatenate(wrong)[0])
        message = (
            f"the treatment `{option.term.text}` does not vary within {len(several) - len(broken):,} of "
            f"{len(several):,} of `{name}` with two or more of `{words}`, with few exceptions in the others, and is "
            f"dealt out to {len(np.unique(level[used])):,} of `{words}`: p of placebos and permutation are too small"
        )
        advice = (
            "where that is a mistake in the data, correct it; else leave it out in [sample]; then write "
            f'level = "{name}" in [inference]'
        )
        notes = (f"it differs in {data.place(place)}",)
        yield fault_at(_where(data), None, "level_too_fine", message, advice, "warning", notes=notes)
        return


def _agreement(data: Data, codes: Ints, level: Ints, values: Floats) -> float:
    """Return how far levels of a group have one value in a period, 0 as by chance and 1 always.

    It is kappa of pairs, (p − q) / (1 − q): p is the share of pairs of levels in a group and period that have the
    same value, q that of all pairs of levels in a period. A group's size counts by its pairs.
    """
    kept = data.sampled & (codes >= 0) & (level >= 0) & ~np.isnan(values)
    periods = np.zeros(len(values), np.int64) if data.panel.periods is None else data.panel.periods
    rows = np.unique(np.stack([periods[kept], level[kept]]), axis=1, return_index=True)[1]
    what = np.unique(values[kept][rows], return_inverse=True)[1].reshape(-1)
    period, group = periods[kept][rows], codes[kept][rows]

    def pairs(*keys: Ints) -> float:
        count = np.unique(np.stack(keys), axis=1, return_counts=True)[1].astype(np.float64)
        return float((count * (count - 1) / 2).sum())

    inside, everywhere = pairs(period, group), pairs(period)
    if not inside or not everywhere:
        return 0.0
    p, q = pairs(period, group, what) / inside, pairs(period, what) / everywhere
    return (p - q) / (1 - q) if q < 1 else 1.0


def _where(data: Data) -> Origin:
    given = data.study.inference
    if given.level is not None:
        return given.level.origin
    if given.assign is not None:
        return given.assign.origin
    tables = [t for t in data.study.analyses if _plugins.load("analyses", t.kind).permutes]
    return tables[0].origin if tables else given.origin


def _coarser(data: Data, level: Ints, every_column: bool = False) -> Iterator[tuple[str, Ints]]:
    """Return what errors are clustered by and fixed effects are of that holds whole levels, the coarsest first.

    Of other columns, where every one is asked, those count that hold two levels or more on average.
    """
    study, names = data.study, _declared(data.study)
    used = data.sampled & (level >= 0)
    found = []
    for name in (*names, *(n for n in data.names if every_column and n not in names and _groups_rows(data, n))):
        codes = _codes_of(data, Expression(name, Name(name), study.inference.origin))
        if codes is None:
            continue
        known = np.where(used & (codes >= 0), codes, -1)
        inside = np.where(known >= 0, level, -1)
        groups, parts = count_levels(known), count_levels(inside)
        most = parts - 1 if name in names else parts // 2
        if 1 < groups <= most and not changing_rows(inside, known.astype(np.float64)).size:
            found.append((groups, write(Name(name)), known))
    for _, name, codes in sorted(found, key=lambda f: f[0]):
        yield name, codes


def _groups_rows(data: Data, name: str) -> bool:
    """Say whether a column can tell groups: text or whole numbers."""
    numbers = data.panel.columns[name].numbers if name in data.panel.columns else None
    return numbers is None or bool((np.isnan(numbers) | (numbers == np.floor(numbers))).all())


def _declared(study: Study) -> list[str]:
    """Return the names of what errors are clustered by and fixed effects are of."""
    found = [study.inference.cluster, *(c for v in study.vcov for c in v.clusters)]
    found += [option.formula for option in study.fixed_effects]
    return list(dict.fromkeys(n.name for e in found if e is not None for n in referenced(e.tree)))


def _terms(data: Data, term: Expression) -> Iterator[Floats]:
    try:
        expanded = [terms(node).terms for node in expand(term.tree, data.macros, data.names, 1.0)]
        for found in expanded:
            yield from (c.numbers for c in data.evaluator.term(tuple(bind(f, data.scope) for f in found[0].factors)))
    except (LanguageError, EvaluationError, IndexError):
        return  # which has its own fault


def _constant_for_units(data: Data, codes: Ints, values: Floats) -> bool:
    """Say whether a column is one value in a group and period; rows without a value are not asked."""
    return not changing_rows(np.where(np.isnan(values), -1, _groups(data, codes)), values).size


def _groups(data: Data, codes: Ints) -> Ints:
    """Return codes of groups and periods."""
    return codes if data.panel.periods is None else _joint_codes(codes, data.panel.periods)

"""Which specifications no null will test, by counts alone: nothing is estimated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Ints
from specdid._diagnostics import Fault, fault_at, first_few
from specdid._plan import Plan, PlanStatus
from specdid._records.numerals import specifications
from specdid._study import INSTRUMENTS, Core
from specdid.language import bind
from specdid.panel import Evaluator, Panel

PERMUTATION = "permutation"
MOST_TRIED = 400
"""Specifications of an estimator that are laid out to count units."""


def check_tested(plan: Plan, panel: Panel, evaluator: Evaluator) -> Iterator[Fault]:
    """Say of which specifications that may enter the joint tests none of the nulls that are asked for is."""
    asked = plan.study.inference
    without = np.zeros(len(plan), dtype=bool)
    if any(_plugins.load("estimators", e.method).no_error is not None for e in plan.grid.estimators):
        yield from _without_error(plan, panel, evaluator, without)
    planned = (plan.status == PlanStatus.PLANNED) & ~_set_apart(plan) & ~without
    if not asked.draws or not planned.any() or (panel.unit_codes is None and asked.cluster is None):
        return
    instrumented = _instrumented(plan)
    if (theirs := planned & instrumented).any():
        said = "neither null is one of two-stage least squares; `ar_p` in the results tests for no effect"
        yield _fault(plan, theirs, said, None)
    methods = np.array([bool(_plugins.load("estimators", e.method).batched) for e in plan.grid.estimators])
    linear = methods[plan.codes[:, Core.ESTIMATOR]] & ~instrumented
    from specdid.inference._permutation_strategy import BUDGET, PLAIN_SECONDS

    if PERMUTATION not in asked.null:
        said = "no least squares, which alone the wild bootstrap takes"
        help_ = 'write null = ["wild", "permutation"] and assign = "…" in [inference], who was assigned'
        if (others := planned & ~linear & ~instrumented).any():
            yield _fault(plan, others, said, help_)
        return
    moving = any(_plugins.load("estimators", e.method).cohort for e in plan.grid.estimators)
    work = asked.draws * PLAIN_SECONDS * int(np.count_nonzero(planned & linear))
    if moving or work > BUDGET or (planned & ~linear & ~instrumented).any():
        yield from _beyond(plan, panel, evaluator, without)


def _without_error(plan: Plan, panel: Panel, evaluator: Evaluator, without: Bools) -> Iterator[Fault]:
    """Mark in ``without`` the specifications that can have no standard error, as counts of units tell, and say why."""
    from specdid.engine.compile import compile_plan
    from specdid.engine.one_by_one import make_task, rows_for

    compiled = compile_plan(plan, panel, evaluator)
    problem, members = compiled.problem, compiled.members
    for e, choice in enumerate(plan.grid.estimators):
        declared, mine = _plugins.load("estimators", choice.method), np.flatnonzero(compiled.method == e)
        if declared.no_error is None:
            continue
        reasons = {}
        for s in mine[:MOST_TRIED].tolist():
            cut = rows_for(problem, members, s, declared, choice.options)
            if not len(cut.rows):
                continue
            task = make_task(problem, members, s, cut, choice.options, int(compiled.cohort[s]), compiled.time)
            if why := declared.no_error(task):
                reasons[int(members.index[s])] = why
        without[list(reasons)] = True
        if reasons:
            label = plan.dimensions[Core.ESTIMATOR].labels[e]
            said = (
                f"{len(reasons):,} of {len(mine):,} specifications of the estimator `{label}` will have no standard "
                f"error, and be in no joint test: {next(iter(reasons.values()))}"
            )
            yield fault_at(
                plan.study.estimator[_option(plan, e)].origin, None, "vcov_not_offered", said, None, "warning"
            )


def _option(plan: Plan, choice: int) -> int:
    return int(plan.dimensions[Core.ESTIMATOR].option[choice])


def _set_apart(plan: Plan) -> Bools:
    """Mark specifications with an option of type uncertain or nonequivalent, which are drawn apart from the others."""
    apart = np.zeros(len(plan), dtype=bool)
    for k, d in enumerate(plan.dimensions):
        typed = np.array([d.metas[o].type not in (None, "", "equivalent") for o in d.option.tolist()], dtype=bool)
        apart |= typed[plan.codes[:, k]]
    return apart


def _instrumented(plan: Plan) -> Bools:
    names, options = (
        [d.name for d in plan.dimensions],
        [v.options for v in plan.study.variants if v.name == INSTRUMENTS],
    )
    if INSTRUMENTS not in names or not options:
        return np.zeros(len(plan), dtype=bool)
    given = {option.label: option.instruments is not None for option in options[0]}
    place = names.index(INSTRUMENTS)
    return np.array([given.get(label, False) for label in plan.dimensions[place].labels])[plan.codes[:, place]]


def _beyond(plan: Plan, panel: Panel, evaluator: Evaluator, without: Bools) -> Iterator[Fault]:
    """Say what is more work than the permutation's draws and refits may take."""
    from specdid.engine.compile import compile_plan
    from specdid.inference._base import Context
    from specdid.inference._permutation_strategy import fits_each, split
    from specdid.inference.permutation_refit import BUDGET, within_budget

    asked, compiled = plan.study.inference, compile_plan(plan, panel, evaluator)
    members = compiled.members
    if not len(members):
        return
    chosen, cluster = np.arange(len(members)), _cluster(plan, panel, evaluator)
    of = split(Context(plan, panel, evaluator, compiled, chosen, cluster, asked.draws, plan.study.seed))
    fits = fits_each(plan.grid.estimators, compiled.method)
    alone = ~compiled.in_engine & of.depends & ~without[members.index]
    others, kept, draws, _ = within_budget(of.problem, members, alone, of.costly, asked.draws, fits)
    left = np.zeros(len(plan), dtype=bool)
    left[members.index[(alone | of.costly) & ~(others | kept)]] = True
    left &= ~_set_apart(plan)
    again = np.zeros(len(plan), dtype=bool)
    again[members.index[kept]] = True
    again &= ~_set_apart(plan)
    if again.any() and draws < asked.draws:
        said = (
            f"{specifications(int(again.sum()), 'are')} by least squares, with what moves by draw beside their "
            f"treatment, and fitted again in {draws:,} of {asked.draws:,} draws of the permutation, by a count of work "
            f"that no machine moves ({_listed(plan, again)})"
        )
        yield fault_at(plan.study.inference.origin, None, "fewer_draws", said, None, "warning")
    if left.any():
        said = f"more than {BUDGET:g} s of work to fit again in every draw, by a count that no machine moves"
        help_ = (
            "plan fewer specifications of these estimators, or a study of their own, which brings the test back to "
            "those with an estimate and an error; counted as planned, so that those that fail are among them"
        )
        yield _fault(plan, left, said, help_)


def _cluster(plan: Plan, panel: Panel, evaluator: Evaluator) -> Ints:
    expression = plan.study.inference.cluster
    if expression is not None:
        return evaluator.codes((bind(expression.tree, plan.grid.settings[0].scope),))
    assert panel.unit_codes is not None
    return panel.unit_codes


def _fault(plan: Plan, which: Bools, why: str, help_: str | None) -> Fault:
    """Say how many specifications are in no joint test, by estimator, and why."""
    said = f"{specifications(int(which.sum()), 'are')} in no joint test ({_listed(plan, which)}): {why}"
    return fault_at(plan.study.inference.origin, None, "in_no_test", said, help_, "warning")


def _listed(plan: Plan, which: Bools) -> str:
    labels = plan.dimensions[Core.ESTIMATOR].labels
    count = np.bincount(plan.codes[which, Core.ESTIMATOR], minlength=len(labels))
    return first_few([f"{label} {n:,}" for label, n in zip(labels, count.tolist(), strict=True) if n])

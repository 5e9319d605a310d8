"""What a plan says a run will do is what the run does: counts, never times."""

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._run.cost import SECONDS, count_work
from specdid._run.prepare import prepare
from specdid.engine.batches import estimate_cost
from specdid.engine.compile import compile_plan

PANEL = small_panel()
ASSIGN = {"assign": "cohort", "null": ["wild", "permutation"]}


def work_of(**changes):
    prepared = prepare(small_study(**changes), PANEL)
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    return count_work(prepared, compiled, estimate_cost(compiled))


def test_draws_are_specifications_times_draws():
    assert work_of(inference={"draws": 19}).draws == 32 * 19
    assert work_of(inference={"draws": 0}).draws == 0
    assert work_of(inference={"draws": 0}).parts["draws"] == 0
    many = work_of(inference={"draws": 19}, estimator={"s": "sunab"})
    assert (many.draws, many.draws_sunab) == (0, 32 * 19)


def test_a_permutation_estimates_anew_what_moves():
    treatment = {"d": {"term": "made", "cohort": "cohort"}}
    derive = {"made": "(cohort > 0) * (year >= cohort)"}
    plain = work_of(inference={"draws": 19, **ASSIGN}, treatment=treatment, derive=derive)
    assert plain.draws == 2 * 32 * 19
    assert (plain.anew, plain.anew_sunab, plain.refits) == (0, 0, 0)
    moving = work_of(
        inference={"draws": 19, **ASSIGN},
        treatment=treatment,
        derive=derive,
        estimator={"s": "sunab", "p": "did2s"},
        fixed_effects={"two-way": "id + year"},
        outcome={"y": "y"},
    )
    assert (moving.draws, moving.draws_sunab, moving.anew_sunab, moving.refits) == (0, 8 * 19, 8 * 19, 8 * 19)
    assert moving.fits == 8


@pytest.mark.parametrize("inference", [{"draws": 0}, {"draws": 19}])
@pytest.mark.parametrize("more", [{}, {"event_study": {"window": [-2, 2]}}])
def test_pictures_are_those_that_a_run_draws(inference, more, tmp_path):
    changes = {"inference": inference, "figure": {"formats": ["svg"]}, "controls": {"a": "mvsw(x1, x2)"}, **more}
    specdid.run(small_study(**changes), PANEL, out=tmp_path, jobs=1, audit=0)
    assert work_of(**changes).pictures == len(list(tmp_path.glob("*.svg")))


def test_the_whole_is_its_parts():
    work = work_of(inference={"draws": 999}, event_study={"window": [-2, 2]})
    assert work.seconds == sum(work.parts.values())
    assert work.parts["draws"] == pytest.approx(32 * 999 * SECONDS["draws"])
    assert work.parts["analyses"] == SECONDS["analyses"]
    assert work.audit == 25

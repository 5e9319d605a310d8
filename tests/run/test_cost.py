"""What a run will need and do: one that will not fit is refused before it begins; counts are those of the run."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from command import call_specdid
from small_studies import small_panel, small_study
from specdid._cli.planning import _cost
from specdid._run import cost
from specdid._run.cost import SECONDS, count_work, estimate_cost
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan
from specdid.inference import _permutation_strategy as strategy
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")


@pytest.mark.parametrize(
    ("free", "changes", "words"),
    [
        (2e6, {"inference": {"draws": 9999}}, "write `draws = "),
        (1e5, {"sample": {f"s{k}": f"id != {k}" for k in range(1, 21)}}, "specifications: sample has 20 options"),
    ],
)
def test_too_large_says_what_to_do(monkeypatch, free, changes, words):
    monkeypatch.setattr(cost, "available", lambda: free)
    study = specdid.read(small_study(**changes))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(), audit=0)
    (fault,) = refused.value.faults
    assert fault.code == "too_large"
    assert "this run needs about" in fault.message
    assert words in (fault.help or "")
    assert "--ignore-memory" in (fault.help or "")


def test_the_advice_is_enough(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 2e6)
    study = small_study(inference={"draws": 9999})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(specdid.read(study), small_panel(), audit=0)
    draws = int((refused.value.faults[0].help or "").split("draws = ")[1].split("`")[0])
    assert 0 < draws < 9999
    study["inference"] = {"draws": draws}
    assert specdid.run(specdid.read(study), small_panel(), audit=0).counts.ok == 32


def test_columns_are_named_where_they_are_most(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 5e5)
    study = specdid.read(small_study(controls={"x": "x1"}, fixed_effects={"unit": "id"}))
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(study, small_panel(units=4000), audit=0)
    assert 'use fewer columns or rows, or `missing = "common"`' in (refused.value.faults[0].help or "")


def test_draws_that_do_not_fit_on_the_disk(monkeypatch, tmp_path):
    """Large tables of draws are files: these are not counted as memory."""
    monkeypatch.setattr(cost, "LARGE", 10_000)
    usage = type("Usage", (), {"free": 1e6})
    monkeypatch.setattr(cost.shutil, "disk_usage", lambda path: usage)
    study = small_study(inference={"draws": 9999})
    with pytest.raises(specdid.SpecError) as refused:
        specdid.run(specdid.read(study), small_panel(), audit=0, out=tmp_path / "o")
    (fault,) = refused.value.faults
    assert fault.message == f"the draws of this run need about 16 MB on the disk, and 1 MB are free in {tmp_path}"
    assert (fault.help or "").startswith("write `draws = 650` in [inference], or plan fewer specifications")


def test_it_may_be_ignored(monkeypatch):
    monkeypatch.setattr(cost, "available", lambda: 0.0)
    assert specdid.run(specdid.read(small_study()), small_panel(), audit=0, ignore_memory=True).counts.ok == 32


def test_the_command_line(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    samples = {f"s{k} {y}": f"id != {k} & year != {y}" for k in range(1, 150) for y in range(2001, 2009)}
    if cost.shutil.disk_usage(tmp_path).free > 8e11:
        pytest.skip("the disk has room for this")
    write_toml(small_study(inference={"draws": 1_000_000}, sample=samples), tmp_path / "s.toml")
    done = call_specdid(["run", "s.toml"], tmp_path)
    assert done.returncode == 2
    assert "error: the draws of this run need about" in done.stderr
    assert "Traceback" not in done.stderr
    planned = call_specdid(["plan", "s.toml"], tmp_path).stdout
    assert "MB of memory: " in planned
    assert "MB of draws on the disk while the run lasts" in planned


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
    assert (moving.draws, moving.draws_sunab, moving.refits) == (0, 8 * 19, 8 * 19)
    years = PANEL.group_by("cohort").agg(pl.col("year").n_unique()).filter(pl.col("cohort") > 0)["year"]
    cells, rows = years.sum() - len(years), len(PANEL)  # a cell for each cohort and period but the reference
    one = strategy.BATCH_SECONDS + rows * (strategy.BATCH_ROW + strategy.BATCH_ROW_CELL * cells)
    one += strategy.CELLS_SQUARED * cells**2 + strategy.CELLS_CUBED * cells**3
    batches = (moving.anew_sunab / 19 - 8 * (strategy.MEMBER_SECONDS + strategy.MEMBER_ROW * rows)) / one
    assert batches == pytest.approx(round(batches))
    assert 1 <= batches <= 8
    assert moving.fits == 8


def test_placebos_and_columns_of_analyses_are_work():
    plain = {"inference": {"draws": 0}, "treatment": {"d": {"term": "d", "cohort": "cohort"}}}
    plain |= {"estimator": {"o": "feols", "s": "sunab"}, "fixed_effects": {"two-way": "id + year"}}
    none = work_of(**plain)
    assert (none.anew, none.anew_sunab, none.columns) == (0, 0, 0)
    few, many = (work_of(**plain, placebo={"draws": b, "vary": ["estimator"]}) for b in (20, 200))
    assert few.columns == many.columns == 2 * few.anew / 20
    assert (many.anew, many.anew_sunab) == (10 * few.anew, pytest.approx(10 * few.anew_sunab))
    assert few.anew_sunab > 0
    assert work_of(**plain, event_study={"window": [-2, 2], "vary": ["estimator"]}).columns == few.columns


def test_fits_of_many_steps_count_as_many_in_what_plan_says_and_change_no_budget():
    """A negative binomial takes ten times as long as a Poisson regression: 72 s were said of a run of 239 s."""
    given = {"outcome": {"y": "ceiling(abs(y))"}, "fixed_effects": {"two-way": "id + year"}, "controls": {"none": "1"}}
    given |= {"treatment": {"d": {"term": "made", "cohort": "cohort"}}, "inference": {"draws": 19, **ASSIGN}}
    given |= {"derive": {"made": "(cohort > 0) * (year >= cohort)"}}
    poisson, negbin = (work_of(estimator={"p": method}, **given) for method in ("fepois", "fenegbin"))
    assert (poisson.refits, negbin.refits) == (19, 19 * 10)
    assert poisson.beyond == negbin.beyond == 0


def test_what_is_more_work_than_refits_take_is_announced(monkeypatch):
    """By counts alone: what is left out is known before anything is estimated."""
    given = {"inference": {"draws": 19, **ASSIGN}, "estimator": {"p": "did2s"}, "outcome": {"y": "y"}}
    given |= {"fixed_effects": {"two-way": "id + year"}, "treatment": {"d": {"term": "made", "cohort": "cohort"}}}
    given |= {"derive": {"made": "(cohort > 0) * (year >= cohort)"}}
    assert work_of(**given).beyond == 0
    monkeypatch.setattr("specdid.inference.permutation_refit.BUDGET", 19 * 8 * 0.03 - 0.01)
    assert work_of(**given).beyond == 8
    assert any(
        line.startswith("8 specifications are more work") for line in _cost(prepare(small_study(**given), PANEL))
    )


def test_breakdown_values_of_the_curve_are_work():
    for table, count in (({}, 32), ({"specifications": 5}, 5), ({"specifications": 0}, 0)):
        work = work_of(honest={"window": [-2, 2], **table})
        assert work.breakdowns == work_of(decomposition=table).breakdowns == count
        assert work.parts["analyses"] == pytest.approx(
            SECONDS["analyses"] + work.columns * SECONDS["columns"] + count * SECONDS["breakdowns"]
        )


def test_placebos_of_a_standard_error_are_fits():
    """Twenty draws of it are within the budget, and five hundred are not; either is in the time of the estimates."""
    derive = {"made": "(cohort > 0) * (year >= cohort)"}
    plain = {"fixed_effects": {"two-way": "id + year"}, "controls": {"none": "1"}, "outcome": {"y": "y"}}
    plain |= {"treatment": {"d": {"term": "made", "cohort": "cohort"}}, "derive": derive}
    seconds = {}
    for replications, refits in ((20, 1 + 21), (500, 1)):
        placebo = {"method": "sdid", "vce": "placebo", "replications": replications}
        prepared = prepare(
            small_study(inference={"draws": 19, **ASSIGN}, estimator={"s": "sdid", "p": placebo}, **plain), PANEL
        )
        compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
        cost_of = estimate_cost(compiled, prepared.plan.grid.estimators)
        assert count_work(prepared, compiled, cost_of).refits == 19 * refits
        seconds[replications] = cost_of.seconds
    assert seconds[500] - seconds[20] == pytest.approx(480 * cost.ONE_BY_ONE)


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
    assert work.parts["analyses"] == SECONDS["analyses"] + work.columns * SECONDS["columns"]
    assert work.audit == 25

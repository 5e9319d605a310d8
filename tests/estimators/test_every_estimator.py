"""What holds for every estimator on the shelf, whoever wrote it."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from adoption import VCOVS, adoption_panel, outcome_of
from programs import estimated
from simulated import analysed
from small_problems import task_of
from specdid import _plugins
from specdid._decode import read_study
from specdid._run.prepare import prepare
from specdid.engine.rows import count_units
from specdid.estimators._base import CONSTANT, TREATMENT, VCOV_NOTES, Estimate, Estimator, Failure

NAMES = _plugins.names("estimators")
DIMENSIONS = {"outcome", "treatment", "controls", "fixed_effects", "sample", "weights", "instruments"}


def tiny_task(name: str, weights: str | None = None):
    spec = (outcome_of(name), "d", ("x",), ("unit", "t"), weights, name)
    options = {"lpdid": {"post_window": 1}}
    return task_of(adoption_panel(), spec, vcovs=VCOVS, unit="unit", time="t", cohort="cohort", options=options)


@cache
def plain_of(name: str):
    """Estimate the task as it is, which most tests compare with another."""
    return _plugins.load("estimators", name).estimate(tiny_task(name))


@pytest.fixture(params=NAMES)
def estimator(request) -> Estimator:
    return _plugins.load("estimators", request.param)


def test_an_offset_has_the_coefficient_one(estimator):
    """Who takes offsets: adding one that is a control takes one off that control's coefficient, and nothing else."""
    if not estimator.offset:
        pytest.skip("takes no offset")
    task = tiny_task(estimator.name)
    both = replace(task, controls=np.repeat(task.controls, 2, axis=1), control_labels=("x", "offset(x)"), offsets=(1,))
    plain, beside = plain_of(estimator.name), estimator.estimate(both)
    np.testing.assert_allclose(beside.estimate, plain.estimate, rtol=1e-8)
    np.testing.assert_allclose(beside.std_error, plain.std_error, rtol=1e-7)
    assert beside.coefficients.columns == plain.coefficients.columns
    place = plain.coefficients.columns.index(0)
    np.testing.assert_allclose(beside.coefficients.estimate[place], plain.coefficients.estimate[place] - 1, rtol=1e-6)


def test_declaration(estimator):
    assert isinstance(estimator, Estimator)
    assert estimator.name in NAMES
    assert estimator.honours <= DIMENSIONS
    assert {"outcome", "treatment", "sample"} <= estimator.honours
    assert estimator.vcovs <= {"iid", "hetero", "cluster", "twoway"}
    assert estimator.estimand
    assert estimator.effects != "unit + time" or "fixed_effects" not in estimator.honours
    for setting in estimator.settings:
        assert setting.doc
        assert setting.default is not None or setting.otherwise or setting.name == "pre_window"
        for value in (setting.default, tomllib.loads(f"x = {setting.example}")["x"]):
            option = {"method": estimator.name} | ({} if value is None else {setting.name: value})
            spec = {"study": {"outcome": "y", "treatment": "d"}, "estimator": {"e": option}}
            assert not read_study(spec)[1]


def test_one_number_with_a_standard_error_per_vcov(estimator):
    result = plain_of(estimator.name)
    assert isinstance(result, Estimate)
    assert 0.0 < result.estimate < 2.0  # the true effect is 1, .3 on the log scale
    lengths = {len(result.std_error), len(result.df), len(result.n_clusters), len(result.vcov_notes)}
    assert lengths == {len(VCOVS)}
    for kind, error, note in zip(VCOVS, result.std_error, result.vcov_notes, strict=True):
        assert note in VCOV_NOTES
        offered = {"iid": "iid", "hetero": "hetero", "unit + t": "twoway"}.get(kind, "cluster")
        assert (note == "not_offered") == (offered not in estimator.vcovs)
        assert (error > 0) if note == "" else np.isnan(error)
    rows = np.arange(len(adoption_panel())) if result.keep is None else np.flatnonzero(result.keep)
    assert result.nobs == len(rows)
    if "cluster" in estimator.vcovs:
        assert result.n_clusters == (*(adoption_panel()[c][rows].nunique() for c in ("unit", "state", "t")), -1, -1)


def test_units_are_counted_once(estimator):
    """Those only compared with are one thing for all: who is compared with before adopting is a treated unit."""
    task, names = tiny_task(estimator.name), {s.name for s in estimator.settings}
    window = {"post_window": 1} if "post_window" in names else {}
    for choice in ({"control": "never"}, {"control": "notyet"}) if "control" in names else ({},):
        found = estimator.estimate(replace(task, options={**window, **choice}))
        keep = slice(None) if found.keep is None else found.keep
        unit, treatment = task.unit[keep], task.treatment[keep]
        rows = count_units(np.unique(unit, return_inverse=True)[1], treatment)
        units, treated, control, always = found.units or rows
        assert units == treated + control + always
        assert control == len(set(unit) - set(task.unit[task.treatment > 0])) > 0


@pytest.mark.parametrize("effects", [2, 0])
def test_the_whole_table_or_why_there_is_none(estimator, effects):
    """Treatment, every control, the constant where no fixed effect takes it; or words for a reader."""
    if not effects and ("fixed_effects" not in estimator.honours or estimator.alone):
        pytest.skip("has its own fixed effects, or no table")
    result = fewer_of(estimator.name, effects)
    whole = result.coefficients
    if estimator.alone:
        assert whole is None
        assert not estimator.alone({}).endswith(".")
        return
    assert whole.columns == (TREATMENT, 0, *([] if effects else [CONSTANT]))
    assert whole.estimate[0] == result.estimate
    assert whole.vcov.shape == (len(VCOVS), len(whole.columns), len(whole.columns))
    for v, note in enumerate(result.vcov_notes):
        assert np.isnan(whole.vcov[v]).all() == (note != "")
        if not note:
            assert np.sqrt(np.diag(whole.vcov[v]))[0] == pytest.approx(result.std_error[v], rel=1e-12)
            assert whole.vcov[v] == pytest.approx(whole.vcov[v].T, rel=1e-10)
    assert np.isnan(whole.r2) or np.isnan(whole.pseudo_r2)
    assert 0 < np.nan_to_num(whole.r2) + np.nan_to_num(whole.pseudo_r2) < 1


@pytest.mark.parametrize("effects", [2, 0])
def test_a_control_that_changes_places_with_the_treatment_keeps_its_numbers(estimator, effects):
    """The table of y ~ d + x is that of y ~ x + d, in another order."""
    if estimator.binary or estimator.alone or (not effects and "fixed_effects" not in estimator.honours):
        pytest.skip("its treatment is a treatment, it has no table, or has its own fixed effects")
    task = fewer_effects(tiny_task(estimator.name), effects)
    swapped = replace(task, treatment=task.controls[:, 0] * 1e5, controls=task.treatment[:, None] * 1e-3 + 7.0)
    one, other = fewer_of(estimator.name, effects).coefficients, estimator.estimate(swapped).coefficients
    back = np.diag([1e5, 1e-3, *([] if effects else [1.0])])[[1, 0, 2][: len(one.columns)]]
    if not effects:
        back[2, 1] = 7.0
    assert one.estimate == pytest.approx(back @ other.estimate, rel=1e-8)
    assert one.vcov == pytest.approx(back @ other.vcov @ back.T, rel=1e-6, nan_ok=True)


def fewer_effects(task, count: int):
    return replace(task, effects=task.effects[:count], effect_labels=task.effect_labels[:count])


@cache
def fewer_of(name: str, count: int):
    if count == 2:
        return plain_of(name)
    return _plugins.load("estimators", name).estimate(fewer_effects(tiny_task(name), count))


def test_the_same_task_gives_the_same_bytes(estimator):
    assert repr(estimator.estimate(tiny_task(estimator.name))) == repr(plain_of(estimator.name))


def test_weights_matter_exactly_where_they_are_honoured(estimator):
    plain, weighted = plain_of(estimator.name), estimator.estimate(tiny_task(estimator.name, "w"))
    if isinstance(weighted, Failure):
        assert "weights" not in estimator.honours
    else:
        assert (plain.estimate != weighted.estimate) == ("weights" in estimator.honours)


def test_controls_matter_exactly_where_they_are_honoured(estimator):
    task = tiny_task(estimator.name)
    without = replace(task, controls=np.empty((len(task.outcome), 0)), control_labels=())
    changes = plain_of(estimator.name).estimate != estimator.estimate(without).estimate
    assert changes == ("controls" in estimator.honours)


def test_effects_matter_exactly_where_they_are_honoured(estimator):
    fewer = fewer_effects(tiny_task(estimator.name), 1)
    changes = plain_of(estimator.name).estimate != estimator.estimate(fewer).estimate
    assert changes == ("fixed_effects" in estimator.honours)


def test_units_of_measurement_change_nothing_else(estimator):
    task = tiny_task(estimator.name)
    scaled = replace(task, controls=task.controls * 1e-7 + 3.0)
    one, other = plain_of(estimator.name), estimator.estimate(scaled)
    assert other.estimate == pytest.approx(one.estimate, rel=1e-8)
    assert other.dropped == one.dropped == ()


def test_no_rows_never_reach_pyfixest(estimator):
    task = tiny_task(estimator.name)
    empty = replace(task, outcome=task.outcome[:0])
    assert estimator.estimate(empty) == Failure("no_rows", "no rows are left")


def test_an_absorbed_treatment_is_a_failure_in_words(estimator):
    if "fixed_effects" not in estimator.honours:
        pytest.skip("has its own fixed effects")
    task = tiny_task(estimator.name)
    cohort_by_period = (8 * np.nan_to_num(task.cohort) + task.time).astype(np.int64)
    absorbed = estimator.estimate(replace(task, effects=(cohort_by_period,)))
    assert isinstance(absorbed, Failure)
    assert absorbed.code == "absorbed"
    assert "\n" not in absorbed.message


def test_an_error_that_is_raised_is_a_failure_of_the_specification_alone(estimator):
    def breaks(*given):
        raise ZeroDivisionError("out of\nluck")

    broken, task = replace(estimator, fit=breaks, path=breaks), tiny_task(estimator.name)
    expected = Failure("estimator_error", f"{estimator.name} stopped with ZeroDivisionError: out of luck")
    assert broken.estimate(task) == expected
    assert broken.effects_by_period(task, task.time - task.cohort, (0, 1), -1) == expected


def test_one_cluster_leaves_that_vcov_empty(estimator):
    if "cluster" not in estimator.vcovs:
        pytest.skip("offers no clusters")
    task = tiny_task(estimator.name)
    one = (np.zeros_like(task.unit),)
    result = estimator.estimate(replace(task, clusters=(one, *task.clusters[1:])))
    assert np.isnan(result.std_error[0])
    assert result.vcov_notes[0] == "few_clusters"
    assert result.std_error[1] > 0


@pytest.mark.slow
def test_every_hash_seed_gives_the_same_bytes():
    here = Path(__file__).parent
    code = (
        "import sys; sys.path[:0] = [{here!r}, {helpers!r}]\n"
        "from test_every_estimator import NAMES, _plugins, tiny_task\n"
        "print([repr(_plugins.load('estimators', n).estimate(tiny_task(n))) for n in NAMES])"
    ).format(here=str(here), helpers=str(here.parent / "helpers"))
    root = Path(_plugins.__file__).parent.parent
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"  # one that is not this process's own
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout
    }
    outputs.add(f"{[repr(plain_of(n)) for n in NAMES]}\n")  # this process's own
    assert len(outputs) == 1
    assert outputs.pop().count("Estimate(") == len(NAMES)


WAYS = [*((name, {}) for name in NAMES), ("csdid", {"unbalanced": "drop"}), ("csdid", {"unbalanced": "rows"})]


def test_who_reads_rows_that_lack_something_says_so(estimator):
    assert estimator.changes in ("", "whole") or "still" in estimator.doc


@pytest.mark.parametrize("lacking", ["x", "w", "y"])
@pytest.mark.parametrize(("name", "options"), WAYS, ids=lambda v: v if isinstance(v, str) else "-".join(v.values()))
def test_what_stands_in_rows_that_lack_something_changes_no_number(name, options, lacking):
    """Rows without a control, a weight or the outcome: estimate, error, N and event study, whatever else they hold."""
    declared = _plugins.load("estimators", name)
    controlled = "controls" in declared.honours and options.get("unbalanced") != "rows"
    weighted = "weights" in declared.honours
    if (lacking == "x" and (not controlled or declared.changes == "controls")) or (lacking == "w" and not weighted):
        pytest.skip("takes none, or says that it reads such rows")
    frame, rng = adoption_panel(), np.random.default_rng(4)
    y = outcome_of(name)
    lost = (frame.t == 7) | ((rng.random(len(frame)) < 0.05) & (not declared.balanced))
    frame = frame.assign(cohort=frame.cohort.fillna(0), other=frame.z)
    gone = y if lacking == "y" else lacking
    frame[gone] = frame[gone].mask(lost)
    other = frame.copy()
    for column in sorted({y, "other", "x", "w"} - {gone}):
        other.loc[lost, column] = rng.permutation(frame[column])[: int(lost.sum())]
    more = {
        "study": {"unit": "unit", "time": "t", "data": "given.csv", "seed": 7},
        "outcome": {"y": y},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"c": "x + other" if controlled else "1"},
        "weights": {"w": "w" if weighted else "1"},
        "fixed_effects": {"two-way": "unit + t"},
        "vcov": {"v": "~unit" if "cluster" in declared.vcovs else min(declared.vcovs)},
        "estimator": {"e": {"method": name, **options} | ({"post_window": 1} if name == "lpdid" else {})},
        "inference": {"draws": 0},
    }
    if declared.likelihood:
        more["fixed_effects"] = {"t": "t"}
    if name == "sdid":
        more["estimator"]["e"]["vce"] = "jackknife"
    found = []
    for one in (frame, other):
        data = pl.DataFrame({c: one[c].to_numpy() for c in one}).fill_nan(None)
        results = estimated(prepare(more, data))
        row = [results.estimate[0], results.first("std_error")[0], results.numbers["nobs"][0]]
        assert np.isfinite(row).all(), results.numbers
        tables = []
        if declared.path is not None or declared.batched:
            study = analysed("event_study", {"window": [-2, 1]}, data, **more)
            tables = None if study.finding is None else [table.rows for table in study.finding.tables]
        found.append((row, tables))
    assert repr(found[0]) == repr(found[1])

"""Programs of sdid give the numbers of the results: Python's run, R's and Stata's by their readers, and the audit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import r_reader
import stata_reader
from adoption import adoption_panel
from programs import difference, estimated, execute, program
from specdid import _plugins, run
from specdid._records import Status
from specdid._run.prepare import prepare
from specdid.estimators.sdid import NO_TEST
from specdid.exports._make_script import make_script


def study(directory, **more):
    frame = adoption_panel().fillna({"cohort": 0}).assign(t=lambda d: d.t + 1990)
    frame["cohort"] = np.where(frame.cohort > 0, frame.cohort + 1990, 0)
    frame[["unit", "state", "t", "cohort", "d", "x", "y"]].astype({"cohort": int}).to_csv(
        directory / "panel.csv", index=False
    )
    return {
        "study": {"data": str(directory / "panel.csv"), "unit": "unit", "time": "t", "title": "adoption", "seed": 7},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"none": "1", "x": "x", "constant too": "x + state"},
        "estimator": {"sd": "sdid"},
        "vcov": {"unit": "~unit", "state": "~state", "year": "~t"},
        "inference": {"draws": 0},
        **more,
    }


def test_programs_give_the_numbers_of_the_results(tmp_path):
    prepared = prepare(study(tmp_path))
    results = estimated(prepared)
    places = np.flatnonzero(results.status == Status.OK).tolist()
    assert len(places) == 2  # what is constant in units adds nothing: the same model
    scripts = [make_script(prepared.plan, prepared.panel, prepared.evaluator, s) for s in places]
    answers = execute([_plugins.load("exports", "python").write(s) for s in scripts])
    assert [difference(results, s, a) < 1e-8 for s, a in zip(places, answers, strict=True)] == [True, True], answers
    for language, reader in (("r", r_reader), ("stata", stata_reader)):
        for s, script in zip(places, scripts, strict=True):
            code = _plugins.load("exports", language).write(script)
            read = reader.Program().run(code)
            assert difference(results, s, (read.estimate, read.found)) < 1e-8, (language, code)


@pytest.mark.parametrize("vce", ["placebo", "bootstrap"])
def test_the_python_program_of_draws_has_those_of_the_run(tmp_path, vce):
    given = study(tmp_path, estimator={"sd": {"method": "sdid", "vce": vce, "replications": 4}})
    vcov = {"unit": "~unit"} | ({"state": "~state"} if vce == "bootstrap" else {})
    given |= {"controls": {"none": "1"}, "vcov": vcov, "sample": {"late": "unit > 14"}}
    prepared = prepare(given)
    results = estimated(prepared)
    (answer,) = execute([program(prepared, 0, "python")])
    assert difference(results, 0, answer) < 1e-8, answer
    for language, word in (("r", "set.seed(7)"), ("stata", f"vce({vce}) reps(4) seed(7)")):
        assert word in program(prepared, 0, language)


def test_a_run_audits_resumes_and_names_the_unit_that_is_not_seen(tmp_path):
    spec = study(tmp_path)
    curve = run(spec, out=tmp_path / "out", audit=10)
    again = run(spec, out=tmp_path / "out", audit=10)
    assert curve.table.equals(again.table)
    assert not [c for c in curve.warnings if "audit" in c.code]
    panel = (tmp_path / "panel.csv").read_text().splitlines()
    own = [line for line in panel if line.startswith("13.0,2.0,")]
    spec["estimator"]["OLS"] = "feols"
    for gone, left in ((own[3:4], 7), (own[1:], 1)):
        (tmp_path / "panel.csv").write_text("\n".join(line for line in panel if line not in gone))
        short = run(spec, out=None, audit=0).table
        short = short[(short.estimator == "sd") & (short.controls == "1")]
        told = f"rows are missing of 1 of 60 units (unit 13 has {left} of 8 periods)"
        assert short.message.str.contains(told, regex=False).all()
        assert (short.n_singletons == 0).all()  # a unit of one row is no singleton, but not balanced


def test_two_errors_of_one_estimate_are_no_duplicates(tmp_path):
    """The option decides the standard error: both stand, and a note says that they are one number."""
    placebo = {"method": "sdid", "vce": "placebo", "replications": 4}
    estimators = {"sd": "sdid", "as by default": {"method": "sdid", "replications": 9}, "drawn": placebo}
    given = study(
        tmp_path, estimator=estimators | {"more": placebo | {"replications": 5}, "again": placebo | {"seed": 7}}
    )
    given |= {"controls": {"none": "1"}, "vcov": {"unit": "~unit"}, "sample": {"late": "unit > 14"}}
    curve = run(given, out=None, audit=0)
    table = curve.table.set_index("estimator")
    assert table.status.to_dict() == {
        "sd": "ok", "as by default": "duplicate", "drawn": "ok", "more": "ok", "again": "duplicate",
    }  # fmt: skip
    assert table.estimate[["drawn", "more"]].tolist() == [table.estimate["sd"]] * 2
    assert table.std_error[["sd", "drawn", "more"]].nunique() == 3
    told = [c.message for c in curve.warnings if c.code == "same_estimate"]
    assert len(told) == 2
    assert told[0].startswith("drawn: 1 of 1 estimates is that of sd;")


@pytest.mark.parametrize("null", ["wild", "permutation"])
def test_nulls_take_it_or_say_why_not(tmp_path, null):
    spec = study(tmp_path, controls={"none": "1"}, inference={"draws": 9, "null": [null], "assign": "d + cohort"})
    curve = run(spec | {"vcov": {"unit": "~unit"}}, out=None, audit=0)
    assert len(curve.table) == 1
    assert curve.table.status[0] == "ok"


def test_the_leads_of_an_event_study_are_shown_and_not_tested(tmp_path):
    """Whatever their size: a path that would be rejected, and rows that `ends` takes out of the panel."""
    spec = study(tmp_path, controls={"none": "1"}, vcov={"unit": "~unit"}, outcome={"y": "y + 9 * d * (t == 1994)"})
    windows = {"bin": {"window": [-3, 2]}, "drop": {"window": [-3, 2], "ends": "drop"}}
    curve = run(spec | {"event_study": windows}, out=tmp_path / "out", audit=0)
    found, none = (pd.read_csv(tmp_path / "out" / f"event_study_{name}.csv") for name in windows)
    assert found.period.tolist() == [-3, -2, -1, 0, 1, 2]
    assert (found.std_error > 0).all()
    assert not found.reference.any()
    tests = pd.read_csv(tmp_path / "out" / "event_study_bin_pretrend.csv")
    assert tests.p_value.isna().all()
    assert tests.message.tolist() == [NO_TEST]
    assert none.estimate.isna().all()
    codes = [c.code for c in curve.warnings]
    assert not {"pretrend", "leads_not_tested"} & set(codes)

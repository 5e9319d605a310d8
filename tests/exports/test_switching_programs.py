"""Programs of did_multiplegt_dyn keep rows that lack the outcome or a weight: the numbers of the results."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import r_reader
import stata_reader
from programs import difference, estimated, program
from specdid._audit.least_squares import sample_of
from specdid._audit.reference import PROGRAMS
from specdid._run.prepare import prepare
from specdid.engine.compile import compile_plan
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full
from switching_panels import lacking


def study(directory, **more):
    """Weights are zero, too; clusters are missing where the outcome is, and all of one unit but its treatment."""
    frame = pd.DataFrame(lacking(0))
    rng = np.random.default_rng(5)
    frame.loc[rng.random(len(frame)) < 0.02, "w"] = 0.0
    frame.loc[frame.unit == 3, "y"] = np.nan
    frame["state"] = frame.state.where(frame.y.notna() | (frame.unit % 3 > 0))
    frame.loc[rng.random(len(frame)) < 0.02, "d"] = np.nan
    frame.to_csv(directory / "panel.csv", index=False)
    return {
        "study": {"data": str(directory / "panel.csv"), "unit": "unit", "time": "t", "title": "switches"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "weights": {"none": "1", "w": "w"},
        "sample": {"late": "t > 0"},
        "estimator": {
            "total": {"method": "did_multiplegt_dyn", "effects": 2},
            "normalized": {"method": "did_multiplegt_dyn", "effects": 2, "aggregate": "effect", "normalized": True},
        },
        "vcov": {"unit": "~unit", "state": "~state"},
        "inference": {"draws": 0},
        **more,
    }


@pytest.mark.parametrize("missing", ["listwise", "common"])
def test_programs_give_the_numbers_of_the_results(tmp_path, missing):
    given = study(tmp_path)
    given["study"]["missing"] = missing
    prepared = prepare(given)
    results = estimated(prepared)
    for language, reader in (("r", r_reader), ("stata", stata_reader)):
        for s in range(4):
            code = program(prepared, s, language)
            read = reader.Program().run(code)
            assert difference(results, s, (read.estimate, read.found)) < 1e-8, (language, code)
            data, prefix = (read.data, "_") if language == "stata" else (read.names["d"], ".")
            units, periods = (len(np.unique(data[f"{prefix}{n}"])) for n in ("panel", "at"))
            whole = len(data[f"{prefix}panel"]) == units * periods  # normalized effects: treatments in every period
            assert whole == (s % 2 == 1)


def test_the_audit_agrees_and_rows_are_counted_as_labelled(tmp_path):
    prepared = prepare(study(tmp_path))
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    methods = tuple(Method(e.method, e.options) for e in prepared.plan.grid.estimators)
    problem, members = compiled.problem, compiled.members
    work = OneByOneWork(problem, members, methods, compiled.method, compiled.cohort, compiled.time)
    frame = pd.read_csv(tmp_path / "panel.csv").query("t > 0")
    for s in range(4):
        fits, _ = fit_in_full(work, s)
        again = PROGRAMS["did_multiplegt_dyn"](work, s, sample_of(work, s), methods[compiled.method[s]], ())
        assert again.numbers[0].estimate == pytest.approx(fits.estimate[0], rel=1e-9)
        assert again.numbers[0].std_error == pytest.approx(fits.std_error[0], rel=1e-9)
        weighed = frame if members.weights[s] < 0 else frame[frame.w > 0]
        complete = weighed.dropna(subset=["y", "d"])
        assert fits.n_missing[0] == len(frame) - len(complete)
        assert fits.nobs[0] < len(complete)

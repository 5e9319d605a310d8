"""Programs of did_multiplegt_dyn keep rows that lack the outcome or a weight: the numbers of the results."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
import r_reader
import stata_reader
from programs import difference, estimated, execute, program
from specdid import run
from specdid._run.prepare import prepare
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
    places = range(4)
    for language, reader in (("r", r_reader), ("stata", stata_reader)):
        for s in places:
            code = program(prepared, s, language)
            read = reader.Program().run(code)
            assert difference(results, s, (read.estimate, read.found)) < 1e-8, (language, code)
    if find_spec("moderndid"):
        for s, answer in zip(places, execute([program(prepared, s, "python") for s in places]), strict=True):
            assert difference(results, s, answer) < 1e-8, answer


def test_a_run_is_audited_and_counts_what_its_labels_say(tmp_path):
    frame = pd.DataFrame(lacking(0))
    curve = run(study(tmp_path), out=None, audit=10)
    assert not [c for c in curve.warnings if "audit" in c.code]
    table = curve.table[curve.table.vcov == "unit"]
    assert table.status.tolist() == ["ok"] * 4
    frame = pd.read_csv(tmp_path / "panel.csv").query("t > 0")
    for weights, own in table.groupby("weights"):
        complete = (
            frame.dropna(subset=["y", "d"]) if weights == "none" else frame[frame.w > 0].dropna(subset=["y", "d"])
        )
        assert (own.n_missing == len(frame) - len(complete)).all()
        assert (own.nobs <= len(complete)).all()

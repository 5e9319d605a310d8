"""Specifications estimated one at a time: their rows, their columns, and any number of workers."""

from __future__ import annotations

import os
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_problems import work_of
from specdid.engine.execute import run
from specdid.engine.one_by_one import CHUNK, fit_one_by_one
from specdid.engine.problem import Code
from specdid.engine.rows import cut_rows
from specdid.engine.workers import single_threaded

VCOVS = ("city_id", "province", "city_id + year", "hetero", "iid")
FE = ("city_id", "year")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    frame = pd.read_csv(Path(__file__).parents[1] / "reference" / "panel.csv").astype(float)
    frame["cohort"] = frame.batch.where(frame.batch > 0)
    frame["constant"], frame["size"] = 3.0, frame.city_id * 2
    frame.loc[frame.city_id == 7, "pgdp"] = np.inf
    return frame


def work(panel, specs, vcovs=VCOVS, **options):
    return work_of(panel, specs, vcovs=vcovs, cohort="cohort", options=options)


def joined(blocks):
    blocks = list(blocks)
    columns = [f.name for f in fields(blocks[0]) if isinstance(getattr(blocks[0], f.name), np.ndarray)]
    return {name: np.concatenate([getattr(b, name) for b in blocks]) for name in columns}


def test_the_fallback_records_what_the_engine_records(panel):
    """feols through the one-by-one path against the batched engine: every column of Fits."""
    specs = [
        ("ln_so2", "dudt", controls, effects, weights, "feols")
        for controls in ((), ("pgdp", "ind2"), ("pgdp", "size"))
        for effects in (("city_id",), FE, ("city_id[year]", "year"))
        for weights in (None, "pop")
    ]
    one, batch = work(panel, specs), work(panel, specs)
    alone, together = joined(fit_one_by_one(one)), joined([run(batch.problem, batch.members)])
    assert (alone["code"] == Code.OK).all()
    for name in (
        "nobs",
        "n_units",
        "n_treated",
        "n_control",
        "n_always_treated",
        "n_missing",
        "n_singletons",
    ):
        assert (alone[name] == together[name]).all(), name
    for name in ("index", "code", "vcov_code", "n_clusters", "n_log0"):
        assert (alone[name] == together[name]).all(), name
    for name in (
        "estimate",
        "std_error",
        "statistic",
        "p_value",
        "conf_low",
        "conf_high",
        "df",
        "n_eff",
        "y_mean",
    ):
        np.testing.assert_allclose(alone[name], together[name], rtol=1e-7, err_msg=name)


def test_sunab_falls_back_to_the_same_numbers(panel):
    specs = [("ln_so2", "dudt", controls, FE, None, "sunab") for controls in ((), ("ind2",))]
    layout = work(panel, specs)
    alone, together = joined(fit_one_by_one(layout)), joined([run(layout.problem, layout.members)])
    for name in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(alone[name], together[name], rtol=1e-8, err_msg=name)
    assert (alone["nobs"] == together["nobs"]).all()


def test_what_has_no_rows_or_no_variation_never_reaches_an_estimator(panel):
    specs = [
        ("so2", "dudt", (), FE, None, "fepois"),
        ("constant", "dudt", (), FE, None, "fepois"),
        ("so2", "constant", (), FE, None, "fepois"),
    ]
    layout = work(panel, specs)
    nowhere = replace(layout, problem=replace(layout.problem, rows=np.zeros_like(layout.problem.rows)))
    assert (joined(fit_one_by_one(nowhere))["code"] == Code.NO_ROWS).all()
    fits = joined(fit_one_by_one(layout))
    assert fits["code"].tolist() == [Code.OK, Code.NO_OUTCOME_VARIATION, Code.NO_TREATMENT_VARIATION]
    assert fits["culprit"][1] == fits["culprit"][2] == panel.columns.get_loc("constant")


def test_failures_keep_the_estimators_words(panel):
    block = next(fit_one_by_one(work(panel, [("ln_open", "dudt", (), FE, None, "logit")])))
    assert block.code[0] == Code.ESTIMATOR_ERROR
    assert block.detail == {0: "logit needs an outcome of 0 and 1; this one has other values"}


def test_a_vcov_the_estimator_lacks_is_noted(panel):
    fits = joined(fit_one_by_one(work(panel, [("ln_so2", "dudt", (), FE, None, "did2s")])))
    assert fits["vcov_code"][0].tolist() == [0, 0, 0, 0, 5]
    assert np.isnan(fits["std_error"][0, 4])


def test_the_same_model_twice_has_one_signature(panel):
    """A time-constant control under unit effects is dropped; the order of controls does not matter."""
    specs = [
        ("so2", "dudt", controls, effects, weights, "fepois")
        for controls, effects, weights in [
            (("pgdp", "ind2"), FE, None),
            (("ind2", "size", "pgdp"), FE, None),
            (("ind2", "pgdp"), ("year", "city_id"), None),
            (("ind2",), FE, None),
            (("pgdp", "ind2"), ("city_id",), None),
            (("pgdp", "ind2"), FE, "pop"),
        ]
    ]
    layout = work(panel, specs)
    signature = joined(fit_one_by_one(layout))["signature"]
    assert (signature[0] == signature[1]).all()
    assert (signature[0] == signature[2]).all()
    assert len(np.unique(signature, axis=0)) == 4
    dropped = next(fit_one_by_one(layout)).dropped
    assert dropped == {1: (panel.columns.get_loc("size"),)}


def test_rows_are_those_pyfixest_would_use(panel):
    import pyfixest as pf

    layout = work(panel, [("ln_so2", "dudt", ("pgdp", "ln_open"), FE, "pop", "feols")])
    cut = cut_rows(layout.problem, layout.members, 0)
    with pytest.warns(UserWarning, match="infinite"):
        fit = pf.feols("ln_so2 ~ dudt + pgdp + ln_open | city_id + year", panel, weights="pop")
    assert cut.rows.tolist() == fit._data.index.tolist()
    assert cut.n_missing + cut.n_singletons + len(cut.rows) == len(panel)


@pytest.mark.parametrize(("jobs", "backend"), [(2, "loky"), (2, "threading"), (1, "loky"), (3, "threading")])
def test_any_number_of_workers_gives_the_same_bytes(panel, jobs, backend):
    specs = [
        ("so2", "dudt", controls, FE, weights, "fepois")
        for controls in ((), ("pgdp",), ("ind2",), ("pgdp", "ind2"), ("ln_open",))
        for weights in (None, "pop")
    ] + [("ln_so2", "dudt", ("ind2",), FE, None, "did2s")]
    assert len(specs) > CHUNK
    layout = work(panel, specs)
    expected, got = joined(fit_one_by_one(layout)), joined(fit_one_by_one(layout, jobs, backend))
    for name in set(expected) - {"seconds"}:
        assert expected[name].tobytes() == got[name].tobytes(), name


def test_threads_are_held_and_given_back(monkeypatch):
    monkeypatch.setenv("RAYON_NUM_THREADS", "5")
    with single_threaded():
        assert os.environ["RAYON_NUM_THREADS"] == "1"
    assert os.environ["RAYON_NUM_THREADS"] == "5"
    monkeypatch.delenv("RAYON_NUM_THREADS")
    with single_threaded():
        pass
    assert "RAYON_NUM_THREADS" not in os.environ

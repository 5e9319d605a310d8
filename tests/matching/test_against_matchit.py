"""Scores, pairs, weights, balance and PSM-DID against glm, MatchIt and fixest (tests/reference)."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from specdid._plan.identity import Contents
from specdid._run.prepare import prepare
from specdid.analyses.balance import balance
from specdid.engine.compile import compile_plan
from specdid.engine.execute import run
from specdid.engine.matched import match_recipe, match_rows
from specdid.engine.problem import Code

REFERENCE = Path(__file__).parents[1] / "reference"
ON = "pgdp + ind2 + ln_open + ln_pat"
RUNS = {
    "nn1": {},
    "nn1_caliper": {"caliper": 0.05},
    "nn2_replace": {"ratio": 2, "replace": True},
}
# MatchIt was given the cities that also have both outcomes in 2011.
WHERE = "municipality == 0 & !is.na(at(ln_so2, year == 2011)) & !is.na(at(ln_ww, year == 2011))"


def rows_of(name):
    with (REFERENCE / f"{name}.csv").open() as file:
        return [{key: cell.strip() for key, cell in row.items()} for row in csv.DictReader(file)]


def study(controls):
    return {
        "study": {
            "data": str(REFERENCE / "panel.csv"),
            "unit": "city_id",
            "time": "year",
            "treatment": "dudt",
        },
        "outcome": {"ln_so2": "ln_so2", "ln_ww": "ln_ww"},
        "controls": controls,
        "sample": {
            name: {"where": WHERE, "match": {"on": ON, "treated": "pilot", "at": "year == 2011", **settings}}
            for name, settings in RUNS.items()
        },
        "vcov": {"city": "~city_id"},
        "inference": {"draws": 0},
    }


@pytest.fixture(scope="module")
def prepared():
    return prepare(study({"none": "1", "all": ON}))


@pytest.fixture(scope="module")
def sections(prepared):
    """The cross-section of 2011 as each run matched it, with the cities' ids."""
    plan, panel = prepared.plan, prepared.panel
    content = Contents(plan.grid, plan.grid.settings[0])
    found = {}
    for k, name in enumerate(RUNS):
        (section,) = match_rows(match_recipe(content, k, 0), panel, prepared.evaluator).sections
        found[name] = section, panel.columns["city_id"].numbers[section.rows].astype(int)
    return found


def test_scores_are_those_of_glm(sections):
    section, cities = sections["nn1"]
    expected = rows_of("glm_pscore_2011")
    assert cities.tolist() == [int(row["city_id"]) for row in expected]
    scores = [float(row["pscore"]) for row in expected]
    np.testing.assert_allclose(section.result.score, scores, rtol=1e-8)


@pytest.mark.parametrize("name", RUNS)
def test_pairs_are_those_of_matchit(sections, name):
    section, cities = sections[name]
    expected = rows_of(f"matchit_pairs_{name}")
    treated = cities[section.candidates.treated]
    assert treated.tolist() == [int(row["treated"]) for row in expected]
    columns = [key for key in expected[0] if key.startswith("V")]
    wanted = [[-1 if row[c] == "NA" else int(row[c]) for c in columns] for row in expected]
    pairs = np.where(section.result.pairs >= 0, cities[section.result.pairs], -1)
    assert pairs.tolist() == wanted


@pytest.mark.parametrize("name", RUNS)
def test_weights_are_those_of_matchit(sections, name):
    section, cities = sections[name]
    expected = [row for row in rows_of("matchit_weights") if row["method"] == name]
    assert cities.tolist() == [int(row["city_id"]) for row in expected]
    weights = [float(row["weight"]) for row in expected]
    np.testing.assert_allclose(section.result.weights, weights, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", RUNS)
def test_balance_is_that_of_matchit(sections, name):
    section, _ = sections[name]
    columns = np.column_stack([section.result.score, section.candidates.covariates])
    found = balance(columns, section.candidates.treated, section.result.weights, "treated")
    expected = rows_of(f"matchit_balance_{name}")
    assert [row["term"] for row in expected[:5]] == ["distance", *ON.split(" + ")]
    for stage in (0, 1):
        rows = [row for row in expected if row["stage"] == str(stage)]
        for key, values in (
            ("Means Treated", found.mean_treated[stage]),
            ("Means Control", found.mean_control[stage]),
            ("Std. Mean Diff.", found.bias[stage] / 100),
        ):
            np.testing.assert_allclose(values, [float(row[key]) for row in rows], rtol=1e-9, atol=1e-12)


def test_psm_did_is_that_of_fixest(prepared):
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    fits = run(compiled.problem, compiled.members)
    assert (fits.code == Code.OK).all()
    dimensions = {d.name: d for d in prepared.plan.dimensions}
    expected = {
        (row["outcome"], "all" if row["controls"] else "none", row["method"]): row for row in rows_of("psm_did")
    }
    assert len(fits.index) == len(expected) == 12
    columns = [dimensions[name] for name in ("outcome", "controls", "sample")]
    for k, codes in enumerate(prepared.plan.codes[fits.index][:, [0, 2, 4]].tolist()):
        row = expected[tuple(d.labels[code] for d, code in zip(columns, codes, strict=True))]
        assert fits.estimate[k] == pytest.approx(float(row["estimate"]), rel=1e-8)
        assert fits.std_error[k, 0] == pytest.approx(float(row["std_error"]), rel=1e-8)
        assert fits.nobs[k] == int(row["nobs"])


def test_the_file_order_does_not_matter(sections):
    data = pl.read_csv(REFERENCE / "panel.csv").sample(fraction=1.0, shuffle=True, seed=1)
    found = prepare(study({"none": "1"}), data)
    content = Contents(found.plan.grid, found.plan.grid.settings[0])
    for k, (section, _) in enumerate(sections.values()):
        (moved,) = match_rows(match_recipe(content, k, 0), found.panel, found.evaluator).sections
        np.testing.assert_array_equal(moved.result.pairs, section.result.pairs)

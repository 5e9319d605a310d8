"""did_imputation: R's didimputation, the weights of its estimate, and the standard errors' formula by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adoption import adoption_panel
from small_problems import task_of
from specdid import _plugins

REFERENCE = Path(__file__).parents[1] / "reference"
OWN, GARDNER = (_plugins.load("estimators", name) for name in ("did_imputation", "did2s"))
CASES = {
    "static": {},
    "static|controls ind2+ln_open": {"controls": ("ind2", "ln_open")},
    "static|weights=pop": {"weights": "pop"},
    "static|cluster=province": {"cluster": "province"},
    "static|province^year": {"effects": ("city_id", "province_year"), "rows": "municipality"},
}


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "panel.csv")
    frame["cohort"] = frame.batch.where(frame.batch > 0)
    frame["treated"] = 1.0 * (frame.year >= frame.cohort)
    frame["province_year"] = frame.province * 10_000 + frame.year
    names = ["city_id", "year", "province", "province_year", "municipality", "ln_so2", "ind2", "ln_open", "pop"]
    return frame[[*names, "treated", "cohort"]].astype(float)


@pytest.fixture(scope="module")
def reference() -> pd.DataFrame:
    return pd.read_csv(REFERENCE / "did" / "didimputation.csv")


def laid(frame, controls=(), weights=None, cluster="city_id", effects=("city_id", "year"), rows=None):
    frame = frame if rows is None else frame[frame[rows] == 0]
    spec = ("ln_so2", "treated", controls, effects, weights, "did_imputation")
    return task_of(frame, spec, vcovs=(cluster,), cohort="cohort")


@pytest.mark.parametrize("case", CASES)
def test_the_static_effects_of_r(panel, reference, case):
    """With weights R's package takes them squared into the weights of the untreated rows; ours give the estimate."""
    row = reference[reference.case == case].iloc[0]
    task = laid(panel, **CASES[case])
    found = OWN.fit(task)
    assert found.estimate == pytest.approx(row.estimate, rel=1e-6)
    assert found.estimate == GARDNER.fit(task).estimate
    error = found.std_error[0]
    if task.weights is not None:
        assert error == pytest.approx(by_hand(task, squared=False)[1], rel=1e-8)
        implied, error = by_hand(task, squared=True)
        assert abs(implied / row.estimate - 1) > 0.01  # the weights that R's error is of are not those of the estimate
        assert by_hand(task, squared=False)[0] == pytest.approx(row.estimate, rel=1e-6)
    assert error == pytest.approx(row["std.error"], rel=1e-6)
    assert np.isinf(found.df[0])


def by_hand(task, squared):
    """Compute Σ v y and the standard error with dense dummies (Borusyak, Jaravel and Spiess 2024, equation 8)."""
    treated, w = task.treatment == 1, task.weights / task.weights.mean()
    x = np.hstack([np.eye(int(c.max()) + 1)[c] for c in task.effects])
    left_weights = np.linalg.pinv(x[~treated].T @ (w[~treated, None] * x[~treated]), hermitian=True, rcond=1e-12)
    left = task.outcome - x @ (left_weights @ (x[~treated].T @ (w * task.outcome)[~treated]))
    v, u = w * treated / (w * treated).sum(), w**2 if squared else w
    inverse = np.linalg.pinv(x[~treated].T @ (u[~treated, None] * x[~treated]), hermitian=True, rcond=1e-12)
    target = x[treated].T @ (v * w if squared else v)[treated]
    v[~treated] = -(x[~treated] @ (inverse @ target)) * w[~treated]
    frame = pd.DataFrame({"g": task.cohort, "t": task.time, "s": v**2, "x": v**2 * left})[treated]
    sums = frame.groupby(["g", "t"]).transform("sum")
    rest = left.copy()
    rest[treated] -= (sums.x / sums.s).to_numpy()
    parts = np.bincount(task.clusters[0][0], v * rest)
    return v @ task.outcome, np.sqrt(parts @ parts)


def test_the_effects_by_horizon_and_the_leads_of_r(panel, reference):
    rows = reference[reference.case == "horizons"]
    task = laid(panel)
    periods = tuple(int(k) for k in rows.term)
    found = OWN.path(task, task.time - task.cohort, periods, -6)
    assert found.periods == periods
    np.testing.assert_allclose(found.estimate, rows.estimate, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(np.diag(found.vcov[0])), rows["std.error"], rtol=1e-6)
    assert not found.left_out


def small(frame, vcovs=("unit",), effects=("unit", "t")):
    spec = ("y", "d", (), effects, None, "did_imputation")
    return OWN.estimate(task_of(frame, spec, vcovs=vcovs, unit="unit", time="t", cohort="cohort"))


def test_clusters_that_part_a_units_rows_are_not_offered():
    found = small(adoption_panel(), ("t", "state"))
    assert found.vcov_notes == ("parts_units", "")


def test_of_a_vcov_that_is_not_offered_a_path_says_so_and_of_none_that_effects_are_uncounted():
    task = task_of(
        adoption_panel(), ("y", "d", (), ("unit", "t"), None, "did_imputation"), vcovs=("hetero", "unit"), unit="unit",
        time="t", cohort="cohort",
    )  # fmt: skip
    path = OWN.effects_by_period(task, task.time - task.cohort, (-2, 0, 1), -1)
    assert path.vcov_notes == OWN.estimate(task).vcov_notes == ("not_offered", "")


def test_one_unit_cohorts_and_always_treated_units_are_told():
    frame = adoption_panel()
    frame = frame[frame.cohort.isna() | (frame.unit <= 3)]
    alone = frame.unit == 3
    frame = frame.assign(cohort=frame.cohort.mask(alone, 5.0), d=frame.d.mask(alone, 1.0 * (frame.t >= 5)))
    found = small(frame)
    assert found.extra["n_one_unit_cohorts"] == 1
    (caution,) = OWN.cautions({k: np.array([v]) for k, v in found.extra.items()})
    assert caution.code == "one_unit_cohorts"
    always = small(
        adoption_panel().pipe(lambda f: f.assign(cohort=f.cohort.mask(f.unit < 5, 0.0), d=f.d.mask(f.unit < 5, 1.0)))
    )
    assert always.extra["n_treated_left_out"] == 5


def test_effects_that_differ_between_cohorts_are_no_noise():
    """Adding a constant to the effect of one cohort moves the estimate and leaves the standard error."""
    frame = adoption_panel()
    moved = frame.assign(y=frame.y + 3.0 * ((frame.cohort == 4) & (frame.d == 1)))
    assert small(moved).std_error[0] == pytest.approx(small(frame).std_error[0], rel=1e-9)
    spec = ("y", "d", (), ("unit", "t"), None, "did2s")
    errors = [
        GARDNER.estimate(task_of(f, spec, vcovs=("unit",), unit="unit", time="t")).std_error for f in (frame, moved)
    ]
    assert errors[1][0] > 1.1 * errors[0][0]


def test_what_fits_perfectly_has_no_standard_error():
    frame = adoption_panel()
    frame = frame.assign(y=0.1 * frame.unit + 0.37 * frame.t + frame.d)
    found = small(frame)
    assert found.estimate == pytest.approx(1.0, abs=1e-12)
    assert found.vcov_notes == ("perfect_fit",)


def test_the_castle_panel_by_population(castle):
    """Of log homicides; with weights squared, as in R's package, Σ v y is off by a third of the estimate."""
    task = task_of(
        castle, ("homicide", "post", (), ("sid", "year"), "popwt", "did_imputation"), vcovs=("sid",), unit="sid",
        cohort="cohort",
    )  # fmt: skip
    found = OWN.fit(task)
    assert (found.estimate, found.std_error[0]) == (
        pytest.approx(0.0751417, abs=5e-8),
        pytest.approx(0.026815, abs=5e-8),
    )
    implied, error = by_hand(task, squared=False)
    assert (implied, error) == (pytest.approx(found.estimate, rel=1e-9), pytest.approx(found.std_error[0], rel=1e-8))
    implied, error = by_hand(task, squared=True)
    assert error == pytest.approx(0.0224148, abs=5e-8)
    assert abs(implied / found.estimate - 1) > 0.3


@pytest.fixture
def castle() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE.parents[1] / "specs/data/castle.csv")
    frame["homicide"] = np.log(frame.homicide)
    frame["cohort"] = frame.sid.map(frame[frame.post == 1].groupby("sid").year.min())
    return frame[["sid", "year", "post", "homicide", "popwt", "cohort"]].astype(float)

"""Probit and negative binomial with fixed effects: R's values, statsmodels', what is refused, and the bias."""

from __future__ import annotations

import csv
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from adoption import adoption_panel
from small_problems import task_of, work_of
from specdid import _plugins
from specdid._audit.reference import AuditRequest, estimate_again
from specdid.estimators import _glm
from specdid.estimators._base import Failure
from specdid.estimators._glm import predicted

R_VALUES = Path(__file__).parents[1] / "reference" / "glm_nb_probit.csv"


def fitted(frame, method, outcome, effects, controls=("x",), **changes):
    spec = (outcome, "d", controls, effects, None, method)
    task = task_of(frame, spec, vcovs=("iid", "hetero", "state"), unit="unit", time="t", cohort="cohort")
    return _plugins.load("estimators", method).estimate(replace(task, rules=("none",) * 3, **changes))


def r_rows():
    with R_VALUES.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", r_rows(), ids=lambda row: row["model"])
def test_against_r(row):
    """glm.nb and glm with a dummy for every level, which themselves stop at a change of the deviance."""
    method, formula = row["model"].split(" ", 1)
    effects = tuple(f for f in ("unit", "state", "t") if f"factor({f})" in formula)
    found = fitted(adoption_panel(), method, formula.split()[0], effects)
    assert found.estimate == pytest.approx(float(row["estimate"]), rel=1e-7)
    assert found.coefficients.estimate[1] == pytest.approx(float(row["x"]), rel=1e-7)
    wanted = [float(row[name]) for name in ("iid", "hetero", "state")]
    np.testing.assert_allclose(found.std_error, wanted, rtol=1e-7)
    assert found.nobs == int(row["nobs"])
    if method == "fenegbin":
        assert found.extra["theta"] == pytest.approx(float(row["theta"]), rel=1e-7)


@pytest.mark.parametrize("effects", [(), ("state", "t")])
def test_against_statsmodels(effects):
    import statsmodels.api as sm

    frame = adoption_panel()
    dummies = [pd.get_dummies(frame[e], drop_first=True).to_numpy(float) for e in effects]
    design = np.column_stack([frame.d, frame.x, np.ones(len(frame)), *dummies])
    counts = fitted(frame, "fenegbin", "count", effects)
    start = np.append(sm.Poisson(frame["count"], design).fit(disp=0).params, 0.3)
    theirs = sm.NegativeBinomial(frame["count"].to_numpy(), design).fit(start, maxiter=500, gtol=1e-9, disp=0)
    assert counts.estimate == pytest.approx(theirs.params[0], rel=1e-6)
    assert 1 / counts.extra["theta"] == pytest.approx(theirs.params[-1], rel=1e-6)
    assert counts.std_error[0] == pytest.approx(theirs.bse[0], rel=0.02)  # of the observed information, with theta
    assert counts.coefficients.pseudo_r2 == pytest.approx(theirs.prsquared, abs=1e-5)
    binary = fitted(frame, "probit", "binary", effects)
    theirs = sm.Probit(frame.binary.to_numpy(), design).fit(method="newton", tol=1e-12, disp=0)
    assert binary.estimate == pytest.approx(theirs.params[0], rel=1e-7)
    assert binary.coefficients.pseudo_r2 == pytest.approx(theirs.prsquared, rel=1e-7)


@pytest.mark.parametrize(("method", "outcome"), [("probit", "binary"), ("fenegbin", "count"), ("logit", "binary")])
@pytest.mark.parametrize("effects", [(), ("state[v]", "t"), ("unit",)])
@pytest.mark.parametrize(("controls", "offsets"), [((), ()), (("x", "double"), ()), (("v", "x"), (0,))])
def test_steps_that_lay_out_no_columns_change_no_digit(monkeypatch, method, outcome, effects, controls, offsets):
    frame = adoption_panel()
    frame["v"] = np.random.default_rng(1).normal(size=len(frame)) / 4
    frame["double"] = 2 * frame.x
    lean, taken = _glm._fit_again, []
    monkeypatch.setattr(_glm, "_fit_again", lambda *given: taken.append(lean(*given)) or taken[-1])
    found = fitted(frame, method, outcome, effects, controls, offsets=offsets)
    assert taken
    assert all(taken)
    monkeypatch.setattr(_glm, "_fit_again", lambda *_: False)
    assert pickle.dumps(found) == pickle.dumps(fitted(frame, method, outcome, effects, controls, offsets=offsets))


@pytest.mark.parametrize("method", ["probit", "fenegbin", "logit"])
@pytest.mark.parametrize("effects", [(), ("state", "t"), ("unit",)])
def test_the_audit_finds_the_same(method, effects):
    frame = adoption_panel()
    frame["offset(z)"] = frame.z / 1e4
    spec = ("count" if method == "fenegbin" else "binary", "d", ("x", "z"), effects, None, method)
    work = work_of(frame, [spec], vcovs=("iid", "hetero", "state", "state + t"), unit="unit", time="t", cohort="cohort")
    again = estimate_again(AuditRequest(work, ((),)), 0)
    task = task_of(frame, spec, vcovs=("iid", "hetero", "state", "state + t"), unit="unit", time="t", cohort="cohort")
    found = _plugins.load("estimators", method).estimate(task)
    assert not again.why
    assert not again.itself
    assert len(again.numbers) == (2 if method == "logit" else 1)
    for numbers in again.numbers:
        assert numbers.estimate == pytest.approx(found.estimate, rel=1e-7)
        if numbers.program != "pyfixest":  # its errors have the weights before the last step
            np.testing.assert_allclose(numbers.std_error, found.std_error, rtol=1e-6)


def test_a_count_that_is_no_more_dispersed_than_poisson_has_no_theta():
    frame = adoption_panel()
    frame["even"] = np.round(2 + frame.d)
    found = fitted(frame, "fenegbin", "even", ("state",))
    assert isinstance(found, Failure)
    assert found.code == "not_converged"
    assert "take `fepois`" in found.message


@pytest.mark.parametrize(
    ("method", "change", "word"),
    [
        ("fenegbin", lambda y: y + 0.5, "counts"),
        ("fenegbin", lambda y: y - 2, "counts"),
        ("fenegbin", lambda y: 0 * y, "zero in every row"),
        ("probit", lambda y: y, "0 and 1"),
        ("probit", lambda y: 0 * y + 1, "1 in every row"),
    ],
)
def test_outcomes_that_are_refused(method, change, word):
    frame = adoption_panel()
    frame["other"] = change(frame["count"])
    found = fitted(frame, method, "other", ("state",))
    assert isinstance(found, Failure)
    assert word in found.message


def test_separation_by_the_treatment_is_a_failure():
    frame = adoption_panel()
    frame["parted"] = np.where(frame.d == 1, 1.0, frame.binary)
    found = fitted(frame, "probit", "parted", ("state", "t"))
    assert isinstance(found, Failure)
    assert found.message.startswith(f"{int(frame.d.sum())} rows are predicted perfectly")
    for outcome, count in (("parted", int(frame.d.sum())), ("binary", 0)):
        spec = (outcome, "d", ("x",), ("state", "t"), None, "probit")
        task = task_of(frame, spec, vcovs=("iid",), unit="unit", time="t", cohort="cohort")
        assert predicted(task, np.ones(len(frame), bool), False) == count
    frame["none"] = np.where(frame.d == 1, 0.0, frame["count"])
    assert "predicted perfectly" in fitted(frame, "fenegbin", "none", ("state", "t")).message


def short_panel(periods, units=1500):
    rng = np.random.default_rng(5)
    unit, t = np.repeat(np.arange(units), periods), np.tile(np.arange(periods), units)
    d = ((unit % 2 == 0) & (t >= periods // 2)).astype(float)
    index = 0.6 * d + 0.7 * rng.normal(size=units)[unit]
    y = rng.poisson(np.exp(index + 1) * rng.gamma(2.0, 0.5, len(unit))).astype(float)
    binary = (index + rng.normal(size=len(unit)) > 0).astype(float)
    return pd.DataFrame({"count": y, "binary": binary, "d": d, "unit": unit, "t": t, "state": unit, "cohort": np.nan})


def test_few_rows_to_a_level_bias_a_probit_and_theta_but_not_the_coefficient_of_counts():
    """The truth is .6 and θ = 2. The probit is too large by about T/(T - 1); θ is too, and iid errors too small."""
    frame = short_panel(4)
    probit = fitted(frame, "probit", "binary", ("unit",), controls=())
    assert probit.estimate == pytest.approx(0.6 * 4 / 3, rel=0.1)
    counts = fitted(frame, "fenegbin", "count", ("unit",), controls=())
    assert counts.estimate == pytest.approx(0.6, abs=2.5 * counts.std_error[2])
    assert counts.extra["theta"] > 2.4
    assert counts.std_error[0] < 0.95 * counts.std_error[2]
    told = list(
        _plugins.load("estimators", "fenegbin").cautions(
            {"rows_per_level": np.array([9.0, 4.0, np.nan]), "nobs": np.full(3, 6000.0), "n_separated": np.zeros(3)}
        )
    )
    assert [(c.code, c.specifications) for c in told] == [("incidental_parameters", 2)]
    assert "as few as T = 4 rows" in told[0].message


@pytest.mark.parametrize(("method", "spread"), [("logit", 1.0), ("logit", 3.0), ("probit", 1.0)])
def test_errors_are_those_at_the_maximum(method, spread):
    """Of few rows with many effects, where the errors of the last but one step are up to 3e-6 off."""
    from scipy.stats import norm

    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(30), 8), "t": np.tile(np.arange(8), 30)})
    frame["state"], frame["cohort"] = frame.unit % 6, np.inf
    frame["d"] = (rng.random(len(frame)) < 0.4).astype(float)
    frame["y"] = (spread * (0.6 * frame.d + rng.normal(size=30)[frame.unit]) + rng.logistic(size=len(frame)) > 0) * 1.0
    found = fitted(frame, method, "y", ("unit", "t"), controls=())
    for effect in ("unit", "t"):
        groups = frame.groupby(effect).y
        frame = frame[groups.transform("min") < groups.transform("max")]
    dummies = pd.get_dummies(frame.astype({"unit": str, "t": str})[["unit", "t"]]).to_numpy(float)
    design, y = np.column_stack([frame.d, dummies]), frame.y.to_numpy()
    beta, step = np.zeros(design.shape[1]), np.inf
    while np.abs(step).max() > 1e-12:
        eta = design @ beta
        mean, slope = (norm.cdf(eta), norm.pdf(eta)) if method == "probit" else (1 / (1 + np.exp(-eta)),) * 2
        slope = slope if method == "probit" else mean * (1 - mean)
        weight = slope**2 / (mean * (1 - mean))
        inverse = np.linalg.pinv(design.T @ (design * weight[:, None]), hermitian=True)
        step = inverse @ (design.T @ ((y - mean) * slope / (mean * (1 - mean))))
        beta = beta + step
    assert found.estimate == pytest.approx(beta[0], rel=1e-9)
    assert found.std_error[0] == pytest.approx(np.sqrt(inverse[0, 0]), rel=1e-9)


def test_rows_that_say_nothing_and_levels_are_counted():
    """Of counts a level that is zero throughout goes, and a row that is then alone in its own; one of threes stays."""
    frame = adoption_panel().assign(g=lambda f: f.t)
    frame.loc[frame.unit == 3, "count"], frame.loc[frame.unit == 7, "count"] = 0.0, 3.0
    shared = frame.unit.isin([3, 8]) & (frame.t == 2)
    frame.loc[shared, "g"], frame.loc[shared & (frame.unit == 8), "count"] = 99.0, 2.0
    zero = frame[frame.groupby("unit")["count"].transform("max") == 0]
    found = fitted(frame, "fenegbin", "count", ("unit", "g"))
    assert found.extra["n_separated"] == len(zero) + 1
    assert found.nobs == len(frame) - len(zero) - 1
    assert found.extra["rows_per_level"] == pytest.approx(found.nobs / (60 - zero.unit.nunique()))


@pytest.mark.parametrize(("method", "outcome"), [("fenegbin", "count"), ("probit", "binary")])
def test_a_treatment_of_units_that_say_nothing_is_none(method, outcome):
    frame = adoption_panel()
    frame.loc[frame.cohort.notna(), outcome] = 0.0
    found = fitted(frame, method, outcome, ("unit",), controls=())
    assert isinstance(found, Failure)
    assert found.code == "no_treatment_variation"


def test_an_offset_is_no_control_and_leaves_no_pseudo_r2():
    frame = adoption_panel().assign(z=lambda f: f.z / 1e4)
    controls = ("x", "z", "double")
    found = fitted(frame, "probit", "binary", ("state",), controls, offsets=(1,))
    free = fitted(frame, "probit", "binary", ("state",), controls)
    assert found.dropped == free.dropped == (2,)
    assert np.isnan(found.coefficients.pseudo_r2)
    assert 0 < free.coefficients.pseudo_r2 < 1
    assert found.estimate != pytest.approx(free.estimate, rel=1e-6)

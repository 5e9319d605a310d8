"""fepois and sunab against what R fixest computed on the same panel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_problems import task_of
from specdid import _plugins

REFERENCE = Path(__file__).parent.parent / "reference"
POISSON = pd.read_csv(REFERENCE / "fixest_poisson.csv", keep_default_na=False)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "panel.csv").astype(float)
    frame["cohort"] = frame.batch.where(frame.batch > 0)
    return frame


@pytest.mark.parametrize("row", list(POISSON.itertuples()), ids=lambda r: f"{r.outcome}~{r.controls}|{r.fe}")
def test_fepois(panel, row):
    controls = tuple(c for c in row.controls.split("+") if c)
    task = task_of(panel, (row.outcome, "dudt", controls, tuple(row.fe.split(" + ")), None, "fepois"))
    result = _plugins.load("estimators", "fepois").fit(task)
    assert result.nobs == row.nobs
    assert result.estimate == pytest.approx(row.estimate, rel=1e-6)
    assert result.std_error[0] == pytest.approx(row.std_error, rel=1e-6)
    assert result.df == (np.inf,)


def test_sunab(panel):
    att = pd.read_csv(REFERENCE / "fixest_sunab.csv").set_index("term").loc["ATT"]
    task = task_of(panel, ("ln_so2", "dudt", (), ("city_id", "year"), None, "sunab"), cohort="cohort")
    result = _plugins.load("estimators", "sunab").fit(task)
    assert result.nobs == att.nobs
    assert result.estimate == pytest.approx(att.Estimate, rel=1e-6)
    assert result.std_error[0] == pytest.approx(att["Std. Error"], rel=1e-6)


def test_weighted_fepois_solves_its_own_equations(panel):
    """Analytic weights, which the R file does not cover: against dummies and Newton steps."""
    some = panel[panel.city_id <= 30].dropna(subset=["so2", "pop"])
    task = task_of(some, ("so2", "dudt", (), ("city_id", "year"), "pop", "fepois"), vcovs=("hetero",))
    result = _plugins.load("estimators", "fepois").fit(task)
    dummies = [np.eye(int(codes.max()) + 1)[codes] for codes in task.effects]
    design = np.column_stack([task.treatment, dummies[0], dummies[1][:, 1:]])
    scale = task.outcome.mean()
    y, w, eta = task.outcome / scale, task.weights, np.zeros(len(task.outcome))
    for _ in range(60):
        mu = np.exp(eta)
        weight = (w * mu)[:, None]
        beta = np.linalg.solve(design.T @ (weight * design), design.T @ (w * mu * (eta + (y - mu) / mu)))
        eta = design @ beta
    mu = np.exp(eta)
    bread = np.linalg.inv(design.T @ ((w * mu)[:, None] * design))
    score = design * (w * (y - mu))[:, None]
    n, k = design.shape
    variance = (bread @ (score.T @ score) @ bread)[0, 0] * n / (n - k)
    assert result.estimate == pytest.approx(beta[0], rel=1e-8)
    assert result.std_error[0] == pytest.approx(np.sqrt(variance), rel=1e-6)

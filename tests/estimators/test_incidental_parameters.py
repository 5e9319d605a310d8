"""Logit with fixed effects of few rows: the bias, and that it is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import specdid
from small_problems import task_of
from specdid import _plugins

pytestmark = pytest.mark.usefixtures("undrawn")


def panel(periods: int, units: int = 3000, beta: float = 0.8) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    unit = np.repeat(np.arange(units), periods)
    t = np.tile(np.arange(periods), units)
    d = ((unit % 2 == 0) & (t >= periods // 2)).astype(float)
    effect = rng.normal(size=units)[unit]
    y = (beta * d + effect + rng.logistic(size=len(unit)) > 0).astype(float)
    return pd.DataFrame({"y": y, "d": d, "unit": unit, "t": t, "half": unit % 50, "ols": y})


def fitted(frame):
    task = task_of(frame, ("y", "d", (), ("unit",), None, "logit"), vcovs=("unit",), unit="unit", time="t")
    return _plugins.load("estimators", "logit").estimate(task)


def test_two_periods_give_twice_the_conditional_coefficient():
    frame = panel(2)
    found = fitted(frame)
    y, d = (frame.pivot_table(index="unit", columns="t", values=v) for v in ("y", "d"))
    movers = (y.sum(axis=1) == 1) & (d[1] != d[0])
    up = float((y[1] > y[0])[movers].mean())
    conditional = np.log(up / (1 - up))  # Chamberlain (1980): a logit of who moves up
    assert found.estimate == pytest.approx(2 * conditional, rel=1e-6)
    assert found.extra["rows_per_level"] == 2
    assert found.extra["n_separated"] == 2 * (y.sum(axis=1) != 1).sum()


@pytest.mark.parametrize(("periods", "severity"), [(4, "serious"), (40, "note"), (0, None)])
def test_a_run_says_so(periods, severity, tmp_path):
    frame = panel(periods or 4, units=200)
    effects = "unit" if periods else "half + t"
    if not periods:
        frame = pd.concat([frame] * 10, ignore_index=True).assign(unit=lambda f: np.arange(len(f)) // 4)
        frame = frame.assign(half=0)
    study = {
        "study": {"unit": "unit", "time": "t"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "fixed_effects": {"f": effects},
        "estimator": {"logit": "logit", "ols": "feols"},
        "inference": {"draws": 0},
    }
    curve = specdid.run(study, data=frame, out=tmp_path / "out", audit=0)
    said = {w.code: w for w in curve.warnings if w.code in ("incidental_parameters", "outcome_never_varies")}
    if severity is None:
        assert not said
        return
    caution = said["incidental_parameters"]
    assert (caution.severity, caution.specifications) == (severity, 1)
    assert "T/(T − 1); incidental parameters" in caution.message
    assert caution.message in (tmp_path / "out" / "warnings.csv").read_text(encoding="utf-8").replace('""', '"')
    assert caution.message in curve.summary()


def test_how_many_specifications_are_biased_and_how_much_of_the_rows_is_lost():
    def told(rows, lost):
        found = {"rows_per_level": np.array(rows), "nobs": np.full(len(rows), 60.0), "n_separated": np.array(lost)}
        return list(_plugins.load("estimators", "probit").cautions(found))

    biased, lost = told([29.9, 30.0, 99.9, 100.0, np.nan], [0.0, 40.0, 20.0, 0.0, 0.0])
    assert (biased.severity, biased.code, biased.specifications) == ("serious", "incidental_parameters", 1)
    assert (lost.severity, lost.code, lost.specifications) == ("note", "outcome_never_varies", 2)
    assert "up to 40% of the rows" in lost.message
    assert "as few as T = 29.9 rows" in biased.message
    assert "about 1.03 times the true one" in biased.message
    (nearly,) = told([30.0, 99.9, 100.0], [0.0] * 3)
    assert (nearly.severity, nearly.specifications) == ("note", 2)
    assert not told([100.0, np.nan], [0.0] * 2)

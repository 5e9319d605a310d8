"""What cannot be estimated becomes a code and words a researcher understands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from small_problems import task_of
from specdid import _plugins
from specdid.estimators._pyfixest import Refusal, effect_names, guarded, translate


def panel(**columns: np.ndarray) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"unit": np.repeat(np.arange(30.0), 6), "t": np.tile(np.arange(6.0), 30)})
    frame["d"] = ((frame.unit < 15) & (frame.t >= 3)).astype(float)
    frame["x"] = rng.normal(size=180)
    frame["y"] = rng.poisson(np.exp(0.5 + 0.3 * frame.d + 0.2 * frame.x)).astype(float)
    return frame.assign(**columns)


def fit(name, frame, controls=("x",), effects=("unit", "t"), **options):
    spec = ("y", "d", controls, effects, None, name)
    task = task_of(frame, spec, vcovs=("unit",), unit="unit", time="t", options={name: options})
    return _plugins.load("estimators", name).fit(task)


def test_fepois_refuses_negative_outcomes():
    frame = panel()
    frame.loc[3, "y"] = -1.0
    result = fit("fepois", frame)
    assert result.code == "estimator_error"
    assert result.message == "Poisson needs an outcome of zero or more; some values are negative"


def test_logit_refuses_an_outcome_that_is_not_binary():
    result = fit("logit", panel())
    assert result.code == "estimator_error"
    assert result.message == "logit needs an outcome of 0 and 1; this one has other values"


def test_too_few_iterations_are_not_convergence():
    result = fit("fepois", panel(), iwls_maxiter=2)
    assert (result.code, result.message) == ("not_converged", "no convergence within 2 iterations")


def test_separated_levels_are_dropped_and_counted():
    """Units 0 and 1 never have an event: they say nothing about the effect, and are counted."""
    frame = panel()
    frame.loc[frame.unit < 2, "y"] = 0.0
    all_rows, without = fit("fepois", frame), fit("fepois", frame[frame.unit >= 2].reset_index(drop=True))
    assert all_rows.extra == {"n_separated": 12.0}
    assert all_rows.nobs == 168
    assert (all_rows.keep == (frame.unit >= 2)).all()
    assert (all_rows.estimate, all_rows.std_error) == (without.estimate, without.std_error)


def test_separation_cascades():
    """Once unit 0 is gone, period 9, which only it shares with unit 1, is a singleton, and goes too."""
    frame = panel()
    frame.loc[frame.unit == 0, "y"] = 0.0
    extra = pd.DataFrame({"unit": [0.0, 1.0], "t": [9.0, 9.0], "d": [0.0, 0.0], "x": [0.1, 0.2], "y": [0.0, 3.0]})
    result = fit("fepois", pd.concat([frame, extra], ignore_index=True))
    assert result.nobs == 174
    assert result.estimate == fit("fepois", frame[frame.unit > 0].reset_index(drop=True)).estimate


def test_logit_drops_units_without_variation_at_either_end():
    rng = np.random.default_rng(5)
    frame = panel(y=(rng.uniform(size=180) < 0.5).astype(float))
    frame.loc[frame.unit == 0, "y"] = 1.0
    frame.loc[frame.unit == 1, "y"] = 0.0
    result = fit("logit", frame)
    assert result.nobs <= 168
    assert not result.keep[:12].any()
    assert result.df == (np.inf,)


def test_logit_against_dummies():
    rng = np.random.default_rng(5)
    frame = panel(y=(rng.uniform(size=180) < 0.5).astype(float))
    result = fit("logit", frame, effects=("t",))
    design = np.column_stack([frame.d, frame.x, np.eye(6)[frame.t.astype(int)]])
    beta = np.zeros(8)
    for _ in range(30):
        p = 1 / (1 + np.exp(-design @ beta))
        beta += np.linalg.solve(design.T @ (design * (p * (1 - p))[:, None]), design.T @ (frame.y - p))
    assert result.estimate == pytest.approx(beta[0], rel=1e-8)


@pytest.mark.parametrize("name", ["feols", "fepois"])
def test_a_treatment_that_others_explain(name):
    frame = panel()
    frame["x"] = 2 * frame.d + 1
    result = fit(name, frame)
    assert result.code == "not_identified"
    assert result.message == "the treatment is a combination of the controls and fixed effects"


@pytest.mark.parametrize("name", ["feols", "fepois"])
def test_a_treatment_that_the_effects_absorb(name):
    frame = panel()
    frame["cell"] = 2 * frame.unit + frame.d
    result = fit(name, frame, effects=("cell",))
    assert (result.code, result.message) == ("absorbed", "the fixed effects absorb the treatment")


@pytest.mark.parametrize("name", ["feols", "fepois", "sunab"])
def test_a_collinear_control_is_dropped_by_position(name):
    frame = panel()
    frame["cohort"] = np.where(frame.unit < 15, 3.0, np.nan)
    frame["size"] = frame.unit * 10
    frame["twice"] = 2 * frame.x
    spec = ("y", "d", ("size", "x", "twice"), ("unit", "t"), None, name)
    task = task_of(frame, spec, vcovs=("unit",), unit="unit", time="t", cohort="cohort")
    assert _plugins.load("estimators", name).fit(task).dropped == (0, 2)


def test_no_exception_and_no_warning_escapes():
    def broken(task):
        raise ValueError("something\n   in the library")

    task = task_of(panel(), ("y", "d", (), ("unit",), None, "feols"), vcovs=("unit",), unit="unit", time="t")
    result = guarded(broken)(task)
    assert (result.code, result.message) == (
        "estimator_error",
        "the estimation stopped: something in the library",
    )

    def refuses(task):
        raise Refusal("absorbed", "in words")

    assert guarded(refuses)(task).message == "in words"
    assert translate(np.linalg.LinAlgError("Singular matrix")).code == "not_identified"
    assert translate(ValueError("Demeaning failed after 7 iterations.")).code == "not_converged"


def test_effects_keep_their_order_through_pyfixests_set():
    for count in range(5):
        names = effect_names(count)
        assert [n.split("_")[0] for n in list(set(names))] == [f"f{j}" for j in range(count)]


def test_large_outcomes_do_not_stop_demeaning():
    frame = panel()
    frame["y"] = frame.y * 1e9 + 5e9
    assert fit("feols", frame).estimate == pytest.approx(1e9 * fit("feols", panel()).estimate, rel=1e-9)


def test_two_way_variance_that_is_not_positive_has_a_note():
    """Two clusters each way, scores that cancel within but not between: V₁ + V₂ − V₁₂ is negative."""
    frame = panel()
    task = task_of(frame, ("y", "d", ("x",), ("unit", "t"), None, "feols"), vcovs=("unit",), unit="unit", time="t")
    rng = np.random.default_rng(0)
    notes = set()
    for _ in range(40):
        pair = (rng.integers(0, 2, 180), rng.integers(0, 2, 180))
        result = _plugins.load("estimators", "feols").fit(replace(task, vcovs=("cluster",), clusters=(pair,)))
        assert np.isnan(result.std_error[0]) == (result.vcov_notes[0] == "not_positive")
        notes.add(result.vcov_notes[0])
    assert "not_positive" in notes

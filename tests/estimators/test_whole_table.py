"""The regression table of every estimator that has one is that of a plain pyfixest call on the raw columns."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from adoption import VCOVS, adoption_panel
from small_problems import task_of
from specdid import _plugins
from specdid.engine.ssc import t_inference
from specdid.estimators._base import CONSTANT, TREATMENT

ASKED = [{"CRV1": v} if v not in ("hetero", "iid") else v for v in VCOVS]
TIGHT = {"demeaner": pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)}
GLM = {"iwls_tol": 1e-12, "iwls_maxiter": 100, "separation_check": [], **TIGHT}
CONTROLS = ("x", "z", "double")
DIRECT = {
    "feols": lambda f, d, w: pf.feols(f, d, weights=w, **TIGHT),
    "fepois": lambda f, d, w: pf.fepois(f, d, weights=w, **GLM),
    "logit": lambda f, d, w: pf.feglm(f, d, "logit", **GLM),
}


def table_of(name: str, outcome: str, effects: tuple[str, ...], weights: str | None):
    spec = (outcome, "d", CONTROLS, effects, weights, name)
    task = task_of(adoption_panel(), spec, vcovs=VCOVS, unit="unit", time="t", cohort="cohort")
    return task, _plugins.load("estimators", name).fit(task)


def direct(name: str, formula: str, data: pd.DataFrame, weights: str | None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DIRECT[name](formula, data, weights)


CASES = [
    (name, outcome, effects, weights)
    for name, outcomes in (("feols", ("y",)), ("fepois", ("count", "large")), ("logit", ("binary",)))
    for outcome in outcomes
    for effects in (("unit", "t"), ("state",), ())
    for weights in ((None,) if name == "logit" else (None, "w"))
]


@pytest.mark.parametrize(("name", "outcome", "effects", "weights"), CASES)
def test_equals_a_direct_call(name, outcome, effects, weights):
    task, result = table_of(name, outcome, effects, weights)
    whole = result.coefficients
    assert whole.columns == (TREATMENT, 0, 1, *([] if effects else [CONSTANT]))
    assert result.dropped == (2,)
    used = adoption_panel() if result.keep is None else adoption_panel()[result.keep]
    data = used.assign(w=used.w / used.w.mean())
    fixed = f" | {' + '.join(effects)}" if effects else ""
    theirs = direct(name, f"{outcome} ~ d + x + z{fixed}", data.reset_index(drop=True), weights)
    terms = ["d", "x", "z", *([] if effects else ["Intercept"])]
    known = np.array([t != "x" for t in terms])  # x and its double cannot be told apart
    assert (np.isnan(whole.estimate) == ~known).all()
    assert np.isnan(whole.vcov[:, ~known]).all()
    terms = [t for t in terms if t != "x"]
    for v, asked in enumerate(ASKED):
        theirs.vcov(asked)
        tidy = theirs.tidy().loc[terms]
        assert whole.estimate[known] == pytest.approx(tidy["Estimate"].to_numpy(), rel=1e-8)
        errors = np.sqrt(np.diagonal(whole.vcov[v]))[known]
        near = 1e-5 if name == "logit" else 1e-8  # pyfixest's errors have the weights before its last step
        assert errors == pytest.approx(tidy["Std. Error"].to_numpy(), rel=near)
        numbers = t_inference(whole.estimate[known], errors, np.full(len(terms), result.df[v]), 0.05)
        for mine, column in zip(numbers, ("t value", "Pr(>|t|)", "2.5%", "97.5%"), strict=True):
            assert mine == pytest.approx(tidy[column].to_numpy(), rel=10 * near, abs=1e-12)
    measure = getattr(theirs, "_pseudo_r2", None) if name != "feols" else theirs._r2
    assert result.nobs == theirs._N == task.outcome.shape[0] if result.keep is None else result.keep.sum()
    if measure is not None:
        assert (whole.r2 if name == "feols" else whole.pseudo_r2) == pytest.approx(measure, rel=1e-8)


def test_pseudo_r2_of_logit_is_mcfaddens():
    task, result = table_of("logit", "binary", (), None)
    whole, y = result.coefficients, task.outcome
    design = np.column_stack([task.treatment, task.controls[:, :2], np.ones(len(y))])
    without = _plugins.load("estimators", "logit").fit(replace(task, controls=task.controls[:, :2]))
    p = 1 / (1 + np.exp(-design @ without.coefficients.estimate))
    ours, null = (np.sum(np.log(np.where(y == 1, q, 1 - q))) for q in (p, np.full(len(y), y.mean())))
    assert whole.pseudo_r2 == pytest.approx(1 - ours / null, rel=1e-10)


def test_a_weighted_poisson_has_no_pseudo_r2():
    """pyfixest gives none: its weighted log likelihood is not fixest's."""
    assert np.isnan(table_of("fepois", "count", ("unit", "t"), "w")[1].coefficients.pseudo_r2)


def test_sunab_has_the_aggregated_effect_and_the_controls():
    """Against least squares on the cohort × period dummies, averaged by hand."""
    _, result = table_of("sunab", "y", ("unit", "t"), None)
    whole = result.coefficients
    assert whole.columns == (TREATMENT, 0, 1)
    data, cells = adoption_panel(), []
    for g in (4, 6):
        for k in sorted(set(range(-g, 8 - g)) - {-1}):
            name = f"c{g}_{'m' if k < 0 else 'p'}{abs(k)}"
            data[name] = ((data.cohort == g) & (data.t == g + k)).astype(float)
            cells.append((name, k))
    formula = f"y ~ {' + '.join(n for n, _ in cells)} + x + z | unit + t"
    theirs = direct("feols", formula, data, None)
    names = list(theirs._coefnames)
    share = np.array([data[n].sum() if dict(cells).get(n, -1) >= 0 else 0.0 for n in names])
    weights = np.array([share / share.sum(), *(np.eye(len(names))[names.index(c)] for c in ("x", "z"))])
    for v, asked in enumerate(ASKED):
        theirs.vcov(asked)
        assert whole.estimate[[0, 2]] == pytest.approx((weights @ theirs._beta_hat)[[0, 2]], rel=1e-8)
        known = np.ix_([0, 2], [0, 2])
        assert whole.vcov[v][known] == pytest.approx((weights @ theirs._vcov @ weights.T)[known], rel=1e-7)
        assert np.isnan(whole.estimate[1])  # x and its double cannot be told apart


def test_what_did2s_and_lpdid_do_not_give_is_what_pyfixest_does_not_give():
    data = adoption_panel()
    data["g"] = data.cohort.fillna(0)
    two = pf.did2s(
        data, yname="y", first_stage="~ x | unit + t", second_stage="~ i(d, ref = 0)", treatment="d", cluster="unit"
    )
    assert len(two.coef()) == 1
    local = pf.lpdid(data, yname="y", idname="unit", tname="t", gname="g", att=True, vcov={"CRV1": "unit"})
    assert len(local.tidy()) == 1

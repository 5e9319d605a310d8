"""Small-sample corrections and distributions of every estimator, against statsmodels and by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from adoption import VCOVS, adoption_panel, outcome_of
from small_problems import task_of, work_of
from specdid import _plugins
from specdid._study import RULES
from specdid.engine.execute import run
from specdid.engine.one_by_one import fit_one_by_one
from specdid.engine.problem import Vcov
from specdid.estimators._influences import errors_of
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

NAMES = _plugins.names("estimators")
N_VCOVS = len(VCOVS)
ONLY_INFORMATION = {(name, "iid", "not_offered") for name in ("logit", "probit", "fenegbin")}


def task(name, vcovs=VCOVS, effects=("unit", "t"), **options):
    outcome = outcome_of(name)
    own = {"lpdid": {"post_window": 1} | options}.get(name, options)
    return task_of(
        adoption_panel(),
        (outcome, "d", () if name == "lpdid" else ("x",), effects, None, name),
        vcovs=vcovs,
        unit="unit",
        time="t",
        cohort="cohort",
        options={name: own},
    )


def asked(task, rule="fixest", distribution=None):
    count = len(task.vcovs)
    return replace(task, rules=(rule,) * count, distributions=(distribution,) * count)


@cache
def plain_of(name):
    """Estimate where nothing is said of corrections; some take a while, and each is asked for a dozen times."""
    return _plugins.load("estimators", name).estimate(task(name))


ASKED = [
    *((rule, None) for rule in RULES),
    *(("fixest", d) for d in ("t", "normal")),
    ("reghdfe", "normal"),
    ("lsdv", "t"),
]
"""Every rule, and each distribution under one that fixest has and one that it has not."""


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("rule", "distribution"), ASKED)
def test_a_number_or_the_reason(name, rule, distribution):
    estimator = _plugins.load("estimators", name)
    plain, found = plain_of(name), estimator.estimate(asked(task(name), rule, distribution))
    assert found.estimate == plain.estimate
    for v in range(N_VCOVS):
        note = found.vcov_notes[v]
        assert (note == "") == (found.std_error[v] > 0)
        if plain.vcov_notes[v]:
            assert note == plain.vcov_notes[v]
        elif rule not in estimator.ssc:
            assert note == "no_rule" or (name, VCOVS[v], note) in ONLY_INFORMATION
        elif note:
            assert (name, rule, VCOVS[v], note) == ("fepois", "reghdfe", "iid", "not_offered")
        else:
            own = distribution is None and np.isinf(plain.df[v])
            assert np.isinf(found.df[v]) == (distribution == "normal" or own)
            if distribution == "t":
                assert 0 < found.df[v] < found.nobs


@pytest.mark.parametrize("name", NAMES)
def test_fixest_is_what_is_done_where_nothing_is_said(name):
    estimator = _plugins.load("estimators", name)
    assert repr(estimator.estimate(asked(task(name)))) == repr(plain_of(name))


@pytest.mark.parametrize("name", [n for n in NAMES if _plugins.load("estimators", n).path])
@pytest.mark.parametrize("rule", RULES)
def test_paths_too(name, rule):
    """The variance of a period is the plain one times a factor, or there is none."""
    estimator = _plugins.load("estimators", name)
    one = task(name)
    relative = np.floor(one.time - one.cohort)
    tasks = (asked(one), asked(one, rule, "normal"))
    plain, found = (estimator.effects_by_period(t, relative, (-2, 0, 1), -1) for t in tasks)
    for v in range(N_VCOVS):
        if found.vcov_notes[v]:
            assert np.isnan(found.vcov[v]).all()
            assert found.vcov_notes[v] == plain.vcov_notes[v] or rule not in estimator.ssc
        else:
            assert np.isinf(found.df[v])
            assert (np.diag(found.vcov[v]) > 0).all()
            ratio = np.diag(found.vcov[v]) / np.diag(plain.vcov[v])
            # Counting the effects of a panel of a few periods may double or treble a variance, not more.
            assert (ratio == 1).all() if rule == "fixest" else (ratio > 0.3).all() and (ratio < 4).all(), (rule, ratio)


def glm(name, frame, effects):
    """A model of all dummies, by statsmodels, on the rows that the fixed effects do not predict."""
    outcome = {"fepois": "count", "logit": "binary"}[name]
    rows = frame
    while True:  # levels whose outcome never varies (is always zero) say nothing
        before = len(rows)
        for e in effects:
            y = rows.groupby(e)[outcome]
            rows = rows[y.transform("max") > 0 if name == "fepois" else y.transform("min") < y.transform("max")]
        if len(rows) == before:
            break
    dummies = [pd.get_dummies(rows[e], drop_first=j > 0).to_numpy(float) for j, e in enumerate(effects)]
    columns = np.column_stack([rows.d, rows.x, *dummies])
    family = families.Poisson() if name == "fepois" else families.Binomial()
    return rows, columns.shape[1], GLM(rows[outcome], columns, family=family)


@pytest.mark.parametrize("name", ["fepois", "logit"])
def test_generalised_linear_models_are_statsmodels(name):
    effects = ("unit", "t") if name == "fepois" else ("state", "t")
    vcovs = ("state", "unit", "hetero", "iid")
    estimator, one = _plugins.load("estimators", name), task(name, vcovs, effects)
    rows, width, model = glm(name, adoption_panel(), effects)

    def errors(rule, **how):
        found = [
            model.fit(tol=1e-12, cov_type="cluster", cov_kwds={"groups": pd.factorize(rows[c])[0], **how}).bse.iloc[0]
            for c in ("state", "unit")
        ]
        return estimator.estimate(asked(one, rule)), found

    n, g = len(rows), np.array([rows[c].nunique() for c in ("state", "unit")])
    full, theirs = errors("lsdv", use_correction=True)
    assert full.nobs == n
    assert full.std_error[:2] == pytest.approx(theirs, rel=1e-6)
    bare, theirs = errors("none", use_correction=False)
    assert bare.std_error[:2] == pytest.approx(theirs, rel=1e-6)
    assert bare.std_error[2] == pytest.approx(model.fit(tol=1e-12, cov_type="HC0").bse.iloc[0], rel=1e-6)
    for rule in ("lsdv", "glm", "none"):
        found = estimator.estimate(asked(one, rule))
        assert found.std_error[3] == pytest.approx(model.fit(tol=1e-12).bse.iloc[0], rel=1e-6)
    stata = estimator.estimate(asked(one, "glm"))
    assert stata.std_error[:2] == pytest.approx(np.array(theirs) * np.sqrt(g / (g - 1)), rel=1e-6)
    assert stata.std_error[2] == pytest.approx(bare.std_error[2] * np.sqrt(n / (n - 1)), rel=1e-12)
    assert estimator.estimate(asked(one, "lsdv", "t")).df == (*(g - 1), n - width, n - width)
    if name == "fepois":
        ppmlhdfe = estimator.estimate(asked(one, "reghdfe"))
        assert ppmlhdfe.std_error[:3] == stata.std_error[:3]


@pytest.mark.parametrize("name", ["feols", "sunab"])
@pytest.mark.parametrize("rule", RULES)
def test_the_engine_and_the_estimator_alone_agree(name, rule):
    spec = ("y", "d", ("x",), ("unit", "t"), None, name)
    work = work_of(
        adoption_panel(),
        [spec],
        vcovs=("unit", "state", "t", "iid", "hetero", "unit + t"),
        unit="unit",
        time="t",
        cohort="cohort",
    )
    vcovs = tuple(Vcov(v.kind, v.clusters, rule, "normal") for v in work.problem.vcovs)
    work = replace(work, problem=replace(work.problem, vcovs=vcovs))
    batched = run(work.problem, work.members)
    alone = next(iter(fit_one_by_one(work)))
    np.testing.assert_allclose(alone.std_error, batched.std_error, rtol=1e-7)
    np.testing.assert_allclose(alone.p_value, batched.p_value, rtol=1e-5)
    assert np.isinf(batched.df).all()
    assert np.isinf(alone.df).all()


def test_two_stages_have_no_parameters_to_count():
    one = task("did2s", ("unit", "hetero"))
    plain, stata = (_plugins.load("estimators", "did2s").estimate(asked(one, rule)) for rule in ("none", "glm"))
    g, n = adoption_panel().unit.nunique(), plain.nobs
    assert plain.std_error == _plugins.load("estimators", "did2s").estimate(one).std_error
    factors = np.sqrt([g / (g - 1), n / (n - 1)])
    assert stata.std_error == pytest.approx(np.array(plain.std_error) * factors, rel=1e-12)


def test_a_plug_in_that_knows_nothing_of_it_says_so():
    from specdid.estimators._base import Estimate, Estimator

    plug_in = Estimator(
        "mine",
        "an effect",
        "Mine",
        (),
        frozenset({"outcome", "treatment", "sample"}),
        "any",
        False,
        False,
        False,
        frozenset({"cluster"}),
        lambda task: Estimate(1.0, (0.1,), (float("inf"),), (9,), 50),
    )
    one = task("feols", ("unit",))
    assert plug_in.estimate(one).std_error == (0.1,)
    refused = plug_in.estimate(asked(one, "areg"))
    assert (refused.vcov_notes, refused.estimate) == (("no_rule",), 1.0)
    assert np.isnan(refused.std_error[0])
    assert plug_in.estimate(asked(one, "fixest", "t")).vcov_notes == ("no_t",)
    assert plug_in.estimate(asked(one, "fixest", "normal")).df == (float("inf"),)


def test_the_row_says_which_corrections_there_are():
    work = work_of(
        adoption_panel(),
        [("y", "d", ("x",), ("unit", "t"), None, "did2s")],
        vcovs=("unit",),
        unit="unit",
        time="t",
        cohort="cohort",
    )
    vcovs = (Vcov("cluster", work.problem.vcovs[0].clusters, "areg"), work.problem.vcovs[0])
    fits = next(iter(fit_one_by_one(replace(work, problem=replace(work.problem, vcovs=vcovs)))))
    said = "did2s does not offer the small-sample correction areg; it has fixest, glm, none"
    assert fits.vcov_detail == {(0, 0): said}
    assert np.isnan(fits.std_error[0, 0])
    assert fits.std_error[0, 1] > 0


def test_two_clusters_of_influences_count_what_lies_in_both_once():
    rng = np.random.default_rng(4)
    one, two = rng.integers(0, 9, 300), rng.integers(0, 12, 300)
    influence = rng.normal(size=(300, 2)) + rng.normal(size=9)[one][:, None] + rng.normal(size=12)[two][:, None]
    task = SimpleNamespace(vcovs=("cluster",), clusters=[(one, two)], rule=lambda v: "none")
    found = errors_of(task, influence, np.ones(300, dtype=bool))

    def summed(codes):
        sums = np.array([influence[codes == c].sum(axis=0) for c in np.unique(codes)])
        return sums.T @ sums

    want = summed(one) + summed(two) - summed(one * 12 + two)
    np.testing.assert_allclose(found.vcov[0] * found.size**2, want, rtol=1e-12)
    assert (found.df, found.n_clusters) == ((8.0,), (9,))

"""The audit tests by itself whether an estimate is identified, and whether what was dropped is collinear."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from small_problems import work_of
from specdid._audit import audit_results, compare
from specdid._audit.least_squares import NetRegressors
from specdid._audit.reference import AuditRequest, estimate_again
from specdid._records import Status
from specdid._records.results import TextColumn

UNITS, PERIODS = 20, 9


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Adoption in periods 4, 5 and 6 of half of the units, in three regions."""
    rng = np.random.default_rng(3)
    unit, year = np.repeat(np.arange(UNITS), PERIODS), np.tile(np.arange(PERIODS), UNITS)
    cohort = np.where(unit < 10, np.nan, 4.0 + unit % 3)
    post = (year >= cohort).astype(float)
    x = rng.normal(size=(4, len(unit)))
    shares = rng.dirichlet(np.ones(3), len(unit)).T.astype(np.float32).astype(float)
    y = 0.5 * post + x[0] + rng.normal(size=UNITS)[unit] + 0.1 * rng.normal(size=len(unit))
    return pd.DataFrame(
        {
            "city_id": unit,
            "year": year,
            "cohort": cohort,
            "post": post,
            "x0": x[0],
            "x1": x[1],
            "twice": 2 * x[0] + 1,
            "partner": post + x[1],
            "region": unit % 3,
            "s0": shares[0],
            "s1": shares[1],
            "s2": shares[2],
            "w": rng.uniform(0.5, 2, len(unit)),
            "y": y,
            "count": rng.poisson(np.exp(y.clip(-1, 2))),
            "high": (0.3 * y + rng.logistic(size=len(unit)) > 0).astype(float),
            "cell": unit * 100 + (unit >= 10) * np.digitize(year, [4, 6]),
            "ever": (unit >= 10).astype(float),
        }
    )


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    """Another process would import pyfixest each time."""
    monkeypatch.setattr(compare, "ask", compare.estimate_all_again)


def audited(work, estimate, dropped=None, nobs=None, error=1.0):
    """Audit reported numbers that may be anything."""
    n = len(work.members)
    results = SimpleNamespace(
        status=np.full(n, Status.OK),
        estimate=np.broadcast_to(np.asarray(estimate, float), n),
        numbers={"std_error": np.full((n, len(work.problem.vcovs)), error), "nobs": np.full(n, nobs or 180)},
        dropped_columns=dropped or {},
        planned=SimpleNamespace(spec_id=lambda s: f"{s:016x}", vcovs=("v",) * 9),
        vcov_note=TextColumn((), np.full((n, len(work.problem.vcovs)), -1)),
    )
    estimators = [SimpleNamespace(method=m.name, options=m.options) for m in work.methods]
    return audit_results(work, estimators, results, None, 1)


def one(frame, spec, **layout):
    return work_of(frame, [spec], cohort="cohort", **layout)


def place(frame, name):
    return frame.columns.get_loc(name)


def test_a_treatment_that_is_a_combination_of_controls_is_not_identified_whatever_number_stands_there(frame):
    work = one(frame, ("y", "post", ("x1", "partner"), ("city_id", "year"), None, "feols"))
    (found,) = audited(work, 0.5).disagreements
    assert found.cause.startswith("`post` is not identified (")
    assert found.cause.endswith("it cannot be told apart from `partner`, `x1` and the fixed effects")
    assert np.isfinite(found.estimate_again)  # one more of the solutions, pyfixest's


def test_a_treatment_that_the_effects_absorb_is_not_identified(frame):
    work = one(frame, ("y", "ever", (), ("city_id", "year"), None, "feols"))
    (found,) = audited(work, 0.5).disagreements
    said = "`ever` is not identified (1 of it lies outside the design's row space): it cannot be told apart from"
    assert found.cause == f"{said} the fixed effects"


@pytest.mark.parametrize("effects", [("city_id[year]", "year"), ("cell", "year")])
def test_an_average_is_audited_as_an_average(frame, effects):
    """Unit trends leave one direction of every cohort's cells open, effects that nest cells the cells themselves."""
    work = one(frame, ("y", "post", (), effects, None, "sunab"))
    (found,) = audited(work, 0.5).disagreements
    assert found.cause.startswith("the average of the cohorts' effects is not identified (")
    assert ": it cannot be told apart from `post, cohort " in found.cause
    share = float(found.cause.split("(", 1)[1].split()[0])
    assert 1e-2 < share <= 1


def test_the_share_outside_the_row_space_is_that_of_the_whole_design_with_dummies(frame):
    """By numpy's SVD of cells, dummies and trends written out, coefficients at unit lengths net of the effects."""
    cohort, year, unit = frame.cohort.to_numpy(), frame.year.to_numpy(), frame.city_id.to_numpy()
    since = year - cohort
    pairs = [(g, r) for g in (4.0, 5.0, 6.0) for r in np.unique(since[cohort == g]) if r != -1]
    cells = np.column_stack([(cohort == g) & (since == r) for g, r in pairs]).astype(float)
    dummies = np.column_stack([unit[:, None] == np.arange(UNITS), year[:, None] == np.arange(PERIODS)]).astype(float)
    nuisance = np.column_stack([dummies, dummies[:, :UNITS] * year[:, None]])
    net = cells - nuisance @ np.linalg.lstsq(nuisance, cells, rcond=1e-12)[0]
    average = np.array([1.0 * (r >= 0) for _, r in pairs]) * cells.sum(axis=0)
    average /= average.sum()
    length = np.linalg.norm(net, axis=0)
    values, right = np.linalg.svd(net / length)[1:]
    null = right[np.append(values, np.zeros(len(right) - len(values))) < 1e-9]
    assert len(null) == 3  # one for each cohort
    wanted = average / length
    share = np.linalg.norm(null @ wanted) / np.linalg.norm(wanted)
    mine = NetRegressors(cells, (unit, year), ((unit, year.astype(float)),)).solve(frame.y.to_numpy(), average)
    assert mine.outside == pytest.approx(share, rel=1e-6)
    assert mine.rank == len(pairs) - 3
    without = NetRegressors(cells, (unit, year)).solve(frame.y.to_numpy(), average)
    assert without.identified
    assert without.outside < 1e-12


def test_leads_that_are_open_leave_an_average_that_is_not(frame):
    """Two leads that are one column: a null direction, and no part of the average in it."""
    post, x = frame.post.to_numpy(), frame.x0.to_numpy()
    columns = np.column_stack([post, x, 2 * x + 1])
    found = NetRegressors(columns, (frame.city_id.to_numpy(),)).solve(frame.y.to_numpy(), np.array([1.0, 0, 0]))
    assert found.identified
    assert found.rank == 2
    lead = NetRegressors(columns, (frame.city_id.to_numpy(),)).solve(frame.y.to_numpy(), np.array([0.0, 1, 0]))
    assert not lead.identified
    assert lead.tied == (1, 2)


def reported(work, dropped=((),)):
    """What the audit's own programs give, for reporting it."""
    again = estimate_again(AuditRequest(work, dropped), 0)
    assert not again.why, again.why
    return again.numbers[0]


def test_a_control_that_is_collinear_may_be_dropped_and_one_that_is_not_may_not(frame):
    spec = ("y", "post", ("x0", "twice", "x1"), ("city_id", "year"), "w", "feols")
    work = one(frame, spec)
    right = reported(work, ((place(frame, "twice"),),))
    assert right.estimate == pytest.approx(reported(work, ((place(frame, "x0"),),)).estimate, abs=1e-12)
    fine = audited(work, right.estimate, {0: (place(frame, "twice"),)}, error=right.std_error[0])
    assert fine.disagreements == ()
    short = one(frame, ("y", "post", ("x0", "twice"), ("city_id", "year"), "w", "feols"))
    wrong = reported(short, ((place(frame, "twice"),),))
    (found,) = audited(work, wrong.estimate, {0: (place(frame, "x1"),)}, error=wrong.std_error[0]).disagreements
    assert found.cause.startswith("left out as collinear, and is no combination of the others: `x1` (")


def test_shares_that_sum_to_one_in_single_precision_are_collinear(frame):
    """As Stata keeps them: the sum is 1 up to 6e-8, and the estimate is that of the model without the last."""
    work = one(frame, ("y", "post", ("s0", "s1", "s2"), ("city_id", "year"), None, "feols"))
    lost = (place(frame, "s2"),)
    numbers = reported(work, (lost,))
    found = audited(work, numbers.estimate, {0: lost}, error=numbers.std_error[0])
    assert found.disagreements == ()


@pytest.mark.parametrize("value", [1.0, 0.1, 1e6])
@pytest.mark.parametrize("effects", [(), ("city_id", "year")])
def test_a_constant_is_collinear_whatever_the_weights(frame, value, effects):
    """Nothing is left of it but rounding, which unequal weights make differ from column to column."""
    same = frame.assign(one=value, w=frame.w**4 / 7)
    work = one(same, ("y", "post", ("one", "x0"), effects, "w", "feols"))
    lost = (place(same, "one"),)
    numbers = reported(work, (lost,))
    assert audited(work, numbers.estimate, {0: lost}, error=numbers.std_error[0]).disagreements == ()
    nearly = same.assign(one=value * (1 + 1e-7 * frame.x1))
    work = one(nearly, ("y", "post", ("one", "x0"), effects, "w", "feols"))
    (found,) = audited(work, numbers.estimate, {0: lost}, error=numbers.std_error[0]).disagreements
    assert found.cause.startswith("left out as collinear, and is no combination of the others: `one` (")


def test_other_rows_are_found_even_where_the_numbers_agree(frame):
    work = one(frame, ("y", "post", ("x0",), ("city_id", "year"), None, "feols"))
    right = reported(work)
    (found,) = audited(work, right.estimate, nobs=179, error=right.std_error[0]).disagreements
    assert found.cause == "other rows: 179 were used, the audit finds 180"


METHODS = {"feols": "y", "sunab": "y", "did2s": "y", "fepois": "count", "logit": "high"}
VCOVS = ("city_id", "region", "city_id + year", "hetero", "iid")


@pytest.mark.parametrize("method", METHODS)
def test_a_likelihood_or_an_imputation_that_is_off_by_little_is_found(frame, method):
    work = one(frame, (METHODS[method], "post", ("x0",), ("city_id",), None, method))
    right = reported(work)
    nobs = estimate_again(AuditRequest(work, ((),)), 0).nobs
    assert audited(work, right.estimate, nobs=nobs, error=right.std_error[0]).disagreements == ()
    off = right.estimate + 2e-6 * right.std_error[0]
    assert len(audited(work, off, nobs=nobs, error=right.std_error[0]).disagreements) == 1
    wide = right.std_error[0] * (1 + 2e-6)
    assert len(audited(work, right.estimate, nobs=nobs, error=wide).disagreements) == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("weights", [None, "w"])
def test_pyfixest_and_the_audits_own_algebra_agree_under_every_vcov(frame, method, weights):
    if weights and method == "logit":
        return
    effects = [("city_id",), ("city_id", "year")] + [("city_id[x1]", "year")] * (method in ("feols", "did2s"))
    for chosen in effects:
        work = one(frame, (METHODS[method], "post", ("x0", "x1"), chosen, weights, method), vcovs=VCOVS)
        again = estimate_again(AuditRequest(work, ((),)), 0)
        assert not again.why, again.why
        assert len(again.numbers) == (1 if method == "did2s" else 2)
        first = np.array([again.numbers[0].estimate, *again.numbers[0].std_error], float)
        # pyfixest's errors of a likelihood have the weights of the last iteration but one.
        exact = 1e-6 if method == "fepois" else 1e-8
        for other in again.numbers[1:]:
            np.testing.assert_allclose(other.estimate, first[0], rtol=1e-8, err_msg=f"{chosen}")
            if method == "logit":  # its errors are not compared for that
                assert set(other.std_error) == {None}
            else:
                np.testing.assert_allclose(other.std_error, first[1:], rtol=exact, err_msg=f"{chosen}")


def test_an_imputation_whose_counterfactual_is_open_is_not_identified(frame):
    """A control that among the untreated is their region, and something else among the treated."""
    odd = frame.assign(z=np.where(frame.post == 1, frame.x1, frame.region.astype(float)))
    work = one(odd, ("y", "post", ("z",), ("city_id", "year"), None, "did2s"))
    (found,) = audited(work, 0.5).disagreements
    assert found.cause.startswith("the counterfactual is not identified: a share of ")


def test_pyfixest_gets_the_columns_in_another_order(frame, monkeypatch):
    from specdid._audit import reference

    seen = []
    real = reference._call

    def call(function, data, formula, **options):
        seen.append([name.strip() for name in formula.split("~")[1].split("|")[0].split("+")])
        return real(function, data, formula, **options)

    monkeypatch.setattr(reference, "_call", call)
    reported(one(frame, ("y", "post", ("x0", "x1", "twice"), ("city_id",), None, "feols")))
    assert seen == [["d0", "x2", "x1", "x0"]]  # the engine: x0, x1, twice, post

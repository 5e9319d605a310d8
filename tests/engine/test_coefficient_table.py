"""Full regressions against pyfixest, the batched numbers and the constant written out."""

import numpy as np
import pytest
from panels import NAMES, members_of, reference_problem
from plain import frame_of
from specdid.engine.coefficient_table import CONSTANT, fit_full
from specdid.engine.execute import run
from specdid.engine.problem import Code

SPECS = [(0, 2, (3, 4, 5), 0, f, w) for f in range(4) for w in (-1, 7)]


@pytest.fixture(scope="module")
def problem():
    return reference_problem()


@pytest.mark.parametrize("s", range(len(SPECS)))
def test_treatment_equals_the_batch(problem, s):
    members = members_of(SPECS)
    fits, fit = run(problem, members), fit_full(problem, members, s)
    assert fit.estimate[0] == pytest.approx(fits.estimate[s], rel=1e-11)
    np.testing.assert_allclose(fit.std_error[:, 0], fits.std_error[s], rtol=1e-10)
    np.testing.assert_array_equal(fit.df, fits.df[s])
    assert fit.r2_within == pytest.approx(fits.r2_within[s], rel=1e-10, nan_ok=True)
    assert fit.nobs == fits.nobs[s]


@pytest.mark.parametrize("s", [2, 4, 5, 6])
def test_coefficients_and_covariances_equal_pyfixest(problem, s):
    import pyfixest as pf

    members = members_of(SPECS)
    fit = fit_full(problem, members, s)
    frame = frame_of(problem, members, s)
    effects = " + ".join(c for c in frame if c.startswith("f"))
    model = pf.feols(
        f"y ~ d + x0 + x1 + x2 | {effects}",
        frame,
        vcov={"CRV1": "c0"},
        weights="w" if "w" in frame else None,
        demeaner=pf.MapDemeaner(fixef_tol=1e-12),
    )
    np.testing.assert_allclose(fit.estimate[:-1], model._beta_hat, rtol=1e-9)
    np.testing.assert_allclose(fit.vcov[2][:-1, :-1], model._vcov, rtol=1e-7, atol=1e-12)
    assert fit.r2 == pytest.approx(model._r2, rel=1e-9)


@pytest.mark.parametrize("weights", [-1, 7])
def test_constant_is_an_intercept_where_nothing_is_absorbed(problem, weights):
    """Without effects the constant and its errors are the intercept's of a plain regression."""
    import pyfixest as pf

    members = members_of([(0, 2, (3,), 0, 0, weights)])
    fit = fit_full(problem, members)
    assert fit.columns.tolist() == [2, 3, CONSTANT]
    frame = frame_of(problem, members, 0)
    for v, vcov in enumerate(["iid", "hetero", {"CRV1": "c0"}]):
        model = pf.feols("y ~ d + x0", frame, vcov=vcov, weights=None if weights < 0 else "w")
        assert fit.estimate[-1] == pytest.approx(model.coef()["Intercept"], rel=1e-10)
        assert fit.std_error[v, -1] == pytest.approx(model.se()["Intercept"], rel=1e-9)


def test_constant_with_effects_is_what_the_means_leave(problem):
    fit = fit_full(problem, members_of([(0, 2, (3, 4), 0, 2, -1)]))
    means = problem.values[fit.rows][:, [0, 2, 3, 4]].mean(axis=0)
    assert fit.estimate[-1] == pytest.approx(means[0] - means[1:] @ fit.estimate[:-1], rel=1e-12)


def test_a_failure_has_a_reason_and_no_numbers(problem):
    fit = fit_full(problem, members_of([(0, NAMES.index("batch"), (), 1, 2, -1)]))
    assert fit.code == Code.ABSORBED
    assert len(fit.estimate) == 0


def test_dropped_controls_are_named(problem):
    """Time-constant under city effects: pop is not, batch is."""
    batch = NAMES.index("batch")
    fit = fit_full(problem, members_of([(0, 2, (3, batch), 0, 2, -1)]))
    assert fit.dropped == (batch,)
    assert fit.columns.tolist() == [2, 3, CONSTANT]

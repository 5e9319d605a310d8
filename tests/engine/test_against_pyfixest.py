"""Random panels: the engine says what a plain pyfixest call says, or both say nothing."""

import numpy as np
import pytest
from examples import examples
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from panels import COLUMNS, EFFECTS_SMALL, members_of, random_problem
from plain import controls_of, frame_of, plain, rows_left
from specdid.engine.execute import run
from specdid.engine.problem import Code

CONTROLS = [COLUMNS.index(c) for c in COLUMNS if c not in {"y", "d", "w", "continuous d", "absorbed d"}]
TREATMENTS = [COLUMNS.index(c) for c in ("d", "continuous d", "absorbed d", "x1+x2")]


PANELS = st.tuples(
    st.integers(0, 2**20), st.integers(3, 14), st.integers(2, 6), st.sampled_from([0.6, 0.85, 1.0]), st.booleans()
)
SPEC = st.tuples(
    st.just(0), st.sampled_from(TREATMENTS), st.lists(st.sampled_from(CONTROLS), unique=True, max_size=4),
    st.just(0), st.integers(0, len(EFFECTS_SMALL) - 1), st.sampled_from([-1, COLUMNS.index("w")]),
)  # fmt: skip


@settings(max_examples=examples(60), suppress_health_check=list(HealthCheck))
@given(PANELS, st.lists(SPEC, min_size=2, max_size=4))
def test_engine_equals_pyfixest(panel, specs):
    problem = random_problem(*panel)
    members = members_of([(y, d, [c for c in x if c != d], r, f, w) for y, d, x, r, f, w in specs])
    fits = run(problem, members)
    for s in range(len(members)):
        compare(problem, members, s, fits)


def compare(problem, members, s, fits):
    want = plain(problem, members, s)
    if fits.code[s] not in (Code.OK, Code.TOO_FEW_CLUSTERS):
        assert has_no_estimate(problem, members, s, Code(int(fits.code[s])))
        return
    if want.error in {"SVD did not converge", "division by zero"}:  # pyfixest has no degrees of freedom
        assert fits.vcov_code[s, 0] == 3
        return
    assert not want.error
    assert fits.nobs[s] == want.nobs
    assert fits.dropped.get(s, ()) == want.dropped
    for v in range(len(problem.vcovs)):
        compare_under(fits, want, s, v)


def compare_under(fits, want, s, v):
    said = fits.vcov_code[s, v]
    if said == 0:
        got = (fits.estimate[s], fits.std_error[s, v], fits.p_value[s, v], fits.conf_low[s, v], fits.conf_high[s, v])
        expected = (want.estimate, want.std_error[v], want.p_value[v], want.low[v], want.high[v])
        scale = abs(want.estimate) + want.std_error[v]
        np.testing.assert_allclose(got, expected, rtol=1e-8, atol=1e-9 * scale)
        assert fits.df[s, v] == want.df[v]
    elif said == 1:
        assert np.isnan(want.std_error[v])
    elif said == 2:  # pyfixest's is NaN, or rounding
        assert not want.std_error[v] > 1e-6 * np.nanmax(want.std_error)
    elif said == 3:
        assert np.isnan(want.std_error[v]) or want.std_error[v] == np.inf
    else:
        assert said == 4
        assert not 1e-7 <= want.std_error[0] < np.inf


def has_no_estimate(problem, members, s, code):
    """Say whether a failure is right, by dummies and least squares."""
    frame = rows_left(frame_of(problem, members, s))
    if code == Code.NO_ROWS:
        return not len(frame)
    dummies = [np.eye(frame[c].max() + 1)[frame[c]] for c in frame if c.startswith("f")]
    base = np.hstack([np.ones((len(frame), 1)), *dummies])
    root = np.sqrt(frame["w"].to_numpy()) if "w" in frame else np.ones(len(frame))
    if code == Code.NO_OUTCOME_VARIATION:
        return explained(frame["y"].to_numpy(), base, root)
    d = frame["d"].to_numpy()
    if code in (Code.NO_TREATMENT_VARIATION, Code.ABSORBED):
        return explained(d, base, root)
    controls = frame[[f"x{j}" for j in range(len(controls_of(members, s)))]].to_numpy()
    return code == Code.NOT_IDENTIFIED and explained(d, np.hstack([base, controls]), root)


def explained(x, regressors, root):
    x, regressors = x * root, regressors * root[:, None]
    left = x - regressors @ np.linalg.lstsq(regressors, x, rcond=None)[0]
    return np.linalg.norm(left) <= 1e-7 * max(np.linalg.norm(x), 1.0)


@pytest.mark.parametrize(
    ("treatment", "controls", "effects", "code", "culprit"),
    [
        ("absorbed d", (), 2, Code.ABSORBED, "absorbed d"),
        ("absorbed d", (), 0, Code.OK, None),
        ("constant", (), 2, Code.NO_TREATMENT_VARIATION, "constant"),
        ("x1+x2", ("x1", "x2", "missing"), 2, Code.NOT_IDENTIFIED, "x2"),
        ("unit and time", ("time trend",), 1, Code.NOT_IDENTIFIED, "time trend"),
    ],
)
def test_reason_and_culprit(treatment, controls, effects, code, culprit):
    problem = random_problem(5, 12, 6, 1.0, False)
    members = members_of([(0, COLUMNS.index(treatment), [COLUMNS.index(c) for c in controls], 0, effects, -1)])
    fits = run(problem, members)
    assert fits.code[0] == code
    if culprit is not None:
        assert COLUMNS[fits.culprit[0]] == culprit
        assert np.isnan(fits.estimate[0])

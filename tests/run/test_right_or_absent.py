"""Every number agrees with a high-precision solution, or is absent with a reason of the contract.

The oracle is least squares with the dummies written out, in 60-digit arithmetic (``exact``).
"""

import math
from functools import cache

import numpy as np
import polars as pl
import pytest
import specdid
from exact import least_squares, newton, standard_error
from extreme_panel import (
    BASE,
    CASES,
    SCALES,
    UNIT,
    X1,
    YEAR,
    B,
    D,
    N,
    Y,
    Z,
    at,
    reads,
    regression,
    run,
)

pytestmark = pytest.mark.usefixtures("undrawn")

FAILED = {
    "no_rows", "no_outcome_variation", "no_treatment_variation", "absorbed", "not_identified",
    "too_few_clusters", "not_converged", "estimator_error",
}  # fmt: skip

plain = cache(lambda *given, **more: run({}, *given, **more))
"""The panel as it is: what nothing changes is estimated once for all that compare with it."""
WEIGHTED = [(case, "w") for case, changes in CASES.items() if "w" in changes or not changes]
UNWEIGHTED = [(case, "1") for case, changes in CASES.items() if reads("feols", changes)]


def read_cases(*estimators):
    """Pair estimators with the cases that change what they read: the others are the panel as it is, once more."""
    return [(case, e) for e in estimators for case, changes in CASES.items() if reads(e, changes)]


@pytest.mark.parametrize("fixed_effects", ["id + year", "id", "0"])
@pytest.mark.parametrize(("case", "weights"), [*UNWEIGHTED, *WEIGHTED])
def test_least_squares(case, weights, fixed_effects):
    changes = CASES[case]
    curve = run(changes, "feols", fixed_effects, weights)
    if isinstance(curve, tuple):
        assert set(curve) <= {"treatment_constant", "weights_zero", "too_large", "nothing_estimable"}
        return
    table = curve.table
    if table["status"].iloc[0] != "ok":
        assert table["code"].iloc[0] in FAILED
        assert table["message"].iloc[0]
        assert table[["estimate", "std_error", "p_value"]].isna().all(axis=None)
        return
    dropped = str(table["dropped"].iloc[0]).split(" + ")
    exact, used = regression(changes, fixed_effects, weights, dropped)
    assert exact is not None, "a number for what is not identified"
    _agrees(table, exact, np.asarray(BASE["id"])[used], fixed_effects, case)


def _agrees(table, exact, unit, fixed_effects, case):
    hard = any(word in case for word in ("noise", "1e12", "almost", "cell", "1e-12"))
    near = 1e-5 if hard else 1e-9
    assert float(table["estimate"].iloc[0] / exact.beta[exact.beta.rows - 1]) == pytest.approx(1, rel=near)
    n, k, g = exact.design.rows, exact.rank, len(np.unique(unit))
    nested = len(np.unique(unit)) if fixed_effects.startswith("id") else 0
    small = k - nested + (1 if nested else 0)
    factors = {
        "i": ("iid", 1 / (n - k)),
        "h": ("hetero", n / (n - k)),
        "c": ("cluster", (n - 1) / (n - small) * g / (g - 1)),
    }
    for row in table[table["vcov"].isin(factors)].itertuples():
        kind, factor = factors[row.vcov]
        error = standard_error(exact, kind, [unit], factor)
        if math.isnan(row.std_error):
            assert row.message
            assert error < 1e-6 * abs(exact.beta[exact.beta.rows - 1]) or case == "treatment is a cell"
        else:
            assert float(row.std_error / error) == pytest.approx(1, rel=10 * near)
    alone = table[table["vcov"] == "one"].iloc[0]
    assert math.isnan(alone["std_error"])
    assert alone["message"]


@pytest.mark.parametrize(("case", "estimator"), read_cases("sunab", "did2s", "lpdid", "fepois", "logit"))
def test_every_other_estimator_gives_a_finite_number_or_a_reason(case, estimator):
    curve = run(CASES[case], estimator)
    if isinstance(curve, tuple):
        refused = {"treatment_constant", "cohort_differs", "too_large", "nothing_estimable", "nothing_planned"}
        assert set(curve) <= refused
        return
    table = curve.table
    ok = table["status"].iloc[0] == "ok"
    assert ok == np.isfinite(table["estimate"]).all()
    assert ok or table["code"].iloc[0] in FAILED | {"not_binary"}
    for row in table.itertuples():
        assert (np.isfinite(row.std_error) and row.std_error > 0) or row.message
        if np.isfinite(row.std_error):
            assert row.std_error > 1e-9 * abs(row.estimate)


@pytest.mark.parametrize("case", [c for c in CASES if c.startswith("x2 =")])
def test_did2s_keeps_the_digits_of_near_collinear_controls(case):
    row = run(CASES[case], "did2s").table.iloc[0]
    names = [c for c in ("x1", "x2") if c not in str(row["dropped"]).split(" + ")]
    data = {k: np.asarray(v, float) for k, v in (BASE | CASES[case]).items()}
    untreated = data["d"] == 0
    exact = _first_stage(data, names, untreated)
    assert row["estimate"] == pytest.approx(exact, rel=1e-6)


def _first_stage(data, names, untreated):
    """Impute in 60 digits: the mean over the treated rows of the outcome less what the untreated predict."""
    last = [data[n] for n in names]
    treated = np.flatnonzero(~untreated)
    # One regression on all rows with a dummy per treated row gives each row's effect.
    own = np.zeros(N, int)
    own[treated] = np.arange(1, len(treated) + 1)
    exact = least_squares(data["y"], last, [data["id"], data["year"], own])
    assert exact.rank == len(np.unique(data["id"])) + len(np.unique(data["year"])) - 1 + len(treated) + len(last)
    return float(sum(exact.beta[exact.rank - len(last) - 1 - k] for k in range(len(treated))) / len(treated))


UNITS_OF = [
    (estimator, column)
    for estimator in ("feols", "sunab", "did2s", "lpdid", "fepois", "logit")
    for column in ("y", "d", "x1", "x2", "w", "z")
    if reads(estimator, [column], "1" if estimator in ("lpdid", "logit") else "w")
]


@pytest.mark.parametrize(("estimator", "column"), UNITS_OF)
@pytest.mark.parametrize("scale", SCALES)
def test_units_do_not_matter(column, scale, estimator):
    """A unit changes the estimate by what it is itself, and no t; a Poisson's iid error is its root."""
    weights = "w" if column == "w" else "1"
    scaled = run({column: BASE[column] * scale}, estimator, weights=weights)
    if column == "d" and estimator in ("sunab", "did2s", "lpdid"):
        assert scaled == ("nothing_planned",)  # it is not 0 or 1
        return
    change = {"y": scale, "d": 1 / scale}.get(column, 1.0)
    a, b = plain(estimator, weights=weights).table, scaled.table
    assert (b["estimate"] / change).tolist() == pytest.approx(a["estimate"].tolist(), rel=1e-7)
    keep = a["vcov"] != "i" if column == "z" else a["vcov"] != ""
    assert b["statistic"][keep].tolist() == pytest.approx(a["statistic"][keep].tolist(), rel=1e-6, nan_ok=True)
    if column == "z" and estimator == "fepois":
        assert b["std_error"].iloc[0] * np.sqrt(scale) == pytest.approx(a["std_error"].iloc[0], rel=1e-6)


@pytest.mark.parametrize("estimator", ["fepois", "logit"])
def test_nonlinear_against_newton_in_forty_digits(estimator):
    row = run({}, estimator, "year", controls="x1").table.iloc[0]
    outcome = Z if estimator == "fepois" else B
    design = np.column_stack([*((t == YEAR).astype(float) for t in np.unique(YEAR)), X1, D])
    beta, error = newton(estimator, outcome, design)
    assert row["estimate"] == pytest.approx(float(beta), rel=1e-8)
    small = np.sqrt((N - 1) / (N - design.shape[1]))  # fixest's correction of a GLM's iid variance
    assert row["std_error"] == pytest.approx(float(error) * small, rel=1e-6)


SEPARATED = {
    ("fepois", "the treated have none"): {"z": np.where(D == 1, 0.0, Z)},
    ("fepois", "a control says where there is none"): {"z": np.where(X1 > 0.5, 0.0, Z), "x2": (X1 > 0.5) * 1.0},
    ("logit", "one treated cell"): {"d": ((UNIT == 2) & (YEAR == 2003)) * 1.0, "b": at(B, 7, 0.0)},
    ("logit", "the treatment decides"): {"b": D},
    ("logit", "a control decides"): {"b": (X1 > 0) * 1.0},
    ("logit", "a control almost decides"): {"b": (X1 > 0) * 1.0, "x1": at(X1, 3, -X1[3])},
}


@pytest.mark.parametrize(("estimator", "case"), SEPARATED)
@pytest.mark.parametrize("fixed_effects", ["id + year", "year", "0"])
def test_separation_is_a_failure_and_never_a_number(estimator, case, fixed_effects):
    changes = SEPARATED[estimator, case]
    row = run(changes, estimator, fixed_effects).table.iloc[0]
    if row["status"] == "ok":
        assert case == "a control almost decides"
        assert abs(row["estimate"]) < 20
        return
    assert row["code"] in ("not_converged", "no_rows", "absorbed", "no_treatment_variation")
    assert math.isnan(row["estimate"])
    if row["code"] == "not_converged":
        assert "separation" in row["message"] or "iterations" in row["message"]


@pytest.mark.parametrize("estimator", ["feols", "sunab", "did2s", "lpdid", "fepois", "logit"])
@pytest.mark.parametrize("rows", [slice(0, 2), slice(0, 5), [0, 1, 5]])
def test_hardly_any_rows(rows, estimator):
    curve = run({}, estimator, rows=rows)
    if isinstance(curve, tuple):
        assert set(curve) <= {"treatment_constant", "nothing_estimable"}
    else:
        assert curve.table["status"].iloc[0] == "failed"
        assert curve.table["code"].iloc[0] in FAILED


def test_values_too_large_to_add_up_are_a_fault_that_says_what_to_do():
    study = {
        "study": {"unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"c": "x1"},
    }
    faults = specdid.check(study, pl.DataFrame(BASE | {"x1": X1 * 5e307}))
    assert [f.code for f in faults.errors] == ["too_large"]
    assert "too large to compute with" in faults.errors[0].message
    assert "ifelse" in faults.errors[0].help


def test_an_estimate_beyond_all_numbers_is_a_failure():
    row = run({"y": Y * 1e290, "d": D * 1e-290}, "feols").table.iloc[0]
    assert (row["status"], row["code"]) == ("failed", "estimator_error")
    assert "change the unit" in row["message"]
    row = run({"y": Y * 1e-290, "d": D * 1e290}, "feols").table.iloc[0]
    assert (row["status"], row["code"]) == ("failed", "estimator_error")


@pytest.mark.parametrize(("case", "estimator"), read_cases("feols", "sunab"))
def test_wild_p_values_are_right_or_absent(case, estimator):
    """Where there is a p it is that of the same data in ordinary units."""
    curve = run(CASES[case], estimator, draws=99)
    if isinstance(curve, tuple):
        return
    tests = curve.tests
    if not tests:
        return
    p = tests[0].adjusted.p_null
    assert ((p > 0) & (p <= 1)).all()
    if "×" in case:
        assert p.tolist() == plain(estimator, draws=99).tests[0].adjusted.p_null.tolist()


def test_an_estimate_beyond_all_numbers_is_a_failure_where_rows_differ_too():
    missing = at(X1 * 1.0, 4, np.nan)
    row = run({"y": Y * 1e290, "d": D * 1e-290, "x1": missing}, "feols", controls="mvsw(x1, x2)").table
    assert set(row["code"]) == {"estimator_error"}


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("column", ["y", "d", "x1"])
def test_full_tables_are_right_or_absent(column, scale, tmp_path):
    """Covariances of units beyond 1e140 are no numbers: the table says so, and nothing else is lost."""
    study = {
        "study": {"unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"c": "x1"},
        "vcov": {"c": "~id"},
        "inference": {"draws": 0},
        "table": {"T": {}},
        "figure": {"formats": ["svg"]},
    }
    data = pl.DataFrame(BASE | {column: BASE[column] * scale})
    specdid.run(study, data=data, out=tmp_path / "out", audit=0, jobs=1)
    rows = pl.read_csv(tmp_path / "out" / "table_T.csv", infer_schema_length=None)
    errors = rows["std_error"].cast(pl.Float64, strict=False).drop_nulls()
    assert errors.is_finite().all()
    assert (errors > 0).all()

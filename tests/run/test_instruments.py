"""A study with [instruments] as a whole: warnings, nulls, audit, what is shown, what other estimators say of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import specdid
from specdid._columns import OF_INSTRUMENTS
from specdid._describe.instruments import anderson_rubin_words, beside_estimate, instrument_cautions, known

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")


@pytest.fixture(scope="module")
def frame():
    """A staggered panel with a strong and a weak instrument, and one that works on the outcome itself."""
    rng = np.random.default_rng(4)
    units, periods = 36, 7
    unit, year = np.repeat(np.arange(1, units + 1), periods), np.tile(np.arange(2001, 2001 + periods), units)
    cohort = np.where(unit % 3 == 0, 2004, 0)
    d = ((cohort > 0) & (year >= cohort)).astype(float)
    n = len(unit)
    strong, direct = d + 0.2 * rng.normal(size=n), d + 0.5 * rng.normal(size=n)
    weak = 0.05 * d + rng.normal(size=n)
    y = 0.4 * d + 1.5 * (direct - d) + rng.normal(size=n) + rng.normal(size=units)[unit - 1]
    columns = {"id": unit, "year": year, "cohort": cohort, "d": d, "y": y, "x": rng.normal(size=n)}
    return pd.DataFrame(columns | {"strong": strong, "weak": weak, "direct": direct, "z9": strong})


def study(**tables):
    return {
        "study": {"title": "instruments", "data": "given.csv", "unit": "id", "time": "year", "seed": 5},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"none": "1", "x": "x"},
        "instruments": {"none": "1", "strong": "strong", "weak": "weak", "both": "strong + direct"},
        "vcov": {"unit": "~id", "two-way": "~id + year"},
        "inference": {"draws": 19},
        "figure": {"formats": ["svg"]},
        "run": {"backend": "serial"},
        "preferred": {"instruments": "weak"},
        **tables,
    }


def codes(curve) -> dict[str, tuple[str, str]]:
    return {c.code: (c.severity, c.message) for c in curve.warnings}


def test_what_speaks_against_instruments_is_on_the_first_screen_and_every_estimate_is_confirmed(frame, tmp_path):
    curve = specdid.run(study(), frame, out=tmp_path / "out", audit=100)
    said = codes(curve)
    assert said["weak_instruments"][0] == "serious"
    assert "2 of 2" in said["weak_instruments"][1]
    assert said["instruments_disagree"][0] == "serious"
    assert said["untested_instruments"][0] == "note"
    assert "6 specifications" in said["untested_instruments"][1]
    summary = curve.summary()
    assert "instruments are weak" in summary[: summary.index("## Effect")]
    assert "95% Anderson-Rubin set" in summary
    assert "8 of 8 estimated again" in summary
    assert not any(c.severity == "error" for c in curve.warnings)
    assert set(curve.table.loc[curve.table.instruments != "none", "estimand"]) == {
        f"local average treatment effect of compliers (2SLS by {z})" for z in ("strong", "weak", "strong + direct")
    }
    tested = curve.tests[0].index
    assert curve.table.instruments[curve.table.vcov == "unit"].iloc[tested].eq("none").all()


def test_a_run_that_goes_on_has_the_same_results(frame, tmp_path):
    for _ in range(2):
        specdid.run(study(inference={"draws": 0}), frame, out=tmp_path / "out", audit=0)
    again = specdid.run(study(inference={"draws": 0}), frame, audit=0).table
    first = pd.read_csv(tmp_path / "out/results.csv")
    numbers = [c for c in again.columns if c.startswith(("estimate", "std_error", "ar_", "effective", "hansen"))]
    np.testing.assert_allclose(first[numbers].astype(float), again[numbers].astype(float), rtol=1e-10)


def test_permutation_leaves_them_out_too(frame):
    nulls = {"draws": 19, "null": ["wild", "permutation"], "assign": "cohort"}
    moved = {"treatment": {"d": {"term": "I((cohort > 0) * (year >= cohort))", "cohort": "cohort"}}}
    curve = specdid.run(study(inference=nulls, **moved), frame, audit=0)
    assert {t.null for t in curve.tests} == {"wild", "permutation"}
    assert all(len(t.index) == 2 for t in curve.tests)
    alone = specdid.run(study(instruments={"strong": "strong"}, preferred={}), frame, audit=0)
    assert not alone.tests
    assert "two-stage least squares" in codes(alone)["no_test"][1]


def test_other_estimators_take_none_and_stepwise_instruments_are_options(frame):
    tables = {"estimator": {"OLS": "feols", "SA": "sunab"}, "instruments": "csw0(strong, weak)", "preferred": {}}
    del (given := study(**tables))["instruments"]
    given["study"] = {**given["study"], "instruments": "csw0(strong, weak)"}
    plan = specdid.plan(given, frame)
    assert plan.dimensions[-1].labels == ("1", "strong", "strong + weak")
    reasons = [plan.reasons[r].message for r in plan.reason[plan.reason >= 0]]
    assert reasons == ["sunab takes no instruments"] * 4
    ids = plan.ids[plan.reason < 0]
    assert len(set(ids.tolist())) == len(ids)


def test_show_has_first_stage_and_reduced_form(frame):
    text = specdid.show(study(), data=frame)
    words = ("two-stage least squares", "First stage: d on", "Reduced form: y on", "weak (for", "Anderson-Rubin")
    assert [w for w in words if w not in text] == []
    iv = specdid.run(study(inference={"draws": 0}), frame, audit=0).table
    row = iv[(iv.instruments == "weak") & (iv.controls == "none") & (iv.vcov == "unit")].iloc[0]
    assert f"{row.estimate:.6g}" in text
    assert f"{row.std_error:.6g}" in text


def test_a_name_of_a_column_is_no_variant_and_a_missing_instrument_is_located(frame):
    faults = specdid.check(study(variant={"sargan": {"a": {}}}, instruments={"z": "strnog"}, preferred={}), frame)
    messages = {f.code: f.message for f in faults.errors}
    assert "cannot be called `sargan`" in messages["bad_name"]
    assert "no column `strnog`" in messages["no_column"]


def test_a_table_says_which_columns_are_two_stage_and_how_strong(frame, tmp_path):
    tables = {"table": {"T": {"vary": ["instruments"]}}, "inference": {"draws": 0}}
    curve = specdid.run(study(**tables), frame, out=tmp_path / "out", audit=0)
    found = curve.table[(curve.table.vcov == "unit") & (curve.table.controls == "none")].set_index("instruments")
    strengths = [f"{found.effective_f[z]:.3g}" for z in ("strong", "weak", "both")]
    said = f"Two-stage least squares in (2), (3) and (4); effective F of the first stage {strengths[0]}, {strengths[1]}"
    assert said in (tmp_path / "out/table_T.tex").read_text("utf-8")
    printed = pd.read_csv(tmp_path / "out/table_T.csv")
    np.testing.assert_allclose(
        printed[printed.term == "d"].query("vcov == 'unit'").estimate, found.estimate, rtol=1e-10
    )


def cautions_of(**columns: list[float]):
    found = {"n_instruments": np.full(len(next(iter(columns.values()))), 2.0)}
    told = instrument_cautions(found | {name: np.array(values) for name, values in columns.items()})
    return {c.code: (c.severity, c.specifications, c.message) for c in told}


def test_which_numbers_of_instruments_are_warned_of():
    """Weak below 10; Hansen's J before Sargan, which needs iid errors."""
    some = {"effective_f": [9.9, 10.0, 23.0, 24.0], "effective_f_critical": [23.1] * 4}
    told = cautions_of(**some)
    assert {code: c[:2] for code, c in told.items()} == {
        "weak_instruments": ("serious", 1),
    }
    assert "unbounded" not in told["weak_instruments"][2]
    nan, weak = np.nan, {"effective_f": [3.0, 2.0, 4.0, 5.0]}
    sets = {"ar_intervals": [0.0, 1.0, 1.0, 2.0], "ar_low": [nan, nan, -1.0, nan], "ar_high": [nan, 3.0, 1.0, nan]}
    told = cautions_of(**weak, **sets)["weak_instruments"][2]
    assert "(effective F below 10, the lowest 2)" in told
    assert told.endswith(", 2 of which are unbounded")
    strong = {"effective_f": [99.0] * 5, "effective_f_critical": [23.1] * 5}
    both = cautions_of(**strong, hansen_p=[0.2, 0.3, 0.04, nan, nan], sargan_p=[0.01, 0.01, 0.2, 0.04, 0.06])
    assert [(code, c[1]) for code, c in both.items()] == [("instruments_disagree", 2)]


def test_a_set_in_words():
    def words(intervals, low, high, before=np.nan, after=np.nan):
        ends = {"ar_low": low, "ar_high": high, "ar_gap_low": before, "ar_gap_high": after}
        return anderson_rubin_words({c.name: np.nan for c in OF_INSTRUMENTS} | {"ar_intervals": intervals} | ends)

    assert words(0, np.nan, np.nan).startswith("empty")
    assert words(1, np.nan, np.nan).startswith("the whole line")
    assert words(1, np.nan, 2.5) == "−∞ to 2.5"
    assert words(2, np.nan, np.nan, 1.0, 2.0) == "−∞ to 1 and 2 to ∞"
    assert words(4, -1.0, 9.0, 1.0, 2.0) == "-1 to 1 and 2 to 9, with 2 further gaps"
    assert np.isnan(known({}, 0)["ar_low"])


def test_what_stands_beside_an_estimate():
    sets = {"ar_intervals": [1.0] * 3, "ar_low": [-1.0] * 3, "ar_high": [2.5] * 3, "ar_p": [0.041, 0.041, np.nan]}
    extra = {name: np.array(v) for name, v in (sets | {"effective_f": [9.9, 10.0, 50.0]}).items()}
    said = "%s; 90%% Anderson-Rubin set −1 to 2.5, p = 0.041."
    assert beside_estimate(extra, 0, 0.1) == said % " Effective F of the first stage 9.9, weak instruments"
    assert beside_estimate(extra, 1, 0.1) == said % " Effective F of the first stage 10"
    assert beside_estimate(extra, 2, 0.1) == ""


def test_a_comparison_of_fixed_and_random_effects_says_that_it_has_no_instruments(frame):
    curve = specdid.run(study(hausman={"fix": {"controls": "x"}}), frame, audit=0)  # at the preferred, which has some
    assert any("instruments are not in" in w.message for w in curve.warnings if w.code == "not_read")
    none = specdid.run(study(hausman={"fix": {"controls": "x"}}, preferred={"instruments": "none"}), frame, audit=0)
    assert not any("instruments are not in" in w.message for w in none.warnings)
    varied = specdid.check(study(hausman={"fix": {"controls": "x"}, "vary": ["instruments"]}), frame)
    assert [f.code for f in varied if f.severity == "error"] == ["not_honoured"]

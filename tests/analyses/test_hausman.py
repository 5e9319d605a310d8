"""[hausman] against R's plm, against statsmodels, and what it says."""

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_studies import small_panel, small_study
from specdid._run.analyse import Bench, run_one
from specdid._run.prepare import prepare
from specdid._words import known
from specdid.analyses.hausman import AGREE, HausmanColumn, Test, both_effects, hausman, mundlak, warnings
from specdid.tables._base import csv_text
from specdid.tables.latex import TABLE

REFERENCE = Path(__file__).parents[1] / "reference"
ON = ["pgdp", "ind2", "ln_open", "ln_pat"]
COMPLETE = "ave(1 * !is.na({y} + pgdp + ind2 + ln_open + ln_pat), city_id) == 1"


def found(study, data=None):
    prepared = prepare(study, data)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    analysed = [run_one(bench, request) for request in prepared.requests]
    assert [a.failure for a in analysed] == [None] * len(analysed)
    return [a.finding for a in analysed]


def table(tidy):
    return [dict(zip(tidy.header, row, strict=True)) for row in tidy.rows]


@pytest.fixture(scope="module")
def expected():
    with (REFERENCE / "plm_hausman.csv").open() as file:
        rows = [{k: v.strip() for k, v in row.items()} for row in csv.DictReader(file)]
    return {(r["outcome"], r["balanced"] == "TRUE", r["term"]): r for r in rows}


@pytest.fixture(scope="module")
def compared():
    """The terms and tests of both outcomes, balanced and not, through the spec file's table."""
    study = {
        "study": {"data": str(REFERENCE / "panel.csv"), "unit": "city_id", "time": "year", "treatment": "pgdp"},
        "outcome": {"ln_so2": "ln_so2", "ln_ww": "ln_ww"},
        "inference": {"draws": 0},
        "controls": {"all": " + ".join(ON[1:])},
        "hausman": {},
    }
    terms, tests = {}, {}
    for balanced in (False, True):
        for y in ("ln_so2", "ln_ww") if balanced else (None,):
            # A balanced panel is that of one outcome: its complete cities.
            one = study | ({"sample": {"complete": COMPLETE.format(y=y)}} if balanced else {})
            (finding,) = found(one)
            for row in table(finding.tables[0]):
                if y in (None, row["outcome"]):
                    terms[row["outcome"], balanced, row["term"]] = row
            for row in table(finding.tables[1]):
                if y in (None, row["outcome"]):
                    tests[row["outcome"], balanced, row["test"]] = row
    return terms, tests


def test_estimates_and_errors_are_those_of_plm(compared, expected):
    terms, _ = compared
    assert terms.keys() == expected.keys()
    for key, row in terms.items():
        want = expected[key]
        for name in ("fe", "fe_se", "re", "re_se"):
            assert row[name] == pytest.approx(float(want[name]), rel=1e-9)
        assert row["difference"] == pytest.approx(float(want["fe"]) - float(want["re"]), rel=1e-7)
        variance = float(want["fe_se"]) ** 2 - float(want["re_se"]) ** 2
        if variance > 0:
            assert row["difference_se"] == pytest.approx(variance**0.5, rel=1e-6)
        else:
            assert np.isnan(row["difference_se"])


def test_variance_components_are_those_of_plm_balanced_or_not(compared, expected):
    """Unbalanced panels have several definitions of the variance of the unit effects.

    plm's (since 2.0) and ours are Baltagi and Chang's: the between regression weighted by
    T_i, its squared residuals less their expectation under σ²_e, over N − tr. Stata's
    default takes the unweighted regression and the harmonic mean of T_i: .7250 in place of
    .7279 for ln_so2, .5713 of .5687 for ln_ww. In a balanced panel they are the same.
    """
    _, tests = compared
    for (outcome, balanced, _), row in tests.items():
        want = expected[outcome, balanced, "pgdp"]
        assert row["variance_e"] == pytest.approx(float(want["sigma2_e"]), rel=1e-10)
        assert row["variance_u"] == pytest.approx(float(want["sigma2_u"]), rel=1e-10)
        assert row["nobs"] == int(want["n"])
        assert row["balanced"] is balanced
        if balanced:
            assert row["theta_low"] == row["theta_high"] == pytest.approx(float(want["theta"]), rel=1e-10)


def test_chi2_is_that_of_plm_which_prints_it_without_its_sign(compared, expected):
    """V_b − V_B is not positive definite in any of the four, and χ² negative in three.

    plm takes the absolute value and gives it a p-value: ln_ww balanced, −345.64, becomes
    345.64 with p = 1.5e-73. Here it has its sign and no p-value.
    """
    _, tests = compared
    signs = []
    for outcome in ("ln_so2", "ln_ww"):
        for balanced in (False, True):
            want = expected[outcome, balanced, "pgdp"]
            row = tests[outcome, balanced, "Hausman"]
            signs.append(np.sign(row["statistic"]))
            assert abs(row["statistic"]) == pytest.approx(float(want["chisq"]), rel=1e-9)
            assert row["df"] == int(want["df"])
            assert row["positive_definite"] is False
            if row["statistic"] < 0:
                assert np.isnan(row["p_value"])
            else:
                assert row["p_value"] == pytest.approx(float(want["p"]), rel=1e-7)
    assert signs == [-1, 1, -1, -1]


@pytest.fixture(scope="module")
def drawn():
    """An unbalanced panel whose effects depend on the first regressor, with a time-constant one."""
    rng = np.random.default_rng(8)
    units = np.sort(rng.integers(0, 60, 400))
    units = np.unique(units, return_inverse=True)[1]
    effect = rng.normal(size=60)
    X = np.column_stack([rng.normal(size=(400, 2)), rng.normal(size=60)[units]])
    X[:, 0] += 0.5 * effect[units]
    return X[:, 0] - X[:, 1] + effect[units] + rng.normal(size=400), X, units


def test_the_robust_test_is_a_clustered_wald_test_of_the_means(drawn):
    models = pytest.importorskip("statsmodels.api")
    y, X, units = drawn
    effects = both_effects(y, X, units)
    mean = pl.DataFrame({"u": units, "y": y, "a": X[:, 0], "b": X[:, 1], "c": X[:, 2]})
    mean = mean.select(pl.col("y", "a", "b", "c").mean().over("u")).to_numpy()
    theta = effects.theta[units][:, None]
    design = np.column_stack([np.ones(400), X, mean[:, 1:3]])
    moved = design - theta * np.column_stack([np.ones(400), mean[:, 1:], mean[:, 1:3]])
    fit = models.OLS(y - theta[:, 0] * mean[:, 0], moved).fit(cov_type="cluster", cov_kwds={"groups": units})
    want = fit.f_test(np.eye(6)[4:])
    test = mundlak(y, X, units, effects.theta)
    assert (test.df, test.df2) == (2, 59)
    assert test.statistic == pytest.approx(float(want.fvalue), rel=1e-9)
    assert test.p_value == pytest.approx(float(want.pvalue), rel=1e-7)
    assert test.p_value < 0.01
    # Of some terms only, one that has no mean of its own standing before them.
    first, second = fit.f_test(np.eye(6)[4:5]), fit.f_test(np.eye(6)[5:])
    for tested, want in (((1, 1, 0), first), ((1, 0, 1), second), ((0, 1, 1), fit.f_test(np.eye(6)[4:]))):
        some = mundlak(y, X[:, [2, 0, 1]], units, effects.theta, np.array(tested, bool))
        assert (some.df, some.df2) == (sum(tested[1:]), 59)
        assert some.statistic == pytest.approx(float(want.fvalue), rel=1e-9)


def test_a_time_constant_regressor_has_random_effects_only(drawn):
    y, X, units = drawn
    effects = both_effects(y, X, units)
    assert np.isnan(effects.fe[2])
    assert np.isfinite(effects.re).all()
    assert hausman(effects).df == 2
    without = both_effects(y, X[:, :2], units)
    np.testing.assert_allclose(effects.fe[:2], without.fe, rtol=1e-12)


def test_mundlaks_means_turn_random_into_fixed_effects(drawn):
    """Mundlak (1978): with the unit means in, random effects give the within estimates."""
    y, X, units = drawn
    mean = pl.DataFrame({"u": units, "a": X[:, 0], "b": X[:, 1]}).select(pl.col("a", "b").mean().over("u"))
    both = both_effects(y, np.column_stack([X[:, :2], mean.to_numpy()]), units)
    np.testing.assert_allclose(both.re[:2], both_effects(y, X[:, :2], units).fe, rtol=1e-9)


def test_scaling_a_regressor_changes_no_test(drawn):
    y, X, units = drawn
    effects, scaled = both_effects(y, X, units), both_effects(y, X * [1e6, 1e-6, 1.0], units)
    assert hausman(scaled).statistic == pytest.approx(hausman(effects).statistic, rel=1e-8)
    assert scaled.variance_u == pytest.approx(effects.variance_u, rel=1e-9)


def test_without_unit_effects_random_effects_are_pooled_least_squares():
    rng = np.random.default_rng(2)
    units, X = np.repeat(np.arange(20), 5), rng.normal(size=(100, 1))
    y = X[:, 0] + rng.normal(size=100)
    y -= 0.9 * np.bincount(units, y)[units] / 5
    effects = both_effects(y, X, units)
    assert effects.variance_u == 0
    assert not effects.theta.any()
    np.testing.assert_allclose(effects.re[0], np.polyfit(X[:, 0], y, 1)[0])


def told(effects, classical, robust):
    """Return what is said of a comparison with these p-values."""
    both = Test(1.0, 1, np.inf, classical), Test(1.0, 1, 19.0, robust)
    terms = tuple(f"x{k}" for k in range(len(effects.fe)))
    return list(warnings([HausmanColumn({}, "y", terms, 100, 20, True, "", effects, *both)], 0.05))


def test_what_differs_between_the_tests_and_what_cannot_be_told_apart_is_said():
    """Of two columns that are the same for all rows of a unit and multiples, random effects alone have neither."""
    rng = np.random.default_rng(3)
    units, x, z = np.repeat(np.arange(20), 5), rng.normal(size=100), rng.normal(size=20)
    y = x + rng.normal(size=20)[units] + rng.normal(size=100)
    effects = both_effects(y, np.column_stack([x, z[units], 2 * z[units]]), units)
    assert effects.open.tolist() == [False, True, False]
    assert np.isfinite(effects.re).tolist() == [True, False, False]
    (said,) = told(effects, 0.5, 0.5)
    assert said.code == "not_identified"
    assert "`x1` cannot be told apart" in said.message
    for classical, robust, codes in (
        (0.01, 0.5, ["hausman_disagree"]),
        (0.5, 0.01, ["hausman_disagree"]),
        (0.5, 0.5, []),
    ):
        assert [c.code for c in told(both_effects(y, x[:, None], units), classical, robust)] == codes


@pytest.mark.parametrize(
    ("units", "columns", "words"),
    [
        (np.repeat(np.arange(5), 2), 0, "no term of the right-hand side varies within units"),
        (np.arange(10), 0, "no term of the right-hand side varies within units"),
        (np.repeat(np.arange(5), 2), 5, "there are no more observations than units and terms"),
        (np.repeat(np.arange(3), 9), 3, "there are too few units (3) for a regression of their means on the terms"),
    ],
)
def test_why_it_cannot_be_compared(units, columns, words):
    rng = np.random.default_rng(1)
    X = rng.normal(size=(len(units), max(columns, 1)))
    X = X if columns else units[:, None] * 1.0
    assert both_effects(rng.normal(size=len(units)), X, units) == words


@pytest.fixture(scope="module")
def small():
    study = small_study(hausman={"by controls": {"vary": ["controls"], "fix": {"outcome": "y"}}})
    study["hausman"]["written"] = {"fix": {"controls": {"formula": "x1 + i(year)"}}}
    return found(study, small_panel())


def test_the_right_hand_side_is_the_treatment_and_the_controls(small):
    varied, written = small
    tests = table(varied.tables[1])
    assert len({row["controls"] for row in tests}) == 8
    assert {row["df"] for row in tests if row["controls"] == "x1 + x2"} == {3}
    terms = [row["term"] for row in table(written.tables[0]) if row["outcome"] == "y"]
    assert terms == ["d", "x1", *(f"year::{t}" for t in range(2002, 2008))]
    assert {row["df"] for row in table(written.tables[1])} == {2}
    assert "not tested" in written.tables[1].print.notes[-1]
    assert {row["controls"] for row in table(written.tables[1])} == {"x1 + i(year)"}


def test_what_is_printed(small):
    _, written = small
    terms, tests = (t.print for t in written.tables)
    assert terms.columns == ("Fixed effects", "Random effects", "Difference")
    assert [len(b) for b in terms.blocks] == [9, 9]
    assert tests.columns == ("y", "log z")
    for printed in (terms, tests):
        text = TABLE.write(printed)
        assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 1
    assert csv_text(written.tables[1]).startswith("column,outcome,treatment,controls,sample,test,")


@pytest.mark.parametrize(
    ("effects", "weights", "unread"),
    [
        ("id", "1", ()),
        ("id + group", "1", ()),  # which those of units take out
        ("id + year + id[year]", "1", ("year", "id[year]")),
        ("group", "1", ("group",)),  # players' effects were silently made those of their stints, the study's unit
        ("year", "w", ("year", "weights")),
    ],
)
def test_what_of_the_curve_is_in_neither_regression_is_said(effects, weights, unread):
    frame = small_panel().with_columns(group=(pl.col("id") % 8).cast(pl.String))
    study = small_study(
        fixed_effects={"f": effects}, outcome={"y": "y"}, controls={"n": "1"}, weights={"w": weights}, hausman={}
    )
    (finding,) = found(study, frame)
    said = [c.message for c in finding.warnings if c.code == "not_read"]
    assert all(known(m, "zh") for m in said)
    assert [m.split("curve's ")[1].split(" are not")[0] for m in said] == [" and ".join(unread)] * bool(unread)
    assert any(", ".join(unread) in note for note in finding.tables[0].print.notes if unread) == bool(unread)


@pytest.mark.parametrize("balanced", [True, False])
def test_why_a_test_is_empty_stands_beside_it(balanced):
    """Of an arm given at random and its product with time the means are those of the arm: p was empty, unexplained."""
    frame = small_panel().with_columns(
        arm=(pl.col("id") % 2).cast(pl.Int64), post=(pl.col("year") > 2004).cast(pl.Int64)
    )
    frame = frame.with_columns(did=pl.col("arm") * pl.col("post"))
    frame = frame if balanced else frame.filter((pl.col("year") < 2007) | (pl.col("id") % 3 > 0))
    study = small_study(
        treatment={"d": "did"},
        controls={"c": "arm + factor(year)"},
        fixed_effects={"unit": "id"},
        hausman={"fix": {"outcome": "y"}},
    )
    (finding,) = found(study, frame)
    tests = finding.tables[1]
    why, value = tests.header.index("message"), tests.header.index("statistic")
    for row in tests.rows:
        assert (row[why] == AGREE) == (not np.isfinite(row[value])) == balanced
    assert any(AGREE in note for note in tests.print.notes) == balanced
    degrees = [row.cells for block in tests.print.blocks for row in block if row.label == "Degrees of freedom"]
    assert (degrees == [("",), ("",)]) == balanced

"""A factor as the treatment is the treatments of its arms that one would write by hand, all in one regression."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid.engine import execute
from specdid.engine.listwise import members
from specdid.report import summary

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")

units = members._units
ARMS = {0: "control", 1: "cash", 2: "voucher", 3: "control"}


@pytest.fixture(scope="module")
def panel() -> pl.DataFrame:
    """40 units: 20 of no arm, 10 cash, 10 voucher, who have them after 2004."""
    frame = small_panel(units=40)
    arm = (pl.col("id") % 4).replace_strict(ARMS)
    return frame.with_columns(
        arm.alias("arm"),
        (pl.col("id") % 3).replace_strict({0: "a", 1: "b", 2: "c"}).alias("place"),
        (pl.col("year") > 2004).cast(pl.Int64).alias("post"),
        (pl.col("id") % 4 % 3).alias("code"),
        pl.when(pl.col("year") > 2004).then(arm).otherwise(pl.lit("control")).alias("now"),
    )


def study(**changes):
    base = {"controls": {"x": "x1", "none": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"two-way": "id + year"}}
    return small_study(**{**base, "vcov": {"unit": "~id"}, "figure": {"formats": ["svg"]}, **changes})


def files(made, panel, directory):
    specdid.run(made, panel, out=directory, audit=0)
    return {name: (directory / name).read_bytes() for name in ("results.csv", "inference.csv")}


def test_each_arm_is_the_dummy_of_least_squares_with_all_dummies(panel):
    found = specdid.run(study(treatment={"now": "i(now, ref = 'control')"}), panel, audit=0).table
    frame = panel.to_pandas()
    dummies = [np.asarray(frame[k])[:, None] == np.unique(frame[k])[None, 1:] for k in ("id", "year")]
    arms = np.asarray(frame.now)[:, None] == np.array(["cash", "voucher"])
    for controls in ("x", "none"):
        columns = [arms, np.ones((len(frame), 1)), *dummies, *([frame[["x1"]]] if controls == "x" else [])]
        expected = np.linalg.lstsq(np.hstack(columns).astype(float), frame.y, rcond=None)[0][:2]
        mine = found[found.controls == controls]
        assert mine.treatment.tolist() == ["now: cash", "now: voucher"]
        np.testing.assert_allclose(mine.estimate, expected, rtol=1e-9)
        assert mine.nobs.tolist() == [280, 280]


@pytest.mark.parametrize(
    ("arms", "cash", "voucher"),
    [
        ("i(now, ref = 'control')", "now == 'cash'", "now == 'voucher'"),
        ("i(arm, post, ref = 'control')", "I(arm == 'cash'):post", "I(arm == 'voucher'):post"),
        ("i(code, post, ref = 0)", "I(code == 1):post", "I(code == 2):post"),
    ],
)
def test_they_are_what_one_would_write_by_hand(panel, tmp_path, arms, cash, voucher):
    inference = {"draws": 49, "null": ["wild", "permutation"], "assign": "arm + now + code", "primary": "Stouffer's Z"}
    names = ("1", "2") if "code" in arms else ("cash", "voucher")
    base = " against 0" if "code" in arms else " against control"
    words = "average effect (regression weights)"
    by_hand = {
        f"a: {name}": {"term": own, "with": other, "estimand": f"{words}: {name}{base}"}
        for name, own, other in ((names[0], cash, voucher), (names[1], voucher, cash))
    }
    mine = files(study(treatment={"a": arms}, inference=inference), panel, tmp_path / "a")
    others = files(study(treatment=by_hand, inference=inference), panel, tmp_path / "b")
    assert mine["inference.csv"] == others["inference.csv"]
    tables = [pl.read_csv(f["results.csv"], infer_schema=False) for f in (mine, others)]
    assert tables[0].drop("n_control").equals(tables[1].drop("n_control"))
    assert [set(t["n_control"]) for t in tables] == [{"20"}, {"30"}]  # by hand, nothing says that `with` is an arm
    assert b"permutation" in mine["inference.csv"]


@pytest.mark.parametrize("by", ["batch", "listwise", "itself"])
def test_units_of_other_arms_are_no_controls(panel, by, monkeypatch):
    """Whoever counts: a batch, the listwise engine or an estimator by itself. Not so for other treatments."""
    counted = []
    if by == "listwise":
        monkeypatch.setattr(execute, "MANY_MASKS", 1)
        monkeypatch.setattr(members, "_units", lambda *of: counted.append(units(*of)) or counted[-1])
    made = study(
        controls={"x": "x2", "both": "x2 + x3"},
        outcome={"z": "z"},
        treatment={"now": "i(now, ref = 'control')", "one": "now == 'voucher' & id < 20"},
        estimator={"e": "fepois" if by == "itself" else "feols"},
    )
    found = specdid.run(made, panel, audit=0).table
    assert bool(counted) == (by == "listwise")
    counts = found[["n_units", "n_treated", "n_control", "n_always_treated"]].to_numpy().tolist()
    assert found.treatment.tolist() == ["now: cash"] * 2 + ["now: voucher"] * 2 + ["one"] * 2
    assert counts == [[40, 10, 20, 0]] * 4 + [[40, 5, 35, 0]] * 2


def test_a_text_with_a_level_called_control_and_the_short_forms(panel):
    terms = [
        o.term.text for o in specdid.plan(study(treatment={"a": "i(now, ref = 'control')"}), panel).study.treatment
    ]
    assert terms == ['now == "cash"', 'now == "voucher"']
    of_text = specdid.plan(study(treatment={"a": "now"}), panel).study.treatment
    assert [o.term.text for o in of_text] == terms
    short = {"unit": "id", "time": "year"}
    treatment = {**study(), "study": {**short, "treatment": "i(now, ref = 'control')"}}
    del treatment["treatment"]
    formula = {"study": {**short, "formula": "y ~ i(now, ref = 'control') + x1 | id + year"}, "inference": {"draws": 0}}
    for made in (treatment, formula):
        options = specdid.plan(made, panel).study.treatment
        assert [(o.label, o.term.text) for o in options] == [("now: cash", terms[0]), ("now: voucher", terms[1])]
    only = panel.with_columns(pl.col("now").replace("cash", "voucher"))
    (fault,) = specdid.check(study(treatment={"a": "now"}), only).errors
    assert fault.code == "treatment_text"


def test_estimands_of_arms_are_apart_and_the_pooled_statistics_are_told(panel):
    made = study(treatment={"a": "i(now, ref = 'control')"}, inference={"draws": 19})
    curve = specdid.run(made, panel, audit=0)
    assert set(curve.table.estimand) == {
        "average effect (regression weights): cash against control",
        "average effect (regression weights): voucher against control",
    }
    medians = [t for test in curve.tests for t in test.tests if t.statistic.startswith("median estimate")]
    assert sorted(t.specifications for t in medians) == [2, 2]
    (told,) = [w for w in curve.warnings if w.code == "arms"]
    assert told.message == (
        "arms, all in each regression: cash (10 units), voucher (10 units), against control (20 units in no arm); "
        "the median estimate is tested by arm, all other joint statistics (median t) of all arms together"
    )
    assert "Primary test, median t, of all arms together: " in summary.terminal_summary(curve)
    by_arm = {"draws": 19, "primary": "median estimate"}
    alone = specdid.run(study(treatment={"a": "i(now, ref = 'control')"}, inference=by_arm), panel, audit=0)
    assert "Primary test, median estimate" in summary.terminal_summary(alone)
    assert "together:" not in summary.terminal_summary(alone)
    some = panel.with_columns(post=pl.when(pl.col("id") % 3 > 0).then(pl.col("post")).otherwise(0))
    found = specdid.check(study(treatment={"a": "i(code, post, ref = c(0, 1))"}), some)
    (told,) = [f for f in found if f.code == "arms"]
    taken = some.filter((pl.col("code") == 2) & (pl.col("post") != 0))["id"].n_unique()
    assert 0 < taken < 10  # units of the arm that are never in it are in none
    assert told.message.endswith(f": 2 ({taken} units), against 0 or 1 ({40 - taken} units in no arm)")
    one = specdid.check(study(treatment={"a": "i(code, post, ref = c(0, 1))"}), panel)
    assert [f.message for f in one] == [
        "arms, all in each regression: 2 (10 units), against 0 or 1 (30 units in no arm)"
    ]


def test_terms_of_the_treatments_own_stay(panel):
    made = study(treatment={"a": {"term": "i(now, ref = 'control')", "with": "x2 + x3"}})
    plan = specdid.plan(made, panel)
    assert [o.with_.text for o in plan.study.treatment] == ['x2 + x3 + (now == "voucher")', 'x2 + x3 + (now == "cash")']


def test_exclusions_and_the_preferred_one_name_an_arm_or_all(panel):
    made = study(
        treatment={"a": "i(now, ref = 'control')", "d": "d"},
        exclude=[{"when": {"treatment": "a", "controls": "none"}, "because": "balance"}],
        preferred={"treatment": "a: voucher"},
    )
    found = specdid.run(made, panel, audit=0).table
    assert found[found.status == "excluded"].treatment.tolist() == ["a: cash", "a: voucher"]
    assert found[found.preferred == 1].treatment.tolist() == ["a: voucher"]


def test_estimators_of_one_treatment_are_excluded_with_the_reason(panel):
    made = study(
        treatment={"a": "i(now, ref = 'control')"}, estimator={"OLS": "feols", "SA": "sunab", "Gardner": "did2s"}
    )
    found = specdid.run(made, panel, audit=0).table
    excluded = found[found.status == "excluded"]
    assert set(excluded.estimator) == {"SA", "Gardner"}
    assert set(excluded.message) == {
        f"{name} compares a treatment with none, and other arms would count as untreated" for name in ("sunab", "did2s")
    }
    assert set(found[found.estimator == "OLS"].status) == {"ok"}


def test_an_interaction_without_its_main_effects_is_excluded(panel):
    (fault, *_) = specdid.check(
        study(treatment={"a": "i(arm, post, ref = 'control')"}, fixed_effects={"none": "0"}), panel
    ).errors
    assert (fault.code, fault.help) == ("no_main_effects", 'give the main effects in `with`: with = "post"')


def test_arms_by_hand_are_told_who_counts_as_a_control(panel):
    derive = {"cash": "post * (arm == 'cash')", "voucher": "post * (arm == 'voucher')"}

    def told(**changes):
        made = study(derive=derive, **changes)
        return [f.message for f in specdid.check(made, panel) if f.code == "other_arms"]

    both = {"c": {"term": "cash", "with": "voucher"}, "v": "voucher"}
    beside = ", in n_control too, beside a coefficient of their own"
    assert told(treatment=both) == [
        f"10 units that have `voucher` count as controls of `c`{beside}",
        "10 units that have `cash` count as controls of `v`",
    ]
    assert not told(treatment={"c": "cash"})
    assert not told(treatment={"c": "cash", "any": "post * (arm != 'control')"})
    assert not told(treatment=both, sample={"c": "arm != 'voucher'", "v": "arm != 'cash'"})


def test_an_after_that_only_the_treated_have_needs_no_main_effect(panel):
    """Arms that begin at their own times: their products add up to the after, which is no further term."""
    made = study(treatment={"a": "i(arm, own, ref = 'control')"}, derive={"own": "post * (arm != 'control')"})
    found = specdid.run(made, panel, audit=0).table
    same = specdid.run(study(treatment={"a": "i(now, ref = 'control')"}), panel, audit=0).table
    assert set(found.status) == {"ok"}
    np.testing.assert_allclose(found.estimate, same.estimate, rtol=1e-9)
    half = study(treatment={"a": "i(arm, own, ref = 'control')"}, derive={"own": "post * (id %% 3 > 0)"})
    assert {f.code for f in specdid.check(half, panel).errors} == {"no_main_effects"}


def test_poisson_placebos_heterogeneity_and_tables_take_arms(panel):
    made = study(
        treatment={"a": "i(now, ref = 'control')"},
        outcome={"z": "z"},
        estimator={"PPML": "fepois"},
        inference={"draws": 0, "assign": "now"},
        placebo={"draws": 19},
        table={"all": {"vary": ["treatment"]}},
        heterogeneity={"groups": {"low": "id <= 20", "high": "id > 20"}},
    )
    curve = specdid.run(made, panel, audit=50)
    assert set(curve.table.status) == {"ok"}
    assert [a.failure for a in curve.analyses] == [None, None, None]
    assert not [w for w in curve.warnings if w.code.startswith("audit")]


def test_clusters_of_other_arms_are_not_counted_as_untreated(panel):
    few = panel.filter(~((pl.col("arm") == "control") & (pl.col("id") > 8)))
    curve = specdid.run(study(treatment={"a": "i(now, ref = 'control')"}, inference={"draws": 19}), few, audit=0)
    (counts,) = curve.clusters
    assert (counts.clusters, counts.treated, counts.untreated) == (24, 10, 4)
    (said,) = [w for w in curve.warnings if w.code == "few_untreated"]
    assert "as few as 4 clusters without treatment" in said.message


def test_matching_asks_who_is_treated(panel):
    match = {"on": "x1", "at": "year == 2001"}
    made = study(treatment={"a": "i(now, ref = 'control')"}, sample={"m": {"match": match}})
    (fault,) = specdid.check(made, panel).errors
    assert (fault.code, fault.path) == ("contradiction", ("sample", "m", "match"))
    told = {**match, "treated": "arm != 'control'"}
    assert not specdid.check(study(treatment=made["treatment"], sample={"m": {"match": told}}), panel).errors


@pytest.mark.parametrize(
    ("term", "said", "help"),
    [
        ("i(arm, post)", "does not say which of cash, control, voucher its arms are compared with", 'ref = "control"'),
        ("i(arm, post)", "does not say which of cash", "effects of `post` by groups of `arm` are [heterogeneity]"),
        ("factor(arm)", "does not say which of cash, control, voucher", 'write `i(arm, ref = "control")`'),
        ("i(arm, ref = 'contrl')", "no row has `arm` = contrl", "did you mean control?"),
        ("i(code, post, ref = 7)", "no row has `code` = 7: its levels are 0, 1, 2", "`i(code, post, ref = 0)`"),
        ("i(arm, post, ref = 'control', keep = 'cash')", "a treatment takes no `keep`", "derive a column"),
        ("i(arm, post, ref = 'control', bin = list(any = c('cash', 'voucher')))", "takes no `bin`", "derive a column"),
        ("i(x1, ref = 1)", "has 280 values, and each would be an arm; at most 50", "`cut(x1, c(1, 2))`"),
        ("i(code, ref = c(0, 1, 2))", "no arm but the reference", "a level for each arm"),
        ("place", "the treatment `place` is text", "`i(place, ref = 'a')` is one treatment for each other value"),
        ("arm", "does not vary within `id`, which the fixed effects absorb", "`i(arm, post, ref = 'control')`"),
        ("i(nothing, ref = 1)", "no column `nothing`", ""),
    ],
)
def test_faults_are_located_and_say_what_to_write(panel, term, said, help):
    (fault,) = specdid.check(study(treatment={"a": term}), panel).errors
    assert said in fault.message
    assert help in (fault.help or "")
    assert fault.path == ("treatment", "a")


def test_a_cohort_is_refused_and_an_event_study_says_why(panel):
    term = {"term": "i(now, ref = 'control')", "cohort": "cohort"}
    (fault,) = specdid.check(study(treatment={"a": term}), panel).errors
    assert "no cohort: whoever takes the other arms would count as untreated" in fault.message
    assert 'now %in% c("cash", "control")' in fault.help
    made = study(treatment={"a": "i(now, ref = 'control')"}, event_study={})
    (fault,) = specdid.check(made, panel).errors
    assert fault.help == "an event study is of one treatment: write its arm as a treatment of its own"


def test_rows_whose_arm_is_missing_are_in_no_specification(panel):
    lost = panel.with_columns(pl.when(pl.col("id") != 5).then(pl.col("now")).alias("now"))
    found = specdid.run(study(treatment={"a": "i(now, ref = 'control')"}), lost, audit=0).table
    assert set(found.nobs) == {273}


def test_units_without_an_arm_are_told_of_once_with_a_line_for_all_arms(panel):
    lost = panel.with_columns(pl.when(pl.col("id") != 5).then(pl.col("now")).alias("now"))
    (told,) = [f for f in specdid.check(study(treatment={"a": "now"}), lost) if f.code == "treatment_gaps"]
    assert '`(now == "cash")`, as every other arm, is missing in every row of 1 unit' in told.message
    assert told.help == (
        'if they are in no arm, derive a column by `ifelse(is.na(now), "control", now)` '
        "and name it in place of `now` in the treatment"
    )


def test_arms_without_anybody_of_the_reference_say_so(panel):
    made = study(treatment={"a": "i(arm, post, ref = 'control')"}, sample={"none": "arm != 'control'"})
    found = specdid.run(made, panel, audit=0).table
    assert set(found.code) == {"not_identified"}
    assert all("the other arms: as where no unit of the reference" in said for said in found.message)
    assert not any("leave out that control" in said for said in found.message)

"""Specifications that no sample of the data can estimate are excluded with the reason, and units are not mixed."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._check.possible import LOGARITHMIC
from specdid._words import known

PANEL = small_panel().with_columns(
    (pl.col("y") > 2).cast(int).alias("high"),
    pl.lit(3.0).alias("three"),
    (pl.col("z") * 10).alias("count"),
)
EASY = {"controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}, "vcov": {"unit": "~id"}}


def study(**changes):
    return small_study(**(EASY | changes))


def reasons(**changes):
    """Sample, outcome, estimator -> the reason of an exclusion."""
    plan = specdid.plan(study(**changes), PANEL)
    codes = [[d.labels[c] for d, c in zip(plan.dimensions, row, strict=True)] for row in plan.codes.tolist()]
    return {
        (row[4], row[0], row[6]): (plan.reasons[r].code, plan.reasons[r].message)
        for row, r in zip(codes, plan.reason.tolist(), strict=True)
        if r >= 0
    }


def test_outcomes_that_an_estimator_cannot_have_are_excluded_by_sample():
    found = reasons(
        outcome={"log z": "log(z)", "high": "high", "zero": "I(high * 0)", "z": "z"},
        estimator={"OLS": "feols", "logit": "logit", "Poisson": "fepois"},
        sample={"all": "TRUE", "all high": "high == 1"},
    )
    assert found["all", "log z", "logit"][0] == "unfit_outcome"
    assert found["all", "log z", "logit"][1].startswith("logit needs an outcome of 0 and 1, and `log(z)` has values")
    negative = f"fepois needs an outcome of zero or more, and `log(z)` has values from {PANEL['y'].min():.3g}"[:70]
    assert found["all", "log z", "Poisson"][1].startswith(negative)
    assert ("all", "high", "logit") not in found
    constant = "logit needs an outcome that varies, and `high` is 1 in every row of the sample"
    assert found["all high", "high", "logit"] == ("unfit_outcome", constant)
    assert ("all high", "high", "Poisson") not in found
    assert found["all", "zero", "Poisson"][1] == (
        "fepois needs an outcome that is not zero in every row, and `I(high * 0)` is 0 in every row of the sample"
    )
    assert not [key for key in found if key[2] == "OLS" or (key[1] == "z" and key[2] == "Poisson")]


def test_a_variant_that_makes_an_amount_of_the_treatment_is_excluded_without_the_others():
    made = specdid.plan(
        study(
            treatment={"d": {"term": "d", "cohort": "cohort"}},
            estimator={"did2s": "did2s"},
            variant={"coding": {"dummy": {}, "dose": {"derive": {"d": "d * w"}}}},
            outcome={"y": "y"},
        ),
        PANEL,
    )
    assert [made.reasons[r].code if r >= 0 else "" for r in made.reason.tolist()] == ["", "not_binary"]


def test_a_stray_code_of_a_treatment_is_told_with_its_row():
    here = (pl.col("id") == 3) & (pl.col("year") == 2004)
    coded = PANEL.with_columns(pl.when(here).then(9.0).otherwise(pl.col("d")).alias("coded"))
    spec = study(treatment={"d": "coded"}, estimator={"OLS": "feols", "did2s": "did2s"}, outcome={"y": "y"})
    (reason,) = specdid.plan(spec, coded).reasons
    assert reason.code == "not_binary"
    assert reason.message == "did2s needs a 0/1 treatment and `coded` is 9 in 1 row: 3 2004"
    assert known(reason.message, "zh")
    many = PANEL.with_columns((pl.col("d") * pl.col("w")).alias("coded"))
    assert specdid.plan(spec, many).reasons[0].message == "did2s needs a 0/1 treatment and `coded` is not"


def test_a_treatment_that_switches_off_is_not_one_for_staggered_estimators():
    off = PANEL.with_columns((pl.col("d") * (pl.col("year") < 2007)).alias("grant"))
    made = specdid.plan(
        study(
            treatment={"grant": "grant"},
            estimator={"OLS": "feols", "did2s": "did2s"},
            sample={"all": "TRUE", "before": "year < 2007"},
            outcome={"y": "y"},
        ),
        off,
    )
    said = [made.reasons[r].message if r >= 0 else "" for r in made.reason.tolist()]
    assert said == [
        "",
        "did2s takes untreated rows for those of a unit that was never treated, and `grant` switches off in 16 units",
        "",
        "",
    ]
    assert made.reasons[0].code == "switches_off"
    gap = off.with_columns(pl.when(pl.col("year") == 2006).then(None).otherwise(pl.col("d")).alias("grant"))
    assert (specdid.plan(study(treatment={"g": "grant"}, estimator={"did2s": "did2s"}), gap).reason < 0).all()


def scales_of(**changes):
    curve = specdid.run(study(**changes), PANEL, audit=0)
    table = curve.table.drop_duplicates("index")
    table = table[table["status"] == "ok"]
    pairs = zip(table["outcome"], table["estimator"], table["scale"], strict=True)
    return curve, {(o, e): s if isinstance(s, str) else None for o, e, s in pairs}


METHODS = {"OLS": "feols", "Poisson": "fepois"}


@pytest.mark.filterwarnings("ignore")
def test_levels_and_log_points_never_stand_under_one_unit():
    """An outcome in persons estimated by Poisson is in log points, in table, figure and summary."""
    outcome = {"deaths": {"formula": "count", "scale": "persons"}, "log": {"formula": "log(z)", "scale": "log points"}}
    rule = [{"when": {"estimator": "Poisson", "outcome": "log"}, "because": "levels"}]
    curve, found = scales_of(outcome=outcome, estimator=METHODS, exclude=rule)
    assert found == {
        ("deaths", "OLS"): "persons",
        ("deaths", "Poisson"): "log points",
        ("log", "OLS"): "log points",
    }
    text = curve.summary()
    persons = text.split("## Estimates in persons")[1].split("##")[0]
    assert "Poisson" not in persons
    assert "semi-elasticity (Poisson)" in text.split("## Estimates in log points")[1].split("##")[0]
    assert [g.shown for g in curve.results.groups()] == ["persons", "log points"]


@pytest.mark.filterwarnings("ignore")
def test_poisson_of_outcomes_of_different_declared_scales_is_no_one_curve():
    """Their semi-elasticities are all in log points; a median of hours and persons is of nothing."""

    def families(**scales):
        outcome = {name: {"formula": f"count + {k}", "scale": s} for k, (name, s) in enumerate(scales.items())}
        curve, _ = scales_of(outcome=outcome, estimator=METHODS)
        names = curve.results.planned.dimension("outcome")
        return {
            (f.group, f.estimand): {names.at(int(p)) for p in f.places}
            for f in curve.results.families
            if "Poisson" in f.estimand
        }

    words = "semi-elasticity (Poisson)"
    assert families(a="hours", b="persons") == {
        ("log points", f"{words}, outcomes in hours"): {"a"},
        ("log points", f"{words}, outcomes in persons"): {"b"},
    }
    # The scale that the estimates are in is declared for one: it keeps the plain words.
    assert families(a="log points", b="persons") == {
        ("log points", words): {"a"},
        ("log points", f"{words}, outcomes in persons"): {"b"},
    }
    assert families(a="persons", b="persons") == {("log points", words): {"a", "b"}}


@pytest.mark.filterwarnings("ignore")
def test_an_outcome_without_a_scale_has_a_curve_for_each_unit():
    _, found = scales_of(outcome={"deaths": "count"}, estimator=METHODS)
    assert found == {("deaths", "OLS"): None, ("deaths", "Poisson"): "log points of deaths"}
    _, found = scales_of(outcome={"d": {"formula": "count", "scale": "log points"}}, estimator=METHODS)
    assert found == {("d", "OLS"): None, ("d", "Poisson"): "log points"}
    _, found = scales_of(outcome={"d": {"formula": "count", "scale": "弹性"}}, estimator={"Poisson": "fepois"})
    assert found == {("d", "Poisson"): "弹性"}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("language", "name"), [("en", "log points of dead persons"), ("zh", "dead persons 的对数点")])
def test_an_outcome_of_poisson_alone_says_what_its_panel_is_in(undrawn, language, name):
    rule = [
        {"when": {"estimator": "Poisson", "outcome": "z"}, "because": "least squares"},
        {"when": {"estimator": "OLS", "outcome": "deaths"}, "because": "a count"},
    ]
    outcome, labels = {"deaths": "count", "z": "z"}, {"deaths": "dead persons"}
    made = study(outcome=outcome, estimator=METHODS, exclude=rule, labels=labels)
    curve = specdid.run(made | {"study": made["study"] | {"language": language}}, PANEL, audit=0)
    assert [(g.scale, g.shown) for g in curve.results.groups()] == [("log points of deaths", name), (None, "z")]


def test_a_scale_that_is_not_what_the_estimator_gives_is_warned_of():
    def said(scale, **estimator):
        faults = specdid.check(study(outcome={"d": {"formula": "count", "scale": scale}}, estimator=estimator), PANEL)
        return [f.message for f in faults if f.code == "scale_unit"]

    assert said("persons", P="fepois") == ["the scale of `d` is `persons`, and what fepois estimates is in log points"]
    assert said("log points", P="fepois", O="feols") == [
        "the scale of `d` is `log points`, as fepois estimates it, and feols estimates it in its own units: "
        "these get a curve of their own"
    ]
    assert not said("persons", P="fepois", O="feols")
    for word in LOGARITHMIC:
        assert not said(f"a {word} b", P="fepois")
    assert not said("log points", P="fepois")
    # Of an outcome that the estimator is kept from nothing is said.
    outcome = {"d": {"formula": "count", "scale": "persons"}, "l": "count + 9"}
    rule = [{"when": {"estimator": "P", "outcome": "d"}, "because": "asked for"}]
    made = study(outcome=outcome, estimator={"P": "fepois"}, exclude=rule)
    assert "scale_unit" not in {f.code for f in specdid.check(made, PANEL)}


LOGGED = {
    "log": "log(count + 9)",
    "derived": "lc",
    "a multiple": "100 * log(count + 9)",
    "a difference": "log(count + 9) - log(2)",
    "winsorized": "winsorize(log(count + 9), 0.01)",
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", LOGGED)
def test_a_log_link_of_a_log_does_not_take_the_scale_of_least_squares(case):
    outcome = {"l": {"formula": LOGGED[case], "scale": "log points"}}
    made = study(outcome=outcome, estimator=METHODS, derive={"lc": "log(count + 9)"})
    (fault,) = [f for f in specdid.check(made, PANEL) if f.code == "scale_unit"]
    assert fault.message.startswith("`l` is a logarithm already, and fepois estimates the log of it")
    assert fault.help.startswith("leave fepois out for this outcome")
    _, found = scales_of(outcome=outcome, estimator=METHODS, derive={"lc": "log(count + 9)"})
    assert found == {("l", "OLS"): "log points", ("l", "Poisson"): "log points of l"}
    for scale, warned in (("log points", True), ("log of logs", False)):  # of Poisson alone, where its own is written
        made = study(
            outcome={"l": {"formula": LOGGED[case], "scale": scale}},
            estimator={"Poisson": "fepois"},
            derive={"lc": "log(count + 9)"},
        )
        assert ("scale_unit" in {f.code for f in specdid.check(made, PANEL)}) == warned


def test_offsets_in_levels_and_of_rates_are_warned_of():
    def said(outcome, offset, estimator="fepois", derive=None):
        made = study(
            outcome={"d": outcome}, controls={"o": offset}, estimator={"E": estimator}, derive=derive or {"one": "1"}
        )
        return [(f.code, f.message) for f in specdid.check(made, PANEL) if f.code.startswith("offset_")]

    assert not said("round(count)", "offset(log(size))", derive={"size": "exp(x2)"})
    assert not said("count / 2", "1", derive={"size": "exp(x2)"})
    again = ("offset_twice", "`d` is divided by `size`, and `offset(log(size))` divides it again")
    assert said("rate", "offset(log(size))", derive={"size": "exp(x2)", "rate": "count / size"}) == [again]
    rate = "`d` is no count, and `offset(log(size))` divides it by `size`: again, if it is a rate"
    assert said("exp(y)", "offset(log(size))", derive={"size": "exp(x2)"}) == [("offset_twice", rate)]
    ((code, message),) = said("round(count)", "offset(size)", derive={"size": "1000 * year"})
    assert code == "offset_level"
    assert message.endswith("an offset is added to the log")

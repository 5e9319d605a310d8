"""The words of an estimand follow the model: what the treatment is, what it is interacted with, the estimator."""

from __future__ import annotations

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._plan import estimands
from specdid._words import known

REGRESSION = "average effect (regression weights)"


def words(**tables) -> list[str]:
    """The estimands of a study's specifications that are estimated, each once, in the order of the plan."""
    frame = small_panel().with_columns(
        (pl.col("d") * pl.col("w")).alias("dose"),
        (pl.col("x1") > 0).cast(int).alias("rich"),
        (pl.col("d") * pl.when(pl.col("year") == pl.col("cohort")).then(0.5).otherwise(1.0)).alias("share"),
        (pl.col("d") + 1).alias("coded"),
        (pl.col("y") > 2).cast(int).alias("high"),
        (pl.col("year") >= 2004).cast(int).alias("post"),
        (pl.col("cohort") > 0).cast(int).alias("ever"),
    )
    study = {
        "study": {"title": "words", "data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "fixed_effects": {"two-way": "id + year"},
        "inference": {"draws": 0},
        **tables,
    }
    plan = specdid.plan(study, frame)
    planned = plan.estimand[plan.status == 0]
    return list(dict.fromkeys(plan.estimands[k] for k in planned.tolist()))


def test_one_way_two_way_and_cross_sections_are_one_curve_and_none_is_called_two_way():
    """Least squares weights effects in all of them; which fixed effects there are changes no meaning."""
    effects = {"none": "0", "unit": "id", "two-way": "id + year", "trends": "id[year] + year"}
    sample = {"all": "TRUE", "one year": "year == 2006"}
    weights = {"none": "1", "w": "w"}
    assert words(fixed_effects=effects, sample=sample, weights=weights) == [REGRESSION]


@pytest.mark.parametrize("method", ["feols", "fepois", "logit"])
def test_an_amount_is_per_unit_and_names_its_unit(method):
    effect = {"feols": "average effect", "fepois": "semi-elasticity", "logit": "log odds ratio"}[method]
    how = {"feols": " (regression weights)", "fepois": " (Poisson)", "logit": ""}[method]
    outcome = {"y": "high" if method == "logit" else "z"}
    treatment = {"d": "d", "dose": "dose", "log": "log(w)", "coded": "coded"}
    assert words(outcome=outcome, treatment=treatment, estimator={"e": method}) == [
        f"{effect}{how}",
        f"{effect} per unit of dose{how}",
        f"{effect} per unit of log(w){how}",
        f"{effect} per unit of coded{how}",
    ]


def test_a_share_of_the_year_is_from_none_to_full_as_a_dummy_is():
    assert words(treatment={"d": "d", "share": "share", "small": "I(share / 2)"}) == [
        REGRESSION,
        "average effect per unit of I(share / 2) (regression weights)",
    ]


@pytest.mark.parametrize("effects", ["id", "id + year", "group^year + id"])
@pytest.mark.parametrize("term", ["ever:post", "post:ever"])
def test_the_product_of_units_and_periods_is_the_effect_itself(term, effects):
    """Who is ever treated, and when, have no effects of their own."""
    treatment = {"did": {"term": term, "with": "ever + post"}}
    assert words(treatment=treatment, fixed_effects={"e": effects}) == [REGRESSION]


def test_an_interaction_is_a_difference_of_effects():
    treatment = {
        "triple": {"term": "d:rich", "with": "d + rich"},
        "moderated": {"term": "d:x3", "with": "d + x3"},
        "by period": {"term": "d:post", "with": "d + post"},
    }
    assert words(treatment=treatment, fixed_effects={"unit": "id"}) == [
        "difference in the average effect, interaction (regression weights)",
        "difference in the average effect per unit of d:x3, interaction (regression weights)",
    ]


def test_beside_its_interaction_a_treatment_is_the_effect_where_the_other_is_zero():
    controls = {"none": "1", "x3": "x3", "moderated": "x3 + d:x3", "both": "x1*d + x3:d"}
    assert words(controls=controls, estimator={"OLS": "feols", "SA": "sunab"}) == [
        REGRESSION,
        "average effect on the treated (cohort shares)",
        "average effect where x3 is 0 (regression weights)",
        "average effect on the treated (cohort shares) where x3 is 0",
        "average effect where x1 is 0 and x3 is 0 (regression weights)",
        "average effect on the treated (cohort shares) where x1 is 0 and x3 is 0",
    ]


def test_beside_its_interaction_with_groups_it_is_the_effect_at_the_reference_level():
    assert words(controls={"groups": "d:factor(group)", "values": "d:i(group, ref = 2)"}) == [
        "average effect where factor(group) is at its reference level (regression weights)",
        "average effect where i(group, ref = 2) is at its reference level (regression weights)",
    ]


def hauls():
    """`dom` in the later years of half of the units, some of them short hauls; `freedom` only sounds like it."""
    frame = small_panel().with_columns(dom=pl.col("d"), dist=pl.col("x1"), freedom=pl.col("x3"))
    frame = frame.with_columns(haul=pl.when(pl.col("id") % 3 == 0).then(pl.lit("short")).otherwise(pl.lit("long")))
    short = pl.col("dom") * (pl.col("haul") == "short")
    return frame.with_columns(read=short.cast(pl.Float64), read_dist=pl.col("dom") * pl.col("dist"))


def labelled(controls, treatment="dom", derive=None):
    study = {
        "study": {"title": "hauls", "data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"t": treatment},
        "controls": {str(k): text for k, text in enumerate(controls)},
        "fixed_effects": {"two-way": "id + year"},
        "derive": derive or {},
        "inference": {"draws": 0},
    }
    plan = specdid.plan(study, hauls())
    return [plan.estimands[k].removesuffix(" (regression weights)") for k in plan.estimand.tolist()]


MADE = {"dxs": "dom * dist", "shortdom": 'ifelse(haul == "short", dom, 0)'}


@pytest.mark.parametrize(
    ("control", "where"),
    [
        ("dom:dist", "where dist is 0"),
        ('i(haul, dom, ref = "long")', 'where i(haul, ref = "long") is at its reference level'),
        ("I(dom * dist)", "where dist is 0"),
        ("I(-dist * 2 * dom / 100)", "where dist is 0"),
        ("dxs", "where dist is 0"),
        ("scale(I(dom * dist))", "where dist is 0"),
        ("center(dist):dom", "where center(dist) is 0"),
        ("I((1 - dom) * dist)", "where I((1 - dom) * dist) is 0"),
        ("dxs:x3", "where dist is 0 and x3 is 0"),
        ("shortdom", "where shortdom is 0"),
        ('I(dom * (haul == "short"))', 'where haul == "short" is 0'),
        ("factor(dom):dist", "where dist is 0"),
        ("read", "where read is 0"),
        ("read_dist", "where read_dist is 0"),
    ],
)
def test_however_an_interaction_is_written_the_treatment_is_the_effect_where_it_is_zero(control, where):
    assert labelled(["1", control], derive=MADE) == ["average effect", f"average effect {where}"]


def test_beside_its_lags_and_leads_the_treatment_is_the_effect_with_them_held_fixed():
    assert labelled(["1", "l(dom) + f(dom)"])[1] == "average effect, f(dom) and l(dom) held fixed"
    assert labelled(["l(dom) + I(dom * dist)"]) == ["average effect where dist is 0, l(dom) held fixed"]


@pytest.mark.parametrize("control", ["cumsum(on)", "roll_sum(on, 2)", "cummax(on)", "total"])
def test_a_history_of_a_treatment_that_comes_and_goes_is_held_fixed(control):
    derive = {"on": "dom * (year %% 2)", "total": "cumsum(on) / 2"}
    assert labelled(["1", control], "on", derive) == ["average effect", f"average effect, {control} held fixed"]


@pytest.mark.parametrize(
    "control",
    [
        "freedom",
        "factor(haul)",
        "I(freedom * dist)",
        "i(haul, dist)",
        "max(dom, by = id):dist",
        "mean(dom, by = year)",
        "I(1 - dom)",
    ],
)
def test_a_control_that_only_sounds_like_the_treatment_or_is_of_its_group_is_none(control):
    assert labelled(["1", control]) == ["average effect"] * 2


def test_a_treatment_that_is_itself_a_product_is_found_in_any_spelling():
    derive = {"did": "dom * dist"}
    labels = labelled(["1", "dom:dist:x3", "did:x3", "I(x3 * did)", "dom + dist"], "did", derive)
    plain, *others, beside = labels
    assert others == [plain.replace(" of did", " of did where x3 is 0")] * 3
    assert beside == plain


def test_a_multiple_of_a_column_is_found_by_the_column():
    plain, *others = labelled(["1", "dom:dist", "percent:dist"], "percent", {"percent": "dom * 100"})
    assert others == [f"{plain} where dist is 0"] * 2


def test_a_square_is_not_the_column_that_it_is_of():
    derive = {"amount": "dom * w", "square": "amount^2"}
    plain, *others = labelled(["1", "amount", "amount:dist", "square:dist"], "square", derive)
    assert others == [plain, plain, f"{plain} where dist is 0"]


def test_beside_an_amount_that_is_never_zero_a_part_of_it_is_held_fixed():
    """It is zero in some rows, and so wherever the amount is: in none. That makes it no interaction."""
    part = 'ifelse(haul == "short", w, 0)'
    plain, beside = labelled(["1", part], "w")
    assert beside == f"{plain}, {part} held fixed"


def test_a_cube_is_in_no_product_of_a_square():
    plain, square, cube = labelled(["1", "I(dist^2 * x3)", "I(dist^3 * x3)"], "I(dist^3)")
    assert (square, cube) == (plain, f"{plain} where x3 is 0")


CUBES = "dom"
for _ in range(20):
    CUBES = f"({CUBES})^3"
SQUARES = {"z0": "dom * dist"} | {f"z{k}": f"z{k - 1} * z{k - 1}" for k in range(1, 31)}


@pytest.mark.parametrize(("control", "derive"), [("z30", SQUARES), (f"I({CUBES} * dist)", {})])
def test_products_without_end_are_not_taken_apart_to_their_end(control, derive, monkeypatch):
    """A stranger's file has room for thirty lines that stand for 2^30 factors: what is taken apart is counted."""
    real, count = estimands._multiplied, []

    def counted(bound):
        count.append(bound)
        assert len(count) < 20_000
        return real(bound)

    monkeypatch.setattr(estimands, "_multiplied", counted)
    assert labelled([control], derive=derive)


def test_the_label_belongs_to_the_model_whichever_spelling_stands_first():
    for controls in (["I(dom * dist)", "dom:dist"], ["dom:dist", "I(dom * dist)"]):
        assert set(labelled(controls)) == {"average effect where dist is 0"}


def test_an_amount_beside_a_function_of_it():
    plain, *others = labelled(["1", "I(amount^2)", "I(amount > 0.3)"], "amount", {"amount": "dom * w"})
    assert others == [f"{plain} where amount is 0", f"{plain}, I(amount > 0.3) held fixed"]


def test_terms_of_the_treatment_and_of_variants_count_as_controls_do():
    treatment = {"d": {"term": "d", "with": "d:x3 + x3"}}
    variant = {"moderator": {"none": {}, "x1": {"add": "x1 + x1:d"}}}
    assert words(treatment=treatment, variant=variant) == [
        "average effect where x3 is 0 (regression weights)",
        "average effect where x1 is 0 and x3 is 0 (regression weights)",
    ]


def test_a_variant_may_change_what_the_treatment_is():
    variant = {"coding": {"dummy": {}, "dose": {"derive": {"d": "dose"}}}}
    assert words(treatment={"d": "d"}, variant=variant) == [
        REGRESSION,
        "average effect per unit of d (regression weights)",
    ]


def test_the_treatments_own_words_come_first():
    treatment = {"d": {"term": "dose", "estimand": "effect of a full dose"}}
    assert words(treatment=treatment, controls={"x": "sw(x1, x1:dose)"}) == ["effect of a full dose"]


def test_other_estimators_say_what_they_average():
    assert words(estimator={"a": "sunab", "b": "did2s"}) == [
        "average effect on the treated (cohort shares)",
        "average effect on the treated (imputation)",
    ]


def test_medians_are_apart_where_the_words_are():
    frame = small_panel().with_columns((pl.col("d") * pl.col("w")).alias("dose"))
    study = {
        "study": {"title": "apart", "data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d", "dose": "dose"},
        "fixed_effects": {"one-way": "id", "two-way": "id + year"},
        "inference": {"draws": 0},
    }
    curve = specdid.run(study, frame, audit=0)
    lines = [line for line in curve.summary().splitlines() if line.startswith("| average effect")]
    assert [line.split("|")[1].strip() for line in lines] == [
        REGRESSION,
        "average effect per unit of dose (regression weights)",
    ]
    assert [line.split("|")[2].strip() for line in lines] == ["2", "2"]


BASES = small_panel(units=12, periods=5).with_columns(
    c=(pl.col("id") % 2).cast(pl.Int64),
    other=(pl.col("id") % 3 == 0).cast(pl.Int64),
    rare=((pl.col("id") == 2) & (pl.col("year") == 2002)).cast(pl.Int64),
)
AT = {f"c{k}": f"c * (year == {k})" for k in range(2001, 2006)} | {
    "did": "c * (year > 2003)",
    "late": "c * (year > 2002)",
    "o1": "other * (year == 2001)",
}


@pytest.mark.parametrize(
    ("treatment", "controls", "effects", "base"),
    [
        ("c2003", "c + c2001 + c2002 + c2005", "year", "year 2004"),
        ("c2003", "c2001 + c2002 + c2005", "id + year", "year 2004"),
        ("c2003", "c2001 + c2002 + c2005", "year", ""),  # the difference in 2003 itself, for nothing holds that of 2004
        ("c2003", "c2001 + c2005", "group + id", "year 2002 and 2004"),
        ("c2003", "c2001", "id", "year 2002, 2004 and 2005"),
        ("c:I(year == 2003)", "c + c:I(year == 2001) + x1", "year", "year 2002, 2004 and 2005"),
        ("did", "c2001 + late", "id + year", ""),  # in 2004 the two together
        ("did", "c2001", "id + year", "year 2002 and 2003"),
        ("c2003", "c", "year", ""),
        ("did", "1", "id + year", ""),
        ("did", "c + x1", "year", ""),
        ("did", "rare + o1 + factor(year)", "id", ""),
        ("d", "c2001 + x1", "id + year", ""),
    ],
)
def test_a_treatment_beside_the_same_units_in_other_periods_is_relative_to_those_that_no_term_names(
    treatment, controls, effects, base
):
    study = small_study(
        outcome={"y": "y"},
        derive=AT,
        treatment={"t": treatment},
        controls={"c": controls},
        fixed_effects={"f": effects},
    )
    (words,) = specdid.plan(study, BASES).estimands
    assert words == f"average effect{' relative to ' * bool(base)}{base} (regression weights)"
    assert known(words, "zh")


def test_what_a_treatment_is_relative_to_follows_controls_and_fixed_effects():
    controls = {"one": "c2001 + c2002 + c2005", "all": "c + c2001 + c2002 + c2005"}
    study = small_study(
        outcome={"y": "y"}, derive=AT, treatment={"t": "c2003"}, controls=controls,
        fixed_effects={"year": "year", "both": "id + year"}, estimator={"OLS": "feols", "Poisson": "fepois"},
    )  # fmt: skip
    plan = specdid.plan(study, BASES)
    found = {
        (controls, effects, estimator): plan.estimands[e]
        for (_, _, controls, effects, _, _, estimator), e in zip(plan.codes[:, :7].tolist(), plan.estimand, strict=True)
    }
    for (controls, effects, estimator), words in found.items():
        assert ("relative to year 2004" in words) == ((controls, effects) != (0, 0)), (controls, effects, estimator)

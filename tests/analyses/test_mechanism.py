"""Interactions and mediators against regressions made by hand, and what cannot be either."""

import re

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from matplotlib.text import Text
from scipy.stats import t as t_distribution
from simulated import analysed, faults_of, records, simulated, spec_with
from specdid.figures import marginal_effect


@pytest.fixture(scope="module")
def data():
    return simulated(units=48)


@pytest.fixture(scope="module")
def found(data):
    result = analysed("mechanism", {"moderator": "size"}, data)
    assert result.failure is None
    return result.finding


def by_hand(data, now=False):
    frame = data.to_pandas()
    before = frame[frame["year"] == 2003].set_index("id")["size"]
    frame["m0"] = frame["m"] if now else frame["id"].map(before)
    frame["dm"] = frame["d"] * frame["m0"]
    right = "d + dm + m0 + x" if now else "d + dm + x"
    return frame, pf.feols(f"y ~ {right} | id + year", frame, vcov={"CRV1": "id"})


def test_the_moderator_is_taken_in_the_last_period_before_the_treatment(data, found):
    _, fit = by_hand(data)
    rows = {r["role"]: r for r in records(found.tables[0])}
    for role, name in (("treatment", "d"), ("interaction", "dm")):
        assert rows[role]["estimate"] == pytest.approx(fit.coef()[name], rel=1e-8)
        assert rows[role]["std_error"] == pytest.approx(fit.se()[name], rel=1e-8)
    assert rows["moderator"]["message"] == "the fixed effects `id + year` absorb it"
    assert found.tables[0].print.notes[0] == "The moderator is taken in 2003."
    assert any("the fixed effects `id + year` absorb it" in note for note in found.tables[0].print.notes)


def test_marginal_effects_have_the_errors_of_the_delta_method(data, found):
    frame, fit = by_hand(data)
    values = frame.groupby("id")["m0"].first()
    names = list(fit.coef().index)
    rows = {r["at"]: r for r in records(found.tables[1])}
    for at, share in (("minimum", 0.0), ("25% quantile", 0.25), ("maximum", 1.0)):
        value = np.quantile(values, share)
        weights = np.array([1.0 if n == "d" else value if n == "dm" else 0.0 for n in names])
        effect, error = weights @ fit.coef(), np.sqrt(weights @ fit._vcov @ weights)
        assert rows[at]["moderator"] == pytest.approx(value)
        assert rows[at]["estimate"] == pytest.approx(effect, rel=1e-8)
        assert rows[at]["std_error"] == pytest.approx(error, rel=1e-8)
        assert rows[at]["conf_high"] == pytest.approx(effect + t_distribution.ppf(0.975, 47) * error, rel=1e-8)


def test_effects_without_an_error_say_why(data):
    one = data.with_columns(one=pl.lit(1))
    found = analysed("mechanism", {"moderator": "size"}, one, vcov={"u": "~id", "none": "~one"}).finding
    for row in records(found.tables[1]):
        said = None if row["vcov"] == "u" else "fewer than two clusters are left, so this variance cannot be computed"
        assert (row["message"], np.isnan(row["std_error"])) == (said, said is not None)


def test_in_the_same_period_both_main_effects_are_in_and_a_bad_control_is_warned_of(data):
    finding = analysed("mechanism", {"moderator": "m", "at": False}, data).finding
    _, fit = by_hand(data, now=True)
    rows = {r["role"]: r for r in records(finding.tables[0])}
    for role, name in (("treatment", "d"), ("interaction", "dm"), ("moderator", "m0")):
        assert rows[role]["estimate"] == pytest.approx(fit.coef()[name], rel=1e-8)
    assert faults_of("mechanism", {"moderator": "size", "at": False}, data) == ["moderator_now"]


def test_of_an_interacted_treatment_all_below_the_triple_interaction_is_in(data):
    """A triple difference: without late:m and pilot:m their slopes stand in the triple interaction."""
    frame = data.with_columns(late=(pl.col("year") >= 2004).cast(pl.Float64))
    treatment = {"policy": {"term": "late:pilot", "with": "late + pilot"}}
    pandas = frame.to_pandas()
    table = {"moderator": "m", "at": False}
    for effects, right, absorbed in (
        ("0", "y ~ late * pilot * m + x", {}),
        ("id + year", "y ~ late:pilot + late:pilot:m + m + late:m + pilot:m + x | id + year", {}),
        ("0", "y ~ late * pilot * m + x", {"controls": {"x": "x + late:m"}}),
    ):
        more = {"treatment": treatment, "fixed_effects": {"only": effects}, **absorbed}
        finding = analysed("mechanism", table, frame, **more).finding
        fit = pf.feols(right, pandas, vcov={"CRV1": "id"})
        rows = {r["term"]: r for r in records(finding.tables[0])}
        for term in ("late:pilot", "late:pilot:m", "late:m", "pilot:m", "m"):
            assert rows[term]["estimate"] == pytest.approx(fit.coef()[term], rel=1e-7)
            assert rows[term]["std_error"] == pytest.approx(fit.se()[term], rel=1e-7)
        assert rows["late:pilot:m"]["role"] == "interaction"
        assert rows["pilot:m"]["role"] == "lower-order interaction"
        assert rows["late:m"]["role"] == ("control" if absorbed else "lower-order interaction")


def test_what_is_absorbed_below_a_triple_interaction_says_so(data):
    frame = data.with_columns(late=(pl.col("year") >= 2004).cast(pl.Float64))
    more = {"treatment": {"policy": {"term": "late:pilot", "with": "late + pilot", "cohort": "cohort"}}}
    finding = analysed("mechanism", {"moderator": "size"}, frame, **more).finding
    rows = {r["term"]: r for r in records(finding.tables[0])}
    assert rows["pilot:size"]["message"] == rows["size"]["message"] == "the fixed effects `id + year` absorb it"
    pandas = frame.to_pandas()
    pandas["m0"] = pandas["id"].map(pandas[pandas["year"] == 2003].set_index("id")["size"])
    fit = pf.feols("y ~ late:pilot + late:pilot:m0 + late:m0 + x | id + year", pandas, vcov={"CRV1": "id"})
    assert rows["late:pilot:size"]["estimate"] == pytest.approx(fit.coef()["late:pilot:m0"], rel=1e-7)
    assert rows["late:size"]["estimate"] == pytest.approx(fit.coef()["late:m0"], rel=1e-7)


def test_at_chooses_the_period(data):
    finding = analysed("mechanism", {"moderator": "size", "at": "year == 2001"}, data).finding
    other = analysed("mechanism", {"moderator": "at(size, year == 2001)"}, data).finding
    one, two = (records(f.tables[0])[1]["estimate"] for f in (finding, other))
    assert one == pytest.approx(two, rel=1e-12)


def test_units_without_a_value_are_left_out_and_counted(data):
    missing = data.with_columns(
        pl.when((pl.col("id") < 2) & (pl.col("year") == 2003)).then(None).otherwise(pl.col("size")).alias("size")
    )
    finding = analysed("mechanism", {"moderator": "size"}, missing).finding
    assert any("2 of 48 units without a value of the moderator" in w for w in map(str, finding.warnings))
    assert records(finding.tables[0])[0]["n_units"] == 46
    gone = missing.with_columns(pl.when(pl.col("id") < 1).then(None).otherwise(pl.col("y")).alias("y"))
    finding = analysed("mechanism", {"moderator": "size"}, gone).finding
    assert any("1 of 47 units without a value of the moderator" in w for w in map(str, finding.warnings))


def test_effects_beyond_the_treated_are_called_extrapolated(data):
    apart = data.with_columns(size=pl.col("size") + 8 * (pl.col("cohort") > 0))
    said = [str(w) for w in analysed("mechanism", {"moderator": "size"}, apart).finding.warnings]
    assert any("where the effect is extrapolated" in w for w in said)


def test_a_moderator_of_few_values_is_shown_value_by_value(data):
    finding = analysed("mechanism", {"moderator": "region"}, data).finding
    assert [r["at"] for r in records(finding.tables[1])] == ["0", "1", "2", "3"]
    panel = finding.charts[0].data.panels[0]
    assert panel.at.tolist() == [0, 1, 2, 3]
    figure = marginal_effect.draw(finding.charts[0].data)
    assert [t.get_text() for t in figure.axes[1].get_xticklabels()] == ["0", "1", "2", "3"]


def test_a_mediator_has_three_regressions_on_the_same_rows(data):
    gaps = data.with_columns(pl.when(pl.col("id") == 5).then(None).otherwise(pl.col("m")).alias("m"))
    finding = analysed("mechanism", {"mediator": "m"}, gaps).finding
    frame = gaps.to_pandas().dropna(subset=["m"])
    rows = {(r["equation"], r["term"]): r for r in records(finding.tables[0])}
    fits = {
        "outcome": pf.feols("y ~ d + x | id + year", frame, vcov={"CRV1": "id"}),
        "mediator": pf.feols("m ~ d + x | id + year", frame, vcov={"CRV1": "id"}),
        "outcome with mediator": pf.feols("y ~ d + m + x | id + year", frame, vcov={"CRV1": "id"}),
    }
    for equation, fit in fits.items():
        assert rows[equation, "d"]["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-8)
        assert rows[equation, "d"]["std_error"] == pytest.approx(fit.se()["d"], rel=1e-8)
        assert rows[equation, "d"]["nobs"] == len(frame)
    difference = fits["outcome"].coef()["d"] - fits["outcome with mediator"].coef()["d"]
    product = rows["mediator", "d"]["estimate"] * rows["outcome with mediator", "m"]["estimate"]
    assert difference == pytest.approx(product, rel=1e-6)
    assert finding.tables[0].print.blocks[1][0].cells[2] == f"{difference:.3f}".replace("-", "−")


def test_a_mediator_among_the_controls_leaves_them(data):
    finding = analysed("mechanism", {"mediator": "m"}, data, controls={"both": "x + m"}).finding
    plain = analysed("mechanism", {"mediator": "m"}, data).finding
    assert finding.tables[0].rows[0][-13:] == plain.tables[0].rows[0][-13:]
    assert any("m is among the controls" in w for w in map(str, finding.warnings))


@pytest.mark.parametrize(
    ("table", "code"),
    [
        ({}, "missing_key"),
        ({"moderator": "size", "mediator": "m"}, "contradiction"),
        ({"mediator": "m", "at": "year == 2003"}, "contradiction"),
        ({"moderator": "size", "at": True}, "out_of_range"),
        ({"moderator": "size", "at": "year == 2005"}, "moderator_after_treatment"),
        ({"moderator": "size", "at": "year < 2003"}, "several_values"),
        ({"moderator": "size", "at": "year == 1990"}, "no_pre_period"),
        ({"moderator": "d"}, "bad_moderator"),
        ({"mediator": "2 * d"}, "bad_moderator"),
        ({"moderator": "year"}, "bad_moderator"),
        ({"moderator": "name"}, "wrong_type"),
    ],
)
def test_what_cannot_be_a_mechanism_is_a_fault(data, table, code):
    named = data.with_columns(name=pl.col("region").cast(pl.String) + "a")
    assert faults_of("mechanism", table, named) == [code]


def test_a_treatment_without_a_period_before_it_has_no_baseline(data):
    late = data.filter(pl.col("year") >= 2004)
    assert "no_pre_period" in faults_of("mechanism", {"moderator": "size"}, late)


def test_another_estimator_is_a_message(data):
    finding = analysed("mechanism", {"moderator": "size"}, data, estimator={"sa": "sunab"}).finding
    assert finding.charts == ()
    assert any("a moderator is for least squares" in w for w in map(str, finding.warnings))


def test_the_figure_shows_the_line_its_interval_and_the_units(found):
    figure = marginal_effect.draw(found.charts[0].data)
    texts = [t.get_text() for t in figure.findobj(Text)]
    assert "size (in 2003)" in texts
    assert {"treated units (16)", "control units (32)", "average effect (dashed)", "95% interval"} <= set(texts)
    panel = found.charts[0].data.panels[0]
    assert (len(panel.treated), len(panel.control)) == (16, 32)
    assert np.all(panel.low < panel.effect)
    assert np.all(panel.effect < panel.high)


def test_without_units_a_moderator_is_taken_as_it_is_or_not_at_all(data):
    study, plain = {"data": "simulated.csv"}, {"policy": "d"}
    assert faults_of("mechanism", {"moderator": "m"}, data, study=study, treatment=plain)[-1] == "no_unit"
    found = analysed("mechanism", {"moderator": "m", "at": False}, data, study=study, treatment=plain)
    assert found.failure is None
    assert len(found.finding.charts[0].data.panels[0].treated) == int(data["d"].sum())


def test_a_mediator_that_cannot_be_estimated_is_named(data):
    said = [str(w) for w in analysed("mechanism", {"mediator": "region"}, data).finding.warnings]
    assert any("y, mediator: the outcome `region` does not vary" in w for w in said)


def test_the_caveat_of_mediators_is_said_once(data):
    curve = specdid.run(spec_with("mechanism", {"mediator": "m"}, inference={"draws": 0}), data, audit=0)
    assert curve.summary().count("it gives a direct effect only where nothing unobserved moves") == 1


def test_interactions_of_a_figure_have_the_same_decimals_and_two_digits(data):
    """One was −0.008 beside −0.0013: its error, not its size, chose the decimals."""
    spec = {"outcome": {"y": "y", "small": "I(y / 100)", "tiny": "I(y / 3000)"}}
    result = analysed("mechanism", {"moderator": "size"}, data, **spec)
    facts = [re.search(r"interaction −?(\d+)\.(\d+)", p.facts[0]) for p in result.finding.charts[0].data.panels]
    assert len(facts) == 3
    assert len({len(f[2]) for f in facts}) == 1
    assert all(len(f[2].lstrip("0")) >= 2 or int(f[1]) for f in facts)

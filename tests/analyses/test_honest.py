"""[honest]: which estimates the bounds are of, what is left out and said, and every specification of the curve."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import specdid
from scipy import stats
from specdid._records import Status
from specdid._words import known
from specdid.analyses._honest_bounds import Estimates, RelativeMagnitudes, Smoothness
from specdid.analyses.honest import _curve_lines, from_reference
from specdid.figures._curve_data import Breakdowns, curve_data
from specdid.figures._style import ACCENT
from specdid.figures.honest import HonestData, HonestPanel, draw

STUDY = {
    "study": {"title": "Honest", "unit": "unit", "time": "year", "seed": 7},
    "outcome": {"y": {"formula": "y"}},
    "treatment": {"law": {"term": "law", "cohort": "adopted"}},
    "controls": {"none": "1", "x": "x"},
    "inference": {"draws": 0},
}


def panel(seed=3, units=60, staggered=False, effect=1.0):
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(units), 9), np.tile(np.arange(2001, 2010), units)
    adopted = np.where(unit % 2 == 0, 2006, 0)
    if staggered:
        adopted = np.where(unit % 4 == 2, 2007, adopted)
    law = ((adopted > 0) & (year >= adopted)).astype(float)
    walk = np.cumsum(rng.normal(size=(units, 9)), axis=1).ravel() * 0.3
    x = rng.normal(size=len(unit))
    y = rng.normal(size=units)[unit] + 0.1 * year + effect * law + walk + 0.2 * x
    return pd.DataFrame({"unit": unit, "year": year, "adopted": adopted, "law": law, "x": x, "y": y})


def ran(data, honest=None, **more):
    return specdid.run({**STUDY, **more, "honest": honest or {}}, data=data, audit=0, jobs=1)


def rows(curve, suffix=""):
    (one,) = curve.analyses
    assert one.failure is None, one.failure
    table = next(t for t in one.finding.tables if t.suffix == suffix)
    return [dict(zip(table.header, row, strict=True)) for row in table.rows]


def event_study(data, reference=2005, controls=""):
    """Dummies of the treated by year, by pyfixest on columns made here."""
    frame, years = data.copy(), [y for y in range(2001, 2010) if y != reference]
    for y in years:
        frame[f"d{y}"] = ((frame.year == y) & (frame.adopted > 0)).astype(float)
    names = [f"d{y}" for y in years]
    fit = pf.feols(
        f"y ~ {' + '.join(names)}{controls} | unit + year",
        frame,
        vcov={"CRV1": "unit"},
        demeaner=pf.MapDemeaner(fixef_tol=1e-12),
    )
    at = [fit._coefnames.index(n) for n in names]
    return fit.coef().loc[names].to_numpy(), fit._vcov[np.ix_(at, at)]


def test_effects_of_a_dose_are_said_not_to_be_per_unit_of_it():
    """The curve is per unit of the dose; event study and robust sets are of dummies of the cohort."""
    of_law = panel()
    dose = of_law.assign(law=of_law.law * (1 + of_law.unit / 10))
    missing = of_law.assign(law=of_law.law.where(of_law.unit != 1))
    told_ = "effects are of being treated, not per unit of `law`, which has other values than 0 and 1"
    for data, n in ((dose, 1), (of_law, 0), (missing, 0)):
        found = ran(data, event_study={"vary": ["controls"]})
        for analysis in found.analyses:
            notes = analysis.finding.tables[0].print.notes
            assert (f"E{told_[1:]}." in notes) == bool(n)
    assert known(told_, "zh")


@pytest.fixture(scope="module")
def curve():
    return ran(panel(), {"smoothness": [0, 0.1], "relative_magnitudes": [0, 1]})


@pytest.fixture(scope="module")
def by_hand():
    beta, vcov = event_study(panel())
    return Estimates(beta[:4], beta[4:], vcov, np.array([1.0, 0, 0, 0]))


def test_the_sets_are_those_of_an_event_study_by_another_program(curve, by_hand):
    found = rows(curve)
    assert [r["restriction"] for r in found] == ["parallel trends", *["relative magnitudes"] * 2, *["smoothness"] * 2]
    for row in found[1:]:
        kind = RelativeMagnitudes if row["restriction"] == "relative magnitudes" else Smoothness
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(
            kind(by_hand).confidence_set(row["bound"]), rel=1e-6
        )
        assert row["breakdown"] == pytest.approx(kind(by_hand).breakdown()[0], rel=1e-6)
        assert (row["periods_before"], row["periods_after"]) == (4, 4)
    assert found[0]["estimate"] == pytest.approx(by_hand.effect)
    margin = stats.t.isf(0.025, 60 - 1) * by_hand.std_error
    assert found[0]["conf_high"] - found[0]["estimate"] == pytest.approx(margin, rel=1e-6)
    assert found[0]["estimate"] - found[0]["conf_low"] == pytest.approx(margin, rel=1e-6)


def test_every_specification_of_the_curve_has_its_row(curve, by_hand):
    found = rows(curve, "breakdown")
    assert [r["controls"] for r in found] == ["none", "x"]
    assert [r["index"] for r in found] == [1, 2]
    assert found[0]["breakdown_relative_magnitudes"] == pytest.approx(RelativeMagnitudes(by_hand).breakdown()[0])
    assert found[0]["survives"] == (found[0]["breakdown_relative_magnitudes"] >= 1)
    beta, vcov = event_study(panel(), controls=" + x")
    other = Estimates(beta[:4], beta[4:], vcov, np.array([1.0, 0, 0, 0]))
    assert found[1]["breakdown_relative_magnitudes"] == pytest.approx(
        RelativeMagnitudes(other).breakdown()[0], rel=1e-5
    )
    assert found[1]["breakdown_smoothness"] == pytest.approx(Smoothness(other).breakdown()[0], rel=1e-5)
    survive = sum(r["survives"] for r in found)
    said = "\n".join(line for one in curve.analyses for line in one.finding.lines)
    assert f"In {survive} of them" in said


def test_the_figure_of_the_curve_has_the_values_in_its_order(curve):
    values = curve.analyses[0].finding.breakdowns
    data = curve_data(curve.results, breakdowns=values)
    (shown,) = data.panels
    by_place = [r["breakdown_relative_magnitudes"] for r in rows(curve, "breakdown")]
    assert shown.breakdowns.values.tolist() == pytest.approx([by_place[p] for p in shown.positions])
    assert curve_data(curve.results).panels[0].breakdowns is None
    texts = [t.get_text() for t in curve.plot().findobj() if hasattr(t, "get_text")]
    assert "Breakdown M̄" in texts


def test_a_figure_of_sets_says_what_its_intervals_are(curve):
    """The bar at M̄ = 0 has no row in the file, and the key gave the level of one of two intervals."""
    for one, row in ((ran(panel(), {"relative_magnitudes": [1]}), False), (curve, True)):
        (chart,) = (c.data for c in one.analyses[0].finding.charts if c.figure == "honest")
        assert chart.panels[0].bound[0] == 0
        assert (0 in [r["bound"] for r in rows(one) if r["restriction"] == "relative magnitudes"]) is row
        said = " ".join(t.get_text() for t in draw(chart).texts)
        assert ("At M̄ = 0 it is parallel trends again" in said) is not row
        assert "95% interval, parallel trends" in said


def test_leads_of_did2s_understate_what_event_studies_find_before():
    """Why they are refused: with one cohort in a balanced panel they are half of the event study's, effects are whole.

    The half is the share of the never treated: period effects before take the rest.
    """
    made = ran(panel(), controls={"none": "1"}, estimator={"it": "did2s"})
    other = specdid.run(
        {**STUDY, "controls": {"none": "1"}, "estimator": {"it": "did2s"}, "event_study": {}}, data=panel(), audit=0
    )
    assert rows(made)[0]["message"]
    table = rows(other)
    ours = {r["period"]: r["estimate"] for r in table if r["term"] == "period"}
    beta, _ = event_study(panel())
    before = np.append(beta[:4], 0.0)
    expected = 0.5 * (before - before.mean())
    assert [ours[k] for k in range(-5, -1)] == pytest.approx(expected[:4].tolist(), rel=1e-6)
    assert [ours[k] for k in range(4)] == pytest.approx((beta[4:] - before.mean()).tolist(), rel=1e-6)


def test_plot_draws_the_values_again_from_the_files(tmp_path):
    from specdid._run.write import draw_again

    data = panel()
    for path, given in (("a", {}), ("b", {"x": {"specifications": 1}, "y": {"effect": "average"}})):
        out = tmp_path / path
        specdid.run({**STUDY, "honest": given, "figure": {"formats": ["svg"]}}, data=data, audit=0, jobs=1, out=out)
        drawn = (out / "curve.svg").read_bytes()
        (out / "curve.svg").unlink()
        draw_again(out, None, ("svg",))
        assert (out / "curve.svg").read_bytes() == drawn
        assert "Breakdown" in drawn.decode()


@pytest.mark.usefixtures("undrawn_test")
def test_a_strangers_file_of_breakdown_values_is_told(tmp_path):
    from specdid._run.write import draw_again

    specdid.run({**STUDY, "honest": {}, "figure": {"formats": ["svg"]}}, data=panel(), audit=0, jobs=1, out=tmp_path)
    file = tmp_path / "honest_breakdown.csv"
    file.write_text(file.read_text().replace("\n1,", "\n99,", 1))
    with pytest.raises(specdid.SpecError, match="is not the file that a run writes"):
        draw_again(tmp_path, None, ("svg",))


def test_the_table_is_written_for_any_latex(curve):
    from specdid.tables.latex import escape, wants_unicode, write

    assert escape("M̄ = 1") == r"$\bar{M}$ = 1"
    text = write(curve.analyses[0].finding.tables[0].print)
    assert not wants_unicode(text)
    assert r"$\bar{M}$ = 1" in text


def test_summed_leads_of_csdid_are_those_of_the_universal_base():
    both = [
        rows(
            ran(
                panel(),
                {"smoothness": [0.05]},
                controls={"none": "1"},
                estimator={"cs": {"method": "csdid", "aggregate": "dynamic", "base_period": base}},
            )
        )
        for base in ("varying", "universal")
    ]
    assert "summed" in both[0][0]["message"]
    for one, other in zip(*both, strict=True):
        assert one["periods_before"] == other["periods_before"] == 4
        for key in ("estimate", "std_error", "conf_low", "conf_high"):
            assert one[key] == pytest.approx(other[key], rel=1e-7)
        if one["breakdown"] is not None:
            assert one["breakdown"] == pytest.approx(other["breakdown"], rel=1e-6)


@pytest.mark.parametrize("method", ["sunab", "lpdid", "stackedev"])
def test_estimators_with_a_path_have_bounds(method):
    options = {"lpdid": {"pre_window": 2, "post_window": 1}, "stackedev": {"pre_window": 3, "post_window": 2}}
    estimator = {"it": {"method": method, **options.get(method, {})}}
    made = ran(panel(staggered=True), {"window": [-3, 2], "ends": "drop"}, controls={"none": "1"}, estimator=estimator)
    found = rows(made)
    assert all(r["conf_low"] < r["estimate"] < r["conf_high"] for r in found if r["bound"] is not None)
    assert found[0]["periods_before"] == 2
    assert rows(made, "breakdown")[0]["message"] != ""


@pytest.mark.parametrize("method", ["did_imputation", "did2s"])
def test_leads_and_effects_against_different_rows_are_refused_with_the_reason(method):
    made = ran(panel(), controls={"none": "1"}, estimator={"it": method})
    (row,) = rows(made)
    assert "are not changes from one period" in row["message"]
    assert row["conf_low"] is None
    (other,) = rows(made, "breakdown")
    assert other["survives"] is None
    assert "No specification of the curve (1)" in "\n".join(made.analyses[0].finding.lines)


def test_a_covariance_to_be_doubted_has_no_bounds():
    """Two-way by units and nine years: not positive semi-definite."""
    made = ran(panel(), controls={"none": "1"}, vcov={"two": "~unit + year"})
    (row,) = rows(made)
    assert row["message"].startswith("the variance matrix under this vcov is not positive semi-definite")
    assert rows(made, "breakdown")[0]["message"] == row["message"]


def test_two_periods_that_are_zero_by_construction_have_no_known_changes():
    clock = SimpleNamespace(reference=-1, text=str)
    cell = SimpleNamespace(method="sunab")
    found = SimpleNamespace(
        periods=np.array([-2, 0]), references=(-3, -1), clock=clock, cell=cell, from_previous=False, notes=(),
        untestable="",
    )  # fmt: skip
    assert from_reference(found).startswith("periods -3 and -1 are all zero by construction")


def test_bins_are_no_single_periods():
    made = ran(panel(), {"window": [-3, 2], "ends": "bin"})
    found = rows(made)
    assert (found[0]["periods_before"], found[0]["periods_after"]) == (1, 2)
    assert "without period −3 and 2, which hold what lies beyond them" in found[0]["message"]


def test_a_bin_beside_the_reference_leaves_no_change_before():
    (row,) = rows(ran(panel(), {"window": [-2, 2], "ends": "bin"}))
    assert "no single period before the reference" in row["message"]


def test_periods_beyond_a_gap_are_left_out():
    data = panel()
    (found, *_) = rows(ran(data[data.year != 2003], {"effect": 1}))
    assert found["periods_before"] == 1
    assert "beyond a gap" in found["message"]
    (lacking,) = rows(ran(data[data.year != 2007], {"effect": 2}))
    assert "after a gap" in lacking["message"]


def test_an_earlier_reference_allows_for_anticipation():
    found = rows(ran(panel(), {"reference": -2, "relative_magnitudes": [0.5]}))
    beta, vcov = event_study(panel(), reference=2004)
    one = Estimates(beta[:3], beta[3:], vcov, np.array([0.0, 1.0, 0, 0, 0]))
    assert (found[1]["conf_low"], found[1]["conf_high"]) == pytest.approx(
        RelativeMagnitudes(one).confidence_set(0.5), rel=1e-6
    )
    assert "anticipation" in found[0]["message"]


def test_the_average_after_anticipation_is_of_treated_periods_alone():
    found = rows(ran(panel(), {"effect": "average", "reference": -2, "relative_magnitudes": [0.5]}))
    beta, vcov = event_study(panel(), reference=2004)
    one = Estimates(beta[:3], beta[3:], vcov, np.array([0.0, *[0.25] * 4]))
    assert found[0]["estimate"] == pytest.approx(one.effect)
    assert (found[1]["conf_low"], found[1]["conf_high"]) == pytest.approx(
        RelativeMagnitudes(one).confidence_set(0.5), rel=1e-6
    )


def test_the_average_is_of_all_single_periods_after():
    found = rows(ran(panel(), {"effect": "average", "relative_magnitudes": [1]}))
    beta, vcov = event_study(panel())
    one = Estimates(beta[:4], beta[4:], vcov, np.full(4, 0.25))
    assert (found[1]["conf_low"], found[1]["conf_high"]) == pytest.approx(
        RelativeMagnitudes(one).confidence_set(1.0), rel=1e-6
    )


def test_a_singular_covariance_has_no_bounds_on_the_slope():
    """Six clusters cannot tell the variance of eight estimates."""
    made = ran(panel(units=6), {"smoothness": [0]})
    found = rows(made)
    assert [r["restriction"] for r in found if r["conf_low"] is None] == ["smoothness"]
    assert "singular" in found[-1]["message"]
    assert any(w.code == "honest_few_clusters" for w in made.warnings)


def test_an_effect_that_breaks_down_is_a_serious_warning():
    data = panel(effect=0.2)
    made = ran(data)
    value = rows(made)[1]["breakdown"]
    assert value is not None
    assert value < 1
    assert [w.severity for w in made.warnings if w.code == "honest_breakdown"] == ["serious"]
    assert not [w for w in ran(panel(effect=6.0)).warnings if w.code == "honest_breakdown"]
    none = ran(panel(effect=0.0), controls={"none": "1"})
    assert rows(none)[0]["conf_low"] < 0 < rows(none)[0]["conf_high"]
    assert not [w for w in none.warnings if w.code == "honest_breakdown"]


def test_zero_that_is_inside_already_counts_as_a_breakdown_of_nothing():
    found = Breakdowns(np.array([np.nan, 1.0, 3.0, np.nan]), np.array([True, True, True, False]), "first")
    (line,) = (
        line for line in _curve_lines(found, 4, SimpleNamespace(effect="first", words="first")) if "median" in line
    )
    assert "In 2 of them (67%)" in line
    assert "in 1 it is inside at M̄ = 0 already. The median breakdown value is 1.00." in line


def test_a_part_of_the_curve_is_drawn_by_the_seed_and_said():
    first, second = (ran(panel(), {"specifications": 1}) for _ in range(2))
    assert len(rows(first, "breakdown")) == 1
    assert rows(first, "breakdown") == rows(second, "breakdown")
    assert any(w.code == "honest_part" for w in first.warnings)
    none = ran(panel(), {"specifications": 0})
    assert len(none.analyses[0].finding.tables) == 1


@pytest.mark.parametrize("samples", [("TRUE", "year >= 2003"), ("year >= 2003", "TRUE")])
def test_of_one_model_with_several_event_studies_the_lowest_value_counts_whatever_the_order(samples):
    """csdid reads the last period before alone: leads of years that it does not read make another event study."""
    data = panel(effect=2.0)
    data.loc[(data.year == 2001) & (data.adopted > 0), "y"] += 1.0
    made = ran(
        data,
        sample=dict(zip("ab", samples, strict=True)),
        controls={"none": "1"},
        estimator={"e": "csdid"},
    )
    assert made.table.status.to_list() == ["ok", "duplicate"]
    found = rows(made, "breakdown")
    assert [r["index"] for r in found] == [1, 2]
    values = {s: r["breakdown_relative_magnitudes"] for s, r in zip(samples, found, strict=True)}
    assert values["TRUE"] < 0.99 * values["year >= 2003"]
    drawn = made.analyses[0].finding.breakdowns
    assert (drawn.known.tolist(), drawn.several) == ([True, False], 1)
    assert drawn.values[0] == values["TRUE"]
    assert len(rows(ran(panel(), {"specifications": 1}, sample={"a": "TRUE", "b": "x < 99"}), "breakdown")) == 1


def test_a_point_without_an_event_study_of_its_own_and_values_of_zero():
    values, known = np.array([np.nan, 2.0, np.nan, 1.0, np.inf]), np.array([False, True, True, True, True])
    found = Breakdowns(values, known, "first").of_points(np.array([-1, 0, -1, 2, -1]))
    assert found.known.tolist() == [True, False, True, False, True]
    np.testing.assert_array_equal(found.values, [2.0, np.nan, np.nan, np.nan, np.inf])
    assert found.several == 1


def test_failed_specifications_have_no_row():
    data = panel()
    data["flat"] = data.law * 0 + data.unit
    made = ran(data, sample={"all": "TRUE", "never": "adopted == 0"})
    ok = np.flatnonzero(made.results.status == Status.OK)
    assert [r["index"] for r in rows(made, "breakdown")] == (ok + 1).tolist()
    assert len(ok) == 2


def test_an_effect_beyond_the_window_is_a_fault():
    with pytest.raises(specdid.SpecError, match="after the window"):
        ran(panel(), {"effect": 4, "window": [-3, 2]})


@pytest.mark.parametrize("effect", [0.0, 3.0])
def test_the_set_at_zero_is_drawn_whether_zero_is_inside_it_and_the_table_has_the_bounds_asked(effect):
    made = ran(panel(effect=effect), {"relative_magnitudes": [0.5, 1], "smoothness": [0.1]})
    assert [r["bound"] for r in rows(made)] == [None, 0.5, 1.0, 0.1]
    (found,) = made.analyses
    (chart,) = found.finding.charts
    for drawn in chart.data.panels:
        assert drawn.bound[0] == 0
        assert (drawn.low[0] <= 0 <= drawn.high[0]) == np.isnan(drawn.breakdown) == (effect == 0)


@pytest.mark.parametrize("width", [None, 3.3])
def test_the_figure_names_the_bar_under_parallel_trends_where_it_stands(width):
    bound = np.linspace(0, 2, 5)
    panel = HonestPanel("effect", True, bound, -0.3 - bound, -0.1 + bound, (-0.2, -0.3, -0.1), 0.5)
    figure = draw(HonestData("Sets", (panel, panel), "95%"), width)
    told = [t for t in figure.texts if t.get_text() in ("parallel", "trends") and t.get_color() == ACCENT]
    assert [t.get_text() for t in told] in (["parallel", "trends"] * 2, ["trends", "parallel"] * 2)
    assert all(t.get_ha() == "right" for t in told)


def test_a_breakdown_is_of_the_estimates_sign_alone():
    """Trends of before that go on in a line put the set at M = 0 on the other side of zero from the estimate."""
    data = panel(effect=-1.2)
    data["y"] += 0.8 * (data.year - 2005) * (data.adopted > 0)
    curve = ran(data, {"effect": "average", "smoothness": [0], "relative_magnitudes": [0]}, controls={"none": "1"})
    (zero,) = [r for r in rows(curve) if r["restriction"] == "smoothness"]
    assert zero["conf_high"] < 0 < zero["estimate"]
    assert zero["breakdown"] is None
    said = "the set at M = 0 is wholly negative while the estimate is positive"
    assert zero["message"] == said
    (one,) = rows(curve, "breakdown")
    assert one["breakdown_smoothness"] is None
    assert said in one["message"]
    assert [w.severity for w in curve.warnings if w.code == "honest_other_sign"] == ["serious"]
    (analysis,) = curve.analyses
    assert known(said, "zh")
    (chart,) = analysis.finding.charts
    texts = draw(chart.data).findobj(lambda a: hasattr(a, "get_text"))
    assert said in " ".join(" ".join(text.get_text() for text in texts).split())  # a wide font breaks its line

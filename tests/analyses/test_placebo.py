"""Placebos against explicit refits, p-values by their definition, draws by their seed."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import specdid
from matplotlib.text import Text
from scipy.stats import binomtest
from simulated import SPEC, analysed, faults_of, records, simulated, spec_with
from specdid.analyses import _timing, placebo
from specdid.analyses.placebo import ENOUGH, Placebos, Placed, _rejecting, _warnings, disagreement, two_sided
from specdid.figures import placebo_density
from specdid.figures.placebo_density import PlaceboData, PlaceboPanel
from specdid.inference._assignment import STREAM
from specdid.inference._base import draw_null
from specdid.inference._draw_tables import DrawTable

DRAWS = 39


@pytest.fixture(scope="module")
def data():
    return simulated(units=24)


@pytest.fixture(scope="module")
def found(data):
    result = analysed("placebo", {"draws": DRAWS, "strata": "region", "periods": [1, 2]}, data)
    assert result.failure is None
    return result.finding


def test_draws_are_refits_with_paths_dealt_out_within_strata(data, found):
    frame = data.to_pandas()
    rows = records(found.tables[1])
    assert len(rows) == DRAWS
    path = frame.pivot(index="id", columns="year", values="d")
    region = frame.groupby("id")["region"].first().to_numpy()
    for draw in (0, 17):
        generator = np.random.Generator(np.random.Philox(key=[7, STREAM + draw]))
        source = np.arange(len(path))
        for stratum in range(4):
            mine = np.flatnonzero(region == stratum)
            source[mine] = generator.permutation(mine)
        moved = frame.assign(d=path.to_numpy()[source][frame["id"], frame["year"] - 2000])
        fit = pf.feols("y ~ d + x | id + year", moved, vcov={"CRV1": "id"})
        assert rows[draw]["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-8)
        assert rows[draw]["statistic"] == pytest.approx(fit.tstat()["d"], rel=1e-8)
        assert rows[draw]["p_value"] == pytest.approx(fit.pvalue()["d"], rel=1e-8)


def test_the_permutation_p_counts_draws_at_least_as_extreme(found):
    (row,) = records(found.tables[0])
    drawn = records(found.tables[1])
    extreme = sum(abs(d["estimate"]) >= abs(row["estimate"]) for d in drawn)
    assert row["p_permutation"] == (1 + extreme) / (DRAWS + 1)
    by_t = sum(abs(d["statistic"]) >= abs(row["statistic"]) for d in drawn)
    assert row["p_permutation_t"] == (1 + by_t) / (DRAWS + 1)
    assert row["placebo_significant"] == pytest.approx(np.mean([d["p_value"] < 0.05 for d in drawn]))
    assert row["draws"] == DRAWS
    assert row["p_least"] == 1 / (DRAWS + 1)


def test_mean_spread_and_quantiles_are_those_of_the_draws(found):
    (row,) = records(found.tables[0])
    drawn = pd.Series([d["estimate"] for d in records(found.tables[1])])
    assert (row["placebo_mean"], row["placebo_sd"]) == pytest.approx((drawn.mean(), drawn.std()), rel=1e-12)
    quantiles = [row[f"placebo_q{q}"] for q in ("025", "500", "975")]
    assert quantiles == pytest.approx(drawn.quantile([0.025, 0.5, 0.975]).tolist(), rel=1e-12)


def test_strata_of_the_placebo_stand_before_those_of_the_study(data):
    tiers = data.with_columns(tier=data["id"] // 12)
    given = {"inference": {"assign": "pilot", "strata": "tier"}, "treatment": {"policy": "I(pilot * (year >= 2004))"}}
    own, without = (
        analysed("placebo", {"draws": 19, "strata": "region"}, tiers, **{**given, "inference": said})
        for said in (given["inference"], {"assign": "pilot"})
    )
    of_study = analysed("placebo", {"draws": 19}, tiers, **given)
    assert own.finding.tables[1].rows == without.finding.tables[1].rows
    assert own.finding.tables[1].rows != of_study.finding.tables[1].rows


def test_the_timing_placebo_is_a_regression_on_rows_before_the_treatment(data, found):
    frame = data.to_pandas()
    before = frame[frame["year"] < 2004]
    timing = {r["periods_earlier"]: r for r in records(found.tables[2])}
    for earlier in (1, 2):
        moved = before.assign(d=((before["cohort"] > 0) & (before["year"] >= 2004 - earlier)).astype(float))
        fit = pf.feols("y ~ d + x | id + year", moved, vcov={"CRV1": "id"})
        assert timing[earlier]["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-8)
        assert timing[earlier]["std_error"] == pytest.approx(fit.se()["d"], rel=1e-8)
        assert timing[earlier]["nobs"] == len(before)


def test_with_several_cohorts_a_unit_leaves_when_its_own_treatment_begins():
    data = simulated(units=30, cohorts=(2003, 2005))
    finding = analysed("placebo", {"draws": 19, "periods": [1]}, data).finding
    frame = data.to_pandas()
    before = frame[(frame["d"] == 0) & (frame["year"] < 2005)]
    moved = before.assign(d=((before["cohort"] > 0) & (before["year"] >= before["cohort"] - 1)).astype(float))
    fit = pf.feols("y ~ d + x | id + year", moved, vcov={"CRV1": "id"})
    (row,) = records(finding.tables[2])
    assert row["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-8)


@pytest.mark.parametrize(
    "estimator",
    ["feols", "sunab", "did2s", "did_imputation", "lpdid", "stackedev", {"method": "csdid", "control": "notyet"}],
)
def test_the_timing_placebo_is_by_the_estimator_of_the_specification(estimator):
    """As a run finds it in the data cut before adoption, with the cohort and the treatment moved there."""
    data = simulated(units=30, cohorts=(2003, 2005))
    bare = {"estimator": {"e": estimator}, "controls": {"none": "1"}}
    finding = analysed("placebo", {"draws": 19, "periods": [1, 2]}, data, **bare).finding
    ever = pl.col("cohort") > 0
    cut = data.filter((~ever | (pl.col("year") < pl.col("cohort"))) & (pl.col("year") < 2005))
    rows = {r["periods_earlier"]: r for r in records(finding.tables[2])}
    for earlier in (1, 2):
        moved = cut.with_columns(cohort=pl.when(ever).then(pl.col("cohort") - earlier).otherwise(0))
        moved = moved.with_columns(d=(ever & (pl.col("year") >= pl.col("cohort"))).cast(float))
        expected = specdid.run({**SPEC, **bare, "inference": {"draws": 0}}, moved, audit=0).table.iloc[0]
        for column in ("estimate", "std_error", "nobs"):
            assert rows[earlier][column] == pytest.approx(expected[column], rel=1e-8)
    assert {w.code for w in finding.warnings} <= {"no_placebo", "placebo_timing"}
    (forest,) = (c for c in finding.charts if c.suffix == "timing")
    assert "by the specification's own estimator" in forest.data.note
    assert "before the last adoption of all: never treated units, too" in forest.data.note
    assert "The actual estimate is the specification's, from its own rows." in forest.data.note


@pytest.mark.parametrize(
    ("estimator", "why"),
    [("did_multiplegt_dyn", "its placebos are its leads in [event_study]"), ("sdid", "with several cohorts no panel")],
)
def test_an_estimator_that_a_moved_treatment_does_not_become_has_a_reason(estimator, why):
    """Leavers entered with the wrong sign, and the always treated as never treated; sdid blamed the data."""
    bare = {"estimator": {"e": estimator}, "controls": {"none": "1"}}
    data = simulated(units=30, cohorts=(2003, 2005))
    finding = analysed("placebo", {"draws": 19, "periods": [1]}, data, **bare).finding
    (row,) = records(finding.tables[2])
    assert row["estimate"] is None
    assert why in row["message"]


def test_the_same_seed_gives_the_same_draws_for_any_number_of_workers(data):
    table = {"draws": 40}
    one, two = (analysed("placebo", table, data, jobs=j).finding.tables[1].rows for j in (1, 2))
    assert one == two
    study = {"unit": "id", "time": "year", "data": "simulated.csv", "seed": 8}
    other = analysed("placebo", table, data, study=study).finding.tables[1].rows
    assert other != one


def test_draws_that_fail_are_told_once_and_of_no_other_specification(data, monkeypatch):
    def failing(null, context):
        def draw(given):
            drawn = null.draw(given)
            statistic = np.array(np.asarray(drawn.null_statistic))
            statistic[:, [3, 5]] = np.nan
            return replace(drawn, null_statistic=DrawTable.of(statistic))

        return draw_null(replace(null, draw=draw), context)

    monkeypatch.setattr("specdid.analyses.placebo.draw_null", failing)
    finding = analysed("placebo", {"draws": DRAWS}, data).finding
    (said,) = (w for w in finding.warnings if w.code == "draws_failed")
    assert (said.message, said.severity) == ("y: 2 draws have no estimate: left out", "serious")
    assert records(finding.tables[0])[0]["draws"] == DRAWS - 2


def test_five_hundred_draws_by_default(data):
    assert len(analysed("placebo", {}, data).finding.tables[1].rows) == 500


def test_what_moves_is_what_inference_assigns_or_what_the_treatment_is_made_of(data, found):
    assert (
        found.tables[0]
        .print.notes[0]
        .startswith("In each placebo every id takes the cohort and policy of another id within the same region")
    )
    spec = {"assign": "pilot", "null": ["wild"]}
    treatment = {"policy": "I(pilot * (year >= 2004))"}
    written = analysed("placebo", {"draws": 19}, data, inference=spec, treatment=treatment).finding
    assert written.tables[0].print.notes[0].startswith("In each placebo every id takes the pilot of another id, drawn")
    plain = analysed("placebo", {"draws": 19}, data, treatment=treatment).finding
    assert plain.tables[1].rows == written.tables[1].rows


def test_an_effect_before_its_time_is_warned_of(data):
    early = data.with_columns(y=data["y"] + 3.0 * ((data["cohort"] > 0) & (data["year"] >= 2002)))
    said = [str(w) for w in analysed("placebo", {"draws": 19, "periods": [2]}, early).finding.warnings]
    assert any(w.startswith("y: moved 2 periods earlier the treatment has an effect of") for w in said)


def test_placebos_without_a_standard_error_are_not_counted_among_those_that_could_reject(data):
    early = data.with_columns(y=data["y"] + 3.0 * ((data["cohort"] > 0) & (data["year"] >= 2002)))
    both = {"estimator": {"o": "feols", "s": "stackedev"}, "controls": {"none": "1"}, "vcov": {"robust": "hetero"}}
    table = {"draws": 19, "periods": [1, 2], "vary": ["estimator"]}
    said = " ".join(str(w) for w in analysed("placebo", table, early, **both).finding.warnings)
    assert re.search(r"of 2 such placebos", said), said


def test_an_estimator_that_is_not_least_squares_has_a_message_and_no_figure(data):
    found = analysed("placebo", {"draws": 19}, data, estimator={"two-stage": "did2s"}, controls={"none": "1"})
    assert found.failure is None
    assert found.finding.charts == ()
    assert any("random placebos are for least squares" in w for w in map(str, found.finding.warnings))


@pytest.mark.parametrize(("periods", "place"), [([1, 1, 2, 9], 3), ([1, 9, 9], 1)])
def test_a_period_that_is_too_many_is_pointed_at_where_periods_are_repeated(data, periods, place):
    (fault,) = [f for f in specdid.check(spec_with("placebo", {"periods": periods}), data) if f.code == "no_pre_period"]
    assert fault.path == ("placebo", "periods", f"[{place}]")


def test_the_treatment_is_moved_once_for_every_placebo_in_time(data, monkeypatch):
    moved, made = [], _timing._moved
    monkeypatch.setattr(_timing, "_moved", lambda *given: moved.append(given[-1]) or made(*given))
    assert analysed("placebo", {"draws": 19, "periods": [1, 2]}, data).failure is None
    assert moved == [1, 2]


def test_wrong_tables_are_faults(data):
    assert faults_of("placebo", {"draws": 5}, data) == ["out_of_range"]
    assert faults_of("placebo", {"periods": [4]}, data) == ["no_pre_period"]
    assert faults_of("placebo", {"periods": 3}, data) == []
    assert faults_of("placebo", {"periods": 4}, data) == ["no_pre_period"]
    assert faults_of("placebo", {"periods": [0, "a"]}, data) == ["out_of_range", "wrong_type"]
    assert faults_of("placebo", {"strata": "year"}, data) == ["strata_change"]
    calendar = {"policy": "year >= 2004"}
    assert "nothing_moves" in faults_of("placebo", {}, data, treatment=calendar)
    message = specdid.check(spec_with("placebo", {"periods": [1, 9]}), data)[0]
    assert message.message == "a treatment moved 9 periods earlier has no period before it"
    assert message.help == "it can be moved by 3 at most"


def test_a_column_that_is_excluded_has_no_fault_of_its_periods(data):
    """Sun-Abraham, preferred, takes no share of a year; least squares, which does, can be moved as far as ever."""
    half = data.with_columns(half=pl.when(pl.col("year") == pl.col("cohort")).then(0.5).otherwise("d"))
    spec = {"treatment": {"policy": {"term": "half", "cohort": "cohort"}}, "estimator": {"o": "feols", "s": "sunab"}}
    spec |= {"preferred": {"estimator": "s"}, "inference": {"draws": 0}}
    assert "no_pre_period" not in faults_of("placebo", {"draws": 19, "periods": [2]}, half, **spec)
    least = {"draws": 19, "periods": [2], "fix": {"estimator": "o"}}
    assert "no_pre_period" not in faults_of("placebo", least, half, **spec)
    assert "no_pre_period" in faults_of("placebo", {**least, "periods": [4]}, half, **spec)


def test_the_figure_marks_the_actual_estimate(found):
    chart = found.charts[0]
    figure = placebo_density.draw(chart.data)
    texts = [t.get_text() for t in figure.findobj(Text)]
    (panel,) = chart.data.panels
    assert any(text.startswith(f"actual: {panel.actual_words}") for text in texts), texts
    lines = [line for axes in figure.axes for line in axes.lines if line.get_color() == "#d55e00"]
    assert [line.get_xdata()[0] for line in lines] == [panel.actual]
    dots = [c.get_offsets() for axes in figure.axes for c in axes.collections]
    assert max(len(d) for d in dots) == DRAWS


def test_the_printed_table_has_real_and_drawn_numbers(found):
    labels = [row.label for block in found.tables[0].print.blocks for row in block]
    for label in ("p, permutation of the estimate", "97.5% quantile", "1 period earlier", "2 periods earlier"):
        assert label in labels


def test_what_is_dealt_out_is_one_value_for_a_level_and_period(data):
    by_region = {"level": "region", "assign": "d", "null": ["wild"]}
    assert faults_of("placebo", {}, data, inference=by_region)[0] == "not_constant"
    no_time = {"unit": "id", "data": "simulated.csv"}
    plain = {"policy": "d"}
    assert faults_of("placebo", {}, data, study=no_time, treatment=plain) == ["assignment_varies"]
    assert faults_of("placebo", {"periods": [1]}, data, study=no_time, treatment=plain)[-1] == "no_time"
    assert faults_of("placebo", {}, data, study={"data": "simulated.csv"}, treatment=plain)[-1] == "no_level"
    derived = {"derive": {"dd": "d * 1"}, "inference": {"assign": "dd", "null": ["wild"]}}
    assert faults_of("placebo", {}, data, **derived) == ["assign_derived"]


def test_strata_of_two_columns_are_their_cells_and_not_their_sum(data):
    tiers = data.with_columns(tier=data["id"] // 12).with_columns(cell=10 * data["region"] + data["id"] // 12)
    two, one = (
        analysed("placebo", {"draws": 19, "strata": strata}, tiers).finding.tables[1].rows
        for strata in ("region + tier", "cell")
    )
    assert two == one
    inside = {"assign": "pilot", "strata": "region + tier"}
    policy = {"policy": "I(pilot * (year >= 2004))"}
    by_study = analysed("placebo", {"draws": 19}, tiers, inference=inside, treatment=policy).finding.tables[1].rows
    by_cell = (
        analysed("placebo", {"draws": 19}, tiers, inference={**inside, "strata": "cell"}, treatment=policy)
        .finding.tables[1]
        .rows
    )
    assert by_study == by_cell
    summed = tiers.with_columns(cell=data["region"] + data["id"] // 12)
    assert (
        by_study
        != analysed("placebo", {"draws": 19}, summed, inference={**inside, "strata": "cell"}, treatment=policy)
        .finding.tables[1]
        .rows
    )


def test_strata_of_texts_can_be_joined(data):
    named = data.with_columns(place="r" + data["region"].cast(str), tier=data["id"] // 12)
    assert analysed("placebo", {"draws": 19, "strata": "place + tier"}, named).failure is None
    assert faults_of("placebo", {"strata": "place + year"}, named) == ["strata_change"]


@pytest.mark.parametrize(
    ("draws", "further", "said"),
    [
        (999, 49, ""),  # p = .05, which 999 draws do not tell from .05
        (999, 48, ""),  # p = .049
        (999, 300, "p = 0.010 by clustered errors, but 0.301 by permutation"),
        (19, 0, ""),
        (19, 1, ""),
        (19, 8, "p = 0.010 by clustered errors, but 0.450 by permutation"),
        (39, 0, ""),
        (39, 2, ""),
        (39, 12, "p = 0.010 by clustered errors, but 0.325 by permutation"),
        (0, 0, ""),
    ],
)
def test_placebos_disagree_only_where_their_draws_can_show_it(draws, further, said):
    estimates = np.where(np.arange(draws) < further, 2.0, 0.5)
    random = Placebos(1.0, 2.6, 0.38, 0.01, 30.0, estimates, estimates, np.full(draws, 0.5))
    found = disagreement(Placed(None, None, random), 0.05)
    assert (found is not None) == bool(said)
    assert found is None or found.message.startswith(said)


@pytest.mark.parametrize("draws", [99, 199, 999])
def test_more_placebos_than_chance_would_give_are_an_exact_binomial_test(draws):
    """At odds from the first number of placebos that R's binom.test(further, draws, 0.05, "greater") rejects."""
    rejects = [binomtest(k, draws, 0.05, "greater").pvalue < 0.05 for k in range(draws // 5)]
    first = rejects.index(True)
    for further in (first - 1, first):
        estimates = np.where(np.arange(draws) < further, 2.0, 0.5)
        random = Placebos(1.0, 2.6, 0.38, 0.01, 30.0, estimates, estimates, np.full(draws, 0.5))
        assert (disagreement(Placed(None, None, random), 0.05) is not None) == (further == first)


@pytest.mark.parametrize(
    ("draws", "share", "codes"),
    [(ENOUGH, 0.11, ["placebo_rejects"]), (ENOUGH, 0.1, []), (ENOUGH - 1, 1.0, [])],
)
def test_placebos_that_reject_more_than_twice_as_often_as_they_may_are_told_of_enough_draws(draws, share, codes):
    p = np.where(np.arange(draws) < share * draws, 0.01, 0.5)
    b = np.where(np.arange(draws) % 2, 1.0, -1.0)
    random = Placebos(1.0, 1.0, 1.0, 0.3, 30.0, b, b, p)
    assert [c.code for c in warned(random)] == codes
    assert bool(_rejecting([Placed(None, None, random)], 0.05)) == bool(codes)


def test_a_figure_of_placebos_that_reject_too_often_says_so():
    """Its dots below alpha were the fault itself, and only the page of the run named it."""
    panel = PlaceboPanel("y", (), 1.0, "1.0", np.linspace(-1, 1, 99), np.linspace(0.01, 1, 99))
    p = np.full(ENOUGH, 0.01)
    b = np.where(np.arange(ENOUGH) % 2, 1.0, -1.0)
    words = _rejecting([Placed(None, None, Placebos(1.0, 1.0, 1.0, 0.3, 30.0, b, b, p))], 0.05)
    assert words
    for width in (6.5, 3.5):
        figure = placebo_density.draw(PlaceboData("t", 0.05, (panel,), doubt=words), width)
        drawn = " ".join(t.get_text() for t in figure.texts)
        assert f"! {words}" in drawn


def warned(random):
    bench = SimpleNamespace(study=SimpleNamespace(inference=SimpleNamespace(alpha=0.05)))
    cells = SimpleNamespace(shown=lambda cell: "y")
    return list(_warnings(bench, cells, [Placed(None, None, random)], None))


@pytest.mark.parametrize(("error", "rejects"), [(1.0, []), (0.5, ["placebo_rejects"])])
@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_placebos_that_hold_the_effect_say_nothing_of_errors(error, rejects, mean):
    """Normal placebos of spread 1: with right errors 5% are beyond their centre, but nearly all differ from zero."""
    b = mean + np.random.default_rng(1).normal(size=400)
    b += mean - b.mean()
    random = Placebos(mean, mean / error, error, 0.01, 1e6, b, b / error, two_sided(b / error, 1e6))
    assert np.mean(random.null_p < 0.05) > 0.8 or not mean
    found = [c.code for c in warned(random) if c.code in ("placebo_rejects", "placebo_off_zero")]
    assert found == (["placebo_off_zero"] if mean else rejects)


def test_strata_that_leave_the_treated_treated_have_placebos_off_zero():
    """A stratum of treated units but for one, and an effect: table, figure and summary say what the share is not of."""
    rng = np.random.default_rng(3)
    rows = []
    for k in range(40):
        treated, region = (k < 20 and k != 19) or k == 39, "a" if k < 20 else "b"
        level = rng.normal()
        rows += [
            (k, year, region, treated * (year >= 2005), level - 3.0 * treated * (year >= 2005) + 0.3 * rng.normal())
            for year in range(2000, 2010)
        ]
    frame = pl.DataFrame(rows, ["id", "year", "region", "d", "y"], orient="row").with_columns(pl.col("d").cast(int))
    more = {"treatment": {"d": "d"}, "controls": {"none": "1"}, "fixed_effects": {"two": "id + year"}}
    apart = analysed("placebo", {"draws": 199, "strata": "region"}, frame, **more).finding
    together = analysed("placebo", {"draws": 199}, frame, **more).finding
    assert [c.code for c in apart.warnings if c.code.startswith("placebo_")] == ["placebo_off_zero"]
    assert "placebo_off_zero" not in [c.code for c in together.warnings]


@pytest.mark.parametrize(("p", "told"), [(0.049, 1), (0.05, 0), (np.nan, 0)])
def test_a_timing_placebo_has_an_effect_at_the_studys_level(p, told, monkeypatch):
    monkeypatch.setattr(placebo, "timing", lambda bench, cell: SimpleNamespace(undated=0))
    none = np.zeros(0)
    fit = SimpleNamespace(failure=None, coefficient=lambda: SimpleNamespace(p_value=p, estimate=1.0))
    placed = Placed(None, None, Placebos(1.0, 1.0, 1.0, 0.3, 30.0, none, none, none), ((2, fit),))
    bench = SimpleNamespace(study=SimpleNamespace(inference=SimpleNamespace(alpha=0.05)))
    cells = SimpleNamespace(shown=lambda cell: "y")
    assert [c.code for c in _warnings(bench, cells, [placed], None)] == ["placebo_timing"] * told


def test_an_insignificant_estimate_is_at_odds_with_no_placebo():
    random = Placebos(1.0, 1.0, 1.0, 0.3, 30.0, np.full(19, 2.0), np.full(19, 2.0), np.full(19, 0.5))
    assert disagreement(Placed(None, None, random), 0.05) is None


@pytest.mark.usefixtures("audit_here")
def test_timing_placebos_without_random_ones_are_told(tmp_path):
    study = {
        **SPEC,
        "estimator": {"ols": "feols", "cs": "csdid"},
        "inference": {"draws": 0},
        "placebo": {"draws": 19, "periods": [1, 2], "vary": ["estimator"]},
        "figure": {"formats": ["svg"]},
    }
    (found,) = specdid.run(study, simulated(), out=tmp_path, audit=0).analyses
    why = pl.read_csv(tmp_path / "placebo.csv").filter(pl.col("estimator") == "cs")["message"]
    assert f"Column (2): {why.item()}." in found.finding.tables[0].print.notes
    summary = (tmp_path / "summary.md").read_text("utf-8")
    assert all(f"[{name}]({name})" in summary for name in ("placebo.csv", "placebo_timing.csv", "placebo_timing.svg"))

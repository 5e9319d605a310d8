from dataclasses import replace

import numpy as np
import pytest
from curves import fits_of, plan_of, results_of, smart_city, subsets
from figure_texts import texts_of
from scipy import stats
from specdid._describe.choices import describe_choices
from specdid._records import Code, collect
from specdid.figures._curve_data import curve_data, shares
from specdid.figures._curve_order import POINTS
from specdid.figures.multiverse import multiverse_data
from specdid.figures.spec_curve import plot
from specdid.report._data import _dimension
from specdid.report.summary import choice_section

ESTIMANDS = {"OLS": "variance-weighted ATT", "did2s": "ATT over treated rows"}


def one_panel(planned, sort="estimate", **options):
    data = curve_data(results_of(planned, **options), sort)
    assert len(data.panels) == 1
    return data.panels[0]


def two_estimators(*terms, estimands=ESTIMANDS, **options):
    dimensions = {"sample": ["all", "east"], "estimator": ["OLS", "did2s"]}
    return plan_of(dimensions, subsets(*terms), scales={"ln SO2": "log points"}, estimands=estimands, **options)


def rows_of(panel):
    return {(c.heading, r.label): r.chosen for c in panel.choices for r in c.rows}


def test_estimates_are_sorted_and_positions_lead_back_to_the_plan():
    results = results_of(smart_city(3))
    panel = curve_data(results).panels[0]
    assert len(panel) == 384
    assert (np.diff(panel.estimate) >= 0).all()
    assert np.array_equal(results.estimate[panel.positions], panel.estimate)
    assert np.array_equal(results.first("nobs")[panel.positions], panel.nobs)


def test_intervals_are_student_t_and_nested():
    results = results_of(smart_city(2))
    panel = curve_data(results).panels[0]
    se = results.first("std_error")[panel.positions]
    assert np.allclose(panel.high95, panel.estimate + stats.t.ppf(0.975, 209) * se)
    assert np.allclose(panel.low90, panel.estimate - stats.t.ppf(0.95, 209) * se)
    assert ((panel.low95 < panel.low90) & (panel.high90 < panel.high95)).all()


def test_intervals_with_infinite_degrees_of_freedom_are_normal():
    planned = smart_city(0)
    fits = fits_of(planned)
    fits.df[:] = np.inf
    results = collect(planned, [fits], ["x"])
    panel = curve_data(results).panels[0]
    se = results.first("std_error")[panel.positions]
    assert np.allclose(panel.high90, panel.estimate + stats.norm.ppf(0.95) * se)


def test_controls_have_a_row_per_variable_not_per_combination():
    panel = one_panel(smart_city(3))
    rows = rows_of(panel)
    controls = [label for heading, label in rows if heading == "Controls"]
    assert controls == ["pgdp", "I(pgdp^2)", "ind2"]
    assert all(rows["Controls", label].sum() == 192 for label in controls)


def test_controls_that_are_always_in_stand_beside_the_heading():
    panel = one_panel(plan_of({"sample": ["a", "b"]}, subsets("x10", always=("x1",)), display={"x10": "Tenth"}))
    controls = panel.choices[0]
    assert controls.always == ("x1",)
    assert [r.label for r in controls.rows] == ["Tenth"]


def test_options_stand_under_the_names_of_labels():
    """In the curve, the multiverse, the table of changes and report.html alike; the file's own labels stay."""
    display = {"x1": "income (log)", "d1": "policy", "pop": "people"}
    sets = [(), ("x1",), ("x1", "x2"), ("x2:x1",)]
    results = results_of(plan_of({"treatment": ["d1", "d2"], "weights": ["1", "pop"]}, sets, display=display))
    panel = curve_data(results).panels[0]
    rows = {(c.heading, r.label) for c in panel.choices for r in c.rows}
    drawn = {(r.heading, r.label) for p in multiverse_data(results).panels for r in p.rows}
    for found in (rows, drawn):
        assert {("Treatment", "policy"), ("Treatment", "d2"), ("Weights", "people")} <= found
    assert {label for heading, label in rows if heading == "Controls"} == {"income (log)", "x2", "x2 × income (log)"}
    assert {("Controls, with", "income (log)"), ("Controls, with", "x2 × income (log)")} <= drawn
    choices = describe_choices(results, results.families[0])
    text = "\n".join(choice_section(choices, alone=True).lines)
    assert "controls: income (log) + x2" in text
    assert "treatment: policy" in text or "treatment: d2" in text
    assert "x1" not in text
    assert "pop " not in text
    assert {f.labels for f in choices.factors if f.dimension == "treatment"} == {("d1", "d2")}
    content = page_words(results)
    assert content["treatment"] == ["policy", "d2"]
    assert content["controls"] == ["1", "income (log)", "income (log) + x2", "x2 × income (log)"]


def page_words(results):
    every = np.arange(len(results))
    return {name: _dimension(results, d, every)["words"] for d, name in enumerate(results.planned.dimensions)}


def test_only_dimensions_that_vary_have_a_heading():
    panel = one_panel(smart_city(1))
    headings = [c.heading for c in panel.choices]
    assert headings == ["Treatment", "Controls", "Fixed effects", "Sample", "Weights", "Winsorizing"]


def test_each_specification_takes_one_option_of_every_dimension():
    panel = one_panel(smart_city(2))
    for choices in panel.choices:
        if choices.heading != "Controls":
            assert (np.sum([r.chosen for r in choices.rows], axis=0) == 1).all()


def test_an_option_whose_specifications_all_failed_keeps_its_row():
    planned = plan_of({"sample": ["all", "empty", "excluded"]}, excluded={2: "not now"})
    panel = one_panel(planned, fails={1: Code.NO_ROWS})
    assert {label: chosen.sum() for (_, label), chosen in rows_of(panel).items()} == {"all": 1, "empty": 0}


def test_specifications_of_an_outcome_without_a_panel_are_among_those_that_failed():
    """The note has the number of the appendix, not that of the panels that are drawn."""
    results = results_of(
        plan_of({"outcome": ["y", "z"], "sample": ["all", "some"]}), fails=dict.fromkeys((1, 2, 3), Code.NO_ROWS)
    )
    data = curve_data(results)
    assert len(data.panels) == 1
    assert data.failed == results.counts.failed == 3


def test_the_preferred_is_marked_with_its_rank():
    results = results_of(smart_city(3, preferred=100))
    panel = curve_data(results).panels[0]
    rank = int((results.estimate < results.estimate[100]).sum()) + 1
    assert panel.preferred.place == rank - 1
    assert panel.preferred.words.endswith(" of 384")
    assert panel.preferred.words.startswith(str(rank))


def test_a_preferred_that_failed_is_not_marked():
    data = curve_data(results_of(smart_city(1, preferred=4), fails={4: Code.ABSORBED}))
    assert data.panels[0].preferred is None
    assert data.absent == "The preferred specification has no estimate (absorbed)."
    assert curve_data(results_of(smart_city(1, preferred=4))).absent == ""


def test_a_preferred_duplicate_is_marked_at_its_twin():
    results = results_of(smart_city(1, preferred=7), same={7: 3})
    panel = curve_data(results).panels[0]
    assert panel.positions[panel.preferred.place] == 3


def test_one_panel_per_scale_and_per_outcome_without_one():
    outcomes = {"outcome": ["ln SO2", "ln ww", "SO2"], "sample": ["a", "b"]}
    scaled = plan_of(outcomes, scales={"ln SO2": "log points", "ln ww": "log points"})
    panels = curve_data(results_of(scaled)).panels
    assert [(p.name, p.scaled, len(p)) for p in panels] == [("log points", True, 4), ("SO2", False, 2)]
    assert [p.name for p in curve_data(results_of(plan_of(outcomes))).panels] == ["ln SO2", "ln ww", "SO2"]


def test_a_scale_without_any_estimate_has_no_panel():
    planned = plan_of({"outcome": ["y", "z"], "sample": ["a", "b"]})
    panels = curve_data(results_of(planned, fails={2: Code.NO_ROWS, 3: Code.NO_ROWS})).panels
    assert [p.name for p in panels] == ["y"]


@pytest.mark.parametrize(
    ("longer", "shown"),
    [
        ("ATT over treated rows", "ATT over treated rows"),
        ("average effect on the treated (group-time effects; each cohort's periods alike, cohorts by units)",
         "average effect on the treated (group-time effects)"),
        ("average effect on the treated (group-time effects; calendar periods alike, or so it is said here)",
         "average effect on the treated (group-time effects)"),
    ],
)  # fmt: skip
def test_a_long_estimand_is_brief_in_the_key(longer, shown):
    panel = one_panel(two_estimators("pgdp", estimands=ESTIMANDS | {"did2s": longer}))
    assert {s.label for s in panel.series} == {"OLS: variance-weighted ATT", f"did2s: {shown}"}
    alike = {"OLS": longer, "did2s": longer.replace("effects; ", "effects; not ")}
    panel = one_panel(two_estimators("pgdp", estimands=alike))
    if longer != shown:
        assert {s.label for s in panel.series} == {f"{name}: {words}" for name, words in alike.items()}


def test_estimands_are_series_with_their_own_medians():
    results = results_of(two_estimators("x", "z"))
    panel = curve_data(results).panels[0]
    assert [s.label for s in panel.series] == [f"{k}: {v}" for k, v in ESTIMANDS.items()]
    method = results.planned.dimension("estimator").codes
    assert panel.series[1].median == np.median(results.estimate[method == 1])
    assert panel.breaks == ()
    assert panel.preferred is None


def test_the_rank_is_among_those_with_the_same_estimand():
    panel = one_panel(two_estimators("x", "z", preferred=5))
    assert panel.preferred.of == 8
    assert panel.preferred.words.endswith(" of 8 with its estimand")


def test_many_specifications_of_several_estimands_stand_one_curve_after_the_other():
    panel = one_panel(two_estimators("a", "b", "c", "d", "e"))
    assert len(panel) > POINTS
    assert panel.breaks == (64,)
    assert panel.pieces == ((0, 64), (64, 128))
    assert all((np.diff(panel.estimate[a:b]) >= 0).all() for a, b in panel.pieces)


def test_many_specifications_of_one_estimand_are_one_curve_whatever_the_estimator():
    panel = one_panel(two_estimators("a", "b", "c", "d", "e", estimands={}))
    assert panel.breaks == ()
    assert (np.diff(panel.estimate) >= 0).all()
    assert [s.label for s in panel.series] == ["OLS", "did2s"]


def test_other_sorts():
    planned = smart_city(1)
    assert (np.diff(one_panel(planned, "declared").positions) > 0).all()
    panel = one_panel(planned, "sample")
    codes = planned.dimension("sample").codes[panel.positions]
    assert (np.diff(codes) >= 0).all()
    assert (np.diff(panel.estimate[codes == 1]) >= 0).all()
    with pytest.raises(ValueError, match="sort must be"):
        one_panel(planned, "smaple")


def test_a_null_band_is_kept_only_for_the_sorted_curve_of_its_length():
    results = results_of(smart_city(1))
    band = np.zeros((3, 96))
    key = ("log points", "ATT")
    assert np.array_equal(curve_data(results, "estimate", {key: band}).panels[0].null_band, band)
    assert curve_data(results, "declared", {key: band}).panels[0].null_band is None
    assert curve_data(results, "estimate", {key: band[:, 1:]}).panels[0].null_band is None


def test_a_failed_vcov_leaves_a_point_without_an_interval():
    planned = smart_city(0)
    fits = fits_of(planned)
    fits.std_error[4] = fits.p_value[4] = np.nan
    panel = curve_data(collect(planned, [fits], ["x"])).panels[0]
    at = int(np.flatnonzero(panel.positions == 4)[0])
    assert np.isnan(panel.low95[at])
    assert not panel.significant[at]


def test_shares_count_neighbours():
    chosen = np.array([True, True, False, False, True, False, True])
    assert shares(chosen, 7).tolist() == chosen.astype(float).tolist()
    assert shares(chosen, 1).tolist() == [4 / 7]
    assert np.isclose(shares(np.repeat([True, False], 50), 10), [1] * 5 + [0] * 5).all()


def test_an_estimator_has_one_colour_on_all_scales():
    dimensions = {"outcome": ["ln SO2", "SO2"], "estimator": ["OLS", "did2s", "Poisson"]}
    excluded = {k: "levels only" for k in range(6) if k in (2, 3)}  # no Poisson in logs, no OLS in levels
    planned = plan_of(dimensions, scales={"ln SO2": "log points"}, estimands=ESTIMANDS, excluded=excluded)
    panels = curve_data(results_of(planned)).panels
    found = [{s.label: s.colour for s in p.series} for p in panels]
    assert len(found) == 2
    colours = [{label.split(":")[0]: c for label, c in one.items()} for one in found]
    assert colours == [{"OLS": 0, "did2s": 1}, {"did2s": 1, "Poisson": 2}]


@pytest.mark.parametrize(
    ("unweighted", "labels"),
    [
        ("none", ["In deaths, all, none", "w", "later", "F. ln deaths"]),
        (
            "all",
            [f"In deaths, all, {w}" for w in ("all", "later")] + ["In deaths, later, all", "F. ln deaths, all, all"],
        ),
    ],
)
def test_options_of_many_tied_dimensions_are_named_by_what_differs(unweighted, labels):
    weights = [unweighted, "w" if unweighted == "none" else "later"]
    dimensions = {"outcome": ["In deaths", "F. ln deaths"], "sample": ["all", "later"], "weights": weights}
    excluded = dict.fromkeys({3, 5, 6, 7}, "not together")  # one thing at a time moves away from the first
    planned = plan_of(dimensions, excluded=excluded, scales=dict.fromkeys(dimensions["outcome"], "log points"))
    planned = replace(planned, together=(("outcome", "sample", "weights"),))
    (rows,) = one_panel(planned).choices
    found = [r.label for r in rows.rows]
    assert found == labels
    assert rows.usual == (labels[0] if unweighted == "none" else "")
    told = " ".join(texts_of(plot(results_of(planned))))
    assert (f"Outcome + sample + weights: what differs from {labels[0]}." in told) == (unweighted == "none")

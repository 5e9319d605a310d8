"""The specification curve: all a reader needs, on its page, in small files of the same bytes."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import warnings
from itertools import product
from types import SimpleNamespace

import matplotlib as mpl
import numpy as np
import pytest
import specdid
from curves import fits_of, plan_of, results_of, smart_city, subsets
from figure_layout import layout_faults
from figure_texts import texts_of
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._records import Code, NullShares, collect
from specdid._records.cautions import NO_ROWS
from specdid._run import pipeline
from specdid.appendix.content import _reading
from specdid.figures import multiverse, spec_curve
from specdid.figures._curve_axes import THIN, beyond, darkest, few, limits, ribbon_shades, shade, thin
from specdid.figures._curve_data import Breakdowns, ChoiceRow, ChoiceRows, curve_data
from specdid.figures._fonts import fonts_for
from specdid.figures._layout import FULL, ChoiceLine, Layouts, _one_of_two
from specdid.figures._page import draw_bare
from specdid.figures._panes import p_entries
from specdid.figures._style import ACCENT, BAND95, FAINT, SMALL, TEXT, save
from specdid.figures.spec_curve import draw, plot


def test_everything_a_reader_needs_is_written():
    figure = plot(results_of(smart_city(3, preferred=100), fails={0: Code.ABSORBED}))
    texts = texts_of(figure)
    assert any(t.startswith("preferred: −") and t.endswith(" of 383") for t in texts)
    for text in (
        "Effect in log points",
        "383 specifications",
        "Fixed effects",
        "city + province×year",
        "ind2",
    ):
        assert text in texts
    written = " ".join(texts)
    assert "1 planned specification could not be estimated." in written
    assert "(standard errors: city)" in written


def test_up_to_a_hundred_are_bars_and_more_are_ribbons():
    assert few(curve_data(results_of(smart_city(1))).panels[0], 330)
    assert not few(curve_data(results_of(smart_city(2))).panels[0], 330)
    assert not few(curve_data(results_of(smart_city(1))).panels[0], 150)


def test_ten_thousand_are_thinned_to_medians_and_stay_sorted():
    panel = curve_data(results_of(smart_city(8))).panels[0]
    drawn = thin(panel, np.ones(len(panel), dtype=bool))
    assert len(panel) == 12_288
    assert len(drawn.x) == THIN
    assert (np.diff(drawn.estimate) >= 0).all()
    assert drawn.significant.min() >= 0
    assert drawn.significant.max() <= 1
    assert np.isclose(drawn.estimate[0], np.median(panel.estimate[:11]))


def test_the_darkest_tile_means_less_where_a_dimension_has_many_options():
    one = np.ones(30, dtype=bool)
    of = lambda k: ChoiceRows("Sample", tuple(ChoiceRow(str(j), one & (np.arange(30) % k == j)) for j in range(k)))  # noqa: E731
    assert [round(darkest(of(k)), 3) for k in (2, 3, 6, 30)] == [1.0, 1.0, 0.5, 0.1]


def test_ten_thousand_are_a_small_file(tmp_path):
    figure = plot(results_of(smart_city(8, preferred=9)))
    (path,) = save(figure, tmp_path, "curve", ["pdf"])
    assert path.stat().st_size < 400_000


def test_the_axis_holds_zero_and_all_estimates_but_not_an_exploded_interval():
    planned = smart_city(0)
    fits = fits_of(planned, centre=0.5)
    fits.std_error[3] = 900.0
    panel = curve_data(collect(planned, [fits], ["x"])).panels[0]
    bottom, top = limits(panel)
    assert bottom <= 0 <= panel.estimate.max() <= top < 2
    assert beyond(panel) == 1
    said = " ".join(texts_of(draw(curve_data(collect(planned, [fits], ["x"])))))
    assert "1 interval goes beyond the axis" in said
    assert "choices.csv" not in said


def test_without_any_standard_error_points_are_drawn_alone():
    planned = smart_city(1, preferred=3)
    fits = fits_of(planned)
    for values in (fits.std_error, fits.p_value, fits.df):
        values[:] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = draw(curve_data(collect(planned, [fits], ["x"])))
    assert any(t.startswith("preferred") for t in texts_of(figure))


def test_one_specification_is_a_figure(tmp_path):
    figure = plot(results_of(plan_of({"sample": ["all"]}, preferred=0)))
    assert save(figure, tmp_path, "curve", ["pdf", "png", "svg"])
    assert any(t.endswith("1st of 1") for t in texts_of(figure))


def test_nothing_estimated_is_said():
    planned = plan_of({"sample": ["all"]})
    with pytest.raises(ValueError, match="no specification was estimated"):
        plot(results_of(planned, fails={0: Code.NO_ROWS}))


def test_several_scales_share_labels_and_one_key():
    planned = plan_of({"outcome": ["burglary", "robbery", "theft"], "sample": ["a", "b"]}, subsets("x"))
    figure = plot(results_of(planned))
    texts = texts_of(figure)
    assert texts.count("p ≥ 0.05") == 1
    assert {"Effect on burglary", "Effect on robbery", "Effect on theft"} <= set(texts)
    assert texts.count("Sample") == 2
    assert len(figure.axes) == 9
    assert [len(b) for b in Layouts.of(curve_data(results_of(planned)), fonts_for([]), 3.5).bands] == [1, 1, 1]


def test_the_callers_settings_and_figures_stay(tmp_path):
    import matplotlib.pyplot as plt

    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "black", "text.color": "red"}):
        own = plt.figure()
        before = dict(mpl.rcParams)
        figure = plot(results_of(smart_city(1)))
        save(figure, tmp_path, "curve", ["svg"])
        assert dict(mpl.rcParams) == before
        assert plt.get_fignums() == [own.number]
        themed = (tmp_path / "curve.svg").read_bytes()
        plt.close(own)
    save(plot(results_of(smart_city(1))), tmp_path, "plain", ["svg"])
    assert (tmp_path / "plain.svg").read_bytes() == themed


DRAW = """
import sys; sys.path[:0] = ["tests/helpers", "tests/figures"]
import test_spec_curve; test_spec_curve.draw_files(sys.argv[1])
"""


def draw_files(directory):
    for k in (1, 3):
        save(plot(results_of(smart_city(k, preferred=3))), pathlib.Path(directory), f"c{k}", ["pdf", "png", "svg"])


def test_files_are_the_same_bytes_under_any_hash_seed(tmp_path):
    """Of a process of their own, and of this one, whose seed is another."""
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    seed = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    env = {"PYTHONHASHSEED": seed, "MPLCONFIGDIR": mpl.get_cachedir()}  # which has the list of fonts
    subprocess.run([sys.executable, "-c", DRAW, str(tmp_path / "there")], check=True, env=env)
    draw_files(tmp_path / "here")
    names = sorted(p.name for p in (tmp_path / "here").iterdir())
    assert len(names) == 6
    for name in names:
        assert (tmp_path / "here" / name).read_bytes() == (tmp_path / "there" / name).read_bytes(), name


def test_an_unknown_format_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(ValueError, match="not eps"):
        save(plot(results_of(smart_city(0))), tmp_path, "curve", ["pdf", "eps"])
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def curve():
    study = small_study(
        outcome={"y": {"formula": "y", "scale": "one"}, "z": {"formula": "z", "scale": "other"}},
        treatment={"d": {"term": "d", "cohort": "cohort"}},
        controls={"none": "1"},
        estimator={"OLS": "feols", "two-stage": "did2s", "projections": "lpdid"},
        exclude=[{"when": {"outcome": "y", "estimator": "OLS"}, "because": "two-way fixed effects are for z"}],
        inference={"draws": 19},
    )
    return specdid.run(study, small_panel(), jobs=1, audit=0)


def test_an_estimator_has_its_colour_in_every_panel(curve):
    data = curve_data(curve.results)
    found: dict[str, set[object]] = {}
    for panel in data.panels:
        assert len({s.colour for s in panel.series}) == len(panel.series)
        for k, series in enumerate(panel.series):
            found.setdefault(series.label, set()).add((series.colour, str(shade(panel, k, 1.0))))
    assert all(len(colours) == 1 for colours in found.values()), found
    places = [[s.label for s in p.series] for p in data.panels]
    assert any(a.index(name) != b.index(name) for a in places for b in places for name in set(a) & set(b))


def test_shares_name_the_null_that_they_stand_beside(curve):
    assert {s.null for s in curve.null_shares.values()} == {curve.tests[0].title}


def test_only_a_preferred_specification_is_said_to_be_marked(curve):
    class Given:
        families = ()
        results = curve.results
        rows = True

    assert "is marked" not in _reading(Given())


def test_shares_have_what_the_null_expects_beside_them():
    results = results_of(smart_city(3))
    figure = draw(curve_data(results, null_shares={("log points", "ATT"): NullShares(384, 0.25, 0.125, 0.031, 0.02)}))
    assert any(t.startswith("25% ") and "negative" in t and t.endswith("(null: 3%)") for t in texts_of(figure))
    assert any(t.startswith("12% ") and "positive" in t and t.endswith("(null: 2%)") for t in texts_of(figure))
    assert not any("tested" in t for t in texts_of(figure))
    shares = {("log points", "ATT"): NullShares(384, 0.36, 0.0004, 0.031, 0.02, null_high=0.49)}
    for width in (6.5, 3.5):  # a mean alone made shares look decisive that the null's draws often have
        said = " ".join(texts_of(draw(curve_data(results, null_shares=shares), width)))
        assert "95% up to 49%" in said
        assert "0.04% " in said
    assert not any(word in t for t in texts_of(draw(curve_data(results))) for word in ("null", "negative", "sig."))


def test_shares_of_several_estimands_are_not_pooled():
    estimands = {"OLS": "average effect", "did2s": "effect on the treated"}
    planned = plan_of({"estimator": list(estimands)}, subsets("a", "b"), estimands=estimands, scales={"ln SO2": "log"})
    shares = {("log", w): NullShares(4, s, 0.0, 0.031, 0.02) for w, s in zip(estimands.values(), (1, 0.5), strict=True)}
    texts = texts_of(draw(curve_data(results_of(planned), null_shares=shares)))
    assert not any(t.startswith("75%") for t in texts)
    assert {"OLS: 100% sig. negative", "did2s: 50% sig. negative"} <= {t.partition(" (")[0] for t in texts}


def test_a_ribbon_is_drawn_in_steps_as_wide_as_a_specification():
    panel = curve_data(results_of(smart_city(3))).panels[0]
    figure = draw(curve_data(results_of(smart_city(3))))
    outer = next(p for p in figure.axes[0].patches if hasattr(p, "get_data"))
    values, edges, base = outer.get_data()
    assert np.allclose(values, panel.high95)
    assert np.allclose(base, panel.low95)
    assert np.allclose(np.diff(edges), 1)


def test_choices_stand_by_what_they_move_and_those_that_move_nothing_are_named():
    planned = plan_of({"sample": ["a", "b"], "weights": ["1", "w"], "trend": ["no", "yes"]})
    fits = fits_of(planned)
    codes = {d: planned.codes[:, planned.dimensions.index(d)] for d in ("sample", "weights", "trend")}
    fits.estimate[:] = 0.1 * codes["weights"] + 0.01 * codes["trend"]
    texts = texts_of(draw(curve_data(collect(planned, [fits], ["x"]))))
    assert texts.index("Weights") < texts.index("Trend")
    assert "Sample" not in texts
    assert "Without rows, since no estimate moves by 1% of the range of its estimand: sample." in " ".join(texts)


def test_the_curve_has_two_fifths_of_the_height_or_with_many_choices_three_tenths_and_the_figure_fits_a_page():
    for many, share in ((1, 0.4), (6, 0.3)):
        dimensions = {f"choice {k}": [f"{k} {j}" for j in range(5)] for k in range(many)}
        results = results_of(plan_of(dimensions, subsets("a")))
        figure = plot(results)
        high = figure.axes[0].get_position().height
        assert high >= share - 1e-9
        assert 72 * figure.get_figheight() <= 648


def test_an_extreme_option_is_marked_at_the_edge_with_its_value():
    planned = smart_city(1)
    fits = fits_of(planned)
    fits.estimate[7] = 55.5
    results = collect(planned, [fits], ["x"])
    panel = curve_data(results).panels[0]
    assert limits(panel)[1] < 1
    assert "55.5" in texts_of(draw(curve_data(results)))
    fits.estimate[: len(planned) // 2] += 55.5
    assert limits(curve_data(collect(planned, [fits], ["x"])).panels[0])[1] > 55, (
        "half of the estimates are no exception"
    )


def test_n_is_drawn_where_it_varies():
    planned = smart_city(1)
    fits = fits_of(planned)
    fits.nobs[:] = 1234
    constant = draw(curve_data(collect(planned, [fits], ["x"])))
    assert len(constant.axes) == 2
    assert "N = 1,234" in texts_of(constant)


def test_shares_of_a_part_say_of_how_many_and_under_which_errors():
    shares = {("log points", "ATT"): NullShares(200, 0.25, 0.0, 0.031, 0.02, "province")}
    said = " ".join(texts_of(draw(curve_data(results_of(smart_city(3)), null_shares=shares))))
    assert "with the null's standard errors, by province (drawn: city): ATT (200): 25% negative (null: 3%)" in said


@pytest.mark.parametrize("width", [2.4, 3.5, 6.5])
@pytest.mark.parametrize("outcomes", [["a"], ["a", "b"]])
def test_a_share_is_never_without_its_null_however_narrow(width, outcomes):
    planned = plan_of({"outcome": outcomes, "sample": ["x", "y", "z"]}, subsets("p", "q"))
    shares = dict.fromkeys([(name, "ATT") for name in outcomes], NullShares(7, 0.255, 0.125, 0.031, 0.02))
    texts = texts_of(draw(curve_data(results_of(planned), null_shares=shares), width))
    joined = " ".join(texts)
    assert joined.count("26%") == joined.count("null: 3%")
    assert joined.count("12%") == joined.count("null: 2%")
    assert not any("…" in t for t in texts if "%" in t or "null" in t)


def test_the_null_that_is_drawn_has_its_name():
    shares = {("log points", "ATT"): NullShares(384, 0.25, 0.125, 0.031, 0.02, null="wild cluster bootstrap")}
    texts = " ".join(texts_of(draw(curve_data(results_of(smart_city(3)), null_shares=shares))))
    assert "The null: wild cluster bootstrap." in texts


def test_long_labels_that_begin_alike_are_cut_where_they_are_alike():
    fonts = fonts_for(["a"])
    labels = [f"Poisson: semi-elasticity (Poisson), outcomes in {unit}" for unit in ("hours", "persons")]
    short = [fonts.fit_ends(label, SMALL, 90.0) for label in labels]
    assert short[0].endswith("hours")
    assert short[1].endswith("persons")
    assert all("…" in s and fonts.width(s, SMALL) <= 90.0 for s in short)


def two_estimands(controls: int, long: str = ""):
    terms = subsets(*(f"x{k}" for k in range(controls)))
    estimands = {"OLS": f"average effect{long}", "two-stage": f"effect on the treated{long}"}
    return results_of(plan_of({"sample": ["all", "some"], "estimator": list(estimands)}, terms, estimands=estimands))


def test_ribbons_of_several_estimands_are_named_above_them():
    ribbons, bars = (texts_of(plot(two_estimands(n))) for n in (6, 2))
    for name in ("OLS", "two-stage"):
        assert ribbons.count(name) == bars.count(name) + 1


def test_a_row_that_stands_for_two_options_says_of_which_choice_and_differs_from_the_other():
    begun = "every state and year counts by what is known of the population that "
    planned = plan_of({"weights": [f"{begun}is alive", f"{begun}once was"]}, subsets(*(f"x{k}" for k in range(5))))
    layouts = Layouts.of(curve_data(results_of(planned)), fonts_for([]), 6.5)
    (line,) = (one for one in layouts.made(layouts.order, True, True, FULL).bands[0].lines if one.alone)
    assert line.text.startswith("Weights: ")
    assert line.text.endswith(("is alive", "once was"))


def test_nothing_overlaps_in_two_panels_of_a_column_for_latex():
    scales = {"ln SO2": "log points of sulphur dioxide", "ln NOx": "log points of nitrogen oxides"}
    dims = {"outcome": list(scales), "sample": ["all", "matched", "early"], "weights": ["none", "population"]}
    results = results_of(plan_of(dims, subsets(*(f"x{k}" for k in range(6))), scales=scales, preferred=9))
    shares = {(scale, "ATT"): NullShares(384, 0.0, 0.3, 0.03, 0.03) for scale in scales.values()}
    data = curve_data(results, null_shares=shares)
    figure, told = draw_bare(lambda width: draw(data, width), 3.5)
    assert layout_faults(figure) == []
    assert any("(null" in text for text in texts_of(figure)) != ("(null: 3%)" in told)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_beside_a_narrow_curve_says_of_what_it_is(share):
    results = results_of(smart_city(3))
    shares = NullShares(384, share, share, 0.031, 0.02)
    texts = texts_of(draw(curve_data(results, null_shares={("log points", "ATT"): shares}), 3.5))
    beside = [t for t in texts if t.startswith(f"{share:.0%} ")]
    assert len(beside) == 2
    assert all("sig." in t or "p <" in t for t in beside)
    assert {"(null: 3%)", "(null: 2%)"} <= {t[t.find("(null") :] for t in texts if "(null" in t}


ALIKE = "of the fifty states of the United States of America and of the years from 2000 to 2010"


def test_labels_that_begin_and_end_alike_show_where_they_differ(dejavu):
    fonts = fonts_for([])
    labels = [f"every state and year counts {how}, {ALIKE}" for how in ("the same", "by its population")]
    short = fonts.apart(labels, SMALL, 90.0)
    assert short[labels[0]].startswith("…the same")
    assert short[labels[1]].startswith("…by its pop")
    assert all(fonts.width(text, SMALL) <= 90.0 for text in short.values())


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("figure", ["spec_curve", "multiverse"])
def test_names_that_are_cut_are_said_to_be_in_full_elsewhere(dejavu, figure, width):
    kind = _plugins.load("figures", figure)
    said = []
    for more in ("", f", {ALIKE}"):
        results = results_of(plan_of({"sample": [f"all{more}", f"some{more}"]}, subsets("a", "b")))
        said.append(" ".join(texts_of(kind.draw(kind.data(results), width))))
    assert ["choices.csv" in words for words in said] == [False, True]


@pytest.mark.parametrize("scales", [["log points"], ["log points of all oxides of nitrogen", "log points"]])
def test_a_scale_beside_a_narrow_curve_is_said_to_be_that_of_an_effect(dejavu, scales):
    of = {f"y{k}": scale for k, scale in enumerate(scales)}
    results = results_of(plan_of({"outcome": list(of), "sample": ["all", "some"]}, subsets("a"), scales=of))
    texts = texts_of(draw(curve_data(results), 3.5))
    assert "log points" not in texts
    for scale in scales:
        assert f"Effect in {scale}" in " ".join(texts)


def test_estimates_without_an_error_are_counted():
    planned = smart_city(0)
    fits = fits_of(planned)
    for values in (fits.std_error, fits.p_value, fits.statistic):
        values[:2] = np.nan
    words = (
        f"2 of {len(planned)} estimates have no interval, for want of a standard error: this variance estimate is not"
    )
    assert words in " ".join(texts_of(draw(curve_data(collect(planned, [fits], ["x"])))))
    assert words not in " ".join(texts_of(plot(results_of(planned))))


def test_estimators_of_several_estimands_are_never_said_to_move_nothing():
    estimands = {"OLS": "average effect", "sdid": "effect on the treated", "sdid, placebo": "effect on the treated"}
    planned = plan_of({"estimator": list(estimands)}, subsets("a", "b"), estimands=estimands)
    fits = fits_of(planned)
    codes = planned.codes[:, planned.dimensions.index("estimator")]
    fits.estimate[:] = 0.1 * (codes == 0) + 0.01 * planned.codes[:, planned.dimensions.index("controls")]
    texts = texts_of(draw(curve_data(collect(planned, [fits], ["x"]))))
    assert "Estimator" in texts
    assert "estimator" not in " ".join(texts)


def many_panels(count: int, rows: int = 123_456_789):
    outcomes = [f"an outcome with a name of some length, number {k}" for k in range(count)]
    dims = {"outcome": outcomes, "estimator": ["OLS", "two-stage"], "sample": ["all", "some"]}
    estimands = {"OLS": "average effect of a law", "two-stage": "effect of a law on the treated, imputed"}
    planned = plan_of(dims, subsets("a", "b"), estimands=estimands)
    fits = fits_of(planned)
    fits.nobs[:] = rows + np.arange(len(fits.nobs)).reshape(fits.nobs.shape)
    return curve_data(collect(planned, [fits], ["x"]))


def untested_results(subset, estimators=("OLS", "csdid"), outcomes=("ln SO2",)):
    """Estimates of which those of the last estimator have no standard error under the first vcov."""
    dimensions = {"outcome": list(outcomes), "estimator": list(estimators)}
    planned = plan_of(dimensions, subsets(*subset), estimands={e: f"ATT by {e}" for e in estimators}, preferred=0)
    fits = fits_of(planned)
    alone = planned.dimension("estimator").codes == len(estimators) - 1
    fits.std_error[alone] = fits.p_value[alone] = np.nan
    return collect(planned, [fits], ["x"]), alone


def crosses(axes):
    """Return the places of crosses: markers that have lines and no faces."""
    paths = [c for c in axes.collections if not hasattr(c, "get_segments") and len(c.get_offsets())]
    return [c for c in paths if not c.get_paths()[0].codes.tolist().count(79) and len(c.get_paths()[0].vertices) == 4]


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("subset", ["ab", "abcdefgh"])
def test_what_was_not_tested_is_a_cross_and_not_pale(subset, width):
    results, alone = untested_results(subset)
    figure = plot(results, width=width)
    assert "no standard error" in texts_of(figure)
    curve = figure.axes[0]
    found = np.concatenate([np.asarray(c.get_offsets()) for c in crosses(curve)])
    assert np.array_equal(np.sort(found[:, 1]), np.sort(results.estimate[alone]))
    assert not layout_faults(figure)
    (panel,) = curve_data(results).panels
    assert np.array_equal(panel.tested, ~alone[panel.positions])
    whole = plot(results_of(results.planned), width=width)
    assert not crosses(whole.axes[0])
    assert "no standard error" not in texts_of(whole)


def test_marks_of_choices_are_crosses_where_nothing_was_tested():
    results, _ = untested_results("ab")
    figure = plot(results)
    (panel,) = curve_data(results).panels
    taken = sum(int(r.chosen[~panel.tested].sum()) for c in panel.choices for r in c.rows)
    assert sum(len(c.get_offsets()) for c in crosses(figure.axes[1])) == taken > 0
    assert sum(len(c.get_segments()) for c in figure.axes[1].collections if hasattr(c, "get_segments")) > 0


def test_runs_of_neighbours_do_not_mix_what_was_tested_with_what_was_not():
    results, _ = untested_results("abcdefghijkl")
    (panel,) = curve_data(results).panels
    drawn = thin(panel, ~panel.tested)
    assert len(drawn.x) == THIN
    assert not panel.significant[~panel.tested].any()


def test_the_one_key_of_several_scales_names_what_any_of_them_has():
    results, _ = untested_results("ab", outcomes=("ln SO2", "ln PM"))
    texts = texts_of(plot(results))
    assert texts.count("no standard error") == 1
    planned = plan_of({"outcome": ["one", "two"], "sample": ["a", "b"]}, subsets("x"))
    fits = fits_of(planned)
    fits.std_error[-1] = fits.p_value[-1] = np.nan
    assert texts_of(plot(collect(planned, [fits], ["x"]))).count("no standard error") == 1


def test_what_long_labels_have_in_common_is_said_once_and_their_rows_stay():
    common = "!(first_exec < 1984 & !is.na(first_exec))"
    samples = [common, f"{common} & south == 1", f"{common} & year <= 1994", "all"]
    results = results_of(plan_of({"sample": samples, "outcome": ["a", "b", "c"]}, subsets("x", "y")))
    for figure in (plot(results), multiverse.draw(multiverse.multiverse_data(results))):
        texts = texts_of(figure)
        assert {"[…]", "[…] & south == 1", "[…] & year <= 1994", "all"} <= set(texts)
        said = " ".join(texts)
        assert said.count("first_exec < 1984") == 1
        assert f"Sample: […] stands for {common}." in said


def many_scales(count, controls="ab"):
    scales = {f"y{k}": f"scale {k}" for k in range(count)}
    return results_of(plan_of({"outcome": [*scales], "sample": ["all", "some"]}, subsets(*controls), scales=scales))


def test_a_curve_without_rows_of_choices_says_what_gives_them_room():
    with pytest.warns(UserWarning, match=r"no room for rows of choices.*`width` in \[figure\]"):
        draw_bare(lambda width: draw(curve_data(many_scales(12)), width), 3.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(curve_data(many_scales(2)), 6.5)


def test_an_appendixs_curve_has_a_row_of_every_option_of_a_study_of_21_rows():
    """One scale has all options, others one estimate each: rows come before curves of the usual height and type."""
    scales = {f"y{k}": f"scale {k}" for k in range(5)}
    dims = {"outcome": [*scales], "fixed_effects": [f"effect {k}" for k in range(10)]}
    dims["sample"] = [f"sample {k}" for k in range(11)]
    cells = list(product(*dims.values()))
    kept = {("y0", f"effect {k % 10}", f"sample {k}") for k in range(11)} | {
        (y, "effect 0", "sample 0") for y in scales
    }
    planned = plan_of(dims, scales=scales, excluded={k: "not together" for k, c in enumerate(cells) if c not in kept})
    figure, told = draw_bare(lambda width: draw(curve_data(results_of(planned)), width), 6.5)
    wide, high = figure.get_size_inches()
    assert {*dims["fixed_effects"], *dims["sample"]} <= {*texts_of(figure)}
    assert "lack of room" not in told
    assert "options have rows" not in told
    assert high * 6.5 / wide <= 9 - 40 / 72
    assert min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text()) * 6.5 / wide >= SMALL - 1e-9
    assert layout_faults(figure) == []


def test_curves_that_had_to_be_lower_take_the_room_that_is_left_of_the_page():
    dims = {"outcome": ["y0", "y1"], "sample": [f"sample {k}" for k in range(20)]}
    scales = {"y0": "one scale", "y1": "another"}
    figure = draw(curve_data(results_of(plan_of(dims, subsets("a", "b"), scales=scales))), 3.5)
    assert figure.get_size_inches()[1] == pytest.approx(9, abs=0.01)


def test_the_appendix_speaks_of_no_panel_of_choices_where_the_figure_lost_it(curve):
    def reading(rows):
        return _reading(SimpleNamespace(families=(), results=curve.results, rows=rows))

    assert "the lower one" in reading(True)
    assert "the lower one" not in reading(False)


def test_a_run_tells_its_appendix_that_the_figure_lost_its_rows(monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "draw_figures", lambda *_: [NO_ROWS])
    specdid.run(small_study(), small_panel(), out=tmp_path, jobs=1, audit=0)
    assert "for choices below them it has no room" in (tmp_path / "appendix.md").read_text()


@pytest.mark.parametrize("options", [["", "a"], ["", "a", "b"]])
def test_an_option_without_a_name_as_a_strangers_file_may_have_it_is_drawn(options):
    results = results_of(plan_of({"sample": options, "outcome": ["a", "b", "c"]}, subsets("x", "y")))
    for width in (6.5, 3.5):
        assert "options have rows" not in " ".join(texts_of(draw(curve_data(results), width)))


def test_specifications_without_a_breakdown_value_are_below_the_axis_and_values_of_zero_are_seen():
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("ab")))
    known = np.arange(len(results)) % 2 == 0
    found = Breakdowns(np.where(np.arange(len(results)) == 2, 0.7, np.nan), known, "first")
    data = curve_data(results, breakdowns=found)
    figure = draw(data, 6.5)
    (axes,) = (a for a in figure.axes if "≥ 2" in [t.get_text() for t in a.get_yticklabels()])
    *bars, zeros, below = (p.get_data() for p in axes.findobj(StepPatch))
    order, values = data.panels[0].breakdowns.known, data.panels[0].breakdowns.values
    assert (np.maximum.reduce([b.values for b in bars]) > 0).tolist() == (order & (values > 0)).tolist()
    assert (zeros.values > 0).tolist() == (order & ~(values > 0)).tolist()
    assert (zeros.values == -np.asarray(zeros.baseline)).all()
    assert (below.values < below.baseline).tolist() == (~order).tolist()
    assert below.values.max() < 0
    assert not [line for line in axes.lines if line.get_marker() != "None"]
    said, n = " ".join(texts_of(figure)), len(results)
    assert f"Pale, below zero: not assessed, {n // 2} of {n}." in said
    inside = int(np.count_nonzero(order & ~(values > 0)))
    assert f"Dark, on its axis: zero is in the set at M̄ = 0, {inside}." in said
    (bound,) = (line for line in axes.lines if {*line.get_ydata()} == {1.0})
    assert bound.get_linestyle() == "-"
    assert to_hex(bound.get_color()) == FAINT


@pytest.mark.parametrize(("width", "outcomes"), [(6.5, 1), (6.5, 2), (3.5, 1), (3.5, 2)])
def test_shares_that_leave_the_picture_are_in_the_note(width, outcomes):
    """Side by side, or beside a narrow curve, they had no room, and stood nowhere."""
    scales = {f"y{k}": f"log points, deterrable crime {k}" for k in range(outcomes)}
    planned = plan_of({"outcome": [*scales]}, subsets("p", "q", "r"), scales=scales)
    shares = {(s, "ATT"): NullShares(8, 0.255, 0.125, 0.031, 0.02, "province", null_high=0.49) for s in scales.values()}
    figure = draw(curve_data(results_of(planned), null_shares=shares), width)
    joined = " ".join(texts_of(figure))
    assert joined.count("26%") == outcomes
    assert joined.count("49%") >= outcomes


def test_few_breakdown_values_of_a_dense_curve_are_not_drawn_as_if_all_had_one():
    """300 of 18,432 values were a bar from end to end."""
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets(*"abcdefghijk")))
    n = len(results)
    known = np.arange(n) % 100 == 0
    data = curve_data(results, breakdowns=Breakdowns(np.where(known, 0.7, np.nan), known, "first"))
    figure = draw(data, 6.5)
    (axes,) = (a for a in figure.axes if "≥ 2" in [t.get_text() for t in a.get_yticklabels()])
    *bars, _, below = (p.get_data() for p in axes.findobj(StepPatch))
    bare = (np.maximum.reduce([b.values for b in bars]) == 0) & (below.values < below.baseline)
    assert np.diff(below.edges)[bare].sum() > 0.9 * n


def test_no_bar_of_a_breakdown_value_has_the_colour_of_the_preferred_specification():
    """A bar above the bound was orange, and nothing said why."""
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("ab"), preferred=0))
    n = len(results)
    data = curve_data(results, breakdowns=Breakdowns(np.linspace(0.2, 1.8, n), np.ones(n, bool), "first", several=1))
    (axes,) = (a for a in draw(data, 6.5).axes if "≥ 2" in [t.get_text() for t in a.get_yticklabels()])
    faces = {to_hex(p.get_facecolor()) for p in axes.findobj(StepPatch)}
    assert to_hex(ACCENT) not in faces


def test_the_head_of_the_medians_does_not_lie_on_the_first_one():
    """Where the first choice has one line, as its other option is the reverse, both stood on it."""
    planned = plan_of({"sample": ["all", "few"]}, subsets("a", "b"))
    (panel,) = curve_data(results_of(planned)).panels
    choices = panel.choices[0]
    line = ChoiceLine(choices.heading, choices.rows[0].label, "all", 0.0)
    written = []
    page = SimpleNamespace(text=lambda x, y, text, *_, **__: written.append(y))
    layout = SimpleNamespace(width=400.0, row=10.0)
    spec_curve._medians(page, SimpleNamespace(panels=(panel,), lines=(line,)), 0.0, layout)
    assert abs(np.diff(written)[0]) >= 8


@pytest.mark.parametrize("width", [6.5, 3.5])
def test_no_share_significant_is_printed_without_a_null_as_in_the_summary(width):
    """A dense curve is one dark line: its strip tells that not all are significant."""
    planned = smart_city(5)
    fits = fits_of(planned)
    fits.p_value[:] = np.where(np.arange(len(fits.p_value)) % 4 == 0, 0.01, 0.5)[:, None]
    texts = texts_of(draw(curve_data(collect(planned, [fits], ["x"])), width))
    assert len(fits.p_value) > THIN
    assert not any(t.startswith("25%") for t in texts)
    assert any(t.startswith("strip: ") for t in texts)


def test_a_key_has_only_the_marks_of_p_that_there_are():
    planned = smart_city(0)
    for p, there in ((0.01, "p < 0.05"), (0.5, "p ≥ 0.05")):
        fits = fits_of(planned)
        fits.p_value[:] = p
        entries = p_entries(curve_data(collect(planned, [fits], ["x"])).panels, 0.05)
        assert [e.words for e in entries if "0.05" in e.words] == [there]


def test_ribbons_of_estimators_that_share_an_estimand_have_their_colours():
    """In one grey nobody saw whose interval is whose."""
    estimands = {"OLS": "weighted", "did2s": "ATT", "imputation": "ATT"}
    results = results_of(plan_of({"estimator": list(estimands)}, subsets(*"abcdef"), estimands=estimands))
    data = curve_data(results)
    (panel,) = data.panels
    figure = draw(data, 3.5)
    tints = {to_rgb(p.get_facecolor()) for p in figure.findobj(StepPatch)}
    for k in range(3):
        assert {to_rgb(c) for c in ribbon_shades(panel, np.array([k]))} <= tints
    assert to_rgb(BAND95) not in tints


@pytest.mark.parametrize("most", [2686, 2700])
def test_n_of_panels_side_by_side_has_its_range(most):
    outcomes = ["one", "two"]
    planned = plan_of({"outcome": outcomes}, subsets("a", "b"), scales={o: f"scale of {o}" for o in outcomes})
    results = results_of(planned)
    nobs = results.numbers["nobs"]
    for panel, end in zip(curve_data(results).panels, (2686, most), strict=True):
        nobs[panel.positions] = 2021
        nobs[panel.positions[0]] = end
    data = curve_data(results)
    texts = texts_of(draw(data, 6.5))
    assert texts.count("N") == 1
    assert any(text in texts for text in (f"2,021 to {most:,}", f"2,021 to 2,686; 2,021 to {most:,}"))


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_a_row_of_one_of_two_options_names_its_choice(width):
    """Rows "dropped" and "dropped" once said not of what."""
    choices = {"later batches of the pilot": ["kept", "dropped"], "provincial capitals": ["kept", "dropped"]}
    fonts = fonts_for([])
    said = [_one_of_two(name, "dropped", labels, fonts, 25.0 * width) for name, labels in choices.items()]
    assert [one[:5] for one in said] == ["later", "provi"]
    assert all(one.endswith(": dropped") and fonts.width(one, TEXT) <= 25.0 * width for one in said), said
    long = "city + province of the year"
    named, option = _one_of_two("Fixed effects", long, [long, "city + year"], fonts, 25.0 * width).split(": ")
    assert named.startswith("Fixed")
    assert option.startswith("city")

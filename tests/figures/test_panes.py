from dataclasses import replace

import numpy as np
import pytest
from curves import fits_of, plan_of, results_of, smart_city, subsets
from figure_layout import layout_faults
from figure_samples import samples
from figure_texts import texts_of
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from specdid import _plugins
from specdid._describe.curve_tests import NullMedian
from specdid._records import Code, NullShares, collect
from specdid._records.cautions import Against
from specdid._run.describe import _shown
from specdid._words import say
from specdid.figures import spec_curve
from specdid.figures._axes import BINS, bandwidth, density
from specdid.figures._curve_data import curve_data
from specdid.figures._fonts import fonts_for
from specdid.figures._page import wrap
from specdid.figures._panes import PAGE
from specdid.figures._style import ACCENT, CROSS, INK, own_style, save
from specdid.figures.decomposition import LATER, LOOKS, UNTREATED, ComparisonPanel, DecompositionData, TwoByTwo
from specdid.figures.decomposition import draw as draw_decomposition
from specdid.figures.forest import ForestBlock, ForestData, ForestRow
from specdid.figures.forest import draw as draw_forest
from specdid.figures.honest import HonestData, HonestPanel
from specdid.figures.honest import draw as draw_honest
from specdid.figures.love_plot import LoveBlock, LoveData, LoveRow
from specdid.figures.love_plot import draw as draw_love
from specdid.figures.marginal_effect import EffectData, EffectPanel
from specdid.figures.marginal_effect import draw as draw_effect
from specdid.figures.multiverse import multiverse_data
from specdid.figures.null_density import histogram, null_data
from specdid.figures.placebo_density import PlaceboData, PlaceboPanel
from specdid.figures.placebo_density import draw as draw_placebos
from specdid.figures.score_overlap import CONTROL, TREATED
from specdid.figures.volcano import draw as draw_volcano
from specdid.figures.volcano import p_ticks, volcano_data

FIGURES = ("volcano", "multiverse", "null_density")
LONG = "all prefecture-level cities but the four municipalities and Tibet"


def null_median(
    null="wild", group="log points", estimand="ATT", n=96, shares=(0.03, 0.02), real=(0.9, 0.01), high=0.49
):
    medians = np.random.default_rng(5).normal(0, 0.02, 999)
    quantiles = np.quantile(medians, np.linspace(0, 1, 201))
    return NullMedian(null, f"{null} null", group, estimand, n, -0.06, 0.004, quantiles, *shares, real, high=high)


def given(name, results, null_medians):
    return {"volcano": (results, null_medians), "multiverse": (results,), "null_density": (null_medians, results)}[name]


def drawn(name, results, null_medians=None, width=None):
    figure = _plugins.load("figures", name)
    null_medians = (null_median(),) if null_medians is None else null_medians
    return figure.draw(figure.data(*given(name, results, null_medians)), width)


def chinese():
    planned = plan_of(
        {"outcome": ["二氧化硫", "废水"], "样本": ["全部城市", "剔除直辖市", LONG], "estimator": ["OLS", "双重稳健"]},
        subsets("人均GDP", "开放度", "专利", "财政"),
        scales={"二氧化硫": "对数点", "废水": "对数点"},
        estimands={"OLS": "加权平均效应", "双重稳健": "处理组平均效应"},
        title="智慧城市试点与工业污染",
        preferred=5,
    )
    return results_of(planned), tuple(
        null_median(null, "对数点", words) for null in ("wild", "permutation") for words in planned.estimand.words
    )


@pytest.mark.parametrize("name", FIGURES)
def test_the_same_bytes_every_time(name, tmp_path):
    found = []
    for k in range(2):
        directory = tmp_path / str(k)
        directory.mkdir()
        results, null_medians = chinese()
        paths = save(drawn(name, results, null_medians), directory, name, ["pdf", "png", "svg"])
        found.append([p.read_bytes() for p in paths])
    assert found[0] == found[1]


def test_the_volcano_has_log_p_and_prints_shares_only_beside_the_null():
    results = results_of(smart_city(1, preferred=4))
    data = volcano_data(results, (null_median(),))
    (pane,) = data.panels
    assert np.allclose(10**-pane.height, results.first("p_value")[pane.panel.positions])
    part = " ".join(texts_of(drawn("volcano", results, (null_median(n=40),))))
    assert "ATT (40): 90% negative (null: mean 3%, 95% up to 49%)" in part
    assert not any("negative" in t for t in texts_of(drawn("volcano", results, ())))


def test_the_shares_of_a_volcano_are_by_estimand_and_name_their_null():
    """Shares of several estimands are of no effect; the first null of the study need not have them all."""
    results, _ = chinese()
    two = (
        null_median("w", "对数点", "a", 30, (0.1, 0.2), (0.4, 0.0)),
        null_median("permutation", "对数点", "b", 10, (0.5, 0.6), (0.8, 0.2)),
    )
    later = null_median("permutation", "对数点", "a", 30, (0.9, 0.9))
    found = dict(volcano_data(results, (*two, later)).panels[0].nulls)
    assert (found["a"].tested, found["a"].null_negative) == (30, pytest.approx(0.1))
    assert (found["b"].negative, found["b"].null_positive) == pytest.approx((0.8, 0.6))
    words = " ".join(texts_of(drawn("volcano", results, two)))
    assert "a (30): 40% negative (null: mean 10%, 95% up to 49%)" in words
    assert f"The null: {two[0].title}; {two[1].title}." in words


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_volcano_says_whose_errors_shares_and_marks_have_and_of_whom_no_null_was_drawn(several, width):
    names = {f"estimator {k}": f"estimand {k}" for k in range(9 if several else 2)}
    results = results_of(plan_of({"estimator": list(names)}, subsets("x"), estimands=names))
    group = results.families[0].group
    nulls = [replace(null_median(group=group, estimand=w, n=2), errors="state") for w in list(names.values())[:-1]]
    data = volcano_data(results, nulls)
    assert data.panels[0].panel.many == several
    said = " ".join(texts_of(draw_volcano(data, width)))
    assert say(", with the null's standard errors, by {errors} (drawn: {vcov})", errors="state", vcov=data.vcov) in said
    assert f"No null, and so in no joint test: estimator {len(names) - 1}" in said


def test_p_values_stand_at_the_axis_apart_from_each_other():
    for top in (1.7, 3.0, 6.0, 40.0, 321.0):
        places, words = p_ticks(0.05, top, 130.0)
        assert (np.diff(sorted(places)) * 130 / top >= 9.9).all()
        assert [-np.log10(float(w.replace("−", "-"))) for w in words] == pytest.approx(places)
        assert words[0] == "0.05"


def test_many_points_are_counted_in_squares():
    results = results_of(smart_city(8, preferred=9))
    figure = drawn("volcano", results, ())
    squares = [c for c in figure.axes[0].collections if type(c).__name__ == "PolyCollection"]
    (one,) = squares
    panel = volcano_data(results).panels[0].panel
    assert 50 < len(one.get_paths()) < len(panel)
    boxes = np.array([p.get_extents().extents for p in one.get_paths()])
    assert boxes[:, 0].min() <= panel.estimate.min() <= boxes[:, 2].min() + 1e-9
    assert boxes[:, 0].max() <= panel.estimate.max() <= boxes[:, 2].max() + 1e-9


def test_those_without_a_p_value_are_counted():
    planned = smart_city(0)
    fits = fits_of(planned)
    fits.p_value[3] = np.nan
    results = collect(planned, [fits], ["x"])
    assert "1 without a p-value stands below the axis of p." in " ".join(texts_of(drawn("volcano", results)))


def test_a_hundred_thousand_are_a_small_file(tmp_path):
    results = results_of(smart_city(10))
    for name in FIGURES[:2]:
        (path,) = save(drawn(name, results), tmp_path, name, ["pdf"])
        assert path.stat().st_size < 900_000


def test_the_multiverse_has_a_row_per_option_and_what_it_changes():
    results = results_of(smart_city(2, preferred=50), fails={3: Code.ABSORBED})
    (panel,) = multiverse_data(results).panels
    rows = {(r.heading, r.label): r for r in panel.rows}
    assert len(panel.estimate) == 191
    assert rows["Weights", "unweighted"].reference != rows["Weights", "population"].reference
    assert rows["Controls, with", "I(pgdp^2)"].chosen.sum() == 96
    y, planned = results.estimate, results.planned
    d = planned.dimensions.index("winsorizing")
    one = np.flatnonzero(planned.codes[:, d] != planned.codes[50, d])
    gaps = []
    for s in one.tolist():
        twin = planned.codes[s].copy()
        twin[d] = planned.codes[50, d]
        (t,) = np.flatnonzero((planned.codes == twin).all(axis=1))
        gaps.append(y[s] - y[t])
    (changed,) = (r for r in panel.rows if r.heading == "Winsorizing" and not r.reference)
    assert changed.change == pytest.approx(np.nanmean(gaps))


def test_a_variable_is_with_against_without_whatever_is_preferred():
    planned = smart_city(4)
    plain = multiverse_data(results_of(planned)).panels[0]
    last = multiverse_data(results_of(smart_city(4, preferred=len(planned) - 1))).panels[0]
    for one, other in zip(plain.rows, last.rows, strict=True):
        if one.heading == "Controls, with":
            assert one.change == pytest.approx(other.change)
            assert not other.reference


def test_a_name_may_stand_above_the_column_of_changes(dejavu):
    scale = "log points, deterrable crimes"
    scales = dict.fromkeys("ab", scale) | dict.fromkeys("cd", "$")
    planned = plan_of({"outcome": [*"abcd"], "sample": ["x", LONG]}, scales=scales)
    assert scale in texts_of(drawn("multiverse", results_of(planned)))


def test_the_name_of_log_p_touches_no_other_text():
    results, null_medians = chinese()
    figure = drawn("volcano", results, null_medians)
    figure.set_dpi(300)
    with own_style():
        figure.draw_without_rendering()
        found = {t: t.get_window_extent() for t in figure.findobj(Text) if t.get_text() and t.get_visible()}
        names = [t for t in found if t.get_text() == "p, log scale"]
        assert names
        for name in names:
            assert not [t.get_text() for t in found if t is not name and found[t].overlaps(found[name])]


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("more", ["", ", with a name that is long" * 6])
def test_names_of_nulls_are_whole_beside_their_p(more, width):
    """Their end alone, "specifications…", said not that it is a permutation."""
    results, (first, *_) = chinese()
    whole = f"permutation of the assignment{more}, specifications fitted again in every draw"
    nulls = tuple(
        replace(null, title=whole, p_value=1 / 200, draws=199) for null in (first, replace(first, estimand="another"))
    )
    texts = texts_of(drawn("null_density", results, nulls, width))
    named = [text for text in texts if text and text in whole]
    assert " ".join(named[: len(named) // 2]) == whole, named
    assert texts.count("p = 0.005, the least of 199 draws") == 2


@pytest.mark.filterwarnings("ignore:Glyph")  # of a Chinese title, where no font has these
@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_observed_median_does_not_strike_through_the_second_line_of_a_name(width):
    results, (first, *_) = chinese()
    whole = (
        f"permutation of the assignment{', with a name that is long' * 4}, specifications fitted again in every draw"
    )
    figure = drawn("null_density", results, (replace(first, title=whole[: 80 if width < 4 else 150]),), width)
    figure.set_dpi(300)
    renderer = FigureCanvasAgg(figure).get_renderer()
    axes = figure.axes[0]
    frame = axes.get_window_extent(renderer)
    boxes = [t.get_window_extent(renderer) for t in figure.texts if t.get_text()]
    inside = [b for b in boxes if b.y0 > frame.y0 and b.y1 < frame.y1 and b.x0 < frame.x0 + 1]
    assert len(inside) == 2, "the name has two lines"
    tops = [line.get_window_extent(renderer).y1 for line in axes.lines if len(line.get_xdata()) == 2]
    assert max(tops) < min(b.y0 for b in inside) + 2


def test_estimands_of_which_no_null_was_drawn_are_named():
    results, (first, *others) = chinese()
    said = "No null, and so in no joint test: "
    every = [*{(p.group, p.estimand): p for p in (first, *others)}.values()]
    left = {p.estimand for p in every} - {first.estimand}
    assert left
    texts = " ".join(texts_of(drawn("null_density", results, (first,), 6.5)))
    assert said in texts
    shares = {(first.group, first.estimand): NullShares(9, 0.1, 0.1, 0.1, 0.1)}
    data = curve_data(results, null_shares=shares)
    assert said in " ".join(texts_of(spec_curve.draw(data)))
    assert said not in " ".join(texts_of(spec_curve.draw(curve_data(results))))


def test_panes_of_the_volcano_have_one_axis_of_p():
    planned = plan_of({"outcome": ["one", "two"]}, subsets("a", "b"))
    results = results_of(planned)
    results.numbers["p_value"][:4] *= 1e-6
    axes = draw_volcano(volcano_data(results)).axes
    assert len({a.get_ylim() for a in axes}) == 1
    assert len(axes) == 2


def test_sides_of_common_support_are_told_apart_in_grey():
    treated, control = (np.dot((0.3, 0.59, 0.11), to_rgb(side)) for side in (TREATED, CONTROL))
    assert control - treated > 0.15


def test_many_placebos_fit_a_page_with_text_as_large_as_elsewhere():
    rng = np.random.default_rng(3)
    panel = PlaceboPanel("ln crime", ("500 placebos",) * 3, 0.1, "0.100", rng.normal(size=99), rng.uniform(size=99))
    for count in (4, 5, 6):
        figure = draw_placebos(PlaceboData("Placebo", 0.05, (panel,) * count, "Dealt out again."))
        assert 72 * figure.get_figheight() <= PAGE + 1e-6, count


@pytest.mark.parametrize("value", [-0.09, -0.05, 0.02, 0.001, 0.0])
def test_the_dark_part_of_a_null_is_p(value):
    """A smoothed density had .045 of its area dark where p is .028."""
    medians = np.random.default_rng(8).normal(0.005, 0.025, 999)
    null = replace(null_median(), value=value, quantiles=np.quantile(medians, np.linspace(0, 1, 201)))
    (axes,) = drawn("null_density", results_of(smart_city(1)), (null,)).axes
    light, dark, _ = sorted(axes.findobj(StepPatch), key=lambda p: p.get_zorder())
    assert light.get_facecolor() != dark.get_facecolor()
    whole, part = (float(p.get_data().values @ np.diff(p.get_data().edges)) for p in (light, dark))
    far = float(np.mean(np.abs(medians) >= abs(value)))
    # A sliver around zero is no higher than its neighbours.
    assert part / whole == pytest.approx(far, abs=0.006 if abs(value) > 0.01 else 0.02)


def test_the_null_density_holds_every_null_of_a_scale_and_estimand():
    results, null_medians = chinese()
    panels = null_data(null_medians, results).panels
    assert [(p.estimand, [q.null for q in p.nulls]) for p in panels] == [
        ("加权平均效应", ["wild", "permutation"]),
        ("处理组平均效应", ["wild", "permutation"]),
    ]
    texts = texts_of(drawn("null_density", results, null_medians))
    assert "p = 0.004" in texts
    assert sum("observed median: −0.0600" in text for text in texts) == len(panels)


def test_a_null_has_the_same_height_in_every_pane():
    results, null_medians = chinese()
    heights = [a.get_position().height for a in drawn("null_density", results, null_medians[:3]).axes]
    assert heights[0] == pytest.approx(2 * heights[1])


def test_density_integrates_to_one_and_is_the_normal_kernel_estimate():
    values = np.random.default_rng(1).normal(size=300)
    width = bandwidth(values)
    x, y = density(values, -6.0, 6.0, width)
    assert len(x) == BINS
    assert np.sum(y) * 12 / BINS == pytest.approx(1, abs=1e-6)
    kernel = np.exp(-0.5 * ((x[:, None] - values) / width) ** 2).sum(1) / (300 * width * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(y, kernel, atol=0.004)


def test_equal_estimates_can_be_drawn():
    planned = smart_city(0)
    fits = fits_of(planned)
    fits.estimate[:] = 0.25
    results = collect(planned, [fits], ["x"])
    assert bandwidth(results.estimate) == 0
    assert drawn("multiverse", results).axes
    assert drawn("volcano", results).axes


def test_in_a_journal_s_column_long_words_stay_on_the_page():
    long = "average effect on the treated (local projections, pooled over all years)"
    scale = "log points, deterrable crime"
    planned = plan_of(
        {"estimator": ["OLS", "local projections, year 0"], "sample": ["all", "some"]},
        subsets("x1", "x2", "x3"),
        estimands={"OLS": "average effect", "local projections, year 0": long},
        scales={"ln SO2": scale},
        types={"sample": {"some": "nonequivalent"}},
        preferred=2,
    )
    results = results_of(planned)
    for figure in (drawn("volcano", results, (), 3.5), spec_curve.FIGURE.draw(spec_curve.FIGURE.data(results), 3.5)):
        figure.set_dpi(300)
        with own_style():
            figure.draw_without_rendering()
            for text in figure.findobj(Text):
                if text.get_text() and text.get_visible():
                    box = text.get_window_extent()
                    assert box.x0 >= -1, text.get_text()
                    assert box.x1 <= figure.bbox.x1 + 1, text.get_text()
    said = texts_of(figure)
    assert any(t.startswith("preferred: ") for t in said)
    assert {"deterrable", "crime"} <= set(" ".join(said).split())


@pytest.mark.parametrize("name", ["volcano", "null_density", "compared_curves"])
def test_no_words_of_a_key_are_written_twice(name):
    seen = 0
    for what, data in samples(name):
        if len(data.panels) > 1:
            figure = _plugins.load("figures", name).draw(data, 6.5)
            words = [t.get_text() for t in figure.texts]
            keys = [w for w in words if w.startswith(("p < 0.05", "p ≥ 0.05", "hollow: ", "old: …", "new: …"))]
            keys += [w for w in words if w in ("observed median", "preferred")]
            assert len(keys) == len(set(keys)), what
            seen += bool(keys)
    assert seen


def test_series_of_the_volcano_are_told_apart_without_colour():
    (panel,) = (v for v in volcano_data(chinese()[0]).panels[:1])
    assert len(panel.panel.series) > 1
    figure = drawn("volcano", *chinese())
    paths = {
        c.get_paths()[0].vertices.tobytes(): len(c.get_offsets())
        for c in figure.axes[0].collections
        if len(c.get_offsets()) > 1
    }
    assert len(paths) >= len(panel.panel.series)


@pytest.mark.parametrize("controls", ["abc", "abcdef"])
def test_series_of_the_volcano_never_look_alike(controls):
    names = [f"estimator {k}" for k in range(11)]
    planned = plan_of({"estimator": names}, subsets(*controls), estimands={n: f"effect {n}" for n in names})
    figure = draw_volcano(volcano_data(results_of(planned)))
    keys = [c for c in figure.get_children() if isinstance(c, Line2D) and c.get_marker() != "None"]
    looks = [(str(line.get_color()), line.get_marker()) for line in keys]
    assert len(set(looks)) == len(looks) >= 11
    shapes = {c.get_paths()[0].vertices.tobytes() for c in figure.axes[0].collections if len(c.get_offsets()) > 1}
    assert len(shapes) == len({marker for _, marker in looks[:11]})


def test_a_comparison_with_the_treated_is_no_cross():
    assert CROSS not in {marker for marker, _ in LOOKS.values()}
    assert len({marker for marker, _ in LOOKS.values()}) == len(LOOKS)


def test_where_a_page_has_no_room_for_all_panels_the_note_says_how_many_there_are():
    for name in ("placebo_density", "forest", "event_study", "love_plot", "decomposition"):
        data = dict(samples(name))["twelve" if name == "placebo_density" else "too many for a page"]
        figure = _plugins.load("figures", name).draw(data, 3.5)
        of = len(data.blocks if hasattr(data, "blocks") else data.panels)
        assert f"of {of} panels are drawn; not drawn: " in " ".join(texts_of(figure)), name


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_how_many_were_matched_is_never_cut(width):
    facts = "31 of 31 treated and 41 of 171 controls of the sample are matched, each with up to three (87.25 effective)"
    rows = (LoveRow("income", 12.0, 3.0),)
    figure = draw_love(LoveData("", (LoveBlock("kernel matching", rows, facts),), 10.0), width)
    assert facts in " ".join(texts_of(figure))
    assert layout_faults(figure) == []


def test_no_line_begins_with_a_mark_that_closes():
    fonts = fonts_for("人均二氧化硫排放量（工业口径）, 全部")
    text = "人均二氧化硫排放量（工业口径）, 全部城市（吨）; 其他。" * 3
    for room in range(40, 200, 7):
        assert not [line for line in wrap(text, fonts, room) if line[0] in ",;。）" and len(line) > 1]


def test_the_volcano_has_crosses_below_its_axis_for_what_has_no_p():
    planned = plan_of({"estimator": ["OLS", "csdid"]}, subsets("a", "b", "c"), preferred=9)
    fits = fits_of(planned)
    alone = planned.dimension("estimator").codes == 1
    fits.std_error[alone] = fits.p_value[alone] = np.nan
    figure = draw_volcano(volcano_data(collect(planned, [fits], ["x"])))
    texts = texts_of(figure)
    assert "no standard error" in texts
    assert "8 without a p-value stand below the axis of p." in " ".join(texts)
    offsets = [np.asarray(c.get_offsets()) for c in figure.axes[0].collections if not hasattr(c, "get_segments")]
    below = [o for o in offsets if len(o) and (o[:, 1] < 0).all()]
    assert sorted(map(len, below)) == [1, 1, 8]  # the crosses, and the preferred one's diamond and its edge
    whole = draw_volcano(volcano_data(results_of(planned)))
    assert "no standard error" not in texts_of(whole)


@pytest.mark.parametrize("many", [1, 10, 25])
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, np.nan])
@pytest.mark.parametrize("spread", [0.0, 1.0, 1e300])
def test_a_volcano_of_any_p_is_drawn(many, p, spread):
    """Ten outcomes whose p were 0 had axes too low for any step between powers of ten."""
    results = results_of(plan_of({"outcome": [f"y{k}" for k in range(many)]}))
    results.numbers["estimate"][:] = spread * np.arange(many)
    results.numbers["p_value"][:] = p
    data = replace(volcano_data(results), doubt="Serious warnings stand against these estimates. " * 8)
    for width in (3.5, 6.5):
        assert draw_volcano(data, width).axes


@settings(deadline=None, derandomize=True)
@given_by(alpha=st.floats(0.001, 0.5), top=st.floats(0.4, 330), points=st.floats(1, 400))
def test_ticks_of_p_hold_alpha_and_stand_apart(alpha, top, points):
    places, words = p_ticks(alpha, top, points)
    assert len(places) == len(words)
    assert places[0] == -np.log10(alpha)
    heights = np.sort(places) * points / top
    assert (np.diff(heights) >= 9.99).all()


def test_robust_sets_of_one_scale_have_one_axis():
    bound = np.array([0.0, 1.0])

    def panel(axis, size):
        return HonestPanel(axis, True, bound, -size * bound - 1, size * bound, (0.0, -1.0, 1.0), np.nan, axis)

    figure = draw_honest(HonestData("", (panel("a", 1), panel("a", 9), panel("b", 2)), "95%"))
    ends = [axes.get_ylim() for axes in figure.axes]
    assert ends[0] == ends[1] != ends[2]


def test_the_label_of_parallel_trends_is_not_read_with_the_tick_at_zero():
    """It was one line with it: "parallel trends 0"."""
    panel = HonestPanel("y", True, np.array([0.0, 1.0]), np.array([-1.0, -2]), np.ones(2), (0.0, -1.0, 1.0), np.nan)
    for width in (6.5, 3.5):
        figure = draw_honest(HonestData("", (panel,) * 2, "95%"), width)
        renderer = FigureCanvasAgg(figure).get_renderer()
        figure.draw(renderer)
        for axes in figure.axes:
            divider = next(line for line in axes.lines if line.get_xdata()[0] < 0 and len(line.get_xdata()) == 2)
            end = axes.transData.transform((divider.get_xdata()[0], 0))[0]
            (zero,) = (t for t in axes.get_xticklabels() if t.get_text() in ("0", "0.0"))
            assert end < zero.get_window_extent(renderer).x0
            here = [t for t in figure.texts if t.get_color() == ACCENT and t.get_window_extent(renderer).x1 <= end + 1]
            assert here


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("name", ["multiverse", "volcano", "spec_curve"])
def test_what_stands_against_the_numbers_is_short_where_it_has_too_many_lines(name, width):
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("ab")))
    for times, short in ((1, False), (120, True)):
        found = Against(verdict="Serious: all.", items=(("clustered", "word " * times), ("few", "clusters")))
        if name == "spec_curve":
            figure = spec_curve.draw(replace(curve_data(results), found=found), width)
        else:
            kind = _plugins.load("figures", name)
            figure = kind.draw(_shown(kind, (results, ()), found), width)
        texts = texts_of(figure)
        assert ("! Serious: all." in texts) == short
        assert any(t.startswith("! Clustered: word") for t in texts) != short


def test_five_placebos_stand_in_a_column_of_a_page_with_facts_together_where_they_have_room():
    rng = np.random.default_rng(1)
    facts = ("500 placebos", "p = 0.026", "10.2% with p < 0.05")
    panel = PlaceboPanel("ln homicide", facts, 0.082, "0.082", rng.normal(size=99), rng.uniform(size=99))
    figure = draw_placebos(PlaceboData("Placebo", 0.05, (panel,) * 5, "Drawn at random. " * 8), 3.5)
    assert figure.get_size_inches()[1] <= 9.0
    assert texts_of(figure).count("ln homicide") == 5
    assert sum(t.startswith("actual: 0.082 · 500 placebos") for t in texts_of(figure)) == 5


@pytest.mark.parametrize("kind", ["forest", "love_plot"])
def test_the_note_says_where_names_that_are_cut_stand_in_full(kind):
    if kind == "forest":
        draw = lambda name: draw_forest(  # noqa: E731
            ForestData("t", (), (ForestBlock("y", "y", (ForestRow(name, 0.2, 0.1, 0.3, ()),)),), "Note."), 3.5
        )
    else:
        draw = lambda name: draw_love(LoveData("t", (LoveBlock("s", (LoveRow(name, 9.0, 2.0),)),), 10.0, "Note."), 3.5)  # noqa: E731
    said = "Names cut short are in full in the table of these results."
    assert said not in " ".join(texts_of(draw("short")))
    assert said in " ".join(texts_of(draw("a name that is longer than any room beside the axis of a narrow figure")))


def test_robust_sets_have_a_name_on_their_vertical_axis():
    bound = np.array([0.5, 1.0])
    panel = HonestPanel("a", True, bound, -bound, bound, (0.1, -0.1, 0.3), np.nan)
    upright = [t.get_text() for t in draw_honest(HonestData("", (panel,), "95%")).texts if t.get_rotation() == 90]
    assert upright == ["effect"]


def test_p_of_a_null_is_as_dark_as_text_must_be():
    texts = [t for t in drawn("null_density", results_of(smart_city(1))).texts if t.get_text().startswith("p ")]
    assert {to_rgb(t.get_color()) for t in texts} == {to_rgb(INK)}


def test_the_line_at_zero_of_a_null_is_named():
    assert "thin line: zero." in " ".join(texts_of(drawn("null_density", results_of(smart_city(1)))))


@pytest.mark.parametrize("many", [True, False])
def test_a_marginal_effect_says_where_no_treated_unit_is_and_how_many_there_are(many):
    at = np.linspace(0.0, 10.0, 41 if many else 3)
    treated = np.full(33, 5.0) if not many else np.linspace(3.0, 6.0, 33)
    panel = EffectPanel("a", (), at, at, at - 1, at + 1, treated, np.linspace(0.0, 10.0, 177))
    data = EffectData("title", "share", "95%", (panel,))
    figure = draw_effect(data, 6.5)
    said = " ".join(texts_of(figure))
    assert {"treated units (33)", "control units (177)"} <= set(texts_of(figure))
    assert ("Dotted" in said, "Hollow" in said) == (many, not many)
    if many:
        solid = [line for line in figure.axes[0].lines if line.get_linestyle() == "-" and len(line.get_xdata()) > 2]
        assert [(line.get_xdata().min(), line.get_xdata().max()) for line in solid] == [(3.0, 6.0)]
    other = replace(panel, treated=treated[:9])
    assert "9 treated, 177 control units" in texts_of(draw_effect(replace(data, panels=(panel, other)), 6.5))


def test_a_decomposition_names_its_controls_and_ends_with_numbers():
    found = (TwoByTwo("2012", "2014", LATER, -0.09, 0.5), TwoByTwo("2012", "never", UNTREATED, 0.054, 0.5))
    figure = draw_decomposition(DecompositionData("title", (ComparisonPanel("a", -0.02, found),)), 6.5)
    texts = texts_of(figure)
    assert "later treated; controls: earlier treated (forbidden)" in texts
    assert "estimate" in texts
    (low, high), ticks = figure.axes[0].get_ylim(), figure.axes[0].get_yticks()
    assert (low, high) == pytest.approx((min(ticks), max(ticks)))


def test_serious_warnings_are_bold_as_in_grey_they_look_like_notes():
    results = results_of(smart_city(1, preferred=4))
    words = "Controls differ with the treatment."
    figure = draw_volcano(replace(volcano_data(results), doubt=words))
    assert [t.get_weight() for t in figure.findobj(Text) if t.get_text() == f"! {words}"] == ["bold"]


def test_a_density_of_placebos_ends_at_nothing_and_axes_that_differ_say_so():
    rng = np.random.default_rng(2)
    one, two = (
        PlaceboPanel("a", (), 0.0, "0", scale * rng.normal(size=400), rng.uniform(size=400)) for scale in (1.0, 5.0)
    )
    figure = draw_placebos(PlaceboData("title", 0.05, (one, two)), 6.5)
    curves = [line.get_ydata() for axes in figure.axes for line in axes.lines if len(line.get_xdata()) > 10]
    assert all(max(y[0], y[-1]) < 0.01 * max(y) for y in curves)
    assert len(curves) == 2
    words = say("Axes of panels differ in range.")
    assert words in " ".join(texts_of(figure))
    assert words not in " ".join(texts_of(draw_placebos(PlaceboData("title", 0.05, (one, one)), 6.5)))


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_numbers_at_the_corners_of_placebos_stand_apart(width):
    """A number below the axis that reaches beyond its end once touched the zero of p beside it."""
    rng, touching = np.random.default_rng(3), []
    for scale in np.linspace(0.02, 0.05, 12):
        panel = PlaceboPanel("a", (), 0.0, "0", scale * rng.normal(size=400), rng.uniform(size=400))
        figure = draw_placebos(PlaceboData("title", 0.05, (panel,)), width)
        figure.set_dpi(72)
        with own_style():
            figure.draw_without_rendering()
            below, beside = (
                [t.get_window_extent() for axes in figure.axes for t in ticks(axes) if t.get_text()]
                for ticks in (lambda axes: axes.get_xticklabels(), lambda axes: axes.get_yticklabels())
            )
            zeros = [
                (t.get_window_extent(), axes.get_window_extent())
                for axes in figure.axes for t in axes.get_yticklabels() if t.get_text() == "0"
            ]  # fmt: skip
        touching += [scale for a in below for b in beside if a.padded(1).overlaps(b)]
        assert len(zeros) == 2
        assert all(abs((z.y0 + z.y1) / 2 - axis.y0) < 1.5 for z, axis in zeros), "a tick stands where its number is"
    assert not touching


def test_bold_numbers_of_a_love_plot_are_told():
    told = say("Bold, after matching: beyond ±{limit:g}%.", limit=10.0)
    for after, there in ((12.0, True), (9.0, False)):
        rows = (LoveRow("x", 50.0, after),)
        assert (told in " ".join(texts_of(draw_love(LoveData("title", (LoveBlock("a", rows),), 10.0))))) == there


def test_a_p_at_the_floor_of_its_draws_has_their_number():
    """p = 0.005 is all that 199 draws can say."""
    results = results_of(smart_city(1))
    for p, said in ((1 / 200, "p = 0.005, the least of 199 draws"), (0.01, "p = 0.010")):
        null = replace(null_median(), p_value=p, draws=199)
        assert said in texts_of(drawn("null_density", results, (null,)))


def test_the_outline_of_a_null_ends_at_its_outermost_draws_and_the_note_says_what_is_counted():
    """It ran on at zero height to a far observed median, as if there were draws; heights are of 201 quantiles."""
    null = replace(null_median(), value=-0.3)
    edges, heights, dark = histogram(null, 0.001)
    assert heights[0] > 0 < heights[-1]
    assert edges[1] > null.quantiles[0] >= edges[0] > -0.3
    assert edges[-2] < null.quantiles[-1] <= edges[-1] < 0.3
    assert not dark.any()
    figure = drawn("null_density", results_of(smart_city(1)), (null,))
    (axes,) = figure.axes
    for patch in axes.findobj(StepPatch):
        assert patch.get_data().edges[0] > -0.2
    assert "of 201 quantiles of its draws" in " ".join(texts_of(figure))


def test_no_gridline_strikes_through_the_names_of_nulls_and_p():
    figure = drawn("null_density", results_of(smart_city(1)))
    labels = [t for t in figure.texts if t.get_text().startswith(("p ", "wild"))]
    assert len(labels) == 2
    for label in labels:
        assert label.get_bbox_patch().get_facecolor() == (1, 1, 1, 1)
        assert label.get_zorder() > max(a.get_zorder() for a in figure.axes)


def test_axes_of_effects_and_placebos_have_the_declared_scale_where_there_is_room():
    """The curve of the same study said "log points", and these axes of what they are of "effect" or nothing."""
    at, ones = np.linspace(0.0, 10.0, 9), np.ones(9)
    long = "log points of tonnes per head, in prices of the year 2000"
    for scale, there in (("log points", True), (long, False), ("", False)):
        honest = HonestPanel("a", True, at, -ones, ones, (0.1, -0.1, 0.3), np.nan, scale=scale)
        placebo = PlaceboPanel("a", (), 0.0, "0", at - 5, at / 10, scale=scale)
        effect = EffectPanel("a", (), at, at, at - 1, at + 1, at, at, scale=scale)
        upright = (
            draw_honest(HonestData("t", (honest,), "95%"), 3.5),
            draw_effect(EffectData("t", "x", "95%", (effect,)), 3.5),
        )
        for figure in upright:
            names = [t.get_text() for t in figure.texts if t.get_rotation() == 90]
            assert names == [f"effect, {scale}" if there else "effect"]
            assert not layout_faults(figure)
        across = texts_of(draw_placebos(PlaceboData("t", 0.05, (placebo,)), 3.5))
        assert (f"estimate, {scale}" if scale else "estimate") in across

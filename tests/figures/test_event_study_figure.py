"""The event-study figure: what it says and where things stand, without comparing pixels."""

from dataclasses import replace

import numpy as np
import pytest
from curves import plan_of, results_of, subsets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from specdid._records import Status
from specdid._words import say, speaking
from specdid.figures._curve_data import curve_data
from specdid.figures._page import first_of
from specdid.figures._style import look_of_series
from specdid.figures.event_study import FIGURE, MOST, EventData, EventPanel, EventSeries, ends_note, look_of, note

PERIODS = np.array([-3.0, -2.0, 0.0, 1.0, 2.0])


def series(label="none", shift=0.0, **changes):
    looks = {
        "periods": PERIODS,
        "estimate": np.array([0.1, -0.05, -0.1, -0.2, -0.3]) + shift,
        "pointwise": np.full(5, 0.1),
        "band": np.full(5, 0.15),
        "references": (-1,),
        "test": (2.5, 2, 49.0, 0.0927),
        "nobs": 500,
        "bins": (-3, 2),
    }
    return EventSeries(label, **(looks | changes))


def data(*panels, **changes):
    looks = {"title": "Event study", "reference": -1, "window": (-3, 2), "alpha": 0.05, "vcov": "city"}
    return EventData(panels=panels or (EventPanel("y", (series(),)),), **(looks | changes))


def texts(figure):
    return [t.get_text() for t in figure.texts]


def inside(figure):
    """No text leaves the page, and none lies on another."""
    figure.set_dpi(300)
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in figure.texts if t.get_text()]
    page = figure.bbox
    for text, box in boxes:
        assert box.x0 >= page.x0, text
        assert box.x1 <= page.x1, text
    for k, (text, box) in enumerate(boxes):
        for other, second in boxes[k + 1 :]:
            apart = box.x1 <= second.x0 or second.x1 <= box.x0 or box.y1 <= second.y0 + 5 or second.y1 <= box.y0 + 5
            assert apart, (text, other)


def test_names_the_reference_the_bins_the_test_and_what_bars_mean():
    said = texts(FIGURE.draw(data(unit="year")))
    assert {"≤ −3", "−2", "−1", "0", "1", "≥ 2"} <= {*said}
    assert "F(2, 49) = 2.50, p = 0.093" in said
    assert "95% pointwise" in said
    assert "95% simultaneous" in said
    assert "Years since the first treated one" in said
    assert any(t.startswith("Effects are relative to year −1 (hollow).") for t in said)


def marks(figure):
    """Return the marks, without the white around them."""
    dots = [c for c in figure.axes[0].collections if isinstance(c, PathCollection)]
    return [c for c in dots if c.get_zorder() == 5]


@pytest.mark.parametrize("periods", [7, 13])
def test_marks_of_many_series_stand_apart_in_a_column_and_have_white_around_them(periods):
    """They touched as a chain, and flat ones could not be told from the zero line: grey print has one colour."""
    at = np.arange(periods) - 3.0
    errors = {"periods": at[at != -1], "estimate": np.zeros(periods - 1), "bins": ()}
    wide = {k: np.full(periods - 1, v) for k, v in (("pointwise", 0.1), ("band", 0.15))}
    many = tuple(series(str(k), **errors, **wide) for k in range(MOST if periods < 9 else 4))
    figure = FIGURE.draw(data(EventPanel("y", many), window=(-3, int(at[-1]))), 3.5)
    (axes,) = figure.axes
    points = [c for c in marks(figure) if len(c.get_offsets()) > 1]
    size = min(float(np.sqrt(c.get_sizes().max())) for c in points)
    x = axes.transData.transform([c.get_offsets()[0] for c in points])[:, 0] * 72 / figure.dpi
    assert all(np.diff(x) > 1.25 * size)
    white = [c for c in axes.collections if isinstance(c, PathCollection) and (c.get_facecolor() == 1).all()]
    below = [c for c in white if 3 < c.get_zorder() < 5]
    assert len(below) == 2 * len(many)


def test_series_stand_side_by_side_with_hollow_references_at_zero():
    three = tuple(series(name, 0.1 * k) for k, name in enumerate(("none", "income", "all")))
    figure = FIGURE.draw(data(EventPanel("y", three)))
    dots = marks(figure)
    offsets = [c.get_offsets() for c in dots]
    points = [np.asarray(o) for o in offsets if len(o) == 5]
    hollow = [np.asarray(o) for o in offsets if len(o) == 1]
    assert len(points) == len(hollow) == 3
    assert all(len({round(float(p[k, 0]), 6) for p in points}) == 3 for k in range(5))
    assert all(float(h[0, 1]) == 0.0 for h in hollow)
    assert {"none", "income", "all"} <= set(texts(figure))
    inside(figure)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_hollow_marks_are_spoken_of_where_some_are_drawn(language):
    with speaking(language):
        one, free = series("one"), series("free", references=())
        hollow = say("Effects are relative to {unit} {tick} (hollow).", unit="period", tick="−1")
        bare = say("Effects are relative to {unit} {tick}.", unit="period", tick="−1")
        without = say(
            "From treatment on, effects of curves without a hollow mark are not relative to one period; what their "
            "leads are measured against is in the table's notes."
        )
        assert hollow in note(data(EventPanel("y", (one, free))))
        assert without in note(data(EventPanel("y", (one, free))))
        assert without not in note(data(EventPanel("y", (one,))))
        many = tuple(replace(one, label=str(k)) for k in range(MOST))
        said = note(data(EventPanel("y", (*many, replace(free, preferred=True)))))
        assert hollow not in said
        assert bare in said
        assert without not in said
        words = say(
            "From treatment on, effects of {n:,} curves are not relative to one period; what their leads are "
            "measured against is in the table's notes.",
            n=1,
        )
        assert words in said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_curve_whose_end_is_one_period_is_named_where_most_are_bins(language):
    with speaking(language):
        curves = [*((f"curve {k}", (-3,)) for k in range(5)), ("projections", ())]
        words = say("the first period includes all earlier ones")
        said = say("{words}, but not in {others}", words=words, others="projections")
        assert said[1:] in ends_note(curves, (-3, 3))
        two = say("{words} in {which} only", words=words, which="a")
        assert two[1:] in ends_note([("a", (-3,)), ("b", ())], (-3, 3))


def test_a_curve_has_the_look_of_its_estimator_in_the_specification_curve():
    chosen = EventPanel("y", (series("c", place=2), series("h", place=7)))
    looks = [(look_of(chosen, k).colour, look_of(chosen, k).marker) for k in range(2)]
    assert looks == [look_of_series(2), look_of_series(7)]
    of_one = EventPanel("y", (series("none", place=2), series("all", place=2)))
    assert look_of(of_one, 0).colour != look_of(of_one, 1).colour
    planned = plan_of({"estimator": list("abc")}, subsets("x"), estimands={e: f"effect {e}" for e in "abc"})
    results = results_of(planned)
    results.status[planned.dimension("estimator").codes == 0] = Status.FAILED
    (panel,) = curve_data(results).panels
    assert [s.colour for s in panel.series] == [1, 2], "whether others could be estimated does not matter"


def test_of_many_series_only_the_preferred_has_bars():
    many = tuple(series(f"set {k}", 0.01 * k, preferred=k == 4) for k in range(MOST + 6))
    figure = FIGURE.draw(data(EventPanel("y", many)))
    said = texts(figure)
    assert "preferred: set 4" in said
    assert f"{MOST + 5} others" in said
    assert f"joint test of the leads: p < 0.05 in 0% of {MOST + 6}" in said
    assert sum(line.get_linewidth() == 0.6 and len(line.get_xdata()) == 6 for line in figure.axes[0].lines) == MOST + 5
    inside(figure)


def test_the_axis_holds_curves_without_bars():
    """It had been fitted to the preferred curve's bands, which the others left through top and bottom."""
    many = tuple(series(f"set {k}", 0.4 * (k - 4), preferred=k == 4) for k in range(MOST + 6))
    (axes,) = FIGURE.draw(data(EventPanel("y", many))).axes
    bottom, top = axes.get_ylim()
    drawn = np.concatenate([s.estimate for s in many])
    assert bottom < drawn.min()
    assert drawn.max() < top


@pytest.mark.parametrize("width", [3.5, 6.5, 7.0])
@pytest.mark.parametrize("span", [(-3, 2), (-12, 15), (-60, 40)])
def test_fits_the_page_at_every_width(width, span):
    periods = np.array([k for k in range(span[0], span[1] + 1) if k != -1], float)
    looks = {"periods": periods, "estimate": np.sin(periods), "pointwise": np.full(len(periods), 0.2)}
    curve = [series(f"a long label of controls {k}", band=np.full(len(periods), 0.3), **looks) for k in range(4)]
    panels = (EventPanel("ln SO2 per 10,000 persons", tuple(curve)), EventPanel("ln wastewater", tuple(curve[:2])))
    figure = FIGURE.draw(data(*panels, window=span), width)
    assert figure.get_size_inches()[0] == pytest.approx(width)
    inside(figure)


def test_an_effect_of_few_treated_units_is_marked_above_its_interval():
    """One treated unit's effect looked as precise as the rest."""
    figure = FIGURE.draw(data(EventPanel("y", (series(few=(2,)),))))
    assert [(t.get_text(), t.xy[0]) for t in figure.axes[0].texts] == [("†", 2)]


def test_without_standard_errors_there_are_points_alone():
    nothing = np.full(5, np.nan)
    bare = series(pointwise=nothing, band=nothing, test=(np.nan, 2, np.nan, np.nan), references=())
    figure = FIGURE.draw(data(EventPanel("y", (bare,))))
    assert not any(t.startswith("F(") for t in texts(figure))
    assert any(t.startswith("No period is set to zero.") for t in texts(figure))


def test_chinese_labels_and_nothing_to_draw():
    FIGURE.draw(data(EventPanel("工业二氧化硫", (series("无控制变量"), series("全部控制变量")))))
    with pytest.raises(ValueError, match="nothing to draw"):
        FIGURE.draw(data(EventPanel("y", ())))


@pytest.mark.parametrize("width", [3.5, 7.0])
def test_a_calendar_axis_has_the_data_s_periods_and_says_when_treatment_begins(width):
    years = np.array([2009.0, 2010.0, 2012.0, 2013.0, 2014.0])
    curve = series(periods=years, references=(2011,), bins=(2009, 2014))
    ticks = tuple(str(y) for y in range(2009, 2015))
    looks = {"reference": 2011, "window": (2009, 2014), "starts": (2012,), "ticks": ticks, "unit": "year"}
    figure = FIGURE.draw(data(EventPanel("y", (curve,)), **looks), width)
    said = texts(figure)
    assert {"≤ 2009", "2010", "2011", "2012", "2013", "≥ 2014", "Year"} <= set(said)
    note = " ".join(said)
    assert "Effects are relative to year 2011 (hollow)." in note
    assert "The first units are treated in 2012 (dashed)." in note
    assert [line.get_xdata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "--"] == [2011.5]
    inside(figure)


def test_calendar_months_are_labelled_by_quarters_or_years():
    first, last = 2012 * 12, 2014 * 12 + 11
    months = np.array([k for k in range(first, last + 1) if k != 2013 * 12 - 1], float)
    zeros = np.zeros(len(months))
    curve = series(periods=months, estimate=zeros, pointwise=zeros + 0.1, band=zeros + 0.2, references=(2013 * 12 - 1,))
    ticks = tuple(f"{k // 12}{k % 12 + 1:02d}" for k in range(first, last + 1))
    looks = {"reference": 2013 * 12 - 1, "window": (first, last), "starts": (2013 * 12,), "ticks": ticks}
    figure = FIGURE.draw(data(EventPanel("y", (curve,)), unit="month", **looks))
    said = set(texts(figure)) & set(ticks)
    assert {"201201", "201212", "201412"} <= said
    assert {t[-2:] for t in said - {"201201", "201212", "201301", "201412"}} <= {"01", "04", "07", "10"}
    inside(figure)


def test_panels_without_room_are_named():
    panels = [EventPanel(f"outcome {k}", (series(),)) for k in range(12)]
    said = " ".join(texts(FIGURE.draw(data(*panels), 3.5)))
    drawn = said.count("Effect on outcome")
    assert drawn < 12
    assert first_of(1, 2, ["a", "b"]) == ["The first of 2 panels is drawn; not drawn: b."]
    assert (
        f"The first {drawn - 1} of 12 panels are drawn; not drawn: " in said or f"The first {drawn - 4} of 12" in said
    )


def test_bands_beyond_the_axis_are_told():
    curve, words = series("OLS"), "Arrows: intervals that go beyond the axis."
    assert words not in " ".join(texts(FIGURE.draw(data(EventPanel("y", (curve,))))))
    wide = replace(curve, band=np.where(np.arange(len(curve.band)) == 1, 1e3, curve.band))
    assert words in " ".join(texts(FIGURE.draw(data(EventPanel("y", (wide,))))))


def test_an_end_of_which_some_curves_are_single_periods_has_the_names_of_both():
    mixed = EventPanel("y", (series("OLS"), series("lpdid", 0.1, bins=())))
    said = texts(FIGURE.draw(data(mixed)))
    assert {"−3 / ≤ −3", "2 / ≥ 2"} <= set(said)
    assert not {"−3", "≤ −3", "2", "≥ 2"} & set(said)
    words = " ".join(said)
    assert "The first period includes all earlier ones in OLS only; the last period includes all later ones in" in words
    one_end = texts(FIGURE.draw(data(EventPanel("y", (series(bins=(-3,)),)))))
    assert {"≤ −3", "2"} <= set(one_end)
    assert "The first period includes all earlier ones." in " ".join(one_end)
    assert "later" not in " ".join(one_end)


def test_degrees_of_freedom_without_end_are_a_sign_and_long_names_have_lines():
    name = "homicides per 100,000 inhabitants in logs, of the fifty states of the United States of America"
    curve = series(test=(1.5, 2, np.inf, 0.223))
    said = texts(FIGURE.draw(data(EventPanel(name, (curve,)), EventPanel("y", (curve,))), 3.5))
    assert "F(2, ∞) = 1.50, p = 0.223" in said
    assert f"Effect on {name}" in " ".join(said)

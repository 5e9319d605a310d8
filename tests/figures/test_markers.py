"""Series of a curve differ in colour or marker; what has no standard error is a cross in every figure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import specdid
from curves import plan_of, results_of, subsets
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image
from specdid._html import framed
from specdid.figures import event_study, forest, honest, multiverse, spec_curve, volcano
from specdid.figures._curve_axes import draw_tested, marker_in, shade
from specdid.figures._curve_data import curve_data
from specdid.figures._style import ACCENT, CROSS, CROSSED, DOUBT, MARKERS, SERIES, marker_of, save, shape_of
from specdid.figures.event_study import EventData, EventPanel, EventSeries


def test_seventy_two_series_are_told_apart_and_the_first_twelve_by_marker_alone():
    looks = [(SERIES[k % len(SERIES)], marker_of(k)) for k in range(72)]
    assert len(set(looks)) == 72
    assert len({marker for _, marker in looks[:12]}) == 12


@pytest.mark.parametrize("marker", MARKERS)
def test_a_hollow_mark_of_three_points_has_an_inside_that_is_seen(marker):
    dpi = 720
    figure = Figure((0.1, 0.1), dpi=dpi)
    axes = figure.add_axes((0, 0, 1, 1), xlim=(-1, 1), ylim=(-1, 1))
    axes.axis("off")
    figure.set_facecolor("black")
    draw_tested(axes, (np.zeros(1), np.zeros(1)), np.zeros((1, 3)), np.zeros(1), marker, 3.0)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    white = np.asarray(canvas.buffer_rgba())[:, :, 0] > 200
    side = round(0.9 * dpi / 72)
    assert np.lib.stride_tricks.sliding_window_view(white, (side, side)).all(axis=(2, 3)).any()


@pytest.mark.parametrize("count", [3, 11])
@pytest.mark.parametrize("bars", [True, False])
def test_no_two_series_look_alike_on_bars_and_on_ribbons(count, bars):
    names = [f"estimator {k}" for k in range(count)]
    planned = plan_of({"estimator": names}, subsets("a"), estimands={name: f"effect {name}" for name in names})
    panel = curve_data(results_of(planned)).panels[0]
    looks = {(str(shade(panel, k, 1.0)), marker_in(panel, k, bars)) for k in range(count)}
    assert len(looks) == count


@pytest.mark.parametrize("kind", [spec_curve, volcano])
def test_eleven_series_are_drawn_with_as_many_shapes_which_the_key_has(kind):
    names = [f"estimator {k}" for k in range(11)]
    planned = plan_of({"estimator": names}, subsets("a"), estimands={name: f"effect {name}" for name in names})
    results = results_of(planned)
    figure = kind.draw(kind.FIGURE.curve(results, ()) if kind is volcano else kind.FIGURE.data(results), 6.5)
    assert all(marks(figure, marker_of(k))[1] for k in range(11))
    drawn = [c for axes in figure.axes for c in axes.collections if isinstance(c, PathCollection)]
    assert len({np.round(c.get_paths()[0].vertices, 9).tobytes() for c in drawn if len(c.get_offsets())}) >= 11


def test_an_interval_that_a_forest_cuts_is_explained():
    rows = tuple(forest.ForestRow("actual", 0.2, 0.2 - half, 0.2 + half, ()) for half in (0.1, 0.1, 5.0))
    said = [
        " ".join(t.get_text() for t in forest.draw(forest.ForestData("t", (), (block,))).texts)
        for block in (forest.ForestBlock("y", "y", rows), forest.ForestBlock("y", "y", rows[:2]))
    ]
    assert ["Arrows: intervals that go beyond the axis." in text for text in said] == [True, False]


def marks(figure, marker):
    """Return the places of a marker on axes, and how many keys have it."""
    shape = shape_of(marker, 1.0)[0]
    path = Line2D([], [], marker=shape)._marker.get_path().vertices
    lines = [line for line in figure.findobj(Line2D) if np.array_equal(line._marker.get_path().vertices, path)]
    drawn = [c for axes in figure.axes for c in axes.collections if len(c.get_offsets())]
    places = [c.get_offsets() for c in drawn if np.array_equal(c.get_paths()[0].vertices * 2, path)]
    own = [line.get_xydata() for line in lines if line.axes is not None]
    keys = [line for line in lines if line.axes is None]
    return np.concatenate([np.zeros((0, 2)), *map(np.asarray, places), *own]), len(keys)


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("kind", [spec_curve, volcano])
def test_a_preferred_estimate_without_an_error_is_a_hollow_diamond_with_a_cross(kind, width):
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("ab"), preferred=1))
    data = kind.FIGURE.curve(results, ()) if kind is volcano else kind.FIGURE.data(results)
    assert len(marks(kind.draw(data, width), CROSSED)[0]) == 0
    results.numbers["std_error"][1] = results.numbers["p_value"][1] = np.nan
    data = kind.FIGURE.curve(results, ()) if kind is volcano else kind.FIGURE.data(results)
    places, keys = marks(kind.draw(data, width), CROSSED)
    axis = 0 if kind is volcano else 1
    assert places[:, axis].tolist() == [results.estimate[1]]
    assert keys == 1


def test_periods_without_an_error_are_crosses_which_the_key_names_once():
    periods, half = np.array([-2.0, 0.0, 1.0]), np.array([0.1, np.nan, 0.1])
    curve = EventSeries("y", periods, np.array([0.1, 0.2, 0.3]), half, half, (-1,), (2.5, 2, 9.0, 0.1), 50)
    data = EventData("t", (EventPanel("y", (curve,)),) * 2, -1, (-2, 1), 0.05, "city")
    figure = event_study.draw(data)
    places, keys = marks(figure, CROSS)
    assert places.tolist() == [[0.0, 0.2]] * 2
    assert keys == 1
    assert [t.get_text() for t in figure.texts].count("no standard error") == 1
    known = replace(curve, pointwise=np.full(3, 0.1), band=np.full(3, 0.1))
    assert marks(event_study.draw(replace(data, panels=(EventPanel("y", (known,)),))), CROSS)[1] == 0
    none = replace(curve, pointwise=np.full(3, np.nan), band=np.full(3, np.nan))
    said = [t.get_text() for t in event_study.draw(replace(data, panels=(EventPanel("y", (none,)),))).texts]
    assert not any(t.startswith("95%") for t in said)


def test_a_dense_curve_has_a_strip_with_the_share_of_neighbours_that_are_significant():
    """Full and hollow marks of thousands lay on one another: 40 percent significant looked like none."""
    planned = plan_of({"sample": [str(k) for k in range(1600)]})
    results = results_of(planned)
    order = np.argsort(results.first("estimate"))
    results.numbers["p_value"][:] = 0.5
    results.numbers["p_value"][order[:800]] = 0.01
    figure = spec_curve.draw(curve_data(results), 6.5)
    axes = figure.axes[0]
    strip = [a for a in axes.get_children() if a.get_zorder() == 3.1]
    tints = [a.get_facecolor()[0] for a in strip]
    assert len(strip) > 50
    assert tints[0] < 0.2
    assert tints[-1] > 0.9
    assert not any((a.get_facecolor() == 1).all() for a in axes.collections if a.get_zorder() == 5), "none is hollow"
    said = " ".join(t.get_text() for t in figure.texts)
    assert "strip: the darker, the more p < 0.05" in said
    assert "p ≥ 0.05" not in said


def test_a_volcano_is_a_small_pdf_and_a_png_of_what_is_drawn(tmp_path):
    """A white edge drawn mark by mark made the PDF four times as large."""
    results = results_of(plan_of({"sample": [str(k) for k in range(900)]}))
    figure = volcano.draw(volcano.FIGURE.curve(results, ()), 6.5)
    pdf, png_file = save(figure, tmp_path, "volcano", ["pdf", "png"])
    assert pdf.stat().st_size < 80_000
    with Image.open(png_file) as picture:
        assert round(picture.info["dpi"][0]) == 300


def test_serious_warnings_are_as_dark_as_text_must_be_in_print_and_have_the_colour_of_the_page():
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(DOUBT)]
    assert 1.05 / (np.dot((0.2126, 0.7152, 0.0722), channels) + 0.05) >= 5
    assert f"--doubt: {DOUBT};" in Path(specdid.__file__).parent.joinpath("report/browser/style.css").read_text("utf-8")
    assert DOUBT in framed("Serious warnings", [("a", "b")])


@pytest.mark.parametrize("whole", [True, False])
def test_effects_of_a_forest_are_hollow_where_the_interval_includes_zero(whole):
    """As everywhere where p >= alpha; all were full."""
    far = forest.ForestRow("far", 0.2, 0.1, 0.3, (), whole=whole)
    rows = (far, replace(far, low=-0.1), replace(far, low=np.nan, high=np.nan))
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", rows),), "Note."))
    faces = [line.get_markerfacecolor() == "white" for line in figure.axes[0].lines if line.get_zorder() == 6]
    assert faces == [False, True, whole]
    assert "Hollow: the interval includes zero." in " ".join(t.get_text() for t in figure.texts)
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", rows[:1]),), "Note."))
    assert "Hollow" not in " ".join(t.get_text() for t in figure.texts)


def test_no_mark_hides_the_ends_of_a_short_interval():
    """At a column's width that of the whole sample was behind its diamond."""
    short = forest.ForestRow("whole", 0.0, -0.01, 0.01, (), whole=True)
    rows = (short, replace(short, low=-1.0, high=1.0, whole=False))
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", rows),)), 3.5)
    strokes = "Upright strokes: the ends of intervals."
    assert strokes in " ".join(t.get_text() for t in figure.texts)
    bare = forest.draw(
        forest.ForestData("t", (), (forest.ForestBlock("y", "y", (forest.ForestRow("far", 0.2, 0.1, 0.3, ()),)),)), 3.5
    )
    assert strokes not in " ".join(t.get_text() for t in bare.texts)
    (axes,) = figure.axes
    mark, other = (line.get_markersize() for line in axes.lines if line.get_zorder() == 6)
    assert mark == pytest.approx(shape_of("D", shape_of("o", 1.0)[1] ** -1 * other)[1])  # of one size: none weighs more
    ends, _ = (c for c in axes.collections if c.get_zorder() > 6)
    assert [s[0, 0] for s in map(np.asarray, ends.get_segments())] == [-0.01, 0.01]
    panel = honest.HonestPanel("y", True, np.arange(3.0), np.full(3, -9.0), np.full(3, 9.0), (0.0, -0.01, 0.01), 0.5)
    (axes,) = honest.draw(honest.HonestData("t", (panel,), "95%"), 3.5).axes
    assert [line.get_marker() for line in axes.lines if line.get_marker() != "None"] == ["_"]


def test_the_key_says_how_many_specifications_the_darkest_square_of_a_volcano_has():
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets(*"abcdefghij")))
    results.numbers["estimate"][: len(results) // 2] = 0.1
    results.numbers["p_value"][: len(results) // 2] = 0.1
    texts = [t.get_text() for t in volcano.draw(volcano.FIGURE.curve(results, ()), 6.5).texts]
    (said,) = (t for t in texts if t.startswith("specifications in a square: 1 to "))
    assert int(said.split()[6].strip(",").replace(",", "")) >= len(results) // 2


def test_effects_without_an_error_are_crosses_in_a_forest_and_the_note_says_so():
    row = forest.ForestRow("actual", 0.2, np.nan, np.nan, (), whole=True)
    rows = (row, replace(row, estimate=0.3, whole=False), replace(row, estimate=0.1, low=0.0, high=0.2, whole=False))
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", rows),), "Note."))
    assert marks(figure, CROSS)[0].tolist() == [[0.3, 1.5]]
    assert marks(figure, CROSSED)[0].tolist() == [[0.2, 0.5]]
    assert "Crosses: no standard error." in " ".join(t.get_text() for t in figure.texts)
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", rows[2:]),), "Note."))
    assert not any("Crosses" in t.get_text() for t in figure.texts)


def filled(figure):
    """Return the faces of points on axes, by place."""
    drawn = [c for axes in figure.axes for c in axes.collections if isinstance(c, PathCollection)]
    found = {}
    for c in drawn:
        faces, places = c.get_facecolors(), np.asarray(c.get_offsets())
        for place, face in zip(places, np.broadcast_to(faces, (len(places), 4)) if len(faces) else (), strict=False):
            found[tuple(np.round(place, 9))] = face[:3].tolist()  # what is drawn last is seen
    return found


@pytest.mark.parametrize(("p", "hollow"), [(0.01, False), (0.2, True)])
@pytest.mark.parametrize("kind", [spec_curve, volcano])
def test_the_preferred_estimate_is_hollow_and_its_options_short_as_those_of_others(kind, p, hollow):
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("ab"), preferred=1))
    results.numbers["p_value"][1] = p
    data = kind.FIGURE.curve(results, ()) if kind is volcano else kind.FIGURE.data(results)
    figure = kind.draw(data, 6.5)
    own = [c for axes in figure.axes for c in axes.collections if c.get_zorder() == 8]
    white, accent = to_rgb("white"), to_rgb(ACCENT)
    assert [tuple(c.get_facecolors()[0, :3]) for c in own] == [white if hollow else accent]
    key = [line for line in figure.findobj(Line2D) if line.axes is None and to_rgb(line.get_color()) == accent]
    assert [to_rgb(line.get_markerfacecolor()) for line in key if line.get_marker() == "D"] == [
        white if hollow else accent
    ]
    if kind is spec_curve:
        lines = [c for axes in figure.axes for c in axes.collections if isinstance(c, LineCollection)]
        heights = [
            {round(float(np.ptp(s[:, 1])), 6) for s in c.get_segments()}
            for c in lines
            if tuple(c.get_colors()[0, :3]) == accent and c.get_zorder() == 4
        ]
        assert [max(h) < 4.0 for h in heights] == [hollow]


@pytest.mark.parametrize("kind", ["curve", "ribbons", "volcano", "multiverse"])
def test_a_mark_is_hollow_where_p_is_alpha_or_more(kind):
    estimators = {"a": "one", "b": "two"}
    planned = plan_of({"estimator": list(estimators)}, subsets(*"cdefgh"[: 6 if kind == "ribbons" else 2]))
    results = results_of(planned)
    results.numbers["p_value"][:] = np.where(np.arange(len(planned)) % 2, 0.2, 0.01)[:, None]
    if kind == "volcano":
        figure = volcano.draw(volcano.FIGURE.curve(results, ()), 6.5)
    elif kind == "multiverse":
        figure = multiverse.draw(multiverse.multiverse_data(results), 6.5)
    else:
        figure = spec_curve.draw(curve_data(results), 6.5)
    faces = filled(figure)
    hollow = [face == [1.0, 1.0, 1.0] for face in faces.values()]
    assert sum(hollow) == len(planned) / 2
    assert len(hollow) == len(planned)
    assert any(t.get_text().removeprefix("hollow: ") == "p ≥ 0.05" for t in figure.texts)
    rings = [line for line in figure.findobj(Line2D) if line.axes is None and line.get_markerfacecolor() == "white"]
    assert len(rings) == 1


def points(axes):
    marks = [c for c in axes.collections if c.get_zorder() == 5 and isinstance(c, PathCollection)]
    return [y for c in marks for y in np.asarray(c.get_offsets())[:, 1].tolist()]


@pytest.mark.parametrize("terms", [3, 8])
def test_marks_of_a_curve_have_white_around_them_above_bars_and_the_lines_of_the_null(terms):
    results = results_of(plan_of({"weights": ["none", "population"]}, subsets(*"abcdefgh"[:terms])))
    (axes,) = (a for a in spec_curve.draw(curve_data(results)).axes if any(points(a)))
    (white,) = (c for c in axes.collections if c.get_zorder() == 4.5)
    assert {tuple(face[:3]) for face in white.get_facecolors()} == {to_rgb("white")}
    marks = [c for c in axes.collections if c.get_zorder() == 5 and isinstance(c, PathCollection)]
    assert white.get_sizes()[0] > max(c.get_sizes()[0] for c in marks)
    assert len(white.get_offsets()) == len(results.planned)


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_marks_of_neighbours_on_bars_do_not_touch(width):
    """Flat rectangles and stars ran together to one bar."""
    names = [f"estimator {k}" for k in range(8)]
    results = results_of(plan_of({"estimator": names, "sample": list("abcdefgh")}, estimands=dict.fromkeys(names, "e")))
    figure = spec_curve.draw(curve_data(results), width)
    (axes,) = (a for a in figure.axes if any(points(a)))
    slot = axes.bbox.width * 72 / figure.dpi / len(results.planned)
    marks = [c for c in axes.collections if c.get_zorder() == 5 and isinstance(c, PathCollection)]
    wide = [np.ptp(c.get_paths()[0].vertices[:, 0]) * c.get_sizes()[0] ** 0.5 + c.get_linewidths()[0] for c in marks]
    assert len(wide) >= 8
    assert max(wide) <= 0.97 * slot


def test_an_axis_is_longer_where_an_interval_would_be_cut_by_a_trifle():
    """An arrow stood at an interval whose end was that of the axis."""
    rows = tuple(forest.ForestRow(f"r{k}", 0.0, -0.1, 0.1, ()) for k in range(5))
    for high, cut in ((0.4, False), (0.9, True)):
        last = forest.ForestRow("last", 0.05, -0.1, high, ())
        data = forest.ForestData("title", (), (forest.ForestBlock("a", "a", (*rows, last)),))
        assert (forest._limits(data, data.blocks[0])[1] < high) == cut

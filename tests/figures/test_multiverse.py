"""The multiverse plot draws each estimate where it is, and nothing where there is none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from curves import plan_of, results_of, subsets
from matplotlib.collections import PathCollection
from specdid._describe.choices import describe_choices
from specdid._run.describe import _choices_csv
from specdid._words import say, speaking
from specdid.figures import multiverse
from specdid.figures._curve_data import curve_data
from specdid.figures.multiverse import (
    MultiverseData,
    MultiversePanel,
    OptionRow,
    draw,
    multiverse_data,
)


def panel(n: int, seed: int = 1, name: str = "log points", shift: float = -3.0) -> MultiversePanel:
    rng = np.random.default_rng(seed)
    y, half = rng.normal(shift, 1.0, n), np.arange(n) % 2 == 0
    rows = (OptionRow("Sample", "all", half, np.nan, reference=True), OptionRow("Sample", "some", ~half, 0.25))
    return MultiversePanel(name, True, "", False, y, np.abs(y) > 3, rows, None, np.ones(n, bool))


def drawn(*panels: MultiversePanel):
    figure = draw(MultiverseData("title", 0.05, panels), 6.5)
    return figure, [a for a in figure.axes if a.patches or a.collections or a.images]


@pytest.mark.parametrize("n", [2, 8, 500])
def test_each_estimate_is_a_dot_and_a_line(n):
    one = panel(n)
    _, (axes, *_) = drawn(one)
    dots = [c for c in axes.collections if isinstance(c, PathCollection) and len(c.get_offsets())]
    x, y = np.concatenate([np.asarray(c.get_offsets()) for c in dots]).T
    assert len(x) == n
    dot = (axes.get_xlim()[1] - axes.get_xlim()[0]) * 5.0 / (axes.bbox.width * 72 / axes.figure.dpi)
    assert one.estimate.min() - dot <= x.min() <= x.max() <= one.estimate.max() + dot
    full = [c for c in dots if np.allclose(c.get_facecolors()[:, :3], multiverse.SIGNIFICANT)]
    assert sum(len(c.get_offsets()) for c in full) == one.significant.sum()
    assert all(np.allclose(c.get_facecolors()[:, :3], 1.0) for c in dots if all(c is not f for f in full))
    assert len(set(zip(x.tolist(), y.tolist(), strict=True))) == n
    lines = [np.asarray(s)[0, 0] for c in axes.collections if hasattr(c, "get_segments") for s in c.get_segments()]
    assert set(np.round(one.estimate, 9)) <= set(np.round(lines, 9))


def test_a_histogram_has_its_scale_and_a_row_without_estimates_its_reason():
    one, other = panel(700, name="a"), panel(700, name="b")
    other = dataclasses.replace(other, rows=(*other.rows, OptionRow("Weights", "people", other.rows[0].chosen, 0.1)))
    figure, (axes, *_) = drawn(one, other)
    highest = max(
        round(-p.get_height() / min(-q.get_height() for q in axes.patches if q.get_height()), 6) for p in axes.patches
    )
    texts = [t.get_text() for t in figure.texts]
    counts = [int(t.rsplit(" ", 1)[1]) for t in texts if "highest bar: " in t]
    assert len(counts) == 2
    assert counts[0] >= highest
    assert texts.count("–") == 1
    why = "–: all specifications of the panel take the same option of this choice, or none takes this one."
    assert why in " ".join(texts)
    assert why not in " ".join(t.get_text() for t in drawn(one, one)[0].texts)


def test_many_are_a_histogram_that_begins_and_ends_with_them():
    one = panel(4_000, shift=-6.0)
    _, (axes, *_) = drawn(one)
    bars = [b for b in axes.patches if b.get_height()]
    whole = bars[: len(bars) // 2]
    low, high = one.estimate.min(), one.estimate.max()
    assert min(b.get_x() for b in bars) == pytest.approx(low)
    assert max(b.get_x() + b.get_width() for b in bars) == pytest.approx(high)
    assert high < 0, "the example has no positive estimate, and so nothing right of 0"
    (strips,) = (c for c in axes.collections if type(c).__name__ == "PolyCollection")
    places = np.concatenate([path.vertices[:, 0] for path in strips.get_paths()])
    assert (places.min(), places.max()) == pytest.approx((low, high))
    counts = np.array([abs(b.get_height()) for b in axes.patches])
    assert counts[: len(counts) // 2].sum() / counts[len(counts) // 2 :].sum() == pytest.approx(
        4_000 / one.significant.sum()
    )
    assert len(whole) > 10


def test_panes_of_one_unit_share_their_axis_and_say_how_many():
    figure, axes = drawn(panel(8), panel(30, 2, shift=4.0), panel(9, 3, name="other"))
    limits = {}
    for a in axes:
        limits.setdefault(tuple(np.round(a.get_xlim(), 9)), []).append(a)
    assert sorted(len(v) for v in limits.values()) == [1, 2]
    texts = [t.get_text() for t in figure.texts]
    assert [texts.count(t) for t in ("4", "15", "5")] >= [2, 2, 1]
    assert texts.count("n") == 3


def test_a_name_is_whole_where_there_is_room_for_it():
    """A third of a narrow figure was all that names had, with room beside them."""
    one = panel(8)
    rows = tuple(dataclasses.replace(r, label=f"i(year, lpop, ref = 200{k})") for k, r in enumerate(one.rows))
    figure = draw(MultiverseData("title", 0.05, (dataclasses.replace(one, rows=rows),)), 3.5)
    assert {r.label for r in rows} <= {t.get_text() for t in figure.texts}


def test_what_has_no_standard_error_is_not_shown_as_insignificant():
    one = panel(12)
    tested = np.arange(12) % 3 > 0
    one = dataclasses.replace(one, tested=tested, significant=one.significant & tested)
    figure, (axes, *_) = drawn(one)
    dots, crosses = (c for c in axes.collections if not hasattr(c, "get_segments") and len(c.get_offsets()))
    assert (len(dots.get_offsets()), len(crosses.get_offsets())) == (8, 4)
    assert "no standard error" in [t.get_text() for t in figure.texts]
    tested = np.arange(600) % 3 > 0
    many = dataclasses.replace(panel(600), tested=tested)
    many = dataclasses.replace(many, significant=many.significant & tested)
    figure, (axes, *_) = drawn(many)
    assert {"p ≥ 0.05", "up to the line: no standard error"} <= {t.get_text() for t in figure.texts}
    (line,) = (p for p in axes.patches if type(p).__name__ == "StepPatch")
    bars = np.array([p.get_height() for p in axes.containers[0]])
    step = (line.get_data().baseline - line.get_data().values).sum() / 600
    assert np.isclose(-bars.sum() / step, tested.sum())


def test_a_single_value_many_times():
    one = dataclasses.replace(panel(600), estimate=np.full(600, 1.5), significant=np.ones(600, bool))
    _, (axes, *_) = drawn(one)
    assert axes.patches


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_controls_are_ordered_by_what_they_move_and_named_once_in_the_note(language):
    with speaking(language):
        planned = plan_of({"sample": ["a", "b"], "weights": ["c", "d"]}, subsets("x", "y"))
        results = results_of(planned)
        results.numbers["estimate"][:] = 10.0 * planned.dimension("sample").codes + np.arange(len(results)) * 0.1
        data = multiverse_data(results)
        words = list(dict.fromkeys(row.heading for row in data.panels[0].rows))
        order, *_ = multiverse._headings(data.panels)
        assert order[0] == next(w for w in words if w.casefold().startswith(("sample", "样本")))
        said = multiverse._note(data, 5.0, (), words, False)
        assert not any(w in said for w in ("controls, with", "控制变量，加入"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_note_names_what_has_a_single_specification_and_by_what_choices_go_without_rows(language):
    with speaking(language):
        options, words = {"estimator": ["one", "two"], "sample": ["a", "b"]}, {"one": "effect one", "two": "effect two"}
        assert not multiverse_data(results_of(plan_of(options, estimands=words))).single
        data = multiverse_data(results_of(plan_of(options, estimands=words, excluded={3: "rule"})))
        assert len(data.panels) == len(data.single) == 1
        said = multiverse._note(data, 5.0, (), ("Sample",), False)
        assert data.single == ("effect two",)
        assert "effect two" in said
        assert "choices.csv" in said


@pytest.mark.parametrize("one", [multiverse.ALL, multiverse.UNTESTED])
def test_pale_dots_are_seen_on_white_and_differ_from_the_dark(one):
    def bright(colour):
        c = np.array(colour)
        return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722) + 0.05

    assert 1.05 / bright(one) >= 2
    assert bright(one) / bright(multiverse.SIGNIFICANT) >= 2


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_note_says_whose_standard_errors_p_has(language):
    results = results_of(plan_of({"sample": ["a", "b"]}, subsets("x")))
    with speaking(language):
        data = multiverse_data(results)
        said = " ".join(t.get_text() for t in draw(data, 6.5).texts)
        words = say("p < {alpha:g} (standard errors: {vcov}).", alpha=0.05, vcov=curve_data(results).vcov)
    assert words in said
    assert data.vcov


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shift", [0.3, 5.0])
def test_bars_are_as_wide_as_each_other_and_none_crosses_zero(seed, shift):
    """The outermost were cut where the estimates end: their area was too small."""
    values = np.random.default_rng(seed).normal(shift, 1.0, 400)
    ends = min(0.0, values.min()) - 0.2, values.max() + 0.2
    edges = multiverse._edges(values, ends, 200.0)
    steps = np.diff(edges)
    np.testing.assert_allclose(steps, steps[0])
    assert 2 * (ends[1] - ends[0]) / 200 - 1e-9 <= steps[0] <= (ends[1] - ends[0]) / 10 + 1e-9
    assert ends[0] <= edges[0] <= values.min()
    assert values.max() <= edges[-1] <= ends[1]
    assert not (edges[:-1] * edges[1:] < 0).any()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_enters_no_joint_test_is_counted_and_named_beside_its_row(language):
    types = {"weights": {"population": "nonequivalent"}}
    with speaking(language):
        planned = plan_of({"weights": ["none", "population"]}, subsets("x", "y"), types=types)
        data = multiverse_data(results_of(planned))
        texts = [t.get_text() for t in draw(data, 6.5).texts]
        assert say("{label} ({kind})", label="population", kind=say("nonequivalent")) in texts
        assert any(say("{n:,} {kind}", n=4, kind=say("nonequivalent")) in t for t in texts)


def test_a_row_of_a_variable_has_every_estimate_with_it_whatever_its_set_is_called():
    """Rows were of the sets without a name: of castle 96 of 144 estimates with police, and n read as all of them."""
    sets = [(), ("a", "b"), ("d",), ("d", "a"), ("d", "c"), ("d", "a", "c")]
    planned = plan_of({"sample": ["all", "some"]}, sets, scales={"ln SO2": "log points"})
    named = ("none", "policing", *planned.labels[2][2:])
    planned = dataclasses.replace(planned, labels=(*planned.labels[:2], named, *planned.labels[3:]))
    results = results_of(planned)
    data = multiverse_data(results)
    (one,) = data.panels
    rows = {r.label: r for r in one.rows if r.heading == "Controls, with"}
    member = dict(zip(planned.control_terms, planned.control_members.T, strict=True))
    codes, y = planned.codes[:, 2], results.estimate
    assert set(rows) == {"a", "b", "c", "d"}
    for name, row in rows.items():
        np.testing.assert_array_equal(row.chosen, member[name][codes])
    pairs = ((3, 2), (5, 4))
    expected = np.mean([y[codes == with_] - y[codes == without] for with_, without in pairs])
    assert rows["a"].change == pytest.approx(expected)
    assert rows["d"].change == pytest.approx(np.mean(y[codes == 2] - y[codes == 0]))
    assert np.isnan(rows["b"].change)
    said = " ".join(t.get_text() for t in draw(data, 6.5).texts).replace("\n", " ")
    assert "Controls: 4 sets without a name have rows by their variables alone." in said
    assert "Change –: none differs from the reference in nothing else." in said
    written = _choices_csv((describe_choices(results, results.families[0]),))
    found = [line.split(",") for line in written.splitlines() if ",mean change,controls,a,with,without," in line]
    assert [(float(line[-2]), int(line[-1])) for line in found] == [(pytest.approx(expected), 4)]

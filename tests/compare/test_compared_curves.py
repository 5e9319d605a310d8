"""The figure of two runs: both curves, also with Chinese labels and with nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest
from curves import plan_of, results_of, subsets
from figure_texts import texts_of
from specdid._compare import compare_results
from specdid._records import Code
from specdid.figures.compared_curves import compared_data, draw


def chinese(shift: float, **options):
    planned = plan_of(
        {"outcome": ["二氧化硫", "废水"], "样本": ["全部城市", "剔除直辖市"]},
        subsets("人均GDP", "开放度", "专利"),
        scales={"二氧化硫": "对数点", "废水": "对数点"},
        title="智慧城市试点与工业污染",
        preferred=5,
    )
    results = results_of(planned, **options)
    results.numbers["estimate"][:] += shift * np.arange(len(planned)) / len(planned)
    return results


def test_the_figure_shows_both_curves():
    found = compare_results(chinese(0), chinese(0.03), ("outputs/before", "outputs/after"))
    data = compared_data(found)
    (panel,) = data.panels
    assert np.array_equal(panel.old.estimate, np.sort(found.old.estimate))
    assert np.array_equal(panel.new.estimate, np.sort(found.new.estimate))
    order = np.argsort(found.old.estimate, kind="stable")
    assert panel.move == pytest.approx(found.moves[order])
    assert np.array_equal(panel.pairs, np.stack([found.old.estimate[order], found.new.estimate[order]]))
    figure = draw(data)
    assert any("outputs/before" in text for text in texts_of(figure))
    before, after = (c for c in figure.axes[0].collections[1:3])
    assert np.allclose(before.get_facecolor()[0], 1)  # hollow, since grey print has one grey for both runs
    assert not np.allclose(after.get_facecolor()[0], 1)
    lines = next(c for c in figure.axes[0].collections if type(c).__name__ == "LineCollection")
    ends = np.array([np.sort(segment[:, 1]) for segment in lines.get_segments()])
    assert np.array_equal(ends, np.sort(panel.pairs.T, axis=1))


def test_a_curve_against_nothing_is_drawn():
    planned = plan_of({"sample": ["all", "some"]}, subsets("a"))
    nothing = results_of(planned, fails=dict.fromkeys(range(4), Code.ABSORBED))
    found = compare_results(results_of(planned), nothing)
    figure = draw(compared_data(found))
    assert len(figure.axes) == 1  # no axis of moves where no specification is in both
    assert any("No moves are drawn" in text for text in texts_of(figure))
    assert found.families[0].new.n == 0
    with pytest.raises(ValueError, match="neither run has an estimate"):
        draw(compared_data(compare_results(nothing, nothing)))


def test_what_has_no_move_for_lack_of_a_standard_error_is_counted():
    old, new = chinese(0), chinese(0.03)
    assert not any("Without a move" in text for text in texts_of(draw(compared_data(compare_results(old, new)))))
    for one in (old, new):
        one.numbers["std_error"][:3] = np.nan
    texts = texts_of(draw(compared_data(compare_results(old, new))))
    assert any("Without a move, since neither run has a standard error: 3." in text for text in texts)

"""The figure of two runs: both curves, on its page, also with Chinese labels and with nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest
from curves import plan_of, results_of, subsets
from matplotlib.text import Text
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


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_figure_shows_both_curves_and_stays_on_its_page(width):
    found = compare_results(chinese(0), chinese(0.03), ("outputs/before", "outputs/after"))
    data = compared_data(found)
    (panel,) = data.panels
    assert np.array_equal(panel.old.estimate, np.sort(found.old.estimate))
    assert np.array_equal(panel.new.estimate, np.sort(found.new.estimate))
    order = np.argsort(found.old.estimate, kind="stable")
    assert panel.move == pytest.approx(found.moves[order])
    figure = draw(data, width)
    figure.set_dpi(300)
    figure.draw_without_rendering()
    page = figure.bbox
    texts = [t for t in figure.findobj(Text) if t.get_text() and t.get_visible()]
    assert any("outputs/before" in t.get_text() for t in texts)
    for text in texts:
        box = text.get_window_extent()
        assert text.get_fontsize() >= 6.5
        assert -1 <= box.x0 <= box.x1 <= page.x1 + 1, text.get_text()
        assert -1 <= box.y0 <= box.y1 <= page.y1 + 1, text.get_text()


def test_a_curve_against_nothing_is_drawn():
    planned = plan_of({"sample": ["all", "some"]}, subsets("a"))
    nothing = results_of(planned, fails=dict.fromkeys(range(4), Code.ABSORBED))
    found = compare_results(results_of(planned), nothing)
    assert draw(compared_data(found)).axes
    assert found.families[0].new.n == 0
    with pytest.raises(ValueError, match="neither run has an estimate"):
        draw(compared_data(compare_results(nothing, nothing)))

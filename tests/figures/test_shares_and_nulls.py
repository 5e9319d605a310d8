"""What a specification curve says of its null: band, shares and what is expected beside them."""

import numpy as np
import pytest
from curves import plan_of, results_of, smart_city, subsets
from figure_texts import texts_of
from matplotlib.text import Text
from specdid._records import NullShares
from specdid.figures._curve_data import curve_data
from specdid.figures.spec_curve import draw, plot


def test_a_null_band_is_drawn_and_explained():
    results = results_of(smart_city(1))
    figure = draw(curve_data(results, "estimate", {("log points", "ATT"): np.zeros((3, 96))}))
    assert any("under the null" in t for t in texts_of(figure))


def test_shares_have_what_the_null_expects_beside_them():
    results = results_of(smart_city(3))
    figure = draw(curve_data(results, null_shares={"log points": NullShares(384, 0.25, 0.125, 0.031, 0.02)}))
    assert any(t.startswith("25% ") and "negative" in t and t.endswith("(null: 3%)") for t in texts_of(figure))
    assert any(t.startswith("12% ") and "positive" in t and t.endswith("(null: 2%)") for t in texts_of(figure))
    assert not any("tested" in t for t in texts_of(figure))
    assert not any(word in t for t in texts_of(draw(curve_data(results))) for word in ("null", "negative", "sig."))


def test_shares_of_a_part_say_of_how_many_and_under_which_errors():
    shares = {"log points": NullShares(200, 0.25, 0.0, 0.031, 0.02, "province")}
    texts = texts_of(draw(curve_data(results_of(smart_city(3)), null_shares=shares)))
    assert "of the 200 tested:" in texts
    assert "Shares with p < 0.05: standard errors of the null, by province." in " ".join(texts)


@pytest.mark.parametrize("width", [2.4, 3.5, 6.5])
@pytest.mark.parametrize("outcomes", [["a"], ["a", "b"]])
def test_a_share_is_never_without_its_null_however_narrow(width, outcomes):
    planned = plan_of({"outcome": outcomes, "sample": ["x", "y", "z"]}, subsets("p", "q"))
    shares = dict.fromkeys(outcomes, NullShares(7, 0.255, 0.125, 0.031, 0.02))
    texts = texts_of(draw(curve_data(results_of(planned), null_shares=shares), width))
    joined = "\n".join(texts)
    assert joined.count("26%") == joined.count("null: 3%") + joined.count("null 3%")
    assert joined.count("12%") == joined.count("null: 2%") + joined.count("null 2%")
    assert not any("…" in t for t in texts if "%" in t or "null" in t)


@pytest.mark.parametrize("shift", [0.0, 0.06, 0.12])
def test_the_preferred_label_covers_neither_intervals_nor_zero_nor_the_null(shift):
    planned = smart_city(6, preferred=40)
    results = results_of(planned)
    results.numbers["estimate"][:] += shift
    (group,) = results.groups()
    n = len(results.order(group))
    middle = np.linspace(-0.1, 0.1, n)
    bands = {(group.name, "ATT"): np.stack([middle - 0.25, middle, middle + 0.25])}
    figure = plot(results, null_bands=bands)
    figure.draw_without_rendering()
    (label,) = [t for t in figure.findobj(Text) if t.get_text().startswith("preferred: ")]
    box = label.get_window_extent().transformed(label.axes.transData.inverted())
    near = slice(int(box.x0), int(box.x1) + 1)
    panel = curve_data(results, "estimate", bands).panels[0]
    for low, high in [(panel.low95, panel.high95), *((line, line) for line in panel.null_band)]:
        assert not np.any((low[near] < box.y1) & (high[near] > box.y0))
    assert not box.y0 < 0 < box.y1


def test_the_null_that_is_drawn_has_its_name():
    shares = {"log points": NullShares(384, 0.25, 0.125, 0.031, 0.02, null="wild cluster bootstrap")}
    texts = " ".join(texts_of(draw(curve_data(results_of(smart_city(3)), null_shares=shares))))
    assert "The null: wild cluster bootstrap." in texts

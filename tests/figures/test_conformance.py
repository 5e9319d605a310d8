"""What every figure of the shelf keeps to: its texts on the page, apart from each other, and large enough to read."""

from __future__ import annotations

from functools import cache, partial

import pytest
from curves import plan_of, results_of, subsets
from figure_layout import layout_faults
from figure_samples import samples
from matplotlib.artist import Artist
from matplotlib.collections import Collection
from matplotlib.colors import rgb_to_hsv, to_rgb, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import StepPatch
from matplotlib.text import Text
from specdid import _plugins
from specdid._words import say
from specdid.figures import spec_curve
from specdid.figures._curve_data import curve_data
from specdid.figures._fonts import fonts_for
from specdid.figures._page import CUT, CUT_OF_TABLE, PRINTED, draw_bare, wrap
from specdid.figures._style import ACCENT, SMALL, TITLE, quiet_fonts

WIDTHS = (3.5, 6.5)
TEXTS_BESIDE = ("forest", "love_plot")
"""Figures whose texts stand beside an axis, none on it."""


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", _plugins.names("figures"))
def test_texts_are_on_the_page_apart_and_large_enough(name, width):
    figure, found = _plugins.load("figures", name), {}
    for what, data in samples(name):
        drawn = figure.draw(data, width)
        assert drawn.get_size_inches()[0] == pytest.approx(width)
        assert drawn.get_size_inches()[1] <= 9 + 1e-9, what
        found[what] = [*layout_faults(drawn), *cut_unsaid(drawn), *key_faults(drawn)]
        if name in TEXTS_BESIDE:
            found[what] += drawn_over(drawn)
    assert not {what: faults for what, faults in found.items() if faults}


def bare_of(widths):
    """Ask for `bare` of all figures; pytest puts tests of equal places in these lists after one another."""
    given = [(name, width) for width in widths for name in _plugins.names("figures")]
    return pytest.mark.parametrize("bare", given, indirect=True, ids=lambda one: f"{one[0]}-{one[1]}")


@pytest.fixture(scope="module")
def bare(request):
    """Draw a figure's samples as LaTeX takes them, once for both tests of it: what, data, drawn, note."""
    name, width = request.param
    figure = _plugins.load("figures", name)
    return name, width, [(what, data, *draw_bare(partial(figure.draw, data), width)) for what, data in samples(name)]


@bare_of(WIDTHS)
def test_figures_for_latex_have_no_title_and_no_note_and_type_of_8_points(bare):
    name, width, found = bare
    for what, data, drawn, note in found:
        wide, high = drawn.get_size_inches()
        texts = [t for t in drawn.findobj(Text) if t.get_text()]
        least = SMALL if name == "spec_curve" else PRINTED  # its rows may need smaller text
        assert min((t.get_fontsize() for t in texts), default=8) * width / wide >= least - 1e-9
        assert not layout_faults(drawn), what
        assert not any(t.get_text() in data.title for t in texts if t.get_fontsize() == TITLE)
        assert not note or note not in " ".join(t.get_text() for t in texts)
        assert high * width / wide <= 9 + 1e-9, what


@bare_of((*WIDTHS, 7.0))
def test_latex_never_shrinks_a_figure_to_type_that_cannot_be_read(bare):
    _, width, found = bare
    for what, _, drawn, note in found:
        assert least_type_in_article(drawn, note, width) >= 5.5, what


def cut_unsaid(figure):
    """Say which texts are cut where nothing on the figure says so; a title is its own reader's."""
    texts = [t.get_text() for t in figure.findobj(Text) if t.get_fontsize() < TITLE]
    said = "".join(texts).replace(" ", "")
    if any(say(words).replace(" ", "") in said for words in (CUT, CUT_OF_TABLE)):
        return []
    return [f"cut: {text!r}" for text in texts if text.endswith("…")]


def key_faults(figure):
    """Say which hues a key has that nothing drawn has, and the reverse where there is a key at all."""
    key = {hue for a in figure.findobj(Line2D) if a.axes is None for hue in hues(a)}
    drawn = {hue for axes in figure.axes for a in axes.findobj(Artist) for hue in hues(a) if not isinstance(a, Text)}
    return [f"only in the key: {h}" for h in key - drawn] + [f"not in the key: {h}" for h in drawn - key if key]


def hues(artist):
    """Return the hues that a visible artist has, in twentieths of the circle; greys have none."""
    gives = ("get_facecolor", "get_edgecolor", "get_color", "get_markerfacecolor")
    colours = [to_rgba_array(getattr(artist, give)()) for give in gives if hasattr(artist, give)]
    some = not isinstance(artist, Collection) or (len(artist.get_paths()) and len(artist.get_offsets()))
    for red, green, blue, alpha in (row for rows in colours for row in rows) if artist.get_visible() and some else ():
        hue, saturation = tone(float(red), float(green), float(blue))
        if alpha and saturation > 0.08:
            yield round(20 * hue) % 20


@cache
def tone(red, green, blue):
    """Return hue and saturation: figures have few colours and many marks."""
    hue, saturation, _ = rgb_to_hsv((red, green, blue))
    return float(hue), float(saturation)


def drawn_over(figure):
    """Say which texts that stand beside the axes are over one; the figure is laid out."""
    spaces = [axes.get_window_extent() for axes in figure.axes]
    with quiet_fonts():
        return [
            f"over an axis: {t.get_text()!r}" for t in figure.texts for s in spaces if t.get_window_extent().overlaps(s)
        ]


def test_lines_of_zero_are_seen_and_in_the_key_and_dashed_ones_are_dashed_there():
    """Of the null's only a stub above its bins was seen; the placebo's was not named, the average effect's solid."""
    null, placebo, effect = (
        _plugins.load("figures", name).draw(samples(name)[0][1], 6.5)
        for name in ("null_density", "placebo_density", "marginal_effect")
    )
    (axes, *_) = null.axes
    zeros = [line for line in axes.lines if {*line.get_xdata()} == {0}]
    assert zeros
    assert min(z.get_zorder() for z in zeros) > max(p.get_zorder() for p in axes.findobj(StepPatch))
    assert "zero" in [t.get_text() for t in placebo.texts]
    for figure in (null, placebo):  # in grey nothing else tells them apart
        thick = {tuple(line.get_xdata()) == (0, 0): line.get_linewidth() for axes in figure.axes for line in axes.lines
                 if len({*line.get_xdata()}) == 1}  # fmt: skip
        assert thick[False] >= 3 * thick[True]
    key = [line for line in effect.findobj(Line2D) if line.axes is None and to_rgb(line.get_color()) == to_rgb(ACCENT)]
    assert len(key) == 2


def test_the_faults_of_a_page_are_seen():
    figure = Figure((3, 2))
    axes = figure.add_axes((0.2, 0.2, 0.6, 0.6))
    axes.set_xticks([0.4, 0.6], ["a long tick", "another one"])
    axes.set_yticks([0, 5], ["fine", "a long tick beyond the axis, which is not drawn"])
    axes.set(xlim=(0, 1), ylim=(0, 1))
    assert [fault.split(":")[0] for fault in layout_faults(figure)] == ["not apart"]
    axes.set_xticks([])
    figure.text(0.5, 0.95, "tiny", fontsize=6)
    figure.text(0.9, 0.5, "half of it leaves")
    faults = [fault.split(":")[0] for fault in layout_faults(figure)]
    assert faults == ["6 points", "outside the page", "drawn beyond the page"]
    figure.texts[1].remove()
    axes.plot([1.2, 1.5], [0.5, 0.5], clip_on=False)
    assert [fault.split(":")[0] for fault in layout_faults(figure)] == ["6 points", "drawn beyond the page"]


@pytest.mark.parametrize("options", [3, 6, 8])
def test_a_curve_of_many_rows_has_type_that_can_be_read_in_an_article(options):
    dims = {name: [f"{name} {k}" for k in range(options)] for name in ("sample", "fixed_effects")}
    dims["weights"] = ["none", "people", "area"]
    planned = plan_of(dims, subsets(*(f"control {k}" for k in range(options))))
    drawn, note = draw_bare(partial(spec_curve.draw, curve_data(results_of(planned))), 6.5)
    assert least_type_in_article(drawn, note, 6.5) >= 5.5


def least_type_in_article(drawn, note, width):
    """Give the smallest type where LaTeX fits a figure into an article in 12 points: 388 by 546 (two columns: 548)."""
    wide, high = (72 * inches for inches in drawn.get_size_inches())
    line = min(388.0, 72 * width)
    lines = len(wrap(note, fonts_for([note]), line * SMALL / 8))
    return SMALL * min(line / wide, (546 - 3.5 * 14.5 - 6 - 9.6 * lines) / high)

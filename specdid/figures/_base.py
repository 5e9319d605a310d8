"""What a figure declares: the contract of the shelf.

A plug-in is one module ``specdid/figures/<name>.py`` with ``FIGURE: FigureKind``; without ``curve`` it is
drawn by an analysis that names it in a Chart. A whole one, ``specdid/figures/example_dots.py``::

    # Every estimate as a dot.
    from dataclasses import dataclass
    from specdid._plugins import Own
    from specdid._words import later
    from specdid.figures._base import FigureKind


    @dataclass(frozen=True)
    class Dots:
        panels: tuple
        doubt: str = ""


    def data(values):
        return Dots((tuple(values),))


    def draw(data, width=None):
        from matplotlib.figure import Figure

        figure = Figure((width or 6.0, 3.0), layout="constrained")
        axes = figure.subplots()
        axes.plot(data.panels[0], ".")
        axes.locator_params(nbins=3)
        axes.set_title(data.doubt)
        return figure


    FIGURE = FigureKind(
        "example_dots", later("Example dots"), data, draw, lambda results, null_medians: data(results.estimate.tolist())
    )

    OWN = Own(zh={"Example dots": "示例点图"})

**draw** gets the data and the width in inches at which the figure is printed, None where the spec file asks for none,
and gives a new matplotlib Figure of that width, which pyplot does not know; the height is its own. It may raise
ValueError where there is nothing to draw, which the run warns of.

What it writes goes through ``say`` (``specdid._words``), and its Chinese stands in **OWN** (``specdid._plugins.Own``).

The house helpers, all in this folder, and who uses them best (``null_density.py`` is the shortest of a curve):

``_page``
    ``choose_fonts(texts)`` measures texts in the fonts there are; a ``Page`` is addressed in points from its top left
    corner (``page.axes``, ``page.text``); ``style``, ``style_across``, ``style_rows`` make axes plain.
``_panes``
    ``lay_sheet(title, panes, note, fonts, width, height, …)`` writes title, ``doubt``, keys, headings and note, and
    gives the page and a ``Box`` for the axes of each ``Pane``; ``KeyEntry`` is a swatch with words.
``_style``
    Colours, sizes and marks; ``own_style()`` is to surround all drawing, so that a user's matplotlibrc changes nothing.
``_curve_axes``
    Marks of a curve as all figures have them: ``draw_tested`` (full or hollow), ``mark_preferred``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure is computed as data and then drawn, so that tests need no pixels.

    ``data(records, **options)`` gives frozen arrays; ``draw(data, width=None)`` a matplotlib
    Figure. The module's top level does not import matplotlib.
    ``curve(results, null_medians)`` gives the data of a figure that every run draws, under the figure's
    name; it has ``panels``, none where there is nothing to draw, ``doubt``, words against what it shows, and
    ``title``, and may have ``verdict``, fewer words for where these have more than three lines.
    A page is 9 inches high: `_panes.lay_sheet` leaves out and counts what has no room. Its texts are laid out in the
    fonts of `_page.choose_fonts`, which have Chinese where one is installed.
    ``on_page``: the report shows such a figure as it was drawn, and says that its numbers are in ``files`` of the
    results directory, those of them that there are; False is of the volcano, which the page draws itself, as the
    curve. Neither matters without ``curve``: the page shows a chart of an analysis beside the analysis's tables.
    """

    name: str
    title: str
    data: Callable[..., Any]
    draw: Callable[..., Any]
    curve: Callable[..., Any] | None = None
    on_page: bool = True
    files: tuple[str, ...] = ("results.csv",)

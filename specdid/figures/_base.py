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

What it writes goes through ``say`` (``specdid._words``), and its Chinese stands in **OWN** (``specdid._plugins.Own``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure is computed as data and then drawn, so that tests need no pixels.

    ``data(records, **options)`` gives frozen arrays; ``draw(data, **options)`` a matplotlib
    Figure. The module's top level does not import matplotlib.
    ``curve(results, null_medians)`` gives the data of a figure that every run draws, under the figure's
    name; it has ``panels``, none where there is nothing to draw, ``doubt``, words against what it shows, and
    ``title``, and may have ``verdict``, fewer words for where these have more than three lines.
    A page is 9 inches high: `_panes.lay_sheet` leaves out and counts what has no room. Its texts are laid out in the
    fonts of `_page.choose_fonts`, which have Chinese where one is installed.
    ``on_page``: the report shows such a figure as it was drawn, and says that its numbers are in ``files`` of the
    results directory, those of them that there are. The page draws the curve and the volcano itself, which have it
    False. A chart of an analysis has neither: the page shows it beside the analysis's own tables.
    """

    name: str
    title: str
    data: Callable[..., Any]
    draw: Callable[..., Any]
    curve: Callable[..., Any] | None = None
    on_page: bool = True
    files: tuple[str, ...] = ("results.csv",)

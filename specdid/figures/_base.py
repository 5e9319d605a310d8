"""What a figure declares: the contract of the shelf."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FigureKind:
    """A figure is computed as data and then drawn, so that tests need no pixels.

    ``data(records, **options)`` gives frozen arrays; ``draw(data, **options)`` a matplotlib
    Figure. The module's top level does not import matplotlib.
    ``curve(results, placebos)`` gives the data of a figure that every run draws, under the figure's
    name; it has ``panels``, none where there is nothing to draw, and ``doubt``, words against what it
    shows. ``on_page``: the report shows such a figure as it was drawn.
    """

    name: str
    title: str
    data: Callable[..., Any]
    draw: Callable[..., Any]
    curve: Callable[..., Any] | None = None
    on_page: bool = True

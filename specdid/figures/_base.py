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
    """

    name: str
    title: str
    data: Callable[..., Any]
    draw: Callable[..., Any]

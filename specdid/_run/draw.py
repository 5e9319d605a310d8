"""How the conductor draws the curve: the figure of the shelf, saved in the asked formats."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._curve import Curve
from specdid._records import Caution, Results
from specdid.figures._style import save

CURVE = "spec_curve"


def draw_curve(
    results: Results,
    sort: str = "estimate",
    width: float | None = None,
    bands: Any = None,
    shares: Any = None,
    cautions: Sequence[Caution] = (),
) -> Any:
    """Draw the specification curve as a matplotlib figure, what stands against it above."""
    figure = _plugins.load("figures", CURVE)
    return figure.draw(figure.data(results, sort, bands, shares, cautions), width)


def notebook_html(curve: Curve) -> str:
    """Write what a notebook shows; its module is imported where it is asked for."""
    from specdid.report.notebook import curve_html

    return curve_html(curve)


def save_curve(
    results: Results,
    directory: Path,
    sort: str,
    formats: Sequence[str],
    width: float | None = None,
    bands: Mapping[str, Any] | None = None,
    shares: Mapping[str, tuple[float, float]] | None = None,
    cautions: Sequence[Caution] = (),
) -> tuple[list[Path], list[str]]:
    """Draw and save; gives the files and what the figure warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        figure = draw_curve(results, sort, width, bands, shares, cautions)
        paths = save(figure, directory, "curve", formats)
    # Warnings of its own kind are another library's complaint to programmers, such as pyparsing's.
    return list(paths), [str(w.message) for w in caught if w.category is UserWarning]

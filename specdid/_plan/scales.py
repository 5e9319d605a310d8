"""What estimates are in: the outcome's declared scale, or where that cannot be, the estimator's own unit.

Poisson estimates log points and logit log odds, whatever the outcome is in. A declared scale is taken
to be that of the estimators an outcome has; where some give the outcome's own unit and others log
points of it, it is the former's, and the latter stand apart, so that no unit stands beside both.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specdid import _plugins
from specdid._plan.records import Codes, Flags, Grid
from specdid._study import Core


def scales(labels: Sequence[str], grid: Grid, codes: Codes, excluded: Flags) -> tuple[tuple[str, ...], Codes]:
    """Return the scale of every specification.

    Parameters
    ----------
    labels : of the outcomes
    codes : (S, D) int32, as in Plan
    excluded : (S,) bool

    Returns
    -------
    words : each once
    place : (S,) int32, places in ``words``, -1 where none is declared
    """
    units = np.array([_plugins.load("estimators", e.method).unit for e in grid.estimators])
    words: dict[str, int] = {}
    table = np.full((len(labels), len(units)), -1, np.int32)
    for o, declared in enumerate(grid.scales):
        used = np.unique(units[codes[(codes[:, Core.OUTCOME] == o) & ~excluded, Core.ESTIMATOR]])
        for e, unit in enumerate(units.tolist()):
            found = declared if len(used) < 2 else _own(declared, unit, labels[o], used.tolist())
            if found is not None:
                table[o, e] = words.setdefault(found, len(words))
    return tuple(words), table[codes[:, Core.OUTCOME], codes[:, Core.ESTIMATOR]]


def _own(declared: str | None, unit: str, label: str, used: Sequence[str]) -> str | None:
    """Return the scale of estimates in a unit, of an outcome whose estimates are in several."""
    if unit:
        return f"{unit} of {label}" if declared is None else unit
    return None if declared in used else declared

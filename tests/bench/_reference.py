"""pyfixest on the benchmark panels, one call a specification: the thing to be faster than."""

from __future__ import annotations

import warnings
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from _panels import Panel

if TYPE_CHECKING:
    from specdid.engine.problem import Fits, Members


def formula(panel: Panel, members: Members, s: int, effects: tuple[str, ...]) -> str:
    """Write member ``s`` as pyfixest's formula; effects in EFFECTS' names, `^` as codes of their own."""
    controls = members.controls_of(s)
    right = " + ".join([panel.labels[members.treatment[s]], *(panel.labels[c] for c in controls)])
    absorbed = effects[members.effects[s]].replace("province^year", "province_year")
    tail = "" if absorbed == "none" else f" | {absorbed}"
    return f"{panel.labels[members.outcome[s]]} ~ {right}{tail}"


def mean_seconds(panel: Panel, formulas: list[str], vcov: object) -> float:
    """Time plain `pf.feols` calls (pyfixest's own defaults), after two that are not counted."""
    import pyfixest as pf

    frame = panel.frame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in formulas[:2]:
            pf.feols(text, frame, vcov=vcov)
        began = perf_counter()
        for text in formulas:
            pf.feols(text, frame, vcov=vcov)
        return (perf_counter() - began) / len(formulas)


def largest_difference(panel: Panel, formulas: list[str], picked: np.ndarray, fits: Fits, vcov: object) -> float:
    """Give the largest relative difference of estimates and SEs from pyfixest at tolerance 1e-12."""
    import pyfixest as pf

    frame, worst = panel.frame(), 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text, s in zip(formulas, picked, strict=True):
            row = pf.feols(text, frame, vcov=vcov, demeaner=pf.MapDemeaner(fixef_tol=1e-12)).tidy().loc["d"]
            expected = row[["Estimate", "Std. Error"]].to_numpy(float)
            found = np.array([fits.estimate[s], fits.std_error[s, 0]])
            worst = max(worst, float(np.abs(found / expected - 1).max()))
    return worst

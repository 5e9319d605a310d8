"""The plain pyfixest call for one member of a Problem, on rows it drops itself."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from specdid.engine.problem import Members, Problem


@dataclass(frozen=True)
class Plain:
    """What pyfixest says; ``error`` where it says nothing, NaN where a vcov failed."""

    error: str = ""
    estimate: float = np.nan
    std_error: tuple[float, ...] = ()
    p_value: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    df: tuple[float, ...] = ()
    nobs: int = -1
    dropped: tuple[int, ...] = ()
    r2_within: float = np.nan


def controls_of(members: Members, s: int) -> np.ndarray:
    return members.controls[members.start[s] : members.start[s + 1]]


def frame_of(problem: Problem, members: Members, s: int) -> pd.DataFrame:
    """Lay out member s: y, d, x0.., f0.., c.., w; rows of the sample with positive weight."""
    keep = problem.rows[members.rows[s]].copy()
    columns = {"y": problem.values[:, members.outcome[s]], "d": problem.values[:, members.treatment[s]]}
    for j, c in enumerate(controls_of(members, s)):
        columns[f"x{j}"] = problem.values[:, c]
    effects = problem.effects[members.effects[s]].fixed
    for j, c in enumerate(effects):
        columns[f"f{j}"] = problem.codes[:, c]
    for c in dict.fromkeys(c for v in problem.vcovs for c in v.clusters):
        columns[f"c{c}"] = problem.codes[:, c]
    if members.weights[s] >= 0:
        columns["w"] = problem.values[:, members.weights[s]]
        keep &= ~(columns["w"] <= 0)
    return pd.DataFrame(columns)[keep].reset_index(drop=True)


def rows_left(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop missing, infinite and singleton rows, slowly and plainly."""
    frame = frame.replace([np.inf, -np.inf], np.nan).dropna()
    effects = [c for c in frame if c.startswith("f")]
    while len(frame):
        alone = np.zeros(len(frame), bool)
        for c in effects:
            alone |= (frame.groupby(c)[c].transform("size") == 1).to_numpy()
        if not alone.any():
            break
        frame = frame[~alone]
    return frame


def plain(problem: Problem, members: Members, s: int) -> Plain:
    """Estimate member s by ``pf.feols`` with a tight demeaner."""
    import pyfixest as pf

    frame = frame_of(problem, members, s)
    if not len(rows_left(frame)):
        return Plain("no rows")
    controls = [c for c in frame if c.startswith("x")]
    effects = [c for c in frame if c.startswith("f")]
    formula = "y ~ " + " + ".join(["d", *controls]) + (" | " + " + ".join(effects) if effects else "")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            fit = pf.feols(
                formula,
                frame,
                vcov="iid",
                weights="w" if "w" in frame else None,
                demeaner=pf.MapDemeaner(fixef_tol=1e-12),
            )
        except (ValueError, ZeroDivisionError) as error:
            return Plain(" ".join(str(error).split()))
        if "d" not in fit._coefnames:
            return Plain("treatment dropped")
        at = fit._coefnames.index("d")
        rows = [_under(fit, problem, v, at) for v in range(len(problem.vcovs))]
    dropped = tuple(int(c) for j, c in enumerate(controls_of(members, s)) if f"x{j}" not in fit._coefnames)
    return Plain(
        "",
        float(fit._beta_hat[at]),
        *(tuple(r[k] for r in rows) for k in range(5)),
        int(fit._N),
        dropped,
        float(fit._r2_within) if effects else np.nan,
    )


def _under(fit, problem: Problem, v: int, at: int) -> tuple[float, ...]:
    vcov = problem.vcovs[v]
    spec = vcov.kind if vcov.kind != "cluster" else {"CRV1": " + ".join(f"c{c}" for c in vcov.clusters)}
    if vcov.kind == "cluster" and min(fit._data[f"c{c}"].nunique() for c in vcov.clusters) < 2:
        return (np.nan,) * 5
    fit.vcov(spec)
    low, high = fit.confint().iloc[at]
    return (float(fit._se[at]), float(fit._pvalue[at]), float(low), float(high), float(fit._df_t))

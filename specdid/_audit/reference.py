"""What a plain call of pyfixest makes of one specification, on rows it takes from the data itself.

Nothing of the engine's masks, singletons, demeaning or corrections is used here. Where the
design is ill-conditioned (above 1e4) pyfixest's normal equations are the inaccurate side:
it is then given columns of unit SD, and its demeaned columns are solved by QR.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specdid import _shelf
from specdid.engine.one_by_one import Work
from specdid.engine.problem import Floats, Ints
from specdid.engine.tasks import controls_of, make_task
from specdid.estimators._base import Failure
from specdid.estimators._pyfixest import effect_names
from specdid.estimators._read import uncounted_slopes

ILL_CONDITIONED = 1e4
LARGE = 1e4
"""Beyond this size a column cannot be demeaned to an absolute 1e-12."""


@dataclass(frozen=True, slots=True)
class Again:
    """A second estimate and its standard error by vcov, NaN where there is none; ``why`` says why not."""

    estimate: float
    std_error: tuple[float, ...]
    why: str = ""


def estimate_again(work: Work, s: int) -> Again:
    """Estimate member ``s`` by the reference; NaN throughout where it cannot."""
    nothing = Again(float("nan"), (float("nan"),) * len(work.problem.vcovs))
    method = work.methods[work.method[s]]
    try:
        if method.name == "feols":
            return _least_squares(work, s)
        task = make_task(
            work.problem, work.members, s, _rows(work, s), method.options, int(work.cohort[s]), work.time
        )
        result = _shelf.load("estimators", method.name).fit(task)
        if isinstance(result, Failure):
            return replace(nothing, why=result.message or result.code)
        return Again(result.estimate, result.std_error)
    except Exception as error:  # whatever it is, the reference does not confirm the estimate
        return replace(nothing, why=" ".join(f"{type(error).__name__}: {error}".split()))


def _frame(work: Work, s: int) -> Any:
    """Lay out a member's variables on its sample as a pandas frame, missing values and all."""
    import pandas as pd

    problem, members = work.problem, work.members
    effects = problem.effects[members.effects[s]]
    rows = problem.rows[members.rows[s]].copy()
    if members.extra_rows[s] >= 0:
        rows &= np.isfinite(problem.values[:, members.extra_rows[s]])
    for code in [c for v in problem.vcovs for c in v.clusters] + [c for c, _ in effects.slopes]:
        rows &= problem.codes[:, code] >= 0
    if members.weights[s] >= 0:
        rows &= problem.values[:, members.weights[s]] > 0
    at = np.flatnonzero(rows)
    columns: dict[str, Any] = {"y": problem.values[at, members.outcome[s]]}
    columns |= {f"x{j}": problem.values[at, c] for j, c in enumerate(controls_of(members, s))}
    for j, (code, value) in enumerate(effects.slopes):
        levels = problem.codes[at, code]
        for level in np.unique(levels):
            columns[f"s{j}_{level}"] = np.where(levels == level, problem.values[at, value], 0.0)
    columns["d"] = problem.values[at, members.treatment[s]]
    for name, code in zip(effect_names(len(effects.fixed)), effects.fixed, strict=True):
        codes = problem.codes[at, code]
        columns[name] = np.where(codes >= 0, codes, np.nan)
    for v, vcov in enumerate(problem.vcovs):
        columns |= {f"c{v}_{j}": problem.codes[at, c] for j, c in enumerate(vcov.clusters)}
    if members.weights[s] >= 0:
        columns["w"] = problem.values[at, members.weights[s]]
    return pd.DataFrame(columns, index=at)


def _rows(work: Work, s: int) -> Ints:
    """Let pandas drop the missing rows and pyfixest find the singletons."""
    from pyfixest.core.detect_singletons import detect_singletons

    frame = _frame(work, s).replace([np.inf, -np.inf], np.nan).dropna()
    effects = [c for c in frame if str(c).startswith("f")]
    if effects:
        frame = frame[~detect_singletons(frame[effects].astype(np.int64).to_numpy())]
    return np.asarray(frame.index.to_numpy(), np.int64)


def _least_squares(work: Work, s: int) -> Again:
    """Call feols in the data's own units, and again on scaled columns where that is inaccurate."""
    frame = _frame(work, s)
    regressors = [c for c in frame if str(c)[0] in "xsd"]
    sizes = np.abs(np.ma.masked_invalid(frame[["y", *regressors]].to_numpy())).max()
    if sizes < LARGE:
        try:
            fit = _feols(frame, regressors)
        except ValueError:  # it dropped every column, or demeaning did not converge
            fit = None
        if fit is not None and "d" in fit._coefnames and np.linalg.cond(fit._X) <= ILL_CONDITIONED:
            return _as_is(work, s, frame, fit)
    return _by_qr(work, s, frame, regressors)


def _feols(frame: Any, regressors: list[str]) -> Any:
    import pyfixest as pf

    effects = [c for c in frame if str(c).startswith("f")]
    formula = f"y ~ {' + '.join(regressors)}" + (f" | {' + '.join(effects)}" if effects else "")
    weights = "w" if "w" in frame else None
    return pf.feols(formula, frame, vcov="iid", weights=weights, demeaner=pf.MapDemeaner(fixef_tol=1e-12))


def _as_is(work: Work, s: int, frame: Any, fit: Any) -> Again:
    """Read pyfixest's own coefficient and standard errors."""
    d = fit._coefnames.index("d")
    errors = []
    for v in range(len(work.problem.vcovs)):
        variance = _vcov(work, fit, v)
        factor = 1.0 if variance is None else _slopes_factor(work, s, frame, fit)
        errors.append(float("nan") if variance is None else float(np.sqrt(variance[d, d] * factor)))
    return Again(float(fit._beta_hat[d]), tuple(errors))


def _vcov(work: Work, fit: Any, v: int) -> Any:
    """Have pyfixest compute vcov ``v``; None with fewer than two clusters."""
    vcov = work.problem.vcovs[v]
    columns = [f"c{v}_{j}" for j in range(len(vcov.clusters))]
    if columns and min(fit._data[c].nunique() for c in columns) < 2:
        return None
    fit.vcov({"CRV1": " + ".join(columns)} if columns else vcov.kind)
    return fit._vcov


def _slopes_factor(work: Work, s: int, frame: Any, fit: Any) -> float:
    """Correct for slopes, which pyfixest knows only as columns."""
    problem, at = work.problem, frame.index.to_numpy()[fit._data.index.to_numpy()]
    levels = tuple(problem.codes[at, code] for code, _ in problem.effects[work.members.effects[s]].slopes)
    left = fit._N - fit._df_k
    return float(left / (left - uncounted_slopes(fit, levels)))


def _by_qr(work: Work, s: int, frame: Any, regressors: list[str]) -> Again:
    """Solve pyfixest's demeaned columns by QR, the treatment last: its residual is all that matters."""
    columns = ["y", *regressors]
    values = frame[columns].replace([np.inf, -np.inf], np.nan)
    unit = values.std(ddof=0).replace(0.0, 1.0)
    scaled = frame.assign(**((values - values.mean()) / unit))
    fit = _feols(scaled, regressors)
    if fit._coefnames[-1] != "d":
        raise ValueError("pyfixest drops the treatment")
    basis, triangle = np.linalg.qr(fit._X)
    outcome = fit._Y.reshape(-1)
    residual = outcome - basis @ (basis.T @ outcome)
    residual -= basis @ (basis.T @ residual)
    direction = basis[:, -1] / triangle[-1, -1]
    ratio = float(unit["y"] / unit["d"])
    errors = []
    for v in range(len(work.problem.vcovs)):
        if _vcov(work, fit, v) is None:
            errors.append(float("nan"))
            continue
        variance = _sandwich(fit, work.problem.vcovs[v].kind, direction, residual)
        variance *= _slopes_factor(work, s, frame, fit)
        errors.append(float(np.sqrt(variance)) * ratio if variance > 0 else float("nan"))
    return Again(float(direction @ outcome) * ratio, tuple(errors))


def _sandwich(fit: Any, kind: str, direction: Floats, residual: Floats) -> float:
    """Give the treatment's variance with the corrections pyfixest has just computed."""
    corrections = np.ravel(fit._ssc)
    if kind == "iid":
        return float(corrections[0] * (residual @ residual) / (fit._N - 1) * (direction @ direction))
    influence = direction * residual
    if kind == "hetero":
        return float(corrections[0] * (influence @ influence))
    variance = 0.0
    for correction, column in zip(corrections, fit._cluster_df.columns, strict=True):
        sums = np.bincount(np.unique(fit._cluster_df[column], return_inverse=True)[1], weights=influence)
        variance += correction * (sums @ sums)
    return float(variance)

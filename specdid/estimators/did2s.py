"""Gardner's (2021) two-stage difference in differences, with the standard errors of the R package did2s.

First stage: the outcome on fixed effects and controls, on the untreated rows only. Second
stage: what is left of the outcome, on the treatment, on all rows. The standard error is
that of the two stages as one GMM problem (Gardner 2021, section 4), without small-sample
correction, as in did2s. pyfixest's own version stops at always-treated units and at
levels with one untreated row, and this one does not.

Treated rows of units that are never seen untreated, and of periods in which nobody is, are
left out, as in did2s, and counted. Where the untreated rows leave open the counterfactual of
others, as under province-by-year effects where a whole province is treated, the average effect
on the treated is not identified, and there is none (Borusyak, Jaravel and Spiess 2024).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._programs.names import quoted
from specdid._programs.script import Script
from specdid._programs.templates import template
from specdid.estimators._base import Estimate, Estimator, Failure, Path, Program, Task
from specdid.estimators._imputation import (
    NO_COUNTERFACTUAL,
    PERFECT,
    imputable,
    impute,
    left_out,
    refuses,
    why_open,
    without_collinear,
)
from specdid.estimators._influences import UNCOUNTED, errors_of, path_of
from specdid.estimators._pyfixest import Refusal, guarded


@guarded
def _fit(task: Task) -> Estimate | Failure:
    treated = task.treatment == 1
    keep = imputable(task, treated)
    used, dropped = without_collinear(task, treated, keep)
    estimate, influence = two_stage(used, treated, keep)
    errors = errors_of(task, influence[:, None], keep)
    return Estimate(
        estimate=estimate,
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(keep.sum()),
        dropped=dropped,
        keep=None if keep.all() else keep,
        reads=keep,
        extra=left_out(task, treated, keep),
        vcov_notes=errors.notes,
    )


def two_stage(task: Task, treated: Bools, keep: Bools) -> tuple[float, Floats]:
    """Return the ATT and each row's influence on it (n,), 0 outside ``keep``."""
    estimate, influence = second_stage(task, treated, keep, treated[:, None].astype(np.float64))
    if np.isnan(estimate[0]):
        raise Refusal("not_identified", why_open(task, treated, keep))
    return float(estimate[0]), influence[:, 0]


def second_stage(task: Task, treated: Bools, keep: Bools, columns: Floats) -> tuple[Floats, Floats]:
    """Average what the first stage leaves over each of ``columns``, (n, m) of 0 and 1 without overlap.

    With h the shortest solution of X₀'h = X'Wd, the weights with which the untreated rows
    impute those of column d, a row's influence is d w (ũ − β) − h √w ũ, over Σ w d.

    Returns
    -------
    estimate : (m,), influence : (n, m), 0 outside ``keep``
        NaN where the untreated rows do not identify the counterfactual.
    """
    found = impute(task, treated, keep, columns)
    untreated, influence = keep & ~treated, np.zeros(columns.shape)
    for k, total in enumerate(found.total):
        if np.isnan(found.estimate[k]):
            influence[:, k] = np.nan
            continue
        apart = found.left - found.estimate[k]
        influence[:, k] = found.share[:, k] * np.where(np.abs(apart) < PERFECT, 0.0, apart) / total
        influence[untreated, k] -= found.through[untreated, k] * found.left[untreated] / total
    return found.estimate * found.unit, influence * found.unit


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Average by relative period; leads are residuals of the first stage, against all untreated rows."""
    treated = task.treatment == 1
    keep = imputable(task, treated)
    task, _ = without_collinear(task, treated, keep)
    every = relative[:, None] == np.array(periods)
    columns = every & keep[:, None]
    seen = np.flatnonzero(columns.any(axis=0))
    if not len(seen):
        return Failure("no_treatment_variation", "no treated unit is seen in these periods")
    estimate, influence = second_stage(task, treated, keep, columns[:, seen].astype(np.float64))
    known = np.isfinite(estimate)
    if not known.any():
        return Failure("not_identified", why_open(task, treated, keep))
    reasons = {periods[k]: NO_COUNTERFACTUAL for k in np.flatnonzero(every.any(axis=0)) if k not in seen[known]}
    seen, estimate, influence = seen[known], estimate[known], influence[:, known]
    size = columns.sum(axis=0)[seen]
    found = path_of(task, tuple(periods[k] for k in seen), estimate, influence, keep, size)
    note = "leads of did2s are measured against all untreated rows, not against the reference period"
    return replace(found, left_out=reasons, note=note)


def _variances(script: Script) -> list[str]:
    found = []
    for errors in script.errors:
        if errors.kind == "iid":
            continue
        names = [f"d${c}" for c in errors.clusters]
        variance = " + ".join(f"between({n})" for n in names) or "sum(influence^2)"
        variance += f" - between({', '.join(names)})" if len(names) == 2 else ""
        if errors.rule == "glm":
            counts = [f"groups({n})" for n in names] or ["nrow(d)"]
            groups = counts[0] if len(counts) == 1 else f"min({', '.join(counts)})"
            variance = f"({variance}) * {groups} / ({groups} - 1)"
        found.append(f"{quoted(errors.label)} = {variance}")
    return found


ESTIMATOR = Estimator(
    name="did2s",
    title="Two-stage (Gardner)",
    estimand="average effect on the treated (imputation)",
    settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=False,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"hetero", "cluster", "twoway"}),
    fit=_fit,
    doc="Fixed effects and controls are fitted on untreated rows; always-treated units are dropped.",
    path=_path,
    calendar=True,
    alone=lambda options: "controls and fixed effects belong to the first stage, on the untreated rows",
    ssc=UNCOUNTED,
    refuses=refuses,
    columns=frozenset({"n_treated_left_out", "n_treated_rows_left_out"}),
    programs={
        "python": Program(template("did2s.py"), ("from scipy import sparse", "import scipy.sparse.linalg")),
        "r": Program(template("did2s.R", variances=_variances)),
        "stata": Program(template("did2s.do"), numbered=True),
    },
)

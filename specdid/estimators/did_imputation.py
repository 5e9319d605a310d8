"""Borusyak, Jaravel and Spiess's (2024) imputation estimator, with its own conservative standard errors.

Fixed effects and controls are fitted on the untreated rows; what they leave of the treated rows is averaged:
the estimate is that of did2s. It is a weighted sum Σ v y of outcomes, and its variance sums, within clusters,
v times what is left of the outcome: for treated rows less the v²-weighted mean of their cohort and period
(their equation 8), so that effects may differ between cohorts and periods, and differences within them count
as noise. No small-sample correction, normal p-values, as R's didimputation 0.3.

The event study has such averages by period since treatment. Leads are coefficients of a regression on the
untreated rows alone, with fixest's small-sample factor, as there: a test of parallel trends that does not
depend on the effects.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.engine.demean import relevel
from specdid.estimators._base import Estimate, Estimator, Failure, Path, Program, Task
from specdid.estimators._cohorts import one_unit_cohorts
from specdid.estimators._imputation import (
    NO_COUNTERFACTUAL,
    PERFECT,
    first_stage,
    imputable,
    impute,
    least_squares,
    left_out,
    refuses,
    why_open,
    without_collinear,
)
from specdid.estimators._influences import UNCOUNTED, by_units, counted, errors_of, path_of, without_rounding
from specdid.estimators._pyfixest import guarded, standardised

TIED = "not identified: among the untreated rows this lead is a combination of the fixed effects and other leads"
UNSEEN = "no untreated row stands there"


@guarded
def _fit(task: Task) -> Estimate | Failure:
    treated = task.treatment == 1
    keep = imputable(task, treated)
    used, dropped = without_collinear(task, treated, keep)
    estimate, influence = _averages(used, treated, keep, treated[:, None].astype(np.float64))
    if np.isnan(estimate[0]):
        return Failure("not_identified", why_open(used, treated, keep))
    errors = by_units(task, errors_of(task, influence, keep), "normal")
    return Estimate(
        estimate=float(estimate[0]),
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(keep.sum()),
        dropped=dropped,
        keep=None if keep.all() else keep,
        reads=keep,
        extra=left_out(task, treated, keep) | {"n_one_unit_cohorts": float(_single(task, treated & keep))},
        vcov_notes=errors.notes,
    )


def _single(task: Task, rows: Bools) -> int:
    """Count the cohorts of one unit."""
    assert task.unit is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    pairs = {(float(g), int(u)) for g, u in zip(task.cohort[rows], task.unit[rows], strict=True)}
    cohorts = [g for g, _ in pairs]
    return sum(cohorts.count(g) == 1 for g in set(cohorts))


def _averages(task: Task, treated: Bools, keep: Bools, columns: Floats) -> tuple[Floats, Floats]:
    """Return averages over ``columns`` and each row's part in them, about the means of cohorts and periods."""
    assert task.cohort is not None and task.time is not None  # noqa: PT018 - the plan sees to it
    found = impute(task, treated, keep, columns)
    cells = np.unique(np.column_stack([task.cohort[treated], task.time[treated]]), axis=0, return_inverse=True)[1]
    cells = cells.reshape(-1)
    influence = (found.share - found.through) / found.total
    for k in range(columns.shape[1]):
        own = influence[treated, k] ** 2
        size = np.bincount(cells, own)
        mean = np.divide(np.bincount(cells, own * found.left[treated]), size, out=np.zeros(len(size)), where=size > 0)
        apart = found.left[treated] - mean[cells]
        rest = found.left.copy()
        rest[treated] = np.where(np.abs(apart) < PERFECT, 0.0, apart)
        influence[:, k] = np.nan if np.isnan(found.estimate[k]) else influence[:, k] * rest * found.unit
    return found.estimate * found.unit, influence


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Average treated rows by period since treatment; leads are coefficients on the untreated rows alone."""
    treated = task.treatment == 1
    keep = imputable(task, treated)
    task, _ = without_collinear(task, treated, keep)
    names, estimates, influences, roots, size, reasons = [], [], [], [], [], {}
    columns = (relative[:, None] == np.array(periods)) & keep[:, None]
    after = [k for k in range(len(periods)) if (columns[:, k] & treated).any()]
    leads = [k for k in range(len(periods)) if k not in after and (columns[:, k] & ~treated).any()]
    for k in set(range(len(periods))) - set(after) - set(leads):
        reasons[periods[k]] = UNSEEN
    if after:
        effects, of_effects = _averages(task, treated, keep, 1.0 * (columns & treated[:, None])[:, after])
        for at, k in enumerate(after):
            if np.isnan(effects[at]):
                reasons[periods[k]] = NO_COUNTERFACTUAL
            else:
                names.append(k)
                estimates.append(effects[at])
                influences.append(of_effects[:, at])
                roots.append(np.array([_plain(task, v, keep) for v in range(len(task.vcovs))]))
    found, kept = _leads(task, keep & ~treated, columns[:, leads].astype(np.float64)), []
    for at, k in enumerate(leads):
        if at in found.places:
            kept.append(k)
        else:
            reasons[periods[k]] = TIED
    names += kept
    estimates += found.estimate.tolist()
    influences += list(found.influence.T)
    roots += [found.roots] * len(kept)
    if not names:
        return Failure("not_identified", why_open(task, treated, keep))
    order = np.argsort(names)
    size = [int((columns[:, k] & (treated if k in after else True)).sum()) for k in names]
    path = path_of(
        task,
        tuple(periods[names[k]] for k in order),
        np.array(estimates)[order],
        np.column_stack(influences)[:, order],
        keep,
        np.array(size)[order],
        np.column_stack(roots)[:, order],
        "normal",
    )
    note = (
        "leads of did_imputation are coefficients on the untreated rows alone, measured against the reference period; "
        "effects since treatment are measured against all untreated rows"
    )
    return replace(path, left_out=reasons, note=note)


def _plain(task: Task, v: int, keep: Bools) -> float:
    """Return the root of a factor that counts no parameters."""
    if task.vcovs[v] != "cluster" or len(task.clusters[v]) != 1:
        return float("nan")
    count = len(np.unique(task.clusters[v][0][keep]))
    return float(np.sqrt(count / (count - 1))) if task.rule(v) == "glm" and count > 1 else 1.0


class _Leads:
    """Coefficients of leads among the untreated rows, and each row's part in them."""

    def __init__(self, size: int, vcovs: int) -> None:
        self.places: list[int] = []
        self.estimate: Floats = np.zeros(0)
        self.influence: Floats = np.zeros((size, 0))
        self.roots: Floats = np.ones(vcovs)


def _leads(task: Task, rows: Bools, columns: Floats) -> _Leads:
    """Regress the outcome of ``rows`` on ``columns`` beside the first stage's regressors."""
    found = _Leads(len(rows), len(task.vcovs))
    weights = np.ones(len(rows)) if task.weights is None else task.weights / task.weights.mean()
    root = np.sqrt(weights[rows])
    first = first_stage(task)[rows].multiply(root[:, None]).tocsr()
    basis = np.zeros((int(rows.sum()), 0))
    net = []
    for k, column in enumerate(columns.T):
        own = root * column[rows]
        rest = own - first @ least_squares(first, own)
        apart = rest - basis @ (basis.T @ rest)
        apart = apart - basis @ (basis.T @ apart)
        length = float(np.linalg.norm(apart))
        if length > 1e-6 * max(float(np.linalg.norm(own)), 1e-300):
            basis = np.column_stack([basis, apart / length])
            net.append(rest)
            found.places.append(k)
    if not net:
        return found
    x = np.column_stack(net)
    outcome, unit = standardised(task.outcome)
    y = root * outcome[rows]
    inverse = np.linalg.inv(x.T @ x)
    beta = inverse @ (x.T @ y)
    left = y - x @ beta
    left = left - first @ least_squares(first, left)
    found.estimate = beta * unit
    found.influence = np.zeros((len(rows), len(net)))
    found.influence[rows] = (x @ inverse) * left[:, None] * unit
    found.influence = without_rounding(found.influence, task.outcome)
    effects = [relevel(c[rows]) for c in task.effects]
    slopes = [(relevel(c[rows]), z[rows]) for c, z in task.slopes]
    found.roots, _ = counted(task, rows, effects, len(net) + task.controls.shape[1], slopes)
    return found


def _cautions(found: Mapping[str, Floats]) -> Iterable[Caution]:
    return one_unit_cohorts("did_imputation", found)


ESTIMATOR = Estimator(
    name="did_imputation",
    title="Borusyak–Jaravel–Spiess",
    estimand="average effect on the treated (imputation)",
    settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"cluster"}),
    fit=_fit,
    doc="The estimate is that of did2s; the standard errors are the method's own, about means of cohorts and periods. "
    "Always-treated units are dropped. Clusters must hold units whole.",
    path=_path,
    alone=lambda options: "controls and fixed effects belong to the first stage, on the untreated rows",
    ssc=UNCOUNTED,
    refuses=refuses,
    cautions=_cautions,
    columns=frozenset({"n_one_unit_cohorts", "n_treated_left_out", "n_treated_rows_left_out"}),
    programs={
        "python": Program(template("did_imputation.py"), ("from scipy import sparse", "import scipy.sparse.linalg")),
        "r": Program(template("did_imputation.R")),
        "stata": Program(template("did_imputation.do"), numbered=True),
    },
)

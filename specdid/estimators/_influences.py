"""Covariances of estimates from the rows' influences on them, under every vcov of a task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.engine import ssc
from specdid.engine.demean import relevel
from specdid.engine.least_squares import CANCELLED, NO_VARIANCE
from specdid.engine.scores import by_cluster, cluster_codes
from specdid.estimators._base import Path, Task

Law = Literal["normal", "t"]
UNCOUNTED = frozenset({"fixest", "glm", "none"})
"""Corrections for which no parameter of a regression has to be counted.

"fixest" is then what the method's own package does: no correction (R's did2s).
"""


@dataclass(frozen=True, slots=True)
class InfluenceErrors:
    """Covariances under every vcov, in units of ``size`` squared, which may be no number itself."""

    vcov: Floats  # (V, m, m)
    size: float
    df: tuple[float, ...]
    n_clusters: tuple[int, ...]
    notes: tuple[str, ...]

    @property
    def std_error(self) -> tuple[float, ...]:
        """Return the standard errors of the first estimate."""
        return tuple((np.sqrt(self.vcov[:, 0, 0]) * self.size).tolist())


def errors_of(task: Task, influence: Floats, keep: Bools, roots: Floats | None = None) -> InfluenceErrors:
    """Sum influences by cluster.

    Parameters
    ----------
    influence : (n, m), each row's part in each estimate, 0 outside ``keep``
    roots : (V, m)
        Roots of the small-sample factors, NaN where there is none; without them the vcov's
        correction must be in UNCOUNTED.
    """
    size = float(np.abs(influence).max(initial=0.0))
    scaled = influence / (size or 1.0)
    parts = [_covariance(task, v, scaled, keep, size == 0) for v in range(len(task.vcovs))]
    width = influence.shape[1]
    vcov = np.array([p[0] for p in parts]).reshape(len(parts), width, width)
    if roots is None:
        roots = np.array([[_root(task, v, int(keep.sum()), parts[v][2])] * width for v in range(len(parts))])
    vcov = vcov * roots[:, :, None] * roots[:, None, :]
    uncounted = [np.isnan(r[~np.isnan(np.diag(p[0]))]).any() for p, r in zip(parts, roots, strict=True)]
    notes = [p[3] or ("uncounted" if none else "") for p, none in zip(parts, uncounted, strict=True)]
    return InfluenceErrors(vcov, size, tuple(p[1] for p in parts), tuple(p[2] for p in parts), tuple(notes))


def path_of(
    task: Task,
    periods: tuple[int, ...],
    estimate: Floats,
    influence: Floats,
    keep: Bools,
    size: Ints,
    roots: Floats | None = None,
    by_unit: Law | None = None,
) -> Path:
    """Put a path together; ``size`` (m,) are treated rows, ``by_unit`` is `by_units`' law, the rest `errors_of`'s."""
    found = errors_of(task, influence, keep, roots)
    found = found if by_unit is None else by_units(task, found, by_unit)
    vcov = found.vcov * found.size**2
    return Path(periods, estimate, vcov, found.df, found.n_clusters, int(keep.sum()), size, found.notes)


def by_units(task: Task, found: InfluenceErrors, law: Law) -> InfluenceErrors:
    """Return the errors without those by clusters that part a unit's rows, where units are independent.

    ``law`` of the statistic: "normal" unless a task asks for t, or "t" as `errors_of` has it.
    """
    notes = whole_units(task, found.notes)
    blank = np.array([bool(note) for note in notes])
    df = tuple(float("nan") if note else d for note, d in zip(notes, found.df, strict=True))
    if law == "normal":
        df = normal_or_t(task, notes, found.n_clusters)
    return replace(found, vcov=np.where(blank[:, None, None], np.nan, found.vcov), df=df, notes=notes)


def counted(
    task: Task, keep: Bools | Ints, effects: Sequence[Ints], k: int, slopes: Sequence[tuple[Ints, Floats]] = ()
) -> tuple[Floats, tuple[float, ...]]:
    """Return the roots of the small-sample factors of a regression, and the degrees of freedom of t, by vcov: (V,).

    Parameters
    ----------
    keep : its rows, or places of its rows in the task
    effects, slopes : of these rows, levels from 0 without gaps
    k : coefficients
    """
    nobs = len(task.outcome[keep])
    roots, df = np.full(len(task.vcovs), np.nan), []
    for v, kind in enumerate(task.vcovs):
        clusters = tuple(relevel(c[keep]) for c in task.clusters[v])
        groups = min((int(c.max()) + 1 for c in clusters), default=-1)
        asked = ssc.correction(kind, task.rule(v), tuple(effects), tuple(slopes), clusters)
        roots[v] = float(np.sqrt(asked.factor(nobs, k, groups)))
        df.append(float(asked.t_df(nobs, k, groups)))
    return roots, tuple(df)


def _root(task: Task, v: int, nobs: int, clusters: int) -> float:
    """Return the root of a factor that counts no parameters."""
    if task.rule(v) != "glm":
        return 1.0
    count = nobs if task.vcovs[v] == "hetero" else clusters
    return float(np.sqrt(count / (count - 1))) if count > 1 else 1.0


def _covariance(task: Task, v: int, influence: Floats, keep: Bools, perfect: bool) -> tuple[Floats, float, int, str]:
    """Return the covariance of vcov ``v`` before its correction, df, clusters and its note."""
    width = influence.shape[1]
    nan, nothing = float("nan"), np.full((width, width), np.nan)
    if task.vcovs[v] == "iid":
        return nothing, nan, -1, "not_offered"
    if perfect:
        return nothing, nan, -1, "perfect_fit"
    if task.vcovs[v] == "hetero":
        total, count, df = influence.T @ influence, -1, float(keep.sum() - 1)
        gross = np.diag(total)
    else:
        clusters = task.clusters[v]
        count = min(len(np.unique(codes[keep])) for codes in clusters)
        if count < 2:
            return nothing, nan, count, "few_clusters"
        total, df = sum((_between(codes, influence) for codes in clusters), np.zeros((width, width))), float(count - 1)
        gross = np.diag(total)
        if len(clusters) == 2:
            total = total - _between(cluster_codes(dict(enumerate(clusters)), (0, 1)), influence)
    found, void = np.diag(total), ~(gross > NO_VARIANCE * (influence**2).sum(axis=0))
    if void.all() or not (found > CANCELLED * gross)[~void].all():
        return nothing, df, count, "not_positive"
    # An estimate of which no cluster has a part is alone without a variance: the others have theirs.
    return np.where(void[:, None] | void, np.nan, total), df, count, ""


def _between(codes: Ints, influence: Floats) -> Floats:
    sums = by_cluster(influence, codes)
    return np.asarray(sums.T @ sums)


ROUNDING = 1e-11
"""Residuals as a share of the outcome's range below which nothing is left but rounding."""


def without_rounding(influence: Floats, outcome: Floats) -> Floats:
    """Return influences (n, m), 0 for an estimate all of whose are rounding: the model fits perfectly.

    An influence is a residual over the size of a group at the most as large as all rows.
    """
    least = ROUNDING * float(np.ptp(outcome)) / len(outcome)
    return np.where(np.abs(influence).max(axis=0, initial=0.0) <= least, 0.0, influence)


def whole_units(task: Task, notes: tuple[str, ...]) -> tuple[str, ...]:
    """Note which vcovs have clusters that part a unit's rows, where units are independent."""
    assert task.unit is not None
    first = np.unique(task.unit, return_index=True)[1]
    whole = [all((codes == codes[first][task.unit]).all() for codes in clusters) for clusters in task.clusters]
    parted = ["parts_units" if len(clusters) == 1 else "not_offered" for clusters in task.clusters]
    return tuple(note if one else other for note, one, other in zip(notes, whole, parted, strict=True))


def normal_or_t(task: Task, notes: tuple[str, ...], clusters: tuple[int, ...]) -> tuple[float, ...]:
    """Return infinity as degrees of freedom, or one less than the clusters where t is asked for."""
    asked = [float(count - 1) if task.distribution(v) == "t" else float("inf") for v, count in enumerate(clusters)]
    return tuple(float("nan") if note else one for note, one in zip(notes, asked, strict=True))

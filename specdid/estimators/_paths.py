"""Effects by relative period from rows' influences: covariances under every vcov."""

from __future__ import annotations

import numpy as np

from specdid.estimators._base import Floats, Ints, Path, Task
from specdid.estimators._pyfixest import Bools


def path_of(
    task: Task,
    periods: tuple[int, ...],
    estimate: Floats,
    influence: Floats,
    keep: Bools,
    size: Ints,
    roots: Floats | None = None,
) -> Path:
    """Put a path together.

    Parameters
    ----------
    influence : (n, m), each row's part in each estimate, 0 outside ``keep``
    size : (m,) treated rows
    roots : (V, m)
        Roots of the small-sample factors; None is no correction.
    """
    parts = [_covariance(task, v, influence, keep) for v in range(len(task.vcovs))]
    vcov = np.array([p[0] for p in parts]).reshape(len(parts), len(periods), len(periods))
    if roots is not None:
        vcov = vcov * roots[:, :, None] * roots[:, None, :]
    df, clusters, notes = (tuple(p[1] for p in parts), tuple(p[2] for p in parts), tuple(p[3] for p in parts))
    return Path(periods, estimate, vcov, df, clusters, int(keep.sum()), size, notes)


def _covariance(task: Task, v: int, influence: Floats, keep: Bools) -> tuple[Floats, float, int, str]:
    """Give the covariance of vcov ``v`` before its correction, df, clusters and its note."""
    width = influence.shape[1]
    nothing = np.full((width, width), np.nan)
    if task.vcovs[v] == "iid":
        return nothing, float("nan"), -1, "not_offered"
    if task.vcovs[v] == "hetero":
        return influence.T @ influence, float(keep.sum() - 1), -1, ""
    clusters = task.clusters[v]
    count = min(len(np.unique(codes[keep])) for codes in clusters)
    if count < 2:
        return nothing, float("nan"), count, "few_clusters"
    total = sum((_between(codes, influence) for codes in clusters), np.zeros((width, width)))
    if len(clusters) == 2:
        both = clusters[0] * (int(clusters[1].max()) + 1) + clusters[1]
        total = total - _between(np.unique(both, return_inverse=True)[1].reshape(-1), influence)
    if not (np.diag(total) > 0).all():
        return nothing, float(count - 1), count, "not_positive"
    return total, float(count - 1), count, ""


def _between(codes: Ints, influence: Floats) -> Floats:
    sums = np.array([np.bincount(codes, weights=column) for column in influence.T])
    return np.asarray(sums @ sums.T)

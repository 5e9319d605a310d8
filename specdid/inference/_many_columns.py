"""One or two effects taken out of a thousand columns at once, exactly, by sparse products.

With E and W the dummies of the first and the second effect,

    (W'W - W'E (E'E)^-1 E'W) a = W'x - W'E (E'E)^-1 E'x,    x~ = x - W a - E (E'E)^-1 E'(x - W a),

weighted where there are weights. Rows are long here (one draw a column), so that each
row is touched a few times only; the engine's demeaner goes column by column.
"""

from __future__ import annotations

import numpy as np

from specdid.engine.demean import Absorber, demean
from specdid.inference._base import Floats, Ints

MOST_LEVELS = 1_500
SLICE = 128


def residualise_many(columns: Floats, absorber: Absorber) -> Floats:
    """Take the effects out of (n, B) columns, C order.

    Effects beyond two, slopes, and second effects with very many levels go to the
    engine's demeaner.
    """
    order = sorted(absorber.codes, key=lambda c: -int(c.max()))
    if absorber.slopes or len(order) > 2 or (len(order) == 2 and int(order[1].max()) >= MOST_LEVELS):
        swept = np.asfortranarray(columns)
        for start in range(0, swept.shape[1], SLICE):
            demean(swept[:, start : start + SLICE], absorber)
        return np.ascontiguousarray(swept)
    weights = np.ones(len(columns)) if absorber.weights is None else absorber.weights
    first = _dummies(order[0], weights)
    mass = np.asarray(first.sum(axis=1)).ravel()
    means = (first @ columns) / mass[:, None]
    if len(order) == 1:
        return np.asarray(columns - means[order[0]])
    second = _dummies(order[1], weights)
    counts = np.asarray((first @ _dummies(order[1], np.ones(len(columns))).T).todense())
    system = np.diag(np.asarray(second.sum(axis=1)).ravel()) - counts.T @ (counts / mass[:, None])
    right = second @ columns - counts.T @ means
    solution = np.linalg.pinv(system, rcond=1e-10, hermitian=True) @ right
    means -= (counts @ solution) / mass[:, None]
    out = columns - means[order[0]]
    out -= solution[order[1]]
    return np.asarray(out)


def _dummies(codes: Ints, weights: Floats):  # type: ignore[no-untyped-def]
    """Give the (weighted) dummies of an effect as a sparse (levels, n) matrix."""
    from scipy.sparse import csr_matrix

    n = len(codes)
    return csr_matrix((weights, (codes, np.arange(n))), shape=(int(codes.max()) + 1, n))

"""One or two effects taken out of a thousand columns at once, exactly, a few rows at a time.

With E and W the dummies of the first and the second effect,

    (W'W - W'E (E'E)^-1 E'W) a = W'x - W'E (E'E)^-1 E'x,    x~ = x - W a - E (E'E)^-1 E'(x - W a),

weighted where there are weights; the system falls into the components that E connects.
Rows are long here (one draw a column) and would not stay in the processor's cache
together: what is kept is (E'E)^-1 E'(x - W a) and a, and residuals are formed where
they are used. The engine's demeaner goes column by column.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid.engine.demean import Absorber, demean
from specdid.inference._base import Floats, Ints
from specdid.inference._crossed_effects import Net, connect, cross_products

MOST_LEVELS = 1_500
SLICE = 128


@dataclass(frozen=True, slots=True)
class Residuals:
    """Residuals of many columns on the effects, times the root of the weights.

    Attributes
    ----------
    columns : (N, B) float64, C order
    rows : (n,) int64, rows of ``columns``
    effects : of ((n,) int64 levels, (levels, B) float64 to subtract)
    root : (n,) float64, or None without weights
    """

    columns: Floats
    rows: Ints
    effects: tuple[tuple[Ints, Floats], ...]
    root: Floats | None

    def block(self, here: slice) -> Floats:
        """Return the residuals of the rows ``here``, as a new array."""
        block = self.columns[self.rows[here]]
        for levels, shift in self.effects:
            own = levels[here]
            block -= shift[own[0]] if own[0] == own[-1] and (own == own[0]).all() else shift[own]
        if self.root is not None:
            block *= self.root[here, None]
        return block


def make_residuals(columns: Floats, rows: Ints, absorber: Absorber) -> Residuals:
    """Take the effects out of the ``rows`` of (N, B) columns, C order.

    Effects beyond two, slopes, and second effects with very many levels go to the
    engine's demeaner.
    """
    root = None if absorber.weights is None else np.sqrt(absorber.weights)
    order = sorted(absorber.codes, key=lambda c: -int(c.max()))
    if absorber.slopes or len(order) > 2 or (len(order) == 2 and int(order[1].max()) >= MOST_LEVELS):
        swept = np.asfortranarray(columns[rows])
        for start in range(0, swept.shape[1], SLICE):
            demean(swept[:, start : start + SLICE], absorber)
        return Residuals(np.ascontiguousarray(swept), np.arange(len(rows)), (), root)
    first = order[0]
    mass = np.bincount(first, absorber.weights)[:, None]
    means = _sums(columns, rows, first, absorber.weights) / mass
    if len(order) == 1:
        return Residuals(columns, rows, ((first, means),), root)
    second = order[1]
    counts = _counts(first, second, absorber.weights)
    right = _sums(columns, rows, second, absorber.weights) - counts.T @ means
    net = connect(first, len(mass), [second], len(right), cross_products([second], [first], [], absorber.weights))
    solution = _solve(net, right)
    means -= (counts @ solution) / mass
    return Residuals(columns, rows, ((first, means), (second, solution)), root)


def _sums(columns: Floats, rows: Ints, levels: Ints, weights: Floats | None) -> Floats:
    """Sum the rows of each level."""
    from scipy.sparse import csr_matrix

    data = np.ones(len(rows)) if weights is None else weights
    return np.asarray(csr_matrix((data, (levels, rows)), shape=(int(levels.max()) + 1, len(columns))) @ columns)


def _counts(first: Ints, second: Ints, weights: Floats | None):  # type: ignore[no-untyped-def]
    """Return the (weighted) counts of the two effects' cells, sparse."""
    from scipy.sparse import csr_matrix

    return csr_matrix((np.ones(len(first)) if weights is None else weights, (first, second)))


def _solve(net: Net, right: Floats) -> Floats:
    """Solve for the (L, B) coefficients of the second effect, component by component."""
    size = net.inverse.shape[1]
    place = net.of_level * size + net.level_place
    padded = np.zeros((len(net.inverse) * size, right.shape[1]))
    padded[place] = right
    return np.asarray((net.inverse @ padded.reshape(len(net.inverse), size, -1)).reshape(padded.shape)[place])

"""How unequal the clusters of a specification are: rows, leverage, and the effective number of clusters.

With Q from the QR decomposition of controls and treatment, net of the fixed effects and in this
order, a cluster's leverage is the sum of its rows' squares in Q, and its partial leverage that of
Q's last column alone: its share of the treatment's variation that is left of all other regressors
(MacKinnon, Nielsen and Webb 2023, sections 2 and 3). The effective number of clusters is
G / (1 + CV^2), CV the coefficient of variation of the partial leverage. It is G*(0) of Carter,
Schnepel and Steigerwald (2017, equation 9), for errors uncorrelated within clusters; for errors
that are equal within clusters none exists where fixed effects are nested in the clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid.engine.demean import demean
from specdid.engine.problem import Members, Problem
from specdid.inference._base import Floats, Ints
from specdid.inference._batches import kept_controls, lay_out, make_batches, positions


@dataclass(frozen=True, slots=True)
class ClusterLeverage:
    """The clusters of one specification, (G,) each.

    Attributes
    ----------
    codes : int64, which clusters of the panel these are.
    rows : int64, how many rows each has.
    treated : bool, whether the treatment is other than 0 in a row of it.
    leverage : float64, sums to the number of regressors net of the fixed effects.
    partial : float64, sums to 1.
    """

    codes: Ints
    rows: Ints
    treated: NDArray[np.bool_]
    leverage: Floats
    partial: Floats

    @property
    def effective(self) -> float:
        """The effective number of clusters, from 1 to G."""
        return float(1.0 / (self.partial**2).sum())

    @property
    def variation(self) -> float:
        """The coefficient of variation of the clusters' rows."""
        return float(np.std(self.rows) / np.mean(self.rows))


def cluster_leverage(
    problem: Problem, members: Members, position: int, dropped: Sequence[int], cluster: Ints
) -> ClusterLeverage | None:
    """Measure the clusters of one least-squares specification.

    Parameters
    ----------
    position : of the specification among ``members``.
    dropped : its columns of values that were dropped as collinear.
    cluster : (n,) codes over the whole panel.

    Returns
    -------
    None where the treatment has no variation left.
    """
    one = members.take(np.array([position]))
    (batch,) = make_batches(problem, one) or (None,)
    if batch is None:
        return None
    laid = lay_out(problem, one, batch)
    columns = np.asfortranarray(laid.values - laid.values.mean(axis=0))
    spread = columns.std(axis=0)
    columns /= np.where(spread > 0, spread, 1.0)
    demean(columns, laid.absorber)
    if laid.absorber.weights is not None:
        columns *= np.sqrt(laid.absorber.weights)[:, None]
    controls = positions(laid, kept_controls(one, {0: tuple(dropped)}, 0))
    treatment = laid.treatment if laid.treatment >= 0 else laid.place[int(one.treatment[0])]
    q, r = np.linalg.qr(columns[:, [*controls, *laid.block, treatment]])
    if not abs(r[-1, -1]) > 0:
        return None
    codes, of_row = np.unique(cluster[batch.rows], return_inverse=True)
    on = problem.values[batch.rows, one.treatment[0]] != 0
    squares = q**2
    return ClusterLeverage(
        codes,
        np.bincount(of_row),
        np.bincount(of_row[on], minlength=len(codes)) > 0,
        np.bincount(of_row, squares.sum(axis=1)).astype(np.float64),
        np.bincount(of_row, squares[:, -1]).astype(np.float64),
    )

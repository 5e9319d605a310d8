"""The order in which a curve is drawn: what enters the joint tests, then what stands apart, each by estimate."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._describe.curve_tests import Bands
from specdid._records import Results, ScaleGroup

POINTS = 100
"""Up to so many specifications are points and bars; more are ribbons."""
TOGETHER = ""
"""In place of an estimand, where those of a scale are one curve."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A curve of its own from ``start`` to ``stop``: one kind (place in KINDS), one estimand or several TOGETHER."""

    start: int
    stop: int
    kind: int
    estimand: str


@dataclass(frozen=True, slots=True)
class Arranged:
    """A scale's ok specifications: (n,) places in the plan in the order drawn, and the curves they make."""

    order: Ints
    pieces: tuple[Piece, ...]


def arrange(results: Results, group: ScaleGroup, bands: Collection[tuple[str, str]] = ()) -> Arranged:
    """Order a scale's estimates.

    What enters the joint tests stands before what is uncertain, and that before what is not
    equivalent. Within each, estimands are one curve unless ribbons that alternate could not be
    read, or nulls have the curves of single estimands only.

    Parameters
    ----------
    bands
        (Scale, estimand) of the curves under a null that are to be drawn.
    """
    order = results.order(group)
    kind, estimand = results.planned.kind[order], results.planned.estimand.codes[order]
    held = {words for name, words in bands if name == group.name}
    apart = len(order) > POINTS or (bool(held) and TOGETHER not in held)
    key = kind.astype(np.int64) * (len(results.planned.estimand.words) + 1) + (estimand + 1 if apart else 0)
    by_key = np.argsort(key, kind="stable")
    order, kind, estimand, key = (np.take(a, by_key) for a in (order, kind, estimand, key))
    edges = [0, *(np.flatnonzero(np.diff(key)) + 1).tolist(), len(order)]
    pieces = tuple(Piece(a, b, int(kind[a]), _words(results, estimand[a:b])) for a, b in pairwise(edges) if b)
    return Arranged(order, pieces)


def _words(results: Results, codes: NDArray[np.int32]) -> str:
    return TOGETHER if (codes != codes[0]).any() else results.planned.estimand.words[codes[0]]


def whole_curves(results: Results, group: ScaleGroup, tested: Bools) -> Iterator[tuple[str, Ints]]:
    """Return the curves of which a null has every specification: all estimands together, else those it has alone.

    Parameters
    ----------
    tested : (S,) by place in the plan.

    Yields
    ------
    The estimand, or TOGETHER; and (n,) the curve's places in the plan by estimate.
    """
    (*curves,) = _entering(results, group, arrange(results, group))
    if not all(tested[places].all() for _, places in curves):
        curves = list(_entering(results, group, arrange(results, group, {(group.name, "one by one")})))
    yield from ((words, places) for words, places in curves if tested[places].all())


def _entering(results: Results, group: ScaleGroup, arranged: Arranged) -> Iterator[tuple[str, Ints]]:
    return ((p.estimand, arranged.order[p.start : p.stop]) for p in arranged.pieces if p.kind == 0)


def lay_bands(group: ScaleGroup, pieces: tuple[Piece, ...], n: int, bands: Bands) -> Floats | None:
    """Lay the curves under the null below those of the same specifications, and of no other."""
    whole = np.full((3, n), np.nan)
    for piece in pieces:
        band = bands.get((group.name, piece.estimand))
        if piece.kind == 0 and band is not None and band.shape == (3, piece.stop - piece.start):
            whole[:, piece.start : piece.stop] = band
    return None if np.isnan(whole).all() else whole

"""What a null gives: the statistics of every specification under draws in which there is no effect.

A plug-in is one module ``specdid/inference/<name>.py`` with ``INFERENCE: Null``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from specdid import _shelf
from specdid._plan import Plan
from specdid._records import Caution
from specdid.engine.compile import Compiled
from specdid.engine.store import Store, writing
from specdid.inference._tables import DrawTable, scratch
from specdid.inference._tables import Floats as Floats
from specdid.inference._tables import Ints as Ints
from specdid.panel import Evaluator, Panel

MOST_KEPT = 2**31
"""Bytes of draws that are kept on disk; more are drawn anew by a run that goes on from another."""


@dataclass(frozen=True, slots=True)
class NullDraws:
    """Draws of a null for S specifications.

    Attributes
    ----------
    null : the plug-in's name.
    index : (S,) int64
        Places in the plan, ascending.
    estimate, statistic : (S,) float64
        The real estimate and its t under one-way CRV1 at [inference] cluster.
    std_error : (S,) float64
        The standard error of that t.
    df : (S,) float64
        G - 1.
    null_estimate, null_statistic : (S, B)
        The same in every draw.
    left_out : what is not in the test and why.
    dropped_draws : draws in which a specification failed, left out for all.
    clusters, treated : the numbers of clusters and of clusters with treatment variation,
        the smallest over the specifications.
    imposed : three (S, B), or None
        a, b and c, by which the t of a draw changes with the effect imposed: with -x times
        ``std_error`` instead of none it is (t + a x) / sqrt(1 + b x + c x^2).
    """

    null: str
    index: Ints
    estimate: Floats
    statistic: Floats
    std_error: Floats
    df: Floats
    null_estimate: DrawTable
    null_statistic: DrawTable
    left_out: tuple[Caution, ...] = ()
    dropped_draws: int = 0
    clusters: int = 0
    treated: int = 0
    imposed: tuple[DrawTable, DrawTable, DrawTable] | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """What a null is given.

    Attributes
    ----------
    plan, panel, evaluator, compiled : the study on its data.
    chosen : (S,) positions in ``compiled.members`` of the specifications that enter.
    dropped : position among the chosen -> columns of values that were dropped as collinear.
    cluster : (n,) codes of [inference] cluster over the whole panel, -1 missing.
    draws, seed, jobs, backend, progress
    store : where draws are kept, or None
    """

    plan: Plan
    panel: Panel
    evaluator: Evaluator
    compiled: Compiled
    chosen: Ints
    dropped: Mapping[int, tuple[int, ...]]
    cluster: Ints
    draws: int
    seed: int
    jobs: int
    backend: str
    progress: Callable[[str, int, int], None]
    store: Store | None = None

    def store_for(self, count: int) -> Store | None:
        """Give the store, or None where the draws of ``count`` specifications are too many to keep."""
        return self.store if count * (self.draws + 1) * 40 <= MOST_KEPT else None

    def table(self, count: int) -> DrawTable:
        """Give room for the draws of ``count`` specifications.

        Raises
        ------
        OutputError
            A large table has no room on the disk.
        """
        directory = scratch(None if self.store is None else self.store.directory.parent)
        with writing(directory):
            return DrawTable.empty(count, self.draws, directory)


@dataclass(frozen=True, slots=True)
class Null:
    """A null of the shelf: its name, what it says in words, and how it draws.

    ``short`` and ``by`` make its name in a line of text: "permutation null, by 99 refits".
    """

    name: str
    title: str
    doc: str
    draw: Callable[..., NullDraws]
    short: str = ""
    by: str = "draws"


def null_words(name: str, draws: int | None = None) -> str:
    """Name a null in words, with its draws where they are given; a name that is not on the shelf stays."""
    if name not in _shelf.names("inference"):
        return name
    null: Null = _shelf.load("inference", name)
    short = null.short or null.title
    if draws is None:
        return short if null.by == "draws" else f"{short}, by {null.by}"
    return f"{short}, by {draws:,} {null.by}"

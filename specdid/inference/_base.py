"""What a null gives: the statistics of every specification under draws in which there is no effect.

A plug-in is one module ``specdid/inference/<name>.py`` with ``INFERENCE: Null``. A whole one,
``specdid/inference/example_null.py``::

    # Normal draws around nothing, with the standard errors of the estimates.
    import numpy as np
    from specdid.engine.execute import run
    from specdid.inference._base import DrawTable, Null, NullDraws


    def draw(context):
        compiled = context.compiled
        chosen = context.chosen[compiled.batched[context.chosen]]
        fits = run(compiled.problem, compiled.members.take(chosen))
        # One draw for all specifications: joint statistics need them together.
        z = np.random.default_rng(context.seed).normal(size=(1, context.draws)).repeat(len(chosen), axis=0)
        error = fits.std_error[:, 0]
        return NullDraws(
            "example_null", compiled.members.index[chosen], fits.estimate, fits.estimate / error, error, fits.df[:, 0],
            DrawTable.of(z * error[:, None]), DrawTable.of(z), clusters=24, treated=16,
        )


    INFERENCE = Null("example_null", "normal draws", "Normal draws.", draw, "normal null")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._plan import Plan
from specdid._records import Caution
from specdid._records.numerals import specifications
from specdid._words import say, told
from specdid.engine.compile import Compiled
from specdid.engine.execute import Progress, silent
from specdid.engine.store import Store, writing
from specdid.inference._draw_tables import DrawTable as DrawTable
from specdid.inference._draw_tables import scratch
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
    expected : (S,) or None
        -1 or 1, the sign expected of each, by which joint statistics multiply estimates and t.
    distinct : how many different draws there can be where these are fewer than were asked for, else 0.
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
    expected: Floats | None = None
    distinct: int = 0

    def kept(self, good: NDArray[np.bool_], why: Caution) -> NullDraws:
        """Return the draws of the specifications marked, (S,); ``why`` says why the others are left out."""
        own = {name: getattr(self, name)[good] for name in ("index", "estimate", "statistic", "std_error", "df")}
        rows = np.flatnonzero(good)
        tables = {name: getattr(self, name).take(rows) for name in ("null_estimate", "null_statistic")}
        imposed = self.imposed
        if imposed is not None:
            imposed = (imposed[0].take(rows), imposed[1].take(rows), imposed[2].take(rows))
        return replace(self, **own, **tables, left_out=(*self.left_out, why), imposed=imposed)


@dataclass(frozen=True, slots=True)
class Context:
    """What a null is given.

    Attributes
    ----------
    plan, panel, evaluator, compiled : the study on its data.
    chosen : (S,) positions in ``compiled.members`` of the specifications that enter.
    cluster : (n,) codes of [inference] cluster over the whole panel, -1 missing.
    draws, seed : of the null.
    dropped : position among the chosen -> columns of values that were dropped as collinear.
    jobs, backend, progress
    alone : (m,) positions in ``compiled.members`` of those whose samples say who is dealt, or None: all
    store : where draws are kept, or None
    """

    plan: Plan
    panel: Panel
    evaluator: Evaluator
    compiled: Compiled
    chosen: Ints
    cluster: Ints
    draws: int
    seed: int
    dropped: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    jobs: int = 1
    backend: str = "serial"
    progress: Progress = silent
    store: Store | None = None
    alone: Ints | None = None

    def store_for(self, count: int) -> Store | None:
        """Return the store, or None where the draws of ``count`` specifications are too many to keep."""
        return self.store if count * (self.draws + 1) * 40 <= MOST_KEPT else None

    def table(self, count: int) -> DrawTable:
        """Return room for the draws of ``count`` specifications.

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
    ``assigns`` says that it moves the columns of [inference] assign, which it cannot do without;
    ``imposes`` that its draws have an imposed effect (NullDraws.imposed), which takes room.
    """

    name: str
    title: str
    doc: str
    draw: Callable[..., NullDraws]
    short: str = ""
    by: str = "draws"
    assigns: bool = False
    imposes: bool = False


SAME = 1e-8
"""|t| that differ by less, relative to the largest or to 1, are the same number but for rounding."""


def draw_null(null: Null, context: Context) -> NullDraws:
    """Draw a null; what it cannot move is left out of it, with the reason, and then draws in which the others failed.

    A specification whose |t| is the same number in every draw is not tested by them: its p would
    be 1 whatever the data hold, and its t would stand in every joint statistic and maximum. Nor
    may it take draws from those that are tested.
    """
    drawn, failures = _drawn(*_moved(null.draw(context)))
    return _moved(_whole(drawn, failures))[0] if failures.any() else drawn


def _moved(drawn: NullDraws) -> tuple[NullDraws, Ints]:
    """Keep the specifications that the null moves; return also the draws in which each of them failed, (S,)."""
    failures = np.zeros(len(drawn.index), np.int64)
    draws = drawn.null_statistic.shape[1]
    if not len(drawn.index) or not draws:
        return drawn, failures
    low, high = np.full(len(drawn.index), np.inf), np.zeros(len(drawn.index))
    for block in drawn.null_statistic.read():
        size = np.abs(block)
        failed = ~np.isfinite(size)
        if failed.any():
            failures += np.count_nonzero(failed, axis=1)
            size[failed] = np.nan
        np.fmin(low, np.fmin.reduce(size, axis=1), out=low)
        np.fmax(high, np.fmax.reduce(size, axis=1), out=high)
    moves = (high - low > SAME * np.maximum(high, 1.0)) | (failures == draws)
    if moves.all():
        return drawn, failures
    count = int(np.count_nonzero(~moves))
    one = count == 1
    said = (
        f"{count:,} {'specification has' if one else 'specifications have'} the same |t| in every draw: this null "
        f"cannot move {'it' if one else 'them'}, and {'it is' if one else 'they are'} not in this test"
    )
    return drawn.kept(moves, Caution("serious", "not_moved", said, specifications=count)), failures[moves]


def _drawn(drawn: NullDraws, failures: Ints) -> tuple[NullDraws, Ints]:
    """Keep the specifications that have a t in some draw: one that has none would leave the others without a test.

    So is one whose variance cancels to nothing in all draws. Where all are such, they stay, and every draw is left out.
    """
    never = failures == drawn.null_statistic.shape[1]
    if never.all() or not never.any():
        return drawn, failures
    count, first = int(np.count_nonzero(never)), int(drawn.index[np.argmax(never)]) + 1
    said = specifications(count, f"have no t in any draw and are not in this test (the first, number {first:,})")
    return drawn.kept(~never, Caution("serious", "draws_failed", said, specifications=count)), failures[~never]


def _whole(drawn: NullDraws, failures: Ints) -> NullDraws:
    """Keep the draws in which no specification failed; ``failures`` counts those of each."""
    whole = np.concatenate([np.isfinite(block).all(axis=0) for block in drawn.null_statistic.read()])
    kept = int(np.count_nonzero(whole))
    imposed = drawn.imposed
    return replace(
        drawn,
        null_estimate=drawn.null_estimate.keep(whole),
        null_statistic=drawn.null_statistic.keep(whole),
        imposed=None if imposed is None else (imposed[0].keep(whole), imposed[1].keep(whole), imposed[2].keep(whole)),
        left_out=(*drawn.left_out, _dropped_words(kept, len(whole), drawn.index, failures)),
        dropped_draws=len(whole) - kept,
    )


MANY_FAILED = 0.05
"""Share of draws left out from which on what is left of a null is open to doubt."""


def _dropped_words(kept: int, draws: int, index: Ints, failures: Ints) -> Caution:
    """Say how many draws are left out for all because a specification failed in them, and which did most often.

    Parameters
    ----------
    kept, draws : int
    index : (S,) places in the plan
    failures : (S,) draws in which each failed
    """
    worst = int(np.argmax(failures))
    place, count = int(index[worst]) + 1, int(failures[worst])
    what = "every draw is" if not kept else f"{draws - kept:,} of {draws:,} draws are"
    said = (
        f"{what} left out for all, since a specification failed in it: most often number {place:,} of the plan, "
        f"in {count:,}, as where a draw leaves its sample no treated unit or no variance; in a study of its own it "
        "takes no draws from the others"
    )
    severity: Literal["serious", "note"] = "serious" if draws - kept > MANY_FAILED * draws else "note"
    return Caution(severity, "draws_failed", said)


def null_title(name: str) -> str:
    """Return a null's title; a name that is not on the shelf stays."""
    return told(str(_plugins.load("inference", name).title)) if name in _plugins.names("inference") else name


def null_words(name: str, draws: int | None = None) -> str:
    """Name a null in words, with its draws where they are given; a name that is not on the shelf stays."""
    if name not in _plugins.names("inference"):
        return name
    null: Null = _plugins.load("inference", name)
    short = told(null.short or null.title)
    if draws is None:
        return short if null.by == "draws" else say("{null}, by {draws}", null=short, draws=told(null.by))
    return say("{null}, by {n:,} {draws}", null=short, n=draws, draws=told(null.by))

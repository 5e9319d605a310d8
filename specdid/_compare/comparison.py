"""A comparison of two runs, as records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._compare.families import FamilyMove, family_moves, in_errors
from specdid._compare.pairs import Ints, Pairs, Renamed, pair, pair_vcovs, renamed
from specdid._records import CODES, Results, Status

if TYPE_CHECKING:
    import pandas as pd

ALIKE = 1e-6
"""An estimate or standard error that moved by fewer standard errors is the same, as in the audit."""

Tests = Mapping[tuple[str, str], tuple[float, float]]
"""(null, statistic) -> value and p."""


@dataclass(frozen=True, slots=True)
class StatusChange:
    """Specifications that went from one status to another for one reason; ``example`` is a new place."""

    old: Status
    new: Status
    code: str
    message: str
    n: int
    example: int


@dataclass(frozen=True, slots=True)
class Joint:
    """A joint test in both runs; NaN where a run has not got it."""

    null: str
    statistic: str
    old: float
    new: float
    p_old: float
    p_new: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of a study, before and after a revision; specifications are matched by content.

    Attributes
    ----------
    names : how the two runs are called, usually their directories.
    old, new : their results.
    pairs : which specification is which.
    vcovs : pairs of places in the two lists of variance estimators.
    changed : (P,) bool, of ``pairs``: under a shared vcov the estimate or the standard error
        moved by more than 1e-6 standard errors.
    renamed : labels and dimensions with the same content under another name.
    statuses : changes of status, by reason.
    families : how the curve moved, by scale and estimand.
    tests : the joint tests of both runs.
    setup : what else differs, one line each.
    failed : which of the runs must not be used, one line each.
    """

    names: tuple[str, str]
    old: Results
    new: Results
    pairs: Pairs
    vcovs: tuple[tuple[int, int], ...]
    changed: NDArray[np.bool_]
    renamed: tuple[Renamed, ...]
    statuses: tuple[StatusChange, ...]
    families: tuple[FamilyMove, ...]
    tests: tuple[Joint, ...] = ()
    setup: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    draw: Callable[..., Any] | None = None
    summarise: Callable[[Comparison], str] | None = None

    def __repr__(self) -> str:
        pairs = self.pairs
        moved = int(np.count_nonzero(self.changed))
        return (
            f"<Comparison {self.names[0]} → {self.names[1]}: {len(pairs.new):,} in both, {moved:,} of them changed, "
            f"{len(pairs.added):,} added, {len(pairs.removed):,} removed>"
        )

    @property
    def moves(self) -> NDArray[np.float64]:
        """Moves of the pairs in old standard errors, (P,); NaN where one has no estimate."""
        return in_errors(self.old, self.new, self.pairs.old, self.pairs.new)

    @property
    def largest(self) -> Ints:
        """Return the positions of the pairs that moved, those with the largest move in standard errors first."""
        moves = np.abs(self.moves)
        moved = np.flatnonzero(moves > ALIKE)
        return np.asarray(moved[np.argsort(-moves[moved], kind="stable")])

    @property
    def table(self) -> pd.DataFrame:
        """One row per specification and vcov of either run, as a pandas data frame."""
        from specdid._compare.rows import rows

        return rows(self).to_pandas()

    def summary(self) -> str:
        """Say what changed, as Markdown."""
        return self.summarise(self) if self.summarise else repr(self)

    def plot(self, **options: Any) -> Any:
        """Draw both curves by rank and every specification's move; ``width`` is in inches.

        Returns
        -------
        matplotlib.figure.Figure
        """
        if self.draw is None:
            raise TypeError("this comparison was made without a figure: use specdid.compare")
        return self.draw(self, **options)


def shown_group(comparison: Comparison, family: FamilyMove) -> str:
    """Name a family's scale or outcome as readers know it, by the new run's [labels] or else the old one's."""
    new = comparison.new.planned.shown(family.group)
    return new if new != family.group else comparison.old.planned.shown(family.group)


def compare_results(
    old: Results, new: Results, names: tuple[str, str] = ("old", "new"), tests: tuple[Tests, Tests] = ({}, {})
) -> Comparison:
    """Compare two runs.

    Parameters
    ----------
    old, new : results before and after.
    names : how to call them.
    tests : (null, statistic) -> value and p, of each run.
    """
    pairs = pair(old, new)
    vcovs = pair_vcovs(old, new, pairs)
    relabelled = renamed(old, new, pairs)
    vcov_labels = [(old.planned.vcovs[a], new.planned.vcovs[b]) for a, b in vcovs]
    return Comparison(
        names,
        old,
        new,
        pairs,
        vcovs,
        _changed(old, new, pairs, vcovs),
        (*relabelled, *(Renamed("vcov", a, b) for a, b in vcov_labels if a != b)),
        _statuses(old, new, pairs),
        family_moves(old, new, pairs, relabelled),
        _joint(*tests),
    )


def _changed(old: Results, new: Results, pairs: Pairs, vcovs: tuple[tuple[int, int], ...]) -> NDArray[np.bool_]:
    changed = np.abs(new.estimate[pairs.new] - old.estimate[pairs.old]) > ALIKE * _unit(old, pairs, 0)
    for a, b in vcovs:
        error_old = np.asarray(old.numbers["std_error"])[pairs.old, a]
        error_new = np.asarray(new.numbers["std_error"])[pairs.new, b]
        changed |= np.abs(error_new - error_old) > ALIKE * _unit(old, pairs, a)
        changed |= np.isnan(error_new) != np.isnan(error_old)
    both = (old.status[pairs.old] == Status.OK) & (new.status[pairs.new] == Status.OK)
    return np.asarray(changed & both)


def _unit(old: Results, pairs: Pairs, vcov: int) -> NDArray[np.float64]:
    """Return what a move is measured by: the old standard error, or the estimate where there is none."""
    error = np.asarray(old.numbers["std_error"], dtype=np.float64)[pairs.old, vcov]
    return np.where(error > 0, error, np.abs(old.estimate[pairs.old]))


def _statuses(old: Results, new: Results, pairs: Pairs) -> tuple[StatusChange, ...]:
    """Count changes of status by reason, those away from ok first, then the most frequent."""
    was, now = old.status[pairs.old], new.status[pairs.new]
    at = np.flatnonzero(was != now)
    # A specification that is ok again has no reason now: the one it had before is given.
    texts = [(old, int(pairs.old[k])) if now[k] == Status.OK else (new, int(pairs.new[k])) for k in at.tolist()]
    reasons = [(CODES[int(r.code[s])], r.message.at(s) or "") for r, s in texts]
    keys = [(int(was[k]), int(now[k]), *reason) for k, reason in zip(at.tolist(), reasons, strict=True)]
    example = {key: int(pairs.new[k]) for k, key in zip(reversed(at.tolist()), reversed(keys), strict=True)}
    counts = Counter(keys)
    ordered = sorted(counts, key=lambda key: (key[0] != Status.OK, -counts[key], key))
    return tuple(StatusChange(Status(k[0]), Status(k[1]), k[2], k[3], counts[k], example[k]) for k in ordered)


def _joint(old: Tests, new: Tests) -> tuple[Joint, ...]:
    none = (float("nan"), float("nan"))
    found = []
    for key in dict.fromkeys([*new, *old]):
        before, after = old.get(key, none), new.get(key, none)
        found.append(Joint(*key, before[0], after[0], before[1], after[1]))
    return tuple(found)

"""Statistics of a whole curve and their null distribution.

Each statistic S has p = (1 + #{|S^b| >= |S|}) / (B + 1) over the B draws (Phipson and
Smyth 2010), so that a p-value is never 0 and the test holds its size exactly when the
draws are exchangeable with the data. Simonsohn, Simmons and Nelson (2020) propose the
median and the share; Stouffer's Z is their third. A share has few values, and counting every
tie as extreme rejects too rarely: equal shares, other than none, are ordered by |median t|.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtr, stdtrit

from specdid._records import JointTest
from specdid._records.results import MEDIAN, SHARE
from specdid.inference._base import NullDraws
from specdid.inference._draw_tables import DrawTable, Floats, Ints
from specdid.inference._joint_inversion import JointBand, joint_band, most_extreme, quantile

Test = JointTest
RANKS = 4096
"""Ranks whose quantiles are taken together."""
_GRID = np.linspace(-40.0, 40.0, 80_001)


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What a null says of each specification, and by what.

    Attributes
    ----------
    p_null, p_adjusted : (S,), the null's own p and the step-down p over the family.
    band_low, band_high : (S,), the simultaneous band; NaN where it has no end.
    critical : max|t| above which the largest |t| has p <= alpha; NaN where the draws are too few for that.
    band : how far the band reaches, in standard errors, or why it does not.
    """

    p_null: Floats
    p_adjusted: Floats
    band_low: Floats
    band_high: Floats
    critical: float
    band: JointBand


def p_value(value: float, null: Floats) -> float:
    """Two-sided p of ``value`` among (B,) draws; draws that are not numbers count as extreme."""
    if not np.isfinite(value):
        return float("nan")
    extreme = int(np.count_nonzero(~(np.abs(null) < abs(value) * (1 - 1e-12))))
    return (1 + extreme) / (len(null) + 1)


def _test(
    of: NullDraws, kind: str, value: float, draws: Floats, members: NDArray[np.bool_], p: float | None = None
) -> Test:
    low, high = null_range(draws, kind.startswith(SHARE))
    found = p_value(value, draws) if p is None else p
    direction = "estimated" if of.expected is None else "expected"
    count = int(np.count_nonzero(members))
    return Test(
        of.null, kind, value, float(low), float(high), found, len(draws), direction=direction, specifications=count
    )


def null_range(draws: Floats, share: bool = False) -> tuple[float, float]:
    """Return the ends beyond which a value has p <= .05, from (B,) draws; of a share the lower one is 0.

    Symmetric about 0, as the p counts draws by their distance from it. Below 19 draws no p is so
    small, and the ends are those of all draws.
    """
    if not len(draws):
        return float("nan"), float("nan")
    end = quantile(np.abs(draws), max(1, (len(draws) + 1) // 20))
    return 0.0 if share else -end, end


def median_estimate(draws: NullDraws, members: NDArray[np.bool_], group: str, estimand: str = "") -> Test:
    """Test the median estimate of specifications with one scale (or outcome), ``group``, and one estimand."""
    value = float(np.median(signed(draws.estimate, draws, members)))
    found = _test(draws, MEDIAN, value, by_blocks(median_of, draws.null_estimate, members, draws.expected), members)
    return replace(found, group=group, estimand=estimand)


def signed(values: Floats, draws: NullDraws, members: NDArray[np.bool_]) -> Floats:
    """Return the members' (S,) values, times the sign expected of each where there is one."""
    return values[members] if draws.expected is None else values[members] * draws.expected[members]


def statistic_tests(draws: NullDraws, members: NDArray[np.bool_], alpha: float, suffix: str) -> tuple[Test, ...]:
    """Median t, share significant with the dominant sign, Stouffer's Z."""
    t, df = signed(draws.statistic, draws, members), draws.df[members]
    critical = stdtrit(df, 1 - alpha / 2)
    scores: dict[str, Callable[[Floats], Floats]] = {
        "median t": median_of,
        SHARE: lambda x: dominant_share(x, critical),
        "Stouffer's Z": lambda x: stouffer(x, df),
    }
    values = [float(score(t[:, None])[0]) for score in scores.values()]
    nulls = [by_blocks(score, draws.null_statistic, members, draws.expected) for score in scores.values()]
    p = (None, p_of_share((values[1], values[0]), (nulls[1], nulls[0])), None)
    found = zip(scores, values, nulls, p, strict=True)
    return tuple(_test(draws, name + suffix, value, null, members, of) for name, value, null, of in found)


def p_of_share(value: tuple[float, float], null: tuple[Floats, Floats]) -> float:
    """Return the p of a share, ties with shares above 0 ordered by the size of a second statistic."""
    (share, second), (shares, seconds) = value, null
    if not share > 0:
        return p_value(share, shares)
    tied = np.abs(shares - share) <= 1e-12
    extreme = np.count_nonzero(~(shares < share) & ~tied)
    extreme += np.count_nonzero(tied & ~(np.abs(seconds) < abs(second) * (1 - 1e-12)))
    return (1 + int(extreme)) / (len(shares) + 1)


def median_of(draws: Floats) -> Floats:
    """Return the median of (S, B) by draw."""
    return np.asarray(np.median(draws, axis=0))


def by_blocks(
    score: Callable[[Floats], Floats], null: DrawTable, members: NDArray[np.bool_], expected: Floats | None = None
) -> Floats:
    """Apply ``score`` to blocks of draws, times (S,) signs, so that no second (S, B) array is made."""
    sign = None if expected is None else expected[members, None]
    parts = [score(block[members] if sign is None else block[members] * sign) for block in null.read()]
    return np.concatenate(parts) if parts else np.zeros(0)


def dominant_share(t: Floats, critical: Floats) -> Floats:
    """Share of significant t with the sign that most significant ones have, by draw."""
    positive = (t > critical[:, None]).mean(axis=0)
    negative = (t < -critical[:, None]).mean(axis=0)
    return np.asarray(np.maximum(positive, negative))


def stouffer(t: Floats, df: Floats) -> Floats:
    """Sum of z over the root of their number; z has the p of t. (S, B) -> (B,)."""
    total = np.zeros(t.shape[1])
    for value in np.unique(df):
        total += normal_scores(t[df == value], float(value)).sum(axis=0)
    return np.asarray(total / np.sqrt(t.shape[0]))


def normal_scores(t: Floats, df: float) -> Floats:
    """Return the normal quantile with the p-value of t, by a table where there are many."""
    if t.size < len(_GRID):
        return _scores(t, df)
    return np.interp(t, _GRID, _scores(_GRID, df))


def _scores(t: Floats, df: float) -> Floats:
    lower = stdtr(df, -np.abs(t))
    return np.asarray(np.sign(t) * -ndtri(np.maximum(lower, 1e-300)))


def adjust(draws: NullDraws, alpha: float) -> Adjusted:
    """Return step-down p-values from max|t|, and simultaneous bands by joint inversion.

    Westfall and Young (1993), algorithm 4.1 in its studentised form: for the j-th largest
    |t|, the share of draws in which the largest |t^b| among the specifications not yet
    rejected is at least as large, made monotone.
    """
    order = np.argsort(-np.abs(draws.statistic), kind="stable")
    observed = np.abs(draws.statistic[order])
    n, b = draws.null_statistic.shape
    counts, own = np.zeros(n, np.int64), np.zeros(n, np.int64)
    parts: list[Floats] = []
    for block in draws.null_statistic.read():
        null = np.abs(block[order])
        own += np.count_nonzero(~(null < observed[:, None] * (1 - 1e-12)), axis=1)
        running = np.maximum.accumulate(null[::-1], axis=0, out=null[::-1])[::-1]
        counts += np.count_nonzero(~(running < observed[:, None] * (1 - 1e-12)), axis=1)
        if n:
            parts.append(running[0].copy())
    adjusted, single = np.empty(n), np.empty(n)
    adjusted[order] = np.maximum.accumulate((1 + counts) / (b + 1))
    single[order] = (1 + own) / (b + 1)
    rank = most_extreme(alpha, b)
    critical = quantile(np.concatenate(parts), rank) if parts and rank else float("nan")
    band = joint_band(draws, alpha)
    low, high = draws.estimate - band.below * draws.std_error, draws.estimate + band.above * draws.std_error
    return Adjusted(single, adjusted, low, high, critical, band)


def rank_band(null_estimate: DrawTable, rows: Ints) -> Floats:
    """Return the 2.5, 50 and 97.5% points of the sorted null curves of ``rows`` at every rank, (3, S)."""
    ranked, start, ranks = null_estimate.alike(len(rows)), 0, np.arange(len(rows))
    for block in null_estimate.read():
        some = block[rows]
        some.sort(axis=0)
        ranked.enter(ranks, some, start)
        start += block.shape[1]
    band = np.empty((3, len(rows)))
    for start in range(0, len(rows), RANKS):
        here = slice(start, start + RANKS)
        band[:, here] = np.quantile(ranked.of_rows(here), [0.025, 0.5, 0.975], axis=1)
    return band

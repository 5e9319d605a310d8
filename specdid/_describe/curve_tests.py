"""What one null says of a whole curve: the joint tests and their words, each specification, the curves it draws.

Of the draws only quantiles and expected shares are kept, for the figures and the summary.

Each statistic S has p = (1 + #{|S^b| >= |S|}) / (B + 1) over the B draws (Phipson and
Smyth 2010), so that a p-value is never 0 and the test holds its size exactly when the
draws are exchangeable with the data. Simonsohn, Simmons and Nelson (2020) propose the
median and the share; Stouffer's Z is their third. A share has few values, and counting every
tie as extreme rejects too rarely: equal shares, other than none, are ordered by |median t|.

Simultaneous confidence bands invert a joint test.
The test of "every coefficient k is b_k - z se_k" has the statistic max_k |t_k| = z. It is
rejected where z lies above q(z), the 1 - alpha quantile of the draws of max_k |t_k| in which
these coefficients are imposed. z+ is the largest z that is not rejected, z- the same for
b_k + z se_k, and the band is b - z+ se to b + z- se. Where no effect is imposed instead, the
residuals keep the effect that there is: q is then right for a test of no effect, and too large
for a band (joint coverage .99 at a nominal .95); drawn with the estimates imposed, it is too
small with few treated clusters (.83). tests/bench/results/bands.md has the figures.

A draw's t under any z follows from four numbers, so that no draw is made again:
t(x) = (t + a x) / sqrt(1 + b x + c x^2) with x = z - b/se, or -z - b/se below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._records import Caution, JointTest, NullShares, Results
from specdid._records.cautions import capital
from specdid._records.numerals import counted, minus, p_text
from specdid._records.results import MEDIAN, SHARE, TIMES, statistic_name
from specdid._words import later, say, told
from specdid.inference._base import NullDraws, null_words
from specdid.inference._draw_tables import DrawTable

POINTS = 201
Bands = Mapping[tuple[str, str], NDArray[np.float64]]
RANKS = 4096
"""Ranks whose quantiles are taken together."""
_GRID = np.linspace(-40.0, 40.0, 80_001)
WIDEST = 1000.0
"""Standard errors beyond which a band is called unbounded."""
STEPS = (0.8, 0.9)
"""What is left of z after a step down: at most a fifth is passed over at once, so that no crossing is."""
OVERSHOOT = 1.5
"""Times the distance to q(z) of a step down that is to pass the crossing: where q grows by less than a third of z."""
CLOSE = 1e-10
"""Relative distance of q(z) from z at which z is taken."""
SHARES = (0.7, 0.4, 0.0)
"""Of the largest z that can be: down to it, draws that reach less are left out of the search."""
EXACT_FIT = 1e5
"""|t| beyond which rounding leaves too little of the four numbers: such a fit has no band."""
ROWS = 64
"""Specifications worked on together: what fits the cache."""
TINY = 1e-300
"""Stands for a sum of squares that rounding has made 0 or less: t is then without bounds."""


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
    of: NullDraws,
    kind: str,
    value: float,
    draws: Floats,
    members: NDArray[np.bool_],
    p: float | None = None,
    side: str | None = None,
) -> JointTest:
    low, high = null_range(draws, kind.startswith(SHARE))
    found = p_value(value, draws) if p is None else p
    direction = "estimated" if of.expected is None else "expected"
    count = int(np.count_nonzero(members))
    return JointTest(
        of.null,
        kind,
        value,
        float(low),
        float(high),
        found,
        len(draws),
        direction=direction,
        specifications=count,
        side=side_of(value) if side is None else side,
        dropped=of.dropped_draws,
    )


def side_of(value: float) -> str:
    """Return on which side of 0 a number lies, "" where on neither."""
    return "above" if value > 0 else "below" if value < 0 else ""


def null_range(draws: Floats, share: bool = False) -> tuple[float, float]:
    """Return the ends beyond which a value has p <= .05, from (B,) draws; of a share the lower one is 0.

    Symmetric about 0, as the p counts draws by their distance from it. Below 19 draws no p is so
    small, and the ends are those of all draws.
    """
    if not len(draws):
        return float("nan"), float("nan")
    end = quantile(np.abs(draws), max(1, (len(draws) + 1) // 20))
    return 0.0 if share else -end, end


def median_estimate(draws: NullDraws, members: NDArray[np.bool_], group: str, estimand: str = "") -> JointTest:
    """Test the median estimate of specifications with one scale (or outcome), ``group``, and one estimand."""
    value = float(np.median(signed(draws.estimate, draws, members)))
    found = _test(draws, MEDIAN, value, by_blocks(median_of, draws.null_estimate, members, draws.expected), members)
    return replace(found, group=group, estimand=estimand)


def signed(values: Floats, draws: NullDraws, members: NDArray[np.bool_]) -> Floats:
    """Return the members' (S,) values, times the sign expected of each where there is one."""
    return values[members] if draws.expected is None else values[members] * draws.expected[members]


def statistic_tests(draws: NullDraws, members: NDArray[np.bool_], alpha: float, suffix: str) -> tuple[JointTest, ...]:
    """Median t, share significant with the dominant sign, Stouffer's Z."""
    from scipy.special import stdtrit

    t, df = signed(draws.statistic, draws, members), draws.df[members]
    critical = stdtrit(df, 1 - alpha / 2)
    scores: dict[str, Callable[[Floats], Floats]] = {
        "median t": median_of,
        SHARE: lambda x: dominant_share(x, critical),
        "Stouffer's Z": lambda x: stouffer(x, df),
    }
    values = [float(score(t[:, None])[0]) for score in scores.values()]
    nulls = [by_blocks(score, draws.null_statistic, members, draws.expected) for score in scores.values()]
    own = (None, p_of_share((values[1], values[0]), (nulls[1], nulls[0])), None)
    sides = (None, dominant_side(t, critical), None)
    found = zip(scores, values, nulls, own, sides, strict=True)
    return tuple(_test(draws, name + suffix, value, null, members, p, side) for name, value, null, p, side in found)


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


def dominant_side(t: Floats, critical: Floats) -> str:
    """Return on which side of 0 most significant t of the data lie, which a share, never negative, does not say."""
    positive, negative = int(np.count_nonzero(t > critical)), int(np.count_nonzero(t < -critical))
    return "both" if positive == negative > 0 else side_of(positive - negative)


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
    from scipy.special import ndtri, stdtr

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


@dataclass(frozen=True, slots=True)
class JointBand:
    """A simultaneous band: z- and z+ in standard errors; NaN where there is none, and why.

    Attributes
    ----------
    below, above : z+ and z-, by which the band reaches below and above the estimates.
    reason : why an end is missing, or "".
    """

    below: float
    above: float
    reason: str = ""


def joint_band(draws: NullDraws, alpha: float) -> JointBand:
    """Find the band of all specifications of a null.

    Parameters
    ----------
    draws : whose ``imposed`` says how their t changes with the effect imposed.
    alpha : the band covers all coefficients together in 1 - alpha of samples.
    """
    count, drawn = draws.null_statistic.shape
    none = float("nan")
    if draws.imposed is None:
        return JointBand(none, none, "only the wild bootstrap can impose an effect on every specification at once")
    extreme = most_extreme(alpha, drawn)
    if extreme < 1:
        least = int(np.ceil(1 / alpha - 1 - 1e-9))
        return JointBand(none, none, f"{drawn:,} draws cannot reject at {alpha:g}: it takes {least:,}")
    if not count:
        return JointBand(none, none, "no specification is in it")
    if np.abs(draws.statistic).max() > EXACT_FIT:
        return JointBand(none, none, "a specification fits its outcome exactly, as far as numbers go")
    with np.errstate(over="ignore", invalid="ignore"):  # what is without bounds, or no number, is extreme
        ends = _crossings(draws, amplitude(draws), extreme)
    reach = [none if end >= WIDEST else end for end in ends]
    missing = [side for side, end in zip(("below", "above"), reach, strict=True) if np.isnan(end)]
    reason = (
        f"unbounded {' and '.join(missing)}: an effect {WIDEST:,.0f} standard errors away is not rejected, as happens "
        "where very few clusters, or all but very few, are treated"
    )
    return JointBand(reach[0], reach[1], reason if missing else "")


def most_extreme(alpha: float, draws: int) -> int:
    """Return the rank, from the largest, of the draw that a statistic must exceed for p <= alpha; 0 where none will do.

    p = (1 + draws at least as large) / (draws + 1).
    """
    return int(np.floor(alpha * (draws + 1) + 1e-9))


def quantile(largest: Floats, rank: int) -> float:
    """Return the draw with this rank from the largest, or 0; what is no number counts as the largest."""
    if rank > len(largest):
        return 0.0
    ordered = np.sort(np.where(np.isnan(largest), np.inf, largest))
    return float(ordered[len(ordered) - rank])


def amplitude(draws: NullDraws) -> Floats:
    """Return the largest |t| of every draw over all effects and specifications, (B,): no z beyond it is exceeded."""
    parts: list[Floats] = []
    for block in _blocks(draws):
        largest = np.zeros(block[0].shape[1])
        for first in range(0, len(block[0]), ROWS):
            t, a, b, c = (part[first : first + ROWS] for part in block)
            under = b * b
            under *= -0.25
            under += c
            np.maximum(under, TINY, out=under)
            square = c * t
            square -= b * a
            square *= t
            square += a * a
            square /= under
            np.copyto(square, np.inf, where=~(square >= t * t * (1 - 1e-9)))  # rounding has left nothing
            np.maximum(largest, square.max(axis=0), out=largest)
        parts.append(np.sqrt(largest))
    return np.concatenate(parts)


def _crossings(draws: NullDraws, most: Floats, rank: int) -> list[float]:
    """Return the largest z with q(z) >= z, with the imposed effects below the estimates and above them.

    ``most`` are the draws' amplitudes. Above some z only the draws that reach it tell whether
    q(z) >= z: the search begins with few of them, and takes more where z falls further.
    """
    start = min(WIDEST, quantile(most, rank))
    ends, begin = [float("nan")] * 2, [start] * 2
    for share in SHARES:
        floor = share * start
        kept = _reaching(draws, ~(most < floor))
        searches = [_largest_crossing(z, floor) if np.isnan(end) else None for z, end in zip(begin, ends, strict=True)]
        asked = [start if search is None else next(search) for search in searches]
        while any(searches):
            for side, largest in enumerate(_largest(kept, asked)):
                search = searches[side]
                if search is not None:
                    try:
                        asked[side] = search.send(quantile(largest, rank))
                    except StopIteration as found:
                        begin[side], crossed = found.value
                        ends[side] = begin[side] if crossed else ends[side]
                        searches[side] = None
        if not np.isnan(ends).any():
            break
    return ends


def _reaching(draws: NullDraws, reached: NDArray[np.bool_]) -> NullDraws:
    """Mean only some of the draws."""
    assert draws.imposed is not None
    a, b, c = (table.keep(reached) for table in draws.imposed)
    return replace(draws, null_statistic=draws.null_statistic.keep(reached), imposed=(a, b, c))


def _largest_crossing(start: float, floor: float) -> Generator[float, float, tuple[float, bool]]:
    """Evaluate q at one z after another, and return the largest z from ``start`` down with q(z) >= z.

    Steps down until q(z) >= z, of at most a fifth, so that no crossing is passed over; then
    false position with the Illinois rule. Without a crossing above ``floor`` it gives where it
    stopped, and False.
    """
    high, above = start, (yield start) - start
    if above >= 0:
        return start, True
    low, below, side = 0.0, float("inf"), 0
    while high - low > CLOSE * high:
        if not low:
            z = min(max(STEPS[0] * high, high + OVERSHOOT * above), STEPS[1] * high)
            if z < floor:
                return high, False
        elif np.isfinite(below):
            z = (low * above - high * below) / (above - below)
        else:
            z = (low + high) / 2
        gap = (yield z) - z
        if abs(gap) <= CLOSE * z:
            return z, True
        if gap < 0:
            below = below / 2 if side < 0 else below
            high, above, side = z, gap, -1
        else:
            above = above / 2 if side > 0 else above
            low, below, side = z, gap, 1
    return high, True


def _largest(draws: NullDraws, asked: list[float]) -> tuple[Floats, Floats]:
    """Return max_k |t_k| of every draw, (B,), with the effects b - z se and b + z se imposed."""
    real = draws.statistic
    shifts = asked[0] - real, -asked[1] - real
    parts: tuple[list[Floats], list[Floats]] = ([], [])
    for t, a, b, c in _blocks(draws):
        for shift, part in zip(shifts, parts, strict=True):
            largest = np.zeros(t.shape[1])
            for first in range(0, len(t), ROWS):
                rows = slice(first, first + ROWS)
                x = shift[rows, None]
                under = c[rows] * x
                under += b[rows]
                under *= x
                under += 1.0
                np.maximum(under, TINY, out=under)
                over = a[rows] * x
                over += t[rows]
                over *= over
                over /= under
                np.maximum(largest, over.max(axis=0), out=largest)
            part.append(np.sqrt(largest))
    return np.concatenate(parts[0]), np.concatenate(parts[1])


def _blocks(draws: NullDraws) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
    """Return t, a, b and c of all specifications in some draws, (S, w) each."""
    assert draws.imposed is not None
    a, b, c = draws.imposed
    return zip(draws.null_statistic.read(), a.read(), b.read(), c.read(), strict=True)


@dataclass(frozen=True, slots=True)
class NullMedian:
    """The null distribution of one median estimate, and the shares significant under the null.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    group, estimand : what the median is of.
    specifications : how many.
    value, p_value : of the data.
    expected : estimates are times the sign expected of their outcome, in value, p and quantiles.
    quantiles : (201,) of the median over the draws, at 0, 0.5, ... 100%.
    negative, positive : mean share of specifications with p < alpha and that sign.
    real : the same shares of the data.
    high : the larger of the two shares that 95% of the draws do not exceed, as `null_range` has it.
    draws : how many; 0 where that is not known.
    errors : what the standard errors of these are clustered by, where the curve's are others.
    """

    null: str
    title: str
    group: str
    estimand: str
    specifications: int
    value: float
    p_value: float
    quantiles: Floats
    negative: float
    positive: float
    real: tuple[float, float]
    errors: str = ""
    expected: bool = False
    high: float = float("nan")
    draws: int = 0


def null_median(
    draws: NullDraws,
    members: NDArray[np.bool_],
    title: str,
    group: str,
    estimand: str,
    alpha: float,
    errors: str = "",
) -> NullMedian:
    """Summarise the draws of the members with one scale and one estimand."""
    from scipy.special import stdtrit

    value = float(np.median(signed(draws.estimate, draws, members)))
    medians = by_blocks(median_of, draws.null_estimate, members, draws.expected)
    critical = stdtrit(draws.df[members], 1 - alpha / 2)[:, None]
    real = draws.statistic[members, None]
    below = by_blocks(lambda t: np.count_nonzero(t < -critical, axis=0), draws.null_statistic, members)
    above = by_blocks(lambda t: np.count_nonzero(t > critical, axis=0), draws.null_statistic, members)
    return NullMedian(
        draws.null,
        title,
        group,
        estimand,
        int(np.count_nonzero(members)),
        value,
        p_value(value, medians),
        np.nanquantile(medians, np.linspace(0, 1, POINTS)),
        float(below.sum() / (len(real) * len(below))),
        float(above.sum() / (len(real) * len(above))),
        (float(np.mean(real < -critical)), float(np.mean(real > critical))),
        errors,
        draws.expected is not None,
        float(null_range(np.maximum(below, above) / len(real), share=True)[1]),
        len(medians),
    )


def shares_by_estimand(null_medians: Sequence[NullMedian]) -> Mapping[tuple[str, str], NullShares]:
    """Return the shares significant in the data and under the first null that has the scale and estimand."""
    found: dict[tuple[str, str], NullShares] = {}
    for p in null_medians:
        shares = NullShares(p.specifications, *p.real, p.negative, p.positive, p.errors, p.title, p.high)
        found.setdefault((p.group, p.estimand), shares)
    return found


@dataclass(frozen=True, slots=True)
class CurveTests:
    """What one null says of the curve.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    draws : how many were drawn and kept.
    index : (S,) places in the plan of the specifications tested.
    tests : rows of inference.csv.
    adjusted : per specification.
    bands : (group name, estimand) -> (3, n) null curves by rank; only of curves that it has whole.
    notes : what is left out of it, and why.
    null_medians : per scale and estimand the null of the median estimate.
    clusters, treated : the smallest numbers of clusters, and of clusters with treatment.
    alpha : the level of [inference].
    cluster : what the null's standard errors, and with them the bands, are clustered by.
    direction : what positive values mean where outcomes have an expected sign, or "".
    distinct : of how many different assignments the draws are, 0 where these are not fewer than the draws.
    """

    null: str
    title: str
    draws: int
    index: NDArray[np.int64]
    tests: tuple[JointTest, ...]
    adjusted: Adjusted
    bands: Bands
    notes: tuple[Caution, ...]
    null_medians: tuple[NullMedian, ...] = ()
    clusters: int = 0
    treated: int = 0
    alpha: float = 0.05
    cluster: str = ""
    direction: str = ""
    distinct: int = 0

    @property
    def drawn(self) -> str:
        """The number of draws in words, with that of different ones where these are fewer."""
        said = f"{self.draws:,} draws"
        if not self.distinct:
            return said
        return f"{said} of {self.distinct:,} different assignments, by which no p is below {1 / self.distinct:.2g}"


_NAMED = 4
"""Medians whose tests are written out beside the primary one; inference.csv has all."""
_TOWARDS = {
    "above": later(", in the expected direction"),
    "below": later(", against the expected direction"),
    "both": later(", as much against the expected direction as in it"),
}
_SIDES = {
    "above": later("significantly above 0"),
    "below": later("significantly below 0"),
    "both": later("significant on either side, as many on both"),
}
_ARM = re.compile(r"(?P<effect>.+): .+ against (?P<reference>.+)")
"""The estimand of an arm."""


def primary_lines(
    joint: Sequence[JointTest],
    estimated: int,
    shown: Callable[[str], str] = str,
    named: Callable[[str], str] = str,
) -> tuple[str, ...]:
    """Return the primary test under every null, a line for each statistic: with several medians there are several.

    Where it is of several scales or estimands together, it says so, and a line has the test of each one's median.

    Parameters
    ----------
    joint : the tests of all nulls.
    estimated : specifications with an estimate; a test of fewer says of how many.
    shown, named : give a statistic's name and that of a scale or outcome as readers know them.
    """
    primary = [t for t in joint if t.role == "primary"]
    lines = []
    for name in dict.fromkeys(t.statistic for t in primary):
        mine = [t for t in primary if t.statistic == name]
        under = say(", ").join(
            say(
                "{p} ({statistics})",
                p=p_text(t.p_value),
                statistics=null_words(t.null) + _part(t, estimated) + floor(t),
            )
            for t in mine
        )
        value = minus(f"{mine[0].value:.4g}")
        theirs = [t.group for t in joint if t.kind == MEDIAN and any(pooled_with(t, p) for p in mine)]
        curves = list(dict.fromkeys(theirs))
        pooled = ""
        if not mine[0].group and _arms(joint):
            pooled = say(", of all arms together")
        elif len(curves) > 1:
            listed = "; ".join(map(named, curves[:_NAMED])) + ("; …" if len(curves) > _NAMED else "")
            pooled = say(", of {n:,} curves together ({listed})", n=len(curves), listed=listed)
        lines.append(
            say(
                "Primary test, {statistic}{pooled}: {value}{towards}; {nulls}.",
                statistic=told(shown(name)),
                pooled=pooled,
                value=value,
                towards=towards(mine[0]),
                nulls=under,
            )
        )
    if medians := [t for t in joint if t.kind == MEDIAN and any(pooled_with(t, p) for p in primary)]:
        names = list(dict.fromkeys((t.group, t.estimand) for t in medians))
        scales = len({group for group, _ in names}) > 1
        size = {key: max(t.specifications for t in medians if (t.group, t.estimand) == key) for key in names}
        said = [
            say(
                "{median}, 1 specification, {nulls}" if size[key] == 1 else "{median}, {n:,} specifications, {nulls}",
                median=say(", ").join([*([named(key[0])] if scales else []), told(key[1])])
                + towards(next(t for t in medians if (t.group, t.estimand) == key)),
                n=size[key],
                nulls=say(", ").join(
                    say("{p} ({statistics})", p=p_text(t.p_value), statistics=null_words(t.null) + floor(t))
                    for t in medians
                    if (t.group, t.estimand) == key
                ),
            )
            for key in names[:_NAMED]
        ]
        rest = len(names) - _NAMED
        said += [say("{rest:,} more in inference.csv", rest=rest)] if rest > 0 else []
        lines.append(say("Tests of single medians: {said}.", said=say("; ").join(said)))
    return tuple(lines)


def pooled_with(median: JointTest, primary: JointTest) -> bool:
    """Return whether a primary test is of a median's specifications and of others with them."""
    return median.null == primary.null and not primary.group and median.specifications < primary.specifications


def _arms(joint: Sequence[JointTest]) -> bool:
    """Say whether medians are of several arms of one treatment: "…: cash against control"."""
    found = (_ARM.fullmatch(estimand) for estimand in {t.estimand for t in joint})
    pairs = [(m["effect"], m["reference"]) for m in found if m]
    return len(pairs) > len(set(pairs))


def towards(test: JointTest) -> str:
    """Say whether a statistic lies in the expected direction, where there is one."""
    if test.direction != "expected" or not test.side:
        return ""
    return say(_TOWARDS[test.side])


def floor(test: JointTest) -> str:
    """Say how many draws count where some failed, and that a p is the smallest that they can give, where it is."""
    counted = ""
    if test.dropped:
        counted = say(", {kept:,} of {draws:,} draws", kept=test.draws, draws=test.draws + test.dropped)
    least = bool(test.draws) and test.p_value * (test.draws + 1) < 1.5
    return counted + (say(", the smallest p of {draws:,} draws", draws=test.draws) if least else "")


def _part(test: JointTest, estimated: int) -> str:
    if not test.specifications or test.specifications == estimated:
        return ""
    return say(", {n:,} of {of:,} specifications", n=test.specifications, of=estimated)


def marked(test: JointTest, name: str) -> str:
    """Name a statistic, the primary one as such, a median of few specifications with their number."""
    if test.kind == MEDIAN and 0 < test.specifications < FEW:
        name = say("{name}, of only {specifications}", name=name, specifications=counted(test.specifications))
    return say("{name} (primary)", name=name) if test.role == "primary" else name


FEW = 5
"""Below how many specifications a test of their median says how many, wherever its p stands."""


def statistic_names(tests: tuple[CurveTests, ...], results: Results) -> dict[str, str]:
    """Name the statistics of inference.csv for print: a median by its scale and estimand, where these differ."""
    medians = [r for t in tests for r in t.tests if r.kind == MEDIAN]
    scales, estimands = len({r.group for r in medians}) > 1, len({r.estimand for r in medians}) > 1
    return {
        r.statistic: say(", ").join(
            [
                told(statistic_name(MEDIAN, direction=r.direction)),
                *([results.planned.shown(r.group)] if scales else []),
                *([told(r.estimand)] if estimands else []),
            ]
        )
        for r in medians
    }


def share_words(tests: Sequence[JointTest], sided: bool = True) -> str:
    """Say what the share significant is the share of, where there is one, and if ``sided`` on which side it is here."""
    found = next((t for t in tests if t.kind == SHARE), None)
    if found is None:
        return ""
    times = " " + say(TIMES) if found.direction == "expected" else ""
    side = ""
    if found.side and sided:
        side = say(" Here it is of those {side}{towards}.", side=say(_SIDES[found.side]), towards=towards(found))
    return say(
        "Share significant, dominant sign: the larger of two shares of all specifications tested, of those "
        "significantly above and of those significantly below 0{times}; in every draw anew. Of draws with the same "
        "share above 0, those count for its p whose median t is as large in size, or larger.{side}",
        times=times,
        side=side,
    )


def shares_words(joint: Sequence[CurveTests]) -> Iterator[str]:
    """Say what the share significant of several nulls is of: once, and where their sides differ those by null."""
    found = [(t.title, one) for t in joint for one in t.tests if one.kind == SHARE]
    if len({share_words([one]) for _, one in found}) < 2:
        yield from {share_words([one]) for _, one in found}
        return
    yield share_words([found[0][1]], sided=False)
    for title, one in found:
        if one.side:
            side, way = say(_SIDES[one.side]), towards(one)
            yield say(
                "{title}: the share of those {side}{towards}.", title=capital(told(title)), side=side, towards=way
            )

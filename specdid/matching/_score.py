"""The propensity score by logit, the nearest controls on it, and what each matching method makes of them.

Controls are sorted by group, score and place, so that the k nearest of a treated unit stand next
to where it would stand itself. Of controls with the same score the first by place comes first;
a control below and one above at the same distance are told apart by place too. Places are those
of the candidates: sorted units, or without units the panel's order of rows, which is not the file's.

Weights are those that MatchIt defines for the effect on the treated. In radius and kernel matching
every control near a treated unit stands for a part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.records import MatchSettings
from specdid.matching._base import Candidates, Matched, Unmatched

RANK = 1e-10
"""Singular values below this share of the largest are of combinations of other columns."""
FLAT = 1e-9
"""Below this curvature the likelihood has no maximum: treated and controls are separated."""
BLOCK = 1 << 18
"""Distances that are held at once."""


def basis(columns: Floats) -> Floats:
    """Return scaled orthogonal columns, (n, r), that span ``columns`` less their means.

    On them, neither units of measurement nor near-collinearity cost digits.
    """
    centred = columns - columns.mean(axis=0)
    scale = np.sqrt((centred**2).mean(axis=0))
    known = scale > RANK * np.abs(columns).max(axis=0, initial=0.0)
    if not known.any():
        return np.empty((len(columns), 0))
    left, size, _ = np.linalg.svd(centred[:, known] / scale[known], full_matrices=False)
    return np.asarray(left[:, size > RANK * size[0]] * np.sqrt(len(columns)))


@dataclass(frozen=True, slots=True)
class Logit:
    """A logit with an intercept.

    Attributes
    ----------
    probability : (n,) float64
    log_likelihood : float, weighted
    df : number of independent columns beside the intercept
    separated : True where a combination of the columns tells the two sides apart
    """

    probability: Floats
    log_likelihood: float
    df: int
    separated: bool


def fit_logit(treated: Bools, columns: Floats, weights: Floats | None = None) -> Logit:
    """Maximise the (weighted) likelihood with scipy's trust-region Newton method."""
    from scipy.optimize import minimize
    from scipy.special import expit

    X = np.column_stack([np.ones(len(treated)), basis(columns)])
    sign = np.where(treated, 1.0, -1.0)
    total = float(len(treated)) if weights is None else float(weights.sum())
    w = np.full(len(treated), 1 / total) if weights is None else weights / total

    def loss(b: Floats) -> tuple[float, Floats]:
        margin = sign * (X @ b)
        return float(w @ np.logaddexp(0.0, -margin)), -(w * sign * expit(-margin)) @ X

    def curvature(b: Floats) -> Floats:
        p = expit(X @ b)
        return np.asarray((X.T * (w * p * (1 - p))) @ X)

    options = {"gtol": 1e-13, "maxiter": 200}
    found = minimize(loss, np.zeros(X.shape[1]), jac=True, hess=curvature, method="trust-exact", options=options)
    b = polished(found.x, lambda b: loss(b)[1], curvature)
    # Of rows with the same values one: products of matrices may round them differently, and they must tie.
    score = np.asarray(expit((X * b).sum(axis=1)))[_first_alike(columns)]
    flat = bool(np.linalg.eigvalsh(curvature(b))[0] < FLAT)
    return Logit(score, -total * loss(b)[0], X.shape[1] - 1, flat)


def _first_alike(columns: Floats) -> Ints:
    """Return for each row the first with the same values, (n,)."""
    order = np.lexsort(columns.T) if columns.shape[1] else np.arange(len(columns))
    new = np.ones(len(columns), dtype=bool)
    new[1:] = (np.diff(columns[order], axis=0) != 0).any(axis=1)
    first = np.empty(len(columns), np.int64)
    first[order] = order[np.maximum.accumulate(np.where(new, np.arange(len(columns)), 0))]
    return first


def polished(b: Floats, slope: Callable[[Floats], Floats], curvature: Callable[[Floats], Floats]) -> Floats:
    """Take Newton steps while they make the slope smaller.

    scipy's trust region stops where the loss has no more digits, at slopes about 1e-8.
    """
    least = np.abs(slope(b)).max(initial=0.0)
    for _ in range(4):
        bend = curvature(b)
        if np.linalg.eigvalsh(bend)[0] < FLAT:
            break
        moved = b - np.linalg.solve(bend, slope(b))
        size = np.abs(slope(moved)).max(initial=0.0)
        if not size < least:
            break
        b, least = moved, size
    return b


def propensity_score(candidates: Candidates) -> Floats | Unmatched:
    """Estimate the probability of treatment by logit, (n,)."""
    treated = candidates.treated
    if not treated.any() or treated.all():
        return Unmatched(f"there is no {'control' if treated.any() else 'treated unit'} to match")
    fit = fit_logit(treated, candidates.covariates)
    if fit.separated:
        return Unmatched(
            "the propensity score cannot be estimated: a combination of the variables in `on` "
            "separates treated and controls, whose scores do not overlap"
        )
    return fit.probability


def supported(treated: Bools, score: Floats, settings: MatchSettings) -> Bools:
    """Mark the candidates that may be matched, (n,): all, or those on the common support.

    The common support is the range of the controls' scores, and only treated units are
    left out for it, since the effect is that on the treated (Leuven and Sianesi 2003).
    """
    if not settings.common_support:
        return np.ones(len(treated), dtype=bool)
    controls = score[~treated]
    return np.asarray(~treated | ((score >= controls.min()) & (score <= controls.max())))


def caliper(score: Floats, settings: MatchSettings) -> float:
    """Return the largest distance between matched scores; a standard deviation is that of all scores."""
    if settings.caliper_sd is not None:
        return settings.caliper_sd * float(np.std(score, ddof=1))
    return np.inf if settings.caliper is None else settings.caliper


@dataclass(frozen=True, slots=True)
class ControlLine:
    """Controls along the score, those of one group after another.

    Attributes
    ----------
    place : (c,) int64, the controls' places, by group, score and place
    score, group : (c,) of them
    run : (c,) int64, where the controls with the same group and score begin
    treated : (t,) int64, places of the treated
    at, low, high : (t,) int64
        For each treated unit the first control of its group whose score is not below its own,
        and where the controls of its group begin and end.
    """

    place: Ints
    score: Floats
    run: Ints
    treated: Ints
    at: Ints
    low: Ints
    high: Ints


def line_up(score: Floats, group: Ints | None, treated: Ints, controls: Ints) -> ControlLine:
    """Sort the controls and find where the treated stand among them."""
    groups = np.zeros(len(score), np.int64) if group is None else group
    controls = controls[np.lexsort((controls, score[controls], groups[controls]))]
    both = np.concatenate([treated, controls])
    is_control = np.arange(len(both)) >= len(treated)
    order = np.lexsort((is_control, score[both], groups[both]))
    passed = np.empty(len(both), np.int64)
    passed[order] = np.cumsum(is_control[order]) - is_control[order]
    by_group = groups[controls]
    new = np.ones(len(controls), dtype=bool)
    new[1:] = (np.diff(score[controls]) != 0) | (np.diff(by_group) != 0)
    run = np.maximum.accumulate(np.where(new, np.arange(len(controls)), 0))
    ends = (np.searchsorted(by_group, groups[treated], side) for side in ("left", "right"))
    return ControlLine(controls, score[controls], run, treated, passed[: len(treated)], *ends)


def with_replacement(line: ControlLine, score: Floats, ratio: int, widest: float) -> tuple[Ints, Bools]:
    """Return each treated unit's ``ratio`` nearest controls, and whether another is as near as the last.

    Returns
    -------
    (t, ratio) int64, places, nearest first, -1 where there is none; (t,) bool
    """
    # Of equal controls only the first ratio + 1 can matter, so every tie is inside the window.
    count = ratio + 1
    kept = np.flatnonzero(np.arange(len(line.run)) - line.run < count)
    at, low, high = (np.searchsorted(kept, ends) for ends in (line.at, line.low, line.high))
    offsets = np.arange(-2 * count, count)
    pairs, tied = np.full((len(line.treated), ratio), -1, np.int64), np.zeros(len(line.treated), dtype=bool)
    step = max(1, BLOCK // len(offsets))
    for start in range(0, len(line.treated), step):
        part = slice(start, start + step)
        window = at[part, None] + offsets
        inside = (window >= low[part, None]) & (window < high[part, None])
        chosen = kept[np.clip(window, 0, max(len(kept) - 1, 0))]
        places = np.where(inside, line.place[chosen], len(score))
        distance = np.abs(line.score[chosen] - score[line.treated[part]][:, None])
        distance = np.where(inside & (distance <= widest), distance, np.inf)
        order = np.lexsort((places, distance), axis=1)[:, :count]
        near = np.take_along_axis(distance, order, axis=1)
        found = np.take_along_axis(places, order, axis=1)
        pairs[part] = np.where(np.isfinite(near), found, -1)[:, :ratio]
        tied[part] = np.isfinite(near[:, ratio]) & (near[:, ratio] == near[:, ratio - 1])
    return pairs, tied


def without_replacement(line: ControlLine, score: Floats, ratio: int, widest: float) -> tuple[Ints, Bools]:
    """Return the same where every control is taken once: the largest score first, one control a round."""
    pairs, tied = np.full((len(line.treated), ratio), -1, np.int64), np.zeros(len(line.treated), dtype=bool)
    queue = np.lexsort((line.treated, -score[line.treated])).tolist()
    free = _Free(len(line.place))
    scores, places, runs = line.score.tolist(), line.place.tolist(), line.run.tolist()
    own = score[line.treated].tolist()
    at, low, high = line.at.tolist(), line.low.tolist(), line.high.tolist()
    for r in range(ratio):
        for t in queue:
            above, below = free.from_(at[t]), free.until(at[t] - 1)
            # The first of the run below that is free.
            below = free.from_(runs[below]) if below >= low[t] else -1
            over = scores[above] - own[t] if above < high[t] else np.inf
            under = own[t] - scores[below] if below >= 0 else np.inf
            least = min(over, under)
            if not least <= widest or least == np.inf:
                continue
            both = over == under
            take = above if over < under or (both and places[above] < places[below]) else below
            other = free.from_(take + 1)
            tied[t] |= both or (other < len(scores) and runs[other] == runs[take])
            pairs[t, r] = places[take]
            free.take(take)
    return pairs, tied


class _Free:
    """Which of n places in a row are free; the next free one to either side is found at once.

    Each place points to a nearer free one, and paths are halved as they are walked (Tarjan 1975).
    """

    def __init__(self, n: int) -> None:
        # Shifted by one: 0 stands for "none before", n + 1 for "none after".
        self.next = list(range(n + 2))
        self.last = list(range(n + 2))

    def from_(self, place: int) -> int:
        """Return the first free place at or after ``place``; n where there is none."""
        return _root(self.next, place + 1) - 1

    def until(self, place: int) -> int:
        """Return the last free place at or before ``place``; -1 where there is none."""
        return _root(self.last, place + 1) - 1

    def take(self, place: int) -> None:
        """Mark a place as taken."""
        self.next[place + 1] = place + 2
        self.last[place + 1] = place


def _root(pointers: list[int], place: int) -> int:
    while pointers[place] != place:
        pointers[place] = pointers[pointers[place]]
        place = pointers[place]
    return place


def att_weights(treated: Bools, matched: Bools, shares: Floats) -> Floats:
    """Return weights from the ``shares`` of treated units that controls stand for.

    Parameters
    ----------
    treated, matched : (n,) bool; ``matched`` is read for the treated only
    shares : (n,) float64; read for the controls only, 0 where not matched

    Returns
    -------
    (n,) float64: 1 for matched treated; controls' shares scaled to mean 1 over those above 0, so that
    the weights of the matched controls sum to their number (MatchIt). psmatch2's ``_weight`` are
    frequencies, which sum to the number of matched treated: the same but for a factor on the controls,
    which changes a regression where the weight of controls relative to the treated matters.
    """
    weights = np.where(treated & matched, 1.0, 0.0)
    used = ~treated & (shares > 0)
    if used.any():
        weights[used] = shares[used] / shares[used].mean()
    return weights


def shares_of_pairs(pairs: Ints, n: int) -> Floats:
    """Add up, for n candidates, 1 / (number of matches) over the treated they are matched to."""
    shares = np.zeros(n)
    size = (pairs >= 0).sum(axis=1, keepdims=True)
    each = np.broadcast_to(1.0 / np.maximum(size, 1), pairs.shape)
    np.add.at(shares, pairs[pairs >= 0], each[pairs >= 0])
    return shares


def spread(
    candidates: Candidates, score: Floats, allowed: Bools, kernel: Callable[[Floats], Floats], reach: float, words: str
) -> Matched | Unmatched:
    """Spread each treated unit over the controls of its group.

    Parameters
    ----------
    allowed : (n,) bool; treated units that may be matched
    kernel : weights from differences in score (controls less treated); 0 is not matched
    reach : differences beyond which the kernel is 0
    words : what no treated unit has a control within
    """
    treated = np.flatnonzero(candidates.treated & allowed)
    treated = treated[np.argsort(score[treated], kind="stable")]
    line = line_up(score, candidates.groups, treated, np.flatnonzero(~candidates.treated))
    along, found = np.zeros(len(line.place)), np.zeros(len(candidates), dtype=bool)
    within = line.high > line.low  # a group without controls stands at the place of the next one's
    for low in np.unique(line.low[within]):
        mine = np.flatnonzero(within & (line.low == low))
        controls = slice(int(low), int(line.high[mine[0]]))
        along[controls], found[treated[mine]] = _shares(score[treated[mine]], line.score[controls], kernel, reach)
    if not found.any():
        return Unmatched(f"no treated unit has a control within {words}")
    shares = np.zeros(len(candidates))
    shares[line.place] = along
    return Matched(att_weights(candidates.treated, found, shares), score)


def _shares(own: Floats, others: Floats, kernel: Callable[[Floats], Floats], reach: float) -> tuple[Floats, Bools]:
    """Add up the shares of controls with scores ``others``, (c,), and say which treated have any, (t,).

    Both are sorted, so that treated units next to each other have nearly the same controls in reach.
    """
    shares, found = np.zeros(len(others)), np.zeros(len(own), dtype=bool)
    reach *= 1 + 1e-9  # the kernel decides at the very end of it
    first, last = np.searchsorted(others, own - reach), np.searchsorted(others, own + reach, "right")
    start = 0
    while start < len(own):
        ahead = slice(start, start + BLOCK)
        size = (last[ahead] - first[start]) * np.arange(1, len(own[ahead]) + 1)
        stop = start + max(1, int(np.searchsorted(size, BLOCK, "right")))
        near = slice(int(first[start]), int(last[stop - 1]))
        weight = kernel(others[near] - own[start:stop, None])
        total = weight.sum(axis=1)
        found[start:stop] = total > 0
        shares[near] += (weight[total > 0] / total[total > 0, None]).sum(axis=0)
        start = stop
    return shares, found

"""Which choices matter: the factors behind estimates, their shares of the variance, changes by option, spread."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import factorial, prod

import numpy as np

from specdid._arrays import Bools, Floats, Ints, extreme_power
from specdid._records import Family, Results
from specdid._words import later, say

FEW = 12
"""Up to so many sets of controls are compared as sets."""
_SETS = 3
"""So many sets of controls without a name of their own are compared variable by variable too."""
EXACT = 12
"""Up to so many choices that are not orthogonal are averaged over all orders, more over ORDERS of them."""
ORDERS = 512
_CHUNK = 65_536


@dataclass(frozen=True, slots=True)
class Factor:
    """One choice.

    Attributes
    ----------
    dimension : the dimension it belongs to.
    name : the dimension, or the variable among the controls.
    labels : of its levels, as in results.csv.
    codes : (n,) int64, the level of each specification.
    reference : the level of the preferred specification, or the first that occurs.
    shown : the labels as readers know them, by [labels]; empty where they are the same.
    within : the choice that tied controls vary within; empty where they are not tied.
    """

    dimension: str
    name: str
    labels: tuple[str, ...]
    codes: Ints
    reference: int
    shown: tuple[str, ...] = ()
    within: str = ""

    def words(self, level: int) -> str:
        """Name a level in a table or a figure."""
        found = (self.shown or self.labels)[level]
        return say(found) if self.dimension == "controls" != self.name else found


def variance_factors(results: Results, places: Ints) -> tuple[Factor, ...]:
    """Return every choice that varies, the controls as one factor per variable, tied dimensions as one.

    Variables that always go together are one factor. Those that no specification was estimated with are none.
    """
    return tuple(_factors(results, places, by_variable=True))


def change_factors(results: Results, places: Ints) -> tuple[Factor, ...]:
    """Return every choice that varies, the controls as sets where there are few of them.

    Many sets, and all subsets of some variables, are compared variable by variable.
    """
    factors = variance_factors(results, places)
    variables = sum(f.dimension == "controls" for f in factors)
    if "controls" not in results.planned.dimensions or not variables:
        return factors
    d = results.planned.dimensions.index("controls")
    sets = len(np.unique(results.planned.codes[places, d]))
    if sets > FEW or sets == 2**variables:
        return factors
    return tuple(_factors(results, places, by_variable=False))


def unnamed_sets(results: Results, places: Ints) -> Bools:
    """Return which specifications have controls that are called by their terms, if these are at least three sets."""
    planned = results.planned
    d = planned.dimensions.index("controls")
    codes = planned.codes[places, d]
    if not planned.control_terms:
        return np.zeros(len(codes), dtype=bool)
    terms = planned.control_terms
    made = [" + ".join(t for t, has in zip(terms, row, strict=True) if has) or "1" for row in planned.control_members]
    plain = {k for k, label in enumerate(planned.labels[d]) if set(label.split(" + ")) == set(made[k].split(" + "))}
    unnamed = np.isin(codes, list(plain))
    return unnamed if len(np.unique(codes[unnamed])) >= _SETS else np.zeros(len(codes), dtype=bool)


def variable_changes(results: Results, places: Ints) -> tuple[Change, ...]:
    """Return what each control changes where sets are compared as sets, though some of them have no name; else nothing.

    They are of all specifications, whatever their set is called.
    """
    by_set = any(f.dimension == "controls" == f.name for f in change_factors(results, places))
    if not by_set or not unnamed_sets(results, places).any():
        return ()
    found = mean_changes(variance_factors(results, places), results.estimate[places])
    return tuple(c for c in found if c.factor.dimension == "controls" != c.factor.name)


def _factors(results: Results, places: Ints, by_variable: bool) -> Iterator[Factor]:
    planned = results.planned
    for choice in planned.choices(places):
        options, which = planned.combined(choice, places)
        if len(options) < 2:
            continue
        wanted = planned.codes[planned.preferred, list(choice.places)] if planned.preferred >= 0 else -1
        if choice.name == "controls" and by_variable and planned.control_terms:
            tied = next((set(tie) for tie in planned.together if "controls" in tie), set())
            names = (c.name for c in planned.choices(places) if c != choice and len(planned.combined(c, places)[0]) > 1)
            within = next((n for n in names if set(n.split(" + ")) & tied), "")
            yield from _variables(results, places, options[which, 0], within)
            continue
        at = np.flatnonzero((options == wanted).all(axis=1))
        labels, shown = ([planned.option(choice, row, s) for row in options.tolist()] for s in (False, True))
        reference = int(at[0]) if len(at) else 0
        yield Factor(choice.name, choice.name, tuple(labels), which, reference, tuple(shown))


def _variables(results: Results, places: Ints, codes: Ints, within: str) -> Iterator[Factor]:
    """Return one factor per set of variables that go together, counted where at least one of them was estimated."""
    planned = results.planned
    chosen = planned.control_members[np.unique(codes)]
    groups: dict[bytes, list[int]] = {}
    for k in np.flatnonzero(chosen.any(axis=0) & ~chosen.all(axis=0)).tolist():
        groups.setdefault(chosen[:, k].tobytes(), []).append(k)
    sets, which = estimated_controls(results, places)
    names: dict[bytes, list[int]] = {}
    for together in groups.values():
        kept = [k for k in together if sets[:, k].any()]
        member = sets[:, kept].any(axis=1)
        if member.any() and not member.all():
            names.setdefault(member.tobytes(), []).extend(kept)
    own = estimated_controls(results, np.array([planned.preferred]))[0] if planned.preferred >= 0 else None
    for together in names.values():
        words = " + ".join(planned.shown(planned.control_terms[k]) for k in together)
        reference = 0 if own is None else int(own[0, together].any())
        member_codes = np.asarray(sets[:, together].any(axis=1))[which].astype(np.int64)
        yield Factor("controls", words, (later("without"), later("with")), member_codes, reference, within=within)


def estimated_controls(results: Results, places: Ints) -> tuple[Bools, Ints]:
    """Return the sets of control terms that specifications were estimated with, and whose they are.

    A term that was left out as collinear, or as the fixed effects absorb it, is in no set: with and without it the
    regression is the same. A term of several columns counts as long as one of them is estimated.

    Returns
    -------
    sets : (k, P) bool
    which : (n,) int64, the set of each of ``places``
    """
    planned = results.planned
    codes = planned.codes[places, planned.dimensions.index("controls")].astype(np.int64)
    words = len(results.dropped.words) + 1
    found, which = np.unique(codes * words + results.dropped.codes[places] + 1, return_inverse=True)
    sets = planned.control_members[found // words].copy()
    for row, word in enumerate((found % words - 1).tolist()):
        if word >= 0:
            gone = set(_summands(results.dropped.words[word]))
            sets[row] &= [term not in gone for term in planned.control_terms]
    return sets, which.reshape(-1).astype(np.int64)


def _leaves_out(results: Results, places: Ints) -> bool:
    """Say whether a control that is a choice was left out of some specification."""
    planned = results.planned
    if "controls" not in planned.dimensions or not planned.control_terms:
        return False
    written = planned.control_members[planned.codes[places, planned.dimensions.index("controls")]]
    sets, which = estimated_controls(results, places)
    choice = written.any(axis=0) & ~written.all(axis=0)
    return bool((sets[which] != written)[:, choice].any())


def _summands(text: str) -> Iterator[str]:
    """Split what was left out at each " + " outside of brackets."""
    depth, start = 0, 0
    for k, character in enumerate(text):
        depth += (character in "([{") - (character in ")]}")
        if not depth and text.startswith(" + ", k):
            yield text[start:k]
            start = k + 3
    yield text[start:]


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of the variance of the estimates.

    Attributes
    ----------
    share : (F,) of each factor; together at most 1.
    rest : what main effects do not explain: interactions of choices.
    balanced : all factors are orthogonal: the analysis of variance is exact.
    """

    share: Floats
    rest: float
    balanced: bool


@dataclass(frozen=True, slots=True)
class Change:
    """The change of the estimate when one option takes the reference's place, all else equal.

    Attributes
    ----------
    mean, pairs : over so many pairs of specifications; NaN without any.
    low, high : the 5% and 95% quantiles of the pairs' changes: how much they vary, no confidence interval.
    """

    factor: Factor
    level: int
    mean: float
    pairs: int
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True, slots=True)
class Spread:
    """Young and Holsteen (2017, Sociological Methods & Research 46), equations 2 to 6.

    Attributes
    ----------
    modelling, sampling : variance of the estimates over specifications, and the mean of
        their squared standard errors.
    ratio : modelling standard error by sampling standard error.
    robustness : estimate (the preferred one, or the median) by the root of both variances' sum.
    sign : share of estimates with the sign of that estimate.
    of_preferred : whether that estimate is the preferred one.
    n : of how many estimates, all of one kind.
    """

    modelling: float
    sampling: float
    ratio: float
    robustness: float
    sign: float
    of_preferred: bool
    n: int


@dataclass(frozen=True, slots=True)
class Choices:
    """What one family's estimates owe to its choices; ``shares`` is in the order of ``factors``.

    ``variables`` are the changes by control where ``changes`` has sets of them (see `variable_changes`); ``left_out``
    says whether a control that is a choice was left out of a regression, as collinear or absorbed.
    """

    family: Family
    factors: tuple[Factor, ...]
    shares: Shares
    changes: tuple[Change, ...]
    spread: Spread
    variables: tuple[Change, ...] = ()
    left_out: bool = False

    @property
    def averaged(self) -> str:
        """Say over which orders of the choices shares are averaged."""
        tied = any(f.within for f in self.factors)
        return "averages over orders (Shapley)" + (", tied controls after what they are tied to" if tied else "")


def describe_choices(results: Results, family: Family) -> Choices:
    """Describe a family of at least two specifications; sums only, nothing is estimated."""
    y = results.estimate[family.places]
    factors = variance_factors(results, family.places)
    return Choices(
        family,
        factors,
        variance_shares(factors, y),
        mean_changes(change_factors(results, family.places), y),
        spread(results, family),
        variable_changes(results, family.places),
        _leaves_out(results, family.places),
    )


def variance_shares(factors: Sequence[Factor], y: Floats) -> Shares:
    """Return each factor's share of the variance of ``y`` (n,).

    Controls that vary within what they are tied to come after it in every order: that a variable occurs beside some
    rows of a tie only is no reason to give it a part of what the rows differ in.
    """
    y = np.ldexp(y, -extreme_power(y))
    total = float(np.sum((y - y.mean()) ** 2))
    if total <= 1e-24 * float(y @ y) or not factors:
        return Shares(np.zeros(len(factors)), 0.0, balanced=True)
    gram, cross, bounds = _moments(factors, y)
    explained = np.zeros(len(factors))
    blocks = _connected(gram, bounds, len(y))
    for block in blocks:
        own = np.concatenate([np.arange(*bounds[f]) for f in block])
        sizes = [bounds[f][1] - bounds[f][0] for f in block]
        edges = list(pairwise(np.cumsum([0, *sizes]).tolist()))
        system = _augmented(gram[np.ix_(own, own)], cross[own], total)
        later = [j for j, f in enumerate(block) if factors[f].within]
        first = next(
            (j for j, f in enumerate(block) if later and factors[f].name == factors[block[later[0]]].within), -1
        )
        last = frozenset(later) if first >= 0 else frozenset()
        explained[block] = (_shapley if len(block) <= EXACT else _sampled)(system, edges, first, last)
    share = np.clip(explained / total, 0.0, 1.0)
    return Shares(share, max(0.0, 1.0 - float(share.sum())), balanced=len(blocks) == len(factors))


def _moments(factors: Sequence[Factor], y: Floats) -> tuple[Floats, Floats, list[tuple[int, int]]]:
    """Return cross products of the centred dummies of all levels, with each other and with y."""
    bounds = list(pairwise(np.cumsum([0, *(len(f.labels) for f in factors)]).tolist()))
    n, width = len(y), bounds[-1][1]
    gram, cross, centred = np.zeros((width, width)), np.zeros(width), y - y.mean()
    for start in range(0, n, _CHUNK):
        part = slice(start, min(n, start + _CHUNK))
        dummies = np.zeros((part.stop - start, width))
        for factor, (first, _) in zip(factors, bounds, strict=True):
            dummies[np.arange(len(dummies)), first + factor.codes[part]] = 1.0
        gram += dummies.T @ dummies
        cross += dummies.T @ centred[part]
    counts = np.diag(gram).copy()
    return gram - np.outer(counts, counts) / n, cross, bounds


def _connected(gram: Floats, bounds: list[tuple[int, int]], n: int) -> list[list[int]]:
    """Split factors into blocks that are orthogonal to each other."""
    tied = np.array([[np.abs(gram[a:b, c:d]).max() > 1e-9 * n for c, d in bounds] for a, b in bounds], dtype=bool)
    blocks, left = [], list(range(len(bounds)))
    while left:
        block = [left.pop(0)]
        for member in block:
            block += [f for f in left if tied[member, f]]
            left = [f for f in left if not tied[member, f]]
        blocks.append(sorted(block))
    return blocks


def _augmented(gram: Floats, cross: Floats, total: float) -> Floats:
    """Border the cross products with those of y; rows are scaled so that pivots are comparable."""
    scale = 1 / np.sqrt(np.maximum(np.diag(gram), 1e-300))
    inner = gram * np.outer(scale, scale)
    edge = (cross * scale)[:, None]
    return np.block([[inner, edge], [edge.T, np.array([[total]])]])


def _eliminate(system: Floats, edges: tuple[int, int]) -> Floats:
    """Sweep a factor's columns out of the rest; the last pivot is what is left of y."""
    out = system
    for j in range(*edges):
        if out[j, j] > 1e-9:
            out = out - np.outer(out[:, j], out[j]) / out[j, j]
    return out


def _shapley(system: Floats, edges: list[tuple[int, int]], first: int, last: frozenset[int]) -> Floats:
    """Average each factor's explained sum of squares over the orders with ``first`` before ``last``, by all subsets."""
    count = len(edges)
    left = np.empty(1 << count)

    def visit(mask: int, first: int, reduced: Floats) -> None:
        left[mask] = reduced[-1, -1]
        for f in range(first, count):
            visit(mask | 1 << f, f + 1, _eliminate(reduced, edges[f]))

    visit(0, 0, system)
    masks, tied = np.arange(1 << count), sum(1 << f for f in last)
    size = np.array([int(m).bit_count() for m in masks])
    bound = np.array([int(m & tied).bit_count() for m in masks])
    has = (masks >> first) & 1 == 1 if last else np.zeros(len(masks), dtype=bool)
    # How many orders a subset has: where `first` is in it, it is the earliest of itself and those after it.
    orders = np.array([float(factorial(k)) for k in range(count + 1)])[size] / np.where(has, 1 + bound, 1)
    possible = has | (bound == 0)
    gains = np.empty(count)
    for f in range(count):
        without = masks[((masks >> f) & 1 == 0) & possible & possible[masks | 1 << f]]
        rest = masks[-1] ^ (without | 1 << f)
        weight = orders[without] * orders[rest] / orders[-1]
        gains[f] = weight @ (left[without] - left[without | 1 << f])
    return gains


def _sampled(system: Floats, edges: list[tuple[int, int]], first: int, last: frozenset[int]) -> Floats:
    """Average over random orders, and their reverses, with ``first`` before ``last``; always the same ones."""
    generator = np.random.Generator(np.random.Philox(key=[len(edges), 0]))
    gains = np.zeros(len(edges))
    for _ in range(ORDERS // 2):
        order = generator.permutation(len(edges))
        for way in (order, order[::-1].copy()):
            bound = np.flatnonzero(np.isin(way, [first, *last])) if last else np.empty(0, np.int64)
            way[bound] = [first, *(f for f in way[bound].tolist() if f != first)] if last else []
            reduced = system
            for f in way.tolist():
                after = _eliminate(reduced, edges[f])
                gains[f] += reduced[-1, -1] - after[-1, -1]
                reduced = after
    return gains / ORDERS


def mean_changes(factors: Sequence[Factor], y: Floats) -> tuple[Change, ...]:
    """Compare every option with its factor's reference over pairs equal in all other choices."""
    rests = _rests(factors, len(y))
    return tuple(c for factor, rest in zip(factors, rests, strict=True) for c in _paired(factor, rest, y))


def sizes_of_changes(factors: Sequence[Factor], y: Floats) -> tuple[tuple[float, float], ...]:
    """Return by factor the largest mean change of an option and the largest change of a pair, in size; NaN without."""
    found = []
    for factor, rest in zip(factors, _rests(factors, len(y)), strict=True):
        change = _changes(factor, rest, y)
        known = np.isfinite(change) & (factor.codes != factor.reference)
        means = [abs(c.mean) for c in _paired(factor, rest, y) if c.pairs]
        found.append((max(means, default=np.nan), float(np.abs(change[known]).max()) if known.any() else np.nan))
    return tuple(found)


def _changes(factor: Factor, rest: Ints, y: Floats) -> Floats:
    """Return (n,) each estimate less that of its pair with the factor's reference, NaN where there is none."""
    at = np.full(int(rest.max()) + 1, np.nan)
    base = factor.codes == factor.reference
    at[rest[base]] = y[base]
    return np.asarray(y - at[rest], dtype=np.float64)


def _paired(factor: Factor, rest: Ints, y: Floats) -> Iterator[Change]:
    change = _changes(factor, rest, y)
    known = np.isfinite(change)
    for level in range(len(factor.labels)):
        mine = known & (factor.codes == level)
        pairs = int(np.count_nonzero(mine))
        if level != factor.reference and not pairs:
            yield Change(factor, level, float("nan"), 0)
        elif level != factor.reference:
            low, high = np.quantile(change[mine], (0.05, 0.95)).tolist()
            yield Change(factor, level, float(change[mine].mean()), pairs, low, high)


def _rests(factors: Sequence[Factor], n: int) -> Iterator[Ints]:
    """Return, factor by factor, a number for the combination of all other choices."""
    sizes = [len(f.labels) for f in factors]
    if prod(sizes) > 8 * n:
        for f in range(len(factors)):
            yield joint_codes([other.codes for k, other in enumerate(factors) if k != f], n)
        return
    # The grid is nearly full: places in it serve as numbers, and nothing is sorted.
    strides = [prod(sizes[f + 1 :]) for f in range(len(factors))]
    key = np.zeros(n, np.int64)
    for factor, stride in zip(factors, strides, strict=True):
        key += factor.codes * stride
    for factor, stride in zip(factors, strides, strict=True):
        yield key - factor.codes * stride


def joint_codes(columns: Sequence[Ints], n: int) -> Ints:
    """Return every combination of codes a number, without gaps."""
    key, size = np.zeros(n, np.int64), 1
    for codes in columns:
        levels = int(codes.max()) + 1
        if size * levels > 2**31:
            _, key = np.unique(key, return_inverse=True)
            size = int(key.max()) + 1
        key, size = key.reshape(-1) * levels + codes, size * levels
    _, key = np.unique(key, return_inverse=True)
    return key.reshape(-1).astype(np.int64)


def spread(results: Results, family: Family) -> Spread:
    """Compare what choices move with what sampling moves, in the specifications that are one curve."""
    places = results.ranked(family)
    y = results.estimate[places]
    error = results.first("std_error")[places]
    error = error[np.isfinite(error)]
    preferred = results.preferred
    inside = preferred >= 0 and bool(np.any(family.places == preferred))
    power = extreme_power(y)
    y, error = np.ldexp(y, -power), np.ldexp(error, -power)
    centre = float(np.ldexp(results.estimate[preferred], -power)) if inside else float(np.median(y))
    modelling = float(np.var(y))
    sampling = float(np.mean(error**2)) if len(error) else float("nan")
    both = np.sqrt(modelling + sampling)
    with np.errstate(over="ignore", under="ignore"):
        squared = [float(np.ldexp(v, 2 * power)) for v in (modelling, sampling)]
    return Spread(
        squared[0],
        squared[1],
        float(np.sqrt(modelling / sampling)) if sampling > 0 else float("nan"),
        centre / float(both) if both > 0 else float("nan"),
        float(np.mean(np.sign(y) == np.sign(centre))),
        inside,
        len(places),
    )

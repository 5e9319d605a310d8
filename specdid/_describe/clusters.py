"""Clusters of a run: how many are treated and untreated, how unequal they are, and what to rely on where they are few.

The rates in the messages are those of tests/bench/results/few_clusters.md, which are of least squares: of a run without
any, and of other estimators, none is stated.

Of one specification clusters are compared by rows and leverage, and by their effective number.
With Q from the QR decomposition of controls and treatment, net of the fixed effects and in this
order, a cluster's leverage is the sum of its rows' squares in Q, and its partial leverage that of
Q's last column alone: its share of the treatment's variation that is left of all other regressors
(MacKinnon, Nielsen and Webb 2023, sections 2 and 3). The effective number of clusters is
G / (1 + CV^2), CV the coefficient of variation of the partial leverage. It is G*(0) of Carter,
Schnepel and Steigerwald (2017, equation 9), for errors uncorrelated within clusters; for errors
that are equal within clusters none exists where fixed effects are nested in the clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._columns import Core
from specdid._diagnostics import first_few
from specdid._records import Caution, Results, Section, Status
from specdid._records.cautions import RUN
from specdid._words import say
from specdid.engine.compile import Compiled
from specdid.engine.demean import demean
from specdid.engine.problem import Members, Problem
from specdid.engine.rows import cut_rows, missing_patterns, number_rows, row_keys, rows_of_members
from specdid.engine.ssc import is_nested
from specdid.inference._batches import draw_batches, kept_controls, lay_out, positions

CLUSTERS, FEW = 30, 10
"""Below so many clusters, treated or untreated ones, clustered errors are not reliable (Cameron and Miller 2015)."""
UNEQUAL = 0.5
"""The coefficient of variation of the clusters' rows from which on they are called unequal."""
RELY = "rely on the median t of the permutation null{here}, if the assignment could have fallen on other clusters"
RATES = (
    "clustered errors of least squares reject too often (a true null at 5%: .12 with 5 of 40, .32 with 2 of 40) and "
    "the wild bootstrap hardly ever with 2"
)
UNKNOWN = "standard errors may be too small"
ASK = ' (`null = ["wild", "permutation"]` and `assign` in [inference])'


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The clusters of a run.

    Attributes
    ----------
    words : what errors are clustered by in the tests of the curve.
    clusters, treated : the smallest numbers over the specifications, of all and of those ever treated.
    untreated : the smallest number of those never treated, of 0/1 treatments with any; else None.
    leverage : of the preferred specification, or of the first by least squares; None where there is none.
    preferred : it is that of the preferred specification.
    least_squares : whether some specification is by least squares, of one treatment column.
    whose_treated, whose_untreated : the treatments that have the smallest numbers, empty where all have.
    vcov : the first vcov that clusters by these, where the tests do not; else -1.
    """

    words: str
    clusters: int
    treated: int
    untreated: int | None
    leverage: ClusterLeverage | None
    preferred: bool
    least_squares: bool = True
    whose_treated: str = ""
    whose_untreated: str = ""
    vcov: int = -1

    @property
    def by(self) -> str:
        """Name the column, where it is not that of the tests."""
        return f" by `{self.words}`" if self.vcov >= 0 else ""


def cluster_facts(
    compiled: Compiled,
    results: Results,
    cluster: Ints | None,
    words: str,
    arms: Ints | None = None,
    of_changes: Sequence[bool] = (),
) -> tuple[ClusterFacts, ...]:
    """Count the clusters of the ok specifications in the rows that each uses, and measure those of the preferred one.

    First those of the tests of the curve, then of every vcov that clusters otherwise, by each of its columns.

    ``of_changes`` says of each of the study's estimators whether a row that lacks some variable still has a treatment
    to it.
    ``arms`` has the factor of which each choice of the treatment is an arm, -1 where of none: whoever takes another
    arm is not untreated.
    """
    members = compiled.members
    ok = np.flatnonzero((results.status == Status.OK)[members.index])
    if not len(ok):
        return ()
    at = np.searchsorted(members.index, max(results.preferred, 0))
    preferred = bool(results.preferred >= 0 and at in ok and compiled.batched[at])
    linear = ok[compiled.batched[ok]]
    measured = int(at) if preferred else int(linear[0]) if len(linear) else -1
    dropped = results.dropped_columns.get(int(members.index[measured]), ()) if measured >= 0 else ()
    spread = _leverage_of_rows(compiled.problem, members, measured, dropped) if measured >= 0 else None
    with_error = np.isfinite(np.asarray(results.numbers["std_error"], np.float64))[members.index[ok]]
    with_error = with_error.reshape(len(ok), -1)
    clusterings = tuple(_clusterings(compiled, with_error, cluster, words))
    used = _used_rows(compiled, results, ok, of_changes) if clusterings else None
    return tuple(
        replace(
            _count(compiled, results, used.of(with_error[:, v]) if v >= 0 else used, codes, arms),
            words=name,
            leverage=None if spread is None else spread.summed(codes),
            preferred=preferred,
            vcov=v,
        )
        for codes, name, v in clusterings
        if used is not None
    )


def _clusterings(
    compiled: Compiled, with_error: Bools, cluster: Ints | None, words: str
) -> Iterator[tuple[Ints, str, int]]:
    """Yield (codes, name, vcov) of the tests, -1, and of vcovs with errors.

    Clusters of whole periods are not among them: nobody is treated in another.
    """
    problem = compiled.problem
    periods = None if compiled.time < 0 else np.unique(problem.values[:, compiled.time], return_inverse=True)[1]
    found = [] if cluster is None else [cluster]
    yield from ((codes, words, -1) for codes in found)
    for v, vcov in enumerate(problem.vcovs):
        if not with_error[:, v].any():
            continue
        for c in vcov.clusters:
            codes = problem.codes[:, c]
            known = codes >= 0
            of_periods = periods is not None and is_nested(periods.reshape(-1)[known], (codes[known],))
            if not of_periods and not any(_alike(codes, other) for other in found):
                found.append(codes)
                yield codes, problem.effect_labels[c], v


def _alike(one: Ints, other: Ints) -> bool:
    """Tell whether two codes part the rows alike."""
    known = one >= 0
    a, b = one[known], other[known]
    return bool(np.array_equal(known, other >= 0) and is_nested(a, (b,)) and is_nested(b, (a,)))


@dataclass(frozen=True, slots=True)
class _UsedRows:
    """The rows of specifications.

    Attributes
    ----------
    ok : (S,) positions among the members.
    kind : (S,) which of ``used`` and ``told`` are theirs.
    used : masks of the rows that are used, packed.
    told : masks of the rows that say who is treated, packed.
    """

    ok: Ints
    kind: Ints
    used: Sequence[NDArray[np.uint8]]
    told: Sequence[NDArray[np.uint8]]

    def of(self, mine: Bools) -> _UsedRows:
        """Return those of some of the specifications."""
        return replace(self, ok=self.ok[mine], kind=self.kind[mine])


def _used_rows(compiled: Compiled, results: Results, ok: Ints, of_changes: Sequence[bool]) -> _UsedRows:
    """Find the rows that specifications use: not those with a missing variable, of no weight, or alone in an effect."""
    problem, members = compiled.problem, compiled.members
    kind = np.zeros(len(ok), dtype=np.int64)
    used: list[NDArray[np.uint8]] = []
    linear = compiled.batched[ok]
    if linear.any():
        keys, samples = rows_of_members(problem, members.take(ok[linear]))
        first, of_key = number_rows(*samples.words.T)
        kind[linear] = of_key[keys.of_member]
        used += [samples.packed[k] for k in first.tolist()]
    told = [*used]
    if not linear.all():
        others = members.take(ok[~linear])
        method = compiled.method[ok[~linear]]
        # Whether an estimator takes singletons is told by those that it dropped.
        dropped = np.asarray(results.numbers["n_singletons"], np.int64)[others.index] > 0
        keys = row_keys(others, missing_patterns(problem, others))
        first, of_member = number_rows(keys.of_member, method, dropped.astype(np.int64))
        kind[~linear] = len(used) + of_member
        for s in first.tolist():
            used.append(np.packbits(_mask(cut_rows(problem, others, s, singletons=not dropped[s]).rows, problem)))
            whole = bool(of_changes and of_changes[int(method[s])])
            told.append(np.packbits(problem.rows[others.rows[s]]) if whole else used[-1])
    return _UsedRows(ok, kind, used, told)


def _mask(rows: Ints, problem: Problem) -> Bools:
    mask = np.zeros(len(problem.values), dtype=bool)
    mask[rows] = True
    return mask


def _count(
    compiled: Compiled,
    results: Results,
    found: _UsedRows,
    cluster: Ints,
    arms: Ints | None,
) -> ClusterFacts:
    members, problem, ok = compiled.members, compiled.problem, found.ok
    choice = results.planned.codes[members.index[ok], Core.TREATMENT]
    factor = np.full(len(ok), -1) if arms is None else arms[choice]
    taken = {k: np.any(problem.values[:, np.unique(members.treatment[ok][factor == k])] == 1, axis=1)
             for k in np.unique(factor[factor >= 0]).tolist()}  # fmt: skip
    counts = []
    kinds, of_kind = np.unique(np.stack([found.kind, members.treatment[ok], factor]), axis=1, return_inverse=True)
    size = int(cluster.max(initial=-1)) + 1
    for kind, treatment, k in kinds.T.tolist():
        values = problem.values[:, treatment]
        known = np.isfinite(values) & (cluster >= 0)
        here, told = (
            np.unpackbits(of[kind], count=len(values)).view(np.bool_) & known for of in (found.used, found.told)
        )
        those = np.bincount(cluster[here], minlength=size) > 0
        present = int(np.count_nonzero(those))
        on = those & (np.bincount(cluster[told & (values != 0)], minlength=size) > 0)
        treated = int(np.count_nonzero(on))
        binary = bool(np.isin(values[here], (0.0, 1.0)).all())
        ever = treated
        if k >= 0:
            ever = int(np.count_nonzero(those & (np.bincount(cluster[told & taken[k]], minlength=size) > 0)))
        counts.append((present, treated, present - ever if binary and present > ever else None))
    untreated = [n for _, _, n in counts if n is not None]
    linear = ok[compiled.batched[ok]]
    fewest = min(c[0] for c in counts), min(c[1] for c in counts), min(untreated, default=None)
    plain = bool((members.sunab[linear] < 0).any())

    def whose(place: int) -> str:
        fewest_here = np.array([c[place] == fewest[place] for c in counts])[of_kind.reshape(-1)]
        named = np.unique(choice[fewest_here]).tolist()
        labels = results.planned.labels[Core.TREATMENT]
        return first_few([results.planned.shown(labels[k]) for k in named]) if len(named) < len(set(choice)) else ""

    return ClusterFacts("", *fewest, None, False, plain, whose(1), whose(2))


def _clusters(count: int) -> str:
    return f"{count:,} cluster{'' if count == 1 else 's'}"


def cluster_cautions(
    found: Sequence[ClusterFacts],
    results: Results,
    drawn: tuple[int, int] | None,
    permuted: str | None = None,
    never_alone: bool = False,
) -> Iterator[Caution]:
    """Warn of few clusters, few treated or untreated ones, and unequal ones.

    ``drawn`` are the smallest numbers of clusters, and of treated ones, in the tests, if any; ``permuted`` is what p
    the permutation null gives, where it is one of these and need not be asked for. What is on the curve are the tests
    and the first vcov, and the worse of both is told. ``never_alone``: an estimator compares with the never treated
    alone, whose errors few of these make as unreliable as few treated do.
    """
    rely = RELY.format(here=permuted or "") + (ASK if permuted is None else "")
    counts = results.first("n_clusters")[(results.status == Status.OK) & np.isfinite(results.first("std_error"))]
    counts = counts[counts > 0]
    shown = [f for f in found if f.vcov < 1]
    few = [int(counts.min())] if len(counts) else []
    few += [drawn[0]] if drawn else []
    few += [f.clusters for f in shown]
    if few and min(few) < CLUSTERS:
        said = f"as few as {_clusters(min(few))}: standard errors may be too small; {rely}"
        yield Caution("serious", "few_clusters", said)
    rejects = RATES if not shown or shown[0].least_squares else UNKNOWN
    treated = min((f.treated for f in shown), default=FEW)
    if min(treated, drawn[1] if drawn else FEW) < FEW:
        whose = next((f for f in shown if f.treated == treated and not (drawn and drawn[1] < treated)), None)
        few_treated = _clusters(treated if whose else drawn[1] if drawn else treated)
        said = f"as few as {few_treated} with treatment{whose.by if whose else ''}: {rejects}; {rely}"
        yield Caution("serious", "few_treated", said, (whose.whose_treated if whose else "") or RUN)
    fewest = min((f for f in shown if f.untreated is not None), key=lambda f: f.untreated or 0, default=None)
    if fewest is not None and fewest.untreated is not None and fewest.untreated < FEW:
        told_of = _few_untreated(fewest, fewest.untreated, rejects, rely, never_alone)
        yield replace(told_of, where=fewest.whose_untreated or RUN)
    yield from _unequal(shown)


def _few_untreated(facts: ClusterFacts, untreated: int, rejects: str, rely: str, alone: bool) -> Caution:
    """Say so as a note where dates of adoption carry the measured specification, and no estimator does without them."""
    effective = None if facts.leverage is None else facts.leverage.effective
    few = _clusters(untreated)
    if alone or effective is None or effective < 2 * FEW:
        rejects = UNKNOWN if alone else rejects
        return Caution("serious", "few_untreated", f"as few as {few} without treatment{facts.by}: {rejects}; {rely}")
    return Caution(
        "note",
        "few_untreated",
        f"as few as {few} without treatment{facts.by}: what compares with them alone rests on these (the dates of "
        f"adoption carry the measured specification: {effective:.1f} effective clusters)",
    )


def _unequal(shown: Sequence[ClusterFacts]) -> Iterator[Caution]:
    """Tell of the clusters of the tests; of the vcov where its effective ones are few, and fewer."""
    measured = [(f, f.leverage) for f in shown if f.leverage is not None]
    if not measured:
        return
    facts, found = min(measured, key=lambda m: m[1].effective if m[0].vcov < 0 or m[1].effective < FEW else np.inf)
    count = len(found.codes)
    unequal = found.variation >= UNEQUAL or found.effective < count / 2
    if not unequal and found.effective >= FEW:
        return
    advice = (
        "with unequal clusters the permutation of the median estimate, which is not studentised, rejects too often or "
        "too rarely (.085 or .015 at 5% where the 6 smallest or largest of 30 are treated): read the median t"
    )
    said = (
        f"unequal clusters{facts.by}: {found.effective:.1f} effective of {count:,} (coefficient of variation "
        f"{found.partial_variation:.2f} of partial leverage, which the effective number is of, and "
        f"{found.variation:.2f} of rows, {found.rows.min():,} to {found.rows.max():,} a cluster); {advice}"
    )
    few = found.effective < FEW
    yield Caution("serious" if few else "note", "few_effective" if few else "unequal_clusters", said)


def cluster_section(every: Sequence[ClusterFacts]) -> Section:
    """Describe the clusters of the measured specification for the summary, of further vcovs how many are treated."""
    if not every or every[0].leverage is None:
        return Section(say("Clusters"), ())
    facts, found, count = every[0], every[0].leverage, len(every[0].leverage.codes)
    whose = say("the preferred specification") if facts.preferred else say("the first least-squares specification")
    counted = [(f.words, f.leverage.treated) for f in every if f.leverage is not None]
    return Section(
        say("Clusters of {whose}", whose=whose),
        (
            *(
                say(
                    "- {count:,} clusters of `{words}`: {treated:,} with treatment, {count2:,} without",
                    count=len(treated),
                    words=words,
                    treated=int(treated.sum()),
                    count2=int((~treated).sum()),
                )
                for words, treated in counted
            ),
            say(
                "- rows a cluster: {min:,} to {max:,}, coefficient of variation {variation:.2f}",
                min=found.rows.min(),
                max=found.rows.max(),
                variation=found.variation,
            ),
            say(
                "- effective number of clusters: {effective:.1f} = G/(1 + CV²), CV = {variation:.2f} of their partial "
                "leverage (Carter, Schnepel and Steigerwald 2017, errors uncorrelated within clusters)",
                effective=found.effective,
                variation=found.partial_variation,
            ),
            say(
                "- largest share of a cluster: {max:.1%} of the treatment's partial leverage, {max2:.1%} of all "
                "leverage (equal clusters: {value:.1%})",
                max=found.partial.max(),
                max2=found.leverage.max() / found.leverage.sum(),
                value=1 / count,
            ),
        ),
        on_page=True,
    )


def cluster_rows(every: Sequence[ClusterFacts]) -> tuple[tuple[str, float, str], ...]:
    """Return (measure, value, column) of the measured specification, for inference_clusters.csv."""
    return tuple((*row, f.words) for f in every if f.leverage is not None for row in _measures(f.leverage))


def _measures(found: ClusterLeverage) -> tuple[tuple[str, float], ...]:
    count, treated = len(found.codes), int(found.treated.sum())
    return (
        ("clusters", count),
        ("treated clusters", treated),
        ("untreated clusters", count - treated),
        ("effective clusters", found.effective),
        ("smallest rows", float(found.rows.min())),
        ("median rows", float(np.median(found.rows))),
        ("largest rows", float(found.rows.max())),
        ("coefficient of variation, rows", found.variation),
        ("coefficient of variation, leverage", float(np.std(found.leverage) / np.mean(found.leverage))),
        ("coefficient of variation, partial leverage", found.partial_variation),
        ("largest share of leverage", float(found.leverage.max() / found.leverage.sum())),
        ("largest partial leverage", float(found.partial.max())),
    )


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
    treated: Bools
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

    @property
    def partial_variation(self) -> float:
        """The coefficient of variation of the clusters' partial leverage, by which ``effective`` is G / (1 + CV^2)."""
        return float(np.std(self.partial) / np.mean(self.partial))


@dataclass(frozen=True, slots=True)
class _RowLeverage:
    """Of the m rows of one specification: their places in the panel, whether treated, leverage and partial leverage."""

    rows: Ints
    on: Bools
    leverage: Floats
    partial: Floats

    def summed(self, cluster: Ints) -> ClusterLeverage:
        """Sum over clusters, codes of the whole panel."""
        codes, of_row = np.unique(cluster[self.rows], return_inverse=True)
        return ClusterLeverage(
            codes,
            np.bincount(of_row),
            np.bincount(of_row[self.on], minlength=len(codes)) > 0,
            np.bincount(of_row, self.leverage).astype(np.float64),
            np.bincount(of_row, self.partial).astype(np.float64),
        )


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
    found = _leverage_of_rows(problem, members, position, dropped)
    return None if found is None else found.summed(cluster)


def _leverage_of_rows(problem: Problem, members: Members, position: int, dropped: Sequence[int]) -> _RowLeverage | None:
    one = members.take(np.array([position]))
    (batch,) = draw_batches(problem, one) or (None,)
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
    squares = q**2
    on = problem.values[batch.rows, one.treatment[0]] != 0
    return _RowLeverage(batch.rows, on, squares.sum(axis=1), squares[:, -1])

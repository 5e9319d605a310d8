"""Least squares by a way of its own: the rows, what is estimable, and the numbers, without anything of the engine.

Effects are taken out by orthogonal bases. The one with the most levels has its dummies, and slopes
on the same levels, orthonormal level by level; the columns of the others, net of it, get a pivoted
QR or, where they are too many numbers, a pivoted Cholesky factor of their cross-products. What is
left must be orthogonal to the effects, else nothing is said. A singular value decomposition of what
is left of the regressors, each at unit length, gives
the null space N of the design and the shortest solution. A weighted sum c'b of coefficients is
estimable where c is in the row space, ‖N'c‖ ≤ 1e-8 ‖c‖ with coefficients at the regressors' unit
lengths (Searle 1971, Linear Models, 5.4), and is then the same for every solution.

Standard errors are V = factor × Σ_g (Σ_{i∈g} a_i e_i)² with a row's influence a_i and residual e_i; fixest's rule:
K counts coefficients, the levels of effects less one for each effect after the first, and a
slope's levels; under clustering not the effects whose every level lies in one cluster, but one
for all of these. The factor is (N − 1)/(N − K) × G/(G − 1), for hetero N/(N − K). What the other
rules count, `engine.ssc` says; it is counted here once more, from tables of levels.

Rows are taken from the data anew: pandas drops the missing ones and pyfixest finds the singletons. A Sun-Abraham
model has a column for each cohort and period since treatment, and its estimate is the average of those after
treatment, weighted by their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._study import Rule
from specdid.engine.one_by_one import OneByOneWork
from specdid.engine.problem import Vcov
from specdid.estimators._base import CellAverage

SlopeColumns = Sequence[tuple[Ints, Floats]]

ESTIMABLE = 1e-8
"""Share of a weighted sum outside the row space up to which it is estimable."""
RANK = 1e-9
"""Singular values of unit-length regressors, as a share of the largest, that count as zero."""
ROUNDING = 1e-14
"""Share of a column's own size that is its rounding."""
LARGEST_BASIS = 5e7
"""Numbers that the other effects' columns may be for a QR; where they are more, their cross-products are factorised."""
LARGEST_GRAM = 8_000
"""Levels of the other effects up to which their cross-products are; beyond, each column is solved for by iterations."""
GRAM_RANK = 1e-12
"""What is left of a column of unit length, squared, that counts as nothing beside the others."""
ITERATIONS = 20_000
SOLVED = 1e-10
"""Largest correlation of a column net of the effects with one of theirs."""


class UnsolvedError(Exception):
    """The effects could not be taken out exactly; the words say why. Nothing is known then of the specification."""


@dataclass(frozen=True, slots=True)
class Solved:
    """A regression, and what of it is estimable.

    Attributes
    ----------
    outside : share of the weighted sum that lies outside the row space
    tied : places of the columns that it cannot be told apart from, and its own, where it does
    estimate : of the weighted sum
    influence : (n,) each row's part in it by its residual, times √weight
    residual : (n,) times √weight
    rank : of the regressors net of the effects
    condition : largest by smallest singular value that is not zero
    absorbed : rank of the effects
    """

    outside: float
    tied: tuple[int, ...]
    estimate: float
    influence: Floats
    residual: Floats
    rank: int
    condition: float
    absorbed: int

    @property
    def identified(self) -> bool:
        """Whether the weighted sum is estimable."""
        return self.outside <= ESTIMABLE


class NetRegressors:
    """Regressors on some rows, net of fixed effects.

    Parameters
    ----------
    columns : (n, k), in any order
    effects : levels of each effect, (n,); none is an intercept, unless there are slopes
    slopes : levels and values of each
    weights : (n,) or None
    """

    def __init__(
        self, columns: Floats, effects: Sequence[Ints], slopes: SlopeColumns = (), weights: Floats | None = None
    ):
        n = len(columns)
        self.root = np.ones(n) if weights is None else np.sqrt(weights / weights.mean())
        known = list(effects) if len(effects) or len(slopes) else [np.zeros(n, np.int64)]
        self.effects = _EffectDummies(known, slopes, self.root)
        scaled, size = _scaled(columns * self.root[:, None])
        net = self.effects.out_of(scaled)
        length = np.linalg.norm(net, axis=0)
        centred = np.linalg.norm(scaled - self.root[:, None] * (self.root @ scaled / (self.root @ self.root)), axis=0)
        gone = length <= np.maximum(RANK * centred, ROUNDING * np.linalg.norm(scaled, axis=0))
        length = np.where(gone, np.maximum(centred, np.finfo(float).tiny), length)
        self.length = length * size
        self._decompose(np.where(gone, 0.0, net / length))

    def _decompose(self, units: Floats) -> None:
        if not units.shape[1]:
            self.left, self.values, self.right = np.zeros((len(units), 0)), np.zeros(0), np.zeros((0, 0))
            self.null = np.zeros((0, 0))
            return
        q, r = np.linalg.qr(units)
        u, values, right = np.linalg.svd(r)
        kept = values > RANK * max(values[0], np.finfo(float).tiny)
        self.left, self.values = q @ u[:, : len(values)][:, kept], values[kept]
        self.right, self.null = right[: len(values)][kept], np.delete(right, np.flatnonzero(kept), axis=0)

    def solve(self, outcome: Floats, average: Floats) -> Solved:
        """Estimate ``average`` @ coefficients, (k,) weights of the columns' own units."""
        wanted = average / self.length
        size = float(np.linalg.norm(wanted))
        direction = self.null.T @ (self.null @ wanted)
        scaled, unit = _scaled((outcome * self.root)[:, None])
        y = self.effects.out_of(scaled)[:, 0]
        residual = y - self.left @ (self.left.T @ y)
        residual = residual - self.left @ (self.left.T @ residual)
        influence = self.left @ ((self.right @ wanted) / self.values)
        largest = np.abs(direction).max(initial=0.0)
        return Solved(
            outside=float(np.linalg.norm(direction)) / size if size else 0.0,
            tied=tuple(np.flatnonzero(np.abs(direction) > 1e-6 * largest).tolist()) if largest else (),
            estimate=float(influence @ y) * float(unit[0]),
            influence=influence,
            residual=residual * float(unit[0]),
            rank=len(self.values),
            condition=self.condition,
            absorbed=self.effects.rank,
        )

    @property
    def condition(self) -> float:
        """Return the largest by the smallest singular value that is not zero."""
        return float(self.values[0] / self.values[-1]) if len(self.values) else 1.0

    def fitted(self, outcome: Floats) -> tuple[Floats, Floats]:
        """Return what the regressors fit of a column net of the effects, and what they leave, (n,) times √weight."""
        scaled, unit = _scaled((outcome * self.root)[:, None])
        net = self.effects.out_of(scaled)[:, 0]
        inside = self.left @ (self.left.T @ net)
        inside += self.left @ (self.left.T @ (net - inside))
        return inside * float(unit[0]), (net - inside) * float(unit[0])

    def left_of(self, columns: Floats) -> Floats:
        """Return the share of each column, (n, m), that is no combination of effects and regressors, (m,)."""
        scaled, _ = _scaled(columns * self.root[:, None])
        net = self.effects.out_of(scaled)
        net = net - self.left @ (self.left.T @ net)
        net = net - self.left @ (self.left.T @ net)
        centred = scaled - self.root[:, None] * (self.root @ scaled / (self.root @ self.root))
        size, left = np.linalg.norm(centred, axis=0), np.linalg.norm(net, axis=0)
        # What is left of a constant, and what it is compared with, are both rounding.
        rounding = left <= ROUNDING * np.linalg.norm(scaled, axis=0)
        return np.asarray(np.where(rounding, 0.0, left) / np.where(size > 0, size, 1.0))


def _scaled(columns: Floats) -> tuple[Floats, Floats]:
    """Bring the largest value of each column to about one, exactly: squares of 1e200 are no numbers."""
    power = np.frexp(np.abs(columns).max(axis=0, initial=0.0))[1]
    return np.ldexp(columns, -power), np.ldexp(1.0, power)


class _EffectDummies:
    """The span of fixed effects and slopes, on rows times ``root``."""

    def __init__(self, effects: Sequence[Ints], slopes: SlopeColumns, root: Floats) -> None:
        codes = [np.unique(c, return_inverse=True)[1].reshape(-1) for c in effects]
        sloped = [(np.unique(c, return_inverse=True)[1].reshape(-1), x) for c, x in slopes]
        every = [*codes, *(c for c, _ in sloped)]
        self.main = every[int(np.argmax([int(c.max(initial=-1)) for c in every]))]
        spans = [(c, root) for c in codes] + [(c, root * _scaled(x[:, None])[0][:, 0]) for c, x in sloped]
        others = [(c, x) for c, x in spans if not np.array_equal(c, self.main)]
        self.vectors: list[Floats] = []
        self.rank = 0
        for c, vector in spans:
            if np.array_equal(c, self.main):
                self._add(vector)
        self.basis = np.zeros((len(root), 0))
        self.sparse: Any = None
        self.factor: Floats | None = None
        width = sum(int(c.max(initial=-1)) + 1 for c, _ in others)
        if width * len(root) > LARGEST_BASIS:
            self._keep_sparse(others)
            # Of the iterations' columns the rank is that of unconnected effects at the most.
            self.rank += self._factorise() if width <= LARGEST_GRAM else width - len(others)
        elif width:
            self._orthogonal(others)

    def _add(self, vector: Floats) -> None:
        """Make a vector orthonormal within each level of the main effect."""
        size = np.sqrt(np.bincount(self.main, vector**2))
        net = self._within(self._within(vector[:, None]))[:, 0]
        length = np.sqrt(np.bincount(self.main, net**2))
        there = length > RANK * size
        self.vectors.append(net * np.where(there, 1.0 / np.where(there, length, 1.0), 0.0)[self.main])
        self.rank += int(there.sum())

    def _within(self, columns: Floats) -> Floats:
        columns = np.array(columns)
        for vector in self.vectors:
            for column in columns.T:
                column -= np.bincount(self.main, vector * column)[self.main] * vector
        return columns

    def _columns(self, others: Sequence[tuple[Ints, Floats]]) -> Floats:
        blocks = []
        for codes, values in others:
            block = np.zeros((len(codes), int(codes.max()) + 1))
            block[np.arange(len(codes)), codes] = values
            blocks.append(block / np.linalg.norm(block, axis=0).clip(np.finfo(float).tiny))
        return np.hstack(blocks)

    def _orthogonal(self, others: Sequence[tuple[Ints, Floats]]) -> None:
        from scipy.linalg import qr

        net = self._within(self._within(self._columns(others)))
        q, r, _ = qr(net, mode="economic", pivoting=True)
        rank = int(np.count_nonzero(np.abs(np.diag(r)) > RANK))
        self.basis = self._within(q[:, :rank])
        self.rank += rank

    def _keep_sparse(self, others: Sequence[tuple[Ints, Floats]]) -> None:
        """Keep the other effects' columns as they are, of unit length."""
        from scipy import sparse

        rows = np.arange(len(self.main))
        blocks = []
        for codes, values in others:
            length = np.sqrt(np.bincount(codes, values**2)).clip(np.finfo(float).tiny)
            blocks.append(sparse.csr_array((values / length[codes], (rows, codes))))
        self.sparse = sparse.hstack(blocks, format="csr")

    def _factorise(self) -> int:
        """Factorise the cross-products of the other effects' columns, net of the main one; return their rank."""
        from scipy import sparse
        from scipy.linalg.lapack import dpstrf

        rows, levels = np.arange(len(self.main)), int(self.main.max()) + 1
        gram = (self.sparse.T @ self.sparse).toarray()
        for vector in self.vectors:
            by_level = sparse.csr_array((vector, (self.main, rows)), shape=(levels, len(rows))) @ self.sparse
            gram -= (by_level.T @ by_level).toarray()
        factor, pivots, rank, _ = dpstrf(gram, tol=GRAM_RANK, lower=1)
        self.factor, self.kept = np.tril(factor[:rank, :rank]), np.asarray(pivots[:rank], np.int64) - 1
        return int(rank)

    def out_of(self, columns: Floats) -> Floats:
        """Take the effects out of columns, (n, k).

        Raises
        ------
        UnsolvedError
            What is left is not orthogonal to the effects.
        """
        size = np.linalg.norm(columns, axis=0)
        for _ in range(2):  # once more, for what rounding left
            columns = self._within(columns)
            columns = columns - self.basis @ (self.basis.T @ columns)
            if self.sparse is not None:
                solve = self._solved if self.factor is None else self._by_factor
                columns = np.column_stack([solve(c) for c in columns.T]) if columns.shape[1] else columns
        if self.sparse is not None and columns.shape[1]:
            left = np.abs(self.sparse.T @ columns).max(axis=0) / np.where(size > 0, size, 1.0)
            if not left.max() <= SOLVED:
                raise UnsolvedError(
                    f"its fixed effects could not be taken out to {SOLVED:g} (reached {left.max():.1g})"
                )
        return columns

    def _by_factor(self, column: Floats) -> Floats:
        from scipy.linalg import solve_triangular

        asked = (self.sparse.T @ column)[self.kept]
        half = solve_triangular(self.factor, asked, lower=True)
        found = np.zeros(self.sparse.shape[1])
        found[self.kept] = solve_triangular(self.factor, half, lower=True, trans="T")
        return np.asarray(column - self._within((self.sparse @ found)[:, None])[:, 0])

    def _solved(self, column: Floats) -> Floats:
        from scipy.sparse.linalg import LinearOperator, lsmr

        operator = LinearOperator(
            self.sparse.shape,
            matvec=lambda b: self._within((self.sparse @ b)[:, None])[:, 0],
            rmatvec=lambda y: self.sparse.T @ self._within(y[:, None])[:, 0],
            dtype=float,
        )
        found = lsmr(operator, column, atol=1e-15, btol=1e-15, conlim=0, maxiter=ITERATIONS)[0]
        return np.asarray(column - operator.matvec(found))


def corrected(vcov: Vcov, sample: AuditSample, solved: Solved, v: int, dispersion: float | None = None) -> float | None:
    """Return a standard error; NaN where there is none, None for a vcov that the audit does not know.

    Parameters
    ----------
    dispersion
        For a likelihood, the mean of its weights, whose inverse information is the iid variance;
        for least squares None, and the iid variance is of the residuals.
    """
    clusters, rule = sample.clusters[v], vcov.ssc
    if dispersion is not None and rule == "reghdfe":
        rule = "glm"  # ppmlhdfe's
    counted = _counted(rule, sample, clusters, solved)
    if counted is None:
        return None
    n, k = len(sample), solved.rank + counted
    if n <= k:
        return float("nan")
    if vcov.kind == "iid":
        size = float(solved.influence @ solved.influence)
        if dispersion is not None:
            return float(np.sqrt(size / dispersion * ((n - 1) / (n - k) if rule == "fixest" else 1.0)))
        return float(np.sqrt(size * (solved.residual @ solved.residual) / (n if rule == "none" else n - k)))
    scores = solved.influence * solved.residual
    left = {"glm": n - 1, "none": n}.get(rule, n - k)
    if vcov.kind == "hetero":
        return float(np.sqrt(scores @ scores * n / left))
    groups = min(len(np.unique(c)) for c in clusters)
    if groups < 2:
        return float("nan")
    between_groups = 1.0 if rule == "none" else groups / (groups - 1)
    factor = 1.0 if rule in ("glm", "none") else (n - 1) / left
    variance = between(clusters, scores) * factor * between_groups
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _counted(rule: Rule, sample: AuditSample, clusters: tuple[Ints, ...], solved: Solved) -> int | None:
    """Count the parameters of effects and slopes, or of an intercept; None where their rank is not known."""
    if rule in ("areg", "lsdv"):
        sizes = [len(np.unique(c)) for c in (*sample.effects, *(c for c, _ in sample.slopes))]
        if len(sample.effects) == 2 and not sample.slopes:
            return sum(sizes) - _components(*sample.effects)
        others = sum(sizes) - max(sizes, default=0)
        known = others <= LARGEST_GRAM or others * len(sample) <= LARGEST_BASIS
        return solved.absorbed or 1 if known else None
    if rule == "reghdfe":
        return _levels(sample, clusters) - _redundant(sample, clusters)
    return _levels(sample, clusters)


def _redundant(sample: AuditSample, clusters: tuple[Ints, ...]) -> int:
    """Count what reghdfe, beyond fixest, takes for redundant: components but one, slopes on a constant."""
    free = [e for e in sample.effects if not any(_inside(e, c) for c in clusters)]
    found = sum(max((_components(e, f) for e in free[:j]), default=1) - 1 for j, f in enumerate(free))
    for codes, x in sample.slopes:
        own = any(_inside(codes, e) and _inside(e, codes) for e in sample.effects)
        parts = (x[codes == level] for level in np.unique(codes))
        found += sum(not np.ptp(part) if own else not part.any() for part in parts)
    return found


def _components(a: Ints, b: Ints) -> int:
    """Count the groups of levels that no row connects: each row takes the lowest label of its levels until all do."""
    a, b = _numbered(a), _numbered(b)
    label = a
    while True:
        lower = label
        for codes in (b, a):
            least = np.full(int(codes.max()) + 1, len(a))
            np.minimum.at(least, codes, lower)
            lower = least[codes]
        if np.array_equal(lower, label):
            return len(np.unique(label))
        label = lower


def between(clusters: tuple[Ints, ...], scores: NDArray[np.float64]) -> float:
    """Sum squares of sums of scores by cluster; for two clusterings those of both less those of their cells."""
    total = sum(float(np.sum(np.bincount(_numbered(c), scores) ** 2)) for c in clusters)
    if len(clusters) == 2:
        cells = np.unique(np.column_stack(clusters), axis=0, return_inverse=True)[1].reshape(-1)
        total -= float(np.sum(np.bincount(cells, scores) ** 2))
    return total


def _numbered(codes: Ints) -> Ints:
    return np.asarray(np.unique(codes, return_inverse=True)[1].reshape(-1))


def _levels(sample: AuditSample, clusters: tuple[Ints, ...]) -> int:
    """Count the parameters of the effects, and of an intercept where there are none."""
    slopes = sum(len(np.unique(c)) for c, _ in sample.slopes)
    if not sample.effects:
        return slopes + (not sample.slopes)
    nested = [any(_inside(e, c) for c in clusters) for e in sample.effects]
    sizes = [len(np.unique(e)) for e in sample.effects]
    total = sum(sizes) - (len(sizes) - 1)
    return slopes + total - sum(s for s, inside in zip(sizes, nested, strict=True) if inside) + sum(nested)


def _inside(effect: Ints, cluster: Ints) -> bool:
    """Say whether every level of an effect lies in one cluster."""
    pairs = np.unique(np.column_stack([effect, cluster]), axis=0)
    return len(pairs) == len(np.unique(effect))


@dataclass(frozen=True, slots=True)
class AuditSample:
    """A specification on its rows.

    Attributes
    ----------
    rows : (n,) places in the panel
    outcome : (n,)
    treated : (n, m) the treatment, or a column for each cell
    average : (m,) weights with which the columns' coefficients are the estimate
    names : m, what the columns are
    controls : (n, k), labels k
    effects : codes of each effect; slopes : codes and values of each
    weights : (n,) or None
    clusters : for each vcov the codes of its clusters
    unit, time, cohort : (n,) or None; cohort is NaN for the never treated
    instruments : (n, l) of the treatment, l = 0 where it has none
    """

    rows: Ints
    outcome: Floats
    treated: Floats
    average: Floats
    names: tuple[str, ...]
    controls: Floats
    labels: tuple[str, ...]
    effects: tuple[Ints, ...]
    slopes: tuple[tuple[Ints, Floats], ...]
    weights: Floats | None
    clusters: tuple[tuple[Ints, ...], ...]
    unit: Ints | None
    time: Floats | None
    cohort: Floats | None
    instruments: Floats | None = None

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, keep: NDArray[np.bool_] | Ints) -> AuditSample:
        """Return the sample on some of its rows."""

        def some(column: Any) -> Any:
            return None if column is None else column[keep]

        return replace(
            self,
            rows=self.rows[keep],
            outcome=self.outcome[keep],
            treated=self.treated[keep],
            controls=self.controls[keep],
            effects=tuple(c[keep] for c in self.effects),
            slopes=tuple((c[keep], x[keep]) for c, x in self.slopes),
            weights=some(self.weights),
            clusters=tuple(tuple(c[keep] for c in pair) for pair in self.clusters),
            unit=some(self.unit),
            time=some(self.time),
            cohort=some(self.cohort),
            instruments=some(self.instruments),
        )


def sample_of(work: OneByOneWork, s: int) -> AuditSample:
    """Take member ``s`` from the data: complete rows, without singletons; a Sun-Abraham model with its cells."""
    method = work.methods[work.method[s]]
    declared = _plugins.load("estimators", method.name)
    if declared.changes == "controls":
        found = record_of(work, s)
        return found.take(np.flatnonzero(np.isfinite(found.controls).all(axis=1)))
    found = _complete(work, s) if declared.takes_singletons(method.options) else without_singletons(_complete(work, s))
    return with_cells(found, declared.cells(method.options)) if declared.cells and len(found) else found


def record_of(work: OneByOneWork, s: int) -> AuditSample:
    """Take the rows of member ``s`` that changes are taken from, as its estimator says; NaN outcomes are not known."""
    method = work.methods[work.method[s]]
    declared = _plugins.load("estimators", method.name)
    if declared.changes == "outcome":
        whole, found = _complete(work, s), _complete(work, s, outcome=False)
        return replace(found, outcome=np.where(np.isin(found.rows, whole.rows), found.outcome, np.nan))
    found = _complete(work, s, controlled=False)
    return found if declared.takes_singletons(method.options) else without_singletons(found)


def _complete(work: OneByOneWork, s: int, controlled: bool = True, outcome: bool = True) -> AuditSample:
    import pandas as pd

    problem, members = work.problem, work.members
    values, codes, effects = problem.values, problem.codes, problem.effects[members.effects[s]]
    controls = members.controls_of(s)
    weight, extra, cohort = int(members.weights[s]), int(members.extra_rows[s]), int(work.cohort[s])
    levels = [*effects.fixed, *(c for c, _ in effects.slopes)]
    numbers = [members.treatment[s], *(x for _, x in effects.slopes)]
    if outcome:
        numbers += [members.outcome[s], *(controls.tolist() if controlled else []), *members.instruments_of(s).tolist()]
        numbers += [c for c in (weight, extra) if c >= 0]
    frame = pd.DataFrame(
        {f"x{j}": values[:, c] for j, c in enumerate(numbers)}
        | {f"l{j}": np.where(codes[:, c] >= 0, codes[:, c], np.nan) for j, c in enumerate(levels)}
    )
    frame = frame[problem.rows[members.rows[s]]].replace([np.inf, -np.inf], np.nan).dropna()
    rows = frame.index.to_numpy(np.int64)
    if weight >= 0 and outcome:
        rows = rows[values[rows, weight] > 0]

    def column(place: int) -> Any:
        return values[rows, place] if place >= 0 else None

    label = problem.labels[members.treatment[s]]
    return AuditSample(
        rows=rows,
        outcome=values[rows, members.outcome[s]],
        treated=values[rows, members.treatment[s], None],
        average=np.ones(1),
        names=(label,),
        controls=values[np.ix_(rows, controls)],
        labels=tuple(problem.labels[c] for c in controls),
        effects=tuple(codes[rows, c] for c in effects.fixed),
        slopes=tuple((codes[rows, c], values[rows, x]) for c, x in effects.slopes),
        weights=column(weight),
        clusters=tuple(tuple(codes[rows, c] for c in v.clusters) for v in problem.vcovs),
        unit=codes[rows, problem.unit] if problem.unit >= 0 else None,
        time=column(work.time),
        cohort=column(cohort),
        instruments=values[np.ix_(rows, members.instruments_of(s))],
    )


def without_singletons(sample: AuditSample) -> AuditSample:
    """Have pyfixest drop the rows that are alone in a level of an effect."""
    from pyfixest.core.detect_singletons import detect_singletons

    if not sample.effects or not len(sample):
        return sample
    return sample.take(~detect_singletons(np.column_stack(sample.effects).astype(np.int64)))


def with_cells(sample: AuditSample, asked: CellAverage) -> AuditSample:
    """Return the cohort × period columns of Sun and Abraham (2021), and the weights of their average.

    Cohorts that are treated in all of their rows leave. With ``control = "notyet"`` there are no
    columns before treatment, and without a never-treated unit the last cohort serves as such,
    until it is treated.
    """
    import pandas as pd

    assert sample.time is not None and sample.cohort is not None  # noqa: PT018 - the plan sees to it
    late = asked.control == "notyet"
    cohort = pd.Series(sample.cohort).where(lambda g: g <= sample.time.max())
    first = pd.Series(sample.time).groupby(cohort).transform("min")
    sample, cohort = sample.take((~(first >= cohort)).to_numpy()), cohort[~(first >= cohort)]
    if late and len(cohort) and cohort.notna().all():
        assert sample.time is not None
        before = sample.time < cohort.max()
        sample, cohort = sample.take(before), cohort[before].where(lambda g: g != cohort.max())
    whole = replace(sample, cohort=cohort.to_numpy(np.float64))
    sample = without_singletons(whole)
    assert sample.time is not None and sample.cohort is not None  # noqa: PT018
    since = sample.time - sample.cohort
    cells = pd.DataFrame({"cohort": sample.cohort, "since": since}).dropna()
    cells = cells[cells.since >= 0] if late else cells[~cells.since.isin(asked.reference)]
    pairs = cells.drop_duplicates().sort_values(["cohort", "since"]).to_numpy()
    columns = (sample.cohort[:, None] == pairs[:, 0]) & (since[:, None] == pairs[:, 1])
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights
    rows = np.where(pairs[:, 1] >= 0, weights @ columns, 0.0)
    names = tuple(f"{sample.names[0]}, cohort {g:g}, period {r:+g}" for g, r in pairs)
    return replace(sample, treated=columns.astype(np.float64), average=rows / rows.sum(), names=names)

"""What fixest, reghdfe and their like make of data: dense dummies, numpy's least squares, no code of specdid.

Coefficients in the order of the columns; one that is a combination of effects and earlier columns
is dropped. Small-sample corrections are fixest's, which reghdfe shares under dofadjustments(clusters).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import expit, logit
from scipy.stats import nbinom, norm

Array = np.ndarray
COLLINEAR = 1e-7


def numbered(*columns: Array) -> Array:
    """Number the joint levels of columns from 0."""
    at = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        level = np.unique(column.astype(str) if column.dtype == object else column, return_inverse=True)[1].reshape(-1)
        at = np.unique(at * (int(level.max(initial=0)) + 1) + level, return_inverse=True)[1].reshape(-1)
    return at


@dataclass
class Absorbed:
    """One fixed effect: its levels, whether each has an intercept, and the columns with a slope in each."""

    codes: Array
    slopes: list[Array] = field(default_factory=list)
    intercept: bool = True

    @property
    def levels(self) -> int:
        return int(self.codes.max()) + 1

    def columns(self) -> Array:
        dummies = np.eye(self.levels)[self.codes]
        return np.hstack([*([dummies] if self.intercept else []), *(dummies * x[:, None] for x in self.slopes)])

    def take(self, keep: Array) -> Absorbed:
        return Absorbed(numbered(self.codes[keep]), [x[keep] for x in self.slopes], self.intercept)


@dataclass
class Fit:
    """A regression: names that were kept, their coefficients, and covariances by kind and clusters."""

    names: list[str]
    beta: Array
    inverse: Array
    scores: Array
    effects: list[Absorbed]
    rows: Array
    rss: float | None  # None: a likelihood, whose information is its inverse covariance

    def parameters(self, clusters: Sequence[Array], count: str = "nested out") -> int:
        """Count K: coefficients and those of effects and slopes.

        "nested out" leaves out effects that lie in a cluster, "no redundant" also those that are
        redundant, "every dummy" is the rank of all dummies and slopes.
        """
        if not self.effects:
            return len(self.beta)  # the constant is one of them
        if count == "every dummy":
            return len(self.beta) + _rank([e.columns() for e in self.effects])
        intercepts = [e for e in self.effects if e.intercept]
        slopes = sum(e.levels * len(e.slopes) for e in self.effects)
        nested = [any(_inside(e.codes, c) for c in clusters) for e in intercepts]
        outside = [e for e, n in zip(intercepts, nested, strict=True) if not n]
        if count == "no redundant":
            varying = sum(_varying(e.codes, x, intercepts) for e in self.effects for x in e.slopes)
            constant = [np.ones((len(self.rows), 1))] if any(nested) or not intercepts else []
            rank = _rank([*constant, *(np.eye(e.levels)[e.codes] for e in outside)]) if intercepts else 0
            return len(self.beta) + varying + rank
        total = sum(e.levels for e in intercepts) - max(len(intercepts) - 1, 0) + slopes
        inside = sum(e.levels for e, n in zip(intercepts, nested, strict=True) if n)
        return len(self.beta) + total - inside + sum(nested)

    def factor(self, clusters: Sequence[Array] = ()) -> float:
        """Give sqrt((N - 1) / (N - K))."""
        n = len(self.rows)
        return float(np.sqrt((n - 1) / (n - self.parameters(clusters))))

    def raw(self, *clusters: Array) -> Array:
        """Give the sandwich with scores summed by joint clusters, without a correction."""
        at = numbered(*clusters) if clusters else np.arange(len(self.rows))
        sums = np.array([np.bincount(at, s) for s in self.scores.T]).reshape(self.scores.shape[1], -1)
        return self.inverse @ (sums @ sums.T) @ self.inverse

    def vcov(
        self,
        kind: str,
        clusters: Sequence[Array] = (),
        count: str = "nested out",
        adjust: bool = True,
        adjust_clusters: bool = True,
    ) -> Array:
        """Give the covariance as fixest corrects it; ``clusters`` on the rows that were used."""
        n, k = len(self.rows), self.parameters(clusters, count)
        left = 1.0 if not adjust else (n - 1) / (n - k) if n > k else float("nan")
        if kind == "iid":
            return self.inverse * (1.0 if self.rss is None else self.rss / (n - 1)) * left
        if kind == "hetero":
            return self.raw() * left * (n / (n - 1) if adjust_clusters else 1.0)
        total = sum(self.raw(c) for c in clusters) - (self.raw(*clusters) if len(clusters) == 2 else 0)
        groups = min(len(np.unique(numbered(c))) for c in clusters)
        return total * left * (groups / (groups - 1) if adjust_clusters else 1.0)


def _rank(blocks: list[Array]) -> int:
    columns = np.hstack(blocks)
    size = np.linalg.norm(columns, axis=0)
    return int(np.linalg.matrix_rank(columns[:, size > 0] / size[size > 0], tol=1e-9))


def _varying(codes: Array, x: Array, intercepts: list[Absorbed]) -> int:
    """Count levels in which a slope's variable varies; without dummies of the levels, in which it is not zero."""
    own = any(np.array_equal(e.codes, codes) for e in intercepts)
    parts = (x[codes == level] for level in np.unique(codes))
    return sum(bool(np.ptp(part)) if own else bool(part.any()) for part in parts)


def _inside(effect: Array, cluster: Array) -> bool:
    pairs = np.unique(np.column_stack([effect, numbered(cluster)]), axis=0)
    return len(pairs) == len(np.unique(effect))


def without_singletons(effects: list[Absorbed], rows: Array, once: bool = False) -> Array:
    """Drop rows that are alone in a level of an effect with an intercept, until there are none, or as fixest does."""
    while True:
        alone = np.zeros(len(rows), bool)
        for effect in (e for e in effects if e.intercept):
            codes = numbered(effect.codes[rows])
            alone |= np.bincount(codes)[codes] == 1
        if not alone.any():
            return rows
        rows = rows[~alone]
        if once:
            return rows


def least_squares(
    outcome: Array,
    columns: dict[str, Array],
    effects: list[Absorbed],
    weights: Array | None = None,
    singletons: bool | str = True,
) -> Fit:
    """Regress on columns and effects; without effects the columns have a constant, first."""
    rows = np.arange(len(outcome))
    rows = without_singletons(effects, rows, singletons == "once") if singletons else rows
    effects = [e.take(rows) for e in effects]
    names = list(columns) if effects else ["(Intercept)", *columns]
    table = [*([] if effects else [np.ones(len(rows))]), *(columns[n][rows] for n in columns)]
    table = np.column_stack(table) if table else np.zeros((len(rows), 0))
    root = np.ones(len(rows)) if weights is None else np.sqrt(weights[rows] / weights[rows].mean())
    fitted = _solve(outcome[rows], table, names, effects, root)
    return Fit(*fitted[:4], effects, rows, float(np.sum(fitted[4] ** 2)))


def two_stage(
    outcome: Array,
    name: str,
    treatment: Array,
    columns: dict[str, Array],
    instruments: dict[str, Array],
    effects: list[Absorbed],
    weights: Array | None = None,
    singletons: bool | str = True,
) -> Fit:
    """Regress on what instruments and columns fit of the treatment; residuals are those of the treatment itself."""
    rows = np.arange(len(outcome))
    rows = without_singletons(effects, rows, singletons == "once") if singletons else rows
    effects = [e.take(rows) for e in effects]
    constant = [] if effects else [np.ones(len(rows))]
    root = np.ones(len(rows)) if weights is None else np.sqrt(weights[rows] / weights[rows].mean())
    exogenous = [*constant, *(c[rows] for c in (*columns.values(), *instruments.values()))]
    beyond = _solve(treatment[rows], np.column_stack(exogenous), [""] * len(exogenous), effects, root)[4]
    names = [name, *([] if effects else ["(Intercept)"]), *columns]
    table = np.column_stack([treatment[rows] - beyond / root, *constant, *(c[rows] for c in columns.values())])
    fitted = _solve(outcome[rows], table, names, effects, root, beyond)
    return Fit(*fitted[:4], effects, rows, float(np.sum(fitted[4] ** 2)))


def _solve(
    outcome: Array,
    table: Array,
    names: list[str],
    effects: list[Absorbed],
    root: Array,
    beyond: Array | None = None,
):
    """Solve; ``beyond`` is what the first column lacks of the one that residuals are taken of."""
    size = np.abs(table).max(axis=0, initial=0)
    size = np.where(size > 0, size, 1.0)
    net, y = (table / size) * root[:, None], outcome * root
    if effects:
        absorbed = np.hstack([e.columns() for e in effects]) * root[:, None]
        absorbed = absorbed / np.linalg.norm(absorbed, axis=0).clip(1e-300)
        u, values, _ = np.linalg.svd(absorbed, full_matrices=False)
        basis = u[:, values > 1e-10 * values[0]]
        for _ in range(2):
            net, y = net - basis @ (basis.T @ net), y - basis @ (basis.T @ y)
    kept = _independent(net, (table / size) * root[:, None])
    q, r = np.linalg.qr(net[:, kept])
    beta = np.linalg.solve(r, q.T @ y)
    residual = y - net[:, kept] @ beta
    if beyond is not None:
        assert kept[0] == 0
        residual = residual - beta[0] / size[0] * beyond
    inverse = np.linalg.inv(r) @ np.linalg.inv(r).T / np.outer(size[kept], size[kept])
    scores = net[:, kept] * size[kept] * residual[:, None]
    return [names[k] for k in kept], beta / size[kept], inverse, scores, residual, net[:, kept] @ beta


def _independent(net: Array, raw: Array) -> list[int]:
    """Give the columns that are no combination of those before them."""
    basis, kept = np.zeros((len(net), 0)), []
    for k in range(net.shape[1]):
        rest = net[:, k] - basis @ (basis.T @ net[:, k])
        rest = rest - basis @ (basis.T @ rest)
        spread = raw[:, k] - raw[:, k].mean()
        if np.linalg.norm(rest) > COLLINEAR * max(np.linalg.norm(spread), 1e-6 * np.linalg.norm(raw[:, k])):
            basis = np.column_stack([basis, rest / np.linalg.norm(rest)])
            kept.append(k)
    return kept


def likelihood(
    outcome: Array, columns: dict[str, Array], effects: list[Absorbed], model: str, weights: Array | None = None
) -> Fit:
    """Fit a "poisson", "logit", "probit" or "negative binomial" model by iterated least squares; weights as they are.

    The information is the expected one, with the dispersion of a negative binomial taken as known.
    """
    names = list(columns) if effects else ["(Intercept)", *columns]
    n = len(outcome)
    table = np.column_stack([*([] if effects else [np.ones(n)]), *columns.values()])
    prior = np.ones(n) if weights is None else weights
    counts = model in ("poisson", "negative binomial")
    link, mean_of = (np.log, np.exp) if counts else (norm.ppf, norm.cdf) if model == "probit" else (logit, expit)
    predictor = link((outcome + outcome.mean()) / 2 if counts else (outcome + 0.5) / 2)
    alpha = 0.0
    for step in range(200):
        mean = mean_of(predictor)
        if model == "negative binomial" and step > 4:
            alpha = _overdispersion(outcome, mean)
        slope = mean if counts else norm.pdf(predictor) if model == "probit" else mean * (1 - mean)
        root = np.sqrt(prior * slope**2 / (mean + alpha * mean**2 if counts else mean * (1 - mean)))
        target = predictor + (outcome - mean) / slope
        kept, beta, inverse, scores, residual, _ = _solve(target, table, names, effects, root)
        before, predictor = predictor, target - residual / root
        if np.abs(predictor - before).max() < 1e-11 * np.abs(predictor).max() and step > 6:
            break
    return Fit(kept, beta, inverse, scores, effects, np.arange(n), None)


def _overdispersion(outcome: Array, mean: Array) -> float:
    """Give the variance's μ² coefficient at the maximum of the likelihood, by golden sections and a parabola's top."""

    def loss(log_a: float) -> float:
        return -float(nbinom.logpmf(outcome, np.exp(-log_a), 1 / (1 + np.exp(log_a) * mean)).sum())

    def slope(log_a: float) -> float:
        return loss(log_a + 1e-3) - loss(log_a - 1e-3) - (loss(log_a + 2e-3) - loss(log_a - 2e-3)) / 8

    near = minimize_scalar(loss, (-3.0, 0.0)).x
    return float(np.exp(brentq(slope, near - 0.1, near + 0.1, xtol=1e-12)))

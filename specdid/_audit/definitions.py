"""Estimators from their definitions, for the audit: no code of the estimators', and without shortcuts.

Group-time effects: an estimate is written as a function of weights of the units, all of them 1. Its derivative with
respect to the weights of a cluster's units is the cluster's influence on it: it is the imaginary part of the function
at 1 + ih, divided by h = 1e-20, to all digits. So no formula of an influence function is needed:
the function holds the logit, the outcome regression and the sizes of the cohorts.

Synthetic difference in differences: weights are those of R's synthdid, Frank and Wolfe's steps on
‖A x − b‖² / m + ζ² ‖x‖², with A and b centred, written by residuals and not by cross-products as the estimator has
them. A jackknife's estimate is that on the panel from which the units are taken.

de Chaisemartin and D'Haultfœuille's effects: every row is joined by pandas with that of its unit l periods before.
Rows of units that have not switched are compared with in cells of first treatment and period; a row of a unit's l-th
period since its first change is a mover.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specdid._arrays import Floats
from specdid._audit.least_squares import AuditSample

STEP = 1e-20
LARGEST = 4e8
"""Directions × units × cells up to which variances are computed."""


@dataclass(frozen=True, slots=True)
class GroupTime:
    """Units by periods; ``first`` is the place of a unit's first treated period, of the never treated the last."""

    outcome: Floats
    weight: Floats
    controls: list[Floats]
    first: Any
    clusters: list[Any]
    options: Mapping[str, Any] = field(default_factory=dict)

    def option(self, name: str, default: str) -> str:
        """Return an option as text."""
        return str(self.options.get(name, default))

    def estimate(self, units: Any) -> Any:
        """Return the average at weights of the units, (D, U)."""
        width, ahead = self.outcome.shape[1], int(self.option("anticipation", "0"))
        how = self.option("aggregate", "group")
        own = units * _first_known(self.weight)
        cells: dict[int, list[tuple[int, Any]]] = {}
        for g in np.unique(self.first[self.first < width]).tolist():
            for t in range(g, width):
                effect = self._cell(units, g, t, g - 1 - ahead, ahead)
                if effect is not None:
                    key = {"group": g, "simple": 0, "dynamic": t - g, "calendar": t}[how]
                    cells.setdefault(key, []).append((g, effect))
        size = {g: own[:, self.first == g].sum(axis=1) for g in {g for found in cells.values() for g, _ in found}}
        if how == "group":
            cohorts = {g: np.mean([e for _, e in found], axis=0) for g, found in cells.items()}
            return sum(size[g] * cohorts[g] for g in cohorts) / sum(size[g] for g in cohorts)
        means = [sum(size[g] * e for g, e in found) / sum(size[g] for g, _ in found) for found in cells.values()]
        return np.mean(means, axis=0)

    def _cell(self, units: Any, g: int, t: int, base: int, ahead: int) -> Any:
        never = self.first == self.outcome.shape[1]
        beside = never if self.option("control", "never") == "never" else never | (self.first > t + ahead)
        into, beside = self.first == g, beside & (self.first != g)
        if self.option("unbalanced", "pairs") == "rows":
            corners = [(into, t), (into, base), (beside, t), (beside, base)]
            if not all(
                (np.isfinite(self.weight[who, at]) & np.isfinite(self.outcome[who, at])).any() for who, at in corners
            ):
                return None
            means = [self._mean(units, who, at) for who, at in corners]
            return means[0] - means[1] - means[2] + means[3]
        change, w = self.outcome[:, t] - self.outcome[:, base], self.weight[:, base]
        seen = np.isfinite(change) & np.isfinite(w)
        into, beside = into & seen, beside & seen
        if not into.any() or not beside.any():
            return None
        here = into | beside
        columns = [np.ones(int(here.sum())), *(c[here, base] for c in self.controls)]
        x = np.column_stack(_independent(columns, beside[here]))
        way = self.option("est_method", "dr") if x.shape[1] > 1 else "reg"
        return _compared(units[:, here] * w[here], change[here], x, into[here], way)

    def _mean(self, units: Any, who: Any, at: int) -> Any:
        seen = who & np.isfinite(self.outcome[:, at]) & np.isfinite(self.weight[:, at])
        w = units[:, seen] * self.weight[seen, at]
        return w @ self.outcome[seen, at] / w.sum(axis=1)


def _independent(columns: list[Floats], rows: Any) -> list[Floats]:
    kept: list[Floats] = []
    for column in columns:
        if np.linalg.matrix_rank(np.column_stack([*kept, column])[rows], tol=1e-7 * np.sqrt(rows.sum())) > len(kept):
            kept.append(column)
    return kept


def _compared(w: Any, y: Floats, x: Floats, into: Any, way: str) -> Any:
    """Return the effect at weights (D, n): the treated less the comparison group made like them."""
    k = x.shape[1]
    outer = (x[:, :, None] * x[:, None, :]).reshape(len(y), k * k)
    left = np.broadcast_to(y, w.shape)
    if way != "ipw":
        moments = (w[:, ~into] @ outer[~into]).reshape(-1, k, k)
        beta = np.linalg.solve(moments, ((w * y)[:, ~into] @ x[~into])[:, :, None])[:, :, 0]
        left = y - beta @ x.T
    effect = (w * left)[:, into].sum(axis=1) / w[:, into].sum(axis=1)
    if way == "reg":
        return effect
    beta = np.zeros((len(w), k), complex)
    beta[:, 0] = np.log((w[:, into].sum(axis=1) / w[:, ~into].sum(axis=1)).real)
    for step in range(40):
        p = 1 / (1 + np.exp(-(beta @ x.T)))
        moved = np.linalg.solve(((w * p * (1 - p)) @ outer).reshape(-1, k, k), ((w * (into - p)) @ x)[:, :, None])
        beta = beta + moved[:, :, 0]
        if step > 4 and np.abs(moved.real).max() < 1e-13:  # a step more has the derivative settled
            break
    odds = (w * np.exp(beta @ x.T))[:, ~into]
    return effect - (odds * left[:, ~into]).sum(axis=1) / odds.sum(axis=1)


def _first_known(weight: Floats) -> Floats:
    import pandas as pd

    return np.asarray(pd.DataFrame(weight).bfill(axis=1).iloc[:, 0].to_numpy(), dtype=np.float64)


def group_times(sample: AuditSample, options: Mapping[str, Any]) -> GroupTime:
    """Pivot a sample to units by periods."""
    import pandas as pd

    assert sample.cohort is not None  # the plan sees to it
    index = pd.MultiIndex.from_arrays([sample.unit, sample.time])
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights
    rows: dict[str, Any] = {"y": sample.outcome, "w": weights}
    rows |= {f"x{j}": _standardised(column) for j, column in enumerate(sample.controls.T)}
    rows |= {f"c{v}": codes[0] for v, codes in enumerate(sample.clusters) if len(codes) == 1}
    wide = {name: pd.Series(column, index).unstack() for name, column in rows.items()}
    outcome = wide["y"]
    times = outcome.columns.to_numpy()
    cohort = pd.Series(sample.cohort).groupby(np.asarray(sample.unit)).first().reindex(outcome.index)
    first = (times[None, :] < cohort.fillna(np.inf).to_numpy()[:, None]).sum(axis=1)
    keep = first > int(options.get("anticipation", 0))
    if options.get("unbalanced") == "drop":
        keep &= wide["w"].notna().all(axis=1).to_numpy()
    of = {
        v: wide[f"c{v}"].bfill(axis=1).iloc[:, 0].to_numpy()[keep]
        for v in range(len(sample.clusters))
        if f"c{v}" in wide
    }
    parted = {v for v in of if (wide[f"c{v}"].nunique(axis=1) > 1).any()}
    return GroupTime(
        outcome.to_numpy()[keep],
        wide["w"].to_numpy()[keep] / np.nanmean(wide["w"].to_numpy()),
        [wide[f"x{j}"].to_numpy()[keep] for j in range(sample.controls.shape[1])],
        first[keep],
        [of[v] if v in of and v not in parted else None for v in range(len(sample.clusters))],
        options,
    )


def _standardised(values: Floats) -> Floats:
    return np.asarray((values - values.mean()) / (values.std() or 1.0))


def group_time_influences(group_time: GroupTime, cluster: Any) -> Any:
    """Return the influence of each cluster on the estimate; None where there are too many."""
    codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    count, width = int(codes.max()) + 1, group_time.outcome.shape[1]
    cells = len(np.unique(group_time.first)) * width
    if count * len(codes) * cells > LARGEST:
        return None
    directions = 1.0 * (codes == np.arange(count)[:, None])
    return group_time.estimate(1 + 1j * STEP * directions).imag / STEP


def weights_of(controls: Floats, treated: Floats, size: int, first: int) -> tuple[Floats, Floats]:
    """Return the weights of controls (n, T) and of the periods before ``first``, for ``size`` units' mean (T,)."""
    before = controls[:, :first]
    changes = (before[:, 1:] - before[:, :-1]).ravel()
    sigma = float(np.sqrt(((changes - changes.mean()) ** 2).sum() / (len(changes) - 1)))
    zeta = (size * (controls.shape[1] - first)) ** 0.25 * sigma
    after = controls[:, first:].mean(axis=1)
    periods = _fit(before, after, 1e-6 * sigma, 1e-5 * sigma)
    return _fit(before.T, treated[:first], zeta, 1e-5 * sigma), periods


def _fit(columns: Floats, target: Floats, zeta: float, least: float) -> Floats:
    a, b = columns - columns.mean(axis=0), target - target.mean()
    x = np.full(a.shape[1], 1.0 / a.shape[1])
    for most in (100, 10_000):
        x = _steps(a, b, zeta, least, x, most)
        if most == 100:
            x = np.where(x <= x.max() / 4, 0.0, x)
            x = x / x.sum()
    return x


def _steps(a: Floats, b: Floats, zeta: float, least: float, x: Floats, most: int) -> Floats:
    eta = len(a) * zeta**2
    values: list[float] = []
    while len(values) < most and (len(values) < 2 or values[-2] - values[-1] > least**2):
        fitted = a @ x
        gradient = (fitted - b) @ a + eta * x
        corner = int(np.argmin(gradient))
        move = -x
        move[corner] = 1.0 - x[corner]
        change = a[:, corner] - fitted
        length = float(change @ change + eta * (move @ move))
        if length > 0:
            x = x + float(np.clip(-(gradient @ move) / length, 0.0, 1.0)) * move
        rest = a @ x - b
        values.append(float(zeta**2 * (x @ x) + rest @ rest / len(a)))
    return x


class Synthetic:
    """A balanced panel.

    Parameters
    ----------
    outcome : (N, T)
    controls : (N, T) each
    first : (N,) places of first treated periods, T for the never treated
    """

    def __init__(self, outcome: Floats, controls: Sequence[Floats], first: Any) -> None:
        self.outcome, self.controls, self.first = outcome, controls, np.asarray(first)
        self.never = self.first == outcome.shape[1]
        self.cohorts = [int(a) for a in np.unique(self.first[~self.never])]
        y = self._net(np.ones(len(self.first), bool))
        self.weights = {
            a: weights_of(y[self.never], y[self.first == a].mean(axis=0), int((self.first == a).sum()), a)
            for a in self.cohorts
        }

    def _net(self, stays: Any) -> Floats:
        """Take the controls out, with dummies of units and periods on those never treated that stay."""
        if not self.controls:
            return self.outcome
        own, last = np.flatnonzero(self.never & stays), self.outcome.shape[1]
        unit, time = np.repeat(np.arange(len(own)), last), np.tile(np.arange(last), len(own))
        dummies = [unit[:, None] == np.arange(len(own)), time[:, None] == np.arange(1, last)]
        columns = [(x - x.mean()) / (x.std() or 1.0) for x in self.controls]
        design = np.column_stack([*(x[own].ravel() for x in columns), *dummies]).astype(np.float64)
        beta = np.linalg.lstsq(design, self.outcome[own].ravel(), rcond=1e-10)[0]
        return np.asarray(self.outcome - sum(b * x for b, x in zip(beta, columns, strict=False)))

    def estimate(self, stays: Any = None) -> float:
        """Return the average over treated cells of the units that stay."""
        stays = np.ones(len(self.first), bool) if stays is None else stays
        y, total, cells = self._net(stays), 0.0, 0
        for a in self.cohorts:
            omega, lam = self.weights[a]
            omega = omega * stays[self.never]
            if not omega.sum() > 0 or not (stays & (self.first == a)).any():
                return float("nan")
            synthetic = omega @ y[self.never] / omega.sum()
            for own in y[stays & (self.first == a)]:
                gap = own - synthetic
                total += (y.shape[1] - a) * float(gap[a:].mean() - lam @ gap[:a])
                cells += y.shape[1] - a
        return total / cells

    def jackknife(self, clusters: Any) -> float:
        """Return the standard error from estimates without each cluster, NaN where one leaves nothing to compare."""
        left = np.array([self.estimate(clusters != g) for g in np.unique(clusters)])
        return float(np.sqrt((len(left) - 1) / len(left) * ((left - left.mean()) ** 2).sum()))


def average_of_changes(frame: Any, options: Mapping[str, Any], clusters: Any) -> tuple[float, list[float]]:
    """Return the estimate and an error for each of ``clusters``, columns of the frame that hold units whole.

    ``frame`` has the columns unit, t (whole numbers without gaps from one period to the next), y, d and w; where y or d
    is missing the row has a treatment alone, or nothing.
    """
    f, last = _dated(frame)
    count, total = int(options.get("effects", 1)), options.get("aggregate", "total") == "total"
    every = {lag: _joined(f, lag, last, options) for lag in range(1, count + 1)}
    if options.get("same_switchers"):
        reach = set.intersection(*(set(j.unit[j.mover]) for j in every.values()))
        every = {lag: _moved(j, j.mover & j.unit.isin(reach)) for lag, j in every.items()}
    used = every if total else {count: every[count]}
    above = below = 0.0
    for joined in used.values():
        m = joined[joined.mover]
        above += float((m.sign * m.w * (m.change - m.beside)).sum())
        per = m.away if total else m.since if options.get("normalized") else 1.0
        below += float((m.w * per).sum())
    errors = []
    for column in clusters:
        parts = [_influences_of_changes(joined, column) for joined in used.values()]
        sums: Any = sum(p.reindex(f.unit.unique(), fill_value=0.0) for p in parts)
        own = f.groupby("unit")[column].first()
        errors.append(float(np.sqrt((sums.groupby(own).sum(min_count=1) ** 2).sum(skipna=False)) / below))
    return above / below, errors


def _dated(frame: Any) -> tuple[Any, float]:
    """Add each unit's first treatment, the period and the value of its first other one, and what it had since."""
    f = frame[frame.d.notna() & (frame.groupby("unit").y.transform("count") > 0)]
    f = f.sort_values(["unit", "t"]).reset_index(drop=True)
    f["base"] = f.groupby("unit").d.transform("first")
    up, down = ((side.groupby(f.unit).cummax()) for side in (f.d > f.base, f.d < f.base))
    f = f[~(up & down)].copy()
    f["before"] = f.groupby("unit").t.shift()
    change = f[f.d != f.base].groupby("unit").first()
    f["first"] = f.unit.map(change.t).fillna(np.inf)
    f["after"] = f.unit.map(change.d)
    spread = f.groupby("unit")[["base", "first"]].first()
    kept = spread.groupby("base")["first"].transform("nunique") > 1
    f = f[f.unit.map(kept)]
    lost = f.unit.map(change.t - change.before > 1).fillna(False).astype(bool)
    f = f[~(lost & (f.t >= f["first"]))].copy()
    f.loc[f.unit.map(change.t - change.before > 1).fillna(False).astype(bool), "first"] = np.inf
    f["away"] = (f.d - f.base).abs()
    return f, float(f.t[f.t < f["first"]].max())


def _joined(f: Any, lag: int, last: float, options: Mapping[str, Any]) -> Any:
    earlier = f[["unit", "t", "y"]].assign(t=f.t + lag).rename(columns={"y": "earlier"})
    j = f.merge(earlier, on=["unit", "t"])
    j["change"] = j.y - j.earlier
    j = j[j.change.notna()].copy()
    j["control"] = (j.t < j["first"]) & ((j["first"] > last) | (not options.get("only_never_switchers", False)))
    j["cell"] = j.groupby(["base", "t"]).ngroup()
    c = j[j.control]
    j["wait"] = j.cell.map(c.w.groupby(c.cell).sum()).fillna(0.0)
    j["beside"] = j.cell.map((c.w * c.change).groupby(c.cell).sum()) / j.wait
    j["sign"] = np.sign(j.after - j.base)
    j["cohort"] = j.groupby(["base", "first", "after"], dropna=False).ngroup()
    j["since"] = 0.0
    for k in range(lag):  # a treatment that is missing after the switch is the one switched to
        at = f.set_index(["unit", "t"]).away.reindex(list(zip(j.unit, j.t - k, strict=True))).to_numpy()
        j["since"] += np.where(np.isnan(at), (j.after - j.base).abs(), at)
    return _moved(j, (j.t == j["first"] - 1 + lag) & (j.wait > 0))


def _moved(j: Any, mover: Any) -> Any:
    return j.assign(mover=mover)


def _influences_of_changes(j: Any, column: str) -> Any:
    """Return each unit's part in the sum of movers' changes; NaN where a mean is of one cluster."""
    parts = []
    for sign in (1.0, -1.0):
        mover = j.mover & (j.sign == sign)
        m, c, both = j[mover], j[j.control], j[mover | j.control]
        share = j.cell.map(m.w.groupby(m.cell).sum()).fillna(0.0) / j.wait
        for rows, coefficient, by in ((m, m.w, "cohort"), (c, -c.w * share[c.index], "cell")):
            keep = coefficient != 0
            mean, n = _about(rows, rows[by], rows, by, column)
            union, every = _about(both, both.cell, rows, "cell", column)
            mean, n = mean.where(n > 1, union), n.where(n > 1, every)
            scale = np.sqrt(n / (n - 1).where(n > 1))
            parts.append((rows.unit[keep], (sign * coefficient * scale * (rows.change - mean))[keep]))
    import pandas as pd

    units, values = (pd.concat([p[k] for p in parts]) for k in (0, 1))
    return values.groupby(units).sum(min_count=1).where(~values.isna().groupby(units).any())


def _about(rows: Any, groups: Any, of: Any, by: str, column: str) -> tuple[Any, Any]:
    """Return weighted means of changes and numbers of clusters of groups of ``rows``, for the rows ``of``."""
    mean = (rows.w * rows.change).groupby(groups).sum() / rows.w.groupby(groups).sum()
    return of[by].map(mean), of[by].map(rows[column].groupby(groups).nunique())

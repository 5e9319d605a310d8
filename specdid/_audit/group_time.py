"""Group-time effects from their definition, and their variances by the infinitesimal jackknife.

An estimate is written as a function of weights of the units, all of them 1. Its derivative with respect
to the weights of a cluster's units is the cluster's influence on it: it is the imaginary part of the function
at 1 + ih, divided by h = 1e-20, to all digits. So no formula of an influence function is needed:
the function holds the logit, the outcome regression and the sizes of the cohorts.
"""

from __future__ import annotations

from collections.abc import Mapping
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


def laid_out(record: AuditSample, sample: AuditSample, options: Mapping[str, Any]) -> GroupTime:
    """Pivot a sample to units by periods; ``record`` has the rows that lack nothing but controls too."""
    import pandas as pd

    assert sample.cohort is not None  # the plan sees to it
    index = pd.MultiIndex.from_arrays([sample.unit, sample.time])
    rows: dict[str, Any] = {"w": np.ones(len(sample)) if sample.weights is None else sample.weights}
    rows |= {f"x{j}": _standardised(column) for j, column in enumerate(sample.controls.T)}
    rows |= {f"c{v}": codes[0] for v, codes in enumerate(sample.clusters) if len(codes) == 1}
    wide = {name: pd.Series(column, index).unstack() for name, column in rows.items()}
    outcome = pd.Series(record.outcome, pd.MultiIndex.from_arrays([record.unit, record.time])).unstack()
    outcome = outcome.loc[wide["w"].index].dropna(axis=1, how="all")
    times = outcome.columns.to_numpy()
    cohort = pd.Series(sample.cohort).groupby(np.asarray(sample.unit)).first().reindex(outcome.index)
    first = (times[None, :] < cohort.fillna(np.inf).to_numpy()[:, None]).sum(axis=1)
    keep = first > int(options.get("anticipation", 0))
    wide = {name: table.reindex(columns=times) for name, table in wide.items()}
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


def influences(group_time: GroupTime, cluster: Any) -> Any:
    """Return the influence of each cluster on the estimate; None where there are too many."""
    codes = np.unique(cluster, return_inverse=True)[1].reshape(-1)
    count, width = int(codes.max()) + 1, group_time.outcome.shape[1]
    cells = len(np.unique(group_time.first)) * width
    if count * len(codes) * cells > LARGEST:
        return None
    directions = 1.0 * (codes == np.arange(count)[:, None])
    return group_time.estimate(1 + 1j * STEP * directions).imag / STEP

"""de Chaisemartin and D'Haultfœuille's effects from rows joined by pandas, sharing no code with the estimator.

Every row is joined with that of its unit l periods before. Rows of units that have not switched are compared with in
cells of first treatment and period; a row of a unit's l-th period since its first change is a mover.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


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
        parts = [_influences(joined, column) for joined in used.values()]
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


def _influences(j: Any, column: str) -> Any:
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

"""One specification's variables, on rows that are taken from the data anew.

pandas drops the missing rows and pyfixest finds the singletons; nothing of the engine's masks
is used. A Sun-Abraham model has a column for each cohort and period since treatment, and its
estimate is the average of those after treatment, weighted by their rows.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid.engine.one_by_one import OneByOneWork
from specdid.estimators._base import CellAverage


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
        )


def sample_of(work: OneByOneWork, s: int) -> AuditSample:
    """Take member ``s`` from the data: complete rows, without singletons; a Sun-Abraham model with its cells."""
    method = work.methods[work.method[s]]
    declared = _plugins.load("estimators", method.name)
    if declared.changes:
        found = record_of(work, s)
        return found.take(np.flatnonzero(np.isfinite(found.controls).all(axis=1)))
    found = without_singletons(_complete(work, s))
    return with_cells(found, declared.cells(method.options)) if declared.cells and len(found) else found


def record_of(work: OneByOneWork, s: int) -> AuditSample:
    """Take the rows of member ``s`` that lack nothing but controls: what changes of the outcome are taken from."""
    return without_singletons(_complete(work, s, controlled=False))


def _complete(work: OneByOneWork, s: int, controlled: bool = True) -> AuditSample:
    import pandas as pd

    problem, members = work.problem, work.members
    values, codes, effects = problem.values, problem.codes, problem.effects[members.effects[s]]
    controls = members.controls_of(s)
    weight, extra, cohort = int(members.weights[s]), int(members.extra_rows[s]), int(work.cohort[s])
    levels = [*effects.fixed, *(c for c, _ in effects.slopes)]
    numbers = [members.outcome[s], members.treatment[s], *(x for _, x in effects.slopes)]
    numbers += controls.tolist() if controlled else []
    numbers += [c for c in (weight, extra) if c >= 0]
    frame = pd.DataFrame(
        {f"x{j}": values[:, c] for j, c in enumerate(numbers)}
        | {f"l{j}": np.where(codes[:, c] >= 0, codes[:, c], np.nan) for j, c in enumerate(levels)}
    )
    frame = frame[problem.rows[members.rows[s]]].replace([np.inf, -np.inf], np.nan).dropna()
    rows = frame.index.to_numpy(np.int64)
    if weight >= 0:
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

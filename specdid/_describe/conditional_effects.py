"""Whether anybody is where a coefficient is the effect: at zero of what its treatment is multiplied with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._arrays import Ints
from specdid._diagnostics import first_few
from specdid._plan.estimands import Made, vanishes_with
from specdid._records import Caution, Results, Status
from specdid.engine.compile import Compiled


def conditional_effects(results: Results, compiled: Compiled) -> Iterator[Caution]:
    """Warn of effects "where x is 0" of no treated unit; n_treated counts those of the regression."""
    members = compiled.members
    ok = np.flatnonzero((results.status == Status.OK)[members.index])
    aims, words = results.planned.estimand.codes[members.index[ok]], results.planned.estimand.words
    for aim in np.unique(aims).tolist():
        if " where " not in words[aim]:
            continue
        here = ok[aims == aim]
        found = [_there(compiled, t, columns, rows) for t, columns, rows in _regressions(compiled, here) if columns]
        if not found:
            continue
        if beyond := max(found, key=len):
            labels = [f"`{compiled.problem.labels[c]}` [{low}; {high}]" for c, low, high in beyond]
            yield Caution(
                "serious",
                "effect_of_none",
                f"{words[aim]}: no treated row is there, and the number is no effect of anybody; what multiplies the "
                f"treatment in {first_few(labels)} is never 0 in treated rows; take a value off first that they have, "
                "as in `d:I(x - 10)`",
                specifications=len(here),
            )


def _regressions(compiled: Compiled, ok: Ints) -> Iterator[tuple[int, tuple[int, ...], int]]:
    """Give the treatments of members, the columns among their controls that multiply it, and their rows, each once."""
    members = compiled.members
    for t in np.unique(members.treatment[ok]).tolist():
        mine, own = members.take(ok[members.treatment[ok] == t]), Made(compiled.value_recipes[t].bounds)
        columns = [c for c in np.unique(mine.controls).tolist() if _multiplies(compiled, own, t, c)]
        within = np.zeros((len(mine.rows), len(columns) + 1), np.int64)
        within[:, -1] = mine.rows
        member = np.repeat(np.arange(len(mine.rows)), np.diff(mine.start))
        for k, c in enumerate(columns):
            within[member[mine.controls == c], k] = 1
        for *there, rows in np.unique(within, axis=0).tolist():
            yield t, tuple(c for c, yes in zip(columns, there, strict=True) if yes), rows


def _multiplies(compiled: Compiled, own: Made, t: int, c: int) -> bool:
    """Say whether a column is the treatment times something else; of its own powers every treated row is off zero."""
    values, others = compiled.problem.values, own.times(compiled.value_recipes[c].bounds)
    if others is None:
        return vanishes_with(values[:, t], values[:, c])
    return any(f.digest not in own.atoms for f in others)


def _there(compiled: Compiled, t: int, columns: tuple[int, ...], rows: int) -> list[tuple[int, str, str]]:
    """Return the columns, among those that multiply the treatment, that are never zero in treated rows.

    What is below zero for some and above it for others has zero among its values, as what was centred has.
    """
    problem = compiled.problem
    treatment, others = problem.values[:, t], problem.values[:, list(columns)]
    used = problem.rows[rows] & np.isfinite(treatment) & np.isfinite(others).all(axis=1) & (treatment != 0)
    factor = others[used] / treatment[used][:, None]
    if not len(factor):
        return []
    one_sided = (factor >= 0).all(axis=0) | (factor <= 0).all(axis=0)
    return [
        (columns[k], f"{factor[:, k].min():.4g}", f"{factor[:, k].max():.4g}")
        for k in np.flatnonzero(one_sided & (factor != 0).all(axis=0)).tolist()
    ]

"""Against which periods a treatment's coefficient is, where other terms are the same units' in other periods.

Of ``cert:I(time == 6)`` beside ``cert`` and ``cert:I(time == 0)`` the coefficient is the difference in month 6 less
that in the month that no term names, whoever is treated then. Where there are no such terms that is all other periods,
which needs no words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.identity import Contents
from specdid._plan.records import Codes
from specdid.language import Term, bind
from specdid.language.tree import Call, walk
from specdid.panel import EvaluationError, Evaluator, Panel, period_names
from specdid.panel.design import SPLINES

_CURVES = {"poly", *SPLINES}
"""Functions whose columns are no periods; to find them takes a second, for formulaic."""
NAMED = 3
"""Periods that are named one by one."""


def base_periods(content: Contents, treatment: int, values: Floats, evaluator: Evaluator) -> tuple[Codes, list[str]]:
    """Say relative to which periods a treatment is, under each choice of controls and of fixed effects.

    Parameters
    ----------
    values : of the treatment on the whole panel

    Returns
    -------
    place : (C, F) int32, places in ``words``
    words : "" where there is nothing to say, which is the first
    """
    grid, panel = content.grid, evaluator.panel
    place, words = np.zeros((len(grid.controls), len(grid.fixed_effects)), np.int32), [""]
    units, periods = panel.unit_codes, panel.periods
    if units is None or periods is None or grid.treatments[treatment].arm is not None:
        return place, words
    treated = np.zeros(int(units.max(initial=-1)) + 1, dtype=bool)
    treated[units[values > 0]] = True
    inside = treated[units] & (units >= 0)
    own = _periods_of(values, inside, periods)
    if own is None or inside.all() or own == (every := frozenset(periods[inside].tolist())):
        return place, words

    def of(term: Term) -> list[frozenset[int]]:
        if any(isinstance(node, Call) and node.function in _CURVES for factor in term.factors for node in walk(factor)):
            return []
        try:
            columns = evaluator.term(tuple(bind(f, content.scope) for f in term.factors))
        except EvaluationError:  # said where the control is checked
            return []
        return [found for c in columns if (found := _periods_of(c.numbers, inside, periods))]

    fixed = [found for term in content.fixed_terms(treatment) for found in of(term)]
    chosen = [of(term) for term in grid.controls.terms]
    if not any(found.isdisjoint(own) for found in (*fixed, *(f for each in chosen for f in each))):
        return place, words
    nested = np.array([_nested(content, f, inside, evaluator) for f in range(len(grid.fixed_effects))])
    start = grid.controls.start
    for c in range(len(grid.controls)):
        terms = [*fixed, *(f for k in grid.controls.index[start[c] : start[c + 1]].tolist() for f in chosen[k])]
        named = frozenset[int]().union(*(f for f in terms if f.isdisjoint(own)))
        left = every - own - named
        if named and left and all(f.isdisjoint(own) or f == every for f in terms):
            text = _named(panel, sorted(left))
            words += [] if text in words else [text]
            place[c, nested | (every in terms)] = words.index(text)
    return place, words


def _periods_of(values: Floats, inside: Bools, periods: Ints) -> frozenset[int] | None:
    """Return the periods in which a column is one number for the units ``inside``, 0 being all others; else None."""
    known = np.isfinite(values)
    on = known & (values != 0)
    if not on.any() or (on & ~inside).any() or (values[on] != values[on][0]).any():
        return None
    found = frozenset(np.unique(periods[on]).tolist())
    return found if (on == inside)[known & np.isin(periods, [*found])].all() else None


def _nested(content: Contents, choice: int, inside: Bools, evaluator: Evaluator) -> bool:
    """Say whether fixed effects take out what the units ``inside`` and the others differ in in all periods."""
    for effect in (*content.grid.fixed_effects[choice], *content.setting.absorb):
        try:
            codes = evaluator.codes(tuple(bind(f, content.scope) for f in effect.factors))
        except EvaluationError:
            continue
        known = codes >= 0
        of, count = np.bincount(codes[known], inside[known]), np.bincount(codes[known])
        if not effect.slopes_only and len(of) and ((of == 0) | (of == count)).all() and not (count == 1).all():
            return True
    return False


def _named(panel: Panel, periods: Sequence[int]) -> str:
    names = period_names(panel)
    written = [names[float(t)] for t in periods]
    if len(written) > NAMED:
        return f"{len(written)} other periods of {panel.time}"
    *most, last = written
    return f"{panel.time} {', '.join(most)}{' and ' * bool(most)}{last}"

"""Matched samples: units matched on a cross-section or period by period, as rows with weights, and what they lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Floats, Ints
from specdid._plan.identity import Contents
from specdid._plan.records import MatchSettings
from specdid.language import Bound, bind
from specdid.matching._base import Candidates, Matched, Unmatched
from specdid.panel import Evaluator, Panel, never_treated, number_text


@dataclass(frozen=True, slots=True)
class MatchRecipe:
    """How a matched sample is made of the data.

    ``treated`` are the factors of a 0/1 value of each row, or with ``ever`` those of a
    treatment term: treated is then a unit that has a first treated period by its ``cohort``,
    or without one a unit where the term is not 0 in any period.
    """

    conditions: tuple[Bound, ...]
    on: tuple[tuple[Bound, ...], ...]
    treated: tuple[Bound, ...]
    ever: bool
    at: Bound | None
    exact: tuple[Bound, ...]
    method: str
    settings: MatchSettings
    cohort: Bound | None = None

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """Every expression the sample depends on."""
        others = tuple(bound for bound in (self.at, self.cohort) if bound is not None)
        return (*self.conditions, *(f for term in self.on for f in term), *self.treated, *others, *self.exact)


@dataclass(frozen=True, slots=True)
class CrossSection:
    """One match: of the rows of ``at``, or of one period.

    Attributes
    ----------
    rows : (c,) int64, rows of the panel: the candidates, by unit
    candidates : what was matched, with ``labels`` for its covariates
    result : the match, or why there is none
    n_missing, n_missing_treated : rows that lack a variable to match on, not among ``rows``
    n_unknown, n_ungrouped : rows not among these that lack the treatment, or a group to be matched within
    period : as the data write it; empty with ``at``
    """

    rows: Ints
    candidates: Candidates
    labels: tuple[str, ...]
    result: Matched | Unmatched
    n_missing: int
    n_missing_treated: int
    n_unknown: int
    n_ungrouped: int
    period: str


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """A matched sample: (n,) weights over the panel's rows, 0 where not in it, and the matches.

    ``units`` and ``treated`` count the sample's units and the treated among them, ``absent`` and
    ``absent_treated`` those without a row of ``at``; all 0 where there is no ``at``.
    """

    weights: Floats
    sections: tuple[CrossSection, ...]
    units: int = 0
    treated: int = 0
    absent: int = 0
    absent_treated: int = 0


@dataclass(frozen=True, slots=True)
class _Inputs:
    """A recipe's columns on all rows of the panel; ``usable`` are complete."""

    treated: Floats
    covariates: Floats
    labels: tuple[str, ...]
    groups: Ints | None
    usable: Bools


def match_recipe(content: Contents, sample: int, treatment: int) -> MatchRecipe:
    """Bind the names of a matched sample of ``content.grid`` under its setting."""
    choice, scope = content.grid.samples[sample], content.scope
    match = choice.match
    assert match is not None
    chosen = content.grid.treatments[treatment]
    own = chosen.term.factors
    cohort = chosen.cohort if match.treated is None else None
    return MatchRecipe(
        tuple(bind(c, scope) for c in (choice.where, *content.setting.where)),
        tuple(tuple(bind(f, scope) for f in term.factors) for term in match.on),
        tuple(bind(f, scope) for f in (own if match.treated is None else (match.treated,))),
        match.treated is None,
        None if match.at is None else bind(match.at, scope),
        tuple(bind(n, scope) for n in match.exact),
        match.method,
        match.settings,
        None if cohort is None else bind(cohort, scope),
    )


def match_rows(recipe: MatchRecipe, panel: Panel, evaluator: Evaluator) -> MatchedRows:
    """Match the rows where the recipe's conditions hold.

    With ``at``, units are matched on its rows and keep their weight in every period in
    which the conditions hold; without, every period is matched on its own.
    """
    sample = np.ones(panel.n_rows, dtype=bool)
    for condition in recipe.conditions:
        sample &= evaluator.condition(condition)
    inputs = _inputs(recipe, panel, evaluator)
    weights = np.zeros(panel.n_rows)
    sections = []
    for period, rows in _cross_sections(recipe, panel, evaluator, sample):
        section = _match(recipe, panel, inputs, rows, period)
        sections.append(section)
        if isinstance(section.result, Matched):
            weights[section.rows] = section.result.weights
    if recipe.at is not None and panel.unit_codes is not None:
        by_unit = np.zeros(len(panel.unit_levels) + 1)
        by_unit[panel.unit_codes[weights > 0]] = weights[weights > 0]
        weights = np.where(sample & (panel.unit_codes >= 0), by_unit[panel.unit_codes], 0.0)
        section = sections[0]
        there = sample & (panel.unit_codes >= 0)
        units = np.unique(panel.unit_codes[there])
        treated = np.unique(panel.unit_codes[there & (np.nan_to_num(inputs.treated) != 0)])
        seen = panel.unit_codes[there & evaluator.condition(recipe.at)]
        absent, absent_treated = (len(np.setdiff1d(found, seen)) for found in (units, treated))
        return MatchedRows(weights, (section,), len(units), len(treated), absent, absent_treated)
    return MatchedRows(weights, tuple(sections))


def _inputs(recipe: MatchRecipe, panel: Panel, evaluator: Evaluator) -> _Inputs:
    columns = [column for factors in recipe.on for column in evaluator.term(factors)]
    covariates = np.empty((panel.n_rows, len(columns)))
    for k, column in enumerate(columns):
        covariates[:, k] = column.numbers
    treated = _ever(recipe, panel, evaluator) if recipe.ever else evaluator.numbers(recipe.treated[0])
    groups = evaluator.codes(recipe.exact) if recipe.exact else None
    usable = np.isfinite(covariates).all(axis=1) & np.isfinite(treated)
    if groups is not None:
        usable &= groups >= 0
    return _Inputs(treated, covariates, tuple(c.label for c in columns), groups, usable)


def _ever(recipe: MatchRecipe, panel: Panel, evaluator: Evaluator) -> Floats:
    """Mark the rows of units that are ever treated, by row where there are no units; NaN where nothing says so.

    A unit whose treatment is missing in every row is in no regression, so it is no control whatever its cohort is.
    """
    values = evaluator.term(recipe.treated)[0].numbers
    known, on = ~np.isnan(values), np.nan_to_num(values) != 0
    found = np.where(known, on, np.nan)
    if panel.unit_codes is not None:
        units = np.full(len(panel.unit_levels) + 1, np.nan)
        units[panel.unit_codes[known]] = 0.0
        units[panel.unit_codes[on]] = 1.0
        found = units[panel.unit_codes]
    if recipe.cohort is not None:
        cohort = evaluator.numbers(recipe.cohort)
        ever = ~(never_treated(panel, cohort) | np.isnan(cohort))
        found = np.where(np.isnan(found), np.nan, ever)
    return np.asarray(found)


def _cross_sections(
    recipe: MatchRecipe, panel: Panel, evaluator: Evaluator, sample: Bools
) -> Iterator[tuple[str, Ints]]:
    """Return (period, rows by unit): one of the rows of ``at``, else one per period in order."""
    order = np.arange(panel.n_rows)
    if panel.unit_codes is not None:
        order = np.argsort(panel.unit_codes, kind="stable")
    if recipe.at is not None:
        yield "", order[(sample & evaluator.condition(recipe.at))[order]]
    elif panel.periods is None or panel.time is None:
        yield "", order[sample[order]]
    else:
        time = panel.columns[panel.time].numbers
        for period in np.unique(panel.periods[sample]):
            rows = order[(sample & (panel.periods == period))[order]]
            yield number_text(float(period if time is None else time[rows[0]])), rows


def _match(recipe: MatchRecipe, panel: Panel, inputs: _Inputs, rows: Ints, period: str) -> CrossSection:
    usable = rows[inputs.usable[rows]]
    lost = rows[~inputs.usable[rows]]
    groups = None if inputs.groups is None else inputs.groups[usable]
    candidates = Candidates(inputs.treated[usable] != 0, inputs.covariates[usable], groups)
    result: Matched | Unmatched
    if recipe.at is not None and panel.unit_codes is not None and _repeats(panel.unit_codes[usable]):
        result = Unmatched("`at` selects several rows of one unit")
    elif not candidates.treated.any() or candidates.treated.all():
        result = Unmatched(_one_sided(candidates))
    else:
        result = _plugins.load("matching", recipe.method).match(candidates, recipe.settings)
    unknown = ~np.isfinite(inputs.treated[lost])
    gaps = ~unknown & ~np.isfinite(inputs.covariates[lost]).all(axis=1)
    n_treated = int((inputs.treated[lost][gaps] != 0).sum())
    n_unknown, n_gaps = int(unknown.sum()), int(gaps.sum())
    counts = (n_gaps, n_treated, n_unknown, len(lost) - n_gaps - n_unknown)
    return CrossSection(usable, candidates, inputs.labels, result, *counts, period)


def _repeats(units: Ints) -> bool:
    return len(np.unique(units)) < len(units)


def _one_sided(candidates: Candidates) -> str:
    if not len(candidates):
        return "no row with every variable to match on is left"
    side = "untreated" if candidates.treated.all() else "treated"
    return f"none of the rows to match is {side}"


def shortfalls(found: MatchedRows) -> Iterator[str]:
    """Say what could not be matched: nothing at all, periods, treated units, rows; and what chance decided."""
    failed = [s for s in found.sections if isinstance(s.result, Unmatched)]
    matched = [s for s in found.sections if isinstance(s.result, Matched)]
    if not matched:
        yield "nothing is matched: " + (_reason(failed[0]) if failed else "no row is in the sample")
        return
    noun = "units" if len(found.sections) == 1 else "units, over all periods,"
    if failed:
        periods = ", ".join(s.period for s in failed[:3]) + (", …" if len(failed) > 3 else "")
        total = len(found.sections)
        yield f"nothing is matched in {len(failed)} of {total} periods ({periods}): {_reason(failed[0])}"
    yield from _unmatched_treated(matched, noun, found.treated)
    yield from _tied(matched, noun)
    yield from left_out(found)


def left_out(found: MatchedRows) -> Iterator[str]:
    """Say how many units could not be candidates of a match, and why."""
    noun = "units" if len(found.sections) == 1 else "units, over all periods,"
    yield from _missing([s for s in found.sections if isinstance(s.result, Matched)], noun)
    if found.absent:
        which = f"{found.absent:,} of {found.units:,} {noun} ({found.absent_treated:,} treated)"
        yield f"{which} have no row where `at` holds, and are left out in all others"


def _reason(section: CrossSection) -> str:
    assert isinstance(section.result, Unmatched)
    return section.result.message


def _unmatched_treated(sections: list[CrossSection], noun: str, all_treated: int) -> Iterator[str]:
    """Count treated without a match, among those that could be matched: of ``all_treated``, 0 where not counted."""
    treated = alone = fewer = ratio = 0
    for section in sections:
        assert isinstance(section.result, Matched)
        mine = section.candidates.treated
        treated += int(mine.sum())
        alone += int((section.result.weights[mine] == 0).sum())
        if section.result.pairs is not None:
            count = (section.result.pairs >= 0).sum(axis=1)
            ratio = section.result.pairs.shape[1]
            fewer += int(np.count_nonzero((count > 0) & (count < ratio)))
    if alone:
        of = f" (of {all_treated:,} in the sample)" if all_treated > treated else ""
        yield f"{treated - alone:,} of {treated:,} treated {noun}{of} found a match; the others are left out"
    if fewer:
        yield f"{fewer:,} of {treated:,} treated {noun} found fewer than {ratio} controls"


def _tied(sections: list[CrossSection], noun: str) -> Iterator[str]:
    """Say for how many treated units chance decides: equal neighbours are taken by unit, which means nothing."""
    results = [s.result for s in sections if isinstance(s.result, Matched)]
    tied, treated = sum(r.tied for r in results), sum(int(s.candidates.treated.sum()) for s in sections)
    if tied:
        yield (
            f"{tied:,} of {treated:,} treated {noun} have more equally near controls than they take; the first are "
            "taken, by unit or, without units, in an arbitrary order: see what methods give that take them all "
            "(radius, kernel)"
        )


def _missing(sections: list[CrossSection], noun: str) -> Iterator[str]:
    """Say how many rows lack the treatment, else a variable to match on, else a group to be matched within."""
    lost, unknown, alone = (sum(getattr(s, n) for s in sections) for n in ("n_missing", "n_unknown", "n_ungrouped"))
    total = lost + unknown + alone + sum(len(s.rows) for s in sections)
    if lost:
        treated = sum(s.n_missing_treated for s in sections)
        yield f"{lost:,} of {total:,} {noun} ({treated:,} treated) lack a variable to match on and are left out"
    if unknown:
        yield f"{unknown:,} of {total:,} {noun} lack the treatment, which says on which side, and are left out"
    if alone:
        yield f"{alone:,} of {total:,} {noun} lack a value of `exact`, which they are matched within, and are left out"

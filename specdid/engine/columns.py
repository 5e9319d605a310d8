"""The study's columns, each evaluated once, and the recipe to evaluate it again.

Columns are shared by content: two terms with the same digest are one column, whatever
the option, variant or label they came from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._plan.identity import Contents, effect_digest
from specdid.engine.matched import MatchedRows, MatchRecipe, match_rows
from specdid.engine.problem import Effects
from specdid.language import Bound, Effect, Term, bind, write
from specdid.panel import Evaluator, Panel, first_periods


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a column, a code or a row mask is made of the data.

    ``part`` is the column's place among those of a term that has several. ``match`` is
    that of a matched sample's rows and weights; ``bounds`` are then all it is made of.
    ``needed`` are the columns and codes that a "complete" one is missing without.
    """

    kind: Literal["term", "value", "cohort", "codes", "rows", "fixed", "weights", "complete"]
    bounds: tuple[Bound, ...] = ()
    part: int = 0
    match: MatchRecipe | None = None
    needed: tuple[Recipe, ...] = ()


def evaluate(recipe: Recipe, panel: Panel, evaluator: Evaluator) -> Floats:
    """Evaluate a column of values on (other) data; raises for kinds that are not values."""
    if recipe.kind == "term":
        return evaluator.term(recipe.bounds)[recipe.part].numbers
    if recipe.kind == "value":
        return evaluator.numbers(recipe.bounds[0])
    if recipe.kind == "cohort":
        return first_periods(panel, evaluator.numbers(recipe.bounds[0]))
    if recipe.kind == "weights" and recipe.match is not None:
        weights = match_rows(recipe.match, panel, evaluator).weights
        own = recipe.bounds[len(recipe.match.bounds) :]
        return weights * evaluator.numbers(own[0]) if own else weights
    if recipe.kind == "complete":
        complete = np.ones(panel.n_rows, dtype=bool)
        for one in recipe.needed:
            codes = one.kind == "codes"
            complete &= evaluator.codes(one.bounds) >= 0 if codes else np.isfinite(evaluate(one, panel, evaluator))
        return np.where(complete, 0.0, np.nan)
    raise ValueError(recipe.kind)


def row_mask(recipe: Recipe, panel: Panel, evaluator: Evaluator) -> Bools:
    """Return the rows where every condition of the recipe holds, and of them those that are matched."""
    if recipe.match is not None:
        return match_rows(recipe.match, panel, evaluator).weights > 0
    mask = np.ones(panel.n_rows, dtype=bool)
    for condition in recipe.bounds:
        mask &= evaluator.condition(condition)
    return mask


FIXED = Recipe("fixed")


class Columns:
    """The growing table of values, codes, row masks and effects; one entry per content."""

    def __init__(self, panel: Panel, evaluator: Evaluator) -> None:
        self.panel = panel
        self.evaluator = evaluator
        self.values: list[Floats] = []
        self.labels: list[str] = []
        self.log0: list[Bools | None] = []
        self.codes: list[Ints] = []
        self.code_labels: list[str] = []
        self.rows: list[Bools] = []
        self.effects: list[Effects] = []
        self.value_recipes: list[Recipe] = []
        self.code_recipes: list[Recipe] = []
        self.row_recipes: list[Recipe] = []
        self.several: dict[tuple[int, ...], str] = {}
        self._terms: dict[str, tuple[int, ...]] = {}
        self._codes: dict[str, int] = {}
        self._rows: dict[tuple[str, ...], int] = {}
        self._effects: dict[tuple[str, ...], int] = {}
        self._matched: dict[str, tuple[int, MatchedRows]] = {}

    def add(self, key: str, numbers: Floats, label: str, recipe: Recipe = FIXED, log0: Bools | None = None) -> int:
        """Add one column under ``key`` unless it is there."""
        if key not in self._terms:
            self._terms[key] = (len(self.values),)
            self._append(numbers, label, recipe, log0)
        return self._terms[key][0]

    def _append(self, numbers: Floats, label: str, recipe: Recipe, log0: Bools | None) -> None:
        self.values.append(numbers)
        self.labels.append(label)
        self.log0.append(log0)
        self.value_recipes.append(recipe)

    def term(self, digest: str, term: Term, contents: Contents) -> tuple[int, ...]:
        """Return the columns of a regressor term: several for a factor or a polynomial."""
        if digest not in self._terms:
            bounds = tuple(bind(f, contents.scope) for f in term.factors)
            coded = self.evaluator.term(bounds)
            first = len(self.values)
            for part, column in enumerate(coded):
                label = term.text if len(coded) == 1 else column.label
                self._append(column.numbers, label, Recipe("term", bounds, part), column.log0)
            self._terms[digest] = tuple(range(first, len(self.values)))
            if len(coded) > 1:
                self.several[self._terms[digest]] = term.text
        return self._terms[digest]

    def known(self, digest: str) -> tuple[int, ...]:
        """Return the columns of a term that something already has, else none."""
        return self._terms.get(digest, ())

    def value(self, bound: Bound, label: str) -> int:
        """Return the column of a plain expression: an outcome, a weight, a slope's variable."""
        digest = "t:" + bound.digest
        if digest not in self._terms:
            log0 = self.evaluator.column(bound).log0
            self.add(digest, self.evaluator.numbers(bound), label, Recipe("value", (bound,)), log0)
        return self._terms[digest][0]

    def code(self, factors: Sequence[Bound], label: str) -> int:
        """Return the column of codes of an effect or a cluster."""
        key = "^".join(sorted(f.digest for f in factors))
        if key not in self._codes:
            self._codes[key] = len(self.codes)
            self.codes.append(self.evaluator.codes(tuple(factors)))
            self.code_labels.append(label)
            self.code_recipes.append(Recipe("codes", tuple(factors)))
        return self._codes[key]

    def row_mask(self, digests: tuple[str, ...], conditions: Iterable[Bound]) -> int:
        """Return the mask of rows where every condition holds."""
        if digests not in self._rows:
            recipe = Recipe("rows", tuple(conditions))
            self._rows[digests] = len(self.rows)
            self.rows.append(row_mask(recipe, self.panel, self.evaluator))
            self.row_recipes.append(recipe)
        return self._rows[digests]

    def matched(self, key: str, recipe: MatchRecipe) -> tuple[int, MatchedRows]:
        """Return the mask of a matched sample's rows, and the match."""
        if key not in self._matched:
            found = match_rows(recipe, self.panel, self.evaluator)
            self._matched[key] = len(self.rows), found
            self.rows.append(found.weights > 0)
            self.row_recipes.append(Recipe("rows", recipe.bounds, match=recipe))
        return self._matched[key]

    def effect_set(self, effects: Sequence[Effect], contents: Contents) -> int:
        """Return the fixed-effects option ``effects``, each once."""
        unique = {effect_digest(e, contents.scope): e for e in effects}
        key = tuple(unique)
        if key not in self._effects:
            self._effects[key] = len(self.effects)
            self.effects.append(self._effects_of(unique.values(), contents))
        return self._effects[key]

    def _effects_of(self, effects: Iterable[Effect], contents: Contents) -> Effects:
        fixed: list[int] = []
        slopes: list[tuple[int, int]] = []
        for effect in effects:
            label = "^".join(write(f) for f in effect.factors)
            code = self.code([bind(f, contents.scope) for f in effect.factors], label)
            if not effect.slopes_only:
                fixed.append(code)
            slopes += [(code, self.value(bind(s, contents.scope), write(s))) for s in effect.slopes]
        return Effects(tuple(dict.fromkeys(fixed)), tuple(dict.fromkeys(slopes)))

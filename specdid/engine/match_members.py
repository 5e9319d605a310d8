"""Rows and weights of the specifications on matched samples, and what is to be said of the match."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from specdid._diagnostics import Fault, fault_at
from specdid._plan import Plan
from specdid._plan.identity import Contents, match_digest
from specdid._study import Core
from specdid.engine.columns import Columns, Recipe
from specdid.engine.match_warnings import shortfalls
from specdid.engine.matched import MatchRecipe, match_recipe
from specdid.engine.problem import Ints
from specdid.language import bind, write
from specdid.language.tree import Node


@dataclass(frozen=True, slots=True)
class MatchNote:
    """What a matched sample lost, under one treatment and one combination of variants."""

    sample: int
    treatment: int
    choices: tuple[int, ...]
    message: str


class Members(Protocol):
    """The columns of members that matching fills; ``codes`` are their choices by dimension."""

    codes: Ints
    rows: Ints
    weights: Ints


def enter_matched(members: Members, columns: Columns, content: Contents, here: Ints) -> list[MatchNote]:
    """Fill rows and weights of the members at positions ``here``, of one setting, that are matched."""
    notes = []
    for sample, treatment, mine in _groups(members, content, here):
        match = content.grid.samples[sample].match
        assert match is not None
        parts = [match_digest(match, content.scope), *content.samples[sample]]
        if match.treated is None:
            parts += [content.treatments[treatment], content.cohorts[treatment]]
        key = "|".join(parts)
        recipe = match_recipe(content, sample, treatment)
        members.rows[mine], found = columns.matched(key, recipe)
        for weight in np.unique(members.codes[mine, Core.WEIGHTS]):
            those = mine[members.codes[mine, Core.WEIGHTS] == weight]
            node = content.grid.weights[weight]
            members.weights[those] = (
                _matching_weight(columns, content, node, key, recipe)
                if match.weighted
                else _own_weight(columns, content, node)
            )
        choices = content.setting.choices
        notes += [MatchNote(sample, treatment, choices, words) for words in shortfalls(found)]
    return notes


def _groups(members: Members, content: Contents, here: Ints) -> Iterator[tuple[int, int, Ints]]:
    """Return (sample, treatment, members) for each match that is needed."""
    codes = members.codes[here]
    for sample in np.unique(codes[:, Core.SAMPLE]).tolist():
        match = content.grid.samples[sample].match
        if match is None:
            continue
        of_sample = codes[:, Core.SAMPLE] == sample
        if match.treated is not None:
            yield sample, int(codes[of_sample, Core.TREATMENT].min()), here[of_sample]
        else:
            for treatment in np.unique(codes[of_sample, Core.TREATMENT]).tolist():
                yield sample, treatment, here[of_sample & (codes[:, Core.TREATMENT] == treatment)]


def _own_weight(columns: Columns, content: Contents, node: Node | None) -> int:
    return -1 if node is None else columns.value(bind(node, content.scope), write(node))


def _matching_weight(columns: Columns, content: Contents, node: Node | None, key: str, recipe: MatchRecipe) -> int:
    """Return the column of the match's weights times those of the option."""
    weights = columns.matched(key, recipe)[1].weights
    if node is None:
        return columns.add(f"w:{key}", weights, "matching weights", Recipe("weights", recipe.bounds, match=recipe))
    own = bind(node, content.scope)
    label = f"matching weights × {write(node)}"
    recipe_of = Recipe("weights", (*recipe.bounds, own), match=recipe)
    numbers = weights * columns.evaluator.numbers(own)
    return columns.add(f"w:{key}|{own.digest}", numbers, label, recipe_of)


def match_warnings(plan: Plan, notes: Iterable[MatchNote]) -> tuple[Fault, ...]:
    """Make each note a warning at the sample's ``match``, naming what it is about."""
    faults = []
    for note in notes:
        match = plan.grid.samples[note.sample].match
        assert match is not None
        about = [f"the sample `{plan.dimensions[Core.SAMPLE].labels[note.sample]}`"]
        if match.treated is None and len(plan.dimensions[Core.TREATMENT]) > 1:
            about.append(f"treatment `{plan.dimensions[Core.TREATMENT].labels[note.treatment]}`")
        if len(plan.grid.settings) > 1:
            chosen = zip(plan.dimensions[len(Core) :], note.choices, strict=True)
            about += [f"{d.name} `{d.labels[c]}`" for d, c in chosen]
        message = f"{', '.join(about)}: {note.message}"
        faults.append(fault_at(match.origin, None, "match_lost", message, severity="warning"))
    return tuple(dict.fromkeys(faults))

"""Looking up what a selector of [[exclude]], [preferred] or an analysis means in a dimension."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from specdid._arrays import Bools
from specdid._plan.records import Dimension, Grid
from specdid._study import Selector
from specdid.language import LanguageError, Term, effects, expand, parse, terms, write
from specdid.language.tree import Node


def select(
    dimension: Dimension,
    selectors: Sequence[Selector],
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> Bools:
    """Mark the choices that any of ``selectors`` means.

    A text is looked up as a label first (an option's own label means all its
    expansions), then as a formula compared by its terms whatever their order.

    Returns
    -------
    (C,) bool; all False where nothing matches.
    """
    found = np.zeros(len(dimension), dtype=bool)
    for selector in selectors:
        if selector.text is not None:
            found |= _by_text(dimension, selector.text, grid, macros, columns)
        else:
            found |= _by_terms(dimension, selector, grid, macros, columns)
    return found


def _by_text(dimension: Dimension, text: str, grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]) -> Bools:
    by_label = np.fromiter((label == text for label in dimension.labels), bool, len(dimension))
    declared = [i for i, label in enumerate(dimension.declared) if label == text]
    by_label |= np.isin(dimension.option, declared)
    if by_label.any():
        return by_label
    return _by_formula(dimension, text, grid, macros, columns)


def _by_formula(
    dimension: Dimension, text: str, grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
) -> Bools:
    none = np.zeros(len(dimension), dtype=bool)
    if dimension.name == "estimator":
        return np.array([e.method == text for e in grid.estimators], dtype=bool)
    try:
        empty = 0.0 if dimension.name == "fixed_effects" else 1.0
        nodes = expand(parse(text), macros, columns, empty)
        wanted = [_key(dimension.name, node) for node in nodes]
    except LanguageError:
        return none
    if dimension.name == "controls":
        for key in wanted:
            none |= _equal_sets(grid, key)
        return none
    keys = _choice_keys(dimension.name, grid)
    return np.array([k in wanted for k in keys], dtype=bool) if keys else none


def _key(name: str, node: Node) -> frozenset[str]:
    """Return what a formula means in a dimension, whatever the order of its terms."""
    if name == "fixed_effects":
        return frozenset(e.text for e in effects(node))
    if name in {"controls", "treatment"}:
        return frozenset(_term_key(t) for t in terms(node).terms)
    return frozenset((write(node),))


def _term_key(term: Term) -> str:
    return ":".join(sorted(write(f) for f in term.factors))


def _choice_keys(name: str, grid: Grid) -> list[frozenset[str]]:
    if name == "fixed_effects":
        return [frozenset(e.text for e in option) for option in grid.fixed_effects]
    if name == "treatment":
        return [frozenset((_term_key(t.term),)) for t in grid.treatments]
    if name == "outcome":
        return [frozenset((write(n),)) for n in grid.outcomes]
    if name == "sample":
        # A condition means the sample of its rows, not one matched among them.
        return [frozenset((write(s.where),) if s.match is None else ()) for s in grid.samples]
    if name == "weights":
        return [frozenset(("1" if n is None else write(n),)) for n in grid.weights]
    return []


def _counts(grid: Grid, flags: Bools) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Count, for each controls choice, its terms that are flagged."""
    total = np.concatenate([[0], np.cumsum(flags[grid.controls.index])])
    return np.asarray(total[grid.controls.start[1:]] - total[grid.controls.start[:-1]], np.int64)


def _term_flags(grid: Grid, keys: frozenset[str]) -> Bools:
    return np.array([_term_key(t) in keys for t in grid.controls.terms], dtype=bool)


def _equal_sets(grid: Grid, key: frozenset[str]) -> Bools:
    flags = _term_flags(grid, key)
    if int(flags.sum()) != len(key):
        return np.zeros(len(grid.controls), dtype=bool)
    sizes = np.diff(grid.controls.start)
    return np.asarray((_counts(grid, flags) == len(key)) & (sizes == len(key)))


def _by_terms(
    dimension: Dimension,
    selector: Selector,
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> Bools:
    """``{ has = "pgdp", lacks = "ind2" }``: every term of has, none of lacks."""
    found = np.ones(len(dimension), dtype=bool)
    for expression, wanted in ((selector.has, True), (selector.lacks, False)):
        if expression is None:
            continue
        try:
            node = expand(expression.tree, macros, columns, 1.0)[0]
            key = _key(dimension.name, node)
        except LanguageError:
            return np.zeros(len(dimension), dtype=bool)
        if dimension.name == "controls":
            counts = _counts(grid, _term_flags(grid, key))
            found &= (counts == len(key)) if wanted else (counts == 0)
        else:
            keys = _choice_keys(dimension.name, grid)
            hit = [key <= k if wanted else not key & k for k in keys]
            found &= np.array(hit, dtype=bool) if keys else False
    return found

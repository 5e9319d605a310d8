"""Which specifications are excluded: by the user's rules first, then by ties and by generated ones.

`select` looks up what a selector of [[exclude]], [preferred] or an analysis means in a dimension.

A tie says that of some dimensions only the combinations that [[together]] names are planned. It is a relation between
dimensions, kept as the rows of the file: for each dimension the choices that are meant, crossed within the row. Rows do
not overlap (a check says where they do), so that combinations are counted without being made: of a grid of 10^6 with 10
that are meant, 10 are made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Ints
from specdid._diagnostics import first_few, many
from specdid._plan.identity import Contents, effect_digest
from specdid._plan.records import Codes, Dimension, Grid, Reason, TreatmentChoice
from specdid._study import DIMENSIONS, Exclusion, Selector, Study
from specdid.language import Effect, LanguageError, Term, bind, effects, expand, parse, terms, write
from specdid.language.tree import Call, Name, Node
from specdid.panel import Evaluator

Ranges = Sequence[tuple[int, int]]
"""For each dimension the choices from (included) and to (excluded) which it is taken."""

STRAY = 0.02
"""Share of rows up to which a value that a treatment has beside 0 and 1 is a stray code."""


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


def select_one(
    dimension: Dimension,
    selectors: Sequence[Selector],
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> Bools:
    """Mark what [preferred] may mean: of several choices of that text the one that is an option of its own.

    Returns
    -------
    (C,) bool; more than one is True where it does not say which.
    """
    found = select(dimension, selectors, grid, macros, columns)
    if len(selectors) != 1 or selectors[0].text is None:
        return found
    alone = found & (np.bincount(dimension.option)[dimension.option] == 1)
    return alone if alone.sum() == 1 else found


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


class Exclusions:
    """The specifications while exclusions are applied; the first reason stays."""

    def __init__(self, codes: Codes, setting: Codes) -> None:
        self.codes = codes
        self.setting = setting
        self.reason: Codes = np.full(len(codes), -1, np.int32)
        self.reasons: list[Reason] = []

    def column(self, name: str) -> Codes:
        """Return the choices of a core dimension."""
        return self.codes[:, DIMENSIONS.index(name)]

    def exclude(self, which: Bools, code: str, message: str) -> None:
        """Exclude the specifications marked that have no reason yet."""
        which = which & (self.reason < 0)
        if which.any():
            reason = Reason(code, message)
            if reason not in self.reasons:
                self.reasons.append(reason)
            self.reason[which] = self.reasons.index(reason)


def exclude_untied(table: Exclusions, ties: Sequence[Tied], dimensions: Sequence[Dimension]) -> None:
    """Exclude what no row of a [[together]] has: only a column of an analysis can be such a one.

    An option that the analysis alone has is in no row, and goes with all.
    """
    for tied in ties:
        names = " and ".join(dimensions[d].name for d in tied.places)
        apart = tied.named(table.codes) & ~tied.holds(table.codes)
        table.exclude(apart, "rule", f"[[together]] has no such row of {names}")


def apply_rules(
    table: Exclusions,
    study: Study,
    dimensions: Sequence[Dimension],
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> None:
    """Apply [[exclude]]: every key of ``when`` holds and ``unless`` does not; first match."""
    for rule in study.exclude:
        hit = _holds(table, rule.when, dimensions, grid, macros, columns)
        if rule.unless:
            hit &= ~_holds(table, rule.unless, dimensions, grid, macros, columns)
        table.exclude(hit, "rule", rule.because)


def _holds(
    table: Exclusions,
    condition: Mapping[str, Any],
    dimensions: Sequence[Dimension],
    grid: Grid,
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> Bools:
    hit = np.ones(len(table.codes), dtype=bool)
    for d, dimension in enumerate(dimensions):
        if dimension.name in condition:
            chosen = select(dimension, condition[dimension.name], grid, macros, columns)
            hit &= chosen[table.codes[:, d]]
    return hit


def exclude_own_outcome(table: Exclusions, contents: Sequence[Contents]) -> None:
    """Exclude specifications whose outcome stands on their own right-hand side."""
    for s, content in enumerate(contents):
        grid = content.grid
        for o, digest in enumerate(content.outcomes):
            in_controls = content.having(digest)
            fixed = np.array([digest in content.fixed_digests(t) for t in range(len(grid.treatments))])
            if not in_controls.any() and not fixed.any():
                continue
            hit = in_controls[table.column("controls")] | fixed[table.column("treatment")]
            hit &= (table.setting == s) & (table.column("outcome") == o)
            table.exclude(hit, "own_outcome", f"the outcome `{write(grid.outcomes[o])}` is on its own right-hand side")
        for o, digest in enumerate(content.outcomes):
            if digest in content.instruments:
                hit = (table.setting == s) & (table.column("outcome") == o)
                said = f"the outcome `{write(content.grid.outcomes[o])}` is among the instruments"
                table.exclude(hit, "own_outcome", said)


def exclude_not_honoured(table: Exclusions, contents: Sequence[Contents], study: Study) -> None:
    """Exclude options that an estimator would ignore."""
    for e, choice in enumerate(contents[0].grid.estimators):
        estimator = _plugins.load("estimators", choice.method)
        mine = table.column("estimator") == e
        for s, content in enumerate(contents):
            here = mine & (table.setting == s)
            for flags, words in _dishonoured(estimator, content, study, table):
                table.exclude(here & flags, "not_honoured", f"{choice.method} {words}")


def _dishonoured(estimator: Any, content: Contents, study: Study, table: Exclusions) -> Iterator[tuple[Bools, str]]:
    honours = estimator.honours
    if "controls" not in honours:
        bare = np.array([not content.fixed_terms(t) for t in range(len(content.grid.treatments))])
        empty = np.diff(content.grid.controls.start) == 0
        yield ~(empty[table.column("controls")] & bare[table.column("treatment")]), "takes no controls"
    if not estimator.offset:
        sets = content.grid.controls
        offset = np.array([is_offset(term) for term in sets.terms], dtype=bool)
        has = np.zeros(len(sets.start) - 1, dtype=bool)
        has[np.repeat(np.arange(len(has)), np.diff(sets.start))[offset[sets.index]]] = True
        beside = [any(map(is_offset, content.fixed_terms(t))) for t in range(len(content.grid.treatments))]
        yield has[table.column("controls")] | np.array(beside)[table.column("treatment")], "takes no offset"
    if "weights" not in honours:
        weighted = np.array([w != "" for w in content.weights])
        yield weighted[table.column("weights")], "takes no weights"
        matched = np.array([m is not None and m.weighted for m in (s.match for s in content.grid.samples)])
        yield matched[table.column("sample")], "takes no weights, and this match gives weights"
    if content.setting.instruments and "instruments" not in honours:
        yield np.ones(len(table.codes), dtype=bool), "takes no instruments"
    if estimator.effects == "unit + time":
        wanted = _unit_and_time(content, study)
        other = np.array([frozenset(e) != wanted for e in content.effects])
        yield other[table.column("fixed_effects")], "always has unit and time effects, exactly these"
    if not estimator.slopes:
        sloped = np.array(
            [any(e.slopes for e in (*choice, *content.setting.absorb)) for choice in content.grid.fixed_effects]
        )
        yield sloped[table.column("fixed_effects")], "takes no slopes in the fixed effects"


def is_offset(term: Term) -> bool:
    return isinstance(term.factors[0], Call) and term.factors[0].function == "offset"


def _unit_and_time(content: Contents, study: Study) -> frozenset[str]:
    names = [Name(n) for n in (study.unit, study.time) if n is not None]
    return frozenset(effect_digest(Effect((n,), (), False), content.scope) for n in names)


def exclude_unfit_treatments(table: Exclusions, contents: Sequence[Contents], evaluator: Evaluator) -> None:
    """Exclude cohort estimators where there is no cohort or the treatment is not 0/1."""
    grid = contents[0].grid
    for e, choice in enumerate(grid.estimators):
        estimator = _plugins.load("estimators", choice.method)
        mine = table.column("estimator") == e
        for t, treatment in enumerate(grid.treatments):
            here = mine & (table.column("treatment") == t)
            text = treatment.term.text
            if treatment.arm is not None and (estimator.cohort or estimator.binary):
                words = f"{choice.method} compares a treatment with none, and other arms would count as untreated"
                table.exclude(here, "not_honoured", words)
            if estimator.cohort and treatment.cohort is None:
                table.exclude(here, "no_cohort", f"{choice.method} needs a cohort and `{text}` declares none")
            if not estimator.binary:
                continue
            for s, content in enumerate(contents):
                if (found := _not_binary(evaluator, content, t)) is not None:
                    words = f"{choice.method} needs a 0/1 treatment and `{text}` is {found or 'not'}"
                    table.exclude(here & (table.setting == s), "not_binary", words)


def _not_binary(evaluator: Evaluator, content: Contents, treatment: int) -> str | None:
    """Say what a treatment is beside 0 and 1 where that is a stray code, "" where it is many values; None: nothing."""
    term = content.grid.treatments[treatment].term
    columns = evaluator.term(tuple(bind(f, content.scope) for f in term.factors))
    if len(columns) != 1:
        return ""
    values = columns[0].numbers
    rows = np.flatnonzero(~np.isnan(values) & (values != 0) & (values != 1))
    if not len(rows):
        return None
    other = np.unique(values[rows])
    if len(other) > 1 or len(rows) > STRAY * len(values):
        return ""
    return f"{other[0]:g} in {many(len(rows), 'row')}: {first_few(_named(evaluator, rows), 3)}"


def _named(evaluator: Evaluator, rows: Ints) -> list[str]:
    """Name rows by unit and time, or by their numbers where the panel has none."""
    panel = evaluator.panel
    if panel.unit_codes is None:
        return [f"{n}" for n in panel.row_numbers(rows).tolist()]
    units = [panel.unit_levels[k] for k in panel.unit_codes[rows].tolist()]
    times = panel.columns[panel.time].numbers if panel.time is not None else None
    return units if times is None else [f"{u} {t:.12g}" for u, t in zip(units, times[rows].tolist(), strict=True)]


def exclude_unfit_outcomes(table: Exclusions, contents: Sequence[Contents], evaluator: Evaluator) -> None:
    """Exclude outcomes whose values in a sample an estimator can do nothing with."""
    for e, unfit in _declaring(contents, "unfit"):
        mine = table.column("estimator") == e
        for s, content in enumerate(contents):
            for k, rows in enumerate(_sample_rows(evaluator, content)):
                here = mine & (table.setting == s) & (table.column("sample") == k) & (table.reason < 0)
                for o in np.unique(table.column("outcome")[here]).tolist():
                    node = content.grid.outcomes[o]
                    values = evaluator.numbers(bind(node, content.scope))[rows]
                    values = values[np.isfinite(values)]
                    if len(values) and (needed := unfit(values)):
                        low, high = (f"{v:.4g}" for v in (values.min(), values.max()))
                        has = f"has values from {low} to {high}"
                        has = has if low != high else f"is {low} in every row of the sample"
                        words = f"{content.grid.estimators[e].method} needs {needed}, and `{write(node)}` {has}"
                        table.exclude(here & (table.column("outcome") == o), "unfit_outcome", words)


def exclude_switching_off(table: Exclusions, contents: Sequence[Contents], evaluator: Evaluator) -> None:
    """Exclude treatments that end, where an estimator takes an untreated row for one not treated yet."""
    panel = evaluator.panel
    if panel.unit_codes is None or panel.periods is None:
        return
    order = np.lexsort((panel.periods, panel.unit_codes))
    for e, _ in _declaring(contents, "absorbing"):
        mine = table.column("estimator") == e
        for s, content in enumerate(contents):
            for k, rows in enumerate(_sample_rows(evaluator, content)):
                here = mine & (table.setting == s) & (table.column("sample") == k) & (table.reason < 0)
                for t in np.unique(table.column("treatment")[here]).tolist():
                    term = content.grid.treatments[t].term
                    values = evaluator.term(tuple(bind(f, content.scope) for f in term.factors))[0].numbers
                    seen = order[(rows & ~np.isnan(values))[order]]
                    unit = panel.unit_codes[seen]
                    off = (np.diff(unit) == 0) & (np.diff(values[seen]) < 0)
                    if not off.any():
                        continue
                    count = len(np.unique(unit[1:][off]))
                    words = (
                        f"{content.grid.estimators[e].method} takes untreated rows for those of a unit that was never "
                        f"treated, and `{term.text}` switches off in {count:,} unit{'s' * (count != 1)}"
                    )
                    table.exclude(here & (table.column("treatment") == t), "switches_off", words)


def _declaring(contents: Sequence[Contents], what: str) -> Iterator[tuple[int, Any]]:
    """Return the estimators that declare something, with what they declare."""
    for e, choice in enumerate(contents[0].grid.estimators):
        declared = getattr(_plugins.load("estimators", choice.method), what)
        if declared:
            yield e, declared


def _sample_rows(evaluator: Evaluator, content: Contents) -> Iterator[Bools]:
    """Mark the rows of each sample, before matching and missing values."""
    own = [evaluator.condition(bind(node, content.scope)) for node in content.setting.where]
    for sample in content.grid.samples:
        yield np.logical_and.reduce([evaluator.condition(bind(sample.where, content.scope)), *own])


def exclude_no_main_effects(table: Exclusions, contents: Sequence[Contents], evaluator: Evaluator) -> None:
    """Exclude an interacted treatment where a main effect is neither a term nor absorbed."""
    grid = contents[0].grid
    for t, treatment in enumerate(grid.treatments):
        factors = treatment.term.factors
        if len(factors) < 2:
            continue
        for s, content in enumerate(contents):
            here = (table.setting == s) & (table.column("treatment") == t)
            fixed = content.fixed_digests(t)
            for factor in factors:
                digest = "t:" + bind(factor, content.scope).digest
                if digest in fixed or _sum_of_arms(evaluator, content, treatment, factor):
                    continue
                within = np.array(
                    [
                        any(_constant_within(evaluator, content, factor, e) for e in (*c, *content.setting.absorb))
                        for c in grid.fixed_effects
                    ]
                )
                has = content.having(digest)[table.column("controls")] | within[table.column("fixed_effects")]
                words = f"`{treatment.term.text}` without the main effect of `{write(factor)}`"
                table.exclude(here & ~has, "no_main_effects", words)


def _sum_of_arms(evaluator: Evaluator, content: Contents, treatment: TreatmentChoice, factor: Node) -> bool:
    """Say whether the arms of a factor add up to ``factor``, as an after that only the treated have."""
    if treatment.arm is None:
        return False
    arms = [term for term in (treatment.term, *treatment.with_) if len(term.factors) > 1 and factor in term.factors]
    columns = [evaluator.term(tuple(bind(f, content.scope) for f in term.factors)) for term in arms]
    whole = evaluator.term((bind(factor, content.scope),))
    if len(whole) != 1 or any(len(found) != 1 for found in columns):
        return False
    total = np.sum([found[0].numbers for found in columns], axis=0)
    known = ~np.isnan(total) & ~np.isnan(whole[0].numbers)
    return bool(known.any() and np.array_equal(total[known], whole[0].numbers[known]))


def _constant_within(evaluator: Evaluator, content: Contents, factor: Node, effect: Effect) -> bool:
    """Say whether every column of ``factor`` is constant within the levels of ``effect``."""
    if effect.slopes_only:
        return False
    codes = evaluator.codes(tuple(bind(f, content.scope) for f in effect.factors))
    for column in evaluator.term((bind(factor, content.scope),)):
        known = (codes >= 0) & ~np.isnan(column.numbers)
        if not known.any():
            continue
        level, values = codes[known], column.numbers[known]
        low = np.full(level.max() + 1, np.inf)
        high = np.full(level.max() + 1, -np.inf)
        np.minimum.at(low, level, values)
        np.maximum.at(high, level, values)
        if not (high <= low)[np.unique(level)].all():
            return False
    return True


def unused(rule: Exclusion) -> bool:
    """Say whether a rule has no condition at all."""
    return not rule.when


@dataclass(frozen=True, slots=True)
class Tied:
    """The dimensions at ``places`` of the plan, and of each row the choices of each, ascending."""

    places: tuple[int, ...]
    rows: tuple[tuple[Codes, ...], ...]

    def count(self, ranges: Ranges) -> int:
        """Count the combinations within ``ranges``."""
        return sum(math.prod(map(len, cells)) for cells in self._within(ranges))

    def combinations(self, ranges: Ranges) -> Codes:
        """Return the combinations within ``ranges``, (n, tied dimensions) int32."""
        blocks = [crossed(cells) for cells in self._within(ranges)]
        return np.concatenate(blocks) if blocks else np.zeros((0, len(self.places)), np.int32)

    def _within(self, ranges: Ranges) -> Iterator[tuple[Codes, ...]]:
        for row in self.rows:
            bounds = (ranges[d] for d in self.places)
            yield tuple(cell[(low <= cell) & (cell < high)] for cell, (low, high) in zip(row, bounds, strict=True))

    def holds(self, codes: Codes) -> Bools:
        """Mark the specifications, (S, D) int32, whose choices are together in a row."""
        found = np.zeros(len(codes), dtype=bool)
        for row in self.rows:
            found |= np.logical_and.reduce(
                [np.isin(codes[:, d], cell) for d, cell in zip(self.places, row, strict=True)]
            )
        return found

    def named(self, codes: Codes) -> Bools:
        """Mark the specifications all of whose tied choices are named in some row."""
        found = np.ones(len(codes), dtype=bool)
        for k, d in enumerate(self.places):
            found &= np.isin(codes[:, d], np.concatenate([row[k] for row in self.rows]))
        return found


def crossed(cells: Sequence[Codes]) -> Codes:
    """Return all combinations of some choices, the last varying fastest, (n, len(cells)) int32."""
    grids = np.meshgrid(*cells, indexing="ij")
    return np.stack([g.reshape(-1) for g in grids], axis=1).astype(np.int32)


def tied_choices(
    study: Study, dimensions: Sequence[Dimension], grid: Grid, macros: Mapping[str, Node], columns: Sequence[str]
) -> tuple[Tied, ...]:
    """Look up what the rows of every [[together]] mean."""
    place = {dimension.name: d for d, dimension in enumerate(dimensions)}

    def choices(d: int, cell: object) -> Codes:
        return np.flatnonzero(select(dimensions[d], cell, grid, macros, columns)).astype(np.int32)  # type: ignore[arg-type]

    found = []
    for tie in study.together:
        places = tuple(place[name] for name in tie.dimensions)
        rows = (tuple(choices(d, cell) for d, cell in zip(places, row.cells, strict=True)) for row in tie.rows)
        found.append(Tied(places, tuple(rows)))
    return tuple(found)


def first_choices(ties: Sequence[Tied], named: Sequence[int | None]) -> tuple[int, ...]:
    """Return a choice of every dimension: what is ``named``, else the first; in a tie the first with what is named.

    Where nothing in a tie goes with what is named, the first is returned, and is not planned.
    """
    found = [0 if choice is None else choice for choice in named]
    for tied in ties:
        free = [k for k, d in enumerate(tied.places) if named[d] is None]
        fits = [
            [row[k][0] for k in free]
            for row in tied.rows
            if all(len(cell) for cell in row)
            and all(named[d] is None or named[d] in row[k] for k, d in enumerate(tied.places))
        ]
        if free and fits:
            for k, choice in zip(free, min(fits), strict=True):
                found[tied.places[k]] = int(choice)
    return tuple(found)

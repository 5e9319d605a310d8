"""Expand, enumerate, exclude, identify: from a study and its panel to a plan.

Specifications are all combinations of choices, as rows of indices in plan order.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._diagnostics import Fault, Faults, SpecError, fault_at
from specdid._hashing import text_word
from specdid._plan.estimands import by_declared_scale, estimands, scales
from specdid._plan.exclude import (
    Exclusions,
    Ranges,
    Tied,
    apply_rules,
    exclude_no_main_effects,
    exclude_not_honoured,
    exclude_own_outcome,
    exclude_switching_off,
    exclude_unfit_outcomes,
    exclude_unfit_treatments,
    exclude_untied,
    first_choices,
    select_one,
    tied_choices,
)
from specdid._plan.expand import Expander, expand_grid, fitting, make_setting
from specdid._plan.identity import Contents, Hashes, match_digest, mix, segment_sums, set_hash
from specdid._plan.records import Codes, Dimension, Grid, Plan, PlanStatus
from specdid._study import DIMENSIONS, Core, Never, Study, TreatmentOption
from specdid.language import LanguageError, bind, terms, write
from specdid.language.tree import Binary, Node, Unary
from specdid.panel import Evaluator, Panel

Choose = Callable[[Sequence[Dimension], Grid, Mapping[str, Node], Sequence[str]], Codes]
"""Returns the rows of a plan: the choice of each dimension."""


def build_plan(study: Study, panel: Panel, evaluator: Evaluator | None = None, choose: Choose | None = None) -> Plan:
    """Plan every specification of ``study`` on the columns of ``panel``, or those that ``choose`` gives.

    Raises
    ------
    SpecError
        Where an option cannot be expanded, the grid is above [run] limit, or a
        treatment without its main effects excludes every specification it is in.
    """
    evaluator = evaluator or Evaluator(panel)
    columns = tuple(panel.columns)
    dimensions, grid, expander = expand_grid(study, columns)
    ties = tied_choices(study, dimensions, grid, expander.macros, columns)
    if choose is None:
        codes = _enumerate(study, dimensions, ties)
    else:
        codes = choose(dimensions, grid, expander.macros, columns)
    grid, setting = _settings(expander, grid, codes)
    contents = [Contents(grid, s) for s in grid.settings]
    table = Exclusions(codes, setting)
    exclude_untied(table, ties, dimensions)
    apply_rules(table, study, dimensions, grid, expander.macros, columns)
    exclude_own_outcome(table, contents)
    exclude_not_honoured(table, contents, study)
    exclude_unfit_treatments(table, contents, evaluator)
    exclude_no_main_effects(table, contents, evaluator)
    exclude_unfit_outcomes(table, contents, evaluator)
    exclude_switching_off(table, contents, evaluator)
    _refuse_hopeless(study, table, dimensions)
    ids = identify(study, contents, codes, setting)
    status, twin = _duplicates(ids, table.reason)
    preferred = _preferred(study, codes, preferred_choices(study, dimensions, grid, ties, expander.macros, columns))
    excluded = table.reason >= 0
    said = estimands(contents, codes, setting, evaluator)
    units, scale = scales(dimensions[Core.OUTCOME].labels, grid, codes, excluded)
    words, estimand = by_declared_scale(said, (units, scale), grid, codes, excluded)
    return Plan(
        study,
        dimensions,
        grid,
        codes,
        setting,
        status,
        table.reason,
        tuple(table.reasons),
        twin,
        ids,
        preferred,
        words,
        estimand,
        units,
        scale,
    )


def _enumerate(study: Study, dimensions: Sequence[Dimension], ties: Sequence[Tied]) -> Codes:
    names = [d.name for d in dimensions]
    starred = [names.index(name) for name, _ in study.one_at_a_time if name in names]
    sizes = [len(d) for d in dimensions]
    total = grid_size(sizes, starred, ties)
    limit = min(study.run.limit, fitting())
    if total > limit:
        counts = " × ".join(f"{len(d)} {d.name}" for d in dimensions if len(d) > 1)
        above, help_ = f"more than the limit of {limit:,}", ", or raise `limit` in [run]"
        if limit < study.run.limit:
            above, help_ = f"and there is memory for about {limit:,}", ""
        message = f"the grid has {total:,} specifications, {above}: {counts}"
        help_ = f"leave choices out, name some in one_at_a_time{help_}"
        raise SpecError((Fault("too_many", message, help=help_, path=("run", "limit")),))
    return enumerate_grid(sizes, starred, ties)


def _settings(expander: Expander, grid: Grid, codes: Codes) -> tuple[Grid, Codes]:
    """Find the combinations of variants that occur and compose each once."""
    variants = codes[:, len(Core) :]
    if not variants.shape[1]:
        return dataclasses.replace(grid, settings=(make_setting(expander, ()),)), np.zeros(len(codes), np.int32)
    combos, setting = np.unique(variants, axis=0, return_inverse=True)
    settings = tuple(make_setting(expander, tuple(int(c) for c in row)) for row in combos)
    if expander.faults:
        raise SpecError(Faults(tuple(dict.fromkeys(expander.faults))))
    return dataclasses.replace(grid, settings=settings), setting.reshape(-1).astype(np.int32)


def identify(study: Study, contents: Sequence[Contents], codes: Codes, setting: Codes) -> Hashes:
    """Hash the content of every specification, (S,) uint64."""
    ids = np.zeros(len(codes), np.uint64)
    column = {name: codes[:, d] for d, name in enumerate(DIMENSIONS)}
    for s, content in enumerate(contents):
        here = np.flatnonzero(setting == s)
        parts = [
            _array(content.outcomes)[column["outcome"][here]],
            _array(content.treatments)[column["treatment"][here]],
            _right_hand_side(content, column["treatment"][here], column["controls"][here]),
            np.array([set_hash(e) for e in content.effects], np.uint64)[column["fixed_effects"][here]],
            _rows(content, column["sample"][here]) ^ _matched_by_cohort(content, study, column, here),
            _array(content.weights)[column["weights"][here]],
            _estimators(content, study, column["estimator"][here], column["treatment"][here]),
        ]
        if content.instruments:
            parts.append(np.full(len(here), set_hash(f"iv:{d}" for d in content.instruments), np.uint64))
        ids[here] = mix(parts)
    return ids


def _array(digests: Sequence[str]) -> Hashes:
    return np.array([text_word(d) for d in digests], np.uint64)


def _right_hand_side(content: Contents, treatment: Codes, controls: Codes) -> Hashes:
    """Hash the set of terms beside the treatment, terms that occur twice counted once."""
    out = np.zeros(len(treatment), np.uint64)
    sets = content.grid.controls
    for t in np.unique(treatment):
        fixed = content.fixed_digests(int(t))
        hashes = np.array([0 if d in fixed else text_word(d) for d in content.controls], np.uint64)
        sums = segment_sums(sets.start, sets.index, hashes) if len(hashes) else np.zeros(len(sets), np.uint64)
        here = treatment == t
        out[here] = sums[controls[here]] + np.uint64(set_hash(fixed[1:]))
    return out


def _rows(content: Contents, sample: Codes) -> Hashes:
    parts = []
    for choice, digests in zip(content.grid.samples, content.samples, strict=True):
        match = "" if choice.match is None else match_digest(choice.match, content.scope)
        parts.append(set_hash(digests) ^ (text_word(match) if match else 0))
    return np.array(parts, np.uint64)[sample]


def _matched_by_cohort(content: Contents, study: Study, column: Mapping[str, Codes], here: NDArray[np.intp]) -> Hashes:
    """Hash the cohorts by which matched samples tell who is ever treated, else 0."""
    own = np.array([s.match is not None and s.match.treated is None for s in content.grid.samples], dtype=bool)
    cohorts = np.array([text_word(c + _never(study)) if c else 0 for c in content.cohorts], np.uint64)
    return np.where(own[column["sample"][here]], cohorts[column["treatment"][here]], np.uint64(0))


def _never(study: Study) -> str:
    """Return what tells one reading of cohorts from another."""
    return "" if study.never == Never() else f", never {study.never.text}"


def _estimators(content: Contents, study: Study, estimator: Codes, treatment: Codes) -> Hashes:
    """Hash method, options, and the cohort where the estimator uses it."""
    grid = content.grid
    table: NDArray[np.uint64] = np.zeros((len(grid.estimators), len(grid.treatments)), np.uint64)
    for e, choice in enumerate(grid.estimators):
        declared = _plugins.load("estimators", choice.method)
        options = sorted((k, repr(v)) for k, v in choice.options.items())
        for t, treated in enumerate(grid.treatments):
            cohort = bind(treated.cohort, content.scope).digest if declared.cohort and treated.cohort else ""
            cohort += _never(study) if cohort else ""
            table[e, t] = text_word(repr((choice.method, options, cohort, study.missing)))
    return table[estimator, treatment]


def _duplicates(ids: Hashes, reason: Codes) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Mark later specifications of the same content; excluded comes first."""
    status = np.where(reason >= 0, PlanStatus.EXCLUDED, PlanStatus.PLANNED).astype(np.uint8)
    twin = np.full(len(ids), -1, np.int64)
    open_ = np.flatnonzero(reason < 0)
    _, first, inverse = np.unique(ids[open_], return_index=True, return_inverse=True)
    leader = open_[first[inverse.reshape(-1)]]
    later = leader != open_
    status[open_[later]] = PlanStatus.DUPLICATE
    twin[open_[later]] = leader[later]
    return status, twin


def _main_effects(option: TreatmentOption) -> tuple[str, str]:
    """Write the factors of an interaction as terms, and as a product; of an arm, those beside the arm."""
    try:
        (term,) = terms(option.term.tree).terms
    except (LanguageError, ValueError):
        return "a + b", "a * b"
    factors = [
        f"({write(factor)})" if isinstance(factor, Binary | Unary) else write(factor)
        for factor in term.factors[option.arm is not None :]
    ]
    return " + ".join(factors), " * ".join(factors)


def _refuse_hopeless(study: Study, table: Exclusions, dimensions: Sequence[Dimension]) -> None:
    """Make a fault of a treatment all of whose specifications lack a main effect."""
    codes = [r.code for r in table.reasons]
    if "no_main_effects" not in codes:
        return
    lacking = np.array([c == "no_main_effects" for c in codes])[np.maximum(table.reason, 0)] & (table.reason >= 0)
    faults = []
    for t in range(len(dimensions[Core.TREATMENT])):
        mine = table.column("treatment") == t
        if mine.any() and lacking[mine].all():
            option = study.treatment[int(dimensions[Core.TREATMENT].option[t])]
            words = table.reasons[int(table.reason[np.flatnonzero(mine)[0]])].message
            main, product = _main_effects(option)
            line = f"with = {json.dumps(main, ensure_ascii=False)}"
            alone = "" if option.arm is not None else f"; the product alone, which is another model, is I({product})"
            faults.append(
                fault_at(
                    option.term.origin,
                    None,
                    "no_main_effects",
                    f"the treatment is {words}",
                    help=f"give the main effects in `with`: {line}{alone}",
                )
            )
    if faults:
        raise SpecError(faults)


def _preferred(study: Study, codes: Codes, chosen: Sequence[int]) -> int:
    """Return the place of the preferred specification, -1 without [preferred]."""
    if not study.preferred:
        return -1
    places = np.flatnonzero((codes == np.asarray(chosen, np.int32)).all(axis=1))
    return int(places[0]) if len(places) else -1


def preferred_choices(
    study: Study,
    dimensions: Sequence[Dimension],
    grid: Grid,
    ties: Sequence[Tied],
    macros: Mapping[str, Node],
    columns: Sequence[str],
) -> tuple[int, ...]:
    """Return the choice of every dimension in [preferred]; one left out takes its first that is tied to the others."""
    named: list[int | None] = []
    for dimension in dimensions:
        chosen = select_one(dimension, study.preferred.get(dimension.name, ()), grid, macros, columns)
        absent = dimension.name not in study.preferred
        named.append(None if absent else int(np.argmax(chosen)) if chosen.any() else -1)
    return first_choices(ties, named)


def grid_size(sizes: Sequence[int], starred: Sequence[int], ties: Sequence[Tied] = ()) -> int:
    """Count the combinations that ``enumerate_grid`` makes, without making them."""
    return sum(_size(ranges, ties) for ranges in _blocks(sizes, starred))


def enumerate_grid(sizes: Sequence[int], starred: Sequence[int], ties: Sequence[Tied] = ()) -> Codes:
    """Return the combinations, (S, D) int32, the last dimension varying fastest.

    At most one of the ``starred`` dimensions leaves its first choice; of the tied ones only what
    stands in a row of ``ties``.
    """
    blocks = [_block(ranges, ties) for ranges in _blocks(sizes, starred)]
    codes = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    if len(blocks) == 1 and not ties:
        return codes
    if math.prod(sizes) < 2**62:
        place: NDArray[np.int64] = np.zeros(len(codes), np.int64)
        for d, size in enumerate(sizes):
            place = place * size + codes[:, d]
        return codes[np.argsort(place)]
    return codes[np.lexsort(codes.T[::-1])]


def _blocks(sizes: Sequence[int], starred: Sequence[int]) -> Iterator[Ranges]:
    """Return the ranges of choices that are crossed: none of the ``starred`` moved, then each on its own."""
    first = [(0, min(size, 1)) if d in starred else (0, size) for d, size in enumerate(sizes)]
    yield first
    for d in starred:
        if sizes[d] > 1:
            yield [(1, sizes[d]) if k == d else bounds for k, bounds in enumerate(first)]


def _size(ranges: Ranges, ties: Sequence[Tied]) -> int:
    tied = {d for tie in ties for d in tie.places}
    free = math.prod(high - low for d, (low, high) in enumerate(ranges) if d not in tied)
    return free * math.prod(tie.count(ranges) for tie in ties)


def _block(ranges: Ranges, ties: Sequence[Tied]) -> Codes:
    """Cross the combinations of every tie and the choices of every dimension without one."""
    total = _size(ranges, ties)
    codes = np.empty((total, len(ranges)), np.int32)
    if not total:
        return codes
    tied = {d: tie for tie in ties for d in tie.places}
    repeat = total
    for d, (low, high) in enumerate(ranges):
        tie = tied.get(d)
        if tie is not None and d != tie.places[0]:
            continue
        places = (d,) if tie is None else tie.places
        each = np.arange(low, high, dtype=np.int32)[:, None] if tie is None else tie.combinations(ranges)
        repeat //= len(each)
        for k, place in enumerate(places):
            codes[:, place] = np.tile(np.repeat(each[:, k], repeat), total // (len(each) * repeat))
    return codes

"""Options and how they meet: selectors, options and ties that match nothing, cannot be used or say a thing twice.

Beside them estimators that cannot have an option, and scales that nearly agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools
from specdid._check.data import Data, selectors
from specdid._check.sound import NO_LABEL, Sound
from specdid._diagnostics import Fault, Origin, SpecError, did_you_mean, fault_at
from specdid._plan.exclude import Tied, select, select_one, tied_choices
from specdid._plan.expand import expand_grid
from specdid._plan.records import Codes, Dimension, Grid
from specdid._study import EstimatorOption, Exclusion, Selector, Study, Tie
from specdid.estimators._base import Estimator
from specdid.language import LanguageError, subtraction_problems, unknown_columns
from specdid.language.tree import Node
from specdid.panel import Panel

MOST_LABELS = 5_000
"""Labels that are compared for a close match."""
MOST = 1_000_000
"""Combinations of a tie that are looked at one by one."""


def check_expansions(study: Study, panel: Panel) -> Iterator[Fault]:
    """Expand every dimension."""
    try:
        expand_grid(study, tuple(panel.columns), empty=True)
    except SpecError as error:
        yield from error.faults
    macros = {name: e.tree for name, e in study.macros.items()}
    for option in study.controls:
        try:
            problems = subtraction_problems(option.formula.tree, macros, tuple(panel.columns))
        except LanguageError:
            continue  # which has its own fault
        for p in problems:
            yield fault_at(option.formula.origin, p.span, p.code, p.message, p.help)


def check_selectors(data: Data, sound: Sound) -> Iterator[Fault]:
    """Look every selector up that means none of the options left out."""
    study = data.study
    try:
        dimensions, grid, expander = expand_grid(study, data.names, empty=not sound.whole)
    except SpecError:
        return  # which has its own faults
    by_name = {dimension.name: dimension for dimension in dimensions}
    unread = (label for table, label in sound.file.unread if table == "derive")
    known = (*data.names, *sound.file.derive, *unread)
    for name, selector in selectors(study):
        dimension = by_name.get(name)
        if dimension is None or not len(dimension) or _names_unknown(data, selector):
            continue
        if select(dimension, (selector,), grid, expander.macros, data.names).any():
            continue
        if not sound.may_mean(name, selector.text, known):
            yield nothing_selected(dimension, selector, sound.labels(name))
    for name, found in study.preferred.items():
        dimension = by_name.get(name)
        if dimension is None or not len(dimension):
            continue
        hits = select_one(dimension, found, grid, expander.macros, data.names)
        count = int(hits.sum())
        if count > 1:
            labels = [label for label, hit in zip(dimension.labels, hits, strict=True) if hit]
            help_ = f"write one of them out, such as `{labels[0]}`"
            if len({*labels}) == 1:
                help_ = f"`{labels[0]}` is one of the alternatives of each: leave it out of all but one"
            yield fault_at(
                found[0].origin,
                None,
                "preferred_several",
                f"this stands for {count:,} options of {name}; the preferred specification takes one",
                help_,
            )


def _names_unknown(data: Data, selector: Selector) -> bool:
    known = (*data.names, *data.study.derive)
    expressions = (e for e in (selector.has, selector.lacks) if e is not None)
    return any(unknown_columns(e.tree, known) for e in expressions)


def nothing_selected(dimension: Dimension, selector: Selector, declared: Sequence[str] | None = None) -> Fault:
    """Say that a selector means no option, and which there are; ``declared`` are all labels of the file."""
    if selector.text is None:
        parts = [f"{word} `{e.text}`" for word, e in (("has", selector.has), ("lacks", selector.lacks)) if e]
        message = f"no option of {dimension.name} {' and '.join(parts)}"
        return fault_at(selector.origin, None, "unknown_name", message)
    written = dimension.declared if declared is None else declared
    labels = dict.fromkeys(label for label in written if label is not None)
    labels |= dict.fromkeys(label for label in dimension.labels[:MOST_LABELS] if label != NO_LABEL)
    shown = ", ".join(f"`{label}`" for label in list(labels)[:5]) + (" …" if len(labels) > 5 else "")
    return fault_at(
        selector.origin,
        None,
        "unknown_name",
        f"no option of {dimension.name} is `{selector.text}`",
        did_you_mean(selector.text, labels) or f"its options are {shown}",
    )


def check_directions(study: Study) -> Iterator[Fault]:
    """Find outcomes without an expected sign in joint tests with outcomes that have one."""
    entering = [option for option in study.outcome if option.meta.type in (None, "equivalent")]
    given = next((option.expect for option in entering if option.expect), None)
    for option in entering if given and study.inference.draws else ():
        if option.expect is None:
            yield fault_at(
                option.origin,
                None,
                "no_direction",
                "this outcome has no `expect`, and others have: joint tests take the direction of all or of none",
                f'add `expect = "{given}"` or the opposite; where theory gives none, keep the outcome out of the joint '
                'tests by type = "uncertain", or leave `expect` out of all',
            )


def check_scales(study: Study) -> Iterator[Fault]:
    """Warn of scales that differ only in spelling, and of outcomes without one beside others."""
    scales = dict.fromkeys(option.scale for option in study.outcome if option.scale is not None)
    first: dict[str, str] = {}
    for option in study.outcome:
        if option.scale is None:
            if scales:
                yield fault_at(
                    option.origin,
                    None,
                    "no_scale",
                    "this outcome has no scale, so it gets a curve of its own",
                    f'outcomes share a curve where their `scale` is the same: scale = "{next(iter(scales))}"',
                    severity="warning",
                )
            continue
        other = first.setdefault("".join(option.scale.casefold().split()), option.scale)
        if other != option.scale:
            yield fault_at(
                option.origin,
                None,
                "scale_spelling",
                f"the scales `{option.scale}` and `{other}` are two curves",
                "spell them the same way if they are the same",
                severity="warning",
            )


def check_estimators(study: Study) -> Iterator[Fault]:
    """Check every estimator's options, and that the panel has what the estimator works along."""
    for option in study.estimator:
        estimator: Estimator = _plugins.load("estimators", option.method)
        yield from _columns(study, option, estimator)
        if estimator.cohort or estimator.effects == "unit + time":
            absent = [word for word, key in (("unit", study.unit), ("time", study.time)) if key is None]
            if absent:
                advice = "; ".join(f'declare `{word} = "…"` in [study]' for word in absent)
                message = f"{option.method} needs the {' and '.join(absent)} of the panel"
                yield fault_at(option.origin, None, "no_unit", message, advice)


def _columns(study: Study, option: EstimatorOption, estimator: Estimator) -> Iterator[Fault]:
    """Find variants that are called as a column of the estimator's own."""
    for variant in study.variants:
        if variant.name in estimator.columns:
            message = f"a variant cannot be called `{variant.name}`, a column of the results of {option.method}"
            yield fault_at(variant.origin, None, "bad_name", message, "give it another name")


def check_together(data: Data, sound: Sound) -> Iterator[Fault]:
    """Check every [[together]] of a study of which nothing was left out."""
    study = data.study
    if not study.together or not sound.whole:
        return
    try:
        dimensions, grid, expander = expand_grid(study, data.names)
    except SpecError:
        return  # which has its own faults
    ties = tied_choices(study, dimensions, grid, expander.macros, data.names)
    for tie, tied in zip(study.together, ties, strict=True):
        own = [dimensions[d] for d in tied.places]
        known = grid, expander.macros, data.names
        cells = ((d, cell) for row in tie.rows for d, cell in zip(own, row.cells, strict=True))
        if not all(select(d, (selector,), *known).any() for d, cell in cells for selector in cell):
            continue  # a selector that means nothing has its own fault
        faults = [*_untied(study, tie, tied, own), *_twice(tie, tied, own)]
        yield from faults
        if faults:
            continue
        whole = [(0, len(d)) for d in dimensions]
        if tied.count(whole) == math.prod(map(len, own)):
            message = f"every combination of {' and '.join(tie.dimensions)} is in these rows: nothing is tied"
            yield fault_at(tie.origin, None, "bad_tie", message, "take this [[together]] away")
            continue
        yield from _unreachable(study, tie, tied)
        if tied.count(whole) <= MOST:
            names = {d.name: k for k, d in enumerate(own)}
            found = _Combinations(tied.combinations(whole), names, own, known)
            yield from _excluded(study, tie, tied, found)


def _untied(study: Study, tie: Tie, tied: Tied, own: Sequence[Dimension]) -> Iterator[Fault]:
    """Find options of a tied dimension that are in no row: nothing would be planned with them."""
    for k, dimension in enumerate(own):
        missing = np.setdiff1d(np.arange(len(dimension)), np.concatenate([row[k] for row in tied.rows]))
        for option in dict.fromkeys(dimension.option[missing].tolist()):
            first = dimension.labels[next(c for c in missing.tolist() if dimension.option[c] == option)]
            message = f"`{first}` of {dimension.name} is in no row of [[together]], so nothing would be planned with it"
            rest = " and ".join(name for name in tie.dimensions if name != dimension.name)
            help_ = f"add a row that says with which {rest} it goes, or leave it out"
            yield fault_at(_origin(study, dimension.name, option) or tie.origin, None, "bad_tie", message, help_)


def _origin(study: Study, dimension: str, option: int) -> Origin | None:
    variants = {v.name: v.options for v in study.variants}
    origin: Origin = (variants.get(dimension) or getattr(study, dimension))[option].origin
    return origin if origin.document is not None else None


def _twice(tie: Tie, tied: Tied, own: Sequence[Dimension]) -> Iterator[Fault]:
    """Find rows that share a combination with an earlier one."""
    members = [[set(cell.tolist()) for cell in row] for row in tied.rows]
    for later, mine in enumerate(members):
        for earlier in range(later):
            both = [a & b for a, b in zip(members[earlier], mine, strict=True)]
            if all(both):
                labels = " with ".join(f"`{d.labels[min(shared)]}`" for d, shared in zip(own, both, strict=True))
                message = f"row {earlier + 1} has {labels} already"
                yield fault_at(tie.rows[later].origin, None, "bad_tie", message, "leave it in one of the two rows")
                break


def _unreachable(study: Study, tie: Tie, tied: Tied) -> Iterator[Fault]:
    """Find rows in which two dimensions of one_at_a_time have left their first option."""
    starred = [k for k, name in enumerate(tie.dimensions) if name in {n for n, _ in study.one_at_a_time}]
    for row, written in zip(tied.rows, tie.rows, strict=True):
        moved = [tie.dimensions[k] for k in starred if 0 not in row[k]]
        if len(moved) > 1:
            message = f"this row is never planned: {' and '.join(moved)} are one_at_a_time and leave their first option"
            help_ = "take one of them out of one_at_a_time, or the row away"
            yield fault_at(written.origin, None, "bad_tie", message, help_)


class _Combinations:
    """The combinations that a tie plans, and which of them a rule's conditions hold for."""

    def __init__(
        self,
        codes: Codes,
        place: Mapping[str, int],
        own: Sequence[Dimension],
        known: tuple[Grid, Mapping[str, Node], Sequence[str]],
    ) -> None:
        self.codes, self.place, self.own, self.known = codes, place, own, known

    def __len__(self) -> int:
        return len(self.codes)

    def excluded(self, rule: Exclusion) -> Bools | None:
        """Mark what ``rule`` excludes; None where it is about other dimensions too."""
        if not {*rule.when, *rule.unless} <= set(self.place):
            return None
        hit = self._hold(rule.when)
        return hit & ~self._hold(rule.unless) if rule.unless else hit

    def _hold(self, condition: Mapping[str, object]) -> Bools:
        hit = np.ones(len(self.codes), dtype=bool)
        for name, cell in condition.items():
            k = self.place[name]
            hit &= select(self.own[k], cell, *self.known)[self.codes[:, k]]  # type: ignore[arg-type]
        return hit


def _excluded(study: Study, tie: Tie, tied: Tied, found: _Combinations) -> Iterator[Fault]:
    """Find rows that [[exclude]] takes away whole, and rules that find nothing left to exclude."""
    alone = Tied(tuple(range(len(tied.places))), tied.rows)
    gone = np.zeros(len(found), dtype=bool)
    for rule in study.exclude:
        hit = found.excluded(rule)
        if hit is None:
            continue
        if not hit.any():
            message = f"nothing is left for this rule to exclude: [[together]] ties {' and '.join(tie.dimensions)}"
            yield fault_at(rule.origin, None, "rule_unused", message, "take the rule away", "warning")
        gone |= hit
    for row, written in zip(alone.rows, tie.rows, strict=True):
        mine = Tied(alone.places, (row,)).holds(found.codes)
        if gone[mine].all():
            message = "[[exclude]] takes away all that this row ties together"
            yield fault_at(written.origin, None, "bad_tie", message, "take the row away, or the rule")

"""Whether what is dealt out is dealt to those who were assigned, not to each part of them.

A treatment that never varies within a state is one draw a state. Dealt out by county it is many,
and placebo and permutation p are too small (as are errors that are clustered below the level of
assignment: Abadie, Athey, Imbens and Wooldridge 2023).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid import _plugins
from specdid._check.assignment import codes_of, joint_codes, permutes
from specdid._check.data import Data, changing_rows
from specdid._diagnostics import Fault, Origin, fault_at
from specdid._study import Expression
from specdid.language import LanguageError, bind, expand, referenced, terms, write
from specdid.language.tree import Name
from specdid.panel import EvaluationError
from specdid.panel.columns import Floats, Ints


def check_level(data: Data) -> Iterator[Fault]:
    """Warn of treatments that are constant within a coarser declared level than they are dealt out by."""
    given, study = data.study.inference, data.study
    if not permutes(study):
        return
    level = codes_of(data, given.level) if given.level is not None else data.panel.unit_codes
    words = given.level.text if given.level is not None else study.unit
    if level is None:
        return
    coarser = list(_coarser(data, level))
    for option in study.treatment:
        columns = [c for c in (*_terms(data, option.term), data.numbers(option.cohort)) if c is not None]
        for name, codes in coarser:
            if columns and all(_constant(data, codes, column) for column in columns):
                groups, dealt = (len(np.unique(c[data.sampled & (c >= 0)])) for c in (codes, level))
                when = "" if data.panel.periods is None else f" and {study.time}"
                message = (
                    f"the treatment `{option.term.text}` never varies within `{name}`{when}, and is dealt out to "
                    f"{dealt:,} of `{words}`, not to {groups:,} of `{name}`: "
                    "p of placebos and permutation are too small"
                )
                advice = f'write level = "{name}" in [inference]'
                yield fault_at(_where(data), None, "level_too_fine", message, advice, "warning")
                break


def _where(data: Data) -> Origin:
    given = data.study.inference
    if given.level is not None:
        return given.level.origin
    if given.assign is not None:
        return given.assign.origin
    tables = [t for t in data.study.analyses if _plugins.load("analyses", t.kind).permutes]
    return tables[0].origin if tables else given.origin


def _coarser(data: Data, level: Ints) -> Iterator[tuple[str, Ints]]:
    """Return what errors are clustered by and fixed effects are of that holds whole levels, the coarsest first."""
    study = data.study
    declared = [study.inference.cluster, *(c for v in study.vcov for c in v.clusters)]
    declared += [option.formula for option in study.fixed_effects]
    names = dict.fromkeys(n.name for e in declared if e is not None for n in referenced(e.tree))
    used = data.sampled & (level >= 0)
    found = []
    for name in names:
        codes = codes_of(data, Expression(name, Name(name), study.inference.origin))
        if codes is None:
            continue
        known = np.where(used & (codes >= 0), codes, -1)
        inside = np.where(known >= 0, level, -1)
        groups, parts = (len(np.unique(c[known >= 0])) for c in (known, level))
        if 1 < groups < parts and not changing_rows(inside, known.astype(np.float64)).size:
            found.append((groups, write(Name(name)), known))
    for _, name, codes in sorted(found, key=lambda f: f[0]):
        yield name, codes


def _terms(data: Data, term: Expression) -> Iterator[Floats]:
    try:
        expanded = [terms(node).terms for node in expand(term.tree, data.macros, data.names, 1.0)]
        for found in expanded:
            yield from (c.numbers for c in data.evaluator.term(tuple(bind(f, data.scope) for f in found[0].factors)))
    except (LanguageError, EvaluationError, IndexError):
        return  # which has its own fault


def _constant(data: Data, codes: Ints, values: Floats) -> bool:
    """Say whether a column is one value in a group and period; rows without a value are not asked."""
    groups = codes if data.panel.periods is None else joint_codes(codes, data.panel.periods)
    return not changing_rows(np.where(np.isnan(values), -1, groups), values).size

"""A data file as an option: what must be the same in every file, and each file checked as the study's own.

An option's columns replace those of the study's own file, where they differ, before anything is derived: the study
is otherwise the same. What is there once for all specifications (clusters, assignment, keys of joins, levels that
samples and arms are made of) is made of columns that do not differ.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from specdid._check import check_study
from specdid._diagnostics import Fault, Faults, fault_at
from specdid._plan.expand import base_scope
from specdid._study import Expression, FigureOptions, Study, VariantOption
from specdid.language import LanguageError, bind, referenced
from specdid.language.functions import SAMPLE_PATTERNS
from specdid.language.scope import sources
from specdid.language.tree import Call, Name, Node, walk
from specdid.panel import Panel, SourceFile

FACTORS = ("i", "factor", "C")


def with_sources(study: Study, panel: Panel) -> tuple[Study, tuple[Fault, ...]]:
    """Let options that name a file take its columns, and find what must not differ between files."""
    files = {file.option: file for file in panel.files if file.option is not None}
    if not files:
        return study, ()
    made = tuple(
        replace(v, options=tuple(_taking(o, files.get((v.name, o.label))) for o in v.options)) for v in study.variants
    )
    faults = (*_order(study), *_shared(study, panel))
    return replace(study, variants=made), faults


def _taking(option: VariantOption, file: SourceFile | None) -> VariantOption:
    if file is None:
        return option
    origin = option.data_origin or option.origin
    taken = {old: Expression(f"{old} of {file.name}", Name(new), origin) for new, old in file.columns.items()}
    return replace(option, derive=taken)


def _order(study: Study) -> Iterator[Fault]:
    """Find dimensions that stand so that a file's columns would undo what another variant makes of them."""
    with_files = [v for v in study.variants if any(o.data is not None for o in v.options)]
    for variant in with_files[1:]:
        said = f"data files are options of `{with_files[0].name}` and of `{variant.name}`: a study is of one at a time"
        yield fault_at(variant.origin, None, "source_twice", said, "write all files as options of one dimension")
    before = study.variants[: study.variants.index(with_files[0])]
    for variant in before:
        if any(option.derive for option in variant.options):
            said = f"`{variant.name}` changes columns before `{with_files[0].name}` says of which file they are"
            help_ = f'move [variant."{with_files[0].name}"] above it'
            yield fault_at(variant.origin, None, "source_order", said, help_)


def _shared(study: Study, panel: Panel) -> Iterator[Fault]:
    """Find columns that differ and of which something is made that all specifications share."""
    scope = base_scope(study, tuple(panel.columns))
    origins = {(v.name, o.label): o.data_origin or o.origin for v in study.variants for o in v.options}
    needed: list[tuple[str, frozenset[str]]] = []
    for words, node in _once(study):
        try:
            needed.append((words, sources(bind(node, scope))))
        except LanguageError:
            continue  # which has its own fault
    for file in panel.files:
        if file.option is None:
            continue
        for column in file.columns.values():
            made = next((words for words, names in needed if column in names), None)
            if made is not None:
                said = f"`{column}` is not the same in {file.name} as in {panel.name}, and {made} made of it"
                help_ = "what all specifications share must be the same in every file: take it from one of them"
                yield fault_at(origins[file.option], None, "source_differs", said, help_)


def _once(study: Study) -> Iterator[tuple[str, Node]]:
    """Return what is evaluated once, whatever the specification, with words for it."""
    for vcov in study.vcov:
        yield from (("the clusters of [vcov] are", cluster.tree) for cluster in vcov.clusters)
    given = study.inference
    asked = {"cluster": given.cluster, "assign": given.assign, "level": given.level, "strata": given.strata}
    for key, expression in asked.items():
        if expression is not None:
            yield from ((f"[inference] {key} is", name) for name in referenced(expression.tree))
    for file in study.files:
        yield from ((f"the join of `{file.name}` is", Name(ours)) for ours, _ in file.by)
    wheres = [s.where for s in study.sample] + [o.where for v in study.variants for o in v.options if o.where]
    for where in wheres:
        if any(isinstance(n, Call) and n.function in SAMPLE_PATTERNS for n in walk(where.tree)):
            yield from (("samples by pattern are", name) for name in referenced(where.tree))
    for treatment in study.treatment:
        for node in walk(treatment.term.tree):
            if isinstance(node, Call) and node.function in FACTORS:
                yield from (("the arms of the treatment are", name) for name in referenced(node))


def check_sources(study: Study, panel: Panel, before: Faults) -> Iterator[Fault]:
    """Check each option's file as if it were the study's own; say what is not known of that already."""
    known = {(fault.code, fault.place, fault.path, fault.message) for fault in before}
    for file in panel.files:
        if file.option is None or not file.columns:
            continue
        name, label = file.option
        rest = replace(
            study,
            variants=tuple(v for v in study.variants if v.name != name),
            exclude=(), preferred={}, one_at_a_time=(), together=(), labels={}, analyses=(), figure=FigureOptions(),
        )  # fmt: skip
        columns = {**panel.columns, **{old: panel.columns[new] for new, old in file.columns.items()}}
        for fault in check_study(rest, replace(panel, columns=columns, name=file.name), None, before):
            if (fault.code, fault.place, fault.path, fault.message) not in known:
                yield replace(fault, message=f"under {name} = “{label}”: {fault.message}")

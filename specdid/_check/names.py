"""Names that are no columns, wherever they stand, and definitions that cannot be followed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid._check.data import selectors, uses
from specdid._diagnostics import Fault, Origin, did_you_mean, fault_at
from specdid._study import Expression, Study, VariantOption
from specdid.language import LanguageError, parse, referenced, unknown_columns, write
from specdid.language.tree import Call, Constant, walk
from specdid.panel import Panel


def check_names(study: Study, panel: Panel) -> Iterator[Fault]:
    """Find every name that is neither a column of the data nor derived."""
    columns = tuple(panel.columns)
    known = tuple(dict.fromkeys((*columns, *study.derive)))
    yield from _derived(study, panel, columns)
    for variant in study.variants:
        for option in variant.options:
            yield from _replaced(study, option, panel, columns)
    for use in uses(study):
        new = use.option.derive if use.option else ()
        yield from unknown(use.expression, (*known, *new), panel)
    for _, selector in selectors(study):
        for expression in (selector.has, selector.lacks):
            if expression is not None:
                yield from unknown(expression, known, panel)
    yield from _labels(study, known, panel)


def unknown(expression: Expression, known: Sequence[str], panel: Panel) -> Iterator[Fault]:
    """Make a fault of every name in ``expression`` that is not in ``known``."""
    yield from _called_as_constants(expression, known)
    for problem in unknown_columns(expression.tree, known):
        message = f"{problem.message} in {panel.names}"
        yield fault_at(expression.origin, problem.span, problem.code, message, problem.help)


def _called_as_constants(expression: Expression, known: Sequence[str]) -> Iterator[Fault]:
    """Tell a constant that is a column's name, too; `TRUE` alone and `NA` within a function are hardly the column."""
    constants = [node for node in walk(expression.tree) if isinstance(node, Constant)]
    if not constants:
        return
    given = [a for node in walk(expression.tree) if isinstance(node, Call) for a in node.arguments]
    for node in constants:
        word = expression.text[node.span.start : node.span.stop]
        meant = any(a.value is node and (a.name is not None or word not in ("T", "F")) for a in given)
        if word not in known or meant or (node is expression.tree and word not in ("T", "F")):
            continue
        message = f"`{word}` is the constant {write(node)} here, and a column is called so, too"
        advice = f"in backticks it is the column: `` `{word}` ``"
        yield fault_at(expression.origin, node.span, "constant_column", message, advice, "warning")


def _derived(study: Study, panel: Panel, columns: tuple[str, ...]) -> Iterator[Fault]:
    """Check that [derive] uses what stands above it; its own name is the data's column."""
    above: list[str] = list(columns)
    for name, expression in study.derive.items():
        yield from _definition(name, expression, above, [n for n in study.derive if n not in above], panel)
        if name in (study.unit, study.time):
            yield _key(name, expression)
        elif name in columns and all(n.name != name for n in referenced(expression.tree)):
            yield fault_at(
                expression.origin,
                None,
                "overwrites",
                f"`{name}` replaces a column of {panel.names} of the same name",
                severity="warning",
            )
        above.append(name)


def _key(name: str, expression: Expression) -> Fault:
    message = f"`{name}` is the panel's unit or time and cannot be derived"
    advice = "give the derived column another name, or add it to the data"
    return fault_at(expression.origin, None, "bad_name", message, advice)


def _definition(
    name: str, expression: Expression, above: Sequence[str], later: Sequence[str], panel: Panel
) -> Iterator[Fault]:
    yield from _called_as_constants(expression, above)
    for problem in unknown_columns(expression.tree, above):
        used = next(n.name for n in referenced(expression.tree) if n.span == problem.span)
        if used == name:
            message = f"`{name}` is defined by itself, and {panel.names} has no such column"
            yield fault_at(expression.origin, problem.span, "circular", message)
        elif used in later:
            message = f"`{used}` is derived only further down"
            yield fault_at(expression.origin, problem.span, "circular", message, f"move `{used}` above `{name}`")
        else:
            message = f"{problem.message} in {panel.names}"
            yield fault_at(expression.origin, problem.span, problem.code, message, problem.help)


def _replaced(study: Study, option: VariantOption, panel: Panel, columns: tuple[str, ...]) -> Iterator[Fault]:
    """Check a variant's definitions: data columns come before [derive], derived ones in their place."""
    derived = list(study.derive)
    before = list(columns)
    for name, expression in option.derive.items():
        if name in (study.unit, study.time):
            yield _key(name, expression)
            continue
        if name in derived:
            above = (*columns, *derived[: derived.index(name) + 1])
            yield from _definition(name, expression, above, derived, panel)
            continue
        for problem in unknown_columns(expression.tree, before):
            used = next(n.name for n in referenced(expression.tree) if n.span == problem.span)
            message, advice = f"{problem.message} in {panel.names}", problem.help
            if used in derived:
                message = f"`{used}` is derived only after a variant has replaced columns of the data"
                advice = f"replace a derived column, or put `{name}` into [derive]"
            yield fault_at(expression.origin, problem.span, problem.code, message, advice)
        before.append(name)
        if name not in columns and name not in _used_in(option):
            message = f"`{name}` is neither a column of {panel.names} nor derived, so replacing it changes nothing"
            yield fault_at(expression.origin, None, "no_column", message, did_you_mean(name, (*columns, *derived)))


def _used_in(option: VariantOption) -> tuple[str, ...]:
    expressions = (option.add, option.instruments, option.absorb, option.where, *option.derive.values())
    return tuple(n.name for e in expressions if e is not None for n in referenced(e.tree))


def _labels(study: Study, known: Sequence[str], panel: Panel) -> Iterator[Fault]:
    """Warn of keys of [labels] that name nothing: no column, option, dimension, scale or analysis."""
    words = {label for name, labels in study.written.items() for label in (name, *labels)}
    words |= {o.scale for o in study.outcome if o.scale} | {a.name for a in study.analyses if a.name}
    for key in study.labels:
        if key in words:
            continue
        try:
            problems = unknown_columns(parse(key), known)
        except LanguageError:
            continue
        origin = study.label_origins.get(key) or Origin(("labels", key))
        for problem in problems:
            yield fault_at(
                origin,
                None,
                "no_column",
                f"{problem.message} in {panel.names}",
                problem.help,
                severity="warning",
            )

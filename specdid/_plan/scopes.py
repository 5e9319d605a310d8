"""What the user's variants do to names: one Scope for each combination of their options."""

from __future__ import annotations

from collections.abc import Sequence

from specdid._study import Study, VariantOption
from specdid.language import Scope
from specdid.language.tree import Node


def base_scope(study: Study, columns: Sequence[str]) -> Scope:
    """Return the scope of the data's columns and [derive], without variants."""
    return variant_scope(study, columns, ())


def variant_scope(study: Study, columns: Sequence[str], options: Sequence[VariantOption]) -> Scope:
    """Return the scope under ``options``.

    A variant's ``derive`` replaces data columns before [derive] is run again, and a
    derived column where it is defined, its own name meaning the old value. Options
    compose in file order.
    """
    scope = Scope.of(columns)
    replaced = [(name, e.tree) for option in options for name, e in option.derive.items()]
    for name, tree in replaced:
        if name not in study.derive:
            scope = scope.define(name, tree)
    for name, expression in study.derive.items():
        scope = scope.define(name, expression.tree)
        for tree in _of(replaced, name):
            scope = scope.define(name, tree)
    return scope


def _of(replaced: Sequence[tuple[str, Node]], name: str) -> list[Node]:
    return [tree for key, tree in replaced if key == name]

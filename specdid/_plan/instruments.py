"""Stepwise instruments, an option for each set: ``csw(z1, z2)`` becomes the options ``z1`` and ``z1 + z2``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from specdid._plan.sample_levels import rename_labels
from specdid._study import INSTRUMENTS, Expression, Study, VariantOption
from specdid.language import LanguageError, expand, write
from specdid.language.tree import Number


def expand_instruments(study: Study, columns: Sequence[str]) -> Study:
    """Write options of [instruments] that are several out; an option's own label then means all of them.

    What cannot be expanded stays as it is, and has a fault of its own.
    """
    place = next((k for k, v in enumerate(study.variants) if v.name == INSTRUMENTS), -1)
    if place < 0:
        return study
    macros = {name: e.tree for name, e in study.macros.items()}
    options: list[VariantOption] = []
    rename: dict[str, tuple[str, ...]] = {}
    for option in study.variants[place].options:
        given = option.instruments
        try:
            nodes = expand(given.tree, macros, columns, 1.0, limit=study.run.limit) if given else ()
        except LanguageError:
            nodes = ()
        if given is None or len(nodes) < 2:
            options.append(option)
            continue
        for node in nodes:
            made = None if node == Number(1.0) else Expression(write(node), node, given.origin)
            options.append(replace(option, label=write(node), instruments=made))
        rename[option.label] = tuple(write(node) for node in nodes)
    variants = list(study.variants)
    variants[place] = replace(variants[place], options=tuple(options))
    return rename_labels(replace(study, variants=tuple(variants)), {INSTRUMENTS: rename} if rename else {})

"""The table of choices: what each dimension varied, and what it did to the estimate."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid._describe.choices import Change, Choices
from specdid._records.numerals import decimals_for
from specdid.analyses._print import number
from specdid.appendix._base import Material
from specdid.tables._base import PrintTable, Row

MOST = 80
"""Options in one table; the others stand in choices.csv."""
_COLUMNS = ("Share of variance", "Mean change", "Pairs")


def choices_table(material: Material, choices: Choices, alone: bool) -> PrintTable:
    """Tabulate one family; ``alone`` where the curve has no other."""
    changes = [c for c in choices.changes if c.pairs]
    left = len(changes) - MOST
    shown = sorted(sorted(changes, key=lambda c: -abs(c.mean))[:MOST], key=changes.index) if left > 0 else changes
    decimals = decimals_for(np.array([c.mean for c in shown])) if shown else 3
    blocks = tuple(_block(material, choices, name, shown, decimals) for name in _dimensions(choices))
    rest = (Row("Combinations of choices", (f"{choices.shares.rest:.1%}", "", "")),)
    family = f": {choices.family.shown}; {choices.family.estimand}" if not alone else ""
    how = "exact, since the choices are balanced" if choices.shares.balanced else "averages over orders (Shapley)"
    notes = (
        "Mean change: of the estimate when the option takes the place of the one in the first line of its block, "
        "all other choices equal, over the pairs of specifications that differ in nothing else.",
        f"Shares of the variance of the estimates are {how}.",
        *([f"{left:,} more options, of smaller changes, stand in choices.csv."] if left > 0 else []),
    )
    return PrintTable(f"Choices and what they change{family}", _COLUMNS, (*(b for b in blocks if b), rest), notes=notes)


def _dimensions(choices: Choices) -> Iterator[str]:
    yield from dict.fromkeys([*(f.dimension for f in choices.factors), *(c.factor.dimension for c in choices.changes)])


def _block(material: Material, choices: Choices, name: str, shown: list[Change], decimals: int) -> tuple[Row, ...]:
    """Give a dimension: its share, its reference, its options; controls one by one where they are so compared."""
    label = material.bench.label
    both = zip(choices.factors, choices.shares.share.tolist(), strict=True)
    shares = {f.name: share for f, share in both if f.dimension == name}
    mine = [c for c in shown if c.factor.dimension == name]
    whole = label(name.replace("_", " "))
    head = whole[:1].upper() + whole[1:]
    by_variable = [c for c in mine if c.factor.name != name]
    if by_variable:
        rows = [_variable(label(c.factor.name), shares, c, decimals) for c in by_variable]
        return (Row(f"{head}: with, instead of without", ("", "", "")), *rows)
    total = sum(shares.values())
    if not mine:
        return (Row(head, (f"{total:.1%}", "", "")),)
    factor = mine[0].factor
    instead = material.bench.option(name, factor.labels[factor.reference])
    rows = [_option(material, c, decimals) for c in mine]
    return (Row(f"{head}, instead of {instead}", (f"{total:.1%}", "", "")), *rows)


def _variable(label: str, shares: dict[str, float], change: Change, decimals: int) -> Row:
    """Give a variable's row; its change is that of having it, whatever the preferred specification has."""
    share = shares.get(change.factor.name)
    mean = change.mean if change.factor.labels[change.level] == "with" else -change.mean
    cells = ("" if share is None else f"{share:.1%}", *_change(mean, change.pairs, decimals))
    return Row(label, cells, indent=True)


def _option(material: Material, change: Change, decimals: int) -> Row:
    label = material.bench.option(change.factor.dimension, change.factor.labels[change.level])
    return Row(label, ("", *_change(change.mean, change.pairs, decimals)), indent=True)


def _change(mean: float, pairs: int, decimals: int) -> tuple[str, str]:
    sign = "+" if mean > 0 else ""
    return f"{sign}{number(mean, decimals)}", f"{pairs:,}"

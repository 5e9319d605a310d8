"""Put the appendix together: the curve, its tests and choices, selected specifications, the analyses.

The table of choices says what each dimension varied, and what that did to the estimate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from specdid._describe.choices import Change, Choices
from specdid._records.cautions import headline
from specdid._records.numerals import decimals_for
from specdid.analyses._print import number
from specdid.appendix._base import Appendix, FigureItem, Material, Part, Section, TableItem
from specdid.appendix.caption import curve_account, estimates_table
from specdid.appendix.selected import selected_table
from specdid.tables._base import PrintTable, Row, unusable

FAMILIES = 4
"""So many families of estimates have tables of choices and of selected specifications of their own."""


def key(name: str) -> str:
    """Make a study's name fit for references: ``smart_city`` is ``smart-city``.

    Two names never give one key: what the simple rule would take away is coded behind it.
    """
    plain = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    if re.fullmatch(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*", name):
        return plain
    return f"{plain}-{blake2b(name.encode(), digest_size=3).hexdigest()}".lstrip("-")


def label(name: str, file: str) -> str:
    """Return the reference of a file of a study, without its kind: ``castle:event-study``."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", file).strip("-")
    coded = "" if file.isascii() else "-" + "".join(f"{ord(c):x}" for c in file if not c.isascii())
    return f"{key(name)}:{plain}{coded}"


def assemble(material: Material) -> Appendix:
    """Put the appendix together."""
    parts = [
        Part("Specification curve", (*_curve(material), *_tests(material)), account=curve_account(material)),
        Part("Choices", tuple(_choices(material)), (*_more(material), *_reasons(material))),
        Part("Selected specifications", tuple(_selected(material))),
        *(_analysis(material, section) for section in material.analyses),
    ]
    title = material.results.planned.title or material.name
    return Appendix(title, tuple(p for p in parts if p.items or p.text or p.account), material.against)


def _table(material: Material, stem: str, table: PrintTable, own: bool) -> TableItem:
    named = replace(table, label=f"tab:{label(material.name, stem)}")
    return TableItem(stem, unusable(named, material.against.failed), own)


def _figure(material: Material, stem: str, caption: str) -> FigureItem:
    failed = headline(material.against.failed)
    said = f"{failed}. {caption}" if failed else caption
    return FigureItem(f"{stem}.{material.figures}", said, f"fig:{label(material.name, stem)}")


def _curve(material: Material) -> Iterator[FigureItem | TableItem]:
    if material.figures:
        title = f"Specification curve: {material.results.planned.title or material.name}"
        yield _figure(material, "curve", title)
    table = estimates_table(material)
    if table is not None:
        yield _table(material, "appendix_estimates", table, True)


def _tests(material: Material) -> Iterator[TableItem]:
    if material.inference is not None:
        yield _table(material, "inference", material.inference, False)


def _choices(material: Material) -> Iterator[TableItem]:
    for k, one in enumerate(material.choices[:FAMILIES]):
        table = choices_table(material, one, alone=len(material.choices) == 1)
        yield _table(material, _numbered("appendix_choices", k), table, True)


def _more(material: Material) -> tuple[str, ...]:
    left = len(material.choices) - FAMILIES
    return (f"choices.csv has the same for {left:,} further kind{'s' * (left > 1)} of estimates.",) if left > 0 else ()


def _reasons(material: Material) -> Iterator[str]:
    """Say of what type options are, and why, in the words of the study."""
    for dimension, option, kind, why in material.reasons:
        name = material.bench.label(dimension.replace("_", " "))
        typed = f" ({kind})" if kind else ""
        reason = f": {why.rstrip('.')}." if why else "."
        yield f"{name[:1].upper()}{name[1:]}, {material.bench.option(dimension, option)}{typed}{reason}"


def _selected(material: Material) -> Iterator[TableItem]:
    for k, selection in enumerate(material.selections):
        yield _table(material, _numbered("appendix_selected", k), selected_table(material, selection), True)


def _numbered(stem: str, k: int) -> str:
    return stem if not k else f"{stem}_{k + 1}"


def _analysis(material: Material, section: Section) -> Part:
    tables = [_table(material, stem, table, False) for stem, table in section.tables]
    figures = [_figure(material, stem, caption) for stem, caption in section.figures if material.figures]
    failure = () if section.failure is None else (f"It could not be run: {section.failure}",)
    return Part(section.heading, (*tables, *figures), failure)


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
    """Return a dimension: its share, its reference, its options; controls one by one where they are so compared."""
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
    """Return a variable's row; its change is that of having it, whatever the preferred specification has."""
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

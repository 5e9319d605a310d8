"""Put the appendix together: the curve, its tests and choices, selected specifications, the analyses."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b

from specdid._records.cautions import headline
from specdid.appendix._base import Appendix, FigureItem, Material, Part, Section, TableItem
from specdid.appendix.caption import curve_account, estimates_table
from specdid.appendix.choices import choices_table
from specdid.appendix.selected import selected_table
from specdid.tables._base import PrintTable, unusable

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
    """Give the reference of a file of a study, without its kind: ``castle:event-study``."""
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


"""Put the appendix together: the curve, its tests and choices, selected specifications side by side, the analyses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b

import numpy as np

from specdid._describe.choices import Change, Choices
from specdid._records.cautions import headline
from specdid._records.numerals import decimals_for
from specdid.analyses._base import Bench, CellFit
from specdid.analyses._fit import CONSTANT_LABEL
from specdid.analyses._words import number
from specdid.analyses.table import HEADER as NUMBERS
from specdid.analyses.table import coefficients, effects, notes, statistics, tidy_rows
from specdid.appendix._base import AnalysisSection, Appendix, FigureItem, Material, Part, Picked, Selection, TableItem
from specdid.appendix.caption import curve_account, estimates_table
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable, unusable

FAMILIES = 4
"""So many families of estimates have tables of choices and of selected specifications of their own."""
MOST = 80
"""Options in one table; the others stand in choices.csv."""
_COLUMNS = ("Share of variance", "Mean change", "Pairs")
_TREATMENT = "Treatment effect"
_ID = 8


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


def _analysis(material: Material, section: AnalysisSection) -> Part:
    tables = [_table(material, stem, table, False) for stem, table in section.tables]
    figures = [_figure(material, stem, caption) for stem, caption in section.figures if material.figures]
    failure = () if section.failure is None else (f"It could not be run: {section.failure}",)
    return Part(section.heading, (*tables, *figures), failure)


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


def selected_table(material: Material, selection: Selection) -> PrintTable:
    """Print specifications side by side: coefficients, what they consist of, their sizes and ranks."""
    bench, picked = material.bench, selection.picked
    fits = [_one_row(bench, p.fit, picked) for p in picked]
    differing, common = _differing(material, picked)
    title = "Specifications asked for" if selection.asked else "Selected specifications"
    blocks = (
        _in_order(material, coefficients(bench, fits)),
        effects(bench, fits),
        tuple(_chosen(bench, picked, differing)),
        (*statistics(bench, fits), *_standing(picked)),
    )
    said = (
        *notes(bench, fits),
        *([f"In all columns: {'; '.join(_pairs(bench, picked[0], common))}."] if common else []),
        f"Rank: by estimate from the lowest, among specifications of the same {_ranked(material)}; Id: the first "
        f"{_ID} digits of the specification's id, which specdid show takes.",
    )
    return PrintTable(
        title + (f": {selection.family}" if selection.family else ""),
        tuple(f"({k + 1})" for k in range(len(picked))),
        tuple(b for b in blocks if b),
        (tuple((p.role, 1) for p in picked),),
        said,
    )


def _ranked(material: Material) -> str:
    return "scale, estimand and type" if material.results.planned.types else "scale and estimand"


def _one_row(bench: Bench, fit: CellFit, picked: Sequence[Picked]) -> CellFit:
    """Call the treatment the same in all columns where they differ in its definition."""
    if len({p.fit.terms[0] for p in picked}) == 1:
        return fit
    return replace(fit, terms=(_TREATMENT, *fit.terms[1:]))


def _in_order(material: Material, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Put the controls in written order, below the treatment; the constant is last."""
    terms = material.results.planned.control_terms
    place = {material.bench.label(term): k for k, term in enumerate(terms)}
    place[CONSTANT_LABEL] = len(terms) + 1
    return (rows[0], *sorted(rows[1:], key=lambda row: place.get(row.label, len(terms))))


def _differing(material: Material, picked: Sequence[Picked]) -> tuple[list[str], list[str]]:
    """Part the dimensions that vary in the study: those these columns differ in, those they share.

    Fixed effects have rows of their own; controls too where all columns give their coefficients.
    """
    planned = material.results.planned
    shown = {"fixed_effects"} | ({"controls"} if not any(p.fit.alone for p in picked) else set())
    options = zip(planned.dimensions, planned.labels, strict=True)
    names = [n for n, texts in options if len(texts) > 1 and n not in shown]
    differing = [n for n in names if len({p.fit.cell.labels[n] for p in picked}) > 1]
    return differing, [n for n in names if n not in differing]


def _chosen(bench: Bench, picked: Sequence[Picked], names: Sequence[str]) -> Iterator[Row]:
    for name in names:
        yield Row(_title(bench, name), tuple(bench.option(name, p.fit.cell.labels[name]) for p in picked))


def _pairs(bench: Bench, picked: Picked, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        yield f"{bench.label(name.replace('_', ' '))} {bench.option(name, picked.fit.cell.labels[name])}"


def _title(bench: Bench, name: str) -> str:
    text = bench.label(name.replace("_", " "))
    return text[:1].upper() + text[1:]


def _standing(picked: Sequence[Picked]) -> Iterator[Row]:
    yield Row("Rank", tuple(f"{p.rank:,} of {p.of:,}" for p in picked))
    yield Row("Id", tuple(_spec_id(p)[:_ID] for p in picked))


def _spec_id(picked: Picked) -> str:
    return picked.fit.cell.plan.spec_id(picked.place)


def selected_csv(material: Material) -> TidyTable:
    """Return every coefficient of every selected specification under every vcov."""
    dimensions = material.results.planned.dimensions
    header = ("table", "role", "index", "spec_id", "rank", "of", "column", *dimensions, *NUMBERS)
    return TidyTable(header, tuple(_rows(material)))


def _rows(material: Material) -> Iterator[tuple[Value, ...]]:
    for t, selection in enumerate(material.selections):
        for k, p in enumerate(selection.picked):
            lead = (t + 1, p.role, p.place + 1, _spec_id(p), p.rank, p.of)
            for row in tidy_rows(material.bench, k + 1, p.fit):
                yield (*lead, *row)

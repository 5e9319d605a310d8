"""The tables of selected specifications: side by side, in journal form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from specdid.analyses._base import Bench, CellFit
from specdid.analyses._coefficients import CONSTANT_LABEL
from specdid.analyses.table import HEADER as NUMBERS
from specdid.analyses.table import coefficients, effects, notes, statistics, tidy_rows
from specdid.appendix._base import Material, Picked, Selection
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

_TREATMENT = "Treatment effect"
_ID = 8


def selected_table(material: Material, selection: Selection) -> PrintTable:
    """Print specifications side by side: coefficients, what they consist of, their sizes and ranks."""
    bench, picked = material.bench, selection.picked
    fits = [_one_row(bench, p.fit, picked) for p in picked]
    differing, common = _dimensions(material, picked)
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


def _dimensions(material: Material, picked: Sequence[Picked]) -> tuple[list[str], list[str]]:
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

"""The appendix of a run: gather what it is made of, and write its files."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import specdid
from specdid import _plugins
from specdid._curve import Curve
from specdid._describe.factors import families
from specdid._records import Caution
from specdid._records.cautions import against
from specdid._records.files import replacing
from specdid._run.describe import inference_table
from specdid._run.manifest import library_version
from specdid._run.prepare import Prepared
from specdid._run.selected import select
from specdid._run.write import on_its_own, write_text, writing
from specdid._study import file_stem
from specdid.analyses._base import Analysed, Bench, Chart
from specdid.appendix._base import Appendix, Material, Section
from specdid.appendix.caption import estimates_csv
from specdid.appendix.content import assemble, selected_csv
from specdid.appendix.latex import write_latex, write_main
from specdid.appendix.markdown import write_appendix as write_markdown
from specdid.tables._base import PrintTable, csv_text

TABLE = "table"
_NUMBERED = re.compile(r"table ", re.IGNORECASE)
"""A name that says no more than a number of the paper would."""
_SOFTWARE = ("pyfixest", "numpy", "scipy")


def write_appendix(prepared: Prepared, curve: Curve, directory: Path) -> tuple[Caution, ...]:
    """Write appendix.tex and its tables, and what else [appendix] formats asks for.

    Returns
    -------
    What could not be shown.

    Raises
    ------
    OutputError
        Where the directory cannot be written.
    """
    formats = prepared.study.appendix.formats
    if not (curve.counts.ok and formats):
        return ()
    with writing(directory):
        material, said = _material(prepared, curve)
        appendix = assemble(material)
        formats = prepared.study.appendix.formats
        write_text(csv_text(estimates_csv(material)), directory / "appendix_estimates.csv")
        write_text(csv_text(selected_csv(material)), directory / "appendix_selected.csv")
        if "tex" in formats:
            _write_latex(prepared, appendix, directory)
        if "md" in formats:
            # Browsers show no PDF within a page.
            pictures = next(f for f in ("png", "svg", "pdf") if f in prepared.study.figure.formats)
            write_text(write_markdown(appendix, pictures), directory / "appendix.md")
        if "docx" in formats:
            said += on_its_own("appendix.docx", lambda: _write_word(appendix, directory))
    return said


def _write_latex(prepared: Prepared, appendix: Appendix, directory: Path) -> None:
    printer = _plugins.load("tables", "latex")
    texts = []
    for item in appendix.tables:
        texts.append(printer.write(item.table))
        write_text(texts[-1], directory / f"{item.stem}.tex")
    version, name = specdid.__version__, prepared.study.name
    write_text(write_latex(appendix, name, version, texts), directory / "appendix.tex")
    write_text(write_main(appendix, version, texts), directory / "appendix_main.tex")


def _write_word(appendix: Appendix, directory: Path) -> None:
    from specdid.appendix.word import write_word

    with replacing(directory / "appendix.docx") as new:
        new.write_bytes(write_word(appendix, directory))


def _material(prepared: Prepared, curve: Curve) -> tuple[Material, tuple[Caution, ...]]:
    study = prepared.study
    found, found_against = families(curve.results), against(curve.warnings).plain
    selections, said = select(prepared, curve.results, found)
    material = Material(
        study.name,
        Bench(study, prepared.panel, prepared.evaluator),
        curve.results,
        found,
        tuple(name for name, _ in study.one_at_a_time),
        curve.null_shares,
        curve.tests,
        inference_table(curve.tests, curve.results, found_against) if curve.tests else None,
        curve.choices,
        selections,
        tuple(_section(a) for a in curve.analyses),
        tuple(_reasons(prepared)),
        dict(_versions()),
        next((f for f in ("pdf", "png") if f in study.figure.formats), ""),
        found_against,
    )
    return material, said


def _reasons(prepared: Prepared) -> Iterator[tuple[str, str, str, str]]:
    for dimension in prepared.plan.dimensions:
        for k, meta in enumerate(dimension.metas):
            if meta.type or meta.why:
                option = dimension.declared[k] or dimension.labels[dimension.option.tolist().index(k)]
                yield dimension.name, option, meta.type or "", meta.why or ""


def _section(analysed: Analysed) -> Section:
    def stem(suffix: str) -> str:
        return file_stem(analysed.stem, suffix or None)

    plain = analysed.kind == TABLE and analysed.name is not None
    heading = analysed.name if plain and analysed.name is not None else analysed.heading
    finding = analysed.finding
    printed = [(stem(t.suffix), t.print) for t in finding.tables if t.print is not None]
    return Section(
        heading,
        tuple((file, _titled(analysed, heading, table)) for file, table in printed),
        tuple((stem(c.suffix), _captioned(analysed, heading, c)) for c in finding.charts),
        analysed.failure,
    )


def _captioned(analysed: Analysed, heading: str, chart: Chart) -> str:
    """Caption an analysis's figure: what it is of, and what kind of figure it is."""
    kind = _plugins.load("figures", chart.figure).title
    of = f"{heading}: {chart.suffix.replace('_', ' ')}" if chart.suffix and chart.told else heading
    return of if chart.figure == analysed.kind else f"{of}. {kind}"


def _titled(analysed: Analysed, heading: str, table: PrintTable) -> PrintTable:
    """Say of an analysis's table what kind it is, where its title is only the analysis's name, or a number."""
    if analysed.kind == TABLE and _NUMBERED.match(heading):
        return replace(table, title=f"Regressions, called “{heading}” in the study")
    return replace(table, title=heading) if table.title == analysed.name else table


def _versions() -> Iterator[tuple[str, str]]:
    yield "specdid", specdid.__version__
    for name in _SOFTWARE:
        version = library_version(name)
        if version is not None:
            yield name, version
    yield "Python", platform.python_version()

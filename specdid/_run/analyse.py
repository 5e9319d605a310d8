"""The analyses of a study: run, written to files, and put into details.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._diagnostics import SpecError, first_few
from specdid._records import Caution, Section
from specdid._records.cautions import beside, capital
from specdid._run.prepare import Prepared
from specdid._run.write import Drawing, FigureFiles, write_text, writing
from specdid._study import file_stem
from specdid._words import say, told
from specdid.analyses._base import Analysed, Analysis, Bench, Chart, Estimated, Finding
from specdid.analyses._cells import Request, shared_sample
from specdid.appendix.markdown import write_markdown
from specdid.engine.execute import Progress
from specdid.engine.store import Store
from specdid.figures._curve_data import Breakdowns
from specdid.tables._base import csv_text, unusable


def run_analyses(
    prepared: Prepared,
    jobs: int,
    progress: Progress,
    store: Store | None = None,
    curve: Estimated | None = None,
) -> tuple[Analysed, ...]:
    """Run every analysis of a study, in file order; one that fails is a message, not the end."""
    study = prepared.study
    bench = Bench(study, prepared.panel, prepared.evaluator, jobs, study.run.backend, store, curve)
    found: list[Analysed] = []
    for k, request in enumerate(prepared.requests):
        table = request.table
        progress(f"analysis: {table.name or table.kind}", k, len(study.analyses))
        found.append(_own_files(run_one(bench, request), found))
    return tuple(found)


def _own_files(made: Analysed, before: Sequence[Analysed]) -> Analysed:
    """Leave an analysis out that would write over another's file: [placebo.timing] beside [placebo]."""
    taken = {name.casefold(): one.heading for one in before for name in _all_files(one)}
    for name in _all_files(made):
        if (other := taken.get(name.casefold())) is not None:
            said = f"its file {name} is also one of “{other}”: give it another name"
            return replace(made, finding=Finding(), failure=said)
    return made


def _all_files(analysed: Analysed) -> list[str]:
    """Return the names of its files: csv stands for a table's, pdf for a figure's."""
    charts = [f"{_stem(analysed, c.suffix)}.pdf" for c in analysed.finding.charts]
    return [*(name for name, _ in _names(analysed, ("csv",))), *charts]


def run_one(bench: Bench, request: Request) -> Analysed:
    """Run one analysis."""
    table, name = request.table, request.table.name
    heading = _heading(table.kind.replace("_", " ").capitalize(), name)
    nothing = Analysed(table.kind, name, table.stem, heading, Finding())
    try:
        analysis: Analysis = _plugins.load("analyses", table.kind)
        finding = analysis.run(bench, request)
        return replace(nothing, finding=_with_sample(finding, shared_sample(request, bench.evaluator)))
    except (SpecError, _plugins.PluginError) as error:
        return replace(nothing, failure=str(error).replace("\n", "; "))
    except Exception as error:  # the curve is done: whatever one analysis does must not lose it
        said = f"{type(error).__name__}: {error}".replace("\n", " ")
        return replace(nothing, failure=said)


def _heading(kind: str, name: str | None) -> str:
    """Name an analysis by its kind and name; "Table 3" says already that it is a table."""
    if name is None:
        return kind
    return name if name.casefold().startswith(kind.casefold()) else f"{kind}: {name}"


def _with_sample(finding: Finding, words: str) -> Finding:
    """Add the sample that all columns have to the notes of every printed table."""
    if not words:
        return finding
    tables = (
        t
        if t.print is None
        else replace(t, print=replace(t.print, notes=(*t.print.notes, say("{sample}.", sample=capital(words)))))
        for t in finding.tables
    )
    return replace(finding, tables=tuple(tables))


def sections(found: Sequence[Analysed]) -> tuple[Section, ...]:
    """Return what the analyses add to details.md."""
    return tuple(Section(told(a.heading), _lines(a)) for a in found)


def breakdowns(found: Sequence[Analysed]) -> Breakdowns | None:
    """Return what the figure of the curve shows of the first analysis that has breakdown values."""
    return next((a.finding.breakdowns for a in found if a.finding.breakdowns is not None), None)


def _lines(analysed: Analysed) -> tuple[str, ...]:
    if analysed.failure is not None:
        return (say("It could not be run: {failure}", failure=told(analysed.failure, True)),)
    files = [name for name, _ in _names(analysed, ("csv",))]
    tables = (t.print for t in analysed.finding.tables if t.print is not None)
    said = [line for table in tables for line in (*write_markdown(table).splitlines(), "")]
    if analysed.finding.lines:
        said += [*analysed.finding.lines, ""]
    return (*said, say("Files: {listed}", listed=", ".join(f"`{n}`" for n in files)))


def cautions(found: Sequence[Analysed]) -> tuple[Caution, ...]:
    """Return the analyses' warnings, each beside the analysis it is of, and which of them have no numbers."""
    said = [c for a in found for c in beside(a.heading, a.finding.warnings)]
    failed = [(a.heading, a.failure) for a in found if a.failure is not None]
    said += [Caution("serious", "analysis_failed", f"it could not be run: {why}", name) for name, why in failed]
    said += [
        Caution("serious", "analysis_empty", f"it has no numbers: {first_few(why)}", a.heading)
        for a in found
        if not a.finding.charts
        and not any(t.print is not None for t in a.finding.tables)
        and (why := [c.message for c in a.finding.warnings if c.code in ("no_column", "not_estimated")])
    ]
    return tuple(said)


def _names(analysed: Analysed, endings: Sequence[str]) -> list[tuple[str, int]]:
    tables = enumerate(analysed.finding.tables)
    return [(f"{_stem(analysed, t.suffix)}.{e}", k) for k, t in tables for e in endings]


def _stem(analysed: Analysed, suffix: str) -> str:
    return file_stem(analysed.stem, suffix or None)


def write_analyses(found: Sequence[Analysed], directory: Path, files: FigureFiles) -> tuple[Drawing, ...]:
    """Write every table, marked where the run failed; return the figures to be drawn.

    Raises
    ------
    OutputError
        Where the directory cannot be written.
    """
    printers = _plugins.every("tables")
    with writing(directory):
        for analysed in found:
            for table in analysed.finding.tables:
                stem = _stem(analysed, table.suffix)
                write_text(csv_text(table), directory / f"{stem}.csv")
                if table.print is None:
                    continue
                for printer in printers:
                    write_text(
                        printer.write(unusable(table.print, files.failed)), directory / f"{stem}{printer.ending}"
                    )
    charts = ((a, c) for a in found for c in a.finding.charts)
    return tuple(Drawing(c.figure, partial(_data, c), _stem(a, c.suffix), files) for a, c in charts)


def _data(chart: Chart) -> Any:
    return chart.data

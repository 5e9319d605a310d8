"""The appendix of a run: gather what it is made of, estimate the specifications that it shows, and write its files."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

import specdid
from specdid import _plugins
from specdid._curve import Curve
from specdid._plan import PlanStatus
from specdid._records import Caution, Family, Results, Status
from specdid._records.cautions import NO_ROWS, against
from specdid._records.files import replacing
from specdid._run.describe import inference_table
from specdid._run.prepare import Prepared
from specdid._run.selectors import place_of
from specdid._run.write import OUTPUT_FAILED, on_its_own, write_text, writing
from specdid._study import file_stem
from specdid._words import later, say, told
from specdid.analyses._base import Analysed, Bench, Cell, CellFit, Chart
from specdid.analyses._fit import effect_texts, fit_cell
from specdid.appendix._base import AnalysisSection, Appendix, Material, Picked, Selection
from specdid.appendix.content import FAMILIES, assemble, estimates_csv, selected_csv
from specdid.appendix.latex import FIGURE, write_figure, write_latex, write_main
from specdid.appendix.markdown import write_appendix as write_markdown
from specdid.engine.cache_keys import library_version
from specdid.engine.coefficient_table import LARGEST_UNIT
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.workers import parallel
from specdid.figures._style import DEFAULT
from specdid.tables._base import PrintTable, csv_text

TABLE = "table"
_NUMBERED = re.compile(r"table ", re.IGNORECASE)
"""A name that says no more than a number of the paper would."""
_SOFTWARE = ("pyfixest", "numpy", "scipy")
SIDE_BY_SIDE = 5
"""Columns of one table of specifications asked for."""


def write_appendix(
    prepared: Prepared,
    curve: Curve,
    directory: Path,
    notes: Mapping[str, str] = MappingProxyType({}),
    jobs: int = 1,
) -> tuple[Caution, ...]:
    """Write appendix.tex, its tables and figures, and what else [appendix] formats asks for.

    Parameters
    ----------
    notes : of the figures whose PDFs have none, by file stem.
    jobs : threads that estimate what is shown.

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
        material, said = _material(prepared, curve, notes, jobs)
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
            said += on_its_own("appendix.docx", lambda: _write_word(prepared, appendix, directory))
    return said


def _write_latex(prepared: Prepared, appendix: Appendix, directory: Path) -> None:
    printer = _plugins.load("tables", "latex")
    texts = []
    for item in appendix.tables:
        texts.append(printer.write(item.table))
        write_text(texts[-1], directory / f"{item.stem}.tex")
    for figure in appendix.figures:
        texts.append(write_figure(appendix, figure, prepared.study.figure.width or DEFAULT))
        write_text(texts[-1], directory / f"{figure.stem}{FIGURE}.tex")
    version, name = specdid.__version__, prepared.study.name
    write_text(write_latex(appendix, name, version, texts), directory / "appendix.tex")
    write_text(write_main(appendix, version, texts), directory / "appendix_main.tex")


def _write_word(prepared: Prepared, appendix: Appendix, directory: Path) -> tuple[Caution, ...]:
    """Write appendix.docx; in plain styles, which is said, where the document with others cannot be read."""
    from specdid.appendix.word import StylesError, write_word

    said: tuple[Caution, ...] = ()
    try:
        written = write_word(appendix, directory, prepared.study.appendix.reference)
    except StylesError as error:
        said = (Caution("serious", OUTPUT_FAILED, f"appendix.docx has plain styles: {error}", "output"),)
        written = write_word(appendix, directory)
    with replacing(directory / "appendix.docx") as new:
        new.write_bytes(written)
    return said


def _material(
    prepared: Prepared, curve: Curve, notes: Mapping[str, str], jobs: int
) -> tuple[Material, tuple[Caution, ...]]:
    study = prepared.study
    found = curve.results.families
    found_against = against(curve.warnings).shown(curve.results.planned.shown)
    selections, said = select(prepared, curve.results, found, jobs)
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
        notes,
        tuple((f.name, f.title) for f in _plugins.every("figures") if f.curve is not None and f.name in notes),
        NO_ROWS not in curve.warnings,
    )
    return material, said


def _reasons(prepared: Prepared) -> Iterator[tuple[str, str, str, str]]:
    for dimension in prepared.plan.dimensions:
        for k, meta in enumerate(dimension.metas):
            if meta.type or meta.why:
                option = dimension.declared[k] or dimension.labels[dimension.option.tolist().index(k)]
                yield dimension.name, option, meta.type or "", meta.why or ""


def _section(analysed: Analysed) -> AnalysisSection:
    def stem(suffix: str) -> str:
        return file_stem(analysed.stem, suffix or None)

    plain = analysed.kind == TABLE and analysed.name is not None
    heading = analysed.name if plain and analysed.name is not None else analysed.heading
    finding = analysed.finding
    printed = [(stem(t.suffix), t.print) for t in finding.tables if t.print is not None]
    return AnalysisSection(
        told(heading),
        tuple((file, _titled(analysed, heading, table)) for file, table in printed),
        tuple((stem(c.suffix), _captioned(analysed, heading, c)) for c in finding.charts),
        analysed.failure,
    )


_SUFFIXES = (later("love"), later("scores"), later("timing"))
"""What several figures of an analysis are called beside its heading."""


def _captioned(analysed: Analysed, heading: str, chart: Chart) -> str:
    """Caption an analysis's figure: what it is of, and what kind of figure it is."""
    kind = _plugins.load("figures", chart.figure).title
    heading, suffix = told(heading), chart.suffix.replace("_", " ")
    if chart.suffix and chart.told:
        heading = say("{where}: {message}", where=heading, message=say(suffix))
    return heading if chart.figure == analysed.kind else say("{failed}. {caption}", failed=heading, caption=say(kind))


def _titled(analysed: Analysed, heading: str, table: PrintTable) -> PrintTable:
    """Say of an analysis's table what kind it is, where its title is only the analysis's name, or a number."""
    if analysed.kind == TABLE and _NUMBERED.match(heading):
        return replace(table, title=say("Regressions ({heading} of the study)", heading=heading))
    return replace(table, title=told(heading)) if table.title == analysed.name else table


def _versions() -> Iterator[tuple[str, str]]:
    yield "specdid", specdid.__version__
    for name in _SOFTWARE:
        version = library_version(name)
        if version is not None:
            yield name, version
    yield "Python", platform.python_version()


def select(
    prepared: Prepared, results: Results, found: Sequence[Family], jobs: int = 1
) -> tuple[tuple[Selection, ...], tuple[Caution, ...]]:
    """Choose and estimate: the preferred specification, the median and the extremes, and those asked for.

    Returns
    -------
    selections, and what could not be shown
    """
    first = _first(results, found)
    mine = [first, *(f for f in found if f is not first)][:FAMILIES]
    wanted = [(f.name if len(found) > 1 else "", _standing(results, f), False) for f in mine]
    asked, said = _asked(prepared, results, found)
    wanted += [("", part, True) for part in _parts(asked)]
    fits = _fits(prepared, results, list(dict.fromkeys(c.place for _, chosen, _ in wanted for c in chosen)), jobs)
    selections = tuple(
        Selection(name, tuple(Picked(c.role, c.place, c.rank, c.of, fits[c.place]) for c in chosen), by_user)
        for name, chosen, by_user in wanted
    )
    return selections, said


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A specification's place in the plan, why it is shown, and its rank by estimate."""

    place: int
    role: str
    rank: int
    of: int


def _standing(results: Results, family: Family) -> tuple[_Chosen, ...]:
    """Return the preferred, the lowest, the median (the lower of two) and the highest, each once."""
    order = results.ranked(family)
    n = len(order)
    preferred = np.flatnonzero(order == results.preferred).tolist()
    if n == 1:
        return (_Chosen(int(order[0]), "Preferred" if preferred else "The only one", 1, 1),)
    roles: dict[int, list[str]] = {at: ["Preferred"] for at in preferred}
    for role, at in (("Lowest", 0), ("Median", (n - 1) // 2), ("Highest", n - 1)):
        roles.setdefault(at, []).append(role)
    joined = {at: ", ".join([words[0], *(w.lower() for w in words[1:])]) for at, words in roles.items()}
    return tuple(_Chosen(int(order[at]), role, at + 1, n) for at, role in joined.items())


def _asked(prepared: Prepared, results: Results, found: Sequence[Family]) -> tuple[list[_Chosen], tuple[Caution, ...]]:
    """Find the specifications of [appendix] show; a duplicate is shown as the one that has its numbers.

    Ranks count in the family of the preferred specification, else in the first.
    """
    chosen: dict[int, _Chosen] = {}
    said = []
    by_rank = any(text.startswith("#") for text, _ in prepared.study.appendix.show)
    order = results.ranked(_first(results, found)) if by_rank else np.zeros(0, np.int64)
    for text, _ in prepared.study.appendix.show:
        place = place_of(prepared.plan, text, order)
        if place >= 0 and results.status[place] == Status.DUPLICATE:
            place = int(results.twin[place])
        if place < 0 or results.status[place] != Status.OK:
            words = f"[appendix] show: `{text}` has no estimate, so the appendix does not show it"
            said.append(Caution("note", "not_shown", words))
        else:
            chosen.setdefault(place, _Chosen(place, text, *results.rank(place)))
    return list(chosen.values()), tuple(said)


def _first(results: Results, found: Sequence[Family]) -> Family:
    return next((f for f in found if results.preferred in f), found[0])


def _parts(asked: Sequence[_Chosen]) -> Iterator[tuple[_Chosen, ...]]:
    for start in range(0, len(asked), SIDE_BY_SIDE):
        yield tuple(asked[start : start + SIDE_BY_SIDE])


def _fits(prepared: Prepared, results: Results, places: Sequence[int], jobs: int) -> dict[int, CellFit]:
    """Estimate these specifications in full, side by side in threads, which share the data."""
    plan = prepared.plan
    if not places:
        return {}
    if plan.study.missing != "common":
        status = np.full(len(plan), PlanStatus.EXCLUDED, np.uint8)
        status[list(places)] = PlanStatus.PLANNED
        plan = replace(plan, status=status)
    compiled = compile_plan(plan, prepared.panel, prepared.evaluator)
    at = np.searchsorted(compiled.members.index, places)
    cells = [_cell(prepared, compiled, p, int(m)) for p, m in zip(places, at, strict=True)]
    return {c.place: full for c, full in zip(cells, parallel(_fit, results, cells, jobs, "threading"), strict=True)}


def _fit(results: Results, cell: Cell) -> CellFit:
    """Estimate a cell in full; where its covariance is not finite, return the effect that the results have."""
    full = fit_cell(cell, known=True)
    return full if full.failure is None and _is_number(full) else _stored(cell, results)


def _is_number(full: CellFit) -> bool:
    """Say whether the treatment has a standard error wherever no note says why not."""
    variance, silent = full.vcov[:, 0, 0], np.array([not note for note in full.vcov_notes])
    return bool(np.all(np.isfinite(variance[silent]) & (variance[silent] > 0)))


def _cell(prepared: Prepared, compiled: Compiled, place: int, member: int) -> Cell:
    plan = prepared.plan
    labels = {d.name: d.labels[c] for d, c in zip(plan.dimensions, plan.codes[place].tolist(), strict=True)}
    return Cell(labels, place, member, place == plan.preferred, plan, compiled)


def _stored(cell: Cell, results: Results) -> CellFit:
    """Return what the results have of a specification: the effect."""
    compiled, place = cell.compiled, cell.place
    problem, one = compiled.problem, compiled.members.take(np.array([cell.member], np.int64))

    def row(name: str) -> np.ndarray:
        return np.atleast_1d(np.asarray(results.numbers[name][place]))

    def whole(name: str) -> int:
        return int(row(name)[0])

    error, said = row("std_error"), results.vcov_note
    notes = tuple(
        said.words[c] if c >= 0 and np.isnan(e) else "" for c, e in zip(said.codes[place].tolist(), error, strict=True)
    )
    units = (whole("n_units"), whole("n_treated"), whole("n_control"), whole("n_always_treated"))
    squares = np.where((error > 1 / LARGEST_UNIT) & (error < LARGEST_UNIT), error, np.nan) ** 2
    return CellFit(
        cell, None, (problem.labels[one.treatment[0]],), row("estimate"), squares[:, None, None],
        notes, row("df"), row("n_clusters"), np.zeros(0, np.int64), whole("nobs"), *units, np.nan,
        float(row("r2_within")[0]), (), effect_texts(problem, one), alpha=problem.alpha,
    )  # fmt: skip

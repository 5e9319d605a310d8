"""The conductor: estimate what is planned, collect, audit, write."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._audit import audit_results, start_reference
from specdid._curve import Curve
from specdid._describe.curve_tests import CurveTests
from specdid._plan import Plan
from specdid._plan.write_out import arm_factors
from specdid._records import Audit, Caution, Fits, Results, Section, code_of, collect
from specdid._records.cautions import against, from_fault, of_audit, worst_first
from specdid._records.collect import planned_records
from specdid._records.numerals import specifications
from specdid._run import analyse
from specdid._run.cost import refuse_too_large
from specdid._run.describe import Described, describe, write_described
from specdid._run.infer import (
    cluster_text,
    curve_clusters,
    declared_signs,
    figure_of,
    null_shares,
    run_nulls,
    sections,
    write_inference,
)
from specdid._run.manifest import Taken, manifest
from specdid._run.output import kept_files, output_directory, staged
from specdid._run.prepare import Prepared, StudySource, prepare
from specdid._run.write import (
    Drawing,
    FigureFiles,
    curve_drawing,
    draw_curve,
    draw_figures,
    few_figures,
    notebook_html,
    on_its_own,
    page_formats,
    write_record,
    write_results,
)
from specdid._study import Core
from specdid._words import say, speaking
from specdid.analyses._base import Analysed, Estimated
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.distributed import connected
from specdid.engine.execute import Progress, Recalled, estimate_all, silent
from specdid.engine.store import NoSecretError, Store, own_secret
from specdid.engine.workers import single_threaded
from specdid.panel import Panel
from specdid.report.summary import details_md

__all__ = ["Interrupted", "estimate", "run"]

NOTHING = Described()
_log = logging.getLogger("specdid")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: ``curve`` has what was done."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        super().__init__("interrupted")


def run(
    study: StudySource,
    data: Any = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    audit: int | None = 25,
    progress: Progress | None = None,
    fresh: bool = False,
    ignore_memory: bool = False,
) -> Curve:
    """Estimate every specification of a study.

    Parameters
    ----------
    study
        A Study, the path of a spec file, or a dict of the same shape.
    data
        A pandas, polars or Arrow frame in place of the file named by the study.
    out
        Directory for the results; None writes nothing.
    jobs
        Worker processes, in place of [run] jobs; -1 is one per core. No number depends on it.
    audit
        How many specifications to re-estimate with a plain pyfixest call; None is all.
    progress
        Called as ``progress(stage, done, total)``.
    fresh
        Compute everything anew; otherwise what an earlier run left in ``out`` is used.
    ignore_memory
        Run even where the machine seems to have too little memory.

    Returns
    -------
    Curve
        Results, tests, analyses and warnings; where ``out`` is given, they are written there, too.

    Raises
    ------
    SpecError
        The study or its data are wrong, or the run would not fit into memory.
    OutputError
        ``out`` cannot be written, or holds another study's results.
    """
    if audit != 0:
        start_reference()
    prepared = prepare(study, data)
    directory = Path(out) if out is not None else None
    curve = estimate(prepared, directory, jobs, audit, progress, fresh, ignore_memory)
    if failed := against(curve.warnings).failed:
        # A program may never print the curve.
        _log.error("%s: see warnings of the curve", failed)
    return curve


def estimate(
    prepared: Prepared,
    directory: Path | None,
    jobs: int | None = None,
    audit: int | None = 25,
    progress: Progress | None = None,
    fresh: bool = False,
    ignore_memory: bool = False,
    chosen: bool = True,
) -> Curve:
    """Run a prepared study; see :func:`run`; ``chosen``: whether the user named the directory."""
    # Workers have one thread each; what this process does beside them has no more, nor other last digits.
    with speaking(prepared.study.language), single_threaded():
        return _run(prepared, directory, jobs, audit, progress or silent, fresh, ignore_memory, chosen)


def _run(
    prepared: Prepared,
    directory: Path | None,
    jobs: int | None,
    audit: int | None,
    say: Progress,
    fresh: bool,
    ignore_memory: bool,
    chosen: bool,
) -> Curve:
    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    if not ignore_memory:
        refuse_too_large(prepared, compiled, directory)
    if directory is None:
        made = _estimate(prepared, compiled, jobs, audit, say, None)
        curve = made.audited(made.curve)
    else:
        study = prepared.study
        specs = (Path(document.name) for document in (study.document, study.base) if document)
        inputs = (study.data, study.appendix.reference, *(file.path for file in prepared.panel.files), *specs)
        with (
            output_directory(directory, study, prepared.panel, inputs, chosen) as output,
            closing(Store(directory, _secret(directory), fresh, audit != 0)) as store,
        ):
            begun = time.perf_counter()
            made = _estimate(prepared, compiled, jobs, audit, say, store)
            with staged(output) as new:
                n_jobs = study.run.jobs if jobs is None else jobs
                curve = made.audited(_draw(prepared, made.curve, new, n_jobs, say))
                if curve.audit is not None and curve.audit.failed:
                    # The audit works beside the drawing: where it failed, everything says so.
                    curve = _draw(prepared, curve, new, n_jobs, say)
                record, curve = _write(prepared, curve, made.taken, new, directory, begun, say)
                write_record(new, {**record, "files": kept_files(output, new, not made.interrupted)})
            if not made.interrupted:
                store.sweep()
    if made.interrupted:
        raise Interrupted(curve)
    return curve


def _secret(directory: Path) -> bytes | None:
    """Return what the user's records are signed with; without it there are none, which is said."""
    try:
        return own_secret(directory)
    except NoSecretError as error:
        _log.warning("warning: nothing is kept to go on from, nor taken from an earlier run: %s", error)
        return None


@dataclasses.dataclass(frozen=True, slots=True)
class _Made:
    """A curve whose audit may still be running: the reference works in a process of its own."""

    curve: Curve
    audit: Future[Audit] | None
    interrupted: bool
    taken: Taken

    def audited(self, curve: Curve) -> Curve:
        """Wait for the audit and enter it; one that failed is the first of the warnings."""
        if self.audit is None:
            said = "no specification was estimated again by the reference"
            return curve if self.interrupted else _with(curve, [Caution("note", "not_audited", said)])
        again, differing = self.taken.drawn_again, self.taken.differing
        audit = dataclasses.replace(self.audit.result(), parts_again=again, parts_differing=differing)
        return dataclasses.replace(curve, audit=audit, warnings=worst_first((*of_audit(audit), *curve.warnings)))


def _estimate(
    prepared: Prepared,
    compiled: Compiled,
    jobs: int | None,
    audit: int | None,
    progress: Progress,
    store: Store | None,
) -> _Made:
    study = prepared.study
    n_jobs = study.run.jobs if jobs is None else jobs
    with connected(study.run.backend, n_jobs):
        return _estimate_all(prepared, compiled, n_jobs, audit, progress, store)


def _estimate_all(
    prepared: Prepared,
    compiled: Compiled,
    n_jobs: int,
    audit: int | None,
    progress: Progress,
    store: Store | None,
) -> _Made:
    study, plan = prepared.study, prepared.plan
    outcome = estimate_all(compiled, plan.grid.estimators, n_jobs, study.run.backend, progress, store)
    interrupted, blocks, recalled = outcome.interrupted, list(outcome.blocks), outcome.recalled
    del outcome
    results = collect(planned_records(plan), drained(blocks), compiled.problem.labels, terms=compiled.several)
    taken = Taken(recalled)
    if store is not None and store.foreign:
        said = "is the cache of another user, or of a key that is gone: not used"
        anew = f"{specifications(len(compiled.members) - recalled)} estimated anew"
        _log.warning("warning: %s %s, %s", store.directory, said, anew)
    if interrupted:
        return _Made(_interrupted(_curve(prepared, results, compiled)), None, True, taken)
    before = (0, 0) if store is None else (store.taken, store.made)
    audited = None if audit == 0 else _start_audit(prepared, compiled, results, audit)
    try:
        tests, notes = run_nulls(prepared, compiled, results, n_jobs, progress, store)
        drawn = 0 if store is None else store.taken
        if store is not None:
            store.begin()
        methods = [e.method for e in prepared.plan.grid.estimators]
        clusters = curve_clusters(prepared), cluster_text(prepared)
        signs, arms = declared_signs(prepared.plan), arm_factors(prepared.plan)
        alone = any(_plugins.load("estimators", e.method).never_alone(e.options) for e in plan.grid.estimators)
        described = describe(compiled, results, tests, methods, *clusters, signs, arms, alone)
        analysed = analyse.run_analyses(prepared, n_jobs, progress, store, Estimated(plan, compiled, results))
        if store is not None and store.taken > before[0]:
            parts, computed = store.taken - before[0], store.made - before[1]
            progress(Recalled("parts of the tests"), parts, parts + computed)
        if store is not None:
            taken = Taken(recalled, drawn - before[0], store.taken - drawn, store.drawn_again, store.differing)
    except KeyboardInterrupt:
        return _Made(_interrupted(_curve(prepared, results, compiled)), None, True, taken)
    return _Made(_curve(prepared, results, compiled, tests, described, analysed, notes), audited, False, taken)


def drained(blocks: list[Fits]) -> Iterator[Fits]:
    """Return the blocks one by one and let go of each, so that fits and records are not held together."""
    while blocks:
        yield blocks.pop()


def _start_audit(prepared: Prepared, compiled: Compiled, results: Results, size: int | None) -> Future[Audit]:
    """Audit beside the nulls and the figures."""
    pool = ThreadPoolExecutor(1)
    estimators, seed = prepared.plan.grid.estimators, prepared.study.seed
    found = pool.submit(audit_results, compiled, estimators, results, size, seed)
    pool.shutdown(wait=False)
    return found


def _interrupted(curve: Curve) -> Curve:
    """Say of the curve of a run that was interrupted that it is a part."""
    undone = int(np.count_nonzero(curve.results.code == code_of("interrupted")))
    said = "the run was interrupted before its tests and analyses were done"
    if undone:
        said = f"the run was interrupted: {undone:,} of {curve.counts.planned:,} specifications not estimated"
    return _with(curve, [Caution("error", "interrupted", said, specifications=undone)])


def _curve(
    prepared: Prepared,
    results: Results,
    compiled: Compiled,
    tests: tuple[CurveTests, ...] = (),
    described: Described = NOTHING,
    analysed: tuple[Analysed, ...] = (),
    notes: tuple[Caution, ...] = (),
) -> Curve:
    faults = (*prepared.warnings.warnings, *compiled.warnings)
    tested = (note for t in tests for note in t.notes)
    said = (*map(from_fault, faults), *notes, *described.warnings, *analyse.cautions(analysed), *tested)
    return Curve(
        results,
        draw=partial(draw_curve, **figure_of(prepared.study.figure, tests), breakdowns=analyse.breakdowns(analysed)),
        summarise=details_md,
        sections=(
            *_files(prepared.panel),
            *_matched(prepared.plan),
            *sections(tests, results),
            *described.sections,
            *analyse.sections(analysed),
        ),
        tests=tests,
        choices=described.choices,
        clusters=described.clusters,
        analyses=analysed,
        warnings=worst_first(said),
        null_shares=null_shares(tests),
        one_by_one=int(np.count_nonzero(~compiled.in_engine)),
        html=notebook_html,
    )


def _files(panel: Panel) -> Iterator[Section]:
    """Say what became of files that were reshaped or joined."""
    if panel.accounts:
        yield Section("Data files", tuple(f"- {line}" for line in panel.accounts))


def _matched(plan: Plan) -> Iterator[Section]:
    """Say how samples were matched, whose weights multiply those of the weights dimension."""
    labels = plan.dimensions[Core.SAMPLE].labels
    told = []
    for name, sample in zip(labels, plan.grid.samples, strict=True):
        if (match := sample.match) is not None:
            method = say(_plugins.load("matching", match.method).title)
            weights = say(", with the match's weights") if match.weighted else ""
            told.append(f"- {name}: {method} (`{match.asked}`){weights}")
    if told:
        yield Section(say("Matched samples"), tuple(told))


def _draw(prepared: Prepared, curve: Curve, directory: Path, jobs: int, progress: Progress) -> Curve:
    """Draw every figure; what the figures warn of joins the curve's warnings."""
    figure, appendix = prepared.study.figure, prepared.study.appendix
    notes: dict[str, str] = {}
    failed = against(curve.warnings).failed
    files = FigureFiles(figure.formats, figure.width, failed, notes if "tex" in appendix.formats else None)
    curves: list[Drawing] = []
    if curve.counts.ok:
        progress("drawing the curve", 0, 0)
        # The figure of the curve itself says what failed.
        curves.append(_curve_drawing(prepared, curve, dataclasses.replace(files, failed="")))
    # Where no workers draw, the curve need not wait for the others' modules.
    first = curves if few_figures(sum(len(a.finding.charts) for a in curve.analyses)) else ()
    said = draw_figures(first, directory, 1)
    described, broken = write_described(curve, directory, files)
    pages = dataclasses.replace(files, formats=page_formats(figure.formats))
    drawings = [*(() if first else curves), *described, *analyse.write_analyses(curve.analyses, directory, pages)]
    # Machines of a cluster do not share this one's disk.
    workers = jobs if prepared.study.run.backend == "loky" else 1
    drawn = _with(curve, [*broken, *said, *draw_figures(drawings, directory, workers)])
    return _with(drawn, on_its_own("the appendix", lambda: _write_appendix(prepared, drawn, directory, notes, workers)))


def _write_appendix(
    prepared: Prepared, curve: Curve, directory: Path, notes: dict[str, str], jobs: int
) -> tuple[Caution, ...]:
    from specdid._run.appendix import write_appendix  # the curve is to be on disk before this is loaded

    return write_appendix(prepared, curve, directory, notes, jobs)


def _with(curve: Curve, said: Iterable[Caution]) -> Curve:
    """Return the curve with further cautions."""
    return dataclasses.replace(curve, warnings=worst_first((*curve.warnings, *said)))


def _curve_drawing(prepared: Prepared, curve: Curve, files: FigureFiles) -> Drawing:
    found = {"cautions": curve.warnings, "breakdowns": analyse.breakdowns(curve.analyses)}
    shown = {**figure_of(prepared.study.figure, curve.tests), **found}
    del shown["width"]
    return curve_drawing(curve.results, files, **shown)


def _write_page(prepared: Prepared, curve: Curve, directory: Path, record: dict[str, Any]) -> None:
    from specdid._run.report import programs_of, write_report

    figure = prepared.study.figure
    write_report(curve, directory, record, figure.formats, figure.width, programs_of(prepared, curve))


def _write(
    prepared: Prepared, curve: Curve, taken: Taken, directory: Path, home: Path, begun: float, progress: Progress
) -> tuple[dict[str, Any], Curve]:
    """Write everything but the manifest; return its content, of files that move on to ``home``, and the curve."""
    progress("writing results", 0, 0)
    study = prepared.study
    write_inference(curve.results, curve.tests, directory)
    setup = {"backend": study.run.backend, "missing": study.missing}
    wall = time.perf_counter() - begun
    record = manifest(study, prepared.panel, curve, home, wall, setup, taken)
    curve = _with(curve, on_its_own("report.html", partial(_write_page, prepared, curve, directory, record)))
    write_results(curve, directory)
    return record, curve

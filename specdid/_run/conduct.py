"""The conductor: estimate what is planned, collect, audit, write."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from specdid._audit import audit_results, start_reference
from specdid._records import Audit, Curve, Results, collect
from specdid._run import analyse
from specdid._run.describe import Described, describe, write_described
from specdid._run.draw import draw_curve
from specdid._run.infer import CurveTests, null_shares, run_nulls, sections, write_inference
from specdid._run.manifest import manifest
from specdid._run.output import output_directory
from specdid._run.planned import planned_records
from specdid._run.prepare import Prepared, Source, prepare
from specdid._run.write import write_figure, write_record, write_results
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.execute import estimate_all
from specdid.report.summary import summarise

__all__ = ["Interrupted", "estimate", "run", "start_reference"]

Progress = Callable[[str, int, int], None]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C: ``curve`` has what was done."""

    def __init__(self, curve: Curve) -> None:
        self.curve = curve
        super().__init__("interrupted")


def run(
    study: Source,
    data: Any = None,
    out: str | Path | None = None,
    jobs: int | None = None,
    audit: int | None = 25,
    progress: Progress | None = None,
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

    Returns
    -------
    Curve

    Raises
    ------
    SpecError
        The study or its data are wrong.
    OutputError
        ``out`` cannot be written, or holds another study's results.
    """
    if audit != 0:
        start_reference()
    prepared = prepare(study, data)
    return estimate(prepared, Path(out) if out is not None else None, jobs, audit, progress)


def estimate(
    prepared: Prepared,
    directory: Path | None,
    jobs: int | None = None,
    audit: int | None = 25,
    progress: Progress | None = None,
) -> Curve:
    """Run a prepared study; see :func:`run`."""
    if directory is None:
        return _estimate(prepared, jobs, audit, progress or _silent)
    with output_directory(directory, prepared.study.stem):
        begun = time.perf_counter()
        try:
            curve, stop = _estimate(prepared, jobs, audit, progress or _silent), None
        except Interrupted as interrupted:
            curve, stop = interrupted.curve, interrupted
        _write(prepared, curve, directory, begun, progress or _silent)
        if stop is not None:
            raise stop
        return curve


def _silent(stage: str, done: int, total: int) -> None:
    return None


def _estimate(prepared: Prepared, jobs: int | None, audit: int | None, progress: Progress) -> Curve:
    study, plan = prepared.study, prepared.plan
    compiled = compile_plan(plan, prepared.panel, prepared.evaluator)
    n_jobs = study.run.jobs if jobs is None else jobs
    outcome = estimate_all(compiled, plan.grid.estimators, n_jobs, study.run.backend, progress)
    results = collect(planned_records(plan), outcome.blocks, compiled.problem.labels)
    tests: tuple[CurveTests, ...] = ()
    notes: tuple[str, ...] = ()
    analysed: tuple[analyse.Analysed, ...] = ()
    described = Described()
    audited = None
    if not outcome.interrupted:
        tests, notes = run_nulls(prepared, compiled, results, n_jobs, progress)
        audited = None if audit == 0 else _audit(prepared, compiled, results, audit, progress)
        described = describe(compiled, results, tests)
        analysed = analyse.run_analyses(prepared, n_jobs, progress)
    curve = _curve(prepared, results, audited, compiled, tests, described, analysed, notes)
    if outcome.interrupted:
        raise Interrupted(curve)
    return curve


def _audit(
    prepared: Prepared, compiled: Compiled, results: Results, size: int | None, progress: Progress
) -> Audit:
    progress("audit", 0, 0)
    return audit_results(compiled, prepared.plan.grid.estimators, results, size, prepared.study.seed)


def _curve(
    prepared: Prepared,
    results: Results,
    audit: Audit | None,
    compiled: Compiled,
    tests: tuple[CurveTests, ...],
    described: Described,
    analysed: tuple[analyse.Analysed, ...],
    notes: tuple[str, ...],
) -> Curve:
    said = (*(f.message for f in (*prepared.warnings.warnings, *compiled.warnings)), *notes, *described.warnings)
    return Curve(
        results,
        draw=draw_curve,
        summarise=summarise,
        sections=(*sections(tests), *described.sections, *analyse.sections(analysed)),
        findings=(*tests, described, *analysed),
        audit=audit,
        warnings=(*said, *analyse.notes(analysed)),
        null_shares=null_shares(tests),
        one_by_one=int(np.count_nonzero(~compiled.batched)),
    )


def _write(prepared: Prepared, curve: Curve, directory: Path, begun: float, progress: Progress) -> None:
    study = prepared.study
    tests = tuple(t for t in curve.findings if isinstance(t, CurveTests))
    if curve.counts.ok:
        progress("drawing the curve", 0, 0)
        bands = tests[0].bands if tests else None
        figure = study.figure
        _, said = write_figure(curve.results, directory, figure.sort, figure.formats, figure.width, bands)
        curve = dataclasses.replace(curve, warnings=(*curve.warnings, *said))
    (described,) = (d for d in curve.findings if isinstance(d, Described))
    said = write_described(curve, described, tests, directory, study.figure.formats, study.figure.width)
    curve = dataclasses.replace(curve, warnings=(*curve.warnings, *said))
    progress("writing results", 0, 0)
    analysed = tuple(a for a in curve.findings if isinstance(a, analyse.Analysed))
    said = list(analyse.write_analyses(analysed, directory, study.figure.formats, study.figure.width))
    curve = dataclasses.replace(curve, warnings=(*curve.warnings, *said))
    write_results(curve, directory)
    write_inference(curve.results, tests, directory)
    setup = {"backend": study.run.backend, "missing": study.missing}
    wall = time.perf_counter() - begun
    write_record(directory, manifest(study, prepared.panel, curve, wall, setup))

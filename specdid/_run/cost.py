"""What a run will need: memory and disk, with a fault where there is not enough; its work, and the time it takes."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specdid import _plugins
from specdid._arrays import Bools, Ints
from specdid._diagnostics import Fault, Faults, SpecError
from specdid._plan.records import EstimatorChoice
from specdid._run.infer import curve_clusters
from specdid._run.prepare import Prepared
from specdid._study import AnalysisTable
from specdid.analyses._cells import make_cells
from specdid.engine.compile import Compiled
from specdid.engine.execute import LISTWISE_MEMBER, chunk_seconds, prepare_seconds
from specdid.engine.least_squares import CHUNK
from specdid.engine.listwise.members import CHUNK_CELLS
from specdid.engine.rows import missing_patterns, row_keys
from specdid.inference._base import Context
from specdid.inference._draw_tables import LARGE, scratch
from specdid.inference._permutation_strategy import fits_each, seconds_of_sunab, split
from specdid.inference.permutation_refit import within_budget
from specdid.panel.memory import available

SPECIFICATION, ROW = 600, 150
"""Bytes of a specification in plan, fits and results, and of each of its vcovs (measured at 2^15 and 2^20)."""
DRAW, IMPOSED = 24, 24
"""Bytes of a specification in one draw of a null: estimate, t, and the estimates sorted; of the wild null's
three numbers for its bands."""
IN_FILES = 2**28
"""Bytes of memory that draws take whose tables are files (235 MB measured at 40,960 specifications and 999 draws)."""
COPIES = 3
"""Copies of the columns in use while a batch is demeaned and factorised."""
MASK = 50.0
"""Bytes of a row in each of the masks that are worked on together (measured at 10^5 rows, growth.md)."""
AUDITED = 25
ONE_BY_ONE = 2.0e-2
"""Seconds per specification of an estimator that is not least squares."""
SECONDS = {
    "start": 1.0,
    "pyfixest": 2.3,
    "draws": 2.5e-6,
    "draws_sunab": 3.0e-5,
    "anew": 8.0e-4,
    "refits": 0.03,
    "audit": 0.03,
    "analyses": 0.2,
    "columns": 0.1,
    "breakdowns": 0.05,
    "pictures": 0.22,
}
"""Seconds of one core (of 2023) per unit of each count."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a run needs beyond what is loaded: copies of columns, specifications, draws of a null.

    ``disk`` are those of draws that go to files while the run lasts.
    """

    columns: float
    specifications: float
    draws: float
    disk: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return self.columns + self.specifications + self.draws


def needed(prepared: Prepared, compiled: Compiled) -> Need:
    """Guess what a run needs, from counts alone."""
    problem, study = compiled.problem, prepared.study
    of_a_draw = DRAW + IMPOSED * any(_plugins.load("inference", n).imposes for n in study.inference.null)
    draws = of_a_draw * float(study.inference.draws) * len(compiled.members)
    disk = draws if draws > 3 * LARGE else 0.0
    rows = SPECIFICATION + ROW * len(problem.vcovs)
    columns, specifications = COPIES * float(problem.values.nbytes), float(rows * len(prepared.plan))
    if study.missing == "listwise":
        specifications += MASK * min(len(problem.values) * len(compiled.members), CHUNK_CELLS)
    return Need(columns, specifications, float(IN_FILES) if disk else draws, disk)


def refuse_too_large(prepared: Prepared, compiled: Compiled, directory: Path | None = None) -> None:
    """Stop before a run that will not fit into memory, or whose draws will not fit on the disk of ``directory``.

    Raises
    ------
    SpecError
        With what would make it fit.
    """
    need, free = needed(prepared, compiled), available()
    _refuse_disk(prepared, need, directory)
    if need.total <= free:
        return
    message = f"this run needs about {_size(need.total)} of memory, and {_size(free)} are free"
    notes = (
        f"specifications: {_size(need.specifications)}; draws of a null: {_size(need.draws)}; "
        f"copies of columns: {_size(need.columns)}",
    )
    path = ("inference", "draws") if need.draws > need.specifications + need.columns else ("study",)
    help = f"{_advice(prepared, need, free)}; or run it all the same with --ignore-memory"
    raise SpecError(Faults((Fault("too_large", message, help=help, path=path, notes=notes),)))


def _refuse_disk(prepared: Prepared, need: Need, directory: Path | None) -> None:
    above = [] if directory is None else [directory.absolute(), *directory.absolute().parents]
    place = next((p for p in above if p.is_dir()), scratch(None))
    free = float(shutil.disk_usage(place).free)
    if need.disk <= free:
        return
    message = f"the draws of this run need about {_size(need.disk)} on the disk, and {_size(free)} are free in {place}"
    help = f"{_fewer_draws(prepared, free / need.disk)}; or run it all the same with --ignore-memory"
    raise SpecError(Faults((Fault("too_large", message, help=help, path=("inference", "draws")),)))


def _fewer_draws(prepared: Prepared, share: float) -> str:
    fewer = int(prepared.study.inference.draws * share)
    return f"write `draws = {fewer // 10 * 10 if fewer >= 20 else 0}` in [inference], or plan fewer specifications"


def _advice(prepared: Prepared, need: Need, free: float) -> str:
    """Say what would help most."""
    rest = free - need.columns - need.specifications
    if need.draws >= max(need.specifications, need.columns) and rest > 0:
        return _fewer_draws(prepared, rest / (need.disk or need.draws))
    if need.columns > need.specifications:
        common = "" if prepared.study.missing == "common" else ', or `missing = "common"` in [study]'
        return f"use fewer columns or rows{common}"
    largest = max(prepared.plan.dimensions, key=len)
    return f"plan fewer specifications: {largest.name} has {len(largest):,} options"


def _size(count: float) -> str:
    """Write bytes for people."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{np.ceil(count / 1e6):,.0f} MB"


@dataclass(frozen=True, slots=True)
class Cost:
    """A listing for ``specdid plan``.

    Attributes
    ----------
    batches : specifications with the same missing pattern, fixed effects and weights
    largest : specifications of the largest
    sharing : columns demeaned one by one, over columns demeaned in batches
    one_by_one : specifications that pyfixest estimates alone
    seconds : on one core, roughly
    megabytes : the study's columns
    """

    batches: int
    largest: int
    sharing: float
    one_by_one: int
    seconds: float
    megabytes: float


def estimate_cost(compiled: Compiled, estimators: Sequence[EstimatorChoice] = ()) -> Cost:
    """Count batches and guess the time, without forming any row mask; ``estimators`` are the plan's."""
    problem = compiled.problem
    alone = ~compiled.in_engine
    fits = _slowness(estimators, compiled.method[alone]) if estimators else np.ones(np.count_nonzero(alone))
    members = compiled.members.take(np.flatnonzero(compiled.in_engine))
    one_by_one = int(np.count_nonzero(~compiled.in_engine))
    rows, p = problem.values.shape
    megabytes = (problem.values.nbytes + problem.codes.nbytes) / 1e6
    if not len(members):
        return Cost(0, 0, 1.0, one_by_one, float(fits.sum()) * ONE_BY_ONE, megabytes)
    batch = row_keys(members, missing_patterns(problem, members)).of_member
    sizes = np.bincount(batch)
    lengths = np.diff(members.start)
    owner = np.repeat(batch, lengths)
    used = [batch * p + members.outcome, batch * p + members.treatment, owner * p + members.controls]
    shared = len(np.unique(np.concatenate(used)))
    single = int(lengths.sum()) + 2 * len(members)
    chunks = int((-(-sizes // CHUNK)).sum())
    dense = len(sizes) * prepare_seconds(rows) + chunks * chunk_seconds(rows)
    seconds = min(dense, len(members) * LISTWISE_MEMBER * max(1.0, rows / 2_000))
    seconds += float(fits.sum()) * ONE_BY_ONE
    return Cost(len(sizes), int(sizes.max()), single / shared, one_by_one, seconds, megabytes)


@dataclass(frozen=True, slots=True)
class Work:
    """How often a run does what takes its time.

    Attributes
    ----------
    estimates : seconds of the estimates, by the counts of `estimate_cost`
    fits : specifications that pyfixest fits one by one
    draws, draws_sunab : draws × specifications of the nulls, of one treatment column and of many
    anew : draws × specifications that a permutation estimates anew, those of placebos with them
    anew_sunab : seconds of Sun-Abraham models that a permutation estimates anew, as its budget counts them
    refits : draws × specifications that are fitted one by one again, in fits that take as long as of Poisson
    beyond : specifications of a permutation that are more work than its refits take, and in none of its tests
    audit : specifications that the audit estimates
    analyses, columns : tables of analyses, and specifications in them
    breakdowns : specifications of the curve of which an analysis makes something, as breakdown values
    pictures : figures × formats
    """

    estimates: float
    fits: int
    draws: int
    draws_sunab: int
    anew: int
    anew_sunab: float
    refits: int
    beyond: int
    audit: int
    analyses: int
    columns: int
    breakdowns: int
    pictures: int

    @property
    def parts(self) -> dict[str, float]:
        """Return the seconds of one core by part, in words, those that count for something."""
        s = SECONDS
        nulls = self.draws * s["draws"] + self.draws_sunab * s["draws_sunab"]
        nulls += self.anew * s["anew"] + self.anew_sunab + self.refits * s["refits"]
        loaded = s["pyfixest"] if self.fits or self.refits else 0.0
        return {
            "estimates": s["start"] + loaded + self.estimates,
            "draws": nulls,
            "analyses": self.analyses * s["analyses"] + self.columns * s["columns"] + self.breakdowns * s["breakdowns"],
            "figures": self.pictures * s["pictures"],
            "audit": s["pyfixest"] + self.audit * s["audit"] if self.audit else 0.0,
        }

    @property
    def seconds(self) -> float:
        """Return the seconds of one core of the whole run."""
        return sum(self.parts.values())


def count_work(prepared: Prepared, compiled: Compiled, cost: Cost) -> Work:
    """Count what ``specdid run`` would do, on the plan alone: nothing is estimated.

    What turns out to have no estimate, or to be the same model again, is counted as well.
    """
    study, members = prepared.study, compiled.members
    many = members.sunab >= 0
    draws = draws_sunab = anew = refits = beyond = 0
    anew_sunab = 0.0
    cluster = curve_clusters(prepared) if study.inference.draws else None
    if cluster is not None:
        batched, b = compiled.batched, study.inference.draws
        moving = [bool(_plugins.load("inference", name).assigns) for name in study.inference.null]
        draws += moving.count(False) * b * int(np.count_nonzero(batched & ~many))
        draws_sunab += moving.count(False) * b * int(np.count_nonzero(batched & many))
        if any(moving):
            on = (prepared.plan, prepared.panel, prepared.evaluator, compiled)
            of = split(Context(*on, np.arange(len(members)), cluster, b, study.seed))
            draws += b * int(np.count_nonzero(of.simple))
            anew += b * int(np.count_nonzero(of.again & ~many))
            anew_sunab += b * _sunab(compiled, of.again & many)
            fits = fits_each(prepared.plan.grid.estimators, compiled.method)
            alone = ~compiled.in_engine & of.depends
            others, costly, few, beyond = within_budget(of.problem, members, alone, of.costly, b, fits)
            anew += few * int(np.count_nonzero(costly & ~many))
            anew_sunab += few * _sunab(compiled, costly & many)
            refits += few * int(_slowness(prepared.plan.grid.estimators, compiled.method)[others].sum())
    columns = [make_cells(request, prepared.panel, prepared.evaluator) for request in prepared.requests]
    for request, own in zip(prepared.requests, columns, strict=True):
        if _plugins.load("analyses", request.table.kind).permutes:
            for cell in own:  # each is drawn alone
                one = np.arange(len(cell.compiled.members)) == cell.member
                anew += request.config.draws * int(cell.plain)
                anew_sunab += request.config.draws * _sunab(cell.compiled, one & (cell.compiled.members.sunab >= 0))
    return Work(
        cost.seconds,
        cost.one_by_one,
        draws,
        draws_sunab,
        anew,
        anew_sunab,
        refits,
        beyond,
        min(AUDITED, len(members)),
        len(study.analyses),
        sum(map(len, columns)),
        sum(_over_curve(table, len(members)) for table in study.analyses),
        _pictures(prepared),
    )


def _slowness(estimators: Sequence[EstimatorChoice], method: Ints) -> Ints:
    """Return how many Poisson regressions the estimate of each member is worth, (S,): fits, and steps of each."""
    slow = np.array([_plugins.load("estimators", e.method).slowness for e in estimators], np.int64)
    return fits_each(estimators, method) * slow[method]


def _sunab(compiled: Compiled, which: Bools) -> float:
    return seconds_of_sunab(compiled.problem, compiled.members.take(np.flatnonzero(which)))


def _over_curve(table: AnalysisTable, members: int) -> int:
    """Return of how many specifications of the curve an analysis makes something."""
    most = _plugins.load("analyses", table.kind).over_curve
    return 0 if most is None else min(most(table.values), members)


_OF_NULLS = "null_density"
"""The figure that a run without a null does not draw."""


def _pictures(prepared: Prepared) -> int:
    """Count figures × formats: the curve, those that every run draws, one of each null, those of analyses."""
    study = prepared.study
    drawn = sum(bool(_plugins.load("analyses", table.kind).drawn) for table in study.analyses)
    nulls = len(study.inference.null) if study.inference.draws else 0
    whole = [f for f in _plugins.every("figures") if f.curve is not None and f.name != _OF_NULLS]
    return (1 + len(whole) + nulls + drawn) * len(study.figure.formats)

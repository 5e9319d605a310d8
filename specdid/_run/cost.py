"""What a run will need: memory and disk, with a fault where there is not enough."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from specdid import _plugins
from specdid._diagnostics import Fault, Faults, SpecError
from specdid._run.prepare import Prepared
from specdid.engine.compile import Compiled
from specdid.engine.listwise.members import CHUNK_CELLS
from specdid.inference._draw_tables import LARGE, scratch
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
"""Bytes of a row in each of the masks that are worked on together (measured at 10^5 rows)."""


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

"""What a run will need in memory, and a fault where the machine has not so much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from specdid._diagnostics import Fault, Faults, SpecError
from specdid._run.prepare import Prepared
from specdid.engine.compile import Compiled
from specdid.panel.memory import available

SPECIFICATION, ROW = 600, 150
"""Bytes of a specification in plan, fits and results, and of each of its vcovs (measured at 2^15 and 2^20)."""
DRAW = 24
"""Bytes of a specification in one draw of a null (21 measured at 40,960 specifications and 999 draws)."""
COPIES = 3
"""Copies of the columns in use while a batch is demeaned and factorised."""


@dataclass(frozen=True, slots=True)
class Need:
    """Bytes that a run needs beyond what is loaded: copies of columns, specifications, draws of a null."""

    columns: float
    specifications: float
    draws: float

    @property
    def total(self) -> float:
        """All of it."""
        return self.columns + self.specifications + self.draws


def needed(prepared: Prepared, compiled: Compiled) -> Need:
    """Guess what a run needs, from counts alone."""
    problem, study = compiled.problem, prepared.study
    draws = (study.inference.draws + 1) * len(compiled.members) if study.inference.draws else 0
    rows = SPECIFICATION + ROW * len(problem.vcovs)
    return Need(COPIES * float(problem.values.nbytes), float(rows * len(prepared.plan)), float(DRAW * draws))


def refuse_too_large(prepared: Prepared, compiled: Compiled) -> None:
    """Stop before a run that will not fit into memory.

    Raises
    ------
    SpecError
        With what would make it fit.
    """
    need, free = needed(prepared, compiled), available()
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


def _advice(prepared: Prepared, need: Need, free: float) -> str:
    """Say what would help most."""
    rest = free - need.columns - need.specifications
    if need.draws >= max(need.specifications, need.columns) and rest > 0:
        fewer = int(prepared.study.inference.draws * rest / need.draws)
        return f"write `draws = {fewer // 10 * 10 if fewer >= 20 else 0}` in [inference], or plan fewer specifications"
    if need.columns > need.specifications:
        common = "" if prepared.study.missing == "common" else ', or `missing = "common"` in [study]'
        return f"use fewer columns or rows{common}"
    largest = max(prepared.plan.dimensions, key=len)
    return f"plan fewer specifications: {largest.name} has {len(largest):,} options"


def _size(count: float) -> str:
    """Write bytes for people."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{np.ceil(count / 1e6):,.0f} MB"

"""What the engine estimates and what it gives back: arrays and small frozen records, no text of a user.

Everything above (the plan, the panel) is compiled to this by ``engine.compile``; workers
get a Problem by memory map and Members by slice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid._records.fits import Code as Code
from specdid._records.fits import Fits as Fits
from specdid._records.fits import VcovCode as VcovCode
from specdid._study import Distribution, Rule
from specdid.panel.times import Calendar


@dataclass(frozen=True, slots=True)
class Effects:
    """One fixed-effects option: ``f1 + f2^f3 + f[x]``.

    ``fixed`` are columns of Problem.codes (an interacted effect is one column of codes);
    ``slopes`` are (column of codes, column of values) pairs: ``f[x]`` puts f into
    ``fixed`` and (f, x) here, ``f[[x]]`` only (f, x) here. No effects: an intercept.
    """

    fixed: tuple[int, ...] = ()
    slopes: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Vcov:
    """``clusters`` are columns of Problem.codes: one or two for kind "cluster".

    ``ssc`` is the small-sample correction, one of `_study.RULES`; ``distribution`` that of the
    statistic, None for the estimator's own.
    """

    kind: Literal["iid", "hetero", "cluster"]
    clusters: tuple[int, ...] = ()
    ssc: Rule = "fixest"
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True)
class Problem:
    """A study's columns, evaluated once on the full panel.

    Attributes
    ----------
    values : (n, p) float64, Fortran order
        Every outcome, treatment, control, slope variable and weight; NaN is missing,
        infinite values drop the row as missing ones do (as in pyfixest).
    codes : (n, q) int64, Fortran order
        Levels of fixed effects, clusters, units, from 0; -1 is missing.
    rows : (r, n) bool
        One row mask per sample (conditions of sample and variants and-ed).
    log0 : (n, p) bool or None
        True where the value is missing because a log of a non-positive value was taken.
    labels : p texts
        The term of each column of values, for messages and ``dropped``.
    effect_labels : q texts
        The same for codes.
    effects, vcovs
        The fixed-effects options and the study's vcovs, indexed by Members.
    unit : column of codes with the panel's unit, or -1.
    alpha : confidence intervals are at 1 - alpha.
    offsets : columns of values that stand among the controls with the coefficient 1.
    calendar : the period and unit of every row, for what rows of one specification do not tell.
    unit_names : the units' names by code, where an estimator says by name who is not seen in every period.
    arms : treatment that is an arm of a factor -> the factor's other arms, columns of values.
    """

    values: Floats
    codes: Ints
    rows: NDArray[np.bool_]
    log0: NDArray[np.bool_] | None
    labels: tuple[str, ...]
    effect_labels: tuple[str, ...]
    effects: tuple[Effects, ...]
    vcovs: tuple[Vcov, ...]
    unit: int
    alpha: float
    offsets: tuple[int, ...] = ()
    arms: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    unit_names: NDArray[np.str_] | None = None
    calendar: Calendar | None = None


@dataclass(frozen=True, slots=True)
class Sunab:
    """A Sun-Abraham treatment: interaction-weighted average of cohort × period effects.

    ``cohort`` and ``period`` are columns of Problem.values; cohort is NaN for never
    treated. ``reference`` relative periods are left out; ``control`` "notyet" keeps all
    rows, "never" the same with the last cohort's treated rows kept: see engine/sunab.
    ``names`` are periods as the data write them, for messages.
    """

    cohort: int
    period: int
    reference: tuple[int, ...] = (-1,)
    control: Literal["never", "notyet"] = "never"
    names: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Members:
    """Least-squares specifications by index into a Problem, as columns.

    Attributes
    ----------
    index : (S,) int64
        The specification's place in the plan, from 0.
    outcome, treatment : (S,) int64
        Columns of Problem.values.
    start : (S + 1,) int64 and controls : int64
        CSR: controls[start[s]:start[s+1]] are columns of values, in written order,
        without repetition, without treatment.
    rows, effects : (S,) int64
        Index into Problem.rows and Problem.effects.
    weights : (S,) int64
        Column of values, or -1.
    extra_rows : (S,) int64
        Column of values that must also be complete though it is not in the model
        (``missing = "common"``: a column that is NaN where any variable is), or -1.
    sunab : (S,) int64
        Index into ``aggregates``, or -1 for plain least squares.
    instruments : (S,) int64
        Index into ``instrument_sets``, or -1 for a treatment that is not instrumented. Empty: none is.
    instrument_sets : columns of values, in written order
    """

    index: Ints
    outcome: Ints
    treatment: Ints
    start: Ints
    controls: Ints
    rows: Ints
    effects: Ints
    weights: Ints
    extra_rows: Ints
    sunab: Ints
    aggregates: tuple[Sunab, ...] = ()
    instruments: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    instrument_sets: tuple[tuple[int, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(self.instruments) != len(self.index):
            object.__setattr__(self, "instruments", np.full(len(self.index), -1, np.int64))

    def __len__(self) -> int:
        return len(self.index)

    def controls_of(self, s: int) -> Ints:
        """Return the columns of values that member ``s`` has as controls."""
        return self.controls[self.start[s] : self.start[s + 1]]

    def instruments_of(self, s: int) -> Ints:
        """Return the columns of values that member ``s`` has as instruments of its treatment; none as a rule."""
        place = int(self.instruments[s])
        return np.array(self.instrument_sets[place] if place >= 0 else (), np.int64)

    @property
    def instrument_columns(self) -> Ints:
        """The columns of values that instrument any member's treatment, ascending."""
        used = np.unique(self.instruments[self.instruments >= 0]).tolist()
        return np.unique(np.array([c for k in used for c in self.instrument_sets[k]], np.int64))

    def take(self, which: Ints) -> Members:
        """Return the members at positions ``which``, in that order."""
        lengths = self.start[1:][which] - self.start[:-1][which]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.repeat(self.start[:-1][which] - start[:-1], lengths) + np.arange(start[-1])
        return Members(
            self.index[which],
            self.outcome[which],
            self.treatment[which],
            start,
            self.controls[source],
            self.rows[which],
            self.effects[which],
            self.weights[which],
            self.extra_rows[which],
            self.sunab[which],
            self.aggregates,
            self.instruments[which],
            self.instrument_sets,
        )

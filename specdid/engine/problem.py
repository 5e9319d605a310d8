"""What the engine estimates and what it gives back: arrays and small frozen records, no text of a user.

Everything above (the plan, the panel) is compiled to this by ``engine.columns``; workers
get a Problem by memory map and Members by slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Code(IntEnum):
    """Why a specification has no numbers (0: it has)."""

    OK = 0
    NO_ROWS = 1
    NO_OUTCOME_VARIATION = 2
    NO_TREATMENT_VARIATION = 3
    ABSORBED = 4
    NOT_IDENTIFIED = 5
    TOO_FEW_CLUSTERS = 6
    NOT_CONVERGED = 7
    ESTIMATOR_ERROR = 8


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
    """``clusters`` are columns of Problem.codes: one or two for kind "cluster"."""

    kind: Literal["iid", "hetero", "cluster"]
    clusters: tuple[int, ...] = ()


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


@dataclass(frozen=True, slots=True)
class Sunab:
    """A Sun-Abraham treatment: interaction-weighted average of cohort × period effects.

    ``cohort`` and ``period`` are columns of Problem.values; cohort is NaN for never
    treated. ``reference`` relative periods are left out; ``control`` "notyet" keeps all
    rows, "never" the same with the last cohort's treated rows kept: see estimators/sunab.
    """

    cohort: int
    period: int
    reference: tuple[int, ...] = (-1,)
    control: Literal["never", "notyet"] = "never"


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

    def __len__(self) -> int:
        return len(self.index)

    def take(self, which: Ints) -> Members:
        """Give the members at positions ``which``, in that order."""
        lengths = self.start[1:][which] - self.start[:-1][which]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        source = np.repeat(self.start[:-1][which] - start[:-1], lengths) + np.arange(start[-1])
        return Members(
            self.index[which], self.outcome[which], self.treatment[which], start,
            self.controls[source], self.rows[which], self.effects[which],
            self.weights[which], self.extra_rows[which], self.sunab[which], self.aggregates,
        )


@dataclass(frozen=True, slots=True)
class Fits:
    """What S specifications under V vcovs gave, as columns; NaN and -1 where there is nothing.

    Attributes
    ----------
    index : (S,) int64, place in the plan from 0
    code : (S,) int8, a Code
    culprit : (S,) int64
        For a failure: the column of values (NOT_IDENTIFIED: the dropped control that
        loads on the treatment) or -1.
    detail : texts by position in the block, for failures that need words
        (an estimator's own message), else absent.
    estimate : (S,) float64
    std_error, statistic, p_value, conf_low, conf_high, df : (S, V) float64
        NaN in a row of V that failed: ``vcov_code`` says why.
    vcov_code : (S, V) int8
        0 ok, 1 fewer than two clusters, 2 variance not positive, 3 no degrees of
        freedom, 4 perfect fit (zero residual variance), 5 not offered by the estimator.
    n_clusters : (S, V) int64 (the smaller one of two; -1 for iid and hetero)
    nobs, n_units, n_treated, n_control, n_always_treated, n_missing, n_log0,
    n_singletons : (S,) int64
    n_eff, y_mean, r2_within : (S,) float64
    dropped : position in the block -> columns of values dropped as collinear
    signature : (S, 2) uint64
        Equal where outcome, rows, weights, fixed effects, kept terms, treatment term and
        estimator are: the same model twice.
    seconds : (S,) float64, a share of the time of the batch
    """

    index: Ints
    code: NDArray[np.int8]
    culprit: Ints
    detail: dict[int, str]
    estimate: Floats
    std_error: Floats
    statistic: Floats
    p_value: Floats
    conf_low: Floats
    conf_high: Floats
    df: Floats
    vcov_code: NDArray[np.int8]
    n_clusters: Ints
    nobs: Ints
    n_units: Ints
    n_treated: Ints
    n_control: Ints
    n_always_treated: Ints
    n_missing: Ints
    n_log0: Ints
    n_singletons: Ints
    n_eff: Floats
    y_mean: Floats
    r2_within: Floats
    dropped: dict[int, tuple[int, ...]]
    signature: NDArray[np.uint64]
    seconds: Floats

"""The columns of results.parquet and results.csv, declared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

ColumnKind = Literal["int", "float", "text", "bool"]
ColumnLevel = Literal["plan", "specification", "vcov", "extra"]


class Core(IntEnum):
    """The dimensions of every study, by their place in a plan; the user's variants follow."""

    OUTCOME = 0
    TREATMENT = 1
    CONTROLS = 2
    FIXED_EFFECTS = 3
    SAMPLE = 4
    WEIGHTS = 5
    ESTIMATOR = 6


DIMENSIONS = tuple(d.name.lower() for d in Core)
"""Their names in a spec file and in the results, in the order of the plan."""


@dataclass(frozen=True, slots=True)
class ResultColumn:
    """One column of the results.

    Attributes
    ----------
    name : as printed.
    kind : "int" (int64), "float" (float64), "text" or "bool".
    level : what the value belongs to. "plan": known before anything is estimated;
        "specification" and "vcov": a number of the fit, one per specification or one per
        row; "extra": an estimator's own.
    null : "never", or when the cell is empty. In memory an absent number is NaN or -1.
    form : how the value is written in results.csv.
    doc : what it is, with its unit.
    """

    name: str
    kind: ColumnKind
    level: ColumnLevel
    null: str
    form: str
    doc: str


_DIGITS = "12 significant digits"
_WHOLE = "whole number"
_NOT_OK = "where there is no fit"
_NO_VCOV = "where there is no fit or the vcov failed"


def _plan(name: str, null: str, doc: str, form: str = "text", kind: ColumnKind = "text") -> ResultColumn:
    return ResultColumn(name, kind, "plan", null, form, doc)


def _count(name: str, doc: str, level: ColumnLevel = "specification") -> ResultColumn:
    return ResultColumn(name, "int", level, _NOT_OK, _WHOLE, doc)


def _number(name: str, doc: str, level: ColumnLevel = "specification") -> ResultColumn:
    return ResultColumn(name, "float", level, _NO_VCOV if level == "vcov" else _NOT_OK, _DIGITS, doc)


_HEAD = (
    _plan("index", "never", "place in the plan, from 1; the same for all vcovs", _WHOLE, "int"),
    _plan("spec_id", "never", "hash of the specification's content", "16 hex digits"),
)
_TAIL = (
    _plan("vcov", "never", "label of the variance estimator"),
    _plan("formula", "never", "outcome ~ treatment + with + controls + add | fixed effects + absorb"),
    _plan("term", "never", "the treatment term whose coefficient this is"),
    _plan("estimand", "never", "what the estimate is an estimate of, in words"),
    _plan("scale", "where none is declared", "what the estimate is in: the outcome's scale, or the estimator's own"),
    _number("estimate", "the coefficient, in units of `scale`"),
    _number(
        "std_error",
        "standard error of the estimate; with two clusters that of V₁ + V₂ − V₁₂, as pyfixest's",
        "vcov",
    ),
    _number("statistic", "t or z", "vcov"),
    _number("p_value", "two-sided", "vcov"),
    _number("conf_low", "lower end of the interval at 1 - alpha", "vcov"),
    _number("conf_high", "upper end of the interval at 1 - alpha", "vcov"),
    _number("df", "degrees of freedom of t; inf: normal", "vcov"),
    _count(
        "nobs",
        "rows used, each once; of csdid and did_multiplegt_dyn the ends of the changes that are averaged, of lpdid "
        "the rows whose change is, of stackedev those in a stack, of did2s and did_imputation no row of an effect "
        "that is never seen untreated: other rows of the sample are not counted",
    ),
    _count("n_units", "units in these rows"),
    _count(
        "n_treated",
        "units with treatment variation in these rows; of csdid, lpdid, stackedev and did_multiplegt_dyn, in an effect "
        "that is averaged",
    ),
    _count(
        "n_control",
        "units only compared with: never treated in these rows, by any arm; of csdid, lpdid, stackedev and "
        "did_multiplegt_dyn, in no effect that is averaged, though they may adopt later",
    ),
    _count(
        "n_always_treated",
        "units always treated in these rows; of did_multiplegt_dyn, whether they are compared with or not",
    ),
    ResultColumn(
        "n_clusters",
        "int",
        "vcov",
        "where there is no fit, or the vcov has no clusters (iid, hetero)",
        _WHOLE,
        "clusters, the smaller number of two",
    ),
    _count("n_missing", "rows of the sample dropped as missing or infinite"),
    _count("n_log0", "rows dropped because of the log of a non-positive value; they are counted in `n_missing`, too"),
    _count("n_singletons", "rows dropped as singletons of a fixed effect"),
    _number("n_eff", "Kish's effective number of rows under the weights"),
    _number("y_mean", "mean of the outcome in these rows, each counted once, also where the specification is weighted"),
    ResultColumn(
        "r2_within",
        "float",
        "specification",
        "where there is no fit or no fixed effects, or the estimator has none, such as lpdid and csdid",
        _DIGITS,
        "R² after the fixed effects",
    ),
    _plan(
        "dropped",
        "where nothing was dropped",
        "collinear terms left out, joined by ` + `; of a factor the columns, or its name where all of them are",
    ),
    _plan("status", "never", "ok, failed, excluded or duplicate"),
    _plan("code", "where ok", "why there are no numbers, as a stable name"),
    _plan(
        "message",
        "where ok",
        "the same in words; for an ok row, why its vcov failed or that other programs print another error",
    ),
    _plan("twin", "where not duplicate", "spec_id of the row that has the numbers", "16 hex digits"),
    _plan("preferred", "never", "the specification that the paper reports", "true or false", "bool"),
)

_OF_INSTRUMENTS = {
    "n_instruments": "instruments that are no combination of others, controls and fixed effects",
    "first_stage_f": "F of the instruments in the first stage under iid errors, whatever the vcov",
    "first_stage_r2": "share of the treatment, net of controls and fixed effects, that the instruments explain",
    "effective_f": "effective F of the first stage under the first vcov (Montiel Olea and Pflueger 2013)",
    "effective_f_critical": "what it should exceed for a bias of at most 10% of the worst case, at 5%",
    "kleibergen_paap_f": "Kleibergen and Paap's rk Wald F of the first stage, under the first vcov",
    "wu_hausman": "F of the test that least squares estimates the same, under the first vcov",
    "wu_hausman_p": "its p-value",
    "sargan": "Sargan's statistic of the overidentifying restrictions, under iid errors",
    "sargan_p": "its p-value",
    "hansen_j": "Hansen's J of the overidentifying restrictions, under the first vcov where that is not iid",
    "hansen_p": "its p-value",
    "ar_p": "p-value of Anderson and Rubin's test of no effect, valid with weak instruments",
    "ar_intervals": "intervals that Anderson and Rubin's confidence set has; 0: it is empty",
    "ar_low": "lowest effect in that set, at 1 - alpha; empty where it has no lower bound",
    "ar_high": "highest effect in that set; empty where it has no upper bound",
    "ar_gap_low": "lower end of the widest gap in that set",
    "ar_gap_high": "upper end of that gap",
}

OF_INSTRUMENTS: tuple[ResultColumn, ...] = tuple(
    ResultColumn(name, "float", "extra", "where no instruments, or it cannot be had", _DIGITS, doc)
    for name, doc in _OF_INSTRUMENTS.items()
)
"""The columns that two-stage least squares adds, with the other extras at the end."""

_OF_ESTIMATORS = {
    "n_cohorts": "cohorts in the average",
    "n_cohorts_left_out": "cohorts that are not in the average",
    "n_cells": "effects by cohort and period in the average",
    "n_cells_left_out": "effects by cohort and period that are not in the average, nobody being comparable",
    "n_treated_left_out": "treated units that are not in the average",
    "n_treated_rows_left_out": "treated rows that are not in the average",
    "n_units_left_out": "units that are not seen in every period, left out as `unbalanced` asks",
    "n_one_unit_cohorts": "cohorts of one unit, whose own variation no standard error holds; of did_multiplegt_dyn, "
    "cohorts of one cluster; of sdid's bootstrap, whose effect is taken to be that of the others",
    "n_controls_weighted": "units never treated with a weight above 0, for some cohort",
    "n_periods_weighted": "periods before treatment with a weight above 0, of the cohort with most",
    "n_weights_capped": "sets of weights, two a cohort, that were still changing at the last of their steps",
    "n_effects": "periods since the switch whose effects are in the estimate",
    "n_effects_left_out": "periods that were asked for and have no effect, nobody being comparable",
    "n_effects_both_ways": "of these, periods that a switcher would have, but its treatment has been above and below "
    "its first value by then",
    "n_effects_unseen": "of these, periods in which no switcher is seen",
    "n_switchers_in": "units in the estimate that switch to more treatment",
    "n_switchers_out": "units in the estimate that switch to less treatment",
    "n_switchers_left_out": "units that switch and are in no comparison",
    "n_no_counterpart": "units left out since all with their first treatment switch in one period, or none ever does",
    "n_late_baseline": "units in the estimate without a treatment in the first period, counted from one of a later",
    "n_longer_steps": "steps between periods in which some treatment is known that are longer than the shortest, and "
    "that a switcher's change goes over",
    "dose": "what treatments changed by, per switcher and effect in the estimate; of a normalized effect, summed since "
    "the switch; empty where nothing is divided by it",
    "post_window": "the last period after adoption in the average, 0 being that of adoption",
    "n_separated": "rows dropped by separation: in levels of a fixed effect in which the outcome never varies, or is "
    "always zero",
    "rows_per_level": "rows that a level of a fixed effect has on average, of the effect with fewest",
    "theta": "the dispersion θ: the variance is μ + μ²/θ",
}

OF_ESTIMATORS: tuple[ResultColumn, ...] = tuple(
    ResultColumn(name, "float", "extra", "where the estimator has none", _DIGITS, doc)
    for name, doc in _OF_ESTIMATORS.items()
)
"""The columns that estimators of the package add, with the other extras at the end."""

COLUMNS: tuple[ResultColumn, ...] = _HEAD + _TAIL
"""Every fixed column in order; the dimensions stand after spec_id, extras at the end."""

RESERVED: tuple[str, ...] = tuple(c.name for c in COLUMNS)
"""Names that a user's own dimension cannot have."""

NUMBERS: tuple[ResultColumn, ...] = tuple(c for c in COLUMNS if c.level in ("specification", "vcov"))
"""The columns that a fit fills; each has the name of its array in Fits."""


def schema(dimensions: Sequence[str], extra: Sequence[str] = ()) -> tuple[ResultColumn, ...]:
    """Return all columns of a study's results in their order."""
    labels = tuple(_plan(name, "never", "label of the option") for name in dimensions)
    known = {column.name: column for column in (*OF_INSTRUMENTS, *OF_ESTIMATORS)}
    own = tuple(
        known.get(name)
        or ResultColumn(name, "float", "extra", "where the estimator has none", _DIGITS, "the estimator's own")
        for name in extra
    )
    return _HEAD + labels + _TAIL + own

"""What the engine gives back for a block of specifications: the numbers, or why there are none and what that means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints

NOT_POSITIVE = "this variance estimate is not positive, so it has no standard error"
VCOV_NOTES: tuple[str, ...] = (
    "",
    "fewer than two clusters are left, so this variance cannot be computed",
    NOT_POSITIVE,
    "no degrees of freedom are left for this variance",
    "the model fits perfectly: there is no residual variance and no standard error",
    "the estimator does not offer this variance",
    'the fixed effects are too many to count their parameters exactly; use ssc = "fixest" or "reghdfe"',
    "the estimator does not offer this small-sample correction (`ssc`)",
    'the estimator gives no degrees of freedom for t; leave out `distribution` or write "normal"',
)
"""By Fits.vcov_code."""


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
        freedom, 4 perfect fit (zero residual variance), 5 not offered by the estimator,
        6 the parameters of the fixed effects could not be counted as the vcov's ``ssc`` asks,
        7 that correction and 8 t are not offered by the estimator.
    n_clusters : (S, V) int64 (the smaller one of two; -1 for iid and hetero)
    nobs, n_units, n_treated, n_control, n_always_treated, n_missing, n_log0,
    n_singletons : (S,) int64
    n_eff, y_mean, r2_within : (S,) float64
    dropped : position in the block -> columns of values dropped as collinear
    signature : (S, 2) uint64
        Equal where estimator, rows and the values of outcome, treatment, kept terms, fixed
        effects and weights (up to a factor) are: the same model twice, see engine/model_identity.
    seconds : (S,) float64, a share of the time of the batch
    vcov_detail : (position in the block, vcov) -> words for a vcov_code: an estimator's own, a missing cluster
    extra : an estimator's own columns by name, (S,) float64, NaN where it has none
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
    vcov_detail: dict[tuple[int, int], str] = field(default_factory=dict)
    extra: Mapping[str, Floats] = field(default_factory=dict)


def failure_message(code: Code, term: str, outcome: str, effects: str, culprit: str) -> str:
    """Say why a specification has no numbers and, where one can, what to do.

    Parameters
    ----------
    code
        The engine's reason.
    term, outcome
        The treatment term and the outcome's label.
    effects
        The label of the fixed effects, empty where there are none.
    culprit
        The term at fault, or empty.
    """
    what = culprit or term
    within = f"within the fixed effects `{effects}`" if effects else "in these rows"
    words = {
        Code.NO_ROWS: "no row is left after the sample condition, missing values and singletons",
        Code.NO_OUTCOME_VARIATION: f"the outcome `{outcome}` does not vary {within}",
        Code.NO_TREATMENT_VARIATION: f"`{term}` does not vary in these rows: all are treated alike",
        Code.ABSORBED: (
            f"the fixed effects `{effects}` absorb `{what}`: it does not vary within them"
            if effects
            else f"`{what}` does not vary: it equals the intercept"
        ),
        Code.NOT_IDENTIFIED: _not_identified(term, culprit),
        Code.TOO_FEW_CLUSTERS: "fewer than two clusters are left: there is no clustered standard error",
        Code.NOT_CONVERGED: "the estimator did not converge, so its numbers are not reported",
        Code.ESTIMATOR_ERROR: "the estimator could not fit this specification",
    }
    return words[code]


_LEVEL = re.compile(r'(I?\(.+ == )(?:"(?:[^"\\]|\\.)*"|[-+.\w]+)(\).*)')
"""The term of one arm; what is captured is the same of all arms of a factor."""


def _not_identified(term: str, culprit: str) -> str:
    if not culprit or culprit == term:
        return (
            f"`{term}` is, after the fixed effects, a combination of the controls: "
            "its effect is not separately identified"
        )
    one, other = _LEVEL.fullmatch(culprit), _LEVEL.fullmatch(term)
    if one and other and one.groups() == other.groups():
        return (
            f"`{culprit}` is, after the fixed effects, a combination of the treatment `{term}` and the other arms: "
            "as where no unit of the reference, which arms are compared with, is left in the sample"
        )
    return (
        f"`{culprit}` is, after the fixed effects, a combination that loads on the treatment `{term}`: "
        "the two are not separately identified; leave out that control"
    )

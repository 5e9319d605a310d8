"""Fits: what the engine gives back for a block of specifications, the numbers or why there are none.

Blocks are made blank, put together and stored; a stored block is without its places in the plan, and columns go by
their place among those in use.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints
from specdid.language import without_ticks

NOT_POSITIVE = "this variance estimate is not positive, so it has no standard error"
NO_JACKKNIFE = (
    "the jackknife needs, whichever cluster is left out, treated units of every cohort and controls with weight"
)
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
    NO_JACKKNIFE,
    "placebos need at least two more units never treated than treated ones",
    f'{NO_JACKKNIFE}; vce = "placebo" has a standard error here',
    f'{NO_JACKKNIFE}; vce = "placebo" has a standard error, by unit alone',
    'with vce = "placebo" there are standard errors by unit alone, and none by clusters of several units',
    "clusters must hold units whole, and of some unit rows are in several",
    "the bootstrap needs two clusters with treated units of each effect, and two with units never treated",
)
"""By VcovCode."""
OF_THE_ESTIMATOR = frozenset(VCOV_NOTES[k] for k in (5, 7, 8, 13))
"""Reasons that are the estimator's, whatever the data: `check` has said them."""


class VcovCode(IntEnum):
    """Why a variance estimate has no standard error (0: it has); estimators name it in lower case."""

    OK = 0
    FEW_CLUSTERS = 1
    NOT_POSITIVE = 2
    NO_DF = 3
    PERFECT_FIT = 4
    NOT_OFFERED = 5
    UNCOUNTED = 6
    NO_RULE = 7
    NO_T = 8
    NO_JACKKNIFE = 9
    NO_PLACEBO = 10
    RATHER_PLACEBO = 11
    PLACEBO_BY_UNIT = 12
    ONLY_BY_UNIT = 13
    PARTS_UNITS = 14
    NO_BOOTSTRAP = 15


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
        7 that correction and 8 t are not offered by the estimator; 9 the jackknife and 10 placebos have too few units;
        11 so has the jackknife, and placebos have enough, 12 by unit; 13 placebos go by unit; 14 clusters part units;
        15 the bootstrap has too few.
    n_clusters : (S, V) int64 (the smaller one of two; -1 for iid and hetero)
    nobs, n_units, n_treated, n_control, n_always_treated, n_missing, n_log0,
    n_singletons : (S,) int64
    n_eff, y_mean, r2_within : (S,) float64
    dropped : position in the block -> columns of values dropped as collinear
    near : position in the block -> a column of values that others leave hardly anything of, and how many times what
        single precision rounds that is
    signature : (S, 2) uint64
        Equal where estimator, rows and the values of outcome, treatment, kept terms, fixed
        effects and weights (up to a factor) are: the same model twice, see engine/model_identity.
    seconds : (S,) float64, a share of the time of the batch
    vcov_detail : (position in the block, vcov) -> words for a vcov_code: an estimator's own, a missing cluster
    extra : an estimator's own columns by name, (S,) float64, NaN where it has none; (S, V) those of two-way errors
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
    near: dict[int, tuple[int, float]] = field(default_factory=dict)
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
    term, outcome, effects, culprit = map(without_ticks, (term, outcome, effects, culprit))
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


_BY_POSITION = ("detail", "dropped", "near")
_APART = (*_BY_POSITION, "vcov_detail", "extra")
_COLUMNS = tuple(f.name for f in fields(Fits) if f.name not in _APART)
_STORED_APART = ("index", "culprit", *_APART)
_STORED = tuple(f.name for f in fields(Fits) if f.name not in _STORED_APART)


def blank_fits(index: Ints, vcovs: int, extra: Mapping[str, Floats] | None = None) -> Fits:
    """Return a block for specifications at ``index`` with nothing in it, to be filled in place."""
    n = len(index)

    def floats(*shape: int) -> Floats:
        return np.full(shape, np.nan)

    def counts(*shape: int) -> Ints:
        return np.full(shape, -1, np.int64)

    return Fits(
        index=np.array(index, np.int64),
        code=np.zeros(n, np.int8),
        culprit=counts(n),
        detail={},
        estimate=floats(n),
        std_error=floats(n, vcovs),
        statistic=floats(n, vcovs),
        p_value=floats(n, vcovs),
        conf_low=floats(n, vcovs),
        conf_high=floats(n, vcovs),
        df=floats(n, vcovs),
        vcov_code=np.zeros((n, vcovs), np.int8),
        n_clusters=counts(n, vcovs),
        nobs=counts(n),
        n_units=counts(n),
        n_treated=counts(n),
        n_control=counts(n),
        n_always_treated=counts(n),
        n_missing=counts(n),
        n_log0=counts(n),
        n_singletons=counts(n),
        n_eff=floats(n),
        y_mean=floats(n),
        r2_within=floats(n),
        dropped={},
        signature=np.zeros((n, 2), np.uint64),
        seconds=np.zeros(n),
        extra={} if extra is None else extra,
    )


def place(total: Fits, part: Fits, at: Ints, which: Ints | None = None) -> None:
    """Write ``part`` (its positions ``which``, by default all) at positions ``at`` of ``total``."""
    taken = np.arange(len(part.index)) if which is None else which
    for name in _COLUMNS:
        if name != "index":
            getattr(total, name)[at] = getattr(part, name)[taken]
    target = dict(zip(taken.tolist(), at.tolist(), strict=True))
    for name in _BY_POSITION:
        found = getattr(part, name)
        getattr(total, name).update({target[p]: found[p] for p in sorted(found) if p in target})


def join(parts: Iterable[tuple[Ints, Fits]], index: Ints, vcovs: int) -> Fits:
    """Put least-squares parts, each with its positions, together in the order of ``index``."""
    total = blank_fits(index, vcovs)
    for at, part in parts:
        place(total, part, at)
    return total


def trimmed(fits: Fits) -> Fits:
    """Return the fits without extra columns in which nothing is: as a store has them."""
    return replace(fits, extra={n: values for n, values in fits.extra.items() if np.isfinite(values).any()})


def take(fits: Fits, which: Ints) -> Fits:
    """Return the fits at positions ``which``, in that order."""
    extra = {name: values[which] for name, values in fits.extra.items()}
    total = blank_fits(fits.index[which], fits.std_error.shape[1], extra)
    place(total, fits, np.arange(len(which)), which)
    return total


def pack_fits(fits: Fits, columns: Ints, at: slice = slice(None)) -> dict[str, NDArray[Any]]:
    """Turn the fits at positions ``at`` into arrays.

    Parameters
    ----------
    columns : ascending, the columns of Problem.values that ``culprit`` and ``dropped`` may name
    """
    found = {name: getattr(fits, name)[at] for name in _STORED}
    culprit = fits.culprit[at]
    found["culprit"] = np.where(culprit < 0, -1, np.searchsorted(columns, culprit))
    place = {p: k for k, p in enumerate(range(*at.indices(len(fits.index))))}
    dropped = [(place[p], c) for p, lost in sorted(fits.dropped.items()) if p in place for c in lost]
    if dropped:
        pairs = np.array(dropped, np.int64)
        found["dropped"] = np.column_stack([pairs[:, 0], np.searchsorted(columns, pairs[:, 1])])
    near = [(place[p], np.searchsorted(columns, c), times) for p, (c, times) in sorted(fits.near.items()) if p in place]
    if near:
        found["near"] = np.array(near, np.float64)
    words = {
        "detail": {place[p]: text for p, text in sorted(fits.detail.items()) if p in place},
        "vcov_detail": [(place[p], v, text) for (p, v), text in sorted(fits.vcov_detail.items()) if p in place],
    }
    if any(words.values()):
        found["words"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    for name, values in fits.extra.items():
        # A column that none of these has would not be there if they were estimated alone.
        if np.isfinite(values[at]).any():
            found[f"extra:{name}"] = values[at]
    return found


def unpack_fits(arrays: dict[str, NDArray[Any]], index: Ints, columns: Ints) -> Fits:
    """Undo `pack_fits` for specifications at ``index`` of the plan."""
    culprit = arrays["culprit"]
    dropped: dict[int, tuple[int, ...]] = {}
    for p, c in arrays["dropped"].tolist() if "dropped" in arrays else ():
        dropped[p] = (*dropped.get(p, ()), int(columns[c]))
    near = arrays["near"].tolist() if "near" in arrays else []
    words = json.loads(arrays["words"].tobytes()) if "words" in arrays else {"detail": {}, "vcov_detail": []}
    extra: dict[str, Floats] = {n.removeprefix("extra:"): a for n, a in arrays.items() if n.startswith("extra:")}
    return Fits(
        index=index,
        culprit=np.where(culprit < 0, -1, np.append(columns, -1)[culprit]),
        detail={int(p): text for p, text in words["detail"].items()},
        dropped=dropped,
        near={int(p): (int(columns[int(c)]), times) for p, c, times in near},
        vcov_detail={(p, v): text for p, v, text in words["vcov_detail"]},
        extra=extra,
        **{name: arrays[name] for name in _STORED},
    )

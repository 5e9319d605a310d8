"""What one null says of a whole curve: the joint tests, what it says of each specification, the curves it draws.

Of the draws only quantiles and expected shares are kept, for the figures and the summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from specdid._arrays import Floats
from specdid._records import Caution, NullShares
from specdid.inference._base import NullDraws
from specdid.inference._statistics import Adjusted, Test, by_blocks, median_of, p_value, signed

POINTS = 201
Bands = Mapping[tuple[str, str], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Placebo:
    """The null distribution of one median estimate, and the shares significant under the null.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    group, estimand : what the median is of.
    specifications : how many.
    value, p_value : of the data.
    expected : estimates are times the sign expected of their outcome, in value, p and quantiles.
    quantiles : (201,) of the median over the draws, at 0, 0.5, ... 100%.
    negative, positive : mean share of specifications with p < alpha and that sign.
    real : the same shares of the data.
    errors : what the standard errors of these are clustered by, where the curve's are others.
    """

    null: str
    title: str
    group: str
    estimand: str
    specifications: int
    value: float
    p_value: float
    quantiles: Floats
    negative: float
    positive: float
    real: tuple[float, float]
    errors: str = ""
    expected: bool = False


def placebo(
    draws: NullDraws,
    members: NDArray[np.bool_],
    title: str,
    group: str,
    estimand: str,
    alpha: float,
    errors: str = "",
) -> Placebo:
    """Summarise the draws of the members with one scale and one estimand."""
    value = float(np.median(signed(draws.estimate, draws, members)))
    medians = by_blocks(median_of, draws.null_estimate, members, draws.expected)
    critical = stdtrit(draws.df[members], 1 - alpha / 2)[:, None]
    real = draws.statistic[members, None]
    below = by_blocks(lambda t: np.count_nonzero(t < -critical, axis=0), draws.null_statistic, members)
    above = by_blocks(lambda t: np.count_nonzero(t > critical, axis=0), draws.null_statistic, members)
    return Placebo(
        draws.null,
        title,
        group,
        estimand,
        int(np.count_nonzero(members)),
        value,
        p_value(value, medians),
        np.nanquantile(medians, np.linspace(0, 1, POINTS)),
        float(below.sum() / (len(real) * len(below))),
        float(above.sum() / (len(real) * len(above))),
        (float(np.mean(real < -critical)), float(np.mean(real > critical))),
        errors,
        draws.expected is not None,
    )


def shares_by_estimand(placebos: Sequence[Placebo]) -> Mapping[tuple[str, str], NullShares]:
    """Return the shares significant in the data and under the first null that has the scale and estimand."""
    return {
        (p.group, p.estimand): NullShares(p.specifications, *p.real, p.negative, p.positive, p.errors, p.title)
        for p in reversed(placebos)
    }


def shares_by_group(placebos: Sequence[Placebo]) -> Mapping[str, NullShares]:
    """Return the same by scale, of all its estimands that a null has."""
    found = shares_by_estimand(placebos)
    return {g: pooled([s for (group, _), s in reversed([*found.items()]) if group == g]) for g, _ in found}


def pooled(parts: Sequence[NullShares]) -> NullShares:
    """Return the shares of all specifications of these parts."""
    tested = sum(p.tested for p in parts)
    negative, positive, null_negative, null_positive = (
        sum(getattr(p, name) * p.tested for p in parts) / tested
        for name in ("negative", "positive", "null_negative", "null_positive")
    )
    of = {null: sum(p.tested for p in parts if p.null == null) for null in dict.fromkeys(p.null for p in parts)}
    nulls = [null if len(of) == 1 else f"{null} ({n:,} of {tested:,} specifications)" for null, n in of.items()]
    return NullShares(
        tested, negative, positive, null_negative, null_positive, parts[0].errors, " and ".join(filter(None, nulls))
    )


@dataclass(frozen=True, slots=True)
class CurveTests:
    """What one null says of the curve.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    draws : how many were drawn and kept.
    index : (S,) places in the plan of the specifications tested.
    tests : rows of inference.csv.
    adjusted : per specification.
    bands : (group name, estimand) -> (3, n) null curves by rank; only of curves that it has whole.
    notes : what is left out of it, and why.
    placebos : per scale and estimand the null of the median estimate.
    clusters, treated : the smallest numbers of clusters, and of clusters with treatment.
    alpha : the level of [inference].
    cluster : what the null's standard errors, and with them the bands, are clustered by.
    direction : what positive values mean where outcomes have an expected sign, or "".
    distinct : of how many different assignments the draws are, 0 where these are not fewer than the draws.
    """

    null: str
    title: str
    draws: int
    index: NDArray[np.int64]
    tests: tuple[Test, ...]
    adjusted: Adjusted
    bands: Bands
    notes: tuple[Caution, ...]
    placebos: tuple[Placebo, ...] = ()
    clusters: int = 0
    treated: int = 0
    alpha: float = 0.05
    cluster: str = ""
    direction: str = ""
    distinct: int = 0

    @property
    def drawn(self) -> str:
        """The number of draws in words, with that of different ones where these are fewer."""
        said = f"{self.draws:,} draws"
        if not self.distinct:
            return said
        return f"{said} of {self.distinct:,} different assignments, by which no p is below {1 / self.distinct:.2g}"

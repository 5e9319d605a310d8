"""What is kept of a null's draws for the figures and the summary: quantiles and expected shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from specdid.inference._base import Floats, NullDraws
from specdid.inference._statistics import p_value

POINTS = 201


@dataclass(frozen=True, slots=True)
class Placebo:
    """The null distribution of one median estimate, and the shares significant under the null.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    group, estimand : what the median is of.
    specifications : how many.
    value, p_value : of the data.
    quantiles : (201,) of the median over the draws, at 0, 0.5, ... 100%.
    negative, positive : mean share of specifications with p < alpha and that sign.
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


def placebo(
    draws: NullDraws, members: NDArray[np.bool_], title: str, group: str, estimand: str, alpha: float
) -> Placebo:
    """Summarise the draws of the members with one scale and one estimand."""
    value = float(np.median(draws.estimate[members]))
    medians = np.median(draws.null_estimate[members], axis=0)
    critical = stdtrit(draws.df[members], 1 - alpha / 2)[:, None]
    t = draws.null_statistic[members]
    return Placebo(
        draws.null, title, group, estimand, int(np.count_nonzero(members)), value, p_value(value, medians),
        np.nanquantile(medians, np.linspace(0, 1, POINTS)),
        float(np.mean(t < -critical)), float(np.mean(t > critical)),
    )  # fmt: skip


def expected_shares(placebos: Sequence[Placebo], group: str) -> tuple[float, float] | None:
    """Give the shares significant by sign that are expected of a scale, by each estimand's first null."""
    mine = {p.estimand: p for p in reversed(placebos) if p.group == group}.values()
    n = sum(p.specifications for p in mine)
    if not n:
        return None
    return (
        sum(p.negative * p.specifications for p in mine) / n,
        sum(p.positive * p.specifications for p in mine) / n,
    )

"""What one null says of a whole curve: the joint tests, what it says of each specification, the curves it draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._records import Caution
from specdid.inference._placebo import Placebo
from specdid.inference._statistics import Adjusted, Test

Bands = Mapping[tuple[str, str], NDArray[np.float64]]


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

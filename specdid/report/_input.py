"""What the page shows of a run beside its results; the conductor fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._records import Curve
from specdid.inference._placebo import Placebo
from specdid.inference._statistics import Adjusted, Test
from specdid.tables._base import TidyTable


@dataclass(frozen=True, slots=True)
class Joint:
    """What one null says of the curve.

    Attributes
    ----------
    null, title : the plug-in's name and its words.
    draws : how many.
    index : (S,) places in the plan of the specifications tested.
    tests : rows of inference.csv.
    adjusted : per specification, (S,) each.
    bands : (scale or outcome, estimand) -> (3, n) null curves by rank.
    placebos : per scale and estimand the null of the median.
    cluster : what the null's standard errors are clustered by.
    direction : what positive values mean where outcomes have an expected sign, or "".
    """

    null: str
    title: str
    draws: int
    index: NDArray[np.int64]
    tests: tuple[Test, ...]
    adjusted: Adjusted
    bands: Mapping[tuple[str, str], NDArray[np.float64]]
    placebos: tuple[Placebo, ...] = ()
    cluster: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure as PNG."""

    stem: str
    title: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Block:
    """An analysis: Markdown lines, tables with the names of their files, figures, or why there is none."""

    heading: str
    lines: tuple[str, ...]
    tables: tuple[tuple[str, TidyTable], ...] = ()
    pictures: tuple[Picture, ...] = ()
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that the page shows.

    Attributes
    ----------
    curve : the results with their sections and warnings.
    joints : the nulls, in order.
    blocks : the analyses, in file order.
    pictures : figures of the whole curve other than the curve itself.
    manifest : of manifest.json, whose versions and hashes are shown.
    """

    curve: Curve
    joints: tuple[Joint, ...]
    blocks: tuple[Block, ...]
    pictures: tuple[Picture, ...]
    manifest: Mapping[str, Any] = field(repr=False)

"""What the page shows of a run beside its results; the conductor fills it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from specdid._curve import Curve
from specdid.tables._base import TidyTable


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure as PNG."""

    stem: str
    title: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AnalysisBlock:
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
    blocks : the analyses, in file order.
    pictures : figures of the whole curve other than the curve itself.
    manifest : of manifest.json, whose versions and hashes are shown.
    """

    curve: Curve
    blocks: tuple[AnalysisBlock, ...]
    pictures: tuple[Picture, ...]
    manifest: Mapping[str, Any] = field(repr=False)

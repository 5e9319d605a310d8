"""Two runs beside each other: what was added, removed, changed, and how the curve moved."""

from specdid._compare.comparison import (
    ALIKE,
    Comparison,
    FamilyMove,
    Joint,
    OptionMove,
    PairedSpecifications,
    Renamed,
    Side,
    StatusChange,
    compare_results,
    in_errors,
    shown_group,
)

__all__ = [
    "ALIKE", "Comparison", "FamilyMove", "Joint", "OptionMove", "PairedSpecifications", "Renamed", "Side",
    "StatusChange", "compare_results", "in_errors", "shown_group",
]  # fmt: skip

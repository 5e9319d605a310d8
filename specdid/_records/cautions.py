"""What is known to speak against a run's numbers, as records: how bad, which kind, beside what, in words.

Whoever finds something out writes a ``Caution`` and hands it up: a fault of severity "warning"
(reading, checking, compiling), ``left_out`` of a null, ``Finding.warnings`` of an analysis, or a
generator in ``_describe.referee``. The conductor puts them together with :func:`worst_first`;
every output shows them in that order.

Severities:

``error``
    The numbers must not be used (a failed audit).
``serious``
    A reader who does not know it would believe the headline too readily: a failed pre-trend,
    a placebo that rejects, few treated clusters. It stands on the first screen of every output.
``note``
    Worth knowing, and no reason to doubt.

Nothing is decided by reading ``message``: that is what ``code`` is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from specdid._diagnostics import Fault

Severity = Literal["error", "serious", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "serious", "note")
"""Worst first."""
RUN = "run"
"""The place of what concerns the whole run."""
WORST = (
    "audit_failed", "audit_disagrees", "pretrend", "placebo_timing", "placebo_rejects", "placebo_disagrees",
    "few_treated", "few_untreated", "few_effective", "few_clusters", "cohorts_left_out", "incidental_parameters",
    "match_lost", "imbalance", "bad_control",
)  # fmt: skip
"""Codes in the order in which they are told within a severity; others follow as they were found."""
SERIOUS_FAULTS = frozenset({
    "match_lost", "group_missing", "cohort_differs", "few_assignments", "assign_still", "time_without_step",
    "time_outlier", "draws_too_few",
})  # fmt: skip
"""Codes of faults of severity "warning" that are serious; the others are notes."""


@dataclass(frozen=True, slots=True)
class Caution:
    """One thing that is known to speak against the numbers.

    Attributes
    ----------
    severity : "error", "serious" or "note".
    code : a stable word of a-z, 0-9 and _, for programs and for grouping.
    message : one line of plain English, without the place.
    where : what it stands beside: "run", a scale or outcome, an analysis, a null, a spec_id.
    specifications : how many specifications it concerns; 0 where it is not of specifications.
    """

    severity: Severity
    code: str
    message: str
    where: str = RUN
    specifications: int = 0

    def __str__(self) -> str:
        return self.message if self.where == RUN else f"{self.where}: {self.message}"


@dataclass(frozen=True, slots=True)
class Cautions:
    """Cautions of one severity and code, which a reader takes in at once; the first stands for all."""

    items: tuple[Caution, ...]

    @property
    def first(self) -> Caution:
        """The caution that is told."""
        return self.items[0]

    @property
    def more(self) -> int:
        """How many more there are like it."""
        return len(self.items) - 1


def worst_first(found: Iterable[Caution]) -> tuple[Caution, ...]:
    """Return the cautions by severity, then code, then as found; those that say the same thing once."""
    rank = {code: k for k, code in enumerate(WORST)}
    at_once: dict[tuple[str, str, str, str], Caution] = {}
    for one in found:
        key = (one.severity, one.code, one.where, one.message)
        known = at_once.get(key)
        if known is None or known.specifications < one.specifications:
            at_once[key] = one
    first = {code: k for k, code in reversed([*enumerate(c.code for c in at_once.values())])}
    return tuple(
        sorted(
            at_once.values(),
            key=lambda c: (SEVERITIES.index(c.severity), rank.get(c.code, len(WORST)), first[c.code]),
        )
    )


def grouped(found: Sequence[Caution]) -> tuple[Cautions, ...]:
    """Return the cautions with those of one severity and code together, in the order of the first of each."""
    groups: dict[tuple[str, str], list[Caution]] = {}
    for one in found:
        groups.setdefault((one.severity, one.code), []).append(one)
    return tuple(Cautions(tuple(items)) for items in groups.values())


def beside(where: str, found: Iterable[Caution]) -> tuple[Caution, ...]:
    """Return the cautions with ``where`` in place of "run"."""
    return tuple(replace(c, where=where) if c.where == RUN else c for c in found)


def from_figure(message: str) -> Caution:
    """Return what a figure warned of, such as a missing font."""
    return Caution("note", "figure", message)


def from_fault(fault: Fault) -> Caution:
    """Return a fault of severity "warning" as a caution of the run."""
    return Caution("serious" if fault.code in SERIOUS_FAULTS else "note", fault.code, fault.message)

"""Where a run's own numbers contradict each other, or are of a part: signs, nulls, failures, the preferred one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from specdid._describe.factors import Family, families
from specdid._records import CODES, Caution, Results, Status
from specdid._records.numerals import decimals_for, p_text

MANY = 0.1
"""Above this share of specifications that failed, those left are a selection."""
FAR, ALIKE = 2.0, 0.9
"""Nulls disagree where one p is below alpha and another above so many alpha, of nearly the same specifications."""


class Median(Protocol):
    """What a null says of the median estimate of a scale and estimand."""

    @property
    def group(self) -> str: ...
    @property
    def estimand(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def p_value(self) -> float: ...
    @property
    def specifications(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Told:
    """A family's median and whether there is an effect: by its null, or by most of its estimates."""

    family: Family
    median: float
    effect: bool
    words: str


def contradictions(
    results: Results, medians: Sequence[Median], columns: Mapping[str, frozenset[str]]
) -> Iterator[Caution]:
    """Warn of numbers of a run that contradict each other, and of what is missing among them.

    Parameters
    ----------
    medians : tests of the medians, null after null.
    columns : scale (or outcome) -> the data columns that its outcomes are made of.
    """
    yield from _nulls(results, medians)
    yield from _signs(results, medians, columns)
    yield from _failures(results)
    yield from _preferred(results)


def _nulls(results: Results, medians: Sequence[Median]) -> Iterator[Caution]:
    """Warn of medians that one null finds and another does not."""
    alpha = results.planned.alpha
    for key in dict.fromkeys((m.group, m.estimand) for m in medians):
        mine = sorted((m for m in medians if (m.group, m.estimand) == key), key=lambda m: m.p_value)
        least, most = mine[0], mine[-1]
        sizes = sorted((least.specifications, most.specifications))
        if sizes[0] < ALIKE * sizes[1]:
            continue
        if least.p_value < alpha and most.p_value > FAR * alpha:
            said = (
                f"the median ({key[1]}) has {p_text(least.p_value)} under the {least.title} and "
                f"{p_text(most.p_value)} under the {most.title}"
            )
            yield Caution("serious", "nulls_disagree", said, results.planned.shown(key[0]))


def _signs(results: Results, medians: Sequence[Median], columns: Mapping[str, frozenset[str]]) -> Iterator[Caution]:
    """Warn of medians of opposite signs, of which one at least is an effect: by estimand, and by scale.

    Scales are compared where they are of the same data, as an outcome in logs and in levels.
    """
    told = [_told(results, f, medians) for f in families(results)]
    for a, b in combinations(told, 2):
        same = a.family.group == b.family.group
        data = columns.get(a.family.group, frozenset()) & columns.get(b.family.group, frozenset())
        if a.median * b.median < 0 and (a.effect or b.effect) and (same or data):
            code = "estimands_disagree" if same else "scales_disagree"
            where = a.family.shown if same else f"{a.family.shown} and {b.family.shown}"
            yield Caution("serious", code, f"medians of opposite signs: {a.words} and {b.words}", where)


def _told(results: Results, family: Family, medians: Sequence[Median]) -> _Told:
    estimate = results.estimate[family.places]
    median = float(np.median(estimate))
    p = [m.p_value for m in medians if (m.group, m.estimand) == (family.group, family.estimand)]
    alike = (results.first("p_value")[family.places] < results.planned.alpha) & (np.sign(estimate) == np.sign(median))
    effect = p[0] < results.planned.alpha if p else bool(np.mean(alike) >= 0.5)
    number = f"{median:,.{decimals_for(estimate)}f}"
    words = f"{number} ({family.estimand or family.shown}{f'; {p_text(p[0])}' if p else ''})"
    return _Told(family, median, effect, words)


def _failures(results: Results) -> Iterator[Caution]:
    """Warn of specifications that failed: where they are many, those left are a selection."""
    failed = results.status == Status.FAILED
    n, tried = int(np.count_nonzero(failed)), int(np.count_nonzero(failed | (results.status == Status.OK)))
    if not n:
        return
    codes, counts = np.unique(results.code[failed], return_counts=True)
    most = CODES[int(codes[np.argmax(counts)])]
    said = f"{n:,} of {tried:,} specifications ({n / tried:.0%}) could not be estimated, most often `{most}`"
    if n > MANY * tried:
        yield Caution("serious", "many_failed", f"{said}: those left are a selection", specifications=n)
    else:
        yield Caution("note", "failed", said, specifications=n)


def _preferred(results: Results) -> Iterator[Caution]:
    """Warn of a preferred specification without an estimate."""
    place = results.preferred
    if results.planned.preferred >= 0 and results.status[place] != Status.OK:
        status = Status(int(results.status[place])).name.lower()
        why = f"{status}: {results.message.at(place)}"
        yield Caution("serious", "preferred_missing", f"the preferred specification has no estimate ({why})")

"""What a matched sample lost, in words."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from specdid.engine.matched import CrossSection, MatchedRows
from specdid.matching._base import Matched, Unmatched


def shortfalls(found: MatchedRows) -> Iterator[str]:
    """Say what could not be matched: nothing at all, periods, treated units, rows; and what chance decided."""
    failed = [s for s in found.sections if isinstance(s.result, Unmatched)]
    matched = [s for s in found.sections if isinstance(s.result, Matched)]
    if not matched:
        yield "nothing is matched: " + (_reason(failed[0]) if failed else "no row is in the sample")
        return
    noun = "units" if len(found.sections) == 1 else "units, over all periods,"
    if failed:
        periods = ", ".join(s.period for s in failed[:3]) + (", …" if len(failed) > 3 else "")
        total = len(found.sections)
        yield f"nothing is matched in {len(failed)} of {total} periods ({periods}): {_reason(failed[0])}"
    yield from _unmatched_treated(matched, noun)
    yield from _tied(matched, noun)
    yield from _missing(matched, noun)


def _reason(section: CrossSection) -> str:
    assert isinstance(section.result, Unmatched)
    return section.result.message


def _unmatched_treated(sections: list[CrossSection], noun: str) -> Iterator[str]:
    treated = alone = fewer = ratio = 0
    for section in sections:
        assert isinstance(section.result, Matched)
        mine = section.candidates.treated
        treated += int(mine.sum())
        alone += int((section.result.weights[mine] == 0).sum())
        if section.result.pairs is not None:
            count = (section.result.pairs >= 0).sum(axis=1)
            ratio = section.result.pairs.shape[1]
            fewer += int(np.count_nonzero((count > 0) & (count < ratio)))
    if alone:
        yield f"{treated - alone:,} of {treated:,} treated {noun} found a match; the others are left out"
    if fewer:
        yield f"{fewer:,} of {treated:,} treated {noun} found fewer than {ratio} controls"


def _tied(sections: list[CrossSection], noun: str) -> Iterator[str]:
    """Say for how many treated units chance decides: equal neighbours are taken by unit, which means nothing."""
    results = [s.result for s in sections if isinstance(s.result, Matched)]
    tied, treated = sum(r.tied for r in results), sum(int(s.candidates.treated.sum()) for s in sections)
    if tied:
        yield (
            f"{tied:,} of {treated:,} treated {noun} have more equally near controls than they take; the first are "
            "taken, by unit or, without units, in an arbitrary order: see what methods give that take them all "
            "(radius, kernel)"
        )


def _missing(sections: list[CrossSection], noun: str) -> Iterator[str]:
    lost = sum(s.n_missing for s in sections)
    if lost:
        treated = sum(s.n_missing_treated for s in sections)
        total = lost + sum(len(s.rows) for s in sections)
        which = f"{lost:,} of {total:,} {noun} ({treated:,} treated)"
        yield f"{which} lack a variable to match on and are left out"

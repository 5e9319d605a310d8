"""The specifications that [appendix] show names: an id, the beginning of one, a rank as ``#41``."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from specdid._diagnostics import Fault, Origin, fault_at
from specdid._hashing import beginning, begins_id
from specdid._plan import Plan, PlanStatus
from specdid._study import Study

Ints = NDArray[np.int64]


def check_shown(study: Study, plan: Plan) -> Iterator[Fault]:
    """Find what names no specification; whether there are so many ranks only a run can tell."""
    for text, origin in study.appendix.show:
        rank = text.startswith("#")
        if rank and (not text[1:].isdecimal() or int(text[1:]) < 1):
            help = 'a rank is a number from 1, as "#41"'
            yield fault_at(origin, None, "no_specification", f"`{text}` is no rank", help)
        elif not rank and not begins_id(text):
            help = 'write an id or its beginning, or a rank as "#41"; ids stand in results.csv'
            yield fault_at(origin, None, "no_specification", f"`{text}` is no id of a specification", help)
        elif not rank:
            yield from _found(text, origin, plan)


def _found(text: str, origin: Origin, plan: Plan) -> Iterator[Fault]:
    ids = np.unique(plan.ids[beginning(plan.ids, text)])
    if len(ids) != 1:
        several = f"{len(ids):,} specifications' ids begin with `{text}`"
        message = several if len(ids) else f"no specification's id begins with `{text}`"
        help = "write more digits of the id" if len(ids) else "ids stand in results.csv"
        yield fault_at(origin, None, "no_specification", message, help)


def place_of(plan: Plan, text: str, order: Ints) -> int:
    """Return the place of the specification, -1 where there is no such rank; ``order`` is by rank."""
    if text.startswith("#"):
        rank = int(text[1:])
        return int(order[rank - 1]) if rank <= len(order) else -1
    return stands_for(plan, beginning(plan.ids, text))


def stands_for(plan: Plan, places: Ints) -> int:
    """Return the first of ``places``, all of one id, that is to be estimated; the first of all where none is."""
    planned = places[plan.status[places] == PlanStatus.PLANNED]
    return int(planned[0] if len(planned) else places[0])

"""Which specification is meant: an id, the beginning of one, a rank as ``#41`` or ``median``, or ``preferred``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Ints
from specdid._diagnostics import Fault, Origin, SpecError, fault_at, first_few
from specdid._hashing import beginning, begins_id
from specdid._plan import Plan, PlanStatus
from specdid._records import KINDS, Results
from specdid._records.numerals import ordinal, specifications
from specdid._study import Study

if TYPE_CHECKING:
    from specdid._run.prepare import Prepared

_LISTED = 8
_RANKS: dict[str, Callable[[int], int]] = {
    "lowest": lambda n: 1,
    "median": lambda n: (n + 1) // 2,
    "highest": lambda n: n,
}
"""Ranks of n that have a name, as the appendix prints it; of two in the middle the lower is the median."""


@dataclass(frozen=True, slots=True)
class Found:
    """The specification that is meant: its place in the plan, and what is to be said of the search."""

    place: int
    notes: tuple[str, ...] = ()


def find(prepared: Prepared, which: str, results: Results | None, directory: Path) -> Found:
    """Look a specification up by id, the beginning of one, rank as ``#41`` or ``median``, or ``preferred``.

    Raises
    ------
    SpecError
        There is no such specification, or several begin so.
    """
    plan = prepared.plan
    if which == "preferred":
        if plan.preferred < 0:
            first = plan.spec_id(stands_for(plan, np.arange(len(plan)))) if len(plan) else ""
            help = f"write a [preferred] table; that of the first options is {first}" if first else None
            raise _fault("no_specification", "the study has no preferred specification", help)
        return Found(plan.preferred)
    if which.startswith("#") or which in _RANKS:
        return _by_rank(prepared, which, results, directory)
    return _by_id(plan, which)


def _fault(code: str, message: str, help: str | None = None) -> SpecError:
    return SpecError([Fault(code, message, help=help)])


def _by_id(plan: Plan, which: str) -> Found:
    """Find the first specification whose id begins so; ids are 16 hex digits."""
    if not begins_id(which):
        help = "give an id or its beginning, a rank as '#41', lowest, median, highest or preferred"
        help += "; ids stand in results.csv"
        raise _fault("no_specification", f"`{which}` is no id of a specification", help)
    hits = beginning(plan.ids, which)
    if not len(hits):
        help = "ids stand in results.csv" + (f"; a rank is written '#{which}'" if which.isdecimal() else "")
        raise _fault("no_specification", f"no specification's id begins with `{which}`", help)
    ids = list(dict.fromkeys(plan.spec_id(int(h)) for h in hits))
    if len(ids) > 1:
        help = f"they are {first_few(ids, _LISTED)}" + (f"; a rank is written '#{which}'" if which.isdecimal() else "")
        raise _fault("no_specification", f"{len(ids):,} specifications begin with `{which}`", help)
    return Found(stands_for(plan, hits))


def _spec(prepared: Prepared) -> str:
    return prepared.study.document.name if prepared.study.document else "SPEC"


def _by_rank(prepared: Prepared, which: str, results: Results | None, directory: Path) -> Found:
    if which not in _RANKS and (not which[1:].isdecimal() or int(which[1:]) < 1):
        raise _fault("no_specification", f"`{which}` is no rank", "a rank is a number from 1, as '#41'")
    if results is None:
        stale = (directory / "results.parquet").is_file()
        typed = which if which in _RANKS else f"'{which}'"
        what = "are of another version of this study or its data" if stale else "are not there yet"
        raise _fault(
            "no_results",
            f"ranks need the results of a run; those in {directory} {what}",
            f"type `specdid show {_spec(prepared)} {typed} --out DIRECTORY`, with the directory that the run wrote; "
            f"or run `specdid run {_spec(prepared)}` first",
        )
    curves = list(_curves(results))
    if not curves:
        raise _fault("no_specification", "no specification has an estimate, so none has a rank")
    curves.sort(key=lambda curve: results.preferred not in curve[1])
    name, order = curves[0]
    rank = _rank(which, len(order))
    if rank > len(order):
        help = "ranks go by estimate from the lowest, within a curve: "
        help += "; ".join(f"{len(o):,} of {n}" for n, o in curves[:_LISTED])
        where = "this curve" if len(curves) == 1 else "the first curve"
        raise _fault("no_specification", f"{where} has {specifications(len(order))}, no #{rank}", help)
    others = [
        f"{which} among {n}: {prepared.plan.spec_id(int(o[_rank(which, len(o)) - 1]))}"
        for n, o in curves[1:]
        if _rank(which, len(o)) <= len(o)
    ]
    said = f"{ordinal(rank)} of {len(order):,} from the lowest estimate, among {name}"
    if which == "median" and len(order) % 2 == 0:
        said += "; of an even number the one nearest below the median"
    return Found(int(order[rank - 1]), (said, *others))


def _rank(which: str, n: int) -> int:
    return _RANKS[which](n) if which in _RANKS else int(which[1:])


def _curves(results: Results) -> Iterator[tuple[str, np.ndarray]]:
    """Return every curve with its name and places by estimate; within a scale by kind, then by lowest estimate."""
    for group in results.groups():
        by_lowest = sorted(results.curves_of(group), key=lambda c: (c[1], results.estimate[c[2][0]], c[2][0]))
        for family, kind, order in by_lowest:
            yield f"{family.shown}; {family.estimand}" + (f"; {KINDS[kind]}" if kind else ""), order


def check_shown(study: Study, plan: Plan) -> Iterator[Fault]:
    """Find what of [appendix] show names no specification; whether there are so many ranks only a run can tell."""
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

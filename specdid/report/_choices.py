"""What the page says of choices: those of every family with what they change, and one step from the preferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from specdid._arrays import Ints
from specdid._curve import Curve
from specdid._describe.choices import Change, Choices, Factor, variance_shares
from specdid._records import Family, Results, Status
from specdid._records.cautions import capital
from specdid._records.results import Choice
from specdid._words import say, say_choice, told
from specdid.report._encode import Encoded, numbers

_STEPS = 100
_ROWS = 2_000_000


def heading(results: Results, name: str) -> str:
    """Name a dimension, or several that are tied, as a heading."""
    shown = results.planned.shown(name)
    return capital(shown if shown != name else say_choice(name, spaced=False))


def term_places(results: Results, places: Ints) -> Ints:
    """Return which control terms vary among the controls that occur at ``places``."""
    planned = results.planned
    if "controls" not in planned.dimensions or not planned.control_terms or not len(places):
        return np.empty(0, np.int64)
    codes = np.unique(planned.codes[places, planned.dimensions.index("controls")])
    members = planned.control_members[codes]
    return np.flatnonzero(members.any(axis=0) & ~members.all(axis=0))


def families(curve: Curve, groups: Sequence[str], places: Ints) -> Iterator[Encoded]:
    """Encode every family's choices: shares of the variance, options, changes; codes of the specifications on the page.

    Parameters
    ----------
    groups
        Names of the curves on the page, in their order.
    places
        The specifications on the page, as places in the plan.
    """
    row_of = np.full(len(curve.results), -1)
    row_of[places] = np.arange(len(places))
    terms = term_places(curve.results, places)
    for mine in curve.choices:
        factors = tuple(dict.fromkeys(c.factor.name for c in mine.changes))
        if factors and mine.family.group in groups:
            yield _family(curve.results, mine, groups.index(mine.family.group), row_of, terms)


def _family(results: Results, mine: Choices, group: int, row_of: Ints, terms: Ints) -> Encoded:
    changes: dict[str, list[Change]] = {}
    for change in mine.changes:
        changes.setdefault(change.factor.name, []).append(change)
    factors = [found[0].factor for found in changes.values()]
    same = [f.name for f in factors] == [f.name for f in mine.factors]
    shares = mine.shares if same else variance_shares(factors, results.estimate[mine.family.places])
    rows = row_of[mine.family.places]
    held = np.flatnonzero(rows >= 0)
    held = held[np.argsort(rows[held], kind="stable")]
    sources = [_source(results, f, mine.family, terms) for f in factors]
    return {
        "group": group,
        "estimand": told(mine.family.estimand),
        "n": len(mine.family.places),
        "rest": shares.rest,
        "shares": shares.share.tolist(),
        "rows": numbers(rows[held]),
        "factors": [
            {**source, **_factor(results, f, found, f.codes[held])}
            for f, found, source in zip(factors, changes.values(), sources, strict=True)
        ],
    }


def _factor(results: Results, factor: Factor, found: Sequence[Change], codes: Ints) -> Encoded:
    by_variable = factor.dimension == "controls" != factor.name
    title = say("Control {name}", name=factor.name) if by_variable else heading(results, factor.name)
    by_level = {c.level: c for c in found}
    levels = range(len(factor.labels))
    return {
        "name": factor.name,
        "heading": title,
        "words": [f"{factor.words(k)} {factor.name}" if by_variable else factor.words(k) for k in levels],
        "reference": factor.reference,
        "counts": np.bincount(factor.codes, minlength=len(levels)).tolist(),
        "codes": numbers(codes),
        "changes": [_change(by_level.get(k)) for k in levels],
    }


def _change(change: Change | None) -> Encoded:
    if change is None or not change.pairs:
        return {"mean": None, "low": None, "high": None, "pairs": 0}
    return {"mean": change.mean, "low": change.low, "high": change.high, "pairs": change.pairs}


def _source(results: Results, factor: Factor, family: Family, terms: Ints) -> Encoded:
    """Return what highlights the factor's levels: dimensions, or places among the controls that vary on the page."""
    planned = results.planned
    if factor.dimension == "controls" != factor.name:
        members = planned.control_members[planned.codes[family.places, planned.dimensions.index("controls")]]
        equal = (members[:, terms] == factor.codes[:, None].astype(bool)).all(axis=0)
        return {"dimensions": [], "terms": np.flatnonzero(equal).tolist()}
    found = next((c for c in planned.choices(family.places) if c.name == factor.name), Choice("", ()))
    return {"dimensions": list(found.places), "terms": []}


@dataclass(frozen=True, slots=True)
class Step:
    """A specification that differs from the preferred one in a single choice."""

    choice: str
    before: str
    after: str
    place: int


def steps(curve: Curve) -> tuple[Step, ...]:
    """Return what was planned one choice away from the preferred specification, in the order of the plan.

    Many sets of controls, and all subsets of some variables, are left variable by variable, as the changes are.
    """
    results = curve.results
    planned, preferred = results.planned, results.preferred
    if preferred < 0 or results.status[preferred] != Status.OK:
        return ()
    choices = [c for c in planned.choices(np.arange(len(planned))) if len(c.places)]
    apart = np.stack([(planned.codes[:, c.places] != planned.codes[preferred, c.places]).any(axis=1) for c in choices])
    mine = next((c for c in curve.choices if preferred in c.family), None)
    by_variable = mine is not None and any(c.factor.dimension == "controls" != c.factor.name for c in mine.changes)
    found: list[Step] = []
    for place in np.flatnonzero(apart.sum(axis=0) == 1).tolist():
        choice = choices[int(np.flatnonzero(apart[:, place])[0])]
        if by_variable and choice.name == "controls":
            found += _variable_step(results, place)
        else:
            codes = planned.codes[[preferred, place]][:, list(choice.places)].tolist()
            before, after = (planned.option(choice, row, shown=True) for row in codes)
            found.append(Step(heading(results, choice.name), before, after, place))
    return tuple(found)


def _variable_step(results: Results, place: int) -> Iterator[Step]:
    """Return the step where one control is added or left out, or several that always go together."""
    planned = results.planned
    d = planned.dimensions.index("controls")
    before, after = planned.control_members[planned.codes[[results.preferred, place], d]]
    moved = np.flatnonzero(before != after)
    present = planned.control_members[np.unique(planned.codes[:, d])][:, moved]
    if len(moved) and (present == present[:, :1]).all():
        words = "with", "without"
        title = " + ".join(planned.shown(planned.control_terms[k]) for k in moved.tolist())
        yield Step(say("Control {title}", title=title), words[not before[moved[0]]], words[not after[moved[0]]], place)


def encoded_steps(results: Results, found: Sequence[Step], places: Ints) -> list[Encoded]:
    """Encode the steps: rows of the page, or why there is no estimate of its own; those that move most where many."""
    row_of = {int(p): k for k, p in enumerate(places.tolist())}
    size = {s.place: abs(results.estimate[s.place] - results.estimate[results.preferred]) for s in found}
    largest = sorted(found, key=lambda s: -size[s.place] if np.isfinite(size[s.place]) else 0.0)[:_STEPS]
    return [
        {
            "choice": s.choice,
            "from": s.before,
            "to": s.after,
            "row": row_of.get(s.place, -1),
            "why": _why(results, s.place),
        }
        for s in largest
    ]


def _why(results: Results, place: int) -> str:
    status = Status(int(results.status[place]))
    if status == Status.OK:
        return ""
    if status == Status.DUPLICATE:
        twin = int(results.twin[place])
        return (
            say("the same model as the preferred")
            if twin == results.preferred
            else say("the same model as {twin:,}", twin=twin + 1)
        )
    return f"{status.name.lower()}: {results.message.at(place) or ''}"


@dataclass(frozen=True, slots=True)
class Programs:
    """Programs of some specifications.

    Attributes
    ----------
    path : of the spec file, as the run was told; empty of a study that is no file.
    languages : name and title of every language.
    of : place in the plan -> title of a language and its program.
    """

    path: str = ""
    languages: tuple[tuple[str, str], ...] = ()
    of: Mapping[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)


NO_PROGRAMS = Programs()


def with_programs(curve: Curve, rows: int) -> tuple[int, ...]:
    """Return the specifications whose programs the page holds: the preferred, both ends and the median, its neighbours.

    Fewer where the data have many ``rows``, since each program takes its columns anew.
    """
    results = curve.results
    most = int(np.clip(_ROWS // max(rows, 1), 1, 32))
    found = [results.preferred] if results.preferred >= 0 and results.status[results.preferred] == Status.OK else []
    for family in results.families:
        ranked = results.ranked(family)
        found += [int(ranked[0]), int(ranked[len(ranked) // 2]), int(ranked[-1])]
    found += [s.place for s in steps(curve) if results.status[s.place] == Status.OK]
    return tuple(dict.fromkeys(found))[:most]


def encoded_programs(programs: Programs, places: Ints) -> Encoded:
    """Encode programs by their distinct lines, which most of them share."""
    row_of = {int(p): k for k, p in enumerate(places.tolist())}
    lines: dict[str, int] = {}

    def encode(text: str) -> list[int]:
        return [lines.setdefault(line, len(lines)) for line in text.rstrip("\n").split("\n")]

    of = {
        str(row_of[place]): [[title, encode(text)] for title, text in found]
        for place, found in programs.of.items()
        if place in row_of
    }
    return {"languages": [list(pair) for pair in programs.languages], "lines": list(lines), "of": of}

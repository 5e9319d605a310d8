"""The data of the page: which specifications it draws, in what order, and what it says of choices.

Columns are little-endian bytes in base64, words once with codes, JSON such that no label can end it.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Ints
from specdid._curve import Curve
from specdid._describe.choices import Change, Choices, Factor, estimated_controls, variance_shares
from specdid._describe.curve_tests import CurveTests
from specdid._records import KINDS, Family, Results, ScaleGroup, Status, TextColumn
from specdid._records.cautions import capital
from specdid._records.numerals import decimals_for
from specdid._records.results import Choice
from specdid._words import say, say_choice, told
from specdid.figures._curve_order import Piece, arrange, lay_bands
from specdid.figures._page import spelled_out
from specdid.language import briefly

Encoded = dict[str, Any]


def numbers(values: NDArray[Any], kind: str = "f8") -> Encoded:
    """Encode (n,) numbers, NaN and -1 as in the records; a constant column is one number.

    Parameters
    ----------
    values
        Floats or whole numbers.
    kind
        ``f8`` or ``f4`` for floats; whole numbers take the narrowest type that holds them.
    """
    if len(values) and (values == values[0]).all():
        value = values[0].item()
        return {"n": len(values), "c": value if np.isfinite(value) else f"{'-' if value < 0 else ''}Infinity"}
    if values.dtype.kind != "f":
        kind = next(k for k in ("i1", "i2", "i4") if np.iinfo(k).max >= values.max(initial=0))
    return {"n": len(values), "t": kind, "d": b64encode(values.astype(f"<{kind}").tobytes()).decode("ascii")}


def texts(column: TextColumn, places: NDArray[np.int64]) -> Encoded:
    """Encode a column of text at some places; only the words that occur there."""
    return words(column.words, column.codes[places])


def words(labels: Sequence[str], codes: NDArray[Any]) -> Encoded:
    """Encode codes into labels; only those that occur, in their order."""
    used, inverse = np.unique(codes, return_inverse=True)
    absent = int(len(used) > 0 and used[0] < 0)
    known = [labels[c] for c in used[absent:].tolist()]
    return {"words": known, "codes": numbers(inverse.reshape(-1).astype(np.int64) - absent)}


def embedded(content: object) -> str:
    """Write JSON for a script element: ``<``, ``>`` and ``&`` as escapes, so that no label can end the element."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


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
    named = [f"{factor.words(k)} {factor.name}" if by_variable else factor.words(k) for k in levels]
    return {
        "name": factor.name,
        "heading": title,
        "words": named,
        **({} if by_variable else _briefly(results, factor.dimension, named)),
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
        sets, which = estimated_controls(results, family.places)
        equal = (sets[which][:, terms] == factor.codes[:, None].astype(bool)).all(axis=0)
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


MOST = 20_000
"""Above so many estimates the page holds a thinned curve."""
ENDS = 100
"""So many of the lowest and of the highest are kept then."""
_OPTIONS = 200
_FIRST = ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df", "n_clusters")
_OTHER = ("std_error", "p_value", "conf_low", "conf_high")
_COUNTS = ("nobs", "n_units", "n_treated", "n_always_treated", "n_control", "n_missing", "n_log0", "n_singletons")


@dataclass(frozen=True, slots=True)
class PageCurve:
    """One curve: a scale's estimates in the order of the static figure, and those of them that are kept.

    Attributes
    ----------
    group : the specifications that share the axis.
    order : (n,) all places in the plan, in the order of the static figure.
    pieces : the curves that these make.
    kept : (m,) ascending positions in ``order``.
    rank, of : (n,) from 1 among those of the same estimand and kind, and how many these are.
    """

    group: ScaleGroup
    order: Ints
    pieces: tuple[Piece, ...]
    kept: Ints
    rank: Ints
    of: Ints

    @property
    def places(self) -> Ints:
        """Return the kept specifications' places in the plan."""
        return self.order[self.kept]


def drawn(
    results: Results, joints: Sequence[CurveTests] = (), most: int = MOST, keep: Sequence[int] = ()
) -> tuple[PageCurve, ...]:
    """Order every scale's estimates and thin them where there are more than ``most`` in all.

    ``keep`` are places in the plan that are not left out.
    """
    bands = {key for joint in joints for key in joint.bands}
    groups = [g for g in results.groups() if np.any(results.status[g.members] == Status.OK)]
    ordered = [arrange(results, g, bands) for g in groups]
    curves = [[places for _, _, places in results.curves_of(g)] for g in groups]
    total = sum(len(a.order) for a in ordered)
    return tuple(
        PageCurve(g, a.order, a.pieces, _kept(results, c, a.order, most / max(total, most), keep), *_ranks(c, a.order))
        for g, a, c in zip(groups, ordered, curves, strict=True)
    )


def _ranks(curves: Iterable[Ints], order: Ints) -> tuple[Ints, Ints]:
    ranks, of = np.zeros((2, int(order.max()) + 1), np.int64)
    for places in curves:
        ranks[places], of[places] = np.arange(1, len(places) + 1), len(places)
    return ranks[order], of[order]


def _kept(results: Results, curves: Iterable[Ints], order: Ints, share: float, wanted: Sequence[int]) -> Ints:
    """Keep even steps along the order, what is wanted, and of every curve both ends and those of every option."""
    n = len(order)
    if share == 1:
        return np.arange(n)
    keep = np.zeros(n, dtype=bool)
    keep[np.linspace(0, n - 1, max(2, int(share * n))).round().astype(np.int64)] = True
    keep[np.isin(order, [results.preferred, *wanted])] = True
    planned = results.planned
    for places in curves:
        mine = np.flatnonzero(np.isin(order, places))
        keep[mine[:ENDS]] = keep[mine[-ENDS:]] = True
        for d in range(len(planned.dimensions)):
            keep[mine[_ends(planned.codes[order[mine], d])]] = True
    return np.flatnonzero(keep)


def _ends(codes: NDArray[np.int32]) -> Ints:
    """Return the first and last positions of every code; nothing where there are very many codes."""
    most = int(codes.max())
    if most >= _OPTIONS:
        return np.empty(0, np.int64)
    ends = np.full((2, most + 1), -1)
    ends[0, codes[::-1]] = np.arange(len(codes))[::-1]
    ends[1, codes] = np.arange(len(codes))
    return ends[ends >= 0]


def curve_columns(results: Results, curves: Sequence[PageCurve], joints: Sequence[CurveTests]) -> Encoded:
    """Encode everything that the page knows of its specifications, the curves one after the other."""
    places = np.concatenate([c.places for c in curves]) if curves else np.empty(0, np.int64)
    planned = results.planned
    return {
        "title": planned.title,
        "alpha": planned.alpha,
        "vcovs": list(planned.vcovs),
        "planned": len(planned),
        "dimensions": [_dimension(results, d, places) for d in range(len(planned.dimensions))],
        "terms": _terms(results, places),
        "groups": [_group(results, c, joints) for c in curves],
        "columns": {
            "index": numbers(places + 1),
            "position": numbers(np.concatenate([c.kept + 1 for c in curves]) if curves else places),
            "rank": numbers(np.concatenate([c.rank[c.kept] for c in curves]) if curves else places),
            "of": numbers(np.concatenate([c.of[c.kept] for c in curves]) if curves else places),
            **_numbers(results, places),
        },
        "spec_id": [planned.spec_id(s) for s in places.tolist()],
        "formula": _formulas(results, places),
        "term": texts(planned.term, places),
        "estimand": _told_words(texts(planned.estimand, places)),
        "kind": words(KINDS, planned.kind[places]),
        "dropped": texts(results.dropped, places),
        "preferred": int(np.append(np.flatnonzero(places == results.preferred), -1)[0]),
        "nulls": [_null(j, places, len(planned)) for j in joints],
    }


def _told_words(found: Encoded) -> Encoded:
    return {**found, "words": [told(w) for w in found["words"]]}


def _numbers(results: Results, places: Ints) -> Encoded:
    found = {"estimate": numbers(results.estimate[places])}
    for v in range(len(results.planned.vcovs)):
        for name in _FIRST if v == 0 else _OTHER:
            found[f"{name}:{v}"] = numbers(results.numbers[name][places, v], "f4" if v else "f8")
    for name in _COUNTS:
        found[name] = numbers(results.numbers[name][places])
    for name in ("r2_within", "y_mean"):
        found[name] = numbers(results.numbers[name][places], "f4")
    n_eff, nobs = (results.numbers[name][places] for name in ("n_eff", "nobs"))
    found["weighted"] = numbers((np.abs(n_eff - nobs) > 1e-9 * nobs).astype(np.int8))
    return found


def _dimension(results: Results, d: int, places: Ints) -> Encoded:
    planned = results.planned
    name = planned.dimensions[d]
    found = words(planned.labels[d], planned.codes[places, d])
    named = [planned.shown(w) for w in found["words"]]
    return {
        "name": name,
        "heading": heading(results, name),
        **found,
        "words": named,
        "places": [k for k in np.unique(planned.codes[places, d]).tolist() if k >= 0],
        **_briefly(results, name, named),
    }


def _briefly(results: Results, choice: str, named: Sequence[str]) -> Encoded:
    """Encode options without what they have in common, and what that is, as figures write them; nothing where none."""
    common = results.planned.common(choice)
    return {"brief": [briefly(w, common) for w in named], "common": spelled_out([common])} if common else {}


def _terms(results: Results, places: Ints) -> Encoded:
    """Encode which options of the controls have which of the terms that vary."""
    planned = results.planned
    if "controls" not in planned.dimensions or not planned.control_terms:
        return {"dimension": -1, "labels": [], "always": [], "members": []}
    d = planned.dimensions.index("controls")
    members = planned.control_members[np.unique(planned.codes[places, d])]
    names = [planned.shown(t) for t in planned.control_terms]
    varying = term_places(results, places).tolist()
    return {
        "dimension": d,
        "labels": [names[k] for k in varying],
        "always": [names[k] for k in np.flatnonzero(members.all(axis=0)).tolist()],
        "members": [numbers(members[:, k].astype(np.int8)) for k in varying],
    }


def _group(results: Results, curve: PageCurve, joints: Sequence[CurveTests]) -> Encoded:
    estimands = [{"words": told(f.estimand), "n": len(f.places)} for f in results.families_of(curve.group)]
    bands = [lay_bands(curve.group, curve.pieces, len(curve.order), j.bands) for j in joints]
    return {
        "name": curve.group.shown,
        "scaled": curve.group.scale is not None,
        "n": len(curve.order),
        "kept": len(curve.kept),
        "decimals": decimals_for(results.estimate[curve.order]),
        "estimands": estimands,
        "breaks": [b.start for a, b in pairwise(curve.pieces) if a.kind == b.kind],
        "bands": [None if b is None else [numbers(row[curve.kept], "f4") for row in b] for b in bands],
    }


def _formulas(results: Results, places: Ints) -> Encoded:
    """Write the formulas of the kept specifications, each text once."""
    write = results.planned.formulas
    found: dict[str, int] = {}
    codes = [found.setdefault(write(p, p + 1)[0], len(found)) for p in places.tolist()]
    return {"words": list(found), "codes": numbers(np.asarray(codes, dtype=np.int64))}


def _null(joint: CurveTests, places: Ints, planned: int) -> Encoded:
    """Encode a null's p-values and simultaneous bands of the kept specifications, NaN where it has none."""
    at = np.full(planned, -1)
    at[joint.index] = np.arange(len(joint.index))
    mine = at[places]
    adjusted: Mapping[str, NDArray[np.float64]] = {
        "p_null": joint.adjusted.p_null,
        "p_adjusted": joint.adjusted.p_adjusted,
        "band_low": joint.adjusted.band_low,
        "band_high": joint.adjusted.band_high,
    }
    values = {k: np.where(mine >= 0, v[mine], np.nan) for k, v in adjusted.items()}
    banded = bool(np.isfinite([joint.adjusted.band.below, joint.adjusted.band.above]).any())
    head = {"name": joint.null, "title": told(joint.title), "cluster": joint.cluster, "banded": banded}
    return {**head, **{k: numbers(v, "f4") for k, v in values.items()}}

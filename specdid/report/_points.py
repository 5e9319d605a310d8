"""The specifications that the page draws: which, in what order, as columns of little-endian bytes in base64."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Ints
from specdid._describe.curve_tests import CurveTests
from specdid._records import KINDS, Results, ScaleGroup, Status
from specdid._records.numerals import decimals_for
from specdid._words import told
from specdid.figures._curve_order import Piece, arrange, lay_bands
from specdid.report._choices import heading, term_places
from specdid.report._encode import Encoded, numbers, texts, words

MOST = 20_000
"""Above so many estimates the page holds a thinned curve."""
ENDS = 100
"""So many of the lowest and of the highest are kept then."""
_OPTIONS = 200
_FIRST = ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df", "n_clusters")
_OTHER = ("std_error", "p_value", "conf_low", "conf_high")
_COUNTS = ("nobs", "n_units", "n_treated", "n_control", "n_missing", "n_log0", "n_singletons")


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
    return found


def _dimension(results: Results, d: int, places: Ints) -> Encoded:
    planned = results.planned
    name = planned.dimensions[d]
    found = words(planned.labels[d], planned.codes[places, d])
    return {
        "name": name,
        "heading": heading(results, name),
        **found,
        "words": [planned.shown(w) for w in found["words"]],
    }


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

"""Which specification of one run is which of the other, and what was only called otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._records import Results

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PairedSpecifications:
    """Places in the plans, from 0; every distinct content counts once.

    Attributes
    ----------
    old, new : (P,) each, in the order of the new plan: the same content, or, where
        ``redefined``, other content under the same labels.
    redefined : (P,) bool.
    removed, added : places in the old and in the new plan without a partner.
    """

    old: Ints
    new: Ints
    redefined: Flags
    removed: Ints
    added: Ints


@dataclass(frozen=True, slots=True)
class Renamed:
    """A label, or where ``dimension`` is empty a dimension, with the same content under another name."""

    dimension: str
    old: str
    new: str


def pair(old: Results, new: Results) -> PairedSpecifications:
    """Match two runs by content; what is left by its labels, where these name one of each."""
    first_old, first_new = _distinct(old), _distinct(new)
    ids_old, ids_new = old.planned.ids[first_old], new.planned.ids[first_new]
    _, at_old, at_new = np.intersect1d(ids_old, ids_new, assume_unique=True, return_indices=True)
    removed, added = np.delete(first_old, at_old), np.delete(first_new, at_new)
    left, right = _by_labels(old, new, removed, added)
    both_old = np.concatenate([first_old[at_old], removed[left]])
    both_new = np.concatenate([first_new[at_new], added[right]])
    order = np.argsort(both_new, kind="stable")
    redefined = np.arange(len(both_new)) >= len(at_new)
    return PairedSpecifications(
        both_old[order],
        both_new[order],
        redefined[order],
        np.sort(np.delete(removed, left)),
        np.sort(np.delete(added, right)),
    )


def _distinct(results: Results) -> Ints:
    """Return one place per content: the ok one, else the first that is not a duplicate."""
    order = np.lexsort((np.arange(len(results)), results.status, results.planned.ids))
    ids = results.planned.ids[order]
    first = np.ones(len(ids), dtype=bool)
    first[1:] = ids[1:] != ids[:-1]
    return np.sort(order[first]).astype(np.int64)


def _by_labels(old: Results, new: Results, removed: Ints, added: Ints) -> tuple[Ints, Ints]:
    """Return positions in ``removed`` and ``added`` whose labels agree and occur once on either side."""
    shared = [d for d in new.planned.dimensions if d in old.planned.dimensions]
    key_old, key_new = np.zeros(len(removed), np.int64), np.zeros(len(added), np.int64)
    for name in shared:
        words, codes = _common_codes(old, new, name, removed, added)
        key = np.concatenate([key_old, key_new]) * len(words) + np.concatenate(codes)
        _, key = np.unique(key, return_inverse=True)
        key_old, key_new = key[: len(removed)], key[len(removed) :]
    once_old, once_new = _once(key_old), _once(key_new)
    _, left, right = np.intersect1d(key_old[once_old], key_new[once_new], assume_unique=True, return_indices=True)
    return once_old[left], once_new[right]


def _once(key: Ints) -> Ints:
    """Return the positions whose key occurs once."""
    _, first, counts = np.unique(key, return_index=True, return_counts=True)
    return np.asarray(first[counts == 1], dtype=np.int64)


def _common_codes(
    old: Results, new: Results, name: str, places_old: Ints, places_new: Ints
) -> tuple[Sequence[str], tuple[Ints, Ints]]:
    """Return one dictionary for both runs' labels of a dimension, and the codes of these places."""
    a, b = old.planned.dimension(name), new.planned.dimension(name)
    place = {word: k for k, word in enumerate(dict.fromkeys([*a.words, *b.words]))}
    to_a, to_b = (np.array([place[w] for w in t.words], dtype=np.int64) for t in (a, b))
    return tuple(place), (to_a[a.codes[places_old]], to_b[b.codes[places_new]])


def renamed(old: Results, new: Results, pairs: PairedSpecifications) -> tuple[Renamed, ...]:
    """Find labels and dimensions of one run whose content the other calls otherwise."""
    same = ~pairs.redefined
    places = pairs.old[same], pairs.new[same]
    shared = [d for d in new.planned.dimensions if d in old.planned.dimensions]
    found = [Renamed(name, *words) for name in shared for words in _renamed_labels(old, new, name, name, *places)]
    gone = [d for d in old.planned.dimensions if d not in shared]
    come = [d for d in new.planned.dimensions if d not in shared]
    for name in gone:
        other = next((o for o in come if _one_to_one(old, new, name, o, *places)), None)
        if other is not None:
            come.remove(other)
            found.append(Renamed("", name, other))
            found += [Renamed(other, *words) for words in _renamed_labels(old, new, name, other, *places)]
    return tuple(found)


def _label_pairs(
    old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints
) -> Iterator[tuple[str, str]]:
    """Return every pair of labels that stands on the same content, in order of the new labels."""
    a, b = old.planned.dimension(name), new.planned.dimension(other)
    key = np.unique(b.codes[places_new].astype(np.int64) * len(a.words) + a.codes[places_old])
    for k in key.tolist():
        yield a.words[k % len(a.words)], b.words[k // len(a.words)]


def _renamed_labels(
    old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints
) -> Iterator[tuple[str, str]]:
    """Return labels that only one run has; where another still has the label, an option became two."""
    words_old, words_new = set(old.planned.dimension(name).words), set(new.planned.dimension(other).words)
    for before, after in _label_pairs(old, new, name, other, places_old, places_new):
        if before != after and before not in words_new and after not in words_old:
            yield before, after


def _one_to_one(old: Results, new: Results, name: str, other: str, places_old: Ints, places_new: Ints) -> bool:
    """Say whether two dimensions part the shared specifications in the same way, into more than one."""
    found = list(_label_pairs(old, new, name, other, places_old, places_new))
    return len(found) > 1 and len({a for a, _ in found}) == len({b for _, b in found}) == len(found)


def pair_vcovs(old: Results, new: Results, pairs: PairedSpecifications) -> tuple[tuple[int, int], ...]:
    """Match variance estimators by label, and what is left where most standard errors agree."""
    found = [
        (old.planned.vcovs.index(label), k) for k, label in enumerate(new.planned.vcovs) if label in old.planned.vcovs
    ]
    left = [v for v in range(len(old.planned.vcovs)) if v not in [a for a, _ in found]]
    for k in range(len(new.planned.vcovs)):
        same = next((v for v in left if _same_errors(old, new, pairs, v, k)), None)
        if k not in [b for _, b in found] and same is not None:
            left.remove(same)
            found.append((same, k))
    return tuple(sorted(found, key=lambda both: both[1]))


def _same_errors(old: Results, new: Results, pairs: PairedSpecifications, v: int, k: int) -> bool:
    same = ~pairs.redefined
    a = np.asarray(old.numbers["std_error"])[pairs.old[same], v]
    b = np.asarray(new.numbers["std_error"])[pairs.new[same], k]
    known = np.isfinite(a) & np.isfinite(b)
    return bool(known.any() and np.mean(np.isclose(a[known], b[known], rtol=1e-6, atol=0.0)) >= 0.5)

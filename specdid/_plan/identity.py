"""The id of a specification: a hash of its content, whatever the labels and the order.

Every part of a specification has a 64-bit hash of its content digest. A set (terms,
effects, conditions) is the sum of its members' hashes, so that order does not matter
and 2^20 control sets are one segmented sum; the parts are then chained through the
finalizer of splitmix64 (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from specdid._hashing import GOLDEN, spread, text_word
from specdid.language import Effect, Scope, Term, bind
from specdid.language.tree import Constant, Node

Hashes = NDArray[np.uint64]


def term_digest(term: Term, scope: Scope) -> str:
    """Digest a term's content; ``a:b`` and ``b:a`` agree."""
    return "t:" + ":".join(sorted(bind(f, scope).digest for f in term.factors))


def effect_digest(effect: Effect, scope: Scope) -> str:
    """Digest a fixed effect's content; ``a^b`` and ``b^a`` agree."""
    factors = "^".join(sorted(bind(f, scope).digest for f in effect.factors))
    slopes = ",".join(sorted(bind(s, scope).digest for s in effect.slopes))
    return f"e:{factors}[{slopes}]{int(effect.slopes_only)}"


def condition_digests(nodes: Iterable[Node], scope: Scope) -> tuple[str, ...]:
    """Digest the conditions that cut rows, sorted; TRUE cuts none."""
    return tuple(sorted({bind(n, scope).digest for n in nodes if n != Constant(True)}))


def set_hash(digests: Iterable[str]) -> int:
    """Hash a set of digests, whatever its order."""
    return sum(text_word(d) for d in dict.fromkeys(digests)) % 2**64


def segment_sums(start: NDArray[np.int64], index: NDArray[np.int32], hashes: Hashes) -> Hashes:
    """Sum ``hashes[index]`` within each segment of a CSR layout, modulo 2^64."""
    total = np.concatenate([np.zeros(1, np.uint64), np.cumsum(hashes[index], dtype=np.uint64)])
    return np.asarray(total[start[1:]] - total[start[:-1]])


def mix(parts: Sequence[Hashes]) -> Hashes:
    """Chain hashes of S specifications, part by part, in order.

    Parameters
    ----------
    parts : arrays (S,) of uint64
    """
    state = np.zeros(len(parts[0]), np.uint64)
    for part in parts:
        state = spread((state + np.uint64(GOLDEN)) ^ part)
    return state

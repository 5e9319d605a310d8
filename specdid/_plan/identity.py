"""The id of a specification: a hash of its content, and the digest of every choice that goes into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools
from specdid._hashing import GOLDEN, spread, text_word
from specdid._plan.records import Grid, MatchChoice, Setting
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


def match_digest(match: MatchChoice, scope: Scope) -> str:
    """Digest what a match consists of, whatever the order of its terms."""
    on = sorted({term_digest(t, scope) for t in match.on})
    exact = sorted({bind(n, scope).digest for n in match.exact})
    own = [bind(n, scope).digest if n is not None else "" for n in (match.treated, match.at)]
    return "m:" + "|".join((*own, ",".join(on), ",".join(exact), match.method, repr(match.settings)))


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


class Contents:
    """Digests of one setting's choices, computed when asked for."""

    def __init__(self, grid: Grid, setting: Setting) -> None:
        self.grid = grid
        self.setting = setting
        self.scope = setting.scope

    @cached_property
    def outcomes(self) -> tuple[str, ...]:
        return tuple("t:" + bind(n, self.scope).digest for n in self.grid.outcomes)

    @cached_property
    def treatments(self) -> tuple[str, ...]:
        return tuple(term_digest(t.term, self.scope) for t in self.grid.treatments)

    @cached_property
    def cohorts(self) -> tuple[str, ...]:
        """One digest per treatment, "" where it declares no cohort."""
        declared = [t.cohort for t in self.grid.treatments]
        return tuple("" if c is None else "c:" + bind(c, self.scope).digest for c in declared)

    @cached_property
    def controls(self) -> tuple[str, ...]:
        """One digest per distinct control term of the grid."""
        return tuple(term_digest(t, self.scope) for t in self.grid.controls.terms)

    @cached_property
    def instruments(self) -> tuple[str, ...]:
        """Digests of the setting's instruments of the treatment."""
        return tuple(term_digest(t, self.scope) for t in self.setting.instruments)

    @cached_property
    def effects(self) -> tuple[tuple[str, ...], ...]:
        """Digests of each fixed-effects choice with what the setting absorbs."""
        absorbed = self.setting.absorb
        return tuple(
            tuple(dict.fromkeys(effect_digest(e, self.scope) for e in (*choice, *absorbed)))
            for choice in self.grid.fixed_effects
        )

    @cached_property
    def samples(self) -> tuple[tuple[str, ...], ...]:
        return tuple(condition_digests((s.where, *self.setting.where), self.scope) for s in self.grid.samples)

    @cached_property
    def weights(self) -> tuple[str, ...]:
        return tuple("" if n is None else bind(n, self.scope).digest for n in self.grid.weights)

    def fixed_terms(self, treatment: int) -> tuple[Term, ...]:
        """Terms of every specification of a treatment beside its own: with and add, each once."""
        choice = self.grid.treatments[treatment]
        own = self.treatments[treatment]
        seen = {own: None}
        terms = []
        for term in (*choice.with_, *self.setting.add):
            digest = term_digest(term, self.scope)
            if digest not in seen:
                seen[digest] = None
                terms.append(term)
        return tuple(terms)

    def fixed_digests(self, treatment: int) -> tuple[str, ...]:
        """Return the digests of ``fixed_terms``, the treatment's own first."""
        own = self.treatments[treatment]
        return (own, *(term_digest(t, self.scope) for t in self.fixed_terms(treatment)))

    def having(self, digest: str) -> Bools:
        """Mark the controls choices that hold a term with ``digest``."""
        flags = np.array([d == digest for d in self.controls], dtype=bool)
        return choices_with(self.grid, flags)


def choices_with(grid: Grid, flags: Bools) -> Bools:
    """Mark the controls choices with at least one flagged term."""
    if not flags.any():
        return np.zeros(len(grid.controls), dtype=bool)
    total: NDArray[np.int64] = np.concatenate([[0], np.cumsum(flags[grid.controls.index])])
    return np.asarray(total[grid.controls.start[1:]] > total[grid.controls.start[:-1]])

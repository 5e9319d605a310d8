"""Which columns of an interaction with the treatment are left out, by R's rule of contrasts.

A factor of an interaction keeps all of its levels unless the rest of the interaction is a term of the model, its
margin, beside which the columns of all levels add up to it; then its first level goes. Among controls that says only
which column is dropped as collinear. Of an interaction with the treatment it says what the treatment's coefficient is:
the effect at the first level, where with all levels it would be open.
"""

from __future__ import annotations

from collections.abc import Iterator

from specdid._arrays import Bools
from specdid.engine.columns import Columns


def margins(columns: Columns, parts: tuple[int, ...], treated: frozenset[str]) -> Iterator[tuple[str, Bools]]:
    """Yield the margins of an interaction with the treatment, and what is left out beside each.

    Parameters
    ----------
    parts : the term's columns
    treated : digests of the treatment's factors

    Yields
    ------
    tuple
        The digest of the margin, as `term_digest` has it, and which of ``parts`` are at the first level of the factor
        that it lacks.
    """
    factors = columns.value_recipes[parts[0]].bounds if parts else ()
    if not treated < {f.digest for f in factors}:
        return
    for place, factor in enumerate(factors):
        base = None if factor.digest in treated else columns.evaluator.at_base(factors, place)
        if base is not None and base.any():
            rest = sorted(f.digest for k, f in enumerate(factors) if k != place)
            yield "t:" + ":".join(rest), base

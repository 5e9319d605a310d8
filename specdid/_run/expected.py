"""The direction in which outcomes are expected to move, and a word where joint tests mix directions unawares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from specdid._plan import Plan
from specdid._records import Caution, Results
from specdid._study import Core

Ints = NDArray[np.int64]
_NAMED = 4


def expected_signs(plan: Plan, index: Ints) -> NDArray[np.float64] | None:
    """Return the sign expected of each specification, -1 or 1; None where no outcome has one."""
    options = plan.study.outcome
    if not any(o.expect for o in options):
        return None
    signs = np.array([-1.0 if o.expect == "negative" else 1.0 for o in options])
    return np.asarray(signs[plan.dimensions[Core.OUTCOME].option[plan.codes[index, Core.OUTCOME]]])


def expected_words(plan: Plan) -> str:
    """Say what positive values of joint statistics mean where outcomes have an expected sign, else nothing."""
    outcome, options = plan.dimensions[Core.OUTCOME], plan.study.outcome
    pairs = [(options[o].expect, label) for label, o in zip(outcome.labels, outcome.option.tolist(), strict=True)]
    signs = ("negative", "positive")
    found = [f"{sign} for {_listed([n for s, n in pairs if s == sign])}" for sign in signs if (sign in dict(pairs))]
    if not found:
        return ""
    return (
        f"Joint statistics are of estimates times the sign expected of their outcome ({'; '.join(found)}): "
        "positive values lie in the expected direction."
    )


def opposite_signs(plan: Plan, results: Results, tested: Sequence[Ints]) -> Iterator[Caution]:
    """Warn of outcomes of opposite estimated sign in one joint test: their estimates cancel.

    An outcome has the sign of its median t. It is serious where on both sides some estimate
    is significant, and a note where the signs may be chance.
    """
    if any(o.expect for o in plan.study.outcome) or not tested:
        return
    index = np.unique(np.concatenate(tested))
    t, p = results.first("statistic")[index], results.first("p_value")[index]
    outcome = plan.codes[index, Core.OUTCOME]
    sides: dict[bool, list[str]] = {False: [], True: []}
    significant = {False: False, True: False}
    for code in np.unique(outcome).tolist():
        mine = (outcome == code) & np.isfinite(t)
        if not mine.any() or (median := float(np.median(t[mine]))) == 0:
            continue
        label = results.planned.shown(plan.dimensions[Core.OUTCOME].labels[code])
        sides[median > 0].append(f"“{label}” (median t {median:.2f})")
        significant[median > 0] |= bool((p[mine & (np.sign(t) == np.sign(median))] <= plan.study.inference.alpha).any())
    if sides[False] and sides[True]:
        yield Caution(
            "serious" if all(significant.values()) else "note",
            "opposite_signs",
            "outcomes of opposite estimated sign are in one joint test, where they cancel: negative "
            f"{_listed(sides[False])}; positive {_listed(sides[True])}. If they were expected to move apart before "
            'anything was estimated, say so by `expect = "negative"` and `expect = "positive"` in [outcome]',
            specifications=len(index),
        )


def _listed(words: Sequence[str]) -> str:
    more = len(words) - _NAMED
    return ", ".join(words[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")

"""What is said of instruments: how strong they are, whether they agree, and the Anderson-Rubin set, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from specdid._arrays import Floats
from specdid._columns import OF_INSTRUMENTS
from specdid._records import Caution
from specdid._records.numerals import minus, specifications

WEAK = 10.0
"""The effective F below which instruments are called weak (Staiger and Stock 1997; Andrews, Stock and Sun 2019)."""
DOUBTED = 0.05
"""The p-value below which the overidentifying restrictions are said to be rejected."""


def words_of_instruments(found: Mapping[str, float], alpha: float) -> Iterator[str]:
    """Return lines for one specification, as `known` gives it."""

    def has(name: str) -> bool:
        return not np.isnan(found[name])

    if has("effective_f"):
        weak = ": weak" if found["effective_f"] < WEAK else ""
        yield (
            f"Effective F of the first stage: {found['effective_f']:.4g}{weak} (for a bias of at most 10% of the worst "
            f"case it should exceed {found['effective_f_critical']:.4g}); Kleibergen-Paap F "
            f"{found['kleibergen_paap_f']:.4g}; F under iid errors {found['first_stage_f']:.4g}"
        )
    else:
        yield "The strength of the instruments cannot be had under the first vcov: their variance has no inverse"
    if has("hansen_j"):
        yield f"Hansen's J: {found['hansen_j']:.4g}, p {found['hansen_p']:.4f}"
    if has("sargan"):
        yield f"Sargan: {found['sargan']:.4g}, p {found['sargan_p']:.4f} (under iid errors)"
    if has("wu_hausman"):
        test = f"F {found['wu_hausman']:.4g}, p {found['wu_hausman_p']:.4f}"
        yield f"Wu-Hausman, that least squares estimates the same: {test}"
    if has("ar_p"):
        yield (
            f"Anderson-Rubin, valid with weak instruments: p {found['ar_p']:.4f} for no effect; "
            f"{100 * (1 - alpha):g}% set {anderson_rubin_words(found)}"
        )


def known(extra: Mapping[str, Floats], place: int) -> dict[str, float]:
    """Return what is known of one specification's instruments, NaN for the rest: no run need have every column."""
    return {c.name: float(extra[c.name][place]) if c.name in extra else float("nan") for c in OF_INSTRUMENTS}


def beside_estimate(extra: Mapping[str, Floats], place: int, alpha: float) -> str:
    """Return what stands behind a two-stage estimate wherever it is printed alone; nothing for other estimates."""
    found = known(extra, place)
    if np.isnan(found["ar_p"]):
        return ""
    weak = ", weak instruments" if found["effective_f"] < WEAK else ""
    held = minus(anderson_rubin_words(found))
    return (
        f" Effective F of the first stage {found['effective_f']:.3g}{weak}; {100 * (1 - alpha):g}% Anderson-Rubin set "
        f"{held}, p = {found['ar_p']:.3f}."
    )


def anderson_rubin_words(found: Mapping[str, float]) -> str:
    """Write an Anderson-Rubin set; of several gaps the widest is named."""
    parts = int(found["ar_intervals"])
    if not parts:
        return "empty: no effect agrees with all instruments"
    low, high, before, after = (found[f"ar_{name}"] for name in ("low", "high", "gap_low", "gap_high"))
    if parts == 1 and np.isnan(low) and np.isnan(high):
        return "the whole line: the instruments say nothing of the effect"
    first = "−∞" if np.isnan(low) else f"{low:.4g}"
    last = "∞" if np.isnan(high) else f"{high:.4g}"
    if parts == 1:
        return f"{first} to {last}"
    more = f", with {parts - 2} further gap{'s' * (parts > 3)}" if parts > 2 else ""
    return f"{first} to {before:.4g} and {after:.4g} to {last}{more}"


def instrument_cautions(found: Mapping[str, Floats]) -> Iterable[Caution]:
    """Say what speaks against estimates with instruments, from their columns, (S,) each."""
    if "n_instruments" not in found or not (used := found["n_instruments"] > 0).any():
        return
    total = int(used.sum())
    found = {c.name: found.get(c.name, np.full(len(used), np.nan)) for c in OF_INSTRUMENTS}
    strength = found["effective_f"]
    weak = used & (strength < WEAK)
    of = f"of {total:,} two-stage least squares "
    if weak.any():
        many = int(weak.sum())
        unbounded = weak & (found["ar_intervals"] > 0)
        unbounded &= np.isnan(found["ar_low"]) | np.isnan(found["ar_high"])
        said = (
            f"{many:,} {of}{'has' if many == 1 else 'have'} weak instruments (effective F below {WEAK:g}, the lowest "
            f"{np.nanmin(strength[weak]):.2g}): estimates are biased towards least squares, and their standard errors, "
            "p-values and intervals do not hold; read the Anderson-Rubin sets (`ar_p`, `ar_low`, `ar_high`)"
        )
        if unbounded.any():
            said += f", {int(unbounded.sum()):,} of which {'is' if unbounded.sum() == 1 else 'are'} unbounded"
        yield Caution("serious", "weak_instruments", said, specifications=many)
    unknown = used & np.isnan(strength)
    if unknown.any():
        reason = (
            "have instruments whose strength cannot be had under the first vcov, as with fewer clusters than columns"
        )
        yield Caution(
            "serious",
            "instruments_untested",
            specifications(int(unknown.sum()), reason),
            specifications=int(unknown.sum()),
        )
    p = np.where(np.isnan(found["hansen_p"]), found["sargan_p"], found["hansen_p"])
    doubted = used & (p < DOUBTED)
    if doubted.any():
        many = int(doubted.sum())
        said = (
            f"{many:,} {of}with more than one instrument reject at {DOUBTED:g} that all instruments estimate the same "
            "effect (Hansen's J, or Sargan): an instrument is not valid, or they move units with other effects"
        )
        yield Caution("serious", "instruments_disagree", said, specifications=many)

"""Sections of the summary on what the curve owes to its choices, and how sensitive it is."""

from __future__ import annotations

from collections import Counter

import numpy as np

from specdid._describe.choices import Change, Choices, Spread
from specdid._describe.sensitivity import Sensitivity
from specdid._records import Section
from specdid._records.numerals import decimals_for
from specdid.report.summary import table

_SHARES, _CHANGES, _PER_DIMENSION = 8, 12, 3
_LONGEST = 48


def choice_section(choices: Choices, alone: bool) -> Section:
    """Write shares, changes and spread of one family; ``alone`` where the curve has no other."""
    family = choices.family
    where = "" if alone else f": {family.shown}; {family.estimand}"
    lines = [*_shares(choices), "", *_changes(choices), "", *_spread(choices.spread, choices)]
    return Section(f"Which choices matter{where}", tuple(lines), on_page=True)


def _shares(choices: Choices) -> list[str]:
    how = "exact: the grid is balanced" if choices.shares.balanced else "averages over orders (Shapley)"
    shares = choices.shares.share
    order = np.argsort(-shares, kind="stable")[:_SHARES].tolist()
    rows = [(_name(choices.factors[f].dimension, choices.factors[f].name), f"{shares[f]:.1%}") for f in order]
    left = len(shares) - len(order)
    if left:
        rest = float(shares.sum() - shares[order].sum())
        rows.append((f"{left:,} other choices", f"{rest:.1%}"))
    rows.append(("combinations of choices", f"{choices.shares.rest:.1%}"))
    return [*table(("choice", "share of the variance of the estimates"), rows), "", f"Shares are {how}."]


def _changes(choices: Choices) -> list[str]:
    """Tabulate the largest changes, a few of every dimension."""
    found = sorted((c for c in choices.changes if c.pairs), key=lambda c: -abs(c.mean))
    if not found:
        return []
    seen: Counter[str] = Counter()
    shown: list[Change] = []
    for change in found:
        seen[change.factor.dimension] += 1
        if seen[change.factor.dimension] <= _PER_DIMENSION and len(shown) < _CHANGES:
            shown.append(change)
    decimals = decimals_for(np.array([c.mean for c in shown]))
    rows = [(*_option(c), f"{c.mean:+,.{decimals}f}", f"{c.pairs:,}") for c in shown]
    left = len(found) - len(shown)
    more = ["", f"{left:,} more in choices.csv."] if left else []
    return [*table(("option", "instead of", "mean change", "pairs"), rows), *more]


def _option(change: Change) -> tuple[str, str]:
    factor = change.factor
    name = _name(factor.dimension, factor.name)
    return f"{name}: {_short(factor.words(change.level))}", _short(factor.words(factor.reference))


def _name(dimension: str, name: str) -> str:
    words = dimension.replace("_", " ")
    return words if dimension == name else f"{words}: {_short(name)}"


def _short(label: str) -> str:
    """Cut a long label after its first words: sets of controls differ at their ends."""
    if len(label) <= _LONGEST:
        return label
    tail = 3 * _LONGEST // 4
    first, last = label[: _LONGEST - tail], label[-tail:]
    if label[_LONGEST - tail] != " " and " " in first:
        first = first[: first.rindex(" ")]
    if label[-tail - 1] != " " and " " in last:
        last = last[last.index(" ") :]
    return f"{first.rstrip(' +')} … {last.lstrip(' +')}"


def _spread(spread: Spread, choices: Choices) -> list[str]:
    of = "the preferred estimate" if spread.of_preferred else "the median estimate"
    if not np.isfinite(spread.ratio):
        return [f"{spread.sign:.0%} of {len(choices.family.places):,} estimates have the sign of {of}."]
    return [
        f"Choices move the estimates {spread.ratio:.2f} times as much as sampling does (standard deviation "
        f"over specifications by the root mean squared standard error). {spread.sign:.0%} of "
        f"{len(choices.family.places):,} estimates have the sign of {of}, which is "
        f"{abs(spread.robustness):.2f} total standard errors from zero (robustness ratio; "
        "2 or more counts as robust)."
    ]


def sensitivity_section(found: Sensitivity | None, why_not: str = "") -> Section:
    """Write what an omitted confounder would have to be, each measure with a sentence."""
    title = "Sensitivity of the preferred specification"
    if found is None:
        return Section(title, (why_not,) if why_not else (), on_page=True)
    lines = [
        f"- partial R² of the treatment with the outcome: {found.partial_r2:.2%}. A confounder that explains "
        "all the rest of the outcome would have to explain this share of the treatment to take the "
        "estimate to zero.",
        f"- robustness value: {found.rv:.1%}. A confounder that explains less than this share of what is left "
        "of both treatment and outcome cannot take the estimate to zero.",
        f"- robustness value at p = {found.alpha:g}: {found.rv_alpha:.1%}. "
        + (
            "One that explains less than this share of both leaves it significant (classical errors)."
            if found.rv_alpha > 0
            else "It is not significant as it stands (classical errors)."
        ),
        _delta(found),
    ]
    return Section(title, tuple(lines), on_page=True)


def _delta(found: Sensitivity) -> str:
    if not np.isfinite(found.delta):
        return "- Oster's δ: not defined, since the preferred specification has no controls."
    head = f"- Oster's δ: {found.delta:.2f}, with R² up to {found.r_max:.3g} (1.3 times that within the fixed effects)."
    if found.delta < 0:
        return f"{head} Unobservables must select the other way than the controls do to take the effect to zero."
    return (
        f"{head} Unobservables must select on treatment {found.delta:.2f} times as strongly as the controls do "
        "to take the effect to zero; 1 is the usual mark."
    )

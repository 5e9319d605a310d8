"""The choices behind a set of estimates as factors: a dimension each, and a variable each for controls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from specdid._records import Results, Status

Ints = NDArray[np.int64]
FEW = 12
"""Up to so many sets of controls are compared as sets."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One choice.

    Attributes
    ----------
    dimension : the dimension it belongs to.
    name : the dimension, or the variable among the controls.
    labels : of its levels, as in results.csv.
    codes : (n,) int64, the level of each specification.
    reference : the level of the preferred specification, or the first that occurs.
    shown : the labels as readers know them, by [labels]; empty where they are the same.
    """

    dimension: str
    name: str
    labels: tuple[str, ...]
    codes: Ints
    reference: int
    shown: tuple[str, ...] = ()

    def words(self, level: int) -> str:
        """Name a level in a table or a figure."""
        return (self.shown or self.labels)[level]


@dataclass(frozen=True, slots=True)
class Family:
    """The ok specifications with one scale (or outcome) and one estimand: what can be compared.

    ``shown`` is the scale or outcome as readers know it, by [labels].
    """

    group: str
    estimand: str
    places: Ints
    shown: str


def families(results: Results) -> tuple[Family, ...]:
    """Return the families in order of appearance; places in plan order."""
    found = []
    estimand = results.planned.estimand
    for group in results.groups():
        ok = group.members[results.status[group.members] == Status.OK]
        codes = estimand.codes[ok]
        for code in np.unique(codes).tolist():
            words = estimand.words[code] if code >= 0 else ""
            found.append(Family(group.name, words, ok[codes == code], group.shown))
    return tuple(found)


def variance_factors(results: Results, places: Ints) -> tuple[Factor, ...]:
    """Return every choice that varies, the controls as one factor per variable.

    Variables that always go together are one factor.
    """
    return tuple(_factors(results, places, by_variable=True))


def change_factors(results: Results, places: Ints) -> tuple[Factor, ...]:
    """Return every choice that varies, the controls as sets where there are few of them.

    Many sets, and all subsets of some variables, are compared variable by variable.
    """
    factors = variance_factors(results, places)
    variables = sum(f.dimension == "controls" for f in factors)
    if "controls" not in results.planned.dimensions or not variables:
        return factors
    d = results.planned.dimensions.index("controls")
    sets = len(np.unique(results.planned.codes[places, d]))
    if sets > FEW or sets == 2**variables:
        return factors
    return tuple(_factors(results, places, by_variable=False))


def _factors(results: Results, places: Ints, by_variable: bool) -> Iterator[Factor]:
    planned = results.planned
    for d, name in enumerate(planned.dimensions):
        codes = planned.codes[places, d].astype(np.int64)
        present, local = np.unique(codes, return_inverse=True)
        if len(present) < 2:
            continue
        wanted = int(planned.codes[planned.preferred, d]) if planned.preferred >= 0 else -1
        if name == "controls" and by_variable and planned.control_terms:
            yield from _variables(results, codes, wanted)
            continue
        labels = tuple(planned.labels[d][o] for o in present.tolist())
        at = np.flatnonzero(present == wanted)
        shown = tuple(map(planned.shown, labels))
        yield Factor(name, name, labels, local.reshape(-1), int(at[0]) if len(at) else 0, shown)


def _variables(results: Results, codes: Ints, wanted: int) -> Iterator[Factor]:
    """Return one factor per set of variables with the same membership."""
    planned = results.planned
    present = np.unique(codes)
    names: dict[bytes, list[int]] = {}
    for k in range(len(planned.control_terms)):
        column = planned.control_members[present, k]
        if column.any() and not column.all():
            names.setdefault(column.tobytes(), []).append(k)
    for together in names.values():
        member = planned.control_members[:, together[0]]
        words = " + ".join(planned.shown(planned.control_terms[k]) for k in together)
        reference = int(member[wanted]) if wanted >= 0 else 0
        yield Factor("controls", words, ("without", "with"), member[codes].astype(np.int64), reference)

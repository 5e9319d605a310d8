"""Synthetic city panels for the benchmarks, as the engine's arrays and as a pandas frame."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from specdid.engine.problem import Effects, Members, Problem, Vcov

if TYPE_CHECKING:
    import pandas as pd

CODES = ("city", "year", "province", "province_year")
EFFECTS = {
    "none": Effects(),
    "city": Effects((0,)),
    "city + year": Effects((0, 1)),
    "city + province^year": Effects((0, 3)),
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel's columns: outcomes, the treatment, controls, then a weight; codes as in CODES."""

    values: np.ndarray
    codes: np.ndarray
    labels: tuple[str, ...]
    n_outcomes: int
    n_controls: int

    def frame(self) -> pd.DataFrame:
        """Give the same as a pandas frame for pyfixest."""
        import pandas as pd

        frame = pd.DataFrame(self.values, columns=list(self.labels))
        return frame.assign(**{name: self.codes[:, c] for c, name in enumerate(CODES)})


def make_panel(
    cities: int = 210,
    years: int = 13,
    controls: int = 8,
    outcomes: int = 2,
    missing: float = 0.0,
    provinces: int = 30,
    seed: int = 20121201,
) -> Panel:
    """Draw a balanced panel with city and year effects, a staggered 0/1 treatment and missing cells."""
    rng = np.random.default_rng(seed)
    city, year = np.repeat(np.arange(cities), years), np.tile(np.arange(years), cities)
    province = city * provinces // cities
    n = cities * years
    x = rng.normal(size=(n, controls)) + rng.normal(size=(cities, controls))[city]
    x += 0.5 * rng.normal(size=(years, controls))[year]
    pilot = rng.random(cities) < 0.35
    treatment = (pilot[city] & (year >= years // 2 + city % 3)).astype(np.float64)
    shock = rng.normal(size=(cities, outcomes))[city] + rng.normal(size=(years, outcomes))[year]
    y = 0.1 * treatment[:, None] + 0.2 * x.mean(1)[:, None] + shock + rng.normal(size=(n, outcomes))
    values = np.column_stack([y, treatment, x])
    values[rng.random(values.shape) < missing] = np.nan
    weight = rng.uniform(0.5, 2.0, size=cities)[city]
    labels = [f"y{i}" for i in range(outcomes)] + ["d"] + [f"x{i}" for i in range(controls)] + ["w"]
    codes = np.column_stack([city, year, province, province * years + year]).astype(np.int64)
    values = np.asfortranarray(np.column_stack([values, weight]))
    return Panel(values, np.asfortranarray(codes), tuple(labels), outcomes, controls)


BY_CITY = Vcov("cluster", (0,))


def make_problem(panel: Panel, effects: tuple[Effects, ...], vcovs: tuple[Vcov, ...] = (BY_CITY,)) -> Problem:
    """Give the engine's problem: all rows, no logs, units are cities."""
    rows = np.ones((1, len(panel.values)), dtype=bool)
    return Problem(panel.values, panel.codes, rows, None, panel.labels, CODES, effects, vcovs, 0, 0.05)


def all_subsets(controls: int) -> list[tuple[int, ...]]:
    """List the subsets of controls as mvsw does: empty, then by size."""
    return [c for size in range(controls + 1) for c in combinations(range(controls), size)]


def make_members(
    panel: Panel, n_effects: int, subsets: list[tuple[int, ...]] | None = None, weighted: bool = False
) -> Members:
    """Cross outcomes × control subsets × fixed effects, in plan order (fixed effects fastest)."""
    subsets = all_subsets(panel.n_controls) if subsets is None else subsets
    first = panel.n_outcomes + 1
    shape = (panel.n_outcomes, len(subsets), n_effects)
    outcome, subset, effects = (a.ravel().astype(np.int64) for a in np.indices(shape))
    lengths = np.array([len(s) for s in subsets], dtype=np.int64)[subset]
    flat = [np.array(s, dtype=np.int64) + first for s in subsets]
    s = len(outcome)
    none = np.full(s, -1, dtype=np.int64)
    return Members(
        index=np.arange(s, dtype=np.int64),
        outcome=outcome,
        treatment=np.full(s, panel.n_outcomes, dtype=np.int64),
        start=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        controls=np.concatenate([flat[k] for k in subset]).astype(np.int64),
        rows=np.zeros(s, dtype=np.int64),
        effects=effects,
        weights=np.full(s, len(panel.labels) - 1, dtype=np.int64) if weighted else none,
        extra_rows=none,
        sunab=none,
    )

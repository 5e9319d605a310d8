"""A made panel of the shape of Wolfers's (2006) divorce data: 51 states, 1956 to 1988, staggered laws, trends."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

NEVER = 12
"""States without a law."""
LAWS = {
    1967: 1, 1968: 1, 1969: 2, 1970: 4, 1971: 8, 1972: 6, 1973: 7, 1974: 2, 1975: 3, 1977: 1, 1978: 1,
    1984: 1, 1985: 1, 1987: 1,
}  # fmt: skip
"""States by the year of their law."""


def divorce_panel(seed: int = 1, never: int = NEVER) -> pl.DataFrame:
    """Give the panel: ``st``, ``year``, ``law`` (0 never), ``post``, ``div_rate``, ``pop``, ``income``, ``region``."""
    rng = np.random.default_rng(seed)
    law = np.repeat([*LAWS, 0], [*LAWS.values(), never])
    states, years = len(law), np.arange(1956, 1989)
    st, year = np.repeat(np.arange(1, states + 1), len(years)), np.tile(years, states)
    cohort = law[st - 1]
    post = (cohort > 0) & (year >= cohort)
    level, trend = rng.normal(4, 1, states)[st - 1], rng.normal(0.05, 0.03, states)[st - 1]
    income = rng.normal(size=len(st)) + 0.02 * (year - 1956)
    rate = level + trend * (year - 1956) + 0.2 * post + 0.1 * income + rng.normal(0, 0.3, len(st))
    return pl.DataFrame(
        {
            "st": st,
            "year": year,
            "law": cohort,
            "post": post.astype(int),
            "div_rate": rate,
            "pop": rng.uniform(0.5, 20, states)[st - 1],
            "income": income,
            "region": st % 4,
        }
    )


def divorce_study(**changes: Any) -> dict[str, Any]:
    """Give a study of the panel by Sun and Abraham; ``changes`` replace or add tables."""
    base: dict[str, Any] = {
        "study": {"title": "divorce", "data": "given.csv", "unit": "st", "time": "year", "seed": 7},
        "outcome": {"rate": "div_rate"},
        "treatment": {"law": {"term": "post", "cohort": "law"}},
        "fixed_effects": {"two-way": "st + year", "trends": "st[year] + year"},
        "estimator": {"Sun-Abraham": "sunab"},
        "vcov": {"state": "~st"},
        "inference": {"draws": 0},
    }
    return {**base, **changes}

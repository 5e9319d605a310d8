"""Panels whose treatment has no effect, or a known one, for the simulation of size and power."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from _panels import BY_CITY, Panel, all_subsets, make_members, make_problem
from specdid.engine.problem import Effects, Members, Problem

PERIODS, CONTROLS = 10, 4
RHO, TOGETHER, EFFECT = 0.5, 0.7, 0.5


@dataclass(frozen=True, slots=True)
class Design:
    """A way to draw panels; ``treated`` 0 assigns by chance, strata says how permutation moves paths."""

    units: int
    staggered: bool
    selection: bool
    treated: int = 0
    strata: bool = True

    @property
    def words(self) -> tuple[str, str, str, str]:
        """Clusters, treated, adoption, errors."""
        errors = "selection on a trait" if self.selection else "homoskedastic"
        if self.selection and not self.strata:
            errors += ", permuted without strata"
        dates = "staggered" if self.staggered else "one date"
        return str(self.units), str(self.treated or "40%"), dates, errors


DESIGNS = (
    *(Design(g, s, h) for g in (100, 40) for s in (False, True) for h in (False, True)),
    Design(100, True, True, strata=False),
    Design(40, False, False, treated=5),
    Design(40, False, True, treated=5),
    Design(40, False, True, treated=5, strata=False),
    Design(40, False, False, treated=2),
)
HOLDING = 8
"""The first designs are to hold their size; of the others the table says what happens."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A panel as the engine's problem, each unit's path (G, T) and trait."""

    problem: Problem
    members: Members
    paths: np.ndarray
    trait: np.ndarray


def autoregressive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Draw stationary AR(1) series of variance 1 along the second axis."""
    out = rng.normal(size=shape)
    for t in range(1, shape[1]):
        out[:, t] = RHO * out[:, t - 1] + np.sqrt(1 - RHO**2) * out[:, t]
    return out


def draw_paths(rng: np.random.Generator, design: Design, trait: np.ndarray) -> np.ndarray:
    """Draw each unit's treatment path, (G, T)."""
    chance = np.where(trait == 1, 0.6, 0.2) if design.selection else np.full(design.units, 0.4)
    if design.treated:
        order = rng.choice(design.units, design.treated, replace=False, p=chance / chance.sum())
        treated = np.isin(np.arange(design.units), order)
    else:
        treated = rng.random(design.units) < chance
    first = rng.choice((3, 5, 7), design.units) if design.staggered else np.full(design.units, 5)
    return (treated[:, None] & (np.arange(PERIODS) >= first[:, None])).astype(np.float64)


def draw_panel(rng: np.random.Generator, design: Design) -> Drawn:
    """Draw a panel: outcomes without effect (2), with effect (2), the treatment, the controls."""
    g, t = design.units, PERIODS
    trait = (rng.random(g) < 0.5).astype(np.int64)
    paths = draw_paths(rng, design, trait)
    controls = autoregressive(rng, (g, t, CONTROLS)) + rng.normal(size=(g, 1, CONTROLS))
    errors = autoregressive(rng, (g, t, 3))
    errors = np.sqrt(TOGETHER) * errors[:, :, :1] + np.sqrt(1 - TOGETHER) * errors[:, :, 1:]
    if design.selection:
        errors *= np.where(trait == 1, 2.0, 1.0)[:, None, None] / np.sqrt(2.5)
    effects = rng.normal(size=(g, 1, 2)) + rng.normal(size=(1, t, 2))
    y = effects + 0.3 * controls[:, :, :2].sum(axis=2, keepdims=True) + errors
    cells = np.concatenate([y, y + EFFECT * paths[:, :, None], paths[:, :, None], controls], axis=2)
    values = np.asfortranarray(np.column_stack([cells.reshape(g * t, -1), np.ones(g * t)]))
    codes = np.asfortranarray(np.column_stack([np.repeat(np.arange(g), t), np.tile(np.arange(t), g)]))
    labels = ("a", "b", "a_effect", "b_effect", "d", *(f"x{k}" for k in range(CONTROLS)), "w")
    panel = Panel(values, codes, labels, 4, CONTROLS)
    problem = make_problem(panel, (Effects((0, 1)),), (BY_CITY,))
    return Drawn(problem, make_members(panel, 1, all_subsets(CONTROLS)), paths, trait)

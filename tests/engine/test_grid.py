"""Grids of two effects, and Laplacians with a null direction per component."""

from __future__ import annotations

import numpy as np
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid.engine.demean import places
from specdid.engine.listwise.grid import back_substitute, eliminate, make_grid


def test_places_number_equal_labels_in_order():
    assert places(np.array([2, 0, 2, 2, 0])).tolist() == [0, 0, 1, 2, 1]


def test_no_effects_are_one_level():
    grid = make_grid((), 4)
    assert grid.shape == (1, 1, 1, 4)
    assert grid.levels() == ()


def test_one_effect_pads_to_its_largest_level():
    grid = make_grid((np.array([7, 3, 7, 7]),), 4)
    assert grid.shape == (1, 2, 1, 3)
    assert grid.levels()[0][grid.place].tolist() == [1, 0, 1, 1]


def test_the_effect_with_fewer_levels_in_a_component_is_eliminated():
    city, year = np.repeat(np.arange(6), 2), np.tile(np.arange(2), 6)
    assert make_grid((city, year), 12).shape == (1, 6, 2, 1)
    assert make_grid((year, city), 12).shape == (1, 6, 2, 1)


def test_components_become_blocks():
    city, year = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    grid = make_grid((city, (city // 2) * 4 + year), 24)
    assert grid.shape == (3, 4, 2, 1)


def test_rows_of_one_cell_take_slots():
    grid = make_grid((np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])), 4)
    assert grid.n_slots == 2
    assert len(set(grid.place.tolist())) == 4


@settings(max_examples=examples(60))
@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.integers(1, 7), st.floats(0.1, 1.0))
def test_levels_on_the_grid_are_the_effects_again(seed: int, first: int, second: int, share: float):
    rng = np.random.default_rng(seed)
    n = max(1, int(share * first * second * 2))
    effects = (rng.integers(0, first, n), rng.integers(0, second, n))
    grid = make_grid(effects, n)
    assert len(np.unique(grid.place)) == n
    found = {frozenset(_partition(level[grid.place])) for level in grid.levels()}
    assert found == {frozenset(_partition(codes)) for codes in effects}


def _partition(codes: np.ndarray) -> list[frozenset[int]]:
    return [frozenset(np.flatnonzero(codes == c).tolist()) for c in np.unique(codes)]


@settings(max_examples=examples(60))
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.floats(0.05, 0.9))
def test_elimination_solves_laplacians_of_split_graphs(seed: int, size: int, density: float):
    rng = np.random.default_rng(seed)
    n_problems, k = 5, 3
    shape = (n_problems, size, size)
    weight = np.triu(np.where(rng.random(shape) < density, rng.uniform(0.5, 2, shape), 0), 1)
    weight = weight + weight.transpose(0, 2, 1)
    laplacian = np.stack([np.diag(w.sum(0)) - w for w in weight])
    right = laplacian @ rng.normal(size=(n_problems, size, k))
    system = np.concatenate([laplacian, right], axis=2).transpose(1, 2, 0).copy()
    inverse, doubtful = eliminate(system, np.stack([w.sum(0) for w in weight], axis=1))
    solved = back_substitute(system, inverse, system[:, size:])
    assert not doubtful.any()
    np.testing.assert_allclose(laplacian @ solved.transpose(2, 0, 1), right, atol=1e-12)
    n_components = [len(_components(w > 0)) for w in weight]
    assert (size - (inverse > 0).sum(0)).tolist() == n_components


def _components(linked: np.ndarray) -> list[set[int]]:
    found: list[set[int]] = []
    for node in range(len(linked)):
        touching = [c for c in found if any(linked[node, other] for other in c)]
        found = [c for c in found if c not in touching] + [{node}.union(*touching)]
    return found


def test_a_weak_link_is_doubtful():
    laplacian = np.array([[1 + 1e-8, -1e-8], [-1e-8, 1e-8]])
    laplacian[0, 0] = 1e-8
    _, doubtful = eliminate(laplacian[:, :, None].copy(), np.ones((2, 1)))
    assert doubtful.tolist() == [True]

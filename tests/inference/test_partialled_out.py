"""Many columns residualised by blocks, and squared scores by pairs and by clusters: the same numbers.

Carried effects: cross products from counts, and residuals from them.
"""

from __future__ import annotations

import numpy as np
import pytest
from specdid.engine.demean import Absorber, demean, relevel
from specdid.inference._crossed_effects import _counted, _swept, carried_levels, connect, cross_products, take_out
from specdid.inference._partialled_out import make_pairs, make_residuals, make_sums, permutation_draws

N, DRAWS, CLUSTERS = 240, 17, 20


def absorber(case: str, rng: np.random.Generator, weighted: bool) -> Absorber:
    unit = np.sort(rng.integers(0, CLUSTERS, N))
    unit[:CLUSTERS] = np.arange(CLUSTERS)
    unit.sort()
    time = rng.integers(0, 8, N)
    time[:8] = np.arange(8)
    region = unit // 5
    region_time = np.unique(region * 8 + time, return_inverse=True)[1]
    codes = {
        "none": [np.zeros(N, np.int64)],
        "unit": [unit],
        "unit, time": [unit, time],
        "unit, region by time": [unit, region_time],
        "unit, time, parity": [unit, time, np.arange(N) % 3],
    }[case]
    weights = rng.uniform(0.5, 2.0, N) if weighted else None
    return Absorber(tuple(codes), np.array([c.max() + 1 for c in codes]), (), np.zeros(0, np.int64), weights)


CASES = ["none", "unit", "unit, time", "unit, region by time", "unit, time, parity"]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_blocks_are_residuals_of_the_engines_demeaner(case: str, weighted: bool) -> None:
    rng = np.random.default_rng(5)
    effects = absorber(case, rng, weighted)
    panel = rng.normal(size=(2 * N, DRAWS))
    rows = np.sort(rng.choice(2 * N, N, replace=False))
    expected = np.asfortranarray(panel[rows])
    demean(expected, effects)
    if weighted:
        expected *= np.sqrt(effects.weights)[:, None]
    residuals = make_residuals(panel, rows, effects)
    found = np.concatenate([residuals.block(slice(a, a + 7)) for a in range(0, N, 7)])
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("controls", [(), (1,), (3, 1), (1, 2, 3)])
def test_scores_and_pairs_agree_and_are_least_squares(controls: tuple[int, ...]) -> None:
    rng = np.random.default_rng(6)
    effects = absorber("unit, time", rng, weighted=True)
    root = np.sqrt(effects.weights)[:, None]
    columns = np.asfortranarray(rng.normal(size=(N, 4)))
    demean(columns, effects)
    columns = np.ascontiguousarray(columns * root)
    treatments = rng.normal(size=(N, DRAWS))
    clusters = effects.codes[0] // 2
    sums = make_sums(columns, make_residuals(treatments, np.arange(N), effects), clusters, CLUSTERS // 2)
    at = np.array(controls, np.int64)
    by_scores = permutation_draws(sums, None, 0, at, 1.1)
    by_pairs = permutation_draws(sums, make_pairs(sums), 0, at, 1.1)
    for a, b in zip(by_scores, by_pairs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9)
    moved = np.asfortranarray(treatments)
    demean(moved, effects)
    for b in range(DRAWS):
        x = np.column_stack([moved[:, b : b + 1] * root, columns[:, at]])
        beta, *_ = np.linalg.lstsq(x, columns[:, 0], rcond=None)
        scores = np.zeros((CLUSTERS // 2, x.shape[1]))
        np.add.at(scores, clusters, x * (columns[:, 0] - x @ beta)[:, None])
        bread = np.linalg.inv(x.T @ x)
        error = np.sqrt((bread @ scores.T @ scores @ bread)[0, 0] * 1.1)
        found = [by_scores[j][b] for j in range(3)]
        np.testing.assert_allclose(found, [beta[0], beta[0] / error, error], rtol=1e-9)


def panel(seed, regions):
    """Rows of an unbalanced panel: city, year, and region × year codes; cities never change region."""
    rng = np.random.default_rng(seed)
    cities, years = 60, 9
    rows = np.sort(rng.choice(cities * years, 400, replace=False))
    city, year = rows // years, rows % years
    return rng, relevel(city), [relevel(year), relevel((city % regions) * years + year)]


def residuals(columns, effects):
    dummies = np.column_stack([np.eye(int(e.max()) + 1)[e] for e in effects])
    return columns - dummies @ np.linalg.lstsq(dummies, columns, rcond=None)[0]


@pytest.mark.parametrize("carried", [(0,), (1,), (0, 1)], ids=["year", "region×year", "both"])
@pytest.mark.parametrize("inner", [True, False], ids=["city", "no city"])
@pytest.mark.parametrize("regions", [2, 12])
def test_takes_out_what_a_regression_on_dummies_does(carried, inner, regions):
    rng, city, others = panel(regions, regions)
    effects = [others[k] for k in carried]
    nested = [city] if inner else []
    inside = [True] * len(nested) + [False] * len(effects)
    levels, total = carried_levels([*nested, *effects], inside, False, len(city))
    net = connect(city, int(city.max()) + 1, levels, total, cross_products(levels, nested, [], None))
    columns = np.asfortranarray(rng.standard_normal((len(city), 3)))
    wanted = residuals(columns, [*nested, *effects])
    assert len(net.levels_in) == (12 if regions == 12 and 1 in carried else 1)
    assert take_out(columns, net, nested)
    np.testing.assert_allclose(columns, wanted, atol=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_cross_products_from_counts_are_those_of_residualised_dummies(weighted):
    rng, city, (_, grouped) = panel(3, 12)
    weights = rng.uniform(0.1, 5, len(city)) if weighted else None
    component = city % 12
    place = np.empty(int(grouped.max()) + 1, np.int64)
    of_level = np.empty_like(place)
    of_level[grouped] = component
    for c in range(12):
        mine = np.flatnonzero(of_level == c)
        place[mine] = np.arange(len(mine))
    counted = _counted([grouped], [city], weights, component, place, 12)
    swept = _swept([grouped], [city], [], weights, component, place, 12)
    np.testing.assert_allclose(counted, swept, atol=1e-11)


def test_what_does_not_settle_is_said():
    _, city, (year, _) = panel(4, 12)
    levels, total = carried_levels([city, year], [True, False], False, len(city))
    net = connect(city, int(city.max()) + 1, levels, total, lambda *_: np.eye(total)[None])
    assert not take_out(np.asfortranarray(np.random.default_rng(1).standard_normal((len(city), 1))), net, [city])

"""Carried effects: cross products from counts, and residuals from them."""

import numpy as np
import pytest
from specdid.engine.demean import relevel
from specdid.inference._crossed_effects import _counted, _swept, carried_levels, connect, cross_products, take_out


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

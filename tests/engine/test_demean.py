"""Effects taken out of columns, by whichever way, against a regression on their dummies."""

import numpy as np
import pytest
from panels import levels
from specdid.engine import demean as module
from specdid.engine.demean import Absorber, demean, for_many_columns

RNG = np.random.default_rng(4)
KEPT = RNG.random(30 * 12) < 0.8
UNIT, TIME = (levels(a.ravel()[KEPT]) for a in np.meshgrid(np.arange(30), np.arange(12), indexing="ij"))
N = len(UNIT)
CELL, OTHER = levels(UNIT // 6 * 100 + TIME), levels(RNG.integers(0, 4, N))
TREND, X = TIME.astype(float), RNG.normal(size=N)
SETS = {
    "unit + time": ((UNIT, TIME), ()),
    "unit + cell": ((UNIT, CELL), ()),
    "three": ((UNIT, CELL, OTHER), ()),
    "unit[trend] + time": ((UNIT, TIME), ((UNIT, TREND),)),
    "unit + other[[x]]": ((UNIT,), ((OTHER, X),)),
    "slopes alone": ((), ((UNIT, TREND), (OTHER, X))),
}


def sizes(codes):
    return np.array([int(c.max()) + 1 for c in codes], np.int64)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("block", [module.BLOCK, N * 4, 1])
def test_many_columns(name, weighted, block, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", block)
    codes, slopes = SETS[name]
    weights = RNG.uniform(0.3, 4.0, N) if weighted else None
    absorber = Absorber(codes, sizes(codes), slopes, sizes([c for c, _ in slopes]), weights)
    columns = np.asfortranarray(RNG.normal(size=(N, 20)))
    dummies = [c[:, None] == np.arange(c.max() + 1) for c in codes]
    dummies += [(c[:, None] == np.arange(c.max() + 1)) * x[:, None] for c, x in slopes]
    root = np.ones((N, 1)) if weights is None else np.sqrt(weights)[:, None]
    design = np.hstack(dummies).astype(float)
    want = columns - design @ np.linalg.lstsq(design * root, columns * root, rcond=1e-11)[0]
    ahead = for_many_columns(absorber, 20)
    assert ahead.elimination is not None
    for way in (absorber, ahead):
        found = columns.copy(order="F")
        assert demean(found, way)
        np.testing.assert_allclose(found, want, atol=1e-12)


def test_few_columns_or_one_effect_are_not_worth_normal_equations():
    none = np.zeros(0, np.int64)
    assert for_many_columns(Absorber((UNIT, TIME), sizes((UNIT, TIME)), (), none, None), 4).elimination is None
    assert for_many_columns(Absorber((UNIT,), sizes((UNIT,)), (), none, None), 40).elimination is None

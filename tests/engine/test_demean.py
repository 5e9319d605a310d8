"""Effects taken out of columns, by whichever way, against a regression on their dummies.

Varying slopes are partialled out: the numbers of one column per level, written out.
"""

import numpy as np
import pytest
from panels import COLUMNS, levels, members_of, random_problem
from specdid._words import known
from specdid.engine import demean as module
from specdid.engine.demean import Absorber, demean, for_many_columns
from specdid.engine.execute import run
from specdid.engine.problem import Code, Effects, Problem, Vcov

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


@pytest.mark.parametrize("weighted", [False, True])
def test_trends_of_more_units_than_can_be_solved_for(weighted):
    """Each unit's line is taken out by itself; what is solved for beside it are the years."""
    n_units, years = module.LARGEST + 50, 5
    codes = tuple(levels(a.ravel()) for a in np.meshgrid(np.arange(n_units), np.arange(years), indexing="ij"))
    trend, n = codes[1].astype(float), n_units * years
    weights = RNG.uniform(0.3, 4.0, n) if weighted else None
    root = (np.ones(n) if weights is None else np.sqrt(weights))[:, None]
    line = root.reshape(n_units, years, 1) * np.column_stack([np.ones(years), np.arange(years)])
    basis = np.linalg.qr(line)[0]

    def detrended(x):
        own = (x * root).reshape(n_units, years, -1)
        return (own - basis @ (basis.transpose(0, 2, 1) @ own)).reshape(n, -1)

    columns = np.asfortranarray(RNG.normal(size=(n, 3)))
    left, dummies = detrended(columns), detrended(np.eye(years)[codes[1]])
    want = (left - dummies @ np.linalg.lstsq(dummies, left, rcond=1e-10)[0]) / root
    absorber = Absorber(codes, sizes(codes), ((codes[0], trend),), sizes((codes[0],)), weights)
    for way in (absorber, for_many_columns(absorber, 20)):
        found = columns.copy(order="F")
        assert demean(found, way)
        np.testing.assert_allclose(found, want, atol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
def test_more_units_than_can_be_solved_for_beside_slopes_of_others(weighted):
    """The units are then projected out and the groups' trends solved for."""
    n_units, years = module.LARGEST + 50, 5
    unit, year = (levels(a.ravel()) for a in np.meshgrid(np.arange(n_units), np.arange(years), indexing="ij"))
    group, n = unit % 7, n_units * years
    weights = RNG.uniform(0.3, 4.0, n) if weighted else np.ones(n)
    root = np.sqrt(weights)[:, None]

    def within(x):
        means = np.add.reduceat(x * root**2, np.arange(0, n, years)) / np.add.reduceat(root**2, np.arange(0, n, years))
        return (x - means[unit]) * root

    columns = np.asfortranarray(RNG.normal(size=(n, 3)))
    left = within(columns)
    design = within(np.column_stack([np.eye(years)[year], np.eye(7)[group] * year[:, None]]))
    want = (left - design @ np.linalg.lstsq(design, left, rcond=1e-10)[0]) / root
    slopes = ((group, year.astype(float)),)
    absorber = Absorber((unit, year), sizes((unit, year)), slopes, sizes((group,)), weights if weighted else None)
    for way in (absorber, for_many_columns(absorber, 20)):
        found = columns.copy(order="F")
        assert demean(found, way)
        np.testing.assert_allclose(found, want, atol=1e-11)


@pytest.mark.parametrize("weighted", [False, True])
def test_one_effect_is_the_means_of_its_levels(weighted):
    weights = RNG.uniform(0.3, 4.0, N) if weighted else None
    columns = RNG.normal(size=(N, 3))
    want = columns.copy()
    for level in range(30):
        here = np.flatnonzero(level == UNIT)
        want[here] -= np.average(columns[here], 0, None if weights is None else weights[here])
    found = np.asfortranarray(columns)
    assert demean(found, Absorber((UNIT,), sizes((UNIT,)), (), np.zeros(0, np.int64), weights))
    np.testing.assert_allclose(found, want, atol=1e-14)


def test_few_columns_or_one_effect_are_not_worth_normal_equations():
    none = np.zeros(0, np.int64)
    assert for_many_columns(Absorber((UNIT, TIME), sizes((UNIT, TIME)), (), none, None), 4).elimination is None
    assert for_many_columns(Absorber((UNIT,), sizes((UNIT,)), (), none, None), 40).elimination is None


TIME_TREND, X1, D, W = (COLUMNS.index(c) for c in ("time trend", "x1", "d", "w"))


def problem_with(effects: Effects) -> Problem:
    base = random_problem(11, 14, 6, 0.95, False)
    vcovs = (Vcov("iid"), Vcov("hetero"), Vcov("cluster", (2,)))
    return Problem(
        base.values, base.codes, base.rows, None, base.labels, base.effect_labels, (effects,), vcovs, 0, 0.05
    )


@pytest.mark.parametrize("weights", [-1, W])
@pytest.mark.parametrize(
    "effects",
    [
        Effects((0,), ((0, TIME_TREND),)),
        Effects((0, 1), ((0, TIME_TREND),)),
        Effects((0, 3), ((0, TIME_TREND), (0, COLUMNS.index("x2")))),
        Effects((1,), ((0, COLUMNS.index("x2")),)),
        Effects((), ((0, COLUMNS.index("x2")),)),
        Effects((0, 1), ((2, COLUMNS.index("x2")), (0, TIME_TREND))),
    ],
)
def test_slopes_equal_columns_written_out(effects, weights):
    problem = problem_with(effects)
    fits = run(problem, members_of([(0, D, [X1], 0, 0, weights)]))
    values, codes = problem.values, problem.codes
    keep = np.isfinite(values[:, 0])
    for c in effects.fixed:
        keep &= np.bincount(codes[keep, c], minlength=codes[:, c].max() + 1)[codes[:, c]] > 1
    dummies = [np.eye(c.max() + 1)[c] for c in (levels(codes[keep, k]) for k in effects.fixed)]
    slopes = [
        np.eye(c.max() + 1)[c] * values[keep, x, None] for k, x in effects.slopes for c in [levels(codes[keep, k])]
    ]
    root = np.ones(keep.sum()) if weights < 0 else np.sqrt(values[keep, weights])
    rest = np.hstack([values[keep][:, [X1]], *dummies, *slopes]) * root[:, None]
    d, y = values[keep, D] * root, values[keep, 0] * root
    d, y = (a - rest @ np.linalg.lstsq(rest, a, rcond=1e-11)[0] for a in (d, y))
    estimate = d @ y / (d @ d)
    assert fits.nobs[0] == keep.sum()
    np.testing.assert_allclose(fits.estimate[0], estimate, rtol=1e-9)
    residual = y - estimate * d
    size = [len(np.unique(codes[keep, k])) for k in effects.fixed]
    df_k = 2 + sum(size) - max(len(size) - 1, 0) + sum(len(np.unique(codes[keep, k])) for k, _ in effects.slopes)
    sigma2 = residual @ residual / (keep.sum() - df_k)
    np.testing.assert_allclose(fits.std_error[0, 0], np.sqrt(sigma2 / (d @ d)), rtol=1e-9)
    hetero = ((d * residual) ** 2).sum() / (d @ d) ** 2 * keep.sum() / (keep.sum() - df_k)
    np.testing.assert_allclose(fits.std_error[0, 1], np.sqrt(hetero), rtol=1e-8)


def test_a_slope_that_is_the_treatment_absorbs_it():
    problem = problem_with(Effects((0,), ((0, TIME_TREND),)))
    fits = run(problem, members_of([(0, TIME_TREND, [X1], 0, 0, -1)]))
    assert fits.code[0] == 4


def test_too_many_levels_beside_slopes_are_named(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 3)
    fits = run(problem_with(Effects((0, 1), ((0, TIME_TREND),))), members_of([(0, D, [X1], 0, 0, -1)]))
    assert Code(fits.code[0]) == Code.NOT_CONVERGED
    assert "absorb fewer levels" in fits.detail[0]
    assert known(fits.detail[0], "zh")


def test_components_both_ways(monkeypatch):
    """Short chains are followed along the rows, long ones and levels of no row by the library: the same numbers."""
    chain = np.arange(20)
    ways = set()
    for _ in range(400):
        n_first, n_others = (int(n) for n in RNG.integers(1, 12, 2))
        count = int(RNG.integers(1, 25))
        first, *others = (RNG.integers(0, n, count) for n in (n_first, n_others, n_others))
        cases = [(first, n_first, others[:1], n_others), (first, n_first, others, n_others)]
        cases.append((np.concatenate([chain[1:], chain]), 20, [np.concatenate([chain[:-1], chain])], 20))
        for case in cases:
            found = module.components(*case)
            ways.add(module._lowest_of_component(*case) is None)
            with monkeypatch.context() as patch:
                patch.setattr(module, "_lowest_of_component", lambda *_: None)
                for one, other in zip(found, module.components(*case), strict=True):
                    np.testing.assert_array_equal(one, other)
    assert ways == {True, False}

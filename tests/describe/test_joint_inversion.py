"""Simultaneous bands: t under an imposed effect against refits, ends against a grid of z."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from refits import DRAWS, TIGHT, clean, context, frame_of, model, panel, t_of
from small_studies import small_panel, small_study
from specdid._describe import curve_tests as j
from specdid._describe.curve_tests import adjust
from specdid._run.infer import band_words
from specdid._run.show import _nulls
from specdid.inference import wild
from specdid.inference._base import NullDraws
from specdid.inference._draw_tables import DrawTable

pytestmark = pytest.mark.usefixtures("undrawn")

B, S = 199, 6


def under(draws: NullDraws, effect: np.ndarray) -> np.ndarray:
    """Give t of every draw with these effects imposed, (S, B), from the numbers that were kept."""
    a, b, c = (np.asarray(table) for table in draws.imposed)
    x = -(effect / draws.std_error)[:, None]
    return (np.asarray(draws.null_statistic) + a * x) / np.sqrt(1 + b * x + c * x**2)


@pytest.mark.parametrize(("cluster", "units"), [("id", 24), ("group", 60), ("group", 24), ("year", 24)])
def test_t_with_an_effect_imposed(cluster, units):
    """Nested and crossed clusters; 6 groups and 7 years are few, so Webb's points; effects of either sign."""
    data = panel(units)
    ctx = context(cluster, data)
    drawn = wild.draw(ctx)
    signs = wild.cluster_signs(ctx.cluster, DRAWS, 11)
    frame = frame_of(data)
    frame["_g"] = ctx.cluster
    rng = np.random.default_rng(1)
    for k in rng.choice(len(drawn.index), 5, replace=False):
        effect = drawn.estimate[k] + rng.choice([-3.0, 0.0, 2.0]) * drawn.std_error[k]
        controls, effects, weights = model(ctx, int(drawn.index[k]))
        used = clean(frame, controls, effects)
        given = {"weights": weights} if weights else {}
        used["_less"] = used.y - effect * used.d
        null = pf.feols(f"_less ~ {controls.removeprefix(' + ') or '1'}{effects}", used, demeaner=TIGHT, **given)
        residual = used._less.to_numpy() - null.predict()
        got = under(drawn, np.full(len(drawn.index), effect))[k]
        for b in range(DRAWS):
            used["_y"] = null.predict() + residual * signs[:, b + 1][used["_g"]]
            _, t = t_of(f"d{controls}{effects}", used, weights, cluster, "_y")
            assert got[b] == pytest.approx(t, rel=1e-7, abs=1e-8)


def draws(seed: int, shift: float, treated: int = 8) -> NullDraws:
    """Give draws of S correlated regressions on a treatment that few of 30 clusters have, by their definition."""
    rng = np.random.default_rng(seed)
    g = 30
    d = np.where(np.arange(g) < treated, 1.0, 0.0) - treated / g
    y = shift * d[:, None] + 0.8 * rng.normal(size=(g, 1)) + 0.6 * rng.normal(size=(g, S))
    y -= y.mean(axis=0)
    v = np.where(rng.random((g, B)) < 0.5, -1.0, 1.0)
    dd = (d**2).sum()

    def parts(u):
        signed = d @ (v * u[:, None]) / dd
        e = v * u[:, None] - (v * u[:, None]).mean(axis=0) - d[:, None] * signed
        return signed, d[:, None] * e

    estimate = d @ y / dd
    real = np.sqrt(((d[:, None] * (y - d[:, None] * estimate)) ** 2).sum(axis=0)) / dd
    t, imposed = np.empty((S, B)), np.empty((3, S, B))
    for k in range(S):
        (n0, r0), (n1, r1) = parts(y[:, k]), parts(d * real[k])
        ss = (r0**2).sum(axis=0)
        error = np.sqrt(ss) / dd
        t[k], imposed[0, k] = n0 / error, n1 / error
        imposed[1, k], imposed[2, k] = 2 * (r0 * r1).sum(axis=0) / ss, (r1**2).sum(axis=0) / ss
    table = DrawTable.of(t)
    return NullDraws(
        "wild",
        np.arange(S),
        estimate,
        estimate / real,
        real,
        np.full(S, g - 1.0),
        table,
        table,
        imposed=tuple(DrawTable.of(part) for part in imposed),
    )


def ends_by_grid(d: NullDraws, alpha: float, grid: np.ndarray) -> list[float]:
    """Give the largest z of a grid at which the joint test does not reject, below and above."""
    ends = []
    for side in (1, -1):
        p = [
            (1 + (np.abs(under(d, d.estimate - side * z * d.std_error)).max(axis=0) >= z).sum()) / (B + 1) for z in grid
        ]
        ends.append(grid[np.flatnonzero(np.array(p) > alpha)[-1]])
    return ends


@pytest.mark.parametrize(
    ("seed", "shift", "treated", "alpha"),
    [(1, 0, 8, 0.05), (2, 3, 8, 0.05), (3, -3, 15, 0.1), (4, 3, 5, 0.05), (5, 1, 26, 0.01), (6, 5, 3, 0.05)],
)
def test_ends_are_those_of_a_grid(seed, shift, treated, alpha):
    d = draws(seed, shift, treated)
    band = j.joint_band(d, alpha)
    below, above = ends_by_grid(d, alpha, np.concatenate([np.arange(0.5, 30, 0.01), np.geomspace(30, 999, 2000)]))
    for end, of_grid in ((band.below, below), (band.above, above)):
        assert of_grid <= end * (1 + 1e-9)
        assert end == pytest.approx(of_grid, rel=0.002, abs=0.0101)


def test_a_band_moves_with_its_outcome():
    """Without the effect of an outcome nothing changes; a change of sign turns the band round."""
    d, more = draws(7, 0.0), draws(7, 4.0)
    first, second = j.joint_band(d, 0.05), j.joint_band(more, 0.05)
    assert (first.below, first.above) == pytest.approx((second.below, second.above), rel=1e-6)
    a, b, c = d.imposed
    turned = NullDraws(
        "wild",
        d.index,
        -d.estimate,
        -d.statistic,
        d.std_error,
        d.df,
        d.null_estimate,
        DrawTable.of(-np.asarray(d.null_statistic)),
        imposed=(a, DrawTable.of(-np.asarray(b)), c),
    )
    third = j.joint_band(turned, 0.05)
    assert (third.below, third.above) == pytest.approx((first.above, first.below), rel=1e-6)
    of_no_effect = adjust(d, 0.05).critical, adjust(more, 0.05).critical
    assert of_no_effect[0] != pytest.approx(of_no_effect[1], rel=0.05)  # by which a band would change with the effect


def test_a_band_is_not_had_where_the_draws_cannot_give_it():
    d = draws(8, 1.0)
    t, a, b, c = (DrawTable.of(np.asarray(table)[:, :18]) for table in (d.null_statistic, *d.imposed))
    few = NullDraws("wild", d.index, d.estimate, d.statistic, d.std_error, d.df, t, t, imposed=(a, b, c))
    got = adjust(few, 0.05)
    assert np.isnan([got.band.below, got.band.above, got.critical]).all()
    assert np.isnan(got.band_low).all()
    assert got.band.reason == "18 draws cannot reject at 0.05: it takes 19"
    assert got.p_adjusted.min() >= 1 / 19
    assert j.most_extreme(0.05, 19) == 1
    assert j.most_extreme(0.05, 999) == 50
    assert j.most_extreme(0.01, 98) == 0
    assert j.most_extreme(0.01, 99) == 1
    permuted = NullDraws("permutation", *[d.index] * 5, *[d.null_statistic] * 2)
    assert j.joint_band(permuted, 0.05).reason.startswith("only the wild bootstrap can impose an effect")


def test_what_is_never_rejected_is_unbounded():
    """A t that grows as fast as z, which the sums of a single treated cluster give, has no crossing."""
    d = draws(9, 1.0)
    one, none = np.ones((S, B)), np.zeros((S, B))
    sides = (none + d.statistic[:, None], none - d.statistic[:, None])
    for t0, missing in ((sides[0] + 0.5, "below"), (sides[0] - 0.5, "above")):
        endless = NullDraws(
            "wild",
            d.index,
            d.estimate,
            d.statistic,
            d.std_error,
            d.df,
            d.null_estimate,
            DrawTable.of(t0),
            imposed=tuple(DrawTable.of(part) for part in (one, none, none)),
        )
        band = j.joint_band(endless, 0.05)
        assert np.isnan(getattr(band, missing))
        assert band.reason.startswith(f"unbounded {missing}: ")
        adjusted = adjust(endless, 0.05)
        assert np.isnan(adjusted.band_low).all() == (missing == "below")
        assert np.isnan(adjusted.band_high).all() == (missing == "above")


def test_numbers_that_are_none_count_as_extreme():
    d = draws(10, 1.0)
    whole = j.joint_band(d, 0.05)
    assert j.amplitude(d).min() > 0
    parts = [np.asarray(part).copy() for part in d.imposed]
    parts[2][0, :5], parts[1][0, :5] = -1e9, 0.0
    broken = NullDraws(
        "wild",
        d.index,
        d.estimate,
        d.statistic,
        d.std_error,
        d.df,
        d.null_estimate,
        d.null_statistic,
        imposed=tuple(DrawTable.of(part) for part in parts),
    )
    wider = j.joint_band(broken, 0.05)
    assert wider.below > whole.below
    assert wider.above > whole.above


def test_files_say_the_band_and_leave_out_what_is_none(tmp_path):
    study = small_study(
        outcome={"y": "y"},
        vcov={"unit": "~id"},
        inference={"draws": 99, "null": ["wild", "permutation"], "assign": "cohort"},
        derive={"d": "(cohort > 0) & (year >= cohort)"},
    )
    curve = specdid.run(study, small_panel(3, 24), audit=0, out=tmp_path)
    rows = pl.read_csv(tmp_path / "inference_specifications.csv")
    mine = rows.filter(pl.col("null") == "wild")
    table = curve.table.loc[mine["index"].to_numpy() - 1]
    below = (table.estimate.to_numpy() - mine["band_low"].to_numpy()) / table.std_error.to_numpy()
    above = (mine["band_high"].to_numpy() - table.estimate.to_numpy()) / table.std_error.to_numpy()
    found = curve.tests[0].adjusted.band
    np.testing.assert_allclose(below, found.below, rtol=1e-9)
    np.testing.assert_allclose(above, found.above, rtol=1e-9)
    others = rows.filter(pl.col("null") == "permutation")
    assert len(others) == len(mine)
    assert others["band_low"].null_count() == others["band_high"].null_count() == len(others)
    said = curve.summary()
    reach = f"{found.below:.2f} standard errors below the estimates and {found.above:.2f} standard errors above"
    assert f"Simultaneous 95% band: {reach} the estimates" in said
    assert "(joint inversion, errors clustered by `id`)" in said
    assert "No simultaneous band: only the wild bootstrap can impose" in said
    *_, last = _nulls(tmp_path, int(others["index"][0]) - 1, 1.0)
    assert last.startswith("Permutation"), "of a null without a band nothing is said to hold zero"
    assert "band" not in last


def test_a_band_that_holds_what_the_p_rejects_says_how():
    """A stranger read an adjusted p of .01 beside a band from -8 to 10 as a contradiction."""
    p, low, high = np.array([0.01, 0.01, 0.2]), np.array([-8.0, 1.0, -3.0]), np.array([9.0, 4.0, 5.0])
    adjusted = j.Adjusted(p, p, low, high, 3.0, j.JointBand(45.5, 47.0))
    tests = j.CurveTests("wild", "wild", 99, np.arange(3), (), adjusted, {}, (), cluster="id")
    assert "It holds zero for 1 of those with such a p, which tests zero alone" in band_words(tests)
    narrow = replace(adjusted, band_low=np.array([0.5, 1.0, -3.0]))
    assert "holds zero" not in band_words(replace(tests, adjusted=narrow))
    assert "46 standard errors below the estimates, which is as good as no bound" in band_words(tests)
    near = replace(adjusted, band=j.JointBand(4.5, 4.7))
    assert "4.50 standard errors below the estimates and 4.70" in band_words(replace(tests, adjusted=near))

"""Small-sample corrections: counts of parameters, factors, t.

Every small-sample correction a vcov may name: against statsmodels with dummies, formulas by hand, and R fixest.
"""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from panels import EFFECTS, NAMES, REFERENCE, SAMPLES, members_of, reference_problem
from scipy import stats
from small_problems import problem_of
from specdid._records.fits import VcovCode
from specdid._study import RULES
from specdid.engine import execute, ssc
from specdid.engine.coefficient_table import fit_full
from specdid.engine.problem import Effects, Vcov
from statsmodels.regression.linear_model import WLS


def test_absorbed_parameters_count_one_constant_for_all_effects():
    assert ssc.absorbed_parameters([210]) == 210
    assert ssc.absorbed_parameters([210, 13]) == 222
    assert ssc.absorbed_parameters([210, 13], [True, False]) == 13
    assert ssc.absorbed_parameters([210, 13], [True, True]) == 1
    assert ssc.absorbed_parameters([1]) == ssc.absorbed_parameters([1], [False]) == 1
    assert ssc.absorbed_parameters([210, 13], None, 210) == 432


@pytest.mark.parametrize(("nobs", "df_k", "clusters"), [(2730, 19, 210), (97, 12, 7), (12, 12, 7), (40, 3, 1)])
def test_the_factor_of_one_clustered_regression_is_the_same_number(nobs, df_k, clusters):
    expected = ssc.variance_factor("cluster", nobs, df_k, clusters)
    np.testing.assert_array_equal(ssc.cluster_factor(nobs, df_k, clusters), expected)


def test_absorbed_parameters_of_many_samples():
    levels = np.array([[210, 200, 5], [13, 13, 2]])
    assert ssc.absorbed_parameters(levels, [True, False]).tolist() == [13, 13, 2]
    nested = np.array([[True, False, False], [False, False, True]])
    assert ssc.absorbed_parameters(levels, nested).tolist() == [13, 212, 5]


def test_nested_is_within_any_cluster():
    city = np.array([0, 0, 1, 1, 2, 2])
    province = np.array([0, 0, 0, 0, 1, 1])
    year = np.array([0, 1, 0, 1, 0, 1])
    assert ssc.is_nested(city, (province,))
    assert not ssc.is_nested(province, (city,))
    assert ssc.is_nested(year, (city, year))
    assert not ssc.is_nested(year, (city,))


def test_factors():
    assert ssc.variance_factor("iid", 100, 10) == pytest.approx(1 / 90)
    assert ssc.variance_factor("hetero", 100, 10) == pytest.approx(100 / 90)
    assert ssc.variance_factor("cluster", 100, 10, 5) == pytest.approx(99 / 90 * 5 / 4)
    assert np.isnan(ssc.variance_factor("iid", 10, 10))
    assert np.isnan(ssc.variance_factor("cluster", 10, 5, 1))
    assert ssc.t_df("cluster", 100, 10, 5) == 4
    assert ssc.t_df("hetero", 100, 10) == 90


@pytest.mark.parametrize("df", [1.0, 12.0, 209.0, np.inf])
def test_t_inference(df):
    t, p, low, high = ssc.t_inference(np.array([-0.3]), np.array([0.1]), np.array([df]), 0.1)
    reference = stats.norm() if np.isinf(df) else stats.t(df)
    assert t[0] == pytest.approx(-3.0)
    assert p[0] == pytest.approx(2 * reference.sf(3.0), rel=1e-12)
    assert (low[0], high[0]) == pytest.approx((-0.3 - 0.1 * reference.ppf(0.95), -0.3 + 0.1 * reference.ppf(0.95)))


def test_nothing_follows_from_nothing():
    found = ssc.t_inference(np.array([1.0]), np.array([np.nan]), np.array([np.nan]), 0.05)
    assert all(np.isnan(x[0]) for x in found)


Y, D, X, W, UNIT, YEAR, REGION, GROUP, STATE, Z, CONSTANT = range(11)
COLUMNS = ("y", "d", "x", "w", "unit", "year", "region", "group", "state", "z", "constant")
DESIGNS = (
    ("constant",), ("unit",), ("unit", "year"), ("unit", "region"), ("region", "year"), ("unit", "year", "region"),
    ("group", "region"),
)  # fmt: skip
CLUSTERS = ("state", "unit", "group", "year")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """An unbalanced panel: units change region, but two states share none, and years repeat in halves of the groups."""
    rng = np.random.default_rng(7)
    unit, year = (a.ravel() for a in np.meshgrid(np.arange(36), np.arange(8), indexing="ij"))
    kept = rng.random(len(unit)) < 0.85
    unit, year = unit[kept], year[kept]
    n, state, half = len(unit), unit // 4, unit // 18
    year = year + 10 * half  # nobody of one half is seen in a year of the other: two components
    region = 5 * half + (unit + (year % 10 > 4)) % 5
    group = rng.integers(0, 14, n)
    d = ((unit % 3 == 0) & (year % 10 >= 3 + unit % 2)).astype(float)
    x, z = rng.normal(size=n), rng.normal(size=n)
    y = 0.3 * d + x + rng.normal(size=36)[unit] + rng.normal(size=n) + rng.normal(size=9)[state] * (year % 10)
    columns = (y, d, x, rng.uniform(0.5, 2, n), unit, year, region, group, state, z, np.zeros(n))
    return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)))


def problem(frame, vcovs):
    found = problem_of(frame, (), "unit", list(DESIGNS))
    return replace(found, effects=(Effects(), *found.effects[1:]), vcovs=vcovs)


def dummies(frame, design, slopes=()):
    """Give columns of full rank that the effects and slopes span, one by one, without any formula for their number."""
    columns = [np.ones((len(frame), 1)), *(pd.get_dummies(frame[e]).to_numpy(float) for e in design)]
    columns += [pd.get_dummies(frame[e]).to_numpy(float) * frame[[x]].to_numpy() for e, x in slopes]
    kept = np.zeros((len(frame), 0))
    for column in np.hstack(columns).T:
        more = np.column_stack([kept, column])
        if np.linalg.matrix_rank(more) == more.shape[1]:
            kept = more
    return kept


def both_paths(problem, members):
    yield execute.run(problem, members)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "MANY_MASKS", 1)
        patch.setattr(execute, "PER_MASK", 10**6)
        yield execute.run(problem, members)


@pytest.mark.parametrize("weights", [-1, W])
@pytest.mark.parametrize("design", range(len(DESIGNS)))
@pytest.mark.parametrize("distribution", [None, "normal"])
def test_lsdv_and_none_are_statsmodels_with_dummies(frame, design, weights, distribution):
    columns = np.column_stack([frame.d, frame.x, dummies(frame, DESIGNS[design])])
    model = WLS(frame.y, columns, 1.0 if weights < 0 else frame.w)
    kinds = [("iid", None), ("hetero", None), *(("cluster", c) for c in CLUSTERS)]
    vcovs, theirs = [], []
    for rule in ("lsdv", "areg", "none"):
        for kind, cluster in kinds:
            codes = () if cluster is None else (COLUMNS.index(cluster),)
            vcovs.append(Vcov(kind, codes, rule, distribution))
            how = {"iid": "nonrobust", "hetero": "HC0" if rule == "none" else "HC1", "cluster": "cluster"}[kind]
            groups = None
            if cluster is not None:
                groups = {"groups": frame[cluster].to_numpy(int), "use_correction": rule != "none"}
            found = model.fit(cov_type=how, cov_kwds=groups, use_t=distribution is None)
            factor = 1.0 if (rule, kind) != ("none", "iid") else found.df_resid / found.nobs  # RSS / N
            error = found.bse.iloc[0] * np.sqrt(factor)
            # statsmodels takes N - K for t with clusters too; Stata, R and we G - 1
            df = frame[cluster].nunique() - 1 if cluster else found.df_resid
            if rule == "none" and not cluster:
                df = len(frame) - 2 - sum(frame[e].nunique() for e in DESIGNS[design]) + len(DESIGNS[design]) - 1
            theirs.append((error, stats.norm() if distribution else stats.t(df)))
    here = problem(frame, tuple(vcovs))
    members = members_of([(Y, D, (X,), 0, design, weights)])
    full = fit_full(here, members)
    for fits in both_paths(here, members):
        assert fits.estimate[0] == pytest.approx(model.fit().params.iloc[0], rel=1e-9)
        for v, (error, law) in enumerate(theirs):
            assert fits.std_error[0, v] == pytest.approx(error, rel=1e-9), vcovs[v]
            assert full.std_error[v, 0] == pytest.approx(error, rel=1e-9), vcovs[v]
            t = fits.estimate[0] / error
            assert fits.p_value[0, v] == pytest.approx(2 * law.sf(abs(t)), rel=1e-7), vcovs[v]
            assert fits.conf_high[0, v] == pytest.approx(fits.estimate[0] + law.ppf(0.975) * error, rel=1e-8)
            assert full.df[v] == fits.df[0, v]


def test_lsdv_is_a_regression_of_dummies_under_two_clusters(frame):
    """V1 + V2 - V12 without corrections is statsmodels'; the correction is the one of the smaller G."""
    from statsmodels.regression.linear_model import OLS

    columns = np.column_stack([frame.d, frame.x, dummies(frame, ("unit", "year"))])
    groups = frame[["state", "year"]].to_numpy(int)
    plain = OLS(frame.y, columns).fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False})
    k, n, g = columns.shape[1], len(frame), 9
    codes = (STATE, YEAR)
    here = problem(frame, tuple(Vcov("cluster", codes, rule) for rule in ("none", "lsdv", "glm")))
    fits = execute.run(here, members_of([(Y, D, (X,), 0, 2, -1)]))
    factors = (1.0, (n - 1) / (n - k) * g / (g - 1), g / (g - 1))
    np.testing.assert_allclose(fits.std_error[0], plain.bse.iloc[0] * np.sqrt(factors), rtol=1e-9)


def test_slopes_are_counted_as_columns(frame):
    """Two units' slopes are not there to be estimated: x is constant within them."""
    changed = frame.assign(z=frame.z.where(~frame.unit.isin([3, 5]), 1.0))
    slopes = Effects((UNIT, YEAR), ((UNIT, Z),))
    columns = np.column_stack([changed.d, changed.x, dummies(changed, ("unit", "year"), [("unit", "z")])])
    found = WLS(changed.y, columns).fit(cov_type="cluster", cov_kwds={"groups": changed.state.to_numpy(int)})
    vcovs = tuple(Vcov("cluster", (STATE,), rule) for rule in ("lsdv", "reghdfe", "fixest"))
    here = replace(problem(changed, vcovs), effects=(slopes,))
    fits = execute.run(here, members_of([(Y, D, (X,), 0, 0, -1)]))
    assert fits.std_error[0, 0] == pytest.approx(found.bse.iloc[0], rel=1e-9)
    # reghdfe: unit is nested in the state, its slopes are not looked at; 34 of 36 vary; one year is redundant
    n, k, years = len(frame), 2, frame.year.nunique()
    absorbed = 34 + years - 1
    core = fits.std_error[0, 0] / np.sqrt((n - 1) / (n - columns.shape[1]))
    assert fits.std_error[0, 1] == pytest.approx(core * np.sqrt((n - 1) / (n - k - absorbed - 1)), rel=1e-9)
    assert fits.std_error[0, 2] == pytest.approx(core * np.sqrt((n - 1) / (n - k - 36 - years)), rel=1e-9)


def test_reghdfe_counts_slopes_without_dummies_of_their_levels(frame):
    """A slope that is constant within a unit is then a column of its own, unless it is zero there."""
    changed = frame.assign(z=frame.z.where(~frame.unit.isin([3, 5, 7]), 1.0).where(frame.unit != 7, 0.0))
    vcovs = tuple(Vcov("cluster", (GROUP,), rule) for rule in ("reghdfe", "none"))
    here = replace(problem(changed, vcovs), effects=(Effects((YEAR,), ((UNIT, Z),)),))
    fits = execute.run(here, members_of([(Y, D, (X,), 0, 0, -1)]))
    n, g, slopes = len(frame), frame.group.nunique(), int((changed.z**2).groupby(changed.unit).sum().gt(0).sum())
    assert slopes == 35
    factor = (n - 1) / (n - 2 - frame.year.nunique() - slopes) * g / (g - 1)
    assert fits.std_error[0, 0] == pytest.approx(fits.std_error[0, 1] * np.sqrt(factor), rel=1e-10)


def test_reghdfe_counts_slopes_that_are_zero_in_some_of_their_rows():
    """Zero throughout is no column; values from zero up, or up to zero, are one."""
    unit, year = np.repeat(np.arange(3), 3), np.tile(np.arange(3), 3)
    x = np.array([0.0, 1, 2, -1, -1, 0, 0, 0, 0])
    found = ssc.correction("cluster", "reghdfe", (year,), ((unit, x),), (np.arange(9) % 4,))
    assert int(found.df_k(0)) == 3 + 2


def test_reghdfe_takes_off_what_disconnected_effects_repeat(frame):
    """Counts written out for a clustering in which nothing, and one in which the unit, is nested."""
    levels = {e: frame[e].nunique() for e in ("unit", "year", "region")}
    n = len(frame)
    absorbed = {  # (effects, cluster) -> e(df_a) of reghdfe 6.12, and whether the constant comes on top
        (2, GROUP): (levels["unit"] + levels["year"] - 2, 0),  # two components
        (2, STATE): (levels["year"] - 1, 1),
        (4, GROUP): (levels["region"] + levels["year"] - 2, 0),
        (5, GROUP): (levels["unit"] + levels["year"] - 2 + levels["region"] - 2, 0),
        (5, STATE): (levels["year"] - 1 + levels["region"] - 2, 1),
        (1, UNIT): (0, 1),
        (0, GROUP): (1, 0),
    }
    for (design, cluster), (df_a, constant) in absorbed.items():
        vcovs = tuple(Vcov("cluster", (cluster,), rule) for rule in ("reghdfe", "none"))
        here = problem(frame, vcovs)
        g = frame[COLUMNS[cluster]].nunique()
        factor = (n - 1) / (n - 2 - df_a - constant) * g / (g - 1)
        for fits in both_paths(here, members_of([(Y, D, (X,), 0, design, -1)])):
            assert fits.std_error[0, 0] == pytest.approx(fits.std_error[0, 1] * np.sqrt(factor), rel=1e-10)
            assert fits.df[0, 0] == min(g - 1, n - 2 - df_a)


@pytest.mark.parametrize("effects", [*permutations((UNIT, YEAR)), *permutations((UNIT, YEAR, REGION))])
def test_reghdfe_counts_alike_where_the_nested_effect_stands_later(frame, effects):
    """The nested effect has the constant, wherever it stands: a level of every other one is redundant."""
    left = frame.year.nunique() - 1 + (frame.region.nunique() - 2 if REGION in effects else 0)
    here = replace(
        problem(frame, tuple(Vcov("cluster", (STATE,), rule) for rule in ("reghdfe", "none"))),
        effects=(Effects(effects),),
    )
    n, g = len(frame), frame.state.nunique()
    fits = execute.run(here, members_of([(Y, D, (X,), 0, 0, -1)]))
    factor = (n - 1) / (n - 2 - left - 1) * g / (g - 1)
    assert fits.std_error[0, 0] == pytest.approx(fits.std_error[0, 1] * np.sqrt(factor), rel=1e-10)


def test_reghdfe_has_no_more_degrees_of_freedom_than_rows_leave(frame):
    few = frame[frame.unit < 12].reset_index(drop=True)
    few = few.assign(group=np.arange(len(few)) % (len(few) - 20))
    levels = few.unit.nunique() + few.year.nunique() - 1
    here = problem(few, (Vcov("cluster", (GROUP,), "reghdfe"), Vcov("cluster", (GROUP,))))
    fits = execute.run(here, members_of([(Y, D, (X,), 0, 2, -1)]))
    assert fits.df[0].tolist() == [len(few) - 2 - levels, len(few) - 21]


def test_reghdfe_gives_the_constant_back_where_an_effect_is_nested():
    """4 units of 3 rows, nested in the clusters: N − k − absorbed has nothing of them, df_k has the constant."""
    unit = np.repeat(np.arange(4), 3)
    nested = ssc.correction("cluster", "reghdfe", (unit,), (), (unit,))
    assert [int(nested.df_k(k)) for k in (1, 8)] == [2, 9]
    assert nested.t_df(12, np.array([1, 8, 9, 10]), 4).tolist() == [3, 3, 3, 2]
    apart = ssc.correction("cluster", "reghdfe", (unit,), (), (np.arange(12) % 4,))
    assert apart.t_df(12, np.array([1, 5, 6]), 4).tolist() == [3, 3, 2]


def test_glm_counts_nothing(frame):
    kinds = (("hetero", ()), ("cluster", (STATE,)), ("iid", ()))
    vcovs = tuple(Vcov(*v, rule) for v in kinds for rule in ("glm", "none", "fixest"))
    fits = execute.run(problem(frame, vcovs), members_of([(Y, D, (X,), 0, 2, -1)]))
    error, n, g = fits.std_error[0].reshape(3, 3), len(frame), 9
    assert error[0, 0] == pytest.approx(error[0, 1] * np.sqrt(n / (n - 1)), rel=1e-12)
    assert error[1, 0] == pytest.approx(error[1, 1] * np.sqrt(g / (g - 1)), rel=1e-12)
    assert error[2, 0] == error[2, 2]


def test_normal_is_the_normal_distribution_whatever_the_correction(frame):
    vcovs = tuple(Vcov("cluster", (STATE,), rule, law) for rule in RULES for law in (None, "t", "normal"))
    fits = execute.run(problem(frame, vcovs), members_of([(Y, D, (X,), 0, 2, -1)]))
    df = fits.df[0].reshape(len(RULES), 3)
    assert np.isinf(df[:, 2]).all()
    assert (df[:, :2] == 8).all()
    np.testing.assert_allclose(fits.p_value[0, 2::3], 2 * stats.norm.sf(np.abs(fits.statistic[0, 2::3])), rtol=1e-12)


def test_effects_too_many_to_count_have_no_error_and_say_so(frame, monkeypatch):
    monkeypatch.setattr(ssc, "MOST_LEVELS", 5)
    vcovs = (Vcov("cluster", (STATE,), "lsdv"), Vcov("iid", (), "lsdv"), Vcov("hetero", (), "areg"), Vcov("iid"))
    fits = execute.run(problem(frame, vcovs), members_of([(Y, D, (X,), 0, 5, -1)]))
    assert fits.vcov_code[0].tolist() == [*[VcovCode.UNCOUNTED] * 3, 0]
    assert np.isnan(fits.std_error[0, :3]).all()
    assert np.isfinite(fits.std_error[0, 3])


@pytest.mark.parametrize("path", ["listwise", "dense"])
def test_the_grid_of_fixest_under_every_rule(path):
    """R's 3,840 standard errors, turned into every other rule's by counts of levels and components alone."""
    kinds = {
        "iid": ("iid", ()),
        "hetero": ("hetero", ()),
        "city_id": ("cluster", (0,)),
        "province": ("cluster", (2,)),
        "city_id+year": ("cluster", (0, 1)),
    }
    base = reference_problem()
    vcovs = tuple(Vcov(*kinds[k], rule) for k in kinds for rule in RULES)
    here = replace(base, vcovs=vcovs)
    with gzip.open(REFERENCE / "fixest_ols.csv.gz", "rt", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["controls"] in ("", "pgdp+ln_open") and r["weights"] == "none"]
    specs = list(dict.fromkeys((r["outcome"], r["controls"], r["sample"], r["fe"]) for r in rows))
    members = members_of(
        [
            (
                NAMES.index(y),
                2,
                tuple(NAMES.index(c) for c in x.split("+") if c),
                SAMPLES.index(s),
                EFFECTS.index(f),
                -1,
            )
            for y, x, s, f in specs
        ]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(execute, "MANY_MASKS", 1 if path == "listwise" else 10**9)
        patch.setattr(execute, "PER_MASK", 10**6)
        fits = execute.run(here, members)
    assert len(rows) == 2 * 2 * 3 * 4 * 5
    laid = {}
    for row in rows:
        s = specs.index((row["outcome"], row["controls"], row["sample"], row["fe"]))
        got = fits.std_error[s].reshape(len(kinds), len(RULES))[list(kinds).index(row["vcov"])]
        if s not in laid:
            full = fit_full(replace(base, vcovs=()), members, s)
            codes = [base.codes[full.rows, c] for c in base.effects[members.effects[s]].fixed]
            laid[s] = full.rows, codes, rank_by_hand(codes, len(full.rows))
        used, codes, rank = laid[s]
        clusters = [base.codes[used, c] for c in kinds[row["vcov"]][1]]
        k = 1 + len(members.take(np.array([s])).controls)
        factors = by_hand(row["vcov"], len(used), k, codes, clusters, rank)
        want = [float(row["std_error"]) * np.sqrt(factors[rule] / factors["fixest"]) for rule in RULES]
        np.testing.assert_allclose(got, want, rtol=1e-8, err_msg=str(row))


def rank_by_hand(codes, n):
    columns = np.hstack([np.ones((n, 1)), *(pd.get_dummies(c).to_numpy(float) for c in codes)])
    return int((np.linalg.eigvalsh(columns.T @ columns) > 1e-8 * n).sum())


def by_hand(vcov, n, k, codes, clusters, rank):
    """Write each rule's factor out, with counts from pandas and a rank from dense eigenvalues."""
    frame = pd.DataFrame({f"f{j}": c for j, c in enumerate(codes)} | {f"c{j}": c for j, c in enumerate(clusters)})
    effects, names = [f"f{j}" for j in range(len(codes))], [f"c{j}" for j in range(len(clusters))]
    levels = [frame[f].nunique() for f in effects]
    nested = [any((frame.groupby(f)[c].nunique() == 1).all() for c in names) for f in effects]
    everything = sum(levels) - max(len(levels) - 1, 0) if effects else 1
    own = everything - sum(size - 1 for size, inside in zip(levels, nested, strict=True) if inside)
    counted = {"fixest": own, "areg": rank, "lsdv": rank, "reghdfe": own if any(nested) else rank}
    g = min((frame[c].nunique() for c in names), default=0)
    if vcov in ("iid", "hetero"):
        found = {rule: 1 / (n - k - count) for rule, count in counted.items()}
        if vcov == "iid":
            return found | {"glm": 1 / (n - k - everything), "none": 1 / n}
        return found | {"glm": 1 / (n - 1), "none": 1 / n}
    found = {rule: (n - 1) / (n - k - count) * g / (g - 1) for rule, count in counted.items()}
    return found | {"glm": g / (g - 1), "none": 1.0}

"""sunab, did2s and lpdid on the minimum-wage panel: published values, formulas by hand, pyfixest."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from small_problems import task_of, work_of
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._plan.estimands import Treated
from specdid._records import Status
from specdid._words import known
from specdid.engine.one_by_one import fit_one_by_one
from specdid.estimators._base import VCOV_NOTES
from specdid.estimators.sunab import ESTIMATOR as SUNAB

PUBLISHED = -0.03995
"""Callaway and Sant'Anna's simple ATT, never-treated controls (R did, and shared/field/README.md)."""


@pytest.fixture(scope="module")
def mpdta() -> pd.DataFrame:
    frame = pd.read_csv(Path(__file__).parents[2] / "specs" / "data" / "mpdta.csv")
    frame = frame[["countyreal", "year", "first_treat", "lpop", "lemp"]].astype(float)
    frame["cohort"] = frame.first_treat.where(frame.first_treat > 0)
    frame["post"] = (frame.year >= frame.cohort).astype(float)
    frame["state"] = frame.countyreal // 1000
    rng = np.random.default_rng(3)
    return frame.assign(x=rng.normal(size=len(frame)), w=rng.uniform(0.5, 2, len(frame)))


def fit(
    frame,
    name,
    *,
    controls=(),
    weights=None,
    vcovs=("countyreal",),
    effects=("countyreal", "year"),
    **options,
):
    task = task_of(
        frame,
        ("lemp", "post", controls, effects, weights, name),
        vcovs=vcovs,
        unit="countyreal",
        cohort="cohort",
        options={name: options},
    )
    return _plugins.load("estimators", name).fit(task)


def cell_means(frame):
    return frame.pivot_table(index="first_treat", columns="year", values="lemp", aggfunc="mean")


def test_sunab_is_the_published_simple_att(mpdta):
    """On a balanced panel without controls a cell's coefficient is a difference of differences of means."""
    means, size = cell_means(mpdta), mpdta.groupby("first_treat").size() / 5
    change = means.sub(means.loc[0.0])
    cells = [
        (size[g], change.loc[g, t] - change.loc[g, g - 1])
        for g in (2004.0, 2006.0, 2007.0)
        for t in means.columns
        if t >= g
    ]
    weights, effects = np.array(cells).T
    by_hand = weights @ effects / weights.sum()
    result = fit(mpdta, "sunab")
    assert result.estimate == pytest.approx(by_hand, rel=1e-10)
    assert result.estimate == pytest.approx(PUBLISHED, abs=5e-6)


def test_did2s_differs_because_it_uses_every_untreated_row(mpdta):
    """Imputation compares with all untreated rows: least squares without leads, not the published ATT."""
    imputed, saturated = fit(mpdta, "did2s"), fit(mpdta, "sunab", control="notyet")
    assert imputed.estimate == pytest.approx(saturated.estimate, rel=1e-9)
    words, title = SUNAB.words, SUNAB.title_with
    assert words is not None
    assert "extended two-way fixed effects" in words(Treated("d"), {"control": "notyet"})
    assert "cohort shares" in words(Treated("d"), {})
    assert (title({"control": "notyet"}), title({})) == ("extended two-way fixed effects", "Sun–Abraham")
    assert imputed.estimate == pytest.approx(two_stage_by_hand(mpdta, (), None, "countyreal")[0], rel=1e-9)
    assert abs(imputed.estimate - PUBLISHED) > 0.007
    assert imputed.nobs == 2500  # R keeps the 2004 cohort, which has one untreated row a unit; pyfixest fails


def two_stage_by_hand(frame, controls, weights, cluster):
    """Compute did2s's formulas (Gardner 2021; R did2s) with dense dummies and a pseudo-inverse."""
    y, d = frame.lemp.to_numpy(), frame.post.to_numpy()
    root = np.sqrt(np.ones(len(y)) if weights is None else frame[weights].to_numpy())
    dummies = [pd.get_dummies(frame[c]).to_numpy(float) for c in ("countyreal", "year")]
    first = np.column_stack([*dummies, frame[list(controls)].to_numpy()])
    untreated = first * ((1 - d) * root)[:, None]
    inverse = np.linalg.pinv(untreated.T @ untreated)
    left = y - first @ (inverse @ (untreated.T @ (root * (1 - d) * y)))
    second = (d * root)[:, None]
    beta = np.sum(second[:, 0] * root * left) / np.sum(second**2)
    moved = (second.T @ (first * root[:, None])) @ inverse
    influence = second[:, 0] * root * (left - beta * d) - (untreated * (root * left)[:, None]) @ moved[0]
    sums = np.bincount(pd.factorize(frame[cluster])[0], weights=influence)
    return beta, np.sqrt(sums @ sums) / np.sum(second**2)


@pytest.mark.parametrize("controls", [(), ("x",)])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("cluster", ["countyreal", "state"])
def test_did2s_formulas(mpdta, controls, weights, cluster):
    result = fit(mpdta, "did2s", controls=controls, weights=weights, vcovs=(cluster,))
    beta, error = two_stage_by_hand(mpdta, controls, weights, cluster)
    assert result.estimate == pytest.approx(beta, rel=1e-9)
    assert result.std_error[0] == pytest.approx(error, rel=1e-8)
    assert result.df == (mpdta[cluster].nunique() - 1,)


def test_did2s_against_pyfixest_where_it_works(mpdta):
    """Without the 2004 cohort, whose single untreated rows stop it. Its first stage stops at 1e-6."""
    import pyfixest as pf

    some = mpdta[mpdta.first_treat != 2004].reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pf.did2s(some, "lemp", "~x|countyreal+year", "~i(post)", "post", "state", weights="w").tidy()
    ours = fit(some, "did2s", controls=("x",), weights="w", vcovs=("state",))
    assert ours.estimate == pytest.approx(theirs["Estimate"].iloc[0], abs=1e-5)
    assert ours.std_error[0] == pytest.approx(theirs["Std. Error"].iloc[0], rel=1e-4)


def test_did2s_drops_the_always_treated_and_says_so(mpdta):
    late = mpdta[mpdta.year >= 2004].reset_index(drop=True)
    result = fit(late, "did2s")
    always = (late.first_treat == 2004).to_numpy()
    assert result.nobs == (~always).sum()
    assert (result.keep == ~always).all()
    assert result.estimate == pytest.approx(fit(late[~always].reset_index(drop=True), "did2s").estimate, rel=1e-10)


def test_did2s_cannot_impute_what_nobody_untreated_shares(mpdta):
    only = mpdta[mpdta.first_treat == 2007].reset_index(drop=True)
    failure = fit(only, "did2s")
    assert (failure.code, failure.message) == (
        "absorbed",
        "each treated row has a fixed effect that no untreated row shares",
    )


def test_did2s_notices_a_control_that_only_treated_rows_identify(mpdta):
    frame = mpdta.assign(x=mpdta.post * mpdta.lpop)
    assert fit(frame, "did2s", controls=("x",)).code == "not_identified"


@pytest.mark.parametrize("window", [0, 1, 3])
@pytest.mark.parametrize("vcov", ["countyreal", "hetero", "iid"])
def test_lpdid_is_pyfixests_on_a_panel_without_gaps(mpdta, window, vcov):
    import pyfixest as pf

    kind = vcov if vcov in ("hetero", "iid") else {"CRV1": vcov}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = pf.lpdid(
            mpdta.copy(),
            "lemp",
            "countyreal",
            "year",
            "first_treat",
            vcov=kind,
            pre_window=-4,
            post_window=window,
            att=True,
        ).tidy()
    ours = fit(mpdta, "lpdid", vcovs=(vcov,), post_window=window)
    assert ours.estimate == pytest.approx(theirs["Estimate"].iloc[0], rel=1e-8)
    assert ours.std_error[0] == pytest.approx(theirs["Std. Error"].iloc[0], rel=1e-8)
    assert ours.nobs == theirs["N"].iloc[0]


def test_lpdid_by_hand(mpdta):
    """At window 0: first differences of units entering less those of units not yet treated, year by year."""
    rows = []
    for t in (2004.0, 2006.0, 2007.0):
        wide = mpdta[mpdta.year.isin([t - 1, t])].pivot_table(
            index=["countyreal", "first_treat"], columns="year", values="lemp"
        )
        change = (wide[t] - wide[t - 1]).reset_index()
        entering = change.first_treat == t
        clean = (change.first_treat == 0) | (change.first_treat > t)
        share = 1 / (1 / entering.sum() + 1 / clean.sum())
        rows.append((share, change[0][entering].mean() - change[0][clean].mean()))
    share, effect = np.array(rows).T
    assert fit(mpdta, "lpdid", post_window=0).estimate == pytest.approx(share @ effect / share.sum(), rel=1e-9)


def test_lpdid_takes_lags_on_the_calendar(mpdta):
    """A unit without the year before treatment has no change at treatment; a row shift would invent one."""
    gap = mpdta[~((mpdta.first_treat == 2006) & (mpdta.year == 2005))].reset_index(drop=True)
    result = fit(gap, "lpdid", post_window=0)
    used = gap[result.keep]
    assert not ((used.first_treat == 2006) & (used.year == 2006)).any()
    assert ((used.first_treat == 2007) & (used.year == 2007)).any()


def test_lpdid_controls(mpdta):
    never, notyet = (fit(mpdta, "lpdid", post_window=0, control=c) for c in ("never", "notyet"))
    kept = mpdta[never.keep]
    assert set(kept.first_treat[kept.post == 0]) == {0.0}
    assert never.nobs < notyet.nobs


def test_lpdid_says_what_window_is_too_long(mpdta):
    message = fit(mpdta, "lpdid", post_window=4).message
    assert message == (
        "no unit is seen from the period before its treatment to 4 periods after; "
        "set post_window to a smaller number (0 is the longest that leaves out no cohort)"
    )


def test_sunab_without_never_treated(mpdta):
    treated = mpdta[mpdta.first_treat > 0].reset_index(drop=True)
    failure = fit(treated, "sunab")
    assert failure.code == "not_identified"
    assert 'control = "notyet"' in failure.message
    result = fit(treated, "sunab", control="notyet")
    assert treated.year[result.keep].max() == 2006
    # The 2007 cohort, untreated until then, is the comparison for 2004 and 2006.
    by_did2s = fit(treated[treated.year < 2007].reset_index(drop=True), "did2s")
    assert result.estimate == pytest.approx(by_did2s.estimate, rel=1e-9)


def test_sunab_leaves_out_the_always_treated(mpdta):
    late = mpdta[mpdta.year >= 2004].reset_index(drop=True)
    result = fit(late, "sunab")
    assert result.nobs == (late.first_treat != 2004).sum()


def test_sunab_reference_periods(mpdta):
    one, two = fit(mpdta, "sunab", reference=-1), fit(mpdta, "sunab", reference=[-2, -1])
    assert one.estimate != two.estimate


def test_options_do_not_reach_other_fields(mpdta):
    task = task_of(
        mpdta,
        ("lemp", "post", (), ("countyreal", "year"), None, "did2s"),
        vcovs=("countyreal",),
        unit="countyreal",
        cohort="cohort",
    )
    did2s = _plugins.load("estimators", "did2s")
    assert did2s.fit(task).estimate == did2s.fit(replace(task, alpha=0.1)).estimate


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lpdid", {}),
        ("stackedev", {"post_window": 0}),
        ("csdid", {"anticipation": 1, "control": "notyet"}),
        ("did_multiplegt_dyn", {"effects": 2}),
    ],
)
def test_where_all_periods_are_two_apart_the_step_is_asked_for(mpdta, name, options):
    """Or a period would be two years here, and one beside the estimators that count the calendar."""
    declared, spec = _plugins.load("estimators", name), ("lemp", "post", (), ("countyreal", "year"), None, name)
    asked = {"vcovs": ("countyreal",), "unit": "countyreal", "cohort": "cohort", "options": {name: options}}
    task = task_of(mpdta.assign(year=2 * mpdta.year, cohort=2 * mpdta.cohort), spec, **asked)
    path = declared.effects_by_period(task, task.time - task.cohort, (-1, 0), -1)
    of_path = (declared.refuses_path or declared.refuses)(task)
    for one in (declared.fit(task), declared.refuses(task), path, of_path):
        assert one.code == "not_identified"
        assert one.message.startswith("periods of these rows are 2 apart")
        assert one.message.endswith('write step = "2" in [study]')
        assert known(one.message, "zh")
    assert np.isfinite(declared.fit(task_of(mpdta, spec, **asked)).estimate)


@pytest.mark.usefixtures("undrawn")
def test_rows_between_the_others_periods_are_named_and_without_them_the_step_can_be_written():
    """One unit is seen yearly, the others every second year: `step = "2"`, which was advised, was refused."""
    panel = small_panel(1, periods=11)
    mixed = panel.filter((pl.col("id") == 3) | (pl.col("year") % 2 == 1))
    methods = ("sunab", "lpdid", "stackedev", "did_multiplegt_dyn")
    plain = {"outcome": {"y": "y"}, "controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}}
    plain |= {"vcov": {"unit": "~id"}, "estimator": {m: {"method": m} for m in methods}}
    found = specdid.run(small_study(**plain), mixed, audit=0).results
    said = {method: found.message.at(k) or "" for k, method in enumerate(methods)}
    rows = "5 rows of unit 3, in 2002, 2004, 2006 and 2 more"
    for method in ("sunab", "lpdid", "stackedev"):
        assert f"only rows not used here {'stand between' if method == 'sunab' else 'have'} ({rows})" in said[method]
        assert said[method].endswith("; where other samples use them, do so in a study of this sample alone")
    assert f"units have rows every 2 periods but for {rows}: leave these out" in said["did_multiplegt_dyn"]
    for message in said.values():
        assert 'leave these out of the data and write step = "2" in [study]' in message
        assert known(message, "zh")
    without = mixed.filter(pl.col("year") % 2 == 1)
    later = "ifelse(cohort > 0 & cohort <= 2011, 2001 + 2 * ceiling((cohort - 2001) / 2), cohort)"
    study = small_study(**plain, treatment={"d": {"term": "d", "cohort": later}})
    study["study"]["step"] = "2"
    assert (specdid.run(study, without, audit=0).results.status == Status.OK).all()


@pytest.mark.parametrize("method", ["did2s", "fepois"])
def test_a_variance_that_is_rounding_is_no_standard_error(method):
    """All treated units are in one region, whose effects by year take out the sum of its scores."""
    rng = np.random.default_rng(4)
    unit, year = np.repeat(np.arange(24), 6), np.tile(np.arange(6), 24)
    frame = pd.DataFrame(
        {
            "city_id": unit,
            "year": year,
            "region": unit % 3,
            "cell": (unit % 3) * 10 + year,
            "d": ((unit % 3 == 0) & (unit % 2 == 0) & (year >= 3)).astype(float),
            "y": rng.poisson(5, len(unit)).astype(float),
        }
    )
    work = work_of(frame, [("y", "d", (), ("city_id", "cell"), None, method)], vcovs=("region", "city_id"))
    fits = next(fit_one_by_one(work))
    assert fits.code[0] == 0
    assert np.isnan(fits.std_error[0]).tolist() == [True, False]
    assert VCOV_NOTES[fits.vcov_code[0, 0]] == "not_positive"

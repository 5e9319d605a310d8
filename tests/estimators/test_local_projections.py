"""LP-DiD: window, cohorts, counts, controls, weights and equal weights, against hand-made regressions."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from small_problems import task_of
from small_studies import small_panel, small_study
from specdid import _plugins

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")

LPDID = _plugins.load("estimators", "lpdid")


@pytest.fixture(scope="module")
def mpdta() -> pd.DataFrame:
    frame = pd.read_csv(Path(__file__).parents[2] / "specs" / "data" / "mpdta.csv")
    frame = frame[["countyreal", "year", "first_treat", "lpop", "lemp"]].astype(float)
    frame["cohort"] = frame.first_treat.where(frame.first_treat > 0)
    frame["post"] = (frame.year >= frame.cohort).astype(float)
    frame["state"] = frame.countyreal // 1000
    rng = np.random.default_rng(3)
    return frame.assign(x=rng.normal(size=len(frame)) + frame.lemp / 5, w=rng.uniform(0.5, 2, len(frame)))


def fit(frame, controls=(), weights=None, vcovs=("countyreal",), **options):
    spec = ("lemp", "post", controls, ("countyreal", "year"), weights, "lpdid")
    task = task_of(frame, spec, vcovs=vcovs, unit="countyreal", cohort="cohort", options={"lpdid": options})
    return LPDID.estimate(task)


LAID: dict[tuple[int, int], tuple[pd.DataFrame, pd.DataFrame]] = {}


def laid(frame, window):
    """The long differences, entering and clean, by pandas alone: once for a frame and window, which takes a second."""
    kept, rows = LAID.get((id(frame), window), (None, None))
    if kept is not frame:  # it is kept, so that no other frame has its id
        rows = lay(frame, window)
        LAID[id(frame), window] = frame, rows
    return rows.copy()


def lay(frame, window):
    wide = frame.pivot_table(index="countyreal", columns="year", values="lemp")
    rows = []
    for row in frame.itertuples():
        years = [row.year + h for h in range(-1, window + 1)]
        if not set(years) <= set(wide.columns):
            continue
        y = wide.loc[row.countyreal, years]
        never, late = row.first_treat == 0, row.first_treat > row.year + window
        if row.first_treat == row.year or never or late:
            rows.append(
                (
                    row.countyreal,
                    row.year,
                    y.iloc[1:].mean() - y.iloc[0],
                    float(row.first_treat == row.year),
                    row.lpop,
                    row.x,
                    row.w,
                    row.state,
                    row.first_treat,
                )
            )
    names = ["county", "year", "change", "enters", "lpop", "x", "w", "state", "first_treat"]
    return pd.DataFrame(rows, columns=names)


def feols(formula, frame, cluster, weights=None):
    import pyfixest as pf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pf.feols(
            formula, frame, vcov={"CRV1": cluster}, weights=weights, demeaner=pf.MapDemeaner(fixef_tol=1e-12)
        )
    return model.coef()["enters"], model.se()["enters"], model._N


@pytest.mark.parametrize("window", [0, 1])
def test_rows_of_periods_without_entrants_are_counted(mpdta, window):
    """mpdta has no cohort of 2005: those rows are compared with nobody, and count in N without ``reweight``."""
    rows = laid(mpdta, window)
    entered = rows.year[rows.enters == 1].unique()
    idle = int((~rows.year.isin(entered)).sum())
    assert idle > 300
    plain, alike = fit(mpdta, post_window=window), fit(mpdta, post_window=window, reweight=True)
    assert (plain.nobs, alike.nobs) == (len(rows), len(rows) - idle)


@pytest.mark.parametrize("window", [0, 1])
def test_reweighting_with_controls_keeps_rows_of_periods_without_entrants(mpdta, window):
    """The controls' coefficients are fitted on all clean controls: the rows count in N, and move the estimate."""
    rows = laid(mpdta, window)
    idle = ~rows.year.isin(rows.year[rows.enters == 1].unique())
    found = fit(mpdta, ("x",), post_window=window, reweight=True)
    assert found.nobs == len(rows)
    # By hand: γ from the clean rows of all periods, and from those of periods with entrants alone.
    by_hand = []
    for part in (rows, rows[~idle]):
        clean = part[part.enters == 0]
        net = clean[["x", "change"]] - clean.groupby("year")[["x", "change"]].transform("mean")
        gamma = (net.x @ net.change) / (net.x @ net.x)
        means = clean.groupby("year")[["x", "change"]].mean()
        own = part[part.enters == 1].merge(means, left_on="year", right_index=True, suffixes=("", "_clean"))
        by_hand.append((own.change - own.change_clean - gamma * (own.x - own.x_clean)).mean())
    assert found.estimate == pytest.approx(by_hand[0], rel=1e-9)
    assert abs(by_hand[1] - by_hand[0]) > 1e-6


def test_the_default_window_leaves_out_no_cohort(mpdta):
    """Until 2026 it was the longest horizon of any cohort: -.0797, of 20 of the 191 treated counties."""
    found, before = fit(mpdta), fit(mpdta, post_window=3)
    assert found.extra == {"post_window": 0.0, "n_cohorts": 3.0, "n_cohorts_left_out": 0.0, "n_treated_left_out": 0.0}
    assert found.estimate == fit(mpdta, post_window=0).estimate
    assert found.in_force["post_window"] == 0
    assert found.units == (500, 191, 309, 0)
    assert before.estimate == pytest.approx(-0.0797, abs=5e-5)
    assert before.extra == {
        "post_window": 3.0,
        "n_cohorts": 1.0,
        "n_cohorts_left_out": 2.0,
        "n_treated_left_out": 171.0,
    }
    assert before.units == (329, 20, 309, 0)


def test_a_cohort_that_nothing_can_be_compared_with_does_not_shorten_the_window(mpdta):
    """Without never-treated counties the last cohort has no control at all; the window is that of the others."""
    treated = mpdta[mpdta.first_treat > 0].reset_index(drop=True)
    found = fit(treated)
    assert found.extra == {"post_window": 0.0, "n_cohorts": 2.0, "n_cohorts_left_out": 1.0, "n_treated_left_out": 131.0}
    alone = treated[treated.first_treat != 2006].reset_index(drop=True)
    alone = fit(alone).extra
    assert (alone["post_window"], alone["n_cohorts"], alone["n_cohorts_left_out"]) == (2.0, 1.0, 1.0)
    assert alone["n_treated_left_out"] == 131.0


@pytest.mark.parametrize("controls", [(), ("lpop",), ("lpop", "x")])
@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("window", [0, 1])
def test_least_squares_with_controls_and_weights(mpdta, controls, weights, window):
    rows = laid(mpdta, window)
    right = " + ".join(("enters", *controls))
    for vcov, cluster in (("countyreal", "county"), ("state", "state")):
        estimate, error, nobs = feols(f"change ~ {right} | year", rows, cluster, weights)
        found = fit(mpdta, controls, weights, (vcov,), post_window=window)
        assert found.estimate == pytest.approx(estimate, rel=1e-9)
        assert found.std_error[0] == pytest.approx(error, rel=1e-8)
        assert found.nobs == nobs


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("window", [0, 1])
def test_equal_weights_undo_the_variance_weights(mpdta, weights, window):
    """Weights as in the authors' own scripts: one over the share of the entering units' residual of entering."""
    rows = laid(mpdta, window)
    own = rows.w if weights else pd.Series(1.0, rows.index)
    into, all_of = ((v * own).groupby(rows.year).transform("sum") for v in (rows.enters, 1.0))
    share = rows.enters - into / all_of
    weight = share.where(rows.enters == 1).groupby(rows.year).transform("max")
    rows = rows.assign(rw=own / (weight / (share * own)[rows.enters == 1].sum())).dropna(subset=["rw"])
    estimate, error, nobs = feols("change ~ enters | year", rows, "county", "rw")
    found = fit(mpdta, (), weights, reweight=True, post_window=window)
    assert found.estimate == pytest.approx(estimate, rel=1e-9)
    assert found.std_error[0] == pytest.approx(error, rel=1e-8)
    assert found.nobs == nobs
    effects = []
    for _, part in rows.groupby("year"):  # by hand: cohorts' differences, by the (weighted) number that enter
        own = part.w if weights else pd.Series(1.0, part.index)
        into, out = part.enters == 1, part.enters == 0
        mean = [np.average(part.change[r], weights=own[r]) for r in (into, out)]
        effects.append((own[into].sum(), mean[0] - mean[1]))
    size, effect = np.array(effects).T
    assert found.estimate == pytest.approx(size @ effect / size.sum(), rel=1e-9)


@pytest.mark.parametrize("weights", [None, "w"])
def test_equal_weights_with_controls_are_a_regression_adjustment(mpdta, weights):
    """Imputed with dense dummies from the clean controls; errors of both steps as one problem, by hand."""
    rows = laid(mpdta, 1)
    own = (rows.w if weights else pd.Series(1.0, rows.index)).to_numpy()
    X = np.column_stack([pd.get_dummies(rows.year).to_numpy(float), rows[["lpop", "x"]]])
    into = rows.enters.to_numpy() == 1
    root = np.sqrt(own)[:, None]
    first = (X * root)[~into]
    left = rows.change.to_numpy() - X @ np.linalg.lstsq(first, (root[:, 0] * rows.change)[~into], rcond=None)[0]
    w1 = own * into
    effect = w1 @ left / w1.sum()
    h = np.linalg.pinv(first.T @ first) @ (X.T @ w1)
    influence = (w1 * (left - effect) - np.where(into, 0.0, own * (X @ h)) * left) / w1.sum()
    found = fit(mpdta, ("lpop", "x"), weights, reweight=True, post_window=1)
    assert found.estimate == pytest.approx(effect, rel=1e-8)
    n, g = len(rows), rows.county.nunique()
    k = 3 + rows.year.nunique()
    sums = np.bincount(pd.factorize(rows.county)[0], weights=influence)
    assert found.std_error[0] == pytest.approx(np.sqrt(sums @ sums * (n - 1) / (n - k) * g / (g - 1)), rel=1e-7)
    assert found.nobs == n
    assert fit(mpdta, ("lpop",), None, ("iid",), reweight=True).vcov_notes == ("not_offered",)


def test_regression_adjustment_needs_controls_that_the_clean_identify(mpdta):
    frame = mpdta.assign(x=mpdta.lpop * (mpdta.year == mpdta.cohort))
    found = fit(frame, ("x",), reweight=True, post_window=1)
    assert found.code == "not_identified"
    assert "`x` is, among the clean controls" in found.message
    twice = mpdta.assign(x=2 * mpdta.lpop)
    found = fit(twice, ("lpop", "x"), reweight=True, post_window=1)
    assert found.dropped == (1,)
    assert found.estimate == pytest.approx(fit(twice, ("lpop",), reweight=True, post_window=1).estimate, rel=1e-9)


def test_a_control_that_is_entering_leaves_nothing(mpdta):
    found = fit(mpdta.assign(x=(mpdta.year == mpdta.cohort).astype(float)), ("x",), post_window=1)
    assert found.code == "not_identified"


@pytest.mark.parametrize("options", [{}, {"reweight": True}])
@pytest.mark.parametrize("controls", [(), ("lpop",)])
def test_the_path_is_the_pooled_effect_at_window_nought(mpdta, options, controls):
    spec = ("lemp", "post", controls, ("countyreal", "year"), "w", "lpdid")
    task = task_of(
        mpdta,
        spec,
        vcovs=("countyreal", "state"),
        unit="countyreal",
        cohort="cohort",
        options={"lpdid": {"post_window": 0, **options}},
    )
    one, path = LPDID.estimate(task), LPDID.effects_by_period(task, task.time - task.cohort, (-2, 0, 1), -1)
    assert path.estimate[1] == pytest.approx(one.estimate, rel=1e-10)
    assert np.sqrt(path.vcov[:, 1, 1]) == pytest.approx(one.std_error, rel=1e-10)
    assert path.size[1] == 191


def test_a_run_says_which_cohorts_are_in(mpdta, tmp_path):
    study = {
        "study": {"unit": "countyreal", "time": "year", "cohort": "first_treat"},
        "figure": {"formats": ["svg"]},
        "outcome": {"lemp": "lemp"},
        "treatment": {"post": "post"},
        "controls": {"x": "mvsw(lpop)"},
        "weights": {"none": "1", "w": "w"},
        "estimator": {
            "default": "lpdid",
            "three": {"method": "lpdid", "post_window": 3},
            "equal": {"method": "lpdid", "reweight": True, "post_window": 1},
        },
        "inference": {"draws": 0},
    }
    curve = specdid.run(study, data=mpdta, out=tmp_path / "out", audit=20)
    table = curve.table
    assert (table.status == "ok").all()
    assert curve.audit.disagreeing == ()
    assert table.groupby("estimator", sort=False).n_treated.unique().map(list).to_dict() == {
        "default": [191],
        "three": [20],
        "equal": [60],
    }
    assert (table.n_always_treated == 0).all()
    assert table.estimand.unique().tolist() == [
        "variance-weighted effect on the treated over the periods that all compared cohorts reach (local projections)",
        "variance-weighted effect on the treated over periods 0 to 3 (local projections)",
        "average effect on the treated over periods 0 to 1 (local projections)",
    ]
    lost = [w for w in curve.warnings if w.code == "cohorts_left_out"]
    assert [(w.severity, w.where, w.specifications) for w in lost] == [("serious", "three", 4), ("serious", "equal", 4)]
    assert lost[0].message.startswith("lpdid leaves out 2 of 3 cohorts that adopt: no unit of theirs is seen")


def test_a_negative_window_is_a_fault(mpdta):
    study = {
        "study": {"unit": "countyreal", "time": "year", "cohort": "first_treat"},
        "figure": {"formats": ["svg"]},
        "outcome": {"y": "lemp"},
        "treatment": {"d": "post"},
        "estimator": {"l": {"method": "lpdid", "post_window": -1}},
    }
    (fault,) = (f for f in specdid.check(study, data=mpdta) if f.severity == "error")
    assert fault.message == "`post_window` must be 0 or more"
    assert fault.path[:2] == ("estimator", "l")


def test_treated_units_that_never_enter_are_counted():
    """Always treated units, and the last cohort where nobody is left untreated: neither is in the average."""
    first = pl.col("cohort")
    never = pl.when(pl.col("id") % 2 == 0).then(2001).otherwise(2006)
    panel = small_panel().with_columns(pl.when(first == 0).then(never).otherwise(first).alias("cohort"))
    panel = panel.with_columns((pl.col("year") >= first).cast(int).alias("d"))
    study = small_study(
        controls={"none": "1"},
        outcome={"y": "y"},
        fixed_effects={"t": "id + year"},
        estimator={"lp": "lpdid"},
    )
    curve = specdid.run(study, panel, audit=0)
    row = curve.table.iloc[0]
    assert (row["n_cohorts"], row["n_cohorts_left_out"], row["n_treated_left_out"]) == (2, 1, 8)
    said = [w.message for w in curve.warnings if w.code == "cohorts_left_out"]
    assert said == [
        "lpdid leaves out 1 of 3 cohorts that adopt: no unit of theirs is seen in the period before and that of "
        "adoption beside a unit still untreated; 8 treated units are not in the average effect (column "
        "n_treated_left_out)",
    ]
    late = panel.filter(first != 2006)
    said = [w.message for w in specdid.run(study, late, audit=0).warnings if w.code == "cohorts_left_out"]
    assert said[-1].startswith("lpdid leaves out 1 of 2 cohorts that adopt")
    never = panel.with_columns(pl.when(first == 2006).then(0).otherwise(first).alias("cohort"))
    never = never.with_columns(((first > 0) & (pl.col("year") >= first)).cast(int).alias("d"))
    said = [w.message for w in specdid.run(study, never, audit=0).warnings if w.code == "cohorts_left_out"]
    assert said == [
        "lpdid: up to 4 treated units are not in the average effect: never seen untreated, without rows in some "
        "period, or beside nobody who is untreated (column n_treated_left_out)"
    ]


def test_zeros_of_an_outcome_in_logs_are_named_among_the_reasons():
    panel = small_panel()
    zero = (pl.col("id") == 9) & (pl.col("year") == 2003)
    panel = panel.with_columns(pl.when(zero).then(0.0).otherwise(pl.col("z")).alias("z"))
    study = small_study(
        controls={"none": "1"},
        outcome={"log z": "log(z)"},
        fixed_effects={"t": "id + year"},
        estimator={"lp": {"method": "lpdid", "post_window": 0}},
    )
    curve = specdid.run(study, panel, audit=0)
    out = [w.message for w in curve.warnings if w.code == "cohorts_left_out"]
    assert any("1 row lacks the outcome or another variable, 1 of them for the log of 0 or less" in m for m in out)


@pytest.fixture(scope="module", params=["some rows", "one year only"])
def gaps(request, mpdta):
    """The panel with a control that is missing at random, or known only in the year in which most enter."""
    lost = np.random.default_rng(8).random(len(mpdta)) < 0.15 if request.param == "some rows" else mpdta.year != 2007
    return mpdta.assign(x=mpdta.x.mask(lost))


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("window", [0, 1])
def test_a_row_without_controls_still_is_an_end_of_a_change(gaps, weights, window):
    """As in Stata's lpdid: changes are taken first, and controls are those of the period that enters."""
    rows = laid(gaps, window).dropna(subset="x")
    if not rows.enters.any():
        assert fit(gaps, ("x",), weights, post_window=window).code == "no_treatment_variation"
        return
    estimate, error, nobs = feols("change ~ enters + x | year", rows, "county", weights)
    found = fit(gaps, ("x",), weights, post_window=window)
    assert found.estimate == pytest.approx(estimate, rel=1e-9)
    assert found.std_error[0] == pytest.approx(error, rel=1e-8)
    assert found.nobs == nobs


def test_horizons_and_equal_weights_take_changes_over_them_too(gaps):
    if gaps.x.count() < 1000:
        pytest.skip("equal weights need the control in more than one year")
    spec = ("lemp", "post", ("x",), ("countyreal", "year"), None, "lpdid")
    relative = (gaps.year - gaps.first_treat.where(gaps.first_treat > 0)).to_numpy()
    task = task_of(gaps, spec, vcovs=("countyreal",), unit="countyreal", cohort="cohort", options={"lpdid": {}})
    found = LPDID.path(task, relative[task.record.place], (0, 1), -1)
    for horizon, estimate in zip((0, 1), found.estimate, strict=True):
        wide = gaps.pivot_table(index="countyreal", columns="year", values="lemp")
        change = [
            wide.loc[r.countyreal].get(r.year + horizon, np.nan) - wide.loc[r.countyreal].get(r.year - 1, np.nan)
            for r in gaps.itertuples()
        ]
        frame = gaps.assign(county=gaps.countyreal, change=change, enters=(gaps.first_treat == gaps.year) * 1.0)
        clean = (frame.first_treat == 0) | (frame.first_treat > frame.year + horizon)
        frame = frame[((frame.enters == 1) | clean) & frame.change.notna() & frame.x.notna()]
        assert estimate == pytest.approx(feols("change ~ enters + x | year", frame, "county")[0], rel=1e-9)
    rows = laid(gaps, 1).dropna(subset="x")
    columns = np.column_stack([pd.get_dummies(rows.year).to_numpy(float), rows.x])
    into, design, left = rows[rows.enters == 1], columns[rows.enters == 0], columns[rows.enters == 1]
    own = rows[rows.enters == 0]
    imputed = left @ np.linalg.lstsq(design, own.change, rcond=None)[0]
    found = fit(gaps, ("x",), post_window=1, reweight=True)
    assert found.estimate == pytest.approx((into.change - imputed).mean(), rel=1e-9)


def test_outputs_and_audit_take_changes_over_rows_without_controls(gaps, tmp_path):
    """The exported Python program, the audit, and the twin of a model whose gaps in a control differ."""
    study = small_study(
        study={"title": "t", "data": "g.csv", "unit": "countyreal", "time": "year", "seed": 1},
        figure={"formats": ["svg"]},
        outcome={"y": "lemp"},
        treatment={"d": {"term": "post", "cohort": "cohort"}},
        controls={"x": "x", "none": "1"},
        fixed_effects={"t": "countyreal + year"},
        estimator={"lp": {"method": "lpdid", "post_window": 0}},
        vcov={"c": "~countyreal"},
        inference={"draws": 0},
    )
    frame = pl.from_pandas(gaps[["countyreal", "year", "lemp", "post", "cohort", "x"]].fillna({"cohort": 0.0}))
    curve = specdid.run(study, frame, out=tmp_path, audit=None)
    assert curve.audit.disagreeing == ()
    assert curve.audit.checked == 2
    rows = laid(gaps, 0).dropna(subset="x")
    estimate = feols("change ~ enters + x | year", rows, "county")[0]
    table = curve.table.set_index("controls")
    assert table.loc["x", "estimate"] == pytest.approx(estimate, rel=1e-9)
    assert table.loc["x", "nobs"] == len(rows)

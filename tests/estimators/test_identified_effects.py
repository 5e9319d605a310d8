"""Estimators beside least squares: an effect that the data leave open is a failure in words, never a number."""

import numpy as np
import polars as pl
import pytest
import specdid
from divorce import LAWS, divorce_panel, divorce_study


def run(panel=None, **changes):
    curve = specdid.run(divorce_study(**changes), data=divorce_panel() if panel is None else panel, audit=0)
    return curve, curve.table


@pytest.fixture
def unforeseen(monkeypatch):
    """Studies of which nothing can be estimated get to the estimators: `check` tries no combination."""
    monkeypatch.setattr("specdid._check.possible.MOST_TRIED", 0)


TWO_STAGES = {"two stages": "did2s"}


def test_two_stages_need_untreated_rows_for_every_trend():
    panel = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1967))
    _, table = run(panel, estimator=TWO_STAGES)
    assert table.code.fillna("").tolist() == ["", "not_identified"]
    assert table.message.iloc[1] == (
        "the untreated rows do not identify the counterfactual: 1 level of the slopes has fewer than 2 of them; "
        "leave what is treated there out of the sample"
    )
    _, table = run(panel.filter(pl.col("law") != 1968), estimator=TWO_STAGES)
    assert table.status.tolist() == ["ok", "ok"]


@pytest.mark.usefixtures("unforeseen")
def test_two_stages_need_somebody_untreated_in_every_level():
    panel = divorce_panel().with_columns(r=pl.when(pl.col("law") == 1971).then(9).otherwise(pl.col("region")))
    _, table = run(panel, estimator=TWO_STAGES, fixed_effects={"r": "st + r^year"})
    lost = panel.filter((pl.col("r") == 9) & (pl.col("post") == 1))
    assert table.code.tolist() == ["not_identified"]
    assert table.message.iloc[0].startswith(f"{len(lost)} treated rows are in levels of `r^year` in which no row")
    _, table = run(panel.filter(pl.col("r") != 9), estimator=TWO_STAGES, fixed_effects={"r": "st + r^year"})
    assert table.status.tolist() == ["ok"]


@pytest.mark.parametrize("method", ["did2s", "sunab"])
def test_what_is_left_out_of_the_average_is_counted_and_said(method):
    panel = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1970))
    curve, table = run(panel, estimator={"e": method}, fixed_effects={"two": "st + year"})
    early = {g: n for g, n in LAWS.items() if g <= 1970}
    assert table.n_treated_left_out.tolist() == [sum(early.values())]
    assert table.n_treated_rows_left_out.tolist() == [sum(n * (1989 - 1970) for n in early.values())]
    (said,) = [c for c in curve.warnings if c.code == "cohorts_left_out"]
    assert said.severity == "serious"
    assert said.specifications == 1
    assert f"up to {sum(early.values())} treated units are not in the average effect" in said.message
    whole, _ = run(estimator={"e": method}, fixed_effects={"two": "st + year"})
    assert "cohorts_left_out" not in {c.code for c in whole.warnings}


def test_periods_in_which_nobody_is_untreated_are_counted():
    panel = divorce_panel(never=0)
    curve, table = run(panel, estimator=TWO_STAGES, fixed_effects={"two": "st + year"})
    lost = panel.filter((pl.col("post") == 1) & (pl.col("year") >= 1987))
    assert table.n_treated_rows_left_out.tolist() == [len(lost)]
    assert table.n_treated_left_out.tolist() == [LAWS[1987]]
    assert "cohorts_left_out" in {c.code for c in curve.warnings}


@pytest.mark.parametrize("method", ["feols", "fepois", "logit"])
def test_a_treatment_that_controls_and_effects_make_up_has_no_number(method):
    rng = np.random.default_rng(3)
    panel = divorce_panel()
    state = pl.Series(rng.normal(size=60)[panel["st"].to_numpy()])
    panel = panel.with_columns(
        made=pl.col("post") + state + (pl.col("year") - 1970) * 0.1,
        high=(pl.col("div_rate") > 5.0).cast(int),
        count=pl.Series(rng.poisson(np.exp(panel["div_rate"].to_numpy() / 4))),
    )
    outcome = {"feols": "div_rate", "fepois": "count", "logit": "high"}[method]
    more = {"estimator": {"e": method}, "outcome": {"o": outcome}, "fixed_effects": {"two": "st + year"}}
    _, table = run(panel, controls={"c": "income + made"}, **more)
    assert table.code.tolist() == ["not_identified"]
    assert table.estimate.isna().all()
    _, table = run(panel, controls={"c": "income"}, **more)
    assert table.status.tolist() == ["ok"]


@pytest.mark.usefixtures("unforeseen")
@pytest.mark.parametrize("effects", ["st + year", "st + law^year"])
def test_projections_that_compare_with_nobody_have_no_number(effects):
    panel = divorce_panel(never=0).filter(pl.col("law").is_in([1971, 1972]))
    estimator = {"lp": {"method": "lpdid", "post_window": 3}, "OLS": "feols"}
    _, table = run(panel, estimator=estimator, fixed_effects={"e": effects})
    table = table[table.estimator == "lp"]
    assert table.status.iloc[0] in ("failed", "excluded")
    assert table.estimate.isna().all()

"""Effects by group against split samples and against an interacted regression made by hand."""

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
from matplotlib.text import Text
from scipy.stats import f as f_distribution
from simulated import analysed, faults_of, records, simulated, spec_with
from specdid._run.prepare import prepare
from specdid._words import known
from specdid.analyses._base import Bench
from specdid.figures import forest

AT = "at(size, year == 2003)"
GROUPS = {"small": f"{AT} < 3", "middle": f"{AT} >= 3 & {AT} < 6", "large": f"{AT} >= 6"}


def groups_of(frame):
    size = frame["size"] - 0.1 * (frame["year"] - 2003)
    return np.digitize(size, [3, 6])


@pytest.fixture(scope="module")
def data():
    return simulated()


@pytest.fixture(scope="module")
def found(data):
    result = analysed("heterogeneity", {"groups": GROUPS}, data)
    assert result.failure is None
    return result.finding


def test_effects_are_those_of_split_samples(data, found):
    frame = data.to_pandas()
    group = groups_of(frame)
    rows = {r["group"]: r for r in records(found.tables[0])}
    for k, label in enumerate(GROUPS):
        fit = pf.feols("y ~ d + x | id + year", frame[group == k], vcov={"CRV1": "id"})
        assert rows[label]["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-9)
        assert rows[label]["std_error"] == pytest.approx(fit.se()["d"], rel=1e-9)
        assert rows[label]["nobs"] == (group == k).sum()
        treated = frame.loc[(group == k) & (frame["cohort"] > 0), "id"].nunique()
        assert rows[label]["n_treated"] == treated
    assert rows["Whole sample"]["nobs"] == len(frame)


def test_equality_is_the_wald_test_of_a_regression_interacted_by_hand(data, found):
    frame = data.to_pandas()
    frame["g"] = groups_of(frame)
    for k in range(3):
        frame[f"d{k}"] = frame["d"] * (frame["g"] == k)
        frame[f"x{k}"] = frame["x"] * (frame["g"] == k)
    fit = pf.feols("y ~ d0 + d1 + d2 + x0 + x1 + x2 | id^g + year^g", frame, vcov={"CRV1": "id"})
    contrast = np.array([[-1, 1, 0, 0, 0, 0], [-1, 0, 1, 0, 0, 0]], dtype=float)
    order = [list(fit.coef().index).index(t) for t in ("d0", "d1", "d2", "x0", "x1", "x2")]
    beta, v = fit.coef().to_numpy()[order], fit._vcov[np.ix_(order, order)]
    gap = contrast @ beta
    statistic = gap @ np.linalg.solve(contrast @ v @ contrast.T, gap) / 2
    (row,) = records(found.tables[1])
    assert row["f"] == pytest.approx(statistic, rel=1e-8)
    assert (row["df1"], row["df2"]) == (2, frame["id"].nunique() - 1)
    assert row["p_value"] == pytest.approx(f_distribution.sf(statistic, 2, frame["id"].nunique() - 1), rel=1e-8)


def test_overlapping_groups_are_stacked_and_their_common_units_clustered_together(data):
    groups = {"all": "TRUE", "large": f"{AT} >= 5"}
    finding = analysed("heterogeneity", {"groups": groups, "overlap": True}, data).finding
    frame = data.to_pandas()
    large = frame[frame["size"] - 0.1 * (frame["year"] - 2003) >= 5]
    import pandas as pd

    stack = pd.concat([frame.assign(g=0), large.assign(g=1)])
    for k in range(2):
        stack[f"d{k}"], stack[f"x{k}"] = stack["d"] * (stack["g"] == k), stack["x"] * (stack["g"] == k)
    fit = pf.feols("y ~ d0 + d1 + x0 + x1 | id^g + year^g", stack, vcov={"CRV1": "id"})
    names = list(fit.coef().index)
    weights = np.array([float(n == "d1") - float(n == "d0") for n in names])
    t2 = (weights @ fit.coef()) ** 2 / (weights @ fit._vcov @ weights)
    (row,) = records(finding.tables[1])
    assert row["f"] == pytest.approx(t2, rel=1e-8)


@pytest.mark.parametrize(("untreated", "staggered", "few"), [(2, False, True), (12, False, False), (2, True, False)])
def test_a_group_with_few_untreated_units_is_small_where_dates_of_adoption_do_not_carry_it(untreated, staggered, few):
    rng = np.random.default_rng(3)
    unit, year = np.repeat(np.arange(120), 12), np.tile(np.arange(2000, 2012), 120)
    start = np.where(unit % 60 < 30, 2006, 0)
    start = np.where((unit < 60) & (unit >= untreated), 2003 + unit % 6 if staggered else 2006, start)
    start = np.where(unit < untreated, 0, start)
    frame = pl.DataFrame({"id": unit, "year": year, "cohort": start, "size": (unit < 60) * 1.0})
    frame = frame.with_columns(pl.Series("x", rng.normal(size=len(unit))), pl.Series("y", rng.normal(size=len(unit))))
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(pl.Int64))
    groups = {"one": "size == 1", "other": "size == 0"}
    finding = analysed("heterogeneity", {"groups": groups}, frame).finding
    small = [w.message for w in finding.warnings if w.code == "small_group"]
    assert any("`one` has 2 untreated units, below 10: its errors" in m for m in small) == few
    assert not any("`other`" in m for m in small)
    assert few or not small


def test_small_groups_and_units_in_none_are_warned_of(data):
    groups = {"tiny": f"{AT} < 1.5", "rest": f"{AT} >= 2"}
    finding = analysed("heterogeneity", {"groups": groups}, data).finding
    said = " ".join(map(str, finding.warnings))
    assert "`tiny` has" in said
    assert "below 10: its errors and p cannot be trusted" in said
    assert "the test of equality rests on " in said
    assert "`rest` has" not in said
    drawn = finding.charts[0].data
    assert [r.label for b in drawn.blocks for r in b.rows if r.small] == ["tiny"]
    texts = [text.get_text() for text in forest.draw(drawn).texts]
    assert texts.count("†") == 1
    assert [b.words.startswith("† Equality of groups: F(") for b in drawn.blocks] == [True] * len(drawn.blocks)
    assert "†: fewer than 10 treated or untreated units, or clusters" in " ".join(texts)
    outside = data.to_pandas().query("year == 2003")["size"].between(1.5, 2, inclusive="left").sum()
    assert f" {outside} of 60 units of the whole sample are in no group. †" in drawn.note


def test_what_is_doubtful_names_groups_and_no_columns(data):
    groups = {"never": "id > 40 & pilot == 0", "few": "id <= 20", "others": "id > 20 & id <= 40"}
    finding = analysed("heterogeneity", {"groups": groups}, data).finding
    notes = finding.tables[0].print.notes
    assert "Fewer than 30 clusters in few and others: standard errors may be too small." in notes
    assert "Empty: never, which could not be estimated." in notes
    assert "are in no group. never has no estimate: " in finding.charts[0].data.note


def test_without_a_unit_rows_are_in_no_group(data):
    groups = {"few": "id <= 3", "others": "id > 20"}
    rows = {"study": {"title": "t", "data": "given.csv", "time": "year"}, "fixed_effects": {"t": "id + year"}}
    finding = analysed("heterogeneity", {"groups": groups}, data, **rows).finding
    assert "rows of the whole sample are in no group" in finding.charts[0].data.note


def test_units_that_no_estimate_has_are_in_no_count(data):
    gone = data.with_columns(y=pl.when(pl.col("id").is_between(2, 10)).then(None).otherwise(pl.col("y")))
    groups = {"few": "id > 10 & id < 20", "others": "id >= 20"}
    finding = analysed("heterogeneity", {"groups": groups}, gone).finding
    assert "2 of 51 units of the whole sample are in no group." in finding.charts[0].data.note


def test_a_group_without_treated_units_is_a_message_and_leaves_the_test_to_the_others(data):
    groups = {"never": "pilot == 0", "a": f"pilot == 1 & {AT} < 5", "b": f"pilot == 1 & {AT} >= 5"}
    finding = analysed(
        "heterogeneity", {"groups": groups}, data, fixed_effects={"unit": "id"}, vcov={"id": "~id"}
    ).finding
    assert any(w.startswith("y, `never`: ") for w in map(str, finding.warnings))
    (row,) = records(finding.tables[1])
    assert row["df1"] == 1
    assert np.isfinite(row["p_value"])


def test_wrong_groups_are_faults(data):
    moving = {"small": "size < 5", "large": "size >= 5"}
    assert faults_of("heterogeneity", {"groups": moving}, data) == ["bad_groups"]
    shared = {"small": f"{AT} < 5", "large": f"{AT} >= 3"}
    assert faults_of("heterogeneity", {"groups": shared}, data) == ["bad_groups"]
    assert faults_of("heterogeneity", {"groups": shared, "overlap": True}, data) == []
    none = {"small": f"{AT} < 5", "large": f"{AT} >= 50"}
    assert faults_of("heterogeneity", {"groups": none}, data) == ["bad_groups"]
    assert faults_of("heterogeneity", {}, data) == ["missing_key"]
    assert faults_of("heterogeneity", {"groups": {"one": "TRUE"}}, data) == ["bad_groups"]


def test_the_figure_says_what_stands_behind_each_effect(found):
    (chart,) = found.charts
    figure = forest.draw(chart.data)
    texts = [t.get_text() for t in figure.findobj(Text)]
    assert {"Whole sample", "small", "middle", "large"} <= set(texts)
    assert any(r.small for b in chart.data.blocks for r in b.rows)
    assert any(t.startswith("† Equality of groups: F(2, 59)") for t in texts)
    assert sum(" / " in t for t in texts) == 5
    assert min(t.get_fontsize() for t in figure.findobj(Text) if t.get_text()) >= 6.5


def test_an_interval_that_explodes_does_not_squeeze_the_others():
    rows = tuple(forest.ForestRow(str(k), 0.1, 0.0, 0.2, ()) for k in range(4))
    wild = forest.ForestRow("wild", 0.1, -50.0, 50.0, ())
    figure = forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", (*rows, wild)),)))
    low, high = figure.axes[0].get_xlim()
    assert high - low < 2


def test_nothing_to_draw_is_an_error():
    row = forest.ForestRow("a", np.nan, np.nan, np.nan, ())
    with pytest.raises(ValueError, match="no effect was estimated"):
        forest.draw(forest.ForestData("t", (), (forest.ForestBlock("y", "y", (row,)),)))


def test_every_vcov_has_its_own_test(data):
    finding = analysed(
        "heterogeneity",
        {"groups": GROUPS},
        data.with_columns(pl.col("region").alias("r")),
        vcov={"id": "~id", "robust": "hetero"},
    ).finding
    ids, robust = records(finding.tables[1])
    assert (ids["vcov"], robust["vcov"]) == ("id", "robust")
    assert ids["f"] != robust["f"]


@pytest.mark.parametrize("method", ["sunab", "did2s"])
def test_other_estimators_are_compared_where_no_cluster_is_in_two_groups(data, method):
    options = {"estimator": {"e": method}, "controls": {"none": "1"}}
    finding = analysed("heterogeneity", {"groups": GROUPS}, data, **options).finding
    rows = [r for r in records(finding.tables[0]) if r["group"] != "Whole sample"]
    b, v = np.array([r["estimate"] for r in rows]), np.array([r["std_error"] ** 2 for r in rows])
    middle = (b / v).sum() / (1 / v).sum()
    (test,) = records(finding.tables[1])
    assert test["f"] == pytest.approx((((b - middle) ** 2) / v).sum() / 2, rel=1e-8)
    assert (test["df1"], test["df2"]) == (2, 59)
    shared = analysed("heterogeneity", {"groups": GROUPS}, data, **options, vcov={"year": "~year"}).finding
    (row,) = records(shared.tables[1])
    assert row["f"] != row["f"]
    assert row["message"].startswith("for other estimators than feols the test needs clusters")
    assert f"y: no test of equality, {row['message']}" in map(str, shared.warnings)
    assert known(row["message"], "zh")


def test_a_group_that_is_fitted_perfectly_leaves_no_test_and_says_so(data):
    """One treated and one untreated unit in two periods: their residuals are zero, and so is the variance."""
    flat = data.filter(pl.col("year").is_in([2003, 2004]))
    groups = {"two units": "id <= 1", "rest": "id > 1"}
    finding = analysed("heterogeneity", {"groups": groups}, flat, controls={"none": "1"}).finding
    (row,) = records(finding.tables[1])
    assert np.isnan(row["p_value"])
    assert row["message"] == "the effect in one of the groups has no variance under the first vcov"
    assert f"y: no test of equality, {row['message']}" in map(str, finding.warnings)


def test_no_test_of_equality_is_empty_without_a_reason(data):
    """Overlapping groups have none with errors that are not clustered, and nothing said so in its row."""
    groups = {"groups": {"early": "id <= 40", "late": "id > 20"}, "overlap": True}
    for vcov in ({"c": "~id", "h": "hetero"}, {"h": "hetero", "c": "~id"}):
        rows = records(analysed("heterogeneity", groups, data, controls={"none": "1"}, vcov=vcov).finding.tables[1])
        for row in rows:
            said = "where groups overlap, equality is tested with clustered errors only" if row["vcov"] == "h" else None
            assert (row["message"], np.isnan(row["p_value"])) == (said, said is not None)
    flat = data.filter(pl.col("year").is_in([2003, 2004]))
    groups = {"groups": {"two units": "id <= 1", "rest": "id > 1"}}
    vcov = {"c": "~id", "h": "hetero"}
    _, last = records(analysed("heterogeneity", groups, flat, controls={"none": "1"}, vcov=vcov).finding.tables[1])
    assert np.isnan(last["p_value"])
    assert last["message"] == "the effects in the groups have no common variance under this vcov"


def test_effects_in_other_units_have_an_axis_of_their_own():
    """Poisson's log points and least squares' own units share an outcome, not an axis."""
    from types import SimpleNamespace

    from specdid.analyses._words import axis_of

    def axis(method, scale=-1):
        plan = SimpleNamespace(scale=[scale], scales=("log points",))
        return axis_of(SimpleNamespace(method=method, labels={"outcome": "deaths"}, plan=plan, place=0))

    assert [axis(m) for m in ("feols", "did2s", "fepois", "logit")] == [
        "deaths",
        "deaths",
        "log points of deaths",
        "log odds of deaths",
    ]
    assert axis("feols", scale=0) == "log points", "outcomes of one scale share an axis"


def test_rows_of_no_group_are_in_no_interacted_effect(data):
    prepared = prepare(spec_with("heterogeneity", {"groups": GROUPS}), data)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    (cell,) = bench.cells(prepared.requests[0])
    group = bench.panel.unit_codes // 6 % 3 - 1
    fit = bench.fit(cell, within=group)
    cut = bench.fit(cell, within=np.maximum(group, 0), where=group >= 0)
    assert fit.failure is None
    assert fit.nobs == cut.nobs < bench.fit(cell).nobs
    assert fit.estimate == pytest.approx(cut.estimate, rel=1e-10)

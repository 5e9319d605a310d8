"""Few treated, few untreated and unequal clusters, against dummies regressed by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._describe.clusters import ClusterFacts
from specdid._words import known

pytestmark = pytest.mark.usefixtures("undrawn")


def panel(treated: int, sizes: tuple[int, ...] = (2,) * 40, staggered: bool = False) -> pl.DataFrame:
    """Clusters of so many units over 6 years, the last of them treated from 2003 on, or from 2003 to 2006."""
    rng = np.random.default_rng(11)
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    first = np.where(np.arange(len(sizes)) >= len(sizes) - treated, 2003, 0)
    first = np.where((first > 0) & staggered, 2003 + np.arange(len(sizes)) % 4, first)
    unit, year = np.repeat(np.arange(len(cluster)), 6), np.tile(np.arange(2001, 2007), len(cluster))
    c = cluster[unit]
    frame = pl.DataFrame({"id": unit, "year": year, "state": c, "cohort": first[c], "x1": rng.normal(size=len(c))})
    d = (frame["cohort"] > 0) & (frame["year"] >= frame["cohort"])
    y, w = rng.normal(size=len(c)), rng.uniform(1, 3, len(c))
    return frame.with_columns(d=d.cast(pl.Int64), y=pl.Series(y), w=pl.Series(w))


def run(frame, out=None, **changes):
    changes = {"inference": {"draws": 19, "cluster": "state"}, **changes}
    given = {
        "outcome": {"y": "y"},
        "controls": {"none": "1", "one": "x1"},
        "fixed_effects": {"two-way": "id + year"},
        "vcov": {"state": "~state"},
        "preferred": {"controls": "one"},
        "figure": {"formats": ["svg"]},
    }
    return specdid.run(small_study(**{**given, **changes}), frame, audit=0, out=out)


def facts(curve) -> ClusterFacts | None:
    return next(iter(curve.clusters), None)


def said(curve, code):
    return [(c.severity, c.message) for c in curve.warnings if c.code == code]


def measures(out, column):
    found = pl.read_csv(out / "inference_clusters.csv").filter(pl.col("clustered_by") == column)
    return dict(zip(found["measure"], found["value"], strict=True))


@pytest.mark.parametrize("weights", [None, "w"])
@pytest.mark.parametrize("effects", ["id + year", "id", "0"])
def test_leverage_by_dummies(weights, effects):
    frame = panel(9, tuple(range(1, 13)))
    changes = {"weights": {"w": weights}} if weights else {}
    found = facts(run(frame, fixed_effects={"f": effects}, **changes)).leverage
    names = [] if effects == "0" else effects.split(" + ")
    dummies = [np.ones((len(frame), 1))] + [frame[n].to_numpy()[:, None] == np.unique(frame[n]) for n in names]
    z = np.concatenate(dummies, axis=1).astype(float)
    root = np.sqrt(frame["w"].to_numpy() if weights else np.ones(len(frame)))[:, None]
    x, d = frame[["x1"]].to_numpy() * root, frame[["d"]].to_numpy() * root
    z = z * root

    def net(a, b):
        return a - b @ np.linalg.lstsq(b, a, rcond=None)[0]

    state = frame["state"].to_numpy()
    squares = net(d, np.hstack([z, x]))[:, 0] ** 2
    np.testing.assert_allclose(found.partial, np.bincount(state, squares) / squares.sum(), rtol=1e-8)
    both = net(np.hstack([x, d]), z)
    hat = np.einsum("ij,jk,ik->i", both, np.linalg.inv(both.T @ both), both)
    np.testing.assert_allclose(found.leverage, np.bincount(state, hat), rtol=1e-8)
    assert found.effective == pytest.approx(12 / (1 + np.var(found.partial) / np.mean(found.partial) ** 2))
    assert found.treated.sum() == 9


def test_the_median_t_that_is_to_be_relied_on_stands_there_where_the_run_has_it():
    inference = {"draws": 19, "cluster": "state", "null": ["permutation"], "assign": "d + cohort", "level": "state"}
    curve = run(panel(2), inference=inference)
    (p,) = (f"{j.p_value:.3f}" for t in curve.tests for j in t.tests if j.kind == "median t")
    ((_, message),) = said(curve, "few_treated")
    assert f"(here p = {p} for 2 of 2 specifications), if the assignment" in message
    assert known(message, "zh")


def test_few_untreated_clusters_are_as_bad_as_few_treated_ones(tmp_path):
    few, many = run(panel(2)), run(panel(38), out=tmp_path)
    ((severity, message),) = said(many, "few_untreated")
    assert severity == "serious"
    assert message.startswith("as few as 2 clusters without treatment: clustered errors of least squares reject too")
    assert "rely on the median t of the permutation null" in message
    ((severity, message),) = said(few, "few_treated")
    assert severity == "serious"
    assert message.startswith("as few as 2 clusters with treatment: ")
    assert not said(few, "few_untreated")
    assert not said(many, "few_treated")
    measured = measures(tmp_path, "state")
    assert (measured["clusters"], measured["treated clusters"], measured["untreated clusters"]) == (40, 38, 2)
    assert measured["effective clusters"] == pytest.approx(facts(few).leverage.effective, rel=0.05)
    assert measured["effective clusters"] < 3
    assert measured["coefficient of variation, rows"] == 0
    assert [s for s, _ in said(many, "few_effective")] == ["serious"]
    text = many.summary()
    assert "## Clusters of the preferred specification" in text
    assert "- 40 clusters of `state`: 38 with treatment, 2 without" in text
    assert f"- effective number of clusters: {measured['effective clusters']:.1f} = G/(1 + CV²), CV = " in text


@pytest.mark.parametrize(("treated", "code"), [(2, "few_treated"), (38, "few_untreated")])
def test_of_several_treatments_the_one_with_fewest_clusters_is_named(treated, code):
    half = ((pl.col("state") >= 20) & (pl.col("year") >= 2003)).cast(pl.Int64)
    frame = panel(treated).with_columns(half=half, again=pl.col("d"))
    given = {"controls": {"none": "1"}, "preferred": {}}

    def where(*names):
        curve = run(frame, treatment={n: n for n in names}, **given)
        return [c.where for c in curve.warnings if c.code == code]

    assert where("d", "half") == ["d"]
    assert where("d") == where("d", "again") == ["run"]


def test_they_are_counted_without_any_draws_and_by_permutation_alone():
    for inference in (
        {"draws": 0, "cluster": "state"},
        {"draws": 9, "cluster": "state", "level": "state", "null": ["permutation"], "assign": "d + cohort"},
    ):
        assert said(run(panel(38), inference=inference), "few_untreated")


@pytest.mark.parametrize(("treated", "code", "side"), [(1, "few_treated", "with"), (0, "few_untreated", "without")])
def test_treated_clusters_are_counted_by_the_vcov_of_the_curve(tmp_path, treated, code, side):
    """Half of 40 states are treated, or not, and all these are in one region; the tests cluster by state."""
    one = (pl.col("cohort") > 0) == (treated == 1)
    frame = panel(20).with_columns(region=pl.when(one).then(99).otherwise(pl.col("state")))
    plain = {"controls": {"none": "1"}, "preferred": {}, "vcov": {"region": "~region", "state": "~state"}}
    for inference in ({"draws": 0, "cluster": "state"}, {"draws": 9, "cluster": "state"}):
        curve = run(frame, tmp_path, inference=inference, **plain)
        ((severity, message),) = said(curve, code)
        assert severity == "serious"
        assert message.startswith(f"as few as 1 cluster {side} treatment by `region`: ")
        assert known(message, "zh")
        ((severity, message),) = said(curve, "few_effective")
        assert message.startswith("unequal clusters by `region`: ")
        assert known(message, "zh")
    by_state, by_region = (measures(tmp_path, c) for c in ("state", "region"))
    assert [by_state[f"{s}treated clusters"] for s in ("", "un")] == [20, 20]
    assert sorted(by_region[f"{s}treated clusters"] for s in ("", "un")) == [1, 20]
    assert by_region["largest rows"] == 240
    text = curve.summary()
    assert "- 40 clusters of `state`: 20 with treatment, 20 without" in text
    assert "- 21 clusters of `region`: " in text
    further = run(frame, **(plain | {"vcov": {"state": "~state", "region": "~region + year"}}))
    assert not said(further, code)


def test_equal_clusters_half_of_them_treated_have_no_warning():
    curve = run(panel(20), controls={"none": "1"}, preferred={})
    assert facts(curve).leverage.effective == pytest.approx(40)
    for code in ("few_treated", "few_untreated", "few_effective", "unequal_clusters", "few_clusters"):
        assert not said(curve, code)


def test_dates_of_adoption_that_carry_the_estimate_make_few_untreated_a_note():
    curve = run(panel(38, staggered=True))
    assert facts(curve).leverage.effective > 20
    ((severity, message),) = said(curve, "few_untreated")
    assert severity == "note"
    assert "what compares with them alone rests on these" in message
    none = run(panel(40, staggered=True))
    assert not said(none, "few_untreated")


def test_estimators_that_compare_with_the_never_treated_alone_are_judged_by_these():
    """However the dates of adoption carry least squares, which comes first."""
    more = {"treatment": {"d": {"term": "d", "cohort": "cohort"}}, "controls": {"n": "1"}}
    for other, severity in (("csdid", "serious"), ({"method": "csdid", "control": "notyet"}, "note")):
        several = {"estimator": {"OLS": "feols", "CS": other}, "preferred": {"estimator": "OLS"}}
        curve = run(panel(38, staggered=True), **more, **several)
        assert facts(curve).leverage.effective > 20
        ((found, message),) = said(curve, "few_untreated")
        assert (found, "5%" in message) == (severity, False)


def test_rates_of_least_squares_are_not_stated_of_other_estimators():
    for estimator in ("did_multiplegt_dyn", "csdid"):
        treatment = {"d": {"term": "d", "cohort": "cohort"}}
        several = {"estimator": {"one": estimator}, "controls": {"n": "1"}, "preferred": {}, "treatment": treatment}
        curve = run(panel(38), **several)
        ((severity, message),) = said(curve, "few_untreated")
        assert (severity, "5%" in message) == ("serious", False)
        assert "standard errors may be too small; rely on the median t" in message
        assert "5%" not in said(run(panel(2), **several), "few_treated")[0][1]


def test_unequal_clusters_are_named_with_what_to_read():
    curve = run(panel(15, tuple(range(1, 31))))
    ((severity, message),) = said(curve, "unequal_clusters")
    assert severity == "note"
    found = facts(curve).leverage
    assert "0.56 of rows, 6 to 180 a cluster" in message
    assert f"(coefficient of variation {found.partial_variation:.2f} of partial leverage" in message
    assert found.effective == pytest.approx(len(found.rows) / (1 + found.partial_variation**2))
    assert "read the median t" in message


def test_a_treatment_of_doses_has_no_untreated_clusters_to_count():
    frame = panel(38).with_columns(d=pl.col("d") * (1 + pl.col("state") % 3))
    curve = run(frame, treatment={"dose": "d"})
    assert facts(curve).untreated is None
    assert not said(curve, "few_untreated")


def test_without_least_squares_or_clusters_nothing_is_measured():
    poisson = run(panel(20).with_columns(y=pl.col("y").exp()), estimator={"P": "fepois"})
    assert facts(poisson).leverage is None
    assert facts(poisson).clusters == 40
    assert "## Clusters" not in poisson.summary()
    loose = {"data": "given.csv"}
    alone = {"fixed_effects": {"none": "0"}, "vcov": {"r": "hetero"}, "treatment": {"d": "d"}}
    without = run(small_panel(), study=loose, inference={"draws": 0}, **alone)
    assert facts(without) is None


def lost(frame: pl.DataFrame, states: set[int], **columns: str | float | None) -> pl.DataFrame:
    """Write these values, null where None, in the rows of some states."""
    here = pl.col("state").is_in(sorted(states))
    return frame.with_columns(
        pl.when(here).then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in columns.items()
    )


ROWS_LOST = {
    "outcome": ({"y": None}, {}),
    "log of zero": ({"e": 0.0}, {"outcome": {"y": "log(e)"}}),
    "control": ({"x1": None}, {"controls": {"one": "x1"}}),
    "weight": ({"w": None}, {"weights": {"w": "w"}}),
    "weight of zero": ({"w": 0.0}, {"weights": {"w": "w"}}),
    "effect": ({"region": None}, {"fixed_effects": {"f": "id + region^year"}}),
    "sample": ({"x1": None}, {"sample": {"known": "!is.na(x1)"}}),
}
"""What takes rows from an estimate."""


@pytest.mark.parametrize("draws", [0, 19])
@pytest.mark.parametrize("side", ["with", "without"])
@pytest.mark.parametrize("what", ROWS_LOST)
def test_clusters_without_a_row_in_the_estimate_are_neither_treated_nor_untreated(what, side, draws):
    columns, changes = ROWS_LOST[what]
    gone = {*range(20, 37)} if side == "with" else {*range(17)}
    frame = panel(20).with_columns(e=pl.col("y").exp(), region=(pl.col("state") % 2).cast(pl.String))
    given = {"controls": {"none": "1"}, "preferred": {}, "inference": {"draws": draws, "cluster": "state"}, **changes}
    code, other = ("few_treated", "few_untreated") if side == "with" else ("few_untreated", "few_treated")
    assert not said(run(frame, **given), code)
    curve = run(lost(frame, gone, **columns), **given)
    ((severity, message),) = said(curve, code)
    assert severity == "serious"
    assert message.startswith(f"as few as 3 clusters {side} treatment: ")
    assert not said(curve, other)


def test_missing_values_that_take_no_whole_cluster_or_no_row_of_the_estimate_are_no_warning():
    frame = panel(20)
    holes = frame.with_columns(y=pl.when(pl.col("year") == 2004).then(None).otherwise(pl.col("y")))
    beside = lost(frame, {*range(17)}, w=None)
    for given in (frame, holes, beside):
        curve = run(given)
        assert not said(curve, "few_treated")
        assert not said(curve, "few_untreated")


@pytest.mark.parametrize("method", ["csdid", "did_imputation", "lpdid", "did_multiplegt_dyn", "sunab"])
def test_estimators_of_their_own_count_the_clusters_of_their_rows(method):
    given = {"controls": {"none": "1"}, "preferred": {}, "estimator": {"own": method}, "inference": {"draws": 0}}
    given["treatment"] = {"d": {"term": "d", "cohort": "cohort"}}
    frame = panel(20, staggered=True)
    assert not said(run(frame, **given), "few_untreated")
    ((_, message),) = said(run(lost(frame, {*range(17)}, y=None), **given), "few_untreated")
    assert message.startswith("as few as 3 clusters without treatment")

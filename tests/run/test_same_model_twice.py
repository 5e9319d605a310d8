"""One rule for every estimator: the same model twice is one point, by the values that it reads."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel

ESTIMATORS = ("feols", "sunab", "did2s", "fepois", "logit", "lpdid")


def panel() -> pl.DataFrame:
    """The small panel with twins of its columns: by another name, in another unit, on some rows only."""
    frame = small_panel()
    late, treated = pl.col("cohort") == 2005, pl.col("cohort") > 0
    return frame.with_columns(
        (pl.col("x1") * 1.0).alias("again"),
        (pl.col("w") * 1000).alias("grams"),
        pl.lit(3.0).alias("three"),
        (pl.col("id") * 10).alias("code"),
        (pl.col("y") > pl.col("y").median()).cast(int).alias("high"),
        pl.when(late).then(0).otherwise(pl.col("d")).alias("early"),
        pl.when(late).then(0).otherwise(pl.col("cohort")).alias("early_cohort"),
        pl.when(pl.col("x1") > 2).then(2.0).otherwise(pl.col("x1")).alias("capped"),
        (pl.col("y") + 3.0 * (treated & (pl.col("year") > pl.col("cohort")))).alias("later"),
    )


def study(estimator: str = "feols", **tables) -> dict:
    outcome = {"fepois": "z", "logit": "high"}.get(estimator, "y")
    effects = "group + year" if estimator == "logit" else "id + year"
    return {
        "study": {"title": "twice", "data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": outcome},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"none" if estimator == "lpdid" else "x": "1" if estimator == "lpdid" else "x1"},
        "fixed_effects": {"fe": effects},
        "estimator": {"e": {"method": estimator, **({"post_window": 2} if estimator == "lpdid" else {})}},
        "vcov": {"unit": "~id"},
        "inference": {"draws": 0},
        **tables,
    }


def found(tables: dict, frame: pl.DataFrame | None = None):
    curve = specdid.run(tables, panel() if frame is None else frame, audit=0)
    counts = curve.counts
    assert counts.planned == counts.ok + counts.failed + counts.excluded + counts.duplicate
    assert counts.failed == counts.excluded == 0
    return curve.table


def points(tables: dict, frame: pl.DataFrame | None = None) -> list[int]:
    """Number the points of the curve, in the order of the plan."""
    table = found(tables, frame)
    own = table.spec_id.where(table.status == "ok", table.twin)
    return [list(dict.fromkeys(own)).index(s) for s in own]


TWINS = {
    "an outcome of equal values": {"outcome": {"a": "y", "b": "y * 1"}},
    "a control by another name": {"controls": {"a": "x1", "b": "again"}},
    "winsorized at nothing": {"controls": {"a": "x1 + x3", "b": "winsorize(x1, 0) + x3"}},
    "a control of -0 for 0": {"controls": {"a": "I(x1 * 0) + x3", "b": "I(-x1 * 0) + x3"}},
    "weights in another unit": {"weights": {"a": "w", "b": "grams"}},
    "weights that are all the same": {"weights": {"a": "1", "b": "three"}},
    "fixed effects by another code": {"fixed_effects": {"a": "id + year", "b": "year + code"}},
    "slopes of equal values": {"fixed_effects": {"a": "id[x1] + year", "b": "code[again] + year"}},
    "treatments that are equal on the sample": {
        "treatment": {"a": {"term": "d", "cohort": "cohort"}, "b": {"term": "early", "cohort": "early_cohort"}},
        "sample": {"without the late": "cohort != 2005"},
    },
    "controls that are equal on the sample": {
        "controls": {"a": "x1", "b": "capped"}, "sample": {"ordinary": "x1 <= 2"},
    },
    "samples of the same rows": {"sample": {"a": "x1 <= 2", "b": "!(again > 2)"}},
    "an option that cannot matter": {
        "estimator": {"a": {"method": "lpdid", "post_window": 2},
                      "b": {"method": "lpdid", "post_window": 2, "pre_window": 3}},
    },
    "reference periods in another order": {
        "estimator": {"a": {"method": "sunab", "reference": [-1, -3]},
                      "b": {"method": "sunab", "reference": [-3, -1]}},
    },
}  # fmt: skip
ONLY = {
    "an option that cannot matter": ("lpdid",),
    "reference periods in another order": ("sunab",),
    "slopes of equal values": ("feols", "sunab", "did2s"),
}
HONOURED = {"lpdid": {"controls", "weights", "fixed_effects"}, "logit": {"weights"}}


def cases():
    for name, tables in TWINS.items():
        for estimator in ONLY.get(name, ESTIMATORS):
            if not HONOURED.get(estimator, set()) & set(tables):
                yield pytest.param(estimator, tables, id=f"{name}-{estimator}")


@pytest.mark.parametrize(("estimator", "tables"), list(cases()))
def test_equal_values_are_one_point_whatever_they_are_called(estimator, tables):
    own = study(estimator)
    if "outcome" in tables:
        term = own["outcome"]["y"]
        tables = {"outcome": {"a": term, "b": f"{term} * 1"}}
    if estimator == "logit" and "fixed_effects" in tables:
        tables = {"fixed_effects": {"a": "group + year", "b": "year + I(group * 2)"}}
    assert points({**own, **tables}) == [0, 0]


APART = {
    "outcomes that differ after entry only": ("lpdid", {"outcome": {"a": "y", "b": "later"}}),
    "slopes": ("did2s", {"fixed_effects": {"a": "id + year", "b": "id[x1] + year", "c": "id[x3] + year"}}),
    "slopes only": ("feols", {"fixed_effects": {"a": "id[[x1]] + year", "b": "id[x1] + year"}}),
    "windows": ("lpdid", {"estimator": {"a": {"method": "lpdid", "post_window": 1},
                                        "b": {"method": "lpdid", "post_window": 2}}}),
    "weights": ("feols", {"weights": {"a": "w", "b": "w^2"}}),
    "cohorts": ("sunab", {"estimator": {"a": {"method": "sunab"}, "b": {"method": "sunab", "control": "notyet"}}}),
    "controls on other samples": ("feols", {"controls": {"a": "x1", "b": "capped"}}),
    "roles": ("feols", {"treatment": {"a": {"term": "x1", "with": "x3"}, "b": {"term": "x3", "with": "x1"}},
                        "controls": {"none": "1"}}),
}  # fmt: skip


@pytest.mark.parametrize("name", APART)
def test_models_that_differ_in_a_value_they_read_are_not_one(name):
    estimator, tables = APART[name]
    table = found({**study(estimator), **tables})
    assert (table.status == "ok").all()
    assert table.estimate.nunique() == len(table)


def test_what_lpdid_reads_after_entry_moves_its_estimate_by_as_much():
    """`later` is `y` and 3 more from the second treated year on: 2 of the window's 3 years."""
    table = found({**study("lpdid"), "outcome": {"a": "y", "b": "later"}})
    assert table.estimate[1] - table.estimate[0] == pytest.approx(2.0, abs=1e-12)


def test_rows_that_nothing_is_read_of_make_no_other_model():
    """The cohort of 2005 never enters with a window of three years, and is clean in no year with a lag."""
    whole = study("lpdid")
    whole["estimator"] = {"l": {"method": "lpdid", "post_window": 3}}
    whole["sample"] = {"all": "TRUE", "without the late": "cohort != 2005"}
    assert points(whole) == [0, 0]


@pytest.mark.parametrize("missing", [0.0, 0.03])
def test_many_controls_and_missing_cells(missing):
    """On both paths of the engine: doubled by equal columns, by equal samples and by weights' units."""
    frame = panel()
    rng = np.random.default_rng(3)
    holes = {x: pl.Series(rng.random(len(frame)) < missing) for x in ("x1", "x3", "y")}
    frame = frame.with_columns(pl.when(h).then(None).otherwise(pl.col(x)).alias(x) for x, h in holes.items())
    frame = frame.with_columns((pl.col("x1") * 1.0).alias("again"))
    tables = study(
        controls={"a": "mvsw(x1, x2, x3)", "b": "mvsw(again, x2, x3)", "c": "mvsw(winsorize(x1, 0), x2, x3)"},
        treatment={"d": "d", "early": "early"},
        sample={"all": "TRUE", "without the late": "cohort != 2005"},
        weights={"w": "w", "grams": "grams"},
        fixed_effects={"fe": "id + year", "code": "code + year"},
    )
    table = found(tables, frame)
    # 8 sets of controls; d and early apart on all rows, the same without the late
    assert (table.status == "ok").sum() == 8 * 3
    assert len(table) == 8 * 3 * 2 * 2 * 2 * 2


def test_csdid_under_samples_that_differ_in_rows_it_does_not_use():
    """Neither periods before the first base nor units treated in all of them are in a comparison; base periods are."""
    frame = panel()
    first = int(frame.filter(pl.col("cohort") > 0)["cohort"].min())
    before = frame.with_columns(pl.when(pl.col("id") == 1).then(first - 1).otherwise(pl.col("cohort")).alias("cohort"))
    before = before.with_columns(((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(int).alias("d"))
    for data, other, expected in (
        (frame, f"year >= {first - 1}", [0, 0]),
        (frame, f"year >= {first}", [0, 1]),
        (before.filter(pl.col("year") >= first - 1), "id != 1", [0, 0]),
        (frame, f"year < {frame['year'].max()}", [0, 1]),
    ):
        tables = study("csdid", sample={"all": "TRUE", "other": other}, controls={"none": "1"})
        assert points(tables, data) == expected, other
    weighted = study("csdid", sample={"all": "TRUE", "other": f"year >= {first - 1}"}, weights={"w": "w"})
    assert points(weighted | {"controls": {"none": "1"}}, frame) == [0, 1]  # cohorts count by the weights of first rows


@pytest.mark.parametrize("tables", [{}, {"weights": {"w": "population"}}])
def test_rows_of_a_unit_that_counts_in_no_size_and_gaps_elsewhere_make_no_other_csdid(tables):
    """One cohort has no share; a gap in one sample alone gives it a record, in which the same values are read."""
    frame = panel().filter(pl.col("cohort").is_in([0, 2005]))
    some = frame.filter(pl.col("cohort") == 2005)["id"].min()
    frame = frame.filter((pl.col("id") != some) | (pl.col("year") != 2004))  # never seen in its base period
    gap = (pl.col("id") == frame.filter(pl.col("cohort") == 0)["id"].min()) & (pl.col("year") == frame["year"].min())
    frame = frame.with_columns(
        pl.when(gap).then(None).otherwise(pl.col("y")).alias("y"), (pl.col("id") * 1.5).alias("population")
    )
    own = study("csdid", sample={"all": "TRUE", "b": "year >= 2003", "c": "year >= 2004"}, controls={"none": "1"})
    assert points(own | tables, frame) == [0, 0, 0]


def test_a_unit_that_counts_in_sizes_alone_makes_another_csdid():
    """Of two cohorts the sizes are read: by the weights of units that are in no comparison, too."""
    frame = panel()
    some = frame.filter(pl.col("cohort") == 2005)["id"].min()
    frame = frame.filter((pl.col("id") != some) | (pl.col("year") != 2004))
    frame = frame.with_columns(
        pl.lit(1.0).alias("one"), pl.when(pl.col("id") == some).then(2.0).otherwise(1.0).alias("two")
    )
    own = study("csdid", controls={"none": "1"})
    assert points(own | {"sample": {"all": "TRUE", "b": f"id != {some}"}}, frame) == [0, 1]
    assert points(own | {"weights": {"a": "one", "b": "two"}}, frame) == [0, 1]
    assert points(own | {"weights": {"a": "1", "b": "one"}}, frame) == [0, 0]


@pytest.mark.parametrize(
    ("method", "column"),
    [
        ({"method": "lpdid", "post_window": 1}, "x1"),
        ({"method": "did_multiplegt_dyn", "effects": 1}, "y"),
        ({"method": "csdid"}, "x1"),
    ],
)
def test_a_gap_in_a_row_that_is_not_read_makes_no_other_model(method, column):
    """Where a row lacks a value a task has a record of all rows: the same values are read of it."""
    frame = panel().filter(pl.col("cohort").is_in([0, 2005]))
    some = frame.filter(pl.col("cohort") == 2005)["id"].min()
    year = frame["year"].min() if method["method"] == "csdid" else frame["year"].max()
    gap = (pl.col("id") == some) & (pl.col("year") == year)
    frame = frame.with_columns(pl.when(gap).then(None).otherwise(pl.col(column)).alias(column))
    own = study("csdid", sample={"all": "TRUE", "b": f"!(id == {some} & year == {year})"})
    own |= {"controls": {"none": "1"} if column == "y" else {"x": "x1"}, "estimator": {"e": method}}
    assert points(own, frame) == [0, 0]

"""A unit that is the total of the others is said; no other is."""

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._words import known


def found(frame, **changes):
    return [f for f in specdid.check(small_study(**changes), frame) if f.code == "total_unit"]


def with_total(name=99):
    panel = small_panel().with_columns(y=pl.col("y").exp())
    sums, none = pl.all().exclude("year", "id", "d", "cohort", "group").sum(), pl.col("d", "cohort", "group").min()
    total = panel.group_by("year", maintain_order=True).agg(sums, none)
    total = total.with_columns(id=pl.lit(99)).select(panel.columns).cast(dict(panel.schema))
    both = pl.concat([panel, total])
    if name != 99:
        both = both.with_columns(pl.col("id").cast(pl.String).replace("99", name))
    return both


@pytest.mark.parametrize(("name", "without"), [(99, "id != 99"), ("全国", 'id != "全国"')])
def test_a_unit_that_is_the_sum_of_the_others_is_said(name, without):
    frame = with_total(name)
    (fault,) = found(frame)
    assert fault.severity == "warning"
    assert fault.message == f"the unit “{name}” is the total of the others: its `y` is their sum in all its 7 periods"
    assert without in fault.help
    assert known(fault.message, "zh")
    assert found(frame, outcome={"log y": "log(y)"})
    assert not found(frame, sample={"others": without})


@pytest.mark.parametrize(
    "names", [("合计",), ("Total",), ("World",), ("世界",), ("East total", "West total"), ("东部小计", "合计（全省）")]
)
def test_units_that_are_called_totals_are_said_though_no_sum_holds(names):
    frame = small_panel().with_columns(
        pl.col("id").cast(pl.String).replace({str(k): n for k, n in enumerate(names, 1)})
    )
    (fault,) = found(frame)
    assert fault.message.startswith(f"the unit{'s' * (len(names) > 1)} “{names[0]}”")
    without = " & ".join(f'id != "{name}"' for name in sorted(names))
    assert without in fault.help
    assert known(fault.message, "zh")
    assert not found(frame, sample={"others": without})


@pytest.mark.parametrize("name", ["全国", "合计"])
@pytest.mark.parametrize("call", ["scale(y)", "winsorize(y, 0.05)", "y - mean(y, by = year)"])
def test_a_condition_of_samples_does_not_silence_it_where_a_call_reads_its_rows(name, call):
    frame, sample = with_total(name), {"others": f'id != "{name}"'}
    (fault,) = found(frame, sample=sample, derive={"z": call}, outcome={"z": "z"})
    assert fault.help.split("; ")[0].endswith("delete its rows from the file")
    assert f"would leave them in `{call.removeprefix('y - ')}`, which is computed over all rows" in fault.help
    assert not found(frame, sample=sample, derive={"z": "scale(y, by = id)"}, outcome={"z": "z"})
    assert not found(frame, sample=sample, derive={"z": f'scale(ifelse(id == "{name}", NA, y))'}, outcome={"z": "z"})
    assert not found(frame.filter(pl.col("id") != name), derive={"z": call}, outcome={"z": "z"})


def test_groups_of_units_read_its_rows_too():
    groups = {"high": "y > median(y, by = year)", "low": "y <= median(y, by = year)"}
    more = {"heterogeneity": {"groups": groups, "overlap": True}, "sample": {"others": 'id != "全国"'}}
    (fault,) = found(with_total("全国"), **more)
    assert "`median(y, by = year)`" in fault.help


@pytest.mark.parametrize("name", ["Totalenergies", "Total SE", "ALL", "SUM", "全国股转", "World Cup GmbH", "世界集团"])
def test_other_names_are_no_totals(name):
    assert not found(small_panel().with_columns(pl.col("id").cast(pl.String).replace("1", name)))


def test_ordinary_panels_have_no_total():
    assert not found(small_panel())
    ones = np.isin(small_panel()["id"].to_numpy(), (1, 2)).astype(float)
    assert not found(small_panel().with_columns(x1=pl.Series(ones)))
    counts = pl.when(pl.col("id") == 1).then(2.0).when(pl.col("id") <= 3).then(1.0).otherwise(0.0)
    assert not found(small_panel().with_columns(y=counts))


def rounded_panel(units=12, periods=6, seed=3):
    rng = np.random.default_rng(seed)
    y = rng.normal(100, 10, (units, 1)) + rng.normal(0, 4, (units, periods))
    frame = {
        "id": np.repeat([f"Firm {k}" for k in range(1, units + 1)], periods),
        "year": np.tile(np.arange(2001, 2001 + periods), units),
        "zone": np.repeat([("east", "west")[k % 2] for k in range(units)], periods),
        "y": y.round(1).reshape(-1),
        "x": rng.normal(5, 1, units * periods).round(1),
    }
    return pl.DataFrame(frame).with_columns(
        d=(pl.col("id").is_in([f"Firm {k}" for k in (1, 2, 3)]) & (pl.col("year") > 2003)).cast(pl.Int64)
    )


def added(frame, name, members, how, zone="none"):
    some = frame.filter(members)
    made = some.group_by("year", maintain_order=True).agg(getattr(pl.col("y", "x"), how)().round(1))
    made = made.with_columns(id=pl.lit(name), zone=pl.lit(zone), d=pl.lit(0, pl.Int64)).select(frame.columns)
    return pl.concat([frame, made])


def told(frame, **changes):
    study = {
        "study": {"title": "t", "unit": "id", "time": "year", "data": "given.csv"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"x": "x"},
        **changes,
    }
    return [f for f in specdid.check(study, frame) if f.code == "total_unit"]


FIRST = pl.col("id").is_in([f"Firm {k}" for k in range(1, 6)])
EAST = pl.col("zone") == "east"


@pytest.mark.parametrize(
    ("name", "members", "how", "zone", "words"),
    [
        ("North", FIRST, "sum", "none", "is the sum of “Firm 1”, “Firm 2” and 3 more by `y` and `x`"),
        ("State", pl.lit(True), "mean", "none", "is the mean of “Firm 1”, “Firm 10” and 10 more by `y` and `x`"),
        ("Seat", EAST, "sum", "east", "is the sum of “Firm 1”, “Firm 11” and 4 more by `y` and `x`"),
        ("Seat", EAST, "mean", "east", "is the mean of “Firm 1”, “Firm 11” and 4 more by `y` and `x`"),
        ("east", EAST, "sum", "none", "is the sum of “Firm 1”, “Firm 11” and 4 more by `y` and `x`"),
    ],
)
def test_units_that_are_made_of_others_are_said(name, members, how, zone, words):
    frame = added(rounded_panel(), name, members, how, zone)
    by_zone = {"vcov": {"zone": "~zone"}}
    (fault,) = told(frame, **by_zone)
    assert f"“{name}” {words}" in fault.message
    assert f'id != "{name}"' in fault.help
    assert known(fault.message, "zh")
    assert not told(frame, sample={"others": f'id != "{name}"'}, **by_zone)
    spoilt = frame.with_columns(y=pl.when((pl.col("id") == name) & (pl.col("year") == 2003)).then(1.0).otherwise("y"))
    assert not told(spoilt.with_columns(x=pl.col("x").sqrt()), **by_zone)


def test_several_subtotals_are_one_warning():
    frame = added(rounded_panel(), "North", FIRST, "sum")
    frame = added(frame, "South", ~FIRST & pl.col("id").str.starts_with("Firm"), "sum")
    (fault,) = told(frame)
    assert "“North” is the sum of" in fault.message
    assert "“South” is the sum of" in fault.message
    assert 'id != "North" & id != "South"' in fault.help


@pytest.mark.parametrize(
    "names",
    [
        ("All counties (average)",),
        ("全国平均",),
        ("State mean", "median"),
        ("Average of cities",),
        ("东部均值",),
        ("各市平均水平（加权）",),
    ],
)
def test_units_that_are_called_averages_are_said(names):
    frame = small_panel().with_columns(
        pl.col("id").cast(pl.String).replace({str(k): n for k, n in enumerate(names, 1)})
    )
    (fault,) = found(frame)
    assert "called an average" in fault.message or "called averages" in fault.message
    assert f'id != "{names[0]}"' in fault.help
    assert known(fault.message, "zh")


@pytest.mark.parametrize(
    "name", ["Mean Well", "Median Technologies", "Meantown", "Average Joe", "联合计算机", "综合计划局"]
)
def test_other_names_are_no_averages(name):
    assert not found(small_panel().with_columns(pl.col("id").cast(pl.String).replace("1", name)))


UNIT, YEAR = np.arange(24)[:, None], np.arange(7)[None, :]
RNG = np.random.default_rng(5)
ORDINARY = {
    "counts": RNG.poisson(2, (24, 7)),
    "dummies": RNG.integers(0, 2, (24, 7)),
    "age": 30 + UNIT % 9 + YEAR,
    "growth": (1 + UNIT % 5) * 1.05**YEAR,
    "one factor": UNIT * RNG.normal(size=(1, 7)) + RNG.normal(size=(1, 7)),
    "of the group": (UNIT // 4) + RNG.normal(size=(6, 7)).repeat(4, axis=0),
    "constant": RNG.integers(1, 5, (24, 1)) + 0 * YEAR,
    "one decimal": RNG.normal(10, 1, (24, 7)).round(1),
    "zeros": np.where(UNIT < 3, RNG.normal(size=(24, 7)), 0),
}


@pytest.mark.parametrize("kind", ORDINARY)
def test_ordinary_numbers_make_no_unit_of_others(kind):
    frame = small_panel().with_columns(y=pl.Series(ORDINARY[kind].astype(float).reshape(-1)))
    assert not found(frame, vcov={"g": "~group"}, outcome={"y": "y"})


def test_units_that_are_absent_are_no_evidence_that_one_is_the_mean_of_the_others():
    """Shops come and go; one of two rows has the others' means, which is chance where scores are whole numbers."""
    rng = np.random.default_rng(3)
    seen = [(k, t) for k in range(300) for t in range(2001, 2025) if rng.random() < 0.3]
    shops = [(f"Shop {k}", t, int(t > 2012 and k % 2), int(rng.integers(80, 101))) for k, t in seen]
    frame = pl.DataFrame(shops, schema=["id", "year", "d", "y"], orient="row")
    means = dict(frame.group_by("year").agg(pl.col("y").mean().round()).iter_rows())
    plain = [("Plain", t, 0, int(means[t])) for t in (2004, 2005)]
    frame = pl.concat([frame, pl.DataFrame(plain, schema=frame.schema, orient="row")])
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"trend": "year"},
    }
    assert "total_unit" not in {f.code for f in specdid.check(study, frame)}


@pytest.mark.parametrize(
    ("change", "when"),
    [
        (lambda y: y, "all its 7 periods"),
        (lambda y: pl.when(pl.col("id") == 99).then(y.round(2)).otherwise(y), "all its 7 periods"),
        (
            lambda y: pl.when((pl.col("id") == 3) & (pl.col("year") == 2002)).then(None).otherwise(y),
            "6 of its 7 periods",
        ),
        (
            lambda y: pl.when((pl.col("id") == 3) & (pl.col("year") < 2004)).then(None).otherwise(y),
            "4 of its 7 periods",
        ),
        (lambda y: pl.when((pl.col("id") == 3) & (pl.col("year") < 2006)).then(None).otherwise(y), ""),
        (lambda y: pl.when(pl.col("id") == 99).then(y * 1.002).otherwise(y), ""),
        (lambda y: pl.when((pl.col("id") == 99) & (pl.col("year") == 2002)).then(y * 2).otherwise(y), ""),
    ],
)
def test_a_total_is_one_where_others_have_gaps_and_where_it_is_rounded(change, when):
    frame = with_total().with_columns(y=change(pl.col("y")))
    told = [fault.message for fault in found(frame, controls={"none": "1"}, outcome={"y": "y"})]
    assert [f"is their sum in {when}" in one for one in told] == [True] * bool(when)
    assert all(known(one, "zh") for one in told)


@pytest.mark.parametrize("written", ["{:,.6f}", "{:.6f}"])
def test_a_total_of_numbers_that_are_texts_is_one(written):
    frame = with_total().with_columns(y=pl.col("y") * 1000)
    frame = frame.with_columns(y=pl.col("y").map_elements(written.format, return_dtype=pl.String))
    (fault,) = found(frame, outcome={"y": "parse_number(y)"})
    assert "is their sum in all its 7 periods" in fault.message


def test_a_unit_near_the_sum_of_small_counts_is_no_total():
    for seed in range(20):
        rng = np.random.default_rng(seed)
        rows = [(k, t, int(rng.integers(1, 4))) for k in range(3) for t in range(2001, 2005)]
        frame = pl.DataFrame(rows, schema=["id", "year", "y"], orient="row")
        frame = frame.with_columns(d=((pl.col("id") == 1) & (pl.col("year") > 2002)).cast(pl.Int8))
        study = {
            "study": {"data": "given.csv", "unit": "id", "time": "year"},
            "outcome": {"y": "y"},
            "treatment": {"d": "d"},
        }
        told = [f.message for f in specdid.check(study, frame) if f.code == "total_unit"]
        exact = any(
            all(2 * r[k] == sum(r) for r in np.array([y for *_, y in rows]).reshape(3, 4).T.tolist()) for k in range(3)
        )
        assert bool(told) <= exact


def industries():
    """Twelve industries over six years, in the file beside each other; they move apart."""
    frame = rounded_panel().drop("x")
    return frame.with_columns(y=pl.col("y") * 10)


def with_sum(frame, name, parts):
    """Add the sum of some units as a unit at the end."""
    made = frame.filter(pl.col("id").is_in(parts)).group_by("year", maintain_order=True).agg(pl.col("y").sum())
    made = made.with_columns(id=pl.lit(name), zone=pl.lit("none"), d=pl.lit(0, pl.Int64))
    return pl.concat([frame, made.select(frame.columns)])


PARTS = [f"Firm {k}" for k in range(1, 6)]
CELL = (pl.col("id") == "Firm 2") & (pl.col("year") == pl.col("year").min())


@pytest.mark.parametrize(
    ("parts", "change", "words"),
    [
        (PARTS, pl.col("y"), "3 more by `y`"),
        (PARTS, pl.when(CELL).then(None).otherwise("y"), "3 more by `y` in 5 of its 6 periods, and some are missing"),
        (PARTS, pl.when(pl.col("id") == "North").then(pl.col("y") * 1.0005).otherwise("y"), "but for 0.05% at most"),
        (["Firm 2", "Firm 9"], pl.col("y"), "“Firm 2”, “Firm 9” by `y`"),
        (["Firm 2", "Firm 9"], pl.when(CELL).then(None).otherwise("y"), "in 5 of its 6 periods"),
        (PARTS, pl.when(CELL).then(0).otherwise("y"), ""),
        (PARTS, pl.when(CELL).then(None).when(pl.col("id") == "North").then(pl.col("y") * 0.8).otherwise("y"), ""),
        (PARTS, pl.when(pl.col("id") == "North").then(pl.col("y") * 1.01).otherwise("y"), ""),
        (["Firm 2", "Firm 5", "Firm 9"], pl.col("y"), ""),
    ],
)
def test_a_subtotal_is_one_with_a_gap_revised_and_of_units_that_stand_apart(parts, change, words):
    frame = with_sum(industries(), "North", parts).with_columns(y=change)
    faults = told(frame, controls={"none": "1"})
    assert [words in one.message for one in faults] == [True] * bool(words)
    assert all(known(one.message, "zh") for one in faults)


@pytest.mark.parametrize("seed", range(3))
def test_trends_that_are_near_the_sum_of_others_are_none(seed):
    """Of 150 units without noise some are within .1% of two others for ever: level and trend are all there is."""
    rng, years = np.random.default_rng(seed), np.arange(2005, 2018)
    size, trend = np.exp(rng.normal(5, 0.7, 150)), rng.normal(0.01, 0.01, 150)
    y = (size[:, None] * np.exp(trend[:, None] * (years - 2005))).round(2)
    frame = pl.DataFrame(
        {"id": np.repeat([f"c{k}" for k in range(150)], 13), "year": np.tile(years, 150), "y": y.ravel()}
    ).with_columns(zone=pl.lit("none"), d=((pl.col("year") > 2010) & pl.col("id").str.ends_with("1")).cast(pl.Int64))
    assert not told(frame, controls={"none": "1"})


def test_a_sum_of_sums_is_found_and_parts_that_are_left_out_are_held_by_none():
    frame = with_sum(with_sum(industries(), "North", PARTS), "South", [f"Firm {k}" for k in range(6, 9)])
    frame = with_sum(frame, "Goods", ["North", "South", "Firm 9"])
    order = ["Goods", "North", *PARTS, "South", *(f"Firm {k}" for k in (6, 7, 8, 9, 10, 11, 12, 0))]
    frame = frame.with_columns(at=pl.col("id").replace_strict(order, range(len(order)), default=99)).sort("at", "year")
    (fault,) = told(frame.drop("at"), controls={"none": "1"})
    assert 'id != "Goods"' in fault.help
    kept = " & ".join(f'id != "Firm {k}"' for k in range(1, 9))
    (fault,) = told(frame.drop("at"), controls={"none": "1"}, sample={"wholes": kept})
    assert "North" not in fault.help
    assert 'id != "Goods"' in fault.help

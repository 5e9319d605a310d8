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


@pytest.mark.parametrize("names", [("合计",), ("Total",), ("East total", "West total"), ("东部小计", "合计（全省）")])
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


@pytest.mark.parametrize("name", ["Totalenergies", "Total SE", "ALL", "SUM", "全国股转", "Totnes"])
def test_other_names_are_no_totals(name):
    assert not found(small_panel().with_columns(pl.col("id").cast(pl.String).replace("1", name)))


def test_ordinary_panels_have_no_total():
    assert not found(small_panel())
    ones = np.isin(small_panel()["id"].to_numpy(), (1, 2)).astype(float)
    assert not found(small_panel().with_columns(x1=pl.Series(ones)))
    counts = pl.when(pl.col("id") == 1).then(2.0).when(pl.col("id") <= 3).then(1.0).otherwise(0.0)
    assert not found(small_panel().with_columns(y=counts))

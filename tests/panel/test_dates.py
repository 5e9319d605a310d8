"""year(), month() and quarter() of dates in every kind of file, and in exported programs of .dta files."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from programs import execute
from specdid._run.prepare import prepare
from specdid.exports import python, r, stata
from specdid.exports._make_script import make_script
from specdid.language import Scope, bind, parse
from specdid.panel import Evaluator

DAYS = [dt.date(1959, 12, 31), dt.date(1960, 1, 1), dt.date(2000, 2, 29), dt.date(2012, 10, 1), dt.date(2019, 6, 30)]
PARTS = {
    "year": [1959, 1960, 2000, 2012, 2019],
    "month": [12, 1, 2, 10, 6],
    "quarter": [4, 1, 1, 4, 2],
}


def study(path, **more) -> dict:
    base = {"data": str(path), "unit": "id", "time": "t", "treatment": "d"}
    return {"study": base, "outcome": {"y": "y"}, "inference": {"draws": 0}, "fixed_effects": {"none": "0"}, **more}


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    d = pd.DataFrame({"id": np.repeat(np.arange(8), 5), "t": np.tile(np.arange(5), 8)})
    d["d"] = ((d["id"] < 4) & (d["t"] > 2)).astype(int)
    return d.assign(y=rng.normal(size=40), day=[DAYS[t] for t in d["t"]])


def parts(made: dict, name: str = "day") -> dict[str, list[float]]:
    prepared = prepare(made)
    evaluator, scope = Evaluator(prepared.panel), Scope.of(prepared.panel.columns)
    return {p: evaluator.numbers(bind(parse(f"{p}({name})"), scope))[:5].tolist() for p in PARTS}


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather"])
def test_dates_of_a_file(tmp_path, ending):
    path = tmp_path / f"data.{ending}"
    table = pl.from_pandas(frame().assign(day=pd.to_datetime(frame()["day"]))).with_columns(pl.col("day").cast(pl.Date))
    {"csv": table.write_csv, "parquet": table.write_parquet, "feather": table.write_ipc}[ending](path)
    made = study(path, controls={"c": "year(day) + month(day) + quarter(day)"})
    assert parts(made) == PARTS


FORMATS = {"td": PARTS, "tc": PARTS, "tm": PARTS, "tq": {k: v for k, v in PARTS.items() if k != "month"}}


@pytest.mark.parametrize("kind", FORMATS)
def test_dates_of_a_stata_file_and_of_its_programs(tmp_path, kind):
    path = tmp_path / "data.dta"
    d = frame().assign(day=lambda d: pd.to_datetime(d["day"]))
    d.to_stata(path, write_index=False, convert_dates={"day": kind})
    made = study(path, controls={"c": "year(day) + factor(quarter(day))", "day": "day"}, study={
        "data": str(path), "unit": "id", "time": "t", "treatment": "d"})  # fmt: skip
    found = parts(made)
    assert {p: found[p] for p in FORMATS[kind]} == FORMATS[kind]
    table = specdid.run(made, audit=0).table
    prepared = prepare(made)
    script = make_script(prepared.plan, prepared.panel, prepared.evaluator, 0)
    answer = execute([python.write(script)])[0]
    np.testing.assert_allclose(answer[0], table["estimate"].iloc[0], rtol=1e-9)
    assert "stata_date(" in r.write(script)
    assert {"td": "year(", "tc": "dofc(", "tm": "dofm(", "tq": "dofq("}[kind] in stata.write(script)


def test_numbers_that_are_no_dates_are_said_to_be_none(tmp_path):
    path = tmp_path / "data.csv"
    frame().assign(day=201212).to_csv(path, index=False)
    faults = specdid.check(study(path, controls={"c": "year(day)"})).errors
    assert "`day` is numeric, 201212 for one, and no date" in faults[0].message
    assert "x %/% 100" in faults[0].help

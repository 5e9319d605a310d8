"""Programs of samples by pattern, of splits and of arms give the numbers of the results."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import r_reader
import specdid
import stata_reader
from programs import execute
from small_studies import small_panel, small_study
from specdid._run.prepare import prepare
from specdid.exports import python, r, stata
from specdid.exports._make_script import make_script
from specdid.exports._stata_values import OPERATORS

STUDIES = {
    "halves": {"sample": {"h": "halves(1)", "named": "halves(1, by = name)"}},
    "windows": {"sample": {"w": "window(year, 4, step = 2)", "e": "drop_last(year, 1) & id > 2"}},
    # one row alone after the other: fixest's own "singleton" takes the first of them alone
    "chain": {"sample": {"c": "id > 9 & year > 2003 | id <= 3 & (year == 2000 + id | year == 2001 + id)"}},
    "arms": {"treatment": {"a": "i(arm, post, ref = 'control')"}},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    arm = (pl.col("id") % 4).replace_strict({0: "control", 1: "cash", 2: "voucher's", 3: "control"})
    made = small_panel(units=2 * OPERATORS + 20).with_columns(
        arm.alias("arm"), (pl.col("year") > 2004).cast(pl.Int64).alias("post"), pl.format("unit {}", "id").alias("name")
    )
    path = tmp_path_factory.mktemp("data") / "panel.csv"
    made.write_csv(path)
    return path


@pytest.mark.parametrize("name", STUDIES)
def test_programs_give_the_numbers_of_the_results(name, file):
    keys = {"unit": "id", "time": "year", "data": str(file), "seed": 7}
    more = {"outcome": {"y": "y"}, "controls": {"x": "x1"}, "fixed_effects": {"e": "id + year"}, "vcov": {"c": "~id"}}
    made = small_study(**{**more, "study": keys, **STUDIES[name]})
    if name != "arms":
        made["study"] = {**keys, "split": "each(arm)"}
    prepared, table = prepare(made), specdid.run(made, audit=0).table
    chosen = range(len(table))[:: max(1, len(table) // 4)]
    scripts = [make_script(prepared.plan, prepared.panel, prepared.evaluator, s) for s in chosen]
    expected = table.iloc[list(chosen)][["estimate", "std_error"]].to_numpy()
    found = [[estimate, errors["c"]] for estimate, errors in execute([python.write(s) for s in scripts])]
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    for write, reader in ((r.write, r_reader), (stata.write, stata_reader)):
        for script, row in zip(scripts, expected, strict=True):
            read = reader.Program().run(write(script))
            np.testing.assert_allclose([read.estimate, read.found["c"]], row, rtol=1e-7)


def test_stata_takes_a_long_list_in_pieces(file):
    keys = {"unit": "id", "time": "year", "data": str(file)}
    prepared = prepare(small_study(study=keys, outcome={"y": "y"}, controls={"n": "1"}, **STUDIES["halves"]))
    code = stata.write(make_script(prepared.plan, prepared.panel, prepared.evaluator, 0))
    longest = max(line.count("==") for line in code.splitlines())
    assert longest == OPERATORS
    assert code.count(" == ") >= 110

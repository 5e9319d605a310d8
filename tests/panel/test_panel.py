"""Nothing depends on the order of the data's rows: not a bit of a result, nor which of equal neighbours is taken."""

import numpy as np
import polars as pl
import pytest
import specdid
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import differences, estimated
from specdid._diagnostics import SpecdidError
from specdid._records import Status
from specdid._run.prepare import prepare
from specdid.panel import read_panel

SEEDS = st.integers(0, 2**32 - 1)
KEYS = {
    "panel": ("id", "year"), "unit alone": ("id", None), "time alone": (None, "year"), "no keys": (None, None),
}  # fmt: skip
MATCH = {"on": "size + age", "treated": "pilot", "method": "nearest", "ratio": 2}


def data(seed: int, units: int = 24, years: int = 4) -> pl.DataFrame:
    """A panel of coarse variables, so that units look alike and neighbours tie."""
    rng = np.random.default_rng(seed)
    unit, year = np.repeat(np.arange(units), years), np.tile(np.arange(2000, 2000 + years), units)
    pilot = np.zeros(units, int)
    pilot[rng.permutation(units)[: units // 3]] = 1
    return pl.DataFrame(
        {
            "id": [f"unit {u}" for u in unit],
            "year": year,
            "pilot": pilot[unit],
            "d": pilot[unit] * (year > 2001),
            "size": rng.integers(0, 3, units)[unit],
            "age": rng.integers(0, 2, units)[unit],
            "x": rng.normal(size=len(unit)),
            "y": rng.normal(size=len(unit)) + unit / 9,
            "other": rng.normal(size=len(unit)),
        }
    )


def study(keys: str, **match: object) -> dict:
    unit, time = KEYS[keys]
    at = {"at": "year == 2001"} if unit is not None else {}
    effects = {"two-way": "id + year"} if keys == "panel" else {"year": "year"}
    head = {name: key for name, key in (("unit", unit), ("time", time)) if key is not None}
    return {
        "study": {**head, "seed": 1},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "fixed_effects": effects,
        "controls": {"none": "1", "x": "x"},
        "weights": {"none": "1", "size": "size + 1"},
        "sample": {"all": "TRUE", "matched": {"match": {**MATCH, **at, **match}}},
        "vcov": {"id": "~id"},
        "inference": {"draws": 9, "cluster": "id"},
    }


def numbers(table: object) -> list[bytes]:
    return [table[name].to_numpy().tobytes() for name in table.columns if table[name].dtype.kind in "fi"]


@pytest.mark.parametrize("keys", KEYS)
@settings(max_examples=examples(8))
@given(SEEDS, st.booleans())
def test_shuffled_rows_and_columns_give_the_same_bits(keys, seed, replace):
    try:
        first = specdid.run(study(keys, replace=replace), data(seed), audit=0)
    except SpecdidError:  # a draw whose score separates
        return
    rng = np.random.default_rng(seed)
    frame = data(seed)[rng.permutation(24 * 4)]
    again = specdid.run(study(keys, replace=replace), frame, audit=0)
    assert (first.table["status"] == "ok").any()
    assert numbers(again.table) == numbers(first.table)
    # What the study does not mention changes nothing where there are units; nor does its place.
    frame = frame.select(sorted(frame.columns))
    assert numbers(specdid.run(study(keys, replace=replace), frame, audit=0).table) == numbers(first.table)


def test_another_control_or_outcome_does_not_change_who_is_matched_without_units(tmp_path):
    data(5).write_csv(tmp_path / "d.csv")
    plain = study("no keys")
    more = {**plain, "outcome": {"y": "y", "other": "other"}}
    found = []
    for content in (plain, more):
        content["study"] = {**content["study"], "data": str(tmp_path / "d.csv")}
        found.append(specdid.run(content, audit=0).table)
    mine = found[1][found[1]["outcome"] == "y"]
    assert mine["nobs"].tolist() == found[0]["nobs"].tolist()
    np.testing.assert_allclose(mine["estimate"].to_numpy(), found[0]["estimate"].to_numpy(), rtol=1e-10)


def test_which_of_equal_neighbours_is_taken_follows_no_variable():
    """Without units a hash decides: over many draws the taken are no larger or smaller than the others."""
    gaps = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        frame = pl.DataFrame({"d": [1] * 5 + [0] * 20, "x": [0.0] * 25, "y": rng.normal(size=25)})
        frame = frame.sort("d", "y")
        content = specdid.read(
            {
                "study": {"seed": 1},
                "outcome": {"y": "y"},
                "treatment": {"d": "d"},
                "sample": {"m": {"match": {"on": "x", "treated": "d"}}},
            }
        )
        panel, _ = read_panel(content, frame)
        y, control = panel.columns["y"].numbers, panel.columns["d"].numbers == 0
        gaps.append(y[control][:5].mean() - y[control].mean())
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / np.sqrt(len(gaps))


def test_messages_name_rows_of_the_file():
    frame = pl.DataFrame(
        {
            "id": [2, 1, 2, 1],
            "year": [2001, 2001, 2000, 2000],
            "d": [1, 0, 0, 0],
            "y": [1.0, 2, 3, 4],
            "w": [1.0, -1.0, 1.0, 1.0],
        }
    )
    content = {
        "study": {"unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "weights": {"w": "w"},
    }
    (fault,) = [f for f in specdid.check(content, frame) if "negative" in f.message]
    assert fault.message.endswith("negative in row 2")
    assert fault.notes == ("row 2 (id 1, year 2001): -1",)
    panel, _ = read_panel(specdid.read(content), frame)
    assert panel.columns["y"].numbers.tolist() == [4, 2, 3, 1]
    assert panel.row_numbers(np.arange(4)).tolist() == [4, 2, 3, 1]


def test_a_file_in_order_is_taken_as_it_is():
    frame = data(1).sort("id", "year")
    panel, _ = read_panel(specdid.read(study("panel")), frame)
    assert panel.file_rows is None


@pytest.mark.parametrize("keys", ["panel", "no keys"])
def test_programs_that_are_written_read_the_rows_of_the_file(tmp_path, keys):
    """Without units a matched sample is written out by the rows' numbers in the file."""
    data(4)[np.random.default_rng(4).permutation(96)].write_csv(tmp_path / "d.csv")
    content = study(keys, ratio=1)
    content["study"]["data"] = str(tmp_path / "d.csv")
    prepared = prepare(content)
    results = estimated(prepared)
    places = np.flatnonzero(results.status == Status.OK).tolist()
    assert len(places) == 8
    assert max(differences(prepared, places, results).values()) < 1e-6

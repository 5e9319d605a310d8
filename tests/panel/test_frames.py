"""Data frames of every kind as panels: values, hashes, and the keys unit and time."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frames_as_panels import as_given, bare_study, faults_of, panel_of
from source_files import TYPED, as_list
from specdid.panel import read_panel

FRAME = {"id": [2, 1, 2], "year": [2010, 2010, 2011], "x": [1.0, None, 0.5], "t": ["b", None, "a"]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda d: pl.LazyFrame(d)])
def test_frames_of_every_kind_are_the_same_panel(make):
    panel, faults = read_panel(bare_study(unit="id", time="year"), make(FRAME))
    assert faults == ()
    assert {k: as_list(c) for k, c in panel.columns.items()} == {
        "id": [1, 2, 2],
        "year": [2010, 2010, 2011],
        "x": [None, 1, 0.5],
        "t": [None, "b", "a"],
    }
    assert panel.row_numbers(np.arange(3)).tolist() == [2, 1, 3]
    assert panel.sha256 == panel_of(FRAME).sha256
    assert panel.path is None


def test_the_hash_of_a_frame_is_of_its_values_and_names():
    hashes = {panel_of(d).sha256 for d in ({"a": [1, 2]}, {"b": [1, 2]}, {"a": [1, 3]}, {"a": ["1", "2"]})}
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([1, 2], "data_type"),
        (pd.DataFrame({"a": []}), "no_rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "duplicate_columns"),
        (pd.DataFrame({"a": [1, "x", object()]}), "mixed_types"),
    ],
)
def test_frames_that_cannot_be_read(data, code):
    panel, (fault,) = read_panel(bare_study(), data)
    assert panel is None
    assert fault.code == code


def test_a_caller_frame_is_never_changed():
    frame = pd.DataFrame(FRAME)
    before = frame.copy(deep=True)
    read_panel(bare_study(unit="id", time="year"), frame)
    pd.testing.assert_frame_equal(frame, before)


def test_units_are_coded_in_sorted_order():
    panel = panel_of(FRAME, "id", "year")
    assert as_given(panel, panel.unit_codes).tolist() == [1, 0, 1]
    assert panel.unit_levels == ("1", "2")
    by_name = panel_of(FRAME | {"t": ["b", "c", "a"]}, "t")
    assert as_given(by_name, by_name.unit_codes).tolist() == [1, 2, 0]


KEYS = {
    "no unit": (FRAME, "city_id", "year", "no_column", "no column `city_id` in the data frame"),
    "missing unit": (FRAME, "t", "year", "missing_unit", "`t` is missing in row 2 of the data frame"),
    "missing time": (FRAME, "id", "x", "missing_time", "`x` is missing in row 2"),
    "text time": (FRAME | {"t": ["2010", "b", "c"]}, "id", "t", "time_not_numeric", "`t` is text"),
    "date time": (
        FRAME | {"d": TYPED["day"].fill_null(strategy="forward")},
        "id",
        "d",
        "time_not_numeric",
        "is a date",
    ),
    "fractions": (
        FRAME | {"q": [2010.25, 2011, 2012]},
        "id",
        "q",
        "time_step",
        "`q` holds 2010.25, which is no whole number",
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_of_the_panel(case):
    frame, unit, time, code, words = KEYS[case]
    (fault,) = faults_of(frame, unit, time)
    assert fault.code == code
    assert words in fault.message


def test_capitals_do_not_hide_what_is_meant(tmp_path):
    (tmp_path / "smart_city.csv").write_text("a\n1\n")
    _, (fault,) = read_panel(bare_study("SMART_CITY.CSV", directory=tmp_path))
    assert fault.help == "did you mean `smart_city.csv`?"
    (fault,) = faults_of(FRAME, "ID", "year")
    assert fault.help == "did you mean `id`?"
    (fault,) = faults_of(FRAME, "id", "year", "MONTH")
    assert fault.help == "did you mean `month`?"


def test_an_unknown_step():
    (fault,) = faults_of(FRAME, "id", "year", "months")
    assert (fault.message, fault.help) == ("`months` is no step of time", "did you mean `month`?")


def test_repeated_unit_and_time_shows_examples():
    (fault,) = faults_of({"city": ["b", "a", "b", "b"], "year": [2011, 2010, 2011, 2011]}, "city", "year")
    assert fault.message == "2 rows repeat a `city` × `year` that is already in the data frame"
    assert fault.notes == ("city b, year 2011: rows 1 and 3", "city b, year 2011: rows 3 and 4")


def test_unit_alone_need_not_be_unique():
    assert panel_of(FRAME, "id").periods is None

"""Parquet, feather, Stata and Excel: types, categories, labels, only the wanted columns."""

import io

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pytest
from source_files import TYPED, plain, workbook
from specdid.panel.cells import ReadError
from specdid.panel.columns import UNREAD


@pytest.mark.parametrize("ending", ["csv", "parquet", "feather", "dta", "xlsx"])
def test_only_the_wanted_columns_are_read(read, ending):
    frame = pl.DataFrame({"a": [1.0], "b": [2.0], "c": ["x"]})
    buffer = io.BytesIO()
    match ending:
        case "csv":
            frame.write_csv(buffer)
        case "parquet":
            frame.write_parquet(buffer)
        case "feather":
            frame.write_ipc(buffer)
        case "dta":
            frame.to_pandas().to_stata(buffer, write_index=False)
        case "xlsx":
            book = openpyxl.Workbook()
            book.active.append(["a", "b", "c"])
            book.active.append([1, 2, "x"])
            book.save(buffer)
    source = read(f"d.{ending}", buffer.getvalue(), columns=["b"])
    assert list(source.columns) == ["a", "b", "c"]
    assert [name for name, column in source.columns.items() if column is UNREAD] == ["a", "c"]
    assert source.columns["b"].numbers.tolist() == [2.0]
    assert source.n_rows == 1


def test_a_file_of_which_nothing_is_wanted_still_has_its_rows(read):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1, 2]}).write_parquet(buffer)
    assert read("d.parquet", buffer.getvalue(), columns=["z"]).n_rows == 2


def test_parquet_is_neither_copied_nor_written_to(read):
    buffer = io.BytesIO()
    pl.DataFrame({"a": [1.0, 2.0], "b": pl.Series([1.5, None], dtype=pl.Float32)}).write_parquet(buffer)
    source = read("d.parquet", buffer.getvalue())
    assert not source.columns["a"].numbers.flags.writeable
    assert not source.columns["a"].numbers.flags.owndata
    assert plain(source)["b"] == [1.5, None]


def test_categories_are_coded_by_their_texts_and_only_those_that_occur(read):
    buffer = io.BytesIO()
    kept = pl.Series(["b", "a", None, "中", "c", "a"], dtype=pl.Categorical).filter(
        [True, True, True, True, False, True]
    )
    pl.DataFrame(
        {"a": kept, "e": pl.Series(["q", None, "z", "q", "b"], dtype=pl.Enum(["z", "unused", "q", "b"]))}
    ).write_parquet(buffer)
    source = read("d.parquet", buffer.getvalue())
    assert source.columns["a"].levels == ("a", "b", "中")
    assert source.columns["a"].codes.tolist() == [1, 0, -1, 2, 0]
    assert source.columns["e"].levels == ("b", "q", "z")
    assert source.columns["e"].codes.tolist() == [1, -1, 2, 1, 0]


@pytest.mark.parametrize("name", ["d.parquet", "d.feather"])
def test_typed_columns(read, name):
    buffer = io.BytesIO()
    (TYPED.write_parquet if name == "d.parquet" else TYPED.write_ipc)(buffer)
    source = read(name, buffer.getvalue())
    assert plain(source) == {
        "i": [1, None, 3],
        "f": [0.5, None, 0.25],
        "t": ["b", "a", None],
        "c": ["u", None, "v"],
        "l": [1, None, 0],
        "day": ["1970-01-01", None, "1971-01-02"],
        "list": [None, None, None],
    }
    assert source.columns["day"].kind == "date"
    assert source.columns["list"].kind == "List(Int64)"


def test_stata_labels_stay_numbers(read):
    buffer = io.BytesIO()
    frame = pd.DataFrame(
        {
            "f": np.array([0.5, np.nan], "f4"),
            "s": ["x", ""],
            "c": pd.Categorical(["low", "high"], ["low", "high"]),
        }
    )
    frame.to_stata(buffer, write_index=False)
    assert plain(read("d.dta", buffer.getvalue())) == {"f": [0.5, None], "s": ["x", None], "c": [0, 1]}


def test_chinese_text_of_old_stata_files(read):
    buffer = io.BytesIO()
    as_latin = "北京".encode("gb2312").decode("latin-1")
    pd.DataFrame({"s": [as_latin, "Perú"]}).to_stata(buffer, write_index=False, version=114)
    assert plain(read("d.dta", buffer.getvalue())) == {"s": ["北京", "Perú"]}


def test_excel(read):
    rows = [["city", "v", "mixed", "b"], ["北京", 1.5, 1, True], ["上海", None, "x", None]]
    source = read("d.xlsx", workbook(rows, "notes"))
    assert plain(source) == {"city": ["北京", "上海"], "v": [1.5, None], "mixed": ["1", "x"], "b": [1, None]}
    assert "only the first sheet, `Sheet`, was read; there are also `notes`" in source.remarks[0].message


def test_excel_without_fastexcel_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
    with pytest.raises(ReadError) as caught:
        read("d.xlsx", workbook([["a"], [1]]))
    assert caught.value.help == "pip install 'specdid[excel]'"

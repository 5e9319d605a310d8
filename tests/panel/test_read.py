"""Files as researchers have them: encodings, types, missing values, and every way to be broken."""

import io
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from frames_as_panels import bare_study, faults_of, panel_of
from specdid.panel import read_panel
from specdid.panel.columns import UNREAD
from specdid.panel.files import read_columns
from specdid.panel.sources import ReadError


@pytest.fixture
def read(tmp_path):
    def _read(name, content, columns=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_columns(path, name, columns and (lambda names: columns))

    return _read


def plain(source):
    """Columns as lists; None is missing."""
    return {name: _plain(column) for name, column in source.columns.items()}


def _plain(column):
    if column.numbers is None:
        return [column.levels[c] if c >= 0 else None for c in column.codes]
    return [None if v != v else v for v in column.numbers.tolist()]


TABLE = {"city": ["上海", "北京", None], "so2": [1.5, None, -3.0], "year": [2010.0, 2011.0, 2012.0]}
CSV = "city,so2,year\n上海,1.5,2010\n北京,NA,2011\n,-3,2012\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings(read, encoding):
    source = read("d.csv", CSV.encode(encoding))
    assert plain(source) == TABLE
    assert source.remarks == ()


def test_gb18030_is_read_and_said(read):
    source = read("d.csv", CSV.encode("gb18030"))
    assert plain(source) == TABLE
    (remark,) = source.remarks
    assert "was read as GB18030: “上海,1.5,2010”" in remark.message


def test_missing_cells_and_logicals(read):
    source = read("d.csv", 'a,b,c\nNA,TRUE,x\n.,false,NaN\n"",NA, y \n null ,True,"a,b"\n1e3,,\n')
    assert plain(source) == {
        "a": [None, None, None, None, 1000],
        "b": [1, 0, None, 1, None],
        "c": ["x", None, "y", "a,b", None],
    }


def test_a_column_that_is_almost_numeric_stays_text_with_the_odd_cells(read):
    column = read("d.csv", 'gdp,y\n"1,234",1\n2,1\n3,1\n12.5*,1\n--,1\n7,1\n8,1\n').columns["gdp"]
    assert column.odd == ("1,234", "12.5*", "--")
    assert column.levels == ("--", "1,234", "12.5*", "2", "3", "7", "8")


def test_text_has_no_odd_cells(read):
    assert read("d.csv", "a,b\nx,1\ny,2\n3,3\n").columns["a"].odd == ()


def test_large_codes_are_warned_of(read):
    (remark,) = read("d.csv", "firm,y\n9007199254740993,1\n9007199254740992,1\n").remarks
    assert "`firm` holds whole numbers beyond 2^53, such as 9007199254740993" in remark.message
    assert read("d.csv", "v,y\n1e300,1\n").remarks == ()


def test_blank_rows_unnamed_columns_and_line_ends(read):
    assert plain(read("d.csv", "\r\n,a,b\r\n1,2,3\r\n\r\n2,4,\r\n,,\r\n")) == {"a": [2, 4], "b": [3, None]}
    assert plain(read("d.csv", "a,b\r1,2\r3,4\r")) == {"a": [1, 3], "b": [2, 4]}


def test_tsv(read):
    assert plain(read("d.tsv", "a\tb\n1\tx, y\n")) == {"a": [1], "b": ["x, y"]}


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
    kept = pl.Series(["b", "a", None, "中", "c", "a"], dtype=pl.Categorical).filter([True, True, True, True, False,
        True])
    pl.DataFrame({"a": kept, "e": pl.Series(["q", None, "z", "q", "b"], dtype=pl.Enum(["z", "unused", "q",
        "b"]))}).write_parquet(buffer)
    source = read("d.parquet", buffer.getvalue())
    assert source.columns["a"].levels == ("a", "b", "中")
    assert source.columns["a"].codes.tolist() == [1, 0, -1, 2, 0]
    assert source.columns["e"].levels == ("b", "q", "z")
    assert source.columns["e"].codes.tolist() == [1, -1, 2, 1, 0]


TYPED = pl.DataFrame(
    {
        "i": [1, None, 3],
        "f": pl.Series([0.5, None, 0.25], dtype=pl.Float32),
        "t": ["b", "a", None],
        "c": pl.Series(["u", None, "v"], dtype=pl.Categorical),
        "l": [True, None, False],
        "day": pl.Series([0, None, 366], dtype=pl.Int32).cast(pl.Date),
        "list": [[1], [2], [3]],
    }
)


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


def workbook(rows, *more_sheets):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in more_sheets:
        book.create_sheet(name)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


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


def archive(*members, level=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", level) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return buffer.getvalue()


def parquet():
    buffer = io.BytesIO()
    TYPED.write_parquet(buffer)
    return buffer.getvalue()


BROKEN = {
    "empty": ("d.csv", "", "empty_file", "`d.csv` is empty"),
    "blank": ("d.csv", "\n \n", "empty_file", "`d.csv` is empty"),
    "header only": ("d.csv", "a,b\n", "no_rows", "`d.csv` has a header and no rows"),
    "duplicate": (
        "d.csv",
        "a,b,a\n1,2,3\n",
        "duplicate_columns",
        "`d.csv`: two columns have the same name: `a`",
    ),
    "semicolons": ("d.csv", "a;b\n1,5;2\n", "delimiter", "separated by semicolons"),
    "tabs": ("d.csv", "a\tb\n1\t2\n", "delimiter", "separated by tabs"),
    "commas": ("d.tsv", "a,b\n1,2\n", "delimiter", "separated by commas"),
    "long row": ("d.csv", "a,b\n1,2\n1,2,3\n", "ragged", "line 3 has 3 cells and the header 2"),
    "short row": ("d.csv", "a,b,c\n1,2,3\n\n4,5\n", "ragged", "line 4 has 2 cells and the header 3"),
    "short row, quotes": ("d.csv", 'a,b,c\n"1\n",2,3\n4,5\n', "ragged", "line 4 has 2 cells"),
    "open quote": ("d.csv", 'a,b\n1,2\n"3,4\n', "ragged", "line 3"),
    "bytes": ("d.csv", b"a,b\n1,\xff\xff\n", "encoding", "neither UTF-8 (line 2) nor GB18030"),
    "utf-16 cut": ("d.csv", b"\xff\xfea\x00,", "encoding", "starts as utf-16-le"),
    "binary": ("d.csv", b"a,b\n\x00\x00", "not_text", "NUL bytes"),
    "renamed workbook": ("d.csv", archive(("a", b"")), "not_text", "looks like Excel"),
    "no parquet": ("d.parquet", b"hello", "not_readable", "`d.parquet` is damaged or cut short"),
    "cut parquet": ("d.parquet", parquet()[:-30], "not_readable", "damaged or cut short"),
    "no feather": ("d.feather", b"hello", "not_readable", "damaged or cut short"),
    "no stata": ("d.dta", b"hello", "not_readable", "damaged or cut short"),
    "cut workbook": ("d.xlsx", workbook([["a"], [1]])[:900], "not_readable", "damaged or cut short"),
    "no workbook": ("d.xlsx", archive(("a", b"x")), "not_readable", "damaged or cut short"),
    "old workbook": ("d.xlsx", b"\xd0\xcf\x11\xe0xx", "not_readable", "old .xls or has a password"),
    "empty sheet": ("d.xlsx", workbook([]), "empty_file", "no cells"),
    "workbook header": ("d.xlsx", workbook([["a", "b", "a"], [1, 2, 3]]), "duplicate_columns", "`a`"),
    "escaping": ("d.xlsx", archive(("../../a.xml", b"x")), "not_readable", "outside its archive"),
    "bomb": (
        "d.xlsx",
        archive(("a.xml", b"0" * (60 << 20))),
        "too_large",
        "would unpack to 60 MB from 0.1 MB",
    ),
    "ending": ("d.xls", b"x", "data_format", "an ending that cannot be read"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files(read, case):
    name, content, code, words = BROKEN[case]
    with pytest.raises(ReadError) as caught:
        read(name, content)
    assert caught.value.code == code
    assert words in caught.value.message


def test_a_zip_that_lies_about_its_size_is_damaged(read):
    raw = bytearray(archive(("a.xml", b"0" * 5000)))
    size = (5000).to_bytes(4, "little")
    while size in raw:
        place = raw.index(size)
        raw[place : place + 4] = (9).to_bytes(4, "little")
    with pytest.raises(ReadError, match="damaged"):
        read("d.xlsx", bytes(raw))


def test_no_such_file_suggests_a_close_one(tmp_path):
    (tmp_path / "smart_city.csv").write_text("a\n1\n")
    _, (fault,) = read_panel(bare_study("smartcity.csv", directory=tmp_path))
    assert (fault.code, fault.message, fault.help) == (
        "no_file",
        "there is no file `smartcity.csv`",
        "did you mean `smart_city.csv`?",
    )
    assert (fault.place.line, fault.place.column, fault.place.length) == (2, 9, 13)


def test_directories_and_devices(tmp_path):
    (tmp_path / "d.csv").mkdir()
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    _, (directory,) = read_panel(bare_study("d.csv", directory=tmp_path))
    _, (device,) = read_panel(bare_study("zero.csv", directory=tmp_path))
    assert (directory.code, device.code) == ("data_format", "not_readable")


def test_a_study_without_data():
    _, (fault,) = read_panel(bare_study())
    assert fault.code == "no_data"


FRAME = {"id": [2, 1, 2], "year": [2010, 2010, 2011], "x": [1.0, None, 0.5], "t": ["b", None, "a"]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda d: pl.LazyFrame(d)])
def test_frames_of_every_kind_are_the_same_panel(make):
    panel, faults = read_panel(bare_study(unit="id", time="year"), make(FRAME))
    assert faults == ()
    assert {k: _plain(c) for k, c in panel.columns.items()} == {
        "id": [2, 1, 2],
        "year": [2010, 2010, 2011],
        "x": [1, None, 0.5],
        "t": ["b", None, "a"],
    }
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
    assert panel.unit_codes.tolist() == [1, 0, 1]
    assert panel.unit_levels == ("1", "2")
    assert panel_of(FRAME | {"t": ["b", "c", "a"]}, "t").unit_codes.tolist() == [1, 2, 0]


def test_the_hash_of_a_file_is_of_its_bytes(read):
    from hashlib import sha256

    assert read("d.csv", CSV).sha256 == sha256(CSV.encode()).hexdigest()


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

"""Parquet, feather, Stata and Excel: types, categories, labels, only the wanted columns.

Every way in which a data file can be broken, misnamed or not there.

Files that are not what they seem, and those that would fill the memory: refused before they do.
"""

import csv
import io
import os
import resource
import subprocess
import sys

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pytest
import specdid
from frames_as_panels import bare_study
from pace import patience
from source_files import TYPED, archive, plain, sheet_in_a_workbook, workbook
from specdid.panel import memory, read_panel
from specdid.panel.columns import UNREAD, ReadError
from specdid.panel.delimited import read_delimited
from specdid.panel.files import read_columns


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
    assert source.remarks[0].help == "where another sheet is meant move it before the first"


def test_text_far_down_a_workbook_makes_its_column_text(read):
    """A type guessed from the first thousand rows would make these cells missing."""
    rows = [["v", "w"], *([k, k] for k in range(2500))]
    rows[2001][0] = "1,234"
    source = read("d.xlsx", workbook(rows))
    assert source.columns["v"].numbers is None
    assert plain(source)["v"][1999:2002] == ["1999", "1,234", "2001"]
    assert plain(source)["w"][2499] == 2499


def saved(rows, change=None):
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    if change is not None:
        change(book)
    book.save(buffer)
    return buffer.getvalue()


def test_numbers_beside_texts_of_a_workbook_are_those_stored(read):
    """Its reader rounds them to nine decimals: 1e-12 was 0."""
    third, long = 1 / 3, 123456789.1234568
    rows = [["a", "b"], [third, 1], [1e-12, "NA"], [None, None], ["x", 0.1 + 0.2], [-4e-10, third], [long, 1e20]]
    source = read("d.xlsx", saved([[None, *row] for row in rows]))
    assert plain(source)["a"] == [repr(third), "1e-12", None, "x", "-4e-10", "123456789.123456806"]
    assert plain(source)["b"] == [1, None, None, 0.3, third, 1e20]


@pytest.mark.parametrize("prefix", ["", "x:"])
def test_numbers_beside_texts_of_a_workbook_without_names_of_cells(read, prefix):
    rows = "<row><c t='inlineStr'><is><t>a</t></is></c></row><row/><row><c><v>1e-12</v></c></row><row><c t='str'>"
    rows += (
        "<f>1</f><v>x</v></c></row><row><c s='0'/></row><row><c t='n'><f>1/3</f><v>0.33333333333333331</v></c></row>"
    )
    rows = rows.replace("</", f"</{prefix}").replace("<", f"<{prefix}").replace(f"<{prefix}/{prefix}", f"</{prefix}")
    given = sheet_in_a_workbook(rows)
    if prefix:
        given = sheet_in_a_workbook("", more={"xl/worksheets/sheet1.xml": prefixed(rows)})
    assert plain(read("d.xlsx", given))["a"] == [None, "1e-12", "x", None, repr(1 / 3)]


def prefixed(rows):
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return f'<x:worksheet xmlns:x="{main}"><x:sheetData>{rows}</x:sheetData></x:worksheet>'.encode()


def test_blank_rows_of_a_workbook_keep_their_place_but_at_its_end(read):
    source = read("d.xlsx", saved([["a", "b"], [1, "x"], [None, " "], [3, "y"], [None, ""], [None, " "]]))
    assert plain(source)["a"] == [1, None, 3]


def test_a_blank_row_above_the_headings_is_no_row(read):
    assert plain(read("d.xlsx", saved([[None, None], [None, "a"], [None, 1], [None, 2]]))) == {"a": [1, 2]}


def test_an_empty_column_of_a_workbook_puts_no_line_of_its_reader_on_the_screen(read, caplog):
    source = read("d.xlsx", saved([["Claims", None, "y"], ["a", None, 3], [1, None, 4]]))
    assert (source.n_rows, caplog.records) == (2, [])


def test_excel_without_fastexcel_says_what_to_install(read, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "fastexcel", None)
    with pytest.raises(ReadError) as caught:
        read("d.xlsx", workbook([["a"], [1]]))
    assert caught.value.help == "pip install 'specdid[excel]'"


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
    "title of one cell": ("d.csv", "Table 1\n\na,b\n1,2\n", "ragged", "line 3 has 2 cells and the header 1"),
    "long row": ("d.csv", "a,b\n1,2\n1,2,3\n", "ragged", "line 3 has 3 cells and the header 2"),
    "short row": ("d.csv", "a,b,c\n1,2,3\n\n4,5\n", "ragged", "line 4 has 2 cells and the header 3"),
    "short row below blank lines": ("d.csv", "\n\na,b,c\n1,2,3\n4,5\n", "ragged", "line 5 has 2 cells"),
    "short row, quotes": ("d.csv", 'a,b,c\n"1\n",2,3\n4,5\n', "ragged", "line 4 has 2 cells"),
    "open quote": ("d.csv", 'a,b\n1,2\n"3,4\n', "ragged", "line 3"),
    "bytes": ("d.csv", b"a,b\n1,\xff\xff\n", "not_readable", "neither UTF-8 (line 2) nor GB18030"),
    "utf-16 cut": ("d.csv", b"\xff\xfea\x00,", "not_readable", "starts as utf-16-le"),
    "binary": ("d.csv", b"a,b\n\x00\x00", "not_readable", "NUL bytes"),
    "renamed workbook": ("d.csv", archive(("a", b"")), "not_readable", "looks like Excel"),
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
    "ending": ("d.xls", b"x", "not_readable", "an ending that cannot be read"),
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
    assert (directory.code, device.code) == ("not_readable", "not_readable")


def test_a_study_without_data():
    _, (fault,) = read_panel(bare_study())
    assert fault.code == "no_data"


@pytest.mark.parametrize("quote", ["", '"'])
@pytest.mark.parametrize("wanted", ["t", "y"])
def test_a_cell_of_200_000_characters_is_read(quote, wanted):
    """Python's csv module takes no cell above 131,072 characters unless told."""
    before = csv.field_size_limit()
    long = quote + "x" * 200_000 + quote
    text = f'id,y,t\n1,"3",a\n1,4,{long}\n2,5,\n'
    columns, rows, _ = read_delimited(text.encode(), ",", lambda names: [wanted])
    assert (list(columns), rows) == (["id", "y", "t"], 3)
    assert csv.field_size_limit() == before


def test_a_name_of_a_million_characters_is_a_fault():
    text = "id,year," + "h" * 1_200_000 + ",y\n1,2001,3,4\n"
    with pytest.raises(ReadError, match="the name of column 3 has 1,200,000 characters"):
        read_delimited(text.encode(), ",", lambda names: names)


def refused(path, name="d"):
    with pytest.raises(ReadError) as caught:
        read_columns(path, name)
    return caught.value


def test_an_ending_that_cannot_be_read_is_refused_unread(tmp_path):
    """Nobody's private files are opened to find that they are no data."""
    path = tmp_path / "secret.txt"
    path.write_text("secret")
    path.chmod(0)
    assert refused(path).code == "not_readable"


@pytest.mark.parametrize("name", ["a" * 300 + ".csv", "b/" * 3000 + "c.csv"])
def test_a_name_that_no_system_takes(tmp_path, name):
    error = refused(tmp_path / name, "d.csv")
    assert error.code in ("not_readable", "no_file")
    assert "d.csv" in error.message


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "d.csv")
    assert refused(tmp_path / "d.csv").message == "`d` is no regular file"


@pytest.mark.parametrize(
    ("target", "code"), [("/dev/zero", "not_readable"), ("/proc/self/environ", "empty_file"), ("d.csv", "no_file")]
)
def test_links_to_devices_to_the_process_and_to_themselves(tmp_path, target, code):
    (tmp_path / "d.csv").symlink_to(target)
    assert refused(tmp_path / "d.csv").code in (code, "not_readable")


@pytest.mark.parametrize("ending", [".csv", ".dta", ".xlsx"])
def test_a_file_larger_than_memory_is_refused_unread(tmp_path, ending):
    path = tmp_path / f"d{ending}"
    with path.open("wb") as file:
        file.truncate(2**42)
    error = refused(path)
    assert error.code == "too_large"
    assert "MB are free" in error.message
    assert ".parquet" in error.help


def test_a_parquet_of_more_cells_than_memory_is_refused_unread(tmp_path, monkeypatch):
    path = tmp_path / "d.parquet"
    pl.select(a=pl.int_range(100_000)).with_columns(b=pl.lit(1.0)).write_parquet(path)
    assert read_columns(path, "d").n_rows == 100_000
    monkeypatch.setattr("specdid.panel.files.available", lambda: 5e6)
    assert refused(path).code == "too_large"
    assert read_columns(path, "d", lambda names: ["a"]).n_rows == 100_000


def test_memory_knows_the_limit_of_the_process():
    before = resource.getrlimit(resource.RLIMIT_AS)
    free = memory.available()
    assert 0 < free < float("inf")
    used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()  # noqa: PTH123, SIM115
    resource.setrlimit(resource.RLIMIT_AS, (used + 200 * 1024**2, before[1]))
    try:
        assert memory.available() <= 200 * 1024**2
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.parametrize("far", ["XFD1048576", "A1048576000", "ZZZZZ5000"])
def test_a_sheet_with_a_cell_far_away_is_refused(tmp_path, far):
    """Read, every empty cell between takes memory, and the reader ends the process when there is none."""
    path = tmp_path / "d.xlsx"
    rows = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row><row r="2"><c r="A2"><v>1</v></c></row>'
    path.write_bytes(sheet_in_a_workbook(rows))
    assert read_columns(path, "d").n_rows == 1
    path.write_bytes(sheet_in_a_workbook(rows + f'<row><c r="{far}"><v>1</v></c></row>'))
    error = refused(path)
    assert error.code == "too_large"
    assert "nearly all of them empty" in error.message


def test_a_far_row_without_cells_of_its_own_is_refused(tmp_path):
    path = tmp_path / "d.xlsx"
    path.write_bytes(sheet_in_a_workbook("<row r='1'><c><v>1</v></c></row><row r='1000000000'><c><v>1</v></c></row>"))
    assert refused(path).code == "too_large"


def test_a_styled_empty_cell_far_away_does_no_harm(tmp_path):
    path = tmp_path / "d.xlsx"
    first = '<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    path.write_bytes(sheet_in_a_workbook(first + '<row r="2"><c r="A2"><v>1</v></c><c r="XFD2" s="1"/></row>'))
    assert read_columns(path, "d").columns["a"].numbers.tolist() == [1.0]


@pytest.mark.parametrize("declared", ["SYSTEM 'file:///etc/passwd'", "'&b;&b;&b;'"])
def test_entities_of_a_workbook_are_not_followed(tmp_path, declared):
    path = tmp_path / "d.xlsx"
    prologue = f"<!DOCTYPE x [<!ENTITY b 'lol'><!ENTITY e {declared}>]>"
    sheet = '<row><c t="inlineStr"><is><t>a</t></is></c></row><row><c t="inlineStr"><is><t>&e;</t></is></c></row>'
    path.write_bytes(sheet_in_a_workbook(sheet, prologue=prologue))
    try:
        found = read_columns(path, "d").columns["a"]
    except ReadError:
        return
    assert "root:" not in "".join(found.levels)
    assert "lollol" not in "".join(found.levels)


def test_a_file_that_changes_while_it_is_read_is_said(tmp_path, monkeypatch):
    path = tmp_path / "d.parquet"
    pl.DataFrame({"a": [1.0]}).write_parquet(path)

    def meanwhile(names):
        path.write_bytes(path.read_bytes() + b"\0")
        return []

    with pytest.raises(ReadError, match=r"changed while|damaged"):
        read_columns(path, "d", meanwhile)


def test_a_pattern_that_matches_what_cannot_be_used(tmp_path):
    frame = pl.DataFrame({"y": [1.0, 2.0, 3.0], "d": [0, 1, 0], "x1": [1.0, 2.0, 4.0], "x2": [[1], [2], [3]]})
    study = {"study": {"title": "x"}, "outcome": {"y": "y"}, "treatment": {"d": "d"}, "controls": {"c": "regex('^x')"}}
    (fault,) = specdid.check(study, frame).errors
    assert (fault.code, fault.help) == ("column_type", "narrow the pattern")
    assert fault.message == "the pattern matches `x2`, which holds List(Int64) and cannot be used"


def test_no_memory_is_a_message_and_not_a_traceback(tmp_path, monkeypatch, capsys):
    from specdid._cli import main
    from specdid._cli.exits import Exit

    def none(specs, form):
        raise MemoryError

    monkeypatch.setattr("specdid._cli.checking.check_specs", none)
    with pytest.raises(SystemExit) as stop:
        main.main(args=["check", "x.toml"], prog_name="specdid")
    assert stop.value.code == Exit.SPEC
    said = capsys.readouterr().err
    assert said == "error: there is not enough memory for this study; take fewer rows or options\n"


def test_a_pandas_memory_error_is_a_fault(tmp_path, monkeypatch):
    (tmp_path / "d.dta").write_bytes(b"x" * 100)

    def none(raw, wanted):
        raise MemoryError

    monkeypatch.setattr("specdid.panel.files.read_stata", none)
    _, (fault,) = read_panel(bare_study("d.dta", directory=tmp_path))
    assert fault.code == "too_large"


def test_errors_of_a_workbook_are_missing_and_said_with_their_cell(read):
    rows = [
        ["id", "y", "x", "z", "u"],
        [1, 1.5, 2, "a", 1],
        [1, "#DIV/0!", 3, "b", 1],
        [2, 2.5, "#N/A", "#REF!", 1],
        [2, "#VALUE!", 4, "c", 1],
    ]
    source = read("d.xlsx", workbook(rows))
    assert plain(source)["y"] == [1.5, None, 2.5, None]
    assert plain(source)["z"] == ["a", "b", None, "c"]
    one = "1 cell with an error of a spreadsheet"
    assert [(r.code, r.message) for r in source.remarks] == [
        (
            "error_cells",
            "`y` has 2 cells with an error of a spreadsheet (#DIV/0!, #VALUE!), the first in data row 2, read as "
            "missing values",
        ),
        ("error_cells", f"`x` has {one} (#N/A), in data row 3, read as a missing value"),
        ("error_cells", f"`z` has {one} (#REF!), in data row 3, read as a missing value"),
    ]


HOSTILE_TAGS = (
    "<c ",
    "<row ",
    '<c r="A1" ',
    '<c t="e" r="A1">',
    '<c r="A1"><f>',
    '<c r="A1"><f/>' + " " * 3000,
    "<a:sheet b:id= ",
)


@pytest.mark.parametrize("end", ["", ">"])
def test_tags_without_end_are_gone_through_once(end):
    """Gone through again from each beginning, as first written, they would take hours."""
    program = (
        "import sys, specdid.panel.files as f\n"
        "for tag in sys.argv[2:]:\n"
        "    sheet = (tag * (1_500_000 // len(tag)) + sys.argv[1]).encode()\n"
        "    list(f._placed(sheet)), f._check_extent(sheet)\n"
    )
    run = [sys.executable, "-c", program, end, *HOSTILE_TAGS]
    assert subprocess.run(run, timeout=patience(60), check=False).returncode == 0

"""Every way in which a data file can be broken, misnamed or not there."""

import csv
import io

import pytest
from frames_as_panels import bare_study
from source_files import TYPED, archive, workbook
from specdid.panel import read_panel
from specdid.panel.cells import ReadError
from specdid.panel.delimited import read_delimited


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

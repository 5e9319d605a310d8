"""CSV and TSV: encodings, missing cells, columns that are almost numbers, blank rows."""

import pytest
from source_files import CSV, TABLE, plain


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


def test_the_hash_of_a_file_is_of_its_bytes(read):
    from hashlib import sha256

    assert read("d.csv", CSV).sha256 == sha256(CSV.encode()).hexdigest()

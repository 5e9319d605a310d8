"""What statistical offices put into sheets: merged cells, lines of units, percents, marks at numbers, stray quotes."""

from __future__ import annotations

import openpyxl
import polars as pl
import pytest
import specdid
from specdid.panel.columns import ReadError, written_column
from specdid.panel.files import read_columns
from specdid.panel.operators import number_advice, other_mark, read_number
from specdid.panel.times import text_time_advice

ROWS = [
    (f"R{u // 2}", f"u{u}", t, int(u % 2 and t > 2010), round(0.1 + u / 50 + t % 7 / 100, 3))
    for u in range(4)
    for t in range(2008, 2013)
]
HEAD = ("region", "unit", "year", "law", "y")


def csv_of(rows, head=HEAD):
    return "\n".join(",".join(map(str, row)) for row in (head, *rows)) + "\n"


def read(tmp_path, text):
    (tmp_path / "d.csv").write_text(text, "utf-8")
    return read_columns(tmp_path / "d.csv", "d.csv")


def check(tmp_path, name="d.csv", **more):
    study = {"data": str(tmp_path / name), "unit": "unit", "time": "year"}
    spec = {"study": study, "outcome": {"y": "y"}, "treatment": {"d": "law"}, "vcov": {"r": "~region"}, **more}
    return specdid.check(spec)


def once(rows, place, key):
    """Blank a column but for the first row of each ``key``."""
    seen = set()
    for row in rows:
        first = key(row) not in seen
        seen.add(key(row))
        yield tuple("" if k == place and not first else v for k, v in enumerate(row))


@pytest.mark.parametrize("key", [lambda row: row[0], lambda row: row[1]])
def test_groups_named_in_their_first_rows_alone_are_told(tmp_path, key):
    rows = list(once(ROWS, 0, key))
    blank = sum(not row[0] for row in rows)
    (tmp_path / "d.csv").write_text(csv_of(rows))
    (fault,) = [f for f in check(tmp_path) if f.code == "blank_below"]
    assert f"“R0” in data row 1, and is blank in {blank} rows" in fault.message
    assert "fill it down" in fault.help


def test_the_group_that_is_named_has_blanks_below_it(tmp_path):
    single = ("R9", "u9", 2008, 0, 0.5)
    (tmp_path / "d.csv").write_text(csv_of([single, *once(ROWS, 0, lambda row: row[1])]))
    (fault,) = [f for f in check(tmp_path) if f.code == "blank_below"]
    assert "“R0” in data row 2, and is blank" in fault.message


@pytest.mark.parametrize(("place", "code"), [(1, "missing_unit"), (2, "missing_time")])
def test_a_key_in_its_first_rows_alone_is_to_be_filled_down(tmp_path, place, code):
    rows = sorted(ROWS, key=lambda row: row[place])
    (tmp_path / "d.csv").write_text(csv_of(once(rows, place, lambda row: row[place])))
    (fault,) = [f for f in check(tmp_path) if f.code == code]
    assert "fill it down" in fault.help


def test_other_gaps_in_texts_are_not_told(tmp_path):
    gaps = [tuple("" if k == 0 and n % 3 else v for k, v in enumerate(row)) for n, row in enumerate(ROWS)]
    late = [tuple("" if k == 0 and n else v for k, v in enumerate(row)) for n, row in enumerate(ROWS)]
    for rows in (ROWS, gaps, late):
        (tmp_path / "d.csv").write_text(csv_of(rows))
        assert "blank_below" not in {f.code for f in check(tmp_path)}
    (tmp_path / "d.csv").write_text(csv_of([("R0", "", *row[2:]) if row[2] == 2009 else row for row in ROWS]))
    assert all("fill it down" not in (f.help or "") for f in check(tmp_path))


def book(path, merged=(), format_=None, rows=ROWS):
    made = openpyxl.Workbook()
    sheet = made.active
    for row in (HEAD, *rows):
        sheet.append(row)
    for cells in merged:
        sheet.merge_cells(cells)
    for (cell,) in sheet.iter_rows(min_row=2, min_col=5, max_col=5):
        cell.number_format = format_ or "General"
    made.save(path)
    return read_columns(path, "d.xlsx")


def test_merged_cells_are_named(tmp_path):
    (remark,) = book(tmp_path / "d.xlsx", ("A2:A11", "A12:A21")).remarks
    assert remark.code == "merged_cells"
    assert "2 cells merged over several rows, the first in A2 (A2:A11, “R0”)" in remark.message
    assert "18 rows are blank" in remark.message
    assert [f.code for f in check(tmp_path, "d.xlsx") if f.code in ("merged_cells", "blank_below")] == ["merged_cells"]
    assert not book(tmp_path / "d.xlsx", ("A30:E31", "D2:E2")).remarks, "no value, or no row below"


@pytest.mark.parametrize("format_", ["0%", "0.0%"])
def test_columns_in_percent_are_told_to_hold_shares(tmp_path, format_):
    (remark,) = book(tmp_path / "d.xlsx", format_=format_).remarks
    assert remark.code == "percent_shares"
    assert "E2 holds 0.16, which is 16%" in remark.message
    assert not book(tmp_path / "d.xlsx", format_='0.0"%"').remarks


def test_texts_of_several_lines_are_no_rows(tmp_path):
    note = '"first, of all\nsecond, and\nthird"'
    rows = [(note, *row[1:]) if n == 3 else row for n, row in enumerate(ROWS)]
    assert read(tmp_path, csv_of(rows)).n_rows == len(ROWS)


@pytest.mark.parametrize("stray", ['u0"', 'u"0', '"u"0', '"u0'])
@pytest.mark.parametrize("above", ["", '"n\n1"'])
def test_a_stray_quote_is_told_with_its_line(tmp_path, stray, above):
    text = csv_of([(above or "R9", *ROWS[-1][1:]), *ROWS])
    with pytest.raises(ReadError) as error:
        read(tmp_path, text.replace("u0", stray, 1))
    assert (error.value.code, f"line {4 if above else 3} " in error.value.message) == ("ragged", True)


@pytest.mark.parametrize("cell", ['"5"" pipe"', '"""a"" of b"', '"a,""b"""', '"a\n""b"""', '""""'])
def test_quotes_within_a_text_are_read(tmp_path, cell):
    assert read(tmp_path, csv_of([(cell, *row[1:]) for row in ROWS])).n_rows == len(ROWS)


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ("12.3*", "write 12.3"), ("12.3 p", "write 12.3"), ("12.3e", "write 12.3"), ("12.3 (b)", "write 12.3"),
        ("1 234 1", "write 1 234"), ("e 12.3", "write 12.3"), ("~12.3", "write 12.3"), ("<5", "is a bound"),
        ("12.3k", "is a unit"), ("(3)", "write -3"), ("..", ""), ("n.a.", ""),
    ],
)  # fmt: skip
def test_what_a_marked_number_means(cell, meant):
    assert (meant in other_mark(cell)) if meant else not other_mark(cell)


@pytest.mark.parametrize("strange", [["12.3*"], ["12.3*", ".."], ["9-12"], ["..", "4 p"]])
def test_no_advice_makes_a_number_missing(strange):
    column, _ = written_column("x", pl.Series([*map(str, range(20)), *strange, strange[0]]))
    advice = number_advice(column, rows=True)
    assert "empty them" not in advice
    assert "NA" not in advice
    assert f", {len(strange) + 1} cells in all" in advice
    assert ("empty “..”" in advice) == (".." in strange)


def test_the_minus_sign_is_read():
    assert (read_number("\u221216.9"), read_number("\u22121\u2009234")) == (-16.9, -1234.0)
    column, _ = written_column("x", pl.Series(["1", "2", "\u221216.9"]))
    assert "parse_number(x) reads them" in number_advice(column)


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (["2008", "2009", "2010", "2011p"], "“2011p” (data row 4); where the period is 2011 write 2011"),
        (["2008", "2009", "2010", "2011 (prov.)"], "write 2011 in the file"),
        (["2008", "2009", "2010", "all"], "“all” (data row 4); write these periods as the others are"),
        (["FY2008", "FY2009"], "2008 for “FY2008”"),
        (["2008/09", "2009/10", "2012/13"], "these are years: number them in a column, 2008 for “2008/09”"),
        (["2008/09", "2008/10"], 'step = "month"'),
    ],
)
def test_times_of_text_are_told_by_their_cells(cells, advice):
    column, _ = written_column("t", pl.Series(cells))
    assert advice in text_time_advice(column)

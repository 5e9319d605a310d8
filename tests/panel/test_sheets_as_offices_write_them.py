"""What statistical offices put into sheets: merged cells, lines of units, percents, marks at numbers, stray quotes."""

from __future__ import annotations

import polars as pl
import pytest
from specdid.panel.columns import ReadError, written_column
from specdid.panel.files import read_columns
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
    ("cells", "advice"),
    [
        (["2008", "2009", "2010", "all"], "“all” (data row 4); write these periods as the others are"),
        (["FY2008", "FY2009"], "2008 for “FY2008”"),
        (["2008/09", "2009/10", "2012/13"], "these are years: number them in a column, 2008 for “2008/09”"),
        (["2008/09", "2008/10"], 'step = "month"'),
    ],
)
def test_times_of_text_are_told_by_their_cells(cells, advice):
    column, _ = written_column("t", pl.Series(cells))
    assert advice in text_time_advice(column)

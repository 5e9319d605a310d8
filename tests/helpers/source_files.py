"""Data files in memory, and the columns that are read from them as lists."""

import io
import zipfile

import openpyxl
import polars as pl


def plain(source):
    """Columns as lists; None is missing."""
    return {name: as_list(column) for name, column in source.columns.items()}


def as_list(column):
    if column.numbers is None:
        return [column.levels[c] if c >= 0 else None for c in column.codes]
    return [None if v != v else v for v in column.numbers.tolist()]


TABLE = {"city": ["上海", "北京", None], "so2": [1.5, None, -3.0], "year": [2010.0, 2011.0, 2012.0]}
CSV = "city,so2,year\n上海,1.5,2010\n北京,NA,2011\n,-3,2012\n"

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


def workbook(rows, *more_sheets):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name in more_sheets:
        book.create_sheet(name)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def archive(*members, level=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", level) as zipped:
        for name, content in members:
            zipped.writestr(name, content)
    return buffer.getvalue()

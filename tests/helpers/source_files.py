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


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>'
)
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def _relations(*parts: tuple[str, str, str]) -> str:
    inside = "".join(f'<Relationship Id="{k}" Type="{_RELATION}/{t}" Target="{p}"/>' for k, t, p in parts)
    space = "http://schemas.openxmlformats.org/package/2006/relationships"
    return f'<Relationships xmlns="{space}">{inside}</Relationships>'


def sheet_in_a_workbook(
    sheet: str, strings: str = "", prologue: str = "", more: dict[str, bytes] | None = None
) -> bytes:
    """Write a workbook by hand, so that it can hold what no program writes."""
    start, kinds = '<?xml version="1.0"?>', f'xmlns:r="{_RELATION}"'
    book = '<sheets><sheet name="one" sheetId="1" r:id="r1"/></sheets>'
    parts = (("r1", "worksheet", "worksheets/sheet1.xml"), ("r2", "sharedStrings", "sharedStrings.xml"))
    texts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": start + _relations(("r1", "officeDocument", "xl/workbook.xml")),
        "xl/workbook.xml": f'{start}<workbook xmlns="{_MAIN}" {kinds}>{book}</workbook>',
        "xl/_rels/workbook.xml.rels": start + _relations(*parts),
        "xl/worksheets/sheet1.xml": (
            f'{start}{prologue}<worksheet xmlns="{_MAIN}"><sheetData>{sheet}</sheetData></worksheet>'
        ),
        "xl/sharedStrings.xml": f'{start}{prologue}<sst xmlns="{_MAIN}">{strings}</sst>',
    }
    files = {name: text.encode() for name, text in texts.items()} | (more or {})
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()

"""Workbooks as programs write them, and hostile ones that no program writes."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from random import Random
from typing import Any

import polars as pl
from fuzz_frames import damaged
from small_studies import small_panel

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


def workbook(sheet: str, strings: str = "", prologue: str = "", more: dict[str, bytes] | None = None) -> bytes:
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


def _without_clock(content: bytes) -> bytes:
    """Write a workbook again without the time of day: a case is a function of its number."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2026-01-01T00:00:00Z", old.read(name))
            new.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _rows(panel: pl.DataFrame, cell: Callable[[Any], str]) -> str:
    lines = [panel.columns, *panel.rows()]
    return "".join("<row>" + "".join(cell(v) for v in line) + "</row>" for line in lines)


def _plain_cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return "<c/>" if value is None else f"<c><v>{value}</v></c>"


def excel_written(random: Random) -> tuple[str, bytes]:
    """Formulas, merged cells, dates, errors, several sheets: as programs write them."""
    import openpyxl

    panel = small_panel(seed=random.randrange(5), units=8, periods=5)
    panel = panel.with_columns(t=pl.Series([random.choice("abc") for _ in range(panel.height)]))
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(panel.columns)
    for row in panel.rows():
        sheet.append(list(row))
    merged = random.random() < 0.3
    for _ in range(random.choice((1, 3, 10))):
        cell = f"{random.choice('ABCDEFGHIJK')}{random.randrange(1, 42)}"
        match random.choice((0, 2, 3, 4, 5, 6)):
            case 0:
                sheet[cell] = random.choice(("=1+1", "=A1", '=HYPERLINK("http://a")', "=1/0", "=cmd|'/c canary'!A1"))
            case 2:
                from datetime import datetime

                sheet[cell] = datetime(2012, 12, 31)
            case 3:
                sheet[cell] = random.choice(("#N/A", "#DIV/0!", "TRUE", " ", "text", "１２"))
            case 4:
                book.create_sheet(random.choice(("two", "=1", "中文", "a" * 31)))
            case 5:
                sheet[cell] = random.choice((1e307, -5, None, True, 0.1))
            case _:
                sheet[f"A{random.choice((1, 60, 500))}"] = random.choice((None, 3, "x"))
    if merged:
        sheet.merge_cells(random.choice(("A1:B1", "A2:C4", "B5:B9")))
    out = io.BytesIO()
    book.save(out)
    content = _without_clock(out.getvalue())
    return "xlsx", damaged(content, random) if random.random() < 0.4 else content


def excel_hostile(random: Random) -> tuple[str, bytes]:
    """Zip bombs, entity expansion, cells at the far end of the sheet, archives that lie or escape."""
    panel = small_panel(units=4, periods=3).with_columns(t=pl.lit("a"))
    plain = _rows(panel, _plain_cell)
    entities = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10 if k else "lol"}">' for k in range(random.choice((3, 9))))
    external = random.choice(("file:///etc/passwd", "http://127.0.0.1:9/canary"))
    match random.randrange(11):
        case 0:
            size = random.choice((10**6, 10**8, 10**9))
            return "xlsx", workbook(plain, more={"xl/media/bomb.bin": _zeros(size)} if size < 10**9 else _nested())
        case 1:
            return "xlsx", workbook(plain + "<row><c><v>&l2;</v></c></row>", prologue=f"<!DOCTYPE x [{entities}]>")
        case 2:
            return "xlsx", workbook(
                plain + "<row><c><v>&e;</v></c></row>", prologue=f'<!DOCTYPE x [<!ENTITY e SYSTEM "{external}">]>'
            )
        case 3:
            far = random.choice(
                ("XFD1048576", "A1048576", "XFD1", "ZZZZ99999999", "A0", "A-1", "A99999999999999999999")
            )
            return "xlsx", workbook(plain + f'<row><c r="{far}"><v>1</v></c></row>')
        case 4:
            return "xlsx", workbook(plain.replace("<v>", "<v> ", 3).replace("<c>", '<c t="s">', random.choice((1, 9))))
        case 5:
            return "xlsx", workbook(plain * random.choice((50, 400)))
        case 6:
            return "xlsx", workbook(plain.replace("</row>", "", random.choice((1, 5))))
        case 7:
            return "xlsx", workbook(plain, strings="<si><t>" + "A" * random.choice((10, 30_000_000)) + "</t></si>")
        case 8:
            return "xlsx", workbook(
                "".join(f"<row r='{r}'><c><v>1</v></c></row>" for r in (1, 2, random.choice((10**6, 10**9, 10**18))))
            )
        case 9:
            return "xlsx", workbook(plain, more={random.choice(("../../canary", "/canary", "C:/canary")): b"x"})
        case _:
            return "xlsx", _lying(workbook(plain), random)


def _zeros(size: int) -> bytes:
    return b"\0" * size


def _nested() -> dict[str, bytes]:
    """A sheet of which there is a gigabyte, packed in a megabyte."""
    return {"xl/worksheets/sheet2.xml": b"<row><c><v>1</v></c></row>" * 2_000_000}


def _lying(content: bytes, random: Random) -> bytes:
    """Change a size or a checksum in the archive's directory."""
    raw = bytearray(content)
    at = raw.find(b"PK\x01\x02", random.randrange(len(raw) // 2))
    if at >= 0:
        offset = at + random.choice((16, 20, 24, 28, 42))
        raw[offset : offset + 4] = struct.pack("<I", random.choice((0, 1, 2**31, 2**32 - 1, zlib.crc32(b"x"))))
    return bytes(raw)

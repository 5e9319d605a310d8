"""Data files as strangers send them: damaged, mislabelled, odd, enormous when unpacked.

Case ``n`` is a function of ``n`` alone, so that a finding can be repeated.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import numpy as np
import polars as pl
from fuzz_keeper import Case
from small_studies import small_panel, small_study

FORMULAS = ("=1+1", "+cmd|'/c canary'!A1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://a")', "'=1")
TEXTS = (
    "", "NA", "nan", "inf", "-Infinity", "1e999", "1e-999", "TRUE", "1,5", "1.5.2", "０１２", "1_000", "0x10", "1e5",
    "2012-12-31", "31/12/2012", "中文", "é" * 50, "x" * 70_000, "\u202e", "a\x00b", "  7  ", "<b>&amp;</b>",
    "\\input{x}",
    "$x_1^2$", "%", "#", "{", "\U0001f600", *FORMULAS,
)  # fmt: skip
NUMBERS = (
    0,
    -1,
    1e308,
    -1e308,
    1e-308,
    5e-324,
    2**53,
    2**53 + 1,
    2**63 - 1,
    float("inf"),
    float("-inf"),
    float("nan"),
    1e300,
    1e150,
)
ODD_NAMES = (
    "",
    " ",
    "y",
    "Y",
    "x 1",
    "=x",
    "`x`",
    "x\ny",
    "中文",
    "x" * 5000,
    "1",
    "x\x00",
    "_",
    ".x",
    "if",
    "T",
    "x,y",
    '"',
    "\u202ex",
)


def data_cases(numbers: Iterator[int] | range) -> Iterator[Case]:
    """Make the cases with these numbers."""
    for n in numbers:
        yield data_case(n)


def data_case(n: int) -> Case:
    """Make case ``n``: a file of one of the formats, spoilt in one of its ways, and a study of it."""
    random = Random(f"data {n}")
    kind, make = KINDS[n % len(KINDS)]
    ending, content = make(random)
    name = f"fuzzed.{ending}"
    spec = study_of(name, random).encode()
    commands = (("check", "case.toml"), ("run", "case.toml", "--out", "out", "--audit", "0", "--jobs", "1"))
    return Case(f"{kind}: {n}", {name: content, "case.toml": spec}, commands)


def study_of(name: str, random: Random) -> str:
    """Write a small study that uses the file's numbers, texts and keys; sometimes without unit and time."""
    from fuzz_specs import toml_of

    keys = {} if random.random() < 0.15 else {"unit": "id", "time": "year"}
    study = small_study(
        study={"title": "fuzzed data", "data": name, **keys},
        outcome={"y": "y"}, treatment={"d": {"term": "d"}},
        controls={"none": "1", "x": random.choice(("x1", "x1 + x2", "I(x1^2)", "factor(t)", "log(x1)", "regex('^x')"))},
        fixed_effects={"two": random.choice(("id + year", "id", "0", "t", "id + t^year"))},
        sample={"all": "TRUE", "some": random.choice(("x1 > 0", "year >= 2002", "t != 'b'", "is.na(x2)"))},
        weights={"no": "1", "w": "w"} if random.random() < 0.3 else {"no": "1"},
        vcov={"a": random.choice(("hetero", "~id", "~t", "~id + year", "iid"))},
        inference={"draws": random.choice((0, 9)), "cluster": "id"},
        figure={"formats": ["svg"]}, run={"jobs": 1, "backend": "serial"},
    )  # fmt: skip
    return toml_of(study)


def frame(random: Random) -> pl.DataFrame:
    """A small panel with a text column, in some of its columns with what nobody expects."""
    panel = small_panel(seed=random.randrange(5), units=8, periods=5)
    panel = panel.with_columns(t=pl.Series([random.choice("abc") for _ in range(panel.height)]))
    for _ in range(random.choice((0, 1, 1, 2))):
        panel = _odd_column(panel, random)
    return panel


def _odd_column(panel: pl.DataFrame, random: Random) -> pl.DataFrame:
    name = random.choice(panel.columns)
    rows = panel.height
    column: pl.Series
    match random.randrange(9):
        case 0:
            values = panel[name].cast(pl.Float64, strict=False).to_list()
            for _ in range(random.choice((1, 3, rows))):
                values[random.randrange(rows)] = float(random.choice(NUMBERS))
            column = pl.Series(values, dtype=pl.Float64)
        case 1:
            column = pl.Series([random.choice(TEXTS) for _ in range(rows)])
        case 2:
            column = pl.Series([None] * rows, dtype=random.choice((pl.Float64, pl.String, pl.Null)))
        case 3:
            column = pl.Series([random.choice(NUMBERS[:9])] * rows, dtype=pl.Float64)
        case 4:
            column = panel[name].cast(pl.Float64, strict=False) * float(
                random.choice((1e150, 1e-150, 1e300, 1e-300, 1e308))
            )
        case 5:
            column = panel[name].cast(pl.String)
            at = random.randrange(rows)
            column = pl.concat([column[:at], pl.Series([random.choice(TEXTS)]), column[at + 1 :]])
        case 6:
            column = pl.Series([random.random() < 0.5 for _ in range(rows)])
        case 7:
            column = panel[name].cast(pl.Float64, strict=False).cast(pl.Float32)
        case _:
            column = pl.Series([float(random.randrange(2)) * random.choice((1, 1e-12)) for _ in range(rows)])
    return panel.with_columns(column.alias(name))


def damaged(content: bytes, random: Random) -> bytes:
    """Flip, cut, repeat or lengthen bytes."""
    raw = bytearray(content)
    if random.random() < 0.3:
        del raw[random.randrange(len(raw) + 1) :]
    for _ in range(random.choice((1, 1, 4, 30))):
        at = random.randrange(len(raw) + 1)
        match random.randrange(5):
            case 0 | 1 if at < len(raw):
                raw[at] = random.randrange(256)
            case 2:
                raw[at:at] = bytes(random.randrange(256) for _ in range(random.randrange(1, 9)))
            case 3:
                del raw[at : at + random.randrange(1, 60)]
            case _:
                raw[at : at + 4] = random.choice((b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\x80"))
    return bytes(raw)


def _csv_damaged(random: Random) -> tuple[str, bytes]:
    return random.choice(("csv", "csv", "tsv")), damaged(_csv_of(frame(random)), random)


def _csv_of(panel: pl.DataFrame, separator: str = ",") -> bytes:
    return panel.write_csv(separator=separator).encode("utf-8", "replace")


def _csv_written(random: Random) -> tuple[str, bytes]:
    """Encodings, line ends, delimiters, ragged rows, headers and quotes."""
    text = _csv_of(frame(random)).decode()
    header, *lines = text.split("\n")
    match random.randrange(12):
        case 0:
            encoding = random.choice(
                ("utf-16", "utf-16-le", "utf-16-be", "gb18030", "utf-8-sig", "latin-1", "utf-32", "utf-7")
            )
            return "csv", (text.replace("a", "上海é")).encode(encoding, "replace")
        case 1:
            return "csv", text.replace("\n", random.choice(("\r\n", "\r", "\n\n", "\u2028", "\x0b", "\n\r"))).encode()
        case 2:
            return "csv", text.replace(",", random.choice((";", "\t", "|", " ", ",,", "，"))).encode()
        case 3:
            for _ in range(random.randrange(1, 5)):
                at = random.randrange(len(lines))
                lines[at] = random.choice(
                    (lines[at] + ",1", lines[at].rpartition(",")[0], "", '"' + lines[at], lines[at] + '"', ",")
                )
        case 4:
            names = header.split(",")
            names[random.randrange(len(names))] = random.choice(ODD_NAMES)
            header = ",".join(names)
        case 5:
            header = random.choice(
                (
                    header + "," + header,
                    "",
                    header.upper(),
                    header + ",",
                    "id",
                    '"' + header,
                    header.replace(",", "\x00,"),
                )
            )
        case 6:
            lines = lines * random.choice((2, 40))
        case 7:
            lines = lines[: random.choice((0, 1, 2))]
        case 8:
            at = random.randrange(len(lines))
            lines[at] = lines[at].replace(",", "," + random.choice(TEXTS), 1)
        case 9:
            lines = [f"{line}," + ",".join(["1"] * 3000) for line in lines]
            header += "," + ",".join(f"q{k}" for k in range(3000))
        case 10:
            lines = [line.replace(",", ', "', 1).replace(",", '",', 2) for line in lines]
        case _:
            return "csv", random.choice(
                (
                    b"",
                    b"\n",
                    b"\x00" * 4096,
                    b"id",
                    b"\xff\xfe",
                    b"\xef\xbb\xbf",
                    b"," * 50_000,
                    b'"' * 9999,
                    b"\n" * 9999,
                )
            )
    return "csv", "\n".join([header, *lines]).encode("utf-8", "replace")


def _stata(random: Random) -> tuple[str, bytes]:
    import pandas as pd

    panel = small_panel(seed=random.randrange(5), units=8, periods=5).to_pandas()
    panel["t"] = [random.choice(("a", "b", "上海", "=1+1", "é")) for _ in range(len(panel))]
    match random.randrange(7):
        case 0:
            panel["t"] = pd.Categorical(panel["t"], categories=["=1+1", "b", "上海", "é", "a"])
        case 1:
            panel["x1"] = panel["x1"].astype("float32")
        case 2:
            panel["x1"] = pd.to_datetime("2012-01-01") + pd.to_timedelta(panel["id"], "D")
        case 3:
            panel["x1"] = random.choice((1e307, -1e307, 1e-300, 0.0))
        case 4:
            panel["id"] = panel["id"].astype("int8")
        case 5:
            panel["t"] = ["x" * random.choice((1, 244, 2045)) for _ in range(len(panel))]
        case _:
            panel["x2"] = np.nan
    out = io.BytesIO()
    labels = {"id": {k: f"label {k}" for k in range(5)}} if random.random() < 0.3 else None
    try:
        panel.to_stata(out, write_index=False, version=random.choice((114, 117, 118, 119)), value_labels=labels)
    except (ValueError, UnicodeError):
        out = io.BytesIO()
        panel.assign(t="a").to_stata(out, write_index=False, version=118)
    return "dta", out.getvalue()


def _stata_damaged(random: Random) -> tuple[str, bytes]:
    return "dta", damaged(_stata(random)[1], random)


def _parquet(random: Random) -> tuple[str, bytes]:
    """Types of every kind: nested, decimals, dictionaries, times, unsigned, half floats, many row groups."""
    panel = frame(random)
    name = random.choice(panel.columns)
    rows = panel.height
    kinds: tuple[Callable[[], pl.Series], ...] = (
        lambda: pl.Series([[1.0, 2.0]] * rows),
        lambda: pl.Series([{"a": 1, "b": "x"}] * rows),
        lambda: pl.Series(["1.25"] * rows).cast(pl.Decimal(10, 2)),
        lambda: pl.Series([random.choice(("b", "=1", "中", None)) for _ in range(rows)], dtype=pl.Categorical),
        lambda: pl.Series([random.choice(("b", "a")) for _ in range(rows)], dtype=pl.Enum(["b", "unused", "a"])),
        lambda: pl.Series([2**40] * rows, dtype=pl.Int64).cast(pl.Datetime("ms")),
        lambda: pl.Series([14_000] * rows, dtype=pl.Int32).cast(pl.Date),
        lambda: pl.Series([10**9] * rows, dtype=pl.Int64).cast(pl.Duration("us")),
        lambda: pl.Series([10**9] * rows, dtype=pl.Int64).cast(pl.Time),
        lambda: pl.Series([2**64 - 1] * rows, dtype=pl.UInt64),
        lambda: pl.Series([random.randrange(-128, 127) for _ in range(rows)], dtype=pl.Int8),
        lambda: pl.Series([b"\xff\x00"] * rows, dtype=pl.Binary),
        lambda: pl.Series([None] * rows, dtype=pl.Null),
        lambda: pl.Series([True, None] * (rows // 2), dtype=pl.Boolean),
        lambda: pl.Series([[[1], []]] * rows),
        lambda: pl.Series([1.5] * rows, dtype=pl.Float32),
    )
    if random.random() < 0.8:
        panel = panel.with_columns(random.choice(kinds)().alias(name))
    out = io.BytesIO()
    if random.random() < 0.15:
        panel.write_ipc(out, compression=random.choice(("uncompressed", "lz4", "zstd")))
        return "feather", out.getvalue()
    compression: Any = random.choice(("zstd", "snappy", "gzip", "uncompressed", "lz4", "brotli"))
    panel.write_parquet(
        out, compression=compression, row_group_size=random.choice((3, 1000)), statistics=random.random() < 0.5
    )
    return "parquet", out.getvalue()


def _parquet_damaged(random: Random) -> tuple[str, bytes]:
    ending, content = _parquet(random)
    match random.randrange(5):
        case 0:
            return ending, content[: random.randrange(len(content))]
        case 1:
            return ending, content[:-8] + struct.pack("<I", random.choice((0, 1, 2**31 - 1, 2**32 - 1))) + content[-4:]
        case 2:
            footer = struct.unpack("<I", content[-8:-4])[0] if ending == "parquet" else 400
            cut = max(0, len(content) - 8 - footer)
            return ending, content[:cut] + damaged(content[cut:-8], random) + content[-8:]
        case _:
            return ending, damaged(content, random)


def _parquet_swelling(random: Random) -> tuple[str, bytes]:
    """Many rows from few bytes."""
    out = io.BytesIO()
    rows = random.choice((10_000, 1_000_000, 20_000_000))
    panel = pl.select(id=pl.int_range(rows) // 10, year=2000 + pl.int_range(rows) % 10, y=pl.lit(1.0), d=pl.lit(0))
    more = {k: pl.lit(1.0) for k in ("x1", "x2", "x3", "w")}
    panel.with_columns(t=pl.lit("a"), **more).write_parquet(out, compression="zstd")
    return "parquet", out.getvalue()


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
            archive.writestr(name, content)
    return out.getvalue()


def _rows(panel: pl.DataFrame, cell: Callable[[Any], str]) -> str:
    lines = [panel.columns, *panel.rows()]
    return "".join("<row>" + "".join(cell(v) for v in line) + "</row>" for line in lines)


def _plain_cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<c t="inlineStr"><is><t>{value}</t></is></c>'
    return "<c/>" if value is None else f"<c><v>{value}</v></c>"


def _excel_written(random: Random) -> tuple[str, bytes]:
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
    content = out.getvalue()
    return "xlsx", damaged(content, random) if random.random() < 0.4 else content


def _excel_hostile(random: Random) -> tuple[str, bytes]:
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


def _wrong_ending(random: Random) -> tuple[str, bytes]:
    """One format under the name of another."""
    content = random.choice((_csv_written, _stata, _parquet, _excel_written))(random)[1]
    return random.choice(("csv", "tsv", "dta", "xlsx", "parquet", "feather")), content


KINDS: tuple[tuple[str, Callable[[Random], tuple[str, bytes]]], ...] = (
    ("csv, damaged", _csv_damaged), ("csv, written oddly", _csv_written), ("csv, written oddly", _csv_written),
    ("csv, odd values", lambda random: ("csv", _csv_of(frame(random)))),
    ("Stata", _stata), ("Stata, damaged", _stata_damaged), ("Stata, damaged", _stata_damaged),
    ("parquet", _parquet), ("parquet", _parquet), ("parquet, damaged", _parquet_damaged), ("parquet, damaged",
        _parquet_damaged),
    ("Excel", _excel_written), ("Excel", _excel_written), ("Excel, hostile", _excel_hostile), ("Excel, hostile",
        _excel_hostile),
    ("wrong ending", _wrong_ending), ("csv, odd values", lambda random: ("csv", _csv_of(frame(random)))),
    ("parquet, odd values", lambda random: ("parquet", _parquet_of(frame(random)))), ("csv, damaged", _csv_damaged),
    ("parquet, swelling", _parquet_swelling),
)  # fmt: skip


def _parquet_of(panel: pl.DataFrame) -> bytes:
    out = io.BytesIO()
    panel.write_parquet(out)
    return out.getvalue()

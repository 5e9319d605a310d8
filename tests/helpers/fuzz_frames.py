"""Small panels with what nobody expects in their columns, and bytes that are damaged."""

from __future__ import annotations

from random import Random

import polars as pl
from small_studies import small_panel

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

"""Data files by their ending; a file is read once, and its hash is of the bytes that were read."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any

import polars as pl

from specdid.panel.archive import check_workbook
from specdid.panel.cells import typed_column, written_column
from specdid.panel.columns import Column
from specdid.panel.delimited import read_delimited, refuse_repeated
from specdid.panel.sources import ReadError, Remark, Source

_Read = tuple[dict[str, Column], int, tuple[Remark, ...]]


def read_columns(path: Path, name: str, columns: Sequence[str] | None = None) -> Source:
    """Read the columns of a data file; ``columns`` None is all of them.

    Raises
    ------
    ReadError
        Where there is no such file or it cannot be read; ``name`` is what messages call it.
    """
    reader = _READERS.get(path.suffix.lower())
    raw = _bytes(path, name)
    if reader is None:
        raise ReadError(
            "data_format",
            f"`{name}` has an ending that cannot be read",
            help="data may be " + " ".join(_READERS),
        )
    if not raw:
        raise ReadError("empty_file", f"`{name}` is empty")
    try:
        found, n_rows, remarks = reader(raw, columns)
    except ReadError as error:
        message = error.message.replace("the file", f"`{name}`", 1).replace("the workbook", f"`{name}`", 1)
        if message == error.message:
            message = f"`{name}`: {message}"
        raise ReadError(error.code, message, error.help, error.notes) from None
    if not n_rows:
        raise ReadError("no_rows", f"`{name}` has no rows")
    wanted = {k: c for k, c in found.items() if columns is None or k in columns}
    return Source(wanted, n_rows, sha256(raw).hexdigest(), remarks)


def _bytes(path: Path, name: str) -> bytes:
    if path.is_dir():
        raise ReadError("data_format", f"`{name}` is a directory; `data` must name one file")
    if not path.exists():
        raise ReadError("no_file", f"there is no file `{name}`", help=_nearby(path))
    if not path.is_file():
        raise ReadError("not_readable", f"`{name}` is no regular file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReadError("not_readable", f"`{name}` cannot be read: {error.strerror}") from None


def _nearby(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no directory `{path.parent}` either; `data` is relative to the spec file"
    here = sorted(p.name for p in path.parent.iterdir() if p.suffix.lower() in _READERS)
    close = get_close_matches(path.name, here, n=1, cutoff=0.5)
    if close:
        return f"did you mean `{close[0]}`?"
    return "data files there: " + ", ".join(f"`{n}`" for n in here[:5]) if here else None


def _csv(raw: bytes, _: Sequence[str] | None) -> _Read:
    return read_delimited(raw, ",")


def _tsv(raw: bytes, _: Sequence[str] | None) -> _Read:
    return read_delimited(raw, "\t")


def _parquet(raw: bytes, columns: Sequence[str] | None) -> _Read:
    wanted = _there(pl.read_parquet_schema, raw, columns)
    return convert(_attempt(lambda: pl.read_parquet(io.BytesIO(raw), columns=wanted)))


def _feather(raw: bytes, columns: Sequence[str] | None) -> _Read:
    wanted = _there(pl.read_ipc_schema, raw, columns)
    return convert(_attempt(lambda: pl.read_ipc(io.BytesIO(raw), columns=wanted)))


def _there(
    schema: Callable[[io.BytesIO], Mapping[str, Any]], raw: bytes, columns: Sequence[str] | None
) -> list[str] | None:
    found = _attempt(lambda: list(schema(io.BytesIO(raw))))
    return None if columns is None else [c for c in found if c in columns]


def _attempt(read: Callable[[], Any]) -> Any:
    """Read, and make a ReadError of whatever a damaged file raises, a panic of the reader included."""
    try:
        return read()
    except (ReadError, KeyboardInterrupt, SystemExit, MemoryError):
        raise
    except BaseException:  # a Rust panic is no Exception
        advice = "copy or export it again"
        raise ReadError("not_readable", "the file is damaged or cut short", advice) from None


def convert(frame: pl.DataFrame) -> _Read:
    """Convert a typed frame's columns."""
    columns: dict[str, Column] = {}
    remarks: list[Remark] = []
    for series in frame.iter_columns():
        columns[series.name], notes = typed_column(series.name, series)
        remarks += notes
    return columns, frame.height, tuple(remarks)


def _excel(raw: bytes, _: Sequence[str] | None) -> _Read:
    check_workbook(raw)
    try:
        import fastexcel
    except ImportError:
        raise ReadError(
            "missing_extra", "reading .xlsx needs the package fastexcel", help="pip install 'specdid[excel]'"
        ) from None
    book: Any = _attempt(lambda: fastexcel.read_excel(raw))
    first = _attempt(lambda: book.load_sheet(0, header_row=None, n_rows=1, dtypes="string").to_polars())
    if not first.height:
        raise ReadError("empty_file", "the file is empty: its first sheet has no cells")
    names = [str(v).strip() if v is not None else "" for v in first.row(0)]
    refuse_repeated([n for n in names if n])
    frame = _attempt(lambda: book.load_sheet(0, header_row=None, skip_rows=1, column_names=None).to_polars())
    columns: dict[str, Column] = {}
    remarks: list[Remark] = list(_other_sheets(book.sheet_names))
    for name, series in zip(names, frame.iter_columns(), strict=False):
        if name:
            column = written_column if series.dtype == pl.String else typed_column
            columns[name], notes = column(name, series)
            remarks += notes
    return columns, frame.height, tuple(remarks)


def _other_sheets(sheets: Sequence[str]) -> tuple[Remark, ...]:
    if len(sheets) < 2:
        return ()
    others = ", ".join(f"`{s}`" for s in sheets[1:4])
    return (Remark("sheets", f"only the first sheet, `{sheets[0]}`, was read; there are also {others}"),)


def _stata(raw: bytes, columns: Sequence[str] | None) -> _Read:
    from specdid.panel.stata import read_stata

    return convert(_attempt(lambda: read_stata(raw, columns)))


_READERS: dict[str, Callable[[bytes, Sequence[str] | None], _Read]] = {
    ".csv": _csv,
    ".tsv": _tsv,
    ".parquet": _parquet,
    ".feather": _feather,
    ".dta": _stata,
    ".xlsx": _excel,
}

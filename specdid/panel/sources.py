"""What reading gives: columns and remarks, or the one reason why there are none."""

from __future__ import annotations

from dataclasses import dataclass

from specdid._diagnostics import SpecdidError
from specdid.panel.columns import Column


class ReadError(SpecdidError):
    """Data that cannot be read; becomes a fault at the place where the file is named."""

    def __init__(self, code: str, message: str, help: str | None = None, notes: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.notes = notes


@dataclass(frozen=True, slots=True)
class Remark:
    """A warning about data that could be read."""

    code: str
    message: str
    help: str | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Columns as read, in data order."""

    columns: dict[str, Column]
    n_rows: int
    sha256: str
    remarks: tuple[Remark, ...] = ()

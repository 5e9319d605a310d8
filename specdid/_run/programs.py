"""Programs of some specifications for report.html, which a reader copies."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from specdid import _plugins
from specdid._curve import Curve
from specdid._programs.script import DataFile
from specdid._run.prepare import Prepared
from specdid._run.show import script_of
from specdid.exports._base import Export, NoProgramError
from specdid.report._choices import Programs, with_programs


def programs(prepared: Prepared, curve: Curve) -> Programs:
    """Write programs of the preferred specification, both ends, the median and the neighbours, in every language.

    Paths in them are from the working directory, so that a report that is passed on does not tell of a disk.
    """
    document = prepared.study.document
    exports = _plugins.every("exports")
    common = prepared.study.missing == "common"  # where each program needs the rows of all others
    places = with_programs(curve, prepared.panel.n_rows)[: 1 if common else None]
    return Programs(
        nearby(document.name) if document else "",
        tuple((export.name, export.title) for export in exports),
        {place: tuple(_written(prepared, place, exports)) for place in places},
    )


def _written(prepared: Prepared, place: int, exports: Sequence[Export]) -> Iterator[tuple[str, str]]:
    script = script_of(prepared, place)
    script = replace(script, source=_near_file(script.source))
    for export in exports:
        with suppress(NoProgramError):
            yield export.title, export.write(script)


def _near_file(file: DataFile) -> DataFile:
    return replace(file, path=nearby(file.path) if file.path else "", joined=tuple(map(_near_file, file.joined)))


def nearby(path: str) -> str:
    """Return a path from the working directory; as it is where that cannot be, on another drive of Windows."""
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:
        return Path(path).as_posix()

"""One specification as one text: in words, as a table, and as code in every language."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._plan import Status
from specdid._run.owner import default_directory
from specdid._run.prepare import Prepared, Source, prepare
from specdid._run.show import code_of, describe, find, script_of, stored_results, with_content
from specdid.exports._base import NoProgramError


def show(
    study: Source,
    which: str = "preferred",
    data: Any = None,
    out: str | Path | None = None,
    code: str | None = None,
) -> str:
    """Show one specification of a study: in words, as a regression table, and as code.

    Parameters
    ----------
    study
        A Study, the path of a spec file, or a dict of the same shape.
    which
        Its id or the beginning of one, its rank as ``#41``, or ``preferred``.
    data
        A pandas, polars or Arrow frame in place of the file named by the study.
    out
        Where a run left results, for ranks and the null's p; ``outputs/<name>`` by default.
    code
        ``python``, ``r``, ``stata`` or another of exports/: the program in this language alone.

    Returns
    -------
    str

    Raises
    ------
    SpecError
        The study or its data are wrong, or there is no such specification.
    """
    prepared = prepare(study, data)
    directory = Path(out) if out is not None else default_directory(prepared.study)
    return shown_text(prepared, which, directory, code)


def shown_text(prepared: Prepared, which: str, directory: Path, language: str | None) -> str:
    """Write one specification of a prepared study; see :func:`show`."""
    results = stored_results(prepared, directory)
    found = find(prepared, which, results, directory)
    if language is not None:
        return code_of(prepared, found.place, language)
    lines = [_visible(line) for line in describe(prepared, found, results, directory)]
    return "\n".join([*lines, *_codes(prepared, found.place)]) + "\n"


def _codes(prepared: Prepared, place: int) -> Iterator[str]:
    """Return the specification in every language, each under its title; none where it is excluded."""
    place = with_content(prepared.plan, place)
    if prepared.plan.status[place] == Status.EXCLUDED:
        return
    script = script_of(prepared, place)
    for export in _plugins.every("exports"):
        try:
            code = export.write(script)
        except NoProgramError as error:
            code = f"There is {error}."
        yield from ("", f"== {export.title} ==", "", code.rstrip("\n"))
    for name, why in _plugins.broken("exports").items():
        yield from ("", f"== {name} ==", "", why)


def _visible(line: str) -> str:
    """Put a space for what a terminal would obey: labels are a stranger's text."""
    return "".join(c if c.isprintable() else " " for c in line)

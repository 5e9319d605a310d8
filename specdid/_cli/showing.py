"""``specdid show``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import OutputError

if TYPE_CHECKING:
    from specdid._run.prepare import Prepared


def show_spec(spec: Path, which: str, out: Path | None, language: str | None, target: Path | None) -> Exit:
    """Print one specification with code that reproduces it, or the code of one language alone."""
    from specdid._run.prepare import prepare
    from specdid._run.show import code_of, describe, find, stored_results

    prepared = prepare(spec)
    print_faults(prepared.warnings)
    directory = out if out is not None else Path("outputs") / prepared.study.stem
    results = stored_results(prepared, directory)
    found = find(prepared, which, results, directory)
    if language is not None:
        _give(code_of(prepared, found.place, language), target)
        return Exit.OK
    lines = [_visible(line) for line in describe(prepared, found, results, directory)]
    text = "\n".join([*lines, *_codes(prepared, found.place)])
    _give(text + "\n", target)
    return Exit.OK


def _codes(prepared: Prepared, place: int) -> list[str]:
    """Give the specification in every language, each under its title; none where it is excluded."""
    from specdid import _shelf
    from specdid._diagnostics import SpecError
    from specdid._run.show import LANGUAGES, code_of

    lines: list[str] = []
    for name in LANGUAGES:
        try:
            code = code_of(prepared, place, name)
        except SpecError:
            return []
        lines += ["", f"== {_shelf.load('exports', name).title} ==", "", code.rstrip("\n")]
    return lines


def _visible(line: str) -> str:
    """Put a space for what a terminal would obey: labels are a stranger's text."""
    return "".join(c if c.isprintable() else " " for c in line)


def _give(text: str, target: Path | None) -> None:
    if target is None:
        click.echo(text, nl=False)
        return
    try:
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    click.echo(f"wrote {target}")

"""``specdid show``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import OutputError


def show_spec(spec: Path, which: str, out: Path | None, language: str | None, target: Path | None) -> Exit:
    """Print one specification with code that reproduces it, or the code of one language alone."""
    from specdid._run.manifest import default_directory
    from specdid._run.prepare import prepare
    from specdid._run.show import shown_text

    prepared = prepare(spec)
    print_faults(prepared.warnings)
    directory = out if out is not None else default_directory(prepared.study)
    _give(shown_text(prepared, which, directory, language), target)
    return Exit.OK


def _give(text: str, target: Path | None) -> None:
    if target is None:
        click.echo(text, nl=False)
        return
    try:
        target.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write {target}: {error.strerror}") from error
    click.echo(f"wrote {target}")

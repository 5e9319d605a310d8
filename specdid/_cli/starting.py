"""``specdid init``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit
from specdid._diagnostics import OutputError

_NEXT = {
    "check": "find every mistake, estimate nothing",
    "plan": "count the specifications",
    "run": "estimate, test and draw them",
}


def start_project(directory: Path) -> Exit:
    """Write the starter spec and its panel, never over existing files."""
    from specdid._example import write_starter

    try:
        paths = write_starter(directory)
    except FileExistsError as error:
        raise OutputError(f"{error.filename} exists already: give another directory") from error
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror}") from error
    for path in paths:
        click.echo(f"wrote {path}")
    click.echo("\nnext:")
    for command, does in _NEXT.items():
        click.echo(f"  specdid {command:<5} {paths[0]}   {does}")
    return Exit.OK

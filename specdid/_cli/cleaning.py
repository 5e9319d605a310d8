"""``specdid clean``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit


def clean_directory(directory: Path) -> Exit:
    """Remove the stored chunks of a results directory."""
    from specdid._run.output import clean_output

    freed = clean_output(directory)
    click.echo(f"{directory}: {freed / 1e6:,.1f} MB removed" if freed else f"{directory}: nothing to remove")
    return Exit.OK

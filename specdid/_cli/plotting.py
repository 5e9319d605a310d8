"""``specdid plot``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit


def plot_directory(directory: Path, sort: str | None, formats: tuple[str, ...]) -> Exit:
    """Draw the curve of a results directory again."""
    from specdid._run.write import draw_again

    for path in draw_again(directory, sort, formats):
        click.echo(str(path))
    return Exit.OK

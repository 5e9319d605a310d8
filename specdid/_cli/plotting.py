"""``specdid plot``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit


def plot_directory(directory: Path, sort: str | None, formats: tuple[str, ...]) -> Exit:
    """Draw the curve of a results directory again."""
    from specdid._records.cautions import against
    from specdid._run.write import draw_again, read_warnings

    paths, warnings = draw_again(directory, sort, formats)
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)
    if failed := against(read_warnings(directory)).failed:
        click.echo(f"warning: {failed}; the figure says so", err=True)
    for path in paths:
        click.echo(str(path))
    return Exit.OK

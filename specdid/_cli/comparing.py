"""``specdid compare``: tables on a terminal, plain Markdown in a pipe, files on request."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from specdid._cli.exits import Exit
from specdid._run.comparison import FIGURE_ENDINGS, TEXT_ENDINGS, compare, write_comparison, write_figure
from specdid.report.comparison import Block, blocks, markdown


def compare_directories(old: Path, new: Path, target: Path | None, figure: Path | None) -> Exit:
    """Print what changed between two runs, and write it where asked."""
    _check_ending(target, TEXT_ENDINGS, "--write")
    _check_ending(figure, FIGURE_ENDINGS, "--figure")
    found = compare(old, new)
    if sys.stdout.isatty():
        _print_tables(blocks(found))
    else:
        click.echo(markdown(found), nl=False)
    if target is not None:
        write_comparison(found, target)
        click.echo(f"wrote {target}", err=True)
    if figure is not None:
        for warning in write_figure(found, figure):
            click.echo(f"warning: {warning}", err=True)
        click.echo(f"wrote {figure}", err=True)
    return Exit.OK


def _check_ending(path: Path | None, endings: tuple[str, ...], option: str) -> None:
    if path is not None and path.suffix not in endings:
        raise click.BadParameter(f"the file must end in {', '.join(endings)}", param_hint=option)


def _print_tables(found: tuple[Block, ...]) -> None:
    """Print with rich; every cell as text, so that a label is never markup."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    for block in found:
        console.print(Text(f"\n{block.title}", style="bold"))
        for line in block.lines:
            console.print(Text(line))
        if block.rows:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
            for k, name in enumerate(block.header):
                text = k < block.texts
                table.add_column(Text(name), justify="left" if text else "right", overflow="fold", no_wrap=not text)
            for row in block.rows:
                table.add_row(*(Text(cell) for cell in row))
            console.print(table)

"""The short commands: show, plot, compare, clean and init; what each needs is imported where it runs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import Fault, OutputError, SpecError, did_you_mean, many

if TYPE_CHECKING:
    from specdid.report.comparison import ComparedBlock

_NEXT = {
    "check": "find every mistake, estimate nothing",
    "plan": "count the specifications",
    "run": "estimate, test and draw them",
}


def show_spec(spec: Path, which: str, out: Path | None, language: str | None, target: Path | None) -> Exit:
    """Print one specification as a table, or code that reproduces it."""
    from specdid._run.manifest import default_directory
    from specdid._run.prepare import prepare
    from specdid._run.show import shown_text

    prepared = prepare(spec)
    if language is None:
        print_faults(prepared.warnings)
    elif count := len(prepared.warnings):
        click.echo(f"{many(count, 'warning')} of this file: `specdid check {spec}` shows them", err=True)
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


def compare_directories(old: Path, new: Path, target: Path | None, figure: Path | None) -> Exit:
    """Print what changed between two runs, and write it where asked."""
    from specdid._run.comparison import FIGURE_ENDINGS, TEXT_ENDINGS, compare, write_comparison, write_figure
    from specdid.report.comparison import blocks, markdown

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


def _print_tables(found: tuple[ComparedBlock, ...]) -> None:
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


def clean_directory(directory: Path) -> Exit:
    """Remove the stored chunks of a results directory."""
    from specdid._run.output import clean_output

    freed = clean_output(directory)
    click.echo(f"{directory}: {freed / 1e6:,.1f} MB removed" if freed else f"{directory}: nothing to remove")
    return Exit.OK


def explain_word(word: str, everything: bool) -> Exit:
    """Print what is known of a word, the groups of words where there is none, or the whole manual."""
    from specdid import _manual

    if everything:
        click.echo(_manual.markdown(), nl=False)
        return Exit.OK
    if not word:
        click.echo(_manual.listing(), nl=False)
        return Exit.OK
    found = _manual.find(word)
    if not found:
        names = [name for entry in _manual.entries() for name in (entry.name, entry.last)]
        help_ = did_you_mean(word, names) or "`specdid explain` lists what there is"
        raise SpecError([Fault("unknown_name", f"nothing is known of `{word}`", help=help_)])
    click.echo(_manual.screen(found), nl=False)
    return Exit.OK


def print_schema() -> Exit:
    """Print the schema of spec files."""
    click.echo(schema_text(), nl=False)
    return Exit.OK


@cache
def schema_text() -> str:
    """Return the schema as it is written into a file."""
    from specdid._manual import schema

    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def start_project(directory: Path) -> Exit:
    """Write the starter spec, its panel and the schema that editors read, never over existing files."""
    from specdid._example import write_starter

    try:
        paths = write_starter(directory, schema_text())
    except FileExistsError as error:
        raise OutputError(f"{error.filename} exists already: give another directory") from error
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror}") from error
    say_next(paths)
    return Exit.OK


def say_next(paths: Sequence[Path]) -> None:
    """Print what was written and the commands that come next for the first of it, the spec."""
    for path in paths:
        click.echo(f"wrote {path}")
    click.echo("\nnext:")
    for command, does in _NEXT.items():
        click.echo(f"  specdid {command:<5} {paths[0]}   {does}")

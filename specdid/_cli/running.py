"""``specdid run``: progress while it runs, then what came out, in a screen, and where the files are."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import click

from specdid._audit import start_reference
from specdid._cli.exits import Exit, print_faults
from specdid._records.cautions import FAILED, against
from specdid._run.manifest import default_directory
from specdid._run.pipeline import Interrupted, estimate
from specdid._run.prepare import prepare
from specdid._run.write import OUTPUT_FAILED
from specdid._words import say, speaking
from specdid.engine.execute import Progress, Recalled
from specdid.report.summary import plain, terminal_summary

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_BOLD_BEGUN = re.compile(r"\*\*([^*]+)\*\*")
_TEXT_LEAST = 24
"""Columns that the texts of a table need."""


def run_spec(
    spec: Path,
    out: Path | None,
    jobs: int | None,
    audit: int | None,
    quiet: bool,
    fresh: bool = False,
    ignore_memory: bool = False,
    verbose: bool = False,
) -> Exit:
    """Run a spec file; the exit code says how it ended."""
    if audit != 0:
        start_reference()
    prepared = prepare(spec)
    if not quiet:
        print_faults(prepared.warnings)
    directory = out if out is not None else default_directory(prepared.study)
    interrupted = False
    try:
        with _progress(quiet) as progress:
            curve = estimate(prepared, directory, jobs, audit, progress, fresh, ignore_memory, chosen=out is not None)
    except Interrupted as stop:
        curve, interrupted = stop.curve, True
    if not quiet:
        if verbose:
            _print_summary(curve.summary())
        with speaking(prepared.study.language):
            _print_summary(terminal_summary(curve))
            click.echo(say("files are in {directory}/; start with summary.md or report.html", directory=directory))
    return _code(curve, interrupted, quiet)


def _print_summary(summary: str) -> None:
    """Print it as wide as the terminal, or as Markdown into a file or a pipe."""
    if not sys.stdout.isatty():
        click.echo(summary)
        return

    print_markdown(f"{summary}\n")


def _code(curve: Any, interrupted: bool, quiet: bool) -> Exit:
    if interrupted:
        click.echo(
            "interrupted: what was done is kept, the rest is marked `interrupted`; "
            "to go on, give the same command again",
            err=True,
        )
        return Exit.INTERRUPTED
    if curve.audit is not None and curve.audit.failed:
        found = against(curve.warnings)
        click.echo(f"error: {found.failed}", err=True)
        if quiet:
            click.echo("\n".join(f"  {line}" for line in found.details), err=True)
        return Exit.AUDIT
    if curve.audit is not None and curve.audit.not_done:
        click.echo(f"error: the audit could not be done: {curve.audit.not_done}", err=True)
        click.echo("the results are whole and no other program has confirmed them; --audit 0 asks for none", err=True)
        return Exit.INTERNAL
    failed = [str(c) for c in curve.warnings if c.code == OUTPUT_FAILED]
    if failed:
        click.echo("\n".join(f"internal error: {line}" for line in failed), err=True)
        click.echo("the other files are whole; please report the lines above", err=True)
        return Exit.INTERNAL
    if curve.counts.ok == 0:
        click.echo("error: nothing could be estimated; the summary says why", err=True)
        return Exit.NOTHING
    return Exit.OK


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    if quiet:
        yield lambda stage, done, total: None
    elif sys.stderr.isatty():
        with _Bar() as bar:
            yield bar
    else:
        yield _Lines()


class _Lines:
    """Plain lines for logs: one when a stage begins, then at most one every ten seconds."""

    def __init__(self) -> None:
        self._stage = ""
        self._next = 0.0
        self._begun = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = time.monotonic()
        if isinstance(stage, Recalled):
            click.echo(f"{done:,} of {total:,} {stage} taken from an earlier run", err=True)
        elif stage != self._stage:
            self._stage, self._begun, self._next = stage, now, now + 10
            click.echo(f"{stage}: {total:,}" if total else stage, err=True)
        elif now >= self._next and done < total:
            rate = done / max(now - self._begun, 1e-9)
            left = (total - done) / max(rate, 1e-9)
            click.echo(f"{stage}: {done:,} of {total:,}, {rate:,.0f}/s, {left:,.0f} s left", err=True)
            self._next = now + 10


class _Bar:
    """A bar with rate and time left, on a terminal."""

    def __enter__(self) -> _Bar:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        self._bar = Progress(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            TextColumn("{task.fields[count]}"),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, Any] = {}
        self._bar.start()
        return self

    def __call__(self, stage: str, done: int, total: int) -> None:
        if isinstance(stage, Recalled):
            self._bar.console.print(f"{done:,} of {total:,} {stage} taken from an earlier run", highlight=False)
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=total or None, count="", rate="")
        task = self._tasks[stage]
        speed = self._bar.tasks[task].speed
        count, rate = f"{done:,}/{total:,}" if total else "", f"{speed:,.0f}/s" if speed else ""
        self._bar.update(task, completed=done, total=total or None, count=count, rate=rate)

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def print_markdown(text: str) -> None:
    """Print a summary as wide as the terminal."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    for is_table, lines in groupby(text.splitlines(), key=lambda line: line.startswith("|")):
        if is_table:
            _print_table(console, [_cells(plain(line)) for line in lines])
        else:
            for line in lines:
                _print_line(console, plain(line))


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _BETWEEN_CELLS.split(line)[1:-1]]


def _print_line(console: Console, line: str) -> None:
    """Print a heading in bold, an item of a list with its further lines indented, or a paragraph."""
    from rich.padding import Padding
    from rich.text import Text

    heading = re.match(r"#+ ", line)
    item = re.match(r" *- ", line)
    if heading is not None:
        words = line[heading.end() :]
        console.print(Text(words, style="bold reverse red" if words == FAILED else "bold"))
    elif item is not None:
        first, *rest = _bold_begun(line[item.end() :]).wrap(console, max(console.width - item.end(), 20))
        console.print(Text(item.group()).append_text(first), overflow="fold")
        for more in rest:
            console.print(Padding(more, (0, 0, 0, item.end())))
    else:
        console.print(_bold_begun(line), overflow="fold")


def _bold_begun(line: str) -> Text:
    """Return a line whose beginning between ** is bold, as that of a warning."""
    from rich.text import Text

    begun = _BOLD_BEGUN.match(line)
    if begun is None:
        return Text(line)
    return Text(begun[1], style="bold").append(line[begun.end() :], style="not bold")


def _print_table(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """Print a table, or where its numbers have no place beside each other its rows below each other."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    header, rule, *body = rows
    right = [cell.endswith(":") for cell in rule]
    least = [max(_longest(cells), 3) if r else 0 for r, cells in zip(right, _columns(header, body), strict=True)]
    if sum(least) + 3 * (len(least) - 1) + _TEXT_LEAST > console.width:
        _print_rows(console, header, body)
        return
    whole = sum(_longest(cells) + 3 for cells in zip(header, *body, strict=True)) - 3
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name, numeric, width in zip(header, right, least, strict=True):
        # Where room is short, headings of numbers are broken before texts are.
        most = width if numeric and whole > console.width else None
        table.add_column(
            Text(name), justify="right" if numeric else "left", overflow="fold", min_width=width or None, max_width=most
        )
    for row in body:
        table.add_row(*(Text(cell) for cell in row))
    console.print(table)


def _columns(header: Sequence[str], body: Sequence[Sequence[str]]) -> Iterator[list[str]]:
    """Return what cannot be broken in every column: the words of its heading, whole cells."""
    for k, name in enumerate(header):
        yield [*name.split(" "), *(row[k] for row in body)]


def _longest(cells: Sequence[str]) -> int:
    from rich.cells import cell_len

    return max(map(cell_len, cells), default=0)


def _print_rows(console: Console, header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Print a row's first cell, and below it the others under their names, none of them broken."""
    from rich.text import Text

    for row in body:
        console.print(Text(row[0]))
        line = " "
        for name, cell in zip(header[1:], row[1:], strict=True):
            fact = f" {name}: {cell};"
            if line != " " and _longest([line + fact]) > console.width:
                console.print(Text(line), overflow="fold")
                line = " "
            line += fact
        console.print(Text(line.removesuffix(";")), overflow="fold")

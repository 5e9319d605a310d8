"""``specdid init --data``: a draft for a panel, checked before it is left there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from specdid._cli.commands import say_next, schema_text
from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import Fault, Faults, OutputError, SpecError
from specdid._draft import (
    Chosen,
    Facts,
    code_draft,
    code_findings,
    decoded,
    draft_text,
    facts_of,
    findings,
    look,
    read_code,
    treatment_of,
)
from specdid._example import SCHEMA
from specdid.panel.columns import ReadError
from specdid.panel.files import read_columns


def draft_project(directory: Path, data: Path, given: Mapping[str, Any]) -> Exit:
    """Write a draft for ``data`` and the schema into ``directory``, over nothing that exists; print what was found."""
    try:
        read = read_columns(data, data.name)
    except ReadError as error:
        raise SpecError([Fault(error.code, error.message, help=error.help, notes=error.notes)]) from None
    try:
        found = look(read.columns, read.n_rows, data.name, Chosen(**given))
    except SpecError as error:
        said = [f"{r.message.replace('the file', data.name, 1)}{f': {r.help}' if r.help else ''}" for r in read.remarks]
        *first, last = error.faults
        raise SpecError([*first, replace(last, notes=(*last.notes, *said))]) from None
    stem, spec, schema = _places(directory)
    relative = _relative(data, directory)
    new = not schema.exists()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if new:
            schema.write_text(schema_text(), "utf-8", newline="\n")
        faults = Faults()
        for bare in (False, True):
            text = f"#:schema ./{SCHEMA}\n{draft_text(found, relative, stem, bare)}"
            spec.write_text(text, "utf-8", newline="\n")
            faults = _faults(spec)
            if not faults.errors:
                break
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror}") from error
    if faults.errors:
        print_faults(faults)
        for path in (spec, *([schema] if new else [])):
            with suppress(OSError):
                path.unlink()
        click.echo(f"error: no draft for {data.name} is without these errors; none was written", err=True)
        return Exit.SPEC
    for line in findings(found):
        click.echo(line)
    told = {fault.message for fault in faults.items}
    for remark in read.remarks:  # of columns that the draft does not use
        if remark.code == "error_cells" and remark.message not in told:
            click.echo(f"{remark.message}: {remark.help}")
    print_faults(faults)
    click.echo()
    say_next([spec, *([schema] if new else [])])
    return Exit.OK


def _places(directory: Path) -> tuple[str, Path, Path]:
    """Return the spec's name without its ending, the spec, which must not exist, and the schema."""
    name = directory.resolve().name
    stem = name if name.isprintable() and name else "study"
    spec = directory / f"{stem}.toml"
    if spec.exists():
        raise OutputError(f"{spec} exists already: give another directory")
    return stem, spec, directory / SCHEMA


def draft_of_code(directory: Path, path: Path, data: Path | None, treatment: str | None) -> Exit:
    """Write a draft of the regressions in a do-file or R script; check it where its data file is there.

    The draft stays where it has faults: what stands in the code is worth mending by hand.
    """
    try:
        text = decoded(path.read_bytes())
        code = read_code(text, path.suffix, Facts())
    except (OSError, ValueError) as error:
        why = f"{error.strerror}, in {path.parent.absolute()}" if isinstance(error, OSError) else str(error)
        raise SpecError([Fault("draft_code", f"`{path.name}` cannot be read: {why}")]) from None
    stem, spec, schema = _places(directory)
    beside = path.parent / code.data if data is None and code.data is not None else data
    there = beside is not None and beside.is_file()
    if beside is not None and there:
        with suppress(ReadError):  # which is told when the draft is checked
            code = read_code(text, path.suffix, facts_of(read_columns(beside, beside.name).columns))
    chosen = treatment_of(code, path.name, treatment)
    relative = _relative(beside, directory) if beside is not None and there else None
    draft = code_draft(code, path.name, chosen, relative, stem)
    written = [spec]
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if not schema.exists():
            schema.write_text(schema_text(), "utf-8", newline="\n")
            written.append(schema)
        spec.write_text(f"#:schema ./{SCHEMA}\n{draft}", "utf-8", newline="\n")
    except OSError as error:
        raise OutputError(f"cannot write to {directory}: {error.strerror}") from error
    for line in code_findings(code, chosen):
        click.echo(line)
    faults = _faults(spec) if there else Faults()
    print_faults(faults)
    if not there:
        click.echo("COMPLETE the data file: the draft was not checked")
    click.echo()
    say_next(written)
    return Exit.SPEC if faults.errors else Exit.OK


def _relative(data: Path, directory: Path) -> str:
    """Return the file as seen from the spec; in full where no relative path leads there."""
    try:
        return Path(os.path.relpath(data.resolve(), directory.resolve())).as_posix()
    except ValueError:
        return data.resolve().as_posix()


def _faults(spec: Path) -> Faults:
    from specdid._run.prepare import examine

    return examine(spec)[1]

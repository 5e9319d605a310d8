"""``specdid check``: the faults of spec files as text, as JSON and as SARIF, which editors and code review read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click

from specdid import __version__
from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import Fault, Faults, SpecError, many
from specdid._records.files import read_bytes
from specdid._records.numerals import specifications
from specdid._run.prepare import Prepared, examine, with_untested

FORMATS = ("text", "json", "sarif")
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


@dataclass(frozen=True, slots=True)
class Checked:
    """A spec file with its faults, and what is planned where there is no error."""

    spec: Path
    prepared: Prepared | None
    faults: Faults


def check_specs(specs: Sequence[Path], form: str) -> Exit:
    """Print every fault of the files in one of FORMATS; the code is that of the worst."""
    found = [_checked(spec) for spec in specs]
    if form == "text":
        for one in found:
            _print(one)
    else:
        write = _json if form == "json" else _sarif
        click.echo(json.dumps(write(found), indent=1, ensure_ascii=False))
    return Exit.SPEC if any(one.prepared is None for one in found) else Exit.OK


def _checked(spec: Path) -> Checked:
    try:
        prepared, faults = examine(spec)
        return Checked(spec, prepared, _with_open_lines(with_untested(prepared, faults), spec))
    except SpecError as error:
        return Checked(spec, None, Faults(tuple(error.faults)))


def _with_open_lines(faults: Faults, spec: Path) -> Faults:
    """Point from columns that are not there to the lines that a draft has left open for them, as comments."""
    if not any(fault.code == "no_column" for fault in faults):
        return faults
    try:
        text = read_bytes(spec).decode(errors="replace")
    except (OSError, ValueError):  # a link, which is data elsewhere, and no hint
        return faults
    left: dict[str, int] = {}
    for at, line in enumerate(text.splitlines(), 1):
        name, equals, value = line.partition("=")
        if line.startswith("#") and equals and value.lstrip().startswith('"'):
            left[name[1:].strip().strip('"')] = at
    new: list[Fault] = []
    for fault in faults:
        place = fault.place
        column = place.line_text[place.column - 1 :][: place.length].strip("`") if place else ""
        if fault.code == "no_column" and column in left:
            told = f"line {left[column]} has it as a comment, left open: complete it there, or have it in the data"
            fault = replace(fault, help=told)
        new.append(fault)
    return replace(faults, items=tuple(new))


def _print(one: Checked) -> None:
    """Print the faults, or one line that all is well and what became of reshaped and joined files."""
    print_faults(one.faults)
    if one.prepared is None:
        return
    plan, panel = one.prepared.plan, one.prepared.panel
    click.echo(f"{one.spec}: no errors; {specifications(len(plan))} on {many(panel.n_rows, 'row')} of {panel.name}")
    if plan.preferred < 0 and len(plan) > 1:
        click.echo("  no specification is preferred: a table [preferred] names one")
    for line in panel.accounts:
        click.echo(f"  {line}")


def _json(found: Sequence[Checked]) -> dict[str, Any]:
    return {"specdid": __version__, "files": [_file(one) for one in found]}


def _file(one: Checked) -> dict[str, Any]:
    plan, panel = (None, None) if one.prepared is None else (one.prepared.plan, one.prepared.panel)
    return {
        "file": str(one.spec),
        "errors": len(one.faults.errors),
        "warnings": len(one.faults.warnings),
        "specifications": None if plan is None else len(plan),
        "rows": None if panel is None else panel.n_rows,
        "faults": [_fault(fault, one.spec) for fault in one.faults],
    }


def _fault(fault: Fault, spec: Path) -> dict[str, Any]:
    """Return a fault; columns and length count characters, from 1."""
    place = fault.place
    return {
        "code": fault.code,
        "severity": fault.severity,
        "message": fault.message,
        "help": fault.help,
        "notes": list(fault.notes),
        "key": ".".join(fault.path),
        "file": place.file if place else str(spec),
        "line": place.line if place else None,
        "column": place.column if place else None,
        "length": place.length if place else None,
    }


def _sarif(found: Sequence[Checked]) -> dict[str, Any]:
    codes = sorted({fault.code for one in found for fault in one.faults})
    driver = {"name": "specdid", "version": __version__, "rules": list(_rules(codes))}
    results = [_result(fault, one.spec, codes) for one in found for fault in one.faults]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return {"$schema": _SARIF, "version": "2.1.0", "runs": [run]}


def _rules(codes: Sequence[str]) -> Iterator[dict[str, Any]]:
    from specdid._manual import entries

    meanings = {entry.name: entry.text for entry in entries() if entry.group == "faults"}
    for code in codes:
        rule: dict[str, Any] = {"id": code}
        if code in meanings:
            rule["shortDescription"] = {"text": meanings[code]}
        yield rule


def _result(fault: Fault, spec: Path, codes: Sequence[str]) -> dict[str, Any]:
    place = fault.place
    where: dict[str, Any] = {"artifactLocation": {"uri": quote(Path(place.file if place else spec).as_posix())}}
    if place is not None:
        end = place.column + place.length
        where["region"] = {"startLine": place.line, "startColumn": place.column, "endColumn": end}
    text = ". ".join([fault.message, *([fault.help] if fault.help else []), *fault.notes])
    return {
        "ruleId": fault.code,
        "ruleIndex": codes.index(fault.code),
        "level": fault.severity,
        "message": {"text": text},
        "locations": [{"physicalLocation": where}],
    }

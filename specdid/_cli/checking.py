"""``specdid check``: the faults of spec files as text or as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from specdid import __version__
from specdid._cli.exits import Exit, print_faults
from specdid._diagnostics import Fault, Faults, SpecError, many
from specdid._records.numerals import specifications
from specdid._run.prepare import Prepared, examine, with_untested


@dataclass(frozen=True, slots=True)
class Checked:
    """A spec file with its faults, and what is planned where there is no error."""

    spec: Path
    prepared: Prepared | None
    faults: Faults


def check_specs(specs: Sequence[Path], form: str) -> Exit:
    """Print every fault of the files as text or JSON; the code is that of the worst."""
    found = [_checked(spec) for spec in specs]
    if form == "text":
        for one in found:
            _print(one)
    else:
        click.echo(json.dumps(_json(found), indent=1, ensure_ascii=False))
    return Exit.SPEC if any(one.prepared is None for one in found) else Exit.OK


def _checked(spec: Path) -> Checked:
    try:
        prepared, faults = examine(spec)
        return Checked(spec, prepared, with_untested(prepared, faults))
    except SpecError as error:
        return Checked(spec, None, Faults(tuple(error.faults)))


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

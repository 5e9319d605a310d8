"""``specdid check``."""

from __future__ import annotations

from pathlib import Path

import click

from specdid._cli.exits import Exit, print_faults
from specdid._run.prepare import examine


def check_spec(spec: Path) -> Exit:
    """Print every fault, or one line that all is well."""
    prepared, faults = examine(spec)
    print_faults(faults)
    if prepared is None:
        return Exit.SPEC
    plan, panel = prepared.plan, prepared.panel
    planned, rows = len(plan), panel.n_rows
    click.echo(f"{spec}: no errors; {planned:,} specifications on {rows:,} rows of {panel.name}")
    return Exit.OK

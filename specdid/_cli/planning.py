"""``specdid plan``: counts per dimension, exclusions, batches, formulas, memory."""

from __future__ import annotations

import math
import shutil
import sys
from collections import Counter
from pathlib import Path

import click
import numpy as np

from specdid._cli.exits import Exit, print_faults
from specdid._decode import merged_spec
from specdid._plan import Plan, PlanStatus
from specdid._records.collect import formula_writer
from specdid._run.cost import needed
from specdid._run.prepare import Prepared, examine

WIDTH = 100
LOOKED_AT = 200
"""Specifications among which the first different formulas are looked for."""


def plan_spec(spec: Path) -> Exit:
    """Print the plan of a spec file."""
    prepared, faults = examine(spec)
    print_faults(faults)
    if prepared is None:
        return Exit.SPEC
    for line in [
        *_dimensions(prepared.plan),
        *_ties(prepared.plan),
        *_data(prepared),
        *_account(prepared.plan),
        *_formulas(prepared.plan),
        *_cost(prepared),
    ]:
        click.echo(line)
    return Exit.OK


def print_merged(spec: Path) -> Exit:
    """Print a spec file and the one that it extends as one."""
    text, faults = merged_spec(spec)
    print_faults(faults)
    if text is None or faults.errors:
        return Exit.SPEC
    click.echo(text, nl=False)
    return Exit.OK


def _dimensions(plan: Plan) -> list[str]:
    lines = [plan.study.title, ""]
    width = max(len(d.name) for d in plan.dimensions)
    starred = {name for name, _ in plan.study.one_at_a_time}
    for d in plan.dimensions:
        mark = " (one at a time)" if d.name in starred else ""
        lines.append(f"  {d.name:<{width}}  {len(d):>7,}  {_shorten(d.labels, _width() - width - 13)}{mark}")
    return lines


def _ties(plan: Plan) -> list[str]:
    """Say of the dimensions that are tied how many of their combinations are planned, and which."""
    lines = []
    place = {d.name: k for k, d in enumerate(plan.dimensions)}
    for tie in plan.study.together:
        places = [place[name] for name in tie.dimensions]
        options = np.unique(plan.codes[:, places], axis=0)
        crossed = math.prod(len(plan.dimensions[d]) for d in places)
        said = f"  {' + '.join(tie.dimensions)}: {len(options):,} of {crossed:,} combinations belong together"
        lines += ["", said + (f", since {tie.because}" if tie.because else "")]
        rows = (zip(places, o, strict=True) for o in options[:LOOKED_AT].tolist())
        labels = tuple(" + ".join(plan.dimensions[d].labels[c] for d, c in row) for row in rows)
        lines.append(f"    {_shorten(labels, _width() - 4, len(options))}")
    return lines


def _data(prepared: Prepared) -> list[str]:
    lines = [f"  {line}" for line in prepared.panel.accounts]
    return ["", *lines] if lines else []


def _width() -> int:
    """Return how wide a line may be: as the terminal, if that is narrower."""
    return min(WIDTH, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDTH


def _shorten(labels: tuple[str, ...], width: int, of: int = 0) -> str:
    """Join labels as far as there is room, saying how many are left; ``of`` all, where not all are given."""
    shown: list[str] = []
    for label in labels:
        if shown and len(" · ".join([*shown, label])) > width - 12:
            return f"{' · '.join(shown)} · … {max(of, len(labels)) - len(shown):,} more"
        shown.append(label)
    return " · ".join(shown)


def _account(plan: Plan) -> list[str]:
    duplicate = int((plan.status == PlanStatus.DUPLICATE).sum())
    lines = ["", plan.account]
    counts = Counter(plan.reason[plan.reason >= 0].tolist())
    for place, n in counts.most_common():
        reason = plan.reasons[place]
        lines.append(f"  {n:>7,} excluded ({reason.code}): {reason.message}")
    if duplicate:
        lines.append(f"  {duplicate:>7,} duplicate (same_content): estimated once, under the first of them")
    return lines


def _formulas(plan: Plan) -> list[str]:
    places = np.flatnonzero(plan.status == PlanStatus.PLANNED)
    if not len(places):
        return ["", "nothing is left to estimate"]
    write = formula_writer(plan)
    # Specifications that differ in sample, weights or estimator have the same formula: once is enough.
    first: dict[str, int] = {}
    for p in places[:LOOKED_AT].tolist():
        first.setdefault(write(p, p + 1)[0], p)
    last = int(places[-1])
    shown = [(p, text) for text, p in first.items()][:3]
    shown += [(last, write(last, last + 1)[0])] if last > shown[-1][0] else []
    return ["", "formulas, first and last:", *(f"  {p + 1:>7,}  {text}" for p, text in shown)]


def _cost(prepared: Prepared) -> list[str]:
    """Say how much memory the run will take."""
    from specdid.engine.compile import compile_plan

    compiled = compile_plan(prepared.plan, prepared.panel, prepared.evaluator)
    if not len(compiled.members):
        return []
    need, problem = needed(prepared, compiled), compiled.problem
    megabytes = (problem.values.nbytes + problem.codes.nbytes) / 1e6
    lines = [
        "",
        f"about {megabytes + need.total / 1e6:,.0f} MB of memory: {megabytes:,.0f} for columns, "
        f"{need.columns / 1e6:,.0f} for copies, {need.specifications / 1e6:,.0f} for specifications, "
        f"{need.draws / 1e6:,.0f} for draws",
    ]
    if need.disk:
        lines.append(f"about {need.disk / 1e6:,.0f} MB of draws on the disk while the run lasts")
    return lines

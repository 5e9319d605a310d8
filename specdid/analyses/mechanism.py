"""[mechanism."Tertiary share"]: whom the effect depends on, or what it passes through.

A moderator enters with the interaction and both main effects, at its value before the
treatment unless ``at = false``. A mediator is an outcome first; the outcome's regression
with it is no causal effect of its own (Acharya, Blackwell and Sen 2016, APSR 110).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid.analyses._base import Analysis, Bench, Finding, Request
from specdid.analyses._mediation import run_mediator
from specdid.analyses._moderation import run_moderator
from specdid.analyses._moderator import Config, is_text, moderator_faults, shared_columns
from specdid.analyses._words import listed

EXAMPLE = 'write moderator = "ind3", or mediator = "ind3"'


def decode(table: Table) -> Config:
    """Read ``moderator`` or ``mediator``, and ``at``."""
    moderator, mediator = table.expression("moderator", "value"), table.expression("mediator", "value")
    item, now, at = table.get("at"), False, None
    if item is not None and isinstance(item.value, bool):
        now = item.value is False
        if not now:
            help_ = 'write at = "year == 2011", or at = false for the same period as the outcome'
            table.log.add(item.origin, "bad_at", "`at` says when the moderator is taken", help_)
    elif item is not None:
        at = table.log.expression(item, "condition")
    if not {"moderator", "mediator"} & table.rows.keys():
        table.missing("moderator", f"{table.title} has neither a moderator nor a mediator", EXAMPLE)
    elif {"moderator", "mediator"} <= table.rows.keys():
        table.log.add(
            table.rows["mediator"].key,
            "two_mechanisms",
            "a mechanism has a moderator or a mediator, not both",
            "write two tables, each with a name",
        )
    elif item is not None and "mediator" in table.rows:
        table.log.add(item.key, "unused_at", "`at` is for moderators: a mediator is taken as it is", "leave it out")
    return Config(moderator, mediator, at, now)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find moderators and mediators that cannot be that."""
    config: Config = request.config
    cells = bench.cells(request)
    if not len(cells):
        return
    given = config.moderator or config.mediator
    if given is not None and is_text(bench, cells[0], given):
        yield fault_at(
            given.origin,
            given.tree.span,
            "not_numbers",
            f"`{given.text}` is text",
            "a moderator or mediator is a number; (x == 'a') is 0 or 1",
        )
    elif config.moderator is not None:
        yield from moderator_faults(bench, request, cells[0])
    elif given is not None and (shared := shared_columns(bench, cells[0], given)):
        yield fault_at(
            given.origin,
            given.tree.span,
            "mediator_is_treatment",
            f"`{given.text}` is made of {listed(shared)}, as the treatment is",
            "a mediator is something that the treatment may change",
        )


def run(bench: Bench, request: Request) -> Finding:
    """Estimate the interaction, or the effect on the mediator and with it."""
    config: Config = request.config
    run_one = run_moderator if config.moderator is not None else run_mediator
    return run_one(bench, request, bench.cells(request))


def _dates(values: Mapping[str, object]) -> bool:
    """Say whether the moderator is held at a date before adoption, which it is by default."""
    return "moderator" in values and "at" not in values


ANALYSIS = Analysis("mechanism", "Mechanism", decode, run, check, dates=_dates)

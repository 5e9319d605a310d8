"""Programs from templates: each file of ``estimators/programs/`` reads as the program that it makes.

``<<x>>`` is a value and a line that begins with ``%%`` an order of jinja2. ``<<lines(…)>>``, alone on its line, stands
for the lines that a function of `python`, `r` or `stata` writes, of which there may be none. A template knows
``script`` and what its language hands over: ``used`` (Python, R), or ``do``, a `Stata`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from specdid._programs import python, r, stata
from specdid._programs.names import listed, quoted
from specdid._programs.script import Errors, Levels, Script

FOLDER = Path(__file__).parents[1] / "estimators" / "programs"
NOTHING = "\0"
"""Stands where no line does: ``<<nothing>>`` ends a template that is included and would end with an order."""


def template(name: str, **own: object) -> Callable[[Script, Any], list[str]]:
    """Return what writes the program of a template, for `Program`; ``own`` are more names that it knows.

    The name ends with the language: ``csdid.py``, ``csdid.R``, ``csdid.do``.
    """

    def write(script: Script, given: Any) -> list[str]:
        handed = {"do": stata.Stata(script, given)} if name.endswith(".do") else {"used": given}
        text = _environment().get_template(f"{name}.jinja").render(script=script, **handed, **own)
        return [line for line in text.removesuffix("\n").split("\n") if line != NOTHING]

    return write


def _lines(written: Iterable[str]) -> str:
    return "\n".join(written) or NOTHING


def _each(values: Iterable[str], form: str) -> list[str]:
    return [form % value for value in values]


def _mapped(values: Iterable[Any], function: Callable[[Any], object]) -> list[object]:
    return [function(value) for value in values]


def _labelled(errors: Iterable[Errors], form: str) -> list[str]:
    """Write an R entry for each of the errors, of its label and its first cluster."""
    return [f"{quoted(e.label)} = {form % e.clusters[0]}" for e in errors]


def _clusters(errors: Iterable[Errors], form: str = "%s") -> Mapping[str, str]:
    """Return a name for each first cluster, numbered by its last errors."""
    return {e.clusters[0]: form.replace("%s", str(k)) for k, e in enumerate(errors)}


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(FOLDER),
        undefined=StrictUndefined,
        autoescape=False,
        line_statement_prefix="%%",
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="<%",
        block_end_string="%>",
        comment_start_string="<#",
        comment_end_string="#>",
        extensions=["jinja2.ext.do"],
    )
    made.filters |= {"each": _each, "labelled": _labelled, "mapped": _mapped, "quoted": quoted, "repr": repr}
    made.globals |= {
        "Levels": Levels,
        "clusters": _clusters,
        "filled": stata.filled,
        "lines": _lines,
        "listed": listed,
        "nothing": NOTHING,
        "python": python,
        "quoted": quoted,
        "r": r,
        "replace": replace,
        "stata": stata,
    }
    return made

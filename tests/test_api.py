"""What users depend on is pinned: names, signatures, commands, options, exit codes, files' columns.

A change here is a change of the interface: it needs a line in CHANGELOG.md. The stored text is
written anew with ``SPECDID_UPDATE_GOLDEN=1 pytest tests/test_api.py``.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import Path

import click
import specdid
from specdid._cli import main
from specdid._cli.exits import Exit
from specdid._columns import COLUMNS

STORED = Path(__file__).parent / "surface.txt"


def signature(function: object) -> str:
    """Names and defaults, without annotations: these are mypy's affair."""
    given = inspect.signature(function).parameters.values()
    return ", ".join(str(p.replace(annotation=inspect.Parameter.empty)) for p in given if p.name != "self")


def of_class(kind: type) -> Iterator[str]:
    """A class and what it adds to its parents, in alphabetical order."""
    parents = [p.__name__ for p in kind.__mro__[1:] if p.__module__.startswith("specdid") or issubclass(p, Exception)]
    yield f"class {kind.__name__}({', '.join(parents)})" if parents else f"class {kind.__name__}"
    fields = [name for name in getattr(kind, "__dataclass_fields__", {}) if not name.startswith("_")]
    if fields:
        yield f"  fields {', '.join(fields)}"
    for name, member in sorted(vars(kind).items()):
        if name.startswith("_") or name in fields:
            continue
        yield f"  .{name}" if isinstance(member, property) else f"  .{name}({signature(member)})"


def of_python() -> Iterator[str]:
    for name in specdid.__all__:
        thing = getattr(specdid, name)
        if inspect.isclass(thing):
            yield from of_class(thing)
        elif callable(thing):
            yield f"{name}({signature(thing)})"
        else:
            yield f"{name}: {type(thing).__name__}"


def of_command_line() -> Iterator[str]:
    for name, command in sorted(main.commands.items()):
        arguments = [p for p in command.params if isinstance(p, click.Argument)]
        yield " ".join(["specdid", name, *(a.human_readable_name for a in arguments)])
        for option in (p for p in command.params if isinstance(p, click.Option)):
            kind = "flag" if option.is_flag else option.type.name
            choices = f" {'|'.join(option.type.choices)}" if isinstance(option.type, click.Choice) else ""
            yield f"  {' '.join(option.opts)} ({kind}{choices}{', repeatable' * option.multiple})"
    yield "exit codes " + ", ".join(f"{int(code)} {code.name}" for code in Exit)


def of_files() -> Iterator[str]:
    yield "results " + " ".join(f"{c.name}:{c.kind}" for c in COLUMNS)


def surface() -> str:
    parts = (("Python", of_python()), ("Command line", of_command_line()), ("Files", of_files()))
    return "\n".join(f"# {title}\n" + "".join(f"{line}\n" for line in lines) for title, lines in parts)


def test_the_interface_is_the_stored_one():
    found = surface()
    if os.environ.get("SPECDID_UPDATE_GOLDEN"):
        STORED.write_text(found, encoding="utf-8", newline="\n")
    assert found == STORED.read_text("utf-8")


def test_dir_is_the_public_names():
    assert dir(specdid) == sorted(specdid.__all__)


def test_everything_public_is_documented():
    for name in specdid.__all__:
        thing = getattr(specdid, name)
        if callable(thing):
            assert inspect.getdoc(thing), name
    for name in ("read", "compare", "plan", "run", "show"):
        assert "Raises" in getattr(specdid, name).__doc__
    for command in main.commands.values():
        assert command.help, command.name
        for option in command.params:
            assert isinstance(option, click.Argument) or option.help, f"{command.name} {option.name}"

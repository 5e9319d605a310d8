"""Entries as a screen of a terminal and as the pages of the reference manual."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from specdid._format import FILE, TableKeys
from specdid._manual.entries import GROUPS, Entry, described, entries, formats, unwritten

WIDTH = 100
LONGEST = 24
"""Lines of a screen, beside the prompt."""


def screen(found: Sequence[Entry]) -> str:
    """Return the entries of a word as text of 100 columns, what is below them in few words where they are many."""
    full = "\n\n".join(_shown(entry) for entry in found)
    if full.count("\n") < LONGEST:
        return f"{full}\n"
    width = max(len(entry.name) for entry in found)
    shown = "\n".join(_one_line(entry, width) for entry in found)
    if len(found) > LONGEST:
        shown = "\n".join(textwrap.wrap(", ".join(entry.name for entry in found), WIDTH))
    return f"{shown}\n\nspecdid explain NAME shows one of them in full\n"


def listing() -> str:
    """Return the groups, with how many entries each has and the first of them."""
    lines = []
    for group, heading in GROUPS.items():
        names = [entry.name for entry in entries() if entry.group == group]
        shown = textwrap.shorten(", ".join(names), WIDTH - 4, placeholder=" …")
        lines += [f"{group} ({len(names)}): {heading}", f"    {shown}"]
    return (
        "\n".join([*lines, "", "specdid explain GROUP lists a group; specdid explain WORD says what a word is"]) + "\n"
    )


def _one_line(entry: Entry, width: int) -> str:
    return f"{entry.name:<{width}}  {textwrap.shorten(entry.text, WIDTH - width - 2, placeholder=' …')}"


def _shown(entry: Entry) -> str:
    heading = f"{entry.name}  ({GROUPS[entry.group][:1].lower()}{GROUPS[entry.group][1:]})"
    lines = [heading, *textwrap.wrap(entry.text, WIDTH - 2, initial_indent="  ", subsequent_indent="  ")]
    width = max((len(name) for name, _ in entry.facts), default=0)
    for name, value in entry.facts:
        lines += textwrap.wrap(
            value,
            WIDTH - 2,
            initial_indent=f"  {name:<{width}}  ",
            subsequent_indent=" " * (width + 4),
            break_long_words=False,
        )
    return "\n".join(lines)


def markdown() -> str:
    """Return the reference manual."""
    lines = [
        "# Reference",
        "",
        "Made by `specdid explain --all` from what the program itself reads; `specdid explain WORD` shows one entry.",
    ]
    lines += ["", f"## {GROUPS['tables']}", "", FILE.doc]
    for table in formats():
        lines += _table(table)
    for group in list(GROUPS)[2:]:
        lines += ["", f"## {GROUPS[group]}", ""]
        found = [entry for entry in entries() if entry.group == group]
        if group == "estimators":
            lines += [line for entry in found for line in _paragraph(entry)]
            continue
        names = tuple(dict.fromkeys(name for entry in found for name, _ in entry.facts))
        rows = [(f"`{e.name}`", e.text, *(dict(e.facts).get(name, "") for name in names)) for e in found]
        lines += _rows((group, "meaning", *names), rows)
    return "\n".join(lines) + "\n"


def _table(table: TableKeys) -> list[str]:
    heading = [] if table is FILE else ["", f"### `{table.header}`", "", table.doc]
    rows = []
    for key in table.keys:
        example = f"`{key.name} = {key.example}`" if key.example else ""
        rows.append((f"`{key.name}`", key.doc, described(key.kind), unwritten(key), example))
    return [*heading, "", *_rows(("key", "does", "value", "not written", "example"), rows)]


def _paragraph(entry: Entry) -> list[str]:
    facts = "; ".join(f"{name}: {value}" for name, value in entry.facts)
    return [f"- **`{entry.name}`** {entry.text} {facts[:1].upper()}{facts[1:]}."]


def _rows(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    return [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *cells)]

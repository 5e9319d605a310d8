"""Names, texts and trees as every language of programs writes them, so that none can be taken for code."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator

from specdid.language import FUNCTIONS, argument
from specdid.language.tree import Call, Constant, Node, Number, Text, Unary, walk

LONGEST = 28
"""Stata takes 32 characters; some are left for what a program appends."""

_R = "if else repeat while function for next break in TRUE FALSE NULL Inf NaN NA T F pi letters"
_STATA = "byte double float int long if in using with strL str"
_FORMULA = "i C I c f l d sw sw0 csw csw0 mvsw log exp sqrt abs poly bs ns center scale np pf pd"
RESERVED = frozenset((*keyword.kwlist, *keyword.softkwlist, *_R.split(), *_STATA.split(), *_FORMULA.split()))
_STATA_TYPE = re.compile(r"str\d+")
IN_TIME = frozenset(name for name, f in FUNCTIONS.items() if f.by_unit and name not in ("at", "first")) | {"ntile"}
"""Functions that need unit and period; ``ntile`` for ties alone, and so also where a study has neither."""
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")


def safe(text: str) -> str:
    """Return the nearest name for a column or an expression; the empty text where nothing is left of it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_")[:LONGEST].strip("_")
    return f"v{words}" if words[:1].isdigit() else words


def is_safe(name: str) -> bool:
    """Say whether a column's name can stay as it is."""
    fits = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name) is not None and len(name) <= LONGEST
    return fits and name not in RESERVED and _STATA_TYPE.fullmatch(name) is None


class Namer:
    """Returns names, each once; ``taken`` are never given."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._given: set[str] = set()
        self._taken = frozenset(taken)

    def column(self, name: str) -> str:
        """Name a data column: by its own name where that is safe."""
        return self._give(name) if is_safe(name) and name not in self._given else self.new(name)

    def new(self, text: str) -> str:
        """Name what an expression gives, never like a data column."""
        wanted = safe(text) or "x"
        if is_safe(wanted) and wanted not in self._taken and wanted not in self._given:
            return self._give(wanted)
        base, number = wanted[: LONGEST - 5], 2
        while (name := f"{base}_v{number}") in self._given or name in self._taken:
            number += 1
        return self._give(name)

    def _give(self, name: str) -> str:
        self._given.add(name)
        return name


def comment(text: str) -> str:
    """Make one line of a text: line ends and characters that cannot be seen become spaces."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def quoted(text: str) -> str:
    """Write a text as a literal in double quotes that Python and R read alike."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def listed(before: str, items: Iterable[str], after: str, width: int = 100) -> list[str]:
    """Write a list of items on one line, or filled into lines where it is long; indented by four more."""
    entries = list(items)
    line = before + ", ".join(entries) + after
    if len(line) <= width:
        return [line]
    indent = " " * (len(before) - len(before.lstrip()) + 4)
    lines, current = [before], indent
    for entry in entries:
        if len(current) + len(entry) >= width and current.strip():
            lines.append(current.rstrip())
            current = indent
        current += entry + ", "
    return [*lines, current.rstrip().removesuffix(","), indent[4:] + after]


def given(call: Call, name: str) -> Node:
    """Return an argument that the check has found to be there."""
    node = argument(call, name)
    assert node is not None
    return node


def many(call: Call) -> list[Node]:
    """Return the arguments of a call that takes any number."""
    return [a.value for a in call.arguments if a.value is not None]


def is_constant(node: Node) -> bool:
    """Say whether a node is a constant that is not missing."""
    if isinstance(node, Unary):
        return is_constant(node.operand)
    return isinstance(node, Number | Text) or (isinstance(node, Constant) and node.value is not None)


def number(node: Node) -> float:
    """Return the value of a constant that is a number, ``-1`` included."""
    if isinstance(node, Unary):
        return -number(node.operand) if node.operator == "-" else number(node.operand)
    if isinstance(node, Constant):
        return float("nan") if node.value is None else float(node.value)
    assert isinstance(node, Number)
    return node.value


def members(node: Node) -> Iterator[Node]:
    """Yield the elements of what follows ``%in%``; a range is one element."""
    if isinstance(node, Call) and node.function == "c":
        for element in many(node):
            yield from members(element)
    else:
        yield node


def is_missing(node: Node) -> bool:
    """Say whether a node is ``NA``."""
    return isinstance(node, Constant) and node.value is None


def functions(nodes: Iterable[Node]) -> set[str]:
    """Name the functions that are called in trees."""
    return {n.function for node in nodes for n in walk(node) if isinstance(n, Call)}


def plain_number(value: float) -> str:
    """Write a finite number in the fewest digits, whole ones without a point."""
    return repr(float(value)).removesuffix(".0")

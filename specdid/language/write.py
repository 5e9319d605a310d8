"""The canonical text of a tree: one spelling, parentheses only where they are needed."""

from __future__ import annotations

import re

from specdid.language.scan import plain_name
from specdid.language.tree import (
    BRACKETS,
    Argument,
    Binary,
    Call,
    Constant,
    Macro,
    Name,
    Node,
    Number,
    Text,
    Unary,
)

_LEVELS = {
    "~": 1, "|": 2, "&": 3, "==": 5, "!=": 5, "<": 5, "<=": 5, ">": 5, ">=": 5, "+": 6, "-": 6,
    "*": 7, "/": 7, "%%": 8, "%/%": 8, "%in%": 8, "%like%": 8, ":": 9, "^": 11, "[": 12, "[[": 12,
}  # fmt: skip
_UNARY_LEVELS = {"~": (1, 2), "!": (4, 13), "+": (10, 10), "-": (10, 10)}
_COMPARISON, _SUM, _SIGN, _POSTFIX = 5, 6, 10, 12
_TIGHT = (":", "^")
_SPECIAL = re.compile(r"""[\\"\x00-\x1f\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]""")
_HIDDEN = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
_ESCAPES = {"\n": "\\n", "\t": "\\t", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def write(node: Node) -> str:
    """Return the canonical text of ``node``; ``parse(write(node)) == node``.

    The spelling is the contract's: ``a + b``, ``province^year``, ``log(so2 / pop)``,
    ``I(pgdp^2)``, backticks where a name needs them, numbers as short as they can be.
    """
    return _text(node, 0)


def write_summand(node: Node) -> str:
    """Return the canonical text of ``node`` as one term of a sum: ``(year >= 2012)``."""
    return _text(node, _SUM + 1)


def write_name(name: str) -> str:
    """Return a column's name as it is written in an expression, in backticks if need be."""
    if plain_name(name):
        return name
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{_HIDDEN.sub(_escaped, escaped)}`"


def without_ticks(label: str) -> str:
    """Return a label for within the ticks or the words of a sentence, where those of its names would end the quote."""
    return label.replace("`", "")


def write_number(value: float) -> str:
    """Return the shortest text that reads as ``value``."""
    text = repr(float(value))
    return text.removesuffix(".0")


def _text(node: Node, level: int) -> str:
    match node:
        case Name():
            return write_name(node.name)
        case Macro():
            return f"..{node.name}"
        case Number():
            return write_number(node.value)
        case Text():
            return _quoted(node.value)
        case Constant():
            return "NA" if node.value is None else str(node.value).upper()
        case Call():
            function = node.function if node.function == ".." else write_name(node.function)
            return f"{function}({', '.join(map(_argument, node.arguments))})"
        case Unary():
            own, wanted = _UNARY_LEVELS[node.operator]
            inner = _text(node.operand, wanted)
            return _enclosed(f"{node.operator}{inner}", own < level)
        case Binary():
            return _enclosed(_binary(node), _LEVELS[node.operator] < level)


def _binary(node: Binary) -> str:
    """Write a chain of operators without recursing along its left side."""
    tail: list[str] = []
    while True:
        operator, level = node.operator, _LEVELS[node.operator]
        if operator in BRACKETS:
            tail.append(f"{operator}{_text(node.right, 0)}{']' * len(operator)}")
            wanted = _POSTFIX
        else:
            space = "" if operator in _TIGHT else " "
            right = _SIGN if operator == "^" else level + 1
            tail.append(f"{space}{operator}{space}{_text(node.right, right)}")
            wanted = {_COMPARISON: _SUM, _LEVELS["^"]: _POSTFIX}.get(level, level)
        left = node.left
        if not isinstance(left, Binary) or _LEVELS[left.operator] < wanted:
            return _text(left, wanted) + "".join(reversed(tail))
        node = left


def _argument(argument: Argument) -> str:
    if argument.value is None:
        return ""
    value = _text(argument.value, 0)
    return value if argument.name is None else f"{write_name(argument.name)} = {value}"


def _enclosed(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def _quoted(value: str) -> str:
    return f'"{_SPECIAL.sub(_escaped, value)}"'


def _escaped(match: re.Match[str]) -> str:
    character = match.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"

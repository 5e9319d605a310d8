"""What names mean: data columns, derived columns, and the hash of an expression's content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from specdid._hashing import digest_of
from specdid.language.functions import FUNCTIONS, match_arguments
from specdid.language.hints import column_help
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    LanguageError,
    Macro,
    Mistake,
    Name,
    Node,
    Number,
    Text,
    Unary,
    children,
    walk,
)
from specdid.language.write import write

_MAX_WRITTEN_NODES = 5_000
_MAX_WRITTEN_DEPTH = 250
_SAME = {"C": "factor", "..": "regex"}


def referenced(node: Node) -> tuple[Name, ...]:
    """Return the column names in ``node`` in written order, each time they stand there.

    Functions, macros and the names of arguments are not columns.
    """
    return tuple(n for n in walk(node) if isinstance(n, Name))


def macros_in(node: Node) -> tuple[Macro, ...]:
    """Return the macros that ``node`` mentions, in written order."""
    return tuple(n for n in walk(node) if isinstance(n, Macro))


def unknown_columns(node: Node, known: Sequence[str]) -> tuple[Mistake, ...]:
    """Return a problem for every name in ``node`` that is not in ``known``, with a suggestion."""
    names = dict.fromkeys(known)
    return tuple(
        Mistake("no_column", f"no column `{n.name}`", n.span, column_help(n.name, list(names)))
        for n in referenced(node)
        if n.name not in names
    )


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """A derived column: its expression, and the derived names visible to that expression.

    ``size`` is the number of nodes and the height of the tree with everything derived
    written out.
    """

    node: Node
    names: Mapping[str, str]
    digest: str
    size: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """The names an expression may use; flat, so that long chains stay cheap to hold and send.

    Attributes
    ----------
    columns : Mapping[str, None]
        The data's columns, in data order.
    names : Mapping[str, str]
        Derived name to the digest of its definition.
    definitions : Mapping[str, Definition]
        Digest to definition, of all derived columns that any name leads to.
    """

    columns: Mapping[str, None]
    names: Mapping[str, str] = field(default_factory=dict)
    definitions: Mapping[str, Definition] = field(default_factory=dict)

    @staticmethod
    def of(columns: Iterable[str]) -> Scope:
        """Return the scope of a data file's columns, with nothing derived."""
        return Scope(dict.fromkeys(columns))

    def define(self, name: str, node: Node) -> Scope:
        """Return this scope with ``name`` derived; inside ``node``, ``name`` is the old value.

        Raises
        ------
        LanguageError
            ``node`` uses an unknown name, or derived columns build on each other too deep.
        """
        digest = _digest(node, self)
        size = _size(node, self)
        if size[1] > _MAX_WRITTEN_DEPTH:
            message = f"derived columns build on each other more than {_MAX_WRITTEN_DEPTH} deep"
            raise LanguageError(Mistake("too_large", message, node.span))
        definition = Definition(node, self.names, digest, size)
        # of equal contents the first stays: a later alias of it would lead to itself
        return Scope(self.columns, {**self.names, name: digest}, {digest: definition, **self.definitions})

    def definition(self, name: str) -> Bound | None:
        """Return what the derived column ``name`` stands for; None for a data column."""
        digest = self.names.get(name)
        if digest is None:
            return None
        definition = self.definitions[digest]
        return Bound(definition.node, Scope(self.columns, definition.names, self.definitions), digest)

    def known(self) -> tuple[str, ...]:
        """Return all names: the data's columns in data order, then derived ones as defined."""
        return (*self.columns, *(name for name in self.names if name not in self.columns))


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression together with what its names mean; equal when the content is equal."""

    node: Node = field(compare=False)
    scope: Scope = field(compare=False, repr=False)
    digest: str


def bind(node: Node, scope: Scope) -> Bound:
    """Tie ``node`` to ``scope``.

    Returns
    -------
    Bound
        Its ``digest`` (32 hexadecimal digits) is a Merkle hash of content: a derived
        column counts as its definition, so labels, spans, backticks, spaces, the order of
        named arguments, defaults written out and ``I()`` make no difference.

    Raises
    ------
    LanguageError
        A name is neither a column nor derived.
    """
    return Bound(node, scope, _digest(node, scope))


def write_out(bound: Bound) -> str:
    """Write an expression with all derived columns replaced by their definitions.

    Raises
    ------
    LanguageError
        The text would be longer than anyone reads (over 5,000 operations and names).
    """
    nodes, _ = _size(bound.node, bound.scope)
    if nodes > _MAX_WRITTEN_NODES:
        message = f"written out, the expression has {nodes:,} parts; at most {_MAX_WRITTEN_NODES:,} are shown"
        raise LanguageError(Mistake("too_large", message, bound.node.span))
    return write(_written_out(bound.node, bound.scope))


def _digest(node: Node, scope: Scope) -> str:
    match node:
        case Name():
            return _name_digest(node, scope)
        case Macro() | Text():
            return _hash(type(node).__name__, node.name if isinstance(node, Macro) else node.value)
        case Number():
            return _hash("Number", repr(float(node.value)))
        case Constant():
            return _hash("Constant", repr(node.value))
        case Unary():
            return _hash("Unary", node.operator, _digest(node.operand, scope))
        case Binary():
            return _hash("Binary", node.operator, _digest(node.left, scope), _digest(node.right, scope))
        case Call(function="I", arguments=(Argument(value=value),)) if value is not None:
            return _digest(value, scope)
        case Call():
            name = _SAME.get(node.function, node.function)
            return _hash("Call", name, *_argument_digests(node, scope))


def _name_digest(node: Name, scope: Scope) -> str:
    if node.name in scope.names:
        return scope.names[node.name]
    if node.name not in scope.columns:
        raise LanguageError(unknown_columns(node, scope.known()))
    return _hash("Name", node.name)


def _argument_digests(call: Call, scope: Scope) -> list[str]:
    function = FUNCTIONS.get(call.function)
    if function is None:
        return [p for a in call.arguments for p in (a.name or "", _argument(a, scope))]
    matched = match_arguments(call, function)
    parts: list[str] = []
    for parameter in function.parameters:
        given = matched.given.get(parameter.name)
        if given is not None and given.value is not None and given.value != parameter.default:
            parts += [parameter.name, _argument(given, scope)]
    for argument in (*matched.many, *matched.unknown, *matched.excess, *matched.repeated):
        parts += [argument.name or "", _argument(argument, scope)]
    return parts


def _argument(argument: Argument, scope: Scope) -> str:
    return "" if argument.value is None else _digest(argument.value, scope)


@lru_cache(4096)  # the same few expressions are bound by every check that looks at them
def _hash(*parts: str) -> str:
    return digest_of(*parts).hex()


def _size(node: Node, scope: Scope) -> tuple[int, int]:
    """Count nodes and height with derived columns written out, without writing them out."""
    nodes, height = 0, 0
    stack = [(node, 1)]
    while stack:
        top, level = stack.pop()
        digest = scope.names.get(top.name) if isinstance(top, Name) else None
        inner = (1, 1) if digest is None else scope.definitions[digest].size
        nodes, height = nodes + inner[0], max(height, level - 1 + inner[1])
        stack += [(child, level + 1) for child in children(top)]
    return nodes, height


def _written_out(node: Node, scope: Scope) -> Node:
    match node:
        case Name():
            inner = scope.definition(node.name)
            return node if inner is None else _written_out(inner.node, inner.scope)
        case Unary():
            return Unary(node.operator, _written_out(node.operand, scope))
        case Binary():
            return Binary(node.operator, _written_out(node.left, scope), _written_out(node.right, scope))
        case Call():
            arguments = tuple(
                Argument(None if a.value is None else _written_out(a.value, scope), a.name) for a in node.arguments
            )
            return Call(node.function, arguments)
        case _:
            return node


def bounds_behind(bounds: Iterable[Bound]) -> Iterator[Bound]:
    """Return expressions and the derived columns that they stand on, each once."""
    seen: set[tuple[str, Node]] = set()
    stack = list(bounds)
    while stack:
        current = stack.pop()
        key = (current.digest, current.node)
        if key in seen:
            continue
        seen.add(key)
        yield current
        stack += [d for n in referenced(current.node) if (d := current.scope.definition(n.name)) is not None]


def sources(bound: Bound) -> frozenset[str]:
    """Return the data columns that the value of ``bound`` depends on."""
    return frozenset(
        name.name
        for current in bounds_behind([bound])
        for name in referenced(current.node)
        if current.scope.definition(name.name) is None
    )

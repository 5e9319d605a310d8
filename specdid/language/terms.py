"""The algebra of regression terms: what R's terms() makes of a right-hand side; fixed effects and their slopes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations, product, takewhile

from specdid.language.functions import FUNCTIONS
from specdid.language.grammar import parse
from specdid.language.tree import (
    BRACKETS,
    Argument,
    Binary,
    Call,
    LanguageError,
    Macro,
    Mistake,
    Name,
    Node,
    Number,
    Unary,
    chain,
    joined,
    joint_levels,
)
from specdid.language.write import write, write_summand

_MAX_TERMS = 10_000
TermKey = frozenset[Node]
_PLAIN = re.compile(r"[^\W\d]\w*( \+ [^\W\d]\w*)*")
"""A sum of bare names, as most labels of controls are; it need not be parsed."""
_LEVEL = re.compile(r"(?P<by>[^:]+)::(?P<level>[^:]+)(?::(?P<times>[^:]+))?")
_HELP = {
    "*": "write `a + b + a^b` for both effects and their interaction",
    ":": "write `a^b` for the interaction of two effects",
    "-": "list the effects that are wanted, joined by `+`",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A product of factors; equal to another with the same factors in the same order."""

    factors: tuple[Node, ...]

    @property
    def text(self) -> str:
        """The term as it stands in a sum: ``dudt:ind3``, ``I(pgdp^2)``."""
        return write_summand(joined(self.factors, ":"))

    @property
    def key(self) -> TermKey:
        """What makes two terms the same: their factors in any order."""
        return frozenset(self.factors)


def lower_order(term: Term) -> Iterator[Term]:
    """Yield the main effects of an interaction, then its interactions of lower order."""
    for degree in range(1, len(term.factors)):
        yield from map(Term, combinations(term.factors, degree))


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a right-hand side, each once.

    ``terms`` is in R's order (by degree, then as written, factors by first appearance);
    ``written`` is as written.
    """

    terms: tuple[Term, ...]
    intercept: bool
    written: tuple[Term, ...] = field(compare=False, default=())


@dataclass(slots=True)
class _Sum:
    """Terms by their key, in order; ``intercept`` None where nothing is said of it."""

    terms: dict[TermKey, Term]
    intercept: bool | None = None


_Rule = Callable[[_Sum, _Sum], _Sum]


def terms(node: Node) -> Terms:
    """Return the terms of an expanded right-hand side, by the rules of R's terms().

    ``x^2`` of a single column is ``I(x^2)``, unlike in R, where it is ``x``.

    Raises
    ------
    LanguageError
        A part is not a term, or there are more than 10,000.
    """
    found = _evaluate(node)
    order = _variable_order(node)
    written = tuple(found.terms.values())
    arranged = (Term(tuple(sorted(t.factors, key=lambda factor: order[factor]))) for t in written)
    by_degree = tuple(sorted(arranged, key=lambda term: len(term.factors)))
    return Terms(by_degree, found.intercept is not False, written)


def unit_terms(node: Node) -> tuple[tuple[Term, ...], bool | None]:
    """Return the terms of one summand as written, and what it says of the intercept."""
    found = _evaluate(node)
    return tuple(found.terms.values()), found.intercept


def summands(node: Node) -> list[tuple[str, Node]]:
    """Return the operands of a chain of ``+`` and ``-``, each with the sign before it, in written order."""
    found: list[tuple[str, Node]] = []
    while isinstance(node, Binary) and node.operator in ("+", "-"):
        found.append((node.operator, node.right))
        node = node.left
    if isinstance(node, Unary) and node.operator in ("+", "-"):
        found.append((node.operator, node.operand))
    else:
        found.append(("+", node))
    return found[::-1]


def nothing_subtracted(node: Node) -> Mistake:
    """Say that a term is taken away which is not there."""
    message = f"`{write(node)}` is taken away and is not among the terms before it"
    help = '`-` takes a term away; a difference of columns is `I(a - b)`, a range of columns `regex("^a")`'
    return Mistake("wrong_place", message, node.span, help)


def _variable_order(node: Node) -> dict[Node, int]:
    """Return the place of each factor in ``node``: by first appearance, as R orders variables."""
    return {factor: place for place, factor in enumerate(dict.fromkeys(_factors(node)))}


def is_list(node: Node) -> bool:
    """Tell whether ``node`` lists values, so that ``x %in% node`` asks for membership."""
    if isinstance(node, Call):
        return node.function == "c"
    if isinstance(node, Unary):
        return node.operator in "+-" and is_list(node.operand)
    if isinstance(node, Binary):
        return node.operator == ":" and is_list(node.left) and is_list(node.right)
    return not isinstance(node, Name | Macro)


def is_algebra(node: Node) -> bool:
    """Tell whether ``node`` combines terms, rather than being a factor of its own."""
    if isinstance(node, Unary):
        return node.operator in ("+", "-")
    if not isinstance(node, Binary):
        return False
    if node.operator == "%in%":
        return not is_list(node.right)
    return node.operator in _RULES or node.operator == "^"


def power(node: Binary) -> Node | None:
    """Return the factor ``I(x^2)`` where ``node`` is a column to a power; None for ``(a + b)^2``."""
    base = node.left
    column = isinstance(base, Name) or (isinstance(base, Call) and _is_value(base))
    if not column:
        return None
    return base if node.right == Number(1) else Call("I", (Argument(node),), node.span)


def _is_value(call: Call) -> bool:
    function = FUNCTIONS.get(call.function)
    return function is not None and function.where == "value"


def _factors(node: Node) -> list[Node]:
    """List the factors of ``node`` in written order, repeats included."""
    if isinstance(node, Number):
        return []
    if not is_algebra(node):
        return [node]
    if isinstance(node, Unary):
        return _factors(node.operand)
    assert isinstance(node, Binary)
    if node.operator == "^":
        raised = power(node)
        return [raised] if raised is not None else _factors(node.left)
    return _factors(node.left) + _factors(node.right)


def _evaluate(node: Node) -> _Sum:
    if isinstance(node, Number):
        if node.value not in (0, 1):
            help = "`0` leaves the intercept out; a multiple of a column is `I(2 * x)`"
            raise LanguageError(Mistake("wrong_place", "a number is not a term", node.span, help))
        return _Sum({}, node.value == 1)
    if not is_algebra(node):
        return _leaf(node)
    if isinstance(node, Unary):
        inner = _evaluate(node.operand)
        return inner if node.operator == "+" else _minus(_Sum({}), inner)
    assert isinstance(node, Binary)
    if node.operator == "^":
        return _power(node)
    if node.operator not in "+-":
        _refuse_numbers(node)
    return _combined(_RULES[node.operator], _evaluate(node.left), _evaluate(node.right), node)


def _refuse_numbers(node: Binary) -> None:
    for side in (node.left, node.right):
        if isinstance(side, Number):
            help = "a multiple of a column is written `I(2 * x)`"
            raise LanguageError(Mistake("wrong_place", "a number is not a term", side.span, help))


def _leaf(node: Node) -> _Sum:
    factor = isinstance(node, Name | Unary | Binary)
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.function)
        factor = function is not None and function.where in ("value", "terms")
    if not factor or (isinstance(node, Binary) and node.operator in ("~", "[", "[[")):
        raise LanguageError(Mistake("wrong_place", f"`{write(node)}` is not a term", node.span))
    term = Term((node,))
    return _Sum({term.key: term})


def _plus(left: _Sum, right: _Sum) -> _Sum:
    new = {key: term for key, term in right.terms.items() if key not in left.terms}
    return _Sum(left.terms | new, left.intercept if right.intercept is None else right.intercept)


def _minus(left: _Sum, right: _Sum) -> _Sum:
    kept = {key: term for key, term in left.terms.items() if key not in right.terms}
    return _Sum(kept, left.intercept if right.intercept is None else not right.intercept)


def _interacted(left: _Sum, right: _Sum) -> _Sum:
    found = _Sum({})
    for a, b in product(left.terms.values(), right.terms.values()):
        term = Term(tuple(dict.fromkeys(a.factors + b.factors)))
        found.terms.setdefault(term.key, term)
    return found


def _crossed(left: _Sum, right: _Sum) -> _Sum:
    return _by_degree(_plus(_plus(left, right), _interacted(left, right)))


def _nested(left: _Sum, right: _Sum) -> _Sum:
    return _plus(left, _interacted(_whole(left), right))


def _within(left: _Sum, right: _Sum) -> _Sum:
    return _interacted(left, _whole(right))


def _whole(group: _Sum) -> _Sum:
    term = Term(tuple(dict.fromkeys(f for t in group.terms.values() for f in t.factors)))
    return _Sum({term.key: term})


def _by_degree(group: _Sum) -> _Sum:
    ordered = sorted(group.terms.items(), key=lambda item: len(item[1].factors))
    return _Sum(dict(ordered), group.intercept)


def _power(node: Binary) -> _Sum:
    raised = power(node)
    if raised is not None:
        return _leaf(raised)
    times = node.right.value if isinstance(node.right, Number) else 0.0
    if times not in range(1, 11):
        help = "`(a + b)^2` has all terms and their products up to the second degree"
        raise LanguageError(Mistake("arguments", "the exponent is not 1, 2, … or 10", node.right.span, help))
    base = _evaluate(node.left)
    found = base
    for _ in range(int(times) - 1):
        found = _by_degree(_plus(found, _combined(_interacted, found, base, node)))
    return found


def _combined(rule: _Rule, left: _Sum, right: _Sum, node: Node) -> _Sum:
    """Apply ``rule``, unless it would make more terms than anyone estimates."""
    additive = rule in (_plus, _minus)
    most = len(left.terms) + len(right.terms) if additive else len(left.terms) * len(right.terms)
    if most > _MAX_TERMS:
        raise LanguageError(Mistake("too_many", f"more than {_MAX_TERMS:,} terms", node.span))
    return rule(left, right)


_RULES: dict[str, _Rule] = {
    "+": _plus,
    "-": _minus,
    "*": _crossed,
    ":": _interacted,
    "/": _nested,
    "%in%": _within,
}


def relabel(text: str, names: Mapping[str, str]) -> str:
    """Write a sum of terms with the names of its terms, or of the factors of an interaction.

    A text that is no sum of terms, as a label in words, stays as it is; a level of ``i()``, which
    fixest writes ``year::2004:lpop``, becomes ``year 2004 × lpop``.
    """
    if text in names:
        return names[text]
    level = _LEVEL.fullmatch(text)
    if level is not None:
        words = f"{names.get(level['by'], level['by'])} {level['level']}"
        times = level["times"]
        return words if times is None else f"{words} × {names.get(times, times)}"
    if not names:
        return text
    if _PLAIN.fullmatch(text) and len(set(parts := text.split(" + "))) == len(parts):
        return " + ".join(names.get(part, part) for part in parts)
    try:
        found = terms(parse(text)).written
    except LanguageError:
        return text
    if " + ".join(term.text for term in found) != text:
        return text
    return " + ".join(_named(term, names) for term in found)


def _named(term: Term, names: Mapping[str, str]) -> str:
    if term.text in names:
        return names[term.text]
    factors = [Term((factor,)).text for factor in term.factors]
    if any(factor in names for factor in factors):
        return " × ".join(names.get(factor, factor) for factor in factors)
    return term.text


@dataclass(frozen=True, slots=True)
class Effect:
    """One fixed effect: the joint levels of ``factors``, and slopes that vary with them.

    With ``slopes_only`` (``f[[x]]``) the levels have no intercepts of their own.
    """

    factors: tuple[Node, ...]
    slopes: tuple[Node, ...] = ()
    slopes_only: bool = False

    @property
    def text(self) -> str:
        """The effect as it stands in a formula: ``province^year``, ``city_id[year]``."""
        node = self.factors[-1]
        for factor in reversed(self.factors[:-1]):
            node = Binary("^", factor, node)
        base = write_summand(node) if len(self.factors) == 1 or not self.slopes else f"({write(node)})"
        left, right = ("[[", "]]") if self.slopes_only else ("[", "]")
        return base + "".join(f"{left}{write(slope)}{right}" for slope in self.slopes)


def effects(node: Node) -> tuple[Effect, ...]:
    """Return the fixed effects of an expanded expression, each once; ``0`` is none.

    Raises
    ------
    LanguageError
        A part is not an effect: ``a:b``, ``a*b``, arithmetic, a factor() call.
    """
    found: dict[Effect, None] = {}
    problems: list[Mistake] = []
    for part in chain(node, "+"):
        if isinstance(part, Number) and part.value in (0, 1):
            continue
        try:
            found[read_effect(part)] = None
        except LanguageError as error:
            problems += error.problems
    if problems:
        raise LanguageError(problems)
    return tuple(found)


def read_effect(node: Node) -> Effect:
    """Read one summand of the fixed effects."""
    slopes: list[Node] = []
    brackets: list[str] = []
    while isinstance(node, Binary) and node.operator in BRACKETS:
        slopes.append(_slope(node.right))
        brackets.append(node.operator)
        node = node.left
    if len(set(brackets)) > 1:
        help = "write `f[x] + f[[z]]`"
        raise LanguageError(Mistake("wrong_place", "`[` and `[[` cannot follow each other", node.span, help))
    levels = tuple(dict.fromkeys(map(_of_level, joint_levels(node))))
    return Effect(levels, tuple(reversed(slopes)), brackets[:1] == ["[["])


def _of_level(node: Node) -> Node:
    if isinstance(node, Name):
        return node
    help = "derive the column in [derive] and name it here"
    if isinstance(node, Call):
        function = FUNCTIONS.get(node.function)
        if function is not None and function.where == "value":
            return node
        if node.function in ("factor", "C", "i", "as.factor") and node.arguments:
            help = "a fixed effect is always a factor: write the column's name alone"
    if isinstance(node, Binary):
        help = _HELP.get(node.operator, help)
    raise LanguageError(Mistake("wrong_place", f"`{write(node)}` is not a fixed effect", node.span, help))


def _slope(node: Node) -> Node:
    if isinstance(node, Name) or (isinstance(node, Call) and node.function in FUNCTIONS):
        return node
    help = "a slope is a column, as in `city_id[year]`; derive it in [derive] first"
    raise LanguageError(Mistake("wrong_place", f"`{write(node)}` is not a slope", node.span, help))


LONG = 20
"""Characters that labels must have in common so that figures say them once."""


def common_start(labels: Iterable[str]) -> str:
    """Return the words, brackets closed, with which all labels as long as these begin; empty below LONG characters."""
    long = [label.split(" ") for label in dict.fromkeys(labels) if len(label) >= LONG]
    if len(long) < 2:
        return ""
    words = [found[0] for found in takewhile(lambda found: len({*found}) == 1, zip(*long, strict=False))]
    while words and (_open(" ".join(words)) or not any(map(str.isalnum, words[-1]))):
        words.pop()
    start = " ".join(words)
    return start if len(start) >= LONG else ""


def _open(text: str) -> bool:
    return any(text.count(a) != text.count(b) for a, b in ("()", "[]", "``", "（）")) or text.count('"') % 2 == 1


def briefly(label: str, common: Mapping[str, str]) -> str:
    """Write […] for what labels of a dimension have in common: a bare … is where one is cut."""
    for words in common.values():
        label = label.replace(words, "[…]", 1)
    return label

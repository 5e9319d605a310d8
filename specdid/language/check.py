"""The allow-list: what an expression may hold in its role. What is not listed is a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from specdid.language.arguments import exponent_problem
from specdid.language.effects import read_effect
from specdid.language.functions import FUNCTIONS, PATTERNS, SAMPLE_PATTERNS, STEPWISE
from specdid.language.parts import OUTCOME_LISTS, formula_parts, outcomes
from specdid.language.problems import LanguageError, Mistake
from specdid.language.resolve import resolve
from specdid.language.terms import Key, is_algebra, nothing_subtracted, power, summands, unit_terms
from specdid.language.tree import (
    Binary,
    Call,
    Constant,
    Macro,
    Name,
    Node,
    Number,
    Text,
    Unary,
    chain,
    walk,
)
from specdid.language.values import ValueChecker, shown

HIDING = (*STEPWISE, *PATTERNS)
"""Calls whose terms are known only when they are written out."""

Role = Literal["outcome", "terms", "effects", "condition", "sample", "split", "value", "names", "formula"]


def check(node: Node, role: Role) -> tuple[Mistake, ...]:
    """Check an expression against what its role allows, before anything is evaluated.

    Parameters
    ----------
    node : Node
        A tree from `parse`.
    role : str
        "outcome" (one expression, or several in ``c()`` or ``sw()``), "terms", "effects",
        "condition", "sample" (a condition, of which a part joined by & may be a pattern of samples), "split" (a
        column or such a pattern), "value" (any expression of columns), "names" (columns joined by
        ``+``) or "formula" (two or three parts).

    Returns
    -------
    tuple of Mistake
        Everything that is wrong, in order of place; empty where the expression is fine.
    """
    checker = _Checker()
    checker.role(node, role)
    return tuple(sorted(checker.problems, key=lambda problem: problem.span.start))


def subtraction_problems(node: Node, macros: Mapping[str, Node], columns: Sequence[str]) -> tuple[Mistake, ...]:
    """Return a problem where a term is taken away that is not there, with macros and patterns written out.

    Raises
    ------
    LanguageError
        As `expand` does.
    """
    checker = _Checker()
    checker.subtractions(resolve(node, macros, columns))
    return tuple(checker.problems)


class _Checker(ValueChecker):
    """Checks roles, terms and effects; ``among_effects`` tells what stepwise arguments are."""

    among_effects = False

    def role(self, node: Node, role: Role) -> None:
        """Check a whole expression."""
        rules: dict[Role, Callable[[Node], None]] = {
            "outcome": self.outcome,
            "terms": self.terms,
            "effects": self.effects,
            "condition": self.condition,
            "sample": self.sample,
            "split": self.split,
            "value": self.value,
            "names": self.names,
            "formula": self.formula,
        }
        rules[role](node)

    def formula(self, node: Node) -> None:
        try:
            parts = formula_parts(node)
        except LanguageError as error:
            self.problems += error.problems
            return
        left = node.left if isinstance(node, Binary) else node
        self.outcome(left)
        self.terms(parts.right)
        if parts.effects is not None:
            self.effects(parts.effects)

    def sample(self, node: Node) -> None:
        """Check a condition, and a pattern of samples that stands beside others."""
        parts = chain(node, "&")
        calls = [p for p in parts if isinstance(p, Call) and p.function in SAMPLE_PATTERNS]
        for extra in calls[1:]:
            help = "join the columns, `each(paste(region, size))`, or write two samples"
            self.note("sample_pattern", "a sample has one pattern", extra, help)
        for call in calls:
            self.arguments(call, SAMPLE_PATTERNS[call.function])
        rest = [p for p in parts if p not in calls] if calls else [node]
        for part in rest:
            inner = [n for n in walk(part) if isinstance(n, Call) and n.function in SAMPLE_PATTERNS]
            if inner:
                usage = SAMPLE_PATTERNS[inner[0].function].signature
                help = f"write `{usage}` alone, or beside conditions joined by `&`"
                self.note("sample_pattern", f"`{inner[0].function}()` stands within another expression", inner[0], help)
            else:
                self.condition(part)

    def split(self, node: Node) -> None:
        """Check what a study is split by: a column, or a pattern of samples."""
        if any(isinstance(n, Call) and n.function in SAMPLE_PATTERNS for n in walk(node)):
            self.sample(node)
        else:
            self.value(node)

    def outcome(self, node: Node) -> None:
        if isinstance(node, Call) and node.function in OUTCOME_LISTS:
            if not self.only_places(node):
                self.note("arguments", f"`{node.function}()` lists no outcome", node)
            if any(a.value is None for a in node.arguments):
                self.note("arguments", "an outcome cannot be empty", node)
            for value in (a.value for a in node.arguments if a.value is not None):
                self.value(value)
        else:
            for one in outcomes(node):
                self.value(one)

    def names(self, node: Node) -> None:
        for part in chain(node, "+"):
            if not isinstance(part, Name):
                help = "name columns, joined by `+`; what has to be computed goes into [derive]"
                self.note("not_a_name", f"`{shown(part)}` is not a column's name", part, help)

    # Terms and effects

    def terms(self, node: Node) -> None:
        if isinstance(node, Binary) and node.operator == "|":
            help = "fixed effects stand in [fixed_effects]; as a condition, write `I(a | b)`"
            self.note("operator", "`|` has no meaning among terms", node, help)
            return
        whole = node
        while isinstance(node, Binary) and node.operator in ("+", "-"):
            self.summand(node.right, node.operator)
            node = node.left
        self.summand(node, "+")
        if not self.problems:
            self.subtractions(whole)

    def subtractions(self, whole: Node) -> None:
        """Refuse to take a term away that is not there: a range of columns, or a difference, was meant."""
        above: set[Key] = set()
        for sign, node in summands(whole):
            hidden = any(isinstance(n, Macro) or (isinstance(n, Call) and n.function in HIDING) for n in walk(node))
            if hidden:
                return  # which terms these are is known when they are written out
            found = {term.key for term in unit_terms(node)[0]}
            if sign == "+":
                above |= found
            elif not found <= above:
                self.problems.append(nothing_subtracted(node))

    def summand(self, node: Node, sign: str) -> None:
        if isinstance(node, Number):
            if node.value not in (0, 1):
                help = "a multiple of a column is `I(2 * x)`"
                self.note("not_a_term", "a number is not a term", node, help)
        elif self.subtracted(node, sign):
            self.note("stepwise", "alternatives cannot be subtracted", node)
        else:
            self.term(node, stepwise=True)

    def subtracted(self, node: Node, sign: str) -> bool:
        minus = sign == "-" or (isinstance(node, Unary) and node.operator == "-")
        return minus and any(isinstance(n, Call) and n.function in STEPWISE for n in walk(node))

    def term(self, node: Node, stepwise: bool) -> None:
        match node:
            case Number() | Text() | Constant():
                help = "a multiple of a column is `I(2 * x)`" if isinstance(node, Number) else None
                self.note("not_a_term", f"`{shown(node)}` is not a term", node, help)
            case Call():
                self.term_call(node, stepwise)
            case Binary(operator="^") if is_algebra(node):
                self.power(node, stepwise)
            case Binary(operator="+" | "-") | Unary(operator="+" | "-"):
                self.sum_inside(node, stepwise)
            case Binary() if is_algebra(node):
                self.product(node)
                self.term(node.left, stepwise)
                self.term(node.right, stepwise)
            case Macro() | Name():
                pass
            case Binary(operator="[" | "[["):
                help = "a slope by unit is a fixed effect, as in `city_id[year]`"
                self.note("operator", "slopes stand among the fixed effects", node, help)
            case _:
                self.value(node)

    def product(self, node: Binary) -> None:
        """Refuse what R's algebra of terms reads otherwise than nearly everybody who writes it."""
        left, right = shown(node.left), shown(node.right)
        offset = next((n for n in walk(node) if isinstance(n, Call) and n.function == "offset"), None)
        if offset is not None:
            help = "add it as a term of its own, as in `x + offset(log(pop))`"
            self.note("algebra", "an offset cannot be interacted", offset, help)
            return
        if isinstance(node.left, Number) or isinstance(node.right, Number):
            return  # which has its own problem
        if node.operator == "/":
            help = f"write `I({left} / {right})` for the ratio, `{left} + {left}:{right}` for effects within effects"
            self.note("algebra", f"`{left} / {right}` among terms is no ratio", node, help)
        elif node.operator == "%in%":
            help = f"write `{left}:{right}` for an interaction, `{left} %in% c(1, 2)` for a condition"
            self.note("algebra", f"`{right}` is not a list of values", node, help)
        elif node.left == node.right and not isinstance(node.left, Binary):
            square = f"I({left}^2)" if node.operator == ":" else f"{left} + I({left}^2)"
            message = f"`{left}{node.operator}{right}` would be `{left}` alone: a column times itself"
            self.note("algebra", message, node, f"write `{square}` for the square")

    def sum_inside(self, node: Binary | Unary, stepwise: bool) -> None:
        sides = [node.operand] if isinstance(node, Unary) else [node.left, node.right]
        for side in sides:
            if not isinstance(side, Number) or side.value not in (0, 1):
                self.term(side, stepwise)

    def power(self, node: Binary, stepwise: bool) -> None:
        if power(node) is not None:
            self.value(node)
            return
        self.term(node.left, stepwise)
        if problem := exponent_problem(node.right, whole=True):
            self.problems.append(problem)

    def term_call(self, call: Call, stepwise: bool) -> None:
        function = self.known(call)
        if function is None:
            return
        if function.where == "stepwise":
            self.stepwise(call, stepwise)
        elif call.function == "each":
            help = '`each()` stands in a stepwise operator, as in `mvsw(each("^ind"))`; else write `regex()`'
            self.note("stepwise", "`each()` separates arguments, and there is no operator here", call, help)
        elif function.where == "list":
            self.note("not_a_term", "`c()` lists values, not terms", call, "join terms by `+`")
        else:
            self.arguments(call, function)

    def stepwise(self, call: Call, allowed: bool) -> None:
        if not allowed:
            help = "write one operator with all arguments, as in `sw(a, b, c)`"
            self.note("stepwise", f"`{call.function}()` cannot stand in another operator", call, help)
            return
        if not self.only_places(call):
            self.note("arguments", f"`{call.function}()` has no arguments", call)
        for value in (a.value for a in call.arguments if a.value is not None):
            self.stepwise_argument(value)

    def stepwise_argument(self, value: Node) -> None:
        function = FUNCTIONS.get(value.function) if isinstance(value, Call) else None
        if isinstance(value, Call) and function is not None and value.function == "each":
            self.arguments(value, function)
            return
        for part in chain(value, "+"):
            if not (isinstance(part, Number) and part.value in (0, 1)):
                self.effect_or_term(part)

    def effect_or_term(self, part: Node) -> None:
        if self.among_effects:
            self.effect(part, stepwise=False)
        else:
            self.term(part, stepwise=False)

    def effects(self, node: Node) -> None:
        self.among_effects = True
        for part in chain(node, "+"):
            self.effect(part, stepwise=True)
        self.among_effects = False

    def effect(self, node: Node, stepwise: bool) -> None:
        if isinstance(node, Macro) or (isinstance(node, Number) and node.value in (0, 1)):
            return
        if isinstance(node, Call):
            function = self.known(node)
            if function is None:
                return
            if function.where in ("stepwise", "columns"):
                self.term_call(node, stepwise)
                return
        try:
            effect = read_effect(node)
        except LanguageError as error:
            self.problems += error.problems
            return
        for part in (*effect.factors, *effect.slopes):
            self.value(part)

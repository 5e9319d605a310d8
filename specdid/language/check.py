"""The allow-list: what an expression may hold in its role. What is not listed is a problem."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from specdid.language.arguments import constant_problem, exponent_problem
from specdid.language.functions import (
    FUNCTIONS,
    PATTERNS,
    SAMPLE_PATTERNS,
    STEPWISE,
    Function,
    Parameter,
    match_arguments,
)
from specdid.language.grammar import OUTCOME_LISTS, formula_parts, outcomes
from specdid.language.hints import unknown_function
from specdid.language.resolve import lag_values, resolve
from specdid.language.terms import (
    TermKey,
    is_algebra,
    is_list,
    nothing_subtracted,
    power,
    read_effect,
    summands,
    unit_terms,
)
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
    chain,
    joint_levels,
    walk,
)
from specdid.language.write import write

_HIDING = (*STEPWISE, *PATTERNS)
"""Calls whose terms are known only when they are written out."""

Role = Literal["outcome", "terms", "effects", "condition", "sample", "split", "value", "names", "formula"]
_ARITHMETIC = ("+", "-", "*", "/", "^", "%%", "%/%")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_OPERATORS = {
    "~": ("`~` cannot stand inside an expression", "a whole formula stands in [study] formula"),
    ":": ("`:` cannot stand here", "a range follows `%in%`; an interaction stands among the terms"),
    "[": (
        "`[` cannot stand here",
        "the unit's value at a time is `at(x, year == 2011)`, its first period where a condition holds `first(d == 1)`",
    ),
    "[[": (
        "`[[` cannot stand here",
        "the unit's value at a time is `at(x, year == 2011)`, its first period where a condition holds `first(d == 1)`",
    ),
}


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


class _Checker:
    """Walks a tree and notes every problem; ``among_effects`` tells what stepwise arguments are."""

    def __init__(self) -> None:
        self.problems: list[Mistake] = []
        self.among_effects = False

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
            self.note("wrong_place", "a sample has one pattern", extra, help)
        for call in calls:
            self.arguments(call, SAMPLE_PATTERNS[call.function])
        rest = [p for p in parts if p not in calls] if calls else [node]
        for part in rest:
            inner = [n for n in walk(part) if isinstance(n, Call) and n.function in SAMPLE_PATTERNS]
            if inner:
                usage = SAMPLE_PATTERNS[inner[0].function].signature
                help = f"write `{usage}` alone, or beside conditions joined by `&`"
                self.note("wrong_place", f"`{inner[0].function}()` stands within another expression", inner[0], help)
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
                self.note("wrong_place", f"`{_shown(part)}` is not a column's name", part, help)

    # Terms and effects

    def terms(self, node: Node) -> None:
        if isinstance(node, Binary) and node.operator == "|":
            help = "fixed effects stand in [fixed_effects]; as a condition, write `I(a | b)`"
            self.note("syntax", "`|` has no meaning among terms", node, help)
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
        above: set[TermKey] = set()
        for sign, node in summands(whole):
            hidden = any(isinstance(n, Macro) or (isinstance(n, Call) and n.function in _HIDING) for n in walk(node))
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
                self.note("wrong_place", "a number is not a term", node, help)
        elif self.subtracted(node, sign):
            self.note("wrong_place", "alternatives cannot be subtracted", node)
        else:
            self.term(node, stepwise=True)

    def subtracted(self, node: Node, sign: str) -> bool:
        minus = sign == "-" or (isinstance(node, Unary) and node.operator == "-")
        return minus and any(isinstance(n, Call) and n.function in STEPWISE for n in walk(node))

    def term(self, node: Node, stepwise: bool) -> None:
        match node:
            case Number() | Text() | Constant():
                help = "a multiple of a column is `I(2 * x)`" if isinstance(node, Number) else None
                self.note("wrong_place", f"`{_shown(node)}` is not a term", node, help)
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
                self.note("syntax", "slopes stand among the fixed effects", node, help)
            case _:
                self.value(node)

    def product(self, node: Binary) -> None:
        """Refuse what R's algebra of terms reads otherwise than nearly everybody who writes it."""
        left, right = _shown(node.left), _shown(node.right)
        offset = next((n for n in walk(node) if isinstance(n, Call) and n.function == "offset"), None)
        if offset is not None:
            help = "add it as a term of its own, as in `x + offset(log(pop))`"
            self.note("wrong_place", "an offset cannot be interacted", offset, help)
            return
        if isinstance(node.left, Number) or isinstance(node.right, Number):
            return  # which has its own problem
        if node.operator == "/":
            help = f"write `I({left} / {right})` for the ratio, `{left} + {left}:{right}` for effects within effects"
            self.note("wrong_place", f"`{left} / {right}` among terms is no ratio", node, help)
        elif node.operator == "%in%":
            help = f"write `{left}:{right}` for an interaction, `{left} %in% c(1, 2)` for a condition"
            self.note("wrong_place", f"`{right}` is not a list of values", node, help)
        elif node.left == node.right and not isinstance(node.left, Binary):
            square = f"I({left}^2)" if node.operator == ":" else f"{left} + I({left}^2)"
            message = f"`{left}{node.operator}{right}` would be `{left}` alone: a column times itself"
            self.note("wrong_place", message, node, f"write `{square}` for the square")

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
            self.note("wrong_place", "`each()` separates arguments, and there is no operator here", call, help)
        elif function.where == "list":
            self.note("wrong_place", "`c()` lists values, not terms", call, "join terms by `+`")
        else:
            self.arguments(call, function)

    def stepwise(self, call: Call, allowed: bool) -> None:
        if not allowed:
            help = "write one operator with all arguments, as in `sw(a, b, c)`"
            self.note("wrong_place", f"`{call.function}()` cannot stand in another operator", call, help)
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

    # Conditions and values

    def note(self, code: str, message: str, node: Node | Argument, help: str | None = None) -> None:
        """Note a problem at the place of ``node``."""
        self.problems.append(Mistake(code, message, node.span, help))

    def condition(self, node: Node) -> None:
        """Check what must hold or not hold for a row."""
        while isinstance(node, Binary) and node.operator in ("&", "|"):
            self.condition(node.right)
            node = node.left
        if isinstance(node, Unary) and node.operator == "!":
            self.condition(node.operand)
        elif isinstance(node, Number | Text) or (isinstance(node, Binary | Unary) and node.operator in _ARITHMETIC):
            help = "compare it with something, as in `x > 0`; `TRUE` is all rows"
            self.note("wrong_place", f"`{_shown(node)}` is not a condition", node, help)
        else:
            self.value(node)

    def value(self, node: Node) -> None:
        """Check an expression of columns; a chain of operators is walked, not recursed."""
        while isinstance(node, Binary):
            if node.operator in _OPERATORS:
                message, help = _OPERATORS[node.operator]
                self.note("syntax", message, node, help)
                return
            self.missing_compared(node)
            self.right_side(node)
            if node.operator in _ARITHMETIC:
                self.no_text(node.left, node.operator)
            node = node.left
        match node:
            case Macro():
                help = "macros stand among terms; a column's expression goes into [derive]"
                self.note("wrong_place", f"`..{node.name}` stands for terms, not for a value", node, help)
            case Unary(operator="~"):
                self.note("syntax", *_OPERATORS["~"][:1], node, _OPERATORS["~"][1])
            case Unary():
                self.no_text(node.operand, node.operator)
                self.value(node.operand)
            case Call():
                self.value_call(node)

    def missing_compared(self, node: Binary) -> None:
        """Refuse ``x == NA``, which is missing in every row."""
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if node.operator in _COMPARISONS and isinstance(side, Constant) and side.value is None:
                test = f"is.na({_shown(other)})"
                help = f"write `{'!' if node.operator == '!=' else ''}{test}`"
                self.note("wrong_place", "a comparison with `NA` is missing in every row", node, help)
                return

    def one_lag(self, call: Call, function: Function) -> None:
        """Refuse ``l(x, 1:2)``, which is two terms, as a value."""
        given = match_arguments(call, function).given.get("k")
        if given is not None and len(lag_values(given.value)) > 1:
            help = "several lags are several terms: `l(x, 1:2)` by itself among them"
            self.note("arguments", "a value has one lag", given, help)

    def right_side(self, node: Binary) -> None:
        """Check the right operand, by what the operator takes."""
        if node.operator == "^":
            if problem := exponent_problem(node.right, whole=False):
                self.problems.append(problem)
        elif node.operator == "%in%":
            self.members(node.right)
        elif node.operator == "%like%":
            if not isinstance(node.right, Text):
                help = 'write the pattern in quotes, as in `x %like% "^A"`'
                self.note("arguments", f"`{_shown(node.right)}` is not a text", node.right, help)
            elif problem := constant_problem(node.right, "text"):
                self.problems.append(problem)
        else:
            if node.operator in _ARITHMETIC:
                self.no_text(node.right, node.operator)
            self.value(node.right)

    def no_text(self, node: Node, operator: str) -> None:
        """Refuse a text in arithmetic."""
        if isinstance(node, Text):
            self.note("wrong_place", f"`{operator}` cannot take a text", node, "compare texts with `==`")

    def members(self, node: Node) -> None:
        """Check what follows ``%in%``: ``c(…)``, a range, or one constant."""
        if not is_list(node):
            help = "list the values, as in `x %in% c(1, 2)`"
            self.note("arguments", f"`{_shown(node)}` is not a list of values", node, help)
        elif problem := constant_problem(node, "constants"):
            self.problems.append(problem)

    def value_call(self, call: Call) -> None:
        """Check a call inside an expression of columns."""
        function = self.known(call)
        if function is None:
            return
        if function.where == "value":
            self.arguments(call, function)
            self.one_lag(call, function)
            return
        reasons = {
            "terms": (
                f"`{call.function}()` makes a term and stands only among terms",
                "name the column itself",
            ),
            "list": ("`c()` lists values", "it can stand after `%in%`"),
            "columns": (f"`{call.function}()` stands for several columns, not for a value", None),
            "stepwise": (
                f"`{call.function}()` cannot stand here",
                "alternatives stand in their own dimension",
            ),
        }
        message, help = reasons[function.where]
        self.note("wrong_place", message, call, help)

    def known(self, call: Call) -> Function | None:
        """Return the function that is called; an unknown one is a problem."""
        function = FUNCTIONS.get(call.function)
        if function is None:
            self.problems.append(unknown_function(call.function, call.span))
        return function

    def only_places(self, call: Call) -> bool:
        """Refuse named arguments; tell whether there are any arguments at all."""
        for argument in call.arguments:
            if argument.name is not None:
                self.note("arguments", f"`{call.function}()` has no argument `{argument.name}`", argument)
        return bool(call.arguments)

    def arguments(self, call: Call, function: Function) -> None:
        """Check the arguments of a call against the signature."""
        matched = match_arguments(call, function)
        usage = f"write `{function.signature}`"
        for argument in matched.unknown:
            message = f"`{call.function}()` has no argument `{argument.name}`"
            help = usage
            if argument.name == "na.rm" and call.function in ("pmin", "pmax"):
                help = f"`coalesce({call.function}(a, b), a, b)` takes the one that is known"
            self.note("arguments", message, argument, help)
        for argument in matched.repeated:
            self.note("arguments", f"`{argument.name}` is given twice", argument, usage)
        for argument in matched.excess:
            help = usage + (f"; {function.instead}" if function.instead else "")
            self.note("arguments", f"`{call.function}()` takes no further argument", argument, help)
        for parameter in function.parameters:
            given = matched.given.get(parameter.name)
            needed = parameter.default is None and not parameter.optional and not matched.unknown
            missing = given is None and needed
            if missing or (given is not None and given.value is None):
                message = f"`{call.function}()` lacks its argument `{parameter.name}`"
                self.note("arguments", message, given or call, usage)
            elif given is not None and given.value is not None:
                self.argument(given.value, parameter, call)
        if len(matched.many) < function.least and function.many:
            self.note("arguments", f"`{call.function}()` has no arguments", call, usage)
        for argument in matched.many:
            if argument.value is None:
                self.note("arguments", f"`{call.function}()` has an empty argument", argument, usage)
            else:
                self.argument(argument.value, Parameter("", function.many or "value"), call)

    def argument(self, value: Node, parameter: Parameter, call: Call) -> None:
        """Check one argument by the kind of its parameter."""
        if parameter.kind == "condition":
            self.condition(value)
        elif parameter.kind == "case":
            self.case(value)
        elif parameter.kind == "by":
            self.by(value)
        elif parameter.kind != "value":
            if problem := constant_problem(value, parameter.kind):
                self.problems.append(problem)
        elif call.function == "i" and isinstance(value, Call) and value.function in ("factor", "C"):
            self.arguments(value, FUNCTIONS[value.function])
        else:
            self.value(value)

    def case(self, node: Node) -> None:
        """Check one case of ``case_when``."""
        if isinstance(node, Binary) and node.operator == "~":
            self.condition(node.left)
            self.value(node.right)
        else:
            help = "a case is `condition ~ value`; `TRUE ~ value` is all other rows"
            self.note("arguments", f"`{_shown(node)}` is not a case", node, help)

    def by(self, node: Node) -> None:
        """Check what forms groups: columns, joined by ``^``."""
        for part in joint_levels(node):
            if isinstance(part, Call) and part.function in FUNCTIONS and FUNCTIONS[part.function].where == "value":
                self.value(part)
            elif not isinstance(part, Name):
                inside = [*dict.fromkeys(write(n) for n in walk(part) if isinstance(n, Name))]
                several = isinstance(part, Binary) and part.operator in "+:*" and len(inside) > 1
                listed = isinstance(part, Call) and part.function in ("c", "list", ".") and len(inside) > 1
                help = "derive the column in [derive] and name it"
                help = f"write `by = {'^'.join(inside)}`" if several or listed else help
                help = "name the column without quotes" if isinstance(part, Text) else help
                self.note("arguments", f"`{_shown(part)}` is not a column that forms groups", part, help)


def _shown(node: Node) -> str:
    """Return the text of ``node``, cut where it is long."""
    text = write(node)
    return text if len(text) <= 40 else f"{text[:37]}..."

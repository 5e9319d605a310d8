"""Conditions and values: what an expression of columns may hold."""

from __future__ import annotations

from specdid.language.arguments import constant_problem, exponent_problem
from specdid.language.functions import FUNCTIONS, Function, Parameter, match_arguments
from specdid.language.hints import unknown_function
from specdid.language.problems import Mistake
from specdid.language.resolve import lag_values
from specdid.language.terms import is_list
from specdid.language.tree import (
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
    joint_levels,
    walk,
)
from specdid.language.write import write

_ARITHMETIC = ("+", "-", "*", "/", "^", "%%", "%/%")
_COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
_OPERATORS = {
    "~": ("`~` cannot stand inside an expression", "a whole formula stands in [study] formula"),
    ":": ("`:` cannot stand here", "a range follows `%in%`; an interaction stands among the terms"),
    "[": ("`[` cannot stand here", "the unit's value at a time is `at(x, year == 2011)`"),
    "[[": ("`[[` cannot stand here", "the unit's value at a time is `at(x, year == 2011)`"),
}


class ValueChecker:
    """Walks a tree and notes every problem."""

    def __init__(self) -> None:
        self.problems: list[Mistake] = []

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
            self.note("not_a_condition", f"`{shown(node)}` is not a condition", node, help)
        else:
            self.value(node)

    def value(self, node: Node) -> None:
        """Check an expression of columns; a chain of operators is walked, not recursed."""
        while isinstance(node, Binary):
            if node.operator in _OPERATORS:
                message, help = _OPERATORS[node.operator]
                self.note("operator", message, node, help)
                return
            self.missing_compared(node)
            self.right_side(node)
            if node.operator in _ARITHMETIC:
                self.no_text(node.left, node.operator)
            node = node.left
        match node:
            case Macro():
                help = "macros stand among terms; a column's expression goes into [derive]"
                self.note("macro", f"`..{node.name}` stands for terms, not for a value", node, help)
            case Unary(operator="~"):
                self.note("operator", *_OPERATORS["~"][:1], node, _OPERATORS["~"][1])
            case Unary():
                self.no_text(node.operand, node.operator)
                self.value(node.operand)
            case Call():
                self.value_call(node)

    def missing_compared(self, node: Binary) -> None:
        """Refuse ``x == NA``, which is missing in every row."""
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if node.operator in _COMPARISONS and isinstance(side, Constant) and side.value is None:
                test = f"is.na({shown(other)})"
                help = f"write `{'!' if node.operator == '!=' else ''}{test}`"
                self.note("compares_missing", "a comparison with `NA` is missing in every row", node, help)
                return

    def one_lag(self, call: Call, function: Function) -> None:
        """Refuse ``l(x, 1:2)``, which is two terms, as a value."""
        given = match_arguments(call, function).given.get("k")
        if given is not None and len(lag_values(given.value)) > 1:
            help = "several lags are several terms: `l(x, 1:2)` by itself among them"
            self.note("argument_value", "a value has one lag", given, help)

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
                self.note("not_a_text", f"`{shown(node.right)}` is not a text", node.right, help)
            elif problem := constant_problem(node.right, "text"):
                self.problems.append(problem)
        else:
            if node.operator in _ARITHMETIC:
                self.no_text(node.right, node.operator)
            self.value(node.right)

    def no_text(self, node: Node, operator: str) -> None:
        """Refuse a text in arithmetic."""
        if isinstance(node, Text):
            self.note("text", f"`{operator}` cannot take a text", node, "compare texts with `==`")

    def members(self, node: Node) -> None:
        """Check what follows ``%in%``: ``c(…)``, a range, or one constant."""
        if not is_list(node):
            help = "list the values, as in `x %in% c(1, 2)`"
            self.note("not_a_list", f"`{shown(node)}` is not a list of values", node, help)
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
            self.note("not_a_case", f"`{shown(node)}` is not a case", node, help)

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
                self.note("not_a_group", f"`{shown(part)}` is not a column that forms groups", part, help)


def shown(node: Node) -> str:
    """Return the text of ``node``, cut where it is long."""
    text = write(node)
    return text if len(text) <= 40 else f"{text[:37]}..."

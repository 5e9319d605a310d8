"""What a function's values could be taken for and are not: later values, gaps passed over, ties that are split."""

from __future__ import annotations

from collections.abc import Iterator

from specdid._check.data import Data, leaves, uses
from specdid._diagnostics import Fault, fault_at, first_few
from specdid._study import Expression
from specdid.language import FUNCTIONS, Scope, argument, referenced, write
from specdid.language.tree import Call, Name, Node, joint_levels, walk

MOST_NAMED = 4


def check_functions(data: Data) -> Iterator[Fault]:
    """Tell what evaluating the functions has found, where they stand."""
    expressions = [*data.study.derive.values(), *(use.expression for use in uses(data.study))]
    expressions += [e for v in data.study.variants for option in v.options for e in option.derive.values()]
    calls = [(e, node) for e in expressions for node in walk(e.tree) if isinstance(node, Call)]
    for note in data.evaluator.notes.values():
        place = next(((e, node) for e, node in calls if node == note.call), None)
        if place is not None:
            yield fault_at(place[0].origin, place[1].span, note.code, note.message, note.help, "warning")


def check_later_values(data: Data) -> Iterator[Fault]:
    """Say once which outcomes and controls have, in a row, what depends on the periods after it."""
    if data.panel.time is None:
        return
    found: dict[str, tuple[Expression, Node]] = {}
    for use in uses(data.study):
        if use.role not in ("outcome", "terms"):
            continue
        scope = data.scope if use.option is None else data.scope_of((use.option,))
        for node, _ in leaves(use.expression.tree, use.role):
            for call in _later(node, scope, data.panel.time) if scope is not None else ():
                found.setdefault(write(call), (use.expression, node))
    if not found:
        return
    expression, node = next(iter(found.values()))
    shown = first_few([f"`{text}`" for text in found], MOST_NAMED)
    message = f"using later values: outcomes or controls hold {shown}, where a row depends on periods after it"
    advice = f"`by` with {data.panel.time} stays within a period; `carry_forward(x)` and `roll_mean(x, 3)` look back"
    yield fault_at(expression.origin, node.span, "later_values", message, advice, "warning")


def _later(node: Node, scope: Scope, time: str) -> Iterator[Call]:
    """Return the calls in an expression, and in what it is derived from, that look at later periods."""
    stack, seen = [(node, scope)], set()
    while stack:
        top, names = stack.pop()
        for call in walk(top):
            if isinstance(call, Call) and call.function in FUNCTIONS and FUNCTIONS[call.function].later:
                by = argument(call, "by") if call.function != "interpolate" else None
                if by is None or Name(time) not in joint_levels(by):
                    yield call
        for name in referenced(top):
            definition = names.definition(name.name)
            if definition is not None and definition.digest not in seen:
                seen.add(definition.digest)
                stack.append((definition.node, definition.scope))

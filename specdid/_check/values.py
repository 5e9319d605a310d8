"""Whether every expression can be evaluated, what its role needs of it, and what its values could be taken for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import islice, product
from operator import eq, ge, gt, le, lt, ne

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._check.data import Data, LeafKind, Use, changing_rows, leaves, located, match_uses, uses
from specdid._diagnostics import Fault, Origin, Span, did_you_mean, fault_at, first_few, many
from specdid._plan.estimands import LOGS
from specdid._study import Expression, SampleOption, VariantOption
from specdid.language import FUNCTIONS, LanguageError, Scope, argument, bind, referenced, write
from specdid.language.functions import PATTERNS, match_arguments
from specdid.language.resolve import matching
from specdid.language.tree import (
    Argument,
    Binary,
    Call,
    Constant,
    Name,
    Node,
    Number,
    Text,
    Unary,
    children,
    joint_levels,
    number_value,
    walk,
)
from specdid.panel import Column, EvaluationError, missing_codes, number_text, told_codes
from specdid.panel.design import SPLINES, polynomial, spline
from specdid.panel.functions import rounded
from specdid.panel.labels import labelled_missing
from specdid.panel.operators import (
    USABLE,
    number_advice,
    numbers_as_text,
)

MOST_SETTINGS = 64
"""Combinations of the variants' definitions that are evaluated before the run."""
SHARE, APART = 0.05, 0.02
"""Share of an outcome's rows lost to the log of zeros, and distance of treated and controls, that are serious."""
FEW = 0.01
"""Share below which the counts in the results say enough."""
_TRUTHS = ("==", "!=", "<", "<=", ">", ">=", "%in%", "%like%")
MOST_NAMED = 4
MOST_DUMMIES = 50
"""Dummies under a plain name that are not warned of: the states and the capital of the United States."""


def check_values(data: Data) -> Iterator[Fault]:
    """Evaluate [derive] and every expression once, without variants."""
    for name, expression in data.study.derive.items():
        if name in data.scope.names:
            yield from _tried(data, expression, expression.tree, "value", _before(data, name))
        yield from _levels(data, expression)
    for use in uses(data.study):
        yield from check_use(data, use)


def check_use(data: Data, use: Use) -> Iterator[Fault]:
    """Evaluate one expression in its role."""
    scope = data.scope if use.option is None else data.scope_of((use.option,))
    if scope is not None:
        yield from _evaluated(data, use, scope)
    yield from _levels(data, use.expression)
    yield from _patterns(data, use.expression)


def _patterns(data: Data, expression: Expression) -> Iterator[Fault]:
    """Find columns that a pattern matches and that hold what no regression can use."""
    for call in walk(expression.tree):
        pattern = argument(call, "pattern") if isinstance(call, Call) and call.function in PATTERNS else None
        if not isinstance(call, Call) or not isinstance(pattern, Text):
            continue
        try:
            matched = matching(call, pattern, data.names)
        except LanguageError:
            continue  # which has its own fault
        for name in matched:
            kind = data.panel.columns[name].kind
            if kind not in USABLE:
                message = f"the pattern matches `{name}`, which holds {kind} and cannot be used"
                yield fault_at(expression.origin, call.span, "column_type", message, "narrow the pattern")


def _before(data: Data, name: str) -> Scope:
    definition = data.scope.definition(name)
    assert definition is not None
    return definition.scope


def _evaluated(data: Data, use: Use, scope: Scope) -> Iterator[Fault]:
    for node, kind in leaves(use.expression.tree, use.role):
        yield from _tried(data, use.expression, node, kind, scope)


def _tried(data: Data, expression: Expression, node: Node, kind: LeafKind, scope: Scope) -> Iterator[Fault]:
    """Evaluate one part; what fails inside a derived column is said where that is derived."""
    try:
        _evaluate(data, node, kind, scope)
    except LanguageError:
        return  # an unknown name, which has its own fault
    except EvaluationError as error:
        if not error.within:
            yield from located(expression, error)


def _evaluate(data: Data, node: Node, kind: LeafKind, scope: Scope) -> None:
    evaluator = data.evaluator
    if kind == "level":
        evaluator.codes((bind(node, scope),))
    elif kind == "term" and isinstance(node, Call) and node.function == "poly":
        polynomial(evaluator.evaluation(scope), node)  # coding it takes formulaic, which a check never loads
    elif kind == "term" and isinstance(node, Call) and node.function in SPLINES:
        spline(evaluator.evaluation(scope), node)  # which takes scipy
    elif kind == "term":
        evaluator.term((bind(node, scope),))
    elif kind == "value":
        evaluator.column(bind(node, scope))
    else:
        evaluator.numbers(bind(node, scope))


def check_variants(data: Data) -> Iterator[Fault]:
    """Evaluate everything again under the variants' definitions, in every combination up to a limit."""
    choices = [
        [(variant.name, option) for option in variant.options if option.derive] for variant in data.study.variants
    ]
    reported: set[tuple[str, str]] = set()
    for combination in islice(product(*([None, *options] for options in choices)), MOST_SETTINGS):
        named = [pair for pair in combination if pair is not None]
        scope = data.scope_of([option for _, option in named]) if named else None
        if scope is None:
            continue
        problem = _first_problem(data, scope)
        name, option = named[-1]
        if problem is not None and (name, option.label) not in reported:
            reported.add((name, option.label))
            yield _under(named, problem)


def _first_problem(data: Data, scope: Scope) -> EvaluationError | None:
    for use in uses(data.study):
        if use.option is not None:
            continue
        for node, kind in leaves(use.expression.tree, use.role):
            try:
                _evaluate(data, node, kind, scope)
            except LanguageError:
                continue
            except EvaluationError as error:
                return error
    return None


def _under(named: list[tuple[str, VariantOption]], error: EvaluationError) -> Fault:
    words = " and ".join(f"{name} = “{option.label}”" for name, option in named)
    option = named[-1][1]
    expression = next((e for name, e in option.derive.items() if name in error.within), None)
    origin = expression.origin if expression else option.origin
    return fault_at(origin, None, error.problem.code, f"under {words}: {error.problem.message}", error.problem.help)


def _levels(data: Data, expression: Expression) -> Iterator[Fault]:
    """Warn of a text compared with a column that never holds it."""
    for text, other, column in _compared(data, expression, data.scope):
        if text.value not in column.levels and (text.value or isinstance(other, Name)):  # what is computed may be ""
            yield fault_at(
                expression.origin,
                text.span,
                "no_level",
                f"no row has the value “{text.value}” here",
                help=did_you_mean(text.value, column.levels)
                if text.value
                else f"empty cells are missing: write `is.na({write(other)})`",
                severity="warning",
            )


def _compared(data: Data, expression: Expression, scope: Scope) -> Iterator[tuple[Text, Node, Column]]:
    """Return the texts that an expression compares, each with what it is compared with, which is text."""
    for node in walk(expression.tree):
        if not isinstance(node, Binary) or node.operator not in ("==", "!=", "%in%"):
            continue
        for side, other in ((node.left, node.right), (node.right, node.left)):
            texts = [n for n in walk(side) if isinstance(n, Text)]
            column = data.column(other, scope) if texts and not isinstance(other, Text) else None
            if column is not None and column.is_text:
                yield from ((text, other, column) for text in texts)


def check_outcomes(data: Data) -> Iterator[Fault]:
    """Find outcomes that are missing in every row, or constant within units where a treatment is not."""
    units = data.panel.unit_codes
    treatments = [values for option in data.study.treatment if (values := data.numbers(option.term)) is not None]
    for option in data.study.outcome:
        for node, _ in leaves(option.formula.tree, "outcome"):
            column = data.column(node)
            if column is None or (y := column.numbers) is None:
                continue
            if np.isnan(y).all():
                message = "the outcome is missing in every row"
                yield fault_at(option.formula.origin, node.span, "outcome_missing", message, severity="warning")
                continue
            rows = data.sampled & ~np.isnan(y)
            if units is None or changing_rows(own := np.where(rows, units, -1), y).size or len(np.unique(y[rows])) < 2:
                continue
            if any(changing_rows(np.where(np.isnan(d), -1, own), d).size for d in treatments):
                unit = data.panel.unit
                message = (
                    f"the outcome `{write(node)}` is the same in all rows of every `{unit}`: a treatment that changes "
                    f"within `{unit}` does not move it, and effects of `{unit}` take all of it"
                )
                advice = "take an outcome that is measured in every period"
                yield fault_at(option.formula.origin, node.span, "outcome_constant", message, advice, "warning")


def check_logs(data: Data) -> Iterator[Fault]:
    """Count the rows that outcomes lose to the log of a value that is not positive, by who is treated."""
    for option in data.study.outcome:
        for node, _ in leaves(option.formula.tree, "outcome"):
            column = data.column(node)
            if (
                column is None
                or column.log0 is None
                or column.missing.all()
                or not (lost := column.log0 & data.sampled).any()
            ):
                continue
            known = data.sampled & (~column.missing | column.log0)
            share = float(lost.sum() / known.sum())
            told, apart = _by_treatment(data, lost, known)
            serious = share >= SHARE or apart >= APART
            if not serious and share < FEW:
                continue
            message = (
                f"`{write(node)}` takes the log of 0 or less in {int(lost.sum()):,} of {int(known.sum()):,} rows "
                f"({share:.1%}){told}: these rows leave"
            )
            advice = "Poisson takes zeros: write the outcome without the log, with the estimator `fepois`"
            code = "log_of_zero" if serious else "log_of_few"
            yield fault_at(option.formula.origin, node.span, code, message, advice, "warning")


def _by_treatment(data: Data, lost: Bools, known: Bools) -> tuple[str, float]:
    """Say which share is lost of units that are ever treated (of rows, where there are no units) and of the others."""
    for option in data.study.treatment:
        values = data.numbers(option.term)
        if values is None or not np.isin(values[~np.isnan(values)], (0.0, 1.0)).all():
            continue
        on, units, of = values == 1, data.panel.unit_codes, "treated rows"
        if units is not None:
            ever = np.zeros(int(units.max(initial=0)) + 1, dtype=bool)
            ever[units[on]] = True
            on, of = ever[units], "units that are ever treated"
        if not (on & known).any() or (on | ~known).all():
            continue
        treated, others = (float(lost[k].sum() / k.sum()) for k in (on & known, ~on & known))
        return f", {treated:.1%} of {of} and {others:.1%} of others", abs(treated - others)
    return "", 0.0


def check_infinite(data: Data) -> Iterator[Fault]:
    """Count infinite values, which leave a specification as missing ones do."""
    cohorts = [option.cohort for option in data.study.treatment]
    for use in uses(data.study):
        if use.role not in ("outcome", "treatment", "terms", "number") or use.expression in cohorts:
            continue
        for node, _ in leaves(use.expression.tree, use.role):
            column = data.column(node) if use.option is None else None
            if column is None or column.numbers is None:
                continue
            rows = np.flatnonzero(np.isinf(column.numbers) & data.sampled)
            if rows.size:
                message = f"`{write(node)}` is infinite in {data.rows(rows)}, which count as missing"
                yield fault_at(use.expression.origin, node.span, "infinite", message, severity="warning")


def check_missing_codes(data: Data) -> Iterator[Fault]:
    """Warn of -999 and the like, and of what is labelled as missing, in columns that an estimate uses for values."""
    cohorts = [option.cohort for option in data.study.treatment]
    said: set[tuple[str, bool]] = set()
    seen: set[tuple[str, int, bool]] = set()
    for use in uses(data.study):
        scope = data.scope if use.option is None else data.scope_of((use.option,))
        roles = ("outcome", "treatment", "terms", "number", "condition")
        if scope is None or use.role not in roles or use.expression in cohorts:
            continue
        for node, kind in leaves(use.expression.tree, use.role):
            if kind == "level":
                continue
            kept = data.sampled
            if kind == "condition":  # which a missing value never meets
                met = data.column(node, scope)
                kept = kept & (met is not None and met.numbers is not None and np.nan_to_num(met.numbers) != 0)
            for name, found, grouping in _coded(data, node, scope, kept, seen):
                if not said & {(name, False), (name, grouping)}:
                    said.add((name, grouping))
                    column = data.column(Name(name), scope)
                    where = write(node) if kind == "condition" else ""
                    yield _code(data, use.expression.origin, node.span, name, found, column, where, grouping)


def _coded(
    data: Data, node: Node, scope: Scope, kept: Bools, seen: set[tuple[str, int, bool]], grouping: bool = False
) -> Iterator[tuple[str, tuple[tuple[float, int], ...], bool]]:
    """Return the columns behind ``node`` that hold codes of missing values which it takes for values.

    It does not where it names the code, or is missing wherever the code stands; ``kept`` are the rows where what is
    made of it is not. A definition is looked at once for each number of them. Last stands whether the column does no
    more than say which rows are a group.
    """
    column = data.column(node, scope)
    everywhere = kept if column is None else kept & ~column.missing
    own = {abs(number.value) for number in walk(node) if isinstance(number, Number)} | set(data.study.never.values)
    values_of = _outside_groups(node)
    for name in dict.fromkeys(referenced(node)):
        definition, behind = scope.definition(name.name), data.column(name, scope)
        groups = grouping or name not in values_of
        found = []
        kept = everywhere & _logged(data, node, name, scope)
        if definition is not None:
            key = (definition.digest, int(kept.sum()), groups)
            if key in seen:
                continue
            seen.add(key)
            found = list(_coded(data, definition.node, definition.scope, kept, seen, groups))
        if not found and behind is not None and behind.numbers is not None:
            values = behind.numbers
            moves = changing_rows(data.panel.unit_codes, values).size > 0
            codes = missing_codes(values[data.sampled], moves)
            if not groups and not (isinstance(node, Call) and node.function in ("factor", "i")):
                here = values[data.sampled]
                labelled = labelled_missing(behind.labels, here)
                codes = (
                    *(code for code in codes if code[0] not in labelled),
                    *((value, int(np.count_nonzero(here == value))) for value in labelled),
                )
            codes = tuple(c for c in codes if abs(c[0]) not in own and (values[kept] == c[0]).any())
            found = [(name.name, codes, groups)] if codes and not _first_period(data, values, codes) else []
        yield from found


def _outside_groups(node: Node) -> set[Name]:
    """Return the names whose values an expression takes, and not only their groups, as `by` and group() do."""
    stack, names = [node], set()
    while stack:
        part = stack.pop()
        if isinstance(part, Name):
            names.add(part)
        elif not isinstance(part, Call) or part.function != "group":
            by = _by(part) if isinstance(part, Call) else None
            stack += [child for child in children(part) if child is not by]
    return names


def _by(call: Call) -> Node | None:
    function = FUNCTIONS.get(call.function)
    grouped = function is not None and any(parameter.name == "by" for parameter in function.parameters)
    return argument(call, "by") if grouped else None


def _logged(data: Data, node: Node, name: Name, scope: Scope) -> Bools:
    """Mark the rows where logarithms are known, if a name stands in these alone: its others are in no estimate."""
    logs = [part for part in walk(node) if isinstance(part, Call) and part.function in LOGS]
    inside = {id(part) for log in logs for part in walk(log)}
    known = np.ones(data.panel.n_rows, dtype=bool)
    if any(part == name and id(part) not in inside for part in walk(node)):
        return known
    for log in logs:
        column = data.column(log, scope) if name in referenced(log) else None
        known &= True if column is None else ~column.missing
    return known


def _first_period(data: Data, values: Floats, codes: Sequence[tuple[float, int]]) -> bool:
    """Say whether a column is the period since which a unit is treated, of which 9999 may mean never."""
    time = data.panel.columns[data.panel.time].numbers if data.panel.time is not None else None
    if time is None or changing_rows(data.panel.unit_codes, values).size:
        return False
    dates = np.unique(values[np.isfinite(values) & (values != 0) & ~np.isin(values, [code for code, _ in codes])])
    if time.min() >= 1000:
        return bool(((dates > time.min() - 200) & (dates < time.max() + 200)).all())
    return bool(np.isin(dates, time).all())


def _code(
    data: Data,
    origin: Origin,
    span: Span,
    name: str,
    codes: Sequence[tuple[float, int]],
    column: Column | None,
    where: str = "",
    grouping: bool = False,
) -> Fault:
    labels = {}
    if column is not None and column.numbers is not None and not grouping:
        labels = labelled_missing(column.labels, column.numbers[data.sampled])
    shown, made = told_codes(write(Name(name)), codes, labels)
    message = f"`{name}` is {shown}, and every estimate takes that for a value"
    if grouping:
        message = f"`{name}` is {shown}, and `by` makes a group of each such value"
    elif where:
        message = f"`{name}` is {shown}, and the condition `{where}` holds there"
    help = f"if it means missing: {made}, in [derive], under a name that takes the place of {write(Name(name))}"
    notes = []
    if column is not None and column.numbers is not None:
        for code, _ in codes:
            rows = np.flatnonzero((column.numbers == code) & data.sampled)
            notes += [f"{data.place(int(row))}: {number_text(code)}" for row in rows[:3]]
    return fault_at(origin, span, "missing_code", message, help, "warning", notes=tuple(notes))


def check_conditions(data: Data) -> Iterator[Fault]:
    """Find columns used as conditions that hold more than 0 and 1: ``year`` as a sample is every row."""
    for name, expression in data.study.derive.items():
        definition = data.scope.definition(name)
        if definition is not None:
            yield from _in(data, expression, definition.scope, whole=False)
    for use in uses(data.study):
        if use.expression.origin.path[-1:] != ("treated",):  # of a match, which has a rule of its own
            yield from check_conditions_of(data, use)


def check_conditions_of(data: Data, use: Use) -> Iterator[Fault]:
    """Check the conditions in one expression."""
    scope = data.scope if use.option is None else data.scope_of((use.option,))
    if scope is not None:
        yield from _in(data, use.expression, scope, use.role == "condition")


def _in(data: Data, expression: Expression, scope: Scope, whole: bool) -> Iterator[Fault]:
    places = [expression.tree] if whole else []
    for node in walk(expression.tree):
        places += _conditions(node)
    for node in dict.fromkeys(leaf for place in places for leaf in _leaves(place)):
        shown = _other_values(data, node, scope)
        if shown:
            text = write(node)
            message = f"`{text}` is no condition: it holds {shown}, not only 0 and 1"
            advice = f"compare it, as in `{text} > {shown.split(',')[0]}`"
            yield fault_at(expression.origin, node.span, "wrong_place", message, advice)


def _conditions(node: Node) -> list[Node]:
    """Return what must hold or not hold in ``node``."""
    if isinstance(node, Binary) and node.operator in ("&", "|"):
        return [node.left, node.right]
    if isinstance(node, Binary) and node.operator == "~":
        return [node.left]
    if isinstance(node, Unary) and node.operator == "!":
        return [node.operand]
    if isinstance(node, Call) and node.function in FUNCTIONS:
        function = FUNCTIONS[node.function]
        given = match_arguments(node, function).given
        found = (given.get(p.name) for p in function.parameters if p.kind == "condition")
        return [argument.value for argument in found if argument is not None and argument.value is not None]
    return []


def _leaves(node: Node) -> Iterator[Node]:
    """Return the parts joined by ``&``, ``|`` and ``!`` that are neither comparisons nor constants."""
    if isinstance(node, Binary) and node.operator in ("&", "|"):
        yield from _leaves(node.left)
        yield from _leaves(node.right)
    elif isinstance(node, Unary) and node.operator == "!":
        yield from _leaves(node.operand)
    elif not isinstance(node, Constant | Number) and not (isinstance(node, Binary) and node.operator in _TRUTHS):
        yield node


def _other_values(data: Data, node: Node, scope: Scope) -> str:
    """List the first values that are neither 0, 1 nor missing."""
    try:
        column = data.evaluator.column(bind(node, scope))
    except (LanguageError, EvaluationError):
        return ""  # which has its own fault
    if column.numbers is None or column.is_text:
        return ""
    values = np.asarray(column.numbers, dtype=np.float64)
    others = np.unique(values[~np.isnan(values) & (values != 0) & (values != 1)])
    shown = ", ".join(f"{v:.6g}" for v in others[:3])
    return f"{shown}, …" if len(others) > 3 else shown


def check_samples(data: Data) -> Iterator[Fault]:
    """Warn of conditions that hold nowhere, and of samples that are all rows by a number that no row reaches."""
    options: list[SampleOption | VariantOption] = [
        *data.study.sample,
        *(o for v in data.study.variants for o in v.options),
    ]
    for option in options:
        expression, rows = option.where, data.rows_of(option)
        if expression is None:
            continue
        if rows is not None and not rows.any():
            yield fault_at(
                expression.origin,
                expression.tree.span,
                "empty_sample",
                "no row satisfies this condition",
                severity="warning",
            )
        elif rows is not None and isinstance(option, SampleOption) and option.pattern is None and rows.all():
            yield from _in_every_row(data, expression)


def _in_every_row(data: Data, expression: Expression) -> Iterator[Fault]:
    """Tell of a sample that is all rows since it compares a column with a number outside of its range.

    0, powers of ten and nines are bounds of what may be a value at all; of the time `check_times` tells.
    """
    for node in walk(expression.tree):
        for left, bound, operator in compared_numbers(node):
            value, column = number_value(bound), data.column(left)
            if value is None or column is None or column.numbers is None or left == Name(data.panel.time or ""):
                continue
            known = column.numbers[np.isfinite(column.numbers)]
            if not known.size or operator not in _TURNED or set(number_text(abs(value)).lstrip("1")) <= {"0"}:
                continue
            low, high = float(known.min()), float(known.max())
            outside = value < low if operator in (">", ">=") else value > high
            if outside and set(number_text(abs(value))) != {"9"}:
                least, most = number_text(low), number_text(high)
                message = f"{marked(node)} holds in every row, as {marked(left)} is {least} to {most}"
                help_ = f"where a part was meant, mind the units of {marked(left)}; else leave the condition out"
                yield fault_at(expression.origin, node.span, "sample_whole", message, help_, "warning")
                return


def check_weights(data: Data) -> Iterator[Fault]:
    """Find weights that are negative, or nothing but zeros and gaps; and those of each in rows of a sample."""
    for option in data.study.weights:
        for node, _ in leaves(option.formula.tree, "number"):
            if not isinstance(node, Number):
                yield from _weight(data, option.formula, node)


def _weight(data: Data, expression: Expression, node: Node) -> Iterator[Fault]:
    column = data.column(node)
    if column is None or column.numbers is None:
        return
    values = column.numbers
    negative = np.flatnonzero(values < 0)
    missing = np.flatnonzero(np.isnan(values) & data.sampled)
    if negative.size:
        yield fault_at(
            expression.origin,
            node.span,
            "weights_negative",
            f"the weight is negative in {data.rows(negative)}",
            notes=tuple(f"{data.place(int(r))}: {values[r]:g}" for r in negative[:3]),
        )
    elif not (values > 0).any():
        yield fault_at(expression.origin, node.span, "weights_zero", "no row has a weight above 0")
    elif missing.size:
        yield fault_at(
            expression.origin,
            node.span,
            "weights_missing",
            f"the weight is missing in {data.rows(missing)}, which weighted specifications leave out",
            severity="warning",
        )
    if not negative.size and (values > 0).any() and (nought := np.flatnonzero((values == 0) & data.sampled)).size:
        yield fault_at(
            expression.origin,
            node.span,
            "weights_some_zero",
            f"the weight is 0 in {data.rows(nought)}, which weighted specifications leave out and count in n_missing",
            severity="warning",
        )


def check_functions(data: Data) -> Iterator[Fault]:
    """Tell what evaluating the functions has found, where they stand."""
    expressions = [*data.study.derive.values(), *(use.expression for use in uses(data.study))]
    expressions += [e for v in data.study.variants for option in v.options for e in option.derive.values()]
    calls = [(e, node) for e in expressions for node in walk(e.tree) if isinstance(node, Call)]
    for note in data.evaluator.notes.values():
        place = next(((e, node) for e, node in calls if node == note.call), None)
        if place is not None:
            yield fault_at(place[0].origin, place[1].span, note.code, note.message, note.help, "warning")


def defined(data: Data) -> Iterator[tuple[Expression, Scope]]:
    """Return every definition and expression with the names that it may use."""
    for expression in (*data.study.derive.values(), *(use.expression for use in uses(data.study))):
        yield expression, data.scope
    for variant in data.study.variants:
        for option in variant.options:
            scope = data.scope_of((option,)) or data.scope
            yield from ((expression, scope) for expression in option.derive.values())


def marked(node: Node) -> str:
    """Write an expression in marks, which a name with blanks has by itself."""
    return words if "`" in (words := write(node)) else f"`{words}`"


LIMITED = ("winsorize", "trim")
"""Functions that cut a column at quantiles."""


def check_later_values(data: Data) -> Iterator[Fault]:
    """Say once which outcomes and controls have, in a row, what depends on the periods after it.

    Limits of winsorizing and trimming are said apart: over all periods they are the usual ones. Scaling and
    centring move every row alike, and so no effect.
    """
    if data.panel.time is None:
        return
    found: dict[str, tuple[Expression, Node]] = {}
    limits: dict[str, tuple[Expression, Node]] = {}
    for use in uses(data.study):
        if use.role not in ("outcome", "terms"):
            continue
        scope = data.scope if use.option is None else data.scope_of((use.option,))
        for node, _ in leaves(use.expression.tree, use.role):
            for call in _later(data, node, scope, data.panel.time) if scope is not None else ():
                (limits if call.function in LIMITED else found).setdefault(write(call), (use.expression, node))
    time = data.panel.time
    for calls in (found, limits):
        if not calls:
            continue
        expression, node = next(iter(calls.values()))
        shown = first_few([f"`{text}`" for text in calls], MOST_NAMED)
        if calls is limits:
            code, advice = "limits_of_all_periods", f"`by = {time}` takes the limits of each period"
            message = (
                f"the tails in {shown} are those of all periods: a treatment that moves the tails moves the limits"
            )
        else:
            code, advice = "later_values", f"`by` with {time} stays within a period; "
            advice += "`carry_forward(x)` and `roll_mean(x, 3)` look back"
            message = f"using later values: outcomes or controls hold {shown}, where a row depends on periods after it"
        yield fault_at(expression.origin, node.span, code, message, advice, "warning")


def _later(data: Data, node: Node, scope: Scope, time: str) -> Iterator[Call]:
    """Return the calls in an expression, and in what it is derived from, that look at later periods."""
    stack, seen = [(node, scope)], set()
    while stack:
        top, names = stack.pop()
        for call in walk(top):
            if not isinstance(call, Call) or call.function not in FUNCTIONS:
                continue
            if FUNCTIONS[call.function].later or call.function in LIMITED:
                by = argument(call, "by") if call.function != "interpolate" else None
                apart = by is not None and _holds_time(data, by, names, time)
                if not (apart or _of_units(data, call, names) or _of_first(data, call, by, names, time)):
                    yield call
        for name in referenced(top):
            definition = names.definition(name.name)
            if definition is not None and definition.digest not in seen:
                seen.add(definition.digest)
                stack.append((definition.node, definition.scope))


def _of_units(data: Data, call: Call, scope: Scope) -> bool:
    """Say whether all that a call reads is constant within units, where known: later values are those of before."""
    units = data.panel.unit_codes
    return units is not None and all(_is_within(data.column(name, scope), units) for name in referenced(call))


def _is_within(column: Column | None, groups: Ints) -> bool:
    """Say whether a column is constant within groups, but for rows where it is missing."""
    return column is not None and not changing_rows(np.where(column.missing, -1, groups), _values(column)).size


def _of_first(data: Data, call: Call, by: Node | None, scope: Scope, time: str) -> bool:
    """Say whether a call reads, of each group, no row after its first period, as what picks a base value does."""
    of = argument(call, "x") if any(p.name == "x" for p in FUNCTIONS[call.function].parameters) else None
    group = data.column(by, scope) if by is not None else None
    if of is None or call.function == "interpolate" or (by is not None and group is None):
        return False
    units = data.panel.unit_codes
    if group is not None and units is not None and not _is_within(group, units):
        units = None
    periods = _ranks(data.panel.columns[time])
    read = _read_rows(data, of, scope, periods, units)
    groups = np.zeros(len(read), dtype=np.int64) if group is None else _ranks(group)
    first = np.full(int(groups.max()) + 2, periods.max() + 1)  # the last is of rows in no group
    np.minimum.at(first, groups, periods)
    return bool(np.all(periods[read] <= first[groups[read]]))


def _read_rows(data: Data, node: Node, scope: Scope, periods: Ints, units: Ints | None) -> Bools:
    """Mark the rows whose value in an expression may turn on more than the unit and the period."""
    column = data.column(node, scope)
    rows = np.ones(data.panel.n_rows, dtype=bool) if column is None else ~column.missing
    columns = [data.column(name, scope) for name in referenced(node)]
    if all(_is_within(c, periods) or (units is not None and _is_within(c, units)) for c in columns):
        return np.zeros_like(rows)
    match node:
        case Call(function="ifelse"):
            test, yes, no = (a.value for a in node.arguments)
            if test is None or yes is None or no is None or (holds := data.column(test, scope)) is None:
                return rows
            if _read_rows(data, test, scope, periods, units).any() or holds.numbers is None:
                return rows
            of_yes, of_no = (_read_rows(data, one, scope, periods, units) for one in (yes, no))
            rows &= np.where(holds.numbers != 0, of_yes, of_no)
        case Binary(operator="*"):
            left, right = (_read_rows(data, one, scope, periods, units) for one in (node.left, node.right))
            for flag, apart, other in ((node.left, not left.any(), right), (node.right, not right.any(), left)):
                times = data.column(flag, scope) if apart else None
                if times is not None and times.numbers is not None:
                    rows &= (times.numbers != 0) & other
    return rows


def _values(column: Column) -> Floats:
    return _ranks(column).astype(np.float64) if column.numbers is None else column.numbers


def _holds_time(data: Data, by: Node, scope: Scope, time: str) -> bool:
    """Say whether rows of one group are of one period: ``by`` holds the time or another name of it.

    It may stand within ``group()``. Another name has, in the data, one value in each period and one period for each.
    """
    stack, seen = [(level, scope) for level in joint_levels(by)], set()
    while stack:
        level, names = stack.pop()
        if level == Name(time) or _names_periods(data, level, names, time):
            return True
        if isinstance(level, Call) and level.function == "group":
            stack += [(a.value, names) for a in level.arguments if a.value is not None]
        definition = names.definition(level.name) if isinstance(level, Name) else None
        if definition is not None and definition.digest not in seen:
            seen.add(definition.digest)
            stack.append((definition.node, definition.scope))
    return False


def _names_periods(data: Data, level: Node, scope: Scope, time: str) -> bool:
    """Say whether an expression is one-to-one with the time."""
    columns = data.column(level, scope), data.panel.columns[time]
    codes = [_ranks(column) for column in columns if column is not None]
    if len(codes) < len(columns):
        return False
    here, periods = codes
    return not changing_rows(here, periods.astype(float)).size and not changing_rows(periods, here.astype(float)).size


def _ranks(column: Column) -> Ints:
    """Return the place of each value among the distinct ones; missing is -1."""
    if column.numbers is None:
        assert column.codes is not None
        return column.codes
    return np.where(column.missing, -1, np.unique(column.numbers, return_inverse=True)[1].reshape(-1))


CODES = {"cut": "an R user's cut() is a factor", "group": "its numbers have no order"}
"""Functions whose codes are names of groups, and what a reader may take them for."""


def check_codes(data: Data) -> Iterator[Fault]:
    """Warn of codes of groups that are controls as they are: one slope for all of them, and no dummies."""
    matched = {use.expression for sample in data.study.sample if sample.match for use in match_uses(sample.match)}
    for use in uses(data.study):
        if use.role != "terms" or use.expression in matched:
            continue
        for node, _ in leaves(use.expression.tree, use.role):
            definition = data.scope.definition(node.name) if isinstance(node, Name) else None
            code = node if definition is None else definition.node
            if isinstance(code, Call) and code.function in CODES:
                words = write(node)
                message = f"`{words}` is a number here, with one slope for all its codes: {CODES[code.function]}"
                advice = f"for a dummy of each level write `factor({words})`"
                yield fault_at(use.expression.origin, node.span, "codes_as_number", message, advice, "warning")


def check_precision(data: Data) -> Iterator[Fault]:
    """Warn of comparisons that single precision decides, in all expressions of the study."""
    for expression, scope in defined(data):
        yield from in_single(data, expression, scope)


def in_single(data: Data, expression: Expression, scope: Scope) -> Iterator[Fault]:
    """Warn of comparisons with a number that is another one in single precision, in which the column has it.

    A value that is just what single precision makes of a number is no accident. Told is where the comparison comes out
    otherwise than of the number itself.
    """
    found: dict[Node, dict[float, tuple[Node, int]]] = {}
    for node in walk(expression.tree):
        for left, bound, operator in compared_numbers(node):
            value = data.column(bound, scope) if _is_constant(bound) else None
            if value is None or value.numbers is None or not value.numbers.size:
                continue
            exact = float(value.numbers[0])
            with np.errstate(over="ignore"):
                single = float(np.float32(exact))
            if single == exact or _HOLDS[operator](single, exact) == _HOLDS[operator](exact, exact):
                continue
            column = data.column(left, scope)
            if column is not None and column.numbers is not None:
                rows = int(np.count_nonzero(column.numbers == single))
                if rows:
                    found.setdefault(node, {})[exact] = (left, rows)
    for node, bounds in found.items():
        exact, (left, rows) = next(iter(bounds.items()))
        total = sum(count for _, count in bounds.values())
        shown = first_few([f"{number_text(x)} as {float(np.float32(x)):.9g}" for x in bounds], MOST_NAMED)
        message = (
            f"{marked(left)} has {shown}, as single precision (Stata's float) keeps it: {marked(node)} takes that "
            f"for another number in {many(total, 'row')}"
        )
        digits = max(_digits(x) for x in bounds)
        if all(rounded(np.asarray(float(np.float32(x))), digits) == x for x in bounds):
            other = Call("round", (Argument(left), Argument(Number(float(digits)))))
            advice = f"write `{write(with_side(node, left, other))}`"
        else:
            advice = "make the file again with the column as double, from where it came: recast brings no digits back"
        yield fault_at(expression.origin, node.span, "single_precision", message, advice, "warning")


_HOLDS: dict[str, Callable[[float, float], bool]] = {
    "==": eq, "%in%": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compared_numbers(node: Node) -> Iterator[tuple[Node, Node, str]]:
    """Return what a node compares with numbers: the side that has rows, the number, the operator between them."""
    if isinstance(node, Binary) and node.operator == "%in%":
        values = children(node.right) if isinstance(node.right, Call) else (node.right,)
        yield from ((node.left, one, "%in%") for one in values)
    elif isinstance(node, Binary) and node.operator in _HOLDS:
        yield node.left, node.right, node.operator
        yield node.right, node.left, _TURNED.get(node.operator, node.operator)
    elif isinstance(node, Call) and node.function == "between":
        x, low, high = (argument(node, name) for name in ("x", "left", "right"))
        if x is not None and low is not None and high is not None:
            yield from ((x, low, ">="), (x, high, "<="))
    elif isinstance(node, Call) and node.function == "cut":
        x, breaks, right = (argument(node, name) for name in ("x", "breaks", "right"))
        closed = not (isinstance(right, Constant) and right.value is False)
        if x is not None and breaks is not None:
            yield from ((x, one, "<=" if closed else "<") for one in children(breaks))


def _is_constant(node: Node) -> bool:
    return all(isinstance(n, Number | Unary | Binary) for n in walk(node))


def _digits(value: float) -> int:
    """Return how many digits behind the point a number of this size has in single precision, and at least its own."""
    own = -int(Decimal(repr(value)).as_tuple().exponent)
    return max(own if own <= 8 else 0, 6 - math.ceil(math.log10(abs(value))) if value else 0)


def with_side(node: Node, left: Node, other: Node) -> Node:
    """Write a comparison of ``other`` in place of its side ``left``."""
    if isinstance(node, Binary):
        return replace(node, left=other) if node.left == left else replace(node, right=other)
    assert isinstance(node, Call)
    return replace(node, arguments=tuple(replace(a, value=other) if a.value == left else a for a in node.arguments))


def check_text_controls(data: Data) -> Iterator[Fault]:
    """Warn of text under its plain name that looks like numbers, or becomes very many dummies; ``i(x)`` asks for it.

    Columns of an option's file are looked at with that file.
    """
    names: dict[Name, Expression] = {}
    for use in uses(data.study):
        if use.role == "terms":
            found = (node for node, _ in leaves(use.expression.tree, use.role) if isinstance(node, Name))
            for node in found:
                names.setdefault(node, use.expression)
    for node, expression in names.items():
        yield from _said(expression.origin, node.span, node.name, data.column(node), _where(data, node.name))
    for variant in data.study.variants:
        for option in variant.options:
            scope = data.scope_of((option,)) if option.derive and option.data is None else None
            for node in [n for n in names if scope is not None and n.name in option.derive]:
                words = f" under {variant.name} = “{option.label}”"
                made = option.derive[node.name]
                yield from _said(made.origin, made.tree.span, node.name, data.column(node, scope), words)


def _said(origin: Origin, span: Span, name: str, column: Column | None, where: str) -> Iterator[Fault]:
    """Warn of one column, where its name stands or what defines it."""
    if column is None or not column.is_text or column.odd:
        return
    levels = column.levels
    alike = numbers_as_text(column)
    if not alike and len(levels) - 1 <= MOST_DUMMIES:
        return
    dummies = f"{len(levels) - 1:,} {'dummy' if len(levels) == 2 else 'dummies'}"
    message = f"`{name}` is text{where}, so that it becomes {dummies}"
    advice = f"write `i({name})` where dummies are meant"
    if alike:
        advice = f"{number_advice(column, name)}; where dummies are meant, write `i({name})`"
    yield fault_at(origin, span, "text_control", message, advice, "warning")


def _where(data: Data, name: str) -> str:
    """Say which file has a column; nothing of a derived one."""
    if name not in data.panel.columns:
        return ""
    joined = (file.name for file in data.panel.files if file.label is not None and name in file.columns)
    return f" in {next(joined, data.panel.name)}"

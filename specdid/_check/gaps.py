"""Values that are missing for all never treated units, or for whole cohorts, whose rows would be lost unnoticed.

``post = "year >= first"`` is missing where ``first`` is. In Stata an empty cell is larger than
any number, so that the same line is 0 there and the never treated stay.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from specdid import language
from specdid._arrays import Bools, Floats, Ints
from specdid._check.data import Data, StudyRole, Use, leaves, uses
from specdid._diagnostics import Fault, Origin, Span, fault_at, many
from specdid._study import Expression, SampleOption, TreatmentOption, VariantOption
from specdid.language import LanguageError, Scope, Term, argument, bind, referenced, write
from specdid.language.scope import bounds_behind
from specdid.language.tree import Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, chain, walk
from specdid.panel import EvaluationError, never_treated, number_text

NEVER = "the never treated"
MOST_PARTS = 12
"""Comparisons of an expression and derived columns of a use that are looked at: each costs evaluations of all of it."""
COMPARISONS = ("==", "!=", "<", "<=", ">", ">=")
GUARDABLE = (*COMPARISONS, "&", "+", "-", "*", "/", "%%", "%/%", "^")
"""Operators of a condition before which `!is.na(x) &` may stand without brackets."""


@dataclass(frozen=True, slots=True)
class Groups:
    """Who is first treated when.

    Attributes
    ----------
    codes : (n,) int64, the group of a row, -1 where it is in none or not looked at
    names : of the groups: "the never treated", "cohort 2014"
    """

    codes: Ints
    names: tuple[str, ...]

    def wholly(self, missing: Bools) -> list[int]:
        """Return the groups that are missing in all of their rows, where another is not."""
        inside = self.codes >= 0
        size = np.bincount(self.codes[inside], minlength=len(self.names))
        lost = np.bincount(self.codes[inside & missing], minlength=len(self.names))
        found = np.flatnonzero((size > 0) & (lost == size)).tolist()
        return found if len(found) < np.count_nonzero(size) else []

    def rows(self, groups: Sequence[int]) -> Bools:
        """Mark the rows of groups."""
        return np.isin(self.codes, groups)


def check_treatment_gaps(
    data: Data, option: TreatmentOption, columns: Sequence[tuple[Term, Floats]]
) -> Iterator[Fault]:
    """Find treatments that are missing for all of a group of units, and count what else is missing."""
    for term, values in columns:
        yield from _gaps(data, option, term, values, data.scope, "")
        seen = {tuple(bind(f, data.scope).digest for f in term.factors)}
        for variant in data.study.variants:
            for choice in variant.options:
                scope = data.scope_of((choice,)) if choice.derive else None
                content = None if scope is None else tuple(bind(f, scope).digest for f in term.factors)
                if scope is None or content is None or content in seen:
                    continue
                seen.add(content)
                other = _term_values(data, term, scope)
                if other is not None:
                    under = f"under {variant.name} = “{choice.label}” "
                    yield from _gaps(data, option, term, other, scope, under)


def _term_values(data: Data, term: Term, scope: Scope) -> Floats | None:
    try:
        columns = data.evaluator.term(tuple(bind(f, scope) for f in term.factors))
    except (LanguageError, EvaluationError):
        return None  # which has its own fault
    return columns[0].numbers if len(columns) == 1 else None


def _gaps(data: Data, option: TreatmentOption, term: Term, values: Floats, scope: Scope, under: str) -> Iterator[Fault]:
    missing = np.isnan(values) & data.sampled
    if not missing.any() or not (data.sampled & ~missing).any():
        return
    if option.arm is not None and option != next(o for o in data.study.treatment if o.origin == option.origin):
        return  # arms of one factor are missing together
    groups = groups_of(data, option, values, data.sampled)
    whole = groups.wholly(missing)
    lost = _lost_units(data, missing)
    name = f"{under}`{term.text}`" + (", as every other arm," if option.arm is not None else "")
    if whole:
        rows = groups.rows(whole)
        who = _named(data, groups, whole)
        message = f"{name} is missing in every row of {who}, and so they leave every specification"
        cohorts = [k for k in whole if groups.names[k] != NEVER]
        line = _cohort_line(data, option, term, values, rows) if cohorts else _line(data, option, term, scope, rows)
        yield _fault(option, line, message)
    elif lost.any() and _binary(values) and not _untreated(data, values).any():
        message = (
            f"{name} is missing in every row of {data.units(lost)}, and no other unit is untreated throughout: "
            "the never treated leave every specification"
        )
        line = _line(data, option, term, scope, lost)
        outs = "; if they are not, leave them out in [sample]"
        yield _fault(option, line, message, "if they are the never treated, ", outs)
    else:
        yield _note(data, option, missing, lost, name, _line(data, option, term, scope, lost))


@dataclass(frozen=True, slots=True)
class Proposal:
    """A line to write, checked on the data, and where the present one stands."""

    origin: Origin
    span: Span
    text: str


def _of_arms(option: TreatmentOption) -> str | None:
    """Say how rows without an arm come to the reference, of an option that is an arm."""
    level = next((n for n in walk(option.term.tree) if isinstance(n, Binary) and n.operator == "=="), None)
    if option.arm is None or level is None:
        return None
    reference = option.arm.rpartition(" against ")[2].split(" or ")[0]
    name, text = write(level.left), write(Text(reference)) if isinstance(level.right, Text) else reference
    line = f"`ifelse(is.na({name}), {text}, {name})`"
    return f"if they are in no arm, derive a column by {line} and name it in place of `{name}` in the treatment"


def _fault(option: TreatmentOption, line: Proposal | None, message: str, before: str = "", after: str = "") -> Fault:
    advice = "write what it is there: in R's logic, and here, a comparison with an empty cell is missing, not false"
    advice = _of_arms(option) or advice
    if line is not None:
        advice = f"{before}write {line.text}{after}"
    origin, span = (option.term.origin, option.term.tree.span) if line is None else (line.origin, line.span)
    return fault_at(origin, span, "treatment_missing_units", message, advice)


def _note(data: Data, option: TreatmentOption, missing: Bools, lost: Bools, name: str, line: Proposal | None) -> Fault:
    count = int(np.count_nonzero(missing))
    rows = data.rows(np.flatnonzero(missing))
    message = f"{name} is missing in {rows}, which every specification with it leaves out"
    if lost.any() and int(np.count_nonzero(lost)) == count:
        message = f"{name} is missing in every row of {data.units(lost)} ({rows}), which its specifications leave out"
    elif lost.any():
        message += f"; {data.units(lost)} {'has' if data.count_units(lost) == 1 else 'have'} no other rows"
    advice = f"if they are not treated, write {line.text}" if lost.any() and line is not None else None
    if lost.any():
        advice = _of_arms(option) or advice
    return fault_at(option.term.origin, option.term.tree.span, "treatment_gaps", message, advice, "warning")


def groups_of(data: Data, option: TreatmentOption, values: Floats, rows: Bools) -> Groups:
    """Tell rows apart by when their units are first treated: by the cohort, without one who never is."""
    cohort = data.numbers(option.cohort)
    codes = np.full(data.panel.n_rows, -1, np.int64)
    if cohort is None:
        codes[rows & _untreated(data, values)] = 0
        codes[rows & (codes < 0)] = 1  # whom the term treats, or says nothing of
        return Groups(codes, (NEVER, "the others"))
    never = never_treated(data.panel, cohort) | np.isnan(cohort)
    codes[rows & never] = 0
    levels, place = np.unique(cohort[rows & ~never], return_inverse=True)
    codes[rows & ~never] = place.reshape(-1) + 1
    return Groups(codes, (NEVER, *(f"cohort {number_text(float(v))}" for v in levels)))


def _named(data: Data, groups: Groups, which: Sequence[int]) -> str:
    shown = [f"{groups.names[k]} ({data.units(groups.rows([k]))})" for k in which[:3]]
    more = [many(len(which) - 3, "more cohort")] if len(which) > 3 else []
    return " and ".join([*shown, *more])


def _lost_units(data: Data, missing: Bools) -> Bools:
    """Mark the rows of units that are missing in all of their rows in the samples."""
    units, sampled = data.panel.unit_codes, data.sampled
    if units is None:
        return np.zeros(len(missing), dtype=bool)
    known = np.zeros(int(units.max(initial=0)) + 1, dtype=bool)
    known[units[sampled & ~missing]] = True
    return np.asarray(sampled & ~known[units])


def _untreated(data: Data, values: Floats) -> Bools:
    """Mark the rows of units whose every known value, and at least one, is 0."""
    units, known = data.panel.unit_codes, ~np.isnan(values) & data.sampled
    if units is None:
        return np.zeros(len(values), dtype=bool)
    seen, on = (np.zeros(int(units.max(initial=0)) + 1, dtype=bool) for _ in range(2))
    seen[units[known]] = True
    on[units[known & (values != 0)]] = True
    return np.asarray((seen & ~on)[units])


def _binary(values: Floats) -> bool:
    return bool(np.isin(values[~np.isnan(values)], (0.0, 1.0)).all())


def _line(data: Data, option: TreatmentOption, term: Term, scope: Scope, rows: Bools) -> Proposal | None:
    """Return the definition with 0 where its cause is empty, where that is right on the data, of all arms."""
    if option.arm is not None:
        return None
    culprits = [f for f in term.factors if _all_missing(data, f, scope, rows)]
    if not rows.any() or not culprits:
        return None
    name, node, scope = _definition(data, culprits[0], scope, rows)
    empty = [n.name for n in referenced(node) if _all_missing(data, Name(n.name), scope, rows)]
    empty = list(dict.fromkeys(empty))
    if not empty:
        return None
    written, names = write(node), [write(Name(n)) for n in empty]
    if isinstance(node, Binary) and node.operator in (*COMPARISONS, "&") and _plain(node):
        text = " & ".join([*(f"!is.na({n})" for n in names), written])
    else:
        text = f"ifelse({' | '.join(f'is.na({n})' for n in names)}, 0, {written})"
    if not _is_zero(data, text, node, scope, rows):
        return None
    return _placed(data, option, term, culprits[0], name, text)


def _plain(node: Node) -> bool:
    """Say whether a condition is a chain of comparisons that `&` binds less than."""
    return all(n.operator in GUARDABLE for n in walk(node) if isinstance(n, Binary))


def _definition(data: Data, node: Node, scope: Scope, rows: Bools) -> tuple[str | None, Node, Scope]:
    """Follow derived columns to the definition that is missing where nothing it is derived from is."""
    name: str | None = None
    while True:
        inner = (n.name for n in referenced(node) if scope.definition(n.name) is not None)
        missing = next((n for n in inner if _all_missing(data, Name(n), scope, rows)), None)
        definition = None if missing is None else scope.definition(missing)
        if definition is None:
            return name, node, scope
        name, node, scope = missing, definition.node, definition.scope


def _all_missing(data: Data, node: Node, scope: Scope, rows: Bools) -> bool:
    try:
        column = data.evaluator.column(bind(node, scope))
    except (LanguageError, EvaluationError):
        return False
    return bool(column.missing[rows].all())


def _is_zero(data: Data, text: str, node: Node, scope: Scope, rows: Bools) -> bool:
    """Say whether a text is 0 in ``rows``, and else what ``node`` is."""
    try:
        new = data.evaluator.numbers(bind(language.parse(text), scope))
        old = data.evaluator.numbers(bind(node, scope))
    except (LanguageError, EvaluationError):
        return False
    same = (new == old) | np.isnan(old)
    return bool((new[rows] == 0).all() and same.all())


def _placed(
    data: Data, option: TreatmentOption, term: Term, factor: Node, name: str | None, text: str
) -> Proposal | None:
    """Say where a line belongs: the definition, the treatment itself, or a new line of [derive]."""
    if name is not None and name in data.study.derive:
        present = data.study.derive[name]
        return Proposal(present.origin, present.tree.span, f"{write(Name(name))} = {_string(text)}")
    if name is not None:  # of a variant
        return Proposal(option.term.origin, option.term.tree.span, f"{write(Name(name))} = {_string(text)}")
    origin, span = option.term.origin, option.term.tree.span
    if isinstance(factor, Name):
        return Proposal(origin, span, f"{write(factor)} = {_string(text)} in [derive]")
    if len(term.factors) == 1:
        return Proposal(origin, span, f"{_string(text)} as the treatment")
    return None


def _string(text: str) -> str:
    """Write a TOML string, with the quotes that the text itself does not have."""
    if '"' not in text:
        return f'"{text}"'
    return f"'{text}'" if "'" not in text else json.dumps(text, ensure_ascii=False)


def _cohort_line(data: Data, option: TreatmentOption, term: Term, values: Floats, rows: Bools) -> Proposal | None:
    """Return the treatment as the cohort has it, where that is what the term is in all other rows."""
    factor = term.factors[0]
    if option.cohort is None or data.panel.time is None or len(term.factors) > 1 or not isinstance(factor, Name):
        return None
    first, never = write(option.cohort.tree), data.panel.never
    if not isinstance(option.cohort.tree, Name):
        first = f"({first})"
    parts = [f"!is.na({first})"] if never.empty else []
    parts += [f"{first} != {v:.15g}" for v in never.values]
    text = " & ".join([*parts, f"{write(Name(data.panel.time))} >= {first}"])
    try:
        new = data.evaluator.numbers(bind(language.parse(text), data.scope))
    except (LanguageError, EvaluationError):
        return None
    if np.isnan(new[rows]).any() or not ((new == values) | np.isnan(values)).all():
        return None
    present = data.study.derive.get(factor.name)
    where, stands = ("", present) if present is not None else (" in [derive]", option.term)
    return Proposal(stands.origin, stands.tree.span, f'{write(factor)} = "{text}"{where}')


def check_lost_groups(data: Data) -> Iterator[Fault]:
    """Warn of what is missing in every row of the never treated, or of a cohort: these leave with it."""
    told: set[tuple[Origin, str]] = set()
    for option in data.study.treatment:
        values = data.numbers(option.term)
        if values is None and option.cohort is None:
            continue
        values = np.full(data.panel.n_rows, np.nan) if values is None else values
        groups: dict[bool, Groups] = {}
        for use in uses(data.study):
            if use.role in ("treatment", "names") or use.expression in _not_its_own(data, option):
                continue
            everywhere = use.role == "condition"  # whose rows the samples are what it says
            for node, _ in leaves(use.expression.tree, use.role):
                key = (use.expression.origin, write(node))
                missing = None if key in told else _missing(data, use, node)
                if missing is None or not missing.any():
                    continue
                if everywhere not in groups:
                    rows = np.ones(data.panel.n_rows, dtype=bool) if everywhere else data.sampled
                    groups[everywhere] = groups_of(data, option, values, rows)
                if whole := groups[everywhere].wholly(missing):
                    told.add(key)
                    yield _loses(data, use, node, groups[everywhere], whole)
    yield from _conditions(data, {origin for origin, _ in told})
    yield from _comparisons(data, told)
    yield from _defaults(data)
    yield from _controls(data, told)


def _whole_units(data: Data, missing: Bools, of: Bools | None = None) -> int:
    """Count the units that are missing in all of their rows, or in all of ``of``."""
    units = data.panel.unit_codes
    if units is None or not missing.any():
        return 0
    of = np.ones(len(missing), dtype=bool) if of is None else of
    whole = np.zeros(len(data.panel.unit_levels), dtype=bool)
    whole[units[of & missing]] = True
    whole[units[of & ~missing]] = False
    return int(whole.sum())


def _controls(data: Data, told: set[tuple[Origin, str]]) -> Iterator[Fault]:
    """Note the units that leave whole with a control or an effect: with and without it are then of different units."""
    known = np.zeros(data.panel.n_rows, dtype=bool)
    for outcome in data.study.outcome:
        for node, _ in leaves(outcome.formula.tree, "outcome"):
            column = data.column(node)
            known |= True if column is None else ~column.missing
    options: list[tuple[Expression, StudyRole]] = [(o.formula, "terms") for o in data.study.controls]
    options += [(o.formula, "effects") for o in data.study.fixed_effects]
    for formula, role in options:
        for node, _ in leaves(formula.tree, role):
            key = (formula.origin, write(node))
            missing = None if key in told else _missing(data, Use(formula, role), node)
            whole = 0 if missing is None else _whole_units(data, missing, known & data.sampled)
            if whole and whole < data.count_units(known & data.sampled):
                message = (
                    f"`{key[1]}` is missing in every row of {many(whole, 'unit')} that outcomes are known of: "
                    "specifications with and without it are of different units"
                )
                advice = "to compare the same units, leave these out in [sample]"
                code = "effect_missing" if role == "effects" else "control_missing"
                yield fault_at(formula.origin, node.span, code, message, advice, "warning")


def _conditions(data: Data, told: set[Origin]) -> Iterator[Fault]:
    """Warn of conditions that are missing in some rows, which are out, where Stata would have them in.

    There an empty cell is unequal to every other text and larger than every number. Units that leave whole are told
    of also where Stata leaves them out.
    """
    options: list[SampleOption | VariantOption] = [*data.study.sample]
    options += [option for variant in data.study.variants for option in variant.options]
    for option in options:
        where = option.where
        if where is None or option.pattern is not None or where.origin in told:
            continue
        use = Use(where, "condition", option if isinstance(option, VariantOption) else None)
        missing = _missing(data, use, where.tree)
        if missing is None or not missing.any():
            continue
        if _false_in_stata(data, use, where.tree) and not _whole_units(data, missing):
            continue
        count = int(np.count_nonzero(missing))
        units = f" of {data.units(missing)}" if data.panel.unit_codes is not None else ""
        who = f"{count:,} row{'' if count == 1 else 's'}{units}"
        names = [n.name for n in referenced(where.tree)]
        empty = next((n for n in names if (c := data.column(Name(n))) is not None and c.missing[missing].all()), None)
        message, advice = f"this condition is missing in {who}, which are not in this sample", None
        if empty is not None:
            message += f": `{write(Name(empty))}` is missing there"
            of = _naming(Name(empty), where.tree)
            true = all(isinstance(one, Binary) and _true_in_stata(one, one.left == Name(empty)) for one in of)
            advice = _both_ways(Name(empty), where.tree, true)
        yield fault_at(where.origin, where.tree.span, "condition_missing", message, advice, "warning")


def _comparisons(data: Data, told: set[tuple[Origin, str]]) -> Iterator[Fault]:
    """Warn of comparisons with an empty cell in outcomes, treatments, controls and weights: their rows are lost.

    Where none is lost in Stata: there an empty cell is larger than every number, and a comparison is true or false.
    """
    seen: set[tuple[Origin, Node]] = set()
    cohorts = [option.cohort for option in data.study.treatment]
    for use in uses(data.study):
        if use.role in ("condition", "names") or use.expression in cohorts:
            continue
        if use.role == "treatment" and _has_own_fault(data, use):
            continue
        for node, _ in leaves(use.expression.tree, use.role):
            missing = None if (use.expression.origin, write(node)) in told else _missing(data, use, node)
            lost = np.zeros(0, dtype=bool) if missing is None else missing & data.sampled
            for expression, one, rows in _within(data, use, use.expression, node, lost, set()):
                if (expression.origin, one) in seen:
                    continue
                stata = _in_stata(data, use, expression.tree)
                gone = None if stata is None else _missing(data, use, stata)
                rows = rows if gone is None else rows & ~gone
                if rows.any():
                    seen.add((expression.origin, one))
                    yield from _compares(data, use, expression, one, rows)


def _defaults(data: Data) -> Iterator[Fault]:
    """Warn of outcomes that are the last case of case_when() in rows where its conditions are missing.

    Not of treatments, where an empty date is the usual sign of who is never treated.
    """
    for option in data.study.outcome:
        for node, _ in leaves(option.formula.tree, "outcome"):
            for bound in bounds_behind([bind(node, data.scope)]):
                for call in (n for n in walk(bound.node) if isinstance(n, Call) and n.function == "case_when"):
                    yield from _default(data, option.formula, node, call, bound.scope)


def _default(data: Data, formula: Expression, outcome: Node, call: Call, scope: Scope) -> Iterator[Fault]:
    cases = [a.value for a in call.arguments if isinstance(a.value, Binary) and a.name is None]
    default = argument(call, ".default")
    *cases, last = cases if default is None else [*cases, Binary("~", Constant(True), default)]
    tests = [data.column(case.left, scope) for case in cases]
    if not cases or last.left != Constant(True) or any(one is None or one.numbers is None for one in tests):
        return
    open_ = np.logical_or.reduce([one.missing for one in tests if one is not None])
    held = np.logical_or.reduce([one.numbers > 0 for one in tests if one is not None and one.numbers is not None])
    given, whole = data.column(last.right, scope), data.column(outcome)
    rows = open_ & ~held & data.sampled
    if given is None or whole is None or not (rows := rows & ~given.missing & ~whole.missing).any():
        return
    parts = [part for case in cases for part in (*referenced(case.left), case.left)]
    part = next((p for p in parts if _all_missing(data, p, scope, rows)), None)
    if part is None:
        return
    count = many(int(rows.sum()), "row")
    message = (
        f"`{write(outcome)}` is `{write(last.right)}`, the last case of case_when(), in {count} where "
        f"`{write(part)}` is missing, as in R"
    )
    advice = f"to leave these rows out write `is.na({write(part)}) ~ NA` as the first case"
    yield fault_at(formula.origin, outcome.span, "default_of_missing", message, advice, "warning")


def _has_own_fault(data: Data, use: Use) -> bool:
    """Say whether a treatment is missing for whole units, of which there is a fault with the line to write."""
    missing = _missing(data, use, use.expression.tree)
    return missing is None or bool(_lost_units(data, missing & data.sampled).any())


def _within(
    data: Data, use: Use, expression: Expression, node: Node, lost: Bools, entered: set[str]
) -> Iterator[tuple[Expression, Binary, Bools]]:
    """Return the comparisons that make a part of an expression missing, and in which of the rows ``lost``.

    Also those in the columns of [derive] that it names, but for those already ``entered``.
    """
    derive = data.study.derive
    parts: list[Binary | Name] = []
    decided = _decided(node)
    for part in walk(node):
        compares = isinstance(part, Binary) and part.operator in COMPARISONS and id(part) not in decided
        names = isinstance(part, Name) and part.name in derive and derive[part.name] is not expression
        if (compares or names) and part not in parts:
            parts.append(part)  # type: ignore[arg-type]
    for part in parts[:MOST_PARTS] if lost.any() else ():
        rows = _because(data, use, node, parts, part, lost)
        if isinstance(part, Binary):
            yield expression, part, rows
        elif part.name not in entered and len(entered) < MOST_PARTS:
            entered.add(part.name)
            derived = derive[part.name]
            yield from _within(data, use, derived, derived.tree, rows, entered)


def _decided(node: Node) -> set[int]:
    """Return the comparisons, by identity, beside which `& !is.na(x)` or `| is.na(x)` says what an empty cell is."""
    found: set[int] = set()
    for part in walk(node):
        if not isinstance(part, Binary) or part.operator not in ("&", "|"):
            continue
        operands = chain(part, part.operator)
        asked = [
            o.operand if part.operator == "&" and isinstance(o, Unary) and o.operator == "!" else o for o in operands
        ]
        known = {
            argument.value
            for one, operand in zip(asked, operands, strict=True)
            if isinstance(one, Call) and one.function == "is.na" and (one is operand) == (part.operator == "|")
            for argument in one.arguments
        }
        for one in operands:
            if isinstance(one, Binary) and one.operator in COMPARISONS:
                sides = (one.left, one.right)
                if all(side in known or isinstance(side, Number | Text) for side in sides):
                    found.add(id(one))
    return found


def _because(data: Data, use: Use, node: Node, parts: Sequence[Node], part: Node, lost: Bools) -> Bools:
    """Mark the rows in which ``node`` is missing because ``part`` is, were its other parts known."""
    gone = _missing(data, use, part)
    rows = lost if gone is None else lost & gone
    if node == part or gone is None or not rows.any():
        return rows
    others = [other for other in parts if part not in walk(other)]
    found = np.zeros_like(rows)
    for known in (Constant(True), Constant(False)):
        with_it = _missing(data, use, _filled(node, others, known))
        without = _missing(data, use, _filled(node, [*others, part], known))
        if with_it is None or without is None:
            return rows  # no truth can stand there
        found |= rows & with_it & ~without
    return found


def _filled(node: Node, parts: Sequence[Node], known: Node) -> Node:
    """Write ``known`` for the empty cells of some parts of an expression."""
    if node in parts:
        return Call("coalesce", (Argument(node), Argument(known)))
    match node:
        case Unary():
            return replace(node, operand=_filled(node.operand, parts, known))
        case Binary():
            return replace(node, left=_filled(node.left, parts, known), right=_filled(node.right, parts, known))
        case Call():
            filled = (
                a if a.value is None else replace(a, value=_filled(a.value, parts, known)) for a in node.arguments
            )
            return replace(node, arguments=tuple(filled))
        case _:
            return node


MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def _true_in_stata(node: Binary, left: bool) -> bool:
    """Say whether a comparison is true in Stata where its left side, or else its right one, is empty."""
    operator = node.operator if left else MIRRORED.get(node.operator, node.operator)
    return operator in (">", ">=", "!=")


def _in_stata(data: Data, use: Use, node: Node) -> Node | None:
    """Return an expression whose comparisons are true or false, as in Stata, where one side is empty.

    None where it has many, or columns of [derive], which have their own.
    """
    compared = [one for one in walk(node) if isinstance(one, Binary) and one.operator in COMPARISONS]
    if len(compared) > MOST_PARTS or any(n.name in data.study.derive for n in referenced(node)):
        return None
    for one in compared:
        empty = [side for side in (one.left, one.right) if (m := _missing(data, use, side)) is None or m.any()]
        if len(empty) == 1:
            node = _filled(node, [one], Constant(_true_in_stata(one, empty[0] is one.left)))
    return node


def _compares(data: Data, use: Use, expression: Expression, node: Binary, rows: Bools) -> Iterator[Fault]:
    """Say in how many rows one side of a comparison is empty, and what the comparison is in Stata and in pandas."""
    sides = [(side, _missing(data, use, side)) for side in (node.left, node.right)]
    empty = [side for side, gone in sides if gone is not None and rows.any() and gone[rows].all()]
    if len(empty) != 1:
        return
    name = write(empty[0])
    stata = _true_in_stata(node, empty[0] is node.left)
    true, false = (_string(text + _guarded(node)) for text in (f"is.na({name}) | ", f"!is.na({name}) & "))
    count = int(np.count_nonzero(rows))
    units = f" of {data.units(rows)}" if data.panel.unit_codes is not None else ""
    column = next((name for name, one in data.study.derive.items() if one is expression), "")
    of = f" of `{column}`" if column else ""
    message = (
        f"`{write(node)}`{of} is missing in {many(count, 'row')}{units}, where `{name}` is: specifications with it "
        "leave them out, as R does with NA; in Stata, where a missing value is larger than any number, "
        f"it is {'true' if stata else 'false'} there"
    )
    advice = f"as in Stata: {true if stata else false}"
    if stata and node.operator != "!=":
        advice += f"; false, as in Python: {false}"
    yield fault_at(expression.origin, node.span, "comparison_missing", message, advice, "warning")


def _false_in_stata(data: Data, use: Use, node: Node) -> bool:
    """Say whether a condition is never missing, or false in Stata, too, where it is."""
    if isinstance(node, Binary) and node.operator in ("&", "|"):
        return _false_in_stata(data, use, node.left) and _false_in_stata(data, use, node.right)
    if isinstance(node, Binary) and node.operator in ("==", "<", "<=", "%in%", "%like%"):
        return True
    missing = _missing(data, use, node)
    return missing is not None and not missing.any()


def _not_its_own(data: Data, option: TreatmentOption) -> tuple[Expression | None, ...]:
    """Return the expressions that no specification of a treatment has, and cohorts, empty where `never` says so."""
    others = (o.with_ for o in data.study.treatment if o is not option)
    return (*(o.cohort for o in data.study.treatment), *others)


def _missing(data: Data, use: Use, node: Node) -> Bools | None:
    scope = data.scope if use.option is None else data.scope_of((use.option,))
    try:
        return None if scope is None else data.evaluator.column(bind(node, scope)).missing
    except (LanguageError, EvaluationError):
        return None  # which has its own fault


def _loses(data: Data, use: Use, node: Node, groups: Groups, whole: Sequence[int]) -> Fault:
    who, advice = _named(data, groups, whole), None
    message = f"`{write(node)}` is missing in every row of {who}, and so they leave every specification with it"
    if use.role == "condition":
        message = f"`{write(node)}` is missing in every row of {who}, and so they are not in this sample"
        matches = (s.match for s in data.study.sample if s.match is not None)
        treated = any(use.expression is m.treated for m in matches)
        advice = _kept(data, node, groups, whole, treated)
    return fault_at(use.expression.origin, node.span, "group_missing", message, advice, "warning")


def _kept(data: Data, node: Node, groups: Groups, whole: Sequence[int], treated: bool) -> str | None:
    """Say how to write a condition that keeps, or openly drops, the rows where its cause is empty.

    Of ``treated`` in a match to hold is to be treated: who is kept is on one side or on the other.
    """
    rows = groups.rows(whole)
    empty = [n for n in referenced(node) if _all_missing(data, Name(n.name), data.scope, rows)]
    if not empty:
        return None
    name = Name(empty[0].name)
    if treated:
        keep, leave = _guards(name, node)
        one = f'to have them among the controls write "{leave}"'
        if all(groups.names[k] == NEVER for k in whole):
            return one
        return f'{one}, among the treated "{keep}"'
    return _both_ways(name, node)


def _guarded(node: Node) -> str:
    """Write a condition so that it can stand behind `&` or `|`."""
    inner = node.operand if isinstance(node, Unary) and node.operator == "!" else node
    bare = isinstance(inner, Name | Call) or (
        isinstance(node, Binary) and node.operator in COMPARISONS and _plain(node)
    )
    return write(node) if bare else f"({write(node)})"


def _both_ways(name: Name, node: Node, stata: bool = False) -> str:
    keep, leave = (_string(text) for text in _guards(name, node))
    as_stata, as_r = (", as Stata does,", ", as R does with NA,") if stata else ("", "")
    return f"to keep them{as_stata} write {keep}, to leave them out{as_r} {leave}"


def _naming(name: Name, node: Node) -> list[Node]:
    """Return the conditions that an expression joins by `&` of those that name a column."""
    return [part for part in chain(node, "&") if any(n.name == name.name for n in referenced(part))]


def _guards(name: Name, node: Node) -> tuple[str, str]:
    """Write a condition so that rows where a column is empty are in, and so that they are out.

    The other conditions that it is joined with by `&` hold for them, too.
    """
    of = _naming(name, node)
    others = [part for part in chain(node, "&") if part not in of]
    inner = _guarded(reduce(lambda a, b: Binary("&", a, b), of or [node]))
    if not of or not others:
        return f"is.na({write(name)}) | {_guarded(node)}", f"!is.na({write(name)}) & {_guarded(node)}"
    before = " & ".join(_guarded(part) for part in others)
    return f"{before} & (is.na({write(name)}) | {inner})", f"{before} & !is.na({write(name)}) & {inner}"

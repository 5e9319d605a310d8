"""Options that stand for several, written out: samples by pattern, treatments that are factors, stepwise instruments.

In [sample] and variants' ``where``, ``each(f)`` is one option per level of f, ``drop_each(f)`` one per level left out;
``halves(n)`` are both halves of n random divisions, ``window(x, width)`` spans of time, ``drop_first(x, n)`` and
``drop_last(x, n)`` shorter ones. What they make are conditions that anybody could have written.

A factor as the treatment is one specification per arm against a reference, with all arms in every regression:
``arms = "i(arm, ref = 'control')"``, or ``arms = "arm"`` where a level is called control, becomes the treatments
``arms: b``, ``arms: c``, … Each is the 0/1 of its arm with those of the other arms among the terms (``with``), so the
arms of one specification share one regression, as they do in ``y ~ factor(arm)``: rows of other arms stay, and are no
controls of this one. ``i(arm, x, ref = "control")`` are the products of each with x, as a period after the treatment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from specdid import language
from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import Fault, closest, fault_at, many
from specdid._hashing import text_word
from specdid._plan.expand import base_scope, variant_scope
from specdid._plan.records import Plan
from specdid._study import (
    INSTRUMENTS,
    Core,
    Exclusion,
    Expression,
    SampleOption,
    Selector,
    Study,
    Tie,
    TreatmentOption,
    Variant,
    VariantOption,
)
from specdid.language import LanguageError, Scope, bind, expand, write
from specdid.language.functions import FUNCTIONS, SAMPLE_PATTERNS, argument
from specdid.language.tree import Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, chain, number_value
from specdid.panel import Column, EvaluationError, Evaluator, Panel, number_text

MOST = 200
"""Samples of a pattern at most."""
MOST_HALVED = 20_000
"""Units of which halves are written out: a condition names each of one half."""
RowOption = SampleOption | VariantOption


def expand_sample_levels(
    study: Study, panel: Panel | None, evaluator: Evaluator | None
) -> tuple[Study, tuple[Fault, ...]]:
    """Write the options of patterns out, once the data are read.

    ``regions = "each(region) & year > 2003"`` becomes ``regions: East``, ``regions: West``, …, in the order of the
    levels that the other conditions leave. [[exclude]] and [preferred] may name one of these, or
    ``regions`` for all. Without data a pattern is any sample, so that the rest can be checked.

    Returns
    -------
    study, faults
    """
    dimensions: dict[str, Sequence[RowOption]] = {"sample": study.sample, **{v.name: v.options for v in study.variants}}
    if not any(_calls(o) for options in dimensions.values() for o in options):
        return study, ()
    faults: list[Fault] = []
    known = None if panel is None or evaluator is None else _Writer(study, panel, evaluator)
    made = {name: _written(name, options, known, faults) for name, options in dimensions.items()}
    rename = {name: renamed for name, (_, renamed) in made.items()}
    variants = tuple(Variant(v.name, made[v.name][0], v.origin) for v in study.variants)  # type: ignore[arg-type]
    sample: tuple[SampleOption, ...] = made["sample"][0]  # type: ignore[assignment]
    return rename_labels(replace(study, sample=sample, variants=variants), rename), tuple(faults)


def rename_labels(study: Study, rename: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Study:
    """Let selectors of the study mean all that an option was written out as, by its label, in each dimension."""
    exclude = tuple(_in_rule(rule, rename) for rule in study.exclude)
    preferred = {name: _in_selectors(name, chosen, rename) for name, chosen in study.preferred.items()}
    together = tuple(_in_tie(tie, rename) for tie in study.together)
    return replace(study, exclude=exclude, preferred=preferred, together=together)


def pattern_parts(pattern: Expression) -> tuple[Call, list[Node]]:
    """Return the call by which a pattern makes its samples, and the conditions beside it."""
    parts = chain(pattern.tree, "&")
    call = next(n for n in parts if isinstance(n, Call) and n.function in SAMPLE_PATTERNS)
    return call, [part for part in parts if part is not call]


def _calls(option: RowOption) -> list[Call]:
    nodes = chain(option.where.tree, "&") if option.where is not None else []
    return [node for node in nodes if isinstance(node, Call) and node.function in SAMPLE_PATTERNS]


def _written(
    dimension: str, options: Sequence[RowOption], known: _Writer | None, faults: list[Fault]
) -> tuple[tuple[RowOption, ...], Mapping[str, tuple[str, ...]]]:
    """Return the options of a dimension with its patterns written out, and what each pattern's label stands for."""
    out: list[RowOption] = []
    rename: dict[str, tuple[str, ...]] = {}
    for option in options:
        found = list(_expanded(option, known, faults))
        if calls := _calls(option):
            rename[option.label or _words(calls[0])] = tuple(o.label or "" for o in found)
        out += found
    labels = [o.label for o in out]
    for label in dict.fromkeys(labels):
        if label is not None and labels.count(label) > 1 and rename and not faults:
            said = f"the {dimension} `{label}` stands twice, once by a pattern"
            faults.append(Fault("bad_name", said, help="give one of them another label", path=(dimension,)))
    return tuple(out), {label: found for label, found in rename.items() if found and found != (label,)}


def _expanded(option: RowOption, known: _Writer | None, faults: list[Fault]) -> Iterator[RowOption]:
    calls = _calls(option)
    if not calls:
        yield option
        return
    assert option.where is not None
    rest = [part for part in chain(option.where.tree, "&") if part not in calls]
    made = known.options(option, calls[0], rest) if known is not None else []
    if isinstance(made, str):
        help = "leave this sample out, or write another pattern"
        faults.append(fault_at(option.where.origin, calls[0].span, "wrong_place", made, help))
    if made and not isinstance(made, str):
        yield from made
    else:
        yield replace(option, where=_joined(rest, option.where), label=option.label or _words(calls[0]))


def _joined(parts: Sequence[Node], written: Expression) -> Expression:
    tree = reduce(lambda a, b: Binary("&", a, b), parts) if parts else Constant(True)
    return Expression(language.write(tree), tree, written.origin)


def _words(call: Call) -> str:
    """Return what the samples of a pattern without a label are called after."""
    first = call.arguments[0].value if call.arguments else None
    return "half" if call.function == "halves" or first is None else language.write(first)


@dataclass(frozen=True, slots=True)
class _PatternSample:
    """One sample of a pattern: its condition, and what it is called."""

    condition: Node
    text: str


class _NoSampleError(ValueError):
    """A pattern makes no samples; the message says why."""


class _Writer:
    """Writes patterns out on one panel."""

    def __init__(self, study: Study, panel: Panel, evaluator: Evaluator) -> None:
        self.study, self.panel, self.evaluator = study, panel, evaluator

    def options(self, option: RowOption, call: Call, rest: Sequence[Node]) -> list[RowOption] | str:
        """Return the options that ``call`` stands for, or why there are none."""
        write: dict[str, Callable[[Call, Scope, Bools], list[_PatternSample]]] = {
            "each": self.levels,
            "drop_each": self.levels,
            "halves": self.halves,
            "window": self.windows,
            "drop_first": self.ends,
            "drop_last": self.ends,
        }
        assert option.where is not None
        try:
            own = (option,) if isinstance(option, VariantOption) else ()
            scope = variant_scope(self.study, tuple(self.panel.columns), own)
            inside = np.ones(self.panel.n_rows, bool)
            for part in rest:
                inside &= self.evaluator.condition(bind(part, scope))
            parts = write[call.function](call, scope, inside)
        except (LanguageError, EvaluationError, _NoSampleError) as error:
            return str(error)
        label = option.label or _words(call)
        return [
            replace(
                option,
                label=f"{label}: {part.text}",
                where=_joined([part.condition, *rest], option.where),
                pattern=option.where,
            )
            for part in parts
        ]

    def levels(self, call: Call, scope: Scope, inside: Bools) -> list[_PatternSample]:
        """Write ``each(f)`` and ``drop_each(f)`` out."""
        column = _given(call, "f")
        levels = self._levels(column, scope, inside, MOST)
        if call.function == "each":
            return [_PatternSample(Binary("==", column, node), text) for node, text in levels]
        # Rows without a level stay: they are of no level.
        return [_PatternSample(Unary("!", Binary("%in%", column, node)), f"without {text}") for node, text in levels]

    def _levels(self, node: Node, scope: Scope, inside: Bools, most: int) -> list[tuple[Node, str]]:
        """Return the levels of ``node`` in rows, in order, each as it is written in a condition and in a label."""
        column = self.evaluator.column(bind(node, scope))
        words = language.write(node)
        if column.codes is not None:
            seen = np.unique(column.codes[inside])
            found: list[tuple[Node, str]] = [
                (Text(column.levels[k]), column.levels[k]) for k in seen[seen >= 0].tolist()
            ]
        else:
            numbers = self.evaluator.numbers(bind(node, scope))[inside]
            found = [(number_node(v), number_text(v)) for v in np.unique(numbers[np.isfinite(numbers)]).tolist()]
        if len(found) > most:
            many = f"`{words}` has {len(found):,} levels, and "
            rule = "each would be a sample" if most == MOST else "a condition would name half of them"
            raise _NoSampleError(f"{many}{rule}; at most {most:,} are written out")
        if len(found) < 2:
            some = "one level" if found else "no level"
            raise _NoSampleError(f"`{words}` has {some} in these rows: there is nothing to tell apart")
        return found

    def halves(self, call: Call, scope: Scope, inside: Bools) -> list[_PatternSample]:
        """Write ``halves(n)`` out: units in the order of a hash of the seed, the division and the unit.

        So a half is the same whatever else the study has, and a unit more moves few others.
        """
        by = argument(call, "by", SAMPLE_PATTERNS["halves"]) or (Name(self.panel.unit) if self.panel.unit else None)
        if by is None:
            raise _NoSampleError("`halves()` needs the unit of the panel, or `by = ` what is divided")
        count = _whole(call, "n")
        if 2 * count > MOST:
            raise _NoSampleError(f"{count:,} divisions are {2 * count:,} samples; at most {MOST} are written out")
        levels, parts = self._levels(by, scope, inside, MOST_HALVED), []
        for k in range(1, count + 1):
            stream = f"{self.study.seed}|halves|{language.write(by)}|{k}|"
            order = sorted(range(len(levels)), key=lambda place: (text_word(stream + levels[place][1]), place))
            middle = (len(levels) + 1) // 2
            for name, places in (("a", order[:middle]), ("b", order[middle:])):
                listed = Call("c", tuple(Argument(levels[place][0]) for place in sorted(places)))
                parts.append(_PatternSample(Binary("%in%", by, listed), f"{k}{name}"))
        return parts

    def windows(self, call: Call, scope: Scope, inside: Bools) -> list[_PatternSample]:
        """Write ``window(x, width, step = s)`` out: whole windows only, from the first period of these rows."""
        node, width, step = _given(call, "x"), _whole(call, "width"), _whole(call, "step")
        values, places = self._line(node, scope, inside)
        words, first, last = language.write(node), int(places[0]), int(places[-1])
        if width > last - first:
            raise _NoSampleError(f"`{words}` spans {last - first + 1:,} periods: a window of {width:,} is no smaller")
        starts = range(first, last - width + 2, step)
        if len(starts) > MOST:
            raise _NoSampleError(f"these are {len(starts):,} windows; at most {MOST} are written out")
        parts: dict[_PatternSample, None] = {}
        for start in starts:
            seen = values[(places >= start) & (places < start + width)].tolist()
            if seen:
                low, high = seen[0], seen[-1]
                inner = Binary("&", Binary(">=", node, number_node(low)), Binary("<=", node, number_node(high)))
                parts[_PatternSample(inner, f"{number_text(low)}–{number_text(high)}")] = None
        return list(parts)

    def ends(self, call: Call, scope: Scope, inside: Bools) -> list[_PatternSample]:
        """Write ``drop_first(x, n)`` and ``drop_last(x, n)`` out, one value less each time."""
        node, count = _given(call, "x"), _whole(call, "n")
        values, _ = self._line(node, scope, inside, whole=False)
        words = language.write(node)
        if count >= len(values):
            raise _NoSampleError(f"`{words}` has {len(values):,} values: without {count:,} none is left")
        if count > MOST:
            raise _NoSampleError(f"these are {count:,} samples; at most {MOST} are written out")
        if call.function == "drop_first":
            kept, operator, says = values[1 : count + 1], ">=", "from"
        else:
            kept, operator, says = values[-2 : -count - 2 : -1], "<=", "to"
        return [
            _PatternSample(Binary(operator, node, number_node(v)), f"{says} {number_text(v)}") for v in kept.tolist()
        ]

    def _line(self, node: Node, scope: Scope, inside: Bools, whole: bool = True) -> tuple[Floats, Floats]:
        """Return the values of ``node`` in rows, in order, and where they stand in time: by the study's step."""
        words = language.write(node)
        column = self.evaluator.column(bind(node, scope))
        if column.numbers is None:
            raise _NoSampleError(f"`{words}` is text, which has no order in time: name a number")
        values = np.unique(column.numbers[inside & np.isfinite(column.numbers)])
        if len(values) < 2:
            some = "one value" if len(values) else "no value"
            raise _NoSampleError(f"`{words}` has {some} in these rows: there is nothing to tell apart")
        timed = isinstance(node, Name) and node.name == self.panel.time
        places = self.panel.to_periods(values) if timed else values
        if whole and not (places == np.floor(places)).all():
            raise _NoSampleError(f"`{words}` holds values that are no whole numbers, over which a window cannot move")
        return values, places


def _given(call: Call, name: str) -> Node:
    node = argument(call, name, SAMPLE_PATTERNS[call.function])
    assert node is not None  # the language has looked
    return node


def _whole(call: Call, name: str) -> int:
    return int(number_value(_given(call, name)) or 0)


def number_node(value: float) -> Node:
    """Return a number as it is written."""
    return Number(value) if value >= 0 else Unary("-", Number(-value))


def _in_rule(rule: Exclusion, rename: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Exclusion:
    when, unless = (
        {name: _in_selectors(name, chosen, rename) for name, chosen in part.items()}
        for part in (rule.when, rule.unless)
    )
    return replace(rule, when=when, unless=unless)


def _in_tie(tie: Tie, rename: Mapping[str, Mapping[str, tuple[str, ...]]]) -> Tie:
    rows = (
        replace(row, cells=tuple(_in_selectors(*cell, rename) for cell in zip(tie.dimensions, row.cells, strict=True)))
        for row in tie.rows
    )
    return replace(tie, rows=tuple(rows))


def _in_selectors(
    dimension: str, chosen: tuple[Selector, ...], rename: Mapping[str, Mapping[str, tuple[str, ...]]]
) -> tuple[Selector, ...]:
    """Write a pattern's label out as those of all its options."""
    labels = rename.get(dimension)
    if not labels:
        return chosen
    return tuple(
        replace(selector, text=text)
        for selector in chosen
        for text in (labels.get(selector.text, (selector.text,)) if selector.text is not None else (None,))
    )


def expand_instruments(study: Study, columns: Sequence[str]) -> Study:
    """Write options of [instruments] that are several out; an option's own label then means all of them.

    What cannot be expanded stays as it is, and has a fault of its own.
    """
    place = next((k for k, v in enumerate(study.variants) if v.name == INSTRUMENTS), -1)
    if place < 0:
        return study
    macros = {name: e.tree for name, e in study.macros.items()}
    options: list[VariantOption] = []
    rename: dict[str, tuple[str, ...]] = {}
    for option in study.variants[place].options:
        given = option.instruments
        try:
            nodes = expand(given.tree, macros, columns, 1.0, limit=study.run.limit) if given else ()
        except LanguageError:
            nodes = ()
        if given is None or len(nodes) < 2:
            options.append(option)
            continue
        for node in nodes:
            made = None if node == Number(1.0) else Expression(write(node), node, given.origin)
            options.append(replace(option, label=write(node), instruments=made))
        rename[option.label] = tuple(write(node) for node in nodes)
    variants = list(study.variants)
    variants[place] = replace(variants[place], options=tuple(options))
    return rename_labels(replace(study, variants=tuple(variants)), {INSTRUMENTS: rename} if rename else {})


MOST_ARMS = 50
"""Arms at most: each is a treatment, and a term in the regressions of all."""
SHOWN = 6
"""Levels that a message names."""


def expand_arms(study: Study, panel: Panel | None, evaluator: Evaluator | None) -> tuple[Study, tuple[Fault, ...]]:
    """Write treatments that are factors out, an option for each arm.

    [[exclude]] and [preferred] may name one of these, or the treatment's own label for all. Without data they
    stay as they are, and nothing is said of them.

    Returns
    -------
    study, faults
    """
    if panel is None or evaluator is None:
        return study, ()
    faults: list[Fault] = []
    options: list[TreatmentOption] = []
    rename: dict[str, tuple[str, ...]] = {}
    for option in study.treatment:
        call = _factor(study, option.term.tree, panel, evaluator)
        if call is None:
            options.append(option)
            continue
        try:
            made = _arms(study, option, call, panel, evaluator, faults)
        except (LanguageError, EvaluationError):
            options.append(option)  # which has its own fault
            continue
        except _NoArmsError as error:
            span = call.span if error.node is None else error.node.span
            faults.append(fault_at(option.term.origin, span, "treatment_terms", str(error), error.help))
            study = replace(study, unread=study.unread | {("treatment", option.label or option.term.text)})
            continue
        rename[option.label or option.term.text] = tuple(o.label or "" for o in made)
        options += made
    if rename:
        faults += _matched(study)
    return rename_labels(replace(study, treatment=tuple(options)), {"treatment": rename}), tuple(faults)


def arm_factors(plan: Plan) -> Ints:
    """Return for each choice of the treatment the factor of which it is an arm, -1 where of none."""
    options = plan.study.treatment
    origins = [option.origin for option in options]
    own = [origins.index(o.origin) if o.arm is not None else -1 for o in options]
    return np.array(own, np.int64)[plan.dimensions[Core.TREATMENT].option]


class _NoArmsError(ValueError):
    """A factor that is no treatment; ``help`` says what to write."""

    def __init__(self, message: str, help: str, node: Node | None = None) -> None:
        super().__init__(message)
        self.help, self.node = help, node


@dataclass(frozen=True, slots=True)
class _Level:
    node: Node
    text: str
    rows: Bools


def _factor(study: Study, tree: Node, panel: Panel, evaluator: Evaluator) -> Call | None:
    """Return a treatment as ``i()`` or ``factor()``: a column of text is one where a level says which is the control.

    Of two levels a condition says more, and so does ``i()`` where no level, or more than one, sounds like a control.
    Numbers among which a cell is no number (0, 1, n/a) are a fault of the data, not arms.
    """
    if isinstance(tree, Call) and tree.function in ("i", "factor", "C"):
        return tree
    if not isinstance(tree, Name):
        return None
    try:
        column = evaluator.column(bind(tree, base_scope(study, tuple(panel.columns))))
    except (LanguageError, EvaluationError):
        return None
    controls = [level for level in column.levels if level.strip().casefold() in CONTROLS]
    if column.codes is None or column.odd or len(column.levels) < 3 or len(controls) != 1:
        return None
    return Call("i", (Argument(tree), Argument(Text(controls[0]), "ref")), tree.span)


def _arms(
    study: Study, option: TreatmentOption, call: Call, panel: Panel, evaluator: Evaluator, faults: list[Fault]
) -> list[TreatmentOption]:
    of = argument(call, FUNCTIONS[call.function].parameters[0].name)
    assert of is not None  # the language has looked
    while isinstance(of, Call) and of.function in ("factor", "C") and of.arguments and of.arguments[0].value:
        of = of.arguments[0].value
    scope = base_scope(study, tuple(panel.columns))
    column = evaluator.column(bind(of, scope))
    words = language.write(of)
    if column.codes is not None:
        seen = [k for k in range(len(column.levels)) if (column.codes == k).any()]
        levels = [_Level(Text(column.levels[k]), column.levels[k], column.codes == k) for k in seen]
    else:
        numbers = column.numbers
        assert numbers is not None
        values = np.unique(numbers[np.isfinite(numbers)]).tolist()
        if len(values) > MOST_ARMS + 1:
            message = f"`{words}` has {len(values):,} values, and each would be an arm; at most {MOST_ARMS} are"
            raise _NoArmsError(message, f"make groups of it, as in `cut({words}, c(1, 2))`, or take the number itself")
        levels = [_Level(number_node(v), number_text(v), numbers == v) for v in values]
    if of == Name(study.time or "") or (
        panel.periods is not None and all(_all_of_periods(v.rows, panel.periods) for v in levels)
    ):
        message = f"`{words}` is the same for all units of a period: these are no arms, but effects over time"
        raise _NoArmsError(message, "name the 0/1 treatment and its cohort; [event_study] has its leads and lags")
    reference = _references(call, words, levels)
    arms = [level for level in levels if level.text not in reference]
    if not arms or len(arms) > MOST_ARMS:
        many = (
            f"{len(arms):,} levels beside the reference; at most {MOST_ARMS} are arms"
            if arms
            else "no arm but the reference"
        )
        raise _NoArmsError(f"`{words}` has {many}", "name a column with a level for each arm")
    if option.cohort is not None:
        message = "a treatment of several arms has no cohort: whoever takes the other arms would count as untreated"
        compared = ", ".join(language.write(v.node) for v in levels if v.text in {arms[0].text, *reference})
        help = "write each arm as a treatment of its own, `{ term, cohort }`, and a sample without the other arms: "
        raise _NoArmsError(message, f"{help}`{words} %in% c({compared})`")
    by = _of_factor(call, "x")
    parts = [_term(of, by, level.node) for level in arms]
    label, against = option.label or words, " or ".join(sorted(reference))
    found = []
    for k, level in enumerate(arms):
        others = [*(chain(option.with_.tree, "+") if option.with_ else []), *parts[:k], *parts[k + 1 :]]
        found.append(
            replace(
                option,
                label=f"{label}: {level.text}",
                term=_expression(parts[k], option),
                with_=_expression(reduce(lambda a, b: Binary("+", a, b), others), option) if others else None,
                arm=f"{level.text} against {against}",
            )
        )
    factor = np.any([v.rows for v in levels], axis=0)
    there = factor if by is None else factor & _not_zero(evaluator.column(bind(by, scope)))
    faults.append(_told(option, call, panel, arms, against, factor, there, study))
    return found


def _not_zero(column: Column) -> Bools:
    numbers = column.codes + 1 if column.codes is not None else column.numbers
    assert numbers is not None
    found: Bools = np.isfinite(numbers) & (numbers != 0)
    return found


def _all_of_periods(rows: Bools, periods: Ints) -> bool:
    """Say whether some rows are all those of some periods."""
    return not np.isin(periods[~rows], periods[rows]).any()


def _references(call: Call, words: str, levels: Sequence[_Level]) -> set[str]:
    """Return the levels that arms are compared with, as texts."""
    shown = ", ".join(level.text for level in levels[:SHOWN]) + (", …" if len(levels) > SHOWN else "")
    control = next((v for v in levels if v.text.casefold() in CONTROLS), levels[0] if levels else None)
    written = "0" if control is None else language.write(control.node)
    by = _of_factor(call, "x")
    line = f"i({words}, " if by is None else f"i({words}, {language.write(by)}, "
    line = f"write `{line}ref = {written})` where {control.text if control else '0'} is untreated"
    for name in ("ref2", "bin", "keep"):
        if (extra := _of_factor(call, name)) is not None:
            message = f"a treatment takes no `{name}`"
            raise _NoArmsError(message, "derive a column with a level for each arm, as by `case_when()`", extra)
    given = _of_factor(call, "ref")
    if given is None:
        message = f"the treatment `{language.write(call)}` does not say which of {shown} its arms are compared with"
        groups = (
            "" if by is None else f"; the effects of `{language.write(by)}` by groups of `{words}` are [heterogeneity]"
        )
        raise _NoArmsError(message, line + groups)
    found = set()
    values = [a.value for a in given.arguments] if isinstance(given, Call) and given.function == "c" else [given]
    for value in values:
        number = None if value is None else number_value(value)
        text = value.value if isinstance(value, Text) else number_text(number) if number is not None else ""
        if text not in {level.text for level in levels}:
            near = closest(text, [level.text for level in levels])
            message = f"no row has `{words}` = {text or language.write(given)}: its levels are {shown}"
            raise _NoArmsError(message, f"did you mean {near}?" if near else line, given)
        found.add(text)
    return found


CONTROLS = ("control", "controls", "none", "untreated", "placebo", "no", "0", "对照组", "对照", "控制组", "无")
"""What a level is called that arms are compared with."""


def _of_factor(call: Call, name: str) -> Node | None:
    """Return an argument of ``i()``; ``factor()`` has none but the factor."""
    return argument(call, name) if call.function == "i" else None


def _term(of: Node, by: Node | None, level: Node) -> Node:
    same = Binary("==", of, level)
    return same if by is None else Binary(":", Call("I", (Argument(same),)), by)


def _expression(tree: Node, option: TreatmentOption) -> Expression:
    return Expression(language.write(tree), tree, option.term.origin)


def _matched(study: Study) -> list[Fault]:
    """Refuse matching that would take whoever is in another arm for untreated."""
    message = "each arm would be matched with the other arms too, which are not among its treated"
    help = "say who is treated in `match`: treated = \"arm != 'control'\""
    found = [o.match for o in study.sample if o.match is not None and o.match.treated is None]
    return [fault_at(match.origin, None, "contradiction", message, help) for match in found]


def _told(
    option: TreatmentOption,
    call: Call,
    panel: Panel,
    arms: Sequence[_Level],
    against: str,
    factor: Bools,
    there: Bools,
    study: Study,
) -> Fault:
    """Say which arms there are, with their units, and what is pooled.

    Of the rows with a level of the ``factor`` those are ``there`` whose other factor, as ``post``, is not zero.
    """
    units, word = (np.arange(panel.n_rows), "row") if panel.unit_codes is None else (panel.unit_codes, "unit")
    counts = [len(np.unique(units[level.rows & there])) for level in arms]
    rest = np.setdiff1d(units[factor], units[np.any([v.rows for v in arms], axis=0) & there])
    each = ", ".join(f"{v.text} ({many(n, word)})" for v, n in zip(arms, counts, strict=True))
    message = f"arms, all in each regression: {each}, against {against} ({many(len(rest), word)} in no arm)"
    if len(arms) > 1 and study.inference.draws and study.inference.null:
        message += "; the median estimate is tested by arm, all other joint statistics (median t) of all arms together"
    return fault_at(option.term.origin, call.span, "arms", message, severity="warning")

"""Samples by pattern, written out: levels, halves of units and spans of time, in [sample] and variants' ``where``.

``each(f)`` is one option per level of f, ``drop_each(f)`` one per level left out; ``halves(n)`` are both halves of n
random divisions, ``window(x, width)`` spans of time, ``drop_first(x, n)`` and ``drop_last(x, n)`` shorter ones. What
they make are conditions that anybody could have written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np

from specdid import language
from specdid._arrays import Bools, Floats
from specdid._diagnostics import Fault, fault_at
from specdid._hashing import text_word
from specdid._plan.expand import variant_scope
from specdid._study import Exclusion, Expression, SampleOption, Selector, Study, Tie, Variant, VariantOption
from specdid.language import LanguageError, Scope, bind
from specdid.language.arguments import number_value
from specdid.language.functions import SAMPLE_PATTERNS, argument
from specdid.language.tree import Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, chain
from specdid.panel import EvaluationError, Evaluator, Panel, number_text

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
            faults.append(Fault("duplicate_label", said, help="give one of them another label", path=(dimension,)))
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
        faults.append(fault_at(option.where.origin, calls[0].span, "sample_pattern", made, help))
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

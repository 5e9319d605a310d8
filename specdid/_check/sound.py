"""The part of a study that no fault is about: what else is wrong can be looked for there.

A fault must not hide others, and what only follows from it must not be said. So what several
options decide together (selectors, treatments on samples, the plan, the analyses) is checked
on the study without the options that have faults, or use names that have.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from specdid._diagnostics import Fault, Origin
from specdid._study import (
    EstimatorOption,
    Expression,
    FormulaOption,
    Inference,
    Meta,
    OutcomeOption,
    SampleOption,
    Selector,
    Study,
    Tie,
    TreatmentOption,
    Variant,
    VariantOption,
    VcovOption,
)
from specdid.language import LanguageError, macros_in, parse, referenced, write
from specdid.language.tree import Constant, Node, Number

_Option = TypeVar("_Option", OutcomeOption, TreatmentOption, FormulaOption, SampleOption, EstimatorOption, VcovOption)

NO_LABEL = "\ud800"
"""A label that no file can hold."""

KEYS = frozenset({("study", "unit"), ("study", "time"), ("study", "step")})
"""Entries of ``Study.unread`` without which the panel is only rows."""

HARMLESS = ("unknown_key",)
"""Codes of faults that leave what they are about as it was meant."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A study without what is faulty.

    Attributes
    ----------
    study : its dimensions may be empty
    dropped : dimension -> labels of its options that were left out
    moved : dimensions of which the first or the preferred option was left out
    file : the study as the file has it
    """

    study: Study
    dropped: dict[str, list[str]]
    moved: frozenset[str]
    file: Study

    @property
    def whole(self) -> bool:
        """Say whether nothing was left out."""
        return not self.dropped

    @property
    def planned(self) -> bool:
        """Say whether there is something to plan, in units and periods that are known."""
        return bool(self.study.outcome and self.study.treatment) and KEYS.isdisjoint(self.study.unread)

    def labels(self, dimension: str) -> list[str]:
        """Return the labels of a dimension's options in the file, those left out and unread among them."""
        variants: dict[str, Sequence[Any]] = {v.name: v.options for v in self.file.variants}
        options: Sequence[Any] = variants.get(dimension, getattr(self.file, dimension, ()))
        written = [option.label for option in options if option.label is not None]
        return [*written, *(label for label in self.dropped.get(dimension, ()) if label not in written)]

    def may_mean(self, dimension: str, text: str | None, known: Iterable[str]) -> bool:
        """Say whether a selector may mean an option that was left out: by its label, or as a formula."""
        if dimension not in self.dropped:
            return False
        if text is None or text in self.dropped[dimension]:
            return True
        try:
            names = {name.name for name in referenced(parse(text))}
        except LanguageError:
            return False
        return bool(names) and names <= set(known)


def sound_part(study: Study, faults: Iterable[Fault]) -> Sound:
    """Leave out the options that have one of ``faults``, and those that use a name that has.

    A dimension without any option left takes its default; outcome and treatment are empty then.
    """
    errors = [f for f in faults if f.severity == "error"]
    if not errors:
        return Sound(study, {}, frozenset(), study)
    bad = {f.path for f in errors if f.code not in HARMLESS}
    bad |= {key for key in study.unread if key[0] in ("derive", "macros")}
    return _Reduction(study, bad).sound()


class _Reduction:
    def __init__(self, study: Study, bad: set[tuple[str, ...]]) -> None:
        self.study = study
        self.bad = {path[:n] for path in bad for n in (2, 3, len(path)) if len(path) >= n}
        self.exact = bad
        self.names = {path[1] for path in self.bad if len(path) > 1 and path[0] == "derive"}
        self.macros = {path[1] for path in self.bad if len(path) > 1 and path[0] == "macros"}
        self.dropped: dict[str, list[str]] = {}
        self.moved: set[str] = set()
        for dimension, label in sorted(study.unread):
            if dimension not in ("derive", "macros", "study"):
                self._drop(dimension, label)
                self.moved.add(dimension)  # it may have been the first
        self._spread()

    def _spread(self) -> None:
        """Follow faulty names into what is defined by them."""
        before = -1
        while before != len(self.names) + len(self.macros):
            before = len(self.names) + len(self.macros)
            self.names |= {name for name, e in self.study.derive.items() if self._uses(e)}
            self.macros |= {name for name, e in self.study.macros.items() if self._uses(e)}

    def _uses(self, expression: Expression) -> bool:
        names = {n.name for n in referenced(expression.tree)}
        macros = {m.name for m in macros_in(expression.tree)}
        return not (names.isdisjoint(self.names) and macros.isdisjoint(self.macros))

    def _wrong(self, origin: Origin, expressions: Iterable[Expression | None]) -> bool:
        given = [e for e in expressions if e is not None]
        return any(self._about(o) for o in (origin, *(e.origin for e in given))) or any(map(self._uses, given))

    def _about(self, origin: Origin) -> bool:
        path = origin.path
        length = 3 if path[:1] == ("variant",) else 2
        return path[:length] in self.bad or path in self.exact

    def sound(self) -> Sound:
        study = self.study
        variants = tuple(self._variant(v) for v in study.variants)
        samples = self._kept("sample", study.sample)
        if "sample" in self.dropped:  # whose rows may be any
            everything = SampleOption(NO_LABEL, _made(Constant(True)), None, Meta(), Origin(("sample",)))
            samples = (*samples, everything)
        kept = replace(
            study,
            derive={name: e for name, e in study.derive.items() if name not in self.names},
            macros={name: e for name, e in study.macros.items() if name not in self.macros},
            outcome=self._kept("outcome", study.outcome),
            treatment=self._kept("treatment", study.treatment),
            controls=self._kept("controls", study.controls) or (_formula("1"),),
            fixed_effects=self._kept("fixed_effects", study.fixed_effects) or (_formula("0"),),
            sample=samples,
            weights=self._kept("weights", study.weights) or (_formula("1"),),
            estimator=self._kept("estimator", study.estimator) or (_FEOLS,),
            variants=variants,
            vcov=self._kept("vcov", study.vcov) or (_ROBUST,),
            inference=self._inference(),
            exclude=tuple(rule for rule in study.exclude if not self._about(rule.origin)),
            together=tuple(tie for tie in map(self._tie, study.together) if tie.rows),
        )
        preferred = {k: v for k, v in study.preferred.items() if not any(self._gone(k, s) for s in v)}
        self.moved |= set(study.preferred) - set(preferred)
        kept = replace(kept, preferred=preferred)
        unread = {(d, label) for d, labels in self.dropped.items() for label in labels}
        return Sound(replace(kept, unread=study.unread | unread), self.dropped, frozenset(self.moved), study)

    def _tie(self, tie: Tie) -> Tie:
        """Leave out what a tie's rows say of options that are gone, and rows of which nothing is left."""
        rows = []
        for row in tie.rows:
            cells = tuple(
                tuple(s for s in cell if s.origin.path not in self.exact and s.text not in self.dropped.get(name, ()))
                for name, cell in zip(tie.dimensions, row.cells, strict=True)
            )
            rows += [replace(row, cells=cells)] if all(cells) else []
        return replace(tie, rows=tuple(rows))

    def _gone(self, dimension: str, selector: Selector) -> bool:
        return self._about(selector.origin) or selector.text in self.dropped.get(dimension, ())

    def _kept(self, dimension: str, options: Sequence[_Option]) -> tuple[_Option, ...]:
        found: list[_Option] = []
        for option in options:
            if option.label is not None and option.label in [o.label for o in found]:
                continue  # it stands twice
            if self._wrong(option.origin, _expressions(option)):
                self._drop(dimension, option.label or _text(option))
                if option is options[0]:
                    self.moved.add(dimension)
            else:
                found.append(option)
        return tuple(found)

    def _drop(self, dimension: str, label: str) -> None:
        self.dropped.setdefault(dimension, []).append(label)

    def _variant(self, variant: Variant) -> Variant:
        options: list[VariantOption] = []
        for option in variant.options:
            if option.label in [o.label for o in options]:
                continue
            expressions = (*option.derive.values(), option.add, option.instruments, option.absorb, option.where)
            if self._wrong(option.origin, expressions) or (variant.name, option.label) in self.study.unread:
                self._drop(variant.name, option.label)
                self.moved |= {variant.name} if option is variant.options[0] else set()
            else:
                options.append(option)
        nothing = VariantOption(NO_LABEL, {}, None, None, None, Meta(), variant.origin)
        return replace(variant, options=tuple(options) or (nothing,))

    def _inference(self) -> Inference:
        """Leave out what has a fault; the assignment depends on who was assigned and within what."""
        given = self.study.inference
        keys = ("cluster", "assign", "level", "strata")
        wrong = {key for key in keys if ("inference", key) in self.bad}
        wrong |= {key for key in keys if (e := getattr(given, key)) is not None and self._uses(e)}
        return replace(
            given,
            cluster=None if "cluster" in wrong else given.cluster,
            assign=None if wrong - {"cluster"} else given.assign,
        )


def _expressions(option: Any) -> tuple[Expression | None, ...]:
    match option:
        case OutcomeOption() | FormulaOption():
            return (option.formula,)
        case TreatmentOption():
            return (option.term, option.with_, option.cohort)
        case SampleOption():
            m = option.match
            return (option.where, *(() if m is None else (m.on, m.treated, m.at, m.exact)))
        case VcovOption():
            return option.clusters
        case _:
            return ()


def _text(option: Any) -> str:
    first = next((e for e in _expressions(option) if e is not None), None)
    return write(first.tree) if first is not None else str(getattr(option, "method", ""))


def _made(tree: Node) -> Expression:
    return Expression(write(tree), tree, Origin(()))


def _formula(number: str) -> FormulaOption:
    return FormulaOption(None, _made(Number(float(number))), Meta(), Origin(()))


_FEOLS = EstimatorOption(None, "feols", {}, Meta(), Origin(()))
_ROBUST = VcovOption(None, "hetero", (), "hetero", Origin(()))

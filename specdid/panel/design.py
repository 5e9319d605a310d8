"""Regressor terms: numbers, dummies of factors, ``i()``, orthogonal polynomials and splines, and their products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.language import Bound, argument, write
from specdid.language.tree import Argument, Binary, Call, Node, Number, Text, Unary, children
from specdid.panel.columns import Column, cell_text, rank
from specdid.panel.errors import EvaluationError, needed
from specdid.panel.functions import lagged, shift_of
from specdid.panel.operators import examples, mixed_kinds, numeric, usable

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation, Evaluator


MOST_LEVELS = 1000


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """One column of a term: its label as R or fixest spells it, (n,) float64, and where it is log0."""

    label: str
    numbers: Floats
    log0: Bools | None = None


def code_term(evaluator: Evaluator, factors: Sequence[Bound]) -> tuple[CodedColumn, ...]:
    """Return the columns of a term; the first factor varies fastest, as in R."""
    alone = len(factors) == 1
    coded: list[CodedColumn] | None = None
    for factor in factors:
        columns = _factor(evaluator.evaluation(factor.scope), factor.node, alone)
        coded = columns if coded is None else [_product(a, b) for b in columns for a in coded]
    for column in coded or ():
        column.numbers.setflags(write=False)
    return tuple(coded or ())


def at_base(evaluator: Evaluator, factors: Sequence[Bound], place: int) -> Bools:
    """Mark the columns of an interaction at the first level of the factor at ``place``; none where it is a number."""
    sizes = [len(_factor(evaluator.evaluation(f.scope), f.node, alone=False)) for f in factors]
    node = factors[place].node
    if isinstance(node, Call) and node.function not in ("factor", "C"):
        return np.zeros(int(np.prod(sizes)), dtype=bool)
    of_levels = isinstance(node, Call) or _of_text(evaluator.evaluation(factors[place].scope), node)
    level = np.arange(int(np.prod(sizes))) // int(np.prod(sizes[:place])) % sizes[place]
    return np.asarray((level == 0) & of_levels)


def _of_text(evaluation: Evaluation, node: Node) -> bool:
    """Say whether a factor without a function is one of dummies; odd cells spoil a number, so that none are meant."""
    column = evaluation.evaluator.column(evaluation.bind(node))
    return column.is_text and not column.odd


def _product(a: CodedColumn, b: CodedColumn) -> CodedColumn:
    masks = [m for m in (a.log0, b.log0) if m is not None]
    return CodedColumn(f"{a.label}:{b.label}", a.numbers * b.numbers, np.logical_or.reduce(masks) if masks else None)


def _factor(evaluation: Evaluation, node: Node, alone: bool) -> list[CodedColumn]:
    if isinstance(node, Call):
        if node.function in ("factor", "C"):
            return _dummies(evaluation, needed(node, "x"), write(node), drop_first=alone)
        if node.function == "i":
            return _event_dummies(evaluation, node, alone)
        if node.function == "poly":
            return _polynomial(evaluation, node)
        if node.function == "offset":
            column = evaluation.evaluator.column(evaluation.bind(needed(node, "x")))
            return [CodedColumn(write(node), numeric(column, node), column.log0)]
        if node.function in SPLINES:
            column, values, curve = spline(evaluation, node)
            return _numbered(node, curve.columns(values), column)
        if node.function in ("l", "f", "d"):
            return _lags(evaluation, node)
    column = evaluation.evaluator.column(evaluation.bind(node))
    if _of_text(evaluation, node):
        return _dummies(evaluation, node, write(node), drop_first=alone)
    return [CodedColumn(write(node), numeric(column, node), column.log0)]


def _levels(evaluation: Evaluation, node: Node) -> tuple[Column, Ints, list[str]]:
    """Return a factor's column, the codes of its rows and its levels as text, sorted by value."""
    column = evaluation.evaluator.column(evaluation.bind(node))
    usable(column, node)
    codes, count = rank(column)
    if count > MOST_LEVELS:
        raise EvaluationError(
            "many_levels",
            f"`{write(node)}` has {count:,} levels, too many for dummies",
            node.span,
            "put it in [fixed_effects]",
        )
    rows = np.zeros(count, dtype=np.int64)
    known = np.flatnonzero(codes >= 0)[::-1]
    rows[codes[known]] = known
    return column, codes, [cell_text(column, int(row)) for row in rows]


def _dummy(codes: Ints, level: int) -> Floats:
    return np.where(codes < 0, np.nan, (codes == level).astype(np.float64))


def _dummies(evaluation: Evaluation, node: Node, prefix: str, drop_first: bool) -> list[CodedColumn]:
    column, codes, levels = _levels(evaluation, node)
    kept = list(enumerate(levels))[1 if drop_first else 0 :]
    return [CodedColumn(prefix + words, _dummy(codes, level), column.log0) for level, words in kept]


@dataclass(frozen=True, slots=True)
class FactorLevel:
    """A level of a factor in ``i()``, or a bin of several: its label and the codes of its values."""

    label: str
    codes: tuple[int, ...]
    bin: bool = False


def event_levels(evaluation: Evaluation, call: Call, alone: bool) -> tuple[Column, Ints, list[FactorLevel]]:
    """Return the factor of ``i(f, …)``, its codes and the levels that get a dummy; ``i(f)`` alone loses its first."""
    factor = needed(call, "f")
    column, codes, labels = _levels(evaluation, factor)
    levels = _binned(evaluation, call, column, codes, [FactorLevel(label, (k,)) for k, label in enumerate(labels)])
    references = _chosen(evaluation, argument(call, "ref"), column, factor, codes, levels)
    kept = _chosen(evaluation, argument(call, "keep"), column, factor, codes, levels)
    if not references and not kept and argument(call, "x") is None and alone:
        references = levels[:1]
    chosen = [v for v in levels if v not in references and (v in kept or not kept)]
    if kept and not chosen:
        message = f"no level of `{write(factor)}` is left: `keep` holds nothing but the reference"
        raise EvaluationError("no_level", message, call.span, f"its levels are {_some(column)}")
    return column, codes, chosen


def _event_dummies(evaluation: Evaluation, call: Call, alone: bool) -> list[CodedColumn]:
    """``i(f)``, ``i(f, x)``, with reference levels, bins of levels and levels that are kept."""
    second, factor = argument(call, "x"), needed(call, "f")
    column, codes, levels = event_levels(evaluation, call, alone)
    values = [np.where(codes < 0, np.nan, np.isin(codes, v.codes)) for v in levels]
    dummies = [CodedColumn(f"{write(factor)}::{v.label}", d, column.log0) for v, d in zip(levels, values, strict=True)]
    if second is None:
        if argument(call, "ref2") is not None:
            raise EvaluationError("arguments", "`ref2` is of the second variable, and there is none", call.span)
        return dummies
    return [_product(d, x) for x in _interacted(evaluation, call, second) for d in dummies]


def _binned(
    evaluation: Evaluation, call: Call, column: Column, codes: Ints, levels: list[FactorLevel]
) -> list[FactorLevel]:
    """Put the levels that a bin lists into one, at the place of the first."""
    bins = argument(call, "bin")
    taken: dict[int, str] = {}
    for given in bins.arguments if isinstance(bins, Call) else ():
        label, before = given.name or "", dict(taken)
        for element in _flat(given.value):
            for code in _members(evaluation, element, column, needed(call, "f"), codes):
                if code in before:
                    message = f"`{levels[code].label}` is in two bins, `{taken[code]}` and `{label}`"
                    raise EvaluationError("arguments", message, given.span, "a level has one bin")
                taken[code] = label
        if label not in taken.values():
            message = f"no level of `{write(needed(call, 'f'))}` is in the bin `{label}`"
            raise EvaluationError("no_level", message, given.span, f"its levels are {_some(column)}")
    found: dict[str, list[int]] = {}
    for code, level in enumerate(levels):
        found.setdefault(f"bin {taken[code]}" if code in taken else f"level {level.label}", []).append(code)
    return [FactorLevel(key.split(" ", 1)[1], tuple(codes), key.startswith("bin")) for key, codes in found.items()]


def _flat(node: Node | None) -> Iterator[Node]:
    for element in listed(node):
        if isinstance(element, Call):
            yield from _flat(element)
        else:
            yield element


def _members(evaluation: Evaluation, element: Node, column: Column, factor: Node, codes: Ints) -> list[int]:
    """Return the codes of a bin's values; numbers that no row has are passed over, a name is misspelt."""
    if not (isinstance(element, Binary) and element.operator == ":"):
        try:
            return [_reference(evaluation, element, column, factor, codes)]
        except EvaluationError as error:
            if error.problem.code == "no_level" and column.numbers is not None:
                return []
            raise
    if column.numbers is None:
        raise mixed_kinds(factor, column, element, element)
    ends = [evaluation.constant(e, "the end of a range") for e in (element.left, element.right)]
    inside = (column.numbers >= min(ends)) & (column.numbers <= max(ends))
    inside &= column.numbers - ends[0] == np.floor(column.numbers - ends[0])
    return [int(code) for code in np.unique(codes[inside])]


def _chosen(
    evaluation: Evaluation, node: Node | None, column: Column, factor: Node, codes: Ints, levels: list[FactorLevel]
) -> list[FactorLevel]:
    """Return the levels that ``ref`` or ``keep`` lists, a bin by its name."""
    found = []
    for element in _flat(node):
        named = [v for v in levels if v.bin and isinstance(element, Text) and v.label == element.value]
        if isinstance(element, Binary) and element.operator == ":":
            places = _members(evaluation, element, column, factor, codes)
            if not places:
                raise _no_level(column, factor, element)
        else:
            places = [] if named else [_reference(evaluation, element, column, factor, codes)]
        found += named or [v for v in levels if set(places) & set(v.codes)]
    return found


def _interacted(evaluation: Evaluation, call: Call, node: Node) -> list[CodedColumn]:
    """Return the second variable of ``i``: a number as it is, a factor as one dummy a level but its reference."""
    column, inner, levels = second_levels(evaluation, call, node)
    if levels is None:
        return [CodedColumn(write(node), numeric(column, node), column.log0)]
    codes = rank(column)[0]
    return [CodedColumn(f"{write(inner)}::{v.label}", _dummy(codes, v.codes[0]), column.log0) for v in levels]


def second_levels(evaluation: Evaluation, call: Call, node: Node) -> tuple[Column, Node, list[FactorLevel] | None]:
    """Return the second variable of ``i``, its own node, and its levels where it is a factor."""
    inner = needed(node, "x") if isinstance(node, Call) and node.function in ("factor", "C") else node
    column = evaluation.evaluator.column(evaluation.bind(inner))
    reference = argument(call, "ref2")
    if not column.is_text and inner is node:
        if reference is not None:
            message = f"`ref2` is a level, and `{write(node)}` is numeric"
            raise EvaluationError("arguments", message, reference.span, f"write factor({write(node)}) for its levels")
        return column, inner, None
    _, codes, labels = _levels(evaluation, inner)
    levels = [FactorLevel(label, (k,)) for k, label in enumerate(labels)]
    left_out = _chosen(evaluation, reference, column, inner, codes, levels)
    return column, inner, [v for v in levels if v not in left_out]


def _reference(evaluation: Evaluation, element: Node, column: Column, factor: Node, codes: Ints) -> int:
    value = evaluation.value(element)
    if value.is_text != column.is_text:
        words, texts, numbers = (factor, column, element) if column.is_text else (element, value, factor)
        raise mixed_kinds(words, texts, numbers, element)
    if column.numbers is not None:
        hits = codes[column.numbers == numeric(value, element)]
    else:
        place = column.levels.index(value.levels[0]) if value.levels[0] in column.levels else -2
        hits = codes[column.codes == place]
    if not hits.size:
        raise _no_level(column, factor, element)
    return int(hits[0])


def _no_level(column: Column, factor: Node, element: Node) -> EvaluationError:
    message = f"`{write(factor)}` has no level {write(element)}"
    return EvaluationError("no_level", message, element.span, f"its levels are {_some(column)}")


def _some(column: Column) -> str:
    if column.numbers is None:
        return examples(column)
    values = np.unique(column.numbers[~np.isnan(column.numbers)])
    return ", ".join(f"{v:.15g}" for v in values[:6]) + (", …" if len(values) > 6 else "")


def listed(node: Node | None) -> list[Node]:
    """Return the elements of ``c(…)``, or the one constant, or nothing."""
    if isinstance(node, Call) and node.function == "c":
        return [a.value for a in node.arguments if a.value is not None]
    return [] if node is None else [node]


def _coded_numbers(evaluation: Evaluation, call: Call) -> tuple[Node, Column, Floats]:
    """Return what a ``poly``, ``bs`` or ``ns`` is of, its column and the values."""
    node = needed(call, "x")
    column = evaluation.evaluator.column(evaluation.bind(node))
    return node, column, numeric(column, node)


def polynomial(evaluation: Evaluation, call: Call) -> tuple[Column, Floats, int]:
    """Return the column, the values and the degree of a ``poly``, before it is coded.

    Raises
    ------
    EvaluationError
        Where the values do not allow the degree.
    """
    node, column, values = _coded_numbers(evaluation, call)
    degree = evaluation.constant(needed(call, "degree"), "the degree of `poly`")
    distinct = len(np.unique(values[np.isfinite(values)]))
    if degree not in range(1, 11) or degree >= distinct:
        most = min(10, distinct - 1)
        message = f"the degree of `poly` must be a whole number from 1 to {most} here"
        if most < 1:
            message = f"`{write(node)}` is the same in every row, and has no polynomial"
        raise EvaluationError("arguments", message, call.span)
    return column, values, int(degree)


def _polynomial(evaluation: Evaluation, call: Call) -> list[CodedColumn]:
    """``poly(x, degree)``: orthogonal over all rows of the panel where x is known, as in R."""
    column, values, degree = polynomial(evaluation, call)
    raw = bool(evaluation.constant(needed(call, "raw"), "`raw`"))
    if raw:
        basis = values[:, None] ** np.arange(1, int(degree) + 1)
    else:
        from formulaic.transforms.poly import poly

        basis = np.asarray(poly(np.where(np.isfinite(values), values, np.nan), int(degree)))
    return _numbered(call, basis, column)


def _numbered(call: Call, basis: Floats, column: Column) -> list[CodedColumn]:
    """Label the columns of a basis as R does: by their call and number."""
    label = write(call)
    return [CodedColumn(f"{label}{k + 1}", np.ascontiguousarray(b), column.log0) for k, b in enumerate(basis.T)]


def _lags(evaluation: Evaluation, call: Call) -> list[CodedColumn]:
    """``l(x, 1:2)`` gives a column for each lag."""
    node, written = needed(call, "x"), needed(call, "k")
    shifts = _shifts(evaluation, call, written)
    coded = []
    for shift in shifts:
        column = lagged(evaluation, call, shift)
        one = replace(call, arguments=(Argument(node), Argument(_constant(shift))))
        coded.append(CodedColumn(write(call if len(shifts) == 1 else one), numeric(column, node), column.log0))
    return coded


def _shifts(evaluation: Evaluation, call: Call, written: Node) -> list[int]:
    shifts: list[int] = []
    for element in listed(written):
        if isinstance(element, Binary) and element.operator == ":":
            first, last = (shift_of(evaluation, call, end) for end in (element.left, element.right))
            if abs(last - first) > MOST_LEVELS:
                raise EvaluationError("arguments", f"`{call.function}` has too many lags", element.span)
            step = 1 if last >= first else -1
            shifts += range(first, last + step, step)
        else:
            shifts.append(shift_of(evaluation, call, element))
    return shifts


def _constant(value: int) -> Node:
    return Number(float(value)) if value >= 0 else Unary("-", Number(float(-value)))


SPLINES = ("bs", "ns")


@dataclass(frozen=True, slots=True)
class Spline:
    """A spline of a column: ``inner`` knots between the two ``ends``, the smallest and largest value."""

    natural: bool
    degree: int
    inner: tuple[float, ...]
    ends: tuple[float, float]

    @property
    def knots(self) -> Floats:
        """All knots, those at the ends as often as the degree asks for."""
        low, high = self.ends
        return np.array([low] * (self.degree + 1) + [*self.inner] + [high] * (self.degree + 1))

    @property
    def size(self) -> int:
        """How many columns it has."""
        return len(self.inner) + (1 if self.natural else self.degree)

    def combinations(self) -> Floats:
        """Return each column as a combination of the B-splines but the first, (n_splines - 1, size)."""
        count = len(self.inner) + self.degree
        if not self.natural:
            return np.eye(count)
        from scipy.interpolate import BSpline

        curvature = BSpline(self.knots, np.eye(count + 1), self.degree).derivative(2)(np.array(self.ends))[:, 1:]
        return np.linalg.qr(curvature.T, mode="complete")[0][:, 2:]

    def columns(self, values: Floats) -> Floats:
        """Return the columns, (n, size), NaN where the value is not finite."""
        from scipy.interpolate import BSpline

        known = np.isfinite(values)
        basis = np.full((len(values), self.size), np.nan)
        design = BSpline.design_matrix(values[known], self.knots, self.degree).toarray()[:, 1:]
        basis[known] = design @ self.combinations()
        return basis


def spline(evaluation: Evaluation, call: Call) -> tuple[Column, Floats, Spline]:
    """Return the column, its values and the spline of a ``bs`` or ``ns``, before it is coded.

    Raises
    ------
    EvaluationError
        Where the values do not allow its knots.
    """
    node, column, values = _coded_numbers(evaluation, call)
    known = values[np.isfinite(values)]
    natural = call.function == "ns"
    degree = 3 if natural else int(evaluation.constant(needed(call, "degree"), "`degree`"))
    inner = _inner_knots(evaluation, call, known, 1 if natural else degree)
    ends = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if not (np.diff([ends[0], *inner, ends[1]]) > 0).all():
        at = ", ".join(f"{k:.6g}" for k in inner)
        message = f"`{write(node)}` has too few different values for this spline: knots at {at or 'none'}, "
        message += f"values from {ends[0]:.6g} to {ends[1]:.6g}"
        raise EvaluationError("arguments", message, call.span, "take fewer df, or knots inside the values")
    return column, values, Spline(natural, degree, inner, ends)


def _inner_knots(evaluation: Evaluation, call: Call, known: Floats, least: int) -> tuple[float, ...]:
    """Return the knots that are listed, or as many quantiles as the degrees of freedom leave."""
    df, knots = argument(call, "df"), argument(call, "knots")
    if df is not None and knots is not None:
        message = f"`{call.function}` takes `df` or `knots`, not both"
        raise EvaluationError("arguments", message, call.span, "`df` puts knots at quantiles of x")
    if knots is not None:
        nodes = children(knots) if isinstance(knots, Call) else (knots,)
        return tuple(evaluation.constant(n, "a knot") for n in nodes)
    count = 0 if df is None else int(evaluation.constant(df, "`df`")) - least
    if count < 0:
        message = f"`df` of this `{call.function}` must be {least} or more"
        raise EvaluationError("arguments", message, (df or call).span, "its columns are as many as its df")
    if not known.size:
        return ()
    return tuple(np.quantile(known, np.linspace(0, 1, count + 2)[1:-1]).tolist())

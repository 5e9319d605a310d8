"""Functions of texts and dates; each is computed once for every distinct text."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from specdid._arrays import Floats
from specdid._diagnostics import many
from specdid.language import argument, write
from specdid.language.tree import Binary, Call, Node, Text
from specdid.panel.columns import Column, compact, number, number_text, text
from specdid.panel.errors import EvaluationError, needed
from specdid.panel.operators import STATA_DATES, read_number, usable

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation


def as_text(column: Column) -> Column:
    """Write numbers as texts, whole ones without a point, others in up to 15 digits."""
    if column.numbers is None:
        return column
    values = np.atleast_1d(column.numbers)
    known = ~np.isnan(values)
    distinct, codes = np.unique(values[known] + 0.0, return_inverse=True)  # no negative zero
    whole = np.isfinite(distinct) & (distinct == np.floor(distinct)) & (np.abs(distinct) < 1e15)
    if whole.all():
        words = pl.Series(distinct.astype(np.int64)).cast(pl.String)
    else:
        words = pl.Series([number_text(float(v)) for v in distinct], dtype=pl.String)
    places = np.full(values.shape, -1, dtype=np.int64)
    places[known] = codes.reshape(-1)
    found = _recoded(text(places, ()), words)
    return found if column.numbers.ndim else text(found.codes[0], found.levels)  # type: ignore[index]


def _recoded(column: Column, words: pl.Series) -> Column:
    """Return the texts ``words`` has for the codes of a column; several codes may have the same."""
    assert column.codes is not None
    levels = words.unique().drop_nulls().sort()
    table = words.cast(pl.Enum(levels)).to_physical().cast(pl.Int64).fill_null(-1).to_numpy()
    return text(np.append(table, -1)[column.codes], tuple(levels))


def _changed(evaluation: Evaluation, call: Call, change: Callable[[pl.Series], pl.Series]) -> Column:
    column = _texts(evaluation, needed(call, "x"))
    return _recoded(column, change(pl.Series(column.levels, dtype=pl.String)))


def _texts(evaluation: Evaluation, node: Node) -> Column:
    column = evaluation.value(node)
    usable(column, node)
    return as_text(column)


def _substring(evaluation: Evaluation, call: Call) -> Column:
    start, stop = (int(evaluation.constant(needed(call, n), f"`{n}`")) for n in ("start", "stop"))
    return _changed(evaluation, call, lambda words: words.str.slice(start - 1, max(stop - start + 1, 0)))


def _length(evaluation: Evaluation, call: Call) -> Column:
    column = _texts(evaluation, needed(call, "x"))
    lengths = pl.Series(column.levels, dtype=pl.String).str.len_chars().cast(pl.Float64).to_numpy()
    return number(np.append(lengths, np.nan)[column.codes])


def _parsed(evaluation: Evaluation, call: Call) -> Column:
    """Return the numbers that texts show.

    Raises
    ------
    EvaluationError
        A text shows none; what cannot be read is never missing in silence.
    """
    node = needed(call, "x")
    column = evaluation.value(node)
    usable(column, node)
    if column.numbers is not None:
        return column
    read = [read_number(level) for level in column.levels]
    assert column.codes is not None
    occurring = np.zeros(len(column.levels) + 1, dtype=bool)  # ifelse() may leave texts that no row has
    occurring[column.codes] = True
    odd = [column.levels[k] for k, found in enumerate(read) if found is None and occurring[k]]
    if odd:
        x = write(node)
        named = x if "`" in x else f"`{x}`"
        message = f"{named} holds “{odd[0]}”, which is no number as `parse_number()` reads them"
        if len(odd) > 1:
            message += f", and {many(len(odd) - 1, 'further text')} such"
        advice = f"where it means missing write parse_number(ifelse({x} == {write(Text(odd[0]))}, NA, {x}))"
        if any(character.isdigit() for character in odd[0]):
            advice = f"write the number that “{odd[0]}” means in the file"
        raise EvaluationError("column_type", message, call.span, advice)
    return number(np.array([*read, np.nan], np.float64)[column.codes])


def _paste(evaluation: Evaluation, call: Call) -> Column:
    """Join texts row by row; a missing one is the text NA, as in R."""
    separator = argument(call, "sep") if call.function == "paste" else Text("")
    assert isinstance(separator, Text)
    nodes = [a.value for a in call.arguments if a.value is not None and a.name is None]
    columns = [_texts(evaluation, node) for node in nodes]
    joint, n = columns[0], np.broadcast_shapes(*(c.missing.shape for c in columns))
    for node, column in zip(nodes, columns, strict=True):
        if lost := int(np.count_nonzero(column.missing)):
            message = (
                f"`{write(call)}` writes the text NA where `{write(node)}` is missing ({many(lost, 'row')}), as R does"
            )
            advice = f"to have it missing there, write ifelse(is.na({write(node)}), NA, {write(call)})"
            evaluation.note("pasted_missing", message, call, advice)
    first = _with_na(columns[0])
    joint = text(np.broadcast_to(first[0], n), tuple(first[1]))
    for column in columns[1:]:
        joint = _joined(joint, column, separator.value, n)
    return joint


def _with_na(column: Column) -> tuple[np.ndarray, list[str]]:
    """Return codes and words, NA being a word of its own at the end."""
    assert column.codes is not None
    words = [*column.levels, "NA"]
    return np.where(column.codes < 0, len(words) - 1, column.codes), words


def _joined(left: Column, right: Column, separator: str, shape: tuple[int, ...]) -> Column:
    """Join two columns of texts; only the pairs that occur are written."""
    (a, before), (b, behind) = _with_na(left), _with_na(right)
    pairs = np.broadcast_to(a, shape) * len(behind) + np.broadcast_to(b, shape)
    codes, count = compact(pairs.reshape(-1))
    occurring = np.zeros(count, dtype=np.int64)
    occurring[codes] = pairs.reshape(-1)
    first = pl.Series(before, dtype=pl.String).gather(occurring // len(behind))
    words = first + separator + pl.Series(behind, dtype=pl.String).gather(occurring % len(behind))
    return _recoded(text(codes.reshape(shape), ()), words)


def matches(node: Binary, left: Column) -> Column:
    """``x %like% pattern``: whether the pattern is found in x; never missing, as in data.table."""
    pattern = node.right
    assert isinstance(pattern, Text)
    column = as_text(left)
    words = pl.Series(column.levels, dtype=pl.String)
    try:
        found = words.str.contains(pattern.value).to_numpy().astype(np.float64)
    except pl.exceptions.PolarsError:
        raise EvaluationError("regex", "the pattern cannot be read", pattern.span) from None
    return number(np.append(found, 0.0)[column.codes])


def _date_part(evaluation: Evaluation, call: Call) -> Column:
    node = needed(call, "x")
    column = evaluation.column(node)
    usable(column, node)
    if column.numbers is None:
        assert column.codes is not None
        parts = np.append(_of_texts(call, node, column), np.nan)
        return number(parts[column.codes])
    return number(_of_numbers(call, node, column))


def _of_texts(call: Call, node: Node, column: Column) -> Floats:
    """Return the part of every level, which must be written 2012-12-31 or 2012-12."""
    words = pl.Series(column.levels, dtype=pl.String).str.strip_chars()
    months = words.str.contains(r"^\d{4}-\d{2}$")
    plain = (words + "-01").set(~months, None).fill_null(words)
    written = plain.str.contains(r"^\d{4}-\d{2}-\d{2}(?:[ T][0-9:.+Z-]*)?$")
    days = plain.set(~written, None).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    if days.null_count():
        odd = words.filter(days.is_null())[0]
        message = f"`{write(node)}` holds “{odd}”, which is no date as `{call.function}()` reads them"
        raise EvaluationError("column_type", message, call.span, "dates are written 2012-12-31 (or 2012-12)")
    return _part(days, call.function)


def _of_numbers(call: Call, node: Node, column: Column) -> Floats:
    """Return the part of numbers that a .dta file shows as dates."""
    kind = column.kind
    assert column.numbers is not None
    known = np.isfinite(column.numbers)
    if kind not in STATA_DATES or not known.any():
        if not known.any():
            return np.full(column.numbers.shape, np.nan)
        value = number_text(float(column.numbers[known][0]))
        message = f"`{write(node)}` is numeric, {value} for one, and no date"
        advice = "of 201212 the year is `x %/% 100`, the month `x %% 100`; of 2012 `x` is the year"
        if 1e7 <= float(value) < 1e8:
            advice = "of 20121231 the year is `x %/% 10000`, the month `(x %/% 100) %% 100`"
        raise EvaluationError("column_type", message, call.span, advice)
    counted, size = column.numbers[known], STATA_DATES[kind]
    if kind in ("%td", "%tc"):
        dates = np.datetime64("1960-01-01", "D") + np.floor(counted / size).astype("timedelta64[D]")
    else:
        dates = np.datetime64("1960-01", "M") + (counted * size).astype("timedelta64[M]")
    out = np.full(column.numbers.shape, np.nan)
    out[known] = _part(pl.Series(dates.astype("datetime64[D]")), call.function)
    return out


def _part(days: pl.Series, part: str) -> Floats:
    found = {"year": days.dt.year, "month": days.dt.month, "quarter": days.dt.quarter}[part]()
    return found.cast(pl.Float64).to_numpy()


FUNCTIONS: dict[str, Callable[[Evaluation, Call], Column]] = {
    "paste": _paste,
    "paste0": _paste,
    "substr": _substring,
    "tolower": partial(_changed, change=lambda words: words.str.to_lowercase()),
    "toupper": partial(_changed, change=lambda words: words.str.to_uppercase()),
    "trimws": partial(_changed, change=lambda words: words.str.strip_chars(" \t\r\n")),
    "nchar": _length,
    "parse_number": _parsed,
    "year": _date_part,
    "month": _date_part,
    "quarter": _date_part,
}

"""Operators on columns as R has them: arithmetic, comparison, three-valued logic, %in%.

Logic has R's three values on floats: 0 is FALSE, NaN is NA, anything else TRUE.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats
from specdid._diagnostics import many
from specdid.language import write
from specdid.language.tree import Binary, Call, Constant, Node, Number, Text, Unary
from specdid.panel.columns import PERCENT, THOUSAND, Column, merge_levels, number, number_text
from specdid.panel.errors import EvaluationError

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation


STATA_DATES = {"%td": 1, "%tc": 86_400_000, "%tm": 1, "%tq": 3, "%th": 6}
"""Formats of dates in .dta files -> how many of what is counted from 1960 make a day (%td, %tc), or how many months."""
USABLE = ("", "date", *STATA_DATES)
"""Kinds of columns whose values mean something: numbers, texts and dates."""

LARGEST = 1e300
"""Sums of up to a hundred million such values are still numbers."""


def both(a: Floats, b: Floats) -> Floats:
    """Return ``a & b``: FALSE where either is FALSE, else NA where either is NA."""
    false = (a == 0) | (b == 0)
    return np.where(false, 0.0, np.where(np.isnan(a) | np.isnan(b), np.nan, 1.0))


def either(a: Floats, b: Floats) -> Floats:
    """Return ``a | b``: TRUE where either is TRUE, else NA where either is NA."""
    na = np.isnan(a) | np.isnan(b)
    true = (~np.isnan(a) & (a != 0)) | (~np.isnan(b) & (b != 0))
    return np.where(true, 1.0, np.where(na, np.nan, 0.0))


def negation(a: Floats) -> Floats:
    """Return ``!a``: NA stays NA."""
    return np.where(np.isnan(a), np.nan, (a == 0).astype(np.float64))


def known(result: np.ndarray, missing: np.ndarray) -> Floats:
    """Turn a comparison's result to 0/1, NA where an operand is missing."""
    found = np.array(result, dtype=np.float64)
    if missing.any():
        np.copyto(found, np.nan, where=missing)
    return found


def holds(node: Binary, left: Column, right: Column) -> Bools:
    """Return where a comparison is true, (n,) bool, without making a column of it."""
    if left.is_text or right.is_text:
        return np.asarray(numeric(_compare_texts(node, left, right), node) == 1)
    a, b = numeric(left, node.left), numeric(right, node.right)
    found = _COMPARISON[node.operator](a, b)
    return found if node.operator != "!=" else found & ~(np.isnan(a) | np.isnan(b))


_ARITHMETIC: dict[str, Callable[..., Floats]] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power,
    "%%": np.mod, "%/%": lambda a, b: np.floor(np.divide(a, b)),
}  # fmt: skip
_LOGIC = {"&": both, "|": either}
_COMPARISON: dict[str, Callable[..., Bools]] = {
    "==": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal,
    ">": np.greater, ">=": np.greater_equal,
}  # fmt: skip
COMPARISONS = frozenset(_COMPARISON)
BINARY = frozenset((*_ARITHMETIC, *_LOGIC, *_COMPARISON))


def misplaced(operator: str) -> str:
    """Say why an operator cannot stand in a value."""
    if operator == ":":
        return "`:` makes a range only after `%in%` or inside `c()`; an interaction stands among the terms"
    return f"`{operator}` makes terms or effects, not a value"


def carry(values: Floats, *sources: Column) -> Column:
    """Make a column of results; a missing one is log0 where a source was."""
    log0: Bools | None = None
    for source in sources:
        if source.log0 is not None:
            log0 = source.log0 if log0 is None else log0 | source.log0
    return number(values, None if log0 is None else np.asarray(log0 & np.isnan(values)))


def usable(column: Column, node: Node) -> None:
    """Raise where a column holds what cannot be used at all (lists, bytes)."""
    if column.kind not in USABLE:
        raise EvaluationError("column_type", f"{_called(node)} holds {column.kind}, which cannot be used", node.span)


def numeric(column: Column, node: Node) -> Floats:
    """Return a column's numbers.

    Raises
    ------
    EvaluationError
        Where it is text, with examples of what it holds.
    """
    if column.numbers is None:
        raise EvaluationError(
            "not_numeric", f"{_called(node)} is {_kind(column)}, not numeric", node.span, _advice(column, node)
        )
    return column.numbers


def refuse_huge(values: Floats, node: Node) -> None:
    """Raise where a finite value is so large that sums of such values are not numbers."""
    if not values.size or not np.fmax.reduce(np.abs(values), axis=None) > LARGEST:
        return
    huge = values[np.isfinite(values) & (np.abs(values) > LARGEST)]
    if huge.size:
        raise EvaluationError(
            "too_large",
            f"{_called(node)} holds {huge[0]:.3g}, beyond ±{LARGEST:.0e}: too large to compute with",
            node.span,
            "if it is a code for missing, write ifelse(x == code, NA, x); else change the unit",
        )


def _called(node: Node) -> str:
    words = write(node)
    return f"`{words}`" if len(words) <= 60 else "this expression"


def _kind(column: Column) -> str:
    return "a date" if column.kind == "date" else "text"


def examples(column: Column) -> str:
    """List some of a text column's values."""
    shown = ", ".join(f"“{level}”" for level in column.levels[:4])
    return shown + (", …" if len(column.levels) > 4 else "")


_LONGEST = 40
"""Characters of a number; a stranger's longer text is not tried."""
_WRITTEN_NUMBER = re.compile(r"[-+\u2212(]?\s*[$€£¥]?\s*[-+]?[.,]?\d[\d.,'\u2019\s]*([eE][-+]?\d+)?\s*[%‰kKmM]?\)?")
"""A number as spreadsheets show it: with a currency, commas, a percent sign or a unit."""
HEXADECIMAL = re.compile(r"[+-]?0[xX][0-9a-fA-F]{1,13}")
"""A number below 2^53 with the base 16, which R's read.csv() reads as one."""
_BLANKS = " \u00a0\u2007\u2009\u202f\u3000"
"""What may stand between thousands beside commas: blanks, no-break, of a figure's width, thin, of full width."""
_NARROW = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, _BLANKS), " ")
_NARROW[0x2212] = "-"
"""Full-width signs and the minus sign to those of ASCII. NFKC would make 1362 of 136², whose 2 is a footnote's mark."""
_WHOLE = r"(?:\d+|[1-9]\d{0,2}(?:(?:,\d{3})+|(?: \d{3})+))"
PARSED = re.compile(rf"(?:[+-]?{_WHOLE}(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?\.\d+) ?%?", re.ASCII)
"""A narrow number, as parse_number() reads it; the comma of 0,681 is a decimal one, the 2 of “136 2” a footnote's."""


def narrow(shown: str) -> str:
    """Return a text with full-width signs as those of ASCII, one kind of blank, and none at its ends."""
    return shown.translate(_NARROW).strip(" \t\r\n")


def read_number(shown: str) -> float | None:
    """Return the number that a text shows, as parse_number() reads it; nothing of other texts."""
    words = narrow(shown)
    return float(re.sub("[ ,%]", "", words)) if PARSED.fullmatch(words) else None


_ONE_PARTED = {sign: re.compile(rf"[+-]?\d{{1,3}}{sign}\d{{3}}", re.ASCII) for sign in ", "}
"""By what stands between them, digits in two parts."""


def numbers_as_text(column: Column) -> list[str]:
    """Return the values of a text column that look like numbers, where most do."""
    written = [level for level in column.levels if len(level) <= _LONGEST]
    alike = [level for level in written if _WRITTEN_NUMBER.fullmatch(narrow(level)) or HEXADECIMAL.fullmatch(level)]
    return alike if 2 * len(alike) > len(column.levels) else []


def parse(levels: Iterable[str]) -> bool:
    """Say whether parse_number() reads every text."""
    return all(len(level) <= _LONGEST and read_number(level) is not None for level in levels)


MOST_MARKS = 3
"""Different words among numbers that are taken for marks of missing values."""


def reading(column: Column, words: str) -> str:
    """Write what reads a column of text as numbers, words among them as missing; "" where there is doubt of either."""
    marks = [level for level in column.levels if not parse([level])]
    far = any(far_thousands(column, sign)[0] for sign in ", ")
    doubtful = far or mixed_percents(column) or any(_DIGIT.search(mark) for mark in marks)
    if not numbers_as_text(column) or column.codes is None or doubtful or len(marks) > MOST_MARKS:
        return ""
    made = words
    for mark in marks:
        made = f"ifelse({words} == {write(Text(mark))}, NA, {made})"
    return f"parse_number({made})"


def mixed_percents(column: Column) -> str:
    """Describe cells with a percent sign beside numbers of another size; nothing where there are none."""
    signed = [narrow(level).endswith("%") for level in column.levels]
    if column.numbers is not None or not any(signed) or all(signed) or column.codes is None:
        return ""
    cells: dict[bool, list[str]] = {True: [], False: []}
    sizes: dict[bool, list[float]] = {True: [], False: []}
    counts = np.bincount(np.atleast_1d(column.codes).reshape(-1) + 1, minlength=len(column.levels) + 1)[1:]
    for level, percent, count in zip(column.levels, signed, counts.tolist(), strict=True):
        if count and (shown := read_number(level)) is not None:
            cells[percent] += [level] * count
            size = abs(shown)
            sizes[percent] += [size] * (count if size else 0)
    if not sizes[True] or not sizes[False]:
        return ""
    ratio = float(np.median(sizes[True]) / np.median(sizes[False]))
    if 1 / PERCENT < ratio < PERCENT:
        return ""
    with_, without = (", ".join(f"“{cell}”" for cell in dict.fromkeys(cells[k][:3])) for k in (True, False))
    return (
        f"{many(len(cells[True]), 'cell')} with a percent sign ({with_}) and {len(cells[False]):,} without one "
        f"({without}), {max(ratio, 1 / ratio):.3g} times apart"
    )


def far_thousands(column: Column, sign: str) -> tuple[list[str], float, float]:
    """Return the texts of a column whose one comma, or blank, may part no thousands: numbers far above all others.

    A comma may be a decimal one, and what follows a blank a footnote's number. Also the largest of the others, and how
    many times that the least of these is. None are found where a sign is surely one between thousands, as in 1,234.5;
    where all are whole numbers, others are those with the sign, too. Where most have decimals less is far, if those
    with the sign would be among the others by a decimal comma.
    """
    if column.numbers is not None or column.codes is None:
        return [], 0.0, 0.0
    counts = np.bincount(np.atleast_1d(column.codes).reshape(-1) + 1, minlength=len(column.levels) + 1)[1:]
    read: dict[bool, list[tuple[float, str]]] = {True: [], False: []}
    for level, count in zip(column.levels, counts.tolist(), strict=True):
        bare, shown = narrow(level).rstrip(" %"), read_number(level)
        if not count or shown is None:
            continue
        if sign in bare and not _ONE_PARTED[sign].fullmatch(bare):
            return [], 0.0, 0.0
        read[sign in bare].append((abs(shown), level))
    largest = max((size for size, _ in read[False]), default=0.0)
    found = sorted(read[True])
    if all(size.is_integer() for size, _ in read[False]):
        while found and found[0][0] < THOUSAND * largest:
            largest = max(largest, found.pop(0)[0])
    sizes = [size for size, _ in read[False]]
    broken = sum(not size.is_integer() for size in sizes)
    least = float(THOUSAND)
    if 2 * broken > len(sizes) and all(min(sizes) <= size / 1000 <= largest for size, _ in found):
        least = BESIDE_DECIMALS
    found = [one for one in found if one[0] >= least * largest > 0]
    return [level for _, level in found], largest, found[0][0] / largest if found else 0.0


BESIDE_DECIMALS = 3.0
"""Times the largest of numbers with decimals from which on one without any, but with a comma or blank, is far."""


def percent_advice(words: str) -> str:
    """Say how a column of shares, some of them written in percent, becomes one of shares."""
    return (
        f'where the others are shares, write ifelse({words} %like% "%", parse_number({words}) / 100, '
        f"parse_number({words})) in [derive]"
    )


def footnote_advice(cell: str) -> str:
    """Say what to do with a cell of two numbers and a blank between them."""
    value, note = narrow(cell).rstrip(" %").split()
    return f"where {note} is the number of a footnote, write {value} in the file"


def number_advice(column: Column, words: str = "x", rows: bool = False) -> str:
    """Say how numbers that are stored as text become numbers; nothing where they are none.

    ``rows`` names the data row in which each of the shown cells stands first, of a column in the order of its file.
    """
    if mixed := mixed_percents(column):
        return f"{mixed}: parse_number({words}) alone leaves both as they are; {percent_advice(words)}"
    if numbers_as_text(column) and (based := [level for level in column.levels if HEXADECIMAL.fullmatch(level)]):
        return (
            f"“{based[0]}” is text here and, where it is a hexadecimal number (as R's read.csv reads it), "
            f"{int(based[0], 16)}: write such numbers with the base 10 in the file"
        )
    decimal = next((level for level in column.levels if _DECIMAL_COMMA.fullmatch(level.strip())), "")
    if column.odd:
        commas = any("," in cell for cell in column.odd)
        words_among = [level for level in (*column.odd, *column.levels) if not parse([level])]
        words_among = [*dict.fromkeys(words_among)]
        hint = "write decimal points and no thousands separators" if commas else what_to_do(words_among)
        hint = (
            f"the comma of “{decimal}” is a decimal one: write points, {decimal.replace(',', '.')}" if decimal else hint
        )
        if all(DATED.fullmatch(narrow(cell)) for cell in column.odd):
            hint = _dated_advice(column, words)
        elif words_among and (made := reading(column, words)):
            hint = f"{what_to_do(words_among)}, or write {made}"
        hint = f"parse_number(x) reads them as numbers{_parted_read(column)}" if parse(column.levels) else hint
        return f"cells that are not numbers: {odd_cells(column, rows)}; {hint}"
    if not (alike := numbers_as_text(column)):
        return _worded_advice(column)
    shown = ", ".join(f"“{value}”" for value in alike[:3])
    if parse(column.levels):
        return f"{shown} are text: parse_number(x) reads them as numbers{_parted_read(column)}"
    if decimal:
        point = decimal.replace(",", ".")
        return f"{shown} are text: the comma of “{decimal}” is a decimal one, so write points in the file, {point}"
    others = [k for k, level in enumerate(column.levels) if read_number(level) is None]
    if column.codes is not None and not {column.levels[k] for k in others} & set(alike):
        counts = [int(np.count_nonzero(column.codes == k)) for k in others[:3]]
        cells = [f"“{column.levels[k]}” ({many(n, 'cell')})" for k, n in zip(others, counts, strict=False)]
        more = f" and {many(len(others) - 3, 'further text')}" if len(others) > 3 else ""
        todo = what_to_do([column.levels[k] for k in others])
        todo += f", or write {made}" if (made := reading(column, words)) else ""
        return f"cells that are not numbers: {', '.join(cells)}{more}; {todo}"
    return f"{shown} are text: make them numbers in the file, with a decimal point and no other marks (0.088, 7673)"


def _worded_advice(column: Column) -> str:
    """Say of numbers with a unit behind them in the cell how they are to be written; nothing of other texts."""
    words: dict[str, list[str]] = {}
    for level in column.levels:
        if found := _WORDED.fullmatch(narrow(level)):
            words.setdefault(found[1].strip(), []).append(level)
    worded = sum(map(len, words.values()))
    if worded < MANY_LEVELS or 2 * worded < len(column.levels) or len(words) > MOST_MARKS:
        return ""
    shown = " and ".join(f"“{word}” (“{levels[0]}”)" for word, levels in words.items())
    one = "write it into the heading and the numbers alone into the cells of the file"
    several = "where these are units write all numbers in one of them, and without words, in the file"
    return f"its cells are numbers with {shown} behind them: {one if len(words) == 1 else several}"


_WORDED = re.compile(r"[+-]?\d[\d.,]*\s*((?!年|月|日|季)(?:[^\W\d_a-zA-Z]+|[a-zA-Z]{2,}[a-zA-Z ./]*))")
"""A number and a word; none that ends a date, and no letter, as in codes."""
MANY_LEVELS = 10
"""Different cells from which numbers with a word behind them are amounts, and no classes."""
_DIGIT = re.compile(r"\d")


def what_to_do(texts: Sequence[str]) -> str:
    """Say what to do with cells that are no numbers: none that shows one is to be emptied."""
    marked = [text for text in texts if _DIGIT.search(text)]
    others = [text for text in texts if not _DIGIT.search(text)]
    meant = next((found for text in marked if (found := other_mark(text))), "")
    if not marked:
        return "empty them where they mean missing"
    meant = meant or f"write the number that “{marked[0]}” means in the file"
    return f"{meant}; empty “{others[0]}” where it means missing" if others else meant


def odd_cells(column: Column, rows: bool = False) -> str:
    """Name the first different cells that keep a column from being numbers, and how many cells there are in all.

    ``rows`` names the data row in which each stands first, of a column in the order of its file.
    """
    shown = ", ".join(f"“{cell}”{_first_row(column, cell) if rows else ''}" for cell in column.odd)
    plain = [_PLAIN.fullmatch(level) is not None for level in column.levels]
    total = 0 if column.codes is None else int(np.count_nonzero(~np.array([*plain, True])[column.codes]))
    return f"{shown}, {total:,} cells in all" if total > len(column.odd) else shown


_PLAIN = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity|nan)", re.ASCII | re.IGNORECASE)
"""A number as a text file has it."""


def _first_row(column: Column, cell: str) -> str:
    if column.codes is None or cell not in column.levels:
        return ""
    return f" (data row {int(np.argmax(column.codes == column.levels.index(cell))) + 1:,})"


_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d{1,2}", re.ASCII)


_SHOWN = r"[+-]?[$€£¥]?[0-9](?:[0-9., ]*[0-9])?%?"
_MARK = (
    r"\s+(?:[0-9]{1,2}|[a-jln-z])|[a-jln-z]|\s*[¹²³⁰⁴-⁹①-⑳*†‡]+|\s*\[(?:[0-9]+|[a-z])\]|"
    r"\s*\((?:[0-9]{1,2}|[a-z]{1,5}\.?|\*+)\)"
)
"""Marks behind a number: of footnotes, and letters that statistical offices put there, but k and m, which are units."""


def other_mark(shown: str) -> str:
    """Say what number a text may be, as spreadsheets show it, and how it is written in the file; nothing if none."""
    words = narrow(shown)
    if noted := re.fullmatch(rf"({_SHOWN})(?:{_MARK})", words):
        return f"where what follows {noted[1]} is a mark, as of a footnote, write {noted[1]} in the file"
    if noted := re.fullmatch(rf"(?:[a-z]\s+|[~≈*†‡]\s*)({_SHOWN})", words):
        return f"where what stands before {noted[1]} is a mark write {noted[1]} in the file"
    if re.fullmatch(rf"[<>≤≥]\s*{_SHOWN}", words):
        return f"where “{words}” is a bound write the value in the file; empty it only where that is not known"
    bare = "".join(words.split())
    if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", bare):
        return f"where the comma is a decimal one write a point in the file, {bare.replace(',', '.')}"
    if re.fullmatch(r"\([0-9.,]+\)", bare):
        return f"where the brackets mean less than 0 write -{bare[1:-1].replace(',', '')} in the file"
    if unit := re.fullmatch(r"[+-]?[0-9.,]+([kKmM千万亿]+元?)", bare):
        return f"where “{unit[1]}” is a unit write all numbers in one unit in the file"
    return ""


def _parted_read(column: Column) -> str:
    """Say how a comma or blank before three digits is read, where no cell tells that it stands between thousands."""
    if far := far_thousands(column, " ")[0]:
        return f", “{far[0]}” as {number_text(read_number(far[0]) or 0)}; {footnote_advice(far[0])}"
    commas = [bare for level in column.levels if "," in (bare := narrow(level))]
    if not commas or not all(_ONE_PARTED[","].fullmatch(cell) for cell in commas):
        return ""
    return (
        f", “{commas[0]}” as {commas[0].replace(',', '')}; where its comma is a decimal one, write points in the file, "
        f"{commas[0].replace(',', '.')}"
    )


DATED = re.compile(r"([12]\d{3})(年(度)?|([-/.年]\d{1,2}([-/.月]\d{1,2})?[月日]?([ T].*)?))", re.ASCII)
"""A text that begins with its year: 2012年, 2012-06, 2012/6/1, 2012年6月1日."""


def _is_year(level: str) -> bool:
    return re.fullmatch(r"[12]\d{3}(\.0+)?", narrow(level.strip()), re.ASCII) is not None


def _dated_advice(column: Column, words: str) -> str:
    """Say what dates among numbers become: years among years, and of other numbers those that they were."""
    if all(DATED.fullmatch(narrow(level)) or _is_year(level) for level in column.levels):
        year = narrow(column.odd[0])[:4]
        return f"write {year} in the file, or parse_number(substr(trimws({words}), 1, 4)) in [derive]"
    return "a spreadsheet shows numbers as dates, or makes dates of them: write the numbers that are meant in the file"


def date_advice(column: Column, node: Node) -> str:
    """Say how the year of texts that begin with it, but for one word among them, is written; nothing of others."""
    plain = [level for level in column.levels if not DATED.fullmatch(level.strip())]
    others = [level for level in plain if not _is_year(level)]
    if len(plain) == len(column.levels) or len(others) > 1 or any(read_number(level) is not None for level in others):
        return ""
    words = write(node)
    known = f"ifelse({words} == {write(Text(others[0]))}, NA, {words})" if others else words
    dated = [level.strip() for level in column.levels if level not in others]
    if all(re.match(r"\d{4}-\d\d(-\d\d|$)", level) for level in dated):
        advice = f"its year is `year({known})`, its month, as 201206, `year({known}) * 100 + month({known})`"
    else:
        advice = f"its year is `parse_number(substr(trimws({known}), 1, 4))`"
    return f"{advice}, where “{others[0]}” means missing" if others else advice


def _advice(column: Column, node: Node) -> str | None:
    if advice := number_advice(column, write(node)) or date_advice(column, node):
        return advice
    if not column.levels:
        return None
    return f"its values are {examples(column)}; compare them with `==`, or use factor()"


def unary(node: Unary, operand: Column) -> Column:
    """Apply ``-``, ``+`` or ``!``."""
    values = numeric(operand, node.operand)
    if node.operator == "!":
        return carry(negation(values), operand)
    if node.operator == "~":
        raise EvaluationError("not_a_value", "`~` makes a formula, not a value", node.span)
    return carry(-values if node.operator == "-" else values, operand)


def binary(node: Binary, left: Column, right: Column) -> Column:
    """Apply an arithmetic, comparing or logical operator."""
    if node.operator in _COMPARISON and (left.is_text or right.is_text):
        return _compare_texts(node, left, right)
    a, b = numeric(left, node.left), numeric(right, node.right)
    if node.operator in _COMPARISON:
        return carry(known(_COMPARISON[node.operator](a, b), np.isnan(a) | np.isnan(b)), left, right)
    function = _ARITHMETIC.get(node.operator) or _LOGIC[node.operator]
    return carry(function(a, b), left, right)


def _compare_texts(node: Binary, left: Column, right: Column) -> Column:
    if left.is_text != right.is_text:
        missing = _is_na(node.left) or _is_na(node.right)
        if missing:
            return number(np.full(np.broadcast(left.missing, right.missing).shape, np.nan))
        raise _different_kinds(node, left, right)
    if node.operator not in ("==", "!="):
        raise EvaluationError(
            "text_order",
            f"texts have no order for `{node.operator}`",
            node.span,
            "compare them with `==`, `!=` or `%in%`",
        )
    _, (a, b) = merge_levels((left, right))
    return number(known(_COMPARISON[node.operator](a, b), (a < 0) | (b < 0)))


def _is_na(node: Node) -> bool:
    return isinstance(node, Constant) and node.value is None


def _different_kinds(node: Binary, left: Column, right: Column) -> EvaluationError:
    words, numbers = (node.left, node.right) if left.is_text else (node.right, node.left)
    column = left if left.is_text else right
    return mixed_kinds(words, column, numbers, node)


def mixed_kinds(words: Node, column: Column, numbers: Node, whole: Node) -> EvaluationError:
    """Explain a comparison of text with numbers; ``words`` is the side that is text."""
    message = f"{_called(words)} is {_kind(column)} and {_called(numbers)} is numeric"
    if isinstance(words, Text) and not isinstance(numbers, Text):
        advice: str | None = f"write {words.value} without quotes" if _looks_numeric(words.value) else None
    else:
        shown = f"its values are {examples(column)}" if column.levels else None
        advice = (number_advice(column, write(words)) if column.odd else "") or date_advice(column, words) or shown
        ordered = isinstance(whole, Binary) and whole.operator not in ("==", "!=", "%in%")
        if isinstance(numbers, Number) and number_text(numbers.value) in column.levels and not ordered:
            quoted = f"write {write(Text(number_text(numbers.value)))}, in quotes, where its values are codes"
            advice = f"{quoted}; where they are numbers: {advice}" if column.odd else quoted
    return EvaluationError("compare_kinds", message, whole.span, advice)


def _looks_numeric(words: str) -> bool:
    try:
        return math.isfinite(float(words))
    except ValueError:
        return False


def contained(evaluation: Evaluation, node: Binary, left: Column) -> Column:
    """``left %in% c(…)``: never NA; a missing value is in a list only where NA stands there."""
    hit = np.zeros(left.missing.shape, dtype=bool)
    for element in _elements(node.right):
        if isinstance(element, Binary) and element.operator == ":":
            hit |= _in_range(evaluation, node, left, element)
        else:
            value = evaluation.value(element)
            hit |= left.missing & bool(value.missing.any())
            if not _is_na(element):
                hit |= _equals(node, left, value, element)
    return number(hit.astype(np.float64))


def _elements(node: Node) -> Iterator[Node]:
    if isinstance(node, Call) and node.function == "c":
        for argument in node.arguments:
            if argument.value is not None:
                yield from _elements(argument.value)
    else:
        yield node


def _in_range(evaluation: Evaluation, node: Binary, left: Column, span: Binary) -> Bools:
    if left.numbers is None:
        raise mixed_kinds(node.left, left, span, node)
    first = evaluation.constant(span.left, "the start of a range")
    last = evaluation.constant(span.right, "the end of a range")
    low, high = min(first, last), max(first, last)
    offset = left.numbers - first
    return np.asarray((left.numbers >= low) & (left.numbers <= high) & (offset == np.floor(offset)))


def _equals(node: Binary, left: Column, element: Column, written: Node) -> Bools:
    """Where the left side equals any value of ``element``, a constant or a whole column."""
    if left.is_text != element.is_text:
        words, column, numbers = (node.left, left, written) if left.is_text else (written, element, node.left)
        raise mixed_kinds(words, column, numbers, node)
    if left.numbers is not None:
        values = np.unique(np.atleast_1d(element.numbers))  # type: ignore[arg-type]
        return np.asarray(np.isin(left.numbers, values[~np.isnan(values)]))
    _, (a, b) = merge_levels((left, element))
    return np.asarray(np.isin(a, b) & (a >= 0))

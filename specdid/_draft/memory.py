"""What code has done to its data when it comes to a regression: which rows, and which definition of every column."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from itertools import product
from math import inf

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid.language import (
    CONSTANTS_AND_KEYWORDS,
    LanguageError,
    Role,
    check,
    expand,
    in_our_spelling,
    parse,
    referenced,
    write,
    write_name,
)
from specdid.language.tree import Argument, Binary, Call, Constant, Node, Number, Unary, chain, walk
from specdid.panel import Column
from specdid.panel.columns import rank

_OF_STATA = re.compile(r"(?<![\w.])[LFDS][LFDS\d]*\.[A-Za-z_]|[=<>]\s*\.(?![\w])")
"""What would be read as a name as in R: L.x, and the missing value."""


_MASKED = {
    "l", "f", "d", "mean", "median", "min", "max", "sd", "sum", "quantile", "quantile_group", "rank", "winsorize",
    "trim", "group",
}  # fmt: skip
"""Functions of other rows that give the same where rows that were cut off are missing in their first argument."""
ACROSS = _MASKED | {
    "count", "first", "at", "ave", "growth", "cumsum", "cummax", "interpolate", "carry_forward", "scale", "center",
    "n_distinct", "ntile", "poly", "bs", "ns", "roll_mean", "roll_sum", "roll_sd",
}  # fmt: skip

_PATTERNS = {"regex", "..", "each"}


MARK = "\u01c3"
"""A letter that stands in columns' names that are constants or keywords here, until all is read: `T` of Stata."""
_SIGN = "\u01c2"
"""A letter before and after the number of a character that no word has."""
WORDS = CONSTANTS_AND_KEYWORDS | {"True", "true", "False", "false"}
_NOT_MARKED = re.compile(
    r"_(?:n|N|all|pi|rc|cons|b|se|coef|skip|merge|I\w*|est\w*|weight|pscore|treated|support|\d+|_\w*)?"
)
"""Names with which Stata, and commands of it, mean something of their own."""


def marked_name(name: str) -> str:
    """Return a column's name as one that is a name here, too: not a constant or keyword, not begun by ``_``."""
    if MARK in name:
        return name
    if name in WORDS:
        return name + MARK
    return MARK + name if re.fullmatch(r"_\w+", name) and not _NOT_MARKED.fullmatch(name) else name


def as_word(name: str) -> str:
    """Return a column's name as one word, also where it has blanks and signs."""
    return marked_name(re.sub(r"\W", lambda m: f"{_SIGN}{ord(m[0]):x}{_SIGN}", name))


def without_marks(text: str) -> str:
    return re.sub(f"{_SIGN}([0-9a-f]+){_SIGN}", lambda m: chr(int(m[1], 16)), text).replace(MARK, "")


def in_backticks(text: str) -> str:
    """Return an expression with marked names as they are written here."""

    def written(found: re.Match[str]) -> str:
        plain = without_marks(found[0])
        return plain if plain[0] in "\"'" else write_name(plain)

    quoted = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    return re.sub(rf"{quoted}|\w*[{MARK}{_SIGN}]\w*", written, text)


@dataclass(frozen=True, slots=True)
class Regression:
    """One regression in the spelling of a spec file; ``effects`` is "0" for none, ``cluster`` what errors allow for."""

    line: int
    outcome: str
    terms: tuple[str, ...]
    effects: str = "0"
    condition: str = "TRUE"
    weights: str = "1"
    vcov: str = "iid"
    ssc: str = ""
    estimator: str = "feols"
    unstated: bool = False
    """Whether a default that versions of fixest differ in has its errors."""


@dataclass(slots=True)
class ReadCode:
    """What was read: regressions, and what else the code says of the panel; ``skipped`` is (line, text, why).

    ``comments`` stand at tables of the draft, by their names ("alone" is at vcov); at "unit" and "time" why there is
    none. ``unread`` are the columns that regressions use and lines make that are not read: by the draft's name the
    line's ("" for the rows), and the line. ``unused`` are columns whose making is read and that only lines name that
    are not taken over. ``joins`` are lines that bring columns of other data.
    ``read_as`` are columns of the file by the names that the code's program makes of theirs.
    ``called`` are columns that the code makes under a name that is another column's here: that name, and the line.
    ``renamed`` are the names that the code gives columns of the data, by those that they have there.
    ``made_again`` are lines that make a column which the data have already, an error in Stata;
    ``changed_again`` those that change one of the data by itself.
    """

    regressions: list[Regression] = field(default_factory=list)
    data: str | None = None
    unit: str | None = None
    time: str | None = None
    step: str | None = None
    derived: dict[str, str] = field(default_factory=dict)
    skipped: list[tuple[int, str, str]] = field(default_factory=list)
    notes: list[tuple[int, str]] = field(default_factory=list)
    comments: dict[str, list[str]] = field(default_factory=dict)
    unread: dict[str, tuple[str, int]] = field(default_factory=dict)
    made_again: list[tuple[int, str]] = field(default_factory=list)
    changed_again: list[tuple[int, str]] = field(default_factory=list)
    unused: dict[str, str] = field(default_factory=dict)
    joins: list[int] = field(default_factory=list)
    called: dict[str, tuple[str, int]] = field(default_factory=dict)
    read_as: dict[str, str] = field(default_factory=dict)
    renamed: dict[str, str] = field(default_factory=dict)
    stays: dict[str, bool] = field(default_factory=dict)
    """Of columns of the data that terms are leads and lags of, whether each is 0 and 1 and stays 1 in every unit."""
    needed: dict[int, tuple[str, ...]] = field(default_factory=dict)
    """The columns of ``unused`` that lines name which are listed."""


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the data file shows: its columns, those without a missing value, of 0 and 1, of whole numbers, never 0.

    ``nested`` says whether every level of one column, or joint level of ``a^b``, is within one of another, None where
    that is not known;
    ``alone`` whether a row is the only one of a joint level of columns, True where that is not known;
    ``bounds`` are a column's least and largest value, of text those of its number of characters;
    ``sheet`` is the name of a workbook's first, which is read;
    ``short`` are columns of numbers that single precision holds, all of them;
    ``gaps`` of unit and time whether the row before may not be the period before, as the file has the rows and sorted;
    ``stays`` of them and a column whether it is 0 and 1 and stays 1 in every unit, None where that is not known;
    ``key`` of them whether every row has its own pair, None where that is not known;
    ``numbers`` of a column its rows, None where that is not known;
    ``order`` are the columns as the file has them, none where that is not known;
    ``words`` of a column of a text file what is read as missing, "" or NA, and in how many rows;
    ``texts`` are columns of text, ``padded`` those of a text file with blanks at the ends of cells, which are read
    without: the first such cell, the number of rows, and whether there are fewer values without blanks;
    ``zeros`` of a text file's columns of numbers the first that is written as 01, and whether one is written as 1, too;
    ``integers`` are columns of a text file whose cells are all written as whole numbers;
    ``levels`` of a column of text its values, none of another;
    ``values`` of an expression, and of the names that it uses which have expressions, its rows, None where it has none;
    ``extended`` whether a .dta file has missing values .a to .z.
    """

    columns: frozenset[str] = frozenset()
    complete: frozenset[str] = frozenset()
    binary: frozenset[str] = frozenset()
    nested: Callable[[str, str], bool | None] = lambda _group, _of: None
    gaps: Callable[[str, str], tuple[bool, bool]] = lambda _unit, _time: (False, False)
    whole: frozenset[str] = frozenset()
    nonzero: frozenset[str] = frozenset()
    alone: Callable[[tuple[str, ...]], bool] = lambda _columns: True
    sheet: str = ""
    bounds: Callable[[str], tuple[float, float]] = lambda _name: (-inf, inf)
    short: frozenset[str] = frozenset()
    key: Callable[[str, str], bool | None] = lambda _unit, _time: None
    numbers: Callable[[str], Floats | None] = lambda _name: None
    order: tuple[str, ...] = ()
    words: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    texts: frozenset[str] = frozenset()
    padded: Mapping[str, tuple[str, int, bool]] = field(default_factory=dict)
    extended: bool = False
    integers: frozenset[str] = frozenset()
    zeros: Mapping[str, tuple[str, bool]] = field(default_factory=dict)
    levels: Callable[[str], frozenset[str]] = lambda _name: frozenset()
    stays: Callable[[str, str, str], bool | None] = lambda _unit, _time, _name: None
    values: Callable[[str, Mapping[str, str]], Column | None] = lambda _text, _made: None


FIRST = DataFacts()
"""Before the data are known."""


def moved_column(text: str) -> str:
    """Return the column that an expression moves by a whole number, "" where it is another."""
    found = re.fullmatch(r"([^\W\d]\w*) ?[-+] ?\d+|\d+ ?\+ ?([^\W\d]\w*)", text)
    return (found[1] or found[2]) if found else ""


class NotReadError(Exception):
    """Why a statement is not understood."""


@dataclass(slots=True)
class State:
    """The data as a line of code finds them: file, what was done to rows, which version of a column is in force."""

    data: str | None = None
    made: str = ""
    rows: tuple[tuple[int, str], ...] = ()
    columns: dict[str, str] = field(default_factory=dict)
    kept: tuple[str, ...] = ()
    """Conditions of rows that were taken over, columns as versions."""
    cuts: tuple[tuple[int, str], ...] = ()
    """Lines of Stata that these conditions are of."""
    groups: tuple[str, ...] = ()
    """What group_by() of R has left in force."""
    holes: bool = False
    """Whether `[` of R has put rows of missing values where a condition is missing, which no group has."""
    order: str = ""
    """By what R has sorted the rows, where the row before is then not the unit's period before."""
    keys: tuple[str, ...] = ()
    """The columns by which R has sorted the rows."""
    sorted: bool = False
    """Whether R has sorted the rows so that each unit's follow each other in time."""
    dropped: frozenset[str] = frozenset()
    """Columns that were dropped and not made since; "" where a select() of R leaves out others that are not known."""
    places: dict[str, str] | None = field(default_factory=dict)
    """The columns of the file whose place renamed ones have; None where a line of Stata orders the columns."""
    gone: dict[str, str] = field(default_factory=dict)
    """What is told of each of these where it is sure that the code has it no more."""
    leaving: tuple[tuple[bool, tuple[str, ...], str], ...] = ()
    """Of columns not known: whether those that match patterns stay or go, and what is told of one that is no more."""
    floats: int = 0
    """The line that has read the file with its decimals in single precision, 0 for none."""

    def copy(self) -> State:
        return replace(self, columns=dict(self.columns))


@dataclass(frozen=True, slots=True)
class _Version:
    """One definition of a column; ``expression`` is None where it is not read."""

    name: str
    line: int
    expression: str | None


class Memory:
    """What the code has done so far, so that a regression has the rows and definitions that are in force at its line.

    Every definition of a column is a version with a name of its own until all is read; then those that no regression
    uses are forgotten, and the first of the others has the column's name. One that is not read is never called as a
    column of the data, which would be used in its place.
    """

    def __init__(self, facts: DataFacts) -> None:
        self._facts = facts
        self._data = facts.columns
        self._data_order = facts.order
        self.factors: set[str] = set()
        self.found = ReadCode()
        self.state = State()
        self._versions: dict[str, _Version] = {}
        self._same: dict[tuple[str, str], str] = {}
        self._states: list[tuple[str, State]] = []
        self.usual_rows: tuple[tuple[int, str], ...] = ()
        self._keeping: dict[int, str] = {}
        self.dropped_at: dict[str, int] = {}
        self.read_again = 0
        """The line that has read all data that are used from there on; what was made before is in its file."""
        self._of_rows: dict[tuple[tuple[int, str], ...], str] = {}
        """Versions that ask for the rows which lines leave that are not read."""
        self._in_place_of: dict[str, str] = {}
        """What versions that are not read take the place of."""
        self._of_listed: dict[tuple[int, str], dict[str, str]] = {}
        """The versions of the columns that a listed statement names, as it finds them."""

    def skip(self, line: int, text: str, why: str) -> None:
        """List a statement, and remember which versions its columns are of."""
        self.found.skipped.append((line, text, why))
        those = self._of_listed.setdefault((line, text), {})
        for word in {*re.findall(r"[A-Za-z_][\w.]*", text)} & self.state.columns.keys() - self.state.dropped:
            key = self.state.columns[word]
            while key in self._in_place_of and self._versions[key].line == line:  # what it makes itself
                key = self._in_place_of[key]
            those[word] = key

    def in_force(self, text: str, state: State | None = None) -> str:
        return _with_names(text, (state or self.state).columns)

    def derived(self, name: str) -> str | None:
        """Return the expression of the version in force, None for a column of the data."""
        version = self._versions.get(self.state.columns.get(name, ""))
        return version.expression if version else None

    def known(self, key: str) -> bool:
        """Say whether a name is that of a version."""
        return key in self._versions

    def makes(self, key: str) -> bool:
        """Say whether a version has an expression, so that its column is not one of the data."""
        return key in self._versions and self._versions[key].expression is not None

    def rows_left(self) -> list[str]:
        """Return the conditions, of versions, of the rows that are left: of lines not read, and those that are."""
        rows = self.open(self.state.rows)
        if not rows:
            return [*self.state.kept]
        if rows not in self._of_rows:
            self._of_rows[rows] = self.open_rows(rows[-1][0])
        return [self._of_rows[rows], *self.state.kept]

    def open_rows(self, line: int) -> str:
        """Return a condition, nowhere defined, of the rows that a line leaves."""
        key = f"rows_line_{line}__{len(self._versions)}__"
        self._versions[key] = _Version(f"rows_line_{line}", line, None)
        return key

    def on_kept(self, text: str) -> str:
        """Return an expression of versions in which functions of other rows do not see those that were cut off.

        Raises
        ------
        NotReadError
            A function looks at rows in a way of its own.
        """
        if not (self.state.kept or self.open(self.state.rows)) or not any(name in ACROSS for name in called(text)):
            return text
        kept = " & ".join(in_brackets(one) for one in self.rows_left())

        def masked(node: Node) -> Node:
            match node:
                case Call() if node.function in _MASKED and node.arguments and node.arguments[0].value is not None:
                    inner = replace(node.arguments[0], value=masked(node.arguments[0].value))
                    first = Call("ifelse", (Argument(parse(kept)), inner, Argument(Constant(None))))
                    return Call(node.function, (Argument(first), *node.arguments[1:]))
                case Call(function="count", arguments=(Argument(name="by") as groups,)):
                    one = Call("ifelse", (Argument(parse(kept)), Argument(Number(1.0)), Argument(Constant(None))))
                    return Call("sum", (Argument(one), groups))
                case Call(function="first", arguments=(Argument(value=holds),)) if holds is not None:
                    return Call("first", (Argument(Binary("&", parse(kept), masked(holds))),))
                case Call() if node.function in ACROSS:
                    raise NotReadError(f"`{node.function}()` looks at rows that the code has cut off before")
                case Call():
                    return Call(node.function, tuple(
                        Argument(masked(a.value), a.name) if a.value is not None else a for a in node.arguments
                    ))  # fmt: skip
                case Unary():
                    return Unary(node.operator, masked(node.operand))
                case Binary():
                    return Binary(node.operator, masked(node.left), masked(node.right))
                case _:
                    return node

        return write(masked(parse(text)))

    def define(self, name: str, line: int, expression: str | None) -> None:
        """Put a version in force; an expression names the versions that it is made of."""
        name = marked_name(name.replace(MARK, ""))  # also where one was put together of parts
        key = f"{name}__{len(self._versions)}__"
        if expression is not None:
            key = self._same.setdefault((name, expression), key)
        self._versions.setdefault(key, _Version(name, line, expression))
        if expression is None:
            self._in_place_of[key] = self.state.columns.get(name, name)
        self.state.columns[name] = key
        self.state.dropped -= {name}

    def leave(self, names: Iterable[str], line: int, how: str = "was dropped") -> None:
        """Have the code know columns by these names no more."""
        those = [*names]
        self.state.dropped |= {*those}
        self.state.gone = {**self.state.gone, **dict.fromkeys(those, f"{how} in line {line}")}
        self.dropped_at |= dict.fromkeys(those, line)

    def there(self) -> set[str]:
        """Return the columns that are known to be there: of file and code; renamed ones have gone."""
        columns = self.state.columns
        return {*columns, *(self._data - {*columns.values()})} - self.state.dropped

    def refuse_gone(self, *texts: str) -> None:
        """Refuse what names a column, as the code calls it, that a line before has dropped or renamed.

        Raises
        ------
        NotReadError
            One does.
        """
        for name in (name for text in texts for name in sorted(columns_of(text))):
            if name in self.state.dropped and name in self.state.gone:
                raise NotReadError(f"`{name}` {self.state.gone[name]}")
            for stays, patterns, told in self.state.leaving if name not in self.state.columns else ():
                if stays != any(fnmatchcase(name, one) or (stays and name.startswith(one)) for one in patterns):
                    raise NotReadError(f"`{name}` {told}")

    def bring(self, name: str, key: str, line: int) -> None:
        """Have a column of other data, which is not read; it is the line's that makes it, where that is not, either."""
        version = self._versions[key]
        self.define(name, version.line if version.expression is None else line, None)

    def add(self, regression: Regression, frame: str = "", keeps: str = "") -> None:
        """Take a regression over; ``keeps`` is what keeps rows that are alone in a fixed effect, "" where they go.

        Raises
        ------
        NotReadError
            Its data are not those of a file.
        """
        if self.state.made:
            why = f"its data are made by {self.state.made}: save them after that line, and convert what follows it"
            raise NotReadError(why)
        for term in regression.terms:
            if hit := self._made_by_pattern(term):
                raise NotReadError(f"a pattern matches `{hit}`, which the code makes: name the columns")
        renamed = _renamed(regression, self.state.columns)
        conditions = [c for c in (*self.state.kept, renamed.condition) if c != "TRUE"]
        joined = " & ".join(c if len(conditions) == 1 else in_brackets(c) for c in conditions)
        self.found.regressions.append(replace(renamed, condition=joined or "TRUE"))
        if keeps and self._may_be_alone(self.found.regressions[-1]):
            self._keeping[regression.line] = keeps
        self._states.append((frame, self.state.copy()))

    def _made_by_pattern(self, term: str) -> str | None:
        """Return a column in force that the code makes, or has under another name, and that a pattern matches."""
        if not any(f"{function}(" in term for function in _PATTERNS):
            return None
        names = sorted(self.state.columns)
        some = [names[k : k + 200] for k in range(0, len(names), 200)]  # no pattern may find more than 250
        for call, these in product([one for one in calls(term) if one.function in _PATTERNS], some):
            try:
                (found,) = expand(Call("regex", call.arguments), {}, these, 1.0, 1)
            except LanguageError:  # it matches none
                continue
            return write(chain(found, "+")[0])
        return None

    def _may_be_alone(self, regression: Regression) -> bool:
        """Say whether rows may be alone in a fixed effect."""
        if regression.effects == "0":
            return False
        parts = _plain_effects(regression)
        used = [name for text in texts_of(regression) for name in columns_of(text)]
        texts = (regression.outcome, *regression.terms, *used)
        if not parts or any(self.values(text) is None and {*called(text)} - {"i", "poly"} for text in texts):
            return True
        levels = self.levels_used(regression)
        if not levels:
            whole = regression.condition == "TRUE" and {*used} <= self._facts.complete
            return not whole or any(self._facts.alone(tuple(part.split("^"))) for part in parts)
        return any((np.unique(one, return_counts=True)[1] == 1).any() for one in levels)

    def levels_used(self, regression: Regression) -> list[Ints]:
        """Return the levels of each fixed effect in the rows of a regression, nothing where these are not known."""
        parts, rows = _plain_effects(regression), self.left_of(regression.condition)
        used = [name for text in texts_of(regression) for name in columns_of(text)]
        for text in (regression.outcome, *regression.terms, *used):
            column = self.values(text)
            if column is not None and rows is not None:
                rows = rows & ~column.missing
        columns = {name: self.values(name) for part in parts for name in part.split("^")}
        if rows is None or any(one is None for one in columns.values()):
            return []
        found = []
        for part in parts:
            codes = [rank(one)[0][rows] for name in part.split("^") if (one := columns[name]) is not None]
            found.append(np.unique(np.stack(codes), axis=1, return_inverse=True)[1].reshape(-1))
        return found

    def _tell_kept(self) -> None:
        """Say which regressions keep rows that are alone in a fixed effect, which are dropped here."""
        taken = {r.line for r in self.found.regressions}
        for what in dict.fromkeys(self._keeping.values()):
            if lines := sorted(line for line, one in self._keeping.items() if one == what and line in taken):
                listed = ", ".join(map(str, lines[:12])) + ", …" * (len(lines) > 12)
                told = (
                    f"Line{'s' * (len(lines) > 1)} {listed}: {what} rows that are alone in a fixed effect. Here they "
                    "are dropped, as by reghdfe: estimates are the same, and iid errors; where there are such rows N "
                    "(n_singletons of results.csv) is not, nor are robust and clustered errors."
                )
                self.found.comments.setdefault("alone", []).append(told)

    def finish(self) -> ReadCode:
        """Leave out regressions on other data or rows than most, and name the versions."""
        self._same_rows()
        self._tell_kept()
        mapping = self._names()
        self._tell_unread(mapping)
        self._ask_rows(mapping)
        found = self.found

        def named(key: re.Match[str]) -> str:
            return mapping.get(key[0], self._plain(key[0]))

        found.regressions = [_renamed(r, mapping) for r in found.regressions]
        found.derived = {
            mapping[k]: _with_names(v.expression, mapping)
            for k, v in self._versions.items()
            if k in mapping and v.expression is not None
        }
        found.unused = self._unused(mapping)
        found.skipped = [(line, re.sub(r"(?<!\w)\w+__\d+__", named, text), why) for line, text, why in found.skipped]
        found.unit, found.time = (mapping.get(n, self._plain(n)) if n else n for n in (found.unit, found.time))
        return found

    def _unused(self, mapping: Mapping[str, str]) -> dict[str, str]:
        """Return what is made for lines that are not taken over alone, in the order in which it is made.

        What such a line names is the version that it finds; the list says which that is where another has the name.
        """
        last = {v.name: k for k, v in self._versions.items() if v.expression is not None and k not in mapping}
        used = {*mapping.values()}
        of_line: dict[int, set[str]] = {}
        for line, text, _ in self.found.skipped:
            here = self._of_listed.get((line, text), {})
            others = {*re.findall(r"[A-Za-z_][\w.]*", text)} & last.keys() - here.keys() - used
            found = {last[n] for n in others if line <= self.dropped_at.get(n, line) or n not in self.state.dropped}
            of_line.setdefault(line, set()).update(
                key
                for key in found | {*here.values()}
                if self.makes(key) and key not in mapping and self.read_again <= self._versions[key].line <= line
            )
        wanted = {key for keys in of_line.values() for key in keys}
        while more := {
            inner
            for k in wanted
            for inner in columns_of(self._versions[k].expression or "")
            if inner in self._versions and self._versions[inner].expression and inner not in {*mapping, *wanted}
        }:
            wanted |= more
        names = dict(mapping)
        taken = {*mapping.values()}
        for key, version in self._versions.items():
            if key not in mapping:
                name, k = version.name, 2
                while key in wanted and (name in taken or name in self._data):
                    name, k = f"{version.name}_{k}", k + 1
                names[key] = name
                taken |= {name} if key in wanted else set()
        self.found.needed = {
            line: tuple(names[k] for k in self._versions if k in keys) for line, keys in of_line.items()
        }
        self.found.skipped = [
            (line, text, why + self._told_of(self._of_listed.get((line, text), {}), names, {*mapping, *wanted}))
            for line, text, why in self.found.skipped
        ]
        made = {names[k]: v.expression or "" for k, v in self._versions.items() if k in wanted}
        return {name: _with_names(text, names) for name, text in made.items()}

    def _told_of(self, versions: Mapping[str, str], names: Mapping[str, str], there: Set[str]) -> str:
        """Say which columns that a listed statement names are others here than by these names."""
        told = ""
        for word, key in sorted(versions.items()):
            if key not in self._versions or key in self.factors:
                continue
            if key in there and names[key] != word:
                told += f"; its `{word}` is `{names[key]}` here"
            elif key not in there and self._versions[key].expression is None:
                told += f"; its `{word}` is as line {self._versions[key].line} makes it, which is not read"
        return told

    def values(self, text: str) -> Column | None:
        """Return the rows of an expression of versions, None where it has none before unit and time are known."""
        waiting, wanted = [*columns_of(text)], set[str]()
        while waiting:
            if (key := waiting.pop()) not in wanted:
                wanted.add(key)
                waiting += columns_of(self._versions[key].expression or "") if key in self._versions else ()
        those = {k: v.expression for k, v in self._versions.items() if k in wanted and v.expression is not None}
        return self._facts.values(text, those)

    def left(self, values: Floats) -> Bools:
        """Say which values are of rows that are left, all where that is not known."""
        rows = self.left_of(" & ".join(map(in_brackets, self.rows_left())) or "TRUE")
        return np.ones(values.shape, dtype=bool) if rows is None else rows

    def left_of(self, condition: str) -> Bools | None:
        """Mark the rows in which a condition of versions is true, None where that is not known."""
        asked = self.values(condition)
        if asked is None or asked.numbers is None:
            return None
        return np.asarray((asked.numbers != 0) & ~np.isnan(asked.numbers))

    def _plain(self, key: str) -> str:
        version = self._versions.get(key)
        return version.name if version else key

    def _tell_unread(self, mapping: Mapping[str, str]) -> None:
        """Note for every column that is used and not read what is made of it."""
        used = {k: columns_of(v.expression) for k, v in self._versions.items() if k in mapping and v.expression}
        for key, version in self._versions.items():
            if key not in mapping or version.expression is not None or key in self.factors:
                continue
            if key in self._of_rows.values():
                self.found.unread[mapping[key]] = ("", version.line)
                continue
            resting: set[str] = set()
            while more := {k for k, names in used.items() if k not in resting and names & {key, *resting}}:
                resting |= more
            listed = ", ".join(f"`{mapping[k]}`" for k in used if k in resting)
            what = f"of it {'is' if len(resting) == 1 else 'are'} made {listed}" if resting else "regressions use it"
            self.found.unread[mapping[key]] = (version.name, version.line)
            self.found.notes.append(
                (
                    version.line,
                    f"how `{version.name}` is made is not read; {what}, right only with `{mapping[key]}` in the data "
                    "as this line leaves it",
                )
            )

    def _ask_rows(self, mapping: Mapping[str, str]) -> None:
        """Put a condition that is nowhere defined where lines change rows or values that are not known.

        Else the draft would run on the data as they were before.
        """
        lines = sorted({line for line, _ in self.open(self.usual_rows)})
        if not lines or not self.found.regressions:
            return
        name = base = f"rows_line_{lines[-1]}"
        k = 2
        taken = {*mapping.values(), *self._data}
        if (asked := self._of_rows.get(self.open(self.usual_rows), "")) in mapping:
            name, taken = mapping[asked], set()
        while name in taken:
            name, k = f"{base}_{k}", k + 1
        self.found.regressions = [
            replace(r, condition=name if r.condition == "TRUE" else f"{name} & {in_brackets(r.condition)}")
            for r in self.found.regressions
        ]
        self.found.unread[name] = ("", lines[-1])
        listed = ", ".join(map(str, lines[:12])) + ", …" * (len(lines) > 12)
        self.found.notes.append(
            (
                lines[-1],
                f"what line{'s' * (len(lines) > 1)} {listed} may do to rows or values is not read; regressions are "
                f"right only with data as it leaves them, which `{name}` asks for",
            )
        )

    def open(self, rows: tuple[tuple[int, str], ...]) -> tuple[tuple[int, str], ...]:
        """Return the lines of these that change rows, or values of columns that are not known, and are not read."""
        return rows

    def _same_rows(self) -> None:
        found = self.found
        if not self._states:
            return
        most = Counter((frame, s.data, s.rows) for frame, s in self._states).most_common(1)[0][0]
        usual_frame, usual = most[0], State(most[1], "", most[2])
        kept: list[Regression] = []
        for regression, (frame, state) in zip(found.regressions, self._states, strict=True):
            shown = f"{regression.outcome} ~ {' + '.join(regression.terms)}"  # of versions, until they have names
            if frame != usual_frame:
                why = (
                    f"its data are `{frame}`, those of most regressions `{usual_frame}`: where these are a part of "
                    "those, write that as the regression's own condition, else make another draft"
                )
                self.skip(regression.line, shown, why)
            elif state.data != usual.data:
                why = f"its data are `{state.data}`, those of most regressions `{usual.data}`: it needs another draft"
                self.skip(regression.line, shown, why)
            elif state.rows != usual.rows:
                changes = sorted({*state.rows} ^ {*usual.rows})
                lines = ", ".join(f"`{text[:40]}` in line {line}" for line, text in changes[:3])
                self.skip(
                    regression.line,
                    shown,
                    f"its rows are not those of most regressions: {lines}. Write that as the regression's own "
                    "condition, where it can be, or make another draft",
                )
            else:
                kept.append(regression)
        found.regressions = kept
        found.data = usual.data or found.data
        self.usual_rows = usual.rows

    def _names(self) -> dict[str, str]:
        """Return the final name of every version that a regression uses, directly or through another."""
        wanted = {name for r in self.found.regressions for text in texts_of(r) for name in columns_of(text)}
        wanted |= {name for name in (self.found.unit, self.found.time) if name in self._versions}
        waiting = list(wanted)
        while waiting:
            version = self._versions.get(waiting.pop())
            new = columns_of(version.expression) - wanted if version and version.expression is not None else set()
            wanted |= new
            waiting += new
        mapping: dict[str, str] = {}
        others: dict[tuple[int, str, str], list[str]] = {}
        taken = {name for name in wanted if name not in self._versions}
        mapping |= {key: self._versions[key].name for key in wanted & self.factors}  # the column of the data itself
        taken |= {*mapping.values()}
        for key, version in self._versions.items():
            if key not in wanted or key in mapping:
                continue
            name, k = version.name, 2
            if version.expression is None and name in self._data:
                name = f"{name}_line_{version.line}"
            base = name
            while name in taken or (name != version.name and name in self._data):
                name, k = f"{base}_{k}", k + 1
            taken.add(name)
            mapping[key] = name
            if name != version.name:
                self.found.called[name] = version.name, version.line
            if name != version.name and not (version.expression is None and version.name in self._data):
                told = ", which has to be in the data" if version.expression is None else ""
                others.setdefault((version.line, version.name, told), []).append(name)
        for (line, name, told), so in others.items():  # in a loop many of one line
            those = f"`{so[0]}`" if len(so) == 1 else f"`{so[0]}` to `{so[-1]}`, {len(so)} columns,"
            text = f"from here on `{name}` is another column than before: {those} in this draft{told}"
            self.found.notes.append((line, text))
        return mapping


def calls(text: str) -> list[Call]:
    return [node for node in walk(parse(text)) if isinstance(node, Call)]


def called(text: str) -> list[str]:
    """Return the functions that an expression in our spelling calls."""
    return [node.function for node in calls(text)]


def in_brackets(condition: str) -> str:
    """Return a condition as one factor of others that are joined by ``&``."""
    return f"({condition})" if "|" in condition else condition


def columns_of(text: str) -> set[str]:
    """Return the columns that an expression names."""
    try:
        return {name.name for name in referenced(parse(text))}
    except LanguageError:
        return set()


def _with_names(text: str, names: Mapping[str, str]) -> str:
    """Return an expression, or clusters after ``~``, with other names of columns."""
    try:
        found = [(n.span, names[n.name]) for n in referenced(parse(text)) if n.name in names]
    except LanguageError:
        return text
    for span, name in sorted(found, key=lambda pair: -pair[0].start):
        text = text[: span.start] + name + text[span.stop :]
    return text


def _plain_effects(regression: Regression) -> list[str]:
    """Return the fixed effects of a regression where all are columns, or levels of several."""
    parts = re.split(r"\s*\+\s*", regression.effects)
    plain = regression.effects != "0" and all(re.fullmatch(r"[\w.]+(?:\^[\w.]+)*", part) for part in parts)
    return parts if plain else []


def texts_of(r: Regression) -> tuple[str, ...]:
    return r.outcome, *r.terms, r.effects, r.condition, r.weights, r.vcov if r.vcov.startswith("~") else "1"


def _renamed(r: Regression, names: Mapping[str, str]) -> Regression:
    outcome, *terms, effects, condition, weights, vcov = (_with_names(text, names) for text in texts_of(r))
    vcov = vcov if r.vcov.startswith("~") else r.vcov
    return replace(
        r, outcome=outcome, terms=tuple(terms), effects=effects, condition=condition, weights=weights, vcov=vcov
    )


def ours(text: str, role: Role, *, of_stata: bool = False) -> str:
    """Write an expression as it is written here.

    Raises
    ------
    NotReadError
        Where that is not known.
    """
    text = text.strip()
    if of_stata and _OF_STATA.search(text) and (found := in_our_spelling(text, role, meant=False)) is not None:
        return found
    try:
        node = parse(text)
        if of_stata and any(isinstance(one, Constant) for one in walk(node)):
            raise NotReadError(f"`{text}` names a column as a constant is called here")
        if not check(node, role):
            return text
    except LanguageError:
        pass
    found = in_our_spelling(text, role, meant=False)
    if found is None:
        raise NotReadError(f"`{text}` is not understood")
    return found

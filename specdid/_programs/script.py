"""A specification as what a program must do, in order, in no language.

Every name is safe in Python, R and Stata: ASCII letters, digits and underscores, at most 28
of them, no reserved word. Trees hold such names only. What a stranger wrote stands in Text
nodes, ``DataFile.columns``, labels and comments, which the languages quote.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from specdid._programs.names import plain_number
from specdid._study import Distribution, Rule, VcovKind
from specdid.language.tree import Node

POLY = "poly_part"
"""The call ``poly_part(x, degree, k)``: column k of R's ``poly(x, degree)``."""

SPLINE = "spline_part"
"""The call ``spline_part(x, "ns", degree, c(inner knots), c(ends), k)``: column k of R's ``bs`` or ``ns``."""
DATE = "stata_date"
"""The call ``stata_date(x, "year", "%tm")``: a part of a number that a .dta file shows as a date."""


@dataclass(frozen=True, slots=True)
class WideFile:
    """How a file is given a row per period.

    Attributes
    ----------
    time : the column that holds the period
    periods : in order
    columns : of those that are used, name of the new column -> period -> name in the file
    kept : the used columns that are repeated in each period
    """

    time: str
    periods: tuple[float, ...]
    columns: Mapping[str, Mapping[float, str]]
    kept: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataFile:
    """The data file, or one that is joined to it.

    Attributes
    ----------
    path : as the program will open it
    kind : its ending: csv, tsv, parquet, feather, dta, xlsx
    encoding : of a text file, in Python's word
    sha256 : of the file
    columns : safe name -> name in the file (where it is wide, after reshaping), in data order, of those that are used
    text : safe names of those that hold text
    dates : safe names of those that hold dates, which are compared as "2012-12-31"
    wide : how it is reshaped, or None
    joined : files whose columns the data take, in order
    by : of a joined file, safe names of the columns that say which rows belong together
    partners : of a joined file, rows of the data that have a row in it
    unit, parts : the text column that is made of ``parts``, joined by ^, where units are told by several columns
    """

    path: str
    kind: str
    encoding: str
    sha256: str
    columns: Mapping[str, str]
    text: frozenset[str]
    dates: frozenset[str] = frozenset()
    wide: WideFile | None = None
    joined: tuple[DataFile, ...] = ()
    by: tuple[str, ...] = ()
    partners: int = 0
    unit: str | None = None
    parts: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Return the columns that hold text, by their names in the file."""
        names = [name for safe, name in self.columns.items() if safe in self.text]
        wide = {} if self.wide is None else self.wide.columns
        return tuple(raw for name in names for raw in (wide[name].values() if name in wide else (name,)))


@dataclass(frozen=True, slots=True)
class NewColumn:
    """A new column on all rows: its name, its tree, and how the spec writes it."""

    name: str
    node: Node
    comment: str


@dataclass(frozen=True, slots=True)
class Levels:
    """The joint levels of columns: a fixed effect or a cluster."""

    name: str
    factors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Errors:
    """One of the study's variance estimators; ``clusters`` are one or two columns.

    ``rule`` is its small-sample correction, ``distribution`` that of the statistic, None for the estimator's own.
    """

    label: str
    kind: VcovKind
    clusters: tuple[str, ...]
    rule: Rule = "fixest"
    distribution: Distribution | None = None


@dataclass(frozen=True, slots=True)
class MatchedUnits:
    """A matched sample, written out: keys of units (and periods) and their weights.

    ``by`` are safe names of the key's columns; without any the keys are rows of the file, from 1.
    ``words`` say how it was matched.
    """

    by: tuple[str, ...]
    keys: tuple[tuple[float | str, ...], ...]
    weights: tuple[float, ...]
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """What a program must do.

    Attributes
    ----------
    about : lines for its head
    source : the data
    unit, time : safe names, None where the study has none
    step : how one period follows another, as in the study
    last : the last value of time in the data
    never : values of the cohort that mean never treated, beside those after ``last``
    steps : new columns, in order, on all rows
    where : conditions that a row of the sample fulfils
    matched : the rows that a match leaves, or None
    complete : columns a row must have, in the order of the model
    later : what a row may lack and still be read, as the estimator says: controls, or the outcome and a weight
    outcome, treatment, controls : columns of the model
    offset : a column whose coefficient is 1, or None
    fixed : fixed effects with an intercept for each level
    slopes : (levels, column) pairs: slopes of their own
    weight : column, or None
    errors : those of the study's variance estimators that the estimator offers
    method, options : the estimator, and every option it has, those left out at their defaults
    likelihood : the estimator has no dispersion, and its p-values are normal
    cohort : column of the first treated period, or None
    scaled : the size of the columns asks for scaling before pyfixest, whose tolerances are absolute
    labels : safe name -> the term as the spec writes it, of treatment and controls
    instruments : columns that instrument the treatment
    """

    about: tuple[str, ...]
    source: DataFile
    unit: str | None
    time: str | None
    step: str | None
    last: float
    never: tuple[float, ...]
    steps: tuple[NewColumn, ...]
    where: tuple[Node, ...]
    matched: MatchedUnits | None
    complete: tuple[str, ...]
    later: tuple[str, ...]
    outcome: str
    treatment: str
    controls: tuple[str, ...]
    offset: str | None
    fixed: tuple[Levels, ...]
    slopes: tuple[tuple[Levels, str], ...]
    weight: str | None
    errors: tuple[Errors, ...]
    method: str
    options: Mapping[str, object]
    likelihood: bool
    cohort: str | None
    scaled: bool
    labels: Mapping[str, str]
    instruments: tuple[str, ...] = ()

    @property
    def but(self) -> str:
        """Say what a complete row may lack."""
        if not self.later:
            return ""
        return " but the outcome and its weight" if self.outcome in self.later else " but controls"

    @property
    def never_words(self) -> str:
        """Say which cohorts are never treated."""
        return ", ".join([*map(plain_number, self.never), "infinite, or after the last period"])

    @property
    def regressors(self) -> tuple[str, ...]:
        """The treatment, then the controls."""
        return (self.treatment, *self.controls)

    @property
    def one_way(self) -> tuple[Errors, ...]:
        """The errors clustered one way, whose cluster may still part a unit's rows."""
        return tuple(e for e in self.errors if len(e.clusters) == 1)

    @property
    def corrected(self) -> bool:
        """Say whether an error asks for something else than the estimator's own correction and distribution."""
        return any(e.rule != "fixest" or e.distribution is not None for e in self.errors)

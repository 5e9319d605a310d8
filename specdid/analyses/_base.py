"""How to write an analysis: the contract of the shelf.

An analysis is one module ``specdid/analyses/<kind>.py`` that declares ``ANALYSIS``; the
word is the table's name in the spec file ([event_study], [event_study."by batch"]).
``table.py`` is the short example, ``event_study.py`` the long one. ::

    @dataclass(frozen=True, slots=True)
    class Config:                       # what the table's own keys say
        draws: int

    def decode(table: Table) -> Config:
        return Config(table.whole("draws", "1 or more", lambda n: n >= 1) or 500)

    def check(bench: Bench, request: Request) -> Iterator[Fault]:
        yield from ()                   # what only the data can tell; `specdid check` runs it too

    def run(bench: Bench, request: Request) -> Finding:
        cells = bench.cells(request)
        fits = [bench.fit(cell) for cell in cells]
        return Finding(tables=(TidyTable(…),), charts=(Chart("love_plot", data),), warnings=cells.notes)

    ANALYSIS = Analysis("placebo", "Placebo: permuted treatment", decode, run, check)

**decode** reads keys from a ``specdid._decode.table.Table`` (``text``, ``flag``, ``whole``,
``number``, ``choice``, ``expression(key, role)``, ``list_of``, ``table``; ``table.log.add``
notes a fault at an item's ``origin`` or ``key``). Unknown keys, ``fix`` and ``vary`` are
dealt with; names in expressions are checked against the data. Return a config even where
something is wrong: the faults stop the run.

**check** gives located faults (``fault_at``); ``request.origin("window")`` and
``request.key("window")`` say where a key's value and the key stand.

**run** may raise: an analysis that fails is a message, never the end of the run. It must
give the same numbers for any number of workers; draws are seeded from ``bench.study.seed``
and their own index.

What a ``Bench`` offers (``_bench.py``):

``bench.cells(request)``
    The columns of the analysis: [preferred] once per outcome, moved by ``fix`` and
    ``vary``, last fastest. A ``Cell`` has ``labels`` by dimension; ``cells.heading(cell)``
    are those that differ, ``cells.varying`` the dimensions, ``cells.notes`` what was left
    out and why.
``bench.fit(cell, extra=…, treatment=…, outcome=…, controls=…, where=…, within=…, joint=…)``
    A regression in full (``_coefficients.CellFit``): ``fit.failure`` is None or the reason there are no numbers;
    ``fit.coefficient(term)``, ``fit.combine(weights)``, ``fit.wald(weights)``. ``extra``
    are ``Extra(label, numbers)``, columns on all rows of the panel; ``treatment``,
    ``outcome`` replace the cell's; ``controls=False`` leaves its controls out; ``where`` is
    a mask of rows and-ed to the sample; ``within`` interacts every fixed effect with codes.
    Other estimators than least squares give the coefficients they have; ``fit.alone`` says
    why that is the treatment's alone.
``bench.sample(cell)``
    The rows and arrays of a cell, cut as for its regression (rows, ``Task``).
``bench.numbers(expression, cell)``, ``bench.condition(expression, cell)``
    Columns on all rows, under the cell's variants.
``bench.treatment(cell)``, ``bench.outcome(cell)``, ``bench.cohort(cell)``, ``bench.periods``
    The same for what the cell is made of; cohort and periods are in periods (NaN: never).
``bench.label(text)``
    The display text of a term, from [labels].

Warnings: ``Caution("serious" | "note", "code", "One sentence.")``; serious ones stand on the
first screen of every output (``specdid._records.cautions``).

Tables: ``specdid.tables._base`` (TidyTable, PrintTable, Row) and ``_print`` here (how
numbers are written). Charts: ``Chart(figure, data)`` names a module of ``specdid/figures/``
with ``FIGURE = FigureKind(name, title, data=None or callable, draw)``; ``draw(data, width)`` gives a
matplotlib Figure; ``data`` is frozen and defined in the figure's module.

Files: ``<kind>_<name>`` with other characters than letters, digits, - as ``_``, then a
table's or chart's ``suffix``, then ``.csv``, ``.tex``, ``.pdf``, ``.png``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specdid._decode.table import Table
from specdid._diagnostics import Fault
from specdid._records import Caution as Caution
from specdid.analyses._bench import Bench as Bench
from specdid.analyses._cells import Cell as Cell
from specdid.analyses._cells import Cells as Cells
from specdid.analyses._coefficients import CellFit as CellFit
from specdid.analyses._derive import Extra as Extra
from specdid.analyses._request import Request as Request
from specdid.tables._base import TidyTable


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure of the figures shelf with its data; ``suffix`` as in TidyTable.

    ``told``: captions have the suffix too, since the figure's title does not say it.
    """

    figure: str
    data: Any = field(repr=False)
    suffix: str = ""
    told: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What an analysis found.

    Attributes
    ----------
    tables, charts : files
    warnings : what a reader must know; without a place, so that the table's name becomes it
    lines : Markdown for the summary, under a heading of the analysis
    """

    tables: tuple[TidyTable, ...] = ()
    charts: tuple[Chart, ...] = ()
    warnings: tuple[Caution, ...] = ()
    lines: tuple[str, ...] = ()


def _never(values: Mapping[str, object]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a table of section 7 gave: its finding, or why there is none.

    ``kind`` and ``name`` are those of the table, ``stem`` is the name of its files, ``heading`` that in the summary.
    """

    kind: str
    name: str | None
    stem: str
    heading: str
    finding: Finding = field(repr=False)
    failure: str | None = None


def _nothing(bench: Bench, request: Request) -> Iterable[Fault]:
    return ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """A declaration that can be read, and checked against data, without estimating.

    ``drawn``: it has a figure. ``permutes``: it moves [inference] assign. ``dates`` says of its
    table's values whether it asks when units adopt.
    """

    name: str
    title: str
    decode: Callable[[Table], Any]
    run: Callable[[Bench, Request], Finding]
    check: Callable[[Bench, Request], Iterable[Fault]] = _nothing
    doc: str = ""
    drawn: bool = True
    permutes: bool = False
    dates: Callable[[Mapping[str, object]], bool] = _never

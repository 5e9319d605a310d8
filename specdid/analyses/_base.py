"""How to write an analysis: the contract of the shelf.

An analysis is one module ``specdid/analyses/<kind>.py`` that declares ``ANALYSIS``; the
word is the table's name in the spec file ([event_study], [event_study."by batch"]).
``table.py`` is a short one of ours, ``event_study.py`` a long one. A whole one,
``specdid/analyses/example_count.py``::

    # Counts the columns that an analysis would have.
    from specdid import _plugins
    from specdid._format import Key, NumberValue
    from specdid._plugins import Own
    from specdid._words import later
    from specdid.analyses._base import Analysis, Caution, Chart, Finding
    from specdid.tables._base import PrintTable, Row, TidyTable

    KEYS = (Key("from", NumberValue("0 or more", whole=True, least=0), "The first number.", "1", 0),)


    def decode(found, table):
        return found["from"]


    def check(bench, request):
        yield from ()  # what only the data can tell; `specdid check` runs it too


    def run(bench, request):
        cells = bench.cells(request)
        fits = [bench.fit(cell) for cell in cells]
        numbers = [request.config + k for k, fit in enumerate(fits) if fit.failure is None]
        rows = tuple(Row(f"column {k}", (str(n),)) for k, n in enumerate(numbers))
        table = TidyTable(("column", "n"), tuple(enumerate(numbers)), PrintTable("Example count", ("n",), (rows,)))
        chart = Chart("example_dots", _plugins.load("figures", "example_dots").data(numbers))
        said = (Caution("note", "example", "The example was here."), *cells.notes)
        return Finding((table,), (chart,), said, ("EXAMPLE LINE",))


    ANALYSIS = Analysis("example_count", "Example count", decode, run, check, KEYS)

    OWN = Own(
        zh={"an example was here": "示例在此"},
        zh_kept={
            "Example count": "示例计数",
            "Example count: {name}": "示例计数：{name}",
            "The example was here.": "示例在此。",
        },
        clauses={"example": later("an example was here")},
        meanings={
            "files.example_count": {"column": "A column's number, from 0 on."},
            "warnings": {"example": "The example was here."},
        },
        example="from = 3",
    )

**OWN** is what readers are told of it alone (``specdid._plugins.Own``): Chinese beside its English, meanings of its
columns and codes, and keys for the conformance tests.

**KEYS** describe what the table takes beside ``fix`` and ``vary`` (``specdid._format``): reading, unknown and
misspelt keys, the JSON Schema and the manual follow them. **decode** gets their values by name, a key's default
where it is not written or wrong, and says what two keys together cannot be: ``table.log.add`` notes a fault at an
item's ``origin`` or ``key``. Names in expressions are checked against the data. Return a config even where
something is wrong: the faults stop the run. A list (``Many``) comes as a tuple without wrong values and repetitions.

**check** gives located faults (``fault_at``); ``request.origin("window")`` and
``request.key("window")`` say where a key's value and the key stand; ``request.origin("periods", "[2]")`` is that of the
third value as written, which need not be the config's third (above).

**dates** says of the table's values, as written, whether the analysis asks when units adopt: then a cohort that differs
from the treatment is an error and no warning, and gaps between the periods of the data are said.

**run** may raise: an analysis that fails is a message, never the end of the run. It must
give the same numbers for any number of workers; draws are seeded from ``bench.study.seed``
and their own index.

What a ``Bench`` offers (below):

``bench.cells(request)``
    The columns of the analysis: [preferred] once per outcome, moved by ``fix`` and
    ``vary``, last fastest. A ``Cell`` has ``labels`` by dimension; ``cells.heading(cell)``
    are those that differ, ``cells.varying`` the dimensions, ``cells.notes`` what was left
    out and why.
``bench.fit(cell, extra=…, treatment=…, outcome=…, controls=…, where=…, within=…, joint=…)``
    A regression in full (``_fit.CellFit``): ``fit.failure`` is None or the reason there are no numbers;
    ``fit.coefficient(term)``, ``fit.combine(weights)``, ``fit.wald(weights)``. ``extra``
    are ``Extra(label, numbers)``, columns on all rows of the panel; ``treatment``,
    ``outcome`` replace the cell's; ``controls=False`` leaves its controls out; ``where`` is
    a mask of rows and-ed to the sample, whose matches and their weights stay those made of the whole sample;
    ``within`` interacts every fixed effect with codes. ``fit.rows`` are the rows of the panel that are counted
    (``fit.nobs``): of estimators by changes (lpdid, csdid, did_multiplegt_dyn) what they mark in ``Estimate.keep``,
    and numbers may depend on rows beside these, from which changes are taken.
    Other estimators than least squares give the coefficients they have; ``fit.alone`` says
    why that is the treatment's alone.
``bench.sample(cell)``
    The rows and arrays of a cell, cut as for its regression (rows, ``Task``).
``bench.numbers(expression, cell)``, ``bench.condition(expression, cell)``
    Columns on all rows, under the cell's variants.
``bench.treatment(cell)``, ``bench.outcome(cell)``, ``bench.cohort(cell)``, ``bench.periods``
    The same for what the cell is made of; cohort and periods are in periods (NaN: never).
``bench.period_names(cell)``
    These as the data write them, by number: 201301 for the 13th month; without a cell those of the panel alone.
``bench.curve``
    The specifications of the run, where it estimated a curve: ``curve.cells(places)``, ``curve.results``.
``bench.label(text)``
    The display text of a term, from [labels].

Warnings: ``Caution("serious" | "note", "code", "One sentence.")``; serious ones stand on the
first screen of every output (``specdid._records.cautions``). Nothing else of an analysis is in words in summary.md,
which links its files, or says why it could not be run; ``Finding.lines`` go to details.md and the report. The
message, the third argument, is one string or f-string, written out in the call or assigned to a name in the same
function: a whole sentence for each variant, never put together of parts. Only so does tests/test_words.py pair it
with its Chinese in ``OWN.zh_kept``, where a number is ``{n}``, other text ``{term}``, and ``many(n, "unit", "are")`` is
``{n} ‹unit is|units are›``.

Tables: ``specdid.tables._base`` (TidyTable, PrintTable, Row) and ``_words`` here (how
numbers are written). Charts: ``Chart(figure, data)`` names a module of ``specdid/figures/``
with ``FIGURE = FigureKind(name, title, data, draw)`` (``specdid.figures._base``); ``data`` is frozen and defined in the
figure's module.

Files: ``<kind>_<name>`` with other characters than letters, digits, - as ``_``, then a
table's or chart's ``suffix``, then ``.csv``, ``.tex``, ``.pdf``, ``.png``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault
from specdid._format import FIX, VARY, Key, TableKeys
from specdid._plan import Plan
from specdid._records import Caution as Caution
from specdid._records import Results
from specdid._study import Core, Expression, Study
from specdid._words import say, say_choice
from specdid.analyses._cells import Cell as Cell
from specdid.analyses._cells import Cells as Cells
from specdid.analyses._cells import Request as Request
from specdid.analyses._cells import headed, make_cells
from specdid.analyses._fit import CellFit as CellFit
from specdid.analyses._fit import Extra as Extra
from specdid.analyses._fit import derive, fit_cell
from specdid.engine.compile import Compiled
from specdid.engine.one_by_one import make_task, rows_for
from specdid.engine.store import Store
from specdid.estimators._base import Task
from specdid.figures._curve_data import Breakdowns
from specdid.language import bind, relabel
from specdid.language.tree import Node, chain
from specdid.panel import Evaluator, Panel, period_names
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
    lines : Markdown for details.md and the report, under a heading of the analysis
    breakdowns : what the figure of the curve shows below it of every specification
    """

    tables: tuple[TidyTable, ...] = ()
    charts: tuple[Chart, ...] = ()
    warnings: tuple[Caution, ...] = ()
    lines: tuple[str, ...] = ()
    breakdowns: Breakdowns | None = field(default=None, repr=False)


def _never(values: Mapping[str, object]) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Analysed:
    """What an analysis's table gave: its finding, or why there is none.

    ``kind`` and ``name`` are those of the table, ``stem`` is the name of its files, ``heading`` that in details.md.
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

    ``permutes``: it moves [inference] assign. ``dates`` says of its table's values whether it asks when units adopt.
    """

    name: str
    title: str
    decode: Callable[[Mapping[str, Any], Table], Any]
    run: Callable[[Bench, Request], Finding]
    check: Callable[[Bench, Request], Iterable[Fault]] = _nothing
    keys: tuple[Key, ...] = ()
    needs: tuple[tuple[tuple[str, ...], str], ...] = ()
    doc: str = ""
    permutes: bool = False
    dates: Callable[[Mapping[str, object]], bool] = _never

    @property
    def form(self) -> TableKeys:
        """The format of its table: its own keys, and those of its columns."""
        doc = self.doc or f"{self.title}."
        return TableKeys(self.name, f"[{self.name}]", doc, (*self.keys, FIX, VARY), needs=self.needs)


def _treatments(study: Study) -> dict[str, str]:
    """Return the labels of treatments by their terms, of terms that only one option has."""
    terms = [option.term.text for option in study.treatment]
    named = zip(terms, study.treatment, strict=True)
    return {term: option.label for term, option in named if option.label and terms.count(term) == 1}


@dataclass(frozen=True, slots=True)
class Estimated:
    """The curve of the run, for analyses of every specification."""

    plan: Plan = field(repr=False)
    compiled: Compiled = field(repr=False)
    results: Results = field(repr=False)

    def cells(self, places: Ints) -> Iterator[Cell]:
        """Return the specifications at these places of the plan, none of them excluded, as cells."""
        member = {int(place): m for m, place in enumerate(self.compiled.members.index)}
        for place in places.tolist():
            labels = {
                d.name: d.labels[c] for d, c in zip(self.plan.dimensions, self.plan.codes[place].tolist(), strict=True)
            }
            yield Cell(labels, place, member[place], place == self.plan.preferred, self.plan, self.compiled)


@dataclass(frozen=True, slots=True)
class Bench:
    """A study with its data, for the analyses; ``jobs``, ``backend`` and what ``store`` has may not change a number.

    ``curve`` is what the run estimated, None where an analysis is checked or run alone.
    """

    study: Study
    panel: Panel = field(repr=False)
    evaluator: Evaluator = field(repr=False)
    jobs: int = 1
    backend: str = "serial"
    store: Store | None = field(default=None, repr=False)
    curve: Estimated | None = field(default=None, repr=False)

    @property
    def periods(self) -> Ints | None:
        """The period of each row, None where the study has no time."""
        return self.panel.periods

    def period_names(self, cell: Cell | None = None) -> dict[float, str]:
        """Return periods as the data write them, by number and in order: the panel's, with the cohorts of ``cell``."""
        written = None
        if cell is not None:
            written = cell.plan.grid.treatments[int(cell.plan.codes[cell.place, Core.TREATMENT])].cohort
        return period_names(self.panel, None if written is None or cell is None else self.numbers(written, cell))

    def label(self, text: str) -> str:
        """Return the display text of a term, a sum of terms or a label, from [labels].

        A treatment without one there is called what its option is, so that it has one name in all tables.
        """
        return relabel(text, {**_treatments(self.study), **self.study.labels})

    @property
    def errors(self) -> str:
        """Say below a figure which standard errors it has: the first vcov's label, or what it clusters by."""
        vcov = self.study.vcov[0]
        return self.label(vcov.name.removeprefix("~"))

    def dimension(self, name: str) -> str:
        """Return what options are of as readers know it, by [labels] or by its own name in words."""
        words = name.replace("_", " ")
        found = self.label(words)
        return found if found != words else say_choice(name)

    def option(self, dimension: str, label: str) -> str:
        """Return the display text of an option; the empty set of controls is called none."""
        if (dimension, label) == ("controls", "1"):
            return self.label("none") if "none" in self.study.labels else say("none")
        return self.label(label)

    def heading(self, dimension: str, label: str) -> str:
        """Return an option's text where nothing beside it says of which dimension it is."""
        return headed(dimension, label, self.study.labels)

    def cells(self, request: Request) -> Cells:
        """Return the columns of an analysis; raises SpecError where they cannot be planned."""
        return make_cells(request, self.panel, self.evaluator)

    def part(self, places: Ints, most: int) -> Ints:
        """Return places of the curve, a seeded random part in order where they are more than ``most``."""
        if len(places) <= most:
            return places
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.study.seed, most])))
        return np.sort(rng.choice(places, most, replace=False))

    fit = staticmethod(fit_cell)

    def sample(
        self,
        cell: Cell,
        extra: Sequence[Extra] = (),
        treatment: Extra | None = None,
        outcome: Extra | None = None,
        controls: bool = True,
        where: NDArray[np.bool_] | None = None,
    ) -> tuple[Ints, Task]:
        """Return the rows of a cell's regression and its arrays on them."""
        problem, one = derive(cell, extra, treatment, outcome, controls, where)
        compiled = cell.compiled
        options = cell.plan.grid.estimators[compiled.method[cell.member]].options
        cut = rows_for(problem, one, 0, _plugins.load("estimators", cell.method), options)
        cohort = int(compiled.cohort[cell.member])
        return cut.rows, make_task(problem, one, 0, cut, options, cohort, compiled.time)

    def numbers(self, expression: Expression | Node, cell: Cell) -> Floats:
        """Evaluate an expression on all rows, under the cell's variants."""
        tree = expression.tree if isinstance(expression, Expression) else expression
        return self.evaluator.numbers(bind(tree, cell.setting.scope))

    def condition(self, expression: Expression | Node, cell: Cell) -> NDArray[np.bool_]:
        """Evaluate a condition on all rows, NA is False."""
        tree = expression.tree if isinstance(expression, Expression) else expression
        return self.evaluator.condition(bind(tree, cell.setting.scope))

    def codes(self, names: Expression | Node, cell: Cell) -> Ints:
        """Return the joint levels of columns joined by ``+`` from 0, -1 missing, on all rows."""
        tree = names.tree if isinstance(names, Expression) else names
        return self.evaluator.codes(tuple(bind(node, cell.setting.scope) for node in chain(tree, "+")))

    def in_sample(self, cell: Cell) -> NDArray[np.bool_]:
        """Mark the rows of the cell's sample, missing values not yet dropped."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.rows[compiled.members.rows[cell.member]])

    def treatment(self, cell: Cell) -> Floats:
        """Return the treatment term on all rows."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.values[:, compiled.members.treatment[cell.member]])

    def outcome(self, cell: Cell) -> Floats:
        """Return the outcome on all rows."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.values[:, compiled.members.outcome[cell.member]])

    def weights(self, cell: Cell) -> Floats | None:
        """Return the weights on all rows, None where there are none."""
        column = int(cell.compiled.members.weights[cell.member])
        return np.asarray(cell.compiled.problem.values[:, column]) if column >= 0 else None

    def controls(self, cell: Cell) -> tuple[Extra, ...]:
        """Return the cell's controls (with, controls, add) on all rows."""
        compiled = cell.compiled
        start, stop = compiled.members.start[cell.member : cell.member + 2]
        columns = compiled.members.controls[start:stop].tolist()
        return tuple(Extra(compiled.problem.labels[c], compiled.problem.values[:, c]) for c in columns)

    def cohort(self, cell: Cell) -> Floats | None:
        """Return the first treated period of each row, NaN never treated; None without a cohort."""
        column = int(cell.compiled.cohort[cell.member])
        return np.asarray(cell.compiled.problem.values[:, column]) if column >= 0 else None

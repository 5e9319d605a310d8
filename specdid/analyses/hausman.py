"""[hausman]: fixed and random unit effects side by side, and the tests between them.

The classical test (Hausman 1978) and beside it the cluster-robust one in Mundlak's form,
which panels with serially correlated errors need. Rows are complete cases, each counts
once, units observed once included, as in R's plm.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._plan.expand import base_scope
from specdid._study import Expression
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Extra, Finding, Request
from specdid.analyses._dimensions import not_read
from specdid.analyses._hausman_tables import Column, lines, tidy_terms, tidy_tests, warnings
from specdid.analyses._random_effects import both_effects, hausman, mundlak
from specdid.engine.problem import Floats, Ints
from specdid.language import Scope, Term, bind, expand, terms
from specdid.language.tree import Node

IID = Caution(
    "note", "assumes_iid",
    "the classical test assumes independent errors of equal variance, which yearly data of units rarely "
    "have; the cluster-robust version beside it does not",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Config:
    """``controls`` is the whole right-hand side; None: the treatment and the controls of the cell."""

    controls: Expression | None


def decode(table: Table) -> Config:
    """Read the right-hand side."""
    return Config(table.expression("controls", "terms"))


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find a study without units, choices without effect, and a right-hand side that cannot be compared."""
    if bench.panel.unit_codes is None:
        message = "[hausman] compares effects of units, and the study declares no unit"
        yield fault_at(request.table.origin, None, "no_unit", message, 'write unit = "…" in [study]')
        return
    unused = "it compares least squares with fixed and with random effects of the unit"
    yield from not_read(request, ("fixed_effects", "weights", "estimator"), unused)
    written = request.config.controls
    if written is not None:
        why = "`controls` here is the whole right-hand side"
        yield from not_read(request, ("treatment", "controls"), why)
        yield from _right_side(bench, written)


def _right_side(bench: Bench, written: Expression) -> Iterator[Fault]:
    """Find a right-hand side that branches, or of which nothing varies within units."""
    found = expand(written.tree, _macros(bench), tuple(bench.panel.columns), 1.0)
    if len(found) > 1:
        message = f"`{written.text}` stands for {len(found)} right-hand sides, but one is needed here"
        help_ = 'leave `controls` out and write vary = ["controls"]'
        yield fault_at(written.origin, None, "branches", message, help_)
        return
    columns = _columns(bench, terms(found[0]).terms, base_scope(bench.study, tuple(bench.panel.columns)))
    if not any(_varies(column.numbers, bench.panel.unit_codes) for column in columns):
        message = f"nothing in `{written.text}` varies within {bench.panel.unit}: fixed effects take all of it"
        yield fault_at(written.origin, written.tree.span, "constant_within", message)


def _macros(bench: Bench) -> dict[str, Node]:
    return {name: e.tree for name, e in bench.study.macros.items()}


def _columns(bench: Bench, found: Sequence[Term], scope: Scope) -> tuple[Extra, ...]:
    """Evaluate terms on all rows; a factor is several columns."""
    distinct = {term.key: term for term in reversed(found)}
    kept = [term for term in found if distinct[term.key] is term]
    coded = [bench.evaluator.term(tuple(bind(f, scope) for f in term.factors)) for term in kept]
    return tuple(Extra(column.label, column.numbers) for columns in coded for column in columns)


def _varies(numbers: Floats, units: Ints | None) -> bool:
    """Tell whether a column takes several values within any of the groups."""
    known = np.isfinite(numbers) & (True if units is None else units >= 0)
    if units is None or not known.any():
        return False
    count = int(units.max()) + 1
    least, most = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(least, units[known], numbers[known])
    np.maximum.at(most, units[known], numbers[known])
    return bool((most > least).any())


def run(bench: Bench, request: Request) -> Finding:
    """Compare both estimators for every outcome, and whatever else is varied."""
    cells = bench.cells(request)
    columns = [_compare(bench, request, cells, cell) for cell in cells]
    title = request.table.name or ANALYSIS.title
    alpha = bench.study.inference.alpha
    tables = (tidy_terms(columns, title, bench.label), tidy_tests(columns, title))
    assumed = (IID,) if any(c.effects is not None for c in columns) else ()
    found = (*assumed, *warnings(columns, alpha), *_unread(cells), *cells.notes)
    return Finding(tables, (), tuple(dict.fromkeys(found)), tuple(lines(columns, alpha)))


def _unread(cells: Cells) -> Iterator[Caution]:
    """Say which weights and absorbed effects of the columns are not in the test."""
    settings = [cell.plan.grid.settings[int(cell.plan.setting[cell.place])] for cell in cells]
    if any(s.absorb for s in settings):
        said = "effects that variants absorb are not in it; write them into `controls`, as in i(year)"
        yield Caution("note", "not_read", said)
    if any(int(cell.compiled.members.weights[cell.member]) >= 0 for cell in cells):
        yield Caution("note", "not_read", "it takes no weights: every row counts once")


def _compare(bench: Bench, request: Request, cells: Cells, cell: Cell) -> Column:
    """Estimate one comparison on its complete rows."""
    right = _right_hand_side(bench, request.config, cell)
    y, X = bench.outcome(cell), np.column_stack([e.numbers for e in right])
    units = bench.panel.unit_codes
    assert units is not None
    rows = bench.in_sample(cell) & np.isfinite(y) & np.isfinite(X).all(axis=1) & (units >= 0)
    labels, heading = _labels(request, cell), cells.shown(cell)
    names = tuple(e.label for e in right)
    if not rows.any():
        return Column(labels, heading, names, 0, 0, False, "no row is complete in every variable")
    y, X = y[rows], X[rows]
    unit = np.unique(units[rows], return_inverse=True)[1].reshape(-1)
    lengths = np.bincount(unit)
    size = len(y), len(lengths), bool((lengths == lengths[0]).all())
    effects = both_effects(y, X, unit)
    if isinstance(effects, str):
        return Column(labels, heading, names, *size, effects)
    periods = None if bench.periods is None else bench.periods[rows]
    tested = np.array([periods is None or _varies(x, periods - periods.min()) for x in X.T])
    tests = hausman(effects, tested), mundlak(y, X, unit, effects.theta, tested)
    untested = tuple(n for n, yes in zip(names, tested, strict=True) if not yes)
    return Column(labels, heading, names, *size, "", effects, *tests, untested)


def _right_hand_side(bench: Bench, config: Config, cell: Cell) -> tuple[Extra, ...]:
    """Return the columns of the written right-hand side with what variants add, or those of the cell."""
    if config.controls is None:
        return (Extra(cell.labels["treatment"], bench.treatment(cell)), *bench.controls(cell))
    setting = cell.plan.grid.settings[int(cell.plan.setting[cell.place])]
    (node,) = expand(config.controls.tree, _macros(bench), tuple(bench.panel.columns), 1.0)
    return _columns(bench, (*terms(node).terms, *setting.add), setting.scope)


def _labels(request: Request, cell: Cell) -> dict[str, str]:
    """Return the labels of what the comparison reads."""
    unread = {"fixed_effects", "weights", "estimator"}
    found = {name: label for name, label in cell.labels.items() if name not in unread}
    if request.config.controls is not None:
        del found["treatment"]
        found["controls"] = request.config.controls.text
    return found


ANALYSIS = Analysis("hausman", "Fixed against random effects", decode, run, check, drawn=False)

"""What an analysis works with: the study, its panel, its columns and their regressions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from specdid._study import Expression, Study
from specdid.analyses._cells import Cell, Cells, headed, make_cells
from specdid.analyses._coefficients import CellFit
from specdid.analyses._derive import Extra, derive
from specdid.analyses._fit import fit_cell
from specdid.analyses._request import Request
from specdid.engine.problem import Floats, Ints
from specdid.engine.store import Store
from specdid.engine.tasks import cut_rows, make_task
from specdid.estimators._base import Task
from specdid.language import bind, relabel
from specdid.language.tree import Node, chain
from specdid.panel import Evaluator, Panel


@dataclass(frozen=True, slots=True)
class Bench:
    """A study with its data, for the analyses; ``jobs``, ``backend`` and what ``store`` has may not change a number."""

    study: Study
    panel: Panel = field(repr=False)
    evaluator: Evaluator = field(repr=False)
    jobs: int = 1
    backend: str = "serial"
    store: Store | None = field(default=None, repr=False)

    @property
    def periods(self) -> Ints | None:
        """The period of each row, None where the study has no time."""
        return self.panel.periods

    def label(self, text: str) -> str:
        """Give the display text of a term, a sum of terms or a label, from [labels]."""
        return relabel(text, self.study.labels)

    @property
    def errors(self) -> str:
        """Say below a figure which standard errors it has: the first vcov's label, or what it clusters by."""
        vcov = self.study.vcov[0]
        return self.label((vcov.label or vcov.text).removeprefix("~"))

    def option(self, dimension: str, label: str) -> str:
        """Give the display text of an option; the empty set of controls is called none."""
        return self.label("none" if (dimension, label) == ("controls", "1") else label)

    def heading(self, dimension: str, label: str) -> str:
        """Give an option's text where nothing beside it says of which dimension it is."""
        return headed(dimension, label, self.study.labels)

    def headings(self, cells: Cells, cell: Cell) -> str:
        """Give a column's name in one line, as it is printed."""
        return cells.shown(cell)

    def cells(self, request: Request) -> Cells:
        """Give the columns of an analysis; raises SpecError where they cannot be planned."""
        return make_cells(request, self.panel, self.evaluator)

    def fit(
        self,
        cell: Cell,
        extra: Sequence[Extra] = (),
        treatment: Extra | None = None,
        outcome: Extra | None = None,
        controls: bool = True,
        where: NDArray[np.bool_] | None = None,
        within: Ints | None = None,
        joint: bool = False,
    ) -> CellFit:
        """Estimate a cell, with columns and rows of the analysis's own.

        ``joint``: where the treatment is not identified, and others are, it is empty and no failure.

        Raises
        ------
        ValueError
            The cell's estimator is not least squares and columns are given.
        """
        return fit_cell(cell, extra, treatment, outcome, controls, where, within, joint)

    def sample(
        self,
        cell: Cell,
        extra: Sequence[Extra] = (),
        treatment: Extra | None = None,
        outcome: Extra | None = None,
        controls: bool = True,
        where: NDArray[np.bool_] | None = None,
    ) -> tuple[Ints, Task]:
        """Give the rows of a cell's regression and its arrays on them."""
        problem, one = derive(cell, extra, treatment, outcome, controls, where)
        rows = cut_rows(problem, one, 0).rows
        compiled = cell.compiled
        cohort = int(compiled.cohort[cell.member])
        options = cell.plan.grid.estimators[compiled.method[cell.member]].options
        return rows, make_task(problem, one, 0, rows, options, cohort, compiled.time)

    def numbers(self, expression: Expression | Node, cell: Cell) -> Floats:
        """Evaluate an expression on all rows, under the cell's variants."""
        tree = expression.tree if isinstance(expression, Expression) else expression
        return self.evaluator.numbers(bind(tree, cell.plan.grid.settings[self._setting(cell)].scope))

    def condition(self, expression: Expression | Node, cell: Cell) -> NDArray[np.bool_]:
        """Evaluate a condition on all rows, NA is False."""
        tree = expression.tree if isinstance(expression, Expression) else expression
        return self.evaluator.condition(bind(tree, cell.plan.grid.settings[self._setting(cell)].scope))

    def codes(self, names: Expression | Node, cell: Cell) -> Ints:
        """Give the joint levels of columns joined by ``+`` from 0, -1 missing, on all rows."""
        tree = names.tree if isinstance(names, Expression) else names
        scope = cell.plan.grid.settings[self._setting(cell)].scope
        return self.evaluator.codes(tuple(bind(node, scope) for node in chain(tree, "+")))

    def _setting(self, cell: Cell) -> int:
        return int(cell.plan.setting[cell.place])

    def in_sample(self, cell: Cell) -> NDArray[np.bool_]:
        """Mark the rows of the cell's sample, missing values not yet dropped."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.rows[compiled.members.rows[cell.member]])

    def treatment(self, cell: Cell) -> Floats:
        """Give the treatment term on all rows."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.values[:, compiled.members.treatment[cell.member]])

    def outcome(self, cell: Cell) -> Floats:
        """Give the outcome on all rows."""
        compiled = cell.compiled
        return np.asarray(compiled.problem.values[:, compiled.members.outcome[cell.member]])

    def weights(self, cell: Cell) -> Floats | None:
        """Give the weights on all rows, None where there are none."""
        column = int(cell.compiled.members.weights[cell.member])
        return np.asarray(cell.compiled.problem.values[:, column]) if column >= 0 else None

    def controls(self, cell: Cell) -> tuple[Extra, ...]:
        """Give the cell's controls (with, controls, add) on all rows."""
        compiled = cell.compiled
        start, stop = compiled.members.start[cell.member : cell.member + 2]
        columns = compiled.members.controls[start:stop].tolist()
        return tuple(Extra(compiled.problem.labels[c], compiled.problem.values[:, c]) for c in columns)

    def cohort(self, cell: Cell) -> Floats | None:
        """Give the first treated period of each row, NaN never treated; None without a cohort."""
        column = int(cell.compiled.cohort[cell.member])
        return np.asarray(cell.compiled.problem.values[:, column]) if column >= 0 else None

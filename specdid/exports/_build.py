"""From one specification of a plan to a Script, by the engine's own recipes for columns and matched samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._plan import Plan, PlanStatus
from specdid._plan.records import EstimatorChoice, MatchChoice, MatchSettings
from specdid._programs.script import Errors, Levels, MatchedUnits, Script
from specdid._study import Core
from specdid.engine.columns import Recipe
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.execute import run
from specdid.engine.matched import MatchRecipe, match_rows
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full
from specdid.engine.rows import cut_rows
from specdid.engine.scores import missing_clusters
from specdid.estimators._base import Estimator
from specdid.exports._program import ProgramColumns
from specdid.language import bind, write
from specdid.language.tree import Constant, Node
from specdid.panel import Column, Evaluator, Panel

SMALL, LARGE = 1e-2, 1e3
"""A column whose values or spread lie outside is scaled before pyfixest, which works to absolute tolerances."""


def make_script(
    plan: Plan, panel: Panel, evaluator: Evaluator, place: int, data: str | None = None, about: Sequence[str] = ()
) -> Script:
    """Lay out the specification at ``place`` of the plan.

    Parameters
    ----------
    place : of a specification that is planned (neither excluded nor a duplicate)
    data : the path that the program opens, by default the panel's, absolute
    about : lines for the program's head
    """
    return _ScriptBuilder(plan, panel, evaluator, place).script(data, tuple(about))


def compile_one(plan: Plan, panel: Panel, evaluator: Evaluator, place: int) -> tuple[Compiled, int]:
    """Compile what the specification at ``place`` needs; return also its position among the members.

    With ``missing = "common"`` its rows depend on all others of its outcome, so all are compiled.
    """
    if plan.study.missing != "common":
        status = np.full(len(plan), PlanStatus.EXCLUDED, np.uint8)
        status[place] = PlanStatus.PLANNED
        plan = replace(plan, status=status)
    compiled = compile_plan(plan, panel, evaluator)
    return compiled, int(np.flatnonzero(compiled.members.index == place)[0])


class _ScriptBuilder:
    def __init__(self, plan: Plan, panel: Panel, evaluator: Evaluator, place: int) -> None:
        self.plan, self.panel, self.place = plan, panel, place
        self.compiled, self.s = compile_one(plan, panel, evaluator, place)
        self.codes = plan.codes[place].tolist()
        self.setting = plan.grid.settings[int(plan.setting[place])]
        self.program = ProgramColumns(panel, evaluator)
        self.matched: MatchedUnits | None = None

    def script(self, data: str | None, about: tuple[str, ...]) -> Script:
        members, s, program, grid = self.compiled.members, self.s, self.program, self.plan.grid
        where, unit, time = self._rows(), self._panel_key(self.panel.unit), self._panel_key(self.panel.time)
        outcome, treatment = (self._value(int(c[s])) for c in (members.outcome, members.treatment))
        beside = [int(c) for c in members.controls_of(s)]
        controls = tuple(self._value(c) for c in beside if c not in self.compiled.problem.offsets)
        offsets = [self._value(c) for c in beside if c in self.compiled.problem.offsets]
        instruments = tuple(self._value(int(c)) for c in members.instruments_of(s))
        fixed, slopes = self._effects()
        weight = self._value(int(members.weights[s])) if members.weights[s] >= 0 else None
        every = tuple(self._errors())
        estimator = grid.estimators[self.codes[Core.ESTIMATOR]]
        declared = _plugins.load("estimators", estimator.method)
        cohort = self._value(int(self.compiled.cohort[s])) if declared.cohort else None
        levels = [f for e in (*fixed, *(e for e, _ in slopes)) for f in e.factors]
        likelihood = declared.likelihood
        unknown = {(e.kind, e.rule) for e in every if likelihood and (e.kind, e.rule) == ("iid", "reghdfe")}
        errors = tuple(e for e in every if e.rule in declared.ssc and (e.kind, e.rule) not in unknown)
        about += tuple(
            f"{e.label}: no standard error, {declared.title} does not offer this small-sample correction"
            for e in every
            if e not in errors
        )
        later = controls if declared.changes else ()
        offset = program.sum(offsets)
        named = [
            outcome,
            treatment,
            *controls,
            *instruments,
            *([offset] if offset else []),
            *(x for _, x in slopes),
            *([weight] if weight else []),
        ]
        named = [name for name in named if name not in later or name in (outcome, treatment)]
        clusters = [c for e in every for c in e.clusters]
        complete = tuple(dict.fromkeys([*named, *levels, *clusters, *self._common()]))
        used = [int(members.outcome[s]), int(members.treatment[s]), *members.controls_of(s).tolist()]
        used += members.instruments_of(s).tolist()
        return Script(
            (*about, *self._missing().values()),
            program.source(data),
            unit,
            time,
            self.panel.step,
            _last(self.panel),
            self.panel.never.values,
            tuple(program.steps),
            where,
            self.matched,
            complete,
            later,
            outcome,
            treatment,
            controls,
            offset,
            fixed,
            slopes,
            weight,
            errors,
            estimator.method,
            self._options(declared, estimator),
            likelihood,
            cohort,
            bool(slopes) or any(map(_odd_size, self._numbers(used[1:] if likelihood else used))),
            dict(program.labels),
            self._kept(instruments),
        )

    def _kept(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Leave out instruments that are combinations of others, at which programs stop or drop another one."""
        if not names:
            return names
        fits = run(self.compiled.problem, self.compiled.members.take(np.array([self.s])))
        columns = self.compiled.members.instruments_of(self.s).tolist()
        return tuple(n for n, c in zip(names, columns, strict=True) if c not in fits.dropped.get(0, ()))

    def _options(self, declared: Estimator, chosen: EstimatorChoice) -> dict[str, object]:
        """Return every option, those left out as they come out: by default, or as the estimator chose."""
        options = {o.name: o.default for o in declared.settings} | dict(chosen.options)
        asked = [o.name for o in declared.settings if o.found and options[o.name] is None]
        if not asked:
            return options
        c, at = self.compiled, [self.s]
        method = (Method(chosen.method, dict(chosen.options)),)
        work = OneByOneWork(
            c.problem, c.members.take(np.array(at)), method, np.zeros(1, np.int64), c.cohort[at], c.time
        )
        found = fit_in_full(work)[1]
        return options | {name: 0 if found is None else found.in_force[name] for name in asked}

    def _numbers(self, columns: Sequence[int]) -> Iterator[Floats]:
        for column in columns:
            yield self.compiled.problem.values[:, column]

    def _panel_key(self, name: str | None) -> str | None:
        return None if name is None else self.program.data_column(name)

    def _value(self, column: int) -> str:
        """Place a column of the engine's values."""
        recipe, label = self.compiled.value_recipes[column], self.compiled.problem.labels[column]
        if recipe.kind == "term":
            return self.program.term(recipe.bounds, recipe.part, label)
        if recipe.kind in ("value", "cohort"):
            return self.program.column(recipe.bounds[0], label)
        return self.program.matching_weight(recipe)

    def _levels(self, code: int) -> Levels:
        recipe = self.compiled.code_recipes[code]
        factors = tuple(self.program.column(b, write(b.node)) for b in recipe.bounds)
        return Levels(factors[0] if len(factors) == 1 else self.program.joint(factors), factors)

    def _effects(self) -> tuple[tuple[Levels, ...], tuple[tuple[Levels, str], ...]]:
        effects = self.compiled.problem.effects[self.compiled.members.effects[self.s]]
        fixed = {code: self._levels(code) for code in effects.fixed}
        slopes = [(fixed.get(code) or self._levels(code), self._value(x)) for code, x in effects.slopes]
        return tuple(fixed.values()), tuple(slopes)

    def _missing(self) -> dict[int, str]:
        problem = self.compiled.problem
        method = self.plan.grid.estimators[self.codes[Core.ESTIMATOR]].method
        changes = _plugins.load("estimators", method).changes
        return missing_clusters(problem, cut_rows(problem, self.compiled.members, self.s, changes).rows)

    def _errors(self) -> Iterator[Errors]:
        """Return the variances that can be had on the specification's rows."""
        missing = self._missing()
        pairs = zip(self.plan.study.vcov, self.compiled.problem.vcovs, strict=True)
        for option, vcov in (pair for v, pair in enumerate(pairs) if v not in missing):
            bounds = [self.compiled.code_recipes[c].bounds[0] for c in vcov.clusters]
            clusters = tuple(self.program.column(b, write(b.node)) for b in bounds)
            yield Errors(option.name, vcov.kind, clusters, vcov.ssc, vcov.distribution)

    def _rows(self) -> tuple[Node, ...]:
        """Return the sample's conditions, and what is matched among them."""
        recipe = self.compiled.row_recipes[self.compiled.members.rows[self.s]]
        match = self.plan.grid.samples[self.codes[Core.SAMPLE]].match
        if match is not None and recipe.match is not None:
            self.matched = matched_units(self.program, match, recipe.match)
        conditions = [bind(n, self.setting.scope) for n in self._conditions()]
        return tuple(self.program.tree(b) for b in conditions)

    def _conditions(self) -> list[Node]:
        nodes = (self.plan.grid.samples[self.codes[Core.SAMPLE]].where, *self.setting.where)
        return [n for n in nodes if n != Constant(True)]

    def _common(self) -> list[str]:
        """Return every variable of the outcome's specifications, where rows must be complete in all."""
        if self.plan.study.missing != "common":
            return []
        members = self.compiled.members
        mine = np.flatnonzero(self.plan.codes[members.index, Core.OUTCOME] == self.codes[Core.OUTCOME])
        effects = [self.compiled.problem.effects[e] for e in np.unique(members.effects[mine])]
        spans = [*(members.controls_of(int(m)) for m in mine), np.array([x for e in effects for _, x in e.slopes], int)]
        columns: Ints = np.unique(
            np.concatenate([members.outcome[mine], members.treatment[mine], members.weights[mine], *spans])
        )
        names = [n for c in columns if c >= 0 for n in self._needed(self.compiled.value_recipes[c], int(c))]
        for e in effects:
            for code in (*e.fixed, *(code for code, _ in e.slopes)):
                bounds = self.compiled.code_recipes[code].bounds
                names += [self.program.column(b, write(b.node)) for b in bounds]
        return names

    def _needed(self, recipe: Recipe, column: int) -> list[str]:
        """Name what must not be missing for a column; matching weights never are."""
        if recipe.kind != "weights":
            return [self._value(column)]
        own = recipe.bounds[len(recipe.match.bounds) :] if recipe.match else ()
        return [self.program.column(b, write(b.node)) for b in own]


def _last(panel: Panel) -> float:
    times = panel.columns[panel.time].numbers if panel.time else None
    return float("nan") if times is None else float(np.nanmax(times))


def _odd_size(values: Floats) -> bool:
    known = values[np.isfinite(values)]
    if not known.size or np.ptp(known) == 0:
        return False
    return bool(np.abs(known).max() > LARGE or known.std() > LARGE or known.std() < SMALL)


def matched_units(program: ProgramColumns, match: MatchChoice, recipe: MatchRecipe) -> MatchedUnits:
    """Match, and write the result as keys and weights: units where each has one weight, else their periods.

    Which units a match takes depends on ties and on the last digits of a score, so that a
    program which matched again in another language could reproduce the paper only by luck.
    """
    panel = program.panel
    weights = match_rows(recipe, panel, program.evaluator).weights
    names = [name for name in (panel.unit, panel.time) if name is not None]
    if panel.unit is not None and (recipe.at is not None or _one_weight(panel.unit_codes, weights)):
        names = names[:1]
    rows = np.flatnonzero(weights > 0)
    columns = [panel.columns[name] for name in names]
    found: dict[tuple[float | str, ...], float] = {}
    for row in rows.tolist():
        key = tuple(_cell(c, row) for c in columns) if panel.unit is not None else (float(panel.row_number(row)),)
        found.setdefault(key, float(weights[row]))
    by = tuple(program.data_column(name) for name in names) if panel.unit is not None else ()
    return MatchedUnits(by, tuple(found), tuple(found.values()), _words(match))


def _one_weight(units: np.ndarray | None, weights: Floats) -> bool:
    """Say whether each unit has one weight, in all of its rows."""
    if units is None:
        return False
    by_unit = np.zeros(int(units.max()) + 1)
    by_unit[units] = weights
    return bool((by_unit[units] == weights).all())


def _cell(column: Column, row: int) -> float | str:
    if column.numbers is not None:
        return float(column.numbers[row])
    assert column.codes is not None
    return column.levels[int(column.codes[row])]


def _words(match: MatchChoice) -> tuple[str, ...]:
    """Say how the sample was matched."""
    lines = [f"{match.method} matching on {' + '.join(t.text for t in match.on)}"]
    if match.treated is not None:
        lines.append(f"treated: {write(match.treated)}")
    lines.append("period by period" if match.at is None else f"on the rows where {write(match.at)}")
    if match.exact:
        lines.append(f"only within equal values of {' + '.join(map(write, match.exact))}")
    honoured = _plugins.load("matching", match.method).settings
    written = [(name, getattr(match.settings, name)) for name in MatchSettings.__slots__ if name in honoured]
    lines.append(", ".join(f"{name} = {value}" for name, value in written if value is not None))
    return tuple(line for line in lines if line)

"""From a specification of a plan to a Script: its columns, each once, by the engine's recipes; matched samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._plan import Plan, PlanStatus
from specdid._plan.records import EstimatorChoice, MatchChoice, MatchSettings
from specdid._programs.names import Namer
from specdid._programs.script import (
    DATE,
    POLY,
    SPLINE,
    DataFile,
    Errors,
    Levels,
    MatchedUnits,
    NewColumn,
    Script,
    WideFile,
)
from specdid._study import Core
from specdid.engine.columns import Recipe
from specdid.engine.compile import Compiled, compile_plan
from specdid.engine.execute import run
from specdid.engine.matched import MatchRecipe, match_rows
from specdid.engine.one_by_one import Method, OneByOneWork, fit_in_full, rows_for
from specdid.engine.scores import missing_clusters
from specdid.estimators._base import Estimate, Estimator
from specdid.language import Bound, argument, bind, referenced, write, written_out
from specdid.language.tree import Argument, Binary, Call, Constant, Name, Node, Number, Text, Unary, joined
from specdid.panel import Column, Evaluator, Panel, SourceFile
from specdid.panel.design import SPLINES, event_levels, listed, second_levels, spline
from specdid.panel.reshape import WideLayout

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
        clusters = [c for e in every for c in e.clusters]
        later = [c for c in controls if c not in (outcome, treatment)] if declared.changes == "controls" else []
        complete = dict.fromkeys([*(n for n in named if n not in later), *levels, *clusters, *self._common()])
        if declared.changes == "outcome":
            held = dict.fromkeys([treatment, *levels])
            later, complete = [n for n in complete if n not in held and n not in clusters], held
        vcovs = self.plan.study.vcov
        without = (f"{vcovs[v].name}: no standard error, {why}" for v, why in self._missing().items())
        if declared.changes and controls and (fitted := self._in_full(estimator)) is not None and fitted.dropped:
            lost = [program.labels.get(controls[j], controls[j]) for j in fitted.dropped]
            about += (f"left out, as combinations of the periods and the other controls: {', '.join(lost)}",)
            controls = tuple(c for j, c in enumerate(controls) if j not in fitted.dropped)
        used = [int(members.outcome[s]), int(members.treatment[s]), *members.controls_of(s).tolist()]
        used += members.instruments_of(s).tolist()
        return Script(
            (*about, *without),
            program.source(data),
            unit,
            time,
            self.panel.step,
            _last(self.panel),
            self.panel.never.values,
            tuple(program.steps),
            where,
            self.matched,
            tuple(complete),
            tuple(later),
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
        found = self._in_full(chosen)
        return options | {name: 0 if found is None else found.in_force[name] for name in asked}

    def _in_full(self, chosen: EstimatorChoice) -> Estimate | None:
        """Fit by an estimator that is fitted one by one."""
        c, at = self.compiled, [self.s]
        method = (Method(chosen.method, dict(chosen.options)),)
        work = OneByOneWork(
            c.problem, c.members.take(np.array(at)), method, np.zeros(1, np.int64), c.cohort[at], c.time
        )
        return fit_in_full(work)[1]

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
        option = self.plan.grid.estimators[self.codes[Core.ESTIMATOR]]
        declared = _plugins.load("estimators", option.method)
        cut = rows_for(problem, self.compiled.members, self.s, declared, option.options)
        return missing_clusters(problem, cut.rows)

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


MATCH_WEIGHT = "match_weight"
ColumnOf = Callable[[Bound], str]
"""Returns the name of a column that holds an expression."""


class ProgramColumns:
    """Names of columns by their content; what a variant redefines gets a name of its own.

    Attributes
    ----------
    steps : columns made so far, in order
    labels : safe name -> the term as written
    """

    def __init__(self, panel: Panel, evaluator: Evaluator) -> None:
        self.panel, self.evaluator = panel, evaluator
        self.steps: list[NewColumn] = []
        self.labels: dict[str, str] = {}
        self._names = Namer([*panel.columns, MATCH_WEIGHT])
        self._data: dict[str, str] = {}
        self._made: dict[str, str] = {}
        self._joint: dict[tuple[str, ...], str] = {}

    def data_column(self, name: str) -> str:
        """Name a column of the data."""
        if name not in self._data:
            self._data[name] = self._names.column(name)
        return self._data[name]

    def column(self, bound: Bound, label: str) -> str:
        """Name the column that holds an expression, making it unless it is there."""
        node = _without_identity(bound.node)
        if isinstance(node, Name) and node.name not in bound.scope.names:
            name = self.data_column(node.name)
        elif bound.digest in self._made:
            name = self._made[bound.digest]
        else:
            self._definitions(bound)
            name = self._made.get(bound.digest) or self._make(bound, write(bound.node))
        self.labels.setdefault(name, label)
        return name

    def term(self, factors: tuple[Bound, ...], part: int, label: str) -> str:
        """Name column ``part`` of a regressor term."""
        key = ":".join((*(f.digest for f in factors), str(part)))
        if key not in self._made:
            coded = self.evaluator.term(factors)
            trees = coded_columns(self.evaluator, factors, lambda b: self.column(b, write(b.node)))
            if len(trees) != len(coded):
                raise RuntimeError(f"`{label}` has {len(coded)} columns, and {len(trees)} in the program")
            tree = trees[part]
            if isinstance(tree, Name):
                self._made[key] = tree.name
            else:
                self._made[key] = self._names.new(coded[part].label)
                self.steps.append(NewColumn(self._made[key], tree, coded[part].label))
        self.labels.setdefault(self._made[key], label)
        return self._made[key]

    def joint(self, factors: tuple[str, ...]) -> str:
        """Name the joint levels of columns."""
        if factors not in self._joint:
            self._joint[factors] = self._names.new("_".join(factors))
        return self._joint[factors]

    def matching_weight(self, recipe: Recipe) -> str:
        """Name a match's weights, times those of the option."""
        own = recipe.bounds[len(recipe.match.bounds) :] if recipe.match else ()
        if not own:
            return MATCH_WEIGHT
        key = f"{MATCH_WEIGHT}:{own[0].digest}"
        if key not in self._made:
            factor = self.column(own[0], write(own[0].node))
            self._made[key] = self._names.new(f"{MATCH_WEIGHT}_{factor}")
            tree = Binary("*", Name(MATCH_WEIGHT), Name(factor))
            self.steps.append(NewColumn(self._made[key], tree, "matching weights, times those of the option"))
        return self._made[key]

    def sum(self, names: Sequence[str]) -> str | None:
        """Name the sum of columns, None where there are none."""
        if len(names) < 2:
            return names[0] if names else None
        self.steps.append(NewColumn(self._names.new("offsets"), joined([Name(n) for n in names]), " + ".join(names)))
        return self.steps[-1].name

    def tree(self, bound: Bound) -> Node:
        """Return an expression over safe names, making what it builds on."""
        self._definitions(bound)
        return self._renamed(bound.node, bound)

    def source(self, path: str | None) -> DataFile:
        """Describe the data file and the columns that the program reads.

        A frame in memory has no file: the program then reads one that is to be saved as data.csv.
        """
        own, *others = self.panel.files
        unit = self._data.get(self.panel.unit or "") if self.panel.unit_columns else None
        parts = tuple(self.data_column(part) for part in self.panel.unit_columns) if unit is not None else ()
        # Of a file that is joined to one that is joined, the keys are columns of that one: the last come first.
        for file in reversed(others):
            if not self._data.keys().isdisjoint(file.columns):
                for ours, _ in file.by:
                    self.data_column(ours)
        joined = tuple(self._file(f, f.by) for f in others if not self._data.keys().isdisjoint(f.columns))
        mine = self._file(own, (), path or (None if own.path else "data.csv"))
        return replace(mine, joined=joined, unit=unit, parts=parts)

    def _file(self, file: SourceFile, by: tuple[tuple[str, str], ...], path: str | None = None) -> DataFile:
        """Describe one file and its columns that are used; ``by`` are keys, first of its columns."""
        kind = "csv" if file.path is None else file.path.suffix.lower().removeprefix(".")
        place = {name: k for k, name in enumerate(self.panel.columns)}
        used = sorted((name for name in self._data if name in file.columns), key=place.__getitem__)
        names = {**dict(by), **{name: file.columns[name] for name in used}}
        columns = {name: self.panel.columns[name] for name in names}
        return DataFile(
            path or str(file.path.resolve() if file.path else ""),
            kind,
            _encoding(file.path) if kind in ("csv", "tsv") else "utf-8",
            file.sha256,
            {self._data[name]: original for name, original in names.items()},
            frozenset(self._data[name] for name, c in columns.items() if c.is_text),
            frozenset(self._data[name] for name, c in columns.items() if c.kind == "date"),
            _wide(file.layout, tuple(names.values())),
            by=tuple(self._data[ours] for ours, _ in by),
            partners=self.panel.n_rows - file.unmatched,
        )

    def _definitions(self, bound: Bound) -> None:
        """Make every derived column an expression builds on, innermost first, without recursing."""
        stack = [(bound, "", False)]
        while stack:
            top, name, complete = stack.pop()
            if complete and top.digest not in self._made:
                self._make(top, name)
            if complete or (name and top.digest in self._made):
                continue
            if name:
                stack.append((top, name, True))
            for inner in reversed(referenced(top.node)):
                definition = top.scope.definition(inner.name)
                if definition is not None and definition.digest not in self._made:
                    stack.append((definition, inner.name, False))

    def _make(self, bound: Bound, text: str) -> str:
        """Make a column whose definitions are there; one that only renames another is that other."""
        tree = _without_identity(self._renamed(bound.node, bound))
        if isinstance(tree, Name):
            self._made[bound.digest] = tree.name
        else:
            self._made[bound.digest] = self._names.new(text)
            expression = write(bound.node)
            written = expression if text == expression else f"{text} = {expression}"
            self.steps.append(NewColumn(self._made[bound.digest], tree, written))
        return self._made[bound.digest]

    def _renamed(self, node: Node, bound: Bound) -> Node:
        match node:
            case Name():
                if node.name in bound.scope.names:
                    return Name(self._made[bind(node, bound.scope).digest])
                return Name(self.data_column(node.name))
            case Unary():
                return Unary(node.operator, self._renamed(node.operand, bound))
            case Binary():
                left, right = self._renamed(node.left, bound), self._renamed(node.right, bound)
                return Binary(node.operator, left, right)
            case Call():
                arguments = tuple(
                    Argument(None if a.value is None else self._renamed(a.value, bound), a.name) for a in node.arguments
                )
                if node.function in ("year", "month", "quarter") and (kind := self._stata_date(node, bound)):
                    return Call(DATE, (*arguments, Argument(Text(node.function)), Argument(Text(kind))))
                return written_out(Call(node.function, arguments))
            case _:
                return node

    def _stata_date(self, call: Call, bound: Bound) -> str:
        """Return the format of a .dta file in which the numbers of a call's argument are dates."""
        column = self.evaluator.evaluation(bound.scope).value(call.arguments[0].value or call)
        return "" if column.is_text else column.kind


def _without_identity(node: Node) -> Node:
    """Take ``I()`` off, which says nothing here."""
    while isinstance(node, Call) and node.function == "I" and node.arguments[0].value is not None:
        node = node.arguments[0].value
    return node


def _wide(layout: WideLayout | None, used: Sequence[str]) -> WideFile | None:
    if layout is None:
        return None
    columns = {name: found for name, found in layout.columns.items() if name in used}
    return WideFile(layout.time, layout.periods, columns, tuple(name for name in layout.kept if name in used))


def _encoding(path: Path | None) -> str:
    """Return the encoding that the panel read a text file with, in Python's word."""
    raw = path.read_bytes() if path is not None and path.exists() else b""
    if raw.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030"
    return "utf-8"


def coded_columns(evaluator: Evaluator, factors: Sequence[Bound], place: ColumnOf) -> tuple[Node, ...]:
    """Return the trees of a term's columns, over placed names; the first factor varies fastest."""
    alone = len(factors) == 1
    columns: list[Node] = []
    for position, factor in enumerate(factors):
        mine = _Factor(evaluator, factor, place).columns(alone)
        columns = mine if position == 0 else [Binary("*", a, b) for b in mine for a in columns]
    return tuple(columns)


class _Factor:
    def __init__(self, evaluator: Evaluator, bound: Bound, place: ColumnOf) -> None:
        self.evaluator, self.bound, self.place = evaluator, bound, place
        self.evaluation = evaluator.evaluation(bound.scope)

    def columns(self, alone: bool) -> list[Node]:
        """Return the factor's columns; by itself a factor loses its first level."""
        node = self.bound.node
        if isinstance(node, Call):
            if node.function in ("factor", "C"):
                return self._dummies(self._given(node, "x"), alone)
            if node.function == "i":
                return self._event_dummies(node, alone)
            if node.function == "poly":
                return self._polynomial(node)
            if node.function in SPLINES:
                return self._spline(node)
            if node.function == "offset":
                return [self._name(self._given(node, "x"))]
            if node.function in ("l", "f", "d"):
                return self._lags(node)
        column = self.evaluator.column(self.bound)
        if column.is_text and not column.odd:
            return self._dummies(node, alone)
        return [self._name(node)]

    def _given(self, call: Call, name: str) -> Node:
        node = argument(call, name)
        assert node is not None
        return node

    def _name(self, node: Node) -> Node:
        return Name(self.place(self.evaluation.bind(node)))

    def _levels(self, node: Node) -> list[Node]:
        """Return a factor's levels as constants, sorted by value."""
        column = self.evaluator.column(self.evaluation.bind(node))
        if column.numbers is not None:
            return [_constant(float(v)) for v in np.unique(column.numbers[~np.isnan(column.numbers)])]
        assert column.codes is not None
        return [Text(column.levels[int(c)]) for c in np.unique(column.codes) if c >= 0]

    def _dummies(self, node: Node, drop_first: bool) -> list[Node]:
        name = self._name(node)
        return [Binary("==", name, level) for level in self._levels(node)[int(drop_first) :]]

    def _event_dummies(self, call: Call, alone: bool) -> list[Node]:
        factor, second = self._given(call, "f"), argument(call, "x")
        name, values = self._name(factor), self._levels(factor)
        levels = event_levels(self.evaluation, call, alone)[2]
        dummies = [joined([Binary("==", name, values[k]) for k in level.codes]) for level in levels]
        if second is None:
            return dummies
        return [Binary("*", d, x) for x in self._interacted(call, second) for d in dummies]

    def _interacted(self, call: Call, node: Node) -> list[Node]:
        _, inner, levels = second_levels(self.evaluation, call, node)
        if levels is None:
            return [self._name(node)]
        name, values = self._name(inner), self._levels(inner)
        return [Binary("==", name, values[level.codes[0]]) for level in levels]

    def _polynomial(self, call: Call) -> list[Node]:
        name = self._name(self._given(call, "x"))
        degree = int(self.evaluation.constant(self._given(call, "degree"), "the degree"))
        raw = bool(self.evaluation.constant(self._given(call, "raw"), "`raw`"))
        powers = [Number(float(k)) for k in range(1, degree + 1)]
        if raw:
            return [Binary("^", name, k) for k in powers]
        return [Call(POLY, (Argument(name), Argument(Number(float(degree))), Argument(k))) for k in powers]

    def _spline(self, call: Call) -> list[Node]:
        curve = spline(self.evaluation, call)[2]
        knots = (Call("c", tuple(Argument(_constant(k)) for k in points)) for points in (curve.inner, curve.ends))
        given = (self._name(self._given(call, "x")), Text(call.function), Number(float(curve.degree)), *knots)
        parts = [Number(float(k)) for k in range(1, curve.size + 1)]
        return [Call(SPLINE, tuple(map(Argument, (*given, part)))) for part in parts]

    def _lags(self, call: Call) -> list[Node]:
        name = self._name(self._given(call, "x"))
        shifts: list[int] = []
        for element in listed(self._given(call, "k")):
            if isinstance(element, Binary) and element.operator == ":":
                first, last = (int(self.evaluation.constant(e, "a lag")) for e in (element.left, element.right))
                step = 1 if last >= first else -1
                shifts += range(first, last + step, step)
            else:
                shifts.append(int(self.evaluation.constant(element, "a lag")))
        return [Call(call.function, (Argument(name), Argument(_constant(float(k))))) for k in shifts]


def _constant(value: float) -> Node:
    return Number(value) if value >= 0 else Unary("-", Number(-value))

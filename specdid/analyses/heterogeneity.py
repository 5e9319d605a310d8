"""[heterogeneity."City size"]: the effect in groups of units, and a test that it is the same in all.

Effects are from split samples; the test is a Wald test in one regression in which the
treatment, every control and every fixed effect are interacted with the group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._decode.table import Table
from specdid._describe.clusters import FEW, cluster_leverage
from specdid._diagnostics import Fault, fault_at
from specdid._format import Flag, Formula, Key, Lines
from specdid._plugins import Own
from specdid._records.numerals import degrees
from specdid._study import Expression
from specdid._words import later, say, sentences, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Chart, Finding, Request
from specdid.analyses._fit import (
    COEFFICIENT,
    SIZES,
    Wald,
    derive,
    failed,
    interact_effects,
    joint_test,
    numbers_of,
    record_fit,
    sizes_of,
)
from specdid.analyses._timing import never_before
from specdid.analyses._words import (
    axis_of,
    count,
    decimals,
    estimate_and_error,
    labels_of,
    listed,
    number,
    p_is,
    p_value,
    scale_of,
    shown,
    unit_name,
    units_text,
)
from specdid.analyses.table import notes as table_notes
from specdid.engine.coefficient_table import fit_full
from specdid.engine.problem import Code, Members, Problem
from specdid.figures import forest
from specdid.tables._base import PrintTable, Row, TidyTable, Value

BLOCKS = 12
APART = "equality is tested with the groups' samples as independent: no cluster is in two groups"
CROSSING = "for other estimators than feols the test needs clusters that are each in one group"
NO_VARIANCE = "the effect in one of the groups has no variance under the first vcov"
NOT_UNDER = "the effects in the groups have no common variance under this vcov"
OVERLAPPED = "where groups overlap, equality is tested with clustered errors only"
WHOLE = later("Whole sample")
PRINTED = (later("Effect"), "p", later("Observations"), later("Units"), later("Treated units"), later("Clusters"))


@dataclass(frozen=True, slots=True)
class GroupedCell:
    """One cell by group: the whole sample's fit, the groups' fits, and tests by vcov."""

    cell: Cell
    whole: CellFit
    fits: tuple[CellFit, ...]
    tests: tuple[Wald, ...]
    note: str = ""
    outside: Ints = field(default_factory=lambda: np.zeros(0, np.int64), repr=False)
    """Rows of ``whole`` that are in no group."""

    def said(self, v: int, overlap: bool, kind: str) -> str:
        """Say under a vcov of this kind what the test of equality assumes, or why there is none."""
        if np.isfinite(self.tests[v].statistic):
            return self.note if self.note == APART else ""
        if self.note == APART:
            return CROSSING
        if not self.note and overlap and kind != "cluster":
            return OVERLAPPED
        return NOT_UNDER if v and self.note in ("", NO_VARIANCE) else self.note


def run(bench: Bench, request: Request) -> Finding:
    """Estimate every cell by group and test that the groups' effects are equal."""
    config: GroupsConfig = request.config
    cells = bench.cells(request)
    splits = [split(bench, cell, config) for cell in cells]
    data = _forest(bench, request, cells, splits, config)
    drawn = any(np.isfinite(r.estimate) for b in data.blocks for r in b.rows)
    tables = (_tidy(bench, request, cells, splits, config), _tests(bench, cells, splits, config.overlap))
    warnings = tuple(w for s in splits for w in _warnings(cells, s, config))
    charts = (Chart("forest", data),) if drawn else ()
    return Finding(tables, charts, (*cells.notes, *warnings))


def split(bench: Bench, cell: Cell, config: GroupsConfig) -> GroupedCell:
    """Estimate a cell in every group, and everything interacted in one regression."""
    rows = masks(bench, cell, config.groups)
    whole = bench.fit(cell)
    fits = tuple(bench.fit(cell, where=mine) for mine in rows)
    vcovs = bench.study.vcov
    nothing = tuple(Wald(np.nan, 0, np.nan, np.nan) for _ in vcovs)
    outside = whole.rows[~np.any(rows, axis=0)[whole.rows]]
    usable = [mine for mine, fit in zip(rows, fits, strict=True) if fit.failure is None]
    if len(usable) < 2:
        return GroupedCell(cell, whole, fits, nothing, "fewer than two groups could be estimated", outside)
    good = [f for f in fits if f.failure is None]
    if any(f.full is None or f.full.cells is not None for f in good):
        tests = tuple(_apart(bench, cell, good, v) for v in range(len(vcovs)))
        return GroupedCell(cell, whole, fits, tests, APART if np.isfinite(tests[0].statistic) else CROSSING, outside)
    joint = fit_interacted(cell, usable)
    if joint.failure is not None:
        return GroupedCell(cell, whole, fits, nothing, joint.failure, outside)
    contrasts = _contrasts(len(usable), len(joint.estimate))
    tests = tuple(
        joint.wald(contrasts, v) if vcov.kind == "cluster" or not config.overlap else nothing[v]
        for v, vcov in enumerate(vcovs)
    )
    silent = not np.isfinite(tests[0].statistic) and tests[0] is not nothing[0]
    return GroupedCell(cell, whole, fits, tests, NO_VARIANCE if silent else "", outside)


def _contrasts(groups: int, width: int) -> Floats:
    """Return the differences of the groups' effects, the first ``groups`` of ``width`` terms, from the first."""
    found = np.zeros((groups - 1, width))
    found[:, 0], found[np.arange(groups - 1), np.arange(1, groups)] = -1.0, 1.0
    return found


def _apart(bench: Bench, cell: Cell, fits: Sequence[CellFit], v: int) -> Wald:
    """Test equality of effects from samples that share no cluster, and so are independent."""
    problem, found = cell.compiled.problem, [fit.coefficient(0, v) for fit in fits]
    nothing = Wald(np.nan, 0, np.nan, np.nan)
    if bench.study.vcov[v].kind != "cluster" or len(problem.vcovs[v].clusters) != 1:
        return nothing
    clusters = [np.unique(problem.codes[fit.rows, problem.vcovs[v].clusters[0]]) for fit in fits]
    every = np.concatenate(clusters)
    if len(np.unique(every)) < len(every):
        return nothing
    contrasts = _contrasts(len(fits), len(fits))
    variance = np.diag([c.std_error**2 for c in found])
    estimate = np.array([c.estimate for c in found])
    return joint_test(contrasts @ estimate, contrasts @ variance @ contrasts.T, len(every) - 1.0)


def _tidy(
    bench: Bench, request: Request, cells: Cells, splits: Sequence[GroupedCell], config: GroupsConfig
) -> TidyTable:
    header = (*labels_of(cells), "group", "condition", "vcov", *COEFFICIENT, *SIZES, "message")
    parts = [(WHOLE, "TRUE"), *((g.label, g.condition.text) for g in config.groups)]
    rows: list[tuple[Value, ...]] = []
    for s in splits:
        for (label, condition), fit in zip(parts, (s.whole, *s.fits), strict=True):
            for v, vcov in enumerate(bench.study.vcov):
                c = fit.coefficient(0, v) if fit.failure is None else None
                lead = (*s.cell.labels.values(), label, condition, vcov.name)
                note = fit.failure or (c.note if c is not None else "") or None
                rows.append((*lead, *numbers_of(c), *sizes_of(fit, v), note))
    return TidyTable(header, tuple(rows), _printed(bench, request, cells, splits, config))


def _tests(bench: Bench, cells: Cells, splits: Sequence[GroupedCell], overlap: bool) -> TidyTable:
    header = (*labels_of(cells), "vcov", "f", "df1", "df2", "p_value", "message")
    rows = tuple(
        (
            *s.cell.labels.values(),
            vcov.name,
            t.statistic,
            t.df1,
            t.df2,
            t.p_value,
            s.said(v, overlap, vcov.kind) or None,
        )
        for s in splits
        for v, (vcov, t) in enumerate(zip(bench.study.vcov, s.tests, strict=True))
    )
    return TidyTable(header, rows, suffix="equality")


def _named_fits(s: GroupedCell, config: GroupsConfig) -> list[tuple[str, CellFit]]:
    return [(WHOLE, s.whole), *zip((g.label for g in config.groups), s.fits, strict=True)]


def _printed(
    bench: Bench, request: Request, cells: Cells, splits: Sequence[GroupedCell], config: GroupsConfig
) -> PrintTable:
    found = [fit.coefficient() for s in splits for _, fit in _named_fits(s, config) if fit.failure is None]
    places = decimals(c.std_error for c in found)
    blocks = []
    for s in splits:
        rows = [Row(cells.shown(s.cell), ("",) * len(PRINTED))]
        rows += [_printed_row(label, fit, places) for label, fit in _named_fits(s, config)]
        if np.isfinite((t := s.tests[0]).statistic):
            rows.append(Row(say("Equality of groups"), (_f(t), p_value(t.p_value), *[""] * (len(PRINTED) - 2))))
        blocks.append(tuple(rows))
    named = [(s, label, fit) for s in splits for label, fit in _named_fits(s, config)]
    names = [", ".join([cells.shown(s.cell)] * (len(splits) > 1) + [_part(label)]) for s, label, _ in named]
    said = [*table_notes(bench, [fit for _, _, fit in named], False, names)]
    said.append(say("Effects by group are from split samples."))
    said += _always_treated(splits)
    if any(np.isfinite(s.tests[0].statistic) and not s.note for s in splits):
        said.append(say("Equality is tested with everything interacted."))
    return PrintTable(request.title, tuple(map(say, PRINTED)), tuple(blocks), notes=tuple(said))


def _always_treated(splits: Sequence[GroupedCell]) -> Iterator[str]:
    """Say how many units of the whole samples are not among the treated that are counted, being always treated."""
    found = sorted({s.whole.n_always for s in splits if s.whole.failure is None and s.whole.n_always > 0})
    if found:
        yield say(
            "Treated units are those that are not always treated; {n} more are, which regressions without effects of "
            "units compare, too.",
            n=count(found[0]) if len(found) == 1 else f"{count(found[0])}–{count(found[-1])}",
        )


def _part(label: str) -> str:
    return say(label) if label == WHOLE else label


def _printed_row(label: str, fit: CellFit, places: int) -> Row:
    if fit.failure is not None:
        return Row(_part(label), ("",) * len(PRINTED))
    c = fit.coefficient()
    sizes = (count(fit.nobs), count(fit.n_units), count(fit.n_treated), count(int(fit.n_clusters[0])))
    estimate, error = estimate_and_error(c.estimate, c.std_error, places)
    return Row(_part(label), (estimate, p_value(c.p_value), *sizes), (error, *[""] * (len(PRINTED) - 1)))


def equality(s: GroupedCell) -> str:
    """Write the test under the first vcov: ``F(4, 209) = 1.23, p = 0.301``."""
    t = s.tests[0]
    if not np.isfinite(t.statistic):
        return ""
    return f"{_f(t)}, p {p_is(t.p_value)}"


def _f(t: Wald) -> str:
    return f"F({t.df1}, {degrees(t.df2, '.0f')}) = {t.statistic:.2f}"


def _forest(
    bench: Bench, request: Request, cells: Cells, splits: Sequence[GroupedCell], config: GroupsConfig
) -> forest.ForestData:
    places = decimals(f.coefficient().std_error for s in splits for _, f in _named_fits(s, config) if not f.failure)
    level = f"{1 - bench.study.inference.alpha:.0%}"
    blocks = []
    for s in splits:
        rows = []
        for label, fit in _named_fits(s, config):
            c = fit.coefficient() if fit.failure is None else None
            known = (np.nan,) * 3 if c is None else (c.estimate, c.conf_low, c.conf_high)
            interval = (
                say("{low} to {high}", low=number(known[1]), high=number(known[2])) if np.isfinite(known[1]) else ""
            )
            units = "" if c is None else f"{count(fit.n_treated)} / {count(fit.n_units)}"
            facts = (number(known[0], min(places, 3)), interval, units)
            small = c is not None and bool(_too_few(fit))
            rows.append(forest.ForestRow(_part(label), *known, facts, label == WHOLE, small))
        words = say("Equality of groups: {equality}", equality=equality(s)) if equality(s) else ""
        if words and any(_too_few(fit) for fit in s.fits if fit.failure is None):
            words = f"{forest.SMALL_SIGN} {words}"
        blocks.append(
            forest.ForestBlock(cells.shown(s.cell), axis_of(s.cell), tuple(rows), words, scale_of(s.cell, cells))
        )
    note = say(
        "Effects from split samples with {level} intervals (standard errors: {errors}).",
        level=level,
        errors=bench.errors,
    )
    note += shown(len(blocks), BLOCKS)
    blocks = blocks[:BLOCKS]
    more = (*_not_in(bench, cells, splits[:BLOCKS], config), *_always_treated(splits[:BLOCKS]))
    note = sentences([note, *dict.fromkeys(more)])
    if any(r.small for b in blocks for r in b.rows):
        note += say(
            " {sign}: fewer than {few} treated or untreated units, or clusters: errors and p cannot be trusted.",
            sign=forest.SMALL_SIGN,
            few=FEW,
        )
    return forest.ForestData(
        request.title,
        (say("effect"), say("{level} interval", level=level), say("treated / units")),
        tuple(blocks),
        note,
    )


def _not_in(bench: Bench, cells: Cells, splits: Sequence[GroupedCell], config: GroupsConfig) -> Iterator[str]:
    """Say what of the whole sample is in none of the groups, and why groups have no estimate."""
    lost = [(count_units_of(bench, s.outside), count_units_of(bench, s.whole.rows)) for s in splits]
    for s, (none, of) in zip(splits, lost, strict=True):
        where = f"{cells.shown(s.cell)}{say(': ')}" if len({*lost}) > 1 else ""
        if none and bench.panel.unit_codes is not None:
            yield where + say("{n:,} of {of:,} units of the whole sample are in no group.", n=none, of=of)
        elif none:
            yield where + say("{n:,} of {of:,} rows of the whole sample are in no group.", n=none, of=of)
        for group, fit in zip(config.groups, s.fits, strict=True):
            if fit.failure is not None:
                yield say("{group} has no estimate: {why}.", group=group.label, why=told(fit.failure, True))


def _too_few(fit: CellFit) -> list[str]:
    """Return what a group has too few of for cluster-robust errors."""
    clusters = int(fit.n_clusters[0])
    few = [units_text(fit.n_treated, "treated unit")] if 0 <= fit.n_treated < FEW else []
    few += [units_text(fit.n_control, "untreated unit")] if 0 < fit.n_control < FEW and _rests_on_these(fit) else []
    return [*few, *([units_text(clusters, "cluster")] if 0 <= clusters < FEW else [])]


def _rests_on_these(fit: CellFit) -> bool:
    """Tell whether least squares compare with the never treated: dates of adoption leave few effective clusters."""
    if fit.full is None or fit.n_treated <= 0:
        return False
    here = np.zeros(len(fit.cell.compiled.problem.values), dtype=bool)
    here[fit.rows] = True
    problem, one = derive(fit.cell, where=here)
    by = problem.vcovs[0].clusters or ((problem.unit,) if problem.unit >= 0 else ())
    if not by or not np.isin(problem.values[fit.rows, one.treatment[0]], (0.0, 1.0)).all():
        return False
    spread = cluster_leverage(problem, one, 0, fit.full.dropped, problem.codes[:, by[0]])
    return spread is not None and spread.effective < 2 * FEW


def _warnings(cells: Cells, s: GroupedCell, config: GroupsConfig) -> Iterator[Caution]:
    where, small = cells.shown(s.cell), 0
    for group, fit in zip(config.groups, s.fits, strict=True):
        if fit.failure is not None:
            yield Caution("note", "not_estimated", f"{where}, `{group.label}`: {fit.failure}")
            continue
        if always := never_before(fit):
            yield Caution("serious", "always_treated", f"{where}, `{group.label}`: {always}")
        few = _too_few(fit)
        if few:
            small += 1
            said = f"{where}, `{group.label}` has {listed(few)}, below {FEW}: its errors and p cannot be trusted"
            yield Caution("serious", "small_group", said)
    if small and np.isfinite(s.tests[0].statistic):
        such = units_text(small, "such small group")
        said = f"{where}: the test of equality rests on {such}: it rejects too often"
        yield Caution("serious", "small_group", said)
    if s.note and not np.isfinite(s.tests[0].statistic):
        yield Caution("note", "no_equality_test", f"{where}: no test of equality, {s.note}")


def fit_interacted(cell: Cell, groups: Sequence[Bools]) -> CellFit:
    """Estimate the treatment's effect in every group at once.

    The groups' rows are stacked: a row that is in two groups stands there twice, and its
    cluster with it, so that a covariance by clusters holds where groups overlap.

    Parameters
    ----------
    groups : (n,) masks of rows of the panel, and-ed to the cell's sample.

    Returns
    -------
    CellFit
        The first ``len(groups)`` terms are the groups' effects, ``terms[k]`` of ``groups[k]``.
    """
    problem, one = derive(cell)
    parts = [np.flatnonzero(problem.rows[one.rows[0]] & group) for group in groups]
    code = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    stacked, members = _columns(_stack(problem, np.concatenate(parts)), one, code, len(parts))
    stacked, members = interact_effects(stacked, members, code)
    full = fit_full(stacked, members)
    effects = np.arange(len(parts)) + int(members.treatment[0])
    if full.code == Code.OK and full.columns[: len(parts)].tolist() != effects.tolist():
        why = "with everything interacted the groups' effects are not separately identified"
        return failed(cell, why, (), problem.alpha, len(problem.vcovs))
    return record_fit(cell, stacked, members, full)


def _stack(problem: Problem, rows: Ints) -> Problem:
    return replace(
        problem,
        values=np.asfortranarray(problem.values[rows]),
        codes=np.asfortranarray(problem.codes[rows]),
        rows=np.ones((1, len(rows)), dtype=bool),
        log0=None,
    )


def _columns(problem: Problem, one: Members, code: Ints, count: int) -> tuple[Problem, Members]:
    """Interact the treatment and every control with the group: one column each per group."""
    first, added, labels = problem.values.shape[1], [], []
    for column in (int(one.treatment[0]), *one.controls.tolist()):
        values: Floats = problem.values[:, column]
        for k in range(count):
            added.append(np.where(code == k, values, 0.0))
            labels.append(f"{problem.labels[column]} in group {k + 1}")
    values = np.asfortranarray(np.column_stack([problem.values, *added]))
    controls = np.arange(first + 1, first + len(added))
    none = np.full(1, -1, np.int64)
    members = replace(
        one,
        treatment=np.array([first]),
        controls=controls,
        start=np.array([0, len(controls)]),
        rows=np.zeros(1, np.int64),
        sunab=none,
    )
    return replace(problem, values=values, labels=(*problem.labels, *labels)), members


@dataclass(frozen=True, slots=True)
class UnitGroup:
    """A label and the condition for its rows."""

    label: str
    condition: Expression


@dataclass(frozen=True, slots=True)
class GroupsConfig:
    """The table's own keys."""

    groups: tuple[UnitGroup, ...]
    overlap: bool


_GROUPS = 'write groups = { "small" = "pop <= 100", "large" = "pop > 100" }'
KEYS = (
    Key(
        "groups",
        Lines(Formula("condition"), "group"),
        "The groups of units that the effect is estimated in, each with its condition; values of one period, as by "
        "at(), keep a unit in its group.",
        '{ "small" = "at(pop, year == 2011) <= 100", "large" = "at(pop, year == 2011) > 100" }',
        required=_GROUPS,
    ),
    Key(
        "overlap",
        Flag(),
        "Whether a unit may be in several groups.",
        "true",
        False,
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> GroupsConfig:
    """Take groups of which there are two or more."""
    groups, item = found["groups"] or {}, table.get("groups")
    if item is not None and isinstance(item.value, dict) and len(groups) < 2:
        table.log.add(item.origin, "bad_groups", "effects are compared between two groups or more", _GROUPS)
    return GroupsConfig(tuple(UnitGroup(label, e) for label, e in groups.items() if e is not None), found["overlap"])


def masks(bench: Bench, cell: Cell, groups: Sequence[UnitGroup]) -> list[Bools]:
    """Mark the rows of each group in the cell's sample."""
    sample = bench.in_sample(cell)
    return [bench.condition(group.condition, cell) & sample for group in groups]


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find groups without rows, groups that overlap and units that change group."""
    config: GroupsConfig = request.config
    found = [(cell, masks(bench, cell, config.groups)) for cell in bench.cells(request)]
    for k, group in enumerate(config.groups):
        if found and not any(rows[k].any() for _, rows in found):
            yield fault_at(
                group.condition.origin,
                group.condition.tree.span,
                "bad_groups",
                f"the group `{group.label}` has no rows",
                "its condition holds in no row of the sample",
            )
    for find in () if config.overlap else (_overlapping,):
        yield from next((faults for _, rows in found if (faults := find(bench, config, rows))), [])
    yield from next((faults for c, rows in found if (faults := _changing(bench, config, c, rows))), [])


def _overlapping(bench: Bench, config: GroupsConfig, rows: Sequence[Bools]) -> list[Fault]:
    """Say which groups share units, with an example, at the later of the two."""
    found = []
    for last in range(len(rows)):
        for earlier in range(last):
            both = np.flatnonzero(rows[last] & rows[earlier])
            if not len(both):
                continue
            a, b = config.groups[earlier], config.groups[last]
            units = count_units_of(bench, both)
            found.append(
                fault_at(
                    b.condition.origin,
                    b.condition.tree.span,
                    "bad_groups",
                    f"`{a.label}` and `{b.label}` overlap: {units_text(units)} in both",
                    "change a condition, or write overlap = true where that is meant",
                    notes=(f"for example {_named(bench, both)}",),
                )
            )
    return found


def _changing(bench: Bench, config: GroupsConfig, cell: Cell, rows: Sequence[Bools]) -> list[Fault]:
    """Say which units are in a group in some of their rows only, at the first group of which that holds."""
    codes = bench.panel.unit_codes
    if codes is None:
        return []
    sample = bench.in_sample(cell)
    size = np.bincount(codes[sample], minlength=int(codes.max()) + 1)
    for group, mine in zip(config.groups, rows, strict=True):
        inside = np.bincount(codes[mine], minlength=len(size))
        changing = (inside > 0) & (inside < size)
        if not changing.any():
            continue
        names = _named(bench, np.flatnonzero(mine & changing[codes]))
        return [
            fault_at(
                group.condition.origin,
                group.condition.tree.span,
                "bad_groups",
                f"units enter or leave `{group.label}` over time: {names}",
                f"hold the groups fixed with the value of one period: at(x, {bench.panel.time} == …)",
            )
        ]
    return []


def count_units_of(bench: Bench, rows: NDArray[np.int64]) -> int:
    """Count the units of some rows, or the rows where the study has no unit."""
    return len(rows) if bench.panel.unit_codes is None else len(np.unique(bench.panel.unit_codes[rows]))


def _named(bench: Bench, rows: NDArray[np.int64]) -> str:
    """Name the units of some rows, three at most."""
    names = list(dict.fromkeys(unit_name(bench.panel, row) for row in rows[:500].tolist()))
    return listed(names[:3])


ANALYSIS = Analysis("heterogeneity", later("Effects by group"), decode, run, check, KEYS)

OWN = Own(
    zh={
        "Effects by group are from split samples.": "各组效应来自分样本估计。",
        "Effects from split samples with {level} intervals (standard errors: {errors}).": (
            "分样本估计的效应及 {level} 置信区间（标准误：{errors}）。"
        ),
        "Equality is tested with everything interacted.": "组间相等检验采用全部交互的模型。",
        "Equality of groups": "组间相等检验",
        "Equality of groups: {equality}": "组间相等检验：{equality}",
        "Whole sample": "全样本",
        "treated / units": "处理组 / 个体数",
        "Effects by group": "分组效应",
        "{group} has no estimate: {why}.": "{group} 没有估计值：{why}。",
        "{n:,} of {of:,} rows of the whole sample are in no group.": "全样本 {of:,} 行中有 {n:,} 行不属于任何组。",
        "{n:,} of {of:,} units of the whole sample are in no group.": "全样本 {of:,} 个个体中有 {n:,} 个不属于任何组。",
    },
    zh_kept={
        "Heterogeneity": "异质性分析",
        "Heterogeneity: {name}": "异质性分析：{name}",
    },
    meanings={"files.heterogeneity": {"group": "A group's label.", "condition": "A group's condition."}},
    example="""
fix = { sample = "batch 1" }
groups = { small = 'at(pop, year == 2011) <= 350', large = 'at(pop, year == 2011) > 350' }
""",
)

"""[placebo]: the treatment given to others at random, and moved to earlier periods.

Random placebos share the draws of the curve's permutation null where both have the same units in
their samples: whole paths of the assigned columns are dealt out again between these, within strata;
the p-value is the share of draws at least as extreme as the estimate (Fisher 1935). The timing
placebo moves the treatment a few periods earlier, with its cohort, and estimates it by the
specification's own estimator on periods before it really began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from specdid import _plugins, language
from specdid._arrays import Floats, Ints
from specdid._decode.table import Table
from specdid._describe.clusters import FEW
from specdid._diagnostics import Fault, fault_at, many
from specdid._format import Formula, Key, Many, NumberValue
from specdid._records.cautions import capital
from specdid._records.numerals import p_digits, percent
from specdid._study import Expression
from specdid._words import later, said_list, say, sentences, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Chart, Finding, Request
from specdid.analyses._cells import drawn_specification, unable
from specdid.analyses._fit import COEFFICIENT, SIZES, numbers_of, sizes_of
from specdid.analyses._timing import (
    LEAST,
    few_treated,
    fit_earlier,
    severity_of,
    timing,
    treated_clusters,
    treated_earlier,
)
from specdid.analyses._words import (
    PANELS,
    axis_of,
    count,
    decimals,
    estimate_and_error,
    labels_of,
    number,
    of_columns,
    p_is,
    p_value,
    scale_of,
    shown,
    time_name,
    unit_name,
)
from specdid.analyses.table import Labelled, coefficient_rows, numbered, spanners
from specdid.figures import forest, placebo_density
from specdid.figures.placebo_density import PlaceboPanel
from specdid.inference._assignment import in_samples, made_of, make_assignment, of_kinds
from specdid.inference._base import Context, Null, draw_null
from specdid.inference._batches import with_error
from specdid.language import Bound, bind, referenced, write
from specdid.language.tree import Name
from specdid.tables._base import PrintTable, Row, TidyTable, Value

DRAWS = 500
ENOUGH = 100
"""Draws that can show that placebos are significant too often."""
NOTHING = "no draw can be compared with its estimate"
WHY = {
    "not_least_squares": "random placebos are for least squares and Sun-Abraham models",
    "not_moved": "its treatment is not made of what is dealt out",
    "costly": "its rows or cohorts move, and estimating it anew in every draw would take too long: ask for fewer",
    "no_cluster_variance": "it has no cluster-robust variance",
}
"""Words for what the null says of many specifications, by its code."""
OFF = 0.25
"""Standard deviations of placebos by which their mean may lie off zero before their share of small p is of that."""
BLOCKS = 12
ODDS = 0.05
QUANTILES = (0.025, 0.5, 0.975)
HEADER = (
    "estimate", "std_error", "statistic", "p_value", "df", "p_permutation", "p_permutation_t", "draws", "p_least",
    "placebo_mean", "placebo_sd", "placebo_q025", "placebo_q500", "placebo_q975", "placebo_significant", "message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PlaceboConfig:
    """The table's own keys; ``periods`` are those of the timing placebo."""

    draws: int
    strata: Expression | None
    periods: tuple[int, ...]


ACTUAL = later("Actual")
EARLIER = later(
    "The treatment moved earlier is estimated by the specification's own estimator, on rows before the unit's actual "
    "adoption and before the last adoption of all: never treated units, too, have no rows from then on. The actual "
    "estimate is the specification's, from its own rows."
)
KEYS = (
    Key(
        "draws",
        NumberValue("from 19 to 100,000", whole=True, least=19, most=100_000),
        "Random placebos: how often the assignment is dealt out again.",
        "1000",
        DRAWS,
    ),
    Key(
        "strata",
        Formula("names"),
        "Columns within whose levels the assignment is dealt out again.",
        '"province"',
        otherwise="[inference] strata",
    ),
    Key(
        "periods",
        Many(NumberValue("1 or more: it counts how much earlier the treatment is moved", whole=True, least=1)),
        "The timing placebo: by how many periods the treatment, with its cohort, is moved earlier. The specification's "
        "own estimator has the rows before a unit's adoption and before the last adoption of all.",
        "[1, 2, 3, 4]",
        (),
        otherwise="no timing placebo",
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> PlaceboConfig:
    """Take the keys as they are."""
    return PlaceboConfig(**found)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Check that there is something to deal out, and periods to move the treatment to."""
    config: PlaceboConfig = request.config
    cells = bench.cells(request)
    if bench.panel.unit is None and bench.study.inference.level is None:
        yield fault_at(
            request.table.origin,
            None,
            "no_level",
            "a placebo needs to know who was assigned",
            'declare `unit` in [study], or write level = "…" in [inference]',
        )
        return
    if bench.panel.unit is None and bench.study.inference.cluster is None:
        message = "the t of a placebo needs clusters, and the study declares no unit"
        yield fault_at(request.table.origin, None, "no_cluster", message, 'write cluster = "…" in [inference]')
        return
    if len(cells) and not moved_columns(bench, cells[0]):
        yield fault_at(
            request.table.origin,
            None,
            "nothing_moves",
            "the treatment is made of the unit and the time alone, so there is nothing to deal out",
            'write assign = "…" in [inference], the columns that an assignment consists of',
        )
        return
    yield from unable(
        request,
        cells,
        lambda cell: bool(cell.compiled.batched[cell.member]),
        "random placebos are for least squares and Sun-Abraham models, not for",
        'fix = { estimator = "…" } asks for one of these; the timing placebo, by `periods`, is the estimator\'s own',
    )
    own = bench.study.inference.assign is None  # what is written is checked with [inference]
    faults = list(_assigned(bench, request, cells[0])) if len(cells) and own else []
    if config.strata is not None and len(cells):
        faults += _strata(bench, config.strata, cells[0])
    yield from faults or _moving(bench, request, cells)
    yield from _periods(bench, request, cells)


def _level(bench: Bench, cell: Cell) -> Ints:
    """Return the codes of who was assigned, by row."""
    level = bench.study.inference.level
    node = level.tree if level is not None else Name(bench.panel.unit or "")
    return bench.codes(node, cell)


def _in_sample(bench: Bench, cell: Cell, level: Ints, names: frozenset[str]) -> Ints:
    """Leave out, as -1, the levels that have no row in the cell's sample: they are not dealt."""
    member = cell.compiled.members.take(np.array([cell.member], np.int64))
    return in_samples(level, cell.compiled, member, names, bench.evaluator)


def _assigned(bench: Bench, request: Request, cell: Cell) -> Iterator[Fault]:
    """Check that what is dealt out is one value for a level and period."""
    level, periods = _level(bench, cell), bench.periods
    period = np.zeros(len(level), np.int64) if periods is None else periods - periods.min()
    key = level * (int(period.max()) + 1) + period
    for name in moved_columns(bench, cell):
        column = bench.panel.columns[name]
        values = column.numbers if column.numbers is not None else np.asarray(column.codes, np.float64)
        rows = np.flatnonzero(~np.isnan(values) & (level >= 0))
        first = np.full(int(key.max()) + 1, np.nan)
        first[key[rows[::-1]]] = values[rows[::-1]]
        wrong = rows[values[rows] != first[key[rows]]]
        if len(wrong):
            asked = bench.study.inference
            level_text = asked.level.text if asked.level is not None else bench.panel.unit
            yield fault_at(
                request.table.origin,
                None,
                "assignment_varies",
                f"`{name}`, which is dealt out, changes within {level_text}"
                + ("" if periods is None else f" and {bench.panel.time}")
                + f": {unit_name(bench.panel, int(wrong[0]))}",
                "declare `time` in [study]" if periods is None else "set [inference] level to who was assigned",
            )
            return


def _strata(bench: Bench, strata: Expression, cell: Cell) -> Iterator[Fault]:
    """Check that a stratum holds whole levels."""
    of_level = _level(bench, cell)
    stratum = bench.codes(strata, cell)
    first = np.full(int(of_level.max()) + 1, -2, np.int64)
    first[of_level[::-1]] = stratum[::-1]
    wrong = np.flatnonzero((stratum != first[of_level]) | (stratum < 0))
    if len(wrong):
        row = int(wrong[0])
        what = "is missing for" if stratum[row] < 0 else "changes within"
        yield fault_at(
            strata.origin,
            strata.tree.span,
            "strata_change",
            f"`{strata.text}` {what} {unit_name(bench.panel, row)} ({time_name(bench.panel, row)})",
            "strata hold whole units, in every period",
        )


def _moving(bench: Bench, request: Request, cells: Cells) -> Iterator[Fault]:
    """Find treatments that what is dealt out does not touch, and strata within which it changes nothing."""
    config: PlaceboConfig = request.config
    still = {}
    for cell in cells:
        own, moved = treatment_columns(bench, cell), moved_columns(bench, cell)
        if not set(own) & set(moved):
            still[cell.labels["treatment"]] = " + ".join(write(Name(n)) for n in own)
    for label, names in still.items():
        assign = bench.study.inference.assign
        yield fault_at(
            request.table.origin,
            None,
            "assign_still",
            f"`assign` does not move the treatment `{label}`",
            f'write assign = "{names}" in [inference]' if names else "name the columns that say who is treated",
            "error" if len(still) == len({c.labels["treatment"] for c in cells}) else "warning",
            notes=() if assign is None else (f'it is "{assign.text}" now',),
        )
    strata = config.strata or bench.study.inference.strata
    if not len(cells) or still or strata is None:
        return
    level, stratum, moved = _level(bench, cells[0]), bench.codes(strata, cells[0]), moved_columns(bench, cells[0])
    bounds = [b for c in cells for b in _treatment_bounds(c)]
    levels = (_in_sample(bench, cell, level, frozenset(moved)) for cell in cells)
    dealt = {of.tobytes(): of for of in levels}.values()
    assignments = (make_assignment(bench.panel, moved, of, stratum) for of in dealt)
    if all(of_kinds(bench.panel, one, bounds).different() == 0 for one in assignments):
        yield fault_at(
            strata.origin,
            strata.tree.span,
            "nothing_moves",
            f"dealing out within `{strata.text}` changes nothing: no stratum has two treatments",
            "take coarser strata",
        )


def _periods(bench: Bench, request: Request, cells: Cells) -> Iterator[Fault]:
    config: PlaceboConfig = request.config
    if not config.periods or not len(cells):  # without a specification the data say nothing of periods
        return
    if bench.panel.unit_codes is None or bench.periods is None:
        yield fault_at(
            request.key("periods"),
            None,
            "no_time",
            "a timing placebo needs units and periods",
            "declare `unit` and `time` in [study]",
        )
        return
    most = max((timing(bench, c).most(bench.periods) for c in cells), default=0)
    written = request.table.values["periods"]  # before what is repeated is taken once
    asked = [*written] if isinstance(written, list | tuple) else [written]
    for earlier in config.periods:
        if earlier > most:
            one = request.origin("periods", f"[{asked.index(earlier)}]")
            yield fault_at(
                request.origin("periods") if one == request.table.origin else one,
                None,
                "no_pre_period",
                f"a treatment moved {many(earlier, 'period')} earlier has no period before it",
                f"it can be moved by {most} at most" if most >= 1 else "the treatment begins too early in the data",
            )


def run(bench: Bench, request: Request) -> Finding:
    """Draw the random placebos of every cell, and estimate the timing placebos."""
    config: PlaceboConfig = request.config
    cells = bench.cells(request)
    placed = [_place(bench, cell, config) for cell in cells]
    strata = config.strata or bench.study.inference.strata
    note = placebo_words(moved_columns(bench, cells[0]) if len(cells) else (), strata, bench)
    tables = [main_table(bench, request, cells, placed, note), draws_table(cells, placed)]
    drawn = [(k, p) for k, p in enumerate(placed, 1) if len(p.random.null_estimate)]
    panels = tuple(panel_of(bench, cells, p, k) for k, p in drawn[:PANELS])
    charts = []
    if panels:
        alpha = bench.study.inference.alpha
        said = sentences(filter(None, [note + shown(len(drawn)), drawn_specification(request, bench.evaluator)]))
        against = capital(told(_rejecting(placed, alpha)))
        doubt = say("{sample}.", sample=against) if against else ""
        data = placebo_density.PlaceboData(title_of(request), alpha, panels, said, doubt)
        charts.append(Chart("placebo_density", data))
    if any(p.earlier for p in placed):
        tables.append(timing_table(bench, cells, placed))
        charts += timing_chart(bench, request, cells, placed)
    warnings = _warnings(bench, cells, placed, config)
    return Finding(tuple(tables), tuple(charts), (*cells.notes, *warnings))


def _place(bench: Bench, cell: Cell, config: PlaceboConfig) -> Placed:
    fit = bench.fit(cell)
    random = draw_placebos(bench, cell, fit, config.draws, config.strata)
    earlier: list[tuple[int, CellFit]] = []
    found: dict[int, Ints] = {}
    if config.periods and bench.periods is not None:
        when = timing(bench, cell)
        earlier = [(k, fit_earlier(bench, cell, when, k)) for k in config.periods]
        found = {k: treated_earlier(bench, cell, one, when.moved[k]) for k, one in earlier if one.failure is None}
    vcovs = range(len(bench.study.vcov))
    few = {k: tuple(treated_clusters(bench, cell, rows, v) for v in vcovs) for k, rows in found.items()}
    return Placed(cell, fit, random, tuple(earlier), few)


def _rejecting(placed: Sequence[Placed], alpha: float) -> str:
    """Say in how many columns placebos reject more than twice as often as they may; empty where in none."""
    drawn = [p for p in placed if len(p.random.null_p)]
    over = [p for p in drawn if _rejects(p, alpha)]
    if not over:
        return ""
    most = max(float(np.mean(p.random.null_p < alpha)) for p in over)
    return (
        f"more than {2 * alpha:.0%} of placebos have p < {alpha:g} in {len(over):,} of {len(drawn):,} columns (at most "
        f"{most:.0%}), so clustered errors are too small"
    )


def _rejects(placed: Placed, alpha: float) -> bool:
    """Say whether enough placebos, which lie about zero, reject more than twice as often as they may."""
    r = placed.random
    return len(r.null_p) >= ENOUGH and not r.off_zero and float(np.mean(r.null_p < alpha)) > 2 * alpha


def _warnings(bench: Bench, cells: Cells, placed: Sequence[Placed], config: PlaceboConfig) -> Iterator[Caution]:
    alpha = bench.study.inference.alpha
    drawn = [p for p in placed if len(p.random.null_p)]
    if rejecting := _rejecting(placed, alpha):
        yield Caution("serious", "placebo_rejects", rejecting)
    off = [p.random for p in drawn if p.random.off_zero]
    if off:
        widest = max(off, key=lambda r: abs(r.centre()))
        yield Caution(
            "note",
            "placebo_off_zero",
            f"placebos are not centred on zero in {len(off):,} of {len(drawn):,} columns (mean "
            f"{number(widest.centre())} of an estimate of {number(widest.estimate)}), as where treated units stay "
            f"treated and outcomes keep the effect: their share with p < {alpha:g} says nothing of clustered errors, "
            "and p by permutation is not one "
            "of no effect at all",
        )
    every = [(p, k, fit) for p in placed for k, fit in p.earlier if fit.failure is None]
    tested = [fit.coefficient().p_value for p, k, fit in every if p.treated(k)[0] >= LEAST]
    moved = [p < alpha for p in tested if np.isfinite(p)]
    for one in placed:
        where, r = cells.shown(one.cell), one.random
        yield from (replace(note, message=f"{where}: {note.message}") for note in r.notes)
        if (found := disagreement(one, alpha)) is not None:
            yield replace(found, message=f"{where}: {found.message}")
        if one.earlier and (undated := timing(bench, one.cell).undated):
            said = (
                f"{where}: the timing placebo dates {many(undated, 'unit')} by the first treated row, without the row "
            )
            yield Caution("serious", "undated", said + "before it: declare a `cohort` to date them")
        for k, fit in one.earlier:
            if fit.failure is not None:
                yield Caution("note", "not_estimated", f"{where}, moved {many(k, 'period')} earlier: {fit.failure}")
            elif (c := fit.coefficient()).p_value < alpha:
                words = f"{number(c.estimate)} (p {p_is(c.p_value)})"
                n, what = one.treated(k)
                few = few_treated(n, what)
                said = f"{where}: moved {many(k, 'period')} earlier the treatment has an effect of {words}{few}"
                # Of many placebos some have an effect by chance.
                told_of = n >= LEAST and len(moved) > 1
                of = f"; {sum(moved)} of {len(moved)} such placebos" if told_of else ""
                code = "placebo_timing_few_treated" if few else "placebo_timing"
                yield Caution(severity_of(n), code, f"{said}{of}")


@dataclass(frozen=True, slots=True)
class Placebos:
    """The draws of one cell.

    Attributes
    ----------
    estimate, statistic, std_error, p_value : with the real assignment, errors by [inference] cluster
    df : degrees of freedom of the t
    null_estimate, null_statistic, null_p : (B,) of the draws
    notes : what is left out and why; with no draws, why there are none
    """

    estimate: float
    statistic: float
    std_error: float
    p_value: float
    df: float
    null_estimate: Floats = field(repr=False)
    null_statistic: Floats = field(repr=False)
    null_p: Floats = field(repr=False)
    notes: tuple[Caution, ...] = ()

    def centre(self) -> float:
        """Return the mean of the draws' estimates."""
        return float(np.mean(self.null_estimate))

    @property
    def off_zero(self) -> bool:
        """Whether the draws lie about another number than zero: by more than chance, and so far that shares show it."""
        n = len(self.null_estimate)
        if n < 2:
            return False
        return abs(self.centre()) > float(np.std(self.null_estimate, ddof=1) * max(3 / np.sqrt(n), OFF))


def moved_columns(bench: Bench, cell: Cell) -> tuple[str, ...]:
    """Return the columns that an assignment consists of.

    They are those of [inference] ``assign``; without it, what the treatment and its cohort are
    made of but for the unit and the time.
    """
    given = bench.study.inference.assign
    if given is not None:
        return tuple(dict.fromkeys(name.name for name in referenced(given.tree)))
    return treatment_columns(bench, cell)


def treatment_columns(bench: Bench, cell: Cell) -> tuple[str, ...]:
    """Return the data columns that a cell's treatment and its cohort are made of, but for the unit and the time."""
    return made_of(bench.panel, _treatment_bounds(cell))


def _treatment_bounds(cell: Cell) -> list[Bound]:
    compiled = cell.compiled
    places = (int(compiled.members.treatment[cell.member]), int(compiled.cohort[cell.member]))
    return [b for p in places if p >= 0 for b in compiled.value_recipes[p].bounds]


def draw_placebos(bench: Bench, cell: Cell, fit: CellFit, draws: int, strata: Expression | None) -> Placebos:
    """Estimate a cell under permuted assignments; the draws are those of the study's seed."""
    null: Null = _plugins.load("inference", "permutation")
    if fit.failure is None and (_cluster(bench, cell)[fit.rows] < 0).any():
        return _nothing("the cluster of [inference] is missing in some of its rows")
    context = _context(bench, cell, fit, draws, strata)
    if fit.failure is None and not with_error(context).all():
        return _nothing(WHY["no_cluster_variance"])
    found = draw_null(null, context)
    if not len(found.index):
        left_out = {note.code for note in found.left_out}
        return _nothing(fit.failure or next((words for code, words in WHY.items() if code in left_out), NOTHING))
    df, t = float(found.df[0]), found.null_statistic.of_rows(slice(1))[0]
    said = f"{many(found.dropped_draws, 'draw', 'have')} no estimate: left out"  # of this cell: its plan has no other
    notes = tuple(replace(n, message=said) if n.code == "draws_failed" else n for n in found.left_out)
    return Placebos(
        float(found.estimate[0]),
        float(found.statistic[0]),
        float(found.std_error[0]),
        float(two_sided(found.statistic[:1], df)[0]),
        df,
        found.null_estimate.of_rows(slice(1))[0],
        t,
        two_sided(t, df),
        notes,
    )


def _nothing(why: str) -> Placebos:
    nothing = np.zeros(0)
    note = Caution("note", "no_placebo", why)
    return Placebos(np.nan, np.nan, np.nan, np.nan, np.nan, nothing, nothing, nothing, (note,))


def two_sided(t: Floats, df: float) -> Floats:
    """Return two-sided p-values of t statistics."""
    from scipy.special import stdtr

    return np.asarray(2.0 * stdtr(df, -np.abs(t)))


def _context(bench: Bench, cell: Cell, fit: CellFit, draws: int, strata: Expression | None) -> Context:
    asked = bench.study.inference
    text = " + ".join(write(Name(name)) for name in moved_columns(bench, cell))
    assign = asked.assign or Expression(text, language.parse(text), asked.origin)
    inference = replace(asked, assign=assign, strata=strata or asked.strata)
    plan = replace(cell.plan, study=replace(cell.plan.study, inference=inference))
    dropped = {} if fit.full is None else {0: fit.full.dropped}
    chosen, on = np.array([cell.member], np.int64), (plan, bench.panel, bench.evaluator, cell.compiled)
    cluster, seed = _cluster(bench, cell), bench.study.seed
    return Context(
        *on, chosen, cluster, draws, seed, dropped, bench.jobs, bench.backend, store=bench.store, alone=chosen
    )


def _cluster(bench: Bench, cell: Cell) -> Ints:
    expression = bench.study.inference.cluster
    if expression is None:
        assert bench.panel.unit_codes is not None
        return bench.panel.unit_codes
    return bench.evaluator.codes((bind(expression.tree, cell.plan.grid.settings[0].scope),))


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell's fit, its random placebos, and (periods, fit) of its timing placebos.

    ``clusters`` are, by periods and vcov, the clusters in which the treatment moved earlier begins, and the word.
    """

    cell: Cell = field(repr=False)
    fit: CellFit = field(repr=False)
    random: Placebos
    earlier: tuple[tuple[int, CellFit], ...] = ()
    clusters: Mapping[int, tuple[tuple[int, str], ...]] = field(default_factory=dict)

    def treated(self, earlier: int, v: int = 0) -> tuple[int, str]:
        """Return how many clusters a timing placebo treats under a vcov, and the word for one."""
        return self.clusters[earlier][v] if earlier in self.clusters else (FEW, "cluster")

    def p_values(self) -> tuple[float, float]:
        """Return the permutation p of the estimate, and of its t."""
        from specdid._describe.curve_tests import p_value as share_as_extreme

        r = self.random
        return share_as_extreme(r.estimate, r.null_estimate), share_as_extreme(r.statistic, r.null_statistic)


def disagreement(placed: Placed, alpha: float) -> Caution | None:
    """Return that errors find an effect at ``alpha`` and placebos do not, or cannot; None where they agree.

    They are at odds where more placebos are as far from zero as chance would give, once in
    twenty, if the permutation p were ``alpha``.
    """
    from scipy.special import bdtrc

    r, p = placed.random, placed.p_values()[0] if len(placed.random.null_p) else np.nan
    if not r.p_value < alpha <= p:
        return None
    draws, found = len(r.null_estimate), f"p {p_is(r.p_value)} by clustered errors"
    further = round(p * (draws + 1)) - 1
    if further > 0 and bdtrc(further - 1, draws, alpha) < ODDS:
        return Caution("serious", "placebo_disagrees", f"{found}, but {p_digits(p)} by permutation")
    return None


def title_of(request: Request) -> str:
    """Return the analysis's name, or what it is."""
    return request.table.name or say("Placebo")


def placebo_words(moved: Sequence[str], strata: Expression | None, bench: Bench) -> str:
    """Say what is dealt out, between whom and by which errors."""
    given = bench.study.inference
    unit = bench.panel.unit or ""
    level = bench.label(given.level.text if given.level is not None else unit)
    cluster = bench.label(given.cluster.text if given.cluster is not None else unit)
    within = say(" within the same {label}", label=bench.label(strata.text)) if strata is not None else ""
    what = said_list([bench.label(m) for m in moved])
    return say(
        "In each placebo every {level} takes the {what} of another {level}{within}, drawn at random, in "
        "all its periods. Standard errors and p are clustered by {cluster}; seed {seed}.",
        level=level,
        what=what,
        within=within,
        cluster=cluster,
        seed=bench.study.seed,
    )


def main_table(bench: Bench, request: Request, cells: Cells, placed: Sequence[Placed], note: str) -> TidyTable:
    """Return a row per cell: the estimate among its placebos."""
    rows: list[tuple[Value, ...]] = []
    for one in placed:
        r, b = one.random, one.random.null_estimate
        message = one.fit.failure or ("; ".join(n.message for n in r.notes) or None)
        lead: tuple[Value, ...] = (*one.cell.labels.values(), r.estimate, r.std_error, r.statistic, r.p_value, r.df)
        if not len(b):
            rows.append((*lead, *(None,) * 10, message))
            continue
        share = float(np.mean(r.null_p < bench.study.inference.alpha))
        quantiles = tuple(float(q) for q in np.quantile(b, QUANTILES))
        spread = float(np.std(b, ddof=1)) if len(b) > 1 else None
        drawn = (len(b), 1 / (len(b) + 1), float(np.mean(b)), spread, *quantiles, share)
        rows.append((*lead, *one.p_values(), *drawn, message))
    return TidyTable((*labels_of(cells), *HEADER), tuple(rows), _printed(bench, request, cells, placed, note))


def draws_table(cells: Cells, placed: Sequence[Placed]) -> TidyTable:
    """Return a row per draw."""
    rows: list[tuple[Value, ...]] = []
    for k, one in enumerate(placed):
        r = one.random
        numbers = np.column_stack([r.null_estimate, r.null_statistic, r.null_p]).tolist()
        rows += [(k + 1, ", ".join(cells.heading(one.cell)), b + 1, *line) for b, line in enumerate(numbers)]
    header = ("column", "specification", "draw", "estimate", "statistic", "p_value")
    return TidyTable(header, tuple(rows), suffix="draws")


def timing_table(bench: Bench, cells: Cells, placed: Sequence[Placed]) -> TidyTable:
    """Return a row per cell, shift and vcov."""
    header = (*labels_of(cells), "periods_earlier", "vcov", *COEFFICIENT, *SIZES, "message")
    rows: list[tuple[Value, ...]] = []
    for one in placed:
        for earlier, fit in one.earlier:
            for v, vcov in enumerate(bench.study.vcov):
                c = fit.coefficient(0, v) if fit.failure is None else None
                lead: tuple[Value, ...] = (*one.cell.labels.values(), earlier, vcov.name)
                n, what = one.treated(earlier, v)
                few = f"{many(n, f'treated {what}')}: errors and p cannot be trusted" if n < FEW else None
                rows.append((*lead, *numbers_of(c), *sizes_of(fit, v), fit.failure or fit.vcov_notes[v] or few))
    return TidyTable(header, tuple(rows), suffix="timing")


def _printed(bench: Bench, request: Request, cells: Cells, placed: Sequence[Placed], note: str) -> PrintTable:
    earlier = _moved(placed)
    errors = [p.random.std_error for p in placed]
    places = decimals([*errors, *(c.std_error for _, found in earlier for c in found if c is not None)])
    real_pairs = [estimate_and_error(p.random.estimate, p.random.std_error, places) for p in placed]

    def drawn_only(write: Callable[[Placed], str]) -> tuple[str, ...]:
        return tuple(write(p) if len(p.random.null_estimate) else "" for p in placed)

    def quantile(q: float) -> tuple[str, ...]:
        return drawn_only(lambda p: number(float(np.quantile(p.random.null_estimate, q)), places))

    real = (
        Row(
            say("Estimate"),
            tuple(estimate for estimate, _ in real_pairs),
            tuple(error for _, error in real_pairs),
        ),
        Row(say("p, clustered"), tuple(p_value(p.random.p_value) for p in placed)),
        Row(say("p, permutation of the estimate"), drawn_only(lambda p: p_value(p.p_values()[0]))),
        Row(say("p, permutation of t"), drawn_only(lambda p: p_value(p.p_values()[1]))),
    )
    alpha = bench.study.inference.alpha
    drawn = (
        Row(say("Placebos: mean"), drawn_only(lambda p: number(float(np.mean(p.random.null_estimate)), places))),
        Row(say("2.5% quantile"), quantile(0.025)),
        Row(say("97.5% quantile"), quantile(0.975)),
        Row(
            say("Share with p below {alpha:g}", alpha=alpha),
            drawn_only(lambda p: number(float(np.mean(p.random.null_p < alpha)))),
        ),
        Row(say("Draws"), tuple(count(len(p.random.null_estimate)) for p in placed)),
    )
    said = [note, say("Standard errors in parentheses.")]
    undrawn = [(k, p) for k, p in enumerate(placed, 1) if not len(p.random.null_estimate)]
    whys: list[tuple[int, str]] = []
    for k, p in undrawn:
        messages = (p.fit.failure,) if p.fit.failure else (note.message for note in p.random.notes)
        whys.append((k, "; ".join(told(message, True) for message in messages)))
    said += of_columns(whys)
    moved = coefficient_rows(earlier, places)
    if moved:
        said.append(say(EARLIER))
        small = {k: [n for n, p in enumerate(placed, 1) if p.treated(k)[0] < FEW] for p in placed for k, _ in p.earlier}
        said += [
            say(
                "{when}: fewer than {few} treated clusters in {columns}, so that errors and p cannot be trusted.",
                when=earlier_words(k),
                few=FEW,
                columns=said_list([f"({n})" for n in columns]),
            )
            for k, columns in small.items()
            if columns
        ]
    blocks = (real, drawn, moved) if moved else (real, drawn)
    return PrintTable(title_of(request), numbered(placed), blocks, spanners(bench, cells), tuple(said))


def _moved(placed: Sequence[Placed]) -> list[Labelled]:
    """Return the effect in each column of the treatment moved earlier."""
    shifts = dict.fromkeys(k for p in placed for k, _ in p.earlier)
    rows: list[Labelled] = []
    for shift in shifts:
        fits = [dict(p.earlier).get(shift) for p in placed]
        found = [f.coefficient() if f is not None and f.failure is None else None for f in fits]
        rows.append((earlier_words(shift), found))
    return rows


def earlier_words(shift: int) -> str:
    """Write a shift: ``1 period earlier``."""
    return say("{shift} period earlier" if shift == 1 else "{shift} periods earlier", shift=shift)


def panel_of(bench: Bench, cells: Cells, placed: Placed, column: int) -> PlaceboPanel:
    """Return a cell's part of the figure."""
    r = placed.random
    p, by_t = placed.p_values()
    share = float(np.mean(r.null_p < bench.study.inference.alpha))
    facts = (
        say("{n:,} placebos", n=len(r.null_estimate)),
        say("permutation p {p} (by t, p {by_t})", p=p_is(p), by_t=p_is(by_t)),
        say("{share} with p < {alpha:g}", share=percent(share, 1), alpha=bench.study.inference.alpha),
    )
    name = cells.shown(placed.cell)
    short, axis = f"({column}) {name}", axis_of(placed.cell)
    return PlaceboPanel(
        name,
        facts,
        r.estimate,
        number(r.estimate),
        r.null_estimate,
        r.null_p,
        short,
        axis,
        scale_of(placed.cell, cells),
    )


def timing_chart(bench: Bench, request: Request, cells: Cells, placed: Sequence[Placed]) -> list[Chart]:
    """Return a forest plot of the actual effect and the shifted ones, where there is one to draw."""
    level = f"{1 - bench.study.inference.alpha:.0%}"
    blocks = []
    for one in placed:
        named = [(ACTUAL, one.fit, False)]
        named += [(earlier_words(k), f, one.treated(k)[0] < FEW) for k, f in one.earlier]
        rows = []
        for label, fit, small in named:
            c = fit.coefficient() if fit.failure is None else None
            known = (np.nan,) * 3 if c is None else (c.estimate, c.conf_low, c.conf_high)
            interval = (
                say("{low} to {high}", low=number(known[1]), high=number(known[2])) if np.isfinite(known[1]) else ""
            )
            facts = (number(known[0]), interval, count(fit.nobs) if c is not None else "")
            name = say(label) if label == ACTUAL else label
            rows.append(forest.ForestRow(name, *known, facts, label == ACTUAL, small and c is not None))
        blocks.append(
            forest.ForestBlock(cells.shown(one.cell), axis_of(one.cell), tuple(rows), scale=scale_of(one.cell, cells))
        )
    if not any(np.isfinite(r.estimate) for b in blocks for r in b.rows):
        return []
    note = say(EARLIER)
    note += say(" {level} intervals (standard errors: {errors}).", level=level, errors=bench.errors)
    blocks, note = blocks[:BLOCKS], note + shown(len(blocks), BLOCKS)
    if any(r.small for b in blocks for r in b.rows):
        note += say(
            " {sign}: fewer than {few} treated units or clusters, so that errors and p cannot be trusted.",
            sign=forest.SMALL_SIGN,
            few=FEW,
        )
    data = forest.ForestData(
        say("{title}: timing", title=title_of(request)),
        (say("effect"), say("{level} interval", level=level), say("rows")),
        tuple(blocks),
        sentences(filter(None, [note.rstrip(), drawn_specification(request, bench.evaluator)])),
    )
    return [Chart("forest", data, "timing")]


ANALYSIS = Analysis(
    "placebo", later("Placebos"), decode, run, check, KEYS, permutes=True, dates=lambda values: "periods" in values
)

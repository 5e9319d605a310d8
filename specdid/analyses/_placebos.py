"""Placebos of a cell: random ones, dealt out by the machinery of the permutation null, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from specdid import _plugins, language
from specdid._study import Expression
from specdid.analyses._base import Bench, Caution, Cell, CellFit, Cells, Chart, Request
from specdid.analyses._fit import COEFFICIENT, SIZES, numbers_of, sizes_of
from specdid.analyses._words import (
    axis_of,
    count,
    decimals,
    in_parentheses,
    labels_of,
    listed,
    number,
    p_is,
    p_value,
    shown,
)
from specdid.analyses.table import spanners
from specdid.engine.problem import Floats, Ints
from specdid.figures import forest
from specdid.figures.placebo_density import PlaceboPanel
from specdid.inference._assignment import made_of
from specdid.inference._base import Context, Null, draw_null
from specdid.language import bind, referenced, write
from specdid.language.tree import Name
from specdid.tables._base import Cell as Value
from specdid.tables._base import PrintTable, Row, TidyTable

NOTHING = "no draw can be compared with its estimate"
WHY = {
    "not_least_squares": "random placebos are for least squares and Sun-Abraham models",
    "not_moved": "its treatment is not made of what is dealt out",
    "costly": "its rows or cohorts move, and estimating it anew in every draw would take too long: ask for fewer",
    "no_cluster_variance": "it has no cluster-robust variance",
}
"""Words for what the null says of many specifications, by its code."""
BLOCKS = 12
ODDS = 0.05
QUANTILES = (0.025, 0.5, 0.975)
HEADER = (
    "estimate", "std_error", "statistic", "p_value", "df", "p_permutation", "p_permutation_t", "draws", "p_least",
    "placebo_mean", "placebo_sd", "placebo_q025", "placebo_q500", "placebo_q975", "placebo_significant", "message",
)  # fmt: skip


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
    compiled = cell.compiled
    places = (int(compiled.members.treatment[cell.member]), int(compiled.cohort[cell.member]))
    return made_of(bench.panel, [b for p in places if p >= 0 for b in compiled.value_recipes[p].bounds])


def draw_placebos(bench: Bench, cell: Cell, fit: CellFit, draws: int, strata: Expression | None) -> Placebos:
    """Estimate a cell under permuted assignments; the draws are those of the study's seed."""
    null: Null = _plugins.load("inference", "permutation")
    if fit.failure is None and (_cluster(bench, cell)[fit.rows] < 0).any():
        return _nothing("the cluster of [inference] is missing in some of its rows")
    found = draw_null(null, _context(bench, cell, fit, draws, strata))
    if not len(found.index):
        left_out = {note.code for note in found.left_out}
        return _nothing(fit.failure or next((words for code, words in WHY.items() if code in left_out), NOTHING))
    df, t = float(found.df[0]), found.null_statistic.of_rows(slice(1))[0]
    notes = found.left_out
    if found.dropped_draws:
        said = f"{found.dropped_draws:,} draws gave no estimate and are left out"
        notes = (*notes, Caution("note", "draws_failed", said))
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
    return Context(
        plan,
        bench.panel,
        bench.evaluator,
        cell.compiled,
        np.array([cell.member], np.int64),
        dropped,
        _cluster(bench, cell),
        draws,
        bench.study.seed,
        bench.jobs,
        bench.backend,
        _quiet,
        bench.store,
    )


def _cluster(bench: Bench, cell: Cell) -> Ints:
    expression = bench.study.inference.cluster
    if expression is None:
        assert bench.panel.unit_codes is not None
        return bench.panel.unit_codes
    return bench.evaluator.codes((bind(expression.tree, cell.plan.grid.settings[0].scope),))


def _quiet(what: str, done: int, total: int) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A cell's fit, its random placebos, and (periods, fit) of its timing placebos."""

    cell: Cell = field(repr=False)
    fit: CellFit = field(repr=False)
    random: Placebos
    earlier: tuple[tuple[int, CellFit], ...] = ()

    def p_values(self) -> tuple[float, float]:
        """Return the permutation p of the estimate, and of its t."""
        from specdid.inference._statistics import p_value as share_as_extreme

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
    draws, found = len(r.null_estimate), f"p {p_value(r.p_value)} by clustered errors"
    further = round(p * (draws + 1)) - 1
    if further > 0 and bdtrc(further - 1, draws, alpha) < ODDS:
        return Caution("serious", "placebo_disagrees", f"{found}, but {p:.3f} by permutation")
    if least_p(draws) >= alpha:
        less = f"{draws:,} draws give no permutation p below {least_p(draws):.3f}"
        return Caution("note", "few_draws", f"{found}; {less}: ask for more draws")
    near = f"{p:.3f} by permutation, which {draws:,} draws do not tell from {alpha:g}"
    return Caution("note", "few_draws", f"{found}, {near}: ask for more draws")


def least_p(draws: int) -> float:
    """Return the least p that so many draws can give: none of them is as far from zero as the estimate."""
    return 1 / (draws + 1)


def title_of(request: Request) -> str:
    """Return the analysis's name, or what it is."""
    return request.table.name or "Placebo"


def placebo_words(moved: Sequence[str], strata: Expression | None, bench: Bench) -> str:
    """Say what is dealt out, between whom and by which errors."""
    given = bench.study.inference
    unit = bench.panel.unit or ""
    level = bench.label(given.level.text if given.level is not None else unit)
    cluster = bench.label(given.cluster.text if given.cluster is not None else unit)
    within = f", within {bench.label(strata.text)}" if strata is not None else ""
    return (
        f"Dealt out again: {listed([bench.label(m) for m in moved])}, between {level}{within}, whole paths at a time; "
        f"standard errors and p clustered by {cluster}; seed {bench.study.seed}."
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
        drawn = (len(b), least_p(len(b)), float(np.mean(b)), spread, *quantiles, share)
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
                lead: tuple[Value, ...] = (*one.cell.labels.values(), earlier, vcov.label or vcov.text)
                rows.append((*lead, *numbers_of(c), *sizes_of(fit, v), fit.failure))
    return TidyTable(header, tuple(rows), suffix="timing")


def _printed(bench: Bench, request: Request, cells: Cells, placed: Sequence[Placed], note: str) -> PrintTable:
    columns = tuple(f"({k})" for k in range(1, len(placed) + 1))
    errors = [p.random.std_error for p in placed]
    places = decimals(errors)
    real = (
        Row(
            "Estimate",
            tuple(number(p.random.estimate, places) for p in placed),
            tuple(in_parentheses(p.random.std_error, places) for p in placed),
        ),
        Row("p, clustered", tuple(p_value(p.random.p_value) for p in placed)),
        Row("p, permutation of the estimate", tuple(p_value(_first(p, 0)) for p in placed)),
        Row("p, permutation of t", tuple(p_value(_first(p, 1)) for p in placed)),
    )
    alpha = bench.study.inference.alpha
    drawn = (
        Row("Placebos: mean", tuple(number(_mean(p), places) for p in placed)),
        *(
            Row(f"{100 * q:g}% quantile", tuple(number(_quantile(p, q), places) for p in placed))
            for q in (0.025, 0.975)
        ),
        Row(f"Share with p below {alpha:g}", tuple(number(_share(p, alpha)) for p in placed)),
        Row("Draws", tuple(count(len(p.random.null_estimate)) for p in placed)),
    )
    said = [note, "Standard errors in parentheses."]
    few = {n for p in placed if (n := len(p.random.null_estimate)) and least_p(n) >= alpha}
    said += [f"{n:,} draws give no permutation p below {least_p(n):.3f}." for n in sorted(few)]
    moved = _printed_timing(placed)
    if moved:
        said.append("Below: the treatment moved earlier, estimated on the rows before the actual treatment.")
    blocks = (real, drawn, moved) if moved else (real, drawn)
    return PrintTable(title_of(request), columns, blocks, spanners(bench, cells), tuple(said))


def _printed_timing(placed: Sequence[Placed]) -> tuple[Row, ...]:
    shifts = dict.fromkeys(k for p in placed for k, _ in p.earlier)
    rows = []
    for shift in shifts:
        fits = [dict(p.earlier).get(shift) for p in placed]
        found = [f.coefficient() if f is not None and f.failure is None else None for f in fits]
        places = decimals(c.std_error for c in found if c is not None)
        rows.append(
            Row(
                earlier_words(shift),
                tuple(number(c.estimate, places) if c else "" for c in found),
                tuple(in_parentheses(c.std_error, places) if c else "" for c in found),
            )
        )
    return tuple(rows)


def earlier_words(shift: int) -> str:
    """Write a shift: ``1 period earlier``."""
    return f"{shift} period{'' if shift == 1 else 's'} earlier"


def _first(placed: Placed, which: int) -> float:
    return placed.p_values()[which] if len(placed.random.null_estimate) else np.nan


def _mean(placed: Placed) -> float:
    return float(np.mean(placed.random.null_estimate)) if len(placed.random.null_estimate) else np.nan


def _quantile(placed: Placed, q: float) -> float:
    return float(np.quantile(placed.random.null_estimate, q)) if len(placed.random.null_estimate) else np.nan


def _share(placed: Placed, alpha: float) -> float:
    return float(np.mean(placed.random.null_p < alpha)) if len(placed.random.null_p) else np.nan


def panel_of(bench: Bench, cells: Cells, placed: Placed, column: int) -> PlaceboPanel:
    """Return a cell's part of the figure."""
    r = placed.random
    p, by_t = placed.p_values()
    share = float(np.mean(r.null_p < bench.study.inference.alpha))
    facts = (
        f"{len(r.null_estimate):,} placebos",
        f"permutation p {p_is(p)} (by t {p_value(by_t)})",
        f"{share:.1%} with p < {bench.study.inference.alpha:g}",
    )
    name = bench.headings(cells, placed.cell)
    return PlaceboPanel(name, facts, r.estimate, number(r.estimate), r.null_estimate, r.null_p, f"({column}) {name}")


def timing_chart(bench: Bench, request: Request, cells: Cells, placed: Sequence[Placed]) -> list[Chart]:
    """Return a forest plot of the actual effect and the shifted ones, where there is one to draw."""
    level = f"{1 - bench.study.inference.alpha:.0%}"
    blocks = []
    for one in placed:
        named = [("Actual", one.fit), *((earlier_words(k), f) for k, f in one.earlier)]
        rows = []
        for label, fit in named:
            c = fit.coefficient() if fit.failure is None else None
            known = (np.nan,) * 3 if c is None else (c.estimate, c.conf_low, c.conf_high)
            interval = f"{number(known[1])} to {number(known[2])}" if np.isfinite(known[1]) else ""
            facts = (number(known[0]), interval, count(fit.nobs) if c is not None else "")
            rows.append(forest.ForestRow(label, *known, facts, label == "Actual"))
        blocks.append(forest.ForestBlock(bench.headings(cells, one.cell), axis_of(one.cell), tuple(rows)))
    if not any(np.isfinite(r.estimate) for b in blocks for r in b.rows):
        return []
    note = (
        "The treatment moved earlier, estimated on rows before the actual treatment; "
        f"{level} intervals (standard errors: {bench.errors})."
    )
    blocks, note = blocks[:BLOCKS], note + shown(len(blocks), BLOCKS)
    data = forest.ForestData(
        f"{title_of(request)}: timing", ("effect", f"{level} interval", "rows"), tuple(blocks), note
    )
    return [Chart("forest", data, "timing")]

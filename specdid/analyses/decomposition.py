"""[decomposition]: what a two-way fixed effects coefficient averages, and with which weights.

Two answers. Every least-squares coefficient of a treatment is a weighted sum of the effects in the treated cells
(unit × period), and weights may be negative: de Chaisemartin and D'Haultfœuille (2020, AER 110, theorem 1 and
corollary 1). With effects of unit and period alone, in a balanced panel, it is a weighted average of
comparisons of two groups in two spans of time, of which some take units treated earlier as controls:
Goodman-Bacon (2021, Journal of Econometrics 225, theorem 1), as R's bacondecomp prints them.

Both are given at [preferred], moved by ``fix`` and ``vary``, and summed up for every least-squares point of the curve.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._format import Key, NumberValue
from specdid._records import Status
from specdid._records.numerals import percent
from specdid._words import later, say, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, CellFit, Cells, Chart, Finding, Request
from specdid.analyses._cells import unable
from specdid.analyses._fit import derive
from specdid.analyses._words import PANELS, count, decimals, labels_of, number, shown, time_name
from specdid.engine.demean import demean, make_absorber
from specdid.engine.problem import Members, Problem
from specdid.figures.decomposition import (
    ALWAYS,
    EARLIER,
    KINDS,
    LATER,
    UNTREATED,
    ComparisonPanel,
    DecompositionData,
    TwoByTwo,
)
from specdid.tables._base import PrintTable, Row, TidyTable, Value

FORBIDDEN = (LATER, ALWAYS)
"""Comparisons whose controls are treated already."""
NEVER, FROM_THE_START = "never treated", "treated from the start"
MUCH = 0.05
"""Negative weights of more than this in sum are a serious warning."""
TINY = 1e-10
"""Weights and shares nearer to zero than this are zero."""
MAIN = (
    "estimate", "treated_cells", "negative_cells", "negative_weight", "heterogeneity", "forbidden_weight",
    "without_forbidden", "message",
)  # fmt: skip
PAIRS = ("treated", "control", "comparison", "estimate", "weight")
NOTE = later(
    "Treated cells are units × periods with treatment. The coefficient is the sum of their effects "
    "times weights that add up to one; where weights are negative it can have another sign than all "
    "of them. The heterogeneity is the least standard deviation of effects across treated cells with "
    "which their average could be zero (de Chaisemartin and D'Haultfœuille 2020)."
)
PAIR_NOTE = later(
    "Weights of the comparisons that the coefficient averages, and below them the comparisons' mean "
    "estimate (Goodman-Bacon 2021). Units treated already are no valid controls where effects change "
    "over time."
)

MOST_OF_CURVE = 2000
"""Specifications of the curve that are decomposed where the table does not say."""

KEYS = (
    Key(
        "specifications",
        NumberValue("0 or more", whole=True, least=0),
        "How many least-squares specifications of the curve are decomposed: of more a seeded random part, 0 for none.",
        "500",
        MOST_OF_CURVE,
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> int:
    """Return how many specifications of the curve are decomposed."""
    return MOST_OF_CURVE if found["specifications"] is None else int(found["specifications"])


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find studies without units or periods, and columns of other estimators than least squares."""
    for missing, code, key in ((bench.panel.unit_codes, "no_unit", "unit"), (bench.periods, "no_time", "time")):
        if missing is None:
            message = f"[decomposition] is over cells of unit and period, and the study declares no {key}"
            yield fault_at(request.table.origin, None, code, message, f'write {key} = "…" in [study]')
            return
    cells = bench.cells(request)
    why = "[decomposition] is of least-squares coefficients of the treatment, not of"
    yield from unable(request, cells, lambda c: c.plain, why, 'fix = { estimator = "feols" } keeps to those')


@dataclass(frozen=True, slots=True)
class CellWeights:
    """The treated cells (unit × period) of a regression: ``weight`` sums to one; ``share`` is each cell's of the rows.

    ``binary``: the treatment is 0 or 1; ``negative``: it takes values below zero, so that weights say nothing.
    """

    weight: Floats
    share: Floats
    binary: bool
    negative: bool

    def heterogeneity(self, estimate: float) -> float:
        """Return the least standard deviation of effects with which their average could be zero; NaN if none can."""
        if not self.binary:
            return float("nan")
        relative = self.weight / self.share
        spread = float(np.sqrt(np.sum(self.share * (relative - 1.0) ** 2)))
        return abs(estimate) / spread if spread > TINY else float("nan")


@dataclass(frozen=True, slots=True)
class Decomposed:
    """One column: ``pairs`` are empty where ``why`` says what stands against them."""

    cell: Cell
    heading: str
    failure: str
    estimate: float = float("nan")
    cells: CellWeights | None = None
    pairs: tuple[TwoByTwo, ...] = ()
    why: str = ""

    def weight_of(self, kinds: Sequence[str]) -> float:
        """Return the weight of comparisons of these kinds, NaN without comparisons."""
        return sum(p.weight for p in self.pairs if p.kind in kinds) if self.pairs else float("nan")

    def mean_of(self, kinds: Sequence[str]) -> float:
        """Return the weighted mean estimate of comparisons of these kinds, NaN where there are none."""
        weight = self.weight_of(kinds)
        return sum(p.estimate * p.weight for p in self.pairs if p.kind in kinds) / weight if weight > TINY else np.nan

    @property
    def below(self) -> Floats:
        """The negative weights."""
        return np.zeros(0) if self.cells is None else self.cells.weight[self.cells.weight < -TINY]

    @property
    def turned(self) -> bool:
        """Whether comparisons with units treated already give the coefficient its sign."""
        clean = self.mean_of((UNTREATED, EARLIER))
        return bool(np.isfinite(clean) and self.weight_of(FORBIDDEN) > TINY and clean * self.estimate < 0)


def run(bench: Bench, request: Request) -> Finding:
    """Decompose every column."""
    cells = bench.cells(request)
    found = [_decompose(bench, cell, cells.shown(cell)) for cell in cells]
    title = request.table.name or say(ANALYSIS.title)
    labels = labels_of(cells)
    main = TidyTable((*labels, *MAIN), tuple(_main_row(d) for d in found), _printed(bench, cells, found, title))
    rows: tuple[tuple[Value, ...], ...] = tuple(
        (*d.cell.labels.values(), p.treated, p.control, p.kind, p.estimate, p.weight) for d in found for p in d.pairs
    )
    pairs = (TidyTable((*labels, *PAIRS), rows, None, "comparisons"),) if rows else ()
    over, cautions, lines = _over_the_curve(bench, request.config)
    return Finding(
        (main, *pairs, *over),
        tuple(_charts(title, found)),
        (*_said(found), *cautions, *cells.notes),
        tuple(lines),
    )


def _decompose(bench: Bench, cell: Cell, heading: str) -> Decomposed:
    if not cell.plain:
        return Decomposed(cell, heading, f"{cell.method} is no least-squares regression on the treatment")
    fit = bench.fit(cell)
    if fit.failure is not None:
        return Decomposed(cell, heading, fit.failure)
    problem, one = derive(cell)
    estimate = float(fit.estimate[0])
    weights = _cell_weights(bench, problem, one, fit)
    why = _not_comparable(bench, problem, one, fit, weights)
    pairs = () if why else comparisons(bench, problem, one, fit.rows)
    return Decomposed(cell, heading, "", estimate, weights, pairs, why)


def _cell_weights(bench: Bench, problem: Problem, one: Members, fit: CellFit) -> CellWeights:
    """Return weights by the treatment's residual (Frisch, Waugh and Lovell), summed in units × periods."""
    rows = fit.rows
    by_row = problem.values[rows, one.weights[0]] if one.weights[0] >= 0 else None
    columns = np.asfortranarray(problem.values[np.ix_(rows, [one.treatment[0], *one.controls_of(0)])])
    treated = columns[:, 0].copy()
    demean(columns, make_absorber(problem, problem.effects[one.effects[0]], rows, by_row))
    root = np.ones(len(rows)) if by_row is None else np.sqrt(by_row)
    scaled = columns * root[:, None]
    fitted = scaled[:, 1:] @ np.linalg.lstsq(scaled[:, 1:], scaled[:, 0], rcond=1e-10)[0]
    residual = (scaled[:, 0] - fitted) * root
    at = treated != 0
    assert bench.panel.unit_codes is not None
    assert bench.periods is not None
    places = bench.panel.unit_codes[rows][at], bench.periods[rows][at]
    cell = np.unique(np.column_stack(places), axis=0, return_inverse=True)[1].reshape(-1)
    weight = np.bincount(cell, residual[at] * treated[at])
    share = np.bincount(cell, (root**2)[at])
    return CellWeights(
        weight / weight.sum(), share / share.sum(), bool(np.isin(treated, (0.0, 1.0)).all()), bool((treated < 0).any())
    )


def _not_comparable(bench: Bench, problem: Problem, one: Members, fit: CellFit, weights: CellWeights) -> str:
    """Say why there are no comparisons of two groups; empty where there are."""
    panel, effects = bench.panel, problem.effects[one.effects[0]]
    fixed = sorted(problem.effect_labels[c] for c in effects.fixed)
    units, periods = panel.unit_codes, bench.periods
    assert units is not None
    assert periods is not None
    if fixed != sorted(filter(None, (panel.unit, panel.time))) or effects.slopes:
        return f"they need the fixed effects `{panel.unit} + {panel.time}` and no others"
    if len(one.controls_of(0)):
        return "with controls the coefficient is no average of comparisons of means alone"
    if one.weights[0] >= 0:
        return "they are of rows that count once each, not of weighted ones"
    if not weights.binary:
        return "they need a treatment of 0 and 1"
    rows = fit.rows
    u, t = np.unique(units[rows], return_inverse=True)[1], np.unique(periods[rows], return_inverse=True)[1]
    seen = np.zeros((u.max() + 1, t.max() + 1), np.int64)
    np.add.at(seen, (u, t), 1)
    if (seen != 1).any():
        lacking = np.count_nonzero((seen != 1).any(axis=1))
        return f"they need one row for each unit and period, which {lacking:,} of {len(seen):,} units have not"
    on = np.zeros(seen.shape)
    on[u, t] = problem.values[rows, one.treatment[0]]
    if (np.diff(on, axis=1) < 0).any():
        return "they need a treatment that stays once it has begun"
    return ""


def comparisons(bench: Bench, problem: Problem, one: Members, rows: Ints) -> tuple[TwoByTwo, ...]:
    """Return all comparisons of two groups, the largest weight first; theorem 1 of Goodman-Bacon (2021)."""
    units, periods = bench.panel.unit_codes, bench.periods
    assert units is not None
    assert periods is not None
    u = np.unique(units[rows], return_inverse=True)[1].reshape(-1)
    _, first_row, t = np.unique(periods[rows], return_index=True, return_inverse=True)
    n, m = int(u.max()) + 1, len(first_row)
    y, on = np.zeros((n, m)), np.zeros((n, m))
    y[u, t], on[u, t] = problem.values[np.ix_(rows, [one.outcome[0], one.treatment[0]])].T
    start = np.where(on.any(axis=1), on.argmax(axis=1), m)  # m: never
    groups = np.unique(start)
    means = {int(g): y[start == g].mean(axis=0) for g in groups}
    size = {int(g): np.count_nonzero(start == g) / n for g in groups}
    treated = {int(g): (m - int(g)) / m for g in groups}
    names = {g: _named(bench, rows[first_row[g]], g) if g < m else NEVER for g in means}
    found: list[tuple[str, str, str, float, float]] = []
    for k in means:
        for other in means:
            if k == other or k in (0, m):
                continue
            both = size[k] * size[other]
            if other == m:
                kind, weight, span = UNTREATED, both * treated[k] * (1 - treated[k]), (0, k, m)
            elif other > k:
                kind, weight, span = EARLIER, both * (treated[k] - treated[other]) * (1 - treated[k]), (0, k, other)
            else:
                kind = ALWAYS if other == 0 else LATER
                weight, span = both * treated[k] * (treated[other] - treated[k]), (other, k, m)
            found.append((names[k], names[other], kind, _difference(means[k] - means[other], *span), weight))
    total = sum(row[-1] for row in found)
    return tuple(sorted((TwoByTwo(*r[:4], r[4] / total) for r in found), key=lambda c: (-c.weight, c.treated)))


def _named(bench: Bench, row: int, place: int) -> str:
    return time_name(bench.panel, int(row)) if place else FROM_THE_START


def _difference(gap: Floats, begin: int, middle: int, end: int) -> float:
    """Return the change of a gap between two groups from [begin, middle) to [middle, end)."""
    return float(gap[middle:end].mean() - gap[begin:middle].mean())


def _main_row(d: Decomposed) -> tuple[Value, ...]:
    lead = tuple(d.cell.labels.values())
    if d.cells is None:
        return (*lead, *(None,) * 7, d.failure)
    why = f"no comparisons: {d.why}" if d.why else None
    return (
        *lead, d.estimate, len(d.cells.weight), len(d.below), float(d.below.sum()), d.cells.heterogeneity(d.estimate),
        d.weight_of(FORBIDDEN), d.mean_of((UNTREATED, EARLIER)), why,
    )  # fmt: skip


def _printed(bench: Bench, cells: Cells, found: Sequence[Decomposed], title: str) -> PrintTable | None:
    known = [d for d in found if d.cells is not None]
    if not known:
        return None
    places = decimals([abs(d.estimate) / 10 for d in known])

    def row(label: str, values: Iterator[float], digits: int) -> Row:
        return Row(label, tuple(number(v, digits) for v in values))

    blocks: list[tuple[Row, ...]] = [
        (
            row(say("Coefficient"), (d.estimate for d in known), places),
            Row(say("Treated cells"), tuple(count(len(d.cells.weight)) for d in known if d.cells)),
            Row(say("of negative weight"), tuple(count(len(d.below)) for d in known), indent=True),
            row(say("Sum of negative weights"), (float(d.below.sum()) for d in known), 3),
            row(say("Heterogeneity"), (d.cells.heterogeneity(d.estimate) for d in known if d.cells), places),
        )
    ]
    notes = [say(NOTE)]
    if any(d.pairs for d in known):
        kinds = [k for k in KINDS if any(d.weight_of([k]) > TINY for d in known)]
        blocks.append(
            tuple(
                Row(
                    _capital(say(_AGAINST[k])),
                    tuple(number(d.weight_of([k])) for d in known),
                    tuple(f"[{number(d.mean_of([k]), places)}]" if d.weight_of([k]) > TINY else "" for d in known),
                )
                for k in kinds
            )
        )
        notes.append(say(PAIR_NOTE))
    lacking = dict.fromkeys(d.why for d in known if d.why)
    notes += [say("No comparisons: {why}.", why=told(why, True)) for why in lacking]
    spans = tuple(" · ".join(cells.heading(d.cell)) for d in known)
    return PrintTable(title, tuple(bench.label(s) for s in spans), tuple(blocks), notes=tuple(notes))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_AGAINST = {
    UNTREATED: later("treated against untreated"),
    EARLIER: later("earlier treated against later treated"),
    LATER: later("later treated against earlier treated"),
    ALWAYS: later("later treated against always treated"),
}


def _charts(title: str, found: Sequence[Decomposed]) -> Iterator[Chart]:
    drawn = [d for d in found if d.pairs]
    if drawn:
        panels = tuple(ComparisonPanel(d.heading, d.estimate, d.pairs) for d in drawn[:PANELS])
        note = say("The coefficient is the weighted mean of all comparisons.") + (shown(len(drawn)))
        yield Chart("decomposition", DecompositionData(title, panels, note))


def _said(found: Sequence[Decomposed]) -> Iterator[Caution]:
    for d in found:
        if d.cells is None:
            yield Caution("note", "not_estimated", f"{d.heading}: {d.failure}")
            continue
        if d.cells.negative:
            said = "the treatment takes values below zero, so that signs of weights say nothing"
            yield Caution("note", "negative_treatment", f"{d.heading}: {said}")
        elif len(d.below):
            told = (
                f"{d.heading}: {len(d.below):,} of {len(d.cells.weight):,} treated cells with negative weights, "
                f"{number(float(d.below.sum()))} in sum: the coefficient need not have the sign of the effects"
            )
            yield Caution("serious" if d.below.sum() < -MUCH else "note", "negative_weights", told)
        clean = d.mean_of((UNTREATED, EARLIER))
        if d.turned:
            told = (
                f"{d.heading}: comparisons with units treated already turn the coefficient's sign, "
                f"which is {number(clean)} without them"
            )
            yield Caution("serious", "forbidden_comparisons", told)


def _over_the_curve(bench: Bench, most: int) -> tuple[tuple[TidyTable, ...], list[Caution], list[str]]:
    """Decompose the curve's least-squares specifications, or a seeded part of them."""
    curve = bench.curve
    if curve is None or not most:
        return (), [], []
    members = curve.compiled.members
    plain = members.index[curve.compiled.batched & (members.sunab < 0)]
    every = np.sort(plain[curve.results.status[plain] == Status.OK])
    places = bench.part(every, most)
    found = [_alone(bench, cell) for cell in curve.cells(places)]
    if not found:
        return (), [], []
    rows = tuple(
        (place + 1, curve.results.planned.spec_id(place), *_main_row(d))
        for place, d in zip(places.tolist(), found, strict=True)
    )
    names = tuple(d.name for d in curve.plan.dimensions)
    table = TidyTable(("index", "spec_id", *names, *MAIN), rows, suffix="curve")
    said = []
    if len(every) > len(found):
        said.append(
            Caution(
                "note",
                "decomposition_part",
                f"{len(found):,} of {len(every):,} least-squares specifications are decomposed, drawn by the seed: "
                f"`specifications = {len(every)}` asks for all",
            )
        )
    for why in dict.fromkeys(d.failure for d in found if d.failure):
        n = sum(d.failure == why for d in found)
        many = f"{n:,} specification{'s are' if n > 1 else ' is'} not decomposed"
        said.append(Caution("note", "not_estimated", f"{many}: {why}", specifications=n))
    known = [d for d in found if d.cells is not None and not d.cells.negative]
    deep = sum(d.below.sum() < -MUCH for d in known)
    if deep:
        told = (
            f"in {deep:,} of {len(known):,} least-squares specifications of the curve treated cells have negative "
            f"weights of more than {MUCH:g} in sum: their coefficients need not have the sign of the effects"
        )
        said.append(Caution("serious", "negative_weights", told, specifications=int(deep)))
    pairs = [d for d in known if d.pairs]
    turned = sum(d.turned for d in pairs)
    if turned:
        told = (
            f"in {turned:,} of {len(pairs):,} least-squares specifications of the curve comparisons with units treated "
            "already turn the coefficient's sign"
        )
        said.append(Caution("serious", "forbidden_comparisons", told, specifications=turned))
    return (table,), said, list(_curve_lines(known, pairs, int(deep), turned))


def _alone(bench: Bench, cell: Cell) -> Decomposed:
    try:
        return _decompose(bench, cell, "")
    except Exception as error:  # one specification must not be the end of the others
        return Decomposed(cell, "", f"{type(error).__name__}: {error}".replace("\n", " "))


def _curve_lines(known: Sequence[Decomposed], pairs: Sequence[Decomposed], deep: int, turned: int) -> Iterator[str]:
    if known:
        some = sum(len(d.below) > 0 for d in known)
        yield ""
        yield say(
            "Of {n:,} least-squares specifications of the curve {some:,} ({share}) have treated cells with "
            "negative weights, {deep:,} of them more than {much:g} in sum; the median sum is {median}.",
            n=len(known),
            some=some,
            share=percent(some / len(known)),
            deep=deep,
            much=MUCH,
            median=number(float(np.median([d.below.sum() for d in known]))),
        )
    if pairs:
        weights = [d.weight_of(FORBIDDEN) for d in pairs]
        yield say(
            "{n:,} of them average comparisons of two groups: those with units treated already have a median weight of "
            "{median}, {most} at the most, and in {turned:,} the coefficient has another sign without them.",
            n=len(pairs),
            median=percent(float(np.median(weights))),
            most=percent(max(weights)),
            turned=turned,
        )


ANALYSIS = Analysis(
    "decomposition", later("What the coefficient averages"), decode, run, check, KEYS,
    doc="Weights of a two-way fixed effects coefficient: of treated cells, and of comparisons of two "
"groups. Over the curve, which share of its least-squares points has negative weights.",
)  # fmt: skip

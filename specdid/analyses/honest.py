"""[honest]: how far parallel trends may fail before the effect cannot be told from zero.

Rambachan and Roth (2023): robust sets for one effect of an event study under bounds on how the difference between
treated and untreated would have moved anyway, and the bound at which zero enters. At [preferred] sets for the bounds
written; over the curve the breakdown value of every specification that has an event study.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault
from specdid._format import Either, Key, Many, NumberValue, Word
from specdid._records import CODES, Status
from specdid._records.cautions import capital
from specdid._records.numerals import percent
from specdid._words import say, sentences, told
from specdid.analyses import event_study
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Chart, Finding, Request
from specdid.analyses._cells import drawn_specification
from specdid.analyses._event_paths import EventPath, EventStudyConfig, clock_of, path
from specdid.analyses._event_paths import check as check_event_study
from specdid.analyses._honest_bounds import MOST, Estimates, RelativeMagnitudes, Smoothness
from specdid.analyses._words import PANELS, axis_of, decimals, estimate_and_error, labels_of, listed, number, scale_of
from specdid.analyses.table import numbered, spanners
from specdid.engine.ssc import critical_values
from specdid.figures._curve_data import SURVIVES, Breakdowns
from specdid.figures.honest import HonestData, HonestPanel, other_side
from specdid.tables._base import PrintTable, Row, TidyTable, Value

RELATIVE, SMOOTH, PARALLEL = "relative magnitudes", "smoothness", "parallel trends"
SIGNS = {RELATIVE: "M̄", SMOOTH: "M"}
FEW_DF = 40.0
"""Degrees of freedom below which it is said that normal critical values are too small (tests/bench/honest.py)."""
SINGULAR = 1e-10
"""Correlations whose least eigenvalue is smaller are of a singular covariance."""
MOST_OF_CURVE = 2000
"""Specifications of the curve that get breakdown values where the table does not say."""
EFFECTS = ("first", "average")
HEADER = (
    "effect", "restriction", "bound", "estimate", "std_error", "conf_low", "conf_high", "breakdown", "periods_before",
    "periods_after", "message",
)  # fmt: skip
OVER_CURVE = (
    "effect", "estimate", "std_error", "conf_low", "conf_high", "periods_before", "periods_after",
    "breakdown_relative_magnitudes", "survives", "breakdown_smoothness", "message",
)  # fmt: skip

KEYS = (
    Key(
        "relative_magnitudes",
        Many(NumberValue("0 or more", least=0)),
        "Bounds M̄: from one period to the next the difference in trends changes after the reference by at most M̄ times "
        "its largest change before.",
        "[0.5, 1, 1.5, 2]",
        (0.5, 1.0, 1.5, 2.0),
    ),
    Key(
        "smoothness",
        Many(NumberValue("0 or more", least=0)),
        "Bounds M: the slope of the difference in trends changes by at most M from one period to the next, in units of "
        "the outcome.",
        "[0, 0.01]",
        (),
        otherwise="the breakdown value alone",
    ),
    Key(
        "effect",
        Either((Word(EFFECTS), NumberValue("0 or more", whole=True, least=0))),
        "The effect asked for: of the first treated period, of so many periods after it, or their average.",
        '"average"',
        "first",
    ),
    Key(
        "specifications",
        NumberValue("0 or more", whole=True, least=0),
        "How many specifications of the curve get breakdown values: of more a seeded random part, 0 for none.",
        "500",
        MOST_OF_CURVE,
    ),
    *(key for key in event_study.KEYS if key.name != "time"),
)


@dataclass(frozen=True, slots=True)
class HonestConfig:
    """The table's keys; ``effect`` is one of EFFECTS or a relative period; ``event`` is the event study's."""

    bounds: tuple[float, ...]
    slopes: tuple[float, ...]
    effect: str | int
    most: int
    event: EventStudyConfig

    @property
    def words(self) -> str:
        """The effect as tables name it."""
        return self.effect if isinstance(self.effect, str) else f"period {self.effect}"


def decode(found: Mapping[str, Any], table: Table) -> HonestConfig:
    """Take an effect inside the window."""
    event = event_study.decode({**found, "time": "relative"}, table)
    effect = "first" if found["effect"] is None else found["effect"]
    item = table.get("effect")
    if item is not None and isinstance(effect, int) and event.window is not None and effect > event.window[1]:
        table.log.add(
            item.origin, "out_of_range", f"period {effect} is after the window, which ends at {event.window[1]}"
        )
    bounds, slopes = (tuple(sorted(found[name] or ())) for name in ("relative_magnitudes", "smoothness"))
    most = MOST_OF_CURVE if found["specifications"] is None else found["specifications"]
    return HonestConfig(bounds, slopes, effect, most, event)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find what an event study lacks."""
    yield from check_event_study(bench, replace(request, config=request.config.event))


@dataclass(frozen=True, slots=True)
class Bounded:
    """The effect of a cell with what it takes for bounds, or the reason why there are none.

    Attributes
    ----------
    rough : why the slope has no bounds, where changes have
    path : the event study
    notes : what of it is not used, or changed
    """

    cell: Cell = field(repr=False)
    failure: str = ""
    estimates: Estimates | None = field(default=None, repr=False)
    rough: str = ""
    path: EventPath | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def conventional(self) -> tuple[float, float]:
        """Return the interval under parallel trends, as the study reports its intervals."""
        assert self.estimates is not None
        assert self.path is not None
        margin = float(critical_values(np.array([self.path.df[0]]), self.estimates.alpha)[0]) * self.estimates.std_error
        return self.estimates.effect - margin, self.estimates.effect + margin


def bounded(bench: Bench, cell: Cell, config: HonestConfig) -> Bounded:
    """Estimate a cell's event study, and take from it what the restrictions are of."""
    if bench.cohort(cell) is None:
        return Bounded(cell, "the treatment has no cohort, so there is no event study")
    if not np.isfinite(bench.cohort(cell)[bench.in_sample(cell) & np.isfinite(bench.outcome(cell))]).any():  # type: ignore[index]
        return Bounded(cell, "no treated unit is in the sample")
    clock = clock_of(bench, cell, config.event)
    found = path(bench, cell, clock)
    if found.failure is not None:
        if never := _plugins.load("estimators", cell.method).untestable:
            return Bounded(cell, never)
        return Bounded(cell, found.failure)
    if doubt := found.doubt():
        return Bounded(cell, doubt, path=found)
    levels = from_reference(found)
    if isinstance(levels, str):
        return Bounded(cell, levels, path=found)
    made = _consecutive(found, levels, config, bench.study.inference.alpha)
    return Bounded(cell, made, path=found) if isinstance(made, str) else replace(made, cell=cell, path=found)


@dataclass(frozen=True, slots=True)
class Levels:
    """Estimates measured from ``reference``: ``estimate`` (m,) of ``periods`` (m,), ``vcov`` (m, m)."""

    reference: int
    periods: Ints
    estimate: Floats
    vcov: Floats = field(repr=False)
    note: str = ""


def from_reference(found: EventPath) -> Levels | str:
    """Return a path's estimates as differences from one reference period, or why they are none.

    Leads that are changes since the period before each are summed. Leads of the imputation estimators are none: those
    of did2s are residuals of a fit that has taken a part of them into its period effects, those of did_imputation
    coefficients on other rows than the effects' (Roth 2024, Interpreting event-studies from recent
    difference-in-differences methods).
    """
    at = {int(k): place for place, k in enumerate(found.periods)}
    reference, method = found.clock.reference, found.cell.method
    rows: dict[int, Floats] = {}
    unit = np.eye(len(found.periods))
    note = ""
    if found.references and found.untestable:
        return found.untestable
    if len(found.references) == 1:
        reference = found.references[0]
        rows = {k: unit[place] for k, place in at.items()}
    elif len(found.references) > 1:
        zero = listed([found.clock.text(k) for k in found.references])
        return f"periods {zero} are all zero by construction, so that the changes between them are not known"
    elif found.from_previous and reference not in at:
        return f"the reference period {found.clock.text(reference)} has no estimate"
    elif found.from_previous:
        rows = {k: unit[place] for k, place in at.items() if k > reference}
        total, k = np.zeros(len(unit)), reference
        while k in at:
            total = total - unit[at[k]]
            k -= 1
            rows[k] = total
        note = f"leads of {method}, changes since the period before each, are summed to differences from the reference"
    else:
        told = f" ({found.notes[0]})" if found.notes else ""
        return f"leads and effects of {method} are not changes from one period{told}; sunab, csdid and feols have such"
    periods = np.array(sorted(rows))
    if not len(periods):
        return "there is no period but the reference"
    matrix = np.array([rows[int(k)] for k in periods])
    blank = np.isnan(np.diagonal(found.vcov[0]))
    vcov = matrix[:, ~blank] @ found.vcov[0][np.ix_(~blank, ~blank)] @ matrix[:, ~blank].T
    vcov[(matrix[:, blank] != 0).any(axis=1)] = np.nan
    return Levels(reference, periods, matrix @ found.estimate, vcov, note)


def _consecutive(found: EventPath, levels: Levels, config: HonestConfig, alpha: float) -> Bounded | str:
    """Take the single periods next to the reference without a gap, and the effect asked for."""
    clock = found.clock
    known = levels.periods[~np.isnan(np.diagonal(levels.vcov))]
    usable = {int(k) for k in known} - set(found.bins)
    before: list[int] = []
    after: list[int] = []
    k = levels.reference - 1
    while k in usable:
        before.insert(0, k)
        k -= 1
    k = levels.reference + 1
    while k in usable:
        after.append(k)
        k += 1
    if levels.reference in found.bins:
        return "the reference is a bin of several periods: begin the window earlier"
    if not before:
        return "there is no single period before the reference next to it, so that no change before is known"
    treated = [k for k in after if k >= clock.start]
    wanted = treated if config.effect == "average" else [0 if config.effect == "first" else int(config.effect)]
    if not wanted or not set(wanted) <= set(treated):
        lacking = clock.text(wanted[0]) if wanted else "0"
        why = "a bin of several periods" if wanted and wanted[0] in found.bins else "not estimated, or after a gap"
        return f"the effect in period {lacking} has no bounds: it is {why}"
    places = np.searchsorted(levels.periods, [*before, *after])
    weights = np.array([1.0 / len(wanted) if k in wanted else 0.0 for k in after])
    vcov = levels.vcov[np.ix_(places, places)]
    p = len(before)
    one = Estimates(levels.estimate[places[:p]], levels.estimate[places[p:]], vcov, weights, alpha)
    if not np.isfinite(vcov).all() or not one.std_error > 0:
        return "the effect has no standard error"
    spread = np.sqrt(np.diag(vcov))
    if not (spread > 0).all() or not (_changes_variance(vcov, p) > 0).all():
        return "changes between periods have no variance"
    values = np.linalg.eigvalsh(vcov / np.outer(spread, spread))
    rough = ""
    if values[0] < SINGULAR:
        rough = f"the covariance of the {len(vcov)} estimates is singular, with {found.n_clusters[0]} clusters"
    notes = [*filter(None, (levels.note,)), *found.notes]
    away = sorted({int(k) for k in levels.periods} - {*before, *after})
    if away:
        bins = [k for k in away if k in found.bins]
        gaps = [k for k in away if k not in bins]
        if bins:
            ends = "which holds what lies beyond it" if len(bins) == 1 else "which hold what lies beyond them"
            notes.append(f"without period {listed([clock.text(k) for k in bins])}, {ends}")
        if gaps:
            notes.append(f"without period {listed([clock.text(k) for k in gaps])}, beyond a gap or a bin")
    if any(k < clock.start for k in after):
        notes.append(
            "periods between the reference and adoption count as changes after it, with effects of anticipation"
        )
    return Bounded(found.cell, "", one, rough, notes=tuple(notes))


def _changes_variance(vcov: Floats, p: int) -> Floats:
    changes = np.diff(np.insert(np.eye(len(vcov)), p, 0.0, axis=0), axis=0)
    return np.asarray(np.einsum("jk,kl,jl->j", changes, vcov, changes))


@dataclass(frozen=True, slots=True)
class Column:
    """What is found of one cell: sets by bound, and breakdown values (NaN: there is none, as ``none`` says).

    ``drawn`` are the sets of the figure: always also that at 0.
    """

    of: Bounded
    sets: Mapping[str, tuple[tuple[float, float, float], ...]]
    breakdown: Mapping[str, float]
    again: tuple[str, ...] = ()
    drawn: Mapping[str, tuple[tuple[float, float, float], ...]] = field(default_factory=dict)
    none: Mapping[str, str] = field(default_factory=dict)

    @property
    def turned(self) -> bool:
        """Whether the set at M = 0 lies on the other side of zero from the estimate."""
        return SMOOTH in self.none and self.none[SMOOTH] != _inside(SMOOTH)


def run(bench: Bench, request: Request) -> Finding:
    """Bound every column, and find the breakdown values of the curve."""
    config: HonestConfig = request.config
    cells = bench.cells(request)
    columns = [_column(bounded(bench, cell, config), config) for cell in cells]
    main = TidyTable(
        (*labels_of(cells), *HEADER),
        tuple(row for one in columns for row in _rows(one, config)),
        _printed(bench, request, cells, columns, config),
    )
    over, breakdowns, told, lines = _over_the_curve(bench, config)
    return Finding(
        (main, *over),
        tuple(_charts(bench, request, cells, columns, config)),
        (*_said(cells, columns, config), *told, *cells.notes),
        tuple(lines),
        breakdowns,
    )


def _column(of: Bounded, config: HonestConfig) -> Column:
    if of.estimates is None:
        return Column(of, {}, {})
    relative, smooth = RelativeMagnitudes(of.estimates), Smoothness(of.estimates)
    sets = {RELATIVE: tuple((m, *relative.confidence_set(m)) for m in config.bounds)}
    found, none = {RELATIVE: relative.breakdown()}, {}
    if not of.rough:
        sets[SMOOTH] = tuple((m, *smooth.confidence_set(m)) for m in config.slopes)
        found[SMOOTH] = smooth.breakdown()
        # A set under relative magnitudes always holds the estimate, so that only this one can be of the other sign.
        if said := other_side(of.estimates.effect, *smooth.confidence_set(0.0)):
            found[SMOOTH], none[SMOOTH] = (np.nan, False), said
    drawn = dict(sets)
    for name, bounds in ((RELATIVE, relative), (SMOOTH, smooth)):
        if sets.get(name) and all(m for m, *_ in sets[name]):
            drawn[name] = ((0.0, *bounds.confidence_set(0.0)), *sets[name])
    again = tuple(k for k, (_, more) in found.items() if more)
    values = {k: v for k, (v, _) in found.items()}
    none = {k: _inside(k) for k, v in values.items() if np.isnan(v)} | none
    return Column(of, sets, values, again, drawn, none)


def _rows(one: Column, config: HonestConfig) -> Iterator[tuple[Value, ...]]:
    lead: tuple[Value, ...] = (*one.of.cell.labels.values(), config.words)
    study = one.of.estimates
    if study is None:
        yield (*lead, *(None,) * (len(HEADER) - 2), one.of.failure)
        return
    shared = (study.effect, study.std_error)
    size = (len(study.pre), len(study.post))
    yield (*lead, PARALLEL, None, *shared, *one.of.conventional(), None, *size, "; ".join(one.of.notes) or None)
    for name, sets in one.sets.items():
        value = one.breakdown[name]
        why = _no_breakdown(one, name)
        if name in one.again:
            why = "; ".join(filter(None, (why, "zero is outside again at a larger bound")))
        for bound, low, high in sets:
            yield (*lead, name, bound, *shared, low, high, _finite(value), *size, why or None)
    if one.of.rough:
        yield (*lead, SMOOTH, None, *shared, None, None, None, *size, one.of.rough)
    elif not one.sets[SMOOTH]:
        value = one.breakdown[SMOOTH]
        yield (*lead, SMOOTH, None, *shared, None, None, _finite(value), *size, _no_breakdown(one, SMOOTH) or None)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _inside(name: str) -> str:
    return f"zero is inside at {SIGNS[name]} = 0"


def _no_breakdown(one: Column, name: str) -> str:
    """Say why there is no breakdown value."""
    if name in one.none:
        return one.none[name]
    return f"zero is outside up to {SIGNS[name]} = {MOST:g}" if np.isinf(one.breakdown.get(name, 0.0)) else ""


def _printed(
    bench: Bench, request: Request, cells: Cells, columns: Sequence[Column], config: HonestConfig
) -> PrintTable | None:
    known = [c for c in columns if c.of.estimates is not None]
    if not known:
        return None
    places = decimals([c.of.estimates.std_error for c in known if c.of.estimates])

    def interval(ends: tuple[float, float] | None) -> str:
        return "" if ends is None or np.isnan(ends[0]) else f"[{number(ends[0], places)}, {number(ends[1], places)}]"

    pairs = [
        estimate_and_error(c.of.estimates.effect, c.of.estimates.std_error, places) if c.of.estimates else ("", "")
        for c in columns
    ]
    blocks: list[tuple[Row, ...]] = [
        (
            Row(say("Effect"), tuple(a for a, _ in pairs), tuple(b for _, b in pairs)),
            Row(
                say("Parallel trends"),
                tuple(interval(c.of.conventional() if c.of.estimates else None) for c in columns),
            ),
        )
    ]
    for name, bounds, sign in ((RELATIVE, config.bounds, "M̄"), (SMOOTH, config.slopes, "M")):
        rows = [Row(f"{sign} = {bound:g}", tuple(interval(_ends(c, name, bound)) for c in columns)) for bound in bounds]
        rows.append(Row(say("Breakdown {sign}", sign=sign), tuple(_breakdown_text(c, name, places) for c in columns)))
        blocks.append(tuple(rows))
    sizes = [c.of.estimates for c in columns]
    blocks.append(
        (
            Row(say("Periods before"), tuple(str(len(s.pre)) if s else "" for s in sizes)),
            Row(say("Periods after"), tuple(str(len(s.post)) if s else "" for s in sizes)),
        )
    )
    return PrintTable(
        _title(request), numbered(columns), tuple(blocks), spanners(bench, cells), tuple(_notes(bench, columns, config))
    )


def _ends(one: Column, name: str, bound: float) -> tuple[float, float] | None:
    for at, low, high in one.sets.get(name, ()):
        if at == bound:
            return low, high
    return None


def _breakdown_text(one: Column, name: str, places: int) -> str:
    if name not in one.breakdown:
        return ""
    value = one.breakdown[name]
    if np.isnan(value):
        return say("none")
    if np.isinf(value):
        return f"> {MOST:g}"
    return number(value, 2 if name == RELATIVE else places + 1)


def _title(request: Request) -> str:
    title = say("Sensitivity to failing parallel trends")
    return f"{title}: {request.table.name}" if request.table.name else title


def _effect_words(config: HonestConfig) -> str:
    if config.effect == "first":
        return say("The effect is that of the first treated period.")
    if config.effect == "average":
        return say("The effect is the average of all single periods after adoption.")
    return say("The effect is that of period {k} after the first treated one.", k=config.effect)


def _notes(bench: Bench, columns: Sequence[Column], config: HonestConfig) -> Iterator[str]:
    yield _effect_words(config)
    yield say(
        "{level} robust sets of Rambachan and Roth (2023). M̄: from one period to the next the difference in trends "
        "changes after the reference by at most M̄ times its largest change before (C-LF). M: its slope changes by at "
        "most M (shortest interval of fixed length).",
        level=f"{1 - bench.study.inference.alpha:.0%}",
    )
    yield say(
        "The breakdown value is the bound up to which zero stays outside; none: it is inside at a bound of 0, or the "
        "set there lies on the other side of zero from the estimate."
    )
    yield say(
        "The interval under parallel trends has standard errors by {errors}; the robust sets take estimates as normal.",
        errors=bench.errors,
    )
    yield from dict.fromkeys(say("{sample}.", sample=capital(told(n, True))) for c in columns for n in c.of.notes)


def _charts(
    bench: Bench, request: Request, cells: Cells, columns: Sequence[Column], config: HonestConfig
) -> Iterator[Chart]:
    panels = []
    for one in columns:
        study = one.of.estimates
        if study is None:
            continue
        for name, sets in one.drawn.items():
            if sets:
                bound, low, high = (np.array(x) for x in zip(*sets, strict=True))
                base = (study.effect, *one.of.conventional())
                heading = cells.shown(one.of.cell)
                sort, end = name == RELATIVE, one.breakdown[name]
                axis, scale = axis_of(one.of.cell), scale_of(one.of.cell, cells)
                panels.append(HonestPanel(heading, sort, bound, low, high, base, end, axis, scale))
    if panels:
        level = f"{1 - bench.study.inference.alpha:.0%}"
        note = sentences(
            filter(None, [_effect_words(config), _at_zero(columns), drawn_specification(request, bench.evaluator)])
        )
        yield Chart("honest", HonestData(_title(request), tuple(panels[:PANELS]), level, note, len(panels)))


def _at_zero(columns: Sequence[Column]) -> str:
    """Say what the set at M̄ = 0 is, where honest.csv has none."""
    if not any(len(c.drawn.get(RELATIVE, ())) > len(c.sets.get(RELATIVE, ())) for c in columns):
        return ""
    return say("At M̄ = 0 it is parallel trends again, with normal errors; honest.csv has the bounds asked for alone.")


def _said(cells: Cells, columns: Sequence[Column], config: HonestConfig) -> Iterator[Caution]:
    for one in columns:
        words = cells.shown(one.of.cell)
        if one.of.estimates is None:
            yield Caution("note", "not_estimated", f"{words}: {one.of.failure}")
            continue
        if one.of.rough:
            yield Caution("note", "not_estimated", f"{words}: no bounds on the slope, since {one.of.rough}")
        if one.of.path is not None and one.of.path.df[0] < FEW_DF:
            said = (
                f"robust sets take estimates as normal with a known covariance, which {one.of.path.df[0]:g} degrees of "
                "freedom are few for: they may be too narrow, above all those under smoothness"
            )
            yield Caution("note", "honest_few_clusters", f"{words}: {said}")
        value = one.breakdown[RELATIVE]
        low, high = one.of.conventional()
        if (low > 0 or high < 0) and not value >= SURVIVES:
            at = "0" if np.isnan(value) else number(value, 2)
            yield Caution(
                "serious",
                "honest_breakdown",
                f"{words}: the {_of(config)} differs from zero under parallel trends, but zero enters the robust set "
                f"at M̄ = {at}: a change after adoption {at} times as large as the largest before would do",
            )
        if one.turned:
            yield Caution("serious", "honest_other_sign", f"{words}: {one.none[SMOOTH]}")
        for name in one.again:
            yield Caution("note", "honest_again", f"{words}: under {name} zero is outside again at a larger bound")


def _of(config: HonestConfig) -> str:
    return {"first": "first effect", "average": "average effect"}.get(str(config.effect), f"effect in {config.words}")


def _over_the_curve(
    bench: Bench, config: HonestConfig
) -> tuple[tuple[TidyTable, ...], Breakdowns | None, list[Caution], list[str]]:
    """Find the breakdown values of the curve's specifications, or of a seeded part of them.

    Specifications of one estimate may have event studies that differ, by leads that the estimate does not read: of a
    point all are bounded, whichever of them has the number.
    """
    curve = bench.curve
    if curve is None or not config.most:
        return (), None, [], []
    places = np.flatnonzero(curve.results.status == Status.OK)
    of, places = len(places), bench.part(places, config.most)
    points = len(places)
    again = np.flatnonzero((curve.results.code == CODES.index("same_model")) & np.isin(curve.results.twin, places))
    others = bench.part(again, config.most - points)
    places = np.sort(np.concatenate([places, others]))
    values = np.full(len(curve.results.status), np.nan)
    known = np.zeros(len(values), bool)
    rows: list[tuple[Value, ...]] = []
    reasons: dict[str, int] = {}
    for place, cell in zip(places.tolist(), curve.cells(places), strict=True):
        row, value, why = _breakdown_row(bench, cell, config)
        lead: tuple[Value, ...] = (place + 1, curve.results.planned.spec_id(place), *cell.labels.values(), config.words)
        rows.append((*lead, *row))
        known[place] = not why
        values[place] = value
        if why:
            reasons[why] = reasons.get(why, 0) + 1
    names = tuple(d.name for d in curve.plan.dimensions)
    table = TidyTable(("index", "spec_id", *names, *OVER_CURVE), tuple(rows), suffix="breakdown")
    found = Breakdowns(values, known, config.words).of_points(curve.results.twin)
    said = []
    if of + len(again) > len(places):
        said.append(
            Caution(
                "note",
                "honest_part",
                f"breakdown values are of {len(places):,} of {of + len(again):,} specifications, drawn by the seed: "
                f"`specifications = {of + len(again)}` asks for all",
            )
        )
    for why, count in reasons.items():
        many = f"{count:,} specification{'s have' if count > 1 else ' has'} no breakdown value"
        said.append(Caution("note", "not_estimated", f"{many}: {why}", specifications=count))
    return (table,), found if known.any() else None, said, _curve_lines(found, of, config)


def _breakdown_row(bench: Bench, cell: Cell, config: HonestConfig) -> tuple[tuple[Value, ...], float, str]:
    """Return a line of the table, the breakdown value under relative magnitudes, and why there is none."""
    try:
        one = bounded(bench, cell, config)
        found = _column(one, replace(config, bounds=(), slopes=()))
    except Exception as error:  # one specification must not be the end of the others
        said = f"{type(error).__name__}: {error}".replace("\n", " ")
        return (*(None,) * (len(OVER_CURVE) - 2), said), np.nan, said
    study = one.estimates
    if study is None:
        return (*(None,) * (len(OVER_CURVE) - 2), one.failure), np.nan, one.failure
    value, smooth = found.breakdown[RELATIVE], found.breakdown.get(SMOOTH, np.nan)
    none = (_no_breakdown(found, name) for name in found.breakdown)
    said = "; ".join(filter(None, (*none, one.rough, *one.notes)))
    row: tuple[Value, ...] = (
        study.effect, study.std_error, *one.conventional(), len(study.pre), len(study.post), _finite(value),
        bool(value >= SURVIVES), _finite(smooth), said or None,
    )  # fmt: skip
    return row, value, ""


def _curve_lines(found: Breakdowns, of: int, config: HonestConfig) -> list[str]:
    n = int(found.known.sum())
    if not n:
        return ["", say("No specification of the curve ({of:,}) has an event study with bounds.", of=of)]
    values = found.values[found.known]
    survive, none = int((values >= SURVIVES).sum()), int(np.isnan(values).sum())
    return [
        "",
        say(
            "Of {of:,} specifications of the curve {n:,} are assessed by the {effect}. In {survive:,} of them "
            "({share}) zero stays outside at M̄ = {bound:g}, a change after adoption as large as the largest "
            "before; in {none:,} it is inside at M̄ = 0 already. The median breakdown value is {median}.",
            of=of,
            n=n,
            effect=told(_of(config)),
            survive=survive,
            share=percent(survive / n),
            bound=SURVIVES,
            none=none,
            median=number(float(np.median(np.nan_to_num(values, nan=0.0))), 2),
        ),
    ]


ANALYSIS = Analysis(
    "honest", "Sensitivity to failing parallel trends", decode, run, check, KEYS,
    doc="Robust sets of Rambachan and Roth (2023) for an effect, and breakdown values over the curve.",
    dates=lambda values: True,
)  # fmt: skip

"""What a referee would ask, and where a run contradicts itself: samples, scales, estimands, controls, signs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Floats, Ints, extreme_power
from specdid._columns import Core
from specdid._describe.choices import joint_codes
from specdid._diagnostics import first_few, many
from specdid._plan.estimands import Made, vanishes_with
from specdid._records import CODES, Caution, Family, Results, Status
from specdid._records.cautions import CautionSeverity
from specdid._records.fits import OF_THE_ESTIMATOR
from specdid._records.numerals import decimals_for, p_text, percent, signed
from specdid._records.results import TIMES
from specdid.engine import execute
from specdid.engine.compile import Compiled
from specdid.engine.demean import relevel
from specdid.engine.problem import Code, Members, Problem
from specdid.engine.rows import unit_bounds
from specdid.engine.ssc import is_nested

CHEAP, CHEAP_SUNAB = 20_000, 100
"""Up to so many specifications are estimated again on the rows they have in common."""
RESPONDS, HALF = 0.05, 0.5
NONE: frozenset[str] = frozenset()
SAME = 1e-9
UNCHANGED = 5e-4
"""A change of a variance by less than this share of it is none that is spoken of."""
"""Estimates that differ by less, relative to themselves or their errors, are one number."""
LARGE = 0.05
"""A log difference of standard errors above which another program's is a serious warning."""
IMPOSSIBLE = 1_000.0
"""No error of data is so small that t is larger."""
MANY = 0.1
"""Above this share of specifications that failed, those left are a selection."""
FAR, ALIKE = 2.0, 0.9
"""Nulls disagree where one p is below alpha and another above so many alpha, of nearly the same specifications."""


@dataclass(frozen=True, slots=True)
class Responding:
    """A control that differs with the treatment, given what the preferred specification holds fixed."""

    label: str
    p_value: float


@dataclass(frozen=True, slots=True)
class Asked:
    """Controls regressed on the treatment.

    Attributes
    ----------
    responding : those with p < .05, by p.
    regressed : how many were regressed.
    held : what was held fixed: fixed effects, ``with`` and lower-order terms of the treatment.
    """

    responding: tuple[Responding, ...]
    regressed: int
    held: tuple[str, ...]


def by_treatment(
    results: Results, mine: NDArray[np.bool_], said: Callable[[NDArray[np.bool_]], Iterable[Caution]]
) -> Iterator[Caution]:
    """Ask what speaks against these specifications by treatment, and name it: a count "up to" is of that one alone.

    What is the same of all treatments is said once, without their names.
    """
    treatment = results.planned.dimension("treatment")
    found: dict[Caution, list[tuple[int, int]]] = {}
    codes = np.unique(treatment.codes[mine]).tolist()
    for code in codes:
        for one in said(mine & (treatment.codes == code)):
            found.setdefault(replace(one, specifications=0), []).append((code, one.specifications))
    for one, whose in found.items():
        names = [results.planned.shown(treatment.words[code]) for code, _ in whose]
        where = one.where if len(names) == len(codes) else first_few(names)
        yield replace(one, where=where, specifications=sum(count for _, count in whose))


def left_out(results: Results) -> Iterator[Caution]:
    """Say of which specifications' averages some treated units or rows are no part."""
    units, rows = (results.extra.get(f"n_treated{n}_left_out") for n in ("", "_rows"))
    if rows is None:
        return
    units = np.full(len(rows), np.nan) if units is None else units
    for name, mine in _by_estimator(results, results.status == Status.OK, "the estimator"):
        yield from by_treatment(results, mine, partial(_left_out, name, units, rows))


def _by_estimator(results: Results, mine: NDArray[np.bool_], alone: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Part specifications by estimator; ``alone`` names it where a study has no such dimension."""
    if "estimator" not in results.planned.dimensions:
        yield alone, mine
        return
    estimator = results.planned.dimension("estimator")
    for code, name in enumerate(estimator.words):
        yield name or alone, mine & (estimator.codes == code)


def _left_out(name: str, units: Floats, rows: Floats, mine: NDArray[np.bool_]) -> Iterator[Caution]:
    lost = mine & (np.nan_to_num(rows) > 0)
    if not lost.any():
        return
    most = int(np.nan_to_num(units[lost]).max())
    what = many(most, "treated unit", "are") if most else many(int(rows[lost].max()), "treated row", "are")
    yield Caution(
        "serious" if most else "note",
        "cohorts_left_out",
        f"{name}: up to {what} not in the average effect: never seen untreated, or beside nobody who is untreated "
        "(columns n_treated_left_out, n_treated_rows_left_out)",
        specifications=int(np.count_nonzero(lost)),
    )


def never_before(results: Results, compiled: Compiled) -> Iterator[Caution]:
    """Say in which averages of cohort × period cells units count that have no row before their treatment.

    Beside the unit's own effect such rows say what changed since the first of them, not since before the treatment.
    Imputation, csdid and lpdid leave these units out, and sunab whole cohorts of them.
    """
    problem, members = compiled.problem, compiled.members
    if problem.unit < 0:
        return
    own = np.array([any(splits_units(problem, k) for k in e.fixed) for e in problem.effects], dtype=bool)
    always = np.asarray(results.numbers["n_always_treated"], dtype=np.float64)
    mine = np.zeros(len(results), dtype=bool)
    mine[members.index[(members.sunab >= 0) & own[members.effects]]] = True
    mine &= (results.status == Status.OK) & (always > 0)
    for name, of_it in _by_estimator(results, mine, "sunab"):
        yield from by_treatment(results, of_it, partial(_never_before, name, always))


def splits_units(problem: Problem, column: int) -> bool:
    """Tell whether each level of an effect is of one unit: its dummies, or sums of them, are the units'."""
    effect, unit = problem.codes[:, column], problem.codes[:, problem.unit]
    known = (effect >= 0) & (unit >= 0)
    return is_nested(effect[known], (unit[known],))


def _never_before(name: str, always: Floats, mine: NDArray[np.bool_]) -> Iterator[Caution]:
    if mine.any():
        yield Caution(
            "serious",
            "always_treated",
            f"{name}: up to {many(int(always[mine].max()), 'unit', 'are')} treated in all rows used and in the average "
            "effect all the same, by what changed after the first of these rows: no effect on the treated since "
            "before; leave them out by [sample] (column n_always_treated)",
            specifications=int(np.count_nonzero(mine)),
        )


def tiny_errors(results: Results) -> Iterator[Caution]:
    """Say where an error is too small to be one: that a t of more than IMPOSSIBLE is an accident of the clusters."""
    for v, label in enumerate(results.planned.vcovs):
        size = np.nan_to_num(np.abs(np.asarray(results.numbers["statistic"], np.float64)[:, v]))
        found = int(np.count_nonzero((size > IMPOSSIBLE) & (results.status == Status.OK)))
        if found:
            at = int(np.argmax(np.where(results.status == Status.OK, size, 0.0)))
            yield Caution(
                "note" if v else "serious",
                "tiny_errors",
                f"t is as large as {size[at]:,.0f} (#{at + 1}): such an error measures no uncertainty, as where the "
                "treatment's variation that effects and controls leave lies in one cluster, whose scores sum to zero",
                label,
                found,
            )


def no_errors(results: Results) -> Iterator[Caution]:
    """Count the estimates without a standard error, by vcov and reason."""
    ok = int(np.count_nonzero(results.status == Status.OK))
    for v, label in enumerate(results.planned.vcovs):
        for why, found in results.without_error(v).items():
            yield Caution(
                "note" if v or why in OF_THE_ESTIMATOR else "serious",
                "no_errors",
                f"no standard error, and so no p-value and no interval, of {found:,} of {ok:,} estimates: {why}",
                label,
                found,
            )


def near_collinear(results: Results, compiled: Compiled) -> Iterator[Caution]:
    """Say of which columns the others leave so little that values stored in single precision decide the rest."""
    members, labels = compiled.members, compiled.problem.labels
    found: dict[tuple[bool, int], list[tuple[float, int]]] = {}
    for place, (column, times) in sorted(results.near.items()):
        treated = int(members.treatment[np.searchsorted(members.index, place)]) == column
        found.setdefault((treated, column), []).append((times, place))
    for (treated, column), where in found.items():
        times, place = min(where)
        few = "less than one digit" if times < 10 else "one digit"
        said = (
            f"the other terms and the fixed effects leave of it {times:.2g} times what single precision (Stata's "
            f"float, 7 digits) rounds, at the least (#{place + 1}): where values were stored so, {few} of what is left "
            "is not rounding; leave out the terms that it is a combination of, or store them as double"
        )
        severity: CautionSeverity = "serious" if treated else "note"
        yield Caution(severity, "near_collinear", said, f"`{labels[column]}`", len(where))


def same_estimates(results: Results) -> Iterator[Caution]:
    """Say which estimators give one number under two names: medians, shares and choices may count it twice.

    Compared are estimates of one scale (or outcome) that differ in the estimator alone, each told of once.
    """
    if "estimator" not in results.planned.dimensions:
        return
    estimator = results.planned.dimension("estimator")
    others = [results.planned.dimension(d).codes for d in results.planned.dimensions if d != "estimator"]
    error = results.first("std_error")
    for group in results.groups():
        places = group.members[results.status[group.members] == Status.OK]
        ours = estimator.codes[places]
        names = np.unique(ours)
        if len(names) < 2:
            continue
        rest = joint_codes([codes[places].astype(np.int64) for codes in others], len(places))
        held = np.full((len(names), int(rest.max()) + 1), -1)
        held[np.searchsorted(names, ours), rest] = places
        told = np.zeros(held.shape, dtype=bool)
        for a, b in combinations(range(len(names)), 2):
            cells = np.flatnonzero((held[a] >= 0) & (held[b] >= 0))
            both = held[:, cells][[a, b]]
            gap = np.abs(np.diff(results.estimate[both], axis=0)[0])
            size = np.fmax(error[both].min(axis=0), np.abs(results.estimate[both[0]]))
            rows = results.numbers["nobs"][both]
            same = (gap <= SAME * size) & (rows[0] == rows[1])
            new = same & ~told[b, cells]
            told[b, cells] |= same
            one, other = (estimator.words[names[k]] for k in (a, b))
            if new.any():
                count = int(np.count_nonzero(same))
                verb = "is that" if count == 1 else "are those"
                yield Caution(
                    "note",
                    "same_estimate",
                    f"{other}: {count:,} of {len(same):,} estimates {verb} of {one}; they are no two findings, so keep "
                    "one of them, or compare their errors",
                    group.shown,
                    count,
                )


def samples(results: Results, compiled: Compiled) -> Iterator[Caution]:
    """Say how much of the spread goes when all specifications have the same rows."""
    ok = results.status == Status.OK
    nobs = results.first("nobs")[ok]
    if not len(nobs) or nobs.min() == nobs.max():
        return
    head = f"samples differ across specifications ({int(nobs.min()):,} to {int(nobs.max()):,} rows)"
    shared = common_rows(compiled, ok)
    if shared is None:
        yield Caution("note", "samples", f"{head}; they were not estimated again on common rows")
        return
    if not shared.any():
        yield Caution("note", "samples", f"{head}; no row is in all of them")
        return
    places, count = _estimated(compiled, ok).index, int(shared.sum())
    if (results.first("nobs")[places] == count).all():
        same = f"the least-squares specifications have the same {count:,} rows, and others were not estimated again"
        yield Caution("note", "samples", f"{head}; {same}")
        return
    again, rows = on_common_rows(compiled, ok, shared)
    count = rows or count
    whose = "all" if len(places) == np.count_nonzero(ok) else "all least-squares specifications"
    found = results.pools
    alone = {f.group: sum(g.group == f.group for g in found) == 1 for f in found}
    parts_of = [(f, f"{f.shown}; {f.estimand}" + (f"; {f.apart}" if f.apart else "")) for f in found]
    whole = [(f, f.shown if alone[f.group] else words) for f, words in parts_of]
    parts = [text for f, words in whole if (text := _explained(results, again, f, words))]
    alike = "no two estimates of one estimand differ" if np.isfinite(again).any() else "none can be estimated"
    said = f"the variance of the estimates is {' and '.join(parts)}" if parts else alike
    said = f"{head}; on the {count:,} rows that {whose} have, {said}"
    codes = results.planned.codes[ok]
    moved = [text for f, words in whole if (text := _moved(results, again, f, words))]
    if moved:
        yield Caution("serious", "samples_move", f"{said}; the median moves {' and '.join(moved)}")
    elif np.flatnonzero((codes != codes[0]).any(axis=0)).tolist() == [Core.SAMPLE]:
        yield Caution("note", "samples", f"{head}; nothing else differs between them")
    else:
        yield Caution("note", "samples", said)


def common_rows(compiled: Compiled, ok: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Return the rows that all specifications estimated again have; None where that is not cheap."""
    problem, members = compiled.problem, _estimated(compiled, ok)
    if not 1 < len(members) <= CHEAP:
        return None
    rows = problem.rows[np.unique(members.rows)].all(axis=0)
    used = np.concatenate([members.outcome, members.treatment, members.controls, members.weights, members.extra_rows])
    used = np.unique(used[used >= 0])
    rows &= np.isfinite(problem.values[:, used]).all(axis=1)
    for effects in np.unique(members.effects):
        for code in problem.effects[effects].fixed:
            rows &= problem.codes[:, code] >= 0
        for code, column in problem.effects[effects].slopes:
            rows &= (problem.codes[:, code] >= 0) & np.isfinite(problem.values[:, column])
    return np.asarray(rows)


def on_common_rows(compiled: Compiled, ok: NDArray[np.bool_], shared: NDArray[np.bool_]) -> tuple[Floats, int]:
    """Estimate the ok least-squares specifications on these rows; by place in the plan, else NaN.

    Beside them stands how many rows are left of these, where singletons are dropped: the most of any.
    """
    members = _estimated(compiled, ok)
    same = replace(
        members,
        rows=np.zeros_like(members.rows),
        extra_rows=np.full_like(members.extra_rows, -1),
    )
    problem = replace(compiled.problem, rows=shared[None], vcovs=compiled.problem.vcovs[:1])
    fits = execute.run(problem, same)
    out = np.full(len(ok), np.nan)
    good = fits.code == Code.OK
    out[fits.index[good]] = fits.estimate[good]
    return out, int(fits.nobs[good].max(initial=0))


def _estimated(compiled: Compiled, ok: NDArray[np.bool_]) -> Members:
    """Return the ok members of the least-squares engine; Sun-Abraham models only where they are few."""
    chosen = ok[compiled.members.index] & compiled.batched
    if np.count_nonzero(chosen & (compiled.members.sunab >= 0)) > CHEAP_SUNAB:
        chosen &= compiled.members.sunab < 0
    return compiled.members.take(np.flatnonzero(chosen))


def _explained(results: Results, again: Floats, family: Family, words: str) -> str:
    both = family.places[np.isfinite(again[family.places])]
    power = extreme_power(results.estimate[both])
    before = float(np.var(np.ldexp(results.estimate[both], -power))) if len(both) > 1 else 0.0
    if before <= 0:
        return ""
    change = float(np.var(np.ldexp(again[both], -power))) / before - 1
    if abs(change) < UNCHANGED:
        return f"unchanged ({words})"
    return f"{percent(abs(change))} {'smaller' if change < 0 else 'larger'} ({words})"


def _moved(results: Results, again: Floats, family: Family, words: str) -> str:
    """Say how common rows move a family's median: by half of itself and of a standard error, or nothing."""
    both = family.places[np.isfinite(again[family.places])]
    if not len(both):
        return ""
    estimate = results.estimate[both]
    before, after = float(np.median(estimate)), float(np.median(again[both]))
    error = float(np.median(results.first("std_error")[both]))
    if not abs(after - before) > HALF * max(abs(before), error):
        return ""
    decimals = decimals_for(estimate)
    return f"from {signed(f'{before:,.{decimals}f}')} to {signed(f'{after:,.{decimals}f}')} ({words})"


def responding(compiled: Compiled, preferred: int, ok: Ints) -> Asked:
    """Regress each control on the treatment, with the preferred rows, effects, weights and terms beside the treatment.

    Parameters
    ----------
    preferred : position of the preferred member.
    ok : positions of the members whose controls are asked about, but for offsets, whose coefficient is 1, the terms
        that belong to a treatment or contain one, as interactions and lags do, and what no unit's treatment has moved.
    """
    problem, members = compiled.problem, compiled.members
    controls = np.unique(members.take(ok).controls)
    treatments = np.unique(members.treatment[ok])
    absorbed = problem.effects[int(members.effects[preferred])].fixed
    beside = {
        t: (*compiled.beside.get(t, ()), *_main_effects(problem, t, controls, absorbed)) for t in treatments.tolist()
    }
    belongs = [c for below in beside.values() for c in below]
    controls = controls[~np.isin(controls, [*treatments.tolist(), *belongs, *problem.offsets])]
    recipes = compiled.value_recipes
    made = {t: Made(recipes[t].bounds) for t in treatments.tolist() if recipes[t].bounds}

    def part(c: int) -> bool:  # it differs with the treatment by construction
        return any(
            own.part_of(recipes[c].bounds) or vanishes_with(problem.values[:, t], problem.values[:, c])
            for t, own in made.items()
        )

    controls = controls[[not part(c) for c in controls.tolist()]]
    chosen = int(members.treatment[preferred])
    rows = problem.rows[int(members.rows[preferred])]
    controls = controls[[not _never_moved(problem, rows, chosen, c) for c in controls.tolist()]]
    own = members.controls_of(preferred)
    held = own[np.isin(own, beside.get(chosen, ()))]
    words = (*_effect_names(problem, int(members.effects[preferred])), *(problem.labels[c] for c in held.tolist()))
    if not len(controls):
        return Asked((), 0, words)
    one = members.take(np.full(len(controls), preferred, np.int64))
    asked = replace(
        one,
        index=np.arange(len(controls)),
        outcome=controls,
        start=len(held) * np.arange(len(controls) + 1),
        controls=np.tile(held, len(controls)),
        sunab=np.full(len(controls), -1),
        extra_rows=np.full(len(controls), -1),
    )
    fits = execute.run(replace(problem, vcovs=problem.vcovs[:1]), asked)
    p = np.where(fits.code == Code.OK, fits.p_value[:, 0], np.nan)
    named = [Responding(problem.labels[int(controls[k])], float(p[k])) for k in np.argsort(p) if p[k] < RESPONDS]
    return Asked(tuple(named), int(np.count_nonzero(np.isfinite(p))), words)


def _never_moved(problem: Problem, rows: NDArray[np.bool_], treatment: int, control: int) -> bool:
    """Tell whether a control, as a birth year, stays as it is in every unit that passes from untreated to treated."""
    if problem.unit < 0:
        return False
    t, x = problem.values[:, treatment], problem.values[:, control]
    there = rows & np.isfinite(t) & np.isfinite(x) & (problem.codes[:, problem.unit] >= 0)
    unit = relevel(problem.codes[there, problem.unit])
    passing = _varies(unit, t[there])
    return bool(passing.any() and not (passing & _varies(unit, x[there])).any())


def _varies(unit: Ints, values: Floats) -> NDArray[np.bool_]:
    low, high = unit_bounds(unit, values)
    return low < high


def _main_effects(problem: Problem, treatment: int, controls: Ints, absorbed: Sequence[int]) -> Iterator[int]:
    """Give the controls that the treatment is the product of, with another or with a function of absorbed levels.

    By their values, since a column of the data may be the product, as in a panel with treated, post and did.
    """
    t = problem.values[:, treatment]
    for c in controls[controls != treatment].tolist():
        x = problem.values[:, c]
        if not vanishes_with(x, t, known=True):
            continue
        there = np.isfinite(t) & np.isfinite(x) & (x != 0)
        other = t[there] / x[there]
        if any(_agrees(problem.values[there, b], other) for b in controls.tolist()) or any(
            _is_of(problem.codes[there, code], other) for code in absorbed
        ):
            yield c


def _agrees(column: Floats, other: Floats) -> bool:
    return bool(np.allclose(column[np.isfinite(column)], other[np.isfinite(column)], rtol=1e-9, atol=0))


def _is_of(codes: Ints, values: Floats) -> bool:
    """Tell whether rows of one level have one value, and some level has several rows."""
    order = np.lexsort((values, codes))
    again = np.diff(codes[order]) == 0
    return bool(again.any() and (np.diff(values[order])[again] <= 1e-9 * np.abs(values).max()).all())


def _effect_names(problem: Problem, effects: int) -> Iterator[str]:
    chosen = problem.effects[effects]
    yield from (problem.effect_labels[code] for code in chosen.fixed)
    yield from (f"{problem.effect_labels[code]}[{problem.labels[x]}]" for code, x in chosen.slopes)


def bad_controls(asked: Asked, errors: str, whose: str = "preferred") -> Iterator[Caution]:
    """Warn of controls that respond to the treatment by these ``errors``; ``whose`` rows and effects were taken."""
    found, regressed = asked.responding, asked.regressed
    if found:
        named = first_few([f"`{r.label}` ({p_text(r.p_value)})" for r in found])
        held = f"what the {whose} specification holds fixed ({first_few([f'`{h}`' for h in asked.held])})"
        given = (
            f"given {held}" if asked.held else f"in the rows of the {whose} specification, which holds nothing fixed"
        )
        yield Caution(
            "serious",
            "bad_control",
            f"bad control? {named} differ{'s' * (len(found) == 1)} with the treatment {given}: "
            f"p < 0.05 by `{errors}` for {len(found):,} of {regressed:,} controls, by chance "
            f"{RESPONDS * regressed:.2g}; a control that the treatment moves takes part of the effect away",
        )


class Median(Protocol):
    """What a null says of the median estimate of a scale and estimand.

    ``value`` is what ``p_value`` is of: of ``specifications`` estimates, where ``expected`` times the sign expected.
    """

    @property
    def group(self) -> str: ...
    @property
    def estimand(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def p_value(self) -> float: ...
    @property
    def specifications(self) -> int: ...
    @property
    def expected(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class _Told:
    """The median of some of a family and whether there is an effect: by its null, or by most of its estimates."""

    median: float
    effect: bool
    written: str
    words: str


def contradictions(
    results: Results,
    medians: Sequence[Median],
    columns: Mapping[str, frozenset[str]],
    expected: Floats | None = None,
) -> Iterator[Caution]:
    """Warn of numbers of a run that contradict each other, and of what is missing among them.

    Parameters
    ----------
    medians : tests of the medians, null after null.
    columns : outcome's label -> the data columns that it is made of.
    expected : (S,) the sign expected of each estimate, NaN where its outcome has none.
    """
    yield from _nulls(results, medians)
    yield from _signs(results, medians, columns, np.full(len(results), np.nan) if expected is None else expected)
    yield from _failures(results)
    yield from _preferred(results)


def _nulls(results: Results, medians: Sequence[Median]) -> Iterator[Caution]:
    """Warn of medians that one null finds and another does not."""
    alpha = results.planned.alpha
    for key in dict.fromkeys((m.group, m.estimand) for m in medians):
        mine = sorted((m for m in medians if (m.group, m.estimand) == key), key=lambda m: m.p_value)
        least, most = mine[0], mine[-1]
        sizes = sorted((least.specifications, most.specifications))
        if sizes[0] < ALIKE * sizes[1]:
            continue
        if least.p_value < alpha and most.p_value > FAR * alpha:
            of = f" of estimates {TIMES}" if least.expected else ""
            said = (
                f"the median{of} ({key[1]}) has {p_text(least.p_value)} under the {least.title} and "
                f"{p_text(most.p_value)} under the {most.title}"
            )
            yield Caution("serious", "nulls_disagree", said, results.planned.shown(key[0]))


def _signs(
    results: Results, medians: Sequence[Median], columns: Mapping[str, frozenset[str]], expected: Floats
) -> Iterator[Caution]:
    """Warn of medians of opposite signs, by estimand, and by scale: seriously where both are effects.

    A median near zero has either sign: where one alone is an effect there is a note, and where none is nothing.

    Compared are estimates of the same treatments and data, as an outcome in logs and in levels, and times the sign
    expected where all of both have one: outcomes expected to move apart do not contradict each other by doing so.
    """
    for a, b in combinations([f for f in results.pools if not f.apart], 2):
        ours, theirs = _of_the_same_data(results, a, b, columns)
        if not len(ours) or not len(theirs):
            continue
        declared = bool(np.isfinite(expected[np.concatenate([ours, theirs])]).all())
        sign = expected if declared else np.ones(len(results))
        one, other = (_told(results, f, at, medians, sign, expected) for f, at in ((a, ours), (b, theirs)))
        if one.median * other.median < 0 and (one.effect or other.effect):
            same = (a.group, a.scaled) == (b.group, b.scaled)
            code = "estimands_disagree" if same else "scales_disagree"
            where = a.shown if same else f"{a.shown} and {b.shown}"
            of = f" of estimates {TIMES}" if (sign[np.concatenate([ours, theirs])] < 0).any() else ""
            said = f"medians{of} of opposite signs: {one.words} and {other.words}"
            if one.effect and other.effect:
                yield Caution("serious", code, said, where)
            else:
                first = one if one.effect else other
                yield Caution("note", code, f"{said}; of the two only {first.written} differs from zero", where)


def _of_the_same_data(
    results: Results, a: Family, b: Family, columns: Mapping[str, frozenset[str]]
) -> tuple[Ints, Ints]:
    """Return the places of both whose treatment the other has, and whose outcome or another of its data columns."""
    treatment, outcome = (results.planned.dimension(name) for name in ("treatment", "outcome"))
    of_both = np.intersect1d(treatment.codes[a.places], treatment.codes[b.places])
    a, b = (replace(f, places=f.places[np.isin(treatment.codes[f.places], of_both)]) for f in (a, b))

    def alike(one: int, other: int) -> bool:
        return one == other or bool(columns.get(outcome.words[one], NONE) & columns.get(outcome.words[other], NONE))

    codes = [sorted(set(outcome.codes[f.places].tolist())) for f in (a, b)]
    shared = [[o for o in mine if any(alike(o, k) for k in theirs)] for mine, theirs in (codes, codes[::-1])]
    ours, theirs = (f.places[np.isin(outcome.codes[f.places], found)] for f, found in zip((a, b), shared, strict=True))
    return ours, theirs


def _told(
    results: Results, family: Family, places: Ints, medians: Sequence[Median], sign: Floats, expected: Floats
) -> _Told:
    """Tell the median of these places of a family, with a p-value where a null has one of the same estimates."""
    estimate = results.estimate[places] * sign[places]
    median = float(np.median(estimate))
    whole = len(places) == len(family.places)
    own = [m for m in medians if whole and (m.group, m.estimand) == family.key]
    # The p of a median is that of the same times -1, and of no other: the null's signs have to be these, or all others.
    drawn = np.nan_to_num(expected[places], nan=1.0) * sign[places]
    tested = [m for m in own if len(set((drawn if m.expected else sign[places]).tolist())) == 1]
    alike = (results.first("p_value")[places] < results.planned.alpha) & (np.sign(estimate) == np.sign(median))
    effect = tested[0].p_value < results.planned.alpha if tested else bool(np.mean(alike) >= 0.5)
    words = family.estimand or family.shown
    for name, word in (("treatment", "of"), ("outcome", "on")):
        dimension = results.planned.dimension(name)
        left = np.unique(dimension.codes[places])
        if len(left) < len(np.unique(dimension.codes[family.places])):
            words += f" {word} {first_few([results.planned.shown(dimension.words[k]) for k in left])}"
    if tested:
        part = tested[0].specifications
        of = f" of the {part:,} of {len(places):,} tested" if part < len(places) else ""
        words += f"; {p_text(tested[0].p_value)}{of}"
    written = f"{median:,.{decimals_for(estimate)}f}"
    return _Told(median, effect, written, f"{written} ({words})")


def _failures(results: Results) -> Iterator[Caution]:
    """Warn of specifications that failed: where they are many, those left are a selection."""
    failed = results.status == Status.FAILED
    n, tried = int(np.count_nonzero(failed)), int(np.count_nonzero(failed | (results.status == Status.OK)))
    if not n:
        return
    codes, counts = np.unique(results.code[failed], return_counts=True)
    most = CODES[int(codes[np.argmax(counts)])]
    said = f"{n:,} of {tried:,} specifications ({percent(n / tried)}) could not be estimated, most often `{most}`"
    if n > MANY * tried:
        yield Caution("serious", "many_failed", f"{said}: those left are a selection", specifications=n)
    else:
        yield Caution("note", "failed", said, specifications=n)


def _preferred(results: Results) -> Iterator[Caution]:
    """Warn of a preferred specification without an estimate."""
    place = results.preferred
    if results.planned.preferred >= 0 and results.status[place] != Status.OK:
        status = Status(int(results.status[place])).name.lower()
        why = f"{status}: {results.message.at(place)}"
        yield Caution("serious", "preferred_missing", f"the preferred specification has no estimate ({why})")

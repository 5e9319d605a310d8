"""de Chaisemartin and D'Haultfœuille's (2024) effects of treatments that change more than once or have several values.

`switches` dates each unit's first change and gives DID_l. The estimate is

    total    the average total effect: changes of all switchers over periods 1 to ``effects``, divided by what
             their treatments changed by in these (the package's Av_tot_eff)
    effect   DID_l at l = ``effects``; with ``normalized`` divided by what treatments changed by until then

Standard errors are the authors' analytic ones, by unit or by clusters of whole units, without small-sample
correction; p-values are normal. Periods are those in which some treatment is known, in order: ranks, not dates. A row
that lacks the outcome or a weight still tells when its unit switches. Numbers are those of DIDmultiplegtDYN 2 and of
moderndid 0.4.1 without rows that lack the treatment, the outcome missing where a weight is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid._format import Flag, NumberValue, Word
from specdid._hashing import digest_of
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Path, Program, Task, where_zero
from specdid.estimators._cohorts import refuse_apart
from specdid.estimators._influences import (
    UNCOUNTED,
    InfluenceErrors,
    errors_of,
    normal_or_t,
    whole_units,
    without_rounding,
)
from specdid.estimators._pyfixest import Refusal, guarded, refusal
from specdid.estimators.did_multiplegt_dyn.switches import (
    Horizon,
    SwitchPanel,
    horizon,
    influence,
    lack_of,
    lay_out,
    longer_steps,
    nobody,
    reaching,
)
from specdid.panel.times import Calendar

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated


NOBODY = "no unit that switches is seen in it and in the period before its switch, beside one that has not switched"
BOTH_WAYS = (
    "in all units compared in it treatment has been above and below its first value by then, and what follows is left "
    "out, as in DIDmultiplegtDYN"
)


@dataclass(frozen=True, slots=True)
class _Asked:
    """The options, read."""

    aggregate: str
    effects: int
    normalized: bool
    same: bool
    only_never: bool


def _asked(task: Task) -> _Asked:
    given = {s.name: s.default for s in ESTIMATOR.settings} | dict(task.options)
    return _Asked(
        str(given["aggregate"]),
        int(str(given["effects"])),
        bool(given["normalized"]),
        bool(given["same_switchers"]),
        bool(given["only_never_switchers"]),
    )


def _begin(task: Task) -> tuple[_Asked, SwitchPanel]:
    """Lay the units out.

    Raises
    ------
    Refusal
        No unit switches, or none shares its first treatment with one that switches later or never; or effects of
        several periods are asked for, and periods are several apart.
    """
    asked, panel = _asked(task), lay_out(task)
    if asked.effects > 1:
        refuse_apart(panel.times, task.calendar)
    if (panel.sign != 0).any():
        return asked, panel
    if panel.in_gap:
        raise nobody(panel, "of no unit is it known in which period its treatment changes")
    if np.ptp(task.history().treatment) == 0:
        said = "treatment is the same in all these rows"
    elif panel.alone:
        said = (
            "no unit's treatment changes beside a unit with the same treatment in its first period that changes later "
            "or never (where first treatments take many values, round them)"
        )
    else:
        said = "no unit's treatment changes in these rows"
    raise Refusal("no_treatment_variation", said)


def _by_period(task: Task) -> tuple[_Asked, SwitchPanel]:
    """Lay the units out for effects by period."""
    asked, panel = _begin(task)
    refuse_apart(panel.times, task.calendar)
    return asked, panel


def _horizons(asked: _Asked, panel: SwitchPanel, steps: Iterable[int], effects: int) -> list[Horizon]:
    """Return those that somebody reaches; with ``same`` of the switchers that reach all up to ``effects``."""
    among = reaching(panel, effects, only_never=asked.only_never) if asked.same else None
    found = (horizon(panel, lag, only_never=asked.only_never, among=among) for lag in steps)
    return [one for one in found if one.switchers > 0]


@guarded
def _fit(task: Task) -> Estimate | Failure:
    asked, panel = _begin(task)
    whole = asked.aggregate == "total"
    steps = range(1, asked.effects + 1) if whole else [asked.effects]
    found = _horizons(asked, panel, steps, asked.effects)
    if not found:
        raise nobody(panel, _unreached(asked, panel, task.calendar))
    scale = sum(one.dose if whole else one.doses if asked.normalized else one.switchers for one in found)
    if not scale > 0:
        raise nobody(panel, "treatments of the switchers are back at their first value in every period compared")
    estimate = sum(one.total for one in found) / scale
    used = _ends(panel, found, len(task.outcome))
    errors = _Errors.of(task, panel, found, np.full((len(found), 1), 1 / scale), used, asked)
    treated = np.logical_or.reduce([one.treated for one in found])
    compared = np.logical_or.reduce([one.used.any(axis=1) for one in found])
    switches = panel.sign != 0
    had = {one.steps for one in found}
    lacking = [lack_of(panel, [lag], only_never=asked.only_never) for lag in steps if lag not in had]
    reads, changes = _reads(task, panel, found)
    force: dict[str, object] = {"changes": changes}
    force |= {"same_switchers": None} if not asked.same or asked.effects == 1 else {}
    if whole:
        force |= {"normalized": None, "effects": max(one.steps for one in found)}
    return Estimate(
        estimate=estimate,
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(used.sum()),
        keep=used,
        reads=reads,
        in_force=force,
        vcov_notes=errors.notes,
        extra={
            "n_effects": float(len(found)),
            "n_effects_left_out": float(len(steps) - len(found)),
            "n_effects_both_ways": float(lacking.count("both_ways")),
            "n_effects_unseen": float(lacking.count("unseen")),
            "n_switchers_in": float((treated & (panel.sign > 0)).sum()),
            "n_switchers_out": float((treated & (panel.sign < 0)).sum()),
            "n_switchers_left_out": float((switches & ~treated).sum() + panel.in_gap),
            "n_no_counterpart": float(panel.alone),
            "n_late_baseline": float(np.isnan(panel.treatment[treated | compared, 0]).sum()),
            "n_longer_steps": float(longer_steps(panel, found)),
            "n_one_unit_cohorts": float(errors.single),
            "dose": scale / sum(one.switchers for one in found) if whole or asked.normalized else float("nan"),
        },
        units=(int((treated | compared).sum()), int(treated.sum()), int((compared & ~treated).sum()), panel.always),
    )


def _unreached(asked: _Asked, panel: SwitchPanel, calendar: Calendar | None) -> str:
    """Say why no effect that was asked for can be had, and which could."""
    able = [n for n in range(1, panel.reach + 1) if _horizons(asked, panel, [n], n)]
    beside = "that never switches" if asked.only_never else "with its first treatment that has not switched yet"
    if not able:
        more = "; only_never_switchers = false compares with those that switch later" if asked.only_never else ""
        return f"no unit that switches is seen beside one {beside}{more}"
    which = f"{'every effect up to' if asked.same else 'effect'} {asked.effects}"
    fewer = _reached(asked, able, calendar)
    if lack_of(panel, _needed(asked, [asked.effects]), only_never=asked.only_never) == "both_ways":
        return (
            f"in all units that switch and would have {which} beside one {beside}, treatment has been above and below "
            f"its first value by then, and what follows is left out, as in DIDmultiplegtDYN; {fewer}"
        )
    return f"no unit that switches has {which} beside one {beside}; {fewer}"


def _reached(asked: _Asked, able: Sequence[int], calendar: Calendar | None) -> str:
    """Say which number of effects can be had, or why a greater one alone can."""
    if fewer := [n for n in able if n < asked.effects]:
        return f"set effects to {max(fewer)}{' or less' * (len(fewer) == max(fewer))}"
    step, others = (1, "") if calendar is None else calendar.few_between()
    if calendar is None or step == 1:
        return f"set effects to {min(able)}, the least that one has"
    return (
        f"units have rows every {step} periods but for {others}: leave these out of the data and "
        f"{calendar.write_step(step)}"
    )


def _needed(asked: _Asked, steps: Sequence[int]) -> list[int]:
    """Return the effects that a switcher must have for these to be taken."""
    return [*(range(1, asked.effects + 1) if asked.same else ()), *steps]


def _ends(panel: SwitchPanel, found: Sequence[Horizon], size: int) -> Bools:
    """Mark the rows of the task that are an end of a change."""
    read = np.zeros(panel.row.shape, bool)
    for one in found:
        lag = abs(one.steps)
        ends = (0, lag) if one.steps > 0 else (lag, 2 * lag)
        for end in ends:
            read[:, : panel.periods - end] |= one.used[:, end:]
    rows = np.zeros(size, bool)
    rows[panel.row[read & (panel.row >= 0)]] = True
    return rows


def _reads(task: Task, panel: SwitchPanel, found: Sequence[Horizon]) -> tuple[Bools, str]:
    """Mark the rows of the task, or of its record, on which the changes compared depend; name these changes.

    They are a unit's rows from the period before a change to its end: those between have the treatments of a dose, and
    which rows there are does not yet say which of them are compared.
    """
    known, inside = task.history(), np.zeros(panel.row.shape, bool)
    for one in found:
        for lag in range(one.steps + 1):
            inside[:, : panel.periods - lag] |= one.used[:, lag:]
    own = known.unit[known.place[panel.row.max(axis=1)]]
    unit = np.full(int(known.unit.max()) + 1, -1, np.int64)
    unit[own] = np.arange(panel.size)
    at = np.searchsorted(panel.times, known.time)
    reads = (unit[known.unit] >= 0) & inside[unit[known.unit], at]
    held = np.ix_(inside.any(axis=1), inside.any(axis=0))
    return np.asarray(reads), digest_of(*(np.packbits(one.used[held]) for one in found)).hex()


@dataclass(frozen=True, slots=True)
class _Errors:
    """Covariances under every vcov, (V, m, m), and cohorts of one unit in any."""

    vcov: Floats
    std_error: tuple[float, ...]
    df: tuple[float, ...]
    n_clusters: tuple[int, ...]
    notes: tuple[str, ...]
    single: int

    @classmethod
    def of(
        cls, task: Task, panel: SwitchPanel, found: Sequence[Horizon], shares: Floats, used: Bools, asked: _Asked
    ) -> _Errors:
        """Sum influences by cluster; means that they are about are of clusters too, so that each vcov has its own.

        Parameters
        ----------
        shares : (H, m), of each horizon's total in each estimate
        """
        parts = [cls._one(task, v, panel, found, shares, used, asked) for v in range(len(task.vcovs))]
        said = tuple(one.notes[0] or ("" if defined else "few_clusters") for one, _, defined in parts)
        notes = whole_units(task, said)
        blank = np.array([bool(note) for note in notes])[:, None, None]
        vcov = np.concatenate([one.vcov * one.size**2 for one, _, _ in parts])
        vcov = np.where(blank, np.nan, vcov)
        counts = tuple(one.n_clusters[0] for one, _, _ in parts)
        errors = tuple(np.sqrt(vcov[:, 0, 0]).tolist())
        return cls(vcov, errors, normal_or_t(task, notes, counts), counts, notes, max(n for _, n, _ in parts))

    @staticmethod
    def _one(
        task: Task, v: int, panel: SwitchPanel, found: Sequence[Horizon], shares: Floats, used: Bools, asked: _Asked
    ) -> tuple[InfluenceErrors, int, bool]:
        first = panel.row[np.arange(panel.size), (panel.row >= 0).argmax(axis=1)]
        cluster = _cluster(task, v, first)
        each = [influence(panel, one, cluster, only_never=asked.only_never) for one in found]
        rows = np.zeros((len(task.outcome), shares.shape[1]))
        rows[first] = np.column_stack([part for part, _, _ in each]) @ shares
        alone = replace(
            task,
            vcovs=(task.vcovs[v],),
            clusters=(task.clusters[v],),
            rules=(task.rule(v),),
            distributions=(task.distribution(v),),
        )
        made = errors_of(alone, without_rounding(rows, task.outcome), used)
        return made, max(n for _, n, _ in each), all(defined for _, _, defined in each)


def _cluster(task: Task, v: int, first: Ints) -> Ints:
    """Return the units' clusters; the units themselves where the vcov has no one cluster."""
    return task.clusters[v][0][first] if len(task.clusters[v]) == 1 else np.arange(len(first))


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Give DID_l in period l - 1 and the placebo -l in period -1 - l, all since the period before the switch."""
    asked, panel = _begin(task)
    if reference != -1:
        raise Refusal("not_identified", "effects of did_multiplegt_dyn are since the period before a switch: -1")
    refuse_apart(panel.times, task.calendar)
    _dated(panel, relative)
    wanted = {k: k + 1 for k in periods if k != -1}  # l, and of placebos -l
    found = {k: one[0] for k, lag in wanted.items() if (one := _horizons(asked, panel, [lag], asked.effects))}
    if not found:
        raise nobody(panel, f"in no period is there a comparison: {NOBODY}")
    names, every = tuple(found), list(found.values())
    scales = [one.doses if asked.normalized else one.switchers for one in every]
    used = _ends(panel, every, len(task.outcome))
    errors = _Errors.of(task, panel, every, np.diag(1 / np.array(scales)), used, asked)
    return Path(
        names,
        np.array([one.total / scale for one, scale in zip(every, scales, strict=True)]),
        errors.vcov,
        errors.df,
        errors.n_clusters,
        int(used.sum()),
        np.array([int(one.treated.sum()) for one in every]),
        errors.notes,
        left_out={k: _why_not(asked, panel, lag) for k, lag in wanted.items() if k not in found},
        binned=False,
        from_reference=True,
        per_unit=asked.normalized,
        note="; ".join(_path_notes(asked, panel, every)),
    )


def _why_not(asked: _Asked, panel: SwitchPanel, lag: int) -> str:
    lack = lack_of(panel, _needed(asked, [lag]), only_never=asked.only_never)
    return BOTH_WAYS if lack == "both_ways" else NOBODY


def _path_notes(asked: _Asked, panel: SwitchPanel, every: Sequence[Horizon]) -> Iterator[str]:
    yield (
        "effects of did_multiplegt_dyn are counted from the first change of the treatment, and a change to less is "
        "taken with the other sign"
    )
    if asked.normalized:
        yield "they are per unit of treatment"
    if len({one.treated.tobytes() for one in every}) > 1:
        remedy = "" if asked.same else " (same_switchers = true: all from the switch on are)"
        yield f"not all are of the same switchers{remedy}"
    if longer_steps(panel, every):
        yield "periods are those in which some treatment is known, and some lie further apart"


def _dated(panel: SwitchPanel, relative: Floats) -> None:
    """Refuse a time axis that does not begin at the switches."""
    place = np.arange(panel.periods) - panel.switch[:, None]
    stands = np.where(panel.row >= 0, relative[panel.row], np.nan)
    inside = (panel.row >= 0) & ~np.isnan(panel.outcome)
    treated = stands >= 0  # ends of the window may hold what lies beyond them
    wrong = inside & (treated != ((panel.sign != 0)[:, None] & (place >= 0)))
    if wrong.any():
        raise Refusal(
            "not_identified",
            f"{many(int(wrong.any(axis=1).sum()), 'unit', 'have')} a cohort that is not the first period in which the "
            "treatment changes; write cohort as that period, 0 where it never does",
        )


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    """Say what is averaged."""
    effects, where = int(str(options.get("effects", 1))), where_zero(treated)
    if options.get("aggregate", "total") == "total":
        return f"average total effect per unit of treatment{where} (switchers over {_periods(effects)})"
    when = f"period {effects - 1}, that of the switch being 0"  # as in an event study
    if options.get("normalized"):
        return f"effect per unit of treatment{where} ({when}, over all treatment since)"
    return f"effect of having switched{where} ({when}, switches to less with the other sign)"


def _periods(count: int) -> str:
    return "1 period" if count == 1 else f"{count} periods"


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    yield from _effects_left_out(found)
    left = found["n_switchers_left_out"] + found["n_no_counterpart"]
    if (some := left > 0).any():
        always = int(found["n_always_treated"][some].max()) if "n_always_treated" in found else 0
        treated = f"; {many(always, 'unit', 'are')} treated in every period (column n_always_treated)"
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"did_multiplegt_dyn leaves up to {many(int(left.max()), 'unit')} out of every comparison: who switches "
            "where rows are missing, is not seen in the periods asked for, has had treatment above and below its "
            "first value by then, or has nobody with the same first treatment beside it that has not switched, or "
            "that ever switches in another period (columns n_switchers_left_out, n_no_counterpart)"
            f"{treated if always > 0 else ''}",
            specifications=int(some.sum()),
        )
    if (some := (late := found["n_late_baseline"]) > 0).any():
        yield Caution(
            "serious",
            "late_baseline",
            f"did_multiplegt_dyn: of up to {many(int(late.max()), 'unit')} the treatment in the first period is not "
            "known, and that of a later one is taken for the first, as in DIDmultiplegtDYN: whether it is, nobody "
            "knows (column n_late_baseline)",
            specifications=int(some.sum()),
        )
    if (some := (steps := found["n_longer_steps"]) > 0).any():
        yield Caution(
            "serious",
            "uneven_periods",
            "did_multiplegt_dyn counts the periods in which some treatment is known, and its comparisons go over up "
            f"to {many(int(steps.max()), 'step')} longer than the shortest: an effect so many periods after a switch "
            "is of different spans of time (column n_longer_steps)",
            specifications=int(some.sum()),
        )
    if (some := (single := found["n_one_unit_cohorts"]) > 0).any():
        yield Caution(
            "note",
            "one_unit_cohorts",
            f"did_multiplegt_dyn: the variance of up to {many(int(single.max()), 'cohort')} of a single cluster is "
            "taken about the mean of switchers and controls, as in DIDmultiplegtDYN (column n_one_unit_cohorts)",
            specifications=int(some.sum()),
        )


def _effects_left_out(found: Mapping[str, Floats]) -> Iterator[Caution]:
    """Say which of the effects asked for are not in the total, and why: of the worst specification."""
    lost = found["n_effects_left_out"]
    if not (some := lost > 0).any():
        return
    worst = int(np.argmax(lost))
    kept, both, unseen = (int(found[f"n_effects{name}"][worst]) for name in ("", "_both_ways", "_unseen"))
    reasons = {
        "treatment has been above and below its first value by then": both,
        "no switcher is seen so long after its switch": unseen,
        "nobody who has not switched is left beside the switchers": int(lost[worst]) - both - unseen,
    }
    why = ", ".join(f"{words} ({count})" for words, count in reasons.items() if count)
    yield Caution(
        "serious",
        "cells_left_out",
        f"did_multiplegt_dyn averages {kept} of the {kept + int(lost[worst])} effects asked for (columns "
        f"n_effects_left_out, n_effects_both_ways, n_effects_unseen), for want of more: {why}",
        specifications=int(some.sum()),
    )


ESTIMATOR = Estimator(
    name="did_multiplegt_dyn",
    title="de Chaisemartin–D'Haultfœuille",
    estimand="average total effect per unit of treatment (switchers)",
    settings=(
        EstimatorSetting(
            "effects", NumberValue("1 or more", whole=True, least=1),
            "How many periods since the switch are looked at, its own the first.", "3", 1,
        ),
        EstimatorSetting(
            "aggregate",
            Word(("total", "effect")),
            "The average total effect over these periods, or the effect in the last of them.",
            '"effect"',
            "total",
        ),
        EstimatorSetting(
            "normalized",
            Flag(),
            "Whether an effect is divided by what treatments changed by, summed since the switch. The total is "
            "divided in any case, by what they changed by in its own periods.",
            "true",
            False,
        ),
        EstimatorSetting(
            "same_switchers",
            Flag(),
            "Whether only switchers that have every effect are taken; otherwise later effects are of fewer.",
            "true",
            False,
        ),
        EstimatorSetting(
            "only_never_switchers", Flag(), "Whether only units that never switch are compared with.", "true", False
        ),
    ),
    honours=frozenset({"outcome", "treatment", "sample", "weights"}),
    effects="unit + time",
    cohort=False,
    binary=False,
    batched=False,
    vcovs=frozenset({"cluster"}),
    fit=_fit,
    slopes=False,
    doc="For treatments that switch off or have several values. A row that lacks only the outcome or a weight still "
    "has a treatment; one without it is a gap. Periods are those in which some treatment is known, one after the "
    "other, not those of the calendar. Takes no controls and no other fixed effects. Clusters must hold units whole.",
    path=_path,
    changes="outcome",
    alone=lambda options: "comparisons of changes have no other coefficients",
    beside=lambda options: "never treated" if options.get("only_never_switchers") else "only compared with",
    words=_words,
    ssc=UNCOUNTED,
    cautions=_cautions,
    refuses=refusal(_begin),
    refuses_path=refusal(_by_period),
    columns=frozenset(
        {
            "n_effects", "n_effects_left_out", "n_effects_both_ways", "n_effects_unseen",
            "n_switchers_in", "n_switchers_out", "n_switchers_left_out", "n_no_counterpart",
            "n_late_baseline", "n_longer_steps", "n_one_unit_cohorts", "dose",
        }
    ),
    programs={
        "python": Program(template("did_multiplegt_dyn.py"), ("from moderndid import did_multiplegt",)),
        "r": Program(template("did_multiplegt_dyn.R"), ("DIDmultiplegtDYN",)),
        "stata": Program(template("did_multiplegt_dyn.do"), ("did_multiplegt_dyn",)),
    },
)  # fmt: skip

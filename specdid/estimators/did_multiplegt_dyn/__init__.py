"""de Chaisemartin and D'Haultfœuille's (2024) effects of treatments that change more than once or have several values.

`switches` dates each unit's first change and gives DID_l. The estimate is

    total    the average total effect: changes of all switchers over periods 1 to ``effects``, divided by what
             their treatments changed by in these (the package's Av_tot_eff)
    effect   DID_l at l = ``effects``; with ``normalized`` divided by what treatments changed by until then

Standard errors are the authors' analytic ones, by unit or by clusters of whole units, without small-sample
correction; p-values are normal. Periods are those in which any row of the sample has a treatment, in order: ranks, not
dates. A row that lacks the outcome or a weight still tells when its unit switches. Numbers are those of
DIDmultiplegtDYN 2 and of moderndid 0.4.1 without rows that lack the treatment, the outcome missing where a weight is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._format import Flag, NumberValue, Word
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Path, Program, Task, where_zero
from specdid.estimators._influences import (
    UNCOUNTED,
    InfluenceErrors,
    errors_of,
    normal_or_t,
    whole_units,
    without_rounding,
)
from specdid.estimators._pyfixest import Refusal, guarded
from specdid.estimators.did_multiplegt_dyn.programs import write_python, write_r, write_stata
from specdid.estimators.did_multiplegt_dyn.switches import (
    Horizon,
    SwitchPanel,
    horizon,
    influence,
    lay_out,
    nobody,
    reaching,
)

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated

NOBODY = "no unit that switches is seen in it and in the period before its switch, beside one that has not switched"


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
        No unit switches, or none shares its first treatment with one that switches later or never.
    """
    asked, panel = _asked(task), lay_out(task)
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


def _refuses(task: Task) -> Failure | None:
    try:
        _begin(task)
    except Refusal as refused:
        return refused.failure
    return None


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
        raise nobody(panel, _unreached(asked, panel))
    scale = sum(one.dose if whole else one.doses if asked.normalized else one.switchers for one in found)
    if not scale > 0:
        raise nobody(panel, "treatments of the switchers are back at their first value in every period compared")
    estimate = sum(one.total for one in found) / scale
    used = _ends(panel, found, len(task.outcome))
    errors = _Errors.of(task, panel, found, np.full((len(found), 1), 1 / scale), used, asked)
    treated = np.logical_or.reduce([one.treated for one in found])
    compared = np.logical_or.reduce([one.used.any(axis=1) for one in found])
    switches = panel.sign != 0
    force: dict[str, object] = {"same_switchers": None} if not asked.same or asked.effects == 1 else {}
    if whole:
        force |= {"normalized": None, "effects": max(one.steps for one in found)}
    return Estimate(
        estimate=estimate,
        std_error=errors.std_error,
        df=errors.df,
        n_clusters=errors.n_clusters,
        nobs=int(used.sum()),
        keep=used,
        in_force=force,
        vcov_notes=errors.notes,
        extra={
            "n_effects": float(len(found)),
            "n_effects_left_out": float(len(steps) - len(found)),
            "n_switchers_in": float((treated & (panel.sign > 0)).sum()),
            "n_switchers_out": float((treated & (panel.sign < 0)).sum()),
            "n_switchers_left_out": float((switches & ~treated).sum() + panel.in_gap),
            "n_no_counterpart": float(panel.alone),
            "n_both_ways": float(panel.both_ways),
            "n_late_baseline": float(np.isnan(panel.treatment[treated | compared, 0]).sum()),
            "n_longer_steps": float(panel.longer_steps),
            "n_one_unit_cohorts": float(errors.single),
            "dose": scale / sum(one.switchers for one in found) if whole or asked.normalized else float("nan"),
        },
        units=(int((treated | compared).sum()), int(treated.sum()), int((compared & ~treated).sum()), 0),
    )


def _unreached(asked: _Asked, panel: SwitchPanel) -> str:
    """Say why no effect that was asked for can be had, and which could."""
    able = [n for n in range(1, panel.reach + 1) if _horizons(asked, panel, [n], n)]
    beside = "that never switches" if asked.only_never else "with its first treatment that has not switched yet"
    if not able:
        more = "; only_never_switchers = false compares with those that switch later" if asked.only_never else ""
        return f"no unit that switches is seen beside one {beside}{more}"
    many = "every effect up to" if asked.same else "effect"
    return f"no unit that switches has {many} {asked.effects} beside one {beside}; set effects to {max(able)} or less"


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
        left_out={k: NOBODY for k in wanted if k not in found},
        binned=False,
        from_reference=True,
        note="effects of did_multiplegt_dyn are counted from the first change of the treatment, and a change to less "
        "is taken with the other sign"
        + ("; they are per unit of treatment" if asked.normalized else "")
        + ("; periods are counted as they are in the sample, and some lie further apart" * (panel.longer_steps > 0)),
    )


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
            f"{int(wrong.any(axis=1).sum()):,} units have a cohort that is not the first period in which their "
            "treatment changes; write cohort as that period, 0 for those that never change",
        )


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    """Say what is averaged."""
    effects, where = int(str(options.get("effects", 1))), where_zero(treated)
    if options.get("aggregate", "total") == "total":
        return f"average total effect per unit of treatment{where} (switchers over {_periods(effects)})"
    if options.get("normalized"):
        return f"effect per unit of treatment{where} (switchers {_periods(effects)} after, over all treatment since)"
    return f"effect of having switched{where} ({_periods(effects)}, switches to less with the other sign)"


def _periods(count: int) -> str:
    return "1 period" if count == 1 else f"{count} periods"


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    lost, left, both = (found[n] for n in ("n_effects_left_out", "n_switchers_left_out", "n_both_ways"))
    if (some := lost > 0).any():
        worst = int(np.argmax(lost))
        every = int(lost[worst] + found["n_effects"][worst])
        yield Caution(
            "serious",
            "cells_left_out",
            f"did_multiplegt_dyn averages {int(found['n_effects'][worst])} of the {every} effects asked for: nobody "
            "who has not switched is left beside the switchers of the others (column n_effects_left_out)",
            specifications=int(some.sum()),
        )
    left = left + found["n_no_counterpart"]
    if (some := left > 0).any():
        yield Caution(
            "serious",
            "cohorts_left_out",
            f"did_multiplegt_dyn: up to {int(left.max()):,} units are in no comparison: they switch where rows are "
            "missing or when nobody with their first treatment is left that has not, or nobody with it ever switches "
            "in another period (columns n_switchers_left_out, n_no_counterpart)",
            specifications=int(some.sum()),
        )
    if (some := (late := found["n_late_baseline"]) > 0).any():
        yield Caution(
            "serious",
            "late_baseline",
            f"did_multiplegt_dyn: up to {int(late.max()):,} units have no treatment in the first period, and count from"
            " that of a later one, as by the package: whether it is their first, nobody knows (column n_late_baseline)",
            specifications=int(some.sum()),
        )
    if (some := (steps := found["n_longer_steps"]) > 0).any():
        yield Caution(
            "serious",
            "uneven_periods",
            f"did_multiplegt_dyn counts periods as they are in the sample, and up to {int(steps.max()):,} steps from "
            "one to the next are longer than the shortest: an effect so many periods after a switch is of different "
            "spans of time (column n_longer_steps)",
            specifications=int(some.sum()),
        )
    if (some := both > 0).any():
        yield Caution(
            "note",
            "cells_left_out",
            f"did_multiplegt_dyn: up to {int(both.max()):,} units' periods are left out once treatment has been above "
            "and below its first value, as by the package (column n_both_ways)",
            specifications=int(some.sum()),
        )
    if (some := found["n_one_unit_cohorts"] > 0).any():
        yield Caution(
            "note",
            "one_unit_cohorts",
            f"did_multiplegt_dyn: up to {int(found['n_one_unit_cohorts'].max())} cohorts are one cluster, whose "
            "variance is taken about the mean of switchers and controls, as by the package",
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
            "Whether an effect is divided by what treatments changed by, summed since the switch; the total always is.",
            "true",
            False,
        ),
        EstimatorSetting(
            "same_switchers", Flag(), "Whether only switchers that have every effect are taken.", "true", False
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
    "has a treatment; one without it is a gap. Periods are counted as they are in the sample, not by the calendar. "
    "Takes no controls and no other fixed effects. Clusters must hold units whole.",
    path=_path,
    changes="outcome",
    alone=lambda options: "comparisons of changes have no other coefficients",
    uncorrected=True,
    beside=lambda options: "never treated" if options.get("only_never_switchers") else "only compared with",
    words=_words,
    ssc=UNCOUNTED,
    cautions=_cautions,
    refuses=_refuses,
    columns=frozenset(
        {
            "n_effects", "n_effects_left_out", "n_switchers_in", "n_switchers_out", "n_switchers_left_out",
            "n_no_counterpart", "n_both_ways", "n_late_baseline", "n_longer_steps", "n_one_unit_cohorts",
            "dose",
        }
    ),
    programs={
        "python": Program(write_python, ("from moderndid import did_multiplegt",)),
        "r": Program(write_r, ("DIDmultiplegtDYN",)),
        "stata": Program(write_stata, ("did_multiplegt_dyn",)),
    },
)  # fmt: skip

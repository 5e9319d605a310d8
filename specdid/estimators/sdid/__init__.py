"""Synthetic difference in differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021).

`synthetic` has the formulas. Each cohort is compared with the units never treated in these rows; cohorts are averaged
by their treated cells (Clarke, Pailañir, Athey and Imbens 2023). Numbers are those of R's synthdid with its defaults,
with several cohorts and controls those of Stata's sdid. Every unit must be seen in every period: nothing is left out.

A path of the outcome that all units have is in σ, the standard deviation of changes, and so in the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._diagnostics import many
from specdid._format import NumberValue, Word
from specdid._programs.templates import template
from specdid._records import Caution
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Path, Program, Task, where_zero
from specdid.estimators._cohorts import compared_with
from specdid.estimators._influences import ROUNDING, normal_or_t, whole_units
from specdid.estimators._pyfixest import Refusal, guarded, refusal, standardised
from specdid.estimators.sdid.synthetic import (
    MOST,
    Aims,
    BalancedPanel,
    Cohort,
    averages,
    drawn,
    estimate_cohorts,
    jackknife,
    left_out,
    net_controls,
    overall,
    placebos,
    resampled,
    resamples,
)

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated

DRAWN = ("bootstrap", "placebo")
COLLINEAR = 1e-7
"""Share of a control that is no combination of others up to which it is left out as collinear."""


def _begin(task: Task) -> tuple[BalancedPanel, tuple[int, ...], float]:
    """Lay a task out; give the controls that are left out and the unit of the outcome too.

    Raises
    ------
    Refusal
        The panel is not balanced, or it has nothing to compare.
    """
    assert task.unit is not None
    assert task.time is not None
    assert task.cohort is not None
    times, at = np.unique(task.time, return_inverse=True)
    seen = np.bincount(task.unit)
    if (seen < len(times)).any():
        raise Refusal("not_identified", _unbalanced(task, seen, len(times)))
    shape = len(seen), len(times)

    def wide(values: Floats) -> Floats:
        table = np.empty(shape)
        table[task.unit, at] = values
        return table

    first = np.searchsorted(times, np.where(np.isnan(task.cohort), np.inf, task.cohort))
    first = wide(first.astype(np.float64))[:, 0].astype(np.int64)
    outcome, unit = standardised(task.outcome)
    y = wide(outcome)
    controls = np.array([wide(standardised(c)[0]) for c in task.controls.T]).reshape(-1, *shape)
    panel = BalancedPanel(y - y.mean(axis=1, keepdims=True), controls, first)
    _comparable(task, panel)
    kept, dropped = _independent(task, panel)
    return BalancedPanel(panel.outcome, panel.controls[list(kept)], first), dropped, unit


def _named(task: Task, unit: int) -> str:
    return "" if task.unit_names is None else f", among them {task.unit_names[unit]}"


def _unbalanced(task: Task, seen: Ints, periods: int) -> str:
    short = np.flatnonzero(seen < periods)
    name = f"unit {task.unit_names[short[0]]}" if task.unit_names is not None else "the first of them"
    return (
        f"sdid needs every unit in every period: rows are missing of {len(short):,} of {len(seen):,} units ({name} has "
        f"{seen[short[0]]} of {periods} periods); keep complete units and periods by [sample], or leave out the "
        "variables that are missing"
    )


def _comparable(task: Task, panel: BalancedPanel) -> None:
    always, never = np.flatnonzero(panel.first == 0), panel.never
    if len(always):
        raise Refusal(
            "not_identified",
            f"sdid needs periods before treatment: {many(len(always), 'unit', 'are')} treated in the first period"
            f"{_named(task, int(always[0]))}; leave out by [sample] who is",
        )
    if not panel.cohorts:
        raise Refusal("no_treatment_variation", "no unit enters treatment in these rows")
    if len(never) < 2:
        raise Refusal(
            "not_identified",
            f"sdid compares with units never treated, and needs two: there {'is one' if len(never) else 'are none'} "
            "in these rows",
        )
    if panel.cohorts[0] == 1:
        early = np.flatnonzero(panel.first == 1)
        raise Refusal(
            "not_identified",
            f"sdid needs two periods before treatment: {many(len(early), 'unit', 'have')} one"
            f"{_named(task, int(early[0]))}; leave out by [sample] who has",
        )


def _independent(task: Task, panel: BalancedPanel) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return places of controls with a coefficient among the never treated, and of those that are collinear.

    Raises
    ------
    Refusal
        A control is collinear among the never treated alone: it varies among the treated, and nothing says with
        which coefficient.
    """
    everyone = np.arange(len(panel.first))
    kept, there = (_pivots(net_controls(panel, units)) for units in (panel.never, everyone))
    apart = [j for j in there if j not in kept]
    if apart:
        raise Refusal(
            "not_identified",
            f"the coefficient of {task.control_labels[apart[0]]} is not known: among the units never treated it is a "
            "combination of the other controls, unit and period effects, and among all units it is not",
        )
    return tuple(kept), tuple(j for j in range(len(panel.controls)) if j not in kept)


def _pivots(net: Floats) -> list[int]:
    """Return the columns that are no combination of those before them; the controls have unit variance."""
    kept: list[int] = []
    basis = np.zeros((len(net), 0))
    for j in range(net.shape[1]):
        rest = net[:, j] - basis @ (basis.T @ net[:, j])
        rest = rest - basis @ (basis.T @ rest)
        size = float(np.linalg.norm(rest))
        if size > COLLINEAR * np.sqrt(len(net)):
            kept, basis = [*kept, j], np.column_stack([basis, rest / size])
    return kept


def _no_error(task: Task) -> str:
    """Say that placebos need two units more never treated than are treated."""
    if task.options.get("vce") != "placebo" or task.unit is None or task.time is None or task.cohort is None:
        return ""
    try:
        panel, _, _ = _begin(task)
    except Refusal:
        return ""  # it fails, which is said of it
    if _enough(panel):
        return ""
    return (
        'vce = "placebo" needs two units more that are never treated than are treated: of the latter there are '
        f"{int((panel.first < panel.periods).sum()):,}, of the former {len(panel.never):,}"
    )


def _enough(panel: BalancedPanel) -> bool:
    """Say whether two stay untreated beside the placebos: of one, no changes have a deviation."""
    return len(panel.never) >= int((panel.first < panel.periods).sum()) + 2


@guarded
def _fit(task: Task) -> Estimate | Failure:
    panel, dropped, unit = _begin(task)
    cohorts, aims = estimate_cohorts(panel), overall(panel)
    found = _covariances(task, panel, cohorts, aims)
    treated = int((panel.first < panel.periods).sum())
    used = np.array([c.omega > 0 for c in cohorts]).any(axis=0)
    return Estimate(
        estimate=float(averages(panel, cohorts, aims)[0]) * unit,
        std_error=tuple((np.sqrt(found.vcov[:, 0, 0]) * unit).tolist()),
        df=found.df,
        n_clusters=found.n_clusters,
        nobs=len(task.outcome),
        dropped=dropped,
        in_force={} if _drawn(task.options) else {"replications": None, "seed": None},
        vcov_notes=found.notes,
        extra={
            "n_cohorts": float(len(cohorts)),
            "n_controls_weighted": float(used.sum()),
            "n_periods_weighted": float(max((c.lam > 0).sum() for c in cohorts)),
            "n_weights_capped": float(sum(c.capped for c in cohorts)),
        }
        | ({"n_one_unit_cohorts": float(_single(panel))} if task.options.get("vce") == "bootstrap" else {}),
        units=(len(panel.first), treated, len(panel.never), 0),
    )


def _single(panel: BalancedPanel) -> int:
    return sum(int((panel.first == a).sum()) == 1 for a in panel.cohorts)


def _drawn(options: Mapping[str, object]) -> bool:
    return options.get("vce") in DRAWN


def _fits(options: Mapping[str, object]) -> int:
    return 1 + _replications(options) if _drawn(options) else 1


def _replications(options: Mapping[str, object]) -> int:
    return int(str(options.get("replications") or 200))


def _only_by_unit(options: Mapping[str, object]) -> str:
    return 'with vce = "placebo" sdid has them by unit alone' if options.get("vce") == "placebo" else ""


@dataclass(frozen=True, slots=True)
class _Covariances:
    """By vcov, in units of the panel's outcome: ``vcov`` (V, m, m), NaN where ``notes`` says why."""

    vcov: Floats
    df: tuple[float, ...]
    n_clusters: tuple[int, ...]
    notes: tuple[str, ...]


def _covariances(task: Task, panel: BalancedPanel, cohorts: tuple[Cohort, ...], aims: Aims) -> _Covariances:
    assert task.unit is not None
    first = np.unique(task.unit, return_index=True)[1]
    nothing = np.full((len(aims.cells), len(aims.cells)), np.nan)
    matrices, counts, notes = [], [], []
    for kind, clusters in zip(task.vcovs, task.clusters, strict=True):
        found, note = nothing, "not_offered"
        count = min((len(np.unique(codes)) for codes in clusters), default=-1)
        if kind == "cluster" and len(clusters) == 1:
            codes = np.unique(clusters[0][first], return_inverse=True)[1]
            found, note = _covariance(task, panel, cohorts, aims, codes, count)
            if not note and (np.sqrt(np.diag(found)) <= ROUNDING * float(np.ptp(panel.outcome))).any():
                note = "perfect_fit"
        matrices.append(nothing if note else found)
        counts.append(count)
        notes.append(note)
    said = whole_units(task, tuple(notes))
    blank = np.array([bool(note) for note in said])[:, None, None]
    df = normal_or_t(task, said, tuple(counts))
    return _Covariances(np.where(blank, np.nan, np.array(matrices)), df, tuple(counts), said)


def _covariance(
    task: Task, panel: BalancedPanel, cohorts: tuple[Cohort, ...], aims: Aims, codes: Ints, count: int
) -> tuple[Floats, str]:
    """Return the covariance, or why there is none."""
    nothing = np.full((len(aims.cells), len(aims.cells)), np.nan)
    if count < 2:
        return nothing, "few_clusters"
    enough = _enough(panel)
    by_unit = count == len(codes)
    if not _drawn(task.options):
        left = left_out(panel, cohorts, aims, codes)
        if left is not None:
            return jackknife(left), ""
        return nothing, "no_jackknife" if not enough else "rather_placebo" if by_unit else "placebo_by_unit"
    draws, seed = _replications(task.options), int(str(task.options.get("seed") or 0))
    if task.options["vce"] == "bootstrap":
        if not resampled(panel, aims, codes):
            return nothing, "no_bootstrap"
        found = resamples(panel, cohorts, aims, codes, draws, seed)
    elif not (enough and by_unit):
        return nothing, "only_by_unit" if enough else "no_placebo"
    else:
        found = placebos(panel, cohorts, aims, draws, seed)
    return drawn(found), ""


NOT_FROM_REFERENCE = (
    "effects and leads of sdid are since the earlier periods as it weights them, not since the reference period; leads "
    "are small by the choice of weights, and no test of parallel trends"
)
FROM_REFERENCE = (
    "all weight that sdid gives to earlier periods lies in the reference period, which effects and leads are since; "
    "leads are small by the choice of weights, and no test of parallel trends"
)
NO_TEST = "leads of sdid are small by the choice of its weights, and no test of parallel trends"
NOBODY = "no treated unit is seen in it"
ALL_WEIGHT = "zero by construction: all weight of earlier periods lies in it"


@guarded
def _path(task: Task, relative: Floats, periods: tuple[int, ...], reference: int) -> Path | Failure:
    """Give each period's effect against the weighted periods before treatment, the reference's too.

    Where all weight lies in the reference, effects are measured from it, as those of other estimators are.
    """
    panel, _, unit = _begin(task)
    cohorts, since = estimate_cohorts(panel), _since(task, panel)
    aims, names, left_out_ = [], [], {}
    since_reference = False
    for k in sorted({*periods, reference}):
        here = since == k
        if not here.any():
            left_out_[k] = NOBODY
        elif any(_measured(row, one) for row, one in zip(here, cohorts, strict=True)):
            names.append(k)
            aims.append(here.astype(np.float64))
        elif k == reference:
            since_reference = True
        else:
            left_out_[k] = ALL_WEIGHT
    if not names:
        raise Refusal("not_identified", "no treated unit is seen in these periods")
    weights = np.array(aims)
    asked = Aims(weights, weights.sum(axis=2))
    found = _covariances(task, panel, cohorts, asked)
    members = np.array([(panel.first == c.first).sum() for c in cohorts])
    return Path(
        tuple(names),
        averages(panel, cohorts, asked) * unit,
        found.vcov * unit**2,
        found.df,
        found.n_clusters,
        len(task.outcome),
        (asked.cells @ members).astype(np.int64),
        found.notes,
        left_out=left_out_,
        binned=False,
        from_reference=since_reference,
        note=FROM_REFERENCE if since_reference else NOT_FROM_REFERENCE,
        untestable=NO_TEST,
    )


def _measured(period: Bools, cohort: Cohort) -> bool:
    """Say whether the cohort is seen in a period that is not all that it is compared with."""
    return bool(period[cohort.first :].any() or (cohort.lam[period[: cohort.first]] < 1.0 - ROUNDING).any())


def _since(task: Task, panel: BalancedPanel) -> Ints:
    """Return periods since treatment by cohort and period, (C, T)."""
    assert task.unit is not None and task.time is not None and task.cohort is not None  # noqa: PT018
    cohort = task.cohort[np.unique(task.unit, return_index=True)[1]]
    begins = [np.unique(cohort[panel.first == a]) for a in panel.cohorts]
    if any(len(own) > 1 for own in begins):
        several = next(own for own in begins if len(own) > 1)
        raise Refusal(
            "not_identified",
            f"cohorts of sdid are of periods that are seen, and {len(several)} of the treatment's begin in one: its "
            "units are not as many periods after treatment",
        )
    return np.asarray(np.unique(task.time) - np.array(begins), np.int64)


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    return (
        f"average effect on the treated{where_zero(treated)} (synthetic difference in differences; treated rows alike)"
    )


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    if "n_one_unit_cohorts" in found and (some := found["n_one_unit_cohorts"] > 0).any():
        yield Caution(
            "note",
            "one_unit_cohorts",
            f"sdid: up to {many(int(found['n_one_unit_cohorts'][some].max()), 'cohort', 'are')} one unit, which the "
            "bootstrap draws or leaves out of the average: its error is that of cohorts whose effects are alike "
            "(column n_one_unit_cohorts)",
            specifications=int(some.sum()),
        )
    if (some := (weights := found["n_weights_capped"]) > 0).any():
        yield Caution(
            "serious",
            "weights_capped",
            f"sdid leaves up to {many(int(weights.max()), 'set')} of weights (two a cohort) still changing after "
            f"{MOST:,} steps, where R's synthdid cuts them off, too: others fit better (column n_weights_capped)",
            specifications=int(some.sum()),
        )


ESTIMATOR = Estimator(
    name="sdid",
    title="Synthetic difference in differences",
    estimand="average effect on the treated (synthetic difference in differences; treated rows alike)",
    settings=(
        EstimatorSetting(
            "vce",
            Word(("jackknife", *DRAWN)),
            "The standard error: units (or clusters of units) left out one by one, with the weights as they are; drawn "
            "with replacement, with weights found from those of the estimate on; or placebos, where units never "
            "treated are given the treatment, with weights found so, too. Placebos do with one treated unit, need two "
            "units more that are never treated than are treated, and have errors by unit alone.",
            '"bootstrap"',
            "jackknife",
        ),
        EstimatorSetting(
            "replications",
            NumberValue("2 or more", whole=True, least=2),
            "How many draws the bootstrap or the placebos take.",
            "500",
            200,
        ),
        EstimatorSetting(
            "seed",
            NumberValue("0 or more", whole=True, least=0),
            "The seed of the draws.",
            "1",
            otherwise="that of [study]",
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "sample"}),
    effects="unit + time",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=False,
    vcovs=frozenset({"cluster"}),
    fit=_fit,
    slopes=False,
    doc="Units and periods are weighted so that units never treated, of which there must be two, run parallel to the "
    "treated before treatment. Every unit must be seen in every period, twice before treatment. Controls are taken out "
    "of the outcome with coefficients from the units never treated. Takes no weights, and no other fixed effects. "
    "Clusters must hold units whole. Its event study is since the weighted earlier periods, and its leads are no test.",
    path=_path,
    alone=lambda options: "weighted means are compared, which have no other coefficients",
    beside=compared_with("never"),
    words=_words,
    untestable=NO_TEST,
    balanced=True,
    only_by_unit=_only_by_unit,
    fits=_fits,
    refuses=refusal(_begin),
    no_error=_no_error,
    columns=frozenset(
        {
            "n_cohorts",
            "n_controls_weighted",
            "n_one_unit_cohorts",
            "n_periods_weighted",
            "n_weights_capped",
        }
    ),
    cautions=_cautions,
    seeded=_drawn,
    programs={
        "python": Program(template("sdid.py")),
        "r": Program(template("sdid.R"), ("synthdid",)),
        "stata": Program(template("sdid.do"), ("sdid",)),
    },
)

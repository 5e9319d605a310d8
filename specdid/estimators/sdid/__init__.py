"""Synthetic difference in differences (Arkhangelsky, Athey, Hirshberg, Imbens and Wager 2021).

`synthetic` has the formulas. Each cohort is compared with the units never treated in these rows; cohorts are averaged
by their treated cells (Clarke, Pailañir, Athey and Imbens 2023). Numbers are those of R's synthdid with its defaults,
with several cohorts and controls those of Stata's sdid. Every unit must be seen in every period: nothing is left out.

A path of the outcome that all units have is in σ, the standard deviation of changes, and so in the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Floats, Ints
from specdid._format import NumberValue, Word
from specdid._records import Caution
from specdid._records.numerals import many
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Program, Task, where_zero
from specdid.estimators._cohorts import compared_with
from specdid.estimators._influences import ROUNDING, normal_or_t, whole_units
from specdid.estimators._pyfixest import Refusal, guarded, standardised
from specdid.estimators.sdid.programs import write_python, write_r, write_stata
from specdid.estimators.sdid.synthetic import (
    BalancedPanel,
    Cohort,
    average,
    estimate_cohorts,
    jackknife,
    left_out,
    net_controls,
    placebos,
)
from specdid.estimators.sdid.weights import MOST

if TYPE_CHECKING:
    from specdid._plan.estimands import Treated

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


def _refuses(task: Task) -> Failure | None:
    try:
        _begin(task)
    except Refusal as refused:
        return refused.failure
    return None


@guarded
def _fit(task: Task) -> Estimate | Failure:
    panel, dropped, unit = _begin(task)
    assert task.unit is not None
    cohorts = estimate_cohorts(panel)
    errors, counts, notes, cut = _errors(task, panel, cohorts)
    notes = whole_units(task, notes)
    treated = int((panel.first < panel.periods).sum())
    used = np.array([c.omega > 0 for c in cohorts]).any(axis=0)
    return Estimate(
        estimate=average(panel, cohorts) * unit,
        std_error=tuple(float("nan") if note else e * unit for note, e in zip(notes, errors, strict=True)),
        df=normal_or_t(task, notes, counts),
        n_clusters=counts,
        nobs=len(task.outcome),
        dropped=dropped,
        in_force={} if _drawn(task.options) else {"replications": None, "seed": None},
        vcov_notes=notes,
        extra={
            "n_cohorts": float(len(cohorts)),
            "n_controls_weighted": float(used.sum()),
            "n_periods_weighted": float(max((c.lam > 0).sum() for c in cohorts)),
            "n_weights_capped": float(sum(c.capped for c in cohorts)),
            "n_placebos_capped": float(cut),
        },
        units=(len(panel.first), treated, len(panel.never), 0),
    )


def _drawn(options: Mapping[str, object]) -> bool:
    return options.get("vce") == "placebo"


def _fits(options: Mapping[str, object]) -> int:
    return 1 + _replications(options) if _drawn(options) else 1


def _replications(options: Mapping[str, object]) -> int:
    return int(str(options.get("replications") or 200))


def _only_by_unit(options: Mapping[str, object]) -> str:
    return 'with vce = "placebo" sdid has them by unit alone' if _drawn(options) else ""


def _errors(
    task: Task, panel: BalancedPanel, cohorts: tuple[Cohort, ...]
) -> tuple[list[float], tuple[int, ...], tuple[str, ...], int]:
    """Return the standard error, clusters and note of every vcov, in units of the panel's outcome.

    The last are the placebos some of whose weights were cut off.
    """
    assert task.unit is not None
    first = np.unique(task.unit, return_index=True)[1]
    errors, counts, notes, cut = [], [], [], 0
    for kind, clusters in zip(task.vcovs, task.clusters, strict=True):
        error, note = float("nan"), "not_offered"
        count = min((len(np.unique(codes)) for codes in clusters), default=-1)
        if kind == "cluster" and len(clusters) == 1:
            codes = np.unique(clusters[0][first], return_inverse=True)[1]
            error, note, capped = _error(task, panel, cohorts, codes, count)
            cut = max(cut, capped)
            if not note and error <= ROUNDING * float(np.ptp(panel.outcome)):
                error, note = float("nan"), "perfect_fit"
        errors.append(error)
        counts.append(count)
        notes.append(note)
    return errors, tuple(counts), tuple(notes), cut


def _error(
    task: Task, panel: BalancedPanel, cohorts: tuple[Cohort, ...], codes: Ints, count: int
) -> tuple[float, str, int]:
    if count < 2:
        return float("nan"), "few_clusters", 0
    # Two of them stay untreated: of one, no changes have a deviation.
    enough = len(panel.never) >= int((panel.first < panel.periods).sum()) + 2
    by_unit = count == len(codes)
    if not _drawn(task.options):
        left = left_out(panel, cohorts, codes)
        if left is not None:
            return jackknife(left), "", 0
        return float("nan"), "no_jackknife" if not enough else "rather_placebo" if by_unit else "placebo_by_unit", 0
    if not (enough and by_unit):
        return float("nan"), "only_by_unit" if enough else "no_placebo", 0
    found, capped = placebos(panel, cohorts, _replications(task.options), int(str(task.options.get("seed") or 0)))
    return float(found.std()), "", int((capped > 0).sum())


def _words(treated: Treated, options: Mapping[str, object]) -> str:
    return (
        f"average effect on the treated{where_zero(treated)} (synthetic difference in differences; treated rows alike)"
    )


def _cautions(found: Mapping[str, Floats]) -> Iterator[Caution]:
    weights, drawn = found["n_weights_capped"], found["n_placebos_capped"]
    if (some := weights > 0).any():
        yield Caution(
            "serious",
            "weights_capped",
            f"sdid leaves up to {many(int(weights.max()), 'set')} of weights (two a cohort) still changing after "
            f"{MOST:,} steps, where R's synthdid cuts them off, too: others fit better (column n_weights_capped)",
            specifications=int(some.sum()),
        )
    if (some := drawn > 0).any():
        yield Caution(
            "note",
            "weights_capped",
            f"sdid: weights of up to {many(int(drawn.max()), 'placebo')} were still changing after {MOST:,} steps, "
            "where R's synthdid cuts them off, too; the standard error is of these (column n_placebos_capped)",
            specifications=int(some.sum()),
        )


ESTIMATOR = Estimator(
    name="sdid",
    title="Synthetic difference in differences",
    estimand="average effect on the treated (synthetic difference in differences; treated rows alike)",
    settings=(
        EstimatorSetting(
            "vce",
            Word(("jackknife", "placebo")),
            "The standard error: units left out one by one (or clusters of units), with the weights as they are; or "
            "placebos, where units never treated are given the treatment. Placebos do with one treated unit, need two "
            "units more that are never treated than are treated, and have errors by unit alone.",
            '"placebo"',
            "jackknife",
        ),
        EstimatorSetting(
            "replications",
            NumberValue("2 or more", whole=True, least=2),
            "How many placebos are drawn.",
            "500",
            200,
        ),
        EstimatorSetting(
            "seed",
            NumberValue("0 or more", whole=True, least=0),
            "What the placebos are drawn from.",
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
    "Clusters must hold units whole.",
    alone=lambda options: "weighted means are compared, which have no other coefficients",
    beside=compared_with("never"),
    words=_words,
    uncorrected=True,
    balanced=True,
    only_by_unit=_only_by_unit,
    fits=_fits,
    refuses=_refuses,
    columns=frozenset(
        {"n_cohorts", "n_controls_weighted", "n_periods_weighted", "n_weights_capped", "n_placebos_capped"}
    ),
    cautions=_cautions,
    seeded=_drawn,
    programs={
        "python": Program(write_python),
        "r": Program(write_r, ("synthdid",)),
        "stata": Program(write_stata, ("sdid",)),
    },
)

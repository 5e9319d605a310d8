"""What two other programs make of one specification, on rows that the audit takes from the data itself.

pyfixest is called with the columns in another order: of collinear columns it then keeps others
than the engine did, so that the two no longer agree because they drop the same. And the audit's
own least squares say first whether what is asked for is estimable at all, a Sun-Abraham average
as an average, and then give its numbers, with corrections counted here. Where a design is
ill-conditioned (above 1e4), pyfixest's normal equations are the inaccurate side, and the audit's
own numbers stand alone.

did2s is imputed in two stages by one pivoted QR of the untreated rows' design. With X₀ the untreated rows'
regressors, times √weight, and t the sum of w x over the treated rows divided by that of w, the estimate is the
treated rows' mean of y less t'δ, δ = X₀⁺y. It is identified where t is in the row space of X₀: with X₀P = Q(R₁ R₂),
where t₂ = R₂'R₁⁻ᵀt₁. The rows' influences are those of both stages as one GMM problem (Gardner 2021, section 4).

lpdid's changes are joined on unit and period by pandas and regressed on entering; with equal weights and controls
the entering units' changes are imputed by a regression on dummies, without a standard error.

did_imputation's estimate is that of did2s; its rows' parts are about means of cohorts and periods (Borusyak, Jaravel
and Spiess 2024, equation 8).

csdid's average is written as a function of units' weights, whose derivatives are its influences (`definitions`).

did_multiplegt_dyn's changes are joined and compared by pandas (there too).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats
from specdid._audit.definitions import Synthetic, average_of_changes, group_time_influences, group_times
from specdid._audit.least_squares import (
    ESTIMABLE,
    RANK,
    AuditSample,
    NetRegressors,
    Solved,
    UnsolvedError,
    between,
    corrected,
    record_of,
    sample_of,
    without_singletons,
)
from specdid._diagnostics import many
from specdid.engine.one_by_one import Method, OneByOneWork, make_task
from specdid.engine.problem import Vcov
from specdid.engine.rows import Cut
from specdid.estimators._base import Failure

ILL_CONDITIONED = 1e4
LARGE = 1e4
"""Beyond this size a column cannot be demeaned to an absolute 1e-12."""
COLLINEAR = 1e-5
"""Share of a column that is no combination of others, up to which leaving it out as collinear is right."""
SETTLED = 1e-12
"""Relative change of the linear predictor below which a likelihood is at its maximum."""

StandardErrors = tuple[float | None, ...]
LARGEST = 5e10
"""Multiplications up to which the design is factorised."""
WRITTEN_OUT = 4e6
"""Cells of slopes up to which pyfixest is given them, a column for each level."""


@dataclass(frozen=True, slots=True)
class ProgramNumbers:
    """An estimate of one program, and its standard error by vcov: NaN where there is none, None where not computed."""

    program: str
    estimate: float
    std_error: StandardErrors


@dataclass(frozen=True, slots=True)
class Reestimated:
    """What the audit makes of a specification.

    Attributes
    ----------
    numbers : of each program that has an estimate
    nobs : rows that they used, -1 where that was not reached
    why : why the specification is not confirmed, whatever the numbers
    condition : of the design, regressors at unit length
    itself : the estimator's name, where it was asked itself because the audit has no program for it
    without_pyfixest : whether pyfixest is not asked because of the slopes: too many columns, or beside instruments
    unsolved : why nothing is known of the specification, which is then not audited: neither agreement nor disagreement
    """

    numbers: tuple[ProgramNumbers, ...]
    nobs: int = -1
    why: str = ""
    condition: float = 1.0
    itself: str = ""
    without_pyfixest: bool = False
    unsolved: str = ""


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """Specifications to estimate again, and for each the controls that it is said to have lost as collinear."""

    work: OneByOneWork
    dropped: tuple[tuple[int, ...], ...]


def estimate_again(request: AuditRequest, s: int) -> Reestimated:
    """Estimate member ``s`` again; without numbers where that cannot be."""
    work = request.work
    try:
        sample = sample_of(work, s)
        if not len(sample):
            return Reestimated((), 0, "no rows are left")
        method = work.methods[work.method[s]]
        return PROGRAMS.get(method.name, _by_itself)(work, s, sample, method, request.dropped[s])
    except UnsolvedError as error:
        return Reestimated((), unsolved=str(error))
    except Exception as error:  # whatever it is, the specification is not confirmed
        return Reestimated((), why=" ".join(f"{type(error).__name__}: {error}".split()))


def _least_squares(
    work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]
) -> Reestimated:
    """Answer for feols and for Sun-Abraham averages."""
    if work.members.instruments[s] >= 0:
        return _instrumented(work, s, sample, dropped)
    lost = _positions(work, s, dropped)
    solved, why = _solve(sample, lost)
    own = ProgramNumbers("least squares of the audit's own", solved.estimate, _errors(work, sample, solved))
    alone = _many_slopes(sample)
    theirs = None if alone else _pyfixest(work, sample)
    # Of what is not identified any solution is as good: pyfixest's shows how far apart they are.
    numbers = (*(() if why else (own,)), *((theirs,) if theirs else ()))
    return Reestimated(numbers, len(sample), why, solved.condition, without_pyfixest=alone)


def _many_slopes(sample: AuditSample) -> bool:
    return sum(len(np.unique(levels)) for levels, _ in sample.slopes) * len(sample) > WRITTEN_OUT


def _instrumented(work: OneByOneWork, s: int, sample: AuditSample, dropped: Sequence[int]) -> Reestimated:
    """Answer for two-stage least squares.

    The second stage is a regression on what the first one fits; its residuals are those of the treatment itself,
    e = ê − β(D − D̂). pyfixest has a formula with instruments of its own.
    """
    members = work.members
    controls, instruments = (c.tolist() for c in (members.controls_of(s), members.instruments_of(s)))
    lost = [controls.index(c) for c in dropped if c in controls]
    kept = [j for j, c in enumerate(instruments) if c not in dropped]
    assert sample.instruments is not None  # sample_of sees to it
    excluded, treated = sample.instruments[:, kept], sample.treated[:, 0]
    on = (sample.effects, sample.slopes, sample.weights)
    rest = _without(sample, lost)
    exogenous = NetRegressors(np.hstack([excluded[:, ::-1], rest.controls[:, ::-1]]), *on)
    fitted, beyond = exogenous.fitted(treated)
    alone = NetRegressors(rest.controls[:, ::-1], *on)
    explained = np.linalg.norm(alone.fitted(fitted / alone.root)[1])
    whole = np.linalg.norm(alone.fitted(treated)[1])
    if not explained > RANK * whole:
        return Reestimated((), len(sample), "the treatment is not identified: its instruments explain nothing of it")
    design = NetRegressors(np.column_stack([fitted / alone.root, rest.controls[:, ::-1]]), *on)
    average = np.append(1.0, np.zeros(rest.controls.shape[1]))
    solved = design.solve(sample.outcome, average)
    if not solved.identified:
        return Reestimated((), len(sample), _not_identified(rest, solved))
    solved = replace(solved, residual=solved.residual - solved.estimate * beyond)
    wrong = [f"`{sample.labels[j]}`" for j in lost if alone.left_of(sample.controls[:, [j]])[0] > COLLINEAR]
    wrong += [
        f"`{work.problem.labels[c]}`"
        for j, c in enumerate(instruments)
        if c in dropped and exogenous.left_of(sample.instruments[:, [j]])[0] > COLLINEAR
    ]
    why = f"left out as collinear, and is no combination of the others: {', '.join(wrong)}" if wrong else ""
    condition = max(solved.condition, exogenous.condition)
    own = ProgramNumbers("two-stage least squares of the audit's own", solved.estimate, _errors(work, rest, solved))
    theirs = _pyfixest_instrumented(work, rest, excluded) if condition <= ILL_CONDITIONED else None
    numbers = (own, *((theirs,) if theirs else ()))
    return Reestimated(numbers, len(sample), why, condition, without_pyfixest=bool(sample.slopes))


def _pyfixest_instrumented(work: OneByOneWork, sample: AuditSample, excluded: Floats) -> ProgramNumbers | None:
    """Call feols with instruments in the data's own units; None with slopes or where it would be inaccurate."""
    if sample.slopes:
        return None
    frame, treated, others, effects = _frame(sample)
    names = [f"z{j}" for j in range(excluded.shape[1])]
    frame[names] = excluded
    if np.abs(frame[["y", *treated, *others, *names]].to_numpy()).max() >= LARGE:
        return None
    parts = [f"y ~ {' + '.join(others) or '1'}", " + ".join(effects), f"{treated[0]} ~ {' + '.join(names)}"]
    try:
        fit = _call("feols", frame, " | ".join(part for part in parts if part))
    except ValueError:  # demeaning did not converge
        return None
    weights = np.array([float(name == treated[0]) for name in fit._coefnames])
    errors = tuple(_their_error(fit, vcov, v, weights) for v, vcov in enumerate(work.problem.vcovs))
    return ProgramNumbers("pyfixest", float(weights @ fit._beta_hat), errors)


def _positions(work: OneByOneWork, s: int, dropped: Sequence[int]) -> list[int]:
    controls = work.members.controls_of(s).tolist()
    return [controls.index(c) for c in dropped]


def _offsets(work: OneByOneWork, s: int) -> list[int]:
    """Return the places of the offsets among the controls."""
    return [j for j, c in enumerate(work.members.controls_of(s).tolist()) if c in work.problem.offsets]


def _without(sample: AuditSample, lost: Sequence[int]) -> AuditSample:
    kept = [j for j in range(len(sample.labels)) if j not in lost]
    return replace(sample, controls=sample.controls[:, kept], labels=tuple(sample.labels[j] for j in kept))


def _in_another_order(sample: AuditSample) -> tuple[Floats, Floats]:
    """Return the treatment's columns backwards, then the controls backwards; and the weights of the estimate."""
    columns = np.hstack([sample.treated[:, ::-1], sample.controls[:, ::-1]])
    return columns, np.concatenate([sample.average[::-1], np.zeros(len(sample.labels))])


def _solve(sample: AuditSample, lost: Sequence[int]) -> tuple[Solved, str]:
    """Solve without the controls ``lost``; and say what is not identified, or which control was not collinear."""
    columns, average = _in_another_order(sample)
    solved = NetRegressors(columns, sample.effects, sample.slopes, sample.weights).solve(sample.outcome, average)
    if not solved.identified:
        return solved, _not_identified(sample, solved)
    if not lost:
        return solved, ""
    kept = _without(sample, lost)
    columns, average = _in_another_order(kept)
    design = NetRegressors(columns, kept.effects, kept.slopes, kept.weights)
    apart = design.left_of(sample.controls[:, list(lost)])
    wrong = [f"`{sample.labels[j]}` ({a:.1g} of it)" for j, a in zip(lost, apart, strict=True) if a > COLLINEAR]
    said = f"left out as collinear, and is no combination of the others: {', '.join(wrong)}" if wrong else ""
    return design.solve(kept.outcome, average), said


def _not_identified(sample: AuditSample, solved: Solved) -> str:
    names = (*sample.names[::-1], *sample.labels[::-1])
    several = len(sample.names) > 1
    what = "the average of the cohorts' effects" if several else f"`{sample.names[0]}`"
    tied = [names[k] for k in solved.tied if several or k]
    beside = f"{_listed(tied)} and the fixed effects" if tied else "the fixed effects"
    share = f"{solved.outside:.2g} of it lies outside the design's row space"
    return f"{what} is not identified ({share}): it cannot be told apart from {beside}"


def _listed(names: Sequence[str]) -> str:
    few = [f"`{n}`" for n in names[:3]]
    more = len(names) - len(few)
    return ", ".join(few) + (f" and {many(more, 'more column')}" if more else "")


def _errors(work: OneByOneWork, sample: AuditSample, solved: Solved, dispersion: float | None = None) -> StandardErrors:
    """Return the standard errors under each vcov, by the audit's own sandwich."""
    return tuple(corrected(vcov, sample, solved, v, dispersion) for v, vcov in enumerate(work.problem.vcovs))


def _frame(sample: AuditSample) -> tuple[Any, list[str], list[str], list[str]]:
    """Lay a sample out for pyfixest: the frame, the treatment's columns, the other regressors, the effects."""
    import pandas as pd

    treated = {f"d{j}": sample.treated[:, j] for j in reversed(range(sample.treated.shape[1]))}
    others: dict[str, Floats] = {}
    for j, (levels, values) in enumerate(sample.slopes):  # of a slope and a collinear control the control is dropped
        others |= {f"s{j}_{level}": np.where(levels == level, values, 0.0) for level in np.unique(levels)}
    others |= {f"x{j}": sample.controls[:, j] for j in reversed(range(len(sample.labels)))}
    effects = dict(zip(_stable_names(len(sample.effects)), sample.effects, strict=True))
    columns: dict[str, Any] = {"y": sample.outcome} | treated | others | effects
    for v, clusters in enumerate(sample.clusters):
        columns |= {f"c{v}_{j}": codes for j, codes in enumerate(clusters)}
    if sample.weights is not None:
        columns["w"] = sample.weights / sample.weights.mean()
    return pd.DataFrame(columns), list(treated), list(others), list(effects)


def _stable_names(count: int) -> list[str]:
    """Name effects so that a set of the names keeps their order, which pyfixest's does not for others."""
    attempt = 0
    while list(set(names := [f"f{j}_{attempt}" for j in range(count)])) != names:
        attempt += 1
    return names


def _formula(regressors: Sequence[str], effects: Sequence[str], sloped: bool = False) -> str:
    """Write a formula for pyfixest; beside slopes without effects, f[[x]], there is no intercept (as in fixest)."""
    return f"y ~ {' + '.join(regressors)}" + (f" | {' + '.join(effects)}" if effects else " - 1" * sloped)


def _call(function: str, frame: Any, formula: str, **options: Any) -> Any:
    import pyfixest as pf

    weights = {"weights": "w"} if "w" in frame else {}
    demeaner = pf.MapDemeaner(fixef_tol=1e-12, fixef_maxiter=100_000)
    return getattr(pf, function)(formula, frame, vcov="iid", demeaner=demeaner, **weights, **options)


def _pyfixest(work: OneByOneWork, sample: AuditSample) -> ProgramNumbers | None:
    """Call feols in the data's own units; None where it would be inaccurate."""
    frame, treated, others, effects = _frame(sample)
    if np.abs(frame[["y", *treated, *others]].to_numpy()).max() >= LARGE:
        return None
    try:
        fit = _call("feols", frame, _formula([*treated, *others], effects, bool(sample.slopes)))
    except ValueError:  # demeaning did not converge
        return None
    if np.linalg.cond(fit._X) > ILL_CONDITIONED:
        return None
    weights = np.zeros(len(fit._coefnames))
    for name, share in zip(treated, sample.average[::-1], strict=True):
        if name in fit._coefnames:  # what it dropped is 0 in its solution
            weights[fit._coefnames.index(name)] = share
    slopes = sum(len(np.unique(levels)) for levels, _ in sample.slopes)
    uncounted = slopes - sum(name.startswith("s") for name in fit._coefnames)
    errors = tuple(_their_error(fit, vcov, v, weights, uncounted) for v, vcov in enumerate(work.problem.vcovs))
    return ProgramNumbers("pyfixest", float(weights @ fit._beta_hat), errors)


def _their_error(
    fit: Any, vcov: Vcov, v: int, weights: Floats, uncounted: int = 0, factor: float = 1.0
) -> float | None:
    """Have pyfixest compute a standard error, None where it has another correction.

    ``uncounted`` are parameters of slopes that it does not count.
    """
    if vcov.ssc != "fixest":
        return None
    columns = [f"c{v}_{j}" for j in range(len(vcov.clusters))]
    if columns and min(fit._data[c].nunique() for c in columns) < 2:
        return float("nan")
    fit.vcov({"CRV1": " + ".join(columns)} if columns else vcov.kind)
    left = fit._N - fit._df_k
    variance = float(weights @ fit._vcov @ weights) * left / (left - uncounted) * factor if left > uncounted else 0.0
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _likelihood(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Answer for likelihoods: pyfixest, where it has the model, and steps of the audit's own."""
    counts, poisson = method.name in ("fepois", "fenegbin"), method.name == "fepois"
    sample = _without_sure(sample, counts)
    offsets, lost = _offsets(work, s), _positions(work, s, dropped)
    offset = sample.controls[:, offsets].sum(axis=1)
    lost = [j - sum(o < j for o in offsets) for j in lost]
    sample = _without(sample, offsets)
    _, why = _solve(sample, lost)
    if why:
        return Reestimated((), len(sample), why)
    kept = _without(sample, lost)
    frame, treated, others, effects = _frame(kept)
    for name in (*treated, *others):
        frame[name] = (frame[name] - frame[name].mean()) / (unit := frame[name].std(ddof=0) or 1.0)
        if name == treated[0]:
            of_treated = unit
    count = float(2.0 ** np.round(np.log2(frame["y"].mean()))) if poisson else 1.0
    frame["y"] = frame["y"] / count
    # pyfixest has no negative binomial, its logit takes no offset, and its probit stops up to 2e-5 of an error early.
    if method.name in ("fenegbin", "probit") or (offsets and not poisson):
        start = (kept.outcome + kept.outcome.mean()) / 2 if counts else np.full(len(kept), kept.outcome.mean())
        solved, dispersion = _newton(kept, start, method.name, offset)
        own = ProgramNumbers(
            "Newton steps of the audit's own", solved.estimate, _errors(work, kept, solved, dispersion)
        )
        return Reestimated((own,), len(sample), condition=solved.condition)
    family = {} if poisson else {"family": method.name}
    if offsets:
        frame["o"], family = offset, family | {"offset": "o"}
    fit = _call(
        "fepois" if poisson else "feglm",
        frame,
        _formula([*treated, *others], effects),
        separation_check=[],
        iwls_tol=1e-12,
        iwls_maxiter=100,
        **family,
    )
    weights = np.array([float(name == treated[0]) / of_treated for name in fit._coefnames])
    # A logit's errors are those of the weights before pyfixest's last step, up to 3e-6 off: not compared.
    errors = tuple(
        _their_error(fit, v, k, weights, factor=1 / count if v.kind == "iid" else 1.0) if poisson else None
        for k, v in enumerate(work.problem.vcovs)
    )
    theirs = ProgramNumbers("pyfixest", float(weights @ fit._beta_hat), errors)
    start = np.asarray(fit._Y_hat_response, dtype=np.float64).reshape(-1)
    solved, dispersion = _newton(kept, start * count, method.name, offset)
    own = ProgramNumbers("Newton steps of the audit's own", solved.estimate, _errors(work, kept, solved, dispersion))
    return Reestimated((own, theirs), len(sample), condition=solved.condition)


def _without_sure(sample: AuditSample, poisson: bool) -> AuditSample:
    """Drop levels of an effect whose outcome is certain, and singletons, until there are none."""
    import pandas as pd

    while True:
        rows = len(sample)
        for j in range(len(sample.effects)):
            outcome = pd.Series(sample.outcome).groupby(sample.effects[j])
            high, low, size = (outcome.transform(f).to_numpy() for f in ("max", "min", "size"))
            sample = sample.take(((high > 0) if poisson else (high > low)) & (size > 1))
        if len(sample) == rows:
            return sample


def _newton(sample: AuditSample, mean: Floats, model: str, offset: Floats) -> tuple[Solved, float]:
    """Maximise the likelihood from fitted means on; gives the last step and the mean of its weights."""
    from scipy.stats import norm

    columns, average = _in_another_order(sample)
    prior = np.ones(len(sample)) if sample.weights is None else sample.weights / sample.weights.mean()
    inverse = 0.0  # 1/θ, of a negative binomial
    counts = model in ("fepois", "fenegbin")
    predictor = np.log(mean) if counts else norm.ppf(mean) if model == "probit" else np.log(mean / (1 - mean))
    for step in range(200):
        mean = (
            np.exp(predictor) if counts else norm.cdf(predictor) if model == "probit" else 1 / (1 + np.exp(-predictor))
        )
        slope = mean if counts else norm.pdf(predictor) if model == "probit" else mean * (1 - mean)
        if model == "fenegbin" and step > 4:
            inverse = _overdispersion(sample.outcome, mean)
        variance = mean * (1 + inverse * mean) if counts else mean * (1 - mean)
        weights = prior * slope**2 / variance
        design = NetRegressors(columns, sample.effects, sample.slopes, weights)
        target = predictor + (sample.outcome - mean) / slope - offset
        solved = design.solve(target, average)
        before, predictor = predictor, target - solved.residual / design.root + offset
        size = SETTLED if model != "fenegbin" else 1e3 * SETTLED
        if np.abs(predictor - before).max() <= size * max(1.0, np.abs(predictor).max()) and step > 5 * counts:
            break
    return solved, float(weights.mean())


def _overdispersion(outcome: Floats, mean: Floats) -> float:
    """Return 1/θ at the maximum of the negative binomial's likelihood, by its terms log(1 + k/θ) for k below y.

    The likelihood's gamma functions are products, Γ(y + θ)/Γ(θ) = Π (θ + k), whose derivatives need no digamma.
    """
    from scipy.optimize import brentq

    below = np.bincount(outcome.astype(np.int64))[::-1].cumsum()[::-1][1:]  # rows with an outcome above k
    k = np.arange(len(below))

    def score(log_a: float) -> float:
        a = float(np.exp(log_a))
        own = np.sum(below * k / (1 + a * k)) + np.sum(
            np.log1p(a * mean) / a**2 - (outcome + 1 / a) * mean / (1 + a * mean)
        )
        return float(own)

    return float(np.exp(brentq(score, -18, 18, xtol=1e-13)))


def _two_stage(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Answer for did2s and did_imputation, or have them answer themselves where a design is too large."""
    centred = method.name == "did_imputation"
    found = imputed(_without(sample, _positions(work, s, dropped)), work.problem.vcovs, centred)
    if found is None:
        return _by_itself(work, s, sample, method, dropped)
    if found.why:
        return Reestimated((), found.nobs, found.why)
    return Reestimated(
        (ProgramNumbers("an imputation of the audit's own", found.estimate, found.std_error),), found.nobs
    )


def _local_projections(
    work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]
) -> Reestimated:
    """Answer for lpdid: long differences joined on the calendar, then least squares with period effects."""
    window = method.options.get("post_window")
    compared = _long_differences(work, s, sample, method, _reach(work, s, sample, method) if window is None else window)
    if not method.options.get("reweight"):
        return _least_squares(work, s, without_singletons(compared), method, dropped)
    weights = np.ones(len(compared)) if compared.weights is None else compared.weights
    period, enters = compared.effects[0], compared.treated[:, 0] == 1
    into, beside = (np.bincount(period, np.where(which, weights, 0.0)) for which in (enters, ~enters))
    if not compared.controls.shape[1]:
        share = (beside / np.maximum(into + beside, 1e-300))[period]
        there = (into > 0)[period]
        equal = replace(compared, weights=np.where(there, weights / np.where(share > 0, share, 1.0), 0.0)).take(there)
        return _least_squares(work, s, equal, method, dropped)
    kept = _without(compared, _positions(work, s, dropped)).controls
    design = np.column_stack([period[:, None] == np.unique(period), kept - kept.mean(axis=0)])
    root = np.sqrt(weights)[:, None]
    fitted = design @ np.linalg.lstsq((root * design)[~enters], (root[:, 0] * compared.outcome)[~enters], rcond=None)[0]
    estimate = float(np.average((compared.outcome - fitted)[enters], weights=weights[enters]))
    numbers = ProgramNumbers("a regression adjustment of the audit's own", estimate, (None,) * len(work.problem.vcovs))
    return Reestimated((numbers,), len(compared))


def _long_differences(work: OneByOneWork, s: int, sample: AuditSample, method: Method, window: int) -> AuditSample:
    """Return the rows that enter, or are clean controls beside some that do, with their changes as the outcome."""
    import pandas as pd

    assert sample.time is not None and sample.cohort is not None  # noqa: PT018 - the plan sees to it
    record = record_of(work, s)
    known = pd.Series(record.outcome, index=pd.MultiIndex.from_arrays([record.unit, record.time]))
    times = np.unique(np.asarray(record.time))
    step = float(np.gcd.reduce(np.diff(times).round().astype(np.int64))) if len(times) > 1 else 1.0
    ahead = [known.reindex([sample.unit, sample.time + h * step]).to_numpy() for h in range(-1, window + 1)]
    change = np.mean(ahead[1:], axis=0) - ahead[0]
    enters = (sample.time >= sample.cohort) & (sample.time - step < sample.cohort) & (sample.time > times[0])
    never = np.isnan(sample.cohort)
    late = sample.time + window * step < np.ceil((sample.cohort - times[0]) / step) * step + times[0]
    clean = never if method.options.get("control") == "never" else never | late
    seen = ~np.isnan(change)
    beside = np.isin(sample.time, sample.time[clean & seen])
    keep = seen & (clean | (enters & beside))
    moved = replace(
        sample,
        outcome=change,
        treated=enters[:, None].astype(np.float64),
        names=(f"entering {sample.names[0]}",),
        effects=(np.searchsorted(times, sample.time),),
        slopes=(),
    )
    return moved.take(keep)


def _reach(work: OneByOneWork, s: int, sample: AuditSample, method: Method) -> int:
    """Return the longest window in which all cohorts are compared that can be compared at all."""
    cohorts: list[int] = []
    for window in range(len(np.unique(np.asarray(sample.time))) + 1):
        found = _long_differences(work, s, sample, method, window)
        assert found.cohort is not None  # as above
        cohorts.append(len(np.unique(found.cohort[found.treated[:, 0] == 1])))
        if not cohorts[-1] or cohorts[-1] < cohorts[0]:
            break
    return max(len(cohorts) - 2, 0)


def _stacked(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Answer for stackedev: cohorts with their clean controls put upon each other by pandas, then least squares."""
    windows = method.options.get("post_window")
    stacked = _stack(sample, method, _span(sample, method) if windows is None else int(windows))
    return replace(_least_squares(work, s, stacked, method, dropped), nobs=-1)


def _span(sample: AuditSample, method: Method) -> int:
    """Return the longest window after treatment with the cohorts of window 0."""
    cohorts = [_stacked_cohorts(_stack(sample, method, 0))]
    while len(cohorts) < len(np.unique(np.asarray(sample.time))):
        cohorts.append(_stacked_cohorts(_stack(sample, method, len(cohorts))))
        if cohorts[-1] != cohorts[0]:
            return len(cohorts) - 2
    return len(cohorts) - 1


def _stacked_cohorts(sample: AuditSample) -> set[float]:
    into = sample.treated.any(axis=1)
    return set(np.asarray(sample.cohort)[into].tolist())


def _stack(sample: AuditSample, method: Method, after: int) -> AuditSample:
    import pandas as pd

    before = int(method.options.get("pre_window", 1))
    times = np.unique(np.asarray(sample.time))
    step = float(np.gcd.reduce(np.diff(times).round().astype(np.int64))) if len(times) > 1 else 1.0
    frame = pd.DataFrame({"unit": sample.unit, "t": (sample.time - times[0]) / step, "place": np.arange(len(sample))})
    frame["g"] = np.ceil((np.asarray(sample.cohort) - times[0]) / step)
    frame["g"] = frame["g"].where(frame["g"] <= frame["t"].max())
    frame["w"] = 1.0 if sample.weights is None else sample.weights
    parts = []
    for g in np.sort(frame.loc[frame["g"] > 0, "g"].unique()):
        late = frame["g"].isna()
        if method.options.get("control") != "never":
            late |= frame["g"] > g + after
        part = frame[((frame["g"] == g) | late) & frame["t"].between(g - before, g + after)]
        part = part[part.groupby("unit")["t"].transform("count") == before + after + 1]
        into = part["g"] == g
        if into.any() and not into.all():
            parts.append(part.assign(stack=g, since=part["t"] - g, into=into))
    if not parts:
        return sample.take(np.zeros(0, np.int64))
    rows = pd.concat(parts)
    if method.options.get("weighting", "corrected") == "corrected":
        size = rows[rows["since"] == -1].groupby(["stack", "into"])["w"].sum().unstack()
        factor = size[True] / size[False]
        rows["w"] = rows["w"] * np.where(
            rows["into"], 1.0, rows["stack"].map(factor) * size[False].sum() / size[True].sum()
        )
    periods = np.array([k for k in range(-before, after + 1) if k != -1])
    columns = rows["into"].to_numpy()[:, None] & (rows["since"].to_numpy()[:, None] == periods)
    moved = sample.take(rows["place"].to_numpy())
    return replace(
        moved,
        treated=columns.astype(np.float64),
        average=np.where(periods >= 0, 1.0 / (after + 1), 0.0),
        names=tuple(f"{sample.names[0]}, period {k:+d}" for k in periods),
        effects=tuple(rows.groupby(["stack", by]).ngroup().to_numpy() for by in ("unit", "t")),
        weights=rows["w"].to_numpy(),
    )


def _group_time(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Answer for csdid."""
    found = group_times(sample, method.options)
    estimate = float(found.estimate(np.ones((1, len(found.first)))).real[0])
    errors: list[float | None] = []
    for v, vcov in enumerate(work.problem.vcovs):
        cluster = found.clusters[v] if vcov.kind == "cluster" and len(vcov.clusters) == 1 else None
        part = None if cluster is None else group_time_influences(found, cluster)
        if cluster is None or len(np.unique(cluster)) < 2:
            errors.append(float("nan"))
        else:
            factor = _glm(vcov, len(np.unique(cluster)))
            errors.append(None if part is None else float(np.sqrt(part @ part * factor)))
    numbers = ProgramNumbers("an infinitesimal jackknife of the audit's own", estimate, tuple(errors))
    return Reestimated((numbers,))


def _first_changes(
    work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]
) -> Reestimated:
    """Answer for did_multiplegt_dyn."""
    import pandas as pd

    vcovs = work.problem.vcovs
    whole = [v for v, vcov in enumerate(vcovs) if _whole(sample, v, vcov)]
    record = record_of(work, s)
    columns = {f"c{v}": _of_units(sample, sample.clusters[v][0]).reindex(record.unit).to_numpy() for v in whole}
    weights = np.ones(len(record)) if record.weights is None else record.weights
    rank = pd.Series(record.time).rank(method="dense").astype(int)
    rows = {"unit": record.unit, "t": rank, "y": record.outcome, "d": record.treated[:, 0], "w": weights}
    estimate, found = average_of_changes(pd.DataFrame(rows | columns), method.options, list(columns))
    errors = [float("nan")] * len(vcovs)
    for v, error in zip(whole, found, strict=True):
        groups = len(np.unique(sample.clusters[v][0]))
        errors[v] = error * float(np.sqrt(_glm(vcovs[v], groups))) if groups > 1 else float("nan")
    return Reestimated((ProgramNumbers("changes joined by pandas", estimate, tuple(errors)),))


def _of_units(sample: AuditSample, values: Any) -> Any:
    """Return what a column has in the first row of each unit, by unit."""
    import pandas as pd

    return pd.Series(values).groupby(np.asarray(sample.unit)).first()


def _synthetic(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Answer for sdid; of errors that are drawn, for the estimate alone."""
    units, unit = np.unique(np.asarray(sample.unit), return_inverse=True)
    times, at = np.unique(np.asarray(sample.time), return_inverse=True)
    if len(sample) != len(units) * len(times):
        return Reestimated((), len(sample), "some unit is not seen in every period")

    def wide(values: Any) -> Any:
        table = np.empty((len(units), len(times)), np.asarray(values).dtype)
        table[unit, at] = values
        return table

    if sample.controls.shape[1] and len(sample) * (len(units) + len(times)) ** 2 > LARGEST:
        return _by_itself(work, s, sample, method, dropped)
    cohort = wide(np.asarray(sample.cohort))[:, 0]
    first = np.array([int((times < c).sum()) if np.isfinite(c) else len(times) for c in cohort])
    lost = set(_positions(work, s, dropped))
    controls = [wide(x) for j, x in enumerate(sample.controls.T) if j not in lost]
    found = Synthetic(wide(sample.outcome), controls, first)
    errors: list[float | None] = []
    for v, vcov in enumerate(work.problem.vcovs):
        cluster = sample.clusters[v][0] if vcov.kind == "cluster" and len(vcov.clusters) == 1 else None
        if cluster is None:
            errors.append(float("nan"))
            continue
        group = wide(cluster)
        groups = len(np.unique(group))
        effort = groups * (len(sample) * (len(units) + len(times)) ** 2 if controls else 100 * len(sample))
        if method.options.get("vce", "jackknife") != "jackknife" or effort > LARGEST:
            errors.append(None)
        elif (group != group[:, :1]).any() or groups < 2:
            errors.append(float("nan"))
        else:
            errors.append(found.jackknife(group[:, 0]))
    numbers = ProgramNumbers("synthetic controls of the audit's own", found.estimate(), tuple(errors))
    return Reestimated((numbers,), len(sample))


def _by_itself(work: OneByOneWork, s: int, sample: AuditSample, method: Method, dropped: Sequence[int]) -> Reestimated:
    """Ask the estimator itself, on the audit's rows and with the controls backwards."""
    taken = _plugins.load("estimators", method.name).changes in ("controls", "outcome")
    record = record_of(work, s) if taken else sample
    cut = Cut(sample.rows, record.rows, np.isfinite(record.outcome), 0, 0, 0)
    task = make_task(work.problem, work.members, s, cut, method.options, int(work.cohort[s]), work.time)
    task = replace(task, controls=task.controls[:, ::-1], control_labels=task.control_labels[::-1])
    result = _plugins.load("estimators", method.name).estimate(task)
    if isinstance(result, Failure):
        return Reestimated((), len(sample), result.message or result.code, itself=method.name)
    numbers = ProgramNumbers(f"{method.name} with its controls backwards", result.estimate, result.std_error)
    return Reestimated((numbers,), result.nobs, itself=method.name)


PROGRAMS: dict[str, Callable[[OneByOneWork, int, AuditSample, Method, Sequence[int]], Reestimated]] = {
    "feols": _least_squares, "sunab": _least_squares, "fepois": _likelihood, "logit": _likelihood,
    "probit": _likelihood, "fenegbin": _likelihood,
    "did2s": _two_stage, "did_imputation": _two_stage, "lpdid": _local_projections, "csdid": _group_time,
    "stackedev": _stacked, "did_multiplegt_dyn": _first_changes, "sdid": _synthetic,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImputedByHand:
    """An estimate and its standard errors, NaN where there is none; ``why`` says why there is no estimate."""

    nobs: int
    estimate: float = float("nan")
    std_error: tuple[float | None, ...] = ()
    why: str = ""


def imputed(sample: AuditSample, vcovs: Sequence[Vcov], centred: bool = False) -> ImputedByHand | None:
    """Impute the treated rows' outcome without treatment; None where the design is too large."""
    from scipy.linalg import qr, solve_triangular

    treated = sample.treated[:, 0] == 1
    keep = np.ones(len(sample), bool)
    for codes in (*sample.effects, *(c for c, _ in sample.slopes)):
        keep &= np.isin(codes, codes[~treated])
    sample, treated = sample.take(keep), treated[keep]
    width = sum(len(np.unique(c)) for c in (*sample.effects, *(c for c, _ in sample.slopes)))
    if len(sample) * (width + len(sample.labels)) ** 2 > LARGEST:
        return None
    design = _imputation_design(sample)
    weights = np.ones(len(sample)) if sample.weights is None else sample.weights / sample.weights.mean()
    share, root = weights * treated / (weights @ treated), np.sqrt(weights)
    first = design[~treated] * root[~treated, None]
    length = np.linalg.norm(first, axis=0)
    there = length > RANK * np.abs(design).max(axis=0)
    target = (share @ design) / np.where(there, length, 1.0)
    q, r, pivot = qr(np.where(there, first / np.where(there, length, 1.0), 0.0), mode="economic", pivoting=True)
    rank = int(np.count_nonzero(np.abs(np.diag(r)) > RANK * np.abs(r[0, 0])))
    kept, rest = pivot[:rank], pivot[rank:]
    along = solve_triangular(r[:rank, :rank], target[kept], trans="T")
    outside = np.linalg.norm(target[rest] - r[:rank, rank:].T @ along) / np.linalg.norm(target)
    if outside > ESTIMABLE:
        said = f"a share of {outside:.2g} of the treated rows' regressors lies outside those of the untreated rows"
        return ImputedByHand(len(sample), why=f"the counterfactual is not identified: {said}")
    centre = float(sample.outcome.mean())
    y = sample.outcome - centre
    solution = np.zeros(design.shape[1])
    solution[kept] = solve_triangular(r[:rank, :rank], q[:, :rank].T @ (root * y)[~treated]) / length[kept]
    left = y - design @ solution
    estimate = float(share @ left)
    untreated = (q[:, :rank] @ along) * root[~treated]
    influence = share * (left - (_cell_means(sample, share, treated, left) if centred else estimate))
    influence[~treated] -= untreated * left[~treated]
    errors = (_error(sample, v, k, influence) for k, v in enumerate(vcovs))
    parted = [centred and not _whole(sample, k, v) for k, v in enumerate(vcovs)]
    return ImputedByHand(
        len(sample), estimate, tuple(float("nan") if p else e for p, e in zip(parted, errors, strict=True))
    )


def _cell_means(sample: AuditSample, share: Floats, treated: np.ndarray, left: Floats) -> Floats:
    """Return for each treated row the mean of its cohort and period, by squares of the rows' weights."""
    import pandas as pd

    frame = pd.DataFrame({"g": sample.cohort, "t": sample.time, "s": share**2, "x": share**2 * left})[treated]
    sums = frame.groupby(["g", "t"])[["s", "x"]].transform("sum")
    means = np.zeros(len(sample))
    means[treated] = (sums["x"] / sums["s"]).to_numpy()
    return means


def _whole(sample: AuditSample, v: int, vcov: Vcov) -> bool:
    """Say whether a vcov has one cluster variable, which holds units whole."""
    import pandas as pd

    if vcov.kind != "cluster" or len(sample.clusters[v]) != 1:
        return False
    return bool((pd.Series(sample.clusters[v][0]).groupby(np.asarray(sample.unit)).nunique() == 1).all())


def _imputation_design(sample: AuditSample) -> Floats:
    """Write effects, slopes and controls out, the latter about their means and at unit deviation."""
    blocks = [np.eye(len(levels))[at] for levels, at in (_numbered(c) for c in sample.effects)]
    blocks = blocks or [np.ones((len(sample), 1))]
    for codes, values in sample.slopes:
        levels, at = _numbered(codes)
        blocks.append(np.eye(len(levels))[at] * _standardised(values)[:, None])
    return np.hstack([*blocks, *(_standardised(c)[:, None] for c in sample.controls.T)])


def _numbered(codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    levels, at = np.unique(codes, return_inverse=True)
    return levels, at.reshape(-1)


def _standardised(values: Floats) -> Floats:
    values = np.ldexp(values, -np.frexp(np.abs(values).max(initial=0.0))[1])
    centred = values - values.mean()
    deviation = float(np.sqrt(np.mean(centred**2)))
    return np.asarray(centred / deviation if deviation > 0 else centred)


def _error(sample: AuditSample, vcov: Vcov, v: int, influence: Floats) -> float | None:
    """Return the standard error without a small-sample correction, as the R package did2s does, or with glm's."""
    if vcov.kind == "iid":
        return float("nan")
    if vcov.kind == "hetero":
        return float(np.sqrt(influence @ influence * _glm(vcov, len(sample))))
    clusters = sample.clusters[v]
    smallest = min(len(np.unique(c)) for c in clusters)
    if smallest < 2:
        return float("nan")
    variance = between(clusters, influence) * _glm(vcov, smallest)
    return float(np.sqrt(variance)) if variance > 0 else float("nan")


def _glm(vcov: Vcov, count: int) -> float:
    return count / (count - 1) if vcov.ssc == "glm" else 1.0

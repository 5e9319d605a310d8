"""What fepois, fenegbin, logit and probit share: separation, convergence, scores; models of an outcome of 0 and 1."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from specdid._arrays import Bools, Floats, Ints
from specdid._format import NumberValue
from specdid._programs import python
from specdid._programs.templates import template
from specdid._records import Caution
from specdid._records.numerals import percent
from specdid.engine.demean import relevel
from specdid.estimators._base import Estimate, Estimator, EstimatorSetting, Failure, Program, Task, coefficient_words
from specdid.estimators._pyfixest import INTERCEPT, Model, Refusal, estimate_with, guarded, model, read, standardised

SETTINGS = (
    EstimatorSetting(
        "iwls_tol",
        NumberValue("above 0", above=0),
        "The relative change of the deviance at which iterations stop.",
        "1e-10",
        1e-12,
    ),
    EstimatorSetting(
        "iwls_maxiter",
        NumberValue("1 or more", whole=True, least=1),
        "Iterations after which a specification fails as not converged.",
        "200",
        100,
    ),
)
"""The options of both, with the defaults that the exported programs write out too."""

NEAR_BOUND = 1e-4
"""How near to 0 (or 1) a fitted value has to be before separation is looked for."""

LONGEST = 30.0
"""Seconds after which the search for separation gives up."""

SEPARATED = (
    "{rows} predicted perfectly by the treatment, controls and fixed effects together (separation), "
    "so that a coefficient is infinite: leave out a control, or join groups"
)

Sure = Callable[[Floats, Floats], NDArray[np.bool_]]
"""From the lowest and highest outcome of each level: is it predicted perfectly?"""


def fit_glm(function: str, task: Task, sure: Sure, **options: Any) -> Estimate | Failure:
    """Fit after dropping the rows that the fixed effects alone predict perfectly."""
    if task.offsets:
        return _fit_beside(function, task, sure, options)
    return _fit(function, task, sure, options, None)


def _fit_beside(function: str, task: Task, sure: Sure, options: dict[str, Any]) -> Estimate | Failure:
    """Fit with offsets, which stand among the controls and are none: places are those of all controls again."""
    free = [j for j in range(task.controls.shape[1]) if j not in task.offsets]
    labels = tuple(task.control_labels[j] for j in free)
    rest = replace(task, controls=task.controls[:, free], control_labels=labels, offsets=())
    found = _fit(function, rest, sure, options, task.controls[:, list(task.offsets)].sum(axis=1))
    if isinstance(found, Failure) or found.coefficients is None:
        return found
    columns = tuple(free[c] if c >= 0 else c for c in found.coefficients.columns)
    whole = replace(found.coefficients, columns=columns)
    return replace(found, coefficients=whole, dropped=tuple(free[j] for j in found.dropped))


def _fit(function: str, task: Task, sure: Sure, options: dict[str, Any], offset: Floats | None) -> Estimate | Failure:
    keep = unseparated(task.outcome, task.effects, sure)
    if not keep.any():
        return Failure("no_rows", "the fixed effects predict every row perfectly (separation)")
    if np.ptp(task.treatment[keep]) == 0:
        return Failure("no_treatment_variation", "the treatment does not vary in the rows that count")
    outcome, unit = (task.outcome, 1.0) if function != "fepois" else ordinary(task.outcome, keep)
    laid = model(replace(_relevelled(task, keep), outcome=outcome), task.treatment[:, None], keep)
    laid = replace(laid, count_unit=unit)
    settings: dict[str, Any] = {s.name: s.default for s in SETTINGS} | dict(task.options)
    family = FAMILIES.get(str(options.get("family")))
    if family is not None and (family.own_steps or offset is not None):
        fit = reweighted(laid, np.zeros(int(keep.sum())) if offset is None else offset[keep], family, **settings)
    else:
        if offset is not None:
            laid.data["o"], options = offset[keep], options | {"offset": "o"}
        fit = estimate_with(function, laid, separation_check=[], **settings, **options)
    counts = function != "feglm"
    if at_bounds(fit, laid, counts) and (apart := predicted(_relevelled(task, keep), keep, counts)):
        return Failure("not_converged", SEPARATED.format(rows=f"{apart:,} row{'s are' if apart > 1 else ' is'}"))
    if not fit.convergence or not np.all(np.isfinite(fit._beta_hat)):
        return Failure("not_converged", f"no convergence within {settings['iwls_maxiter']} iterations")
    result = read(fit, laid, task, np.ones(1), normal=True)
    assert result.coefficients is not None
    r2 = pseudo_r2(fit, laid, function) if offset is None and task.weights is None else float("nan")
    whole = replace(result.coefficients, pseudo_r2=r2)
    extra, in_force = {"n_separated": float(np.sum(~keep))}, {"iwls_maxiter": None}
    if family is not None and family.dispersed:
        extra["theta"] = float(fit.theta)
    return replace(result, extra=extra, coefficients=whole, reads=result.keep, in_force=in_force)


def with_rows_per_level(task: Task, found: Estimate | Failure) -> Estimate | Failure:
    """Add the fewest rows that a level of a fixed effect has on average, NaN without fixed effects."""
    if isinstance(found, Failure):
        return found
    used = slice(None) if found.keep is None else found.keep
    sizes = [found.nobs / len(np.unique(codes[used])) for codes in task.effects]
    return replace(found, extra={**found.extra, "rows_per_level": min(sizes, default=float("nan"))})


@dataclass(frozen=True, slots=True)
class GlmFamily:
    """A likelihood whose mean is a function of a linear predictor.

    ``mean(η)``, its derivative ``slope(η, μ)`` and the outcome's ``variance(μ, θ)`` give the weights of a step,
    slope²/variance; ``deviance(y, η, θ)`` is −2 times the log likelihood, up to what depends on y alone. θ is the
    dispersion of the ``dispersed``, inf otherwise.
    """

    start: Callable[[Floats], Floats]
    mean: Callable[[Floats], Floats]
    slope: Callable[[Floats, Floats], Floats]
    variance: Callable[[Floats, float], Floats]
    deviance: Callable[[Floats, Floats, float], float]
    dispersed: bool = False
    own_steps: bool = False  # pyfixest stops too early, or has errors of the weights before its last step


def reweighted(laid: Model, offset: Floats, family: GlmFamily, iwls_tol: float, iwls_maxiter: int) -> Any:
    """Maximise a likelihood by iteratively reweighted least squares, which pyfixest's own functions do not offer.

    The last step is a weighted regression with the coefficients, scores and expected information of the likelihood:
    its sandwich is the likelihood's, and the inverse information its variance under iid errors. A dispersion θ is at
    its maximum given the means after each step, and taken as known by the variance, as in MASS::glm.nb: it is
    orthogonal to the coefficients (Lawless 1987).

    Returns
    -------
    pyfixest's fit of the last step, with ``convergence``, ``theta`` and the fitted means, as a fit of feglm has them

    Raises
    ------
    Refusal
        A dispersed outcome is no more dispersed than a Poisson one.
    """
    outcome = laid.data["y"].to_numpy()
    step = replace(laid, formula=laid.formula.replace("y ~", "z ~", 1))
    fit: Any = None
    predictor, deviance, settled = family.start(outcome), np.inf, False
    theta, moved, lean = np.inf, np.inf if family.dispersed else 0.0, False
    for _ in range(iwls_maxiter):
        mean = family.mean(predictor)
        slope = family.slope(predictor, mean)
        weight = slope**2 / family.variance(mean, theta)
        if not np.all(weight > 0) or not np.all(np.isfinite(weight)):
            break
        target = predictor + (outcome - mean) / slope
        step.data["z"], step.data["w"] = target - offset, weight
        first = fit is None
        if first or not (lean := _fit_again(fit, step)):
            fit, lean = estimate_with("feols", step), False
        direction = target - fit._u_hat.ravel() / np.sqrt(weight) - predictor
        # The start is nearer to the outcome than the maximum.
        size, before = 1.0, np.inf if first else family.deviance(outcome, predictor, theta)
        start = predictor
        while not (deviance := family.deviance(outcome, start + size * direction, theta)) <= before and size > SMALLEST:
            size /= 2
        predictor = start + size * direction
        still = abs(before - deviance) <= iwls_tol * (0.1 + abs(deviance))
        settled = still and moved <= STEADY and np.abs(direction).max() <= STEADY * max(1.0, np.abs(predictor).max())
        if settled:
            break
        if family.dispersed and (np.isfinite(theta) or abs(before - deviance) <= NEAR_POISSON * (0.1 + abs(deviance))):
            last, theta = theta, dispersion(outcome, family.mean(predictor))
            moved = abs(np.log(theta / last))
    assert fit is not None
    if lean:
        fit = estimate_with("feols", step)
    fit.convergence, fit._Y_hat_response, fit.theta = settled, family.mean(predictor), theta
    fit._vcov_iid = lambda: fit._bread
    fit.vcov("iid")
    return fit


def _fit_again(fit: Any, step: Model) -> bool:
    """Give a fit the residuals of the step's outcome and weights, to the same digits; or say that it cannot be done.

    pyfixest takes ten times as long to lay out the same columns again as to estimate. All else of the fit is void.
    """
    import pandas as pd

    z, w = step.data["z"], step.data["w"].to_numpy()
    names = [name for name in step.data if name[0] in "xsd"]
    columns = step.data[names] if fit._has_fixef else step.data[names].assign(**{INTERCEPT: 1.0})[[INTERCEPT, *names]]
    kept = [name for name in columns if name not in fit._collin_vars]
    if len(fit._weights) != len(z) or kept != fit._coefnames or not np.all(np.isfinite(z)):
        return False
    fit._Y, fit._X, fit._coefnames = pd.DataFrame({"z": z}), columns, [*columns]
    fit._Y_untransformed, fit._weights, fit._lookup_demeaned_data = fit._Y, w[:, None], {}
    try:
        fit.get_fit()
    except ValueError:  # of columns that are collinear under these weights: it is said where all is laid out
        return False
    return True


SMALLEST = 1e-4
"""Share of a step below which halving it again is of no use."""

STEADY, NEAR_POISSON = 1e-9, 1e-6
"""Relative change of θ and η at which they have settled; of the Poisson deviance from which on θ is looked for."""


def dispersion(outcome: Floats, mean: Floats) -> float:
    """Return the θ that maximises the likelihood of a negative binomial with these means, its variance μ + μ²/θ.

    Raises
    ------
    Refusal
        There is no such θ: the outcome varies no more than a Poisson one about its mean (dL/d(1/θ) ≤ 0 at 1/θ = 0).
    """
    from scipy.optimize import brentq
    from scipy.special import digamma

    if np.sum((outcome - mean) ** 2 - outcome) <= 0:
        raise Refusal(
            "not_converged",
            "the outcome is no more dispersed than a Poisson one, so that theta is infinite: take `fepois`",
        )

    def score(log_theta: float) -> float:
        theta = float(np.exp(log_theta))
        parts = digamma(outcome + theta) - digamma(theta) - np.log1p(mean / theta) - (outcome - mean) / (theta + mean)
        return theta * float(np.sum(parts))

    low, high = 0.0, 0.0
    while score(low) < 0 and low > -40:
        low -= 1.0
    while score(high) > 0 and high < 40:
        high += 1.0
    return float(np.exp(brentq(score, low, high, xtol=1e-13, rtol=1e-13)))


def _negative_binomial(outcome: Floats, predictor: Floats, theta: float) -> float:
    """Return −2 log likelihood; with θ infinite the Poisson's."""
    from scipy.special import gammaln

    mean = np.exp(predictor)
    if np.isinf(theta):
        return 2 * float(np.sum(mean - outcome * predictor + gammaln(outcome + 1)))
    constant = gammaln(outcome + theta) - gammaln(theta) - gammaln(outcome + 1)
    return -2 * float(
        np.sum(constant + outcome * (predictor - np.log(theta)) - (outcome + theta) * np.log1p(mean / theta))
    )


def _normal(predictor: Floats) -> Floats:
    from scipy.special import ndtr

    return np.asarray(ndtr(predictor), dtype=np.float64)


def _quantile(mean: Floats) -> Floats:
    from scipy.special import ndtri

    return np.asarray(ndtri(mean), dtype=np.float64)


def _probit_deviance(outcome: Floats, predictor: Floats, theta: float) -> float:
    from scipy.special import log_ndtr

    return -2 * float(np.sum(log_ndtr((2 * outcome - 1) * predictor)))


FAMILIES = {
    "logit": GlmFamily(
        start=lambda y: np.log((y + 0.5) / (1.5 - y)),
        mean=lambda eta: 1 / (1 + np.exp(-eta)),
        slope=lambda eta, mu: mu * (1 - mu),
        variance=lambda mu, theta: mu * (1 - mu),
        deviance=lambda y, eta, theta: 2 * float(np.sum(np.logaddexp(0, eta) - y * eta)),
        own_steps=True,
    ),
    "probit": GlmFamily(
        start=lambda y: _quantile((y + 0.5) / 2),
        mean=_normal,
        slope=lambda eta, mu: np.exp(-(eta**2) / 2) / np.sqrt(2 * np.pi),
        variance=lambda mu, theta: mu * (1 - mu),
        deviance=_probit_deviance,
        own_steps=True,
    ),
    "negbin": GlmFamily(
        start=lambda y: np.log((y + y.mean()) / 2),
        mean=np.exp,
        slope=lambda eta, mu: mu,
        variance=lambda mu, theta: mu + mu**2 / theta,
        deviance=_negative_binomial,
        dispersed=True,
        own_steps=True,
    ),
}


def unseparated(outcome: Floats, effects: tuple[Ints, ...], sure: Sure) -> Bools:
    """Return the rows left when perfectly predicted levels, and singletons then, are gone.

    Dropping one effect's levels can leave another's without variation: to a fixpoint,
    as in ppmlhdfe and fixest.
    """
    keep = np.ones(len(outcome), bool)
    while True:
        before = int(keep.sum())
        for codes in effects:
            size = int(codes.max()) + 1
            lowest, highest, rows = np.full(size, np.inf), np.full(size, -np.inf), codes[keep]
            np.minimum.at(lowest, rows, outcome[keep])
            np.maximum.at(highest, rows, outcome[keep])
            gone = sure(lowest, highest) | (np.bincount(rows, minlength=size) == 1)
            keep &= ~gone[codes]
        if int(keep.sum()) == before:
            return keep


def ordinary(outcome: Floats, keep: Bools) -> tuple[Floats, float]:
    """Return the outcome in a unit in which its mean is ordinary, as pyfixest's tolerances suppose, and the unit."""
    power = int(np.frexp(outcome[keep].mean())[1])
    if -10 <= power <= 14:
        return outcome, 1.0
    return np.ldexp(outcome, -power), float(np.ldexp(1.0, power))


def at_bounds(fit: Any, laid: Model, counts: bool) -> bool:
    """Say whether fitted values are so near to an outcome at its bound that it may be predicted perfectly."""
    outcome = laid.data["y"].loc[fit._data.index].to_numpy()
    fitted = np.asarray(fit._Y_hat_response, dtype=np.float64).ravel()
    if counts:
        return bool(np.any((outcome == 0) & (fitted < NEAR_BOUND * outcome.mean())))
    return bool(np.any(np.abs(outcome - fitted) < NEAR_BOUND))


def pseudo_r2(fit: Any, laid: Model, function: str) -> float:
    """Return McFadden's R², one less the log likelihood by that of a constant."""
    from scipy.special import gammaln, xlogy

    y = laid.data["y"].loc[fit._data.index].to_numpy() * laid.count_unit
    fitted = np.asarray(fit._Y_hat_response, dtype=np.float64).ravel() * laid.count_unit
    constant = np.full(len(y), y.mean())
    if function == "fenegbin":
        mine = _negative_binomial(y, np.log(fitted), fit.theta)
        over = np.sum((y - constant) ** 2 - y) > 0
        null = _negative_binomial(y, np.log(constant), dispersion(y, constant) if over else np.inf)
    elif function == "fepois":
        mine, null = (float(np.sum(xlogy(y, m) - m - gammaln(y + 1))) for m in (fitted, constant))
    else:
        mine, null = (float(np.sum(xlogy(y, m) + xlogy(1 - y, 1 - m))) for m in (fitted, constant))
    return 1 - mine / null


def predicted(task: Task, keep: Bools, counts: bool) -> int:
    """Count the rows that some combination of the regressors predicts perfectly (separation).

    There is a direction γ along which the likelihood never falls: Xγ = 0 where the outcome is
    inside its bounds, and Xγ points outwards, or is 0, where it is at one (Albert and Anderson
    1984; Correia, Guimarães and Zylkin 2019). A linear program finds the most such rows.
    """
    from scipy import sparse
    from scipy.optimize import linprog

    outcome = task.outcome[keep]
    design = _design(task, keep)
    outwards = np.where(outcome == 0, -1.0, 1.0)
    bound = outcome == 0 if counts else np.ones(len(outcome), bool)
    signed = sparse.diags_array(outwards[bound]) @ design[bound]
    limits = np.concatenate([np.ones(signed.shape[0]), np.zeros(signed.shape[0])])
    inside = design[~bound]
    found = linprog(
        -np.asarray(signed.sum(axis=0)).ravel(),
        A_ub=sparse.vstack([signed, -signed], format="csr"),
        b_ub=limits,
        A_eq=inside if inside.shape[0] else None,
        b_eq=np.zeros(inside.shape[0]) if inside.shape[0] else None,
        bounds=(None, None),
        method="highs",
        options={"time_limit": LONGEST},
    )
    if not found.success:
        raise Refusal("not_converged", "outcomes may be predicted perfectly (separation), which could not be ruled out")
    return int(np.count_nonzero(signed @ found.x > 1e-6))


def _design(task: Task, keep: Bools) -> Any:
    """Return the regressors of the kept rows, sparse (n, p): controls, treatment, slopes, dummies."""
    from scipy import sparse

    rows = int(keep.sum())
    columns = [*task.controls[keep].T, task.treatment[keep]]
    blocks = [sparse.csr_array(np.column_stack([np.ones(rows), *(standardised(c)[0] for c in columns)]))]
    slopes = [(codes[keep], standardised(values[keep])[0]) for codes, values in task.slopes]
    for codes, values in [*((codes[keep], np.ones(rows)) for codes in task.effects), *slopes]:
        blocks.append(sparse.csr_array((values, (np.arange(rows), relevel(codes)))))
    return sparse.hstack(blocks, format="csr")


def _relevelled(task: Task, keep: Bools) -> Task:
    if keep.all():
        return task
    full = [np.zeros_like(codes) for codes in task.effects]
    for target, codes in zip(full, task.effects, strict=True):
        target[keep] = relevel(codes[keep])
    return replace(task, effects=tuple(full))


def binary_model(
    name: str, title: str, effect: str, unit: str, needs: tuple[str, ...] = (), errors: str = ""
) -> Estimator:
    """Declare the model with link ``name``, whose coefficient is an ``effect`` in ``unit``; ``errors`` says of what."""

    def refuses(task: Task) -> Failure | None:
        if not np.all((task.outcome == 0) | (task.outcome == 1)):
            return Failure("estimator_error", f"{name} needs an outcome of 0 and 1; this one has other values")
        if np.all(task.outcome == task.outcome[0]):
            return Failure("no_outcome_variation", f"the outcome is {task.outcome[0]:.0f} in every row")
        return None

    @guarded
    def fit(task: Task) -> Estimate | Failure:
        if (why := refuses(task)) is not None:
            return why
        found = fit_glm("feglm", task, sure=lambda lowest, highest: lowest == highest, family=name)
        return with_rows_per_level(task, found)

    return Estimator(
        name=name,
        title=title,
        estimand=effect,
        settings=SETTINGS,
        honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}),
        effects="any",
        cohort=False,
        binary=False,
        batched=False,
        vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
        fit=fit,
        slopes=False,
        words=lambda treated, options: coefficient_words(treated, effect),
        doc=f"Levels of a fixed effect in which the outcome never varies are dropped (separation). {errors}".strip(),
        cautions=lambda found: _cautions(name, found),
        ssc=frozenset({"fixest", "lsdv", "glm", "none"}),
        refuses=refuses,
        unit=unit,
        unfit=_unfit,
        columns=frozenset({"n_separated", "rows_per_level"}),
        programs={
            "python": Program(template("glm.py"), (*python.PYFIXEST, *needs)),
            "r": Program(template("glm.R"), ("fixest",)),
            "stata": Program(template("glm.do"), numbered=True),
        },
        likelihood=True,
        offset=True,
    )


def _unfit(outcome: Floats) -> str:
    if not np.isin(outcome, (0.0, 1.0)).all():
        return "an outcome of 0 and 1"
    return "an outcome that varies" if np.all(outcome == outcome[0]) else ""


BIASED, NEARLY = 30.0, 100.0
"""Rows to a level of a fixed effect below which the bias is 3.4% or more, and 1% or more."""


def _cautions(name: str, found: Mapping[str, Floats]) -> Iterator[Caution]:
    """Warn of incidental parameters, and of rows that say nothing.

    Each fixed effect is estimated from the rows of its level alone. With T of them a logit's coefficient is
    too far from zero, by T/(T − 1) to first order: twice at T = 2, exactly (Abrevaya 1997), and 3.4%
    at T = 30 (Greene 2004). A probit's is so by much the same in Greene's and in our simulations. No standard error
    shows it.
    """
    rows = found["rows_per_level"]
    few = rows[rows < NEARLY]
    if len(few):
        least = float(few.min())
        size = f"as few as T = {least:.3g} rows to a level"
        about = f"about {least / (least - 1):.2f} times the true one" if least > 1 else "without any meaning"
        yield Caution(
            "serious" if least < BIASED else "note",
            "incidental_parameters",
            f"{name} has fixed effects with {size}: its coefficient is biased away from zero, {about} "
            "(T/(T − 1); incidental parameters), which no standard error shows; "
            "compare with least squares, or take coarser fixed effects",
            specifications=int(np.sum(rows < (BIASED if least < BIASED else NEARLY))),
        )
    lost = found["n_separated"] / (found["nobs"] + found["n_separated"])
    if (lost > 0).any():
        yield Caution(
            "note",
            "outcome_never_varies",
            f"{name}: up to {percent(float(lost.max()))} of the rows are in levels of a fixed effect whose outcome "
            "never varies; they say nothing of the effect and are not used",
            specifications=int(np.sum(lost > 0)),
        )

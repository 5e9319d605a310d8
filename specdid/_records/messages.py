"""What a failure means, in a researcher's words."""

from __future__ import annotations

from specdid._records.fits import Code

VCOV_NOTES: tuple[str, ...] = (
    "",
    "fewer than two clusters are left, so this variance cannot be computed",
    "this variance estimate is not positive, so it has no standard error",
    "no degrees of freedom are left for this variance",
    "the model fits perfectly: there is no residual variance and no standard error",
    "the estimator does not offer this variance",
    'the fixed effects are too many to count their parameters exactly; use ssc = "fixest" or "reghdfe"',
    "the estimator does not offer this small-sample correction (`ssc`)",
    'the estimator gives no degrees of freedom for t; leave out `distribution` or write "normal"',
)
"""By Fits.vcov_code."""


def failure_message(code: Code, term: str, outcome: str, effects: str, culprit: str) -> str:
    """Say why a specification has no numbers and, where one can, what to do.

    Parameters
    ----------
    code
        The engine's reason.
    term, outcome
        The treatment term and the outcome's label.
    effects
        The label of the fixed effects, empty where there are none.
    culprit
        The term at fault, or empty.
    """
    what = culprit or term
    within = f"within the fixed effects `{effects}`" if effects else "in these rows"
    words = {
        Code.NO_ROWS: "no row is left after the sample condition, missing values and singletons",
        Code.NO_OUTCOME_VARIATION: f"the outcome `{outcome}` does not vary {within}",
        Code.NO_TREATMENT_VARIATION: f"`{term}` does not vary in these rows: all are treated alike",
        Code.ABSORBED: (
            f"the fixed effects `{effects}` absorb `{what}`: it does not vary within them"
            if effects
            else f"`{what}` does not vary: it equals the intercept"
        ),
        Code.NOT_IDENTIFIED: _not_identified(term, culprit),
        Code.TOO_FEW_CLUSTERS: "fewer than two clusters are left: there is no clustered standard error",
        Code.NOT_CONVERGED: "the estimator did not converge, so its numbers are not reported",
        Code.ESTIMATOR_ERROR: "the estimator could not fit this specification",
    }
    return words[code]


def _not_identified(term: str, culprit: str) -> str:
    if not culprit or culprit == term:
        return (
            f"`{term}` is, after the fixed effects, a combination of the controls: "
            "its effect is not separately identified"
        )
    return (
        f"`{culprit}` is, after the fixed effects, a combination that loads on the treatment `{term}`: "
        "the two are not separately identified; leave out that control"
    )

"""Regression splines as R's package splines has them: ``bs`` and ``ns``.

The basis is scipy's B-splines. ``bs`` leaves out the first, which is in the intercept. ``ns`` takes, of
the others, the combinations whose second derivative is zero at both ends: those that a QR
decomposition of the derivatives leaves over (Hastie 1992, section 7.2; splines::ns).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from specdid._arrays import Floats
from specdid.language import argument, write
from specdid.language.tree import Call, children
from specdid.panel.columns import Column
from specdid.panel.errors import EvaluationError, needed
from specdid.panel.operators import numeric

if TYPE_CHECKING:
    from specdid.panel.evaluate import Evaluation

SPLINES = ("bs", "ns")


@dataclass(frozen=True, slots=True)
class Spline:
    """A spline of a column: ``inner`` knots between the two ``ends``, the smallest and largest value."""

    natural: bool
    degree: int
    inner: tuple[float, ...]
    ends: tuple[float, float]

    @property
    def knots(self) -> Floats:
        """All knots, those at the ends as often as the degree asks for."""
        low, high = self.ends
        return np.array([low] * (self.degree + 1) + [*self.inner] + [high] * (self.degree + 1))

    @property
    def size(self) -> int:
        """How many columns it has."""
        return len(self.inner) + (1 if self.natural else self.degree)

    def combinations(self) -> Floats:
        """Return each column as a combination of the B-splines but the first, (n_splines - 1, size)."""
        count = len(self.inner) + self.degree
        if not self.natural:
            return np.eye(count)
        from scipy.interpolate import BSpline

        curvature = BSpline(self.knots, np.eye(count + 1), self.degree).derivative(2)(np.array(self.ends))[:, 1:]
        return np.linalg.qr(curvature.T, mode="complete")[0][:, 2:]

    def columns(self, values: Floats) -> Floats:
        """Return the columns, (n, size), NaN where the value is not finite."""
        from scipy.interpolate import BSpline

        known = np.isfinite(values)
        basis = np.full((len(values), self.size), np.nan)
        design = BSpline.design_matrix(values[known], self.knots, self.degree).toarray()[:, 1:]
        basis[known] = design @ self.combinations()
        return basis


def spline(evaluation: Evaluation, call: Call) -> tuple[Column, Floats, Spline]:
    """Return the column, its values and the spline of a ``bs`` or ``ns``, before it is coded.

    Raises
    ------
    EvaluationError
        Where the values do not allow its knots.
    """
    node = needed(call, "x")
    column = evaluation.evaluator.column(evaluation.bind(node))
    values = numeric(column, node)
    known = values[np.isfinite(values)]
    natural = call.function == "ns"
    degree = 3 if natural else int(evaluation.constant(needed(call, "degree"), "`degree`"))
    inner = _inner_knots(evaluation, call, known, 1 if natural else degree)
    ends = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if not (np.diff([ends[0], *inner, ends[1]]) > 0).all():
        at = ", ".join(f"{k:.6g}" for k in inner)
        message = f"`{write(node)}` has too few different values for this spline: knots at {at or 'none'}, "
        message += f"values from {ends[0]:.6g} to {ends[1]:.6g}"
        raise EvaluationError("argument_value", message, call.span, "take fewer df, or knots inside the values")
    return column, values, Spline(natural, degree, inner, ends)


def _inner_knots(evaluation: Evaluation, call: Call, known: Floats, least: int) -> tuple[float, ...]:
    """Return the knots that are listed, or as many quantiles as the degrees of freedom leave."""
    df, knots = argument(call, "df"), argument(call, "knots")
    if df is not None and knots is not None:
        message = f"`{call.function}` takes `df` or `knots`, not both"
        raise EvaluationError("arguments", message, call.span, "`df` puts knots at quantiles of x")
    if knots is not None:
        nodes = children(knots) if isinstance(knots, Call) else (knots,)
        return tuple(evaluation.constant(n, "a knot") for n in nodes)
    count = 0 if df is None else int(evaluation.constant(df, "`df`")) - least
    if count < 0:
        message = f"`df` of this `{call.function}` must be {least} or more"
        raise EvaluationError("argument_value", message, (df or call).span, "its columns are as many as its df")
    if not known.size:
        return ()
    return tuple(np.quantile(known, np.linspace(0, 1, count + 2)[1:-1]).tolist())

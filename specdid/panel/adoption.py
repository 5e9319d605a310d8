"""When units are first treated: a cohort, and the values of it that mean never treated."""

from __future__ import annotations

import numpy as np

from specdid.panel.columns import Flags, Floats
from specdid.panel.panel import Panel


def declared_never(panel: Panel, cohort: Floats) -> Flags:
    """Mark the rows whose cohort holds one of the values that [study] ``never`` declares."""
    found = np.isin(cohort, panel.never.values)
    return found | np.isnan(cohort) if panel.never.empty else found


def never_treated(panel: Panel, cohort: Floats) -> Flags:
    """Mark the rows of never treated units: the declared values, +inf, and after the last period.

    ``cohort`` (n,) is written as the time column is.
    """
    found = declared_never(panel, cohort)
    written = panel.columns[panel.time].numbers if panel.time is not None else None
    last = np.inf if written is None or not len(written) else written.max()
    return np.asarray(found | (cohort > last) | (cohort == np.inf))


def first_periods(panel: Panel, cohort: Floats) -> Floats:
    """Turn a cohort into the numbers of first treated periods, (n,); NaN is never treated.

    Raises
    ------
    StepError
        Where a value is neither a period nor one that means never treated.
    """
    first = np.full(panel.n_rows, np.nan)
    treated = ~(never_treated(panel, cohort) | np.isnan(cohort))
    first[treated] = panel.to_periods(cohort[treated])
    return first

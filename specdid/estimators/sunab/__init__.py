"""Sun and Abraham's (2021) interaction-weighted estimator, averaged to one ATT as fixest's sunab does."""

from __future__ import annotations

from typing import Literal

import numpy as np

from specdid._programs import python
from specdid.engine.problem import Code, Sunab
from specdid.engine.qr_basis import make_basis
from specdid.engine.sunab import comparison, make_cells, open_cells, why_open
from specdid.estimators._base import (
    EVERY_RULE,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Program,
    Task,
    where_zero,
)
from specdid.estimators._pyfixest import Refusal, estimate_with, guarded, model
from specdid.estimators._read import absorber_of, read
from specdid.estimators.sunab.programs import write_python, write_r, write_stata


def _refuses(task: Task) -> Failure | None:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    found = comparison(task.time, task.cohort, str(task.options.get("control", "never")))
    return None if found.code == Code.OK else Failure(found.code.name.lower(), found.why)


@guarded
def _fit(task: Task) -> Estimate | Failure:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    control: Literal["never", "notyet"] = "notyet" if task.options.get("control") == "notyet" else "never"
    aggregate = Sunab(0, 0, tuple(np.atleast_1d(task.options.get("reference", -1)).tolist()), control)
    found = comparison(task.time, task.cohort, control)
    if found.code != Code.OK:
        return Failure(found.code.name.lower(), found.why)
    time, cohort = task.time[found.keep], task.cohort[found.keep]
    cells = make_cells(time, cohort, None if task.weights is None else task.weights[found.keep], aggregate)
    absorber = absorber_of(task, found.keep)
    lost = open_cells(cells, absorber)
    if lost.any():
        after = cells.dummies[:, cells.share > 0].sum(axis=1, keepdims=True)
        if make_basis(np.asfortranarray(after), absorber).absorbed[0]:
            raise Refusal("absorbed", "the fixed effects absorb the treatment")
        effects = " + ".join([*task.effect_labels, *(["slopes"] if task.slopes else [])])
        raise Refusal("not_identified", why_open(cells, lost, time, cohort, aggregate, effects, bool(task.slopes)))
    columns = np.zeros((len(task.time), len(cells.share)))
    columns[found.keep] = cells.dummies
    laid = model(task, columns, found.keep, scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, cells.share)


_WORDS = "average effect on the treated (cohort shares)"

ESTIMATOR = Estimator(
    name="sunab",
    title="Sun–Abraham",
    estimand=_WORDS,
    settings=(
        EstimatorSetting(
            "reference", int, -1, doc="the relative period left out, or several", several=True, highest=-1
        ),
        EstimatorSetting("control", str, "never", ("never", "notyet"), "the comparison group"),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: f"{_WORDS}{where_zero(treated)}",
    doc="Least squares on cohort × period dummies; the engine estimates it in batches.",
    ssc=EVERY_RULE,
    refuses=_refuses,
    columns=frozenset({"n_treated_left_out", "n_treated_rows_left_out"}),
    programs={
        "python": Program(write_python, python.PYFIXEST),
        "r": Program(write_r, ("fixest",)),
        "stata": Program(write_stata, ("reghdfe",)),
    },
)

"""Sun and Abraham's (2021) interaction-weighted estimator, averaged to one ATT as fixest's sunab does.

With ``control = "notyet"`` there are no leads: Wooldridge's (2021) extended two-way fixed effects, averaged alike.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from specdid._format import Many, NumberValue, Word
from specdid._programs import python
from specdid._programs.script import Script
from specdid._programs.templates import template
from specdid.engine.problem import Code, Sunab
from specdid.engine.qr_basis import make_basis
from specdid.engine.sunab import absorbed_cohorts, cohort_cells, comparison, open_cells, why_open
from specdid.estimators._base import (
    EVERY_RULE,
    CellAverage,
    Estimate,
    Estimator,
    EstimatorSetting,
    Failure,
    Program,
    Task,
    where_zero,
)
from specdid.estimators._pyfixest import Refusal, absorber_of, estimate_with, guarded, model, read


def _cells(options: Mapping[str, object]) -> CellAverage:
    reference = options.get("reference", -1)
    references = tuple(reference) if isinstance(reference, list | tuple) else (int(str(reference)),)
    return CellAverage(references, "notyet" if options.get("control") == "notyet" else "never")


def _refuses(task: Task) -> Failure | None:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    asked = _cells(task.options)
    found, aggregate = comparison(task.time, task.cohort, asked.control), Sunab(0, 0, asked.reference, asked.control)
    if found.code != Code.OK:
        return Failure(found.code.name.lower(), found.why)
    time, cohort = task.time[found.keep], task.cohort[found.keep]
    if not len(absorbed := absorbed_cohorts(time, cohort, [e[found.keep] for e in task.effects], aggregate)):
        return None
    cells = cohort_cells(time, cohort, None, aggregate)
    lost = (cells.share > 0) & np.isin(cells.cohort, absorbed)
    effects = " + ".join(task.effect_labels)
    return Failure(
        "not_identified", why_open(cells, lost, time, cohort, aggregate, effects, bool(task.slopes), task.calendar)
    )


@guarded
def _fit(task: Task) -> Estimate | Failure:
    assert task.time is not None and task.cohort is not None  # noqa: PT018 - the plan sees to it
    asked = _cells(task.options)
    aggregate = Sunab(0, 0, asked.reference, asked.control)
    found = comparison(task.time, task.cohort, asked.control)
    if found.code != Code.OK:
        return Failure(found.code.name.lower(), found.why)
    time, cohort = task.time[found.keep], task.cohort[found.keep]
    cells = cohort_cells(time, cohort, None if task.weights is None else task.weights[found.keep], aggregate)
    absorber = absorber_of(task, found.keep)
    lost = open_cells(cells, absorber)
    if lost.any():
        after = cells.dummies[:, cells.share > 0].sum(axis=1, keepdims=True)
        if make_basis(np.asfortranarray(after), absorber).absorbed[0]:
            raise Refusal("absorbed", "the fixed effects absorb the treatment")
        effects = " + ".join([*task.effect_labels, *(["slopes"] if task.slopes else [])])
        why = why_open(cells, lost, time, cohort, aggregate, effects, bool(task.slopes), task.calendar)
        raise Refusal("not_identified", why)
    columns = np.zeros((len(task.time), len(cells.share)))
    columns[found.keep] = cells.dummies
    laid = model(task, columns, found.keep, scale_outcome=True)
    return read(estimate_with("feols", laid), laid, task, cells.share)


_WORDS = "average effect on the treated (cohort shares)"
_EXTENDED = "average effect on the treated (extended two-way fixed effects)"


def _words(options: Mapping[str, object]) -> str:
    return _WORDS if _cells(options).control == "never" else _EXTENDED


def _references(script: Script) -> list[int]:
    """Return the periods that effects are measured against."""
    return list(_cells(script.options).reference)


ESTIMATOR = Estimator(
    name="sunab",
    title="Sun–Abraham",
    estimand=_WORDS,
    settings=(
        EstimatorSetting(
            "reference",
            Many(NumberValue("-1 or less", whole=True, most=-1)),
            "The relative period left out, or several.",
            "-2",
            -1,
            idle=("control", "notyet", "all periods before treatment are the reference, and there are no leads"),
        ),
        EstimatorSetting(
            "control",
            Word(("never", "notyet")),
            'The comparison group: the never treated, or those not yet treated too. "notyet" is another estimator: '
            "without leads, all periods before treatment being the reference, it is the extended two-way fixed effects "
            "of Wooldridge (2021; jwdid, etwfe), in a balanced panel without controls and weights the estimate of "
            "did_imputation.",
            '"notyet"',
            "never",
        ),
    ),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample", "weights"}),
    effects="any",
    cohort=True,
    binary=True,
    absorbing=True,
    batched=True,
    vcovs=frozenset({"iid", "hetero", "cluster", "twoway"}),
    fit=_fit,
    words=lambda treated, options: f"{_words(options)}{where_zero(treated)}",
    doc="Least squares on cohort × period dummies, averaged by the treated rows of each, or under weights by what "
    'these weigh; the engine estimates it in batches. With `control = "notyet"` it is Wooldridge\'s extended two-way '
    "fixed effects.",
    ssc=EVERY_RULE,
    refuses=_refuses,
    columns=frozenset({"n_treated_left_out", "n_treated_rows_left_out"}),
    cells=_cells,
    called=lambda options: "Sun–Abraham" if _cells(options).control == "never" else "extended two-way fixed effects",
    programs={
        "python": Program(template("sunab.py", references=_references), python.PYFIXEST),
        "r": Program(template("sunab.R", references=_references), ("fixest",)),
        "stata": Program(template("sunab.do", references=_references), ("reghdfe",)),
    },
)

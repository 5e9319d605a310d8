"""What estimators of cohorts share: the panel's step, their options, and what is said of cohorts of one unit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Literal

import numpy as np

from specdid._arrays import Floats
from specdid._diagnostics import many
from specdid._format import NumberValue, Word
from specdid._records import Caution
from specdid.estimators._base import NEVER, EstimatorSetting
from specdid.estimators._pyfixest import Refusal
from specdid.panel.times import Calendar

POST_WINDOW = EstimatorSetting(
    "post_window",
    NumberValue("0 or more", whole=True, least=0),
    "Periods after adoption to average, from 0 on.",
    "3",
    otherwise="as many as leave out no cohort",
    found=True,
)


def control(default: Literal["never", "notyet"], notyet: str = "those not yet treated too") -> EstimatorSetting:
    """Return the key that says whom cohorts are compared with; ``notyet`` names who is taken beside the never treated.

    Its example is the option that is not the default.
    """
    other = "notyet" if default == "never" else "never"
    doc = f"The comparison group: the never treated, or {notyet}."
    return EstimatorSetting("control", Word(("never", "notyet")), doc, f'"{other}"', default)


def compared_with(default: Literal["never", "notyet"]) -> Callable[[Mapping[str, object]], str]:
    """Return `Estimator.beside` of an estimator with the key `control`.

    With "notyet" a unit whose own effect is in the average counts once, as treated, though others are compared with it.
    """
    return lambda options: NEVER if options.get("control", default) == "never" else "only compared with"


def first_and_step(time: Floats) -> tuple[float, int]:
    """Return the first period, and the largest step that all distances between periods are multiples of."""
    values = np.unique(time)
    step = int(np.gcd.reduce(np.rint(np.diff(values)).astype(np.int64))) if len(values) > 1 else 1
    return float(values[0]), max(step, 1)


def refuse_apart(time: Floats, calendar: Calendar | None) -> None:
    """Refuse rows whose periods are all several apart: event time counts the periods between, and no row has them.

    Raises
    ------
    Refusal
        No two rows are one period apart, though these have several.
    """
    _, step = first_and_step(time)
    if step > 1:
        write = f'write step = "{step}" in [study]' if calendar is None else calendar.write_step(step)
        if others := "" if calendar is None else calendar.between(time, step):
            which = (
                f"only rows not used here have ({others}); leave these out of the data and {write}; where other "
                "samples use them, do so in a study of this sample alone"
            )
        else:
            which = f"no row has; where they are the panel's periods, {write}"
        raise Refusal(
            "not_identified",
            f"periods of these rows are {step} apart, and time since treatment counts the periods between, which "
            f"{which}",
        )


def window_averaged(method: str, window: Floats) -> Caution:
    """Say which periods are averaged."""
    low, high = int(window.min()), int(window.max())
    span = f"{low}" if low == high else f"{low} to {high}, by specification"
    return Caution(
        "note",
        "post_window",
        f"{method} averages effects over periods 0 to post_window = {span} from adoption on",
        specifications=len(window),
    )


def one_unit_cohorts(method: str, found: Mapping[str, Floats], why: str = "") -> Iterator[Caution]:
    """Say that cohorts are one unit, by the column ``n_one_unit_cohorts``; ``why`` their errors are too small."""
    single = found["n_one_unit_cohorts"]
    why = why or "whose own variation the standard errors cannot hold: they are too small"
    if (single > 0).any():
        yield Caution(
            "serious",
            "one_unit_cohorts",
            f"{method}: up to {many(int(single.max()), 'cohort', 'are')} one unit, {why}",
            specifications=int((single > 0).sum()),
        )

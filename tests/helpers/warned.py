"""A small study whose pre-trend test and placebo fail, and runs of it whose audit fails too."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import polars as pl
from small_studies import small_panel, small_study
from specdid._audit.reference import Reestimated

WHY = "ValueError: {no_number} & 100% of $x"
"""Words of another library, with what LaTeX and HTML would read as code."""


def moving_panel() -> pl.DataFrame:
    """``small_panel`` of 40 units in which the treated move away from the others before they are treated."""
    before = pl.when(pl.col("cohort") > 0).then(0.3 * (pl.col("year") - 2004)).otherwise(0)
    frame = small_panel(units=40).with_columns(y=pl.col("y") + before)
    return frame.with_columns(z=pl.col("y").exp())


def warned_study(
    outcome: str = "moved & gone", title: str = "A study of 100% movers", **changes: Any
) -> dict[str, Any]:
    """A study of it with an event study, placebos and outputs in every format."""
    base = small_study(
        study={"title": title, "data": "given.csv", "unit": "id", "time": "year", "seed": 7},
        outcome={outcome: "y"},
        fixed_effects={"two-way": "id + year"},
        preferred={"controls": "x1 + x3"},
        inference={"draws": 39},
        event_study={},
        placebo={"periods": [1], "draws": 39},
        figure={"formats": ["pdf", "png", "svg"]},
        appendix={"formats": ["tex", "md", "docx"]},
    )
    return {**base, **changes}


def forge(monkeypatch: Any) -> None:
    """Let the reference give another estimate, another error and no number, for the first three it is asked for."""
    from specdid._audit import compare

    true = compare.ask

    def wrong(request: Any) -> list[Reestimated]:
        found = true(request)
        found[0] = _with(found[0], lambda n: dataclasses.replace(n, estimate=1.5 * n.estimate))
        found[1] = _with(found[1], _halved)
        found[2] = Reestimated((), why=WHY)
        return found

    monkeypatch.setattr(compare, "ask", wrong)


def _halved(numbers: Any) -> Any:
    errors = tuple(None if e is None else 0.5 * e for e in numbers.std_error)
    return dataclasses.replace(numbers, std_error=errors)


def _with(again: Reestimated, change: Callable[[Any], Any]) -> Reestimated:
    return dataclasses.replace(again, numbers=tuple(map(change, again.numbers)))

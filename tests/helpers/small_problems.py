"""Problems, members and tasks built by hand from a data frame, without the language or the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
from specdid import _plugins
from specdid.engine.one_by_one import Method, OneByOneWork, make_task, rows_for
from specdid.engine.problem import Effects, Members, Problem, Sunab, Vcov
from specdid.estimators._base import Task

Spec = tuple[str, str, tuple[str, ...], tuple[str, ...], str | None, str]
"""Outcome, treatment, controls, fixed effects (``f[x]`` for a slope), weights, estimator."""


def problem_of(frame: pd.DataFrame, vcovs: tuple[str, ...], unit: str, effects: list[tuple[str, ...]]) -> Problem:
    """Take every column as values and as codes."""
    names = tuple(frame.columns)
    values = np.asfortranarray(frame.to_numpy(float))
    codes = np.asfortranarray(np.stack([pd.factorize(frame[c], sort=True)[0] for c in names], axis=1), np.int64)
    return Problem(
        values=values,
        codes=codes,
        rows=np.ones((1, len(frame)), bool),
        log0=None,
        labels=names,
        effect_labels=names,
        effects=tuple(_effects(names, e) for e in effects),
        vcovs=tuple(_vcov(names, v) for v in vcovs),
        unit=names.index(unit),
        alpha=0.05,
    )


def _effects(names: tuple[str, ...], texts: tuple[str, ...]) -> Effects:
    fixed = tuple(names.index(t.split("[")[0]) for t in texts if "[[" not in t)
    slopes = [t.rstrip("]").replace("[[", "[").split("[") for t in texts if "[" in t]
    return Effects(fixed, tuple((names.index(f), names.index(x)) for f, x in slopes))


def _vcov(names: tuple[str, ...], text: str) -> Vcov:
    if text in ("iid", "hetero"):
        return Vcov(text)
    return Vcov("cluster", tuple(names.index(c) for c in text.split(" + ")))


def work_of(
    frame: pd.DataFrame,
    specs: list[Spec],
    *,
    vcovs: tuple[str, ...] = ("city_id",),
    unit: str = "city_id",
    time: str = "year",
    cohort: str | None = None,
    options: dict[str, dict[str, object]] | None = None,
) -> OneByOneWork:
    """Lay out ``specs`` on all rows of ``frame``."""
    names, effects = list(frame.columns), list(dict.fromkeys(s[3] for s in specs))
    methods = list(dict.fromkeys(s[5] for s in specs))
    place = -1 if cohort is None else names.index(cohort)
    n = len(specs)

    def column(values: list[int]) -> np.ndarray:
        return np.array(values, np.int64)

    members = Members(
        index=np.arange(n),
        outcome=column([names.index(s[0]) for s in specs]),
        treatment=column([names.index(s[1]) for s in specs]),
        start=np.cumsum([0, *(len(s[2]) for s in specs)]),
        controls=column([names.index(c) for s in specs for c in s[2]]),
        rows=np.zeros(n, np.int64),
        effects=column([effects.index(s[3]) for s in specs]),
        weights=column([-1 if s[4] is None else names.index(s[4]) for s in specs]),
        extra_rows=np.full(n, -1),
        sunab=column([0 if s[5] == "sunab" else -1 for s in specs]),
        aggregates=() if cohort is None else (Sunab(place, names.index(time)),),
    )
    chosen = tuple(Method(m, (options or {}).get(m, {})) for m in methods)
    method = column([methods.index(s[5]) for s in specs])
    problem = problem_of(frame, vcovs, unit, effects)
    return OneByOneWork(problem, members, chosen, method, np.full(n, place), names.index(time))


def task_of(frame: pd.DataFrame, spec: Spec, **layout: object) -> Task:
    """Cut one specification's rows and lay them out."""
    work = work_of(frame, [spec], **layout)  # type: ignore[arg-type]
    options = work.methods[0].options
    cut = rows_for(work.problem, work.members, 0, _plugins.load("estimators", work.methods[0].name), options)
    return make_task(work.problem, work.members, 0, cut, options, int(work.cohort[0]), work.time)

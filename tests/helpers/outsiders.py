"""A distribution of others with working plug-ins on every shelf, each in one file.

``write_outsiders(directory)`` makes what ``pip install`` would leave there: modules, and entry
points in a ``.dist-info``. With the directory on PYTHONPATH, specdid finds all of them.
"""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from textwrap import dedent

from specdid._plugins import DECLARED

DUMMIES = {
    ("estimators", "dummy_ols"): '''
"""Least squares on written-out dummies, with clustered errors; for small panels."""
import numpy as np
from specdid.estimators._base import (
    CONSTANT, TREATMENT, Coefficients, Estimate, Estimator, Failure, Path, Program,
)

def solved(task, columns):
    """Coefficients of columns, controls and the constant, their covariances, df, clusters, notes and residuals."""
    dummies = [np.eye(int(codes.max()) + 1)[codes] for codes in task.effects] or [np.ones((len(task.outcome), 1))]
    X = np.column_stack([*columns, task.controls, *dummies])
    inverse, k = np.linalg.pinv(X), len(columns) + task.controls.shape[1] + (not task.effects)
    beta = inverse @ task.outcome
    rest = task.outcome - X @ beta
    vcov, df, groups, notes = [], [], [], []
    for kind, clusters in zip(task.vcovs, task.clusters):
        rows, count = (inverse * rest)[:k], min((len(np.unique(c)) for c in clusters), default=-1)
        if clusters:
            rows = np.column_stack([rows[:, clusters[0] == g].sum(axis=1) for g in np.unique(clusters[0])])
        few = count == 1
        vcov.append(np.full((k, k), np.nan) if few else rows @ rows.T)
        df.append(float(count - 1 if clusters else len(rest) - np.linalg.matrix_rank(X)))
        groups.append(count)
        notes.append("few_clusters" if few else "")
    return beta[:k], np.array(vcov), tuple(df), tuple(groups), tuple(notes), rest

def fit(task):
    others = [np.eye(int(codes.max()) + 1)[codes] for codes in task.effects] or [np.ones((len(task.outcome), 1))]
    others = np.column_stack([task.controls, *others])
    own = task.treatment - others @ np.linalg.lstsq(others, task.treatment)[0]
    if abs(own).max() < 1e-9 * abs(task.treatment).max():
        return Failure("absorbed", "the fixed effects and controls take all of the treatment")
    beta, vcov, df, groups, notes, rest = solved(task, [task.treatment])
    names = (TREATMENT, *range(task.controls.shape[1]), *([] if task.effects else [CONSTANT]))
    whole = Coefficients(names, beta, vcov, r2=1 - rest.var() / task.outcome.var())
    errors = tuple(np.sqrt(vcov[:, 0, 0]).tolist())
    return Estimate(
        float(beta[0]), errors, df, groups, len(task.outcome), vcov_notes=notes, coefficients=whole
    )

def path(task, relative, periods, reference):
    kept = tuple(p for p in periods if p != reference and (relative == p).any())
    beta, vcov, df, groups, notes, _ = solved(task, [1.0 * (relative == p) for p in kept])
    size, m = np.array([int((relative == p).sum()) for p in kept], np.int64), len(kept)
    return Path(
        kept, beta[:m], vcov[:, :m, :m], df, groups, len(task.outcome), size, notes, from_reference=True
    )

def python(script, used):
    yield f'y, x = d["{script.outcome}"].to_numpy(), d["{script.treatment}"].to_numpy()'
    names = ", ".join(f'"{c}"' for c in script.controls)
    yield f"parts = [x, d[[{names}]]]"
    yield f"for effect in {[e.name for e in script.fixed]!r}:"
    yield "    parts.append(pd.get_dummies(d[effect]).to_numpy(float))"
    yield "X = np.column_stack(parts)"
    yield "inverse = np.linalg.pinv(X)"
    yield "estimate = (inverse @ y)[0]"
    yield "influence = pd.Series(inverse[0] * (y - X @ (inverse @ y)), index=d.index)"
    yield "std_error = {}"
    for errors in script.errors:
        groups = f'd["{errors.clusters[0]}"]' if errors.clusters else "d.index"
        yield f"std_error[{errors.label!r}] = np.sqrt((influence.groupby({groups}).sum() ** 2).sum())"

def r(script, used):
    effects = [f"factor({effect.name})" for effect in script.fixed]
    yield f"fit <- lm({script.outcome} ~ {' + '.join([*script.regressors, *effects])}, data = d)"
    yield "print(summary(fit))"

ESTIMATOR = Estimator(
    name="dummy_ols", title="Dummy OLS", estimand="average effect (regression weights)", settings=(),
    honours=frozenset({"outcome", "treatment", "controls", "fixed_effects", "sample"}), effects="any",
    cohort=False, binary=False, batched=False, vcovs=frozenset({"hetero", "cluster"}), fit=fit, path=path,
    slopes=False, programs={"python": Program(python), "r": Program(r)},
)
''',
    ("estimators", "dummy_cells"): '''
"""Sun and Abraham's average against the rows that are not yet treated, without an option: the engine makes it."""
from dataclasses import replace
from specdid.estimators._base import CellAverage
from specdid.estimators.sunab import ESTIMATOR as SUNAB

def fit(task):
    return SUNAB.fit(replace(task, options={"control": "notyet"}))

ESTIMATOR = replace(
    SUNAB, name="dummy_cells", title="Dummy cells", settings=(), cells=lambda options: CellAverage(control="notyet"),
    fit=fit, refuses=None, programs={},
)
''',
}
"""(shelf, name) -> the file of a plug-in that asks for more than the examples of the contracts."""


def example_of(shelf: str) -> tuple[str, str]:
    """Return the name and the text of the plug-in that the contract of a shelf has as its example."""
    words = import_module(f"specdid.{shelf}._base").__doc__ or ""
    found = re.search(rf"``specdid/{shelf}/(\w+)\.py``::\n\n((?:    .*\n|\n)+)", words)
    assert found, f"the docstring of specdid/{shelf}/_base.py has no example"
    return found[1], dedent(found[2])


def plugins() -> dict[tuple[str, str], str]:
    """Return the text of every plug-in, by shelf and name."""
    examples = {(shelf, name): text for shelf in DECLARED for name, text in [example_of(shelf)]}
    return {**examples, **DUMMIES}


def write_outsiders(directory: Path) -> None:
    """Lay the distribution out in ``directory``."""
    info = directory / "outsiders-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: outsiders\nVersion: 1.0\n", encoding="utf-8")
    points: dict[str, list[str]] = {}
    for (shelf, name), text in plugins().items():
        (directory / f"outsiders_{name}.py").write_text(text.lstrip(), encoding="utf-8")
        points.setdefault(shelf, []).append(f"{name} = outsiders_{name}")
    lines = [line for shelf, found in points.items() for line in (f"[specdid.{shelf}]", *found)]
    (info / "entry_points.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")

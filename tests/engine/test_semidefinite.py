"""What fixest and reghdfe print where a two-way matrix has negative eigenvalues, against dummies and eigenvectors."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from panels import members_of, random_problem
from specdid.engine import execute, ssc
from specdid.engine.execute import run_parts
from specdid.engine.problem import Code, Effects, Vcov
from specdid.engine.rows import rows_of, rows_of_members
from specdid.engine.semidefinite import NAMES

UNIT, TIME = 0, 1


def dummies(codes: np.ndarray) -> np.ndarray:
    return (codes[:, None] == np.unique(codes)).astype(float)


def by_hand(problem, members, s, v):
    """Return (plain, fixest's, reghdfe's) standard errors by regressions on dummies and all eigenvectors."""
    one = members.take(np.array([s]))
    rows = rows_of(rows_of_members(problem, one)[1].packed[0], len(problem.values))
    effects = problem.effects[int(one.effects[0])]
    weight = int(one.weights[0])
    w = np.ones(len(rows)) if weight < 0 else problem.values[rows, weight]
    root = np.sqrt(w)
    x = problem.values[np.ix_(rows, [int(one.treatment[0]), *one.controls_of(0)])]
    absorbed = np.hstack([dummies(problem.codes[rows, c]) for c in effects.fixed] or [np.zeros((len(rows), 0))])
    slopes = x if effects.fixed else np.column_stack([x, np.ones(len(rows))])
    both = root[:, None] * np.column_stack([slopes, problem.values[rows, one.outcome[0]]])
    net = both - root[:, None] * absorbed @ np.linalg.lstsq(root[:, None] * absorbed, both, rcond=None)[0]
    design, y = net[:, :-1], net[:, -1]
    bread = np.linalg.inv(design.T @ design)
    residual = y - design @ (bread @ design.T @ y)
    codes = [problem.codes[rows, c] for c in problem.vcovs[v].clusters]
    codes.append(np.unique(np.column_stack(codes), axis=0, return_inverse=True)[1].reshape(-1))
    scores = [dummies(c).T @ (design * residual[:, None]) for c in codes]
    fixed = tuple(np.unique(problem.codes[rows, c], return_inverse=True)[1] for c in effects.fixed)
    relevelled = tuple(np.unique(c, return_inverse=True)[1] for c in codes[:2])
    correction = ssc.correction("cluster", "fixest", fixed or (np.zeros(len(rows), int),), (), relevelled)
    k = x.shape[1]
    factor = correction.factor(len(rows), k, min(len(np.unique(c)) for c in codes[:2]))
    vcov = bread @ sum(sign * a.T @ a for sign, a in zip((1, 1, -1), scores, strict=True)) @ bread * factor

    def without_negative(matrix, least):
        size = np.sqrt(np.abs(np.diag(matrix)))
        if np.linalg.eigvalsh(matrix / np.outer(size, size))[0] > -1e-9:
            return matrix
        values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
        return vectors @ np.diag(np.maximum(values, least)) @ vectors.T

    spread = np.maximum(x.std(axis=0, ddof=1), 1e-3)  # reghdfe's floor
    reghdfe = without_negative(vcov[:k, :k] * np.outer(spread, spread), 0.0) / np.outer(spread, spread)
    found = vcov[0, 0], without_negative(vcov, 1e-16)[0, 0], reghdfe[0, 0]
    return [float(np.sqrt(f)) if f > 0 else np.nan for f in found]


def fitted(problem, members):
    """Return positions, fits and the columns of NAMES, of all members."""
    shape = len(members), len(problem.vcovs)
    errors, others = np.full(shape, np.nan), {name: np.full(shape, np.nan) for name in NAMES}
    code = np.zeros(len(members), int)
    for at, part in run_parts(problem, members):
        errors[at], code[at] = part.std_error, part.code
        for name in NAMES:
            if name in part.extra:
                others[name][at] = part.extra[name]
    return code, errors, others


def compared(problem, members, which):
    """Compare what is said of each specification and two-way vcov with `by_hand`; count those that differ."""
    code, errors, others = fitted(problem, members)
    count = 0
    for s in which:
        for v, vcov in enumerate(problem.vcovs):
            found = [others[name][s, v] for name in NAMES]
            if len(vcov.clusters) < 2 or code[s] != Code.OK:
                assert np.isnan(found).all()
                continue
            plain, *expected = by_hand(problem, members, s, v)
            if np.isnan(plain):
                assert np.isnan(errors[s, v])
            else:
                assert errors[s, v] == pytest.approx(plain, rel=1e-6)
            for mine, theirs in zip(found, expected, strict=True):
                same = abs(theirs - plain) <= 1e-6 * plain
                assert np.isnan(mine) if same else mine == pytest.approx(theirs, rel=1e-6)
                count += not same
    return count


def few_clusters(seed=1, n_controls=6):
    """Return a problem of 12 regions and 6 periods, with controls of several scales, in which V is often indefinite."""
    problem = random_problem(seed, 36, 6, 1.0, False)
    rng = np.random.default_rng(seed)
    n = len(problem.values)
    controls = rng.normal(size=(n, n_controls)) * 10.0 ** rng.integers(-2, 3, n_controls)
    values = np.asfortranarray(np.column_stack([problem.values[:, [0, 1, 11]], controls]))
    values[~np.isfinite(values)] = 0.5
    labels = ("y", "d", "w", *(f"x{j}" for j in range(n_controls)))
    return replace(
        problem, values=values, log0=None, labels=labels,
        vcovs=(Vcov("cluster", (0,)), Vcov("cluster", (2, 1)), Vcov("cluster", (0, 1))),
        effects=(Effects(), Effects((0,)), Effects((0, 1))), rows=np.ones((1, n), bool),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("weights", "unit", "of_outcome"), [(-1, 1.0, 1.0), (2, 1.0, 1.0), (-1, 1e-3, 1.0), (-1, 1.0, 1e-7)]
)
def test_equals_eigenvectors_of_a_regression_on_dummies(weights, unit, of_outcome):
    problem = few_clusters()
    problem.values[:, 3:] *= unit  # some of 1e-5, below reghdfe's floor
    problem.values[:, 0] *= of_outcome  # variances below fixest's
    specs = [(0, 1, tuple(range(3, 3 + k)), 0, f, weights) for k in (0, 1, 3, 6) for f in (0, 1, 2)]
    specs.append((0, 1, (3, 4, 3, 5), 0, 2, weights))
    members = members_of(specs[:-1])
    assert compared(problem, members, range(len(members))) > 10


@pytest.mark.parametrize("weights", [-1, 2])
@pytest.mark.parametrize("effects", [0, 1, 2])
def test_the_listwise_path_says_the_same(effects, weights, monkeypatch):
    problem = few_clusters(seed=3)
    values = problem.values.copy(order="F")
    values[np.random.default_rng(0).random(values.shape) < 0.03] = np.nan
    values[:, 2] = problem.values[:, 2]
    problem = replace(problem, values=values)
    subsets = [tuple(3 + j for j in range(6) if k >> j & 1) for k in range(0, 64, 3)]
    members = members_of([(0, 1, s, 0, effects, weights) for s in subsets])
    taken = execute._for_listwise(
        problem, members, execute.row_keys(members, execute.missing_patterns(problem, members))
    )
    assert taken.any()
    assert compared(problem, members, range(len(members))) > 10

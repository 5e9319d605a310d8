"""[hausman]: fixed and random unit effects side by side, and the tests between them.

The classical test (Hausman 1978) and beside it the cluster-robust one in Mundlak's form,
which panels with serially correlated errors need. The right-hand side is the treatment with the
controls of the column. Rows are complete cases, each counts once, units observed once included, as in R's plm.

Swamy and Arora's variance components, as Baltagi and Chang (1994, J. Econometrics 62) have
them for unbalanced panels: those of R's plm and of Stata's ``xtreg, re sa``, whose default
regresses unweighted means and takes the harmonic mean of T. linearmodels has them too
(``small_sample=True``, equal to 1e-13), but it brings statsmodels and pyhdfe, takes a second
to import and has neither the tests nor the units' theta: what is below is five weighted regressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._study import INSTRUMENTS
from specdid._words import later, say, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Extra, Finding, Request
from specdid.analyses._cells import not_read
from specdid.analyses._words import Label, count, decimals, estimate_and_error, listed, number, p_value
from specdid.engine.rows import unit_bounds
from specdid.tables._base import PrintTable, Row, TidyTable, Value

TERMS = (
    "term", "fe", "fe_se", "re", "re_se", "difference", "difference_se",
)  # fmt: skip
TESTS = (
    "test", "distribution", "statistic", "df", "df2", "p_value", "positive_definite", "variance_e",
    "variance_u", "theta_low", "theta_high", "nobs", "n_units", "balanced", "message",
)  # fmt: skip
NOTE = later(
    "Random effects are those of Swamy and Arora, in unbalanced panels as Baltagi and Chang (1994) have them: those "
    "of R's plm and of Stata's xtreg, re sa, not of its default. Standard errors in parentheses assume independent "
    "errors of equal variance; that of a difference is the root of the difference of the variances, "
    "empty where this is negative."
)
ROBUST_NOTE = later(
    "The classical test assumes independent errors of equal variance. The robust one adds the units' "
    "means to random effects and tests them jointly, clustered by unit (Mundlak 1978)."
)
UNTESTED = later(
    "Terms that are the same for all units in a period ({names}) are in both regressions and not tested; R's plm "
    "counts them in the degrees of freedom of χ²."
)
AGREE = (
    "nothing is tested: each term that could be has the same mean over time in all units, or one that other terms "
    "give, and so fixed and random effects agree on it"
)
SINGULAR = "V_b − V_B is singular, so that there is no classical statistic"
FEW_UNITS = "there are too few units for the cluster-robust test"
UNREAD = ("fixed_effects", "weights", "estimator", INSTRUMENTS)
"""Dimensions that change nothing here."""
TIED = 1e-8
"""A part of a dropped column, as a share of its length, that another contributes."""
COLLINEAR = 1e-9
"""A column with less than this share of its length left is a combination of those before it."""


def decode(found: Mapping[str, Any], table: Table) -> None:
    """Take no key but ``fix`` and ``vary``."""


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find a study without units, and choices without effect."""
    if bench.panel.unit_codes is None:
        message = "[hausman] compares effects of units, and the study declares no unit"
        yield fault_at(request.table.origin, None, "no_unit", message, 'write unit = "…" in [study]')
        return
    unused = "it compares least squares with fixed and with random effects of the unit"
    yield from not_read(request, bench.study, UNREAD, unused)


def run(bench: Bench, request: Request) -> Finding:
    """Compare both estimators for every outcome, and whatever else is varied."""
    cells = bench.cells(request)
    columns = [_compare(bench, cells, cell) for cell in cells]
    title = request.table.name or say(ANALYSIS.title)
    tables = (tidy_terms(columns, title, bench.label), tidy_tests(columns, title, bench.label))
    found = (*warnings(columns, bench.study.inference.alpha), *cells.notes)
    return Finding(tables, (), tuple(dict.fromkeys(found)))


def _compare(bench: Bench, cells: Cells, cell: Cell) -> HausmanColumn:
    """Estimate one comparison on its complete rows."""
    right = (Extra(cell.labels["treatment"], bench.treatment(cell)), *bench.controls(cell))
    y, X = bench.outcome(cell), np.column_stack([e.numbers for e in right])
    units = bench.panel.unit_codes
    assert units is not None
    rows = bench.in_sample(cell) & np.isfinite(y) & np.isfinite(X).all(axis=1)
    labels = {name: label for name, label in cell.labels.items() if name not in UNREAD}
    names, heading = tuple(e.label for e in right), cells.shown(cell)
    if not rows.any():
        return HausmanColumn(labels, heading, names, 0, 0, False, "no row is complete in every variable")
    y, X = y[rows], X[rows]
    unit = np.unique(units[rows], return_inverse=True)[1].reshape(-1)
    lengths = np.bincount(unit)
    size = len(y), len(lengths), bool((lengths == lengths[0]).all())
    effects = both_effects(y, X, unit)
    if isinstance(effects, str):
        return HausmanColumn(labels, heading, names, *size, effects)
    periods = None if bench.periods is None else bench.periods[rows]
    tested = np.array([periods is None or _varies(x, periods - periods.min()) for x in X.T])
    tests = hausman(effects, tested), mundlak(y, X, unit, effects.theta, tested)
    untested = tuple(n for n, yes in zip(names, tested, strict=True) if not yes)
    return HausmanColumn(labels, heading, names, *size, "", effects, *tests, untested, tuple(_unread(cell, units)))


def _varies(numbers: Floats, groups: Ints) -> bool:
    """Tell whether a column takes several values within any of the groups."""
    known = np.isfinite(numbers) & (groups >= 0)
    if not known.any():
        return False
    least, most = unit_bounds(groups[known], numbers[known])
    return bool((most > least).any())


def _unread(cell: Cell, units: Ints) -> Iterator[str]:
    """Name what of the cell's model is in neither regression: effects that those of units do not take out, and more."""
    problem, members = cell.compiled.problem, cell.compiled.members
    effects = problem.effects[int(members.effects[cell.member])]
    of_units = [c for c in effects.fixed if not _varies(problem.codes[:, c].astype(np.float64), units)]
    if all(_varies(units.astype(np.float64), problem.codes[:, c]) for c in of_units):
        of_units = []  # such as provinces' of cities: in their place are those of units
    yield from (problem.effect_labels[c] for c in effects.fixed if c not in of_units)
    yield from (f"{problem.effect_labels[c]}[{problem.labels[x]}]" for c, x in effects.slopes)
    if int(members.weights[cell.member]) >= 0:
        yield "weights"
    if cell.instrumented:
        yield "instruments"


@dataclass(frozen=True, slots=True)
class HausmanColumn:
    """One comparison; without ``effects`` there is a ``message`` why.

    ``labels`` are those of the dimensions it reads, ``heading`` those that differ;
    ``untested`` are terms that are the same for all units in a period, ``unread`` what of the curve's model is in
    neither regression.
    """

    labels: Mapping[str, str]
    heading: str
    terms: tuple[str, ...]
    nobs: int
    n_units: int
    balanced: bool
    message: str = ""
    effects: _FixedAndRandom | None = None
    classical: Test | None = None
    robust: Test | None = None
    untested: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def rows(self) -> Iterator[tuple[str, tuple[float, ...]]]:
        """Give each term with fe, re and their difference, each with its error: √diag(V_b − V_B) where positive."""
        e = self.effects
        assert e is not None
        variances = np.diag(e.fe_vcov), np.diag(e.re_vcov), np.diag(e.fe_vcov) - np.diag(e.re_vcov)
        errors = (np.sqrt(np.where(v > 0, v, np.nan)) for v in variances)
        pairs = [x for pair in zip((e.fe, e.re, e.fe - e.re), errors, strict=True) for x in pair]
        yield from zip(self.terms, map(tuple, np.column_stack(pairs).tolist()), strict=True)

    def tests(self) -> list[tuple[str, Test, str]]:
        """Give both tests by name, with the reason where one has no statistic."""
        if self.classical is None or self.robust is None:
            return []
        agree = not self.classical.df or not self.robust.df  # no means of units are left
        named = (("Hausman", self.classical, SINGULAR), ("Mundlak, cluster-robust", self.robust, FEW_UNITS))
        return [(name, t, "" if np.isfinite(t.statistic) else AGREE if agree else why) for name, t, why in named]


def tidy_terms(columns: Sequence[HausmanColumn], title: str, label: Label) -> TidyTable:
    """Return a row for every term of every comparison."""
    rows: list[tuple[Value, ...]] = []
    for k, c in enumerate(columns, 1):
        rows += [(k, *c.labels.values(), term, *numbers) for term, numbers in (c.rows() if c.effects else ())]
    return TidyTable(("column", *_names(columns), *TERMS), tuple(rows), _printed_terms(columns, title, label))


def _names(columns: Sequence[HausmanColumn]) -> tuple[str, ...]:
    return tuple(columns[0].labels) if columns else ()


def tidy_tests(columns: Sequence[HausmanColumn], title: str, label: Label) -> TidyTable:
    """Return the tests of every comparison, one row each."""
    rows = tuple((k, *c.labels.values(), *rest) for k, c in enumerate(columns, 1) for rest in _tests(c))
    header = ("column", *_names(columns), *TESTS)
    return TidyTable(header, rows, _printed_tests(columns, title, label), "tests")


def _tests(column: HausmanColumn) -> Iterator[tuple[Value, ...]]:
    size: tuple[Value, ...] = (column.nobs, column.n_units, column.balanced)
    e = column.effects
    if e is None:
        yield (None,) * (len(TESTS) - len(size) - 1) + (*size, column.message)
        return
    rest = (e.variance_e, e.variance_u, float(e.theta.min()), float(e.theta.max()), *size)
    for name, t, why in column.tests():
        law = ("chi2", t.statistic, t.df, None) if np.isinf(t.df2) else ("F", t.statistic, t.df, t.df2)
        yield (name, *law, t.p_value, t.definite, *rest, why or None)


def _printed_terms(columns: Sequence[HausmanColumn], title: str, label: Label) -> PrintTable | None:
    shown = [c for c in columns if c.effects is not None]
    if not shown:
        return None
    places = decimals(error for c in shown for _, numbers in c.rows() for error in numbers[1:4:2])
    blocks = []
    for column in shown:
        rows = [Row(label(column.heading), ("",) * 3)] if len(shown) > 1 else []
        for term, (fe, fe_se, re, re_se, gap, gap_se) in column.rows():
            pairs = [estimate_and_error(*pair, places) for pair in ((fe, fe_se), (re, re_se), (gap, gap_se))]
            rows.append(Row(label(term), tuple(a for a, _ in pairs), tuple(b for _, b in pairs)))
        blocks.append(tuple(rows))
    spanners = (((label(shown[0].heading), 3),),) if len(shown) == 1 else ()
    names = (say("Fixed effects"), say("Random effects"), say("Difference"))
    unread = ", ".join(dict.fromkeys(name for c in shown for name in c.unread))
    notes = (say(NOTE), *((say("Not in these regressions: the curve's {listed}.", listed=unread),) if unread else ()))
    return PrintTable(title, names, tuple(blocks), spanners, notes)


def _printed_tests(columns: Sequence[HausmanColumn], title: str, label: Label) -> PrintTable | None:
    shown = [c for c in columns if c.effects is not None]
    if not shown:
        return None

    def test(give: Callable[[Test], str], k: int) -> tuple[str, ...]:
        return tuple("" if why else give(t) for _, t, why in (c.tests()[k] for c in shown))

    def effect(give: Callable[[_FixedAndRandom], str]) -> tuple[str, ...]:
        return tuple(give(c.effects) for c in shown if c.effects is not None)

    blocks = (
        (
            Row(say("Classical: χ²"), test(lambda t: number(t.statistic, 2), 0)),
            Row(say("Degrees of freedom"), test(lambda t: str(t.df), 0)),
            Row("p", test(lambda t: p_value(t.p_value), 0)),
            Row(
                say("Difference of variances positive definite"),
                test(lambda t: say("yes") if t.definite else say("no"), 0),
            ),
        ),
        (
            Row(say("Cluster-robust: F"), test(lambda t: number(t.statistic, 2), 1)),
            Row(say("Degrees of freedom"), test(lambda t: f"{t.df}, {t.df2:,.0f}", 1)),
            Row("p", test(lambda t: p_value(t.p_value), 1)),
        ),
        (
            Row(say("Std. deviation of unit effects"), effect(lambda e: number(float(np.sqrt(e.variance_u))))),
            Row(say("Std. deviation of errors"), effect(lambda e: number(float(np.sqrt(e.variance_e))))),
            Row(say("Share of unit means taken off"), effect(lambda e: _range(e.theta))),
            Row(say("Observations"), tuple(count(c.nobs) for c in shown)),
            Row(say("Units"), tuple(count(c.n_units) for c in shown)),
        ),
    )
    empty = [
        say("{names}: {why}.", names=c.heading, why=told(why, True)) for c in shown for _, _, why in c.tests() if why
    ]
    untested = dict.fromkeys(label(name) for c in shown for name in c.untested)
    notes = (
        say(ROBUST_NOTE),
        *dict.fromkeys(empty),
        *((say(UNTESTED, names=", ".join(untested)),) if untested else ()),
    )
    return PrintTable(say("{title}: tests", title=title), tuple(c.heading for c in shown), blocks, (), notes)


def _range(values: Floats) -> str:
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else say("{low} to {high}", low=low, high=high)


def warnings(columns: Sequence[HausmanColumn], alpha: float) -> Iterator[Caution]:
    """Say what a reader must know of the tests."""
    for column in columns:
        about, classical, robust = column.heading, column.classical, column.robust
        if column.effects is None or classical is None or robust is None:
            yield Caution("note", "not_estimated", f"{about}: {column.message}")
            continue
        if column.effects.open.any():
            names = listed([f"`{t}`" for t, one in zip(column.terms, column.effects.open, strict=True) if one])
            said = f"{about}: {names} cannot be told apart from other terms, and have no coefficient or test"
            yield Caution("note", "not_identified", said)
        if column.unread:
            said = (
                f"{about}: the curve's {listed(column.unread)} are not in these regressions, which have effects of "
                "the study's unit alone: their estimates are of another model; effects can be terms of `controls`"
            )
            yield Caution("note", "not_read", said)
        if np.isfinite(classical.statistic) and not classical.definite:
            said = f"{about}: V_b − V_B is not positive definite, so the classical statistic has no chi² distribution"
            yield Caution("note", "not_definite", said)
        elif np.isfinite(classical.p_value) and (classical.p_value < alpha) != (robust.p_value < alpha):
            said = (
                f"{about}: the classical test (p = {p_value(classical.p_value)}) and the cluster-robust one (p = "
                f"{p_value(robust.p_value)}) disagree; the assumptions of the first are the stronger"
            )
            yield Caution("note", "hausman_disagree", said)


ANALYSIS = Analysis("hausman", later("Fixed against random effects"), decode, run, check)


@dataclass(frozen=True, slots=True)
class _PanelRegression:
    """Least squares on the columns ``kept``: estimates (k,), (X'X)⁻¹ (k, k), residuals (n,).

    ``open`` (k,) marks estimates that are not identified: another column is a combination of theirs.
    """

    kept: Ints
    estimate: Floats
    inverse: Floats
    residuals: Floats = field(repr=False)
    open: Bools

    @property
    def rss(self) -> float:
        """The sum of squared residuals."""
        return float(self.residuals @ self.residuals)


@dataclass(frozen=True, slots=True)
class _FixedAndRandom:
    """Both estimators; K is the number of columns of X.

    NaN stands where a column was dropped, or is one of those that a dropped one is made of: within
    units, or at all, these cannot be told apart.

    Attributes
    ----------
    fe, re : (K,) estimates
    fe_vcov, re_vcov : (K, K)
    theta : (n_units,), the share of a unit's mean that random effects take off
    variance_e, variance_u : of the errors and of the unit effects; 0 where it came out negative
    open : (K,) columns that a dropped one is made of, in either estimator
    """

    fe: Floats
    fe_vcov: Floats
    re: Floats
    re_vcov: Floats
    theta: Floats
    variance_e: float
    variance_u: float
    open: Bools

    @property
    def common(self) -> Ints:
        """The columns that both have."""
        return np.flatnonzero(np.isfinite(self.fe) & np.isfinite(self.re))


@dataclass(frozen=True, slots=True)
class Test:
    """A Wald test; ``df2`` is inf for chi², else the statistic is an F.

    ``definite`` says whether the covariance that it inverts is positive definite; p is NaN
    where the statistic is negative.
    """

    statistic: float
    df: int
    df2: float
    p_value: float
    definite: bool = True


def _least_squares(y: Floats, X: Floats, size: Floats | None = None) -> _PanelRegression:
    """Regress y on the columns of X that are no combinations of earlier ones.

    ``size`` are the lengths, (k,), against which what is left of a column is small.
    """
    length = np.linalg.norm(X, axis=0) if size is None else size
    kept: list[int] = []
    made: list[int] = []
    basis = np.empty((len(X), 0))
    for k in range(X.shape[1]):
        left = X[:, k] - basis @ (basis.T @ X[:, k])
        left -= basis @ (basis.T @ left)
        rest = np.linalg.norm(left)
        if rest > COLLINEAR * length[k]:
            kept.append(k)
            basis = np.column_stack([basis, left / rest])
        else:
            made.append(k)
    columns = X[:, kept]
    triangle = basis.T @ columns
    back = np.linalg.solve(triangle, np.eye(len(kept)))
    estimate = back @ (basis.T @ y)
    share = np.abs(back @ (basis.T @ X[:, made])) * np.linalg.norm(columns, axis=0)[:, None]
    tied = (share > TIED * length[made]).any(axis=1)
    return _PanelRegression(np.array(kept, np.int64), estimate, back @ back.T, y - columns @ estimate, tied)


def _unit_means(units: Ints, columns: Floats) -> Floats:
    """Return the mean of each unit, (n_units, k)."""
    sums = [np.bincount(units, column) for column in columns.T]
    return np.column_stack(sums) / np.bincount(units)[:, None]


def both_effects(y: Floats, X: Floats, units: Ints) -> _FixedAndRandom | str:
    """Estimate fixed and random unit effects, or say why not.

    Parameters
    ----------
    y : (N,) float64
    X : (N, K) float64, no constant
    units : (N,) int64, from 0 without gaps
    """
    means, number = _unit_means(units, np.column_stack([y, X])), int(units.max()) + 1
    within = _least_squares(y - means[units, 0], X - means[units, 1:], np.linalg.norm(X, axis=0))
    df = len(y) - number - len(within.kept)
    if not len(within.kept):
        return "no term of the right-hand side varies within units"
    if df < 1:
        return "there are no more observations than units and terms"
    variance_e = within.rss / df
    periods = np.bincount(units).astype(np.float64)
    found = _unit_variance(means, periods, variance_e)
    if isinstance(found, str):
        return found
    theta = 1 - np.sqrt(variance_e / (periods * found + variance_e))
    random = _least_squares(*_quasi_demeaned(y, X, units, theta))
    spread = random.rss / (len(y) - len(random.kept))
    fe, fe_vcov = _placed(within, variance_e, X.shape[1], 0)
    re, re_vcov = _placed(random, spread, X.shape[1], 1)
    open_ = np.zeros(X.shape[1], bool)
    open_[within.kept[within.open]] = True
    open_[random.kept[random.open & (random.kept > 0)] - 1] = True
    return _FixedAndRandom(fe, fe_vcov, re, re_vcov, theta, variance_e, found, open_)


def _unit_variance(means: Floats, periods: Floats, variance_e: float) -> float | str:
    """Return the variance of the unit effects, from a regression of means weighted by periods."""
    Z = np.column_stack([np.ones(len(means)), means[:, 1:]])
    root = np.sqrt(periods)
    between = _least_squares(means[:, 0] * root, Z * root[:, None])
    df = len(means) - len(between.kept)
    if df < 1:
        return f"there are too few units ({len(means):,}) for a regression of their means on the terms"
    kept = Z[:, between.kept]
    trace = float(np.trace(between.inverse @ (kept.T * periods**2) @ kept))
    return max((between.rss - df * variance_e) / (float(periods.sum()) - trace), 0.0)


def _quasi_demeaned(y: Floats, X: Floats, units: Ints, theta: Floats) -> tuple[Floats, Floats]:
    """Take theta times the unit's mean off the outcome, a constant and the columns."""
    full = np.column_stack([y, np.ones(len(y)), X])
    moved = full - (theta[:, None] * _unit_means(units, full))[units]
    return moved[:, 0], moved[:, 1:]


def _placed(fit: _PanelRegression, variance: float, count: int, lead: int) -> tuple[Floats, Floats]:
    """Return estimates and covariances by column, without the ``lead`` first ones."""
    estimate, vcov = np.full(count + lead, np.nan), np.full((count + lead,) * 2, np.nan)
    estimate[fit.kept] = fit.estimate
    vcov[np.ix_(fit.kept, fit.kept)] = variance * fit.inverse
    estimate[fit.kept[fit.open]] = np.nan
    vcov[fit.kept[fit.open]], vcov[:, fit.kept[fit.open]] = np.nan, np.nan
    return estimate[lead:], vcov[lead:, lead:]


def hausman(effects: _FixedAndRandom, tested: Bools | None = None) -> Test:
    """Test that fixed and random effects differ by chance only (Hausman 1978), iid errors assumed.

    The statistic is (b - B)'(V_b - V_B)⁻¹(b - B) with its sign: where V_b - V_B is not
    positive definite it may be negative, and has no p-value then. Where b and B agree there is none.
    ``tested`` (K,) leaves columns out of it: those that are the same for all units in a period, of
    which both estimators say the same (Wooldridge 2010, section 10.7.3).
    """
    from scipy.special import chdtrc

    c = effects.common if tested is None else effects.common[tested[effects.common]]
    if not len(c):
        return Test(np.nan, 0, np.inf, np.nan, False)
    difference = effects.fe[c] - effects.re[c]
    variance = (effects.fe_vcov - effects.re_vcov)[np.ix_(c, c)]
    scale = np.sqrt(np.diag(effects.fe_vcov)[c])
    if (np.abs(difference) <= TIED * scale).all():  # by rounding alone, as where all unit means are given
        return Test(np.nan, 0, np.inf, np.nan, False)
    roots = np.linalg.eigvalsh(variance / np.outer(scale, scale))
    if np.abs(roots).min() < 1e-12:
        return Test(np.nan, len(c), np.inf, np.nan, False)
    statistic = float(difference @ np.linalg.solve(variance, difference))
    p = float(chdtrc(len(c), statistic)) if statistic >= 0 else np.nan
    return Test(statistic, len(c), np.inf, p, bool(roots.min() > 0))


def mundlak(y: Floats, X: Floats, units: Ints, theta: Floats, tested: Bools | None = None) -> Test:
    """Test that the unit means do not belong into the random-effects regression (Mundlak 1978).

    Cluster-robust by unit, F with units - 1 degrees of freedom; it needs neither iid errors
    nor efficient random effects (Wooldridge 2010, section 10.7.3).
    """
    from scipy.special import fdtrc

    means = _unit_means(units, X)[units]
    lead = X.shape[1] + 1
    outcome, columns = _quasi_demeaned(y, np.column_stack([X, means]), units, theta)
    fit = _least_squares(outcome, columns)
    mean = fit.kept >= lead
    if tested is not None:
        mean[mean] = tested[fit.kept[mean] - lead]
    place = np.flatnonzero(mean)
    groups, q = len(theta), len(place)
    if not q or groups <= q:
        return Test(np.nan, q, float(groups - 1), np.nan, False)
    scores = columns[:, fit.kept] * fit.residuals[:, None]
    sums = np.column_stack([np.bincount(units, s) for s in scores.T])
    correction = groups / (groups - 1) * (len(y) - 1) / (len(y) - len(fit.kept))
    vcov = (correction * fit.inverse @ (sums.T @ sums) @ fit.inverse)[np.ix_(place, place)]
    value = fit.estimate[place]
    statistic = float(value @ np.linalg.solve(vcov, value)) / q
    return Test(statistic, q, float(groups - 1), float(fdtrc(q, groups - 1, statistic)))

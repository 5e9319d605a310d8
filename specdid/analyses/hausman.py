"""[hausman]: fixed and random unit effects side by side, and the tests between them.

The classical test (Hausman 1978) and beside it the cluster-robust one in Mundlak's form,
which panels with serially correlated errors need. Rows are complete cases, each counts
once, units observed once included, as in R's plm.

Swamy and Arora's variance components, as Baltagi and Chang (1994, J. Econometrics 62) have
them for unbalanced panels: those of R's plm and of Stata's ``xtreg, re sa``, whose default
regresses unweighted means and takes the harmonic mean of T. linearmodels has them too
(``small_sample=True``, equal to 1e-13), but it brings statsmodels and pyhdfe, takes a second
to import and has neither the tests nor the units' theta: what is below is five weighted regressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from specdid._arrays import Bools, Floats, Ints
from specdid._decode.table import Table
from specdid._diagnostics import Fault, fault_at
from specdid._format import Formula, Key
from specdid._plan.expand import base_scope
from specdid._records.numerals import MINUS
from specdid._study import INSTRUMENTS, Expression
from specdid._words import later, said_list, say, told
from specdid.analyses._base import Analysis, Bench, Caution, Cell, Cells, Extra, Finding, Request
from specdid.analyses._cells import not_read
from specdid.analyses._words import Label, count, decimals, estimate_and_error, listed, number, p_value
from specdid.engine.rows import unit_bounds
from specdid.language import Scope, Term, bind, expand, terms, write
from specdid.language.tree import Node
from specdid.tables._base import PrintTable, Row, TidyTable, Value

IID = Caution(
    "note", "assumes_iid",
    "the classical test assumes independent errors of equal variance, which yearly data of units rarely "
    "have; the cluster-robust version beside it does not",
)  # fmt: skip

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
ABSOLUTE = later("Where χ² is negative it has no p-value; R's plm prints its absolute value with one.")
AGREE = (
    "nothing is tested: each term that could be has the same mean over time in all units, or one that other terms "
    "give, and so fixed and random effects agree on it"
)
SINGULAR = "V_b − V_B is singular, so that there is no classical statistic"
FEW_UNITS = "there are too few units for the cluster-robust test"
TIED = 1e-8
"""A part of a dropped column, as a share of its length, that another contributes."""
COLLINEAR = 1e-9
"""A column with less than this share of its length left is a combination of those before it."""


@dataclass(frozen=True, slots=True)
class HausmanConfig:
    """``controls`` is the whole right-hand side; None: the treatment and the controls of the cell."""

    controls: Expression | None


KEYS = (
    Key(
        "controls",
        Formula("terms"),
        "The whole right-hand side, treatment included.",
        '"did + pgdp + ind2"',
        otherwise="the treatment and the controls of each column, without its fixed effects of time",
    ),
)


def decode(found: Mapping[str, Any], table: Table) -> HausmanConfig:
    """Take the right-hand side."""
    return HausmanConfig(**found)


def check(bench: Bench, request: Request) -> Iterator[Fault]:
    """Find a study without units, choices without effect, and a right-hand side that cannot be compared."""
    if bench.panel.unit_codes is None:
        message = "[hausman] compares effects of units, and the study declares no unit"
        yield fault_at(request.table.origin, None, "no_unit", message, 'write unit = "…" in [study]')
        return
    unused = "it compares least squares with fixed and with random effects of the unit"
    yield from not_read(request, bench.study, ("fixed_effects", "weights", "estimator", INSTRUMENTS), unused)
    written = request.config.controls
    if written is not None:
        why = "`controls` here is the whole right-hand side"
        yield from not_read(request, bench.study, ("treatment", "controls"), why)
        yield from _right_side(bench, written)


def _right_side(bench: Bench, written: Expression) -> Iterator[Fault]:
    """Find a right-hand side that branches, or of which nothing varies within units."""
    found = expand(written.tree, _macros(bench), tuple(bench.panel.columns), 1.0)
    if len(found) > 1:
        message = f"`{written.text}` stands for {len(found)} right-hand sides, but one is needed here"
        help_ = 'leave `controls` out and write vary = ["controls"]'
        yield fault_at(written.origin, None, "branches", message, help_)
        return
    scope = base_scope(bench.study, tuple(bench.panel.columns))
    columns = _columns(bench, terms(found[0]).terms, scope)
    if not any(_varies(column.numbers, bench.panel.unit_codes) for column in columns):
        message = f"nothing in `{written.text}` varies within {bench.panel.unit}: fixed effects take all of it"
        yield fault_at(written.origin, written.tree.span, "constant_within", message)
    elif not any(_has(columns, one) for one in _treatments(bench, scope)):
        message = (
            f"`{written.text}` is the whole right-hand side and lacks the treatment, which would not be in the test"
        )
        help_ = f'write controls = "{_first_treatment(bench)} + {written.text}"'
        yield fault_at(written.origin, written.tree.span, "no_treatment", message, help_)


def _treatments(bench: Bench, scope: Scope) -> Iterator[Extra]:
    """Give every column that is the treatment in some specification."""
    for option in bench.study.treatment:
        for node in expand(option.term.tree, _macros(bench), tuple(bench.panel.columns), np.inf):
            yield from _columns(bench, terms(node).terms, scope)


def _first_treatment(bench: Bench) -> str:
    term = bench.study.treatment[0].term.tree
    return write(expand(term, _macros(bench), tuple(bench.panel.columns), np.inf)[0])


def _has(columns: Sequence[Extra], treatment: Extra) -> bool:
    """Tell whether a treatment is a column, or is made of several, as of those of an event study."""
    if any(np.array_equal(column.numbers, treatment.numbers, equal_nan=True) for column in columns):
        return True
    X = np.column_stack([np.ones(len(treatment.numbers)), *(column.numbers for column in columns)])
    rows = np.isfinite(X).all(axis=1) & np.isfinite(treatment.numbers)
    fit = _least_squares(treatment.numbers[rows], X[rows])
    return bool(np.sqrt(fit.rss) <= COLLINEAR * np.linalg.norm(treatment.numbers[rows]))


def _macros(bench: Bench) -> dict[str, Node]:
    return {name: e.tree for name, e in bench.study.macros.items()}


def _columns(bench: Bench, found: Sequence[Term], scope: Scope) -> tuple[Extra, ...]:
    """Evaluate terms on all rows; a factor is several columns."""
    distinct = {term.key: term for term in reversed(found)}
    kept = [term for term in found if distinct[term.key] is term]
    coded = [bench.evaluator.term(tuple(bind(f, scope) for f in term.factors)) for term in kept]
    return tuple(Extra(column.label, column.numbers) for columns in coded for column in columns)


def _varies(numbers: Floats, units: Ints | None) -> bool:
    """Tell whether a column takes several values within any of the groups."""
    known = np.isfinite(numbers) & (True if units is None else units >= 0)
    if units is None or not known.any():
        return False
    least, most = unit_bounds(units[known], numbers[known])
    return bool((most > least).any())


def run(bench: Bench, request: Request) -> Finding:
    """Compare both estimators for every outcome, and whatever else is varied."""
    cells = bench.cells(request)
    columns = [_compare(bench, request, cells, cell) for cell in cells]
    title = request.table.name or say(ANALYSIS.title)
    alpha = bench.study.inference.alpha
    tables = (tidy_terms(columns, title, bench.label), tidy_tests(columns, title, bench.label))
    assumed = (IID,) if any(c.effects is not None for c in columns) else ()
    found = (*assumed, *warnings(columns, alpha), *_unread(bench, columns, cells), *cells.notes)
    return Finding(tables, (), tuple(dict.fromkeys(found)), tuple(lines(columns, alpha, bench.label)))


def _unread(bench: Bench, columns: Sequence[HausmanColumn], cells: Cells) -> Iterator[Caution]:
    """Say which effects, weights, absorbed effects and instruments of the columns are not in the test."""
    example = f"{_first_treatment(bench)} + factor(year)"
    if left := _left_out(columns):
        said = (
            f"the fixed effects {listed(left)} of the curve are not in these regressions, so that their estimates are "
            "of another model than the curve's; write `controls` with the treatment and them as terms, as in "
            f"`{example}`"
        )
        yield Caution("note", "not_read", said)
    if wider := tuple(dict.fromkeys(name for column in columns for name in column.wider)):
        said = (
            f"the effects here are those of the study's unit {bench.panel.unit}, in place of the curve's effects of "
            f"{listed(wider)}: the estimates are of another model than the curve's"
        )
        yield Caution("note", "not_read", said)
    if any(cell.instrumented for cell in cells):
        said = (
            "it takes no instruments: fixed and random effects are by least squares, as if the treatment were exogenous"
        )
        yield Caution("note", "not_read", said)
    if any(cell.setting.absorb for cell in cells):
        said = f"effects that variants absorb are not in it; write `controls` with them as terms, as in `{example}`"
        yield Caution("note", "not_read", said)
    if any(int(cell.compiled.members.weights[cell.member]) >= 0 for cell in cells):
        yield Caution("note", "not_read", "it takes no weights: every row counts once")


def _left_out(columns: Sequence[HausmanColumn]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for column in columns for name in column.left_out))


def _wider_effects(bench: Bench, config: HausmanConfig, cell: Cell) -> Iterator[str]:
    """Give the fixed effects of the cell's model in whose place those of units stand here, as provinces' of cities."""
    problem, units = cell.compiled.problem, bench.panel.unit_codes
    fixed = problem.effects[int(cell.compiled.members.effects[cell.member])].fixed
    same = [c for c in fixed if not _varies(problem.codes[:, c].astype(np.float64), units)]
    if config.controls is None and units is not None and not any(_as_many(problem.codes[:, c], units) for c in same):
        yield from (problem.effect_labels[c] for c in same)


def _as_many(codes: Ints, units: Ints) -> bool:
    """Say whether there are as many levels as units, of which each has one."""
    known = codes >= 0
    return len(np.unique(codes[known])) == len(np.unique(units[known]))


def _effects_left_out(bench: Bench, config: HausmanConfig, cell: Cell) -> Iterator[str]:
    """Give the fixed effects and slopes of the cell's model that those of units do not take out."""
    if config.controls is not None:
        return
    problem, units = cell.compiled.problem, bench.panel.unit_codes
    effects = problem.effects[int(cell.compiled.members.effects[cell.member])]
    for c in effects.fixed:
        if _varies(problem.codes[:, c].astype(np.float64), units):
            yield problem.effect_labels[c]
    for c, x in effects.slopes:
        yield f"{problem.effect_labels[c]}[{problem.labels[x]}]"


def _compare(bench: Bench, request: Request, cells: Cells, cell: Cell) -> HausmanColumn:
    """Estimate one comparison on its complete rows."""
    right = _right_hand_side(bench, request.config, cell)
    y, X = bench.outcome(cell), np.column_stack([e.numbers for e in right])
    units = bench.panel.unit_codes
    assert units is not None
    rows = bench.in_sample(cell) & np.isfinite(y) & np.isfinite(X).all(axis=1)
    labels, heading = _labels(request, cell), cells.shown(cell)
    names = tuple(e.label for e in right)
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
    left, wider = (tuple(f(bench, request.config, cell)) for f in (_effects_left_out, _wider_effects))
    unit_name = bench.panel.unit or ""
    return HausmanColumn(labels, heading, names, *size, "", effects, *tests, untested, left, wider, unit_name)


def _right_hand_side(bench: Bench, config: HausmanConfig, cell: Cell) -> tuple[Extra, ...]:
    """Return the columns of the written right-hand side with what variants add, or those of the cell."""
    if config.controls is None:
        return (Extra(cell.labels["treatment"], bench.treatment(cell)), *bench.controls(cell))
    (node,) = expand(config.controls.tree, _macros(bench), tuple(bench.panel.columns), 1.0)
    return _columns(bench, (*terms(node).terms, *cell.setting.add), cell.setting.scope)


def _labels(request: Request, cell: Cell) -> dict[str, str]:
    """Return the labels of what the comparison reads."""
    unread = {"fixed_effects", "weights", "estimator", INSTRUMENTS}
    found = {name: label for name, label in cell.labels.items() if name not in unread}
    if request.config.controls is not None:
        del found["treatment"]
        found["controls"] = request.config.controls.text
    return found


@dataclass(frozen=True, slots=True)
class HausmanColumn:
    """One comparison; without ``effects`` there is a ``message`` why.

    ``labels`` are those of the dimensions it reads, ``heading`` those that differ;
    ``untested`` are terms that are the same for all units in a period, ``left_out`` effects of the curve's model
    that are in neither regression, ``wider`` those in whose place the effects of ``unit`` stand.
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
    left_out: tuple[str, ...] = ()
    wider: tuple[str, ...] = ()
    unit: str = ""

    @property
    def differences(self) -> list[tuple[float, float]]:
        """FE less RE of each term with √diag(V_b − V_B), NaN where that is negative."""
        assert self.effects is not None
        variance = np.diag(self.effects.fe_vcov) - np.diag(self.effects.re_vcov)
        error = np.sqrt(np.where(variance > 0, variance, np.nan))
        return list(zip((self.effects.fe - self.effects.re).tolist(), error.tolist(), strict=True))

    def why_none(self, test: Test) -> str | None:
        """Say why one of the tests has no statistic."""
        if np.isfinite(test.statistic):
            return None
        if not test.df or (self.robust is not None and not self.robust.df):  # no means of units are left
            return AGREE
        return SINGULAR if np.isinf(test.df2) else FEW_UNITS


def tidy_terms(columns: Sequence[HausmanColumn], title: str, label: Label) -> TidyTable:
    """Return a row for every term of every comparison."""
    rows = []
    for k, column in enumerate(columns):
        lead: tuple[Value, ...] = (k + 1, *column.labels.values())
        for place, (difference, error) in enumerate(column.differences if column.effects else ()):
            fe, fe_se, re, re_se = _estimates(column, place)
            rows.append((*lead, column.terms[place], fe, fe_se, re, re_se, difference, error))
    header = ("column", *_names(columns), *TERMS)
    return TidyTable(header, tuple(rows), _printed_terms(columns, title, label))


def _names(columns: Sequence[HausmanColumn]) -> tuple[str, ...]:
    return tuple(columns[0].labels) if columns else ()


def _estimates(column: HausmanColumn, place: int) -> tuple[float, float, float, float]:
    effects = column.effects
    assert effects is not None
    return (
        float(effects.fe[place]),
        float(np.sqrt(effects.fe_vcov[place, place])),
        float(effects.re[place]),
        float(np.sqrt(effects.re_vcov[place, place])),
    )


def tidy_tests(columns: Sequence[HausmanColumn], title: str, label: Label) -> TidyTable:
    """Return the tests of every comparison, one row each."""
    rows = [(k + 1, *c.labels.values(), *rest) for k, c in enumerate(columns) for rest in _tests(c)]
    header = ("column", *_names(columns), *TESTS)
    return TidyTable(header, tuple(rows), _printed_tests(columns, title, label), "tests")


def _tests(column: HausmanColumn) -> Iterator[tuple[Value, ...]]:
    size: tuple[Value, ...] = (column.nobs, column.n_units, column.balanced)
    if column.effects is None or column.classical is None or column.robust is None:
        yield (None,) * (len(TESTS) - len(size) - 1) + (*size, column.message)
        return
    e = column.effects
    rest = (e.variance_e, e.variance_u, float(e.theta.min()), float(e.theta.max()), *size)
    for name, test in _named_tests(column.classical, column.robust):
        chi2 = np.isinf(test.df2)
        df2 = None if chi2 else test.df2
        distribution = "chi2" if chi2 else "F"
        yield (
            name,
            distribution,
            test.statistic,
            test.df,
            df2,
            test.p_value,
            test.definite,
            *rest,
            column.why_none(test),
        )


def _named_tests(classical: Test, robust: Test) -> Iterator[tuple[str, Test]]:
    """Name the tests; a negative chi² stands once more as R's plm prints it."""
    from scipy.special import chdtrc

    yield "Hausman", classical
    if classical.statistic < 0:
        size = -classical.statistic
        p = float(chdtrc(classical.df, size))
        yield "Hausman, absolute value", Test(size, classical.df, np.inf, p, False)
    yield "Mundlak, cluster-robust", robust


def _printed_terms(columns: Sequence[HausmanColumn], title: str, label: Label) -> PrintTable | None:
    shown = [c for c in columns if c.effects is not None]
    if not shown:
        return None
    errors = [e for c in shown for k in range(len(c.differences)) for e in _estimates(c, k)[1::2]]
    blocks, places = [], decimals(errors)
    for column in shown:
        head = (Row(label(column.heading), ("",) * 3),) if len(shown) > 1 else ()
        blocks.append((*head, *_printed_rows(column, label, places)))
    spanners = (((label(shown[0].heading), 3),),) if len(shown) == 1 else ()
    names = (say("Fixed effects"), say("Random effects"), say("Difference"))
    left = ", ".join(_left_out(shown))
    wider = ", ".join(dict.fromkeys(name for c in shown for name in c.wider))
    notes = (
        say(NOTE),
        *(
            (say("The effects are those of {unit}, where the curve has {listed}.", unit=shown[0].unit, listed=wider),)
            * bool(wider)
        ),
        *((say("Not in these regressions: the curve's fixed effects {listed}.", listed=left),) if left else ()),
    )
    return PrintTable(title, names, tuple(blocks), spanners, notes)


def _printed_rows(column: HausmanColumn, label: Label, places: int) -> Iterator[Row]:
    for place, (difference, error) in enumerate(column.differences):
        fe, fe_se, re, re_se = _estimates(column, place)
        both = (
            estimate_and_error(fe, fe_se, places),
            estimate_and_error(re, re_se, places),
            estimate_and_error(difference, error, places),
        )
        yield Row(label(column.terms[place]), tuple(a for a, _ in both), tuple(b for _, b in both))


def _printed_tests(columns: Sequence[HausmanColumn], title: str, label: Label) -> PrintTable | None:
    shown = [c for c in columns if c.effects is not None]
    if not shown:
        return None
    tests = [(c.classical, c.robust) for c in shown if c.classical is not None and c.robust is not None]
    classical, robust = [a for a, _ in tests], [b for _, b in tests]
    first = (
        Row(say("Classical: χ²"), tuple(number(t.statistic, 2) for t in classical)),
        Row(say("Degrees of freedom"), tuple(str(t.df) if np.isfinite(t.statistic) else "" for t in classical)),
        Row("p", tuple(p_value(t.p_value) for t in classical)),
        Row(
            say("Difference of variances positive definite"),
            tuple(say("yes") if t.definite else say("no") for t in classical),
        ),
    )
    second = (
        Row(say("Cluster-robust: F"), tuple(number(t.statistic, 2) for t in robust)),
        Row(
            say("Degrees of freedom"),
            tuple(f"{t.df}, {t.df2:,.0f}" if np.isfinite(t.statistic) else "" for t in robust),
        ),
        Row("p", tuple(p_value(t.p_value) for t in robust)),
    )
    negative = any(t.statistic < 0 for t in classical)
    return PrintTable(
        say("{title}: tests", title=title),
        tuple(c.heading for c in shown),
        (first, second, _sizes(shown)),
        (),
        (
            say(ROBUST_NOTE),
            *((say(ABSOLUTE),) if negative else ()),
            *_empty(shown),
            *_untested(shown, label),
        ),
    )


def _empty(columns: Sequence[HausmanColumn]) -> Iterator[str]:
    """Say why cells of tests are empty, once for the columns of one reason."""
    why = [(c.heading, c.why_none(test)) for c in columns for test in (c.classical, c.robust) if test is not None]
    for reason in dict.fromkeys(found for _, found in why if found):
        names = tuple(dict.fromkeys(heading for heading, found in why if found == reason))
        yield say("{names}: {why}.", names=said_list(names), why=told(reason, True))


def _untested(columns: Sequence[HausmanColumn], label: Label) -> tuple[str, ...]:
    names = dict.fromkeys(label(name) for c in columns if c.classical is not None for name in c.untested)
    return (say(UNTESTED, names=", ".join(names)),) if names else ()


def _sizes(columns: Sequence[HausmanColumn]) -> tuple[Row, ...]:
    effects = [c.effects for c in columns if c.effects is not None]
    return (
        Row(say("Std. deviation of unit effects"), tuple(number(float(np.sqrt(e.variance_u))) for e in effects)),
        Row(say("Std. deviation of errors"), tuple(number(float(np.sqrt(e.variance_e))) for e in effects)),
        Row(say("Share of unit means taken off"), tuple(_range(e.theta) for e in effects)),
        Row(say("Observations"), tuple(count(c.nobs) for c in columns)),
        Row(say("Units"), tuple(count(c.n_units) for c in columns)),
    )


def _range(values: Floats) -> str:
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else say("{low} to {high}", low=low, high=high)


def lines(columns: Sequence[HausmanColumn], alpha: float, label: Label) -> Iterator[str]:
    """Return the table of the summary and what the robust test says."""
    yield say("| | χ² (df) | p | V_b − V_B positive definite | robust F (df) | p |")
    yield "|---|---|---|---|---|---|"
    for column in columns:
        if column.classical is None or column.robust is None:
            yield f"| {column.heading} | {told(column.message, True)} | | | | |"
            continue
        a, b = column.classical, column.robust
        cells = (
            f"{number(a.statistic, 2)} ({a.df})",
            p_value(a.p_value),
            say("yes") if a.definite else say("no"),
            f"{number(b.statistic, 2)} ({b.df}, {b.df2:,.0f})",
            p_value(b.p_value),
        )
        yield f"| {column.heading} | {' | '.join(cells)} |"
    yield ""
    yield from (f"- {verdict(c, alpha)}" for c in columns if c.robust is not None)
    yield from (f"- {said}" for said in _untested(columns, label))


def verdict(column: HausmanColumn, alpha: float) -> str:
    """Say what the robust test says of random effects, in a sentence."""
    assert column.robust is not None
    p = column.robust.p_value
    if (why := column.why_none(column.robust)) is not None:
        return say("{heading}: {why}.", heading=column.heading, why=told(why, True))
    if p < alpha:
        return say(
            "{heading}: random effects are rejected (cluster-robust), so fixed effects are used.",
            heading=column.heading,
        )
    return say(
        "{heading}: random effects are not rejected (cluster-robust), which does not prove them.",
        heading=column.heading,
    )


def warnings(columns: Sequence[HausmanColumn], alpha: float) -> Iterator[Caution]:
    """Say what a reader must know of the tests."""
    for column in columns:
        if column.classical is None or column.robust is None:
            yield Caution("note", "not_estimated", f"{column.heading}: {column.message}")
            continue
        classical, robust = column.classical, column.robust
        if column.effects is not None and column.effects.open.any():
            names = listed([f"`{t}`" for t, one in zip(column.terms, column.effects.open, strict=True) if one])
            said = f"{column.heading}: {names} cannot be told apart from other terms, and have no coefficient or test"
            yield Caution("note", "not_identified", said)
        if column.effects is not None and column.effects.variance_u == 0:
            yield Caution(
                "note",
                "no_unit_variance",
                f"{column.heading}: the variance of the unit effects came out negative and is set to 0, "
                "so random effects are pooled least squares",
            )
        if np.isfinite(classical.statistic) and not classical.definite:
            yield Caution("note", "not_definite", f"{column.heading}: {_indefinite(classical)}")
        elif np.isfinite(classical.p_value) and (classical.p_value < alpha) != (robust.p_value < alpha):
            yield Caution(
                "note",
                "hausman_disagree",
                f"{column.heading}: the classical test (p = {p_value(classical.p_value)}) and the "
                f"cluster-robust one (p = {p_value(robust.p_value)}) disagree; the assumptions of the "
                "first are the stronger",
            )


def _indefinite(classical: Test) -> str:
    words = "V_b − V_B is not positive definite, so the classical statistic has no chi² distribution"
    if classical.statistic >= 0:
        return f"{words}; its p-value means nothing"
    size = number(-classical.statistic, 2)
    return f"{words}; it is {MINUS}{size}, of which R's plm prints the absolute value with a p-value"


ANALYSIS = Analysis("hausman", later("Fixed against random effects"), decode, run, check, KEYS)


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

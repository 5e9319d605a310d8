"""Averages and coefficients that the data do not identify, told by a decomposition of the whole design."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import specdid
from divorce import LAWS, divorce_panel, divorce_study
from panels import levels, members_of
from specdid.engine import listwise
from specdid.engine.coefficient_table import by_relative_period, combine, fit_full, inseparable
from specdid.engine.execute import run
from specdid.engine.problem import Code, Effects, Problem, Sunab, Vcov

TIME, COHORT, POST, X, Y, W = range(1, 7)


def problem_of(frame: dict[str, np.ndarray], codes: dict[str, np.ndarray], effects: Effects) -> Problem:
    names = ("constant", "time", "cohort", "post", "x", "y", "w")
    n = len(frame["time"])
    values = np.asfortranarray(np.column_stack([np.ones(n), *(frame[k] for k in names[1:])]).astype(float))
    code = np.asfortranarray(np.column_stack([levels(c) for c in codes.values()]))
    return Problem(
        values, code, np.ones((1, n), bool), None, names, tuple(codes), (effects,), (Vcov("hetero"),), 0, 0.05
    )


def brute(problem: Problem, aggregate: Sunab | None, controls=(), weight=-1):
    """Decompose the design with every dummy written out: (share of the average outside it, the average)."""
    values, effects = problem.values, problem.effects[0]
    rows = np.arange(len(values))
    if aggregate is None:
        lead, share = values[:, [POST]], np.ones(1)
    else:
        relative = values[:, TIME] - values[:, COHORT]
        pairs = {(g, k) for g, k in zip(values[:, COHORT], relative, strict=True) if not np.isnan(g)}
        used = sorted(p for p in pairs if (p[1] >= 0 if aggregate.control == "notyet" else p[1] != -1))
        lead = np.column_stack([(values[:, COHORT] == g) & (relative == k) for g, k in used]).astype(float)
        w = np.ones(len(rows)) if weight < 0 else values[:, weight]
        share = (w @ lead) * np.array([k >= 0 for _, k in used])
        share = share / share.sum()
    parts = [np.eye(problem.codes[:, c].max() + 1)[problem.codes[:, c]] for c in effects.fixed]
    parts += [np.eye(problem.codes[:, c].max() + 1)[problem.codes[:, c]] * values[:, [x]] for c, x in effects.slopes]
    design = np.hstack([lead, values[:, list(controls)], *parts])
    root = np.ones(len(rows)) if weight < 0 else np.sqrt(values[:, weight])
    design = design * root[:, None]
    size = np.linalg.norm(design, axis=0)
    u, s, v = np.linalg.svd(design / np.where(size > 0, size, 1), full_matrices=False)
    rank = int((s > 1e-10 * s[0]).sum())
    c = np.zeros(design.shape[1])
    c[: len(share)] = share / np.where(size > 0, size, 1)[: len(share)]
    outside = float(np.linalg.norm(c - v[:rank].T @ (v[:rank] @ c)) / np.linalg.norm(c))
    beta = v[:rank].T @ ((u[:, :rank].T @ (values[:, Y] * root)) / s[:rank])
    return outside, float(c @ beta)


def small_panel(rng: np.random.Generator):
    """Some units and periods, gaps, cohorts and perhaps nobody never treated; regions that may hold one cohort."""
    units, periods = int(rng.integers(5, 14)), int(rng.integers(3, 8))
    unit, time = np.repeat(np.arange(units), periods), np.tile(np.arange(10, 10 + periods), units)
    choices = [np.nan, *rng.choice(np.arange(10, 11 + periods), 2)] if rng.random() < 0.7 else [11.0, 12.0, np.nan]
    cohort = rng.choice(choices, units)[unit]
    here = rng.random(len(unit)) < rng.choice([1.0, 0.9, 0.7])
    unit, time, cohort = unit[here], time[here], cohort[here]
    x = rng.normal(size=len(unit))
    if rng.random() < 0.3:  # a control that is a cell, or a trend of the treated
        x = (time == 12.0) * (cohort == 11.0) if rng.random() < 0.5 else time * np.isfinite(cohort)
    frame = {
        "time": time,
        "cohort": cohort,
        "post": np.nan_to_num(time >= cohort),
        "x": x,
        "y": rng.normal(size=len(unit)),
        "w": rng.uniform(0.5, 2, len(unit)),
    }
    region = unit % int(rng.integers(1, 4))
    return frame, {"unit": unit, "time": time, "region": region, "region^time": 100 * region + time}


EFFECTS = (
    Effects((0, 1)), Effects((0, 3)), Effects((0, 1), ((0, TIME),)), Effects((1,), ((0, TIME),)), Effects((0,)),
    Effects((2, 1)), Effects((0, 3), ((0, TIME),)), Effects(), Effects((0, 1), ((2, TIME),)),
)  # fmt: skip


@pytest.mark.parametrize("control", ["never", "notyet"])
@pytest.mark.parametrize("choice", range(len(EFFECTS)))
def test_an_average_is_given_where_the_whole_design_identifies_it_and_is_that_of_any_solution(choice, control):
    given = refused = 0
    for seed in range(14):
        rng = np.random.default_rng([seed, choice])
        frame, codes = small_panel(rng)
        problem = problem_of(frame, codes, EFFECTS[choice])
        aggregate = Sunab(COHORT, TIME, (-1,), control)
        weight = W if seed % 3 == 0 else -1
        specs = [(Y, POST, c, 0, 0, weight) for c in ((), (X,))]
        fits = run(problem, members_of(specs, [0, 0], (aggregate,)))
        for k, controls in enumerate(((), (X,))):
            code = fits.code[k]
            if code in (Code.NO_ROWS, Code.NO_TREATMENT_VARIATION, Code.NO_OUTCOME_VARIATION):
                continue
            if fits.detail.get(k, "").startswith(("no unit is never", "all units are treated in the same")):
                continue
            used = fit_rows(problem, fits, k, aggregate, controls, weight)
            outside, average = brute(used, aggregate, controls, weight)
            assert (code == Code.OK) == (outside < 1e-8), (seed, controls, code, outside)
            if code == Code.OK:
                given += 1
                assert fits.estimate[k] == pytest.approx(average, rel=1e-7, abs=1e-9)
                full = fit_full(problem, members_of(specs, [0, 0], (aggregate,)), k)
                assert combine(full, full.weights[None])[0][0] == pytest.approx(average, rel=1e-7, abs=1e-9)
            else:
                refused += 1
    trends = bool(EFFECTS[choice].slopes) and EFFECTS[choice].slopes[0][0] == 0 and len(EFFECTS[choice].fixed) == 2
    assert refused or control == "notyet"
    assert given == 0 if trends and control == "never" else given > 4


def fit_rows(problem, fits, k, aggregate, controls, weight):
    """Give the problem on the rows that the model uses, with the last cohort as comparison where nobody is never."""
    rows = fit_full(problem, members_of([(Y, POST, controls, 0, 0, weight)], [0], (aggregate,))).rows
    values = problem.values[rows].copy()
    values[values[:, COHORT] > values[:, TIME].max(), COHORT] = np.nan
    codes = np.column_stack([levels(c) for c in problem.codes[rows].T])
    assert len(rows) == fits.nobs[k]
    effects = problem.effects[0] if problem.effects[0].fixed or problem.effects[0].slopes else Effects((4,))
    if effects.fixed == (4,):
        codes = np.column_stack([codes, np.zeros(len(rows), np.int64)])
    return Problem(values, codes, np.ones((1, len(rows)), bool), None, problem.labels, (), (effects,), (), 0, 0.05)


def test_a_coefficient_is_given_where_the_whole_design_identifies_it():
    """The engine's rule for collinear columns, for one coefficient: law 5 without more work."""
    seen = set()
    for seed in range(150):
        rng = np.random.default_rng([7, seed])
        frame, codes = small_panel(rng)
        problem = problem_of(frame, codes, EFFECTS[seed % len(EFFECTS)])
        fits = run(problem, members_of([(Y, POST, (X,), 0, 0, -1)]))
        if fits.code[0] in (Code.NO_ROWS, Code.NO_TREATMENT_VARIATION):
            continue
        full = fit_full(problem, members_of([(Y, POST, (X,), 0, 0, -1)]))
        values = problem.values[full.rows]
        effects = problem.effects[0] if problem.effects[0].fixed or problem.effects[0].slopes else Effects((4,))
        code = np.column_stack([*(levels(c) for c in problem.codes[full.rows].T), np.zeros(len(values), np.int64)])
        used = Problem(values, code, np.ones((1, len(values)), bool), None, problem.labels, (), (effects,), (), 0, 0.05)
        outside, estimate = brute(used, None, (X,))
        assert (fits.code[0] == Code.OK) == (outside < 1e-8), (seed, fits.code[0], outside)
        if fits.code[0] == Code.OK:
            assert fits.estimate[0] == pytest.approx(estimate, rel=1e-7, abs=1e-9)
        seen.add(int(fits.code[0]))
    assert {Code.OK, Code.ABSORBED} <= seen


def outcomes(panel: pl.DataFrame | None = None, **changes):
    curve = specdid.run(divorce_study(**changes), data=divorce_panel() if panel is None else panel, audit=0)
    return curve, curve.table


@pytest.fixture
def unforeseen(monkeypatch):
    """Studies of which nothing can be estimated get to the estimators: `check` tries no combination."""
    monkeypatch.setattr("specdid._check.possible.MOST_TRIED", 0)


NOTYET = {"Sun-Abraham": {"method": "sunab", "control": "notyet"}}


def test_unit_trends_leave_a_line_for_each_cohort_open():
    curve, table = outcomes()
    assert table.status.tolist() == ["ok", "failed"]
    assert table.code.iloc[1] == "not_identified"
    assert table.message.iloc[1] == (
        f"the effects of cohorts 1967, 1968, 1969 and {len(LAWS) - 3} more cannot be told apart from the fixed effects "
        '`st + year + st[year]`: a dummy for every cohort and period leaves the slopes open; write control = "notyet", '
        "which has no dummies before treatment, so that these periods settle the slopes"
    )
    assert np.isnan(table[["estimate", "std_error", "p_value"]].iloc[1].astype(float)).all()
    assert curve.results.counts.failed == 1


def test_trends_that_a_variant_absorbs_are_trends():
    _, table = outcomes(
        fixed_effects={"two-way": "st + year"},
        variant={"trends": {"none": {}, "states": {"absorb": "st[year]"}, "laws": {"absorb": "law^year"}}},
    )
    assert table.code.fillna("").tolist() == ["", "not_identified", "absorbed"]
    assert table.message.iloc[2].startswith("the fixed effects `st + year + law^year` absorb `post`")


def test_without_dummies_before_treatment_the_trends_are_settled():
    _, table = outcomes(estimator=NOTYET)
    assert table.status.tolist() == ["ok", "ok"]


def test_cohorts_with_one_period_before_treatment_settle_no_trend():
    panel = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1967))
    _, table = outcomes(panel, estimator=NOTYET)
    assert table.code.fillna("").tolist() == ["", "not_identified"]
    assert "cohort 1968 cannot be told apart" in table.message.iloc[1]
    assert table.message.iloc[1].endswith("there are too few periods before treatment to settle the slopes")


@pytest.mark.usefixtures("unforeseen")
def test_a_cohort_without_its_reference_period_is_named():
    panel = divorce_panel().filter((pl.col("law") != 1970) | (pl.col("year") != 1969))
    _, table = outcomes(panel, fixed_effects={"two-way": "st + year"})
    assert table.message.tolist() == [
        "the effects of cohort 1970 cannot be told apart from the fixed effects `st + year`: cohort 1970 has no row in "
        "period −1 from treatment, against which effects are measured; write reference = -2, so that every cohort has "
        "such a row, or leave this cohort out of the sample"
    ]
    _, other = outcomes(
        panel,
        fixed_effects={"two-way": "st + year"},
        estimator={"Sun-Abraham": {"method": "sunab", "reference": -2}},
    )
    assert other.status.tolist() == ["ok"]


def test_a_period_in_which_all_rows_are_of_treated_cohorts_has_no_comparison():
    panel = divorce_panel().filter((pl.col("law") > 0) | (pl.col("year") < 1988))
    _, table = outcomes(panel, fixed_effects={"two-way": "st + year"})
    assert table.code.tolist() == ["not_identified"]
    assert table.message.iloc[0].endswith("in 1988 every row is of a treated cohort: there is no comparison")


@pytest.mark.usefixtures("unforeseen")
def test_each_kind_of_cohort_has_its_cause():
    """Of 1970 the reference is lacking, and in 1988 nobody is untreated, which all other cohorts lack."""
    panel = divorce_panel().filter((pl.col("law") > 0) | (pl.col("year") < 1988))
    panel = panel.filter((pl.col("law") != 1970) | (pl.col("year") != 1969))
    _, table = outcomes(panel, fixed_effects={"two-way": "st + year"})
    message = table.message.iloc[0]
    assert "cohort 1970 has no row in period −1 from treatment" in message
    assert "; in 1988 every row is of a treated cohort, so that cohorts 1967, 1968, 1969 and " in message
    assert message.endswith(" have no comparison there")


def test_interacted_effects_that_nest_a_cohort():
    panel = divorce_panel().with_columns(pl.when(pl.col("law") == 1971).then(9).otherwise(pl.col("region")).alias("r"))
    _, table = outcomes(panel, fixed_effects={"r": "st + r^year"})
    assert table.message.tolist() == [
        "the effects of cohort 1971 cannot be told apart from the fixed effects `st + r^year`: no other unit shares "
        "their levels; take coarser effects, or leave these cohorts out of the sample"
    ]


def test_periods_before_treatment_that_are_open_leave_the_average_alone():
    """In 1957 no never-treated state is seen: cells before treatment are open, those after it are not."""
    panel = divorce_panel().filter((pl.col("law") > 0) | (pl.col("year") != 1957))
    study = divorce_study(fixed_effects={"two-way": "st + year"})
    table = specdid.run(study, data=panel, audit=0).table
    assert table.status.tolist() == ["ok"]
    backwards = panel.sort("year", "st", descending=True).with_columns(st=100 - pl.col("st"))
    other = specdid.run(study, data=backwards, audit=0).table
    assert other.estimate.iloc[0] == pytest.approx(table.estimate.iloc[0], rel=1e-9)
    assert other.std_error.iloc[0] == pytest.approx(table.std_error.iloc[0], rel=1e-8)
    without = specdid.run(study, data=panel.filter(pl.col("year") != 1957), audit=0).table
    assert without.estimate.iloc[0] == pytest.approx(table.estimate.iloc[0], rel=1e-9)


@pytest.mark.usefixtures("unforeseen")
def test_nobody_never_treated_says_so_and_what_to_write():
    _, table = outcomes(divorce_panel(never=0), fixed_effects={"two-way": "st + year"})
    assert table.message.tolist() == [
        'no unit is never treated, and `control = "never"` compares with such units alone; write control = "notyet", '
        "which compares with units that are not yet treated"
    ]
    one = divorce_panel(never=0).filter(pl.col("law") == 1971)
    _, table = outcomes(one, fixed_effects={"two-way": "st + year"}, estimator={"a": "sunab", **NOTYET})
    assert (
        table.message.tolist()
        == ["all units are treated in the same period, so that there is no unit to compare them with"] * 2
    )
    early = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1987))
    _, table = outcomes(early, fixed_effects={"two-way": "st + year"})
    assert table.message.tolist() == ["no cohort is seen both before and after its treatment"]


def test_cohorts_treated_when_first_seen_are_counted():
    panel = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1970))
    _, table = outcomes(panel, fixed_effects={"two-way": "st + year"}, estimator={"a": "sunab", **NOTYET})
    early = [g for g in LAWS if g <= 1970]
    assert table.n_treated_left_out.tolist() == [sum(LAWS[g] for g in early)] * 2
    assert table.n_treated_rows_left_out.tolist() == [sum(LAWS[g] * (1989 - 1970) for g in early)] * 2
    nobody = divorce_panel(never=0)
    _, table = outcomes(nobody, fixed_effects={"two-way": "st + year"}, estimator=NOTYET)
    lost = nobody.filter((pl.col("post") == 1) & (pl.col("year") >= 1987))
    assert table.n_treated_left_out.tolist() == [LAWS[1987]]
    assert table.n_treated_rows_left_out.tolist() == [len(lost)]


def test_effects_by_period_are_given_where_each_is_identified():
    panel = divorce_panel().filter((pl.col("law") > 0) | (pl.col("year") != 1957)).sort("st", "year")
    frame = {
        "time": panel["year"].to_numpy(),
        "cohort": np.where(panel["law"] == 0, np.nan, panel["law"]),
        "post": panel["post"].to_numpy(),
        "x": panel["income"].to_numpy(),
        "y": panel["div_rate"].to_numpy(),
        "w": panel["pop"].to_numpy(),
    }
    problem = problem_of(frame, {"st": panel["st"].to_numpy(), "year": frame["time"]}, Effects((0, 1)))
    full = fit_full(problem, members_of([(Y, POST, (), 0, 0, -1)], [0], (Sunab(COHORT, TIME),)))
    periods, weights = by_relative_period(full)
    estimate, error, _ = combine(full, weights)
    open_ = {1957.0 - g for g in LAWS}
    assert set(periods[np.isnan(estimate)]) == open_
    assert (np.isnan(error[0]) == np.isnan(estimate)).all()


def test_what_a_control_cannot_be_told_apart_from():
    rng = np.random.default_rng(1)
    frame, codes = small_panel(rng)
    z = rng.normal(size=(2, len(frame["x"])))
    problem = problem_of(frame | {"x": z[0], "w": z[1]}, codes, Effects((0, 1)))
    values = np.asfortranarray(np.column_stack([problem.values, z[0] + z[1] + problem.values[:, TIME], z[0] ** 2]))
    problem = replace(problem, values=values, labels=(*problem.labels, "sum", "square"))
    full = fit_full(problem, members_of([(Y, POST, (X, 8, W, 7), 0, 0, -1)]))
    assert full.columns.tolist() == [POST, X, 8, W, -1]
    assert full.dropped == (7,)
    tied = {1: [3, 4, 5], 3: [1, 4, 5], 4: [1, 3, 5], 5: [1, 3, 4]}
    assert {k: v.tolist() for k, v in inseparable(full).items()} == tied
    estimate, error, _ = combine(full, np.eye(5))
    assert np.isnan(estimate).tolist() == [False, True, False, True, True]
    assert np.isnan(error[0]).tolist() == [False, True, False, True, True]
    together = combine(full, np.array([[0.0, 0, 2.0, 0, 0], [1.0, 0, 0, 0, 0], [0.0, 1.0, 0, -1.0, 0]]))[0]
    assert np.isfinite(together).all()


def test_the_listwise_path_leaves_what_is_open_to_the_path_that_decides_it():
    """Each specification on its own rows: a treatment that is open there is never given by moments alone."""
    decided = left = 0
    for seed in range(60):
        rng = np.random.default_rng([11, seed])
        frame, codes = small_panel(rng)
        frame["x"] = np.where(rng.random(len(frame["x"])) < 0.1, np.nan, frame["x"])
        if seed % 3 == 0:  # the treatment itself, but for what the effects take
            frame["x"] = frame["post"] + 2.0 * codes["unit"]
        problem = problem_of(frame, codes, (Effects((0, 1)), Effects((0, 3)), Effects((0,)))[seed % 3])
        members = members_of([(Y, POST, (X,), 0, 0, -1)])
        if not listwise.supports(problem, members)[0]:
            continue
        fits, undecided = listwise.fit(problem, members)
        final = run(problem, members)
        left += int(undecided[0])
        decided += int(not undecided[0])
        if not undecided[0]:
            assert final.code[0] == Code.OK
            assert fits.estimate[0] == pytest.approx(final.estimate[0], rel=1e-7, abs=1e-9)
    assert min(decided, left) > 5

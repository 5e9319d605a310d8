"""Law 6: what a permutation cannot move, it does not test; and `assign` moves a treatment whole or not at all."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import specdid
from checked_studies import assert_says, faults, write
from small_studies import small_panel, small_study
from specdid._check.inference import _agreement
from specdid._records.cautions import from_fault
from specdid._run import infer
from specdid._run.prepare import examine
from specdid._words import known
from specdid.inference import _assignment
from specdid.inference._assignment import deal, make_assignment, permute
from specdid.inference._base import draw_null
from specdid.inference._draw_tables import DrawTable
from specdid.panel import Panel
from specdid.panel.columns import number
from specdid.report.summary import STAYING

pytestmark = pytest.mark.usefixtures("undrawn")

DATA = small_panel().with_columns(
    treat=(pl.col("cohort") > 0).cast(pl.Int64),
    post=(pl.col("year") >= 2004).cast(pl.Int64),
    since=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(pl.Int64),
    region=pl.col("id") % 4,
    dose=pl.col("id") / 10,
)
D, BARE = {"d": {"term": "d", "cohort": "cohort"}}, {"d": "d"}


def study(assign, treatment=D, null=("permutation",), draws=19, **inference):
    changes = inference.pop("changes", {})
    asked = {"draws": draws, "null": list(null), "assign": assign, **inference}
    base = {"controls": {"n": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"t": "id + year"}, "vcov": {"u": "~id"}}
    return small_study(**{**base, "treatment": treatment, "inference": asked, **changes})


def one_treated(data):
    return data.with_columns(d=((pl.col("id") == 3) & (pl.col("year") >= 2004)).cast(pl.Int64))


def found(*args, **kwargs):
    return specdid.check(study(*args, **kwargs), DATA)


HALF = {
    # assign, treatment, estimator -> the line
    "the term alone": ("d", D, "sunab", "d + cohort"),
    "the cohort alone": ("cohort", D, "did2s", "cohort + d"),
    "the cohort alone, least squares": ("cohort", D, "feols", "cohort + d"),
    "a part of the term": ("treat", {"d": {**D["d"], "term": "I(treat * since)"}}, "feols", "treat + since + cohort"),
}


@pytest.mark.parametrize("case", HALF)
def test_a_treatment_that_moves_by_half_is_a_fault_with_the_line(case):
    assign, treatment, method, line = HALF[case]
    changes = {"estimator": {"e": method}}
    (fault,) = found(assign, treatment, changes=changes).errors
    assert fault.code == "assign_half"
    assert "`cohort`" in fault.message
    assert treatment["d"]["term"] in fault.message
    wanted = {*line.split(" + ")}
    assert {*re.fullmatch(r'write assign = "([^"]+)"', fault.help).group(1).split(" + ")} == wanted
    assert found(line, treatment, changes=changes).errors == ()


def test_derived_columns_that_move_apart_are_found_by_permuting():
    """Both are made of `treat`; the cohort also of `cohort`, which stays."""
    derive = {"t": "treat * (year >= cohort)", "c": "ifelse(treat == 1, cohort, 0)"}
    (fault,) = found("treat", {"t": {"term": "t", "cohort": "c"}}, changes={"derive": derive}).errors
    assert fault.code == "assign_half"
    assert "`cohort` is not moved" in fault.message
    assert fault.help == 'write assign = "treat + cohort"'
    assert found("treat + cohort", {"t": {"term": "t", "cohort": "c"}}, changes={"derive": derive}).errors == ()


def test_a_part_that_stays_though_term_and_cohort_agree_is_said():
    """A never treated unit that is dealt treat = 1 has no date, and stays untreated."""
    derive = {"t": "treat * (year >= ifelse(cohort == 0, 9999, cohort))", "c": "ifelse(treat == 1, cohort, 0)"}
    (fault,) = found("treat", {"t": {"term": "t", "cohort": "c"}}, changes={"derive": derive})
    assert (fault.code, fault.severity) == ("assign_part", "warning")
    assert "but for `cohort`, which stays" in fault.message


def test_what_ships_with_the_data_is_proposed():
    (fault,) = found("treat", BARE).errors
    assert (fault.code, fault.help) == ("assign_still", 'write assign = "d"')
    assert "does not move the treatment `d`, which is made of `d`" in fault.message
    table = specdid.check(study("treat", BARE, null=("wild",), changes={"placebo": {"draws": 19}}), DATA)
    assert 'write assign = "d"' in [f.help for f in table.errors]


def test_a_placebo_with_a_treatment_of_its_own():
    table = {"draws": 19, "fix": {"treatment": {"term": "since"}}}
    faults = found("d", BARE, changes={"placebo": table}).errors
    assert [(f.code, f.help) for f in faults] == [("assign_still", 'write assign = "since" in [inference]')]


def test_a_treatment_beside_others_that_does_not_move_is_a_warning_and_in_no_test():
    asked = study("d", {"d": "d", "dose": "dose:post"}, draws=19, changes={"fixed_effects": {"t": "id + year"}})
    faults = specdid.check(asked, DATA)
    (fault,) = [f for f in faults if f.code == "assign_still"]
    assert (fault.severity, fault.help) == ("warning", 'write assign = "d + dose"')
    curve = specdid.run(asked, DATA, audit=0)
    (tests,) = curve.tests
    assert tests.index.tolist() == [0]
    assert "not_moved" in {w.code for w in curve.warnings}


def test_calendar_time_cannot_be_assigned():
    (fault,) = found("x1", {"p": "post"}, changes={"fixed_effects": {"u": "id"}}).errors
    assert fault.code == "assign_still"
    assert fault.help == "name the columns of the data that say who is treated"


def test_derived_columns_cannot_be_assigned():
    (fault,) = found("early", {"e": "early"}, changes={"derive": {"early": "treat * (year >= 2004)"}}).errors
    assert (fault.code, fault.help) == ("assign_derived", 'name what it is made of: assign = "treat"')


def test_a_part_that_stays_without_a_cohort_is_said():
    (fault,) = found("treat", {"t": "I(treat * since)"})
    assert (fault.code, fault.severity) == ("assign_part", "warning")
    assert fault.help == 'where that belongs to the assignment, write assign = "treat + since"'
    with_ = {"t": {"term": "d:dose", "with": "d"}}
    assert tuple(found("d", with_)) == ()  # a moderator is no part of it


def test_no_column_is_advised_that_an_outcome_is_made_of():
    """What would be an error is not proposed: the outcome would move with it."""
    changes = {"outcome": {"y": "y / (1 + since)"}}
    (fault,) = found("treat", {"t": "I(treat * since)"}, changes=changes)
    assert (fault.code, fault.severity) == ("assign_part", "warning")
    assert "it cannot be assigned, too" in fault.help
    assert found("treat + since", {"t": "I(treat * since)"}, changes=changes).errors[0].code == "assign_outcome"


def test_an_outcome_that_would_move_with_the_assignment():
    (fault,) = found("d", BARE, changes={"outcome": {"y": "y - 2 * d"}}).errors
    assert fault.code == "assign_outcome"


@pytest.mark.parametrize("strata", ["id", "cohort", "d"])
def test_strata_in_which_nothing_moves(strata):
    (fault,) = found("d", BARE, strata=strata, level="id").errors
    assert fault.code == ("not_constant" if strata == "d" else "nothing_moves")


def test_an_assignment_that_is_the_same_for_all():
    data = DATA.with_columns(d=pl.col("post"))
    (fault,) = specdid.check(study("d", BARE, changes={"fixed_effects": {"u": "id"}}), data).errors
    assert fault.code == "nothing_moves"


def test_a_missing_stratum_is_no_cluster():
    data = small_panel().with_columns(r=pl.when(pl.col("id") > 3).then(pl.lit("a")))
    faults = specdid.check(study("d", BARE, strata="r"), data)
    (fault,) = (f for f in faults if f.code == "cluster_missing")
    assert "needs its stratum" in fault.help


def test_strata_that_stay_are_counted():
    data = DATA.with_columns(d=pl.when(pl.col("region") == 1).then(0).otherwise(pl.col("d")))
    (fault,) = specdid.check(study("d", BARE, strata="region"), data)
    assert (fault.code, fault.severity) == ("strata_fixed", "warning")
    assert "6 of 24 levels are in strata in which all have the same treatment" in fault.message


def of_doses(assign, strata="wing", **changes):
    """Two of four strata treated whole, one by three of six units; doses of every unit are its own."""
    wing, unit = (pl.col("id") - 1) // 6, pl.col("id")
    on = (wing < 2) | ((wing == 2) & (unit % 6 < 3))
    data = DATA.with_columns(wing=wing, a=on.cast(pl.Int64), amount=pl.when(on).then(unit).otherwise(0))
    term = "a * (year >= 2004)" if assign == "a" else "(amount > 0) * (year >= 2004)"
    asked = study(assign, {"d": "t"}, strata=strata, draws=199, changes={"derive": {"t": term}, **changes})
    return asked, data


def test_what_counts_is_the_treatment_made_of_what_is_dealt():
    said = []
    for assign in ("a", "amount"):
        asked, data = of_doses(assign)
        found = {f.code: f for f in specdid.check(asked, data)}
        assert set(found) >= {"strata_fixed", "assignments_repeat", "treated_stay"}
        said.append([found[c].message for c in ("strata_fixed", "assignments_repeat", "treated_stay")])
        assert from_fault(found["treated_stay"]).severity == "serious"
        assert all(known(message, "zh") for message in said[-1])
    assert said[0] == said[1]
    assert "18 of 24 levels are in strata in which all have the same treatment" in said[0][0]
    assert "199 draws are of 20 different assignments, so no permutation p can be below 0.05" in said[0][1]
    assert "12 of 15 treated levels keep their treatment in every draw" in said[0][2]


def test_doses_that_differ_where_all_are_treated_move_nothing():
    asked, data = of_doses("amount")
    asked = study("amount", {"d": "t"}, strata="side", changes={"derive": {"t": "(amount > 0) * (year >= 2004)"}})
    (fault,) = specdid.check(asked, data.with_columns(side=(pl.col("amount") > 0).cast(pl.Int64))).errors
    assert (fault.code, fault.message.endswith("no stratum has two treatments")) == ("nothing_moves", True)


def test_a_run_counts_by_what_its_specifications_are_made_of():
    asked, data = of_doses("amount")
    curve = specdid.run(asked, data, audit=0)
    assert [t.distinct for t in curve.tests] == [20]
    assert {w.severity for w in curve.warnings if w.code == "treated_stay"} == {"serious"}
    asked, data = of_doses("amount", sample={"all": "TRUE", "low": "amount < 9"})
    assert [t.distinct for t in specdid.run(asked, data, audit=0).tests] == [0]
    assert "assignments_repeat" not in {f.code for f in specdid.check(asked, data)}


def test_too_many_doses_to_try_are_counted_by_value_and_told(monkeypatch):
    asked, data = of_doses("amount")
    assert "assigned_by_value" not in {f.code for f in specdid.check(asked, data)}
    monkeypatch.setattr(_assignment, "MOST_GIVEN", 15 * len(data))
    found = {f.code: f for f in specdid.check(asked, data)}
    assert found["assigned_by_value"].severity == "warning"
    assert known(found["assigned_by_value"].message, "zh")
    assert "6 of 24 levels" in found["strata_fixed"].message  # the untreated ones: 18 keep their treatment


def test_the_report_says_what_a_null_asks_in_which_treated_levels_stay(tmp_path):
    pages = []
    for strata in ("wing", "half"):
        asked, data = of_doses("a", strata=strata)
        specdid.run(asked, data.with_columns(half=pl.col("id") % 2), out=tmp_path / strata, audit=0, jobs=1)
        pages.append(str(STAYING) in (tmp_path / strata / "report.html").read_text("utf-8"))
    assert pages == [True, False]


def test_few_treated_levels_that_stay_are_no_serious_matter():
    asked, data = of_doses("a", strata="half")
    assert "treated_stay" not in {f.code for f in specdid.check(asked, data.with_columns(half=pl.col("id") % 2))}


def test_too_few_assignments_for_a_small_p():
    data = one_treated(DATA.filter(pl.col("id") <= 6))
    (fault,) = (f for f in specdid.check(study("d", BARE), data) if f.code == "few_assignments")
    assert "there are 6 different assignments, so no permutation p can be below 0.17" in fault.message


def test_draws_of_fewer_assignments_than_draws_say_of_how_many(tmp_path):
    """One of 22 treated: 199 draws are not 199 assignments."""
    data = one_treated(DATA.filter(pl.col("id") <= 22))
    given = study("d", BARE, draws=199)
    (fault,) = (f for f in specdid.check(given, data) if f.code == "assignments_repeat")
    assert fault.severity == "warning"
    assert "199 draws are of 22 different assignments, so no permutation p can be below 0.045" in fault.message
    assert not [f for f in specdid.check(study("d", BARE), data) if f.code == "assignments_repeat"]
    curve = specdid.run(given, data, audit=0, out=tmp_path / "out")
    words = "199 draws of 22 different assignments, by which no p is below 0.045"
    for name in ("details.md", "appendix.md", "report.html"):
        assert words in (tmp_path / "out" / name).read_text(encoding="utf-8"), name
    assert min(t.p_value for t in curve.joint) >= 0.02


def test_the_number_of_assignments():
    paths = {"d": np.array([[0.0, 1], [0, 1], [0, 0], [0, 0], [np.nan, 0], [np.nan, 0]])}
    level = np.repeat(np.arange(6), 2)
    column = number(paths["d"].ravel())
    panel = Panel({"d": column}, 12, periods=np.tile([2000, 2001], 6))
    every = make_assignment(panel, ("d",), level, None)
    assert np.exp(every.different()) == pytest.approx(90)  # 6! / (2! 2! 2!)
    assert [every.fewer_than(draws) for draws in (0, 1, 90, 91, 999)] == [0, 0, 0, 90, 90]
    parted = make_assignment(panel, ("d",), level, np.repeat([0, 0, 0, 1, 1, 2], 2))
    assert np.exp(parted.different()) == pytest.approx(3 * 2)
    assert parted.fixed().tolist() == [False] * 5 + [True]


def test_paths_over_gaps_and_rows_of_no_level():
    """Unobserved periods take the value before; a missing value is a part of the path; level -1 keeps its own."""
    level = np.array([0, 0, 0, 1, 1, 1, -1])
    periods = np.array([2000, 2001, 20_051_231, 2000, 2002, 20_051_231, 2000])
    values = np.array([0.0, 1, 1, 0, np.nan, 0, 7])
    panel = Panel({"d": number(values)}, 7, periods=periods)
    assignment = make_assignment(panel, ("d",), level, None)
    assert assignment.paths["d"].shape == (2, 4)
    np.testing.assert_array_equal(assignment.paths["d"], [[0, 1, 1, 1], [0, 0, np.nan, 0]])
    swapped = next(b for b in range(50) if deal(assignment, 1, b).tolist() == [1, 0])
    moved = permute(panel, assignment, 1, swapped).columns["d"].numbers
    np.testing.assert_array_equal(moved, [0, 0, 0, 0, 1, 1, 7])


def test_before_its_first_row_a_level_has_the_value_after():
    panel = Panel({"d": number(np.array([3.0, 5, 4, 2]))}, 4, periods=np.array([2001, 2003, 2000, 2002]))
    assignment = make_assignment(panel, ("d",), np.array([0, 0, 1, 1]), None)
    np.testing.assert_array_equal(assignment.paths["d"], [[3, 3, 3, 5], [4, 4, 2, 2]])


def test_a_draw_deals_every_path_once_within_its_stratum():
    """By its own number and the seed: the same whatever else is drawn, another for another of either."""
    level = np.arange(40)
    panel = Panel({"d": number(np.arange(40.0))}, 40, periods=np.zeros(40, np.int64))
    assignment = make_assignment(panel, ("d",), level, level % 4)
    dealt = [deal(assignment, seed, draw) for seed in (1, 2) for draw in range(30)]
    for source in dealt:
        np.testing.assert_array_equal(np.sort(source), level)
        np.testing.assert_array_equal(source % 4, level % 4)
    assert len({tuple(source) for source in dealt}) == len(dealt)
    np.testing.assert_array_equal(deal(assignment, 2, 29), dealt[-1])


# What no check can know before the draws: a statistic that does not move.


@pytest.mark.parametrize("name", ["wild", "permutation", "permutation_refit"])
def test_no_null_counts_a_statistic_without_variance(name, monkeypatch):
    """The second and third specification are given the same |t| in every draw."""

    def frozen(null, context):
        drawn = null.draw(context)
        if null.name != name:
            return draw_null(null, context)
        table = np.array(drawn.null_statistic)
        table[1:3] = np.abs(drawn.statistic[1:3, None]) * np.sign(table[1:3])
        still = replace(drawn, null_statistic=DrawTable.of(table))
        return draw_null(replace(null, draw=lambda _: still), context)

    monkeypatch.setattr(infer, "draw_null", frozen)
    changes = {"controls": {"any": "mvsw(x1, x2)"}, "outcome": {"z": "z"}}
    changes["estimator"] = {"e": "fepois" if name == "permutation_refit" else "feols"}
    asked = study("d + cohort", null=("wild",) if name == "wild" else ("permutation",), changes=changes)
    curve = specdid.run(asked, DATA, audit=0)
    (tests,) = (f for f in curve.tests if f.null == name)
    assert tests.index.tolist() == [0, 3]
    (note,) = (n for n in tests.notes if n.code == "not_moved")
    assert (note.severity, note.specifications) == ("serious", 2)
    assert note.message.startswith("2 specifications have the same |t| in every draw")
    row = next(r for r in tests.tests if r.statistic == "median t")
    assert row.value == pytest.approx(curve.table.set_index("index").loc[[1, 4], "statistic"].median(), rel=1e-6)


def test_one_treated_level_of_two_is_tested_by_no_permutation():
    """Swapping the two turns the sign of t, and its size never changes: p would be 1 whatever the data hold."""
    data = DATA.filter(pl.col("id") <= 8).with_columns(side=pl.col("id") % 2)
    data = data.with_columns(d=((pl.col("side") == 1) & (pl.col("year") >= 2004)).cast(pl.Int64))
    curve = specdid.run(study("d", BARE, level="side", cluster="id"), data, audit=0)
    assert set(curve.table.status) == {"ok"}
    assert not curve.joint
    (said,) = (w for w in curve.warnings if w.code == "not_moved")
    assert (said.severity, said.specifications) == ("serious", 1)


def test_draws_in_which_a_specification_fails_are_counted_and_said():
    """Of six units one is treated; where the sample is without it, nothing is left to estimate."""
    data = one_treated(DATA.filter(pl.col("id") <= 8))
    asked = study("d", BARE, draws=49, changes={"sample": {"all": "TRUE", "some": "id <= 6"}})
    curve = specdid.run(asked, data, audit=0)
    (tests,) = curve.tests
    (said,) = (n for n in tests.notes if n.code == "draws_failed")
    assert said.severity == "serious"
    assert f"{49 - tests.draws} of 49 draws are left out for all" in said.message
    assert "number 2 of the plan" in said.message
    assert said.message.endswith(
        "no treated unit or no variance; in a study of its own it takes no draws from the others"
    )
    assert known(said.message, "zh")


COUNTIES = small_panel().with_columns(
    state=(pl.col("id") - 1) // 3,
    s=((((pl.col("id") - 1) // 3) % 2 == 0) & (pl.col("year") >= 2004)).cast(pl.Int64),
)


def study_of_counties(**changes):
    base = {"controls": {"n": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"t": "id + year"}, "vcov": {"u": "~state"}}
    return small_study(**{**base, "treatment": {"d": "s"}, **changes})


PERMUTED = {"draws": 99, "null": ["permutation"], "assign": "s"}


@pytest.mark.parametrize(
    "changes",
    [
        {"inference": PERMUTED},
        {"inference": {**PERMUTED, "cluster": "state"}, "vcov": {"u": "~id"}},
        {"placebo": {"draws": 19}},
        {"placebo": {"draws": 19}, "vcov": {"u": "~id"}, "fixed_effects": {"t": "id + state[year] + year"}},
    ],
)
def test_a_treatment_of_states_is_not_dealt_out_to_units_in_silence(changes):
    (fault,) = [f for f in specdid.check(study_of_counties(**changes), COUNTIES) if f.code == "level_too_fine"]
    assert fault.severity == "warning"
    assert "never varies within `state` and year, and is dealt out to 24 of `id`, not to 8 of `state`" in fault.message
    assert fault.help == 'write level = "state" in [inference]'
    told = {**changes.get("inference", {"draws": 0}), "level": "state"}
    assert "level_too_fine" not in {
        f.code for f in specdid.check(study_of_counties(**{**changes, "inference": told}), COUNTIES)
    }


@pytest.mark.parametrize(
    "changes", [{"treatment": {"d": "d"}, "inference": {**PERMUTED, "assign": "d"}}, {}, {"vcov": {"u": "~id"}}]
)
def test_where_it_varies_or_nothing_is_dealt_out_nothing_is_said(changes):
    assert "level_too_fine" not in {f.code for f in specdid.check(study_of_counties(**changes), COUNTIES)}


def test_one_unit_that_differs_hides_no_treatment_of_states():
    odd = (pl.col("id") == 2) & (pl.col("year") == 2004)
    frame = COUNTIES.with_columns(s=pl.when(odd).then(1 - pl.col("s")).otherwise(pl.col("s")))
    asked = study_of_counties(inference=PERMUTED)
    (fault,) = [f for f in specdid.check(asked, frame) if f.code == "level_too_fine"]
    assert fault.severity == "warning"
    assert "does not vary within 7 of 8 of `state` with two or more of `id`" in fault.message
    assert "dealt out to 24 of `id`" in fault.message
    assert "(id 2, year 2004)" in fault.notes[0] or "year 2004" in fault.notes[0]


def test_rare_treatments_dealt_out_by_unit_agree_within_states_by_chance_only():
    """Of 24 units two are treated, of different states: 6 of 8 states are uniform, and that says nothing."""
    rare = pl.col("id").is_in([2, 17]) & (pl.col("year") >= 2004)
    frame = COUNTIES.with_columns(s=rare.cast(pl.Int64))
    assert "level_too_fine" not in {f.code for f in specdid.check(study_of_counties(inference=PERMUTED), frame)}


def test_agreement_within_groups_is_kappa_of_pairs():
    """Against pairs counted one by one."""
    rng = np.random.default_rng(7)
    frame = COUNTIES.with_columns(s=pl.Series(rng.integers(0, 2, len(COUNTIES)).astype(float)))
    group, level = frame["state"].to_numpy(), frame["id"].to_numpy()
    period, value = frame["year"].to_numpy(), frame["s"].to_numpy()
    same = {True: [], False: []}
    for i in range(len(frame)):
        for j in range(i):
            if period[i] == period[j]:
                same[bool(group[i] == group[j])].append(value[i] == value[j])
    p, q = np.mean(same[True]), np.mean(same[True] + same[False])
    data = SimpleNamespace(sampled=np.ones(len(frame), bool), panel=SimpleNamespace(periods=period))
    assert _agreement(data, group, level, value) == pytest.approx((p - q) / (1 - q), abs=1e-12)


def zeros(rows):
    return COUNTIES.with_columns(z=pl.Series(np.where(rows, 0.0, COUNTIES["z"].to_numpy())))


UNIT, TREATED = COUNTIES["id"].to_numpy(), (COUNTIES["state"] % 2 == 0).to_numpy()
ROW = np.arange(len(UNIT))


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        (
            ROW % 5 == 0,
            "log_of_zero",
            "in 34 of 168 rows (20.2%), 20.2% of units that are ever treated and 20.2% of others",
        ),
        (
            (ROW == 3) | (ROW == 30),
            "log_of_few",
            "in 2 of 168 rows (1.2%), 1.2% of units that are ever treated and 1.2% of others",
        ),
        (
            TREATED & (ROW % 21 == 0),
            "log_of_zero",
            "in 4 of 168 rows (2.4%), 4.8% of units that are ever treated and 0.0% of others",
        ),
    ],
)
def test_logs_of_zeros_are_counted(rows, code, words):
    (fault,) = specdid.check(study_of_counties(outcome={"log z": "log(z)"}), zeros(rows))
    assert (fault.code, fault.severity) == (code, "warning")
    assert words in fault.message
    assert from_fault(fault).severity == ("serious" if code == "log_of_zero" else "note")


def test_no_log_or_no_zero_is_no_warning():
    assert list(specdid.check(study_of_counties(outcome={"z": "z"}), zeros(ROW % 5 == 0))) == []
    assert list(specdid.check(study_of_counties(outcome={"z": "log(z)"}), COUNTIES)) == []


def test_a_treatment_coded_1_and_2_is_told_what_to_write():
    data = COUNTIES.with_columns(s=pl.col("s") + 1)
    (fault,) = specdid.check(study_of_counties(), data)
    assert (fault.code, fault.severity) == ("not_zero_one", "warning")
    assert fault.message == "the treatment `s` is 1 or 2, not 0 or 1: no row counts as untreated"
    assert fault.help == 'where 2 is treated, write d = "s == 2"'
    assert list(specdid.check(study_of_counties(treatment={"d": "s == 2"}), data)) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({1: "yes", 2: "no"}, 'where 1, which the file calls “yes”, is treated, write d = "s == 1"'),
        ({1: "no", 2: "Yes"}, 'where 2, which the file calls “Yes”, is treated, write d = "s == 2"'),
        ({1: "early", 2: "late"}, 'where 2, which the file calls “late”, is treated, write d = "s == 2"'),
        ({1: "yes"}, 'where 2 is treated, write d = "s == 2"'),
    ],
)
def test_a_treatment_whose_numbers_have_labels_is_told_by_them(tmp_path, labels, expected):
    data = COUNTIES.with_columns(s=pl.col("s").cast(pl.Int8) + 1).to_pandas()
    data.to_stata(tmp_path / "d.dta", write_index=False, value_labels={"s": labels})
    study = study_of_counties()
    study["study"]["data"] = str(tmp_path / "d.dta")
    (fault,) = (f for f in specdid.check(study) if f.code == "not_zero_one")
    assert fault.help == expected


ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "match on several rows": (
        {"sample": '"m" = { match = { on = "x", at = "year > 2010", method = "nearest" } }'},
        "match_at",
        "`at` must select one row per unit; id 1 has 2",
        "year > 2010",
        None,
    ),
    "match on no row": (
        {"sample": '"m" = { match = { on = "x", at = "year == 1999", method = "nearest" } }'},
        "match_at",
        "no row satisfies `at`",
        "year == 1999",
        None,
    ),
    "assign within level": (
        {"inference": 'null = ["permutation"]\nassign = "pilot"\nlevel = "state"'},
        "not_constant",
        "`pilot` changes within a state and year: row 4 (id 2, year 2010)",
        "pilot",
        "set `level`",
    ),
    "strata within level": (
        {"inference": 'null = ["permutation"]\nassign = "d"\nstrata = "text"'},
        "not_constant",
        "`text` changes within a id",
        "text",
        None,
    ),
    "level within unit": (
        {"inference": 'null = ["permutation"]\nassign = "year"\nlevel = "text"'},
        "not_constant",
        "`text` changes within a id: row 2",
        "text",
        None,
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


def test_without_unit_the_test_is_off(tmp_path):
    path = write(tmp_path)
    path.write_text('[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n')
    (fault,) = examine(path)[1]
    assert (fault.code, fault.severity) == ("no_test", "warning")


def finer(frame=COUNTIES, **changes):
    return [f for f in specdid.check(study_of_counties(**changes), frame) if f.code == "cluster_too_fine"]


UNIT = {"u": "~id"}


def test_a_coarser_vcov_within_which_all_begin_at_once_is_noted():
    """Two of three counties of each of six states are treated, from the state's year on."""
    since = pl.when((pl.col("id") % 3 > 0) & (pl.col("state") < 6)).then(2003 + pl.col("state") % 3).otherwise(0)
    frame = COUNTIES.with_columns(since=since).with_columns(
        s=((pl.col("since") > 0) & (pl.col("year") >= pl.col("since"))).cast(pl.Int64)
    )

    def noted(frame, vcov):
        asked = study_of_counties(vcov=vcov, treatment={"s": {"term": "s", "cohort": "since"}})
        return [f for f in specdid.check(asked, frame) if f.code == "dated"]

    (fault,) = noted(frame, {"county": "~id", "state": "~state"})
    assert known(fault.message, "zh")
    assert fault.help == "write `state` first"
    assert not noted(frame, {"state": "~state", "county": "~id"})
    assert not noted(frame, UNIT)
    later = (
        pl.when((pl.col("since") > 0) & (pl.col("id") % 3 == 1)).then(pl.col("since") + 1).otherwise(pl.col("since"))
    )
    apart = frame.with_columns(since=later).with_columns(
        s=((pl.col("since") > 0) & (pl.col("year") >= pl.col("since"))).cast(pl.Int64)
    )
    assert not noted(apart, {"county": "~id", "state": "~state"})


def test_what_begins_for_all_at_once_varies_within_no_level():
    """Clustering by 3 age groups was advised of a treatment that is a function of time."""
    assert not finer(vcov=UNIT, treatment={"s": "year >= 2004"}, fixed_effects={"u": "id"}, inference={"draws": 0})


def test_errors_by_units_of_a_treatment_of_states_are_warned_of_though_no_table_names_the_state():
    (fault,) = finer(vcov=UNIT)
    assert fault.severity == "warning"
    assert "clustered by `id` (24), and the treatment `s` never varies within `state` and year (8, 4" in fault.message
    assert '"~state" in [vcov]' in (fault.help or "")
    assert known(fault.message, "zh")
    (caution,) = [
        c for c in specdid.run(study_of_counties(vcov=UNIT), COUNTIES, audit=0).warnings if c.code == "cluster_too_fine"
    ]
    assert caution.severity == "serious"
    assert len(finer(inference={"draws": 19, "cluster": "id"})) == 1  # the tests', beside errors by state


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"vcov": {"u": "~state + year"}},
        {"vcov": UNIT, "treatment": {"d": "d"}},
        {"vcov": {"u": "hetero"}},
        {"vcov": UNIT, "treatment": {"s": {"term": "s", "cohort": "cohort"}}},
    ],
)
def test_errors_by_what_the_treatment_varies_by_are_not_warned_of(changes):
    """Nor is a column that the paths make, as a cohort, taken for a level of assignment."""
    wave = pl.when(pl.col("s").max().over("id") == 1).then(2004).otherwise(pl.col("id") % 3)
    frame = COUNTIES.with_columns(wave=wave, cohort=pl.when(wave > 3).then(wave).otherwise(0))
    frame = frame.drop("state") if "cohort" in str(changes) else frame
    assert not finer(frame, **changes)


def test_units_of_two_treated_alone_in_their_states_tell_of_no_level():
    rare = pl.col("id").is_in([2, 17]) & (pl.col("year") >= 2004)
    assert not finer(COUNTIES.with_columns(s=rare.cast(pl.Int64)), vcov=UNIT)


def test_states_that_adopt_at_many_dates_are_told_from_their_dates():
    begin = pl.when(pl.col("state") < 5).then(2001 + pl.col("state")).otherwise(9999)
    frame = COUNTIES.with_columns(begin=begin).with_columns(s=(pl.col("year") >= pl.col("begin")).cast(pl.Int64))
    (fault,) = finer(frame, vcov=UNIT)
    assert "within `state` and year (8, 5" in fault.message
    assert not finer(frame.drop("state"), vcov=UNIT)  # `begin` is the dates themselves


def test_errors_that_take_a_units_rows_for_independent_are_warned_of_where_they_come_first():
    def said(**vcov):
        return [f for f in specdid.check(study_of_counties(vcov=vcov), COUNTIES) if f.code == "not_clustered"]

    (fault,) = said(robust="hetero", u="~id")
    assert fault.severity == "warning"
    assert f"`robust` take {len(COUNTIES):,} rows of 24 units for independent" in fault.message
    assert known(fault.message, "zh")
    assert from_fault(fault).severity == "serious"
    assert not said(u="~id", robust="hetero")

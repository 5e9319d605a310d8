"""Ties: the plan is that of crossing everything and excluding the rest, without making the rest."""

from __future__ import annotations

import itertools
import tracemalloc

import numpy as np
import polars as pl
import pytest
import specdid
from examples import examples
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_studies import small_panel, small_study
from specdid._plan import PlanStatus
from specdid._words import known
from specdid.report.summary import terminal_summary

PANEL = small_panel()
HEAD = {"title": "t", "data": "d.csv", "unit": "id", "time": "year"}
PAIR = {"dimensions": ["outcome", "estimator"], "options": [["log z", "OLS"], ["z", "Poisson"]]}
FORMS = {
    "outcome": {"log z": "log(z)", "z": "z"},
    "estimator": {"OLS": "feols", "Poisson": "fepois"},
    "controls": {"any": "mvsw(x1, x2)"},
}


def rows(plan):
    """The labels of every specification that is not excluded, in plan order."""
    kept = np.flatnonzero(plan.status != PlanStatus.EXCLUDED)
    return [tuple(d.labels[c] for d, c in zip(plan.dimensions, plan.codes[s], strict=True)) for s in kept]


def ids(plan):
    return plan.ids[plan.status != PlanStatus.EXCLUDED].tolist()


def grid(sizes):
    """A study whose only dimensions are variants of these sizes, each option a model of its own."""
    prime = (2, 3, 5, 7, 11, 13)
    variants = {
        f"v{k}": {f"o{j}": {"derive": {f"x{k % 3 + 1}": f"x{k % 3 + 1} + {j} * {prime[k]}^2 * y^2"}} for j in range(n)}
        for k, n in enumerate(sizes)
    }
    return small_study(
        study=HEAD, outcome={"y": "y"}, controls={"all": "x1 + x2 + x3"}, fixed_effects={"id": "id"}, variant=variants
    )


@st.composite
def relations(draw):
    """Sizes of dimensions, some of them tied, the rows of the tie and which dimensions go one at a time."""
    sizes = draw(st.lists(st.integers(2, 3), min_size=2, max_size=4))
    tied = draw(st.lists(st.sampled_from(range(len(sizes))), min_size=2, max_size=3, unique=True))
    cells = [st.sets(st.integers(0, sizes[d] - 1), min_size=1).map(sorted) for d in tied]
    written = draw(st.lists(st.tuples(*cells), min_size=1, max_size=5))
    disjoint = []
    for row in written:
        if not any(all(set(a) & set(b) for a, b in zip(row, other, strict=True)) for other in disjoint):
            disjoint.append(row)
    for k, d in enumerate(tied):  # an option in no row is a fault
        for left in set(range(sizes[d])) - {o for row in disjoint for o in row[k]}:
            disjoint.append(tuple([left] if j == k else [0] for j in range(len(tied))))
    starred = draw(st.lists(st.sampled_from(range(len(sizes))), max_size=2, unique=True))
    if any(sum(0 not in row[k] for k, d in enumerate(tied) if d in starred) > 1 for row in disjoint):
        starred = starred[:1]  # so is a row that is never planned
    return sizes, tied, disjoint, starred


@settings(max_examples=examples(60))
@given(relations())
def test_the_plan_is_the_crossing_less_what_is_in_no_row(relation):
    sizes, tied, written, starred = relation
    meant = {c for row in written for c in itertools.product(*row)}
    assume(len(meant) < np.prod([sizes[d] for d in tied]))
    study = grid(sizes) | {"study": HEAD | {"one_at_a_time": [f"v{d}" for d in starred]}}
    tie = {
        "dimensions": [f"v{d}" for d in tied],
        "options": [[[f"o{o}" for o in cell] for cell in row] for row in written],
    }
    apart = set(itertools.product(*(range(sizes[d]) for d in tied))) - meant
    rules = [
        {"when": {f"v{d}": f"o{o}" for d, o in zip(tied, combination, strict=True)}, "because": "apart"}
        for combination in sorted(apart)
    ]
    small = specdid.plan(study | {"together": [tie]}, PANEL)
    crossed = specdid.plan(study | {"exclude": rules}, PANEL)
    assert rows(small) == rows(crossed)
    assert ids(small) == ids(crossed)
    assert len(small) == len(rows(small)) <= len(crossed)
    by_hand = [
        c
        for c in itertools.product(*map(range, sizes))
        if tuple(c[d] for d in tied) in meant and sum(c[d] > 0 for d in starred) < 2
    ]
    assert [tuple(r) for r in small.codes[:, 7:].tolist()] == by_hand


@pytest.mark.parametrize("missing", ["listwise", "common"])
def test_estimates_are_those_of_the_crossed_grid_to_the_byte(missing):
    head = HEAD | {"missing": missing}
    rule = [
        {"when": {"estimator": "Poisson", "outcome": "log z"}, "because": "counts"},
        {"when": {"outcome": "z"}, "unless": {"estimator": "Poisson"}, "because": "counts"},
    ]
    tied = specdid.run(small_study(study=head, **FORMS, together=[PAIR]), PANEL, audit=0).table
    crossed = specdid.run(small_study(study=head, **FORMS, exclude=rule), PANEL, audit=0).table
    crossed = crossed[crossed["status"] != "excluded"].reset_index(drop=True)
    assert len(tied) == len(crossed) == 2 * 2 * 4 * 2
    assert tied.drop(columns="index").equals(crossed.drop(columns="index"))


def test_of_a_grid_of_a_million_ten_are_made():
    names = [f"v{k}" for k in range(6)]
    tie = {"dimensions": names, "options": [[f"o{j}"] * 6 for j in range(10)]}
    study = grid([10] * 6) | {"together": [tie]}
    tracemalloc.start()
    made = specdid.plan(study, PANEL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(made) == 10
    assert peak < 24e6, "a million rows of thirteen choices are 52 MB"


def test_an_option_that_expands_is_tied_with_all_it_stands_for():
    study = small_study(
        outcome={"y": "y", "log z": "log(z)"},
        controls={"plain": "mvsw(x1, x3)", "squared": "mvsw(I(x1^2), I(x3^2))"},
        together=[{"dimensions": ["outcome", "controls"], "options": [["y", "plain"], ["log z", "squared"]]}],
    )
    found = {(r[0], r[2]) for r in rows(specdid.plan(study, PANEL))}
    assert found == {
        *(("y", c) for c in ("1", "x1", "x3", "x1 + x3")),
        *(("log z", c) for c in ("1", "I(x1^2)", "I(x3^2)", "I(x1^2) + I(x3^2)")),
    }


def test_a_cell_may_be_a_formula_or_terms_that_an_option_has():
    tie = {
        "dimensions": ["outcome", "controls"],
        "options": [["y", {"has": "x1"}], ["log z", ["1", "x3"]]],
    }
    study = small_study(controls={"any": "mvsw(x1, x3)"}, together=[tie])
    found = {(r[0], r[2]) for r in rows(specdid.plan(study, PANEL))}
    assert found == {("y", "x1"), ("y", "x1 + x3"), ("log z", "1"), ("log z", "x3")}


def test_samples_by_pattern_are_tied_by_their_own_label_or_the_patterns():
    panel = PANEL.with_columns(
        pl.when(pl.col("id") < 13).then(pl.lit("East")).otherwise(pl.lit("West")).alias("region")
    )
    tie = {"dimensions": ["outcome", "sample"], "options": [["y", "regions"], ["log z", "all"]]}
    study = small_study(sample={"all": "TRUE", "regions": "each(region)"}, together=[tie])
    found = {(r[0], r[4]) for r in rows(specdid.plan(study, panel))}
    assert found == {("y", "regions: East"), ("y", "regions: West"), ("log z", "all")}


@pytest.mark.parametrize(
    ("preferred", "expected"),
    [
        ({"outcome": "z"}, ("z", "Poisson")),
        ({"estimator": "Poisson"}, ("z", "Poisson")),
        ({"controls": "x1"}, ("log z", "OLS")),
        ({"estimator": "OLS", "outcome": "log z"}, ("log z", "OLS")),
    ],
)
def test_what_the_preferred_one_leaves_out_follows_its_tie(preferred, expected):
    for options in (PAIR["options"], PAIR["options"][::-1]):  # the first of the outcomes, not of the rows
        tie = {**PAIR, "options": options}
        made = specdid.plan(small_study(**FORMS, together=[tie], preferred=preferred), PANEL)
        assert made.preferred >= 0
        chosen = made.codes[made.preferred]
        assert (made.dimensions[0].labels[chosen[0]], made.dimensions[6].labels[chosen[6]]) == expected


def test_a_preferred_specification_across_a_tie_is_said():
    study = small_study(**FORMS, together=[PAIR], preferred={"outcome": "z", "estimator": "OLS"})
    (fault,) = [f for f in specdid.check(study, PANEL) if f.code == "preferred_not_planned"]
    assert fault.severity == "warning"
    assert "[[together]] has no row" in fault.message


def test_an_analysis_of_which_no_column_is_planned_says_so_with_a_way_out():
    """Before the run, and where its table is empty, on the first page."""
    tie = {"dimensions": ["outcome", "controls"], "options": [["y", ["a", "c"]], ["log z", "b"]]}
    study = small_study(controls={"a": "x1", "b": "x2", "c": "x3"}, together=[tie])
    study |= {"hausman": {"fix": {"controls": "c", "outcome": "log z"}}, "table": {"T": {"fix": {"controls": "c"}}}}
    (fault,) = [f for f in specdid.check(study, PANEL) if f.code == "no_columns"]  # the table has one of y
    assert fault.message.startswith("[hausman] has no column, so it gives no numbers: [[together]] has no such row of")
    assert "option of every dimension that the rule names" in fault.help
    assert known(fault.message, "zh")
    curve = specdid.run(study, PANEL, audit=0)
    (said,) = [c for c in curve.warnings if c.code == "analysis_empty"]
    assert (said.severity, said.where) == ("serious", "Hausman")
    assert said.message.startswith("it has no numbers: no column for log z: [[together]]")
    assert known(said.message, "zh")
    assert said.message in terminal_summary(curve)


def test_that_the_preferred_one_is_not_planned_is_said_in_place_of_that_none_is_preferred():
    study = small_study(**FORMS, together=[PAIR], preferred={"outcome": "z", "estimator": "OLS"})
    page = terminal_summary(specdid.run(study, PANEL, audit=0))
    assert "The preferred specification is not planned: [[together]] has no row of outcome and estimator" in page
    assert "No specification is preferred" not in page


def test_an_analysis_leaves_out_what_is_not_together_and_says_so():
    study = small_study(
        **FORMS, together=[PAIR], preferred={"outcome": "log z"}, table={"both": {"vary": ["controls"]}}
    )
    curve = specdid.run(study, PANEL, audit=0)
    said = [c.message for c in curve.warnings if c.code == "no_column"]
    assert said
    assert all("[[together]] has no such row of outcome and estimator" in m for m in said)


@pytest.mark.parametrize(("fixed", "codes"), [({}, ["no_columns"]), ({"fixed_effects": "b"}, [])])
def test_a_tied_choice_that_an_analysis_does_not_read_may_stand_in_fix(fixed, codes):
    tie = {"dimensions": ["outcome", "fixed_effects"], "options": [["y", "a"], ["log z", "b"]]}
    study = small_study(fixed_effects={"a": "id", "b": "id + year"}, together=[tie])
    study["hausman"] = {"fix": {"outcome": "log z", **fixed}}
    assert [f.code for f in specdid.check(study, PANEL) if f.code in ("no_columns", "not_honoured")] == codes
    study["together"] = []
    assert ("not_honoured" in [f.code for f in specdid.check(study, PANEL)]) == bool(fixed)

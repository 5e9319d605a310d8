"""The plan: its size, its order, and what does not change it."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import specdid
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from small_studies import small_panel, small_study
from specdid._plan import PlanStatus, build_plan
from specdid._run.prepare import prepare

PANEL = small_panel()
NAMES = ("x1", "x2", "x3", "w")


def plan(**changes):
    return specdid.plan(small_study(**changes), PANEL)


def test_last_dimension_varies_fastest():
    made = plan()
    assert [d.name for d in made.dimensions[:4]] == ["outcome", "treatment", "controls", "fixed_effects"]
    assert len(made) == 2 * 8 * 2
    assert made.codes[:3, 3].tolist() == [0, 1, 0]
    assert made.codes[:, 0].tolist() == [0] * 16 + [1] * 16
    assert made.dimensions[2].labels == (
        "1",
        "x1",
        "x2",
        "x3",
        "x1 + x2",
        "x1 + x3",
        "x2 + x3",
        "x1 + x2 + x3",
    )


@settings(max_examples=examples(40))
@given(
    st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True),
    st.sampled_from(["sw", "sw0", "csw", "csw0", "mvsw"]),
    st.lists(st.integers(2, 3), max_size=3),
    st.booleans(),
)
def test_size_is_the_product_less_what_one_at_a_time_leaves_out(names, operator, variants, star):
    tables = {
        f"v{k}": {"base": {}} | {f"o{j}": {"where": f"x1 < {j}"} for j in range(1, n)} for k, n in enumerate(variants)
    }
    head = {"title": "t", "data": "d.csv", "unit": "id", "time": "year"}
    if star and variants:
        head["one_at_a_time"] = list(tables)
    made = plan(study=head, controls={"c": f"{operator}({', '.join(names)})"}, variant=tables)
    count = {
        "sw": len(names),
        "sw0": len(names) + 1,
        "csw": len(names),
        "csw0": len(names) + 1,
        "mvsw": 2 ** len(names),
    }
    moved = 1 + sum(n - 1 for n in variants) if star else math.prod(variants)
    assert len(made) == 2 * count[operator] * 2 * moved
    assert len(np.unique(made.codes, axis=0)) == len(made)
    assert (np.lexsort(made.codes.T[::-1]) == np.arange(len(made))).all()


@settings(max_examples=examples(25))
@given(st.permutations(["x1", "x2", "x3", "y", "d", "id", "year", "w"]))
def test_renaming_columns_leaves_the_plan_isomorphic(order):
    new = dict(zip(["x1", "x2", "x3", "y", "d", "id", "year", "w"], order, strict=True))
    study = {
        "study": {"title": "t", "data": "d.csv", "unit": "id", "time": "year"},
        "outcome": {"o": "y"},
        "treatment": {"t": "d"},
        "controls": {"c": "mvsw(x1, x2, x3)", "again": "x3 + x1"},
        "weights": {"none": "1", "w": "w"},
        "sample": {"all": "TRUE", "some": "x1 > 0 & year < 2006"},
    }
    before = specdid.plan(study, PANEL)
    after = specdid.plan(_renamed(study, new), PANEL.rename(new))
    assert (before.codes == after.codes).all()
    assert (before.status == after.status).all()
    assert (before.twin == after.twin).all()


def _renamed(value, new):
    import re

    if isinstance(value, dict):
        return {k: _renamed(v, new) for k, v in value.items()}
    if value == "d.csv":
        return value
    return re.sub(r"[a-z]\w*", lambda m: new.get(m[0], m[0]), value) if value != "t" else value


def test_the_same_content_is_one_model_whatever_the_label_or_the_order():
    made = plan(controls={"a": "x1 + x2", "b": "x2 + x1", "c": "x1"})
    duplicates = np.flatnonzero(made.status == PlanStatus.DUPLICATE)
    assert len(duplicates) == 4
    assert (made.ids[duplicates] == made.ids[made.twin[duplicates]]).all()


def test_ids_do_not_depend_on_labels_order_or_what_else_is_in_the_grid():
    small, large = plan(controls={"only": "x1"}), plan(controls={"none": "1", "any": "mvsw(x3, x2, x1)"})
    assert set(small.ids.tolist()) <= set(large.ids.tolist())
    assert small.spec_id(0) == f"{int(small.ids[0]):016x}"


def test_which_rows_are_complete_and_who_is_never_treated_are_part_of_the_content():
    """Of a cohort's reading only what reads the cohort: an estimator, or a match that goes by it."""
    study = small_study()["study"]
    kinds = {"OLS": "feols", "SA": "sunab"}
    samples = {"all": "TRUE", "matched": {"match": {"on": "x1", "at": "year == 2002"}}}
    grid = {"controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}, "estimator": kinds, "sample": samples}
    plain = plan(**grid)
    common, empty = (plan(study={**study, **said}, **grid) for said in ({"missing": "common"}, {"never": "empty"}))
    assert not (common.ids == plain.ids).any()
    reads = (plain.codes[:, 6] == 1) | (plain.codes[:, 4] == 1)
    np.testing.assert_array_equal(empty.ids != plain.ids, reads)


def test_a_match_by_cohort_is_told_apart_by_the_cohort():
    treated = {
        "first": {"term": "d", "cohort": "cohort"},
        "other": {"term": "d", "cohort": "ifelse(cohort == 2004, 2004, cohort)"},
    }
    samples = {"all": "TRUE", "matched": {"match": {"on": "x1", "at": "year == 2002"}}}
    made = plan(treatment=treated, sample=samples, controls={"none": "1"}, outcome={"y": "y"})
    other = made.codes[:, 1] == 1
    np.testing.assert_array_equal(made.status[other] == PlanStatus.DUPLICATE, made.codes[other, 4] == 0)


def test_matches_are_told_apart_by_everything_that_they_say():
    match = {"on": "x1", "treated": "cohort > 0", "at": "year == 2002"}
    changed = (
        {"on": "x1 + x3"}, {"treated": "cohort == 2004"}, {"at": "year == 2003"}, {"exact": "group"}, {"ratio": 2},
        {"method": "kernel"}, {"caliper": 0.1},
    )  # fmt: skip
    samples = {f"m{k}": {"match": match | change} for k, change in enumerate(({}, *changed))}
    made = plan(sample=samples, controls={"none": "1"}, outcome={"y": "y"}, fixed_effects={"unit": "id"})
    assert len(set(made.ids.tolist())) == len(samples)


def test_a_derived_column_is_its_definition():
    direct = plan(outcome={"y": "log(z + 1)"}, controls={"c": "x1"})
    derived = plan(derive={"lz": "log(z + 1)"}, outcome={"y": "lz"}, controls={"c": "x1"})
    assert direct.ids.tolist() == derived.ids.tolist()


def test_a_variant_that_touches_nothing_is_a_duplicate():
    made = plan(variant={"trim": {"no": {}, "yes": {"derive": {"x3": "winsorize(x3, 0.01)"}}}})
    without = [c for c, label in enumerate(made.dimensions[2].labels) if "x3" not in label]
    second = made.codes[:, -1] == 1
    assert ((made.status == PlanStatus.DUPLICATE) == (second & np.isin(made.codes[:, 2], without))).all()


def reasons(made):
    return {made.reasons[r].code for r in made.reason if r >= 0}


def test_first_rule_gives_the_reason_and_excluded_comes_before_duplicate():
    rules = [
        {"when": {"controls": {"has": "x3"}}, "unless": {"fixed_effects": "unit"}, "because": "first"},
        {"when": {"controls": ["x1 + x3", "x1 + x2"]}, "because": "second"},
    ]
    made = plan(exclude=rules)
    words = [made.reasons[r].message if r >= 0 else "" for r in made.reason]
    labels = [made.dimensions[2].labels[c] for c in made.codes[:, 2]]
    effects = [made.dimensions[3].labels[c] for c in made.codes[:, 3]]
    for word, label, effect in zip(words, labels, effects, strict=True):
        want = "first" if "x3" in label and effect != "unit" else "second" if label in ("x1 + x3", "x1 + x2") else ""
        assert word == want


def test_a_rule_of_several_terms_is_of_all_of_those_it_has_and_none_of_those_it_lacks():
    rules = [
        {"when": {"controls": {"has": "x3 + x1"}}, "because": "both"},
        {"when": {"controls": {"lacks": "x1 + x2"}}, "because": "neither"},
    ]
    made = plan(exclude=rules)
    words = [made.reasons[r].message if r >= 0 else "" for r in made.reason]
    labels = [made.dimensions[2].labels[c] for c in made.codes[:, 2]]
    both, neither = {"x1 + x3", "x1 + x2 + x3"}, {"1", "x3"}
    assert words == ["both" if label in both else "neither" if label in neither else "" for label in labels]


def test_a_condition_means_the_sample_of_its_rows_and_no_match_among_them():
    """Nor is a match one of the samples that have, or lack, the condition: it is meant by its label."""
    match = {"on": "x1", "at": "year == 2002"}
    samples = {"late": "year > 2001", "matched late": {"where": "year > 2001", "match": match}, "all": "TRUE"}
    for when, meant in (
        ("year > 2001", {"late"}),
        ({"has": "year > 2001"}, {"late"}),
        ("matched late", {"matched late"}),
    ):
        made = plan(sample=samples, controls={"none": "1"}, exclude=[{"when": {"sample": when}, "because": "so"}])
        labels = np.array(made.dimensions[4].labels)[made.codes[:, 4]]
        np.testing.assert_array_equal(made.reason >= 0, np.isin(labels, [*meant]))


def test_generated_exclusions():
    made = plan(
        controls={"none": "1", "own": "y", "x": "x1"},
        weights={"none": "1", "w": "w"},
        estimator={"OLS": "feols", "LP": "lpdid"},
    )
    assert reasons(made) == {"own_outcome", "not_honoured"}
    lp = made.codes[:, 6] == 1
    left = lp & (made.status == PlanStatus.PLANNED)
    assert left.sum() == 10  # controls and weights, but its own outcome; unit and time effects only
    assert (made.codes[left][:, 3] == 0).all()


def test_cohort_estimators_need_a_cohort_and_a_binary_treatment():
    made = plan(
        treatment={"d": {"term": "d"}, "dose": {"term": "x1", "cohort": "cohort"}},
        controls={"none": "1"},
        estimator={"OLS": "feols", "SA": "sunab"},
    )
    assert reasons(made) == {"no_cohort", "not_binary"}
    assert (made.reason[made.codes[:, 6] == 0] < 0).all()


def test_interaction_without_main_effects_is_excluded_or_a_fault():
    with pytest.raises(specdid.SpecError) as caught:
        plan(treatment={"i": {"term": "d:x1"}}, controls={"none": "1"})
    assert caught.value.faults[0].code == "no_main_effects"
    with pytest.raises(specdid.SpecError) as caught:
        plan(treatment={"i": {"term": "(d == 1):x1"}}, controls={"none": "1"})
    main, product = re.search(r'with = "(.+)"; .* is (I\(.+\))$', caught.value.faults[0].help).groups()
    assert not reasons(plan(treatment={"i": {"term": "(d == 1):x1", "with": main}}, controls={"none": "1"}))
    assert not reasons(plan(treatment={"i": {"term": product}}, controls={"none": "1"}))
    made = plan(treatment={"i": {"term": "d:x1"}}, controls={"none": "1", "both": "d + x1"})
    assert reasons(made) == {"no_main_effects"}
    assert (made.reason[made.codes[:, 2] == 1] < 0).all()
    # a main effect that is constant within a fixed effect's levels is absorbed
    made = plan(treatment={"i": {"term": "d:group", "with": "d"}}, controls={"none": "1"})
    assert reasons(made) == set()


def test_a_main_effect_is_absorbed_whatever_it_is_where_the_effect_is_missing():
    data = PANEL.with_columns(
        size=pl.when(pl.col("id") == 1).then(pl.col("year")).otherwise(pl.col("id") % 5),
        town=pl.when(pl.col("id") == 1).then(None).otherwise(pl.col("id")),
    )
    study = small_study(treatment={"i": {"term": "d:size", "with": "d"}}, fixed_effects={"town": "town", "id": "id"})
    made = specdid.plan(study, data)
    np.testing.assert_array_equal(made.status == PlanStatus.EXCLUDED, made.codes[:, 3] == 1)


def test_limit():
    with pytest.raises(specdid.SpecError) as caught:
        plan(run={"limit": 10})
    assert caught.value.faults[0].code == "too_many"
    assert "32" in caught.value.faults[0].message


def test_preferred_takes_first_options_and_terms_in_any_order():
    made = plan(preferred={"controls": "x3 + x1", "fixed_effects": "unit"})
    row = made.codes[made.preferred]
    assert made.dimensions[2].labels[row[2]] == "x1 + x3"
    assert made.dimensions[3].labels[row[3]] == "unit"
    assert row[0] == 0
    assert plan().preferred == -1


def test_a_preferred_choice_that_there_is_not_makes_no_other_the_preferred_one():
    """Of names `check` refuses it; a study that is cut down afterwards has none, and not its first option."""
    prepared = prepare(small_study(preferred={"controls": "x1"}), PANEL)
    (named,) = prepared.study.preferred["controls"]
    gone = replace(prepared.study, preferred={"controls": (replace(named, text="x1 + w"),)})
    assert build_plan(prepared.study, prepared.panel).preferred >= 0
    assert build_plan(gone, prepared.panel).preferred == -1


def test_a_preferred_specification_off_the_curve_is_warned_of():
    rule = [{"when": {"controls": "x1"}, "because": "no x1"}]
    faults = specdid.check(small_study(exclude=rule, preferred={"controls": "x1"}), PANEL)
    assert [(f.code, f.severity) for f in faults] == [("preferred_not_planned", "warning")]
    assert "no x1" in faults[0].message
    head = {**small_study()["study"], "one_at_a_time": ["a", "b"]}
    variants = {"a": {"0": {}, "1": {"where": "year < 9999"}}, "b": {"0": {}, "1": {"where": "year < 99999"}}}
    faults = specdid.check(small_study(study=head, variant=variants, preferred={"a": "1", "b": "1"}), PANEL)
    assert [f.code for f in faults] == ["preferred_not_planned"]
    assert "one_at_a_time" in faults[0].message

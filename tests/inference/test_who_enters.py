"""Which specifications enter the joint tests, and what the summary says of those that do not."""

from __future__ import annotations

import pytest
import specdid
from small_studies import small_panel, small_study


def run(types, **inference):
    weights = {"none": "1", "w": {"formula": "w", "type": types[1]}}
    weights["none"] = {"formula": "1", "type": types[0]}
    study = small_study(controls={"none": "1", "one": "x1"}, weights=weights, inference={"draws": 19, **inference})
    return specdid.run(study, small_panel(), audit=0)


@pytest.mark.parametrize("kind", ["nonequivalent", "uncertain"])
def test_options_of_another_type_are_left_out_and_counted(kind):
    curve = run(("equivalent", kind))
    (test,) = curve.tests
    assert set(curve.table.set_index("index").loc[test.index + 1, "weights"]) == {"none"}
    assert len(test.index) == 8
    note = "8 specifications have an option of type nonequivalent or uncertain and are in no joint test"
    assert [(n.code, n.message, n.specifications) for n in test.notes] == [("not_entering", note, 8)]
    assert f"- {note}" in curve.summary()


def test_equivalent_options_enter():
    curve = run(("equivalent", "equivalent"))
    assert "in no joint test" not in curve.summary()


def test_where_none_enters_the_test_is_off_and_says_so():
    curve = run(("uncertain", "nonequivalent"))
    assert curve.joint == ()
    (off,) = (w for w in curve.warnings if w.code == "no_test")
    assert off.message.startswith("the joint test is off: every specification has an option")


@pytest.mark.parametrize(("alpha", "written"), [(0.05, "at most .05 "), (0.2, "at most .2 ")])
def test_adjusted_p_values_are_counted_at_the_studys_level(alpha, written):
    curve = run(("equivalent", "equivalent"), alpha=alpha)
    (test,) = curve.tests
    count = int((test.adjusted.p_adjusted <= alpha).sum())
    assert f"{count} of 16 specifications have a step-down adjusted p of {written}" in curve.summary()


METHODS = {"OLS": "feols", "Poisson": "fepois", "did2s": "did2s"}


def untested(monkeypatch=None, **changes):
    inference = {"draws": 19, **changes.pop("inference", {})}
    plain = {"controls": {"none": "1"}, "fixed_effects": {"two-way": "id + year"}, "outcome": {"z": "z"}}
    study = small_study(**plain, inference=inference, **changes)
    curve = specdid.run(study, small_panel().with_columns(d2=(small_panel()["w"] > 1).cast(int)), audit=0)
    return curve, [(w.message, w.specifications) for w in curve.warnings if w.code == "untested"]


@pytest.mark.filterwarnings("ignore")
def test_what_no_null_tests_is_named_with_the_reason(monkeypatch):
    curve, said = untested(estimator=METHODS)
    head = "2 of 3 specifications are tested by no null (Poisson 1, did2s 1): they "
    assert said == [
        (head + "are no least squares, which alone the wild bootstrap takes, and no other null is asked for", 2)
    ]
    apart = curve.summary().split("## Estimates in log points of z")[1].split("##")[0]
    assert "since no null tested these specifications; the warnings say why." in apart
    both = {"null": ["wild", "permutation"], "assign": "d + cohort"}
    assert not untested(estimator=METHODS, inference=both)[1]
    monkeypatch.setattr("specdid.inference.permutation_refit.BUDGET", 1e-9)
    curve, said = untested(estimator=METHODS, inference=both)
    assert said == [(head + "are no least squares, and would take more than 120 s to fit again in every draw", 2)]
    text = curve.summary()
    assert "tested apart" not in text
    assert "2 specifications are not least squares, and are left to the refits of this null, in fewer draws" in text
    assert "no null tested these specifications; the warnings say why." in text


@pytest.mark.filterwarnings("ignore")
def test_a_treatment_that_stays_is_tested_by_the_wild_null_alone():
    both = {"null": ["wild", "permutation"], "assign": "d + cohort"}
    treatment = {"d": {"term": "d", "cohort": "cohort"}, "other": "d2"}
    _, said = untested(estimator=METHODS, inference=both, treatment=treatment)
    head = "1 of 5 specifications are tested by no null (Poisson 1): they "
    assert said == [(head + "have a treatment that `assign` does not move, and are no least squares", 1)]

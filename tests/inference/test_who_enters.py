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
    (test,) = (f for f in curve.findings if hasattr(f, "adjusted"))
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
    (test,) = (f for f in curve.findings if hasattr(f, "adjusted"))
    count = int((test.adjusted.p_adjusted <= alpha).sum())
    assert f"{count} of 16 specifications have a step-down adjusted p of {written}" in curve.summary()

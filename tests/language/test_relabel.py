"""Terms under the names that readers know them by."""

from __future__ import annotations

import pytest
from specdid.language import briefly, common_start, relabel

NAMES = {"x": "income", "I(x^2)": "income, squared", "d": "policy", "year": "calendar year", "a + b": "both"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x", "income"),
        ("x10", "x10"),
        ("x + I(x^2) + z", "income + income, squared + z"),
        ("a + b", "both"),
        ("a + b + x", "a + b + income"),
        ("x + x", "x + x"),
        ("x + 1", "x + 1"),
        ("_ + x_1 + x", "_ + x_1 + income"),
        ("d:z", "policy × z"),
        ("z:w", "z:w"),
        ("year::2004:x", "calendar year 2004 × income"),
        ("region::3", "region 3"),
        ("I(x + d)", "I(x + d)"),
        ("1", "1"),
        ("", ""),
        ("ln(x) of d, in words", "ln(x) of d, in words"),
        ("2016 break", "2016 break"),
        ("人均 x", "人均 x"),
        ("x+d", "x+d"),
    ],
)
def test_terms_have_their_names_and_words_stay(text, shown):
    assert relabel(text, NAMES) == shown


@pytest.mark.parametrize("text", ["x + I(x^2)", "d:z", "some words", "1"])
def test_without_names_nothing_changes(text):
    assert relabel(text, {}) == text


@pytest.mark.parametrize(
    ("labels", "common"),
    [
        (("(a == 1 | city == 2) & year > 2000", "(a == 1 | city == 2) & x", "all"), "(a == 1 | city == 2)"),
        (("!(a & b > 1000 & c > 1000)", "!(a & b > 1000 & d > 1000)"), ""),
        (("cities from 2003 to 2016", "cities from 2003 to 2016 without capitals"), "cities from 2003 to 2016"),
        (("towns from 2003 to 9", "towns from 2003 to 9 alone"), "towns from 2003 to 9"),
        (("cities from 2003 to 2016", "all"), ""),
        (("cities of the north", "towns that are in the north"), ""),
    ],
)
def test_labels_have_whole_words_and_brackets_in_common(labels, common):
    assert common_start(labels) == common
    if common:
        assert [briefly(label, {"sample": common}) for label in labels][:1] == [labels[0].replace(common, "[…]")]

"""Terms under the names that readers know them by."""

from __future__ import annotations

import pytest
from specdid.language import relabel

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

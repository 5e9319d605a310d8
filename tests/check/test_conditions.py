"""What is read otherwise than it was meant is a fault: numbers as conditions, terms that are not there."""

import pytest
from checked_studies import faults, marked

CASES = [
    # table, line, marked, message, help
    ("sample", '"s" = "year"', "year", "`year` is no condition: it holds 2010, 2011, 2012", "`year > 2010`"),
    ("sample", '"s" = "state == 1 | zz"', "zz", "no column `zz`", None),
    ("sample", '"s" = "pilot & year"', "year", "`year` is no condition", "compare it"),
    ("sample", '"s" = "!state"', "state", "`state` is no condition: it holds 2,", "compare it"),
    ("controls", '"c" = "x & z"', "x", "`x` is no condition: it holds 0.1, 0.2, 0.3, …", "compare it"),
    ("derive", 'a = "ifelse(year, 1, 0)"', "year", "`year` is no condition", "compare it"),
    ("derive", 'a = "first(z)"', "z", "`z` is no condition", "compare it"),
    ("heterogeneity", 'groups = { "a" = "year", "b" = "!year" }', "year", "`year` is no condition", "compare it"),
    ("controls", '"c" = "x - z"', "z", "`z` is taken away and is not among the terms", "`I(a - b)`"),
    ("controls", '"c" = "..m - z"', "z", "`z` is taken away and is not among the terms", "`I(a - b)`"),
    ("controls", '"c" = "regex(\'^x\') - z"', "z", "`z` is taken away", "`I(a - b)`"),
]


@pytest.mark.parametrize(("table", "line", "underlined", "message", "help"), CASES, ids=[c[1] for c in CASES])
def test_a_fault_says_what_it_would_be(table, line, underlined, message, help, tmp_path):
    found = faults(tmp_path, **{"macros": 'm = "x + w"', table: line})
    told = [f for f in found.errors if f.place and marked(f) == underlined and message in f.message]
    assert told, [f.message for f in found]
    assert help is None or help in told[0].help


FINE = [
    ("sample", '"s" = "pilot"'), ("sample", '"s" = "!pilot & year > 2010"'), ("derive", 'a = "ifelse(d, x, z)"'),
    ("sample", '"s" = "TRUE"'), ("controls", '"c" = "..m - x"'), ("controls", '"c" = "regex(\'^[xz]$\') - x"'),
    ("controls", '"c" = "x*z - x:z"'), ("controls", '"c" = "x - 1"'),
    ("sample", '"s" = "is.na(gap) | gap == 1"'),
]  # fmt: skip


@pytest.mark.parametrize(("table", "line"), FINE, ids=[c[1] for c in FINE])
def test_what_is_meant_passes(table, line, tmp_path):
    codes = {f.code for f in faults(tmp_path, **{"macros": 'm = "x + w"', table: line})}
    assert codes.isdisjoint({"not_a_condition", "nothing_subtracted", "algebra", "no_column"})

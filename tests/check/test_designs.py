"""Faults of matching and of the permutation: rows per unit, and what must not change within a level."""

import pytest
from checked_studies import assert_says, faults, write
from specdid._run.prepare import examine

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

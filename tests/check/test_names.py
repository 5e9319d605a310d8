"""Faults of names: columns, derived ones, macros and what a variant replaces."""

import pytest
from checked_studies import assert_says, faults, marked

ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "column in controls": (
        {"controls": '"c" = "1 + xx"'},
        "no_column",
        "no column `xx` in d.csv",
        "xx",
        "did you mean `x`?",
    ),
    "column in outcome": (
        {"outcome": '"y" = "log(yy)"'},
        "no_column",
        "no column `yy`",
        "yy",
        "did you mean `y`?",
    ),
    "column in effects": (
        {"fixed_effects": '"f" = "id^yeer"'},
        "no_column",
        "no column `yeer`",
        "yeer",
        "`year`",
    ),
    "column in slopes": (
        {"fixed_effects": '"f" = "id[yeer]"'},
        "no_column",
        "no column `yeer`",
        "yeer",
        "`year`",
    ),
    "column in sample": (
        {"sample": '"s" = "zonee == \'a\'"'},
        "no_column",
        "no column `zonee`",
        "zonee",
        "`zone`",
    ),
    "column in weights": ({"weights": '"w" = "ww"'}, "no_column", "no column `ww`", "ww", "`w`"),
    "column in with": (
        {"treatment": '"d" = { term = "d:x", with = "d + xx" }'},
        "no_column",
        "no column `xx`",
        "xx",
        None,
    ),
    "column in cohort": (
        {"treatment": '"d" = { term = "d", cohort = "frst" }'},
        "no_column",
        "`frst`",
        "frst",
        "`first`",
    ),
    "column in macro": ({"macros": 'm = "x + zz"'}, "no_column", "no column `zz`", "zz", "`z`"),
    "column in vcov": ({"vcov": '"c" = "~id + stat"'}, "no_column", "no column `stat`", "stat", "`state`"),
    "column in match": (
        {"sample": '"m" = { match = { on = "z + xx", at = "year == 2010", method = "nearest" } }'},
        "no_column",
        "no column `xx`",
        "xx",
        None,
    ),
    "column in variant": (
        {"variant__v": '"a" = { where = "zzone == 1" }'},
        "no_column",
        "no column `zzone`",
        "zzone",
        "`zone`",
    ),
    "column in cluster": ({"inference": 'cluster = "idd"'}, "no_column", "no column `idd`", "idd", "`id`"),
    "column in assign": ({"inference": 'assign = "pilott"'}, "no_column", "`pilott`", "pilott", "`pilot`"),
    "column in selector": (
        {"controls": '"c" = "mvsw(x, z)"', "preferred": 'controls = { has = "xx" }'},
        "no_column",
        "no column `xx`",
        "xx",
        "did you mean `x`?",
    ),
    "derived further down": (
        {"derive": 'a = "b + 1"\nb = "y"'},
        "circular",
        "`b` is derived only further down",
        "b",
        "move `b` above `a`",
    ),
    "derived by itself": ({"derive": 'a = "a + 1"'}, "circular", "`a` is defined by itself", "a", None),
    "derived key": ({"derive": 'year = "year - 2000"'}, "bad_name", "unit or time", "year - 2000", None),
    "variant replaces nothing": (
        {"variant__v": '"a" = { derive = { xx = "2" } }'},
        "no_column",
        "`xx` is neither a column",
        "2",
        "did you mean `x`?",
    ),
    "variant before derive": (
        {"derive": 'a = "y"', "variant__v": '"o" = { derive = { x = "a" } }'},
        "no_column",
        "`a` is derived only after a variant has replaced columns",
        "a",
        None,
    ),
    "unknown macro": ({"controls": '"c" = "..m"'}, "", "`..m`", "..m", None),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


def test_a_definition_with_an_unknown_name_is_said_once(tmp_path):
    found = faults(tmp_path, derive='a = "nope + 1"\nb = "a * 2"', outcome='"y" = "b"')
    assert [f.message for f in found] == ["no column `nope` in d.csv"]


def test_a_variant_cannot_move_the_panel(tmp_path):
    (fault,) = faults(tmp_path, variant__v='"a" = {}\n"b" = { derive = { year = "year + 1" } }')
    assert (fault.code, marked(fault)) == ("bad_name", "year + 1")


def test_names_a_variant_defines_may_be_used_in_it(tmp_path):
    assert tuple(faults(tmp_path, variant__v='"a" = { derive = { new = "x^2" }, add = "new" }')) == ()

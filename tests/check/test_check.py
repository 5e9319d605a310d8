"""Every semantic fault: what it says and the characters it points at."""

import subprocess
import sys

import pytest
from specdid._run.prepare import examine

DATA = """\
id,year,y,z,d,first,x,w,zone,text,gap,state,pilot
1,2010,1.0,2.0,0,2012,0.5,1,a,p,1,1,1
1,2011,2.0,1.0,0,2012,0.7,1,a,q,1,1,1
1,2012,4.0,1.5,1,2012,0.1,1,a,p,1,1,1
2,2010,1.5,0.0,0,0,0.2,2,b,q,2,1,0
2,2011,2.5,2.0,0,0,0.9,2,b,p,,1,0
2,2012,2.0,3.0,0,0,0.4,2,b,q,2,1,0
3,2010,0.5,4.0,0,0,0.3,3,b,p,3,2,0
3,2011,1.0,1.0,0,0,0.6,3,b,q,3,2,0
3,2012,1.5,2.0,0,0,0.8,3,b,p,3,2,0
"""
SPEC = {
    "study": 'data = "d.csv"\nunit = "id"\ntime = "year"',
    "outcome": '"y" = "y"',
    "treatment": '"d" = "d"',
}


def write(directory, study="", data=DATA, **tables):
    """A small sound study with tables added or replaced."""
    parts = {**SPEC, **tables}
    parts["study"] = "\n".join(filter(None, [SPEC["study"], study]))
    text = "".join(f"[{name.replace('__', '.')}]\n{body}\n" for name, body in parts.items())
    (directory / "d.csv").write_text(data)
    (directory / "s.toml").write_text(text)
    return directory / "s.toml"


def faults(directory, **tables):
    return examine(write(directory, **tables))[1]


def marked(fault):
    """What the caret of a fault underlines."""
    place = fault.place
    return place.line_text[place.column - 1 : place.column - 1 + place.length]


def test_a_sound_study_has_no_faults(tmp_path):
    prepared, found = examine(write(tmp_path, controls='"x" = "x"'))
    assert tuple(found) == ()
    assert len(prepared.plan) == 1


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
        "derive_order",
        "`b` is derived only further down",
        "b",
        "move `b` above `a`",
    ),
    "derived by itself": ({"derive": 'a = "a + 1"'}, "circular", "`a` is defined by itself", "a", None),
    "derived key": ({"derive": 'year = "year - 2000"'}, "derived_key", "unit or time", "year - 2000", None),
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
    "text outcome": (
        {"outcome": '"t" = "text"'},
        "not_numeric",
        "`text` is text, not numeric",
        "text",
        "“p”, “q”",
    ),
    "text in arithmetic": ({"derive": 'a = "2 * text"'}, "not_numeric", "`text` is text", "text", None),
    "text weights": ({"weights": '"w" = "zone"'}, "not_numeric", "`zone` is text", "zone", None),
    "text condition": ({"sample": '"s" = "zone"'}, "not_numeric", "`zone` is text", "zone", None),
    "text and number": (
        {"sample": '"s" = "zone == 1"'},
        "compare_kinds",
        "`zone` is text and `1` is numeric",
        "zone == 1",
        "“a”, “b”",
    ),
    "text treatment": (
        {"treatment": '"t" = "zone"'},
        "treatment_text",
        "the treatment `zone` is text",
        "zone",
        'zone == "a"',
    ),
    "treatment of several": (
        {"treatment": '"t" = "factor(state):d"'},
        "treatment_terms",
        "is 2 variables; it must be one",
        "factor(state):d",
        None,
    ),
    "constant treatment": (
        {"derive": 'k = "d * 0"', "treatment": '"t" = "k"'},
        "treatment_constant",
        "`k` is 0 in every row",
        "k",
        None,
    ),
    "missing treatment": (
        {"derive": 'k = "log(d - 1)"', "treatment": '"t" = "k"'},
        "treatment_missing",
        "missing in every row",
        "k",
        None,
    ),
    "empty cohort": (
        {"derive": 'c = "ifelse(first == 0, NA, first)"', "treatment": '"d" = { term = "d", cohort = "c" }'},
        "cohort_missing",
        "the cohort is empty in rows 4, 5, 6 and 3 more",
        "c",
        'never = "empty"',
    ),
    "changing cohort": (
        {"derive": 'c = "first * (year > 2010)"', "treatment": '"d" = { term = "d", cohort = "c" }'},
        "cohort_varies",
        "the cohort changes within id 1",
        "c",
        "at()",
    ),
    "cohort that is no period": (
        {
            "derive": 'c = "ifelse(first == 2012, 2011.5, 0)"',
            "treatment": '"d" = { term = "d", cohort = "c" }',
        },
        "cohort_period",
        "the cohort holds 2011.5, which is no whole number",
        "c",
        None,
    ),
    "text cohort": (
        {"treatment": '"d" = { term = "d", cohort = "zone" }'},
        "not_numeric",
        "`zone` is text",
        "zone",
        None,
    ),
    "cohort against term": (
        {"treatment": '"d" = { term = "pilot", cohort = "first" }', "estimator": '"s" = "sunab"'},
        "cohort_differs",
        "`pilot` differs from `year >= first` in 2 rows",
        "pilot",
        None,
    ),
    "negative weights": (
        {"weights": '"w" = "w - 2"'},
        "weights_negative",
        "negative in rows 1, 2 and 3",
        "w - 2",
        None,
    ),
    "zero weights": (
        {"weights": '"w" = "w * 0"'},
        "weights_zero",
        "no row has a weight above 0",
        "w * 0",
        None,
    ),
    "missing cluster": (
        {"vcov": '"g" = "~gap"'},
        "cluster_missing",
        "`gap` is missing in row 5",
        "gap",
        None,
    ),
    "missing cluster of inference": (
        {"inference": 'cluster = "gap"'},
        "cluster_missing",
        "missing in row 5",
        "gap",
        None,
    ),
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
    "unknown option": (
        {"estimator": '"s" = { method = "sunab", contrl = "never" }'},
        "unknown_option",
        "no option `contrl`",
        "contrl",
        "did you mean `control`?",
    ),
    "option of no estimator": (
        {"estimator": '"o" = { method = "feols", zz = 1 }'},
        "unknown_option",
        "no option `zz`",
        "zz",
        None,
    ),
    "option's type": (
        {"estimator": '"l" = { method = "lpdid", pre_window = true }'},
        "option_value",
        "`pre_window` of lpdid must be a whole number",
        "true",
        None,
    ),
    "option's value": (
        {"estimator": '"s" = { method = "sunab", control = "no" }'},
        "option_value",
        'must be "never" or "notyet"',
        "no",
        None,
    ),
    "option's list": (
        {"estimator": '"s" = { method = "sunab", reference = [-1, 0.5] }'},
        "option_value",
        "a whole number, or a list of them",
        "[-1, 0.5]",
        None,
    ),
    "label in exclude": (
        {"estimator": '"OLS" = "feols"', "[exclude]": 'when = { estimator = "OSL" }\nbecause = "x"'},
        "no_option",
        "no option of estimator is `OSL`",
        "OSL",
        "did you mean `OLS`?",
    ),
    "formula in preferred": (
        {"controls": '"c" = "mvsw(x, z)"', "preferred": 'controls = "x + w"'},
        "no_option",
        "no option of controls is `x + w`",
        "x + w",
        "did you mean `x + z`?",
    ),
    "has and lacks": (
        {"controls": '"c" = "csw(x, z)"', "preferred": 'controls = { has = "z", lacks = "x" }'},
        "no_option",
        "no option of controls has `z` and lacks `x`",
        '{ has = "z", lacks = "x" }',
        None,
    ),
    "several preferred": (
        {"controls": '"c" = "csw(x, z)"', "preferred": 'controls = "c"'},
        "preferred_several",
        "this stands for 2 options of controls",
        "c",
        "such as `x`",
    ),
    "several values": (
        {"derive": 'a = "at(y, year > 2010)"'},
        "several_values",
        "id 1 has more than one",
        "at(y, year > 2010)",
        None,
    ),
    "reference level": (
        {"controls": '"c" = "i(year, ref = 1999)"'},
        "no_level",
        "no level 1999",
        "1999",
        "2010, 2011, 2012",
    ),
    "unknown macro": ({"controls": '"c" = "..m"'}, "", "`..m`", "..m", None),
    "main effects": (
        {"treatment": '"t" = "d:x"'},
        "no_main_effects",
        "without the main effect",
        "d:x",
        "with",
    ),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    found = faults(tmp_path, **tables)
    (fault,) = found.errors
    assert code in fault.code
    assert message in fault.message
    assert marked(fault).strip('"') == underlined
    assert advice is None or advice in fault.help


WARNINGS = {
    "empty sample": (
        {"sample": '"s" = "year > 2020"'},
        "empty_sample",
        "no row satisfies this condition",
        "year > 2020",
    ),
    "empty variant": ({"variant__v": '"a" = { where = "x > 9" }'}, "empty_sample", "no row", "x > 9"),
    "no such value": ({"sample": '"s" = "zone != \'aa\'"'}, "no_level", "no row has the value “aa”", "'aa'"),
    "no such value in a list": ({"derive": "q = \"zone %in% c('a', 'A')\""}, "no_level", "value “A”", "'A'"),
    "missing weights": ({"weights": '"w" = "gap"'}, "weights_missing", "missing in row 5", "gap"),
    "scale": (
        {"outcome": '"y" = { formula = "y", scale = "logs" }\n"z" = { formula = "z", scale = "Logs" }'},
        "scale_spelling",
        "`Logs` and `logs` are two curves",
        "z",
    ),
    "no scale": (
        {"outcome": '"y" = { formula = "y", scale = "logs" }\n"z" = "z"'},
        "no_scale",
        "no scale",
        "z",
    ),
    "overwritten": ({"derive": 'x = "y * 2"'}, "overwrites", "`x` replaces a column", "y * 2"),
    "labels": ({"labels": 'xx = "income"'}, "no_column", "no column `xx`", "xx"),
    "cohort unused": (
        {"treatment": '"d" = { term = "pilot", cohort = "first" }'},
        "cohort_differs",
        "in 2 rows",
        "pilot",
    ),
    "empty outcome": (
        {"outcome": '"y" = "log(-abs(y))"'},
        "outcome_missing",
        "missing in every row",
        "log(-abs(y))",
    ),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_warnings(tmp_path, case):
    tables, code, message, underlined = WARNINGS[case]
    found = faults(tmp_path, **tables)
    assert found.errors == ()
    (fault,) = found.warnings
    assert fault.code == code
    assert message in fault.message
    assert marked(fault).strip('"') == underlined


def test_labels_may_name_options_scales_and_dimensions(tmp_path):
    outcome = '"prod" = { formula = "y", scale = "logs" }'
    labels = 'prod = "output"\nlogs = "log points"\nsample = "cities"'
    assert tuple(faults(tmp_path, outcome=outcome, labels=labels)) == ()


def test_rows_where_term_and_cohort_differ_are_named(tmp_path):
    (fault,) = faults(
        tmp_path, treatment='"d" = { term = "pilot", cohort = "first" }', estimator='"s" = "sunab"'
    )
    assert fault.notes == (
        "row 1 (id 1, year 2010): the term is 1 and the cohort says 0",
        "row 2 (id 1, year 2011): the term is 1 and the cohort says 0",
    )


def test_an_excluded_cohort_estimator_does_not_need_the_cohort(tmp_path):
    path = write(
        tmp_path,
        treatment='"d" = { term = "pilot", cohort = "first" }',
        estimator='"OLS" = "feols"\n"SA" = "sunab"',
        **{"[exclude]": 'when = { estimator = "SA" }\nbecause = "x"'},
    )
    (fault,) = examine(path)[1]
    assert (fault.code, fault.severity) == ("cohort_differs", "warning")


@pytest.mark.parametrize(
    "cohort", ["first", "ifelse(first == 0, 9999, first)", "ifelse(first == 0, 1 / 0, first)"]
)
def test_never_treated_in_its_spellings(tmp_path, cohort):
    found = faults(
        tmp_path, treatment=f'"d" = {{ term = "d", cohort = "{cohort}" }}', estimator='"s" = "sunab"'
    )
    assert tuple(found) == ()


def test_an_empty_cohort_may_be_declared_never_treated(tmp_path):
    found = faults(
        tmp_path,
        study='never = "empty"',
        treatment='"d" = { term = "d", cohort = "ifelse(first == 0, NA, first)" }',
    )
    assert tuple(found) == ()


def test_a_fault_in_a_derived_column_is_said_once(tmp_path):
    found = faults(
        tmp_path, derive='a = "text + 1"\nb = "a * 2"', outcome='"y" = "b"', controls='"c" = "a + b"'
    )
    assert [f.message for f in found] == ["`text` is text, not numeric"]


def test_a_definition_with_an_unknown_name_is_said_once(tmp_path):
    found = faults(tmp_path, derive='a = "nope + 1"\nb = "a * 2"', outcome='"y" = "b"')
    assert [f.message for f in found] == ["no column `nope` in d.csv"]


def test_a_variant_cannot_move_the_panel(tmp_path):
    (fault,) = faults(tmp_path, variant__v='"a" = {}\n"b" = { derive = { year = "year + 1" } }')
    assert (fault.code, marked(fault)) == ("derived_key", "year + 1")


def test_a_cluster_may_be_missing_where_no_sample_is(tmp_path):
    assert tuple(faults(tmp_path, vcov='"g" = "~gap"', sample='"s" = "!is.na(gap)"')) == ()


def test_what_fails_only_under_a_variant_says_which(tmp_path):
    found = faults(
        tmp_path,
        derive='a = "at(x, year == 2010)"',
        controls='"c" = "a"',
        **{"variant__v": '"kept" = {}\n"text" = { derive = { x = "text" } }', "outcome": '"y" = "y + x"'},
    )
    (fault,) = found
    assert fault.message == "under v = “text”: `x` is text, not numeric"
    assert fault.place.line_text.startswith('"text"')


def test_names_a_variant_defines_may_be_used_in_it(tmp_path):
    assert tuple(faults(tmp_path, variant__v='"a" = { derive = { new = "x^2" }, add = "new" }')) == ()


def test_without_unit_the_test_is_off(tmp_path):
    path = write(tmp_path)
    path.write_text('[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n')
    (fault,) = examine(path)[1]
    assert (fault.code, fault.severity) == ("no_test", "warning")


def test_a_cohort_estimator_needs_unit_and_time(tmp_path):
    path = write(tmp_path)
    path.write_text(
        '[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n[estimator]\ns = "sunab"\n'
        "[inference]\ndraws = 0\n"
    )
    (fault,) = examine(path)[1]
    assert fault.message == "sunab needs the unit and time of the panel"


def test_all_faults_at_once_in_file_order(tmp_path):
    found = faults(
        tmp_path,
        derive='a = "nope"',
        controls='"c" = "xx + text2"',
        sample='"s" = "zone == 1"',
        weights='"w" = "-w"',
        estimator='"s" = { method = "sunab", zz = 1 }',
        **{"[exclude]": 'when = { outcome = "Y" }\nbecause = "x"'},
    )
    lines = [f.place.line for f in found]
    assert lines == sorted(lines)
    assert [f.code for f in found.errors] == [
        "no_column",
        "no_column",
        "no_column",
        "compare_kinds",
        "weights_negative",
        "unknown_option",
        "no_option",
    ]


def test_faults_of_the_study_are_said_where_the_data_cannot_be_read(tmp_path):
    path = write(tmp_path, estimator='"s" = { method = "sunab", zz = 1 }')
    (tmp_path / "d.csv").unlink()
    assert [f.code for f in examine(path)[1]] == ["no_file", "unknown_option"]


def test_a_check_loads_no_heavy_library(tmp_path):
    path = write(
        tmp_path,
        controls='"c" = "poly(x, 2) + factor(state)"',
        treatment='"d" = { term = "d", cohort = "first" }',
        estimator='"a" = "feols"\n"b" = "sunab"\n"c" = "lpdid"\n"d" = "did2s"\n"e" = "fepois"',
    )
    code = (
        "import sys; from specdid._run.prepare import examine;"
        f"assert not examine({str(path)!r})[1].errors;"
        "print([m for m in ('pandas', 'scipy', 'formulaic', 'pyfixest', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

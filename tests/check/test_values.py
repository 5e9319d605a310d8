"""Faults of values: text where numbers are needed, weights, clusters, levels, numbers as conditions."""

import polars as pl
import pytest
import specdid
from checked_studies import assert_says, faults, marked
from small_studies import small_panel, small_study
from specdid._check import gaps
from specdid._words import known

ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "text outcome": (
        {"outcome": '"t" = "text"'},
        "column_type",
        "`text` is text, not numeric",
        "text",
        "“p”, “q”",
    ),
    "text in arithmetic": ({"derive": 'a = "2 * text"'}, "column_type", "`text` is text", "text", None),
    "text weights": ({"weights": '"w" = "zone"'}, "column_type", "`zone` is text", "zone", None),
    "text condition": ({"sample": '"s" = "zone"'}, "column_type", "`zone` is text", "zone", None),
    "text and number": (
        {"sample": '"s" = "zone == 1"'},
        "column_type",
        "`zone` is text and `1` is numeric",
        "zone == 1",
        "“a”, “b”",
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
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors(tmp_path, case):
    tables, code, message, underlined, advice = ERRORS[case]
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


def test_a_fault_in_a_derived_column_is_said_once(tmp_path):
    found = faults(tmp_path, derive='a = "text + 1"\nb = "a * 2"', outcome='"y" = "b"', controls='"c" = "a + b"')
    assert [f.message for f in found] == ["`text` is text, not numeric"]


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
    assert codes.isdisjoint({"wrong_place", "no_column"})


@pytest.mark.parametrize(
    ("study", "shown"),
    [
        (
            {"outcome": {"y": "winsorize(y, 0.05)", "z": "winsorize(z, 0.05)"}},
            "`winsorize(y, 0.05)`, `winsorize(z, 0.05)`",
        ),
        ({"derive": {"t": "trim(x1, 0.01)"}, "controls": {"t": "t"}}, "`trim(x1, 0.01)`"),
        ({"outcome": {"y": "winsorize(y, 0.05, by = year)"}}, ""),
        ({"controls": {"x": "scale(x1) + center(x2)"}}, ""),
        ({"sample": {"s": "winsorize(x1, 0.1) > 0"}}, ""),
    ],
)
def test_limits_of_all_periods_are_noted_once_where_outcomes_and_controls_are_cut_at_them(study, shown):
    found = [f.message for f in specdid.check(small_study(**study), small_panel()) if f.code == "limits_of_all_periods"]
    said = f"the tails in {shown} are those of all periods: a treatment that moves the tails moves the limits"
    assert found == ([said] if shown else [])


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"outcome": {"y": "at(y, year == 2003)"}}, True),  # of each unit once
        ({"outcome": {"y": "mean(y, by = id)"}, "sample": {"all": "TRUE", "late": "year > 2003"}}, True),
        ({}, False),
        ({"outcome": {"y": "id %% 2 + 0 * y"}, "sample": {"one": "year == 2006"}}, False),  # one row a unit
        ({"outcome": {"y": "at(y, year == 2003)"}, "treatment": {"early": "cohort == 2004"}}, False),
        ({"outcome": {"y": "ifelse(year == 2006, y, NA)"}}, False),
        ({"outcome": {"y": "0 * y"}}, False),  # constant at all
    ],
)
def test_an_outcome_that_is_constant_within_units_is_told(study, said):
    found = [f for f in specdid.check(small_study(**study), small_panel()) if f.code == "outcome_constant"]
    assert len(found) == said
    assert all("is the same in all rows of every `id`" in f.message for f in found)


@pytest.mark.parametrize(
    ("control", "codes"),
    [
        ("pmin(age, quantile(age, 0.95))", set()),
        ("winsorize(age, 0.05)", set()),
        ("mean(age, by = kind)", set()),
        ("pmin(gaps, quantile(gaps, 0.95))", set()),  # known in some periods alone
        ("pmin(x1, quantile(x1, 0.95))", {"later_values"}),
        ("winsorize(x1, 0.05)", {"limits_of_all_periods"}),
        ("mean(x1, by = kind)", {"later_values"}),
        ("mean(age, by = moved)", {"later_values"}),
        # what picks the first period's value reads none after it
        ("max(ifelse(year == 2001, x1, NA), by = id)", set()),
        ("sum(ifelse(year > 2001, 0, x1), by = id)", set()),
        ("sum(x1 * (year == 2001), by = id)", set()),
        ("mean(ifelse(year == 2001, x1, NA), by = kind)", set()),
        ("mean(start, by = id)", set()),
        ("at(x1, year == min(year, by = id))", set()),
        ("max(ifelse(year == 2002, x1, NA), by = id)", {"later_values"}),
        ("max(ifelse(year == 2001, 0, x1), by = id)", {"later_values"}),
        ("max(ifelse(x1 > 0, 1, 0), by = id)", {"later_values"}),
        ("sum(x1 * (x1 > 0), by = id)", {"later_values"}),
        ("max(ifelse(year == 2006, x1, NA), by = moved)", {"later_values"}),
        ("max(year, by = id) * x1", set()),
    ],
)
def test_what_is_constant_within_units_has_no_later_values(control, codes):
    frame = small_panel().with_columns(age=20.0 + pl.col("id") % 7, kind=pl.when(pl.col("id") > 9).then(1).otherwise(0))
    frame = frame.with_columns(gaps=pl.when(pl.col("year") > 2003).then(pl.col("age")), moved=pl.col("year") > 2004)
    frame = frame.with_columns(start=pl.when(pl.col("year") == pl.col("year").min()).then(pl.col("x1")))
    found = {f.code for f in specdid.check(small_study(controls={"c": control}), frame)}
    assert found & {"later_values", "limits_of_all_periods"} == codes


GAPS = (
    small_panel(30)
    .with_row_index("r")
    .with_columns(g=pl.when(pl.col("r") % 17 == 3).then(None).otherwise(pl.col("x1")))
)


@pytest.mark.parametrize(
    ("changes", "true", "line"),
    [
        ({"controls": {"a": "I(g > 0)"}}, True, '"is.na(g) | g > 0"; false, as in Python: "!is.na(g) & g > 0"'),
        ({"controls": {"a": "I(0 > g)"}}, False, '"!is.na(g) & 0 > g"'),
        ({"controls": {"a": "ifelse(g != 2, x2, 0)"}}, True, '"is.na(g) | g != 2"'),
        ({"outcome": {"o": "I(g <= 0)"}}, False, '"!is.na(g) & g <= 0"'),
        ({"treatment": {"t": "I(d * (g >= 0))"}}, True, '"is.na(g) | g >= 0"; false'),
        ({"derive": {"rich": "g > 0"}, "controls": {"a": "rich", "b": "rich + x2"}}, True, '"is.na(g) | g > 0"; false'),
    ],
)
def test_a_comparison_with_empty_cells_says_what_it_is_in_stata(changes, true, line):
    (fault,) = [f for f in specdid.check(small_study(**changes), GAPS) if f.code == "comparison_missing"]
    assert "is missing in 10 rows of 10 units, where `g` is" in fault.message
    assert fault.message.endswith(f"it is {'true' if true else 'false'} there")
    assert fault.help.startswith(f"as in Stata: {line}")
    assert known(fault.message, "zh")


GUARDED = [
    "I(is.na(g) | g > 0)", "g", "ifelse(is.na(g), 0, g > 0)", "I(x1 > 0)", "I((!is.na(g) & g == 1) * g)",
    "ifelse(!is.na(g) & g == 1, 0, g)", "case_when(g > 0 ~ g, TRUE ~ g)", "ifelse(is.na(g), g, ifelse(g > 0, 1, 2))",
    "l(ifelse(!(g < 2 & !is.na(g)), x1, NA), 1)", "ifelse(g >= 0 & g <= 2, 5, g)", "ifelse(g < 2, x1, NA)",
]  # fmt: skip


def test_a_comparison_is_told_with_the_column_that_it_stands_in():
    """Of two columns with the same comparison, the rows of one alone are lost."""
    derive = {"lost": "ifelse(g > 0, 1, 0)", "kept": "case_when(g > 0 ~ 1, TRUE ~ 0)"}
    study = small_study(outcome={"a": "lost", "b": "kept"}, derive=derive)
    found = {
        f.code: f.message for f in specdid.check(study, GAPS) if f.code in ("comparison_missing", "default_of_missing")
    }
    assert found["comparison_missing"].startswith("`g > 0` of `lost` is missing in 10 rows of 10 units")
    assert found["default_of_missing"].startswith(
        "`kept` is `0`, the last case of case_when(), in 10 rows where `g` is"
    )
    assert all(known(message, "zh") for message in found.values())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"outcome": {"o": "case_when(g > 0 ~ 1, .default = 0)"}}, True),
        ({"outcome": {"o": "case_when(x1 > 0 ~ 1, g > 0 ~ 1, TRUE ~ 0)"}}, True),
        ({"outcome": {"o": "case_when(is.na(g) ~ NA, g > 0 ~ 1, TRUE ~ 0)"}}, False),
        ({"outcome": {"o": "case_when(g > 0 ~ 1, TRUE ~ g)"}}, False),
        ({"outcome": {"o": "case_when(g > 0 ~ 1, g <= 0 ~ 0)"}}, False),
        ({"outcome": {"o": "case_when(x1 > 0 ~ 1, TRUE ~ 0)"}}, False),
        ({"outcome": {"o": "case_when(g > 0 ~ 1, TRUE ~ 0)"}, "sample": {"s": "!is.na(g)"}}, False),
        ({"treatment": {"t": "case_when(g > 0 ~ d, TRUE ~ 0)"}}, False),
        ({"controls": {"c": "case_when(g > 0 ~ 1, TRUE ~ 0)"}}, False),
    ],
)
def test_an_outcome_that_is_the_last_case_where_conditions_are_missing_is_told(changes, told):
    found = [f for f in specdid.check(small_study(**changes), GAPS) if f.code == "default_of_missing"]
    assert len(found) == told


@pytest.mark.parametrize("control", GUARDED)
@pytest.mark.parametrize("derived", [False, True])
def test_what_is_written_for_empty_cells_has_no_warning(control, derived):
    changes = {"derive": {"made": control}, "controls": {"a": "made * 2"}} if derived else {"controls": {"a": control}}
    assert "comparison_missing" not in {f.code for f in specdid.check(small_study(**changes), GAPS)}


def test_of_two_comparisons_that_are_missing_both_are_told():
    changes = {"derive": {"made": "g < 5"}, "controls": {"a": "I((g > 0) + made)"}}
    found = [f for f in specdid.check(small_study(**changes), GAPS) if f.code == "comparison_missing"]
    assert [f.message.split(" is missing")[0] for f in found] == ["`g > 0`", "`g < 5` of `made`"]


def test_the_line_for_stata_counts_empty_cells_as_large():
    """As `gen rich = g > 0` in Stata: true in the rows without g, which then stay."""
    written = {"as here": "I(g > 0)", "as in Stata": "I(is.na(g) | g > 0)"}
    curve = specdid.run(small_study(controls=written, inference={"draws": 0}, figure={"formats": []}), GAPS, audit=0)
    rows = curve.table.groupby("controls")["nobs"].max()
    assert rows["as in Stata"] - rows["as here"] == 10
    assert "comparison_missing" in {c.code for c in curve.warnings}


def test_a_sample_says_that_stata_keeps_the_rows():
    (fault,) = [f for f in specdid.check(small_study(sample={"s": "g > 0"}), GAPS) if f.code == "condition_missing"]
    assert fault.help.startswith('to keep them, as Stata does, write "is.na(g) | g > 0"')


def test_units_that_leave_whole_with_a_condition_or_a_control_are_told_of():
    """Where the value of one period is missing, `at` is, in every row of the unit."""
    base = pl.when((pl.col("id") != 3) | (pl.col("year") != 2002)).then(pl.col("x1"))
    frame = small_panel().with_columns(base=base)
    at = "at(base, year == 2002)"
    (fault,) = [f for f in specdid.check(small_study(sample={"s": f"{at} < 99"}), frame) if "condition" in f.code]
    rows = frame.filter(pl.col("id") == 3).height
    assert fault.message.startswith(f"this condition is missing in {rows} rows of 1 unit, which are not in this sample")
    asked = small_study(controls={"n": "1", "size": f"{at}:year"})
    (fault,) = [f for f in specdid.check(asked, frame) if f.code == "control_missing"]
    assert fault.message.startswith(f"`{at}` is missing in every row of 1 unit that outcomes are known of")
    assert known(fault.message, "zh")
    assert "control_missing" in {c.code for c in specdid.run(asked, frame, audit=0).warnings}
    assert "control_missing" not in {f.code for f in specdid.check(small_study(controls={"b": "base"}), frame)}


@pytest.mark.parametrize(("effects", "part"), [("id + region^year", "region"), ("id + year + region", "region")])
def test_units_that_leave_whole_with_a_fixed_effect_are_told_of(effects, part):
    frame = small_panel()
    region = (pl.col("id") % 2).cast(pl.String)
    gone = frame.with_columns(region=pl.when(pl.col("id") != 3).then(region))
    asked = small_study(outcome={"y": "y"}, fixed_effects={"f": effects})
    (fault,) = [f for f in specdid.check(asked, gone) if f.code == "effect_missing"]
    assert fault.message.startswith(f"`{part}` is missing in every row of 1 unit that outcomes are known of")
    holes = frame.with_columns(region=pl.when((pl.col("id") != 3) | (pl.col("year") != 2002)).then(region))
    unknown = gone.with_columns(y=pl.when(pl.col("id") != 3).then(pl.col("y")))
    for clean in (frame.with_columns(region=region), holes, unknown):
        assert "effect_missing" not in {f.code for f in specdid.check(asked, clean)}
    outside = small_study(outcome={"y": "y"}, fixed_effects={"f": effects}, sample={"s": "id != 3"})
    assert "effect_missing" not in {f.code for f in specdid.check(outside, gone)}


def test_hundreds_of_comparisons_and_columns_of_columns_cost_no_more_than_a_few():
    """Looking at each costs evaluations of the whole; columns that name two others would be entered 2^20 times."""
    long = " | ".join(f"x1 > {k / 100}" for k in range(240))
    derive = {"a0": "x1 > 0", "b0": "x1 < 1"}
    for k in range(1, 21):
        derive |= {f"a{k}": f"a{k - 1} | b{k - 1}", f"b{k}": f"a{k - 1} & b{k - 1}"}
    frame = small_panel().with_columns(x1=pl.when(pl.col("x1") < 0.5).then(pl.col("x1")))
    asked = []
    with pytest.MonkeyPatch.context() as patch:
        counted = gaps._missing
        patch.setattr(gaps, "_missing", lambda *given: asked.append(1) or counted(*given))
        study = small_study(controls={"long": f"I({long})", "deep": "a20"}, derive=derive)
        found = [f for f in specdid.check(study, frame) if f.code == "comparison_missing"]
    assert found
    assert len(asked) < 1500


def test_a_condition_beside_others_keeps_these_where_its_column_is_empty():
    (fault,) = [
        f
        for f in specdid.check(small_study(sample={"s": "x1 < 9 & g > 0 & !is.na(x1)"}), GAPS)
        if f.code == "condition_missing"
    ]
    assert fault.help == (
        'to keep them, as Stata does, write "x1 < 9 & !is.na(x1) & (is.na(g) | g > 0)", to leave them out, as R does '
        'with NA, "x1 < 9 & !is.na(x1) & !is.na(g) & g > 0"'
    )


def untreated_again(values, units=8, years=10, **treatment):
    rows = [(k, 2000 + t, float(values(k, t))) for k in range(units) for t in range(years)]
    frame = pl.DataFrame(rows, ["id", "year", "d"], orient="row").with_columns(y=pl.int_range(pl.len()) % 7 / 1.0)
    study = {"study": {"title": "t", "unit": "id", "time": "year"}, "outcome": {"y": "y"}, "treatment": {"d": "d"}}
    return [f for f in specdid.check(study, frame) if f.code == "untreated_again"]


def test_a_treatment_that_goes_back_to_zero_is_told_with_counts():
    assert not untreated_again(lambda k, t: k < 4 and t > 4)
    (fault,) = untreated_again(lambda k, t: k < 4 and t > 4 and (k, t) != (2, 7))
    assert "in 1 of 4 units ever treated, and to 1 again in 1 of them: 2, 2007" in fault.message
    assert known(fault.message, "zh")
    (fault,) = untreated_again(lambda k, t: k < 4 and t > 4 and (k, t) != (2, 9))
    assert "in 1 of 4 units ever treated, and to 1 again in 0 of them: 2, 2009" in fault.message
    (fault,) = untreated_again(lambda k, t: (k + t) % 2)
    assert "in 8 of 8 units ever treated, and to 1 again in 8 of them" in fault.message
    assert not untreated_again(lambda k, t: 2.0 * ((k + t) % 2))


SIZES = [0.3, 0.7, 0.25, 1 / 3]


def in_single(expression, kind=pl.Float32, **changes):
    """What is said of an expression on a column of these sizes, and of whether it is serious."""
    frame = small_panel()
    size = pl.Series([SIZES[k // 5 % len(SIZES)] for k in range(frame.height)]).cast(kind)
    study = small_study(**(changes or {"sample": {"s": expression}}))
    return [f for f in specdid.check(study, frame.with_columns(size=size)) if f.code == "single_precision"]


@pytest.mark.parametrize(
    ("expression", "advice"),
    [
        ("size <= 0.3", "round(size, 6) <= 0.3"),
        ("size == 0.3", "round(size, 6) == 0.3"),
        ("size != .3", "round(size, 6) != 0.3"),
        ("size > 0.3", "round(size, 6) > 0.3"),
        ("0.3 >= size", "0.3 >= round(size, 6)"),
        ("size >= 0.7", "round(size, 6) >= 0.7"),
        ("year > 0 & size < 0.7", "round(size, 6) < 0.7"),
        ("size %in% c(0.25, 0.3)", "round(size, 6) %in% c(0.25, 0.3)"),
        ("between(size, 0.25, 0.3)", "between(round(size, 6), 0.25, 0.3)"),
        ("case_when(size <= 0.3 ~ 1, .default = 0) == 1", "round(size, 6) <= 0.3"),
        ("max(size, by = id) >= 0.7", "round(max(size, by = id), 6) >= 0.7"),
        ("size <= 1 / 3", None),
    ],
)
def test_a_comparison_that_single_precision_decides_is_told(expression, advice):
    (fault,) = in_single(expression)
    assert fault.severity == "warning"
    assert advice is None or f"`{advice}`" in fault.help
    assert "double" not in in_single(expression.replace("1 / 3", "0.3"))[0].help
    assert not in_single(expression, pl.Float64)


def test_what_to_write_is_told_no_more():
    assert not in_single("round(size, 6) <= 0.3")


@pytest.mark.parametrize("expression", ["size < 0.3", "size >= 0.3", "size > 0.7", "size <= 0.25", "size <= 0.4"])
def test_a_comparison_that_comes_out_the_same_in_single_precision_is_not_told(expression):
    assert not in_single(expression)


def test_comparisons_of_derived_columns_and_of_groups_are_told_too():
    derived = {"derive": {"small": "size <= 0.3", "own": "size"}, "sample": {"s": "own <= 0.3"}}
    assert len(in_single("", **derived)) == 2
    groups = {"heterogeneity": {"groups": {"small": "at(size, year == 2002) <= 0.3", "large": "size > 0.4"}}}
    (fault,) = in_single("", **groups)
    assert "round(at(size, year == 2002), 6) <= 0.3" in fault.help

"""Faults of treatments and cohorts: who is never treated, cohorts after the data, values missing for whole groups."""

import json
import re

import numpy as np
import polars as pl
import pytest
import specdid
from checked_studies import DATA, assert_says, faults, marked, write
from small_studies import small_panel, small_study
from specdid._run.prepare import examine
from specdid._words import known
from specdid.panel import first_periods, read_panel

ERRORS = {
    # case: (tables, code, message, what is underlined, help)
    "text treatment": (
        {"treatment": '"t" = "zone"'},
        "treatment_text",
        "the treatment `zone` is text",
        "zone",
        "write a condition that holds where it is treated",
    ),
    "treatment of several": (
        {"treatment": '"t" = "factor(state):d"'},
        "treatment_terms",
        "is 2 variables; it must be one",
        "factor(state):d",
        "name one of them as the treatment",
    ),
    "treatment of a 0/1 factor": (
        {"treatment": '"t" = "factor(d):gap"'},
        "treatment_terms",
        "is 2 variables; it must be one",
        "factor(d):gap",
        "write `d:gap`",
    ),
    "constant treatment": (
        {"derive": 'k = "d * 0"', "treatment": '"t" = "k"'},
        "treatment_constant",
        "`k` is 0 in every row",
        "k",
        None,
    ),
    "treatment of 1 and blanks": (
        {"derive": 'k = "ifelse(d == 1, 1, NA)"', "treatment": '"t" = "k"'},
        "treatment_constant",
        "`k` is 1 in every row",
        "k",
        "write 0 where these are untreated",
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
        "column_type",
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
    (fault,) = faults(tmp_path, **tables).errors
    assert_says(fault, code, message, underlined, advice)


@pytest.mark.parametrize("written", ["{}-06-01", "{}-06-01 00:00:00"])
def test_cohorts_that_are_dates_are_told_how_to_be_years(tmp_path, written):
    expression, never = "year(when)", ""

    def told(when):
        cohort = f'"d" = {{ term = "d", cohort = """{when}""" }}'
        return faults(tmp_path, study='never = "empty"', data=data, treatment=cohort, estimator='"s" = "sunab"')

    lines = DATA.splitlines()
    dated = [written.format(2012) if line.startswith("1") else never for line in lines[1:]]
    data = "\n".join(f"{line},{cell}" for line, cell in zip(lines, ["when", *dated], strict=True)) + "\n"
    (fault,) = told("when").errors
    assert fault.code == "column_type"
    assert f"its year is `{expression}`" in fault.help
    assert not [f for f in told(expression).errors if "its year is" in (f.help or "")]


def test_rows_where_term_and_cohort_differ_are_named(tmp_path):
    (fault,) = faults(tmp_path, treatment='"d" = { term = "pilot", cohort = "first" }', estimator='"s" = "sunab"')
    assert fault.notes == (
        "row 1 (id 1, year 2010): the term is 1 and the cohort says 0",
        "row 2 (id 1, year 2011): the term is 1 and the cohort says 0",
    )


@pytest.mark.parametrize(
    ("years", "shift", "words"),
    [(0, 1, "1 period later"), (0, -1, "1 period earlier"), (-1900, 0, "1,900 periods later")],
)
@pytest.mark.parametrize("never", [0, None])
def test_a_cohort_that_is_off_by_the_same_everywhere_is_told_by_how_much(years, shift, words, never):
    treated = pl.col("cohort") > 0
    frame = small_panel(1).with_columns(
        year=pl.col("year") + years, cohort=pl.when(treated).then(pl.col("cohort") + shift).otherwise(never)
    )
    study = small_study(estimator={"one": "csdid"}, outcome={"y": "y"}, fixed_effects={"f": "id + year"})
    study["study"]["never"] = [0, "empty"]

    def told(data):
        return [f for f in specdid.check(study, data) if f.code == "cohort_differs"]

    (fault,) = told(frame)
    assert fault.message.endswith(f" rows: everywhere the cohort is {words}")
    assert known(fault.message, "zh")
    (other,) = told(frame.with_columns(cohort=pl.col("cohort") + 2 * ((pl.col("id") == 3) & treated)))
    assert "everywhere" not in other.message
    study["treatment"] = {"d": {"term": "d", "cohort": json.loads(re.search(r'cohort = (".*")', fault.help)[1])}}
    assert not told(frame)


def test_an_excluded_cohort_estimator_does_not_need_the_cohort(tmp_path):
    path = write(
        tmp_path,
        treatment='"d" = { term = "pilot", cohort = "first" }',
        estimator='"OLS" = "feols"\n"SA" = "sunab"',
        fixed_effects='"f" = "year"',
        **{"[exclude]": 'when = { estimator = "SA" }\nbecause = "x"'},
    )
    (fault,) = examine(path)[1]
    assert (fault.code, fault.severity) == ("cohort_differs", "warning")


@pytest.mark.parametrize("cohort", ["first", "ifelse(first == 0, 9999, first)", "ifelse(first == 0, 1 / 0, first)"])
def test_never_treated_in_its_spellings(tmp_path, cohort):
    found = faults(tmp_path, treatment=f'"d" = {{ term = "d", cohort = "{cohort}" }}', estimator='"s" = "sunab"')
    assert tuple(found) == ()


def test_an_empty_cohort_may_be_declared_never_treated(tmp_path):
    found = faults(
        tmp_path,
        study='never = "empty"',
        treatment='"d" = { term = "d", cohort = "ifelse(first == 0, NA, first)" }',
    )
    assert tuple(found) == ()


def test_a_cohort_may_be_empty_for_units_whose_treatment_is_missing_throughout():
    """They are in no regression: the numbers are those of any cohort there."""
    gone, panel = pl.col("id").is_in([4, 6]), small_panel()
    study = small_study(
        estimator={name: name for name in ("feols", "sunab", "csdid")},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        inference={"draws": 9},
        event_study={"vary": ["estimator"]},
    )
    written = panel.with_columns(d=pl.when(~gone).then("d"))
    empty = written.with_columns(cohort=pl.when(~gone).then("cohort"))
    one, other = (specdid.run(study, frame, audit=0) for frame in (written, empty))
    assert one.table.equals(other.table)
    rows = [[t.rows for t in c.analyses[0].finding.tables] for c in (one, other)]
    assert repr(rows[0]) == repr(rows[1])
    first = pl.col("year") == 2001
    for still in (
        panel.with_columns(cohort=empty["cohort"]),
        panel.with_columns(pl.when(~(gone & first)).then(n).alias(n) for n in ("d", "cohort")),
    ):
        with pytest.raises(specdid.SpecError, match="the cohort is empty in rows"):
            specdid.run(study, still, audit=0)


def test_a_cohort_estimator_needs_unit_and_time(tmp_path):
    path = write(tmp_path)
    path.write_text(
        '[study]\ndata = "d.csv"\n[outcome]\ny = "y"\n[treatment]\nd = "d"\n[estimator]\ns = "sunab"\n'
        "[inference]\ndraws = 0\n"
    )
    (fault,) = examine(path)[1]
    assert fault.message == "sunab needs the unit and time of the panel"


YEARS = range(2000, 2008)
FIRST = {1: 2003, 2: 2003, 3: 2005, 4: 2005, 5: 0, 6: 0, 7: 0}
"""Unit -> first treated year, 0 never."""


def panel(never: str = "0", treated: str | None = None) -> str:
    """Unit, year, outcome, the cohort ``first`` with never treated written as ``never``, and a 0/1 ``d``."""
    rng = np.random.default_rng(3)
    lines = ["id,year,y,first,d,x,w"]
    for unit, first in FIRST.items():
        for year in YEARS:
            d = int(0 < first <= year) if first or treated is None else treated
            cells = (unit, year, f"{rng.normal() + 2 * (0 < first <= year):.4f}", first or never, d)
            lines.append(",".join(map(str, (*cells, f"{rng.normal():.4f}", 1 + unit))))
    return "\n".join(lines) + "\n"


def spec(tmp_path, data: str, study: str = "", term: str = "d", cohort: str = 'cohort = "first"', **tables: str):
    """A study on that panel; ``tables`` are written as they are."""
    (tmp_path / "d.csv").write_text(data)
    parts = {
        "study": f'data = "d.csv"\nunit = "id"\ntime = "year"\n{study}',
        "outcome": 'y = "y"',
        "treatment": f't = {{ term = "{term}"{", " * bool(cohort)}{cohort} }}',
        "inference": "draws = 0",
        **tables,
    }
    (tmp_path / "s.toml").write_text("".join(f"[{name}]\n{body}\n" for name, body in parts.items()))
    return tmp_path / "s.toml"


def found(tmp_path, *args, **tables):
    return examine(spec(tmp_path, *args, **tables))[1]


ESTIMATORS = {"estimator": 'a = "feols"\nb = "sunab"\nc = "did2s"\nd = { method = "lpdid", post_window = 1 }'}


def estimates(tmp_path, *args, **tables):
    table = specdid.run(spec(tmp_path, *args, **tables), audit=0).table
    assert set(table.status) == {"ok"}, table.message.tolist()
    return table[["estimate", "std_error", "nobs"]].to_numpy(float)


@pytest.mark.parametrize(
    ("written", "study"),
    [
        ("", 'never = "empty"'),
        ("", 'never = ["empty"]'),
        ("", 'never = [2999, "empty"]'),
        ("-1", "never = [-1]"),
        ("-1", "never = -1"),
        ("1999", "never = [0, 1999]"),
        ("2015", "never = [0, 2015]"),
        ("9999", ""),
        ("2004", "never = [2004]"),
    ],
)
def test_every_spelling_of_never_gives_the_same_numbers(tmp_path, written, study):
    coded = found(tmp_path, panel(written), study, **ESTIMATORS)
    assert tuple(coded) == ()
    np.testing.assert_array_equal(
        estimates(tmp_path, panel(written), study, **ESTIMATORS), estimates(tmp_path, panel("0"), **ESTIMATORS)
    )


def test_never_is_part_of_what_a_cohort_estimator_estimates(tmp_path):
    def ids(method):
        tables = {"estimator": f'a = "{method}"'}
        return {specdid.plan(spec(tmp_path, panel(), s, **tables)).spec_id(0) for s in ("", "never = [0, -7]")}

    assert len(ids("feols")) == 1  # which reads no cohort
    assert len(ids("sunab")) == 2


def test_the_engine_and_the_check_read_the_same_cohorts(tmp_path):
    study = specdid.read(spec(tmp_path, panel("-1"), "never = [-1]"))
    data, _ = read_panel(study)
    first = first_periods(data, data.columns["first"].numbers)
    wanted = np.repeat([v or np.nan for v in FIRST.values()], len(YEARS))
    np.testing.assert_array_equal(first, wanted)


CASES = {
    # never written as, [study], other keys -> code, message, underlined, help
    "a code after the data": (
        ("2010", ""), "cohort_after_data",
        "the cohort 2010 lies after the last period of the data, 2007: 3 units are not", "first", "never = [0, 2010]",
    ),
    "a code before the data": (
        ("-9", ""), "cohort_differs", "differs from `year >= first` in 24 rows", "d", "never = [-9, 0]",
    ),
    "a code within the data": (
        ("2004", ""), "cohort_differs", "in 12 rows", "d", "if 2004 means never treated, write never = [0, 2004]",
    ),
    "0 forgotten in the list": (
        ("0", "never = [2010]"), "cohort_zero", "the cohort is 0 in rows 33, 34, 35 and 21 more", "first",
        "never = [0, 2010]",
    ),
    "a real cohort declared never": (
        ("0", "never = [0, 2005]"), "never_is_period", "2005 is never treated (never = [0, 2005]), and is a period in "
        "which 2 units are first treated", "first", "never = [0]",
    ),
    "minus infinity": (("-inf", ""), "cohort_period", "-Inf, which is no period", "first", None),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_a_cohort_cannot_mean(tmp_path, case):
    (never, study), code, message, underlined, advice = CASES[case]
    (fault,) = found(tmp_path, panel(never), study, **ESTIMATORS)
    assert_says(fault, code, message, underlined, advice)
    assert fault.severity == ("warning" if code == "cohort_after_data" else "error")


def test_a_law_between_two_periods_is_told_the_first_from_then_on():
    frame = small_panel().with_columns(year=2000 + 5 * (pl.col("year") - pl.col("year").min()))
    frame = frame.with_columns(first=pl.when(pl.col("cohort") > 0).then(2012).otherwise(0))
    treatment = {"d": {"term": "d", "cohort": "first"}}
    design = small_study(treatment=treatment, study={"unit": "id", "time": "year", "step": 5})
    said = [f for f in specdid.check(design, frame).errors if f.code == "cohort_period"]
    (fault,) = said
    assert not fault.help.count("`first(d")
    design["treatment"]["d"]["cohort"] = fault.help.split("`")[1]
    assert not [f for f in specdid.check(design, frame).errors if f.code == "cohort_period"]
    same = design | {"treatment": {"d": {"term": "d", "cohort": "ifelse(first == 2012, 2015, 0)"}}}
    times = [specdid.check(one, frame) for one in (design, same)]
    assert [f.code for f in times[0]] == [f.code for f in times[1]]


@pytest.mark.parametrize(
    ("never", "written", "cohort", "advice"),
    [
        ("-9", "year >= first", "", "if that means never treated, write year >= first & first > -9"),
        ("0", "year - first >= 0", "", "if that means never treated, write year - first >= 0 & first > 0"),
        ("1990", "year >= first", "", "if that means never treated, write year >= first & first > 1990"),
        ("1995", "year >= first", "", "if that means never treated, write year >= first & first > 1995"),
        ("999", "first <= year", "", "if that means never treated, write first <= year & first > 999"),
        (
            "-9",
            "year >= first",
            'cohort = "first"',
            "if that means never treated, write year >= first & first > -9, and never = [-9, 0] in [study]",
        ),
    ],
)
def test_a_code_for_never_treated_before_the_data_makes_units_treated_throughout(
    tmp_path, never, written, cohort, advice
):
    derive = f'on = "ifelse(is.na(first), 0, {written})"'
    (fault,) = found(tmp_path, panel(never), term="on", cohort=cohort, derive=derive)
    assert (fault.code, fault.severity, fault.help) == ("first_is_code", "warning", advice)
    assert f"`first` is {never} in all rows of 3 units, before the first period, 2000" in fault.message
    assert known(fault.message, "zh")


def test_the_advice_on_such_a_code_is_right_where_the_comparison_says_who_is_untreated(tmp_path):
    """Followed as for year >= first it would turn the sign of the estimate."""
    written = "year < first"
    for advice in ("year < first | first <= -9", None):
        derive = f'on = "ifelse(is.na(first), 0, ifelse({written}, 0, 1))"'
        codes = [
            f for f in found(tmp_path, panel("-9"), term="on", derive=derive, cohort="") if f.code == "first_is_code"
        ]
        assert [f.help for f in codes] == ([f"if that means never treated, write {advice}"] if advice else [])
        written = advice


@pytest.mark.parametrize(
    ("never", "written"),
    [
        ("9999", "year >= first"),
        ("", "year >= first"),
        ("1996", "year >= first"),
        ("1990", "year >= first & first > 1990"),
        ("-9", "year >= first & first > 0"),
        ("0", "d * (year > 2004)"),
    ],
)
def test_what_is_no_such_code(tmp_path, never, written):
    faults = found(tmp_path, panel(never), term="on", cohort="", derive=f'on = "{written}"')
    assert not [f for f in faults if f.code == "first_is_code"]


@pytest.mark.parametrize("reaching", ["", 'all = "TRUE"\n'])
def test_cohorts_after_a_sample_are_named_whatever_others_reach(tmp_path, reaching):
    """A sample that ends early makes later adopters never treated, in it alone."""
    (fault,) = found(tmp_path, panel(), sample=reaching + 'early = "year <= 2004"')
    assert fault.message == (
        "in the sample `early` the cohort 2005 lies after the last period, 2004: 2 units are among the never treated "
        "there, whom sunab and csdid compare with"
    )
    assert (fault.code, fault.severity, fault.notes) == ("cohort_after_data", "warning", ())


def test_of_samples_that_end_early_the_worst_is_named_and_the_others_counted(tmp_path):
    early = 'early = "year <= 2004"\nsooner = "year <= 2002"\nout = "year <= 2003 & first <= 2003"'
    (fault,) = [f for f in found(tmp_path, panel(), sample=early) if f.code == "cohort_after_data"]
    assert fault.message.startswith("in the sample `sooner` the cohorts 2003, 2005 lie after")
    assert "2002: 4 units are among" in fault.message
    assert fault.notes == ("so are units in 1 more of the samples",)


@pytest.mark.parametrize("value", ['"none"', "true", "nan", '["0"]', "{ a = 1 }", "1" + "0" * 400])
def test_never_cannot_be(tmp_path, value):
    faults = found(tmp_path, panel(), f"never = {value}")
    assert [f.code for f in faults.errors] in (["bad_choice"], ["wrong_type"])


def followed(tmp_path, faults, *args, **tables):
    """The estimates after writing the line that a fault proposes."""
    (fault,) = faults.errors
    name, text = re.search(r'(?:write )(\w+) = "([^"]+)"', fault.help).groups()
    return estimates(tmp_path, *args, **{**tables, "derive": f'{name} = "{text}"'})


LINES = {
    # cohort cells of never, [derive], declared cohort -> the line proposed
    "the Stata line": ("", 'post = "year >= first"', True, 'post = "!is.na(first) & year >= first"'),
    "with a condition more": (
        "", 'post = "year >= first & year > 1990"', True, 'post = "!is.na(first) & year >= first & year > 1990"',
    ),
    "with an or": (
        "", 'post = "year > first | year == first"', True,
        'post = "ifelse(is.na(first), 0, year > first | year == first)"',
    ),
    "a product": (
        "", 'post = "(first > 0) * (year >= first)"', True,
        'post = "ifelse(is.na(first), 0, (first > 0) * (year >= first))"',
    ),
    "without a cohort": ("", 'post = "year >= first"', False, 'post = "!is.na(first) & year >= first"'),
}  # fmt: skip


@pytest.mark.parametrize("case", LINES)
def test_a_treatment_missing_for_the_never_treated_shows_the_line(tmp_path, case):
    never, derive, cohort, line = LINES[case]
    declared = 'cohort = "first"' if cohort else ""
    args = (panel(never), 'never = "empty"', "post", declared)
    tables = {"estimator": ESTIMATORS["estimator"]} if cohort else {}
    faults = found(tmp_path, *args, derive=derive, **tables)
    (fault,) = faults.errors
    assert_says(fault, "treatment_missing_units", "`post` is missing in every row of", derive[8:-1], line)
    assert "3 units" in fault.message
    right = estimates(tmp_path, panel("0"), "", "d", declared, **tables)
    np.testing.assert_array_equal(followed(tmp_path, faults, *args, **tables), right)


def test_a_chain_of_definitions_is_followed_to_its_cause(tmp_path):
    faults = found(
        tmp_path,
        panel(""),
        'never = "empty"',
        "did",
        derive='after = "year >= first"\npost = "(after + 0)"\ndid = "post * 1"',
    )
    (fault,) = faults.errors
    assert (marked(fault), fault.help) == ("year >= first", 'write after = "!is.na(first) & year >= first"')


def test_a_column_of_the_data_that_is_missing_for_the_never_treated(tmp_path):
    faults = found(tmp_path, panel("0", treated=""), **ESTIMATORS)
    (fault,) = faults.errors
    assert fault.help == 'write d = "ifelse(is.na(d), 0, d)" in [derive]'
    right = estimates(tmp_path, panel("0"), **ESTIMATORS)
    np.testing.assert_array_equal(followed(tmp_path, faults, panel("0", treated=""), **ESTIMATORS), right)


def test_a_treatment_missing_for_a_whole_cohort_shows_the_line_of_the_cohort(tmp_path):
    derive = 'post = "ifelse(first == 2003, NA, d)"'
    faults = found(tmp_path, panel(), "", "post", derive=derive)
    (fault,) = faults.errors
    assert "every row of cohort 2003 (2 units)" in fault.message
    assert fault.help == 'write post = "first != 0 & year >= first"'
    right = estimates(tmp_path, panel("0"))
    np.testing.assert_array_equal(followed(tmp_path, faults, panel(), "", "post"), right)


def test_under_a_variant(tmp_path):
    faults = found(
        tmp_path,
        panel(""),
        'never = "empty"',
        "post",
        "",
        derive='post = "!is.na(first) & year >= first"',
        **{'variant."clock"': 'own = {}\nearly = { derive = { post = "year >= first - 1" } }'},
    )
    (fault,) = faults.errors
    assert "under clock = “early” `post` is missing in every row of 3 units" in fault.message
    assert 'post = "!is.na(first) & year >= first - 1"' in fault.help


def test_single_missing_values_are_counted(tmp_path):
    faults = found(tmp_path, panel(), "", "post", derive='post = "ifelse(id == 1 & year > 2005, NA, d)"')
    (fault,) = faults
    assert_says(fault, "treatment_gaps", "`post` is missing in rows 7 and 8, which every", "post", None)
    assert fault.severity == "warning"


def test_some_units_that_are_missing_throughout_are_counted(tmp_path):
    faults = found(tmp_path, panel(), "", "post", "", derive='post = "ifelse(id == 7, NA, d)"')
    (fault,) = faults
    assert (fault.code, fault.severity) == ("treatment_gaps", "warning")
    assert "`post` is missing in every row of 1 unit (rows 49, 50, 51 and 5 more), which its " in fault.message
    assert known(fault.message, "zh")


def test_units_outside_every_sample_may_be_missing(tmp_path):
    faults = found(
        tmp_path,
        panel("0", treated=""),
        "",
        "d",
        "",
        sample='s = "!is.na(d)"',
        derive='z = "1"',
    )
    assert tuple(faults) == ()


def test_a_continuous_treatment_has_no_never_treated(tmp_path):
    faults = found(tmp_path, panel(), "", "dose", "", derive='dose = "ifelse(id == 7, NA, x)"')
    assert [f.severity for f in faults] == ["warning"]


OTHERS = {
    "sample": ({"sample": 's = "first - year <= 3"'}, "first - year <= 3", "not in this sample", "is.na(first) | "),
    "controls": ({"controls": 'c = "x + I(year - first)"'}, "I(year - first)", "every specification with it", None),
    "weights": ({"weights": 'w = "w * (first > 0)"'}, "w * (first > 0)", "every specification with it", None),
    "fixed effects": ({"fixed_effects": 'f = "id + first^year"'}, "first", "every specification with it", None),
}


@pytest.mark.parametrize("what", OTHERS)
def test_what_else_is_missing_for_all_of_a_group_is_said(tmp_path, what):
    tables, underlined, message, advice = OTHERS[what]
    faults = [f for f in found(tmp_path, panel(""), 'never = "empty"', **tables) if f.code == "group_missing"]
    (fault,) = faults
    assert_says(fault, "group_missing", message, underlined, advice)
    assert "every row of the never treated (3 units)" in fault.message
    assert fault.severity == "warning"


TWO = 't = { term = "d", cohort = "first" }\nu = { term = "d2", cohort = "second", with = "I(year - second)" }'


def test_an_empty_cohort_is_never_treated_and_no_missing_value_whichever_treatment_asks(tmp_path):
    """Several treatments and `never = "empty"`: each cohort column is of its own treatment's specifications."""
    derive = 'second = "ifelse(first == 2003, NA, first)"\nd2 = "!is.na(second) & year >= second"'
    only = {"derive": derive, "treatment": TWO.replace(', with = "I(year - second)"', "")}
    assert [f.code for f in found(tmp_path, panel(""), 'never = "empty"', **only)] == []
    (fault,) = (f for f in found(tmp_path, panel(""), 'never = "empty"', derive=derive, treatment=TWO) if True)
    assert_says(fault, "group_missing", "`I(year - second)` is missing", "I(year - second)", None)
    assert "never treated (5 units)" in fault.message  # by its own cohort, of which 2003 is none


MATCHED = 's = { match = { on = "x", treated = "%s", at = "year == 2001", method = "nearest" } }'


@pytest.mark.parametrize("treated", ["first", "first > 0"])
def test_who_is_missing_in_treated_of_a_match_may_be_a_control(tmp_path, treated):
    said = [
        f for f in found(tmp_path, panel(""), 'never = "empty"', sample=MATCHED % treated) if f.code == "group_missing"
    ]
    (fault,) = said
    written = f"!is.na(first) & {treated}"
    assert fault.help == f'to have them among the controls write "{written}"'
    good = found(tmp_path, panel(""), 'never = "empty"', sample=MATCHED % "!is.na(first) & first > 0")
    assert not [f for f in good if f.code == "group_missing"]


GAPS = DATA.replace("2,2011,2.5,2.0,0,", "2,2011,2.5,2.0,,")


@pytest.mark.parametrize(
    ("tables", "taker"),
    {
        "a match": ({"sample": '"m" = { match = { on = "x", at = "year == 2010" } }'}, "matching without `treated`"),
        "a match by a column of it": (
            {
                "derive": 'ever = "max(d, by = id)"',
                "sample": '"m" = { match = { on = "x", at = "year == 2010", treated = "ever" } }',
            },
            "`treated = ever`",
        ),
        "a cohort made of it": (
            {
                "derive": 'g = "ifelse(is.na(first(d == 1)), 0, first(d == 1))"',
                "treatment": '"d" = { term = "d", cohort = "g" }',
                "estimator": '"s" = "sunab"',
            },
            "the cohort `g`",
        ),
    }.values(),
)
def test_units_whose_treatment_is_unknown_are_not_taken_for_never_treated_unsaid(tmp_path, tables, taker):
    (fault,) = (f for f in faults(tmp_path, data=GAPS, **tables) if f.code == "never_unknown")
    wanted = f"missing in some rows of 1 unit and 0 in all the others: {taker} takes it for never treated (id 2)"
    assert_says(fault, "never_unknown", wanted, "d", "fill the cells")
    assert fault.severity == "warning"
    assert "row 5 (id 2, year 2011)" in fault.notes
    assert known(fault.message, "zh")


@pytest.mark.parametrize(
    "tables",
    [
        {},
        {"sample": '"m" = { match = { on = "x", at = "year == 2010", treated = "pilot" } }'},
        {"treatment": '"d" = { term = "d", cohort = "first" }', "estimator": '"s" = "sunab"'},
    ],
)
def test_a_column_of_its_own_says_who_is_never_treated(tmp_path, tables):
    assert not [f for f in faults(tmp_path, data=GAPS, **tables) if f.code == "never_unknown"]

"""The time in expressions: codes that are taken for numbers, and comparisons with what is no period."""

import numpy as np
import pandas as pd
import pytest
import specdid
from checked_studies import assert_says, faults, write
from specdid._records.cautions import SERIOUS_FAULTS
from specdid._run.prepare import examine
from specdid._words import known
from specdid.language import Scope, bind, parse
from specdid.panel import Evaluator

HALVES = [f"{year}{part}" for year in range(2010, 2013) for part in (1, 2)]
QUARTERS = [f"{year}{part}" for year in range(2010, 2013) for part in range(1, 5)]
MONTHS = [f"{year}{part:02}" for year in (2010, 2011) for part in range(1, 13)]
WEEKS = ["201051", "201052", "201101", "201102"]
DAYS = ["20100130", "20100131", "20100201", "20100202"]
TIMES = {"half": HALVES, "quarter": QUARTERS, "month": MONTHS, "week": WEEKS, "day": DAYS}


def panel(times, first):
    """Four units, of which two are treated from ``first`` on."""
    rows = ["id,year,y,d,first,x"]
    for unit in range(1, 5):
        start = first if unit < 3 else 0
        rows += [
            f"{unit},{time},{(unit * 7 + k * 3) % 11},{int(0 < start <= int(time))},{start},{(unit * 5 + k) % 7}"
            for k, time in enumerate(times)
        ]
    return "\n".join(rows) + "\n"


def told(directory, step="month", **tables):
    times = TIMES[step] if isinstance(step, str) else step
    study = f'step = "{step}"' if isinstance(step, str) else ""
    data = panel(times, int(times[len(times) // 2]))
    return [f for f in faults(directory, study=study, data=data, **tables) if f.code.startswith("time_c")]


CODED = {
    "slope": ({"fixed_effects": '"f" = "id[year] + year"'}, "year"),
    "slopes alone": ({"fixed_effects": '"f" = "id[[year]] + id + year"'}, "year"),
    "term": ({"controls": '"c" = "x + year"'}, "year"),
    "polynomial": ({"controls": '"c" = "poly(year, 2)"'}, "year"),
    "square": ({"controls": '"c" = "I(year^2)"'}, "year"),
    "interaction": ({"controls": '"c" = "x:year"'}, "year"),
    "levels times it": ({"controls": '"c" = "i(id, year)"'}, "year"),
    "macro": ({"macros": 'm = "x + year"', "controls": '"c" = "..m"'}, "year"),
    "distance": ({"sample": '"s" = "first == 0 | abs(year - first) <= 12"'}, "year - first"),
    "between": ({"sample": '"s" = "between(year - first, -3, 3)"'}, "year - first"),
    "later cohort": ({"sample": '"s" = "year <= first + 6"'}, "first + 6"),
    "derived": (
        {"derive": 'near = "abs(year - first) <= 3"', "sample": '"s" = "near"'},
        "year - first",
    ),
    "derived and compared": ({"derive": 'e = "year - first"', "sample": '"s" = "e <= 3"'}, "year - first"),
    "derived trend": ({"derive": 'e = "year - 201001"', "fixed_effects": '"f" = "id[e] + year"'}, "year - 201001"),
    "event time": ({"derive": 'e = "year - first"', "controls": '"c" = "i(e, ref = -1)"'}, "year - first"),
    "first": ({"derive": 'e = "year - first(d == 1)"', "controls": '"c" = "e"'}, "year - first(d == 1)"),
    "remainder": ({"sample": '"s" = "year %% 4 == 0"'}, "year"),
}


@pytest.mark.parametrize("case", CODED)
def test_codes_taken_for_numbers_are_told(tmp_path, case):
    tables, part = CODED[case]
    (fault,) = told(tmp_path, **tables)
    assert_says(fault, "time_coded", "from 201012 to 201101 it counts 89, not 1 period", part, "%/% 100 * 12")
    assert fault.code in SERIOUS_FAULTS
    assert known(fault.message, "zh")


RIGHT = {
    "plain": {},
    "effects": {"fixed_effects": '"f" = "id + year"\n"g" = "id^year"'},
    "macro of effects": {"macros": 'm = "id + year"', "fixed_effects": '"f" = "..m"'},
    "dummies": {"controls": '"c" = "factor(year)"\n"i" = "i(year, x)"'},
    "codes": {
        "sample": '"s" = "year >= 201007"\n"t" = "between(year, 201003, 201106)"\n"u" = "year %in% c(201001, 201002)"'
    },
    "beyond the data": {"sample": '"s" = "year < 201201"\n"t" = "year > 200912"\n"u" = "year > 201000"'},
    "by the cohort": {"derive": 'post = "(first > 0) * (year >= first)"', "controls": '"c" = "post"'},
    "sign of a difference": {"derive": 'e = "year - first"\npost = "e >= 0"', "sample": '"s" = "post | e < 0"'},
    "year and month": {
        "derive": 'y = "year %/% 100"\nm = "year %% 100"\nn = "year - 100 * floor(year / 100)"',
        "controls": '"c" = "y + factor(m) + n"',
        "sample": '"s" = "m == 12"\n"t" = "y >= 2011"',
    },
    "number": {
        "derive": 'n = "year %/% 100 * 12 + year %% 100"\nf = "first %/% 100 * 12 + first %% 100"',
        "fixed_effects": '"f" = "id[n] + year"',
        "sample": '"s" = "abs(n - f) <= 6"',
    },
    "a year later": {"sample": '"s" = "year >= first + 100"\n"t" = "year - 100 < first"'},
    "names of groups": {"derive": 'g = "1000000 * id + year"', "fixed_effects": '"f" = "id + g"'},
    "groups": {"controls": '"c" = "mean(x, by = year) + ave(x, year) + x"'},
    "lags": {"controls": '"c" = "l(x, 1)"', "sample": '"s" = "TRUE"\n"l" = "at(x, year == 201001) > 0"'},
    "no period": {"sample": '"s" = "year > 0"\n"t" = "year < 999999"\n"u" = "!is.na(year)"'},
}


@pytest.mark.parametrize("case", RIGHT)
def test_right_uses_of_codes_are_silent(tmp_path, case):
    assert not told(tmp_path, **RIGHT[case])


@pytest.mark.parametrize("step", TIMES)
def test_every_step_names_its_jump(tmp_path, step):
    (fault,) = told(tmp_path, step, fixed_effects='"f" = "id[year] + year"')
    before, after, count = {
        "half": (20102, 20111, 9),
        "quarter": (20104, 20111, 7),
        "month": (201012, 201101, 89),
        "week": (201052, 201101, 49),
        "day": (20100131, 20100201, 70),
    }[step]
    assert f"from {before} to {after} it counts {count}, not 1 period" in fault.message
    assert ("in a column of the data" in fault.help) == (step in ("week", "day"))


@pytest.mark.parametrize("step", ["half", "quarter", "month"])
@pytest.mark.parametrize("digits", [1, 2])
def test_the_number_that_is_advised_counts_periods(tmp_path, step, digits):
    times = [t if digits == 1 or step == "month" else f"{t[:4]}0{t[4]}" for t in TIMES[step]]
    tables = {"study": f'step = "{step}"', "data": panel(times, int(times[2]))}
    given = faults(tmp_path, **tables, fixed_effects='"f" = "id[year] + year"')
    (fault,) = (f for f in given if f.code == "time_coded")
    number = fault.help.split("`")[3]
    study, _ = examine(write(tmp_path, **tables))
    values = Evaluator(study.panel).column(bind(parse(number), Scope.of(study.panel.columns))).numbers
    assert (np.diff(values[: len(times)]) == 1).all()


@pytest.mark.parametrize("times", [["2010", "2011", "2012"], ["1", "2", "3"], ["201001", "201002", "201003"]])
def test_times_that_count_periods_are_silent(tmp_path, times):
    tables = {"fixed_effects": '"f" = "id[year] + year"', "sample": '"s" = "abs(year - first) <= 1 | first == 0"'}
    assert not told(tmp_path, times, **tables)


COMPARED = {
    "from a year": ("quarter", "year >= 2010", "holds in every row", "compare the year: `year %/% 10 >= 2010`"),
    "until a year": ("month", "year <= 2010", "`year <= 2010` holds in no row", "`year %/% 100 <= 2010`"),
    "in a year": ("day", "year == 2010", "holds in no row", "as 20100101, or compare the year"),
    "turned": ("month", "2011 < year", "holds in every row", "`2011 < year %/% 100`"),
    "between": ("quarter", "between(year, 2010, 20114)", "compared with 2010", "the quarter that is meant, as 20101"),
    "one of": ("quarter", "year %in% c(2010, 20113)", "compared with 2010", "as 20101"),
    "another step": ("quarter", "year >= 201101", "compared with 201101", "the quarter that is meant, as 20101"),
    "no month": ("month", "year == 201013", "compared with 201013", "write the month that is meant, as 201001"),
    "two digits": (["1998", "1999", "2000"], "year >= 98", "compared with 98", "as 1998"),
    "a month of years": (["1998", "1999", "2000"], "year < 199906", "compared with 199906", "as 1998"),
    "numbered": (["1", "2", "3", "4"], "year >= 1990", "its periods are numbered 1 to 4", "number of the period"),
}  # fmt: skip


@pytest.mark.parametrize("case", COMPARED)
def test_comparisons_with_what_is_no_period_are_told(tmp_path, case):
    step, condition, message, advice = COMPARED[case]
    (fault,) = told(tmp_path, step, sample=f'"s" = "{condition}"\n"all" = "TRUE"')
    assert_says(fault, "time_compared", message, condition, advice)
    assert fault.code in SERIOUS_FAULTS
    assert known(fault.message, "zh")


@pytest.mark.parametrize(
    ("step", "condition"),
    [
        (["1995", "1996", "1997"], "year > 1990"),
        (["1995", "1996", "1997"], "year <= 2020.5"),
        (["1995", "1996", "1997"], "year %in% 1990:1996"),
        (["1", "2", "3"], "year >= 10"),
        (["1", "2", "3"], "year - 1 > 0"),
        ("quarter", "year >= 20095"),
        ("quarter", "year > 20100"),
        ("quarter", "year <= 20110.5"),
        ("month", "year != 0"),
        ("month", "x > 2010"),
        ("day", "year < 20100200"),
    ],
)
def test_comparisons_with_what_could_be_a_period_are_silent(tmp_path, step, condition):
    assert not told(tmp_path, step, sample=f'"s" = "{condition}"\n"all" = "TRUE"')


@pytest.mark.parametrize(
    ("condition", "advice"),
    [
        ("t < 2002", "compare the year: `year(t) < 2002`"),
        ("t >= 20013", "compare `year(t)` and `quarter(t)`"),
        ("t >= 164", None),
        ("t > 180", None),
        ("year(t) < 2002", None),
    ],
)
def test_years_beside_quarters_that_stata_counts(tmp_path, condition, advice):
    quarters = pd.date_range("2001-01-01", periods=8, freq="QS")
    frame = pd.DataFrame({"id": np.repeat(np.arange(4), 8), "t": np.tile(quarters, 4), "y": np.arange(32) % 7})
    frame["d"] = ((frame["id"] < 2) & (frame["t"] > "2001-12-31")).astype(int)
    frame.to_stata(tmp_path / "d.dta", write_index=False, convert_dates={"t": "tq"})
    base = {"data": str(tmp_path / "d.dta"), "unit": "id", "time": "t", "treatment": "d"}
    trend = {"f": "id[t] + t"}  # what counts quarters needs no other number
    sample = {"s": condition, "all": "TRUE"}
    study = {"study": base, "outcome": {"y": "y"}, "fixed_effects": trend, "sample": sample}
    found = [f for f in specdid.check(study).warnings if f.code.startswith("time_c")]
    assert [f.code for f in found] == ["time_compared"] * (advice is not None)
    assert all("and counts from 1960 on (%tq), 164 to 171" in f.message and advice in f.help for f in found)
    assert all(known(f.message, "zh") for f in found)


def test_conditions_of_an_analysis(tmp_path):
    table = {
        "heterogeneity": 'groups = { early = "year < 2011", near = "abs(year - first) < 6", late = "year > 201101" }'
    }
    assert sorted(f.code for f in told(tmp_path, **table)) == ["time_coded", "time_compared"]

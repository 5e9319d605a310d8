"""`specdid init --data`: what a draft takes for unit, time and treatment, what it leaves open, what it refuses."""

from __future__ import annotations

import re
import tomllib
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import specdid
from command import call_specdid, run_specdid
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

FIRST = [0, 2004, 2005, 0, 2004, 0, 2006, 0, 2005, 0, 2004, 0]
YEARS = range(2000, 2010)


def panel(**more) -> dict:
    """Twelve firms in three provinces over ten years, a law that comes in 2004 to 2006."""
    rng = np.random.default_rng(5)
    firm = np.repeat(np.arange(12), len(YEARS))
    year = np.tile(np.array(YEARS), 12)
    first = np.array(FIRST)[firm]
    law = ((first > 0) & (year >= first)).astype(int)
    base = {"firm": firm + 100, "year": year, "law": law, "sales": np.exp(rng.normal(size=120) + 0.2 * law)}
    for name, value in more.items():
        base[name] = value(firm, year, first, law, rng)
    return {name: values for name, values in base.items() if values is not None}


def draft(tmp_path: Path, columns: dict, *options: str, ending: str = "csv"):
    """The answer of the command and the draft as TOML, None where there is none."""
    frame = pl.DataFrame(columns)
    data = tmp_path / f"given.{ending}"
    frame.write_csv(data) if ending == "csv" else frame.write_parquet(data)
    done = call_specdid(["init", "new", "--data", data.name, *options], tmp_path)
    spec = tmp_path / "new/new.toml"
    return done, (tomllib.loads(spec.read_text("utf-8")) if spec.exists() else None), spec


def refused(tmp_path: Path, columns: dict, *options: str) -> str:
    done, found, _ = draft(tmp_path, columns, *options)
    assert done.returncode == 2
    assert found is None
    assert not (tmp_path / "new").exists()
    return done.stderr


def test_a_draft_passes_check_and_plan_and_says_its_evidence(tmp_path):
    done, found, spec = draft(tmp_path, panel(province=lambda f, *_: f // 4), ending="parquet")
    assert done.returncode == 0, done.stderr
    assert (found["study"]["unit"], found["study"]["time"]) == ("firm", "year")
    assert found["study"]["data"] == "../given.parquet"
    assert found["treatment"] == {"law": {"term": "law", "cohort": "cohort"}}
    assert found["derive"]["cohort"] == "ifelse(is.finite(first(law == 1)), first(law == 1), 0)"  # first() may be Inf
    assert set(found["estimator"]) == {"OLS", "Sun-Abraham"}
    assert found["event_study"]["window"] == [-5, 5]
    assert not specdid.check(spec).errors
    plan = specdid.plan(spec)
    assert len(plan) == 2
    assert "COMPLETE the outcome: `sales`" in done.stdout
    text = spec.read_text("utf-8")
    assert "12 units and 10 periods, 100% of their combinations" in text
    assert "2004 (3), 2005 (2), 2006 (1); never 6" in text
    assert '# "firm + province×year" = "firm + province^year"' in text
    assert run_specdid(["plan", "new/new.toml"], tmp_path).returncode == 0


def test_what_a_person_says_is_taken_and_not_asked_again(tmp_path):
    done, found, _ = draft(tmp_path, panel(wages=lambda f, y, c, d, r: r.normal(size=len(f))), "--outcome", "wages")
    assert found["outcome"] == {"wages": "wages"}
    assert "outcome" not in found["study"]["title"]
    assert "COMPLETE the outcome" not in done.stdout
    assert call_specdid(["init", "other", "--outcome", "wages"], tmp_path).returncode == 2  # without --data


def test_cohorts_alone_make_the_treatment(tmp_path):
    columns = panel(law=lambda *_: None, start=lambda f, y, c, d, r: [int(v) or None for v in c])
    done, found, spec = draft(tmp_path, columns)
    assert done.returncode == 0, done.stderr
    assert found["treatment"] == {"start": {"term": "treated", "cohort": "start"}}
    assert found["study"]["never"] == [0, "empty"]
    made = specdid.read(spec)
    assert made.never.empty
    assert "COMPLETE: do these mean never treated?" in spec.read_text("utf-8")


def test_first_treated_periods_before_the_data_are_taken_when_named(tmp_path):
    def since(f, y, c, d, r):
        return np.where(f == 1, 1958, c)

    columns = panel(law=lambda *_: None, since=since)
    founded = panel(law=lambda *_: None, founded=lambda f, *_: 1950 + f)  # before all: since when of nothing here
    assert "could be first treated periods" not in refused(tmp_path, founded)
    told = "`since` could be first treated periods, some of them before the data: `--treatment since` takes it"
    assert told in refused(tmp_path, columns)
    done, found, spec = draft(tmp_path, columns, "--treatment", "since")
    assert done.returncode == 0, done.stderr
    assert "before the first of them (1958): these units are treated throughout" in " ".join(done.stdout.split())
    assert found["treatment"] == {"since": {"term": "treated", "cohort": "since"}}
    assert "2000 (1), 2004 (2), 2005 (2), 2006 (1); never 6" in spec.read_text("utf-8")
    assert not specdid.check(spec).errors


def test_a_cohort_that_agrees_decides_between_two_switches(tmp_path):
    def other(f, y, c, d, r):
        return ((y >= 2003 + f % 4) & (f % 3 > 0)).astype(int)

    assert "`law`, `other`" in refused(tmp_path, panel(other=other))
    told = refused(tmp_path, panel(other=other, third=lambda f, y, c, d, r: np.where(c > 0, 2001 + f % 5, 0)))
    assert "first treated periods, one for a firm, could stand in `third`" in told
    _, found, spec = draft(tmp_path, panel(other=other, since=lambda f, y, c, d, r: c))
    assert found["treatment"] == {"law": {"term": "law", "cohort": "since"}}
    assert "`other` is 0/1 and switches once" in spec.read_text("utf-8")


def test_lags_copies_and_parts_of_a_switch_are_no_second_treatment(tmp_path):
    def lag(f, y, c, d, r):
        return ((c > 0) & (y >= c + 2)).astype(int)

    def part(f, y, c, d, r):
        return np.where((c > 0) & (y == c), 0.25, d.astype(float))

    done, found, spec = draft(tmp_path, panel(later=lag, copy=lambda f, y, c, d, r: d, part=part))
    assert done.returncode == 0, done.stderr
    assert list(found["treatment"]) == ["copy"]
    assert re.search(r"Lags or copies of it: .*`later`", spec.read_text("utf-8"))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (panel(law=lambda f, y, c, d, r: (y % 2 == f % 2).astype(int)), "`law` is 0/1 and goes back to 0 in 12 units"),
        (panel(law=lambda f, *_: f % 2), "`law` is 0/1 and never changes within a unit"),
        (panel(law=lambda f, y, *_: (y > 2004).astype(int)), "`law` is 0/1 and the same for all in a period"),
        (panel(law=lambda f, y, *_: ((y == 2009) & (f > 5)).astype(int)), "1 in the last period alone"),
        (panel(law=lambda f, y, c, d, r: [None, *d[1:].tolist()]), "`law` is 0/1 and has missing values"),
        (panel(law=lambda f, *_: np.where(f % 2, "low", "high")), "are who is treated, `--treatment law` says how"),
        (panel(law=lambda *_: None), "no column of given.csv is 0/1 and switches once"),
        (panel(year=lambda f, *_: [f"y{v}" for v in range(120)]), "no column of given.csv looks like the time"),
        (panel(firm=lambda f, *_: f // 2), "`firm` × `year` repeats in 60 rows"),
        (panel(spell=lambda f, y, *_: f * 2 + (y > 2004)), "`spell` × `year`: 24 units, 10 periods"),
        (panel(sales=lambda *_: None), "varies within `firm` beside the treatment"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused_with_what_was_found(tmp_path, columns, said):
    assert said in refused(tmp_path, columns)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda f, y: -99 if (f, y) == (2, 2003) else int(f < 3 and y > 2004 + f), "`law` is 0 or 1, but -99 in 1 row"),
        (
            lambda f, y: f"{2004 + f}年" if f < 3 else "—",
            "as “2004年”: if that is since when, write 2004 in the file, and 0",
        ),
        (lambda f, y: (f + y) % 3, "at times that differ"),
    ],
)
def test_what_keeps_a_column_from_being_the_treatment_is_said(tmp_path, write, said):
    rows = [f"{f},{y},{write(f, y)},{f * y % 7}" for f in range(8) for y in range(2001, 2010)]
    (tmp_path / "given.csv").write_text("firm,year,law,y\n" + "\n".join(rows) + "\n", "utf-8")
    told = call_specdid(["init", "new", "--data", "given.csv"], tmp_path).stderr
    assert said in told
    assert ("`law` is" in told) == ("`law`" in said or "年" in said)


@pytest.mark.parametrize(
    ("number", "cell", "said"),
    [
        (lambda k: (2001 + k // 4) * 10 + k % 4 + 1, "2002 Q3", "write 20023 in the file, and 0 for “-”"),
        (lambda k: (2001 + k // 12) * 100 + k % 12 + 1, "2002-07", "write 200207 in the file"),
        (lambda k: (2001 + k // 4) * 10 + k % 4 + 1, "2002-07", "as `time` numbers it, 20011 to 20064, in the file"),
        (lambda k: 2001 + k, "2002 Q3", "write 2002 in the file"),
        (lambda k: 1 + k, "2002", "write the period as `time` numbers it, 1 to 24, in the file"),
    ],
)
def test_since_when_in_text_is_written_as_the_time_is_numbered(tmp_path, number, cell, said):
    rows = [f"{f},{number(k)},{cell if f < 3 else '-'},{f * k % 7}" for f in range(8) for k in range(24)]
    (tmp_path / "given.csv").write_text("firm,time,start,y\n" + "\n".join(rows) + "\n", "utf-8")
    assert said in call_specdid(["init", "new", "--data", "given.csv"], tmp_path).stderr


def matched(who, since):
    return panel(law=lambda *_: None, **{n: lambda f, y, c, *_, v=v: v(f, y, c) for n, v in (who, since)})


ALL_DATED = ("adopted", lambda f, y, c: 2004 + f % 3)
AT_ONCE = ("year0", lambda f, y, c: 2005 + 0 * f)
TREATED = ("treated", lambda f, y, c: f % 2)


@pytest.mark.parametrize(
    ("columns", "options", "said"),
    [
        (
            matched(TREATED, ALL_DATED),
            (),
            "`treated` is 0 in rows for which `adopted` has a first treated period: which",
        ),
        (matched(TREATED, ALL_DATED), (), "the treatment is treated * (year >= adopted): write it"),
        (
            matched(TREATED, ALL_DATED),
            ("--treatment", "treated"),
            "the treatment is treated * (year >= adopted): write",
        ),
        (matched(TREATED, AT_ONCE), (), "the treatment is treated * (year >= year0): write it as a 0/1 column"),
        (matched(TREATED, AT_ONCE), ("--treatment", "treated"), "the treatment is treated * (year >= year0): write it"),
        (matched(TREATED, AT_ONCE), ("--treatment", "year0"), "`year0` is the same for all rows: who is treated?"),
        (matched(TREATED, ("born", lambda f, y, c: 1950 + 0 * f)), (), "say which it is: --treatment COLUMN"),
    ],
)
def test_who_is_treated_beside_since_when_is_asked_and_told_how_to_write(tmp_path, columns, options, said):
    told = refused(tmp_path, columns, *options)
    assert said in told


def test_what_is_told_to_be_written_is_a_treatment(tmp_path):
    columns = matched(TREATED, AT_ONCE)
    columns["d"] = columns["treated"] * (columns["year"] >= columns["year0"])
    assert [*draft(tmp_path, columns)[1]["treatment"]] == ["d"]


@pytest.mark.parametrize(
    ("who", "since", "options"),
    [
        (("urban", lambda f, y, c: f % 2), ALL_DATED, ()),
        (("treated", lambda f, y, c: (c > 0).astype(int)), ("adopted", lambda f, y, c: c), ()),
        (("treated", lambda f, y, c: f % 2), ("adopted", lambda f, y, c: c), ()),
        (TREATED, ALL_DATED, ("--treatment", "adopted")),
    ],
)
def test_first_treated_periods_beside_other_columns_of_units_are_taken(tmp_path, who, since, options):
    done, found, _ = draft(tmp_path, matched(who, since), *options)
    assert done.returncode == 0, done.stderr
    assert next(iter(found["treatment"].values()))["cohort"] == "adopted"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("1", "`law` is 1, and missing in {n} rows: if these are untreated write 0 in the file"),
        ("✓", "`law` is “✓” or missing: if that is treated or not write 1 and 0 in the file"),
    ],
)
def test_blanks_beside_the_mark_of_treated_rows_are_said(tmp_path, mark, said):
    columns = panel(law=lambda f, y, c, d, r: [mark if v else "" for v in d])
    assert said.format(n=columns["law"].count("")) in refused(tmp_path, columns)
    assert "blank" not in refused(tmp_path, panel(law=lambda f, *_: f % 2))


def test_years_of_two_digits_in_names_are_years(tmp_path):
    columns = {"firm": list(range(9)), "law": [f % 2 for f in range(9)]}
    weeks = {f"y_{w:02}": [f * w % 7 for f in range(9)] for w in range(1, 53)}
    assert "reshape" not in refused(tmp_path, columns | weeks)
    columns |= {f"y_{y % 100:02}": [f * y % 7 for f in range(9)] for y in range(1997, 2004)}
    told = refused(tmp_path, columns)
    assert "if each year has a column, as `y_97`, `y_98`" in told
    assert 'columns = ["y_{year}"] }' in told


def test_what_is_wrong_beside_the_treatment_or_key_is_said_with_it(tmp_path):
    texts = panel(sales=lambda f, y, *_: [f"{v} r" for v in y], law=lambda *_: None)
    told = refused(tmp_path, texts)
    assert "0/1 and switches once in a firm, at times that differ" in told
    assert "no numeric column of given.csv varies within `firm`" in told
    assert "2 errors" in told
    assert "1 error" in refused(tmp_path, panel(law=lambda *_: None))
    told = refused(tmp_path, texts | {"firm": np.arange(120) // 20}, "--outcome", "sales")
    assert "`firm` × `year` repeats" in told
    assert "`sales` is text in given.csv, and an outcome is a number" in told
    told = refused(tmp_path, texts, "--outcome", "sale", "--unit", "frim")
    assert "no column `frim`" in told
    assert "no column `sale`" in told


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (("y_{}", "x_{}"), 'columns = ["y_{year}", "x_{year}"] } in [study]'),
        (("{}",), 'columns = { value = "{year}" } } in [study]'),
    ],
)
def test_a_wide_file_is_told_of_reshape(tmp_path, names, told):
    columns = {"firm": list(range(9)), "law": [f % 2 for f in range(9)]}
    columns |= {n.format(y): [f * y % 7 for f in range(9)] for n in names for y in YEARS}
    said = refused(tmp_path, columns)
    assert told in said
    assert "long format" in said
    reshape = re.search(r"reshape = .*? (?=in \[study\])", said)[0].strip()
    study = f'[study]\ndata = "given.csv"\nunit = "firm"\ntime = "year"\n{reshape}\n'
    outcome = "value" if names == ("{}",) else "y"
    study += f"outcome = '{outcome}'\ntreatment = 'post'\nfixed_effects = 'firm + year'\n"
    study += "[derive]\npost = 'law * (year > 2004)'\n"
    (tmp_path / "s.toml").write_text(study, "utf-8")
    done = call_specdid(["check", "s.toml"], tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    base = {n: v for n, v in columns.items() if not re.search("200[2-9]", n)}
    assert "reshape" not in refused(tmp_path, base)


@pytest.mark.parametrize(
    ("year", "part", "most", "low", "said"),
    [
        ("year", "quarter", 4, 1, "`year` * 10 + `quarter` (20011 in the first data row), write it into the file, and"),
        ("年份", "季度", 4, 1, 'with step = "quarter"'),
        ("year", "month", 12, 1, "`year` * 100 + `month` (200101 in the first data row)"),
        ("year", "qtr", 4, 0, "`year` * 10 + `qtr` + 1 (20011 in the first data row)"),
        ("year", "half", 2, 1, 'with step = "half"'),
    ],
)
def test_a_time_in_two_columns_is_to_be_numbered_in_one(tmp_path, year, part, most, low, said):
    rows = [(f, y, q) for f in range(8) for y in range(2001, 2013) for q in range(low, low + most)]
    firm, years, parts = (np.array(v) for v in zip(*rows, strict=True))
    law = ((firm < 3) & (years > 2004)).astype(int)
    columns = {"firm": firm, year: years, part: parts, "law": law, "y": np.sin(np.arange(len(rows)))}
    told = refused(tmp_path, columns)
    assert "the time is in two columns: number the periods in one, " in told
    assert said in told
    factor = 100 if most > 4 else 10
    whole = {"firm": firm, "time": years * factor + parts + (low == 0), "law": law, "y": columns["y"]}
    found = draft(tmp_path, whole)[1]
    assert f'step = "{found["study"]["step"]}"' in told, "the advice makes a panel"


@pytest.mark.parametrize("part", ["sex", "age_group", "industry"])
def test_parts_of_a_unit_are_no_parts_of_a_year(tmp_path, part):
    double = {name: np.repeat(values, 2) for name, values in panel().items()}
    found = draft(tmp_path, double | {part: np.tile([1, 2], 120)})[1]
    assert found["study"]["unit"] == ["firm", part]
    assert found["inference"]["cluster"] == "firm"


def test_dates_a_week_apart_are_told_to_be_weeks(tmp_path):
    days = [int(d.strftime("%Y%m%d")) for d in np.datetime64("2019-12-02").astype(object) + np.arange(9) * timedelta(7)]
    rows = [f"{f},{day},{int(f < 3 and k > 2 + f)},{f * k % 7}" for f in range(8) for k, day in enumerate(days)]
    (tmp_path / "given.csv").write_text("firm,date,law,y\n" + "\n".join(rows) + "\n", "utf-8")
    told = call_specdid(["init", "new", "--data", "given.csv"], tmp_path)
    assert told.returncode == 0, told.stderr
    assert "COMPLETE: number the periods in a column, 201949 for “20191202”, 201950 for “20191209”" in told.stdout
    text = " ".join((tmp_path / "new" / "new.toml").read_text("utf-8").split())
    assert "201949 for “20191202”" in text


def test_a_law_that_begins_within_a_year_is_a_rival(tmp_path):
    def other(f, y, c, d, r):
        begun = 2003 + f % 4
        return np.where(f % 3 > 0, np.where(y == begun, 0.5, (y > begun).astype(float)), 0.0)

    assert "`law`, `other`" in refused(tmp_path, panel(other=other))
    _, found, _ = draft(tmp_path, panel(other=other), "--treatment", "law")
    assert list(found["treatment"]) == ["law"]


def test_who_and_since_when_make_a_treatment_when_it_is_asked_for(tmp_path):
    columns = panel(law=lambda f, *_: f % 2, after=lambda f, y, *_: (y >= 2005).astype(int))
    assert "never changes within a unit" in refused(tmp_path, columns)
    done, found, _ = draft(tmp_path, columns, "--treatment", "law")
    assert done.returncode == 0, done.stderr
    assert found["derive"]["treated"] == "law * after"
    assert "feols" in found["estimator"].values()


def test_who_times_since_when_is_the_treatment(tmp_path):
    def own(firm, year, *_):  # a firm of the never treated, too, has its own date
        return (year >= np.where(firm % 2 == 0, 2004, 2006)).astype(int)

    def who(firm, *_):
        return (firm < 5).astype(int)

    columns = panel(treated=who, post=own)
    del columns["law"]
    columns["did"] = columns["treated"] * columns["post"]
    done, found, spec = draft(tmp_path, columns)
    assert done.returncode == 0, done.stderr
    assert found["treatment"] == {"did": {"term": "did", "cohort": "cohort"}}
    assert "is `treated` × `post`" in spec.read_text("utf-8")
    assert "2004 (3), 2006 (2); never 7" in spec.read_text("utf-8")
    other = tmp_path / "other"
    other.mkdir()
    columns = panel(treated=who, post=lambda f, y, *_: (y >= 2005).astype(int))
    del columns["law"]
    assert "--treatment treated" in refused(other, columns)
    columns |= {"did": columns["treated"] * columns["post"], "urban": (columns["firm"] % 3 == 0).astype(int)}
    columns |= {"crisis": (columns["year"] >= 2008).astype(int)}
    columns["both"] = columns["urban"] * columns["crisis"]
    assert "`both`, `did`" in refused(other, {name: columns[name] for name in sorted(columns)})  # which, a person says


def test_a_column_of_the_same_units_is_said_and_the_finer_key_is_asked_for(tmp_path):
    names = panel(name=lambda f, *_: [f"firm {v}" for v in f])
    done, found, _ = draft(tmp_path, names)
    assert found["study"]["unit"] == "firm"
    assert "the same units in `name`" in done.stdout
    (tmp_path / "new/new.toml").unlink()
    spells = panel(spell=lambda f, y, *_: f * 2 + (y > 2004))
    assert draft(tmp_path, spells, "--unit", "firm")[1]["study"]["unit"] == "firm"


def test_names_of_any_kind_stand_in_quotes(tmp_path):
    given = {
        {"law": "first law", "sales": 'a "sale"\\`x`', "firm": "企业 编号"}.get(n, n): v for n, v in panel().items()
    }
    done, found, spec = draft(tmp_path, given)
    assert done.returncode == 0, done.stderr
    assert found["study"]["unit"] == "`企业 编号`"
    assert found["treatment"]["first law"]["term"] == "`first law`"
    assert not specdid.check(spec).errors


def test_periods_far_apart_or_months_have_their_step(tmp_path):
    _, found, _ = draft(tmp_path, panel(year=lambda f, y, *_: 1950 + 5 * (y - 2000)))
    assert found["study"]["step"] == "5"
    (tmp_path / "new/new.toml").unlink()
    _, found, _ = draft(tmp_path, panel(year=lambda f, y, *_: 200000 + 1 + (y - 2000) // 5 * 100 + (y - 2000) % 5 * 2))
    assert found["study"]["step"] == "month"


def test_an_existing_spec_is_left_alone(tmp_path):
    draft(tmp_path, panel())
    done, *_ = draft(tmp_path, panel())
    assert done.returncode == 5
    assert "exists already" in done.stderr
    assert call_specdid(["init", "x", "--data", "nowhere.csv"], tmp_path).returncode == 2
    assert not (tmp_path / "x").exists()
    for option in ("--unit", "--time", "--treatment", "--outcome"):
        done = call_specdid(["init", "x", "--data", "given.csv", option, "lawx"], tmp_path)
        assert done.returncode == 2
        assert "no column `lawx` in given.csv" in done.stderr


def test_a_gap_of_time_within_the_file_is_no_footer(tmp_path):
    columns = panel()
    columns["year"] = [None if i == 4 else int(v) for i, v in enumerate(columns["year"])]
    said = refused(tmp_path, columns, "--time", "year")
    assert "missing in data row 5" in said
    assert "fill this cell, or delete the row" in said
    assert "footer" not in said


def test_numbers_as_text_are_named_and_not_dropped_in_silence(tmp_path):
    done, found, spec = draft(
        tmp_path,
        panel(
            people=lambda f, y, c, d, r: [f"{v:,}" for v in 3_000_000 + 1000 * f + y],
            jobless=lambda f, y, c, d, r: [".." if i == 3 else f"{v:.2f}" for i, v in enumerate(r.normal(size=len(f)))],
        ),
    )
    assert done.returncode == 0, done.stderr
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    for words in (done.stdout, text):
        assert "`people`" in words
        assert "parse_number(people)" in words
        assert "`jobless`" in words
        assert "“..”" in words
    assert "outcome" in found


def test_an_outcome_of_numbers_as_text_is_read_in_the_draft(tmp_path):
    def jobs(f, y, c, d, r):
        return [".." if i == 3 else f"{v:,.0f}" for i, v in enumerate(np.exp(7 + r.normal(size=len(f))))]

    done, found, spec = draft(tmp_path, panel(sales=lambda *_: None, jobs=jobs))
    assert done.returncode == 0, done.stderr
    assert found["derive"]["jobs_number"] == 'parse_number(ifelse(jobs == "..", NA, jobs))'
    assert found["outcome"] == {"jobs": "jobs_number"}
    assert found["derive"]["jobs_number"] in done.stdout
    assert not specdid.check(spec).errors
    other = tmp_path / "other"
    other.mkdir()
    done, found, _ = draft(other, panel(jobs=jobs), "--outcome", "jobs")
    assert done.returncode == 0, done.stderr
    assert found["outcome"] == {"jobs": "jobs_number"}


NAMES = st.one_of(
    st.sampled_from(
        ["a b", 'a"b', "a.b", "1985", "2010年产值", "TRUE", "if", "log", "by", "a`b", "-", "a\\b", "产值(万元)"]
    ),
    st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=8),
)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=NAMES)
@example(name="产值")
def test_a_draft_parses_whatever_a_column_of_numbers_as_text_is_called(tmp_path_factory, name):
    def jobs(f, y, c, d, r):
        return ["-" if i == 3 else f"{v:,.0f}" for i, v in enumerate(np.exp(7 + r.normal(size=len(f))))]

    assume(name.strip() == name and name.casefold() not in {"firm", "year", "law"})
    folder = tmp_path_factory.mktemp("drafts")
    done, _, spec = draft(folder, panel(sales=lambda *_: None, **{name: jobs}))
    if done.returncode == 0:
        assert not specdid.check(spec).errors
    else:
        assert "no draft" not in done.stderr, (name, done.stderr)


def test_cells_that_keep_an_outcome_from_being_numbers_are_named_where_nothing_reads_them(tmp_path):
    def jobs(f, y, c, d, r):
        return ["12.3.4" if i == 3 else f"{v:.2f}" for i, v in enumerate(r.normal(size=len(f)))]

    for options in ((), ("--outcome", "jobs")):
        said = " ".join(refused(tmp_path, panel(sales=lambda *_: None, jobs=jobs), *options).split())
        assert "“12.3.4” (data row 4)" in said


def test_a_code_of_missing_values_is_told_with_what_takes_it_out(tmp_path):
    rate = np.where(np.arange(120) % 50 == 7, -999, 50 + np.arange(120) % 31)
    done, _, spec = draft(tmp_path, panel(rate=lambda *_: rate))
    written = " ".join(spec.read_text("utf-8").replace("#", "").split())
    for text in (" ".join(done.stderr.split()) + " ".join(done.stdout.split()), written):
        assert "`rate` is -999 in 3 rows" in text
        assert "ifelse(rate == -999, NA, rate)" in text


def test_the_treatment_and_parts_of_the_outcome_are_no_controls(tmp_path):
    def share(f, y, c, d, r):
        return np.where((c > 0) & (y == c), 0.4 + 0.01 * f, d)

    night = np.random.default_rng(1).integers(1, 50, 120)
    done, _, spec = draft(
        tmp_path,
        panel(
            sales=lambda *_: None,
            start=lambda f, y, c, d, r: c,
            law=lambda *_: None,
            in_force=share,
            deaths=lambda f, y, c, d, r: night + 60 + f,
            night_deaths=lambda *_: night,
            deaths_twice=lambda f, y, c, d, r: 2 * (night + 60 + f),
            wage=lambda f, y, c, d, r: r.normal(size=len(f)),
        ),
        "--treatment", "start", "--outcome", "deaths",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    listed, aside = text.partition("Not among them:")[::2]
    candidates = listed.partition("COMPLETE: which of these")[2]
    assert "`wage`" in candidates
    for name in ("in_force", "night_deaths", "deaths_twice"):
        assert f"`{name}`" not in candidates
        assert f"`{name}`" in aside


def test_weights_are_names_of_a_size(tmp_path):
    size = lambda f, y, c, d, r: 1000.0 + 10 * f + r.integers(0, 9, len(f))  # noqa: E731
    done, _, spec = draft(tmp_path, panel(population=size, **{"Percent population aged 14 through 24": size}))
    assert done.returncode == 0, done.stderr
    weights = spec.read_text("utf-8").partition("[weights]")[2].partition("[estimator]")[0]
    assert '"population"' in weights
    assert "Percent" not in weights


def test_columns_that_add_up_to_the_outcome_are_no_controls(tmp_path):
    parts = np.random.default_rng(2).integers(100, 900, (2, 120))
    done, _, spec = draft(
        tmp_path,
        panel(
            sales=lambda *_: None,
            all=lambda *_: parts.sum(axis=0),
            men=lambda *_: parts[0],
            women=lambda *_: [None if i == 0 else int(v) for i, v in enumerate(parts[1])],
            wage=lambda *_: parts[0] * 2 - parts[1],
        ),
        "--outcome", "all",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    listed, aside = " ".join(spec.read_text("utf-8").replace("# ", "").split()).partition("Not among them:")[::2]
    assert "`wage`" in listed.partition("COMPLETE: which of these")[2]
    assert "`men` is a part of `all`" in aside
    assert "`women` is a part of `all`" in aside


def test_of_many_columns_of_numbers_as_text_the_rest_is_counted(tmp_path):
    marked = {f"v{k}": lambda f, *_: [f"{v:,}" for v in 5000 + f % 5] for k in range(14)}
    done, _, spec = draft(tmp_path, panel(**marked))
    assert done.returncode == 0, done.stderr
    assert "2 further columns" in done.stdout
    assert "2 further columns likewise" in spec.read_text("utf-8")


def by_province(f, y, *_):
    return np.array([2004, 0, 2006, 0])[f // 3]


@pytest.mark.parametrize(
    "law",
    [
        lambda f, y, *_: ((by_province(f, y) > 0) & (y >= by_province(f, y))).astype(int),
        lambda f, y, *_: (f // 3 + y) % 3 * 1.5,
    ],
    ids=["once", "back and forth"],
)
def test_errors_are_clustered_where_the_treatment_is_decided(tmp_path, law):
    columns = panel(
        law=law,
        province=lambda f, *_: f // 3,
        town=lambda f, *_: f // 2,
        kind=lambda f, *_: f % 3,
        wave=lambda f, y, *_: by_province(f, y),
    )
    done, found, spec = draft(tmp_path, columns, "--treatment", "law")
    assert done.returncode == 0, done.stderr
    assert found["vcov"] == {"province": "~province"}
    assert found["inference"]["cluster"] == "province"
    assert not specdid.check(spec).errors
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    assert "the treatment varies between its 4 groups" in text
    assert '"firm" = "~firm"' in text
    assert "clustered by `province`" in done.stdout


def test_a_treatment_of_units_or_of_all_is_clustered_by_unit(tmp_path):
    columns = panel(province=lambda f, *_: f // 4, wave=lambda f, y, c, *_: np.where(c > 0, c - 2000, 9))
    assert draft(tmp_path, columns)[1]["vcov"] == {"firm": "~firm"}
    (tmp_path / "new/new.toml").unlink()
    columns = panel(law=lambda f, y, c, d, r: r.normal(size=len(f)), province=lambda f, *_: f // 4)
    assert draft(tmp_path, columns, "--treatment", "law")[1]["vcov"] == {"firm": "~firm"}


def test_several_rows_of_a_unit_and_period_are_told_with_what_tells_them_apart(tmp_path):
    columns = panel()
    double = {name: np.repeat(values, 2) for name, values in columns.items()}
    said = refused(tmp_path, double | {"noise": np.arange(240) / 7})
    assert "`firm` × `year` repeats in 120 rows, first data rows 1 and 2" in said
    assert "of parts (ages, genders, sectors)" in said
    spec = (
        '[study]\ndata = "given.csv"\nunit = "firm"\ntime = "year"\n[outcome]\ny = "sales"\n[treatment]\nlaw = "law"\n'
    )
    (tmp_path / "spec.toml").write_text(spec, "utf-8")
    done = call_specdid(["check", "spec.toml"], tmp_path)
    assert "of parts (ages, genders, sectors)" in " ".join(done.stderr.split())


@pytest.mark.parametrize(
    ("cells", "advice"),
    [
        (["no", "yes"], '`EZ zone` == "yes"'),
        (["1984", "1985", "none"], 'parse_number(ifelse(`EZ zone` == "none", NA, `EZ zone`))'),
    ],
)
def test_a_treatment_that_is_text_is_refused_with_the_condition_to_write(tmp_path, cells, advice):
    rows = [f"{u},{t},{u * t % 7},{cells[u % len(cells)]}" for u in range(12) for t in range(1980, 1990)]
    (tmp_path / "d.csv").write_text("\n".join(["id,year,y,EZ zone", *rows]))
    refused = call_specdid(["init", "s", "--data", "d.csv", "--treatment", "EZ zone"], tmp_path)
    assert f"write {advice}" in refused.stderr


def test_blank_cells_that_name_no_unit_are_not_said(tmp_path):
    told = refused(
        tmp_path,
        panel(
            firm=lambda f, *_: f // 2,
            note=lambda f, y, *_: ["see text" if k == 7 else None for k in range(len(f))],
            area=lambda f, y, *_: [None if k % 9 == 4 else f"a{k % 3}" for k in range(len(f))],
        ),
    )
    assert "is blank" not in told


def test_headings_of_two_lines_have_labels_of_one(tmp_path):
    columns = panel(people=lambda f, y, c, d, r: r.normal(size=len(f)))
    named = {"sales": "Output\n(million)", "law": "new\nlaw", "firm": "firm\r\ncode", "people": "people\t2"}
    done, found, spec = draft(tmp_path, {named.get(n, n): v for n, v in columns.items()})
    assert done.returncode == 0, done.stderr
    assert found["outcome"] == {"Output (million)": "`Output\n(million)`"}
    assert list(found["treatment"]) == ["new law"]
    assert "`Output (million)` stands in its place" in done.stdout
    assert not specdid.check(spec).errors


def test_a_column_with_infinite_cells_is_not_dropped_in_silence(tmp_path):
    def infinite(f, y, c, d, r):
        values = r.normal(size=len(f))
        values[[3, 8]] = np.inf, -np.inf
        return values

    done, _, spec = draft(tmp_path, panel(growth=infinite, code=lambda f, *_: np.where(f == 0, np.inf, f)))
    assert done.returncode == 0, done.stderr
    said = "`growth`, which is Inf in data rows 4, 9: empty these cells where they mean missing"
    assert f"left out {said}" in done.stdout
    assert "left out `code`" not in done.stdout
    text = " ".join(spec.read_text("utf-8").replace("# ", "").split())
    assert "`growth` is Inf in data rows 4, 9: empty these cells where they mean missing; then it is a cand" in text
    other = tmp_path / "other"
    other.mkdir()
    told = refused(other, panel(sales=lambda *_: None, growth=infinite))
    assert "`growth` is Inf in data rows 4, 9" in told


@pytest.mark.parametrize(("format_", "kind"), [("tq", "%tq"), ("tm", "%tm")])
def test_a_date_of_stata_is_named_as_what_may_be_the_time(tmp_path, format_, kind):
    start = {"tq": 3, "tm": 1}[format_]
    columns = panel(
        year=lambda f, y, *_: [
            date(2000 + (y0 - 2000) * start // 12, (y0 - 2000) * start % 12 + 1, 1) for y0 in y.tolist()
        ]
    )
    frame = pl.DataFrame({"when" if n == "year" else n: v for n, v in columns.items()}).to_pandas()
    frame["when"] = frame["when"].astype("datetime64[ns]")
    frame.to_stata(tmp_path / "d.dta", write_index=False, convert_dates={"when": format_})
    done = call_specdid(["init", "new", "--data", "d.dta"], tmp_path)
    assert "help: say which it is: --time when" in done.stderr
    assert f"`when` is a date of Stata, {kind}" in done.stderr
    assert call_specdid(["init", "new", "--data", "d.dta", "--time", "when"], tmp_path).returncode == 0


def test_a_number_that_a_stata_file_labels_as_missing_is_said(tmp_path):
    columns = pl.DataFrame(panel(trust=lambda f, y, *_: np.where((f == 2) & (y > 2006), 9, 1 + (f + y) % 5)))
    columns = columns.select(pl.exclude("sales"))
    for labels, said in (({9: "refused"}, True), ({9: "fully"}, False)):
        out = tmp_path / str(said)
        out.mkdir()
        columns.to_pandas().to_stata(out / "d.dta", write_index=False, version=118, value_labels={"trust": labels})
        done = call_specdid(["init", "new", "--data", "d.dta"], out)
        assert done.returncode == 0, done.stderr
        words = (
            "`trust` is 9 (“refused”) in 3 rows, labelled as missing: if that means missing, derive ifelse(trust == 9,"
        )
        assert (words in " ".join(done.stdout.split())) is said


def test_a_column_of_durations_is_named_among_what_is_left_out(tmp_path):
    columns = panel(hours=lambda f, *_: [timedelta(hours=int(k)) for k in f])
    done, _, _ = draft(tmp_path, columns, ending="parquet")
    assert "left out `hours`, which is of durations: write them as numbers" in done.stdout


@pytest.mark.parametrize("typed", [2100, 1020, 3013])
def test_a_mistyped_year_is_told(tmp_path, typed):
    columns = panel(year=lambda f, y, *_: np.where((f == 3) & (y == 2009), typed, y))
    done, _, _ = draft(tmp_path, columns)
    assert f"`year` is {typed} in data row 40 of" in done.stdout + done.stderr


@pytest.mark.parametrize("blank", [True, False])
def test_rows_that_name_the_unit_of_the_rows_below_are_told(tmp_path, blank):
    rows = []
    for f in range(8):
        rows += [f"firm {f},,,", *(f",{y},{int(f < 3 and y > 2003 + f)},{f * y % 7}" for y in range(2001, 2009))]
    if not blank:
        rows[3] = "x" + rows[3]
    (tmp_path / "given.csv").write_text("\n".join(["firm,year,law,y", *rows]) + "\n", "utf-8")
    told = call_specdid(["init", "new", "--data", "given.csv"], tmp_path).stderr
    assert ("data rows 1, 10, 19 and 5 more hold `firm` alone (“firm 0”)" in told) == blank


def _told(tmp_path, name, rows, *args):
    (tmp_path / name).write_text("\n".join(",".join(map(str, row)) for row in rows), "utf-8")
    done = call_specdid(["init", "out", "--data", name, *args], tmp_path)
    return done.stdout + done.stderr


def _office(adopted=lambda region: ""):
    """Rows of twelve regions in six years with a treatment, an outcome and a date of adoption."""
    head = ["region", "year", "d", "gdp", "adopted"]
    rows = [
        [f"R{r:02}", year, int(r % 2 and year >= 2010 + r % 3), 100 + 7 * r + (r * year) % 11, adopted(r)]
        for r in range(12)
        for year in range(2008, 2014)
    ]
    return head, rows


def test_a_total_without_a_year_and_words_among_numbers_are_said_at_once(tmp_path):
    head, rows = _office()
    rows[5][3], rows[8][3] = "n/a", ".."
    said = _told(tmp_path, "office.csv", [head, *rows, ["Total", "", "", 999999, ""]])
    assert "“Total”" in said
    assert "delete the row where that is a total" in said
    assert "“n/a”" in said
    assert "“..”" in said
    assert "say which it is" not in said


def test_a_year_that_is_missing_in_the_middle_is_no_total(tmp_path):
    head, rows = _office()
    rows[3][1] = "NA"
    said = _told(tmp_path, "office.csv", [head, *rows])
    assert "`year` is missing in data row 4: every row needs its time" in said
    assert "total" not in said


@pytest.mark.parametrize("chosen", [(), ("--treatment", "adopted")])
@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda r: f"{2010 + r % 3}-04-15" if r % 2 else "", "ifelse(is.na(adopted), 0, year >= year(adopted))"),
        (lambda r: f"{2010 + r % 3}-04-15", "write the treatment in [derive], year >= year(adopted)"),
        (lambda r: f"{2010 + r % 3}/04/15" if r % 2 else "never", 'ifelse(adopted == "never", 0, year >= '),
        (lambda r: ("north", "south", "west")[r % 3], ""),
    ],
)
def test_what_makes_a_treatment_of_a_date_of_adoption_is_said(tmp_path, chosen, written, said):
    head, rows = _office(written)
    kept = [[row[0], row[1], *row[3:]] for row in [head, *rows]]
    told = _told(tmp_path, "dated.csv", kept, *chosen)
    assert ("`adopted` is a date, one for a region" in told) == bool(said)
    assert said in told


def test_dates_of_adoption_in_a_parquet_file_are_told(tmp_path):
    head, rows = _office(lambda r: date(2010 + r % 3, 4, 15) if r % 2 else None)
    frame = pl.DataFrame(rows, schema=head, orient="row").drop("d")
    frame.write_parquet(tmp_path / "dated.parquet")
    done = call_specdid(["init", "out", "--data", "dated.parquet"], tmp_path)
    assert "ifelse(is.na(adopted), 0, year >= year(adopted))" in done.stdout + done.stderr


def test_a_name_that_is_read_as_missing_is_not_called_blank(tmp_path):
    head, rows = _office()
    for row in rows[6:12]:
        row[0] = "NA"
    said = _told(tmp_path, "namibia.csv", [head, *rows])
    assert "`region` is missing (a blank, or a word as NA) in data rows 7, 8, 9" in said
    assert "stands only in the first" not in said

"""The Python programs of `specdid show`, run in a process that knows nothing of specdid."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import numpy as np
import openpyxl
import polars as pl
import pytest
from programs import differences, estimated, execute, program, random_places
from specdid._records import Status
from specdid._run.prepare import prepare

ROOT = Path(__file__).parents[2]
PANEL = ROOT / "tests" / "reference" / "panel.csv"


@pytest.mark.parametrize("example", ["castle", "minimum_wage", "smart_city"])
def test_random_specifications_of_the_examples(example):
    prepared = prepare(ROOT / "specs" / f"{example}.toml")
    results = estimated(prepared)
    found = differences(prepared, random_places(results, 30, seed=11), results)
    assert max(found.values()) < 1e-8


STUDIES = {
    "terms": """
[treatment]
"pilot" = { term = "dudt:ind2", with = "dudt + ind2" }
[controls]
"all" = "poly(pgdp, 3) + i(tcz, ln_open) + factor(municipality):ln_pat + poly(ind2, 2, raw = TRUE) + l(ln_open, 1:2)"
"large" = "I(pgdp * 1e6) + I(ln_pat / 1e5) + pop"
[fixed_effects]
"slopes" = "city_id[year] + year"
"slopes only" = "city_id[[pop]] + province^year"
"none" = "0"
[weights]
"pop" = "pop"
[vcov]
"two" = "~city_id + year"
"hc" = "hetero"
"iid" = "iid"
""",
    "matched": """
[treatment]
"pilot" = { term = "dudt", cohort = "c12" }
[controls]
"some" = "pgdp"
[sample."at"]
where = "municipality == 0"
match = { on = "pgdp + ind2", treated = "pilot", at = "year == 2011", method = "nearest" }
[sample."by period"]
where = "TRUE"
match = { on = "pgdp + ind2", treated = "pilot", method = "kernel" }
[weights]
"none" = "1"
"pop" = "pop"
""",
    "common": """
[study]
missing = "common"
[treatment]
"pilot" = "dudt"
[controls]
"subsets" = "mvsw(pgdp, l(ln_open), ln_pat)"
[variant."winsorized"]
"no" = {}
"yes" = { derive = { ln_so2 = "winsorize(ln_so2, 0.02)", pgdp = "trim(pgdp, 0.01)" }, where = "tcz == 1 | year > 2008" }
""",
    "staggered": """
[treatment]
"all" = { term = "dall", cohort = "batch" }
[controls]
"none" = "1"
"some" = "pgdp + ind2"
[estimator]
"a" = "sunab"
"b" = { method = "sunab", control = "notyet" }
"references" = { method = "sunab", reference = [-1, -3] }
"c" = "did2s"
"d" = { method = "lpdid", post_window = 1 }
"e" = { method = "lpdid", post_window = 2, control = "never" }
"f" = "lpdid"
"g" = { method = "lpdid", reweight = true }
[weights]
"none" = "1"
"pop" = "pop"
[vcov]
"city" = "~city_id"
"two" = "~province + year"
""",
    "never": """
[study]
never = [0, 2003]
[treatment]
"all" = { term = "dall", cohort = "ifelse(batch == 0, 2003, batch)" }
[estimator]
"a" = "sunab"
"b" = { method = "lpdid", post_window = 1 }
""",
    "corrections": """
[outcome]
"levels" = "so2"
[treatment]
"all" = { term = "dall", cohort = "batch" }
[controls]
"some" = "pgdp + ind2"
[fixed_effects]
"two" = "city_id + year"
"apart" = "city_id + province^year"
"three" = "city_id + province^year + tcz^year"
"slopes" = "city_id[ind2] + year"
[estimator]
"o" = "feols"
"s" = "sunab"
"d" = "did2s"
"l" = "lpdid"
"r" = { method = "lpdid", reweight = true, post_window = 1 }
"p" = "fepois"
[weights]
"pop" = "pop"
[vcov]
"reghdfe" = { formula = "~province", ssc = "reghdfe" }
"areg" = { formula = "~city_id", ssc = "areg" }
"lsdv" = { formula = "~city_id + year", ssc = "lsdv", distribution = "normal" }
"glm" = { formula = "~city_id", ssc = "glm" }
"none" = { formula = "~city_id", ssc = "none" }
"normal" = { formula = "~city_id", distribution = "normal" }
"hc1" = { formula = "hetero", ssc = "lsdv" }
"hc0" = { formula = "hetero", ssc = "none" }
"hc" = { formula = "hetero", ssc = "glm" }
"ml" = { formula = "iid", ssc = "none" }
"dummies" = { formula = "iid", ssc = "lsdv" }
""",
    "logit": """
[outcome]
"high" = "ln_so2 > 4"
[treatment]
"pilot" = "dudt"
[controls]
"some" = "pgdp"
[fixed_effects]
"province + year" = "province + year"
[estimator]
"logit" = "logit"
"ols" = "feols"
[vcov]
"cr1" = { formula = "~province", ssc = "glm" }
"lsdv" = { formula = "~province", ssc = "lsdv", distribution = "t" }
"oim" = { formula = "iid", ssc = "glm" }
"plain" = "~province"
""",
}


def study_of(tables: dict, data: Path = PANEL, **keys: str) -> dict:
    """The tables of a study on the reference panel, without tests of the curve."""
    derive = {"c12": "ifelse(batch == 2012, 2012, 0)", "dall": "(batch > 0) * (year >= batch)"}
    base = {"derive": derive, "outcome": {"a": "ln_so2"}, "inference": {"draws": 0}} | tables
    base["study"] = {"data": str(data), "unit": "city_id", "time": "year", **keys, **tables.get("study", {})}
    return base


@pytest.mark.parametrize("name", STUDIES)
def test_every_form_of_the_language(name):
    prepared = prepare(study_of(tomllib.loads(STUDIES[name])))
    results = estimated(prepared)
    ok = np.flatnonzero(results.status == Status.OK)
    assert len(ok) >= 2, results.message.words
    found = differences(prepared, ok.tolist(), results)
    assert max(found.values()) < 1e-8, {results.planned.formulas(s, s + 1)[0]: d for s, d in found.items()}


def test_names_and_texts_that_would_be_code(tmp_path):
    """Columns named like commands, units with quotes, months as 201212, a path with quotes, GB18030."""
    bomb = "\"'; import os; os.abort() #"
    panel = pl.read_csv(PANEL).with_columns(
        (201_200 + pl.col("year") - 2004).alias("year"),
        (pl.lit("城市" + bomb) + pl.col("city_id").cast(pl.String)).alias("city_id"),
    )
    panel = panel.filter(pl.col("year") <= 201_212).rename({"ln_so2": bomb, "pgdp": "class", "ln_pat": "重"})
    data = tmp_path / "da\"'ta.csv"
    data.write_bytes(panel.write_csv().encode("gb18030"))
    tables = {
        "derive": {"late": "year >= 201206", "is_bomb": f"city_id == {json.dumps('城市' + bomb + '7')}"},
        "outcome": {bomb: f"`{bomb}`"},
        "treatment": {bomb: {"term": "late:pilot", "with": "pilot"}},
        "controls": {"x": "l(class) + d(ind2, 2) + 重 + is_bomb:ind2"},
        "vcov": {bomb: "~city_id"},
    }
    prepared = prepare(study_of(tables, data, step="month"))
    results = estimated(prepared)
    found = differences(prepared, random_places(results, 2, 0), results)
    assert max(found.values()) < 1e-8


def test_numbers_and_texts_of_one_column_of_a_workbook(tmp_path):
    """A stranger's program lost every number beside the texts of a column, in silence."""
    book = openpyxl.Workbook()
    book.active.append(["city", "year", "part", "y"])
    for row, (city, year) in enumerate((c, y) for c in range(12) for y in range(8)):
        value = (7 * row % 31) / 7 + (city > 5 and year > 3)
        part = ("old", True, 3, 0.1 + 0.2)[row % 4]
        book.active.append(
            [f"c{city}" if city % 2 else city, 2000 + year, part, value if row % 3 else f" {value:.2f}%"]
        )
    book.save(tmp_path / "d.xlsx")
    study = {
        "study": {"data": str(tmp_path / "d.xlsx"), "unit": "city", "time": "year"},
        "derive": {"d": "city %in% c('c7', 'c9', '8', '10') & year > 2003", "p": "part %in% c('true', '3', '0.3')"},
        "outcome": {"y": "parse_number(y)"},
        "treatment": {"d": "d"},
        "controls": {"p": "p + nchar(part)"},
        "inference": {"draws": 0},
    }
    prepared = prepare(study)
    results = estimated(prepared)
    assert results.status[0] == Status.OK
    assert differences(prepared, [0], results)[0] < 1e-8


def test_the_program_has_the_small_numbers_beside_texts_of_a_workbook(tmp_path):
    """Both had read 1e-12 as 0 where the column holds a text, in silence."""
    book = openpyxl.Workbook()
    book.active.append(["city", "year", "y", "x"])
    for row, (city, year) in enumerate((c, y) for c in range(12) for y in range(8)):
        value = 1e-12 * (7 * row % 31) / 7 + 1e-12 * (city > 5 and year > 3)
        book.active.append(
            [city, 2000 + year, f"{value:.3e}%" if row == 5 else value, "NA" if row == 9 else 1 / (1 + row)]
        )
    book.save(tmp_path / "d.xlsx")
    study = {
        "study": {"data": str(tmp_path / "d.xlsx"), "unit": "city", "time": "year"},
        "derive": {"d": "city %in% c(7, 9, 10) & year > 2003", "big": "1e12 * parse_number(y)"},
        "outcome": {"y": "big"},
        "treatment": {"d": "d"},
        "controls": {"x": "x"},
        "inference": {"draws": 0},
    }
    prepared = prepare(study)
    results = estimated(prepared)
    assert results.status[0] == Status.OK
    assert len(prepared.panel.columns["y"].levels) > 30
    assert differences(prepared, [0], results)[0] < 1e-8


def test_headings_of_a_workbook_that_end_in_a_blank_or_are_numbers(tmp_path):
    """The engine has them without the blank and as text; the program ended in a KeyError."""
    book = openpyxl.Workbook()
    book.active.append(["city ", "year", " y ", 2005])
    for city, year in ((c, y) for c in range(12) for y in range(8)):
        book.active.append([city, 2000 + year, (7 * city + 5 * year * year) % 31 / 7, (3 * city * year) % 11])
    book.save(tmp_path / "d.xlsx")
    study = {
        "study": {"data": str(tmp_path / "d.xlsx"), "unit": "city", "time": "year"},
        "derive": {"d": "city > 6 & year > 2003"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"x": "`2005`"},
        "inference": {"draws": 0},
    }
    prepared = prepare(study)
    results = estimated(prepared)
    assert results.status[0] == Status.OK
    assert differences(prepared, [0], results)[0] < 1e-8


def test_a_sample_without_rows_is_said(tmp_path):
    """pyfixest panics in Rust there."""
    data = tmp_path / "d.csv"
    panel = pl.read_csv(PANEL)
    panel.write_csv(data)
    prepared = prepare(study_of({"treatment": {"d": "dudt"}}, data))
    code = program(prepared, 0)
    panel.with_columns(ln_so2=None).write_csv(data)
    assert execute([code]) == ["AssertionError('0 rows in the sample')"]

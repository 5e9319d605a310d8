"""Only the columns that a study mentions are read, and nothing it does can tell.

Data frames of every kind as panels: values, hashes, and the keys unit and time.

CSV and TSV: encodings, missing cells, columns that are almost numbers, blank rows.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import specdid
from frames_as_panels import as_given, bare_study, faults_of, panel_of
from small_studies import small_panel, studies_of_every_table
from source_files import CSV, TABLE, TYPED, as_list, plain
from specdid._decode import read_study
from specdid.panel import columns, read_panel
from specdid.panel.columns import UNREAD
from specdid.panel.delimited import read_delimited
from specdid.panel.sources import needed

COLUMNS = ("id", "year", "x1", "x2", "y", "d", "w", "c", "group", "pop", "extra", "`", "中文")


def study_of(**changes):
    study = {"study": {"unit": "id", "time": "year"}, "outcome": {"y": "y"}, "treatment": {"d": "d"}, **changes}
    found, faults = read_study(study)
    assert found is not None, faults
    return found


def test_the_outcome_the_treatment_and_the_keys():
    assert needed(study_of(), COLUMNS) == {"id", "year", "y", "d"}


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"controls": {"a": "mvsw(x1, log(x2))"}}, {"x1", "x2"}),
        ({"controls": {"a": "sw0(regex('^x'))"}}, {"x1", "x2"}),
        ({"controls": {"a": "mvsw(each('[12]$'))"}}, {"x1", "x2"}),
        ({"controls": {"a": "..m"}, "macros": {"m": "pop + I(x1^2)"}}, {"pop", "x1"}),
        ({"derive": {"z": "l(extra, 1)"}}, {"extra"}),
        ({"sample": {"s": "`中文` == 1"}}, {"中文"}),
        ({"sample": {"s": {"match": {"on": "x1", "exact": "group", "at": "pop > 0"}}}}, {"x1", "group", "pop"}),
        ({"weights": {"s": "w"}}, {"w"}),
        ({"treatment": {"d": {"term": "d", "with": "x1", "cohort": "c"}}}, {"x1", "c"}),
        (
            {"variant": {"v": {"no": {}, "yes": {"derive": {"y": "pmin(y, x1)"}, "absorb": "group^year"}}}},
            {"x1", "group"},
        ),
        ({"vcov": {"a": "~group", "b": "~id + c"}}, {"group", "c"}),
        ({"inference": {"assign": "d", "strata": "group"}}, {"group"}),
        ({"heterogeneity": {"h": {"groups": {"a": "at(pop, year == 2001) > 1"}}}}, {"pop"}),
        ({"mechanism": {"m": {"moderator": "x2"}}}, {"x2"}),
        ({"table": {"T": {"fix": {"fixed_effects": {"formula": "group"}}}}}, {"group"}),
    ],
)
def test_every_place_where_a_column_can_stand(changes, more):
    assert needed(study_of(**changes), COLUMNS) == {"id", "year", "y", "d"} | more


def test_labels_and_titles_mention_nothing():
    study = study_of(controls={"x1": "1"}, labels={"pop": "extra"}, preferred={"controls": "x1"})
    assert needed(study, COLUMNS) == {"id", "year", "y", "d"}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    small_panel(units=12, periods=6).with_columns(unused=pl.lit("x")).write_parquet(tmp_path / "small.parquet")
    return tmp_path


@pytest.mark.parametrize("name", ["derived", "nulls", "analyses", "matched", "formula"])
def test_a_run_is_the_same_as_with_every_column(name, files):
    study = studies_of_every_table()[name]
    study["study"]["data"] = "small.parquet"
    pruned = specdid.run(study, audit=0)
    whole = specdid.run(study, data=pl.read_parquet("small.parquet"), audit=0)
    assert pruned.table.equals(whole.table)
    assert pruned.summary() == whole.summary()


@pytest.mark.parametrize("name", ["smart_city", "castle", "minimum_wage"])
def test_the_examples_read_what_they_mention(name, monkeypatch):
    monkeypatch.chdir(Path(__file__).parents[2])
    study, _ = read_study(f"specs/{name}.toml")
    panel, _ = read_panel(study)
    unread = [column for column, values in panel.columns.items() if values is UNREAD]
    assert set(unread) == set(panel.columns) - needed(study, tuple(panel.columns))
    assert all(len(c.missing) == panel.n_rows for k, c in panel.columns.items() if k not in unread)


FRAME = {"id": [2, 1, 2], "year": [2010, 2010, 2011], "x": [1.0, None, 0.5], "t": ["b", None, "a"]}


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame, pa.table, lambda d: pl.LazyFrame(d)])
def test_frames_of_every_kind_are_the_same_panel(make):
    panel, faults = read_panel(bare_study(unit="id", time="year"), make(FRAME))
    assert faults == ()
    assert {k: as_list(c) for k, c in panel.columns.items()} == {
        "id": [1, 2, 2],
        "year": [2010, 2010, 2011],
        "x": [None, 1, 0.5],
        "t": [None, "b", "a"],
    }
    assert panel.row_numbers(np.arange(3)).tolist() == [2, 1, 3]
    assert panel.sha256 == panel_of(FRAME).sha256
    assert panel.path is None


def test_the_hash_of_a_frame_is_of_its_values_and_names():
    hashes = {panel_of(d).sha256 for d in ({"a": [1, 2]}, {"b": [1, 2]}, {"a": [1, 3]}, {"a": ["1", "2"]})}
    assert len(hashes) == 4


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([1, 2], "not_readable"),
        (pd.DataFrame({"a": []}), "no_rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "duplicate_columns"),
        (pd.DataFrame({"a": [1, "x", object()]}), "not_readable"),
    ],
)
def test_frames_that_cannot_be_read(data, code):
    panel, (fault,) = read_panel(bare_study(), data)
    assert panel is None
    assert fault.code == code


def test_a_caller_frame_is_never_changed():
    frame = pd.DataFrame(FRAME)
    before = frame.copy(deep=True)
    read_panel(bare_study(unit="id", time="year"), frame)
    pd.testing.assert_frame_equal(frame, before)


def test_units_are_coded_in_sorted_order():
    panel = panel_of(FRAME, "id", "year")
    assert as_given(panel, panel.unit_codes).tolist() == [1, 0, 1]
    assert panel.unit_levels == ("1", "2")
    by_name = panel_of(FRAME | {"t": ["b", "c", "a"]}, "t")
    assert as_given(by_name, by_name.unit_codes).tolist() == [1, 2, 0]


KEYS = {
    "no unit": (FRAME, "city_id", "year", "no_column", "no column `city_id` in the data frame"),
    "missing unit": (FRAME, "t", "year", "missing_key", "`t` is missing in data row 2 of the data frame"),
    "missing time": (FRAME, "id", "x", "missing_key", "`x` is missing in data row 2"),
    "text time": (FRAME | {"t": ["2010", "b", "c"]}, "id", "t", "bad_time", "`t` is text"),
    "date time": (
        FRAME | {"d": TYPED["day"].fill_null(strategy="forward")},
        "id",
        "d",
        "bad_time",
        "is a date",
    ),
    "fractions": (
        FRAME | {"q": [2010.25, 2011, 2012]},
        "id",
        "q",
        "bad_time",
        "`q` holds 2010.25, which is no whole number",
    ),
}


@pytest.mark.parametrize("case", KEYS)
def test_keys_of_the_panel(case):
    frame, unit, time, code, words = KEYS[case]
    (fault,) = faults_of(frame, unit, time)
    assert fault.code == code
    assert words in fault.message


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["2005q1", "2005q2", "2006q1"], '20051 for “2005q1”, 20052 for “2005q2” and so on, with step = "quarter"'),
        (["2005-Q1", "2005 q2", "2006Q1"], '20052 for “2005 q2”, 20051 for “2005-Q1” and so on, with step = "quarter"'),
        (["2005m3", "2005m11", "2006m1"], '200511 for “2005m11”, 200503 for “2005m3” and so on, with step = "month"'),
        (["2005年3月", "2005年4月", "2006年1月"], "200503 for “2005年3月”"),
        (["2005年第1季度", "2005年第2季度", "2006年第1季度"], 'with step = "quarter"'),
        (["2005-01-31", "2005-02-28", "2006-01-31"], "200501 for “2005-01-31”, 200502 for “2005-02-28” and so on"),
        (["2005-01-01", "2006-01-01", "2007-01-01"], "years: number them in a column, 2005 for “2005-01-01”, 2006 for"),
        (["2005-12", "2006-12", "2007-12"], "these are years: number them in a column, 2005 for “2005-12”"),
        (
            ["2005-01-01", "2005-04-01", "2005-07-01"],
            "20051 for “2005-01-01”, 20052 for “2005-04-01” and so on, with step",
        ),
        (["2005-03-31", "2005-06-30", "2005-09-30"], 'so on, with step = "quarter" in [study]'),
        (["2005-01", "2005-07", "2006-01"], '20051 for “2005-01”, 20052 for “2005-07” and so on, with step = "half"'),
        (["Q42010", "q1 2011", "Q2-2011"], "20104 for “Q42010”"),
        (["2005-01-30", "2005-01-31", "2006-01-31"], "20050130 for “2005-01-30”"),
        (["2005年", "2006年", "2007年"], "these are years: number them in a column, 2005 for “2005年”, 2006 for"),
        (
            ["2019年第52周", "2020年第1周", "2020年第2周"],
            "201952 for “2019年第52周”, 202001 for “2020年第1周” and so on",
        ),
        (
            ["2019-12-23", "2019-12-30", "2020-01-06"],
            '201952 for “2019-12-23”, 202001 for “2019-12-30” and so on (weeks as ISO counts them), with step = "week"',
        ),
        (["2005-02-31", "2005-03-31", "2005-04-30"], "number the periods in a column, as 2012 or 201212 (with step)"),
        (["2005-13", "2005-02", "2006-01"], "number the periods in a column, as 2012 or 201212 (with step)"),
        (["2005q1", "2005m2", "2006q1"], "number the periods in a column, as 2012 or 201212 (with step)"),
    ],
)
def test_periods_in_text_are_told_how_to_be_numbers(cells, said):
    (fault,) = faults_of(FRAME | {"p": cells}, "id", "p")
    assert fault.code == "bad_time"
    assert said in (fault.help or "")


def test_capitals_do_not_hide_what_is_meant(tmp_path):
    (tmp_path / "smart_city.csv").write_text("a\n1\n")
    _, (fault,) = read_panel(bare_study("SMART_CITY.CSV", directory=tmp_path))
    assert fault.help == "did you mean `smart_city.csv`?"
    (fault,) = faults_of(FRAME, "ID", "year")
    assert fault.help == "did you mean `id`?"
    (fault,) = faults_of(FRAME, "id", "year", "MONTH")
    assert fault.help == "did you mean `month`?"


def test_an_unknown_step():
    (fault,) = faults_of(FRAME, "id", "year", "months")
    assert (fault.message, fault.help) == ("`months` is no step of time", "did you mean `month`?")


def test_repeated_unit_and_time_shows_examples():
    (fault,) = faults_of({"city": ["b", "a", "b", "b"], "year": [2011, 2010, 2011, 2011]}, "city", "year")
    assert fault.message == "2 rows repeat a `city` × `year` that is already in the data frame"
    assert fault.notes == ("city b, year 2011: data rows 1 and 3", "city b, year 2011: data rows 3 and 4")


def test_unit_alone_need_not_be_unique():
    assert panel_of(FRAME, "id").periods is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_unicode_encodings(read, encoding):
    source = read("d.csv", CSV.encode(encoding))
    assert plain(source) == TABLE
    assert source.remarks == ()


def test_gb18030_is_read_and_said(read):
    source = read("d.csv", CSV.encode("gb18030"))
    assert plain(source) == TABLE
    (remark,) = source.remarks
    assert "was read as GB18030: “上海,1.5,2010”" in remark.message


def test_missing_cells_and_logicals(read):
    source = read("d.csv", 'a,b,c\nNA,TRUE,x\n.,false,NaN\n"",NA, y \n null ,True,"a,b"\n1e3,,\n')
    assert plain(source) == {
        "a": [None, None, None, None, 1000],
        "b": [1, 0, None, 1, None],
        "c": ["x", None, "y", "a,b", None],
    }


def test_a_column_that_is_almost_numeric_stays_text_with_the_odd_cells(read):
    column = read("d.csv", 'gdp,y\n"1,234",1\n2,1\n3,1\n12.5*,1\n--,1\n7,1\n8,1\n').columns["gdp"]
    assert column.odd == ("“1,234” (data row 1)", "“12.5*” (data row 4)", "“--” (data row 5)")
    assert column.levels == ("--", "1,234", "12.5*", "2", "3", "7", "8")


def test_text_has_no_odd_cells(read):
    assert read("d.csv", "a,b\nx,1\ny,2\n3,3\n").columns["a"].odd == ()


def test_large_codes_are_warned_of(read):
    (remark,) = read("d.csv", "firm,y\n9007199254740993,1\n9007199254740992,1\n").remarks
    assert "`firm` holds whole numbers beyond 2^53, such as 9007199254740993" in remark.message
    assert read("d.csv", "v,y\n1e300,1\n").remarks == ()


def test_blank_rows_unnamed_columns_and_line_ends(read):
    assert plain(read("d.csv", "\r\n,a,b\r\n1,2,3\r\n\r\n2,4,\r\n,,\r\n")) == {"a": [2, 4], "b": [3, None]}
    assert plain(read("d.csv", "a,b\r1,2\r3,4\r")) == {"a": [1, 3], "b": [2, 4]}


def test_tsv(read):
    assert plain(read("d.tsv", "a\tb\n1\tx, y\n")) == {"a": [1], "b": ["x, y"]}


def test_the_hash_of_a_file_is_of_its_bytes(read):
    from hashlib import sha256

    assert read("d.csv", CSV).sha256 == sha256(CSV.encode()).hexdigest()


@pytest.mark.parametrize("at_once", [1, 7])
def test_columns_read_one_by_one_or_few_at_a_time_are_those_read_at_once(monkeypatch, at_once):
    raw = b"a,b,c,d,e\n1,x,TRUE,007,9007199254740993\n , y,False,7,.\n2.5,,NA,3,1\n"
    whole = read_delimited(raw, ",", lambda names: names)
    monkeypatch.setattr(columns, "AT_ONCE", at_once)
    part = read_delimited(raw, ",", lambda names: names)
    assert part[1:] == whole[1:]
    assert {remark.code for remark in whole[2]} == {"large_integers"}
    for name, column in whole[0].items():
        assert (part[0][name].numbers is None) == (name == "b")
        values = "codes" if name == "b" else "numbers"
        np.testing.assert_array_equal(getattr(part[0][name], values), getattr(column, values))
        assert part[0][name].levels == column.levels

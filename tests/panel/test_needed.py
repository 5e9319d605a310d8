"""Only the columns that a study mentions are read, and nothing it does can tell."""

import polars as pl
import pytest
import specdid
from fuzz_bases import ROOT, small_fuzz_studies
from small_studies import small_panel
from specdid._decode import read_study
from specdid.panel import read_panel
from specdid.panel.columns import UNREAD
from specdid.panel.read import needed

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
        ({"hausman": {"controls": "x1 + regex('^x2')"}}, {"x1", "x2"}),
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
    study = small_fuzz_studies()[name]
    study["study"]["data"] = "small.parquet"
    pruned = specdid.run(study, audit=0)
    whole = specdid.run(study, data=pl.read_parquet("small.parquet"), audit=0)
    assert pruned.table.equals(whole.table)
    assert pruned.summary() == whole.summary()


@pytest.mark.parametrize("name", ["smart_city", "castle", "minimum_wage"])
def test_the_examples_read_what_they_mention(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    study, _ = read_study(f"specs/{name}.toml")
    panel, _ = read_panel(study)
    unread = [column for column, values in panel.columns.items() if values is UNREAD]
    assert set(unread) == set(panel.columns) - needed(study, tuple(panel.columns))
    assert all(len(c.missing) == panel.n_rows for k, c in panel.columns.items() if k not in unread)

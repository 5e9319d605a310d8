"""Results read back from their file are those that were written; another file is a fault."""

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from recorded import everything, failed_vcov
from specdid._diagnostics import SpecError
from specdid._records import (
    read_results,
    write_parquet,
)
from specdid._records.fits import VCOV_NOTES


def test_a_study_of_several_row_groups_reads_back_whole(tmp_path, monkeypatch):
    from specdid._records import write

    monkeypatch.setattr(write, "ROWS", 5)
    results = everything()
    write_parquet(results, tmp_path / "results.parquet")
    assert pq.ParquetFile(tmp_path / "results.parquet").num_row_groups == 8
    assert_same(read_results(tmp_path), results)


def assert_same(back, results):
    assert back.counts == results.counts
    assert back.preferred == results.preferred
    for name, values in results.numbers.items():
        assert np.array_equal(back.numbers[name], values, equal_nan=True), name
    for column in ("message", "dropped"):
        one, two = getattr(back, column), getattr(results, column)
        assert [one.at(s) for s in range(len(back))] == [two.at(s) for s in range(len(back))]
    assert np.array_equal(back.code, results.code)
    assert np.array_equal(back.twin, results.twin)
    one, two = back.planned, results.planned
    assert (one.title, one.alpha, one.dimensions, one.vcovs) == (
        two.title,
        two.alpha,
        two.dimensions,
        two.vcovs,
    )
    assert one.labels == two.labels
    assert np.array_equal(one.codes, two.codes)
    assert np.array_equal(one.ids, two.ids)
    assert one.control_terms == two.control_terms
    assert np.array_equal(one.control_members, two.control_members)
    assert list(one.formulas(0, 3)) == list(two.formulas(0, 3))


def test_results_read_back_equal_what_was_written(tmp_path):
    results = everything()
    write_parquet(results, tmp_path / "results.parquet")
    back = read_results(tmp_path)
    assert_same(back, results)
    assert np.array_equal(back.extra["pre_p"], results.extra["pre_p"], equal_nan=True)
    write_parquet(back, tmp_path / "again.parquet")
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "results.parquet").read_bytes()


def test_a_vcov_note_survives_reading(tmp_path):
    results = failed_vcov()
    write_parquet(results, tmp_path / "results.parquet")
    back = read_results(tmp_path)
    note = back.vcov_note
    assert note.words[note.codes[2, 1]] == VCOV_NOTES[2]
    assert note.codes[2, 0] == -1


@pytest.mark.parametrize("content", [None, b"not parquet"])
def test_a_directory_without_results_is_a_fault(tmp_path, content):
    if content is not None:
        (tmp_path / "results.parquet").write_bytes(content)
    with pytest.raises(SpecError) as caught:
        read_results(tmp_path)
    assert caught.value.faults[0].code == "no_results"


def test_another_programs_parquet_is_a_fault(tmp_path):
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "results.parquet")
    with pytest.raises(SpecError, match="specdid did not write it"):
        read_results(tmp_path)

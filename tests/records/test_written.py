"""results.csv and results.parquet: rows, bytes and digits, also after a failed write."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from curves import results_of
from hypothesis import given
from hypothesis import strategies as st
from recorded import everything, failed_vcov, grid, rows_of
from specdid._diagnostics import SpecError
from specdid._records import (
    Status,
    read_results,
    write_csv,
    write_manifest,
    write_parquet,
    write_timings,
)
from specdid._records.fits import VCOV_NOTES
from specdid._records.write import guard, significant


def test_a_vcov_that_fails_leaves_its_rows_errors_empty_with_a_message(tmp_path):
    write_csv(failed_vcov(), tmp_path / "results.csv")
    rows = rows_of(tmp_path / "results.csv")
    good, bad = rows[4], rows[5]
    assert (good["status"], good["message"]) == ("ok", "")
    assert (bad["status"], bad["code"], bad["message"]) == ("ok", "", VCOV_NOTES[2])
    assert bad["std_error"] == bad["conf_low"] == ""
    assert bad["estimate"] == good["estimate"] != ""
    assert rows[6]["message"] == "lpdid has no two-way errors"


def test_csv_rows_are_specifications_by_vcovs_in_plan_order(tmp_path):
    results = everything()
    write_csv(results, tmp_path / "results.csv")
    rows = rows_of(tmp_path / "results.csv")
    assert [(r["index"], r["vcov"]) for r in rows[:4]] == [
        ("1", "city"),
        ("1", "robust"),
        ("2", "city"),
        ("2", "robust"),
    ]
    excluded, failed, same = rows[0], rows[2], rows[18]
    assert (excluded["status"], excluded["code"]) == ("excluded", "rule")
    assert excluded["message"] == "'=levels, only"
    assert (failed["status"], failed["code"], failed["estimate"]) == ("failed", "absorbed", "")
    assert (same["status"], same["twin"]) == ("duplicate", rows[8]["spec_id"])
    assert [r["preferred"] for r in rows].count("true") == 2
    assert rows[10]["preferred"] == "true"
    assert "x + z" in {r["dropped"] for r in rows}
    assert {r["pre_p"] for r in rows} == {"", "0.25"}
    assert all(len(r["spec_id"]) == 16 for r in rows)


def test_csv_bytes_have_plain_newlines_and_no_mark(tmp_path):
    write_csv(everything(), tmp_path / "results.csv")
    raw = (tmp_path / "results.csv").read_bytes()
    assert b"\r" not in raw
    assert raw.startswith(b"index,spec_id,outcome,")
    assert "×".encode() in raw
    assert raw.endswith(b"\n")
    assert b"nan" not in raw.lower()


def test_csv_numbers_have_at_most_twelve_digits_and_are_the_same_numbers(tmp_path):
    results = everything()
    write_csv(results, tmp_path / "results.csv")
    rows = [r for r in rows_of(tmp_path / "results.csv") if r["status"] == "ok"]
    want = results.estimate[results.status == Status.OK]
    for row, value in zip(rows[::2], want, strict=True):
        assert float(row["estimate"]) == float(f"{value:.12g}")
        assert len(row["estimate"].lstrip("-0.").replace(".", "")) <= 12


def test_parquet_has_null_and_never_nan(tmp_path):
    write_parquet(everything(), tmp_path / "results.parquet")
    frame = pl.read_parquet(tmp_path / "results.parquet")
    assert not any(frame.select(pl.col(pl.Float64).is_nan().any()).row(0))
    assert frame["estimate"].null_count() > 0
    assert frame.schema["nobs"] == pl.Int64
    assert frame.schema["preferred"] == pl.Boolean
    assert frame["status"].to_list()[0] == "excluded"


def test_parquet_and_csv_agree(tmp_path):
    results = everything()
    write_parquet(results, tmp_path / "results.parquet")
    write_csv(results, tmp_path / "results.csv")
    frame = pl.read_parquet(tmp_path / "results.parquet")
    rows = rows_of(tmp_path / "results.csv")
    assert list(rows[0]) == frame.columns
    assert [int(r["nobs"]) if r["nobs"] else None for r in rows] == frame["nobs"].to_list()
    assert [r["formula"] for r in rows] == frame["formula"].to_list()


def test_timings_stand_apart(tmp_path):
    write_timings(everything(), tmp_path / "timings.parquet")
    frame = pl.read_parquet(tmp_path / "timings.parquet")
    assert frame.columns == ["index", "spec_id", "seconds"]
    assert frame["seconds"].null_count() == 2


def test_manifest_is_json_without_nan_in_the_order_given(tmp_path):
    write_manifest(
        tmp_path / "manifest.json",
        {"z": np.float64("nan"), "a": {"路径": tmp_path, "n": np.int64(3)}, "t": (1, 2.5)},
    )
    text = (tmp_path / "manifest.json").read_text(encoding="utf-8")
    assert list(json.loads(text)) == ["z", "a", "t"]
    assert json.loads(text) == {"z": None, "a": {"路径": str(tmp_path), "n": 3}, "t": [1, 2.5]}
    assert "路径" in text


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, {"old": 1})
    with pytest.raises(TypeError):
        write_manifest(path, {"new": object()})
    assert json.loads(path.read_text()) == {"old": 1}
    results = results_of(grid())
    broken = replace(results, planned=replace(results.planned, formulas=lambda a, b: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        write_parquet(broken, tmp_path / "results.parquet")
    assert [p.name for p in tmp_path.iterdir()] == ["manifest.json"]


WRITE = """
import sys; sys.path.insert(0, "tests/helpers")
from pathlib import Path
from curves import results_of, smart_city
from specdid._records import write_csv, write_parquet
results = results_of(smart_city(2, preferred=3), same={5: 2})
write_csv(results, Path(sys.argv[1]) / "r.csv"); write_parquet(results, Path(sys.argv[1]) / "r.parquet")
"""


def test_files_are_the_same_bytes_under_any_hash_seed_and_thread_count(tmp_path):
    for name, threads in (("1", "1"), ("2", "2")):
        (tmp_path / name).mkdir()
        env = {"PYTHONHASHSEED": name, "POLARS_MAX_THREADS": threads, "PATH": ""}
        subprocess.run([sys.executable, "-c", WRITE, str(tmp_path / name)], check=True, env=env)
    for file in ("r.csv", "r.parquet"):
        assert (tmp_path / "1" / file).read_bytes() == (tmp_path / "2" / file).read_bytes()


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_rounding_gives_the_decimal_of_twelve_digits(x):
    rounded = float(significant(np.array([x]))[0])
    assert len(repr(rounded).split("e")[0].replace(".", "").replace("-", "").strip("0")) <= 12
    assert math.isclose(rounded, x, rel_tol=5.01e-12, abs_tol=0)


def test_rounding_keeps_what_is_not_finite_and_has_no_negative_zero():
    values = significant(np.array([np.inf, -np.inf, np.nan, -0.0, 2730.0]))
    assert values[:2].tolist() == [np.inf, -np.inf]
    assert np.isnan(values[2])
    assert math.copysign(1, values[3]) == 1
    assert values[4] == 2730.0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_text_that_a_spreadsheet_would_compute_is_guarded(start):
    assert guard(f"{start}SUM(A1)") == f"'{start}SUM(A1)"
    assert guard(f"a{start}b") == f"a{start}b"


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

import csv
import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from curves import fits_of, plan_of, results_of, subsets
from hypothesis import given
from hypothesis import strategies as st
from specdid._diagnostics import SpecError
from specdid._records import (
    CODES,
    COLUMNS,
    RESERVED,
    Code,
    Curve,
    Status,
    Text,
    code_of,
    collect,
    read_results,
    schema,
    write_csv,
    write_manifest,
    write_parquet,
    write_timings,
)
from specdid._records.blocks import guard, hexadecimal, significant
from specdid._records.messages import VCOV_NOTES, failure_message
from specdid._records.numerals import decimals_for, ordinal, p_text
from specdid._records.results import empty_numbers

CONTRACT = [
    "index",
    "spec_id",
    "vcov",
    "formula",
    "term",
    "estimand",
    "scale",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "df",
    "nobs",
    "n_units",
    "n_treated",
    "n_control",
    "n_always_treated",
    "n_clusters",
    "n_missing",
    "n_log0",
    "n_singletons",
    "n_eff",
    "y_mean",
    "r2_within",
    "dropped",
    "status",
    "code",
    "message",
    "twin",
    "preferred",
]


def grid(**options):
    options = {"scales": {"ln SO2": "log points"}, "vcovs": ("city", "robust")} | options
    dimensions = {"outcome": ["ln SO2", "SO2"], "fixed_effects": ["city + year", "city + province×year"]}
    return plan_of(dimensions, subsets("pgdp", "ind2"), **options)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_are_the_contracts_in_its_order():
    assert [c.name for c in COLUMNS] == CONTRACT
    names = [c.name for c in schema(("outcome", "winsorizing"), ("pre_trend",))]
    assert names == [*CONTRACT[:2], "outcome", "winsorizing", *CONTRACT[2:], "pre_trend"]
    assert "estimate" in RESERVED


def test_every_engine_code_has_its_name_among_the_codes():
    for code in Code:
        if code != Code.OK:
            assert CODES[code_of("no_rows") + code - 1] == code.name.lower()


def test_the_accounting_line_holds_whatever_happens():
    planned = grid(excluded={0: "PPML takes levels"}, twins={9: 4})
    counts = results_of(planned, fails={1: Code.ABSORBED}, same={6: 5}).counts
    assert str(counts) == "16 planned = 12 ok + 1 failed + 1 excluded + 2 duplicate"


def test_blocks_may_come_in_any_order():
    planned = grid()
    fits = fits_of(planned)
    one, two = (
        replace(
            fits,
            **{
                name: getattr(fits, name)[part]
                for name in fits.__slots__
                if isinstance(getattr(fits, name), np.ndarray)
            },
        )
        for part in (slice(0, 7), slice(7, None))
    )
    both, reverse = collect(planned, [one, two], ["x"]), collect(planned, [two, one], ["x"])
    whole = collect(planned, [fits], ["x"])
    for other in (both, reverse):
        for name, values in whole.numbers.items():
            assert np.array_equal(values, other.numbers[name], equal_nan=True), name
        assert np.array_equal(whole.status, other.status)


def test_what_was_not_reached_is_a_failure_that_says_so():
    planned = grid()
    results = collect(planned, [], [])
    assert results.counts.failed == len(planned)
    assert CODES[results.code[0]] == "interrupted"
    assert "interrupted" in (results.message.at(0) or "")


def test_the_later_of_two_same_models_becomes_the_duplicate_and_loses_its_numbers():
    results = results_of(grid(), same={6: 2})
    assert results.status[6] == Status.DUPLICATE
    assert results.twin[6] == 2
    assert np.isnan(results.estimate[6])
    assert results.numbers["nobs"][6] == -1
    assert CODES[results.code[6]] == "same_model"
    assert results.status[2] == Status.OK


def test_a_content_duplicate_follows_its_twin_to_the_row_with_numbers():
    results = results_of(grid(twins={9: 6}), same={6: 2})
    assert results.twin[[6, 9]].tolist() == [2, 2]


def test_same_models_are_kept_apart_where_that_is_asked_and_where_there_is_no_signature():
    planned = grid()
    fits = fits_of(planned, same={6: 2})
    assert collect(planned, [fits], ["x"], same_model=False).counts.duplicate == 0
    unsigned = replace(fits, signature=np.zeros_like(fits.signature))
    assert collect(planned, [unsigned], ["x"]).counts.duplicate == 0


def test_the_preferred_one_is_found_at_its_twin():
    assert results_of(grid(preferred=6), same={6: 2}).preferred == 2
    assert results_of(grid(preferred=6)).preferred == 6


@pytest.mark.parametrize(
    ("code", "culprit", "said"),
    [
        (
            Code.ABSORBED,
            "dudt",
            "the fixed effects `city + year` absorb `dudt`: it does not vary within them",
        ),
        (Code.NO_ROWS, "", "no row is left after the sample condition, missing values and singletons"),
        (Code.NO_TREATMENT_VARIATION, "", "`dudt` does not vary in these rows: all are treated alike"),
        (Code.NOT_IDENTIFIED, "twice", "`twice` is, after the fixed effects, a combination that loads on"),
        (Code.NOT_IDENTIFIED, "", "`dudt` is, after the fixed effects, a combination of the controls"),
        (Code.NO_OUTCOME_VARIATION, "", "the outcome `ln SO2` does not vary within the fixed effects"),
        (Code.TOO_FEW_CLUSTERS, "", "fewer than two clusters are left"),
        (Code.NOT_CONVERGED, "", "the estimator did not converge"),
        (Code.ESTIMATOR_ERROR, "", "the estimator could not fit this specification"),
    ],
)
def test_failures_are_said_in_a_researchers_words(code, culprit, said):
    assert said in failure_message(code, "dudt", "ln SO2", "city + year", culprit)


def test_absorbed_without_fixed_effects_names_the_intercept():
    assert "equals the intercept" in failure_message(Code.ABSORBED, "dudt", "y", "", "")


def test_an_estimators_own_words_come_first():
    results = results_of(grid(), fails={3: Code.ESTIMATOR_ERROR}, detail={3: "no never-treated unit"})
    assert results.message.at(3) == "no never-treated unit"


def failed_vcov():
    planned = grid()
    fits = fits_of(planned)
    fits.vcov_code[2, 1] = 2
    fits.vcov_code[3, 0] = 5
    for name in ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df"):
        getattr(fits, name)[2, 1] = np.nan
    return collect(planned, [replace(fits, vcov_detail={(3, 0): "lpdid has no two-way errors"})], ["x"])


def test_a_vcov_that_fails_leaves_its_rows_errors_empty_with_a_message(tmp_path):
    write_csv(failed_vcov(), tmp_path / "results.csv")
    rows = rows_of(tmp_path / "results.csv")
    good, bad = rows[4], rows[5]
    assert (good["status"], good["message"]) == ("ok", "")
    assert (bad["status"], bad["code"], bad["message"]) == ("ok", "", VCOV_NOTES[2])
    assert bad["std_error"] == bad["conf_low"] == ""
    assert bad["estimate"] == good["estimate"] != ""
    assert rows[6]["message"] == "lpdid has no two-way errors"


def everything():
    planned = grid(excluded={0: "=levels, only"}, twins={9: 4}, preferred=5)
    fits = fits_of(planned, fails={1: Code.ABSORBED}, same={6: 5})
    own = np.where(np.arange(len(fits.index)) > 3, 0.25, np.nan)
    return collect(planned, [replace(fits, dropped={4: (0, 1)}, extra={"pre_p": own})], ["x", "z"])


def test_csv_rows_are_specifications_by_vcovs_in_plan_order(tmp_path):
    results = everything()
    write_csv(results, tmp_path / "results.csv")
    rows = rows_of(tmp_path / "results.csv")
    assert [(r["index"], r["vcov"]) for r in rows[:4]] == [
        ("1", "city"), ("1", "robust"), ("2", "city"), ("2", "robust"),
    ]  # fmt: skip
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
    with pytest.raises(SpecError, match="not written by specdid"):
        read_results(tmp_path)


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


def test_ids_are_sixteen_digits():
    ids = np.array([0, 255, 2**64 - 1], dtype=np.uint64)
    assert hexadecimal(ids).to_pylist() == ["0" * 16, "00000000000000ff", "f" * 16]
    assert hexadecimal(ids, np.array([True, False, False])).to_pylist()[0] is None


def test_text_encodes_in_order_of_appearance():
    text = Text.encode(["b", None, "a", "b"])
    assert text.words == ("b", "a")
    assert [text.at(k) for k in range(4)] == ["b", None, "a", "b"]


def test_groups_are_scales_and_without_one_outcomes():
    groups = results_of(grid()).groups()
    assert [(g.name, g.scale, len(g.members)) for g in groups] == [
        ("log points", "log points", 8),
        ("SO2", None, 8),
    ]


def test_ranks_are_within_scale_and_estimand():
    planned = plan_of(
        {"estimator": ["OLS", "did2s"], "sample": ["a", "b", "c"]},
        estimands={"OLS": "ATT", "did2s": "ATT, treated rows"},
    )
    results = results_of(planned)
    order = np.argsort(results.estimate[:3])
    assert [results.rank(int(s)) for s in order] == [(1, 3), (2, 3), (3, 3)]


def test_numbers_are_absent_before_anything_is_estimated():
    numbers = empty_numbers(3, 2)
    assert numbers["std_error"].shape == (3, 2)
    assert numbers["n_clusters"].tolist() == [[-1, -1]] * 3
    assert np.isnan(numbers["estimate"]).all()


def test_the_table_is_a_data_frame_built_once():
    curve = Curve(everything(), draw=lambda results, **o: (results, o), summarise=lambda c: f"# {c.title}")
    assert len(curve.table) == 32
    assert curve.table is curve.table
    assert str(curve.table["nobs"].dtype) == "Int64"
    assert curve.table["estimate"].isna().sum() == 8
    assert curve.counts.ok == 12


def test_a_curve_plots_and_sums_up_through_what_it_was_given():
    curve = Curve(everything(), draw=lambda results, **o: (results, o), summarise=lambda c: f"<{c.title}>")
    assert curve.plot(sort="declared") == (curve.results, {"sort": "declared"})
    assert curve.summary() == f"<{curve.title}>"
    assert "&lt;" in curve._repr_html_()
    assert "16 planned" in repr(curve)


@pytest.mark.parametrize(
    ("n", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (113, "113th"), (1041, "1,041st")],
)
def test_ordinals(n, words):
    assert ordinal(n) == words


def test_numerals():
    assert [decimals_for(np.array([x])) for x in (0.0739, 0.5, 12.3, 4000.0, 0.0)] == [4, 3, 1, 0, 0]
    assert (p_text(0.0004), p_text(0.0421)) == ("p < 0.001", "p = 0.042")

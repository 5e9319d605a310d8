"""Data files as strangers send them: damaged, mislabelled, odd, enormous when unpacked.

Case ``n`` is a function of ``n`` alone, so that a finding can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from fuzz_binary import parquet, parquet_damaged, parquet_of, parquet_swelling, stata, stata_damaged
from fuzz_csv import csv_damaged, csv_of, csv_written
from fuzz_excel import excel_hostile, excel_written
from fuzz_frames import frame
from fuzz_keeper import Case
from fuzz_toml import toml_of
from small_studies import small_study


def data_cases(numbers: Iterator[int] | range) -> Iterator[Case]:
    """Make the cases with these numbers."""
    for n in numbers:
        yield data_case(n)


def data_case(n: int) -> Case:
    """Make case ``n``: a file of one of the formats, spoilt in one of its ways, and a study of it."""
    random = Random(f"data {n}")
    kind, make = KINDS[n % len(KINDS)]
    ending, content = make(random)
    name = f"fuzzed.{ending}"
    spec = study_of(name, random).encode()
    commands = (("check", "case.toml"), ("run", "case.toml", "--out", "out", "--audit", "0", "--jobs", "1"))
    return Case(f"{kind}: {n}", {name: content, "case.toml": spec}, commands)


def study_of(name: str, random: Random) -> str:
    """Write a small study that uses the file's numbers, texts and keys; sometimes without unit and time."""
    keys = {} if random.random() < 0.15 else {"unit": "id", "time": "year"}
    study = small_study(
        study={"title": "fuzzed data", "data": name, **keys},
        outcome={"y": "y"},
        treatment={"d": {"term": "d"}},
        controls={"none": "1", "x": random.choice(("x1", "x1 + x2", "I(x1^2)", "factor(t)", "log(x1)", "regex('^x')"))},
        fixed_effects={"two": random.choice(("id + year", "id", "0", "t", "id + t^year"))},
        sample={"all": "TRUE", "some": random.choice(("x1 > 0", "year >= 2002", "t != 'b'", "is.na(x2)"))},
        weights={"no": "1", "w": "w"} if random.random() < 0.3 else {"no": "1"},
        vcov={"a": random.choice(("hetero", "~id", "~t", "~id + year", "iid"))},
        inference={"draws": random.choice((0, 9)), "cluster": "id"},
        figure={"formats": ["svg"]},
        run={"jobs": 1, "backend": "serial"},
    )
    return toml_of(study)


def _wrong_ending(random: Random) -> tuple[str, bytes]:
    """One format under the name of another."""
    content = random.choice((csv_written, stata, parquet, excel_written))(random)[1]
    return random.choice(("csv", "tsv", "dta", "xlsx", "parquet", "feather")), content


KINDS: tuple[tuple[str, Callable[[Random], tuple[str, bytes]]], ...] = (
    ("csv, damaged", csv_damaged), ("csv, written oddly", csv_written), ("csv, written oddly", csv_written),
    ("csv, odd values", lambda random: ("csv", csv_of(frame(random)))),
    ("Stata", stata), ("Stata, damaged", stata_damaged), ("Stata, damaged", stata_damaged),
    ("parquet", parquet), ("parquet", parquet), ("parquet, damaged", parquet_damaged), ("parquet, damaged",
        parquet_damaged),
    ("Excel", excel_written), ("Excel", excel_written), ("Excel, hostile", excel_hostile), ("Excel, hostile",
        excel_hostile),
    ("wrong ending", _wrong_ending), ("csv, odd values", lambda random: ("csv", csv_of(frame(random)))),
    ("parquet, odd values", lambda random: ("parquet", parquet_of(frame(random)))), ("csv, damaged", csv_damaged),
    ("parquet, swelling", parquet_swelling),
)  # fmt: skip

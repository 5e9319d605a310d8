"""Directories of results from strangers bring no traceback and no hang, and nothing outside is touched."""

import os

import polars as pl
import pytest
from fuzz_directories import KINDS, lay_good, try_directory
from fuzz_keeper import Case, Keeper

COUNT = int(os.environ.get("SPECDID_DIRECTORIES", str(len(KINDS))))


@pytest.fixture(scope="module")
def cage(tmp_path_factory):
    sandbox = tmp_path_factory.mktemp("directories")
    with Keeper(sandbox, "spec.toml") as keeper:
        lay_good(keeper)
        assert keeper.tally.findings == []
        yield keeper, sandbox


def test_directories(cage):
    keeper, _ = cage
    for number in range(COUNT):
        half = number % 2 if len(KINDS) >= COUNT else None  # of the commands, every other kind has the other half
        try_directory(keeper, number, rerun=number % 3 == 0, half=half)
    found = [f"{f.kind}, {f.case}, {f.command}: {f.detail}" for f in keeper.tally.findings]
    assert not found, "\n".join(found)
    assert {0, 2, 5} <= {code for _, code in keeper.tally.codes}
    assert set(KINDS) <= set(keeper.tally.cases)


def test_the_good_directory_stays_good(cage):
    keeper, sandbox = cage
    answers = keeper.try_one(Case("good", {}, (("compare", "good", "good"),)))
    assert answers[0]["code"] == 0
    assert len(pl.read_csv(sandbox / "good" / "results.csv")) == 16

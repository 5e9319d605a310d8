"""Directories of results from strangers bring no traceback and no hang, and nothing outside is touched."""

import os
import shutil

import polars as pl
import pytest
from fuzz_directories import KINDS, craft, outside
from fuzz_keeper import Case, Keeper
from small_studies import small_panel, small_study
from toml_text import write_toml

COUNT = int(os.environ.get("SPECDID_DIRECTORIES", str(2 * len(KINDS))))


def run_into(name):
    return ("run", "spec.toml", "--out", name, "--jobs", "1", "--quiet", "--audit", "0")


@pytest.fixture(scope="module")
def cage(tmp_path_factory):
    sandbox = tmp_path_factory.mktemp("directories")
    small_panel().write_csv(sandbox / "given.csv")
    spec = small_study(
        controls={"any": "csw0(x1)"}, figure={"formats": ["svg"]}, inference={"draws": 39},
        appendix={"formats": ["tex"]}, preferred={"outcome": "y"},
    )  # fmt: skip
    write_toml(spec, sandbox / "spec.toml")
    with Keeper(sandbox, "spec.toml") as keeper:
        keeper.try_one(Case("good", {}, (run_into("good"),)))
        assert keeper.tally.findings == []
        yield keeper, sandbox


def test_directories(cage):
    keeper, sandbox = cage
    (sandbox / "outside").mkdir()
    (sandbox / "outside" / "precious.txt").write_text("mine")
    os.link(sandbox / "outside" / "precious.txt", sandbox / "outside" / "a.pack")
    before = outside(sandbox / "outside")
    for number in range(COUNT):
        place = sandbox / f"case{number}"
        kind = craft(number, sandbox / "good", place)
        name = place.name
        rerun = number % 3 == 0 or COUNT > 150
        for command in (
            ("plot", name), ("compare", name, "good"), ("compare", "good", name, "--write", f"{name}.csv"),
            ("show", "spec.toml", "#1", "--out", name), ("plot", name, "--format", "svg", "--sort", "controls"),
            *[run_into(name)] * rerun, ("clean", name),
        ):  # fmt: skip
            keeper.try_one(Case(f"{kind}: {number}", {}, (command,)))
            assert outside(sandbox / "outside") == before, (kind, number, command)
        if place.is_symlink():
            place.unlink()
        else:
            shutil.rmtree(place, ignore_errors=True)
    found = [f"{f.kind}, {f.case}, {f.command}: {f.detail}" for f in keeper.tally.findings]
    assert not found, "\n".join(found)
    assert {0, 2, 5} <= {code for _, code in keeper.tally.codes}
    assert set(KINDS) <= set(keeper.tally.cases)
    if COUNT > 150:
        print(keeper.tally.codes, keeper.tally.slowest, keeper.tally.slowest_case, keeper.tally.peak)


def test_the_good_directory_stays_good(cage):
    keeper, sandbox = cage
    answers = keeper.try_one(Case("good", {}, (("compare", "good", "good"),)))
    assert answers[0]["code"] == 0
    assert len(pl.read_csv(sandbox / "good" / "results.csv")) == 16

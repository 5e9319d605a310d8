"""A run that goes on from another gives the bytes of one that nothing stopped."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import specdid
from command import call_specdid
from pace import patience
from small_studies import small_panel, small_study
from specdid.engine.store import NAME, Store
from toml_text import write_toml

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.usefixtures("undrawn")

FILES = (
    "results.csv", "results.parquet", "summary.md", "inference.csv", "inference_specifications.csv", "choices.csv",
    "placebo.csv",
)  # fmt: skip

PANEL = small_panel(units=30, periods=8).with_columns(
    (pl.col("y") > pl.col("y").mean()).cast(pl.Int64).alias("b"),
    (pl.col("id") % 2).alias("pilot"),
)
FITS = {"y": ["OLS", "SA", "2S", "LP"], "z": ["Poisson"], "b": ["Logit"]}


def study(**changes: Any) -> dict[str, Any]:
    """Every estimator on an outcome of its own, with weights, two nulls and a placebo."""
    base = small_study(
        outcome={o: {"formula": o, "scale": o} for o in FITS},
        controls={"any": "csw0(x1)"},
        fixed_effects={"two-way": "id + year"},
        weights={"none": "1", "w": "w"},
        estimator={
            "OLS": "feols",
            "SA": "sunab",
            "2S": "did2s",
            "LP": "lpdid",
            "Poisson": "fepois",
            "Logit": "logit",
        },
        exclude=[
            {"when": {"outcome": o}, "unless": {"estimator": fits}, "because": "an outcome of its own"}
            for o, fits in FITS.items()
        ],
        inference={"draws": 19, "null": ["wild", "permutation"], "assign": "d + cohort"},
        figure={"formats": ["svg"]},
        run={"backend": "serial"},
        placebo={"draws": 19},
    )
    return {**base, **changes}


SLOW = {"when": {"weights": "w"}, "unless": {"estimator": ["OLS", "SA"]}, "because": "their draws take their time"}
ONCE = {"when": {"estimator": "Logit", "controls": "1"}, "because": "one logit in all draws is enough"}
DRAWN = {**study()["inference"], "draws": 7}  # a logit in each, again and again
LISTWISE = study(exclude=[*study()["exclude"], SLOW, ONCE], inference=DRAWN)
COMMON = study(study={**study()["study"], "missing": "common"}, inference={"draws": 0})
MATCHED = study(
    sample={
        "all": "TRUE",
        "near": {"match": {"on": "x1 + x3", "treated": "pilot", "at": "year == 2002", "method": "nearest", "ratio": 1}},
        "weighted": {"match": {"on": "x1", "treated": "pilot", "at": "year == 2002", "method": "entropy"}},
    },
    controls={"none": "1", "x1": "x1"},
    weights={"none": "1"},
    inference={"draws": 0},
)  # fmt: skip


class Counting(Store):
    """A store that counts what it gives and what it is given."""

    found = computed = 0

    def get(self, key):
        found = super().get(key)
        Counting.found += found is not None
        return found

    def put(self, key, arrays):
        Counting.computed += 1
        super().put(key, arrays)


def run(content: dict[str, Any], out: Path, monkeypatch, **options: Any) -> tuple[dict[str, bytes], int, int]:
    """Run a study; gives its files and how much was found and computed."""
    monkeypatch.setattr("specdid._run.pipeline.Store", Counting)
    Counting.found = Counting.computed = 0
    specdid.run(specdid.read(content), PANEL, out, audit=0, **options)
    found = {name: (out / name).read_bytes() for name in FILES if (out / name).exists()}
    return found, Counting.found, Counting.computed


def without_poisson(content: dict[str, Any]) -> dict[str, Any]:
    """The study with an outcome and an estimator less."""
    fewer = {**content, "outcome": {o: content["outcome"][o] for o in ("y", "b")}}
    fewer["exclude"] = [e for e in content["exclude"] if e["when"].get("outcome") != "z"]
    fewer["estimator"] = {k: v for k, v in content["estimator"].items() if k != "Poisson"}
    return fewer


@pytest.mark.parametrize("content", [LISTWISE, COMMON, MATCHED], ids=["listwise", "common", "matched"])
def test_whatever_is_stored_the_results_are_the_same(tmp_path, monkeypatch, content, caplog):
    fresh, found, computed = run(content, tmp_path / "fresh", monkeypatch)
    assert found == 0
    half = tmp_path / "half"
    run(without_poisson(content), half, monkeypatch)
    again, found, later = run(content, half, monkeypatch)
    assert again == fresh
    assert found > 0
    assert 0 < later < computed
    pack = max((half / NAME).iterdir(), key=lambda p: p.stat().st_size)
    os.truncate(pack, pack.stat().st_size * 2 // 3)
    again, found, later = run(content, half, monkeypatch)
    assert again == fresh
    assert found + later == computed
    assert 0 < later < computed
    assert f"{pack} is damaged, cut off or changed" in caplog.text


def test_one_option_more_computes_what_it_touches(tmp_path, monkeypatch):
    content = study(sample={"all": "TRUE"}, inference={"draws": 0}, estimator={"OLS": "feols", "2S": "did2s"})
    content["outcome"], content["exclude"] = {"y": "y"}, []
    del content["placebo"]
    first, _, whole = run(content, tmp_path / "one", monkeypatch)
    more = {**content, "sample": {"first": "id > 2", **content["sample"]}}
    both, found, computed = run(more, tmp_path / "one", monkeypatch)
    assert (found, computed) == (whole, run({**content, "sample": {"first": "id > 2"}}, tmp_path, monkeypatch)[2])
    # What nothing uses any more is gone; --fresh computes all there is.
    assert run(content, tmp_path / "one", monkeypatch) == (first, whole, 0)
    assert run(more, tmp_path / "one", monkeypatch) == (both, whole, computed)
    assert run(more, tmp_path / "one", monkeypatch, fresh=True) == (both, 0, whole + computed)


def process(arguments: list[str], folder: Path) -> subprocess.Popen[str]:
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "specdid", *arguments],
        cwd=folder,
        env=here,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def folder(tmp_path):
    PANEL.write_csv(tmp_path / "given.csv")
    content = study(controls={"any": "mvsw(x1, x2)"}, inference={"draws": 0}, run={"backend": "loky", "jobs": 2})
    write_toml(content, tmp_path / "s.toml")
    return tmp_path


def started(running: subprocess.Popen[str], out: Path) -> None:
    """Wait until something is stored."""
    until = time.monotonic() + patience(300)
    while time.monotonic() < until and running.poll() is None:
        if any(p.stat().st_size for p in (out / NAME).glob("*.pack")):
            return
        time.sleep(0.01)
    raise AssertionError("nothing was stored: " + running.communicate()[1])


def _said_of(running: subprocess.Popen[str], word: str) -> None:
    assert running.stderr is not None
    assert any(word in line for line in running.stderr)


def test_a_second_run_stops_and_a_killed_one_leaves_the_way_free(folder):
    out = folder / "outputs/s"
    running = process(["run", "s.toml", "--audit", "0"], folder)
    started(running, out)
    os.killpg(running.pid, signal.SIGSTOP)  # else it may have ended before the second has begun
    second = call_specdid(["run", "s.toml", "--audit", "0"], folder)
    assert running.poll() is None, "ended too early to say anything"
    assert second.returncode == 5
    assert "another run is writing to outputs/s" in second.stderr
    assert call_specdid(["clean", "outputs/s"], folder).returncode == 5
    running.send_signal(signal.SIGKILL)
    os.killpg(running.pid, signal.SIGCONT)
    running.communicate()
    assert (out / ".specdid.lock").exists()
    running = process(["run", "s.toml", "--audit", "0"], folder)
    _said_of(running, "estimating")
    os.killpg(running.pid, signal.SIGINT)
    said = running.communicate()[1]
    assert running.returncode == 130
    assert "to go on, give the same command again" in said
    assert "Traceback" not in said
    done = call_specdid(["run", "s.toml", "--audit", "0"], folder)
    assert done.returncode == 0, done.stderr
    assert " estimates taken from an earlier run" in done.stderr
    assert not (out / ".specdid.lock").exists()


def test_clean_removes_what_was_stored_and_no_results(folder):
    write_toml(small_study(controls={"x1": "x1"}, figure={"formats": ["svg"]}), folder / "s.toml")
    assert call_specdid(["run", "s.toml", "--audit", "0"], folder).returncode == 0
    before = (folder / "outputs/s/results.csv").read_bytes()
    done = call_specdid(["clean", "outputs/s"], folder)
    assert (done.returncode, "MB removed" in done.stdout) == (0, True)
    assert not (folder / "outputs/s" / NAME).exists()
    assert (folder / "outputs/s/results.csv").read_bytes() == before
    assert "nothing to remove" in call_specdid(["clean", "outputs/s"], folder).stdout
    assert call_specdid(["clean", "nowhere"], folder).returncode == 5

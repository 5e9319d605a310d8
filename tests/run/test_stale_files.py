"""A run removes what an earlier one wrote and it does not, and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._run.output import listed

SMALL = small_study(controls={"any": "csw0(x1, x2)"})
BEFORE = {**SMALL, "event_study": {"early": {"window": [-2, 1]}}, "table": {"T": {"vary": ["controls"]}}}


def run(spec, directory):
    specdid.run(spec, small_panel(), out=directory, jobs=1, audit=0)
    return {path.name for path in directory.iterdir()}


def manifest(directory):
    return json.loads((directory / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "out"
    run(BEFORE, out)
    return out


@pytest.fixture
def directory(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "out"))


def test_the_manifest_lists_every_file_but_itself(directory):
    found = {path.name for path in directory.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert set(listed(directory)) == found - {"manifest.json"}
    assert {"results.csv", "curve.pdf", "table_T.tex", "event_study_early.png"} <= found
    assert all((directory / name).stat().st_size == size for name, size in listed(directory).items())


def test_files_of_analyses_that_are_gone_are_removed(directory):
    left = run(SMALL, directory)
    assert not [name for name in left if name.startswith(("event_study", "table_T"))]
    assert "results.csv" in left
    assert left == run(SMALL, directory.parent / "fresh")


def test_nothing_else_is_removed(directory):
    own = {"notes.txt": "mine", "table_U.csv": "mine too", "event_study_early.csv": "corrected by hand"}
    for name, text in own.items():
        (directory / name).write_text(text)
    (directory / "event_study_early.pdf").unlink()
    (directory / "event_study_early.pdf").mkdir()
    run(SMALL, directory)
    assert {name: (directory / name).read_text() for name in own} == own
    assert (directory / "event_study_early.pdf").is_dir()


@pytest.mark.parametrize(
    "files",
    [{"../precious.txt": 4, "/tmp": 4, "..": 4, "": 0, "manifest.json": 9}, ["precious.txt"], None, {"a": "4"}],
)
def test_a_manifest_that_lists_something_else_removes_nothing(directory, files):
    precious = directory.parent / "precious.txt"
    precious.write_text("mine")
    (directory / "precious.txt").write_text("mine")
    content = {**manifest(directory), "files": files}
    (directory / "manifest.json").write_text(json.dumps(content))
    before = {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}
    with pytest.raises(specdid.OutputError, match="not listed in a manifest of specdid"):
        run(SMALL, directory)
    assert precious.read_text() == "mine"
    assert {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()} == before


def test_a_run_that_is_interrupted_removes_nothing_and_the_next_one_does(directory, monkeypatch):
    from specdid._run import pipeline

    def stop(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "run_nulls", stop)
        with pytest.raises(KeyboardInterrupt):
            run(SMALL, directory)
    assert (directory / "table_T.csv").exists()
    assert "table_T.csv" in listed(directory)
    assert "table_T.csv" not in run(SMALL, directory)

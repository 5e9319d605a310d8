"""What a run may replace, what it refuses to touch, and what is left where a write fails."""

import json
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid import OutputError, SpecError, run
from specdid._records.files import StrangeFileError, read_bytes, replacing
from specdid._records.read import INCOMPLETE, INCOMPLETE_WORDS, read_results
from specdid._run.output import OutputDirectory, clean_output, kept_files, listed, output_directory, staged

pytestmark = pytest.mark.usefixtures("undrawn")

SMALL = small_study(controls={"any": "csw0(x1)"}, figure={"formats": ["svg"]})


def run_small(directory, **changes):
    return run({**SMALL, **changes}, small_panel(), out=directory, jobs=1, audit=0)


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file() and not path.is_symlink()}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A directory with the results of a run, to be copied."""
    directory = tmp_path_factory.mktemp("finished") / "out"
    run_small(directory)
    return content(directory)


@pytest.fixture
def directory(tmp_path, finished):
    out = tmp_path / "out"
    out.mkdir()
    for name, data in finished.items():
        (out / name).write_bytes(data)
    return out


@contextmanager
def hold(directory, inputs=(), chosen=True):
    """Hold a directory for a study of which nothing else is known."""
    with (
        mock.patch("specdid._run.output.refuse_foreign"),
        output_directory(directory, None, None, inputs, chosen) as output,
    ):
        yield output


def publish_files(directory, files, inputs=(), whole=True):
    """Publish these files as a run would, with a manifest that lists them."""
    with hold(directory, inputs) as output, staged(output) as new:
        for name, text in files.items():
            (new / name).write_text(text)
        record = {"specdid": "0", "spec": {"stem": "small"}, "files": kept_files(output, new, whole)}
        (new / "manifest.json").write_text(json.dumps(record))


NEW = {"a.csv": "new a", "results.csv": "new results", "z.csv": "new z"}
OLD = {"a.csv": "old", "gone.csv": "old", "results.csv": "old", "z.csv": "old"}


# Links -------------------------------------------------------------------------------------------


def test_a_linked_directory_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to("elsewhere")
    with pytest.raises(OutputError, match=r"out is a link: give the directory itself, with --out .*elsewhere"):
        run_small(tmp_path / "out")
    with pytest.raises(OutputError, match="is a link"):
        clean_output(tmp_path / "out")
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_above_the_default_directory_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "outputs").symlink_to("elsewhere")
    with pytest.raises(OutputError, match="outputs is a link"), hold(Path("outputs/a"), chosen=False):
        pass
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_link_is_replaced_and_not_followed(directory):
    outside = directory.parent / "thesis.md"
    outside.write_text("mine")
    (directory / "summary.md").unlink()
    (directory / "summary.md").symlink_to(outside)
    run_small(directory)
    assert outside.read_text() == "mine"
    assert not (directory / "summary.md").is_symlink()


@pytest.mark.parametrize("name", [".specdid.lock", INCOMPLETE])
@pytest.mark.parametrize("there", [True, False])
def test_planted_links_of_own_names_are_neither_followed_nor_created(directory, name, there):
    target = directory.parent / "target"
    if there:
        target.write_text("mine")
    (directory / name).symlink_to(target)
    with pytest.raises(OutputError, match="move it"):
        run_small(directory)
    assert target.exists() == there
    assert not there or target.read_text() == "mine"


def test_what_is_written_is_a_new_file_of_a_random_name(tmp_path):
    names = set()
    for _ in range(3):
        with replacing(tmp_path / "a.csv") as new:
            names.add(new.name)
            assert stat.S_ISREG(new.lstat().st_mode)
            new.write_text("x")
    assert len(names) == 3
    assert [p.name for p in tmp_path.iterdir()] == ["a.csv"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o666 & ~umask


def test_what_goes_wrong_leaves_the_old_file(tmp_path):
    (tmp_path / "a.csv").write_text("old")
    with pytest.raises(RuntimeError), replacing(tmp_path / "a.csv"):
        raise RuntimeError
    assert content(tmp_path) == {"a.csv": b"old"}


# What is somebody's own --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["summary.md", "results.csv", "manifest.json", "curve.pdf"])
def test_a_file_of_somebody_is_refused_before_any_work(tmp_path, monkeypatch, name):
    from specdid._run import pipeline

    monkeypatch.setattr(pipeline, "_estimate", lambda *given: pytest.fail("it went to work"))
    (tmp_path / name).write_text("{}" if name == "manifest.json" else "mine")
    with pytest.raises(OutputError, match=f"{name} is not listed in a manifest of specdid"):
        run_small(tmp_path)
    assert (tmp_path / name).read_text() in ("mine", "{}")


def test_a_file_whose_name_only_the_run_knows_is_refused_too(tmp_path):
    (tmp_path / "volcano.svg").write_text("mine")
    with pytest.raises(OutputError, match=r"volcano\.svg is not listed"):
        run_small(tmp_path)
    assert (tmp_path / "volcano.svg").read_text() == "mine"
    assert not (tmp_path / "results.csv").exists()


def test_the_data_are_never_replaced_nor_removed(tmp_path):
    small_panel().write_csv(tmp_path / "results.csv")
    before = (tmp_path / "results.csv").read_bytes()
    listing = {"specdid": "0", "spec": {"stem": "spec"}, "files": {"results.csv": len(before)}}
    (tmp_path / "manifest.json").write_text(json.dumps(listing))
    study = 'study = { data = "results.csv", unit = "id", time = "year" }'
    spec = f'{study}\noutcome = {{ y = "y" }}\ntreatment = {{ d = "d" }}'
    (tmp_path / "spec.toml").write_text(spec)
    theirs = mock.patch("specdid._run.output.refuse_foreign")
    with theirs, pytest.raises(OutputError, match=r"results\.csv is what the study reads"):
        run(tmp_path / "spec.toml", out=tmp_path, jobs=1, audit=0)
    assert (tmp_path / "results.csv").read_bytes() == before


def test_data_that_an_earlier_run_wrote_are_not_removed(tmp_path):
    publish_files(tmp_path, OLD)
    publish_files(tmp_path, NEW, inputs=[tmp_path / "gone.csv"])
    assert (tmp_path / "gone.csv").read_text() == "old"


def test_a_directory_in_the_place_of_a_file_is_refused(directory):
    (directory / "curve.svg").unlink()
    (directory / "curve.svg").mkdir()
    with pytest.raises(OutputError, match="is a directory where a file is to be written"):
        run_small(directory)


# All or nothing ----------------------------------------------------------------------------------


IN_USE = PermissionError(13, "in use by another program")


def failing(monkeypatch, function, at, error=IN_USE):
    """Have the ``at``-th call of a method of Path fail; gives the calls."""
    calls = []
    real = getattr(Path, function)

    def fail(self, *given, **named):
        calls.append(self)
        if len(calls) == at:
            raise error
        return real(self, *given, **named)

    monkeypatch.setattr(Path, function, fail)
    return calls


MOVES = 2 * len(NEW) + 3
"""Renames of a publication: each new file and the old one, gone.csv, and the manifest twice."""


@pytest.mark.parametrize("at", range(1, MOVES + 1))
@pytest.mark.parametrize("error", [IN_USE, KeyboardInterrupt()])
def test_where_one_file_cannot_be_moved_all_are_as_before(tmp_path, monkeypatch, at, error):
    publish_files(tmp_path, OLD)
    before = content(tmp_path)
    calls = failing(monkeypatch, "rename", at, error)
    with pytest.raises((OutputError, KeyboardInterrupt)) as caught:
        publish_files(tmp_path, NEW)
    if isinstance(error, OSError):
        assert "cannot replace" in str(caught.value)
        assert "in use by another program" in str(caught.value)
    assert content(tmp_path) == before
    assert len(calls) >= at
    monkeypatch.undo()
    publish_files(tmp_path, NEW)
    assert set(content(tmp_path)) == {*NEW, "manifest.json"}
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".specdid-")]


def test_the_number_of_moves_is_known(tmp_path, monkeypatch):
    publish_files(tmp_path, OLD)
    calls = failing(monkeypatch, "rename", -1)
    publish_files(tmp_path, NEW)
    assert len(calls) == MOVES


@pytest.mark.parametrize("at", range(2, MOVES))
def test_where_nothing_can_be_put_back_the_directory_says_so(tmp_path, monkeypatch, at):
    publish_files(tmp_path, OLD)
    calls = []
    real = Path.rename

    def fail(self, target):
        calls.append(self)
        if len(calls) >= at:
            raise OSError(5, "broken disk")
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", fail)
        with pytest.raises(OutputError, match=r"of two runs, as INCOMPLETE\.txt there says"):
            publish_files(tmp_path, NEW)
    assert "Do not use them" in (tmp_path / INCOMPLETE).read_text()
    with pytest.raises(SpecError, match="may be of two runs"):
        read_results(tmp_path)
    publish_files(tmp_path, NEW)
    assert {n: t.decode() for n, t in content(tmp_path).items() if n != "manifest.json"} == NEW
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".specdid-")]


def test_a_mark_of_an_earlier_kill_outlives_a_run_that_fails(tmp_path, monkeypatch):
    publish_files(tmp_path, OLD)
    (tmp_path / INCOMPLETE).write_text(INCOMPLETE_WORDS + "a.csv\t3\n")
    failing(monkeypatch, "rename", 3)
    with pytest.raises(OutputError):
        publish_files(tmp_path, NEW)
    assert (tmp_path / INCOMPLETE).is_file()


def test_files_that_a_killed_run_put_in_place_are_its_own(tmp_path):
    (tmp_path / "results.csv").write_text("half")
    (tmp_path / "table.csv").write_text("12345")
    (tmp_path / "notes.md").write_text("mine")
    listing = "results.csv\t4\ntable.csv\t5\nnotes.md\t99\n../x\t1\n"
    (tmp_path / INCOMPLETE).write_text(INCOMPLETE_WORDS + listing)
    publish_files(tmp_path, NEW)
    assert set(content(tmp_path)) == {*NEW, "manifest.json", "notes.md"}


def writes(directory, monkeypatch, at):
    """Run with the ``at``-th creation, replacement or sync of a file inside ``directory`` failing."""
    made = []

    def inside(path):
        return isinstance(path, (str, os.PathLike)) and os.fspath(path).startswith(str(directory))

    def guard(name, takes):
        real = getattr(os, name)

        def call(*given, **named):
            if takes(*given):
                made.append((name, given))
                if len(made) == at:
                    raise OSError(28, "No space left on device")
            return real(*given, **named)

        monkeypatch.setattr(os, name, call)

    guard("open", lambda path, flags=0, *rest: bool(flags & os.O_CREAT) and inside(path))
    guard("mkdir", lambda path, *rest: inside(path))
    guard("fsync", lambda descriptor: True)
    guard("replace", lambda old, new: inside(new))
    guard("rename", lambda old, new: inside(new))
    try:
        run_small(directory)
    finally:
        monkeypatch.undo()
    return made


def test_every_write_of_a_run_fails_once(directory, monkeypatch):
    """The directory is then as it was, byte by byte, or marked; and the next run is whole."""
    before = content(directory)
    total = len(writes(directory, monkeypatch, -1))
    after = content(directory)
    assert total > 30
    failed = 0
    step = 1 if os.environ.get("SPECDID_EVERY_WRITE") else 7
    for at in range(1, total + 1, step):
        for path in list(directory.iterdir()):
            if path.is_file():
                path.unlink()
        for name, data in before.items():
            (directory / name).write_bytes(data)
        said = ""
        try:
            writes(directory, monkeypatch, at)
        except OutputError as error:
            said = str(error)
        if said:
            found = content(directory)
            assert "No space left on device" in said
            assert found == before or INCOMPLETE in found, at
            failed += 1
        else:
            # The directory was there already, or what failed was a courtesy such as a leftover's removal.
            assert set(content(directory)) == set(after), at
    assert failed > total // step - 3
    run_small(directory)
    assert set(content(directory)) == set(after)


# Reading -----------------------------------------------------------------------------------------


def test_only_regular_files_of_bounded_size_are_read(tmp_path):
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a") == b"12345"
    with pytest.raises(StrangeFileError, match="5 bytes, more than 4"):
        read_bytes(tmp_path / "a", 4)
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "link", tmp_path / "pipe", Path(os.devnull), Path("/dev/zero"), tmp_path):
        with pytest.raises(StrangeFileError, match="no regular file"):
            read_bytes(path)


def test_a_manifest_that_is_nested_deeply_is_none(tmp_path):
    (tmp_path / "manifest.json").write_text('{"files":' * 200_000)
    assert listed(tmp_path) == {}
    with pytest.raises(OutputError, match=r"manifest\.json is not listed"):
        run_small(tmp_path)


def test_the_held_directory_names_its_inputs(tmp_path):
    with hold(tmp_path / "new", [None, tmp_path / "x"]) as output:
        assert output == OutputDirectory(tmp_path / "new", (tmp_path / "x",))


DRAWN = small_study(controls={"any": "csw0(x1, x2)"})
BEFORE = {**DRAWN, "event_study": {"early": {"window": [-2, 1]}}, "table": {"T": {"vary": ["controls"]}}}


def run_drawn(spec, ran):
    specdid.run(spec, small_panel(), out=ran, jobs=1, audit=0)
    return {path.name for path in ran.iterdir()}


def manifest(ran):
    return json.loads((ran / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    out = tmp_path_factory.mktemp("written") / "out"
    run_drawn(BEFORE, out)
    return out


@pytest.fixture
def ran(written, tmp_path):
    return Path(shutil.copytree(written, tmp_path / "out"))


def test_the_manifest_lists_every_file_but_itself(ran):
    found = {path.name for path in ran.iterdir() if path.is_file() and not path.name.startswith(".")}
    assert set(listed(ran)) == found - {"manifest.json"}
    assert {"results.csv", "curve.pdf", "table_T.tex", "event_study_early.png"} <= found
    assert all((ran / name).stat().st_size == size for name, size in listed(ran).items())


def test_files_of_analyses_that_are_gone_are_removed(ran):
    left = run_drawn(DRAWN, ran)
    assert not [name for name in left if name.startswith(("event_study", "table_T"))]
    assert "results.csv" in left
    assert left == run_drawn(DRAWN, ran.parent / "fresh")


def test_nothing_else_is_removed(ran):
    own = {"notes.txt": "mine", "table_U.csv": "mine too", "event_study_early.csv": "corrected by hand"}
    for name, text in own.items():
        (ran / name).write_text(text)
    (ran / "event_study_early.pdf").unlink()
    (ran / "event_study_early.pdf").mkdir()
    run_drawn(DRAWN, ran)
    assert {name: (ran / name).read_text() for name in own} == own
    assert (ran / "event_study_early.pdf").is_dir()


@pytest.mark.parametrize(
    "files",
    [{"../precious.txt": 4, "/tmp": 4, "..": 4, "": 0, "manifest.json": 9}, ["precious.txt"], None, {"a": "4"}],
)
def test_a_manifest_that_lists_something_else_removes_nothing(ran, files):
    precious = ran.parent / "precious.txt"
    precious.write_text("mine")
    (ran / "precious.txt").write_text("mine")
    content = {**manifest(ran), "files": files}
    (ran / "manifest.json").write_text(json.dumps(content))
    before = {path.name: path.read_bytes() for path in ran.iterdir() if path.is_file()}
    with pytest.raises(specdid.OutputError, match="not listed in a manifest of specdid"):
        run_drawn(DRAWN, ran)
    assert precious.read_text() == "mine"
    assert {path.name: path.read_bytes() for path in ran.iterdir() if path.is_file()} == before


def test_a_run_that_is_interrupted_removes_nothing_and_the_next_one_does(ran, monkeypatch):
    from specdid._run import pipeline

    def stop(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "run_nulls", stop)
        with pytest.raises(KeyboardInterrupt):
            run_drawn(DRAWN, ran)
    assert (ran / "table_T.csv").exists()
    assert "table_T.csv" in listed(ran)
    assert "table_T.csv" not in run_drawn(DRAWN, ran)

"""A full disk, an output that cannot be made: a message, old results whole, the others whole, and the way on."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from command import call_specdid
from small_studies import small_panel, small_study
from specdid import OutputError, _plugins, run
from toml_text import write_toml

ROOT = Path(__file__).parents[2]


def study(**changes):
    return small_study(
        controls={"any": "mvsw(x1, x2, x3)"},
        weights={"none": "1", "w": "w"},
        inference={"draws": 199},
        figure={"formats": ["svg"]},
        run={"backend": "serial"},
        **changes,
    )


MORE = study(sample={"all": "TRUE", "fewer": "id > 3"})


@pytest.fixture
def folder(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(study(), tmp_path / "s.toml")
    return tmp_path


def visible(out: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(out.iterdir()) if p.is_file() and p.name != ".specdid.lock"}


def content(files: dict[str, bytes]) -> dict[str, bytes]:
    """The files that may not differ between two runs."""
    return {n: b for n, b in files.items() if n not in ("manifest.json", "timings.parquet", "report.html")}


@pytest.fixture
def disk(tmp_path):
    """A disk of eight megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """Files of a run that had a disk and nothing to go on from."""
    folder = tmp_path_factory.mktemp("fresh")
    small_panel().write_csv(folder / "given.csv")
    write_toml(MORE, folder / "s.toml")
    assert call_specdid(["run", "s.toml", "--audit", "0"], folder).returncode == 0
    return content(visible(folder / "outputs/s"))


@pytest.mark.parametrize("left", [0, 40_000, 400_000])
def test_a_full_disk(folder, disk, fresh, left):
    """Full before anything is stored, while draws are, and when results are written."""
    out = disk / "o"
    arguments = ["run", "s.toml", "--audit", "0", "--out", str(out)]
    assert call_specdid(arguments, folder).returncode == 0
    before = visible(out)
    write_toml(MORE, folder / "s.toml")
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "filler").write_bytes(b"x" * (free - left))
    done = call_specdid(arguments, folder)
    assert done.returncode == 5, done.stderr
    assert f"error: cannot write to {out}: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    after = visible(out)
    whole = ("results.csv", "results.parquet", "summary.md", "inference.csv", "manifest.json")
    assert {n: after[n] for n in whole} == {n: before[n] for n in whole}
    assert not [name for name in after if name.endswith(".part")]
    (disk / "filler").unlink()
    again = call_specdid(arguments, folder)
    assert again.returncode == 0, again.stderr
    assert "damaged" not in again.stderr
    assert content(visible(out)) == fresh


def test_a_read_only_disk(folder, disk):
    arguments = ["run", "s.toml", "--audit", "0", "--out", str(disk / "o")]
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = call_specdid(arguments, folder)
    assert done.returncode == 5
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert call_specdid(arguments, folder).returncode == 0


LIMITED = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
from specdid._cli import main
main()
"""


def test_a_quota(folder):
    """What anybody can try: no file may grow beyond some kilobytes."""
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", LIMITED, "30000", "run", "s.toml", "--audit", "0"]
    done = subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, check=False)
    assert done.returncode == 5, done.stderr
    assert "error: cannot write to outputs/s: File too large" in done.stderr
    again = call_specdid(["run", "s.toml", "--audit", "0"], folder)
    assert again.returncode == 0
    assert "damaged" not in again.stderr


STUDY = small_study(
    controls={"any": "csw0(x1)"}, figure={"formats": ["svg"]}, appendix={"formats": ["tex", "md", "docx"]},
    table={"T": {"vary": ["controls"]}},
)  # fmt: skip


def broken(*given, **named):
    raise ZeroDivisionError("a column of no width")


def break_figure(name):
    def patch(monkeypatch):
        real = _plugins.load

        def load(shelf, wanted):
            found = real(shelf, wanted)
            return replace(found, draw=broken) if (shelf, wanted) == ("figures", name) else found

        monkeypatch.setattr(_plugins, "load", load)

    return patch


def break_function(module, name):
    return lambda monkeypatch: monkeypatch.setattr(f"{module}.{name}", broken)


OUTPUTS = {
    "the figure of the curve": (break_figure("spec_curve"), {"curve.svg"}),
    "the figure volcano": (break_figure("volcano"), {"volcano.svg"}),
    "the figure multiverse": (break_figure("multiverse"), {"multiverse.svg"}),
    "appendix.docx": (break_function("specdid.appendix.word", "write_word"), {"appendix.docx"}),
    "the appendix": (
        break_function("specdid._run.appendix", "assemble"),
        {
            "appendix.docx", "appendix.md", "appendix.tex", "appendix_choices.tex", "appendix_choices_2.tex",
            "appendix_estimates.csv", "appendix_main.tex", "appendix_selected.csv", "appendix_selected.tex",
            "appendix_selected_2.tex",
        },
    ),
    "report.html": (break_function("specdid._run.report", "write_page"), {"report.html"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    run(STUDY, small_panel(), out=directory, jobs=1, audit=0)
    return directory


@pytest.mark.parametrize("what", OUTPUTS)
def test_the_others_are_whole_and_say_so(what, whole, tmp_path, monkeypatch, request):
    if "figure" not in what:
        request.getfixturevalue("undrawn_test")
    patch, lost = OUTPUTS[what]
    patch(monkeypatch)
    curve = run(STUDY, small_panel(), out=tmp_path, jobs=1, audit=0)
    made = {path.name for path in tmp_path.iterdir()}
    assert {path.name for path in whole.iterdir()} - made == lost
    assert (tmp_path / "results.csv").read_bytes() == (whole / "results.csv").read_bytes()
    message = f"{what} could not be made: ZeroDivisionError: a column of no width (test_write.py, line "
    assert next(str(c) for c in curve.warnings if c.code == "output_failed").startswith(f"output: {message}")
    with (tmp_path / "warnings.csv").open(newline="") as file:
        rows = [r for r in csv.DictReader(file) if r["code"] == "output_failed"]
    assert [(r["severity"], r["where"]) for r in rows] == [("serious", "output")]
    assert what in (tmp_path / "summary.md").read_text()


def test_many_figures_are_drawn_by_workers_and_are_the_same(tmp_path, monkeypatch):
    """The page's and LaTeX's, with their notes; what one warns of is heard. No process draws that is not asked to."""
    made = {**STUDY, "study": {**STUDY["study"], "title": "𒀀"}, "figure": {"formats": ["pdf", "png"]}}
    here = run(made, small_panel(), out=tmp_path / "here", jobs=2, audit=0)
    monkeypatch.setattr("specdid._run.write.MANY_FIGURES", 1)
    monkeypatch.setattr("specdid._run.write.save_figure", broken)
    workers = run(made, small_panel(), out=tmp_path / "workers", jobs=2, audit=0)
    assert content(visible(tmp_path / "workers")) == content(visible(tmp_path / "here"))
    assert workers.warnings == here.warnings
    assert "figure" in {c.code for c in here.warnings}


@pytest.mark.usefixtures("undrawn_test")
def test_a_full_disk_is_no_output_that_fails_alone(tmp_path, monkeypatch):
    def full(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("specdid.appendix.word.write_word", full)
    with pytest.raises(OutputError, match="No space left"):
        run(STUDY, small_panel(), out=tmp_path, jobs=1, audit=0)
    assert not (tmp_path / "results.csv").exists()


@pytest.mark.usefixtures("undrawn_test")
def test_the_command_line_says_so_and_exits_with_1(tmp_path, monkeypatch, capsys):
    from specdid._cli import main

    write_toml(STUDY, tmp_path / "spec.toml")
    small_panel().write_csv(tmp_path / "given.csv")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("specdid._run.report.write_page", broken)
    with pytest.raises(SystemExit) as stop:
        main.main(args=["run", "spec.toml", "--jobs", "1", "--audit", "0", "--quiet"])
    assert stop.value.code == 1
    said = capsys.readouterr().err
    assert "internal error: output: report.html could not be made: ZeroDivisionError" in said
    assert "Traceback" not in said
    assert (tmp_path / "outputs" / "spec" / "results.csv").is_file()


def test_long_words_in_a_word_table_leave_every_column_some_width():
    from specdid.appendix.word import _inches
    from specdid.tables._base import PrintTable, Row

    label = "x" * 400
    for columns in (1, 5, 30):
        rows = (Row(label, tuple("9" * 90 for _ in range(columns))),)
        table = PrintTable("T", tuple("c" * 80 for _ in range(columns)), (rows,))
        widths = _inches(table)
        assert len(widths) == columns + 1
        assert min(widths) > 0
        assert sum(widths) == pytest.approx(6.5, abs=1e-6)

"""A full disk, a directory that may not be written: a message, exit code 5, old results whole, and the way on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command import call_specdid
from small_studies import small_panel, small_study
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
    """A disk of four megabytes."""
    place = tmp_path / "disk"
    place.mkdir()
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], capture_output=True)
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

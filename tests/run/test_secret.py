"""The secret that caches are signed with: made once, for its user alone; a run without one goes on and says so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import specdid
from command import call_specdid, run_specdid
from small_studies import small_panel, small_study
from specdid.engine import store
from specdid.engine.store import NAME, SECRET_FILE, SECRET_SIZE, NoSecretError, Store, own_secret
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")
ROOT = Path(__file__).parents[2]
posix = pytest.mark.skipif(os.name == "nt", reason="of POSIX")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Where the secret will be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "state"))
    return tmp_path / "state" / "specdid"


def test_the_secret_is_made_once_for_its_user_alone(state, tmp_path):
    one = own_secret(tmp_path / "out")
    assert len(one) == SECRET_SIZE
    assert own_secret(tmp_path / "other") == one
    assert [p.name for p in state.iterdir()] == [SECRET_FILE]
    if os.name != "nt":
        assert (state / SECRET_FILE).stat().st_mode & 0o777 == 0o600
        assert state.stat().st_mode & 0o777 == 0o700
    (state / SECRET_FILE).unlink()
    assert own_secret(tmp_path / "out") != one


def test_first_runs_at_once_agree_on_one_secret(state, tmp_path, monkeypatch):
    code = "import sys; from pathlib import Path; from specdid.engine.store import own_secret; sys.stdin.read(1)\n"
    code += "print(own_secret(Path('out')).hex())"
    running = [
        subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True, cwd=ROOT) for _ in range(4)
    ]
    for one in running:
        one.stdin.write("x")
        one.stdin.close()
    assert len({one.stdout.read() for one in running}) == 1
    for one in running:
        one.stdout.close()
        assert one.wait() == 0
    for _ in range(20):
        (state / SECRET_FILE).unlink()
        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(own_secret, [tmp_path / "out"] * 8))) == 1
    assert [p.name for p in state.iterdir()] == [SECRET_FILE]


def test_a_disk_without_hard_links_gets_its_secret(state, tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(store.os, "link", refused)
    assert own_secret(tmp_path / "out") == own_secret(tmp_path / "out")
    assert [p.name for p in state.iterdir()] == [SECRET_FILE]


@posix
@pytest.mark.parametrize("what", ["link", "dangling link", "FIFO", "directory", "empty", "short", "long", "readable"])
def test_what_is_no_secret_of_ones_own_is_refused_and_left(state, tmp_path, what):
    state.mkdir(parents=True)
    path = state / SECRET_FILE
    if what == "link":
        (tmp_path / "known").write_bytes(bytes(SECRET_SIZE))
        (tmp_path / "known").chmod(0o600)
        path.symlink_to(tmp_path / "known")
    elif what == "dangling link":
        path.symlink_to(tmp_path / "made")
    elif what == "FIFO":
        os.mkfifo(path)
    elif what == "directory":
        path.mkdir()
    else:
        path.write_bytes(bytes({"empty": 0, "short": SECRET_SIZE - 1, "long": SECRET_SIZE + 1}.get(what, SECRET_SIZE)))
        path.chmod(0o644 if what == "readable" else 0o600)
    before = path.lstat()
    with pytest.raises(NoSecretError, match=SECRET_FILE):
        own_secret(tmp_path / "out")
    assert path.lstat().st_mode == before.st_mode
    assert [p.name for p in state.iterdir()] == [SECRET_FILE]
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root may give files away")
def test_another_users_file_is_refused(state, tmp_path):
    own_secret(tmp_path / "out")
    os.chown(state / SECRET_FILE, 12345, 12345)
    with pytest.raises(NoSecretError, match="another user's file"):
        own_secret(tmp_path / "out")


def test_the_secret_is_never_within_the_results(state, tmp_path):
    for out in (tmp_path, state, state.parent):
        with pytest.raises(NoSecretError, match="would lie within"):
            own_secret(out)
    assert not state.exists()


@posix
def test_relative_places_are_a_strangers(state, tmp_path, monkeypatch):
    """A cloned folder could hold them."""
    monkeypatch.chdir(tmp_path)
    for home in (".", "state", ""):
        monkeypatch.setenv("XDG_STATE_HOME", home)
        monkeypatch.setenv("HOME", "relative")
        with pytest.raises(NoSecretError, match="no home directory"):
            own_secret(tmp_path / "out")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    own_secret(tmp_path / "out")
    assert list((tmp_path / "home").rglob(SECRET_FILE))


@posix
def test_a_user_without_a_home_has_no_cache(state, tmp_path, monkeypatch):
    monkeypatch.delenv("XDG_STATE_HOME")

    def nobody(*_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(store.Path, "home", nobody)
    with pytest.raises(NoSecretError, match="no home directory"):
        own_secret(tmp_path / "out")


@pytest.fixture
def folder(tmp_path):
    small_panel().write_csv(tmp_path / "given.csv")
    content = small_study(
        controls={"any": "mvsw(x1, x2)"},
        figure={"formats": ["svg"]},
        run={"backend": "serial"},
        inference={"draws": 99, "null": ["wild", "permutation"], "assign": "d + cohort"},
        placebo={"draws": 19},
    )
    write_toml(content, tmp_path / "s.toml")
    return tmp_path


def taken(folder) -> dict[str, int]:
    return json.loads((folder / "outputs/s/manifest.json").read_text("utf-8"))["taken_from_an_earlier_run"]


def content(folder) -> dict[str, bytes]:
    apart = ("manifest.json", "timings.parquet")
    return {p.name: p.read_bytes() for p in (folder / "outputs/s").iterdir() if p.is_file() and p.name not in apart}


def test_the_manifest_says_what_was_taken_and_nothing_else_changes(folder, state):
    assert call_specdid(["run", "s.toml", "--audit", "2"], folder).returncode == 0
    none = {"specifications": 0, "draw_parts": 0, "analysis_parts": 0, "drawn_again": 0, "differing": 0}
    assert taken(folder) == none
    first = content(folder)
    assert call_specdid(["run", "s.toml", "--audit", "2"], folder).returncode == 0
    again = taken(folder)
    planned = json.loads((folder / "outputs/s/manifest.json").read_text("utf-8"))["counts"]
    assert again["specifications"] == planned["ok"] + planned["failed"] + planned["duplicate"]
    assert min(again["draw_parts"], again["analysis_parts"], again["drawn_again"]) > 0
    assert again["differing"] == 0
    assert content(folder) == first
    # Another key: nothing is taken, which is said once, and the numbers are the same.
    (state / SECRET_FILE).unlink()
    anew = call_specdid(["run", "s.toml", "--audit", "0"], folder)
    assert anew.returncode == 0
    said = f"or of a key that is gone: not used, {again['specifications']:,} specifications estimated anew"
    assert anew.stderr.count(said) == 1
    assert taken(folder) == none
    assert {**content(folder), **dict.fromkeys(("summary.md", "details.md", "report.html", "warnings.csv"))} == {
        **first,
        **dict.fromkeys(("summary.md", "details.md", "report.html", "warnings.csv")),
    }
    assert "another user" not in call_specdid(["run", "s.toml", "--audit", "0"], folder).stderr


@posix
@pytest.mark.parametrize("home", ["/proc/nonexistent", "/dev/null"])
def test_an_unusable_home_costs_the_cache_alone(folder, home):
    ended = run_specdid(["run", "s.toml", "--audit", "0"], folder, XDG_STATE_HOME="", HOME=home)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("warning: nothing is kept to go on from, nor taken from an earlier run") == 1
    assert not (folder / "outputs/s" / NAME).exists()


def test_draws_that_come_out_otherwise_fail_the_audit(folder, state, monkeypatch):
    """With the right key: a fault of the machine, or of a library."""
    study, out = specdid.read(folder / "s.toml"), folder / "out"
    specdid.run(study, out=out, audit=2)
    monkeypatch.setattr(Store, "_read", changed(Store._read))
    curve = specdid.run(study, out=out, audit=2)
    assert curve.audit.failed
    first = next(c for c in curve.warnings if c.code == "audit_draws")
    assert first.severity == "error"
    assert "compute everything anew, with --fresh" in first.message
    assert "AUDIT FAILED: do not use" in (out / "summary.md").read_text("utf-8")
    assert json.loads((out / "manifest.json").read_text("utf-8"))["audit"]["verdict"] != "passed"


def changed(read):
    """Change the last byte of every stored table of draws."""

    def inner(store, key):
        payload = read(store, key)
        return payload[:-1] + bytes([payload[-1] ^ 1]) if payload is not None and b'"table"' in payload else payload

    return inner

"""A worker that dies costs what it had in hand, not the run."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import dying
import pytest
from pace import patience
from specdid.engine.workers import as_done, parallel


def test_work_of_a_dead_worker_is_done_again(tmp_path, caplog):
    flag = tmp_path / "flag"
    assert list(parallel(dying.square, str(flag), range(20), 2, "loky")) == [k * k for k in range(20)]
    assert flag.exists()
    assert caplog.text.count("a worker process died") == 1


def test_where_workers_keep_dying_the_rest_is_done_without_them(caplog):
    assert list(parallel(dying.always, os.getpid(), range(4), 2, "loky")) == [1, 2, 3, 4]
    assert "the rest is done without them" in caplog.text


@pytest.mark.parametrize("backend", ["serial", "threading", "loky"])
def test_every_place_once(backend):
    found = dict(as_done(pow, 2, lambda k: k + 1, range(3, 40, 2), 2, backend))
    assert found == {k: 2 ** (k + 1) for k in range(3, 40, 2)}


def test_an_error_is_raised_and_not_done_again():
    with pytest.raises(ZeroDivisionError):
        list(parallel(divmod, 1, [1, 0, 2], 2, "loky"))


@pytest.mark.skipif(os.name == "nt", reason="a process cannot ask for its parent there")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    """SIGKILL leaves the parent no time to end them."""
    code = (
        "from dying import slowly; from specdid.engine.workers import parallel\n"
        f"list(parallel(slowly, {str(tmp_path)!r}, range(4), 2, 'loky'))"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    until = time.monotonic() + patience(300)
    while len(found := list(tmp_path.iterdir())) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    until = time.monotonic() + patience(120)
    while (alive := [p for p in found if _runs(int(p.name))]) and time.monotonic() < until:
        time.sleep(0.1)
    assert len(found) == 2
    assert not alive


@pytest.mark.skipif(os.name == "nt", reason="a process cannot ask for its parent there")
@pytest.mark.parametrize("at", [2, 4])
def test_workers_that_have_only_been_started_end_too(tmp_path, at):
    """The parent kills itself while it hands out item ``at``: its two workers are not yet done with importing."""
    code = (
        "import os; from dying import slowly; from specdid.engine.workers import as_done\n"
        f"make = lambda k: k if k < {at} else os.kill(os.getpid(), 9)\n"
        f"list(as_done(slowly, {str(tmp_path)!r}, make, range(8), 2, 'loky'))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
    assert parent.wait(300) == -9
    try:
        assert _runs(-parent.pid)  # its group: the workers, and who watches over shared memory
        until = time.monotonic() + patience(120)
        while _runs(-parent.pid) and time.monotonic() < until:
            time.sleep(0.1)
        assert not _runs(-parent.pid)
    finally:
        if _runs(-parent.pid):
            os.killpg(parent.pid, 9)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True

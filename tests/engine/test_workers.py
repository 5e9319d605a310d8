"""A worker that dies costs what it had in hand, not the run."""

from __future__ import annotations

import os

import dying
import pytest
from specdid.engine.workers import as_done, parallel


def test_work_of_a_dead_worker_is_done_again(tmp_path, caplog):
    flag = tmp_path / "flag"
    items = [(k, str(flag)) for k in range(20)]
    assert list(parallel(dying.square, items, 2, "loky")) == [k * k for k in range(20)]
    assert flag.exists()
    assert caplog.text.count("a worker process died") == 1


def test_where_workers_keep_dying_the_rest_is_done_without_them(caplog):
    items = [(k, os.getpid()) for k in range(4)]
    assert list(parallel(dying.always, items, 2, "loky")) == [1, 2, 3, 4]
    assert "the rest is done without them" in caplog.text


@pytest.mark.parametrize("backend", ["serial", "threading", "loky"])
def test_every_place_once(backend):
    found = dict(as_done(abs, lambda k: -k, range(3, 40, 2), 2, backend))
    assert found == {k: k for k in range(3, 40, 2)}


def test_an_error_is_raised_and_not_done_again():
    with pytest.raises(ZeroDivisionError):
        list(parallel((1).__truediv__, [1, 0, 2], 2, "loky"))

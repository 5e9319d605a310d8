"""The same bytes for any number of workers, backend, threads, hash seed and order of members."""

import os
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from panels import members_of, reference_problem, reference_specs
from specdid.engine import execute
from specdid.engine.blocks import take
from specdid.engine.execute import run

HERE = Path(__file__).parents[1]
NUMBERS = (
    "index", "code", "culprit", "estimate", "std_error", "statistic", "p_value", "conf_low", "conf_high", "df",
    "vcov_code", "n_clusters", "nobs", "n_units", "n_treated", "n_control", "n_always_treated", "n_missing",
    "n_log0", "n_singletons", "n_eff", "y_mean", "r2_within", "signature",
)  # fmt: skip


def digest(fits):
    """Hash everything but the seconds."""
    total = sha256()
    for name in NUMBERS:
        total.update(getattr(fits, name).tobytes())
    total.update(repr(sorted(fits.dropped.items())).encode())
    return total.hexdigest()


def problem_of(path):
    """Listwise: every specification has rows of its own; dense: they share 24 batches."""
    problem = reference_problem()
    return problem if path == "listwise" else replace(problem, values=np.nan_to_num(problem.values))


@pytest.fixture(scope="module", params=["listwise", "dense"])
def path(request):
    return request.param


@pytest.fixture(scope="module")
def serial(path):
    return run(problem_of(path), members_of(reference_specs()))


@pytest.mark.parametrize(("jobs", "backend"), [(2, "loky"), (3, "loky"), (2, "threading")])
def test_workers_change_nothing(path, serial, monkeypatch, jobs, backend):
    monkeypatch.setattr(execute, "WORTH_WORKERS", 0.0)
    monkeypatch.setattr(execute, "PIECE", 1)
    fits = run(problem_of(path), members_of(reference_specs()), jobs, backend)
    assert digest(fits) == digest(serial)


@pytest.mark.parametrize(("seed", "threads"), [("1", "1"), ("77", "2")])
def test_hash_seeds_and_threads_change_nothing(path, serial, seed, threads):
    program = (
        "import sys; sys.path[:0] = [sys.argv[1], sys.argv[2]]\n"
        "from panels import members_of, reference_specs\n"
        "from specdid.engine.execute import run\n"
        "from test_same_bytes import digest, problem_of\n"
        "print(digest(run(problem_of(sys.argv[3]), members_of(reference_specs()))))"
    )
    threads_of = dict.fromkeys(("OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"), threads)
    done = subprocess.run(
        [sys.executable, "-c", program, str(HERE / "helpers"), str(HERE / "engine"), path],
        env={**os.environ, **threads_of, "PYTHONHASHSEED": seed},
        cwd=HERE.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split()[-1] == digest(serial)


def test_members_alone_give_nearly_the_same(path, serial):
    """What else is in a batch may change the last digits, and nothing more."""
    which = np.arange(0, 768, 37)
    alone = run(problem_of(path), members_of(reference_specs()).take(which))
    together = take(serial, which)
    np.testing.assert_allclose(alone.estimate, together.estimate, rtol=1e-9)
    np.testing.assert_allclose(alone.std_error, together.std_error, rtol=1e-10)
    assert (alone.signature == together.signature).all()


def test_progress_and_order():
    specs = reference_specs()[:40]
    seen = []
    fits = run(reference_problem(), members_of(specs), progress=lambda *a: seen.append(a))
    assert seen[-1] == ("estimating", 40, 40)
    assert fits.index.tolist() == list(range(40))

"""Which path takes what, costs said beforehand, interruption.

The same bytes for any number of workers, backend, threads, hash seed and order of members.
"""

import os
import subprocess
import sys
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from panels import COLUMNS, members_of, random_problem, reference_problem, reference_specs
from specdid._records.fits import take
from specdid.engine import execute
from specdid.engine.execute import estimate_all, run
from specdid.engine.problem import Code


@dataclass
class Compiled:
    problem: object
    members: object
    method: object
    cohort: object
    time: int
    batched: object

    @property
    def in_engine(self):
        return self.batched


@pytest.fixture
def compiled():
    members = members_of(reference_specs())
    n = len(members)
    return Compiled(reference_problem(), members, np.zeros(n, int), np.full(n, -1), -1, np.ones(n, bool))


def listwise_case():
    rng = np.random.default_rng(7)
    problem = reference_problem()
    values = problem.values.copy(order="F")
    values[rng.random(values.shape) < 0.03] = np.nan
    problem = replace(problem, values=values)
    return problem, members_of([s for s in reference_specs() if s[3] == 0 and s[5] == -1])


def test_both_paths_say_the_same(monkeypatch):
    problem, members = listwise_case()
    assert execute._for_listwise(
        problem, members, execute.row_keys(members, execute.missing_patterns(problem, members))
    ).any()
    listwise = run(problem, members)
    monkeypatch.setattr(execute, "MANY_MASKS", 10**9)
    dense = run(problem, members)
    for name in ("estimate", "std_error", "p_value", "conf_low", "df", "r2_within", "y_mean", "n_eff"):
        np.testing.assert_allclose(getattr(listwise, name), getattr(dense, name), rtol=1e-8, err_msg=name)
    for name in ("code", "nobs", "n_missing", "n_singletons", "n_units", "n_treated", "n_clusters", "signature"):
        np.testing.assert_array_equal(getattr(listwise, name), getattr(dense, name), err_msg=name)
    assert listwise.dropped == dense.dropped


def test_interruption_keeps_what_was_done(compiled, monkeypatch):
    monkeypatch.setattr(execute, "MANY_MASKS", 10**9)
    done = []

    def progress(stage, count, total):
        done.append(count)
        if len(done) == 3:
            raise KeyboardInterrupt

    found = estimate_all(compiled, (), 1, "serial", progress)
    assert found.interrupted
    assert sum(len(b.index) for b in found.blocks) == done[-1] < len(compiled.members)
    assert all((b.code == Code.OK).all() for b in found.blocks)


def test_everything_is_estimated_once(compiled):
    found = estimate_all(compiled, (), 1, "serial", lambda *a: None)
    assert not found.interrupted
    index = np.concatenate([b.index for b in found.blocks])
    assert sorted(index.tolist()) == list(range(768))


def test_nothing_at_all():
    problem = random_problem(1, 6, 3, 1.0, False)
    fits = run(problem, members_of([(0, 1, (), 0, 0, -1)]).take(np.zeros(0, np.int64)))
    assert len(fits.index) == 0


@pytest.mark.parametrize("clusters", [(0,), (0, 1)])
def test_one_cluster_everywhere_is_a_failure(clusters):
    """Under every vcov fewer than two clusters: no specification, rather than a line without errors."""
    from specdid.engine.problem import Vcov

    problem = random_problem(2, 8, 5, 1.0, False)
    codes = problem.codes.copy(order="F")
    codes[:, 4] = 0
    problem = type(problem)(
        problem.values,
        codes,
        problem.rows,
        None,
        COLUMNS,
        problem.effect_labels,
        problem.effects,
        (Vcov("cluster", (4,)),) * len(clusters),
        0,
        0.05,
    )
    fits = run(problem, members_of([(0, 1, (), 0, 2, -1)]))
    assert fits.code[0] == Code.TOO_FEW_CLUSTERS
    assert (fits.vcov_code[0] == 1).all()
    assert np.isnan(fits.estimate[0])


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
        "from test_execute import digest, problem_of\n"
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

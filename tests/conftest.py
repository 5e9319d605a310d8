import gc
import os
import sys
import tempfile
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

STATE = tempfile.TemporaryDirectory(prefix="specdid-state-")
HELPERS = Path(__file__).parent / "helpers"
sys.path.insert(0, str(HELPERS))
# A failed assert of a helper says its values, as one of a test does.
pytest.register_assert_rewrite(*sorted(path.stem for path in HELPERS.glob("*.py")))

from examples import examples  # noqa: E402 - a helper

# Time is the machine's and its load's: no example fails for it. The same examples in every run, so that the
# suite passes or fails alike everywhere; others by `--hypothesis-seed=N` (or `=random`), as .ci/matrix does.
OPTIONS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True,
           "max_examples": examples(100)}  # fmt: skip
settings.register_profile("same", derandomize=True, **OPTIONS)
settings.register_profile("seeded", derandomize=False, database=None, **OPTIONS)
settings.load_profile("same")


def pytest_configure(config):
    if config.getoption("--hypothesis-seed") is not None and not config.getoption("--hypothesis-profile"):
        settings.load_profile("seeded")
    # Of two workers one begins at the end: what the other has rewritten asserts of and compiled it then only reads.
    if os.environ.get("PYTEST_XDIST_WORKER") == "gw1" and config.args == config.getini("testpaths"):
        config.args = [str(path) for path in sorted(Path(__file__).parent.rglob("test_*.py"), reverse=True)]


# The key that caches are signed with is not the user's own.
for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
    os.environ[name] = STATE.name


SLOW = (
    "exports/test_every_row.py",
    "run/test_same_bytes.py",
    "run/test_resume.py",
    "plugins/test_one_file_is_enough.py",
    "fuzz/test_strangers.py",
    "figures/test_conformance.py",
    "run/test_right_or_absent.py",
    "run/test_working_directory.py",
    "run/test_chinese.py",
    "study/test_hostile_fields.py",
    "example/test_notebook.py",
    "figures/test_spec_curve.py",
    "analyses/test_conformance.py",
    "test_readme.py",
    "appendix/test_appendix.py",
    "appendix/test_examples.py",
    "example/test_paper.py",
    "run/test_failed_audit.py",
    "run/test_serious_warnings.py",
    "run/test_write.py",
    "run/test_draw_again.py",
    "run/test_secret.py",
    "cli/test_commands.py",
    "report/test_page_in_browser.py",
    "test_audit.py",
    "engine/test_listwise.py",
)
"""Modules whose tests come first, else one worker of xdist would end with them while the others idle."""


def pytest_collection_modifyitems(items):
    """Put the slow modules first; each worker must come to the same order, so nothing is measured here."""
    rank = {Path(__file__).parent / name: k for k, name in enumerate(SLOW)}
    gone = [path for path in rank if not path.exists()]
    assert not gone, f"{gone} of SLOW in tests/conftest.py: no such file"
    items.sort(key=lambda item: (rank.get(item.path, len(SLOW)), item.path))


def pytest_collection_finish():
    """Let the collector of garbage pass over what stays until the end: modules and thousands of tests.

    It would go through them again and again, a tenth of the suite's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


LATE = "no time is left on this machine (SPECDID_UNTIL)"


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Skip what begins after SPECDID_UNTIL, in seconds since 1970: .ci/run is stopped with all it found otherwise."""
    if time.time() > float(os.environ.get("SPECDID_UNTIL", "inf")):
        pytest.skip(LATE)


def pytest_terminal_summary(terminalreporter):
    late = sum(LATE in str(report.longrepr) for report in terminalreporter.stats.get("skipped", ()))
    if late:
        terminalreporter.write_line(f"{late:,} TESTS WERE NOT RUN: {LATE}", bold=True)


@pytest.fixture(scope="module")
def audit_here():
    """Audit in this process, before anything is drawn: one of its own imports pyfixest first, for two seconds a run.

    That both answer alike is tested in test_audit.py, and so is what becomes of the process.
    """
    from specdid._audit import compare
    from specdid._run import pipeline

    class AtOnce:
        def __init__(self, _):
            pass

        def submit(self, function, *given):
            done = Future()
            done.set_result(function(*given))
            return done

        def shutdown(self, wait):
            pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "ask", compare.estimate_all_again)
        patch.setattr(pipeline, "start_reference", lambda: None)
        patch.setattr(pipeline, "ThreadPoolExecutor", AtOnce)
        yield


@pytest.fixture(scope="module")
def panel_read_once():
    """Read the reference panel once for all studies of this module that want the same columns of it.

    A check of a small study takes as long to read as to do all else; reading is tested in tests/panel.
    """
    from specdid.panel import sources
    from studies import PANEL

    read, known, names = sources.read_columns, {}, None

    def once(path, name, wanted=None):
        nonlocal names
        if Path(path).resolve() != Path(PANEL).resolve():
            return read(path, name, wanted)
        names = names or tuple(read(path, name).columns)
        key = name, None if wanted is None else frozenset(wanted(names))
        if key not in known:
            known[key] = read(path, name, wanted)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "read_columns", once)
        yield


@pytest.fixture(scope="module")
def undrawn():
    """Draw no figure of this module's runs: a small study takes tenths of a second to estimate and seconds to draw.

    Figures, and that a run draws them, are tested in tests/figures, test_same_bytes.py, test_write.py and others.
    """
    from undrawn import nothing_drawn

    with nothing_drawn():
        yield


@pytest.fixture(scope="module")
def coarse():
    """Draw this module's PNG files at 40 dots an inch: most of one is its points, and they are tested elsewhere."""
    from specdid.figures import _style

    draw = _style._write_png
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_style, "_write_png", lambda figure, out, dots: draw(figure, out, 40))
        yield


@pytest.fixture
def undrawn_test():
    """Draw no figure of this test's runs."""
    from undrawn import nothing_drawn

    with nothing_drawn():
        yield


# What the reader's shell says of colours and widths, or of specdid, is no part of what is tested;
# but how much is tested may be said there.
TOLD = ("SPECDID_UPDATE", "SPECDID_EVERY_", "SPECDID_UNTIL")
for name in [n for n in os.environ if n in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR") or n.startswith("SPECDID_")]:
    if not name.startswith(TOLD):
        del os.environ[name]

import os
import sys
import tempfile
from concurrent.futures import Future
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

STATE = tempfile.TemporaryDirectory(prefix="specdid-state-")
HELPERS = Path(__file__).parent / "helpers"
sys.path.insert(0, str(HELPERS))
# A failed assert of a helper says its values, as one of a test does.
pytest.register_assert_rewrite(*sorted(path.stem for path in HELPERS.glob("*.py")))

# Time is the machine's and its load's: no example fails for it. The same examples in every run, so that the
# suite passes or fails alike everywhere; others by `--hypothesis-seed=N` (or `=random`), as .ci/matrix does.
OPTIONS = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow], "print_blob": True}
settings.register_profile("same", derandomize=True, **OPTIONS)
settings.register_profile("seeded", derandomize=False, database=None, **OPTIONS)
settings.load_profile("same")


def pytest_configure(config):
    if config.getoption("--hypothesis-seed") is not None and not config.getoption("--hypothesis-profile"):
        settings.load_profile("seeded")


# The key that caches are signed with is not the user's own.
for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
    os.environ[name] = STATE.name


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


# What the reader's shell says of colours and widths, or of specdid, is no part of what is tested;
# but how much is tested may be said there.
TOLD = ("SPECDID_UPDATE", "SPECDID_EVERY_", "SPECDID_DIRECTORIES")
for name in [n for n in os.environ if n in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR") or n.startswith("SPECDID_")]:
    if not name.startswith(TOLD):
        del os.environ[name]

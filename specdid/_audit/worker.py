"""The reference in a process of its own, started while the spec is still being read.

pyfixest takes two seconds to import. A process that has nothing else to do imports it on
the other core; it is sent arrays and frozen records and gives back numbers.
"""

from __future__ import annotations

import atexit
import os
import pickle
import subprocess
import sys
import warnings
from typing import BinaryIO, cast

from specdid._audit.reference import Again, Request, estimate_again
from specdid.engine.workers import safe_path, single_threaded

_COMMAND = "from specdid._audit.worker import serve; serve()"
_started: list[subprocess.Popen[bytes]] = []


def start_reference() -> None:
    """Start the reference's process unless there is one; where none can be, the audit runs here."""
    if _started and _started[0].poll() is None:
        return
    # A pickle.py beside the spec is not to be run: neither "" nor what -c would add is on the path.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(safe_path())}
    environment["TZ"] = "UTC"  # one that names a wrong file makes pyfixest's import fail
    environment |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", _COMMAND],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError:
        return
    _started[:] = [process]


@atexit.register
def stop_reference() -> None:
    """Let the reference's process end, whatever it is doing."""
    for process in _started:
        process.kill()
        process.communicate()
    _started.clear()


def ask(request: Request) -> list[Again]:
    """Have every member of a request estimated again, by the reference's process or, failing that, here."""
    if not _started:
        return estimate_all_again(request)
    process = _started[0]
    stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        pickle.dump(request, stdin, protocol=5)
        stdin.flush()
        answer = cast("list[Again]", pickle.load(stdout))
    except (OSError, EOFError, pickle.UnpicklingError):
        answer = estimate_all_again(request)
    finally:
        stop_reference()
    return answer


def estimate_all_again(request: Request) -> list[Again]:
    """Estimate every member of a request again, in order."""
    with single_threaded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [estimate_again(request, s) for s in range(len(request.work.members))]


def serve() -> None:
    """Run in the reference's process: import pyfixest, wait for work, answer, end."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what pyfixest prints must not stand in the answer
    import pyfixest as pf

    pf.feols  # noqa: B018 - the import is lazy; touching the function completes it
    try:
        request = pickle.load(stdin)
    except EOFError:
        return
    pickle.dump(estimate_all_again(request), stdout, protocol=5)
    stdout.flush()

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
from textwrap import shorten
from typing import BinaryIO, cast

from specdid._audit.reference import AuditRequest, Reestimated, estimate_again
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
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
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


class NotDoneError(Exception):
    """The reference cannot answer; the words say why. Nothing is known then of the specifications."""


def ask(request: AuditRequest) -> list[Reestimated]:
    """Have every member of a request estimated again by the reference's process, or here where none can be started.

    A process that ends without an answer is replaced once.

    Raises
    ------
    NotDoneError
        pyfixest cannot be imported, or ends the process that imports it.
    """
    ended = ""
    for _ in range(2):
        start_reference()
        if not _started:
            return estimate_all_again(request)
        answer = _answer(_started[0], request)
        if isinstance(answer, list):
            return answer
        if answer is not None:
            raise NotDoneError(answer)
        ended = _how_it_ended()
    raise NotDoneError(f"the process of the reference {ended} without an answer, twice")


def _answer(process: subprocess.Popen[bytes], request: AuditRequest) -> list[Reestimated] | str | None:
    """Return what the process answers: numbers, why it has none, or None where it has ended."""
    stdin, stdout = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        pickle.dump(request, stdin, protocol=5)
        stdin.flush()
        answer = cast("list[Reestimated] | str", pickle.load(stdout))
    except (OSError, EOFError, pickle.UnpicklingError):
        return None
    stop_reference()
    return answer


def _how_it_ended() -> str:
    try:
        code = _started[0].wait(timeout=1)
    except subprocess.TimeoutExpired:
        code = 0
    stop_reference()
    return f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"


def estimate_all_again(request: AuditRequest) -> list[Reestimated]:
    """Estimate every member of a request again, in order.

    Raises
    ------
    NotDoneError
        pyfixest cannot be imported.
    """
    with single_threaded(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if failed := _import_reference():
            raise NotDoneError(failed)
        return [estimate_again(request, s) for s in range(len(request.work.members))]


def _import_reference() -> str:
    """Import pyfixest; return why that cannot be, or nothing."""
    try:
        import pyfixest as pf

        pf.feols  # noqa: B018 - the import is lazy; touching the function completes it
    except (Exception, SystemExit) as error:  # whatever a library of this machine does
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return shorten(f"pyfixest cannot be imported: {said}", 300, placeholder=" …")
    return ""


def serve() -> None:
    """Run in the reference's process: import pyfixest, wait for work, answer, end."""
    stdin, stdout = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr  # what pyfixest prints must not stand in the answer
    failed = _import_reference()
    try:
        request = pickle.load(stdin)
    except EOFError:
        return
    pickle.dump(failed or estimate_all_again(request), stdout, protocol=5)
    stdout.flush()

"""Exit codes, and the one place where exceptions become words."""

from __future__ import annotations

import errno
import functools
import os
import shutil
import sys
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import NoReturn, ParamSpec, TextIO

import click

from specdid._diagnostics import WIDEST_LINE, Faults, OutputError, SpecdidError, SpecError, render_all

P = ParamSpec("P")
_MARGIN = 7
"""Columns before a line of source: its number and a bar."""


_STREAM = (errno.EPIPE, errno.ENOSPC, errno.EIO, errno.EBADF, getattr(errno, "EDQUOT", 0))


class Exit(IntEnum):
    """What the shell is told."""

    OK = 0
    INTERNAL = 1
    SPEC = 2
    NOTHING = 3
    AUDIT = 4
    OUTPUT = 5
    INTERRUPTED = 130


def guarded(command: Callable[P, Exit]) -> Callable[P, None]:
    """Turn what a command raises into a message on stderr and its exit code."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except SpecError as error:
            print_faults(error.faults)
            code = Exit.SPEC
        except OutputError as error:
            click.echo(f"error: {error}", err=True)
            code = Exit.OUTPUT
        except SpecdidError as error:
            click.echo(f"error: {error}", err=True)
            code = Exit.SPEC
        except MemoryError:
            click.echo("error: there is not enough memory for this study; take fewer rows or options", err=True)
            code = Exit.SPEC
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            code = Exit.INTERRUPTED
        except (click.ClickException, click.exceptions.Exit):
            raise
        except Exception as error:
            if _of_a_stream(error):
                unwritable(error)
            click.echo(_internal(error), err=True)
            code = Exit.INTERNAL
        sys.exit(int(code))

    return inner


def _of_a_stream(error: Exception) -> bool:
    """Say whether an error is of printing: one of a file would name it."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _STREAM


def unwritable(error: Exception) -> NoReturn:
    """End where stdout or stderr takes no more: silently where its reader has gone, as `| head` does."""
    gone = getattr(error, "errno", None) == errno.EPIPE
    if not gone:
        with suppress(OSError):
            said = getattr(error, "strerror", None) or str(error)
            click.echo(f"error: cannot write to standard output: {said}", err=True)
    # What is still buffered would be complained of once more when Python ends.
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(int(Exit.OK if gone else Exit.OUTPUT))


def print_faults(faults: Faults) -> None:
    """Print faults to stderr, on a terminal in colours and no wider than it."""
    if not faults:
        return
    colour = in_colours(sys.stderr)
    if not sys.stderr.isatty():
        click.echo(render_all(faults, colour=colour), err=True, color=colour)
        return
    room = shutil.get_terminal_size().columns - _MARGIN
    click.echo(render_all(faults, colour=colour, widest=max(30, min(WIDEST_LINE, room))), err=True, color=colour)


def in_colours(stream: TextIO) -> bool:
    """Say whether to colour: never with NO_COLOR, always with FORCE_COLOR, else on a terminal that is not dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")


def _internal(error: Exception) -> str:
    import traceback

    return (
        "".join(traceback.format_exception(error))
        + "internal error: this is a fault of specdid, not of your file; please report it with the lines above"
    )

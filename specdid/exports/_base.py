r"""What an export declares: the contract of the shelf.

A plug-in is one module ``specdid/exports/<language>.py`` with ``EXPORT: Export``. It turns a
Script, which is in no language, into a complete program; `program_of` gives what an estimator brings in
a language. A whole one, ``specdid/exports/example_words.py``::

    # A program in English, for every estimator.
    from specdid.exports._base import Export


    def write(script):
        return f"EXAMPLE: regress {script.outcome} on {', '.join(script.regressors)} by {script.method}\n"


    EXPORT = Export("example_words", "English", ".txt", write)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from specdid import _plugins
from specdid._diagnostics import SpecdidError
from specdid._programs.names import quoted
from specdid._programs.script import Script
from specdid.estimators._base import Estimator, Program


class NoProgramError(SpecdidError):
    """The estimator of a script brings no program in a language."""


@dataclass(frozen=True, slots=True)
class Export:
    """A language: how it is called, how its files end, and what writes a program in it."""

    name: str
    title: str
    suffix: str
    write: Callable[[Script], str]


def program_of(script: Script, export: Export) -> Program:
    """Return the program that the script's estimator brings in a language.

    Raises
    ------
    NoProgramError
        It brings none.
    """
    estimator: Estimator = _plugins.load("estimators", script.method)
    found = estimator.programs.get(export.name)
    if found is None:
        raise NoProgramError(f"no code in {export.title} for {estimator.title}: the estimator brings none")
    return found


def data_files(script: Script, assign: str) -> Iterator[str]:
    """Name the data files, each with the start of its hash, as DATA, DATA2, ... in a language that assigns so."""
    for k, file in enumerate((script.source, *script.source.joined), start=1):
        yield f"DATA{k if k > 1 else ''} {assign} {quoted(file.path)}  # sha256 {file.sha256[:16]}"


def section(title: str, lines: Iterable[str], mark: str = "#") -> Iterator[str]:
    """Write lines under a comment that says what they are; nothing where there are none."""
    content = list(lines)
    if content:
        yield from ("", f"{mark} --- {title} ---", *content)

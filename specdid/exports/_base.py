"""What an export declares: the contract of the shelf.

A plug-in is one module ``specdid/exports/<language>.py`` with ``EXPORT: Export``. It turns a
Script, which is in no language, into a complete program.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from specdid.exports._script import Script


@dataclass(frozen=True, slots=True)
class Export:
    """A language: how it is called, how its files end, and what writes a program in it."""

    name: str
    title: str
    suffix: str
    write: Callable[[Script], str]

"""The words of figures, tables, pages and screens in the language of the study, by one catalogue a language.

Code is written in English: ``say("{n} estimates", n=12)``. What ``say`` is given is the key of ``<language>.toml``,
so that it must be a text written out, never one put together (a test reads all calls). A word of a table of constants
is marked with ``later`` where it stands and said where it is used. Values are filled in after the translation. What a
spec file names (labels, titles, options) is the user's and is not translated.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

__all__ = ["ENGLISH", "LANGUAGES", "catalogue", "later", "say", "speaking", "spoken"]

ENGLISH = "en"
LANGUAGES = (ENGLISH, "zh")
_spoken: ContextVar[str] = ContextVar("spoken", default=ENGLISH)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Write in ``language`` inside the block; threads and processes begun in it must say so themselves.

    A language without a catalogue, as a stranger's file may name one, is English.
    """
    token = _spoken.set(language if language in LANGUAGES else ENGLISH)
    try:
        yield
    finally:
        _spoken.reset(token)


def spoken() -> str:
    """Return the language that is written in."""
    return _spoken.get()


def say(text: str, **values: object) -> str:
    """Return ``text`` in the language that is written in, with ``{name}`` replaced by the value of that name.

    Without values, braces stand for themselves.
    """
    found = text if _spoken.get() == ENGLISH else catalogue(_spoken.get()).get(text, text)
    return found.format_map(values) if values else found


def later(text: str) -> str:
    """Mark a text of a table of constants: it is said where it is used, by ``say(name)``."""
    return text


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Return the messages of a language, by their English."""
    found: Mapping[str, str] = tomllib.loads((Path(__file__).parent / f"{language}.toml").read_text("utf-8"))
    return found

"""Regressions of a Stata do-file or an R script, read for a draft; nothing of the code is run.

A regression with a part that is not understood is left out, and listed. So is every statement that is neither read nor
known to leave rows and values alone.
"""

from __future__ import annotations

from collections.abc import Callable

from specdid._draft.memory import ReadCode
from specdid._draft.r import read_r
from specdid._draft.stata import read_stata

LONGEST = 2_000_000
"""Characters of code that are read."""


def read_code(text: str, ending: str) -> ReadCode:
    """Read a do-file (``.do``, ``.ado``) or an R script (``.r``).

    Raises
    ------
    ValueError
        The file is too long, or of another kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the file has more than {LONGEST:,} characters")
    readers: dict[str, Callable[[str], ReadCode]] = {".do": read_stata, ".ado": read_stata, ".r": read_r}
    reader = readers.get(ending.casefold())
    if reader is None:
        raise ValueError("code is read from .do and .R files")
    return reader(text.replace("\r\n", "\n").replace("\r", "\n"))

"""Regressions of a Stata do-file or an R script, read for a draft; nothing of the code is run.

A regression with a part that is not understood is left out, and listed. So is every statement that is neither read nor
known to leave rows and values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from specdid._draft.memory import FIRST, DataFacts, ReadCode
from specdid._draft.r import read_r
from specdid._draft.stata import read_stata
from specdid.panel import Column

ENCODINGS = ("utf-8-sig", "gb18030", "cp1252")
"""In what code is written, in the order in which it is tried."""
LONGEST = 2_000_000
"""Characters of code that are read."""


def read_code(text: str, ending: str, facts: DataFacts = FIRST) -> ReadCode:
    """Read a do-file (``.do``, ``.ado``) or an R script (``.r``); of a do-file's data ``facts`` are known.

    Raises
    ------
    ValueError
        The file is too long, or of another kind.
    """
    if len(text) > LONGEST:
        raise ValueError(f"the file has more than {LONGEST:,} characters")
    stata = partial(read_stata, facts=facts)
    readers: dict[str, Callable[[str], ReadCode]] = {".do": stata, ".ado": stata, ".r": read_r}
    reader = readers.get(ending.casefold())
    if reader is None:
        raise ValueError("code is read from .do and .R files")
    return reader(text.replace("\r\n", "\n").replace("\r", "\n"))


def decoded(raw: bytes) -> str:
    """Return the text of a file of code; what can be read in no encoding has marks in the place of letters."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    for encoding in ENCODINGS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", errors="replace")


def facts_of(columns: Mapping[str, Column]) -> DataFacts:
    """Return what columns show that decides how Stata's code is written here."""
    numbers = {n: c.numbers for n, c in columns.items() if c.numbers is not None}
    whole = {n for n, values in numbers.items() if not np.isnan(values).any()}
    whole |= {n for n, c in columns.items() if c.codes is not None and not (c.codes < 0).any()}
    binary = {n for n, values in numbers.items() if np.isin(values[~np.isnan(values)], (0, 1)).all()}
    return DataFacts(frozenset(columns), frozenset(whole), frozenset(binary))

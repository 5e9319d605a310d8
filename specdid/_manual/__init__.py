"""What the program knows of its own words: `specdid explain`, `specdid schema` and the reference manual."""

from specdid._manual.entries import GROUPS, Entry, entries, find, listing, markdown, screen
from specdid._manual.schema import schema

__all__ = ["GROUPS", "Entry", "entries", "find", "listing", "markdown", "schema", "screen"]

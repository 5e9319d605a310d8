"""The records of a run: COLUMNS, fits as column blocks, and the curve."""

from specdid._records.collect import collect
from specdid._records.columns import COLUMNS, RESERVED, Column, schema
from specdid._records.fits import Code, Fits
from specdid._records.results import CODES, Counts, Group, Planned, Results, Status, Text, code_of

__all__ = [
    "CODES", "COLUMNS", "RESERVED", "Code", "Column", "Counts", "Fits", "Group", "Planned", "Results",
    "Status", "Text", "code_of", "collect", "schema",
]  # fmt: skip

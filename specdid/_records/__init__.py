"""The records of a run: COLUMNS, fits as column blocks, and results."""

from specdid._columns import COLUMNS, RESERVED, ResultColumn, schema
from specdid._records.cautions import Audit, Caution, Disagreement
from specdid._records.collect import collect
from specdid._records.fits import Code, Fits
from specdid._records.read import read_results
from specdid._records.results import (
    CODES,
    KINDS,
    Counts,
    Family,
    JointTest,
    NullShares,
    Planned,
    Results,
    ScaleGroup,
    Section,
    Status,
    TextColumn,
    code_of,
)
from specdid._records.write import write_csv, write_manifest, write_parquet, write_timings

__all__ = [
    "CODES", "COLUMNS", "KINDS", "RESERVED", "Audit", "Caution", "Code", "Counts", "Disagreement", "Family", "Fits",
    "JointTest", "NullShares", "Planned", "ResultColumn", "Results", "ScaleGroup", "Section", "Status", "TextColumn",
    "code_of", "collect", "read_results", "schema", "write_csv", "write_manifest", "write_parquet", "write_timings",
]  # fmt: skip

"""The records of a run: COLUMNS, fits as column blocks, and the curve."""

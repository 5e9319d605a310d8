"""The data: reading files and frames, the panel's structure, and expressions evaluated on it."""

from specdid.panel.columns import Column, cell_text, missing_codes, number_text, told_codes
from specdid.panel.design import CodedColumn
from specdid.panel.errors import EvaluationError
from specdid.panel.evaluate import Evaluator
from specdid.panel.joined import SourceFile
from specdid.panel.panel import Panel, declared_never, first_periods, never_treated, period_names, read_panel
from specdid.panel.sources import data_name
from specdid.panel.times import STEPS, StepError, period_numbers

__all__ = [
    "STEPS",
    "CodedColumn",
    "Column",
    "EvaluationError",
    "Evaluator",
    "Panel",
    "SourceFile",
    "StepError",
    "cell_text",
    "data_name",
    "declared_never",
    "first_periods",
    "missing_codes",
    "never_treated",
    "number_text",
    "period_names",
    "period_numbers",
    "read_panel",
    "told_codes",
]

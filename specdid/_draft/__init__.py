"""A first spec file, for a panel that nobody has described yet or of code that exists: what is known, what is not."""

from specdid._draft.look import Chosen, Looked, look
from specdid._draft.of_code import code_draft, code_findings, decoded, read_code, treatment_of
from specdid._draft.regression import Facts, facts_of
from specdid._draft.write import draft_text, findings

__all__ = [
    "Chosen",
    "Facts",
    "Looked",
    "code_draft",
    "code_findings",
    "decoded",
    "draft_text",
    "facts_of",
    "findings",
    "look",
    "read_code",
    "treatment_of",
]

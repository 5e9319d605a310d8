"""A first spec file, for a panel that nobody has described yet or of code that exists: what is known, what is not."""

from specdid._draft.look import Chosen, Looked, look
from specdid._draft.of_code import (
    code_draft,
    code_findings,
    decoded,
    facts_of,
    named_file,
    read_code,
    refuse_applied_twice,
    treatment_of,
    written_out,
)
from specdid._draft.write import draft_text, findings

__all__ = [
    "Chosen",
    "Looked",
    "code_draft",
    "code_findings",
    "decoded",
    "draft_text",
    "facts_of",
    "findings",
    "look",
    "named_file",
    "read_code",
    "refuse_applied_twice",
    "treatment_of",
    "written_out",
]

"""A first spec file for a panel that nobody has described yet: what its columns show, and what they cannot."""

from specdid._draft.look import Chosen, Looked, look
from specdid._draft.write import draft_text, findings

__all__ = ["Chosen", "Looked", "draft_text", "findings", "look"]

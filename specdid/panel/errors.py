"""What evaluation raises: a problem in an expression that only the data can show."""

from __future__ import annotations

from specdid._diagnostics import Span, SpecdidError
from specdid.language import Problem


class EvaluationError(SpecdidError):
    """An expression that cannot be evaluated on this panel.

    ``problem`` has the span within the text where the fault stands. ``within`` names the
    derived columns whose definition that text is, outermost first; empty where the fault
    is in the evaluated expression itself.
    """

    def __init__(self, code: str, message: str, span: Span, help: str | None = None) -> None:
        super().__init__(message)
        self.problem = Problem(code, message, span, help)
        self.within: tuple[str, ...] = ()

    def inside(self, name: str) -> EvaluationError:
        """Return the same error as one of the derived column ``name``."""
        error = EvaluationError(self.problem.code, self.problem.message, self.problem.span, self.problem.help)
        error.within = (name, *self.within)
        return error

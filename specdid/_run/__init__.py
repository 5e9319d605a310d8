"""The one conductor: from a spec to a curve and its files; names no plug-in."""

from typing import TYPE_CHECKING, Any

from specdid._run.prepare import check, examine, plan, prepare, read

if TYPE_CHECKING:
    from specdid._run.pipeline import run

__all__ = ["check", "examine", "plan", "prepare", "read", "run"]


def __getattr__(name: str) -> Any:
    """Import the engine's side only where something is estimated."""
    if name == "run":
        from specdid._run.pipeline import run

        return run
    raise AttributeError(name)

"""specdid: an R-style formula language and specification-curve engine.

The public face is flat: :func:`read`, :func:`check`, :func:`plan`, :func:`run`, :func:`show`,
:func:`compare`, and what they give and raise. Everything else is private.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from specdid._compare import Comparison
    from specdid._curve import Curve
    from specdid._diagnostics import Fault, Faults, OutputError, SpecdidError, SpecError
    from specdid._plan import Plan
    from specdid._run import check, plan, read, run
    from specdid._run.comparison import compare
    from specdid._run.show import show
    from specdid._study import Study

_HOME = {
    "Comparison": "specdid._compare",
    "Curve": "specdid._curve",
    "Fault": "specdid._diagnostics",
    "Faults": "specdid._diagnostics",
    "OutputError": "specdid._diagnostics",
    "Plan": "specdid._plan",
    "SpecError": "specdid._diagnostics",
    "SpecdidError": "specdid._diagnostics",
    "Study": "specdid._study",
    "check": "specdid._run",
    "compare": "specdid._run.comparison",
    "plan": "specdid._run",
    "read": "specdid._run",
    "run": "specdid._run",
    "show": "specdid._run.show",
}

__all__ = [
    "Comparison", "Curve", "Fault", "Faults", "OutputError", "Plan", "SpecError", "SpecdidError", "Study",
    "__version__", "check", "compare", "plan", "read", "run", "show",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that ``import specdid`` stays fast."""
    if name not in _HOME:
        raise AttributeError(f"module 'specdid' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

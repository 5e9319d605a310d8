"""moderndid's did_multiplegt by the audit's program, for the versions of Python in which moderndid is not."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from specdid._audit.definitions import average_of_changes


def did_multiplegt(
    data: Any, *, yname: str, tname: str, idname: str, dname: str, cluster: str, weightsname: str, **options: Any
) -> Any:
    """Return the average total effect and the last effect."""
    names = {idname: "unit", tname: "t", yname: "y", dname: "d", cluster: "c", weightsname: "w"}
    frame = data.rename(columns=names).dropna()
    total, (error,) = average_of_changes(frame, {**options, "aggregate": "total"}, ["c"])
    last, (last_error,) = average_of_changes(frame, {**options, "aggregate": "effect"}, ["c"])
    effects = SimpleNamespace(estimates=[last] * options["effects"], std_errors=[last_error] * options["effects"])
    return SimpleNamespace(ate=SimpleNamespace(estimate=total, std_error=error), effects=effects)

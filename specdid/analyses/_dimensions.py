"""Dimensions that an analysis does not read: to fix or vary one is a fault, not silence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid._diagnostics import Fault, Origin, fault_at
from specdid.analyses._request import Request


def not_read(request: Request, names: Sequence[str], why: str) -> Iterator[Fault]:
    """Find what ``fix`` and ``vary`` say of dimensions that change nothing in this analysis."""
    for name in names:
        message = f"`{name}` changes nothing in [{request.table.kind}]: {why}"
        if name in request.layout.fix:
            yield fault_at(request.key("fix", name), None, "not_honoured", message, "leave it out of `fix`")
        if name in request.layout.vary:
            yield fault_at(_varied(request, name), None, "not_honoured", message, "leave it out of `vary`")


def _varied(request: Request, name: str) -> Origin:
    """Say where a name stands in ``vary``, which may be a list or one text."""
    written = request.table.values.get("vary")
    if isinstance(written, str):
        return request.origin("vary")
    return request.origin("vary", f"[{list(written).index(name)}]")  # type: ignore[call-overload]

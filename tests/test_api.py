"""The public face is flat and pinned."""

from __future__ import annotations

import inspect

import specdid


def test_names():
    assert specdid.__all__ == [
        "Comparison", "Curve", "Fault", "Faults", "OutputError", "Plan", "SpecError", "SpecdidError", "Study",
        "__version__", "check", "compare", "plan", "read", "run", "show",
    ]  # fmt: skip
    for name in specdid.__all__:
        assert getattr(specdid, name) is not None
    assert dir(specdid) == sorted(specdid.__all__)


def test_signatures():
    def of(function):
        return list(inspect.signature(function).parameters)

    assert of(specdid.read) == ["source"]
    assert of(specdid.check) == ["study", "data"]
    assert of(specdid.plan) == ["study", "data"]
    assert of(specdid.show) == ["study", "which", "data", "out", "code"]
    assert of(specdid.compare) == ["old", "new"]
    assert of(specdid.run) == ["study", "data", "out", "jobs", "audit", "progress", "fresh", "ignore_memory"]


def test_public_functions_are_documented():
    for name in ("read", "check", "compare", "plan", "run", "show"):
        text = getattr(specdid, name).__doc__
        assert "Raises" in text or name == "check"

"""Bounds on time that hold on any machine: tests of what must not grow without end, not of speed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import process_time

STEPS = 200_000
QUICK = 0.01
"""Seconds that the steps take on a quick machine."""


def slowness() -> float:
    """Return how many times as long as a quick machine this one takes now, at least 1."""
    began, total = process_time(), 0
    for step in range(STEPS):
        total += step
    return max(1.0, (process_time() - began) / QUICK)


def too_long(taken: float, seconds: float) -> bool:
    """Tell whether ``taken`` is beyond what ``seconds`` of a quick machine are here."""
    return taken >= seconds and taken >= seconds * slowness()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let a block use ``seconds`` of a quick machine's processor, counted in this process alone."""
    began = process_time()
    yield
    taken = process_time() - began
    assert not too_long(taken, seconds), f"{taken:.3g} s where a quick machine may take {seconds:g}"


def patience(seconds: float) -> float:
    """Return how long to wait here, by the clock, for what takes a fraction of ``seconds`` on a quick machine."""
    return seconds * slowness()

"""Series of a curve differ in colour or marker."""

from __future__ import annotations

from specdid.figures._style import SERIES, marker_of


def test_thirty_six_series_are_told_apart_and_the_first_six_by_marker_alone():
    looks = [(SERIES[k % len(SERIES)], marker_of(k)) for k in range(36)]
    assert len(set(looks)) == 36
    assert len({marker for _, marker in looks[:6]}) == 6

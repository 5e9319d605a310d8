"""Series of a curve differ in colour or marker."""

from __future__ import annotations

import pytest
from curves import plan_of, results_of, subsets
from specdid.figures._curve_axes import marker_in, shade
from specdid.figures._curve_data import curve_data
from specdid.figures._style import SERIES, marker_of


def test_thirty_six_series_are_told_apart_and_the_first_six_by_marker_alone():
    looks = [(SERIES[k % len(SERIES)], marker_of(k)) for k in range(36)]
    assert len(set(looks)) == 36
    assert len({marker for _, marker in looks[:6]}) == 6


@pytest.mark.parametrize("count", [3, 11])
@pytest.mark.parametrize("bars", [True, False])
def test_no_two_series_look_alike_on_bars_and_on_ribbons(count, bars):
    names = [f"estimator {k}" for k in range(count)]
    planned = plan_of({"estimator": names}, subsets("a"), estimands={name: f"effect {name}" for name in names})
    panel = curve_data(results_of(planned)).panels[0]
    looks = {(str(shade(panel, k, 1.0)), marker_in(panel, k, bars)) for k in range(count)}
    assert len(looks) == count

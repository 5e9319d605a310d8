"""An estimator has one colour on every curve of a figure, wherever it stands in a panel; the figure names its null."""

from __future__ import annotations

import pytest
import specdid
from small_studies import small_panel, small_study
from specdid.appendix.caption import _reading
from specdid.figures._curve_axes import shade
from specdid.figures._curve_data import curve_data


@pytest.fixture(scope="module")
def curve():
    study = small_study(
        outcome={"y": {"formula": "y", "scale": "one"}, "z": {"formula": "z", "scale": "other"}},
        treatment={"d": {"term": "d", "cohort": "cohort"}},
        controls={"none": "1"},
        estimator={"OLS": "feols", "two-stage": "did2s", "projections": "lpdid"},
        exclude=[{"when": {"outcome": "y", "estimator": "OLS"}, "because": "two-way fixed effects are for z"}],
        inference={"draws": 19},
    )
    return specdid.run(study, small_panel(), jobs=1, audit=0)


def test_an_estimator_has_its_colour_in_every_panel(curve):
    data = curve_data(curve.results)
    found: dict[str, set[object]] = {}
    for panel in data.panels:
        assert len({s.colour for s in panel.series}) == len(panel.series)
        for k, series in enumerate(panel.series):
            found.setdefault(series.label, set()).add((series.colour, str(shade(panel, k, 1.0))))
    assert all(len(colours) == 1 for colours in found.values()), found
    places = [[s.label for s in p.series] for p in data.panels]
    assert any(a.index(name) != b.index(name) for a in places for b in places for name in set(a) & set(b))


def test_shares_name_the_null_that_they_stand_beside(curve):
    assert {s.null for s in curve.null_shares.values()} == {curve.tests[0].title}


def test_only_a_preferred_specification_is_said_to_be_marked(curve):
    class Given:
        families = ()
        results = curve.results

    assert "is marked" not in _reading(Given())

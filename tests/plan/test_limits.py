"""Grids that memory cannot hold are refused before anything is expanded."""

import pytest
from small_studies import small_panel, small_study
from specdid import SpecError, plan
from specdid._plan import build, expand

MANY = "mvsw(" + ", ".join(f"I(x1^{k})" for k in range(2, 8)) + ", x2, x3)"


def test_expansion_is_refused_first(monkeypatch):
    monkeypatch.setattr(expand, "available", lambda: 100.0 * expand.OPTION_BYTES)
    monkeypatch.setattr("specdid.language.expansion._subsets", lambda n: pytest.fail("it was expanded"))
    study = small_study(controls={"any": MANY}, run={"limit": 10**12})
    with pytest.raises(SpecError) as caught:
        plan(study, small_panel())
    (fault,) = caught.value.faults
    assert fault.message == "this stands for 256 alternatives; the limit is 100"
    assert fault.help == "there is memory for about 100: move arguments out of `mvsw()`"


def test_a_grid_is_refused_before_it_is_made(monkeypatch):
    monkeypatch.setattr(expand, "available", lambda: 300.0 * expand.OPTION_BYTES)
    monkeypatch.setattr(build, "enumerate_grid", lambda *given: pytest.fail("it was made"))
    study = small_study(controls={"any": MANY}, run={"limit": 10**12})
    with pytest.raises(SpecError) as caught:
        plan(study, small_panel())
    (fault,) = caught.value.faults
    assert fault.message.startswith("the grid has 1,024 specifications, and there is memory for about 300: 2 outcome")


def test_a_limit_in_the_file_is_told_as_such():
    study = small_study(controls={"any": MANY}, run={"limit": 500})
    with pytest.raises(SpecError, match="more than the limit of 500"):
        plan(study, small_panel())

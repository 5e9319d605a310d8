"""An estimator's programs stand beside it: exports/ and what programs share name no estimator."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest
from programs import program
from specdid import _plugins
from specdid._programs import python, r
from specdid._run.prepare import prepare
from specdid.estimators._base import Program
from specdid.exports import _base

PACKAGE = Path(_plugins.__file__).parent


@pytest.mark.parametrize("method", _plugins.names("estimators"))
def test_every_estimator_brings_a_program_for_every_language(method):
    estimator = _plugins.load("estimators", method)
    missing = set(_plugins.names("exports")) - set(estimator.programs)
    assert not missing, f"{method} brings no program in {missing}: Estimator.programs wants one for each language"
    for own in estimator.programs.values():
        written = Path(own.lines.__code__.co_filename).relative_to(PACKAGE)
        assert written.parts[0] == "estimators" or written == Path("_programs/templates.py")


@pytest.mark.parametrize("folder", ["exports", "_programs"])
def test_languages_name_no_estimator(folder):
    names = set(_plugins.names("estimators"))
    for path in (PACKAGE / folder).glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        literals = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}
        assert not literals & names, path.name


def test_a_language_that_an_estimator_lacks_is_an_error_of_its_own():
    class Script:
        method = "feols"

    with pytest.raises(_base.NoProgramError, match="no code in Julia for OLS: the estimator brings none"):
        _base.program_of(Script(), _base.Export("julia", "Julia", ".jl", str))


@pytest.mark.parametrize(
    ("language", "pieces", "defined"), [("python", python, "def periods("), ("r", r, "periods <- ")]
)
@pytest.mark.parametrize("clock", [True, False])
def test_an_estimator_without_cohorts_can_number_the_periods(language, pieces, defined, clock, tmp_path, monkeypatch):
    """Its program has the function that numbers months, where it asks for the clock."""
    rows = [
        (unit, 201211 + t if t < 2 else 201299 + t, unit * t % 5, float(unit > 3 < t + 2))
        for unit in range(1, 9)
        for t in range(4)
    ]
    pd.DataFrame(rows, columns=["id", "month", "y", "d"]).to_csv(tmp_path / "panel.csv", index=False)
    study = {"data": str(tmp_path / "panel.csv"), "unit": "id", "time": "month", "step": "month"}
    prepared = prepare({"study": study, "outcome": {"y": "y"}, "treatment": {"d": "d"}, "inference": {"draws": 0}})
    lines = pieces.clock if clock else (lambda script, used: ())
    monkeypatch.setitem(_plugins.load("estimators", "feols").programs, language, Program(lines))
    code = program(prepared, 0, language)
    assert (defined in code) == clock
    assert code.count("periods(d") == clock

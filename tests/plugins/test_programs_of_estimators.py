"""An estimator's programs stand beside it: exports/ and what programs share name no estimator."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from specdid import _plugins
from specdid.exports import _base

PACKAGE = Path(_plugins.__file__).parent


@pytest.mark.parametrize("method", _plugins.names("estimators"))
def test_every_estimator_brings_a_program_for_every_language(method):
    estimator = _plugins.load("estimators", method)
    missing = set(_plugins.names("exports")) - set(estimator.programs)
    assert not missing, f"{method} brings no program in {missing}: Estimator.programs wants one for each language"
    for program in estimator.programs.values():
        code = program.lines.__code__
        folder = Path(code.co_filename).relative_to(PACKAGE / "estimators")
        assert folder.parts[0] in (method, f"{method}.py", "_glm.py")


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

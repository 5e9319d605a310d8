"""Programs of two-stage least squares give the results: executed in Python, by readers of R and Stata."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import r_reader
import stata_reader
from programs import difference, estimated, execute
from specdid import _plugins
from specdid._run.prepare import prepare
from specdid.exports._make_script import make_script


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    """Every specification of a study: instruments, effects, weights, rows that lack an instrument."""
    rng = np.random.default_rng(2)
    unit, year = np.repeat(np.arange(30), 8), np.tile(np.arange(2001, 2009), 30)
    n = len(unit)
    z, w = rng.normal(size=(n, 2)), rng.uniform(0.5, 2, n)
    shared = rng.normal(size=n) + rng.normal(size=30)[unit]
    d = z @ [0.8, 0.4] + shared
    y = 0.5 * d + shared + 0.1 * year + rng.normal(size=n)
    frame = pd.DataFrame({"unit": unit, "year": year, "y": y, "d": d, "x": rng.normal(size=n), "w": w})
    frame["group"], frame["z1"], frame["z2"], frame["z3"] = unit // 5, z[:, 0], z[:, 1], z[:, 0] - z[:, 1]
    frame.loc[[3, 50, 51], "z2"] = np.nan
    path = tmp_path_factory.mktemp("data") / "given.csv"
    frame.to_csv(path, index=False)
    study = {
        "study": {"title": "programs", "data": str(path), "unit": "unit", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
        "controls": {"none": "1", "x": "x + I(x^2)"},
        "fixed_effects": {"none": "0", "two-way": "unit + year", "group": "group^year"},
        "weights": {"none": "1", "w": "w"},
        "instruments": {"OLS": "1", "one": "z1", "several, one collinear": "z1 + z2 + z3"},
        "vcov": {"unit": "~unit", "both": "~unit + year", "robust": "hetero", "iid": "iid"},
        "inference": {"draws": 0},
    }
    prepared = prepare(study)
    results = estimated(prepared)
    places = [s for s in range(len(results)) if " ~ z" in results.planned.formulas(s, s + 1)[0]]
    assert len(places) == 24
    assert (results.status[places] == 0).all()
    return prepared, results, places


def written(rows, language: str) -> list[tuple[int, str]]:
    prepared, _, places = rows
    export = _plugins.load("exports", language)
    scripts = ((s, make_script(prepared.plan, prepared.panel, prepared.evaluator, s)) for s in places)
    return [(s, export.write(script)) for s, script in scripts]


def test_python(rows):
    codes = written(rows, "python")
    answers = execute([code for _, code in codes])
    wrong = {
        rows[1].planned.formulas(s, s + 1)[0]: difference(rows[1], s, a)
        for (s, _), a in zip(codes, answers, strict=True)
    }
    assert max(wrong.values()) < 1e-8, wrong


@pytest.mark.parametrize(("language", "reader"), [("r", r_reader), ("stata", stata_reader)])
def test_other_languages_by_a_reader_of_what_they_are_made_of(rows, language, reader):
    for s, code in written(rows, language):
        read = reader.Program().run(code)
        assert difference(rows[1], s, (read.estimate, read.found)) < 1e-8, code
    assert ("ivreghdfe" in code) == (language == "stata")

"""The event study and the programs of every estimator on the shelf, from what it declares."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import r_reader
import stata_reader
from adoption import adoption_panel, outcome_of
from programs import difference, estimated, execute, program
from specdid import _plugins
from specdid._run.prepare import Prepared, prepare
from specdid.analyses._event_paths import EventPath, path
from specdid.analyses.event_study import clock_of
from specdid.estimators._base import Estimator
from specdid.exports._base import NoProgramError
from studies import bench_of

NAMES = _plugins.names("estimators")
LANGUAGES = _plugins.names("exports")
READERS = {"r": r_reader, "stata": stata_reader}
WINDOW = (-3, 3)
SHIFT, AT = 5.0, 1
"""What is added to the outcome of the treated, and in which period since their first treated one."""
PATHS = [n for n in NAMES if (e := _plugins.load("estimators", n)).path or e.batched]
LINEAR = [n for n in PATHS if not _plugins.load("estimators", n).unit]


def prepared_for(name: str, directory: Path, **tables: object) -> Prepared:
    """Prepare a study of estimator ``name`` with all that it honours and offers."""
    estimator: Estimator = _plugins.load("estimators", name)
    frame = adoption_panel().fillna({"cohort": 0.0})
    frame[["unit", "t", "cohort", "state"]] += 1
    frame["cohort"] = frame["cohort"].where(frame["cohort"] > 1, 0)
    frame.to_csv(directory / "panel.csv", index=False)
    offered = {"iid": "iid", "hetero": "hetero", "cluster": "~unit", "twoway": "~unit + state"}
    study = {
        "study": {"data": str(directory / "panel.csv"), "unit": "unit", "time": "t", "title": name},
        "outcome": {"own": outcome_of(name)},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"own": "x" if "controls" in estimator.honours else "1"},
        "weights": {"own": "w" if "weights" in estimator.honours else "1"},
        "fixed_effects": {"two-way": "unit + t"},
        "estimator": {"own": name},
        "vcov": {kind: text for kind, text in offered.items() if kind in estimator.vcovs},
        "inference": {"draws": 0},
        **tables,
    }
    return prepare(study)


@pytest.mark.parametrize("name", NAMES)
def test_a_study_of_all_that_is_declared_has_a_row(name, tmp_path):
    results = estimated(prepared_for(name, tmp_path))
    assert np.isfinite(results.estimate).tolist() == [True]
    assert np.isfinite(results.numbers["std_error"]).all()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_program_has_the_rows_numbers_or_its_lack_is_a_message(name, language, tmp_path):
    """Python is executed and specdid's own in R and Stata are read; others hold all that is estimated as text."""
    prepared, export = prepared_for(name, tmp_path), _plugins.load("exports", language)
    estimator = _plugins.load("estimators", name)
    own = export.write.__module__.startswith("specdid.")
    if own and language not in estimator.programs:
        with pytest.raises(NoProgramError, match=f"no code in {re.escape(export.title)} for {estimator.title}"):
            program(prepared, 0, language)
        return
    code = program(prepared, 0, language)
    if language == "python":
        (answer,) = execute([code])
    elif language in READERS and estimator.fit.__module__.startswith("specdid."):
        with np.errstate(all="ignore"):
            read = READERS[language].Program().run(code)
        answer = (read.estimate, read.found)
    else:
        words = set(re.findall(r"\w+", code))
        assert {outcome_of(name), *(["x"] if own and "controls" in estimator.honours else [])} <= words
        assert all(code.count(a) == code.count(b) for a, b in ("()", "[]", "{}"))
        return
    assert difference(estimated(prepared), 0, answer) < 1e-6


def paths(name: str, directory: Path, *outcomes: str) -> list[EventPath]:
    """Estimate the event study of every outcome."""
    prepared = prepared_for(
        name,
        directory,
        outcome={f"{k}": text for k, text in enumerate(outcomes)},
        weights={"none": "1"},
        event_study={"window": list(WINDOW)},
    )
    bench, (request,) = bench_of(prepared), prepared.requests
    return [path(bench, cell, clock_of(bench, cell, request.config)) for cell in bench.cells(request)]


@pytest.mark.parametrize("name", PATHS)
def test_a_path_says_of_every_period_what_it_is(name, tmp_path):
    (found,) = paths(name, tmp_path, outcome_of(name))
    (again,) = paths(name, tmp_path, outcome_of(name))
    assert found.failure is None
    periods, m, vcovs = found.periods.tolist(), len(found.periods), len(found.vcov)
    assert periods == sorted(set(periods))
    assert not set(periods) & set(found.left_out)
    unsaid = set(range(WINDOW[0], WINDOW[1] + 1)) - {-1} - set(periods) - set(found.left_out)
    assert not unsaid or (max(unsaid) < 0 and found.notes == ("the not-yet-treated comparison has no leads",))
    assert found.references in ((), (-1,))
    assert found.estimate.shape == found.size.shape == (m,)
    assert found.vcov.shape == (vcovs, m, m)
    assert len(found.df) == len(found.n_clusters) == len(found.vcov_notes) == vcovs
    assert (found.size > 0).all()
    for v, note in enumerate(found.vcov_notes):
        if note:
            assert np.isnan(found.vcov[v]).all()
        else:
            assert found.vcov[v] == pytest.approx(found.vcov[v].T, rel=1e-9)
            assert (np.diag(found.vcov[v]) > 0).all()
    for part in ("estimate", "vcov"):
        assert getattr(found, part).tobytes() == getattr(again, part).tobytes()


@pytest.mark.parametrize("name", LINEAR)
def test_an_effect_that_is_put_into_a_period_comes_out_in_it_and_in_no_other(name, tmp_path):
    y = outcome_of(name)
    plain, moved = paths(name, tmp_path, y, f"{y} + {SHIFT} * (cohort > 0 & t - cohort == {AT})")
    there = plain.periods == AT
    assert there.sum() == 1
    np.testing.assert_allclose(moved.estimate - plain.estimate, SHIFT * there, atol=1e-8)
    np.testing.assert_allclose(moved.vcov, plain.vcov, rtol=1e-6, atol=1e-12)

"""[labels] name outcomes and scales wherever they head a figure, a table or a page; files keep the spec's own."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
import specdid
from curves import plan_of, results_of
from matplotlib.text import Text
from small_studies import small_panel, small_study
from specdid._describe.design_warnings import comparability
from specdid.figures import multiverse, null_density, spec_curve, volcano
from specdid.inference._curve_tests import Placebo

SCALE, OUTCOME, OPTION = "Logpunkte", "Umsatz je Kopf", "späte Jahre"
QUANTILES = np.linspace(-1, 1, 201)
LABELS = {"log points": SCALE, "second": OUTCOME, "late": OPTION, "id": "Betrieb"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    directory = tmp_path_factory.mktemp("labels")
    study = small_study(
        outcome={"first": {"formula": "y", "scale": "log points"}, "second": "y * 2"},
        controls={"none": "1", "one": "x1"},
        sample={"all": "TRUE", "late": "year > 2002"},
        labels=LABELS,
        inference={"draws": 19, "null": ["wild"]},
        figure={"formats": ["png"]},
        event_study={"window": [-2, 2]},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        curve = specdid.run(study, small_panel(), out=directory, jobs=1, audit=0)
    return curve, directory


def test_words_and_pages_have_them(run):
    curve, directory = run
    summary = curve.summary()
    assert f"## Estimates in {SCALE}" in summary
    assert f"## Effect on {OUTCOME}" in summary
    assert f"| median estimate ({SCALE};" in summary
    assert f"- {OUTCOME}: F(" in summary
    assert re.search(r"\bsecond\b", summary) is None
    for name in ("appendix.md", "appendix.tex", "inference.tex", "report.html"):
        text = (directory / name).read_text(encoding="utf-8")
        assert SCALE in text, name
        assert OUTCOME in text, name
    for name in ("summary.md", "appendix.md", "appendix.tex", "inference.tex"):
        assert "log points" not in (directory / name).read_text(encoding="utf-8"), name
    assert f"median estimate ({SCALE};" in curve._repr_html_()


def test_files_of_numbers_keep_the_spec_files_own(run):
    _, directory = run
    for name in ("inference.csv", "choices.csv", "results.csv"):
        text = (directory / name).read_text(encoding="utf-8")
        assert "log points" in text, name
        assert SCALE not in text, name


def test_a_comparison_has_them(run):
    _, directory = run
    found = specdid.compare(directory, directory)
    assert f"Estimates in {SCALE}" in found.summary()
    assert f"Effect on {OUTCOME}" in found.summary()
    assert f"median estimate ({SCALE};" in found.summary() or f"median estimate ({SCALE})" in found.summary()
    assert "log points" not in found.summary()
    texts = {t.get_text() for t in found.plot().findobj(Text)}
    assert f"Effect in {SCALE}" in texts or SCALE in texts


def labelled():
    planned = plan_of(
        {"outcome": ["first", "second"], "sample": ["all", "late"]},
        scales={"first": "log points"},
        display=LABELS,
        vcovs=("~id",),
    )
    return results_of(planned)


@pytest.mark.parametrize("name", ["curve", "volcano", "multiverse", "null_density"])
def test_figures_have_them_and_find_their_nulls(name):
    results = labelled()
    null = Placebo("wild", "wild null", "log points", "ATT", 2, 0.1, 0.5, QUANTILES, 0.03, 0.02, (0.9, 0.01))
    figure = {
        "curve": lambda: spec_curve.FIGURE.draw(spec_curve.FIGURE.data(results)),
        "volcano": lambda: volcano.FIGURE.draw(volcano.FIGURE.data(results, (null,))),
        "multiverse": lambda: multiverse.FIGURE.draw(multiverse.FIGURE.data(results)),
        "null_density": lambda: null_density.FIGURE.draw(null_density.FIGURE.data((null,), results)),
    }[name]()
    said = " | ".join(t.get_text() for t in figure.findobj(Text))
    assert SCALE in said
    assert "log points" not in said
    assert name == "null_density" or OUTCOME in said
    assert name != "volcano" or "90.0% negative" in said
    assert name not in ("curve", "volcano") or "(standard errors: Betrieb)" in said


def test_warnings_have_them():
    (said,) = [w.message for w in comparability(labelled()) if "scales" in w.message]
    assert f"“{SCALE}”" in said
    assert f"“{OUTCOME}”" in said
    assert {f.shown for f in labelled().families} == {SCALE, OUTCOME}

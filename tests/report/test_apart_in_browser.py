"""report.html in Chromium where options have types: what is not tested stands apart from what is."""

from itertools import pairwise

import numpy as np
import pytest
from browser import Watched, open_browser
from pages import run_report
from small_studies import small_study


@pytest.fixture(scope="module")
def apart(tmp_path_factory):
    study = small_study(
        outcome={"y": {"formula": "y", "scale": "points"}, "z": {"formula": "z", "scale": "points"}},
        sample={"all": "TRUE", "later": {"where": "year >= 2002", "type": "uncertain"}},
        weights={"none": "1", "people": {"formula": "w", "type": "nonequivalent"}},
        fixed_effects={"two-way": "id + year"},
        estimator={"OLS": "feols", "P": "fepois"},
        exclude=[
            {"when": {"estimator": "P", "outcome": "y"}, "because": "levels"},
            {"when": {"estimator": "OLS", "outcome": "z"}, "because": "logs"},
        ],
        inference={"draws": 19},
        figure={"formats": ["png"]},
    )
    return run_report(study, tmp_path_factory.mktemp("apart"))


@pytest.fixture(scope="module")
def seen(apart):
    with open_browser() as browser:
        yield Watched(browser, apart)


def test_what_is_not_tested_stands_apart_and_the_band_below_what_is(seen):
    page = seen.page
    assert page.evaluate("segments.map(s => s.words)") == ["equivalent", "uncertain", "nonequivalent"]
    kinds = page.evaluate("Array.from(rows, i => data.kind.words[data.kind.codes[i]])")
    assert kinds == sorted(kinds, key=["equivalent", "uncertain", "nonequivalent"].index)
    steps = np.diff(page.evaluate("Array.from(across)"))
    moved = [a != b for a, b in pairwise(kinds)]
    assert (steps[moved] > 1).all()
    assert (steps[~np.array(moved)] == 1).all()
    page.select_option("#null", "0")
    covered = page.evaluate("Array.from(shownBand()[0], v => !Number.isNaN(v))")
    tested = page.evaluate("Array.from(data.nulls[0].p_null, p => !Number.isNaN(p))")
    assert covered == tested
    assert 0 < sum(tested) < kinds.count("equivalent")
    ends = page.evaluate("bandPaths(x => x, y => y).flat().filter(p => p.length).map(p => p[p.length - 1][0])")
    assert ends
    assert max(ends) <= kinds.count("equivalent")
    before = seen.picture()
    page.locator("#filters fieldset", has_text="Type of options").get_by_text("uncertain, not tested").click()
    assert page.inner_text("#status").startswith(f"{kinds.count('uncertain')} of {len(kinds)} ")
    assert seen.picture() != before
    page.click("#clear-filters")
    for order in ("plan", "0"):
        page.select_option("#order", order)
        assert page.evaluate("Array.from(rows, i => data.kind.words[data.kind.codes[i]])") == kinds
    page.select_option("#view", "volcano")
    assert page.evaluate("segments.length") == 0
    assert not seen.wrong

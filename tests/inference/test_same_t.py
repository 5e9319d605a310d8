"""The t of the data that a null starts from is the t of results.csv, whatever is absorbed: one count of parameters."""

from __future__ import annotations

import numpy as np
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._run import infer


@pytest.mark.filterwarnings("ignore")
def test_every_null_starts_from_the_t_of_the_results(monkeypatch):
    """Slopes count whether they are nested in the clusters or not, as in fixest and reghdfe."""
    drawn, tests = {}, infer._tests

    def kept(prepared, results, draws, title):
        drawn[draws.null] = draws
        return tests(prepared, results, draws, title)

    monkeypatch.setattr(infer, "_tests", kept)
    effects = {
        "none": "0",
        "unit": "id",
        "two-way": "id + year",
        "groups": "id + group^year",
        "trends": "id[year] + year",
        "own trends": "id[[x1]] + year",
        "group trends": "id + year + group[[x3]]",
    }
    study = small_study(
        outcome={"y": "y"},
        controls={"none": "1", "x": "x1 + x2"},
        fixed_effects=effects,
        estimator={"OLS": "feols", "SA": {"method": "sunab", "control": "notyet"}, "did2s": "did2s"},
        weights={"none": "1", "w": "w"},
        vcov={"unit": "~id"},
        inference={"draws": 19, "null": ["wild", "permutation"], "assign": "d + cohort", "level": "id"},
    )
    curve = specdid.run(study, small_panel(), audit=0, jobs=1)
    statistic = curve.results.first("statistic")
    trends = curve.table["fixed_effects"].isin(["trends", "own trends"])
    assert {"wild", "permutation", "permutation_refit"} <= set(drawn)
    for null, draws in drawn.items():
        np.testing.assert_allclose(draws.statistic, statistic[draws.index], rtol=1e-7, err_msg=null)
        assert null == "permutation_refit" or trends.to_numpy()[draws.index].sum() >= 4
    shared = np.intersect1d(drawn["wild"].index, drawn["permutation"].index)
    assert len(shared) >= 20

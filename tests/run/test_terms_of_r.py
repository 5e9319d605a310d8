"""Terms in models against fixest: splines, bins of i(), and clusters of two columns together."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid

REFERENCE = Path(__file__).parents[1] / "reference"
MODELS = list(csv.DictReader((REFERENCE / "r_terms_models.csv").open(encoding="utf-8")))
OURS = {
    "bs(": "bs(ln_pat, df = 4)",
    "i(year": "i(year, ind3, bin = list(early = 2005:2008), ref = 2011)",
}


def study(**tables) -> dict:
    base = {"data": str(REFERENCE / "panel.csv"), "unit": "city_id", "time": "year", "treatment": "dudt"}
    return {"study": base, "outcome": {"y": "ln_so2"}, "inference": {"draws": 0}, **tables}


@pytest.mark.parametrize("term", OURS)
def test_a_model_is_fixests(term):
    theirs = next(m for m in MODELS if term in m["model"])
    row = specdid.run(study(controls={"c": OURS[term]}), audit=5).table.iloc[0]
    assert row["nobs"] == int(theirs["nobs"])
    np.testing.assert_allclose(
        [row["estimate"], row["std_error"]], [float(theirs["estimate"]), float(theirs["se"])], rtol=1e-8
    )


def test_clusters_of_two_columns_are_those_of_their_combinations():
    made = study(vcov={"both": "~province^year", "with city": "~city_id + province^year"})
    table = specdid.run(made, audit=5).table.set_index("vcov")
    data = pl.read_csv(REFERENCE / "panel.csv").to_pandas()
    data["both"] = data["province"].astype(str) + " " + data["year"].astype(str)
    options = {"data": data, "demeaner": pf.MapDemeaner(fixef_tol=1e-12)}
    for label, vcov in (("both", {"CRV1": "both"}), ("with city", {"CRV1": "city_id + both"})):
        fit = pf.feols("ln_so2 ~ dudt | city_id + year", vcov=vcov, **options)
        np.testing.assert_allclose(table.loc[label, "std_error"], fit.se().iloc[0], rtol=1e-7)


def test_what_cannot_be_a_cluster_is_said():
    faults = specdid.check(study(vcov={"both": "~province^2"})).errors
    assert "`2` is not a column's name" in faults[0].message

"""Terms in models against fixest: splines, bins of i(), and clusters of two columns together."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from programs import execute
from specdid._run.prepare import prepare
from specdid.exports import python, r, stata
from specdid.exports._build import make_script

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


def poisson(controls: dict, **more) -> dict:
    return study(outcome={"y": "so2"}, estimator={"PPML": "fepois"}, controls=controls, **more)


def test_an_offset_is_fixests():
    theirs = next(m for m in MODELS if "offset" in m["model"])
    curve = specdid.run(poisson({"c": "ind2 + offset(log(pop))"}), audit=5)
    assert not [w for w in curve.warnings if w.code.startswith("audit")]
    row = curve.table.iloc[0]
    assert row["nobs"] == int(theirs["nobs"])
    np.testing.assert_allclose(
        [row["estimate"], row["std_error"]], [float(theirs["estimate"]), float(theirs["se"])], rtol=1e-8
    )
    assert row["formula"] == "so2 ~ dudt + ind2 + offset(log(pop)) | city_id + year"


def test_an_offset_is_no_control_of_the_same_values():
    made = poisson({"offset": "ind2 + offset(log(pop))", "control": "ind2 + log(pop)", "none": "ind2"})
    table = specdid.run(made, audit=5).table
    assert table["status"].tolist() == ["ok"] * 3
    assert table["estimate"].nunique() == 3


def test_an_offset_in_an_exported_program():
    made = poisson({"c": "ind2 + offset(log(pop)) + offset(log(ind3))"})
    prepared = prepare(made)
    script = make_script(prepared.plan, prepared.panel, prepared.evaluator, 0)
    answer = execute([python.write(script)])[0]
    row = specdid.run(made, audit=0).table.iloc[0]
    np.testing.assert_allclose(answer[0], row["estimate"], rtol=1e-8)
    np.testing.assert_allclose(next(iter(answer[1].values())), row["std_error"], rtol=1e-8)
    assert "offset = ~offsets" in r.write(script)
    assert "offset(offsets)" in stata.write(script)


def test_who_takes_no_offset_says_so():
    made = study(controls={"c": "ind2 + offset(log(pop))", "none": "1"}, estimator={"OLS": "feols", "PPML": "fepois"})
    table = specdid.run(made, audit=0).table
    assert [m for m in table["message"] if isinstance(m, str)] == ["feols takes no offset"]


def test_an_offset_stands_alone():
    faults = specdid.check(poisson({"c": "ind2:offset(log(pop))"})).errors
    assert faults[0].message == "an offset cannot be interacted"


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


def test_an_offset_is_no_treatment():
    made = study()
    made["study"]["treatment"] = "offset(log(pop))"
    assert [f.code for f in specdid.check(made).errors] == ["treatment_offset"]

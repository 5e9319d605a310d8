"""Terms in models against fixest: splines, bins of i(), and clusters of two columns together."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from programs import execute
from specdid._run.prepare import prepare
from specdid.exports import python, r, stata
from specdid.exports._make_script import make_script

pytestmark = pytest.mark.usefixtures("audit_here")
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


VCOVS = {"city": "~city_id", "two": "~city_id + year", "robust": "hetero", "iid": "iid"}


def logit(controls: dict, effects: str = "province + year", **more) -> dict:
    tables = {"derive": {"high": "1 * (ln_so2 > ave(ln_so2, year))"}, "outcome": {"y": "high"}}
    tables |= {"estimator": {"logit": "logit"}, "fixed_effects": {"e": effects}, "vcov": VCOVS}
    return study(**tables, controls=controls, **more)


def test_an_offset_of_a_logit_maximises_its_likelihood():
    curve = specdid.run(logit({"c": "ind2 + offset(log(pop) / 3)", "none": "offset(log(pop) / 3)"}), audit=9)
    assert not [w for w in curve.warnings if w.code.startswith("audit")]
    assert curve.audit.checked == 2
    data = pl.read_csv(REFERENCE / "panel.csv").to_pandas()
    for controls in ("c", "none"):
        row = curve.table[curve.table.controls == controls].iloc[0]
        columns = ["dudt", "ind2"] if controls == "c" else ["dudt"]
        d = data.dropna(subset=["ln_so2", "pop", *columns])
        y = (d.ln_so2 > data.groupby("year").ln_so2.transform("mean")[d.index]).astype(float).to_numpy()
        dummies = [d[k].to_numpy()[:, None] == d[k].unique()[None, :] for k in ("province", "year")]
        x = np.hstack([d[columns].to_numpy(), *dummies]).astype(float)
        kept = np.array([0.0 < y[d.province == p].mean() < 1.0 for p in d.province])
        x, y, offset = x[kept], y[kept], np.log(d["pop"].to_numpy()[kept]) / 3
        beta = np.linalg.lstsq(x, -offset, rcond=None)[0]  # from probabilities near a half, where Newton is safe
        for _ in range(30):
            mean = 1 / (1 + np.exp(-(x @ beta + offset)))
            beta += np.linalg.lstsq((x * (mean * (1 - mean))[:, None]).T @ x, x.T @ (y - mean), rcond=None)[0]
        np.testing.assert_allclose(x.T @ (y - mean), 0.0, atol=1e-7)
        assert row.nobs == len(y)
        np.testing.assert_allclose(row.estimate, beta[0], rtol=1e-7)


def test_an_offset_of_nothing_leaves_estimate_and_errors_of_a_logit_as_they_are():
    corrected = {f"{k}, {ssc}": {"formula": v, "ssc": ssc} for k, v in VCOVS.items() for ssc in ("lsdv", "none")}
    made = logit({"with": "ind2 + offset(0 * pop)", "without": "ind2"})
    table = specdid.run({**made, "vcov": {**VCOVS, **corrected}}, audit=0).table
    mine, theirs = (table[table.controls == c] for c in ("with", "without"))
    assert len(mine) == 12
    for name in ("estimate", "std_error", "p_value", "conf_low", "nobs", "n_separated"):
        np.testing.assert_allclose(mine[name], theirs[name], rtol=1e-7, err_msg=name)


def test_an_offset_of_a_logit_in_exported_programs():
    made = logit({"c": "ind2 + offset(log(pop))"})
    prepared, row = prepare(made), specdid.run(made, audit=0).table
    script = make_script(prepared.plan, prepared.panel, prepared.evaluator, 0)
    answer = execute([python.write(script)])[0]
    np.testing.assert_allclose(answer[0], row.estimate[0], rtol=1e-8)
    np.testing.assert_allclose([answer[1][k] for k in VCOVS], row.std_error, rtol=1e-8)
    assert "offset = ~log_pop" in r.write(script)
    assert stata.write(script).count("tolerance(1e-10) offset(log_pop)") == 6


SHIM = """
fepois <- function(fml, data, ...) feglm(fml, data, poisson(), ...)
feglm <- function(fml, data, family, offset, ...) {
  effects <- sprintf("factor(%s)", all.vars(fml[[3]][[3]]))
  data[["_offset"]] <- eval(offset[[2]], data)
  model <- reformulate(c(deparse(fml[[3]][[2]]), effects), fml[[2]])
  environment(model) <- environment()
  glm(model, family, data, offset = data[["_offset"]], control = glm.control(1e-14, 100))
}
coeftable <- function(fit, ...) summary(fit)$coefficients
ssc <- degrees_freedom <- function(...) 1
se <- function(fit, ...) summary(fit)$coefficients[, 2]
"""
"""fixest's two functions by base R's glm with dummies, whose errors are the inverse information."""


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="there is no R here")
@pytest.mark.parametrize("method", ["fepois", "logit"])
def test_r_itself_runs_the_program_of_an_offset(method, tmp_path):
    controls = {"c": "ind2 + offset(log(pop)) + offset(log(ind3) / 2)"}
    more = {"vcov": {"iid": {"formula": "iid", "ssc": "none"}}}
    made = {**logit(controls), **more}
    if method == "fepois":
        made = {**poisson(controls), **more, "fixed_effects": {"e": "province + year"}}
    prepared, row = prepare(made), specdid.run(made, audit=0).table.iloc[0]
    script = make_script(prepared.plan, prepared.panel, prepared.evaluator, 0)
    code = r.write(script).replace("library(fixest)", SHIM)
    code += '\ncat(sprintf("FOUND %.14g %.14g\n", coef(fit)[["dudt"]], sqrt(vcov(fit)["dudt", "dudt"])))\n'
    (tmp_path / "r.R").write_text(code, encoding="utf-8")
    done = subprocess.run(
        ["Rscript", "--vanilla", "r.R"], cwd=tmp_path, env={**os.environ, "LC_ALL": "C.UTF-8"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = [float(v) for v in done.stdout.partition("FOUND ")[2].split()]
    np.testing.assert_allclose(found, [row.estimate, row.std_error], rtol=1e-7)


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

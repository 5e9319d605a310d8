"""Where a two-way matrix has negative eigenvalues, rows and warnings say what fixest and reghdfe print."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyfixest as pf
import pytest
import specdid
from click.testing import CliRunner
from specdid._cli import main
from specdid._columns import OF_TWO_WAY
from specdid._describe.design_warnings import two_way_error
from specdid._records.fits import INDEFINITE
from specdid._records.read import read_results
from specdid._words import speaking
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")
CONTROLS = [f"x{j}" for j in range(8)]
NAMES = [column.name for column in OF_TWO_WAY]


def frame() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    units, periods = 24, 6
    unit, year = np.repeat(np.arange(units), periods), np.tile(np.arange(2001, 2001 + periods), units)
    cohort = np.array([0, 2003, 2005, 0])[unit % 4]
    d = ((cohort > 0) & (year >= cohort)).astype(float)
    n = len(unit)
    x = rng.normal(size=(n, len(CONTROLS))) * 10.0 ** (np.arange(len(CONTROLS)) % 3)
    y = 0.4 * d + 0.3 * x[:, 0] + rng.normal(size=units)[unit] + rng.normal(size=n)
    columns = {"id": unit, "state": unit // 3, "year": year, "cohort": cohort, "d": d, "z": d + rng.normal(size=n)}
    return pd.DataFrame(
        {**columns, "y": y, "count": rng.poisson(np.exp(0.3 * d + 1)), **dict(zip(CONTROLS, x.T, strict=True))}
    )


def study(**tables):
    return {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": {"formula": "y", "scale": "level"}, "count": {"formula": "count", "scale": "level"}},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"few": "x0", "all": " + ".join(CONTROLS)},
        "fixed_effects": {"two-way": "id + year"},
        "vcov": {"two-way": "~state + year", "state": "~state"},
        "estimator": {"ols": "feols", "sunab": "sunab", "poisson": "fepois"},
        "exclude": [{"when": {"estimator": "poisson", "outcome": "y"}, "because": "no counts"}],
        "instruments": {"none": "1", "z": "z"},
        "inference": {"draws": 0},
        "run": {"backend": "serial"},
        **tables,
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("two way")
    return specdid.run(study(), frame(), out=out, audit=None), out


def rows(out) -> pl.DataFrame:
    return pl.read_csv(out / "results.csv").filter((pl.col("status") == "ok") & (pl.col("vcov") == "two-way"))


def fit_of(row, data):
    """Return pyfixest's fit of a row, and the weights of its coefficients in the effect."""
    controls = CONTROLS if row["controls"] == "all" else ["x0"]
    if row["estimator"] == "sunab":
        relative = (data["year"] - data["cohort"]).where(data["cohort"] > 0)
        cells = [(g, r) for g in (2003, 2005) for r in sorted(relative[data["cohort"] == g].unique()) if r != -1]
        data = data.assign(
            **{f"c{k}": ((data["cohort"] == g) & (relative == r)) * 1.0 for k, (g, r) in enumerate(cells)}
        )
        terms = [f"c{k}" for k in range(len(cells))]
        size = np.array([data[t].sum() * (r >= 0) for t, (_, r) in zip(terms, cells, strict=True)])
        weights = np.append(size / size.sum(), np.zeros(len(controls)))
    else:
        terms, weights = ["d"], np.eye(1 + len(controls))[0]
    vcov, effects = {"CRV1": "state + year"}, "id + year"
    formula = f"{row['outcome']} ~ {' + '.join([*terms, *controls])} | {effects}"
    if row["instruments"] == "z":
        formula = f"{row['outcome']} ~ {' + '.join(controls)} | {effects} | d ~ z"
    fit = (pf.fepois if row["estimator"] == "poisson" else pf.feols)(formula, data, vcov=vcov)
    order = [fit._coefnames.index(name) for name in [*terms, *controls]]
    return fit._vcov[np.ix_(order, order)], weights


def without_negative(matrix):
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return vectors @ np.diag(np.maximum(values, 0)) @ vectors.T


def test_every_estimator_has_what_fixest_prints_and_least_squares_what_reghdfe_does(run):
    found, data, different = rows(run[1]), frame(), set()
    assert len(found) == 14
    for row in found.iter_rows(named=True):
        vcov, weights = fit_of(row, data)
        plain, fixed = (float(np.sqrt(weights @ v @ weights)) for v in (vcov, without_negative(vcov)))
        assert row["std_error"] == pytest.approx(plain, rel=1e-5)
        expected = [fixed, None]
        if row["estimator"] == "ols" and row["instruments"] == "none":
            sd = data[["d", *(CONTROLS if row["controls"] == "all" else ["x0"])]].std().to_numpy()
            expected[1] = float(np.sqrt(without_negative(vcov * np.outer(sd, sd))[0, 0])) / sd[0]
        for name, error in zip(NAMES, expected, strict=True):
            if error is None or error == pytest.approx(plain, rel=1e-6):
                assert row[name] is None
            else:
                assert row[name] == pytest.approx(error, rel=1e-4)
                different.add((row["estimator"], row["instruments"], name))
        says = row["message"] == INDEFINITE
        assert says == any(row[name] is not None for name in NAMES)
    assert len(different) == 5  # of feols both, of the others fixest's


def test_one_way_errors_have_neither(run):
    other = pl.read_csv(run[1] / "results.csv").filter(pl.col("vcov") == "state")
    assert other.select(*NAMES, "message").filter(pl.any_horizontal(pl.col(NAMES).is_not_null())).is_empty()


def test_beside_the_preferred_estimate_stands_whose_error_it_is(tmp_path):
    chosen = {"outcome": "y", "controls": "all", "estimator": "ols", "instruments": "none"}
    curve = specdid.run(study(preferred=chosen), frame(), out=tmp_path, audit=None)
    place = curve.results.preferred
    (row,) = rows(tmp_path).filter(pl.col("index") == place + 1).iter_rows(named=True)
    own, theirs = f"{row['std_error']:.4g}", f"{row['std_error_reghdfe']:.4g}"
    assert row["std_error_fixest"] is None  # there fixest prints the same
    words = f" Its standard error, {own}, is that of V1 + V2 − V12, as in pyfixest; reghdfe prints {theirs}."
    for name in ("summary.md", "details.md", "appendix.md"):
        assert words in (tmp_path / name).read_text("utf-8"), name
    one_way = specdid.run(study(preferred=chosen, vcov={"state": "~state"}), frame(), audit=None)
    assert two_way_error(one_way.results, one_way.results.preferred) == ""
    with speaking("zh"):
        assert two_way_error(curve.results, place).startswith(f"其标准误 {own} 取自")


def test_a_warning_counts_the_rows_and_has_the_largest_difference(run):
    curve, out = run
    table = pl.read_csv(out / "warnings.csv").filter(pl.col("code") == "variance_indefinite")
    assert table["where"].to_list() == ["two-way"]
    found = rows(out).filter(pl.any_horizontal(pl.col(NAMES).is_not_null()))
    assert table["specifications"].to_list() == [len(found)]
    assert table["severity"].to_list() == ["serious"]
    gaps = found.with_columns(
        gap=pl.max_horizontal(*((pl.col(n) / pl.col("std_error")).log().abs() for n in NAMES))
    ).sort("gap", descending=True)
    assert f"(#{gaps['index'][0]}), the largest difference" in table["message"][0]
    with speaking("zh"):
        assert "负特征值" in str(next(c for c in curve.warnings if c.code == "variance_indefinite"))


def test_it_is_read_back(run):
    curve, out = run
    again = read_results(out)
    for name in NAMES:
        np.testing.assert_array_equal(again.extra[name], curve.results.extra[name])
    assert again.extra[NAMES[0]].shape == (len(again), 2)


def test_show_has_both(run, tmp_path):
    frame().to_csv(tmp_path / "given.csv", index=False)
    write_toml(study(), tmp_path / "study.toml")
    row = rows(run[1]).filter(pl.all_horizontal(pl.col(NAMES).is_not_null())).row(0, named=True)
    said = CliRunner().invoke(main, ["show", str(tmp_path / "study.toml"), row["spec_id"]]).output
    (line,) = [line for line in said.splitlines() if "negative eigenvalues" in line]
    assert line.endswith(f"fixest {row[NAMES[0]]:.6g}, reghdfe {row[NAMES[1]]:.6g}")


def test_local_projections_with_controls_have_both_and_one_coefficient_has_neither(tmp_path):
    """Of lpdid it is a regression of changes; did2s's second stage has one coefficient, and its sum is all there is."""
    local = {"estimator": {"lpdid": {"method": "lpdid", "post_window": 0}, "did2s": "did2s"}, "instruments": {}}
    asked = {name: t for name, t in study(**local).items() if name != "instruments"}
    asked["outcome"] = {"y": {"formula": "y", "scale": "level"}}
    asked.pop("exclude")
    specdid.run(asked, frame(), out=tmp_path, audit=None)
    found, data = rows(tmp_path), frame().sort_values(["id", "year"])
    before = data.groupby("id")[["y", "d"]].shift(1)
    data = data.assign(change=data["y"] - before["y"], enters=data["d"] - before["d"])
    data = data[data["change"].notna() & ((data["enters"] == 1) | (data["d"] == 0))]
    different = 0
    for row in found.iter_rows(named=True):
        expected = [None, None]
        if row["estimator"] == "lpdid":
            terms = ["enters", *(CONTROLS if row["controls"] == "all" else ["x0"])]
            fit = pf.feols(f"change ~ {' + '.join(terms)} | year", data, vcov={"CRV1": "state + year"})
            order = [fit._coefnames.index(t) for t in terms]
            vcov, sd = fit._vcov[np.ix_(order, order)], data[terms].std().to_numpy()
            assert row["std_error"] == pytest.approx(np.sqrt(vcov[0, 0]), rel=1e-6)
            scaled = without_negative(vcov * np.outer(sd, sd))
            expected = [np.sqrt(without_negative(vcov)[0, 0]), np.sqrt(scaled[0, 0]) / sd[0]]
        for name, error in zip(NAMES, expected, strict=True):
            if error is None or error == pytest.approx(row["std_error"], rel=1e-6):
                assert row.get(name) is None
            else:
                assert row[name] == pytest.approx(error, rel=1e-5)
                assert row["message"] == INDEFINITE
                different += 1
    assert different

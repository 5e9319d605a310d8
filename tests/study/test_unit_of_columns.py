"""A unit of several columns: read, followed over time, clustered by, drafted and written out as programs."""

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
import specdid
from command import call_specdid
from programs import difference, estimated, execute, program
from specdid._run.prepare import prepare

PARTS = ["state", "sex"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a directory with a panel by state, sex and year, and a second source of its outcome."""
    rng = np.random.default_rng(8)
    rows = [(s, x, t) for s in (1, 2, 3, 10, 11, 20, 25, 31) for x in ("f", "m") for t in range(2000, 2010)]
    panel = pd.DataFrame(rows, columns=["state", "sex", "year"])
    panel["z"] = rng.normal(size=len(panel))
    panel["law"] = ((panel.state <= 10) & (panel.year >= 2004)).astype(int)
    panel["y"] = rng.normal(size=len(panel)) + panel.state / 9 + panel.law * (panel.sex == "m")
    panel = panel[rng.random(len(panel)) > 0.05].sample(frac=1, random_state=1)
    there = tmp_path_factory.mktemp("unit")
    panel.to_csv(there / "panel.csv", index=False)
    panel.assign(y=panel.y + 1 + panel.z).to_csv(there / "other.csv", index=False)
    return there


def study(folder, **more):
    return {
        "study": {"data": str(folder / "panel.csv"), "unit": PARTS, "time": "year"},
        "outcome": {"y": "y"},
        "derive": {"ddd": "law * (sex == 'm')"},
        "treatment": {"ddd": "ddd"},
        "controls": {"none": "1", "lag": "l(z, 1)"},
        "fixed_effects": {"two": "unit + year", "three": "unit + state^year + sex^year"},
        "vcov": {"unit": "~unit", "state": "~state"},
        "inference": {"draws": 0},
        **more,
    }


def test_numbers_are_those_of_a_column_made_by_hand(folder):
    """The same panel with the unit in a column: the same numbers, lags, clusters and rows; and pyfixest's."""
    data = pd.read_csv(folder / "panel.csv")
    by_hand = data.assign(both=data.state.astype(str) + "^" + data.sex)
    spec = study(folder, fixed_effects={"two": "unit + year"})
    other = study(folder, fixed_effects={"two": "both + year"}, vcov={"unit": "~both", "state": "~state"})
    other["study"] = {"unit": "both", "time": "year"}
    one, two = (specdid.run(s, d, audit=0).table for s, d in ((spec, data), (other, by_hand)))
    for name in ("estimate", "std_error", "nobs", "n_units"):
        np.testing.assert_array_equal(one[name], two[name])
    by_hand["ddd"] = by_hand.law * (by_hand.sex == "m")
    fit = pf.feols("y ~ ddd | both + year", by_hand, vcov={"CRV1": "both"})
    assert one.estimate[0] == pytest.approx(fit.coef()["ddd"], rel=1e-9)


def test_triple_difference_as_pyfixest(folder):
    data = pd.read_csv(folder / "panel.csv")
    spec = study(folder, controls={"none": "1", "z": "z"})
    table = specdid.run(spec, data, audit=0).table
    data = data.assign(unit=data.groupby(PARTS).ngroup(), ddd=data.law * (data.sex == "m"))
    for k, row in table.iterrows():
        effects = {"two": "unit + year", "three": "unit + state^year + sex^year"}[row["fixed_effects"]]
        x = "ddd" if row["controls"] == "none" else "ddd + z"
        cluster = {"unit": "unit", "state": "state"}[row["vcov"]]
        fit = pf.feols(f"y ~ {x} | {effects}", data, vcov={"CRV1": cluster}, fixef_tol=1e-12)
        assert row["estimate"] == pytest.approx(fit.coef()["ddd"], rel=1e-9), k
        assert row["std_error"] == pytest.approx(fit.se()["ddd"], rel=1e-9), k


def test_an_option_of_another_file_has_the_same_units(folder):
    variant = {"source": {"own": {}, "other": {"data": str(folder / "other.csv")}}}
    table = specdid.run(study(folder, variant=variant), audit=0).table
    assert set(table.status) == {"ok"}
    assert table.groupby("source").estimate.first().nunique() == 2


def test_programs_make_the_unit(folder):
    prepared = prepare(study(folder))
    results = estimated(prepared)
    places = list(range(len(results.status)))
    answers = execute([program(prepared, s) for s in places])
    assert max(difference(results, s, a) for s, a in zip(places, answers, strict=True)) < 1e-9
    assert 'paste(d$state, d$sex, sep = "^")' in program(prepared, 0, "r")
    assert 'strofreal(state, "%18.0g") + "^" + sex' in program(prepared, 0, "stata")


@pytest.mark.parametrize(
    ("unit", "code", "help_"),
    [
        ("state^sex", "wrong_type", 'unit = ["state", "sex"]'),
        ("state + sex", "wrong_type", 'unit = ["state", "sex"]'),
        ("log(state)", "wrong_type", "name one column"),
        ("state", "unit_time", 'unit = ["state", "sex"]'),
        (["state", "sexx"], "no_column", "did you mean `sex`"),
        ([], "wrong_type", "unit = ["),
        (["state", 3], "wrong_type", "write"),
    ],
)
def test_what_is_wrong_says_how_it_is_written(folder, unit, code, help_):
    spec = study(folder, fixed_effects={"year": "year"}, vcov={"state": "~state"}, controls={"none": "1"})
    spec["study"]["unit"] = unit
    (fault,) = (f for f in specdid.check(spec) if f.severity == "error")
    assert fault.code == code
    assert help_ in fault.help


def test_two_units_of_one_name_and_a_column_called_unit_are_refused(folder):
    data = pd.read_csv(folder / "panel.csv")
    alike = data.assign(state=np.where(data.year < 2005, "a^b", "a"), sex=np.where(data.year < 2005, "c", "b^c"))
    for frame in (data.assign(unit=1), alike):
        (fault,) = (f for f in specdid.check(study(folder), frame) if f.severity == "error")
        assert fault.code == "bad_name"


def test_a_draft_finds_the_columns(folder, tmp_path):
    out = call_specdid(
        ["init", str(tmp_path / "new"), "--data", str(folder / "panel.csv"), "--outcome", "y"], tmp_path
    ).stdout
    assert "unit `state` × `sex`, time `year`" in out
    text = (tmp_path / "new" / "new.toml").read_text("utf-8")
    assert 'unit  = ["state", "sex"]' in text
    table = specdid.run(tmp_path / "new" / "new.toml", audit=0).table
    assert set(table.status) == {"ok"}


def test_a_draft_takes_an_expression_as_the_treatment(folder, tmp_path):
    given = ["--outcome", "y", "--treatment", "(state <= 10) * (year >= 2006)"]
    call_specdid(["init", str(tmp_path / "new"), "--data", str(folder / "panel.csv"), *given], tmp_path)
    assert 'treated = "(state <= 10) * (year >= 2006)"' in (tmp_path / "new" / "new.toml").read_text("utf-8")

"""What single precision may have made of a column is said: of which column, how many digits are left, and where."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import specdid
from specdid._words import known

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")


def frame(kind: type = np.float32, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    unit, year = np.repeat(np.arange(40), 8), np.tile(np.arange(2001, 2009), 40)
    n, d = len(unit), (unit % 2) * (year > 2004) * 1.0
    a, b = rng.normal(size=(2, n)) + 20
    made = {"a": a, "b": b, "mix": 0.3 * a + 0.7 * b, "dose": d * 0.1 + 0.3 * a, "scaled": 100 * rng.normal(size=n)}
    made = {name: values.astype(kind).astype(float) for name, values in made.items()}
    return pd.DataFrame({"id": unit, "year": year, "d": d, "y": d + rng.normal(size=n), **made, **columns})


def cautions(data, cache=None, **tables):
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": {"formula": "y", "scale": "level"}},
        "treatment": {"d": "d"},
        "controls": {"few": "a", "all": "a + b + mix", "others": "a + b + scaled"},
        "fixed_effects": {"two-way": "id + year"},
        "inference": {"draws": 0},
        "run": {"backend": "serial"},
        **tables,
    }
    curve = specdid.run(study, data, out=cache, audit=None)
    return curve, [c for c in curve.warnings if c.code == "near_collinear"]


def test_a_control_that_rounding_alone_keeps_is_named_with_its_digits():
    curve, (one,) = cautions(frame())
    assert (one.severity, one.where, one.specifications) == ("note", "`mix`", 1)
    assert "less than one digit" in one.message
    assert "(#2)" in one.message
    assert known(one.message, "zh")
    assert curve.results.dropped.at(1) is None  # below pyfixest's rule it would be dropped


def test_times_are_those_of_the_column_left_by_a_qr_of_the_data():
    data = frame()
    curve, _ = cautions(data)
    ((_, times),) = curve.results.near.values()
    # One dummy less: a QR of dependent columns has a direction in it that is none of theirs.
    dummies = pd.get_dummies(data[["id", "year"]].astype(str), dtype=float).iloc[:, 1:].to_numpy()
    q, _ = np.linalg.qr(np.column_stack([data[["a", "b"]], dummies]).astype(np.float64))
    mix = data["mix"].to_numpy()
    left = mix - q @ (q.T @ mix)
    left -= q @ (q.T @ left)
    rounded = 2.0**-24 / np.sqrt(3) * np.sqrt(np.mean(mix**2))
    assert times == pytest.approx(np.sqrt(np.mean(left**2)) / rounded, rel=1e-4)


def test_a_treatment_left_by_rounding_is_serious():
    _, (one,) = cautions(frame(), treatment={"dose": "dose"}, controls={"all": "a + d", "few": "a"})
    assert (one.severity, one.where, one.specifications) == ("serious", "`dose`", 1)
    assert "less than one digit" in one.message
    assert known(one.message, "zh")


def test_digits_that_double_precision_keeps_exactly_and_ordinary_columns_are_not_spoken_of():
    data = frame(np.float64)
    assert not cautions(data)[1]  # dropped as collinear
    data["mix"] += np.random.default_rng(1).normal(size=len(data)) * 1e-4
    assert not cautions(data)[1]
    whole = frame().assign(c=lambda f: f["d"] * (f["year"] - 2000), e=lambda f: 1e6 + f["year"])
    assert not cautions(whole, controls={"all": "a + c", "more": "a + b + e"}, fixed_effects={"unit": "id"})[1]


def test_what_a_cache_holds_says_it_again(tmp_path):
    first, second = (cautions(frame(), tmp_path)[1] for _ in range(2))
    assert first == second
    assert first


def test_a_control_that_slopes_absorb_but_for_rounding_is_named():
    data = frame()
    data["trend"] = (data["year"] * (0.1 + 0.00001 * (data["id"] % 5))).astype(np.float32).astype(float)
    _, (one,) = cautions(data, controls={"all": "a + trend"}, fixed_effects={"trends": "id + year + id[year]"})
    assert (one.severity, one.where) == ("note", "`trend`")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("method", ["csdid", "did_imputation", "did2s", "sdid", "stackedev", "lpdid"])
def test_estimators_that_take_one_specification_at_a_time_say_it_too(method):
    data = frame().assign(cohort=lambda f: np.where(f["id"] % 2, 2005, 0), y=lambda f: np.exp(f["y"] / 9))
    options = {"sdid": {"vce": "jackknife"}, "stackedev": {"post_window": 1}, "lpdid": {"post_window": 1}}
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    estimator = {"one": {"method": method, **options.get(method, {})}}
    _, (one,) = cautions(data, treatment=treatment, estimator=estimator)
    assert (one.severity, one.where, one.specifications) == ("note", "`mix`", 1)
    assert "less than one digit" in one.message
    ordinary = data.assign(mix=lambda f: f["mix"] + np.random.default_rng(1).normal(size=len(f)) * 1e-3)
    assert not cautions(ordinary, treatment=treatment, estimator=estimator)[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("method", "absorbed"), [("did2s", True), ("lpdid", False)])
def test_estimators_of_changes_put_controls_beside_a_constant_alone(method, absorbed):
    """A sum of what units and what periods have is left by rounding alone where their effects are taken out."""
    data = frame().assign(
        cohort=lambda f: np.where(f["id"] % 2, 2005, 0),
        both=lambda f: (20 + 0.1 * (f["id"] % 5) + 0.1 * (f["year"] % 3)).astype(np.float32).astype(float),
    )
    estimator = {"one": {"method": method, **({"post_window": 1} if method == "lpdid" else {})}}
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    found = cautions(data, treatment=treatment, controls={"all": "a + both"}, estimator=estimator)[1]
    assert [one.where for one in found] == ["`both`"] * absorbed

"""Interactions of the treatment with a factor leave its first level out beside the treatment, as R's contrasts do."""

import numpy as np
import pytest
from programs import estimated, execute, program
from specdid._records import Status
from specdid._run.prepare import prepare

UNITS, PERIODS = 60, 6


@pytest.fixture(scope="module")
def columns():
    rng = np.random.default_rng(5)
    n = UNITS * PERIODS
    unit = np.repeat(np.arange(UNITS), PERIODS)
    found = {
        "id": unit,
        "year": np.tile(np.arange(PERIODS), UNITS),
        "d": rng.integers(0, 2, n),
        "g": 2 + rng.integers(0, 3, n),
        "h": rng.integers(0, 2, n),
        "x": rng.normal(size=n).round(6),
    }
    return {**found, "y": (found["d"] * found["g"] * (1 + found["h"]) + rng.normal(size=n)).round(6)}


def study(directory, columns, controls, more=""):
    data = {**columns, "zone": [f"z{g}" for g in columns["g"]]}
    rows = "\n".join(",".join(str(c[k]) for c in data.values()) for k in range(UNITS * PERIODS))
    (directory / "d.csv").write_text(f"{','.join(data)}\n{rows}\n")
    (directory / "s.toml").write_text(
        '[study]\ndata = "d.csv"\nunit = "id"\ntime = "year"\n[outcome]\n"y" = "y"\n[treatment]\n"d" = "d"\n'
        f'[fixed_effects]\n"0" = "1"\n[vcov]\n"iid" = "iid"\n[controls]\n"c" = "{controls}"\n{more}'
    )
    return prepare(directory / "s.toml")


def dummies(values, first=1):
    return [(values == level).astype(float) for level in np.unique(values)[first:]]


def designs(c):
    """R's model matrices beside a constant and `d`, written out."""
    d, g, h = c["d"], c["g"], c["h"].astype(float)
    of_g = [e * d for e in dummies(g)]
    return {
        "factor(g) + factor(g):d": [*dummies(g), *of_g],
        "d:factor(g)": of_g,
        "zone:d + x": [*of_g, c["x"]],
        "factor(g):h:d + h:d": [h * d, *(e * h for e in of_g)],
        "factor(g):h:d": [e * h * d for e in dummies(g, 0)],  # h:d is no term: all levels are identified beside d
        "factor(g)*factor(h)*d": [
            *dummies(g), h, *(e * h for e in dummies(g)), *of_g, h * d, *(e * h for e in of_g)
        ],
    }  # fmt: skip


@pytest.mark.parametrize("controls", designs(dict.fromkeys("dghx", np.arange(3))))
def test_the_treatments_coefficient_is_that_beside_rs_contrasts(tmp_path, columns, controls):
    prepared = study(tmp_path, columns, controls)
    results = estimated(prepared)
    assert results.status[0] == Status.OK
    X = np.column_stack([columns["d"], np.ones(UNITS * PERIODS), *designs(columns)[controls]])
    assert np.linalg.matrix_rank(X) == X.shape[1]
    assert results.estimate[0] == pytest.approx(np.linalg.lstsq(X, columns["y"])[0][0], rel=1e-9)
    (answer,) = execute([program(prepared, 0)])
    assert answer[0] == pytest.approx(results.estimate[0], rel=1e-9)


def test_terms_of_a_variant_and_beside_the_treatment_leave_it_out_too(tmp_path, columns):
    more = '[variant.v]\n"a" = { add = "factor(g):d" }\n"b" = {}\n[variant.w]\n"c" = { add = "factor(g)" }\n'
    found = estimated(study(tmp_path, columns, "1", more))
    X = np.column_stack([columns["d"], np.ones(UNITS * PERIODS), *designs(columns)["factor(g) + factor(g):d"]])
    assert found.estimate[0] == pytest.approx(np.linalg.lstsq(X, columns["y"])[0][0], rel=1e-9)


@pytest.mark.parametrize(
    ("controls", "more"),
    [
        ("factor(g):factor(h):d", ""),  # beside `d` alone R drops the last cell: no level is meant
        ("i(g, d)", ""),
        ("factor(g) + factor(g):d", '[sample]\n"s" = "g > 2"\n'),  # no row is at the first level
    ],
)
def test_what_says_no_level_is_not_identified(tmp_path, columns, controls, more):
    found = estimated(study(tmp_path, columns, controls, more))
    assert found.status[0] == Status.FAILED
    assert "loads on the treatment `d`" in found.message.words[found.message.codes[0]]


def test_interactions_among_controls_keep_all_levels(tmp_path, columns):
    """Which of their columns is dropped is the order's affair, and the estimate the same."""
    found = estimated(study(tmp_path, columns, "factor(g):x + x"))
    assert "x" in found.dropped.words[found.dropped.codes[0]]

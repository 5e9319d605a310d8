"""[decomposition] against R's bacondecomp, dummies by numpy, and the identity that both weights fulfil."""

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from specdid import run
from specdid.analyses.decomposition import CellWeights, Decomposed, _said
from studies import PANEL, SPEC, fault_texts, run_tables

pytestmark = pytest.mark.usefixtures("panel_read_once")

REFERENCE = Path(__file__).parents[1] / "reference" / "bacon.csv"
OPTIONS = 'fix = { treatment = "all batches", outcome = "ln SO2", sample = "balanced", controls = "none" }'


def study(directory, columns="ln_so2 ind2 ln_open"):
    """The reference's rows: cities complete in these columns for thirteen years."""
    panel = pd.read_csv(PANEL)
    whole = panel[columns.split()].notna().all(axis=1).groupby(panel.city_id).transform("all")
    balanced = whole & (panel.groupby("city_id").year.transform("count") == 13)
    panel["balanced"] = balanced.astype(int)
    panel.to_csv(directory / "panel.csv", index=False, float_format="%.17g")
    base = SPEC.replace(str(PANEL), "panel.csv").replace(
        '[sample."matched"]', '[sample.balanced]\nwhere = "balanced == 1"\n[sample."matched"]'
    )
    return panel, base


def table(finding, suffix=""):
    found = next(t for t in finding.tables if t.suffix == suffix)
    return [dict(zip(found.header, row, strict=True)) for row in found.rows]


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    directory = tmp_path_factory.mktemp("bacon")
    panel, base = study(directory)
    tables = f"[decomposition]\n{OPTIONS}\n[decomposition.controls]\n{OPTIONS.replace('none', 'all controls')}\n"
    plain, controlled = run_tables(directory, tables, base)
    assert plain.failure is None
    assert controlled.failure is None
    return panel[panel.balanced == 1], plain.finding, controlled.finding


def test_comparisons_are_those_of_bacondecomp(found):
    ours = {(r["treated"], r["control"]): r for r in table(found[1], "comparisons")}
    with REFERENCE.open(encoding="utf-8") as file:
        theirs = list(csv.DictReader(file))
    assert len(ours) == len(theirs) == 9
    for row in theirs:
        mine = ours[row["treated"], "never treated" if row["untreated"] == "Inf" else row["untreated"]]
        assert mine["estimate"] == pytest.approx(float(row["estimate"]), rel=1e-9)
        assert mine["weight"] == pytest.approx(float(row["weight"]), rel=1e-9)
        later = row["type"] == "Later vs Earlier Treated"
        assert (mine["comparison"] == "later treated, earlier treated") == later


def test_comparisons_average_to_the_coefficient(found):
    """The engine's coefficient shares nothing with the means of the comparisons."""
    rows, (main,) = table(found[1], "comparisons"), table(found[1])
    assert sum(r["weight"] for r in rows) == pytest.approx(1, rel=1e-12)
    assert sum(r["weight"] * r["estimate"] for r in rows) == pytest.approx(main["estimate"], rel=1e-9)


def residual(panel, controls):
    """The treatment less its projection on dummies of city and year, and controls; from numpy alone."""
    d = ((panel.batch > 0) & (panel.year >= panel.batch)).astype(float)
    dummies = pd.get_dummies(panel[["city_id", "year"]].astype(str)).astype(float)
    X = np.column_stack([dummies, panel[controls]])
    return d.to_numpy(), d.to_numpy() - X @ np.linalg.lstsq(X, d.to_numpy(), rcond=None)[0]


@pytest.mark.parametrize(("which", "controls"), [(1, []), (2, ["pgdp", "ind2", "ln_open", "ln_pat"])])
def test_weights_are_the_treatments_residual_in_treated_cells(found, which, controls):
    panel, (main,) = found[0], table(found[which])
    panel = panel.dropna(subset=controls)
    d, left = residual(panel, controls)
    weight = left[d == 1] / left[d == 1].sum()
    assert main["treated_cells"] == len(weight)
    assert main["negative_cells"] == np.count_nonzero(weight < -1e-10)
    assert main["negative_weight"] == pytest.approx(weight[weight < -1e-10].sum(), rel=1e-8)
    spread = np.sqrt(np.mean((weight * len(weight) - 1) ** 2))
    assert main["heterogeneity"] == pytest.approx(abs(main["estimate"]) / spread, rel=1e-8)


def test_controls_leave_the_weights_and_say_why_no_comparisons(found):
    (main,) = table(found[2])
    assert "with controls" in main["message"]
    assert [t.suffix for t in found[2].tables] == [""]
    assert not found[2].charts
    assert any("No comparisons: with controls" in note for note in found[2].tables[0].print.notes)


def small(directory, rows, more="", columns="unit,time,y,d"):
    lines = [columns, *(",".join(map(str, row)) for row in rows)]
    (directory / "small.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    base = (
        '[study]\ndata = "small.csv"\nunit = "unit"\ntime = "time"\n[outcome]\n"y" = "y"\n[treatment]\n"d" = "d"\n'
        f'[fixed_effects]\n"both" = "unit + time"\n[inference]\ndraws = 0\n{more}'
    )
    (found,) = run_tables(directory, "[decomposition]\n", base)
    return found.finding


def panel_of(starts, periods=4, effect=lambda start, time: 1.0 + time - start):
    noise = np.random.default_rng(3).normal(size=(len(starts), periods))
    return [
        (u, t, noise[u, t] + (effect(s, t) if t >= s else 0), int(t >= s))
        for u, s in enumerate(starts)
        for t in range(periods)
    ]


def test_units_treated_from_the_start_are_controls_that_are_told(tmp_path):
    finding = small(tmp_path, panel_of([0, 0, 2, 2, 3]))
    rows = table(finding, "comparisons")
    assert {r["comparison"] for r in rows} == {
        "later treated, always treated", "later treated, earlier treated", "earlier treated, later treated",
    }  # fmt: skip
    (main,) = table(finding)
    assert sum(r["weight"] * r["estimate"] for r in rows) == pytest.approx(main["estimate"], rel=1e-9)
    assert main["forbidden_weight"] == pytest.approx(
        1 - sum(r["weight"] for r in rows if r["comparison"].startswith("earlier"))
    )


def test_a_sign_turned_by_forbidden_comparisons_is_serious(tmp_path):
    """Effects that grow: units treated first drag later ones below zero."""
    rows = panel_of([1] * 6 + [5] * 6, 8, lambda start, time: 0.5 * (time - start) ** 2 + 0.1)
    finding = small(tmp_path, rows)
    codes = {w.code: w.severity for w in finding.warnings}
    (main,) = table(finding)
    assert main["estimate"] < 0 < main["without_forbidden"]
    assert codes["forbidden_comparisons"] == "serious"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:-1], "one row for each unit and period"),
        (lambda rows: [(u, t, y, d * (t != 3)) for u, t, y, d in rows], "stays once it has begun"),
        (lambda rows: [(u, t, y, d * 0.5) for u, t, y, d in rows], "0 and 1"),
    ],
)
def test_says_why_there_are_no_comparisons(tmp_path, change, said):
    finding = small(tmp_path, change(panel_of([1, 1, 2, 9, 9])))
    (main,) = table(finding)
    assert said in main["message"]
    assert main["treated_cells"] > 0


def test_a_dose_has_no_heterogeneity_and_a_negative_one_no_signs(tmp_path):
    rows = [(u, t, y, d * (-1.0 if u == 0 else 2.0)) for u, t, y, d in panel_of([1, 1, 2, 9, 9])]
    finding = small(tmp_path, rows)
    (main,) = table(finding)
    assert np.isnan(main["heterogeneity"])
    assert "negative_treatment" in {w.code for w in finding.warnings}
    assert "negative_weights" not in {w.code for w in finding.warnings}


def test_other_estimators_are_told_at_check_and_have_no_numbers(tmp_path):
    faults = fault_texts(tmp_path, '[decomposition]\nfix = { estimator = "Sun-Abraham", treatment = "pilot" }\n')
    assert any("least-squares" in message for _, message, _ in faults)


@pytest.mark.parametrize("dose", [1.0, 3.0])
def test_weights_of_rows_and_doses_by_frisch_waugh(tmp_path, dose):
    """Weighted least squares by numpy; a unit has another dose than the others, where one is asked for."""
    w = np.random.default_rng(5).uniform(0.3, 3.0, 20)
    rows = [(u, t, y, d * (dose if u == 1 else 1.0)) for u, t, y, d in panel_of([1, 1, 2, 2, 3])]
    rows = [(*row, weight) for row, weight in zip(rows, w, strict=True)]
    finding = small(tmp_path, rows, '[weights]\n"w" = "w"\n', "unit,time,y,d,w")
    (main,) = table(finding)
    frame = pd.DataFrame(rows, columns=["unit", "time", "y", "d", "w"])
    dummies = pd.get_dummies(frame[["unit", "time"]].astype(str)).to_numpy(float)
    root = np.sqrt(w)
    left = (
        root * frame.d
        - root[:, None] * dummies @ np.linalg.lstsq(root[:, None] * dummies, root * frame.d, rcond=None)[0]
    )
    on = frame.d.to_numpy() != 0
    weight = (root * left * frame.d).to_numpy()[on]
    weight = weight / weight.sum()
    share = w[on] / w[on].sum()
    assert (weight < 0).any()
    assert main["negative_weight"] == pytest.approx(weight[weight < 0].sum(), rel=1e-8)
    spread = np.sqrt(np.sum(share * (weight / share - 1) ** 2))
    expected = abs(main["estimate"]) / spread if dose == 1 else np.nan
    assert main["heterogeneity"] == pytest.approx(expected, rel=1e-8, nan_ok=True)


@pytest.mark.parametrize(("below", "severity"), [(0.04, "note"), (0.06, "serious")])
def test_negative_weights_are_serious_where_they_are_more_than_a_twentieth(below, severity):
    cells = CellWeights(np.array([1 + below, -below]), np.array([0.5, 0.5]), True, False)
    (told,) = _said([Decomposed(None, "all", "", 1.0, cells)])
    assert (told.severity, told.code) == (severity, "negative_weights")
    assert f"1 of 2 treated cells with negative weights, −{below:.3f} in sum".replace("−", "-") in told.message.replace(
        "−", "-"
    )


def test_over_the_curve_every_least_squares_point_is_decomposed(tmp_path):
    """Each row against the table of its own column, and the shares against weights by dummies."""
    effect = lambda start, time: 0.5 * (time - start) ** 2 + 0.1  # noqa: E731
    frame = pd.DataFrame(panel_of([1] * 6 + [5] * 6, 8, effect), columns=["unit", "t", "y", "d"])
    frame["cohort"] = np.where(frame.unit < 6, 1, 5)
    frame["x"] = np.random.default_rng(1).normal(size=len(frame))
    frame.to_csv(tmp_path / "panel.csv", index=False)
    spec = {
        "study": {"data": str(tmp_path / "panel.csv"), "unit": "unit", "time": "t", "title": "curve"},
        "outcome": {"y": "y", "z": "y - 3 * d"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "controls": {"none": "1", "x": "x"},
        "fixed_effects": {"both": "unit + t"},
        "estimator": {"OLS": "feols", "imputed": "did2s"},
        "vcov": {"unit": "~unit"},
        "inference": {"draws": 0},
    }
    for most, file in (({}, "all"), ({"specifications": 3}, "part"), ({"specifications": 0}, "none")):
        curve = run(
            spec | {"decomposition": {"fix": {"estimator": "OLS"}, "vary": ["controls"], **most}},
            out=tmp_path / file,
            audit=0,
        )
        if file == "all":
            said = curve.warnings
        elif file == "part":
            assert [c.code for c in curve.warnings].count("decomposition_part") == 1
    columns, points, part = (
        pd.read_csv(tmp_path / name)
        for name in ("all/decomposition.csv", "all/decomposition_curve.csv", "part/decomposition_curve.csv")
    )
    assert not (tmp_path / "none" / "decomposition_curve.csv").exists()
    assert len(points) == len(columns) == 4
    assert points.estimator.tolist() == ["OLS"] * 4
    assert len(part) == 3
    key = ["outcome", "controls"]
    same = columns.set_index(key).loc[points.set_index(key).index]
    for name in ("estimate", "negative_weight", "forbidden_weight", "without_forbidden", "heterogeneity"):
        np.testing.assert_allclose(points[name], same[name], rtol=1e-11)
    deep = 0
    for controls in ([], ["x"]):
        dummies = pd.get_dummies(frame[["unit", "t"]].astype(str)).astype(float)
        design = np.column_stack([dummies, frame[controls]])
        left = frame.d - design @ np.linalg.lstsq(design, frame.d, rcond=None)[0]
        weight = (left / left[frame.d == 1].sum())[frame.d == 1]
        own = points[points.controls == ("x" if controls else "none")]
        np.testing.assert_allclose(own.negative_weight, weight[weight < 0].sum(), rtol=1e-9)
        deep += 2 * (weight[weight < 0].sum() < -0.05)
    over = {
        c.code: c.specifications
        for c in said
        if c.specifications and c.code in ("negative_weights", "forbidden_comparisons")
    }
    turned = points.forbidden_weight.gt(0) & (points.estimate * points.without_forbidden < 0)
    assert over == {k: v for k, v in {"negative_weights": deep, "forbidden_comparisons": turned.sum()}.items() if v}
    assert turned.sum() == 1  # of y without x; with controls there are no comparisons

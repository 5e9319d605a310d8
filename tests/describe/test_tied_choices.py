"""Tied dimensions are one choice: one factor, one heading of rows, one entry of what moved."""

import json
from dataclasses import replace

import numpy as np
import pytest
import specdid
from curves import plan_of, results_of
from small_studies import small_panel, small_study
from specdid._compare import compare_results
from specdid._describe.choices import change_factors, mean_changes, variance_factors, variance_shares
from specdid._records.read import read_results
from specdid._records.results import Status
from specdid.figures._curve_data import curve_data

pytestmark = pytest.mark.usefixtures("undrawn")

TIE = ("outcome", "estimator")
BOTH = {"outcome": ("ln y", "y"), "estimator": ("OLS", "PPML"), "sample": ("all", "some")}


def tied(planned, keep):
    """The specifications for which ``keep`` holds of the labels, and the tie said."""
    rows = [{n: planned.dimension(n).at(s) for n in planned.dimensions} for s in range(len(planned))]
    kept = np.flatnonzero([keep(row) for row in rows])
    columns = {
        name: replace(getattr(planned, name), codes=getattr(planned, name).codes[kept])
        for name in ("term", "estimand", "scale", "reason")
    }
    arrays = {name: getattr(planned, name)[kept] for name in ("codes", "ids", "status", "code", "twin")}
    return replace(planned, **columns, **arrays, together=(TIE,))


def of_pairs(controls=((),), pairs=(("ln y", "OLS"), ("y", "PPML"))):
    planned = plan_of(BOTH, controls, scales={"ln y": "log points", "y": "log points"})
    return results_of(tied(planned, lambda row: (row["outcome"], row["estimator"]) in pairs))


def test_a_tied_pair_is_one_factor_whose_share_is_that_of_the_pairs():
    results = of_pairs()
    (family,) = results.families
    factors = variance_factors(results, family.places)
    assert [f.name for f in factors] == ["outcome + estimator", "sample"]
    assert factors[0].labels == ("ln y, OLS", "y, PPML")
    y = results.estimate[family.places]
    found = variance_shares(factors, y)
    means = np.array([y[factors[0].codes == k].mean() for k in range(2)])
    assert found.balanced
    assert np.isclose(found.share[0], np.sum((means[factors[0].codes] - y.mean()) ** 2) / np.sum((y - y.mean()) ** 2))
    (change, *_) = mean_changes(factors, y)
    assert change.pairs == 2
    assert np.isclose(change.mean, means[1] - means[0])


def test_without_the_tie_nothing_could_be_said_of_either():
    results = of_pairs()
    alone = replace(results, planned=replace(results.planned, together=()))
    factors = variance_factors(alone, results.families[0].places)
    assert [c.pairs for c in mean_changes(factors, alone.estimate[results.families[0].places])][:2] == [0, 0]


def test_controls_that_vary_within_a_row_are_looked_at_variable_by_variable():
    results = of_pairs(controls=((), ("a",), ("b",), ("a", "b")))
    results = replace(results, planned=replace(results.planned, together=(("outcome", "controls", "estimator"),)))
    factors = variance_factors(results, results.families[0].places)
    assert [f.name for f in factors] == ["outcome + estimator", "a", "b", "sample"]


def test_controls_that_their_row_decides_are_of_the_pair():
    planned = plan_of(BOTH, (("a",), ("log(a)",)), scales={"ln y": "log points", "y": "log points"})
    rows = {("ln y", "log(a)", "OLS"), ("y", "a", "PPML")}
    planned = tied(planned, lambda row: (row["outcome"], row["controls"], row["estimator"]) in rows)
    results = results_of(replace(planned, together=(("outcome", "controls", "estimator"),)))
    for factors in (variance_factors, change_factors):
        found = factors(results, results.families[0].places)
        assert [f.name for f in found] == ["outcome + controls + estimator", "sample"]


def test_the_figure_has_a_row_per_pair():
    results = of_pairs()
    (panel,) = curve_data(results).panels
    pair = next(rows for rows in panel.choices if rows.heading == "Outcome + estimator")
    assert [row.label for row in pair.rows] == ["ln y, OLS", "y, PPML"]
    assert np.array_equal(sum(row.chosen.astype(int) for row in pair.rows), np.ones(len(panel)))


def test_what_moved_between_two_runs_is_the_pair():
    old = of_pairs()
    _, which = old.planned.combined(old.planned.choice(TIE), np.arange(len(old.planned)))
    numbers = {**old.numbers, "estimate": old.numbers["estimate"] + 0.05 * which}
    new = replace(old, numbers=numbers)
    (family,) = compare_results(old, new).families
    moved = {o.option: o.mean for o in family.options if o.choice == "outcome + estimator"}
    assert moved == pytest.approx({"ln y, OLS": 0, "y, PPML": 0.05})
    assert {o.choice: o.share for o in family.options}["outcome + estimator"] == pytest.approx(1)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    pairs = [["log z", "two-way"], ["y", "unit"]]
    study = small_study(
        outcome={
            "log z": {"formula": "log(z)", "scale": "log points"},
            "y": {"formula": "2 * y", "scale": "log points"},
        },
        controls={"any": "mvsw(x1, x3)"},
        together=[{"dimensions": ["outcome", "fixed_effects"], "options": pairs, "because": "of something"}],
        preferred={"outcome": "y"},
        figure={"formats": ["svg"]},
    )
    out = tmp_path_factory.mktemp("tied") / "run"
    return specdid.run(study, small_panel(), out=out, audit=0), out


def test_a_run_keeps_the_tie(run):
    curve, out = run
    read = read_results(out)
    assert read.planned.together == curve.results.planned.together == (("outcome", "fixed_effects"),)
    assert (read.status == Status.OK).all()
    for results in (curve.results, read):
        rows = [rows.heading for rows in curve_data(results).panels[0].choices]
        assert rows == ["Outcome + fixed effects", "Controls"]


def test_every_output_counts_the_pair_once(run):
    _, out = run
    choices = (out / "choices.csv").read_text("utf-8")
    assert 'mean change,outcome + fixed_effects,outcome + fixed_effects,"log z, two-way","y, unit",' in choices
    assert "variance share,outcome,outcome" not in choices
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert manifest["together"] == [{"dimensions": ["outcome", "fixed_effects"], "combinations": 2}]
    assert "outcome + fixed effects" in (out / "details.md").read_text("utf-8")
    caption = (out / "appendix.md").read_text("utf-8")
    assert "outcome (2) with fixed effects (2) where they belong together (2 combinations)" in caption
    assert "| Outcome + fixed effects, instead of y, unit" in caption

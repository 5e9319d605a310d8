"""[balance] against MatchIt (tests/reference), and what it shows and says of matched samples."""

import csv
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from specdid._run.analyse import Bench, run_one
from specdid._run.prepare import prepare
from specdid.analyses.balance import ComparedSample, MatchComparison, _outside, balance, joint_test, warnings
from specdid.figures.love_plot import FIGURE as LOVE
from specdid.figures.score_overlap import BINS, score_block
from specdid.figures.score_overlap import FIGURE as SCORES
from specdid.tables._base import csv_text
from specdid.tables.latex import TABLE

REFERENCE = Path(__file__).parents[1] / "reference"
ON = "pgdp + ind2 + ln_open + ln_pat"
RUNS = {"nn1": {}, "nn1_caliper": {"caliper": 0.05}, "nn2_replace": {"ratio": 2, "replace": True}}
# MatchIt was given the cities that also have both outcomes in 2011.
WHERE = "municipality == 0 & !is.na(at(ln_so2, year == 2011)) & !is.na(at(ln_ww, year == 2011))"


def study(**changes):
    match = {"on": ON, "treated": "pilot", "at": "year == 2011"}
    base = {
        "study": {"data": str(REFERENCE / "panel.csv"), "unit": "city_id", "time": "year"},
        "derive": {"dall": "(batch > 0) * (year >= batch)"},
        "outcome": {"ln_so2": "ln_so2", "ln_ww": "ln_ww"},
        "treatment": {"pilot": "dudt", "batches": "dall"},
        "sample": {name: {"where": WHERE, "match": {**match, **settings}} for name, settings in RUNS.items()},
        "inference": {"draws": 0},
        "balance": {"denominator": "treated"},
    }
    return base | changes


def found(written):
    prepared = prepare(written)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    analysed = [run_one(bench, request) for request in prepared.requests]
    assert [a.failure for a in analysed] == [None] * len(analysed)
    return [a.finding for a in analysed]


def table(tidy):
    return [dict(zip(tidy.header, row, strict=True)) for row in tidy.rows]


@pytest.fixture(scope="module")
def finding():
    return found(study())[0]


@pytest.mark.parametrize("name", RUNS)
def test_means_and_biases_are_those_of_matchit(finding, name):
    with (REFERENCE / f"matchit_balance_{name}.csv").open() as file:
        expected = [{k: v.strip() for k, v in row.items()} for row in csv.DictReader(file)]
    rows = [row for row in table(finding.tables[0]) if row["sample"] == name]
    assert [row["variable"] for row in rows[::2]] == ["Propensity score", *ON.split(" + ")]
    for stage, words in ((0, "before"), (1, "after")):
        want = [row for row in expected if row["stage"] == str(stage)]
        mine = [row for row in rows if row["stage"] == words]
        assert len(want) == len(mine) == 5
        for key, column, scale in (
            ("Means Treated", "mean_treated", 1.0),
            ("Means Control", "mean_control", 1.0),
            ("Std. Mean Diff.", "bias", 100.0),
        ):
            np.testing.assert_allclose(
                [row[column] / scale for row in mine], [float(row[key]) for row in want], rtol=1e-9, atol=1e-12
            )


def test_matched_numbers_stand_on_both_sides(finding):
    with (REFERENCE / "matchit_weights.csv").open() as file:
        weights = list(csv.DictReader(file))
    for row in table(finding.tables[1]):
        mine = [w for w in weights if w["method"] == row["sample"]]
        used = [w for w in mine if row["stage"] == "before" or float(w["weight"]) > 0]
        assert row["n_treated"] == sum(w["pilot"] == "1" for w in used)
        assert row["n_control"] == sum(w["pilot"] == "0" for w in used)


@pytest.mark.parametrize("name", RUNS)
def test_the_joint_test_is_that_of_a_logit_with_matchits_weights(finding, name):
    models = pytest.importorskip("statsmodels.genmod.generalized_linear_model")
    families = pytest.importorskip("statsmodels.genmod.families")
    cities = pl.read_csv(REFERENCE / "panel.csv").filter(pl.col("year") == 2011).drop("pilot")
    weights = pl.read_csv(REFERENCE / "matchit_weights.csv", infer_schema_length=None).filter(pl.col("method") == name)
    rows = weights.join(cities, on="city_id", how="left", maintain_order="left")
    X, on = rows.select(ON.split(" + ")).to_numpy(), rows["pilot"].to_numpy().astype(float)
    for row in table(finding.tables[1]):
        if row["sample"] == name:
            w = np.ones(len(rows)) if row["stage"] == "before" else rows["weight"].to_numpy().astype(float)
            design = np.column_stack([np.ones((w > 0).sum()), X[w > 0]])
            fit = models.GLM(on[w > 0], design, family=families.Binomial(), freq_weights=w[w > 0]).fit(tol=1e-14)
            assert row["chi2"] == pytest.approx(2 * (fit.llf - fit.llnull), rel=1e-6, abs=1e-8)


def test_a_match_that_names_who_is_treated_stands_once(finding):
    assert {row["treatment"] for row in table(finding.tables[1])} == {None}
    assert len(finding.tables[1].rows) == 2 * len(RUNS)


@pytest.fixture(scope="module")
def others():
    where = {"where": "municipality == 0"}
    samples = {
        "all": "TRUE",
        "own": where | {"match": {"on": ON, "at": "year == 2011", "method": "radius", "caliper": 0.05}},
        "yearly": where | {"match": {"on": "pgdp", "treated": "pilot", "method": "kernel"}},
        "entropy": where | {"match": {"on": ON, "treated": "pilot", "at": "year == 2011", "method": "entropy"}},
        "exact": where
        | {"match": {"on": "1", "exact": "tcz", "treated": "pilot", "at": "year == 2011", "method": "exact"}},
    }
    tables = {"whole": {"vary": []}, "one": {"fix": {"sample": "own", "treatment": "batches"}}}
    return found(study(sample=samples, balance=tables))


def test_ever_treated_is_matched_under_every_treatment(others):
    rows = [row for row in table(others[0].tables[1]) if row["sample"] == "own"]
    assert [row["treatment"] for row in rows[::2]] == ["pilot", "batches"]
    assert rows[0]["n_treated"] < rows[2]["n_treated"]
    assert [row["treatment"] for row in table(others[1].tables[1])] == ["batches", "batches"]
    assert [b.name for b in others[0].charts[0].data.blocks] == ["own, pilot", "own, batches", "yearly", "entropy"]


def test_period_by_period_every_period_is_compared_and_all_of_them(others):
    rows = [row for row in table(others[0].tables[1]) if row["sample"] == "yearly" and row["stage"] == "after"]
    assert [row["period"] for row in rows] == ["all", *map(str, range(2005, 2018))]
    for key in ("n_treated", "n_control"):
        assert rows[0][key] == sum(row[key] for row in rows[1:])


def test_every_variant_has_its_own_match():
    match = {"match": {"on": "pgdp", "treated": "pilot", "at": "year == 2011"}}
    variants = {"cities": {"any": {}, "tcz": {"where": "tcz == 1"}}}
    cities = pl.read_csv(REFERENCE / "panel.csv").filter(pl.col("year") == 2011)
    (finding,) = found(study(sample={"m": match}, variant=variants, balance={"vary": ["cities"]}))
    rows = [row for row in table(finding.tables[1]) if row["stage"] == "before"]
    want = [cities, cities.filter(pl.col("tcz") == 1)]
    assert [(row["cities"], row["n_treated"], row["n_control"]) for row in rows] == [
        (name, c["pilot"].sum(), len(c) - c["pilot"].sum()) for name, c in zip(("any", "tcz"), want, strict=True)
    ]


def test_entropy_balancing_leaves_no_bias(others):
    rows = [r for r in table(others[0].tables[0]) if r["sample"] == "entropy" and r["stage"] == "after"]
    assert [r["variable"] for r in rows] == ["Propensity score", *ON.split(" + ")]
    np.testing.assert_allclose([r["bias"] for r in rows[1:]], 0, atol=1e-9)
    np.testing.assert_allclose([r["reduction"] for r in rows[1:]], 100, atol=1e-9)


def test_a_match_on_exact_values_alone_has_sizes_only(others):
    rows = [r for r in table(others[0].tables[1]) if r["sample"] == "exact"]
    assert all(r["n_treated"] > 0 and np.isnan(r["p_value"]) for r in rows)
    assert not [r for r in table(others[0].tables[0]) if r["sample"] == "exact"]


def test_what_is_printed(finding):
    variables, joint = (t.print for t in finding.tables)
    assert [len(block) for block in variables.blocks] == [11, 11, 11]
    assert "the standard deviation of the treated" in variables.notes[0]
    for printed in (variables, joint):
        text = TABLE.write(printed)
        assert len(re.findall(r"\\begin\{(?:tabular|longtable)\}\{", text)) == 1
    assert csv_text(finding.tables[0]).startswith("treatment,sample,period,variable,stage,mean_treated,")


def test_units_without_a_score_are_told_beside_the_counts(finding):
    """The note read "31 of 31 treated", and the study has 33."""
    words = "11 of 201 units (2 treated) lack a variable to match on and are left out"
    for note in (*(c.data.note for c in finding.charts), *(" ".join(t.print.notes) for t in finding.tables)):
        assert note.count(f"{words}.") == 1
    samples = [
        replace(sample_of(np.eye(4), np.arange(4) < 2, np.ones(4)), heading=h, outside=(f"{h} units",)) for h in "ab"
    ]
    assert _outside(samples) == ["a: a units.", "b: b units."]


def sample_of(columns, treated, weights):
    compared = balance(columns, treated, weights)
    tests = joint_test(columns, treated, np.ones(len(treated))), joint_test(columns, treated, weights)
    names = tuple(f"x{k}" for k in range(columns.shape[1]))
    return ComparedSample({"sample": "m"}, "m", (MatchComparison("", names, compared, tests),))


def test_what_matching_left_or_made_worse_is_told():
    rng = np.random.default_rng(4)
    treated = np.arange(400) < 100
    X = np.column_stack([rng.normal(size=400) + 0.8 * treated, rng.normal(size=400), rng.normal(size=400)])
    X[treated, 2] *= 4
    weights = np.where(treated, 1.0, np.clip(2 + X[:, 1] * 2, 0, None))
    said = list(map(str, warnings(sample_of(X, treated, weights), lambda t: {"x1": "Patents"}.get(t, t), 0.05)))
    assert said[0].startswith("m: after matching a bias above 10% is left in x0 (")
    assert "Patents" in said[1]
    assert said[1].startswith("m: matching made the bias larger in ")
    assert said[2] == "m: after matching the variables still predict treatment jointly (p < 0.001)"


def test_a_sample_without_a_match_says_why():
    lost = ComparedSample({"sample": "m"}, "m", (), "nothing is matched: no overlap")
    assert list(map(str, warnings(lost, str, 0.05))) == ["m: nothing is matched: no overlap"]


def test_scores_are_counted_in_shares():
    score = np.array([0.1, 0.2, 0.3, 0.2, 0.4, 0.9])
    treated = np.array([False, False, False, True, True, True])
    block = score_block("m", score, treated, np.array([0.0, 2.0, 0.0, 1.0, 0.0, 0.0]))
    np.testing.assert_allclose([block.treated.sum(axis=1), block.control.sum(axis=1)], 1.0)
    assert block.counts == ((3, 3), (1, 1))
    assert block.support == (0.2, 0.3)
    assert block.outside == 2
    assert block.edges.shape == (BINS + 1,)
    assert block.control[1].argmax() == int(BINS * 0.1 / 0.8)


def test_the_love_plot_shows_the_table(finding):
    love = finding.charts[0].data
    rows = table(finding.tables[0])
    for block in love.blocks:
        own = [row for row in rows if row["sample"] == block.name]
        assert [r.before for r in block.rows] == [row["bias"] for row in own if row["stage"] == "before"]
        assert [r.after for r in block.rows] == [row["bias"] for row in own if row["stage"] == "after"]


@pytest.mark.parametrize("width", [3.5, 7.0])
def test_figures_are_drawn_within_the_page(finding, width):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    for kind, chart in zip((LOVE, SCORES), finding.charts, strict=True):
        figure = kind.draw(chart.data, width)
        assert figure.get_figwidth() == pytest.approx(width)
        figure.set_dpi(720)  # at screen resolutions widths are rounded letter by letter
        renderer = FigureCanvasAgg(figure).get_renderer()
        right = figure.get_figwidth() * figure.dpi
        numbers = [label for axes in figure.axes for label in axes.get_xticklabels()]
        for text in (*figure.texts, *numbers):
            box = text.get_window_extent(renderer)
            assert box.x0 >= -1, text
            assert box.x1 <= right + 1, text


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_last_number_below_scores_is_whole(width):
    """The axis ended at the page's edge, and half of its last number with it."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    score = np.linspace(0.1, 0.5, 40)
    figure = SCORES.draw(SCORES.data("t", (score_block("m", score, np.arange(40) % 2 == 0, np.ones(40)),)), width)
    figure.set_dpi(720)
    renderer, right = FigureCanvasAgg(figure).get_renderer(), width * 720
    last = [axes.get_xticklabels()[-1] for axes in figure.axes]
    assert {label.get_text() for label in last} == {"0.5"}
    assert all(label.get_window_extent(renderer).x1 <= right for label in last)


def test_nothing_to_draw_is_an_error_in_words():
    with pytest.raises(ValueError, match="no sample was matched"):
        LOVE.draw(LOVE.data("t", (), 10.0), None)
    with pytest.raises(ValueError, match="no matched sample has a propensity score"):
        SCORES.draw(SCORES.data("t", ()), None)


def test_check_loads_no_library_that_only_a_run_needs():
    code = (
        f"import sys, specdid; print(len(specdid.check({study(hausman={})!r}).errors), "
        "sorted({'scipy', 'pandas', 'formulaic', 'pyfixest', 'matplotlib'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "0 []\n"


def test_of_periods_of_which_one_alone_is_matched_all_are_compared_too():
    match = {"on": "pgdp", "treated": "pilot == 1 & year == 2005", "method": "kernel"}
    sample = {"two": {"where": "municipality == 0 & year <= 2006", "match": match}}
    (one,) = found(study(sample=sample, balance={"vary": []}))
    assert [row["period"] for row in table(one.tables[1])] == ["all", "all", "2005", "2005"]


def test_a_matched_sample_written_in_fix_is_labelled_by_its_method():
    match = {"on": ON, "treated": "pilot", "at": "year == 2011"}
    given = [{"match": match}, {"where": "municipality == 0", "match": {**match, "method": "kernel"}}]
    (one,) = found(study(balance={"fix": {"sample": given}}))
    labels = [dict(zip(one.tables[0].header, row, strict=True))["sample"] for row in one.tables[0].rows]
    assert list(dict.fromkeys(labels)) == ["matched by nearest", "municipality == 0, matched by kernel"]

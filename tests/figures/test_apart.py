"""What enters no joint test stands apart, and a null's band lies below what it was made for alone."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import specdid
from curves import plan_of, results_of, subsets
from matplotlib.text import Text
from small_studies import small_panel, small_study
from specdid._records import KINDS, NullShares, read_results, write_parquet
from specdid._run.write import draw_again, read_bands
from specdid._words import say, speaking
from specdid.figures import spec_curve
from specdid.figures._curve_data import curve_data
from specdid.figures._curve_order import POINTS, arrange, whole_curves
from specdid.figures._fonts import fonts_for
from specdid.figures._layout import FULL, Layouts
from specdid.figures._style import own_style
from specdid.figures.spec_curve import draw

TYPES = {"sample": {"试点前期": "uncertain", "all": "equivalent"}, "weights": {"人口": "nonequivalent"}}
ESTIMANDS = {"OLS": "ATT", "did2s": "imputed"}


def mixed(*terms, types=TYPES, estimators=("OLS",), **options):
    """2^n sets of controls × 3 samples × 2 weights: 2 of 6 enter, 1 is uncertain, 3 are nonequivalent."""
    dimensions = {
        "sample": ["试点前期", "all", "east"],
        "weights": ["人口", "unweighted"],
        "estimator": list(estimators),
    }
    options = {"scales": {"ln SO2": "对数点"}, "estimands": ESTIMANDS, "types": types, **options}
    return results_of(plan_of(dimensions, subsets(*terms), **options))


def panel_of(results, *given):
    (panel,) = curve_data(results, *given).panels
    return panel


def test_a_specification_is_of_the_last_of_its_options_kinds():
    planned = mixed("a").planned
    sample, weights = (planned.dimension(name) for name in ("sample", "weights"))
    for place, kind in enumerate(planned.kind.tolist()):
        uncertain, other = sample.at(place) == "试点前期", weights.at(place) == "人口"
        assert KINDS[kind] == ("nonequivalent" if other else "uncertain" if uncertain else "equivalent")
    assert not mixed("a", types={}).planned.kind.any()


@pytest.mark.parametrize("sort", ["estimate", "declared", "sample"])
def test_segments_stand_one_after_the_other_in_every_order(sort):
    results = mixed("a", "b")
    panel = panel_of(results, sort)
    assert [(s.kind, s.start, s.stop) for s in panel.segments] == [
        ("equivalent", 0, 8),
        ("uncertain", 8, 12),
        ("nonequivalent", 12, 24),
    ]
    assert sorted(panel.positions.tolist()) == list(range(24))
    for segment in panel.segments:
        own = panel.positions[segment.start : segment.stop]
        assert {KINDS[k] for k in results.planned.kind[own]} == {segment.kind}
        if sort == "estimate":
            assert (np.diff(panel.estimate[segment.start : segment.stop]) >= 0).all()


def test_the_gap_moves_what_stands_apart_and_nothing_else():
    panel = panel_of(mixed("a", "b"))
    x = panel.across(np.arange(24))
    assert np.diff(x)[7] == np.diff(x)[11] == 1 + panel.gap
    assert (np.delete(np.diff(x), (7, 11)) == 1).all()
    assert panel.extent == x[-1] + 1
    plain = panel_of(mixed("a", "b", types={}))
    assert plain.extent == 24
    assert not plain.apart
    assert (plain.across(np.arange(24)) == np.arange(24)).all()


@pytest.mark.parametrize("place", [0, 1, 3])
def test_the_rank_counts_within_the_kind(place):
    results = mixed("a", "b", preferred=place)
    kind = results.planned.kind
    same = kind == kind[place]
    rank, of = results.rank(place)
    assert of == same.sum()
    assert rank == (results.estimate[same] < results.estimate[place]).sum() + 1
    assert panel_of(results).preferred.words.endswith(f" of {of} {KINDS[kind[place]]} ones")


def band_of(n):
    return np.stack([np.linspace(-2, -1, n), np.zeros(n), np.linspace(1, 2, n)])


def test_the_band_lies_below_what_entered_alone():
    results = mixed("a", "b")
    panel = panel_of(results, "estimate", {("对数点", "ATT"): band_of(8)})
    assert np.array_equal(panel.null_band[:, :8], band_of(8))
    assert np.isnan(panel.null_band[:, 8:]).all()
    for wrong in (band_of(24), band_of(4)):
        assert panel_of(results, "estimate", {("对数点", "ATT"): wrong}).null_band is None
    figure = draw(curve_data(results, "estimate", {("对数点", "ATT"): band_of(8)}))
    dashed = [line for line in figure.axes[0].lines if line.get_linestyle() == "--" or line.is_dashed()]
    assert len(dashed) == 3
    assert {float(line.get_xdata().max()) for line in dashed} == {8.0}


def test_estimands_stand_apart_where_a_null_has_one_of_them_alone():
    results = mixed("a", "b", estimators=("OLS", "did2s"))
    together = panel_of(results, "estimate", {("对数点", ""): band_of(16)})
    assert together.pieces == ((0, 16), (16, 24), (24, 48))
    assert np.isfinite(together.null_band[:, :16]).all()
    one = panel_of(results, "estimate", {("对数点", "imputed"): band_of(8)})
    assert one.pieces[:3] == ((0, 8), (8, 16), (16, 20))
    assert one.breaks[0] == 8
    covered = np.isfinite(one.null_band).all(axis=0)
    codes = results.planned.estimand.codes[one.positions]
    expected = (results.planned.kind[one.positions] == 0) & (codes == results.planned.estimand.words.index("imputed"))
    assert covered.tolist() == expected.tolist()


@pytest.mark.parametrize("terms", [("a", "b"), ("a", "b", "c", "d", "e")])
def test_a_null_has_a_curve_whole_or_not_at_all(terms):
    results = mixed(*terms, estimators=("OLS", "did2s"))
    (group,) = results.groups()
    entering = results.planned.kind == 0
    many = len(results) > POINTS
    whole = list(whole_curves(results, group, entering))
    assert [words for words, _ in whole] == (["ATT", "imputed"] if many else [""])
    assert sum(len(places) for _, places in whole) == entering.sum()
    ols = results.planned.estimand.codes == results.planned.estimand.words.index("ATT")
    ((words, places),) = whole_curves(results, group, entering & ols)
    assert words == "ATT"
    assert sorted(places) == np.flatnonzero(entering & ols).tolist()
    assert (np.diff(results.estimate[places]) >= 0).all()
    less = entering & ols
    less[places[3]] = False
    assert not list(whole_curves(results, group, less))


def test_where_nothing_enters_no_curve_has_a_band():
    results = mixed("a", types={"outcome": {"ln SO2": "uncertain"}})
    (group,) = results.groups()
    assert not list(whole_curves(results, group, np.ones(len(results), dtype=bool)))
    assert {p.kind for p in arrange(results, group).pieces} == {1, 2} or results.planned.kind.all()
    assert panel_of(results).apart


def test_types_are_read_back_from_the_file(tmp_path):
    results = mixed("a")
    write_parquet(results, tmp_path / "results.parquet")
    again = read_results(tmp_path).planned
    assert again.kind.tolist() == results.planned.kind.tolist()


@pytest.mark.parametrize("width", [3.5, 6.5])
@pytest.mark.parametrize("terms", [("a",), ("a", "b", "c", "d", "e")])
@pytest.mark.parametrize("types", [TYPES, {"sample": {"all": "uncertain"}}, {"weights": {"人口": "nonequivalent"}}])
def test_kinds_are_named_within_the_page_and_never_over_each_other(width, terms, types):
    results = mixed(*terms, types=types, preferred=1)
    figure = draw(curve_data(results), width)
    with own_style():
        figure.draw_without_rendering()
        named = [t for t in figure.findobj(Text) if t.get_text().split(" (")[0] in KINDS]
        boxes = sorted((t.get_window_extent() for t in named), key=lambda box: box.x0)
    present = {KINDS[k] for k in results.planned.kind}
    assert present - {"equivalent"} <= {t.get_text().split(" (")[0] for t in named}
    assert all(a.x1 < b.x0 for a, b in pairwise(boxes))
    assert all(0 <= box.x0 <= box.x1 <= figure.bbox.x1 + 1 for box in boxes)
    assert "in no joint test" in " ".join(t.get_text() for t in figure.texts)


STUDY = {
    "outcome": {"y": {"formula": "y", "scale": "points"}, "z": {"formula": "z", "scale": "points"}},
    "controls": {"any": "mvsw(x1, x2)"},
    "fixed_effects": {"two-way": "id + year"},
    "sample": {"所有": "TRUE", "后期": {"where": "year >= 2002", "type": "uncertain", "why": "nobody knows"}},
    "weights": {"none": "1", "people": {"formula": "w", "type": "nonequivalent", "why": "another question"}},
    "estimator": {"OLS": "feols", "P": "fepois"},
    "exclude": [
        {"when": {"estimator": "P", "outcome": "y"}, "because": "levels"},
        {"when": {"estimator": "OLS", "outcome": "z"}, "because": "logs"},
    ],
    "preferred": {"controls": "x1"},
    "inference": {"draws": 19},
    "figure": {"formats": ["png", "svg"]},
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    out = tmp_path_factory.mktemp("apart")
    return out, specdid.run(small_study(**STUDY), small_panel(), out=out, jobs=1, audit=0)


def test_a_run_draws_the_band_of_what_its_null_tested(made):
    out, curve = made
    (tests,) = curve.tests
    ok = curve.table[(curve.table.status == "ok") & (curve.table.vcov == "unit")]
    entering = ok[(ok["sample"] == "所有") & (ok.weights == "none") & (ok.estimator == "OLS")]
    assert (tests.index + 1).tolist() == entering["index"].tolist()
    ((key, band),) = tests.bands.items()
    assert key[0] == "points"
    assert band.shape == (3, len(entering))
    panel = panel_of(curve.results, "estimate", read_bands(out).bands)
    covered = np.isfinite(panel.null_band).all(axis=0)
    assert sorted(panel.positions[covered] + 1) == entering["index"].tolist()
    assert {s.kind for s in panel.segments} == set(KINDS)


def test_shares_are_of_those_tested_alone_wherever_they_are_printed(made):
    out, curve = made
    (shares,) = curve.null_shares.values()
    ok = pl.read_parquet(out / "results.parquet").filter((pl.col("status") == "ok") & (pl.col("vcov") == "unit"))
    mine = ok.filter((pl.col("sample") == "所有") & (pl.col("weights") == "none") & (pl.col("estimator") == "OLS"))
    positive = ((mine["p_value"] < 0.05) & (mine["estimate"] > 0)).mean()
    assert (shares.tested, shares.positive, shares.errors) == (len(mine), pytest.approx(positive), "")
    summary = (out / "details.md").read_text(encoding="utf-8")
    line = next(row for row in summary.splitlines() if row.startswith("| average effect"))
    assert [c.strip() for c in line.strip("|").split("|")][5] == str(len(mine))
    poisson = next(row for row in summary.splitlines() if row.startswith("| semi-elasticity"))
    assert "%" not in poisson
    assert f"{len(mine)} estimates of the average effect" in (out / "report.html").read_text(encoding="utf-8")
    assert f"{len(mine)}</td>" in curve._repr_html_()
    assert f" ({len(mine)}): " in " ".join(t.get_text() for t in curve.plot().texts)


def test_plot_draws_the_same_again(made):
    out, _ = made
    before = {p.name: p.read_bytes() for p in out.glob("curve.*")}
    draw_again(out, None, ())
    assert {p.name: p.read_bytes() for p in out.glob("curve.*")} == before


def test_ranks_of_show_and_the_appendix_are_of_the_same_kind(made):
    out, curve = made
    text = specdid.show(small_study(**STUDY), "#1", small_panel(), out=out)
    (tests,) = curve.tests
    lowest = tests.index[np.argmin(curve.results.estimate[tests.index])]
    assert f"{int(curve.results.planned.ids[lowest]):016x}" in str(text)
    assert f"1st of {len(tests.index)} from the lowest" in str(text)
    rows = pl.read_csv(out / "appendix_selected.csv", infer_schema_length=None).filter(pl.col("table") == 1)
    assert set(rows["of"]) == {len(tests.index)}
    for name in ("lowest", "median", "highest"):
        (spec_id,) = set(rows.filter(pl.col("role").str.to_lowercase().str.contains(name))["spec_id"])
        head = specdid.show(small_study(**STUDY), name, small_panel(), out=out).splitlines()[0]
        assert head.removesuffix("  (preferred)").endswith(spec_id)


def test_errors_of_the_null_are_named_where_the_curve_has_others(tmp_path):
    study = small_study(**{**STUDY, "vcov": {"robust": "hetero"}})
    curve = specdid.run(study, small_panel(), jobs=1, audit=0)
    assert {s.errors for s in curve.null_shares.values()} == {"id"}
    assert "clustered by `id`" in curve.summary()
    bare = dataclasses.replace(curve, null_shares={})
    assert "%" not in bare.summary().split("## Estimates")[1].split("##")[0]


def test_shares_in_the_note_say_whose_errors_they_are_of_where_marks_have_others():
    estimators = {"a": "one", "b": "two"}
    planned = plan_of({"estimator": list(estimators)}, subsets("xy"), estimands=estimators)
    results = results_of(planned)
    for errors in ("state", ""):
        shares = NullShares(4, 0.5, 0.0, 0.1, 0.1, errors)
        keys = [(f.group, f.estimand) for f in results.families]
        data = curve_data(results, null_shares=dict.fromkeys(keys, shares))
        assert len(data.panels[0].null_shares) == 2
        for language in ("en", "zh"):
            with speaking(language):
                layouts = Layouts.of(data, fonts_for([]), 6.5)
                layout = layouts.made(layouts.order, False, False, FULL)
                said = spec_curve.note(data, layout, data.panels)
                words = say(
                    ", with the null's standard errors, by {errors} (drawn: {vcov})",
                    errors="state", vcov=data.vcov,
                )  # fmt: skip
            assert (words in said) == bool(errors)

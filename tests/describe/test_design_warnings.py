"""What a referee would ask of a run, and where its own numbers contradict each other."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import specdid
from curves import fits_of, plan_of, results_of, smart_city
from small_studies import small_panel, small_study
from specdid._describe import design_warnings
from specdid._describe.design_warnings import contradictions
from specdid._records import collect
from specdid._words import known

pytestmark = pytest.mark.usefixtures("undrawn")

PANEL = small_panel(units=36)


def run(frame=PANEL, **changes):
    return specdid.run(small_study(**changes), frame, audit=0)


def warned(curve, start):
    found = [w.message for w in curve.warnings if w.message.startswith(start)]
    assert len(found) <= 1
    return found[0] if found else ""


def test_few_clusters_and_few_treated_ones_are_named_with_the_advice_to_compare_nulls():
    few = run(PANEL.filter(pl.col("id") <= 12), inference={"draws": 19})
    assert "as few as 12 clusters: standard errors may be too small" in warned(few, "as few as 12 clusters")
    treated = warned(few, "as few as 8 clusters with treatment")
    assert "rely on the median t of the permutation null" in treated
    assert 'null = ["wild", "permutation"]' in treated
    assert "as few as 4 clusters without treatment" in warned(few, "as few as 4 clusters")
    many = run(small_panel(units=90), inference={"draws": 19})
    assert not warned(many, "as few as")


def test_an_error_that_clusters_make_nearly_zero_is_no_error():
    """Within states and years the treatment differs in one state alone: its scores sum to zero but for the control."""
    rng = np.random.default_rng(1)
    unit, year = np.repeat(np.arange(96), 6), np.tile(np.arange(6), 96)
    state, x = unit // 8, rng.normal(size=96 * 6)
    d = ((state == 0) & (unit % 2 == 0) & (year >= 3)).astype(float)
    y = d + x + rng.normal(size=len(x))
    found = {}
    for name, size in (("nearly", 1e-5), ("moderate", 1.0)):
        data = {"unit": unit, "year": year, "state": state, "d": d, "y": y, "x": np.where(state == 0, x, size * x)}
        keys = {"study": {"unit": "unit", "time": "year"}, "outcome": {"y": "y"}, "treatment": {"d": "d"}}
        keys |= {"controls": {"x": "x"}, "fixed_effects": {"f": "unit + state^year"}, "vcov": {"s": "~state"}}
        curve = specdid.run(keys | {"inference": {"draws": 0}}, pl.DataFrame(data), audit=0)
        found[name] = [w for w in curve.warnings if w.code == "tiny_errors"]
    assert not found["moderate"]
    (said,) = found["nearly"]
    assert (said.severity, said.specifications) == ("serious", 1)
    assert re.match(r"t is as large as \d\d,\d{3} \(#1\): such an error measures no uncertainty", said.message)


def test_specifications_that_are_fitted_again_have_treated_clusters_too():
    curve = run(
        small_panel(units=90),
        controls={"none": "1"},
        estimator={"OLS": "feols", "P": "fepois"},
        outcome={"z": "z"},
        inference={"draws": 9, "null": ["permutation"], "assign": "d + cohort"},
    )
    assert [t.null for t in curve.tests[:2]] == ["permutation", "permutation_refit"]
    assert not warned(curve, "as few as")


def test_the_spread_that_samples_explain_is_that_of_a_run_on_their_common_rows():
    curve = run(outcome={"y": "y"}, sample={"all": "TRUE", "late": "year > 2002"})
    found = warned(curve, "samples differ across specifications")
    shared = PANEL.filter((pl.col("year") > 2002) & pl.col("x2").is_not_null())
    again = run(shared, outcome={"y": "y"}).table
    first = curve.table[(curve.table.status == "ok") & (curve.table.vcov == "unit")]
    again = again[(again.status == "ok") & (again.vcov == "unit")].set_index(["controls", "fixed_effects"]).estimate
    same = np.array([again[c, f] for c, f in zip(first.controls, first.fixed_effects, strict=True)])
    change = np.var(same) / np.var(first.estimate) - 1
    assert f"on the {len(shared):,} rows that all have" in found
    assert f"{abs(change):.0%} {'smaller' if change <= 0 else 'larger'} (y)" in found
    rows = [int(n.replace(",", "")) for n in re.findall(r"\(([\d,]+) to ([\d,]+) rows\)", found)[0]]
    assert rows == [first.nobs.min(), first.nobs.max()]


def test_where_nothing_but_the_sample_differs_no_change_of_the_spread_is_said():
    only = {
        "controls": {"x": "x1"},
        "fixed_effects": {"t": "id + year"},
        "outcome": {"y": "y"},
        "treatment": {"d": "d"},
    }
    found = warned(run(**only, sample={"all": "TRUE", "late": "year > 2002"}), "samples differ")
    assert found.endswith("; nothing else differs between them")
    assert known(found, "zh")


def test_the_spread_is_said_by_estimand_where_a_scale_has_several():
    curve = run(
        outcome={"y": "y"},
        sample={"all": "TRUE", "late": "year > 2002"},
        controls={"none": "1", "two": "x1 + x2"},
        estimator={"OLS": "feols", "SA": "sunab"},
        fixed_effects={"two-way": "id + year"},
    )
    found = warned(curve, "samples differ across specifications")
    assert "(y; average effect (regression weights)) and" in found
    assert "(y; average effect on the treated (cohort shares))" in found


def test_common_rows_are_counted_without_singletons():
    """A unit with one row was among 138 common rows where no sample had more than 137."""
    shared = PANEL.filter(pl.col("x2").is_not_null())
    alone = shared.head(1).with_columns(id=pl.lit(-1).cast(PANEL["id"].dtype))
    found = warned(run(pl.concat([PANEL, alone]), outcome={"y": "y"}), "samples differ across specifications")
    assert f"on the {len(shared):,} rows that all have" in found


def test_many_sun_abraham_models_are_left_out_of_the_common_rows(monkeypatch):
    monkeypatch.setattr(design_warnings, "CHEAP_SUNAB", 3)
    curve = run(outcome={"y": "y"}, estimator={"OLS": "feols", "SA": "sunab"}, fixed_effects={"two-way": "id + year"})
    assert "rows that all least-squares specifications have" in warned(curve, "samples differ")


def test_samples_without_a_common_row_say_so():
    curve = run(controls={"none": "1"}, sample={"a": "group <= 4", "b": "group > 4"})
    assert warned(curve, "samples differ").endswith("no row is in all of them")


def test_least_squares_on_equal_rows_beside_other_estimators_are_not_said_to_fail():
    """OLS has the same rows with each set of controls, csdid leaves some out: nothing was to be estimated again."""
    frame = PANEL.with_columns(cohort=pl.when(pl.col("id") <= 2).then(2001).otherwise(pl.col("cohort")))
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(pl.Int64))
    changes = {"estimator": {"OLS": "feols", "P": "csdid"}, "fixed_effects": {"two-way": "id + year"}}
    curve = run(frame, outcome={"y": "y"}, controls={"none": "1", "one": "x3"}, sample={"all": "TRUE"}, **changes)
    least = curve.results.first("nobs").max()
    assert warned(curve, "samples differ").endswith(
        f"; the least-squares specifications have the same {int(least):,} rows, and others were not estimated again"
    )


def test_equal_samples_are_not_mentioned():
    assert not warned(run(controls={"any": "mvsw(x1, x3)"}), "samples differ")


def test_a_control_that_the_treatment_moves_is_named():
    noise = np.random.default_rng(3).normal(size=len(PANEL))
    frame = PANEL.with_columns(moved=2.0 * pl.col("d") + 0.3 * pl.Series(noise))
    frame = frame.with_columns(less=0.5 * pl.col("d") + 0.5 * pl.Series(noise))
    curve = run(frame, controls={"any": "mvsw(x1, less, moved)"}, preferred={"controls": "x1"})
    found = warned(curve, "bad control?")
    assert "`moved` (p < 0.001), `less` (p " in found  # by p, not in the order of the file
    assert "`x1`" not in found
    assert "of 3 controls, by chance 0.15;" in found
    assert "given what the preferred specification holds fixed (`id`, `year`): " in found


def test_what_is_a_treatment_of_the_study_is_no_bad_control():
    noise = np.random.default_rng(3).normal(size=len(PANEL))
    frame = PANEL.with_columns(e=2.0 * pl.col("d") + 0.3 * pl.Series(noise), same=pl.col("d") + 0.1 * pl.Series(noise))
    treatment = {"d": {"term": "d", "cohort": "cohort"}, "e": "e"}
    preferred = {"treatment": "d", "controls": "x1"}
    curve = run(frame, treatment=treatment, controls={"any": "mvsw(x1, e, same)"}, preferred=preferred)
    found = warned(curve, "bad control?")
    assert "`same`" in found
    assert "`e`" not in found
    assert "of 2 controls" in found


def test_an_interaction_with_the_treatment_is_no_bad_control():
    """It is the treatment where the other factor is not zero: that it differs says nothing of what is held fixed."""
    noise = np.random.default_rng(3).normal(size=len(PANEL))
    frame = PANEL.with_columns(same=pl.col("d") + 0.1 * pl.Series(noise), old=pl.col("id") % 3 == 0)
    frame = frame.with_columns(pl.col("old").cast(pl.Int64))
    frame = frame.with_columns(made=pl.col("d") * pl.col("old"))
    others = "I(d * old * x1) + i(old, d, ref = 0) + ifelse(old == 1, d, 0) + made + l(d)"
    controls = {
        "one": "x1 + same",
        "by age": "old + d:old + x1",
        "in other words": f"sw({others.replace(' + ', ', ')})",
    }
    found = warned(run(frame, controls=controls, preferred={"controls": "x1 + same"}), "bad control?")
    assert "bad control? `same` (p < 0.001) differs with" in found
    assert "of 2 controls" in found


def test_an_offset_is_no_bad_control():
    """Its coefficient is 1 whatever it does: it says in which unit the outcome is counted."""
    noise = np.random.default_rng(3).normal(size=len(PANEL))
    frame = PANEL.with_columns(same=pl.col("d") + 0.1 * pl.Series(noise), per=pl.col("d") + 0.05 * pl.Series(noise))
    frame = frame.with_columns(count=(pl.col("y") - pl.col("y").min()).exp())
    changes = {"outcome": {"count": "count"}, "controls": {"one": "x1 + same", "two": "x1 + offset(per)"}}
    found = warned(run(frame, estimator={"OLS": "feols", "Poisson": "fepois"}, **changes), "bad control?")
    assert "`same`" in found
    assert "offset" not in found
    assert "of 2 controls" in found


def interacted():
    """x follows the law alone, moved the law among the poor, of a trait that half of the rows have at random."""
    rng = np.random.default_rng(1)
    frame = PANEL.with_columns(law=(pl.col("id") % 2 == 0) & (pl.col("year") >= 2004), poor=pl.col("id") % 4 < 2)
    frame = frame.with_columns(pl.col("law", "poor").cast(pl.Int64), old=pl.Series(rng.integers(0, 2, len(frame))))
    noise = pl.DataFrame(rng.normal(size=(len(frame), 2)), ["a", "b"])
    both = pl.col("law") * pl.col("poor")
    return frame.with_columns(x=pl.col("law") + 0.3 * noise["a"], moved=both * 0.4 + 0.5 * noise["b"])


LAW = {"term": "law:poor", "with": "law"}


@pytest.mark.parametrize(
    ("treatment", "controls"),
    [(LAW, "x + moved"), (LAW, "x + law + moved"), ("law:poor", "x + law + moved")],
)
def test_a_control_is_asked_about_beside_the_main_effects(treatment, controls):
    """x was accused of what the law alone does to it, and the law with it."""
    import pyfixest as pf

    frame = interacted()
    curve = run(frame, treatment={"d": treatment}, controls={"x": controls}, fixed_effects={"two-way": "id + year"})
    fit = pf.feols("moved ~ law:poor + law | id + year", frame.to_pandas(), vcov={"CRV1": "id"})
    p = float(fit.pvalue()["law:poor"])
    assert 0.001 < p < 0.05
    found = warned(curve, "bad control?")
    assert f"bad control? `moved` (p = {p:.3f}) differs with" in found
    assert "holds fixed (`id`, `year`, `law`): p < 0.05 by `unit` for 1 of 2 controls" in found


@pytest.mark.parametrize(
    ("controls", "effects", "named"),
    [
        ("cert + post + x1", "0", []),  # the main effects of a product that is a column of the data
        ("cert + x1", "year", []),
        ("post + x1", "id", []),
        ("cert + post + same", "0", ["same"]),
        ("like + x1", "year", ["like"]),  # 1 for some in every year, and not the treatment in all years after
        ("same + x1", "id + year", ["same"]),
    ],
)
def test_main_effects_of_a_product_are_no_bad_controls(controls, effects, named):
    rng = np.random.default_rng(5)
    frame = PANEL.with_columns(cert=(pl.col("id") % 2).cast(pl.Int64), post=(pl.col("year") > 2004).cast(pl.Int64))
    frame = frame.with_columns(did=pl.col("cert") * pl.col("post"), noise=pl.Series(rng.normal(size=len(frame))))
    frame = frame.with_columns(
        same=pl.col("did") + 0.1 * pl.col("noise"),
        like=pl.when(pl.col("noise") > 0.5).then(1).otherwise(pl.col("did")),
    )
    curve = run(frame, treatment={"did": "did"}, controls={"x": controls}, fixed_effects={"f": effects})
    found = warned(curve, "bad control?")
    assert re.findall(r"`(\w+)` \(p", found) == named


def test_of_a_triple_interaction_all_that_is_below_it_is_held():
    frame = interacted().with_columns(moved=pl.col("moved") + 2 * pl.col("law") * pl.col("poor") * pl.col("old"))
    treatment = {"d": {"term": "law:poor:old", "with": "law + old + law:poor"}}
    controls = {"x": "x + moved + poor + law:old + poor:old"}
    curve = run(frame, treatment=treatment, controls=controls, fixed_effects={"none": "0"})
    found = warned(curve, "bad control?")
    assert "bad control? `moved` (p < 0.001) differs with" in found
    held = "(`law`, `old`, `law:poor`, `poor`, `law:old`, `poor:old`)"
    assert f"given what the first specification holds fixed {held}: p < 0.05 by `unit` for 1 of 2 controls" in found


@pytest.mark.parametrize("treatment", ["did", "cert"])
def test_what_stays_as_it_is_in_units_that_become_treated_is_no_bad_control(treatment):
    """Sex was called a bad control, which an imbalance is not; where no unit becomes treated, who knows."""
    frame = PANEL.with_columns(cert=(pl.col("id") % 2).cast(pl.Int64), post=(pl.col("year") > 2004).cast(pl.Int64))
    noise = pl.Series(np.random.default_rng(5).normal(size=len(frame)))
    frame = frame.with_columns(did=pl.col("cert") * pl.col("post"), born=pl.col("cert") + pl.col("id") % 3)
    frame = frame.with_columns(moved=pl.col("did") + pl.col("cert") + 0.1 * noise)
    curve = run(frame, treatment={"d": treatment}, controls={"x": "born + moved"}, fixed_effects={"year": "year"})
    named = re.findall(r"`(\w+)` \(p", warned(curve, "bad control?"))
    assert sorted(named) == (["moved"] if treatment == "did" else ["born", "moved"])


def test_where_nothing_is_held_the_warning_says_so():
    curve = run(interacted(), treatment={"d": "law"}, controls={"x": "x"}, fixed_effects={"none": "0"})
    assert "in the rows of the first specification, which holds nothing fixed: " in warned(curve, "bad control?")


@pytest.mark.parametrize("missing", ["listwise", "common"])
def test_the_p_value_of_a_control_is_that_of_its_own_regression(missing):
    """On the sample's rows that have it, whatever else is missing there."""
    import pyfixest as pf

    noise = np.random.default_rng(4).normal(size=len(PANEL))
    frame = PANEL.with_columns(moved=0.26 * pl.col("d") + 0.5 * pl.Series(noise))
    fit = pf.feols("moved ~ d | id + year", frame.to_pandas(), vcov={"CRV1": "id"})
    study = {**small_study()["study"], "missing": missing}
    curve = run(frame, controls={"any": "mvsw(x2, moved)"}, preferred={"controls": "1"}, study=study)
    p = float(fit.pvalue()["d"])
    assert 0.001 < p < 0.05
    assert f"`moved` (p = {p:.3f})" in warned(curve, "bad control?")


def test_nothing_is_said_where_nothing_was_estimated():
    curve = run(controls={"the treatment again": "I(d * 2)"})
    assert curve.counts.ok == 0
    assert not warned(curve, "samples differ")


@pytest.mark.parametrize("nulls", [["wild"], ["wild", "permutation"]])
def test_a_run_writes_the_files_and_prints_shares_beside_the_null(tmp_path, nulls):
    study = small_study(
        inference={"draws": 39, "null": nulls, "assign": "d + cohort"},
        figure={"formats": ["svg"]},
        preferred={"controls": "x1 + x3"},
    )
    curve = specdid.run(study, PANEL, out=tmp_path, audit=0)
    files = {p.name for p in tmp_path.iterdir()}
    assert {"choices.csv", "inference.tex", "volcano.svg", "multiverse.svg", "null_density.svg"} <= files
    text = curve.summary()
    assert text.count("under the null") == 4
    for heading in ("## Which choices matter: y;", "## Sensitivity of the preferred", "- Oster's δ:"):
        assert heading in text
    table = pl.read_csv(tmp_path / "choices.csv")
    shares = table.filter(pl.col("measure") == "variance share").group_by("scale").agg(pl.col("value").sum())
    assert shares["value"].to_list() == pytest.approx([1, 1])
    tex = (tmp_path / "inference.tex").read_text()
    assert tex.count(r"\midrule") == len(nulls)
    assert "Stouffer's Z" in tex
    again = {**study, "inference": {"draws": 0}, "figure": {"formats": ["pdf"]}}
    specdid.run(again, PANEL, out=tmp_path, audit=0)
    files = {p.name for p in tmp_path.iterdir()}
    assert "volcano.pdf" in files
    assert not {"inference.tex", "null_density.svg", "null_density.pdf", "volcano.svg"} & files


def test_shares_are_those_of_the_first_null_that_has_the_estimand():
    curve = run(
        controls={"none": "1"},
        estimator={"OLS": "feols", "P": "fepois"},
        outcome={"z": "z"},
        inference={"draws": 9, "null": ["wild", "permutation"], "assign": "d + cohort"},
    )
    wild, refit = curve.tests[0].null_medians[0], curve.tests[2].null_medians[0]
    assert {words: (s.null_negative, s.null_positive) for (_, words), s in curve.null_shares.items()} == {
        wild.estimand: (wild.negative, wild.positive),
        refit.estimand: (refit.negative, refit.positive),
    }


def test_the_expected_share_is_the_mean_over_the_draws():
    from specdid._describe.curve_tests import null_median
    from specdid.inference._base import NullDraws
    from specdid.inference._draw_tables import DrawTable

    rng = np.random.default_rng(0)
    t, b = rng.standard_t(20, (6, 400)), rng.normal(size=(6, 400))
    tables = DrawTable.of(b), DrawTable.of(t)
    draws = NullDraws("wild", np.arange(6), np.arange(6.0), t[:, 0], np.ones(6), np.full(6, 20.0), *tables)
    members = np.array([True, True, False, True, True, False])
    found = null_median(draws, members, "title", "logs", "ATT", 0.05)
    assert found.value == 2.0
    assert found.negative == pytest.approx(np.mean(t[members] < -2.0859634))
    assert found.positive == pytest.approx(np.mean(t[members] > 2.0859634))
    assert found.real == (np.mean(t[members, 0] < -2.0859634), np.mean(t[members, 0] > 2.0859634))
    medians = np.median(b[members], axis=0)
    assert found.quantiles[100] == pytest.approx(np.median(medians))
    assert found.p_value == (1 + np.sum(np.abs(medians) >= 2)) / 401


TWO = {"outcome": ["y"], "estimator": ["OLS", "SA"], "sample": list("abcde")}
ESTIMANDS = {"OLS": "two-way", "SA": "treated"}


def median(p, estimand="two-way", title="wild bootstrap", group="y", n=5, expected=False):
    return SimpleNamespace(group=group, estimand=estimand, title=title, p_value=p, specifications=n, expected=expected)


def results(first, second, p=0.5, **options):
    """Give a run of five least-squares and five Sun-Abraham estimates of these sizes."""
    planned = plan_of(TWO, estimands=ESTIMANDS, **options)
    fits = fits_of(planned)
    by = planned.codes[fits.index, planned.dimensions.index("estimator")]
    fits.estimate[:] = np.where(by == 0, first, second)
    fits.p_value[:] = p
    return collect(planned, [fits], ["x"])


def codes(*given):
    return [(c.severity, c.code) for c in contradictions(*given)]


def test_estimands_of_opposite_signs_are_serious_where_both_are_effects():
    found = results(-0.2, 0.1)
    tests = [median(0.001), median(0.03, "treated")]
    (told,) = contradictions(found, tests, {})
    assert (told.severity, told.code, told.where) == ("serious", "estimands_disagree", "y")
    assert told.message == "medians of opposite signs: -0.200 (two-way; p = 0.001) and 0.100 (treated; p = 0.030)"


def test_estimands_of_opposite_signs_are_a_note_where_one_is_an_effect():
    found = results(-0.2, 0.1)
    tests = [median(0.001), median(0.4, "treated")]
    (told,) = contradictions(found, tests, {})
    assert (told.severity, told.code, told.where) == ("note", "estimands_disagree", "y")
    assert told.message == (
        "medians of opposite signs: -0.200 (two-way; p = 0.001) and 0.100 (treated; p = 0.400); "
        "of the two only -0.200 differs from zero"
    )
    (told,) = contradictions(found, [median(0.4), median(0.001, "treated")], {})
    assert told.message.endswith("; of the two only 0.100 differs from zero")
    assert codes(found, [median(0.3), median(0.4, "treated")], {}) == []
    assert codes(results(-0.2, -0.1), tests, {}) == []


def test_without_a_null_an_effect_is_what_most_estimates_are():
    assert codes(results(-0.2, 0.1, p=0.01), [], {}) == [("serious", "estimands_disagree")]
    assert codes(results(-0.2, 0.1, p=0.5), [], {}) == []


@pytest.mark.parametrize(
    ("p", "effect"), [([0.01, 0.01, 0.5, 0.5], True), ([0.01, 0.5, 0.5, 0.5], False), ([0.5, 0.5, 0.01, 0.01], False)]
)
def test_half_of_the_estimates_with_the_medians_sign_are_an_effect(p, effect):
    """Of four two-way estimates one has the other sign; significant ones of that sign are no effect of the median's."""
    planned = plan_of({"outcome": ["y"], "estimator": ["OLS", "SA"], "sample": list("abcd")}, estimands=ESTIMANDS)
    fits = fits_of(planned)
    by = planned.codes[fits.index, planned.dimensions.index("estimator")]
    fits.p_value[:] = 0.5
    fits.estimate[by == 0], fits.p_value[by == 0, 0] = [-0.2, -0.2, -0.2, 0.3], p
    fits.estimate[by == 1] = 0.1
    assert codes(collect(planned, [fits], ["x"]), [], {}) == [("note", "estimands_disagree")] * effect


def test_a_median_moves_by_half_of_itself_and_of_a_standard_error():
    found = results(1.0, 0.01)
    for family, error, after, moves in (
        (0, 0.1, 1.6, True),
        (0, 0.1, 1.4, False),
        (1, 1.0, 0.4, False),
        (1, 1.0, 0.6, True),
    ):
        found.numbers["std_error"][:] = error
        said = design_warnings._moved(found, np.full(len(found), after), found.families[family], "x")
        assert bool(said) == moves, (family, after)


def test_units_that_sunab_averages_without_a_row_before_treatment_are_told():
    """Imputation leaves them out; sunab, of cohorts that others are seen before, does not: it is another number."""
    unseen = pl.col("id").is_in([1, 4]) & (pl.col("d") == 1)
    frame = PANEL.filter(~pl.col("id").is_in([1, 4]) | unseen)
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    design = {
        "treatment": treatment, "controls": {"none": "1"}, "preferred": {},
        "fixed_effects": {"two-way": "id + year"},
        "estimator": {"SA": "sunab", "W": {"method": "sunab", "control": "notyet"}, "BJS": "did_imputation"},
    }  # fmt: skip

    def told(rows, **changes):
        curve = run(rows, **{**design, **changes})
        found = [w for w in curve.warnings if w.code == "always_treated"]
        said = [(w.severity, w.message.split(" treated in all")[0], w.specifications) for w in found]
        return pl.from_pandas(curve.table), said

    assert told(PANEL)[1] == []
    numbers, said = told(frame)
    averaged = numbers.filter(pl.col("estimator") != "BJS", pl.col("status") == "ok")
    assert set(averaged["n_always_treated"]) == {2}
    assert said == [("serious", "SA: up to 2 units are", 2), ("serious", "W: up to 2 units are", 2)]
    without, nothing = told(frame.filter(~pl.col("id").is_in([1, 4])))
    assert nothing == []
    # So are those that analyses average, of the units that each of their samples has.
    groups = {"groups": {"some": "id <= 12", "others": "id > 12"}}
    analyses = {
        "heterogeneity": groups,
        "table": {"T": {"vary": "estimator"}},
        "estimator": {"SA": "sunab", "BJS": "did_imputation"},
    }
    assert told(PANEL, **analyses)[1] == []
    said = [one.removesuffix(" 2 units are") for _, one, _ in told(frame, **analyses)[1]]
    assert sorted(said) == ["SA: up to", "log z, SA:", "log z, `some`:", "y, SA:", "y, `some`:"]
    by = [dict(f.group_by("estimator").agg(pl.col("estimate").first()).iter_rows()) for f in (numbers, without)]
    assert by[0]["BJS"] == pytest.approx(by[1]["BJS"], abs=1e-12)
    assert by[1]["W"] == pytest.approx(by[1]["BJS"], abs=1e-10)
    assert abs(by[0]["W"] - by[1]["W"]) > 1e-4
    # Beside effects of cohorts alone the others of the cohort say what was before.
    assert told(frame, fixed_effects={"cohorts": "cohort + year"}, estimator={"SA": "sunab"})[1] == []


def test_units_left_out_are_serious_and_rows_of_units_that_are_in_a_note():
    found = results(0.1, 0.2)
    sa = found.planned.codes[:, found.planned.dimensions.index("estimator")] == 1
    units = np.where(sa, 1.0 + np.arange(len(found)) % 3, 0.0)
    extra = {"n_treated_left_out": units, "n_treated_rows_left_out": np.where(sa, 9.0, 4.0)}
    told = list(design_warnings.left_out(replace(found, extra=extra)))
    assert [(c.severity, c.specifications, c.message.partition(" are not")[0]) for c in told] == [
        ("note", 5, "OLS: up to 4 treated rows"),
        ("serious", 5, "SA: up to 3 treated units"),
    ]
    assert not list(design_warnings.left_out(replace(found, extra={n: 0 * v for n, v in extra.items()})))


@pytest.mark.parametrize(
    ("data", "expected"),
    [({"y": {"emp"}, "z": {"emp", "pop"}}, ["scales_disagree"]), ({"y": {"emp"}, "z": {"wage"}}, [])],
)
def test_scales_are_compared_where_they_are_of_the_same_data(data, expected):
    planned = plan_of({"outcome": ["y", "z"], "sample": list("abc")})
    fits = fits_of(planned)
    fits.estimate[:] = np.where(planned.codes[fits.index, 0] == 0, -0.2, 3.0)
    fits.p_value[:] = 0.001
    columns = {name: frozenset(found) for name, found in data.items()}
    assert [c.code for c in contradictions(collect(planned, [fits], ["x"]), [], columns)] == expected


def of_two_outcomes(first, second, **options):
    """Give estimates of an outcome y of these sizes and of another, z; both in one scale where ``options`` say so."""
    planned = plan_of({"outcome": ["y", "z"], "sample": list("abc"), "estimator": ["OLS", "SA"]}, **options)
    fits = fits_of(planned)
    fits.estimate[:] = np.where(planned.codes[fits.index, 0] == 0, first, second)
    fits.p_value[:] = 0.001
    return collect(planned, [fits], ["x"])


def test_outcomes_that_move_apart_as_expected_do_not_contradict_each_other():
    found = of_two_outcomes(-0.2, 3.0)
    both = {name: frozenset({"emp"}) for name in ("y", "z")}
    y = found.planned.codes[:, 0] == 0
    assert codes(found, [], both, np.where(y, -1.0, 1.0)) == []
    (told,) = contradictions(found, [], both, np.ones(len(found)))
    assert told.message.startswith("medians of opposite signs: -0.20")
    # Of one sign against what was expected of one of them.
    (told,) = contradictions(of_two_outcomes(0.2, 3.0), [], both, np.where(y, -1.0, 1.0))
    assert told.message.startswith("medians of estimates times the expected sign of opposite signs: -0.20")
    # Where one of them has no expected sign there is nothing to multiply by.
    assert codes(found, [], both, np.where(y, -1.0, np.nan)) == [("serious", "scales_disagree")]


def test_estimands_are_compared_by_the_outcomes_that_both_have():
    """Poisson takes another outcome besides, which moves the other way: not the estimand differs but the outcome."""
    shape = {"outcome": ["y", "z"], "estimator": ["OLS", "Poisson"], "sample": list("abc")}
    planned = plan_of(
        shape, estimands={"OLS": "two-way", "Poisson": "semi"}, scales={"y": "log points", "z": "log points"}
    )
    fits = fits_of(planned)
    z, poisson = (planned.codes[fits.index, k] == 1 for k in (0, planned.dimensions.index("estimator")))
    fits.estimate[:] = np.where(z, 0.7, -0.2)
    fits.p_value[:] = 0.001
    fits.code[z & ~poisson] = 3
    fits.estimate[z & ~poisson] = np.nan
    found = collect(planned, [fits], ["x"])
    told = [c for c in contradictions(found, [], {}) if c.code == "estimands_disagree"]
    assert told == []
    fits.estimate[poisson & ~z] = 0.3
    (told,) = (c for c in contradictions(collect(planned, [fits], ["x"]), [], {}) if c.code == "estimands_disagree")
    assert told.message == "medians of opposite signs: -0.200 (two-way) and 0.300 (semi on y)"


def of_two_treatments(*failed):
    """Give OLS of d an effect of -0.2, and SA of e one of 0.1; further fits as ``failed`` leaves them."""
    shape = {"outcome": ["y"], "treatment": ["d", "e"], "estimator": ["OLS", "SA"], "sample": list("abc")}
    planned = plan_of(shape, estimands=ESTIMANDS)
    fits = fits_of(planned)
    treatment, by = (planned.codes[fits.index, planned.dimensions.index(name)] for name in ("treatment", "estimator"))
    fits.estimate[:], fits.p_value[:] = np.where(by == 0, -0.2, 0.1), 0.001
    fits.estimate[(treatment == 1) & (by == 0)] = 0.3
    for t, e in failed:
        fits.code[(treatment == t) & (by == e)] = 3
        fits.estimate[(treatment == t) & (by == e)] = np.nan
    return collect(planned, [fits], ["x"])


def test_effects_of_different_treatments_have_no_signs_to_compare():
    """Of an order and of a prisoner more the signs differ by what the treatments are, whatever the estimands are."""
    assert codes(of_two_treatments((0, 1), (1, 0)), [], {}) == [("serious", "many_failed")]
    (told,) = (c for c in contradictions(of_two_treatments((1, 0)), [], {}) if c.code == "estimands_disagree")
    assert told.message == "medians of opposite signs: -0.200 (two-way) and 0.100 (treated of d)"


def test_a_p_value_stands_beside_the_median_that_it_is_of():
    """The null's median is of estimates times the expected sign; the raw one of two outcomes is another number."""
    options = {"estimands": ESTIMANDS, "scales": {"y": "jobs", "z": "jobs"}}
    found = of_two_outcomes(-0.2, 3.0, **options)
    sa = found.planned.codes[:, found.planned.dimensions.index("estimator")] == 1
    found.numbers["estimate"][sa] *= -1
    y = found.planned.codes[:, 0] == 0
    tests = [median(0.01, group="jobs", n=6, expected=True), median(0.4, "treated", group="jobs", n=6, expected=True)]
    (told,) = contradictions(found, tests, {}, np.where(y, -1.0, 1.0))
    assert told.message == (
        "medians of estimates times the expected sign of opposite signs: 1.60 (two-way; p = 0.010) and "
        "-1.60 (treated; p = 0.400); of the two only 1.60 differs from zero"
    )
    # Without a sign for all, the raw medians are compared, of which the null has no p.
    (told,) = contradictions(found, tests, {}, np.where(y, -1.0, np.nan))
    assert told.message == "medians of opposite signs: 1.40 (two-way) and -1.40 (treated)"


def test_a_p_value_of_some_estimates_says_of_how_many():
    told = next(contradictions(results(-0.2, 0.1), [median(0.001, n=3)], {}))
    assert "-0.200 (two-way; p = 0.001 of the 3 of 5 tested)" in told.message


@pytest.mark.parametrize(("p", "n", "disagree"), [(0.4, 5, True), (0.08, 5, False), (0.02, 5, False), (0.4, 3, False)])
def test_nulls_disagree_where_they_are_far_apart_and_of_the_same_specifications(p, n, disagree):
    tests = [median(0.001), median(p, title="permutation", n=n)]
    found = list(contradictions(results(-0.2, -0.2), tests, {}))
    assert bool(found) == disagree
    for one in found:
        assert (one.code, one.where) == ("nulls_disagree", "y")
        assert one.message == (
            "the median (two-way) has p = 0.001 under the wild bootstrap and p = 0.400 under the permutation"
        )


@pytest.mark.parametrize(("failed", "severity"), [(1, "note"), (2, "serious")])
def test_failures_are_serious_where_those_left_are_a_selection(failed, severity):
    planned = plan_of({"outcome": ["y"], "sample": [f"s{k}" for k in range(10)]})
    fits = fits_of(planned)
    fits.code[:failed] = 3
    fits.estimate[:failed] = np.nan
    (told,) = contradictions(collect(planned, [fits], ["x"]), [], {})
    assert (told.severity, told.specifications) == (severity, failed)
    assert f"{failed} of 10 specifications ({failed}0%) could not be estimated" in told.message


def test_the_most_frequent_failure_is_named():
    planned = plan_of({"outcome": ["y"], "sample": [f"s{k}" for k in range(40)]})

    def told(*failed):
        fits = fits_of(planned)
        fits.code[:3], fits.estimate[:3] = failed, np.nan
        return next(contradictions(collect(planned, [fits], ["x"]), [], {})).message

    assert told(4, 3, 4) == told(4, 4, 4) != told(3, 3, 3) == told(3, 4, 3)


def test_a_preferred_specification_without_an_estimate_is_serious():
    study = small_study(sample={"all": "TRUE", "none": "year > 3000"}, preferred={"sample": "none", "controls": "x1"})
    curve = specdid.run(study, small_panel(), audit=0)
    found = {c.code: c for c in curve.warnings if c.severity == "serious"}
    assert "the preferred specification has no estimate (failed: " in found["preferred_missing"].message
    assert "16 of" in found["many_failed"].message or "could not be estimated" in found["many_failed"].message


def test_the_same_outcome_in_levels_and_logs_may_disagree(tmp_path):
    """An effect of +10% on large units and -50% on small ones: logs fall, levels rise."""
    rng = np.random.default_rng(3)
    frame = small_panel(units=60).to_pandas()
    size = np.where(frame.id % 6 < 2, 1000.0, 1.0)
    noise = np.exp(rng.normal(0, 0.02, len(frame)))
    effect = np.where(size > 1, 1.1, 0.5)
    frame["emp"] = size * noise * np.where(frame.d == 1, effect, 1.0)
    study = small_study(
        outcome={"levels": {"formula": "emp", "scale": "jobs"}, "logs": {"formula": "log(emp)", "scale": "log points"}},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        sample={"all": "TRUE", "late": "year > 2001"},
        inference={"draws": 199},
    )
    curve = specdid.run(study, frame, audit=0)
    (told,) = (c for c in curve.warnings if c.code == "scales_disagree")
    assert told.where == "jobs and log points"
    assert told.severity == "serious"


def test_a_sample_that_moves_the_median_is_serious():
    frame = small_panel(units=60).to_pandas()
    # The effect is in the years that the shorter sample leaves out.
    frame["y"] = frame["y"] - 0.3 * frame["d"] + 2.0 * frame["d"] * (frame["year"] > 2005)
    study = small_study(
        outcome={"y": "y"},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        sample={"all": "TRUE", "to 2005": "year <= 2005", "all but one": "id != 7"},
    )
    curve = specdid.run(study, frame, audit=0)
    (told,) = (c for c in curve.warnings if c.code == "samples_move")
    assert "; the median moves from " in told.message
    assert told.severity == "serious"


def test_separated_rows_stand_in_the_summary():
    frame = small_panel().with_columns(z=pl.when(pl.col("id") == 3).then(0.0).otherwise(pl.col("z")))
    study = small_study(
        outcome={"z": "z"}, controls={"n": "1"}, fixed_effects={"t": "id + year"}, estimator={"P": "fepois"}
    )
    curve = specdid.run(study, frame, audit=0)
    assert int(curve.table.n_separated.iloc[0]) == 7
    assert "(separated): 7 in every specification" in curve.summary()


def test_two_estimators_that_are_one_number_are_told_and_no_others():
    curve = run(
        estimator={"BJS": "did_imputation", "two-stage": "did2s", "OLS": "feols"},
        outcome={"y": "y"},
        fixed_effects={"two-way": "id + year"},
    )
    (told,) = (c for c in curve.warnings if c.code == "same_estimate")
    by = curve.table.query("vcov == 'unit'").pivot(index="controls", columns="estimator", values="estimate")
    equal = np.isclose(by["BJS"], by["two-stage"], rtol=1e-9)
    assert equal.any()
    assert not np.isclose(by["OLS"], by["BJS"], rtol=1e-9).any()
    assert told.message.startswith(f"two-stage: {equal.sum()} of {len(by)} estimates are those of BJS")
    assert (told.severity, told.specifications) == ("note", equal.sum())


def test_one_number_under_two_estimands_is_told_once():
    """Wooldridge's regression is the imputation; the third name of a number is told of the first one alone."""
    curve = run(
        estimator={
            "later": {"method": "sunab", "control": "notyet"}, "BJS": "did_imputation", "two-stage": "did2s",
            "never": "sunab",
        },
        treatment={"d": {"term": "d", "cohort": "cohort"}},
        outcome={"y": "y"}, controls={"none": "1"}, fixed_effects={"two-way": "id + year"},
    )  # fmt: skip
    by = curve.table.groupby("estimator").estimate.first()
    assert by["later"] == pytest.approx(by["BJS"], rel=1e-9)
    assert [c.message.partition("; ")[0] for c in curve.warnings if c.code == "same_estimate"] == [
        "BJS: 1 of 1 estimates is that of later",
        "two-stage: 1 of 1 estimates is that of later",
    ]


def test_an_equal_number_of_another_sample_or_of_more_rows_is_not_the_same_estimate():
    planned = plan_of({"outcome": ["y"], "sample": ["a", "b"], "estimator": ["p", "q"]})
    fits = fits_of(planned)
    fits.estimate[:] = 1.0
    fits.nobs[:] = [10, 11, 12, 12]
    found = list(design_warnings.same_estimates(collect(planned, [fits], ["x"])))
    assert [c.specifications for c in found] == [1]
    fits.estimate[:] = [1.0, 2.0, 2.0, 1.0]
    assert not list(design_warnings.same_estimates(collect(planned, [fits], ["x"])))


def test_what_estimators_warn_of_names_the_treatment_that_it_is_of():
    """Five units are always treated by e, as many and one more by f; by d none."""
    always = {"e": pl.col("id") <= 5, "f": pl.col("id") <= 6}
    frame = PANEL.with_columns(**{n: pl.when(rows).then(1).otherwise(pl.col("d")) for n, rows in always.items()})
    several = {"fixed_effects": {"two-way": "id + year"}, "controls": {"none": "1"}, "preferred": {}}
    method = "did_multiplegt_dyn"

    def found(treatment: list[str], **estimator):
        curve = run(frame, treatment={t: t for t in treatment}, estimator=estimator, **several)
        return {w.where: w for w in curve.warnings if w.code == "cohorts_left_out"}

    both = found(["d", "e", "f"], switchers=method)
    assert [(where, "up to 5 units" in w.message, w.specifications) for where, w in both.items()] == [
        ("e", True, 2), ("f", False, 2),
    ]  # fmt: skip
    assert "6 units are treated in every period" in both["f"].message
    twice = found(["d", "e"], one=method, three={"method": method, "effects": 2})
    assert list(twice) == ["one, e", "three, e"]
    alike = found(["e", "f"], imputation="did2s")
    assert list(alike) == ["e", "f"]
    assert [w.message.split(" treated units")[0] for w in alike.values()] == [
        "imputation: up to 5", "imputation: up to 6",
    ]  # fmt: skip


def test_what_common_rows_leave_as_it_was_is_no_change_of_nothing_percent():
    results = results_of(smart_city(2))
    (pool,) = results.pools
    said = [
        design_warnings._explained(results, results.estimate * by, pool, "x") for by in (1.0, 1 + 1e-5, 0.9985, 1.5)
    ]
    assert said == ["unchanged (x)", "unchanged (x)", "0.3% smaller (x)", "125% larger (x)"]
    assert known(f"the variance of the estimates is {said[0]}", "zh")


def test_estimates_without_a_standard_error_are_counted_with_the_reason():
    one = PANEL.with_columns(region=(pl.col("id") > 30).cast(pl.Int64), few=pl.col("id") <= 30)
    study = {"vcov": {"unit": "~id", "region": "~region"}, "outcome": {"y": "y"}}
    curve = run(one, sample={"all": "TRUE", "few": "few"}, **study)
    (said,) = [w for w in curve.warnings if w.code == "no_errors"]
    words = "no standard error, and so no p-value and no interval, of 16 of 32 estimates: fewer than two clusters are"
    assert (said.severity, said.where, said.specifications) == ("note", "region", 16)
    assert said.message.startswith(words)
    assert known(said.message, "zh")
    assert words in curve.summary()
    assert not [w for w in run(one, **study).warnings if w.code == "no_errors"]


def test_estimates_without_a_standard_error_under_the_first_vcov_are_a_serious_warning():
    planned = smart_city(0)
    fits = fits_of(planned)
    fits.std_error[:2, 0] = np.nan
    (said,) = design_warnings.no_errors(collect(planned, [fits], ["x"]))
    assert said.severity == "serious"
    assert said.message.startswith(
        f"no standard error, and so no p-value and no interval, of 2 of {len(planned)} estimates"
    )

"""What speaks against the errors and the units of an event study is said where its numbers stand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._words import known
from specdid.analyses._fit import semidefinite
from specdid.figures.event_study import draw, note
from studies import columns

BASE = {
    "outcome": {"y": "y"},
    "controls": {"none": "1"},
    "fixed_effects": {"two-way": "id + year"},
    "vcov": {"unit": "~id", "both": "~id + year"},
    "event_study": {"window": [-3, 2]},
}


def run(frame, **changes):
    curve = specdid.run(small_study(**{**BASE, **changes}), frame, audit=0)
    found = curve.analyses[0]
    assert found.failure is None
    periods, tests = (columns(t) for t in found.finding.tables)
    return curve, periods, tests


def said(curve, code):
    return [(c.severity, c.message) for c in curve.warnings if c.code == code]


@pytest.mark.parametrize("seed", [1, 2, 3, 6, 7])
def test_no_cell_is_empty_without_a_reason(seed):
    _, periods, tests = run(small_panel(seed))
    for table, number in ((periods, "std_error"), (tests, "p_value")):
        empty = [value is None or np.isnan(value) for value in table[number]]
        assert all(message for message, gone in zip(table["message"], empty, strict=True) if gone)


def test_a_variance_matrix_that_is_not_semidefinite_is_marked_and_tests_nothing():
    """Two clusterings and seven years: the difference of matrices has a negative root, and gives t as of -14."""
    curve, periods, tests = run(small_panel(3))
    marked = [m and "not positive semi-definite" in m for m in periods["message"]]
    both = [v == "both" and not r for v, r in zip(periods["vcov"], periods["reference"], strict=True)]
    assert [bool(m) for m in marked] == both
    assert np.isnan(tests["statistic"][1])
    assert "no joint test" in tests["message"][1]
    assert np.isfinite(tests["statistic"][0])
    ((severity, message),) = said(curve, "variance_indefinite")
    assert (severity, message.partition(":")[0]) == ("note", "y, `both`")
    first, _, _ = run(small_panel(3), vcov={"both": "~id + year"})
    ((severity, _),) = said(first, "variance_indefinite")
    assert severity == "serious"
    (printed,) = (t.print for t in first.analyses[0].finding.tables if t.print)
    assert any("not positive semi-definite" in note for note in printed.notes)
    # Seed 6 has a matrix that is one: no mark.
    curve, periods, tests = run(small_panel(6))
    assert not said(curve, "variance_indefinite")
    assert np.isfinite(tests["statistic"]).all()


@pytest.mark.parametrize("estimator", ["csdid", "lpdid"])
def test_a_period_of_one_unit_beside_one_other_leaves_the_others_their_errors(estimator):
    """Its influences are all zero; the whole curve had no error, and two-way variances were called the reason."""
    cohort = pl.when(pl.col("id") == 1).then(2006).when(pl.col("id") == 2).then(0).otherwise(2003)
    frame = small_panel(1).with_columns(cohort=cohort)
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(int))
    design = {
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"one": estimator}, "vcov": {"unit": "~id"}, "event_study": {},
    }  # fmt: skip
    curve, periods, tests = run(frame, **design)
    far = {-5, -4, -3}
    rows = [
        (k, e, m) for k, e, m in zip(*(periods[c] for c in ("period", "std_error", "message")), strict=True) if k != -1
    ]
    assert {k for k, error, _ in rows if not error > 0} == far
    assert all(
        (message is not None and message.startswith("no cluster's part")) == (k in far) for k, _, message in rows
    )
    assert tests["message"] == ["there is no standard error in period −5, −4 and −3"]
    ((severity, message),) = said(curve, "no_errors")
    assert severity == "note"
    assert "there is no standard error in period −5, −4 and −3: no cluster's part" in message
    assert not said(curve, "variance_indefinite")


def test_check_says_which_curve_a_gap_in_time_leaves_without_effects():
    """`run` alone said that csdid makes one cohort of two that begin where there are no rows."""
    cohort = pl.when(pl.col("id") < 6).then(2004).when(pl.col("id") < 12).then(2005).otherwise(0)
    frame = small_panel(1).with_columns(cohort=cohort)
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(int))
    study = small_study(
        **{**BASE, "treatment": {"d": {"term": "d", "cohort": "cohort"}}, "estimator": {"one": "csdid"}}
    )
    assert not [f for f in specdid.check(study, frame) if f.code == "no_path"]
    (fault,) = (f for f in specdid.check(study, frame.filter(pl.col("year") != 2004)) if f.code == "no_path")
    assert fault.severity == "warning"
    assert fault.message.startswith("there are no effects by relative period of `csdid`: two cohorts begin between")
    assert known(fault.message, "zh")


def test_what_is_semidefinite():
    assert semidefinite(np.ones((3, 3)))  # singular, as with fewer clusters than terms
    assert not semidefinite(np.array([[1.0, 2.0], [2.0, 1.0]]))
    assert not semidefinite(np.diag([1.0, -1.0]))
    assert semidefinite(np.full((2, 2), np.nan))
    assert semidefinite(1e12 * np.ones((2, 2)))


@pytest.fixture(scope="module")
def leading():
    """Treated units are apart from the others in one lead."""
    frame = small_panel(1)
    return frame.with_columns(y=pl.col("y") + 3.0 * ((pl.col("cohort") > 0) & (pl.col("year") == pl.col("cohort") - 2)))


def only(frame, kept):
    """Leave the treatment to some units; the others are never treated."""
    mine = (pl.col("cohort") == 0) | pl.col("id").is_in(kept)
    return frame.with_columns([pl.when(mine).then(pl.col(c)).otherwise(0) for c in ("cohort", "d")])


@pytest.mark.parametrize(
    ("kept", "severity", "words"),
    [
        ([3], "note", "by errors of 1 treated cluster, which have no meaning: it shows nothing"),
        ([1, 3, 4, 6], "serious", "by errors of 4 treated clusters, which reject a true null far too often"),
    ],
)
def test_rejections_by_errors_of_few_treated_clusters_are_not_headlined_as_ones(leading, kept, severity, words):
    curve, _, tests = run(only(leading, kept), placebo={"draws": 19, "periods": [2]})
    assert not said(curve, "pretrend")
    ((found, message),) = said(curve, "pretrend_few_treated")
    assert found == severity
    assert words in message
    rest = f"leads rest on few: period −3 on {len(kept)} treated cluster"
    assert rest in message
    assert rest in tests["message"][0]
    assert known(message, "zh")
    assert ("by errors of too few treated clusters" in curve.summary().splitlines()[4]) == (severity == "serious")
    assert not said(curve, "placebo_timing")
    ((found, message),) = said(curve, "placebo_timing_few_treated")
    assert found == severity
    assert words in message
    assert known(message, "zh")


def test_a_placebo_counts_the_clusters_that_it_treats_itself(leading):
    """Units that are always treated are of the sample's treated clusters, and have no row before their treatment."""
    others = (pl.col("cohort") > 0) & (pl.col("id") != 3)
    late = [pl.when(others).then(pl.lit(v)).otherwise(pl.col(c)).alias(c) for c, v in (("cohort", 2001), ("d", 1))]
    frame = leading.with_columns(late)
    curve, _, _ = run(frame, placebo={"draws": 19, "periods": [2]})
    ((severity, message),) = said(curve, "placebo_timing_few_treated")
    assert severity == "note"
    assert "by errors of 1 treated cluster" in message
    placebo = curve.analyses[1].finding
    moved = next(columns(t) for t in placebo.tables if t.suffix == "timing")
    assert moved["message"][0] == "1 treated cluster: errors and p cannot be trusted"
    (printed,) = (t.print for t in placebo.tables if t.print)
    assert any(n.startswith("2 periods earlier: fewer than 10 treated clusters in (1)") for n in printed.notes)
    (chart,) = (c for c in placebo.charts if c.figure == "forest")
    assert [r.small for r in chart.data.blocks[0].rows] == [False, True]
    assert "fewer than 10 treated units or clusters" in chart.data.note


def test_a_rejection_by_a_lead_of_few_clusters_beside_others_of_many_is_no_failed_test():
    """One unit of a late cohort has a lead of its own, and is far off in it; the leads of the many are at zero."""
    late = pl.col("id") == 1
    frame = small_panel(1, units=60).with_columns(
        cohort=pl.when(late).then(2006).when(pl.col("cohort") > 0).then(2004).otherwise(0)
    )
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(int))
    off = late & (pl.col("year") <= 2002)
    frame = frame.with_columns(y=pl.when(off).then(pl.col("y") + 9).otherwise(pl.col("y")))
    curve, _, _ = run(frame, event_study={"window": [-4, 1]}, vcov={"unit": "~id"})
    (chart,) = (c for c in curve.analyses[0].finding.charts if c.figure == "event_study")
    assert chart.data.panels[0].series[0].few == (-4,)
    assert chart.data.remarks[-1].startswith("†: fewer than 10 treated units")
    assert not said(curve, "pretrend")
    ((severity, message),) = said(curve, "pretrend_few_treated")
    assert severity == "note"
    assert message.endswith("; leads rest on few: period −4 on 1 treated cluster")
    many, _, _ = run(
        frame.with_columns(y=pl.col("y") + ((pl.col("cohort") > 0) & (pl.col("year") == pl.col("cohort") - 2))),
        event_study={"window": [-4, 1]}, vcov={"unit": "~id"},
    )  # fmt: skip
    ((severity, message),) = said(many, "pretrend")
    assert message.endswith("; leads rest on few: period −4 on 1 treated cluster")
    assert known(message, "zh")
    assert not chart.data.doubt
    (failing,) = (c.data for c in many.analyses[0].finding.charts if c.figure == "event_study")
    assert failing.doubt == "The leads are jointly different from zero (p < 0.05)."
    assert known(failing.doubt[0].lower() + failing.doubt[1:-1], "zh")
    for width in (6.5, 3.5):
        assert f"! {failing.doubt}" in " ".join(t.get_text() for t in draw(failing, width).texts)


def test_units_without_a_row_before_treatment_move_sun_abraham_too():
    unseen = pl.col("id").is_in([1, 4]) & (pl.col("d") == 0)
    frame = small_panel(1).filter(~unseen)
    design = {
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"SA": "sunab"}, "controls": {"none": "1"}, "event_study": {},
    }  # fmt: skip
    curve, periods, _ = run(frame, **design)
    (_, average), (_, message) = said(curve, "always_treated")
    assert average.startswith("SA: up to 2 units are treated in all rows used")
    assert "2 units are treated in all their rows" in message
    without, alone, _ = run(frame.filter(~pl.col("id").is_in([1, 4])), **design)
    assert not said(without, "always_treated")
    assert periods["estimate"] != pytest.approx(alone["estimate"], abs=1e-6)


@pytest.mark.parametrize(
    ("ends", "words"), [("bin", "Stata's `estat event`"), ("drop", "sdid has no rows beyond the window")]
)
def test_ends_of_csdid_that_stata_does_not_have_are_told(ends, words):
    """Dropped are rows, with the base periods and comparisons of the effects inside the window."""
    design = {"estimator": {"cs": "csdid"}, "controls": {"none": "1"}, "vcov": {"unit": "~id"}}
    for window, told in (({"window": [-2, 1]}, [words]), ({}, [])):
        curve, _, _ = run(small_panel(1), event_study={**window, "ends": ends}, **design)
        notes = " ".join(curve.analyses[0].finding.charts[0].data.remarks)
        assert (words in notes) == bool(told)


def test_always_treated_units_of_least_squares_are_counted_with_what_they_do():
    always = pl.col("id").is_in([2, 5, 8])
    frame = small_panel(1)
    frame = frame.with_columns(
        cohort=pl.when(always).then(1999).otherwise(pl.col("cohort")),
        d=pl.when(always).then(1).otherwise(pl.col("d")),
        y=pl.when(always).then(pl.col("y") + 2.0 * (pl.col("year") - 2001)).otherwise(pl.col("y")),
    )
    curve, periods, _ = run(frame)
    ((severity, message),) = said(curve, "always_treated")
    assert severity == "serious"
    assert "3 units are treated in all their rows" in message
    without, alone, _ = run(frame, sample={"others": "cohort != 1999"})
    assert not said(without, "always_treated")
    change = {
        k: (a, b)
        for k, a, b, v, r in zip(
            periods["period"],
            periods["estimate"],
            alone["estimate"],
            periods["vcov"],
            periods["reference"],
            strict=True,
        )
        if v == "unit" and not r
    }
    k, (a, b) = max(change.items(), key=lambda one: abs(one[1][0] - one[1][1]))
    told = message.replace("−", "-")
    assert f"the effect in period {k} changes most, from {a:.3f} to {b:.3f}" in told


def test_treated_units_that_stand_in_leads_only_are_counted_in_figure_table_and_summary():
    gone = (pl.col("id") <= 3) & (pl.col("d") == 1)  # two of 16: the third is never treated
    frame = small_panel(1)
    curve, _, _ = run(frame.with_columns(d=pl.when(gone).then(None).otherwise(pl.col("d"))))
    words = "2 of 16 treated units stand in leads only, without a row since treatment that has all values"
    (analysis,) = curve.analyses
    (chart,) = analysis.finding.charts
    for texts in (chart.data.remarks, analysis.finding.tables[0].print.notes):
        assert any(words in text for text in texts)
    assert words in note(chart.data)
    remark = chart.data.remarks[0][:-1]
    assert known(remark, "zh")
    early = frame.filter(pl.col("year") < 2005)  # one cohort is not treated while the data last
    for data, more in ((frame, {}), (early, {"event_study": {"window": [-3, 0]}})):
        other, _, _ = run(data, **more)
        assert "in leads only" not in note(other.analyses[0].finding.charts[0].data)


def test_treated_units_of_the_last_period_without_its_row_stand_in_leads_only():
    frame = small_panel(1).filter(pl.col("year") <= 2005)
    ids = frame.filter(pl.col("cohort") == 2005)["id"].unique().sort().to_list()[:2]
    gone = pl.col("id").is_in(ids) & (pl.col("year") == 2005)
    curve, _, _ = run(
        frame.with_columns(d=pl.when(gone).then(None).otherwise(pl.col("d"))), event_study={"window": [-3, 0]}
    )
    n = frame.filter(pl.col("cohort") > 0)["id"].n_unique()
    assert f"2 of {n} treated units stand in leads only" in note(curve.analyses[0].finding.charts[0].data)


def test_a_dose_is_said_in_check_figure_and_summary():
    frame = small_panel(1).with_columns(d=pl.col("d") * (1 + pl.col("id") / 10))
    study = small_study(**BASE)
    words = "not per unit of `d`"
    assert [f.severity for f in specdid.check(study, frame) if f.code == "dose_effects" and words in f.message] == [
        "warning"
    ]
    curve, _, _ = run(frame)
    (analysis,) = curve.analyses
    assert words in note(analysis.finding.charts[0].data)
    assert not [f for f in specdid.check(study, small_panel(1)) if f.code == "dose_effects"]


def test_clusters_that_some_rows_lack_are_not_counted():
    """A variance that cannot be had said that it had one cluster, and placebos in time said nothing."""
    frame = small_panel(1).with_columns(region=pl.when(pl.col("id") > 2).then(pl.col("id") % 3))
    curve = specdid.run(
        small_study(
            treatment={"d": {"term": "d", "cohort": "cohort"}}, outcome={"y": "y"}, controls={"none": "1"},
            fixed_effects={"two-way": "id + year"}, vcov={"unit": "~id", "region": "~region"},
            estimator={"OLS": "feols", "CS": "csdid"}, event_study={"window": [-3, 2], "vary": ["estimator"]},
            placebo={"periods": [1], "draws": 19}, inference={"draws": 0, "cluster": "id"},
            table={"vary": ["estimator"]},
        ),
        frame,
        audit=0,
    )  # fmt: skip
    for analysis in curve.analyses:
        for table in analysis.finding.tables:
            found = columns(table)
            if "n_clusters" not in found or "vcov" not in found:
                continue
            rows = [k for k, v in enumerate(found["vcov"]) if v == "region" and found["nobs"][k]]
            assert rows
            assert all(found["n_clusters"][k] is None or np.isnan(found["n_clusters"][k]) for k in rows), table.suffix
            assert all(found["message"][k] for k in rows), table.suffix


@pytest.mark.parametrize(("step", "word"), [("4", "period"), (None, "year")])
def test_periods_of_several_years_are_called_no_years(step, word):
    """A panel of every fourth year had "years since the first treated one" on its axis, and a trend per year."""
    width = int(step or 1)
    frame = small_panel(1, units=60)
    first = frame["year"].min()
    frame = frame.with_columns(
        year=first + (pl.col("year") - first) * width,
        cohort=pl.when(pl.col("cohort") == 0).then(0).otherwise(first + (pl.col("cohort") - first) * width),
    )
    study = {**small_study()["study"], **({"step": step} if step else {})}
    curve, _, _ = run(frame, study=study, event_study={"window": [-2, 2]})
    (chart,) = (c for c in curve.analyses[0].finding.charts if c.figure == "event_study")
    assert chart.data.unit == word


def staggered(never):
    """Two cohorts and units that are treated in ``never``, or not at all."""
    cohort = pl.when(pl.col("id") % 3 == 0).then(2004).when(pl.col("id") % 3 == 1).then(2005).otherwise(never)
    frame = small_panel(1, periods=9).with_columns(cohort=cohort)
    return frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= pl.col("cohort"))).cast(int))


@pytest.mark.parametrize(
    ("never", "effects", "window", "warned"),
    [
        (0, "id + year", [-3, 2], False),
        (2007, "id + year", [-3, 2], True),  # the classical case: with effects of units and periods a trend is open
        (2007, "id", [-3, 2], False),
        (2007, "id[year] + year", [-3, 2], True),
        (0, "id[year] + year", [-3, 2], True),  # a trend of the units takes that of their leads and lags with it
        (0, "group[year] + id + year", [-3, 2], False),
        (2007, "id + year", [-3, 5], True),
        (0, "id[year] + year", [-4, 5], None),  # no end is binned: nothing is identified, and nothing is printed
    ],
)
def test_leads_and_lags_that_constant_ends_identify(never, effects, window, warned):
    """Against the rank of the columns themselves: every relative period its own, beside dummies of all effects."""
    frame = staggered(never)
    changes = {**BASE, "fixed_effects": {"one": effects}, "event_study": {"window": window}}
    curve = specdid.run(small_study(**changes), frame, audit=0)
    found = curve.analyses[0]
    got = said(curve, "identified_by_ends")
    if warned is None:
        assert not got
        assert not [e for t in found.finding.tables[:1] for e in columns(t)["estimate"] if e]
        return
    assert [severity for severity, _ in got] == ["serious"] * warned
    assert warned == any(not one for one in estimable(frame, effects, window))
    (printed,) = (t.print for t in found.finding.tables if t.print)
    assert warned == any("holding effects constant" in text for text in printed.notes)
    (chart,) = found.finding.charts
    assert warned == ("holding effects constant" in note(chart.data))
    assert all(known(message, "zh") for _, message in got)


def estimable(frame, effects, window):
    """Tell which coefficients inside the window lie in the row space of the design, all its dummies written out."""
    unit, year, group, cohort = (frame[name].to_numpy().astype(float) for name in ("id", "year", "group", "cohort"))
    relative = np.where(cohort > 0, year - cohort, np.nan)
    seen = [k for k in np.unique(relative[np.isfinite(relative)]) if k != -1]
    parts = [(relative == k).astype(float) for k in seen]
    codes = {"id": unit, "year": year, "group": group}
    for effect in effects.split(" + "):
        name, _, slope = effect.partition("[")
        for level in np.unique(codes[name]):
            parts.append((codes[name] == level).astype(float))
            if slope:
                parts.append((codes[name] == level) * (year - 2005))
    design = np.column_stack(parts)
    whole = np.linalg.matrix_rank(design)
    for j, k in enumerate(seen):
        if window[0] < k < window[1]:
            yield np.linalg.matrix_rank(np.delete(design, j, axis=1)) < whole

"""Every analysis dates adoption by the declared cohort: rows that a unit lacks do not move it."""

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from simulated import SPEC, analysed, records, simulated, spec_with
from specdid._run.prepare import prepare
from specdid.analyses._base import Bench
from specdid.analyses._timing import timing

DATA = simulated(units=36, cohorts=(2003, 2005))
BARE = {"policy": "d"}
LACKING = [0, 6, 12]
"""Units of cohort 2003 that lose the row in which their treatment begins."""


def without_first_treated_row(data=DATA):
    return data.filter(~(pl.col("id").is_in(LACKING) & (pl.col("year") == 2003)))


def placebo(data, **more):
    found = analysed("placebo", {"draws": 19, "periods": [1, 2]}, data, **more).finding
    return {r["periods_earlier"]: r for r in records(found.tables[2])}, found.warnings


def test_a_row_that_is_missing_after_adoption_changes_no_timing_placebo():
    """The placebo is of rows before adoption, and the rows lost are none of them."""
    whole, _ = placebo(DATA)
    less, warnings = placebo(without_first_treated_row())
    for earlier in (1, 2):
        for number in ("estimate", "std_error", "p_value", "nobs"):
            assert less[earlier][number] == pytest.approx(whole[earlier][number], rel=1e-12)
    assert "undated" not in {w.code for w in warnings}


def test_a_unit_that_is_first_seen_treated_moves_no_window():
    late = DATA.filter(~((pl.col("id") == 6) & (pl.col("year") < 2007)))
    without = DATA.filter(pl.col("id") != 6)
    assert DATA.filter(pl.col("id") == 6)["cohort"][0] == 2003
    for data, more in ((late, {}), (late, {"treatment": BARE})):
        found, expected = placebo(data, **more)[0], placebo(without, **more)[0]
        for earlier in (1, 2):
            assert found[earlier]["estimate"] == pytest.approx(expected[earlier]["estimate"], rel=1e-10)
            assert found[earlier]["nobs"] == expected[earlier]["nobs"]


@pytest.mark.parametrize("more", [{}, {"treatment": BARE}])
def test_a_unit_treated_from_the_first_period_adopts_in_none(more):
    first = DATA["year"].min()
    always = pl.col("id") == 6
    data = DATA.with_columns(
        cohort=pl.when(always).then(first).otherwise(pl.col("cohort")), d=pl.when(always).then(1).otherwise(pl.col("d"))
    )
    prepared = prepare(spec_with("placebo", {"draws": 19}, **more), data)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    (cell,) = bench.cells(prepared.requests[0])
    found = timing(bench, cell)
    assert found.start == 2003
    assert not found.adopted[data.sort("id", "year")["id"].to_numpy() == 6].any()
    assert found.most(bench.periods) == 2005 - first - 1


def test_without_a_cohort_the_first_treated_row_is_taken_and_said():
    found, warnings = placebo(without_first_treated_row(), treatment=BARE)
    frame = without_first_treated_row().to_pandas()
    first = frame[frame["d"] == 1].groupby("id")["year"].min().reindex(frame["id"]).to_numpy()
    frame = frame.assign(first=np.where(np.isnan(first), np.inf, first))
    before = frame[(frame["year"] < frame["first"]) & (frame["year"] < 2005)]
    # a path has no value in the period that the unit lacks: it is untreated there, as the year before
    moved = before.assign(d=(before["year"] + 1 >= before["first"]).astype(float))
    fit = pf.feols("y ~ d + x | id + year", moved, vcov={"CRV1": "id"})
    assert found[1]["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-8)
    (said,) = (w for w in warnings if w.code == "undated")
    assert said.severity == "serious"
    assert "dates 3 units by the first treated row" in said.message


def test_a_treatment_that_is_missing_for_a_row_is_dated_by_the_cohort():
    gap = DATA.with_columns(d=pl.when(pl.col("id").is_in(LACKING) & (pl.col("year") == 2003)).then(None).otherwise("d"))
    whole, less = placebo(DATA)[0], placebo(gap)[0]
    assert less[1]["estimate"] == pytest.approx(whole[1]["estimate"], rel=1e-12)


def test_the_moderator_is_taken_before_the_first_cohort():
    """No unit has a row in its first treated period; the baseline is the year before it all the same."""
    table = {"moderator": "size"}
    holes = DATA.filter(~((pl.col("cohort") == 2003) & (pl.col("year") == 2003)))
    for data in (DATA, holes):
        said = analysed("mechanism", table, data).finding.tables[0].print.notes[0]
        assert "in 2002" in said
    later = analysed("mechanism", table, holes, treatment=BARE)
    assert "in 2003" in later.finding.tables[0].print.notes[0]


def test_the_baseline_is_the_last_period_of_the_data_before_the_first_cohort():
    treated = pl.col("cohort") > 0
    biennial = DATA.filter(pl.col("year") % 2 == 1).with_columns(
        cohort=pl.when(treated).then(2005).otherwise(0), d=(treated & (pl.col("year") >= 2005)).cast(float)
    )
    found = analysed("mechanism", {"moderator": "size"}, biennial).finding
    assert "in 2003" in found.tables[0].print.notes[0]


def test_who_is_matched_as_treated_is_said_by_the_cohort():
    """Unit 6 adopts in 2003 and has no row from then on: it is no control."""
    cut = DATA.filter(~((pl.col("id") == 6) & (pl.col("year") >= 2003)))
    sample = {"m": {"match": {"on": "x + size", "at": "year == 2001", "method": "nearest"}}}
    stated = {"m": {"match": {**sample["m"]["match"], "treated": "cohort > 0"}}}
    spec = {**SPEC, "inference": {"draws": 0}}
    own, said = (specdid.run({**spec, "sample": s}, cut, audit=0).table for s in (sample, stated))
    assert own["estimate"].tolist() == said["estimate"].tolist()
    assert own["nobs"].tolist() == said["nobs"].tolist()
    by_term = specdid.run({**spec, "sample": sample, "treatment": BARE}, cut, audit=0).table
    assert by_term["estimate"].tolist() != own["estimate"].tolist()
    balance, expected = (analysed("balance", {}, cut, sample=s).finding.tables[0] for s in (sample, stated))
    assert [row[-5:] for row in balance.rows] == [row[-5:] for row in expected.rows]


def test_matches_by_different_cohorts_are_different_specifications():
    sample = {"m": {"match": {"on": "x", "at": "year == 2001", "method": "nearest"}}}
    treatment = {"a": {"term": "d", "cohort": "cohort"}, "b": {"term": "d", "cohort": "other"}}
    other = DATA.with_columns(other=pl.when(pl.col("id") == 6).then(0).otherwise("cohort"))
    other = other.filter(~((pl.col("id") == 6) & (pl.col("year") >= 2003)))
    plan = specdid.plan({**SPEC, "sample": sample, "treatment": treatment, "inference": {"draws": 0}}, other)
    assert plan.spec_id(0) != plan.spec_id(1)
    plain = specdid.plan({**SPEC, "treatment": treatment, "inference": {"draws": 0}}, other)
    assert plain.spec_id(0) == plain.spec_id(1)


def test_units_without_any_treatment_are_not_matched():
    unknown = DATA.with_columns(d=pl.when(pl.col("id") == 1).then(None).otherwise("d"))
    sample = {"m": {"match": {"on": "x + size", "at": "year == 2001", "method": "nearest"}}}
    spec = {**SPEC, "sample": sample, "treatment": BARE, "inference": {"draws": 0}}
    found = specdid.run(spec, unknown, audit=0).table
    expected = specdid.run(spec, DATA.filter(pl.col("id") != 1), audit=0).table
    assert found["estimate"].tolist() == expected["estimate"].tolist()


@pytest.mark.parametrize(
    ("more", "severity"),
    [
        ({}, "warning"),
        ({"estimator": {"e": "did2s"}}, "error"),
        ({"estimator": {"e": "sunab"}}, "error"),
        ({"placebo": {"draws": 19}}, "warning"),
        ({"placebo": {"draws": 19, "periods": [1]}}, "error"),
        ({"mechanism": {"moderator": "size"}}, "error"),
        ({"mechanism": {"moderator": "size", "at": "year == 2001"}}, "warning"),
        ({"sample": {"m": {"match": {"on": "x", "at": "year == 2001", "method": "nearest"}}}}, "error"),
    ],
)
def test_a_term_that_differs_from_the_cohort_is_a_fault_where_anything_dates_by_it(more, severity):
    wrong = DATA.with_columns(d=pl.when((pl.col("id") == 0) & (pl.col("year") == 2003)).then(0).otherwise("d"))
    faults = specdid.check({**SPEC, "inference": {"draws": 0}, **more}, wrong)
    (fault,) = (f for f in faults if f.code == "cohort_differs")
    assert fault.severity == severity


@pytest.mark.parametrize("analysis", ["event_study", "honest", "placebo"])
@pytest.mark.parametrize(
    "known",
    [
        pl.col("id") % 4 > 0,  # units between those compared are neither treated nor controls
        pl.col("year") != 2003,  # a donut: the year in which some adopt is neither
        (pl.col("id") * 7 + pl.col("year") * 3) % 5 > 0,
    ],
)
def test_rows_whose_treatment_is_missing_are_in_no_analysis_as_in_no_specification(analysis, known):
    """Dated by a cohort they had been untreated rows of units that adopt, or never treated."""
    keys = {"draws": 19, "periods": [1]} if analysis == "placebo" else {}
    missing = DATA.with_columns(d=pl.when(known).then("d").otherwise(None))
    one, other = (analysed(analysis, keys, data) for data in (missing, DATA.filter(known)))
    assert not one.failure and one.finding.tables  # noqa: PT018
    for ours, theirs in zip(one.finding.tables, other.finding.tables, strict=True):
        if analysis != "placebo" or ours.suffix == "timing":  # which treatments are dealt out is another matter
            assert (ours.header, ours.rows) == (theirs.header, theirs.rows)


def test_periods_have_the_names_of_the_data_and_cohorts_that_no_row_is_in_theirs():
    def month(name):  # 2003 is December 2012; units that enter in 2005 do when nobody is seen
        year = pl.col(name)
        late = pl.when(year <= 2003).then(year - 2003 + 201212).otherwise(year - 2004 + 201301)
        return pl.when(year == 0).then(0).otherwise(late).alias(name)

    data = DATA.with_columns(month("year"), month("cohort")).filter(pl.col("year") != 201302)
    study = {**SPEC["study"], "step": "month"}
    prepared = prepare(spec_with("placebo", {"draws": 19}, study=study), data)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    (cell,) = bench.cells(prepared.requests[0])
    seen = [str(m) for m in sorted(set(data["year"]))]
    assert list(bench.period_names().values()) == seen
    assert sorted(bench.period_names(cell).values()) == sorted([*seen, "201302"])
    assert bench.period_names(cell)[float(np.nanmax(bench.cohort(cell)))] == "201302"

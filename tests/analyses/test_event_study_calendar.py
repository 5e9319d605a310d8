"""Event studies in calendar time: relative time shifted, several cohorts, months."""

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from event_studies import ALL, one, paths_of
from specdid._run.analyse import run_one
from specdid._run.prepare import examine, prepare
from specdid.analyses._event_paths import path
from studies import PANEL, bench_of, columns


def periods_of(finding):
    """A study's lines by period: estimate, standard error, band, treated rows."""
    table = columns(finding.tables[0])
    names = ("estimate", "std_error", "band_low", "n_treated_rows")
    return {
        (table["outcome"][k], table["vcov"][k], table["period"][k]): tuple(table[n][k] for n in names)
        for k, term in enumerate(table["term"])
        if term == "period"
    }


@pytest.mark.parametrize("estimator", ["OLS", "Sun-Abraham", "did2s"])
@pytest.mark.parametrize("window", ["", "window = [{}, {}]\n", 'window = [{}, {}]\nends = "drop"\n'])
def test_with_one_cohort_calendar_time_is_relative_time_shifted(tmp_path, estimator, window):
    fix = f'fix = {{ sample = "batch 1", estimator = "{estimator}" }}\n'
    relative = periods_of(one(tmp_path, fix + window.format(-5, 3)))
    calendar = periods_of(one(tmp_path, f'{fix}time = "calendar"\n' + window.format(2007, 2015)))
    if "drop" not in window:
        assert calendar == {(outcome, vcov, 2012 + k): v for (outcome, vcov, k), v in relative.items()}
        return
    # Outside the window calendar time drops the controls' rows too.
    cut = periods_of(
        one(
            tmp_path,
            f'fix = {{ sample = {{ where = "batch %in% c(0, 2012) & year %in% 2007:2015" }}, '
            f'estimator = "{estimator}" }}\ntime = "calendar"',
        )
    )
    assert calendar == cut


def test_calendar_time_of_several_cohorts_is_a_regression_on_treated_by_year(tmp_path):
    fix = 'fix = { outcome = "ln SO2", treatment = "all batches", controls = "none" }\ntime = "calendar"'
    finding = one(tmp_path, fix)
    frame = pd.read_csv(PANEL)
    treated = (frame["batch"] > 0) & (frame["year"] >= frame["batch"])
    for year in sorted(set(frame["year"]) - {2011}):
        mine = treated if year >= 2012 else frame["batch"] > 0
        frame[f"at{year}"] = ((frame["year"] == year) & mine).astype(float)
    names = [c for c in frame if c.startswith("at")]
    fit = pf.feols(f"ln_so2 ~ {' + '.join(names)} | city_id + year", frame, vcov={"CRV1": "city_id"})
    ours = {k[2]: v for k, v in periods_of(finding).items() if k[1] == "city"}
    for name in names:
        np.testing.assert_allclose(ours[int(name[2:])][:2], (fit.coef()[name], fit.se()[name]), rtol=1e-7)
    assert ours[2011][0] == 0
    assert ours[2013][3] == treated[(frame["year"] == 2013) & frame["ln_so2"].notna()].sum()
    leads = [n for n in names if int(n[2:]) < 2012]
    beta, covariance = fit.coef()[leads].to_numpy(), pd.DataFrame(fit._vcov, fit._coefnames, fit._coefnames)
    wald = beta @ np.linalg.solve(covariance.loc[leads, leads].to_numpy(), beta) / len(leads)
    assert columns(finding.tables[1])["statistic"][0] == pytest.approx(wald, rel=1e-6)
    assert columns(finding.tables[1])["df1"][0] == 6


def test_calendar_time_averages_the_cells_of_sunab_that_are_treated_by_then(tmp_path):
    fix = f'fix = {{ {ALL}, estimator = "Sun-Abraham" }}\ntime = "calendar"'
    ((bench, cell, clock),) = paths_of(tmp_path, fix)
    found = path(bench, cell, clock)
    cells = found.fit.full.cells
    year = cells.cohort + cells.relative
    for k, estimate in zip(found.periods, found.estimate, strict=True):
        here = (year == k) & ((cells.relative >= 0) if k >= 2012 else (cells.relative < 0))
        average = np.average(found.fit.full.estimate[: len(year)][here], weights=cells.size[here])
        assert estimate == pytest.approx(average)
    assert (clock.start, found.references) == (2012, ())
    assert found.notes == (
        "each cohort of sunab is measured against its own period before treatment, so no period is zero",
    )


def test_calendar_time_says_so_everywhere(tmp_path):
    finding = one(
        tmp_path, 'fix = { outcome = "ln SO2", treatment = "all batches" }\ntime = "calendar"\nvary = ["estimator"]'
    )
    assert any("lpdid gives effects by relative time, not by calendar time" in w for w in map(str, finding.warnings))
    (chart,) = finding.charts
    assert (chart.data.reference, chart.data.starts, chart.data.ticks[0]) == (2011, (2012,), "2005")
    printed = finding.tables[0].print
    assert printed.notes[0] == (
        "Effects by calendar period on units treated by then; the first are treated in 2012. "
        "Before, leads of all that will be treated; the reference is 2011."
    )
    assert [row.label for row in printed.blocks[0]][-2:] == ["2010", "2011 (reference)"]
    assert printed.blocks[1][0].label == "2012"


MONTHS = """\
[study]
step = "month"
unit = "id"
time = "month"
data = "given.csv"
[outcome]
"y" = "y"
[treatment]
"d" = { term = "d", cohort = "first" }
[inference]
draws = 0
[event_study]
time = "calendar"
"""


def months():
    rng = np.random.default_rng(3)
    every = [100 * year + month for year in (2012, 2013) for month in range(1, 13)]
    frame = pd.DataFrame([(u, m) for u in range(12) for m in every], columns=["id", "month"])
    frame["first"] = np.where(frame["id"] % 3 == 0, 201301, 0)
    frame["d"] = ((frame["first"] > 0) & (frame["month"] >= frame["first"])).astype(int)
    return frame.assign(y=rng.normal(size=len(frame)))


def test_calendar_months_are_written_as_in_the_data(tmp_path):
    (tmp_path / "s.toml").write_text(MONTHS)
    prepared = prepare(tmp_path / "s.toml", months())
    (analysis,) = prepared.study.analyses
    found = run_one(bench_of(prepared), analysis).finding
    table = columns(found.tables[0])
    assert table["period"][:13] == [*range(201201, 201213), 201301]
    assert table["reference"][11] is True
    assert found.charts[0].data.ticks[12] == "201301"
    for end, message in (
        ("201213", "201213 is no month, as in 201212"),
        ("201401", "no treated unit is seen in 201401"),
    ):
        (tmp_path / "s.toml").write_text(f"{MONTHS}window = [201203, {end}]\n")
        (fault,) = examine(tmp_path / "s.toml", months())[1]
        assert fault.message == message

from types import SimpleNamespace

import numpy as np
import pytest
import specdid
from curves import fits_of, plan_of
from small_studies import small_panel, small_study
from specdid._describe.design_warnings import contradictions
from specdid._records import collect

TWO = {"outcome": ["y"], "estimator": ["OLS", "SA"], "sample": list("abcde")}
ESTIMANDS = {"OLS": "two-way", "SA": "treated"}


def median(p, estimand="two-way", title="wild bootstrap", group="y", n=5):
    return SimpleNamespace(group=group, estimand=estimand, title=title, p_value=p, specifications=n)


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


def test_estimands_of_opposite_signs_are_serious_where_one_is_an_effect():
    found = results(-0.2, 0.1)
    tests = [median(0.001), median(0.4, "treated")]
    (told,) = contradictions(found, tests, {})
    assert (told.severity, told.code, told.where) == ("serious", "estimands_disagree", "y")
    assert told.message == "medians of opposite signs: -0.200 (two-way; p = 0.001) and 0.100 (treated; p = 0.400)"
    assert codes(found, [median(0.3), median(0.4, "treated")], {}) == []
    assert codes(results(-0.2, -0.1), tests, {}) == []


def test_without_a_null_an_effect_is_what_most_estimates_are():
    assert codes(results(-0.2, 0.1, p=0.01), [], {}) == [("serious", "estimands_disagree")]
    assert codes(results(-0.2, 0.1, p=0.5), [], {}) == []


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

import re
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import specdid
from curves import fits_of, plan_of, results_of, subsets
from specdid._curve import Curve
from specdid._records import Audit, Caution, Code, Disagreement, JointTest, NullShares, Section, collect
from specdid._run.show import _fixed
from specdid.report.summary import (
    NO_SHARES,
    NULL_WITHOUT,
    details_md,
    preferred_line,
    shares_cells,
    table,
    terminal_summary,
)

ESTIMANDS = {"OLS": "variance-weighted ATT", "did2s": "ATT over treated rows"}


def grid(**options):
    dimensions = {"outcome": ["ln SO2", "SO2"], "estimator": list(ESTIMANDS)}
    options = {"scales": {"ln SO2": "log points"}, "estimands": ESTIMANDS} | options
    return plan_of(dimensions, subsets("pgdp", "ind2", "ln_open"), **options)


def curve_of(results, **options):
    return Curve(results, draw=lambda *_: None, summarise=details_md, **options)


def sections_of(text):
    parts = re.split(r"^## (.*)\n\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], (p.strip() for p in parts[2::2]), strict=True))


def sections(planned, **options):
    return sections_of(curve_of(results_of(planned, **options)).summary())


def test_it_begins_with_the_title_and_the_accounting_line():
    planned = grid(excluded={0: "later"}, twins={9: 4})
    text = curve_of(results_of(planned, fails={1: Code.ABSORBED}, same={6: 5})).summary()
    assert text.splitlines()[:3] == [
        "# Smart-city pilots and industrial pollution",
        "",
        "32 planned = 28 ok + 1 failed + 1 excluded + 2 duplicate",
    ]
    assert text.endswith("\n")
    assert "\n\n\n" not in text


def test_shares_stand_beside_those_expected_under_the_null():
    results = results_of(grid())
    shares = NullShares(6, 0.5, 0.25, 0.031, 0.024, "province", "wild")
    curve = curve_of(results, null_shares={("log points", "variance-weighted ATT"): shares})
    lines = sections_of(curve.summary())["Estimates in log points"].splitlines()
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines]
    assert cells[0][5:] == ["tested", "p < 0.05, < 0", "under the null", "p < 0.05, > 0", "under the null", "the null"]
    assert cells[2][5:] == ["6", "50.0%", "3.1%", "25.0%", "2.4%", "wild"]
    assert cells[3][5:] == ["0", "–", "–", "–", "–", "–"]
    assert "clustered by `province`" in lines[-1]
    assert "no null tested these specifications" in lines[-1]


def test_the_first_page_names_the_null_of_each_line_where_there_are_several():
    """A wild bootstrap's share beside a permutation's looked like a difference of estimators."""
    results = results_of(grid())
    first, second = [f for f in results.families if f.shown == "log points"][:2]
    for other, named in (("permutation", True), ("wild", False)):
        shares = {
            (f.shown, f.estimand): NullShares(6, 0.5, 0.25, 0.031, 0.024, "province", null)
            for f, null in ((first, "wild"), (second, other))
        }
        header = next(
            line for line in terminal_summary(curve_of(results, null_shares=shares)).splitlines() if "p < 0.05" in line
        )
        assert ("the null |" in header.replace("under the null", "")) == named


def test_shares_of_one_null_are_named_where_two_were_drawn():
    results = results_of(grid())
    (family, *_) = (f for f in results.families if f.shown == "log points")
    shares = {(family.shown, family.estimand): NullShares(6, 0.5, 0.25, 0.031, 0.024, "", "permutation")}

    def header(*nulls):
        row = (2.3, -1.4, 1.4, 0.005, 199, "primary")
        tests = tuple(SimpleNamespace(tests=(JointTest(null, "median t", *row, specifications=6),)) for null in nulls)
        lines = terminal_summary(curve_of(results, null_shares=shares, tests=tests)).splitlines()
        return next(line for line in lines if "p < 0.05" in line)

    assert header("permutation").count("the null") == 2
    assert header("wild", "permutation").count("the null") == 3


def test_what_is_significant_is_counted_by_each_vcov_where_they_do_not_agree():
    results = results_of(grid(vcovs=("county", "play")))
    group = next(g for g in results.groups() if g.shown == "log points")
    places = results.order(group)
    p = results.numbers["p_value"]
    p[~np.isnan(p)] = 0.01
    assert "by `play`" not in terminal_summary(curve_of(results))
    p[places[:5], 1] = 0.2
    p[places[5], 1] = np.nan
    said = f"p < 0.05 for {len(places)} of {len(places)} by `county`, {len(places) - 6} of {len(places) - 1} by `play`."
    for text in (terminal_summary(curve_of(results)), curve_of(results).summary()):
        assert text.count(f"Estimates in log points: Errors decide what is significant: {said}") == 1


def test_what_is_significant_names_no_scale_where_there_is_one():
    results = results_of(plan_of({"outcome": ["SO2"]}, subsets("pgdp", "ind2"), vcovs=("county", "play")))
    p = results.numbers["p_value"]
    p[:, 0], p[:, 1] = 0.01, 0.2
    text = terminal_summary(curve_of(results))
    assert "\nErrors decide what is significant: p < 0.05 for 4 of 4 by `county`, 0 of 4 by `play`." in text


def test_without_a_null_no_share_is_printed_and_a_sentence_says_what_to_do():
    found = sections_of(curve_of(results_of(grid())).summary())
    for title in ("Estimates in log points", "Effect on SO2"):
        assert "%" not in found[title]
        assert "p < " not in found[title]
        assert found[title].splitlines()[-1] == NO_SHARES


def test_where_a_null_was_asked_for_it_is_not_asked_for_again():
    for code in ("untested", "no_test", "no_primary"):
        curve = curve_of(results_of(grid()), warnings=(Caution("note", code, "why"),))
        assert sections_of(curve.summary())["Effect on SO2"].splitlines()[-1] == NULL_WITHOUT


def test_there_is_a_table_per_scale_and_a_line_per_estimand():
    results = results_of(grid())
    found = sections_of(curve_of(results).summary())
    lines = found["Estimates in log points"].splitlines()
    assert len(lines) == 6
    cells = [c.strip() for c in lines[2].strip("|").split("|")]
    chosen = results.estimate[:16:2]
    assert cells[:2] == ["variance-weighted ATT", "8"]
    assert [float(c.replace("−", "-")) for c in cells[2:5]] == [
        pytest.approx(v, abs=6e-4) for v in (np.median(chosen), chosen.min(), chosen.max())
    ]
    assert "Effect on SO2" in found


def test_the_preferred_has_its_number_interval_and_rank():
    results = results_of(grid(preferred=4))
    found = sections_of(curve_of(results).summary())["Preferred specification"]
    rank = int((results.estimate[:16:2] < results.estimate[4]).sum()) + 1
    assert found.startswith("`ln SO2 ~ dudt + ind2 | city_id + year`")
    assert "95% CI" in found
    assert re.search(rf"\b{rank}(st|nd|rd|th) of 8, from the lowest estimate", found)


def test_a_preferred_without_a_number_says_why():
    found = sections(grid(preferred=4), fails={4: Code.NOT_CONVERGED})["Preferred specification"]
    assert "It has no estimate (failed): the estimator did not converge" in found
    found = sections(grid(preferred=4, excluded={4: "levels only for PPML"}))["Preferred specification"]
    assert "(excluded): levels only for PPML." in found


def test_a_preferred_duplicate_points_to_its_twin():
    found = sections(grid(preferred=6), same={6: 4})["Preferred specification"]
    assert "same model as specification 5 (" in found
    assert " of 7, from the lowest" in found


def test_that_no_specification_is_preferred_is_said():
    said = "No specification is preferred: a table [preferred] in the spec file names one."
    assert sections(grid())["Preferred specification"] == said
    for preferred, lines in ((-1, 1), (4, 0)):
        page = terminal_summary(curve_of(results_of(grid(preferred=preferred))))
        assert page.splitlines().count(said) == lines


def test_gaps_of_time_are_on_the_first_page():
    said = "the periods of `year` are 2 apart (1979, 1981): lags, leads and event time count the periods between"
    curve = curve_of(results_of(grid()), warnings=(Caution("note", "time_gaps", said), Caution("note", "other", "o")))
    assert terminal_summary(curve).splitlines().count(f"T{said[1:]}") == 1


def test_reasons_are_counted_most_frequent_first():
    excluded = {0: "levels only", 1: "levels only", 2: "not in this paper"}
    found = sections(grid(excluded=excluded), fails={9: Code.ABSORBED, 11: Code.ABSORBED, 12: Code.NO_ROWS})
    assert found["Excluded"].splitlines() == ["- 2 `rule`: levels only", "- 1 `rule`: not in this paper"]
    failed = found["Failed"].splitlines()
    assert failed[0].startswith("- 2 `absorbed`: ")
    assert failed[1].startswith("- 1 `no_rows`: no row is left")
    assert "Duplicates" not in found


def test_failures_that_differ_in_numbers_alone_are_one():
    detail = {0: "3 of 22 units", 1: "3 of 20 units (1.5)", 2: "2 of 22 units", 3: "`x1` is text", 4: "`x2` is text"}
    failed = sections(grid(), fails=dict.fromkeys(detail, Code.ESTIMATOR_ERROR), detail=detail)["Failed"].splitlines()
    assert [line.partition(" `")[0] for line in failed] == ["- 2", "- 1", "- 1", "- 1"]
    assert failed[0].endswith("3 of 22 units, and the same with other numbers")


def test_a_long_list_of_reasons_is_cut_and_counted():
    detail = {s: f"reason {chr(97 + s)}" for s in range(20)}
    failed = sections(grid(), fails=dict.fromkeys(detail, Code.ESTIMATOR_ERROR), detail=detail)["Failed"].splitlines()
    assert len(failed) == 13
    assert failed[-1] == "- 8 more for 8 other reasons: see `message` in the results"


def test_when_nothing_was_estimated_it_says_so():
    planned = grid()
    found = sections(planned, fails=dict.fromkeys(range(32), Code.NO_ROWS))
    assert found["Estimates"] == "No specification could be estimated."
    assert "Samples" not in found


def test_samples_give_ranges_and_leave_out_what_never_happened():
    found = sections(grid())["Samples"]
    assert re.search(r"^- rows: 1,9\d\d to 2,\d\d\d$", found, re.MULTILINE)
    assert "- clusters: 210 in every specification" in found
    assert "singletons" not in found


def test_a_missing_standard_error_is_mentioned():
    planned = grid()
    fits = fits_of(planned)
    fits.std_error[3] = fits.p_value[3] = np.nan
    found = sections_of(curve_of(collect(planned, [fits], ["x"])).summary())
    assert "1 of them have no standard error under `city`" in found["Estimates in log points"]
    assert "no standard error" not in found["Effect on SO2"]


def test_a_good_audit_is_one_line():
    audit = Audit(25, 32, 1.2e-12, 3e-11, reference="pyfixest 0.60.0")
    found = sections_of(curve_of(results_of(grid()), audit=audit, one_by_one=16).summary())
    assert found["Estimation and audit"].splitlines() == [
        "- 16 specifications were estimated one by one, not in batches",
        "- audit: 25 of 32 estimated again by pyfixest 0.60.0; largest differences |Δβ|/se 1.2e-12, "
        "|Δse|/se 3.0e-11; all within 1e-06",
    ]


def test_a_bad_audit_is_loud():
    one = Disagreement("00ff00ff00ff00ff", 7, 0.5, 0.75, 0.1, 0.1, 2.5, 0.0, "id", "the coefficient differs")
    audit = Audit(25, 32, 2.5, 3e-11, disagreements=(one,))
    text = curve_of(results_of(grid()), audit=audit).summary()
    assert "**AUDIT FAILED for 1**: do not use these results" in text
    assert "00ff00ff00ff00ff" in text


def test_later_stages_add_sections_before_the_warnings():
    curve = curve_of(
        results_of(grid()),
        sections=(Section("Inference", ("- wild: p = 0.031",)),),
        warnings=(Caution("serious", "few_clusters", "few clusters"),),
    )
    found = sections_of(curve.summary())
    assert list(found)[-2:] == ["Inference", "Warnings"]
    assert found["Warnings"] == "- **serious**: few clusters"


def test_tables_are_aligned_as_text_also_with_chinese():
    lines = table(("estimand", "n"), [("平均处理效应", "1,024"), ("a|b", "3")])
    assert lines == (
        "| estimand     |     n |",
        "| ------------ | ----: |",
        "| 平均处理效应 | 1,024 |",
        "| a\\|b         |     3 |",
    )


def test_tiny_estimates_have_their_digits_and_zero_no_sign():
    planned = grid()
    fits = fits_of(planned)
    fits.estimate[:] = -1e-9 * (1 + np.arange(len(fits.estimate)))
    for values in (fits.conf_low, fits.conf_high):
        values[:] = -1e-9
    text = curve_of(collect(planned, [fits], ["x"])).summary()
    assert "−0.0000000010" in text
    assert not re.search(r"−0\.?0*(?![\d.])", text)
    assert _fixed(-1e-9, 3) == "0.000"


def test_the_preferred_of_several_with_one_number_has_their_ranks():
    frame = pl.DataFrame({"id": np.repeat(np.arange(12), 6), "year": np.tile(np.arange(6), 12)})
    frame = frame.with_columns(cohort=pl.when(pl.col("id") < 4).then(4).otherwise(0))
    frame = frame.with_columns(d=((pl.col("cohort") > 0) & (pl.col("year") >= 4)).cast(pl.Int64))
    frame = frame.with_columns(y=pl.Series(np.random.default_rng(1).normal(size=72)))
    study = {
        "study": {"data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {"y": "y"},
        "treatment": {"d": {"term": "d", "cohort": "cohort"}},
        "estimator": {"one": "sdid", "two": {"method": "sdid", "vce": "placebo", "replications": 5}},
        "preferred": {"estimator": "two"},
        "inference": {"draws": 0},
    }
    curve = specdid.run(study, frame, audit=0, jobs=1)
    assert ": 1st to 2nd (2 of one number) of 2, from the lowest estimate" in preferred_line(curve.results)


def test_a_share_is_all_or_none_only_where_it_is():
    """Of 10,000 specifications 4 without significance were "100.0%" here and "99.96%" in the figure."""
    cells = shares_cells(NullShares(10_000, 0.9996, 0.0, 0.0003, 1.0))
    assert cells[1:5] == ("99.96%", "0.03%", "0.0%", "100.0%")

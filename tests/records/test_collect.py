"""From fits to results: order, accounting, duplicates, and failures in words."""

from dataclasses import replace

import numpy as np
import pytest
import specdid
from curves import fits_of, results_of
from recorded import grid
from small_studies import small_panel, small_study
from specdid._records import (
    CODES,
    Code,
    Status,
    collect,
)
from specdid._records.fits import failure_message
from specdid._records.read import read_results
from specdid.analyses._fit import why_open


def test_the_accounting_line_holds_whatever_happens():
    planned = grid(excluded={0: "PPML takes levels"}, twins={9: 4})
    counts = results_of(planned, fails={1: Code.ABSORBED}, same={6: 5}).counts
    assert str(counts) == "16 planned = 12 ok + 1 failed + 1 excluded + 2 duplicate"


def test_blocks_may_come_in_any_order():
    planned = grid()
    fits = fits_of(planned)
    one, two = (
        replace(
            fits,
            **{
                name: getattr(fits, name)[part]
                for name in fits.__slots__
                if isinstance(getattr(fits, name), np.ndarray)
            },
        )
        for part in (slice(0, 7), slice(7, None))
    )
    both, reverse = collect(planned, [one, two], ["x"]), collect(planned, [two, one], ["x"])
    whole = collect(planned, [fits], ["x"])
    for other in (both, reverse):
        for name, values in whole.numbers.items():
            assert np.array_equal(values, other.numbers[name], equal_nan=True), name
        assert np.array_equal(whole.status, other.status)


def test_a_term_of_several_columns_is_named_where_all_of_them_were_left_out():
    labels, factor = ["x", "factor(g)2", "factor(g)3", "z"], {(1, 2): "factor(g)"}
    planned = grid()
    fits = replace(fits_of(planned), dropped={0: (1, 2), 1: (2,), 2: (0, 1, 2, 3), 3: (2, 3)})
    found = collect(planned, [fits], labels, terms=factor).dropped
    assert [found.at(k) for k in range(5)] == ["factor(g)", "factor(g)3", "x + factor(g) + z", "factor(g)3 + z", None]


@pytest.mark.usefixtures("undrawn")
def test_an_absorbed_factor_is_named_once_in_a_run(tmp_path):
    study = small_study(controls={"both": "x1 + factor(group)", "curved": "x3 + poly(x1, 2)"})
    specdid.run(study, small_panel(), out=tmp_path / "run", audit=0)
    results = read_results(tmp_path / "run")
    assert {results.dropped.at(s) for s in range(len(results.status))} == {None, "factor(group)"}


def test_what_was_not_reached_is_a_failure_that_says_so():
    planned = grid()
    results = collect(planned, [], [])
    assert results.counts.failed == len(planned)
    assert CODES[results.code[0]] == "interrupted"
    assert "interrupted" in (results.message.at(0) or "")


def test_the_later_of_two_same_models_becomes_the_duplicate_and_loses_its_numbers():
    results = results_of(grid(), same={6: 2})
    assert results.status[6] == Status.DUPLICATE
    assert results.twin[6] == 2
    assert np.isnan(results.estimate[6])
    assert results.numbers["nobs"][6] == -1
    assert CODES[results.code[6]] == "same_model"
    assert results.status[2] == Status.OK


def test_a_content_duplicate_follows_its_twin_to_the_row_with_numbers():
    results = results_of(grid(twins={9: 6}), same={6: 2})
    assert results.twin[[6, 9]].tolist() == [2, 2]


def test_same_models_are_kept_apart_where_that_is_asked_and_where_there_is_no_signature():
    planned = grid()
    fits = fits_of(planned, same={6: 2})
    assert collect(planned, [fits], ["x"], same_model=False).counts.duplicate == 0
    unsigned = replace(fits, signature=np.zeros_like(fits.signature))
    assert collect(planned, [unsigned], ["x"]).counts.duplicate == 0


def test_the_preferred_one_is_found_at_its_twin():
    assert results_of(grid(preferred=6), same={6: 2}).preferred == 2
    assert results_of(grid(preferred=6)).preferred == 6


@pytest.mark.parametrize(
    ("code", "culprit", "said"),
    [
        (
            Code.ABSORBED,
            "dudt",
            "the fixed effects `city + year` absorb `dudt`: it does not vary within them",
        ),
        (Code.NO_ROWS, "", "no row is left after the sample condition, missing values and singletons"),
        (Code.NO_TREATMENT_VARIATION, "", "`dudt` does not vary in these rows: all are treated alike"),
        (Code.NOT_IDENTIFIED, "twice", "`twice` is, after the fixed effects, a combination that loads on"),
        (Code.NOT_IDENTIFIED, "", "`dudt` is, after the fixed effects, a combination of the controls"),
        (Code.NO_OUTCOME_VARIATION, "", "the outcome `ln SO2` does not vary within the fixed effects"),
        (Code.TOO_FEW_CLUSTERS, "", "fewer than two clusters are left"),
        (Code.NOT_CONVERGED, "", "the estimator did not converge"),
        (Code.ESTIMATOR_ERROR, "", "the estimator could not fit this specification"),
    ],
)
def test_failures_are_said_in_a_researchers_words(code, culprit, said):
    assert said in failure_message(code, "dudt", "ln SO2", "city + year", culprit)


def test_ticks_of_names_do_not_end_what_is_quoted():
    """The message had ``District ID` + Year`."""
    said = failure_message(Code.ABSORBED, "did", "y", "`District ID` + Year", "")
    assert said == "the fixed effects `District ID + Year` absorb `did`: it does not vary within them"
    assert why_open((), ("`District ID`", "Year")) == "the fixed effects `District ID + Year` absorb it"


def test_absorbed_without_fixed_effects_names_the_intercept():
    assert "equals the intercept" in failure_message(Code.ABSORBED, "dudt", "y", "", "")


def test_an_estimators_own_words_come_first():
    results = results_of(grid(), fails={3: Code.ESTIMATOR_ERROR}, detail={3: "no never-treated unit"})
    assert results.message.at(3) == "no never-treated unit"

"""Treatments that are dealt out more finely than they were assigned, logs of zeros, treatments coded 1 and 2."""

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid._records.cautions import from_fault

DATA = small_panel().with_columns(
    state=(pl.col("id") - 1) // 3,
    s=((((pl.col("id") - 1) // 3) % 2 == 0) & (pl.col("year") >= 2004)).cast(pl.Int64),
)


def study(**changes):
    base = {"controls": {"n": "1"}, "outcome": {"y": "y"}, "fixed_effects": {"t": "id + year"}, "vcov": {"u": "~state"}}
    return small_study(**{**base, "treatment": {"d": "s"}, **changes})


PERMUTED = {"draws": 99, "null": ["permutation"], "assign": "s"}


@pytest.mark.parametrize(
    "changes",
    [
        {"inference": PERMUTED},
        {"inference": {**PERMUTED, "cluster": "state"}, "vcov": {"u": "~id"}},
        {"placebo": {"draws": 19}},
        {"placebo": {"draws": 19}, "vcov": {"u": "~id"}, "fixed_effects": {"t": "id + state[year] + year"}},
    ],
)
def test_a_treatment_of_states_is_not_dealt_out_to_units_in_silence(changes):
    (fault,) = [f for f in specdid.check(study(**changes), DATA) if f.code == "level_too_fine"]
    assert fault.severity == "warning"
    assert "never varies within `state` and year, and is dealt out to 24 of `id`, not to 8 of `state`" in fault.message
    assert fault.help == 'write level = "state" in [inference]'
    told = {**changes.get("inference", {"draws": 0}), "level": "state"}
    assert "level_too_fine" not in {f.code for f in specdid.check(study(**{**changes, "inference": told}), DATA)}


@pytest.mark.parametrize(
    "changes", [{"treatment": {"d": "d"}, "inference": {**PERMUTED, "assign": "d"}}, {}, {"vcov": {"u": "~id"}}]
)
def test_where_it_varies_or_nothing_is_dealt_out_nothing_is_said(changes):
    assert "level_too_fine" not in {f.code for f in specdid.check(study(**changes), DATA)}


def zeros(rows):
    return DATA.with_columns(z=pl.Series(np.where(rows, 0.0, DATA["z"].to_numpy())))


UNIT, TREATED = DATA["id"].to_numpy(), (DATA["state"] % 2 == 0).to_numpy()
ROW = np.arange(len(UNIT))


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        (ROW % 5 == 0, "log_of_zero", "in 34 of 168 rows (20.2%), 20.2% of the treated's and 20.2% of the others'"),
        ((ROW == 3) | (ROW == 30), "log_of_few", "in 2 of 168 rows (1.2%), 1.2% of the treated's and 1.2% of the"),
        (TREATED & (ROW % 21 == 0), "log_of_zero", "in 4 of 168 rows (2.4%), 4.8% of the treated's and 0.0% of the"),
    ],
)
def test_logs_of_zeros_are_counted(rows, code, words):
    (fault,) = specdid.check(study(outcome={"log z": "log(z)"}), zeros(rows))
    assert (fault.code, fault.severity) == (code, "warning")
    assert words in fault.message
    assert from_fault(fault).severity == ("serious" if code == "log_of_zero" else "note")


def test_no_log_or_no_zero_is_no_warning():
    assert list(specdid.check(study(outcome={"z": "z"}), zeros(ROW % 5 == 0))) == []
    assert list(specdid.check(study(outcome={"z": "log(z)"}), DATA)) == []


def test_a_treatment_coded_1_and_2_is_told_what_to_write():
    data = DATA.with_columns(s=pl.col("s") + 1)
    (fault,) = specdid.check(study(), data)
    assert (fault.code, fault.severity) == ("not_zero_one", "warning")
    assert fault.message == "the treatment `s` is 1 or 2, not 0 or 1: no row counts as untreated"
    assert fault.help == 'where 2 is treated, write d = "s == 2"'
    assert list(specdid.check(study(treatment={"d": "s == 2"}), data)) == []

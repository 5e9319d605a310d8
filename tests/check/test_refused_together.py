"""What plan or run refuse, or of which nothing can be estimated, check refuses too: a table of bad studies."""

import polars as pl
import pytest
import specdid
from small_studies import small_panel

DATA = small_panel().with_columns(
    x2=pl.col("x2").fill_null(0.0),
    pilot=(pl.col("cohort") > 0).cast(pl.Int64),
    post=(pl.col("year") >= 2004).cast(pl.Int64),
    neg=-pl.col("z"),
    none=pl.lit(None, dtype=pl.Float64),
    one=pl.lit(1),
    text=pl.when(pl.col("id") % 2 == 0).then(pl.lit("a")).otherwise(pl.lit("b")),
)
PANEL = {"data": "given.csv", "unit": "id", "time": "year"}
D, BARE, DOSE = {"d": {"term": "d", "cohort": "cohort"}}, {"d": "d"}, {"d": {"term": "x1", "cohort": "cohort"}}
PERMUTED = {"draws": 19, "null": ["permutation"], "assign": "d + cohort"}
NEAREST = {"on": "x1", "at": "year == 2001", "method": "nearest"}
METHODS = ("sunab", "lpdid", "did2s", "fepois", "logit")

BAD = {
    **{f"{m} without a cohort": {"treatment": BARE, "estimator": {"e": m}} for m in ("sunab", "lpdid")},
    **{f"{m} with a dose": {"treatment": DOSE, "estimator": {"e": m}} for m in ("sunab", "lpdid", "did2s")},
    **{
        f"{m} of a cross-section": {"study": {"data": "given.csv"}, "estimator": {"e": m}, "fixed_effects": {"n": "0"}}
        for m in ("sunab", "lpdid")
    },
    "constant within units": {"treatment": {"d": "pilot"}},
    "constant within periods": {"treatment": {"d": "post"}},
    "constant within units, fepois": {"treatment": {"d": "pilot"}, "estimator": {"e": "fepois"}, "outcome": {"z": "z"}},
    "constant in the sample": {"sample": {"s": "d == 1"}},
    "untreated only": {"sample": {"s": "d == 0"}},
    "all treated at once": {"sample": {"s": "cohort == 2004"}},
    "no never treated for sunab": {"sample": {"s": "cohort > 0"}, "estimator": {"e": "sunab"}},
    "one cohort alone for sunab": {"sample": {"s": "cohort == 2004"}, "estimator": {"e": "sunab"}},
    "effects that absorb cohorts": {"fixed_effects": {"f": "id + cohort^year"}},
    "effects of single rows": {"fixed_effects": {"f": "id^year"}},
    "an absorbing variant": {"variant": {"v": {"a": {"absorb": "cohort^year"}}}},
    "outcome missing": {"outcome": {"y": "none"}},
    "outcome constant": {"outcome": {"y": "one"}},
    "outcome is the treatment": {"outcome": {"y": "d"}},
    "negative outcome for Poisson": {"outcome": {"y": "neg"}, "estimator": {"e": "fepois"}},
    "outcome for logit": {"estimator": {"e": "logit"}},
    "control missing": {"controls": {"c": "none"}},
    "control missing, common": {"study": {**PANEL, "missing": "common"}, "controls": {"a": "none", "b": "1"}},
    "polynomial of a constant": {"controls": {"c": "poly(one, 2)"}},
    "empty sample": {"sample": {"s": "x1 > 1e9"}},
    "everything excluded": {"exclude": [{"when": {"outcome": "y"}, "because": "so"}]},
    "one cluster": {"vcov": {"c": "~one"}},
    "window of lpdid": {"estimator": {"e": {"method": "lpdid", "post_window": 50}}},
    "window of lpdid below 0": {"estimator": {"e": {"method": "lpdid", "post_window": -3}}},
    "name too long for a file": {"table": {"n" * 300: {"vary": ["controls"]}}},
    "name too long in Chinese": {"table": {"城" * 90: {"vary": ["controls"]}}},
    "names of one file": {"table": {"a b": {"vary": ["controls"]}, "a_b": {"vary": ["controls"]}}},
    "fix without a meaning": {"table": {"fix": {"controls": "zzz"}}},
    "event study without a cohort": {"treatment": BARE, "event_study": {}},
    "balance without a match": {"balance": {}},
    "empty group": {"heterogeneity": {"groups": {"a": "x1 > 1e9", "b": "x1 < 1e9"}}},
    "placebo before the data": {"placebo": {"draws": 19, "periods": [9]}},
    "match without treated": {"sample": {"m": {"match": {**NEAREST, "treated": "x1 > 1e9"}}}},
    "match without rows": {"sample": {"m": {"where": "x1 > 1e9", "match": NEAREST}}},
    "strata that are no column": {"inference": {**PERMUTED, "strata": "zzz"}},
    "strata of units": {"inference": {**PERMUTED, "strata": "id"}},
    "one level": {"inference": {**PERMUTED, "level": "one"}},
    "assign by half": {"inference": {**PERMUTED, "assign": "d"}},
    "too many": {"controls": {"c": "mvsw(x1, x2, x3, z, w)"}, "run": {"limit": 3}},
    "negative weights": {"weights": {"w": "neg"}},
    "text as weights": {"weights": {"w": "text"}},
    "repeated rows": {"study": {"data": "given.csv", "unit": "year", "time": "year"}},
    "lag without a unit": {"study": {"data": "given.csv"}, "treatment": BARE, "controls": {"c": "l(x1)"}},
    "no such specification": {"appendix": {"show": ["abcd"]}},
}


def study(changes):
    base = {"study": PANEL, "outcome": {"y": "y"}, "treatment": D, "inference": {"draws": 0}}
    return {**base, **changes}


@pytest.mark.parametrize("case", BAD)
def test_check_refuses_it(case):
    asked = study(BAD[case])
    errors = specdid.check(asked, DATA).errors
    assert errors
    assert all(f.message and (f.path or f.place) is not None for f in errors)
    for refuse in (specdid.plan, lambda s, d: specdid.run(s, d, audit=0)):
        with pytest.raises(specdid.SpecError) as caught:
            refuse(asked, DATA)
        assert {f.message for f in caught.value.faults} >= {f.message for f in errors}


GOOD = {
    "least squares": {},
    "without any effect": {"treatment": {"d": "pilot"}, "fixed_effects": {"n": "0"}},
    "a dose": {"treatment": {"d": "x1"}},
    "one option of two": {"treatment": {"a": "pilot", "b": "d"}},
    "a sample of two": {"sample": {"a": "x1 > 1e9", "b": "TRUE"}},
    "an estimator of two": {"treatment": BARE, "estimator": {"a": "feols", "b": "sunab"}},
    "a control of two": {"controls": {"a": "none", "b": "1"}},
    "a further vcov": {"vcov": {"a": "~id", "b": "~one"}},
    "slopes of a constant": {"fixed_effects": {"f": "id[one] + year"}},
    "no never treated": {"sample": {"s": "cohort > 0"}, "estimator": {"e": {"method": "sunab", "control": "notyet"}}},
    **{m: {"estimator": {"e": m}, "outcome": {"y": "x1 > 0" if m == "logit" else "z"}} for m in METHODS},
}  # fmt: skip


@pytest.mark.parametrize("case", GOOD)
def test_what_check_passes_has_a_number(case):
    asked = study(GOOD[case])
    assert not specdid.check(asked, DATA).errors
    table = specdid.run(asked, DATA, audit=0).table
    assert (table["status"] == "ok").any(), table["message"].tolist()


UNUSED = {
    "one option of two": ("option_fails", "the treatment `a` will fail: the treatment `pilot` does not vary within"),
    "a sample of two": ("empty_sample", "no row satisfies this condition"),
    "an estimator of two": ("option_unused", "the estimator `b`: sunab needs a cohort and `d` declares none"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSED)
def test_an_option_that_no_specification_can_use_is_named(case):
    code, words = UNUSED[case]
    (said,) = (f for f in specdid.check(study(GOOD[case]), DATA) if f.code == code)
    assert said.severity == "warning"
    assert words in said.message

"""A cluster that is missing: nothing in rows that no specification uses, else a fault, or a note of a further vcov."""

import numpy as np
import polars as pl
import pyfixest as pf
import pytest
import specdid
from programs import execute
from small_studies import small_panel, small_study
from specdid._manual import find
from specdid._run.prepare import prepare
from specdid._run.show import code_of

pytestmark = pytest.mark.usefixtures("audit_here")

BASE = small_panel().with_columns(x2=pl.col("x2").fill_null(0.0), state=pl.col("id") % 6)
ROWS = [3, 10, 11]
"""Rows whose state is missing; of units 1 and 2."""


def gaps(data, rows, column="state"):
    hit = pl.int_range(pl.len()).is_in(rows)
    return data.with_columns(pl.when(hit).then(None).otherwise(pl.col(column)).alias(column))


DATA = gaps(BASE, ROWS)
VCOV = {"id": "~id", "state": "~state", "both": "~id + state", "robust": "hetero"}
FEW = {"controls": {"n": "1", "x": "x1"}, "outcome": {"y": "y"}, "fixed_effects": {"t": "id + year"}, "vcov": VCOV}


def study(**changes):
    return small_study(**{**FEW, **changes})


def rows_of(table, vcov):
    return table[table["vcov"] == vcov].set_index("index")


ESTIMATORS = {"a": "feols", "b": "sunab", "c": "did2s", "d": {"method": "lpdid", "post_window": 1}, "e": "fepois"}


@pytest.fixture(scope="module")
def curves():
    changes = {
        "estimator": ESTIMATORS,
        "outcome": {"z": "z"},
        "sample": {"all": "TRUE", "some": "id > 2"},
        "exclude": [{"when": {"estimator": "d", "controls": "x"}, "because": "x"}],
    }
    return [specdid.run(study(**changes), data, audit=None) for data in (DATA, BASE)]


def test_estimates_are_those_of_the_whole_data(curves):
    lacking, whole = (c.table for c in curves)
    for vcov in ("id", "robust"):
        a, b = rows_of(lacking, vcov), rows_of(whole, vcov)
        for column in ("estimate", "std_error", "p_value", "nobs", "n_missing", "status"):
            np.testing.assert_array_equal(a[column].to_numpy(), b[column].to_numpy())
    assert curves[0].audit.disagreements == ()
    assert curves[0].audit.checked > 0


@pytest.mark.parametrize("vcov", ["state", "both"])
def test_a_further_vcov_is_empty_where_its_cluster_is_missing_and_says_why(curves, vcov):
    lacking, whole = (rows_of(c.table, vcov) for c in curves)
    some, every = lacking["sample"] == "some", (lacking["sample"] == "all") & (lacking["status"] == "ok")
    np.testing.assert_array_equal(lacking[some]["std_error"], whole[some]["std_error"])
    assert every.sum() >= 9
    assert lacking[every][["std_error", "p_value", "conf_low", "df", "n_clusters"]].isna().all(axis=None)
    for words in lacking[every]["message"]:
        assert words == "`state` is missing in 3 of these rows, so this variance cannot be computed"


def test_the_check_says_so_and_does_not_stop():
    faults = specdid.check(study(), DATA)
    (said,) = (f for f in faults if f.code == "vcov_missing" and f.path[-1] == "state")
    assert said.severity == "warning"
    assert said.message == (
        "`state` is missing in rows 4, 11 and 12, which specifications use: those have no standard error by it"
    )
    assert not faults.errors


@pytest.mark.parametrize(
    "changes",
    [
        {"outcome": {"y": "y"}},
        {"sample": {"s": "id > 2"}, "data": BASE},
        {"controls": {"x": "w2"}},
    ],
    ids=["outcome", "sample", "control"],
)
@pytest.mark.parametrize("first", [True, False])
def test_rows_that_no_specification_uses_do_not_matter(changes, first):
    """There the outcome is missing, the sample is without them, or the only control is missing."""
    data = gaps(DATA, ROWS, "y") if "outcome" in changes else DATA
    data = gaps(data.with_columns(w2=pl.col("x1")), ROWS, "w2")
    changes = {k: v for k, v in changes.items() if k != "data"}
    inference = {"draws": 19, "cluster": "state", "null": ["wild"]} if first else {"draws": 0}
    asked = study(**{**changes, "vcov": {"s": "~state"} if first else VCOV, "inference": inference})
    assert not [f for f in specdid.check(asked, data) if "missing" in f.code]
    curve = specdid.run(asked, data, audit=0)
    assert curve.table["std_error"].notna().all()
    assert (curve.joint != ()) == first


@pytest.mark.parametrize("where", ["vcov", "cluster", "level", "strata"])
def test_what_the_curve_rests_on_must_be_there(where):
    changes = {"vcov": {"s": "~state"}} if where == "vcov" else {"inference": {"draws": 19, where: "state"}}
    if where in ("level", "strata"):
        changes["inference"] |= {"null": ["permutation"], "assign": "d + cohort"}
    faults = specdid.check(study(**changes), DATA).errors
    assert "cluster_missing" in {f.code for f in faults}
    said = next(f for f in faults if f.code == "cluster_missing")
    assert said.message == "`state` is missing in rows 4, 11 and 12, which specifications use"


def test_many_masks_take_a_path_that_knows_of_it():
    """With gaps in every control the specifications would be solved by masks at once."""
    rng = np.random.default_rng(5)
    n = len(BASE)
    extra = {f"c{k}": pl.Series(np.where(rng.random(n) < 0.04, np.nan, rng.normal(size=n))) for k in range(6)}
    data = DATA.with_columns(**extra)
    data = gaps(data.with_columns(pl.col(f"c{k}").fill_nan(None) for k in range(6)), ROWS, "c0")
    asked = study(controls={"any": "mvsw(c0, c1, c2, c3, c4, c5)"}, inference={"draws": 0})
    found = specdid.run(asked, data, audit=0).table
    lost = rows_of(found, "state")
    frame = data.to_pandas()
    for _, row in lost.iloc[::9].iterrows():
        controls = [] if row["controls"] == "1" else row["controls"].split(" + ")
        used = frame.dropna(subset=controls)
        assert np.isnan(row["std_error"]) == used["state"].isna().any()
        right = " + ".join(["d", *controls])
        fit = pf.feols(f"y ~ {right} | id + year", used, vcov={"CRV1": "id"})
        assert row["estimate"] == pytest.approx(fit.coef()["d"], rel=1e-6)
        if not np.isnan(row["std_error"]):
            fit = pf.feols(f"y ~ {right} | id + year", used, vcov={"CRV1": "state"})
            assert row["std_error"] == pytest.approx(fit.se()["d"], rel=1e-6)
    assert lost["std_error"].notna().any()


def test_analyses_leave_those_errors_out():
    groups = {"groups": {"a": "id <= 12", "b": "id > 12"}}
    tables = {"table": {"vary": ["controls"]}, "event_study": {}, "heterogeneity": groups}
    curve = specdid.run(study(**tables, inference={"draws": 0}), DATA, audit=0)
    assert {a.kind: a.failure for a in curve.analyses} == dict.fromkeys(tables)


def test_the_exported_program_keeps_the_rows(tmp_path):
    DATA.write_csv(tmp_path / "given.csv")
    asked = study()
    asked["study"]["data"] = str(tmp_path / "given.csv")
    prepared = prepare(asked)
    program = code_of(prepared, 0, "python")
    assert "`state` is missing in 3 of these rows" in program
    ((estimate, errors),) = execute([program])
    table = specdid.run(asked, audit=0).table
    first = table[table["index"] == 1]
    assert estimate == pytest.approx(first["estimate"].iloc[0], rel=1e-8)
    known = first.dropna(subset=["std_error"])
    assert errors == pytest.approx(dict(zip(known["vcov"], known["std_error"], strict=True)), rel=1e-8)


def test_placebo_errors_go_by_unit_alone_which_check_and_the_manual_say():
    """Under a vcov by unit, or by clusters of one unit each, there are some; the jackknife has both."""
    placebo = {"placebos": {"method": "sdid", "vce": "placebo"}, "jackknife": "sdid"}
    treatment = {"d": {"term": "d", "cohort": "cohort"}}
    frame = BASE.with_columns(name=pl.col("id") * 10)
    given = {"controls": {"n": "1"}, "treatment": treatment, "vcov": {"id": "~id", "name": "~name", "state": "~state"}}
    faults = specdid.check(study(estimator=placebo, **given), frame)
    (fault,) = (f for f in faults if f.code == "vcov_not_offered" and "`state`" in f.message)
    assert fault.severity == "warning"
    assert (
        fault.message == 'no standard errors by `state` of placebos: with vce = "placebo" sdid has them by unit alone'
    )
    (entry,) = (e for e in find("sdid") if e.group == "estimators")
    assert dict(entry.facts)["vcov"] == 'cluster (with vce = "placebo" by unit alone)'


def test_every_vcov_whose_correction_an_estimator_lacks_is_named():
    rules = {"a": "areg", "b": "fixest", "c": "areg", "d": "lsdv"}
    vcov = {k: {"formula": "~id", "ssc": rule} for k, rule in rules.items()}
    estimators = {"OLS": "feols", "P": "fepois", "two": "did2s"}
    faults = specdid.check(small_study(**{**FEW, "vcov": vcov, "estimator": estimators}), BASE)
    told = [f.message for f in faults.warnings if f.code == "vcov_not_offered"]
    correction = "for want of the small-sample correction"
    assert told == [
        f"no standard errors by `a` of fepois and did2s, {correction} `areg`"
        "; it is the first of [vcov], whose p-values figures and tables show",
        f"no standard errors by `c` of fepois and did2s, {correction} `areg`",
        f"no standard errors by `d` of did2s, {correction} `lsdv`",
    ]


def test_every_vcov_that_an_estimator_lacks_is_named_the_first_above_all():
    vcov = {"reghdfe": {"formula": "~id", "ssc": "reghdfe"}, "unit": "~id", "two": "~id + year"}
    estimators = {"OLS": "feols", "CS": "csdid", "dyn": "did_multiplegt_dyn"}
    given = small_study(
        vcov=vcov, estimator=estimators, controls={"n": "1"}, outcome={"y": "y"}, fixed_effects={"t": "id + year"}
    )
    found = [f for f in specdid.check(given, BASE) if f.code == "vcov_not_offered"]
    said = [f.message for f in found]
    assert all("of csdid and did_multiplegt_dyn" in m for m in said)
    assert [m.split("`")[1] for m in said] == ["reghdfe", "two"]
    assert [m.endswith("whose p-values figures and tables show") for m in said] == [True, False]
    curve = specdid.run(given, BASE, audit=None)
    lacking = curve.table[curve.table["std_error"].isna()]
    assert set(lacking["vcov"]) == {"reghdfe", "two"}
    assert set(said) <= {c.message for c in curve.warnings}
    assert all(f"- {m}\n" in curve.summary() for m in said)

"""What the data do not identify is empty in every analysis, with its reason, and the rest is as before."""

import numpy as np
import polars as pl
import pytest
from divorce import divorce_panel, divorce_study
from simulated import analysed, records, simulated
from specdid._run.analyse import run_one
from specdid._run.prepare import prepare
from specdid.analyses._base import Bench

BATCH = {"feols": "feols"}


def finding(kind, table, data, **more):
    result = analysed(kind, table, data, **more)
    assert result.failure is None
    return result.finding


def event_study(table, panel=None, **changes):
    prepared = prepare(divorce_study(event_study=table, **changes), divorce_panel() if panel is None else panel)
    bench = Bench(prepared.study, prepared.panel, prepared.evaluator)
    result = run_one(bench, prepared.requests[0])
    assert result.failure is None
    return result.finding


def periods_of(found):
    return {r["period"]: r for r in records(found.tables[0]) if r["term"] == "period"}


def by_dummies(panel, place, effects, slopes=False, controls=(), reference=-1):
    """Decompose the whole design: {period: estimate}, NaN for periods that are not identified."""
    st, year = panel["st"].to_numpy(), panel["year"].to_numpy()
    periods = [k for k in np.unique(place[~np.isnan(place)]) if k != reference]
    parts = [(place[:, None] == periods).astype(float), *(np.asarray(c, float)[:, None] for c in controls)]
    parts += [np.equal.outer({"st": st, "year": year}[e], np.unique({"st": st, "year": year}[e])) for e in effects]
    if slopes:
        parts.append(np.equal.outer(st, np.unique(st)) * (year - 1970.0)[:, None])
    design = np.hstack(parts).astype(float)
    design = design[:, np.linalg.norm(design, axis=0) > 0]
    size = np.linalg.norm(design, axis=0)
    u, s, v = np.linalg.svd(design / size, full_matrices=False)
    rank = int((s > 1e-10 * s[0]).sum())
    beta = v[:rank].T @ (u[:, :rank].T @ panel["div_rate"].to_numpy() / s[:rank]) / size
    rows = v[:rank].T @ v[:rank]
    known = np.abs(rows - np.eye(len(size))).max(axis=0) < 1e-7
    return {int(k): beta[j] if known[j] else np.nan for j, k in enumerate(periods)}


def relative(panel, low=-99, high=99):
    law, year = panel["law"].to_numpy(), panel["year"].to_numpy()
    return np.where(law > 0, np.clip(year - law, low, high), np.nan)


@pytest.mark.parametrize("never", [0, 12])
@pytest.mark.parametrize("effects", ["st + year", "st[year] + year"])
@pytest.mark.parametrize("window", [None, [-5, 5]])
def test_leads_and_lags_are_given_where_the_whole_design_identifies_them(never, effects, window):
    panel = divorce_panel(never=never)
    keys = {} if window is None else {"window": window}
    found = event_study(keys, panel, fixed_effects={"e": effects}, estimator=BATCH)
    place = relative(panel) if window is None else relative(panel, *window)
    oracle = by_dummies(panel, place, ("st", "year"), "[" in effects)
    given = periods_of(found)
    if np.isnan(list(oracle.values())).all():
        (row,) = records(found.tables[0])
        assert row["estimate"] is None
        assert "no period's effect is identified" in row["message"]
        assert any(c.code == "not_estimated" for c in found.warnings)
        assert not found.tables[1].rows
    else:
        assert window is not None or (never, effects) == (12, "st + year")
        assert not np.isnan(list(oracle.values())).any()
        for k, estimate in oracle.items():
            assert given[k]["estimate"] == pytest.approx(estimate, rel=1e-6, abs=1e-9)


def test_a_period_that_a_control_repeats_is_empty_and_the_others_are_not():
    """Thirty-one years before its law only the cohort of 1987 is seen, in 1956: the control is that cell."""
    panel = divorce_panel().with_columns(cell=((pl.col("law") == 1987) & (pl.col("year") == 1956)).cast(int))
    more = {"fixed_effects": {"e": "st + year"}, "estimator": BATCH}
    found = event_study({}, panel, controls={"c": "cell + income"}, **more)
    plain = event_study({}, panel.with_columns(income=pl.col("income")), controls={"c": "income"}, **more)
    given, without = periods_of(found), periods_of(plain)
    assert given[-31]["estimate"] is None
    assert given[-31]["message"] == (
        "not identified: given the fixed effects `st + year` it cannot be told apart from `cell`"
    )
    for k in given.keys() - {-31, -1}:
        assert given[k]["estimate"] == pytest.approx(without[k]["estimate"], rel=1e-7)
        assert given[k]["std_error"] == pytest.approx(without[k]["std_error"], rel=1e-6)
    (test,), (before,) = records(found.tables[1]), records(plain.tables[1])
    assert test["df1"] == before["df1"] - 1
    assert test["message"].split("; ")[0] == "without period −31, whose effect is not identified"
    assert before["message"].startswith("leads rest on few: 13 periods on 1 to 8 treated clusters")
    assert "leads rest on few: 12 periods on 1 to 8 treated clusters" in test["message"]
    assert any(c.code == "not_identified" and "period −31" in c.message for c in found.warnings)
    assert any("not identified" in note for note in found.tables[0].print.notes)


def test_a_reference_that_the_rows_lack_gives_no_number():
    """The control is missing in the year before every law: all dummies together are the treated states."""
    before = (pl.col("law") > 0) & (pl.col("year") == pl.col("law") - 1)
    panel = divorce_panel().with_columns(income=pl.when(before).then(None).otherwise(pl.col("income")))
    found = event_study({}, panel, controls={"c": "income"}, fixed_effects={"e": "st + year"}, estimator=BATCH)
    (row,) = records(found.tables[0])
    assert row["estimate"] is None
    assert "no period's effect is identified" in row["message"]


def test_sunab_leaves_out_periods_that_are_open():
    panel = divorce_panel().filter((pl.col("law") > 0) | (pl.col("year") != 1957))
    found = event_study({}, panel, fixed_effects={"e": "st + year"})
    given = periods_of(found)
    laws = panel["law"].unique().to_list()
    open_ = {1957 - g for g in laws if g} | {1956 - g for g in laws if g and 1956 - g in {1957 - h for h in laws if h}}
    lost = {k for k, r in given.items() if r["estimate"] is None}
    assert lost
    assert lost <= open_
    assert {1957 - g for g in laws if g} <= lost
    assert all("cannot be told apart from the fixed effects `st + year`" in given[k]["message"] for k in lost)
    assert "and not in its test" in " ".join(found.tables[0].print.notes)


def test_did2s_leaves_out_periods_whose_counterfactual_is_open():
    panel = divorce_panel().filter((pl.col("law") == 0) | (pl.col("year") >= 1967))
    found = event_study({}, panel, fixed_effects={"e": "st[year] + year"}, estimator={"two stages": "did2s"})
    given = periods_of(found)
    assert all(given[k]["estimate"] is None for k in range(20))
    assert all(np.isfinite(given[k]["estimate"]) for k in range(-20, -1))
    assert {given[k]["message"] for k in range(20)} == {
        "not identified: the untreated rows leave the counterfactual open"
    }


def test_two_coefficients_of_a_table_that_cannot_be_told_apart():
    data = simulated().with_columns(both=pl.col("x") + pl.col("m"), z=pl.col("size") ** 2)
    found = finding("table", {}, data, controls={"c": "x + m + both + z"})
    plain = finding("table", {}, data, controls={"c": "x + m + z"})
    rows, before = ({r["term"]: r for r in records(f.tables[0])} for f in (found, plain))
    for term, others in (("x", "`m` and `both`"), ("m", "`x` and `both`"), ("both", "`x` and `m`")):
        assert rows[term]["estimate"] is None or np.isnan(rows[term]["estimate"])
        assert rows[term]["message"] == (
            f"not identified: given the fixed effects `id + year` it cannot be told apart from {others}"
        )
    for term in ("d", "z", "Constant"):
        assert rows[term]["estimate"] == pytest.approx(before[term]["estimate"], rel=1e-8)
        assert rows[term]["std_error"] == pytest.approx(before[term]["std_error"], rel=1e-8)
    printed = {row.label: row.cells for block in found.tables[0].print.blocks for row in block}
    assert printed["x"] == printed["m"] == ("",)
    assert "Without a coefficient of their own, and so not identified, in (1): x, m and both." in (
        found.tables[0].print.notes
    )


def test_a_control_that_the_effects_absorb_says_so():
    found = finding("table", {}, simulated(), controls={"c": "x + pilot"})
    rows = {r["term"]: r for r in records(found.tables[0])}
    assert rows["pilot"]["estimate"] is None
    assert rows["pilot"]["message"] == "the fixed effects `id + year` absorb it"
    assert np.isfinite(rows["x"]["estimate"])


def test_an_interaction_that_is_a_control_has_no_effects():
    data = simulated(units=48)
    base = data.filter(pl.col("year") == 2003).select("id", base="size")
    data = data.join(base, on="id").with_columns(p=pl.col("d") * pl.col("base") + pl.col("x"))
    found = finding("mechanism", {"moderator": "size"}, data, controls={"c": "x + p"})
    rows = {r["term"]: r for r in records(found.tables[0])}
    assert np.isnan(rows["d:size"]["estimate"])
    assert "cannot be told apart from" in rows["d:size"]["message"]
    assert np.isfinite(rows["d"]["estimate"])
    assert not found.tables[1].rows
    assert not found.charts
    assert any("the interaction has no coefficient: not identified" in c.message for c in found.warnings)


def test_a_mediator_that_is_a_control_has_no_share():
    data = simulated().with_columns(med=2 * pl.col("x") + 1)
    found = finding("mechanism", {"mediator": "med"}, data)
    rows = {(r["equation"], r["term"]): r for r in records(found.tables[0])}
    assert np.isnan(rows["outcome with mediator", "med"]["estimate"])
    assert any(c.code == "not_identified" for c in found.warnings)
    difference = next(r for b in found.tables[0].print.blocks for r in b if r.label == "Difference")
    assert difference.cells == ("", "", "")


def test_a_group_without_comparison_has_no_effect():
    """In the second group every unit is treated: Sun and Abraham's average has nobody to compare with."""
    data = simulated(cohorts=(2003, 2005)).with_columns(g=(pl.col("cohort") > 0).cast(int) * (pl.col("id") // 6 % 2))
    found = finding("heterogeneity", {"groups": {"a": "g == 0", "b": "g == 1"}}, data, estimator={"s": "sunab"})
    rows = {r["group"]: r for r in records(found.tables[0])}
    assert np.isfinite(rows["a"]["estimate"])
    assert rows["b"]["estimate"] is None
    assert 'write control = "notyet"' in rows["b"]["message"]


def test_hausman_compares_only_what_both_estimators_identify():
    """x and x + pilot differ between units alone: within units they cannot be told apart."""
    data = simulated().with_columns(xp=pl.col("x") + pl.col("pilot"))
    found = finding("hausman", {"fix": {"controls": {"formula": "x + xp + size"}}}, data)
    plain = finding("hausman", {"fix": {"controls": {"formula": "x + size"}}}, data)
    rows, before = ({r["term"]: r for r in records(f.tables[0])} for f in (found, plain))
    assert np.isnan([rows["x"]["fe"], rows["xp"]["fe"]]).all()
    assert np.isfinite(rows["x"]["re"])
    assert rows["size"]["fe"] == pytest.approx(before["size"]["fe"], rel=1e-8)
    assert next(r["df"] for r in records(found.tables[1])) == 2
    assert any(c.code == "not_identified" and "`x`" in c.message for c in found.warnings)

"""The audit: it agrees where the engine is right, says so loudly where it is not, on rows of its own."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from command import run_specdid
from small_problems import work_of
from small_studies import small_panel, small_study
from specdid._audit import audit_results, compare, reference, start_reference
from specdid._audit import least_squares as own_algebra
from specdid._audit.compare import draw, smallest
from specdid._audit.least_squares import NetRegressors
from specdid._audit.reference import AuditRequest
from specdid._records import Status
from specdid._records.cautions import of_audit
from specdid._records.fits import VCOV_NOTES
from specdid._records.results import TextColumn
from specdid._words import known
from specdid.engine.execute import run
from specdid.engine.one_by_one import fit_one_by_one
from specdid.engine.workers import safe_path
from toml_text import write_toml

VCOVS = ("city_id", "province", "city_id + year", "hetero", "iid")
FE = ("city_id", "year")


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    frame = pd.read_csv(Path(__file__).parent / "reference" / "panel.csv").astype(float)
    rng = np.random.default_rng(2)
    frame["cohort"] = frame.batch.where(frame.batch > 0)
    frame["near"] = frame.pgdp + 1e-5 * rng.normal(size=len(frame))
    frame["tiny"], frame["huge"] = frame.ind2 * 1e-7, frame.ind2 * 1e9
    frame["pgdp"] = frame.pgdp.where(frame.city_id != 7, np.inf)
    frame["province_year"] = frame.province * 10_000 + frame.year
    return frame


def once(make):
    """Estimate for all tests of this module, of which none changes what it is given."""
    known = []

    def made(panel):
        if not known:
            known.append(make(panel))
        return known[0]

    made.__name__ = make.__name__
    return made


@once
def least_squares(panel):
    specs = [
        ("ln_so2", "dudt", controls, effects, weights, "feols")
        for controls in ((), ("pgdp", "ln_open"), ("pgdp", "near"), ("huge", "ln_pat"))
        for effects in (
            (),
            ("city_id",),
            FE,
            ("city_id", "province_year"),
            ("city_id[year]", "province_year"),
        )
        for weights in (None, "pop")
    ]
    layout = work_of(panel, specs, vcovs=VCOVS, cohort="cohort")
    return layout, [run(layout.problem, layout.members)]


@once
def sun_abraham(panel):
    specs = [
        ("ln_so2", "dudt", controls, FE, weights, "sunab") for controls in ((), ("ind2",)) for weights in (None, "pop")
    ]
    layout = work_of(panel, specs, vcovs=VCOVS, cohort="cohort")
    return layout, [run(layout.problem, layout.members)]


@once
def others(panel):
    specs = [
        ("ln_so2", "dudt", (), FE, None, "lpdid"),
        ("ln_so2", "dudt", ("ind2",), FE, "pop", "did2s"),
        ("ln_so2", "dudt", ("ind2",), FE, "pop", "did_imputation"),
        ("so2", "dudt", ("ind2",), FE, "pop", "fepois"),
    ]
    layout = work_of(panel, specs, vcovs=VCOVS, cohort="cohort", options={"lpdid": {"post_window": 2}})
    return layout, list(fit_one_by_one(layout))


def results_of(blocks):
    """The part of Results that the audit reads."""
    estimate = np.concatenate([b.estimate for b in blocks])
    return SimpleNamespace(
        status=np.where(np.concatenate([b.code for b in blocks]) == 0, Status.OK, Status.FAILED),
        estimate=estimate,
        numbers={n: np.concatenate([getattr(b, n) for b in blocks]) for n in ("std_error", "nobs")},
        dropped_columns={
            start + place: lost
            for start, b in zip(np.cumsum([0, *(len(b.index) for b in blocks)]), blocks, strict=False)
            for place, lost in b.dropped.items()
        },
        planned=SimpleNamespace(spec_id=lambda s: f"{s + 0xABC:016x}", vcovs=VCOVS),
        vcov_note=TextColumn(VCOV_NOTES, np.concatenate([b.vcov_code for b in blocks]).astype(np.int32)),
    )


def audit(layout, results, size=None, seed=1):
    """Audit by the reference's own process."""
    estimators = [SimpleNamespace(method=m.name, options=m.options) for m in layout.methods]
    return audit_results(layout, estimators, results, size, seed)


@pytest.fixture
def audit_anew(monkeypatch):
    """Audit without another process, which would import pyfixest each time."""
    monkeypatch.setattr(compare, "ask", compare.estimate_all_again)
    return audit


@lru_cache(8)
def answered(asked):
    return tuple(compare.estimate_all_again(pickle.loads(asked)))


def ask_here(request):
    """Answer without another process, and what was asked before without estimating it once more."""
    return [*answered(pickle.dumps(request))]


@pytest.fixture
def audit_here(monkeypatch):
    """Audit as `audit_anew`; what many tests ask, of results that are right and wrong, is estimated once."""
    monkeypatch.setattr(compare, "ask", ask_here)
    return audit


@pytest.mark.parametrize("made", [least_squares, sun_abraham, others])
def test_agreement(panel, made, audit_here):
    """Weights, two-way clusters, slopes, infinite values, and designs that pyfixest solves inaccurately."""
    layout, blocks = made(panel)
    found = audit_here(layout, results_of(blocks))
    assert found.checked == found.eligible == len(layout.members)
    assert found.disagreeing == ()
    assert 0 <= found.estimate_gap < 1e-8
    assert 0 <= found.se_gap < 1e-8


@pytest.mark.parametrize(
    ("error", "moved", "wider", "apart"),
    [(np.nan, 3e-16, 1, 0), (np.nan, 1e-3, 1, 1), (1e-17, 3e-16, 3, 0), (1e-17, 1e-3, 1, 1), (0.1, 1e-6, 1, 1),
     (0.1, 0.0, 1.001, 1), (1e-6, 1e-11, 1, 1)],
)  # fmt: skip
def test_what_is_rounding_beside_the_outcome_is_no_disagreement(error, moved, wider, apart):
    """As of an outcome that is constant within units: its coefficient and error are zero, of which each has its own."""
    results = SimpleNamespace(planned=SimpleNamespace(spec_id=str, vcovs=VCOVS))
    reported = compare.Reported(2.8e-17, np.array([error]), 9)
    numbers = reference.ProgramNumbers("p", 2.8e-17 + moved, (None if np.isnan(error) else wider * error,))
    again = reference.Reestimated((numbers,), 9)
    assert bool(compare._compared(results, 0, reported, again, 1.0).cause) == apart


@pytest.mark.parametrize(("moved", "apart"), [(0.0, 0), (1e-13, 0), (1e-3, 1)])
def test_a_control_that_is_the_outcome_leaves_rounding_and_no_disagreement(panel, audit_here, moved, apart):
    """Neither program's coefficient is other than 0, and its standard error is rounding."""
    twin = panel.assign(same=panel.ln_so2)
    layout = work_of(twin, [("ln_so2", "dudt", ("same",), FE, None, "feols")], vcovs=VCOVS)
    results = results_of([run(layout.problem, layout.members)])
    assert np.isnan(results.numbers["std_error"]).all()
    results.estimate = results.estimate + moved
    found = audit_here(layout, results)
    assert len(found.disagreeing) == apart
    assert apart or found.estimate_gap < found.limit


LPDID = (
    {},
    {"post_window": 2},
    {"post_window": 1, "control": "never"},
    {"post_window": 1, "reweight": True},
    {"reweight": True, "control": "never"},
)


@pytest.mark.parametrize("options", LPDID, ids=str)
def test_local_projections_are_done_again_by_the_audits_own_differences(panel, audit_here, options):
    """Weights, controls with gaps, windows by default, both kinds of controls and of weighting."""
    gaps = panel.assign(ind2=panel.ind2.mask(np.random.default_rng(4).random(len(panel)) < 0.2))
    specs = [
        ("ln_so2", "dudt", controls, FE, weights, "lpdid")
        for controls in ((), ("ind2",), ("ind2", "pgdp"), ("ind2", "ind2", "ln_pat"))
        for weights in (None, "pop")
    ]
    layout = work_of(gaps, specs, vcovs=VCOVS, cohort="cohort", options={"lpdid": options})
    blocks = list(fit_one_by_one(layout))
    results = results_of(blocks)
    assert (results.status == Status.OK).sum() >= 6
    found = audit_here(layout, results)
    assert found.disagreeing == ()
    assert found.checked == (results.status == Status.OK).sum()
    wrong = results_of(blocks)
    wrong.estimate = wrong.estimate * 1.001
    assert len(audit_here(layout, wrong).disagreeing) == found.checked


CSDID = (
    {},
    {"aggregate": "dynamic", "control": "notyet", "est_method": "ipw"},
    {"aggregate": "simple", "est_method": "reg", "unbalanced": "drop", "anticipation": 1},
    {"aggregate": "calendar", "unbalanced": "rows", "control": "notyet", "anticipation": 1},
)


STACKED = ({}, {"post_window": 1, "pre_window": 2, "control": "never"}, {"weighting": "none"})


@pytest.mark.parametrize("options", STACKED, ids=str)
def test_stacks_are_put_together_again(panel, audit_here, options):
    """Weights, controls with gaps, windows by default."""
    gaps = panel.assign(ind2=panel.ind2.mask(np.random.default_rng(4).random(len(panel)) < 0.01))
    specs = [
        ("ln_so2", "dudt", controls, FE, weights, "stackedev")
        for controls in ((), ("ind2", "pgdp"))
        for weights in (None, "pop")
    ]
    layout = work_of(
        gaps, specs, vcovs=("city_id", "province", "year"), cohort="cohort", options={"stackedev": options}
    )
    blocks = list(fit_one_by_one(layout))
    results = results_of(blocks)
    found = audit_here(layout, results)
    assert (found.checked, found.disagreeing) == (4, ())
    wrong = results_of(blocks)
    wrong.estimate = wrong.estimate * 1.001
    assert len(audit_here(layout, wrong).disagreeing) == found.checked


@pytest.mark.parametrize("options", CSDID, ids=str)
def test_group_time_effects_are_done_again_by_the_derivatives_of_their_average(panel, audit_here, options):
    """Weights, controls with gaps, clusters of units; errors too, which a cluster that parts units has none of."""
    gaps = panel.assign(ind2=panel.ind2.mask(np.random.default_rng(4).random(len(panel)) < 0.1))
    specs = [
        ("ln_so2", "dudt", controls, FE, weights, "csdid")
        for controls in ((), ("ind2",), ("ind2", "pgdp", "ind2"))
        for weights in (None, "pop")
    ]
    layout = work_of(gaps, specs, vcovs=("city_id", "province", "year"), cohort="cohort", options={"csdid": options})
    blocks = list(fit_one_by_one(layout))
    results = results_of(blocks)
    assert (results.status == Status.OK).sum() == (2 if options.get("unbalanced") == "rows" else 6)
    found = audit_here(layout, results)
    assert found.disagreeing == ()
    assert found.checked == (results.status == Status.OK).sum()
    wrong = results_of(blocks)
    wrong.numbers["std_error"] = wrong.numbers["std_error"] * 1.001
    assert len(audit_here(layout, wrong).disagreeing) == found.checked


@pytest.mark.parametrize("rule", ["reghdfe", "lsdv", "areg", "glm", "none"])
def test_corrections_are_counted_once_more(panel, rule, audit_here):
    """Under every rule; a run that made fixest's correction in its place is found out."""
    layout, _ = least_squares(panel)
    some = np.arange(0, len(layout.members), 7)
    members = replace(layout.members.take(some), index=np.arange(len(some)))
    method, cohort = layout.method[some], layout.cohort[some]
    vcovs = tuple(replace(v, ssc=rule) for v in layout.problem.vcovs)
    asked = replace(layout.problem, vcovs=vcovs)
    layout, plain = replace(layout, problem=asked, members=members, method=method, cohort=cohort), layout.problem
    found = audit_here(layout, results_of([run(asked, members)]))
    assert (found.disagreeing, found.checked) == ((), len(members))
    assert 0 <= found.se_gap < 1e-8
    if rule == "lsdv":
        assert audit_here(layout, results_of([run(plain, members)])).disagreeing


@pytest.mark.parametrize("both", [True, False])
def test_slopes_that_are_constant_within_a_level_are_no_parameters(both):
    """By the rank of dummies and slopes written out."""
    rng = np.random.default_rng(4)
    unit, year = (a.ravel() for a in np.meshgrid(np.arange(12), np.arange(6), indexing="ij"))
    z = np.where(np.isin(unit, (2, 5)), 1.0, rng.normal(size=72)) * (unit != 7)
    effects = (unit, year) if both else (year,)
    columns = [(e[:, None] == np.arange(12)).astype(float) for e in effects]
    dense = np.hstack([*columns, (unit[:, None] == np.arange(12)) * z[:, None]])
    solved = NetRegressors(rng.normal(size=(72, 1)), effects, ((unit, z),)).solve(rng.normal(size=72), np.ones(1))
    assert solved.absorbed == np.linalg.matrix_rank(dense)


@pytest.mark.parametrize("rule", ["reghdfe", "lsdv", "areg", "glm", "none"])
@pytest.mark.parametrize("made", [sun_abraham, others])
def test_corrections_of_the_others(panel, made, rule, audit_here):
    layout, _ = made(panel)
    vcovs = tuple(replace(v, ssc=rule) for v in layout.problem.vcovs)
    layout = replace(layout, problem=replace(layout.problem, vcovs=vcovs))
    blocks = [run(layout.problem, layout.members)] if made is sun_abraham else list(fit_one_by_one(layout))
    found = audit_here(layout, results_of(blocks))
    assert (found.disagreeing, found.checked) == ((), len(layout.members))


@pytest.mark.parametrize(("method", "weights"), [("fepois", "pop"), ("fepois", None), ("feols", "pop")])
def test_that_the_reference_gets_scaled_weights_is_said_where_it_matters(panel, audit_here, method, weights):
    """pyfixest takes weights of Poisson as they are: its iid error shrinks with their root, and no other does."""
    frame = panel.assign(pop=50.0 * panel["pop"])
    layout = work_of(frame, [("so2", "dudt", ("ind2",), FE, weights, method)], vcovs=("iid", "hetero"), cohort="cohort")
    blocks = list(fit_one_by_one(layout))
    found = audit_here(layout, results_of(blocks))
    assert (found.disagreeing, found.checked) == ((), 1)
    assert ("scaled to mean 1" in found.reference) == (method == "fepois" and weights is not None)
    if found.reference == compare.REFERENCE:
        return
    import pyfixest as pf

    given = {"weights": weights, "iwls_tol": 1e-12, "iwls_maxiter": 100}
    fit = pf.fepois(f"so2 ~ dudt + ind2 | {' + '.join(FE)}", frame, **given, vcov="iid")
    iid, hetero = blocks[0].std_error[0]
    assert iid == pytest.approx(fit.se()["dudt"] * np.sqrt(fit._data["pop"].mean()), rel=1e-5)  # over the rows used
    assert hetero == pytest.approx(fit.vcov("hetero").se()["dudt"], rel=1e-5)


def test_an_estimator_that_no_other_program_knows_is_not_called_confirmed(panel, audit_anew, monkeypatch):
    """As that of a plug-in: the audit can only run it again, and says so."""
    layout, blocks = others(panel)
    assert audit_anew(layout, results_of(blocks)).by_itself == ()
    monkeypatch.delitem(reference.PROGRAMS, "lpdid")
    found = audit_anew(layout, results_of(blocks))
    assert (found.checked, found.disagreeing, found.by_itself) == (4, (), ("lpdid",))
    by = "pyfixest, given weights scaled to mean 1, and by the audit's own algebra"  # fepois has weights here
    assert found.reference.startswith(f"the audit: 3 by {by}, 1 by lpdid once more")
    (caution,) = of_audit(found)
    assert (caution.severity, caution.code) == ("note", "audited_by_itself")
    assert caution.message.startswith("lpdid: no other program confirms the numbers")


def test_slopes_of_many_levels_are_not_written_out_for_pyfixest(panel, audit_anew, monkeypatch):
    """A column for each of thousands of units takes gigabytes: its own algebra is alone, and the account says so."""
    effects = [FE, ("city_id[year]", "year")]
    layout = work_of(panel, [("ln_so2", "dudt", (), e, None, "feols") for e in effects], vcovs=VCOVS, cohort="cohort")
    results = results_of([run(layout.problem, layout.members)])
    assert audit_anew(layout, results).reference == compare.REFERENCE
    monkeypatch.setattr(reference, "WRITTEN_OUT", 1)
    found = audit_anew(layout, results)
    assert (found.checked, found.disagreeing) == (2, ())
    assert found.reference.startswith(f"the audit: 1 by {compare.REFERENCE}, 1 by the audit's own algebra alone")
    assert known(found.reference, "zh")
    layout = work_of(panel, [("ln_so2", "dudt", (), effects[1], None, "feols")], vcovs=VCOVS, cohort="cohort")
    monkeypatch.delattr(reference, "_frame")
    alone = audit_anew(layout, results_of([run(layout.problem, layout.members)]))
    assert alone.disagreeing == ()
    assert alone.reference.startswith("the audit: 1 by the audit's own algebra alone")
    assert known(alone.reference, "zh")


def test_beside_slopes_alone_pyfixest_has_no_intercept(panel, audit_anew):
    """Of f[[x]] it had one, and a number that was right was condemned."""
    specs = [("ln_so2", "dudt", ("pgdp",), ("year[[ind2]]",), weights, "feols") for weights in (None, "pop")]
    layout = work_of(panel, specs, vcovs=VCOVS, cohort="cohort")
    found = audit_anew(layout, results_of([run(layout.problem, layout.members)]))
    assert (found.checked, found.disagreeing, found.reference) == (2, (), compare.REFERENCE)


@pytest.mark.parametrize("part", ["estimate", "std_error"])
def test_a_wrong_number_is_found(panel, part, audit_here):
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)
    wrong = results.estimate if part == "estimate" else results.numbers["std_error"]
    wrong[2] += 1e-5 * results.numbers["std_error"][2, 0]
    found = audit_here(layout, results)
    assert found.disagreeing == (f"{0xABC + 2:016x}",)
    assert (found.estimate_gap if part == "estimate" else found.se_gap) > 1e-6
    (one,) = found.disagreements
    assert one.place == 3
    at = VCOVS.index(one.vcov)
    assert (one.estimate, one.std_error) == (results.estimate[2], results.numbers["std_error"][2, at])
    gap = abs(one.estimate - one.estimate_again) if part == "estimate" else abs(one.std_error - one.std_error_again)
    assert gap == pytest.approx(1e-5 * results.numbers["std_error"][2, 0], rel=1e-3)
    assert gap / one.std_error == pytest.approx(max(one.estimate_gap, one.se_gap))
    assert ("the coefficient differs" if part == "estimate" else "its standard error differs") in one.cause


@pytest.mark.parametrize("wrong", [0, 1])
def test_one_program_that_differs_is_enough(panel, wrong, monkeypatch):
    layout, blocks = sun_abraham(panel)
    programs = set()

    def ask(request):
        again = ask_here(request)
        for k, a in enumerate(again):
            numbers = [*a.numbers]
            numbers[wrong] = replace(numbers[wrong], estimate=numbers[wrong].estimate + 1.0)
            programs.add(numbers[wrong].program)
            again[k] = replace(a, numbers=tuple(numbers))
        return again

    monkeypatch.setattr(compare, "ask", ask)
    found = audit(layout, results_of(blocks))
    assert len(found.disagreements) == len(layout.members)
    (program,) = programs
    assert all(f"differs from {program}'s" in d.cause for d in found.disagreements)


def test_what_is_alone_once_certain_rows_are_gone_is_gone_too(panel, audit_here):
    """A city without any outcome goes, and the row that shared a cell with it alone."""
    city = panel.city_id.unique()[0]
    alone = (panel.city_id == panel.city_id.unique()[1]) & (panel.year == 2005)
    frame = panel.assign(
        so2=panel.so2.where(panel.city_id != city, 0.0),
        cell=panel.year.where(~(alone | ((panel.city_id == city) & (panel.year == 2005))), 1.0),
    )
    layout = work_of(frame, [("so2", "dudt", (), ("city_id", "cell"), None, "fepois")], vcovs=VCOVS, cohort="cohort")
    blocks = list(fit_one_by_one(layout))
    left = frame[(frame.city_id != city) & ~alone].dropna(subset=["so2"])
    assert [b.nobs.tolist() for b in blocks] == [[len(left)]]
    assert audit_here(layout, results_of(blocks)).disagreements == ()


@pytest.mark.parametrize("more", [-1, 1])
def test_one_row_more_or_less_is_found(panel, more, audit_here):
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)
    right = int(results.numbers["nobs"][1])
    results.numbers["nobs"][1] += more
    (one,) = audit_here(layout, results).disagreements
    assert (one.place, one.cause) == (2, f"other rows: {right + more:,} were used, the audit finds {right:,}")


def test_what_the_reference_cannot_estimate_does_not_pass(panel, audit_here):
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)
    nobody = replace(layout, problem=replace(layout.problem, rows=np.zeros_like(layout.problem.rows)))
    found = audit_here(nobody, results)
    assert len(found.disagreeing) == len(layout.members)
    assert found.estimate_gap == float("inf")
    assert all(d.cause == "no rows are left" for d in found.disagreements)


def test_an_error_that_no_program_confirms_does_not_pass(panel, monkeypatch):
    """A program without a standard error where one was reported; None stands for one it does not compute."""
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)

    def without(error):
        def ask(request):
            return [
                replace(a, numbers=tuple(replace(n, std_error=(error, *n.std_error[1:])) for n in a.numbers))
                for a in ask_here(request)
            ]

        return ask

    monkeypatch.setattr(compare, "ask", without(float("nan")))
    found = audit(layout, results)
    assert len(found.disagreements) == len(layout.members)
    assert found.se_gap == float("inf")
    assert all("gives no standard error" in d.cause and d.vcov == VCOVS[0] for d in found.disagreements)
    monkeypatch.setattr(compare, "ask", without(None))
    assert audit(layout, results).disagreements == ()


def test_an_ill_conditioned_design_is_solved_by_qr(panel):
    """Against numpy's QR on dummies, at a condition number where normal equations keep few digits."""
    small = panel[(panel.city_id <= 40) & np.isfinite(panel.pgdp)].dropna(subset=["ln_so2", "near"])
    layout = work_of(small, [("ln_so2", "dudt", ("pgdp", "near"), FE, None, "feols")], vcovs=("hetero", "iid"))
    again = compare.estimate_all_again(AuditRequest(layout, ((),)))[0]
    assert [n.program for n in again.numbers] == ["least squares of the audit's own"]
    own = again.numbers[0]
    dummies = [pd.get_dummies(small[c]).to_numpy(float) for c in FE]
    difference = (small.near - small.pgdp).to_numpy()  # the same span, well conditioned
    design = np.column_stack([small.dudt, small.pgdp, difference * 1e5, dummies[0], dummies[1][:, 1:]])
    basis, triangle = np.linalg.qr(design)
    beta = np.linalg.solve(triangle, basis.T @ small.ln_so2)
    residual = small.ln_so2 - design @ beta
    row = np.linalg.solve(triangle, basis.T)[0]
    left = len(small) - design.shape[1]
    assert own.estimate == pytest.approx(beta[0], rel=1e-9)
    hetero = np.sqrt(np.sum((row * residual) ** 2) * len(small) / left)
    iid = np.sqrt(np.sum(row**2) * np.sum(residual**2) / left)
    assert own.std_error == pytest.approx((hetero, iid), rel=1e-8)


def test_the_sample_is_seeded_and_in_plan_order():
    ok = np.arange(0, 4000, 2)
    assert (draw(ok, 25, 1) == draw(ok, 25, 1)).all()
    assert (draw(ok, 25, 1) != draw(ok, 25, 2)).any()
    assert len(np.unique(draw(ok, 25, 1))) == 25
    assert (np.diff(draw(ok, 25, 1)) > 0).all()
    assert set(draw(ok, 25, 1)) <= set(ok)
    assert (draw(ok, None, 1) == ok).all()
    assert (draw(ok, 9999, 1) == ok).all()


def test_only_ok_specifications_are_audited(panel, audit_here):
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)
    results.status[1] = Status.FAILED
    results.estimate[1] = np.nan
    found = audit_here(layout, results)
    assert (found.checked, found.eligible, found.disagreeing) == (3, 3, ())


def test_nothing_to_audit(panel, audit_here):
    layout, blocks = sun_abraham(panel)
    results = results_of(blocks)
    results.status[:] = Status.FAILED
    found = audit_here(layout, results)
    assert (found.checked, found.eligible, found.estimate_gap, found.disagreeing) == (0, 0, 0.0, ())


def test_a_dead_process_is_replaced_by_one_that_answers_as_this_one_does(panel, monkeypatch):
    layout, _ = sun_abraham(panel)
    start_reference()
    process = compare._started[0]
    start_reference()
    assert compare._started == [process]
    process.kill()
    process.wait()
    begun, begin = [], subprocess.Popen
    monkeypatch.setattr(compare.subprocess, "Popen", lambda *a, **k: begun.append(begin(*a, **k)) or begun[-1])
    theirs = compare.ask(smallest(layout, np.array([1, 3]), ((), ())))
    (process,) = begun
    assert process.poll() is not None  # it ends with its answer
    assert compare._started == []
    here = ask_here(AuditRequest(layout, ((),) * 4))
    assert repr(theirs) == repr([here[1], here[3]])


BROKEN = {
    "cannot be imported": ("raise ImportError('no such library')", "cannot be imported: ImportError: no such library"),
    "ends by itself": ("import os; os._exit(7)", "ended with code 7 without an answer, twice"),
    "is killed": ("import os; os.kill(os.getpid(), 9)", "was ended by signal 9 without an answer, twice"),
    "exits": ("raise SystemExit(3)", "cannot be imported: SystemExit: 3"),
}


@pytest.mark.skipif(sys.platform == "win32", reason="kills")
@pytest.mark.parametrize("how", BROKEN)
def test_a_reference_that_cannot_be_had_is_no_disagreement(panel, tmp_path, monkeypatch, how):
    """It is imported with much else, of which anything may be broken (IPython was, once)."""
    code, said = BROKEN[how]
    (tmp_path / "pyfixest.py").write_text(code)
    monkeypatch.setattr(compare, "safe_path", lambda: [str(tmp_path), *safe_path()])
    compare.stop_reference()
    layout, blocks = sun_abraham(panel)
    found = audit(layout, results_of(blocks), size=2)
    assert said in found.not_done
    assert (found.checked, found.disagreements, found.failed) == (0, (), False)
    (caution,) = of_audit(found)
    assert (caution.severity, caution.code) == ("serious", "audit_not_done")


def test_where_no_process_can_be_started_the_audit_runs_here(panel, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no processes here")

    layout, blocks = sun_abraham(panel)
    monkeypatch.setattr(compare.subprocess, "Popen", refuse)
    start_reference()
    assert compare._started == []
    assert audit(layout, results_of(blocks), size=1).disagreeing == ()


def test_an_audit_that_cannot_be_done_has_its_own_words_and_exit_code(tmp_path):
    """IPython, which pyfixest imports and the engine does not, is broken: the results stand, unconfirmed."""
    (tmp_path / "libraries").mkdir()
    (tmp_path / "libraries" / "IPython.py").write_text("raise OSError('unable to open database file')")
    small_panel().write_csv(tmp_path / "given.csv")
    write_toml(small_study(run={"backend": "serial"}, figure={"formats": ["svg"]}), tmp_path / "s.toml")
    path = os.pathsep.join([str(Path(__file__).parents[1]), str(tmp_path / "libraries")])
    done = run_specdid(["run", "s.toml", "--quiet", "--audit", "2"], tmp_path, PYTHONPATH=path)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the audit could not be done: pyfixest cannot be imported: OSError: unable to")
    assert "isagree" not in done.stderr
    out = tmp_path / "outputs" / "s"
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    assert (manifest["audit"]["verdict"], manifest["audit"]["checked"]) == ("not done", 0)
    assert manifest["warnings"]["error"] == 0
    text = (out / "details.md").read_text("utf-8")
    assert "the audit could not be done" in text.partition("\n## ")[0]
    assert "- audit: **NOT DONE**: pyfixest cannot be imported" in text
    assert "isagree" not in text
    assert "audit_not_done" in (out / "warnings.csv").read_text("utf-8")
    assert "NOT DONE: pyfixest cannot be imported" in (out / "report.html").read_text("utf-8")


def test_wide_second_effects_are_taken_out_exactly(monkeypatch):
    """300 and 200 levels in parts that no row connects, weighted, against all dummies solved densely."""
    rng = np.random.default_rng(3)
    n, one, two = 1_200, 300, 200
    half = rng.integers(0, 2, n)
    first = half * (one // 2) + rng.integers(0, one // 2, n)
    second = half * (two // 2) + rng.integers(0, two // 2, n)
    columns, outcome, weights = rng.normal(size=(n, 2)), rng.normal(size=n), rng.random(n) + 0.2
    monkeypatch.setattr(own_algebra, "LARGEST_BASIS", 1)
    solved = NetRegressors(columns, (first, second), (), weights).solve(outcome, np.array([1.0, 0.0]))
    root = np.sqrt(weights / weights.mean())
    dummies = np.hstack([first[:, None] == np.unique(first), second[:, None] == np.unique(second)]) * root[:, None]
    rank = dummies.shape[1] - 2
    gram = dummies.T @ dummies
    net = np.column_stack([columns, outcome]) * root[:, None]
    values, vectors = np.linalg.eigh(gram)
    inverse = vectors[:, -rank:] / values[-rank:] @ vectors[:, -rank:].T
    for _ in range(3):
        net -= dummies @ (inverse @ (dummies.T @ net))
    expected = np.linalg.lstsq(net[:, :2], net[:, 2], rcond=None)[0]
    assert solved.absorbed == rank
    assert solved.estimate == pytest.approx(expected[0], rel=1e-12)
    assert np.abs(solved.residual - (net[:, 2] - net[:, :2] @ expected)).max() < 1e-12


def test_what_is_not_solved_is_not_audited_and_no_disagreement(panel, monkeypatch, audit_anew):
    specs = [("ln_so2", "dudt", (), effects, None, "feols") for effects in (("city_id",), ("city_id", "province_year"))]
    layout = work_of(panel, specs, vcovs=("city_id",))
    results = results_of([run(layout.problem, layout.members)])
    monkeypatch.setattr(own_algebra, "LARGEST_BASIS", 1)
    assert audit(layout, results).checked == 2
    monkeypatch.setattr(own_algebra, "LARGEST_GRAM", 0)
    monkeypatch.setattr(own_algebra, "ITERATIONS", 2)
    found = audit(layout, results)
    assert (found.checked, found.not_audited, found.failed) == (1, 1, False)
    assert [(c.severity, c.code) for c in of_audit(found)] == [("note", "not_audited")]


def test_a_large_panel_is_audited_on_whole_units(panel, monkeypatch, audit_anew):
    """Engine and reference take the same units; of few treated units there are always some."""
    specs = [
        ("ln_so2", "dudt", ("pgdp",), FE, "pop", "feols"),
        ("ln_so2", "dudt", ("pgdp",), FE, None, "sunab"),
        ("so2", "dudt", (), FE, None, "fepois"),
    ]
    layout = work_of(panel, specs, vcovs=VCOVS, cohort="cohort")
    alone = replace(
        layout, members=layout.members.take(np.array([2])), method=layout.method[2:], cohort=layout.cohort[2:]
    )
    blocks = [run(layout.problem, layout.members.take(np.arange(2))), *fit_one_by_one(alone)]
    results = results_of(blocks)
    monkeypatch.setattr(compare, "LARGE_PANEL", 100)
    monkeypatch.setattr(compare, "ROWS_DRAWN", len(panel) // 3)
    work, (drawn, of) = compare.on_units(layout, np.arange(3), 1)
    units = layout.problem.codes[:, layout.problem.unit]
    again = work.problem.codes[:, work.problem.unit]
    assert of == len(np.unique(units))
    assert drawn == len(np.unique(again)) == of // 3
    assert all((units == u).sum() == (again == u).sum() for u in np.unique(again))
    found = audit(layout, results)
    assert found.units == (drawn, of)
    assert (found.checked, found.failed, found.not_audited) == (3, False, 0)
    assert 0 < found.estimate_gap + found.se_gap < 1e-6

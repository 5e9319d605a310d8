"""A run as a whole: every specification accounted for, every number checked, nothing lost."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")

PANEL = small_panel()


@pytest.fixture(scope="module")
def curve():
    study = small_study(
        weights={"none": "1", "w": "w"},
        sample={"all": "TRUE", "late": "year > 2001"},
        vcov={"unit": "~id", "robust": "hetero", "both": "~id + year", "iid": "iid"},
    )
    return specdid.run(study, PANEL, audit=0)


def test_every_ok_row_equals_a_direct_call_on_hand_made_columns(curve):
    import pyfixest as pf

    frame = PANEL.with_columns(lz=pl.col("z").log()).to_pandas()
    kinds = {"unit": {"CRV1": "id"}, "robust": "hetero", "both": {"CRV1": "id+year"}, "iid": "iid"}
    effects = {"two-way": "id + year", "unit": "id"}
    table = curve.table[curve.table.status == "ok"]
    assert len(table) > 400
    fit, fitted = None, ""
    for row in table.itertuples():
        if row.spec_id != fitted:  # its rows are together, one for each vcov
            data = frame if row.sample == "all" else frame[frame.year > 2001]
            controls = "" if row.controls == "1" else f" + {row.controls}"
            formula = f"{'lz' if row.outcome == 'log z' else 'y'} ~ d{controls} | {effects[row.fixed_effects]}"
            weights = {} if row.weights == "none" else {"weights": "w"}
            fit, fitted = pf.feols(formula, data, demeaner=pf.MapDemeaner(fixef_tol=1e-12), **weights), row.spec_id
        want = fit.vcov(kinds[row.vcov]).tidy().loc["d"]
        got = [row.estimate, row.std_error, row.statistic, row.conf_low, row.conf_high]
        keys = ["Estimate", "Std. Error", "t value", "2.5%", "97.5%"]
        np.testing.assert_allclose(got, want[keys].to_numpy(float), rtol=1e-8, atol=1e-12)
        assert abs(row.p_value - want["Pr(>|t|)"]) < 1e-9


def test_planned_is_the_sum_of_what_became_of_it(curve):
    counts = curve.counts
    assert counts.planned == counts.ok + counts.failed + counts.excluded + counts.duplicate == 128
    assert str(counts) in curve.summary()


def pathological() -> tuple[dict, pl.DataFrame]:
    frame = PANEL.with_columns(
        one=pl.lit(1.0),
        twice=2.0 * pl.col("d"),
        fixed=pl.col("id") * 1.5,
        flat=pl.lit(3.0),
        cell=pl.struct("id", "d").rank("dense"),
    )
    study = small_study(
        outcome={"y": "y", "flat": "flat"},
        controls={"none": "1", "constant": "one", "twice": "twice", "time-constant": "fixed"},
        fixed_effects={"two-way": "id + year", "absorbing": "cell + year"},
        sample={"all": "TRUE", "empty": "year > 3000"},
        vcov={"unit": "~id"},
        figure={"formats": ["svg"]},
    )
    return study, frame


def test_what_cannot_be_estimated_is_a_row_with_a_plain_message():
    study, frame = pathological()
    curve = specdid.run(study, frame, audit=0)
    table = curve.table
    assert curve.counts.planned == len(table) == 32

    def one(**where):
        rows = table
        for key, value in where.items():
            rows = rows[rows[key] == value]
        return rows

    base = {"outcome": "y", "fixed_effects": "two-way", "sample": "all"}
    assert one(**base, controls="none").status.tolist() == ["ok"]
    for label, code in (("constant", "same_model"), ("time-constant", "same_model")):
        row = one(**base, controls=label).iloc[0]
        assert (row.status, row.code) == ("duplicate", code)
        assert row.twin == one(**base, controls="none").iloc[0].spec_id
    twice = one(**base, controls="twice").iloc[0]
    assert (twice.status, twice.code) == ("failed", "not_identified")
    assert "`twice`" in twice.message
    assert set(one(sample="empty").code) == {"no_rows"}
    assert set(one(outcome="flat", sample="all", fixed_effects="two-way", controls="none").code) == {
        "no_outcome_variation"
    }
    assert one(outcome="y", sample="all", fixed_effects="absorbing", controls="none").code.tolist() == ["absorbed"]
    for message in table[table.status == "failed"].message:
        assert message
        assert "\n" not in message
        assert "Traceback" not in message


def test_a_pathological_study_ends_with_exit_code_0(tmp_path, monkeypatch):
    from command import call_specdid
    from toml_text import write_toml

    study, frame = pathological()
    frame.write_csv(tmp_path / "given.csv")
    write_toml(study, tmp_path / "odd.toml")
    done = call_specdid(["run", "odd.toml", "--jobs", "1"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "no_rows" in (tmp_path / "outputs/odd/details.md").read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "outputs/odd/manifest.json").read_text())
    counts = manifest["counts"]
    assert counts["planned"] == counts["ok"] + counts["failed"] + counts["excluded"] + counts["duplicate"]


def test_nothing_is_written_without_out(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    specdid.run(small_study(controls={"none": "1"}), PANEL, audit=0)
    assert list(tmp_path.iterdir()) == []


def test_the_audit_runs_and_agrees():
    curve = specdid.run(small_study(), PANEL, audit=5)
    assert curve.audit is not None
    assert curve.audit.checked == 5
    assert curve.audit.disagreeing == ()


def test_common_rows(curve):
    study = small_study(study={**small_study()["study"], "missing": "common"})
    table = specdid.run(study, PANEL, audit=0).table
    listwise = curve.table
    assert table[table.status == "ok"].nobs.nunique() == 1
    assert listwise[listwise.status == "ok"].nobs.nunique() > 1


def test_common_rows_have_the_variables_of_slopes(tmp_path):
    """x2 is missing in some rows, and is a variable of slopes alone."""
    effects = {"two-way": "id + year", "slopes": "id[x2] + year"}
    content = {**small_study()["study"], "missing": "common"}
    study = small_study(study=content, controls={"none": "1"}, fixed_effects=effects)
    curve = specdid.run(study, PANEL, audit=None)
    table = curve.table[curve.table.status == "ok"]
    complete = PANEL.drop_nulls("x2")
    assert set(table.fixed_effects) == set(effects)
    assert table.nobs.unique().tolist() == [complete.height]
    assert complete.height < PANEL.height
    alone = small_study(controls={"none": "1"}, fixed_effects={"two-way": "id + year"})
    expected = specdid.run(alone, complete, audit=0).table
    assert table[table.fixed_effects == "two-way"].estimate.tolist() == pytest.approx(expected.estimate.tolist())
    code = specdid.show(study, str(table[table.fixed_effects == "two-way"].spec_id.iloc[0]), PANEL, code="python")
    assert '"x2"' in code.split("complete = [")[1].split("]")[0]


def test_analyses_compute_on_one_thread_as_workers_do(monkeypatch):
    """More only contend, and have last digits of their own."""
    from specdid._run import analyse
    from specdid.engine.workers import pools
    from threadpoolctl import threadpool_info

    def counted() -> set[int]:
        return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}

    seen: list[set[int]] = []
    monkeypatch.setattr(analyse, "run_analyses", lambda *_: seen.append(counted()) or ())
    with pools().limit(limits=2):
        before = counted()
        specdid.run(small_study(), PANEL, audit=0)
        assert counted() == before
    assert seen == [{1}]

"""Two runs beside each other: who is matched with whom, what moved, what is said of it."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from command import call_specdid, run_specdid
from curves import plan_of, results_of, subsets
from small_studies import small_panel, small_study
from specdid._cli.commands import _print_tables
from specdid._compare import compare_results, rows
from specdid._records import Code
from specdid.report.comparison import blocks, markdown

pytestmark = pytest.mark.usefixtures("undrawn")

CONTROLS = {"none": "1", "one": "x1", "both": "x1 + x3"}
TWO = {"all": "TRUE", "late": "year > 2002"}


def a_run(directory: Path, data: pl.DataFrame | None = None, **changes) -> Path:
    study = small_study(**{"controls": CONTROLS, "sample": TWO, "figure": {"formats": ["svg"]}, **changes})
    specdid.run(study, data if data is not None else small_panel(), out=directory, jobs=1, audit=0)
    return directory


def revised_panel() -> pl.DataFrame:
    revised = (pl.col("id") == 6) & (pl.col("year") > 2004)
    return small_panel().with_columns(pl.when(revised).then(pl.col("y") + 1).otherwise(pl.col("y")).alias("y"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> tuple[Path, Path]:
    """A run, and one after a revision.

    The data of the first outcome change; of the controls one option gets another name, one
    other content, one goes and one comes; the second vcov is called otherwise.
    """
    top = tmp_path_factory.mktemp("runs")
    inference = {"draws": 19, "null": ["wild"]}
    old = a_run(top / "old", inference=inference)
    new = a_run(
        top / "new",
        revised_panel(),
        inference=inference,
        controls={"nothing": "1", "one": "x1 + x2", "three": "x1 + x2 + x3"},
        vcov={"unit": "~id", "White": "hetero"},
    )
    return old, new


def read(directory: Path) -> pd.DataFrame:
    return pd.read_csv(directory / "results.csv")


def test_a_run_against_itself_is_the_same_throughout(runs):
    found = specdid.compare(runs[0], runs[0])
    assert set(found.table["change"]) == {"same"}
    assert not found.changed.any()
    assert (found.renamed, found.statuses, len(found.largest)) == ((), (), 0)
    for f in found.families:
        assert (f.old.n, f.old.median, f.old.low, f.old.high) == (f.new.n, f.new.median, f.new.low, f.new.high)
        assert f.median_both == 0
    assert "24 the same (matched" in found.summary()
    assert "Largest moves" not in found.summary()


def test_every_kind_of_change_is_told_from_the_others(runs):
    old, new = read(runs[0]), read(runs[1])
    table = specdid.compare(*runs).table
    first = table[table["vcov"] == "unit"]
    assert len(first) == 8 + 8 + 8 + 8
    kind = first.set_index("new_spec_id")["change"]
    shared = set(old["spec_id"]) & set(new["spec_id"])
    assert len(shared) == 8
    moved = {r.spec_id for r in new.itertuples() if r.spec_id in shared and r.outcome == "y"}
    assert {s for s in shared if kind[s] == "changed"} == moved
    assert {s for s in shared if kind[s] == "same"} == shared - moved
    assert len(moved) == 4
    labels = new.drop_duplicates("spec_id").set_index("spec_id")["controls"]
    assert {labels[s] for s, k in kind.items() if k == "redefined"} == {"one"}
    assert {labels[s] for s, k in kind.items() if k == "added"} == {"three"}
    assert set(first.loc[first["change"] == "removed", "controls"]) == {"both"}
    assert first.loc[first["change"] == "removed", "new_spec_id"].isna().all()


def test_rows_hold_the_numbers_of_both_results_files(runs):
    table = specdid.compare(*runs).table
    for side, directory in zip(("old", "new"), runs, strict=True):
        stored = read(directory).set_index(["spec_id", "vcov"])
        for row in table[table[f"{side}_spec_id"].notna()].to_dict("records"):
            vcov = "robust" if side == "old" and row["vcov"] == "White" else row["vcov"]
            key = (row[f"{side}_spec_id"], vcov)
            for name in ("estimate", "std_error", "p_value", "nobs"):
                assert row[f"{side}_{name}"] == pytest.approx(stored.loc[key, name], rel=1e-11)
    both = table[table["move"].notna()]
    assert np.allclose(both["move"], both["new_estimate"] - both["old_estimate"])
    known = both[both["move_se"].notna()]
    assert np.allclose(known["move_se"], known["move"] / known["old_std_error"])


def test_new_names_of_the_same_content_are_found(tmp_path):
    old = a_run(tmp_path / "old")
    new = a_run(
        tmp_path / "new",
        controls={"1": "1", "first": "x1", "both": "x3 + x1"},
        vcov={"unit": "~id", "White": "hetero"},
        outcome={"level": "y", "log z": "log(z)"},
    )
    found = specdid.compare(old, new)
    assert {(r.dimension, r.old, r.new) for r in found.renamed} == {
        ("outcome", "y", "level"),
        ("controls", "none", "1"),
        ("controls", "one", "first"),
        ("vcov", "robust", "White"),
    }
    assert set(found.table["change"]) == {"same"}
    # A family without a scale is its outcome: under a new name it is still the same curve.
    assert [(f.group, f.old.n, f.new.n, len(f.both_new)) for f in found.families] == [
        ("level", 12, 12, 12),
        ("log z", 12, 12, 12),
    ]


def test_a_variant_under_another_name_is_renamed_and_a_new_one_adds_specifications(tmp_path):
    trimmed = {"none": {}, "1%": {"derive": {"y": "winsorize(y, 0.01)"}}}
    old = a_run(tmp_path / "old", variant={"winsorizing": trimmed})
    early = {"kept": {}, "dropped": {"where": "year > 2001"}}
    new = a_run(tmp_path / "new", variant={"tails": trimmed, "early": early})
    found = specdid.compare(old, new)
    assert ("", "winsorizing", "tails") in {(r.dimension, r.old, r.new) for r in found.renamed}
    assert len(found.pairs.removed) == 0
    assert len(found.pairs.added) == len(np.unique(found.new.planned.ids)) - len(np.unique(found.old.planned.ids)) > 0
    assert "renamed: dimension `winsorizing` → `tails`" in found.summary()
    assert "added in early: `kept`, `dropped`" in found.summary()


def test_the_move_of_the_median_is_parted_into_those_in_both_and_the_rest(runs):
    old, new = read(runs[0]), read(runs[1])
    family = next(f for f in specdid.compare(*runs).families if f.group == "y")
    a, b = (t[(t["vcov"] == "unit") & (t["outcome"] == "y")] for t in (old, new))
    assert family.old.median == pytest.approx(a["estimate"].median(), rel=1e-11)
    assert family.new.high == pytest.approx(b["estimate"].max(), rel=1e-11)
    keys = ["fixed_effects", "sample"]
    none, one = [a[a["controls"] == n] for n in ("none", "one")], [b[b["controls"] == n] for n in ("nothing", "one")]
    pairs = [x.merge(y, on=keys) for x, y in zip(none, one, strict=True)]
    both = pd.concat(pairs)
    assert len(family.both_new) == len(both) == 8
    assert family.median_both == pytest.approx(both["estimate_y"].median() - both["estimate_x"].median(), rel=1e-9)
    moves = both.assign(move=both["estimate_y"] - both["estimate_x"])
    by_sample = moves.groupby("sample")["move"].mean()
    found = {o.option: o.mean for o in family.options if o.choice == "sample"}
    assert found == pytest.approx(by_sample.to_dict(), rel=1e-9)


def test_shares_of_the_moves_belong_to_the_choice_that_made_them():
    planned = plan_of({"sample": ["all", "some"], "weights": ["no", "yes"]}, subsets("a", "b"))
    old, new = results_of(planned), results_of(planned)
    late = planned.dimension("sample").codes == 1
    new.numbers["estimate"][late] += 0.05
    (family,) = compare_results(old, new).families
    shares = {o.choice: o.share for o in family.options}
    assert shares["sample"] == pytest.approx(1)
    assert shares["weights"] == pytest.approx(0, abs=1e-9)
    assert {o.option: o.mean for o in family.options if o.choice == "sample"} == pytest.approx({"all": 0, "some": 0.05})


def test_a_specification_that_fails_now_says_why():
    planned = plan_of({"sample": ["all", "some"]}, subsets("a", "b"))
    old, new = results_of(planned), results_of(planned, fails={2: Code.NOT_IDENTIFIED, 5: Code.NOT_IDENTIFIED})
    found = compare_results(old, new)
    (change,) = found.statuses
    assert (change.old.name, change.new.name, change.code, change.n) == ("OK", "FAILED", "not_identified", 2)
    assert change.message
    (back,) = compare_results(new, old).statuses
    assert (back.old.name, back.new.name, back.code) == ("FAILED", "OK", "not_identified")
    frame = rows(found)
    assert frame.filter(pl.col("change") == "status")["message"].to_list() == [change.message] * 2


def test_duplicates_count_once():
    planned = plan_of({"sample": ["all", "same"]}, subsets("a"), twins={1: 0, 3: 2})
    found = compare_results(results_of(planned), results_of(planned))
    assert len(found.pairs.new) == 2
    assert rows(found)["change"].to_list() == ["same"] * 2


def test_the_joint_tests_are_those_of_the_files(runs):
    found = specdid.compare(*runs)
    for side, directory in zip(("old", "new"), runs, strict=True):
        with (directory / "inference.csv").open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                (test,) = [t for t in found.tests if (t.null, t.statistic) == (row["null"], row["statistic"])]
                p = getattr(test, f"p_{side}")
                assert p == pytest.approx(float(row["p_value"]))
                assert f"{p:.3f}" in found.summary()


def test_results_parquet_is_enough(runs, tmp_path):
    bare = []
    for directory in runs:
        place = tmp_path / directory.name
        place.mkdir()
        shutil.copy(directory / "results.parquet", place)
        bare.append(place)
    found = specdid.compare(*bare)
    assert (found.tests, found.setup) == ((), ())
    whole = specdid.compare(*runs)
    pd.testing.assert_frame_equal(found.table, whole.table)
    assert whole.setup


def test_faults(runs, tmp_path):
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "nowhere"):
        for pair in ((runs[0], place), (place, runs[0])):
            with pytest.raises(specdid.SpecError, match=r"no results\.parquet"):
                specdid.compare(*pair)
    shutil.copytree(runs[0], tmp_path / "odd")
    (tmp_path / "odd" / "inference.csv").write_text("null,statistic\nwild,median\n")
    with pytest.raises(specdid.SpecError, match=r"inference\.csv is not the file"):
        specdid.compare(runs[0], tmp_path / "odd")


def test_the_command(runs, tmp_path):
    old, new = map(str, runs)
    done = run_specdid(["compare", old, new, "--write", "c.md", "--figure", "c.svg"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == (tmp_path / "c.md").read_text("utf-8")
    counts = "4 the same, 4 with other numbers, 8 redefined (same labels, other content), 8 added, 8 removed"
    assert counts in done.stdout
    assert (tmp_path / "c.svg").read_text("utf-8").startswith("<?xml")
    assert call_specdid(["compare", old, new, "--write", "c.csv"], tmp_path).returncode == 0
    assert len(pd.read_csv(tmp_path / "c.csv")) == len(specdid.compare(*runs).table)
    assert call_specdid(["compare", old, str(tmp_path)], tmp_path).returncode == 2
    assert call_specdid(["compare", old, new, "--write", "c.txt"], tmp_path).returncode == 2
    assert call_specdid(["compare", old, new, "--figure", "c.md"], tmp_path).returncode == 2
    assert call_specdid(["compare", old, new, "--write", "nowhere/c.md"], tmp_path).returncode == 5
    assert call_specdid(["compare", old, new, "--figure", "nowhere/c.pdf"], tmp_path).returncode == 5
    assert call_specdid(["compare", old], tmp_path).returncode == 2


def section(text, title):
    return text.partition(f"## {title}")[2].partition("\n## ")[0]


def cells(text, title):
    """The rows of a section's table, without its header."""
    lines = [line for line in section(text, title).splitlines() if line.startswith("|")][2:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def test_choices_made_after_the_fact_are_told(tmp_path):
    """A turned `expect`, another alpha, primary test, vcov and preferred specification were "the same"."""
    panel = small_panel()
    outcome = {"y": {"formula": "y", "scale": "points", "expect": "negative"}}
    inference = {"draws": 19, "null": ["wild"]}
    old = a_run(tmp_path / "old", panel, outcome=outcome, inference=inference, vcov={"robust": "hetero"})
    new = a_run(
        tmp_path / "new",
        panel,
        outcome={"y": {**outcome["y"], "expect": "positive"}},
        inference={**inference, "alpha": 0.1, "primary": "Stouffer's Z"},
        vcov={"iid": "iid"},
        preferred={"controls": "x1", "sample": "all"},
        run={"jobs": 1},
    )
    text = specdid.compare(old, new).summary()
    assert "12 the same estimate, under other standard errors (" in text
    assert cells(text, "Settings that changed") == [
        ("outcome.y.expect", '"negative"', '"positive"'),
        ("vcov.iid", "not set", '"iid"'),
        ("vcov.robust", '"hetero"', "not set"),
        ("inference.alpha", "not set", "0.1"),
        ("inference.primary", "not set", '"Stouffer\'s Z"'),
        ("preferred.controls", "not set", '"x1"'),
        ("preferred.sample", "not set", '"all"'),
    ]
    primary = {row[1].partition(" times")[0]: row[-1] for row in cells(text, "Joint tests")}
    assert primary["median t"] == "in the old run"
    assert primary["Stouffer's Z"] == "in the new run"
    assert set(primary.values()) == {"in the old run", "in the new run", ""}
    p = [read(directory).p_value for directory in (old, new)]
    was, now = p[0] < 0.05, p[1] < 0.1
    ratio = read(new).std_error / read(old).std_error
    said = section(text, "Standard errors and significance")
    assert f"{(was & ~now).sum()} lose and {(now & ~was).sum()} gain significance" in said
    assert f"{ratio.median():.2f} times the old ones at the median ({ratio.min():.2f} to {ratio.max():.2f})" in said
    assert ("first vcov", "robust", "iid") in cells(text, "Standard errors and significance")
    again = specdid.compare(new, new).summary()
    assert "Settings that changed" not in again
    assert "Standard errors and significance" not in again
    assert "in both" in {row[-1] for row in cells(again, "Joint tests")}


def test_what_was_redefined_is_named_and_nothing_else_has_its_share(tmp_path):
    """44.8% of the moves stood against samples, which nobody had touched, on the line of each."""
    frame = small_panel()
    base = {"controls": {"none": "1", "one": "x1"}, "weights": {"none": "1"}}
    old = a_run(tmp_path / "old", frame, outcome={"y": "y", "z": "z"}, **base)
    new = a_run(tmp_path / "new", frame, outcome={"y": "winsorize(y, 0.1)", "z": "z"}, **base)
    found = specdid.compare(old, new)
    text = found.summary()
    assert "- redefined in outcome: `y`\n" in text
    assert ("outcome.y", '"y"', '"winsorize(y, 0.1)"') in cells(text, "Settings that changed")
    moved = section(text, "Which options moved: y")
    assert "8 of these 8 have other content under the same labels" in moved
    assert {row[2] for row in cells(text, "Which options moved: y")} == {""}
    assert "Which options moved: z" not in text
    both = a_run(
        tmp_path / "both",
        frame,
        outcome={"y": "y", "z": "z"},
        **{**base, "controls": {**base["controls"], "one": "x1 + x3"}},
    )
    text = specdid.compare(old, both).summary()
    assert "- redefined in controls: `one`\n" in text
    table = cells(text, "Which options moved: y")
    shares = [row for row in table if row[2]]
    assert len(shares) == len({row[0] for row in shares})
    assert "sample" not in {row[0] for row in shares}
    tied = {"dimensions": ["outcome", "weights"], "options": [["y", "none"], ["z", "id"]]}
    more = {"weights": {"none": "1", "id": "id + 1"}, "together": [tied], "controls": {"none": "1"}}
    runs = [a_run(tmp_path / y, frame, outcome={"y": y, "z": "z"}, **more) for y in ("y", "x2")]
    named = [line for line in specdid.compare(*runs).summary().splitlines() if line.startswith("- redefined in")]
    assert named == ["- redefined in outcome: `y`"]


def test_a_run_that_kept_no_settings_says_so(runs, tmp_path):
    shutil.copytree(runs[0], tmp_path / "old")
    kept = json.loads((tmp_path / "old" / "manifest.json").read_text("utf-8"))
    del kept["settings"]
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(kept), "utf-8")
    text = specdid.compare(tmp_path / "old", runs[1]).summary()
    assert "which settings changed is not known" in text
    assert "Settings that changed" not in text
    kept["settings"] = {"a\x1b[31m": ["x" * 999, {}], "b|c": None}
    (tmp_path / "old" / "manifest.json").write_text(json.dumps(kept), "utf-8")
    text = specdid.compare(tmp_path / "old", runs[1]).summary()
    assert "\x1b" not in text
    assert "x" * 200 not in text


def test_labels_of_strangers_are_text(tmp_path):
    labels = {"sample": ["=1+1", "[bold]a|b[/bold] \x1b[31m"]}
    planned = plan_of(labels, subsets("a"), title="[red]t")
    old, new = results_of(planned), results_of(planned)
    new.numbers["estimate"][:] += np.arange(len(planned)) / 100
    found = compare_results(old, new)
    text = markdown(found)
    assert "\x1b" not in text
    assert "[bold]a\\|b[/bold]" in text
    cells = rows(found, guarded=True)["sample"].to_list()
    assert cells[0] == "'=1+1"
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        _print_tables(blocks(found))
    assert "[bold]a|b[/bold]" in out.getvalue()
    assert "[red]t" in out.getvalue()
    assert "\x1b" not in out.getvalue()


def test_a_comparison_is_one_line_where_it_shows_itself(runs):
    said = repr(specdid.compare(*runs))
    assert said.startswith("<Comparison ")
    assert "\n" not in said
    assert " in both, " in said

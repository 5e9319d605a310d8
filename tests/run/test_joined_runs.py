"""Runs of studies whose data are several files: what is recorded, kept, compared and protected."""

import json
import shutil
from hashlib import sha256

import numpy as np
import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from toml_text import write_toml

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")


def place(folder, **changes):
    """A study of a panel whose x2 and x3 stand in files of their own, x3's wide; and its spec file."""
    folder.mkdir(parents=True, exist_ok=True)
    panel = small_panel()
    panel.drop("x2", "x3").write_csv(folder / "given.csv")
    panel.select("id", "year", "x2").write_csv(folder / "x2.csv")
    panel.pivot("year", index="id", values="x3").rename(lambda c: c if c == "id" else f"x3_{c}").write_csv(
        folder / "x3.csv"
    )
    made = small_study(
        outcome={"y": "y"},
        fixed_effects={"two-way": "id + year"},
        figure={"formats": ["svg"]},
        inference={"draws": 19, "null": ["wild"]},
    )
    made["data"] = {
        "second": {"file": "x2.csv", "by": ["id", "year"]},
        "third": {"file": "x3.csv", "by": ["id", "year"], "reshape": {"time": "year", "columns": "x3_{year}"}},
    }
    return write_toml({**made, **changes}, folder / "study.toml")


def run(spec, out, **options):
    return specdid.run(spec, out=out, jobs=1, **{"audit": 2, **options})


def record(directory):
    return json.loads((directory / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The results of the panel as one file."""
    folder = tmp_path_factory.mktemp("whole")
    small_panel().write_csv(folder / "given.csv")
    run(place(folder / "many"), folder / "out")
    study = small_study(outcome={"y": "y"}, fixed_effects={"two-way": "id + year"})
    return folder, specdid.run(study, data=small_panel(), audit=0, jobs=1)


def test_files_that_are_joined_give_what_one_file_gives(whole):
    folder, one = whole
    found = pl.read_csv(folder / "out" / "results.csv")
    assert found["spec_id"].to_list() == one.table["spec_id"].to_list()
    np.testing.assert_allclose(found["estimate"], one.table["estimate"], rtol=1e-10)
    np.testing.assert_allclose(found["std_error"], one.table["std_error"], rtol=1e-10)


def test_the_manifest_has_every_file_with_its_hash_and_what_did_not_match(whole):
    folder, _ = whole
    data = record(folder / "out")["data"]
    assert data["sha256"] == sha256((folder / "many/given.csv").read_bytes()).hexdigest()
    second, third = data["joined"]
    assert second["sha256"] == sha256((folder / "many/x2.csv").read_bytes()).hexdigest()
    assert third["sha256"] == sha256((folder / "many/x3.csv").read_bytes()).hexdigest()
    assert (second["rows_without_partner"], second["rows_unused"], second["by"]) == (0, 0, {"id": "id", "year": "year"})
    assert third["reshaped"] == "7 columns became `x3` of 7 periods, year 2001 to 2007"
    summary = (folder / "out/details.md").read_text("utf-8")
    assert "168 of 168 rows have a partner in x2.csv by `id` × `year`; 0 of its 168 rows" in summary
    page = (folder / "out/report.html").read_text("utf-8")
    assert "joined: third" in page
    assert third["sha256"] in page


def test_rows_without_a_partner_are_counted_everywhere(tmp_path, capsys):
    spec = place(tmp_path)
    lines = (tmp_path / "x2.csv").read_text("utf-8").splitlines()
    (tmp_path / "x2.csv").write_text("\n".join([*lines[:-10], "999,2001,1", ",2001,1"]) + "\n", "utf-8")
    said = "158 of 168 rows have a partner in x2.csv by `id` × `year`; 2 of its 160 rows belong to none of them"
    assert any(said in f.message for f in specdid.check(spec).warnings)
    curve = run(spec, tmp_path / "out", audit=0)
    assert any(said in c.message and c.code == "key_unmatched" for c in curve.warnings)
    assert said in (tmp_path / "out/details.md").read_text("utf-8")
    second = record(tmp_path / "out")["data"]["joined"][0]
    assert (second["rows_without_partner"], second["rows_unused"], second["rows"]) == (10, 2, 160)


def test_what_a_changed_file_touches_is_estimated_again_and_nothing_else(tmp_path):
    spec, out = place(tmp_path), tmp_path / "out"
    run(spec, out)
    assert record(out)["taken_from_an_earlier_run"]["specifications"] == 0
    x2 = pl.read_csv(tmp_path / "x2.csv")
    x2.with_columns(pl.col("x2") * 2 + pl.col("id") * pl.col("year") % 7).write_csv(tmp_path / "x2.csv")
    before = pl.read_csv(out / "results.csv")
    run(spec, out)
    after = pl.read_csv(out / "results.csv")
    # Of the subsets of three controls half are without x2.
    assert record(out)["taken_from_an_earlier_run"]["specifications"] == 4
    touched = (before["estimate"] != after["estimate"]).to_numpy()
    assert touched.tolist() == after["formula"].str.contains("x2").to_list()


def test_the_order_of_either_files_rows_changes_no_byte(tmp_path):
    place(tmp_path / "a")
    place(tmp_path / "b")
    for name in ("given", "x2", "x3"):
        path = tmp_path / "b" / f"{name}.csv"
        pl.read_csv(path, infer_schema=False).sample(fraction=1, shuffle=True, seed=3).write_csv(path)
    for name in ("a", "b"):
        run(tmp_path / name / "study.toml", tmp_path / name / "out", audit=0)
    for file in ("results.csv", "inference.csv", "choices.csv"):
        assert (tmp_path / "a/out" / file).read_bytes() == (tmp_path / "b/out" / file).read_bytes(), file


def test_a_comparison_says_which_file_changed_and_what_is_joined_otherwise(tmp_path):
    spec = place(tmp_path)
    run(spec, tmp_path / "old", audit=0)
    with (tmp_path / "x2.csv").open("a", encoding="utf-8") as file:
        file.write("999,2001,1\n")
    spec = place(tmp_path / "new")
    shutil.copy(tmp_path / "x2.csv", tmp_path / "new/x2.csv")
    run(spec, tmp_path / "out", audit=0)
    setup = specdid.compare(tmp_path / "old", tmp_path / "out").setup
    assert "the data changed" in setup
    assert "joined file `second` changed" in setup
    assert not any("third" in line for line in setup)


def test_a_rank_is_not_shown_of_a_run_on_another_joined_file_or_another_join(tmp_path):
    spec, out = place(tmp_path), tmp_path / "out"
    run(spec, out, audit=0)
    assert "Rank:" in specdid.show(spec, "#1", out=out)
    x3 = pl.read_csv(tmp_path / "x3.csv")
    x3.with_columns(pl.col("x3_2003") + 1).write_csv(tmp_path / "x3.csv")
    with pytest.raises(specdid.SpecError):
        specdid.show(spec, "#1", out=out)
    x3.write_csv(tmp_path / "x3.csv")
    text = spec.read_text("utf-8").replace('"by" = ["id", "year"]', '"by" = ["id", "year"], "suffix" = "_s"', 1)
    spec.write_text(text, "utf-8")
    with pytest.raises(specdid.SpecError):
        specdid.show(spec, "#1", out=out)


def test_no_output_replaces_a_file_that_is_joined(tmp_path):
    spec, out = place(tmp_path), tmp_path / "out"
    run(spec, out, audit=0)
    # Under a name that the run gave, so that it would be replaced, were it not read.
    shutil.copy(tmp_path / "x2.csv", out / "results.csv")
    spec.write_text(spec.read_text("utf-8").replace('"x2.csv"', '"out/results.csv"'), "utf-8")
    with pytest.raises(specdid.OutputError, match="is what the study reads"):
        run(spec, out, audit=0)
    assert (out / "results.csv").read_bytes() == (tmp_path / "x2.csv").read_bytes()


def test_a_frame_takes_the_place_of_the_studys_own_file_alone(tmp_path):
    spec = place(tmp_path)
    frame = pl.read_csv(tmp_path / "given.csv")
    (tmp_path / "given.csv").unlink()
    curve = specdid.run(spec, data=frame, audit=0, jobs=1)
    assert curve.counts.failed == 0
    assert curve.counts.ok


@pytest.mark.parametrize("rows", [slice(None), slice(0, 140)], ids=["the same rows", "rows of fewer units"])
def test_columns_of_a_joined_file_as_an_option_give_what_a_study_of_that_file_gives(tmp_path, rows):
    """The way that the fault of a data file as an option proposes."""
    rng = np.random.default_rng(9)
    one = small_panel()
    other = one.with_columns(y=one["y"] + rng.normal(size=one.height), x1=one["x1"] * 2 + rng.normal(size=one.height))
    other = other[rows].select("id", "year", "y", "x1")
    other.write_csv(tmp_path / "other.csv")
    shared = {
        "outcome": {"y": "y"},
        "controls": {"none": "1", "some": "capped + x3"},
        "derive": {"capped": "winsorize(x1, 0.05)"},
        "fixed_effects": {"two-way": "id + year"},
    }
    spec = small_study(**shared)
    spec["data"] = {"satellite": {"file": str(tmp_path / "other.csv"), "by": ["id", "year"], "suffix": "_b"}}
    taken = {"derive": {"y": "y_b", "x1": "x1_b"}, "where": "!is.na(y_b)"}
    spec["variant"] = {"source": {"statistics": {}, "satellite": taken}}
    del spec["study"]["data"]
    table = specdid.run(spec, data=one, audit=0, jobs=1).table
    alone = small_study(**shared)
    del alone["study"]["data"]
    beside = other.join(one.drop("y", "x1"), on=["id", "year"])
    for label, frame in (("statistics", one), ("satellite", beside)):
        expected = specdid.run(alone, data=frame, audit=0, jobs=1).table
        found = table[table["source"] == label]
        for column in ("estimate", "std_error", "nobs", "n_clusters"):
            np.testing.assert_allclose(found[column].to_numpy(float), expected[column].to_numpy(float), rtol=1e-9)

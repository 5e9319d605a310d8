"""A data file as an option: each option is the study on another file of the same units and periods."""

import json
import re
from copy import deepcopy

import numpy as np
import polars as pl
import pytest
import specdid
import stata_reader
from programs import estimated, execute
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._run.prepare import prepare
from specdid._run.show import script_of

pytestmark = pytest.mark.usefixtures("audit_here", "undrawn")

SHARED = {
    "outcome": {"y": "y"},
    "derive": {
        "x1": "x1 - mean(x1, by = year)",  # under the name of a column that differs
        "capped": "winsorize(x1, 0.05)",
        "level": "mean(y, by = group)",
    },
    "controls": {"none": "1", "some": "capped + x2", "level": "level:year"},
    "fixed_effects": {"two-way": "id + year"},
    "inference": {"draws": 19, "null": ["wild"]},
    "figure": {"formats": ["svg"]},
}


def other(seed: int = 5) -> pl.DataFrame:
    """The panel with other values of y and x1, and of x2 missing elsewhere; in another order."""
    rng = np.random.default_rng(seed)
    one = small_panel()
    x2 = one["x2"].to_numpy().copy()
    x2[rng.permutation(len(x2))[:9]] = np.nan
    changed = {"y": one["y"] + rng.normal(size=one.height), "x1": one["x1"] * 2 + rng.normal(size=one.height), "x2": x2}
    return one.with_columns(**{n: pl.Series(n, v) for n, v in changed.items()}).sample(fraction=1, shuffle=True, seed=1)


def study(folder, option=None, **changes):
    small_panel().write_csv(folder / "given.csv")
    other().write_csv(folder / "other.csv")
    made = small_study(**deepcopy({**SHARED, **changes}))
    made["study"]["data"] = str(folder / "given.csv")
    made["variant"] = {"source": {"statistics": {}, "satellite": option or {"data": str(folder / "other.csv")}}}
    return made


def alone(path, **changes):
    made = small_study(**deepcopy({**SHARED, **changes}))
    made["study"]["data"] = str(path)
    return made


@pytest.mark.parametrize("missing", ["listwise", "common"])
def test_each_option_gives_what_a_study_of_its_file_gives(tmp_path, missing):
    spec = study(tmp_path)
    spec["study"]["missing"] = missing
    curve = specdid.run(spec, audit=None, jobs=1)
    assert not curve.audit.failed
    for label, name in (("statistics", "given.csv"), ("satellite", "other.csv")):
        if missing == "common" and label == "satellite":
            break  # rows that are complete in the variables of both
        one = alone(tmp_path / name)
        expected = specdid.run(one, audit=0, jobs=1).table
        found = curve.table[curve.table["source"] == label]
        if missing == "common":
            assert found["nobs"].nunique() == 1
            assert (found["nobs"] < expected["nobs"].min()).all()
            continue
        for column in ("estimate", "std_error", "nobs", "n_clusters", "n_treated"):
            np.testing.assert_allclose(found[column].to_numpy(float), expected[column].to_numpy(float), rtol=1e-9)


@pytest.mark.parametrize("null", ["wild", "permutation"])
def test_a_draw_is_the_same_in_every_file(tmp_path, null):
    """Each specification has the p-value under the null that it has in a study of its file alone."""
    changes = {"inference": {"draws": 39, "null": [null], "assign": "d + cohort"}}
    specdid.run(study(tmp_path, **changes), out=tmp_path / "both", audit=0, jobs=1)
    results = pl.read_csv(tmp_path / "both/results.csv").filter(pl.col("vcov") == "unit")
    both = pl.read_csv(tmp_path / "both/inference_specifications.csv")
    for label, name in (("statistics", "given"), ("satellite", "other")):
        specdid.run(alone(tmp_path / f"{name}.csv", **changes), out=tmp_path / name, audit=0, jobs=1)
        single = pl.read_csv(tmp_path / name / "inference_specifications.csv")["p_null"]
        mine = both.filter(pl.col("index").is_in(results.filter(pl.col("source") == label)["index"].to_list()))[
            "p_null"
        ]
        assert mine.to_list() == single.to_list()
        assert mine.n_unique() > 1


def test_columns_that_are_the_same_are_not_taken_twice(tmp_path):
    spec = study(tmp_path)
    small_panel().sample(fraction=1, shuffle=True, seed=2).write_csv(tmp_path / "other.csv")
    curve = specdid.run(spec, audit=0, jobs=1)
    assert (curve.counts.ok, curve.counts.duplicate) == (3, 3)


def faults(spec):
    return [(f.code, f.message) for f in specdid.check(spec).errors]


@pytest.mark.parametrize(
    ("first", "more", "words"),
    [
        (5, 0, "it lacks 5 rows of"),
        (0, 1, "1 of its 169 rows is not there"),
        (5, 1, "1 of its 164 rows is not there"),
    ],
)
def test_a_file_of_other_units_or_periods_is_refused_with_counts(tmp_path, first, more, words):
    spec = study(tmp_path)
    strange = other()[:more].with_columns(id=pl.lit(99, pl.Int64))
    pl.concat([other()[first:], strange]).write_csv(tmp_path / "other.csv")
    ((code, message),) = faults(spec)
    assert code == "bad_option_file"
    assert words in message


def test_a_file_without_a_column_in_use_is_refused(tmp_path):
    spec = study(tmp_path)
    other().drop("x1").write_csv(tmp_path / "other.csv")
    ((code, message),) = faults(spec)
    assert (code, "`x1`" in message) == ("bad_option_file", True)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("share", [1, 2])
def test_a_column_of_numbers_in_one_file_and_text_in_the_other_is_refused(tmp_path, share, own):
    spec = study(tmp_path)
    path = tmp_path / ("given.csv" if own else "other.csv")
    frame = pl.read_csv(path)
    values = [f"{v}%" if v is not None and k % share == 0 else v and str(v) for k, v in enumerate(frame["x2"])]
    frame.with_columns(x2=pl.Series(values, dtype=pl.String)).write_csv(path)
    found = [f for f in specdid.check(spec).errors if f.code == "bad_option_file"]
    (fault,) = found
    assert f"`x2` is text in {path}, as “" in fault.message
    assert "a number in" in fault.message


def test_a_column_without_a_value_is_of_either_type(tmp_path):
    spec = study(tmp_path, outcome={"y": "y * (group == 'a')"}, controls={"none": "1"}, derive={})
    for name, empty in (("given", False), ("other", True)):
        frame = pl.read_csv(tmp_path / f"{name}.csv")
        text = pl.lit(None, pl.String) if empty else pl.lit("a")
        frame.with_columns(group=text).write_csv(tmp_path / f"{name}.csv")
    assert "bad_option_file" not in [code for code, _ in faults(spec)]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vcov": {"group": "~group"}}, "the clusters of [vcov] are made of it"),
        ({"inference": {"draws": 9, "cluster": "group"}}, "[inference] cluster is made of it"),
        (
            {"inference": {"draws": 9, "null": ["permutation"], "assign": "d", "strata": "group"}},
            "strata is made of it",
        ),
        ({"sample": {"groups": "each(group)"}}, "samples by pattern are made of it"),
    ],
)
def test_what_all_specifications_share_must_be_the_same_in_every_file(tmp_path, changes, words):
    spec = study(tmp_path, **changes)
    other().with_columns(group=(pl.col("id") - 1) // 3).write_csv(tmp_path / "other.csv")
    found = [message for code, message in faults(spec) if code == "source_differs"]
    assert any(words in message and message.startswith("`group` is not the same") for message in found)


def test_a_variant_that_changes_columns_stands_below_the_one_that_says_of_which_file_they_are(tmp_path):
    spec = study(tmp_path)
    capped = {"none": {}, "capped": {"derive": {"y": "winsorize(y, 0.05)"}}}
    spec["variant"] = {"winsorizing": capped, **spec["variant"]}
    assert [code for code, _ in faults(spec)] == ["source_order"]
    spec["variant"] = dict(reversed(spec["variant"].items()))
    table = specdid.run(spec, audit=0, jobs=1).table
    found = table[(table["source"] == "satellite") & (table["winsorizing"] == "capped")]
    one = alone(tmp_path / "other.csv")
    one["variant"] = {"winsorizing": capped}
    expected = specdid.run(one, audit=0, jobs=1).table
    expected = expected[expected["winsorizing"] == "capped"]
    np.testing.assert_allclose(found["estimate"].to_numpy(), expected["estimate"].to_numpy(), rtol=1e-9)


def test_each_file_is_checked_as_the_studys_own(tmp_path):
    spec = study(tmp_path)
    spec["outcome"]["log z"] = "log(z)"
    other().with_columns(z=pl.when(pl.col("year") == 2003).then(0).otherwise(pl.col("z"))).write_csv(
        tmp_path / "other.csv"
    )
    said = [f.message for f in specdid.check(spec).warnings]
    assert any(m.startswith("under source = “satellite”: ") and "log" in m for m in said)


def test_patterns_do_not_find_columns_of_other_files(tmp_path):
    spec = study(tmp_path, controls={"all": 'regex("^x")'})
    table = specdid.run(spec, audit=0, jobs=1).table
    assert table["formula"].tolist() == ["y ~ d + x1 + x2 + x3 | id + year"] * len(table)


def test_programs_and_manifest_of_an_option_have_its_file(tmp_path):
    prepared = prepare(study(tmp_path))
    results = estimated(prepared)
    labels, codes = prepared.plan.dimensions[-1].labels, prepared.plan.codes[:, -1]
    places = np.flatnonzero(codes == labels.index("satellite")).tolist()
    codes = [_plugins.load("exports", "python").write(script_of(prepared, p)) for p in places]
    assert all(re.search(r"DATA2 = \".*other.csv\"", code) for code in codes)
    for place, (estimate, _) in zip(places, execute(codes), strict=True):
        np.testing.assert_allclose(estimate, results.estimate[place], rtol=1e-8)
    for place in places:
        read = stata_reader.Program().run(_plugins.load("exports", "stata").write(script_of(prepared, place)))
        np.testing.assert_allclose(read.estimate, results.estimate[place], rtol=1e-8)
    specdid.run(study(tmp_path), out=tmp_path / "out", audit=0, jobs=1)
    (record,) = json.loads((tmp_path / "out/manifest.json").read_text("utf-8"))["data"]["joined"]
    assert record["differs_in"] == ["x1", "x2", "y"]
    assert record["option_of"] == "source"

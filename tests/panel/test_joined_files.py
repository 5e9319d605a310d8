"""Joined and wide files against pandas, and what is said of keys that do not meet."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import specdid
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid._decode import read_study
from specdid._diagnostics import Origin
from specdid._study import Reshape, WideColumns
from specdid.panel import read_panel
from specdid.panel.reshape import wide_layout

TEXTS = st.sampled_from(["a", "b", "B", "01", "1", "北京", "x y", None])
NUMBERS = st.sampled_from([0.0, 1.0, 2.0, -3.5, 1e9, None])
KINDS = {"numbers": (NUMBERS,), "texts": (TEXTS,), "both": (NUMBERS, TEXTS)}


@st.composite
def frames(draw, kind):
    """Keys of the study's rows and of the file's, of which the first may repeat."""
    keys = st.tuples(*KINDS[kind])
    left = draw(st.lists(keys, min_size=1, max_size=12))
    right = draw(st.lists(keys, min_size=1, max_size=12))
    names = [f"k{j}" for j in range(len(KINDS[kind]))]
    types = [pl.Float64 if options is NUMBERS else pl.String for options in KINDS[kind]]
    schema = dict(zip(names, types, strict=True))
    one, other = (pl.DataFrame([list(k) for k in rows], schema, orient="row") for rows in (left, right))
    return one, other.with_columns(
        pl.Series("z", np.arange(len(right)) * 1.5), pl.Series("w", [f"t{k}" for k in range(len(right))])
    )


def study(names, file, **more):
    return {
        "study": {"title": "t", "outcome": "y", "treatment": "d", "controls": "z + w + t"},
        "data": {"other": {"file": str(file), "by": names, **more}},
        "inference": {"draws": 0},
    }


def joined(frame, spec):
    """Read the panel of a spec: its columns by name in the frame's order, and the faults' codes."""
    read, faults = read_study(spec)
    assert not faults.errors, faults
    panel, found = read_panel(read, frame)
    if panel is None:
        return None, None, [f.code for f in found]
    back = np.argsort(panel.row_numbers(np.arange(panel.n_rows)))
    columns = {
        name: c.in_order(back) for name, c in panel.columns.items() if name in ("z", "w", "t", "y", "gdp", "pop")
    }
    return panel, columns, [f.code for f in found]


def values(column):
    if column.numbers is not None:
        return [None if np.isnan(v) else v for v in column.numbers.tolist()]
    return [None if c < 0 else column.levels[c] for c in column.codes.tolist()]


def base(one):
    n = one.height
    return one.with_columns(
        pl.Series("y", np.arange(n) + 0.5), pl.Series("d", np.arange(n) % 2), pl.Series("t", np.arange(n) * 1.0)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_join_is_that_of_pandas_whose_missing_keys_are_taken_out(kind, tmp_path):
    @given(frames(kind))
    @settings(max_examples=examples(150))
    def holds(drawn):
        one, other = drawn
        names = [c for c in one.columns if c.startswith("k")]
        other.write_parquet(tmp_path / "other.parquet")
        left, right = base(one).to_pandas(), other.to_pandas().dropna(subset=names)
        panel, columns, codes = joined(base(one), study(names, tmp_path / "other.parquet"))
        if any(one[n].null_count() == one.height or other[n].null_count() == other.height for n in names):
            assert codes == ["bad_join"] * len(codes)
            assert codes
            return
        if right.duplicated(names).any():
            assert codes == ["bad_join"]
            return
        merged = left.merge(right, how="left", on=names, indicator=True)
        partners = int((merged["_merge"] == "both").sum())
        if not partners:
            assert codes == ["bad_join"]
            return
        for name in ("z", "w"):
            expected = [None if pd.isna(v) else v for v in merged[name]]
            assert values(columns[name]) == expected
        file = panel.files[1]
        complete = left.dropna(subset=names)
        used = right.merge(complete[names].drop_duplicates(), on=names)
        assert (file.unmatched, file.missing_keys, file.unused) == (
            len(left) - partners,
            len(left) - len(complete),
            other.height - len(used),
        )
        assert codes == (["key_unmatched"] if file.unmatched or file.unused else [])

    holds()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(30))
def test_the_order_of_either_files_rows_is_of_no_effect(tmp_path_factory, seed):
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("orders")
    other = pl.DataFrame({"k0": rng.permutation(9).astype(float), "z": rng.normal(size=9), "w": list("abcdefghi")})
    one = base(pl.DataFrame({"k0": rng.integers(0, 12, 20).astype(float)}))
    made = []
    for left, right in ((one, other), (one[rng.permutation(20)], other[rng.permutation(9)])):
        right.write_csv(folder / "o.csv")
        panel = read_panel(read_study(study(["k0"], folder / "o.csv"))[0], left)[0]
        rows = zip(values(panel.columns["y"]), values(panel.columns["z"]), values(panel.columns["w"]), strict=True)
        made.append((sorted(rows), panel.files[1].unmatched, panel.files[1].unused))
    assert made[0] == made[1]


def wide_study(**reshape):
    return {
        "study": {"title": "t", "outcome": "y", "treatment": "d", "controls": "gdp + pop + t", "reshape": reshape},
        "inference": {"draws": 0},
    }


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=examples(60))
def test_a_wide_file_is_that_of_pandas_made_long(seed):
    rng = np.random.default_rng(seed)
    n, years = (
        int(rng.integers(1, 6)),
        sorted(rng.choice(np.arange(1990, 2030), int(rng.integers(1, 5)), replace=False)),
    )
    text = bool(rng.integers(2))
    wide = {"id": np.arange(n), "y": rng.normal(size=n), "d": np.arange(n) % 2, "t": rng.normal(size=n)}
    lost = years[int(rng.integers(len(years)))] if len(years) > 1 else None
    for year in rng.permutation(years):
        wide[f"gdp_{year}"] = np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n))
        if year != lost:
            cells = rng.choice(["a", "b", "c"], n) if text else rng.normal(size=n)
            wide[f"{year}pop"] = [None if rng.random() < 0.2 else c for c in cells.tolist()]
    frame = pl.DataFrame(wide, strict=False)
    panel, columns, codes = joined(frame, wide_study(time="year", columns=["gdp_{year}", "{year}pop"]))
    assert codes == (["reshape_gaps"] if lost is not None else [])
    pandas = frame.to_pandas()
    gdp = pandas.melt("id", [f"gdp_{y}" for y in years], value_name="gdp")
    gdp["year"] = gdp["variable"].str[4:].astype(int)
    pop = pandas.melt("id", [f"{y}pop" for y in years if y != lost], value_name="pop")
    pop["year"] = pop["variable"].str[:4].astype(int)
    long = gdp.merge(pop, how="left", on=["id", "year"]).merge(pandas[["id", "y", "t"]], on="id")
    long = long.sort_values(["id", "year"])
    for name in ("gdp", "pop", "y", "t"):
        assert values(columns[name]) == [None if pd.isna(v) else v for v in long[name]], name
    order = np.argsort(panel.row_numbers(np.arange(panel.n_rows)))
    assert panel.n_rows == n * len(years)
    assert panel.files[0].layout.periods == tuple(map(float, years))
    assert len(order) == len(long)


def fault_of(frame, spec):
    read, faults = read_study(spec)
    assert not faults.errors
    found = read_panel(read, frame)[1]
    return next(f for f in found if f.severity == "error")


def test_keys_in_single_precision_are_refused_where_digits_may_be_lost(tmp_path):
    ids = np.array([330_100_001, 330_100_002, 330_100_003])
    one = base(pl.DataFrame({"k0": ids}))
    file = tmp_path / "o.dta"
    right = pd.DataFrame({"k0": ids.astype(np.float32), "z": [1.0, 2.0, 3.0], "w": ["a", "b", "c"]})
    right.iloc[[0, 2]].to_stata(file, write_index=False)
    said = fault_of(one, study(["k0"], file))
    assert said.code == "bad_join"
    assert "330100000" in said.message
    assert "long, double or text" in said.help
    # Small whole numbers are exact in it.
    one = base(pl.DataFrame({"k0": [1, 2, 3]}))
    right["k0"] = np.array([1, 2, 3], np.float32)
    right.to_stata(file, write_index=False)
    columns = joined(one, study(["k0"], file))[1]
    assert values(columns["z"]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("left", "right", "words"),
    [
        ([1, 2], ["01", "02"], ("“01”", "a number has no leading zeros", "2 digits")),
        (["1", "x"], [1, 2], ("is text in the data frame", "store both")),
        ([2012, 2013], [pd.Timestamp("2012-01-01"), pd.Timestamp("2013-01-01")], ("2012-01-01", "its year")),
    ],
)
def test_keys_of_two_types_are_refused_with_what_to_do(left, right, words, tmp_path):
    pd.DataFrame({"k0": right, "z": [1.0, 2.0], "w": ["a", "b"]}).to_parquet(tmp_path / "o.parquet")
    said = fault_of(base(pl.DataFrame({"k0": left})), study(["k0"], tmp_path / "o.parquet"))
    assert said.code == "bad_join"
    for word in words:
        assert word in said.message + said.help


def test_months_as_stata_counts_them_are_not_those_of_a_csv(tmp_path):
    months = pd.DataFrame({"k0": pd.to_datetime(["2012-01-01", "2012-02-01"]), "z": [1.0, 2.0], "w": ["a", "b"]})
    months.to_stata(tmp_path / "o.dta", convert_dates={"k0": "tm"}, write_index=False)
    said = fault_of(base(pl.DataFrame({"k0": [201201, 201202]})), study(["k0"], tmp_path / "o.dta"))
    assert said.code == "bad_join"
    assert "counted from 1960" in said.message
    assert "624" in said.message


def test_a_chinese_file_in_gb18030_meets_a_utf8_one(tmp_path):
    other = "k0,z,w\n北京,1,沿海\n上海,2,内陆\n"
    (tmp_path / "o.csv").write_bytes(other.encode("gb18030"))
    one = base(pl.DataFrame({"k0": ["上海", "北京", "广州"]}))
    _, columns, codes = joined(one, study("k0", tmp_path / "o.csv"))
    assert values(columns["z"]) == [2, 1, None]
    assert values(columns["w"]) == ["内陆", "沿海", None]
    assert codes == ["gb18030", "key_unmatched"]


def test_texts_that_differ_in_width_or_case_only_are_pointed_out(tmp_path):
    (tmp_path / "o.csv").write_text("k0,z,w\nBEIJING,1,a\nx,2,b\n", "utf-8")
    one = base(pl.DataFrame({"k0": ["Ｂeijing", "x"]}))
    read = read_study(study("k0", tmp_path / "o.csv"))[0]
    (said,) = read_panel(read, one)[1]
    assert "“Ｂeijing” and “BEIJING” differ in case, width" in said.help


def test_codes_that_lack_leading_zeros_are_pointed_out(tmp_path):
    (tmp_path / "o.csv").write_text("k0,z,w\n110a,1,a\nx,2,b\n", "utf-8")
    read = read_study(study("k0", tmp_path / "o.csv"))[0]
    (said,) = read_panel(read, base(pl.DataFrame({"k0": ["0110a", "x"]})))[1]
    assert "“0110a” and “110a” differ in case, width, spaces or leading zeros" in said.help
    (other,) = read_panel(read, base(pl.DataFrame({"k0": ["0111a", "x"]})))[1]
    assert other.help is None


def test_names_that_meet_are_a_fault_where_they_are_used_and_get_a_suffix_where_one_is_asked_for(tmp_path):
    (tmp_path / "o.csv").write_text("k0,z,w,y\n1,1,a,7\n2,2,b,8\n", "utf-8")
    one = base(pl.DataFrame({"k0": [1, 2]}))
    said = fault_of(one, study("k0", tmp_path / "o.csv"))
    assert (said.code, "`y` of" in said.message, 'suffix = "_other"' in said.help) == ("bad_join", True, True)
    spec = study("k0", tmp_path / "o.csv", suffix="_o")
    spec["study"]["controls"] = "z + w + y_o"
    panel = read_panel(read_study(spec)[0], one)[0]
    assert values(panel.columns["y_o"]) == [7, 8]
    assert values(panel.columns["y"]) == [0.5, 1.5]
    # A name that nothing uses means the study's own column, and is no fault.
    (tmp_path / "o.csv").write_text("k0,z,w,unused\n1,1,a,7\n2,2,b,8\n", "utf-8")
    assert joined(one.with_columns(unused=1.0), study("k0", tmp_path / "o.csv"))[2] == []


def test_a_file_joins_by_a_column_of_one_that_was_joined_before(tmp_path):
    (tmp_path / "a.csv").write_text("k0,prov\n1,P\n2,Q\n", "utf-8")
    (tmp_path / "b.csv").write_text("province,z,w\nP,10,a\nQ,20,b\n", "utf-8")
    spec = study("k0", tmp_path / "a.csv")
    spec["data"]["second"] = {"file": str(tmp_path / "b.csv"), "by": {"prov": "province"}}
    one = base(pl.DataFrame({"k0": [2, 1, 2]}))
    assert values(joined(one, spec)[1]["z"]) == [20, 10, 20]


def test_only_the_columns_in_use_of_a_joined_file_are_read(tmp_path):
    pl.DataFrame({"k0": [1, 2], "z": [1, 2], "w": ["a", "b"], "v": [1, 2]}).write_parquet(tmp_path / "o.parquet")
    panel = read_panel(read_study(study("k0", tmp_path / "o.parquet"))[0], base(pl.DataFrame({"k0": [1, 2]})))[0]
    assert panel.columns["v"].kind == "a column that was not read"
    assert panel.names == f"the data frame and {tmp_path / 'o.parquet'}"


def test_faults_of_the_studys_own_file_and_of_joined_ones_come_together(tmp_path):
    spec = study("k0", tmp_path / "no.csv")
    spec["study"]["data"] = str(tmp_path / "neither.csv")
    assert sorted(f.code for f in specdid.check(spec)) == ["no_file", "no_file"]


@pytest.mark.parametrize("name", ["gdp_2012r", "gdp_total"])
def test_a_text_in_the_place_of_a_period_is_told_and_the_column_stays(name):
    frame = pl.DataFrame(
        {"y": [1.0], "d": [1], "t": [0.0], "gdp_2011": [1.0], "gdp_2012": [2.0], name: [3.0], "pop": [1]}
    )
    read = read_study(wide_study(time="year", columns="gdp_{year}"))[0]
    panel, (said,) = read_panel(read, frame)
    assert said.code == "reshape_text"
    assert f"`{name}` of the data frame" in said.message
    assert values(panel.columns[name]) == [3, 3]


@pytest.mark.parametrize(
    ("names", "columns", "code"),
    [
        (["gdp_2011", "gdp_02011"], "gdp_{year}", "bad_reshape"),
        (["gdp_2011"], {"gdp": "gdp_{year}", "all": "x{year}"}, "bad_reshape"),
        (["2011_2012"], {"a": "2011_{year}", "b": "{year}_2012"}, "bad_reshape"),
        (["gdp_2011", "year"], "gdp_{year}", "bad_reshape"),
        (["gdp_2011", "gdp"], "gdp_{year}", "bad_reshape"),
        (["gdp_2011", "gdp_x"], {"gdp": "gdp_{year}", "x": "x_{year}"}, "bad_reshape"),
    ],
)
def test_patterns_that_cannot_be_meant_are_refused(names, columns, code):
    frame = pl.DataFrame({"y": [1.0], "d": [1], **{n: [1.0] for n in names}})
    assert fault_of(frame, wide_study(time="year", columns=columns)).code == code


def test_columns_of_two_types_are_no_one_variable(tmp_path):
    (tmp_path / "w.csv").write_text(
        "y,d,t,gdp_2011,gdp_2012,gdp_2013\n1,1,1,5,n.a.,\n2,0,1,6,7,\n3,0,1,6,7,\n", "utf-8"
    )
    spec = wide_study(time="year", columns="gdp_{year}")
    spec["study"]["data"] = str(tmp_path / "w.csv")
    found = specdid.check(spec)
    assert [f.code for f in found.errors] == ["bad_reshape"]
    assert "n.a." in found.errors[0].help


@pytest.mark.parametrize(
    ("names", "time", "periods"),
    [
        (["y_98", "y_99", "y_00", "y_01"], "year", (1998, 1999, 2000, 2001)),
        (["年98", "年99"], "年份", (1998, 1999)),
        (["y_98", "y_99", "y_00"], "wave", (0, 98, 99)),
        ([f"y_{w:02}" for w in range(1, 53)], "yearweek", tuple(range(1, 53))),
        (["y_01", "y_02"], "year", (1, 2)),
        (["y_98", "y_1999"], "year", (98, 1999)),
    ],
)
def test_years_of_two_digits_are_years_where_some_are_before_2000(names, time, periods):
    wide = Reshape(time, (WideColumns("y", names[0][:-2], "", "", Origin(())),), Origin(()))
    assert wide_layout(["id", *names], wide).periods == periods

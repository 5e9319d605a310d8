"""Every new function against pandas on random panels: gaps in time, ties, missing groups, units of one row.

What is in ORACLES is written with pandas alone. That the order of rows does not matter, and that no unit's
value is read in another's row, is tried for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction

import frames_as_panels
import numpy as np
import pandas as pd
import pytest
from frames_as_panels import as_given, bound, panel_of
from specdid._run.prepare import prepare
from specdid.language import FUNCTIONS, parse
from specdid.language.tree import Call, walk
from specdid.panel import EvaluationError, Evaluator

SEEDS = range(6 if os.environ.get("SPECDID_EVERY_SEED") else 3)


def random_panel(seed: int) -> pd.DataFrame:
    """Up to 13 units of 1 to 9 periods with gaps, in random order; u0 never has x, one unit has one row."""
    rng = np.random.default_rng(seed)
    parts = []
    for unit in range(13):
        size = 1 if unit == 1 else int(rng.integers(2, 10))
        parts.append(pd.DataFrame({"u": f"u{unit}", "t": np.sort(rng.choice(np.arange(1, 15), size, replace=False))}))
    d = pd.concat(parts, ignore_index=True)
    n = len(d)
    d["x"] = rng.normal(size=n).round(1)
    d["y"] = rng.integers(-2, 4, n).astype(float)
    d["g"] = rng.choice(["east", "west", "North ", "empty"], n)
    d["h"] = rng.integers(0, 3, n).astype(float)
    d["s"] = rng.choice(["Ab", "b-c", "é北京", "a1"], n)
    d["day"] = [f"{2000 + k % 9}-{k % 12 + 1:02d}-{k % 28 + 1:02d}" for k in rng.integers(0, 99, n)]
    for name in ("x", "y", "g", "h", "s", "day"):
        d.loc[rng.random(n) < 0.15, name] = None
    d.loc[d["u"] == "u0", "x"] = None
    d.loc[d["g"] == "empty", "y"] = None
    return d.sample(frac=1, random_state=seed).reset_index(drop=True)


def code(d: pd.DataFrame, *by: str) -> pd.Series:
    """Number groups, missing where any part is."""
    found = d.groupby(list(by)).ngroup()
    return found.where(found >= 0)


def grouped(name: str, what: str, *by: str, **options) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: d[name].groupby(code(d, *by)).transform(what, **options)


def tails(d: pd.DataFrame, p: float) -> tuple[pd.Series, pd.Series]:
    """The column with the tails of each group set to the quantiles, and without them."""
    by = d["x"].groupby(code(d, "g"))
    low, high = (by.transform(lambda v, q=q: v.quantile(q)) for q in (p, 1 - p))
    inside = d["x"].clip(low, high).where(low.notna())
    return inside, d["x"].where((d["x"] >= low) & (d["x"] <= high))


def averaged(values: pd.Series, share: Fraction) -> float:
    """Stata's _pctile: where n times the share is whole, the mean of this value and the next, else the next."""
    known = sorted(values.dropna())
    whole, rest = divmod(len(known) * share, 1)
    if not known:
        return np.nan
    ends = known[max(whole - 1, 0)], known[min(whole, len(known) - 1)]
    return ends[1] if rest else sum(ends) / 2


def in_time(d: pd.DataFrame) -> pd.DataFrame:
    return d.sort_values(["u", "t"])


def full(d: pd.DataFrame, name: str) -> pd.Series:
    """All periods of all units, those without a row as missing."""
    index = pd.MultiIndex.from_product([sorted(d["u"].unique()), range(-20, 20)], names=["u", "t"])
    return d.set_index(["u", "t"])[name].reindex(index)


def on_rows(d: pd.DataFrame, values: pd.Series) -> pd.Series:
    return pd.Series(values.reindex(pd.MultiIndex.from_frame(d[["u", "t"]])).to_numpy(), d.index)


def rolling(what: str, n: int) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: on_rows(d, getattr(full(d, "x").groupby("u").rolling(n), what)().reset_index(level=0, drop=True))


def growth(k: int) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: on_rows(d, full(d, "x") / full(d, "x").groupby("u").shift(k) - 1)


def interpolated(d: pd.DataFrame) -> pd.Series:
    values = full(d, "x").groupby("u").transform(lambda v: v.interpolate("linear", limit_area="inside"))
    return on_rows(d, values)


def running(what: str, name: str) -> Callable[[pd.DataFrame], pd.Series]:
    def run(d: pd.DataFrame) -> pd.Series:
        rows = in_time(d)
        found = getattr(rows.groupby("u")[name], what)()
        known = rows[name].isna().groupby(rows["u"]).cumsum() == 0
        return found.where(known)

    return run


def ntile(name: str, n: int, *by: str) -> Callable[[pd.DataFrame], pd.Series]:
    """dplyr's ntile: values in order, ties by row, cut into n pieces by numpy's array_split."""

    def tiles(d: pd.DataFrame) -> pd.Series:
        found = pd.Series(np.nan, d.index)
        groups = code(d, *by) if by else pd.Series(0, d.index)
        rows = in_time(d)
        for _, part in rows.groupby(groups.loc[rows.index]):
            order = part[name].dropna().sort_values(kind="stable").index
            for k, piece in enumerate(np.array_split(order, n)):
                found[piece] = k + 1
        return found

    return tiles


def quantile_group(name: str, n: int, *by: str) -> Callable[[pd.DataFrame], pd.Series]:
    """Cuts in exact fractions: of pandas's own the last digit depends on its version."""

    def cut(values: pd.Series, k: int) -> Fraction:
        known = sorted(Fraction(v) for v in values.dropna())
        place = Fraction((len(known) - 1) * k, n)
        low = int(place)
        return known[low] + (place - low) * (known[min(low + 1, len(known) - 1)] - known[low])

    def groups(d: pd.DataFrame) -> pd.Series:
        key = code(d, *by) if by else pd.Series(0, d.index)
        found = pd.Series(np.nan, d.index)
        for _, values in d[name].groupby(key):
            if values.notna().any():
                cuts = [cut(values, k) for k in range(1, n)]
                found[values.index] = [1.0 + sum(Fraction(v) > c for c in cuts) if v == v else v for v in values]
        return found.where(d[name].notna() & key.notna())

    return groups


def numbered(*by: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: code(d, *by) + 1


def text(change: Callable[[str], object], name: str = "s") -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: d[name].map(change, na_action="ignore")


def date(part: str) -> Callable[[pd.DataFrame], pd.Series]:
    return lambda d: getattr(pd.to_datetime(d["day"]).dt, part).astype(float)


ORACLES: dict[str, Callable[[pd.DataFrame], pd.Series]] = {
    "round(x)": lambda d: d["x"].map(round, na_action="ignore"),
    "round(x * 13, -1)": lambda d: (d["x"] * 13).map(lambda v: round(v, -1), na_action="ignore"),
    "round(x / 7, 2)": lambda d: (d["x"] / 7).map(lambda v: round(v, 2), na_action="ignore"),
    # exact ties go to the even digit, in Python as in R 4
    "round(y / 4, 1)": lambda d: (d["y"] / 4).map(lambda v: round(v, 1), na_action="ignore"),
    "round(y * 5, -1)": lambda d: (d["y"] * 5).map(lambda v: round(v, -1), na_action="ignore"),
    "sign(x)": lambda d: np.sign(d["x"]),
    "ceiling(x)": lambda d: np.ceil(d["x"]),
    "between(x, -0.5, 0.5)": lambda d: d["x"].between(-0.5, 0.5).astype(float).where(d["x"].notna()),
    "case_when(x > 0.5 ~ 2, y > 0 ~ 1, TRUE ~ 0)": lambda d: pd.Series(
        np.select([d["x"] > 0.5, d["y"] > 0], [2.0, 1.0], 0.0), d.index
    ),
    "case_when(x > 0 ~ y, .default = h)": lambda d: d["y"].where(d["x"] > 0, d["h"]),
    "case_when(x > 0 ~ s, y > 0 ~ 'other')": lambda d: d["s"].where(
        d["x"] > 0, pd.Series("other", d.index).where(d["y"] > 0)
    ),
    "coalesce(x, y, -9)": lambda d: d["x"].fillna(d["y"]).fillna(-9),
    "coalesce(g, s)": lambda d: d["g"].fillna(d["s"]),
    "is.finite(1 / y)": lambda d: (d["y"].notna() & (d["y"] != 0)).astype(float),
    "cut(x, c(-1, 0, 0.5))": lambda d: pd.cut(d["x"], [-np.inf, -1, 0, 0.5, np.inf], labels=False).astype(float),
    "cut(y, c(0, 2), right = FALSE)": lambda d: pd.cut(
        d["y"], [-np.inf, 0, 2, np.inf], labels=False, right=False
    ).astype(float),
    "ntile(x, 4)": ntile("x", 4),
    "ntile(y, 3)": ntile("y", 3),
    "ntile(y, 2, by = g)": ntile("y", 2, "g"),
    "ntile(x, 5, by = g^h)": ntile("x", 5, "g", "h"),
    "quantile_group(x, 4)": quantile_group("x", 4),
    "quantile_group(y, 3, by = g)": quantile_group("y", 3, "g"),
    "rank(y)": lambda d: d["y"].rank(),
    "rank(y, by = g^t)": lambda d: d["y"].groupby(code(d, "g", "t")).rank(),
    "mean(x)": lambda d: pd.Series(d["x"].mean(), d.index),
    "mean(y, by = g)": grouped("y", "mean", "g"),
    "mean(x, by = g^h)": grouped("x", "mean", "g", "h"),
    "mean(x > 0, by = g)": lambda d: (
        (d["x"] > 0).astype(float).where(d["x"].notna()).groupby(code(d, "g")).transform("mean")
    ),
    "median(y, by = u)": grouped("y", "median", "u"),
    "min(x, by = h)": grouped("x", "min", "h"),
    "max(x, by = u)": grouped("x", "max", "u"),
    "sum(y, by = g)": grouped("y", "sum", "g", min_count=1),
    "sum(x, by = u)": grouped("x", "sum", "u", min_count=1),
    "sd(x, by = g^h^t)": grouped("x", "std", "g", "h", "t"),
    "quantile(x, 0.9, by = g)": lambda d: d["x"].groupby(code(d, "g")).transform(lambda v: v.quantile(0.9)),
    "quantile(x, 0.9, by = g, type = 2)": lambda d: d["x"].groupby(code(d, "g")).transform(averaged, Fraction(9, 10)),
    "winsorize(x, 0.05, type = 2)": lambda d: d["x"].clip(*(averaged(d["x"], Fraction(k, 20)) for k in (1, 19))),
    "quantile_group(x, 4, type = 2)": lambda d: (
        1.0 + sum((d["x"] > averaged(d["x"], Fraction(k, 4))).astype(float) for k in (1, 2, 3))
    ).where(d["x"].notna()),
    "quantile(x, 0.25)": lambda d: pd.Series(d["x"].quantile(0.25), d.index),
    "count(by = g^h)": lambda d: d["t"].groupby(code(d, "g", "h")).transform("size").astype(float),
    "cumsum(x)": running("cumsum", "x"),
    "cummax(y)": running("cummax", "y"),
    "roll_mean(x, 2)": rolling("mean", 2),
    "roll_sum(x, 3)": rolling("sum", 3),
    "roll_sd(x, 2)": rolling("std", 2),
    "roll_mean(x, 1)": lambda d: d["x"],
    "growth(x)": growth(1),
    "growth(x, 3)": growth(3),
    "interpolate(x)": interpolated,
    "carry_forward(x)": lambda d: in_time(d).groupby("u")["x"].ffill(),
    "carry_forward(s)": lambda d: in_time(d).groupby("u")["s"].ffill(),
    "paste(g, y)": lambda d: d["g"].fillna("NA") + " " + d["y"].map("{:.0f}".format).where(d["y"].notna(), "NA"),
    "paste0(s, '/', x)": lambda d: (
        d["s"].fillna("NA") + "/" + (d["x"] + 0.0).map("{:.15g}".format).where(d["x"].notna(), "NA")
    ),
    "substr(s, 2, 3)": text(lambda v: v[1:3]),
    "substr(t + 100000, 1, 3)": lambda d: (d["t"] + 100000).astype(str).str[:3],
    "tolower(s)": text(str.lower),
    "toupper(s)": text(str.upper),
    "trimws(g)": text(str.strip, "g"),
    "n_distinct(s, by = g)": lambda d: d["s"].groupby(code(d, "g")).transform("nunique"),
    "n_distinct(g)": lambda d: pd.Series(d["g"].nunique(), d.index),
    "grepl('^[a-c]', s)": lambda d: d["s"].str.contains("^[a-c]", na=False).astype(float),
    "as.numeric(x > 0)": lambda d: (d["x"] > 0).astype(float).where(d["x"].notna()),
    "as.integer(x * 3)": lambda d: np.trunc(d["x"] * 3),
    "mean(x, by = g, na.rm = TRUE)": grouped("x", "mean", "g"),
    "center(x, by = g)": lambda d: d["x"] - grouped("x", "mean", "g")(d),
    "scale(x, by = g)": lambda d: (d["x"] - grouped("x", "mean", "g")(d)) / grouped("x", "std", "g")(d),
    "winsorize(x, 0.1, by = g)": lambda d: tails(d, 0.1)[0],
    "trim(x, 0.1, by = g)": lambda d: tails(d, 0.1)[1],
    "parse_number(paste0(t, ',000.5 %'))": lambda d: d["t"] * 1000 + 0.5,
    "parse_number(x)": lambda d: d["x"],
    "nchar(s)": text(lambda v: float(len(v))),
    "s %like% '^[ab]'": lambda d: d["s"].str.match("[ab]").fillna(value=False).astype(float),
    "group(g, h)": numbered("g", "h"),
    "group(h)": numbered("h"),
    "year(day)": date("year"),
    "month(day)": date("month"),
    "quarter(day)": date("quarter"),
}
OLD = {"log", "log1p", "log10", "exp", "sqrt", "abs", "asinh", "floor", "I", "scale", "center", "winsorize", "trim",
       "ifelse", "is.na", "l", "f", "d", "at", "first", "ave", "pmin", "pmax"}  # fmt: skip
"""What test_evaluate.py tries."""


def evaluated(d: pd.DataFrame, expression: str) -> pd.Series:
    columns = {n: [None if pd.isna(v) else v for v in d[n]] for n in d}
    panel = panel_of(columns, unit="u", time="t")
    column = Evaluator(panel).column(bound(panel, expression))
    if column.numbers is None:
        found = np.array([*column.levels, None], object)[as_given(panel, column.codes)]
    else:
        found = as_given(panel, column.numbers)
    return pd.Series(found, d.index)


def equal(a: pd.Series, b: pd.Series) -> bool:
    missing = a.isna()
    if not (missing == b.isna()).all():
        return False
    if pd.api.types.is_numeric_dtype(a):
        return np.allclose(a[~missing].astype(float), b[~missing].astype(float), rtol=1e-11, atol=1e-12)
    return a[~missing].tolist() == b[~missing].tolist()


@pytest.mark.parametrize("expression", ORACLES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_function_is_what_pandas_has(seed, expression):
    d = random_panel(seed)
    expected = ORACLES[expression](d)
    assert equal(evaluated(d, expression), expected.reindex(d.index))


def test_a_group_without_a_value_has_no_different_ones_and_rows_without_a_group_no_number():
    panel = panel_of({"u": [1, 1, 2, 2, None], "t": [1, 2, 1, 2, 1], "x": [3, None, None, None, 3]})
    found = frames_as_panels.values(panel, "n_distinct(x, by = u)")
    assert found == [1, 1, 0, 0, None]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_numbers_that_a_file_shows_as_text_are_read(tmp_path, ending):
    cells = ["1,234", "12%", "-0.5", "1 000", None, "2,000,000.25"]
    frame = pd.DataFrame({"gdp": cells, "id": [1, 1, 1, 2, 2, 2], "t": [1, 2, 3] * 2, "d": [0, 0, 1, 0, 1, 0]})
    path = tmp_path / f"a.{ending}"
    if ending == "csv":
        frame.to_csv(path, index=False)
    else:
        pytest.importorskip("openpyxl")
        frame.to_excel(path, index=False)
    study = {"data": str(path), "unit": "id", "time": "t"}
    panel = prepare({"study": study, "outcome": {"y": "parse_number(gdp)"}, "treatment": {"d": "d"}}).panel
    assert frames_as_panels.values(panel, "parse_number(gdp)") == [1234, 12, -0.5, 1000, None, 2000000.25]


@pytest.mark.parametrize(
    "cell",
    [
        "n/a",
        "1.234,5",
        "12,5",
        "1,23",
        "--",
        "12 kg",
        "\u0661",
        "%",
        "1,,000",
        "0x10",
        "inf",
        "0,681",
        "00,123",
        "-0,681",
        "0,681,000",
        "136 2",
        "136\u00a02",
        "136\u30002",
        "12,345.6 7",
        "1234 567",
        "1 234,567",
        "1,234 567",
        "1 234 56",
        "1  234",
        "0 681",
        "1.234 567",
        "- 5",
        "1\t234",
        "136²",
        "136①",
        "136*",
    ],
)
def test_a_text_that_shows_no_number_is_refused(cell):
    panel = panel_of({"x": [cell, "1,234", "12%"], "u": [1, 2, 3], "t": [1, 1, 1]}, unit="u", time="t")
    with pytest.raises(EvaluationError) as error:
        Evaluator(panel).column(bound(panel, "parse_number(x)"))
    assert f"“{cell}”" in str(error.value)
    named = f"parse_number(ifelse(x == '{cell}', NA, x))"
    assert frames_as_panels.values(panel, named) == [None, 1234, 12]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("1 234", 1234.0),
        ("-1\u00a0234\u00a0567.25", -1234567.25),
        ("12\u2009345.6", 12345.6),
        ("1\u3000234", 1234.0),
        ("\u3000136 ", 136.0),
        ("12 %", 12.0),
        ("１０２．３６８", 102.368),
        ("－１，２３４", -1234.0),
        ("９５％", 95.0),
    ],
)
def test_blanks_between_thousands_and_full_width_signs_are_read(cell, shown):
    panel = panel_of({"x": [cell, "1,234", "12%"], "u": [1, 2, 3], "t": [1, 1, 1]}, unit="u", time="t")
    assert frames_as_panels.values(panel, "parse_number(x)") == [shown, 1234, 12]


def test_every_function_is_tried():
    called = {n.function for e in ORACLES for n in walk(parse(e)) if isinstance(n, Call)}
    values = {name for name, function in FUNCTIONS.items() if function.where == "value"}
    assert values - OLD <= called


@pytest.mark.parametrize("expression", ORACLES)
def test_the_order_of_rows_does_not_matter(expression):
    d = random_panel(2)
    other = d.sample(frac=1, random_state=9)
    assert equal(evaluated(other.reset_index(drop=True), expression).set_axis(other.index), evaluated(d, expression)
                 .reindex(other.index))  # fmt: skip


def across_units(expression: str) -> bool:
    """Whether a function of the panel, or of groups, is called: all that may read other units' values."""
    calls = [n for n in walk(parse(expression)) if isinstance(n, Call)]
    return any(
        "by" in {p.name for p in FUNCTIONS[c.function].parameters} or c.function == "group" for c in calls
    )  # fmt: skip


@pytest.mark.parametrize("expression", ORACLES)
def test_no_unit_is_read_in_another_unless_the_function_says_so(expression):
    d = random_panel(4)
    other = d.copy()
    mine = d["u"] == "u5"
    other.loc[~mine, ["x", "y"]] = other.loc[~mine, ["x", "y"]] * 3 + 1
    changed = not equal(evaluated(other, expression)[mine], evaluated(d, expression)[mine])
    alone = evaluated(d[mine].reset_index(drop=True), expression).set_axis(d.index[mine])
    assert across_units(expression) or (not changed and equal(alone, evaluated(d, expression)[mine]))


@pytest.mark.parametrize(
    "expression", ["mean(x, by = u)", "rank(x, by = u)", "ntile(x, 2, by = u)", "quantile(x, 0.3, by = u)"]
)
def test_groups_that_are_units_read_no_other(expression):
    d = random_panel(4)
    mine = d["u"] == "u5"
    alone = evaluated(d[mine].reset_index(drop=True), expression).set_axis(d.index[mine])
    assert equal(alone, evaluated(d, expression)[mine])

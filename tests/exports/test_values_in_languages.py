"""Every function and operator: the programs' columns against the panel's own evaluation."""

from __future__ import annotations

import math
import shutil
import subprocess
from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from frames_as_panels import bound, panel_of
from specdid.exports._program import Program
from specdid.exports._python_helpers import helpers as python_helpers
from specdid.exports.python import PythonValues
from specdid.exports.r import RValues
from specdid.exports.r import helpers as r_helpers
from specdid.language import write
from specdid.panel import Evaluator

RNG = np.random.default_rng(3)
N_UNITS, YEARS = 6, [2008, 2009, 2011, 2012, 2013]


def _data() -> dict[str, list]:
    n = N_UNITS * len(YEARS)
    order = RNG.permutation(n)
    unit = np.repeat(np.arange(N_UNITS), len(YEARS))[order]
    columns: dict[str, list] = {
        "id": unit.tolist(),
        "year": np.tile(YEARS, N_UNITS)[order].tolist(),
        "x": RNG.normal(size=n).round(3).tolist(),
        "y": RNG.normal(1, 1, n).round(3).tolist(),
        "b": RNG.integers(0, 2, n).astype(float).tolist(),
        "z": RNG.integers(0, 4, n).astype(float).tolist(),
        "s": RNG.choice(["a", "b b", 'c"$`'], n).tolist(),
        "so2.emission, t": RNG.normal(size=n).round(3).tolist(),
        "北京": RNG.normal(size=n).round(3).tolist(),
    }
    for name in ("x", "y", "b", "s", "北京"):
        for place in RNG.choice(n, 4, replace=False):
            columns[name][place] = None
    return columns


PANEL = panel_of(_data(), unit="id", time="year")
EXPRESSIONS = [
    "x + y * 2 - 3", "x / (y - y)", "-x^2", "(-8)^(1/3) + x", "2^x", "x %% 2", "-7 %/% 3 + x", "x - (y - b)",
    "x / (y / b)", "log(y)", "log(y, 2)", "log10(y)", "log1p(x)", "exp(x)", "sqrt(x)", "abs(x)", "asinh(x)",
    "floor(x)", "x > 0", "y == z", "s == 'a'", "s != 'b b'", "b == NA", "x > 0 & y > 0", "x > 0 | y > 0",
    "!(x > 0)", "!b", "(x > 0 & b) | (!b & y < 1)", "(x > 0) > (y > 1)", "x * (year >= 2011)", "TRUE + x",
    "is.na(x)", "is.na(s)", "z %in% c(1, 3)", "z %in% c(1, NA)", "b %in% c(0, NA)", "year %in% 2009:2012",
    "year %in% c(2008, 2012:2011)", "s %in% c('a', 'c\"$`')", "!(z %in% 2)", "ifelse(x > 0, y, 0)",
    "ifelse(x > 0, s, 'none')", "ifelse(b, s, NA)", "l(x)", "l(x, 2)", "f(x, 1)", "d(x)", "d(d(x))", "l(x, -1)",
    "l(s) == 'a'", "l(x > 0)", "l(x + y, 2)", "at(x, year == 2011)", "at(s, year == 2009)",
    "at(x + y, year == 2012 & y > -9)", "first(x > 0.5)", "first(year > 2100)",
    "ifelse(is.na(first(b == 1)), 0, first(b == 1))", "ave(x, z)", "ave(x, s)", "ave(x * y, year)", "scale(x)",
    "center(y)", "winsorize(x, 0.1)", "trim(x, 0.1)", "winsorize(log(y), 0.05)", "pmin(x, y, z)", "pmax(x, 0)",
    "I(x)", "`so2.emission, t` * 2", "`北京` + 1", "1e-3 * x", "x^0", "5 %/% 0 + x * 0", "x + 1 / 0", "5 %% 0",
    "2^-1", "(x > 0) * is_a", "again", "year - 2000 - 8",
]  # fmt: skip
DERIVED = {"is_a": "s == 'a'", "x": "x * 10", "again": "x + is_a"}


@cache
def _program() -> tuple[Program, dict[str, str]]:
    program = Program(PANEL, Evaluator(PANEL))
    program.data_column("id")
    program.data_column("year")
    return program, {text: program.column(bound(PANEL, text, **DERIVED), text) for text in EXPRESSIONS}


def _expected(text: str) -> list:
    column = Evaluator(PANEL).column(bound(PANEL, text, **DERIVED))
    if column.numbers is None:
        return [column.levels[c] if c >= 0 else None for c in column.codes]
    return [None if math.isnan(v) else float(v) for v in column.numbers]


def _frame(program: Program) -> pd.DataFrame:
    data = _data_again()
    names = program.source("data.csv").columns
    return pd.DataFrame({new: data[old] for new, old in names.items()})


def _data_again() -> dict[str, list]:
    columns = {}
    for name, column in PANEL.columns.items():
        if column.numbers is None:
            columns[name] = [column.levels[c] if c >= 0 else None for c in column.codes]
        else:
            columns[name] = column.numbers.tolist()
    return columns


def _plain(values) -> list:
    return [None if pd.isna(v) else (v if isinstance(v, str) else float(v)) for v in values]


def _agree(found: list, expected: list) -> bool:
    return all(map(_same, found, expected)) and len(found) == len(expected)


def _same(a: float | str | None, b: float | str | None) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-11, abs_tol=1e-13)
    return a == b


@pytest.fixture(scope="module")
def python_columns() -> pd.DataFrame:
    program, _ = _program()
    values = PythonValues()
    lines = [f'd["{s.name}"] = {values.text(s.node)}' for s in program.steps]
    d = _frame(program)
    names = {"np": np, "pd": pd, "d": d, "unit": d["id"], "period": d["year"], "time": d["year"]}
    with np.errstate(all="ignore"):
        exec(python_helpers(values.used) + "\n".join(lines), names)
    return d


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_python_gives_the_panels_values(text, python_columns):
    _, names = _program()
    assert _agree(_plain(python_columns[names[text]]), _expected(text))


@pytest.fixture(scope="module")
def r_columns(tmp_path_factory) -> pl.DataFrame:
    if shutil.which("Rscript") is None:
        pytest.skip("there is no R here")
    directory = tmp_path_factory.mktemp("r")
    program, _ = _program()
    values = RValues()
    lines = [f"d${s.name} <- num(with(d, {values.text(s.node)}))" for s in program.steps]
    _frame(program).to_csv(directory / "in.csv", index=False, na_rep="NA")
    code = [
        'd <- read.csv("in.csv", encoding = "UTF-8")',
        "unit <- d$id",
        "period <- d$year",
        "time <- d$year",
        *r_helpers({**values.used, "num": None}),
        "options(digits = 15, warn = -1)",
        *lines,
        'write.csv(d, "out.csv", row.names = FALSE)',
    ]
    (directory / "run.R").write_text("\n".join(code), encoding="utf-8")
    subprocess.run(["Rscript", "--vanilla", "run.R"], cwd=directory, check=True, capture_output=True)
    return pd.read_csv(directory / "out.csv", keep_default_na=False, na_values=["NA"])


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_r_gives_the_panels_values(text, r_columns):
    _, names = _program()
    assert _agree(_plain(r_columns[names[text]]), _expected(text))


def test_a_column_that_is_redefined_has_a_name_of_its_own():
    program, names = _program()
    assert names["again"] == "again"
    made = {s.name: write(s.node) for s in program.steps}
    assert made["x_v2"] == "x * 10"
    assert made["again"] == "x_v2 + s_a"
    assert "x" not in made

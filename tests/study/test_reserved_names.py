"""Dimensions and columns of the results are named once; what a variant cannot be called follows from it."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study
from specdid import _plugins
from specdid._columns import COLUMNS, DIMENSIONS, Core, schema
from specdid._format import OPTIONS
from specdid._study import INSTRUMENTS, Study

pytestmark = pytest.mark.usefixtures("undrawn")

PACKAGE = Path(specdid.__file__).parent


@pytest.mark.parametrize("name", [*DIMENSIONS, *(c.name for c in COLUMNS)])
def test_a_variant_cannot_be_called_as_a_column_of_the_results(name):
    found = specdid.check(small_study(variant={name: {"a": {}, "b": {"where": "x1 > 0"}}}), small_panel())
    assert [(f.code, f.message) for f in found] == [
        ("bad_name", f"a variant cannot be called `{name}`, a column of the results")
    ]


@pytest.mark.parametrize("method", _plugins.names("estimators"))
def test_a_variant_cannot_be_called_as_a_column_of_a_studys_estimator(method):
    """Such a run ended in an ArrowInvalid of pyarrow's, after everything was estimated."""
    for name in _plugins.load("estimators", method).columns:
        study = small_study(
            variant={name: {"a": {}, "b": {"where": "x1 > 0"}}},
            estimator={"e": method},
            outcome={"high": "y > 0" if method == "logit" else "z"},
            fixed_effects={"two-way": "id + year"},
        )
        found = [f.message for f in specdid.check(study, small_panel()) if f.code == "bad_name"]
        assert found == [f"a variant cannot be called `{name}`, a column of the results of {method}"]


@pytest.mark.parametrize("method", _plugins.names("estimators"))
def test_every_column_of_an_estimators_own_is_declared(method):
    study = small_study(
        estimator={"e": {"method": method, "vce": "bootstrap"} if method == "sdid" else method},
        outcome={"y": {"logit": "y > 0", "probit": "y > 0", "fenegbin": "round(z)"}.get(method, "z")},
        controls={"none": "1"},
        fixed_effects={"two-way": "id + year"},
        run={"backend": "serial"},
    )
    found = set(specdid.run(study, small_panel(), audit=0).results.extra)
    own = _plugins.load("estimators", method).columns
    assert found >= own
    if method != "feols":  # the engine counts for all of least squares
        assert found == own


def test_a_column_that_is_not_declared_stands_beside_a_variant_of_its_name(monkeypatch, tmp_path):
    estimator = _plugins.load("estimators", "lpdid")
    less = replace(estimator, columns=frozenset())
    load = _plugins.load
    monkeypatch.setattr(_plugins, "load", lambda shelf, name: less if name == "lpdid" else load(shelf, name))
    tables = {
        "fixed_effects": {"two-way": "id + year"},
        "controls": {"none": "1"},
        "run": {"backend": "serial"},
        "figure": {"formats": ["svg"]},
    }
    study = small_study(estimator={"e": "lpdid"}, variant={"n_cohorts": {"a": {}, "b": {"where": "x1 > -9"}}}, **tables)
    specdid.run(study, small_panel(), out=tmp_path / "out", audit=0)
    written = pl.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(written["n_cohorts"]) == {"a", "b"}
    assert written["n_cohorts (estimator)"].drop_nulls().to_list()


def test_every_column_of_a_run_is_declared(tmp_path):
    """Also those of a variant and of an estimator: whatever else stands there would have no owner."""
    study = small_study(variant={"rows": {"a": {}, "b": {"where": "x1 > 0"}}}, figure={"formats": ["svg"]})
    specdid.run(study, small_panel(), out=tmp_path / "out", audit=0)
    written = pl.read_parquet_schema(tmp_path / "out" / "results.parquet")
    assert list(written) == [c.name for c in schema([*DIMENSIONS, "rows"])]


def test_dimensions_stand_in_the_order_of_their_places():
    assert tuple(d.name.lower() for d in sorted(Core)) == DIMENSIONS
    assert [int(d) for d in Core] == list(range(len(DIMENSIONS)))
    assert tuple(name for name in OPTIONS if name != INSTRUMENTS) == DIMENSIONS
    assert set(DIMENSIONS) <= set(Study.__dataclass_fields__)


def places(tree: ast.Module) -> list[int]:
    """Lines in which a place among the codes or the dimensions of a plan is a bare number."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name | ast.Attribute):
            continue
        name = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
        last = node.slice.elts[-1] if isinstance(node.slice, ast.Tuple) else node.slice
        bounds = [last.lower, last.upper] if isinstance(last, ast.Slice) else [last]
        numbers = [b.value for b in bounds if isinstance(b, ast.Constant) and isinstance(b.value, int)]
        bare = numbers and (isinstance(node.slice, ast.Tuple) or numbers != [0])
        if (name == "codes" and bare) or (name == "dimensions" and numbers):
            found.append(node.lineno)
    return found


def test_the_search_for_bare_places_finds_them():
    bare = ["codes[:, 4]", "codes[6]", "plan.codes[here, :7]", "plan.dimensions[0]"]
    named = ["codes[0]", "codes[:, d]", "codes[:, Core.SAMPLE]"]
    assert places(ast.parse("\n".join([*bare, *named]))) == [1, 2, 3, 4]


def test_no_module_has_a_bare_place_of_a_dimension():
    found = {p.name: n for p in PACKAGE.rglob("*.py") if (n := places(ast.parse(p.read_text(encoding="utf-8"))))}
    assert not found

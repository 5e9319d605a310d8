"""The notebook in specs/ runs from top to bottom, and what its cells end with shows itself.

Its cells are plain Python, so no kernel is needed: the last expression of a cell is what a
notebook would display, by the richest of the representations that Jupyter asks for.
"""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import specdid

SPECS = Path(__file__).parents[2] / "specs"
NOTEBOOK = json.loads((SPECS / "castle.ipynb").read_text("utf-8"))


def sources(kind: str) -> list[str]:
    return ["".join(cell["source"]) for cell in NOTEBOOK["cells"] if cell["cell_type"] == kind]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names) if last else None


@pytest.fixture(scope="module")
def shown():
    """What every code cell ends with, and what was printed is left to pytest."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(SPECS)
        return [run_cell(source, names) for source in sources("code")]


def test_it_is_a_notebook_without_outputs():
    assert (NOTEBOOK["nbformat"], NOTEBOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in NOTEBOOK["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in NOTEBOOK["cells"]:
        assert set(cell) == {"cell_type", "id", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def test_every_cell_runs_and_shows_what_it_says(shown):
    study, faults, wrong, plan, curve, tests, table, figure, printed = shown
    assert isinstance(study, specdid.Study)
    assert len(faults.errors) == 0
    assert "did you mean `unit`?" in wrong._repr_html_()
    assert plan.account in plan._repr_html_()
    assert curve.counts.ok == 660
    assert "data:image/png;base64," in curve._repr_html_()
    assert isinstance(tests, pd.DataFrame)
    assert isinstance(table, pd.DataFrame)
    assert len(table) == 5
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert printed is None


def test_the_numbers_shown_are_those_of_the_curve(shown):
    curve, tests = shown[4], shown[5]
    html = curve._repr_html_()
    for row in tests.to_dict("records"):
        assert f"{row['p_value']:.3f}" in html
    assert f"{curve.table.loc[curve.table['preferred'], 'estimate'].iloc[0]:.4f}" in html
    assert str(curve.counts) in html

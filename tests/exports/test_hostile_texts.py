"""What strangers write into specs and data stays text in every language, and stays short."""

from __future__ import annotations

import ast
import re

import pytest
from frames_as_panels import bound, panel_of
from hypothesis import given
from hypothesis import strategies as st
from specdid import _plugins
from specdid._programs.names import Namer, comment, is_safe, listed, quoted, safe
from specdid._programs.stata import literal, printable, remark
from specdid._run.prepare import prepare
from specdid.exports._make_script import ProgramColumns, make_script
from specdid.exports._stata_values import StataValues
from specdid.exports.python import PythonValues
from specdid.exports.r import RValues
from specdid.panel import Evaluator

BOMBS = [
    '"; shell rm x', "`=1+1'", "$HOME", "\"'", "a\nshell x", "*/ shell x /*", "///", "a // b", "\\", "x\u2028y",
    "{", "' + '", "%s", "{x}",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@given(TEXTS)
def test_python_literals_are_the_text(text):
    assert ast.literal_eval(quoted(text)) == text
    assert "\n" not in quoted(text)


@given(TEXTS)
def test_comments_are_one_line(text):
    for line in (comment(text), remark(text)):
        assert len(line.splitlines()) <= 1
        assert line.isprintable()


@given(TEXTS)
def test_stata_literals_hold_no_quote_macro_or_line_end(text):
    parts = re.findall(r'"([^"]*)"|uchar\((\d+)\)', literal(text))
    assert "".join(plain if not code else chr(int(code)) for plain, code in parts) == text
    assert not set(literal(text)) & set("`'$\\\n\r")
    assert not set(printable(text)) & set("`'$\\\n\r\"")
    assert not any(pair in remark(text) for pair in ("//", "/*", "*/", "`", "$"))


@given(st.lists(TEXTS, max_size=8))
def test_names_are_safe_and_never_given_twice(texts):
    namer = Namer(["x", "pgdp"])
    names = [namer.column(t) if k % 2 else namer.new(t) for k, t in enumerate(texts)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", n) and len(n) <= 28 for n in names)
    assert all(is_safe(n) for n in names)


def test_reserved_words_of_each_language_are_no_names():
    reserved = "class in function TRUE if using str12 _cons x.y i log"
    assert not any(map(is_safe, reserved.split()))
    assert safe("2012 SO₂") == "v2012_SO2"
    assert safe("城市") == ""


def test_lists_are_filled_into_lines():
    assert listed("f(", ["a", "b"], ")") == ["f(a, b)"]
    lines = listed("  f(", [f"item{k}" for k in range(40)], ")", width=60)
    assert max(map(len, lines)) <= 60
    assert "".join(lines).count("item") == 40
    assert lines[-1] == "  )"


@pytest.mark.parametrize("language", ["python", "r", "stata"])
def test_no_bomb_leaves_its_quotes(language, tmp_path):
    columns = {"id": [1, 1, 2, 2, 3, 3], "year": [1, 2] * 3, "y": [1.0, 2, 3, 5, 8, 13], "d": [0, 1, 0, 0, 0, 1]}
    data = tmp_path / "data.csv"
    rows = ["id,year,y,d", *(",".join(map(str, row)) for row in zip(*columns.values(), strict=True))]
    data.write_text("\n".join(rows), encoding="utf-8")
    for bomb in BOMBS:
        label = bomb.replace("\n", " ").replace("\u2028", " ")
        study = {
            "study": {"data": str(data), "unit": "id", "time": "year"},
            "derive": {"t": f"ifelse(y > 2, {_in_r(bomb)}, 'b')"},
            "outcome": {label: "y"},
            "treatment": {label: "d"},
            "vcov": {label: "~id"},
            "sample": {label: f"t != {_in_r(bomb)} | TRUE"},
            "inference": {"draws": 0},
        }
        prepared = prepare(study)
        script = make_script(prepared.plan, prepared.panel, prepared.evaluator, 0, data=f"x{bomb}.csv", about=[bomb])
        code = _plugins.load("exports", language).write(script)
        if language == "python":
            ast.parse(code)
        outside = _outside_of_texts(code, language)
        assert "shell" not in outside
        assert "HOME" not in outside


def _in_r(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def _outside_of_texts(code: str, language: str) -> str:
    """Take literals in double quotes out, then comments."""
    literals = r'"[^"\n]*"' if language == "stata" else r'"(?:[^"\\\n]|\\.)*"'
    kept = []
    for line in code.splitlines():
        if line.lstrip().startswith("*" if language == "stata" else "#"):
            continue
        bare = re.sub(literals, "", line)
        kept.append(re.split(r"//|#", bare)[0])
    return "\n".join(kept)


NESTED = ["({} > 1)", "d({})", "ifelse({} > 1, {}, 2)", "({} %in% c(1, NA))", "!({} == 2)", "pmax({}, 1)"]


@pytest.mark.parametrize("inner", NESTED)
def test_deep_expressions_do_not_grow_exponentially(inner):
    panel = panel_of({"id": [1, 1], "year": [1, 2], "x": [1.0, 2.0]}, unit="id", time="year")
    text = "x"
    for _ in range(20 if inner.count("{}") == 1 else 7):
        text = inner.format(*[text] * inner.count("{}"))
    program = ProgramColumns(panel, Evaluator(panel))
    tree = program.tree(bound(panel, text))
    stata = StataValues(frozenset(), "id", "year")
    stata.text(tree)
    sizes = (len(PythonValues().text(tree)), len(RValues().text(tree)), sum(map(len, stata.lines)))
    assert max(sizes) < 60 * len(text) + 2000

"""Whatever becomes of a spec file, reading it ends in a study or in faults that say where."""

from pathlib import Path

import pytest
from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid._decode import read_study
from specdid._diagnostics import render_all

SPEC = (Path(__file__).parents[2] / "specs" / "smart_city.toml").read_text("utf-8")
PIECES = st.sampled_from(
    ['"', "'", "[", "]", "{", "}", "=", ",", ".", "\n", "#", "\\", "1", "true", '""', "[study]", "~", "(",
     ")", "[[exclude]]", "＝", "“", "中", "\x00", "\r", "nan", '"""', "[controls]\n", "x = {a = [", "..", "|"]
)  # fmt: skip


@st.composite
def spoilt(draw):
    text = SPEC
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(text)))
        stop = min(len(text), start + draw(st.sampled_from([0, 0, 1, 3, 40, 400])))
        text = text[:start] + draw(PIECES) + text[stop:]
    return text


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("spoilt") / "a.toml"


@settings(max_examples=examples(150))
@given(text=spoilt())
def test_a_spoilt_file_is_read_or_refused(path, text):
    path.write_text(text, encoding="utf-8", newline="")
    study, faults = read_study(path)
    assert study is not None or faults.errors
    lines = text.replace("\r\n", "\n").split("\n")
    for fault in faults:
        assert fault.place.line_text == lines[fault.place.line - 1]
        assert 1 <= fault.place.column <= len(fault.place.line_text) + 1
    assert "\x1b" not in render_all(faults)


@pytest.mark.parametrize("slip", ['{ a =)" "x" }', ")", "[)]", "{ a = ) }", '[=)" "]', "=", ")x"])
def test_a_bracket_where_a_value_belongs_is_a_fault_of_its_line(path, slip):
    path.write_text(f'[study]\ndata = "a.csv"\n[labels]\nb = {slip}\n', encoding="utf-8")
    _, faults = read_study(path)
    assert any(f.place is not None and f.place.line == 4 for f in faults.errors)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.binary(max_size=2),
)
WORDS = st.sampled_from(
    ["study", "outcome", "treatment", "controls", "exclude", "when", "because", "variant", "vcov", "match",
     "on", "sample", "derive", "preferred", "inference", "alpha", "null", "run", "figure", "formats", "data",
     "unit", "one_at_a_time", "formula", "term", "has", "event_study", "groups", "estimator", "labels"]
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=25,
)


@settings(max_examples=examples(300))
@given(st.dictionaries(WORDS, TREES, max_size=8))
def test_any_dict_is_read_or_refused(mapping):
    study, faults = read_study(mapping)
    assert study is not None or faults.errors
    assert render_all(faults)

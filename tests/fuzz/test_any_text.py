"""Any text at all, as an expression or as a spec file: a tree or located problems, nothing else."""

import hypothesis.strategies as st
import specdid
from examples import examples
from hypothesis import given, settings
from pace import within
from specdid._diagnostics import Document
from specdid._toml import parse_toml
from specdid.language import LanguageError, check, parse, write

ROLES = ("outcome", "terms", "effects", "condition", "value", "names", "formula")
TOML = (
    "[study]", '"', "'''", "=", "[", "]", "{", "}", "a", ".", "\n", "1", "#", '"""', " ", "[[x]]", "1979-05-27", "\\",
)  # fmt: skip
PIECES = (
    "id", "year", "x1", "y", "`x+1`", "中文", "T", "pi", "self", "+", "-", "*", "/", "^", ":", "==", "!=", "<", ">=",
    "&", "|", "%in%", "%%", "%/%", "~", "[", "[[", "!", "log", "exp", "I", "factor", "i", "poly", "l", "d", "ifelse",
    "winsorize", "is.na", "at", "first", "ave", "c", "sw", "csw0", "mvsw", "regex", "..", "each", "eval", "(", ")", ",",
    "]", "1", "2.5", "'a'", '"', "`", "NA", "^^", "=", "\\", " ", "\n",
)  # fmt: skip
TEXTS = st.one_of(
    st.text(max_size=200),
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join),
)


@given(TEXTS, st.sampled_from(ROLES))
@settings(max_examples=examples(400))
def test_an_expression_is_a_tree_or_has_problems_with_places(text, role):
    with within(5):
        try:
            node = parse(text)
        except LanguageError as error:
            found = error.problems
            assert found
        else:
            found = check(node, role)
            if not found:
                assert write(parse(write(node))) == write(node)
    for problem in found:
        assert 0 <= problem.span.start <= problem.span.stop <= len(text)
        assert problem.message
        assert "\n" not in problem.message


@given(
    st.one_of(
        st.text(max_size=300),
        st.lists(
            st.sampled_from(TOML),
            max_size=60,
        ).map("".join),
    )
)
@settings(max_examples=examples(300))
def test_any_text_is_toml_or_has_faults_with_places(text):
    document = Document("spec.toml", text.replace("\r\n", "\n"))
    with within(5):
        toml = parse_toml(document)
    assert isinstance(toml.values, dict)
    for fault in toml.faults:
        assert fault.place is not None
        assert 1 <= fault.place.line <= document.text.count("\n") + 1


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
KEYS = st.sampled_from((
    "outcome", "treatment", "controls", "fixed_effects", "sample", "weights", "estimator", "variant", "vcov", "exclude",
    "preferred", "inference", "run", "figure", "labels", "derive", "macros", "event_study", "hausman", "heterogeneity",
    "mechanism", "placebo", "table", "balance", "nobody",
))  # fmt: skip


@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.dictionaries(
        st.sampled_from(
            ("title", "unit", "time", "step", "seed", "missing", "never", "formula", "scale", "one_at_a_time")
        ),
        VALUES,
        max_size=3,
    ),
)
@settings(max_examples=examples(300))
def test_a_study_of_any_values_has_faults_and_raises_nothing_else(tables, keys):
    study = {"study": {"unit": "id", "time": "year", **keys}, "outcome": {"y": "y"}, "treatment": {"d": "d"}, **tables}
    with within(5):
        faults = specdid.check(study)
    for fault in faults:
        assert fault.message
        assert fault.severity in ("error", "warning")

"""Three-valued logic against R's truth table."""

import itertools
import math

import numpy as np
from examples import examples
from frames_as_panels import panel_of, values
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid.panel import operators
from specdid.panel.delimited import read_delimited

T, F, N = True, False, None
AND = {(T, T): T, (T, F): F, (T, N): N, (F, T): F, (F, F): F, (F, N): F, (N, T): N, (N, F): F, (N, N): N}
OR = {(T, T): T, (T, F): T, (T, N): T, (F, T): T, (F, F): F, (F, N): N, (N, T): T, (N, F): N, (N, N): N}
NOT = {T: F, F: T, N: N}


def number(value):
    return math.nan if value is None else float(value)


def test_truth_tables():
    for (a, b), expected in AND.items():
        np.testing.assert_equal(float(operators.both(np.array(number(a)), np.array(number(b)))), number(expected))
    for (a, b), expected in OR.items():
        np.testing.assert_equal(float(operators.either(np.array(number(a)), np.array(number(b)))), number(expected))
    for a, expected in NOT.items():
        np.testing.assert_equal(float(operators.negation(np.array(number(a)))), number(expected))


ROWS = list(itertools.product((T, F, N), repeat=3))
PANEL = panel_of({name: [row[i] for row in ROWS] for i, name in enumerate("abc")})

conditions = st.recursive(
    st.sampled_from(["a", "b", "c", "TRUE", "FALSE", "NA"]),
    lambda inner: st.one_of(st.tuples(st.just("!"), inner), st.tuples(st.sampled_from("&|"), inner, inner)),
    max_leaves=12,
)


def written(condition):
    if isinstance(condition, str):
        return condition
    if condition[0] == "!":
        return f"(!{written(condition[1])})"
    return f"({written(condition[1])} {condition[0]} {written(condition[2])})"


def oracle(condition, row):
    if isinstance(condition, str):
        return {"TRUE": T, "FALSE": F, "NA": N, **dict(zip("abc", row, strict=True))}[condition]
    if condition[0] == "!":
        return NOT[oracle(condition[1], row)]
    table = AND if condition[0] == "&" else OR
    return table[oracle(condition[1], row), oracle(condition[2], row)]


@settings(max_examples=examples(150))
@given(conditions)
def test_conditions_follow_the_truth_table(condition):
    expected = [oracle(condition, row) for row in ROWS]
    assert values(PANEL, written(condition)) == expected


@settings(max_examples=examples(100))
@given(st.lists(st.sampled_from([-1.0, 0.0, 2.0, None]), min_size=1, max_size=6), st.sampled_from([-1, 0, 2]))
def test_comparisons_are_na_exactly_where_an_operand_is(cells, threshold):
    panel = panel_of({"x": [*cells, 0.0]})
    for operator, test in (("==", float.__eq__), (">", float.__gt__), ("<=", float.__le__)):
        expected = [None if v is None else test(float(v), float(threshold)) for v in [*cells, 0.0]]
        assert values(panel, f"x {operator} {threshold}") == expected


@settings(max_examples=examples(100))
@given(st.lists(st.sampled_from([1.0, 2.0, None]), min_size=1, max_size=6))
def test_in_is_never_na(cells):
    panel = panel_of({"x": [*cells, 0.0]})
    assert values(panel, "x %in% c(1, 5)") == [v == 1.0 for v in [*cells, 0.0]]


def test_the_cells_that_keep_a_column_from_being_numbers_are_located():
    cells = b"x\n0.4744\n0.4789\nn.a.\n0.51\nn.a.\n0.52\n"
    advice = operators.number_advice(read_delimited(cells, ",", lambda names: names)[0]["x"])
    assert "“n.a.” (data row 3)" in advice
    assert 'parse_number(ifelse(x == "n.a.", NA, x))' in advice

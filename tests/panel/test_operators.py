"""Three-valued logic against R's truth table."""

import itertools
import math
import re

import numpy as np
from examples import examples
from frames_as_panels import panel_of, values
from hypothesis import given, settings
from hypothesis import strategies as st
from specdid.language.tree import Name
from specdid.panel import EvaluationError, operators
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


PLAIN = ["1984", "1990", "2.5", "115.25", "0.333", "-12.75", "20241", "1e3", "300", "7"]
MARKS = [
    "2024-05-03",
    "2024-05-03 00:00:00",
    "2012年",
    "—",
    "n.k.",
    "25¹",
    "4.59%",
    "115 123",
    "955,125",
    "(3)",
    "1,25",
    "8 b",
]


def expressions(advice):
    """Return the calls that an advice writes out, outermost, from their name to the bracket that ends them."""
    for start in re.finditer(r"(?<![\w(])(?:parse_number|ifelse|year|month)\(", advice):
        ends = (
            k
            for k in range(start.end(), len(advice) + 1)
            if advice[start.start() : k].count("(") == advice[start.start() : k].count(")")
        )
        yield advice[start.start() : next(ends)]


@settings(max_examples=examples(150))
@given(
    st.lists(st.sampled_from(PLAIN), min_size=1, unique=True), st.lists(st.sampled_from(MARKS), max_size=3, unique=True)
)
def test_what_an_advice_on_numbers_writes_leaves_plain_numbers_as_they_are(plain, marks):
    cells = [*plain, *marks]
    file = "x\n" + "".join(f'"{cell}"\n' for cell in cells)
    column = read_delimited(file.encode(), ",", lambda names: names)[0]["x"]
    if column.numbers is not None:
        return
    advice = operators.number_advice(column) or operators.date_advice(column, Name("x"))
    for written_out in expressions(advice):
        try:
            found = values(panel_of({"x": cells}), written_out)
        except EvaluationError:  # refused, and said
            continue
        assert found[: len(plain)] == [float(cell) for cell in plain], (advice, written_out)


def test_years_among_which_some_are_dates_have_an_expression_and_other_numbers_none():
    def advice(*cells):
        return operators.number_advice(read_delimited(b"x\n" + "\n".join(cells).encode(), ",", lambda n: n)[0]["x"])

    assert "parse_number(substr(trimws(x), 1, 4))" in advice("2010", "2011", "2012-05-03")
    for others in (["10.38", "20241"], ["67.3", "68.1", "71"]):  # a life expectancy of 2024 years was advised
        told = advice(*others, "2024-05-03 00:00:00")
        assert told.endswith("write the numbers that are meant in the file")
        assert "substr" not in told


def test_the_cells_that_keep_a_column_from_being_numbers_are_named():
    cells = ["0.4744", "0.4789", "0.486", "0.51", "n.a.", "n.a.", "n.a."]
    assert "“n.a.” (3 cells)" in operators.number_advice(panel_of({"x": cells}).columns["x"])
    assert "(3 cells)" not in operators.number_advice(panel_of({"x": ["$1", "$2", "$3"]}).columns["x"])

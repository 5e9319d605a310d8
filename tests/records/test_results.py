"""Results in memory: columns and codes of the contract, groups, ranks, the table, numerals."""

import numpy as np
import pytest
from curves import plan_of, results_of
from recorded import everything, grid
from specdid._curve import Curve
from specdid._records import (
    CODES,
    COLUMNS,
    RESERVED,
    Code,
    TextColumn,
    code_of,
    schema,
)
from specdid._records.numerals import decimals_for, ordinal, p_text, percent
from specdid._records.results import empty_numbers
from specdid._records.write import hexadecimal

CONTRACT = [
    "index",
    "spec_id",
    "vcov",
    "formula",
    "term",
    "estimand",
    "scale",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "df",
    "nobs",
    "n_units",
    "n_treated",
    "n_control",
    "n_always_treated",
    "n_clusters",
    "n_missing",
    "n_log0",
    "n_singletons",
    "n_eff",
    "y_mean",
    "r2_within",
    "dropped",
    "status",
    "code",
    "message",
    "twin",
    "preferred",
]


def test_columns_are_the_contracts_in_its_order():
    assert [c.name for c in COLUMNS] == CONTRACT
    names = [c.name for c in schema(("outcome", "winsorizing"), ("pre_trend",))]
    assert names == [*CONTRACT[:2], "outcome", "winsorizing", *CONTRACT[2:], "pre_trend"]
    assert "estimate" in RESERVED


def test_every_engine_code_has_its_name_among_the_codes():
    for code in Code:
        if code != Code.OK:
            assert CODES[code_of("no_rows") + code - 1] == code.name.lower()


def test_ids_are_sixteen_digits():
    ids = np.array([0, 255, 2**64 - 1], dtype=np.uint64)
    assert hexadecimal(ids).to_pylist() == ["0" * 16, "00000000000000ff", "f" * 16]
    assert hexadecimal(ids, np.array([True, False, False])).to_pylist()[0] is None


def test_text_encodes_in_order_of_appearance():
    text = TextColumn.encode(["b", None, "a", "b"])
    assert text.words == ("b", "a")
    assert [text.at(k) for k in range(4)] == ["b", None, "a", "b"]


def test_groups_are_scales_and_without_one_outcomes():
    groups = results_of(grid()).groups()
    assert [(g.name, g.scale, len(g.members)) for g in groups] == [
        ("log points", "log points", 8),
        ("SO2", None, 8),
    ]


def test_ranks_are_within_scale_and_estimand():
    planned = plan_of(
        {"estimator": ["OLS", "did2s"], "sample": ["a", "b", "c"]},
        estimands={"OLS": "ATT", "did2s": "ATT, treated rows"},
    )
    results = results_of(planned)
    order = np.argsort(results.estimate[:3])
    assert [results.rank(int(s)) for s in order] == [(1, 3), (2, 3), (3, 3)]


def test_a_curve_is_one_scale_estimand_and_kind():
    planned = plan_of(
        {"outcome": ["y", "log points"], "estimator": ["OLS", "did2s"], "sample": ["a", "b", "c"]},
        scales={"y": "log points"},  # a scale and an outcome of one name are not one family
        estimands={"OLS": "ATT", "did2s": "ATT, treated rows"},
        types={"sample": {"b": "uncertain"}},
    )
    results = results_of(planned)
    label = {d: planned.dimension(d) for d in ("outcome", "estimator", "sample")}
    curves = [curve for group in results.groups() for curve in results.curves_of(group)]
    assert len(curves) == 8
    for family, kind, places in curves:
        for d, column in label.items():
            told = {column.at(int(s)) == "b" if d == "sample" else column.at(int(s)) for s in places}
            assert len(told) == 1
        assert {bool(planned.kind[s]) for s in places} == {bool(kind)}
        assert np.all(np.diff(results.estimate[places]) >= 0)
        assert [results.rank(int(s)) for s in places] == [(k + 1, len(places)) for k in range(len(places))]
        assert all([f for f in results.families if s in f] == [family] for s in places.tolist())
    assert sorted(np.concatenate([places for *_, places in curves]).tolist()) == list(range(len(planned)))


def test_numbers_are_absent_before_anything_is_estimated():
    numbers = empty_numbers(3, 2)
    assert numbers["std_error"].shape == (3, 2)
    assert numbers["n_clusters"].tolist() == [[-1, -1]] * 3
    assert np.isnan(numbers["estimate"]).all()


def test_the_table_is_a_data_frame_built_once():
    curve = Curve(everything(), draw=lambda results, **o: (results, o), summarise=lambda c: f"# {c.title}")
    assert len(curve.table) == 32
    assert curve.table is curve.table
    assert str(curve.table["nobs"].dtype) == "Int64"
    assert curve.table["estimate"].isna().sum() == 8
    assert curve.counts.ok == 12


def test_a_curve_plots_and_sums_up_through_what_it_was_given():
    curve = Curve(everything(), draw=lambda results, **o: (results, o), summarise=lambda c: f"<{c.title}>")
    assert curve.plot(sort="declared") == (curve.results, {"sort": "declared", "cautions": ()})
    assert curve.summary() == f"<{curve.title}>"
    assert "&lt;" in curve._repr_html_()
    assert "16 planned" in repr(curve)


@pytest.mark.parametrize(
    ("n", "words"),
    [(1, "1st"), (2, "2nd"), (3, "3rd"), (4, "4th"), (11, "11th"), (113, "113th"), (1041, "1,041st")],
)
def test_ordinals(n, words):
    assert ordinal(n) == words


def test_numerals():
    assert [decimals_for(np.array([x])) for x in (0.0739, 0.5, 12.3, 4000.0, 0.0)] == [4, 3, 1, 0, 0]
    assert decimals_for(np.array([-2.5e-9])) == 11
    # The median of estimates in several units is no 0 beside the largest of them.
    assert [decimals_for(np.array(x)) for x in ([-6604, -0.358, 0.151], [629, -3.1, 2.4], [0.5, 0.3, 0])] == [2, 1, 3]
    assert (p_text(0.0004), p_text(0.0421)) == ("p < 0.001", "p = 0.042")


@pytest.mark.parametrize(
    ("share", "written"),
    [
        (0.0, "0%"),
        (1.0, "100%"),
        (0.004, "0.4%"),
        (0.00012, "0.01%"),
        (0.9996, "99.96%"),
        (0.5049, "50%"),
        (-0.2, "-20%"),
    ],
)
def test_some_are_not_none_and_most_are_not_all(share, written):
    assert percent(share) == written


@pytest.mark.parametrize(
    ("p", "shown"), [(0.1000003, "0.100"), (0.1, "0.100"), (0.10002, "0.10002"), (0.0499999, "0.050")]
)
def test_p_values_that_no_digits_tell_from_a_level_have_three(p, shown):
    assert p_text(p) == f"p = {shown}"

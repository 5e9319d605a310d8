"""A way to match that is written once and used by name is the one that is written out."""

import pytest
import specdid
from small_studies import small_panel, small_study

PANEL = small_panel()
NEAREST = {"on": "x1 + x3", "at": "year == 2001", "method": "nearest", "ratio": 2, "replace": True}
RADIUS = {"on": "x1", "at": "year == 2001", "method": "radius", "caliper": 0.2}


def study(by_name, **changes):
    nearest, radius = ("nearest", "radius") if by_name else (NEAREST, RADIUS)
    own = {"match": {"nearest": NEAREST, "radius": RADIUS}} if by_name else {}
    return small_study(
        controls={"all": "x1 + x3"},
        sample={"all": "TRUE", "matched": {"match": nearest}, "some": {"where": "x1 < 4", "match": radius}},
        balance={"fix": {"sample": [{"match": nearest}, {"match": radius}]}},
        table={"matched": {"fix": {"sample": [{"match": radius}, "matched"]}, "vary": ["sample"]}},
        **own,
        **changes,
    )


@pytest.fixture(scope="module")
def curves():
    return [specdid.run(study(by_name), PANEL, audit=0) for by_name in (True, False)]


def test_the_same_models_and_numbers(curves):
    named, written = curves
    assert named.table.equals(written.table)
    assert (named.table["status"] == "ok").any()


def test_analyses_use_it_by_name(curves):
    named, written = curves
    assert [a.stem for a in named.analyses] == ["balance", "table_matched"]
    for one, other in zip(named.analyses, written.analyses, strict=True):
        assert one.failure is None
        assert one.finding.tables == other.finding.tables


def test_two_of_one_method_are_told_apart_by_their_names():
    pairs = {"one": NEAREST | {"ratio": 1}, "two": NEAREST}
    fix = {"sample": [{"match": "one"}, {"match": "two"}]}
    curve = specdid.run(small_study(match=pairs, controls={"all": "x1"}, balance={"fix": fix}), PANEL, audit=0)
    (balance,) = curve.analyses
    assert {"matched by one", "matched by two"} <= {str(c) for row in balance.finding.tables[0].rows for c in row}


def test_a_wrong_one_is_said_once_where_it_is_written():
    wrong = study(True)
    wrong["match"]["nearest"] = {**NEAREST, "on": "x1 + x9"}
    faults = [f for f in specdid.check(wrong, PANEL) if f.severity == "error"]
    assert [(f.code, f.path) for f in faults] == [("no_column", ("match", "nearest", "on"))]


def test_one_that_cannot_be_read_is_no_missing_name():
    wrong = study(True)
    wrong["match"]["radius"] = {"on": "x1", "method": "radius"}
    assert {f.code for f in specdid.check(wrong, PANEL) if f.severity == "error"} == {"missing_key"}

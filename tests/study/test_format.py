"""What is read is what the format declares, no more and no less."""

from __future__ import annotations

from dataclasses import replace

import pytest
from specdid import _plugins
from specdid._decode import read_study
from specdid._decode.table import Item, Log, Table
from specdid._diagnostics import Origin
from specdid._format import RUN, Key, Lines, NumberValue, TableKeys, TextValue

NOWHERE = Origin(())
FORM = TableKeys(
    "t", "[t]", "A table.", (Key("a", NumberValue(), "A number.", "1", 2.0), Key("b", TextValue(), "A text.", '"x"'))
)


def table(**values: object) -> Table:
    rows = {key: Item(value, NOWHERE, NOWHERE) for key, value in values.items()}
    return Table(Item(rows, NOWHERE, NOWHERE), Log(), FORM)


def test_a_key_without_an_entry_cannot_be_read():
    with pytest.raises(KeyError, match=r"t\.c has no entry"):
        table(c=1).get("c")


def test_an_entry_that_nothing_reads_is_an_error_of_the_program():
    reader = table(a=1, b="x")
    reader.get("a")
    with pytest.raises(KeyError, match="t: nothing reads b"):
        reader.close()


def test_a_value_that_is_not_written_or_wrong_is_the_default():
    assert table().read() == {"a": 2.0, "b": None}
    wrong = table(a="many", b="x")
    assert wrong.read() == {"a": 2.0, "b": "x"}
    assert [f.code for f in wrong.log.faults] == ["wrong_type"]


def test_an_entry_that_the_program_does_not_take_stops_every_reading(monkeypatch):
    more = replace(RUN, keys=(*RUN.keys, Key("nice", NumberValue(), "A number.", "1")))
    monkeypatch.setattr("specdid._decode.study.RUN", more)
    with pytest.raises(TypeError, match="nice"):
        read_study({"study": {"outcome": "y", "treatment": "d"}, "run": {"jobs": 1}})


def test_a_key_of_an_analysis_that_holds_a_table_is_not_the_name_of_one(monkeypatch):
    plain = _plugins.load("analyses", "table")
    parted = replace(plain, keys=(Key("parts", Lines(TextValue()), "Parts.", '{ a = "b" }'),))
    spec = {"study": {"outcome": "y", "treatment": "d"}, "table": {"parts": {"a": "b"}}}
    for analysis, names in ((plain, ["parts"]), (parted, [None])):
        monkeypatch.setattr(_plugins, "load", lambda shelf, name, found=analysis: found)
        study, _ = read_study(spec)
        assert [one.name for one in study.analyses] == names

"""Text as a control under its plain name becomes dummies: numbers written as text, and very many levels, are said."""

import polars as pl
import pytest
import specdid
from small_studies import small_panel, small_study

N = small_panel().height


def found(cells, controls="c", **changes):
    study = small_study(controls={"some": controls}, **changes)
    frame = small_panel().with_columns(c=pl.Series([cells[k % len(cells)] for k in range(N)]))
    return [f for f in specdid.check(study, frame) if f.code == "text_control"]


@pytest.mark.parametrize(
    "cells",
    [
        ["7,673", "1,012,000.5", "80"],
        ["0.088%", "1 %", ".5%"],
        ["1 234", "-5 678", "n/a"],
    ],
)
@pytest.mark.parametrize("controls", ["x1 + c", "x1:c", "sw(x1, c)"])
def test_numbers_written_as_text(cells, controls):
    (fault,) = found(cells, controls)
    assert fault.severity == "warning"
    assert fault.message == "`c` is text in the data frame, so that it becomes 2 dummies"
    assert "parse_number(" in fault.help
    assert "`i(c)`" in fault.help


@pytest.mark.parametrize(
    "cells",
    [
        ["north", "south"],
        ["2012Q1", "2012Q2"],
        ["2012-01-05", "2012-02-05"],
        ["a1", "b2", "7"],
        ["-", "?", "k"],
        ["1" + " " * 10**6 + "x", "y"],
    ],
)
def test_words_dates_and_codes_are_no_numbers(cells):
    assert found(cells) == []


@pytest.mark.parametrize("levels", [51, 52])
def test_very_many_dummies(levels):
    faults = found([f"firm {k}" for k in range(levels)])
    assert [f.message for f in faults] == (
        ["`c` is text in the data frame, so that it becomes 51 dummies"] if levels == 52 else []
    )


@pytest.mark.parametrize("controls", ["i(c)", "factor(c)", "x1", "c == '7k'"])
def test_what_asks_for_dummies_or_is_none_is_not_warned_of(controls):
    assert found(["7k", "8k"], controls) == []


def test_it_is_said_once_and_of_derived_text_without_a_file():
    changes = {"derive": {"t": "paste0(c, '%')"}, "macros": {"m": "c"}}
    faults = found([1.0, 2.0], "t + sw(t, x1)", **changes)
    assert [f.message.split(",")[0] for f in faults] == ["`t` is text"]


def test_a_joined_file_is_named(tmp_path):
    small_panel().select("id", "year", c=pl.col("x3").round(2).cast(pl.String) + "%").write_csv(tmp_path / "more.csv")
    study = small_study(
        controls={"some": "c"}, data={"more": {"file": str(tmp_path / "more.csv"), "by": ["id", "year"]}}
    )
    (fault,) = [f for f in specdid.check(study, small_panel()) if f.code == "text_control"]
    assert f"`c` is text in {tmp_path / 'more.csv'}, so that it becomes" in fault.message


def test_a_file_as_an_option_is_looked_at_too(tmp_path):
    for name, mark in (("given", "a"), ("other", "%")):
        frame = small_panel().with_columns(c=pl.col("year").cast(pl.String) + mark)
        frame.write_csv(tmp_path / f"{name}.csv")
    study = small_study(controls={"some": "c"})
    study["study"]["data"] = str(tmp_path / "given.csv")
    study["variant"] = {"source": {"own": {}, "other": {"data": str(tmp_path / "other.csv")}}}
    (fault,) = [f for f in specdid.check(study) if f.code == "text_control"]
    assert fault.message.startswith(f"under source = “other”: `c` is text in {tmp_path / 'other.csv'}")


def test_a_variant_that_puts_text_in_a_number_s_place(tmp_path):
    variant = {"source": {"own": {}, "other": {"derive": {"x1": "c"}}, "same": {"derive": {"x1": "x2"}}}}
    (fault,) = found(["0.1%", "0.2%"], "x1 + x3", variant=variant)
    assert fault.message.startswith("`x1` is text under source = “other”, so that it becomes 1 dummy")
    assert fault.path[:3] == ("variant", "source", "other")


@pytest.mark.parametrize(
    ("condition", "quoted"),
    [("code != 90", '"90"'), ("code %in% c(10, 7)", '"10"'), ("code > 20", ""), ("code == 11", "")],
)
def test_codes_among_words_are_told_to_be_quoted(condition, quoted):
    codes = ["10", "20", "90", "NS", "PH"]
    data = small_panel().with_columns(code=pl.Series([codes[k % 5] for k in range(small_panel().height)]))
    (fault,) = (f for f in specdid.check(small_study(sample={"s": condition}), data) if f.code == "column_type")
    assert (f"write {quoted}, in quotes, where its values are codes" in fault.help) == bool(quoted)


def test_a_definition_that_is_faulty_is_not_said_to_lack_where_an_analysis_uses_it():
    data = small_panel().with_columns(raw=pl.Series(["5 r", *["5"] * small_panel().height][: small_panel().height]))
    groups = {"small": "at(made, year == 2001) <= 3", "large": "at(made, year == 2001) > 3"}
    study = small_study(derive={"made": "parse_number(raw)"}, heterogeneity={"groups": groups})
    assert [f.code for f in specdid.check(study, data) if f.severity == "error"] == ["column_type"]
    study = small_study(derive={"made": "parse_number(raw)"}, heterogeneity={"groups": {**groups, "none": "mode > 1"}})
    assert {f.code for f in specdid.check(study, data) if f.severity == "error"} == {"column_type", "no_column"}

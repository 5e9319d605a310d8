"""What a sheet of a yearbook has beside its numbers: marks of footnotes, a second heading line, signs of notes."""

from __future__ import annotations

import io
from pathlib import Path

import latex
import polars as pl
import pytest
import specdid
from specdid.analyses.heterogeneity import _moving
from specdid.language import parse
from specdid.tables.latex import escape


def rows(first: str = "") -> str:
    lines = [f"{u},{t},{int(t > 2011 and u > 2)},{u + t / 7:.3f}" for u in range(6) for t in range(2010, 2014)]
    return "\n".join(["市,年份,试点,产值", *([first] if first else []), *lines]) + "\n"


def faults(folder: Path, text: str, **study):
    (folder / "a.csv").write_text(text, "utf-8")
    given = {"data": str(folder / "a.csv"), "unit": "市", "time": "年份", **study}
    return specdid.check({"study": given, "outcome": {"y": "产值"}, "treatment": {"d": "试点"}})


@pytest.mark.parametrize("first", [",,,万元", "城市,,,万元"])
def test_a_second_heading_line_is_named(tmp_path, first):
    (fault,) = [f for f in faults(tmp_path, rows(first)) if f.code == "units_row"]
    assert "above numbers, and no number: a second heading line, of units?" in fault.message


def test_a_second_heading_line_with_a_word_above_texts_is_named(tmp_path):
    text = rows("城市,,,万元").replace("\n0,", "\na,").replace("\n1,", "\nb,")
    assert [f.code for f in faults(tmp_path, text) if f.severity == "error"] == ["units_row"]
    frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    study = {"data": "a.csv", "unit": "市", "time": "年份"}
    found = specdid.check({"study": study, "outcome": {"y": "产值"}, "treatment": {"d": "试点"}}, frame)
    (fault,) = [f for f in found if f.code == "missing_time"]
    assert "above numbers: a second heading line, of units? delete it" in fault.help


NOTES = ["", "r = revised; * = preliminary,,,", "Source: Bureau,,,"]


@pytest.mark.parametrize("first", [",,,万元", "(城市),,,万元", "City,Year,Pilot,GDP", ",,,\n,,,USD mn"])
@pytest.mark.parametrize("marks", ["", " r", "*", "n.a."])
def test_a_row_of_units_is_named_beside_notes_blank_rows_and_marked_cells(tmp_path, first, marks):
    lines = rows(first).splitlines()
    lines[-3] = lines[-3].rsplit(",", 1)[0] + f",{'' if marks == 'n.a.' else '5.1'}{marks}"
    text = "\n".join([*lines[:9], ",,,", *lines[9:], ",,,", *NOTES[1:]]) + "\n"
    (fault,) = [f for f in faults(tmp_path, text) if f.severity == "error"]
    assert fault.code == "units_row"
    row = len(text.splitlines()) - 1
    held = f"row {row} holds “r = revised; * = preliminary” alone, and 1 more below it a cell each"
    assert fault.notes[0] == f"{held}: a note? delete it, too"
    assert len(fault.notes) == 1 + bool(marks)
    assert all(f"“{'' if marks == 'n.a.' else '5.1'}{marks}” (row" in note for note in fault.notes[1:])
    assert all(("empty them" in note) == (marks == "n.a.") for note in fault.notes[1:])


@pytest.mark.parametrize(("heading", "told"), [("", True), ("人口", False)])
def test_names_below_merged_headings_are_not_to_be_deleted(tmp_path, heading, told):
    lines = [f"城{u},{y},{int(u > 2)},{u}.5,{u * y}" for u in range(6) for y in (2009, 2010, 2011)]
    text = "\n".join([f"市,年,试点,经济,{heading}", ",,,产值,总数", *lines]) + "\n"
    (fault,) = [f for f in faults(tmp_path, text) if f.severity == "error"]
    assert fault.code == "units_row"
    assert ("“总数” has none above it in row 1" in fault.help) == told
    assert ("delete it in the file" in fault.help) != told


@pytest.mark.parametrize("first", ["城,2009,,停", "城,,0,不详", "甲,2009q1,0,…", ",,,n/a"])
def test_a_row_of_data_is_no_row_of_units_beside_notes(tmp_path, first):
    text = rows(first) + "\n".join(NOTES) + "\n"
    assert "units_row" not in [f.code for f in faults(tmp_path, text)]


@pytest.mark.parametrize("first", ["7,,0,5.1", ",,0,万元"])
def test_a_row_with_numbers_is_no_heading(tmp_path, first):
    (fault,) = [f for f in faults(tmp_path, rows(first)) if f.code == "missing_time"]
    assert "heading" not in fault.help


@pytest.mark.parametrize(
    "heading", ["1990年①", "1990年*", "1990年 1", "1990年[1]", "1990年（1）", "1990 年", "1990年²"]
)
def test_a_footnote_of_a_wide_heading_is_told(tmp_path, heading):
    lines = [f"城{u},{int(u > 2)},{u}.5,{u}.7,{u}.9" for u in range(6)]
    text = "\n".join([f"市,试点,1988年,1989年,{heading}", *lines]) + "\n"
    found = faults(tmp_path, text, reshape={"time": "年份", "columns": {"产值": "{年份}年"}})
    (fault,) = [f for f in found if f.code == "reshape_text"]
    assert f"`{heading}`" in fault.message


def test_what_moves_groups_is_named():
    assert _moving(parse("at(y, t == 1) > median(at(y, t == 1), by = t)"), "t") == ["median(at(y, t == 1), by = t)"]
    assert _moving(parse("y > median(y, by = t)"), "t") == ["y", "median(y, by = t)"]
    assert _moving(parse("pop > 100"), "t") == ["pop"]


def test_signs_of_notes_need_no_glyph_of_a_chinese_font(tmp_path):
    assert escape("†‡") == r"$\dagger$$\ddagger$"
    latex.need_chinese_font()
    font = r"\usepackage{fontspec}\setmainfont{AR PL SungtiL GB}"
    signs = escape("†‡")
    main = tmp_path / "a.tex"
    main.write_text(rf"\documentclass{{article}}{font}\begin{{document}}{signs}\end{{document}}", "utf-8")
    missing = [line for line in latex.compile_tex(main, "xelatex").splitlines() if "Missing character" in line]
    assert not missing

"""What a sheet of a yearbook has beside its numbers: marks of footnotes, a second heading line, signs of notes."""

from __future__ import annotations

from pathlib import Path

import latex
import pytest
import specdid
from specdid.tables.latex import escape


def rows(first: str = "") -> str:
    lines = [f"{u},{t},{int(t > 2011 and u > 2)},{u + t / 7:.3f}" for u in range(6) for t in range(2010, 2014)]
    return "\n".join(["市,年份,试点,产值", *([first] if first else []), *lines]) + "\n"


def faults(folder: Path, text: str, **study):
    (folder / "a.csv").write_text(text, "utf-8")
    given = {"data": str(folder / "a.csv"), "unit": "市", "time": "年份", **study}
    return specdid.check({"study": given, "outcome": {"y": "产值"}, "treatment": {"d": "试点"}})


@pytest.mark.parametrize(
    "heading", ["1990年①", "1990年*", "1990年 1", "1990年[1]", "1990年（1）", "1990 年", "1990年²"]
)
def test_a_footnote_of_a_wide_heading_is_told(tmp_path, heading):
    lines = [f"城{u},{int(u > 2)},{u}.5,{u}.7,{u}.9" for u in range(6)]
    text = "\n".join([f"市,试点,1988年,1989年,{heading}", *lines]) + "\n"
    found = faults(tmp_path, text, reshape={"time": "年份", "columns": {"产值": "{年份}年"}})
    (fault,) = [f for f in found if f.code == "reshape_text"]
    assert f"`{heading}`" in fault.message


def test_signs_of_notes_need_no_glyph_of_a_chinese_font(tmp_path):
    assert escape("†‡") == r"$\dagger$$\ddagger$"
    latex.need_chinese_font()
    font = r"\usepackage{fontspec}\setmainfont{AR PL SungtiL GB}"
    signs = escape("†‡")
    main = tmp_path / "a.tex"
    main.write_text(rf"\documentclass{{article}}{font}\begin{{document}}{signs}\end{{document}}", "utf-8")
    missing = [line for line in latex.compile_tex(main, "xelatex").splitlines() if "Missing character" in line]
    assert not missing

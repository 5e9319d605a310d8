"""Hostile and Chinese labels in the appendix: printed as they are, and not run."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
import specdid
from latex import compile_tex, complaints, inlined, need_chinese_font
from small_studies import small_panel, small_study
from specdid.appendix.markdown import escape_markdown
from specdid.tables.latex import escape, wants_unicode

HOSTILE = (
    r"\input{/etc/passwd}", "50% & more", "$x^2$ #1 ~ {y}", "a_b^c", "<tag> | pipe", "--- ''x'' ,,y?`",
    r"\write18{touch hacked}", "[brackets] *stars* _under_ `tick`", r"back\\slash \ end\\",
)  # fmt: skip


def hostile_study():
    labels = {f"option {k}": text for k, text in enumerate(HOSTILE)}
    return {
        "study": {"title": HOSTILE[0] + " " + HOSTILE[1], "data": "given.csv", "unit": "id", "time": "year"},
        "outcome": {HOSTILE[1]: "y", HOSTILE[2]: "log(z)"},
        "treatment": {HOSTILE[3]: {"term": "d", "cohort": "cohort"}},
        "controls": {HOSTILE[4]: "1", HOSTILE[5]: "x1"},
        "fixed_effects": {HOSTILE[6]: "id + year", HOSTILE[0]: "id"},
        "sample": {HOSTILE[7]: "TRUE", HOSTILE[8]: "year < 2007"},
        "vcov": {HOSTILE[0]: "~id", HOSTILE[2]: "hetero"},
        "inference": {"draws": 19},
        "figure": {"formats": ["pdf"]},
        "labels": {"x1": HOSTILE[0], "d": HOSTILE[8], **labels},
        "table": {HOSTILE[0]: {"vary": ["controls"]}},
    }


def test_hostile_labels_are_printed_and_not_run(tmp_path):
    specdid.run(hostile_study(), small_panel(), out=tmp_path, jobs=1, audit=0)
    text = inlined(tmp_path / "appendix.tex")
    for call in (r"\input{/etc", r"\write18", "#1 ~"):
        assert call not in text
    assert escape(r"\input{/etc/passwd}") in text
    assert "root:" not in text
    log = compile_tex(tmp_path / "appendix_main.tex", pdf=True)
    assert not complaints(log)
    assert not (tmp_path / "hacked").exists()
    try:
        shown = subprocess.run(["pdftotext", "appendix_main.pdf", "-"], cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        return
    assert r"\input{/etc/passwd}" in shown.stdout
    assert "50% & more" in shown.stdout


@pytest.mark.parametrize("text", HOSTILE)
def test_escapes(text):
    tex = escape(text)
    assert not re.search(r"(?<!\\)[#%&_]", tex)
    assert tex.count("{") - tex.count(r"\{") == tex.count("}") - tex.count(r"\}")
    assert re.sub(r"\\([\\`*_{}\[\]<>#|$~^&@!+=.)-])", r"\1", escape_markdown(text)) == " ".join(text.split())
    assert not re.search(r"(?<!\\)[*_`<>|]", re.sub(r"\\\\", "", escape_markdown(text)))


def test_characters_no_reader_sees_are_left_out():
    assert escape("a\x00b\u200bc\x1b") == "abc"
    assert escape_markdown("a\x00b\nc") == "ab c"
    assert not wants_unicode("Größe β² ≤ ₁ “x” Łódź")
    assert wants_unicode("中文")
    assert wants_unicode("Привет")


def chinese(out):
    panel = small_panel().rename({"d": "试点", "x1": "人均GDP", "y": "二氧化硫", "id": "城市", "year": "年份"})
    study = small_study(
        study={"title": "智慧城市试点与工业污染", "data": "given.csv", "unit": "城市", "time": "年份"},
        outcome={"人均二氧化硫对数": "二氧化硫"},
        treatment={"第一批（2012年）": {"term": "试点", "cohort": "cohort"}},
        controls={"无": "1", "全部": "人均GDP + x3"},
        fixed_effects={"城市与年份": "城市 + 年份"},
        vcov={"城市": "~城市"},
        labels={"人均GDP": "人均地区生产总值（万元）"},
        figure={"formats": ["pdf"]},
        event_study={"按批次": {"window": [-2, 1], "reference": -1}},
    )
    specdid.run(study, panel, out=out, jobs=1, audit=0)


def test_chinese_labels_compile_with_xelatex(tmp_path):
    chinese(tmp_path)
    main = (tmp_path / "appendix_main.tex").read_text(encoding="utf-8")
    assert "% xelatex appendix_main.tex" in main
    assert "compile with xelatex or lualatex, and ctex" in (tmp_path / "appendix.tex").read_text(encoding="utf-8")
    assert "人均地区生产总值（万元）" in inlined(tmp_path / "appendix.tex")
    need_chinese_font()
    assert not complaints(compile_tex(tmp_path / "appendix_main.tex", "xelatex"))


SHOWN = ("_describe", "_plan", "_records", "analyses", "appendix", "estimators", "figures", "report", "tables")
"""Packages whose texts may come into an appendix."""


def test_what_the_program_itself_says_in_english_is_for_pdflatex():
    """A mark in a note, such as a dagger, would ask for another engine and its fonts."""
    package = Path(specdid.__file__).parent
    for file in (file for folder in SHOWN for file in (package / folder).rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        explained = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in explained:
                text = re.sub("[‹›]", "", node.value)  # of words in one and in many
                chinese = re.search("[\u3000-\u9fff\uff00-\uffef]", text)
                assert chinese or not wants_unicode(text), f"{file.name}:{node.lineno}: {text}"

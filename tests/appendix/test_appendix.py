"""The appendix of small studies: what it says, [appendix] show and formats."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import specdid
from latex import compile_tex, complaints, inlined
from pace import patience
from small_studies import small_panel, small_study
from specdid._describe.curve_tests import CurveTests
from specdid._records import Counts, Family, JointTest
from specdid._records.results import TextColumn
from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.appendix.content import _lower_middle, _not_selected, counts_words, joint_tests
from specdid.appendix.word import StylesError, write_word
from specdid.tables._base import PrintTable
from specdid.tables.latex import escape

pytestmark = pytest.mark.usefixtures("coarse")

PLAIN = small_study(controls={"any": "csw0(x1, x2)"}, figure={"formats": ["pdf"]})


def run(out, panel=None, **changes):
    study = small_study(**{"controls": {"any": "csw0(x1, x2)"}, "figure": {"formats": ["pdf"]}, **changes})
    return specdid.run(study, small_panel() if panel is None else panel, out=out, jobs=1, audit=0)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = tmp_path_factory.mktemp("plain")
    curve = run(
        out,
        inference={"draws": 19},
        preferred={"controls": "x1"},
        table={"T": {"vary": ["controls"]}},
        appendix={"show": ["#2", "#2", "#999"], "formats": ["tex", "md", "docx"]},
    )
    return out, curve


def test_the_caption_answers_a_referee(plain):
    out, curve = plain
    text = inlined(out / "appendix.tex").split(r"\specdidsection{Choices}")[0]
    heads = (
        "The figure",
        "What was varied",
        "Specifications",
        "Estimates",
        "Joint tests",
        "Against them",
        "Preferred specification",
        "Samples",
        "Standard errors",
        "Software",
    )
    assert re.findall(r"\\item\[([\w ]+)\.\]", text) == list(heads)
    assert "Outcome (2), controls (3) and fixed effects (2)." in text
    assert f"{curve.counts.planned} planned, all estimated." in text
    assert r"Clustered by id; computed by robust too" in text
    assert f"specdid {specdid.__version__}, pyfixest 0.60.0" in text
    assert "expected under the null" in text


@pytest.mark.usefixtures("undrawn_test")
def test_variances_whose_names_hold_commas_are_told_apart(tmp_path):
    vcov = {"id": "~id", "id, areg": {"formula": "~id", "ssc": "areg"}, "robust": "hetero"}
    run(tmp_path, vcov=vcov)
    assert "computed by “id, areg” and “robust” too" in (tmp_path / "appendix.md").read_text(encoding="utf-8")


def test_latex_sets_title_and_note_of_every_figure(tmp_path):
    title = "Whither wages_"
    run(tmp_path, figure={"formats": ["pdf", "svg"], "width": 3.5}, study={**PLAIN["study"], "title": title})
    assert r"\input{\specdiddir curve_figure}" in (tmp_path / "appendix.tex").read_text(encoding="utf-8")
    figures = sorted(tmp_path.glob("*_figure.tex"))
    assert [p.stem for p in figures] == [f"{p.stem}_figure" for p in sorted(tmp_path.glob("*.pdf"))]
    assert {"curve_figure", "multiverse_figure", "volcano_figure"} <= {p.stem for p in figures}
    for file in figures:
        text = file.read_text(encoding="utf-8")
        assert r"\begin{figure}[htbp]" in text
        assert r"\setlength{\specdidwidth}{3.5in}" in text
        assert r"\caption{" in text
        assert escape(title) in text
        note = text.split(r"\sloppy" + "\n")[1].split("}}\n")[0]
        assert note.endswith(".")
    assert not complaints(compile_tex(tmp_path / "appendix_main.tex"))


def test_figures_without_an_appendix_in_latex_keep_title_and_note(tmp_path, monkeypatch):
    notes = []
    monkeypatch.setattr("specdid._run.write.draw_bare", lambda *_: notes.append(1))
    run(tmp_path, figure={"formats": ["pdf"]}, appendix={"formats": ["md"]})
    assert (tmp_path / "curve.pdf").exists()
    assert not notes
    assert not list(tmp_path.glob("*_figure.tex"))


def of_null(title, draws, p_values, curve):
    rows = tuple(JointTest("wild", name, 1.0, -1.0, 1.0, p, draws) for name, p in p_values)
    return CurveTests("wild", title, draws, np.arange(12), rows, curve.tests[0].adjusted, {}, ())


def test_p_values_are_given_by_null_and_alike_ones_together(plain):
    curve = plain[1]
    tests = (("median estimate", 0.001), ("median t", 0.001), ("Stouffer's Z", 0.012))
    found = (of_null("wild cluster bootstrap", 999, tests, curve), of_null("permutation", 99, tests[:2], curve))
    assert dict([joint_tests(found, curve.results)]) == {
        "Joint tests": "Wild cluster bootstrap (999 draws): p = 0.001 (median estimate; median t), p = 0.012 "
        "(Stouffer's Z). Permutation (99 draws): p = 0.001 for every statistic. "
        "The table of tests has the statistics and their ranges under the null."
    }


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        (Counts(12, 12, 0, 0, 0), "12 planned, all estimated."),
        (
            Counts(1440, 880, 0, 520, 40),
            "1,440 planned: 880 estimated, 520 excluded beforehand, since the options do "
            "not go together and 40 left out as the same model as another.",
        ),
        (Counts(3, 2, 1, 0, 0), "3 planned: 2 estimated and 1 could not be estimated."),
    ],
)
def test_what_became_of_the_plan_in_words(counts, text):
    assert counts_words(counts) == text


@pytest.mark.usefixtures("undrawn_test")
def test_specifications_that_the_study_rules_out_stand_with_its_own_reasons(tmp_path):
    two = (("a check of the main design only", 300), ("too short", 52))
    assert counts_words(Counts(1152, 784, 0, 368, 0), two) == (
        "1,152 planned: 784 estimated, 352 excluded beforehand by rules of the study (“a check of the main design "
        "only”: 300; “too short”: 52) and 16 excluded beforehand, since the options do not go together."
    )
    rule = {"when": {"controls": "x1", "fixed_effects": "id"}, "because": "x1 is late"}
    effects = {"fixed_effects": {"both": "id + year", "id": "id"}}
    run(tmp_path, exclude=[rule], appendix={"formats": ["md", "tex"]}, **effects)
    text = (tmp_path / "appendix.md").read_text(encoding="utf-8")
    assert "12 planned: 10 estimated and 2 excluded beforehand by rules of the study (“x1 is late”)." in text
    assert "rules of the study (``x1 is late'')." in inlined(tmp_path / "appendix.tex")


def test_options_stand_indented_below_what_they_replace(plain):
    out, _ = plain
    text = (out / "appendix_choices.tex").read_text(encoding="utf-8")
    assert re.search(r"^Controls, instead of x1 & (\\phantom\{\d+\})?[\d.]+\\% &", text, re.MULTILINE)
    assert re.search(r"^\\quad none &  & ", text, re.MULTILINE)
    assert re.search(r"^\| &emsp;none \|", (out / "appendix.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.usefixtures("undrawn_test")
def test_a_table_called_by_a_number_is_not_captioned_so(tmp_path):
    run(tmp_path, table={"Table 3": {"vary": ["controls"]}}, labels={"x1 + x2": "both"})
    text = inlined(tmp_path / "appendix.tex")
    assert r"\caption{Regressions (Table 3 of the study)}" in text
    assert r"\multicolumn{1}{c}{no controls}" in text
    assert r"{both}" in text


@pytest.mark.usefixtures("undrawn_test")
def test_shares_are_given_only_beside_those_of_the_null(tmp_path):
    run(tmp_path)
    text = (tmp_path / "appendix.tex").read_text(encoding="utf-8")
    assert "median $-$" in text or "median 0" in text
    assert "significant" not in text
    assert "Joint tests" not in text


@pytest.mark.usefixtures("undrawn_test")
def test_the_reasons_of_options_are_printed(tmp_path):
    why = "the average person, not the average 50% of units"
    weights = {"none": "1", "people": {"formula": "w", "type": "nonequivalent", "why": why}}
    run(tmp_path, weights=weights, labels={"people": "population_1"})
    text = (tmp_path / "appendix.tex").read_text(encoding="utf-8")
    assert rf"Weights, population\_1 (nonequivalent): {escape(why)}." in text
    assert "(nonequivalent)" in (tmp_path / "appendix.md").read_text(encoding="utf-8")


def test_every_reference_has_its_label_and_every_file_exists(plain):
    out, _ = plain
    text = inlined(out / "appendix.tex")
    labels = re.findall(r"\\label\{([^}]+)\}", text)
    assert len(labels) == len(set(labels))
    assert set(re.findall(r"\\ref\{([^}]+)\}", text)) == set(labels)
    for file in re.findall(r"\{\\specdiddir ([^}]+)\}", text):
        assert (out / file).exists()


def test_specifications_that_are_asked_for_are_shown_once(plain):
    out, curve = plain
    text = (out / "appendix_selected_3.tex").read_text(encoding="utf-8")
    assert "Specifications asked for" in text
    assert text.count(r"\multicolumn{1}{c}{\#2}") == 1
    said = "[appendix] show: `#999` has no estimate, so the appendix does not show it"
    assert said in [w.message for w in curve.warnings if w.code == "not_shown"]
    rows = [line.split(",") for line in (out / "appendix_selected.csv").read_text(encoding="utf-8").splitlines()]
    places = {int(row[2]) for row in rows if row[:2] == ["3", "#2"]}
    group = next(g for g in curve.results.groups() if curve.results.preferred in g.members)
    assert places == {int(curve.results.order(group)[1]) + 1}


def test_the_median_shown_of_an_even_number_is_said_to_lie_below_the_median(plain):
    def said(of):
        return [*_lower_middle([SimpleNamespace(role=r, of=of) for r in ("Lowest", "Preferred, median", "Highest")])]

    assert [len(said(n)) for n in (3, 4, 5, 48)] == [0, 1, 0, 1]
    assert said(6)[0] in (plain[0] / "appendix.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("undrawn_test")
def test_an_id_names_a_specification(plain, tmp_path):
    _, curve = plain
    spec_id = f"{int(curve.results.planned.ids[3]):016x}"
    run(tmp_path, appendix={"show": [spec_id[:10].upper()]})
    rows = (tmp_path / "appendix_selected.csv").read_text(encoding="utf-8").splitlines()
    assert any(f",4,{spec_id}," in row for row in rows)


@pytest.mark.parametrize(
    ("show", "message"),
    [
        ("0000000000000000", "no specification's id begins with `0000000000000000`"),
        ("#0", "`#0` is no rank"),
        ("#x", "`#x` is no rank"),
        ("zz", "`zz` is no id of a specification"),
        ("preferred", "`preferred` is no id of a specification"),
    ],
)
def test_what_names_nothing_is_a_fault(show, message):
    faults = specdid.check({**PLAIN, "appendix": {"show": [show]}}, small_panel())
    assert [f.message for f in faults.errors] == [message]


def test_a_beginning_of_several_ids_is_a_fault():
    study = {**PLAIN, "controls": {"any": "mvsw(x1, x2, x3)"}, "appendix": {"show": list("0123456789abcdef")}}
    messages = [f.message for f in specdid.check(study, small_panel()).errors]
    assert any("specifications' ids begin with" in m for m in messages)


@pytest.mark.usefixtures("undrawn_test")
def test_formats_choose_the_files(plain, tmp_path):
    out, _ = plain
    assert {"appendix.tex", "appendix_main.tex", "appendix.md", "appendix.docx"} <= {p.name for p in out.iterdir()}
    run(tmp_path, appendix={"formats": []})
    assert not list(tmp_path.glob("appendix*"))


def test_word_has_every_table_and_the_same_bytes_again(plain, tmp_path):
    from docx import Document
    from docx.shared import RGBColor

    out, _ = plain
    document = Document(str(out / "appendix.docx"))
    tables = inlined(out / "appendix.tex").count(r"\begin{threeparttable}")
    # The first is the frame of the warnings.
    assert len(document.tables) == 1 + tables
    assert any("(0." in cell.text for row in document.tables[-1].rows for cell in row.cells)
    for table in document.tables[1:]:
        inches = [column.width / 914400 for column in table.columns]
        assert sum(inches) == pytest.approx(6.5, abs=0.01)
        assert inches[0] > 1.0
        assert all(row._tr.trPr.xpath("w:cantSplit") for row in table.rows)
        assert all(p.paragraph_format.keep_with_next for cell in table.rows[0].cells for p in cell.paragraphs)
        assert table.rows[0]._tr.trPr.xpath("w:tblHeader")
        assert not table.rows[-1]._tr.trPr.xpath("w:tblHeader")
    captions = ["".join(p._p.xpath(".//w:t/text()")) for p in document.paragraphs if p.style.name == "Caption"]
    for kind, many in (("Table", tables), ("Figure", 1)):
        numbers = [re.match(rf"{kind} (\d+): \w", c)[1] for c in captions if c.startswith(kind)]
        assert numbers == [str(k + 1) for k in range(many)]
    assert document.styles["Caption"].font.color.rgb == RGBColor(0, 0, 0)
    again = tmp_path / "again"
    run(
        again,
        inference={"draws": 19},
        preferred={"controls": "x1"},
        table={"T": {"vary": ["controls"]}},
        appendix={"show": ["#2", "#2", "#999"], "formats": ["tex", "md", "docx"]},
    )
    for name in ("appendix.docx", "appendix.tex", "appendix.md", "appendix_selected.tex"):
        assert (again / name).read_bytes() == (out / name).read_bytes()
    assert zipfile.ZipFile(out / "appendix.docx").testzip() is None


def test_markdown_has_the_numbers_of_the_latex_tables(plain):
    out, _ = plain
    markdown = (out / "appendix.md").read_text(encoding="utf-8").replace("−", "-")
    latex = inlined(out / "appendix.tex").replace("$-$", "-")
    numbers = set(re.findall(r"-?\d+\.\d{3,}", latex.split(r"\specdidsection{", 1)[1]))
    assert numbers
    assert numbers <= set(re.findall(r"-?\d+\.\d{3,}", markdown))
    for line in markdown.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")


def test_markdown_shows_pictures_that_browsers_know(plain, tmp_path):
    out, _ = plain
    assert "](curve.pdf)" in (out / "appendix.md").read_text(encoding="utf-8")
    run(tmp_path, figure={"formats": ["pdf", "png"]}, appendix={"formats": ["md"]})
    text = (tmp_path / "appendix.md").read_text(encoding="utf-8")
    files = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert files == ["curve.png"]
    assert (tmp_path / "curve.png").exists()


def test_a_paper_in_another_folder_includes_it(plain, tmp_path):
    out, _ = plain
    main = tmp_path / "paper.tex"
    main.write_text(
        "\\documentclass{article}\\usepackage{booktabs,threeparttable,pdflscape,graphicx,placeins}\n"
        f"\\newcommand{{\\specdiddir}}{{{out.as_posix()}/}}\\newcommand{{\\specdidsection}}{{\\subsection}}\n"
        "\\begin{document}\\appendix\\section{Robustness}\\input{\\specdiddir appendix}\n"
        "See Figure~\\ref{fig:study:curve}.\n\\end{document}\n",
        encoding="utf-8",
    )
    assert not complaints(compile_tex(main))


@pytest.mark.usefixtures("undrawn_test")
def test_the_figure_is_described_as_it_is(plain, tmp_path):
    run(tmp_path / "none", estimator={"OLS": "feols", "two-stage": "did2s"}, appendix={"formats": ["md"]})
    text = (tmp_path / "none" / "appendix.md").read_text("utf-8")
    assert "in order of size within an estimand" in text
    assert "is marked" not in text
    with_one = (plain[0] / "appendix.md").read_text("utf-8")
    assert "in order of size, the lower one" in with_one
    assert "The preferred specification is marked." in with_one


@pytest.fixture
def journal(tmp_path):
    """A journal's template: its own Caption, and no List Bullet."""
    from docx import Document
    from docx.shared import Pt

    template = Document()
    template.add_paragraph("Not to be taken over.")
    template.styles["Caption"].font.size = Pt(7)
    template.styles["Caption"].font.name = "Journal Sans"
    template.styles["List Bullet"].delete()
    template.save(tmp_path / "journal.docx")
    return tmp_path / "journal.docx"


APPENDIX = Appendix("A study", (Part("Results", (TableItem("t", PrintTable("Effects", ("(1)",), ())),)),))


def test_a_journals_styles_are_taken_and_nothing_else(journal, tmp_path):
    from docx import Document

    made = tmp_path / "made.docx"
    made.write_bytes(write_word(APPENDIX, tmp_path, journal))
    document = Document(str(made))
    assert document.styles["Caption"].font.name == "Journal Sans"
    assert document.styles["List Bullet"] is not None
    assert "Not to be taken over." not in [p.text for p in document.paragraphs]


@pytest.mark.parametrize("content", [b"", b"not a document", None])
def test_a_template_that_is_none_is_said(tmp_path, content):
    path = tmp_path / "journal.docx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(StylesError, match=r"journal\.docx is not read as a Word document: "):
        write_word(APPENDIX, tmp_path, path)


SENTENCES = tuple((f"Point {k}", "Words that fill a line of this paragraph and of the next. " * 5) for k in range(12))


def word_with_figure(folder, wide, high, account=SENTENCES):
    """Give Word's document of a part with a figure of so many inches and an account."""
    from docx import Document
    from PIL import Image

    Image.new("RGB", (round(100 * wide), round(100 * high))).save(folder / "curve.png", dpi=(100, 100))
    before = Part("Before it", (), text=tuple(text for _, text in SENTENCES[:3]))
    part = Part("Curve", (FigureItem("curve.pdf", "The curve", "fig:curve"),), account=account)
    (folder / "made.docx").write_bytes(write_word(Appendix("A study", (before, part)), folder))
    return Document(str(folder / "made.docx"))


def at_picture(document):
    return next(k for k, p in enumerate(document.paragraphs) if p._p.xpath(".//w:drawing"))


def test_a_figure_in_word_leaves_a_page_room_for_its_heading_and_caption(tmp_path):
    document = word_with_figure(tmp_path, 6.5, 9, account=())
    (picture,) = document.inline_shapes
    assert picture.height <= 8 * 914400
    assert picture.width / picture.height == pytest.approx(6.5 / 9, abs=0.01)
    at = at_picture(document)
    assert all(p.paragraph_format.keep_with_next for p in document.paragraphs[at - 1 : at + 1])


def test_a_figure_of_one_column_is_not_enlarged_in_word(tmp_path):
    (picture,) = word_with_figure(tmp_path, 3.5, 3).inline_shapes
    assert picture.width / 914400 == pytest.approx(3.5, abs=0.01)


def test_the_account_fills_a_page_of_word_that_a_tall_figure_leaves(tmp_path):
    tall, nearly, low = (word_with_figure(tmp_path, 6.5, high) for high in (9, 4, 3))
    first = at_picture(low)
    assert low.paragraphs[first - 1].text == "Curve"
    assert first + 2 <= at_picture(tall) < first + len(SENTENCES)
    # Where it is nearly low enough, it is made so.
    assert at_picture(nearly) == first
    assert nearly.inline_shapes[0].height < 3.9 * 914400


def test_libreoffice_opens_it(plain, tmp_path):
    """In the real program: every table and figure is there, and its number is the one in the file."""
    if (office := shutil.which("soffice")) is None:
        pytest.skip("no LibreOffice: install libreoffice-writer")
    home = f"-env:UserInstallation={(tmp_path / 'home').as_uri()}"
    command = [office, home, "--headless", "--convert-to", "txt:Text (encoded):UTF8", "--outdir", str(tmp_path)]
    subprocess.run([*command, str(plain[0] / "appendix.docx")], check=True, capture_output=True, timeout=patience(300))
    text = (tmp_path / "appendix.txt").read_text(encoding="utf-8-sig")
    tables = inlined(plain[0] / "appendix.tex").count(r"\begin{threeparttable}")
    assert [int(n) for n in re.findall(r"^Table (\d+): ", text, re.MULTILINE)] == [*range(1, tables + 1)]
    assert "Figure 1: Specification curve" in text


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ((0, 2, 4, 6), ()),
        ((0, 2, 4), ("“d; effect”",)),
        ((0, 2, 6), ("“c”",)),  # an outcome of a kind that is shown
        ((6,), ("“x; effect”", "“c”")),
    ],
)
def test_what_tables_of_selected_specifications_have_none_of_is_said(shown, said):
    """A scale of outcomes a and b, one of c and d, of which d is another estimand's, too."""
    families = [
        Family("x", "effect", "x", True, np.array([0, 1, 2, 3]), np.zeros(4, np.int8)),
        Family("y", "effect", "y", True, np.array([4, 5]), np.zeros(2, np.int8)),
        Family("d", "effect", "d", False, np.array([6]), np.zeros(1, np.int8)),
    ]
    if "“c”" in said:
        families[1] = replace(families[1], places=np.array([4, 5, 6]))
    outcome = TextColumn(("a", "b", "c", "d"), np.array([0, 0, 1, 1, 2, 2, 3]))
    results = SimpleNamespace(planned=SimpleNamespace(dimension=lambda _: outcome), ranked=lambda f: f.places)
    picked = tuple(SimpleNamespace(place=place) for place in shown)
    material = SimpleNamespace(selections=[SimpleNamespace(picked=picked)], families=tuple(families), results=results)
    found = _not_selected(material)
    assert len(found) == bool(said)
    for name in said:
        assert name in found[0]
    if said:
        assert "and [appendix] show adds" in found[0]
        assert found[0].count("“") == len(said)

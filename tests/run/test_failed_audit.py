"""An audit that failed stands first in every output, with the numbers and the likely cause of each."""

from __future__ import annotations

import csv
import json
import logging
import shutil
import subprocess
import unicodedata

import numpy as np
import pytest
import specdid
from command import call_specdid
from figure_texts import texts_of
from latex import compile_tex, complaints, inlined, need_chinese_font
from pages import read_page
from specdid._run.write import draw_again
from toml_text import write_toml
from warned import WHY, forge, moving_panel, warned_study

pytestmark = pytest.mark.usefixtures("audit_here")
FAILED = "AUDIT FAILED: do not use these numbers"
CAUSES = (
    "the coefficient differs from pyfixest's: other terms or levels, weights, or no convergence",
    "the coefficient agrees and its standard error differs from pyfixest's: clusters, or parameters counted otherwise",
    WHY,
)
RED = np.array([0xB0, 0x00, 0x20]) / 255
WORDS = {"latin": ("moved & gone", "A study of 100% movers"), "chinese": ("人均排放", "智慧城市试点")}


@pytest.fixture(scope="module", params=list(WORDS))
def run(request, tmp_path_factory):
    out = tmp_path_factory.mktemp("failed")
    with pytest.MonkeyPatch.context() as patch:
        forge(patch)
        curve = specdid.run(warned_study(*WORDS[request.param]), moving_panel(), out=out, audit=None)
    return curve, out


@pytest.fixture
def directory(run):
    return run[1]


def test_the_record_has_both_numbers_the_gap_and_the_cause(run):
    curve, _ = run
    first, second, third = curve.audit.disagreements
    assert first.estimate_again == pytest.approx(1.5 * first.estimate)
    assert first.estimate_gap == pytest.approx(0.5 * abs(first.estimate) / first.std_error)
    assert second.std_error_again == pytest.approx(0.5 * second.std_error)
    assert second.se_gap == pytest.approx(0.5)
    assert np.isnan(third.estimate_again)
    assert [d.cause for d in curve.audit.disagreements] == list(CAUSES)
    rows = curve.table.set_index("index").loc[[d.place for d in curve.audit.disagreements]]
    assert list(dict.fromkeys(rows["spec_id"])) == [d.spec_id for d in curve.audit.disagreements]


def details(curve):
    """Give what must be read of every specification: its id, both numbers and the cause."""
    for d in curve.audit.disagreements:
        again = f"{d.estimate_again:.6g}" if np.isfinite(d.estimate_again) else "none"
        yield d.spec_id, f"estimate {d.estimate:.6g}, again {again}", d.cause


def all_told(text, curve, tidy=lambda words: words):
    text = " ".join(text.split())
    return all(tidy(part) in text for one in details(curve) for part in one)


def test_summary_and_tables_begin_with_it(run, directory):
    curve, _ = run
    assert (directory / "summary.md").read_text(encoding="utf-8").splitlines()[0] == f"# {FAILED}"
    text = (directory / "details.md").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"# {FAILED}"
    assert all_told(text.split("\n# ")[1], curve)
    with (directory / "warnings.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [r["severity"] for r in rows[:4]] == ["error"] * 4
    assert rows[0]["code"] == "audit_failed"
    assert rows[0]["specifications"] == "3"
    assert [(r["code"], r["where"]) for r in rows[1:4]] == [("audit_disagrees", d) for d in curve.audit.disagreeing]
    assert all_told("\n".join(",".join(r.values()) for r in rows[1:4]), curve)
    manifest = json.loads((directory / "manifest.json").read_text(encoding="utf-8"))
    assert next(iter(manifest)) == "audit"
    assert manifest["audit"]["verdict"] == FAILED
    assert [d["cause"] for d in manifest["audit"]["disagreements"]] == list(CAUSES)
    assert manifest["warnings"]["error"] == 4


def test_the_page_says_it_above_everything_and_in_the_finding(run, directory):
    curve, _ = run
    page = read_page(directory / "report.html")
    (body,) = page.find("body")
    shown = [n for n in body.children if getattr(n, "tag", None) in ("p", "header", "main")]
    assert (shown[0].attributes["class"], shown[0].text) == ("strip", FAILED)
    assert page.find("title")[0].text.startswith(FAILED)
    (header,) = page.find("header")
    assert header.find("p", class_="finding")[0].text.startswith(f"{FAILED}. ")
    (box,) = header.find("div", class_="against wrong")
    assert box.find("h2")[0].text == FAILED
    assert all_told(box.text, curve)
    assert "3 DISAGREE" in page.find("section", id="provenance")[0].text
    told = page.find("section", id="warnings")[0]
    assert told.find("h3")[0].text == "Errors (4)"


def test_a_reader_of_the_appendix_is_stopped(directory):
    text = (directory / "appendix.tex").read_text(encoding="utf-8")
    assert text.splitlines()[0] == f"% {FAILED}"
    assert (directory / "appendix_main.tex").read_text(encoding="utf-8").splitlines()[0] == f"% {FAILED}"
    head, *sections = text.split(r"\specdidsection{")[2:]
    assert text.index(r"\fbox") < text.index("\n\\specdidsection{")
    for section in (head, *sections):
        box = section.partition("\n")[2].lstrip()
        assert box.startswith(r"\begingroup\setlength{\fboxrule}{3pt}")
        assert FAILED in box.split(r"\end{minipage}")[0]
    whole = inlined(directory / "appendix.tex")
    captions = [part.partition("\n")[0] for part in whole.split(r"\caption{")[1:]]
    assert len(captions) > 4
    assert all(c.startswith("AUDIT FAILED. ") for c in captions)
    tables = list(directory.glob("*.tex"))
    assert len(tables) > 4
    for path in tables:
        assert FAILED in path.read_text(encoding="utf-8"), path.name
    markdown = (directory / "appendix.md").read_text(encoding="utf-8")
    assert markdown.splitlines()[0] == f"# {FAILED}"
    assert markdown.count(f"> **{FAILED}**") == markdown.count("\n## ")


def test_the_appendix_compiles_with_a_red_box_and_says_it_on_every_page(run, directory, tmp_path):
    name = "xelatex" if "xelatex" in (directory / "appendix_main.tex").read_text(encoding="utf-8") else "pdflatex"
    if name == "xelatex":
        need_chinese_font()
    here = tmp_path / "paper"
    shutil.copytree(directory, here)
    assert not complaints(compile_tex(here / "appendix_main.tex", name, pdf=name == "pdflatex"))
    if name == "xelatex":
        return
    pages = pdf_text(here / "appendix_main.pdf").split("\f")[:-1]
    # An underscore is a rule, and letters may be joined.
    first = unicodedata.normalize("NFKC", pages[0]).replace("’", "'")
    assert all_told(first, run[0], lambda words: words.replace("_", " "))
    # A continued table's second page has no caption; its note says it at the table's end.
    silent = [k for k, page in enumerate(pages) if "AUDIT FAILED" not in page]
    assert not silent
    # A paper that has no colours is stopped all the same.
    main = (here / "appendix_main.tex").read_text(encoding="utf-8")
    (here / "appendix_main.tex").write_text(main.replace(",color}", "}"), encoding="utf-8")
    assert not complaints(compile_tex(here / "appendix_main.tex", name))


def pdf_text(path):
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext (poppler-utils)")
    return subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, check=True).stdout.decode()


def test_word_begins_with_a_frame_that_says_it(run, directory):
    from docx import Document
    from docx.table import Table

    document = Document(str(directory / "appendix.docx"))
    first = next(iter(document.element.body))
    assert first.tag.endswith("}tbl")
    assert Table(first, document).rows[0].cells[0].text.startswith(FAILED)
    assert all_told(Table(first, document).rows[0].cells[0].text, run[0])
    assert sum(t.rows[0].cells[0].text == FAILED for t in document.tables) == sum(
        p.style.name == "Heading 1" for p in document.paragraphs
    )


def test_the_curve_has_red_words_above_and_across(run, directory):
    from matplotlib.image import imread

    curve, _ = run
    texts = texts_of(curve.plot())
    assert FAILED in texts
    assert "AUDIT FAILED" in texts
    image = imread(directory / "curve.png")[:, :, :3]
    # The words above are red, and across the middle red is mixed in.
    assert (np.abs(image - RED).max(axis=2) < 0.01).any()
    reddish = (image[:, :, 0] - image[:, :, 1] > 0.25) & (image[:, :, 0] - image[:, :, 2] > 0.2)
    assert reddish.mean() > 0.03
    assert "#b00020" in (directory / "curve.svg").read_text(encoding="utf-8")
    assert FAILED in pdf_text(directory / "curve.pdf")


@pytest.mark.parametrize("name", ["volcano", "multiverse", "null_density", "event_study", "placebo", "placebo_timing"])
def test_every_other_figure_is_stamped(directory, name):
    from matplotlib.image import imread

    image = imread(directory / f"{name}.png")[:, :, :3]
    # At an opacity of .4 over white.
    stamped = np.abs(image - (0.6 + 0.4 * RED)).max(axis=2) < 0.02
    assert stamped.mean() > 0.02


def test_the_curve_drawn_again_is_the_same(directory, tmp_path):
    here = tmp_path / "copy"
    shutil.copytree(directory, here)
    drawn = {p.name: p.read_bytes() for p in here.glob("curve.*")}
    for path in here.glob("curve.*"):
        path.write_bytes(b"")
    draw_again(here, None, ())
    assert {p.name: p.read_bytes() for p in here.glob("curve.*")} == drawn
    # The manifest alone is enough to stop a reader.
    (here / "warnings.csv").unlink()
    draw_again(here, None, ("svg",))
    assert "#b00020" in (here / "curve.svg").read_text(encoding="utf-8")
    (here / "warnings.csv").write_text("severity,code\nerror,\n\x00,\n", encoding="utf-8")
    with pytest.raises(specdid.SpecError, match=r"warnings\.csv is not the file that a run writes"):
        draw_again(here, None, ("svg",))


def test_a_notebook_and_a_line_of_python_say_it_first(run):
    curve, _ = run
    html = curve._repr_html_()
    assert html.startswith('<div><div role="alert"')
    assert html.index(FAILED) < html.index(curve.title[:4])
    assert FAILED in repr(curve)


def test_a_program_that_prints_nothing_is_told(monkeypatch, caplog):
    forge(monkeypatch)
    with caplog.at_level(logging.ERROR, "specdid"):
        specdid.run(warned_study(event_study={}, placebo={"draws": 19}), moving_panel())
    assert [r.message.startswith(FAILED) for r in caplog.records] == [True]


def test_show_and_compare_say_it(monkeypatch, tmp_path):
    forge(monkeypatch)
    moving_panel().write_csv(tmp_path / "given.csv")
    left = {k: v for k, v in warned_study().items() if k not in ("event_study", "placebo", "appendix")}
    study = {**left, "figure": {"formats": ["svg"]}}
    write_toml(study, tmp_path / "s.toml")
    curve = specdid.run(tmp_path / "s.toml", out=tmp_path / "o", audit=None)
    one = curve.audit.disagreements[0]
    done = call_specdid(["show", "s.toml", one.spec_id, "--out", "o"], tmp_path)
    assert done.stdout.splitlines()[0] == FAILED
    assert f"estimate {one.estimate:.6g}, again {one.estimate_again:.6g}" in done.stdout.splitlines()[1]
    done = call_specdid(["plot", "o"], tmp_path)
    assert f"warning: {FAILED}; the figure says so" in done.stderr
    done = call_specdid(["compare", "o", "o", "--figure", "two.svg"], tmp_path)
    assert done.stdout.startswith("# AUDIT FAILED")
    assert done.stdout.count(f"- {FAILED} (those of ") == 2
    assert "#b00020" in (tmp_path / "two.svg").read_text(encoding="utf-8")


def test_without_a_disagreement_nothing_says_it(tmp_path):
    out = tmp_path / "out"
    curve = specdid.run(warned_study(), moving_panel(), out=out, audit=None)
    assert curve.audit.checked == 8
    for path in out.iterdir():
        if path.suffix in (".md", ".tex", ".csv", ".json", ".html", ".svg"):
            text = path.read_text(encoding="utf-8")
            assert "AUDIT FAILED" not in text, path.name
            assert path.suffix != ".svg" or "#b00020" not in text

"""What speaks against a headline stands beside it, with its numbers, in every output; where nothing does, nothing."""

from __future__ import annotations

import re
import shutil
import subprocess

import numpy as np
import polars as pl
import pytest
import specdid
from command import call_specdid
from figure_texts import texts_of
from latex import inlined, plain
from matplotlib.backends.backend_agg import FigureCanvasAgg
from pages import read_page
from small_studies import small_panel
from specdid._records.cautions import AGAINST, against
from specdid.figures._style import DOUBT
from toml_text import write_toml
from warned import moving_panel, warned_study

pytestmark = pytest.mark.usefixtures("audit_here")
VERDICT = f"{AGAINST}: the pre-trend test fails and a placebo before the treatment has an effect."


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    out = tmp_path_factory.mktemp("serious")
    return specdid.run(warned_study(), moving_panel(), out=out, audit=None), out


@pytest.fixture(scope="module")
def told(run):
    """Give the numbers that must be read: of the pre-trend test, and of the placebo, as their own files have them."""
    _, out = run
    test = pl.read_csv(out / "event_study_pretrend.csv").row(0, named=True)
    joint = f"F({test['df1']}, {test['df2']:g}) = {test['statistic']:.2f}, p = {test['p_value']:.3f}"
    moved = pl.read_csv(out / "placebo_timing.csv").row(0, named=True)
    return joint, f"{moved['estimate']:.3f} (p = {moved['p_value']:.3f})"


def first_screen(lines, rows=24):
    return " ".join(" ".join(lines[:rows]).split())


def test_the_study_has_a_headline_and_both_speak_against_it(run, told):
    curve, _ = run
    assert min(t.p_value for t in curve.joint) < 0.05
    assert [c.code for c in curve.warnings if c.severity == "serious"] == ["pretrend", "placebo_timing"]
    assert all(number in str(c) for number, c in zip(told, curve.warnings, strict=False))


def test_the_summary_has_them_before_its_estimates(run, told):
    curve, out = run
    text = (out / "details.md").read_text(encoding="utf-8")
    assert text.index("# A study") < text.index(f"## {AGAINST}") < text.index("## Effect on moved & gone")
    head = first_screen(text.splitlines(), 14)
    assert all(number in head for number in told)
    listed = text.split("\n## Warnings\n")[1]
    assert listed.count("- **serious**: ") == 2
    assert all(f"- {c}" in listed for c in curve.warnings if c.severity == "note")


def test_the_page_says_them_in_the_finding_and_beside_it(run, told):
    _, out = run
    (header,) = read_page(out / "report.html").find("header")
    (finding,) = header.find("p", class_="finding")
    assert finding.text.startswith(VERDICT)
    assert re.search(r"100\.0% positive with p < 0\.05", finding.text)
    (box,) = header.find("div", class_="against")
    assert all(number in box.text for number in told)
    (verdict,) = header.find("div", class_="verdict doubted")
    said, beside = (n for n in verdict.children if hasattr(n, "tag"))
    assert said.find("p", class_="finding")
    assert said.find("dl", class_="facts")
    assert beside.find("div", class_="against")


def test_the_appendix_has_them_in_a_frame_before_the_figure_and_beside_the_tests(run, told):
    _, out = run
    text = inlined(out / "appendix.tex")
    box, rest = text.split(r"\end{minipage}", 1)
    assert r"\begin{figure}" not in box
    assert all(number in plain(box) for number in told)
    account = rest.split(r"\begin{description}")[1].split(r"\end{description}")[0]
    assert account.index("Joint tests") < account.index(f"[Against them.] {VERDICT}")
    assert VERDICT in (out / "inference.tex").read_text(encoding="utf-8")
    markdown = (out / "appendix.md").read_text(encoding="utf-8")
    assert markdown.index(f"> **{AGAINST}**") < markdown.index("\n## ")
    assert all(number in markdown.split("\n## ")[0] for number in told)


def test_word_has_them_in_a_frame_below_the_title(run, told):
    from docx import Document

    document = Document(str(run[1] / "appendix.docx"))
    text = document.tables[0].rows[0].cells[0].text
    assert text.startswith(AGAINST)
    assert all(number in text for number in told)


@pytest.mark.parametrize("width", [3.5, 6.5])
def test_the_figure_has_them_below_its_title(run, told, width):
    figure = run[0].plot(width=width)
    lines = [t for t in figure.texts if t.get_color() == DOUBT]
    text = " ".join(t.get_text() for t in sorted(lines, key=lambda t: -t.get_position()[1]))
    # More than three lines would have the numbers in a narrow figure: it has the kinds.
    assert all(number in text for number in (told if width > 4 else (against(run[0].warnings).verdict,)))
    axes = max(a.get_position().y1 for a in figure.axes)
    warned = [t for t in lines if not t.get_text().startswith("preferred")]
    assert all(t.get_position()[1] > axes for t in warned)
    for dots in (72, 100, 150, 300):  # on a screen, where letters could be rounded to pixels, as in print
        figure.set_dpi(dots)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        assert (np.asarray(canvas.buffer_rgba())[:, -2:] == 255).all()


@pytest.mark.parametrize("name", ["volcano", "multiverse", "null_density"])
def test_every_figure_of_the_curve_has_them(run, told, name):
    if shutil.which("pdftotext") is None:
        pytest.skip("no pdftotext (poppler-utils)")
    file = str(run[1] / f"{name}.pdf")
    text = subprocess.run(["pdftotext", file, "-"], capture_output=True, check=True).stdout.decode()
    assert all(number in " ".join(text.split()) for number in told)


def test_a_notebook_has_them_above_the_figure(run, told):
    html = run[0]._repr_html_()
    assert html.index(AGAINST) < html.index("<img ")
    assert all(number in html.split("<img ")[0] for number in told)
    assert AGAINST in repr(run[0])


def test_the_terminal_begins_and_ends_with_them(run, told, tmp_path):
    moving_panel().write_csv(tmp_path / "given.csv")
    write_toml(warned_study(), tmp_path / "s.toml")
    done = call_specdid(["run", "s.toml", "--audit", "2"], tmp_path)
    assert done.returncode == 0
    lines = done.stdout.rstrip().splitlines()
    for part in (lines, lines[-8:]):
        assert all(number in first_screen(part) for number in told)


@pytest.mark.usefixtures("undrawn_test")
def test_a_run_is_told_in_a_screen_and_whole_where_asked(tmp_path):
    """Its numbers are those of the summary."""
    moving_panel().write_csv(tmp_path / "given.csv")
    sets = {f"set {k}": "1" if k == 0 else f"I(x1^{k % 3 + 1}) + I(x2^{k})" for k in range(9)}
    controls = {**sets, "x1 + x3": "x1 + x3", "none": "I(x1 * 0)"}
    study = warned_study(controls=controls, event_study={}, placebo={"draws": 19})
    write_toml(study, tmp_path / "s.toml")
    done = call_specdid(["run", "s.toml", "--audit", "2"], tmp_path)
    lines = done.stdout.rstrip().splitlines()
    assert len(lines) <= 30
    summary = (tmp_path / "outputs/s/details.md").read_text(encoding="utf-8")
    preferred = next(line for line in summary.splitlines() if "% CI " in line)
    assert f"Preferred: {preferred}" in lines
    assert any(line.startswith("Primary test, ") and line in summary for line in lines)
    assert any(
        re.fullmatch(r"What moves the estimates.*: controls.* \d+\.\d%.* of their variance\.", one) for one in lines
    )
    whole = call_specdid(["run", "s.toml", "--audit", "2", "-v"], tmp_path).stdout
    assert summary in whole
    assert whole.endswith("\n".join(lines[-3:]) + "\n")


def test_where_nothing_speaks_against_the_numbers_nothing_is_said(tmp_path):
    curve = specdid.run(warned_study(), small_panel(units=40), out=tmp_path, audit=None)
    assert not [c for c in curve.warnings if c.severity != "note"]
    for path in tmp_path.iterdir():
        if path.suffix in (".md", ".tex", ".html"):
            assert AGAINST not in path.read_text(encoding="utf-8"), path.name
    assert AGAINST not in curve._repr_html_() + repr(curve) + " ".join(texts_of(curve.plot()))


@pytest.mark.usefixtures("undrawn_test")
def test_an_interrupted_run_is_no_result(monkeypatch, tmp_path):
    from specdid._run import pipeline

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "run_nulls", stop)
    with pytest.raises(pipeline.Interrupted) as caught:
        specdid.run(warned_study(), moving_panel(), out=tmp_path, audit=0)
    first = caught.value.curve.warnings[0]
    assert (first.severity, first.code) == ("error", "interrupted")
    head = (tmp_path / "summary.md").read_text(encoding="utf-8").splitlines()[0]
    assert head == "# DO NOT USE THESE NUMBERS: the run was interrupted"

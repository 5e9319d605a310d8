"""A study in Chinese leaves no English in what is read: figures, tables, report, appendix and summaries."""

import base64
import html
import re
import zipfile
from pathlib import Path

import pyfixest
import pytest
import specdid
from matplotlib.figure import Figure
from matplotlib.text import Text
from specdid._words import page_words, speaking
from specdid.figures._fonts import fonts_for
from specdid.report.summary import terminal_summary

CASTLE = Path(__file__).parents[2] / "specs" / "data" / "castle.csv"
STUDY = f"""
[study]
title = "不退让法与犯罪"
language = "zh"
data = "{CASTLE.as_posix()}"
unit = "sid"
time = "year"
seed = 2013

[derive]
adopted = "ifelse(is.na(first(post == 1)), 0, first(post == 1))"

[outcome]
"凶杀" = {{ formula = "log(homicide)", scale = "对数点" }}
"抢劫" = {{ formula = "log(robbery)", scale = "对数点" }}

[treatment]
"新法" = {{ term = "post", cohort = "adopted" }}

[controls]
"无" = "1"
"警力" = "l_police + l_prisoner"
"经济" = {{ formula = "l_income + unemployrt + poverty", type = "uncertain", why = "可能受政策影响" }}

[fixed_effects]
"州与年" = "sid + year"

[sample]
"全部州" = "TRUE"
"匹配州" = {{ match = {{ on = "l_police + l_income + unemployrt", at = "year == 2004" }} }}

[estimator]
"最小二乘" = "feols"
"孙亚" = "sunab"

[vcov]
"按州聚类" = "~sid"

[preferred]
outcome = "凶杀"
controls = "警力"

[inference]
draws = 19
null = ["wild", "permutation"]
cluster = "sid"
assign = "post"
level = "sid"
strata = "region"

[event_study]
window = [-4, 3]
reference = -1
ends = "bin"

[honest]
specifications = 2

[hausman]

[decomposition]
fix = {{ estimator = "最小二乘", controls = "无", sample = "全部州" }}

[balance]

[table."主表"]
fix = {{ estimator = "最小二乘" }}
vary = ["controls"]

[heterogeneity."规模"]
groups = {{ "小" = "at(popwt, year == 2000) <= 3500000", "大" = "at(popwt, year == 2000) > 3500000" }}
fix = {{ estimator = "最小二乘" }}

[mechanism."收入"]
moderator = "l_income"
at = "year == 2004"
fix = {{ estimator = "最小二乘" }}

[mechanism."经由警力"]
mediator = "l_police"
fix = {{ estimator = "最小二乘", controls = "无" }}

[placebo]
draws = 19
periods = [1, 2]
fix = {{ estimator = "最小二乘" }}

[labels]
post = "新法"
sid = "州"
year = "年"
region = "地区"
l_police = "警力对数"
l_prisoner = "囚犯对数"
l_income = "收入对数"
unemployrt = "失业率"
poverty = "贫困率"

[appendix]
formats = ["tex", "md", "docx"]
"""
NAMES = """
OLS feols sunab logit reghdfe fixest ppmlhdfe plm pyfixest specdid numpy scipy polars pyarrow matplotlib
Python Stata SHA csv toml html Markdown Word Love Kish Roth Mundlak Swamy Arora Baltagi Chang xtreg re sa
Sun Abraham and Goodman Bacon
Rambachan Chaisemartin Haultfœuille Haultf uille Carter Schnepel Steigerwald Stouffer Shapley Oster max show moderator
time year post region sid l_police l_income wild draws PNG SVG CSV JavaScript Page Down Home End Shift Enter
Escape pdf curve V_b V_B
Noto Sans CJK fonts noto cjk
"""
ALLOWED = frozenset(NAMES.split())
"""Programs, estimators, authors, columns, keys of a keyboard, files, the font to install where there is none."""


TINY_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""One pixel."""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, coarse, audit_here):
    """Run the study; return its curve, where it is, and the texts of its figures."""
    directory = tmp_path_factory.mktemp("zh")
    (directory / "study.toml").write_text(STUDY, "utf-8")
    texts: set[str] = set()
    assert pyfixest.feols  # it is loaded by its first use, which looks at savefig: not at the one below

    def savefig(self, path, **named):
        """Take the texts alone: to cut a Chinese font down for each of the files takes longest."""
        texts.update(t.get_text() for t in self.findobj(Text) if t.get_visible())
        Path(path).write_bytes(TINY_PNG if str(path).endswith("png") or named.get("format") == "png" else b"")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Figure, "savefig", savefig)
        curve = specdid.run(directory / "study.toml", out=directory / "out", audit=5, jobs=1)
    return curve, directory / "out", texts


def english(text: str) -> set[str]:
    """Return the words of three Latin letters or more that nobody allows."""
    return {w for w in re.findall(r"[A-Za-zœ_][A-Za-zœ_]{2,}", text) if w not in ALLOWED}


def test_figures_are_chinese(drawn):
    _, _, texts = drawn
    assert len(texts) > 200
    assert not {t: english(t) for t in (FILES.sub("", text) for text in texts) if english(t)}


@pytest.mark.skipif(bool(fonts_for(["城市"]).missing), reason="no font for Chinese is installed")
def test_no_figure_lacks_a_character(drawn):
    curve, _, _ = drawn
    assert not [c for c in curve.warnings if c.code == "figure"]


FILES = re.compile(r"[\w./-]+\.(?:csv|toml|md|tex|pdf|png|svg|docx|html|json|parquet)\b|\b[0-9a-f]{8,}\b")


def test_markdown_is_chinese(drawn):
    _, directory, _ = drawn
    for file in ("summary.md", "details.md", "appendix.md"):
        text = FILES.sub(
            "",
            re.sub(r"`[^`]*`|\]\([^)]*\)|&emsp;|i\\?\(time, moderator\\?\)", "", (directory / file).read_text("utf-8")),
        )
        assert not {line: english(line) for line in text.split("\n") if english(line)}, file


COMMANDS = re.compile(
    r"(?<!\\)%.*|\\(?:label|ref|setcounter|input|includegraphics|begin|end|fontsize|providecommand)(?:\[[^\]]*\])*\{[^{}]*\}|\\[A-Za-z@]+"
    r"|\[[a-z]+\]|\{[@{}lcrp>]+\}|\{table\*?\}?|[\d.]+(?:pt|in|ex|em)|[lc]{3,}"
)
"""What LaTeX reads itself."""


def test_tables_are_chinese(drawn):
    _, directory, _ = drawn
    tables = [f for f in directory.glob("*.tex") if "figure" not in f.name and not f.name.startswith("appendix_main")]
    assert len(tables) > 12
    for file in tables:
        body = (
            file.read_text("utf-8").partition(r"\begingroup")[2]
            if file.name == "appendix.tex"
            else file.read_text("utf-8")
        )
        body = FILES.sub("", COMMANDS.sub(" ", body))
        assert not {line: english(line) for line in body.split("\n") if english(line)}, file.name


def test_the_word_document_is_chinese(drawn):
    _, directory, _ = drawn
    document = zipfile.ZipFile(directory / "appendix.docx").read("word/document.xml").decode()
    texts = re.findall(r"<w:t(?: [^>]*)?>([^<]*)</w:t>", document)
    assert len(texts) > 300
    assert not {t: english(t) for t in texts if english(t) and not re.fullmatch(r"[0-9a-f]{8}", t)}


def test_the_report_is_chinese(drawn):
    _, directory, _ = drawn
    page = (directory / "report.html").read_text("utf-8")
    assert '<html lang="zh">' in page
    page = re.sub(r"<(style|svg|script|details|code|pre)\b.*?</\1>", " ", page, flags=re.S)
    names = " ".join(re.findall(r'(?:aria-label|alt|title)="([^"]*)"', page))
    texts = [html.unescape(t).strip() for t in [*re.split(r"<[^>]+>", page), names]]
    own = re.compile(rf"{FILES.pattern}|\([\w ]+\)|i\(time, moderator\)|study|listwise|\w+ \d[\w.]+")
    assert not {t: english(own.sub("", t)) for t in texts if english(own.sub("", t))}


def test_scripts_have_the_words_of_the_page(drawn):
    _, directory, _ = drawn
    page = (directory / "report.html").read_text("utf-8")
    with speaking("zh"):
        assert all(text in page for text in ("占方差 {0}", page_words()["Chosen here more often than elsewhere:"]))


def test_the_screen_is_chinese(drawn):
    curve, _, _ = drawn
    with speaking("zh"):
        said = re.sub(r"`[^`]*`|warnings\.csv|summary\.md", "", terminal_summary(curve))
    assert "设定" in said
    assert not english(said)


def test_files_for_programs_are_english(drawn):
    _, directory, _ = drawn
    assert "average effect (regression weights)" in (directory / "results.csv").read_text("utf-8")
    warned = (directory / "warnings.csv").read_text("utf-8")
    assert "after matching a bias above 10% is left in" in warned

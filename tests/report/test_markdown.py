"""A study's words in summary.md are text to a reader of Markdown, and come back as they were on a terminal."""

import re
from xml.etree.ElementTree import tostring

from examples import examples
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from specdid.report._html import markdown, printed
from specdid.report.summary import as_code, harmless, plain
from specdid.tables._base import PrintTable, Row

MARKDOWN = MarkdownIt("commonmark").enable("table")
OURS = re.compile(r"</?(p|code|em|strong|table|thead|tbody|tr|th|td|ul|li|h2|br /)( style=\"text-align:\w+\")?>")
PIECES = st.sampled_from([
    "[a](http://x)", "![a](b.png)", "[x]: y", "<script>", "</b>", "<!--", "<http://a.b>", "<?php", "<![CDATA[", "`",
    "``", "\\", "|", "\\|", "\\`", "]", "(", "[", ":", "www.e.com", "a@b.com", "&lt;", "&#60;", "HTTP://q.com", " ",
    "x", "*",
])  # fmt: skip
TEXTS = st.lists(PIECES, max_size=7).map("".join)


@settings(max_examples=examples(600))
@given(st.lists(TEXTS, min_size=1, max_size=3), st.booleans())
def test_no_text_becomes_a_tag_a_link_or_an_image(texts, as_table):
    lines = [*(f"x {t}" for t in texts), *(f"- **found**: {t}" for t in texts), f"## {texts[0]}"]
    if as_table:
        cells = [t.replace("|", "\\|") for t in texts]
        lines = [f"| {' | '.join(row)} |" for row in (["h"] * len(cells), ["---"] * len(cells), cells)]
    html = MARKDOWN.render("\n".join(map(harmless, lines)))
    left = OURS.sub("", html)
    assert "<" not in left, left


@given(TEXTS.filter(lambda text: "`" not in text))
def test_no_address_becomes_a_link_by_itself(text):
    """As on GitHub."""
    assert not re.search(r"[a-z]://|www\.", harmless(text), re.IGNORECASE)


@given(TEXTS)
def test_a_terminal_shows_the_text_itself(text):
    for line in (f"x {text}", f"- {text}"):
        assert plain(harmless(line)) == line


def test_what_the_summary_itself_writes_stays():
    for line in (
        "# Title",
        "- **Few clusters**: 8 treated; `draws` in [inference]",
        "| a | p < 0.05, < 0 |",
        "| --- | ---: |",
        "1.2 (95% CI -1 to 2, p = 0.04): 3rd of 12",
        "Files: `placebo.csv`, `placebo_timing.csv`",
        "x_1 ~ y & z > 2",
    ):
        assert harmless(line) == line


@given(st.text(st.sampled_from("`a +"), min_size=1, max_size=9))
def test_code_holds_any_backticks(text):
    if text.strip("`") and not text.isspace() and text == text.strip():
        assert f"<code>{text}</code>" in MARKDOWN.render("x " + harmless(as_code(text)))


def test_tables_can_be_scrolled_by_keyboard_and_no_heading_of_a_row_is_empty():
    assert markdown(["| a | b |", "|---|--:|", "| 1 | 2 |"]).count('<table tabindex="0">') == 1
    laid = PrintTable("T", ("(1)",), ((Row("x", ("1",)), Row("", ("2",))),))
    text = "".join(tostring(part, encoding="unicode", method="html") for part in printed(laid))
    assert text.count('<th scope="row">') == 1
    assert not re.search(r"<th[^>]*></th>\s*<td", text)

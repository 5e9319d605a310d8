"""How printed tables are fitted: words whole, labels indented, narrow columns before a page on its side."""

from __future__ import annotations

import pytest
from specdid.appendix.word import _inches
from specdid.tables import _layout, latex
from specdid.tables._base import PrintTable, Row
from specdid.tables._layout import lay_out, width, wrap

HEADINGS = ("Matching", "Treated", "Controls", "Bias, %", "Reduction, %", "Variance ratio", "t", "p")


def balance(label):
    cells = ("before", "0.239", "0.138", "77.7", "93.9", "1.99", "4.54", "< 0.001")
    return PrintTable("Balance", HEADINGS, ((Row(label, cells),),))


@pytest.mark.parametrize("label", ["x", "secondary sector, %", "a label of quite some length here"])
def test_words_of_a_heading_are_not_broken(label):
    (layout,) = lay_out(balance(label))
    words = {word for heading in layout.headings for line in heading for word in line.split()}
    assert words == {word for heading in HEADINGS for word in heading.split()}
    assert not layout.turned


def test_eight_columns_of_effects_stand_upright():
    cells = tuple(f"−0.{k}22" for k in range(8))
    spanner = tuple((f"zone trends: {answer}", 1) for answer in ("no", "yes") * 4)
    columns = tuple(f"({k})" for k in range(1, 9))
    table = PrintTable("Event study", columns, ((Row("GDP per head, squared", cells, cells),),), (spanner,))
    (layout,) = lay_out(table)
    assert not layout.turned
    assert {lines for lines, _ in layout.spanners[0]} >= {("zone", "trends:", "no")}


def test_a_sign_that_ends_a_word_begins_no_line():
    assert wrap("Sun-Abraham, not yet", width("Sun-Abraham") + 0.1) == ("Sun-", "Abraham,", "not yet")


def test_an_indented_label_and_what_is_left_of_a_long_one():
    table = PrintTable("T", ("a",), ((Row("Controls", ("1",)), Row("none", ("2",), indent=True)),))
    text = latex.write(table)
    assert "\n" + r"Controls & 1 \\" in text
    assert "\n" + r"\quad none & 2 \\" in text
    wide = PrintTable("T", tuple("abcdefgh") * 6, ((Row("none", ("−0.1234",) * 48, indent=True),),))
    assert latex.write(wide).count(r"\quad none") == len(lay_out(wide)) > 1


def test_labels_of_rows_keep_a_quarter_of_the_page_beside_nine_columns_in_word():
    names = ("Estimates", "Median", "Lowest", "Highest", "Tested", "Below 0", "Null", "Above 0", "Null")
    cells = ("16", "−0.0216", "−0.0503", "−0.0084", "8", "50.0%", "8.2%", "0.0%", "7.6%")
    inches = _inches(PrintTable("T", names, ((Row("Average effect on the treated (cohort shares)", cells),),)))
    assert sum(inches) == pytest.approx(6.5)
    assert inches[0] > 6.5 / 4
    assert all(own > width(cell) / 72 for own, cell in zip(inches[1:], cells, strict=True))


def test_labels_that_a_narrow_stub_would_break_again_and_again_stand_above_their_numbers():
    names = ("Estimates", "Median", "Lowest", "Highest", "Tested", "Below 0", "Null", "Above 0", "Null")
    cells = ("16", "−0.0216", "−0.0503", "−0.0084", "8", "50.0%", "8.2%", "0.0%", "7.6%")
    long = "Average effect on the treated (group-time effects; each cohort's periods alike, cohorts by units)"
    table = PrintTable("Estimates", names, ((Row(long, cells), Row("Semi-elasticity", cells)),))
    (layout,) = lay_out(table)
    assert not layout.turned
    assert layout.spread
    widest = max(width(line) for row in table.blocks[0] for line in _layout.stub_lines(layout, row))
    assert widest * layout.size.share <= layout.width
    _, lines = latex.write(table).split("midrule\n")
    above = [line.startswith(r"\multicolumn{10}{@{}l@{}}{") for line in lines.splitlines()[:4]]
    assert above == [True, False, True, False]
    (short,) = lay_out(PrintTable("Estimates", names, ((Row("Semi-elasticity", cells),),)))
    assert not short.spread


def test_what_goes_on_of_a_label_stands_beside_what_goes_on_of_a_text():
    table = PrintTable("T", ("a",), ((Row("label " * 20, ("a text of more than one line " * 4,)),),))
    rows = latex.write(table).split("midrule\n")[1].split(r"\bottomrule")[0]
    label, text = rows.split(" & ")
    assert label.startswith(r"\begin{tabular}[t]{@{}l@{}}label")
    assert label.count(r"\quad") == 1
    assert text.startswith(r"\begin{tabular}[t]{@{}c@{}}a text")


def test_a_very_long_word_is_broken_without_reading_it_again_and_again(monkeypatch):
    """A stranger's label of 40,000 characters took ten seconds."""
    read = 0

    def counted(c):
        nonlocal read
        read += 1
        return 500

    monkeypatch.setattr(_layout, "_character", counted)
    lines = _layout.wrap("long" * 10_000, 100.5)
    assert "".join(lines) == "long" * 10_000
    assert {len(line) for line in lines} == {20}
    assert read < 20 * 40_000


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_the_last_page_of_a_table_has_no_row_on_its_own(blocks):
    for count in range(60, 130):
        rows = tuple(Row(f"row {k}", (f"{k}.0",)) for k in range(count))
        size = -(-count // blocks)
        table = PrintTable("T", ("b",), tuple(rows[k : k + size] for k in range(0, count, size)), notes=("A note.",))
        pages = lay_out(table)
        written = [row for page in pages for block in page.table.blocks for row in block]
        assert written == list(rows)
        assert all(block for page in pages for block in page.table.blocks)
        assert min(sum(map(len, page.table.blocks)) for page in pages) >= 4

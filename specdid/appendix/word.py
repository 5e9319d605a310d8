"""The appendix as a Word document, its tables by maketables (which pyfixest brings) and python-docx."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from io import BytesIO
from itertools import accumulate
from math import ceil
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile, ZipInfo

from specdid._records.cautions import AGAINST, capital
from specdid._records.files import is_regular
from specdid._words import later, say, sentences
from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables._base import PrintTable, Row
from specdid.tables._layout import FONT, width

_STYLE = {"font_size_pt": 9, "notes_font_size_pt": 8, "caption_font_size_pt": 10, "prevent_page_breaks": False}
_WIDTH, _STUB = 6.5, 2.6
"""Inches of the text, and at most of the labels of rows."""
_MOST_STYLES = 8 << 20
"""Bytes of a reference's styles."""
_CLOSE, _APART = 0.1, 0.25
"""Inches between columns, at least and at most before there is room to share."""
_HEADING, _SLACK = 0.55, 0.5
"""Inches of a part's heading, and by which an estimated height may be wrong."""
_READABLE = 0.8
"""Of its size, which a figure keeps where it is made to fit below the text."""
_BODY, _LEADING, _BELOW = 11.0, 1.4, 10.0
"""Points of Word's own text and below a paragraph; height of lines by their size, in fonts that stand in for others."""


class StylesError(Exception):
    """The document whose styles were asked for cannot be read."""


def write_word(appendix: Appendix, directory: Path, reference: Path | None = None) -> bytes:
    """Write appendix.docx with the tables, and the figures of ``directory`` that are PNG.

    Parameters
    ----------
    reference
        A Word document, as a journal's template, whose styles are taken; nothing else of it is.

    Raises
    ------
    StylesError
        The reference cannot be read, or is no Word document.
    """
    from docx import Document
    from docx.shared import Inches, RGBColor

    document: Any = Document()
    for section in document.sections:
        section.left_margin = section.right_margin = Inches(1)
    if reference is None:
        document.styles["Caption"].font.color.rgb = RGBColor(0, 0, 0)
    else:
        _take_styles(document, reference)
    numbered = Counter[str]()
    found = appendix.against
    if found.failed:
        _boxed(document, found.failed, [("", line) for line in found.details], heavy=True)
    document.add_heading(_plain(appendix.title), 0)
    if found.verdict:
        rest = [(say("Besides"), say("; ").join(found.rest))] if found.rest else []
        _boxed(document, say(AGAINST), [*((capital(clause), text) for clause, text in found.items), *rest])
    for part in appendix.parts:
        document.add_heading(_plain(part.heading), 1).paragraph_format.keep_with_next = True
        if found.failed:
            _boxed(document, found.failed, [], heavy=True)
            for paragraph in (*document.tables[-1].rows[0].cells[0].paragraphs, document.paragraphs[-1]):
                paragraph.paragraph_format.keep_with_next = True
        for text in part.text:
            document.add_paragraph(_plain(text))
        before, after = part.around
        lead, room = _placed(document, part, directory)
        _account(document, part.account[:lead])
        for item in before:
            _item(document, item, directory, numbered, room)
        _account(document, part.account[lead:])
        for item in after:
            _item(document, item, directory, numbered, room)
    return _dated(document)


def _account(document: Any, account: Sequence[tuple[str, str]]) -> None:
    for head, text in account:
        paragraph = document.add_paragraph()
        paragraph.add_run(say("{head}. ", head=_plain(head))).bold = True
        paragraph.add_run(_plain(text))


def _placed(document: Any, part: Part, directory: Path) -> tuple[int, float]:
    """Return how many paragraphs of its account stand before a part's figure, and how many inches high this may be.

    A figure without room below what is written leaves it to the account, as LaTeX's floats do.
    """
    page = _page(document)
    room = page - _HEADING - _SLACK
    picture = _picture(part.figures[0], directory) if part.account and part.figures else None
    if picture is None:
        return 0, room
    left = page - _written(document) % page - _SLACK
    high = _size(document, part.figures[0], picture, room)[1]
    if left >= _READABLE * high:
        return 0, min(left, room)
    ends = accumulate(_high(document, f"{head}. {text}") for head, text in part.account)
    return sum(end <= left for end in ends), room


def _page(document: Any) -> float:
    """Return the height of the text on a page, in inches."""
    from docx.shared import Length

    section = document.sections[0]
    return float(Length(section.page_height - section.top_margin - section.bottom_margin).inches)


def _written(document: Any) -> float:
    """Estimate the height of what is written, frames too, in inches."""
    cells = (p for table in document.tables for row in table.rows for cell in row.cells for p in cell.paragraphs)
    return sum(_high(document, p.text, p) for p in (*document.paragraphs, *cells))


def _high(document: Any, text: str, paragraph: Any = None) -> float:
    """Estimate the height of a paragraph, in the style of the text where there is none yet, in inches."""
    normal = document.styles["Normal"]
    style = normal if paragraph is None else paragraph.style
    sizes = [run.font.size for run in paragraph.runs] if paragraph is not None else []
    size = next((one.pt for one in (*sizes, style.font.size, normal.font.size) if one), _BODY)
    spaced = normal.paragraph_format.line_spacing
    lines = ceil(width(text) * size / FONT / (_WIDTH * 72)) or 1
    above = style.paragraph_format.space_before
    return (
        lines * size * (spaced if isinstance(spaced, float) else 1.0) * _LEADING + _BELOW + (above.pt if above else 0.0)
    ) / 72


def _take_styles(document: Any, reference: Path) -> None:
    """Put a document's styles in the place of those of the same name; what it lacks stays as it is."""
    try:
        found = _styles_of(reference)
        names = {style.name for style in found.style_lst}
    except (OSError, BadZipFile, KeyError, ValueError, AttributeError, SyntaxError) as error:
        why = "it has no styles" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise StylesError(f"{reference.name} is not read as a Word document: {why}") from error
    found.extend([style for style in document.styles.element.style_lst if style.name not in names])
    document.part._styles_part._element = found


def _styles_of(reference: Path) -> Any:
    """Read a document's styles.xml, by its size first; what else a stranger's document holds is not read."""
    from docx.oxml import parse_xml

    if not is_regular(reference):
        raise ValueError("it is no file")
    with ZipFile(reference) as packed:
        entry = packed.getinfo("word/styles.xml")
        if entry.file_size > _MOST_STYLES:
            raise ValueError(f"its styles are larger than {_MOST_STYLES >> 20} MiB")
        return parse_xml(packed.read(entry))


def _captioned(document: Any, kind: str, text: str, numbered: Counter[str]) -> None:
    """Add a caption whose number Word counts anew when fields are updated."""
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    numbered[kind] += 1
    paragraph = document.add_paragraph(style="Caption")
    paragraph.add_run(f"{say(kind)} ")
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), f" SEQ {kind} \\* ARABIC ")
    paragraph._p.append(field)
    number = paragraph.add_run(str(numbered[kind]))
    field.append(number._r)
    paragraph.add_run(say(": {family}", family=_plain(text)))
    paragraph.paragraph_format.keep_with_next = kind == "Table"


def _boxed(document: Any, title: str, items: Sequence[tuple[str, str]], heavy: bool = False) -> None:
    """Write a frame with a title and items that begin with words in bold."""
    from docx.shared import Pt, RGBColor

    frame = document.add_table(rows=1, cols=1, style="Table Grid")
    cell = frame.rows[0].cells[0]
    run = cell.paragraphs[0].add_run(_plain(title))
    run.bold = True
    if heavy:
        run.font.size, run.font.color.rgb = Pt(18), RGBColor(0xB0, 0x00, 0x20)
    for head, text in items:
        paragraph = cell.add_paragraph(style="List Bullet")
        if head:
            paragraph.add_run(say("{head}: ", head=_plain(head))).bold = True
        paragraph.add_run(_plain(text))
    document.add_paragraph()


def _item(document: Any, item: TableItem | FigureItem, directory: Path, numbered: Counter[str], room: float) -> None:
    if isinstance(item, TableItem):
        _captioned(document, later("Table"), item.table.title, numbered)
        _table(document, item.table)
    else:
        _figure(document, item, directory, numbered, room)


def _table(document: Any, table: PrintTable) -> None:
    """Let maketables build the table in a document of its own, and move it here."""
    made: Any = _mtable(table).make(type="docx", docx_style=_STYLE)
    for element in list(made.element.body):
        if not element.tag.endswith("}sectPr"):
            document.element.body.insert(len(document.element.body) - 1, element)
    _share_width(document.tables[-1], table)
    _keep_together(document.tables[-1], len(table.spanners) + 2)
    document.add_paragraph()


def _share_width(made: Any, table: PrintTable) -> None:
    """Set the widths of columns, which Word would make equal."""
    from docx.shared import Inches

    inches = _inches(table)
    made.autofit = False
    for column, own in zip(made.columns, inches, strict=True):
        column.width = Inches(own)
    for line in made._tbl.tr_lst:
        at = 0
        for cell in line.tc_lst:
            cell.width = Inches(sum(inches[at : at + cell.grid_span]))
            at += cell.grid_span


def _keep_together(made: Any, heads: int) -> None:
    """Break no row at the end of a page, nor the headings from the first row; repeat headings on each page."""
    from docx.oxml import OxmlElement
    from docx.text.paragraph import Paragraph

    for k, line in enumerate(made._tbl.tr_lst):
        line.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        if k < heads - 1:
            line.trPr.append(OxmlElement("w:tblHeader"))
        for paragraph in (p for cell in line.tc_lst if k < heads for p in cell.p_lst):
            Paragraph(paragraph, made).paragraph_format.keep_with_next = True


def _inches(table: PrintTable) -> list[float]:
    """Return numbers and words of headings the room they need, the labels of rows what is left, and the rest to all."""
    rows = [row for block in table.blocks for row in block if any(row.cells)]
    columns = zip(table.columns, *(row.cells for row in rows), *(row.under for row in rows if row.under), strict=True)
    words = [max(width(word) for word in (*" ".join(texts).split(), "0")) / 72 for texts in columns]
    longest = max((width(row.label) for row in rows), default=0.0) / 72 + 0.3
    # Many columns stand closer, before the labels of rows are broken within words.
    between = (_WIDTH - min(longest, _STUB) - sum(words)) / len(words)
    least = [own + min(max(between, _CLOSE), _APART) for own in words]
    # Words that are longer than the page has room for are broken by Word.
    room = _WIDTH * (1 - 1 / (2 + len(least)))
    least = [own * min(1.0, room / sum(least)) for own in least]
    stub = max(min(longest, _STUB, _WIDTH - sum(least)), _WIDTH / (2 + len(least)))
    more = (_WIDTH - stub - sum(least)) / len(least)
    return [stub, *(own + more for own in least)]


def _mtable(table: PrintTable) -> Any:
    import pandas as pd
    from maketables import MTable

    lines = [_line(row, bool(under)) for block in table.blocks for row in block for under in _passes(row)]
    heads = [[_plain(text) for text, count in line for _ in range(count)] for line in table.spanners]
    heads.append([_plain(c) for c in table.columns])
    columns = pd.MultiIndex.from_arrays(heads) if len(heads) > 1 else pd.Index(heads[0])
    index = pd.Index([label for label, _ in lines])
    frame = pd.DataFrame([cells for _, cells in lines], index=index, columns=columns)
    notes = say("Notes: {notes}", notes=sentences(table.notes)) if table.notes else ""
    return MTable(frame, notes=_plain(notes))


def _passes(row: Row) -> tuple[int, ...]:
    return (0, 1) if any(row.under) else (0,)


def _line(row: Row, under: bool) -> tuple[str, list[str]]:
    return ("", [_plain(c) for c in row.under]) if under else (_label(row), [_plain(c) for c in row.cells])


def _label(row: Row) -> str:
    return f"\u2003{_plain(row.label)}" if row.indent else _plain(row.label)


def _figure(document: Any, item: FigureItem, directory: Path, numbered: Counter[str], room: float) -> None:
    """Add a figure in the size it was drawn in, smaller where it would not fit the line and ``room`` inches."""
    from docx.shared import Inches

    if (picture := _picture(item, directory)) is not None:
        document.add_picture(str(picture), width=Inches(_size(document, item, picture, room)[0]))
        document.paragraphs[-1].paragraph_format.keep_with_next = True
    _captioned(document, later("Figure"), item.caption, numbered)


def _picture(item: FigureItem, directory: Path) -> Path | None:
    picture = (directory / item.file).with_suffix(".png")
    return picture if picture.is_file() else None


def _size(document: Any, item: FigureItem, picture: Path, room: float) -> tuple[float, float]:
    """Return the width of a picture, and the height that it and its caption take, in inches."""
    from docx.image.image import Image

    image = Image.from_file(str(picture))
    wide, high = image.width.inches, image.height.inches
    caption = _high(document, item.caption) + 0.2
    share = min(1.0, _WIDTH / wide, (room - caption) / high)
    return share * wide, share * high + caption


def _plain(text: str) -> str:
    """Leave out what XML cannot hold."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def _dated(document: Any) -> bytes:
    """Pack the document with the same date always, so that equal runs give equal bytes."""
    packed, again = BytesIO(), BytesIO()
    document.save(packed)
    with ZipFile(packed) as old, ZipFile(again, "w", ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(ZipInfo(name), old.read(name), ZIP_DEFLATED)
    return again.getvalue()

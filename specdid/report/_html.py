"""HTML as element trees: every text is escaped by the writer, none is pasted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, SubElement, tostring


def element(tag: str, text: str = "", /, **attributes: str) -> Element:
    """Make an element; a trailing ``_`` in an attribute's name is cut, other ``_`` are hyphens."""
    made = Element(tag, {k.rstrip("_").replace("_", "-"): v for k, v in attributes.items()})
    made.text = text or None
    return made


def inside(parent: Element, tag: str, text: str = "", /, **attributes: str) -> Element:
    """Make an element within another."""
    made = element(tag, text, **attributes)
    parent.append(made)
    return made


def written(parent: Element, tag: str, text: str, **attributes: str) -> Element:
    """Make an element within another from a message, whose words between backticks are code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return inside(parent, tag, text, **attributes)
    made = inside(parent, tag, parts[0], **attributes)
    for code, after in zip(parts[1::2], parts[2::2], strict=True):
        inside(made, "code", code).tail = after
    return made


def markup(elements: Iterable[Element]) -> str:
    """Write elements as HTML."""
    return "\n".join(tostring(e, encoding="unicode", method="html") for e in elements)


def table(
    caption: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric_from: int = 1,
    messages: Sequence[int] = (),
) -> Element:
    """Make a table in a box that scrolls.

    Columns from ``numeric_from`` on are numbers; those of ``messages`` have code between backticks.
    """
    box = element("div", class_="scroll", tabindex="0", role="region", aria_label=caption)
    made = inside(box, "table")
    inside(made, "caption", caption)
    line = SubElement(SubElement(made, "thead"), "tr")
    for k, words in enumerate(header):
        inside(line, "th", words, scope="col", **_number(k, numeric_from))
    body = SubElement(made, "tbody")
    for row in rows:
        line = SubElement(body, "tr")
        for k, cell in enumerate(row):
            write = written if k in messages else inside
            if k:
                write(line, "td", cell, **_number(k, numeric_from))
            else:
                write(line, "th", cell, scope="row", **_number(k, numeric_from))
    return box


def _number(column: int, numeric_from: int) -> dict[str, str]:
    return {"class_": "number"} if column >= numeric_from else {}

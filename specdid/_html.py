"""Small pieces of HTML for notebooks; every text is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

_RIGHT = ' style="text-align:right; white-space:nowrap; padding:0 0.6em"'
_LEFT = ' style="text-align:left; padding:0 0.6em"'


def heading(text: str) -> str:
    """Write a line in bold."""
    return f"<p><strong>{escape(text)}</strong></p>"


def paragraph(text: str) -> str:
    """Write a line."""
    return f"<p>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Write lines as they are."""
    return f"<pre>{escape(text)}</pre>"


def table(header: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """Write a table whose first ``texts`` columns are text and the others numbers."""
    lines = [_row(header, "th", texts), *(_row(row, "td", texts) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(cells: Sequence[str], tag: str, texts: int) -> str:
    written = (f"<{tag}{_LEFT if k < texts else _RIGHT}>{escape(cell)}</{tag}>" for k, cell in enumerate(cells))
    return f"<tr>{''.join(written)}</tr>"


def framed(title: str, items: Iterable[tuple[str, str]], failed: bool = False) -> str:
    """Write a box that a reader cannot miss: a title, and items that begin with words in bold."""
    colour, width = ("#b00020", 4) if failed else ("#ad4a00", 2)
    bold = ((f"<strong>{escape(head)}</strong>: " if head else "", text) for head, text in items)
    listed = "".join(f"<li>{head}{escape(text)}</li>" for head, text in bold)
    size = "150%" if failed else "100%"
    return (
        f'<div role="alert" style="border:{width}px solid {colour}; padding:0.4em 1em; margin:0.5em 0; max-width:60em">'
        f'<p style="font-size:{size}; margin:0.2em 0"><strong style="color:{colour}">{escape(title)}</strong></p>'
        f'<ul style="margin:0.2em 0">{listed}</ul></div>'
    )


def listing(items: Iterable[str]) -> str:
    """Write a list."""
    return f"<ul>{''.join(f'<li>{escape(item)}</li>' for item in items)}</ul>"


def shortened(labels: Sequence[str], width: int = 90) -> str:
    """Join labels as far as ``width`` characters go, and say how many are left."""
    shown: list[str] = []
    for label in labels:
        if shown and len(" · ".join([*shown, label])) > width:
            return f"{' · '.join(shown)} · … {len(labels) - len(shown):,} more"
        shown.append(label)
    return " · ".join(shown)

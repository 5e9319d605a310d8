r"""Printed tables as LaTeX: booktabs, every cell escaped, to be read by ``\input``.

The preamble needs booktabs and threeparttable; XeLaTeX or LuaLaTeX for Chinese labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid.tables._base import PrintTable, Row, TableFormat

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "−": "$-$", "×": r"$\times$", "²": r"$^2$",
    "χ": r"$\chi$", "≤": r"$\le$", "≥": r"$\ge$", "√": r"$\surd$", "Δ": r"$\Delta$", "±": r"$\pm$",
    "–": "--", "—": "---", "“": "``", "”": "''", "’": "'", "‘": "`", "…": r"\dots{}", "·": r"$\cdot$",
    "[": "{[}", "]": "{]}",
}  # fmt: skip


def escape(text: str) -> str:
    """Write plain text so that LaTeX prints it as it is."""
    return "".join(_SPECIAL.get(c, c) for c in " ".join(text.split()))


def write(table: PrintTable) -> str:
    """Write a table environment."""
    lines = [
        r"\begin{table}[htbp]", r"\centering", r"\begin{threeparttable}",
        rf"\caption{{{escape(table.title)}}}",
        rf"\begin{{tabular}}{{l{'c' * len(table.columns)}}}", r"\toprule",
        *_spanners(table.spanners), _line([table.stub, *table.columns]), r"\midrule",
    ]  # fmt: skip
    for k, block in enumerate(table.blocks):
        lines += [r"\midrule"] if k else []
        lines += [line for row in block for line in _row(row)]
    lines += [r"\bottomrule", r"\end{tabular}"]
    if table.notes:
        notes = " ".join(escape(note) for note in table.notes)
        lines += [r"\begin{tablenotes}[flushleft]\footnotesize", rf"\item \emph{{Notes:}} {notes}", r"\end{tablenotes}"]
    return "\n".join([*lines, r"\end{threeparttable}", r"\end{table}"]) + "\n"


def _spanners(lines: Sequence[Sequence[tuple[str, int]]]) -> Iterator[str]:
    for line in lines:
        cells, rules, column = [""], [], 2
        for text, width in line:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{escape(text)}}}")
            if text and width > 1:
                rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
            column += width
        yield " & ".join(cells) + r" \\"
        if rules:
            yield "".join(rules)


def _row(row: Row) -> Iterator[str]:
    yield _line([row.label, *row.cells])
    if any(row.under):
        yield _line(["", *row.under])


def _line(cells: Sequence[str]) -> str:
    return " & ".join(escape(c) for c in cells) + r" \\"


TABLE = TableFormat("latex", "LaTeX, booktabs", ".tex", write)

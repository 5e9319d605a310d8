r"""Printed tables as LaTeX: booktabs, every cell escaped, to be read by ``\input``.

The preamble needs booktabs and threeparttable; longtable for a table of several pages, pdflscape
for one that lies on its side (``packages`` says which); XeLaTeX or LuaLaTeX for Chinese labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from specdid.tables._base import PrintTable, Row, TableFormat
from specdid.tables._layout import Lines, TableLayout, cell_lines, lay_out, stub_lines

__all__ = ["TABLE", "escape", "packages", "write"]


_GREEK = dict(zip(
    "αβγδεζηθικλμνξπρσςτυφχψωΓΔΘΛΞΠΣΦΨΩ",
    (
        "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda",
        "mu", "nu", "xi", "pi", "rho", "sigma", "varsigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
        "Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega",
    ),
    strict=True,
))  # fmt: skip
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-", strict=True))
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-", strict=True))
_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%",
    "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\`{}", "−": "$-$", "×": r"$\times$",
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "≈": r"$\approx$", "√": r"$\surd$", "±": r"$\pm$",
    "∞": r"$\infty$", "→": r"$\rightarrow$", "–": "--", "—": "---", "“": "``", "”": "''", "’": "'",
    "‘": "`", "…": r"\dots{}", "·": r"$\cdot$", "[": "{[}", "]": "{]}", "∆": r"$\Delta$", "µ": r"$\mu$",
    "°": r"$^\circ$", "½": r"$\frac12$",
    **{letter: rf"$\{name}$" for letter, name in _GREEK.items()},
    **{c: f"$_{d}$" for c, d in _LOWERED.items()},
    **{c: f"$^{d}$" for c, d in _RAISED.items()},
}  # fmt: skip
_LIGATURES = ("--", "''", ",,", "?`", "!`")
_LATIN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŁłŒœŠšŽžĆćČčŃńŇňŘřŚśŞşŹźŻżĞğİıŐőŰűĎďĚěŤťŮů¡¿£§¶©"
)


def escape(text: str) -> str:
    """Write plain text so that LaTeX prints it as it is."""
    found, before = [], ""
    for c in " ".join(text.split()):
        if c.isprintable():
            found.append("{}" if before + c in _LIGATURES else "")
            found.append(_SPECIAL.get(c, c))
            before = c
    return "".join(found)


def wants_unicode(text: str) -> bool:
    """Say whether a text, escaped or not, has characters that only XeLaTeX and LuaLaTeX can print."""
    return any(not (c.isascii() or c in _LATIN or c in _SPECIAL) for c in set(text) if c.isprintable())


def packages(tables: Sequence[PrintTable]) -> tuple[str, ...]:
    """Name the packages that these tables need."""
    layouts = [layout for table in tables for layout in lay_out(table)]
    more = (("longtable", any(x.long for x in layouts)), ("pdflscape", any(x.turned for x in layouts)))
    return ("booktabs", "threeparttable", *(name for name, needed in more if needed))


def write(table: PrintTable) -> str:
    """Write a table environment, or several where the columns do not fit on one page."""
    return "".join("\n".join(_environment(layout)) + "\n" for layout in lay_out(table))


def _environment(layout: TableLayout) -> list[str]:
    lines = list((_over_pages if layout.long else _float)(layout))
    return [r"\begin{landscape}", *lines, r"\end{landscape}"] if layout.turned else lines


def _caption(layout: TableLayout) -> str:
    title = escape(layout.table.title) + (f" (part {layout.part} of {layout.parts})" if layout.parts > 1 else "")
    label = layout.table.label if layout.part == 1 else ""
    return rf"\caption{{{title}}}" + (rf"\label{{{label}}}" if label else "")


def _type(layout: TableLayout) -> str:
    return rf"{layout.size.command}\setlength{{\tabcolsep}}{{{layout.size.gap:g}pt}}"


def _columns(layout: TableLayout) -> str:
    return "@{}l" + "c" * len(layout.table.columns) + "@{}"


def _float(layout: TableLayout) -> Iterator[str]:
    yield r"\begin{table}[p]" if layout.turned else r"\begin{table}[htbp]"
    yield from (r"\centering", r"\begin{threeparttable}", _caption(layout), _type(layout))
    yield rf"\begin{{tabular}}{{{_columns(layout)}}}"
    yield from (*_head(layout), *_body(layout), r"\bottomrule", r"\end{tabular}")
    if layout.table.notes:
        yield from (r"\begin{tablenotes}[flushleft]\footnotesize", rf"\item {_notes(layout)}", r"\end{tablenotes}")
    yield from (r"\end{threeparttable}", r"\end{table}")


def _over_pages(layout: TableLayout) -> Iterator[str]:
    """Write a longtable; its notes stand below it as text."""
    head = [*_head(layout)]
    width = len(layout.table.columns) + 1
    yield rf"{{{_type(layout)}\setlength{{\LTcapwidth}}{{\linewidth}}\setlength{{\LTpost}}{{3pt}}"
    yield rf"\begin{{longtable}}{{{_columns(layout)}}}"
    yield from (_caption(layout) + r" \\", *head, r"\endfirsthead")
    yield from (rf"\multicolumn{{{width}}}{{@{{}}l}}{{\emph{{continued}}}} \\", *head, r"\endhead")
    yield from (r"\midrule", rf"\multicolumn{{{width}}}{{r@{{}}}}{{\emph{{continued overleaf}}}} \\", r"\endfoot")
    yield from (r"\bottomrule", r"\endlastfoot", *_body(layout), r"\end{longtable}}")
    if layout.table.notes:
        yield rf"{{\footnotesize\noindent {_notes(layout)}\par}}\bigskip"


def _notes(layout: TableLayout) -> str:
    return rf"\emph{{Notes:}} {' '.join(escape(note) for note in layout.table.notes)}"


def _head(layout: TableLayout) -> Iterator[str]:
    yield r"\toprule"
    for line in layout.spanners:
        cells, rules, column = [""], [], 2
        for text, width in line:
            cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_stack(text, 'b')}}}")
            if any(text) and width > 1:
                rules.append(rf"\cmidrule(lr){{{column}-{column + width - 1}}}")
            column += width
        yield " & ".join(cells) + r" \\"
        if rules:
            yield "".join(rules)
    yield " & ".join(_stack(h, "b", "l" if not k else "c") for k, h in enumerate(layout.headings)) + r" \\"
    yield r"\midrule"


def _stack(lines: Lines, where: str, align: str = "c") -> str:
    """Set lines above each other in a cell."""
    if len(lines) == 1:
        return escape(lines[0])
    inside = r" \\ ".join(map(escape, lines))
    return rf"\begin{{tabular}}[{where}]{{@{{}}{align}@{{}}}}{inside}\end{{tabular}}"


def _body(layout: TableLayout) -> Iterator[str]:
    for k, block in enumerate(layout.table.blocks):
        if k:
            yield r"\midrule"
        for row in block:
            yield from _row(layout, row)


def _row(layout: TableLayout, row: Row) -> Iterator[str]:
    """Write a row; a long label goes on beside the numbers below it, one without numbers spans the table."""
    if not any(row.cells):
        width = len(layout.table.columns) + 1
        yield rf"\multicolumn{{{width}}}{{@{{}}l@{{}}}}{{\emph{{{escape(row.label)}}}}} \\"
        return
    first, *rest = stub_lines(layout, row)
    under = row.under if any(row.under) else ()
    ends = [r" \\*" if rest[k:] or (under and not k) else r" \\" for k in range(1 + max(len(rest), bool(under)))]
    if not layout.long:
        ends = [r" \\"] * len(ends)
    lead = r"\quad " if row.indent else ""
    yield " & ".join([lead + escape(first), *(_stack(cell_lines(layout, c), "t") for c in row.cells)]) + ends[0]
    for k, end in enumerate(ends[1:]):
        label = rf"\quad {escape(rest[k])}" if k < len(rest) else ""
        cells = under if not k and under else ("",) * len(row.cells)
        yield " & ".join([label, *map(escape, cells)]) + end


TABLE = TableFormat("latex", "LaTeX, booktabs", ".tex", write)

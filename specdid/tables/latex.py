r"""Printed tables as LaTeX: booktabs, every cell escaped, to be read by ``\input``.

The preamble needs booktabs and threeparttable; pdflscape for a table that lies on its side (``packages`` says
which); XeLaTeX or LuaLaTeX for Chinese labels. A table of several pages is one float a page.

Type is of 8 or 9 points, whatever the text around it has, so that a table is as wide as it was laid out. Where the
text has two columns a table that is wider than one spans both (``table*``).

Decimal points stand below each other without a package: of the numbers of a column, what stands before and
after the point takes the room of the widest.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from specdid._words import say, sentences
from specdid.tables._base import PrintTable, Row, TableFormat
from specdid.tables._layout import NOTES, CellLines, Point, TableLayout, cell_lines, lay_out, point_of, stub_lines

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
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", "−": "$-$", "×": r"$\times$",
    "≤": r"$\le$", "≥": r"$\ge$", "≠": r"$\ne$", "≈": r"$\approx$", "√": r"$\surd$", "±": r"$\pm$",
    "∞": r"$\infty$", "→": r"$\rightarrow$", "–": "--", "—": "---", "“": "``", "”": "''", "’": "'",
    "‘": "`", "…": r"\dots{}", "·": r"$\cdot$", "[": "{[}", "]": "{]}", "∆": r"$\Delta$", "µ": r"$\mu$",
    "°": r"$^\circ$", "½": r"$\frac12$", "†": r"$\dagger$", "‡": r"$\ddagger$",
    **{letter: rf"$\{name}$" for letter, name in _GREEK.items()},
    **{c: f"$_{d}$" for c, d in _LOWERED.items()},
    **{c: f"$^{d}$" for c, d in _RAISED.items()},
}  # fmt: skip
_MACRON = "\u0304"
"""Above the letter before it: M̄."""
_LIGATURES = ("--", "''", ",,", "?`", "!`")
_LATIN = frozenset(
    "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŁłŒœŠšŽžĆćČčŃńŇňŘřŚśŞşŹźŻżĞğİıŐőŰűĎďĚěŤťŮů¡¿£§¶©"
)


@lru_cache(4096)
def escape(text: str) -> str:
    """Write plain text so that LaTeX prints it as it is."""
    found: list[str] = []
    before = ""
    for c in " ".join(text.split()):
        if c == _MACRON and before.isalpha():
            found[-1] = rf"$\bar{{{before}}}$"
        elif c.isprintable():
            found.append("{}" if before + c in _LIGATURES else "")
            found.append(_SPECIAL.get(c, c))
            before = c
    return "".join(found)


def wants_unicode(text: str) -> bool:
    """Say whether a text, escaped or not, has characters that only XeLaTeX and LuaLaTeX can print."""
    return any(not (c.isascii() or c in _LATIN or c in _SPECIAL or c == _MACRON) for c in set(text) if c.isprintable())


def packages(tables: Sequence[PrintTable]) -> tuple[str, ...]:
    """Name the packages that these tables need."""
    layouts = [layout for table in tables for layout in lay_out(table)]
    return ("booktabs", "threeparttable", *(("pdflscape",) if any(x.turned for x in layouts) else ()))


def write(table: PrintTable) -> str:
    """Write a table environment, or several where the columns do not fit on one page."""
    layouts = lay_out(table)
    whole = [_WHOLE] if any(layout.turned for layout in layouts) else []
    lines = [*whole, *(line for layout in layouts for line in _environment(layout))]
    return "".join(f"{line}\n" for line in lines)


def _environment(layout: TableLayout) -> list[str]:
    lines = list(_float(layout))
    if not layout.turned:
        return lines
    return [r"\specdidwhole", r"\begin{landscape}", *lines, r"\end{landscape}", r"\specdidback"]


def _caption(layout: TableLayout) -> str:
    title = escape(layout.table.title) + (
        say(" (part {part} of {parts})", part=layout.part, parts=layout.parts) if layout.parts > 1 else ""
    )
    if layout.continued:
        return rf"\addtocounter{{table}}{{-1}}\caption{{{title}{say(' (continued)')}}}"
    label = layout.table.label if layout.part == 1 else ""
    return rf"\caption{{{title}}}" + (rf"\label{{{label}}}" if label else "")


_WHOLE = r"""\providecommand{\specdidwhole}{\ifdim\columnwidth<\textwidth\onecolumn\let\specdidback\twocolumn
  \else\let\specdidback\relax\fi}"""


def _size(points: float) -> str:
    return rf"\fontsize{{{points:g}}}{{{1.2 * points:g}}}\selectfont"


def _type(layout: TableLayout) -> str:
    return rf"{_size(layout.size.points)}\setlength{{\tabcolsep}}{{{layout.size.gap:g}pt}}"


def _columns(layout: TableLayout) -> str:
    return "@{}l" + "c" * len(layout.table.columns) + "@{}"


def _float(layout: TableLayout) -> Iterator[str]:
    kind = "table" if layout.turned else r"\specdidfloat"
    if not layout.turned:
        # In a text of two columns a table that is wider than one spans both.
        yield rf"\edef\specdidfloat{{table\ifdim{layout.width:.1f}pt>\columnwidth*\fi}}"
    yield rf"\begin{{{kind}}}[{'p' if layout.turned else 'htbp'}]"
    yield from (r"\centering", r"\begin{threeparttable}", _caption(layout), _type(layout))
    yield rf"\begin{{tabular}}{{{_columns(layout)}}}"
    yield from (*_head(layout), *_body(layout), r"\bottomrule", r"\end{tabular}")
    if layout.table.notes:
        yield from (r"\begin{tablenotes}[flushleft]" + _size(NOTES), rf"\item {_notes(layout)}", r"\end{tablenotes}")
    yield from (r"\end{threeparttable}", rf"\end{{{kind}}}")


def _notes(layout: TableLayout) -> str:
    return rf"\emph{{{say('Notes:')}}} {sentences(escape(note) for note in layout.table.notes)}"


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
    first, *headings = (_stack(h, "b", "l" if not k else "c") for k, h in enumerate(layout.headings))
    # Labels above their numbers leave their column to nothing else that would hold it open.
    held = rf"\hspace{{{layout.stub * layout.size.share:.1f}pt}}" if layout.spread else ""
    yield " & ".join([held + first, *headings]) + r" \\"
    yield r"\midrule"


def _stack(lines: CellLines, where: str, align: str = "c") -> str:
    """Set lines above each other in a cell."""
    if len(lines) == 1:
        return escape(lines[0])
    inside = r" \\ ".join(map(escape, lines))
    return rf"\begin{{tabular}}[{where}]{{@{{}}{align}@{{}}}}{inside}\end{{tabular}}"


def _body(layout: TableLayout) -> Iterator[str]:
    points = [point_of(layout.table, k) for k in range(len(layout.table.columns))]
    for k, block in enumerate(layout.table.blocks):
        if k:
            yield r"\midrule"
        for row in block:
            yield from _row(layout, row, points)


def _row(layout: TableLayout, row: Row, points: Sequence[Point]) -> Iterator[str]:
    """Write a row; a long label goes on beside the numbers below it, or stands above; one without numbers is alone."""
    across = rf"\multicolumn{{{len(layout.table.columns) + 1}}}{{@{{}}l@{{}}}}"
    if not any(row.cells):
        yield rf"{across}{{\emph{{{escape(row.label)}}}}} \\"
        return
    first, *rest = stub_lines(layout, row)
    lead = r"\quad " if row.indent else ""
    if layout.spread:
        yield rf"{across}{{{lead}{escape(first)}}} \\*"
        yield from (rf"{across}{{\quad {escape(line)}}} \\*" for line in rest)
        lead, first, rest = "", "", []
    under = row.under if any(row.under) else ()
    lines = 1 + max(len(rest), bool(under))
    cells = [_aligned(c, p) or _stack(cell_lines(layout, c), "t") for c, p in zip(row.cells, points, strict=True)]
    label = lead + escape(first)
    if rest and not under and any(len(cell_lines(layout, c)) > 1 for c in row.cells):
        # What goes on of a label stands beside what goes on of a text.
        inside = r" \\ ".join([label, *(rf"\quad {escape(line)}" for line in rest)])
        label, rest, lines = rf"\begin{{tabular}}[t]{{@{{}}l@{{}}}}{inside}\end{{tabular}}", [], 1
    yield " & ".join([label, *cells]) + r" \\"
    for k in range(lines - 1):
        more = rf"\quad {escape(rest[k])}" if k < len(rest) else ""
        below = under if not k and under else ("",) * len(row.cells)
        yield " & ".join([more, *(_aligned(c, p) or escape(c) for c, p in zip(below, points, strict=True))]) + r" \\"


def _aligned(text: str, point: Point) -> str:
    """Write a number so that its point stands where its column's does; "" for what is no number."""
    parts = point.parts(text)
    if parts is None:
        return ""
    before, after = parts
    return _padded(before, point.before, left=True) + _padded(after, point.after, left=False)


def _padded(own: str, widest: str, left: bool) -> str:
    """Give a side of a number the room of the widest: what they have in common nearest the point stays as it is."""
    mine, other = (own[::-1], widest[::-1]) if left else (own, widest)
    same = 0
    for a, b in zip(mine, other, strict=False):
        if a != b and not (a.isdigit() and b.isdigit()):
            break
        same += 1
    rest, more = mine[same:], other[same:]
    if left:
        rest, more = rest[::-1], more[::-1]
    space = "\\ " if more.endswith(" ") else ""
    room = rf"\phantom{{{escape(more)}{space}}}" if more else ""
    if rest:
        end = "\\ " if rest.endswith(" ") else ""
        shifted = rf"\{'llap' if left else 'rlap'}{{{escape(rest)}{end}}}" if more else f"{escape(rest)}{end}"
        return f"{room}{shifted}{escape(own[len(rest) :])}" if left else f"{escape(own[:same])}{shifted}{room}"
    return f"{room}{escape(own)}" if left else f"{escape(own)}{room}"


TABLE = TableFormat("latex", "LaTeX, booktabs", ".tex", write)

r"""The appendix as one file to ``\input``, and a small file that compiles it alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unicodedata import east_asian_width

from specdid._records.cautions import AGAINST, Against, capital
from specdid._words import ENGLISH, later, said_list, say, spoken
from specdid.appendix._base import Appendix, FigureItem, Part, TableItem
from specdid.tables.latex import escape, wants_unicode

PACKAGES = ("booktabs", "threeparttable", "pdflscape", "graphicx", "placeins")
_LIST = r"\begin{description}\setlength{\itemsep}{3pt}\setlength{\parskip}{0pt}\setlength{\emergencystretch}{2em}"
_HELD = 16
"""So many tables and figures are placed before the next ones are read."""
FIGURE = "_figure"
"""Ends the names of files with a figure, before ``.tex``."""
_COLUMN = 3.6
"""Inches up to which a figure stands in one of two columns."""
RED = r"\ifdefined\color\color{red}\fi"
_HEAD = r"""{failed}% Written by specdid {version}: the robustness appendix, to be read by \input.
%
% Preamble: \usepackage{{{packages}}}
% From another folder, with the slash at the end:
%   \newcommand{{\specdiddir}}{{../outputs/{name}/}}
%   \input{{\specdiddir appendix}}
% A second study in the same paper: \renewcommand{{\specdiddir}}{{...}} and \input again.
% Lower headings: \newcommand{{\specdidsection}}{{\subsection}} before \input.
{engine}\providecommand{{\specdiddir}}{{}}
\providecommand{{\specdidsection}}{{\section}}
% What follows the appendix stands after its last table; without placeins it begins a page.
\providecommand{{\specdidbarrier}}{{\ifdefined\FloatBarrier\FloatBarrier\else\clearpage\fi}}
% Floats fill the pages here; the paper's own settings come back at the end.
\begingroup
\renewcommand{{\topfraction}}{{.95}}\renewcommand{{\bottomfraction}}{{.95}}
\renewcommand{{\textfraction}}{{.02}}\renewcommand{{\floatpagefraction}}{{.7}}
\renewcommand{{\dbltopfraction}}{{.95}}\renewcommand{{\dblfloatpagefraction}}{{.7}}
\setcounter{{topnumber}}{{6}}\setcounter{{bottomnumber}}{{6}}\setcounter{{totalnumber}}{{8}}\setcounter{{dbltopnumber}}{{6}}"""
_UNICODE = """% Some labels are not Latin: compile with xelatex or lualatex{fonts}.
"""
_NAMES = r"\renewcommand{{\tablename}}{{{table}}}\renewcommand{{\figurename}}{{{figure}}}" + "\n"
_MAIN = r"""{failed}% Written by specdid {version}: compiles appendix.tex alone.
% {engine} appendix_main.tex    (twice, for the references)
\documentclass[11pt]{{article}}
\usepackage[margin=1in]{{geometry}}
\usepackage{{{packages},color}}
{fonts}{names}\title{{{title}}}
\author{{}}
\date{{}}
\begin{{document}}
\maketitle
\appendix
\input{{appendix}}
\end{{document}}
"""
_FONT = r"""\usepackage{{fontspec}}
\let\specdidfont\relax
\newcommand\specdidtry[1]{{\ifx\specdidfont\relax\IfFontExistsTF{{#1}}{{%
  \setmainfont{{#1}}[AutoFakeBold=1.5,AutoFakeSlant=.2,RawFeature=+pwid]\def\specdidfont{{#1}}}}{{}}\fi}}
"""
_CJK = (
    _FONT
    + r"""% ctex sets Chinese well; without it the first of these fonts sets everything.
\IfFileExists{{ctex.sty}}{{\usepackage[scheme=plain]{{ctex}}\renewcommand\specdidtry[1]{{}}}}{{%
  \ifdefined\XeTeXlinebreaklocale\XeTeXlinebreaklocale "zh"\XeTeXlinebreakskip=0pt plus 1pt\fi}}
{tries}"""
)
_OTHER = _FONT + "{tries}"
CJK_FONTS = (
    "Noto Serif CJK SC", "Source Han Serif SC", "SimSun", "Songti SC", "AR PL SungtiL GB", "AR PL UMing CN",
    "Noto Sans CJK SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback",
)  # fmt: skip
_OTHER_FONTS = ("CMU Serif", "Libertinus Serif", "Linux Libertine O", "FreeSerif", "DejaVu Serif", "Times New Roman")


def write_latex(appendix: Appendix, name: str, version: str, texts: Sequence[str]) -> str:
    r"""Write appendix.tex; ``texts`` are the files it reads by ``\input``, for the choice of engine."""
    found = appendix.against
    body = list(_failed(found))
    own = [part for part in appendix.parts if not part.analysis]
    analyses = [part for part in appendix.parts if part.analysis]
    for k, part in enumerate(own):
        body += _part(part, found if k == 0 else Against(found.failed))
    body += _analyses(analyses, Against(found.failed))
    items = [item for part in (*own, *analyses) for item in (part.around[1] if part.account else part.items)]
    for k, item in enumerate(items):
        # LaTeX holds some fifty floats that have no place yet.
        body += [*([r"\specdidbarrier"] if k and k % _HELD == 0 else []), *_item(item)]
    kind = _script("\n".join([*body, *texts]))
    fonts = {"": "", "cjk": ", and ctex", "other": " and a font that has them"}[kind]
    engine = _UNICODE.format(fonts=fonts) if kind else ""
    shown = "".join(c for c in name if c.isprintable())
    packages, failed = ",".join(PACKAGES), _comment(appendix)
    head = _HEAD.format(version=version, packages=packages, name=shown, engine=engine, failed=failed)
    return "\n".join([head, *body, r"\specdidbarrier", r"\endgroup"]) + "\n"


def write_main(appendix: Appendix, version: str, texts: Sequence[str]) -> str:
    """Write appendix_main.tex."""
    kind = _script("\n".join([appendix.title, *texts]))
    fonts = ""
    if kind:
        names, frame = (CJK_FONTS, _CJK) if kind == "cjk" else (_OTHER_FONTS, _OTHER)
        fonts = frame.format(tries="".join(f"\\specdidtry{{{n}}}\n" for n in names))
    engine = "xelatex" if kind else "pdflatex"
    title, packages = escape(appendix.title), ",".join(PACKAGES)
    failed = _comment(appendix)
    titles = "" if spoken() == ENGLISH else _NAMES.format(table=say("Table"), figure=say("Figure"))
    return _MAIN.format(
        version=version, engine=engine, packages=packages, fonts=fonts, names=titles, title=title, failed=failed
    )


def _comment(appendix: Appendix) -> str:
    """Return the first line of a file whose numbers must not be used."""
    return f"% {appendix.against.failed}\n" if appendix.against.failed else ""


def _script(text: str) -> str:
    """Tell texts that pdfLaTeX prints ("") from Chinese ("cjk") and other ones ("other")."""
    if not wants_unicode(text):
        return ""
    return "cjk" if any(east_asian_width(c) in "WF" for c in set(text)) else "other"


def _failed(found: Against) -> Iterator[str]:
    """Write, first of all, the box that says why the numbers must not be used."""
    if found.failed:
        yield from ("", *_boxed(found.failed, [("", line) for line in found.details], heavy=True))


def _boxed(title: str, items: Sequence[tuple[str, str]], heavy: bool = False) -> Iterator[str]:
    r"""Write a frame with a title and items that begin with words in bold; a heavy one is red where colours are.

    It needs nothing but LaTeX itself: ``\color`` is used where the paper has it.
    """
    rule, size = (r"3pt", r"\Large") if heavy else (r"1pt", r"\normalsize")
    yield rf"\begingroup\setlength{{\fboxrule}}{{{rule}}}\setlength{{\fboxsep}}{{8pt}}"
    yield rf"\noindent{RED if heavy else ''}\fbox{{\begin{{minipage}}{{\dimexpr\linewidth-2\fboxsep-2\fboxrule\relax}}"
    yield rf"\raggedright\sloppy{{{size}\bfseries {escape(title)}\par}}"
    if items:
        yield r"\small\begin{itemize}\setlength{\itemsep}{2pt}\setlength{\parskip}{0pt}"
        for head, text in items:
            bold = rf"\textbf{{{escape(head)}}}{say(': ')}" if head else ""
            # Fonts for Chinese may have neither a bullet nor a dash.
            yield rf"\item[-] {bold}{escape(text)}"
        yield r"\end{itemize}"
    yield r"\end{minipage}}\par\endgroup\bigskip"


def _part(part: Part, found: Against) -> Iterator[str]:
    """Write a section's text; of an account, what stands before it.

    All tables follow the text of all sections: they are large, and pages are filled only where none has to wait for
    the end of its own section.
    """
    yield from _headed(part.heading, found)
    if found.verdict:
        rest = [(say("Besides"), say("; ").join(found.rest))] if found.rest else []
        yield from _boxed(say(AGAINST), [*((capital(clause), text) for clause, text in found.items), *rest])
    shown = _shown(part)
    if shown or part.text:
        yield " ".join([*([shown] if shown else []), *(escape(text) for text in part.text)])
    if part.account:
        for item in part.around[0]:
            yield from _item(item)
        yield from _account(part)


def _headed(heading: str, found: Against) -> Iterator[str]:
    yield ""
    yield rf"\specdidsection{{{escape(heading)}}}"
    if found.failed:
        yield from _boxed(found.failed, [], heavy=True)


def _analyses(parts: Sequence[Part], found: Against) -> Iterator[str]:
    """Write the paper's analyses as one section: a line each that says where they are."""
    if not parts:
        return
    yield from _headed(say("Analyses"), found)
    yield _LIST
    for part in parts:
        words = " ".join([*([shown] if (shown := _shown(part)) else []), *(escape(text) for text in part.text)])
        yield rf"\item[{escape(part.heading)}{say('.')}] {words}"
    yield r"\end{description}"


def _shown(part: Part) -> str:
    """Name the exhibits of a section."""
    tables = _references(later("Table~{refs}"), later("Tables~{refs}"), [i.table.label for i in part.tables])
    figures = _references(later("Figure~{refs}"), later("Figures~{refs}"), [i.label for i in part.figures])
    words = [*figures, *tables] if part.account else [*tables, *figures]
    return say("See {exhibits}.", exhibits=said_list(words)) if words else ""


def _references(one: str, many: str, labels: Sequence[str]) -> Iterator[str]:
    if labels:
        found = [rf"\ref{{{label}}}" for label in labels]
        yield say(many if len(found) > 1 else one, refs=said_list(found, later(" and~")))


def _account(part: Part) -> Iterator[str]:
    # Sentences of numbers have few places to break at.
    yield _LIST
    for head, text in part.account:
        yield rf"\item[{escape(head)}{say('.')}] {escape(text)}"
    yield r"\end{description}"


def _item(item: TableItem | FigureItem) -> Iterator[str]:
    if isinstance(item, TableItem):
        yield rf"\input{{\specdiddir {item.stem}}}"
    else:
        yield rf"\input{{\specdiddir {item.stem}{FIGURE}}}"


def write_figure(appendix: Appendix, item: FigureItem, width: float) -> str:
    r"""Write a figure that is drawn for ``width`` inches as a file to ``\input``.

    It is no wider where the line is longer; so that it fits the page with caption and note, it may be less wide.
    """
    return _comment(appendix) + "\n".join(_figure(item, width)) + "\n"


def _figure(item: FigureItem, width: float) -> Iterator[str]:
    kind = "figure" if width <= _COLUMN else "figure*"
    yield r"\providecommand{\specdiddir}{}"
    yield r"\ifdefined\specdidnote\else\newsavebox{\specdidnote}\newlength{\specdidwidth}\fi"
    yield rf"\begin{{{kind}}}[htbp]"
    yield r"\centering"
    yield rf"\setlength{{\specdidwidth}}{{{width:g}in}}"
    yield r"\ifdim\specdidwidth>\linewidth\setlength{\specdidwidth}{\linewidth}\fi"
    # The caption takes two lines at most places, and the space above it.
    rest = r"\textheight-3.5\baselineskip"
    if item.note:
        # The note is set first, since the figure may be as high as it leaves room for.
        yield r"\savebox{\specdidnote}{\parbox[t]{\specdidwidth}{\fontsize{8}{9.6}\selectfont\sloppy"
        yield rf"{escape(item.note)}}}}}"
        rest += r"-\ht\specdidnote-\dp\specdidnote-6pt"
    size = rf"width=\specdidwidth,height=\dimexpr{rest}\relax,keepaspectratio"
    yield rf"\includegraphics[{size}]{{\specdiddir {item.file}}}"
    yield rf"\caption{{{escape(item.caption)}}}\label{{{item.label}}}"
    if item.note:
        yield r"\par\vspace{6pt}\usebox{\specdidnote}"
    yield rf"\end{{{kind}}}"

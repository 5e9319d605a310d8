"""Compile LaTeX in tests, and read a log and the numbers of a document."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from pace import patience
from specdid.appendix.latex import CJK_FONTS

PDF_TIMES = {"SOURCE_DATE_EPOCH": "0", "FORCE_SOURCE_DATE": "1"}
OVERFULL = 1.0
"""Points that a line or a page may stand out."""


def engine(name: str) -> str:
    """Give pdflatex or xelatex; skip without it, but not where everything must be tested."""
    if shutil.which(name) is None:
        absent(f"no {name}: install texlive-latex-extra, and texlive-xetex for Chinese labels")
    return name


def absent(message: str) -> None:
    """Skip for what is not installed; fail where everything must be tested."""
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def need_chinese_font() -> None:
    """Skip without a font that appendix_main.tex tries for Chinese (ctex brings its own)."""
    if shutil.which("kpsewhich") and subprocess.run(["kpsewhich", "ctex.sty"], capture_output=True).returncode == 0:
        return
    listed = subprocess.run(["fc-list", ":", "family"], capture_output=True) if shutil.which("fc-list") else None
    families = {f for line in listed.stdout.decode().splitlines() for f in line.split(",")} if listed else set()
    if not families & set(CJK_FONTS):
        absent("no font for Chinese labels: install fonts-arphic-gbsn00lp or fonts-noto-cjk")


def compile_tex(main: Path, name: str = "pdflatex", pdf: bool = False) -> str:
    """Compile twice, without shell escape, and write no PDF unless it is wanted; gives the log."""
    command = [engine(name), "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", main.name]
    draft = [command[0], "-draftmode" if name == "pdflatex" else "-no-pdf", *command[1:]]
    for line in (draft, command if pdf else draft):
        done = subprocess.run(
            line,
            cwd=main.parent,
            capture_output=True,
            env={**os.environ, **PDF_TIMES, "max_print_line": "10000"},
            timeout=patience(300),
            check=False,
        )
        assert done.returncode == 0, done.stdout.decode("utf-8", "replace")[-3000:]
    return main.with_suffix(".log").read_text(encoding="utf-8", errors="replace")


def complaints(log: str) -> list[str]:
    """Give what a log says of missing references, commands, glyphs, tall floats, and lines and pages that stand out."""
    wrong = [
        line
        for line in log.splitlines()
        if re.search(r"undefined|multiply defined|Missing character|Float too large|Undefined control|^!", line)
    ]
    out = re.findall(r"Overfull \\[hv]box \(([\d.]+)pt too (?:wide|high)\)", log)
    return wrong + [f"overfull by {points}pt" for points in out if float(points) > OVERFULL]


def paper(folder: Path, document: str) -> Path:
    r"""Write a paper of this document class and its options that reads the appendix of ``folder``."""
    text = (folder / "appendix.tex").read_text(encoding="utf-8")
    packages = re.search(r"\\usepackage\{[^}]+\}", text)
    assert packages is not None
    main = folder / "paper.tex"
    body = f"{document}\n{packages[0]}\n\\begin{{document}}\n\\appendix\n\\input{{appendix}}\n\\end{{document}}\n"
    main.write_text(body, encoding="utf-8")
    return main


def inlined(path: Path) -> str:
    r"""Read a file with what it reads by ``\input{\specdiddir …}``, without comments."""

    def read(match: re.Match[str]) -> str:
        return inlined(path.parent / f"{match[1]}.tex")

    text = re.sub(r"(?<!\\)%.*", "", path.read_text(encoding="utf-8"))
    return re.sub(r"\\input\{\\specdiddir ([^}]+)\}", read, text)


_GONE = (
    r"\\(label|ref|includegraphics|usebox|begin|end|setlength|cmidrule|multicolumn|fontsize|addtocounter|hspace)\b"
    r"(\([a-z]+\))?(\[[^\]]*\]|\{[^{}]*(\{[^{}]*\}[^{}]*)*\})*"
)
_PLAIN = {
    r"\textless{}": "<", r"\textgreater{}": ">", r"\textasciicircum{}": "^", r"\textasciitilde{}": "~",
    r"\textbar{}": "|", r"\textbackslash{}": "\\", "$-$": "−", r"$\le$": "≤", r"$\ge$": "≥", r"$\times$": "×",
    "$^2$": "²", r"\dots{}": "…", r"$\cdot$": "·", "{[}": "[", "{]}": "]", "---": "—", "--": "–", "$_1$": "₁",
    "$_0$": "₀", r"$\chi$": "χ", "{}": "",
}  # fmt: skip
NUMERAL = re.compile(r"(?<![\w.,₀₁²])([−+-]?)(\d[\d,]*(?:\.\d+)?)(?![\w²])")


def plain(tex: str) -> str:
    """Turn the LaTeX that specdid writes into the text it prints."""
    tex = re.sub(
        r"\\begin\{tabular\}\[[tb]\]\{@\{\}[lc]@\{\}\}(.*?)\\end\{tabular\}",
        lambda cell: cell[1].replace(r" \\ ", " "),
        tex,
    )
    tex = re.sub(r"\\multicolumn\{\d+\}\{[^{}]*(?:\{[^{}]*\})*[^{}]*\}", "", tex)
    tex = re.sub(r"\\edef\\specdidfloat.*", "", tex)
    tex = re.sub(r"\\phantom\{((?:[^{}]|\{\})*|\\textless\{\}\\? ?)*\}", "", tex)
    tex = re.sub(r"\\[lr]lap\{((?:[^{}]|\{\})*)\}", r"\1", tex)
    tex = re.sub(_GONE, " ", tex)
    for code, text in _PLAIN.items():
        tex = tex.replace(code, text)
    tex = re.sub(r"\\([&%$#_{}])", r"\1", tex)
    tex = re.sub(r"\\\\\*?", " \n", tex)
    return re.sub(r"\\[a-zA-Z]+\*?", " ", tex)


def numerals(text: str, labels: set[str]) -> list[tuple[str, str]]:
    """Give every number that is not part of one of ``labels``, with what stands around it."""
    for label in sorted(labels, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.,−-]){re.escape(label)}(?!\w|\.\d)", "¤", text)
    return [
        (m[1].replace("−", "-") + m[2].replace(",", ""), text[max(0, m.start() - 40) : m.end() + 20])
        for m in NUMERAL.finditer(text)
    ]


def is_printed_of(token: str, pool: list[float]) -> bool:
    """Say whether a number is one of ``pool``, or a percentage of one, at the printed precision."""
    decimals, wanted = len(token.partition(".")[2]), token.removeprefix("+")
    # A hyphen of a text is read as no sign, so an unsigned number may be a negative one's.
    allowed = {wanted, f"-{wanted}"}
    return any(f"{x * times:.{decimals}f}" in allowed for x in pool for times in (1.0, 100.0))

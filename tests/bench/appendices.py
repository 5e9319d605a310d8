"""The appendix as a referee gets it: of the examples and of eleven estimators, in three classes, by two engines.

    PYTHONPATH=. python tests/bench/appendices.py [--keep FOLDER] [--only STUDY] [--quick]

Draws are few and figures are real. Counted are pages, overfull boxes, what is undefined, and errors; Word's document
is opened and its tables and pictures are measured (and converted by LibreOffice, where there is one). With --keep the
PDFs stay to be looked at. Exits 1 where anything but pages is counted.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from pathlib import Path

import _bench

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

import specdid
from latex import compile_tex, complaints, inlined, paper

SPECS = _bench.ROOT / "specs"
ELEVEN = Path(__file__).with_name("_eleven_estimators.toml")
STUDIES = (SPECS / "castle.toml", SPECS / "minimum_wage.toml", SPECS / "smart_city.toml", ELEVEN)
CLASSES = {"one column, 12 pt": r"\documentclass[12pt]{article}", "two columns": r"\documentclass[twocolumn]{article}"}
ALONE = "standalone"
DRAWS = 19
EMU = 914400
"""Word's units in an inch."""
PAGE = 6.5
"""Inches of a line in Word."""


def run(spec: Path, out: Path) -> None:
    """Run a study with few draws; smart_city's permutations are those of castle, and slower."""
    text = spec.read_text(encoding="utf-8").replace('"data/', f'"{SPECS.as_posix()}/data/')
    text = re.sub(r"(?m)^draws *=.*", f"draws = {DRAWS}", text)
    if spec.stem == "smart_city":
        text = re.sub(r"(?m)^null *=.*", 'null = ["wild"]', text)
    if "[appendix]" not in text:
        text += '\n[appendix]\nformats = ["tex", "docx"]\n'
    if "[figure]" not in text:
        text += '\n[figure]\nformats = ["pdf", "png"]\n'
    own = out / spec.name
    own.write_text(text, encoding="utf-8")
    specdid.run(own, out=out, jobs=1, audit=0)


def printed(out: Path, name: str, engine: str) -> list[object]:
    """Compile the appendix in a class and count what a log complains of."""
    main = out / "appendix_main.tex" if name == ALONE else paper(out, CLASSES[name])
    try:
        log = compile_tex(main, engine, pdf=True)
    except AssertionError as error:
        return [0, "", "", str(error).strip().splitlines()[-1]]
    kept = main.with_name(f"{re.sub('[^a-z0-9]+', '_', name)}_{engine}.pdf")
    main.with_suffix(".pdf").replace(kept)
    # XeTeX's driver writes the pages: the log has none.
    told = subprocess.run(["pdfinfo", str(kept)], capture_output=True, text=True, check=True).stdout
    found = complaints(log)
    wide = [c for c in found if c.startswith("overfull")]
    return [int(re.search(r"Pages: +(\d+)", told)[1]), len(wide), len(found) - len(wide), 0]  # type: ignore[index]


def word(out: Path) -> list[object]:
    """Open Word's document: as many tables as in LaTeX, and nothing wider than the line."""
    from docx import Document

    document = Document(str(out / "appendix.docx"))
    text = inlined(out / "appendix.tex")
    tables = [t for t in document.tables if len(t.rows) > 1]
    wide = [t for t in tables if sum(c.width for c in t.columns) > (PAGE + 0.01) * EMU]
    wide += [s for s in document.inline_shapes if s.width > (PAGE + 0.01) * EMU]
    parts = text.count(r"(continued)}")  # of tables that LaTeX cuts at a page's end; Word lets them run on
    lacking = abs(text.count(r"\begin{threeparttable}") - parts - len(tables))
    lacking += abs(text.count(r"\includegraphics") - len(document.inline_shapes))
    pages: object = "not converted"
    if (office := shutil.which("soffice")) is not None:
        home = f"-env:UserInstallation={(out / 'home').as_uri()}"
        command = [office, home, "--headless", "--convert-to", "pdf", "--outdir", str(out), str(out / "appendix.docx")]
        subprocess.run(command, check=True, capture_output=True)
        told = subprocess.run(["pdfinfo", str(out / "appendix.pdf")], capture_output=True, text=True, check=True)
        pages = int(re.search(r"Pages: +(\d+)", told.stdout)[1])  # type: ignore[index]
    return [pages, len(wide), lacking, 0]


def measure(spec: Path, out: Path) -> list[list[object]]:
    """Run a study into ``out`` and give a row for each class, engine, and Word."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "appendix.tex").exists():
        run(spec, out)
    study = spec.stem.lstrip("_").replace("_", " ")
    cells = [(name, engine) for name in (ALONE, *CLASSES) for engine in ("pdflatex", "xelatex")]
    return [
        *(
            [study, name, engine, *printed(out, name, engine)]
            for name, engine in (cells[:1] if _bench.quick() else cells)
        ),
        [study, "Word", "python-docx", *word(out)],
    ]


HEADER = ["study", "class", "by", "pages", "overfull above 1 pt", "undefined or lacking", "errors"]


def main() -> int:
    """Print and keep the table; 1 where something is wrong."""
    parser = ArgumentParser()
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--only")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = (given.keep or Path(scratch)).resolve()
        studies = [s for s in STUDIES if given.only in (None, s.stem.lstrip("_"))]
        rows = [row for spec in studies for row in measure(spec, folder / spec.stem.lstrip("_"))]
    if given.only is None:
        _bench.report("appendices", "Appendices in the classes of papers", HEADER, rows)
    else:
        print(*rows, sep="\n")
    return int(any(n != 0 for row in rows for n in row[4:]))


if __name__ == "__main__":
    sys.exit(main())

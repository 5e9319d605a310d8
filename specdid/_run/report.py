"""report.html: gather what the page shows, with programs of some specifications to copy, and write it."""

from __future__ import annotations

import os
import re
import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._curve import Curve
from specdid._programs.script import DataFile
from specdid._records.cautions import against
from specdid._run.prepare import Prepared
from specdid._run.show import script_of
from specdid._run.write import write_text, writing
from specdid._study import file_stem
from specdid._words import say, told
from specdid.analyses._base import Analysed, Chart
from specdid.exports._base import Export, NoProgramError
from specdid.figures._style import save
from specdid.report._data import NO_PROGRAMS, Programs, with_programs
from specdid.report.page import AnalysisBlock, Picture, Report, write_page

_HEAVY = 1_500_000
"""Above so many bytes an SVG is shown as PNG."""


def write_report(
    curve: Curve,
    directory: Path,
    manifest: Mapping[str, Any],
    formats: Sequence[str],
    width: float | None,
    programs: Programs = NO_PROGRAMS,
) -> None:
    """Write report.html from a finished curve and the figures that were drawn in ``directory``.

    SVGs that were drawn for the page alone are removed.

    Parameters
    ----------
    manifest
        The content of manifest.json.
    formats, width
        Of the figures; one of an analysis that is not there is drawn again.
    programs
        Of some specifications, to copy.

    Raises
    ------
    OutputError
        Where the directory cannot be written.
    """
    with writing(directory):
        failed = against(curve.warnings).failed
        blocks = tuple(_block(a, directory, width, failed) for a in curve.analyses)
        report = Report(curve, blocks, tuple(_whole(directory)), manifest, programs)
        write_text(write_page(report), directory / "report.html")
        if "svg" not in formats:
            for drawn in directory.glob("*.svg"):
                drawn.unlink()


def _block(analysed: Analysed, directory: Path, width: float | None, failed: str) -> AnalysisBlock:
    finding = analysed.finding
    pictures = []
    for chart in finding.charts:
        stem = file_stem(analysed.stem, chart.suffix or None)
        kind = _plugins.load("figures", chart.figure).title
        title = say(
            "{where}: {message}",
            where=told(analysed.heading),
            message=say(kind),
        )
        pictures += [_drawn(directory, stem, title) or Picture(stem, title, _draw(chart, width, failed))]
    tables = tuple((f"{file_stem(analysed.stem, t.suffix or None)}.csv", t) for t in finding.tables)
    files = tuple(name for name, _ in tables)
    shown = tuple(replace(p, files=files) for p in pictures if p.content)
    return AnalysisBlock(told(analysed.heading), finding.lines, tables, shown, analysed.failure)


def _drawn(directory: Path, stem: str, title: str) -> Picture | None:
    """Return a figure as it was drawn: as SVG, as PNG where that is large or alone."""
    paths = [p for p in (directory / f"{stem}.svg", directory / f"{stem}.png") if p.exists()]
    if not paths:
        return None
    light = next((p for p in paths if p.stat().st_size <= _HEAVY), paths[-1])
    if light.suffix == ".png":
        return Picture(stem, title, light.read_bytes(), "png")
    return Picture(stem, title, _shorter(light.read_bytes()))


def _shorter(svg: bytes) -> bytes:
    """Round places and outlines of an SVG to hundredths of a point; those of glyphs are in a smaller unit."""

    def rounded(found: re.Match[bytes]) -> bytes:
        return re.sub(rb"(\.\d\d)\d+", rb"\1", found[0]).replace(b" \n", b" ")

    return re.sub(rb">\s+<", b"><", re.sub(rb' (?:d|x|y)="[^"]*"', rounded, svg))


def _draw(chart: Chart, width: float | None, failed: str) -> bytes:
    """Draw a chart as SVG; nothing where it cannot be drawn, of which the run has warned."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            figure = _plugins.load("figures", chart.figure).draw(chart.data, width)
        except Exception:
            return b""
        return _shorter(save(figure, Path(folder), "chart", ("svg",), failed)[0].read_bytes())


def _whole(directory: Path) -> Iterator[Picture]:
    """Return the figures of the whole curve, but for the curve and the volcano, which the page draws itself."""
    for figure in _plugins.every("figures"):
        if figure.curve is not None and figure.on_page and (found := _drawn(directory, figure.name, say(figure.title))):
            # results.csv is written last, with what is warned of the report, and always.
            files = (name for name in figure.files if name == "results.csv" or (directory / name).exists())
            yield replace(found, files=tuple(files))


def programs_of(prepared: Prepared, curve: Curve) -> Programs:
    """Write programs of the preferred specification, both ends, the median and the neighbours, in every language.

    Paths in them are from the working directory, so that a report that is passed on does not tell of a disk.
    """
    document = prepared.study.document
    exports = _plugins.every("exports")
    common = prepared.study.missing == "common"  # where each program needs the rows of all others
    places = with_programs(curve, prepared.panel.n_rows)[: 1 if common else None]
    return Programs(
        nearby(document.name) if document else "",
        tuple((export.name, export.title) for export in exports),
        {place: tuple(_written(prepared, place, exports)) for place in places},
    )


def _written(prepared: Prepared, place: int, exports: Sequence[Export]) -> Iterator[tuple[str, str]]:
    script = script_of(prepared, place)
    script = replace(script, source=_near_file(script.source))
    for export in exports:
        with suppress(NoProgramError):
            yield export.title, export.write(script)


def _near_file(file: DataFile) -> DataFile:
    return replace(file, path=nearby(file.path) if file.path else "", joined=tuple(map(_near_file, file.joined)))


def nearby(path: str) -> str:
    """Return a path from the working directory; as it is where that cannot be, on another drive of Windows."""
    try:
        return Path(os.path.relpath(path)).as_posix()
    except ValueError:
        return Path(path).as_posix()

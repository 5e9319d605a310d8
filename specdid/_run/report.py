"""report.html: gather what the page shows, and write it."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from specdid import _plugins
from specdid._curve import Curve
from specdid._records.cautions import against
from specdid._run.write import write_text, writing
from specdid._study import file_stem
from specdid.analyses._base import Analysed, Chart
from specdid.figures._style import save
from specdid.report._choices import NO_PROGRAMS, Programs
from specdid.report.page import AnalysisBlock, Picture, Report, write_page

_HEAVY = 2_500_000
"""Above so many bytes in all, figures are stored with fewer colours."""
_COLOURS = 64


def write_report(
    curve: Curve,
    directory: Path,
    manifest: Mapping[str, Any],
    formats: Sequence[str],
    width: float | None,
    programs: Programs = NO_PROGRAMS,
) -> None:
    """Write report.html from a finished curve and the figures that were drawn in ``directory``.

    Parameters
    ----------
    manifest
        The content of manifest.json.
    formats, width
        Of the figures; where they are not drawn as PNG, those of the analyses are drawn again.
    programs
        Of some specifications, to copy.

    Raises
    ------
    OutputError
        Where the directory cannot be written.
    """
    with writing(directory):
        failed = against(curve.warnings).failed
        blocks = tuple(_block(a, directory, formats, width, failed) for a in curve.analyses)
        whole = tuple(_whole(directory))
        report = _lighter(Report(curve, blocks, whole, manifest, programs))
        write_text(write_page(report), directory / "report.html")


def _block(
    analysed: Analysed, directory: Path, formats: Sequence[str], width: float | None, failed: str
) -> AnalysisBlock:
    finding = analysed.finding
    pictures = []
    for chart in finding.charts:
        stem = file_stem(analysed.stem, chart.suffix or None)
        drawn = directory / f"{stem}.png"
        content = drawn.read_bytes() if "png" in formats and drawn.exists() else _draw(chart, width, failed)
        if content:
            title = _plugins.load("figures", chart.figure).title
            pictures.append(Picture(stem, f"{analysed.heading}: {title}", content))
    tables = tuple((f"{file_stem(analysed.stem, t.suffix or None)}.csv", t) for t in finding.tables)
    return AnalysisBlock(analysed.heading, finding.lines, tables, tuple(pictures), analysed.failure)


def _draw(chart: Chart, width: float | None, failed: str) -> bytes:
    """Draw a chart as PNG; nothing where it cannot be drawn, of which the run has warned."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        try:
            figure = _plugins.load("figures", chart.figure).draw(chart.data, width)
        except Exception:
            return b""
        return save(figure, Path(folder), "chart", ("png",), failed)[0].read_bytes()


def _whole(directory: Path) -> Iterator[Picture]:
    """Return the figures of the whole curve, but for the curve and the volcano, which the page draws itself."""
    for figure in _plugins.every("figures"):
        path = directory / f"{figure.name}.png"
        if figure.curve is not None and figure.on_page and path.exists():
            yield Picture(figure.name, figure.title, path.read_bytes())


def _lighter(report: Report) -> Report:
    """Store the figures with fewer colours where they are many."""
    pictures = [*report.pictures, *(p for b in report.blocks for p in b.pictures)]
    if sum(len(p.content) for p in pictures) <= _HEAVY:
        return report
    return replace(
        report,
        pictures=tuple(_fewer_colours(p) for p in report.pictures),
        blocks=tuple(replace(b, pictures=tuple(_fewer_colours(p) for p in b.pictures)) for b in report.blocks),
    )


def _fewer_colours(picture: Picture) -> Picture:
    from PIL import Image

    made = BytesIO()
    with Image.open(BytesIO(picture.content)) as image:
        flat = image.convert("RGB").quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
        flat.save(made, "PNG")
    return replace(picture, content=made.getvalue())

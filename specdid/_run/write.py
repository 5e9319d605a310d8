"""Every file of a results directory, each written whole or not at all; the curve drawn, and drawn again from them."""

from __future__ import annotations

import csv
import io
import json
import os
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from specdid import _plugins
from specdid._arrays import Floats
from specdid._curve import Curve
from specdid._describe.curve_tests import Bands
from specdid._diagnostics import Fault, OutputError, SpecdidError, SpecError, did_you_mean
from specdid._records import Caution, NullShares, Results, write
from specdid._records.cautions import FAILED, SEVERITIES, from_figure, worst_first
from specdid._records.files import is_regular, read_bytes, read_object, read_rows, replacing, strange
from specdid._records.numerals import specifications
from specdid._records.read import read_results
from specdid._records.write import write_csv, write_manifest, write_parquet, write_timings
from specdid._study import NARROWEST, WIDEST
from specdid._words import speaking, spoken
from specdid.engine.workers import as_done
from specdid.figures._curve_data import Breakdowns
from specdid.figures._page import draw_bare
from specdid.figures._style import DEFAULT, garbage_left, save
from specdid.inference._base import null_title
from specdid.report.summary import summary_md
from specdid.tables._base import TidyTable, csv_text

WARNINGS = "warnings.csv"
_HEADER = ("severity", "code", "where", "message", "specifications")
OUTPUT_FAILED = "output_failed"
CURVE_FILES = ("curve.pdf", "curve.png", "curve.svg")
_CURVE = "spec_curve"
APPENDIX = "appendix.tex"
"""Beside it, figures that are PDF have neither title nor note: LaTeX sets them."""
BANDS_FILE = "inference_bands.parquet"
_POINTS = ("low", "median", "high")
MANY_FIGURES = 6
"""Figures from which on workers draw them: loading matplotlib takes as long as drawing two."""
_OF_EVERY_RUN = 4


def write_results(curve: Curve, directory: Path) -> None:
    """Write results.parquet, results.csv, timings.parquet, warnings.csv, details.md and summary.md.

    Raises
    ------
    OutputError
        Where the directory cannot be written or the disk is full.
    """
    with writing(directory):
        write_parquet(curve.results, directory / "results.parquet")
        write_csv(curve.results, directory / "results.csv")
        write_timings(curve.results, directory / "timings.parquet")
        write_text(csv_text(warnings_table(curve.warnings)), directory / WARNINGS)
        write_text(curve.summary(), directory / "details.md")
        write_text(summary_md(curve, {path.name for path in directory.iterdir()}), directory / "summary.md")


def write_text(text: str, path: Path) -> None:
    r"""Write UTF-8 text with ``\n``."""
    with replacing(path) as new:
        new.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8", newline="\n")


def draw_curve(results: Results, width: float | None = None, **shown: Any) -> Any:
    """Draw the specification curve as a matplotlib figure, as `_curve_data` is told."""
    return _plugins.load("figures", _CURVE).draw(_curve_data(results, **shown), width)


def _curve_data(
    results: Results,
    sort: str = "estimate",
    bands: Any = None,
    shares: Any = None,
    cautions: Sequence[Caution] = (),
    nulls: Any = None,
    breakdowns: Any = None,
) -> Any:
    """Return what the figure of the curve shows, what stands against it above."""
    return _plugins.load("figures", _CURVE).data(results, sort, bands, shares, cautions, nulls, breakdowns=breakdowns)


def notebook_html(curve: Curve) -> str:
    """Write what a notebook shows; its module is imported where it is asked for."""
    from specdid.report.notebook import curve_html

    return curve_html(curve)


def write_figure(
    results: Results, directory: Path, files: FigureFiles, **shown: Any
) -> tuple[tuple[Path, ...], list[str]]:
    """Draw the curve into files, as `_curve_data` is told; return them and what the figure warned of."""
    with writing(directory):
        data = _curve_data(results, **shown)
        return save_figure(partial(_plugins.load("figures", _CURVE).draw, data), directory, "curve", files)


def curve_drawing(results: Results, files: FigureFiles, **shown: Any) -> Drawing:
    """Return the figure of the curve, as `_curve_data` is told."""
    return Drawing(_CURVE, partial(_curve_data, results, **shown), "curve", files, "the figure of the curve")


@dataclass(frozen=True, slots=True)
class FigureFiles:
    """How the figures of a run are written.

    Attributes
    ----------
    formats : pdf, png, svg
    width : in inches
    failed : stamped across them: why their numbers must not be used
    notes : None, or the PDFs are for LaTeX, without title and note; notes join it by stem
    """

    formats: Sequence[str]
    width: float | None = None
    failed: str = ""
    notes: dict[str, str] | None = None


def page_formats(formats: Sequence[str]) -> tuple[str, ...]:
    """Return the formats of a figure that the page shows: as SVG too, which `write_report` removes again."""
    return tuple(dict.fromkeys((*formats, "svg")))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure to be drawn.

    Attributes
    ----------
    figure : the plug-in on the shelf
    data : computes what it shows; None is nothing
    stem, files : of the files that are written
    what : the figure in words; "" is an analysis's
    """

    figure: str
    data: Callable[[], Any]
    stem: str
    files: FigureFiles
    what: str = ""


def draw_figures(drawings: Sequence[Drawing], directory: Path, jobs: int) -> list[Caution]:
    """Draw figures into files, many by workers; return what they warned of, in order, and which could not be made.

    Raises
    ------
    OutputError
        Where the directory cannot be written.
    """
    language, said = spoken(), dict[int, tuple[Caution, ...]]()

    def made(k: int) -> tuple[Any, str, str, FigureFiles, str]:
        one, shown = drawings[k], []
        with speaking(language):  # joblib may ask for it in a thread
            said[k] = on_its_own(one.what, lambda: shown.append(one.data()))
        return shown[0] if shown else None, one.figure, one.stem, one.files, one.what

    shared = directory.absolute(), language  # a worker may have been started elsewhere
    workers = jobs if len(drawings) >= MANY_FIGURES else 1
    with writing(directory):
        for k, (found, notes) in as_done(_draw_one, shared, made, range(len(drawings)), workers, "loky"):
            said[k] += found
            if (told := drawings[k].files.notes) is not None:
                told.update(notes)
    return [caution for k in sorted(said) for caution in said[k]]


def few_figures(of_analyses: int) -> bool:
    """Say whether a run with so many figures of analyses draws them all by itself."""
    return _OF_EVERY_RUN + of_analyses < MANY_FIGURES


def _draw_one(
    shared: tuple[Path, str], one: tuple[Any, str, str, FigureFiles, str]
) -> tuple[tuple[Caution, ...], dict[str, str]]:
    """Draw a figure; return what it warned of, and the note of a PDF that has none."""
    (directory, language), (data, figure, stem, files, what), notes = shared, one, dict[str, str]()
    files = replace(files, notes=None if files.notes is None else notes)

    def drawn() -> Iterator[Caution]:
        draw = partial(_plugins.load("figures", figure).draw, data)
        return map(from_figure, save_figure(draw, directory, stem, files)[1])

    if data is None:
        return (), notes
    with speaking(language):
        if what:
            return on_its_own(what, drawn), notes
        try:
            return tuple(drawn()), notes
        except OSError:
            raise
        except Exception as error:
            why = f"the figure {stem} could not be drawn: {type(error).__name__}: {error}"
            return (Caution("serious", "figure_failed", why),), notes


def save_figure(
    draw: Callable[[float | None], Any], directory: Path, stem: str, files: FigureFiles
) -> tuple[tuple[Path, ...], list[str]]:
    """Draw a figure into files; return them and what the figure warned of."""
    bare = [f for f in files.formats if f == "pdf" and files.notes is not None]
    others = [f for f in files.formats if f not in bare]
    paths: list[Path] = []
    with garbage_left(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if others:
            paths += save(draw(files.width), directory, stem, others, files.failed)
        if bare and files.notes is not None:
            figure, note = draw_bare(draw, files.width or DEFAULT)
            paths += save(figure, directory, stem, bare, files.failed, note)
            files.notes[stem] = note
    # Warnings of its own kind are another library's complaint to programmers, such as pyparsing's.
    return tuple(paths), list(dict.fromkeys(str(w.message) for w in caught if w.category is UserWarning))


def write_record(directory: Path, content: Mapping[str, Any]) -> None:
    """Write manifest.json, last of all: it says that the directory is complete."""
    with writing(directory):
        write_manifest(directory / "manifest.json", content)


def draw_again(directory: Path, sort: str | None, formats: Sequence[str]) -> tuple[tuple[Path, ...], list[str]]:
    """Draw the curve of a results directory from its files, as the run drew it unless ``sort`` is given.

    Raises
    ------
    SpecError
        There are no results, a file is not what a run writes, or ``sort`` is none of their dimensions.
    OutputError
        The figure cannot be written.
    """
    results = read_results(directory)
    _check_sort(sort, results)
    existing = tuple(n.removeprefix("curve.") for n in CURVE_FILES if (directory / n).exists())
    chosen = tuple(formats) or existing or ("pdf", "png", "svg")
    drawn, null = _figure_settings(directory), read_bands(directory)
    sorted_by = sort or str(drawn.get("sort") or "estimate")
    found = read_warnings(directory)
    shown = {
        "bands": null.bands,
        "shares": null.shares,
        "nulls": null.nulls,
        "cautions": found,
        "breakdowns": _read_breakdowns(directory, drawn.get("breakdowns"), results),
    }
    with speaking(results.planned.language):
        for_latex = is_regular(directory / APPENDIX)
        files = FigureFiles(chosen, drawn.get("width"), notes={} if for_latex else None)
        return write_figure(results, directory, files, sort=sorted_by, **shown)


def _check_sort(sort: str | None, results: Results) -> None:
    known = ("estimate", "declared", *results.planned.dimensions)
    if sort is not None and sort not in known:
        help_ = did_you_mean(sort, known) or f"it is one of {', '.join(known)}"
        raise SpecError([Fault("bad_choice", f"the curve cannot be sorted by `{sort}`", help=help_)])


def _figure_settings(directory: Path) -> dict[str, Any]:
    """Return [figure] as the manifest has it; nothing where there is no manifest, or it has none."""
    found = read_object(directory / "manifest.json").get("figure")
    if not isinstance(found, dict):
        return {}
    width, sort = found.get("width"), found.get("sort")
    if not isinstance(width, float) or not NARROWEST <= width <= WIDEST:
        width = None
    return {
        "sort": sort if isinstance(sort, str) else None,
        "width": width,
        "breakdowns": found.get("breakdowns"),
    }


def _read_breakdowns(directory: Path, name: object, results: Results) -> Breakdowns | None:
    """Return the breakdown values that the run drew below the curve, None where there were none.

    Raises
    ------
    SpecError
        The file is not what a run writes.
    """
    if not isinstance(name, str) or Path(name).name != name or not name.endswith("breakdown.csv"):
        return None
    rows = read_rows(directory / name, ("effect", "survives"), ("index", "breakdown_relative_magnitudes"))
    count = len(results.status)
    if not all(1 <= row["index"] <= count and row["index"].is_integer() for row in rows):
        raise strange(directory / name)
    values, known = np.full(count, np.nan), np.zeros(count, bool)
    for row in rows:
        place, value = int(row["index"]) - 1, row["breakdown_relative_magnitudes"]
        # One that zero never enters has no number.
        values[place] = np.inf if np.isnan(value) and row["survives"] == "true" else value
        known[place] = bool(row["survives"])
    return Breakdowns(values, known, rows[0]["effect"]).of_points(results.twin) if known.any() else None


def warnings_table(found: Sequence[Caution]) -> TidyTable:
    """Return the rows of warnings.csv; ``specifications`` is empty where none are concerned."""
    rows = ((c.severity, c.code, c.where, c.message, c.specifications or None) for c in found)
    return TidyTable(_HEADER, tuple(rows))


def read_warnings(directory: Path) -> tuple[Caution, ...]:
    """Return the cautions of a results directory, worst first.

    A failed audit that only manifest.json knows of is among them.

    Raises
    ------
    SpecError
        A file is there and is not what a run writes: what it warned of cannot be told.
    """
    found = tuple(_stored(directory / WARNINGS))
    if not any(c.severity == "error" for c in found):
        found = (*_audited(directory), *found)
    return worst_first(found)


def _stored(path: Path) -> Iterator[Caution]:
    if not os.path.lexists(path):
        return
    try:
        header, *rows = csv.reader(io.StringIO(read_bytes(path).decode("utf-8"), newline=""), strict=True)
    except (OSError, ValueError, csv.Error) as error:
        raise strange(path) from error
    if tuple(header) != _HEADER:
        raise strange(path)
    for row in rows:
        severity, *texts = map(_line, row)
        if len(row) != len(_HEADER) or severity not in SEVERITIES:
            raise strange(path)
        code, where, message, count = texts
        if not (code and message) or (count and not (count.isascii() and count.isdigit() and len(count) < 16)):
            raise strange(path)
        yield Caution(severity, code, message, where or "run", int(count or 0))


def _line(cell: object) -> str:
    """Return a cell in one line, without the guard against spreadsheets."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    return text[1:] if text[:1] == "'" and text[1:2] in tuple("=+-@") else text


def _audited(directory: Path) -> Iterator[Caution]:
    """Read from the manifest that the audit failed."""
    audit = read_object(directory / "manifest.json").get("audit")
    wrong = audit.get("disagreements", audit.get("disagreeing")) if isinstance(audit, dict) else None
    if isinstance(wrong, list) and wrong:
        said = specifications(len(wrong), "disagree with the reference: do not use these numbers")
        yield Caution("error", "audit_failed", said, specifications=len(wrong))
    elif isinstance(audit, dict) and audit.get("verdict") == FAILED:
        yield Caution("error", "audit_failed", "manifest.json says so: do not use these numbers")


def on_its_own(what: str, write: Callable[[], Iterable[Caution] | None]) -> tuple[Caution, ...]:
    """Write one output; where it fails it is lost alone, and what is returned says so.

    Raises
    ------
    OutputError
        The directory cannot be written: then nothing can.
    """
    try:
        return tuple(write() or ())
    except (OSError, SpecdidError):
        raise
    except Exception as error:
        return (Caution("serious", OUTPUT_FAILED, f"{what} could not be made: {_where(error)}", "output"),)


def _where(error: Exception) -> str:
    """Return what went wrong and where, in one line that can be reported."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    said = "".join(c for c in " ".join(str(error).split())[:300] if c.isprintable())
    return f"{type(error).__name__}: {said} ({Path(frame.filename).name}, line {frame.lineno})"


class writing:  # noqa: N801 - reads as a phrase
    """Turn what the system says of a write into one message."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, OSError) and not isinstance(error, OutputError):
            reason = error.strerror or str(error)
            raise OutputError(f"cannot write to {self.directory}: {reason}") from error


@dataclass(frozen=True, slots=True)
class NullFigure:
    """What the figure of the curve shows of the nulls.

    Attributes
    ----------
    bands : (scale or outcome, estimand) -> (3, n) the 2.5, 50 and 97.5% curves by rank, of the
        first null that has them; the estimand is "" where all of the scale are one curve.
    shares : (scale or outcome, estimand) -> shares significant beside those expected.
    nulls : of every curve in ``bands``, the words for the null that it is of.
    """

    bands: Bands = field(default_factory=dict)
    shares: Mapping[tuple[str, str], NullShares] = field(default_factory=dict)
    nulls: Mapping[tuple[str, str], str] = field(default_factory=dict)


def first_bands(nulls: Iterable[Bands]) -> dict[tuple[str, str], Floats]:
    """Return every curve's band of the first null that has it."""
    found: dict[tuple[str, str], Floats] = {}
    for bands in nulls:
        found = {**bands, **found}
    return found


def first_nulls(nulls: Iterable[tuple[str, Bands]]) -> dict[tuple[str, str], str]:
    """Return for every curve the words for the first null that has it; ``nulls`` are pairs of name and curves."""
    found: dict[tuple[str, str], str] = {}
    for name, bands in nulls:
        found = {**dict.fromkeys(bands, null_title(name)), **found}
    return found


def write_bands(nulls: Mapping[str, Bands], shown: NullFigure, directory: Path) -> None:
    """Write a row per null, scale, estimand and rank; the figure's shares stand in the file's metadata.

    Parameters
    ----------
    nulls : null -> (scale, estimand) -> (3, n), in the order of the nulls.
    shown : whose shares are kept; where there is no null, no file is written.
    directory : of the results.
    """
    path = directory / BANDS_FILE
    if not nulls:
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [((null, *key), band) for null, bands in nulls.items() for key, band in bands.items()]
    sizes = [band.shape[1] for _, band in parts]
    whole = np.concatenate([np.zeros((3, 0)), *(band for _, band in parts)], axis=1)
    table = pa.table(
        {
            **{
                name: write.texts(np.repeat([key[k] for key, _ in parts], sizes).tolist())
                for k, name in enumerate(("null", "scale", "estimand"))
            },
            "rank": write.numbers(np.concatenate([np.zeros(0, np.int64), *(np.arange(1, n + 1) for n in sizes)])),
            **{name: write.numbers(values) for name, values in zip(_POINTS, whole, strict=True)},
        }
    )
    shares = [[*key, asdict(found)] for key, found in shown.shares.items()]
    header = {"version": 3, "nulls": list(nulls), "shares": shares}
    table = table.replace_schema_metadata({b"specdid": json.dumps(header, ensure_ascii=False).encode()})
    with replacing(path) as new:
        pq.write_table(table, new, compression="zstd")


def read_bands(directory: Path) -> NullFigure:
    """Read what the figure shows of the nulls; nothing where none was run, or an older version wrote the file.

    Raises
    ------
    SpecError
        It is not the file that a run writes.
    """
    path = directory / BANDS_FILE
    if not os.path.lexists(path):
        return NullFigure()
    if not is_regular(path):
        raise strange(path)
    import pyarrow as pa

    try:
        return _stored_bands(path)
    except (pa.ArrowException, OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise strange(path) from error


def _stored_bands(path: Path) -> NullFigure:
    """Read a file that a run wrote; another raises."""
    import polars as pl
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    header: dict[str, Any] = json.loads((table.schema.metadata or {})[b"specdid"])
    if header["version"] != 3:
        return NullFigure()
    types = [str(f.type) for f in table.schema]
    if table.column_names != ["null", "scale", "estimand", "rank", *_POINTS]:
        raise ValueError("its columns are not those of null curves")
    if types != ["string"] * 3 + ["int64"] + ["double"] * 3 or any(c.null_count for c in table.columns):
        raise ValueError("its columns are not those of null curves")
    nulls: dict[str, dict[tuple[str, str], Floats]] = {name: {} for name in header["nulls"]}
    rows = pl.DataFrame(pl.from_arrow(table)).group_by("null", "scale", "estimand", maintain_order=True)
    for (null, scale, estimand), part in rows:
        band = np.ascontiguousarray(part.select(_POINTS).to_numpy().T)
        if not np.isfinite(band).all():
            raise ValueError("a null curve is not finite")
        nulls[str(null)][str(scale), str(estimand)] = band
    shares = {(str(scale), str(estimand)): _shares(found) for scale, estimand, found in header["shares"]}
    return NullFigure(first_bands(nulls.values()), shares, first_nulls(nulls.items()))


def _shares(stored: Mapping[str, Any]) -> NullShares:
    found = NullShares(**stored)
    numbers = (found.negative, found.positive, found.null_negative, found.null_positive)
    if not (
        isinstance(found.tested, int)
        and isinstance(found.errors, str)
        and isinstance(found.null, str)
        and all(0 <= n <= 1 for n in numbers)
        and not (found.null_high < 0 or found.null_high > 1)
    ):
        raise ValueError("a share is none")
    return found

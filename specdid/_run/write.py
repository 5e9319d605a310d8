"""Every file of a results directory, each written whole or not at all."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from specdid._curve import Curve
from specdid._diagnostics import Fault, OutputError, SpecdidError, SpecError, did_you_mean
from specdid._records import Caution, Results
from specdid._records.files import read_object, replacing
from specdid._records.read import read_results
from specdid._records.write import write_csv, write_manifest, write_parquet, write_timings
from specdid._run.bands import read_bands
from specdid._run.warnings_file import FILE as WARNINGS
from specdid._run.warnings_file import read_warnings, warnings_table
from specdid._study import NARROWEST, WIDEST
from specdid.tables._base import csv_text

OUTPUT_FAILED = "output_failed"
CURVE_FILES = ("curve.pdf", "curve.png", "curve.svg")


def write_results(curve: Curve, directory: Path) -> None:
    """Write results.parquet, results.csv, timings.parquet, warnings.csv and summary.md.

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
        write_text(curve.summary(), directory / "summary.md")


def write_text(text: str, path: Path) -> None:
    r"""Write UTF-8 text with ``\n``."""
    with replacing(path) as new:
        new.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8", newline="\n")


def write_figure(
    results: Results,
    directory: Path,
    sort: str,
    formats: Sequence[str],
    width: float | None = None,
    bands: Mapping[str, Any] | None = None,
    shares: Mapping[str, tuple[float, float]] | None = None,
    cautions: Sequence[Caution] = (),
) -> tuple[list[Path], list[str]]:
    """Draw the curve in these formats; gives files and warnings."""
    return _save(results, directory, sort, formats, width, bands, shares, cautions)


def _save(*given: Any) -> tuple[list[Path], list[str]]:
    from specdid._run.draw import save_curve

    with writing(given[1]):
        return save_curve(*given)


def write_record(directory: Path, content: Mapping[str, Any]) -> None:
    """Write manifest.json, last of all: it says that the directory is complete."""
    with writing(directory):
        write_manifest(directory / "manifest.json", content)


def draw_again(directory: Path, sort: str | None, formats: Sequence[str]) -> tuple[list[Path], list[str]]:
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
    return _save(results, directory, sorted_by, chosen, drawn.get("width"), null.bands, null.shares, found)


def _check_sort(sort: str | None, results: Results) -> None:
    known = ("estimate", "declared", *results.planned.dimensions)
    if sort is not None and sort not in known:
        help_ = did_you_mean(sort, known) or f"it is one of {', '.join(known)}"
        raise SpecError([Fault("unknown_sort", f"the curve cannot be sorted by `{sort}`", help=help_)])


def _figure_settings(directory: Path) -> dict[str, Any]:
    """Return [figure] as the manifest has it; nothing where there is no manifest, or it has none."""
    found = read_object(directory / "manifest.json").get("figure")
    if not isinstance(found, dict):
        return {}
    width, sort = found.get("width"), found.get("sort")
    if not isinstance(width, float) or not NARROWEST <= width <= WIDEST:
        width = None
    return {"sort": sort if isinstance(sort, str) else None, "width": width}


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

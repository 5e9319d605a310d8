"""Figures that are written without being drawn: where a run's numbers, files or words are tested, drawing is most."""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from specdid._records.files import replacing
from specdid._run import write
from specdid._run.write import FigureFiles


@contextmanager
def nothing_drawn() -> Iterator[None]:
    """Let runs of this process write their figures by `write_digest`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "save_figure", write_digest)
        patch.setattr(write, "MANY_FIGURES", float("inf"))  # workers would draw
        yield


def write_digest(draw: Any, directory: Path, stem: str, files: FigureFiles) -> tuple[tuple[Path, ...], list[str]]:
    """Stand for `save_figure`: files of their own names, which differ where what would be drawn does."""
    held = io.BytesIO()
    pickler = pickle.Pickler(held)
    pickler.fast = True  # else equal data would differ by which of its parts are one object
    pickler.dump((draw.args, files.width, files.failed))
    digest = hashlib.sha256(held.getvalue()).hexdigest()
    paths = tuple(directory / f"{stem}.{kind}" for kind in files.formats)
    for path in paths:
        with replacing(path) as new:  # as a figure's file is, so that what can go wrong in writing still can
            new.write_text(f'<svg xmlns="http://www.w3.org/2000/svg"><desc>{digest}</desc></svg>', encoding="utf-8")
    if files.notes is not None and "pdf" in files.formats:
        files.notes[stem] = ""
    return paths, []

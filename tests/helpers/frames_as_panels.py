"""Small panels for tests, built through the same door as a user's data frame."""

from pathlib import Path

import numpy as np
import polars as pl
from specdid._diagnostics import Document, Fault, Origin
from specdid._study import FigureOptions, Inference, RunOptions, Study
from specdid.language import Bound, Scope, bind, parse
from specdid.panel import Column, Evaluator, Panel, read_panel


def bare_study(data=None, unit=None, time=None, step=None, directory=None) -> Study:
    """A study that declares its data and keys and nothing else."""
    text = "\n".join(["[study]", f'data = "{data}"', f'unit = "{unit}"', f'time = "{time}"'])
    document = Document("spec.toml" if directory is None else str(Path(directory) / "spec.toml"), text)

    def origin(key: str) -> Origin:
        start = text.index(f'{key} = "') + len(key) + 4
        return Origin(("study", key), document, tuple(range(start, text.index('"', start) + 1)))

    path = None if data is None else Path(directory or ".") / data
    return Study(
        document,
        "spec",
        "",
        path,
        origin("data"),
        unit,
        time,
        step,
        origin("unit"),
        origin("time"),
        1,
        "listwise",
        "default",
        (),
        {},
        {},
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        (),
        {},
        Inference(),
        RunOptions(),
        FigureOptions(),
        {},
        (),
    )


def panel_of(columns, unit=None, time=None, step=None) -> Panel:
    """The panel of a dict of columns; fails where it has faults."""
    panel, faults = read_panel(bare_study(None, unit, time, step), pl.DataFrame(columns, strict=False))
    assert panel is not None, faults
    return panel


def faults_of(columns, unit=None, time=None, step=None) -> tuple[Fault, ...]:
    return read_panel(bare_study(None, unit, time, step), pl.DataFrame(columns, strict=False))[1]


def bound(panel: Panel, text: str, **derived: str) -> Bound:
    """An expression bound to a panel's columns and to derived ones, in the order given."""
    scope = Scope.of(panel.columns)
    for name, expression in derived.items():
        scope = scope.define(name, parse(expression))
    return bind(parse(text), scope)


def evaluate(panel: Panel, text: str, **derived: str) -> Column:
    return Evaluator(panel).column(bound(panel, text, **derived))


def values(panel: Panel, text: str, **derived: str) -> list[float | str | None]:
    """The values of an expression as Python has them, in the order that was given; None is missing."""
    column = evaluate(panel, text, **derived)
    if column.numbers is None:
        return [column.levels[code] if code >= 0 else None for code in as_given(panel, column.codes)]
    return [None if value != value else float(value) for value in as_given(panel, column.numbers)]


def as_given(panel: Panel, by_row: np.ndarray) -> np.ndarray:
    """What the panel has by row, in the order of the file or frame."""
    return by_row if panel.file_rows is None else by_row[np.argsort(panel.file_rows)]

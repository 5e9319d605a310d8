"""[[together]]: which options of several dimensions belong together."""

from __future__ import annotations

from collections.abc import Sequence

from specdid._decode.options import Options
from specdid._decode.selectors import read_selectors
from specdid._decode.table import Item, as_table, several
from specdid._format import TOGETHER
from specdid._study import Tie, TieRow

EXAMPLE = (
    '[[together]] has `dimensions = ["outcome", "estimator"]` and `options = [["log y", "OLS"], ["y", "Poisson"]]`'
)


def read_together(item: Item | None, dimensions: Sequence[str], options: Options) -> tuple[Tie, ...]:
    """Read the [[together]] tables in file order; a dimension is in one of them at most."""
    log = options.log
    if item is None:
        return ()
    if not isinstance(item.value, tuple):
        log.wrong_type(item, "a list of tables", "write [[together]] with two brackets")
        return ()
    taken: set[str] = set()
    found = (_tie(inner, dimensions, taken, options) for inner in item.value)
    return tuple(tie for tie in found if tie is not None)


def _tie(item: Item, dimensions: Sequence[str], taken: set[str], options: Options) -> Tie | None:
    log = options.log
    table = as_table(item, log, TOGETHER, help=EXAMPLE, subject="this [[together]]")
    if table is None:
        return None
    found = table.read(dimensions=lambda names: _names(names, dimensions, taken, options), options=lambda rows: rows)
    names, rows = found["dimensions"], found["options"]
    if names is None or rows is None:
        return None
    read = [_row(row, names, dimensions, options) for row in several(rows)]
    if not read:
        log.add(rows.origin, "empty_tie", "no options are tied", EXAMPLE)
    kept = tuple(row for row in read if row is not None)
    return Tie(names, kept, found["because"], item.key) if kept else None


def _names(written: Item, dimensions: Sequence[str], taken: set[str], options: Options) -> tuple[str, ...] | None:
    """Return the tied dimensions; None where one of them is wrong, since rows are read by their places."""
    log, whole = options.log, True
    found: dict[str, None] = {}
    for item in several(written):
        name = log.one_of(item, dimensions, "dimension")
        if name is not None and name in found:
            log.add(item.origin, "repeated", f"`{name}` is named twice", "take one away")
        elif name is not None and name in taken:
            message = f"`{name}` is tied by another [[together]] already"
            log.add(item.origin, "tied_twice", message, "write one [[together]] of all the dimensions that are tied")
        elif name is not None:
            found[name] = None
            continue
        whole = False
    taken.update(found)
    if whole and len(found) < 2:
        log.add(written.origin, "tie_of_one", "a tie is of two dimensions or more", EXAMPLE)
        whole = False
    return tuple(found) if whole else None


def _row(item: Item, names: Sequence[str], dimensions: Sequence[str], options: Options) -> TieRow | None:
    log = options.log
    listed = ", ".join(names)
    if not isinstance(item.value, tuple):
        log.wrong_type(item, "a list", f"a row has one entry for each of {listed}; several options of one are a list")
        return None
    if len(item.value) != len(names):
        message = f"this row has {len(item.value)} entries for {len(names)} dimensions"
        help_ = f"one for each of {listed}; several options of one are a list within the row"
        log.add(item.origin, "tie_row", message, help_)
        return None
    cells = []
    for name, cell in zip(names, item.value, strict=True):
        cells.append(read_selectors({name: cell}, dimensions, options).get(name, ()))
    return TieRow(tuple(cells), item.origin) if all(cells) else None

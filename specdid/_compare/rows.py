"""A comparison as rows: one per specification and vcov of either run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from specdid._compare.comparison import Comparison, Ints
from specdid._records import Results, Status
from specdid._records.write import guard, significant

if TYPE_CHECKING:
    import polars as pl

CHANGES = ("same", "changed", "redefined", "status", "added", "removed")
_NUMBERS = ("estimate", "std_error", "p_value", "nobs")


def rows(comparison: Comparison, guarded: bool = False) -> pl.DataFrame:
    """Lay out specifications of the new plan in its order, then what was removed.

    Columns: change (same, changed: other numbers; redefined: other content under the same
    labels; status; added; removed), spec_id and index of both runs, the labels, vcov,
    status, estimate, std_error, p_value and nobs of both runs, the move and the move in old
    standard errors of this vcov, and the reason where there is no number.

    Parameters
    ----------
    guarded
        For a CSV file: 12 significant digits, and text guarded against spreadsheets.
    """
    import polars as pl

    places = _places(comparison)
    vcovs = _vcovs(comparison)
    parts = [_part(comparison, *places, v, k, label) for label, v, k in vcovs]
    frame = pl.concat(parts).sort("row", "vcov_place", maintain_order=True).drop("row", "vcov_place")
    if not guarded:
        return frame
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    floats = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    written = {name: pl.Series(name, significant(frame[name].fill_null(np.nan).to_numpy())) for name in floats}
    return frame.with_columns(
        *(pl.col(name).map_elements(guard, return_dtype=pl.String) for name in texts),
        *(series.fill_nan(None) for series in written.values()),
    )


def _places(comparison: Comparison) -> tuple[Ints, Ints, NDArray[np.int8]]:
    """Return places in the old and new plan, -1 where there is none, and the kind of change."""
    pairs = comparison.pairs
    was, now = comparison.old.status[pairs.old], comparison.new.status[pairs.new]
    kind = {word: k for k, word in enumerate(CHANGES)}
    change = np.where(comparison.changed, kind["changed"], kind["same"])
    change[was != now] = kind["status"]
    change[pairs.redefined] = kind["redefined"]
    added, removed = np.full(len(pairs.added), -1), np.full(len(pairs.removed), -1)
    old = np.concatenate([pairs.old, added, pairs.removed])
    new = np.concatenate([pairs.new, pairs.added, removed])
    change = np.concatenate([change, np.full_like(added, kind["added"]), np.full_like(removed, kind["removed"])])
    order = np.argsort(np.where(new >= 0, new, len(comparison.new)), kind="stable")
    return old[order].astype(np.int64), new[order].astype(np.int64), change[order].astype(np.int8)


def _vcovs(comparison: Comparison) -> list[tuple[str, int, int]]:
    """Return every variance estimator of either run under the new label, -1 where a run has not got it."""
    before, after = comparison.old.planned.vcovs, comparison.new.planned.vcovs
    old = {b: a for a, b in comparison.vcovs}
    found = [(label, old.get(k, -1), k) for k, label in enumerate(after)]
    return found + [(label, v, -1) for v, label in enumerate(before) if v not in old.values()]


def _part(
    comparison: Comparison, old: Ints, new: Ints, change: NDArray[np.int8], v: int, k: int, label: str
) -> pl.DataFrame:
    """Return the rows of one vcov; a run without it has no standard errors in them."""
    import polars as pl

    a, b = comparison.old, comparison.new
    columns: dict[str, Any] = {
        "row": np.arange(len(new)),
        "vcov_place": np.full(len(new), k if k >= 0 else len(b.planned.vcovs) + v),
        "change": pl.Series([CHANGES[c] for c in change.tolist()], dtype=pl.String),
        "old_index": _places_from_1(old),
        "new_index": _places_from_1(new),
        "old_spec_id": _ids(a, old),
        "new_spec_id": _ids(b, new),
    }
    for name in dict.fromkeys([*b.planned.dimensions, *a.planned.dimensions]):
        columns[name] = _labels(a, b, old, new, name)
    columns["vcov"] = pl.Series([label] * len(new), dtype=pl.String)
    columns |= {"old_status": _status(a, old), "new_status": _status(b, new)}
    numbers = {name: (_numbers(a, old, name, v), _numbers(b, new, name, k)) for name in _NUMBERS}
    for name, (before, after) in numbers.items():
        written = _whole if name == "nobs" else _real
        columns |= {f"old_{name}": written(before), f"new_{name}": written(after)}
    move = numbers["estimate"][1] - numbers["estimate"][0]
    with np.errstate(divide="ignore", invalid="ignore"):
        in_se = move / numbers["std_error"][0]
    columns |= {"move": _real(move), "move_se": _real(in_se), "message": _messages(a, b, old, new)}
    return pl.DataFrame(columns)


def _labels(a: Results, b: Results, old: Ints, new: Ints, name: str) -> pl.Series:
    """Return the new labels of a dimension, the old ones where there is no new specification or dimension."""
    found = np.full(len(new), None, dtype=object)
    for results, places in ((a, old), (b, new)):
        if name in results.planned.dimensions:
            text = results.planned.dimension(name)
            mine = places >= 0
            found[mine] = np.asarray(text.words, dtype=object)[text.codes[places[mine]]]
    import polars as pl

    return pl.Series(found.tolist(), dtype=pl.String)


def _numbers(results: Results, places: Ints, name: str, vcov: int) -> NDArray[np.float64]:
    values = np.asarray(results.numbers[name], dtype=np.float64)
    if values.ndim == 2:
        values = values[:, vcov] if vcov >= 0 else np.full(len(values), np.nan)
    if name == "nobs":
        values = np.where(values < 0, np.nan, values)
    return np.asarray(np.where(places >= 0, values[places], np.nan))


def _real(values: NDArray[np.float64]) -> pl.Series:
    import polars as pl

    return pl.Series(np.where(np.isfinite(values), values, np.nan)).fill_nan(None)


def _whole(values: NDArray[np.float64]) -> pl.Series:
    import polars as pl

    return _real(values).cast(pl.Int64)


def _places_from_1(places: Ints) -> pl.Series:
    return _whole(np.where(places >= 0, places + 1.0, np.nan))


def _ids(results: Results, places: Ints) -> pl.Series:
    import polars as pl

    texts = [results.planned.spec_id(s) if s >= 0 else None for s in places.tolist()]
    return pl.Series(texts, dtype=pl.String)


def _status(results: Results, places: Ints) -> pl.Series:
    import polars as pl

    words = [s.name.lower() for s in Status]
    texts = [words[results.status[s]] if s >= 0 else None for s in places.tolist()]
    return pl.Series(texts, dtype=pl.String)


def _messages(a: Results, b: Results, old: Ints, new: Ints) -> pl.Series:
    """Return why the new specification has no number, or the old one where there is no new one."""
    import polars as pl

    texts = [b.message.at(n) if n >= 0 else a.message.at(o) for o, n in zip(old.tolist(), new.tolist(), strict=True)]
    return pl.Series(texts, dtype=pl.String)

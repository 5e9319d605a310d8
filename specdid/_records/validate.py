"""Whether a results.parquet is one that a run wrote, in all that readers of it rely on.

The file may come from a stranger or be damaged. Everything is checked here, once, so that
figures, tables and comparisons can take their results for granted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from specdid._columns import NUMBERS, RESERVED, schema
from specdid._hashing import DIGITS, begins_id
from specdid._records.blocks import STATUS_WORDS
from specdid._records.results import CODES, KINDS

if TYPE_CHECKING:
    import pyarrow as pa

_KINDS = {"int": "int64", "float": "double", "text": "string", "bool": "bool"}
_ERRORS = ("std_error", "statistic", "p_value", "conf_low", "conf_high", "df")
_LONGEST = 20_000


def validate_header(header: Any) -> None:
    """Check what the file's schema holds beside the columns.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    _require(isinstance(header, dict) and header.get("version") == 1, "its header has no version 1")
    _require(_is_text(header["title"]), "its title is no text")
    alpha = header["alpha"]
    _require(isinstance(alpha, float) and 0 < alpha < 1, "its alpha is not between 0 and 1")
    for name in ("dimensions", "extra", "control_terms"):
        words = header[name]
        _require(isinstance(words, list) and all(map(_is_text, words)), f"its {name} are no list of texts")
        _require(len(set(words)) == len(words), f"its {name} name one twice")
    names = [*header["dimensions"], *header["extra"]]
    _require(len(set(names)) == len(names) and not {*names} & {*RESERVED}, "two of its columns have one name")
    _require(_is_words(header["display"]), "its labels are no texts")
    types = header.get("types", {})
    _require(isinstance(types, dict) and set(types) <= set(header["dimensions"]), "its types are of no dimension")
    _require(all(_is_words(t) and set(t.values()) <= set(KINDS) for t in types.values()), "a type is unknown")


def validate_table(table: pa.Table, header: Mapping[str, Any]) -> None:
    """Check the columns against each other and against the header.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    columns = schema(header["dimensions"], header["extra"])
    found = [(f.name, str(f.type)) for f in table.schema]
    _require(found == [(c.name, _KINDS[c.kind]) for c in columns], "its columns are not those of results")
    for column in columns:
        if column.null == "never":
            _require(not table[column.name].null_count, f"`{column.name}` has empty cells")
        if column.kind == "text":
            words = table[column.name].unique().to_pylist()
            _require(all(w is None or _is_text(w) for w in words), f"`{column.name}` has control characters")
    _validate_rows(table)
    _validate_words(table, header)
    _validate_numbers(table)


def _validate_rows(table: pa.Table) -> None:
    """Every specification stands once under each vcov, in the order of the plan."""
    index = table["index"].to_numpy()
    step = int(np.sum(index == 1))
    _require((step == 0) == (len(index) == 0) and (not step or len(index) % step == 0), "rows are missing")
    if not step:
        return
    n = len(index) // step
    _require(np.array_equal(index, np.repeat(np.arange(1, n + 1), step)), "its rows are not in the order of the plan")
    vcovs = table["vcov"].to_pylist()
    _require(len(set(vcovs[:step])) == step and vcovs == vcovs[:step] * n, "its vcovs are not the same everywhere")
    ids = table["spec_id"].to_pylist()
    _require(all(map(_is_id, ids)) and ids == [i for i in ids[::step] for _ in range(step)], "an id is none")
    _require(all(t is None or _is_id(t) for t in table["twin"].to_pylist()), "a twin is no id")


def _validate_words(table: pa.Table, header: Mapping[str, Any]) -> None:
    status = table["status"].to_pylist()
    _require(set(status) <= set(STATUS_WORDS), "a status is unknown")
    _require({c for c in table["code"].to_pylist() if c is not None} <= set(CODES), "a code is unknown")
    members = header["control_members"]
    shown = len(table["controls"].unique()) if "controls" in header["dimensions"] else 0
    _require(not members.size or len(members) == shown, "its control terms are not those of its controls")


def _validate_numbers(table: pa.Table) -> None:
    ok = np.asarray(table["status"].to_numpy(zero_copy_only=False) == "ok", dtype=bool)
    numbers = {c.name: np.asarray(table[c.name].to_numpy(), dtype=np.float64) for c in NUMBERS}
    _require(not np.isinf(numbers["estimate"]).any(), "an estimate is infinite")
    _require(bool(np.isfinite(numbers["estimate"][ok]).all()), "an estimate is missing where the status is ok")
    _require(not np.isfinite(numbers["estimate"][~ok]).any(), "there is an estimate where the status is not ok")
    for column in NUMBERS:
        if column.kind == "int":
            values = numbers[column.name][np.isfinite(numbers[column.name])]
            _require(bool(np.all((values >= 0) & (values < 2**31))), f"`{column.name}` is no count")
    error, p = numbers["std_error"], numbers["p_value"]
    missing = np.stack([np.isnan(numbers[name]) for name in _ERRORS])
    _require(bool(np.all(missing == missing[0])), "an error, its t or p is missing beside the others")
    _require(not np.any(error < 0) and not np.any((p < 0) | (p > 1)), "an error or p is out of its range")


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST and (value.isprintable() or not value)


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, [*value, *value.values()]))


def _is_id(value: str) -> bool:
    return len(value) == DIGITS and begins_id(value) and value == value.lower()

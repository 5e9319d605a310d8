"""Data files: the path of one, [data."name"] tables of files that are joined, and ``reshape`` of a wide file."""

from __future__ import annotations

import re
from pathlib import Path

from specdid._decode.table import Item, Log, as_table, lines_of, several
from specdid._format import JOINED, RESHAPE
from specdid._study import JoinedFile, Reshape, WideColumns

MOST_FILES = 50
MOST_PATTERNS = 200
_HINT = '[data."weather"] has file = "weather.csv" and by = ["city_id", "year"]'
_BY = 'name the columns that say which rows belong together: by = ["city_id", "year"]'
_RESHAPE = 'write reshape = { time = "year", columns = "gdp_{year}" }; several patterns are a list'
_PERIOD = re.compile(r"\{([^{}]*)\}")


def read_path(item: Item, directory: Path, log: Log) -> Path | None:
    """Return a data file's path; only a path of this machine's files is one."""
    text = log.text(item, 'name a file: "panel.csv"')
    if text is None:
        return None
    wrong: tuple[str, str | None] | None = None
    key = item.key.path[-1] if item.key.path else "data"
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:", text):
        wrong = ("a URL is not read", "download the file, so that the study can be repeated")
    elif text.startswith("~"):
        wrong = (f"`~` is not replaced in `{key}`", "write the path in full, or relative to this file")
    elif not text.isprintable():
        help_ = "between double quotes TOML reads `\\t` as a tab: use single quotes, or `/`"
        wrong = ("a path cannot hold control characters", help_)
    elif "|" in text or "*" in text or "?" in text:
        wrong = (f"`{key}` names one file: pipes and patterns are not read", None)
    if wrong:
        log.add(item.origin, "bad_path", *wrong)
        return None
    return directory / text


def read_joined(item: Item | None, directory: Path, log: Log, unread: set[tuple[str, str]]) -> tuple[JoinedFile, ...]:
    """Read [data] in file order; what could not be read is noted in ``unread`` as ("data", name)."""
    if item is not None and isinstance(item.value, tuple):
        log.add(item.key, "bad_name", "joined files are tables with names of their own", _HINT)
    if item is None or not isinstance(item.value, dict):
        return ()  # `data = "file.csv"` above [study] is that key astray
    rows = lines_of(item, log, _HINT)
    if not rows.keys().isdisjoint(JOINED.names):
        log.add(item.key, "bad_name", "a joined file has a name: its keys stand right below [data]", _HINT)
        unread.add(("data", ""))
        return ()
    if len(rows) > MOST_FILES:
        log.add(item.key, "too_large", f"{len(rows)} files are joined; {MOST_FILES} can be")
    found = []
    for inner in list(rows.values())[:MOST_FILES]:
        name = log.label(inner)
        read = _joined(name, inner, directory, log)
        if read is None:
            unread.add(("data", name))
        else:
            found.append(read)
    return tuple(found)


def _joined(name: str, item: Item, directory: Path, log: Log) -> JoinedFile | None:
    table = as_table(item, log, JOINED, f'[data."{name}"]', _HINT)
    if table is None:
        return None
    found = table.read(
        file=lambda inner: read_path(inner, directory, log),
        by=lambda inner: _by(inner, log),
        reshape=lambda inner: read_reshape(inner, log),
    )
    if found["file"] is None or not found["by"] or ("reshape" in table and found["reshape"] is None):
        return None
    file, by = (table.origin(key) or item.key for key in ("file", "by"))
    return JoinedFile(name, found["file"], found["by"], found["suffix"], found["reshape"], item.key, file, by)


def _by(item: Item, log: Log) -> tuple[tuple[str, str], ...]:
    """Read `by`: a column, a list of columns, or a table of the study's columns and the file's names of them."""
    if isinstance(item.value, dict):
        texts = [(key, log.text(inner, _BY)) for key, inner in item.value.items()]
    else:
        texts = [(text or "", text) for text in (log.text(one, _BY) for one in several(item))]
    if not texts:
        log.add(item.origin, "missing_key", "`by` names no column", _BY)
    found = [(_name(ours), _name(theirs)) for ours, theirs in texts if theirs is not None]
    names = [name for pair in zip(*found, strict=True) for name in {n for n in pair if pair.count(n) > 1}]
    twice = set(names)
    for name in sorted(twice):
        log.add(item.origin, "contradiction", f"`{name}` is named twice", "take one away")
    return () if twice or len(found) < len(texts) else tuple(found)


def _name(text: str) -> str:
    """Take a column's name as it is, with the formula language's backticks or without."""
    return text[1:-1] if len(text) > 2 and text[0] == text[-1] == "`" else text


def read_reshape(item: Item, log: Log) -> Reshape | None:
    """Read ``reshape``; None where it is wrong in any of its parts."""
    faults = len(log.faults)
    table = as_table(item, log, RESHAPE, "`reshape`", _RESHAPE)
    found = None if table is None else table.read(columns=lambda inner: inner)
    if found is None or found["time"] is None or found["columns"] is None:
        return None
    columns = _patterns(found["columns"], found["time"], log)
    return None if len(log.faults) > faults else Reshape(found["time"], columns, item.key)


def _patterns(columns: Item, time: str, log: Log) -> tuple[WideColumns, ...]:
    if isinstance(columns.value, dict):
        items = [(log.label(one), one) for one in columns.value.values()]
    else:
        items = [("", one) for one in several(columns)]
    if not items or len(items) > MOST_PATTERNS:
        message = f"`columns` has {len(items):,} patterns; 1 to {MOST_PATTERNS} can stand there"
        log.add(columns.origin, "out_of_range", message, _RESHAPE)
        return ()
    read = [_pattern(name, one, time, log) for name, one in items]
    found: dict[str, WideColumns] = {}
    for one in read:
        if one is not None and (one.name in found or one.name == time):
            message = f"two columns would be called `{one.name}`"
            log.add(one.origin, "contradiction", message, 'name them: columns = { gdp = "gdp_{year}" }')
        elif one is not None:
            found[one.name] = one
    return tuple(found.values())


def _pattern(name: str, item: Item, time: str, log: Log) -> WideColumns | None:
    """Read "gdp_{year}": a name with one place for the period; without a name of its own the rest is one."""
    text = log.text(item, _RESHAPE)
    if text is None:
        return None
    holes = list(_PERIOD.finditer(text))
    if [h.group(1).strip() for h in holes] != [time]:
        message = f"`{text}` must hold `{{{time}}}` once, where the period stands, and no other braces"
        log.add(item.origin, "wrong_type", message, _RESHAPE)
        return None
    before, after = text[: holes[0].start()], text[holes[0].end() :]
    name = name or (before.rstrip("_.- ") + after).strip("_.- ")
    if not name:
        help_ = f'name it: columns = {{ gdp = "{text}" }}'
        log.add(item.origin, "wrong_type", f"the column made of `{text}` has no name", help_)
        return None
    return WideColumns(name, before, after, text, item.origin)

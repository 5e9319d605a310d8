"""[[exclude]], [preferred] and [[together]]: which options of which dimensions are meant, and which belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specdid._decode.options import Options
from specdid._decode.table import Item, Log, Table, as_table, lines_of, several
from specdid._diagnostics import did_you_mean
from specdid._format import EXCLUDE, SELECTOR, TOGETHER, role_of
from specdid._study import Exclusion, Selector, Tie, TieRow

Selectors = Mapping[str, tuple[Selector, ...]]

RULE = EXCLUDE.needs[0][1]
EXAMPLE = (
    '[[together]] has `dimensions = ["outcome", "estimator"]` and `options = [["log y", "OLS"], ["y", "Poisson"]]`'
)


def read_exclusions(item: Item | None, dimensions: Sequence[str], options: Options) -> tuple[Exclusion, ...]:
    """Read the [[exclude]] rules in file order."""
    log = options.log
    if item is None:
        return ()
    if not isinstance(item.value, tuple):
        log.wrong_type(item, "a list of tables", "write [[exclude]] with two brackets")
        return ()
    rules = [_rule(inner, dimensions, options) for inner in item.value]
    return tuple(rule for rule in rules if rule is not None)


def _rule(item: Item, dimensions: Sequence[str], options: Options) -> Exclusion | None:
    table = as_table(item, options.log, EXCLUDE, help=RULE, subject="this rule")
    if table is None:
        return None

    def selectors(inner: Item) -> Selectors | None:
        """Return a rule's selectors, None where one of them could not be read."""
        rows = lines_of(inner, options.log, RULE)
        if inner.value == {}:
            options.log.add(inner.origin, "missing_key", f"`{inner.key.path[-1]}` names no dimension", RULE)
        found = read_selectors(rows, dimensions, options)
        return found if found and len(found) == len(rows) and all(found.values()) else None

    found = table.read(when=selectors, unless=selectors)
    wrong = found["because"] is None or any(key in table and found[key] is None for key in ("when", "unless"))
    if wrong or not (found["when"] or found["unless"]):
        return None
    return Exclusion(found["when"] or {}, found["unless"] or {}, found["because"], item.key)


def read_preferred(item: Item | None, dimensions: Sequence[str], options: Options) -> Selectors:
    """Read [preferred]."""
    rows = lines_of(item, options.log, 'write [preferred] and below it dimension = "label"')
    found = read_selectors(rows, dimensions, options)
    return {name: chosen for name, chosen in found.items() if chosen}


def read_selectors(rows: Mapping[str, Item], dimensions: Sequence[str], options: Options) -> Selectors:
    """Read ``dimension = selector`` lines; labels that could not be read are left out."""
    log = options.log
    found: dict[str, tuple[Selector, ...]] = {}
    for name, item in rows.items():
        if name not in dimensions:
            _no_dimension(item, name, dimensions, log)
            continue
        if item.value == ():
            help_ = "take the key away, or name an option"
            log.add(item.origin, "missing_key", f"no option of {name} is named", help_)
        selectors = [_selector(one, name, log) for one in several(item)]
        found[name] = tuple(s for s in selectors if s is not None and (name, s.text) not in options.unread)
    return found


def _selector(item: Item, dimension: str, log: Log) -> Selector | None:
    if isinstance(item.value, str):
        text = log.text(item)
        return Selector(text, None, None, item.origin) if text is not None else None
    if not isinstance(item.value, dict):
        help_ = log.as_text(item) or 'write a label, a formula, a list, or { has = "x", lacks = "z" }'
        log.wrong_type(item, "text or a table", help_)
        return None
    role = role_of(dimension)
    table = Table(item, log, SELECTOR, f"the selector of {dimension}")
    found = table.read(**dict.fromkeys(SELECTOR.names, lambda inner: log.expression(inner, role)))
    has, lacks = found["has"], found["lacks"]
    if not item.value:
        help_ = 'write { has = "x", lacks = "z" }'
        log.add(item.origin, "missing_key", "this selector says nothing", help_)
    return Selector(None, has, lacks, item.origin) if has or lacks else None


def _no_dimension(item: Item, name: str, dimensions: Sequence[str], log: Log) -> None:
    listed = f"dimensions of this study: {', '.join(dimensions)}"
    near = did_you_mean(name, dimensions)
    help_ = near or listed
    if name == "vcov":
        help_ = "vcovs are no dimension: each is a further row of the same specification"
    notes = () if help_ == listed else (listed,)
    log.add(item.key, "unknown_name", f"no dimension `{name}`", help_, notes=notes)


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
        log.add(rows.origin, "missing_key", "no options are tied", EXAMPLE)
    kept = tuple(row for row in read if row is not None)
    return Tie(names, kept, found["because"], item.key) if kept else None


def _names(written: Item, dimensions: Sequence[str], taken: set[str], options: Options) -> tuple[str, ...] | None:
    """Return the tied dimensions; None where one of them is wrong, since rows are read by their places."""
    log, whole = options.log, True
    found: dict[str, None] = {}
    for item in several(written):
        name = log.one_of(item, dimensions, "dimension")
        if name is not None and name in found:
            log.add(item.origin, "contradiction", f"`{name}` is named twice", "take one away")
        elif name is not None and name in taken:
            message = f"`{name}` is tied by another [[together]] already"
            log.add(item.origin, "bad_tie", message, "write one [[together]] of all the dimensions that are tied")
        elif name is not None:
            found[name] = None
            continue
        whole = False
    taken.update(found)
    if whole and len(found) < 2:
        log.add(written.origin, "bad_tie", "a tie is of two dimensions or more", EXAMPLE)
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
        log.add(item.origin, "bad_tie", message, help_)
        return None
    cells = []
    for name, cell in zip(names, item.value, strict=True):
        cells.append(read_selectors({name: cell}, dimensions, options).get(name, ()))
    return TieRow(tuple(cells), item.origin) if all(cells) else None

"""[[exclude]] and [preferred]: which options of which dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specdid._decode.options import Options
from specdid._decode.table import Item, Log, Table, as_table, lines_of, several
from specdid._diagnostics import did_you_mean
from specdid._format import EXCLUDE, SELECTOR, role_of
from specdid._study import Exclusion, Selector

Selectors = Mapping[str, tuple[Selector, ...]]

RULE = EXCLUDE.needs[0][1]


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
            options.log.add(inner.origin, "empty_selector", f"`{inner.key.path[-1]}` names no dimension", RULE)
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
            log.add(item.origin, "empty_selector", f"no option of {name} is named", help_)
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
        log.add(item.origin, "empty_selector", "this selector says nothing", help_)
    return Selector(None, has, lacks, item.origin) if has or lacks else None


def _no_dimension(item: Item, name: str, dimensions: Sequence[str], log: Log) -> None:
    listed = f"dimensions of this study: {', '.join(dimensions)}"
    near = did_you_mean(name, dimensions)
    help_ = near or listed
    if name == "vcov":
        help_ = "vcovs are no dimension: each is a further row of the same specification"
    notes = () if help_ == listed else (listed,)
    log.add(item.key, "no_dimension", f"no dimension `{name}`", help_, notes=notes)

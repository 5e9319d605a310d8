"""[[exclude]] and [preferred]: which options of which dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from specdid._decode.options import Options
from specdid._decode.table import ROLES, Item, Log, Table, as_table
from specdid._diagnostics import did_you_mean
from specdid._study import Exclusion, Selector

Selectors = Mapping[str, tuple[Selector, ...]]

RULE = '[[exclude]] has `when = { dimension = "label" }`, `unless` likewise, and `because = "…"`'


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
    table = as_table(item, options.log, "[[exclude]]", RULE, ("when", "unless", "because"))
    if table is None:
        return None
    because = table.text("because")
    if "because" not in table:
        table.missing("because", "this rule has no `because`", "say why: the reason is shown in the output")
    if "when" not in table and "unless" not in table:
        table.missing("when", "this rule has neither `when` nor `unless`", RULE)
    when, when_whole = _of(table, "when", dimensions, options)
    unless, unless_whole = _of(table, "unless", dimensions, options)
    table.close()
    if because is None or not (when_whole and unless_whole) or not (when or unless):
        return None
    return Exclusion(when, unless, because, item.key)


def _of(table: Table, key: str, dimensions: Sequence[str], options: Options) -> tuple[Selectors, bool]:
    """Return a rule's selectors and whether all of them could be read."""
    inner = table.table(key)
    if inner is None:
        return {}, key not in table
    if not inner.rows:
        options.log.add(inner.item.origin, "empty_selector", f"`{key}` names no dimension", RULE)
    found = read_selectors(inner, dimensions, options)
    return found, len(found) == len(inner.rows) and all(found.values())


def read_preferred(item: Item | None, dimensions: Sequence[str], options: Options) -> Selectors:
    """Read [preferred]."""
    hint = 'write [preferred] and below it dimension = "label"'
    table = as_table(item, options.log, "[preferred]", hint) if item else None
    found = read_selectors(table, dimensions, options) if table else {}
    return {name: chosen for name, chosen in found.items() if chosen}


def read_selectors(table: Table, dimensions: Sequence[str], options: Options) -> Selectors:
    """Read ``dimension = selector`` lines; labels that could not be read are left out."""
    log = options.log
    found: dict[str, tuple[Selector, ...]] = {}
    for name, item in table.rows.items():
        if name not in dimensions:
            _no_dimension(item, name, dimensions, log)
            continue
        several = item.value if isinstance(item.value, tuple) else (item,)
        if not several:
            help_ = "take the key away, or name an option"
            log.add(item.origin, "empty_selector", f"no option of {name} is named", help_)
        selectors = [_selector(one, name, log) for one in several]
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
    table = Table(item, log, f"the selector of {dimension}")
    role = ROLES.get(dimension, "terms")
    has, lacks = table.expression("has", role), table.expression("lacks", role)
    table.close()
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

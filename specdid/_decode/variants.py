"""[variant], [derive], [macros] and [labels]."""

from __future__ import annotations

from collections.abc import Mapping

from specdid import language
from specdid._columns import DIMENSIONS, RESERVED
from specdid._decode.items import Item
from specdid._decode.options import META, Options, read_meta
from specdid._decode.table import Log, as_table, fixed
from specdid._diagnostics import Origin
from specdid._study import Expression, Variant, VariantOption
from specdid.language import LanguageError
from specdid.language.check import Role
from specdid.language.tree import Constant, Name, Node, Number

KEYS = ("derive", "add", "absorb", "where", *META)
NOTHING_KNOWN: dict[str, Node] = {"value": Constant(None), "terms": Number(1.0)}


def read_variants(item: Item | None, options: Options) -> tuple[Variant, ...]:
    """Read the user's own dimensions in file order."""
    log = options.log
    hint = 'write [variant."name"] and below it "label" = { … }'
    table = as_table(item, log, "[variant]", hint) if item else None
    found = []
    for inner in table.rows.values() if table else ():
        name = log.label(inner)
        if name in DIMENSIONS or name in RESERVED:
            message = f"a variant cannot be called `{name}`, a column of the results"
            log.add(inner.key, "reserved_name", message, "give it another name")
            continue
        rows = as_table(inner, log, f'[variant."{name}"]', hint)
        if rows is not None and not rows.rows:
            message = f'[variant."{name}"] has no options'
            log.add(inner.key, "empty_dimension", message, 'write "label" = { … } below it')
        read = tuple(_variant_option(option, name, options) for option in rows.rows.values()) if rows else ()
        found.append(Variant(name, tuple(o for o in read if o is not None), inner.key))
    return tuple(found)


def _variant_option(item: Item, variant: str, options: Options) -> VariantOption | None:
    log = options.log
    label = log.label(item)
    hint = 'write { where = "…" }, { add = "…" }, { absorb = "…" } or { derive = { … } }; {} changes nothing'
    table = as_table(item, log, f"the {variant} option `{label}`", hint, KEYS)
    if table is None:
        options.unread.add((variant, label))
        return None
    unread: set[tuple[str, str]] = set()
    option = VariantOption(
        label,
        read_definitions(table.get("derive"), log, "derive", "value", unread),
        table.expression("add", "terms"),
        table.expression("absorb", "effects"),
        table.expression("where", "condition"),
        read_meta(table),
        item.key,
    )
    table.close()
    read = {"add": option.add, "absorb": option.absorb, "where": option.where}
    if unread or any(key in table and expression is None for key, expression in read.items()):
        options.unread.add((variant, label))
    return option


def read_definitions(
    item: Item | None, log: Log, title: str, role: Role, unread: set[tuple[str, str]]
) -> Mapping[str, Expression]:
    """Read ``name = expression`` of [derive] and [macros].

    A name whose expression is wrong is defined all the same, as nothing, and noted in ``unread``,
    so that its uses are not reported as well.
    """
    table = as_table(item, log, f"[{title}]", f'write [{title}] and below it name = "…"') if item else None
    found: dict[str, Expression] = {}
    for inner in table.rows.values() if table else ():
        name = _defined_name(inner.key.path[-1], inner, log, title)
        expression = log.expression(inner, role)
        if expression is None:
            unread.add((title, name))
        found.setdefault(name, expression or fixed(NOTHING_KNOWN[role], inner.origin))
    return found


def _defined_name(key: str, item: Item, log: Log, title: str) -> str:
    if title == "macros" and key.startswith(".."):
        name = key.lstrip(".")
        log.add(item.key, "bad_name", f"a macro is defined without its dots: `{key}`", f"write {name} = …")
        return name
    try:
        node = language.parse(key)
    except LanguageError:
        node = None
    if isinstance(node, Name):
        return node.name
    log.add(
        item.key,
        "bad_name",
        f"`{key}` is no name",
        'a name is letters, digits, `.` and `_`; in backticks it may be anything: "`so2 (t)`" = …',
    )
    return key


def read_labels(item: Item | None, log: Log) -> tuple[Mapping[str, str], Mapping[str, Origin]]:
    """Read [labels]: column or term -> the words shown for it, and -> where it is written."""
    table = as_table(item, log, "[labels]", '[labels] has lines column = "words"') if item else None
    items = {inner.key.path[-1]: inner for inner in (table.rows if table else {}).values()}
    texts = {key: log.words(inner) for key, inner in items.items()}
    found = {key: text for key, text in texts.items() if text is not None}
    return found, {key: items[key].key for key in found}

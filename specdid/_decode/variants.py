"""[variant], [vcov], [derive], [macros] and [labels]."""

from __future__ import annotations

from collections.abc import Mapping

from specdid import language
from specdid._decode.items import Item
from specdid._decode.options import Options, read_meta
from specdid._decode.table import Log, as_table, fixed, part_of
from specdid._decode.words import RESERVED
from specdid._diagnostics import Origin, closest
from specdid._study import Expression, Variant, VariantOption, VcovOption
from specdid.language import LanguageError
from specdid.language.check import Role
from specdid.language.tree import Constant, Name, Node, Number, Unary, chain

VCOV_HELP = 'a vcov is "iid", "hetero", "~a" or "~a + b"'
ROBUST = ("robust", "heteroskedastic", "white", "hc0", "hc1", "hc2", "hc3", "r")
"""What other software calls "hetero"."""
NOTHING_KNOWN: dict[str, Node] = {"value": Constant(None), "terms": Number(1.0)}


def read_variants(item: Item | None, options: Options) -> tuple[Variant, ...]:
    """Read the user's own dimensions in file order."""
    log = options.log
    hint = 'write [variant."name"] and below it "label" = { … }'
    table = as_table(item, log, "[variant]", hint) if item else None
    found = []
    for inner in table.rows.values() if table else ():
        name = log.label(inner)
        if name in RESERVED:
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
    table = as_table(item, log, f"the {variant} option `{label}`", hint)
    if table is None:
        options.unread.add((variant, label))
        return None
    option = VariantOption(
        label,
        read_definitions(table.get("derive"), log, "derive", "value"),
        table.expression("add", "terms"),
        table.expression("absorb", "effects"),
        table.expression("where", "condition"),
        read_meta(table),
        item.key,
    )
    table.close()
    return option


def read_definitions(item: Item | None, log: Log, title: str, role: Role) -> Mapping[str, Expression]:
    """Read ``name = expression`` of [derive] and [macros].

    A name whose expression is wrong is defined all the same, as nothing, so that its
    uses are not reported as well.
    """
    table = as_table(item, log, f"[{title}]", f'write [{title}] and below it name = "…"') if item else None
    found: dict[str, Expression] = {}
    for key, inner in table.rows.items() if table else ():
        name = _defined_name(key, inner, log, title)
        expression = log.expression(inner, role)
        found[name] = expression or fixed(NOTHING_KNOWN[role], inner.origin)
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
    log.add(item.key, "bad_name", f"`{key}` is no name",
            'a name is letters, digits, `.` and `_`; in backticks it may be anything: "`so2 (t)`" = …')
    return key


def read_labels(item: Item | None, log: Log) -> tuple[Mapping[str, str], Mapping[str, Origin]]:
    """Read [labels]: column or term -> the words shown for it, and -> where it is written."""
    table = as_table(item, log, "[labels]", '[labels] has lines column = "words"') if item else None
    texts = {key: log.words(inner) for key, inner in (table.rows if table else {}).items()}
    found = {key: text for key, text in texts.items() if text is not None}
    return found, {key: table.rows[key].key for key in found} if table else {}


def read_vcovs(item: Item | None, log: Log) -> tuple[VcovOption, ...]:
    """Read [vcov]; the first is the one on the curve."""
    table = as_table(item, log, "[vcov]", 'write [vcov] and below it "label" = "~column"') if item else None
    if table is not None and not table.rows:
        log.add(table.item.key, "empty_dimension", "[vcov] has no options", VCOV_HELP)
    options = [read_vcov(inner, log.label(inner), log) for inner in (table.rows.values() if table else ())]
    return tuple(o for o in options if o is not None)


def read_vcov(item: Item, label: str | None, log: Log) -> VcovOption | None:
    """Read one vcov."""
    text = log.text(item, VCOV_HELP)
    if text is None:
        return None
    if text in {"iid", "hetero"}:
        return VcovOption(label, text, (), text, item.key)  # type: ignore[arg-type]
    if "~" not in text:
        robust = text.casefold() in ROBUST or closest(text, ("hetero",)) is not None
        help_ = 'write "hetero"' if robust else f"{VCOV_HELP}; to cluster by a column, write \"~{text}\""
        log.add(item.origin, "bad_vcov", f"no vcov `{text}`", help_)
        return None
    return _cluster_vcov(item, text, label, log)


def _cluster_vcov(item: Item, text: str, label: str | None, log: Log) -> VcovOption | None:
    try:
        tree = language.parse(text)
    except LanguageError as error:
        log.problems(error.problems, item.origin)
        return None
    if not isinstance(tree, Unary) or tree.operator != "~":
        log.add(item.origin, "bad_vcov", "a vcov begins with `~`", VCOV_HELP)
        return None
    problems = language.check(tree.operand, "names")
    names = chain(tree.operand, "+")
    log.problems(problems, item.origin)
    if len(names) > 2:
        message = f"a vcov clusters by one or two columns, not {len(names)}"
        log.add(item.origin, "bad_vcov", message, VCOV_HELP, names[2].span)
    if problems or len(names) > 2:
        return None
    clusters = tuple(part_of(text, name, item.origin) for name in names)
    return VcovOption(label, "cluster", clusters, "~" + language.write(tree.operand), item.key)



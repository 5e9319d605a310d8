"""[vcov]: a text, or a table of a formula, a small-sample correction and a distribution."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

from specdid import language
from specdid._decode.items import Item
from specdid._decode.options import dotted_label
from specdid._decode.other_programs import vcov_help
from specdid._decode.table import Log, Table, as_table, part_of
from specdid._diagnostics import Origin
from specdid._study import DISTRIBUTIONS, RULES, Distribution, Expression, Kind, Rule, VcovOption
from specdid.language import LanguageError
from specdid.language.tree import Unary, chain

HELP = 'a vcov is "iid", "hetero", "~a" or "~a + b"'
TABLE_HELP = 'write { formula = "~a", ssc = "…", distribution = "…" }'
KEYS = ("formula", "ssc", "distribution")
OF_COMMANDS: dict[str, Rule] = {
    "felm": "lsdv", "lfe": "lsdv", "reg": "lsdv", "regress": "lsdv", "lm": "lsdv", "ols": "lsdv",
    "statsmodels": "lsdv", "linearmodels": "lsdv", "xtreg": "reghdfe", "feols": "fixest", "pyfixest": "fixest",
    "ppmlhdfe": "glm", "ml": "glm", "logit": "glm", "poisson": "glm", "cr0": "none", "hc0": "none",
}  # fmt: skip
"""What users of other software call a correction."""
OF_LAWS: dict[str, Distribution] = {"z": "normal", "norm": "normal", "gaussian": "normal", "n": "normal",
                                    "student": "t"}  # fmt: skip


def read_vcovs(item: Item | None, log: Log) -> tuple[VcovOption, ...]:
    """Read [vcov]; the first is the one on the curve."""
    table = as_table(item, log, "[vcov]", 'write [vcov] and below it "label" = "~column"') if item else None
    if table is not None and not table.rows:
        log.add(table.item.key, "empty_dimension", "[vcov] has no options", HELP)
    options = [read_vcov(inner, log.label(inner), log) for inner in (table.rows.values() if table else ())]
    return tuple(o for o in options if o is not None)


def read_vcov(item: Item, label: str | None, log: Log) -> VcovOption | None:
    """Read one vcov."""
    if isinstance(item.value, str):
        return _option(item, label, item, "fixest", None, log)
    if not isinstance(item.value, dict):
        log.wrong_type(item, "text or a table", HELP)
        return None
    if dotted_label(item, KEYS, log):
        return None
    table = Table(item, log, f"the vcov option `{label}`" if label else "`vcov`")
    formula = table.get("formula")
    ssc = cast("Rule | None", _choice(table, "ssc", RULES, OF_COMMANDS))
    distribution = cast("Distribution | None", _choice(table, "distribution", DISTRIBUTIONS, OF_LAWS))
    table.close()
    if formula is None:
        table.missing("formula", f"{table.title} has no `formula`", TABLE_HELP)
        return None
    return _option(item, label, formula, ssc or "fixest", distribution, log)


def _choice(table: Table, key: str, choices: tuple[str, ...], known: Mapping[str, str]) -> str | None:
    """Read one of ``choices``; ``known`` are other names of them."""
    item = table.get(key)
    if item is None:
        return None
    listed = f"`{key}` is one of {', '.join(choices)}"
    if item.value is False and "none" in choices:
        table.log.wrong_type(item, "text", 'write "none"')
        return None
    if not isinstance(item.value, str):
        table.log.wrong_type(item, "text", listed)
        return None
    meant = known.get(item.value.casefold())
    if meant is None or item.value in choices:
        return table.log.choice(item, choices, key)
    message = f"`{key}` cannot be `{item.value}`"
    table.log.add(item.origin, "bad_choice", message, f'write "{meant}"', notes=(listed,))
    return None


def _option(
    item: Item, label: str | None, formula: Item, ssc: Rule, distribution: Distribution | None, log: Log
) -> VcovOption | None:
    """Read the formula of a vcov; ``item`` is the whole."""
    read = _formula(formula, log)
    if read is None:
        return None
    kind, clusters, text = read
    more = [] if ssc == "fixest" else [f"ssc {ssc}"]
    text = ", ".join([text, *more, *([distribution] if distribution else [])])
    return VcovOption(label, kind, clusters, text, item.key, ssc, distribution)


def _formula(item: Item, log: Log) -> tuple[Kind, tuple[Expression, ...], str] | None:
    """Read "iid", "hetero", "~a" or "~a + b": the kind, its clusters and the canonical text."""
    text = log.text(item, HELP)
    if text is None:
        return None
    if text in {"iid", "hetero"}:
        return cast("Kind", text), (), text
    if "~" not in text.lstrip()[:1]:
        column = re.fullmatch(r"[\w.]+(?: *\+ *[\w.]+)?", text.strip())
        by_column = f'{HELP}; to cluster by a column, write "~{text.strip()}"' if column else HELP
        help_ = vcov_help(text) or by_column
        log.add(item.origin, "bad_vcov", f"no vcov `{text}`", help_)
        return None
    return _clustered(text, item.origin, log)


def _clustered(text: str, origin: Origin, log: Log) -> tuple[Kind, tuple[Expression, ...], str] | None:
    try:
        tree = language.parse(text)
    except LanguageError as error:
        log.problems(error.problems, origin)
        return None
    if not isinstance(tree, Unary) or tree.operator != "~":
        log.add(origin, "bad_vcov", "a vcov begins with `~`", HELP)
        return None
    problems = language.check(tree.operand, "names")
    names = chain(tree.operand, "+")
    log.problems(problems, origin)
    if len(names) > 2:
        message = f"a vcov clusters by one or two columns, not {len(names)}"
        log.add(origin, "bad_vcov", message, HELP, names[2].span)
    if problems or len(names) > 2:
        return None
    return "cluster", tuple(part_of(text, name, origin) for name in names), "~" + language.write(tree.operand)

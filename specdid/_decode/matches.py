"""``match = {…}`` of a sample."""

from __future__ import annotations

from collections.abc import Sequence

from specdid import _plugins
from specdid._decode.items import Item
from specdid._decode.table import Log, Table, as_table
from specdid._study import Match

KEYS = (
    "on", "treated", "at", "method", "ratio", "replace", "caliper", "caliper_sd", "bandwidth", "exact",
    "common_support",
)  # fmt: skip
SETTINGS = ("ratio", "replace", "caliper", "caliper_sd", "bandwidth", "common_support")


def read_match(item: Item | None, methods: Sequence[str], log: Log) -> Match | None:
    """Read how a sample is matched; None where it is not, or wrongly."""
    hint = 'write match = { on = "x1 + x2", method = "nearest" }'
    table = as_table(item, log, "`match`", hint, KEYS) if item else None
    if table is None:
        return None
    if "on" not in table:
        table.missing("on", "`match` has no `on`", 'name what to match on: on = "x1 + x2"')
    positive = ("above 0", lambda x: x > 0)
    match = {
        "on": table.expression("on", "terms"),
        "treated": table.expression("treated", "value"),
        "at": table.expression("at", "condition"),
        "method": table.choice("method", methods) or "nearest",
        "ratio": table.whole("ratio", "1 or more", lambda n: n >= 1),
        "replace": table.flag("replace"),
        "caliper": table.number("caliper", *positive),
        "caliper_sd": table.number("caliper_sd", *positive),
        "bandwidth": table.number("bandwidth", *positive),
        "exact": table.expression("exact", "names"),
        "common_support": table.flag("common_support"),
    }
    table.close()
    if "caliper" in table.rows and "caliper_sd" in table.rows:
        message = "`caliper` and `caliper_sd` say the same thing twice"
        help_ = "keep the one that is meant: on the score, or in its standard deviations"
        log.add(table.rows["caliper_sd"].key, "contradiction", message, help_)
    _check_settings(table, str(match["method"]), log)
    return Match(**match, origin=table.item.key) if match["on"] is not None else None  # type: ignore[arg-type]


def _check_settings(table: Table, method: str, log: Log) -> None:
    """Say which settings the method would ignore, and which it cannot do without."""
    declared = _plugins.load("matching", method)
    takes = [name for name in SETTINGS if name in declared.settings]
    for name in SETTINGS:
        if name in table.rows and name not in takes:
            help_ = f"{method} matching takes {', '.join(takes) or 'no settings'}"
            message = f"{method} matching would ignore `{name}`"
            log.add(table.rows[name].key, "not_honoured", message, help_)
    for names in declared.needs:
        if not any(name in table for name in names):
            listed = " or ".join(f"`{name}`" for name in SETTINGS if name in names)
            log.add(table.item.key, "missing_setting", f"{method} matching needs {listed}")

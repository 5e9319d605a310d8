"""Studies as TOML files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def write_toml(study: dict[str, Any], path: Path) -> Path:
    """Write a study given as a dict; inner tables are inline."""
    lines = []
    for name, table in study.items():
        if isinstance(table, list):
            lines += [line for item in table for line in (f"[[{name}]]", *_pairs(item))]
        else:
            lines += [f"[{name}]", *_pairs(table)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _pairs(table: dict[str, Any]) -> list[str]:
    return [f"{json.dumps(key, ensure_ascii=False)} = {_value(value)}" for key, value in table.items()]


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(_pairs(value)) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False)

"""TOML from any values, also from those that no TOML may hold."""

from __future__ import annotations

from typing import Any


def toml_of(values: dict[str, Any]) -> str:
    """Write any values as TOML; what TOML lacks (surrogates, dates) is written as it comes."""
    tables = [(k, v) for k, v in values.items() if isinstance(v, dict)]
    lines = [f"{_key(k)} = {_literal(v)}" for k, v in values.items() if not isinstance(v, dict)]
    for name, table in tables:
        lines += [f"[{_key(name)}]", *(f"{_key(k)} = {_literal(v)}" for k, v in table.items())]
    return "\n".join(lines) + "\n"


def _key(key: object) -> str:
    return _quoted(str(key))


def _quoted(text: str) -> str:
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else f"\\{c}" if c in '"\\' else c for c in text
    )
    return f'"{escaped}"'


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list):
        return "[" + ", ".join(_literal(v) for v in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(k)} = {_literal(v)}" for k, v in value.items()) + "}"
    return _quoted(value) if isinstance(value, str) else str(value)

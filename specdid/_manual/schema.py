"""The JSON Schema of a spec file (draft-07, which taplo and tombi read), plug-ins included."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from specdid import _plugins
from specdid._columns import DIMENSIONS
from specdid._format import (
    FILE,
    OPTIONS,
    Either,
    Flag,
    Key,
    Kind,
    Lines,
    Many,
    Nested,
    NumberValue,
    TableKeys,
    Word,
)
from specdid._manual.entries import formats, settings_of, unwritten

Schema = dict[str, Any]


def schema() -> Schema:
    """Return the schema; what a spec breaks of it, the decoder refuses too."""
    analyses = {analysis.name: analysis.form for analysis in _plugins.every("analyses")}
    definitions = {table.name: _table(table) for table in formats() if table is not FILE}
    definitions |= {"estimator": _estimators()}
    file = _table(FILE)
    file["properties"] |= {name: _analysis(form) for name, form in analyses.items()}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A specdid spec file",
        **file,
        "allOf": [_declared(name) for name in ("outcome", "treatment")],
        "definitions": definitions,
    }


def _declared(dimension: str) -> Schema:
    """Require a dimension as a table, in [study], in its formula, or in a file that is extended."""
    short = [{"properties": {"study": {"required": [key]}}} for key in (dimension, "formula", "extends")]
    return {"anyOf": [{"required": [dimension]}, *short]}


def _table(table: TableKeys) -> Schema:
    found: Schema = {
        "type": "object",
        "description": table.doc,
        "properties": {key.name: _key(key) for key in table.keys},
        "additionalProperties": False,
    }
    if required := [key.name for key in table.keys if key.required]:
        found["required"] = required
    if table.needs:
        found["allOf"] = [{"anyOf": [{"required": [name]} for name in names]} for names, _ in table.needs]
    return found


def _analysis(form: TableKeys) -> Schema:
    """Return the schema of [kind] and [kind.name]: own keys beside named tables, or named tables alone."""
    own = {"$ref": f"#/definitions/{form.name}"}
    return {
        "description": form.doc,
        "anyOf": [_table(form) | {"additionalProperties": own}, {"type": "object", "additionalProperties": own}],
    }


def _estimators() -> Schema:
    """Return the schema of an estimator's option: the settings that are allowed follow its method."""
    options = OPTIONS["estimator"]
    found = []
    for estimator in _plugins.every("estimators"):
        keys = {key.name: _key(key) for key in (*options.keys, *settings_of(estimator).keys)}
        keys["method"] = {"const": estimator.name, "description": estimator.doc}
        found.append({"type": "object", "properties": keys, "required": ["method"], "additionalProperties": False})
    return {"description": options.doc, "anyOf": found}


def _key(key: Key) -> Schema:
    told = f"{key.doc} Where it is not written: {unwritten(key)}."
    found = {"description": told, **_kind(key.kind)}
    if isinstance(key.default, bool | int | float | str):
        found["default"] = key.default
    if key.example:
        found["examples"] = [tomllib.loads(f"x = {key.example}")["x"]]
    return found


def _kind(kind: Kind) -> Schema:
    match kind:
        case NumberValue():
            return _number(kind)
        case Flag():
            return {"type": "boolean"}
        case Word():
            return {"type": "string", "enum": list(kind.choices)}
        case Many(inner, exactly, alone):
            several: Schema = {"type": "array", "items": _kind(inner)}
            if exactly:
                several |= {"minItems": exactly, "maxItems": exactly}
            return {"anyOf": [_kind(inner), several]} if alone and not exactly else several
        case Lines(inner, label):
            known: Mapping[str, Schema] = {name: _kind(inner) for name in DIMENSIONS} if label == "dimension" else {}
            return {"type": "object", "properties": known, "additionalProperties": _kind(inner)}
        case Nested(table):
            return {"$ref": f"#/definitions/{table.name}"}
        case Either(kinds):
            return {"anyOf": [_kind(one) for one in kinds]}
        case _:
            return {"type": "string", "pattern": r"\S"}


def _number(kind: NumberValue) -> Schema:
    found: Schema = {"type": "integer" if kind.whole else "number"}
    bounds = {
        "minimum": kind.least,
        "maximum": kind.most,
        "exclusiveMinimum": kind.above,
        "exclusiveMaximum": kind.below,
    }
    found |= {name: bound for name, bound in bounds.items() if bound is not None}
    return found | ({"not": {"const": kind.never}} if kind.never is not None else {})

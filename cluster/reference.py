"""
The declarations of reading/keys/ as tables for people and as a JSON Schema for editors.

`make golden` writes both; a test compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster import overlay
from cluster.reading.declarations import (
    Boolean,
    FreeObject,
    Integer,
    IntegerOrPercentage,
    Key,
    Object,
    Objects,
    String,
    StringMap,
    Strings,
)
from cluster.reading.keys import TOP, table
from cluster.reading.nested import NestedObject, ObjectsByName
from cluster.reading.ports import PortRange
from cluster.reading.section import ROOT

PROJECT = "k3s-aws"
_DRAFT = "http://json-schema.org/draft-07/schema#"
_BASE = "What several stacks share of k3s-aws:cluster, in a file of the project's folder"
_HEAD = "| Key | Type | Default | Description | Change |\n|---|---|---|---|---|\n"
_TABLE = re.compile(r"(<!-- keys of ([^ ]+) -->\n)(?:\|[^\n]*\n)*")


def stack_schema() -> str:
    """
    A JSON Schema of a whole stack file, `Pulumi.<stack>.yaml`.

    With a base what is required may be there, and null removes what is.
    """
    cluster, base = f"{PROJECT}:{ROOT}", f"{PROJECT}:{overlay.KEY}"
    with_base = {
        "required": [base],
        "properties": {base: {"type": "string", "minLength": 1}},
    }
    content = {
        "$schema": _DRAFT,
        "title": "Stack file of the project k3s-aws",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {base: {"type": "string", "description": _BASE}},
                "if": with_base,
                "then": {"properties": {cluster: _relaxed(_schema(TOP), nullable=True)}},
                "else": {"properties": {cluster: _schema(TOP)}},
                "additionalProperties": True,
            }
        },
        "additionalProperties": True,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def base_schema() -> str:
    """A JSON Schema of the file that `k3s-aws:base` names."""
    content = {"$schema": _DRAFT, "title": _BASE, **_relaxed(_schema(TOP), nullable=False)}
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def _relaxed(schema: Any, *, nullable: bool) -> Any:
    """The schema without required keys but for names, its values `nullable` on top."""
    if isinstance(schema, list):
        return [_relaxed(each, nullable=nullable) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _relaxed(each, nullable=nullable) for key, each in schema.items()}
    if isinstance(schema.get("required"), list):
        found["required"] = [each for each in schema["required"] if each == "name"]
    if nullable and isinstance(schema.get("properties"), dict):
        found["properties"] = {
            key: {"anyOf": [each, {"type": "null"}]} for key, each in found["properties"].items()
        }
    return found


def with_tables(page: str) -> str:
    """The page, with the table behind each `<!-- keys of <path> -->` as the keys are now."""
    tables = dict(_tables())
    return _TABLE.sub(lambda mark: mark[1] + tables[mark[2]], page)


def _tables() -> Iterator[tuple[str, str]]:
    for place, below in table.sections():
        yield place, _HEAD + "".join(_row(name, each) for name, each in below.items())


def _row(name: str, declared: Key) -> str:
    effect = declared.effect.label if declared.effect is not None else ""
    change = f"{effect} ({declared.note})" if declared.note else effect
    cells = (f"`{name}`", type_name(declared), _default(declared), declared.description, change)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def type_name(declared: Key) -> str:
    """The type as the tables have it."""
    match declared:
        case String(choices=choices) if choices:
            return " or ".join(f"`{each}`" for each in choices)
        case Integer(low=low, high=high):
            return f"integer, {low} to {high}" if low < high else f"integer, {low}"
        case IntegerOrPercentage(high=high):
            return f"integer, 1 to {high}, or a percentage"
        case _:
            return _NAMES[type(declared)]


_NAMES: Mapping[type[Key], str] = {
    String: "string",
    Boolean: "boolean",
    Strings: "list of strings",
    StringMap: "map of strings",
    FreeObject: "object",
    NestedObject: "object",
    ObjectsByName: "map of objects",
    Object: "object",
    Objects: "list of objects",
}


def _default(declared: Key) -> str:
    if declared.required:
        return "must be given"
    if declared.default_text:
        return declared.default_text
    if declared.default in (None, "", [], {}):
        return "none"
    return f"`{json.dumps(declared.default).strip(chr(34))}`"


def _schema(declared: Key) -> dict[str, Any]:
    described = {"description": plain(declared.description), **_shape(declared)}
    if not declared.required and declared.default is not None:
        described["default"] = declared.default
    return described


def _shape(declared: Key) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": _JSON_TYPES.get(type(declared))}
    match declared:
        case String(choices=choices) if choices:
            shape["enum"] = list(choices)
        case String(pattern=pattern) if pattern:
            shape["pattern"] = f"^({pattern})$"
        case Integer():
            shape |= {"minimum": declared.low, "maximum": declared.high}
        case IntegerOrPercentage(high=high):
            number = {"type": "integer", "minimum": 1, "maximum": high}
            percentage = {"type": "string", "pattern": f"^({declared.pattern})$"}
            shape = {"anyOf": [number, percentage]}
        case Strings():
            items = ["string", "integer"] if isinstance(declared.item, PortRange) else "string"
            shape |= {"items": {"type": items}, "minItems": 1 if declared.empty else 0}
        case StringMap():
            shape["additionalProperties"] = {"type": "string"}
        case Objects(keys=keys):
            shape["items"] = _object(keys)
        case NestedObject(keys=keys):
            shape = {**_object(keys), "type": ["object", "null"]}
        case ObjectsByName(value=value):
            shape = {"type": ["object", "null"], "additionalProperties": _schema(value)}
        case Object(keys=keys):
            shape = _object(keys)
    return shape


_JSON_TYPES: Mapping[type[Key], str] = {
    String: "string",
    Integer: "integer",
    Boolean: "boolean",
    Strings: "array",
    StringMap: "object",
    FreeObject: "object",
    NestedObject: "object",
    ObjectsByName: "object",
    Object: "object",
    Objects: "array",
}


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    required = [name for name, each in keys.items() if each.required]
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in keys.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def plain(markdown: str) -> str:
    """The text without links and marks of code."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")

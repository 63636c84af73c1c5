"""
What reading/keys.py declares, told to people and editors: tables and a JSON Schema.

`make golden` writes both; a test compares them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from cluster.reading.declared import (
    Flag,
    Free,
    Group,
    Groups,
    Key,
    Number,
    NumberOrPercentage,
    Table,
    Text,
    Texts,
)
from cluster.reading.findings import ROOT
from cluster.reading.keys import TOP

PROJECT = "k3s-aws"
_HEAD = "| Key | Type | Default | What | Change |\n|---|---|---|---|---|\n"
_TABLE = re.compile(r"(<!-- keys of ([^ ]+) -->\n)(?:\|[^\n]*\n)*")


def stack_schema() -> str:
    """A JSON Schema of a whole stack file, `Pulumi.<stack>.yaml`."""
    content = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Stack file of the project k3s-aws",
        "type": "object",
        "properties": {
            "config": {
                "type": "object",
                "properties": {f"{PROJECT}:{ROOT}": _schema(TOP)},
                "additionalProperties": True,
            }
        },
        "additionalProperties": True,
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def with_tables(page: str) -> str:
    """The page, with the table behind each `<!-- keys of <path> -->` as the keys are now."""
    tables = dict(_tables(TOP.keys, ROOT))
    return _TABLE.sub(lambda mark: mark[1] + tables[mark[2]], page)


def paths() -> list[str]:
    """Every key by its path, as the page's sections name it: `cluster.pools[].count`."""
    return [f"{path}.{key}" for path, keys in _mappings(TOP.keys, ROOT) for key in keys]


def sections() -> list[str]:
    """Every path that has keys below it."""
    return [path for path, _ in _mappings(TOP.keys, ROOT)]


def _mappings(keys: Mapping[str, Key], path: str) -> Iterator[tuple[str, Mapping[str, Key]]]:
    yield path, keys
    for name, declared in keys.items():
        if isinstance(declared, Group):
            yield from _mappings(declared.keys, f"{path}.{name}")
        elif isinstance(declared, Groups):
            yield from _mappings(declared.keys, f"{path}.{name}[]")


def _tables(keys: Mapping[str, Key], path: str) -> Iterator[tuple[str, str]]:
    for place, below in _mappings(keys, path):
        yield place, _HEAD + "".join(_row(name, each) for name, each in below.items())


def _row(name: str, declared: Key) -> str:
    cells = (f"`{name}`", _type(declared), _default(declared), declared.what, declared.change)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _type(declared: Key) -> str:
    match declared:
        case Text(choices=choices) if choices:
            return " or ".join(f"`{each}`" for each in choices)
        case Number(low=low, high=high):
            return f"{low} to {high}" if low < high else str(low)
        case NumberOrPercentage(high=high):
            return f"1 to {high}, or a percentage"
        case _:
            return _NAMES[type(declared)]


_NAMES: Mapping[type[Key], str] = {
    Text: "text",
    Flag: "true or false",
    Texts: "list of texts",
    Table: "texts by name",
    Free: "mapping",
    Group: "mapping, below",
    Groups: "list, below",
}


def _default(declared: Key) -> str:
    if declared.required:
        return "must be given"
    if declared.shown:
        return declared.shown
    if declared.default in (None, "", [], {}):
        return "none"
    return f"`{json.dumps(declared.default).strip(chr(34))}`"


def _schema(declared: Key) -> dict[str, Any]:
    described = {"description": _plain(declared.what), **_shape(declared)}
    if not declared.required and declared.default is not None:
        described["default"] = declared.default
    return described


def _shape(declared: Key) -> dict[str, Any]:
    shape: dict[str, Any] = {"type": _JSON_TYPES.get(type(declared))}
    match declared:
        case Text(choices=choices) if choices:
            shape["enum"] = list(choices)
        case Text(shape=pattern) if pattern:
            shape["pattern"] = f"^({pattern})$"
        case Number():
            shape |= {"minimum": declared.low, "maximum": declared.high}
        case NumberOrPercentage(high=high):
            number = {"type": "integer", "minimum": 1, "maximum": high}
            percentage = {"type": "string", "pattern": f"^({declared.pattern})$"}
            shape = {"anyOf": [number, percentage]}
        case Texts():
            shape |= {"items": {"type": "string"}, "minItems": 1 if declared.required else 0}
        case Table():
            shape["additionalProperties"] = {"type": "string"}
        case Groups(keys=keys):
            shape["items"] = _object(keys)
        case Group(keys=keys):
            shape = _object(keys)
    return shape


_JSON_TYPES: Mapping[type[Key], str] = {
    Text: "string",
    Number: "integer",
    Flag: "boolean",
    Texts: "array",
    Table: "object",
    Free: "object",
    Group: "object",
    Groups: "array",
}


def _object(keys: Mapping[str, Key]) -> dict[str, Any]:
    required = [name for name, each in keys.items() if each.required]
    return {
        "type": "object",
        "properties": {name: _schema(each) for name, each in keys.items()},
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")

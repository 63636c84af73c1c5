"""
The schema of the package for other languages: the component, with the keys of its configuration.

The types follow the declarations in cluster/reading/keys/, as docs/stack.schema.json does. Format:
https://www.pulumi.com/docs/iac/guides/building-extending/packages/schema/
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from cluster.reading.declarations import (
    Boolean,
    Integer,
    IntegerOrPercentage,
    Key,
    Object,
    Objects,
    String,
    StringMap,
    Strings,
)
from cluster.reading.keys import TOP
from cluster.reading.nested import NestedObject, ObjectsByName
from cluster.reading.ports import PortRange
from cluster.version import VERSION
from k3s_aws import package_outputs

PACKAGE = "k3s"
TOKEN = "k3s:aws:K3sCluster"  # noqa: S105 - the name of a type
# Not `@pulumi/k3s`, which would be one of Pulumi's own.
_LANGUAGES = {
    "nodejs": {"packageName": "k3s-aws", "respectSchemaVersion": True},
    "go": {"importBasePath": "k3s-aws/sdk/go/k3s", "respectSchemaVersion": True},
}
_ANY = {"$ref": "pulumi.json#/Any"}
_STRING = {"type": "string"}
_INTEGER_OR_STRING = {"oneOf": [{"type": "integer"}, _STRING]}
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SECRET_AUTH = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": {"type": "string"}},
    "secret": True,
    "description": "Passwords of image registries by host: username, password, auth, "
    "identity_token; see docs/configuration.md",
}
_SECRET_KEY = {
    "type": "string",
    "secret": True,
    "description": "Your own SSH key in OpenSSH format to log in with; one is made without it",
}


def render() -> str:
    """The schema as JSON."""
    types: dict[str, Any] = {}
    inputs = {
        "cluster": {**_object("Cluster", TOP.keys, types), "description": _plain(TOP.description)},
        "registryAuth": _SECRET_AUTH,
        "loginKey": _SECRET_KEY,
    }
    component = {
        "isComponent": True,
        "description": "A k3s cluster on EC2, there when every node is Ready",
        "inputProperties": inputs,
        "requiredInputs": ["cluster"],
        "properties": package_outputs.PROPERTIES,
        "required": list(package_outputs.REQUIRED),
    }
    return json.dumps(
        {
            "name": PACKAGE,
            "displayName": "k3s on AWS",
            "version": VERSION,
            "description": "k3s clusters on AWS EC2",
            "license": "Apache-2.0",
            "types": {**types, **package_outputs.TYPES},
            "resources": {TOKEN: component},
            "language": _LANGUAGES,
        },
        indent=1,
    )


def _property(name: str, declared: Key, types: dict[str, Any]) -> dict[str, Any]:
    shape = _shape(name, declared, types)
    default = None if declared.required else declared.default
    text = _plain(declared.description)
    if isinstance(declared, Integer) and declared.low < declared.high:
        text += f"; {declared.low} to {declared.high}"
    if isinstance(default, str | int | float | bool):
        # No default of the schema: what is left out must stay out, also of the record.
        text += f"; default {json.dumps(default)}"
    return {"description": text, **shape}


def _shape(name: str, declared: Key, types: dict[str, Any]) -> dict[str, Any]:
    match declared:
        case String(choices=choices) if choices:
            return _enum(name, choices, types)
        case Objects(keys=keys):
            return _array(_object(_singular(name), keys, types))
        case ObjectsByName(value=value):
            return _map(_object(_singular(name), value.keys, types))
        case Object(keys=keys) | NestedObject(keys=keys):
            return _object(name, keys, types)
        case _:
            return _simple(declared)


def _simple(declared: Key) -> dict[str, Any]:
    shape: Mapping[str, Any]
    match declared:
        case Integer():
            shape = {"type": "integer"}
        case Boolean():
            shape = {"type": "boolean"}
        case IntegerOrPercentage():
            shape = _INTEGER_OR_STRING
        case Strings():
            number = isinstance(declared.item, PortRange)
            shape = _array(_INTEGER_OR_STRING if number else _STRING)
        case StringMap():
            shape = _map(_STRING)
        case String():
            shape = _STRING
        case _:
            shape = _map(_ANY)
    return dict(shape)


def _array(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": values}


def _object(name: str, keys: Mapping[str, Key], types: dict[str, Any]) -> dict[str, Any]:
    """A type of its own; a map where a key is no identifier, which no language could write."""
    if not all(_IDENTIFIER.fullmatch(each) for each in keys):
        (shape, *others) = {json.dumps(_shape(name, each, types)) for each in keys.values()}
        if others:
            raise AssertionError(f"the keys of {name} have different types")
        return _map(json.loads(shape))
    token = f"{PACKAGE}:aws:{name}"
    types[token] = {
        "type": "object",
        "properties": {
            key: _property(_joined(name, key), each, types) for key, each in keys.items()
        },
        "required": [key for key, each in keys.items() if each.required],
    }
    return {"$ref": f"#/types/{token}"}


def _enum(name: str, choices: tuple[str, ...], types: dict[str, Any]) -> dict[str, Any]:
    token = f"{PACKAGE}:aws:{name}"
    types[token] = {"type": "string", "enum": [{"value": each} for each in choices]}
    return {"oneOf": [{"type": "string"}, {"$ref": f"#/types/{token}"}]}


def _joined(name: str, key: str) -> str:
    """The name of the type below a key: `ClusterServersImage`."""
    return name + key[:1].upper() + key[1:]


def _singular(name: str) -> str:
    """The name of one of several."""
    if name.endswith("ies"):
        return name.removesuffix("ies") + "y"
    return name if name.endswith("ss") else name.removesuffix("s")


def _plain(markdown: str) -> str:
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown).replace("`", "")

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
_ANY = {"$ref": "pulumi.json#/Any"}
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
            "types": types | package_outputs.TYPES,
            "resources": {TOKEN: component},
            "language": {
                "nodejs": {"respectSchemaVersion": True},
                "go": {"respectSchemaVersion": True},
            },
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
        case Integer():
            return {"type": "integer"}
        case Boolean():
            return {"type": "boolean"}
        case IntegerOrPercentage():
            return {"oneOf": [{"type": "integer"}, {"type": "string"}]}
        case Strings(item=PortRange()):
            number_or_range = {"oneOf": [{"type": "integer"}, {"type": "string"}]}
            return {"type": "array", "items": number_or_range}
        case Strings():
            return {"type": "array", "items": {"type": "string"}}
        case StringMap():
            return {"type": "object", "additionalProperties": {"type": "string"}}
        case String():
            return {"type": "string"}
        case _:
            return _nested(name, declared, types)


def _nested(name: str, declared: Key, types: dict[str, Any]) -> dict[str, Any]:
    match declared:
        case Objects(keys=keys):
            return {"type": "array", "items": _object(_singular(name), keys, types)}
        case ObjectsByName(value=value):
            below = _object(_singular(name), value.keys, types)
            return {"type": "object", "additionalProperties": below}
        case Object(keys=keys) | NestedObject(keys=keys):
            return _object(name, keys, types)
        case _:
            return {"type": "object", "additionalProperties": _ANY}


def _object(name: str, keys: Mapping[str, Key], types: dict[str, Any]) -> dict[str, Any]:
    """A type of its own; a map where a key is no identifier, which no language could write."""
    if not all(_IDENTIFIER.fullmatch(each) for each in keys):
        (shape, *others) = {json.dumps(_shape(name, each, types)) for each in keys.values()}
        assert not others, f"the keys of {name} have different types"
        return {"type": "object", "additionalProperties": json.loads(shape)}
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

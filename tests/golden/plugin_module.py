"""
Renders components/plugin.py from the provider's schema, so that the two cannot differ.

A resource becomes a class with its outputs, and a TypedDict of its inputs: mypy then rejects an
input that does not exist, is of another type or is missing. Names stay as the schema has them.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from provider.protocol import schema
from provider.resources import K3sProvider

_LINE_LENGTH = 100
_HEAD = '''\
"""
The resources of the `k3s` provider plugin (folder provider/), as the program sees them.

Written by `make golden` from the provider's schema: change provider/resources/, not this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi

from components.plugin_resource import PluginResource
'''
_TYPES: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
}


def render() -> str:
    """The text of components/plugin.py."""
    content = json.loads(schema.render(K3sProvider()))
    parts = [_HEAD.rstrip("\n")]
    for token, each in content["types"].items():
        parts.append(_class(_name(token), "TypedDict", each["description"], _fields(each)))
    for token, each in content["resources"].items():
        parts += _resource(token, each)
    return "\n\n\n".join(parts) + "\n"


def _resource(token: str, described: Mapping[str, Any]) -> Iterator[str]:
    name, inputs = _name(token), f"{_name(token)}Inputs"
    given = {"properties": described["inputProperties"], "required": described["requiredInputs"]}
    yield _class(inputs, "TypedDict", f"The inputs of {name}.", _fields(given))
    outputs = [
        f"{key}: pulumi.Output[{_output(each)}]" for key, each in described["properties"].items()
    ]
    body = [f'pulumi_type = "{token}"', *outputs]
    yield _class(name, f"PluginResource[{inputs}]", described["description"], body)


def _class(name: str, base: str, description: str, body: list[str]) -> str:
    lines = [f"class {name}({base}):", *_docstring(description), ""]
    return "\n".join([*lines, *(f"    {each}" for each in body)])


def _docstring(text: str) -> list[str]:
    line = f'    """{text}"""'
    if len(line) <= _LINE_LENGTH:
        return [line]
    wrapped = textwrap.wrap(text, _LINE_LENGTH - 4)
    return ['    """', *(f"    {each}" for each in wrapped), '    """']


def _fields(described: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}: pulumi.Input[{_input(each)}]"
        if key in described["required"]
        else f"{key}: NotRequired[pulumi.Input[{_input(each)}]]"
        for key, each in described["properties"].items()
    ]


def _input(described: Mapping[str, Any]) -> str:
    if "$ref" in described:
        return _name(described["$ref"])
    if described["type"] == "object":
        return "Mapping[str, Any]"
    if described["type"] == "array":
        return f"Sequence[pulumi.Input[{_TYPES[described['items']['type']]}]]"
    return _output(described)


def _output(described: Mapping[str, Any]) -> str:
    if described.get("type", "object") == "object":
        return "dict[str, Any]"
    if described["type"] == "array":
        return f"list[{_TYPES[described['items']['type']]}]"
    return _TYPES[described["type"]]


def _name(token: str) -> str:
    return token.rsplit(":", 1)[-1]

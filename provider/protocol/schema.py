"""The plugin's schema (docs: https://www.pulumi.com/docs/iac/extending-pulumi/schema/), as JSON."""

from __future__ import annotations

import json
from typing import Any

from provider.protocol.properties import Fields, Group, Property, required
from provider.protocol.resource import Provider, Resource


def render(provider: Provider) -> str:
    """The schema of the provider's resources, from the fields that their checks follow."""
    types: dict[str, Any] = {}
    content = {
        "name": provider.name,
        "version": provider.version,
        "description": provider.description,
        "types": types,
        "resources": {each.token: _resource(each, types) for each in provider.resources},
    }
    return json.dumps(content, indent=1)


def _resource(resource: Resource, types: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": resource.description,
        "inputProperties": _properties(resource.inputs, types),
        "requiredInputs": required(resource.inputs),
        "properties": _properties(resource.all_outputs, types),
        "required": required(resource.all_outputs),
    }


def _properties(fields: Fields, types: dict[str, Any]) -> dict[str, Any]:
    return {key: _property(declared, types) for key, declared in fields.items()}


def _property(declared: Property | Group, types: dict[str, Any]) -> dict[str, Any]:
    if isinstance(declared, Group):
        types[declared.type] = {
            "type": "object",
            "description": declared.description,
            "properties": _properties(declared.fields, types),
            "required": required(declared.fields),
        }
        return {"$ref": f"#/types/{declared.type}", "description": declared.description}
    described: dict[str, Any] = {"description": declared.description}
    if declared.kind == "any":
        described |= {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
    elif declared.kind == "strings":
        described |= {"type": "array", "items": {"type": "string"}}
    else:
        described["type"] = declared.kind
    if declared.secret:
        described["secret"] = True
    return described

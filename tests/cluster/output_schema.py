"""The schema of the outputs, without the room for what a later release may add."""

from __future__ import annotations

from typing import Any

import jsonschema

from cluster import outputs_reference

SCHEMA = outputs_reference.schema()


def strict(schema: Any) -> Any:
    """The schema, where an object may have its listed properties alone."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(each) for key, each in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        found.setdefault("additionalProperties", False)
    return found


def faults(values: Any) -> list[str]:
    """What in the outputs of a stack, secrets decrypted, is not as it is declared."""
    validator = jsonschema.Draft7Validator(strict(SCHEMA), format_checker=None)
    return [f"{each.json_path}: {each.message}" for each in validator.iter_errors(values)]


def pipeline_faults(content: Any) -> list[str]:
    """The same of what `python -m ci outputs` prints."""
    pipeline = {"$ref": "#/definitions/pipeline"}
    whole = {
        "properties": strict(SCHEMA["properties"]),
        "definitions": strict(SCHEMA["definitions"]),
        "allOf": [pipeline],
    }
    # The outputs' own names stand one level below in it.
    whole["properties"] = {**whole["properties"], "adminKubeconfig": {"type": "boolean"}}
    return [
        f"{each.json_path}: {each.message}"
        for each in jsonschema.Draft7Validator(whole).iter_errors(content)
    ]

"""
The declarations of the outputs as a JSON Schema and as the table of docs/outputs.md.

`make golden` writes both; a test compares them.
"""

from __future__ import annotations

import json
import re
from typing import Any

from cluster.outputs import ALWAYS, OUTPUTS, Output
from cluster.reference import plain

PIPELINE_SCHEMA = 1
"""Of the object that `python -m ci outputs` prints."""

_HEAD = "| Output | Type | Secret | When | What |\n|---|---|---|---|---|\n"
_TABLE = re.compile(r"(<!-- outputs -->\n)(?:\|[^\n]*\n)*")


def schema() -> dict[str, Any]:
    """
    The schema of what `pulumi stack output --json --show-secrets` prints.

    Its definition `pipeline` is that of what `python -m ci outputs` prints.
    """
    named = [each for each in OUTPUTS if not each.is_prefix]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Outputs of a stack of the project k3s-aws",
        "type": "object",
        "properties": {each.name: _described(each) for each in named},
        "patternProperties": {
            f"^{re.escape(each.name)}.": _described(each) for each in OUTPUTS if each.is_prefix
        },
        "required": [each.name for each in named if each.when == ALWAYS],
        "definitions": {"pipeline": _pipeline()},
    }


def render_schema() -> str:
    """The schema as the file in docs/ has it."""
    return json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"


def with_table(page: str) -> str:
    """The page, with the table behind `<!-- outputs -->` as the declarations are now."""
    table = _HEAD + "".join(map(_row, OUTPUTS))
    return _TABLE.sub(lambda mark: mark[1] + table, page)


def _described(output: Output) -> dict[str, Any]:
    described = {"description": plain(output.meaning), **output.schema}
    return {**described, "x-secret": True} if output.secret else described


def _pipeline() -> dict[str, Any]:
    not_secret = [each for each in OUTPUTS if not each.secret]
    return {
        "description": "What `python -m ci outputs` prints: everything that is not secret",
        "type": "object",
        "properties": {
            "schema": {"const": PIPELINE_SCHEMA},
            "stack": {"type": "string"},
            "identities": {"type": "array", "items": {"type": "string"}},
            "adminKubeconfig": {"type": "boolean"},
            "outputs": {
                "type": "object",
                "properties": {
                    each.name: {"$ref": f"#/properties/{each.name}"} for each in not_secret
                },
                "required": [each.name for each in not_secret if each.when == ALWAYS],
            },
        },
        "required": ["schema", "stack", "identities", "adminKubeconfig", "outputs"],
    }


def _row(output: Output) -> str:
    name = f"{output.name}<name>" if output.is_prefix else output.name
    secret = "yes" if output.secret else "no"
    cells = (f"`{name}`", str(output.schema["type"]), secret, output.when, output.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"

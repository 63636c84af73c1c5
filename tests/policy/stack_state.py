"""States of stacks as `pulumi stack export` writes them, made from inputs and outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

STACK = "pulumi:pulumi:Stack"
TIME = "2027-01-01T00:00:00Z"


def urn(type_: str, name: str, *parents: str) -> str:
    """The URN of a resource below components of these types, outermost first."""
    return f"urn:pulumi:test::examined::{'$'.join([*parents, type_])}::{name}"


def resource(
    type_: str,
    name: str,
    inputs: Mapping[str, Any],
    *,
    parents: Sequence[str] = (),
    group: str = "",
) -> dict[str, Any]:
    """A resource with an id; `group` is the security group that its `securityGroupId` is of."""
    return {
        "urn": urn(type_, name, *parents),
        "custom": True,
        "id": f"id-{name}",
        "type": type_,
        "inputs": dict(inputs),
        "outputs": {"id": f"id-{name}", **inputs},
        "created": TIME,
        "modified": TIME,
        **({"propertyDependencies": {"securityGroupId": [group]}} if group else {}),
    }


def export(resources: Sequence[Mapping[str, Any]], outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The export of a stack with these resources and outputs."""
    root = urn(STACK, "test-examined")
    stack = {"urn": root, "custom": False, "type": STACK, "outputs": dict(outputs)}
    return {
        "version": 3,
        "deployment": {
            "manifest": {"time": TIME, "magic": "", "version": "v3.259.0"},
            "resources": [stack, *({**each, "parent": root} for each in resources)],
        },
    }

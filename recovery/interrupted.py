"""The creations that a killed `pulumi` left incomplete, read from the stack's export."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from recovery import location
from recovery.errors import RecoveryError
from recovery.location import Recorded

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Creation:
    """One resource whose creation is incomplete: its type, as in its URN, and its inputs."""

    kind: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Interrupted:
    """The interrupted creations of a stack, and the ids and the location of its resources."""

    creations: Sequence[Creation]
    recorded_ids: frozenset[str]
    stack_urn: str
    recorded: Recorded = field(default_factory=Recorded)


def read(export: Mapping[str, Any]) -> Interrupted | None:
    """
    The interrupted creations; None when there are none.

    Takes the document of `pulumi stack export`. Raises RecoveryError for another version of it.
    """
    if export.get("version") not in (3, 4):
        raise RecoveryError(
            f"the stack's export has version {export.get('version')!r}, supported are 3 and 4\n"
            "    use the Pulumi CLI that last updated the stack"
        )
    deployment = export.get("deployment") or {}
    creations = interrupted_creations(deployment)
    if not creations:
        return None
    resources = deployment.get("resources") or []
    return Interrupted(
        creations=creations,
        recorded_ids=frozenset(each["id"] for each in resources if each.get("id")),
        stack_urn=next(each["urn"] for each in resources if each["type"] == STACK_TYPE),
        recorded=location.recorded(resources),
    )


def interrupted_creations(deployment: Mapping[str, Any]) -> list[Creation]:
    """The pending creations of a deployment, or of the checkpoint of a file backend."""
    return [
        Creation(each["resource"]["type"], each["resource"].get("inputs") or {})
        for each in deployment.get("pending_operations") or []
        if each["type"] == "creating"
    ]

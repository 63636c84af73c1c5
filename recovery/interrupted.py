"""The creations that were under way when `pulumi` was killed, as its stack export has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recovery.errors import RecoveryError

STACK_TYPE = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Creation:
    """One resource whose creation was under way: its type, as in its URN, and its inputs."""

    kind: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Interrupted:
    """The interrupted creations of a stack, next to everything the stack knows."""

    creations: Sequence[Creation]
    known: frozenset[str]
    stack_urn: str


def read(export: Mapping[str, Any]) -> Interrupted | None:
    """
    What was interrupted; None when nothing was.

    Takes the document of `pulumi stack export`. Raises RecoveryError when it is another one.
    """
    if export.get("version") not in (3, 4):
        raise RecoveryError(
            f"the stack's export has version {export.get('version')!r}, known are 3 and 4\n"
            "    use the Pulumi CLI that last updated the stack"
        )
    deployment = export.get("deployment") or {}
    creations = interrupted_creations(deployment)
    if not creations:
        return None
    resources = deployment.get("resources") or []
    return Interrupted(
        creations=creations,
        known=frozenset(each["id"] for each in resources if each.get("id")),
        stack_urn=next(each["urn"] for each in resources if each["type"] == STACK_TYPE),
    )


def interrupted_creations(deployment: Mapping[str, Any]) -> list[Creation]:
    """The creations a deployment (or the checkpoint of a file backend) has as under way."""
    return [
        Creation(each["resource"]["type"], each["resource"].get("inputs") or {})
        for each in deployment.get("pending_operations") or []
        if each["type"] == "creating"
    ]

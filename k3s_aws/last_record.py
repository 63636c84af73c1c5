"""What the last successful update registered for a cluster, as the stack's state has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from cluster import untrusted_text
from components.lookups import LONGEST_ERROR, LookupFailed

TYPE = "k3s:aws:K3sCluster"


def read(name: str) -> Mapping[str, Any]:
    """
    The outputs in state of the cluster with this resource name; none before its first update.

    In a preview too. Raises LookupFailed where the state cannot be read, or has several.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    found = [
        each.get("outputs") or {}
        for urn, each in _resources(stack).items()
        if each.get("type") == TYPE and urn.rsplit("::", 1)[-1] == name
    ]
    if len(found) > 1:
        raise LookupFailed(
            f"the stack has {len(found)} clusters with the name {name}, below different parents\n"
            "    give each a name of its own"
        )
    return found[0] if found else {}


def _resources(stack: str) -> Mapping[str, Any]:
    try:
        found = pulumi.runtime.invoke(
            "pulumi:pulumi:readStackResourceOutputs", {"stackName": stack}
        )
    except Exception as error:
        # The SDK raises exactly this for what the backend refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"the state of the stack {stack} cannot be read: "
            f"{untrusted_text.lines(str(error), LONGEST_ERROR)}\n"
            "    check the connection to the backend and the stack's secrets provider: "
            "pulumi stack export"
        ) from None
    outputs: Mapping[str, Any] = (found.value or {}).get("outputs") or {}
    return outputs

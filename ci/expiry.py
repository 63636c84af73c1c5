"""
When a stack's cluster ends, by its state.

The output `expiresAt` is there only after an update that succeeded. The state has the resource
Expiry from its creation on, also where the first update was killed.
"""

from __future__ import annotations

from ci.errors import PipelineError
from ci.stack import NO_STACK, Stack

TYPE = "k3s:index:Expiry"


def of(stack: Stack) -> str:
    """
    In RFC 3339 and UTC, the earliest of several; empty without an end and without the stack.

    Raises PipelineError where the state cannot be read.
    """
    try:
        resources = stack.resources()
    except PipelineError as error:
        if NO_STACK not in str(error):
            raise
        return ""
    found = [each.get("outputs", {}).get("expiresAt") for each in resources if each["type"] == TYPE]
    return min(filter(None, found), default="")

"""What the stack's own last successful update left: its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from cluster import untrusted_text
from components.lookups import LONGEST_ERROR, LookupFailed


def read_outputs() -> Mapping[str, Any]:
    """
    The outputs of the stack's last successful update, in a preview too; none before the first.

    It is what a StackReference calls. That resource would save all outputs in state once more, and
    every preview would show them. Raises LookupFailed.
    """
    # In full: a bare name belongs to the default organization of whoever runs Pulumi.
    name = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    try:
        found = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": name})
    except Exception as error:
        # The SDK raises exactly this for what the backend refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"the outputs of the stack {name} cannot be read: "
            f"{untrusted_text.lines(str(error), LONGEST_ERROR)}\n"
            "    check the connection to the backend and the stack's secrets provider: "
            "pulumi stack output"
        ) from None
    outputs: Mapping[str, Any] = (found.value or {}).get("outputs") or {}
    return outputs

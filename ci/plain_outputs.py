"""`python -m ci outputs`: what of a stack is not secret, as one JSON object for pipelines."""

from __future__ import annotations

import json
from typing import Any

from ci.stack import Stack
from cluster import outputs
from cluster.outputs_reference import PIPELINE_SCHEMA


def of(stack: Stack) -> dict[str, Any]:
    """
    `schema`, `stack`, the names of its `identities`, and `outputs`: every declared one in plain.

    Secrets are not decrypted for it. Raises PipelineError.
    """
    found = stack.outputs(secrets=False)
    return {
        "schema": PIPELINE_SCHEMA,
        "stack": stack.short_name(),
        "identities": outputs.identities(found),
        "adminKubeconfig": outputs.ADMIN_KUBECONFIG in found,
        "outputs": outputs.plain(found),
    }


def render(content: dict[str, Any]) -> str:
    """As it is printed."""
    return json.dumps(content, indent=2) + "\n"

"""The Node object in the API: reading and removing it."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from provider.errors import DeadlineExceeded
from provider.kubernetes.api import Api, ApiError, NodeState
from provider.kubernetes.drain import Drain
from provider.operation import Operation, Values
from provider.resources.connections import api_of

# A refresh must not be slow because a cluster does not respond.
_READ_SECONDS: Final = 5.0


def outputs_of(node: NodeState) -> dict[str, Any]:
    """The outputs of a Node: nothing that changes without an update."""
    return {
        "kubeletVersion": node.kubelet_version,
        "architecture": node.architecture,
        "internalIp": node.internal_ip,
    }


def read(operation: Operation, state: Values) -> Values | None:
    """The outputs in the API; None when it has no such Node."""
    name = state["nodeName"]
    try:
        with contextlib.closing(Api(api_of(state))) as api:
            node = operation.wait(_READ_SECONDS).run(lambda: api.node(name))
    except (ApiError, DeadlineExceeded) as error:
        operation.warn(f'node "{name}" could not be read, its state stays as it was: {error}')
        return {}
    return None if node is None else outputs_of(node)


def remove(operation: Operation, state: Values) -> None:
    """Drains and removes the Node; a warning when the API does not respond."""
    name = state["nodeName"]
    try:
        with contextlib.closing(Api(api_of(state))) as api:
            Drain(operation, api, name).remove(state["drainSeconds"])
    except ApiError as error:
        operation.warn(
            f'the Node object "{name}" is left behind: {error}\n'
            f"    if the cluster still exists: kubectl delete node {name}"
        )

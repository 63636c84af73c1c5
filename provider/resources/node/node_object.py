"""The Node object in the API, of a node that is there: looking at it, and removing it."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from provider.errors import DeadlineExceeded
from provider.kubernetes.api import Access, Api, ApiError, NodeState
from provider.kubernetes.drain import Drain
from provider.protocol.resource import Operation, Values

# A refresh must not be slow because a cluster is away.
_LOOK_SECONDS: Final = 5.0


def outputs_of(node: NodeState) -> dict[str, Any]:
    """What of a Node is kept as outputs: nothing that changes by itself."""
    return {
        "kubeletVersion": node.kubelet_version,
        "architecture": node.architecture,
        "internalIp": node.internal_ip,
    }


def read(operation: Operation, known: Values) -> Values | None:
    """The outputs as the API shows them; nothing when it has no such Node."""
    name = known["nodeName"]
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            node = operation.wait(_LOOK_SECONDS).run(lambda: api.node(name))
    except (ApiError, DeadlineExceeded) as error:
        operation.warn(f'node "{name}" was not looked at, its state stays as it was: {error}')
        return known
    return None if node is None else {**known, **outputs_of(node)}


def remove(operation: Operation, known: Values) -> None:
    """Drains and removes the Node as far as the API answers; what is left behind is told."""
    name = known["nodeName"]
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            Drain(operation, api, name).remove(known["drainSeconds"])
    except ApiError as error:
        operation.warn(
            f'the Node object "{name}" is left behind: {error}\n'
            f"    if the cluster lives on: kubectl delete node {name}"
        )

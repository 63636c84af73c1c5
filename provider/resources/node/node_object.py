"""The Node object in the API, of a node that is there: looking at it, and removing it."""

from __future__ import annotations

import contextlib
from typing import Any, Final

from provider.errors import DeadlinePassed
from provider.kubernetes.api import Access, Api, NodeState, Unreachable
from provider.kubernetes.drain import Drain
from provider.protocol.resource import Task, Values

# A refresh must not be slow because a cluster is away.
_LOOK_SECONDS: Final = 5.0


def shown(node: NodeState) -> dict[str, Any]:
    """What of a Node is kept as outputs: nothing that changes by itself."""
    return {
        "kubeletVersion": node.kubelet_version,
        "architecture": node.architecture,
        "internalIp": node.internal_ip,
    }


def look(task: Task, known: Values) -> Values | None:
    """The outputs as the API shows them; nothing when it has no such Node."""
    name = known["nodeName"]
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            node = task.wait(_LOOK_SECONDS).run(lambda: api.node(name))
    except (Unreachable, DeadlinePassed) as error:
        task.warn(f'node "{name}" was not looked at, its state stays as it was: {error}')
        return known
    return None if node is None else {**known, **shown(node)}


def remove(task: Task, known: Values) -> None:
    """Drains and removes the Node as far as the API answers; what is left behind is told."""
    name = known["nodeName"]
    try:
        with contextlib.closing(Api(Access.of(known["api"]))) as api:
            Drain(task, api, name).remove(known["drainSeconds"])
    except Unreachable as error:
        task.warn(
            f'the Node object "{name}" is left behind: {error}\n'
            f"    if the cluster lives on: kubectl delete node {name}"
        )

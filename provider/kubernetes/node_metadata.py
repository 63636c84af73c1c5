"""
Labels and taints of a node that is there: a kubelet sets them only when it registers.

They are fields of the node configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.machine_files import NodeConfig
from provider.kubernetes.api import Api, ApiStatusError
from provider.waiting import Wait

_CONFLICT = 409
_POLL_SECONDS = 0.5

Taint = tuple[str, str, str]
"""Key, value, effect."""


@dataclass(frozen=True, kw_only=True)
class NodeMetadata:
    """The labels and taints of one node configuration."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]

    @classmethod
    def of(cls, node_config: NodeConfig) -> NodeMetadata:
        pool = node_config["pool"]
        return cls(
            labels=pool["labels"],
            taints=tuple((each["key"], each["value"], each["effect"]) for each in pool["taints"]),
        )


def update(api: Api, wait: Wait, name: str, before: NodeConfig, after: NodeConfig) -> None:
    """
    Brings the Node from the labels and taints of one node configuration to those of another.

    What neither of them names, somebody else's, stays. Raises ApiError.
    """
    old, new = NodeMetadata.of(before), NodeMetadata.of(after)
    if old == new:
        return None
    gone: dict[str, str | None] = dict.fromkeys(old.labels.keys() - new.labels.keys())
    labels = {**gone, **new.labels}
    ours = {(key, effect) for key, _, effect in (*old.taints, *new.taints)}
    while True:
        try:
            return wait.run(lambda: api.update_node(name, labels, ours, new.taints))
        except ApiStatusError as error:
            # Somebody changed the Node between our look and our change.
            if error.status != _CONFLICT:
                raise
        wait.pause(_POLL_SECONDS)

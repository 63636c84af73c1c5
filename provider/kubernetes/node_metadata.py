"""
Labels and taints of a registered node: a kubelet sets them only when it registers.

The wanted ones are fields of the node configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.machine_files import NodeConfig
from provider.kubernetes.api import Api, ApiStatusError
from provider.waiting import Wait

_CONFLICT = 409

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
    Changes the Node's labels and taints from those of one node configuration to another's.

    Labels and taints that neither of them has are kept. Raises ApiError.
    """
    old, new = NodeMetadata.of(before), NodeMetadata.of(after)
    if old == new:
        return
    gone: dict[str, str | None] = dict.fromkeys(old.labels.keys() - new.labels.keys())
    labels = {**gone, **new.labels}
    ours = {(key, effect) for key, _, effect in (*old.taints, *new.taints)}
    wait.until(
        lambda: wait.run(lambda: api.update_node(name, labels, ours, new.taints)), retry=_conflicts
    )


def _conflicts(error: Exception) -> bool:
    """Whether the Node was changed between our read and our change."""
    return isinstance(error, ApiStatusError) and error.status == _CONFLICT

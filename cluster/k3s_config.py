"""
A pool to the part of /etc/rancher/k3s/config.yaml that its nodes share; keys are spelled as k3s
spells them.

The boot program adds what it knows better: addresses, labels and taints of node.json, the node's
name, the paths of the token files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cluster import defaults
from cluster.model import Cluster, NodePool

# Components that k3s does not deploy as manifests have keys of their own.
_SWITCHES = {
    "helm-controller": "disable-helm-controller",
    "network-policy": "disable-network-policy",
}


def of(cluster: Cluster, pool: NodePool, names: Sequence[str]) -> dict[str, Any]:
    """
    The configuration of the pool's nodes; a key of the pool comes before one of its role.

    `names` are those in the servers' certificates besides their own addresses.
    """
    passed = {**cluster.k3s.keys_of(pool.role), **pool.k3s}
    if pool.role == "agent":
        return passed
    # The boot program puts the server's own addresses before these.
    listed = list(dict.fromkeys([*names, *_listed(passed.pop("tls-san", []))]))
    return {
        **({"tls-san": listed} if listed else {}),
        "write-kubeconfig-mode": "0600",
        **_features(cluster),
        **_ranges(cluster),
        **passed,
    }


def _features(cluster: Cluster) -> dict[str, Any]:
    k3s = cluster.k3s
    chosen: dict[str, Any] = {}
    if k3s.secrets_encryption:
        chosen["secrets-encryption"] = True
    if k3s.flannel_backend != "vxlan":
        chosen["flannel-backend"] = k3s.flannel_backend
    packaged = [name for name in k3s.disabled if name not in _SWITCHES]
    if packaged:
        chosen["disable"] = packaged
    return {**chosen, **{_SWITCHES[name]: True for name in k3s.disabled if name in _SWITCHES}}


def _listed(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _ranges(cluster: Cluster) -> dict[str, str]:
    """Only what differs from k3s's own ranges."""
    chosen = {
        "cluster-cidr": (cluster.network.cluster_cidr, defaults.CLUSTER_CIDR),
        "service-cidr": (cluster.network.service_cidr, defaults.SERVICE_CIDR),
    }
    return {key: str(value) for key, (value, default) in chosen.items() if str(value) != default}

"""
A node to the mapping written to /etc/rancher/k3s/config.yaml; keys are spelled as k3s spells them.

The node's name and the paths of its token files are added on the machine, by cloud-init/boot/.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster import defaults
from cluster.model import Cluster, Node

# Components that k3s does not deploy as manifests have keys of their own.
_SWITCHES = {
    "helm-controller": "disable-helm-controller",
    "network-policy": "disable-network-policy",
}


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a machine is reached: from inside the VPC, and from outside if it is at all."""

    private_ip: str
    public_ip: str | None


def of(cluster: Cluster, node: Node, addresses: Addresses) -> dict[str, Any]:
    """What k3s is told on this node; a key of the node's pool comes before one of its role."""
    own = {"node-ip": addresses.private_ip, **_node(node)}
    if addresses.public_ip:
        own["node-external-ip"] = addresses.public_ip
    passed = {**cluster.k3s.keys_of(node.role), **node.pool.k3s}
    if node.role == "agent":
        return {**own, **passed}
    names = [addresses.public_ip, addresses.private_ip, *_listed(passed.pop("tls-san", []))]
    return {
        **own,
        # Without it k3s advertises the external address, and pods cannot reach the API there.
        "advertise-address": addresses.private_ip,
        "tls-san": [name for name in names if name],
        "write-kubeconfig-mode": "0600",
        **_features(cluster),
        **_ranges(cluster),
        **passed,
    }


def _node(node: Node) -> dict[str, Any]:
    chosen = {
        "node-label": [f"{key}={value}" for key, value in node.pool.labels.items()],
        "node-taint": [str(taint) for taint in node.pool.taints],
    }
    return {key: value for key, value in chosen.items() if value}


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

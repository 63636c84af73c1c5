"""
A node to the mapping written to /etc/rancher/k3s/config.yaml; keys are spelled as k3s spells them.

The node's name and the paths of its token files are added on the machine, by cloud-init/boot.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cluster import defaults
from cluster.model import Cluster, Node


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a machine is reached: from inside the VPC, and from outside."""

    private_ip: str
    public_ip: str


def of(cluster: Cluster, node: Node, addresses: Addresses) -> dict[str, Any]:
    """What k3s is told on this node."""
    shared = {"node-ip": addresses.private_ip, "node-external-ip": addresses.public_ip}
    if node.role == "agent":
        return shared
    return {
        **shared,
        # Without it k3s advertises the external address, and pods cannot reach the API there.
        "advertise-address": addresses.private_ip,
        "tls-san": [addresses.public_ip, addresses.private_ip],
        "write-kubeconfig-mode": "0600",
        "secrets-encryption": True,
        **_ranges(cluster),
    }


def _ranges(cluster: Cluster) -> dict[str, str]:
    """Only what differs from k3s's own ranges."""
    chosen = {
        "cluster-cidr": (cluster.network.cluster_cidr, defaults.CLUSTER_CIDR),
        "service-cidr": (cluster.network.service_cidr, defaults.SERVICE_CIDR),
    }
    return {key: str(value) for key, (value, default) in chosen.items() if str(value) != default}

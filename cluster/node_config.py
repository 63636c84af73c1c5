"""
The node configuration: the text of /etc/k3s-aws/node.json, which the boot program applies.

It holds no secret, only the names of the SSM parameters with them, and all of it can be applied
to a running machine: the provider sends it again when it changes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cluster import bucket, k3s_config, parameters
from cluster.k3s_config import Addresses
from cluster.model import Cluster, Node

SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known once the cluster's other resources are there."""

    region: str
    server_private_ip: str
    bucket: str | None = None
    registry_auth: bool = False
    """Whether there are passwords of image registries."""


def render(cluster: Cluster, node: Node, addresses: Addresses, around: Surroundings) -> str:
    """The node configuration of one machine, `addresses` being its own."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "cluster": cluster.name,
        "role": node.role,
        "pool": node.pool.name,
        "nodeNamePrefix": node.name_prefix,
        "region": around.region,
        "parameters": _parameters(cluster, node, addresses, around),
        "k3s": {
            "version": cluster.k3s.version,
            "sources": [bucket.k3s_source(cluster, node.architecture, around.bucket)],
            "sha256": cluster.k3s.sha256[node.architecture],
        },
        "config": k3s_config.of(cluster, node, addresses),
        "deadlineSeconds": cluster.node_deadline_seconds,
    }
    if cluster.k3s.registries or around.registry_auth:
        content["registries"] = cluster.k3s.registries
    if node.role == "agent":
        content["join"] = {"url": f"https://{around.server_private_ip}:6443"}
    elif cluster.manifests:
        content["manifests"] = _manifests(cluster, around)
    return json.dumps(content, indent=1) + "\n"


def longest(cluster: Cluster) -> Iterator[str]:
    """The node configuration of a machine of each pool, with the longest values it can get."""
    address = "255.255.255.255"
    around = Surroundings(
        region="ap-southeast-99",
        server_private_ip=address,
        bucket="b" * 63 if bucket.needed(cluster) else None,
        registry_auth=True,
    )
    for pool in cluster.all_pools:
        for node in cluster.nodes_of(pool)[-1:]:
            yield render(cluster, node, Addresses(private_ip=address, public_ip=address), around)


def _manifests(cluster: Cluster, around: Surroundings) -> dict[str, Any]:
    stored = bucket.stored_manifests(cluster) if around.bucket else ()
    return {
        each.name: (
            {"source": bucket.url(around.bucket, bucket.manifest_key(each)), "sha256": each.sha256}
            if around.bucket and each in stored
            else {"content": each.content}
        )
        for each in cluster.manifests
    }


def _parameters(
    cluster: Cluster, node: Node, addresses: Addresses, around: Surroundings
) -> dict[str, str]:
    return {
        "hostKey": parameters.host_key(cluster, node.role, addresses.private_ip),
        **parameters.shared(cluster, node.role, registries=around.registry_auth),
    }

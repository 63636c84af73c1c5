"""
The node configuration: the text of /etc/k3s-aws/node.json, which cloud-init/boot.py follows.

It holds no secret, only the names of the SSM parameters with them, and all of it can be applied
to a running machine: the provider sends it again when it changes.
"""

from __future__ import annotations

import json
from typing import Any

from cluster import k3s_config, parameters, releases
from cluster.k3s_config import Addresses
from cluster.model import Cluster, Node

SCHEMA = 1


def render(
    cluster: Cluster, node: Node, *, region: str, addresses: Addresses, server_private_ip: str
) -> str:
    """The node configuration of one machine, `addresses` being its own."""
    content: dict[str, Any] = {
        "schema": SCHEMA,
        "cluster": cluster.name,
        "role": node.role,
        "pool": node.pool.name,
        "nodeNamePrefix": node.name_prefix,
        "region": region,
        "parameters": _parameters(cluster, node),
        "k3s": {
            "version": cluster.k3s.version,
            "sources": [
                releases.binary_url(
                    cluster.k3s.download_url, cluster.k3s.version, node.architecture
                )
            ],
            "sha256": cluster.k3s.sha256[node.architecture],
        },
        "config": k3s_config.of(cluster, node, addresses),
        "deadlineSeconds": cluster.node_deadline_seconds,
    }
    if cluster.k3s.registries:
        content["registries"] = cluster.k3s.registries
    if node.role == "agent":
        content["join"] = {"url": f"https://{server_private_ip}:6443"}
    return json.dumps(content, indent=1) + "\n"


def _parameters(cluster: Cluster, node: Node) -> dict[str, str]:
    names = parameters.of(cluster)
    host_key = parameters.host_key(cluster, node)
    if node.role == "agent":
        return {"hostKey": host_key, "token": names.agent_token}
    return {
        "hostKey": host_key,
        "token": names.server_token,
        "agentToken": names.server_agent_token,
        "authority": names.server_authority,
    }

"""The outputs of the component in other languages, and their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from cluster import expiry, record
from k3s_aws.k3s_cluster import K3sCluster

_ANY_MAP = {"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}}
_NODE = "k3s:aws:Node"

PROPERTIES: Mapping[str, Any] = {
    "apiEndpoint": {"type": "string", "description": "https://<address>:6443"},
    "kubeconfig": {
        "type": "string",
        "secret": True,
        "description": "The kubeconfig of the first of the identities",
    },
    "kubeconfigs": {
        "type": "object",
        "additionalProperties": {"type": "string"},
        "secret": True,
        "description": "The kubeconfigs by the identities' names",
    },
    "adminKubeconfig": {
        "type": "string",
        "secret": True,
        "description": "The administrator's, only with adminKubeconfig: true",
    },
    "nodes": {
        "type": "array",
        "items": {"$ref": f"#/types/{_NODE}"},
        "description": "The nodes, the servers first",
    },
    "bootReport": {**_ANY_MAP, "description": "Each machine's own account of its boot"},
    "bom": {**_ANY_MAP, "description": "What it is made of: images, k3s, packages"},
    "snapshots": {"type": "string", "description": "The S3 folder of the snapshots"},
    expiry.OUTPUT: {"type": "string", "description": "When the cluster ends, only with ttl"},
    record.OUTPUT: {**_ANY_MAP, "description": "The configuration of the last update by key"},
}
REQUIRED = ("apiEndpoint", "kubeconfigs", "nodes", "bootReport", "bom", record.OUTPUT)
_STRINGS = {
    "name": "The node's name in Kubernetes",
    "role": "server or agent",
    "pool": "servers, or the pool of an agent",
    "instanceId": "The instance in EC2",
    "publicIp": "Its public address, if it has one",
    "privateIp": "Its address in the VPC",
    "architecture": "arm64 or x86_64",
    "k3sVersion": "What its kubelet reports",
}
TYPES: Mapping[str, Any] = {
    _NODE: {
        "type": "object",
        "properties": {
            **{key: {"type": "string", "description": text} for key, text in _STRINGS.items()},
            "readySeconds": {"type": "number", "description": "Seconds until it was Ready"},
        },
    }
}


def of(cluster: K3sCluster) -> dict[str, pulumi.Input[Any]]:
    """The values by name; what the cluster does not have is left out."""
    found: Mapping[str, pulumi.Input[Any] | None] = {
        "apiEndpoint": cluster.api_endpoint,
        "kubeconfig": cluster.kubeconfig,
        "kubeconfigs": pulumi.Output.secret(dict(cluster.kubeconfigs)),
        "adminKubeconfig": cluster.admin_kubeconfig,
        "nodes": cluster.nodes,
        "bootReport": cluster.boot_report,
        "bom": cluster.bom,
        "snapshots": cluster.snapshots,
        expiry.OUTPUT: cluster.expires_at,
        record.OUTPUT: cluster.cluster_record,
    }
    return {name: each for name, each in found.items() if each is not None}

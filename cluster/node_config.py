"""
The node configuration: what the boot program of one machine applies (cluster/machine_files.py).

It holds no secret, only the names of the SSM parameters with them, and all of it can be applied
to a running machine: the provider writes it again when it changes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cluster import (
    backup,
    bucket,
    endpoint,
    expiry,
    k3s_config,
    machine_files,
    network,
    parameters,
    proxy,
    restore,
)
from cluster.machine_files import Manifest, NodeConfig, OwnPart, PoolPart
from cluster.model import Cluster, Node
from cluster.spec import Role


@dataclass(frozen=True, kw_only=True)
class Addresses:
    """Where a machine is reached: from inside the VPC, and from outside if it is at all."""

    private_ip: str
    public_ip: str | None


@dataclass(frozen=True, kw_only=True)
class NodeContext:
    """What is known once the cluster's other resources exist."""

    server_private_ips: tuple[str, ...]
    endpoint_host: str
    bucket: str | None = None
    backup_bucket: str | None = None
    registry_auth: bool = False
    """Whether there are passwords of image registries."""
    expires_at: str | None = None


def build(
    cluster: Cluster,
    node: Node,
    addresses: Addresses,
    context: NodeContext,
    data_volume: str | None = None,
) -> NodeConfig:
    """The node configuration of one machine, with its own addresses and a server's volume."""
    return {
        "schema": machine_files.NODE_SCHEMA,
        "pool": _pool(cluster, node, context),
        "own": _own(cluster, node, addresses, data_volume, context.bucket),
    }


def longest(cluster: Cluster) -> Iterator[tuple[Role, str]]:
    """The role and node.json of a machine of each pool, with the longest values it can get."""
    address = "255.255.255.255"
    context = NodeContext(
        server_private_ips=(address,) * cluster.servers.count,
        # That of a load balancer; nothing else comes close.
        endpoint_host=cluster.endpoint.hostname or "h" * 80,
        bucket="b" * 63 if bucket.needed(cluster) else None,
        backup_bucket="b" * 63,
        registry_auth=True,
        expires_at=expiry.LONGEST if cluster.ttl_seconds else None,
    )
    for pool in cluster.all_pools:
        nodes = cluster.nodes_of(pool)
        # The first server alone creates the cluster, or restores it.
        for node in nodes[:1] if pool.role == "server" else nodes[-1:]:
            own = Addresses(private_ip=address, public_ip=address)
            volume = "vol-0123456789abcdef0" if node.role == "server" else None
            config = build(cluster, node, own, context, volume)
            yield node.role, machine_files.node_file(config, cluster.node_deadline_seconds)


def _pool(cluster: Cluster, node: Node, context: NodeContext) -> PoolPart:
    pool = node.pool
    content: PoolPart = {
        "role": node.role,
        "nodeNamePrefix": node.name_prefix,
        "k3s": {
            "version": cluster.k3s.version,
            "sources": [bucket.k3s_source(cluster, node.architecture, context.bucket)],
            "sha256": cluster.k3s.sha256[node.architecture],
        },
        "labels": dict(pool.labels),
        "taints": [
            {"key": each.key, "value": each.value, "effect": each.effect} for each in pool.taints
        ],
        "config": k3s_config.of(
            cluster, pool, endpoint.certificate_names(cluster, context.endpoint_host)
        ),
        "parameters": parameters.shared(cluster, node.role, registries=context.registry_auth),
    }
    if cluster.k3s.registries or context.registry_auth:
        content["registries"] = dict(cluster.k3s.registries)
    if variables := proxy.variables(cluster, context.server_private_ips):
        content["k3s"]["environment"] = variables
    if context.expires_at:
        content["expiresAt"] = context.expires_at
    if node.role == "agent":
        content["drainSeconds"] = cluster.drain_seconds
    if node.role == "agent" or cluster.has_etcd:
        content["join"] = {
            "urls": [f"https://{each}:{network.API_PORT}" for each in context.server_private_ips]
        }
    if node.role == "agent":
        return content
    content["datastoreParameter"] = parameters.datastore(cluster)
    if backups := backup.configured(cluster, context.backup_bucket):
        content["backup"] = backups
    if cluster.manifests:
        content["manifests"] = _manifests(cluster, context)
    return content


def _own(
    cluster: Cluster,
    node: Node,
    addresses: Addresses,
    data_volume: str | None,
    bucket: str | None,
) -> OwnPart:
    content: OwnPart = {
        "privateIp": addresses.private_ip,
        "hostKeyParameter": parameters.host_key(cluster, node.role, addresses.private_ip),
    }
    if node.role == "server" and node.index == 0:
        content["mayCreateCluster"] = True
    if data_volume and node.pool.data_volume_gib:
        content["dataVolume"] = data_volume
        content["dataVolumeGib"] = node.pool.data_volume_gib
    if node.role == "server" and node.index == 0 and (found := restore.configured(cluster, bucket)):
        content["restore"] = found
    if addresses.public_ip:
        content["publicIp"] = addresses.public_ip
    return content


def _manifests(cluster: Cluster, context: NodeContext) -> dict[str, Manifest]:
    stored = bucket.stored_manifests(cluster) if context.bucket else ()
    return {
        each.name: (
            {
                "source": bucket.url(context.bucket, bucket.manifest_key(each)),
                "sha256": each.sha256,
            }
            if context.bucket and each in stored
            else {"content": each.content}
        )
        for each in cluster.manifests
    }

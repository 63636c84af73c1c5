"""
The cluster resolved: the content of the configuration (spec.py), joined with what AWS reports.

resolution.resolve makes it. Holds no rule about what is allowed (config.py) and nothing of what a
machine reads (node_config.py).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

from cluster.spec import Architecture, ClusterSpec, NetworkSpec, PoolSpec, Role

# Raised when machines of an older release of this program cannot be brought up to date in place.
MACHINE_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """A subnet of the machines: its zone, and its range, or its id where it exists already."""

    zone: str
    cidr: IPv4Network | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Network(NetworkSpec):
    """The network with the caller's address in its allow-lists, in place of CALLER."""


@dataclass(frozen=True, kw_only=True)
class NodePool(PoolSpec):
    """A pool with the architecture of its instance type and the id of its image."""

    architecture: Architecture
    image_id: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, before its instance has an id."""

    cluster: str
    pool: NodePool
    index: int
    subnet: int
    """The index of its subnet among the cluster's."""
    generation: str
    """Changes exactly when the machine has to be replaced."""

    @property
    def architecture(self) -> Architecture:
        return self.pool.architecture

    @property
    def role(self) -> Role:
        return self.pool.role

    @property
    def suffix(self) -> str:
        """What follows a component's name in the names of this node's resources: `agents-1`."""
        return f"{self.pool.name}-{self.index}"

    @property
    def logical_name(self) -> str:
        """The name of this node's Pulumi resources: `demo-agents-1`."""
        return f"{self.cluster}-{self.suffix}"

    @property
    def name_prefix(self) -> str:
        """What every Kubernetes name of this node's pool begins with: `demo-agents`."""
        return f"{self.cluster}-{self.pool.name}"

    def name_on(self, instance_id: str) -> str:
        """
        The Kubernetes name on this instance: `demo-agents-1a2b3c4d`.

        Unique for each machine, since k3s remembers a password for each name (design D7).
        """
        return f"{self.name_prefix}-{instance_id[-8:]}"


@dataclass(frozen=True, kw_only=True)
class Cluster(ClusterSpec):
    """Everything about a cluster that is known before its resources are created."""

    servers: NodePool
    pools: tuple[NodePool, ...]
    network: Network
    subnets: tuple[Subnet, ...]
    vpc_id: str | None
    """The VPC of the subnets, where it exists already."""
    vpc_ranges: tuple[IPv4Network, ...] = ()
    """The ranges of the VPC."""
    region: str
    account_id: str
    partition: str
    restored_from: str | None = None
    """The id of the snapshot that the data comes from; it stays where the key is removed."""

    @property
    def all_pools(self) -> tuple[NodePool, ...]:
        """The servers, then the agents' pools in the order of the file."""
        return (self.servers, *self.pools)

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Each architecture in use, once."""
        return tuple(dict.fromkeys(pool.architecture for pool in self.all_pools))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every machine, the servers first."""
        return tuple(node for pool in self.all_pools for node in self.nodes_of(pool))

    def zone_of(self, node: Node) -> str:
        """The availability zone of a node and of all that belongs to it."""
        return self.subnets[node.subnet].zone

    @property
    def datastore_generation(self) -> str:
        """
        Changes exactly when the data has to be other data: with what is fixed in the datastore when
        k3s creates it, and with the snapshot it is restored from.
        """
        fixed: dict[str, Any] = {
            "clusterCidr": str(self.network.cluster_cidr),
            "serviceCidr": str(self.network.service_cidr),
            "secretsEncryption": self.k3s.secrets_encryption,
        }
        if self.restored_from:
            fixed["restoredFrom"] = self.restored_from
        return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()[:12]

    def nodes_of(self, pool: NodePool) -> tuple[Node, ...]:
        """The machines of one pool, by their index, in each subnet in turn."""
        generation = self._generation(pool)
        return tuple(
            Node(
                cluster=self.name,
                pool=pool,
                index=index,
                subnet=index % len(self.subnets),
                generation=generation,
            )
            for index in range(pool.count)
        )

    def _generation(self, pool: NodePool) -> str:
        # Everything else about a node is applied to the running machine. The ranges of pods and
        # services and the encryption are fixed in the datastore when it is created. What a later
        # release of the program added counts only where it is not the default: else every machine
        # of every user would be replaced.
        needs_a_new_machine: dict[str, Any] = {
            "schema": MACHINE_SCHEMA,
            "image": pool.image.name,
            "architecture": pool.architecture,
            "clusterCidr": str(self.network.cluster_cidr),
            "serviceCidr": str(self.network.service_cidr),
        }
        if pool.image.generation != 1:
            needs_a_new_machine["imageGeneration"] = pool.image.generation
        if self.k3s.flannel_backend != "vxlan":
            needs_a_new_machine["flannelBackend"] = self.k3s.flannel_backend
        if pool.role == "server" and not self.k3s.secrets_encryption:
            needs_a_new_machine["secretsEncryption"] = False
        if self.restored_from:
            needs_a_new_machine["restoredFrom"] = self.restored_from
        if pool.spot:
            # A spot instance cannot be stopped, so it cannot become another type either.
            needs_a_new_machine["instanceType"] = pool.instance_type
        return hashlib.sha256(json.dumps(needs_a_new_machine).encode()).hexdigest()[:12]

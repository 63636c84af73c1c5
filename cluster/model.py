"""
The cluster as the program understands it: frozen, complete, comparable.

Holds no rule about what is allowed (config.py) and nothing a machine is told (node_config.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

from cluster.images import Image

Role = Literal["server", "agent"]
Architecture = Literal["arm64", "x86_64"]

SERVERS = "servers"
"""The pool all servers belong to; no pool of agents may have this name."""

# Raised when machines of an older release of this program cannot be brought up to date in place.
MACHINE_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class K3s:
    """Which k3s, where it is downloaded, and what the file of each architecture must hash to."""

    version: str
    download_url: str
    sha256: Mapping[Architecture, str]


@dataclass(frozen=True, kw_only=True)
class Network:
    """The address ranges, and who may reach the API and the SSH port."""

    vpc_cidr: IPv4Network
    cluster_cidr: IPv4Network
    service_cidr: IPv4Network
    api_allowed_cidrs: tuple[str, ...]
    ssh_allowed_cidrs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NodePool:
    """Machines of one role and shape. `path` is where the configuration describes them."""

    name: str
    role: Role
    count: int
    instance_type: str
    root_volume_gib: int
    path: str


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, before anybody knows its instance id."""

    cluster: str
    role: Role
    pool: str
    index: int
    instance_type: str
    architecture: Architecture
    root_volume_gib: int
    generation: str
    """Changes exactly when the machine has to be made anew."""

    @property
    def suffix(self) -> str:
        """What follows a component's name in the names of this node's resources: `agents-1`."""
        return f"{self.pool}-{self.index}"

    @property
    def logical_name(self) -> str:
        """The name of this node's Pulumi resources: `demo-agents-1`."""
        return f"{self.cluster}-{self.suffix}"

    @property
    def name_prefix(self) -> str:
        """What every Kubernetes name of this node's pool begins with: `demo-agents`."""
        return f"{self.cluster}-{self.pool}"

    def name_on(self, instance_id: str) -> str:
        """
        The Kubernetes name on this instance: `demo-agents-1a2b3c4d`.

        Unique for each machine, since k3s remembers a password for each name (design D7).
        """
        return f"{self.name_prefix}-{instance_id[-8:]}"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Everything the configuration says. `architectures` (by instance type) come from EC2."""

    name: str
    stack: str
    k3s: K3s
    image: Image
    servers: NodePool
    pools: tuple[NodePool, ...]
    network: Network
    node_deadline_seconds: int
    drain_seconds: int
    architectures: Mapping[str, Architecture] | None = None

    @property
    def all_pools(self) -> tuple[NodePool, ...]:
        """The servers, then the agents' pools in the order of the file."""
        return (self.servers, *self.pools)

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Each instance type in use, once."""
        return tuple(dict.fromkeys(pool.instance_type for pool in self.all_pools))

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every machine, the servers first. Needs `architectures.resolve` before."""
        return tuple(
            self._node(pool, index) for pool in self.all_pools for index in range(pool.count)
        )

    def nodes_of(self, pool: NodePool) -> tuple[Node, ...]:
        """The machines of one pool, by their index."""
        return tuple(self._node(pool, index) for index in range(pool.count))

    def _node(self, pool: NodePool, index: int) -> Node:
        if self.architectures is None:
            raise LookupError("the architectures are not known yet: call architectures.resolve")
        architecture = self.architectures[pool.instance_type]
        return Node(
            cluster=self.name,
            role=pool.role,
            pool=pool.name,
            index=index,
            instance_type=pool.instance_type,
            architecture=architecture,
            root_volume_gib=pool.root_volume_gib,
            generation=self._generation(architecture),
        )

    def _generation(self, architecture: Architecture) -> str:
        # Everything else about a node is applied to the running machine. The ranges of pods and
        # services are fixed in the datastore when the cluster is founded.
        needs_a_new_machine = {
            "schema": MACHINE_SCHEMA,
            "image": self.image.name,
            "architecture": architecture,
            "clusterCidr": str(self.network.cluster_cidr),
            "serviceCidr": str(self.network.service_cidr),
        }
        return hashlib.sha256(json.dumps(needs_a_new_machine).encode()).hexdigest()[:12]

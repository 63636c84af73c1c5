"""
The cluster as the program understands it: frozen, complete, comparable.

Holds no rule about what is allowed (config.py) and nothing a machine is told (node_config.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, Literal

from cluster.errors import Problem
from cluster.images import Image

Role = Literal["server", "agent"]
Architecture = Literal["arm64", "x86_64"]

SERVERS = "servers"
"""The pool all servers belong to; no pool of agents may have this name."""

CALLER = "caller"
"""In an allow-list: the address the program's own requests come from."""

TAG_PREFIX = "k3s-aws:"

# Raised when machines of an older release of this program cannot be brought up to date in place.
MACHINE_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class K3s:
    """
    Which k3s, where it is downloaded, what the file of each architecture must hash to, and what
    it is told: the packaged components that are off, and keys of its own for each role.
    """

    version: str
    download_url: str
    sha256: Mapping[Architecture, str]
    disabled: tuple[str, ...] = ()
    flannel_backend: str = "vxlan"
    secrets_encryption: bool = True
    registries: Mapping[str, Any] = field(default_factory=dict)
    from_bucket: bool = False
    server: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, Any] = field(default_factory=dict)

    def keys_of(self, role: Role) -> Mapping[str, Any]:
        """The keys that pass through to k3s on every node of the role."""
        return self.server if role == "server" else self.agent


@dataclass(frozen=True, kw_only=True)
class Network:
    """
    The address ranges, where in them machines stand, and who may reach the API and the SSH port.

    An entry of an allow-list is a range or CALLER, until answers.resolve has put the caller's
    address in its place.
    """

    vpc_cidr: IPv4Network
    availability_zones: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    public_addresses: bool
    cluster_cidr: IPv4Network
    service_cidr: IPv4Network
    api_allowed_cidrs: tuple[str, ...]
    ssh_allowed_cidrs: tuple[str, ...]
    caller_address_url: str

    @property
    def ssh_enabled(self) -> bool:
        """Whether the program itself may use SSH."""
        return bool(self.ssh_allowed_cidrs)

    @property
    def asks_for_caller(self) -> bool:
        return CALLER in (*self.api_allowed_cidrs, *self.ssh_allowed_cidrs)


@dataclass(frozen=True, kw_only=True)
class Taint:
    """A taint of a node; the value may be empty."""

    key: str
    value: str
    effect: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}"


@dataclass(frozen=True, kw_only=True)
class Spot:
    """Spot instances, for at most `max_price` US dollars an hour."""

    max_price: str | None


@dataclass(frozen=True, kw_only=True)
class NodePool:
    """Machines of one role and shape. `path` is where the configuration describes them."""

    name: str
    role: Role
    count: int
    instance_type: str
    root_volume_gib: int
    image: Image
    path: str
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    spot: Spot | None = None
    k3s: Mapping[str, Any] = field(default_factory=dict)
    max_unavailable: int = 1
    """How many of its existing machines may be changed or replaced at a time."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A file of Kubernetes objects that k3s applies."""

    name: str
    content: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """How often each kind of secret was asked to be made anew, the first time included."""

    join_tokens: int = 1
    login_key: int = 1
    host_keys: int = 1


@dataclass(frozen=True, kw_only=True)
class Identity:
    """
    Somebody who may call the API: a ClusterRole in these namespaces, or in the whole cluster
    without any, and core resources to be read in the whole cluster.
    """

    name: str
    cluster_role: str
    namespaces: tuple[str, ...]
    cluster_reads: tuple[str, ...]
    expiry_days: int
    generation: int


@dataclass(frozen=True, kw_only=True)
class Subnet:
    """One of the subnets machines stand in: its zone, and its range or the id it has already."""

    zone: str
    cidr: IPv4Network | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Node:
    """One machine of the cluster, before anybody knows its instance id."""

    cluster: str
    pool: NodePool
    index: int
    architecture: Architecture
    subnet: int
    """Which of the cluster's subnets it stands in."""
    generation: str
    """Changes exactly when the machine has to be made anew."""

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
class Cluster:
    """
    Everything the configuration says. `architectures` (by instance type) and `subnets` come from
    AWS; answers.resolve puts them in.
    """

    name: str
    stack: str
    k3s: K3s
    servers: NodePool
    pools: tuple[NodePool, ...]
    network: Network
    node_deadline_seconds: int
    drain_seconds: int
    manifests: tuple[Manifest, ...] = ()
    identities: tuple[Identity, ...] = ()
    admin_kubeconfig: bool = False
    own_tags: Mapping[str, str] = field(default_factory=dict)
    rotation: Rotation = Rotation()
    parameter_key_arn: str | None = None
    """The KMS key of the parameters, where it is not the account's own."""
    warnings: tuple[Problem, ...] = ()
    architectures: Mapping[str, Architecture] | None = None
    subnets: tuple[Subnet, ...] = ()
    vpc_id: str | None = None

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every resource that can have some."""
        return {
            **self.own_tags,
            f"{TAG_PREFIX}cluster": self.name,
            f"{TAG_PREFIX}stack": self.stack,
        }

    @property
    def short_tags(self) -> dict[str, str]:
        """The program's own tags, for what cannot have many."""
        return {key: value for key, value in self.tags.items() if key.startswith(TAG_PREFIX)}

    @property
    def all_pools(self) -> tuple[NodePool, ...]:
        """The servers, then the agents' pools in the order of the file."""
        return (self.servers, *self.pools)

    @property
    def instance_types(self) -> tuple[str, ...]:
        """Each instance type in use, once."""
        return tuple(dict.fromkeys(pool.instance_type for pool in self.all_pools))

    @property
    def own_images(self) -> tuple[str, ...]:
        """Each AMI that the configuration names, once."""
        return tuple(dict.fromkeys(pool.image.ami for pool in self.all_pools if pool.image.ami))

    @property
    def image_parameters(self) -> tuple[str, ...]:
        """Each SSM parameter that names an image for a machine of the cluster, once."""
        return tuple(
            dict.fromkeys(
                pool.image.parameters[self.architecture_of(pool)]
                for pool in self.all_pools
                if pool.image.ami is None
            )
        )

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every machine, the servers first. Needs `answers.resolve` before."""
        return tuple(node for pool in self.all_pools for node in self.nodes_of(pool))

    def nodes_of(self, pool: NodePool) -> tuple[Node, ...]:
        """The machines of one pool, by their index, in each subnet in turn."""
        architecture = self.architecture_of(pool)
        generation = self._generation(pool, architecture)
        return tuple(
            Node(
                cluster=self.name,
                pool=pool,
                index=index,
                architecture=architecture,
                subnet=index % len(self.subnets),
                generation=generation,
            )
            for index in range(pool.count)
        )

    def architecture_of(self, pool: NodePool) -> Architecture:
        if self.architectures is None:
            raise LookupError("the architectures are not known yet: call answers.resolve")
        return self.architectures[pool.instance_type]

    def _generation(self, pool: NodePool, architecture: Architecture) -> str:
        # Everything else about a node is applied to the running machine. The ranges of pods and
        # services and the encryption are fixed in the datastore when the cluster is founded. What
        # came with a later release of the program counts only where it is not the default: else
        # every machine of every user would be replaced.
        needs_a_new_machine: dict[str, Any] = {
            "schema": MACHINE_SCHEMA,
            "image": pool.image.name,
            "architecture": architecture,
            "clusterCidr": str(self.network.cluster_cidr),
            "serviceCidr": str(self.network.service_cidr),
        }
        if pool.image.generation != 1:
            needs_a_new_machine["imageGeneration"] = pool.image.generation
        if self.k3s.flannel_backend != "vxlan":
            needs_a_new_machine["flannelBackend"] = self.k3s.flannel_backend
        if pool.role == "server" and not self.k3s.secrets_encryption:
            needs_a_new_machine["secretsEncryption"] = False
        if pool.spot:
            # A spot instance cannot be stopped, so it cannot become another type either.
            needs_a_new_machine["instanceType"] = pool.instance_type
        return hashlib.sha256(json.dumps(needs_a_new_machine).encode()).hexdigest()[:12]

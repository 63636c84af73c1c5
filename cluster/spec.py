"""
The content of the configuration file as frozen values: the half of the model without AWS.

config.py reads it, resolution.py makes it the `Cluster` of model.py. Holds no rule about what
is allowed.
"""

from __future__ import annotations

import hashlib
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

NODES = "nodes"
"""Among the sources of an ingress: every machine of the cluster."""

TAG_PREFIX = "k3s-aws:"


@dataclass(frozen=True, kw_only=True)
class K3s:
    """
    Which k3s, where it is downloaded, the SHA-256 of the file of each architecture, the packaged
    components that are off, and k3s's own keys for each role.
    """

    version: str
    download_url: str
    sha256: Mapping[Architecture, str]
    disabled: tuple[str, ...] = ()
    flannel_backend: str = "vxlan"
    secrets_encryption: bool = True
    registries: Mapping[str, Any] = field(default_factory=dict)
    from_bucket: bool = False
    drain_on_upgrade: bool = False
    """Whether the pods leave a node before it gets another k3s."""
    server: Mapping[str, Any] = field(default_factory=dict)
    agent: Mapping[str, Any] = field(default_factory=dict)

    def keys_of(self, role: Role) -> Mapping[str, Any]:
        """The keys that pass through to k3s on every node of the role."""
        return self.server if role == "server" else self.agent


@dataclass(frozen=True, kw_only=True)
class Ingress:
    """
    Further ports that the machines of `roles` let in, as pairs of the first and the last port.

    A source is a range, CALLER or NODES.
    """

    name: str
    roles: tuple[Role, ...]
    protocol: str
    ports: tuple[tuple[int, int], ...]
    sources: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """The URLs of the machines' proxy, and what they reach without it."""

    http_proxy: str | None
    https_proxy: str | None
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """
    The address ranges, the zones or subnets, and who may reach which ports of the machines.

    An entry of an allow-list is a range or CALLER.
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
    ingress: tuple[Ingress, ...] = ()

    @property
    def ssh_enabled(self) -> bool:
        """Whether the program itself may use SSH."""
        return bool(self.ssh_allowed_cidrs)

    @property
    def uses_caller(self) -> bool:
        opened = (source for each in self.ingress for source in each.sources)
        return CALLER in (*self.api_allowed_cidrs, *self.ssh_allowed_cidrs, *opened)


EndpointType = Literal["serverAddress", "loadBalancer", "dnsName"]


@dataclass(frozen=True, kw_only=True)
class EndpointSpec:
    """
    Where clients connect to the API: the address of the first server, a network load balancer in
    front of the servers, or a DNS name that leads to them.

    `internal`: by private addresses. `zone_id` is the hosted zone of Route 53 that gets a record of
    the name with the address of each server.
    """

    type: EndpointType = "serverAddress"
    internal: bool = False
    hostname: str | None = None
    zone_id: str | None = None


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
class PoolSpec:
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
    data_volume_gib: int | None = None
    """The size of the volume with the datastore, on servers."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """A file of Kubernetes objects that k3s applies; of a chart, its HelmChart object."""

    name: str
    content: str
    of_chart: bool = False

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """How often each kind of secret was created, the first time included."""

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
    pod_security: str = "baseline"
    """The level of Pod Security Admission of its namespaces."""


@dataclass(frozen=True, kw_only=True)
class Backup:
    """Snapshots of the datastore, and for how many days S3 keeps each."""

    every_hours: int
    keep_days: int
    keep_after_destroy: bool
    kms_key_arn: str | None


@dataclass(frozen=True, kw_only=True)
class ClusterSpec:
    """Everything that the configuration file has about a cluster."""

    name: str
    stack: str
    k3s: K3s
    servers: PoolSpec
    pools: tuple[PoolSpec, ...]
    network: NetworkSpec
    endpoint: EndpointSpec = EndpointSpec()
    node_deadline_seconds: int
    drain_seconds: int
    manifests: tuple[Manifest, ...] = ()
    identities: tuple[Identity, ...] = ()
    admin_kubeconfig: bool = False
    allow_data_loss: bool = False
    own_tags: Mapping[str, str] = field(default_factory=dict)
    rotation: Rotation = Rotation()
    proxy: Proxy | None = None
    backup: Backup | None = None
    restore_from: str | None = None
    """The S3 URL of a snapshot, without the endings of its objects."""
    ttl_seconds: int | None = None
    """How long the cluster exists; None without an end."""
    parameter_key_arn: str | None = None
    """The KMS key of the parameters, where it is not the account's own."""
    warnings: tuple[Problem, ...] = ()

    @property
    def snapshot_id(self) -> str | None:
        """A short name of the snapshot, the same for the same URL: a record has no long strings."""
        url = self.restore_from
        return hashlib.sha256(url.encode()).hexdigest()[:16] if url else None

    @property
    def tags(self) -> dict[str, str]:
        """The tags of every resource that can have some."""
        return {
            **self.own_tags,
            f"{TAG_PREFIX}cluster": self.name,
            f"{TAG_PREFIX}stack": self.stack,
        }

    @property
    def has_etcd(self) -> bool:
        """Whether the datastore is embedded etcd, which several servers share; else SQLite."""
        return self.servers.count > 1

    @property
    def short_tags(self) -> dict[str, str]:
        """The program's own tags, for what cannot have many."""
        return {key: value for key, value in self.tags.items() if key.startswith(TAG_PREFIX)}

    @property
    def all_pools(self) -> tuple[PoolSpec, ...]:
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

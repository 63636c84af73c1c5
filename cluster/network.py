"""Address arithmetic and the ingress rules, as data. What is not listed here stays closed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from cluster.model import Cluster
from cluster.model import Network as Ranges
from cluster.spec import Role

API_PORT = 6443
SUBNET_PREFIX = 20
SMALLEST_SUBNET_PREFIX = 28
# EC2 keeps the first four addresses and the last one of a subnet to itself.
RESERVED_ADDRESSES = 5
# The controller manager hands a /24 of the cluster range to each node.
NODE_PREFIX = 24

# https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes
_TUNNELS = {"vxlan": ("vxlan", 8472), "wireguard-native": ("wireguard", 51820)}

ROLES: tuple[Role, ...] = ("server", "agent")


@dataclass(frozen=True, kw_only=True)
class IngressRule:
    """What the machines of `role` let in: from a CIDR, or from the machines of another role."""

    name: str
    role: Role
    description: str
    protocol: str
    from_port: int | None
    to_port: int | None
    cidr: str | None = None
    source_role: Role | None = None


def subnet_cidrs(vpc_cidr: IPv4Network, number: int) -> tuple[IPv4Network, ...]:
    """The subnets of a VPC of our own: a /20 each, or equal parts of a smaller VPC."""
    prefix = max(SUBNET_PREFIX, vpc_cidr.prefixlen + (number - 1).bit_length())
    return tuple(itertools.islice(vpc_cidr.subnets(new_prefix=prefix), number))


def most_subnets(vpc_cidr: IPv4Network) -> int:
    """How many subnets fit into the VPC; EC2's smallest is a /28."""
    return 1 << (SMALLEST_SUBNET_PREFIX - vpc_cidr.prefixlen)


def machines_in(vpc_cidr: IPv4Network, subnets: int = 1) -> int:
    """How many machines each of so many subnets has addresses for."""
    subnets = min(subnets, most_subnets(vpc_cidr))
    return subnet_cidrs(vpc_cidr, subnets)[0].num_addresses - RESERVED_ADDRESSES


def nodes_in(cluster_cidr: IPv4Network) -> int:
    """How many nodes the range of the pods has room for."""
    return 1 << (NODE_PREFIX - cluster_cidr.prefixlen)


def ingress_rules(cluster: Cluster) -> tuple[IngressRule, ...]:
    """Every rule, named so that adding one moves no other."""
    return (*_from_outside(cluster.network), *_between_nodes(cluster))


def _from_outside(ranges: Ranges) -> Iterator[IngressRule]:
    for cidr in ranges.api_allowed_cidrs:
        yield _from_cidr("server", "api", API_PORT, cidr)
    for role in ROLES:
        for cidr in ranges.ssh_allowed_cidrs:
            yield _from_cidr(role, "ssh", 22, cidr)


def _from_cidr(role: Role, service: str, port: int, cidr: str) -> IngressRule:
    return IngressRule(
        name=f"{role}-{service}-{cidr.replace('.', '-').replace('/', '-')}",
        role=role,
        description=f"{service} from {cidr}",
        protocol="tcp",
        from_port=port,
        to_port=port,
        cidr=cidr,
    )


def source_dest_check(cluster: Cluster) -> bool:
    """Whether EC2 drops packets that neither come from nor go to the machine's own address."""
    return cluster.k3s.flannel_backend != "host-gw"


def _between_nodes(cluster: Cluster) -> Iterator[IngressRule]:
    for source in ROLES:
        yield _from_role("server", "api", "tcp", API_PORT, source)
    backend = cluster.k3s.flannel_backend
    for role in ROLES:
        if backend == "host-gw":
            # Packets of pods come as they are; a group as the source means machines' addresses.
            yield _all_from(role, "pods", str(cluster.network.cluster_cidr), None)
        for source in ROLES:
            if backend == "none":
                # Which ports the network needs that a manifest brings is not ours to know.
                yield _all_from(role, "all", None, source)
                continue
            if backend in _TUNNELS:
                name, port = _TUNNELS[backend]
                yield _from_role(role, name, "udp", port, source)
            yield _from_role(role, "kubelet", "tcp", 10250, source)


def _all_from(role: Role, what: str, cidr: str | None, source: Role | None) -> IngressRule:
    origin = cidr or f"the {source}s"
    return IngressRule(
        name=f"{role}-{what}" + (f"-{source}s" if source else ""),
        role=role,
        description=f"everything from {origin}",
        protocol="-1",
        from_port=None,
        to_port=None,
        cidr=cidr,
        source_role=source,
    )


def _from_role(role: Role, service: str, protocol: str, port: int, source: Role) -> IngressRule:
    return IngressRule(
        name=f"{role}-{service}-{source}s",
        role=role,
        description=f"{service} from the {source}s",
        protocol=protocol,
        from_port=port,
        to_port=port,
        source_role=source,
    )

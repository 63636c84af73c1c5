"""Address arithmetic and the ingress rules, as data. What is not listed here stays closed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network

from cluster.model import Cluster, Role
from cluster.model import Network as Ranges

SUBNET_PREFIX = 20
# EC2 keeps the first four addresses and the last one of a subnet to itself.
RESERVED_ADDRESSES = 5
# The controller manager hands a /24 of the cluster range to each node.
NODE_PREFIX = 24

ROLES: tuple[Role, ...] = ("server", "agent")


@dataclass(frozen=True, kw_only=True)
class IngressRule:
    """What the machines of `role` let in: from a CIDR, or from the machines of another role."""

    name: str
    role: Role
    description: str
    protocol: str
    from_port: int
    to_port: int
    cidr: str | None = None
    source_role: Role | None = None


def subnet_cidr(vpc_cidr: IPv4Network) -> IPv4Network:
    """The one public subnet: the first /20 of the VPC, or all of a smaller one."""
    if vpc_cidr.prefixlen >= SUBNET_PREFIX:
        return vpc_cidr
    return next(vpc_cidr.subnets(new_prefix=SUBNET_PREFIX))


def machines_in(vpc_cidr: IPv4Network) -> int:
    """How many machines the subnet has addresses for."""
    return subnet_cidr(vpc_cidr).num_addresses - RESERVED_ADDRESSES


def nodes_in(cluster_cidr: IPv4Network) -> int:
    """How many nodes the range of the pods has room for."""
    return 1 << (NODE_PREFIX - cluster_cidr.prefixlen)


def ingress_rules(cluster: Cluster) -> tuple[IngressRule, ...]:
    """Every rule, named so that adding one moves no other."""
    return (*_from_outside(cluster.network), *_between_nodes())


def _from_outside(ranges: Ranges) -> Iterator[IngressRule]:
    for cidr in ranges.api_allowed_cidrs:
        yield _from_cidr("server", "api", 6443, cidr)
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


def _between_nodes() -> Iterator[IngressRule]:
    for source in ROLES:
        yield _from_role("server", "api", "tcp", 6443, source)
    for role in ROLES:
        for source in ROLES:
            yield _from_role(role, "vxlan", "udp", 8472, source)
            yield _from_role(role, "kubelet", "tcp", 10250, source)


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

"""Address arithmetic and the ingress rules, as data. What is not listed here stays closed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Network
from typing import Literal

from cluster.spec import NODES, ClusterSpec, Ingress, Role

API_PORT = 6443
# https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes
_ETCD_PORTS = (2379, 2380)
SUBNET_PREFIX = 20
SMALLEST_SUBNET_PREFIX = 28
# EC2 keeps the first four addresses and the last one of a subnet to itself.
RESERVED_ADDRESSES = 5
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/availability-zones.html
LOAD_BALANCER_ADDRESSES = 8
# The controller manager hands a /24 of the cluster range to each node.
NODE_PREFIX = 24

# https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
MOST_RULES_OF_A_GROUP = 1000

# https://docs.k3s.io/installation/registry-mirror
_REGISTRY_PORT = 5001

# https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes
_TUNNELS = {"vxlan": ("vxlan", 8472), "wireguard-native": ("wireguard", 51820)}

ROLES: tuple[Role, ...] = ("server", "agent")

LOAD_BALANCER: Literal["load balancer"] = "load balancer"
Group = Role | Literal["load balancer"]
"""Whose security group it is: the machines' of a role, or the load balancer's."""


@dataclass(frozen=True, kw_only=True)
class IngressRule:
    """What a group lets in: from a CIDR, or from the machines or load balancer of another."""

    name: str
    group: Group
    description: str
    protocol: str
    from_port: int | None
    to_port: int | None
    cidr: str | None = None
    source_group: Group | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What EC2 identifies the rule of a group by."""
        source = self.cidr or self.source_group
        return (self.group, self.protocol, self.from_port, self.to_port, source)


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


def nodes_in(cluster_cidr: IPv4Network, node_prefix: int = NODE_PREFIX) -> int:
    """How many nodes the range of the pods has room for."""
    return 1 << max(0, node_prefix - cluster_cidr.prefixlen)


def pods_in(node_prefix: int) -> int:
    """How many addresses for pods a node has: all but the network's, the bridge's and the last."""
    return max(0, (1 << (32 - node_prefix)) - 3)


def ingress_rules(cluster: ClusterSpec) -> tuple[IngressRule, ...]:
    """Every rule, named so that adding one moves no other; each is in the cluster's groups once."""
    return tuple({rule.key: rule for rule in reversed(rules(cluster))}.values())[::-1]


def rules(cluster: ClusterSpec) -> tuple[IngressRule, ...]:
    """Every rule, also those that are the same as another one."""
    opened_rules = (rule for each in cluster.network.ingress for rule in opened(each))
    return (*own_rules(cluster), *opened_rules)


def own_rules(cluster: ClusterSpec) -> tuple[IngressRule, ...]:
    """The rules without those of `network.ingress`."""
    return (*_from_outside(cluster), *_between_nodes(cluster), *_for_k3s_keys(cluster))


def opened(ingress: Ingress) -> Iterator[IngressRule]:
    """The rules of an entry of `network.ingress`."""
    for role in ingress.roles:
        for ports in ingress.ports:
            for source in ingress.sources:
                if source == NODES:
                    for each in ROLES:
                        yield _opened(role, ingress.name, ingress.protocol, ports, source=each)
                else:
                    yield _opened(role, ingress.name, ingress.protocol, ports, cidr=source)


def _opened(
    role: Role,
    label: str,
    protocol: str,
    ports: tuple[int, int],
    *,
    cidr: str | None = None,
    source: Role | None = None,
) -> IngressRule:
    """
    A rule by what it opens, whatever the configuration calls it.

    Pulumi creates before it deletes, and EC2 rejects a rule that a group has: under another name
    the same rule could not be created.
    """
    first, last = ports
    service = f"ingress-{protocol}-{first if first == last else f'{first}-{last}'}"
    rule = _rule(role, service, protocol, ports, cidr=cidr, source=source)
    return replace(rule, description=f"{label} from {cidr or f'the {source}s'}")


def _from_outside(cluster: ClusterSpec) -> Iterator[IngressRule]:
    ranges = cluster.network
    balanced = cluster.endpoint.type == "loadBalancer"
    for cidr in ranges.api_allowed_cidrs:
        yield _from_cidr(LOAD_BALANCER if balanced else "server", "api", API_PORT, cidr)
    if balanced:
        yield _from_group("server", "api", "tcp", (API_PORT, API_PORT), LOAD_BALANCER)
    for role in ROLES:
        for cidr in ranges.ssh_allowed_cidrs:
            yield _from_cidr(role, "ssh", 22, cidr)


def _from_cidr(role: Group, service: str, port: int, cidr: str) -> IngressRule:
    return _rule(role, service, "tcp", (port, port), cidr=cidr)


def _rule(
    group: Group,
    service: str,
    protocol: str,
    ports: tuple[int, int],
    *,
    cidr: str | None = None,
    source: Group | None = None,
) -> IngressRule:
    origin = cidr.replace(".", "-").replace("/", "-") if cidr else f"{source}s"
    return IngressRule(
        name=f"{group}-{service}-{origin}".replace(" ", "-"),
        group=group,
        description=f"{service} from {cidr or f'the {source}s'}",
        protocol=protocol,
        from_port=ports[0],
        to_port=ports[1],
        cidr=cidr,
        source_group=source,
    )


def source_dest_check(cluster: ClusterSpec) -> bool:
    """Whether EC2 drops packets that neither come from nor go to the machine's own address."""
    return cluster.k3s.flannel_backend != "host-gw"


def _between_nodes(cluster: ClusterSpec) -> Iterator[IngressRule]:
    for source in ROLES:
        yield _from_group("server", "api", "tcp", (API_PORT, API_PORT), source)
    if cluster.has_etcd:
        yield _from_group("server", "etcd", "tcp", _ETCD_PORTS, "server")
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
                yield _from_group(role, name, "udp", (port, port), source)
            yield _from_group(role, "kubelet", "tcp", (10250, 10250), source)


def _all_from(role: Role, what: str, cidr: str | None, source: Role | None) -> IngressRule:
    origin = cidr or f"the {source}s"
    return IngressRule(
        name=f"{role}-{what}" + (f"-{source}s" if source else ""),
        group=role,
        description=f"everything from {origin}",
        protocol="-1",
        from_port=None,
        to_port=None,
        cidr=cidr,
        source_group=source,
    )


def _from_group(
    group: Group, service: str, protocol: str, ports: tuple[int, int], source: Group
) -> IngressRule:
    return _rule(group, service, protocol, ports, source=source)


def _for_k3s_keys(cluster: ClusterSpec) -> Iterator[IngressRule]:
    """What keys of k3s need between nodes; k3s listens on the API's port of agents too for them."""
    keys = {**cluster.k3s.server, **cluster.servers.k3s}
    registry = keys.get("embedded-registry") is True
    if cluster.k3s.flannel_backend == "none":
        return
    if registry or keys.get("supervisor-metrics") is True:
        for source in ROLES:
            ports = (API_PORT, API_PORT)
            yield _opened("agent", "k3s supervisor", "tcp", ports, source=source)
    if registry:
        for role in ROLES:
            for source in ROLES:
                ports = (_REGISTRY_PORT, _REGISTRY_PORT)
                yield _opened(role, "embedded registry", "tcp", ports, source=source)

"""Reads `cluster.network`: ranges, zones or subnets, and who may reach the machines."""

from __future__ import annotations

import itertools
from ipaddress import IPv4Network

from cluster import network
from cluster.errors import Kind
from cluster.reading import ingress, reserved
from cluster.reading.faults import quoted
from cluster.reading.section import Section
from cluster.spec import ClusterSpec, K3s, NetworkSpec

_OWNERS = {"vpcCidr": "VPC's", "clusterCidr": "pods'", "serviceCidr": "services'"}


def read(section: Section, k3s: K3s, *, agents: bool) -> NetworkSpec:
    """The network; `agents`: whether the cluster has pools."""
    opened = ingress.read(section, agents=agents)
    ranges = NetworkSpec(**section.arguments(), ingress=opened)
    for key in ("apiAllowedCidrs", "sshAllowedCidrs"):
        for index, text in enumerate(section[key]):
            if who := reserved.everybody(text):
                what = f"{quoted(text)} lets {who} connect"
                section.warn(key, what, 'name your own ranges, or "caller"', below=(index,))
    for key in _OWNERS:
        if section.valid(key) and reserved.is_public(section[key]):
            what = f"{section[key]} has public addresses, which pods could not reach as such"
            fix = f"choose a private range, such as {quoted(section.default(key))}"
            section.warn(key, what, fix)
    _check_overlaps(section)
    _check_place(section, ranges)
    zones, subnets, vpc = ranges.availability_zones, ranges.subnet_ids, ranges.vpc_cidr
    if section.valid("vpcCidr") and len(zones) > network.most_subnets(vpc):
        section.report(
            "availabilityZones",
            f"{vpc} has room for {network.most_subnets(vpc)} subnets, and {len(zones)} are "
            "asked for",
            "choose a wider vpcCidr, or fewer zones",
            Kind.LIMIT,
        )
    if k3s.flannel_backend == "host-gw" and max(len(zones), len(subnets)) > 1:
        section.report(
            "subnetIds" if subnets else "availabilityZones",
            "flannelBackend host-gw sends pods' packets to the next machine of the same subnet, "
            "and there are several",
            "choose one subnet, or another cluster.k3s.flannelBackend",
            Kind.CONFLICT,
        )
    return ranges


def check_room(section: Section, spec: ClusterSpec, node_prefix: int) -> None:
    """
    Reports ranges with fewer addresses than there are machines and pods.

    `node_prefix` is that of the range of pods that each node gets.
    """
    ranges, nodes = spec.network, sum(pool.count for pool in spec.all_pools)
    if section.valid("vpcCidr") and not ranges.subnet_ids:
        _check_subnets(section, spec)
    room = network.nodes_in(ranges.cluster_cidr, node_prefix)
    if section.valid("clusterCidr") and nodes > room:
        section.report(
            "clusterCidr",
            f"{ranges.cluster_cidr} has room for the pods of {room} nodes (/{node_prefix} each), "
            f"and {nodes} are asked for",
            'choose a wider range, such as "10.128.0.0/12", or fewer nodes'
            + ("" if node_prefix == network.NODE_PREFIX else ", or a larger node-cidr-mask-size"),
            Kind.LIMIT,
        )


def _check_subnets(section: Section, spec: ClusterSpec) -> None:
    vpc_cidr, places = spec.network.vpc_cidr, max(1, len(spec.network.availability_zones))
    # The machines of each pool begin with the first subnet, and so does a load balancer.
    fullest = sum(-(-pool.count // places) for pool in spec.all_pools)
    free, beside = network.machines_in(vpc_cidr, places), ""
    if spec.endpoint.type == "loadBalancer":
        free = max(0, free - network.LOAD_BALANCER_ADDRESSES)
        beside = f" beside the {network.LOAD_BALANCER_ADDRESSES} addresses of a load balancer"
    if fullest > free:
        section.report(
            "vpcCidr",
            f"a subnet in {vpc_cidr} has room for {free} machines{beside}, and {fullest} are "
            "asked for",
            f"choose a wider range, such as {quoted(section.default('vpcCidr'))}, or fewer nodes",
            Kind.LIMIT,
        )


def check_zones(section: Section, spec: ClusterSpec) -> None:
    """Warns where servers that are to outlive each other share one zone."""
    ranges = spec.network
    if spec.has_etcd and not ranges.subnet_ids and len(ranges.availability_zones) < 2:
        what = f"{spec.servers.count} servers are in one zone, and are lost together with it"
        section.warn("availabilityZones", what, "name as many zones as there are servers")


def _check_overlaps(section: Section) -> None:
    """Reports each two ranges that share addresses, at the one that was set."""
    keys = [key for key in _OWNERS if section.valid(key)]
    for one, other in itertools.combinations(keys, 2):
        first, second = section[one], section[other]
        if not _overlap(first, second) or ("vpcCidr" in (one, other) and section["subnetIds"]):
            continue
        chosen = other if one not in section and other in section else one
        section.report(
            chosen,
            f"the {_OWNERS[one]} range {first} overlaps the {_OWNERS[other]} range {second}",
            "choose ranges that share no address; "
            f"{quoted(section.default(chosen))} is the default",
            Kind.CONFLICT,
        )


def _overlap(one: IPv4Network, other: IPv4Network) -> bool:
    return one.overlaps(other)


def _check_place(section: Section, ranges: NetworkSpec) -> None:
    if ranges.subnet_ids:
        for key in section.given("vpcCidr", "availabilityZones"):
            section.report(
                key,
                "describes a VPC of the program's own, and subnetIds name one that exists",
                "remove one of them",
                Kind.CONFLICT,
            )
    elif not ranges.public_addresses and section.valid("subnetIds"):
        section.report(
            "publicAddresses",
            "machines in a VPC of the program's own are reachable by their public addresses only",
            "set subnetIds of a VPC you reach (VPN, peering, a runner in it), or remove it",
            Kind.CONFLICT,
        )

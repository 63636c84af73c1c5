"""Subnets and ingress rules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network

import pytest

from cluster import network
from tests.golden import rendering

Port = tuple[str, str, int | None, str]
"""The role that allows it, the protocol, the port (None: all), and the source."""

FROM_OUTSIDE: set[Port] = {
    ("server", "tcp", 6443, "api"),
    ("server", "tcp", 22, "ssh"),
    ("agent", "tcp", 22, "ssh"),
}
JOINING: set[Port] = {("server", "tcp", 6443, "server"), ("server", "tcp", 6443, "agent")}


def between_all(protocol: str, port: int | None) -> set[Port]:
    """Each role from each."""
    return {(role, protocol, port, source) for role in network.ROLES for source in network.ROLES}


KUBELETS = between_all("tcp", 10250)


@pytest.mark.parametrize(
    ("vpc", "subnet", "machines"),
    [
        ("10.64.0.0/16", "10.64.0.0/20", 4091),
        ("10.64.32.0/20", "10.64.32.0/20", 4091),
        ("172.20.0.0/28", "172.20.0.0/28", 11),
    ],
)
def test_the_subnet_is_the_first_20_or_the_whole_vpc(vpc: str, subnet: str, machines: int) -> None:
    assert network.subnet_cidrs(IPv4Network(vpc), 1) == (IPv4Network(subnet),)
    assert network.machines_in(IPv4Network(vpc)) == machines


def test_each_node_takes_a_24_of_the_pods_range() -> None:
    assert network.nodes_in(IPv4Network("10.42.0.0/16")) == 256


@pytest.mark.parametrize("example", rendering.NAMES)
def test_only_the_api_and_ssh_are_reachable_from_outside(example: str) -> None:
    cluster = rendering.load(example)
    rules = [rule for rule in network.ingress_rules(cluster) if rule.cidr is not None]
    assert {(rule.role, rule.from_port, rule.protocol) for rule in rules} == {
        ("server", 6443, "tcp"),
        ("server", 22, "tcp"),
        ("agent", 22, "tcp"),
    }
    assert {rule.cidr for rule in rules if rule.from_port == 22} == set(
        cluster.network.ssh_allowed_cidrs
    )


@pytest.mark.parametrize("example", rendering.NAMES)
def test_every_rule_has_its_own_name_and_one_source(example: str) -> None:
    rules = network.ingress_rules(rendering.load(example))
    assert len({rule.name for rule in rules}) == len(rules)
    assert [rule for rule in rules if (rule.cidr is None) == (rule.source_role is None)] == []


@pytest.mark.parametrize(
    ("backend", "expected"),
    [
        ("vxlan", KUBELETS | between_all("udp", 8472)),
        ("wireguard-native", KUBELETS | between_all("udp", 51820)),
        # Pods' packets come with pods' addresses.
        ("host-gw", KUBELETS | {("server", "-1", None, "pods"), ("agent", "-1", None, "pods")}),
        ("none", between_all("-1", None)),
    ],
)
def test_each_flannel_backend_opens_its_own_ports_and_no_other(
    backend: str, expected: set[Port]
) -> None:
    """https://docs.k3s.io/installation/requirements#inbound-rules-for-k3s-nodes"""
    cluster = rendering.load("laptop")
    ranges = replace(
        cluster.network, api_allowed_cidrs=("192.0.2.0/28",), ssh_allowed_cidrs=("192.0.2.64/28",)
    )
    cluster = replace(cluster, network=ranges, k3s=replace(cluster.k3s, flannel_backend=backend))
    named = {"192.0.2.0/28": "api", "192.0.2.64/28": "ssh", str(ranges.cluster_cidr): "pods"}
    rules = network.ingress_rules(cluster)
    assert all(rule.from_port == rule.to_port for rule in rules)
    assert {
        (rule.role, rule.protocol, rule.from_port, rule.source_role or named[str(rule.cidr)])
        for rule in rules
    } == FROM_OUTSIDE | JOINING | expected

"""Subnets and ingress rules."""

from __future__ import annotations

from ipaddress import IPv4Network

import pytest

from cluster import network
from tests.golden import rendering


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

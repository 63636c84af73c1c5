"""Subnets and ingress rules."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from cluster import config, network
from cluster.errors import ConfigError, Kind
from cluster.model import Cluster
from cluster.spec import Role
from tests.cluster import ec2
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
def test_only_the_api_and_ssh_are_reachable_from_outside_without_an_ingress(example: str) -> None:
    cluster = rendering.load(example)
    rules = [rule for rule in network.own_rules(cluster) if rule.cidr is not None]
    balanced = cluster.endpoint.type == "loadBalancer"
    assert {(rule.group, rule.from_port, rule.protocol) for rule in rules} == {
        ("load balancer" if balanced else "server", 6443, "tcp"),
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
    assert [rule for rule in rules if (rule.cidr is None) == (rule.source_group is None)] == []


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
        (rule.group, rule.protocol, rule.from_port, rule.source_group or named[str(rule.cidr)])
        for rule in rules
    } == FROM_OUTSIDE | JOINING | expected


KEYS = {"apiAllowedCidrs": ["192.0.2.0/28"], "sshAllowedCidrs": ["192.0.2.0/28"]}


def opened(cluster: Cluster) -> set[tuple[str, str, int | None, int | None, str]]:
    """What is open besides the ports of the program's own."""
    own = {rule.key for rule in network.own_rules(cluster)}
    return {
        (
            rule.group,
            rule.protocol,
            rule.from_port,
            rule.to_port,
            str(rule.cidr or rule.source_group),
        )
        for rule in network.ingress_rules(cluster)
        if rule.key not in own
    }


def cluster_of(network_keys: dict[str, Any], **keys: Any) -> Cluster:
    raw = {"network": {**KEYS, **network_keys}, "pools": [{"name": "agents"}], **keys}
    return ec2.resolve(config.load(raw, stack="dev"))


def test_an_ingress_opens_its_ports_on_the_agents_from_its_ranges() -> None:
    web = {"name": "web", "ports": ["443", "8000-8099"], "from": ["0.0.0.0/0", "caller"]}
    expected = {
        ("agent", "tcp", first, last, source)
        for first, last in ((443, 443), (8000, 8099))
        for source in ("0.0.0.0/0", "198.51.100.9/32")
    }
    assert opened(cluster_of({"ingress": [web]})) == expected


def test_an_ingress_is_for_the_servers_where_there_are_no_pools() -> None:
    web = {"name": "web", "ports": ["443"], "from": ["203.0.113.0/24"]}
    alone = cluster_of({"ingress": [web]}, pools=[])
    assert opened(alone) == {("server", "tcp", 443, 443, "203.0.113.0/24")}


@pytest.mark.parametrize(
    ("pools", "machines"),
    [([{"name": "a", "count": 0}], {}), ([], {"machines": "agents"})],
)
def test_an_ingress_for_agents_is_warned_of_where_there_are_none(
    pools: list[Any], machines: dict[str, str]
) -> None:
    web = {"name": "web", "ports": ["80"], "from": ["203.0.113.0/24"], **machines}
    (warning,) = cluster_of({"ingress": [web]}, pools=pools).warnings
    assert (warning.path, warning.kind) == ("cluster.network.ingress[0].machines", Kind.WARNING)
    assert "opens its ports on the agents, and there are none" in warning.what


@pytest.mark.parametrize(
    ("pools", "machines"),
    [
        ([{"name": "a", "count": 0}], {"machines": "servers"}),
        ([{"name": "a", "count": 0}], {"machines": "all"}),
        ([{"name": "a", "count": 0}, {"name": "b", "count": 1}], {}),
        ([], {}),
    ],
)
def test_an_ingress_that_some_machine_has_is_not_warned_of(
    pools: list[Any], machines: dict[str, str]
) -> None:
    web = {"name": "web", "ports": ["80"], "from": ["203.0.113.0/24"], **machines}
    assert cluster_of({"ingress": [web]}, pools=pools).warnings == ()


def test_an_ingress_from_nodes_opens_its_ports_between_all_machines() -> None:
    metrics = {"name": "metrics", "ports": ["9100"], "from": ["nodes"], "machines": "all"}
    assert opened(cluster_of({"ingress": [metrics]})) == {
        (role, "tcp", 9100, 9100, source) for role in network.ROLES for source in network.ROLES
    }


def test_a_range_that_is_the_callers_address_makes_one_rule() -> None:
    """EC2 rejects a rule that the group has already."""
    web = {"name": "web", "ports": ["443"], "from": ["caller", "198.51.100.9/32"]}
    again = {"name": "again", "ports": ["443"], "from": ["198.51.100.9/32"]}
    listed = {"apiAllowedCidrs": ["caller"], "ingress": [web]}
    assert len(opened(cluster_of(listed))) == 1
    with pytest.raises(ConfigError, match=r"is open from 198\.51\.100\.9/32 already"):
        cluster_of({"ingress": [web, again]})


def test_another_name_of_an_ingress_is_no_other_rule() -> None:
    """Pulumi creates before it deletes, and EC2 rejects a rule that the group has."""

    def names(name: str, **keys: Any) -> set[str]:
        entry = {"name": name, "ports": [443, "8000-8099"], "from": ["nodes", "203.0.113.0/24"]}
        rules = network.ingress_rules(cluster_of({"ingress": [entry]}, **keys))
        assert len({rule.name for rule in rules}) == len(rules)
        return {rule.name for rule in rules}

    assert names("web") == names("www")
    assert "agent-ingress-tcp-8000-8099-203-0-113-0-24" in names("web")


def test_a_port_that_a_key_of_k3s_opens_is_the_same_rule_as_one_of_an_ingress() -> None:
    entry = {"name": "p", "ports": [5001], "from": ["nodes"], "machines": "all"}
    by_hand = network.ingress_rules(cluster_of({"ingress": [entry]}))
    by_key = network.ingress_rules(cluster_of({}, k3s={"server": {"embedded-registry": True}}))
    assert {rule.name for rule in by_hand} <= {rule.name for rule in by_key}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("embedded-registry", {("tcp", 5001, role) for role in network.ROLES}),
        ("supervisor-metrics", set()),
    ],
)
def test_a_key_of_k3s_that_needs_a_port_opens_it_between_nodes(
    key: str, expected: set[tuple[str, int, Role]]
) -> None:
    """https://docs.k3s.io/installation/registry-mirror: 5001 and 6443 of every node"""
    plain, with_key = cluster_of({}), cluster_of({}, k3s={"server": {key: True}})
    before = {rule.key for rule in network.ingress_rules(plain)}
    found = [rule for rule in network.ingress_rules(with_key) if rule.key not in before]
    assert {(rule.protocol, rule.from_port, rule.group) for rule in found} == expected | {
        ("tcp", 6443, "agent")
    }
    assert {rule.source_group for rule in found} == set(network.ROLES)
    off = cluster_of({}, k3s={"server": {key: False}})
    assert network.ingress_rules(off) == network.ingress_rules(plain)

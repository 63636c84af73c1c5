"""k3s's configuration on a machine, and where each key comes from."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config, k3s_config, machine_files, network, node_config
from cluster.model import Cluster
from cluster.node_config import Addresses, NodeContext
from tests.cluster import ec2
from tests.cluster.config_yaml import config_yaml

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}
HERE = Addresses(private_ip="10.64.0.10", public_ip="198.51.100.10")


def load(**keys: Any) -> Cluster:
    raw = {"name": "demo", "network": OPEN, "pools": [{"name": "agents"}], **keys}
    cluster = config.load(raw, stack="dev")
    return ec2.resolve(cluster)


def config_of(index: int = 0, addresses: Addresses = HERE, **keys: Any) -> dict[str, Any]:
    cluster = load(**keys)
    context = NodeContext(server_private_ips=("10.64.0.10",), endpoint_host="api.example.com")
    config = node_config.build(cluster, cluster.nodes[index], addresses, context)
    return config_yaml(machine_files.node_file(config, cluster.node_deadline_seconds))


def test_components_that_are_off_are_disabled_by_the_key_they_have() -> None:
    off = dict.fromkeys(("traefik", "servicelb", "helm-controller", "network-policy"), False)
    server = config_of(k3s={"components": off})
    assert server["disable"] == ["traefik", "servicelb"]
    assert server["disable-helm-controller"] is True
    assert server["disable-network-policy"] is True
    assert not {key for key in config_of(1, k3s={"components": off}) if key.startswith("disable")}


def test_secrets_are_encrypted_unless_it_is_switched_off() -> None:
    assert config_of()["secrets-encryption"] is True
    assert "secrets-encryption" not in config_of(k3s={"secretsEncryption": False})


def test_a_key_of_the_pool_comes_before_one_of_the_role() -> None:
    keys: dict[str, Any] = {
        "k3s": {"agent": {"kubelet-arg": ["max-pods=60"], "debug": True}},
        "pools": [{"name": "agents", "k3s": {"kubelet-arg": ["max-pods=200"]}}],
    }
    agent = config_of(1, **keys)
    assert (agent["kubelet-arg"], agent["debug"]) == (["max-pods=200"], True)
    assert "kubelet-arg" not in config_of(0, **keys)


def test_names_for_the_certificate_come_on_top_of_the_programs_own() -> None:
    server = config_of(k3s={"server": {"tls-san": "k3s.example.com"}})
    assert server["tls-san"] == ["198.51.100.10", "10.64.0.10", "k3s.example.com"]


def test_labels_and_taints_are_lists_in_the_format_of_k3s() -> None:
    pool = {
        "name": "agents",
        "labels": {"example.com/a": "b"},
        "taints": [{"key": "only", "effect": "NoSchedule"}],
    }
    agent = config_of(1, pools=[pool])
    assert agent["node-label"] == ["example.com/a=b"]
    assert agent["node-taint"] == ["only=:NoSchedule"]


def test_a_private_machine_has_no_external_address() -> None:
    here = Addresses(private_ip="10.0.0.10", public_ip=None)
    server = config_of(addresses=here)
    assert "node-external-ip" not in server
    assert server["tls-san"] == ["10.0.0.10"]


@pytest.mark.parametrize(
    ("backend", "opened"),
    [
        ("vxlan", {("udp", 8472, None), ("tcp", 10250, None)}),
        ("wireguard-native", {("udp", 51820, None), ("tcp", 10250, None)}),
        ("host-gw", {("-1", None, "10.42.0.0/16"), ("tcp", 10250, None)}),
        ("none", {("-1", None, None)}),
    ],
)
def test_the_rules_between_nodes_follow_from_the_backend(
    backend: str, opened: set[tuple[str, int | None, str | None]]
) -> None:
    cluster = load(k3s={"flannelBackend": backend})
    rules = [
        rule
        for rule in network.ingress_rules(cluster)
        if rule.group == "agent" and rule.from_port != 22
    ]
    assert {(rule.protocol, rule.from_port, rule.cidr) for rule in rules} == opened
    assert network.source_dest_check(cluster) == (backend != "host-gw")
    server = k3s_config.of(cluster, cluster.servers, ())
    assert server.get("flannel-backend", "vxlan") == backend

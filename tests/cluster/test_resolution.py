"""A configuration resolved with the facts of an account; rejected ones are in tests/invalid/."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config
from cluster.model import Cluster
from tests.cluster import ec2

OPEN = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}


def load(*, network: dict[str, Any] | None = None, **keys: Any) -> Cluster:
    raw = {"name": "demo", "network": {**OPEN, **(network or {})}, **keys}
    cluster = config.load(raw, stack="dev")
    return ec2.resolve(cluster)


def test_without_zones_all_machines_stand_in_the_first_one() -> None:
    cluster = load(pools=[{"name": "agents", "count": 3}])
    assert [(each.zone, str(each.cidr)) for each in cluster.subnets] == [
        ("eu-central-1a", "10.64.0.0/20")
    ]
    assert {node.subnet for node in cluster.nodes} == {0}


def test_the_machines_of_a_pool_are_spread_over_the_zones_in_turn() -> None:
    zones = ["eu-central-1c", "eu-central-1a"]
    cluster = load(network={"availabilityZones": zones}, pools=[{"name": "agents", "count": 3}])
    assert [(each.zone, str(each.cidr)) for each in cluster.subnets] == [
        ("eu-central-1c", "10.64.0.0/20"),
        ("eu-central-1a", "10.64.16.0/20"),
    ]
    assert [node.subnet for node in cluster.nodes] == [0, 0, 1, 0]


def test_existing_subnets_bring_their_vpc_and_zones() -> None:
    cluster = load(network={"subnetIds": ["subnet-0bbbbbbbbbbbbbbbb", "subnet-0aaaaaaaaaaaaaaaa"]})
    assert cluster.vpc_id == "vpc-0a"
    assert [(each.id, each.zone) for each in cluster.subnets] == [
        ("subnet-0bbbbbbbbbbbbbbbb", "eu-central-1b"),
        ("subnet-0aaaaaaaaaaaaaaaa", "eu-central-1a"),
    ]


def test_the_caller_becomes_its_own_address_once() -> None:
    network = {
        "apiAllowedCidrs": ["caller", "203.0.113.0/24"],
        "sshAllowedCidrs": ["198.51.100.9/32", "caller"],
    }
    cluster = load(network=network)
    assert cluster.network.api_allowed_cidrs == ("198.51.100.9/32", "203.0.113.0/24")
    assert cluster.network.ssh_allowed_cidrs == ("198.51.100.9/32",)


def test_an_own_image_of_the_right_architecture_is_used_as_it_is() -> None:
    image = {"id": "ami-0bbbbbbbbbbbbbbbb", "loginUser": "core"}
    cluster = load(image=image, pools=[{"name": "agents", "image": {"os": "debian-12"}}])
    server, agent = (pool.image for pool in cluster.all_pools)
    assert (server.ami, server.login_user) == ("ami-0bbbbbbbbbbbbbbbb", "core")
    assert (agent.ami, agent.login_user) == (None, "admin")
    assert cluster.own_images == ("ami-0bbbbbbbbbbbbbbbb",)
    assert [pool.image_id for pool in cluster.all_pools] == [
        "ami-0bbbbbbbbbbbbbbbb",
        "ami behind /aws/service/debian/release/12/latest/arm64",
    ]


TAINT = {"key": "CriticalAddonsOnly", "value": "true", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (
            {"servers": {"instanceType": "t3.nano"}},
            'cluster.servers.instanceType: "t3.nano" has 2 vCPU and 512 MiB\n'
            "    k3s asks for 2 vCPU and 2048 MiB on servers",
        ),
        (
            {"servers": {"instanceType": "t1.micro"}},
            'cluster.servers.instanceType: "t1.micro" has 1 vCPU and 613 MiB\n'
            "    k3s asks for 2 vCPU and 2048 MiB on servers",
        ),
        (
            {"network": {"sshAllowedCidrs": ["0.0.0.0/0"]}},
            'cluster.network.sshAllowedCidrs[0]: "0.0.0.0/0" lets everybody on the internet '
            'connect\n    name your own ranges, or "caller"',
        ),
        (
            {"k3s": {"server": {"brand-new-key": True}}},
            "cluster.k3s.server.brand-new-key: is not a key of k3s server 1.36; k3s server ignores "
            "it\n    see k3s server --help of your release",
        ),
        (
            {
                "k3s": {"version": "v1.99.0+k3s1", "sha256": {"arm64": "0" * 64}},
                "pools": [{"name": "agents", "k3s": {"brand-new-key": True}}],
            },
            "cluster.k3s.version: v1.99.0+k3s1 is newer than 1.37, the newest version whose keys "
            "are checked\n    compare your keys with k3s server --help of the release\n"
            "cluster.pools[0].k3s.brand-new-key: is not a key of k3s agent 1.37; k3s agent may not "
            "start with it\n    see k3s agent --help of your release",
        ),
        (
            {"k3s": {"version": "v1.36.5-rc1+k3s1", "sha256": {"arm64": "0" * 64}}},
            "cluster.k3s.version: v1.36.5-rc1+k3s1 is a release candidate\n    choose a release",
        ),
        (
            {
                "k3s": {
                    "version": "v1.35.9+k3s1",
                    "sha256": {"arm64": "0" * 64},
                    "agent": {"kubelet-arg": ["an-old-argument=1"]},
                }
            },
            'cluster.k3s.agent.kubelet-arg: "an-old-argument" is not an argument of kubelet of the '
            "listed version\n    see whether kubelet of Kubernetes 1.35 has it",
        ),
        (
            {"servers": {"taints": [TAINT]}, "pools": [{"name": "agents", "taints": [TAINT]}]},
            "cluster.servers.taints: every machine has a taint: pods without a toleration, such as "
            "charts', stay pending\n    add a pool without taints, or remove one with the effect "
            "NoSchedule or NoExecute",
        ),
        (
            {"servers": {"taints": [TAINT]}, "pools": [{"name": "agents", "count": 0}]},
            "cluster.servers.taints: every machine has a taint: pods without a toleration, such as "
            "charts', stay pending\n    add a pool without taints, or remove one with the effect "
            "NoSchedule or NoExecute",
        ),
        (
            {"network": {"clusterCidr": "203.0.0.0/16"}},
            "cluster.network.clusterCidr: 203.0.0.0/16 has public addresses, which pods could not "
            'reach as such\n    choose a private range, such as "10.42.0.0/16"',
        ),
        (
            {"network": {"ingress": [{"name": "a", "ports": [80, 8080], "from": ["0.0.0.0/0"]}]}},
            'cluster.network.ingress[0].from[0]: "0.0.0.0/0" lets everybody on the internet '
            'connect to 8080\n    name your own ranges, or "caller"',
        ),
        (
            {"k3s": {"server": {"service-node-port-range": "31000-31999"}}},
            "cluster.k3s.server.service-node-port-range: no port of the range is open: NodePorts "
            "are reachable on their own node only\n    open some of them with "
            "cluster.network.ingress",
        ),
        (
            {"k3s": {"server": {"etcd-expose-metrics": True}}},
            "cluster.k3s.server.etcd-expose-metrics: has no effect: the datastore of one server is "
            "SQLite, not etcd\n    remove it",
        ),
        (
            {"k3s": {"server": {"embedded-registry": True}}},
            "cluster.k3s.server.embedded-registry: has no effect without a registry below "
            'cluster.k3s.registries.mirrors\n    name the registries there, or write "*": {}',
        ),
        (
            {"k3s": {"server": {"enable-pprof": True}}},
            "cluster.k3s.server.enable-pprof: k3s serves profiles on port 6443, which is closed to "
            "other machines\n    open it between nodes with cluster.network.ingress, from: [nodes]",
        ),
        *(
            (
                {"k3s": {role: {f"{component}-arg": [f"{name}={address}"]}}},
                f"cluster.k3s.{role}.{component}-arg: {component} listens on port {port}, which is "
                "closed to other machines\n    open it between nodes with "
                "cluster.network.ingress, from: [nodes]",
            )
            for role, component, name, address, port in (
                ("agent", "kube-proxy", "metrics-bind-address", "192.0.2.7:10249", 10249),
                ("agent", "kube-proxy", "healthz_bind_address", "192.0.2.7", 10256),
                ("agent", "kubelet", "healthz-bind-address", "192.0.2.7", 10248),
                ("server", "kube-scheduler", "bind-address", "192.0.2.7", 10259),
                ("server", "kube-controller-manager", "bind-address", "192.0.2.7", 10257),
            )
        ),
        (
            {
                "image": {"id": "ami-0bbbbbbbbbbbbbbbb"},
                "k3s": {"server": {"kube-apiserver-arg": ["audit-policy-file=/etc/audit.yaml"]}},
            },
            "cluster.k3s.server.kube-apiserver-arg: audit-policy-file names the file "
            '"/etc/audit.yaml", which the program does not bring\n    make sure that the image has '
            "it",
        ),
        (
            {
                "endpoint": {
                    "type": "dnsName",
                    "hostname": "k3s.example.com",
                    "route53ZoneId": "Z0CCCCCCCCCCCCCCCCCCC",
                }
            },
            "cluster.endpoint.route53ZoneId: example.com is a private zone: only its VPCs resolve "
            "the name, and this run has to\n    choose a public zone, or run the program in a VPC "
            "of the zone",
        ),
    ],
)
def test_what_is_allowed_and_may_not_be_meant_is_a_warning(
    keys: dict[str, Any], expected: str
) -> None:
    assert "\n".join(str(each) for each in load(**keys).warnings) == expected


@pytest.mark.parametrize(
    "keys",
    [
        {"servers": {"taints": [TAINT]}, "pools": [{"name": "agents"}]},
        {"servers": {"taints": [{**TAINT, "effect": "PreferNoSchedule"}]}},
        {
            "network": {"ingress": [{"name": "p", "ports": ["10249-10259"], "from": ["nodes"]}]},
            "pools": [{"name": "agents"}],
            "k3s": {"agent": {"kube-proxy-arg": ["metrics-bind-address=0.0.0.0"]}},
        },
        {"k3s": {"agent": {"kube-proxy-arg": ["metrics-bind-address=127.0.0.1:10249"]}}},
        {"k3s": {"server": {"kube-apiserver-arg": ["enable-admission-plugins+=AlwaysPullImages"]}}},
        {"k3s": {"server": {"resolv-conf": "/run/systemd/resolve/resolv.conf"}}},
        {"k3s": {"server": {"cluster-dns": ["10.43.0.53"], "snapshotter": "native"}}},
        {
            "k3s": {
                "registries": {
                    "mirrors": {"*": None, "docker.io": {"endpoint": ["m.example.com:5000/v2"]}},
                    "configs": {"m.example.com:5000": None},
                }
            }
        },
        *(
            {"endpoint": {"type": "dnsName", "hostname": name, "route53ZoneId": "Z0123456789A"}}
            for name in ("k3s.example.com", "example.com", "a.k3s.example.com")
        ),
    ],
)
def test_what_is_right_warns_of_nothing(keys: dict[str, Any]) -> None:
    assert load(**keys).warnings == ()


def test_entries_of_registries_without_content_are_empty_ones() -> None:
    """k3s takes them so; the boot program adds credentials to them."""
    given = {"mirrors": {"*": None}, "configs": {"m.example.com": None, "n.example.com": {}}}
    expected: dict[str, Any] = {
        "mirrors": {"*": {}},
        "configs": {"m.example.com": {}, "n.example.com": {}},
    }
    assert load(k3s={"registries": given}).k3s.registries == expected
    assert load(k3s={"registries": {"configs": None}}).k3s.registries == {"configs": {}}


def test_what_is_meant_warns_of_nothing() -> None:
    assert load(pools=[{"name": "agents", "instanceType": "t4g.nano"}]).warnings == ()

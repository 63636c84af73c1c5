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
            "cluster.pools[0].k3s.brand-new-key: is not a key of k3s agent 1.37; k3s agent may not "
            "start with it\n    see k3s agent --help of your release",
        ),
    ],
)
def test_what_is_allowed_and_may_not_be_meant_is_a_warning(
    keys: dict[str, Any], expected: str
) -> None:
    assert [str(each) for each in load(**keys).warnings] == [expected]


def test_what_is_meant_warns_of_nothing() -> None:
    assert load(pools=[{"name": "agents", "instanceType": "t4g.nano"}]).warnings == ()

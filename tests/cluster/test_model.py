"""Names, architectures and the generation of a machine."""

from __future__ import annotations

from typing import Any

import pytest

from cluster import config, parameters, policies, releases
from cluster.model import Cluster
from tests.cluster import ec2

CLOSED = {"apiAllowedCidrs": ["203.0.113.0/24"], "sshAllowedCidrs": ["203.0.113.0/24"]}


def load(**keys: Any) -> Cluster:
    raw = {"name": "demo", "network": CLOSED, **keys}
    cluster = config.load(raw, stack="dev")
    return ec2.resolve(cluster)


def generation(**keys: Any) -> str:
    return load(**keys).nodes[0].generation


def test_nodes_are_the_servers_and_then_each_pool_in_turn() -> None:
    pools = [{"name": "b", "count": 2}, {"name": "a", "count": 1}]
    names = [node.logical_name for node in load(pools=pools).nodes]
    assert names == ["demo-servers-0", "demo-b-0", "demo-b-1", "demo-a-0"]


def test_a_node_name_carries_the_end_of_the_instance_id() -> None:
    node = load(pools=[{"name": "agents"}]).nodes[1]
    assert node.name_on("i-0123456789abcdef0") == "demo-agents-9abcdef0"


def test_the_architecture_is_what_ec2_returns_not_what_the_name_suggests() -> None:
    cluster = load(servers={"instanceType": "t1.micro"}, pools=[{"name": "agents"}])
    assert [node.architecture for node in cluster.nodes] == ["x86_64", "arm64"]


def test_each_instance_type_is_listed_once() -> None:
    pools = [{"name": "a"}, {"name": "b", "instanceType": "t3.small"}]
    assert load(pools=pools).instance_types == ("t4g.small", "t3.small")


def test_a_spec_has_nothing_that_needs_aws_by_its_type() -> None:
    spec = config.load({"network": CLOSED}, stack="dev")
    # mypy rejects an ignore that is not needed, so each of these is an error of types.
    with pytest.raises(AttributeError):
        _ = spec.nodes  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = spec.region  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        _ = spec.servers.architecture  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "change",
    [
        {"servers": {"instanceType": "t3.small"}},
        {"network": CLOSED | {"clusterCidr": "10.200.0.0/16"}},
        {"network": CLOSED | {"serviceCidr": "10.201.0.0/16"}},
        {"image": {"os": "ubuntu-24.04"}},
        {"image": {"generation": 2}},
        {"image": {"id": "ami-0bbbbbbbbbbbbbbbb"}},
        {"k3s": {"flannelBackend": "host-gw"}},
        {"k3s": {"secretsEncryption": False}},
    ],
    ids=["architecture", "pods", "services", "os", "newest", "own", "flannel", "encryption"],
)
def test_what_needs_a_new_machine_changes_the_generation(change: dict[str, Any]) -> None:
    assert generation(**change) != generation()


@pytest.mark.parametrize(
    "change",
    [
        {"servers": {"instanceType": "t4g.medium", "rootVolumeGib": 40}},
        {"k3s": {"version": "v1.37.1+k3s1"}},
        {"pools": [{"name": "agents", "count": 5}]},
        {"nodeDeadlineSeconds": 900, "drainSeconds": 1},
        {"servers": {"labels": {"a": "b"}, "taints": [{"key": "a", "effect": "NoExecute"}]}},
        {"k3s": {"components": {"traefik": False}, "server": {"debug": True}}},
        {"tags": {"a": "b"}, "owner": "me", "expiry": "2027-01-31"},
        {"network": CLOSED | {"availabilityZones": ["eu-central-1b"]}},
    ],
    ids=["size", "k3s", "pools", "seconds", "marks", "components", "tags", "zones"],
)
def test_what_a_running_machine_can_take_leaves_the_generation(change: dict[str, Any]) -> None:
    assert generation(**change) == generation()


def test_only_what_is_fixed_in_the_datastore_changes_its_generation() -> None:
    def data(**changes: Any) -> str:
        return load(**changes).datastore_generation

    # Kept in state: another value would be the loss of every cluster's data.
    assert data() == "4f27410fe562"
    for kept in (
        {"image": {"generation": 2}},
        {"servers": {"instanceType": "t3.small", "dataVolumeGib": 40}},
        {"k3s": {"flannelBackend": "host-gw", "version": "v1.37.1+k3s1"}},
    ):
        assert data(**kept) == data()
    for changed in (
        {"network": CLOSED | {"clusterCidr": "10.200.0.0/16"}},
        {"network": CLOSED | {"serviceCidr": "10.201.0.0/16"}},
        {"k3s": {"secretsEncryption": False}},
    ):
        assert data(**changed) != data()


def test_only_a_spot_instance_is_replaced_for_another_type() -> None:
    def agents(**pool: Any) -> str:
        return load(pools=[{"name": "agents", **pool}]).nodes[1].generation

    assert agents(instanceType="t4g.medium") == agents()
    assert agents(instanceType="t4g.medium", spot=True) != agents(spot=True)


def test_tags_carry_cluster_stack_owner_and_expiry() -> None:
    cluster = load(tags={"a": "b"}, owner="me", expiry="2027-01-31T18:00Z")
    assert cluster.tags == {
        "a": "b",
        "k3s-aws:owner": "me",
        "k3s-aws:expiry": "2027-01-31T18:00Z",
        "k3s-aws:cluster": "demo",
        "k3s-aws:stack": "dev",
    }


def test_the_generation_is_the_same_in_every_run() -> None:
    """It is kept in state: another value would replace every machine of every user."""
    assert generation() == "94a23a40734b"


def test_a_host_keys_parameter_is_named_after_the_machines_address() -> None:
    name = parameters.host_key(load(), "agent", "10.64.0.12")
    assert name == "/k3s-aws/dev/demo/agent/host-keys/10.64.0.12"


def test_agents_share_nothing_with_the_servers() -> None:
    assert parameters.readable_by(load(pools=[{"name": "agents"}]), "agent") == (
        "/k3s-aws/dev/demo/agent/token",
        "/k3s-aws/dev/demo/agent/authorized-keys",
    )


def test_no_two_clusters_of_an_account_have_the_same_parameters() -> None:
    one = config.load({"name": "a-b", "network": CLOSED}, stack="c")
    other = config.load({"name": "a", "network": CLOSED}, stack="b-c")
    assert parameters.everything(one) != parameters.everything(other)


def test_the_plus_of_a_version_is_escaped_in_its_address() -> None:
    url = releases.binary_url("https://example.com", "v1.36.4+k3s1", "arm64")
    assert url == "https://example.com/v1.36.4%2Bk3s1/k3s-arm64"


def test_the_default_release_is_pinned_for_both_architectures() -> None:
    assert set(releases.PINNED[releases.DEFAULT_VERSION]) == {"arm64", "x86_64"}


def test_every_pin_is_a_sha256() -> None:
    digests = [digest for pins in releases.PINNED.values() for digest in pins.values()]
    assert [digest for digest in digests if len(bytes.fromhex(digest)) != 32] == []
    assert len(set(digests)) == len(digests)


@pytest.mark.parametrize(
    ("partition", "service"),
    [
        ("aws", "ec2.amazonaws.com"),
        ("aws-us-gov", "ec2.amazonaws.com"),
        ("aws-cn", "ec2.amazonaws.com.cn"),
    ],
)
def test_ec2_has_the_name_of_its_partition_in_the_trust_policy(
    partition: str, service: str
) -> None:
    (statement,) = policies.trust_policy(partition)["Statement"]
    assert statement["Principal"] == {"Service": service}

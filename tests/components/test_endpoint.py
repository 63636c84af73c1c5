"""The endpoint: a load balancer, a record or an address, and who waits for it."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from cluster import config, endpoint
from tests.components.recording import CONFIGURATION, Built, build

THREE: dict[str, Any] = {**CONFIGURATION, "servers": {"count": 3, "instanceType": "t4g.small"}}
SERVERS = ("demo-servers-0", "demo-servers-1", "demo-servers-2")
NAME = {"type": "dnsName", "hostname": "k3s.example.com"}
ZONE = "Z0123456789ABCDEFGHIJ"
NODE = "k3s:index:Node"
TARGET = "aws:lb/targetGroupAttachment:TargetGroupAttachment"


@cache
def three() -> Built:
    return build(THREE)


def sans(built: Built, name: str) -> list[str]:
    """The names in a server's certificates besides its own addresses."""
    names: list[str] = (
        built.of(NODE)[name].inputs["nodeConfig"]["pool"]["config"].get("tls-san", [])
    )
    return names


def test_one_server_is_reached_at_its_address_and_nothing_else_is_created() -> None:
    built = build(CONFIGURATION)
    assert built.outputs["apiEndpoint"] == "https://public-demo-servers-0:6443"
    assert sans(built, "demo-servers-0") == []
    assert not [each for each in built.resources if each.type.startswith(("aws:lb", "aws:route53"))]


def test_several_servers_are_reached_through_a_load_balancer() -> None:
    built = three()
    assert built.outputs["apiEndpoint"] == "https://demo-api.elb.amazonaws.com:6443"
    (balancer,) = built.of("aws:lb/loadBalancer:LoadBalancer").values()
    assert balancer.inputs["loadBalancerType"] == "network"
    assert balancer.inputs["internal"] is False
    assert balancer.inputs["enableCrossZoneLoadBalancing"] is True
    assert balancer.inputs["securityGroups"] == ["demo-load-balancer-id"]
    # AWS takes one subnet of a zone, and there is one.
    assert balancer.inputs["subnets"] == ["demo-public-0-id"]
    (listener,) = built.of("aws:lb/listener:Listener").values()
    assert (listener.inputs["port"], listener.inputs["protocol"]) == (6443, "TCP")
    targets = built.of(TARGET).values()
    assert {each.inputs["targetId"] for each in targets} == {f"private-{name}" for name in SERVERS}


def test_a_server_gets_connections_once_it_serves_the_api() -> None:
    """k3s returns 503 before, and 401 to whoever has no credentials afterwards."""
    (group,) = three().of("aws:lb/targetGroup:TargetGroup").values()
    check = group.inputs["healthCheck"]
    assert (check["protocol"], check["path"]) == ("HTTPS", "/readyz")
    assert set(check["matcher"].split(",")) == {"200", "401"}
    assert (check["interval"], check["unhealthyThreshold"]) == (5, 2)
    assert check["timeout"] < check["interval"]


def test_the_allow_list_is_applied_to_the_load_balancer_and_the_servers_admit_it_alone() -> None:
    rules = [
        each.inputs
        for each in three().of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
        if each.inputs["fromPort"] == 6443
    ]
    found = {
        (each["securityGroupId"], each.get("cidrIpv4") or each.get("referencedSecurityGroupId"))
        for each in rules
    }
    assert found == {
        ("demo-load-balancer-id", "203.0.113.0/24"),
        ("demo-server-id", "demo-load-balancer-id"),
        ("demo-server-id", "demo-server-id"),
        ("demo-server-id", "demo-agent-id"),
    }
    egress = three().of("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    only = egress["demo-load-balancer-egress"].inputs
    assert only["referencedSecurityGroupId"] == "demo-server-id"
    assert (only["fromPort"], only["toPort"], only["ipProtocol"]) == (6443, 6443, "tcp")


def test_the_endpoint_is_in_the_certificates_of_every_server() -> None:
    for name in SERVERS:
        assert sans(three(), name) == ["demo-api.elb.amazonaws.com"]


def test_every_node_waits_for_the_listener_and_its_first_target() -> None:
    for node in three().of(NODE).values():
        waited = {urn.split("::", 2)[2].split("$")[-1] for urn in node.depends_on}
        assert {"aws:lb/listener:Listener::demo-api", f"{TARGET}::demo-api-servers-0"} <= waited


def test_a_server_of_an_existing_cluster_becomes_a_target_after_its_own_node() -> None:
    """Where no target is healthy, such as while the only server restarts, all get requests."""
    for existing in (1, 3):
        order = [(each.type, each.name) for each in of_existing(existing).resources]
        for name in SERVERS[1:]:
            target = (TARGET, name.replace("demo-", "demo-api-"))
            assert order.index((NODE, name)) < order.index(target)
        assert order.index((TARGET, "demo-api-servers-0")) < order.index((NODE, SERVERS[0]))


def test_the_servers_of_a_new_cluster_are_targets_before_they_are_ready() -> None:
    """AWS takes minutes until a new target gets requests."""
    order = [each.type for each in three().resources]
    last = max(index for index, each in enumerate(order) if each == TARGET)
    assert last < order.index(NODE)


def of_existing(servers: int) -> Built:
    return build(THREE, existing={"servers": servers})


def test_no_instance_waits_for_another() -> None:
    for instance in three().of("aws:ec2/instance:Instance").values():
        assert not [urn for urn in instance.depends_on if "Node::" in urn or "Instance::" in urn]


def test_all_servers_have_all_addresses_to_join_and_one_may_create_the_cluster() -> None:
    configs = [each.inputs["nodeConfig"] for each in three().of(NODE).values()]
    urls = [f"https://private-{name}:6443" for name in SERVERS]
    assert all(each["pool"]["join"]["urls"] == urls for each in configs)
    may_create = [
        each["own"]["privateIp"] for each in configs if each["own"].get("mayCreateCluster")
    ]
    assert may_create == ["private-demo-servers-0"]


def test_the_node_of_a_server_with_etcd_is_deleted_before_the_next_one_joins() -> None:
    """The next machine has the address of the member that is removed with the Node."""
    nodes = three().of(NODE)
    assert {name for name, each in nodes.items() if each.delete_before_replace} == set(SERVERS)
    alone = build(CONFIGURATION).of(NODE).values()
    assert not [each for each in alone if each.delete_before_replace]


def test_the_data_of_several_servers_is_in_etcd() -> None:
    (datastore,) = three().of("k3s:index:Datastore").values()
    assert datastore.inputs["storageId"] == "etcd"
    record = three().of("aws:ssm/parameter:Parameter")["demo-datastore"]
    assert record.inputs["insecureValue"] == "etcd"


def test_a_name_gets_a_record_with_the_address_of_each_server() -> None:
    built = build({**THREE, "endpoint": {**NAME, "route53ZoneId": ZONE}})
    assert built.outputs["apiEndpoint"] == "https://k3s.example.com:6443"
    (record,) = built.of("aws:route53/record:Record").values()
    assert (record.inputs["zoneId"], record.inputs["type"]) == (ZONE, "A")
    assert record.inputs["records"] == [f"public-{name}" for name in SERVERS]
    for name in SERVERS:
        assert sans(built, name) == ["k3s.example.com"]
        assert any("Record::demo-api" in urn for urn in built.of(NODE)[name].depends_on)


def test_a_name_that_the_operator_keeps_gets_no_record() -> None:
    built = build({**THREE, "endpoint": NAME})
    assert built.outputs["apiEndpoint"] == "https://k3s.example.com:6443"
    assert built.of("aws:route53/record:Record") == {}


def test_private_servers_have_an_internal_endpoint() -> None:
    private = {"subnetIds": ["subnet-aaaaaaaa", "subnet-bbbbbbbb"], "publicAddresses": False}
    network = {**CONFIGURATION["network"], **private}
    (balancer,) = (
        build({**THREE, "network": network}).of("aws:lb/loadBalancer:LoadBalancer").values()
    )
    assert balancer.inputs["internal"] is True
    assert balancer.inputs["subnets"] == ["subnet-aaaaaaaa", "subnet-bbbbbbbb"]


def test_the_name_of_a_load_balancer_is_one_that_aws_takes() -> None:
    for name in ("a", "internal", "x" * 32, f"{'x' * 19}-y"):
        spec = config.load({**CONFIGURATION, "name": name}, stack="prod")
        found = endpoint.load_balancer_name(spec)
        assert len(found) <= 32
        assert not found.startswith(("internal-", "-"))
        assert "--" not in found
    # Unique in an account and region: another stack may have a cluster of the same name.
    other = config.load(CONFIGURATION, stack="other")
    assert endpoint.load_balancer_name(other) != endpoint.load_balancer_name(
        config.load(CONFIGURATION, stack="prod")
    )


@pytest.mark.parametrize("kind", ["serverAddress", "loadBalancer"])
def test_nodes_know_the_other_servers_where_the_endpoint_is_one_of_them(kind: str) -> None:
    built = build({**THREE, "endpoint": {"type": kind}})
    for node in built.of("k3s:index:Node").values():
        others = node.inputs.get("otherEndpoints", [])
        own = node.inputs["api"]["endpoint"]
        if kind == "loadBalancer":
            assert others == []
            continue
        assert len({own, *others}) == 3
        assert all(each.startswith("https://") and each.endswith(":6443") for each in others)

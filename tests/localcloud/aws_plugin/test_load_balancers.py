"""Load balancers, target groups, listeners and DNS records through the plugin."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from provider.protocol.values import encode
from tests.localcloud.aws_plugin.conftest import Engine, load

BALANCER = "aws:lb/loadBalancer:LoadBalancer"
GROUP = "aws:lb/targetGroup:TargetGroup"
ATTACHMENT = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
LISTENER = "aws:lb/listener:Listener"
RECORD = "aws:route53/record:Record"
ZONE = "aws:route53/getZone:getZone"
CHECK = {
    "protocol": "TCP",
    "interval": 5,
    "timeout": 5,
    "healthyThreshold": 2,
    "unhealthyThreshold": 2,
}


@dataclass
class Vpc:
    """A VPC with an internet gateway and a subnet in each of three zones."""

    engine: Engine
    id: str
    subnets: list[str]
    security_group: str

    def balancer(self, **more: Any) -> dict[str, Any]:
        """The inputs of a load balancer in the first two subnets."""
        return {"loadBalancerType": "network", "subnets": self.subnets[:2], **more}

    def group(self, **more: Any) -> dict[str, Any]:
        """The inputs of a target group of addresses."""
        ours = {"port": 6443, "protocol": "TCP", "targetType": "ip", "vpcId": self.id}
        return {**ours, "healthCheck": CHECK, **more}

    def delete(self) -> None:
        ec2 = self.engine.client("ec2")
        ec2.delete_security_group(GroupId=self.security_group)
        for each in self.subnets:
            ec2.delete_subnet(SubnetId=each)


@pytest.fixture
def vpc(engine: Engine) -> Iterator[Vpc]:
    ec2 = engine.client("ec2")
    made = ec2.create_vpc(CidrBlock="10.60.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=made)
    subnets = [
        ec2.create_subnet(
            VpcId=made, CidrBlock=f"10.60.{index}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for index, zone in enumerate("abc")
    ]
    group = ec2.create_security_group(GroupName="lb", Description="lb", VpcId=made)["GroupId"]
    yield Vpc(engine, made, subnets, group)
    elbv2 = engine.client("elbv2")
    for each in elbv2.describe_load_balancers()["LoadBalancers"]:
        elbv2.delete_load_balancer(LoadBalancerArn=each["LoadBalancerArn"])
    for each in elbv2.describe_target_groups()["TargetGroups"]:
        elbv2.delete_target_group(TargetGroupArn=each["TargetGroupArn"])


def replaced_by(engine: Engine, token: str, old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(engine.diff(token, old, new).replaces)


def refused(engine: Engine, token: str, inputs: dict[str, Any]) -> list[str]:
    return [each.property for each in engine.check(token, inputs).failures]


def test_a_load_balancer_is_created_changed_and_deleted(engine: Engine, vpc: Vpc) -> None:
    inputs = vpc.balancer(securityGroups=[vpc.security_group], tags={"a": "1"})
    arn, state = engine.create(BALANCER, inputs)
    made = load(state)
    assert ":loadbalancer/net/thing-" in arn
    assert arn.endswith(made["arnSuffix"])
    assert made["dnsName"].startswith("127.")
    assert (made["internal"], made["ipAddressType"], made["vpcId"]) == (False, "ipv4", vpc.id)
    named = {**inputs, "name": made["name"]}
    assert load(engine.read(BALANCER, arn, named).inputs) == named
    changed = {**named, "subnets": vpc.subnets, "enableCrossZoneLoadBalancing": True, "tags": {}}
    assert replaced_by(engine, BALANCER, named, changed) == []
    engine.update(BALANCER, arn, named, changed)
    found = load(engine.read(BALANCER, arn, changed).properties)
    assert sorted(found["subnets"]) == sorted(vpc.subnets)
    assert (found["enableCrossZoneLoadBalancing"], found.get("tags")) == (True, None)
    engine.delete(BALANCER, arn, state)
    assert engine.read(BALANCER, arn, changed).id == ""
    # Nothing holds its groups and its subnets any more.
    vpc.delete()


def test_an_internal_load_balancer_has_an_address_of_its_subnet(engine: Engine, vpc: Vpc) -> None:
    arn, state = engine.create(BALANCER, vpc.balancer(internal=True))
    assert load(state)["dnsName"].startswith("10.60.")
    assert load(state)["internal"] is True
    engine.delete(BALANCER, arn, state)


@pytest.mark.parametrize(
    ("old", "new", "paths"),
    [
        ({"name": "a"}, {"name": "b"}, ["name"]),
        ({"internal": False}, {"internal": True}, ["internal"]),
        ({"subnets": ["a"]}, {"subnets": ["b", "a"]}, []),
        ({"subnets": ["a", "b"]}, {"subnets": ["a"]}, ["subnets"]),
        ({"subnets": ["a", "b"]}, {"subnets": ["a", "c"]}, ["subnets"]),
        ({"subnets": ["a", "b"]}, {"subnets": ["b", "a"]}, []),
        ({"securityGroups": ["a"]}, {"securityGroups": ["b"]}, []),
        ({"securityGroups": ["a"]}, {"securityGroups": ["a", "b"]}, []),
        ({}, {"securityGroups": ["a"]}, ["securityGroups"]),
        ({"tags": {"a": "1"}}, {"tags": {}}, []),
    ],
)
def test_what_replaces_a_load_balancer(
    engine: Engine, old: dict[str, Any], new: dict[str, Any], paths: list[str]
) -> None:
    """https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/load_balancer.go"""
    assert replaced_by(engine, BALANCER, old, new) == paths


def test_subnets_in_another_order_are_no_change(engine: Engine) -> None:
    found = engine.diff(BALANCER, {"subnets": ["a", "b"]}, {"subnets": ["b", "a"]})
    assert found.changes == provider_pb2.DiffResponse.DIFF_NONE


@pytest.mark.parametrize("name", ["x" * 33, "a_b", "-a", "a-"])
def test_a_name_that_aws_does_not_take_is_refused_before_the_call(
    engine: Engine, vpc: Vpc, name: str
) -> None:
    assert refused(engine, BALANCER, vpc.balancer(name=name)) == ["name"]
    assert refused(engine, GROUP, vpc.group(name=name)) == ["name"]


def test_another_type_of_load_balancer_is_refused(engine: Engine, vpc: Vpc) -> None:
    assert refused(engine, BALANCER, {"subnets": vpc.subnets}) == ["loadBalancerType"]


def test_an_internet_facing_one_needs_an_internet_gateway(engine: Engine) -> None:
    ec2 = engine.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.61.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.61.0.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(grpc.RpcError, match="has no internet gateway"):
        engine.create(BALANCER, {"loadBalancerType": "network", "subnets": [subnet]})


def test_a_target_group_is_created_changed_and_deleted(engine: Engine, vpc: Vpc) -> None:
    inputs = vpc.group(deregistrationDelay=20, tags={"a": "1"})
    arn, state = engine.create(GROUP, inputs)
    made = load(state)
    named = {**inputs, "name": made["name"]}
    assert load(engine.read(GROUP, arn, named).inputs) == named
    assert made["preserveClientIp"] == "false"
    assert made["connectionTermination"] is False
    check = {"protocol": "HTTPS", "path": "/readyz", "interval": 10, "timeout": 4}
    changed = {**named, "healthCheck": check, "connectionTermination": True}
    del changed["deregistrationDelay"]
    assert replaced_by(engine, GROUP, named, changed) == []
    engine.update(GROUP, arn, named, changed)
    found = load(engine.read(GROUP, arn, {**changed, "healthCheck": None}).properties)
    # What is left out has Terraform's default, not that of the API.
    assert found["healthCheck"] == {
        **check,
        "enabled": True,
        "healthyThreshold": 3,
        "unhealthyThreshold": 3,
        "port": "traffic-port",
        "matcher": "200-399",
    }
    assert (found["deregistrationDelay"], found["connectionTermination"]) == (300, True)
    engine.delete(GROUP, arn, state)
    assert engine.read(GROUP, arn, changed).id == ""


def test_a_group_of_instances_preserves_the_addresses_of_clients(engine: Engine, vpc: Vpc) -> None:
    arn, state = engine.create(GROUP, vpc.group(targetType="instance"))
    assert load(state)["preserveClientIp"] == "true"
    engine.delete(GROUP, arn, state)


@pytest.mark.parametrize(
    ("check", "path"),
    [
        ({"protocol": "TCP", "path": "/"}, "healthCheck.path"),
        ({"protocol": "TCP", "matcher": "200"}, "healthCheck.matcher"),
        ({"retries": 2}, "healthCheck.retries"),
    ],
)
def test_a_health_check_that_does_not_fit_is_refused(
    engine: Engine, vpc: Vpc, check: dict[str, Any], path: str
) -> None:
    assert refused(engine, GROUP, vpc.group(healthCheck=check)) == [path]


@pytest.mark.parametrize(
    "check",
    [
        {"protocol": "TCP", "interval": 4},
        {"protocol": "TCP", "interval": 301},
        {"protocol": "TCP", "unhealthyThreshold": 1},
        {"protocol": "TCP", "healthyThreshold": 11},
        {"protocol": "TCP", "timeout": 10, "interval": 5},
        {"protocol": "HTTP", "path": "x"},
        {"protocol": "HTTP", "matcher": "100"},
        {"protocol": "TLS"},
        {"protocol": "TCP", "port": "0"},
        {"protocol": "TCP", "enabled": False},
    ],
)
def test_a_health_check_that_aws_does_not_take_is_refused(
    engine: Engine, vpc: Vpc, check: dict[str, Any]
) -> None:
    with pytest.raises(grpc.RpcError, match=r"ValidationError|Parameter validation failed"):
        engine.create(GROUP, vpc.group(healthCheck=check))


def test_a_listener_forwards_and_holds_its_group(engine: Engine, vpc: Vpc) -> None:
    balancer, balancer_state = engine.create(BALANCER, vpc.balancer())
    group, group_state = engine.create(GROUP, vpc.group(name="first"))
    other, other_state = engine.create(GROUP, vpc.group(name="second"))
    action = {"type": "forward", "targetGroupArn": group}
    inputs = {
        "loadBalancerArn": balancer,
        "port": 6443,
        "protocol": "TCP",
        "defaultActions": [action],
    }
    arn, state = engine.create(LISTENER, inputs)
    assert load(engine.read(LISTENER, arn, inputs).inputs) == inputs
    assert load(state)["tcpIdleTimeoutSeconds"] == 350
    elbv2 = engine.client("elbv2")
    for call, error in (
        (lambda: elbv2.delete_target_group(TargetGroupArn=group), "ResourceInUse"),
        (lambda: engine.create(LISTENER, inputs), "DuplicateListener"),
    ):
        with pytest.raises(Exception, match=error):
            call()
    moved = {**inputs, "port": 443, "defaultActions": [{**action, "targetGroupArn": other}]}
    assert replaced_by(engine, LISTENER, inputs, moved) == []
    engine.update(LISTENER, arn, inputs, {**moved, "tcpIdleTimeoutSeconds": 600})
    found = load(engine.read(LISTENER, arn, moved).properties)
    assert (found["port"], found["tcpIdleTimeoutSeconds"]) == (443, 600)
    engine.delete(GROUP, group, group_state)
    described = elbv2.describe_target_groups(TargetGroupArns=[other])["TargetGroups"][0]
    assert described["LoadBalancerArns"] == [balancer]
    engine.delete(LISTENER, arn, state)
    engine.delete(GROUP, other, other_state)
    engine.delete(BALANCER, balancer, balancer_state)


def test_a_group_belongs_to_one_load_balancer(engine: Engine, vpc: Vpc) -> None:
    group, group_state = engine.create(GROUP, vpc.group())
    action = {"type": "forward", "targetGroupArn": group}
    about = {"port": 80, "protocol": "TCP", "defaultActions": [action]}
    first, first_state = engine.create(BALANCER, vpc.balancer(name="first"))
    second, second_state = engine.create(BALANCER, vpc.balancer(name="second"))
    engine.create(LISTENER, {"loadBalancerArn": first, **about})
    with pytest.raises(grpc.RpcError, match="TargetGroupAssociationLimit"):
        engine.create(LISTENER, {"loadBalancerArn": second, **about})
    engine.delete(BALANCER, first, first_state)
    # Its listener is gone with it.
    engine.create(LISTENER, {"loadBalancerArn": second, **about})
    engine.delete(BALANCER, second, second_state)
    engine.delete(GROUP, group, group_state)


def test_a_target_is_registered_and_gone_when_it_is_deregistered(engine: Engine, vpc: Vpc) -> None:
    group, group_state = engine.create(GROUP, vpc.group())
    inputs = {"targetGroupArn": group, "targetId": "10.60.0.9"}
    id_, state = engine.create(ATTACHMENT, inputs)
    assert id_.startswith(f"{group}-")
    assert load(engine.read(ATTACHMENT, id_, inputs).inputs) == inputs
    again = {**inputs, "targetId": "10.60.0.10"}
    assert replaced_by(engine, ATTACHMENT, inputs, again) == ["targetId"]
    engine.delete(ATTACHMENT, id_, state)
    assert engine.read(ATTACHMENT, id_, inputs).id == ""
    engine.delete(GROUP, group, group_state)


def test_a_group_that_is_deleted_takes_its_targets_along(engine: Engine, vpc: Vpc) -> None:
    group, group_state = engine.create(GROUP, vpc.group())
    id_, state = engine.create(ATTACHMENT, {"targetGroupArn": group, "targetId": "10.60.0.9"})
    engine.delete(GROUP, group, group_state)
    engine.delete(ATTACHMENT, id_, state)


@pytest.fixture
def zone(engine: Engine) -> str:
    made = engine.client("route53").create_hosted_zone(
        Name="example.com.", CallerReference="a", HostedZoneConfig={"Comment": "c"}
    )
    found = str(made["HostedZone"]["Id"].rpartition("/")[2])
    assert found.startswith("Z")
    return found


def test_a_record_has_a_value_for_each_server(engine: Engine, zone: str) -> None:
    assert engine.invoke(ZONE, {"name": "example.com"})["zoneId"] == zone
    assert engine.invoke(ZONE, {"zoneId": zone})["name"] == "example.com"
    inputs = {"zoneId": zone, "name": "api", "type": "A", "ttl": 30, "records": ["1.1.1.1"]}
    id_, state = engine.create(RECORD, inputs)
    assert id_ == f"{zone}_api_A"
    assert load(state)["fqdn"] == "api.example.com"
    with pytest.raises(grpc.RpcError, match="InvalidChangeBatch"):
        engine.create(RECORD, inputs)
    changed = {**inputs, "records": ["2.2.2.2", "1.1.1.1"], "ttl": 60}
    assert replaced_by(engine, RECORD, inputs, changed) == []
    engine.update(RECORD, id_, inputs, changed)
    assert load(engine.read(RECORD, id_, changed).inputs) == changed
    assert replaced_by(engine, RECORD, inputs, {**inputs, "name": "other"}) == ["name"]
    engine.delete(RECORD, id_, encode(changed))
    assert engine.read(RECORD, id_, changed).id == ""
    engine.client("route53").delete_hosted_zone(Id=zone)


def test_a_zone_that_is_not_there_is_an_error(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError, match="no matching Route 53 Hosted Zones found"):
        engine.invoke(ZONE, {"name": "example.org"})

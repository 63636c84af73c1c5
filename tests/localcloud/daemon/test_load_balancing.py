"""Network load balancers through the API of a whole daemon, to servers of this process."""

from __future__ import annotations

import dataclasses
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

import botocore.exceptions
import pytest

from localcloud.__main__ import lines_of
from localcloud.aws_api import load_balancing
from localcloud.aws_api.moto_state import MotoState
from localcloud.aws_api.server import STATUS_PATH
from localcloud.load_balancers.model import Configuration
from localcloud.machines import Ingress
from tests.localcloud.daemon.local_cloud import LocalCloud

PORT = 6443


@pytest.fixture(autouse=True)
def quick_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The API takes no interval below 5 s; here the checks follow each other at once."""
    configuration = load_balancing.configuration

    def quick(state: MotoState) -> Configuration:
        found = configuration(state)
        groups = {
            arn: dataclasses.replace(
                group, check=dataclasses.replace(group.check, interval_seconds=0.02)
            )
            for arn, group in found.groups.items()
        }
        return dataclasses.replace(found, groups=groups)

    monkeypatch.setattr(load_balancing, "configuration", quick)


@dataclass
class Site:
    """A VPC with two subnets, and what a load balancer there needs."""

    cloud: LocalCloud
    vpc: str
    subnets: list[str]
    api: Any

    def machine(self, subnet: int, *groups: str) -> tuple[str, str]:
        """A running instance and its private address, with a server on it."""
        interface = self.cloud.interface(self.subnets[subnet], *groups)
        instance_id = self.cloud.run(interface["NetworkInterfaceId"])
        self.cloud.becomes(instance_id, "running")
        address = str(interface["PrivateIpAddress"])
        self.cloud.outside.serve(address, PORT, address)
        return instance_id, address

    def balancer(self, **more: Any) -> dict[str, Any]:
        made = self.api.create_load_balancer(
            Name="api", Type="network", Subnets=self.subnets, **more
        )
        arn = made["LoadBalancers"][0]["LoadBalancerArn"]
        self.cloud.until(lambda: self.describe(arn)["State"]["Code"] == "active")
        return self.describe(arn)

    def describe(self, arn: str) -> dict[str, Any]:
        found = self.api.describe_load_balancers(LoadBalancerArns=[arn])
        balancer: dict[str, Any] = found["LoadBalancers"][0]
        return balancer

    def group(self, kind: str = "ip", **more: Any) -> str:
        made = self.api.create_target_group(
            Name="servers", Protocol="TCP", Port=PORT, VpcId=self.vpc, TargetType=kind, **more
        )
        return str(made["TargetGroups"][0]["TargetGroupArn"])

    def listen(self, balancer: dict[str, Any], group: str, port: int = PORT) -> None:
        self.api.create_listener(
            LoadBalancerArn=balancer["LoadBalancerArn"],
            Protocol="TCP",
            Port=port,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": group}],
        )

    def register(self, group: str, *targets: str) -> None:
        self.api.register_targets(TargetGroupArn=group, Targets=[{"Id": each} for each in targets])

    def health(self, group: str) -> dict[str, tuple[str, str | None]]:
        found = self.api.describe_target_health(TargetGroupArn=group)
        return {
            each["Target"]["Id"]: (
                each["TargetHealth"]["State"],
                each["TargetHealth"].get("Reason"),
            )
            for each in found["TargetHealthDescriptions"]
        }

    def becomes(self, group: str, target: str, state: str, reason: str | None = None) -> None:
        self.cloud.until(lambda: self.health(group).get(target) == (state, reason))

    def names(self, balancer: dict[str, Any], count: int = 30) -> set[str | None]:
        """Who answers at the load balancer's address."""
        address = balancer["DNSName"]
        self.cloud.until(lambda: (address, PORT) in self.cloud.outside.listening)
        return {self.cloud.outside.name_behind(address, PORT) for _ in range(count)}


@pytest.fixture
def site(cloud: LocalCloud) -> Site:
    ec2 = cloud.ec2
    vpc = ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.79.0.0/20", "us-east-1a"), ("10.79.16.0/20", "us-east-1b"))
    ]
    return Site(cloud, vpc, subnets, cloud.client("elbv2"))


def code(caught: pytest.ExceptionInfo[botocore.exceptions.ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def test_requests_go_on_while_a_target_is_stopped(site: Site) -> None:
    (_, first), (instance_id, second) = site.machine(0), site.machine(1)
    balancer, group = site.balancer(), site.group()
    site.register(group, first, second)
    assert site.health(group)[first] == ("unused", "Target.NotInUse")
    site.listen(balancer, group)
    for each in (first, second):
        site.becomes(group, each, "healthy")
    assert site.names(balancer) == {first, second}
    site.cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    site.cloud.outside.fail(second, PORT)
    site.becomes(group, second, "unhealthy", "Target.FailedHealthChecks")
    assert site.names(balancer) == {first}


def test_an_address_leads_to_the_load_balancer_until_it_is_deleted(site: Site) -> None:
    _, address = site.machine(0)
    balancer, group = site.balancer(), site.group()
    site.register(group, address)
    site.listen(balancer, group)
    site.becomes(group, address, "healthy")
    assert balancer["DNSName"].startswith("127.")
    nodes = site.cloud.ec2.describe_network_interfaces(
        Filters=[{"Name": "description", "Values": ["ELB net/api/*"]}]
    )["NetworkInterfaces"]
    assert {each["PrivateIpAddress"] for each in nodes} == site.cloud.outside.assigned
    assert {each["SubnetId"] for each in nodes} == set(site.subnets)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.api.delete_target_group(TargetGroupArn=group)
    assert code(caught) == "ResourceInUse"
    site.api.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])
    site.cloud.until(lambda: not site.cloud.outside.assigned)
    assert site.names(balancer, 1) == {None}
    site.api.delete_target_group(TargetGroupArn=group)


def test_the_status_page_lists_it_with_the_health_of_its_targets(site: Site) -> None:
    _, address = site.machine(0)
    balancer, group = site.balancer(), site.group()
    site.register(group, address)
    site.listen(balancer, group)
    site.becomes(group, address, "healthy")
    with urllib.request.urlopen(site.cloud.endpoint + STATUS_PATH) as answer:  # noqa: S310 - loopback
        page = json.load(answer)
    listed = {"name": "api", "address": balancer["DNSName"], "state": "active"}
    assert page["loadBalancers"] == [{**listed, "targets": {f"{address}:{PORT}": "healthy"}}]
    assert (
        lines_of(page)[-1]
        == f"  api  active        {balancer['DNSName']:15} {address}:6443 healthy"
    )


def test_an_internal_one_has_an_address_of_its_first_subnet(site: Site) -> None:
    balancer = site.balancer(Scheme="internal")
    assert balancer["DNSName"].startswith("10.79.")
    assert balancer["DNSName"] in site.cloud.outside.assigned


def test_the_stopped_instance_of_a_target_is_not_used(site: Site) -> None:
    instance_id, address = site.machine(0)
    balancer, group = site.balancer(), site.group("instance")
    site.register(group, instance_id)
    site.listen(balancer, group)
    site.becomes(group, instance_id, "healthy")
    assert site.names(balancer) == {address}
    # The client's address is preserved: a machine sees the outside as its gateway.
    assert site.cloud.outside.sources[-1][1] is None
    site.cloud.ec2.stop_instances(InstanceIds=[instance_id])
    site.becomes(group, instance_id, "unused", "Target.InvalidState")
    site.cloud.becomes(instance_id, "stopped")
    assert site.names(balancer) == {None}
    site.cloud.ec2.start_instances(InstanceIds=[instance_id])
    site.becomes(group, instance_id, "healthy")


def test_a_terminated_instance_is_deregistered(site: Site) -> None:
    instance_id, _ = site.machine(0)
    balancer, group = site.balancer(), site.group("instance")
    site.register(group, instance_id)
    site.listen(balancer, group)
    site.cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    site.becomes(group, instance_id, "draining", "Target.DeregistrationInProgress")


def test_a_deregistered_target_drains_for_its_delay(site: Site) -> None:
    _, address = site.machine(0)
    balancer, group = site.balancer(), site.group()
    delay = "deregistration_delay.timeout_seconds"
    for seconds, after in (("300", {address}), ("0", set())):
        site.api.modify_target_group_attributes(
            TargetGroupArn=group, Attributes=[{"Key": delay, "Value": seconds}]
        )
        site.register(group, address)
        if seconds == "300":
            site.listen(balancer, group)
        site.becomes(group, address, "healthy")
        site.api.deregister_targets(TargetGroupArn=group, Targets=[{"Id": address}])
        assert set(site.health(group)) == after
        assert site.names(balancer) == {None}
    asked = site.api.describe_target_health(TargetGroupArn=group, Targets=[{"Id": address}])
    health = asked["TargetHealthDescriptions"][0]["TargetHealth"]
    assert (health["State"], health["Reason"]) == ("unused", "Target.NotRegistered")


def test_its_security_group_is_a_source_of_the_machines_rules(site: Site) -> None:
    cloud = site.cloud
    outer, inner = cloud.group(site.vpc, "balancer"), cloud.group(site.vpc, "servers")
    cloud.admit(outer, PORT, IpRanges=[{"CidrIp": "127.0.0.0/8"}])
    cloud.admit(inner, PORT, UserIdGroupPairs=[{"GroupId": outer}])
    instance_id, address = site.machine(0, inner)
    assert cloud.machines.admitted[instance_id] == []
    balancer, group = site.balancer(SecurityGroups=[outer]), site.group()
    nodes = sorted(f"{each}/32" for each in cloud.outside.assigned)
    cloud.until(lambda: len(cloud.machines.admitted[instance_id]) == 2)
    admitted = sorted(cloud.machines.admitted[instance_id])
    assert admitted == [Ingress("tcp", PORT, PORT, each) for each in nodes]
    site.register(group, address)
    site.listen(balancer, group)
    site.becomes(group, address, "healthy")
    assert site.names(balancer) == {address}
    rule = {"IpProtocol": "tcp", "FromPort": PORT, "ToPort": PORT}
    cloud.ec2.revoke_security_group_ingress(
        GroupId=outer, IpPermissions=[{**rule, "IpRanges": [{"CidrIp": "127.0.0.0/8"}]}]
    )
    cloud.until(lambda: site.names(balancer, 1) == {None})
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        cloud.ec2.delete_security_group(GroupId=outer)
    assert code(caught) == "DependencyViolation"


def test_a_rule_for_its_group_admits_preserved_clients_too(site: Site) -> None:
    """Seen from the machine the connection then comes from the load balancer's own address."""
    cloud = site.cloud
    outer, inner = cloud.group(site.vpc, "balancer"), cloud.group(site.vpc, "servers")
    cloud.admit(outer, PORT, IpRanges=[{"CidrIp": "127.0.0.0/8"}])
    cloud.admit(inner, PORT, UserIdGroupPairs=[{"GroupId": outer}])
    instance_id, address = site.machine(0, inner)
    balancer, group = site.balancer(SecurityGroups=[outer]), site.group("instance")
    site.register(group, instance_id)
    site.listen(balancer, group)
    site.becomes(group, instance_id, "healthy")
    assert site.names(balancer) == {address}
    assert cloud.outside.sources[-1][1] in cloud.outside.assigned


def test_security_groups_cannot_be_added_to_one_without(site: Site) -> None:
    group = site.cloud.group(site.vpc, "late")
    arn = site.balancer()["LoadBalancerArn"]
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.api.set_security_groups(LoadBalancerArn=arn, SecurityGroups=[group])
    assert code(caught) == "InvalidConfigurationRequest"


def test_a_subnet_without_eight_free_addresses_is_refused(site: Site) -> None:
    made = site.cloud.ec2.create_subnet(
        VpcId=site.vpc, CidrBlock="10.79.32.0/28", AvailabilityZone="us-east-1a"
    )
    small = made["Subnet"]["SubnetId"]
    for _ in range(4):
        site.cloud.interface(small)
    with pytest.raises(botocore.exceptions.ClientError, match="at least 8 free IP") as caught:
        site.api.create_load_balancer(Name="small", Type="network", Subnets=[small])
    assert code(caught) == "InvalidSubnet"


def test_its_interfaces_hold_the_subnets(site: Site) -> None:
    balancer, ec2 = site.balancer(), site.cloud.ec2
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        ec2.delete_subnet(SubnetId=site.subnets[0])
    assert code(caught) == "DependencyViolation"
    site.api.delete_load_balancer(LoadBalancerArn=balancer["LoadBalancerArn"])

    def interfaces() -> list[Any]:
        found = ec2.describe_network_interfaces()["NetworkInterfaces"]
        return [each for each in found if each["InterfaceType"] == "network_load_balancer"]

    # AWS deletes them in a moment.
    assert interfaces()
    site.cloud.until(lambda: not interfaces())
    ec2.delete_subnet(SubnetId=site.subnets[0])


def test_a_protected_one_is_not_deleted(site: Site) -> None:
    arn = site.balancer()["LoadBalancerArn"]
    protection = {"Key": "deletion_protection.enabled", "Value": "true"}
    site.api.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[protection])
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.api.delete_load_balancer(LoadBalancerArn=arn)
    assert code(caught) == "OperationNotPermitted"


def test_subnets_are_added_and_never_removed(site: Site) -> None:
    made = site.api.create_load_balancer(Name="one", Type="network", Subnets=site.subnets[:1])
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    site.api.set_subnets(LoadBalancerArn=arn, Subnets=site.subnets)
    site.cloud.until(lambda: len(site.cloud.outside.assigned) == 2)
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        site.api.set_subnets(LoadBalancerArn=arn, Subnets=site.subnets[1:])
    assert code(caught) == "ValidationError"


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ({"Id": "10.80.0.1"}, "InvalidTarget"),
        ({"Id": "8.8.8.8", "AvailabilityZone": "all"}, "InvalidTarget"),
        ({"Id": "i-1"}, "ValidationError"),
        ({"Id": "10.80.0.1", "AvailabilityZone": "all"}, None),
        ({"Id": "10.79.0.9"}, None),
    ],
)
def test_a_target_by_address_is_of_the_vpc_or_of_a_private_range(
    site: Site, target: dict[str, str], error: str | None
) -> None:
    group = site.group()
    try:
        site.api.register_targets(TargetGroupArn=group, Targets=[target])
        found = None
    except botocore.exceptions.ClientError as refusal:
        found = str(refusal.response["Error"]["Code"])
    assert found == error


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stickiness.enabled", "true"),
        ("proxy_protocol_v2.enabled", "true"),
        ("deregistration_delay.timeout_seconds", "3601"),
        ("slow_start.duration_seconds", "30"),
    ],
)
def test_an_attribute_that_would_have_no_effect_is_refused(
    site: Site, key: str, value: str
) -> None:
    with pytest.raises(botocore.exceptions.ClientError):
        site.api.modify_target_group_attributes(
            TargetGroupArn=site.group(), Attributes=[{"Key": key, "Value": value}]
        )


def test_the_quota_of_load_balancers_is_that_of_aws(site: Site) -> None:
    asked = {"ServiceCode": "elasticloadbalancing", "QuotaCode": "L-69A177A2"}
    quota = site.cloud.client("service-quotas").get_service_quota(**asked)["Quota"]
    assert quota["Value"] == 50

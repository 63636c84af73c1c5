"""Leftovers of interrupted creations are found, and no resource in use is."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from localcloud.aws_plugin import resources
from recovery.interrupted import Creation, Interrupted
from recovery.leftovers import KINDS, REPEATABLE, find, unknown_kinds
from tests.recovery.conftest import OTHER_TAGS, POLICY, TAGS, TRUST, Account, tagged

Inputs = dict[str, Any]
# Creates the resource as the provider does; returns its id in the state, and the inputs.
Make = Callable[[Account], tuple[str, Inputs]]


def instance(account: Account) -> tuple[str, Inputs]:
    images = account.ec2.describe_images()["Images"]
    made = account.ec2.run_instances(
        ImageId=next(each["ImageId"] for each in images if each["Architecture"] == "x86_64"),
        InstanceType="t3.small",
        MinCount=1,
        MaxCount=1,
        NetworkInterfaces=[{"DeviceIndex": 0, "NetworkInterfaceId": account.interface}],
    )
    inputs = {"primaryNetworkInterface": {"networkInterfaceId": account.interface}, "tags": TAGS}
    return made["Instances"][0]["InstanceId"], inputs


def elastic_ip(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.allocate_address(Domain="vpc", TagSpecifications=tagged("elastic-ip", TAGS))
    return made["AllocationId"], {"networkInterface": account.interface, "tags": TAGS}


def elastic_ip_in_place(account: Account) -> tuple[str, Inputs]:
    made, inputs = elastic_ip(account)
    account.ec2.associate_address(AllocationId=made, NetworkInterfaceId=account.interface)
    return made, inputs


def volume(account: Account) -> tuple[str, Inputs]:
    zone = "us-east-1a"
    made = account.ec2.create_volume(
        AvailabilityZone=zone, Size=10, TagSpecifications=tagged("volume", TAGS)
    )
    return made["VolumeId"], {"availabilityZone": zone, "tags": TAGS}


def interface(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.create_network_interface(
        SubnetId=account.subnet, TagSpecifications=tagged("network-interface", TAGS)
    )
    inputs = {"subnetId": account.subnet, "tags": TAGS}
    return made["NetworkInterface"]["NetworkInterfaceId"], inputs


def _rule(account: Account, direction: str) -> tuple[str, Inputs]:
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2}
    ranges = [{"CidrIp": "192.0.2.0/24"}]
    made = getattr(account.ec2, f"authorize_security_group_{direction}")(
        GroupId=account.group,
        IpPermissions=[{**permission, "IpRanges": ranges}],
        TagSpecifications=tagged("security-group-rule", TAGS),
    )
    inputs = {"securityGroupId": account.group, "tags": TAGS}
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], inputs


def ingress_rule(account: Account) -> tuple[str, Inputs]:
    return _rule(account, "ingress")


def egress_rule(account: Account) -> tuple[str, Inputs]:
    return _rule(account, "egress")


def group(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.create_security_group(
        VpcId=account.vpc, GroupName="blue-server-1a2b3c4", Description="k3s server"
    )
    return made["GroupId"], {"vpcId": account.vpc, "name": "blue-server-1a2b3c4"}


def association(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.associate_route_table(RouteTableId=account.table, SubnetId=account.subnet)
    inputs = {"routeTableId": account.table, "subnetId": account.subnet}
    return made["AssociationId"], inputs


def route(account: Account) -> tuple[str, Inputs]:
    account.ec2.attach_internet_gateway(InternetGatewayId=account.gateway, VpcId=account.vpc)
    everywhere = "0.0.0.0/0"
    account.ec2.create_route(
        RouteTableId=account.table, DestinationCidrBlock=everywhere, GatewayId=account.gateway
    )
    inputs = {"routeTableId": account.table, "destinationCidrBlock": everywhere}
    return f"r-{account.table}1080289494", inputs


def table(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.create_route_table(
        VpcId=account.vpc, TagSpecifications=tagged("route-table", TAGS)
    )
    return made["RouteTable"]["RouteTableId"], {"vpcId": account.vpc, "tags": TAGS}


def gateway(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.create_internet_gateway(TagSpecifications=tagged("internet-gateway", TAGS))
    return made["InternetGateway"]["InternetGatewayId"], {"vpcId": account.vpc, "tags": TAGS}


def gateway_in_place(account: Account) -> tuple[str, Inputs]:
    made, inputs = gateway(account)
    account.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=account.vpc)
    return made, inputs


def subnet(account: Account) -> tuple[str, Inputs]:
    cidr = "10.9.1.0/24"
    made = account.ec2.create_subnet(VpcId=account.vpc, CidrBlock=cidr)
    return made["Subnet"]["SubnetId"], {"vpcId": account.vpc, "cidrBlock": cidr}


def vpc(account: Account) -> tuple[str, Inputs]:
    made = account.ec2.create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=tagged("vpc", TAGS))
    return made["Vpc"]["VpcId"], {"tags": TAGS}


def profile(account: Account) -> tuple[str, Inputs]:
    account.iam.create_instance_profile(InstanceProfileName="blue-9f8e7d6")
    return "blue-9f8e7d6", {"name": "blue-9f8e7d6", "role": "recorded"}


def profile_with_its_role(account: Account) -> tuple[str, Inputs]:
    made, inputs = profile(account)
    account.iam.add_role_to_instance_profile(InstanceProfileName=made, RoleName="recorded")
    return made, inputs


def policy(account: Account) -> tuple[str, Inputs]:
    account.iam.put_role_policy(RoleName="recorded", PolicyName="blue-5", PolicyDocument=POLICY)
    return "recorded:blue-5", {"role": "recorded", "name": "blue-5"}


def role(account: Account) -> tuple[str, Inputs]:
    account.iam.create_role(RoleName="blue-6", AssumeRolePolicyDocument=TRUST)
    return "blue-6", {"name": "blue-6"}


def parameter(account: Account) -> tuple[str, Inputs]:
    name = "/k3s-aws/blue-dev/agent/token"
    account.ssm.put_parameter(Name=name, Value="hidden", Type="SecureString")
    return name, {"name": name}


def bucket(account: Account) -> tuple[str, Inputs]:
    account.client("s3").create_bucket(Bucket="demo-files-0123456")
    return "demo-files-0123456", {"bucket": "demo-files-0123456"}


def load_balancer(account: Account) -> tuple[str, Inputs]:
    made = account.client("elbv2").create_load_balancer(
        Name="k3s-blue-1a2b3c", Type="network", Scheme="internal", Subnets=[account.subnet]
    )
    return made["LoadBalancers"][0]["LoadBalancerArn"], {"name": "k3s-blue-1a2b3c"}


def target_group(account: Account) -> tuple[str, Inputs]:
    made = account.client("elbv2").create_target_group(
        Name="k3s-blue-1a2b3c", Protocol="TCP", Port=6443, VpcId=account.vpc, TargetType="ip"
    )
    return made["TargetGroups"][0]["TargetGroupArn"], {"name": "k3s-blue-1a2b3c"}


def listener(account: Account) -> tuple[str, Inputs]:
    balancer, group = load_balancer(account)[0], target_group(account)[0]
    action = {"Type": "forward", "TargetGroupArn": group}
    made = account.client("elbv2").create_listener(
        LoadBalancerArn=balancer, Protocol="TCP", Port=6443, DefaultActions=[action]
    )
    inputs = {"loadBalancerArn": balancer, "port": 6443}
    return made["Listeners"][0]["ListenerArn"], inputs


def record(account: Account) -> tuple[str, Inputs]:
    route53 = account.client("route53")
    zone = route53.create_hosted_zone(Name="example.com", CallerReference="1")["HostedZone"]
    zone_id = zone["Id"].rpartition("/")[2]
    inputs = {"zoneId": zone_id, "name": "k3s.example.com", "type": "A", "records": ["192.0.2.1"]}
    values = [{"Value": each} for each in inputs["records"]]
    created = {"Name": inputs["name"], "Type": "A", "TTL": 30, "ResourceRecords": values}
    changes = [{"Action": "CREATE", "ResourceRecordSet": created}]
    route53.change_resource_record_sets(HostedZoneId=zone_id, ChangeBatch={"Changes": changes})
    return f"{zone_id}_k3s.example.com_A", inputs


MADE: list[tuple[str, Make]] = [
    ("aws:lb/loadBalancer:LoadBalancer", load_balancer),
    ("aws:lb/targetGroup:TargetGroup", target_group),
    ("aws:lb/listener:Listener", listener),
    ("aws:route53/record:Record", record),
    ("aws:ec2/instance:Instance", instance),
    ("aws:ec2/eip:Eip", elastic_ip),
    ("aws:ec2/eip:Eip", elastic_ip_in_place),
    ("aws:ebs/volume:Volume", volume),
    ("aws:ec2/networkInterface:NetworkInterface", interface),
    ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", ingress_rule),
    ("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", egress_rule),
    ("aws:ec2/securityGroup:SecurityGroup", group),
    ("aws:ec2/routeTableAssociation:RouteTableAssociation", association),
    ("aws:ec2/route:Route", route),
    ("aws:ec2/routeTable:RouteTable", table),
    ("aws:ec2/internetGateway:InternetGateway", gateway),
    ("aws:ec2/internetGateway:InternetGateway", gateway_in_place),
    ("aws:ec2/subnet:Subnet", subnet),
    ("aws:ec2/vpc:Vpc", vpc),
    ("aws:iam/instanceProfile:InstanceProfile", profile),
    ("aws:iam/instanceProfile:InstanceProfile", profile_with_its_role),
    ("aws:iam/rolePolicy:RolePolicy", policy),
    ("aws:iam/role:Role", role),
    ("aws:ssm/parameter:Parameter", parameter),
    ("aws:s3/bucket:Bucket", bucket),
]


@pytest.mark.parametrize(
    ("kind", "make"), [pytest.param(*each, id=each[1].__name__) for each in MADE]
)
def test_what_is_in_no_state_is_found_and_can_be_removed(
    account: Account, kind: str, make: Make
) -> None:
    made, inputs = make(account)
    assert account.left_by(kind, inputs, made) == []
    (left,) = account.left_by(kind, inputs)
    assert left.id == made
    left.remove()
    assert account.left_by(kind, inputs) == []


def test_every_kind_the_program_creates_can_be_searched_for() -> None:
    # The stand-in of the provider has these and no more.
    assert set(KINDS) | REPEATABLE == set(resources.KINDS)


def test_every_kind_is_tried_here() -> None:
    assert {kind for kind, _ in MADE} == set(KINDS)


def test_an_address_of_another_interface_is_in_use(account: Account) -> None:
    made, inputs = elastic_ip(account)
    other = account.ec2.create_network_interface(SubnetId=account.subnet)["NetworkInterface"]
    account.ec2.associate_address(AllocationId=made, NetworkInterfaceId=other["NetworkInterfaceId"])
    assert account.left_by("aws:ec2/eip:Eip", inputs) == []


def test_an_attached_volume_is_in_use(account: Account) -> None:
    made, inputs = volume(account)
    server, _ = instance(account)
    account.ec2.attach_volume(VolumeId=made, InstanceId=server, Device="/dev/sdf")
    assert account.left_by("aws:ebs/volume:Volume", inputs) == []


def test_a_volume_of_another_cluster_is_not_ours(account: Account) -> None:
    _, inputs = volume(account)
    assert account.left_by("aws:ebs/volume:Volume", {**inputs, "tags": OTHER_TAGS}) == []


def test_a_resource_with_the_tags_of_another_stack_is_in_use(account: Account) -> None:
    _, inputs = elastic_ip(account)
    assert account.left_by("aws:ec2/eip:Eip", {**inputs, "tags": OTHER_TAGS}) == []


PAIRS = [{"Key": key, "Value": value} for key, value in TAGS.items()]
NAME = "/k3s-aws/dev/blue/server/authority"


def tagged_group(account: Account) -> Inputs:
    account.ec2.create_security_group(
        VpcId=account.vpc,
        GroupName="blue-1",
        Description="k3s",
        TagSpecifications=tagged("security-group", TAGS),
    )
    return {"vpcId": account.vpc, "name": "blue-1"}


def tagged_subnet(account: Account) -> Inputs:
    account.ec2.create_subnet(
        VpcId=account.vpc, CidrBlock="10.9.2.0/24", TagSpecifications=tagged("subnet", TAGS)
    )
    return {"vpcId": account.vpc, "cidrBlock": "10.9.2.0/24"}


def tagged_profile(account: Account) -> Inputs:
    account.iam.create_instance_profile(InstanceProfileName="blue-2", Tags=PAIRS)
    return {"name": "blue-2", "role": "recorded"}


def tagged_role(account: Account) -> Inputs:
    account.iam.create_role(RoleName="blue-3", AssumeRolePolicyDocument=TRUST, Tags=PAIRS)
    return {"name": "blue-3"}


def tagged_parameter(account: Account) -> Inputs:
    account.ssm.put_parameter(Name=NAME, Value="hidden", Type="SecureString", Tags=PAIRS)
    return {"name": NAME}


def tagged_bucket(account: Account) -> Inputs:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="blue-files-1")
    s3.put_bucket_tagging(Bucket="blue-files-1", Tagging={"TagSet": PAIRS})
    return {"bucket": "blue-files-1"}


def tagged_load_balancer(account: Account) -> Inputs:
    account.client("elbv2").create_load_balancer(
        Name="k3s-blue-1", Type="network", Scheme="internal", Subnets=[account.subnet], Tags=PAIRS
    )
    return {"name": "k3s-blue-1"}


def tagged_target_group(account: Account) -> Inputs:
    account.client("elbv2").create_target_group(
        Name="k3s-blue-1", Protocol="TCP", Port=6443, VpcId=account.vpc, Tags=PAIRS
    )
    return {"name": "k3s-blue-1"}


TAGGED: dict[str, Callable[[Account], Inputs]] = {
    "aws:lb/loadBalancer:LoadBalancer": tagged_load_balancer,
    "aws:lb/targetGroup:TargetGroup": tagged_target_group,
    "aws:ec2/securityGroup:SecurityGroup": tagged_group,
    "aws:ec2/subnet:Subnet": tagged_subnet,
    "aws:iam/instanceProfile:InstanceProfile": tagged_profile,
    "aws:iam/role:Role": tagged_role,
    "aws:ssm/parameter:Parameter": tagged_parameter,
    "aws:s3/bucket:Bucket": tagged_bucket,
}


@pytest.mark.parametrize("kind", TAGGED)
def test_what_has_the_name_of_ours_and_the_tags_of_another_stack_is_not_ours(
    account: Account, kind: str
) -> None:
    inputs = TAGGED[kind](account)
    assert account.left_by(kind, {**inputs, "tags": OTHER_TAGS}) == []
    more = {**TAGS, "k3s-aws:authority": "0123456789abcdef"}
    assert account.left_by(kind, {**inputs, "tags": more}) == []
    # Default tags of the provider are no reason to leave it.
    fewer = {key: value for key, value in TAGS.items() if key != "Name"}
    (left,) = account.left_by(kind, {**inputs, "tags": fewer})
    left.remove()
    assert account.left_by(kind, {**inputs, "tags": fewer}) == []


def test_a_profile_with_the_role_of_somebody_else_is_not_ours(account: Account) -> None:
    made, _ = profile_with_its_role(account)
    inputs = {"name": made, "role": "another"}
    assert account.left_by("aws:iam/instanceProfile:InstanceProfile", inputs) == []


def test_a_bucket_that_was_not_tagged_yet_is_ours_by_its_random_name(account: Account) -> None:
    made, inputs = bucket(account)
    (left,) = account.left_by("aws:s3/bucket:Bucket", {**inputs, "tags": TAGS})
    assert left.id == made


def test_a_record_with_other_addresses_is_not_ours(account: Account) -> None:
    _, inputs = record(account)
    others = {**inputs, "records": ["192.0.2.1", "192.0.2.2"]}
    assert account.left_by("aws:route53/record:Record", others) == []


def test_a_vpc_with_a_subnet_is_in_use(account: Account) -> None:
    made, inputs = vpc(account)
    account.ec2.create_subnet(VpcId=made, CidrBlock="10.9.3.0/24")
    assert account.left_by("aws:ec2/vpc:Vpc", inputs) == []


def test_a_gateway_of_another_vpc_is_in_use(account: Account) -> None:
    made, inputs = gateway(account)
    other = account.ec2.create_vpc(CidrBlock="10.8.0.0/16")["Vpc"]["VpcId"]
    account.ec2.attach_internet_gateway(InternetGatewayId=made, VpcId=other)
    assert account.left_by("aws:ec2/internetGateway:InternetGateway", inputs) == []


def test_a_terminated_instance_is_not_a_leftover(account: Account) -> None:
    made, inputs = instance(account)
    account.ec2.terminate_instances(InstanceIds=[made])
    assert account.left_by("aws:ec2/instance:Instance", inputs) == []


REMOVED: dict[str, Inputs] = {
    "aws:ec2/instance:Instance": {
        "primaryNetworkInterface": {"networkInterfaceId": "eni-0123456789abcdef0"}
    },
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {
        "routeTableId": "rtb-0123456789abcdef0",
        "subnetId": "subnet-0123456789abcdef0",
    },
    "aws:ec2/route:Route": {
        "routeTableId": "rtb-0123456789abcdef0",
        "destinationCidrBlock": "0.0.0.0/0",
    },
    "aws:ec2/networkInterface:NetworkInterface": {"subnetId": "subnet-0123456789abcdef0"},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {
        "securityGroupId": "sg-0123456789abcdef0"
    },
    "aws:ec2/securityGroup:SecurityGroup": {"vpcId": "vpc-0123456789abcdef0", "name": "blue"},
    "aws:iam/rolePolicy:RolePolicy": {"role": "removed", "name": "blue-5"},
    "aws:iam/instanceProfile:InstanceProfile": {"name": "removed", "role": "removed"},
}


@pytest.mark.parametrize("kind", REMOVED)
def test_a_creation_is_recovered_where_what_it_was_to_use_was_removed_by_hand(
    account: Account, kind: str
) -> None:
    assert account.left_by(kind, REMOVED[kind]) == []


def test_a_parameter_is_found_after_an_empty_page() -> None:
    pages = [{"Parameters": [], "NextToken": "1"}, {"Parameters": [{"Name": NAME}]}]
    ssm = SimpleNamespace(
        describe_parameters=lambda **_: pages[0],
        delete_parameter=lambda **_: None,
        get_paginator=lambda _: SimpleNamespace(paginate=lambda **_: pages),
        list_tags_for_resource=lambda **_: {"TagList": PAIRS},
    )
    inputs = {"name": NAME, "tags": TAGS}
    creation = Creation("aws:ssm/parameter:Parameter", inputs)
    (left,) = find(Interrupted([creation], frozenset(), "urn"), lambda _: ssm)
    assert left.id == NAME


def test_a_resource_is_removed_before_those_that_it_uses(account: Account) -> None:
    kinds = dict(MADE)
    wanted = ["aws:ec2/networkInterface:NetworkInterface", "aws:ec2/instance:Instance"]
    creations = [Creation(kind, kinds[kind](account)[1]) for kind in wanted]
    found = find(Interrupted(creations, account.recorded_ids, "urn"), account.client)
    assert [each.what for each in found] == ["instance", "network interface"]


def test_kinds_that_cannot_be_searched_for_are_named() -> None:
    kinds = [
        "k3s:index:Node",
        "aws:rds/instance:Instance",
        "aws:ec2/vpc:Vpc",
        "aws:rds/instance:Instance",
    ]
    found = Interrupted([Creation(kind, {}) for kind in kinds], frozenset(), "urn")
    assert unknown_kinds(found) == ["aws:rds/instance:Instance"]


def test_a_creation_that_can_be_repeated_is_not_searched_for(account: Account) -> None:
    creations = [Creation(kind, {"bucket": "demo"}) for kind in sorted(REPEATABLE)]
    assert unknown_kinds(Interrupted(creations, frozenset(), "urn")) == []
    assert find(Interrupted(creations, frozenset(), "urn"), account.client) == []

"""What an account of the local cloud has, with the tags of each resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.localcloud.stacks import Stack

Tags = Mapping[str, str]
# Operation of EC2, the key of what it lists, and the key of an id in it.
_EC2 = (
    ("describe_volumes", "Volumes", "VolumeId"),
    ("describe_network_interfaces", "NetworkInterfaces", "NetworkInterfaceId"),
    ("describe_security_groups", "SecurityGroups", "GroupId"),
    ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId"),
    ("describe_vpcs", "Vpcs", "VpcId"),
    ("describe_subnets", "Subnets", "SubnetId"),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId"),
    ("describe_route_tables", "RouteTables", "RouteTableId"),
    ("describe_addresses", "Addresses", "AllocationId"),
)


def take(stack: Stack) -> dict[str, Tags]:
    """Every resource that can have tags, by its id or name; instances that have not ended."""
    found = {key: _tags(tags) for key, tags in (*_ec2(stack), *_iam(stack), *_others(stack))}
    return dict(sorted(found.items()))


def _ec2(stack: Stack) -> Iterator[tuple[str, Any]]:
    ec2 = stack.client("ec2")
    for operation, listed, key in _EC2:
        for each in getattr(ec2, operation)()[listed]:
            yield each[key], each.get("Tags") or each.get("TagSet")
    for reservation in ec2.describe_instances()["Reservations"]:
        for each in reservation["Instances"]:
            if each["State"]["Name"] != "terminated":
                yield each["InstanceId"], each.get("Tags")


def _iam(stack: Stack) -> Iterator[tuple[str, Any]]:
    iam = stack.client("iam")
    for each in iam.list_roles()["Roles"]:
        yield f"role {each['RoleName']}", iam.list_role_tags(RoleName=each["RoleName"])["Tags"]
    for each in iam.list_instance_profiles()["InstanceProfiles"]:
        name = each["InstanceProfileName"]
        yield (
            f"profile {name}",
            iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"].get("Tags"),
        )


def _others(stack: Stack) -> Iterator[tuple[str, Any]]:
    ssm, s3, elb = (stack.client(each) for each in ("ssm", "s3", "elbv2"))
    for name in stack.parameters():
        yield (
            name,
            ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=name)["TagList"],
        )
    for each in s3.list_buckets()["Buckets"]:
        yield f"bucket {each['Name']}", s3.get_bucket_tagging(Bucket=each["Name"])["TagSet"]
    for operation, listed, key in (
        ("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"),
        ("describe_target_groups", "TargetGroups", "TargetGroupArn"),
    ):
        for each in getattr(elb, operation)()[listed]:
            described = elb.describe_tags(ResourceArns=[each[key]])["TagDescriptions"]
            yield each[key], described[0]["Tags"]


def _tags(pairs: Any) -> Tags:
    return {each["Key"]: each["Value"] for each in pairs or ()}

"""
What an interrupted creation may have left in AWS, kind by kind.

A leftover is identified by the inputs of the creation: the interface, network or group it belongs
to, which is in the state, or its name. A VPC, an Elastic IP or a gateway that belongs to nothing
yet is identified by its tags, and can be removed only because nothing uses it.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from recovery.interrupted import Interrupted

Client = Callable[[str], Any]
Inputs = Mapping[str, Any]
WAIT_SECONDS = 300


@dataclass(frozen=True)
class Leftover:
    """A resource that exists in AWS and in no state."""

    what: str
    id: str
    remove: Callable[[], Any]

    def __str__(self) -> str:
        return f"{self.what} {self.id}"


def find(interrupted: Interrupted, client: Client) -> list[Leftover]:
    """
    Everything the interrupted creations left, in the order in which it can be removed.

    `client` makes the AWS client of a service. Asks AWS and changes nothing.
    """
    found: dict[str, Leftover] = {}
    # What uses something comes before what it uses.
    for kind, search in KINDS.items():
        for creation in interrupted.creations:
            if creation.kind == kind:
                for leftover in search(client, creation.inputs):
                    if leftover.id not in interrupted.recorded_ids:
                        found.setdefault(leftover.id, leftover)
    return list(found.values())


def unknown_kinds(interrupted: Interrupted) -> list[str]:
    """The AWS types among the interrupted creations that cannot be searched for here."""
    kinds = {each.kind for each in interrupted.creations if each.kind.startswith("aws:")}
    return sorted(kinds - KINDS.keys() - REPEATABLE)


def _instances(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    interface = inputs["primaryNetworkInterface"]["networkInterfaceId"]
    # The interface is in the state, and attached to the one instance that was created with it.
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"]
    for attachment in (each["Attachment"] for each in found if each.get("Attachment")):
        name = attachment["InstanceId"]
        (reservation,) = ec2.describe_instances(InstanceIds=[name])["Reservations"]
        if reservation["Instances"][0]["State"]["Name"] != "terminated":
            yield Leftover("instance", name, partial(_terminate, ec2, name))


def _terminate(ec2: Any, name: str) -> None:
    ec2.terminate_instances(InstanceIds=[name])
    # The interface is free only once the instance is gone.
    delay = 2
    ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[name], WaiterConfig={"Delay": delay, "MaxAttempts": WAIT_SECONDS // delay}
    )


def _addresses(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    # Allocated with its tags first, and associated with the interface in a second call.
    for address in ec2.describe_addresses(Filters=_tag_filters(inputs))["Addresses"]:
        interface = address.get("NetworkInterfaceId")
        if not interface or interface == inputs["networkInterface"]:
            name = address["AllocationId"]
            yield Leftover("Elastic IP", name, partial(_release, ec2, name))


def _release(ec2: Any, name: str) -> None:
    for address in ec2.describe_addresses(AllocationIds=[name])["Addresses"]:
        if "AssociationId" in address:
            ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.release_address(AllocationId=name)


def _interfaces(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    filters = _filters(**{"subnet-id": [inputs["subnetId"]]}) + _tag_filters(inputs)
    for each in _pages(ec2, "describe_network_interfaces", "NetworkInterfaces", filters):
        name = each["NetworkInterfaceId"]
        remove = partial(ec2.delete_network_interface, NetworkInterfaceId=name)
        yield Leftover("network interface", name, remove)


def _rules(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2, group = client("ec2"), inputs["securityGroupId"]
    filters = _filters(**{"group-id": [group]}) + _tag_filters(inputs)
    for rule in _pages(ec2, "describe_security_group_rules", "SecurityGroupRules", filters):
        name = rule["SecurityGroupRuleId"]
        direction = "egress" if rule["IsEgress"] else "ingress"
        revoke = getattr(ec2, f"revoke_security_group_{direction}")
        remove = partial(revoke, GroupId=group, SecurityGroupRuleIds=[name])
        yield Leftover("security group rule", name, remove)


def _groups(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    filters = _filters(**{"vpc-id": [inputs["vpcId"]], "group-name": [inputs["name"]]})
    for group in _pages(ec2, "describe_security_groups", "SecurityGroups", filters):
        name = group["GroupId"]
        yield Leftover("security group", name, partial(ec2.delete_security_group, GroupId=name))


def _associations(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    for table in ec2.describe_route_tables(RouteTableIds=[inputs["routeTableId"]])["RouteTables"]:
        for association in table["Associations"]:
            if association.get("SubnetId") == inputs["subnetId"]:
                name = association["RouteTableAssociationId"]
                remove = partial(ec2.disassociate_route_table, AssociationId=name)
                yield Leftover("route table association", name, remove)


def _routes(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    table, destination = inputs["routeTableId"], inputs["destinationCidrBlock"]
    for each in ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"]:
        if destination in [route.get("DestinationCidrBlock") for route in each["Routes"]]:
            remove = partial(ec2.delete_route, RouteTableId=table, DestinationCidrBlock=destination)
            # The provider's format of the id.
            name = f"r-{table}{zlib.crc32(destination.encode())}"
            yield Leftover("route", name, remove)


def _tables(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    filters = _filters(**{"vpc-id": [inputs["vpcId"]]}) + _tag_filters(inputs)
    for table in _pages(ec2, "describe_route_tables", "RouteTables", filters):
        name = table["RouteTableId"]
        yield Leftover("route table", name, partial(ec2.delete_route_table, RouteTableId=name))


def _gateways(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    filters = _tag_filters(inputs)
    for gateway in _pages(ec2, "describe_internet_gateways", "InternetGateways", filters):
        # Created with its tags first, and attached in a second call.
        vpcs = [attachment["VpcId"] for attachment in gateway["Attachments"]]
        if not vpcs or vpcs == [inputs["vpcId"]]:
            name = gateway["InternetGatewayId"]
            yield Leftover("internet gateway", name, partial(_delete_gateway, ec2, name, vpcs))


def _delete_gateway(ec2: Any, name: str, vpcs: Sequence[str]) -> None:
    for vpc in vpcs:
        ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=name)


def _subnets(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    cidr = {"vpc-id": [inputs["vpcId"]], "cidr-block": [inputs["cidrBlock"]]}
    for subnet in _pages(ec2, "describe_subnets", "Subnets", _filters(**cidr)):
        name = subnet["SubnetId"]
        yield Leftover("subnet", name, partial(ec2.delete_subnet, SubnetId=name))


def _vpcs(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    for vpc in _pages(ec2, "describe_vpcs", "Vpcs", _tag_filters(inputs)):
        name = vpc["VpcId"]
        # A VPC with a subnet is in use: subnets are created after the VPC is in the state.
        subnets = ec2.describe_subnets(Filters=_filters(**{"vpc-id": [name]}))["Subnets"]
        if not subnets:
            yield Leftover("VPC", name, partial(ec2.delete_vpc, VpcId=name))


def _parameters(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ssm, name = client("ssm"), inputs["name"]
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    for each in ssm.describe_parameters(ParameterFilters=filters)["Parameters"]:
        yield Leftover(
            "SSM parameter", each["Name"], partial(ssm.delete_parameter, Name=each["Name"])
        )


def _profiles(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, name = client("iam"), inputs["name"]
    try:
        profile = iam.get_instance_profile(InstanceProfileName=name)["InstanceProfile"]
    except iam.exceptions.NoSuchEntityException:
        return
    roles = [role["RoleName"] for role in profile["Roles"]]
    yield Leftover("instance profile", name, partial(_delete_profile, iam, name, roles))


def _delete_profile(iam: Any, name: str, roles: Sequence[str]) -> None:
    for role in roles:
        iam.remove_role_from_instance_profile(InstanceProfileName=name, RoleName=role)
    iam.delete_instance_profile(InstanceProfileName=name)


def _policies(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, role, name = client("iam"), inputs["role"], inputs["name"]
    if name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        remove = partial(iam.delete_role_policy, RoleName=role, PolicyName=name)
        # The provider's format of the id.
        yield Leftover("role policy", f"{role}:{name}", remove)


def _roles(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    iam, name = client("iam"), inputs["name"]
    try:
        iam.get_role(RoleName=name)
    except iam.exceptions.NoSuchEntityException:
        return
    yield Leftover("role", name, partial(iam.delete_role, RoleName=name))


def _buckets(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    s3, name = client("s3"), inputs["bucket"]
    if name in [each["Name"] for each in s3.list_buckets()["Buckets"]]:
        # Nothing is in it yet: its objects come after it is in the state.
        yield Leftover("bucket", name, partial(s3.delete_bucket, Bucket=name))


def _pages(
    ec2: Any, operation: str, key: str, filters: list[dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    for page in ec2.get_paginator(operation).paginate(Filters=filters):
        yield from page[key]


def _filters(**wanted: list[str]) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": values} for name, values in wanted.items()]


def _tag_filters(inputs: Inputs) -> list[dict[str, Any]]:
    return _filters(**{f"tag:{name}": [value] for name, value in inputs["tags"].items()})


KINDS: Mapping[str, Callable[[Client, Inputs], Iterator[Leftover]]] = {
    "aws:ec2/instance:Instance": _instances,
    "aws:ec2/eip:Eip": _addresses,
    "aws:ec2/networkInterface:NetworkInterface": _interfaces,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rules,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rules,
    "aws:ec2/securityGroup:SecurityGroup": _groups,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": _associations,
    "aws:ec2/route:Route": _routes,
    "aws:ec2/routeTable:RouteTable": _tables,
    "aws:ec2/internetGateway:InternetGateway": _gateways,
    "aws:ec2/subnet:Subnet": _subnets,
    "aws:ec2/vpc:Vpc": _vpcs,
    "aws:iam/instanceProfile:InstanceProfile": _profiles,
    "aws:iam/rolePolicy:RolePolicy": _policies,
    "aws:iam/role:Role": _roles,
    "aws:ssm/parameter:Parameter": _parameters,
    "aws:s3/bucket:Bucket": _buckets,
}
REPEATABLE = {
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketObjectv2:BucketObjectv2",
}
"""Types whose creation the next update repeats with the same effect."""

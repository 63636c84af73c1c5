"""
What an interrupted creation may have left in EC2, kind by kind.

By filters, never by ids: EC2 refuses to describe an id that it does not have, and an operator may
have removed what the creation was to use.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from recovery.leftover import Client, Inputs, Leftover, filters, pages, tag_filters

WAIT_SECONDS = 300


def instances(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    interface = inputs["primaryNetworkInterface"]["networkInterfaceId"]
    # The interface is in the state, and attached to the one instance that was created with it.
    wanted = filters(**{"network-interface-id": [interface]})
    for found in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", wanted):
        if name := found.get("Attachment", {}).get("InstanceId"):
            attached = filters(**{"instance-id": [name]})
            for each in pages(ec2, "describe_instances", "Reservations", attached):
                if each["Instances"][0]["State"]["Name"] != "terminated":
                    yield Leftover("instance", name, partial(_terminate, ec2, name))


def _terminate(ec2: Any, name: str) -> None:
    ec2.terminate_instances(InstanceIds=[name])
    # The interface is free only once the instance is gone.
    delay = 2
    ec2.get_waiter("instance_terminated").wait(
        InstanceIds=[name], WaiterConfig={"Delay": delay, "MaxAttempts": WAIT_SECONDS // delay}
    )


def volumes(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    # Attached only once it is in the state.
    wanted = filters(**{"availability-zone": [inputs["availabilityZone"]], "status": ["available"]})
    for volume in pages(ec2, "describe_volumes", "Volumes", wanted + tag_filters(inputs)):
        name = volume["VolumeId"]
        yield Leftover("volume", name, partial(ec2.delete_volume, VolumeId=name))


def addresses(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    # Allocated with its tags first, and associated with the interface in a second call.
    for address in ec2.describe_addresses(Filters=tag_filters(inputs))["Addresses"]:
        interface = address.get("NetworkInterfaceId")
        if not interface or interface == inputs["networkInterface"]:
            name = address["AllocationId"]
            yield Leftover("Elastic IP", name, partial(release, ec2, name))


def release(ec2: Any, name: str) -> None:
    for address in ec2.describe_addresses(AllocationIds=[name])["Addresses"]:
        if "AssociationId" in address:
            ec2.disassociate_address(AssociationId=address["AssociationId"])
    ec2.release_address(AllocationId=name)


def interfaces(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = filters(**{"subnet-id": [inputs["subnetId"]]}) + tag_filters(inputs)
    for each in pages(ec2, "describe_network_interfaces", "NetworkInterfaces", wanted):
        name = each["NetworkInterfaceId"]
        remove = partial(ec2.delete_network_interface, NetworkInterfaceId=name)
        yield Leftover("network interface", name, remove)


def rules(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2, group = client("ec2"), inputs["securityGroupId"]
    wanted = filters(**{"group-id": [group]}) + tag_filters(inputs)
    for rule in pages(ec2, "describe_security_group_rules", "SecurityGroupRules", wanted):
        name = rule["SecurityGroupRuleId"]
        direction = "egress" if rule["IsEgress"] else "ingress"
        revoke = getattr(ec2, f"revoke_security_group_{direction}")
        remove = partial(revoke, GroupId=group, SecurityGroupRuleIds=[name])
        yield Leftover("security group rule", name, remove)


def groups(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = filters(**{"vpc-id": [inputs["vpcId"]], "group-name": [inputs["name"]]})
    wanted += tag_filters(inputs)
    for group in pages(ec2, "describe_security_groups", "SecurityGroups", wanted):
        name = group["GroupId"]
        yield Leftover("security group", name, partial(ec2.delete_security_group, GroupId=name))


def associations(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = filters(**{"route-table-id": [inputs["routeTableId"]]})
    for table in pages(ec2, "describe_route_tables", "RouteTables", wanted):
        for association in table["Associations"]:
            if association.get("SubnetId") == inputs["subnetId"]:
                name = association["RouteTableAssociationId"]
                remove = partial(ec2.disassociate_route_table, AssociationId=name)
                yield Leftover("route table association", name, remove)


def routes(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    table, destination = inputs["routeTableId"], inputs["destinationCidrBlock"]
    wanted = filters(**{"route-table-id": [table]})
    for each in pages(ec2, "describe_route_tables", "RouteTables", wanted):
        if destination in [route.get("DestinationCidrBlock") for route in each["Routes"]]:
            remove = partial(ec2.delete_route, RouteTableId=table, DestinationCidrBlock=destination)
            # The provider's format of the id.
            name = f"r-{table}{zlib.crc32(destination.encode())}"
            yield Leftover("route", name, remove)


def tables(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = filters(**{"vpc-id": [inputs["vpcId"]]}) + tag_filters(inputs)
    for table in pages(ec2, "describe_route_tables", "RouteTables", wanted):
        name = table["RouteTableId"]
        yield Leftover("route table", name, partial(ec2.delete_route_table, RouteTableId=name))


def gateways(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = tag_filters(inputs)
    for gateway in pages(ec2, "describe_internet_gateways", "InternetGateways", wanted):
        # Created with its tags first, and attached in a second call.
        vpcs = [attachment["VpcId"] for attachment in gateway["Attachments"]]
        if not vpcs or vpcs == [inputs["vpcId"]]:
            name = gateway["InternetGatewayId"]
            yield Leftover("internet gateway", name, partial(delete_gateway, ec2, name, vpcs))


def delete_gateway(ec2: Any, name: str, vpcs: Sequence[str]) -> None:
    for vpc in vpcs:
        ec2.detach_internet_gateway(InternetGatewayId=name, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=name)


def subnets(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    wanted = filters(**{"vpc-id": [inputs["vpcId"]], "cidr-block": [inputs["cidrBlock"]]})
    wanted += tag_filters(inputs)
    for subnet in pages(ec2, "describe_subnets", "Subnets", wanted):
        name = subnet["SubnetId"]
        yield Leftover("subnet", name, partial(ec2.delete_subnet, SubnetId=name))


def vpcs(client: Client, inputs: Inputs) -> Iterator[Leftover]:
    ec2 = client("ec2")
    for vpc in pages(ec2, "describe_vpcs", "Vpcs", tag_filters(inputs)):
        name = vpc["VpcId"]
        # A VPC with a subnet is in use: subnets are created after the VPC is in the state.
        subnets = ec2.describe_subnets(Filters=filters(**{"vpc-id": [name]}))["Subnets"]
        if not subnets:
            yield Leftover("VPC", name, partial(ec2.delete_vpc, VpcId=name))

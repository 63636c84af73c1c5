"""The expired resources in EC2: machines, volumes, addresses and the network, by their tags."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from recovery import ec2_searches
from recovery.expired import EXPIRES, Expired, Scope, done, text_of
from recovery.leftover import Client, filters, pages


def instances(client: Client, scope: Scope) -> Iterator[Expired]:
    """A one-time spot request ends with its instance."""
    ec2 = client("ec2")
    for reservation in pages(ec2, "describe_instances", "Reservations", _tagged()):
        for each in reservation["Instances"]:
            name, state = each["InstanceId"], each["State"]["Name"]
            owner = scope.owner(name, each.get("Tags"), reservation.get("OwnerId"))
            if owner and state != "terminated":
                yield Expired(
                    what=f"instance ({state})",
                    id=name,
                    owner=owner,
                    remove=_termination(ec2, name),
                    since=text_of(each.get("LaunchTime")),
                )


def _termination(ec2: Any, name: str) -> Callable[[], bool]:
    def remove() -> bool:
        # It may be called while the instance is shutting down.
        ec2.terminate_instances(InstanceIds=[name])
        found = ec2.describe_instances(InstanceIds=[name])["Reservations"]
        states = [each["State"]["Name"] for one in found for each in one["Instances"]]
        return states in ([], ["terminated"])

    return remove


def volumes(client: Client, scope: Scope) -> Iterator[Expired]:
    """A root volume goes with its instance, and may do so in between."""
    ec2 = client("ec2")
    yield from _find(
        ec2,
        scope,
        _Kind("volume", "describe_volumes", "Volumes", "VolumeId"),
        lambda name, _: done(ec2.delete_volume, VolumeId=name),
    )


def addresses(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    for each in ec2.describe_addresses(Filters=_tagged())["Addresses"]:
        name = each["AllocationId"]
        if owner := scope.owner(name, each.get("Tags")):
            remove = done(ec2_searches.release, ec2=ec2, name=name)
            yield Expired(what="Elastic IP", id=name, owner=owner, remove=remove)


def interfaces(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind(
        "network interface",
        "describe_network_interfaces",
        "NetworkInterfaces",
        "NetworkInterfaceId",
    )
    yield from _find(
        ec2,
        scope,
        kind,
        lambda name, _: done(ec2.delete_network_interface, NetworkInterfaceId=name),
    )


def groups(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind("security group", "describe_security_groups", "SecurityGroups", "GroupId")

    def removal(name: str, _: Mapping[str, Any]) -> Callable[[], bool]:
        def remove() -> bool:
            # Groups name each other in their rules.
            for rule in ec2_searches.rules(client, {"securityGroupId": name}):
                rule.remove()
            ec2.delete_security_group(GroupId=name)
            return True

        return remove

    yield from _find(ec2, scope, kind, removal)


def tables(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind("route table", "describe_route_tables", "RouteTables", "RouteTableId")

    def removal(name: str, _: Mapping[str, Any]) -> Callable[[], bool]:
        def remove() -> bool:
            # Asked again: one of them may be gone already.
            (found,) = ec2.describe_route_tables(RouteTableIds=[name])["RouteTables"]
            for each in found["Associations"]:
                if not each.get("Main"):
                    ec2.disassociate_route_table(AssociationId=each["RouteTableAssociationId"])
            ec2.delete_route_table(RouteTableId=name)
            return True

        return remove

    yield from _find(ec2, scope, kind, removal)


def gateways(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind(
        "internet gateway", "describe_internet_gateways", "InternetGateways", "InternetGatewayId"
    )

    def removal(name: str, _: Mapping[str, Any]) -> Callable[[], bool]:
        def remove() -> bool:
            # Asked again: it may have been detached, and not deleted.
            for each in ec2.describe_internet_gateways(InternetGatewayIds=[name])[
                "InternetGateways"
            ]:
                vpcs = [one["VpcId"] for one in each["Attachments"]]
                ec2_searches.delete_gateway(ec2, name, vpcs)
            return True

        return remove

    yield from _find(ec2, scope, kind, removal)


def subnets(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind("subnet", "describe_subnets", "Subnets", "SubnetId")
    yield from _find(ec2, scope, kind, lambda name, _: done(ec2.delete_subnet, SubnetId=name))


def vpcs(client: Client, scope: Scope) -> Iterator[Expired]:
    ec2 = client("ec2")
    kind = _Kind("VPC", "describe_vpcs", "Vpcs", "VpcId")
    yield from _find(ec2, scope, kind, lambda name, _: done(ec2.delete_vpc, VpcId=name))


@dataclass(frozen=True)
class _Kind:
    """What a kind is called, the operation that lists it, and the names in what that returns."""

    what: str
    operation: str
    listed: str
    id: str


def _find(
    ec2: Any,
    scope: Scope,
    kind: _Kind,
    removal: Callable[[str, Mapping[str, Any]], Callable[[], bool]],
) -> Iterator[Expired]:
    for each in pages(ec2, kind.operation, kind.listed, _tagged()):
        name, tags = each[kind.id], each.get("Tags") or each.get("TagSet")
        if owner := scope.owner(name, tags, each.get("OwnerId")):
            yield Expired(
                what=kind.what,
                id=name,
                owner=owner,
                remove=removal(name, each),
                since=text_of(each.get("CreateTime")),
            )


def _tagged() -> list[dict[str, Any]]:
    return filters(**{"tag-key": [EXPIRES]})

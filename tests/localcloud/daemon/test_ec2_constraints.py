"""The local cloud refuses what EC2 refuses, in EC2's words, so an order that is wrong shows."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.localcloud.daemon.local_cloud import World


def refused(world: World, call: str, **arguments: Any) -> str:
    """The code with which the call is refused."""
    with pytest.raises(ClientError) as raised:
        getattr(world.ec2, call)(**arguments)
    return str(raised.value.response["Error"]["Code"])


def test_a_security_group_in_use_stays(world: World) -> None:
    vpc, subnet = world.network()
    group = world.group(vpc, "used")
    interface = world.interface(subnet, group)["NetworkInterfaceId"]
    assert refused(world, "delete_security_group", GroupId=group) == "DependencyViolation"
    world.ec2.delete_network_interface(NetworkInterfaceId=interface)
    world.ec2.delete_security_group(GroupId=group)


def test_a_security_group_that_another_names_stays(world: World) -> None:
    vpc, _ = world.network()
    named, naming = world.group(vpc, "named"), world.group(vpc, "naming")
    world.admit(naming, 22, UserIdGroupPairs=[{"GroupId": named}])
    assert refused(world, "delete_security_group", GroupId=named) == "DependencyViolation"
    world.ec2.delete_security_group(GroupId=naming)
    world.ec2.delete_security_group(GroupId=named)


def test_a_subnet_with_an_interface_stays(world: World) -> None:
    _, subnet = world.network()
    interface = world.interface(subnet)["NetworkInterfaceId"]
    assert refused(world, "delete_subnet", SubnetId=subnet) == "DependencyViolation"
    world.ec2.delete_network_interface(NetworkInterfaceId=interface)
    world.ec2.delete_subnet(SubnetId=subnet)


def test_a_vpc_with_a_group_of_its_own_stays(world: World) -> None:
    vpc, subnet = world.network()
    world.ec2.delete_subnet(SubnetId=subnet)
    group = world.group(vpc, "left")
    assert refused(world, "delete_vpc", VpcId=vpc) == "DependencyViolation"
    world.ec2.delete_security_group(GroupId=group)
    world.ec2.delete_vpc(VpcId=vpc)


def test_a_vpc_with_a_gateway_stays(world: World) -> None:
    vpc, subnet = world.network()
    world.ec2.delete_subnet(SubnetId=subnet)
    gateway = world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    world.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert refused(world, "delete_vpc", VpcId=vpc) == "DependencyViolation"
    world.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    world.ec2.delete_vpc(VpcId=vpc)


def test_a_gateway_stays_while_public_addresses_lead_through_it(world: World) -> None:
    vpc, subnet = world.network()
    gateway = world.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    world.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = world.ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = world.ec2.associate_address(
        AllocationId=address, NetworkInterfaceId=world.interface(subnet)["NetworkInterfaceId"]
    )["AssociationId"]
    way = {"InternetGatewayId": gateway, "VpcId": vpc}
    assert refused(world, "detach_internet_gateway", **way) == "DependencyViolation"
    assert refused(world, "release_address", AllocationId=address) == "InvalidIPAddress.InUse"
    world.ec2.disassociate_address(AssociationId=association)
    world.ec2.detach_internet_gateway(**way)
    world.ec2.release_address(AllocationId=address)


def test_an_interface_in_use_stays_and_takes_no_second_instance(world: World) -> None:
    _, subnet = world.network()
    interface = world.interface(subnet)["NetworkInterfaceId"]
    world.becomes(world.run(interface), "running")
    assert (
        refused(world, "delete_network_interface", NetworkInterfaceId=interface)
        == "InvalidParameterValue"
    )
    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        world.run(interface)


def test_an_instance_starts_only_when_it_has_stopped(world: World) -> None:
    instance_id = world.running_instance()
    world.machines.failing["stop"] = "Docker does not answer"
    world.ec2.stop_instances(InstanceIds=[instance_id])
    assert world.state(instance_id) == "stopping"
    assert refused(world, "start_instances", InstanceIds=[instance_id]) == "IncorrectInstanceState"
    del world.machines.failing["stop"]
    world.becomes(instance_id, "stopped")
    world.ec2.start_instances(InstanceIds=[instance_id])


def test_a_terminated_instance_does_not_come_back(world: World) -> None:
    instance_id = world.running_instance()
    world.ec2.terminate_instances(InstanceIds=[instance_id])
    world.becomes(instance_id, "terminated")
    for call in ("start_instances", "stop_instances", "reboot_instances"):
        assert refused(world, call, InstanceIds=[instance_id]) == "IncorrectInstanceState", call


def test_a_volume_grows_and_does_not_shrink(world: World) -> None:
    volume = world.ec2.create_volume(Size=20, AvailabilityZone="us-east-1a")["VolumeId"]
    world.ec2.modify_volume(VolumeId=volume, Size=30)
    assert refused(world, "modify_volume", VolumeId=volume, Size=29) == "InvalidParameterValue"


def test_an_instance_type_takes_no_image_of_another_architecture(world: World) -> None:
    arguments = {"ImageId": world.image(), "MinCount": 1, "MaxCount": 1}
    code = refused(world, "run_instances", InstanceType="t4g.small", **arguments)
    assert code == "InvalidParameterValue"

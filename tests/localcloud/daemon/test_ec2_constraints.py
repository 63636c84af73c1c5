"""The local cloud refuses what EC2 refuses, in EC2's words, so an order that is wrong shows."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api import ec2_constraints
from tests.localcloud.daemon.local_cloud import LocalCloud


def refused(cloud: LocalCloud, call: str, **arguments: Any) -> str:
    """The code with which the call is refused."""
    with pytest.raises(ClientError) as raised:
        getattr(cloud.ec2, call)(**arguments)
    return str(raised.value.response["Error"]["Code"])


def test_a_security_group_in_use_stays(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    group = cloud.group(vpc, "used")
    interface = cloud.interface(subnet, group)["NetworkInterfaceId"]
    assert refused(cloud, "delete_security_group", GroupId=group) == "DependencyViolation"
    cloud.ec2.delete_network_interface(NetworkInterfaceId=interface)
    cloud.ec2.delete_security_group(GroupId=group)


def test_a_security_group_that_another_names_stays(cloud: LocalCloud) -> None:
    vpc, _ = cloud.network()
    named, naming = cloud.group(vpc, "named"), cloud.group(vpc, "naming")
    cloud.admit(naming, 22, UserIdGroupPairs=[{"GroupId": named}])
    assert refused(cloud, "delete_security_group", GroupId=named) == "DependencyViolation"
    cloud.ec2.delete_security_group(GroupId=naming)
    cloud.ec2.delete_security_group(GroupId=named)


def test_a_subnet_with_an_interface_stays(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)["NetworkInterfaceId"]
    assert refused(cloud, "delete_subnet", SubnetId=subnet) == "DependencyViolation"
    cloud.ec2.delete_network_interface(NetworkInterfaceId=interface)
    cloud.ec2.delete_subnet(SubnetId=subnet)


def test_a_vpc_with_a_group_of_its_own_stays(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    cloud.ec2.delete_subnet(SubnetId=subnet)
    group = cloud.group(vpc, "left")
    assert refused(cloud, "delete_vpc", VpcId=vpc) == "DependencyViolation"
    cloud.ec2.delete_security_group(GroupId=group)
    cloud.ec2.delete_vpc(VpcId=vpc)


def test_a_vpc_with_a_gateway_stays(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    cloud.ec2.delete_subnet(SubnetId=subnet)
    gateway = cloud.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    cloud.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    assert refused(cloud, "delete_vpc", VpcId=vpc) == "DependencyViolation"
    cloud.ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    cloud.ec2.delete_vpc(VpcId=vpc)


def test_a_gateway_stays_while_public_addresses_lead_through_it(cloud: LocalCloud) -> None:
    vpc, subnet = cloud.network()
    gateway = cloud.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    cloud.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = cloud.ec2.allocate_address(Domain="vpc")["AllocationId"]
    association = cloud.ec2.associate_address(
        AllocationId=address, NetworkInterfaceId=cloud.interface(subnet)["NetworkInterfaceId"]
    )["AssociationId"]
    way = {"InternetGatewayId": gateway, "VpcId": vpc}
    assert refused(cloud, "detach_internet_gateway", **way) == "DependencyViolation"
    assert refused(cloud, "release_address", AllocationId=address) == "InvalidIPAddress.InUse"
    cloud.ec2.disassociate_address(AssociationId=association)
    cloud.ec2.detach_internet_gateway(**way)
    cloud.ec2.release_address(AllocationId=address)


def test_an_interface_in_use_stays_and_takes_no_second_instance(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)["NetworkInterfaceId"]
    cloud.becomes(cloud.run(interface), "running")
    assert (
        refused(cloud, "delete_network_interface", NetworkInterfaceId=interface)
        == "InvalidParameterValue"
    )
    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        cloud.run(interface)


def test_an_interface_stays_in_use_for_a_moment_after_its_instance(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)["NetworkInterfaceId"]
    instance_id = cloud.run(interface)
    cloud.becomes(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    with pytest.raises(ClientError, match=r"InvalidNetworkInterface\.InUse"):
        cloud.run(interface)

    def status() -> str:
        found = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        return str(found["NetworkInterfaces"][0]["Status"])

    cloud.until(lambda: status() == "available")
    cloud.run(interface)


def test_a_security_group_has_no_more_rules_than_the_quota(cloud: LocalCloud) -> None:
    quota = cloud.client("service-quotas").get_service_quota(
        ServiceCode="vpc", QuotaCode="L-0EA8095F"
    )["Quota"]
    assert quota["Value"] == 60
    vpc, _ = cloud.network()
    group = cloud.group(vpc, "full")
    for number in range(60):
        cloud.admit(group, 22, IpRanges=[{"CidrIp": f"10.0.0.{number}/32"}])
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    more = {**rule, "IpRanges": [{"CidrIp": "10.0.1.0/32"}]}
    code = refused(cloud, "authorize_security_group_ingress", GroupId=group, IpPermissions=[more])
    assert code == "RulesPerSecurityGroupLimitExceeded"


def test_an_account_has_no_more_addresses_than_the_quota(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ec2_constraints, "ADDRESSES", 1)
    cloud.ec2.allocate_address(Domain="vpc")
    assert refused(cloud, "allocate_address", Domain="vpc") == "AddressLimitExceeded"


def test_an_instance_starts_only_when_it_has_stopped(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.failing["stop"] = "Docker does not respond"
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    assert cloud.state(instance_id) == "stopping"
    assert refused(cloud, "start_instances", InstanceIds=[instance_id]) == "IncorrectInstanceState"
    del cloud.machines.failing["stop"]
    cloud.becomes(instance_id, "stopped")
    cloud.ec2.start_instances(InstanceIds=[instance_id])


def test_a_terminated_instance_does_not_come_back(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    for call in ("start_instances", "stop_instances", "reboot_instances"):
        assert refused(cloud, call, InstanceIds=[instance_id]) == "IncorrectInstanceState", call


def test_a_volume_grows_and_does_not_shrink(cloud: LocalCloud) -> None:
    volume = cloud.ec2.create_volume(Size=20, AvailabilityZone="us-east-1a")["VolumeId"]
    cloud.ec2.modify_volume(VolumeId=volume, Size=30)
    assert refused(cloud, "modify_volume", VolumeId=volume, Size=29) == "InvalidParameterValue"


def test_an_instance_type_takes_no_image_of_another_architecture(cloud: LocalCloud) -> None:
    arguments = {"ImageId": cloud.image(), "MinCount": 1, "MaxCount": 1}
    code = refused(cloud, "run_instances", InstanceType="t4g.small", **arguments)
    assert code == "InvalidParameterValue"

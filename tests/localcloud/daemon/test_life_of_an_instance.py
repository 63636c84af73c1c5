"""An instance is what its machine is: the API says no more than what happened."""

from __future__ import annotations

import ipaddress
import json
import threading
import time
import urllib.request

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api.server import STATUS_PATH
from tests.localcloud.daemon.local_cloud import LocalCloud


def test_an_instance_is_pending_until_its_machine_runs(cloud: LocalCloud) -> None:
    cloud.machines.opened.clear()
    _, subnet = cloud.network()
    instance_id = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    cloud.until(lambda: cloud.machines.calls_for(instance_id) == ["create"])
    assert cloud.state(instance_id) == "pending"
    cloud.machines.opened.set()
    cloud.becomes(instance_id, "running")


def test_a_machine_gets_the_address_of_its_interface(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)
    instance_id = cloud.run(interface["NetworkInterfaceId"])
    cloud.becomes(instance_id, "running")
    spec = cloud.machines.specs[instance_id]
    assert (
        interface["PrivateIpAddress"],
        interface["MacAddress"],
        subnet,
        "10.79.0.0/20",
        "169.254.170.2",
    ) == (
        spec.private_ip,
        spec.mac,
        spec.network,
        spec.subnet_cidr,
        spec.names["ssm.us-east-1.amazonaws.com"],
    )


def test_the_filter_is_there_before_the_machine_may_boot(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    assert cloud.machines.calls_for(instance_id) == ["create", "start", "admit"]


def test_an_interface_never_gets_an_address_that_aws_keeps(cloud: LocalCloud) -> None:
    vpc = cloud.ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"]
    subnet = cloud.ec2.create_subnet(VpcId=vpc, CidrBlock="10.79.0.0/28")["Subnet"]["SubnetId"]
    made = {cloud.interface(subnet)["PrivateIpAddress"] for _ in range(11)}
    # https://docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html
    assert {f"10.79.0.{last}" for last in range(4, 15)} == made


def test_a_stopped_instance_keeps_its_machine(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "stopped")
    assert ({instance_id}, {}) == (cloud.machines.all(), cloud.machines.running())
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "running")
    assert cloud.machines.calls_for(instance_id) == [
        "create",
        "start",
        "admit",
        "stop",
        "start",
        "admit",
    ]


def test_a_reboot_restarts_the_machine_once(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    cloud.until(lambda: len(cloud.machines.calls_for(instance_id)) == 6)
    assert cloud.machines.calls_for(instance_id)[3:] == ["stop", "start", "admit"]
    assert cloud.state(instance_id) == "running"


def test_a_machine_that_ended_by_itself_is_started_again(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.ends_by_itself(instance_id)
    cloud.until(lambda: cloud.machines.calls_for(instance_id)[3:] == ["start", "admit"])
    assert instance_id in cloud.machines.running()


def test_a_machine_that_switches_itself_off_is_a_stopped_instance(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.powers_off(instance_id)
    cloud.becomes(instance_id, "stopped")
    reason = cloud.instance(instance_id)["StateReason"]["Code"]
    assert reason == "Client.InstanceInitiatedShutdown"
    cloud.machines.off.clear()
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "running")


def test_it_terminates_where_its_attribute_is_set_so(cloud: LocalCloud) -> None:
    at_start = cloud.running_instance(InstanceInitiatedShutdownBehavior="terminate")
    later = cloud.run(cloud.interface(cloud.network("10.80.0.0/16")[1])["NetworkInterfaceId"])
    cloud.becomes(later, "running")
    wanted = {"Value": "terminate"}
    cloud.ec2.modify_instance_attribute(InstanceId=later, InstanceInitiatedShutdownBehavior=wanted)
    for each in (at_start, later):
        found = cloud.ec2.describe_instance_attribute(
            InstanceId=each, Attribute="instanceInitiatedShutdownBehavior"
        )
        assert found["InstanceInitiatedShutdownBehavior"] == wanted
        cloud.machines.powers_off(each)
        cloud.becomes(each, "terminated")
        assert each not in cloud.machines.all()


def test_a_spot_instance_cannot_be_one_that_stops(cloud: LocalCloud) -> None:
    spot = {"MarketType": "spot"}
    with pytest.raises(ClientError, match="not supported for spot"):
        cloud.running_instance(InstanceMarketOptions=spot, InstanceInitiatedShutdownBehavior="stop")
    interface = cloud.interface(cloud.network("10.80.0.0/16")[1])["NetworkInterfaceId"]
    instance_id = cloud.run(interface, InstanceMarketOptions=spot)
    cloud.becomes(instance_id, "running")
    for value in ("stop", "terminate"):
        with pytest.raises(ClientError, match="Modifying 'instanceInitiatedShutdownBehavior' is"):
            cloud.ec2.modify_instance_attribute(
                InstanceId=instance_id, InstanceInitiatedShutdownBehavior={"Value": value}
            )
    cloud.machines.powers_off(instance_id)
    cloud.becomes(instance_id, "terminated")


def test_a_terminated_instance_frees_the_interface_it_was_given(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)["NetworkInterfaceId"]
    instance_id = cloud.run(interface)
    cloud.becomes(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    assert cloud.machines.all() == set()

    def is_free() -> bool:
        found = cloud.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])
        return bool(found["NetworkInterfaces"][0]["Status"] == "available")

    cloud.until(is_free)
    cloud.ec2.delete_network_interface(NetworkInterfaceId=interface)
    cloud.ec2.delete_subnet(SubnetId=subnet)


def test_what_ends_while_a_round_looks_at_the_machines_is_not_done_twice(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance_id = cloud.running_instance()
    machines, seen = cloud.machines, threading.Event()
    remove, look = machines.remove, machines.all

    def slow_remove(instance_id: str) -> None:
        assert seen.wait(60)
        remove(instance_id)

    def slow_look() -> set[str]:
        found = look()
        if not seen.is_set() and cloud.state(instance_id) == "shutting-down":
            # This round comes while the removal is under way; it ends before the round goes on.
            seen.set()
            cloud.until(lambda: look() == set())
            time.sleep(0.1)
        return found

    monkeypatch.setattr(machines, "remove", slow_remove)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    monkeypatch.setattr(machines, "all", slow_look)
    cloud.becomes(instance_id, "terminated")
    assert machines.calls_for(instance_id).count("remove") == 1


def test_an_instance_is_not_terminated_while_its_machine_is_there(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.machines.failing["remove"] = "Docker does not respond"
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.until(lambda: "remove" in cloud.machines.calls_for(instance_id))
    assert cloud.state(instance_id) == "shutting-down"
    del cloud.machines.failing["remove"]
    cloud.becomes(instance_id, "terminated")


def test_the_interface_ec2_makes_goes_with_its_instance(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    made = cloud.ec2.run_instances(
        ImageId=cloud.image(), InstanceType="t3.small", MinCount=1, MaxCount=1, SubnetId=subnet
    )
    instance_id = made["Instances"][0]["InstanceId"]
    cloud.becomes(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    of_subnet = [{"Name": "subnet-id", "Values": [subnet]}]

    def is_gone() -> bool:
        found = cloud.ec2.describe_network_interfaces(Filters=of_subnet)
        return not found["NetworkInterfaces"]

    cloud.until(is_gone)


def test_a_volume_outlives_its_instance_only_on_request(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    disks = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}},
        {"DeviceName": "/dev/sdf", "Ebs": {"VolumeSize": 9, "DeleteOnTermination": False}},
    ]
    interface = cloud.interface(subnet)["NetworkInterfaceId"]
    instance_id = cloud.run(interface, BlockDeviceMappings=disks)
    cloud.becomes(instance_id, "running")
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    assert [each["Size"] for each in cloud.ec2.describe_volumes()["Volumes"]] == [9]


def test_an_instance_whose_machine_cannot_be_made_is_terminated(cloud: LocalCloud) -> None:
    cloud.machines.failing["create"] = "subnet 10.79.0.0/20 overlaps another network\n    a way out"
    _, subnet = cloud.network()
    instance_id = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    cloud.becomes(instance_id, "terminated")
    reason = cloud.instance(instance_id)["StateReason"]
    assert reason == {
        "Code": "Server.InternalError",
        "Message": "Server.InternalError: subnet 10.79.0.0/20 overlaps another network",
    }


def test_status_lists_the_machines_that_could_not_be_created(cloud: LocalCloud) -> None:
    runs = cloud.running_instance()
    cloud.machines.failing["start"] = "no space left on device\n    remove something"
    _, subnet = cloud.network("10.80.0.0/16")
    fails = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    cloud.becomes(fails, "terminated")
    page = cloud.endpoint + STATUS_PATH
    with urllib.request.urlopen(page) as answer:  # noqa: S310 - loopback
        reported = json.load(answer)
    assert [(each["id"], each["state"]) for each in reported["instances"]] == [(runs, "running")]
    assert reported["failures"] == {fails: "no space left on device\n    remove something"}


def test_an_instance_that_cannot_be_started_again_stays_stopped(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "stopped")
    cloud.machines.failing["start"] = "no space left on device"
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "stopped")
    assert cloud.instance(instance_id)["StateReason"]["Message"] == (
        "Server.InternalError: no space left on device"
    )


def test_a_public_address_leads_to_the_machine_while_it_is_associated(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    interface = cloud.interface(subnet)
    address = cloud.ec2.allocate_address(Domain="vpc")
    association = cloud.ec2.associate_address(
        AllocationId=address["AllocationId"], NetworkInterfaceId=interface["NetworkInterfaceId"]
    )["AssociationId"]
    cloud.becomes(cloud.run(interface["NetworkInterfaceId"]), "running")
    leads = {address["PublicIp"]: interface["PrivateIpAddress"]}
    cloud.until(lambda: cloud.machines.published == leads)
    cloud.ec2.disassociate_address(AssociationId=association)
    cloud.until(lambda: cloud.machines.published == {})


def test_an_address_given_at_launch_leads_to_this_host(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    cloud.ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
    made = cloud.ec2.run_instances(
        ImageId=cloud.image(), InstanceType="t3.small", MinCount=1, MaxCount=1, SubnetId=subnet
    )
    instance_id = made["Instances"][0]["InstanceId"]
    cloud.becomes(instance_id, "running")
    instance = cloud.instance(instance_id)
    assert ipaddress.ip_address(instance["PublicIpAddress"]).is_loopback
    leads = {instance["PublicIpAddress"]: instance["PrivateIpAddress"]}
    cloud.until(lambda: cloud.machines.published == leads)


def test_a_machine_outside_the_one_region_is_refused(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError) as refused:
        cloud.client("ec2", region="eu-west-1").run_instances(
            ImageId=cloud.image(), MinCount=1, MaxCount=1
        )
    assert refused.value.response["Error"]["Code"] == "Unsupported"


def test_an_instance_stands_in_the_zone_of_its_interface(cloud: LocalCloud) -> None:
    ec2 = cloud.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/20", AvailabilityZone="us-east-1c")[
        "Subnet"
    ]["SubnetId"]
    instance_id = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    found = ec2.describe_instances(InstanceIds=[instance_id])["Reservations"][0]["Instances"][0]
    assert found["Placement"]["AvailabilityZone"] == "us-east-1c"
    assert cloud.daemon.state.instance(instance_id).zone == "us-east-1c"

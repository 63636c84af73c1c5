"""A volume is where the API says, and the API says no more than what its machine has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from localcloud.aws_api import volume_constraints
from tests.localcloud.daemon.local_cloud import LocalCloud


def volume_for(cloud: LocalCloud, instance_id: str, **more: Any) -> str:
    """A new volume in the zone of the instance."""
    zone = cloud.instance(instance_id)["Placement"]["AvailabilityZone"]
    given = {"AvailabilityZone": zone, "Size": 10, "VolumeType": "gp3", **more}
    return str(cloud.ec2.create_volume(**given)["VolumeId"])


def attach(cloud: LocalCloud, volume: str, instance_id: str, device: str = "/dev/sdf") -> None:
    cloud.ec2.attach_volume(VolumeId=volume, InstanceId=instance_id, Device=device)


def described(cloud: LocalCloud, volume: str) -> dict[str, Any]:
    found: dict[str, Any] = cloud.ec2.describe_volumes(VolumeIds=[volume])["Volumes"][0]
    return found


def attachment(cloud: LocalCloud, volume: str) -> str | None:
    found = described(cloud, volume)["Attachments"]
    return str(found[0]["State"]) if found else None


def becomes(cloud: LocalCloud, volume: str, state: str | None) -> None:
    cloud.until(lambda: attachment(cloud, volume) == state)


def attached_volume(cloud: LocalCloud) -> tuple[str, str]:
    """A volume that an instance has, and the instance."""
    instance_id = cloud.running_instance()
    volume = volume_for(cloud, instance_id)
    attach(cloud, volume, instance_id)
    becomes(cloud, volume, "attached")
    return volume, instance_id


def modification(cloud: LocalCloud, volume: str) -> str:
    """The state of the last one."""
    found = cloud.ec2.describe_volumes_modifications(VolumeIds=[volume])["VolumesModifications"]
    return str(found[-1]["ModificationState"])


def refusal(cloud: LocalCloud, call: str, **arguments: Any) -> tuple[str, str]:
    """The code and the message with which the call is refused."""
    with pytest.raises(ClientError) as raised:
        getattr(cloud.ec2, call)(**arguments)
    error = raised.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def test_a_volume_is_attached_when_the_machine_has_it(cloud: LocalCloud) -> None:
    cloud.machines.volumes.failing["attach"] = "losetup: no free loop device"
    instance_id = cloud.running_instance()
    volume = volume_for(cloud, instance_id)
    attach(cloud, volume, instance_id)
    cloud.until(lambda: ("attach", volume) in cloud.machines.volumes.calls)
    assert attachment(cloud, volume) == "attaching"
    cloud.until(lambda: "no free loop device" in cloud.daemon._reconciler.failures.get(volume, ""))
    cloud.machines.volumes.failing.clear()
    becomes(cloud, volume, "attached")
    assert cloud.machines.volumes.devices == {volume: (instance_id, 10)}
    assert cloud.daemon._reconciler.failures == {}


def test_a_volume_that_is_in_use_in_its_machine_is_busy_until_it_no_longer_is(
    cloud: LocalCloud,
) -> None:
    volume, instance_id = attached_volume(cloud)
    cloud.machines.volumes.busy.add(volume)
    cloud.ec2.detach_volume(VolumeId=volume)
    becomes(cloud, volume, "busy")
    assert described(cloud, volume)["State"] == "in-use"
    expected = ("VolumeInUse", f"Volume {volume} is currently attached to {instance_id}")
    assert refusal(cloud, "delete_volume", VolumeId=volume) == expected
    cloud.machines.volumes.busy.clear()
    becomes(cloud, volume, None)
    assert described(cloud, volume)["State"] == "available"
    assert cloud.machines.volumes.devices == {}
    devices = [each["DeviceName"] for each in cloud.instance(instance_id)["BlockDeviceMappings"]]
    assert "/dev/sdf" not in devices


def test_a_stopped_instance_gives_its_volume_to_another(cloud: LocalCloud) -> None:
    volume, first = attached_volume(cloud)
    cloud.ec2.stop_instances(InstanceIds=[first])
    cloud.becomes(first, "stopped")
    cloud.until(lambda: cloud.machines.volumes.devices == {})
    assert attachment(cloud, volume) == "attached"
    # Nothing is left to be taken from a machine that does not run.
    assert cloud.machines.volumes.calls[-1] == ("release", volume)
    cloud.ec2.detach_volume(VolumeId=volume)
    becomes(cloud, volume, None)
    subnet = cloud.instance(first)["SubnetId"]
    second = cloud.run(cloud.interface(subnet)["NetworkInterfaceId"])
    cloud.becomes(second, "running")
    attach(cloud, volume, second)
    becomes(cloud, volume, "attached")
    assert cloud.machines.volumes.devices == {volume: (second, 10)}


def test_a_volume_attached_to_a_stopped_instance_is_there_before_it_boots(
    cloud: LocalCloud,
) -> None:
    instance_id = cloud.running_instance()
    volume = volume_for(cloud, instance_id)
    cloud.ec2.stop_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "stopped")
    attach(cloud, volume, instance_id)
    becomes(cloud, volume, "attached")
    assert cloud.machines.volumes.devices == {}
    cloud.ec2.start_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "running")
    assert cloud.machines.volumes.devices == {volume: (instance_id, 10)}


@pytest.mark.parametrize("how", ["reboot", "crash"])
def test_a_volume_is_there_again_when_its_machine_is(cloud: LocalCloud, how: str) -> None:
    volume, instance_id = attached_volume(cloud)
    calls = cloud.machines.volumes.calls
    before = calls.count(("attach", volume))
    if how == "reboot":
        cloud.ec2.reboot_instances(InstanceIds=[instance_id])
    else:
        cloud.machines.ends_by_itself(instance_id)
    cloud.until(lambda: calls.count(("attach", volume)) > before)
    becomes(cloud, volume, "attached")
    assert ("detach", volume) not in calls


def test_the_data_outlives_the_instance_and_goes_with_the_volume(cloud: LocalCloud) -> None:
    volume, instance_id = attached_volume(cloud)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    cloud.becomes(instance_id, "terminated")
    becomes(cloud, volume, None)
    assert cloud.machines.volumes.files == {volume}
    cloud.ec2.delete_volume(VolumeId=volume)
    cloud.until(lambda: cloud.machines.volumes.files == set())


def test_a_volume_grows_in_its_machine(cloud: LocalCloud) -> None:
    volume, instance_id = attached_volume(cloud)
    cloud.machines.volumes.failing["attach"] = "losetup: failed"
    cloud.ec2.modify_volume(VolumeId=volume, Size=20)
    assert modification(cloud, volume) == "modifying"
    expected = (
        "IncorrectModificationState",
        f"Volume {volume} cannot be modified in modification state MODIFYING",
    )
    assert refusal(cloud, "modify_volume", VolumeId=volume, Size=30) == expected
    cloud.machines.volumes.failing.clear()
    cloud.until(lambda: modification(cloud, volume) == "completed")
    assert cloud.machines.volumes.devices == {volume: (instance_id, 20)}


def test_a_volume_is_modified_four_times_a_day(
    cloud: LocalCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = cloud.ec2.create_volume(Size=1, AvailabilityZone="us-east-1a")["VolumeId"]
    for size in (2, 3, 4, 5):
        cloud.ec2.modify_volume(VolumeId=volume, Size=size)
        cloud.until(lambda: modification(cloud, volume) == "completed")
    code, message = refusal(cloud, "modify_volume", VolumeId=volume, Size=6)
    assert code == "VolumeModificationRateExceeded"
    assert "The next modification is possible at " in message
    # A day later.
    monkeypatch.setattr(volume_constraints, "MODIFICATION_PERIOD", timedelta(0))
    cloud.ec2.modify_volume(VolumeId=volume, Size=6)


def test_the_gp3_volumes_of_the_account_have_a_limit(cloud: LocalCloud) -> None:
    given = {"AvailabilityZone": "us-east-1a", "VolumeType": "gp3"}
    volume = cloud.ec2.create_volume(Size=51_190, **given)["VolumeId"]
    code = "VolumeLimitExceeded"
    assert refusal(cloud, "create_volume", Size=11, **given)[0] == code
    assert refusal(cloud, "modify_volume", VolumeId=volume, Size=51_201)[0] == code
    image = cloud.ec2.describe_images(Owners=["self", "amazon"])["Images"][0]["ImageId"]
    root = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 11, "VolumeType": "gp3"}}
    machine = {"ImageId": image, "MinCount": 1, "MaxCount": 1, "BlockDeviceMappings": [root]}
    assert refusal(cloud, "run_instances", **machine)[0] == code
    cloud.ec2.create_volume(Size=10, **given)


def test_a_volume_is_attached_once_and_in_its_own_zone(cloud: LocalCloud) -> None:
    volume, instance_id = attached_volume(cloud)
    attaching = {"InstanceId": instance_id, "Device": "/dev/sdg"}
    expected = ("VolumeInUse", f"{volume} is already attached to an instance")
    assert refusal(cloud, "attach_volume", VolumeId=volume, **attaching) == expected
    zones = [
        each["ZoneName"] for each in cloud.ec2.describe_availability_zones()["AvailabilityZones"]
    ]
    here = cloud.instance(instance_id)["Placement"]["AvailabilityZone"]
    other = volume_for(
        cloud, instance_id, AvailabilityZone=next(each for each in zones if each != here)
    )
    assert refusal(cloud, "attach_volume", VolumeId=other, **attaching) == (
        "InvalidVolume.ZoneMismatch",
        f"The volume '{other}' is not in the same availability zone as instance '{instance_id}'",
    )


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("/dev/sdf", "Attachment point /dev/sdf is already in use"),
        ("/dev/nvme1n1", "/dev/nvme1n1 is not a valid EBS device name."),
    ],
)
def test_a_device_name_is_free_and_one_of_ec2s(cloud: LocalCloud, device: str, reason: str) -> None:
    _, instance_id = attached_volume(cloud)
    other = volume_for(cloud, instance_id)
    given = {"VolumeId": other, "InstanceId": instance_id, "Device": device}
    code, message = refusal(cloud, "attach_volume", **given)
    assert code == "InvalidParameterValue"
    assert message.endswith(reason)


def test_nothing_is_attached_to_an_instance_that_has_ended(cloud: LocalCloud) -> None:
    instance_id = cloud.running_instance()
    volume = volume_for(cloud, instance_id)
    cloud.ec2.terminate_instances(InstanceIds=[instance_id])
    given = {"VolumeId": volume, "InstanceId": instance_id, "Device": "/dev/sdf"}
    expected = ("IncorrectState", f"Instance '{instance_id}' is not 'running'.")
    assert refusal(cloud, "attach_volume", **given) == expected


def test_only_what_is_attached_is_detached(cloud: LocalCloud) -> None:
    volume, instance_id = attached_volume(cloud)
    code, _ = refusal(cloud, "detach_volume", VolumeId=volume, InstanceId="i-0badbadbad")
    assert code == "InvalidAttachment.NotFound"
    cloud.ec2.detach_volume(VolumeId=volume, InstanceId=instance_id, Device="/dev/sdf")
    becomes(cloud, volume, None)
    expected = ("IncorrectState", f"Volume '{volume}' is in the 'available' state.")
    assert refusal(cloud, "detach_volume", VolumeId=volume) == expected


def test_the_root_volume_of_an_instance_that_runs_stays(cloud: LocalCloud) -> None:
    _, subnet = cloud.network()
    disks = [{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8, "DeleteOnTermination": True}}]
    instance_id = cloud.run(
        cloud.interface(subnet)["NetworkInterfaceId"], BlockDeviceMappings=disks
    )
    cloud.becomes(instance_id, "running")
    (mapping,) = cloud.instance(instance_id)["BlockDeviceMappings"]
    root = mapping["Ebs"]["VolumeId"]
    code, _ = refusal(cloud, "detach_volume", VolumeId=root)
    assert code == "OperationNotPermitted"
    assert cloud.machines.volumes.calls == []


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"AvailabilityZone": "us-east-1q"}, "InvalidZone.NotFound"),
        ({"SnapshotId": "snap-1"}, "Unsupported"),
        ({"VolumeType": "st1", "Size": 100}, "InvalidParameterValue"),
        ({"VolumeType": "standard", "Size": 2000}, "InvalidParameterValue"),
    ],
)
def test_a_volume_that_ec2_does_not_make_is_refused(
    cloud: LocalCloud, given: dict[str, Any], code: str
) -> None:
    arguments = {"AvailabilityZone": "us-east-1a", "Size": 10, **given}
    assert refusal(cloud, "create_volume", **arguments)[0] == code


def test_a_gp3_volume_has_the_throughput_that_comes_with_it(cloud: LocalCloud) -> None:
    made = cloud.ec2.create_volume(Size=1, VolumeType="gp3", AvailabilityZone="us-east-1a")
    assert (made["Iops"], made["Throughput"]) == (3000, 125)

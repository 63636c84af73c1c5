"""What EC2 refuses of volumes and moto does not."""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from localcloud.aws_api.quotas import GP3_TIB

if TYPE_CHECKING:
    from localcloud.aws_api.ec2_constraints import ApiError, Arguments

# GiB by type: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateVolume.html
SIZES = {
    "gp2": (1, 16_384),
    "gp3": (1, 65_536),
    "io1": (4, 16_384),
    "io2": (4, 65_536),
    "st1": (125, 16_384),
    "sc1": (125, 16_384),
    "standard": (1, 1024),
}
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_ModifyVolume.html
MODIFICATIONS = 4
MODIFICATION_PERIOD = datetime.timedelta(hours=24)
# https://docs.aws.amazon.com/ebs/latest/userguide/device_naming.html
DEVICE = re.compile(r"(/dev/)?(sd[a-z]|hd[a-z]|xvd[a-z]{1,2})\d{0,2}")
SIZE = re.compile(r"(BlockDeviceMapping\.\d+\.Ebs)\.VolumeSize$")
MAY_ATTACH = ("running", "stopping", "stopped")


def _create(ec2: Any, arguments: Arguments) -> ApiError | None:
    if _one(arguments, "SnapshotId"):
        return "Unsupported", "The local cloud's snapshots have no data to make a volume of."
    zone = _one(arguments, "AvailabilityZone")
    if ec2.get_zone_by_name(zone) is None:
        return "InvalidZone.NotFound", f"The zone '{zone}' does not exist."
    size, kind = _one(arguments, "Size"), _one(arguments, "VolumeType") or "gp2"
    if not size:
        return None
    return _size(kind, int(size)) or storage(ec2, int(size) if kind == "gp3" else 0)


def _attach(ec2: Any, arguments: Arguments) -> ApiError | None:
    volume = ec2.volumes.get(_one(arguments, "VolumeId"))
    instance = _instance(ec2, _one(arguments, "InstanceId"))
    if volume is None or instance is None:
        return None
    if instance.state not in MAY_ATTACH:
        return "IncorrectState", f"Instance '{instance.id}' is not 'running'."
    if volume.zone.name != instance.availability_zone:
        return (
            "InvalidVolume.ZoneMismatch",
            f"The volume '{volume.id}' is not in the same availability zone as instance "
            f"'{instance.id}'",
        )
    if volume.attachment:
        return "VolumeInUse", f"{volume.id} is already attached to an instance"
    if _is_modified(volume):
        return (
            "OperationNotPermitted",
            f"Cannot attach volume {volume.id} when it is in modification state: MODIFYING",
        )
    return _device(instance, _one(arguments, "Device"))


def _device(instance: Any, device: str) -> ApiError | None:
    if not DEVICE.fullmatch(device):
        return (
            "InvalidParameterValue",
            f"Value ({device}) for parameter device is invalid. {device} is not a valid EBS "
            "device name.",
        )
    if device in instance.block_device_mapping:
        return (
            "InvalidParameterValue",
            f"Invalid value '{device}' for unixDevice. Attachment point {device} is already in use",
        )
    return None


def _detach(ec2: Any, arguments: Arguments) -> ApiError | None:
    volume = ec2.volumes.get(_one(arguments, "VolumeId"))
    if volume is None:
        return None
    attachment = volume.attachment
    if not attachment:
        return "IncorrectState", f"Volume '{volume.id}' is in the 'available' state."
    holder, device = attachment.instance, attachment.device
    asked = (_one(arguments, "InstanceId") or holder.id, _one(arguments, "Device") or device)
    if asked != (holder.id, device):
        return (
            "InvalidAttachment.NotFound",
            f"The volume '{volume.id}' is not attached to instance '{asked[0]}' as device "
            f"'{asked[1]}'.",
        )
    if device == holder.root_device_name and holder.state != "stopped":
        return (
            "OperationNotPermitted",
            f"Unable to detach root volume '{volume.id}' from instance '{holder.id}'",
        )
    return None


def _modify(ec2: Any, arguments: Arguments) -> ApiError | None:
    volume, wanted = ec2.volumes.get(_one(arguments, "VolumeId")), _one(arguments, "Size")
    if volume is None:
        return None
    size = int(wanted or volume.size)
    if size < int(volume.size):
        return "InvalidParameterValue", "New size cannot be smaller than existing size"
    if _is_modified(volume):
        return (
            "IncorrectModificationState",
            f"Volume {volume.id} cannot be modified in modification state MODIFYING",
        )
    kind = _one(arguments, "VolumeType") or volume.volume_type
    counted = int(volume.size) if volume.volume_type == "gp3" else 0
    added = size - counted if kind == "gp3" else 0
    return _rate(volume) or _size(kind, size) or storage(ec2, added)


def _rate(volume: Any) -> ApiError | None:
    # moto's times have no zone and are UTC.
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    recent = [each for each in volume.modifications if now - each.start_time < MODIFICATION_PERIOD]
    if len(recent) < MODIFICATIONS:
        return None
    free = recent[-MODIFICATIONS].start_time + MODIFICATION_PERIOD
    return (
        "VolumeModificationRateExceeded",
        "You've reached the maximum modification rate per volume limit. The next modification is "
        f"possible at {free:%Y-%m-%dT%H:%M:%SZ}.",
    )


def _size(kind: str, gib: int) -> ApiError | None:
    least, most = SIZES.get(kind, (1, gib))
    if least <= gib <= most:
        return None
    word, limit = (
        ("small", f"minimum is {least}") if gib < least else ("large", f"maximum is {most}")
    )
    message = f"Volume of {gib}GiB is too {word} for volume type {kind}; {limit}GiB."
    return "InvalidParameterValue", message


def storage(ec2: Any, gib: int) -> ApiError | None:
    """Why EC2 would not add so many GiB of gp3 volumes to those of the account."""
    volumes = [int(each.size) for each in list(ec2.volumes.values()) if each.volume_type == "gp3"]
    if gib <= 0 or sum(volumes) + gib <= GP3_TIB * 1024:
        return None
    message = f"You have exceeded your maximum gp3 storage limit of {GP3_TIB} TiB in this region."
    return "VolumeLimitExceeded", message


def of_machine(ec2: Any, arguments: Arguments) -> ApiError | None:
    """Why EC2 would not create the volumes of RunInstances."""
    sizes = {
        match[1]: int(values[0])
        for name, values in arguments.items()
        if (match := SIZE.match(name))
    }
    gp3 = [size for at, size in sizes.items() if _one(arguments, f"{at}.VolumeType") == "gp3"]
    return storage(ec2, sum(gp3))


def _is_modified(volume: Any) -> bool:
    return any(each.modification_state == "modifying" for each in list(volume.modifications))


def _instance(ec2: Any, instance_id: str) -> Any | None:
    return next((each for each in list(ec2.all_instances()) if each.id == instance_id), None)


def _one(arguments: Arguments, name: str) -> str:
    return arguments.get(name, [""])[0]


CHECKS: dict[str, Callable[[Any, Arguments], ApiError | None]] = {
    "CreateVolume": _create,
    "AttachVolume": _attach,
    "DetachVolume": _detach,
    "ModifyVolume": _modify,
}

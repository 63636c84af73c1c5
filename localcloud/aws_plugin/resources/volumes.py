"""EBS volumes and their attachments."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, ClassVar

import botocore.exceptions

from localcloud.aws_plugin.resources.ec2 import Ec2Kind, tag_specification
from localcloud.aws_plugin.resources.kind import Inputs, Kind, names, properties, renamed
from localcloud.aws_plugin.session import Session, UnexpectedStateError
from localcloud.aws_plugin.values import Values
from provider.protocol.values import UNKNOWN

# The real plugin's own limits.
DELETE_SECONDS = 600.0
ATTACH_SECONDS = 300.0
DETACH_SECONDS = 300.0
INSTANCE_SECONDS = 600.0

DEFAULT_TYPE = "gp2"
WITH_IOPS = ("gp3", "io1", "io2")
NEED_IOPS = ("io1", "io2")


class Volume(Ec2Kind):
    token = "aws:ebs/volume:Volume"
    noun = "Volume"
    inputs = properties(
        "availabilityZone encrypted finalSnapshot iops kmsKeyId size throughput type tags"
    )
    replaces = properties("availabilityZone encrypted kmsKeyId")
    computed = properties("encrypted iops kmsKeyId size throughput type")
    arguments = names("availabilityZone encrypted iops kmsKeyId size throughput", type="VolumeType")
    outputs = names(
        "availabilityZone encrypted iops kmsKeyId size throughput multiAttachEnabled",
        type="VolumeType",
    )

    def faults(self, inputs: Inputs) -> Iterator[tuple[str, str]]:
        if inputs.get("size") is None:
            yield "size", "one of `size,snapshot_id` must be specified"
        kind = inputs.get("type") or DEFAULT_TYPE
        if kind is UNKNOWN:
            return
        if inputs.get("iops") and kind not in WITH_IOPS:
            yield "iops", f"'iops' must not be set when 'type' is '{kind}'"
        if not inputs.get("iops") and kind in NEED_IOPS:
            yield "iops", f"'iops' must be set when 'type' is '{kind}'"
        if inputs.get("throughput") and kind != "gp3":
            yield "throughput", f"'throughput' must not be set when 'type' is '{kind}'"

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = self.describe(aws, id_)
        account = aws.client("sts").get_caller_identity()["Account"]
        return {
            **(super().read(aws, id_, known) or {}),
            "arn": f"arn:aws:ec2:{aws.region}:{account}:volume/{id_}",
            "createTime": found["CreateTime"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "finalSnapshot": known.get("finalSnapshot"),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        # The real plugin calls it for a change of `finalSnapshot` alone too.
        if any(old.get(key) != new.get(key) for key in self.inputs - {"tags"}):
            self.call(aws, "modify", VolumeId=id_, **self._modification(aws, id_, old, new))

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        if known.get("finalSnapshot"):
            _take_snapshot(aws, id_, known)

        def in_use() -> str | None:
            try:
                super(Volume, self).delete(aws, id_, known)
            except botocore.exceptions.ClientError as error:
                if error.response["Error"]["Code"] == "VolumeInUse":
                    return "in use"
                raise
            return None

        aws.wait(f"volume {id_}", DELETE_SECONDS, in_use)

    def _modification(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> dict[str, Any]:
        """What differs; of gp3 with all it has, since EC2 would go back to its own defaults."""
        given = {key: value for key, value in new.items() if value is not None}
        wanted = {**(self.read(aws, id_, old) or {}), **given}
        modified = [each for each in ("iops", "size", "type") if old.get(each) != new.get(each)]
        if "type" in modified and wanted["type"] in WITH_IOPS:
            modified.append("iops")
        if wanted["type"] == "gp3":
            modified.append("throughput")
        return renamed({each: wanted.get(each) for each in modified}, self.arguments)


class VolumeAttachment(Kind):
    token = "aws:ec2/volumeAttachment:VolumeAttachment"
    inputs = properties(
        "deviceName instanceId volumeId forceDetach skipDestroy stopInstanceBeforeDetaching"
    )
    replaces = properties("deviceName instanceId volumeId")
    KEY: ClassVar = names("instanceId volumeId", deviceName="Device")

    def create(self, aws: Session, inputs: Inputs) -> str:
        if _attachment(aws, inputs) is None:
            instance = inputs["instanceId"]
            _wait_for_instance(aws, instance, ("pending", "stopping"), ("running", "stopped"))
            aws.client("ec2").attach_volume(**renamed(inputs, self.KEY))
        key = "".join(f"{inputs[each]}-" for each in ("deviceName", "instanceId", "volumeId"))
        # An attachment has no id in AWS; this is the one the real plugin makes up.
        return f"vai-{zlib.crc32(key.encode())}"

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        def not_yet() -> str | None:
            state = _attachment(aws, inputs) or "not there"
            if state not in ("attaching", "attached", "not there"):
                raise UnexpectedStateError(f"{_named(inputs)} is {state}, not attached")
            return None if state == "attached" else state

        aws.wait(_named(inputs), ATTACH_SECONDS, not_yet)

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        # An import names the attachment as `<device>:<volume>:<instance>`.
        parts = dict(zip(("deviceName", "volumeId", "instanceId"), id_.split(":"), strict=False))
        found = {**known, **parts} if len(parts) == len(self.KEY) else dict(known)
        return found if _attachment(aws, found) else None

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """Nothing in AWS: the inputs that change say what its deletion does."""

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        if known.get("skipDestroy"):
            return
        ec2, instance = aws.client("ec2"), known["instanceId"]
        if known.get("stopInstanceBeforeDetaching"):
            ec2.stop_instances(InstanceIds=[instance], Force=False)
            pending = ("pending", "running", "shutting-down", "stopping")
            _wait_for_instance(aws, instance, pending, ("stopped",))
        try:
            force = bool(known.get("forceDetach"))
            ec2.detach_volume(Force=force, **renamed(known, self.KEY))
        except botocore.exceptions.ClientError as error:
            if not _is_available(error):
                raise
            return
        aws.wait(_named(known), DETACH_SECONDS, lambda: _not_yet_detached(aws, known))


def _attachment(aws: Session, key: Inputs) -> str | None:
    """The state of the attachment; None where there is none."""
    filters = {"attachment.device": "deviceName", "attachment.instance-id": "instanceId"}
    found = aws.client("ec2").describe_volumes(
        VolumeIds=[key["volumeId"]],
        Filters=[{"Name": name, "Values": [key[each]]} for name, each in filters.items()],
    )["Volumes"]
    states = [each["State"] for volume in found for each in volume["Attachments"]]
    return next((str(each) for each in states if each != "detached"), None)


def _not_yet_detached(aws: Session, key: Inputs) -> str | None:
    state = _attachment(aws, key)
    if state not in (None, "detaching"):
        raise UnexpectedStateError(f"{_named(key)} is {state}, not detached")
    return state


def _wait_for_instance(
    aws: Session, id_: str, pending: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    def not_yet() -> str | None:
        found = aws.client("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
        state = str(found[0]["Instances"][0]["State"]["Name"])
        if state not in (*pending, *wanted):
            raise UnexpectedStateError(f"instance {id_} is {state}, not {' or '.join(wanted)}")
        return None if state in wanted else state

    aws.wait(f"instance {id_}", INSTANCE_SECONDS, not_yet)


def _take_snapshot(aws: Session, volume: str, known: Inputs) -> None:
    ec2 = aws.client("ec2")
    tags = tag_specification(aws, "snapshot", known)
    made = ec2.create_snapshot(VolumeId=volume, TagSpecifications=tags)["SnapshotId"]

    def not_yet() -> str | None:
        state = ec2.describe_snapshots(SnapshotIds=[made])["Snapshots"][0]["State"]
        return None if state == "completed" else str(state)

    aws.wait(f"snapshot {made}", DELETE_SECONDS, not_yet)


def _is_available(error: botocore.exceptions.ClientError) -> bool:
    found = error.response["Error"]
    return found["Code"] == "IncorrectState" and "available" in found["Message"]


def _named(key: Inputs) -> str:
    return f"volume {key['volumeId']} of instance {key['instanceId']}"

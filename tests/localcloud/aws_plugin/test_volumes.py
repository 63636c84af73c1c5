"""Volumes and their attachments in the stand-in aws plugin."""

from __future__ import annotations

import re
from typing import Any

import grpc
import pytest

from localcloud.aws_api import public_images
from localcloud.aws_plugin.resources import volumes
from localcloud.aws_plugin.session import Session, UnexpectedStateError
from tests.localcloud.aws_plugin.conftest import Engine, load

INSTANCE = "aws:ec2/instance:Instance"
VOLUME = "aws:ebs/volume:Volume"
ATTACHMENT = "aws:ec2/volumeAttachment:VolumeAttachment"
GP3 = {"availabilityZone": "us-east-1a", "size": 10, "type": "gp3", "encrypted": True}


def described(engine: Engine, volume: str) -> dict[str, Any]:
    found: dict[str, Any] = engine.client("ec2").describe_volumes(VolumeIds=[volume])["Volumes"][0]
    return found


def instance(engine: Engine) -> tuple[str, str]:
    """A running instance, and its zone."""
    made, state = engine.create(
        INSTANCE, {"ami": public_images.IMAGES[0].ami, "instanceType": "t3.small"}
    )
    return made, load(state)["availabilityZone"]


def attachment(engine: Engine, **more: Any) -> tuple[str, dict[str, Any], Any]:
    """An attached volume: the attachment's id, inputs and state."""
    instance_id, zone = instance(engine)
    volume, _ = engine.create(VOLUME, {**GP3, "availabilityZone": zone})
    inputs = {"deviceName": "/dev/sdf", "instanceId": instance_id, "volumeId": volume, **more}
    made, state = engine.create(ATTACHMENT, inputs)
    return made, inputs, state


def state_of(engine: Engine, instance_id: str) -> str:
    found = engine.client("ec2").describe_instances(InstanceIds=[instance_id])
    return str(found["Reservations"][0]["Instances"][0]["State"]["Name"])


def test_a_volume_has_what_aws_fills_in(engine: Engine) -> None:
    volume, state = engine.create(VOLUME, {**GP3, "tags": {"owner": "a"}})
    found = load(state)
    assert found["arn"] == f"arn:aws:ec2:us-east-1:123456789012:volume/{volume}"
    assert (found["iops"], found["throughput"], found["size"]) == (3000, 125, 10)
    assert found["encrypted"]
    assert found["kmsKeyId"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", found["createTime"])
    assert load(engine.read(VOLUME, volume, GP3).inputs) == GP3
    engine.delete(VOLUME, volume, state)
    assert engine.read(VOLUME, volume, GP3).id == ""


def test_a_volume_changes_in_place_and_keeps_what_is_not_given(engine: Engine) -> None:
    volume, state = engine.create(VOLUME, {**GP3, "throughput": 300})
    changed = {**GP3, "size": 20, "iops": 4000, "tags": {"owner": "b"}}
    assert engine.up(VOLUME, volume, state, changed) == ["iops", "size", "tags"]
    found = described(engine, volume)
    assert (found["Size"], found["Iops"], found["Throughput"]) == (20, 4000, 300)
    assert found["Tags"] == [{"Key": "owner", "Value": "b"}]
    engine.delete(VOLUME, volume, state)


def test_another_zone_or_encryption_is_another_volume(engine: Engine) -> None:
    for changed in ({"availabilityZone": "us-east-1b"}, {"encrypted": False}):
        assert engine.diff(VOLUME, GP3, {**GP3, **changed}).replaces == list(changed)
    assert not engine.diff(VOLUME, GP3, {**GP3, "size": 11}).replaces


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"size": None}, "one of `size,snapshot_id` must be specified"),
        ({"type": "gp2", "iops": 4000}, "'iops' must not be set when 'type' is 'gp2'"),
        ({"type": None, "throughput": 200}, "'throughput' must not be set when 'type' is 'gp2'"),
        ({"type": "io2"}, "'iops' must be set when 'type' is 'io2'"),
    ],
)
def test_what_does_not_fit_together_is_refused_before_aws_is_asked(
    engine: Engine, inputs: dict[str, Any], reason: str
) -> None:
    given = {key: value for key, value in {**GP3, **inputs}.items() if value is not None}
    assert [each.reason for each in engine.check(VOLUME, given).failures] == [reason]


def test_a_last_snapshot_is_taken_with_the_volumes_tags(engine: Engine) -> None:
    inputs = {**GP3, "finalSnapshot": True, "tags": {"owner": "last"}}
    volume, state = engine.create(VOLUME, inputs)
    engine.delete(VOLUME, volume, state)
    found = engine.client("ec2").describe_snapshots(
        Filters=[{"Name": "volume-id", "Values": [volume]}]
    )["Snapshots"]
    assert [each["Tags"] for each in found] == [[{"Key": "owner", "Value": "last"}]]


def test_an_attachment_has_the_id_of_the_real_plugin(engine: Engine) -> None:
    made, inputs, state = attachment(engine)
    assert re.fullmatch(r"vai-\d+", made)
    found = described(engine, inputs["volumeId"])["Attachments"]
    assert [(each["Device"], each["State"]) for each in found] == [("/dev/sdf", "attached")]
    assert load(engine.read(ATTACHMENT, made, inputs).inputs) == inputs
    imported = ":".join(inputs[key] for key in ("deviceName", "volumeId", "instanceId"))
    assert load(engine.read(ATTACHMENT, imported, {}).properties) == inputs
    engine.delete(ATTACHMENT, made, state)
    assert engine.read(ATTACHMENT, made, inputs).id == ""
    assert state_of(engine, inputs["instanceId"]) == "running"


def test_the_id_is_made_of_device_instance_and_volume(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As hashicorp/aws 5.100.0 made it of these three."""
    monkeypatch.setattr(volumes, "_attachment", lambda *_: "attached")
    inputs = {
        "deviceName": "/dev/sdf",
        "instanceId": "i-308b7a77dded3784e",
        "volumeId": "vol-4e4ec4f197465fa9d",
    }
    assert engine.create(ATTACHMENT, inputs)[0] == "vai-3034097066"


def test_the_instance_is_stopped_before_its_volume_is_detached_where_it_should_be(
    engine: Engine,
) -> None:
    made, inputs, state = attachment(engine, stopInstanceBeforeDetaching=True)
    engine.delete(ATTACHMENT, made, state)
    assert state_of(engine, inputs["instanceId"]) == "stopped"
    assert described(engine, inputs["volumeId"])["State"] == "available"
    # To a stopped instance too.
    again, state = engine.create(ATTACHMENT, inputs)
    assert again == made
    engine.delete(ATTACHMENT, made, state)


def test_how_it_is_detached_changes_nothing_in_aws(engine: Engine) -> None:
    made, inputs, state = attachment(engine)
    changed = {**inputs, "skipDestroy": True, "forceDetach": True}
    assert engine.up(ATTACHMENT, made, state, changed) == ["forceDetach", "skipDestroy"]
    for key in ("deviceName", "instanceId", "volumeId"):
        assert engine.diff(ATTACHMENT, inputs, {**inputs, key: "other"}).replaces == [key]
    engine.delete(ATTACHMENT, made, engine.read(ATTACHMENT, made, changed).properties)
    assert described(engine, inputs["volumeId"])["State"] == "in-use"
    engine.delete(ATTACHMENT, made, state)


def test_a_volume_cannot_be_attached_to_an_instance_that_has_ended(engine: Engine) -> None:
    instance_id, zone = instance(engine)
    volume, _ = engine.create(VOLUME, {**GP3, "availabilityZone": zone})
    engine.client("ec2").terminate_instances(InstanceIds=[instance_id])
    inputs = {"deviceName": "/dev/sdf", "instanceId": instance_id, "volumeId": volume}
    reason = f"instance {instance_id} is terminated, not running or stopped"
    with pytest.raises(grpc.RpcError, match=reason):
        engine.create(ATTACHMENT, inputs)


def test_a_device_that_stays_in_use_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(volumes, "_attachment", lambda *_: "busy")
    key = {"volumeId": "vol-1", "instanceId": "i-1"}
    with pytest.raises(UnexpectedStateError, match="volume vol-1 of instance i-1 is busy"):
        volumes._not_yet_detached(Session({}), key)

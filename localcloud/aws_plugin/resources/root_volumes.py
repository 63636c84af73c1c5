"""The root volume of an instance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.aws_plugin.resources.kind import Inputs, tag_outputs
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values


def mapping(found: Mapping[str, Any]) -> Any | None:
    """The mapping of the root device among those of an instance; None where it has none."""
    root = found.get("RootDeviceName")
    mappings = found.get("BlockDeviceMappings", [])
    return next((each for each in mappings if each["DeviceName"] == root), None)


def describe(aws: Session, found: Mapping[str, Any], given: Inputs) -> Values | None:
    """The properties of an instance's root volume that are given, as AWS has them."""
    if (root := mapping(found)) is None:
        return None
    ebs = root["Ebs"]
    volume = aws.client("ec2").describe_volumes(VolumeIds=[ebs["VolumeId"]])["Volumes"][0]
    actual = {
        "encrypted": volume["Encrypted"],
        "volumeSize": volume["Size"],
        "volumeType": volume["VolumeType"],
        "deleteOnTermination": ebs["DeleteOnTermination"],
        "tags": tag_outputs(aws, volume.get("Tags"))["tagsAll"],
    }
    return {key: value for key, value in actual.items() if key in given}

"""Instances."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, ClassVar

import botocore.exceptions

from localcloud.aws_plugin import market_options
from localcloud.aws_plugin.resources import root_volumes
from localcloud.aws_plugin.resources.ec2 import Ec2Kind, retag_ec2, tag_specification
from localcloud.aws_plugin.resources.kind import (
    Inputs,
    names,
    properties,
    renamed,
    selected,
    tag_outputs,
)
from localcloud.aws_plugin.session import Session, is_gone
from localcloud.aws_plugin.values import Values

# The real plugin's own limits for an instance.
CREATE_SECONDS = 600.0
CHANGE_SECONDS = 600.0
DELETE_SECONDS = 1200.0

METADATA = names("httpEndpoint httpTokens httpPutResponseHopLimit instanceMetadataTags")
VOLUME = names("encrypted volumeSize volumeType deleteOnTermination")
# ModifyVolume has another word for the size than RunInstances.
MODIFIED = names("volumeType", volumeSize="Size")


SHUTDOWN = "instanceInitiatedShutdownBehavior"


class Instance(Ec2Kind):
    token = "aws:ec2/instance:Instance"
    noun = "Instance"
    inputs = properties(
        "ami instanceType userDataBase64 userDataReplaceOnChange primaryNetworkInterface "
        "iamInstanceProfile metadataOptions rootBlockDevice instanceMarketOptions sourceDestCheck "
        "instanceInitiatedShutdownBehavior tags"
    )
    conflicts: ClassVar[Mapping[str, str]] = {"sourceDestCheck": "primaryNetworkInterface"}
    replaces = properties(
        "ami primaryNetworkInterface rootBlockDevice.encrypted instanceMarketOptions"
    )
    # An on-demand instance is not made of a spot instance by no longer giving its options.
    computed = properties(
        "ami instanceType userDataBase64 primaryNetworkInterface iamInstanceProfile "
        "instanceInitiatedShutdownBehavior instanceMarketOptions metadataOptions "
        "metadataOptions.httpPutResponseHopLimit metadataOptions.httpTokens "
        "metadataOptions.instanceMetadataTags rootBlockDevice rootBlockDevice.encrypted "
        "rootBlockDevice.volumeSize rootBlockDevice.volumeType"
    )
    outputs = names(
        "instanceType instanceLifecycle subnetId",
        ami="ImageId",
        privateDns="PrivateDnsName",
        privateIp="PrivateIpAddress",
        publicDns="PublicDnsName",
        publicIp="PublicIpAddress",
    )

    def compared(self, previous: Inputs, inputs: Inputs, state: Inputs) -> Values:
        # Left out it is on, and what there is, is that of the primary interface, whoever set it:
        # https://github.com/hashicorp/terraform-provider-aws/pull/49198
        off = state.get("sourceDestCheck") is False
        checked = {"sourceDestCheck": False} if off else {}
        found = {SHUTDOWN: state.get(SHUTDOWN)} if state.get(SHUTDOWN) else {}
        return {**previous, **checked, **found, **market_options.compared(previous, inputs, state)}

    def replaced_by(self, path: str, new: Inputs) -> bool:
        user_data = path == "userDataBase64" and bool(new.get("userDataReplaceOnChange"))
        return user_data or super().replaced_by(path, new)

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").run_instances(MinCount=1, MaxCount=1, **_request(aws, inputs))
        return str(made["Instances"][0]["InstanceId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        self._change_root_volume(aws, id_, {}, inputs)
        # Again, after the start: `resourceInstanceUpdate` of hashicorp/aws follows a creation.
        _set_shutdown(aws, id_, {}, inputs)
        if not inputs.get("sourceDestCheck", True):
            off = {"Value": False}
            aws.client("ec2").modify_instance_attribute(InstanceId=id_, SourceDestCheck=off)
        aws.wait(f"instance {id_}", CREATE_SECONDS, lambda: self._not_yet(aws, id_, "running"))

    def describe(self, aws: Session, id_: str) -> dict[str, Any] | None:
        try:
            found = aws.client("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
        except botocore.exceptions.ClientError as error:
            if is_gone(error):
                return None
            raise
        return dict(found[0]["Instances"][0]) if found else None

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = self.describe(aws, id_)
        # What is shutting down is still there, as the provider has it.
        if found is None or found["State"]["Name"] == "terminated":
            return None
        interface = found["NetworkInterfaces"][0]
        profile = (found.get("IamInstanceProfile") or {}).get("Arn")
        options, given = found.get("MetadataOptions") or {}, known.get("metadataOptions") or {}
        market = market_options.as_ec2_returns(known.get("instanceMarketOptions"))
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{interface['OwnerId']}:instance/{id_}",
            "availabilityZone": found["Placement"]["AvailabilityZone"],
            SHUTDOWN: _attribute(aws, id_, SHUTDOWN),
            "iamInstanceProfile": profile.rsplit("/", 1)[-1] if profile else None,
            "instanceState": found["State"]["Name"],
            "metadataOptions": renamed(options, {METADATA[key]: key for key in given}),
            "primaryNetworkInterface": {"networkInterfaceId": interface["NetworkInterfaceId"]},
            "primaryNetworkInterfaceId": interface["NetworkInterfaceId"],
            "instanceMarketOptions": market,
            "sourceDestCheck": interface["SourceDestCheck"],
            "rootBlockDevice": root_volumes.describe(
                aws, found, known.get("rootBlockDevice") or {}
            ),
            "userDataBase64": _attribute(aws, id_, "userData"),
            "userDataReplaceOnChange": known.get("userDataReplaceOnChange"),
            "vpcSecurityGroupIds": sorted(group["GroupId"] for group in interface["Groups"]),
            **selected(found, self.outputs),
            **tag_outputs(aws, found.get("Tags")),
        }

    def change(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().change(aws, id_, old, new)
        ec2 = aws.client("ec2")
        if new.get("metadataOptions") != old.get("metadataOptions"):
            options = renamed(new["metadataOptions"], METADATA)
            ec2.modify_instance_metadata_options(InstanceId=id_, **options)
        checked = new.get("sourceDestCheck", True)
        if checked != old.get("sourceDestCheck", True):
            wanted = {"Value": checked}
            ec2.modify_instance_attribute(InstanceId=id_, SourceDestCheck=wanted)
        if new.get("iamInstanceProfile") != old.get("iamInstanceProfile"):
            _change_profile(aws, id_, new["iamInstanceProfile"])
        _set_shutdown(aws, id_, old, new)
        self._change_root_volume(aws, id_, old, new)
        # EC2 changes these on a stopped instance only, so the machine restarts once.
        stopped = ("instanceType", "userDataBase64")
        if any(new.get(key) != old.get(key) for key in stopped):
            self._change_stopped(aws, id_, old, new)

    def delete(self, aws: Session, id_: str, known: Inputs) -> None:
        aws.client("ec2").terminate_instances(InstanceIds=[id_])
        aws.wait(f"instance {id_}", DELETE_SECONDS, lambda: self._not_yet(aws, id_, "terminated"))

    def _change_stopped(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        ec2 = aws.client("ec2")
        ec2.stop_instances(InstanceIds=[id_])
        aws.wait(f"instance {id_}", CHANGE_SECONDS, lambda: self._not_yet(aws, id_, "stopped"))
        if new["instanceType"] != old["instanceType"]:
            wanted = {"Value": new["instanceType"]}
            ec2.modify_instance_attribute(InstanceId=id_, InstanceType=wanted)
        if new.get("userDataBase64") != old.get("userDataBase64"):
            content = base64.b64decode(new["userDataBase64"])
            ec2.modify_instance_attribute(InstanceId=id_, UserData={"Value": content})
        ec2.start_instances(InstanceIds=[id_])
        aws.wait(f"instance {id_}", CHANGE_SECONDS, lambda: self._not_yet(aws, id_, "running"))

    def _change_root_volume(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        """Changes what can change while the machine runs: tags, size and type."""
        before, after = old.get("rootBlockDevice") or {}, new.get("rootBlockDevice") or {}
        found = (self.describe(aws, id_) or {}) if before != after else {}
        if (mapping := root_volumes.mapping(found)) is None:
            return
        volume = mapping["Ebs"]["VolumeId"]
        if before.get("tags") != after.get("tags"):
            retag_ec2(aws, volume, before, after)
        changed = {
            name: after[key]
            for key, name in MODIFIED.items()
            if key in before and before[key] != after.get(key, before[key])
        }
        if changed:
            aws.client("ec2").modify_volume(VolumeId=volume, **changed)

    def _not_yet(self, aws: Session, id_: str, wanted: str) -> str | None:
        """None once the instance is in the wanted state, else the state it is in."""
        found = self.describe(aws, id_)
        state = found["State"]["Name"] if found else "terminated"
        if state == "terminated" and wanted != "terminated":
            reason = ((found or {}).get("StateReason") or {}).get("Message", "no reason given")
            raise InstanceEndedError(f"instance {id_} ended instead of being {wanted}: {reason}")
        return None if state == wanted else str(state)


class InstanceEndedError(Exception):
    """The instance terminated while it was waited for."""


def _request(aws: Session, inputs: Inputs) -> dict[str, Any]:
    request: dict[str, Any] = {
        "ImageId": inputs["ami"],
        "InstanceType": inputs["instanceType"],
        "TagSpecifications": tag_specification(aws, "instance", inputs),
    }
    if interface := inputs.get("primaryNetworkInterface"):
        request["NetworkInterfaces"] = [
            {"DeviceIndex": 0, "NetworkInterfaceId": interface["networkInterfaceId"]}
        ]
    if user_data := inputs.get("userDataBase64"):
        # boto3 encodes it again itself.
        request["UserData"] = base64.b64decode(user_data)
    if profile := inputs.get("iamInstanceProfile"):
        request["IamInstanceProfile"] = {"Name": profile}
    if behavior := inputs.get(SHUTDOWN):
        request["InstanceInitiatedShutdownBehavior"] = behavior
    if options := inputs.get("metadataOptions"):
        request["MetadataOptions"] = renamed(options, METADATA)
    if volume := inputs.get("rootBlockDevice"):
        image = aws.client("ec2").describe_images(ImageIds=[inputs["ami"]])["Images"][0]
        request["BlockDeviceMappings"] = [
            {"DeviceName": image["RootDeviceName"], "Ebs": renamed(volume, VOLUME)}
        ]
    if market := inputs.get("instanceMarketOptions"):
        request["InstanceMarketOptions"] = market_options.request(market)
    return request


def _set_shutdown(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
    if new.get(SHUTDOWN) != old.get(SHUTDOWN):
        aws.client("ec2").modify_instance_attribute(
            InstanceId=id_, InstanceInitiatedShutdownBehavior={"Value": new[SHUTDOWN]}
        )


def _attribute(aws: Session, id_: str, name: str) -> str | None:
    found = aws.client("ec2").describe_instance_attribute(InstanceId=id_, Attribute=name)
    return (found.get(name[0].upper() + name[1:]) or {}).get("Value")


def _change_profile(aws: Session, id_: str, profile: str) -> None:
    ec2, wanted = aws.client("ec2"), {"Name": profile}
    found = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [id_]}]
    )["IamInstanceProfileAssociations"]
    if found:
        ec2.replace_iam_instance_profile_association(
            IamInstanceProfile=wanted, AssociationId=found[0]["AssociationId"]
        )
    else:
        ec2.associate_iam_instance_profile(IamInstanceProfile=wanted, InstanceId=id_)

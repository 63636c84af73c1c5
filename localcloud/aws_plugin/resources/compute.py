"""Instances."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import botocore.exceptions

from localcloud.aws_plugin.resources.kind import Inputs, as_mapping, properties
from localcloud.aws_plugin.resources.network import Ec2Kind, own_tags, retag, tag_specification
from localcloud.aws_plugin.session import Session, is_gone
from localcloud.aws_plugin.values import Values

# The real plugin's own limits for an instance.
CREATE_SECONDS = 600.0
CHANGE_SECONDS = 600.0
DELETE_SECONDS = 1200.0

METADATA = {
    "httpEndpoint": "HttpEndpoint",
    "httpTokens": "HttpTokens",
    "httpPutResponseHopLimit": "HttpPutResponseHopLimit",
    "instanceMetadataTags": "InstanceMetadataTags",
}
VOLUME = {
    "encrypted": "Encrypted",
    "volumeSize": "VolumeSize",
    "volumeType": "VolumeType",
    "deleteOnTermination": "DeleteOnTermination",
}
# ModifyVolume has another word for the size than RunInstances.
MODIFIED = {"volumeSize": "Size", "volumeType": "VolumeType"}


class Instance(Ec2Kind):
    token = "aws:ec2/instance:Instance"
    inputs = properties(
        "ami instanceType userDataBase64 userDataReplaceOnChange primaryNetworkInterface "
        "iamInstanceProfile metadataOptions rootBlockDevice instanceMarketOptions tags"
    )
    replaces = properties(
        "ami primaryNetworkInterface rootBlockDevice.encrypted instanceMarketOptions"
    )

    def replaced_by(self, path: str, new: Inputs) -> bool:
        user_data = path == "userDataBase64" and bool(new.get("userDataReplaceOnChange"))
        return user_data or path in self.replaces or super().replaced_by(path, new)

    def create(self, aws: Session, inputs: Inputs) -> str:
        made = aws.client("ec2").run_instances(MinCount=1, MaxCount=1, **_request(aws, inputs))
        return str(made["Instances"][0]["InstanceId"])

    def finish(self, aws: Session, id_: str, inputs: Inputs) -> None:
        _change_root_volume(aws, id_, {}, inputs)
        aws.wait(f"instance {id_}", CREATE_SECONDS, lambda: self._not_yet(aws, id_, "running"))

    def read(self, aws: Session, id_: str, known: Inputs) -> Values | None:
        found = _describe(aws, id_)
        if found is None or found["State"]["Name"] in ("terminated", "shutting-down"):
            return None
        interface = found["NetworkInterfaces"][0]
        profile = (found.get("IamInstanceProfile") or {}).get("Arn")
        options = found.get("MetadataOptions") or {}
        return {
            "arn": f"arn:aws:ec2:{aws.region}:{interface['OwnerId']}:instance/{id_}",
            "ami": found["ImageId"],
            "availabilityZone": found["Placement"]["AvailabilityZone"],
            "iamInstanceProfile": profile.rsplit("/", 1)[-1] if profile else None,
            "instanceState": found["State"]["Name"],
            "instanceType": found["InstanceType"],
            "metadataOptions": {
                key: options[name]
                for key, name in METADATA.items()
                if options.get(name) is not None and key in (known.get("metadataOptions") or {})
            },
            "primaryNetworkInterface": {"networkInterfaceId": interface["NetworkInterfaceId"]},
            "primaryNetworkInterfaceId": interface["NetworkInterfaceId"],
            "privateDns": found.get("PrivateDnsName"),
            "privateIp": found.get("PrivateIpAddress"),
            "publicDns": found.get("PublicDnsName"),
            "publicIp": found.get("PublicIpAddress"),
            "instanceLifecycle": found.get("InstanceLifecycle"),
            "instanceMarketOptions": known.get("instanceMarketOptions"),
            "rootBlockDevice": _root_volume(aws, found, known.get("rootBlockDevice") or {}),
            "subnetId": interface["SubnetId"],
            "userDataBase64": _user_data(aws, id_),
            "userDataReplaceOnChange": known.get("userDataReplaceOnChange"),
            "vpcSecurityGroupIds": sorted(group["GroupId"] for group in interface["Groups"]),
            **own_tags(aws, found),
        }

    def update(self, aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
        super().update(aws, id_, old, new)
        ec2 = aws.client("ec2")
        if new.get("metadataOptions") != old.get("metadataOptions"):
            options = _renamed(new.get("metadataOptions") or {}, METADATA)
            ec2.modify_instance_metadata_options(InstanceId=id_, **options)
        if new.get("iamInstanceProfile") != old.get("iamInstanceProfile"):
            _change_profile(aws, id_, new.get("iamInstanceProfile"))
        _change_root_volume(aws, id_, old, new)
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
            content = base64.b64decode(new.get("userDataBase64") or "")
            ec2.modify_instance_attribute(InstanceId=id_, UserData={"Value": content})
        ec2.start_instances(InstanceIds=[id_])
        aws.wait(f"instance {id_}", CHANGE_SECONDS, lambda: self._not_yet(aws, id_, "running"))

    @staticmethod
    def _not_yet(aws: Session, id_: str, wanted: str) -> str | None:
        """None once the instance is in the wanted state, else the state it is in."""
        found = _describe(aws, id_)
        state = found["State"]["Name"] if found else "terminated"
        if state == "terminated" and wanted != "terminated":
            reason = ((found or {}).get("StateReason") or {}).get("Message", "no reason given")
            raise InstanceEndedError(f"instance {id_} ended instead of being {wanted}: {reason}")
        return None if state == wanted else str(state)


class InstanceEndedError(Exception):
    """The instance terminated while it was waited for."""


def _describe(aws: Session, id_: str) -> dict[str, Any] | None:
    try:
        found = aws.client("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
    except botocore.exceptions.ClientError as error:
        if is_gone(error):
            return None
        raise
    return dict(found[0]["Instances"][0]) if found else None


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
    if options := inputs.get("metadataOptions"):
        request["MetadataOptions"] = _renamed(options, METADATA)
    if volume := inputs.get("rootBlockDevice"):
        image = aws.client("ec2").describe_images(ImageIds=[inputs["ami"]])["Images"][0]
        request["BlockDeviceMappings"] = [
            {"DeviceName": image["RootDeviceName"], "Ebs": _renamed(_without_tags(volume), VOLUME)}
        ]
    if market := inputs.get("instanceMarketOptions"):
        request["InstanceMarketOptions"] = _market(market)
    return request


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names[key]: value for key, value in values.items()}


def _root_volume(aws: Session, found: Mapping[str, Any], wanted: Inputs) -> Values | None:
    for mapping in found.get("BlockDeviceMappings", []):
        if mapping["DeviceName"] == found.get("RootDeviceName"):
            ebs = mapping["Ebs"]
            volume = aws.client("ec2").describe_volumes(VolumeIds=[ebs["VolumeId"]])["Volumes"][0]
            actual = {
                "encrypted": volume["Encrypted"],
                "volumeSize": volume["Size"],
                "volumeType": volume["VolumeType"],
                "deleteOnTermination": ebs["DeleteOnTermination"],
            }
            own = {key: actual[key] for key in actual if key in wanted}
            return {**own, **({"tags": as_mapping(volume.get("Tags"))} if "tags" in wanted else {})}
    return None


def _without_tags(volume: Inputs) -> dict[str, Any]:
    return {key: value for key, value in volume.items() if key != "tags"}


def _change_root_volume(aws: Session, id_: str, old: Inputs, new: Inputs) -> None:
    """What of a root volume changes while the machine runs: tags, size and type."""
    before, after = old.get("rootBlockDevice") or {}, new.get("rootBlockDevice") or {}
    found = (_describe(aws, id_) or {}) if before != after else {}
    for mapping in found.get("BlockDeviceMappings", []):
        if mapping["DeviceName"] != found.get("RootDeviceName"):
            continue
        volume = mapping["Ebs"]["VolumeId"]
        if before.get("tags") != after.get("tags"):
            retag(aws, volume, before, after)
        changed = {
            name: after[key]
            for key, name in MODIFIED.items()
            if key in before and before[key] != after.get(key, before[key])
        }
        if changed:
            aws.client("ec2").modify_volume(VolumeId=volume, **changed)


def _market(options: Inputs) -> dict[str, Any]:
    spot = options.get("spotOptions") or {}
    names = {
        "maxPrice": "MaxPrice",
        "spotInstanceType": "SpotInstanceType",
        "instanceInterruptionBehavior": "InstanceInterruptionBehavior",
    }
    return {"MarketType": options["marketType"], "SpotOptions": _renamed(spot, names)}


def _user_data(aws: Session, id_: str) -> str | None:
    found = aws.client("ec2").describe_instance_attribute(InstanceId=id_, Attribute="userData")
    return (found.get("UserData") or {}).get("Value")


def _change_profile(aws: Session, id_: str, profile: str | None) -> None:
    ec2 = aws.client("ec2")
    found = ec2.describe_iam_instance_profile_associations(
        Filters=[{"Name": "instance-id", "Values": [id_]}]
    )["IamInstanceProfileAssociations"]
    if found and profile:
        ec2.replace_iam_instance_profile_association(
            IamInstanceProfile={"Name": profile}, AssociationId=found[0]["AssociationId"]
        )
    elif found:
        ec2.disassociate_iam_instance_profile(AssociationId=found[0]["AssociationId"])
    elif profile:
        ec2.associate_iam_instance_profile(IamInstanceProfile={"Name": profile}, InstanceId=id_)

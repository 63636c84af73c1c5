"""The lookups of instance types and images, and of the parameters that name images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.aws_plugin.filters import filters
from localcloud.aws_plugin.resources.kind import names, selected
from localcloud.aws_plugin.session import NoSuchThingError, Session
from localcloud.aws_plugin.values import Values


def get_instance_type(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_instance_type"""
    name = args["instanceType"]
    found = aws.client("ec2").describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
    return {
        "id": name,
        "supportedArchitectures": found["ProcessorInfo"]["SupportedArchitectures"],
        "supportedUsagesClasses": found["SupportedUsageClasses"],
        "defaultVcpus": found["VCpuInfo"]["DefaultVCpus"],
        "memorySize": found["MemoryInfo"]["SizeInMiB"],
        **selected(found, names("instanceType burstablePerformanceSupported currentGeneration")),
    }


def get_instance_type_offerings(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_instance_type_offerings"""
    found = aws.client("ec2").describe_instance_type_offerings(
        LocationType=args.get("locationType", "region"), Filters=filters(args)
    )["InstanceTypeOfferings"]
    keys = ("InstanceType", "Location", "LocationType")
    return {
        "id": aws.region,
        **{f"{key[0].lower()}{key[1:]}s": [each[key] for each in found] for key in keys},
    }


def get_ami(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_ami"""
    images = aws.client("ec2").describe_images(
        Filters=filters(args), IncludeDeprecated=args.get("includeDeprecated", False)
    )["Images"]
    if len(images) != 1:
        raise NoSuchThingError(f"Your query returned {len(images) or 'no'} results")
    found = images[0]
    return {
        "id": found["ImageId"],
        "includeDeprecated": args.get("includeDeprecated"),
        "blockDeviceMappings": [
            {
                "deviceName": each["DeviceName"],
                "ebs": {"volume_size": str(each["Ebs"]["VolumeSize"])} if "Ebs" in each else {},
                "noDevice": "",
                "virtualName": each.get("VirtualName", ""),
            }
            for each in found.get("BlockDeviceMappings", [])
        ],
        **selected(found, names("imageId architecture rootDeviceName name ownerId")),
    }


def get_parameter(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ssm.get_parameter"""
    found = aws.client("ssm").get_parameter(
        Name=args["name"], WithDecryption=args.get("withDecryption", True)
    )["Parameter"]
    return {
        "id": found["Name"],
        "insecureValue": found["Value"] if found["Type"] != "SecureString" else "",
        **selected(found, names("name type value version", arn="ARN")),
    }

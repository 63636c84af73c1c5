"""The lookups (invokes) of the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.aws_plugin.session import NoSuchThingError, Session
from localcloud.aws_plugin.values import Values

Lookup = Callable[[Session, Mapping[str, Any]], Values]


def get_parameter(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ssm.get_parameter"""
    found = aws.client("ssm").get_parameter(
        Name=args["name"], WithDecryption=args.get("withDecryption", True)
    )["Parameter"]
    plain = found["Type"] != "SecureString"
    return {
        "id": found["Name"],
        "arn": found["ARN"],
        "name": found["Name"],
        "type": found["Type"],
        "value": found["Value"],
        "insecureValue": found["Value"] if plain else "",
        "version": found["Version"],
        "region": aws.region,
    }


def get_instance_type(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_instance_type"""
    name = args["instanceType"]
    found = aws.client("ec2").describe_instance_types(InstanceTypes=[name])["InstanceTypes"][0]
    return {
        "id": name,
        "instanceType": name,
        "supportedArchitectures": found["ProcessorInfo"]["SupportedArchitectures"],
        "supportedUsagesClasses": found["SupportedUsageClasses"],
        "defaultVcpus": found["VCpuInfo"]["DefaultVCpus"],
        "memorySize": found["MemoryInfo"]["SizeInMiB"],
        "burstablePerformanceSupported": found["BurstablePerformanceSupported"],
        "currentGeneration": found["CurrentGeneration"],
        "region": aws.region,
    }


def get_instance_type_offerings(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_instance_type_offerings"""
    found = aws.client("ec2").describe_instance_type_offerings(
        LocationType=args.get("locationType", "region"), Filters=_filters(args)
    )["InstanceTypeOfferings"]
    return {
        "id": aws.region,
        "instanceTypes": [each["InstanceType"] for each in found],
        "locations": [each["Location"] for each in found],
        "locationTypes": [each["LocationType"] for each in found],
        "region": aws.region,
    }


def _filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    given = args.get("filters") or []
    return [{"Name": each["name"], "Values": each["values"]} for each in given]


def get_ami(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_ami"""
    images = aws.client("ec2").describe_images(
        Filters=_filters(args), IncludeDeprecated=args.get("includeDeprecated", False)
    )["Images"]
    if len(images) != 1:
        raise NoSuchThingError(f"Your query returned {len(images) or 'no'} results")
    found = images[0]
    return {
        "id": found["ImageId"],
        "imageId": found["ImageId"],
        "architecture": found["Architecture"],
        "rootDeviceName": found["RootDeviceName"],
        "blockDeviceMappings": [
            {
                "deviceName": each["DeviceName"],
                "ebs": {"volume_size": str(each["Ebs"]["VolumeSize"])} if "Ebs" in each else {},
                "noDevice": "",
                "virtualName": each.get("VirtualName", ""),
            }
            for each in found.get("BlockDeviceMappings", [])
        ],
        "name": found["Name"],
        "includeDeprecated": args.get("includeDeprecated"),
        "ownerId": found["OwnerId"],
        "region": aws.region,
    }


def get_subnet(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_subnet"""
    found = aws.client("ec2").describe_subnets(SubnetIds=[args["id"]])["Subnets"][0]
    return {
        "id": found["SubnetId"],
        "vpcId": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "availabilityZone": found["AvailabilityZone"],
        "region": aws.region,
    }


def get_vpc(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_vpc"""
    found = aws.client("ec2").describe_vpcs(VpcIds=[args["id"]])["Vpcs"][0]
    return {
        "id": found["VpcId"],
        "cidrBlock": found["CidrBlock"],
        "cidrBlockAssociations": [
            {
                "associationId": each["AssociationId"],
                "cidrBlock": each["CidrBlock"],
                "state": each["CidrBlockState"]["State"],
            }
            for each in found["CidrBlockAssociationSet"]
        ],
        "region": aws.region,
    }


def get_availability_zones(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_availability_zones"""
    filters = _filters(args)
    if args.get("state"):
        filters.append({"Name": "state", "Values": [args["state"]]})
    found = aws.client("ec2").describe_availability_zones(Filters=filters)["AvailabilityZones"]
    return {
        "id": aws.region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone["ZoneId"] for zone in found],
        "groupNames": sorted({zone.get("GroupName") or aws.region for zone in found}),
        "region": aws.region,
    }


def get_region(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_region"""
    return {
        "id": aws.region,
        "region": aws.region,
        "name": aws.region,
        "endpoint": f"ec2.{aws.region}.amazonaws.com",
        "description": aws.region,
    }


def get_partition(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_partition"""
    return {
        "id": "aws",
        "partition": "aws",
        "dnsSuffix": "amazonaws.com",
        "reverseDnsPrefix": "com.amazonaws",
    }


def get_caller_identity(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_caller_identity"""
    found = aws.client("sts").get_caller_identity()
    return {
        "id": found["Account"],
        "accountId": found["Account"],
        "arn": found["Arn"],
        "userId": found["UserId"],
    }


LOOKUPS: Mapping[str, Lookup] = {
    "aws:ssm/getParameter:getParameter": get_parameter,
    "aws:ec2/getInstanceType:getInstanceType": get_instance_type,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": get_instance_type_offerings,
    "aws:ec2/getAmi:getAmi": get_ami,
    "aws:ec2/getSubnet:getSubnet": get_subnet,
    "aws:ec2/getVpc:getVpc": get_vpc,
    "aws:index/getAvailabilityZones:getAvailabilityZones": get_availability_zones,
    "aws:index/getRegion:getRegion": get_region,
    "aws:index/getPartition:getPartition": get_partition,
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
}

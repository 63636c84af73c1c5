"""The lookups (invokes) of the stand-in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.aws_plugin.object_lookups import get_object
from localcloud.aws_plugin.resources.kind import names, selected
from localcloud.aws_plugin.session import NoSuchThingError, Session
from localcloud.aws_plugin.values import Values

Lookup = Callable[[Session, Mapping[str, Any]], Values]


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
        LocationType=args.get("locationType", "region"), Filters=_filters(args)
    )["InstanceTypeOfferings"]
    keys = ("InstanceType", "Location", "LocationType")
    return {
        "id": aws.region,
        **{f"{key[0].lower()}{key[1:]}s": [each[key] for each in found] for key in keys},
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


def get_service_quota(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.servicequotas.get_service_quota"""
    client, quota = (
        aws.client("service-quotas"),
        {
            "ServiceCode": args["serviceCode"],
            "QuotaCode": args["quotaCode"],
        },
    )
    default = client.get_aws_default_service_quota(**quota)["Quota"]
    found = client.get_service_quota(**quota)["Quota"]
    return {
        "id": found["QuotaArn"],
        "defaultValue": default["Value"],
        **selected(found, names("value quotaName quotaCode serviceCode adjustable")),
    }


def get_eips(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_eips"""
    found = aws.client("ec2").describe_addresses(Filters=[*_filters(args), *_tag_filters(args)])
    return {
        "id": aws.region,
        "allocationIds": [each["AllocationId"] for each in found["Addresses"]],
        "publicIps": [each["PublicIp"] for each in found["Addresses"]],
    }


def get_vpcs(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_vpcs"""
    found = aws.client("ec2").describe_vpcs(Filters=[*_filters(args), *_tag_filters(args)])
    return {"id": aws.region, "ids": [each["VpcId"] for each in found["Vpcs"]]}


def _tag_filters(args: Mapping[str, Any]) -> list[dict[str, Any]]:
    tags = args.get("tags") or {}
    return [{"Name": f"tag:{key}", "Values": [value]} for key, value in tags.items()]


def get_subnet(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_subnet"""
    found = aws.client("ec2").describe_subnets(SubnetIds=[args["id"]])["Subnets"][0]
    return {"id": args["id"], **selected(found, names("vpcId cidrBlock availabilityZone"))}


def get_vpc(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_vpc"""
    found = aws.client("ec2").describe_vpcs(VpcIds=[args["id"]])["Vpcs"][0]
    associations = [
        {
            "state": each["CidrBlockState"]["State"],
            **selected(each, names("associationId cidrBlock")),
        }
        for each in found["CidrBlockAssociationSet"]
    ]
    return {
        "id": args["id"],
        "cidrBlock": found["CidrBlock"],
        "cidrBlockAssociations": associations,
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
    }


def get_region(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_region"""
    region = dict.fromkeys(("id", "name", "description"), aws.region)
    return {**region, "endpoint": f"ec2.{aws.region}.amazonaws.com"}


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
    return {"id": found["Account"], **selected(found, names("arn userId", accountId="Account"))}


def get_lbs(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.lb.get_lbs"""
    client, wanted = aws.client("elbv2"), dict(args.get("tags") or {})
    pages = client.get_paginator("describe_load_balancers").paginate()
    arns = [each["LoadBalancerArn"] for page in pages for each in page["LoadBalancers"]]
    if wanted:
        tags = {
            each["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]}
            # As many as the API takes at once.
            for first in range(0, len(arns), 20)
            for each in client.describe_tags(ResourceArns=arns[first : first + 20])[
                "TagDescriptions"
            ]
        }
        arns = [arn for arn in arns if wanted.items() <= tags[arn].items()]
    return {"id": aws.region, "arns": arns}


def get_zone(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.route53.get_zone"""
    route53 = aws.client("route53")
    private, name = bool(args.get("privateZone")), str(args.get("name") or "").removesuffix(".")
    matching = [
        each["Id"].rpartition("/")[2]
        for page in route53.get_paginator("list_hosted_zones").paginate()
        for each in page["HostedZones"]
        if each["Name"].removesuffix(".") == name
        and each.get("Config", {}).get("PrivateZone", False) == private
    ]
    zones = [args["zoneId"]] if args.get("zoneId") else matching
    if len(zones) != 1:
        raise NoSuchThingError(
            f"{'multiple' if zones else 'no matching'} Route 53 Hosted Zones found for {name!r}"
        )
    found = route53.get_hosted_zone(Id=zones[0])
    zone, servers = found["HostedZone"], found.get("DelegationSet", {}).get("NameServers", [])
    tags = route53.list_tags_for_resource(ResourceType="hostedzone", ResourceId=zones[0])
    return {
        "id": zones[0],
        "zoneId": zones[0],
        "arn": f"arn:aws:route53:::hostedzone/{zones[0]}",
        "name": zone["Name"].removesuffix("."),
        "comment": zone.get("Config", {}).get("Comment") or "",
        "privateZone": zone.get("Config", {}).get("PrivateZone", False),
        "nameServers": sorted(servers),
        "primaryNameServer": servers[0] if servers else "",
        "tags": {each["Key"]: each["Value"] for each in tags["ResourceTagSet"]["Tags"]},
        **selected(zone, names("callerReference resourceRecordSetCount")),
    }


def in_region(lookup: Lookup) -> Lookup:
    """The lookup with the region in its result."""
    return lambda aws, args: {**lookup(aws, args), "region": aws.region}


REGIONAL: Mapping[str, Lookup] = {
    "aws:ssm/getParameter:getParameter": get_parameter,
    "aws:ec2/getInstanceType:getInstanceType": get_instance_type,
    "aws:ec2/getInstanceTypeOfferings:getInstanceTypeOfferings": get_instance_type_offerings,
    "aws:ec2/getAmi:getAmi": get_ami,
    "aws:ec2/getEips:getEips": get_eips,
    "aws:ec2/getSubnet:getSubnet": get_subnet,
    "aws:ec2/getVpcs:getVpcs": get_vpcs,
    "aws:servicequotas/getServiceQuota:getServiceQuota": get_service_quota,
    "aws:ec2/getVpc:getVpc": get_vpc,
    "aws:s3/getObject:getObject": get_object,
    "aws:index/getAvailabilityZones:getAvailabilityZones": get_availability_zones,
    "aws:index/getRegion:getRegion": get_region,
}
LOOKUPS: Mapping[str, Lookup] = {
    **{token: in_region(lookup) for token, lookup in REGIONAL.items()},
    "aws:lb/getLbs:getLbs": get_lbs,
    "aws:route53/getZone:getZone": get_zone,
    "aws:index/getPartition:getPartition": get_partition,
    "aws:index/getCallerIdentity:getCallerIdentity": get_caller_identity,
}

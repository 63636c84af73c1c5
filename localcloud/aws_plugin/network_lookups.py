"""The lookups of networks, addresses and what leads to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from localcloud.aws_plugin.filters import filters, tag_filters
from localcloud.aws_plugin.resources.kind import names, selected
from localcloud.aws_plugin.session import NoSuchThingError, Session
from localcloud.aws_plugin.values import Values


def get_availability_zones(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.get_availability_zones"""
    chosen = filters(args)
    if args.get("state"):
        chosen.append({"Name": "state", "Values": [args["state"]]})
    found = aws.client("ec2").describe_availability_zones(Filters=chosen)["AvailabilityZones"]
    return {
        "id": aws.region,
        "names": [zone["ZoneName"] for zone in found],
        "zoneIds": [zone["ZoneId"] for zone in found],
        "groupNames": sorted({zone.get("GroupName") or aws.region for zone in found}),
    }


def get_vpcs(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_vpcs"""
    found = aws.client("ec2").describe_vpcs(Filters=[*filters(args), *tag_filters(args)])
    return {"id": aws.region, "ids": [each["VpcId"] for each in found["Vpcs"]]}


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


def get_subnet(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_subnet"""
    found = aws.client("ec2").describe_subnets(SubnetIds=[args["id"]])["Subnets"][0]
    return {"id": args["id"], **selected(found, names("vpcId cidrBlock availabilityZone"))}


def get_eips(aws: Session, args: Mapping[str, Any]) -> Values:
    """aws.ec2.get_eips"""
    found = aws.client("ec2").describe_addresses(Filters=[*filters(args), *tag_filters(args)])
    return {
        "id": aws.region,
        "allocationIds": [each["AllocationId"] for each in found["Addresses"]],
        "publicIps": [each["PublicIp"] for each in found["Addresses"]],
    }


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

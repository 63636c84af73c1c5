"""The lookups (invokes) of the stand-in, by the subject of their modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.aws_plugin.account_lookups import (
    get_caller_identity,
    get_partition,
    get_region,
    get_service_quota,
)
from localcloud.aws_plugin.compute_lookups import (
    get_ami,
    get_instance_type,
    get_instance_type_offerings,
    get_parameter,
)
from localcloud.aws_plugin.network_lookups import (
    get_availability_zones,
    get_eips,
    get_lbs,
    get_subnet,
    get_vpc,
    get_vpcs,
    get_zone,
)
from localcloud.aws_plugin.object_lookups import get_object
from localcloud.aws_plugin.session import Session
from localcloud.aws_plugin.values import Values

Lookup = Callable[[Session, Mapping[str, Any]], Values]


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

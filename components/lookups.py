"""What the program asks AWS before it creates anything: instance types, images, the account."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from cluster import quotas, resolution, untrusted_text
from cluster.aws_facts import AwsFacts, ExistingSubnet, HostedZone, InstanceType, OwnImage
from cluster.errors import ConfigError, Kind
from cluster.model import Cluster
from cluster.spec import ClusterSpec
from components import caller_address
from components.account import Account
from components.caller_address import AddressError

T = TypeVar("T")

CALLER_SECONDS = 10
LONGEST_ERROR = 4000
"""The longest text of the provider that is kept, in characters."""


class LookupFailed(Exception):  # noqa: N818 - reads as the fact it states
    """A lookup was rejected, or nobody could be reached; the text is the whole message."""


def resolve(spec: ClusterSpec, via: pulumi.InvokeOptions | None = None) -> Cluster:
    """
    The cluster that the configuration describes, on this account; `via` has the provider to ask.

    Raises ConfigError with everything that AWS does not have or that does not fit together, or that
    the account may not have so many of, LookupFailed when a lookup fails.
    """
    facts = look_up(spec, via)
    cluster = resolution.resolve(spec, facts, partial(_image_id, via=via))
    vcpus = {name: found.vcpus for name, found in facts.instance_types.items() if found}
    found = list(quotas.problems(cluster, vcpus, Account(cluster, via)))
    warnings = [each for each in found if each.kind == Kind.WARNING]
    if len(warnings) < len(found):
        raise ConfigError([each for each in found if each.kind != Kind.WARNING])
    return dataclasses.replace(cluster, warnings=(*cluster.warnings, *warnings))


def look_up(spec: ClusterSpec, via: pulumi.InvokeOptions | None = None) -> AwsFacts:
    """Ask AWS about everything the configuration names, and where it runs. Raises LookupFailed."""
    place = spec.network
    types = {name: _instance_type(name, via) for name in spec.instance_types}
    subnets = {each: _subnet(each, via) for each in place.subnet_ids}
    vpcs = {subnet.vpc_id for subnet in subnets.values() if subnet}
    known = [name for name, found in types.items() if found]
    zone_ids = [spec.endpoint.zone_id] if spec.endpoint.zone_id else []
    return AwsFacts(
        instance_types=types,
        zones=_zones(via),
        offered=_offered(known, via) if known else {},
        images={ami: _own_image(ami, via) for ami in spec.own_images},
        subnets=subnets,
        vpc_ranges=[each for vpc in sorted(vpcs) for each in _vpc_ranges(vpc, via)],
        hosted_zones={each: _hosted_zone(each, via) for each in zone_ids},
        caller=caller(place.caller_address_url) if place.uses_caller else None,
        region=_lookup("its region", partial(aws.get_region, opts=via)).region,
        account_id=_lookup("the account", partial(aws.get_caller_identity, opts=via)).account_id,
        partition=_lookup("its partition", partial(aws.get_partition, opts=via)).partition,
    )


def _image_id(parameter: str, via: pulumi.InvokeOptions | None = None) -> str:
    found = optional(
        f"the image {parameter}",
        ("ParameterNotFound", "not found", "couldn't find resource"),
        lambda: aws.ssm.get_parameter(name=parameter, opts=via),
    )
    if found is None:
        raise LookupFailed(
            f"the publisher of the image offers none here: this region has no SSM parameter "
            f"{parameter}\n"
            "    set image.id to an AMI of the region, with its login user, or choose another "
            "image.os"
        )
    return found.value


def _own_image(ami: str, via: pulumi.InvokeOptions | None) -> OwnImage | None:
    """An image of the operator's choice; None when there is no such image."""
    found = _image(ami, via)
    if found is None:
        return None
    sizes = [
        int(each.ebs.get("volume_size") or 0)
        for each in found.block_device_mappings
        if each.device_name == found.root_device_name
    ]
    return OwnImage(architecture=found.architecture, root_volume_gib=max(sizes, default=0))


def image_name(ami: str, via: pulumi.InvokeOptions | None = None) -> str | None:
    """
    The name of an image; None when it has none any more, or the lookup fails.

    A machine outlives the image it was made from, and the name is for people: never a reason to
    end a run.
    """
    try:
        found = _image(ami, via)
    except LookupFailed as error:
        pulumi.log.warn(f"the image {ami} has no name in the bom output: {error}")
        return None
    return found.name if found else None


def _image(ami: str, via: pulumi.InvokeOptions | None) -> aws.ec2.GetAmiResult | None:
    """
    One image; None when there is none.

    EC2 hides deprecated images of others from whoever does not ask for them, and starts machines
    from them all the same.
    """
    return optional(
        f"the image {ami}",
        ("returned no results", "InvalidAMIID"),
        lambda: aws.ec2.get_ami(
            filters=[{"name": "image-id", "values": [ami]}], include_deprecated=True, opts=via
        ),
    )


def _subnet(id_: str, via: pulumi.InvokeOptions | None) -> ExistingSubnet | None:
    found = optional(
        f"the subnet {id_}",
        ("InvalidSubnetID", "no matching EC2 Subnet"),
        lambda: aws.ec2.get_subnet(id=id_, opts=via),
    )
    if found is None:
        return None
    return ExistingSubnet(
        vpc_id=found.vpc_id,
        zone=found.availability_zone,
    )


def _vpc_ranges(id_: str, via: pulumi.InvokeOptions | None) -> list[ipaddress.IPv4Network]:
    found = _lookup(f"the VPC {id_}", lambda: aws.ec2.get_vpc(id=id_, opts=via))
    return [ipaddress.IPv4Network(each.cidr_block) for each in found.cidr_block_associations]


def _hosted_zone(id_: str, via: pulumi.InvokeOptions | None) -> HostedZone | None:
    found = optional(
        f"the hosted zone {id_}",
        ("NoSuchHostedZone", "no matching Route 53 Hosted Zone", "couldn't find resource"),
        lambda: aws.route53.get_zone(zone_id=id_, opts=via),
    )
    if found is None:
        return None
    return HostedZone(name=found.name.removesuffix("."), private=bool(found.private_zone))


def _zones(via: pulumi.InvokeOptions | None) -> list[str]:
    """
    The zones of the region, without the Local and Wavelength Zones an account has opted into.

    Those have Elastic IPs of their own, and "eu-central-1-ham-1a" sorts before "eu-central-1a".
    """
    only = [aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])]
    found = _lookup(
        "its zones", lambda: aws.get_availability_zones(state="available", filters=only, opts=via)
    )
    return list(found.names)


def _offered(types: Sequence[str], via: pulumi.InvokeOptions | None) -> dict[str, set[str]]:
    """The zones in which EC2 has each of the instance types."""
    wanted = aws.ec2.GetInstanceTypeOfferingsFilterArgs(name="instance-type", values=types)
    found = _lookup(
        f"the zones of {', '.join(types)}",
        lambda: aws.ec2.get_instance_type_offerings(
            location_type="availability-zone", filters=[wanted], opts=via
        ),
    )
    offered: dict[str, set[str]] = {name: set() for name in types}
    for name, zone in zip(found.instance_types, found.locations, strict=True):
        offered[name].add(zone)
    return offered


def _instance_type(name: str, via: pulumi.InvokeOptions | None) -> InstanceType | None:
    found = optional(
        f"the instance type {name}",
        ("InvalidInstanceType",),
        lambda: aws.ec2.get_instance_type(instance_type=name, opts=via),
    )
    if found is None:
        return None
    return InstanceType(
        architectures=found.supported_architectures,
        vcpus=found.default_vcpus,
        memory_mib=found.memory_size,
        spot="spot" in found.supported_usages_classes,
    )


def caller(url: str) -> str:
    """The range of the one address this program's requests come from. Raises LookupFailed."""
    try:
        return f"{caller_address.fetch(url, CALLER_SECONDS)}/32"
    except AddressError as error:
        raise LookupFailed(
            f'{url} was asked for the address behind "caller", without a proxy: {error}\n'
            "    write the range itself into the allow-lists, or set "
            "cluster.network.callerAddressUrl to a service that returns an IPv4 address"
        ) from None


def optional(what: str, missing: tuple[str, ...], call: Callable[[], T]) -> T | None:
    """The result; None when the error has one of the words for a thing that does not exist."""
    try:
        return _lookup(what, call)
    except LookupFailed as error:
        if not any(word in str(error) for word in missing):
            raise
        pulumi.log.debug(f"AWS has no such thing, {what}: {error}")
        return None


def _lookup(what: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:
        # The SDK raises exactly this for what the provider refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"AWS was asked for {what}: {untrusted_text.lines(str(error), LONGEST_ERROR)}\n"
            "    check aws:region, the credentials and the connection: aws sts get-caller-identity"
        ) from None

"""What the program asks AWS before it creates anything: instance types, images, where it is."""

from __future__ import annotations

import ipaddress
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import pulumi
import pulumi_aws as aws

from cluster import answers
from cluster.answers import Answers, ExistingSubnet, InstanceType, OwnImage
from cluster.model import Cluster, NodePool

T = TypeVar("T")

CALLER_SECONDS = 10


class LookupFailed(Exception):  # noqa: N818 - reads as the fact it states
    """AWS refused a look-up or could not be asked; the text is the whole message."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The account's coordinates, and the image id for each SSM parameter in use."""

    region: str
    account_id: str
    partition: str
    image_ids: Mapping[str, str]

    def image_of(self, cluster: Cluster, pool: NodePool) -> str:
        """The image a machine of the pool is made from."""
        image = pool.image
        return image.ami or self.image_ids[image.parameters[cluster.architecture_of(pool)]]


def resolve(cluster: Cluster) -> Cluster:
    """
    The cluster with everything about it that only AWS knows.

    Raises ConfigError with all that AWS does not have or that does not fit together, LookupFailed
    when AWS does not say.
    """
    place = cluster.network
    types = {name: _instance_type(name) for name in cluster.instance_types}
    subnets = {each: _subnet(each) for each in place.subnet_ids}
    vpcs = {subnet.vpc_id for subnet in subnets.values() if subnet}
    known = [name for name, facts in types.items() if facts]
    given = Answers(
        instance_types=types,
        zones=_zones(),
        offered=_offered(known) if known else {},
        images={ami: _own_image(ami) for ami in cluster.own_images},
        subnets=subnets,
        vpc_ranges=[each for vpc in sorted(vpcs) for each in _vpc_ranges(vpc)],
        caller=caller(place.caller_address_url) if place.asks_for_caller else None,
        region=_region() if cluster.parameter_key_arn else None,
    )
    return answers.resolve(cluster, given)


def look_up(cluster: Cluster) -> Facts:
    """
    Ask AWS where the program runs and which images it starts machines from.

    Raises LookupFailed.
    """
    return Facts(
        region=_region(),
        account_id=_asked("the account", aws.get_caller_identity).account_id,
        partition=_asked("its partition", aws.get_partition).partition,
        image_ids={name: _image_id(name) for name in cluster.image_parameters},
    )


def _region() -> str:
    return _asked("its region", aws.get_region).region


def _image_id(parameter: str) -> str:
    found = _asked(f"the image {parameter}", lambda: aws.ssm.get_parameter(name=parameter))
    return found.value


def _own_image(ami: str) -> OwnImage | None:
    """An image of the operator's choice; None when there is no such image."""
    found = _image(ami)
    if found is None:
        return None
    sizes = [
        int(each.ebs.get("volume_size") or 0)
        for each in found.block_device_mappings
        if each.device_name == found.root_device_name
    ]
    return OwnImage(architecture=found.architecture, root_volume_gib=max(sizes, default=0))


def image_name(ami: str) -> str | None:
    """
    What an image is called; None when it has no name any more, or AWS does not say.

    A machine outlives the image it was made from, and the name is for people: never a reason to
    end a run.
    """
    try:
        found = _image(ami)
    except LookupFailed as error:
        pulumi.log.warn(f"the image {ami} has no name in the bom output: {error}")
        return None
    return found.name if found else None


def _image(ami: str) -> aws.ec2.GetAmiResult | None:
    """
    One image; None when there is none.

    EC2 hides deprecated images of others from whoever does not ask for them, and starts machines
    from them all the same.
    """
    return _known(
        f"the image {ami}",
        ("returned no results", "InvalidAMIID"),
        lambda: aws.ec2.get_ami(
            filters=[{"name": "image-id", "values": [ami]}], include_deprecated=True
        ),
    )


def _subnet(id_: str) -> ExistingSubnet | None:
    found = _known(
        f"the subnet {id_}",
        ("InvalidSubnetID", "no matching EC2 Subnet"),
        lambda: aws.ec2.get_subnet(id=id_),
    )
    if found is None:
        return None
    return ExistingSubnet(
        vpc_id=found.vpc_id,
        zone=found.availability_zone,
    )


def _vpc_ranges(id_: str) -> list[ipaddress.IPv4Network]:
    found = _asked(f"the VPC {id_}", lambda: aws.ec2.get_vpc(id=id_))
    return [ipaddress.IPv4Network(each.cidr_block) for each in found.cidr_block_associations]


def _zones() -> list[str]:
    """
    The zones of the region, without the Local and Wavelength Zones an account has opted into.

    Those have Elastic IPs of their own, and "eu-central-1-ham-1a" sorts before "eu-central-1a".
    """
    only = [aws.GetAvailabilityZonesFilterArgs(name="zone-type", values=["availability-zone"])]
    found = _asked("its zones", lambda: aws.get_availability_zones(state="available", filters=only))
    return list(found.names)


def _offered(types: Sequence[str]) -> dict[str, set[str]]:
    """The zones in which EC2 has each of the instance types."""
    wanted = aws.ec2.GetInstanceTypeOfferingsFilterArgs(name="instance-type", values=types)
    found = _asked(
        f"the zones of {', '.join(types)}",
        lambda: aws.ec2.get_instance_type_offerings(
            location_type="availability-zone", filters=[wanted]
        ),
    )
    offered: dict[str, set[str]] = {name: set() for name in types}
    for name, zone in zip(found.instance_types, found.locations, strict=True):
        offered[name].add(zone)
    return offered


def _instance_type(name: str) -> InstanceType | None:
    found = _known(
        f"the instance type {name}",
        ("InvalidInstanceType",),
        lambda: aws.ec2.get_instance_type(instance_type=name),
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
    """The range of the one address this program is seen from. Raises LookupFailed."""
    request = urllib.request.Request(url)  # noqa: S310 - the configuration's, http or https
    try:
        with urllib.request.urlopen(request, timeout=CALLER_SECONDS) as answer:  # noqa: S310
            text = answer.read(256).decode(errors="replace").strip()
        return f"{ipaddress.IPv4Address(text)}/32"
    except (OSError, ValueError) as error:
        raise LookupFailed(
            f'{url} was asked for the address behind "caller": {error}\n'
            "    write the range itself into the allow-lists, or set "
            "cluster.network.callerAddressUrl to a service that answers with an IPv4 address"
        ) from None


def _known(what: str, unknown: tuple[str, ...], look_up: Callable[[], T]) -> T | None:
    """The answer; None when AWS says one of the words for not knowing the thing."""
    try:
        return _asked(what, look_up)
    except LookupFailed as error:
        if not any(word in str(error) for word in unknown):
            raise
        pulumi.log.debug(f"AWS does not know {what}: {error}")
        return None


def _asked(what: str, look_up: Callable[[], T]) -> T:
    try:
        return look_up()
    except Exception as error:
        # The SDK raises exactly this for what the provider refuses; all else is a bug.
        if type(error) is not Exception:
            raise
        raise LookupFailed(
            f"AWS was asked for {what}: {error}\n"
            "    check aws:region, the credentials and the connection: aws sts get-caller-identity"
        ) from None

"""What AWS says about a configuration, joined with the model: the second half of its making."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import get_args

from cluster import network
from cluster.errors import ConfigError, Problem
from cluster.model import CALLER, Architecture, Cluster, Network, NodePool, Role, Subnet

# https://docs.k3s.io/installation/requirements#hardware
MINIMUM: Mapping[Role, tuple[int, int]] = {"server": (2, 2048), "agent": (1, 512)}


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """What EC2 says about an instance type."""

    architectures: Sequence[str]
    vcpus: int
    memory_mib: int
    spot: bool = True


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """What EC2 says about an image the configuration names; a root volume holds at least it."""

    architecture: str
    root_volume_gib: int


@dataclass(frozen=True, kw_only=True)
class ExistingSubnet:
    """What EC2 says about a subnet that exists."""

    vpc_id: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """
    Everything AWS was asked for one configuration.

    None stands for what AWS does not know: an instance type of no machine here, an image or a
    subnet that does not exist. `zones` are the names of those available, `offered` those of them
    with machines of an instance type, `vpc_ranges` the ranges of the VPC the subnets are in,
    `caller` is the range of the one address the program came from, `region` where it makes all of
    it; both are asked where the configuration needs them.
    """

    instance_types: Mapping[str, InstanceType | None]
    zones: Sequence[str]
    offered: Mapping[str, Collection[str]]
    images: Mapping[str, OwnImage | None] = field(default_factory=dict)
    subnets: Mapping[str, ExistingSubnet | None] = field(default_factory=dict)
    vpc_ranges: Sequence[IPv4Network] = ()
    caller: str | None = None
    region: str | None = None


def resolve(cluster: Cluster, answers: Answers) -> Cluster:
    """The cluster with what only AWS knows. Raises ConfigError with everything it refuses."""
    problems = [
        *(problem for pool in cluster.all_pools for problem in _of_pool(cluster, pool, answers)),
        *_of_place(cluster, answers),
        *_of_key(cluster, answers),
    ]
    # What is offered where can be said of types and places that exist.
    problems = problems or [
        problem for pool in cluster.all_pools for problem in _of_offers(cluster, pool, answers)
    ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    found = {name: _architecture(answers, name) for name in cluster.instance_types}
    known = [answers.subnets[each] for each in cluster.network.subnet_ids]
    return dataclasses.replace(
        cluster,
        architectures={name: each for name, each in found.items() if each},
        subnets=_subnets(cluster.network, answers),
        vpc_id=next((each.vpc_id for each in known if each), None),
        network=_with_caller(cluster.network, answers.caller),
        warnings=(*cluster.warnings, *_too_small(cluster, answers)),
    )


def _architecture(answers: Answers, name: str) -> Architecture | None:
    facts = answers.instance_types[name]
    # EC2 lists ["i386", "x86_64"] for old types.
    known = get_args(Architecture)
    return next((each for each in known if facts and each in facts.architectures), None)


def _of_pool(cluster: Cluster, pool: NodePool, answers: Answers) -> Iterator[Problem]:
    architecture = _architecture(answers, pool.instance_type)
    facts = answers.instance_types[pool.instance_type]
    if architecture is None or facts is None:
        yield Problem(
            f"{pool.path}.instanceType",
            f'"{pool.instance_type}" is no instance type EC2 offers here for arm64 or x86_64',
            "see the types of the region: aws ec2 describe-instance-type-offerings",
        )
        return
    if pool.spot and not facts.spot:
        yield Problem(
            f"{pool.path}.spot",
            f'EC2 offers "{pool.instance_type}" on demand only',
            "choose another instanceType, or remove spot",
        )
    if architecture not in cluster.k3s.sha256:
        yield Problem(
            f"cluster.k3s.sha256.{architecture}",
            f"no SHA-256 is known for {cluster.k3s.version} on {architecture}, "
            f'which "{pool.instance_type}" needs',
            f"set it from sha256sum-{'amd64' if architecture == 'x86_64' else 'arm64'}.txt "
            "of the release, or choose another cluster.k3s.version",
        )
    if pool.image.ami is not None:
        yield from _of_image(pool, pool.image.ami, architecture, answers)


def _of_image(
    pool: NodePool, ami: str, architecture: Architecture, answers: Answers
) -> Iterator[Problem]:
    image = answers.images[ami]
    if image is None:
        yield Problem(
            f"{pool.path}.image.id",
            f'"{ami}" is no image this account can see in this region',
            "images belong to one region; see: aws ec2 describe-images --image-ids " + ami,
        )
        return
    if image.architecture != architecture:
        yield Problem(
            f"{pool.path}.image.id",
            f'"{ami}" is an image for {image.architecture}, and "{pool.instance_type}" is '
            f"{architecture}",
            f"choose an image for {architecture}, or another instanceType",
        )
    if image.root_volume_gib > pool.root_volume_gib:
        yield Problem(
            f"{pool.path}.rootVolumeGib",
            f'the image "{ami}" takes {image.root_volume_gib} GiB, more than the volume\'s '
            f"{pool.root_volume_gib}",
            f"set it to {image.root_volume_gib} or more",
        )


def _of_offers(cluster: Cluster, pool: NodePool, answers: Answers) -> Iterator[Problem]:
    """EC2 does not have every instance type in every zone, and says so only to RunInstances."""
    zones = [subnet.zone for subnet in _subnets(cluster.network, answers)]
    offered = answers.offered.get(pool.instance_type, ())
    without = sorted({zone for zone in zones[: pool.count] if zone not in offered})
    if without:
        yield Problem(
            f"{pool.path}.instanceType",
            f'EC2 has no "{pool.instance_type}" in {", ".join(without)}, where machines of it '
            "would stand",
            _other_zones(cluster, answers),
        )


def _other_zones(cluster: Cluster, answers: Answers) -> str:
    common = set(answers.zones)
    for name in cluster.instance_types:
        common &= set(answers.offered.get(name, ()))
    where = "subnetIds" if cluster.network.subnet_ids else "availabilityZones"
    if not common:
        return "choose another instanceType; no zone of the region has all of the configuration"
    return f"choose another instanceType, or cluster.network.{where} in {', '.join(sorted(common))}"


def _of_place(cluster: Cluster, answers: Answers) -> Iterator[Problem]:
    ranges = cluster.network
    for index, zone in enumerate(ranges.availability_zones):
        if zone not in answers.zones:
            yield Problem(
                f"cluster.network.availabilityZones[{index}]",
                f'"{zone}" is no zone this account can use in this region',
                f"choose of {', '.join(sorted(answers.zones))}",
            )
    first: str | None = None
    for index, id_ in enumerate(ranges.subnet_ids):
        subnet, path = answers.subnets[id_], f"cluster.network.subnetIds[{index}]"
        if subnet is None:
            fix = f"see: aws ec2 describe-subnets --subnet-ids {id_}"
            yield Problem(path, f'"{id_}" is no subnet of this account and region', fix)
            continue
        first = first or subnet.vpc_id
        if subnet.vpc_id != first:
            yield Problem(
                path,
                f'"{id_}" is in {subnet.vpc_id}, those before it in {first}',
                "choose subnets of one VPC",
            )
    for key, own in (("clusterCidr", ranges.cluster_cidr), ("serviceCidr", ranges.service_cidr)):
        for taken in answers.vpc_ranges:
            if own.overlaps(taken):
                yield Problem(
                    f"cluster.network.{key}",
                    f"{own} overlaps {taken}, a range of the VPC {first}",
                    "choose a range that shares no address with the VPC",
                )


def _of_key(cluster: Cluster, answers: Answers) -> Iterator[Problem]:
    key = cluster.parameter_key_arn
    # arn:aws:kms:<region>:<account>:key/<id>
    if key and key.split(":")[3] != answers.region:
        yield Problem(
            "cluster.parameterKmsKeyArn",
            f"the key is in {key.split(':')[3]}, the parameters are in {answers.region}",
            f"name a key of {answers.region}; a multi-Region key has a replica with an ARN there",
        )


def _subnets(ranges: Network, answers: Answers) -> tuple[Subnet, ...]:
    existing = [(id_, answers.subnets[id_]) for id_ in ranges.subnet_ids]
    if existing:
        return tuple(Subnet(zone=each.zone, id=id_) for id_, each in existing if each)
    zones = ranges.availability_zones or (min(answers.zones),)
    cidrs = network.subnet_cidrs(ranges.vpc_cidr, len(zones))
    return tuple(Subnet(zone=zone, cidr=cidr) for zone, cidr in zip(zones, cidrs, strict=True))


def _with_caller(ranges: Network, caller: str | None) -> Network:
    def put_in(listed: tuple[str, ...]) -> tuple[str, ...]:
        found = (caller if each == CALLER and caller else each for each in listed)
        return tuple(dict.fromkeys(found))

    return dataclasses.replace(
        ranges,
        api_allowed_cidrs=put_in(ranges.api_allowed_cidrs),
        ssh_allowed_cidrs=put_in(ranges.ssh_allowed_cidrs),
    )


def _too_small(cluster: Cluster, answers: Answers) -> Iterator[Problem]:
    for pool in cluster.all_pools:
        facts = answers.instance_types[pool.instance_type]
        vcpus, memory = MINIMUM[pool.role]
        if facts and (facts.vcpus < vcpus or facts.memory_mib < memory):
            yield Problem(
                f"{pool.path}.instanceType",
                f'"{pool.instance_type}" has {facts.vcpus} vCPU and {facts.memory_mib} MiB',
                f"k3s asks for {vcpus} vCPU and {memory} MiB on {pool.role}s",
            )

"""What AWS reports about a configuration, and the configuration resolved with it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import Any, get_args

from cluster import network
from cluster.errors import ConfigError, Kind, Problem
from cluster.model import Cluster, Network, NodePool, Subnet
from cluster.spec import CALLER, Architecture, ClusterSpec, NetworkSpec, PoolSpec, Role

# https://docs.k3s.io/installation/requirements#hardware
MINIMUM: Mapping[Role, tuple[int, int]] = {"server": (2, 2048), "agent": (1, 512)}


@dataclass(frozen=True, kw_only=True)
class InstanceType:
    """An instance type, as EC2 describes it."""

    architectures: Sequence[str]
    vcpus: int
    memory_mib: int
    spot: bool = True


@dataclass(frozen=True, kw_only=True)
class OwnImage:
    """An image that the configuration names; a root volume is at least as large as it."""

    architecture: str
    root_volume_gib: int


@dataclass(frozen=True, kw_only=True)
class ExistingSubnet:
    """A subnet that the configuration names."""

    vpc_id: str
    zone: str


@dataclass(frozen=True, kw_only=True)
class AwsFacts:
    """
    Everything AWS reports about one configuration, but for the ids of the publishers' images.

    None stands for what does not exist: an instance type without machines in this region, an image
    or a subnet. `zones` are the names of the available zones, `offered` those of them that have an
    instance type, `vpc_ranges` the ranges of the subnets' VPC. `caller` is the range of the one
    address the program's requests come from; None unless an allow-list has CALLER.
    """

    region: str
    account_id: str
    partition: str
    instance_types: Mapping[str, InstanceType | None]
    zones: Sequence[str]
    offered: Mapping[str, Collection[str]]
    images: Mapping[str, OwnImage | None] = field(default_factory=dict)
    subnets: Mapping[str, ExistingSubnet | None] = field(default_factory=dict)
    vpc_ranges: Sequence[IPv4Network] = ()
    caller: str | None = None

    def architecture_of(self, instance_type: str) -> Architecture | None:
        """The architecture of a type; None for a type that has neither of ours."""
        found = self.instance_types[instance_type]
        # EC2 lists ["i386", "x86_64"] for old types.
        known = get_args(Architecture)
        return next((each for each in known if found and each in found.architectures), None)


def resolve(spec: ClusterSpec, facts: AwsFacts, find_image: Callable[[str], str]) -> Cluster:
    """
    The cluster that the configuration describes, on this account.

    `find_image` gives the image id behind an SSM parameter; it is called once for each parameter,
    and only when the configuration fits the facts. Raises ConfigError with every problem.
    """
    problems = [
        *(problem for pool in spec.all_pools for problem in _check_pool(spec, pool, facts)),
        *_check_network(spec.network, facts),
        *_check_key(spec, facts),
    ]
    # Offers are compared only for types and zones that exist.
    problems = problems or [
        problem for pool in spec.all_pools for problem in _check_offers(spec, pool, facts)
    ]
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    servers, *agents = _pools(spec, facts, find_image)
    known = [facts.subnets[each] for each in spec.network.subnet_ids]
    fields = _fields(spec) | {
        "servers": servers,
        "pools": tuple(agents),
        "network": _network(spec.network, facts.caller),
        "warnings": (*spec.warnings, *_warn_of_size(spec, facts)),
    }
    return Cluster(
        **fields,
        subnets=_subnets(spec.network, facts),
        vpc_id=next((each.vpc_id for each in known if each), None),
        region=facts.region,
        account_id=facts.account_id,
        partition=facts.partition,
    )


def _fields(value: Any) -> dict[str, Any]:
    """The fields of a dataclass, not copied."""
    return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}


def _pools(
    spec: ClusterSpec, facts: AwsFacts, find_image: Callable[[str], str]
) -> Iterator[NodePool]:
    found: dict[str, str] = {}
    for pool in spec.all_pools:
        architecture = facts.architecture_of(pool.instance_type)
        assert architecture is not None, "the types were checked"  # noqa: S101 - for mypy
        image_id = pool.image.ami
        if image_id is None:
            parameter = pool.image.parameters[architecture]
            image_id = found[parameter] = found.get(parameter) or find_image(parameter)
        yield NodePool(**_fields(pool), architecture=architecture, image_id=image_id)


def _check_pool(spec: ClusterSpec, pool: PoolSpec, facts: AwsFacts) -> Iterator[Problem]:
    architecture = facts.architecture_of(pool.instance_type)
    found = facts.instance_types[pool.instance_type]
    if architecture is None or found is None:
        yield Problem(
            f"{pool.path}.instanceType",
            f'EC2 has no instance type "{pool.instance_type}" for arm64 or x86_64 in '
            f"{facts.region}",
            "see the types of the region: aws ec2 describe-instance-type-offerings",
            Kind.UNAVAILABLE,
        )
        return
    if pool.spot and not found.spot:
        yield Problem(
            f"{pool.path}.spot",
            f'EC2 offers "{pool.instance_type}" on demand only',
            "choose another instanceType, or remove spot",
            Kind.UNAVAILABLE,
        )
    if architecture not in spec.k3s.sha256:
        yield Problem(
            f"cluster.k3s.sha256.{architecture}",
            f"no SHA-256 is known for {spec.k3s.version} on {architecture}, "
            f'which "{pool.instance_type}" needs',
            f"set it from sha256sum-{'amd64' if architecture == 'x86_64' else 'arm64'}.txt "
            "of the release, or choose another cluster.k3s.version",
            Kind.REQUIRED,
        )
    if pool.image.ami is not None:
        yield from _check_image(pool, pool.image.ami, architecture, facts)


def _check_image(
    pool: PoolSpec, ami: str, architecture: Architecture, facts: AwsFacts
) -> Iterator[Problem]:
    image = facts.images[ami]
    if image is None:
        yield Problem(
            f"{pool.path}.image.id",
            f'this account can use no image "{ami}" in {facts.region}',
            "images belong to one region; see: aws ec2 describe-images --image-ids " + ami,
            Kind.UNAVAILABLE,
        )
        return
    if image.architecture != architecture:
        yield Problem(
            f"{pool.path}.image.id",
            f'"{ami}" is an image for {image.architecture}, and "{pool.instance_type}" is '
            f"{architecture}",
            f"choose an image for {architecture}, or another instanceType",
            Kind.CONFLICT,
        )
    if image.root_volume_gib > pool.root_volume_gib:
        yield Problem(
            f"{pool.path}.rootVolumeGib",
            f'the image "{ami}" takes {image.root_volume_gib} GiB, more than the volume\'s '
            f"{pool.root_volume_gib}",
            f"set it to {image.root_volume_gib} or more",
            Kind.CONFLICT,
        )


def _check_offers(spec: ClusterSpec, pool: PoolSpec, facts: AwsFacts) -> Iterator[Problem]:
    """EC2 does not have every instance type in every zone; only RunInstances would report it."""
    zones = [subnet.zone for subnet in _subnets(spec.network, facts)]
    offered = facts.offered.get(pool.instance_type, ())
    without = sorted({zone for zone in zones[: pool.count] if zone not in offered})
    if without:
        yield Problem(
            f"{pool.path}.instanceType",
            f'EC2 has no "{pool.instance_type}" in {", ".join(without)}, the zone of machines of '
            "this pool",
            _suggest_zones(spec, facts),
            Kind.UNAVAILABLE,
        )


def _suggest_zones(spec: ClusterSpec, facts: AwsFacts) -> str:
    common = set(facts.zones)
    for name in spec.instance_types:
        common &= set(facts.offered.get(name, ()))
    where = "subnetIds" if spec.network.subnet_ids else "availabilityZones"
    if not common:
        return "choose another instanceType; no zone of the region has all of the configuration"
    return f"choose another instanceType, or cluster.network.{where} in {', '.join(sorted(common))}"


def _check_network(ranges: NetworkSpec, facts: AwsFacts) -> Iterator[Problem]:
    for index, zone in enumerate(ranges.availability_zones):
        if zone not in facts.zones:
            yield Problem(
                f"cluster.network.availabilityZones[{index}]",
                f'this account can use no zone "{zone}" in {facts.region}',
                f"choose from {', '.join(sorted(facts.zones))}",
                Kind.UNAVAILABLE,
            )
    first: str | None = None
    for index, id_ in enumerate(ranges.subnet_ids):
        subnet, path = facts.subnets[id_], f"cluster.network.subnetIds[{index}]"
        if subnet is None:
            fix = f"see: aws ec2 describe-subnets --subnet-ids {id_}"
            what = f'this account has no subnet "{id_}" in {facts.region}'
            yield Problem(path, what, fix, Kind.UNAVAILABLE)
            continue
        first = first or subnet.vpc_id
        if subnet.vpc_id != first:
            yield Problem(
                path,
                f'"{id_}" is in {subnet.vpc_id}, those before it in {first}',
                "choose subnets of one VPC",
                Kind.CONFLICT,
            )
    for key, own in (("clusterCidr", ranges.cluster_cidr), ("serviceCidr", ranges.service_cidr)):
        for taken in facts.vpc_ranges:
            if own.overlaps(taken):
                yield Problem(
                    f"cluster.network.{key}",
                    f"{own} overlaps {taken}, a range of the VPC {first}",
                    "choose a range that shares no address with the VPC",
                    Kind.CONFLICT,
                )


def _check_key(spec: ClusterSpec, facts: AwsFacts) -> Iterator[Problem]:
    key = spec.parameter_key_arn
    # arn:aws:kms:<region>:<account>:key/<id>
    if key and key.split(":")[3] != facts.region:
        yield Problem(
            "cluster.parameterKmsKeyArn",
            f"the key is in {key.split(':')[3]}, the parameters are in {facts.region}",
            f"name a key of {facts.region}; a multi-Region key has a replica with an ARN there",
            Kind.CONFLICT,
        )


def _subnets(ranges: NetworkSpec, facts: AwsFacts) -> tuple[Subnet, ...]:
    existing = [(id_, facts.subnets[id_]) for id_ in ranges.subnet_ids]
    if existing:
        return tuple(Subnet(zone=each.zone, id=id_) for id_, each in existing if each)
    zones = ranges.availability_zones or (min(facts.zones),)
    cidrs = network.subnet_cidrs(ranges.vpc_cidr, len(zones))
    return tuple(Subnet(zone=zone, cidr=cidr) for zone, cidr in zip(zones, cidrs, strict=True))


def _network(ranges: NetworkSpec, caller: str | None) -> Network:
    def resolved(listed: tuple[str, ...]) -> tuple[str, ...]:
        found = (caller if each == CALLER and caller else each for each in listed)
        return tuple(dict.fromkeys(found))

    fields = _fields(ranges) | {
        "api_allowed_cidrs": resolved(ranges.api_allowed_cidrs),
        "ssh_allowed_cidrs": resolved(ranges.ssh_allowed_cidrs),
    }
    return Network(**fields)


def _warn_of_size(spec: ClusterSpec, facts: AwsFacts) -> Iterator[Problem]:
    for pool in spec.all_pools:
        found = facts.instance_types[pool.instance_type]
        vcpus, memory = MINIMUM[pool.role]
        if found and (found.vcpus < vcpus or found.memory_mib < memory):
            yield Problem(
                f"{pool.path}.instanceType",
                f'"{pool.instance_type}" has {found.vcpus} vCPU and {found.memory_mib} MiB',
                f"k3s asks for {vcpus} vCPU and {memory} MiB on {pool.role}s",
                Kind.WARNING,
            )

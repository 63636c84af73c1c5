"""What of a configuration does not fit the facts of the account, as problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from cluster import hosted_zones, reservations
from cluster.aws_facts import AwsFacts
from cluster.errors import Kind, Problem
from cluster.spec import Architecture, ClusterSpec, NetworkSpec, PoolSpec, Role

# https://docs.k3s.io/installation/requirements#hardware
MINIMUM: Mapping[Role, tuple[int, int]] = {"server": (2, 2048), "agent": (1, 512)}


def problems(spec: ClusterSpec, facts: AwsFacts) -> list[Problem]:
    """Everything that AWS does not have or that does not fit together, each once."""
    found = [
        *(problem for pool in spec.all_pools for problem in _check_pool(spec, pool, facts)),
        *_check_network(spec.network, facts),
        *_check_keys(spec, facts),
        *hosted_zones.problems(spec.endpoint, facts),
    ]
    # Offers are compared only for types and zones that exist.
    found = found or [each for pool in spec.all_pools for each in _check_offers(spec, pool, facts)]
    return list(dict.fromkeys(found))


def warnings(spec: ClusterSpec, facts: AwsFacts) -> Iterator[Problem]:
    """Machines that are smaller than k3s asks for, and names that clients may not resolve."""
    yield from hosted_zones.warnings(spec.endpoint, facts)
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
    yield from reservations.problems(spec, pool, found)


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
    zones = [subnet.zone for subnet in facts.subnets_of(spec.network)]
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


def _check_keys(spec: ClusterSpec, facts: AwsFacts) -> Iterator[Problem]:
    parameters, backup = spec.parameter_key_arn, spec.backup and spec.backup.kms_key_arn
    if parameters:
        yield from _check_key("cluster.parameterKmsKeyArn", parameters, "parameters are", facts)
    if backup:
        yield from _check_key("cluster.backup.kmsKeyArn", backup, "bucket is", facts)


def _check_key(path: str, key: str, what_is: str, facts: AwsFacts) -> Iterator[Problem]:
    """Parameter Store and S3 encrypt with a key of their own region; `what_is` there."""
    # arn:<partition>:kms:<region>:<account>:key/<id>
    _, partition, _, region, *_ = key.split(":")
    if partition != facts.partition:
        yield Problem(
            path,
            f"the key is in the partition {partition}, the account in {facts.partition}",
            f"name a key of {facts.region}: arn:{facts.partition}:kms:{facts.region}:...",
            Kind.CONFLICT,
        )
    elif region != facts.region:
        yield Problem(
            path,
            f"the key is in {region}, the {what_is} in {facts.region}",
            f"name a key of {facts.region}; a multi-Region key has a replica with an ARN there",
            Kind.CONFLICT,
        )

"""An account of AWS, as far as the tests need one."""

from __future__ import annotations

from ipaddress import IPv4Network

from cluster import quotas, resolution
from cluster.aws_facts import AwsFacts, ExistingSubnet, HostedZone, InstanceType, OwnImage
from cluster.errors import ConfigError
from cluster.model import Cluster
from cluster.quotas import Quota
from cluster.spec import ClusterSpec

INSTANCE_TYPES = {
    "t3.nano": InstanceType(architectures=["x86_64"], vcpus=2, memory_mib=512),
    "t3.small": InstanceType(architectures=["x86_64"], vcpus=2, memory_mib=2048),
    "t3.medium": InstanceType(architectures=["x86_64"], vcpus=2, memory_mib=4096),
    "c7i.large": InstanceType(architectures=["x86_64"], vcpus=2, memory_mib=4096),
    "t1.micro": InstanceType(architectures=["i386", "x86_64"], vcpus=1, memory_mib=613),
    "t4g.nano": InstanceType(architectures=["arm64"], vcpus=2, memory_mib=512),
    "t4g.small": InstanceType(architectures=["arm64"], vcpus=2, memory_mib=2048),
    "t4g.medium": InstanceType(architectures=["arm64"], vcpus=2, memory_mib=4096),
    "m7g.large": InstanceType(architectures=["arm64"], vcpus=2, memory_mib=8192),
    "m7i.large": InstanceType(architectures=["x86_64"], vcpus=2, memory_mib=8192),
    "mac1.metal": InstanceType(architectures=["x86_64_mac"], vcpus=12, memory_mib=32768),
    "u-3tb1.56xlarge": InstanceType(
        architectures=["x86_64"], vcpus=224, memory_mib=3145728, spot=False
    ),
}
IMAGES = {
    "ami-0aaaaaaaaaaaaaaaa": OwnImage(architecture="x86_64", root_volume_gib=8),
    "ami-0bbbbbbbbbbbbbbbb": OwnImage(architecture="arm64", root_volume_gib=20),
    "ami-0dddddddddddddddd": OwnImage(architecture="arm64", root_volume_gib=30),
}
ZONES = ("eu-central-1a", "eu-central-1b", "eu-central-1c")
# Not every type is everywhere.
OFFERED = {"m7i.large": ("eu-central-1b", "eu-central-1c"), "u-3tb1.56xlarge": ("eu-central-1a",)}
SUBNETS = {
    "subnet-0aaaaaaaaaaaaaaaa": ExistingSubnet(vpc_id="vpc-0a", zone="eu-central-1a"),
    "subnet-0bbbbbbbbbbbbbbbb": ExistingSubnet(vpc_id="vpc-0a", zone="eu-central-1b"),
    "subnet-0cccccccccccccccc": ExistingSubnet(vpc_id="vpc-0b", zone="eu-central-1a"),
}
HOSTED_ZONES = {
    "Z0AAAAAAAAAAAAAAAAAAA": None,
    "Z0BBBBBBBBBBBBBBBBBBB": HostedZone(name="example.org", private=False),
    "Z0CCCCCCCCCCCCCCCCCCC": HostedZone(name="example.com", private=True),
}
# Every other one.
EXAMPLE_COM = HostedZone(name="example.com", private=False)
VPC_RANGES = (IPv4Network("10.0.0.0/16"), IPv4Network("10.200.0.0/16"))


# What the account may have, by the codes of Service Quotas: addresses, VPCs, vCPUs, rules, TiB.
QUOTAS = {
    **{"L-0263D0A3": 50, "L-F678F1CE": 5, "L-1216C47A": 64, "L-34B43A08": 8, "L-0EA8095F": 60},
    "L-7A658B76": 50,
}


class Account:
    """An account with nothing in it."""

    def quota(self, quota: Quota) -> int | None:
        return QUOTAS.get(quota.code)

    def addresses(self, *, own: bool) -> int | None:
        return 0

    def vpcs(self, *, own: bool) -> int | None:
        return 0

    def load_balancers(self, *, own: bool) -> int | None:
        return 0


def require_quotas(cluster: Cluster) -> None:
    """Raises ConfigError where the account may not have so much."""
    vcpus = {name: each.vcpus for name, each in INSTANCE_TYPES.items()}
    if found := list(quotas.problems(cluster, vcpus, Account())):
        raise ConfigError(found)


def resolve(spec: ClusterSpec) -> Cluster:
    """The cluster on the tests' account. Raises ConfigError."""
    return resolution.resolve(spec, facts_about(spec), lambda parameter: f"ami behind {parameter}")


def facts_about(spec: ClusterSpec) -> AwsFacts:
    """What AWS reports about this configuration."""
    subnets = {each: SUBNETS.get(each) for each in spec.network.subnet_ids}
    zone_ids = [spec.endpoint.zone_id] if spec.endpoint.zone_id else []
    return AwsFacts(
        region="eu-central-1",
        account_id="123456789012",
        partition="aws",
        instance_types={name: INSTANCE_TYPES.get(name) for name in spec.instance_types},
        zones=ZONES,
        offered={name: OFFERED.get(name, ZONES) for name in spec.instance_types},
        images={ami: IMAGES.get(ami) for ami in spec.own_images},
        subnets=subnets,
        vpc_ranges=VPC_RANGES if any(subnets.values()) else (),
        hosted_zones={each: HOSTED_ZONES.get(each, EXAMPLE_COM) for each in zone_ids},
        caller="198.51.100.9/32" if spec.network.uses_caller else None,
    )

"""What AWS reports about a configuration."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import get_args

from cluster import network
from cluster.model import Subnet
from cluster.spec import Architecture, NetworkSpec


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
class HostedZone:
    """A hosted zone of Route 53: its name without the last dot."""

    name: str
    private: bool


@dataclass(frozen=True, kw_only=True)
class AwsFacts:
    """
    Everything AWS reports about one configuration, but for the ids of the publishers' images.

    None stands for what does not exist: an instance type without machines in this region, an image,
    a subnet or a hosted zone. `zones` are the names of the available zones, `offered` those of them
    that have an instance type, `vpc_ranges` the ranges of the subnets' VPC. `caller` is the range
    of the one address the program's requests come from; None unless an allow-list has CALLER.
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
    hosted_zones: Mapping[str, HostedZone | None] = field(default_factory=dict)
    caller: str | None = None

    def architecture_of(self, instance_type: str) -> Architecture | None:
        """The architecture of a type; None for a type that has neither of ours."""
        found = self.instance_types[instance_type]
        # EC2 lists ["i386", "x86_64"] for old types.
        known = get_args(Architecture)
        return next((each for each in known if found and each in found.architectures), None)

    def subnets_of(self, ranges: NetworkSpec) -> tuple[Subnet, ...]:
        """The subnets of the machines: those that exist, or parts of a VPC of our own."""
        existing = [(id_, self.subnets[id_]) for id_ in ranges.subnet_ids]
        if existing:
            return tuple(Subnet(zone=each.zone, id=id_) for id_, each in existing if each)
        zones = ranges.availability_zones or (min(self.zones),)
        cidrs = network.subnet_cidrs(ranges.vpc_cidr, len(zones))
        return tuple(Subnet(zone=zone, cidr=cidr) for zone, cidr in zip(zones, cidrs, strict=True))

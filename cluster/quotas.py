"""What a cluster needs of the account's quotas, and where the account has less: as problems."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from cluster import network
from cluster.errors import Kind, Problem
from cluster.model import Cluster
from cluster.spec import PoolSpec


@dataclass(frozen=True, kw_only=True)
class Quota:
    """
    A quota by the codes of Service Quotas and its name there.

    `default` is what every account has at least, where AWS documents one: a use below it needs no
    question. https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    """

    service: str
    code: str
    name: str
    default: int = 0


ADDRESSES = Quota(service="ec2", code="L-0263D0A3", name="EC2-VPC Elastic IPs", default=5)
VPCS = Quota(service="vpc", code="L-F678F1CE", name="VPCs per Region", default=5)
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-limits.html
LOAD_BALANCERS = Quota(
    service="elasticloadbalancing",
    code="L-69A177A2",
    name="Network Load Balancers per Region",
    default=50,
)
RULES = Quota(
    service="vpc",
    code="L-0EA8095F",
    name="Inbound or outbound rules per security group",
    default=60,
)
# https://docs.aws.amazon.com/ebs/latest/userguide/ebs-resource-quotas.html
STORAGE = Quota(
    service="ebs",
    code="L-7A658B76",
    name="Storage for General Purpose SSD (gp3) volumes, in TiB",
    default=50,
)
_GIB_IN_TIB = 1024


def _vcpus(code: str, name: str) -> Quota:
    return Quota(service="ec2", code=code, name=name)


_STANDARD = (
    _vcpus("L-1216C47A", "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances"),
    _vcpus("L-34B43A08", "All Standard (A, C, D, H, I, M, R, T, Z) Spot Instance Requests"),
)
_GRAPHICS = (
    _vcpus("L-DB2E81BA", "Running On-Demand G and VT instances"),
    _vcpus("L-3819A6DF", "All G and VT Spot Instance Requests"),
)
_ACCELERATED = (
    _vcpus("L-417A185B", "Running On-Demand P instances"),
    _vcpus("L-7212CCBC", "All P4, P3 and P2 Spot Instance Requests"),
)
_P5_SPOT = _vcpus("L-C4BD4855", "All P5 Spot Instance Requests")
# On demand and spot, by the letters that the names of the instance types begin with:
# https://docs.aws.amazon.com/ec2/latest/instancetypes/ec2-instance-quotas.html
_FAMILIES: Mapping[str, tuple[Quota, Quota]] = {
    **dict.fromkeys(("a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"), _STANDARD),
    **dict.fromkeys(("g", "gr", "vt"), _GRAPHICS),
    "f": (
        _vcpus("L-74FC7D96", "Running On-Demand F instances"),
        _vcpus("L-88CF9481", "All F Spot Instance Requests"),
    ),
    "inf": (
        _vcpus("L-1945791B", "Running On-Demand Inf instances"),
        _vcpus("L-B5D1601B", "All Inf Spot Instance Requests"),
    ),
    "p": _ACCELERATED,
    "trn": (
        _vcpus("L-2C3B7624", "Running On-Demand Trn instances"),
        _vcpus("L-6B0D517C", "All Trn Spot Instance Requests"),
    ),
    "x": (
        _vcpus("L-7295265B", "Running On-Demand X instances"),
        _vcpus("L-E3A00192", "All X Spot Instance Requests"),
    ),
}


class Account(Protocol):
    """What AWS reports of the account in this region; None where it does not."""

    def quota(self, quota: Quota) -> int | None: ...

    def addresses(self, *, own: bool) -> int | None:
        """The number of Elastic IPs: all, or those of this cluster."""

    def vpcs(self, *, own: bool) -> int | None:
        """The number of VPCs: all, or those of this cluster."""

    def load_balancers(self, *, own: bool) -> int | None:
        """The number of network load balancers: all, or those of this cluster."""


def vcpu_quota(instance_type: str, *, spot: bool) -> Quota | None:
    """The quota that the vCPUs of the instance type count against; None for a rare family."""
    letters = re.match("[a-z]*", instance_type)
    families = _FAMILIES.get(letters[0] if letters else "")
    if families is _ACCELERATED and spot and not re.match(r"p[234][a-z]*\.", instance_type):
        # AWS documents a quota of its own for P5, and none for later ones.
        return _P5_SPOT if re.match(r"p5[a-z]*\.", instance_type) else None
    return families[spot] if families else None


def problems(cluster: Cluster, vcpus: Mapping[str, int], account: Account) -> Iterator[Problem]:
    """
    Where the cluster needs more than the account may have, with both numbers.

    `vcpus` are those of the instance types. What AWS does not report is taken for enough, with a
    warning where it is more than a new account has.
    """
    yield from _check_addresses(cluster, account)
    yield from _check_vpcs(cluster, account)
    yield from _check_load_balancers(cluster, account)
    yield from _check_vcpus(cluster, vcpus, account)
    yield from _check_rules(cluster, account)
    yield from _check_storage(cluster, account)


def _check_addresses(cluster: Cluster, account: Account) -> Iterator[Problem]:
    if not cluster.network.public_addresses:
        return
    wanted = len(cluster.nodes)
    if exceeded := _exceeded(account, account.addresses, wanted, ADDRESSES):
        others, allowed = exceeded
        yield _problem(
            "cluster.pools",
            f"{_counted(wanted, 'machine')} with a public address each, and {others} other "
            f"Elastic IPs in {cluster.region}",
            allowed,
            ADDRESSES,
            ", have fewer machines, or private ones with cluster.network.subnetIds",
        )


def _check_vpcs(cluster: Cluster, account: Account) -> Iterator[Problem]:
    if cluster.vpc_id is not None:
        return
    if exceeded := _exceeded(account, account.vpcs, 1, VPCS):
        others, allowed = exceeded
        yield _problem(
            "cluster.network.vpcCidr",
            f"a VPC of its own, and {others} others in {cluster.region}",
            allowed,
            VPCS,
            ", or name the subnets of one that exists in cluster.network.subnetIds",
        )


def _check_load_balancers(cluster: Cluster, account: Account) -> Iterator[Problem]:
    if cluster.endpoint.type != "loadBalancer":
        return
    if exceeded := _exceeded(account, account.load_balancers, 1, LOAD_BALANCERS):
        others, allowed = exceeded
        yield _problem(
            "cluster.endpoint.type",
            f"a network load balancer, and {others} others in {cluster.region}",
            allowed,
            LOAD_BALANCERS,
            ", or use dnsName",
        )


def _check_vcpus(cluster: Cluster, vcpus: Mapping[str, int], account: Account) -> Iterator[Problem]:
    wanted: Counter[Quota] = Counter()
    pools: dict[Quota, list[PoolSpec]] = {}
    for pool in cluster.all_pools:
        quota = vcpu_quota(pool.instance_type, spot=pool.spot is not None)
        if quota is not None:
            wanted[quota] += pool.count * vcpus[pool.instance_type]
            pools.setdefault(quota, []).append(pool)
    for quota, number in wanted.items():
        # How many other machines of the region have is not asked: EC2 gives no sum of them.
        allowed = account.quota(quota)
        if allowed is not None and number > allowed:
            machines = ", ".join(f"{each.count} x {each.instance_type}" for each in pools[quota])
            path = f"{pools[quota][0].path}.instanceType"
            what = f"{number} vCPUs for {machines}"
            yield _problem(path, what, allowed, quota, ", or have fewer or smaller machines")


def _check_rules(cluster: Cluster, account: Account) -> Iterator[Problem]:
    number = Counter(rule.group for rule in network.ingress_rules(cluster))
    for group, count in number.items():
        if count <= RULES.default:
            continue
        allowed = account.quota(RULES)
        needed = f"{count} rules for the security group of the {group}s"
        instead = ", or list fewer and wider ranges"
        if allowed is None:
            yield _unknown("cluster.network", needed, RULES, instead)
        elif count > allowed:
            yield _problem("cluster.network", needed, allowed, RULES, instead)


def _check_storage(cluster: Cluster, account: Account) -> Iterator[Problem]:
    gib = {
        f"{pool.path}.{key}": pool.count * (size or 0)
        for pool in cluster.all_pools
        for key, size in (
            ("rootVolumeGib", pool.root_volume_gib),
            ("dataVolumeGib", pool.data_volume_gib),
        )
    }
    number = math.ceil(sum(gib.values()) / _GIB_IN_TIB)
    if number <= STORAGE.default:
        return
    # Other volumes of the region are not counted, like vCPUs.
    allowed = account.quota(STORAGE)
    path = max(gib, key=gib.__getitem__)
    needed = f"{number} TiB for {sum(gib.values())} GiB of volumes"
    instead = ", or have fewer or smaller volumes"
    if allowed is None:
        yield _unknown(path, needed, STORAGE, instead)
    elif number > allowed:
        yield _problem(path, needed, allowed, STORAGE, instead)


class _Number(Protocol):
    def __call__(self, *, own: bool) -> int | None: ...


def _exceeded(
    account: Account, number: _Number, wanted: int, quota: Quota
) -> tuple[int, int] | None:
    """How many there are that are not the cluster's, and the quota that they exceed with it."""
    total = number(own=False)
    if total is None or total + wanted <= quota.default:
        return None
    if (own := number(own=True)) is None:
        return None
    others, allowed = total - own, account.quota(quota)
    return (others, allowed) if allowed is not None and others + wanted > allowed else None


def _problem(path: str, needed: str, allowed: int, quota: Quota, instead: str) -> Problem:
    what = f"needs {needed}; the quota of this account is {allowed}"
    return Problem(path, what, _raise(quota) + instead, Kind.UNAVAILABLE)


def _unknown(path: str, needed: str, quota: Quota, instead: str) -> Problem:
    what = (
        f"needs {needed}; the quota of this account is not known, that of a new one is "
        f"{quota.default}"
    )
    return Problem(path, what, _raise(quota) + instead, Kind.WARNING)


def _raise(quota: Quota) -> str:
    return (
        f'raise "{quota.name}" in Service Quotas (aws service-quotas '
        f"request-service-quota-increase --service-code {quota.service} --quota-code "
        f"{quota.code} --desired-value ...)"
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

"""
What another place of the machines does to all of them at once, whatever the order of a rollout is.

A subnet of a VPC of the program's own is deleted before another one is created in its place, and
with it, in the same step of the engine, everything that stands in it. Only a zone that is added at
the end of the list, or given up there, leaves the other subnets as they are.

What stands in the subnets of the program itself never waits for a machine's turn: its address, and
the load balancer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cluster.errors import Kind, Problem
from cluster.node_changes import Pair
from cluster.record import PlaceRecord, Record

_VPC, _ZONES, _SUBNETS = (
    f"cluster.network.{key}" for key in ("vpcCidr", "availabilityZones", "subnetIds")
)
_ENDPOINT, _PUBLIC = "cluster.endpoint.type", "cluster.network.publicAddresses"
_ANOTHER_STACK = "move what runs to a cluster in another stack"
_IN_TWO_STEPS = (
    "keep the zones that are there, and their order: give up some at the end of the list in one "
    f"update, and add others there in the next; or {_ANOTHER_STACK}"
)
_FIRST = "a subnet is deleted with everything in it before another one is created in its place"


@dataclass(frozen=True, kw_only=True)
class _Replaced:
    """The subnets of the program's own VPC that the change replaces, by index, and by which key."""

    path: str
    before: Record
    indices: frozenset[int]

    def has(self, machine: int) -> bool:
        """Whether the machine with this index in its pool is in one of them."""
        return machine % len(self.before.subnets) in self.indices

    def machines(self, role: str | None = None) -> int:
        """How many machines are in them, of one role or of both."""
        pools = [pool for pool in self.before.pools if role in (None, pool.role)]
        return sum(self.has(index) for pool in pools for index in range(pool.count))


def rejections(before: Record, after: Record) -> Iterator[Problem]:
    """What would take several servers, or end in the middle since a step cannot succeed."""
    if _move_all_servers(before, after):
        yield Problem(
            _SUBNETS,
            "moves all servers at once: the first that is replaced would look for the others at "
            "addresses that have no machine yet",
            "let one of the servers keep its subnet in this update, and move it in the next; or "
            f"{_ANOTHER_STACK}",
            Kind.QUORUM,
        )
    replaced = _replaced(before, after)
    if not replaced.indices:
        return
    if _is_divided_otherwise(before, after):
        yield _of_ranges(before, after)
    elif before.servers.count == 1 and _is_balanced(before) and replaced.has(0):
        yield Problem(
            replaced.path,
            f"replaces the subnet of the load balancer: {_FIRST}, and AWS deletes none that is "
            "in use",
            'set cluster.endpoint.type to "serverAddress" or "dnsName" in an update before; or '
            f"{_ANOTHER_STACK}",
            Kind.CONFLICT,
        )
    # Another range of the VPC is rejected for several servers anyway (data_loss.py).
    elif before.servers.count > 1 and replaced.path == _ZONES and replaced.machines("server"):
        number = f"{replaced.machines('server')} of {before.servers.count} servers"
        what = f"deletes {number} before any of them is created again: {_FIRST}"
        yield Problem(_ZONES, what, _IN_TWO_STEPS, Kind.QUORUM)


def consequences(before: Record, after: Record, pairs: Sequence[Pair]) -> Iterator[Problem]:
    """What is allowed, and concerns several machines or all clients at once."""
    replaced = _replaced(before, after)
    if (number := replaced.machines()) > 1:
        what = f"deletes {number} machines before any of them is created again: {_FIRST}"
        yield _warning(replaced.path, what, "expect it; maxUnavailable has no part in it")
    yield from _of_addresses(before, after, pairs, replaced)
    if _replaces_balancer(before, after):
        yield _warning(
            _path_of_balancer(before, after),
            "replaces the load balancer, which gives up a subnet: there is no API for some "
            "minutes, it has another name, and all kubeconfigs are other ones",
            "expect it, and give clients their new kubeconfigs afterwards",
        )


def _warning(path: str, what: str, fix: str) -> Problem:
    return Problem(path, what, fix, Kind.WARNING)


def _replaced(before: Record, after: Record) -> _Replaced:
    """None where there is a VPC of the program's own in one of the two only, or another cluster."""
    other_vpc = _range(before) != _range(after)
    path = _VPC if other_vpc else _ZONES
    own = before.vpc_id is None and after.vpc_id is None
    if not own or not _is_same_cluster(before, after):
        return _Replaced(path=path, before=before, indices=frozenset())
    both = enumerate(zip(before.subnets, after.subnets, strict=False))
    indices = frozenset(index for index, (old, new) in both if other_vpc or old != new)
    return _Replaced(path=path, before=before, indices=indices)


def _is_same_cluster(before: Record, after: Record) -> bool:
    """Whether its resources have the names and the place that they had."""
    places = [(each.name, each.region, each.account_id) for each in (before, after)]
    return places[0] == places[1]


def _move_all_servers(before: Record, after: Record) -> bool:
    """Whether no server of several keeps its address, which is that of its subnet, in one VPC."""
    number = min(before.servers.count, after.servers.count)
    return (
        number > 1
        and after.vpc_id is not None
        and before.vpc_id == after.vpc_id
        and _is_same_cluster(before, after)
        and all(before.subnet_of(each) != after.subnet_of(each) for each in range(number))
    )


def _range(cluster: Record) -> str:
    return str(cluster.node_keys.get(_VPC))


def _is_divided_otherwise(before: Record, after: Record) -> bool:
    """Whether the number of zones gives a subnet another range of the same VPC."""
    both = zip(before.subnets, after.subnets, strict=False)
    return _range(before) == _range(after) and any(old.cidr != new.cidr for old, new in both)


def _of_ranges(before: Record, after: Record) -> Problem:
    old, new = len(before.subnets), len(after.subnets)
    return Problem(
        _ZONES,
        f"divides {_range(after)} for {new} and not for {old}: the other ranges overlap those of "
        "subnets that exist until the end of the update",
        f"keep a list of {old}; or {_ANOTHER_STACK}, where vpcCidr has a /20 for each zone it will "
        "ever have",
        Kind.LIMIT,
    )


def _of_addresses(
    before: Record, after: Record, pairs: Sequence[Pair], replaced: _Replaced
) -> Iterator[Problem]:
    """Elastic IPs, which leave the machines that run when their next ones' interfaces are there."""
    public = all(each.node_keys.get(_PUBLIC) for each in (before, after))
    moved = [
        pair
        for pair in pairs
        if pair.before.subnet != pair.after.subnet and not replaced.has(pair.before.index)
    ]
    if not public or len(moved) < 2 or not _is_same_cluster(before, after):
        return
    lost = "no way to the internet and no SSH"
    if not _is_balanced(after) and any(pair.is_server and pair.after.index == 0 for pair in moved):
        lost += ", and clients have no API"
    yield _warning(
        _ZONES if after.vpc_id is None else _SUBNETS,
        f"moves the public addresses of {len(moved)} machines at once, before the machines: until "
        f"the turn of each there is {lost}",
        "expect it until the last of them is replaced",
    )


def _is_balanced(cluster: Record) -> bool:
    return cluster.servers.keys.get(_ENDPOINT) == "loadBalancer"


def _replaces_balancer(before: Record, after: Record) -> bool:
    """
    The provider adds subnets in place, and replaces a load balancer that loses one.

    https://github.com/hashicorp/terraform-provider-aws/blob/v6.0.0/internal/service/elbv2/load_balancer.go
    """
    if not (_is_balanced(before) and _is_balanced(after) and _is_same_cluster(before, after)):
        return False
    old, new = _of_balancer(before), _of_balancer(after)
    return old != new and len(new) <= len(old)


def _of_balancer(cluster: Record) -> frozenset[PlaceRecord]:
    """The subnets of its servers, of each zone the first (endpoint.load_balancer_subnets)."""
    zones: dict[str, PlaceRecord] = {}
    for index in range(cluster.servers.count):
        subnet = cluster.subnet_of(index)
        zones.setdefault(subnet.zone, subnet)
    return frozenset(zones.values())


def _path_of_balancer(before: Record, after: Record) -> str:
    if before.subnets == after.subnets:
        return "cluster.servers.count"
    return _ZONES if after.vpc_id is None else _SUBNETS

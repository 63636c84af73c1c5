"""The target of a new connection, as a network load balancer chooses it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from localcloud.load_balancers.health import HEALTHY, UNHEALTHY
from localcloud.load_balancers.model import EVERY_ZONE, LoadBalancer, Target, TargetGroup

StateOf = Callable[[Target], str]


def choose(
    balancer: LoadBalancer, group: TargetGroup, state_of: StateOf, drawn: random.Random
) -> tuple[str, Target] | None:
    """
    The private address of the node that forwards, and the target; None where there is none.

    One address stands here for the load balancer's name: it first draws a zone, as DNS does,
    among those with targets that may be used. A node forwards within its zone, or to every zone
    with cross-zone load balancing.
    """
    usable = _usable(balancer, group, state_of)
    if not usable:
        return None
    zones = _zones(balancer, usable)
    zone = drawn.choice(zones)
    crosses = balancer.crosses_zones if group.crosses_zones is None else group.crosses_zones
    near = usable if crosses else [each for each in usable if each.zone in (zone, EVERY_ZONE)]
    return balancer.nodes[zone], drawn.choice(near)


def _usable(balancer: LoadBalancer, group: TargetGroup, state_of: StateOf) -> list[Target]:
    """
    The healthy targets; all of them where every one has failed its checks (fail open).

    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
    """
    enabled = {*balancer.nodes, EVERY_ZONE}
    targets = [each for each in group.targets if each.address and each.zone in enabled]
    healthy = [each for each in targets if state_of(each) == HEALTHY]
    failed_open = any(state_of(each) == UNHEALTHY for each in targets)
    return healthy or (targets if failed_open else [])


def _zones(balancer: LoadBalancer, usable: Sequence[Target]) -> list[str]:
    zones = {each.zone for each in usable}
    return sorted(balancer.nodes if EVERY_ZONE in zones else zones)

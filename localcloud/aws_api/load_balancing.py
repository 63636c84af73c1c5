"""The network load balancers and target groups that moto holds, as plain values."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from localcloud.aws_api import listeners, network_load_balancers, target_groups, targets
from localcloud.aws_api.instances import Ec2Instance
from localcloud.aws_api.moto_state import MotoState
from localcloud.load_balancers.health import Reported
from localcloud.load_balancers.model import (
    Configuration,
    HealthCheck,
    Listener,
    LoadBalancer,
    Target,
    TargetGroup,
    TargetKey,
)


def install() -> None:
    """Makes moto's network load balancers behave as AWS's."""
    network_load_balancers.install()
    listeners.install()
    target_groups.install()
    targets.install()


def follow(reported: Callable[[TargetKey], Reported]) -> None:
    """Makes load balancers and targets wait for the data path: `activate` and the checks."""
    from moto.elbv2.models import FakeLoadBalancer

    targets.follow(reported)
    # moto makes a load balancer active when it is described.
    FakeLoadBalancer.activate = lambda balancer: (
        None if balancer.type == "network" else setattr(balancer, "state", "active")
    )


def activate(state: MotoState, arn: str) -> None:
    """The load balancer listens."""
    balancer = _backend(state).load_balancers.get(arn)
    if balancer is not None:
        balancer.state = "active"


def status(state: MotoState) -> list[dict[str, Any]]:
    """Each network load balancer with its address, and its targets with their health."""
    backend = _backend(state)
    return [
        {
            "name": each.name,
            "address": each.dns_name,
            "state": each.state,
            "targets": {
                f"{found.instance_id}:{found.port}": found.status
                for group in list(backend.target_groups.values())
                if each.arn in group.load_balancer_arns
                for found in backend.describe_target_health(group.arn, [])
            },
        }
        for each in list(backend.load_balancers.values())
        if network_load_balancers.is_network(each)
    ]


def configuration(state: MotoState) -> Configuration:
    """All load balancers of type network, and the target groups that they use."""
    backend = _backend(state)
    balancers = {
        each.arn: _balancer(state, each)
        for each in list(backend.load_balancers.values())
        if network_load_balancers.is_network(each)
    }
    instances = state.instances() if balancers else []
    groups = {
        each.arn: _group(state, each, balancers, instances)
        for each in list(backend.target_groups.values())
        if each.protocol == "TCP" and set(each.load_balancer_arns) & balancers.keys()
    }
    return Configuration(balancers=balancers, groups=groups)


def _backend(state: MotoState) -> Any:
    return state.backend("elbv2", state.region)


def _balancer(state: MotoState, balancer: Any) -> LoadBalancer:
    groups = balancer.security_groups
    return LoadBalancer(
        arn=balancer.arn,
        name=balancer.name,
        public_address=balancer.public_address,
        nodes={
            each.subnet.availability_zone: each.private_ip_address for each in balancer.interfaces
        },
        rules=tuple(state.admitted(groups, None)) if groups else None,
        crosses_zones=balancer.attrs[target_groups.CROSS_ZONE] == "true",
        listeners=tuple(
            Listener(
                arn=each.arn,
                port=int(each.port),
                group=forwarded[0],
                idle_seconds=float(each.attributes[listeners.IDLE]),
            )
            for each in list(balancer.listeners.values())
            if (forwarded := listeners.target_groups_of(each))
        ),
    )


def _group(
    state: MotoState,
    group: Any,
    balancers: Mapping[str, LoadBalancer],
    instances: list[Ec2Instance],
) -> TargetGroup:
    now, draining = time.monotonic(), dict(targets.draining(group))
    (balancer,) = (balancers[each] for each in group.load_balancer_arns[:1])
    crosses = group.attributes[target_groups.CROSS_ZONE]
    return TargetGroup(
        arn=group.arn,
        check=_check(group),
        targets=tuple(
            _target(state, group, each, balancer, instances)
            for each in list(group.targets.values())
        ),
        draining=frozenset(key for key, until in draining.items() if until > now),
        drained=frozenset(key for key, until in draining.items() if until <= now),
        crosses_zones=crosses == "true" if crosses in ("true", "false") else None,
        preserves_client=group.attributes[target_groups.PRESERVES] == "true",
        ends_connections_of_unhealthy=group.attributes[target_groups.ENDS_UNHEALTHY] == "true",
        ends_connections_of_drained=group.attributes[target_groups.ENDS_DRAINED] == "true",
    )


def _check(group: Any) -> HealthCheck:
    matcher = (getattr(group, "matcher", None) or {}).get("HttpCode") or "200-399"
    port = group.health_check_port
    return HealthCheck(
        protocol=group.health_check_protocol,
        port=None if port == "traffic-port" else int(port),
        path=group.health_check_path or "/",
        codes=tuple(_range(each) for each in matcher.split(",")),
        interval_seconds=float(group.health_check_interval_seconds),
        timeout_seconds=float(group.health_check_timeout_seconds),
        healthy_threshold=int(group.healthy_threshold_count),
        unhealthy_threshold=int(group.unhealthy_threshold_count),
    )


def _range(codes: str) -> tuple[int, int]:
    first, _, last = codes.partition("-")
    return int(first), int(last or first)


def _target(
    state: MotoState,
    group: Any,
    target: Mapping[str, Any],
    balancer: LoadBalancer,
    instances: list[Ec2Instance],
) -> Target:
    by_address = group.target_type == "ip"
    named = [each for each in instances if target["Id"] in (each.instance_id, each.private_ip)]
    running = [each.private_ip for each in named if each.state == "running"]
    address = target["Id"] if by_address else next(iter(running), None)
    nodes = {f"{each}/32" for each in balancer.nodes.values()}
    return Target(
        id=target["Id"],
        port=target["Port"],
        address=address,
        zone=target["AvailabilityZone"],
        # Of no effect, and not cheap, where the client's address is not preserved.
        admits_balancer=group.attributes[target_groups.PRESERVES] == "true"
        and balancer.rules is not None
        and any(rule.source in nodes for each in named for rule in state.ingress(each)),
    )

"""A network load balancer, its listeners and its target groups, as plain values."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass

from localcloud.machines import Ingress

EVERY_ZONE = "all"
"""The zone of a target outside the VPC."""

TargetKey = tuple[str, str, int]
"""A target's group (ARN), its id and its port."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """How the targets of a group are checked; `port` is None for the target's own."""

    protocol: str
    port: int | None
    path: str
    codes: tuple[tuple[int, int], ...]
    interval_seconds: float
    timeout_seconds: float
    healthy_threshold: int
    unhealthy_threshold: int

    def accepts(self, code: int) -> bool:
        """Whether the status code of an HTTP response is one of the matcher's."""
        return any(first <= code <= last for first, last in self.codes)


@dataclass(frozen=True, kw_only=True)
class Target:
    """A registered target of a group. `address` is None where its instance does not run."""

    id: str
    port: int
    address: str | None
    zone: str
    admits_balancer: bool
    """Where clients are preserved: whether its security groups name one of the load balancer's."""


@dataclass(frozen=True, kw_only=True)
class TargetGroup:
    """A target group; `drained` are those that were deregistered and whose delay has passed."""

    arn: str
    check: HealthCheck
    targets: tuple[Target, ...]
    draining: frozenset[tuple[str, int]]
    drained: frozenset[tuple[str, int]]
    crosses_zones: bool | None
    """None where the load balancer decides."""
    preserves_client: bool
    ends_connections_of_unhealthy: bool
    ends_connections_of_drained: bool


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A TCP listener that forwards to one target group."""

    arn: str
    port: int
    group: str
    idle_seconds: float


@dataclass(frozen=True, kw_only=True)
class LoadBalancer:
    """A network load balancer; `nodes` are the private addresses of its nodes by zone."""

    arn: str
    name: str
    public_address: str | None
    nodes: Mapping[str, str]
    rules: tuple[Ingress, ...] | None
    """What its security groups admit; None where it has none, and admits everybody."""
    crosses_zones: bool
    listeners: tuple[Listener, ...]

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens."""
        public = (self.public_address,) if self.public_address else ()
        return (*public, *self.nodes.values())

    def admits(self, client: str, port: int) -> bool:
        """Whether its security groups let a client connect to a port."""
        return self.rules is None or any(_allows(rule, client, port) for rule in self.rules)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All load balancers and target groups of a cloud."""

    balancers: Mapping[str, LoadBalancer]
    groups: Mapping[str, TargetGroup]


def _allows(rule: Ingress, client: str, port: int) -> bool:
    if ipaddress.ip_address(client) not in ipaddress.ip_network(rule.source, strict=False):
        return False
    if rule.protocol == "-1":
        return True
    ports = rule.protocol == "tcp" and rule.from_port is not None and rule.to_port is not None
    return ports and int(rule.from_port or 0) <= port <= int(rule.to_port or 0)

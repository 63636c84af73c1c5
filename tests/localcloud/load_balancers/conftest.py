"""Load balancers on a network of this process, with checks that follow each other at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from localcloud.load_balancers.health import HealthTable
from localcloud.load_balancers.model import (
    Configuration,
    HealthCheck,
    Listener,
    LoadBalancer,
    Target,
    TargetGroup,
)
from localcloud.load_balancers.service import LoadBalancers
from tests.localcloud import waiting
from tests.localcloud.load_balancers.loopback_network import LoopbackNetwork

until = partial(
    waiting.until, what="it did not come to be", deadline_seconds=10.0, pause_seconds=0.005
)
PUBLIC, PORT = "127.7.7.7", 6443
NODES = {"a": "10.1.0.9", "b": "10.1.1.9"}
CHECK = HealthCheck(
    protocol="TCP",
    port=None,
    path="/",
    codes=((200, 399),),
    interval_seconds=0.02,
    timeout_seconds=1.0,
    healthy_threshold=2,
    unhealthy_threshold=2,
)
BALANCER = LoadBalancer(
    arn="balancer",
    name="api",
    public_address=PUBLIC,
    nodes=NODES,
    rules=None,
    crosses_zones=False,
    listeners=(Listener(arn="listener", port=PORT, group="group", idle_seconds=350.0),),
)
GROUP = TargetGroup(
    arn="group",
    check=CHECK,
    targets=(),
    draining=frozenset(),
    drained=frozenset(),
    crosses_zones=None,
    preserves_client=False,
    ends_connections_of_unhealthy=True,
    ends_connections_of_drained=False,
)


def target(id_: str, zone: str = "a", **more: Any) -> Target:
    """A target on port 6443, by its address."""
    given = {"id": id_, "port": PORT, "address": id_, "admits_balancer": False}
    return Target(**{**given, "zone": zone, **more})


@dataclass
class Running:
    """One load balancer with one group; `change` changes both while it runs."""

    network: LoopbackNetwork
    balancer: LoadBalancer = BALANCER
    group: TargetGroup = GROUP
    health: HealthTable = field(default_factory=HealthTable)
    active: set[str] = field(default_factory=set)
    gone: bool = False

    def __post_init__(self) -> None:
        self.service = LoadBalancers(self._read, self.network, self.health, self.active.add)

    def change(self, **group: Any) -> None:
        self.group = replace(self.group, **group)
        self.service.wake()

    def change_balancer(self, **balancer: Any) -> None:
        self.balancer = replace(self.balancer, **balancer)
        self.service.wake()

    def delete(self) -> None:
        self.gone = True
        self.service.wake()

    def state(self, id_: str) -> str:
        return self.health.reported(("group", id_, PORT))[0]

    def becomes(self, id_: str, state: str) -> None:
        until(lambda: self.state(id_) == state)

    def serve(self, *targets: Target) -> None:
        """Starts the targets, each named after its address, and waits until they are healthy."""
        for each in targets:
            self.network.serve(str(each.address), each.port, str(each.address))
        self.change(targets=targets)
        for each in targets:
            self.becomes(each.id, "healthy")

    def names(self, count: int = 40) -> set[str | None]:
        """Who answers new connections."""
        return {self.network.name_behind(PUBLIC, PORT) for _ in range(count)}

    def _read(self) -> Configuration:
        if self.gone:
            return Configuration(balancers={}, groups={})
        return Configuration(
            balancers={self.balancer.arn: self.balancer}, groups={self.group.arn: self.group}
        )


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running(LoopbackNetwork())
    made.service.run()
    until(lambda: made.active)
    yield made
    made.service.end()
    made.network.close()

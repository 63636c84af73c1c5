"""The tasks that check the targets, one for each, for as long as its group is in use."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from localcloud.load_balancers.checks import Node, passes
from localcloud.load_balancers.health import UNHEALTHY, HealthTable
from localcloud.load_balancers.model import (
    EVERY_ZONE,
    Configuration,
    LoadBalancer,
    Target,
    TargetGroup,
    TargetKey,
)
from localcloud.load_balancers.network import Network

log = logging.getLogger("localcloud.load_balancers")

OnUnhealthy = Callable[[TargetKey], None]
# A target with another address is another one: an instance that was replaced.
Checked = tuple[TargetKey, str | None]


class Checkers:
    """Starts and ends checks; everything here runs in one event loop."""

    def __init__(self, network: Network, health: HealthTable, on_unhealthy: OnUnhealthy) -> None:
        self._network, self._health, self._on_unhealthy = network, health, on_unhealthy
        self._configuration = Configuration(balancers={}, groups={})
        self._tasks: dict[Checked, asyncio.Task[None]] = {}

    def apply(self, wanted: Configuration) -> None:
        """Checks the targets that a listener of the configuration may send connections to."""
        self._configuration = wanted
        due = {
            ((group.arn, target.id, target.port), target.address): (balancer.arn, port, target)
            for balancer, port, group in _in_use(wanted)
            for target in group.targets
            if target.address and target.zone in {*balancer.nodes, EVERY_ZONE}
        }
        for gone in self._tasks.keys() - due.keys():
            self._tasks.pop(gone).cancel()
        self._health.keep(key for key, _ in self._tasks)
        for checked in due.keys() - self._tasks.keys():
            self._health.begin(checked[0])
            checking = self._check(checked[0], *due[checked])
            self._tasks[checked] = asyncio.create_task(checking)

    def end(self) -> None:
        """Ends every check."""
        for task in self._tasks.values():
            task.cancel()

    async def _check(self, key: TargetKey, arn: str, port: int, target: Target) -> None:
        loop, health = asyncio.get_running_loop(), self._health.entry(key)
        while True:
            began = loop.time()
            balancer = self._configuration.balancers.get(arn)
            group = self._configuration.groups.get(key[0])
            if balancer is None or group is None:
                return
            address = balancer.nodes.get(target.zone) or next(iter(balancer.nodes.values()))
            passed = await self._passes(group, target, Node(address, port))
            if health.record(passed, group.check) and health.state == UNHEALTHY:
                self._on_unhealthy(key)
            await asyncio.sleep(max(0.0, began + group.check.interval_seconds - loop.time()))

    async def _passes(self, group: TargetGroup, target: Target, node: Node) -> bool:
        try:
            return await passes(self._network, group.check, target, node)
        except Exception:
            # Else nobody would check this target any more.
            log.exception("the check of %s:%d failed", target.id, target.port)
            return False


def _in_use(wanted: Configuration) -> list[tuple[LoadBalancer, int, TargetGroup]]:
    return [
        (balancer, listener.port, wanted.groups[listener.group])
        for balancer in wanted.balancers.values()
        for listener in balancer.listeners
        if listener.group in wanted.groups
    ]

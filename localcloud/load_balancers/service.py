"""The load balancers of a cloud: a thread that makes sockets and checks follow the API."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from collections.abc import Callable

from localcloud.load_balancers.checkers import Checkers
from localcloud.load_balancers.frontends import Frontends
from localcloud.load_balancers.health import HEALTHY, HealthTable
from localcloud.load_balancers.model import Configuration, TargetKey
from localcloud.load_balancers.network import Network

log = logging.getLogger("localcloud.load_balancers")

# What nobody announces is found at the next round: a machine that ended, a delay that passed.
ROUND_SECONDS = 1.0
END_SECONDS = 10.0


class LoadBalancers:
    """
    One thread with an event loop; `wake` it after each change of the API.

    `read` gives what there should be, `on_active` is called for each load balancer (ARN) that
    listens.
    """

    def __init__(
        self,
        read: Callable[[], Configuration],
        network: Network,
        health: HealthTable,
        on_active: Callable[[str], None],
    ) -> None:
        self._read, self._network, self._on_active = read, network, on_active
        self._health = health
        self._configuration = Configuration(balancers={}, groups={})
        self._assigned: set[str] = set()
        self._frontends = Frontends(network, health, random.Random())  # noqa: S311 - no secret
        self._checkers = Checkers(network, health, self._became_unhealthy)
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="load balancers", daemon=True)

    def run(self) -> None:
        """Starts following."""
        self._thread.start()

    def wake(self) -> None:
        """Starts a round: the API's state may have changed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._changed.set)

    def end(self) -> None:
        """Ends every listener, check and connection."""
        self._ended = True
        self.wake()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._follow())

    async def _follow(self) -> None:
        while not self._ended:
            try:
                await self._round()
            except Exception:
                log.exception("a round of the load balancers failed")
            try:
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._changed.wait()
            except TimeoutError:
                pass
            self._changed.clear()
        self._checkers.end()
        await self._frontends.end()
        await self._assign(Configuration(balancers={}, groups={}))

    async def _round(self) -> None:
        wanted = await asyncio.to_thread(self._read)
        self._configuration = wanted
        await self._assign(wanted)
        for arn in await self._frontends.apply(wanted):
            self._on_active(arn)
        self._checkers.apply(wanted)
        self._frontends.reset_targets(
            (group.arn, *each)
            for group in wanted.groups.values()
            if group.ends_connections_of_drained
            for each in group.drained
        )
        self._frontends.reset_idle()

    async def _assign(self, wanted: Configuration) -> None:
        """Gives this host the private addresses of the nodes."""
        addresses = {
            each for balancer in wanted.balancers.values() for each in balancer.nodes.values()
        }
        if addresses != self._assigned:
            await asyncio.to_thread(self._network.assign, addresses)
            self._assigned = addresses

    def _became_unhealthy(self, key: TargetKey) -> None:
        """
        Ends the connections to a target, except where the load balancer fails open.

        https://docs.aws.amazon.com/elasticloadbalancing/latest/network/target-group-health-checks.html
        """
        group = self._configuration.groups.get(key[0])
        log.info("%s: target %s:%d is unhealthy", *key)
        if group is None or not group.ends_connections_of_unhealthy:
            return
        others = ((group.arn, each.id, each.port) for each in group.targets)
        if any(self._health.state(each) == HEALTHY for each in others):
            self._frontends.reset_targets([key])

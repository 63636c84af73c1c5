"""The listening sockets of the load balancers, and the connections that they forward."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Callable, Collection, Iterable

from localcloud.errors import MachineError
from localcloud.load_balancers.flows import Flow, reset
from localcloud.load_balancers.health import HealthTable
from localcloud.load_balancers.model import (
    Configuration,
    Listener,
    LoadBalancer,
    Target,
    TargetGroup,
    TargetKey,
)
from localcloud.load_balancers.network import Network
from localcloud.load_balancers.routing import choose

log = logging.getLogger("localcloud.load_balancers")

CONNECT_SECONDS = 10.0
OUTSIDE = "127.0.0.1"
"""The client where a connection comes from this host, whichever of its addresses it has."""

Place = tuple[str, str, int]
"""A listener's ARN, an address and a port."""


class Frontends:
    """Sockets and connections; everything here runs in one event loop."""

    def __init__(self, network: Network, health: HealthTable, drawn: random.Random) -> None:
        self._network, self._health, self._drawn = network, health, drawn
        self._configuration = Configuration(balancers={}, groups={})
        self._servers: dict[Place, asyncio.Server] = {}
        self._flows: set[Flow] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def apply(self, wanted: Configuration) -> set[str]:
        """
        Opens and closes sockets until they are the wanted ones.

        Gives the load balancers (ARNs) that listen at all their addresses.
        """
        self._configuration = wanted
        places = {
            (listener.arn, address, listener.port): balancer.arn
            for balancer in wanted.balancers.values()
            for listener in balancer.listeners
            for address in balancer.addresses
        }
        await self._close(self._servers.keys() - places.keys())
        self.reset(lambda flow: flow.listener not in {arn for arn, _, _ in places})
        waiting = {places[each] for each in places if not await self._open(each)}
        return wanted.balancers.keys() - waiting

    async def end(self) -> None:
        """Closes every socket and connection; nothing else may go on in the loop."""
        await self._close(set(self._servers))
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(others)

    async def _close(self, places: Collection[Place]) -> None:
        """
        Closes listening sockets.

        Each stops accepting first: a connection that asyncio has accepted, and not yet given to its
        server when that closes, would never be closed (Python 3.11: Server._attach).
        """
        closing = [self._servers.pop(place) for place in places]
        for server in closing:
            for listener in server.sockets:
                asyncio.get_running_loop().remove_reader(listener.fileno())
        await asyncio.sleep(0)
        for server in closing:
            server.close()

    def reset(self, ends: Callable[[Flow], bool]) -> None:
        """Ends the connections for which this holds."""
        for flow in [each for each in self._flows if ends(each)]:
            flow.reset()

    def reset_targets(self, keys: Iterable[TargetKey]) -> None:
        """Ends the connections to these targets."""
        gone = set(keys)
        self.reset(lambda flow: flow.target in gone)

    def reset_idle(self) -> None:
        """Ends the connections on which nothing was sent for longer than their listener allows."""
        now = asyncio.get_running_loop().time()
        limits = {
            listener.arn: listener.idle_seconds
            for balancer in self._configuration.balancers.values()
            for listener in balancer.listeners
        }
        self.reset(lambda flow: now - flow.active_at > limits.get(flow.listener, 0.0))

    async def _open(self, place: Place) -> bool:
        listener, address, port = place
        if place in self._servers:
            return True
        try:
            opened = await asyncio.to_thread(self._network.listen, address, port)
        except MachineError as error:
            log.warning("%s: %s", listener, error)
            return False

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.create_task(self._accept(listener, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            # Also where it was cancelled before its first step.
            task.add_done_callback(lambda _: writer.transport.abort())

        self._servers[place] = await asyncio.start_server(accept, sock=opened)
        log.info("%s: listening on %s:%d", listener, address, port)
        return True

    async def _accept(
        self, arn: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        chosen = self._choose(arn, self._client(writer))
        if chosen is None:
            reset(writer)
            return
        group, source, target = chosen
        clock = asyncio.get_running_loop().time
        flow = Flow(arn, (group.arn, target.id, target.port), writer, clock)
        self._flows.add(flow)
        try:
            await self._forward(flow, reader, target, source)
            await flow.close()
        except* OSError as errors:
            log.debug("%s: %s", target.id, errors.exceptions)
        finally:
            flow.reset()
            self._flows.discard(flow)

    async def _forward(
        self, flow: Flow, reader: asyncio.StreamReader, target: Target, source: str | None
    ) -> None:
        async with asyncio.timeout(CONNECT_SECONDS):
            upstream, sink = await self._network.connect(str(target.address), target.port, source)
        flow.upstream = sink
        await flow.forward(reader, upstream, sink)

    def _choose(self, arn: str, client: str) -> tuple[TargetGroup, str | None, Target] | None:
        """The target of a new connection and the address it comes from; None to refuse it."""
        found = self._listener(arn)
        if found is None or not found[0].admits(client, found[1].port):
            return None
        balancer, listener = found
        group = self._configuration.groups.get(listener.group)
        if group is None:
            return None
        chosen = choose(
            balancer,
            group,
            lambda each: self._health.state((group.arn, each.id, each.port)),
            self._drawn,
        )
        return (group, _source(group, *chosen, client), chosen[1]) if chosen else None

    def _listener(self, arn: str) -> tuple[LoadBalancer, Listener] | None:
        for balancer in self._configuration.balancers.values():
            for listener in balancer.listeners:
                if listener.arn == arn:
                    return balancer, listener
        return None

    def _client(self, writer: asyncio.StreamWriter) -> str:
        """The client's address; this host is the outside under each of its addresses."""
        address, ours = writer.get_extra_info("peername")[0], writer.get_extra_info("sockname")[0]
        outside = ipaddress.ip_address(address).is_loopback or address == ours
        return OUTSIDE if outside else str(address)


def _source(group: TargetGroup, node: str, target: Target, client: str) -> str | None:
    """
    The address from which the target is reached; None for that of the machine's gateway.

    The node's own, or the client's where it is preserved. Then a security group of the target
    has to admit the client, or to name one of the load balancer's:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-security-groups.html
    """
    if group.preserves_client and client == OUTSIDE and not target.admits_balancer:
        return None
    return node

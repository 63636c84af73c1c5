"""What a load balancer does on the network of this host: addresses, listeners, connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from typing import Protocol

from localcloud.machines.host import Host

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Network(Protocol):
    """The network as the load balancers use it."""

    def assign(self, addresses: Collection[str]) -> None:
        """Gives this host exactly these private addresses. Raises MachineError."""

    def listen(self, address: str, port: int) -> socket.socket:
        """A listening socket. Raises MachineError."""
        ...

    async def connect(self, address: str, port: int, source: str | None) -> Streams:
        """A connection from a private address of this host, or its gateway's. Raises OSError."""
        ...


class HostNetwork:
    """The network of this host, whose machines are reached through their Docker networks."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def assign(self, addresses: Collection[str]) -> None:
        self._host.assign(addresses)

    def listen(self, address: str, port: int) -> socket.socket:
        return self._host.listen_here(address, port)

    async def connect(self, address: str, port: int, source: str | None) -> Streams:
        local = (source, 0) if source else None
        return await asyncio.open_connection(address, port, local_addr=local)

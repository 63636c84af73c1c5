"""What a load balancer does on the network of this host: addresses, listeners, connections."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection
from typing import Protocol

from localcloud.machines import host_addresses

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

    def __init__(self, cloud_id: str) -> None:
        self._cloud_id = cloud_id

    def assign(self, addresses: Collection[str]) -> None:
        host_addresses.assign(self._cloud_id, addresses)

    def listen(self, address: str, port: int) -> socket.socket:
        return host_addresses.listen(address, port)

    async def connect(self, address: str, port: int, source: str | None) -> Streams:
        local = (source, 0) if source else None
        return await asyncio.open_connection(address, port, local_addr=local)

"""Connections through a load balancer: bytes passed on in both directions, and their end."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from localcloud.load_balancers.model import TargetKey

CHUNK_BYTES = 64 * 1024
# Closed with a reset instead of an orderly end: what the client sent may not have arrived.
RESET = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Flow:
    """One connection of a client, forwarded to a target."""

    listener: str
    target: TargetKey
    client: asyncio.StreamWriter
    clock: Callable[[], float]
    upstream: asyncio.StreamWriter | None = None
    active_at: float = field(init=False)

    def __post_init__(self) -> None:
        self.active_at = self.clock()

    async def forward(
        self,
        client: asyncio.StreamReader,
        upstream: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
    ) -> None:
        """Passes bytes on until both sides have ended. Raises OSError in an exception group."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._pass(client, sink))
            both.create_task(self._pass(upstream, self.client))

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(CHUNK_BYTES):
            self.active_at = self.clock()
            sink.write(chunk)
            await sink.drain()
        with suppress(OSError):
            sink.write_eof()

    async def close(self) -> None:
        """Ends both connections once everything has been sent. Raises OSError."""
        for writer in filter(None, (self.client, self.upstream)):
            writer.close()
            await writer.wait_closed()

    def reset(self) -> None:
        """Ends both connections with a reset."""
        for writer in filter(None, (self.client, self.upstream)):
            reset(writer)


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with a reset."""
    found = writer.get_extra_info("socket")
    with suppress(OSError):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()

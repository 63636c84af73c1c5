"""A network for load balancers whose addresses all lead to sockets of this process."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from localcloud.load_balancers.network import Streams

Place = tuple[str, int]


class Server:
    """A TCP server that sends its name to whoever connects, and then what it receives."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._listener = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._echo, args=[connection], daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.sendall(self.name.encode())
            while received := connection.recv(4096):
                connection.sendall(received)


@dataclass
class LoopbackNetwork:
    """Where each server of a target stands, what listens, and from where targets were reached."""

    servers: dict[Place, int] = field(default_factory=dict)
    sources: list[tuple[Place, str | None]] = field(default_factory=list)
    assigned: set[str] = field(default_factory=set)
    listening: dict[Place, socket.socket] = field(default_factory=dict)
    _made: list[Server] = field(default_factory=list)

    def assign(self, addresses: Collection[str]) -> None:
        self.assigned = set(addresses)

    def listen(self, address: str, port: int) -> socket.socket:
        listener = socket.create_server(("127.0.0.1", 0))
        self.listening[address, port] = listener
        return listener

    async def connect(self, address: str, port: int, source: str | None) -> Streams:
        self.sources.append(((address, port), source))
        if (address, port) not in self.servers:
            raise ConnectionRefusedError(f"{address}:{port}")
        return await asyncio.open_connection("127.0.0.1", self.servers[address, port])

    def serve(self, address: str, port: int, name: str) -> None:
        """Lets a server answer under an address."""
        server = Server(name)
        self._made.append(server)
        self.servers[address, port] = server.port

    def fail(self, address: str, port: int) -> None:
        """Refuses new connections to an address; those that exist stay."""
        self.servers.pop((address, port))

    def dial(self, address: str, port: int) -> socket.socket:
        """A client's connection to a listener."""
        listener = self.listening[address, port]
        return socket.create_connection(listener.getsockname(), timeout=10)

    def name_behind(self, address: str, port: int) -> str | None:
        """The server that answers there; None where the connection is refused or reset."""
        try:
            with self.dial(address, port) as client:
                return client.recv(64).decode() or None
        except OSError:
            return None

    def close(self) -> None:
        for server in self._made:
            server.close()

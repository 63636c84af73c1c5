"""A socket that receives only so much: paramiko keeps whatever a machine sends."""

from __future__ import annotations

import errno
import socket
from typing import Any, Final

# paramiko asks for as many bytes as a packet claims to have, and Python allocates them first.
_BLOCK: Final = 64 * 1024


class LimitedSocket:
    """A connected socket, as paramiko uses one. Raises ConnectionAbortedError over the limit."""

    def __init__(self, connected: socket.socket, limit: int) -> None:
        self._connected = connected
        self._left = limit
        self.exceeded = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def allow(self, limit: int) -> None:
        """From now on so many bytes may be received."""
        self._left = limit

    def recv(self, size: int) -> bytes:
        """Receives as a socket does, within the limit."""
        if self._left <= 0:
            self.exceeded = True
            # With a number: paramiko formats it.
            raise ConnectionAbortedError(errno.ECONNABORTED, "more is sent than was asked for")
        received = self._connected.recv(min(size, self._left, _BLOCK))
        self._left -= len(received)
        return received

"""Messages over a Unix socket, each with the file descriptors that belong to it."""

from __future__ import annotations

import json
import socket
from typing import Any

_HEAD_BYTES = 4
_MOST_DESCRIPTORS = 1


def send(connection: socket.socket, content: dict[str, Any], *descriptors: int) -> None:
    """Sends one message. Raises OSError."""
    body = json.dumps(content).encode()
    # Linux needs at least one byte beside descriptors; the head is never empty.
    socket.send_fds(connection, [len(body).to_bytes(_HEAD_BYTES, "big")], descriptors)
    connection.sendall(body)


def receive(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """The next message with its descriptors. Raises OSError, also where there is no other side."""
    head, descriptors, _, _ = socket.recv_fds(connection, _HEAD_BYTES, _MOST_DESCRIPTORS)
    head += _exactly(connection, _HEAD_BYTES - len(head)) if head else b""
    if not head:
        raise ConnectionResetError("the other side has ended")
    content: dict[str, Any] = json.loads(_exactly(connection, int.from_bytes(head, "big")))
    return content, list(descriptors)


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        part = connection.recv(count - len(received))
        if not part:
            raise ConnectionResetError("the other side has ended within a message")
        received += part
    return bytes(received)

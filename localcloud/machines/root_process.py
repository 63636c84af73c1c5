"""
The process in the container with root's rights: runs commands and opens sockets for its client.

`python -m localcloud.machines.root_process SOCKET`, started by root_container.py. It ends with the
connection, and so with the process that started it.
"""

from __future__ import annotations

import argparse
import socket
import sys
from contextlib import suppress
from typing import Any

from localcloud.errors import MachineError
from localcloud.machines import commands, messages, sockets


def serve(connection: socket.socket) -> None:
    """Answers until the other side has ended."""
    with suppress(ConnectionError):
        while True:
            request, _ = messages.receive(connection)
            try:
                reply, opened = answer(request)
            except MachineError as error:
                reply, opened = {"error": str(error)}, None
            if opened is None:
                messages.send(connection, reply)
                continue
            # The other side has a descriptor of its own then.
            with opened:
                messages.send(connection, reply, opened.fileno())


def answer(request: dict[str, Any]) -> tuple[dict[str, Any], socket.socket | None]:
    """The reply to one request, and the socket that goes with it. Raises MachineError."""
    if request["do"] == "listen":
        return {}, sockets.open_in(request["pid"], request["address"], request["port"])
    output = commands.execute(request["words"], stdin=request["stdin"], seconds=request["seconds"])
    return {"output": output}, None


def main(words: list[str]) -> int:
    """Connects to the client and serves it."""
    parser = argparse.ArgumentParser(
        prog="python -m localcloud.machines.root_process", description=__doc__
    )
    parser.add_argument("socket", help="the Unix socket on which the client waits")
    address = parser.parse_args(words).socket
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(address)
        serve(connection)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

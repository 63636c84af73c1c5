"""Listening sockets inside a machine's network namespace, served from the host."""

from __future__ import annotations

import ctypes
import os
import socket
import threading
from pathlib import Path

from localcloud.errors import MachineError
from localcloud.machines import commands
from localcloud.machines.commands import inside

CLONE_NEWNET = 0x40000000


def listen(pid: int, address: str, port: int) -> socket.socket:
    """
    A TCP socket that listens on address and port in the namespace of the process.

    The address is added to the namespace's loopback interface; nobody outside can reach it.
    """
    if address not in inside(pid, ["ip", "-o", "addr", "show", "dev", "lo"]):
        inside(pid, ["ip", "addr", "add", f"{address}/32", "dev", "lo"])
    if commands.is_root():
        return open_in(pid, address, port)
    from localcloud.machines import root_container

    return root_container.get().listen(pid, address, port)


def open_in(pid: int, address: str, port: int) -> socket.socket:
    """The socket itself, opened with the rights of this process. Raises MachineError."""
    made: list[socket.socket | OSError] = []
    # A socket stays in the namespace it was made in; the thread that entered it does not come back.
    maker = threading.Thread(target=lambda: made.append(_listen_in(pid, address, port)))
    maker.start()
    maker.join()
    result = made[0]
    if isinstance(result, OSError):
        raise MachineError(f"no socket on {address}:{port} in the namespace of {pid}: {result}")
    return result


def _listen_in(pid: int, address: str, port: int) -> socket.socket | OSError:
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        namespace = os.open(Path(f"/proc/{pid}/ns/net"), os.O_RDONLY)
        try:
            if libc.setns(namespace, CLONE_NEWNET) != 0:
                return OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        finally:
            os.close(namespace)
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(64)
        return listener
    except OSError as error:
        return error

"""
Private addresses that this host itself has: those of the load balancers' nodes.

They are on the loopback interface, under a label with the cloud's id. A machine reaches them as
any other address of its VPC: Linux responds to ARP for every address it has, on every bridge.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection

from localcloud.errors import MachineError
from localcloud.machines import commands
from localcloud.machines.commands import run

BACKLOG = 128


def label(cloud_id: str) -> str:
    """The label of this cloud's addresses; the kernel allows 15 characters."""
    return f"lo:{cloud_id}"


def assign(cloud_id: str, addresses: Collection[str]) -> None:
    """Gives this host exactly these addresses of the cloud. Raises MachineError."""
    present = _present(cloud_id)
    for gone in present - set(addresses):
        run(["ip", "address", "del", f"{gone}/32", "dev", "lo"])
    for new in set(addresses) - present:
        run(["ip", "address", "add", f"{new}/32", "dev", "lo", "label", label(cloud_id)])


def withdraw(cloud_id: str) -> list[str]:
    """Removes the addresses of this cloud; gives what it removed."""
    present = sorted(_present(cloud_id))
    assign(cloud_id, [])
    return [f"address {each}" for each in present]


def listen(address: str, port: int) -> socket.socket:
    """A socket that listens on an address of this host. Raises MachineError."""
    try:
        return socket.create_server((address, port), backlog=BACKLOG)
    except PermissionError:
        if commands.is_root():
            raise MachineError(f"no socket on {address}:{port}: not permitted") from None
    except OSError as error:
        raise MachineError(f"no socket on {address}:{port}: {error}") from None
    from localcloud.machines import root_container

    # A port below 1024.
    return root_container.get().listen(os.getpid(), address, port)


def _present(cloud_id: str) -> set[str]:
    found = run(["ip", "-o", "-4", "address", "show", "dev", "lo", "label", label(cloud_id)])
    # 1: lo    inet 10.64.0.9/32 scope global lo:0badcafe ...
    return {line.split()[3].partition("/")[0] for line in found.splitlines()}

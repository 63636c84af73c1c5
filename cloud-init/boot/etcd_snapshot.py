"""A snapshot of embedded etcd, made by the k3s that runs."""

from __future__ import annotations

from boot import k3s
from boot.machine import Machine
from boot.waiting import BootError


def save(machine: Machine, name: str, kept: int) -> None:
    """Saves one in k3s's own folder, and keeps so many of this name; BootError where it cannot."""
    # k3s writes its errors to where the result of a command does not have them.
    shell = ["sh", "-c", 'exec "$@" 2>&1', "sh", str(machine.path(k3s.BINARY)), "etcd-snapshot"]
    code, output = machine.environment.run([*shell, "save", "--name", name])
    if code != 0:
        cause = output.strip()[-300:]
        raise BootError(f"k3s made no snapshot of etcd, it ended with {code}: {cause}")
    prune = ["prune", "--name", name, "--snapshot-retention", str(kept)]
    machine.environment.run([*shell, *prune])
